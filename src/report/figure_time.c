/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency over time: a map of how many packets had which latency when, a panel for each series. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

#define PANELS 12
#define PANEL  178 /* px */
#define LEGEND 54
#define LEFT   90

/* Rows are the picture's lines: so their places are the axis, which is a logarithm but for a little. */
static double row_low(unsigned row)
{
	return row < WS_TIMELINE_ROWS ? (double)ws_timeline_row_low(row)
				      : 1.0905 * (double)ws_timeline_row_low(WS_TIMELINE_ROWS - 1);
}

static double row_place(double ns)
{
	unsigned row = ws_timeline_row((int64_t)(ns + 0.5));
	double low = row_low(row), high = row_low(row + 1);

	return row + (high > low ? fmin(fmax((ns - low) / (high - low), 0), 1) : 0);
}

static uint64_t lost_packets(const struct ws_series *s)
{
	uint64_t lost = 0;
	unsigned i;

	for (i = 0; i < s->timeline->used && i < WS_TIMELINE_COLUMNS; i++) {
		lost += s->timeline->columns[i].happened[WS_HAPPENED_LOST];
	}
	return lost;
}

struct extent {
	unsigned low, high; /* rows with something in them */
	uint32_t most;
};

static void extend(struct extent *e, const struct ws_timeline *t)
{
	unsigned i, r;

	for (i = 0; i < t->used && i < WS_TIMELINE_COLUMNS; i++) {
		for (r = 0; r < WS_TIMELINE_ROWS; r++) {
			uint32_t n = t->columns[i].cells[r];

			if (n > 0) {
				e->low = r < e->low ? r : e->low;
				e->high = r > e->high ? r : e->high;
				e->most = n > e->most ? n : e->most;
			}
		}
	}
}

static unsigned columns_of(const struct ws_timeline *t)
{
	unsigned used = t->used < WS_TIMELINE_COLUMNS ? t->used : WS_TIMELINE_COLUMNS;

	/* gnuplot has no pictures of one column. */
	return used < 2 ? 2 : used;
}

/* The cells as a picture, from the top row on; then the places of losses. */
static void panel_data(FILE *out, unsigned n, const struct ws_timeline *t, const struct extent *e)
{
	unsigned i, r, columns = columns_of(t);

	fprintf(out, "$M%u << EOD\n", n);
	for (r = e->low; r <= e->high; r++) {
		for (i = 0; i < columns; i++) {
			fprintf(out, "%s%u", i > 0 ? " " : "",
				i < t->used ? t->columns[i].cells[r] : 0);
		}
		fputc('\n', out);
	}
	fprintf(out, "EOD\n$L%u << EOD\n", n);
	for (i = 0; i < t->used && i < WS_TIMELINE_COLUMNS; i++) {
		if (t->columns[i].happened[WS_HAPPENED_LOST] > 0) {
			fprintf(out, "%.7g\n", (i + 0.5) * (double)t->width_ns);
		}
	}
	fputs("EOD\n", out);
}

static void palette(struct ws_figure_script *s)
{
	char colour[8];
	unsigned i;

	/* The more packets, the farther from the background. */
	fputs("set palette defined (", s->out);
	for (i = 0; i < WS_FIGURE_DRAWN; i++) {
		unsigned n = s->dark ? i : WS_FIGURE_DRAWN - 1 - i;

		fprintf(s->out, "%s%u '%s'", i > 0 ? ", " : "", i,
			ws_colour(colour, WS_COLOUR_FIRST + WS_COLOUR_KINDS + n, s->dark));
	}
	fputs(")\nunset colorbox\n", s->out);
}

