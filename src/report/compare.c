/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/docget.h"
#include "report/page.h"
#include "report/report_out.h"

#define LEVEL	   0.95
#define NAME_ROOM  40
#define SAME_RATES 1e-9

static const struct {
	const char *name;
	double q;
} percentiles[WS_COMPARED] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999},
	{"p99.99", 0.9999}, {"p99.999", 0.99999}};

static void name_of(char name[NAME_ROOM], const struct ws_series *s)
{
	ws_copy_text(name, NAME_ROOM, s->doc->name);
}

/* The errors of both stamps, which a difference may be made of. */
static int64_t bound_of(const struct ws_series *a, const struct ws_series *b)
{
	int64_t sum;

	if (a->error_bound_ns < 0 || b->error_bound_ns < 0 ||
		__builtin_add_overflow(a->error_bound_ns, b->error_bound_ns, &sum)) {
		return -1;
	}
	return sum;
}

static int verdict_of(const struct ws_hist_difference *d, int64_t bound)
{
	int64_t least = bound > 0 ? bound : 0;

	if (d->low > 0 && d->difference > least) {
		return 1;
	}
	return d->high < 0 && d->difference < -least ? -1 : 0;
}

/* "p50 by 1.20 us (95 %: 0.90 us to 1.50 us)" for each that is so; false: there is none. */
static bool add_group(struct ws_text *t, const struct ws_comparison *c, int verdict)
{
	char by[WS_CELL_SIZE], low[WS_CELL_SIZE], high[WS_CELL_SIZE];
	bool any = false;
	unsigned i;

	for (i = 0; i < c->count; i++) {
		const struct ws_hist_difference *d = &c->row[i].d;
		double sign = verdict < 0 ? -1 : 1;

		if (c->row[i].verdict != verdict) {
			continue;
		}
		ws_text_add(t, "%s%s", any ? ", " : "", c->row[i].name);
		any = true;
		if (verdict != 0) {
			ws_format_ns(by, sizeof(by), sign * (double)d->difference);
			ws_format_ns(
				low, sizeof(low), sign * (double)(verdict < 0 ? d->high : d->low));
			ws_format_ns(high, sizeof(high),
				sign * (double)(verdict < 0 ? d->low : d->high));
			ws_text_add(t, " by %s (95%%: %s to %s)", by, low, high);
		}
	}
	return any;
}

static bool has_verdict(const struct ws_comparison *c, int verdict)
{
	unsigned i;

	for (i = 0; i < c->count; i++) {
		if (c->row[i].verdict == verdict) {
			return true;
		}
	}
	return false;
}

/* Loads have no latencies, but a rate that was reached. */
static void say_rates(struct ws_text *t, const struct ws_series *a, const struct ws_series *b)
{
	char pps_a[WS_CELL_SIZE], pps_b[WS_CELL_SIZE], name_a[NAME_ROOM], name_b[NAME_ROOM];

	name_of(name_a, a);
	name_of(name_b, b);
	ws_text_add(t,
		"%s accepted %s, %s %s (%+.2f%%): one run each, so how much of it is chance is not known",
		name_a, ws_format_pps_fine(pps_a, sizeof(pps_a), a->accepted_pps), name_b,
		ws_format_pps_fine(pps_b, sizeof(pps_b), b->accepted_pps),
		100 * (b->accepted_pps / a->accepted_pps - 1));
}

static void say_nothing(struct ws_text *t, const struct ws_series *a, const struct ws_series *b)
{
	char name[NAME_ROOM];
	bool lacks_a = !a->latency || a->latency->count == 0;
	bool lacks_b = !b->latency || b->latency->count == 0;

	if (!lacks_a && !lacks_b) {
		ws_text_add(t, "too few packets for a confidence interval of any percentile");
		return;
	}
	if (!a->latency && !b->latency && a->accepted_pps > 0 && b->accepted_pps >= 0) {
		say_rates(t, a, b);
		return;
	}
	name_of(name, lacks_a ? a : b);
	ws_text_add(t, "not comparable: %s has no latencies",
		lacks_a && lacks_b ? "neither run" : name);
}

