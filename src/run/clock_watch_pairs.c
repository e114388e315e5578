/* SPDX-License-Identifier: BSD-2-Clause */
/* The using side: samples become fits, pairs wait for them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/clock.h"
#include "run/clock_watch_own.h"

#define ALIKE_NS \
	200000000 /* two clocks that jump by the same within that: it was the system's clock */
#define ALIKE_LEAST 2000
#define ALIKE_PART  4

/* --- Events --- */

static struct ws_clock_watch_event *new_event(
	struct ws_clock_watch *w, enum ws_clock_watch_kind kind, int64_t at_ns)
{
	struct ws_clock_watch_event *e;

	if (w->events_all++ >= WS_CLOCK_WATCH_EVENTS) {
		return NULL;
	}
	e = &w->events[w->events_all - 1];
	*e = (struct ws_clock_watch_event){.kind = kind, .at_ns = at_ns};
	return e;
}

static void duration(char *text, size_t size, int64_t ns)
{
	double v = (double)ns;
	double a = v < 0 ? -v : v;

	if (a >= 1e9) {
		snprintf(text, size, "%+.6f s", v / 1e9);
	} else if (a >= 1e6) {
		snprintf(text, size, "%+.3f ms", v / 1e6);
	} else if (a >= 1e3) {
		snprintf(text, size, "%+.3f us", v / 1e3);
	} else {
		snprintf(text, size, "%+" PRId64 " ns", ns);
	}
}

static enum ws_clock_watch_end end_of(const struct ws_clock_watch *w, unsigned clock)
{
	return w->clock_of[WS_CLOCK_WATCH_TX] == (int)clock ? WS_CLOCK_WATCH_TX : WS_CLOCK_WATCH_RX;
}

/* "the receiving end's clock ptp1 (name)". */
static void name_clock(const struct ws_clock_watch *w, unsigned clock, char *text, size_t size)
{
	const char *name = ws_phc_info(w->phc[clock])->name;
	enum ws_clock_watch_end end = end_of(w, clock);

	snprintf(text, size, "%s clock ptp%d%s%s%s",
		w->clock_of[0] == w->clock_of[1] ? "both ends'"
		: end == WS_CLOCK_WATCH_TX	 ? "the transmitting end's"
						 : "the receiving end's",
		w->c.index[end], name[0] ? " (" : "", name, name[0] ? ")" : "");
}

/* Two cards do not jump by the same at the same time. */
static bool is_of_both(const struct ws_clock_watch *w, unsigned clock, int64_t at_ns, int64_t by_ns)
{
	const struct ws_clock_watch_event *e;
	int64_t apart, most;

	if (w->last_jump < 0) {
		return false;
	}
	e = &w->events[w->last_jump];
	if (e->end == end_of(w, clock) || at_ns - e->at_ns > ALIKE_NS ||
		__builtin_sub_overflow(by_ns, e->by_ns, &apart)) {
		return false;
	}
	most = (e->by_ns < 0 ? -e->by_ns : e->by_ns) / ALIKE_PART;
	most = most > ALIKE_LEAST ? most : ALIKE_LEAST;
	return (by_ns < 0) == (e->by_ns < 0) && apart <= most && apart >= -most;
}

static void count_jump(struct ws_clock_known *k, int64_t at_ns, int64_t by_ns)
{
	int64_t by = by_ns < 0 ? -by_ns : by_ns;
	int64_t most = k->jump_ns < 0 ? -k->jump_ns : k->jump_ns;

	k->jumps++;
	if (by >= most) {
		k->jump_ns = by_ns;
		k->jump_at_ns = at_ns;
	}
}

/* The one that was told of before was none. */
static void forget_jump(struct ws_clock_watch *w, const struct ws_clock_watch_event *e)
{
	struct ws_clock_known *k = &w->known[w->clock_of[e->end]];

	k->jumps--;
	if (k->jump_at_ns == e->at_ns) {
		k->jump_ns = k->jump_at_ns = 0;
	}
}

