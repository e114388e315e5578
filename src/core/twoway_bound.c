/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sharpest limits of each exchange. A limit reaches to another time by the clocks' rate, and by what
 * that may be off. Since the best one so far is enough to go on with, two walks over the exchanges find
 * what all the others would say: one from the past, one from the future.
 *
 * A step that is smaller than the round trip, or a change of the rate, need not contradict any limit. But
 * it moves both floors, that of t2 - t1 and that of t4 - t3, by as much in opposite directions. What queues do to
 * the two has no such connection. So the exchanges are parted into cells; as far as both floors moved
 * together from the cell before to the cell behind, the clock may have moved in between, and limits that
 * reach into, out of or through the cell are let out by that much.
 */
#include <string.h>

#include "core/twoway_own.h"

#define CELL_MIN	8    /* exchanges */
#define WANDER		2e-6 /* of a rate from its mean, where nothing shows it */
#define RATE_ERROR_MOST 1e-3 /* two clocks at their limits, against each other */

struct cell {
	size_t begin, end; /* entries; those without a stretch are among them */
	uint32_t stretch;
	struct ws_limit floor[WS_SIDES];
	int64_t slack[WS_SIDES]; /* by which each side may have grown */
};

struct window {
	struct ws_bound *b;
	struct ws_twoway_entry *entries;
	size_t count, keep;
	struct ws_rate_of_offset rate;
	struct cell cells[WS_CELLS_MOST];
	size_t cell_count;
};

/* --- Cells --- */

/* No cell goes across: into another stretch, or out of what is kept. */
static bool is_border(const struct window *w, const struct cell *c, size_t i)
{
	return w->entries[i].stretch != c->stretch || (c->begin < w->keep && i >= w->keep);
}

static bool is_full(const struct window *w, const struct cell *c, size_t members, size_t i)
{
	const struct ws_exchange *first = &w->entries[c->begin].x;
	int64_t span, least = 2 * (first->t4 - first->t1);

	if (is_border(w, c, i)) {
		return true;
	}
	least = least > w->b->cell_ns ? least : w->b->cell_ns;
	if (members < CELL_MIN || w->cell_count == WS_CELLS_MOST) {
		return false;
	}
	return __builtin_sub_overflow(w->entries[i].x.t1, first->t1, &span) || span >= least ||
	       span <= -least;
}

/* A few left over belong to those before. */
static void join_last(struct window *w, size_t members)
{
	struct cell *c = &w->cells[w->cell_count - 1];

	if (w->cell_count > 1 && members < CELL_MIN && c[-1].stretch == c->stretch &&
		(c->begin < w->keep) == (c[-1].begin < w->keep)) {
		c[-1].end = c->end;
		w->cell_count--;
	}
}

static void part(struct window *w)
{
	size_t members = 0;

	w->cell_count = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct cell *c = w->cell_count ? &w->cells[w->cell_count - 1] : NULL;

		if (!w->entries[i].stretch) {
			continue;
		}
		if (!c || is_full(w, c, members, i)) {
			if (c && is_border(w, c, i)) {
				join_last(w, members);
			}
			/* More stretches than there is room for: the rest has its own limits alone. */
			if (w->cell_count == WS_CELLS_MOST) {
				return;
			}
			c = &w->cells[w->cell_count++];
			*c = (struct cell){.begin = i, .stretch = w->entries[i].stretch};
			members = 0;
		}
		c->end = i + 1;
		members += w->entries[i].stretch != 0;
	}
	if (w->cell_count) {
		join_last(w, members);
	}
}

static void find_floors(struct window *w)
{
	for (size_t n = 0; n < w->cell_count; n++) {
		struct cell *c = &w->cells[n];
		bool any = false;

		for (size_t i = c->begin; i < c->end; i++) {
			for (int s = 0; s < WS_SIDES && w->entries[i].stretch; s++) {
				struct ws_limit l = ws_entry_limit(&w->entries[i], s, w->b->error);
				double rate = ws_side_rate(&w->rate, s);

				if (!any || l.most < ws_limit_at(&c->floor[s], l.at, rate, 0)) {
					c->floor[s] = l;
				}
			}
			any = any || w->entries[i].stretch;
		}
	}
}

