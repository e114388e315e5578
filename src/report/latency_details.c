/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "report/page.h"

#define LOSSES_SHOWN 3
#define BAR	     28 /* columns of the longest stage */

/* "812 ns +-3 ns": a percentile with half the width of its confidence interval, where there is one. */
static void add_interval(
	struct ws_text *t, const struct ws_hist *h, const char *name, double q, const char *before)
{
	char value[WS_CELL_SIZE], low_text[WS_CELL_SIZE], high_text[WS_CELL_SIZE];
	int64_t at, low, high;

	if (!ws_hist_quantile(h, q, &at) || !ws_hist_quantile_interval(h, q, 0.95, &low, &high)) {
		return;
	}
	ws_text_add(t, "%s%s %s (%s to %s)", before, name,
		ws_format_ns(value, sizeof(value), (double)at),
		ws_format_ns(low_text, sizeof(low_text), (double)low),
		ws_format_ns(high_text, sizeof(high_text), (double)high));
}

/* Jitter, variation, and how sure the percentiles are. */
static bool spread(
	struct ws_page *p, const struct ws_run_result *run, const char *label, const char *rate)
{
	const struct ws_hist *h = ws_run_result_main(run);
	char buf[WS_CELL_SIZE];
	struct ws_text t = {0};
	int64_t p999;

	add_interval(&t, h, "p50", 0.5, "95% confidence: ");
	add_interval(&t, h, "p99", 0.99, ", ");
	add_interval(&t, h, "p99.9", 0.999, ", ");
	if (ws_hist_quantile(h, 0.999, &p999)) {
		ws_text_add(&t, "; delay variation (p99.9 - min) %s",
			ws_format_ns(buf, sizeof(buf), (double)(p999 - h->min)));
	}
	if (run->jitter.count) {
		ws_text_add(&t, "%sjitter (RFC 3550) %s", t.len ? "; " : "",
			ws_format_ns(buf, sizeof(buf), run->jitter.mean));
	}
	if (t.len) {
		ws_page_entry(p, NULL, label, rate, t.buf);
	}
	return t.len != 0;
}

static void one_way(struct ws_text *t, const char *name, const struct ws_hist *h, int64_t bound_ns)
{
	char p50[WS_CELL_SIZE], bound[WS_CELL_SIZE];
	int64_t at;

	if (!ws_hist_quantile(h, 0.5, &at)) {
		return;
	}
	ws_format_ns(bound, sizeof(bound), (double)bound_ns);
	if (at <= bound_ns) {
		/* Less than what it may be off: not known as a value. */
		ws_format_ns(p50, sizeof(p50), (double)(at + bound_ns));
		ws_text_add(t, "; %s: at most %s (its bound of %s is no smaller than the value)",
			name, p50, bound);
	} else {
		ws_format_ns(p50, sizeof(p50), (double)at);
		ws_text_add(t, "; %s p50 %s, give or take %s", name, p50, bound);
	}
}

static bool two_way(
	struct ws_page *p, const struct ws_run_result *run, const char *label, const char *rate)
{
	const struct ws_two_way *w = run->two_way;
	char buf[WS_CELL_SIZE], more[WS_CELL_SIZE];
	struct ws_text t = {0};
	int64_t at;

	if (!w || (!w->exchanges && !w->incomplete)) {
		return false; /* no answer came, which is said */
	}
	ws_text_add(&t, "%s round trip%s, without the time at the far side",
		ws_format_count(buf, sizeof(buf), w->exchanges), w->exchanges == 1 ? "" : "s");
	if (ws_hist_quantile(&w->residence, 0.5, &at)) {
		ws_text_add(&t, " (p50 %s)", ws_format_ns(buf, sizeof(buf), (double)at));
	}
	if (w->incomplete) {
		ws_text_add(&t, "; %s more lack a stamp of the far side",
			ws_format_count(buf, sizeof(buf), w->incomplete));
	}
	if (w->ways_bound_ns >= 0) {
		one_way(&t, "there", &w->forward, w->ways_bound_ns);
		one_way(&t, "back", &w->backward, w->ways_bound_ns);
	}
	if (w->same_clock) {
		ws_text_add(&t, "; both ends have one clock");
	} else if (w->clocks.known) {
		ws_text_add(&t, "; their clock minus ours %s, give or take %s, %.1f ppm fast",
			ws_format_ns(buf, sizeof(buf), (double)w->clocks.offset_ns),
			ws_format_ns(more, sizeof(more), (double)w->clocks.offset_error_ns),
			w->clocks.drift_ppb * 1e-3);
	}
	ws_page_entry(p, NULL, label, rate, t.buf);
	return true;
}

