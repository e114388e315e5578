/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples are kept in a ring; with each one the line (clockfit_line.c) and what all of them allow (clockfit_limit.c) are
 * found anew. A sample is odd if what it says for certain and what the others allow have nothing in common; so
 * noise, however large, is never taken for a jump, as long as it is within its windows.
 */
#include "core/clockfit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clockfit_own.h"

#define SAMPLES_MIN 8
#define SAMPLES_MAX 65536
#define RATE_MOST \
	1e-3 /* two clocks at their limits, against each other: of one that has but one sample */
#define ODD_MOST   3 /* after as many it has jumped, whether or not they agree */
#define ASIDE_MOST 4
#define FAR \
	10 /* standard deviations that something off the line is beyond, if its window allows both */
#define FAR_FREEDOM 8.0 /* from so much on the scatter tells that */
#define FAR_SHARE \
	16 /* and that part of the window: as where in it the clock is read may change a little */
#define FREEDOM_MIN 2.0	 /* with less the scatter tells nothing */
#define UNTOLD_NS   1000 /* before there is a scatter */
#define FARTHEST    4e18

struct ws_clockfit {
	struct ws_clockfit_config c;
	struct ws_clock_sample *ring;
	unsigned first, count;
	struct aside {
		struct ws_clock_sample s;
		double off; /* the line that there was */
	} aside[ASIDE_MOST];
	unsigned asides;
	bool impossible; /* among them is one that is on no line with the others; else they are but far off */
	uint64_t samples, odd, jumps;

	/* Of the samples in the ring, if there are 2. */
	struct ws_fitpoint *points;
	struct ws_fitscratch scratch;
	int64_t x0, y0; /* what points are relative to: the oldest sample */
	struct ws_fitline line;
	struct ws_fitlimit limit;
	bool untold; /* one has no window */
};

int ws_clockfit_new(struct ws_clockfit **ret, const struct ws_clockfit_config *config)
{
	struct ws_clockfit *f;
	size_t n = config->samples;

	if (n < SAMPLES_MIN || n > SAMPLES_MAX || config->span_ns < 0 ||
		config->resolution_ns < 1) {
		return -EINVAL;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		return -ENOMEM;
	}
	f->c = *config;
	f->ring = calloc(n, sizeof(*f->ring));
	f->points = calloc(3 * n, sizeof(*f->points));
	f->scratch.weight = calloc(2 * n, sizeof(*f->scratch.weight));
	if (!f->ring || !f->points || !f->scratch.weight) {
		ws_clockfit_free(f);
		return -ENOMEM;
	}
	f->scratch.value = f->scratch.weight + n;
	f->scratch.low = f->points + n;
	f->scratch.high = f->points + 2 * n;
	*ret = f;
	return 0;
}

void ws_clockfit_free(struct ws_clockfit *f)
{
	if (!f) {
		return;
	}
	free(f->ring);
	free(f->points);
	free(f->scratch.weight);
	free(f);
}

static const struct ws_clock_sample *sample_at(const struct ws_clockfit *f, unsigned i)
{
	return &f->ring[(f->first + i) % f->c.samples];
}

static double difference(int64_t a, int64_t b)
{
	int64_t d;

	return __builtin_sub_overflow(a, b, &d) ? (double)a - (double)b : (double)d;
}

/* What a sample says for certain; where it has no window, what the scatter lets expect. */
static double half_of(const struct ws_clockfit *f, const struct ws_clock_sample *s)
{
	double resolution = (double)f->c.resolution_ns;

	if (s->window_ns > 0) {
		/* The middle of a window is a whole number. */
		return (double)s->window_ns / 2 + resolution + 1;
	}
	return fmax(f->count > 4 ? 10 * f->line.scatter : UNTOLD_NS, 2 * resolution + 20);
}

static void find(struct ws_clockfit *f)
{
	double half_untold;

	if (f->count < 2) {
		return;
	}
	half_untold = half_of(f, &(struct ws_clock_sample){0});
	f->x0 = sample_at(f, 0)->ref_ns;
	f->y0 = sample_at(f, 0)->offset_ns;
	f->untold = false;
	for (unsigned i = 0; i < f->count; i++) {
		const struct ws_clock_sample *s = sample_at(f, i);

		f->points[i] = (struct ws_fitpoint){
			.x = difference(s->ref_ns, f->x0),
			.y = difference(s->offset_ns, f->y0),
			.window = (double)s->window_ns,
			.half = s->window_ns ? half_of(f, s) : half_untold,
		};
		f->untold = f->untold || !s->window_ns;
	}
	ws_fitline_find(&f->line, f->points, f->count, (double)f->c.resolution_ns, &f->scratch);
	ws_fitlimit_find(&f->limit, f->points, f->count, &f->line, &f->scratch);
}