static void tell_jump(struct ws_clock_watch *w, unsigned clock, int64_t at_ns, int64_t by_ns)
{
	struct ws_clock_watch_event *e;
	char name[96], by[32];

	if (is_of_both(w, clock, at_ns, by_ns)) {
		e = &w->events[w->last_jump];
		forget_jump(w, e);
		e->kind = WS_CLOCK_WATCH_SLEWED;
		duration(by, sizeof(by), -by_ns);
		snprintf(e->text, sizeof(e->text),
			"the system clock changed its rate at once, or moved by %s, against both "
			"cards' clocks",
			by);
		w->last_jump = -1;
		return;
	}
	count_jump(&w->known[clock], at_ns, by_ns);
	e = new_event(w, WS_CLOCK_WATCH_JUMPED, at_ns);
	if (!e) {
		return;
	}
	w->last_jump = (int)(e - w->events);
	e->end = end_of(w, clock);
	e->by_ns = by_ns;
	name_clock(w, clock, name, sizeof(name));
	duration(by, sizeof(by), by_ns);
	snprintf(
		e->text, sizeof(e->text), "%s jumped by %s, or changed its rate at once", name, by);
}

static void tell_step(struct ws_clock_watch *w, int64_t at_ns, int64_t by_ns)
{
	struct ws_clock_watch_event *e = new_event(w, WS_CLOCK_WATCH_REFERENCE, at_ns);
	char by[32];

	if (e) {
		e->by_ns = by_ns;
		duration(by, sizeof(by), by_ns);
		snprintf(e->text, sizeof(e->text), "the system clock was set by %s", by);
	}
}

static void tell_gone(struct ws_clock_watch *w, unsigned clock, int error)
{
	struct ws_clock_watch_event *e = new_event(w, WS_CLOCK_WATCH_GONE, w->known[clock].good_ns);
	char name[96];

	if (e) {
		e->end = end_of(w, clock);
		e->error = error;
		name_clock(w, clock, name, sizeof(name));
		snprintf(e->text, sizeof(e->text), "%s cannot be read any more: %s", name,
			strerror(-error));
	}
}

/* --- Pairs --- */

static unsigned clock_at(const struct ws_clock_watch *w, int end)
{
	return w->clock_of[end] < 0 ? WS_CLOCK_REFERENCE : (unsigned)w->clock_of[end];
}

static bool may_have_jumped(const struct ws_clock_watch *w, const struct ws_clock_pair *p)
{
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		const struct ws_clock_known *k = &w->known[clock_at(w, i)];

		if (p->after_ns < k->unknown_ns || (k->odd && p->before_ns > k->good_ns)) {
			return true;
		}
	}
	return false;
}

static bool is_good_after(const struct ws_clock_watch *w, int64_t ns)
{
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		if (w->known[clock_at(w, i)].good_ns < ns) {
			return false;
		}
	}
	return true;
}

static bool is_settled(const struct ws_clock_watch *w, const struct ws_clock_pair *p)
{
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		const struct ws_clock_known *k = &w->known[clock_at(w, i)];
		int64_t after;

		if (!k->gone && (__builtin_add_overflow(p->before_ns, w->c.settle_ns, &after) ||
					k->good_ns < after)) {
			return false;
		}
	}
	return true;
}

static void widen(int64_t *inout, int64_t by)
{
	if (__builtin_add_overflow(*inout, by, inout)) {
		*inout = INT64_MAX;
	}
}

struct latency {
	int64_t ns;
	struct ws_clockfit_error error;
};

/* A card's ns are as long as its clock's rate makes them. False: it does not run. */
static bool scale(const struct ws_clock_watch *w, struct latency *l)
{
	int clock = w->clock_of[WS_CLOCK_WATCH_RX];
	struct ws_clockfit_state s;
	double ns = (double)l->ns, error;

	if (clock < 0 || clock == w->clock_of[WS_CLOCK_WATCH_TX]) {
		return true;
	}
	ws_clockfit_state(w->fit[clock], &s);
	error = (ns < 0 ? -ns : ns) * s.rate_error_ppb / 1e9;
	if (s.rate_ppb < -5e8 || error > 4e18 || ns > 4e18 || ns < -4e18) {
		return false;
	}
	l->ns -= (int64_t)(ns * s.rate_ppb / (1e9 + s.rate_ppb));
	widen(&l->error.likely_ns, (int64_t)error);
	widen(&l->error.limit_ns, (int64_t)error);
	return true;
}

