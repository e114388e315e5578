/* SPDX-License-Identifier: BSD-2-Clause */
/* Making gnuplot scripts: what all figures have in common. Private to the report layer. */
#pragma once

#include "report/report_out.h"

#define WS_FIGURE_DRAWN 16  /* series at most, evenly chosen; more could not be told apart */
#define WS_FIGURE_WIDTH 600 /* px; heights are each figure's own */
#define WS_AXIS_TICKS	40

/* Colours, "#rrggbb". A set's colours are numbered the same way in every figure, light and dark. */
enum ws_colour {
	WS_COLOUR_PAPER,
	WS_COLOUR_INK,
	WS_COLOUR_FAINT, /* axes */
	WS_COLOUR_GRID,
	WS_COLOUR_LOSS,
	WS_COLOUR_FIRST, /* those of things that are told apart by them */
};
#define WS_COLOUR_KINDS 7
#define WS_COLOURS	(WS_COLOUR_FIRST + WS_COLOUR_KINDS + WS_FIGURE_DRAWN)
const char *ws_colour(char buf[8], unsigned n, bool dark);

struct ws_figure_script {
	FILE *out;
	const struct ws_report_set *set;
	bool dark;
	enum ws_figure_format format;
	unsigned count; /* of drawn */
	const struct ws_series *drawn[WS_FIGURE_DRAWN];
	unsigned colour[WS_FIGURE_DRAWN], dash[WS_FIGURE_DRAWN];
	unsigned able;				 /* series that could be drawn */
	unsigned height, key_across, key_column; /* px; of the legend */
	unsigned key_rows, key_next;
};

/* Each prints its part: data, axes, plot commands. 0, -ENOMEM. What the stream says is looked at by the caller. */
int ws_figure_histogram(struct ws_figure_script *s);
int ws_figure_cdf(struct ws_figure_script *s);
int ws_figure_tail(struct ws_figure_script *s);
int ws_figure_time(struct ws_figure_script *s);
int ws_figure_rates(struct ws_figure_script *s);
int ws_figure_gaps(struct ws_figure_script *s);
int ws_figure_waterfall(struct ws_figure_script *s);

/* What a series has to show. */
bool ws_figure_has_latency(const struct ws_series *s);
bool ws_figure_has_gaps(const struct ws_series *s);
bool ws_figure_has_time(const struct ws_series *s);
bool ws_figure_has_rate(const struct ws_series *s);
bool ws_figure_has_waterfall(const struct ws_series *s);
/* Its place on the axis of rates; NaN: unknown. */
double ws_figure_rate(const struct ws_series *s);

/* Opens the terminal; height in px of the SVG, less the legend's: so many entries of so many characters. */
void ws_figure_begin(
	struct ws_figure_script *s, unsigned height, unsigned entries, unsigned columns);
/* The next entry of the legend. */
void ws_figure_key(struct ws_figure_script *s, const char *text, unsigned colour, unsigned dash,
	double line_width);
/* A heading in a figure of several panels, at so many px; it stands until the script unsets the label. */
void ws_figure_heading(
	struct ws_figure_script *s, unsigned label, const char *text, double left, double bottom);
/* Prints a string literal of gnuplot that is this text and nothing else; at most `columns` characters of it, the
 * middle left out (0: all). In the labels of ticks, a percent sign has to be two. */
void ws_figure_quote(FILE *out, const char *text, unsigned columns, bool tick);
/* What the figure is of, and which series, if only some or one. */
void ws_figure_title(struct ws_figure_script *s, const char *text);
/* " lc rgb '#0072b2' dt 1", of the n-th that is drawn. */
void ws_figure_line(struct ws_figure_script *s, unsigned n);
/* Characters of the longest label that is drawn, as far as labels are shown. */
unsigned ws_figure_label_columns(const struct ws_figure_script *s);
#define WS_LABEL_COLUMNS 36

/* An axis with ticks that have their units. */
struct ws_axis {
	bool log;
	double low, high;
	unsigned count;
	struct {
		double at;
		bool minor;
		char label[24];
	} tick[WS_AXIS_TICKS];
};
enum ws_axis_unit { WS_AXIS_NS, WS_AXIS_PPS, WS_AXIS_TIMES, WS_AXIS_PERCENT };
/* From low to high, logarithmic if these are a decade apart; the ends move out to what makes sense. */
void ws_axis_make(struct ws_axis *ret, enum ws_axis_unit unit, double low, double high);
/* The same, never logarithmic. */
void ws_axis_make_linear(struct ws_axis *ret, enum ws_axis_unit unit, double low, double high);
/* which: 'x' or 'y'. place: where values are on a plain axis; NULL: where the axis says. */
void ws_axis_print(FILE *out, const struct ws_axis *a, char which, const char *label,
	double (*place)(double value));

/* Latencies that all drawn series span. */
void ws_figure_span(const struct ws_figure_script *s, double *ret_low, double *ret_high);

/* Points of a curve, thinned to what can be seen: those that are nearer than a step in both directions are left
 * out. Steps are drawn as such: between two points the curve goes right, then up. */
struct ws_curve {
	FILE *out;
	double step_x, step_y; /* in what fx and fy say */
	bool log_x, log_y, any, pending;
	double x, y, last_x, last_y; /* pending; printed */
};
void ws_curve_point(struct ws_curve *c, double x, double y);
void ws_curve_end(struct ws_curve *c);
