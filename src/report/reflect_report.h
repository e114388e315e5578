/* SPDX-License-Identifier: BSD-2-Clause */
/* The document of `reflect`, and its printing. */
#pragma once

#include <stdio.h>

#include "report/reflect_result.h"
#include "report/report.h"

struct ws_reflect_report {
	const char *version;
	int argc;
	char **argv;
	char started[40];
	struct ws_host_facts host;
	struct ws_endpoint end;
	bool has_end; /* false: routed sockets without an interface */
	bool lab;
	bool receive_only;
	const char *io;
	uint16_t port, ptp_port; /* the latter of probes in PTP messages; 0: none */
	uint64_t max_pps;	 /* 0: no limit */
	uint64_t rx_buffer;
	char rights[200]; /* with which it ran, a clause; empty: unknown */
	struct ws_clock_facts clock;
	struct ws_packets_facts packets;
	struct ws_warnings warnings;
	struct ws_reflect_result result;
};

/* 0, -EIO, -ENOMEM each. */
int ws_reflect_json(FILE *out, const struct ws_reflect_report *r);
int ws_reflect_text(
	FILE *out, const struct ws_reflect_report *r, const struct ws_text_style *style);
