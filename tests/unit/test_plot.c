/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/plot.h"

#define ROWS 4

static struct ws_hist *hist_new(void)
{
	struct ws_hist *h = malloc(sizeof(*h));

	assert_non_null(h);
	ws_hist_init(h);
	return h;
}

static void record(struct ws_hist *h, int64_t ns, unsigned n)
{
	while (n-- > 0) {
		ws_hist_record(h, ns);
	}
}

static struct ws_plot_axis axis_of(const struct ws_hist *h, unsigned columns)
{
	struct ws_plot_axis axis;

	assert_true(ws_plot_axis_init(&axis, &h, 1, columns));
	return axis;
}

/* The cells' glyphs in a row, without blanks at the end. */
static const char *text_of(const struct ws_plot_line *line)
{
	static char text[WS_PLOT_COLUMNS_MAX * 3 + 1];
	size_t len = 0, end = 0;
	unsigned i;

	for (i = 0; i < line->columns; i++) {
		strcpy(text + len, line->cells[i].glyph);
		len += strlen(line->cells[i].glyph);
		if (strcmp(line->cells[i].glyph, " ") != 0) {
			end = len;
		}
	}
	text[end] = '\0';
	return text;
}

/* How many eighths of a row a column is high, over all rows. */
static unsigned height_of(const struct ws_plot_band *band, unsigned column)
{
	unsigned height = 0, row;

	for (row = 0; row < ROWS; row++) {
		struct ws_plot_line line;

		ws_plot_bars(&line, band, row, ROWS);
		if (line.cells[column].ink != WS_PLOT_BLANK) {
			/* U+2581 to U+2588 are consecutive. */
			height += (unsigned char)line.cells[column].glyph[2] - 0x80;
		}
	}
	return height;
}

static void test_axis_range(void **state)
{
	static const struct {
		int64_t min, max, low, high;
	} cases[] = {
		{300, 90000, 200, 100000},
		{200, 100000, 200, 100000},
		{199, 101000, 100, 200000},
		{1000, 9000000000, 1000, 10000000000},
		{1, 99999999999, 1, 100000000000},
		{500, 500, 200, 1000},
		{700, 700, 500, 1000},
		{1, 1, 1, 2},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_hist *h = hist_new();
		struct ws_plot_axis axis;

		record(h, cases[i].min, 1);
		record(h, cases[i].max, 1);
		axis = axis_of(h, 80);
		assert_int_equal(axis.low, cases[i].low);
		assert_int_equal(axis.high, cases[i].high);
		assert_int_equal(axis.columns, 80);
		free(h);
	}
}

static void test_axis_is_shared(void **state)
{
	struct ws_hist *a = hist_new(), *b = hist_new(), *none = hist_new();
	const struct ws_hist *const all[] = {none, a, b};
	struct ws_plot_band band_a, band_b;
	struct ws_plot_axis axis;
	unsigned i;

	(void)state;
	record(a, 300, 10);
	record(a, 4000, 5);
	record(b, 4000, 7);
	record(b, 70000, 1);
	record(none, -5, 3);
	assert_true(ws_plot_axis_init(&axis, all, 3, 100));
	assert_int_equal(axis.low, 200);
	assert_int_equal(axis.high, 100000);

	ws_plot_band_init(&band_a, &axis, a);
	ws_plot_band_init(&band_b, &axis, b);
	i = ws_plot_column(&axis, 4000);
	assert_int_equal(band_a.counts[i], 5);
	assert_int_equal(band_b.counts[i], 7);
	assert_int_equal(band_a.counts[ws_plot_column(&axis, 300)], 10);
	assert_int_equal(band_b.counts[ws_plot_column(&axis, 70000)], 1);
	free(a);
	free(b);
	free(none);
}

static void test_axis_of_nothing(void **state)
{
	struct ws_hist *h = hist_new();
	const struct ws_hist *const all[] = {h};
	struct ws_plot_axis axis = {.columns = 7, .low = 8, .high = 9};

	(void)state;
	assert_false(ws_plot_axis_init(&axis, all, 1, 80));
	assert_false(ws_plot_axis_init(&axis, all, 0, 80));
	record(h, -1, 4);
	record(h, 0, 4);
	record(h, WS_HIST_HIGH, 4);
	assert_false(ws_plot_axis_init(&axis, all, 1, 80));
	assert_int_equal(axis.columns, 7);
	assert_int_equal(axis.low, 8);
	assert_int_equal(axis.high, 9);
	free(h);
}

