/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures of distributions: histogram, cumulative share, tail, gaps. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

#define BINS	120 /* of a histogram, over the axis */
#define ACROSS	400 /* steps of a curve that can be told apart */
#define UPWARDS 250

static void open_figure(struct ws_figure_script *s, const char *title, unsigned height)
{
	unsigned i;

	ws_figure_begin(s, height, s->count > 1 ? s->count : 0, ws_figure_label_columns(s));
	ws_figure_title(s, title);
	for (i = 0; s->count > 1 && i < s->count; i++) {
		ws_figure_key(s, s->drawn[i]->label, s->colour[i], s->dash[i], 2);
	}
}

static double axis_place(const struct ws_axis *a, double v)
{
	return a->log ? log10(v) : v;
}

static size_t bin_at(double ns)
{
	if (ns < WS_HIST_LOW) {
		return (size_t)ws_hist_index(WS_HIST_LOW);
	}
	return ws_hist_index(ns < WS_HIST_HIGH ? (int64_t)ns : WS_HIST_HIGH - 1);
}

static void vertex(FILE *out, double x, double y)
{
	fprintf(out, "%.7g %.4g\n", x, y);
}

/*
 * A histogram's outline: share of all in bins that are equally wide on this axis, as far as the histogram has
 * such narrow ones; a share is given for the width that a bin should have. values are divided by scale.
 * Returns the greatest share, in percent.
 */
static double outline(FILE *out, const struct ws_hist *h, const struct ws_axis *a, double scale)
{
	double width = (axis_place(a, a->high) - axis_place(a, a->low)) / BINS, most = 0, last = -1;
	size_t i = bin_at(a->low * scale), end = bin_at(a->high * scale);
	double x = (double)ws_hist_bin(h, i).low / scale, from = x;

	while (i <= end) {
		uint64_t n = 0;
		double share, high;

		from = (double)ws_hist_bin(h, i).low / scale;
		do {
			struct ws_hist_bin bin = ws_hist_bin(h, i++);

			n += bin.count;
			high = (double)bin.high / scale;
		} while (
			i <= end && axis_place(a, high) - axis_place(a, from) < width * (1 - 1e-9));
		share = 100.0 * (double)n / (double)h->count * width /
			fmax(axis_place(a, high) - axis_place(a, from), width);
		most = fmax(most, share);
		if (share != last) {
			if (last >= 0) {
				vertex(out, from, last);
			} else if (from > a->low) {
				vertex(out, from, 0);
			}
			vertex(out, from, share);
			last = share;
		}
		x = high;
	}
	vertex(out, x, last);
	vertex(out, x, 0);
	return most;
}

static void draw_outlines(struct ws_figure_script *s)
{
	unsigned i;

	fputs("plot", s->out);
	for (i = 0; i < s->count; i++) {
		fprintf(s->out,
			"%s $S%u using 1:2 with filledcurves y=0 fillstyle transparent "
			"solid %s noborder",
			i > 0 ? ",\\\n" : "", i, s->count > 6 ? "0.05" : "0.12");
		ws_figure_line(s, i);
	}
	for (i = 0; i < s->count; i++) {
		fprintf(s->out, ",\\\n $S%u using 1:2 with lines linewidth 1.5", i);
		ws_figure_line(s, i);
	}
	fputc('\n', s->out);
}

/* Where the bulk of all series lies, and the share of packets that are not there. What is rare cannot be seen
 * in a histogram, and would take most of its axis. */
static void bulk(const struct ws_figure_script *s, struct ws_axis *x, double *ret_beyond)
{
	uint64_t all = 0, shown = 0;
	double low, high, from = INFINITY, to = 0;
	int64_t v;
	unsigned i;

	ws_figure_span(s, &low, &high);
	for (i = 0; i < s->count; i++) {
		const struct ws_hist *h = s->drawn[i]->latency;

		from = fmin(from, ws_hist_quantile(h, 0.001, &v) ? (double)v / 1.02 : low);
		to = fmax(to, ws_hist_quantile(h, 0.99, &v) ? (double)v * 1.02 : (double)h->max);
	}
	low = fmax(low, from);
	ws_axis_make(x, WS_AXIS_NS, low, fmax(low, fmin(high, to)));
	for (i = 0; i < s->count; i++) {
		const struct ws_hist *h = s->drawn[i]->latency;
		size_t b = bin_at(x->low), end = bin_at(x->high);

		all += h->count;
		for (; b <= end; b++) {
			shown += h->bins[b];
		}
	}
	*ret_beyond = 1 - (double)shown / (double)all;
}

