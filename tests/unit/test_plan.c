/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/plan.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define SECOND INT64_C(1000000000)

typedef unsigned __int128 u128;

/* splitmix64 (Steele, Lea, Flood 2014): a failure can be run again from the same seed. */
static uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 1 to 2^bits - 1, each magnitude about as likely as any other. */
static uint64_t random_bits(uint64_t *seed, unsigned int bits)
{
	unsigned int keep = 1 + (unsigned int)(random_next(seed) % bits);

	return (random_next(seed) >> (64 - keep)) | 1;
}

/* Computed with Python's integers: n * den * 10**9 // num. */
static void offset_known(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t n;
		int64_t offset;
	} rows[] = {
		{{1000, 1}, 0, 0},
		{{1000, 1}, 1, 1000000},
		{{14880952, 1}, 1, 67},
		{{14880952, 1}, 14880952, 1000000000},
		{{14880952, 1}, 14880953, 1000000067},
		{{14880952, 1}, WS_PLAN_MAX_COUNT - 1, 18915118919183060},
		{{1, 3}, 7, 21000000000},
		{{1, 3}, 3074457345, 9223372035000000000},
		{{1000000000000, 1}, 999, 0},
		{{1000000000000, 1}, 1000, 1},
		{{1000000000000, 1}, WS_PLAN_MAX_COUNT, 281474976710},
		{{312500000, 21}, 1, 67},
		{{312500000, 21}, 123456789, 8296296220},
		{{UINT64_MAX, UINT64_MAX - 1}, UINT64_C(1) << 33, 8589934591999999999},
		{{18446744073709551557u, 10000000000000000000u}, 9000000000, 4878909776184769968},
		{{9223372036854775809u, 1099511627777}, 100000000000000, 11920928955088967},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t count = rows[i].n ? rows[i].n : 1;
		struct ws_plan plan;

		assert_int_equal(ws_plan_init_cbr(&plan, rows[i].pps, count, 0), 0);
		assert_int_equal(plan.count, count);
		assert_int_equal(plan.duration_ns, ws_plan_offset(&plan, count));
		assert_int_equal(ws_plan_offset(&plan, rows[i].n), rows[i].offset);
	}
}

/* offset is the floor of n * den * 10^9 / num exactly when offset <= that < offset + 1. */
static void offset_is_the_floor(void **state)
{
	uint64_t seed = 1;
	unsigned int tried = 0;

	(void)state;
	while (tried < 200000) {
		struct ws_ratio pps = {random_bits(&seed, 60), random_bits(&seed, 40)};
		uint64_t count = random_bits(&seed, 48), n = random_next(&seed) % (count + 1);
		struct ws_plan plan;
		u128 wanted, offset;

		if (ws_plan_init_cbr(&plan, pps, count, 0) < 0) {
			assert_true((u128)count * pps.den * SECOND / pps.num > INT64_MAX);
			continue;
		}
		tried++;
		wanted = (u128)n * pps.den * SECOND;
		offset = (u128)ws_plan_offset(&plan, n);
		assert_true(offset * pps.num <= wanted);
		assert_true((offset + 1) * pps.num > wanted);
	}
}

static void walk(struct ws_ratio pps, uint64_t count, uint64_t steps)
{
	struct ws_plan_cursor c;
	struct ws_plan plan;

	assert_int_equal(ws_plan_init_cbr(&plan, pps, count, 0), 0);
	ws_plan_cursor_init(&c, &plan);
	for (uint64_t n = 0;; n++) {
		if (c.n != n || c.offset_ns != ws_plan_offset(&plan, n)) {
			fail_msg("%llu/%llu pps, packet %llu: cursor says %lld, not %lld",
				(unsigned long long)pps.num, (unsigned long long)pps.den,
				(unsigned long long)n, (long long)c.offset_ns,
				(long long)ws_plan_offset(&plan, n));
		}
		if (n == steps) {
			break;
		}
		ws_plan_cursor_next(&c);
	}
}

static void cursor_long_walks(void **state)
{
	static const struct ws_ratio rates[] = {
		{14880952, 1},
		{312500000, 21},
		{1, 1},
		{1, 3},
		{1000, 7},
		{1000000000, 1},
		{1000000007, 1},
		{999999999, 1},
		{1000000000000, 1},
		{UINT64_MAX, 1},
		{UINT64_MAX, UINT64_MAX - 1},
		{UINT64_MAX - 1, UINT64_MAX},
		{18446744073709551557u, 10000000000000000000u},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		walk(rates[i], 1000000, 1000000);
	}
}

