/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of interfaces and namespaces, lists of CPUs, and the exchange with rtnetlink, on scripted
 * calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/clock.h"
#include "host/cpu.h"
#include "host/lab.h"
#include "host/netns.h"
#include "host/nic.h"
#include "host/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PORT	 4711
#define FD	 50
#define ALWAYS	 1000

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
		{"sixteen--letters", -EINVAL, NULL, NULL},
		{"sixteen--letters@x", -EINVAL, NULL, NULL},
		{"", -EINVAL, NULL, NULL},
		{"@", -EINVAL, NULL, NULL},
		{"@blue", -EINVAL, NULL, NULL},
		{"eth0@", -EINVAL, NULL, NULL},
	};
	static const char untouched[] = "untouched";

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[IFNAMSIZ] = "before";
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

/* The kernel's side of an exchange: messages one after the other in one datagram. */
struct reply {
	alignas(struct nlmsghdr) char buf[1024];
	size_t len;
};

static struct nlmsghdr *put(struct reply *r, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(r->buf + r->len);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_pid = PORT;
	return nlh;
}

static void put_link(struct reply *r, uint32_t seq, uint16_t flags, const char *name)
{
	struct nlmsghdr *nlh = put(r, RTM_NEWLINK, flags, seq);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = 7;
	ifi->ifi_flags = IFF_UP;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_MTU, 1400);
	r->len += nlh->nlmsg_len;
}

static void put_end(struct reply *r, uint32_t seq, uint16_t type, int code, const char *message)
{
	struct nlmsghdr *nlh = put(r, type, message ? NLM_F_ACK_TLVS | NLM_F_CAPPED : 0, seq);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = code;
	if (message) {
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, message);
	}
	r->len += nlh->nlmsg_len;
}

static void receive(const struct reply *r)
{
	answer(SYS_FAKE_RECV, 1, (ssize_t)r->len, r->buf, r->len);
}

static const struct sockaddr_nl own_address = {.nl_family = AF_NETLINK, .nl_pid = PORT};

static void script_socket(void)
{
	answer(SYS_FAKE_SOCKET, ALWAYS, FD, NULL, 0);
	answer(SYS_FAKE_SETSOCKOPT, ALWAYS, 0, NULL, 0);
	answer(SYS_FAKE_BIND, ALWAYS, 0, NULL, 0);
	answer(SYS_FAKE_GETSOCKNAME, ALWAYS, 0, &own_address, sizeof(own_address));
	answer(SYS_FAKE_SENDTO, ALWAYS, 32, NULL, 0);
	answer(SYS_FAKE_IOCTL, ALWAYS, -EOPNOTSUPP, NULL, 0);
}

struct seen {
	unsigned starts, answers;
	int give;
};

static int count_answers(const struct nlmsghdr *nlh, void *arg)
{
	struct seen *seen = arg;

	seen->starts += !nlh;
	seen->answers = nlh ? seen->answers + 1 : 0;
	return nlh ? seen->give : 0;
}

static int talk(struct ws_rtnl *nl, uint16_t flags, struct seen *seen)
{
	alignas(struct nlmsghdr) char buf[64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = flags;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	return ws_rtnl_talk(nl, nlh, count_answers, seen);
}

static void talk_takes_its_own_answers(void **state)
{
	struct reply stale = {0}, end = {0};
	struct seen seen = {0};
	struct ws_rtnl nl;

	(void)state;
	script_socket();
	assert_int_equal(ws_rtnl_open(&nl, 0), 0);
	put_link(&stale, 0, 0, "notified");
	put_link(&stale, 99, 0, "stale");
	put_end(&stale, 99, NLMSG_ERROR, -EBUSY, "stale");
	put_link(&stale, 1, 0, "eth0");
	put_end(&end, 1, NLMSG_ERROR, 0, NULL);
	answer(SYS_FAKE_RECV, 1, -EINTR, NULL, 0);
	receive(&stale);
	receive(&end);
	assert_int_equal(talk(&nl, 0, &seen), 0);
	assert_int_equal(seen.answers, 1);
	assert_string_equal(nl.message, "");
	ws_rtnl_close(&nl);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 1);
}