static void keep_worst(int64_t *worst, int64_t ns)
{
	*worst = ns > *worst ? ns : *worst;
}

static void give_back(struct ws_clock_watch *w)
{
	struct ws_clock_pair p = w->pairs[w->first];
	struct latency l = {0};
	int64_t expected;
	bool known;

	w->first = (w->first + 1) % w->c.pairs;
	w->count--;
	w->given++;
	known = !may_have_jumped(w, &p) &&
		ws_clock_watch_between(w, p.tx_ns, &expected, &l.error) &&
		!__builtin_sub_overflow(p.rx_ns, expected, &l.ns) && scale(w, &l);
	if (known) {
		w->early += !is_good_after(w, p.before_ns);
		keep_worst(&w->error_ns, l.error.likely_ns);
		keep_worst(&w->limit_ns, l.error.limit_ns);
	} else {
		l = (struct latency){0};
		w->unknown++;
	}
	if (w->sink) {
		w->sink(w->arg, &p, known, l.ns, l.error.likely_ns);
	}
}

static void give_back_settled(struct ws_clock_watch *w)
{
	while (w->count && is_settled(w, &w->pairs[w->first])) {
		give_back(w);
	}
}

/* What lies before a possible jump is told by what is known now: after it nobody knows. */
static void give_back_until(struct ws_clock_watch *w, int64_t ns)
{
	while (w->count && w->pairs[w->first].before_ns <= ns) {
		give_back(w);
	}
}

/* --- Samples --- */

static int64_t middle(const struct ws_clock_step *s)
{
	return s->least + (s->most - s->least) / 2;
}

/* False: CLOCK_REALTIME was set since the last time. */
static bool narrow(struct ws_clock_watch *w, const struct ws_clock_step *s)
{
	if (!w->has_step) {
		w->has_step = true;
		w->step = *s;
		w->base_ns = middle(s);
		return true;
	}
	if (s->least > w->step.most || s->most < w->step.least) {
		return false;
	}
	w->step.least = s->least > w->step.least ? s->least : w->step.least;
	w->step.most = s->most < w->step.most ? s->most : w->step.most;
	return true;
}

/*
 * By how much it moved is not known as well as what the cards' clocks are, and whether they moved at the same time
 * is not known either: all begins anew.
 */
static void was_set(struct ws_clock_watch *w, const struct ws_clock_step *s)
{
	for (int k = 0; k < WS_CLOCKS; k++) {
		w->known[k].odd = true;
		w->known[k].anew = true;
	}
	while (w->count) {
		give_back(w);
	}
	tell_step(w, w->known[WS_CLOCK_REFERENCE].good_ns, middle(s) - middle(&w->step));
	for (unsigned k = 0; k < w->clocks; k++) {
		ws_clockfit_forget(w->fit[k]);
	}
	w->step = *s;
	w->base_ns = middle(s);
}

static void is_good(struct ws_clock_known *k, int64_t at_ns)
{
	if (k->anew) {
		k->unknown_ns = at_ns;
	}
	k->odd = k->anew = false;
	k->good_ns = at_ns > k->good_ns ? at_ns : k->good_ns;
}

