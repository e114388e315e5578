/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of its clock, on answers that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/frame.h"
#include "fake/sys_fake.h"
#include "host/clock_sync.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>

static void answer_clock(int state, const struct timex *t)
{
	sys_fake_answer(&(struct sys_fake_answer){
		.fn = SYS_FAKE_ADJTIMEX,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.ret = state,
		.data = t,
		.data_len = t ? sizeof(*t) : 0,
	});
}

static void states(void **state)
{
	static const struct {
		int state, status;
		bool synchronised;
	} rows[] = {
		{TIME_OK, 0, true},
		{TIME_OK, STA_PLL | STA_NANO, true},
		{TIME_INS, STA_INS, true},
		{TIME_WAIT, 0, true},
		{TIME_OK, STA_UNSYNC, false},
		{TIME_ERROR, STA_UNSYNC, false},
		{TIME_ERROR, 0, false},
		{TIME_ERROR, STA_PPSSIGNAL | STA_PPSJITTER, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct timex t = {
			.status = rows[i].status,
			.maxerror = 16000001,
			.esterror = 12,
			.tai = 37,
			.offset = 5,
		};
		struct ws_clock_sync sync;
		const struct sys_fake_call *log;
		size_t n;

		sys_fake_reset();
		answer_clock(rows[i].state, &t);
		memset(&sync, 0x77, sizeof(sync));
		assert_int_equal(ws_clock_sync_get(&sync), 0);
		assert_int_equal(sync.synchronised, rows[i].synchronised);
		/* more than 32 bits of nanoseconds */
		assert_true(sync.max_error_ns == INT64_C(16000001000));
		assert_true(sync.est_error_ns == 12000);
		assert_int_equal(sync.tai_offset_s, 37);
		/* it was asked, and nothing was set */
		log = sys_fake_log(&n);
		assert_int_equal(n, 1);
		assert_int_equal(log[0].fn, SYS_FAKE_ADJTIMEX);
		assert_int_equal(log[0].value, 0);
	}
}

static void refused(void **state)
{
	struct ws_clock_sync sync, before;

	(void)state;
	sys_fake_reset();
	answer_clock(-EPERM, NULL);
	memset(&sync, 0x77, sizeof(sync));
	before = sync;
	assert_int_equal(ws_clock_sync_get(&sync), -EPERM);
	assert_memory_equal(&sync, &before, sizeof(sync));
}

static uint32_t boot_of(const char *text)
{
	sys_fake_reset();
	sys_fake_answer(&(struct sys_fake_answer){
		.fn = SYS_FAKE_OPEN, .level = SYS_FAKE_ANY, .name = SYS_FAKE_ANY, .ret = 100});
	sys_fake_answer(&(struct sys_fake_answer){
		.fn = SYS_FAKE_READ,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.ret = (ssize_t)strlen(text),
		.data = text,
		.data_len = strlen(text),
	});
	return ws_boot_number();
}

static void boots(void **state)
{
	static const char a[] = "00000000-1111-2222-3333-444444444444";
	const struct sys_fake_call *log;
	size_t n;

	(void)state;
	assert_int_equal(
		boot_of("00000000-1111-2222-3333-444444444444\n"), ws_crc32c(a, strlen(a)));
	log = sys_fake_log(&n);
	assert_string_equal(log[0].path, "/proc/sys/kernel/random/boot_id");
	assert_int_not_equal(boot_of("00000000-1111-2222-3333-444444444445\n"),
		boot_of("00000000-1111-2222-3333-444444444444\n"));
	/* the end of the line is no part of it */
	assert_int_equal(boot_of(a), ws_crc32c(a, strlen(a)));
	/* no /proc, an empty file */
	sys_fake_reset();
	assert_int_equal(ws_boot_number(), 0);
	assert_int_equal(boot_of(""), 0);
	assert_int_equal(boot_of("\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(refused),
		cmocka_unit_test(boots),
	};

	return cmocka_run_group_tests_name("clock_sync", tests, NULL, NULL);
}