static void talk_gives_errors(void **state)
{
	struct reply refused = {0}, failed = {0}, cut = {0}, given_up = {0}, next = {0};
	struct seen seen = {.give = -E2BIG};
	struct nlmsghdr *nlh;
	struct ws_rtnl nl;

	(void)state;
	script_socket();
	assert_int_equal(ws_rtnl_open(&nl, 0), 0);
	put_end(&refused, 1, NLMSG_ERROR, -EINVAL, "Unknown device type");
	receive(&refused);
	assert_int_equal(talk(&nl, 0, &seen), -EINVAL);
	assert_string_equal(nl.message, "Unknown device type");

	put_end(&failed, 2, NLMSG_DONE, -ENOENT, NULL);
	receive(&failed);
	assert_int_equal(talk(&nl, NLM_F_DUMP, &seen), -ENOENT);
	assert_string_equal(nl.message, "");

	nlh = put(&cut, NLMSG_ERROR, 0, 3);
	cut.len = nlh->nlmsg_len;
	receive(&cut);
	assert_int_equal(talk(&nl, 0, &seen), -EBADMSG);

	answer(SYS_FAKE_RECV, 1, 1 << 20, NULL, 0);
	assert_int_equal(talk(&nl, 0, &seen), -EBADMSG);
	answer(SYS_FAKE_RECV, 1, -ENOBUFS, NULL, 0);
	assert_int_equal(talk(&nl, 0, &seen), -ENOBUFS);

	/* the rest of a dump that the caller has given up is read all the same */
	put_link(&given_up, 6, NLM_F_MULTI, "eth0");
	put_link(&given_up, 6, NLM_F_MULTI, "eth1");
	put_end(&next, 6, NLMSG_DONE, 0, NULL);
	receive(&given_up);
	receive(&next);
	assert_int_equal(talk(&nl, NLM_F_DUMP, &seen), -E2BIG);
	assert_int_equal(seen.answers, 1);
	assert_int_equal(calls(SYS_FAKE_RECV, -1), 7);
}

static void interrupted_dump_starts_over(void **state)
{
	static struct reply tries[10];
	struct seen seen = {0};
	struct ws_rtnl nl;

	(void)state;
	memset(tries, 0, sizeof(tries));
	script_socket();
	assert_int_equal(ws_rtnl_open(&nl, 0), 0);
	for (uint32_t i = 0; i < 2; i++) {
		put_link(&tries[i], i + 1, NLM_F_MULTI | (i ? 0 : NLM_F_DUMP_INTR), "eth0");
		put_end(&tries[i], i + 1, NLMSG_DONE, 0, NULL);
		receive(&tries[i]);
	}
	assert_int_equal(talk(&nl, NLM_F_DUMP, &seen), 0);
	assert_int_equal(seen.starts, 2);
	assert_int_equal(seen.answers, 1);

	for (uint32_t i = 2; i < 10; i++) {
		put_link(&tries[i], i + 1, NLM_F_MULTI | NLM_F_DUMP_INTR, "eth0");
		put_end(&tries[i], i + 1, NLMSG_DONE, 0, NULL);
		receive(&tries[i]);
	}
	assert_int_equal(talk(&nl, NLM_F_DUMP, &seen), -EAGAIN);
}

static void put_route(
	struct reply *r, uint32_t seq, uint8_t dst_len, uint32_t table, int oif, bool many)
{
	struct nlmsghdr *nlh = put(r, RTM_NEWROUTE, NLM_F_MULTI, seq);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	struct rtnexthop hops[2] = {
		{.rtnh_len = sizeof(*hops), .rtnh_ifindex = 1},
		{.rtnh_len = sizeof(*hops), .rtnh_ifindex = oif},
	};

	rtm->rtm_dst_len = dst_len;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_COMPAT;
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	if (many) {
		mnl_attr_put(nlh, RTA_MULTIPATH, sizeof(hops), hops);
	} else {
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)oif);
	}
	r->len += nlh->nlmsg_len;
}

