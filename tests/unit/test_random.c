// SPDX-License-Identifier: BSD-2-Clause
/* Random numbers: the same for ever, independent, evenly spread, and exponential by logl. */
#include "core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE    4294967296.0 /* of the exponential */
#define WITHIN 4	    /* 2^-30 */

/* Whoever changes these, changes what a seed stands for in every result that was kept. */
static void test_the_same_for_ever(void **state)
{
	(void)state;
	assert_true(ws_random_at(0, 0, 0) == UINT64_C(0x74369c9bb2175e28));
	assert_true(ws_random_at(1, 1, 2) == UINT64_C(0x2f8e0771d97ef66d));
	assert_true(ws_random_at(UINT64_MAX, 11, UINT64_MAX) == UINT64_C(0x9202ad72ee7d23ae));
	assert_true(ws_random_keyed(ws_random_key(1, 1), 2) == ws_random_at(1, 1, 2));
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* Small seeds, streams and indices, which all differ in few bits: no number comes twice. */
static void test_no_two_alike(void **state)
{
	enum { SEEDS = 16, STREAMS = 12, INDICES = 2048 };
	static uint64_t all[SEEDS * STREAMS * INDICES];
	size_t count = 0;

	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		for (unsigned stream = 0; stream < STREAMS; stream++) {
			for (unsigned i = 0; i < INDICES; i++) {
				all[count++] = ws_random_at(seed, stream, i);
			}
		}
	}
	qsort(all, count, sizeof(all[0]), compare_u64);
	for (size_t i = 1; i < count; i++) {
		assert_true(all[i] != all[i - 1]);
	}
}

/*
 * One bit of seed, stream or index changes every bit of the result in half of the cases: 2048 cases, a
 * standard deviation of 22.6, so that 6 of these are 136.
 */
static void check_avalanche(int which, int bit)
{
	unsigned flips[64] = {0};

	for (unsigned n = 0; n < 2048; n++) {
		uint64_t seed = n, index = n * UINT64_C(3);
		unsigned stream = n % 8;
		uint64_t a = ws_random_at(seed, stream, index), b;

		seed ^= which == 0 ? UINT64_C(1) << bit : 0;
		index ^= which == 1 ? UINT64_C(1) << bit : 0;
		stream ^= which == 2 ? 1u << bit : 0;
		b = a ^ ws_random_at(seed, stream, index);
		for (int i = 0; i < 64; i++) {
			flips[i] += b >> i & 1;
		}
	}
	for (int i = 0; i < 64; i++) {
		assert_in_range(flips[i], 1024 - 136, 1024 + 136);
	}
}

static void test_avalanche(void **state)
{
	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		check_avalanche(0, bit);
		check_avalanche(1, bit);
	}
	for (int bit = 0; bit < 4; bit++) {
		check_avalanche(2, bit);
	}
}

/* Neighbours in index, and in seed: 256 x 256 cells of their first bytes, chi-square. */
static void check_pairs(uint64_t seed_step, uint64_t index_step)
{
	static unsigned cells[65536];
	const unsigned per_cell = 16;
	double chi2 = 0;

	memset(cells, 0, sizeof(cells));
	for (uint64_t n = 0; n < UINT64_C(65536) * per_cell; n++) {
		uint64_t seed = seed_step * n, index = index_step * n;
		uint64_t a = ws_random_at(seed, WS_RANDOM_GAP, index);
		uint64_t b = ws_random_at(seed + seed_step, WS_RANDOM_GAP, index + index_step);

		cells[(a >> 56) << 8 | b >> 56]++;
	}
	for (size_t i = 0; i < 65536; i++) {
		double off = (double)cells[i] - per_cell;

		chi2 += off * off / per_cell;
	}
	/* 65535 degrees of freedom: standard deviation 362. */
	assert_true(fabs(chi2 - 65535) < 5 * 362);
}

