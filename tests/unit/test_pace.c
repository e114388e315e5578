/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/pace.h"

static const struct ws_pace_config config = {
	.sleep_min_ns = 200000,
	.wake_ns = 100000,
	.drain_each_ns = 500,
	.drain_spare_ns = 1000,
	.drain_most = 18,
};

static struct ws_pace_step decide(int64_t gap, unsigned outstanding, unsigned bound, bool drained)
{
	const struct ws_pace_state s = {
		.now_ns = 1000000,
		.deadline_ns = 1000000 + gap,
		.outstanding = outstanding,
		.bound = bound,
		.drained = drained,
	};

	return ws_pace_decide(&config, &s);
}

static void test_due_is_sent(void **state)
{
	(void)state;
	assert_int_equal(decide(0, 0, 0, false).action, WS_PACE_SEND);
	assert_int_equal(decide(-5000000, 0, 0, false).action, WS_PACE_SEND);
	/* Stamps wait while packets are due. */
	assert_int_equal(decide(0, 99, 100, false).action, WS_PACE_SEND);
}

static void test_flat_out(void **state)
{
	const struct ws_pace_state s = {.now_ns = 5, .deadline_ns = INT64_MIN, .bound = 10};

	(void)state;
	assert_int_equal(ws_pace_decide(&config, &s).action, WS_PACE_SEND);
}

static void test_bound_comes_before_all(void **state)
{
	(void)state;
	assert_int_equal(decide(-1, 100, 100, false).action, WS_PACE_DRAIN);
	assert_int_equal(decide(-1, 100, 100, false).max, 18);
	assert_int_equal(decide(-1, 5, 5, false).max, 5);
	assert_int_equal(decide(-1, 100, 100, true).action, WS_PACE_BOUND);
	assert_int_equal(decide(1000000, 100, 100, true).action, WS_PACE_BOUND);
}

static void test_long_gap_sleeps_until_shortly_before(void **state)
{
	struct ws_pace_step step;

	(void)state;
	step = decide(200001, 0, 100, false);
	assert_int_equal(step.action, WS_PACE_SLEEP);
	assert_int_equal(step.until_ns, 1000000 + 200001 - 100000);
	step = decide(200000, 0, 100, false);
	assert_int_equal(step.action, WS_PACE_SPIN);
	assert_int_equal(step.until_ns, 1200000);
}

static void test_stamps_are_read_in_the_gap_if_they_fit(void **state)
{
	struct ws_pace_step step;

	(void)state;
	step = decide(9000, 50, 100, false);
	assert_int_equal(step.action, WS_PACE_DRAIN);
	assert_int_equal(step.max, 16); /* (9000 - 1000) / 500 */
	step = decide(100000, 50, 100, false);
	assert_int_equal(step.max, 18); /* no more at a time */
	step = decide(10000, 6, 100, false);
	assert_int_equal(step.action, WS_PACE_DRAIN);
	assert_int_equal(step.max, 6);
	/* Too little time for one; nothing there the last time. */
	assert_int_equal(decide(1499, 50, 100, false).action, WS_PACE_SPIN);
	assert_int_equal(decide(1500, 50, 100, false).max, 1);
	assert_int_equal(decide(10000, 50, 100, true).action, WS_PACE_SPIN);
	/* In a gap that is slept in, a single one too. */
	step = decide(300000, 1, 100, false);
	assert_int_equal(step.action, WS_PACE_DRAIN);
	assert_int_equal(step.max, 1);
	assert_int_equal(decide(300000, 1, 100, true).action, WS_PACE_SLEEP);
}

/* The default keeps its own promises: it wakes before it must spin, and never sleeps past a
 * deadline. */
static void test_default_is_consistent(void **state)
{
	const struct ws_pace_config *c = &ws_pace_default;

	(void)state;
	assert_true(c->wake_ns < c->sleep_min_ns);
	assert_true(c->drain_each_ns > 0 && c->drain_most > 0);
	for (int64_t gap = -10; gap < 1000000; gap += 997) {
		const struct ws_pace_state s = {.now_ns = 0, .deadline_ns = gap, .bound = 10};
		struct ws_pace_step step = ws_pace_decide(c, &s);

		if (step.action == WS_PACE_SLEEP || step.action == WS_PACE_SPIN) {
			assert_true(step.until_ns <= gap);
			assert_true(step.until_ns > 0);
		} else {
			assert_int_equal(step.action, WS_PACE_SEND);
			assert_true(gap <= 0);
		}
	}
}

static void test_catch_up(void **state)
{
	(void)state;
	/* Without a least gap all at once. */
	assert_int_equal(ws_pace_catch_up(0, 0, 0, 7), 7);
	/* A call that takes less than the gap is for one packet. */
	assert_int_equal(ws_pace_catch_up(0, 0, 400, 7), 1);
	assert_int_equal(ws_pace_catch_up(-5, 1, 400, 7), 1);
	assert_int_equal(ws_pace_catch_up(799, 1, 400, 7), 1);
	/* One that takes longer makes the next one larger, little by little, */
	assert_int_equal(ws_pace_catch_up(800, 1, 400, 7), 2);
	assert_int_equal(ws_pace_catch_up(4000, 1, 400, 7), 2);
	assert_int_equal(ws_pace_catch_up(4000, 2, 400, 7), 4);
	/* up to what is due, */
	assert_int_equal(ws_pace_catch_up(4000, 4, 400, 7), 7);
	assert_int_equal(ws_pace_catch_up(INT64_MAX, UINT32_MAX, 1, 7), 7);
	/* and smaller again when it was fast. */
	assert_int_equal(ws_pace_catch_up(1200, 7, 400, 7), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_catch_up),
		cmocka_unit_test(test_due_is_sent),
		cmocka_unit_test(test_flat_out),
		cmocka_unit_test(test_bound_comes_before_all),
		cmocka_unit_test(test_long_gap_sleeps_until_shortly_before),
		cmocka_unit_test(test_stamps_are_read_in_the_gap_if_they_fit),
		cmocka_unit_test(test_default_is_consistent),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