static void test_columns(void **state)
{
	struct ws_hist *h = hist_new();
	struct ws_plot_axis axis;
	unsigned last = 0;
	int64_t ns;

	(void)state;
	record(h, 100, 1);
	record(h, 1000000, 1);
	assert_int_equal(axis_of(h, 1).columns, WS_PLOT_COLUMNS_MIN);
	assert_int_equal(axis_of(h, 10000).columns, WS_PLOT_COLUMNS_MAX);

	/* Equal ratios are equal distances. */
	axis = axis_of(h, 81);
	assert_int_equal(ws_plot_column(&axis, 100), 0);
	assert_int_equal(ws_plot_column(&axis, 1000), 20);
	assert_int_equal(ws_plot_column(&axis, 10000), 40);
	assert_int_equal(ws_plot_column(&axis, 100000), 60);
	assert_int_equal(ws_plot_column(&axis, 1000000), 80);
	assert_int_equal(ws_plot_column(&axis, 1), 0);
	assert_int_equal(ws_plot_column(&axis, -1), 0);
	assert_int_equal(ws_plot_column(&axis, INT64_MAX), 80);
	for (ns = 100; ns < 1000000; ns += ns / 100) {
		unsigned column = ws_plot_column(&axis, ns);

		assert_true(column == last || column == last + 1);
		last = column;
	}
	free(h);
}

/* However few packets a bin has: it is seen, and where there is no bin, nothing is. */
static void test_every_bin_is_visible(void **state)
{
	struct ws_hist *h = hist_new();
	unsigned columns, i;
	uint32_t seed = 1;

	(void)state;
	record(h, 777, 100000);
	for (i = 0; i < 60; i++) {
		seed = seed * 1664525u + 1013904223u;
		record(h, (int64_t)1 << (seed >> 27), 1 + seed % 3);
		record(h, 300 + (seed >> 12), 1);
	}
	for (columns = WS_PLOT_COLUMNS_MIN; columns <= WS_PLOT_COLUMNS_MAX; columns += 15) {
		struct ws_plot_axis axis = axis_of(h, columns);
		bool expected[WS_PLOT_COLUMNS_MAX] = {false};
		struct ws_plot_band band;
		struct ws_plot_line line;
		uint64_t total = 0;
		size_t bin;

		for (bin = ws_hist_next(h, 0); bin < WS_HIST_BINS; bin = ws_hist_next(h, bin + 1)) {
			expected[ws_plot_column(&axis, ws_hist_bin(h, bin).low)] = true;
		}
		ws_plot_band_init(&band, &axis, h);
		ws_plot_bars(&line, &band, ROWS - 1, ROWS);
		assert_int_equal(line.columns, columns);
		for (i = 0; i < columns; i++) {
			assert_int_equal(line.cells[i].ink != WS_PLOT_BLANK, expected[i]);
			assert_int_equal(strcmp(line.cells[i].glyph, " ") != 0, expected[i]);
			total += band.counts[i];
		}
		assert_int_equal(total, ws_hist_in_range(h));
		assert_int_equal(band.total, total);
	}
	free(h);
}

static void test_heights(void **state)
{
	struct ws_hist *h = hist_new();
	struct ws_plot_axis axis;
	struct ws_plot_band band;
	struct ws_plot_line line;

	(void)state;
	record(h, 100, 3200);
	record(h, 200, 1600);
	record(h, 500, 100);
	record(h, 1000, 51);
	record(h, 2000, 49);
	record(h, 10000, 1);
	axis = axis_of(h, 60);
	ws_plot_band_init(&band, &axis, h);
	assert_int_equal(band.peak, 3200);
	assert_int_equal(band.total, 5001);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 100)), 8 * ROWS);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 200)), 4 * ROWS);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 500)), 1);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 1000)), 1);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 2000)), 1);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 10000)), 1);
	assert_int_equal(height_of(&band, ws_plot_column(&axis, 5000)), 0);

	/* What is raised to be seen is told from what is to scale. */
	ws_plot_bars(&line, &band, ROWS - 1, ROWS);
	assert_int_equal(line.cells[ws_plot_column(&axis, 1000)].ink, WS_PLOT_BAR);
	assert_int_equal(line.cells[ws_plot_column(&axis, 2000)].ink, WS_PLOT_FAINT);
	assert_int_equal(line.cells[ws_plot_column(&axis, 10000)].ink, WS_PLOT_FAINT);
	free(h);
}

/* p50, p99 and p99.9 of 1000 packets fall on a, b and c. */
static struct ws_hist *three_values(int64_t a, int64_t b, int64_t c)
{
	struct ws_hist *h = hist_new();

	record(h, a, 900);
	record(h, b, 95);
	record(h, c, 5);
	return h;
}

static unsigned names_in(const char *text)
{
	const char *p999 = strstr(text, "p99.9");
	const char *p99 = strstr(text, "p99");

	if (p99 == p999 && p99) {
		p99 = strstr(p99 + 5, "p99");
	}
	return (strstr(text, "p50") != NULL) + (p99 != NULL) + (p999 != NULL);
}

