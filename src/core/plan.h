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
 * list of times, from a capture that is replayed. Packet 0 is always intended at 0. All of it is
 * integer arithmetic: equal on all machines.
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

/* "cbr", "burst", "poisson", "replay"; "unknown" for anything else. */
const char *ws_pattern_name(enum ws_pattern pattern);

struct ws_plan {
	struct ws_ratio pps; /* lowest terms; {0, 1} when as fast as possible, and for a list */
	uint64_t count;	     /* packets; UINT64_MAX when only the duration ends a flat-out run */
	int64_t duration_ns; /* when the last packet's slot ends; for flat-out runs the time limit,
				INT64_MAX when only the count ends it; of a long Poisson schedule
				the expectation only, see there */
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
 * multiple of it. -EINVAL, -ERANGE as above; also -ERANGE for a burst above WS_PLAN_MAX_COUNT.
 */
int ws_plan_init_burst(struct ws_plan *plan, struct ws_ratio pps, uint64_t burst, uint64_t count,
	int64_t duration_ns);

/*
 * The same with random gaps: wire_ns plus an exponentially distributed time, the mean together being
 * that of the rate. Count and duration as above; so a duration gives the packets that are expected in
 * it, and when the last one's slot ends is up to chance. -EINVAL also if wire_ns is negative or the
 * rate leaves no room for more than it.
 *
 * Schedules of up to WS_PLAN_WALK_MAX packets are walked once for duration_ns: some 20 ns a packet.
 * That of a longer one is the expectation; the real end's standard deviation is below 1/4096 of it,
 * so whoever stops a run by the time leaves room for that.
 */
#define WS_PLAN_WALK_MAX (UINT64_C(1) << 24)
int ws_plan_init_poisson(struct ws_plan *plan, struct ws_ratio pps, int64_t wire_ns, uint64_t seed,
	uint64_t count, int64_t duration_ns);

/*
 * The times of a list, at least one of them; they must outlive the plan. The last slot is as long as
 * the mean gap: so count / duration_ns is the list's rate. duration_ns is 0 when all are at once.
 * -EINVAL if there is none, or they fall, or do not begin with 0; -ERANGE: more than
 * WS_PLAN_MAX_COUNT.
 */
int ws_plan_init_list(struct ws_plan *plan, const int64_t *times, uint64_t count);

/* As fast as it goes. As above, but both may be given: what ends first, ends the run. */
int ws_plan_init_max(struct ws_plan *plan, uint64_t count, int64_t duration_ns);

/* A list is not: it has no rate, but times. */
bool ws_plan_is_max(const struct ws_plan *plan);

/* The intended time of packet n, in ns after the start; 0 for every packet of a flat-out plan. n
 * may be count: that is the end of the last packet's slot. Not for Poisson (0): use a cursor. */
int64_t ws_plan_offset(const struct ws_plan *plan, uint64_t n);

/*
 * The same walked in order, without a division for each packet. Same values as ws_plan_offset() for
 * all packets that the plan has; beyond them it goes on counting, and offset_ns means nothing.
 */
struct ws_plan_cursor {
	uint64_t n; /* the packet that offset_ns belongs to */
	int64_t offset_ns;
	const struct ws_plan *plan;
	uint64_t stride;
	/* A step is a number of whole bursts, and one more when the place in the burst runs over: times
	 * as whole ns and rem / div. Of a constant rate, whose bursts are of 1, never one more: so then
	 * step_ns is the gap to the next packet, rounded down. */
	uint64_t step_ns, step_rem, burst_ns, burst_rem;
	uint64_t rem, div;
	uint64_t burst, place, step_place;
	/* Poisson: the exponential's mean as ns and 2^-32 ns, and the 2^-32 ns of the offset. */
	uint64_t mean_ns;
	uint32_t mean_fraction, fraction;
};

/* At packet 0, for every packet. The plan must stay where it is as long as the cursor is used. */
void ws_plan_cursor_init(struct ws_plan_cursor *c, const struct ws_plan *plan);
/*
 * At packet `first`, for every stride-th one: worker k of N takes first k and stride N. stride is 1 to
 * WS_PLAN_MAX_COUNT. A step costs no more than with stride 1; but of Poisson each gap in between has to
 * be drawn.
 */
void ws_plan_cursor_init_every(
	struct ws_plan_cursor *c, const struct ws_plan *plan, uint64_t first, uint64_t stride);
/* To the packet stride further on. */
void ws_plan_cursor_next(struct ws_plan_cursor *c);
/* Goes on by `by` packets, whatever the stride: some divisions; Poisson: each gap is drawn. */
void ws_plan_cursor_skip(struct ws_plan_cursor *c, uint64_t by);
/*
 * What a sender that would rather skip than catch up leaves out: packets of the cursor whose following
 * instant is due at until_ns (an offset), too. Goes to the first packet of the last instant that is due,
 * and returns how many of the cursor's packets it passed over; 0, and stays, when there is none. So
 * packets that are intended at once are left out together, and the last instant of the plan never is.
 */
uint64_t ws_plan_cursor_skip_overdue(struct ws_plan_cursor *c, int64_t until_ns);

/*
 * A 64-bit fingerprint of the schedule: FNV-1a over the little-endian 64-bit offsets of packets 0
 * to min(count, 2^20) - 1 and then the count, whatever the pattern. Equal schedules have equal
 * fingerprints on every backend and machine. 0 for a flat-out plan, which has none.
 */
uint64_t ws_plan_hash(const struct ws_plan *plan);
