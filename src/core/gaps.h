/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gaps between departures: times of neighbouring packets in, a distribution out. Pure.
 *
 * Times come in the order of sequences, with any left out: a gap is only between n and n + 1.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/hist.h"

#define WS_GAP_WITHIN 5 /* 64, 128, 256, 512, 1024 ns */
extern const int ws_gap_within_ns[WS_GAP_WITHIN];

struct ws_gaps {
	struct ws_hist hist; /* of all gaps; its count is that of pairs */
	uint64_t within
		[WS_GAP_WITHIN]; /* gaps that close to the intended one, the limits included */
	/* Gaps shorter than the earlier frame's own time on the wire. Not possible there, so such
	 * times are not the wire's. */
	uint64_t bursts;
	uint64_t judged; /* gaps of which the wire time is known */
};

/* The last time that came. */
struct ws_gap_walk {
	struct ws_gaps *gaps;
	bool any;
	uint64_t seq;
	int64_t ns, intended_ns;
	int64_t wire_ns;
};

void ws_gaps_init(struct ws_gaps *g);
void ws_gap_walk_init(struct ws_gap_walk *w, struct ws_gaps *g);
/*
 * The next packet: seq above the last one's, when it left, when it was intended (any origin, the same
 * for all), and its own time on the wire at the link's speed (0: unknown). intended_ns of INT64_MIN:
 * flat out, nothing was intended, and `within` is not counted.
 */
void ws_gap_walk_add(
	struct ws_gap_walk *w, uint64_t seq, int64_t ns, int64_t intended_ns, int64_t wire_ns);
/* The next packet's times have nothing to do with the last one's, as when they are of another clock. */
void ws_gap_walk_break(struct ws_gap_walk *w);
