/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks between a reader and a writer: every one goes round, in order, and none is made twice. */
#include "run/chunks.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/sys_fake.h"

#define WAKE_FD 77

static struct ws_chunks *make(unsigned count, int wake_fd)
{
	struct ws_chunks *c = NULL;

	assert_int_equal(ws_chunks_new(&c, (uint64_t)count * WS_CHUNK_SIZE, wake_fd), 0);
	assert_int_equal(ws_chunks_bytes(c), (uint64_t)count * WS_CHUNK_SIZE);
	return c;
}

static int setup(void **state)
{
	(void)state;
	sys_fake_reset();
	return 0;
}

/* How many chunks there are is what fits, but for two at least. */
static void test_sizes(void **state)
{
	static const struct {
		uint64_t asked, granted;
	} cases[] = {{0, 2}, {1, 2}, {WS_CHUNK_SIZE, 2}, {2 * WS_CHUNK_SIZE, 2},
		{3 * WS_CHUNK_SIZE - 1, 2}, {3 * WS_CHUNK_SIZE, 3}, {5 * WS_CHUNK_SIZE + 1, 5}};
	struct ws_chunks *c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned n = 0;

		assert_int_equal(ws_chunks_new(&c, cases[i].asked, -1), 0);
		assert_int_equal(ws_chunks_bytes(c), cases[i].granted * WS_CHUNK_SIZE);
		for (struct ws_chunk *k; (k = ws_chunks_take(c)) != NULL; n++) {
			/* All of it can be written to, and belongs to no other chunk. */
			memset(k->data, (int)n, WS_CHUNK_SIZE);
			k->used = n;
			ws_chunks_put(c, k);
		}
		assert_int_equal(n, cases[i].granted);
		for (unsigned at = 0; at < n; at++) {
			struct ws_chunk *k = ws_chunks_get(c);

			assert_int_equal(k->used, at);
			for (uint32_t byte = 0; byte < WS_CHUNK_SIZE; byte += 4095) {
				assert_int_equal(k->data[byte], at);
			}
		}
		ws_chunks_free(c);
	}
	assert_int_equal(ws_chunks_new(&c, (uint64_t)WS_CHUNK_SIZE << 17, -1), -EINVAL);
	assert_int_equal(ws_chunks_new(&c, UINT64_MAX, -1), -EINVAL);
	ws_chunks_free(NULL);
}

static void test_no_memory(void **state)
{
	const struct sys_fake_answer no = {
		.fn = SYS_FAKE_MMAP, .level = SYS_FAKE_ANY, .name = SYS_FAKE_ANY, .ret = -ENOMEM};
	struct ws_chunks *c;

	(void)state;
	sys_fake_answer(&no);
	assert_int_equal(ws_chunks_new(&c, 0, -1), -ENOMEM);
	/* What was never mapped is not unmapped. */
	assert_int_equal(sys_fake_find(0, SYS_FAKE_MUNMAP, SYS_FAKE_ANY, SYS_FAKE_ANY), -1);
}

static void test_first_in_first_out(void **state)
{
	struct ws_chunks *c = make(3, WAKE_FD);
	struct ws_chunk *a = ws_chunks_take(c), *b = ws_chunks_take(c);
	size_t n;
	int at;

	(void)state;
	assert_null(ws_chunks_get(c));
	a->used = 1;
	a->counts.packets[0] = 4;
	ws_chunks_put(c, a);
	/* The writer is woken. */
	at = sys_fake_find(0, SYS_FAKE_WRITE, SYS_FAKE_ANY, SYS_FAKE_ANY);
	assert_true(at >= 0);
	assert_int_equal(sys_fake_log(&n)[at].fd, WAKE_FD);
	assert_int_equal(sys_fake_log(&n)[at].len, 1);
	ws_chunks_put(c, b);
	assert_ptr_equal(ws_chunks_get(c), a);
	assert_int_equal(a->used, 1);
	assert_int_equal(a->counts.packets[0], 4);
	assert_ptr_equal(ws_chunks_get(c), b);
	assert_null(ws_chunks_get(c));
	ws_chunks_free(c);
}

/* The one used last is still in the cache; those that were never used stay so. */
static void test_the_last_one_used_comes_first(void **state)
{
	struct ws_chunks *c = make(4, -1);
	struct ws_chunk *a = ws_chunks_take(c), *b = ws_chunks_take(c);

	(void)state;
	a->used = 100;
	a->counts.lost_kernel = 7;
	ws_chunks_put(c, a);
	ws_chunks_put(c, b);
	assert_ptr_equal(ws_chunks_get(c), a);
	assert_ptr_equal(ws_chunks_get(c), b);
	ws_chunks_give_back(c, a);
	ws_chunks_give_back(c, b);
	assert_ptr_equal(ws_chunks_take(c), b);
	assert_ptr_equal(ws_chunks_take(c), a);
	/* It is empty again. */
	assert_int_equal(a->used, 0);
	assert_int_equal(a->counts.lost_kernel, 0);
	assert_non_null(ws_chunks_take(c));
	assert_non_null(ws_chunks_take(c));
	assert_null(ws_chunks_take(c));
	/* One comes back: there is one again, and no more. */
	ws_chunks_put(c, a);
	assert_null(ws_chunks_take(c));
	ws_chunks_give_back(c, ws_chunks_get(c));
	assert_ptr_equal(ws_chunks_take(c), a);
	assert_null(ws_chunks_take(c));
	ws_chunks_free(c);
}

#define ROUNDS 20000

static void *write_all(void *arg)
{
	struct ws_chunks *c = arg;
	uint64_t wrong = 0;

	for (uint32_t n = 0; n < ROUNDS;) {
		struct ws_chunk *k = ws_chunks_get(c);
		uint32_t first, last;

		if (!k) {
			sched_yield();
			continue;
		}
		memcpy(&first, k->data, sizeof(first));
		memcpy(&last, k->data + k->used - sizeof(last), sizeof(last));
		wrong += first != n || last != n || k->counts.packets[0] != n;
		/* What the reader must not see. */
		memset(k->data, 0xff, sizeof(first));
		k->used = UINT32_MAX;
		ws_chunks_give_back(c, k);
		n++;
	}
	return (void *)(uintptr_t)wrong;
}

/* Two threads: all that was written to a chunk before it was handed over is seen behind it. */
static void test_between_threads(void **state)
{
	struct ws_chunks *c = make(3, -1);
	pthread_t writer;
	void *wrong;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_all, c), 0);
	for (uint32_t n = 0; n < ROUNDS;) {
		struct ws_chunk *k = ws_chunks_take(c);

		if (!k) {
			sched_yield();
			continue;
		}
		assert_int_equal(k->used, 0);
		k->used = 64 + n % 1000 * 4;
		memcpy(k->data, &n, sizeof(n));
		memcpy(k->data + k->used - sizeof(n), &n, sizeof(n));
		k->counts.packets[0] = n;
		ws_chunks_put(c, k);
		n++;
	}
	assert_int_equal(pthread_join(writer, &wrong), 0);
	assert_int_equal((uintptr_t)wrong, 0);
	assert_null(ws_chunks_get(c));
	ws_chunks_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sizes, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test_setup(test_first_in_first_out, setup),
		cmocka_unit_test_setup(test_the_last_one_used_comes_first, setup),
		cmocka_unit_test_setup(test_between_threads, setup),
	};

	return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
