/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hist.h"
#include "core/random.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define UNTOUCHED 77
#define TRIALS	  2000
#define MOST	  1010000

/* Too large for comfort on the stack. */
static struct ws_hist hist, other;

/* P(B < k) and P(B >= k) for all k, by logarithms of factorials, every term on its own. */
static long double below[MOST + 2], above[MOST + 2];

static void sum_tails(uint64_t n, long double q)
{
	static long double factorial[MOST + 1];
	long double odds = logl(q) - log1pl(-q), none = (long double)n * log1pl(-q);

	assert_true(n <= MOST);
	for (uint64_t i = 1; factorial[MOST] == 0 && i <= MOST; i++) {
		factorial[i] = factorial[i - 1] + logl((long double)i);
	}
	below[0] = 0;
	above[n + 1] = 0;
	for (uint64_t i = 0; i <= n; i++) {
		long double term = factorial[n] - factorial[i] - factorial[n - i] + none +
				   (long double)i * odds;

		above[i] = term < -300 ? 0 : expl(term);
		below[i + 1] = below[i] + above[i];
	}
	for (uint64_t i = n; i > 0; i--) {
		above[i - 1] += above[i];
	}
}

static const double all_q[] = {0.001, 0.01, 0.07, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999};
static const double all_levels[] = {0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.999999};

/* After sum_tails(). The definition: within the tail, and a step further in no more. */
static void check_exact(uint64_t n, double q, double level)
{
	long double tail = (1 - (long double)level) / 2, slack = tail * 1e-9L;
	uint64_t low = UNTOUCHED, high = UNTOUCHED;

	if (!ws_hist_rank_interval(n, q, level, &low, &high)) {
		long double none = powl(1 - (long double)q, (long double)n);
		long double all = powl((long double)q, (long double)n);

		assert_int_equal(low, UNTOUCHED);
		assert_int_equal(high, UNTOUCHED);
		if (none <= tail - slack && all <= tail - slack) {
			fail_msg("%lu values, quantile %g, level %g: refused", n, q, level);
		}
		return;
	}
	if (low < 1 || low >= high || high > n) {
		fail_msg("%lu values, quantile %g, level %g: %lu to %lu", n, q, level, low, high);
	}
	assert_true(below[low] <= tail + slack);
	assert_true(below[low + 1] > tail - slack);
	assert_true(above[high] <= tail + slack);
	assert_true(above[high - 1] > tail - slack);
}

static void ranks_are_exact(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 4000; n += n < 40 ? 1 : n / 5) {
		for (size_t i = 0; i < ARRAY_SIZE(all_q); i++) {
			sum_tails(n, all_q[i]);
			for (size_t k = 0; k < ARRAY_SIZE(all_levels); k++) {
				check_exact(n, all_q[i], all_levels[k]);
			}
		}
	}
}