/* How far a floor rose from one cell to another, apart from the rate. */
static int64_t rise(
	const struct window *w, const struct ws_limit *from, const struct ws_limit *to, int side)
{
	int64_t as_before = ws_limit_at(&from[side], to[side].at, ws_side_rate(&w->rate, side), 0);
	int64_t by;

	return as_before == INT64_MAX || __builtin_sub_overflow(to[side].most, as_before, &by) ? 0
											       : by;
}

/* The floors of the cell that is `away` cells from cell n; NULL: that is of another stretch, or not known. */
static const struct ws_limit *floor_near(const struct window *w, size_t n, int away)
{
	uint32_t stretch = w->cells[n].stretch;

	if (away < 0 && n < (size_t)-away) {
		return w->b->stretch == stretch ? w->b->floor[(size_t)-away - n - 1] : NULL;
	}
	n = away < 0 ? n - (size_t)-away : n + (size_t)away;
	return n < w->cell_count && w->cells[n].stretch == stretch ? w->cells[n].floor : NULL;
}

/* As far as both floors moved together, the side may have grown. */
static void find_slack_between(const struct window *w, struct cell *c,
	const struct ws_limit *before, const struct ws_limit *behind)
{
	int64_t by[WS_SIDES];

	for (int s = 0; s < WS_SIDES; s++) {
		by[s] = rise(w, before, behind, s);
	}
	for (int s = 0; s < WS_SIDES; s++) {
		int64_t grown = by[s] < -by[1 - s] ? by[s] : -by[1 - s];

		c->slack[s] = grown > c->slack[s] ? grown : c->slack[s];
	}
}

/*
 * A step in a cell shows between the one before and the one behind. Of exchanges that were on their way
 * when our clock was set only one floor moved, and they may be in two cells.
 */
static void find_slack(struct window *w)
{
	static const int pairs[][2] = {{-1, 1}, {-1, 2}, {-2, 1}};

	for (size_t n = 0; n < w->cell_count; n++) {
		struct cell *c = &w->cells[n];

		for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
			const struct ws_limit *before = floor_near(w, n, pairs[i][0]);
			const struct ws_limit *behind = floor_near(w, n, pairs[i][1]);

			find_slack_between(
				w, c, before ? before : c->floor, behind ? behind : c->floor);
		}
	}
}

/* --- Walks --- */

/* The best limit so far of one side; let out by each cell that it comes to. */
struct walk {
	int side;
	double rate, error;
	uint32_t stretch; /* 0: there is none */
	struct ws_limit best;
};

static struct walk begin_walk(const struct window *w, int side)
{
	return (struct walk){
		.side = side, .rate = ws_side_rate(&w->rate, side), .error = w->rate.error};
}

/* slack: of the cell that it is in, which is in no limit yet that was found there. */
static void visit(
	struct walk *k, struct ws_twoway_entry *e, const struct ws_limit *own, int64_t slack)
{
	int64_t most;

	if (!e->stretch) {
		return;
	}
	most = k->stretch ? ws_limit_at(&k->best, own->at, k->rate, k->error) : INT64_MAX;
	if (own->most + slack <= most) {
		k->best = (struct ws_limit){own->at, own->most + slack};
		k->stretch = e->stretch;
	}
	e->most[k->side] = most < e->most[k->side] ? most : e->most[k->side];
}

static void enter(struct walk *k, const struct cell *c, int64_t slack)
{
	if (k->stretch != c->stretch) {
		k->stretch = 0;
	}
	if (__builtin_add_overflow(k->best.most, slack, &k->best.most)) {
		k->stretch = 0;
	}
}

