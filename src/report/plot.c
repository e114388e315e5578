/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MARKS	  3
#define TICKS_MAX 40 /* 1-2-5 steps from 1 ns to 100 s: 34 */

static void line_clear(struct ws_plot_line *line, unsigned columns)
{
	unsigned i;

	line->columns = columns;
	for (i = 0; i < columns; i++) {
		strcpy(line->cells[i].glyph, " ");
		line->cells[i].ink = WS_PLOT_BLANK;
	}
}

static void line_put(
	struct ws_plot_line *line, unsigned column, const char *glyph, enum ws_plot_ink ink)
{
	struct ws_plot_cell *cell = &line->cells[column];

	snprintf(cell->glyph, sizeof(cell->glyph), "%s", glyph);
	cell->ink = ink;
}

/* text is ASCII */
static void line_write(
	struct ws_plot_line *line, unsigned column, const char *text, enum ws_plot_ink ink)
{
	for (; *text && column < line->columns; text++, column++) {
		line_put(line, column, (const char[]){*text, '\0'},
			*text == ' ' ? WS_PLOT_BLANK : ink);
	}
}

/* The 1-2-5 step after this one. */
static int64_t step_next(int64_t step)
{
	int64_t ten = 1;

	while (step >= 10 * ten) {
		ten *= 10;
	}
	return step / ten == 2 ? 5 * ten : 2 * step;
}

/* The last 1-2-5 step that is not above ns. */
static int64_t step_below(int64_t ns)
{
	int64_t step = 1;

	while (step_next(step) <= ns) {
		step = step_next(step);
	}
	return step;
}

bool ws_plot_axis_init(
	struct ws_plot_axis *axis, const struct ws_hist *const hists[], size_t n, unsigned columns)
{
	int64_t low = INT64_MAX, high = 0;
	size_t i, bin;

	for (i = 0; i < n; i++) {
		for (bin = ws_hist_next(hists[i], 0); bin < WS_HIST_BINS;
			bin = ws_hist_next(hists[i], bin + 1)) {
			int64_t ns = ws_hist_bin(hists[i], bin).low;

			low = ns < low ? ns : low;
			high = ns > high ? ns : high;
		}
	}
	if (high == 0) {
		return false;
	}
	axis->low = step_below(low);
	axis->high = step_below(high);
	if (axis->high < high) {
		axis->high = step_next(axis->high);
	}
	if (axis->low == axis->high) {
		axis->low = axis->low > 1 ? step_below(axis->low - 1) : 1;
		axis->high = step_next(axis->high);
	}
	if (columns < WS_PLOT_COLUMNS_MIN) {
		columns = WS_PLOT_COLUMNS_MIN;
	}
	axis->columns = columns < WS_PLOT_COLUMNS_MAX ? columns : WS_PLOT_COLUMNS_MAX;
	return true;
}

unsigned ws_plot_column(const struct ws_plot_axis *axis, int64_t ns)
{
	double low = log((double)axis->low), high = log((double)axis->high);

	if (ns <= axis->low) {
		return 0;
	}
	if (ns >= axis->high) {
		return axis->columns - 1;
	}
	return (unsigned)lround((log((double)ns) - low) / (high - low) * (axis->columns - 1));
}

void ws_plot_band_init(
	struct ws_plot_band *band, const struct ws_plot_axis *axis, const struct ws_hist *h)
{
	size_t i;

	memset(band, 0, sizeof(*band));
	band->columns = axis->columns;
	for (i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin bin = ws_hist_bin(h, i);
		uint64_t *count = &band->counts[ws_plot_column(axis, bin.low)];

		*count += bin.count;
		band->total += bin.count;
		if (*count > band->peak) {
			band->peak = *count;
		}
	}
}

