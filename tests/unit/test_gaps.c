/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/gaps.h"

#define NOT_INTENDED INT64_MIN

static struct ws_gaps gaps;
static struct ws_gap_walk walk;

static int setup(void **state)
{
	(void)state;
	memset(&gaps, 0xa5, sizeof(gaps)); /* what was there must not matter */
	ws_gaps_init(&gaps);
	ws_gap_walk_init(&walk, &gaps);
	return 0;
}

static void assert_within(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	const uint64_t want[WS_GAP_WITHIN] = {a, b, c, d, e};

	for (int i = 0; i < WS_GAP_WITHIN; i++) {
		assert_int_equal(gaps.within[i], want[i]);
	}
}

static void nothing_yet(void **state)
{
	(void)state;
	assert_int_equal(gaps.hist.count, 0);
	assert_within(0, 0, 0, 0, 0);
	assert_int_equal(gaps.judged, 0);
	assert_int_equal(gaps.bursts, 0);
	/* One packet makes no gap, whatever its number. */
	ws_gap_walk_add(&walk, 1, 1000, 0, 100);
	assert_int_equal(gaps.hist.count, 0);
	assert_int_equal(gaps.judged, 0);
}

static void gaps_are_recorded(void **state)
{
	static const int64_t times[] = {500, 20500, 40400, 60600, 80600};

	(void)state;
	for (uint64_t n = 0; n < 5; n++) {
		ws_gap_walk_add(&walk, n, times[n], (int64_t)n * 20000, 0);
	}
	assert_int_equal(gaps.hist.count, 4);
	assert_int_equal(gaps.hist.min, 19900);
	assert_int_equal(gaps.hist.max, 20200);
	assert_true(gaps.hist.sum == 80100);
	/* 0, -100, 200, 0 off. */
	assert_within(2, 3, 4, 4, 4);
	assert_int_equal(gaps.judged, 0);
	assert_int_equal(gaps.bursts, 0);
}

/* The limits are inside, a nanosecond more is not, early or late. */
static void limits_of_within(void **state)
{
	static const struct {
		int64_t off;
		int first; /* the first share that it is in */
	} rows[] = {
		{0, 0},
		{64, 0},
		{-64, 0},
		{65, 1},
		{-65, 1},
		{128, 1},
		{-128, 1},
		{129, 2},
		{256, 2},
		{-257, 3},
		{512, 3},
		{-512, 3},
		{513, 4},
		{1024, 4},
		{-1024, 4},
		{1025, 5},
		{-1025, 5},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(state);
		ws_gap_walk_add(&walk, 7, 3000, -50, 0);
		ws_gap_walk_add(&walk, 8, 3000 + 1500 + rows[i].off, -50 + 1500, 0);
		for (int k = 0; k < WS_GAP_WITHIN; k++) {
			assert_int_equal(gaps.within[k], k >= rows[i].first);
		}
	}
}

/* The intended gap counts, not the intended time: a constant lateness is no fault of a gap. */
static void intended_gap_varies(void **state)
{
	(void)state;
	ws_gap_walk_add(&walk, 0, 1000000, 0, 0);
	ws_gap_walk_add(&walk, 1, 1000000, 0, 0);
	ws_gap_walk_add(&walk, 2, 1070000, 70000, 0);
	ws_gap_walk_add(&walk, 3, 1070000 + 300, 70000 + 100, 0);
	assert_int_equal(gaps.hist.count, 3);
	assert_int_equal(gaps.hist.below_range, 1);
	assert_within(2, 2, 3, 3, 3);
}

static void left_out_makes_no_gap(void **state)
{
	(void)state;
	ws_gap_walk_add(&walk, 0, 0, 0, 50);
	ws_gap_walk_add(&walk, 2, 2000, 2000, 50);
	assert_int_equal(gaps.hist.count, 0);
	assert_int_equal(gaps.judged, 0);
	ws_gap_walk_add(&walk, 3, 3000, 3000, 50);
	ws_gap_walk_add(&walk, 5, 5000, 5000, 50);
	ws_gap_walk_add(&walk, UINT64_MAX, 6000, 6000, 50);
	assert_int_equal(gaps.hist.count, 1);
	assert_int_equal(gaps.judged, 1);
	assert_within(1, 1, 1, 1, 1);
}

