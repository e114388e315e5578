/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of the two-way estimator: twoway.c keeps exchanges and finds outliers and steps, twoway_bound.c finds
 * the sharpest limits for each of them, twoway_drift.c the difference of the rates.
 *
 * A limit says that a side of the offset is at most `most` when their clock shows `at`. The sides are the
 * offset and minus the offset, so that upper and lower limits are one thing. The offset is a function of
 * their clock: the stamps t2 and t3 are exact places on it. Rates are ns of offset in a ns of their clock.
 */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/twoway.h"

#define WS_SIDES     2
#define WS_RATE_MOST 500e-6 /* what clocks may differ by */

struct ws_limit {
	int64_t at, most;
};

struct ws_rate_of_offset {
	double rate, error;
};

/* The rate of a side. */
static inline double ws_side_rate(const struct ws_rate_of_offset *r, int side)
{
	return side ? -r->rate : r->rate;
}

/* The limit at another time. INT64_MAX: it says nothing there. */
static inline int64_t ws_limit_at(const struct ws_limit *l, int64_t at, double rate, double error)
{
	int64_t span, most;
	double moved;

	if (__builtin_sub_overflow(at, l->at, &span)) {
		return INT64_MAX;
	}
	moved = ceil(rate * (double)span + error * fabs((double)span));
	if (!(fabs(moved) < 4e18) || __builtin_add_overflow(l->most, (int64_t)moved, &most)) {
		return INT64_MAX;
	}
	return most;
}

/* Nothing is between an upper and a lower limit. */
static inline bool ws_limits_cross(int64_t upper, int64_t minus_lower)
{
	int64_t width;

	return !__builtin_add_overflow(upper, minus_lower, &width) && width < 0;
}

struct ws_twoway_entry {
	struct ws_exchange x;
	int64_t most
		[WS_SIDES]; /* the sharpest limits: of the offset at t2, of minus the offset at t3 */
	uint32_t stretch;   /* between two steps, from 1; 0: none, it has no ways */
	uint8_t doubt;	    /* of twoway.c */
};

/* later - earlier + error. INT64_MAX, a limit that says nothing, where that does not fit: of stamps that are nonsense. */
static inline int64_t ws_limit_of(int64_t later, int64_t earlier, int64_t error)
{
	int64_t most;

	if (__builtin_sub_overflow(later, earlier, &most) ||
		__builtin_add_overflow(most, error, &most)) {
		return INT64_MAX;
	}
	return most;
}

/* What the exchange itself says; error: of a difference of two stamps. */
static inline struct ws_limit ws_entry_limit(
	const struct ws_twoway_entry *e, int side, int64_t error)
{
	return side ? (struct ws_limit){e->x.t3, ws_limit_of(e->x.t4, e->x.t3, error)}
		    : (struct ws_limit){e->x.t2, ws_limit_of(e->x.t2, e->x.t1, error)};
}

/* --- twoway_drift.c --- */

#define WS_DRIFT_RECENT 32
#define WS_DRIFT_ALL	64

/* The sharpest limits of a block. */
struct ws_drift_point {
	struct ws_limit limit[WS_SIDES];
};

struct ws_drift {
	uint32_t stretch;
	struct ws_drift_point recent[WS_DRIFT_RECENT];
	unsigned recent_count;
	/* Over all of the stretch: every stride-th, and the last one. */
	struct ws_drift_point all[WS_DRIFT_ALL + 1];
	unsigned all_count;
	bool last_is_extra;
	uint64_t index, stride;
	struct ws_rate_of_offset now; /* of the recent ones */
	int64_t longest_ns;	      /* of earlier stretches, the longest */
	struct ws_twoway_clocks longest;
};

void ws_drift_init(struct ws_drift *d);
/* The exchanges of a block, of one or more stretches. */
void ws_drift_add(
	struct ws_drift *d, const struct ws_twoway_entry *entries, size_t count, int64_t error);
/* All but the steps. */
void ws_drift_clocks(const struct ws_drift *d, struct ws_twoway_clocks *ret);

/* --- twoway_bound.c --- */

#define WS_CELLS_MOST 128 /* in a window */

/* What limits before the window say, brought to its beginning. */
struct ws_bound {
	int64_t error; /* of a difference of two stamps */
	int64_t cell_ns;
	uint32_t stretch; /* 0: nothing is known */
	struct ws_limit limit[WS_SIDES];
	struct ws_limit floor[2][WS_SIDES]; /* of the last cell, and of the one before it */
};

/*
 * Sets the limits of all entries: from those before the window, and from one another. The first `keep` of
 * them are then before the window. Returns the rate with which the limits reach.
 */
struct ws_rate_of_offset ws_bound_window(struct ws_bound *b, struct ws_twoway_entry *entries,
	size_t count, size_t keep, const struct ws_rate_of_offset *rate);
