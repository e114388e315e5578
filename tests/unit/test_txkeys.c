/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "core/stamp.h"
#include "core/txkeys.h"

static struct ws_txkeys *make(uint32_t max, unsigned stages)
{
	struct ws_txkeys *k;

	assert_int_equal(ws_txkeys_new(&k, max, stages), 0);
	return k;
}

static void test_new_refuses_nonsense(void **state)
{
	struct ws_txkeys *k = NULL;

	(void)state;
	assert_int_equal(ws_txkeys_new(&k, 0, WS_STAGE_DRIVER), -EINVAL);
	assert_int_equal(ws_txkeys_new(&k, 1, 0), -EINVAL);
	assert_int_equal(ws_txkeys_new(&k, (1u << 24) + 1, WS_STAGE_DRIVER), -EINVAL);
	assert_null(k);
}

static void test_stamps_find_their_frames(void **state)
{
	struct ws_txkeys *k = make(4, WS_STAGE_DRIVER);
	uint64_t cookie = 0;

	(void)state;
	assert_int_equal(ws_txkeys_next(k), 0);
	ws_txkeys_sent(k, 100, 1, 0);
	ws_txkeys_sent(k, 101, 1, 0);
	ws_txkeys_sent(k, 102, 1, 0);
	assert_int_equal(ws_txkeys_outstanding(k), 3);
	assert_int_equal(ws_txkeys_room(k), 1);
	/* In any order, each once. */
	assert_true(ws_txkeys_take(k, 2, WS_STAGE_DRIVER, &cookie));
	assert_int_equal(cookie, 102);
	assert_true(ws_txkeys_take(k, 0, WS_STAGE_DRIVER, &cookie));
	assert_int_equal(cookie, 100);
	assert_false(ws_txkeys_take(k, 0, WS_STAGE_DRIVER, &cookie));
	assert_false(ws_txkeys_take(k, 3, WS_STAGE_DRIVER, &cookie));
	assert_false(ws_txkeys_take(k, UINT32_MAX, WS_STAGE_DRIVER, &cookie));
	assert_false(ws_txkeys_take(k, 1, WS_STAGE_SCHED, &cookie));
	assert_int_equal(ws_txkeys_outstanding(k), 1);
	assert_true(ws_txkeys_take(k, 1, WS_STAGE_DRIVER, &cookie));
	assert_int_equal(cookie, 101);
	assert_int_equal(ws_txkeys_outstanding(k), 0);
	assert_int_equal(ws_txkeys_room(k), 4);
	ws_txkeys_free(k);
}

static void test_refused_uses_a_key_up(void **state)
{
	struct ws_txkeys *k = make(4, WS_STAGE_DRIVER);
	uint64_t cookie = 0;

	(void)state;
	ws_txkeys_sent(k, 7, 1, 0);
	ws_txkeys_refused(k);
	ws_txkeys_sent(k, 8, 1, 0);
	assert_int_equal(ws_txkeys_next(k), 3);
	assert_int_equal(ws_txkeys_outstanding(k), 2);
	assert_false(ws_txkeys_take(k, 1, WS_STAGE_DRIVER, &cookie));
	assert_true(ws_txkeys_take(k, 2, WS_STAGE_DRIVER, &cookie));
	assert_int_equal(cookie, 8);
	ws_txkeys_free(k);
}

/* However many are refused behind a frame whose stamp never comes, the room stays what it says. */
static void test_refused_behind_a_lost_stamp(void **state)
{
	struct ws_txkeys *k = make(4, WS_STAGE_DRIVER);
	uint64_t cookie = 0;
	unsigned stage = 0;
	unsigned n = 0;

	(void)state;
	ws_txkeys_sent(k, 7, 1, 0);
	while (ws_txkeys_room(k)) {
		ws_txkeys_refused(k);
		assert_true(++n < 1000);
	}
	assert_true(n >= 4);
	assert_true(ws_txkeys_overdue(k, 1, &cookie, &stage));
	assert_int_equal(cookie, 7);
	assert_int_equal(stage, WS_STAGE_DRIVER);
	assert_int_equal(ws_txkeys_room(k), 4);
	ws_txkeys_free(k);
}

