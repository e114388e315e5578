/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/figure.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct kind {
	const char *name;
	bool (*has)(const struct ws_series *s);
	int (*draw)(struct ws_figure_script *s);
};

static const struct kind kinds[WS_FIGURES] = {
	[WS_FIGURE_HISTOGRAM] = {"histogram", ws_figure_has_latency, ws_figure_histogram},
	[WS_FIGURE_CDF] = {"cdf", ws_figure_has_latency, ws_figure_cdf},
	[WS_FIGURE_TAIL] = {"tail", ws_figure_has_latency, ws_figure_tail},
	[WS_FIGURE_TIME] = {"time", ws_figure_has_time, ws_figure_time},
	[WS_FIGURE_RATES] = {"rates", ws_figure_has_rate, ws_figure_rates},
	[WS_FIGURE_GAPS] = {"gaps", ws_figure_has_gaps, ws_figure_gaps},
	[WS_FIGURE_WATERFALL] = {"waterfall", ws_figure_has_waterfall, ws_figure_waterfall},
};

const char *ws_figure_name(enum ws_figure f)
{
	return kinds[f].name;
}

bool ws_figure_has_latency(const struct ws_series *s)
{
	return s->latency && ws_hist_in_range(s->latency) > 0;
}

bool ws_figure_has_gaps(const struct ws_series *s)
{
	return s->gaps && ws_hist_in_range(s->gaps) > 0;
}

bool ws_figure_has_time(const struct ws_series *s)
{
	unsigned i;

	for (i = 0; s->timeline && i < s->timeline->used && i < WS_TIMELINE_COLUMNS; i++) {
		if (s->timeline->columns[i].count > 0) {
			return s->timeline->width_ns > 0;
		}
	}
	return false;
}

double ws_figure_rate(const struct ws_series *s)
{
	double rate = isfinite(s->accepted_pps) ? s->accepted_pps : s->requested_pps;

	return isfinite(rate) && rate > 0 ? rate : NAN;
}

bool ws_figure_has_rate(const struct ws_series *s)
{
	return ws_figure_has_latency(s) && isfinite(ws_figure_rate(s));
}

bool ws_figure_possible(enum ws_figure f, const struct ws_report_set *set)
{
	double first = NAN;
	unsigned i;

	for (i = 0; i < set->count; i++) {
		double rate;

		if (!kinds[f].has(set->series[i])) {
			continue;
		}
		if (f != WS_FIGURE_RATES) {
			return true;
		}
		/* A curve over one rate is none. Two runs of the same rate differ by a little. */
		rate = ws_figure_rate(set->series[i]);
		if (isfinite(first) && fabs(rate - first) > 0.01 * first) {
			return true;
		}
		first = isfinite(first) ? first : rate;
	}
	return false;
}

/* The first series of the same rate: it lends its colour to the others where documents are compared. */
static unsigned same_rate(const struct ws_report_set *set, unsigned i)
{
	unsigned j = 0;

	while (j < i && strcmp(set->series[j]->rate, set->series[i]->rate) != 0) {
		j++;
	}
	return j;
}

static unsigned document(const struct ws_report_set *set, const struct ws_series *s)
{
	unsigned d = 0;

	while (d < set->doc_count && set->docs[d] != s->doc) {
		d++;
	}
	return d;
}

/* Documents of the same several rates: a colour a rate, a dash a document. */
static bool by_rate(const struct ws_report_set *set)
{
	unsigned i, j, distinct = 0;

	if (set->doc_count < 2 || set->doc_count > 3) {
		return false;
	}
	for (i = 0; i < set->count; i++) {
		distinct += same_rate(set, i) == i;
		for (j = 0; j < i; j++) {
			if (set->series[j]->doc == set->series[i]->doc &&
				strcmp(set->series[j]->rate, set->series[i]->rate) == 0) {
				return false;
			}
		}
	}
	return distinct > 1 && distinct < set->count;
}

/* Colours follow from all series of the set, so that one has the same in every figure. */
static void choose(struct ws_figure_script *s, bool (*has)(const struct ws_series *))
{
	const struct ws_report_set *set = s->set;
	bool rates = by_rate(set);
	unsigned i, able = 0, colours = 0;

	for (i = 0; i < set->count; i++) {
		s->able += has(set->series[i]);
		colours += !rates || same_rate(set, i) == i;
	}
	for (i = 0; i < set->count; i++) {
		const struct ws_series *one = set->series[i];
		unsigned last = rates ? same_rate(set, i) : i, n = 0, j;

		if (!has(one)) {
			continue;
		}
		able++;
		/* Evenly chosen, the first and the last among them. */
		if (s->able > WS_FIGURE_DRAWN &&
			(able - 1) * (WS_FIGURE_DRAWN - 1) / (s->able - 1) < s->count) {
			continue;
		}
		for (j = 0; j < last; j++) {
			n += !rates || same_rate(set, j) == j;
		}
		s->colour[s->count] = WS_COLOUR_FIRST + n;
		if (colours > WS_COLOUR_KINDS) {
			unsigned steps = colours > 1 ? colours - 1 : 1;

			s->colour[s->count] += WS_COLOUR_KINDS - n +
					       (n * (WS_FIGURE_DRAWN - 1) + steps / 2) / steps;
		}
		s->dash[s->count] = rates ? document(set, one) % 3 + 1 : 1;
		s->drawn[s->count++] = one;
	}
}

int ws_figure_script(FILE *out, enum ws_figure f, const struct ws_report_set *set,
	enum ws_figure_format format, bool dark, const char *path)
{
	struct ws_figure_script s = {.out = out, .set = set, .dark = dark, .format = format};
	int r;

	if (!ws_figure_possible(f, set)) {
		return -ENODATA;
	}
	choose(&s, kinds[f].has);
	fputs("set encoding utf8\n", out);
	if (path) {
		fputs("set output ", out);
		ws_figure_quote(out, path, 0, false);
		fputc('\n', out);
	}
	r = kinds[f].draw(&s);
	if (r < 0) {
		return r;
	}
	if (path) {
		fputs("set output\n", out);
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
