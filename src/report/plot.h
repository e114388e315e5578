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
