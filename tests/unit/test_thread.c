/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs, real-time priority and locked memory on scripted calls: what is asked for, and what is said
 * where it cannot be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "fake/sys_fake.h"
#include "host/cpu.h"
#include "host/thread.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FD	 50

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	return 0;
}

static void answer(enum sys_fake_fn fn, ssize_t ret, const void *data, size_t len)
{
	const struct sys_fake_answer a = {
		.fn = fn,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.ret = ret,
		.data = data,
		.data_len = len,
	};

	sys_fake_answer(&a);
}

static const struct sys_fake_call *call(enum sys_fake_fn fn)
{
	int i = sys_fake_find(0, fn, SYS_FAKE_ANY, SYS_FAKE_ANY);
	size_t n;
	const struct sys_fake_call *log = sys_fake_log(&n);

	assert_true(i >= 0);
	return &log[i];
}

static void no_rights(void)
{
	sys_fake_process.caps = (struct ws_sys_caps){0};
}

static void pinned_to_one_cpu(void **state)
{
	static const int cpus[] = {0, 1, 63, 64, 1023, 1024, WS_CPU_LIMIT - 1};
	static const int none[] = {-1, WS_CPU_LIMIT, INT32_MAX};
	char said[200];

	for (size_t i = 0; i < COUNT(cpus); i++) {
		reset(state);
		assert_int_equal(ws_thread_pin(cpus[i], said, sizeof(said)), 0);
		assert_string_equal(said, "");
		assert_int_equal(call(SYS_FAKE_SETAFFINITY)->value, cpus[i]);
	}
	reset(state);
	for (size_t i = 0; i < COUNT(none); i++) {
		assert_int_equal(ws_thread_pin(none[i], said, sizeof(said)), -EINVAL);
		assert_non_null(strstr(said, "there is no CPU"));
	}
	assert_int_equal(sys_fake_find(0, SYS_FAKE_SETAFFINITY, SYS_FAKE_ANY, SYS_FAKE_ANY), -1);
	answer(SYS_FAKE_SETAFFINITY, -EINVAL, NULL, 0);
	answer(SYS_FAKE_SETAFFINITY, -EPERM, NULL, 0);
	assert_int_equal(ws_thread_pin(5, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "there is no CPU 5"));
	assert_int_equal(ws_thread_pin(5, said, sizeof(said)), -EPERM);
	assert_non_null(strstr(said, "not permitted"));
	assert_int_equal(ws_thread_pin(5, NULL, 0), 0);
}