int ws_figure_histogram(struct ws_figure_script *s)
{
	char label[80] = "latency", share[16];
	double beyond, most = 0;
	struct ws_axis x, y;
	unsigned i;

	open_figure(s, "Latency", 380);
	bulk(s, &x, &beyond);
	if (beyond > 0) {
		snprintf(label, sizeof(label), "latency (%s of the packets beyond)",
			ws_format_share(share, sizeof(share), beyond));
	}
	for (i = 0; i < s->count; i++) {
		fprintf(s->out, "$S%u << EOD\n", i);
		most = fmax(most, outline(s->out, s->drawn[i]->latency, &x, 1));
		fputs("EOD\n", s->out);
	}
	ws_axis_make_linear(&y, WS_AXIS_PERCENT, 0, most);
	ws_axis_print(s->out, &x, 'x', label, NULL);
	ws_axis_print(s->out, &y, 'y', "share of packets in a bin", NULL);
	draw_outlines(s);
	return 0;
}

/* Where the bulk of the gaps lies; the axis always has the intended gap. */
static void gap_span(const struct ws_series *one, double scale, double *low, double *high)
{
	const struct ws_hist *h = one->gaps;
	int64_t from, to;

	if (!ws_hist_quantile(h, 0.001, &from) && !ws_hist_quantile(h, 0.01, &from)) {
		from = h->min;
	}
	if (!ws_hist_quantile(h, 0.999, &to) && !ws_hist_quantile(h, 0.99, &to)) {
		to = h->max;
	}
	from = from < WS_HIST_LOW ? WS_HIST_LOW : from;
	to = to < from ? from : to > WS_HIST_HIGH ? WS_HIST_HIGH : to;
	*low = fmin(*low, (double)from / scale);
	*high = fmax(*high, (double)to / scale);
}

int ws_figure_gaps(struct ws_figure_script *s)
{
	double low = INFINITY, high = 0, most = 0;
	bool relative = false;
	struct ws_axis x, y;
	unsigned i, n = 0;

	for (i = 0; i < s->count; i++) {
		relative |= s->drawn[i]->intended_gap_ns > 0;
	}
	/* One axis cannot have both: what intended no gaps stays away where others did. */
	for (i = 0; relative && i < s->count; i++) {
		if (s->drawn[i]->intended_gap_ns > 0) {
			s->drawn[n] = s->drawn[i];
			s->colour[n] = s->colour[i];
			s->dash[n++] = s->dash[i];
		}
	}
	s->count = relative ? n : s->count;
	open_figure(s, "Gaps between packets", 380);
	if (relative) {
		low = high = 1;
	}
	for (i = 0; i < s->count; i++) {
		gap_span(s->drawn[i], relative ? (double)s->drawn[i]->intended_gap_ns : 1, &low,
			&high);
	}
	ws_axis_make(&x, relative ? WS_AXIS_TIMES : WS_AXIS_NS, low, high);
	for (i = 0; i < s->count; i++) {
		const struct ws_series *one = s->drawn[i];

		fprintf(s->out, "$S%u << EOD\n", i);
		most = fmax(most, outline(s->out, one->gaps, &x,
					  relative ? (double)one->intended_gap_ns : 1));
		fputs("EOD\n", s->out);
	}
	ws_axis_make_linear(&y, WS_AXIS_PERCENT, 0, most);
	ws_axis_print(
		s->out, &x, 'x', relative ? "gap, as a multiple of the intended one" : "gap", NULL);
	ws_axis_print(s->out, &y, 'y', "share of gaps in a bin", NULL);
	draw_outlines(s);
	return 0;
}

static void draw_lines(struct ws_figure_script *s)
{
	unsigned i;

	fputs("plot", s->out);
	for (i = 0; i < s->count; i++) {
		fprintf(s->out, "%s $S%u using 1:2 with lines linewidth 2", i > 0 ? ",\\\n" : "",
			i);
		ws_figure_line(s, i);
	}
	fputc('\n', s->out);
}

