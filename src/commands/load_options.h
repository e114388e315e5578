/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `load`, read and checked as far as that can be done on any machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/plan.h"
#include "core/stamp.h"
#include "core/traffic.h"
#include "core/units.h"

#define WS_LOAD_RATES	64
#define WS_LOAD_WORKERS 64

enum ws_pacing { WS_PACING_BUSY, WS_PACING_TXTIME, WS_PACING_FQ };
enum ws_choice { WS_CHOICE_AUTO, WS_CHOICE_YES, WS_CHOICE_NO };

struct ws_load_options {
	const char *interface; /* NULL: --lab, or a dry run without one */
	bool lab, json, quiet, yes, force, realtime;
	/* rate and length */
	struct ws_rate rates[WS_LOAD_RATES];
	unsigned rate_count;
	/* Without --rate the default; of a replay one rate of max, which stands for the file's own
	 * times: pattern is then WS_PATTERN_LIST. */
	bool rate_given;
	/* One of the two, the other is 0; of a replay both may be 0: the file once. */
	int64_t duration_ns;
	uint64_t count;
	enum ws_pattern pattern;
	uint64_t burst;
	uint64_t
		seed; /* given or 1: never from a clock, so that the same command gives the same bytes */
	/*
	 * Traffic that ws_traffic_new() takes as it is, but for run_id and stream, which are 0. Addresses
	 * that nobody gave (has_* is false) are stand-ins: locally administered MAC addresses, and
	 * 198.18.0.1 to .2 or 2001:2::1 to ::2. Whoever knows the interface puts better ones there. A list
	 * to vary a field by gives its first value. Of a replay: without meaning.
	 */
	struct ws_traffic_spec
		traffic; /* header, list and bytes point into owned memory or to argv */
	bool has_dst_mac, has_src_mac, has_src_ip, has_dst_ip;
	void *owned[WS_FIELD_COUNT + 2];
	/* replay */
	const char *pcap;
	double speed; /* of --speed; 1 without */
	bool speed_given;
	/* how */
	const char *backend; /* NULL: auto */
	enum ws_choice bypass;
	enum ws_pacing pacing;
	bool late_skip;
	enum ws_origin stamp;		/* NONE: auto */
	bool stamps_off;		/* --stamp none */
	unsigned workers;		/* at least 1 */
	unsigned cpus[WS_LOAD_WORKERS]; /* one for each worker */
	unsigned cpu_count;		/* 0: anywhere; else the number of workers */
	/* results */
	const char *dry_run; /* file, NULL: send */
	const char *out;
	double require; /* percent that may be missing; negative: not given */
};

/*
 * 0; -1: something is wrong, one line was printed; -2: the help was printed. Only after 0 there is
 * something to free. Texts point to argv.
 */
int ws_load_options_parse(struct ws_load_options *o, int argc, char **argv);
void ws_load_options_free(struct ws_load_options *o);
