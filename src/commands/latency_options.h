/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `wirestamp latency`. */
#pragma once

#include <stdbool.h>

#include "commands/options.h"
#include "core/frame.h"
#include "core/stamp.h"
#include "core/units.h"

#define WS_MAX_RATES 64

struct ws_latency_options {
	bool lab, json, quiet, yes;
	const char *tx, *rx;
	struct ws_rate rates[WS_MAX_RATES];
	unsigned rate_count;
	uint64_t count;		 /* 0: by the duration */
	int64_t duration_ns;	 /* 0: by the count */
	uint32_t size;		 /* with FCS */
	enum ws_carrier carrier; /* UDP if auto */
	bool carrier_auto;
	const char *backend;  /* NULL: auto */
	enum ws_origin stamp; /* NONE: auto */
	int64_t window_ns;
	int cpu[2]; /* sender, receiver; -1: anywhere */
	const char *out;
};

/* Defaults, then the command line. 0 to go on, -1 wrong (one line was printed), -2 after --help. */
int ws_latency_options_parse(struct ws_latency_options *o, int argc, char **argv);