static void real_time_tells_the_budget(void **state)
{
	static const struct {
		const char *runtime, *period;
		int ret;
		const char *says;
	} rows[] = {
		{"950000\n", "1000000\n", 0, "950000 of each 1000000 us"},
		{"0\n", "1000000\n", 0, "0 of each 1000000 us"},
		{"-1\n", "1000000\n", 0, ""},
		{"1000000\n", "1000000\n", 0, ""},
		{"-2\n", "1000000\n", -EBADMSG, ""},
		{"950000\n", "0\n", -EBADMSG, ""},
		{"950000 1\n", "1000000\n", -EBADMSG, ""},
		{"", "1000000\n", -EBADMSG, ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char said[200];

		for (int granted = 0; granted < 2; granted++) {
			int64_t runtime = 7, period = 7;

			reset(state);
			answer(SYS_FAKE_OPEN, FD, NULL, 0);
			answer(SYS_FAKE_READ, -EINTR, NULL, 0);
			answer(SYS_FAKE_READ, (ssize_t)strlen(rows[i].runtime), rows[i].runtime,
				strlen(rows[i].runtime));
			answer(SYS_FAKE_OPEN, FD, NULL, 0);
			answer(SYS_FAKE_READ, (ssize_t)strlen(rows[i].period), rows[i].period,
				strlen(rows[i].period));
			if (!granted) {
				assert_int_equal(
					ws_thread_realtime_budget(&runtime, &period), rows[i].ret);
				assert_int_equal(period == 7, rows[i].ret != 0);
				assert_int_equal(runtime == 7, rows[i].ret != 0);
				continue;
			}
			assert_int_equal(ws_thread_realtime(10, said, sizeof(said)), 0);
			assert_int_equal(call(SYS_FAKE_SETSCHEDULER)->value, 10);
			assert_int_equal(call(SYS_FAKE_SETSCHEDULER)->name,
				SCHED_FIFO | SCHED_RESET_ON_FORK);
			assert_non_null(strstr(said, rows[i].says));
			assert_int_equal(said[0] == '\0', rows[i].says[0] == '\0');
		}
	}
}

static void real_time_says_what_is_missing(void **state)
{
	const struct rlimit limit = {.rlim_cur = 5, .rlim_max = 5};
	char said[200];

	(void)state;
	no_rights();
	answer(SYS_FAKE_GETRLIMIT, 0, &limit, sizeof(limit));
	assert_int_equal(ws_thread_realtime(10, said, sizeof(said)), -EPERM);
	assert_int_equal(call(SYS_FAKE_GETRLIMIT)->name, RLIMIT_RTPRIO);
	assert_non_null(strstr(said, "CAP_SYS_NICE"));
	assert_non_null(strstr(said, "at least 10, which is 5"));
	assert_int_equal(ws_thread_realtime(10, NULL, 0), -EPERM);

	/* the right is there, and still it is refused */
	reset(state);
	answer(SYS_FAKE_SETSCHEDULER, -EPERM, NULL, 0);
	assert_int_equal(ws_thread_realtime(10, said, sizeof(said)), -EPERM);
	assert_non_null(strstr(said, "cpu.rt_runtime_us"));
	answer(SYS_FAKE_SETSCHEDULER, -EINVAL, NULL, 0);
	assert_int_equal(ws_thread_realtime(100, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "SCHED_FIFO 100: Invalid argument"));
}

static void real_time_after_rights_are_gone(void **state)
{
	const struct rlimit low = {.rlim_cur = 5, .rlim_max = 5},
			    high = {.rlim_cur = 10, .rlim_max = 99};
	char said[200];

	(void)state;
	/* raised */
	answer(SYS_FAKE_GETRLIMIT, 0, &low, sizeof(low));
	answer(SYS_FAKE_SETRLIMIT, 0, NULL, 0);
	assert_int_equal(ws_thread_realtime_allow(10, said, sizeof(said)), 0);
	assert_int_equal(call(SYS_FAKE_SETRLIMIT)->name, RLIMIT_RTPRIO);
	assert_int_equal(call(SYS_FAKE_SETRLIMIT)->value, 10);
	assert_string_equal(said, "");

	/* high enough: nothing is changed */
	reset(state);
	answer(SYS_FAKE_GETRLIMIT, 0, &high, sizeof(high));
	assert_int_equal(ws_thread_realtime_allow(10, said, sizeof(said)), 0);
	assert_true(sys_fake_find(0, SYS_FAKE_SETRLIMIT, SYS_FAKE_ANY, SYS_FAKE_ANY) < 0);

	/* refused */
	reset(state);
	answer(SYS_FAKE_GETRLIMIT, 0, &low, sizeof(low));
	answer(SYS_FAKE_SETRLIMIT, -EPERM, NULL, 0);
	assert_int_equal(ws_thread_realtime_allow(10, said, sizeof(said)), -EPERM);
	assert_non_null(strstr(said, "which is 5 here"));
}

static void memory_is_locked_for_good(void **state)
{
	char said[200];

	(void)state;
	assert_int_equal(ws_memory_lock(said, sizeof(said)), 0);
	assert_string_equal(said, "");
	assert_int_equal(call(SYS_FAKE_MLOCKALL)->value, MCL_CURRENT | MCL_FUTURE);
	/* The limit is what counts once the capability is gone. */
	assert_true(sys_fake_process.memlock == RLIM_INFINITY);
}

/* With a limit, whatever were mapped later would fail when it is reached. */
static void memory_with_a_limit(void **state)
{
	char said[200];

	(void)state;
	no_rights();
	assert_int_equal(ws_memory_lock(said, sizeof(said)), 0);
	assert_int_equal(call(SYS_FAKE_MLOCKALL)->value, MCL_CURRENT);
	assert_non_null(strstr(said, "8192 KiB"));

	answer(SYS_FAKE_MLOCKALL, -ENOMEM, NULL, 0);
	assert_int_equal(ws_memory_lock(said, sizeof(said)), -ENOMEM);
	assert_non_null(strstr(said, "cannot be locked"));
	assert_non_null(strstr(said, "8192 KiB"));
	answer(SYS_FAKE_MLOCKALL, -ENOSYS, NULL, 0);
	assert_int_equal(ws_memory_lock(said, sizeof(said)), -ENOSYS);
	assert_null(strstr(said, "KiB"));
	assert_int_equal(ws_memory_lock(NULL, 0), 0);

	reset(state);
	no_rights();
	sys_fake_process.memlock = RLIM_INFINITY;
	assert_int_equal(ws_memory_lock(said, sizeof(said)), 0);
	assert_string_equal(said, "");
	assert_int_equal(call(SYS_FAKE_MLOCKALL)->value, MCL_CURRENT | MCL_FUTURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pinned_to_one_cpu, reset),
		cmocka_unit_test_setup(real_time_tells_the_budget, reset),
		cmocka_unit_test_setup(real_time_says_what_is_missing, reset),
		cmocka_unit_test_setup(real_time_after_rights_are_gone, reset),
		cmocka_unit_test_setup(memory_is_locked_for_good, reset),
		cmocka_unit_test_setup(memory_with_a_limit, reset),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
