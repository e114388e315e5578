/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hist.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define SAMPLES	  1000000
#define UNTOUCHED (-77)

/* Too large for comfort on the stack. */
static struct ws_hist hist, other, parts[10];

/* splitmix64 (Steele, Lea, Flood 2014): a failure can be run again from the same seed. */
static uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int64_t uniform(uint64_t *seed)
{
	return 1 + (int64_t)(random_next(seed) % (uint64_t)(WS_HIST_HIGH - 1));
}

/* As latencies of a quiet host: few values, many times each. */
static int64_t uniform_narrow(uint64_t *seed)
{
	return 5000 + (int64_t)(random_next(seed) % 3000);
}

/* The logarithm is a sum of uniform parts: near to normal, and it spans nearly all of the range. */
static int64_t log_normal_like(uint64_t *seed)
{
	uint64_t exponent = 8, fraction = random_next(seed) >> 44;

	for (int i = 0; i < 6; i++) {
		exponent += random_next(seed) % 5;
	}
	return (int64_t)((((UINT64_C(1) << 20) | fraction) << exponent) >> 20);
}

static int64_t bimodal(uint64_t *seed)
{
	uint64_t r = random_next(seed), spread = random_next(seed) % 1000;

	return r % 100 < 97 ? (int64_t)(20000 + spread) : (int64_t)(4000000 + spread * 1000);
}

static int64_t small(uint64_t *seed)
{
	return 1 + (int64_t)(random_next(seed) % 4096);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Quantiles as decimal fractions, so that the exact rank is a matter of integers. */
static const struct {
	double q;
	uint64_t num, den;
} quantiles[] = {
	{0.001, 1, 1000},
	{0.01, 1, 100},
	{0.07, 7, 100},
	{0.1, 1, 10},
	{0.25, 1, 4},
	{0.5, 1, 2},
	{0.75, 3, 4},
	{0.9, 9, 10},
	{0.95, 95, 100},
	{0.97, 97, 100},
	{0.99, 99, 100},
	{0.999, 999, 1000},
	{0.9999, 9999, 10000},
	{0.99999, 99999, 100000},
	{0.999999, 999999, 1000000},
};

static void quantiles_against_sort(void **state)
{
	int64_t (*const distributions[])(uint64_t *) = {
		uniform,
		uniform_narrow,
		log_normal_like,
		bimodal,
		small,
	};
	int64_t *values = malloc(SAMPLES * sizeof(*values));

	(void)state;
	assert_non_null(values);
	for (size_t d = 0; d < ARRAY_SIZE(distributions); d++) {
		uint64_t seed = d;

		ws_hist_init(&hist);
		for (size_t i = 0; i < SAMPLES; i++) {
			values[i] = distributions[d](&seed);
			ws_hist_record(&hist, values[i]);
		}
		assert_int_equal(ws_hist_in_range(&hist), SAMPLES);
		qsort(values, SAMPLES, sizeof(*values), compare);

		for (size_t k = 0; k < ARRAY_SIZE(quantiles); k++) {
			uint64_t den = quantiles[k].den;
			uint64_t rank = (quantiles[k].num * SAMPLES + den - 1) / den;
			int64_t exact = values[rank - 1], got;

			assert_true(ws_hist_quantile(&hist, quantiles[k].q, &got));
			if (got < exact || (got - exact) * 1000 > exact) {
				fail_msg("distribution %zu, quantile %f: got %lld, exact is %lld",
					d, quantiles[k].q, (long long)got, (long long)exact);
			}
		}
		assert_int_equal(hist.min, values[0]);
		assert_int_equal(hist.max, values[SAMPLES - 1]);
	}
	free(values);
}

/* 1 to n once each, n below 2048: the value of a rank is the rank. */
static void quantile_ranks(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 2048; n += n < 300 ? 1 : 100) {
		ws_hist_init(&hist);
		for (uint64_t i = 1; i <= n; i++) {
			ws_hist_record(&hist, (int64_t)i);
		}
		for (uint64_t permille = 1; permille < 1000; permille++) {
			uint64_t rank = (permille * n + 999) / 1000;
			bool enough = n * (1000 - permille) >= 1000;
			int64_t got = UNTOUCHED;

			assert_int_equal(
				ws_hist_quantile(&hist, (double)permille / 1000, &got), enough);
			assert_int_equal(got, enough ? (int64_t)rank : UNTOUCHED);
		}
	}
}

static void quantile_needs_a_sample(void **state)
{
	static const struct {
		double q;
		uint64_t need;
	} rows[] = {
		{0.01, 2},
		{0.5, 2},
		{0.9, 10},
		{0.99, 100},
		{0.999, 1000},
		{0.9999, 10000},
		{0.99999, 100000},
	};
	int64_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ws_hist_init(&hist);
		while (hist.count < rows[i].need) {
			got = UNTOUCHED;
			assert_false(ws_hist_quantile(&hist, rows[i].q, &got));
			assert_int_equal(got, UNTOUCHED);
			ws_hist_record(&hist, 7);
		}
		assert_true(ws_hist_quantile(&hist, rows[i].q, &got));
		assert_int_equal(got, 7);
	}
}