static void test_each_stage_once(void **state)
{
	struct ws_txkeys *k = make(2, WS_STAGE_SCHED | WS_STAGE_DRIVER);
	uint64_t cookie = 0;
	unsigned stage = 0;

	(void)state;
	ws_txkeys_sent(k, 5, 10, 0);
	assert_true(ws_txkeys_take(k, 0, WS_STAGE_DRIVER, &cookie));
	assert_int_equal(ws_txkeys_outstanding(k), 1);
	assert_false(ws_txkeys_take(k, 0, WS_STAGE_DRIVER, &cookie));
	assert_false(ws_txkeys_overdue(k, 9, &cookie, &stage));
	assert_true(ws_txkeys_overdue(k, 10, &cookie, &stage));
	assert_int_equal(stage, WS_STAGE_SCHED);
	assert_false(ws_txkeys_overdue(k, 10, &cookie, &stage));
	/* One that was given up comes after all: nobody waits for it. */
	assert_false(ws_txkeys_take(k, 0, WS_STAGE_SCHED, &cookie));
	assert_int_equal(ws_txkeys_outstanding(k), 0);
	ws_txkeys_free(k);
}

/* A frame may be asked for fewer stages than the others: it is complete with these. */
static void test_stages_of_a_frame(void **state)
{
	struct ws_txkeys *k = make(4, WS_STAGE_SCHED | WS_STAGE_WIRE);
	uint64_t cookie = 0;
	unsigned stage = 0;

	(void)state;
	ws_txkeys_sent(k, 5, 10, WS_STAGE_SCHED);
	ws_txkeys_sent(k, 6, 10, WS_STAGE_WIRE | WS_STAGE_DRIVER);
	ws_txkeys_sent(k, 7, 10, WS_STAGE_DRIVER); /* none of the table's: all of them */
	assert_int_equal(ws_txkeys_outstanding(k), 3);
	assert_false(ws_txkeys_take(k, 0, WS_STAGE_WIRE, &cookie));
	assert_true(ws_txkeys_take(k, 0, WS_STAGE_SCHED, &cookie));
	assert_int_equal(cookie, 5);
	assert_int_equal(ws_txkeys_outstanding(k), 2);
	assert_false(ws_txkeys_take(k, 1, WS_STAGE_SCHED, &cookie));
	assert_true(ws_txkeys_take(k, 1, WS_STAGE_WIRE, &cookie));
	assert_int_equal(ws_txkeys_outstanding(k), 1);
	assert_true(ws_txkeys_overdue(k, 10, &cookie, &stage));
	assert_int_equal(cookie, 7);
	assert_int_equal(stage, WS_STAGE_SCHED);
	assert_true(ws_txkeys_overdue(k, 10, &cookie, &stage));
	assert_int_equal(cookie, 7);
	assert_int_equal(stage, WS_STAGE_WIRE);
	assert_false(ws_txkeys_overdue(k, 10, &cookie, &stage));
	assert_int_equal(ws_txkeys_outstanding(k), 0);
	ws_txkeys_free(k);
}

static void test_overdue_in_order(void **state)
{
	struct ws_txkeys *k = make(8, WS_STAGE_DRIVER);
	uint64_t cookie = 0;
	unsigned stage = 0;

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		ws_txkeys_sent(k, i, (int64_t)i * 100, 0);
	}
	assert_true(ws_txkeys_take(k, 1, WS_STAGE_DRIVER, &cookie));
	assert_true(ws_txkeys_overdue(k, 200, &cookie, &stage));
	assert_int_equal(cookie, 0);
	assert_true(ws_txkeys_overdue(k, 200, &cookie, &stage));
	assert_int_equal(cookie, 2);
	assert_false(ws_txkeys_overdue(k, 200, &cookie, &stage));
	assert_int_equal(ws_txkeys_outstanding(k), 2);
	ws_txkeys_free(k);
}

