/* SPDX-License-Identifier: BSD-2-Clause */
/* Bursts and lists, and what cursors of all patterns have in common. */
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

static const int64_t times[] = {0, 0, 5, 1000, 1000, 1000, 123456789, INT64_C(1) << 40};

static void names(void **state)
{
	(void)state;
	assert_string_equal(ws_pattern_name(WS_PATTERN_CBR), "cbr");
	assert_string_equal(ws_pattern_name(WS_PATTERN_BURST), "burst");
	assert_string_equal(ws_pattern_name(WS_PATTERN_POISSON), "poisson");
	assert_string_equal(ws_pattern_name(WS_PATTERN_LIST), "replay");
	assert_string_equal(ws_pattern_name(WS_PATTERN_COUNT), "unknown");
}

/* Computed with Python's integers: (n - n % burst) * den * 10**9 // num. */
static void burst_offsets(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t burst, n;
		int64_t offset;
	} rows[] = {
		{{1000, 1}, 4, 0, 0},
		{{1000, 1}, 4, 3, 0},
		{{1000, 1}, 4, 4, 4000000},
		{{14880952, 1}, 32, 31, 0},
		{{14880952, 1}, 32, 32, 2150},
		{{14880952, 1}, 32, 14880953, 999998387},
		{{312500000, 21}, 64, 123456789, 8296294809},
		{{1, 3}, 10, 29, 60000000000},
		{{UINT64_MAX, UINT64_MAX - 1}, 5, 8589934595, 8589934594999999999},
		{{1000000000000, 1}, 1000, 1999, 1},
		{{1000000000000, 1}, WS_PLAN_MAX_COUNT, WS_PLAN_MAX_COUNT - 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_plan_cursor c;
		struct ws_plan plan;

		assert_int_equal(
			ws_plan_init_burst(&plan, rows[i].pps, rows[i].burst, rows[i].n + 1, 0), 0);
		assert_int_equal(plan.pattern, WS_PATTERN_BURST);
		assert_int_equal(plan.burst, rows[i].burst);
		assert_false(ws_plan_is_max(&plan));
		assert_int_equal(ws_plan_offset(&plan, rows[i].n), rows[i].offset);
		ws_plan_cursor_init_every(&c, &plan, rows[i].n, 1);
		assert_int_equal(c.offset_ns, rows[i].offset);
	}
}

/* Count and duration are those of the constant rate, the last burst whole or not. */
static void burst_lasts_as_long(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t burst, count;
		int64_t duration;
	} rows[] = {
		{{1000, 1}, 7, 10, 0},
		{{1000, 1}, 7, 0, SECOND},
		{{312500000, 21}, 64, 0, SECOND},
		{{1, 3}, 100, 7, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_plan plan, cbr;

		assert_int_equal(
			ws_plan_init_cbr(&cbr, rows[i].pps, rows[i].count, rows[i].duration), 0);
		assert_int_equal(ws_plan_init_burst(&plan, rows[i].pps, rows[i].burst,
					 rows[i].count, rows[i].duration),
			0);
		assert_int_equal(plan.count, cbr.count);
		assert_int_equal(plan.duration_ns, cbr.duration_ns);
		assert_int_equal(ws_plan_offset(&plan, plan.count), cbr.duration_ns);
	}
}

static void burst_refused(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t burst, count;
		int64_t duration;
		int err;
	} rows[] = {
		{{1000, 1}, 0, 5, 0, -EINVAL},
		{{1000, 1}, 4, 0, 0, -EINVAL},
		{{1000, 1}, 4, 5, SECOND, -EINVAL},
		{{0, 1}, 4, 5, 0, -EINVAL},
		{{1000, 1}, 4, 5, -1, -EINVAL},
		{{1000, 1}, 4, WS_PLAN_MAX_COUNT + 1, 0, -ERANGE},
		{{1, 1}, 4, WS_PLAN_MAX_COUNT, 0, -ERANGE},
		{{1000, 1}, WS_PLAN_MAX_COUNT + 1, 5, 0, -ERANGE},
		{{1000, 1}, UINT64_MAX, 5, 0, -ERANGE},
	};
	struct ws_plan plan, before;

	(void)state;
	memset(&plan, 7, sizeof(plan));
	memset(&before, 7, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ws_plan_init_burst(&plan, rows[i].pps, rows[i].burst,
					 rows[i].count, rows[i].duration),
			rows[i].err);
		assert_memory_equal(&plan, &before, sizeof(plan));
	}
}