static void quantile_of_nothing_sensible(void **state)
{
	static const double bad[] = {0, 1, -0.5, 1.5, __builtin_nan(""), __builtin_inf()};
	int64_t got = UNTOUCHED;

	(void)state;
	ws_hist_init(&hist);
	for (int i = 0; i < 1000; i++) {
		ws_hist_record(&hist, 7);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(ws_hist_quantile(&hist, bad[i], &got));
		assert_int_equal(got, UNTOUCHED);
	}
}

/* 20 negative, 20 zero, 40 with a bin, 20 above the range: in this order by rank. */
static void quantile_outside_the_range(void **state)
{
	static const struct {
		double q;
		bool known;
	} rows[] = {
		{0.1, false},
		{0.2, false},
		{0.3, false},
		{0.4, false},
		{0.41, true},
		{0.5, true},
		{0.8, true},
		{0.81, false},
		{0.9, false},
		{0.99, false},
	};

	(void)state;
	ws_hist_init(&hist);
	for (int i = 0; i < 20; i++) {
		ws_hist_record(&hist, -5000 + i);
		ws_hist_record(&hist, 0);
		ws_hist_record(&hist, 100);
		ws_hist_record(&hist, 100);
		ws_hist_record(&hist, WS_HIST_HIGH + i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t got = UNTOUCHED;

		assert_int_equal(ws_hist_quantile(&hist, rows[i].q, &got), rows[i].known);
		assert_int_equal(got, rows[i].known ? 100 : UNTOUCHED);
	}
}

static void quantile_stays_within_max(void **state)
{
	int64_t got;

	(void)state;
	ws_hist_init(&hist);
	for (int i = 0; i < 10; i++) {
		ws_hist_record(&hist, 1048577);
	}
	assert_true(ws_hist_quantile(&hist, 0.5, &got));
	assert_int_equal(got, 1048577);
}

static void bins_tile_the_range(void **state)
{
	int64_t next = 0;

	(void)state;
	ws_hist_init(&hist);
	for (size_t i = 0; i < WS_HIST_BINS; i++) {
		struct ws_hist_bin bin = ws_hist_bin(&hist, i);

		assert_int_equal(bin.low, next);
		assert_true(bin.high > bin.low);
		if (bin.low >= 2048) {
			assert_true((bin.high - bin.low) * 1024 <= bin.low);
		} else {
			assert_int_equal(bin.high - bin.low, 1);
		}
		next = bin.high;
	}
	assert_int_equal(next, INT64_C(1) << 37);
}

static void index_and_bin_are_inverse(void **state)
{
	size_t last = ws_hist_index(WS_HIST_HIGH - 1);

	(void)state;
	assert_true(last < WS_HIST_BINS);
	ws_hist_init(&hist);
	for (size_t i = ws_hist_index(WS_HIST_LOW); i <= last; i++) {
		struct ws_hist_bin bin = ws_hist_bin(&hist, i);
		int64_t largest = bin.high - 1;

		if (largest > WS_HIST_HIGH - 1) {
			largest = WS_HIST_HIGH - 1;
		}
		assert_int_equal(ws_hist_index(bin.low), i);
		assert_int_equal(ws_hist_index(bin.low + (largest - bin.low) / 2), i);
		assert_int_equal(ws_hist_index(largest), i);
	}
}

static void edges(void **state)
{
	static const struct {
		int64_t value;
		uint64_t negative, below, in, above;
	} rows[] = {
		{INT64_MIN, 1, 0, 0, 0},
		{-1, 1, 0, 0, 0},
		{0, 0, 1, 0, 0},
		{1, 0, 0, 1, 0},
		{2047, 0, 0, 1, 0},
		{2048, 0, 0, 1, 0},
		{2049, 0, 0, 1, 0},
		{4095, 0, 0, 1, 0},
		{4096, 0, 0, 1, 0},
		{WS_HIST_HIGH - 1, 0, 0, 1, 0},
		{WS_HIST_HIGH, 0, 0, 0, 1},
		{INT64_MAX, 0, 0, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at;

		ws_hist_init(&hist);
		ws_hist_record(&hist, rows[i].value);
		assert_int_equal(hist.count, 1);
		assert_int_equal(hist.negative, rows[i].negative);
		assert_int_equal(hist.below_range, rows[i].below);
		assert_int_equal(hist.above_range, rows[i].above);
		assert_int_equal(ws_hist_in_range(&hist), rows[i].in);
		assert_int_equal(hist.min, rows[i].value);
		assert_int_equal(hist.max, rows[i].value);

		at = ws_hist_next(&hist, 0);
		if (rows[i].in) {
			struct ws_hist_bin bin = ws_hist_bin(&hist, at);

			assert_int_equal(bin.count, 1);
			assert_true(bin.low <= rows[i].value && rows[i].value < bin.high);
			assert_int_equal(ws_hist_next(&hist, at), at);
			at = ws_hist_next(&hist, at + 1);
		}
		assert_int_equal(at, WS_HIST_BINS);
	}
}

static void next_walks_all_counts(void **state)
{
	uint64_t seed = 3, seen = 0, before = 0;

	(void)state;
	ws_hist_init(&hist);
	assert_int_equal(ws_hist_next(&hist, 0), WS_HIST_BINS);
	assert_int_equal(ws_hist_next(&hist, WS_HIST_BINS), WS_HIST_BINS);
	for (int i = 0; i < 1000; i++) {
		ws_hist_record(&hist, log_normal_like(&seed));
	}
	for (size_t i = ws_hist_next(&hist, 0); i < WS_HIST_BINS; i = ws_hist_next(&hist, i + 1)) {
		assert_true(i + 1 > before);
		before = i + 1;
		assert_true(ws_hist_bin(&hist, i).count > 0);
		seen += ws_hist_bin(&hist, i).count;
	}
	assert_int_equal(seen, 1000);
}

static void assert_same(const struct ws_hist *a, const struct ws_hist *b)
{
	double x, y;

	assert_memory_equal(a->bins, b->bins, sizeof(a->bins));
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->negative, b->negative);
	assert_int_equal(a->below_range, b->below_range);
	assert_int_equal(a->above_range, b->above_range);
	assert_int_equal(a->min, b->min);
	assert_int_equal(a->max, b->max);
	assert_int_equal(ws_hist_mean(a, &x), ws_hist_mean(b, &y));
	assert_true(x == y);
	assert_int_equal(ws_hist_stddev(a, &x), ws_hist_stddev(b, &y));
	assert_true(x == y);
}

/* The parts lie far from each other, and hold values on both sides of the range. */
static void merge_of_ten_parts(void **state)
{
	uint64_t seed = 11;

	(void)state;
	ws_hist_init(&hist);
	for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
		ws_hist_init(&parts[p]);
		for (int i = 0; i < 20000; i++) {
			int64_t value = (int64_t)(random_next(&seed) >> (2 + 6 * p));

			value -= i % 7 == 0 ? INT64_C(1) << 61 >> (5 * p) : 0;
			value = i % 1000 == 0 ? 0 : value;
			ws_hist_record(&parts[p], value);
			ws_hist_record(&hist, value);
		}
	}
	assert_true(hist.negative > 0 && hist.below_range > 0 && hist.above_range > 0);

	ws_hist_init(&other);
	for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
		ws_hist_merge(&other, &parts[p]);
	}
	assert_same(&other, &hist);

	ws_hist_init(&other);
	for (size_t p = ARRAY_SIZE(parts); p > 0; p--) {
		ws_hist_merge(&other, &parts[p - 1]);
	}
	assert_same(&other, &hist);
}

