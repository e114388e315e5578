/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poisson schedules: exact where they can be, and in distribution where chance decides. The seeds are
 * fixed, so nothing here depends on luck; that each test of distribution would notice a wrong one is
 * shown by giving it several.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/plan.h"
#include "core/random.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define SECOND INT64_C(1000000000)
#define GAPS   100000
#define SEEDS  20
#define BINS   16

/* Values that a right distribution exceeds once in 1000 times (Kolmogorov 1933; Marsaglia 2004). */
#define KOLMOGOROV_MOST	      1.95
#define ANDERSON_DARLING_MOST 6.0
/* The statistic's median: half of the seeds should be above. */
#define KOLMOGOROV_MEDIAN 0.8276
/* Standard deviations that are exceeded once in 16000 times. */
#define SIGMAS 4

struct load {
	struct ws_ratio pps;
	int64_t wire_ns;
};

/* 60-byte frames at 50 kpps on 1 Gbit/s, and at 94 % of 10 Gbit/s: mean gaps of 20 us and 71.4 ns. */
static const struct load loads[] = {{{50000, 1}, 672}, {{14000000, 1}, 67}, {{3, 7}, 0}};

/* What is left of each gap after the wire time, in units of its mean: exponential with mean 1. */
static double idle[GAPS], other[GAPS];

static double mean_gap_ns(const struct load *l)
{
	return 1e9 * (double)l->pps.den / (double)l->pps.num;
}

static void draw(const struct load *l, uint64_t seed, double *to)
{
	double mean = mean_gap_ns(l) - (double)l->wire_ns;
	struct ws_plan_cursor c;
	struct ws_plan plan;
	int64_t ns = 0;
	uint32_t fraction = 0;

	assert_int_equal(ws_plan_init_poisson(&plan, l->pps, l->wire_ns, seed, GAPS, 0), 0);
	ws_plan_cursor_init(&c, &plan);
	assert_int_equal(c.offset_ns, 0);
	for (int i = 0; i < GAPS; i++) {
		double gap;

		ws_plan_cursor_next(&c);
		/* Whole nanoseconds, too: a floor takes nothing off a whole shortest gap. */
		assert_true(c.offset_ns - ns >= l->wire_ns);
		gap = (double)(c.offset_ns - ns) + ((double)c.fraction - (double)fraction) / 0x1p32;
		to[i] = (gap - (double)l->wire_ns) / mean;
		ns = c.offset_ns;
		fraction = c.fraction;
	}
	assert_int_equal(ns, plan.duration_ns);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How far the values are from the exponential distribution of mean 1; sorts them. */
static void fit(double *x, double *ret_kolmogorov, double *ret_anderson_darling)
{
	double most = 0, sum = 0;

	qsort(x, GAPS, sizeof(*x), compare);
	for (int i = 0; i < GAPS; i++) {
		double below = x[i] > 0 ? -expm1(-x[i]) : 0;
		double up = (i + 1.0) / GAPS - below, down = below - (double)i / GAPS;
		/* ln F of this one, and ln(1 - F) of its counterpart from the other end. */
		double low = log(fmax(below, 1e-300)), high = -fmax(x[GAPS - 1 - i], 0);

		most = fmax(most, fmax(up, down));
		sum += (2.0 * i + 1) * (low + high);
	}
	*ret_kolmogorov = most * sqrt(GAPS);
	*ret_anderson_darling = -GAPS - sum / GAPS;
}

static bool fits(double *x)
{
	double k, a;

	fit(x, &k, &a);
	return k <= KOLMOGOROV_MOST && a <= ANDERSON_DARLING_MOST;
}

static void gaps_are_exponential(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		int above = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			double k, a;

			draw(&loads[i], seed, idle);
			fit(idle, &k, &a);
			if (k > KOLMOGOROV_MOST || a > ANDERSON_DARLING_MOST) {
				fail_msg("load %zu, seed %d: %.3f, %.3f", i, (int)seed, k, a);
			}
			above += k > KOLMOGOROV_MEDIAN;
		}
		/* Values that are spread too evenly would fit too well. */
		assert_in_range(above, 4, 16);
	}
}

static double uniform(uint64_t *n)
{
	return ((double)(ws_random_at(99, 1000, (*n)++) >> 11) + 0.5) / 0x1p53;
}

/*
 * Other gaps with the right mean, or nearly right ones: each fails the test that the plan's pass. Idle
 * times here are for 50 kpps and a wire time of 672 ns.
 */
