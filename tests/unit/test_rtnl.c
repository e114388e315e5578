/* SPDX-License-Identifier: BSD-2-Clause */
/* The exchange with rtnetlink, and what rests on it: facts about interfaces, and the lab. All on
 * scripted calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/lab.h"
#include "host/nic.h"
#include "host/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
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

/* The kernel's side of an exchange: messages one after the other in one datagram. */
struct reply {
	alignas(struct nlmsghdr) char buf[4096];
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

/* IFF_LOWER_UP of linux/if.h, which does not go with net/if.h. */
#define LOWER_UP 0x10000

static void put_flags(struct reply *r, uint32_t seq, unsigned flags)
{
	struct nlmsghdr *nlh = put(r, RTM_NEWLINK, 0, seq);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = 7;
	ifi->ifi_flags = flags;
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

/* A device, as far as it matters for what is above what: of which device it is a port, which one it
 * is on, and whether that is in another namespace. */
enum { INDEX, MASTER, LOWER, ELSEWHERE, FIELDS };

static void put_device(struct reply *r, uint32_t seq, uint16_t flags, const int d[FIELDS])
{
	struct nlmsghdr *nlh = put(r, RTM_NEWLINK, NLM_F_MULTI | flags, seq);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = d[INDEX];
	if (d[ELSEWHERE]) {
		mnl_attr_put_u32(nlh, IFLA_LINK_NETNSID, 0);
	}
	if (d[LOWER]) {
		mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)d[LOWER]);
	}
	if (d[MASTER]) {
		mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)d[MASTER]);
	}
	r->len += nlh->nlmsg_len;
}

/* The questions that ws_nic_get() asks, by their sequence numbers. */
enum { ASK_LINK = 1, ASK_ADDRESSES, ASK_DEVICES, ASK_IPV4_ROUTES, ASK_IPV6_ROUTES };