static void cursor_random_rates(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (unsigned int tried = 0; tried < 2000;) {
		struct ws_ratio pps = {random_bits(&seed, 64), random_bits(&seed, 64)};

		if ((u128)pps.den * 300 / pps.num < INT64_MAX / SECOND) {
			walk(pps, 300, 300);
			tried++;
		}
	}
}

/* No rounding is summed: whole seconds come out whole, and every second holds the same. */
static void mean_rate_is_exact(void **state)
{
	struct ws_plan plan;

	(void)state;
	assert_int_equal(
		ws_plan_init_cbr(&plan, (struct ws_ratio){14880952, 1}, 0, 3600 * SECOND), 0);
	assert_int_equal(plan.count, UINT64_C(14880952) * 3600);
	for (int64_t sec = 0; sec <= 3600; sec++) {
		assert_int_equal(
			ws_plan_offset(&plan, UINT64_C(14880952) * (uint64_t)sec), sec * SECOND);
	}
}

static void duration_to_count(void **state)
{
	static const struct {
		struct ws_ratio pps;
		int64_t duration;
		uint64_t count;
		int64_t end;
	} rows[] = {
		{{1000, 1}, SECOND, 1000, SECOND},
		{{1000, 1}, SECOND - 1, 999, 999000000},
		{{1000, 1}, 1000000, 1, 1000000},
		{{1000, 1}, 999999, 1, 1000000},
		{{1000, 1}, 1, 1, 1000000},
		{{1, 3}, 10 * SECOND, 3, 9 * SECOND},
		{{1, 3}, 2 * SECOND, 1, 3 * SECOND},
		{{2, 6}, 10 * SECOND, 3, 9 * SECOND},
		{{3, 1}, SECOND, 3, SECOND},
		{{3, 1}, 333333333, 1, 333333333},
		{{3, 1}, 666666667, 2, 666666666},
		{{312500000, 21}, SECOND, 14880952, 999999974},
		{{1000000000000, 1}, 1, 1000, 1},
		{{30000, 1}, INT64_MAX, 276701161105643, 9223372036854766666},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_plan plan;

		assert_int_equal(ws_plan_init_cbr(&plan, rows[i].pps, 0, rows[i].duration), 0);
		assert_int_equal(plan.count, rows[i].count);
		assert_int_equal(plan.duration_ns, rows[i].end);
		assert_false(ws_plan_is_max(&plan));
	}
}

/* The count is the largest one whose slots end within the duration. */
static void duration_is_filled(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (unsigned int tried = 0; tried < 100000;) {
		struct ws_ratio pps = {random_bits(&seed, 40), random_bits(&seed, 20)};
		int64_t duration = (int64_t)random_bits(&seed, 50);
		struct ws_plan plan;

		if (ws_plan_init_cbr(&plan, pps, 0, duration) < 0) {
			assert_true(
				(u128)duration * pps.num / pps.den / SECOND > WS_PLAN_MAX_COUNT);
			continue;
		}
		tried++;
		if (plan.count > 1) {
			assert_true(
				(u128)plan.count * pps.den * SECOND <= (u128)duration * pps.num);
		}
		assert_true((u128)(plan.count + 1) * pps.den * SECOND > (u128)duration * pps.num);
	}
}

static void ratio_is_reduced(void **state)
{
	struct ws_plan plan;

	(void)state;
	assert_int_equal(ws_plan_init_cbr(&plan, (struct ws_ratio){3000, 9}, 5, 0), 0);
	assert_int_equal(plan.pps.num, 1000);
	assert_int_equal(plan.pps.den, 3);
}

