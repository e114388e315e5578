/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/spsc.h"

static void test_new_refuses(void **state)
{
	struct ws_spsc *q = (struct ws_spsc *)&q;

	(void)state;
	assert_int_equal(ws_spsc_new(&q, 0, 8), -EINVAL);
	assert_int_equal(ws_spsc_new(&q, 12, 8), -EINVAL);
	assert_int_equal(ws_spsc_new(&q, 8, 0), -EINVAL);
	assert_int_equal(ws_spsc_new(&q, 1U << 31, SIZE_MAX / 2), -ENOMEM);
	assert_ptr_equal(q, &q);
	ws_spsc_free(NULL);
}

static void test_full_and_empty(void **state)
{
	struct ws_spsc *q;
	uint32_t i;

	(void)state;
	assert_int_equal(ws_spsc_new(&q, 4, sizeof(i)), 0);
	assert_null(ws_spsc_front(q));
	for (i = 0; i < 4; i++) {
		assert_true(ws_spsc_push(q, &i));
	}
	assert_false(ws_spsc_push(q, &i));
	for (i = 0; i < 4; i++) {
		const uint32_t *front = ws_spsc_front(q);

		assert_non_null(front);
		assert_int_equal(*front, i);
		assert_ptr_equal(ws_spsc_front(q), front);
		ws_spsc_pop(q);
	}
	assert_null(ws_spsc_front(q));
	ws_spsc_free(q);
}

static void test_capacity_of_one(void **state)
{
	struct ws_spsc *q;
	uint32_t i;

	(void)state;
	assert_int_equal(ws_spsc_new(&q, 1, sizeof(i)), 0);
	for (i = 0; i < 10; i++) {
		assert_true(ws_spsc_push(q, &i));
		assert_false(ws_spsc_push(q, &i));
		assert_int_equal(*(const uint32_t *)ws_spsc_front(q), i);
		ws_spsc_pop(q);
		assert_null(ws_spsc_front(q));
	}
	ws_spsc_free(q);
}

/* A record of odd size is copied whole, stays apart from its neighbours, and stays put until
 * popped. */
static void test_odd_records_wrap(void **state)
{
	unsigned char in[13];
	struct ws_spsc *q;
	unsigned int i;

	(void)state;
	assert_int_equal(ws_spsc_new(&q, 4, sizeof(in)), 0);
	for (i = 0; i < 3; i++) {
		memset(in, (int)i, sizeof(in));
		assert_true(ws_spsc_push(q, in));
	}
	for (i = 0; i < 100; i++) {
		const unsigned char *front = ws_spsc_front(q);
		unsigned char want[13];

		memset(in, (int)i + 3, sizeof(in));
		assert_true(ws_spsc_push(q, in));
		memset(want, (int)i, sizeof(want));
		assert_memory_equal(front, want, sizeof(want));
		ws_spsc_pop(q);
	}
	ws_spsc_free(q);
}

#define RECORDS 1000000

struct message {
	uint64_t seq;
	uint64_t check[3];
};

static struct message message_of(uint64_t seq)
{
	struct message m = {seq, {seq * 3, ~seq, seq ^ UINT64_C(0x5555555555555555)}};

	return m;
}

static void *produce(void *arg)
{
	struct ws_spsc *q = arg;
	uint64_t seq;

	for (seq = 0; seq < RECORDS; seq++) {
		struct message m = message_of(seq);

		while (!ws_spsc_push(q, &m)) {
			sched_yield();
		}
	}
	return NULL;
}

/* Every record comes once, whole and in order. The assertions are outside the loop that must drain.
 */
static void cross_threads(uint32_t capacity)
{
	uint64_t seq, wrong = 0;
	pthread_t producer;
	struct ws_spsc *q;

	assert_int_equal(ws_spsc_new(&q, capacity, sizeof(struct message)), 0);
	assert_int_equal(pthread_create(&producer, NULL, produce, q), 0);
	for (seq = 0; seq < RECORDS; seq++) {
		struct message want = message_of(seq);
		const void *front;

		while (!(front = ws_spsc_front(q))) {
			sched_yield();
		}
		wrong += memcmp(front, &want, sizeof(want)) != 0;
		ws_spsc_pop(q);
	}
	assert_int_equal(pthread_join(producer, NULL), 0);
	assert_int_equal(wrong, 0);
	assert_null(ws_spsc_front(q));
	ws_spsc_free(q);
}

static void test_threads(void **state)
{
	(void)state;
	cross_threads(1024);
}

static void test_threads_small(void **state)
{
	(void)state;
	cross_threads(16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_refuses),
		cmocka_unit_test(test_full_and_empty),
		cmocka_unit_test(test_capacity_of_one),
		cmocka_unit_test(test_odd_records_wrap),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_small),
	};

	return cmocka_run_group_tests_name("spsc", tests, NULL, NULL);
}
