/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of interfaces and namespaces, lists of CPUs and the relation of clocks, on scripted calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/clock.h"
#include "host/cpu.h"
#include "host/netns.h"
#include "host/nic.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FD	 50

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	return 0;
}

static void answer(enum sys_fake_fn fn, unsigned times, ssize_t ret, const void *data, size_t len)
{
	const struct sys_fake_answer a = {
		.fn = fn,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.times = times,
		.ret = ret,
		.data = data,
		.data_len = len,
	};

	sys_fake_answer(&a);
}

static unsigned calls(enum sys_fake_fn fn, int fd)
{
	size_t n;
	const struct sys_fake_call *log = sys_fake_log(&n);
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		count += log[i].fn == fn && (fd < 0 || log[i].fd == fd);
	}
	return count;
}

static void split_names(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *name, *netns;
	} rows[] = {
		{"eth0", 0, "eth0", NULL},
		{"eth0@blue", 0, "eth0", "blue"},
		{"ws1@/proc/1/fd/5", 0, "ws1", "/proc/1/fd/5"},
		{"veth0@if5", 0, "veth0", "if5"},
		{"eth0.5@eth0", 0, "eth0.5", "eth0"},
		{"a@b@c", 0, "a", "b@c"},
		{"fifteen-letters", 0, "fifteen-letters", NULL},
		{"fifteen-letters@x", 0, "fifteen-letters", "x"},
		{"longer-than-sixteen-letters", 0, "longer-than-sixteen-letters", NULL},
		{"longer-than-sixteen-letters@x", 0, "longer-than-sixteen-letters", "x"},
		{"", -EINVAL, NULL, NULL},
		{"@", -EINVAL, NULL, NULL},
		{"@blue", -EINVAL, NULL, NULL},
		{"eth0@", -EINVAL, NULL, NULL},
	};
	static const char untouched[] = "untouched";

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[WS_NIC_NAME_SIZE] = "before";
		const char *netns = untouched;

		assert_int_equal(ws_nic_split(rows[i].text, name, &netns), rows[i].err);
		if (rows[i].err) {
			assert_string_equal(name, "before");
			assert_ptr_equal(netns, untouched);
			continue;
		}
		assert_string_equal(name, rows[i].name);
		if (rows[i].netns) {
			assert_string_equal(netns, rows[i].netns);
		} else {
			assert_null(netns);
		}
	}
}

static void split_the_longest_name(void **state)
{
	char text[2 + WS_NIC_NAME_SIZE + 1] = "", name[WS_NIC_NAME_SIZE] = "before";
	const char *netns;

	(void)state;
	memset(text, 'a', WS_NIC_NAME_SIZE);
	assert_int_equal(ws_nic_split(text, name, &netns), -EINVAL);
	strcpy(text + WS_NIC_NAME_SIZE, "@x");
	assert_int_equal(ws_nic_split(text, name, &netns), -EINVAL);
	assert_string_equal(name, "before");

	strcpy(text + WS_NIC_NAME_SIZE - 1, "@x");
	assert_int_equal(ws_nic_split(text, name, &netns), 0);
	assert_int_equal(strlen(name), WS_NIC_NAME_SIZE - 1);
	assert_memory_equal(name, text, WS_NIC_NAME_SIZE - 1);
	assert_string_equal(netns, "x");
}

static void hints(void **state)
{
	static const char names[][IFNAMSIZ] = {"lo", "eth0", "eth0.5", "veth0"};
	static const struct {
		const char *text, *hint;
	} rows[] = {
		{"veth0@if5", "did you mean veth0? `ip link` prints its other end after the @"},
		{"veth0@if5:", "did you mean veth0? `ip link` prints its other end after the @"},
		{"veth0@NONE", "did you mean veth0? `ip link` prints its other end after the @"},
		{"eth0.5@eth0", "did you mean eth0.5? `ip link` prints its other end after the @"},
		{"eth0@blue",
			"did you mean eth0? it is in this namespace, and `ip netns` lists the "
			"named ones"},
		{"eth0@if", "did you mean eth0? it is in this namespace, and `ip netns` lists the "
			    "named ones"},
		{"eth0:", "did you mean eth0?"},
		{"ETH0", "did you mean eth0?"},
		{"Veth0@if5", "did you mean veth0?"},
		{"eth", "there are: lo, eth0, eth0.5, veth0"},
		{"eth00", "there are: lo, eth0, eth0.5, veth0"},
		{"", "there are: lo, eth0, eth0.5, veth0"},
	};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		ws_nic_hint_from(rows[i].text, names, COUNT(names), buf, sizeof(buf));
		assert_string_equal(buf, rows[i].hint);
	}
	ws_nic_hint_from("eth1", names, 0, buf, sizeof(buf));
	assert_string_equal(buf, "");
}

