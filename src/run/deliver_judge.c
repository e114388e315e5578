/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which stamps are on the wrong frame. The card's clock is ahead of ours by an amount that nobody knows; but each
 * stamp bounds it: by the send call from above, by its own reading from below. What most of them allow is taken for
 * true, as K. Marzullo brings clocks together (1984), and a stamp that does not allow it is another frame's.
 */
#include <errno.h>
#include <stdlib.h>

#include "run/deliver_own.h"

#define DRIFT_PPM 200
#define SLACK_NS  1000
/* What stamps have in common may be the frames' own distance: so much of that is believed to be a coarse clock's. */
#define COARSE_PART 4

/* An end of what a stamp allows. */
struct edge {
	int64_t at;
	int step; /* +1: from here on, -1: up to here */
};

static int64_t minus(int64_t a, int64_t b)
{
	int64_t d;

	return __builtin_sub_overflow(a, b, &d) ? (a < b ? INT64_MIN : INT64_MAX) : d;
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t s;

	return __builtin_add_overflow(a, b, &s) ? (b < 0 ? INT64_MIN : INT64_MAX) : s;
}

static int by_place(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->at != y->at) {
		return x->at < y->at ? -1 : 1;
	}
	return y->step - x->step;
}

/* What the clock is ahead by, as most stamps have it. */
static int agree(const struct ws_deliver_seen *seen, size_t n, int64_t slack_ns, int64_t *ret)
{
	struct edge *edges = malloc(2 * n * sizeof(*edges));
	int depth = 0, deepest = 0;

	if (!edges) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		edges[2 * i] = (struct edge){
			minus(minus(seen[i].stamp_ns, seen[i].before_ns), slack_ns), +1};
		edges[2 * i + 1] = (struct edge){
			plus(minus(seen[i].stamp_ns, seen[i].after_ns), slack_ns), -1};
	}
	qsort(edges, 2 * n, sizeof(*edges), by_place);
	for (size_t i = 0; i < 2 * n; i++) {
		depth += edges[i].step;
		if (depth > deepest) {
			deepest = depth;
			/* The last edge ends something: there is a next one. */
			*ret = edges[i].at + minus(edges[i + 1].at, edges[i].at) / 2;
		}
	}
	free(edges);
	return 0;
}

/* Whether frame f may have this stamp. */
static bool possible(
	const struct ws_deliver_seen *f, int64_t stamp_ns, int64_t ahead_ns, int64_t slack_ns)
{
	int64_t at = minus(stamp_ns, ahead_ns);

	return at >= minus(f->after_ns, slack_ns) && at <= plus(f->before_ns, slack_ns);
}

static int64_t common_divisor(const struct ws_deliver_seen *seen, size_t n, bool all)
{
	uint64_t g = 0;
	size_t first = n;

	for (size_t i = 0; i < n; i++) {
		uint64_t a, b;

		if (seen[i].misplaced && !all) {
			continue;
		}
		first = first < n ? first : i;
		a = seen[i].stamp_ns > seen[first].stamp_ns
			    ? (uint64_t)seen[i].stamp_ns - (uint64_t)seen[first].stamp_ns
			    : (uint64_t)seen[first].stamp_ns - (uint64_t)seen[i].stamp_ns;
		for (b = g; b;) {
			uint64_t rest = a % b;

			a = b;
			b = rest;
		}
		g = a;
	}
	return g > INT64_MAX ? 0 : (int64_t)g;
}

