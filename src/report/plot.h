/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histograms drawn with Unicode block elements on one shared logarithmic axis. Pure: histograms in,
 * lines of cells out; what a cell's ink looks like is for whoever prints it.
 *
 * A column stands for a point of the axis: the first is its low end, the last its high end, and a
 * value belongs to the nearest one. All packets of one histogram bin are in one column.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/hist.h"

#define WS_PLOT_COLUMNS_MIN 50
#define WS_PLOT_COLUMNS_MAX 200

enum ws_plot_ink {
	WS_PLOT_BLANK,
	WS_PLOT_BAR,   /* to scale, to the nearest eighth of a row */
	WS_PLOT_FAINT, /* not empty, but less than the lowest step: drawn as ▁ nevertheless */
	WS_PLOT_MARK,  /* under a band: where a percentile is, and its name */
	WS_PLOT_RULE,  /* the axis and its ticks */
	WS_PLOT_LABEL, /* the axis' numbers */
};

struct ws_plot_line {
	unsigned columns;
	struct ws_plot_cell {
		char glyph[4]; /* one character in UTF-8; one column wide */
		enum ws_plot_ink ink;
	} cells[WS_PLOT_COLUMNS_MAX];
};

struct ws_plot_axis {
	unsigned columns;
	int64_t low, high; /* ns; 1, 2 or 5 times a power of ten; low < high */
};

/*
 * The narrowest axis, between 1-2-5 steps, that holds all that the n histograms have in range.
 * columns is brought into [WS_PLOT_COLUMNS_MIN, WS_PLOT_COLUMNS_MAX]. False, and nothing written,
 * if they have nothing.
 */
bool ws_plot_axis_init(
	struct ws_plot_axis *axis, const struct ws_hist *const hists[], size_t n, unsigned columns);

/* The column of a value; values outside the axis belong to its ends. */
unsigned ws_plot_column(const struct ws_plot_axis *axis, int64_t ns);

/* One histogram on an axis. */
struct ws_plot_band {
	unsigned columns;
	uint64_t counts[WS_PLOT_COLUMNS_MAX];
	uint64_t peak;	/* the fullest column */
	uint64_t total; /* all columns: what the histogram has in range */
};
void ws_plot_band_init(
	struct ws_plot_band *band, const struct ws_plot_axis *axis, const struct ws_hist *h);

/* Row `row` of `rows`, from the top. The fullest column reaches the top of row 0; heights are
 * linear. */
void ws_plot_bars(
	struct ws_plot_line *line, const struct ws_plot_band *band, unsigned row, unsigned rows);

/*
 * ▲ under the columns of p50, p99 and p99.9, as far as the sample allows them, with their names:
 * beside their ▲, or, where these stand too close together, as a list in the same order beside the
 * group.
 */
void ws_plot_marks(
	struct ws_plot_line *line, const struct ws_plot_axis *axis, const struct ws_hist *h);

/* The axis: a rule with ticks at 1-2-5 steps, and under it as many numbers as have room. */
void ws_plot_ticks(
	struct ws_plot_line *rule, struct ws_plot_line *labels, const struct ws_plot_axis *axis);

/*
 * An axis around one value, linear: what is written under it is how far off a value is. Unlike on the
 * other one, a bin's packets are spread over the columns that it reaches into, as columns may be
 * narrower than bins.
 */
struct ws_plot_near {
	unsigned columns;     /* odd: the one in the middle is the value's */
	int64_t centre, half; /* ns; the first column is centre - half, the last centre + half */
};

/*
 * The narrowest axis, half of it 1, 2 or 5 times a power of ten, that has p1 and p99 with some room
 * (all of less than 100 values), and whose columns are not narrower than a bin. False, and nothing
 * written, if nothing is in range, or if half of the axis would be more than half of the value: the
 * other axis then shows more.
 */
bool ws_plot_near_init(
	struct ws_plot_near *axis, const struct ws_hist *h, int64_t centre, unsigned columns);

/* total is what is on the axis; ret_below and ret_above are told what is in range, but not on it. */
void ws_plot_near_band(struct ws_plot_band *band, const struct ws_plot_near *axis,
	const struct ws_hist *h, uint64_t *ret_below, uint64_t *ret_above);

/* The axis: a rule with ticks at its ends, middle and quarters, and how far off these are. */
void ws_plot_near_ticks(
	struct ws_plot_line *rule, struct ws_plot_line *labels, const struct ws_plot_near *axis);