/* The answers up to the list of devices, about interface 7. */
static void begin_nic(struct reply r[2])
{
	put_link(&r[0], ASK_LINK, 0, "eth0");
	put_end(&r[0], ASK_LINK, NLMSG_ERROR, 0, NULL);
	put_end(&r[1], ASK_ADDRESSES, NLMSG_DONE, 0, NULL);
	receive(&r[0]);
	receive(&r[1]);
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
		struct reply begin[2] = {0}, devices = {0}, routes[2] = {0};
		struct ws_nic nic;

		reset(state);
		script_socket();
		begin_nic(begin);
		/* the kernel not saying what is above what does not hide the interface's own */
		put_end(&devices, ASK_DEVICES, NLMSG_DONE, -EPERM, NULL);
		put_route(&routes[ipv6], ipv6 ? ASK_IPV6_ROUTES : ASK_IPV4_ROUTES,
			rows[i / 2].dst_len, rows[i / 2].table, rows[i / 2].oif, rows[i / 2].many);
		put_end(&routes[0], ASK_IPV4_ROUTES, NLMSG_DONE, 0, NULL);
		put_end(&routes[1], ASK_IPV6_ROUTES, NLMSG_DONE, 0, NULL);
		receive(&devices);
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

/* Whether interface 7 carries the default route by device oif, given these answers. */
static bool routed(struct reply *devices, size_t n, uint32_t seq, int oif)
{
	struct reply begin[2] = {0}, routes[2] = {0};
	struct ws_nic nic;

	script_socket();
	begin_nic(begin);
	for (size_t i = 0; i < n; i++) {
		receive(&devices[i]);
	}
	put_route(&routes[0], seq + 1, 0, RT_TABLE_MAIN, oif, false);
	put_end(&routes[0], seq + 1, NLMSG_DONE, 0, NULL);
	put_end(&routes[1], seq + 2, NLMSG_DONE, 0, NULL);
	receive(&routes[0]);
	receive(&routes[1]);
	assert_int_equal(ws_nic_get("eth0", &nic), 0);
	return nic.default_route;
}

static void default_routes_above(void **state)
{
	static const struct {
		int list[6][FIELDS];
		int oif;
		bool found;
	} rows[] = {
		/* a port of a bridge; the port of another one; the bridge of that port */
		{{{20}, {7, 20}}, 20, true},
		{{{20}, {7}, {8, 20}}, 20, false},
		{{{20, 7}, {7}}, 20, false},
		/* listed in the other order, and the port of a bond in a bridge */
		{{{7, 20}, {20}}, 20, true},
		{{{22}, {21, 22}, {7, 21}}, 22, true},
		{{{22}, {21, 22}, {7, 21}}, 21, true},
		/* below a VLAN; a VLAN on the bridge; a VLAN with a macvlan that is the bridge's */
		{{{20, 0, 7}, {7}}, 20, true},
		{{{7}, {8}, {20, 0, 8}}, 20, false},
		{{{30, 0, 20}, {20}, {7, 20}}, 30, true},
		{{{33}, {32, 33, 31}, {31, 0, 7}, {7}}, 33, true},
		/* a veth whose other end is here, or in another namespace */
		{{{20, 0, 7}, {7, 0, 20}}, 20, true},
		{{{20, 0, 7}, {7, 0, 20}, {21, 20}, {8}}, 8, false},
		{{{20, 0, 7, 1}, {7}}, 20, false},
		{{{7, 0, 20, 1}, {20}}, 20, false},
		/* the kernel does not list the interface itself */
		{{{20, 0, 7}}, 20, true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply devices = {0};

		reset(state);
		for (size_t k = 0; rows[i].list[k][INDEX]; k++) {
			put_device(&devices, ASK_DEVICES, 0, rows[i].list[k]);
		}
		put_end(&devices, ASK_DEVICES, NLMSG_DONE, 0, NULL);
		assert_int_equal(routed(&devices, 1, ASK_DEVICES, rows[i].oif), rows[i].found);
	}
}

/* A bridge on a VLAN on a bridge...: the interface is the lowest of them, and listed last. */
static void default_route_far_above(void **state)
{
	enum { FIRST = 100, LEVELS = 75 };

	for (int cut = 0; cut < 2; cut++) {
		struct reply devices = {0};

		reset(state);
		for (int i = FIRST + LEVELS; i > FIRST; i--) {
			put_device(&devices, ASK_DEVICES, 0,
				(int[FIELDS]){i, 0, i == FIRST + 9 && cut ? 0 : i - 1});
		}
		put_device(&devices, ASK_DEVICES, 0, (int[FIELDS]){7, FIRST + 1});
		put_end(&devices, ASK_DEVICES, NLMSG_DONE, 0, NULL);
		assert_int_equal(routed(&devices, 1, ASK_DEVICES, FIRST + LEVELS), !cut);
	}
}

/* What was a port, and what was above, before the change is so no longer. */
static void interrupted_list_of_devices(void **state)
{
	struct reply devices[2] = {0};

	(void)state;
	put_device(&devices[0], ASK_DEVICES, NLM_F_DUMP_INTR, (int[FIELDS]){20});
	put_device(&devices[0], ASK_DEVICES, 0, (int[FIELDS]){7, 20});
	put_device(&devices[0], ASK_DEVICES, 0, (int[FIELDS]){21, 20, 7});
	put_end(&devices[0], ASK_DEVICES, NLMSG_DONE, 0, NULL);
	put_device(&devices[1], ASK_DEVICES + 1, 0, (int[FIELDS]){20});
	put_device(&devices[1], ASK_DEVICES + 1, 0, (int[FIELDS]){7});
	put_end(&devices[1], ASK_DEVICES + 1, NLMSG_DONE, 0, NULL);
	assert_false(routed(devices, 2, ASK_DEVICES + 1, 20));
}

static void no_such_interface(void **state)
{
	char too_long[WS_NIC_NAME_SIZE + 1] = "";
	struct reply by_name = {0}, by_other_name = {0}, refused = {0};
	struct ws_nic nic = {.ifindex = 77};

	(void)state;
	script_socket();
	put_end(&by_name, 1, NLMSG_ERROR, -ENODEV, NULL);
	put_end(&by_other_name, 2, NLMSG_ERROR, -ENODEV, NULL);
	receive(&by_name);
	receive(&by_other_name);
	assert_int_equal(ws_nic_get("eth0", &nic), -ENODEV);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 1);
	assert_int_equal(ws_nic_get("", &nic), -ENODEV);
	memset(too_long, 'a', WS_NIC_NAME_SIZE);
	assert_int_equal(ws_nic_get(too_long, &nic), -ENODEV);
	assert_int_equal(calls(SYS_FAKE_SOCKET, -1), 1);

	put_end(&refused, 1, NLMSG_ERROR, -EPERM, NULL);
	receive(&refused);
	assert_int_equal(ws_nic_get("eth0", &nic), -EPERM);
	assert_int_equal(calls(SYS_FAKE_CLOSE, FD), 2);
	assert_int_equal(nic.ifindex, 77);
}

/* A carrier that has come is of use once the kernel has seen to it; one that has gone is of none, though it has not. */
static void carriers(void **state)
{
	static const struct {
		unsigned flags;
		bool running, coming;
	} rows[] = {
		{IFF_UP, false, false},
		{IFF_UP | LOWER_UP, false, true},
		{IFF_UP | LOWER_UP | IFF_RUNNING, true, false},
		{IFF_UP | IFF_RUNNING, false, false},
		{LOWER_UP, false, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply answer = {0};
		struct ws_nic nic = {0};

		reset(state);
		script_socket();
		put_flags(&answer, ASK_LINK, rows[i].flags);
		put_end(&answer, ASK_LINK, NLMSG_ERROR, 0, NULL);
		receive(&answer);
		assert_int_equal(ws_nic_refresh(7, &nic), 0);
		assert_int_equal(nic.running, rows[i].running);
		assert_int_equal(nic.coming, rows[i].coming);
	}
}

/* Asked for at once if it does not fit a name; the name is the one that the kernel answers with. */
static void alternative_names(void **state)
{
	for (int fits = 0; fits < 2; fits++) {
		struct reply none = {0}, link = {0};
		uint32_t seq = 1;
		struct ws_nic nic;

		reset(state);
		script_socket();
		if (fits) {
			put_end(&none, seq++, NLMSG_ERROR, -ENODEV, NULL);
			receive(&none);
		}
		put_link(&link, seq, 0, "eth0");
		put_end(&link, seq, NLMSG_ERROR, 0, NULL);
		receive(&link);
		answer(SYS_FAKE_RECV, ALWAYS, -ENOBUFS, NULL, 0);
		assert_int_equal(
			ws_nic_get(fits ? "fifteen-letters" : "sixteen--letters", &nic), 0);
		assert_string_equal(nic.name, "eth0");
		assert_int_equal(nic.ifindex, 7);
	}
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
		cmocka_unit_test_setup(talk_takes_its_own_answers, reset),
		cmocka_unit_test_setup(talk_gives_errors, reset),
		cmocka_unit_test_setup(interrupted_dump_starts_over, reset),
		cmocka_unit_test_setup(default_routes, reset),
		cmocka_unit_test_setup(default_routes_above, reset),
		cmocka_unit_test_setup(default_route_far_above, reset),
		cmocka_unit_test_setup(interrupted_list_of_devices, reset),
		cmocka_unit_test_setup(no_such_interface, reset),
		cmocka_unit_test_setup(carriers, reset),
		cmocka_unit_test_setup(alternative_names, reset),
		cmocka_unit_test_setup(lab_forbidden_by_a_setting, reset),
		cmocka_unit_test_setup(lab_without_veth, reset),
	};

	unsetenv(WS_LAB_ENV "0");
	unsetenv(WS_LAB_ENV "1");
	return cmocka_run_group_tests_name("rtnl", tests, NULL, NULL);
}