/* Wherever the percentiles are: each mark is under its bar, and all three names are there. */
static void test_marks_everywhere(void **state)
{
	uint32_t seed = 5;
	unsigned trial, i;

	(void)state;
	for (trial = 0; trial < 400; trial++) {
		int64_t ns[3] = {1000, 0, 0};
		struct ws_plot_axis axis;
		struct ws_plot_band band;
		struct ws_plot_line line, bars;
		struct ws_hist *h;
		unsigned marks = 0, distinct = 1;

		for (i = 0; i < 3; i++) {
			seed = seed * 1664525u + 1013904223u;
			ns[i] = (i > 0 ? ns[i - 1] : 1000) * (100 + (seed >> 8) % 300) / 100;
			if (trial % 2) {
				ns[i] += (seed >> 8) % 5000;
			}
		}
		h = three_values(ns[0], ns[1], ns[2]);
		record(h, 1000000 + seed % 1000, trial % 3 ? 0 : 1);
		axis = axis_of(h, 50 + trial % 151);
		ws_plot_band_init(&band, &axis, h);
		ws_plot_bars(&bars, &band, ROWS - 1, ROWS);
		ws_plot_marks(&line, &axis, h);
		assert_int_equal(line.columns, axis.columns);
		assert_int_equal(names_in(text_of(&line)), 3);
		for (i = 0; i < line.columns; i++) {
			if (strcmp(line.cells[i].glyph, "▲") == 0) {
				assert_true(bars.cells[i].ink != WS_PLOT_BLANK);
				marks++;
			}
		}
		for (i = 1; i < 3; i++) {
			distinct +=
				ws_plot_column(&axis, ws_hist_bin(h, ws_hist_index(ns[i])).low) !=
				ws_plot_column(&axis, ws_hist_bin(h, ws_hist_index(ns[i - 1])).low);
		}
		assert_int_equal(marks, distinct);
		free(h);
	}
}

static void assert_marks(struct ws_hist *h, const char *expected)
{
	struct ws_plot_axis axis;
	struct ws_plot_line line;

	/* 51 columns over two decades: one is 25 columns */
	record(h, 1000, 1);
	record(h, 100000, 1);
	axis = axis_of(h, 51);
	ws_plot_marks(&line, &axis, h);
	assert_string_equal(text_of(&line), expected);
	free(h);
}

static void test_marks(void **state)
{
	struct ws_hist *h;

	(void)state;
	assert_marks(three_values(2000, 10000, 50000),
		"        ▲ p50            ▲ p99            ▲ p99.9");
	assert_marks(three_values(5000, 5000, 5000), "                 ▲ p50, p99, p99.9");
	assert_marks(three_values(50000, 60000, 90000),
		"                          p50, p99, p99.9 ▲ ▲    ▲");
	/* No name for what the sample does not allow. */
	h = hist_new();
	record(h, 10000, 120);
	assert_marks(h, "                         ▲ p50, p99");
	h = hist_new();
	record(h, 10000, 1);
	assert_marks(h, "                         ▲ p50");
}

static void assert_ticks(
	int64_t low, int64_t high, unsigned columns, const char *rule_text, const char *label_text)
{
	struct ws_hist *h = hist_new();
	struct ws_plot_axis axis;
	struct ws_plot_line rule, labels;

	record(h, low, 1);
	record(h, high, 1);
	axis = axis_of(h, columns);
	ws_plot_ticks(&rule, &labels, &axis);
	assert_string_equal(text_of(&rule), rule_text);
	assert_string_equal(text_of(&labels), label_text);
	free(h);
}

static void test_ticks(void **state)
{
	(void)state;
	assert_ticks(100, 1000, 51, "┌──────────────┬───────────────────┬──────────────┐",
		"100 ns      200 ns              500 ns         1 us");
	assert_ticks(1000, 100000, 51, "┌───────┬────────┬───────┬───────┬────────┬───────┐",
		"1 us    2        5     10 us    20       50  100 us");
	assert_ticks(1000, INT64_C(10000000000), 60,
		"┌──┬──┬─┬──┬──┬──┬─┬───┬─┬──┬──┬──┬─┬───┬─┬──┬──┬──┬─┬──┬──┐",
		"1 us  10 us   100 us   1 ms     10 ms  100 ms     1 s   10 s");
}

/* On every axis and width: labels end, stay inside, keep apart, and at least two can be read. */
static void test_ticks_everywhere(void **state)
{
	int64_t low, high;

	(void)state;
	for (low = 1; low < WS_HIST_HIGH; low *= 10) {
		for (high = low * 2; high <= WS_HIST_HIGH; high *= 5) {
			unsigned columns;

			for (columns = 50; columns <= 200; columns += 6) {
				const struct ws_plot_axis axis = {columns, low, high};
				struct ws_plot_line rule, labels;
				const char *text, *unit;
				unsigned units = 0;

				ws_plot_ticks(&rule, &labels, &axis);
				assert_int_equal(rule.columns, columns);
				assert_int_equal(labels.columns, columns);
				text = text_of(&labels);
				for (unit = text; (unit = strchr(unit, 's')) != NULL; unit++) {
					units++;
				}
				assert_true(units >= 2);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_axis_range),
		cmocka_unit_test(test_axis_is_shared),
		cmocka_unit_test(test_axis_of_nothing),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_every_bin_is_visible),
		cmocka_unit_test(test_heights),
		cmocka_unit_test(test_marks_everywhere),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_ticks_everywhere),
	};

	return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