static void test_pairs(void **state)
{
	(void)state;
	check_pairs(0, 1);
	check_pairs(1, 0);
	check_pairs(0, 2);
}

static void test_below(void **state)
{
	static const uint64_t limits[] = {1, 2, 3, 10, 4094, 65536, UINT64_C(1) << 63, UINT64_MAX};
	unsigned counts[10] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		assert_true(ws_random_below(0, limits[i]) == 0);
		assert_true(ws_random_below(UINT64_MAX, limits[i]) == limits[i] - 1);
	}
	for (unsigned i = 0; i < 100000; i++) {
		counts[ws_random_below(ws_random_at(5, 0, i), 10)]++;
	}
	for (int i = 0; i < 10; i++) {
		assert_in_range(counts[i], 10000 - 570, 10000 + 570); /* 6 deviations */
	}
	/* Exact: the first bits that give the next number are ceil(k * 2^64 / 3). */
	assert_true(ws_random_below(UINT64_C(0x5555555555555555), 3) == 0);
	assert_true(ws_random_below(UINT64_C(0x5555555555555556), 3) == 1);
	assert_true(ws_random_below(UINT64_C(0xaaaaaaaaaaaaaaaa), 3) == 1);
	assert_true(ws_random_below(UINT64_C(0xaaaaaaaaaaaaaaab), 3) == 2);
}

/* From the nearer end, so that 64 bits of mantissa lose nothing. */
static long double slow_exponential(uint64_t bits)
{
	const long double all = 18446744073709551616.0L;

	if (bits >> 63) {
		return -log1pl(-((long double)(UINT64_MAX - bits) + 0.5L) / all);
	}
	return -logl(((long double)bits + 0.5L) / all);
}

static void check_exponential(uint64_t bits)
{
	long double want = slow_exponential(bits) * (long double)ONE;
	long double off = (long double)ws_random_exponential(bits) - want;

	if (off > WITHIN || off < -WITHIN) {
		fail_msg("exponential of %#llx is off by %Lg", (unsigned long long)bits, off);
	}
}

static void test_exponential(void **state)
{
	(void)state;
	check_exponential(0);
	check_exponential(UINT64_MAX);
	assert_true(ws_random_exponential(UINT64_MAX) == 0);
	/* Around every power of two, and every border of a table of 2^k entries between two. */
	for (int bit = 0; bit < 64; bit++) {
		uint64_t power = UINT64_C(1) << bit;

		for (uint64_t part = 0; part < 4096; part++) {
			uint64_t at = power + (uint64_t)((unsigned __int128)power * part >> 12);

			check_exponential(at - 1);
			check_exponential(at);
			check_exponential(at + 1);
		}
		check_exponential(UINT64_MAX - power);
	}
	for (uint64_t i = 0; i < 2000000; i++) {
		uint64_t bits = ws_random_at(7, WS_RANDOM_GAP, i);

		check_exponential(bits);
		check_exponential(bits >> (i & 63));
	}
}

/* The mean of 2^20, and the share above 1, 2 and 3, within 5 standard deviations. */
static void test_exponential_spread(void **state)
{
	const double n = 1048576;
	double sum = 0;
	unsigned above[4] = {0};

	(void)state;
	for (uint64_t i = 0; i < (uint64_t)n; i++) {
		double x = (double)ws_random_exponential(ws_random_at(1, 0, i)) / ONE;

		sum += x;
		for (int k = 1; k < 4; k++) {
			above[k] += x > k;
		}
	}
	assert_true(fabs(sum / n - 1) < 5 / sqrt(n));
	for (int k = 1; k < 4; k++) {
		double p = exp(-k);

		assert_true(fabs(above[k] / n - p) < 5 * sqrt(p * (1 - p) / n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_for_ever),
		cmocka_unit_test(test_no_two_alike),
		cmocka_unit_test(test_avalanche),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_exponential),
		cmocka_unit_test(test_exponential_spread),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
