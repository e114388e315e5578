/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plan: rate, pattern and length become intended send times, in exact arithmetic. No clock.
 *
 * Packet n of a constant rate of num/den packets a second is intended floor(n * den * 10^9 / num)
 * ns after the start: the deadline form. No gap is ever rounded and summed, so the mean rate is
 * exact over any length. The full instant is start + offset; the start is the caller's.
 *
 * Other patterns: bursts of N packets that are intended at once, at the constant rate's time of the
 * first of them; Poisson: gaps of the frame's wire time plus an exponential, of the rate's mean; and a
 * list of times, from a capture that is replayed.
 */
#pragma once

#include "core/units.h"

#define WS_PLAN_MAX_COUNT (UINT64_C(1) << 48)

enum ws_pattern {
	WS_PATTERN_CBR, /* flat out too */
	WS_PATTERN_BURST,
	WS_PATTERN_POISSON,
	WS_PATTERN_LIST,
	WS_PATTERN_COUNT,
};

/* "cbr", "burst", "poisson", "replay". */
const char *ws_pattern_name(enum ws_pattern pattern);

struct ws_plan {
	struct ws_ratio pps; /* lowest terms; {0, 1} when as fast as possible, and for a list */
	uint64_t count;	     /* packets; UINT64_MAX when only the duration ends a flat-out run */
	int64_t duration_ns; /* when the last packet's slot ends; for flat-out runs the time limit,
				INT64_MAX when only the count ends it */
	enum ws_pattern pattern;
	uint64_t burst;	 /* packets of each; WS_PATTERN_BURST */
	uint64_t seed;	 /* WS_PATTERN_POISSON */
	int64_t wire_ns; /* the shortest gap; WS_PATTERN_POISSON */
	const int64_t
		*times; /* of count packets, not falling, the first 0; WS_PATTERN_LIST, borrowed */
};

/*
 * A constant rate for either a count of packets or a duration; exactly one of the two is given, the
 * other is 0. A duration means floor(duration * rate) packets, at least 1. Returns 0, -EINVAL
 * (neither or both, rate 0, a negative duration) or -ERANGE (more than WS_PLAN_MAX_COUNT packets,
 * or more than 292 years).
 */
int ws_plan_init_cbr(
	struct ws_plan *plan, struct ws_ratio pps, uint64_t count, int64_t duration_ns);

/*
 * The same in bursts of `burst` packets, at least 1; a count or a duration's packets need not be a
 * multiple of it. -EINVAL, -ERANGE as above.
 */
int ws_plan_init_burst(struct ws_plan *plan, struct ws_ratio pps, uint64_t burst, uint64_t count,
	int64_t duration_ns);

/*
 * The same with random gaps: wire_ns plus an exponentially distributed time, the mean together being
 * that of the rate. Count and duration as above; the schedule's own duration, where the last
 * packet's slot ends, comes out as chance has it. -EINVAL also if wire_ns is negative or the rate leaves
 * no room for it. Walks the whole schedule once: some 20 ns a packet.
 */
int ws_plan_init_poisson(struct ws_plan *plan, struct ws_ratio pps, int64_t wire_ns, uint64_t seed,
	uint64_t count, int64_t duration_ns);

/* The times of a list, at least one of them. -EINVAL if they fall, or do not begin with 0. */
int ws_plan_init_list(struct ws_plan *plan, const int64_t *times, uint64_t count);

/* As fast as it goes. As above, but both may be given: what ends first, ends the run. */
int ws_plan_init_max(struct ws_plan *plan, uint64_t count, int64_t duration_ns);

bool ws_plan_is_max(const struct ws_plan *plan);

/* The intended time of packet n, in ns after the start; 0 for every packet of a flat-out plan. n
 * may be count: that is the end of the last packet's slot. Not for Poisson (0): use a cursor. */
int64_t ws_plan_offset(const struct ws_plan *plan, uint64_t n);

/* The same walked in order, without a division for each packet. Same values as ws_plan_offset(). */
struct ws_plan_cursor {
	uint64_t n; /* the packet that offset_ns belongs to */
	int64_t offset_ns;
	const struct ws_plan *plan;
	uint64_t step_ns, step_rem, rem, div; /* whole and fractional part of a gap or a burst's */
	uint64_t left;			      /* packets of the burst after this one */
	uint64_t mean_q32;		      /* Poisson: mean of the exponential, 2^-32 ns */
	uint32_t fraction;		      /* Poisson: of the offset, 2^-32 ns */
};

void ws_plan_cursor_init(struct ws_plan_cursor *c, const struct ws_plan *plan);
void ws_plan_cursor_next(struct ws_plan_cursor *c);
/* Goes on by `by` packets: the same as that many times next, without a loop where there is a formula. */
void ws_plan_cursor_skip(struct ws_plan_cursor *c, uint64_t by);

/*
 * A 64-bit fingerprint of the schedule: FNV-1a over the little-endian 64-bit offsets of packets 0
 * to min(count, 2^20) - 1 and then the count, whatever the pattern. Equal schedules have equal fingerprints on every
 * backend and machine. 0 for a flat-out plan, which has none.
 */
uint64_t ws_plan_hash(const struct ws_plan *plan);