static void keep(struct ws_clockfit *f, const struct ws_clock_sample *s)
{
	if (f->count == f->c.samples) {
		f->first = (f->first + 1) % f->c.samples;
		f->count--;
	}
	f->ring[(f->first + f->count++) % f->c.samples] = *s;
	/* The newest two are a line, whatever lay between them. */
	while (f->c.span_ns && f->count > 2 &&
		difference(s->ref_ns, sample_at(f, 0)->ref_ns) > (double)f->c.span_ns) {
		f->first = (f->first + 1) % f->c.samples;
		f->count--;
	}
}

static int64_t rounded(double v)
{
	return llround(fmin(fmax(v, -FARTHEST), FARTHEST));
}

static int64_t saturated(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (a < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static double line_at(const struct ws_fitline *l, double x)
{
	return l->a + l->b * x;
}

/* What the others let the sample's offset be: its middle, and from there down and up. There is one of them at least. */
static int64_t expect(const struct ws_clockfit *f, const struct ws_clock_sample *s,
	double *ret_least, double *ret_most)
{
	const struct ws_clock_sample *last = sample_at(f, f->count - 1);
	double x;

	if (f->count < 2) {
		*ret_most = half_of(f, last) + RATE_MOST * difference(s->ref_ns, last->ref_ns);
		*ret_least = -*ret_most;
		return last->offset_ns;
	}
	x = difference(s->ref_ns, f->x0);
	ws_fitlimit_at(&f->limit, x, ret_least, ret_most);
	return saturated(f->y0, rounded(line_at(&f->line, x)));
}

enum place { ON_IT, FAR_OFF, IMPOSSIBLE };

/* A window may allow more than the scatter lets expect. How it changed from the shortest may have moved the reading. */
static bool is_far(const struct ws_clockfit *f, const struct ws_clock_sample *s, double off)
{
	const struct ws_fitline *l = &f->line;
	double window = (double)s->window_ns, x = difference(s->ref_ns, f->x0);

	return f->count > 2 && l->freedom >= FAR_FREEDOM && s->window_ns > 0 &&
	       fabs(off) >
		       FAR * l->scatter + fabs(window - l->shortest) / 2 + window / FAR_SHARE +
			       ws_fitline_quantile(l->freedom) * sqrt(ws_fitline_variance(l, x)) +
			       ws_fitline_bend(l, x);
}

static enum place find_place(
	const struct ws_clockfit *f, const struct ws_clock_sample *s, double *ret_off)
{
	const struct ws_clock_sample *last = sample_at(f, f->count - 1);
	double least, most, half = half_of(f, s), off;

	off = difference(s->offset_ns, expect(f, s, &least, &most));
	*ret_off = off;
	if (s->ref_ns <= last->ref_ns || off - half > most || off + half < least) {
		return IMPOSSIBLE;
	}
	return is_far(f, s, off) ? FAR_OFF : ON_IT;
}

/* Whether two that lie off the line are of one new line. */
static bool agree(const struct ws_clockfit *f, const struct ws_clock_sample *a,
	const struct ws_clock_sample *b)
{
	double dx = difference(b->ref_ns, a->ref_ns);

	return dx > 0 && fabs(difference(b->offset_ns, a->offset_ns)) <=
				 half_of(f, a) + half_of(f, b) + RATE_MOST * dx;
}

/* Those that are far off: on one side, and near a line of their own. Else there is just more noise. */
static bool are_elsewhere(const struct ws_clockfit *f)
{
	const struct aside *first = &f->aside[0], *last = &f->aside[f->asides - 1];
	double span = difference(last->s.ref_ns, first->s.ref_ns);

	for (unsigned i = 0; i < f->asides; i++) {
		const struct aside *a = &f->aside[i];
		double x = difference(a->s.ref_ns, first->s.ref_ns);
		double chord = first->off + (last->off - first->off) * x / span;
		double may = FAR / 2 * f->line.scatter +
			     fabs((double)a->s.window_ns - f->line.shortest) / 2;

		if ((a->off < 0) != (first->off < 0) || fabs(a->off - chord) > may) {
			return false;
		}
	}
	return true;
}

/* Begins anew with those that were kept aside, from the newest on as far back as they are of one line. */
static void begin_again(struct ws_clockfit *f)
{
	unsigned from = f->asides - 1;

	while (from > 0 && agree(f, &f->aside[from - 1].s, &f->aside[from].s)) {
		from--;
	}
	f->count = 0;
	f->jumps++;
	for (unsigned i = from; i < f->asides; i++) {
		keep(f, &f->aside[i].s);
	}
	f->odd -= f->asides - from;
	f->asides = 0;
	find(f);
}

/* They were nothing but noise. */
static void take_back(struct ws_clockfit *f)
{
	for (unsigned i = 0; !f->impossible && i < f->asides; i++) {
		keep(f, &f->aside[i].s);
		f->odd--;
	}
	f->asides = 0;
}

static bool has_jumped(const struct ws_clockfit *f, enum place place)
{
	const struct aside *newest = &f->aside[f->asides - 1];

	if (place == IMPOSSIBLE) {
		return f->asides >= ODD_MOST ||
		       (f->asides > 1 && agree(f, &newest[-1].s, &newest->s));
	}
	return f->asides == ASIDE_MOST && (f->impossible || are_elsewhere(f));
}

enum ws_clockfit_event ws_clockfit_add(
	struct ws_clockfit *f, const struct ws_clock_sample *s, int64_t *ret_jump_ns)
{
	enum place place = ON_IT;
	double off = 0;

	*ret_jump_ns = 0;
	f->samples++;
	if (f->count) {
		place = find_place(f, s, &off);
	}
	if (place == ON_IT) {
		take_back(f);
		keep(f, s);
		find(f);
		return WS_CLOCKFIT_OK;
	}
	f->impossible = (f->asides && f->impossible) || place == IMPOSSIBLE;
	f->aside[f->asides++] = (struct aside){*s, off};
	f->odd++;
	if (has_jumped(f, place)) {
		*ret_jump_ns = rounded(off);
		begin_again(f);
		return WS_CLOCKFIT_JUMPED;
	}
	if (f->asides == ASIDE_MOST) {
		take_back(f);
		find(f);
		return WS_CLOCKFIT_OK;
	}
	return WS_CLOCKFIT_ODD;
}

void ws_clockfit_forget(struct ws_clockfit *f)
{
	f->count = 0;
	f->asides = 0;
}

void ws_clockfit_state(const struct ws_clockfit *f, struct ws_clockfit_state *ret)
{
	double x;

	*ret = (struct ws_clockfit_state){
		.samples = f->samples, .odd = f->odd, .jumps = f->jumps, .used = f->count};
	if (!f->count) {
		return;
	}
	ret->from_ns = sample_at(f, 0)->ref_ns;
	ret->to_ns = sample_at(f, f->count - 1)->ref_ns;
	ret->offset_ns = sample_at(f, f->count - 1)->offset_ns;
	ret->window_ns = sample_at(f, 0)->window_ns;
	if (f->count < 2) {
		return;
	}
	ret->window_ns = rounded(f->line.shortest);
	x = difference(ret->to_ns, f->x0);
	ret->offset_ns = saturated(f->y0, rounded(line_at(&f->line, x)));
	ret->rate_ppb = f->line.b * 1e9;
	ret->scatter_ns = f->line.scatter;
	/* Where the scatter tells nothing, what all samples allow does. */
	ret->rate_error_ppb = (f->limit.rate_most - f->limit.rate_least) / 2 * 1e9;
	if (f->line.freedom >= FREEDOM_MIN) {
		double rate = sqrt(fmax(f->line.seen[2], f->line.model[2]));

		ret->rate_error_ppb = fmin(
			ret->rate_error_ppb, ws_fitline_quantile(f->line.freedom) * rate * 1e9);
	}
}

/* Of the line at x. */
struct error {
	double variance; /* by chance */
	double freedom;	 /* in knowing it */
	double bend;	 /* by the line being none: may be alike in all places */
	double limit;
};

static struct error error_at(const struct ws_clockfit *f, double x)
{
	double least, most;

	ws_fitlimit_at(&f->limit, x, &least, &most);
	return (struct error){
		.variance = ws_fitline_variance(&f->line, x),
		.freedom = f->line.freedom,
		.bend = ws_fitline_bend(&f->line, x),
		.limit = fmax(fmax(most, -least), 0) + 1,
	};
}

/* Of a sum of both. Degrees of freedom as Welch and Satterthwaite have them. */
static struct error both(const struct error *a, const struct error *b)
{
	struct error e = {
		.variance = a->variance + b->variance,
		.freedom = fmin(a->freedom, b->freedom),
		.bend = a->bend + b->bend,
		.limit = a->limit + b->limit,
	};

	if (e.freedom >= FREEDOM_MIN && e.variance > 0) {
		e.freedom = e.variance * e.variance /
			    (a->variance * a->variance / a->freedom +
				    b->variance * b->variance / b->freedom);
	}
	return e;
}

static struct ws_clockfit_error told(const struct error *e, bool untold, bool likely)
{
	struct ws_clockfit_error r = {.limit_ns = untold ? INT64_MAX : rounded(ceil(e->limit))};
	double ns = ws_fitline_quantile(e->freedom) * sqrt(e->variance) + e->bend + 1;

	/* Where the scatter tells nothing, the limit does, even if it comes from a scatter before. */
	ns = e->freedom < FREEDOM_MIN ? fmax(ns, e->limit) : ns;
	r.likely_ns = likely ? rounded(ceil(ns)) : r.limit_ns;
	r.likely_ns = r.likely_ns < r.limit_ns ? r.likely_ns : r.limit_ns;
	return r;
}

static bool to_reference(
	const struct ws_clockfit *f, int64_t clock_ns, int64_t *ret_ref_ns, double *ret_x)
{
	int64_t clock0;

	/* One that stands still has been everywhere at this time. */
	if (f->count < 2 || f->line.b <= -0.5 || __builtin_add_overflow(f->x0, f->y0, &clock0)) {
		return false;
	}
	*ret_x = (difference(clock_ns, clock0) - f->line.a) / (1 + f->line.b);
	return fabs(*ret_x) < FARTHEST &&
	       !__builtin_add_overflow(f->x0, llround(*ret_x), ret_ref_ns);
}

static bool from_reference(const struct ws_clockfit *f, int64_t ref_ns, double fraction,
	int64_t *ret_ns, double *ret_x)
{
	double x, beyond;
	int64_t clock0, whole;

	if (f->count < 2 || __builtin_add_overflow(f->x0, f->y0, &clock0) ||
		__builtin_sub_overflow(ref_ns, f->x0, &whole) ||
		__builtin_add_overflow(clock0, whole, &clock0)) {
		return false;
	}
	x = (double)whole + fraction;
	beyond = line_at(&f->line, x) + fraction;
	*ret_x = x;
	return fabs(beyond) < FARTHEST && !__builtin_add_overflow(clock0, llround(beyond), ret_ns);
}

bool ws_clockfit_to_reference(const struct ws_clockfit *f, int64_t clock_ns, int64_t *ret_ref_ns,
	struct ws_clockfit_error *ret_error)
{
	struct error e;
	int64_t ref;
	double x;

	if (!to_reference(f, clock_ns, &ref, &x)) {
		return false;
	}
	e = error_at(f, x);
	*ret_ref_ns = ref;
	*ret_error = told(&e, f->untold, true);
	return true;
}

bool ws_clockfit_from_reference(const struct ws_clockfit *f, int64_t ref_ns, int64_t *ret_clock_ns,
	struct ws_clockfit_error *ret_error)
{
	struct error e;
	int64_t clock;
	double x;

	if (!from_reference(f, ref_ns, 0, &clock, &x)) {
		return false;
	}
	e = error_at(f, x);
	*ret_clock_ns = clock;
	*ret_error = told(&e, f->untold, true);
	return true;
}

bool ws_clockfit_between(const struct ws_clockfit *a, const struct ws_clockfit *b, bool read_alike,
	int64_t a_ns, int64_t *ret_b_ns, struct ws_clockfit_error *ret_error)
{
	struct error ea, eb, e;
	int64_t ref, b_ns;
	double xa, xb;

	if (!to_reference(a, a_ns, &ref, &xa) ||
		!from_reference(b, ref, xa - (double)(ref - a->x0), &b_ns, &xb)) {
		return false;
	}
	ea = error_at(a, xa);
	eb = error_at(b, xb);
	e = both(&ea, &eb);
	/* What one window is longer by may lie on one side of the reading: in that they are not alike. */
	e.bend += fabs(a->line.window - b->line.window) / 2;
	*ret_b_ns = b_ns;
	*ret_error = told(&e, a->untold || b->untold, read_alike);
	return true;
}
