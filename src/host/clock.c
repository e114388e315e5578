/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/clock.h"

#include <time.h>

#include "host/sys.h"

/* Enough that a few readings escape interrupts and preemption, few enough to take microseconds. */
#define READINGS 32

int64_t ws_clock_now(void)
{
	return ws_sys_clock(CLOCK_MONOTONIC);
}

struct ws_relation ws_clock_relate(enum ws_clock to)
{
	struct ws_relation r = {0};
	int64_t best = INT64_MAX;
	int other;

	switch (to) {
	case WS_CLOCK_REALTIME:
		other = CLOCK_REALTIME;
		break;
	case WS_CLOCK_TAI:
		other = CLOCK_TAI;
		break;
	default:
		return r;
	}
	r.from = WS_CLOCK_MONOTONIC;
	r.to = to;
	for (int i = 0; i < READINGS; i++) {
		int64_t before = ws_sys_clock(CLOCK_MONOTONIC);
		int64_t middle = ws_sys_clock(other);
		int64_t bracket = ws_sys_clock(CLOCK_MONOTONIC) - before;

		if (bracket < best) {
			best = bracket;
			r.offset_ns = middle - (before + bracket / 2);
		}
	}
	r.error_ns = (best + 1) / 2 + ws_sys_clock_resolution(CLOCK_MONOTONIC) +
		     ws_sys_clock_resolution(other);
	return r;
}
