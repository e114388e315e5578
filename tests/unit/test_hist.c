/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
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

/* Values on both sides of the range, and some whose squares need more than 128 bits together. */
static void many_at_once(void **state)
{
	static const struct {
		int64_t value;
		uint64_t times;
	} rows[] = {{-77, 3}, {0, 2}, {1, 1}, {5000, 1000}, {123456789, 17}, {WS_HIST_HIGH, 4},
		{INT64_MAX, 9}, {INT64_MIN, 5}, {42, 0}};

	(void)state;
	ws_hist_init(&hist);
	ws_hist_init(&other);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ws_hist_record_many(&hist, rows[i].value, rows[i].times);
		for (uint64_t k = 0; k < rows[i].times; k++) {
			ws_hist_record(&other, rows[i].value);
		}
		assert_same(&hist, &other);
	}

	/* None at all: not even as the smallest. */
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, 5, 0);
	assert_int_equal(hist.count, 0);
	assert_true(hist.min > hist.max);

	/* As many as there can be: half of them here, half there. */
	double mean, stddev;

	ws_hist_record_many(&hist, INT64_MIN, UINT64_MAX / 2);
	ws_hist_record_many(&hist, INT64_MAX, UINT64_MAX / 2);
	assert_int_equal(hist.count, UINT64_MAX - 1);
	assert_true(ws_hist_mean(&hist, &mean));
	assert_true(mean == -0.5);
	assert_true(ws_hist_stddev(&hist, &stddev));
	assert_true(fabs(stddev - 0x1p63) < 0x1p20);
}

static void bins_of_ranks(void **state)
{
	static const struct {
		uint64_t rank;
		int64_t low; /* -1: none */
	} rows[] = {{0, -1}, {1, -1}, {3, -1}, {4, 7}, {5, 7}, {6, 4096}, {15, 4096}, {16, -1},
		{17, -1}, {18, -1}, {UINT64_MAX, -1}};

	(void)state;
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, -5, 1);
	ws_hist_record_many(&hist, 0, 2);
	ws_hist_record_many(&hist, 7, 2);
	ws_hist_record_many(&hist, 4099, 10);
	ws_hist_record_many(&hist, WS_HIST_HIGH, 2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_hist_bin bin = {.low = -1};

		assert_int_equal(ws_hist_at_rank(&hist, rows[i].rank, &bin), rows[i].low != -1);
		assert_int_equal(bin.low, rows[i].low);
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
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(bins_of_ranks),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