static void wrong_gaps_are_noticed(void **state)
{
	const double wire = 672, gap = 20000, mean = gap - wire;
	uint64_t n = 0;

	(void)state;
	for (int i = 0; i < GAPS; i++) {
		idle[i] = -log(uniform(&n));
	}
	assert_true(fits(idle)); /* the test itself is not too strict */
	for (int i = 0; i < GAPS; i++) {
		idle[i] = 2 * uniform(&n); /* uniform */
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		idle[i] = 1; /* constant */
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		idle[i] = (-log(uniform(&n)) * gap - wire) / mean; /* not shifted */
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		idle[i] = -log(uniform(&n)) * gap / mean; /* shifted, but too slow */
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		/* not below the wire time, by force */
		idle[i] = (fmax(-log(uniform(&n)) * gap, wire) - wire) / mean;
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		idle[i] = floor(-log(uniform(&n)) * 64 + 0.5) / 64; /* in steps */
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		idle[i] = -log(uniform(&n) * uniform(&n)) / 2; /* of two stages */
	}
	assert_false(fits(idle));
	for (int i = 0; i < GAPS; i++) {
		idle[i] = -log(uniform(&n)) * 1.02; /* 2 % too slow */
	}
	assert_false(fits(idle));
}

/* Kolmogorov's test hardly looks at the tail, where single gaps are long. */
static void mean_and_tail(void **state)
{
	const double all = (double)SEEDS * GAPS;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		double sum = 0, squares = 0, above5 = 0, above10 = 0, most = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			draw(&loads[i], seed, idle);
			for (int k = 0; k < GAPS; k++) {
				sum += idle[k];
				squares += idle[k] * idle[k];
				above5 += idle[k] > 5;
				above10 += idle[k] > 10;
				most = fmax(most, idle[k]);
			}
		}
		/* Moments of the exponential: the variance of x is 1, that of x^2 is 20. */
		assert_true(fabs(sum / all - 1) < SIGMAS / sqrt(all));
		assert_true(fabs(squares / all - 2) < SIGMAS * sqrt(20 / all));
		assert_true(fabs(above5 - all * exp(-5)) < SIGMAS * sqrt(all * exp(-5)));
		assert_true(fabs(above10 - all * exp(-10)) < SIGMAS * sqrt(all * exp(-10)));
		/* The longest of two millions is 14.5 + a Gumbel's. */
		assert_true(most > log(all) - 3 && most < log(all) + 10);
	}
}

/* In standard deviations: how a[i] and b[i] go together. */
static double correlation(const double *a, const double *b, int count)
{
	double sum = 0;

	for (int i = 0; i < count; i++) {
		/* Of the ranks, as the values' own squares vary too much. */
		sum += (0.5 - exp(-a[i])) * (0.5 - exp(-b[i]));
	}
	return 12 * sum / sqrt(count);
}

/* Chi-square of pairs in 16 x 16 bins that are equally probable, less its mean, in its deviations. */
static double pairs(const double *a, const double *b, int count)
{
	static double bins[BINS][BINS];
	double want = (double)count / (BINS * BINS), sum = 0;

	memset(bins, 0, sizeof(bins));
	for (int i = 0; i < count; i++) {
		bins[(int)(exp(-a[i]) * (BINS - 1e-9))][(int)(exp(-b[i]) * (BINS - 1e-9))]++;
	}
	for (int x = 0; x < BINS; x++) {
		for (int y = 0; y < BINS; y++) {
			sum += (bins[x][y] - want) * (bins[x][y] - want) / want;
		}
	}
	return (sum - (BINS * BINS - 1)) / sqrt(2.0 * (BINS * BINS - 1));
}

static bool independent(const double *a, const double *b, int count)
{
	return fabs(correlation(a, b, count)) < SIGMAS && fabs(pairs(a, b, count)) < SIGMAS;
}

static void gaps_are_independent(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		draw(&loads[0], seed, idle);
		for (int lag = 1; lag < 5; lag++) {
			assert_true(independent(idle, idle + lag, GAPS - lag));
		}
	}
}

/* Neighbouring seeds are what people take for repetitions. */
static void seeds_are_independent(void **state)
{
	(void)state;
	draw(&loads[0], 0, idle);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		draw(&loads[0], seed, other);
		for (int lag = 0; lag < 3; lag++) {
			assert_true(independent(idle, other + lag, GAPS - lag));
			assert_true(independent(idle + lag, other, GAPS - lag));
		}
		memcpy(idle, other, sizeof(idle));
	}
}

