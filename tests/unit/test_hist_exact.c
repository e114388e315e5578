/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 10^7 values of each of several distributions against an exact sort, and parts put together against
 * the whole. This takes seconds.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hist.h"
#include "core/random.h"

#define VALUES	   10000000
#define PARTS	   10
#define DIGIT_BITS 13
#define DIGITS	   (1u << DIGIT_BITS)

/* Too large for comfort on the stack. */
static struct ws_hist whole, merged, parts[PARTS];
static int64_t *values, *room;

static int allocate(void **state)
{
	(void)state;
	values = malloc(VALUES * sizeof(*values));
	room = malloc(VALUES * sizeof(*room));
	return values && room ? 0 : -1;
}

static int release(void **state)
{
	(void)state;
	free(values);
	free(room);
	return 0;
}

/* Between 0 and 1, neither included; which of several that value i needs. */
static double uniform(uint64_t i, unsigned which)
{
	return ((double)(ws_random_at(1, 99 + which, i) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t i)
{
	return sqrt(-2 * log(uniform(i, 0))) * cos(6.283185307179586 * uniform(i, 1));
}

static double flat(uint64_t i)
{
	return 1 + uniform(i, 0) * 99999999998;
}

static double exponential(uint64_t i)
{
	return 1 - 50000 * log(uniform(i, 0));
}

static double lognormal(uint64_t i)
{
	return exp(10 + 1.5 * normal(i)) + 1;
}

static double two_modes(uint64_t i)
{
	double u = uniform(i, 0);

	return u < 0.97 ? 20000 + 500 * fabs(normal(i)) : 4000000 + 1e6 * (u - 0.97);
}

/* Of infinite variance. */
static double heavy_tail(uint64_t i)
{
	return fmin(2000 * pow(uniform(i, 0), -0.8), 99999999999);
}

static double constant(uint64_t i)
{
	(void)i;
	return 1048577;
}

/* By 13 bits at a time, the lowest first; 39 bits hold them all. */
static void sort(void)
{
	static size_t start[DIGITS + 1];

	for (unsigned shift = 0; shift < 39; shift += DIGIT_BITS) {
		int64_t *swap;

		memset(start, 0, sizeof(start));
		for (size_t i = 0; i < VALUES; i++) {
			start[((values[i] >> shift) & (DIGITS - 1)) + 1]++;
		}
		for (size_t d = 1; d < DIGITS; d++) {
			start[d] += start[d - 1];
		}
		for (size_t i = 0; i < VALUES; i++) {
			room[start[(values[i] >> shift) & (DIGITS - 1)]++] = values[i];
		}
		swap = values;
		values = room;
		room = swap;
	}
	for (size_t i = 1; i < VALUES; i++) {
		assert_true(values[i - 1] <= values[i]);
	}
}

/* The bins, the counts and the sums: all but what the compiler leaves free at the end. */
static void assert_same_bits(const struct ws_hist *a, const struct ws_hist *b)
{
	assert_memory_equal(a, b, offsetof(struct ws_hist, sum_sq_high) + sizeof(a->sum_sq_high));
}

static void record(double (*distribution)(uint64_t))
{
	__int128 sum = 0;

	ws_hist_init(&whole);
	ws_hist_init(&merged);
	for (size_t p = 0; p < PARTS; p++) {
		ws_hist_init(&parts[p]);
	}
	for (size_t i = 0; i < VALUES; i++) {
		values[i] = (int64_t)distribution(i);
		ws_hist_record(&whole, values[i]);
		/* In parts of different sizes. */
		ws_hist_record(&parts[i % 37 % PARTS], values[i]);
		sum += values[i];
	}
	assert_int_equal(ws_hist_in_range(&whole), VALUES);
	assert_true(whole.sum == sum);
	for (size_t p = 0; p < PARTS; p++) {
		ws_hist_merge(&merged, &parts[p]);
	}
	assert_same_bits(&whole, &merged);
}

/* The per-mille, and from 99.9 % to 99.999 % in steps of a thousandth of a percent. */
static void check_quantiles(void)
{
	int64_t got;

	for (uint64_t ppm = 1000; ppm <= 999990; ppm += ppm < 999000 ? 1000 : 10) {
		int64_t exact = values[(ppm * VALUES + 999999) / 1000000 - 1];

		assert_true(ws_hist_quantile(&whole, (double)ppm / 1e6, &got));
		if (got < exact || (got - exact) * 1000 > exact) {
			fail_msg("quantile %g: got %lld, exact is %lld", (double)ppm / 1e6,
				(long long)got, (long long)exact);
		}
	}
	assert_int_equal(whole.min, values[0]);
	assert_int_equal(whole.max, values[VALUES - 1]);
}

/* A histogram knows a value by its bin: the interval encloses that of exact ranks. */
static void check_intervals(void)
{
	static const double q[] = {0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999};

	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		int64_t low, high, exact_low, exact_high;
		uint64_t low_rank, high_rank;

		assert_true(ws_hist_rank_interval(VALUES, q[i], 0.95, &low_rank, &high_rank));
		assert_true(ws_hist_quantile_interval(&whole, q[i], 0.95, &low, &high));
		exact_low = values[low_rank - 1];
		exact_high = values[high_rank - 1];
		assert_true(low <= exact_low && (exact_low - low) * 1000 <= exact_low);
		assert_true(high >= exact_high && (high - exact_high) * 1000 <= exact_high);
	}
}

static void check(double (*distribution)(uint64_t))
{
	record(distribution);
	sort();
	check_quantiles();
	check_intervals();
}

static void values_of_a_flat_distribution(void **state)
{
	(void)state;
	check(flat);
}

static void values_of_an_exponential_distribution(void **state)
{
	(void)state;
	check(exponential);
}

static void values_of_a_lognormal_distribution(void **state)
{
	(void)state;
	check(lognormal);
}

static void values_of_two_modes(void **state)
{
	(void)state;
	check(two_modes);
}

static void values_with_a_heavy_tail(void **state)
{
	(void)state;
	check(heavy_tail);
}

static void values_that_are_all_the_same(void **state)
{
	(void)state;
	check(constant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_a_flat_distribution),
		cmocka_unit_test(values_of_an_exponential_distribution),
		cmocka_unit_test(values_of_a_lognormal_distribution),
		cmocka_unit_test(values_of_two_modes),
		cmocka_unit_test(values_with_a_heavy_tail),
		cmocka_unit_test(values_that_are_all_the_same),
	};

	return cmocka_run_group_tests(tests, allocate, release);
}
