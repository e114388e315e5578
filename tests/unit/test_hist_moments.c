/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hist.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define UNTOUCHED (-77)

/* Too large for comfort on the stack. */
static struct ws_hist hist, other;

/* splitmix64 (Steele, Lea, Flood 2014): a failure can be run again from the same seed. */
static uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void assert_close(double got, double want)
{
	double diff = got > want ? got - want : want - got;

	if (!(diff <= (want < 0 ? -want : want) * 1e-14)) {
		fail_msg("got %.17g, not %.17g", got, want);
	}
}

static void moments_need_values(void **state)
{
	double got = UNTOUCHED;

	(void)state;
	ws_hist_init(&hist);
	assert_false(ws_hist_mean(&hist, &got));
	assert_false(ws_hist_stddev(&hist, &got));
	ws_hist_record(&hist, 42);
	assert_false(ws_hist_stddev(&hist, &got));
	assert_true(got == UNTOUCHED);
	assert_true(ws_hist_mean(&hist, &got));
	assert_true(got == 42);
	ws_hist_record(&hist, 42);
	assert_true(ws_hist_stddev(&hist, &got));
	assert_true(got == 0);
}

/* 0 to n-1 have the mean (n-1)/2 and the sample variance n(n+1)/12, wherever they are moved. */
static void moments_with_large_offsets(void **state)
{
	static const int64_t offsets[] = {
		0,
		1,
		-500,
		50000,
		INT64_C(4503599627370496),
		INT64_C(1700000000000000000),
		-INT64_C(1700000000000000000),
		INT64_MAX - 1000,
		INT64_MIN,
	};
	const int64_t n = 1001;
	double mean, stddev;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		ws_hist_init(&hist);
		for (int64_t k = 0; k < n; k++) {
			ws_hist_record(&hist, offsets[i] + k);
		}
		assert_true(ws_hist_mean(&hist, &mean));
		assert_true(mean == (double)(offsets[i] + (n - 1) / 2));
		assert_true(ws_hist_stddev(&hist, &stddev));
		assert_close(stddev * stddev, (double)(n * (n + 1)) / 12);
	}
}

static void mean_keeps_the_fraction(void **state)
{
	double mean;

	(void)state;
	ws_hist_init(&hist);
	ws_hist_record(&hist, INT64_C(2251799813685248));
	ws_hist_record(&hist, INT64_C(2251799813685249));
	assert_true(ws_hist_mean(&hist, &mean));
	assert_true(mean == 2251799813685248.5);

	ws_hist_init(&hist);
	ws_hist_record(&hist, -1);
	ws_hist_record(&hist, -2);
	assert_true(ws_hist_mean(&hist, &mean));
	assert_true(mean == -1.5);
}

/* A first value far off must not cost the digits of all that follow it. */
static void stddev_with_an_outlier(void **state)
{
	const double far = 99999999999.0 - 50000.5, n = 100001;
	const double around = far * (100000 / n), back = far / n;
	double stddev;

	(void)state;
	ws_hist_init(&hist);
	ws_hist_record(&hist, INT64_C(99999999999));
	for (int i = 0; i < 100000; i++) {
		ws_hist_record(&hist, 50000 + i % 2);
	}
	assert_true(ws_hist_stddev(&hist, &stddev));
	assert_close(stddev * stddev,
		(around * around + 100000 * (back * back) + 100000 * 0.25) / (n - 1));
}

/* The squares of these need more than 128 bits together. */
static void moments_of_the_widest_values(void **state)
{
	const double half = 0x1p63;
	double mean, stddev;

	(void)state;
	ws_hist_init(&hist);
	for (int i = 0; i < 1000; i++) {
		ws_hist_record(&hist, INT64_MIN);
		ws_hist_record(&hist, INT64_MAX);
	}
	assert_true(ws_hist_mean(&hist, &mean));
	assert_true(mean == -0.5);
	assert_true(ws_hist_stddev(&hist, &stddev));
	assert_close(stddev * stddev, half * half * 2000 / 1999);

	ws_hist_init(&other);
	ws_hist_merge(&other, &hist);
	ws_hist_merge(&other, &hist);
	assert_true(ws_hist_stddev(&other, &stddev));
	assert_close(stddev * stddev, half * half * 4000 / 3999);

	/* Here 2^128 lies between the sum of the squares and what is taken from it. */
	ws_hist_init(&hist);
	for (int i = 0; i < 16; i++) {
		int64_t away = INT64_C(1) << 32;

		ws_hist_record(&hist, (INT64_C(1) << 62) - 1 + (i % 2 ? away : -away));
	}
	assert_true(ws_hist_stddev(&hist, &stddev));
	assert_close(stddev * stddev, 0x1p64 * 16 / 15);

	ws_hist_init(&hist);
	for (int i = 0; i < 1000; i++) {
		ws_hist_record(&hist, INT64_MIN + i % 2);
	}
	assert_true(ws_hist_stddev(&hist, &stddev));
	assert_close(stddev * stddev, 0.25 * 1000 / 999);
}

