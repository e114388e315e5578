/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all samples together allow. Each says that the line passes between two points above each other. The lines that
 * pass through all these gates are bounded by two hulls: the lower one of the upper ends, and the upper one of the lower
 * ends. A line's highest place at x is at the hull, unless the line had to be steeper or flatter for that than gates
 * elsewhere allow; then it is what the steepest or flattest one reaches there.
 */
#include <math.h>
#include <string.h>

#include "core/clockfit_own.h"

#define WANDER	  2e-16 /* per ns: of both clocks, 0.1 ppm in a second each */
#define STEPS	  100
#define TOLERANCE 1e-3 /* ns */
#define DOUBLINGS 60

/* Points in ascending order of x; `side` 1: a lower hull, -1: an upper one. */
struct hull {
	const struct ws_fitpoint *v;
	size_t n;
	int side;
};

static double cross(
	const struct ws_fitpoint *a, const struct ws_fitpoint *b, const struct ws_fitpoint *c)
{
	return (b->x - a->x) * (c->y - a->y) - (b->y - a->y) * (c->x - a->x);
}

static struct hull make_hull(struct ws_fitpoint *v, const struct ws_fitpoint *p, size_t n,
	const struct ws_fitline *line, double slack, int side)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		struct ws_fitpoint q = {.x = p[i].x};

		q.y = p[i].y - line->a - line->b * p[i].x + side * (p[i].half + slack);
		while (m >= 2 && side * cross(&v[m - 2], &v[m - 1], &q) <= 0) {
			m--;
		}
		v[m++] = q;
	}
	return (struct hull){v, m, side};
}

/* Where a line of this rate touches the hull, and the y at x = 0 that it has there. */
static size_t touch(const struct hull *h, double rate, double *ret_y)
{
	size_t best = 0;
	double y = INFINITY;

	for (size_t i = 0; i < h->n; i++) {
		double at = h->side * (h->v[i].y - rate * h->v[i].x);

		if (at < y) {
			y = at;
			best = i;
		}
	}
	*ret_y = h->side * y;
	return best;
}

/*
 * The steepest (sign 1) or flattest (-1) line between the hulls, from far outside: the two points that contradict it
 * most give the next one. False: there is none.
 */
static bool extreme(const struct hull *low, const struct hull *high, int sign, double *ret)
{
	double rate = sign;

	for (int step = 0; step < STEPS; step++) {
		double above, below, dx;
		const struct ws_fitpoint *h = &high->v[touch(high, rate, &above)];
		const struct ws_fitpoint *l = &low->v[touch(low, rate, &below)];

		if (above - below >= -TOLERANCE) {
			*ret = rate;
			return true;
		}
		dx = h->x - l->x;
		if (dx * sign <= 0) {
			return false;
		}
		rate = (h->y - l->y) / dx;
	}
	return false;
}

/* Of one hull at x, by lines of these rates: as high (low) as they come. */
static double reach(const struct hull *h, double x, double least, double most)
{
	double rate, y;

	for (size_t i = 1; i < h->n; i++) {
		const struct ws_fitpoint *a = &h->v[i - 1], *b = &h->v[i];

		if (x > b->x && i + 1 < h->n) {
			continue;
		}
		rate = (b->y - a->y) / (b->x - a->x);
		if (rate >= least && rate <= most) {
			return a->y + rate * (x - a->x);
		}
		rate = rate < least ? least : most;
		(void)touch(h, rate, &y);
		return y + rate * x;
	}
	return h->v[0].y;
}

void ws_fitlimit_find(struct ws_fitlimit *l, const struct ws_fitpoint *p, size_t n,
	const struct ws_fitline *line, const struct ws_fitscratch *scratch)
{
	struct hull low, high;

	memset(l, 0, sizeof(*l));
	l->span = p[n - 1].x;
	/* A parabola against the line that is nearest to it. Where nothing tells how wide a gate is, they may
	 * contradict each other. */
	l->slack = WANDER * l->span * l->span / 16 + TOLERANCE;
	for (int i = 0; i < DOUBLINGS; i++) {
		low = make_hull(scratch->low, p, n, line, l->slack, -1);
		high = make_hull(scratch->high, p, n, line, l->slack, 1);
		if (extreme(&low, &high, 1, &l->rate_most) &&
			extreme(&low, &high, -1, &l->rate_least)) {
			break;
		}
		l->slack = 2 * l->slack + 1;
	}
	l->rate_least = fmin(l->rate_least, l->rate_most);
	for (int k = 0; k < WS_FITLIMIT_ANCHORS; k++) {
		double x = l->span * k / (WS_FITLIMIT_ANCHORS - 1);

		l->most[k] = reach(&high, x, l->rate_least, l->rate_most);
		l->least[k] = reach(&low, x, l->rate_least, l->rate_most);
	}
	(void)touch(&high, l->rate_most, &l->most_steep);
	(void)touch(&high, l->rate_least, &l->most_flat);
	(void)touch(&low, l->rate_most, &l->least_steep);
	(void)touch(&low, l->rate_least, &l->least_flat);
}

void ws_fitlimit_at(const struct ws_fitlimit *l, double x, double *ret_least, double *ret_most)
{
	double bend = l->slack;

	if (x >= 0 && x <= l->span) {
		/* Between anchors the chord is outside: what lines allow is convex. */
		double place = l->span > 0 ? x / l->span * (WS_FITLIMIT_ANCHORS - 1) : 0;
		int k = (int)place;

		k = k > WS_FITLIMIT_ANCHORS - 2 ? WS_FITLIMIT_ANCHORS - 2 : k;
		place -= k;
		*ret_most = l->most[k] + place * (l->most[k + 1] - l->most[k]);
		*ret_least = l->least[k] + place * (l->least[k + 1] - l->least[k]);
	} else {
		bool after = x > 0;
		double from_middle = fabs(x - l->span / 2);

		*ret_most =
			after ? l->most_steep + l->rate_most * x : l->most_flat + l->rate_least * x;
		*ret_least = after ? l->least_flat + l->rate_least * x
				   : l->least_steep + l->rate_most * x;
		bend += WANDER / 2 * (from_middle * from_middle - l->span * l->span / 4);
	}
	*ret_most += bend;
	*ret_least -= bend;
}