int64_t ws_deliver_granularity(const struct ws_deliver_seen *seen, size_t n)
{
	return common_divisor(seen, n, false);
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int64_t ws_deliver_median(int64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	return values[n / 2];
}

/* Between neighbours: of the send calls, or of the stamps. Negative: -ENOMEM. */
static int64_t median_distance(const struct ws_deliver_seen *seen, size_t n, bool stamps)
{
	int64_t *all = malloc((n - 1) * sizeof(*all)), median;

	if (!all) {
		return -ENOMEM;
	}
	for (size_t i = 0; i + 1 < n; i++) {
		int64_t d = stamps ? minus(seen[i + 1].stamp_ns, seen[i].stamp_ns)
				   : minus(seen[i + 1].after_ns, seen[i].after_ns);

		all[i] = d > 0 ? d : 0;
	}
	median = ws_deliver_median(all, n - 1);
	free(all);
	return median;
}

/* How far a stamp may be off since the clock is coarse, and whether two frames may have the same one. */
static int look_at_clock(
	const struct ws_deliver_seen *seen, size_t n, int64_t *ret_coarse_ns, bool *ret_alike)
{
	int64_t calls = median_distance(seen, n, false);
	int64_t stamps = median_distance(seen, n, true);
	int64_t common = common_divisor(seen, n, true);

	if (calls < 0 || stamps < 0) {
		return -ENOMEM;
	}
	*ret_alike = stamps / COARSE_PART < common;
	*ret_coarse_ns = calls && common > calls / COARSE_PART ? calls / COARSE_PART : common;
	return 0;
}

/* Two stamps that follow one another: `a` is of the frame before. */
static void judge_pair(struct ws_deliver_seen *a, struct ws_deliver_seen *b, bool a_bad, bool b_bad,
	int64_t ahead_ns, int64_t slack_ns, int64_t alike_ns)
{
	bool exchanged;

	if (a->stamp_ns < b->stamp_ns) {
		return;
	}
	if (a->stamp_ns == b->stamp_ns) {
		/* Of a coarse clock they may well be alike; and it may be known whose it is. */
		if (minus(b->after_ns, a->after_ns) <= alike_ns || a_bad != b_bad) {
			return;
		}
		a->misplaced = b->misplaced = true;
		return;
	}
	exchanged = possible(a, b->stamp_ns, ahead_ns, slack_ns) &&
		    possible(b, a->stamp_ns, ahead_ns, slack_ns);
	if (a_bad == b_bad || exchanged) {
		a->misplaced = b->misplaced = true;
	}
}

int64_t ws_deliver_misplaced(struct ws_deliver_seen *seen, size_t n)
{
	int64_t coarse, slack, span, ahead = 0, count = 0;
	bool a_bad, alike;
	int rc;

	for (size_t i = 0; i < n; i++) {
		seen[i].misplaced = false;
	}
	if (n < 2) {
		return 0;
	}
	rc = look_at_clock(seen, n, &coarse, &alike);
	if (rc < 0) {
		return rc;
	}
	span = minus(seen[n - 1].before_ns, seen[0].after_ns);
	slack = SLACK_NS + coarse + (span > 0 ? span / (1000000 / DRIFT_PPM) : 0);
	rc = agree(seen, n, slack, &ahead);
	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; i < n; i++) {
		seen[i].misplaced = !possible(&seen[i], seen[i].stamp_ns, ahead, slack);
	}
	a_bad = seen[0].misplaced;
	for (size_t i = 0; i + 1 < n; i++) {
		/* What the pair before has found does not count. */
		bool b_bad = seen[i + 1].misplaced;

		judge_pair(&seen[i], &seen[i + 1], a_bad, b_bad, ahead, slack, alike ? coarse : -1);
		a_bad = b_bad;
	}
	for (size_t i = 0; i < n; i++) {
		count += seen[i].misplaced;
	}
	return count;
}

const char *ws_shape_name(enum ws_shape shape)
{
	static const char *const names[WS_SHAPES] = {
		[WS_SHAPE_UDP] = "udp",
		[WS_SHAPE_SYNC] = "ptp-l2-sync",
		[WS_SHAPE_DELAY_REQ] = "ptp-l2-delay-req",
		[WS_SHAPE_PTP_UDP] = "ptp-udp",
	};

	return shape < WS_SHAPES ? names[shape] : "none";
}