void ws_plot_bars(
	struct ws_plot_line *line, const struct ws_plot_band *band, unsigned row, unsigned rows)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	unsigned below = 8 * (rows - 1 - row);
	unsigned i;

	line_clear(line, band->columns);
	for (i = 0; i < band->columns; i++) {
		unsigned __int128 scaled = (unsigned __int128)band->counts[i] * rows * 8;
		unsigned eighths;
		bool faint;

		if (band->counts[i] == 0) {
			continue;
		}
		eighths = (unsigned)((scaled + band->peak / 2) / band->peak);
		faint = eighths == 0;
		if (faint) {
			eighths = 1;
		}
		if (eighths > below) {
			eighths -= below;
			line_put(line, i, blocks[eighths < 8 ? eighths : 8],
				faint ? WS_PLOT_FAINT : WS_PLOT_BAR);
		}
	}
}

struct mark {
	const char *name;
	unsigned column;
};

/* Marks first to last share one list of names, at columns [at, at + strlen(names)). */
struct group {
	unsigned first, last;
	char names[24];
	unsigned at;
};

/*
 * Puts the names of each group to the right of its last mark or, failing that, to the left of its
 * first. joined says which marks (bit i: mark i) belong to the same group as the one before.
 * Returns the number of groups, 0 if something would overlap.
 */
static unsigned marks_place(const struct mark *marks, unsigned n, unsigned joined, unsigned columns,
	struct group *groups)
{
	unsigned taken = 0; /* columns before this one are in use */
	unsigned i, count = 0;

	for (i = 0; i < n; i++) {
		if (i > 0 && joined & 1u << i) {
			struct group *g = &groups[count - 1];

			g->last = i;
			strncat(g->names, ", ", sizeof(g->names) - strlen(g->names) - 1);
			strncat(g->names, marks[i].name, sizeof(g->names) - strlen(g->names) - 1);
		} else {
			groups[count] = (struct group){.first = i, .last = i};
			snprintf(groups[count].names, sizeof(groups[count].names), "%s",
				marks[i].name);
			count++;
		}
	}
	for (i = 0; i < count; i++) {
		struct group *g = &groups[i];
		unsigned first = marks[g->first].column, last = marks[g->last].column;
		unsigned len = (unsigned)strlen(g->names);
		unsigned limit = i + 1 < count ? marks[groups[i + 1].first].column : columns + 1;

		if (first < taken) {
			return 0;
		}
		if (last + 2 + len < limit) {
			g->at = last + 2;
			taken = g->at + len + 1;
		} else if (first >= taken + len + 1) {
			g->at = first - len - 1;
			taken = last + 2;
		} else {
			return 0;
		}
	}
	return count;
}

void ws_plot_marks(
	struct ws_plot_line *line, const struct ws_plot_axis *axis, const struct ws_hist *h)
{
	static const struct {
		const char *name;
		double q;
	} wanted[MARKS] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
	/* From all apart to all together; bit i joins mark i to the one before. */
	static const unsigned joins[] = {0, 1u << 2, 1u << 1, 1u << 1 | 1u << 2};
	struct group groups[MARKS] = {0};
	struct mark marks[MARKS];
	unsigned i, n = 0, count = 0;
	int64_t ns;

	line_clear(line, axis->columns);
	for (i = 0; i < MARKS; i++) {
		if (ws_hist_quantile(h, wanted[i].q, &ns)) {
			/* by its bin's lower edge, so that the mark is under the bar with it */
			ns = ws_hist_bin(h, ws_hist_index(ns)).low;
			marks[n++] = (struct mark){wanted[i].name, ws_plot_column(axis, ns)};
		}
	}
	for (i = 0; i < sizeof(joins) / sizeof(joins[0]) && count == 0; i++) {
		count = marks_place(marks, n, joins[i], axis->columns, groups);
	}
	for (i = 0; i < count; i++) {
		line_write(line, groups[i].at, groups[i].names, WS_PLOT_MARK);
	}
	for (i = 0; i < n; i++) {
		line_put(line, marks[i].column, "▲", WS_PLOT_MARK);
	}
}

struct tick {
	unsigned column;
	int decade; /* of ten: 0 for 1, 2 and 5 ns */
	bool power; /* 1, not 2 or 5 */
	char number[8], unit[8];
};