/* Against the definition, in integers: 2 n^2 times the variance of the population is the sum over
 * all pairs of their squared distance. */
static void stddev_by_all_pairs(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int trial = 0; trial < 200; trial++) {
		int64_t values[20], base = (int64_t)(random_next(&seed) >> 2) - (INT64_C(1) << 61);
		unsigned int bits = 1 + (unsigned int)(random_next(&seed) % 26);
		int64_t n = 2 + (int64_t)(random_next(&seed) % 19), pairs = 0;
		double stddev;

		ws_hist_init(&hist);
		for (int64_t i = 0; i < n; i++) {
			values[i] = base + (int64_t)(random_next(&seed) >> (64 - bits));
			ws_hist_record(&hist, values[i]);
		}
		for (int64_t i = 0; i < n; i++) {
			for (int64_t k = 0; k < i; k++) {
				int64_t d = values[i] - values[k];

				pairs += d * d;
			}
		}
		assert_true(ws_hist_stddev(&hist, &stddev));
		assert_close(stddev * stddev, (double)pairs / (double)(n * (n - 1)));
	}
}

/* What one histogram says of itself is put into another one with the same bins. */
static void moments_from_elsewhere(void **state)
{
	static const int64_t offsets[] = {0, 1, 50000, -50000, INT64_C(99000000000)};
	double mean, stddev, got;
	uint64_t seed = 21;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		ws_hist_init(&hist);
		ws_hist_init(&other);
		for (int k = 0; k < 1001; k++) {
			int64_t value = offsets[i] + (int64_t)(random_next(&seed) % 9000);

			ws_hist_record(&hist, value);
			ws_hist_record(&other, value - value % 16 + 8);
		}
		ws_hist_record(&other, hist.min);
		ws_hist_record(&hist, hist.min);
		assert_true(ws_hist_mean(&hist, &mean));
		assert_true(ws_hist_stddev(&hist, &stddev));
		assert_true(ws_hist_set_moments(&other, mean, stddev));
		assert_true(ws_hist_mean(&other, &got));
		assert_close(got, mean);
		assert_true(ws_hist_stddev(&other, &got));
		assert_true(fabs(got - stddev) <= stddev * 1e-8);
	}
}

static void moments_that_cannot_be(void **state)
{
	static const struct {
		double mean, stddev;
		bool good;
	} rows[] = {
		{99, 1, false},
		{100, 1, true},
		{300, 0, true},
		{301, 1, false},
		{200, -1, false},
		{200, 1e12, false},
		{__builtin_nan(""), 1, false},
		{200, __builtin_nan(""), false},
		{200, __builtin_inf(), false},
		{__builtin_inf(), 1, false},
	};
	double got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ws_hist_init(&hist);
		ws_hist_record(&hist, 100);
		ws_hist_record(&hist, 300);
		assert_int_equal(
			ws_hist_set_moments(&hist, rows[i].mean, rows[i].stddev), rows[i].good);
		assert_true(ws_hist_mean(&hist, &got));
		assert_true(got == (rows[i].good ? rows[i].mean : 200));
	}
	ws_hist_init(&hist);
	assert_false(ws_hist_set_moments(&hist, 0, 0));
	ws_hist_record(&hist, 5);
	assert_false(ws_hist_set_moments(&hist, 5, 0));
	ws_hist_record_many(&hist, 5, UINT64_C(1) << 53);
	assert_false(ws_hist_set_moments(&hist, 5, 0));

	/* The largest that are kept. */
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, WS_HIST_HIGH, UINT64_C(1) << 53);
	assert_true(ws_hist_set_moments(&hist, 1e11, 1e11));
	assert_true(ws_hist_mean(&hist, &got));
	assert_true(got == 1e11);
	assert_true(ws_hist_stddev(&hist, &got));
	assert_close(got, 1e11);
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, -WS_HIST_HIGH, UINT64_C(1) << 53);
	assert_true(ws_hist_set_moments(&hist, -1e11, 1e11));
	assert_true(ws_hist_mean(&hist, &got));
	assert_true(got == -1e11);
	assert_true(ws_hist_stddev(&hist, &got));
	assert_close(got, 1e11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_need_values),
		cmocka_unit_test(moments_with_large_offsets),
		cmocka_unit_test(mean_keeps_the_fraction),
		cmocka_unit_test(stddev_with_an_outlier),
		cmocka_unit_test(moments_of_the_widest_values),
		cmocka_unit_test(stddev_by_all_pairs),
		cmocka_unit_test(moments_from_elsewhere),
		cmocka_unit_test(moments_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