/* What is outside the range has no place on the axis, but its share in the height. */
static void cumulate(struct ws_curve *c, const struct ws_hist *h)
{
	uint64_t seen = h->negative + h->below_range;
	size_t i;

	for (i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin bin = ws_hist_bin(h, i);

		ws_curve_point(c, (double)bin.low, 100.0 * (double)seen / (double)h->count);
		seen += bin.count;
		ws_curve_point(c, (double)bin.low, 100.0 * (double)seen / (double)h->count);
	}
	ws_curve_end(c);
}

int ws_figure_cdf(struct ws_figure_script *s)
{
	double low, high;
	struct ws_axis x, y;
	unsigned i;

	open_figure(s, "Latency, cumulative", 380);
	ws_figure_span(s, &low, &high);
	ws_axis_make(&x, WS_AXIS_NS, low, high);
	ws_axis_make_linear(&y, WS_AXIS_PERCENT, 0, 100);
	for (i = 0; i < s->count; i++) {
		struct ws_curve c = {.out = s->out, .log_x = x.log, .step_y = 100.0 / UPWARDS};

		c.step_x = (axis_place(&x, x.high) - axis_place(&x, x.low)) / ACROSS;
		fprintf(s->out, "$S%u << EOD\n", i);
		cumulate(&c, s->drawn[i]->latency);
		fputs("EOD\n", s->out);
	}
	ws_axis_print(s->out, &x, 'x', "latency", NULL);
	ws_axis_print(s->out, &y, 'y', "packets that are not slower", NULL);
	draw_lines(s);
	return 0;
}

/* 90 %, 99 %, 99.9 %... are equally far from each other (the scale of HdrHistogram's plots). */
static void tail_axis(struct ws_axis *a, double most)
{
	int decades = (int)ceil(log10(most) - 1e-9), d;
	double tens = 10;

	memset(a, 0, sizeof(*a));
	a->log = true;
	a->low = 1;
	a->high = fmax(most, 2);
	a->tick[0].at = 2;
	snprintf(a->tick[0].label, sizeof(a->tick[0].label), "50");
	a->count = 1;
	for (d = 1; d <= decades && tens <= a->high * (1 + 1e-9); d++, tens *= 10) {
		unsigned n = a->count++;

		a->tick[n].at = tens;
		/* From the sixth nine on they are too wide to stand side by side. */
		a->tick[n].minor = decades > 6 && d > 4 && d % 2 == 1;
		if (!a->tick[n].minor) {
			snprintf(a->tick[n].label, sizeof(a->tick[n].label), "%.*f",
				d > 2 ? d - 2 : 0, 100 - 100 / tens);
		}
	}
}

static void tail(struct ws_curve *c, const struct ws_hist *h)
{
	uint64_t seen = h->negative + h->below_range;
	double n = (double)h->count;
	size_t i;

	for (i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin bin = ws_hist_bin(h, i);
		double value = (double)(bin.high - 1 < h->max ? bin.high - 1 : h->max);

		ws_curve_point(c, n / (n - (double)seen), value);
		seen += bin.count;
		ws_curve_point(c, seen < h->count ? n / (n - (double)seen) : n, value);
	}
	ws_curve_end(c);
}

int ws_figure_tail(struct ws_figure_script *s)
{
	double low, high, most = 1;
	struct ws_axis x, y;
	unsigned i;

	open_figure(s, "Latency, tail", 380);
	for (i = 0; i < s->count; i++) {
		most = fmax(most, (double)s->drawn[i]->latency->count);
	}
	ws_figure_span(s, &low, &high);
	ws_axis_make(&y, WS_AXIS_NS, low, high);
	tail_axis(&x, most);
	for (i = 0; i < s->count; i++) {
		struct ws_curve c = {.out = s->out, .log_x = true, .log_y = y.log};

		c.step_x = log10(x.high) / ACROSS;
		c.step_y = (axis_place(&y, y.high) - axis_place(&y, y.low)) / UPWARDS;
		fprintf(s->out, "$S%u << EOD\n", i);
		tail(&c, s->drawn[i]->latency);
		fputs("EOD\n", s->out);
	}
	ws_axis_print(s->out, &x, 'x', "percentile, %", NULL);
	ws_axis_print(s->out, &y, 'y', "latency", NULL);
	draw_lines(s);
	return 0;
}
