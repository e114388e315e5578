/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file of packets holds. */
#pragma once

#include <stdio.h>

#include "report/result.h"

struct ws_read_report {
	const char *version;
	int argc;
	char **argv;
	char started[40];
	struct ws_host_facts host;
	const char *path, *filter; /* filter NULL: none */
	uint16_t linktype;
	uint64_t packets, bytes, truncated, filtered, out_of_order;
	int64_t first_ns, last_ns; /* valid if there are packets */
	bool complete;
	char ended_by[160]; /* where it is damaged; empty if complete */
};

/* One line. 0 or -EIO. */
int ws_read_text(FILE *out, const struct ws_read_report *r);
/* One document (format "wirestamp-run/1"), with a final newline. 0, -ENOMEM or -EIO. */
int ws_read_json(FILE *out, const struct ws_read_report *r);
