/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `wirestamp latency`. */
#pragma once

#include <stdbool.h>

#include "commands/load_options.h"
#include "core/frame.h"

#define WS_MAX_RATES WS_LOAD_RATES

struct ws_latency_options {
	/*
	 * Those that it shares with `load`: rates, count or duration, pattern, seed, frames, backend, stamp, lab, json,
	 * quiet, yes, out. load.traffic is complete but for what only the interface knows, and with
	 * carrier_auto it is UDP.
	 */
	struct ws_load_options load;
	const char *tx, *rx; /* NULL: not given */
	const char *peer;    /* the far side; NULL: both ends are here */
	bool one_way;
	const char *ssh, *remote_program; /* NULL: the defaults */
	enum ws_carrier carrier;	  /* UDP if auto */
	bool carrier_auto;
	bool size_given; /* else it is the smallest that holds the probe */
	bool dst_port_given;
	bool packets, csv, waterfall;
	int64_t window_ns;
	int cpu[2]; /* sender, receiver; -1: anywhere */
};

/* What a probe's payload takes, of the kind that these options need. */
uint32_t ws_latency_probe_len(const struct ws_latency_options *o);
/* Makes the frames what that carrier is, where auto turned out to be it: ports and size too, unless they were given. */
void ws_latency_options_carrier(struct ws_latency_options *o, enum ws_carrier carrier);

/* Defaults, then the command line. 0 to go on, -1 wrong (one line was printed), -2 after --help. Only after 0 there is
 * something to free. */
int ws_latency_options_parse(struct ws_latency_options *o, int argc, char **argv);
void ws_latency_options_free(struct ws_latency_options *o);
