/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/twoway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/twoway_own.h"

#define FIRST_ROOM	  1024
#define BLOCK_MOST	  (1 << 22)
#define BAD_MOST	  (1 << 16) /* stamps of which no time can be told */
#define CELLS_A_BLOCK	  8
#define TIME_MOST	  (INT64_C(1) << 62) /* so that differences of differences fit */
#define HOUR		  (INT64_C(3600) * 1000000000)
#define ROUNDING_NS	  1 /* of a stamp, to whole ns */
#define STEP_NEEDS	  5
#define STEP_NEEDS_AT_END 3

/* Of an exchange, while it is open whether a clock was set. */
enum doubt {
	DOUBT_NONE,
	DOUBT_NEW,  /* fits only the new view */
	DOUBT_BOTH, /* wide enough for both */
};

/* What exchanges agree on, with whatever rate clocks can have. */
struct view {
	uint64_t count;
	struct ws_limit limit[WS_SIDES];
};

struct ws_twoway {
	struct ws_twoway_config config;
	uint64_t good;
	uint32_t stretch; /* the current one */
	struct view now, next;
	size_t next_first; /* entry with which the next view began */
	uint64_t steps;
	int64_t last_step_ns;
	struct ws_drift drift;
	struct ws_bound bound;
	struct ws_twoway_entry
		*entries; /* the last complete block, then the one that is coming in */
	size_t done, count, room;
	size_t bad; /* in the block that is coming in */
	bool begun; /* it has a beginning */
	int64_t begin_ns;
};

int ws_twoway_new(struct ws_twoway **ret, const struct ws_twoway_config *config)
{
	struct ws_twoway *w;

	if (!config->sink || config->stamp_error_ns < 0 || config->stamp_error_ns > HOUR ||
		config->block_ns < 0 || config->block_ns > HOUR) {
		return -EINVAL;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		return -ENOMEM;
	}
	w->config = *config;
	if (!w->config.block_ns) {
		w->config.block_ns = WS_TWOWAY_BLOCK_NS;
	}
	w->room = FIRST_ROOM;
	w->entries = malloc(w->room * sizeof(*w->entries));
	if (!w->entries) {
		free(w);
		return -ENOMEM;
	}
	w->stretch = 1;
	w->bound.error = config->stamp_error_ns + ROUNDING_NS;
	w->bound.cell_ns = w->config.block_ns / CELLS_A_BLOCK;
	ws_drift_init(&w->drift);
	*ret = w;
	return 0;
}

void ws_twoway_free(struct ws_twoway *w)
{
	if (w) {
		free(w->entries);
		free(w);
	}
}

/* --- Values --- */