/* What is written under the ticks, from the most to the least that may find room. */
enum {
	LABEL_ALL,    /* 1 us  2 us  5 us  10 us */
	LABEL_SHORT,  /* 1 us  2  5  10 us */
	LABEL_POWERS, /* 1 us  10 us; from here on +n leaves out all but every (n+1)th power */
};

static unsigned ticks_make(const struct ws_plot_axis *axis, struct tick *ticks)
{
	static const char *const units[] = {" ns", " us", " ms", " s"};
	unsigned n = 0;
	int64_t step;

	for (step = axis->low; step <= axis->high && n < TICKS_MAX; step = step_next(step)) {
		struct tick *t = &ticks[n++];
		int64_t ten = 1, scale = 1;
		int unit = 0;

		*t = (struct tick){.column = ws_plot_column(axis, step)};
		while (step >= 10 * ten) {
			ten *= 10;
			t->decade++;
		}
		while (unit < 3 && step >= 1000 * scale) {
			scale *= 1000;
			unit++;
		}
		t->power = step == ten;
		snprintf(t->number, sizeof(t->number), "%d", (int)(step / scale));
		snprintf(t->unit, sizeof(t->unit), "%s", units[unit]);
	}
	return n;
}

/* Writes the labels of a level; false if they stand too close together. */
static bool ticks_label(struct ws_plot_line *line, const struct tick *ticks, unsigned n, int level)
{
	unsigned i, taken = 0;

	for (i = 0; i < n; i++) {
		const struct tick *t = &ticks[i];
		bool end = i == 0 || i == n - 1;
		unsigned at, len;
		char text[16];

		if (level >= LABEL_POWERS &&
			(!t->power || t->decade % (level - LABEL_POWERS + 1) != 0)) {
			continue;
		}
		snprintf(text, sizeof(text), "%s%s", t->number,
			level == LABEL_SHORT && !t->power && !end ? "" : t->unit);

		/* Centred under its tick, but inside the line. */
		len = (unsigned)strlen(text);
		at = t->column > len / 2 ? t->column - len / 2 : 0;
		if (at + len > line->columns) {
			at = line->columns - len;
		}
		if (at < taken) {
			return false;
		}
		line_write(line, at, text, WS_PLOT_LABEL);
		taken = at + len + 2;
	}
	return true;
}

void ws_plot_ticks(
	struct ws_plot_line *rule, struct ws_plot_line *labels, const struct ws_plot_axis *axis)
{
	struct tick ticks[TICKS_MAX];
	unsigned n = ticks_make(axis, ticks);
	unsigned i, last = axis->columns - 1;
	int level = LABEL_ALL;

	line_clear(rule, axis->columns);
	for (i = 0; i <= last; i++) {
		line_put(rule, i, "─", WS_PLOT_RULE);
	}
	for (i = 0; i < n; i++) {
		unsigned column = ticks[i].column;

		line_put(rule, column,
			column == 0	 ? "┌"
			: column == last ? "┐"
					 : "┬",
			WS_PLOT_RULE);
	}
	do {
		line_clear(labels, axis->columns);
	} while (!ticks_label(labels, ticks, n, level++));
}

/* The largest distance of p1 and p99 from the centre, of all if they are too few. */
static int64_t spread_of(const struct ws_hist *h, int64_t centre)
{
	static const double wanted[] = {0.01, 0.99};
	const int64_t ends[] = {h->min, h->max};
	int64_t most = 0;

	for (int i = 0; i < 2; i++) {
		int64_t ns = ends[i], off;

		if (h->count >= 100) {
			ws_hist_quantile(h, wanted[i], &ns);
		}
		/* Of the extremes, which may be anything, the difference could overflow. */
		if (ns < 0 || ns >= WS_HIST_HIGH) {
			return WS_HIST_HIGH;
		}
		off = ns > centre ? ns - centre : centre - ns;
		most = off > most ? off : most;
	}
	return most;
}

bool ws_plot_near_init(
	struct ws_plot_near *axis, const struct ws_hist *h, int64_t centre, unsigned columns)
{
	int64_t least, half = 1;
	struct ws_hist_bin bin;