/* The largest variances that are summed, and the smallest that are not. */
static void ranks_at_the_change(void **state)
{
	static const struct {
		uint64_t n;
		double q;
		bool exact;
	} rows[] = {
		{3990, 0.5, true},
		{4010, 0.5, false},
		{11050, 0.9, true},
		{11200, 0.9, false},
		{100000, 0.99, true},
		{102000, 0.99, false},
		{102000, 0.01, false},
		{40000, 0.5, false},
		{300000, 0.99, false},
		{1010000, 0.999, false},
		{1010000, 0.001, false},
		{1000000, 0.5, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sum_tails(rows[i].n, rows[i].q);
		for (size_t k = 0; k < ARRAY_SIZE(all_levels); k++) {
			long double tail = (1 - (long double)all_levels[k]) / 2;
			uint64_t low, high;

			if (rows[i].exact) {
				check_exact(rows[i].n, rows[i].q, all_levels[k]);
				continue;
			}
			/* At least the level, and at most two ranks too wide on a side. */
			assert_true(ws_hist_rank_interval(
				rows[i].n, rows[i].q, all_levels[k], &low, &high));
			assert_true(below[low] <= tail);
			assert_true(below[low + 3] > tail);
			assert_true(above[high] <= tail);
			assert_true(above[high - 3] > tail);
		}
	}
}

/* As tables of the sign test have them, and the first samples that allow an interval at all. */
static void known_ranks(void **state)
{
	static const struct {
		uint64_t n;
		double q, level;
		uint64_t low, high;
	} rows[] = {
		{1, 0.5, 0.95, 0, 0},
		{5, 0.5, 0.95, 0, 0},
		{6, 0.5, 0.95, 1, 6},
		{10, 0.5, 0.95, 2, 9},
		{20, 0.5, 0.95, 6, 15},
		{100, 0.5, 0.95, 40, 61},
		{2, 0.5, 0.5, 1, 2},
		{367, 0.99, 0.95, 0, 0},
		{3687, 0.999, 0.95, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t low = 0, high = 0;

		assert_int_equal(
			ws_hist_rank_interval(rows[i].n, rows[i].q, rows[i].level, &low, &high),
			rows[i].low > 0);
		assert_int_equal(low, rows[i].low);
		assert_int_equal(high, rows[i].high);
		/* One more is enough where it was just too few. */
		if (rows[i].n > 5 && rows[i].low == 0) {
			assert_true(ws_hist_rank_interval(
				rows[i].n + 1, rows[i].q, rows[i].level, &low, &high));
			assert_int_equal(high, rows[i].n + 1);
		}
	}
}

/* Counted from the other end it is the other quantile. */
static void ranks_are_symmetric(void **state)
{
	uint64_t low, high, other_low, other_high;

	(void)state;
	for (uint64_t n = 10; n < UINT64_C(1) << 60; n = n * 3 + 1) {
		bool any = ws_hist_rank_interval(n, 0.25, 0.95, &low, &high);

		assert_int_equal(
			ws_hist_rank_interval(n, 0.75, 0.95, &other_low, &other_high), any);
		if (any) {
			assert_int_equal(other_low, n + 1 - high);
			assert_int_equal(other_high, n + 1 - low);
		}
	}
}

static void ranks_of_huge_samples(void **state)
{
	static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
		UINT64_C(1000000000000000000), UINT64_C(1) << 53};
	static const double q[] = {0x1p-53, 1e-15, 0.5, 0.99999, 1 - 1e-15, 1 - 0x1p-53};
	static const double levels[] = {0x1p-53, 0.95, 1 - 1e-15, 1 - 0x1p-53};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(q); j++) {
			for (size_t k = 0; k < ARRAY_SIZE(levels); k++) {
				long double mean = (long double)counts[i] * (long double)q[j];
				long double deviation = sqrtl(mean * (1 - (long double)q[j]));
				uint64_t low, high;

				if (!ws_hist_rank_interval(
					    counts[i], q[j], levels[k], &low, &high)) {
					continue;
				}
				assert_true(low >= 1 && low < high && high <= counts[i]);
				assert_true(
					(long double)high > mean && (long double)low < mean + 2);
				assert_true((long double)low > mean - 12 * deviation - 40);
				assert_true((long double)high < mean + 12 * deviation + 40);
			}
		}
	}
	/* Two values whose deviates are in every table: 1.96 and 2.576 times 5 * 10^5. */
	uint64_t low, high;

	assert_true(ws_hist_rank_interval(1000000000000, 0.5, 0.95, &low, &high));
	assert_in_range(high - 500000000000, 979981, 979985);
	assert_in_range(500000000000 - low, 979981, 979985);
	assert_true(ws_hist_rank_interval(1000000000000, 0.5, 0.99, &low, &high));
	assert_in_range(high - 500000000000, 1287914, 1287918);
}

static void nothing_sensible(void **state)
{
	static const double bad[] = {0, 1, -0.5, 1.5, __builtin_nan(""), __builtin_inf()};
	uint64_t low = UNTOUCHED, high = UNTOUCHED;
	int64_t value_low = UNTOUCHED, value_high = UNTOUCHED;

	(void)state;
	ws_hist_init(&hist);
	assert_false(ws_hist_quantile_interval(&hist, 0.5, 0.95, &value_low, &value_high));
	for (int i = 0; i < 1000; i++) {
		ws_hist_record(&hist, 7);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(ws_hist_rank_interval(1000, bad[i], 0.95, &low, &high));
		assert_false(ws_hist_rank_interval(1000, 0.5, bad[i], &low, &high));
		assert_false(
			ws_hist_quantile_interval(&hist, bad[i], 0.95, &value_low, &value_high));
		assert_false(
			ws_hist_quantile_interval(&hist, 0.5, bad[i], &value_low, &value_high));
	}
	assert_false(ws_hist_rank_interval(0, 0.5, 0.95, &low, &high));
	assert_int_equal(low, UNTOUCHED);
	assert_int_equal(high, UNTOUCHED);
	assert_int_equal(value_low, UNTOUCHED);
	assert_int_equal(value_high, UNTOUCHED);
}