static void cbr_refused(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t count;
		int64_t duration;
		int err;
	} rows[] = {
		{{1000, 1}, 0, 0, -EINVAL},
		{{1000, 1}, 5, SECOND, -EINVAL},
		{{1000, 1}, 0, -SECOND, -EINVAL},
		{{1000, 1}, 5, -SECOND, -EINVAL},
		{{0, 1}, 5, 0, -EINVAL},
		{{5, 0}, 5, 0, -EINVAL},
		{{0, 0}, 5, 0, -EINVAL},
		{{1000000, 1}, WS_PLAN_MAX_COUNT + 1, 0, -ERANGE},
		{{1000000, 1}, UINT64_MAX, 0, -ERANGE},
		{{1000000, 1}, 0, INT64_MAX, -ERANGE},
		{{UINT64_MAX, 1}, 0, INT64_MAX, -ERANGE},
		{{1, 1}, UINT64_C(9223372037), 0, -ERANGE},
		{{1, 1}, WS_PLAN_MAX_COUNT, 0, -ERANGE},
		{{1, UINT64_C(9223372037)}, 1, 0, -ERANGE},
		{{1, UINT64_C(9223372037)}, 0, SECOND, -ERANGE},
		{{1, UINT64_MAX}, WS_PLAN_MAX_COUNT, 0, -ERANGE},
		/* Packets, and then nanoseconds, that are small when they wrap. */
		{{UINT64_C(1) << 63, 1}, 0, 4 * SECOND, -ERANGE},
		{{1, UINT64_C(9903520313850696635)}, UINT64_C(68719476739), 0, -ERANGE},
	};
	struct ws_plan plan, before;

	(void)state;
	memset(&plan, 7, sizeof(plan));
	memset(&before, 7, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			ws_plan_init_cbr(&plan, rows[i].pps, rows[i].count, rows[i].duration),
			rows[i].err);
		assert_memory_equal(&plan, &before, sizeof(plan));
	}
}

static void flat_out(void **state)
{
	static const struct {
		uint64_t count;
		int64_t duration;
		uint64_t ret_count;
		int64_t ret_duration;
	} rows[] = {
		{5, 0, 5, INT64_MAX},
		{0, SECOND, UINT64_MAX, SECOND},
		{5, SECOND, 5, SECOND},
		{WS_PLAN_MAX_COUNT, INT64_MAX, WS_PLAN_MAX_COUNT, INT64_MAX},
	};
	struct ws_plan_cursor c;
	struct ws_plan plan;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ws_plan_init_max(&plan, rows[i].count, rows[i].duration), 0);
		assert_true(ws_plan_is_max(&plan));
		assert_int_equal(plan.count, rows[i].ret_count);
		assert_int_equal(plan.duration_ns, rows[i].ret_duration);
		assert_int_equal(ws_plan_offset(&plan, 3), 0);
		assert_int_equal(ws_plan_offset(&plan, plan.count), 0);
		assert_int_equal(ws_plan_hash(&plan), 0);
	}

	ws_plan_cursor_init(&c, &plan);
	for (uint64_t n = 0; n < 1000; n++) {
		assert_int_equal(c.n, n);
		assert_int_equal(c.offset_ns, 0);
		ws_plan_cursor_next(&c);
	}
}

static void flat_out_refused(void **state)
{
	struct ws_plan plan, before;

	(void)state;
	memset(&plan, 7, sizeof(plan));
	memset(&before, 7, sizeof(before));
	assert_int_equal(ws_plan_init_max(&plan, 0, 0), -EINVAL);
	assert_int_equal(ws_plan_init_max(&plan, 5, -1), -EINVAL);
	assert_int_equal(ws_plan_init_max(&plan, WS_PLAN_MAX_COUNT + 1, 0), -ERANGE);
	assert_memory_equal(&plan, &before, sizeof(plan));
}

/* Computed by a separate implementation in Python. */
static void hash_known(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t count, hash;
	} rows[] = {
		{{1000, 1}, 10, UINT64_C(0xbf76f146fca57b5a)},
		{{2000, 2}, 10, UINT64_C(0xbf76f146fca57b5a)},
		{{14880952, 1}, 1000, UINT64_C(0x0d55737c8a48479d)},
		{{1, 3}, 100, UINT64_C(0x2001dee0bc25a45d)},
		{{1000000000000, 1}, 3000, UINT64_C(0x0d7bf99c734a2004)},
		{{1000000000, 1001}, (UINT64_C(1) << 20) + 5, UINT64_C(0x66848851c51570cd)},
		{{1000000000, 1001}, (UINT64_C(1) << 20) + 6, UINT64_C(0x857f4f5ad004baee)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_plan plan;

		assert_int_equal(ws_plan_init_cbr(&plan, rows[i].pps, rows[i].count, 0), 0);
		assert_int_equal(ws_plan_hash(&plan), rows[i].hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offset_known),
		cmocka_unit_test(offset_is_the_floor),
		cmocka_unit_test(cursor_long_walks),
		cmocka_unit_test(cursor_random_rates),
		cmocka_unit_test(mean_rate_is_exact),
		cmocka_unit_test(duration_to_count),
		cmocka_unit_test(duration_is_filled),
		cmocka_unit_test(ratio_is_reduced),
		cmocka_unit_test(cbr_refused),
		cmocka_unit_test(flat_out),
		cmocka_unit_test(flat_out_refused),
		cmocka_unit_test(hash_known),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