static void panel(struct ws_figure_script *s, unsigned n, const struct extent *e, double height)
{
	const struct ws_series *one = s->drawn[n];
	const struct ws_timeline *t = one->timeline;
	uint64_t lost = lost_packets(one);
	char label[160], count[32], colour[8];
	double top = height - 34 - n * (double)PANEL, end = columns_of(t) * (double)t->width_ns;
	struct ws_axis x;

	panel_data(s->out, n, t, e);
	ws_axis_make_linear(&x, WS_AXIS_NS, 0, end);
	x.high = end;
	while (x.count > 1 && x.tick[x.count - 1].at > end) {
		x.count--;
	}
	ws_axis_print(s->out, &x, 'x', "", NULL);
	snprintf(label, sizeof(label), lost > 0 ? "%s: %s lost" : "%s", one->label,
		ws_format_count(count, sizeof(count), lost));
	fprintf(s->out, "set tmargin at screen %.5g\nset bmargin at screen %.5g\n",
		(top - 24) / height, (top - PANEL + 40) / height);
	ws_figure_heading(s, 2, label, LEFT, top - 13);
	fprintf(s->out,
		"plot $M%u matrix using (($1+0.5)*%.10g):($2+%u.5):($3>0?$3:NaN) with image "
		"notitle",
		n, (double)t->width_ns, e->low);
	if (lost > 0) {
		fprintf(s->out,
			",\\\n $L%u using 1:(graph_bottom) with points pointtype 9 "
			"pointsize 0.7 linecolor rgb '%s'",
			n, ws_colour(colour, WS_COLOUR_LOSS, s->dark));
	}
	fputc('\n', s->out);
}

/* What the colours mean: a picture of all of them. */
static void legend(struct ws_figure_script *s, const struct extent *e, double height)
{
	double most = fmax(log10(e->most), 0.30103);
	char colour[8];
	unsigned i;

	fputs("$K << EOD\n", s->out);
	for (i = 0; i < 2; i++) {
		fputs("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n", s->out);
	}
	fprintf(s->out,
		"EOD\nset tmargin at screen %.5g\nset bmargin at screen %.5g\n"
		"unset label 2\nset lmargin at screen 0.42\nset rmargin at screen 0.9\n"
		"unset ytics\nunset ylabel\nunset grid\nunset logscale cb\n"
		"set border 0\nset xrange [-0.5:15.5]\nset yrange [-0.5:1.5]\nset cbrange [0:15]\n"
		"set label 3 \"packets in a cell\" at screen 0.39, screen %.5g right textcolor rgb "
		"'%s'\nset xtics (",
		46 / height, 34 / height, 40 / height, ws_colour(colour, WS_COLOUR_INK, s->dark));
	for (i = 0; i <= most + 1e-9; i++) {
		fprintf(s->out, "%s\"%.0f\" %.5g", i > 0 ? ", " : "", pow(10, i), i / most * 15);
	}
	if (i == 1) {
		fprintf(s->out, ", \"%.0f\" 15", fmax(e->most, 2));
	}
	fputs(") scale 0 offset 0,0.4\nplot $K matrix with image\n", s->out);
}

int ws_figure_time(struct ws_figure_script *s)
{
	struct extent e = {.low = WS_TIMELINE_ROWS, .high = 0, .most = 1};
	struct ws_axis y;
	double height, low, high;
	char title[64];
	unsigned i;

	s->count = s->count > PANELS ? PANELS : s->count;
	for (i = 0; i < s->count; i++) {
		extend(&e, s->drawn[i]->timeline);
	}
	/* Room below the lowest latency for the marks of losses. */
	e.low = e.low > 3 ? e.low - 3 : 0;
	e.high = e.high < e.low + 4 ? e.low + 4 : e.high;
	height = 34 + LEGEND + PANEL * (double)s->count;
	ws_figure_begin(s, (unsigned)height, 0, 0);
	palette(s);
	low = row_low(e.low);
	high = row_low(e.high + 1);
	memset(&y, 0, sizeof(y));
	ws_axis_make(&y, WS_AXIS_NS, fmin(low, high / 10), high);
	y.low = low;
	y.high = high;
	fputs("set multiplot\n", s->out);
	snprintf(title, sizeof(title), "Latency over time");
	if (s->able > s->count) {
		snprintf(title, sizeof(title), "Latency over time (%u of %u series)", s->count,
			s->able);
	}
	ws_figure_heading(s, 1, title, LEFT, height - 16);
	fprintf(s->out, "set lmargin at screen %.5g\nset rmargin at screen 0.95\n",
		(double)LEFT / WS_FIGURE_WIDTH);
	/* Its name is in the heading: beside the longest ticks there is no room. */
	ws_axis_print(s->out, &y, 'y', "", row_place);
	fprintf(s->out, "set logscale cb\nset cbrange [1:%.7g]\ngraph_bottom = %.7g\n",
		fmax(e.most, 2), e.low + 0.02 * (e.high - e.low));
	for (i = 0; i < s->count; i++) {
		panel(s, i, &e, height);
		fputs(i == 0 ? "unset label 1\n" : "", s->out);
	}
	legend(s, &e, height);
	fputs("unset multiplot\n", s->out);
	return 0;
}