static void dependence_is_noticed(void **state)
{
	uint64_t n = 0;

	(void)state;
	for (int i = 0; i < GAPS; i++) {
		idle[i] = -log(uniform(&n));
		other[i] = -log(uniform(&n));
	}
	assert_true(independent(idle, other, GAPS));
	assert_false(independent(idle, idle, GAPS));
	/* One in thirty is the same. */
	for (int i = 0; i < GAPS; i += 30) {
		other[i] = idle[i];
	}
	assert_false(independent(idle, other, GAPS));
	/* Without correlation, but the one is short when the other is in its middle. */
	for (int i = 0; i < GAPS; i++) {
		double u = exp(-idle[i]);

		other[i] = -log(fmax(fabs(2 * u - 1), 1e-12));
	}
	assert_true(fabs(correlation(idle, other, GAPS)) < SIGMAS);
	assert_false(independent(idle, other, GAPS));
}

/* Each gap is what its random bits mean, and none is rounded before the sum is. */
static void gaps_are_what_was_drawn(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		const double mean = mean_gap_ns(&loads[i]) - (double)loads[i].wire_ns;

		draw(&loads[i], 12345, idle);
		for (uint64_t n = 0; n < GAPS; n++) {
			double bits = (double)ws_random_at(12345, WS_RANDOM_GAP, n);
			double want = -log((bits + 0.5) / 0x1p64);

			/* The mean and the gap are cut off at 2^-32 ns. */
			assert_true(fabs(idle[n] - want) < 0x1p-29 + 0x1p-30 / mean);
		}
	}
}

/* Computed by a separate implementation in Python. */
static void hash_known(void **state)
{
	static const struct {
		struct load load;
		uint64_t seed, count;
		int64_t end;
		uint64_t hash;
	} rows[] = {
		{{{50000, 1}, 672}, 1, 1000, 20709685, UINT64_C(0x6b00728cd08848a7)},
		{{{50000, 1}, 672}, 2, 1000, 19964406, UINT64_C(0x931bd040fbbeadd8)},
		{{{312500000, 21}, 67}, 1, 100000, 6720067, UINT64_C(0xd2b3f197d604d6b9)},
		{{{3, 7}, 0}, UINT64_MAX, 10, 19996628506, UINT64_C(0x4370c8cf03eb6358)},
		{{{1000, 1}, 0}, 0, 1, 789749, UINT64_C(0x692558b056101a44)},
		{{{14000000, 1}, 67}, 7, 1048581, 74900433, UINT64_C(0x78621abd29b5fa32)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_plan plan;

		assert_int_equal(ws_plan_init_poisson(&plan, rows[i].load.pps, rows[i].load.wire_ns,
					 rows[i].seed, rows[i].count, 0),
			0);
		assert_int_equal(plan.duration_ns, rows[i].end);
		assert_int_equal(ws_plan_hash(&plan), rows[i].hash);
	}
}

static void seed_makes_the_schedule(void **state)
{
	const struct ws_ratio pps = {100000, 1}, same = {300000, 3};
	struct ws_plan a, b;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		assert_int_equal(ws_plan_init_poisson(&a, pps, 672, seed, 100, 0), 0);
		assert_int_equal(ws_plan_init_poisson(&b, same, 672, seed, 100, 0), 0);
		assert_int_equal(ws_plan_hash(&a), ws_plan_hash(&b));
		assert_int_equal(a.duration_ns, b.duration_ns);
		assert_int_equal(ws_plan_init_poisson(&b, pps, 672, seed + 1, 100, 0), 0);
		assert_int_not_equal(ws_plan_hash(&a), ws_plan_hash(&b));
		assert_int_equal(ws_plan_init_poisson(&b, pps, 671, seed, 100, 0), 0);
		assert_int_not_equal(ws_plan_hash(&a), ws_plan_hash(&b));
	}
}

static void plan_of_poisson(void **state)
{
	struct ws_plan plan, cbr;

	(void)state;
	assert_int_equal(
		ws_plan_init_poisson(&plan, (struct ws_ratio){100000, 2}, 672, 5, 0, 10 * SECOND),
		0);
	assert_int_equal(plan.pattern, WS_PATTERN_POISSON);
	assert_int_equal(plan.count, 500000);
	assert_int_equal(plan.pps.num, 50000);
	assert_int_equal(plan.pps.den, 1);
	assert_int_equal(plan.seed, 5);
	assert_int_equal(plan.wire_ns, 672);
	assert_false(ws_plan_is_max(&plan));
	/* 500000 gaps whose deviation is below 20 us each. */
	assert_true(llabs(plan.duration_ns - 10 * SECOND) < SIGMAS * 20000 * 708);
	assert_int_equal(ws_plan_offset(&plan, 1), 0);
	assert_int_equal(ws_plan_offset(&plan, plan.count), 0);

	/* Too many to be drawn beforehand. */
	assert_int_equal(ws_plan_init_poisson(&plan, (struct ws_ratio){50000, 1}, 672, 5,
				 WS_PLAN_WALK_MAX + 1, 0),
		0);
	assert_int_equal(
		ws_plan_init_cbr(&cbr, (struct ws_ratio){50000, 1}, WS_PLAN_WALK_MAX + 1, 0), 0);
	assert_int_equal(plan.duration_ns, cbr.duration_ns);
	assert_int_equal(ws_plan_init_poisson(&plan, (struct ws_ratio){1000000, 1}, 672, 5,
				 WS_PLAN_MAX_COUNT, 0),
		0);
}