static void sentence(struct ws_comparison *c)
{
	struct ws_text t = {0};
	char name_a[NAME_ROOM], name_b[NAME_ROOM];
	bool faster = has_verdict(c, -1), slower = has_verdict(c, 1);

	name_of(name_a, c->a);
	name_of(name_b, c->b);
	if (c->b->rate[0]) {
		ws_text_add(&t, "%s: ", c->b->rate);
	}
	if (c->count == 0) {
		say_nothing(&t, c->a, c->b);
	} else if (faster || slower) {
		ws_text_add(&t, "%s is ", name_b);
		if (faster) {
			ws_text_add(&t, "faster than %s at ", name_a);
			add_group(&t, c, -1);
		}
		if (slower) {
			ws_text_add(&t, "%sslower%s%s at ", faster ? "; " : "",
				faster ? "" : " than ", faster ? "" : name_a);
			add_group(&t, c, 1);
		}
		if (has_verdict(c, 0)) {
			ws_text_add(&t, "; not distinguishable at ");
			add_group(&t, c, 0);
		}
	} else {
		ws_text_add(&t, "%s and %s are not distinguishable at ", name_a, name_b);
		add_group(&t, c, 0);
	}
	snprintf(c->sentence, sizeof(c->sentence), "%.*s", (int)sizeof(c->sentence) - 1, t.buf);
}

/* Differences that the stamps could have made, whatever the packets did. */
static void warning(struct ws_comparison *c)
{
	struct ws_text t = {0};
	char bound[WS_CELL_SIZE];
	bool any = false;
	unsigned i;

	for (i = 0; i < c->count; i++) {
		const struct ws_hist_difference *d = &c->row[i].d;

		if (c->row[i].bound_ns >= 0 && d->difference != 0 &&
			d->difference <= c->row[i].bound_ns &&
			d->difference >= -c->row[i].bound_ns) {
			ws_text_add(&t, "%s%s", any ? ", " : "the difference at ", c->row[i].name);
			any = true;
		}
	}
	if (any) {
		ws_format_ns(bound, sizeof(bound), (double)c->row[0].bound_ns);
		ws_text_add(&t,
			" is smaller than the error of both runs' stamps (%s): it says nothing about "
			"the packets",
			bound);
	} else if (c->count > 0 && c->row[0].bound_ns < 0) {
		ws_text_add(&t,
			"the error of the stamps is not known for both runs: an offset of their clocks "
			"would look like a difference");
	}
	snprintf(c->warning, sizeof(c->warning), "%.*s", (int)sizeof(c->warning) - 1, t.buf);
}

void ws_comparison_make(
	struct ws_comparison *ret, const struct ws_series *a, const struct ws_series *b)
{
	unsigned i;

	*ret = (struct ws_comparison){.a = a, .b = b};
	for (i = 0; i < WS_COMPARED && a->latency && b->latency; i++) {
		struct ws_hist_difference d;

		if (ws_hist_compare(a->latency, b->latency, percentiles[i].q, LEVEL, &d)) {
			ret->row[ret->count].name = percentiles[i].name;
			ret->row[ret->count].q = percentiles[i].q;
			ret->row[ret->count].d = d;
			ret->row[ret->count].bound_ns = bound_of(a, b);
			ret->row[ret->count].verdict = verdict_of(&d, bound_of(a, b));
			ret->count++;
		}
	}
	sentence(ret);
	warning(ret);
}

static bool same_rate(const struct ws_series *a, const struct ws_series *b)
{
	if (isfinite(a->requested_pps) && isfinite(b->requested_pps)) {
		return fabs(a->requested_pps - b->requested_pps) <=
		       SAME_RATES * fabs(a->requested_pps);
	}
	return !isfinite(a->requested_pps) && !isfinite(b->requested_pps) &&
	       strcmp(a->rate, b->rate) == 0;
}

static void pairs_find(struct ws_comparisons *c, const struct ws_rundoc *a,
	const struct ws_rundoc *b, bool *taken_a, bool *taken_b)
{
	unsigned i, k;

	for (i = 0; i < a->count; i++) {
		for (k = 0; k < b->count; k++) {
			if (!taken_b[k] && same_rate(&a->series[i], &b->series[k])) {
				break;
			}
		}
		if (k == b->count && a->count == 1 && b->count == 1) {
			k = 0;
		}
		if (k < b->count) {
			taken_a[i] = taken_b[k] = true;
			ws_comparison_make(&c->pair[c->count++], &a->series[i], &b->series[k]);
		}
	}
}

static void alone_add(struct ws_text *t, const struct ws_rundoc *d, const bool *taken)
{
	char name[NAME_ROOM];
	bool any = false;
	unsigned i;

	ws_copy_text(name, sizeof(name), d->name);
	for (i = 0; i < d->count; i++) {
		if (taken[i]) {
			continue;
		}
		if (!any) {
			ws_text_add(t, "%sonly in %s: ", t->len > 0 ? "; " : "", name);
		}
		ws_text_add(t, "%s%s", any ? ", " : "",
			d->series[i].rate[0] ? d->series[i].rate : "its run");
		any = true;
	}
}