	if (ws_hist_in_range(h) == 0 || centre < WS_HIST_LOW || centre >= WS_HIST_HIGH) {
		return false;
	}
	columns = columns < WS_PLOT_COLUMNS_MIN ? WS_PLOT_COLUMNS_MIN : columns;
	columns = columns > WS_PLOT_COLUMNS_MAX ? WS_PLOT_COLUMNS_MAX : columns;
	columns -= (columns - 1) % 4; /* a column for each quarter */
	bin = ws_hist_bin(h, ws_hist_index(centre));
	least = (bin.high - bin.low) * (columns / 2);
	if (spread_of(h, centre) * 5 / 4 > least) {
		least = spread_of(h, centre) * 5 / 4;
	}
	while (half < least) {
		half = step_next(half);
	}
	if (half > centre / 2) {
		return false;
	}
	*axis = (struct ws_plot_near){.columns = columns, .centre = centre, .half = half};
	return true;
}

/* What of a bin's count is before ns; its packets are taken to be spread evenly. */
static uint64_t part_before(const struct ws_hist_bin *bin, double ns)
{
	double share = (ns - (double)bin->low) / (double)(bin->high - bin->low);

	if (share <= 0) {
		return 0;
	}
	return share >= 1 ? bin->count : (uint64_t)(share * (double)bin->count);
}

void ws_plot_near_band(struct ws_plot_band *band, const struct ws_plot_near *axis,
	const struct ws_hist *h, uint64_t *ret_below, uint64_t *ret_above)
{
	double step = 2 * (double)axis->half / (axis->columns - 1);
	/* A column's middle is its value; a bin of one value reaches half a ns to both sides of it. */
	double edge = (double)(axis->centre - axis->half) - step / 2 + 0.5;
	size_t i;

	memset(band, 0, sizeof(*band));
	band->columns = axis->columns;
	*ret_below = *ret_above = 0;
	for (i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin bin = ws_hist_bin(h, i);
		uint64_t before = part_before(&bin, edge), upto = before;
		double first = ((double)bin.low - edge) / step;
		unsigned column = 0;

		*ret_below += before;
		if (first >= axis->columns) {
			*ret_above += bin.count;
			continue;
		}
		if (first > 1) {
			column = (unsigned)first - 1; /* one earlier, for what rounding did */
		}
		for (; column < axis->columns && upto < bin.count; column++) {
			uint64_t end = part_before(&bin, edge + step * (column + 1));

			band->counts[column] += end - upto;
			upto = end;
		}
		band->total += upto - before;
		*ret_above += bin.count - upto;
	}
	for (i = 0; i < band->columns; i++) {
		band->peak = band->counts[i] > band->peak ? band->counts[i] : band->peak;
	}
}

/* "-500 ns", "0", "+2.5 us" */
static void label_off(char *buf, size_t size, double off)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double value = fabs(off);
	int unit = 0;

	while (unit < 3 && value >= 1000) {
		value /= 1000;
		unit++;
	}
	if (off == 0) {
		snprintf(buf, size, "0");
	} else {
		snprintf(buf, size, "%c%.4g %s", off < 0 ? '-' : '+', value, units[unit]);
	}
}

void ws_plot_near_ticks(
	struct ws_plot_line *rule, struct ws_plot_line *labels, const struct ws_plot_near *axis)
{
	static const char *const ticks[] = {"┌", "┬", "┬", "┬", "┐"};
	unsigned i, last = axis->columns - 1;

	line_clear(rule, axis->columns);
	line_clear(labels, axis->columns);
	for (i = 0; i <= last; i++) {
		line_put(rule, i, "─", WS_PLOT_RULE);
	}
	for (i = 0; i < 5; i++) {
		unsigned column = i * last / 4, at, len;
		char text[24];

		label_off(text, sizeof(text), ((double)i - 2) / 2 * (double)axis->half);
		len = (unsigned)strlen(text);
		at = column > len / 2 ? column - len / 2 : 0;
		at = at + len > axis->columns ? axis->columns - len : at;
		line_put(rule, column, ticks[i], WS_PLOT_RULE);
		line_write(labels, at, text, WS_PLOT_LABEL);
	}
}