static void default_routes(void **state)
{
	static const struct {
		uint8_t dst_len;
		uint32_t table;
		int oif;
		bool many, found;
	} rows[] = {
		{0, RT_TABLE_MAIN, 7, false, true},
		{0, RT_TABLE_MAIN, 7, true, true},
		{0, RT_TABLE_MAIN, 8, false, false},
		{0, RT_TABLE_MAIN, 8, true, false},
		{24, RT_TABLE_MAIN, 7, false, false},
		{0, 1000, 7, false, false},
	};

	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool ipv6 = i % 2;
		struct reply link = {0}, addresses = {0}, routes[2] = {0};
		struct ws_nic nic;

		reset(state);
		script_socket();
		put_link(&link, 1, 0, "eth0");
		put_end(&link, 1, NLMSG_ERROR, 0, NULL);
		put_end(&addresses, 2, NLMSG_DONE, 0, NULL);
		put_route(&routes[ipv6], ipv6 ? 4 : 3, rows[i / 2].dst_len, rows[i / 2].table,
			rows[i / 2].oif, rows[i / 2].many);
		put_end(&routes[0], 3, NLMSG_DONE, 0, NULL);
		put_end(&routes[1], 4, NLMSG_DONE, 0, NULL);
		receive(&link);
		receive(&addresses);
		receive(&routes[0]);
		receive(&routes[1]);
		assert_int_equal(ws_nic_get("eth0", &nic), 0);
		assert_string_equal(nic.name, "eth0");
		assert_int_equal(nic.ifindex, 7);
		assert_int_equal(nic.mtu, 1400);
		assert_true(nic.up);
		assert_false(nic.running);
		assert_false(nic.has_ipv4);
		assert_false(nic.ts_known);
		assert_int_equal(nic.phc, -1);
		assert_int_equal(nic.default_route, rows[i / 2].found);
	}
}

static void no_such_interface(void **state)
{
	struct reply by_name = {0}, by_other_name = {0};
	struct ws_nic nic = {.ifindex = 77};

	(void)state;
	script_socket();
	put_end(&by_name, 1, NLMSG_ERROR, -ENODEV, NULL);
	put_end(&by_other_name, 2, NLMSG_ERROR, -EINVAL, NULL);
	receive(&by_name);
	receive(&by_other_name);
	assert_int_equal(ws_nic_get("eth0", &nic), -ENODEV);
	assert_int_equal(ws_nic_get("longer-than-a-name-may-be", &nic), -ENODEV);
	assert_int_equal(nic.ifindex, 77);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 1);
}

static void lab_forbidden_by_a_setting(void **state)
{
	struct ws_lab lab = {.ns = {77, 77}};
	char why[320];

	(void)state;
	answer(SYS_FAKE_UNSHARE, 2, -EPERM, NULL, 0);
	answer(SYS_FAKE_OPEN, 2, FD, NULL, 0); /* the own namespace; the first setting */
	answer(SYS_FAKE_READ, 1, 2, "0\n", 2);
	assert_int_equal(ws_lab_enter(&lab, why, sizeof(why)), -EPERM);
	assert_non_null(strstr(why, "kernel.unprivileged_userns_clone is 0"));
	assert_non_null(strstr(why, "sysctl -w kernel.unprivileged_userns_clone=1"));
	assert_int_equal(lab.ns[0], 77);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 2);
}

static void lab_without_veth(void **state)
{
	struct ws_lab lab = {.ns = {77, 77}};
	struct reply refused = {0};
	char why[320];

	(void)state;
	script_socket();
	answer(SYS_FAKE_OPEN, ALWAYS, FD, NULL, 0);
	put_end(&refused, 1, NLMSG_ERROR, -EOPNOTSUPP, "Unknown device type");
	receive(&refused);
	assert_int_equal(ws_lab_enter(&lab, why, sizeof(why)), -EOPNOTSUPP);
	assert_non_null(strstr(why, "modprobe veth"));
	assert_int_equal(lab.ns[0], 77);
	/* all descriptors that were opened or made, with the two sockets */
	assert_int_equal(
		calls(SYS_FAKE_CLOSE, FD), calls(SYS_FAKE_OPEN, -1) + calls(SYS_FAKE_SOCKET, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_names),
		cmocka_unit_test(hints),
		cmocka_unit_test(hint_of_many_and_in_little_room),
		cmocka_unit_test_setup(netns_open_checks_what_it_got, reset),
		cmocka_unit_test_setup(netns_enter_and_leave, reset),
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test_setup(clocks_are_related_with_a_bound, reset),
		cmocka_unit_test_setup(talk_takes_its_own_answers, reset),
		cmocka_unit_test_setup(talk_gives_errors, reset),
		cmocka_unit_test_setup(interrupted_dump_starts_over, reset),
		cmocka_unit_test_setup(default_routes, reset),
		cmocka_unit_test_setup(no_such_interface, reset),
		cmocka_unit_test_setup(lab_forbidden_by_a_setting, reset),
		cmocka_unit_test_setup(lab_without_veth, reset),
	};

	unsetenv(WS_LAB_ENV "0");
	unsetenv(WS_LAB_ENV "1");
	return cmocka_run_group_tests_name("netns_names", tests, NULL, NULL);
}