static bool lost(
	struct ws_page *p, const struct ws_run_result *run, const char *label, const char *rate)
{
	const struct ws_losses *l = &run->losses;
	const struct ws_reordering *o = &run->reordering;
	char buf[WS_CELL_SIZE];
	struct ws_text t = {0};

	if (l->packets) {
		ws_text_add(
			&t, "%s not there in time", ws_format_count(buf, sizeof(buf), l->packets));
		ws_text_add(&t, ", in %s episode%s", ws_format_count(buf, sizeof(buf), l->episodes),
			l->episodes == 1 ? "" : "s");
		for (unsigned i = 0; i < l->count && i < LOSSES_SHOWN; i++) {
			ws_text_add(&t, "%s%s", i ? ", " : ": ",
				ws_format_count(buf, sizeof(buf), l->list[i].count));
			ws_text_add(&t, " at %s",
				ws_format_ns_fine(buf, sizeof(buf), (double)l->list[i].at_ns));
		}
		ws_text_add(&t, "%s", l->episodes > LOSSES_SHOWN ? ", ..." : "");
	}
	if (o->reordered) {
		ws_text_add(&t, "%s%s out of order", t.len ? "; " : "",
			ws_format_count(buf, sizeof(buf), o->reordered));
		if (o->reordered > o->unknown) {
			ws_text_add(
				&t, ", by %s at most", ws_format_count(buf, sizeof(buf), o->max));
		}
	}
	if (t.len) {
		ws_page_entry(p, NULL, label, rate, t.buf);
	}
	return t.len != 0;
}

static void bar(struct ws_page *p, double ns, double longest)
{
	int n = longest > 0 && ns > 0 ? (int)(ns / longest * BAR + 0.5) : 0;

	fputs(n ? "  " : "", p->out);
	for (int i = 0; i < n; i++) {
		fputs("█", p->out);
	}
	fputc('\n', p->out);
}

/* Where the time of a packet in the middle went, and of the slowest. */
static void waterfall(struct ws_page *p, const struct ws_run_result *run, const char *rate)
{
	const struct ws_waterfall *w = run->waterfall;
	char name[64], typical[WS_CELL_SIZE], tail[WS_CELL_SIZE], sentence[240];
	struct ws_waterfall_verdict v;
	struct ws_text t = {0};
	double longest = 0;

	ws_waterfall_judge(w, &v);
	if (!v.typical.packets) {
		return;
	}
	fputc('\n', p->out);
	ws_text_add(&t, "Where the time went, %s", rate);
	ws_page_wrap(p, WS_INK_BOLD, 0, 2, t.buf);
	fprintf(p->out, "  %-22s  %10s", "stage", "typical");
	fprintf(p->out, "  %10s\n", v.tail.packets ? "slowest" : "");
	for (unsigned i = 0; i < w->stages; i++) {
		double most = v.tail.packets ? v.tail.stage_ns[i] : v.typical.stage_ns[i];

		longest = most > longest ? most : longest;
	}
	for (unsigned i = 0; i < w->stages; i++) {
		ws_format_stage(name, sizeof(name), w->from[i], w->to[i]);
		ws_format_ns(typical, sizeof(typical), v.typical.stage_ns[i]);
		ws_format_ns(tail, sizeof(tail), v.tail.stage_ns[i]);
		fprintf(p->out, "  %-22s  %10s  %10s", name, typical, v.tail.packets ? tail : "");
		bar(p, v.tail.packets ? v.tail.stage_ns[i] : v.typical.stage_ns[i], longest);
	}
	if (*ws_format_waterfall(sentence, sizeof(sentence), w, &v)) {
		ws_page_wrap(p, NULL, 0, 0, sentence);
	}
}

void ws_page_latency_details(struct ws_page *p, const struct ws_latency_report *r)
{
	static bool (*const parts[])(struct ws_page *, const struct ws_run_result *, const char *,
		const char *) = {two_way, spread, lost};
	static const char *const labels[] = {"ways", "spread", "losses"};
	char rate[WS_CELL_SIZE];
	bool any = false;

	for (unsigned k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
		const char *label = labels[k];

		for (size_t i = 0; i < r->run_count; i++) {
			ws_page_rate(rate, &r->runs[i]);
			if (parts[k](p, &r->runs[i], label, rate)) {
				label = "";
			}
		}
	}
	for (size_t i = 0; i < r->run_count; i++) {
		if (r->runs[i].waterfall) {
			ws_page_rate(rate, &r->runs[i]);
			waterfall(p, &r->runs[i], rate);
			any = true;
		}
	}
	fputs(any ? "\n" : "", p->out);
}