static void merge_with_empty(void **state)
{
	double mean = UNTOUCHED;

	(void)state;
	ws_hist_init(&hist);
	ws_hist_init(&other);
	ws_hist_merge(&hist, &other);
	assert_int_equal(hist.count, 0);
	assert_false(ws_hist_mean(&hist, &mean));

	ws_hist_record(&other, -9);
	ws_hist_record(&other, -5);
	ws_hist_merge(&hist, &other);
	assert_same(&hist, &other);
	assert_int_equal(hist.min, -9);
	assert_int_equal(hist.max, -5);

	ws_hist_init(&parts[0]);
	ws_hist_merge(&hist, &parts[0]);
	assert_same(&hist, &other);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_against_sort),
		cmocka_unit_test(quantile_ranks),
		cmocka_unit_test(quantile_needs_a_sample),
		cmocka_unit_test(quantile_of_nothing_sensible),
		cmocka_unit_test(quantile_outside_the_range),
		cmocka_unit_test(quantile_stays_within_max),
		cmocka_unit_test(bins_tile_the_range),
		cmocka_unit_test(index_and_bin_are_inverse),
		cmocka_unit_test(edges),
		cmocka_unit_test(next_walks_all_counts),
		cmocka_unit_test(merge_of_ten_parts),
		cmocka_unit_test(merge_with_empty),
		cmocka_unit_test(moments_need_values),
		cmocka_unit_test(moments_with_large_offsets),
		cmocka_unit_test(mean_keeps_the_fraction),
		cmocka_unit_test(stddev_with_an_outlier),
		cmocka_unit_test(moments_of_the_widest_values),
		cmocka_unit_test(stddev_by_all_pairs),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