static void hint_of_many_and_in_little_room(void **state)
{
	char names[9][IFNAMSIZ], buf[64], small[12];

	(void)state;
	for (int i = 0; i < 9; i++) {
		names[i][0] = (char)('a' + i);
		names[i][1] = '\0';
	}
	ws_nic_hint_from("x", (const char(*)[IFNAMSIZ])names, 9, buf, sizeof(buf));
	assert_string_equal(buf, "there are: a, b, c, d, e, f and 3 more");
	ws_nic_hint_from("x", (const char(*)[IFNAMSIZ])names, 9, small, sizeof(small));
	assert_string_equal(small, "there are: ");
}

static void netns_open_checks_what_it_got(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(ws_netns_open("blue"), -ENOENT);
	assert_string_equal(sys_fake_log(&n)[0].path, "/run/netns/blue");
	assert_int_equal(ws_netns_open("/proc/7/ns/net"), -ENOENT);
	assert_string_equal(sys_fake_log(&n)[1].path, "/proc/7/ns/net");
	assert_int_equal(ws_netns_open(""), -EINVAL);

	answer(SYS_FAKE_OPEN, 3, FD, NULL, 0);
	answer(SYS_FAKE_IOCTL, 1, CLONE_NEWNET, NULL, 0);
	answer(SYS_FAKE_IOCTL, 1, CLONE_NEWUSER, NULL, 0);
	answer(SYS_FAKE_IOCTL, 1, -ENOTTY, NULL, 0);
	assert_int_equal(ws_netns_open("blue"), FD);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 0);
	assert_int_equal(ws_netns_open(".."), -EINVAL);
	assert_int_equal(ws_netns_open("blue"), -EINVAL);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 2);
}

static void netns_enter_and_leave(void **state)
{
	int saved;

	(void)state;
	saved = ws_netns_enter(-1);
	assert_true(saved >= 0);
	ws_netns_leave(saved);
	assert_int_equal(calls(SYS_FAKE_SETNS, -1), 0);
	assert_int_equal(calls(SYS_FAKE_CLOSE, -1), 0);

	answer(SYS_FAKE_OPEN, 2, FD, NULL, 0);
	saved = ws_netns_enter(FD + 1);
	assert_int_equal(saved, FD);
	assert_int_equal(calls(SYS_FAKE_SETNS, FD + 1), 1);
	ws_netns_leave(saved);
	assert_int_equal(calls(SYS_FAKE_SETNS, FD), 1);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 1);

	answer(SYS_FAKE_SETNS, 1, -EPERM, NULL, 0);
	assert_int_equal(ws_netns_enter(FD + 1), -EPERM);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 2);
}

static void cpu_lists(void **state)
{
	static const struct {
		const char *text;
		int n;
		unsigned cpu[4];
	} rows[] = {
		{"0", 1, {0}},
		{"0,1", 2, {0, 1}},
		{"0-3", 4, {0, 1, 2, 3}},
		{"7,2-3", 3, {7, 2, 3}},
		{"3-3", 1, {3}},
		{"8191", 1, {8191}},
		{"8192", -ERANGE, {0}},
		{"99999999999999999999", -ERANGE, {0}},
		{"0-4", -E2BIG, {0}},
		{"0,1,2,3,4", -E2BIG, {0}},
		{"3-1", -EINVAL, {0}},
		{"", -EINVAL, {0}},
		{",", -EINVAL, {0}},
		{"1,", -EINVAL, {0}},
		{"1-", -EINVAL, {0}},
		{"-1", -EINVAL, {0}},
		{" 1", -EINVAL, {0}},
		{"1 ", -EINVAL, {0}},
		{"0x1", -EINVAL, {0}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned cpu[4] = {77, 77, 77, 77};

		assert_int_equal(ws_cpu_list_parse(rows[i].text, cpu, 4), rows[i].n);
		for (int k = 0; k < 4; k++) {
			assert_int_equal(cpu[k], k < rows[i].n ? rows[i].cpu[k] : 77);
		}
	}
}

static void clocks_are_related_with_a_bound(void **state)
{
	struct ws_relation r;

	(void)state;
	/* three readings of 10 ns each: the other clock is read in the middle of a bracket of 20 ns
	 */
	sys_fake_kernel.clock_step_ns = 10;
	r = ws_clock_relate(WS_CLOCK_REALTIME);
	assert_int_equal(r.from, WS_CLOCK_MONOTONIC);
	assert_int_equal(r.to, WS_CLOCK_REALTIME);
	assert_int_equal(r.offset_ns, sys_fake_kernel.realtime_offset_ns);
	assert_int_equal(r.error_ns, 10 + 2);
	assert_int_equal(ws_clock_relate(WS_CLOCK_PHC).from, WS_CLOCK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_names),
		cmocka_unit_test(split_the_longest_name),
		cmocka_unit_test(hints),
		cmocka_unit_test(hint_of_many_and_in_little_room),
		cmocka_unit_test_setup(netns_open_checks_what_it_got, reset),
		cmocka_unit_test_setup(netns_enter_and_leave, reset),
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test_setup(clocks_are_related_with_a_bound, reset),
	};

	return cmocka_run_group_tests_name("netns_names", tests, NULL, NULL);
}