static void list(void **state)
{
	struct ws_plan_cursor c;
	struct ws_plan plan;

	(void)state;
	assert_int_equal(ws_plan_init_list(&plan, times, ARRAY_SIZE(times)), 0);
	assert_int_equal(plan.pattern, WS_PATTERN_LIST);
	assert_int_equal(plan.count, ARRAY_SIZE(times));
	assert_false(ws_plan_is_max(&plan));
	ws_plan_cursor_init(&c, &plan);
	for (uint64_t n = 0; n < ARRAY_SIZE(times); n++) {
		assert_int_equal(c.n, n);
		assert_int_equal(c.offset_ns, times[n]);
		assert_int_equal(ws_plan_offset(&plan, n), times[n]);
		ws_plan_cursor_next(&c);
	}
	assert_int_equal(c.n, plan.count);
	/* The last slot: a seventh of the whole. */
	assert_int_equal(plan.duration_ns, (INT64_C(1) << 40) + (INT64_C(1) << 40) / 7);
	assert_int_equal(ws_plan_offset(&plan, plan.count), plan.duration_ns);
}

static void list_ends(void **state)
{
	static const int64_t one[] = {0}, at_once[] = {0, 0, 0}, longest[] = {0, INT64_MAX};
	struct ws_plan plan;

	(void)state;
	assert_int_equal(ws_plan_init_list(&plan, one, 1), 0);
	assert_int_equal(plan.duration_ns, 0);
	assert_int_equal(ws_plan_init_list(&plan, at_once, 3), 0);
	assert_int_equal(plan.duration_ns, 0);
	assert_int_equal(ws_plan_init_list(&plan, longest, 2), 0);
	assert_int_equal(plan.duration_ns, INT64_MAX);
	assert_int_equal(ws_plan_offset(&plan, 1), INT64_MAX);
}

static void list_refused(void **state)
{
	static const int64_t falls[] = {0, 5, 4}, late[] = {1, 5}, early[] = {-1, 5};
	struct ws_plan plan, before;

	(void)state;
	memset(&plan, 7, sizeof(plan));
	memset(&before, 7, sizeof(before));
	assert_int_equal(ws_plan_init_list(&plan, falls, 3), -EINVAL);
	assert_int_equal(ws_plan_init_list(&plan, late, 2), -EINVAL);
	assert_int_equal(ws_plan_init_list(&plan, early, 2), -EINVAL);
	assert_int_equal(ws_plan_init_list(&plan, times, 0), -EINVAL);
	assert_int_equal(ws_plan_init_list(&plan, NULL, 0), -EINVAL);
	assert_int_equal(ws_plan_init_list(&plan, times, WS_PLAN_MAX_COUNT + 1), -ERANGE);
	assert_memory_equal(&plan, &before, sizeof(plan));
	assert_int_equal(ws_plan_init_list(&plan, falls, 2), 0);
}

/* Computed by a separate implementation in Python. The first is that of the constant rate, too. */
static void hash_known(void **state)
{
	static const struct {
		struct ws_ratio pps;
		uint64_t burst, count, hash;
	} rows[] = {
		{{1000, 1}, 1, 10, UINT64_C(0xbf76f146fca57b5a)},
		{{1000, 1}, 4, 10, UINT64_C(0x015c8a99c1594527)},
		{{14880952, 1}, 32, 1000, UINT64_C(0x3400392824de7d1c)},
		{{1, 3}, 7, 100, UINT64_C(0x2edea14b8bb8024a)},
		{{312500000, 21}, 64, 5000, UINT64_C(0x2eac67f70556ef5c)},
		{{1000000000000, 1}, 3, 3000, UINT64_C(0x143446b38c4b778b)},
		{{1000, 1}, 100, 10, UINT64_C(0xaa453aa544d7cd4f)},
		{{1000000000, 1001}, 16, (UINT64_C(1) << 20) + 5, UINT64_C(0x6e5e7f965b52dcb0)},
	};
	struct ws_plan plan;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			ws_plan_init_burst(&plan, rows[i].pps, rows[i].burst, rows[i].count, 0), 0);
		assert_int_equal(ws_plan_hash(&plan), rows[i].hash);
	}
	assert_int_equal(ws_plan_init_list(&plan, times, ARRAY_SIZE(times)), 0);
	assert_int_equal(ws_plan_hash(&plan), UINT64_C(0xa5c601c71f602432));
}

/* One plan of each kind, and of those that are hard: many fractions, carries that run over 64 bits. */
#define LISTED 5003

static int64_t listed[LISTED];