static void take(struct ws_clock_watch *w, const struct ws_clock_record *r)
{
	struct ws_clock_known *k = &w->known[r->clock];
	struct ws_clock_sample s = r->sample;
	struct ws_clockfit_state state;
	int64_t by;

	if (r->error) {
		k->gone = true;
		k->error = r->error;
		tell_gone(w, r->clock, r->error);
		return;
	}
	if (!narrow(w, &r->before)) {
		was_set(w, &r->before);
	}
	if (!narrow(w, &r->after)) {
		/* While the clock was read: it is not known against what. */
		was_set(w, &r->after);
		return;
	}
	k->samples++;
	if (__builtin_sub_overflow(s.ref_ns, w->base_ns, &s.ref_ns) ||
		__builtin_add_overflow(s.offset_ns, w->base_ns, &s.offset_ns)) {
		return;
	}
	switch (ws_clockfit_add(w->fit[r->clock], &s, &by)) {
	case WS_CLOCKFIT_OK:
		is_good(k, s.ref_ns);
		is_good(&w->known[WS_CLOCK_REFERENCE], s.ref_ns);
		break;
	case WS_CLOCKFIT_ODD:
		k->odd = true;
		give_back_until(w, k->good_ns);
		break;
	case WS_CLOCKFIT_JUMPED:
		ws_clockfit_state(w->fit[r->clock], &state);
		tell_jump(w, r->clock, state.from_ns, by);
		is_good(k, s.ref_ns);
		k->unknown_ns = state.from_ns + state.window_ns;
		break;
	}
}

static void take_all(struct ws_clock_watch *w)
{
	const struct ws_clock_record *r;

	while ((r = ws_spsc_front(w->ring)) != NULL) {
		take(w, r);
		ws_spsc_pop(w->ring);
		give_back_settled(w);
	}
}

void ws_clock_watch_use(struct ws_clock_watch *w, ws_clock_pair_sink sink, void *arg)
{
	w->sink = sink;
	w->arg = arg;
}

void ws_clock_watch_step(struct ws_clock_watch *w)
{
	take_all(w);
}

void ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair)
{
	struct ws_clock_pair *own;

	if (w->count == w->c.pairs) {
		give_back(w);
	}
	own = &w->pairs[(w->first + w->count++) % w->c.pairs];
	*own = *pair;
	if (own->before_ns < own->after_ns) {
		own->before_ns = ws_clock_now();
	}
}

void ws_clock_watch_flush(struct ws_clock_watch *w)
{
	take_all(w);
	while (w->count) {
		give_back(w);
	}
}

/* --- Times --- */

/* The end that has this clock, REALTIME for those that have none; -1: none of them. */
static int end_with(const struct ws_clock_watch *w, enum ws_clock clock)
{
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		if (w->clock_of[i] < 0 ? clock == WS_CLOCK_REALTIME
				       : (int)clock == WS_CLOCK_PHC + w->c.index[i]) {
			return i;
		}
	}
	return -1;
}

bool ws_clock_watch_to_monotonic(const struct ws_clock_watch *w, struct ws_time stamp,
	int64_t *ret_ns, int64_t *ret_error_ns)
{
	struct ws_clockfit_error e = {0};
	int end = end_with(w, stamp.clock);
	int64_t monotonic, error;

	if (!w->has_step || end < 0) {
		return false;
	}
	if (w->clock_of[end] < 0) {
		if (__builtin_sub_overflow(stamp.ns, w->base_ns, &monotonic)) {
			return false;
		}
	} else if (!ws_clockfit_to_reference(w->fit[w->clock_of[end]], stamp.ns, &monotonic, &e)) {
		return false;
	}
	if (__builtin_add_overflow(monotonic, w->base_ns - middle(&w->step), &monotonic)) {
		return false;
	}
	error = e.limit_ns == INT64_MAX ? e.likely_ns : e.limit_ns;
	widen(&error, (w->step.most - w->step.least) / 2 + 1);
	*ret_ns = monotonic;
	*ret_error_ns = error;
	return true;
}

bool ws_clock_watch_between(const struct ws_clock_watch *w, int64_t tx_ns, int64_t *ret_rx_ns,
	struct ws_clockfit_error *ret_error)
{
	int tx = w->clock_of[WS_CLOCK_WATCH_TX], rx = w->clock_of[WS_CLOCK_WATCH_RX];
	struct ws_clockfit_error e = {0};
	int64_t ns;