static bool is_two_way(const struct ws_series *s)
{
	return s->doc->kind == WS_RUNDOC_TWO_WAY;
}

/* What an imported histogram is of, nobody knows. */
static bool are_other_things(const struct ws_series *a, const struct ws_series *b)
{
	return is_two_way(a) != is_two_way(b) && a->doc->kind != WS_RUNDOC_IMPORT &&
	       b->doc->kind != WS_RUNDOC_IMPORT;
}

/* All percentiles of all pairs again, each at a level at which all together are wrong once in 20 times. */
static void judge_together(struct ws_comparisons *c)
{
	unsigned i, k, tests = 0, faster = 0, slower = 0;
	struct ws_text t = {0};
	char name_a[NAME_ROOM], name_b[NAME_ROOM];

	for (i = 0; i < c->count; i++) {
		tests += c->pair[i].count;
	}
	for (i = 0; i < c->count; i++) {
		const struct ws_comparison *p = &c->pair[i];

		for (k = 0; k < p->count; k++) {
			struct ws_hist_difference d;
			int verdict = 0;

			c->faster += p->row[k].verdict < 0;
			c->slower += p->row[k].verdict > 0;
			if (ws_hist_compare(p->a->latency, p->b->latency, p->row[k].q,
				    1 - (1 - LEVEL) / tests, &d)) {
				verdict = verdict_of(&d, p->row[k].bound_ns);
			}
			faster += verdict < 0;
			slower += verdict > 0;
		}
	}
	name_of(name_a, c->pair[0].a);
	name_of(name_b, c->pair[0].b);
	c->verdict = faster > 0 && slower == 0 ? -1 : slower > 0 && faster == 0 ? 1 : 0;
	if (tests == 0) {
		ws_text_add(&t, "%s and %s: no latencies to compare", name_a, name_b);
	} else if (c->verdict != 0) {
		ws_text_add(&t,
			"%s is %s than %s, at %u of %u percentiles (95%% confidence over all of them together)",
			name_b, c->verdict < 0 ? "faster" : "slower", name_a,
			c->verdict < 0 ? faster : slower, tests);
	} else if (faster > 0) {
		ws_text_add(&t,
			"%s is faster than %s at some percentiles (%u of %u) and slower at others (%u)",
			name_b, name_a, faster, tests, slower);
	} else {
		ws_text_add(&t, "%s and %s are not distinguishable", name_a, name_b);
		if (c->faster + c->slower > 0) {
			ws_text_add(&t,
				": of %u percentiles %u differ%s, which may be chance among so many",
				tests, c->faster + c->slower,
				c->faster + c->slower == 1 ? "s" : "");
		}
	}
	if (tests && are_other_things(c->pair[0].a, c->pair[0].b)) {
		ws_text_add(&t,
			"; but these are not the same thing: %s measured one way, %s there and back",
			is_two_way(c->pair[0].a) ? name_b : name_a,
			is_two_way(c->pair[0].a) ? name_a : name_b);
	}
	snprintf(c->sentence, sizeof(c->sentence), "%.*s", (int)sizeof(c->sentence) - 1, t.buf);
}

int ws_comparisons_new(struct ws_comparisons **ret, const struct ws_report_set *set)
{
	const struct ws_rundoc *a, *b;
	struct ws_comparisons *c = calloc(1, sizeof(*c));
	struct ws_text t = {0};
	bool *taken;

	if (!c) {
		return -ENOMEM;
	}
	if (set->doc_count < 2) {
		snprintf(c->sentence, sizeof(c->sentence),
			"nothing to compare: there is only one document");
		*ret = c;
		return 0;
	}
	a = set->docs[0];
	b = set->docs[1];
	c->pair = calloc(a->count + 1, sizeof(*c->pair));
	taken = calloc(a->count + b->count + 1, sizeof(*taken));
	if (!c->pair || !taken) {
		free(taken);
		ws_comparisons_free(c);
		return -ENOMEM;
	}
	pairs_find(c, a, b, taken, taken + a->count);
	alone_add(&t, a, taken);
	alone_add(&t, b, taken + a->count);
	snprintf(c->alone, sizeof(c->alone), "%.*s", (int)sizeof(c->alone) - 1, t.buf);
	free(taken);
	if (c->count > 0) {
		judge_together(c);
	} else {
		snprintf(c->sentence, sizeof(c->sentence),
			"nothing to compare: no rate of the two is the same");
	}
	*ret = c;
	return 0;
}

void ws_comparisons_free(struct ws_comparisons *c)
{
	if (c) {
		free(c->pair);
		free(c);
	}
}