static void poisson_refused(void **state)
{
	static const struct {
		struct ws_ratio pps;
		int64_t wire_ns;
		uint64_t count;
		int64_t duration;
		int err;
	} rows[] = {
		{{1000, 1}, -1, 5, 0, -EINVAL},
		{{1000, 1}, 1000000, 5, 0, -EINVAL},
		{{1000, 1}, 1000001, 5, 0, -EINVAL},
		{{1000, 1}, INT64_MAX, 5, 0, -EINVAL},
		{{312500000, 21}, 68, 5, 0, -EINVAL},
		{{2000000000, 1}, 1, 5, 0, -EINVAL},
		{{1000, 1}, 0, 0, 0, -EINVAL},
		{{1000, 1}, 0, 5, SECOND, -EINVAL},
		{{0, 1}, 0, 5, 0, -EINVAL},
		{{1000, 0}, 0, 5, 0, -EINVAL},
		{{1000, 1}, 0, 0, -1, -EINVAL},
		{{1000, 1}, 0, WS_PLAN_MAX_COUNT + 1, 0, -ERANGE},
		{{1, 1}, 0, WS_PLAN_MAX_COUNT, 0, -ERANGE},
		/* 212 years are expected. */
		{{1, 400}, 0, WS_PLAN_WALK_MAX + 1, 0, -ERANGE},
	};
	struct ws_plan plan, before;

	(void)state;
	memset(&plan, 7, sizeof(plan));
	memset(&before, 7, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ws_plan_init_poisson(&plan, rows[i].pps, rows[i].wire_ns, 1,
					 rows[i].count, rows[i].duration),
			rows[i].err);
		assert_memory_equal(&plan, &before, sizeof(plan));
	}
	/* The last that leaves room, and the highest rate. */
	assert_int_equal(
		ws_plan_init_poisson(&plan, (struct ws_ratio){1000, 1}, 999999, 1, 5, 0), 0);
	assert_int_equal(
		ws_plan_init_poisson(&plan, (struct ws_ratio){312500000, 21}, 67, 1, 5, 0), 0);
	assert_int_equal(
		ws_plan_init_poisson(&plan, (struct ws_ratio){UINT64_MAX, 1}, 0, 1, 5, 0), 0);
}

/* One gap of 285 years on average: whether it fits depends on what is drawn. */
static void longest_gaps(void **state)
{
	const uint64_t sec = 9000000000;
	int fit_in = 0, too_long = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint64_t bits = ws_random_at(seed, WS_RANDOM_GAP, 0);
		double want = -log(((double)bits + 0.5) / 0x1p64) * (double)sec * 1e9;
		struct ws_plan plan;
		int r = ws_plan_init_poisson(&plan, (struct ws_ratio){1, sec}, 0, seed, 1, 0);

		if (want > (double)INT64_MAX) {
			assert_int_equal(r, -ERANGE);
			too_long++;
			continue;
		}
		assert_int_equal(r, 0);
		assert_true(
			fabs((double)plan.duration_ns - want) < want * 0x1p-20 + 0x1p-29 * 9e18);
		fit_in++;
	}
	assert_true(fit_in > 100 && too_long > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gaps_are_exponential),
		cmocka_unit_test(wrong_gaps_are_noticed),
		cmocka_unit_test(mean_and_tail),
		cmocka_unit_test(gaps_are_independent),
		cmocka_unit_test(seeds_are_independent),
		cmocka_unit_test(dependence_is_noticed),
		cmocka_unit_test(gaps_are_what_was_drawn),
		cmocka_unit_test(hash_known),
		cmocka_unit_test(seed_makes_the_schedule),
		cmocka_unit_test(plan_of_poisson),
		cmocka_unit_test(poisson_refused),
		cmocka_unit_test(longest_gaps),
	};

	return cmocka_run_group_tests_name("plan poisson", tests, NULL, NULL);
}
