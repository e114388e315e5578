/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plan: rate and length become intended send times, in exact arithmetic. No clock.
 *
 * Packet n of a constant rate of num/den packets a second is intended floor(n * den * 10^9 / num)
 * ns after the start: the deadline form. No gap is ever rounded and summed, so the mean rate is
 * exact over any length. The full instant is start + offset; the start is the caller's.
 */
#pragma once

#include "core/units.h"

#define WS_PLAN_MAX_COUNT (UINT64_C(1) << 48)

struct ws_plan {
	struct ws_ratio pps; /* lowest terms; {0, 1} when as fast as possible */
	uint64_t count;	     /* packets; UINT64_MAX when only the duration ends a flat-out run */
	int64_t duration_ns; /* when the last packet's slot ends; for flat-out runs the time limit,
				INT64_MAX when only the count ends it */
};

/*
 * A constant rate for either a count of packets or a duration; exactly one of the two is given, the
 * other is 0. A duration means floor(duration * rate) packets, at least 1. Returns 0, -EINVAL
 * (neither or both, rate 0, a negative duration) or -ERANGE (more than WS_PLAN_MAX_COUNT packets,
 * or more than 292 years).
 */
int ws_plan_init_cbr(
	struct ws_plan *plan, struct ws_ratio pps, uint64_t count, int64_t duration_ns);

/* As fast as it goes. As above, but both may be given: what ends first, ends the run. */
int ws_plan_init_max(struct ws_plan *plan, uint64_t count, int64_t duration_ns);

bool ws_plan_is_max(const struct ws_plan *plan);

/* The intended time of packet n, in ns after the start; 0 for every packet of a flat-out plan. n
 * may be count: that is the end of the last packet's slot. */
int64_t ws_plan_offset(const struct ws_plan *plan, uint64_t n);

/* The same walked in order, without a division for each packet. Same values as ws_plan_offset(). */
struct ws_plan_cursor {
	uint64_t n; /* the packet that offset_ns belongs to */
	int64_t offset_ns;
	uint64_t step_ns, step_rem, rem, div; /* whole and fractional part of a gap */
};

void ws_plan_cursor_init(struct ws_plan_cursor *c, const struct ws_plan *plan);
void ws_plan_cursor_next(struct ws_plan_cursor *c);

/*
 * A 64-bit fingerprint of the schedule: FNV-1a over the little-endian 64-bit offsets of packets 0
 * to min(count, 2^20) - 1 and then the count. Equal schedules have equal fingerprints on every
 * backend and machine. 0 for a flat-out plan, which has none.
 */
uint64_t ws_plan_hash(const struct ws_plan *plan);