/* Ranks 40 and 61 of 1 to 100, of values in wider bins, and of one value alone. */
static void values_of_the_ranks(void **state)
{
	int64_t low, high;

	(void)state;
	ws_hist_init(&hist);
	for (int i = 1; i <= 100; i++) {
		ws_hist_record(&hist, i);
	}
	assert_true(ws_hist_quantile_interval(&hist, 0.5, 0.95, &low, &high));
	assert_int_equal(low, 40);
	assert_int_equal(high, 61);

	ws_hist_init(&hist);
	for (int i = 1; i <= 100; i++) {
		ws_hist_record(&hist, 1048576 + 1024 * i + 5);
	}
	assert_true(ws_hist_quantile_interval(&hist, 0.5, 0.95, &low, &high));
	assert_int_equal(low, 1048576 + 1024 * 40);
	assert_int_equal(high, 1048576 + 1024 * 62 - 1);

	ws_hist_init(&hist);
	ws_hist_record_many(&hist, 1048576 + 5, 100);
	assert_true(ws_hist_quantile_interval(&hist, 0.5, 0.95, &low, &high));
	assert_int_equal(low, 1048576 + 5);
	assert_int_equal(high, 1048576 + 5);
}

/* 45 values below the range and 30 above it: what falls there is not known. */
static void values_outside_the_range(void **state)
{
	static const struct {
		double q;
		bool known;
	} rows[] = {{0.3, false}, {0.45, false}, {0.5, false}, {0.56, true}, {0.6, true},
		{0.65, false}, {0.9, false}};

	(void)state;
	ws_hist_init(&hist);
	ws_hist_record_many(&hist, -7, 15);
	ws_hist_record_many(&hist, 0, 30);
	ws_hist_record_many(&hist, 500, 25);
	ws_hist_record_many(&hist, WS_HIST_HIGH, 30);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t low = UNTOUCHED, high = UNTOUCHED;

		assert_int_equal(ws_hist_quantile_interval(&hist, rows[i].q, 0.95, &low, &high),
			rows[i].known);
		assert_int_equal(low, rows[i].known ? 500 : UNTOUCHED);
		assert_int_equal(high, rows[i].known ? 500 : UNTOUCHED);
	}
}

/* Between 0 and 1, neither included. */
static double uniform(uint64_t *at)
{
	return ((double)(ws_random_at(1, 99, (*at)++) >> 11) + 0.5) * 0x1p-53;
}

/* Distributions by the inverse of what they add up to, so that their quantiles are known. */
static double flat(double p)
{
	return 1e6 + p * 1e8;
}

static double exponential(double p)
{
	return -50000 * log1p(-p);
}

static double heavy_tail(double p)
{
	return 20000 * pow(1 - p, -0.7);
}

static double two_modes(double p)
{
	return p < 0.97 ? 20000 + p * 1000 : 4000000 + p * 1e6;
}

static double few_values(double p)
{
	return 100 + floor(p * 12);
}

static double (*const distributions[])(double) = {
	flat, exponential, heavy_tail, two_modes, few_values};

static void draw(struct ws_hist *h, double (*inverse)(double), double scale, int n, uint64_t *at)
{
	ws_hist_init(h);
	for (int i = 0; i < n; i++) {
		ws_hist_record(h, llrint(scale * inverse(uniform(at))));
	}
}

static const struct {
	double q, level;
	int n;
} samples[] = {
	{0.5, 0.95, 20},
	{0.5, 0.95, 1000},
	{0.5, 0.99, 300},
	{0.9, 0.95, 150},
	{0.99, 0.95, 400},
	{0.99, 0.9, 2000},
	{0.25, 0.5, 200},
};

static void intervals_cover_the_quantile(void **state)
{
	uint64_t at = 0;

	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(distributions); d++) {
		for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
			double q = samples[i].q, covered = 0;
			int64_t low, high, value = llrint(distributions[d](q));

			for (int trial = 0; trial < TRIALS; trial++) {
				draw(&hist, distributions[d], 1, samples[i].n, &at);
				assert_true(ws_hist_quantile_interval(
					&hist, q, samples[i].level, &low, &high));
				covered += low <= value && value <= high;
			}
			covered /= TRIALS;
			if (covered < samples[i].level - 0.01) {
				fail_msg("distribution %zu, quantile %g of %d: %g covered, not %g",
					d, q, samples[i].n, covered, samples[i].level);
			}
		}
	}
}

