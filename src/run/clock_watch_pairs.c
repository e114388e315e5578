/* SPDX-License-Identifier: BSD-2-Clause */
/* The using side: samples become fits, pairs wait for them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

	if (w->counts.events++ >= WS_CLOCK_WATCH_EVENTS) {
		return NULL;
	}
	e = &w->events[w->counts.events - 1];
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
		w->c.phc[end], name[0] ? " (" : "", name, name[0] ? ")" : "");
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

static void tell_jump(struct ws_clock_watch *w, unsigned clock, int64_t at_ns, int64_t by_ns)
{
	struct ws_clock_watch_event *e;
	char name[96], by[32];

	if (is_of_both(w, clock, at_ns, by_ns)) {
		e = &w->events[w->last_jump];
		e->kind = WS_CLOCK_WATCH_SLEWED;
		duration(by, sizeof(by), -by_ns);
		snprintf(e->text, sizeof(e->text),
			"the system clock changed its rate at once, or moved by %s, against both "
			"cards' clocks",
			by);
		w->last_jump = -1;
		return;
	}
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

static void give_back(struct ws_clock_watch *w)
{
	const struct ws_clock_pair *p = &w->pairs[w->first];
	struct ws_clock_watch_counts *c = &w->counts;
	struct ws_clock_latency l = {0};
	int64_t expected;

	l.known = !may_have_jumped(w, p) &&
		  ws_clock_watch_between(w, p->tx_ns, &expected, &l.error) &&
		  !__builtin_sub_overflow(p->rx_ns, expected, &l.latency_ns);
	if (l.known) {
		l.early = !is_good_after(w, p->before_ns);
		c->early += l.early;
		c->likely_ns = l.error.likely_ns > c->likely_ns ? l.error.likely_ns : c->likely_ns;
		c->limit_ns = l.error.limit_ns > c->limit_ns ? l.error.limit_ns : c->limit_ns;
	} else {
		l = (struct ws_clock_latency){0};
		c->unknown++;
	}
	c->pairs++;
	w->c.done(w->c.arg, p, &l);
	w->first = (w->first + 1) % w->c.pairs;
	w->count--;
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
	w->counts.samples++;
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

void ws_clock_watch_collect(struct ws_clock_watch *w)
{
	take_all(w);
}

void ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair)
{
	if (w->count == w->c.pairs) {
		give_back(w);
	}
	w->pairs[(w->first + w->count++) % w->c.pairs] = *pair;
}

void ws_clock_watch_flush(struct ws_clock_watch *w)
{
	take_all(w);
	while (w->count) {
		give_back(w);
	}
}

/* --- Times --- */

static void widen(int64_t *inout, int64_t by)
{
	if (__builtin_add_overflow(*inout, by, inout)) {
		*inout = INT64_MAX;
	}
}

bool ws_clock_watch_convert(const struct ws_clock_watch *w, enum ws_clock_watch_end end, int64_t ns,
	int64_t *ret_monotonic_ns, struct ws_clockfit_error *ret_error)
{
	struct ws_clockfit_error e = {0};
	int64_t base = w->base_ns, monotonic, half;

	if (!w->has_step) {
		return false;
	}
	if (w->clock_of[end] < 0) {
		if (__builtin_sub_overflow(ns, base, &monotonic)) {
			return false;
		}
	} else if (!ws_clockfit_to_reference(w->fit[w->clock_of[end]], ns, &monotonic, &e)) {
		return false;
	}
	if (__builtin_add_overflow(monotonic, base - middle(&w->step), &monotonic)) {
		return false;
	}
	half = (w->step.most - w->step.least) / 2 + 1;
	widen(&e.likely_ns, half);
	widen(&e.limit_ns, half);
	*ret_monotonic_ns = monotonic;
	*ret_error = e;
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
		bool alike = w->c.read_alike &&
			     ws_phc_info(w->phc[tx])->method == ws_phc_info(w->phc[rx])->method;

		return ws_clockfit_between(
			w->fit[tx], w->fit[rx], alike, tx_ns, ret_rx_ns, ret_error);
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

bool ws_clock_watch_state(
	const struct ws_clock_watch *w, enum ws_clock_watch_end end, struct ws_clockfit_state *ret)
{
	if (w->clock_of[end] < 0) {
		return false;
	}
	ws_clockfit_state(w->fit[w->clock_of[end]], ret);
	return true;
}

const struct ws_clock_watch_event *ws_clock_watch_events(
	const struct ws_clock_watch *w, size_t *ret_count)
{
	*ret_count =
		w->counts.events < WS_CLOCK_WATCH_EVENTS ? w->counts.events : WS_CLOCK_WATCH_EVENTS;
	return w->events;
}

void ws_clock_watch_counts(const struct ws_clock_watch *w, struct ws_clock_watch_counts *ret)
{
	*ret = w->counts;
	ret->failed = atomic_load_explicit(&w->failed, memory_order_relaxed);
	ret->overflowed = atomic_load_explicit(&w->overflowed, memory_order_relaxed);
}
