/* SPDX-License-Identifier: BSD-2-Clause */
/* Percentiles against the rate, with their confidence intervals. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

#define GROUPS 3 /* documents at most that are told apart */

static const struct level {
	const char *name;
	double q; /* 1: the maximum */
} levels[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

/* Documents, if there are few with a curve of their own; else all series are one curve. */
struct groups {
	unsigned count;
	const struct ws_rundoc *doc[GROUPS]; /* NULL: all */
};

static void group(struct groups *g, const struct ws_figure_script *s)
{
	unsigned i, j, most = 0;

	memset(g, 0, sizeof(*g));
	for (i = 0; i < s->count; i++) {
		const struct ws_rundoc *doc = s->drawn[i]->doc;
		unsigned n = 0;

		for (j = 0; j < g->count && g->doc[j] != doc; j++) {
		}
		if (j == GROUPS) {
			most = 0;
			break;
		}
		g->doc[j] = doc;
		g->count = j == g->count ? j + 1 : g->count;
		for (j = 0; j < s->count; j++) {
			n += s->drawn[j]->doc == doc;
		}
		most = n > most ? n : most;
	}
	if (most < 2 || g->count == 1) {
		g->count = 1;
		g->doc[0] = NULL;
	}
}

static bool value_of(
	const struct ws_hist *h, const struct level *l, double *v, double *low, double *high)
{
	int64_t value = h->max, from, to;

	if (l->q < 1 && !ws_hist_quantile(h, l->q, &value)) {
		return false;
	}
	if (value < WS_HIST_LOW) {
		return false;
	}
	from = to = value;
	if (l->q < 1 && !ws_hist_quantile_interval(h, l->q, 0.95, &from, &to)) {
		from = to = value;
	}
	*v = (double)value;
	*low = fmax((double)from, WS_HIST_LOW);
	*high = (double)to;
	return true;
}

/* The drawn series in the order of their rates. */
static void sort(const struct ws_figure_script *s, unsigned order[WS_FIGURE_DRAWN])
{
	unsigned i, j;

	for (i = 0; i < s->count; i++) {
		for (j = i; j > 0 &&
			    ws_figure_rate(s->drawn[order[j - 1]]) > ws_figure_rate(s->drawn[i]);
			j--) {
			order[j] = order[j - 1];
		}
		order[j] = i;
	}
}

struct span {
	double x_low, x_high, y_low, y_high;
};

/* One block of data; false if it is empty. */
static bool curve(const struct ws_figure_script *s, const unsigned *order,
	const struct ws_rundoc *doc, const struct level *l, struct span *span, FILE *out)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < s->count; i++) {
		const struct ws_series *one = s->drawn[order[i]];
		double rate = ws_figure_rate(one), v, low, high;

		if ((doc && one->doc != doc) || !value_of(one->latency, l, &v, &low, &high)) {
			continue;
		}
		any = true;
		span->x_low = fmin(span->x_low, rate);
		span->x_high = fmax(span->x_high, rate);
		span->y_low = fmin(span->y_low, low);
		span->y_high = fmax(span->y_high, high);
		if (out) {
			fprintf(out, "%.7g %.10g %.10g %.10g\n", rate, v, low, high);
		}
	}
	return any;
}

static void draw(struct ws_figure_script *s, const struct groups *g, bool any[][LEVELS])
{
	unsigned i, k, plots = 0;

	for (k = 0; k < LEVELS; k++) {
		for (i = 0; i < g->count; i++) {
			char title[100];

			snprintf(title, sizeof(title), "%s%s%s", levels[k].name,
				g->count > 1 ? " " : "", g->count > 1 ? g->doc[i]->name : "");
			if (any[i][k]) {
				ws_figure_key(s, title, WS_COLOUR_FIRST + k, i + 1, 2);
			}
		}
	}
	fputs("plot", s->out);
	for (k = 0; k < LEVELS; k++) {
		for (i = 0; i < g->count; i++) {
			char colour[8];

			if (!any[i][k]) {
				continue;
			}
			ws_colour(colour, WS_COLOUR_FIRST + k, s->dark);
			if (levels[k].q < 1) {
				fprintf(s->out,
					"%s $P%u_%u using 1:3:(0):($4-$3) with vectors nohead "
					"linewidth 5 linecolor rgb '#a0%s'",
					plots++ > 0 ? ",\\\n" : "", i, k, colour + 1);
			}
			fprintf(s->out,
				"%s $P%u_%u using 1:2 with linespoints linewidth 2 linecolor rgb "
				"'%s' dashtype %u pointtype %u pointsize 0.6 ",
				plots++ > 0 ? ",\\\n" : "", i, k, colour, i + 1, 7 + 2 * (i % 3));
		}
	}
	fputc('\n', s->out);
}

int ws_figure_rates(struct ws_figure_script *s)
{
	struct span span = {INFINITY, 0, INFINITY, 0};
	unsigned order[WS_FIGURE_DRAWN], i, k, entries = 0;
	bool any[GROUPS][LEVELS], accepted = true;
	size_t columns = 5;
	struct ws_axis x, y;
	struct groups g;

	group(&g, s);
	sort(s, order);
	for (i = 0; i < g.count; i++) {
		for (k = 0; k < LEVELS; k++) {
			any[i][k] = curve(s, order, g.doc[i], &levels[k], &span, NULL);
			entries += any[i][k];
		}
		if (g.count > 1) {
			columns = columns > strlen(g.doc[i]->name) + 6 ? columns
								       : strlen(g.doc[i]->name) + 6;
		}
	}
	for (i = 0; i < s->count; i++) {
		accepted = accepted && isfinite(s->drawn[i]->accepted_pps);
	}
	columns = columns < WS_LABEL_COLUMNS ? columns : WS_LABEL_COLUMNS;
	ws_figure_begin(s, 380, entries, (unsigned)columns);
	fputs("set title \"Latency by rate, 95 % confidence\"\n", s->out);
	for (i = 0; i < g.count; i++) {
		for (k = 0; k < LEVELS; k++) {
			fprintf(s->out, "$P%u_%u << EOD\n", i, k);
			curve(s, order, g.doc[i], &levels[k], &span, s->out);
			fputs("EOD\n", s->out);
		}
	}
	/* Points on the frame would be cut in half. */
	ws_axis_make(&x, WS_AXIS_PPS, span.x_low, span.x_high);
	ws_axis_make(&y, WS_AXIS_NS, span.y_low, span.y_high);
	ws_axis_print(s->out, &x, 'x', accepted ? "accepted rate" : "rate", NULL);
	ws_axis_print(s->out, &y, 'y', "latency", NULL);
	fputs("set offsets graph 0.02, graph 0.02, graph 0.02, graph 0.02\n", s->out);
	draw(s, &g, any);
	return 0;
}