static void walk_forward(struct window *w, int side, struct walk *ret_kept)
{
	struct walk k = begin_walk(w, side);

	k.stretch = w->b->stretch;
	k.best = w->b->limit[side];
	*ret_kept = k;
	for (size_t n = 0; n < w->cell_count; n++) {
		const struct cell *c = &w->cells[n];

		enter(&k, c, c->slack[side]);
		for (size_t i = c->begin; i < c->end; i++) {
			struct ws_limit own = ws_entry_limit(&w->entries[i], side, w->b->error);

			visit(&k, &w->entries[i], &own, c->slack[side]);
		}
		*ret_kept = c->end <= w->keep ? k : *ret_kept;
	}
}

/*
 * Back in time a side grows by what the other grew by forward. What grew in the last cell shows only with the
 * next ones: before those are there, nothing comes from it.
 */
static void walk_back(struct window *w, int side)
{
	struct walk k = begin_walk(w, side);
	size_t begin = w->cell_count;

	begin -= w->keep < w->count && begin > 0 && w->cells[begin - 1].begin >= w->keep;
	for (size_t n = begin; n-- > 0;) {
		const struct cell *c = &w->cells[n];

		enter(&k, c, c->slack[1 - side]);
		for (size_t i = c->end; i-- > c->begin;) {
			struct ws_limit own = ws_entry_limit(&w->entries[i], side, w->b->error);

			visit(&k, &w->entries[i], &own, c->slack[1 - side]);
		}
	}
}

static bool contradiction(const struct window *w)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct ws_twoway_entry *e = &w->entries[i];
		struct ws_limit lower = {e->x.t3, e->most[1]};

		if (e->stretch &&
			ws_limits_cross(e->most[0],
				ws_limit_at(&lower, e->x.t2, -w->rate.rate, w->rate.error))) {
			return true;
		}
	}
	return false;
}

static void find_limits(struct window *w, struct walk *ret_kept)
{
	for (size_t i = 0; i < w->count; i++) {
		for (int s = 0; s < WS_SIDES; s++) {
			w->entries[i].most[s] = ws_entry_limit(&w->entries[i], s, w->b->error).most;
		}
	}
	for (int s = 0; s < WS_SIDES; s++) {
		walk_forward(w, s, &ret_kept[s]);
		walk_back(w, s);
	}
}

/* What goes on to the next window, at the last time that was kept of it: its rate will be another. */
static void keep_limits(struct window *w, const struct walk *kept)
{
	const struct cell *last = NULL;
	const struct ws_limit *earlier;
	size_t n = 0;
	int64_t at = 0;

	for (; n < w->cell_count && w->cells[n].end <= w->keep; n++) {
		last = &w->cells[n];
	}
	if (!last) {
		return;
	}
	for (size_t i = last->begin; i < last->end; i++) {
		at = w->entries[i].stretch ? w->entries[i].x.t2 : at;
	}
	earlier = floor_near(w, n - 1, -1);
	memmove(w->b->floor[1], earlier ? earlier : last->floor, sizeof(w->b->floor[1]));
	memcpy(w->b->floor[0], last->floor, sizeof(w->b->floor[0]));
	w->b->stretch = last->stretch;
	for (int s = 0; s < WS_SIDES; s++) {
		w->b->limit[s] = (struct ws_limit){
			at, ws_limit_at(&kept[s].best, at, kept[s].rate, kept[s].error)};
	}
}

struct ws_rate_of_offset ws_bound_window(struct ws_bound *b, struct ws_twoway_entry *entries,
	size_t count, size_t keep, const struct ws_rate_of_offset *rate)
{
	struct window w = {.b = b, .entries = entries, .count = count, .keep = keep, .rate = *rate};
	struct walk kept[WS_SIDES];

	w.rate.error = fmin(rate->error + WANDER, RATE_ERROR_MOST);
	part(&w);
	find_floors(&w);
	find_slack(&w);
	find_limits(&w, kept);
	/* The rate was another one than it seemed. */
	while (w.rate.error < RATE_ERROR_MOST && contradiction(&w)) {
		w.rate.error = fmin(w.rate.error * 4, RATE_ERROR_MOST);
		find_limits(&w, kept);
	}
	keep_limits(&w, kept);
	return w.rate;
}