/* As 95 of 100 say, and not all of them. */
static void intervals_are_no_wider_than_they_need(void **state)
{
	uint64_t at = 0;
	double covered = 0;
	int64_t low, high;

	(void)state;
	for (int trial = 0; trial < TRIALS; trial++) {
		draw(&hist, exponential, 1000, 1000, &at);
		assert_true(ws_hist_quantile_interval(&hist, 0.5, 0.95, &low, &high));
		covered += low <= 50000000 * log(2) && 50000000 * log(2) <= (double)high;
	}
	assert_true(covered / TRIALS < 0.97);
}

static void differences_are_covered(void **state)
{
	static const double scales[] = {1, 1.03, 3};
	uint64_t at = 0;

	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(distributions) - 1; d++) {
		for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
			double scale = scales[i % ARRAY_SIZE(scales)], q = samples[i].q;
			double covered = 0, value = distributions[d](q) * (scale - 1);

			for (int trial = 0; trial < TRIALS / 4; trial++) {
				struct ws_hist_difference r;

				draw(&hist, distributions[d], 1, samples[i].n, &at);
				draw(&other, distributions[d], scale, samples[i].n, &at);
				assert_true(
					ws_hist_compare(&hist, &other, q, samples[i].level, &r));
				assert_int_equal(r.difference, r.b - r.a);
				assert_true(r.low <= r.difference && r.difference <= r.high);
				covered += (double)r.low <= value && value <= (double)r.high;
			}
			covered /= (double)TRIALS / 4;
			if (covered < samples[i].level - 0.015) {
				fail_msg("distribution %zu, quantile %g of %d: %g covered, not %g",
					d, q, samples[i].n, covered, samples[i].level);
			}
		}
	}
}

/* 1 to 100 has 40 to 61 around its median of 50; twice that has 80 to 122 around 100. */
static void a_difference_by_hand(void **state)
{
	struct ws_hist_difference r;

	(void)state;
	ws_hist_init(&hist);
	ws_hist_init(&other);
	for (int i = 1; i <= 100; i++) {
		ws_hist_record(&hist, i);
		ws_hist_record(&other, 2 * i);
	}
	assert_true(ws_hist_compare(&hist, &other, 0.5, 0.95, &r));
	assert_int_equal(r.a, 50);
	assert_int_equal(r.b, 100);
	assert_int_equal(r.difference, 50);
	/* 20 and 11, 22 and 10: their roots of the sum of squares, up. */
	assert_int_equal(r.low, 50 - 23);
	assert_int_equal(r.high, 50 + 25);

	assert_true(ws_hist_compare(&other, &hist, 0.5, 0.95, &r));
	assert_int_equal(r.difference, -50);
	assert_int_equal(r.low, -50 - 25);
	assert_int_equal(r.high, -50 + 23);

	assert_true(ws_hist_compare(&hist, &hist, 0.5, 0.95, &r));
	assert_true(r.low < 0 && r.difference == 0 && r.high > 0);
}

static void no_difference_without_both(void **state)
{
	struct ws_hist_difference r = {.a = UNTOUCHED};

	(void)state;
	ws_hist_init(&hist);
	ws_hist_init(&other);
	ws_hist_record_many(&hist, 100, 1000);
	ws_hist_record_many(&other, 200, 5);
	assert_false(ws_hist_compare(&hist, &other, 0.5, 0.95, &r));
	assert_false(ws_hist_compare(&other, &hist, 0.5, 0.95, &r));
	ws_hist_record(&other, 200);
	assert_false(ws_hist_compare(&hist, &other, 0.99, 0.95, &r));
	assert_int_equal(r.a, UNTOUCHED);
	assert_true(ws_hist_compare(&hist, &other, 0.5, 0.95, &r));
	assert_int_equal(r.low, 100);
	assert_int_equal(r.high, 100);
	/* A quantile of 80 values at this level has an interval, but is none itself. */
	ws_hist_record_many(&other, 200, 75);
	r.a = UNTOUCHED;
	assert_false(ws_hist_compare(&hist, &other, 0.99, 0.1, &r));
	assert_int_equal(r.a, UNTOUCHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_are_exact),
		cmocka_unit_test(ranks_at_the_change),
		cmocka_unit_test(known_ranks),
		cmocka_unit_test(ranks_are_symmetric),
		cmocka_unit_test(ranks_of_huge_samples),
		cmocka_unit_test(nothing_sensible),
		cmocka_unit_test(values_of_the_ranks),
		cmocka_unit_test(values_outside_the_range),
		cmocka_unit_test(intervals_cover_the_quantile),
		cmocka_unit_test(intervals_are_no_wider_than_they_need),
		cmocka_unit_test(differences_are_covered),
		cmocka_unit_test(a_difference_by_hand),
		cmocka_unit_test(no_difference_without_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