static unsigned many_plans(struct ws_plan plans[32])
{
	static const struct ws_ratio rates[] = {
		{14880952, 1},
		{312500000, 21},
		{1000, 7},
		{UINT64_MAX, UINT64_MAX - 1},
		{UINT64_MAX - 1, UINT64_MAX},
		{1000000000000, 1},
	};
	static const uint64_t bursts[] = {1, 3, 64, 100000};
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		assert_int_equal(ws_plan_init_cbr(&plans[count++], rates[i], LISTED, 0), 0);
		for (size_t k = 0; k < ARRAY_SIZE(bursts) && i < 5; k++) {
			assert_int_equal(
				ws_plan_init_burst(&plans[count++], rates[i], bursts[k], LISTED, 0),
				0);
		}
	}
	assert_int_equal(ws_plan_init_poisson(&plans[count++], rates[1], 67, 1, LISTED, 0), 0);
	assert_int_equal(ws_plan_init_poisson(&plans[count++], rates[2], 0, 2, LISTED, 0), 0);
	for (uint64_t n = 1; n < LISTED; n++) {
		listed[n] = listed[n - 1] + (int64_t)(n * n % 7 * 1000);
	}
	assert_int_equal(ws_plan_init_list(&plans[count++], listed, LISTED), 0);
	assert_int_equal(ws_plan_init_max(&plans[count++], LISTED, 0), 0);
	assert_true(count <= 32);
	return count;
}

/* What the cursor says that looks at each packet; it agrees with the formula where there is one. */
static void walk_all(const struct ws_plan *plan, int64_t offsets[LISTED])
{
	struct ws_plan_cursor c;

	ws_plan_cursor_init(&c, plan);
	for (uint64_t n = 0; n < LISTED; n++) {
		assert_int_equal(c.n, n);
		offsets[n] = c.offset_ns;
		if (plan->pattern != WS_PATTERN_POISSON) {
			assert_int_equal(c.offset_ns, ws_plan_offset(plan, n));
		}
		ws_plan_cursor_next(&c);
	}
	assert_int_equal(c.n, LISTED);
}

/* Workers k of N have every packet once, each at the plan's time. */
static void workers_share_a_plan(void **state)
{
	static const uint64_t workers[] = {1, 2, 3, 4, 7, 64, 65, 6000};
	static int64_t offsets[LISTED];
	static uint8_t seen[LISTED];
	struct ws_plan plans[32];
	unsigned count = many_plans(plans);

	(void)state;
	for (unsigned p = 0; p < count; p++) {
		walk_all(&plans[p], offsets);
		for (size_t w = 0; w < ARRAY_SIZE(workers); w++) {
			/* Drawing all of Poisson for each of thousands takes long and tells no more. */
			if (plans[p].pattern == WS_PATTERN_POISSON && workers[w] > 65) {
				continue;
			}
			memset(seen, 0, sizeof(seen));
			for (uint64_t k = 0; k < workers[w]; k++) {
				struct ws_plan_cursor c;

				ws_plan_cursor_init_every(&c, &plans[p], k, workers[w]);
				while (c.n < LISTED) {
					assert_int_equal(c.n % workers[w], k);
					assert_int_equal(c.offset_ns, offsets[c.n]);
					seen[c.n]++;
					ws_plan_cursor_next(&c);
				}
			}
			for (uint64_t n = 0; n < LISTED; n++) {
				assert_int_equal(seen[n], 1);
			}
		}
	}
}

/* Jumps and steps in any order lead to the same times. */
static void skip_is_many_times_next(void **state)
{
	static int64_t offsets[LISTED];
	struct ws_plan plans[32];
	unsigned count = many_plans(plans);
	uint32_t random = 1;

	(void)state;
	for (unsigned p = 0; p < count; p++) {
		walk_all(&plans[p], offsets);
		for (uint64_t stride = 1; stride < 6; stride += 2) {
			struct ws_plan_cursor c;
			uint64_t n = stride;

			ws_plan_cursor_init_every(&c, &plans[p], n, stride);
			while (n < LISTED) {
				assert_int_equal(c.n, n);
				assert_int_equal(c.offset_ns, offsets[n]);
				random = random * 1103515245 + 12345;
				if (random >> 16 & 1) {
					ws_plan_cursor_skip(&c, random >> 17 & 127);
					n += random >> 17 & 127;
				} else {
					ws_plan_cursor_next(&c);
					n += stride;
				}
			}
		}
	}
}

/* A step may be longer than the plan, and than 64 bits of nanoseconds. */
static void longest_strides(void **state)
{
	static const struct ws_ratio rates[] = {
		{1, 1000}, {1, 9000000000}, {UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX - 1}};
	struct ws_plan_cursor c;
	struct ws_plan plan;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		for (uint64_t burst = 1; burst <= WS_PLAN_MAX_COUNT; burst <<= 12) {
			assert_int_equal(ws_plan_init_burst(&plan, rates[i], burst, 1, 0), 0);
			ws_plan_cursor_init_every(&c, &plan, 0, WS_PLAN_MAX_COUNT);
			assert_int_equal(c.offset_ns, 0);
			for (uint64_t step = 1; step < 10; step++) {
				ws_plan_cursor_next(&c);
				assert_int_equal(c.n, step * WS_PLAN_MAX_COUNT);
			}
		}
	}
}