static int64_t clamp(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* rate_error: of the clocks' rates against each other. */
static int64_t rtt_bound(const struct ws_twoway *w, const struct ws_exchange *x, double rate_error)
{
	double residence = fabs((double)x->t3 - (double)x->t2);

	return w->config.stamp_error_ns + (int64_t)ceil(fmin(residence * rate_error, 4e18));
}

/* The round trip of stamps that may be anything, as good as it goes. */
static void value_plain(
	const struct ws_twoway *w, const struct ws_exchange *x, struct ws_exchange_value *ret)
{
	__int128 all = (__int128)x->t4 - x->t1, residence = (__int128)x->t3 - x->t2;

	*ret = (struct ws_exchange_value){.seq = x->seq,
		.rtt_ns = clamp(all - residence),
		.residence_ns = clamp(residence),
		.rtt_bound_ns = rtt_bound(w, x, w->config.same_clock ? 0 : WS_RATE_MOST),
		.t1 = x->t1};
}

static void value_same_clock(
	const struct ws_twoway *w, const struct ws_exchange *x, struct ws_exchange_value *ret)
{
	__int128 forward = (__int128)x->t2 - x->t1, backward = (__int128)x->t4 - x->t3;
	__int128 residence = (__int128)x->t3 - x->t2;
	int64_t error = w->config.stamp_error_ns;

	value_plain(w, x, ret);
	ret->ways = forward >= -error && backward >= -error && residence >= -error &&
		    forward + backward <= INT64_MAX;
	if (ret->ways) {
		ret->forward_ns = (int64_t)forward;
		ret->backward_ns = (int64_t)backward;
		ret->bound_ns = error;
	}
}

/*
 * With upper and lower limits of the offset at t2 and at t3, the lower ones as minus that. The two ways are
 * where those leave them, none of them less than nothing.
 */
static void value_ways(const struct ws_twoway *w, const struct ws_exchange *x, const int64_t *at_t2,
	const int64_t *at_t3, struct ws_exchange_value *ret)
{
	int64_t out = x->t2 - x->t1, back = x->t4 - x->t3, error = w->bound.error;
	/* Halves of the sum, rounded down, even where the limits cross a little. */
	int64_t offset = at_t2[0] - ((at_t2[0] + at_t2[1]) >> 1);

	ret->ways = true;
	ret->forward_ns = out - offset;
	ret->backward_ns = ret->rtt_ns - ret->forward_ns;
	ret->bound_ns = larger(larger(out + error + at_t2[1] - ret->forward_ns,
				       ret->forward_ns - larger(0, out - error - at_t2[0])),
		larger(back + error + at_t3[0] - ret->backward_ns,
			ret->backward_ns - larger(0, back - error - at_t3[1])));
}

static void value(const struct ws_twoway *w, const struct ws_twoway_entry *e,
	const struct ws_rate_of_offset *r, struct ws_exchange_value *ret)
{
	const struct ws_exchange *x = &e->x;
	struct ws_limit upper = {x->t2, e->most[0]}, lower = {x->t3, e->most[1]};
	int64_t at_t2[WS_SIDES], at_t3[WS_SIDES];

	value_plain(w, x, ret);
	if (!e->stretch) {
		return;
	}
	ret->rtt_bound_ns = rtt_bound(w, x, r->error);
	ret->residence_ns = llround((double)(x->t3 - x->t2) * (1 - r->rate));
	ret->rtt_ns = x->t4 - x->t1 - ret->residence_ns;
	for (int own = 0; own <= 1; own++) {
		if (own) {
			/* The others contradict each other here. */
			upper = ws_entry_limit(e, 0, w->bound.error);
			lower = ws_entry_limit(e, 1, w->bound.error);
		}
		at_t2[0] = upper.most;
		at_t2[1] = ws_limit_at(&lower, x->t2, -r->rate, r->error);
		at_t3[0] = ws_limit_at(&upper, x->t3, r->rate, r->error);
		at_t3[1] = lower.most;
		if (!ws_limits_cross(at_t2[0], at_t2[1])) {
			break;
		}
	}
	value_ways(w, x, at_t2, at_t3, ret);
}

/* --- Blocks --- */

/* Gives out the first `out` of all, and keeps the rest. */
static void give_out(struct ws_twoway *w, size_t out)
{
	struct ws_rate_of_offset r =
		ws_bound_window(&w->bound, w->entries, w->count, out, &w->drift.now);

	for (size_t i = 0; i < out; i++) {
		struct ws_exchange_value v;

		value(w, &w->entries[i], &r, &v);
		w->config.sink(w->config.arg, &v);
	}
	w->count -= out;
	memmove(w->entries, w->entries + out, w->count * sizeof(*w->entries));
	w->next_first = w->next_first > out ? w->next_first - out : 0;
}

static void complete_block(struct ws_twoway *w)
{
	ws_drift_add(&w->drift, w->entries + w->done, w->count - w->done, w->bound.error);
	if (w->done) {
		give_out(w, w->done);
	}
	w->done = w->count;
	w->bad = 0;
	w->begun = false;
}

static void flush(struct ws_twoway *w)
{
	complete_block(w);
	give_out(w, w->done);
	w->done = 0;
}

static bool grow(struct ws_twoway *w)
{
	size_t room = w->room * 2;
	struct ws_twoway_entry *entries = malloc(room * sizeof(*entries));

	if (!entries) {
		return false;
	}
	memcpy(entries, w->entries, w->count * sizeof(*entries));
	free(w->entries);
	w->entries = entries;
	w->room = room;
	return true;
}

static void make_room(struct ws_twoway *w, bool is_good, int64_t t1)
{
	size_t in_block = w->count - w->done;
	int64_t span;

	if (is_good && w->begun && in_block >= WS_TWOWAY_BLOCK_MIN) {
		bool far = __builtin_sub_overflow(t1, w->begin_ns, &span) ||
			   span >= w->config.block_ns || span <= -w->config.block_ns;

		if (far) {
			complete_block(w);
		}
	}
	if (w->bad >= BAD_MOST || w->count - w->done >= BLOCK_MOST) {
		complete_block(w);
	}
	if (w->count == w->room && !grow(w)) {
		flush(w);
	}
}

/* --- Outliers and steps --- */

static bool view_fits(
	const struct ws_twoway *w, const struct view *v, const struct ws_twoway_entry *e)
{
	for (int s = 0; s < WS_SIDES; s++) {
		struct ws_limit own = ws_entry_limit(e, s, w->bound.error);

		if (ws_limits_cross(
			    ws_limit_at(&v->limit[1 - s], own.at, 0, WS_RATE_MOST), own.most)) {
			return false;
		}
	}
	return true;
}

static void view_learn(const struct ws_twoway *w, struct view *v, const struct ws_twoway_entry *e)
{
	for (int s = 0; s < WS_SIDES; s++) {
		struct ws_limit own = ws_entry_limit(e, s, w->bound.error);

		if (!v->count || own.most < ws_limit_at(&v->limit[s], own.at, 0, WS_RATE_MOST)) {
			v->limit[s] = own;
		}
	}
}

/* The middle of a view. */
static int64_t view_offset(const struct ws_twoway *w, const struct view *v, int64_t at)
{
	double rate = w->drift.now.rate;
	__int128 upper = ws_limit_at(&v->limit[0], at, rate, 0);

	return clamp((upper - ws_limit_at(&v->limit[1], at, -rate, 0)) / 2);
}

static void drop_next(struct ws_twoway *w)
{
	for (size_t i = w->next_first; i < w->count; i++) {
		w->entries[i].doubt = DOUBT_NONE;
	}
	w->next.count = 0;
}

/* Wide ones right before the first that fits the next view alone may be of either. */
static void doubt_before(struct ws_twoway *w)
{
	for (size_t i = w->next_first; i-- > 0;) {
		struct ws_twoway_entry *e = &w->entries[i];

		if (e->stretch == w->stretch && !view_fits(w, &w->next, e)) {
			return;
		}
		e->stretch = 0;
	}
}

static void take_next(struct ws_twoway *w)
{
	/* Less than what follows: the beginning was no clock, but outliers. */
	bool step = w->now.count >= STEP_NEEDS_AT_END;
	int64_t at = w->next.limit[0].at;

	doubt_before(w);
	for (size_t i = 0; i < w->count; i++) {
		struct ws_twoway_entry *e = &w->entries[i];

		if (i >= w->next_first && e->doubt != DOUBT_NONE) {
			e->stretch = w->stretch + 1;
			e->doubt = DOUBT_NONE;
		} else if (e->stretch == w->stretch && (i >= w->next_first || !step)) {
			e->stretch = 0;
		}
	}
	if (step) {
		w->steps++;
		w->last_step_ns =
			clamp((__int128)view_offset(w, &w->next, at) - view_offset(w, &w->now, at));
	}
	w->stretch++;
	w->now = w->next;
	w->next.count = 0;
}

static void begin_next(struct ws_twoway *w, struct ws_twoway_entry *e)
{
	view_learn(w, &w->next, e);
	w->next.count = 1;
	w->next_first = (size_t)(e - w->entries);
	e->doubt = DOUBT_NEW;
}

/*
 * The next view gains by each exchange that fits it alone and loses by each that does not fit it. So single
 * outliers neither begin anything nor hinder a step.
 */
static void judge(struct ws_twoway *w, struct ws_twoway_entry *e)
{
	bool now = !w->now.count || view_fits(w, &w->now, e);
	bool next = w->next.count && view_fits(w, &w->next, e);

	if (now && next) {
		e->stretch = w->stretch;
		e->doubt = DOUBT_BOTH;
		view_learn(w, &w->next, e);
	} else if (now) {
		e->stretch = w->stretch;
		view_learn(w, &w->now, e);
		w->now.count++;
		if (w->next.count && --w->next.count == 0) {
			drop_next(w);
		}
	} else if (next) {
		e->doubt = DOUBT_NEW;
		view_learn(w, &w->next, e);
		w->next.count++;
		if (w->next.count >= STEP_NEEDS || w->next.count > w->now.count) {
			take_next(w);
		}
	} else if (!w->next.count) {
		begin_next(w, e);
	} else if (--w->next.count == 0) {
		drop_next(w);
		begin_next(w, e);
	}
}

static bool is_time(int64_t t)
{
	return t > -TIME_MOST && t < TIME_MOST;
}

/* The stamps agree with each other. */
static bool is_good(const struct ws_twoway *w, const struct ws_exchange *x)
{
	int64_t error = w->config.stamp_error_ns, all, residence;

	if (!is_time(x->t1) || !is_time(x->t2) || !is_time(x->t3) || !is_time(x->t4) ||
		!is_time(x->t2 - x->t1) || !is_time(x->t4 - x->t3)) {
		return false;
	}
	all = x->t4 - x->t1;
	residence = x->t3 - x->t2;
	if (all < -error || residence < -error || all > HOUR || residence > HOUR) {
		return false;
	}
	return (double)(all - residence) >=
	       -2.0 * (double)w->bound.error - WS_RATE_MOST * (double)residence;
}

void ws_twoway_add(struct ws_twoway *w, const struct ws_exchange *x)
{
	bool good = w->config.same_clock || is_good(w, x);
	struct ws_twoway_entry *e;

	if (w->config.same_clock) {
		struct ws_exchange_value v;

		value_same_clock(w, x, &v);
		w->good += v.ways;
		w->config.sink(w->config.arg, &v);
		return;
	}
	make_room(w, good, x->t1);
	e = &w->entries[w->count++];
	*e = (struct ws_twoway_entry){.x = *x};
	if (!good) {
		w->bad++;
		return;
	}
	w->good++;
	if (!w->begun) {
		w->begun = true;
		w->begin_ns = x->t1;
	}
	judge(w, e);
}

void ws_twoway_finish(struct ws_twoway *w)
{
	if (w->next.count >= STEP_NEEDS_AT_END) {
		take_next(w);
	} else if (w->next.count) {
		drop_next(w);
	}
	ws_drift_add(&w->drift, w->entries + w->done, w->count - w->done, w->bound.error);
	give_out(w, w->count);
	w->done = 0;
	w->bad = 0;
	w->begun = false;
}

void ws_twoway_clocks(const struct ws_twoway *w, struct ws_twoway_clocks *ret)
{
	if (w->config.same_clock) {
		*ret = (struct ws_twoway_clocks){
			.known = w->good > 0, .offset_error_ns = w->config.stamp_error_ns};
		return;
	}
	ws_drift_clocks(&w->drift, ret);
	ret->known = ret->known && w->good > 0;
	ret->steps = w->steps;
	ret->last_step_ns = w->last_step_ns;
}