/* The time of the earlier frame: the later one may be as short as it likes. */
static void bursts_are_judged_by_the_earlier(void **state)
{
	(void)state;
	ws_gap_walk_add(&walk, 0, 0, 0, 1000);
	ws_gap_walk_add(&walk, 1, 999, 1000, 10);
	assert_int_equal(gaps.bursts, 1);
	ws_gap_walk_add(&walk, 2, 1009, 1010, 1000);
	ws_gap_walk_add(&walk, 3, 2009, 2010, 0);
	assert_int_equal(gaps.judged, 3);
	assert_int_equal(gaps.bursts, 1);
	/* Of the next gap the time is not known. */
	ws_gap_walk_add(&walk, 4, 2010, 2010, 1000);
	assert_int_equal(gaps.hist.count, 4);
	assert_int_equal(gaps.judged, 3);
	/* Back in time is impossible, too. */
	ws_gap_walk_add(&walk, 5, 1900, 3010, 1000);
	assert_int_equal(gaps.hist.negative, 1);
	assert_int_equal(gaps.judged, 4);
	assert_int_equal(gaps.bursts, 2);
}

static void flat_out_intends_nothing(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 10; n++) {
		ws_gap_walk_add(&walk, n, (int64_t)n * 700, NOT_INTENDED, 672);
	}
	assert_int_equal(gaps.hist.count, 9);
	assert_int_equal(gaps.judged, 9);
	assert_int_equal(gaps.bursts, 0);
	assert_within(0, 0, 0, 0, 0);
	/* Nor does a gap with one such end. */
	ws_gap_walk_add(&walk, 10, 7000, 0, 672);
	assert_within(0, 0, 0, 0, 0);
	ws_gap_walk_add(&walk, 11, 7700, 700, 672);
	assert_within(1, 1, 1, 1, 1);
}

static void broken(void **state)
{
	(void)state;
	ws_gap_walk_add(&walk, 0, 1000, 0, 5);
	ws_gap_walk_break(&walk);
	ws_gap_walk_add(&walk, 1, 2000, 1000, 5);
	assert_int_equal(gaps.hist.count, 0);
	ws_gap_walk_add(&walk, 2, 3000, 2000, 5);
	assert_int_equal(gaps.hist.count, 1);
}

/* Nothing that fits 64 bits may upset it. */
static void times_far_apart(void **state)
{
	(void)state;
	ws_gap_walk_add(&walk, 0, INT64_MIN, 0, 5);
	ws_gap_walk_add(&walk, 1, INT64_MAX, 1000, 5);
	assert_int_equal(gaps.hist.count, 0);
	ws_gap_walk_add(&walk, 2, INT64_MAX, INT64_MAX, 5);
	ws_gap_walk_add(&walk, 3, 0, INT64_MIN + 1, 5);
	ws_gap_walk_add(&walk, 4, INT64_MAX, -5, 5);
	ws_gap_walk_add(&walk, 5, 0, INT64_MAX - 5, 5);
	assert_int_equal(gaps.hist.count, 4);
	/* 292 years and 5 ns more than intended are close all the same. */
	assert_within(1, 1, 1, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_yet, setup),
		cmocka_unit_test_setup(gaps_are_recorded, setup),
		cmocka_unit_test_setup(limits_of_within, setup),
		cmocka_unit_test_setup(intended_gap_varies, setup),
		cmocka_unit_test_setup(left_out_makes_no_gap, setup),
		cmocka_unit_test_setup(bursts_are_judged_by_the_earlier, setup),
		cmocka_unit_test_setup(flat_out_intends_nothing, setup),
		cmocka_unit_test_setup(broken, setup),
		cmocka_unit_test_setup(times_far_apart, setup),
	};

	return cmocka_run_group_tests_name("gaps", tests, NULL, NULL);
}