static uint64_t overdue(struct ws_plan_cursor *c, int64_t until_ns, uint64_t n)
{
	uint64_t passed = ws_plan_cursor_skip_overdue(c, until_ns);

	assert_int_equal(c->n, n);
	return passed;
}

static void overdue_of_a_constant_rate(void **state)
{
	struct ws_plan_cursor c;
	struct ws_plan plan;

	(void)state;
	assert_int_equal(ws_plan_init_cbr(&plan, (struct ws_ratio){1000, 1}, 100, 0), 0);
	ws_plan_cursor_init(&c, &plan);
	assert_int_equal(overdue(&c, -1, 0), 0);
	assert_int_equal(overdue(&c, 0, 0), 0);
	assert_int_equal(overdue(&c, 999999, 0), 0);
	assert_int_equal(overdue(&c, 1000000, 1), 1);
	assert_int_equal(overdue(&c, 1000000, 1), 0);
	assert_int_equal(overdue(&c, 5999999, 5), 4);
	/* The cursor is where steps would have brought it. */
	ws_plan_cursor_next(&c);
	assert_int_equal(c.offset_ns, 6000000);
	/* The last packet is not overdue, however late it is. */
	assert_int_equal(overdue(&c, INT64_MAX, 99), 93);
	assert_int_equal(overdue(&c, INT64_MAX, 99), 0);
	ws_plan_cursor_next(&c);
	assert_int_equal(overdue(&c, INT64_MAX, 100), 0);

	/* Worker 1 of 3 has packets 1, 4, 7... and counts only those. */
	ws_plan_cursor_init_every(&c, &plan, 1, 3);
	assert_int_equal(overdue(&c, 3999999, 1), 0);
	assert_int_equal(overdue(&c, 12000000, 10), 3);
}

/* Packets of one instant are late together. */
static void overdue_together(void **state)
{
	struct ws_plan_cursor c;
	struct ws_plan plan;

	(void)state;
	assert_int_equal(ws_plan_init_burst(&plan, (struct ws_ratio){1000, 1}, 4, 10, 0), 0);
	ws_plan_cursor_init(&c, &plan);
	assert_int_equal(overdue(&c, 3999999, 0), 0);
	ws_plan_cursor_next(&c);
	assert_int_equal(overdue(&c, 3999999, 1), 0);
	assert_int_equal(overdue(&c, 4000000, 4), 3);
	assert_int_equal(overdue(&c, INT64_MAX, 8), 4);

	assert_int_equal(ws_plan_init_list(&plan, times, ARRAY_SIZE(times)), 0);
	ws_plan_cursor_init(&c, &plan);
	assert_int_equal(overdue(&c, 4, 0), 0);
	assert_int_equal(overdue(&c, 5, 2), 2);
	assert_int_equal(overdue(&c, 123456788, 3), 1);
	assert_int_equal(overdue(&c, INT64_MAX, 7), 4);
}

static void overdue_of_others(void **state)
{
	struct ws_plan_cursor c, step;
	struct ws_plan plan;

	(void)state;
	assert_int_equal(ws_plan_init_poisson(&plan, (struct ws_ratio){1000, 1}, 0, 3, 100, 0), 0);
	ws_plan_cursor_init(&c, &plan);
	ws_plan_cursor_init(&step, &plan);
	ws_plan_cursor_skip(&step, 50);
	assert_int_equal(overdue(&c, step.offset_ns, 50), 50);
	ws_plan_cursor_next(&c);
	ws_plan_cursor_next(&step);
	assert_int_equal(c.offset_ns, step.offset_ns);

	/* Flat out, nothing has a time. */
	assert_int_equal(ws_plan_init_max(&plan, 0, SECOND), 0);
	ws_plan_cursor_init(&c, &plan);
	assert_int_equal(overdue(&c, INT64_MAX, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(burst_offsets),
		cmocka_unit_test(burst_lasts_as_long),
		cmocka_unit_test(burst_refused),
		cmocka_unit_test(list),
		cmocka_unit_test(list_ends),
		cmocka_unit_test(list_refused),
		cmocka_unit_test(hash_known),
		cmocka_unit_test(workers_share_a_plan),
		cmocka_unit_test(skip_is_many_times_next),
		cmocka_unit_test(longest_strides),
		cmocka_unit_test(overdue_of_a_constant_rate),
		cmocka_unit_test(overdue_together),
		cmocka_unit_test(overdue_of_others),
	};

	return cmocka_run_group_tests_name("plan patterns", tests, NULL, NULL);
}