/* A lost stamp must not stop the others before it is overdue, but a ring is finite. */
static void test_lost_stamp_holds_up_only_after_a_while(void **state)
{
	struct ws_txkeys *k = make(8, WS_STAGE_DRIVER);
	uint64_t cookie = 0;
	unsigned stage = 0;
	uint32_t sent = 1;

	(void)state;
	ws_txkeys_sent(k, 0, 0, 0);
	while (ws_txkeys_room(k)) {
		ws_txkeys_sent(k, sent, 0, 0);
		assert_true(ws_txkeys_take(k, sent, WS_STAGE_DRIVER, &cookie));
		sent++;
		assert_true(sent < 1000);
	}
	assert_true(sent >= 4 * 8);
	assert_true(ws_txkeys_blocked(k));
	assert_true(ws_txkeys_overdue(k, 0, &cookie, &stage));
	assert_int_equal(cookie, 0);
	assert_int_equal(ws_txkeys_room(k), 8);
	assert_false(ws_txkeys_blocked(k));
	ws_txkeys_free(k);
}

/* As many as may be are under way: that is no reason to give any up. */
static void test_full_is_not_blocked(void **state)
{
	struct ws_txkeys *k = make(2, WS_STAGE_DRIVER);

	(void)state;
	ws_txkeys_sent(k, 0, 0, 0);
	ws_txkeys_sent(k, 1, 0, 0);
	assert_int_equal(ws_txkeys_room(k), 0);
	assert_false(ws_txkeys_blocked(k));
	ws_txkeys_free(k);
}

static void test_restart(void **state)
{
	struct ws_txkeys *k = make(2, WS_STAGE_DRIVER);
	uint64_t cookie = 0;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		ws_txkeys_sent(k, i, 0, 0);
		assert_true(ws_txkeys_take(k, i, WS_STAGE_DRIVER, &cookie));
	}
	ws_txkeys_restart(k);
	assert_int_equal(ws_txkeys_next(k), 0);
	assert_false(ws_txkeys_take(k, 0, WS_STAGE_DRIVER, &cookie));
	ws_txkeys_sent(k, 42, 0, 0);
	assert_true(ws_txkeys_take(k, 0, WS_STAGE_DRIVER, &cookie));
	assert_int_equal(cookie, 42);
	ws_txkeys_free(k);
}

static void test_many_with_wrap_of_the_ring(void **state)
{
	struct ws_txkeys *k = make(16, WS_STAGE_DRIVER);
	uint64_t cookie = 0;
	uint64_t sent = 0, taken = 0;
	unsigned seed = 1;

	(void)state;
	while (taken < 200000) {
		seed = seed * 1103515245 + 12345;
		for (unsigned i = 0; i < (seed >> 16) % 17 && ws_txkeys_room(k); i++) {
			ws_txkeys_sent(k, sent++, 0, 0);
		}
		for (unsigned i = 0; i < (seed >> 8) % 17 && taken < sent; i++) {
			assert_true(ws_txkeys_take(k, (uint32_t)taken, WS_STAGE_DRIVER, &cookie));
			assert_int_equal(cookie, taken);
			taken++;
		}
		assert_int_equal(ws_txkeys_outstanding(k), sent - taken);
		assert_true(sent - taken <= 16);
	}
	ws_txkeys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_refuses_nonsense),
		cmocka_unit_test(test_stamps_find_their_frames),
		cmocka_unit_test(test_refused_uses_a_key_up),
		cmocka_unit_test(test_refused_behind_a_lost_stamp),
		cmocka_unit_test(test_each_stage_once),
		cmocka_unit_test(test_stages_of_a_frame),
		cmocka_unit_test(test_overdue_in_order),
		cmocka_unit_test(test_lost_stamp_holds_up_only_after_a_while),
		cmocka_unit_test(test_full_is_not_blocked),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_many_with_wrap_of_the_ring),
	};

	return cmocka_run_group_tests_name("txkeys", tests, NULL, NULL);
}
