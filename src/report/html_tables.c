/* SPDX-License-Identifier: BSD-2-Clause */
/* Summary and comparison. */
#include "report/html.h"

#include <math.h>
#include <stdlib.h>

static const struct {
	const char *name;
	double q;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static void cell(struct ws_html *h, const char *text)
{
	fputs("<td>", h->out);
	ws_html_text(h, text);
	fputs("</td>", h->out);
}

static void count(struct ws_html *h, uint64_t n)
{
	char text[40];

	cell(h, n == UINT64_MAX ? "-" : ws_format_count(text, sizeof(text), n));
}

/* Latencies, or of a load the gaps. */
static const struct ws_hist *values(const struct ws_series *s, bool gaps)
{
	const struct ws_hist *v = gaps ? s->gaps : s->latency;

	return v && v->count > 0 ? v : NULL;
}

static void row(struct ws_html *h, const struct ws_series *s, bool gaps)
{
	const struct ws_hist *v = values(s, gaps);
	char text[40];
	unsigned i;

	fputs("<tr><th scope=\"row\">", h->out);
	ws_html_text(h, s->label);
	fputs("</th>", h->out);
	cell(h, ws_format_pps(text, sizeof(text), s->accepted_pps));
	count(h, s->sent);
	count(h, s->received);
	fputs(s->lost > 0 && s->lost != UINT64_MAX ? "<td class=\"bad\">" : "<td>", h->out);
	ws_html_text(h, s->lost == UINT64_MAX ? "-" : ws_format_count(text, sizeof(text), s->lost));
	fputs("</td>", h->out);
	for (i = 0; i < QUANTILES; i++) {
		int64_t ns = 0;
		bool known = v && ws_hist_quantile(v, quantiles[i].q, &ns);

		cell(h, ws_format_ns(text, sizeof(text), known ? (double)ns : NAN));
	}
	cell(h, ws_format_ns(text, sizeof(text), v ? (double)v->max : NAN));
	if (!gaps) {
		cell(h, ws_format_ns(text, sizeof(text),
				s->error_bound_ns >= 0 ? (double)s->error_bound_ns : NAN));
	}
	fputs("</tr>\n", h->out);
}

static void open_table(struct ws_html *h, const char *name, const char *const heads[], unsigned n)
{
	unsigned i;

	/* A wide table scrolls, and can be reached and scrolled by keys. */
	fprintf(h->out,
		"<div class=\"wide\" role=\"region\" aria-label=\"%s\" tabindex=\"0\">\n<table>\n",
		name);
	fputs("<thead><tr>", h->out);
	for (i = 0; i < n; i++) {
		fprintf(h->out, "<th scope=\"col\">%s</th>", heads[i]);
	}
	fputs("</tr></thead>\n<tbody>\n", h->out);
}

static void close_table(struct ws_html *h)
{
	fputs("</tbody>\n</table>\n</div>\n", h->out);
}

void ws_html_summary(struct ws_html *h)
{
	static const char *const heads[] = {"run", "accepted rate", "sent", "received", "lost",
		"p50", "p90", "p99", "p99.9", "p99.99", "max", "error bound"};
	bool latency = false, gaps = false, ways = false;
	unsigned i;

	for (i = 0; i < h->set->count; i++) {
		ways |= h->set->series[i]->doc->kind == WS_RUNDOC_TWO_WAY;
		latency |= h->set->series[i]->latency != NULL;
		gaps |= values(h->set->series[i], true) != NULL;
	}
	gaps = gaps && !latency;
	fputs("<section aria-labelledby=\"summary\"><h2 id=\"summary\">Summary</h2>\n", h->out);
	if (h->set->count == 0) {
		fputs("<p class=\"missing\">These documents have no runs.</p>\n</section>\n",
			h->out);
		return;
	}
	open_table(h, "Summary", heads, gaps ? 11 : 12);
	for (i = 0; i < h->set->count; i++) {
		row(h, h->set->series[i], gaps);
	}
	close_table(h);
	fprintf(h->out,
		"<p class=\"note\">Percentiles are of %s. A dash: not known, or too few packets to tell.</p>\n",
		gaps	? "the gaps between packets"
		: !ways ? "the latency"
			: "the latency: of two-way runs that is the round trip, without the time at the far side");
	fputs("</section>\n", h->out);
}

static void compared(struct ws_html *h, const struct ws_comparison *c)
{
	static const char *const heads[] = {
		"percentile", "first", "second", "difference", "95 % interval", "verdict"};
	static const char *const words[] = {"faster", "not distinguishable", "slower"};
	static const char *const classes[] = {"good", "", "bad"};
	char text[40], more[40];
	unsigned i;

	fputs("<h3>", h->out);
	ws_html_print(h, "%s, %s", c->a->label, c->b->label);
	fputs("</h3>\n<p>", h->out);
	ws_html_text(h, c->sentence);
	fputs("</p>\n", h->out);
	if (c->warning[0]) {
		fputs("<p class=\"caution\">", h->out);
		ws_html_text(h, c->warning);
		fputs("</p>\n", h->out);
	}
	if (c->count == 0) {
		return;
	}
	open_table(h, "Comparison", heads, 6);
	for (i = 0; i < c->count && i < WS_COMPARED; i++) {
		const struct ws_hist_difference *d = &c->row[i].d;
		int verdict = c->row[i].verdict < 0 ? 0 : c->row[i].verdict > 0 ? 2 : 1;

		fputs("<tr><th scope=\"row\">", h->out);
		ws_html_text(h, c->row[i].name);
		fputs("</th>", h->out);
		cell(h, ws_format_ns(text, sizeof(text), (double)d->a));
		cell(h, ws_format_ns(text, sizeof(text), (double)d->b));
		cell(h, ws_format_ns(text, sizeof(text), (double)d->difference));
		fputs("<td>", h->out);
		ws_html_print(h, "%s to %s", ws_format_ns(text, sizeof(text), (double)d->low),
			ws_format_ns(more, sizeof(more), (double)d->high));
		fprintf(h->out, "</td><td class=\"%s\">%s</td></tr>\n", classes[verdict],
			words[verdict]);
	}
	close_table(h);
}

int ws_html_comparison(struct ws_html *h)
{
	struct ws_comparisons *all;
	unsigned i;
	int r = ws_comparisons_new(&all, h->set);

	if (r < 0) {
		return r;
	}
	fputs("<section aria-labelledby=\"comparison\"><h2 id=\"comparison\">Comparison</h2>\n<p "
	      "class=\"lead\">",
		h->out);
	ws_html_text(h, all->sentence);
	fputs("</p>\n", h->out);
	if (all->alone[0]) {
		fputs("<p class=\"caution\">", h->out);
		ws_html_text(h, all->alone);
		fputs("</p>\n", h->out);
	}
	for (i = 0; i < all->count; i++) {
		compared(h, &all->pair[i]);
	}
	fputs("</section>\n", h->out);
	ws_comparisons_free(all);
	return 0;
}