	if (tx == rx) {
		*ret_rx_ns = tx_ns;
		*ret_error = e;
		return true;
	}
	if (tx >= 0 && rx >= 0) {
		return ws_clockfit_between(
			w->fit[tx], w->fit[rx], w->read_alike, tx_ns, ret_rx_ns, ret_error);
	}
	/* The system's own stamps lie in no window, so what is asymmetric in those of the card does not cancel out. */
	if (tx < 0 ? __builtin_sub_overflow(tx_ns, w->base_ns, &ns) ||
				!ws_clockfit_from_reference(w->fit[rx], ns, &ns, &e)
		   : !ws_clockfit_to_reference(w->fit[tx], tx_ns, &ns, &e) ||
				__builtin_add_overflow(ns, w->base_ns, &ns)) {
		return false;
	}
	e.likely_ns = e.limit_ns;
	*ret_rx_ns = ns;
	*ret_error = e;
	return true;
}

/* --- Afterwards --- */

void ws_clock_watch_restart(struct ws_clock_watch *w)
{
	for (int i = 0; i < WS_CLOCKS; i++) {
		struct ws_clock_known *k = &w->known[i];

		/* Samples of the run before are as good as any: where it jumped meanwhile, the next ones tell. */
		*k = (struct ws_clock_known){.good_ns = INT64_MIN,
			.unknown_ns = INT64_MIN,
			.gone = k->gone,
			.error = k->error};
	}
	w->first = w->count = 0;
	w->events_all = w->given = w->unknown = w->early = 0;
	w->error_ns = w->limit_ns = -1;
	w->last_jump = -1;
	atomic_store(&w->failed, 0);
	atomic_store(&w->overflowed, 0);
}

const struct ws_clock_watch_event *ws_clock_watch_events(
	const struct ws_clock_watch *w, size_t *ret_count)
{
	*ret_count = w->events_all < WS_CLOCK_WATCH_EVENTS ? w->events_all : WS_CLOCK_WATCH_EVENTS;
	return w->events;
}

static void fill_end(const struct ws_clock_watch *w, int end, struct ws_clock_watched *ret,
	struct ws_clockfit_state *ret_state)
{
	int clock = w->clock_of[end];
	const struct ws_phc_info *info;
	const struct ws_clock_known *k;

	*ret = (struct ws_clock_watched){.clock = WS_CLOCK_NONE};
	*ret_state = (struct ws_clockfit_state){0};
	if (clock < 0) {
		return;
	}
	k = &w->known[clock];
	info = ws_phc_info(w->phc[clock]);
	ws_clockfit_state(w->fit[clock], ret_state);
	*ret = (struct ws_clock_watched){
		.clock = (enum ws_clock)(WS_CLOCK_PHC + w->c.index[end]),
		.method = info->method,
		.samples = k->samples,
		.jumps = k->jumps,
		.jump_ns = k->jump_ns,
		.jump_at_ns = k->jump_at_ns,
		.window_ns = ret_state->window_ns,
		.rate_ppb = ret_state->rate_ppb,
		.scatter_ns = ret_state->scatter_ns,
		.error = k->error,
	};
	memcpy(ret->name, info->name, sizeof(ret->name));
}

void ws_clock_watch_result(const struct ws_clock_watch *w, struct ws_clock_watch_result *ret)
{
	struct ws_clockfit_state s[WS_CLOCK_WATCH_ENDS];
	struct ws_clockfit_error e;
	int64_t tx_ns, rx_ns;

	*ret = (struct ws_clock_watch_result){
		.one_clock = w->clock_of[0] == w->clock_of[1],
		.pairs = w->given,
		.unknown = w->unknown,
		.early = w->early,
		.failed = atomic_load(&w->failed),
		.overflowed = atomic_load(&w->overflowed),
		.error_ns = w->error_ns == INT64_MAX ? -1 : w->error_ns,
		.limit_ns = w->limit_ns == INT64_MAX ? -1 : w->limit_ns,
		.read_alike = w->read_alike,
	};
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		fill_end(w, i, &ret->end[i], &s[i]);
	}
	if (s[0].used > 1 && s[1].used > 1 &&
		!__builtin_add_overflow(s[0].to_ns, s[0].offset_ns, &tx_ns) &&
		ws_clock_watch_between(w, tx_ns, &rx_ns, &e) &&
		!__builtin_sub_overflow(rx_ns, tx_ns, &ret->offset_ns)) {
		ret->rate_ppb = s[1].rate_ppb - s[0].rate_ppb;
	}
}
