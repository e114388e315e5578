/* SPDX-License-Identifier: BSD-2-Clause */
/* The linear axis around one value: nothing is lost on it, and everything is where it belongs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/plot.h"

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

/* Draws h; the columns add up, and with what is not on the axis to all that is in range. */
static struct ws_plot_band band_of(const struct ws_plot_near *axis, const struct ws_hist *h,
	uint64_t *ret_below, uint64_t *ret_above)
{
	struct ws_plot_band band;
	uint64_t sum = 0;

	ws_plot_near_band(&band, axis, h, ret_below, ret_above);
	for (unsigned i = 0; i < band.columns; i++) {
		sum += band.counts[i];
		assert_true(band.counts[i] <= band.peak);
	}
	assert_int_equal(sum, band.total);
	assert_int_equal(sum + *ret_below + *ret_above, ws_hist_in_range(h));
	return band;
}

static void test_range(void **state)
{
	static const struct {
		int64_t centre, off, half;
	} cases[] = {
		/* Bins are 1 ns wide, and there are 101 columns: not less than 50. */
		{1000, 3, 50},
		{1000, 40, 50},
		{1000, 41, 100},
		{1000, 300, 500},
		/* 16 ns wide: not less than 800. */
		{20000, 1, 1000},
		{20000, 900, 2000},
		{1000000, 1, 50000},
	};
	struct ws_hist *h = hist_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_plot_near axis;

		ws_hist_init(h);
		record(h, cases[i].centre, 10);
		record(h, cases[i].centre - cases[i].off, 1);
		assert_true(ws_plot_near_init(&axis, h, cases[i].centre, 104));
		assert_int_equal(axis.columns, 101);
		assert_int_equal(axis.centre, cases[i].centre);
		if (axis.half != cases[i].half) {
			fail_msg("case %zu: %lld", i, (long long)axis.half);
		}
	}
	free(h);
}

/* One in a thousand that is far off does not spoil the axis; it is counted as not on it. */
static void test_outliers(void **state)
{
	struct ws_hist *h = hist_new();
	struct ws_plot_near axis;
	struct ws_plot_band band;
	uint64_t below, above;

	(void)state;
	record(h, 20000, 2000);
	record(h, 90000000, 2);
	record(h, 7, 1);
	assert_true(ws_plot_near_init(&axis, h, 20000, 100));
	assert_int_equal(axis.half, 1000);
	band = band_of(&axis, h, &below, &above);
	assert_int_equal(below, 1);
	assert_int_equal(above, 2);
	assert_int_equal(band.total, 2000);
	free(h);
}

static void test_nothing_to_draw(void **state)
{
	struct ws_plot_near axis = {.columns = 7};
	struct ws_hist *h = hist_new();

	(void)state;
	assert_false(ws_plot_near_init(&axis, h, 1000, 100));
	record(h, -5, 3);
	record(h, INT64_MIN, 1);
	record(h, INT64_MAX, 1);
	assert_false(ws_plot_near_init(&axis, h, 1000, 100));
	record(h, 1000, 3);
	assert_false(ws_plot_near_init(&axis, h, 0, 100));
	assert_false(ws_plot_near_init(&axis, h, -1, 100));
	assert_false(ws_plot_near_init(&axis, h, WS_HIST_HIGH, 100));
	/* Half an axis of 1 us would be all of the value. */
	ws_hist_init(h);
	record(h, 1000, 3);
	record(h, 1600, 3);
	assert_false(ws_plot_near_init(&axis, h, 1000, 100));
	assert_int_equal(axis.columns, 7);
	free(h);
}

/* Values of one ns each, one a column: the middle is the centre, the ends are the ends. */
static void test_places(void **state)
{
	struct ws_plot_near axis = {.columns = 101, .centre = 1000, .half = 50};
	struct ws_hist *h = hist_new();
	uint64_t below, above;
	struct ws_plot_band band;

	(void)state;
	for (int off = -60; off <= 60; off++) {
		unsigned column = (unsigned)(off + 50);
		bool inside = off >= -50 && off <= 50;

		ws_hist_init(h);
		record(h, 1000 + off, 1);
		band = band_of(&axis, h, &below, &above);
		assert_int_equal(band.total, inside);
		assert_int_equal(below, off < -50);
		assert_int_equal(above, off > 50);
		assert_true(!inside || band.counts[column] == 1);
	}
	free(h);
}

/* Bins of 16 ns over columns of 20: an even spread stays even, without a comb. */
static void test_even(void **state)
{
	struct ws_plot_near axis = {.columns = 101, .centre = 20000, .half = 1000};
	struct ws_hist *h = hist_new();
	uint64_t below, above;
	struct ws_plot_band band;

	(void)state;
	for (int64_t ns = 18000; ns < 22000; ns++) {
		record(h, ns, 10);
	}
	band = band_of(&axis, h, &below, &above);
	for (unsigned i = 0; i < band.columns; i++) {
		assert_in_range(band.counts[i], 190, 210);
	}
	assert_in_range(below, 9800, 10100);
	assert_in_range(above, 9800, 10100);
	free(h);
}

static void text_of(const struct ws_plot_line *line, char text[512])
{
	text[0] = '\0';
	for (unsigned i = 0; i < line->columns; i++) {
		strcat(text, line->cells[i].glyph);
	}
}

static void test_ticks(void **state)
{
	static const struct {
		unsigned columns;
		int64_t half;
		const char *labels;
	} cases[] = {
		{53, 1000, "-1 us     -500 ns         0         +500 ns     +1 us"},
		{53, 5000, "-5 us     -2.5 us         0         +2.5 us     +5 us"},
		{53, 50, "-50 ns    -25 ns          0         +25 ns     +50 ns"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ws_plot_near axis = {cases[i].columns, 1000000, cases[i].half};
		struct ws_plot_line rule, labels;
		char text[512];

		ws_plot_near_ticks(&rule, &labels, &axis);
		text_of(&labels, text);
		assert_string_equal(text, cases[i].labels);
		text_of(&rule, text);
		assert_string_equal(text, "┌────────────┬────────────┬────────────┬────────────┐");
	}
}

/* Whatever the width, the labels keep apart and the columns are in bounds. */
static void test_every_width(void **state)
{
	struct ws_hist *h = hist_new();

	(void)state;
	record(h, 123456, 100);
	record(h, 120000, 100);
	for (unsigned columns = 1; columns < 300; columns++) {
		struct ws_plot_line rule, labels;
		struct ws_plot_near axis;
		uint64_t below, above;
		char text[512];

		assert_true(ws_plot_near_init(&axis, h, 123456, columns));
		assert_in_range(axis.columns, 49, WS_PLOT_COLUMNS_MAX);
		assert_int_equal(axis.columns % 4, 1);
		assert_int_equal(band_of(&axis, h, &below, &above).total, 200);
		ws_plot_near_ticks(&rule, &labels, &axis);
		text_of(&labels, text);
		assert_null(strstr(text, "s-"));
		assert_null(strstr(text, "s+"));
		assert_int_equal(strlen(text), axis.columns);
	}
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_outliers),
		cmocka_unit_test(test_nothing_to_draw),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_even),
		cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_every_width),
	};

	return cmocka_run_group_tests_name("plot_near", tests, NULL, NULL);
}
