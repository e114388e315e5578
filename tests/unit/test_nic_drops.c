/* SPDX-License-Identifier: BSD-2-Clause */
/* What drivers say that their NICs have dropped: on scripted calls, with the names that they use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/nic_drops.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <string.h>

#define PORT   4711
#define FD     50
#define ALWAYS 1000

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

static const struct sockaddr_nl own_address = {.nl_family = AF_NETLINK, .nl_pid = PORT};

static void script_socket(void)
{
	answer(SYS_FAKE_SOCKET, ALWAYS, FD, NULL, 0);
	answer(SYS_FAKE_SETSOCKOPT, ALWAYS, 0, NULL, 0);
	answer(SYS_FAKE_BIND, ALWAYS, 0, NULL, 0);
	answer(SYS_FAKE_GETSOCKNAME, ALWAYS, 0, &own_address, sizeof(own_address));
	answer(SYS_FAKE_SENDTO, ALWAYS, 32, NULL, 0);
	answer(SYS_FAKE_CLOSE, ALWAYS, 0, NULL, 0);
}

struct reply {
	alignas(struct nlmsghdr) char buf[1024];
	size_t len;
};

static struct nlmsghdr *put(struct reply *r, uint16_t type, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(r->buf + r->len);

	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_pid = PORT;
	return nlh;
}

static void put_end(struct reply *r, uint32_t seq, int code)
{
	struct nlmsghdr *nlh = put(r, NLMSG_ERROR, seq);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = code;
	r->len += nlh->nlmsg_len;
}

/* An interface with its kind (NULL: hardware) and some of its counters. */
static void put_link(struct reply *r, const char *kind, const struct rtnl_link_stats64 *stats)
{
	struct nlmsghdr *nlh = put(r, RTM_NEWLINK, 1);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = 7;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	if (stats) {
		mnl_attr_put(nlh, IFLA_STATS64, sizeof(*stats), stats);
	}
	if (kind) {
		struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);

		mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
		mnl_attr_nest_end(nlh, info);
	}
	r->len += nlh->nlmsg_len;
	put_end(r, 1, 0);
	answer(SYS_FAKE_RECV, 1, (ssize_t)r->len, r->buf, r->len);
}

/* Names and values of a driver's own statistics, one after the other. */
struct driver {
	const char *kind;
	struct rtnl_link_stats64 link;
	struct {
		const char *name;
		uint64_t value;
	} own[16];
	uint32_t added;
};

static struct ws_nic_drops drops(const struct driver *d)
{
	const char *names[16];
	uint64_t values[16];
	struct sys_fake_statistics st = {.names = names, .values = values, .added = d->added};
	struct ws_nic_drops ret = {.count = 77, .source = "unset"};
	struct reply r = {0};

	sys_fake_reset();
	script_socket();
	for (; d->own[st.n].name; st.n++) {
		names[st.n] = d->own[st.n].name;
		values[st.n] = d->own[st.n].value;
	}
	sys_fake_ethtool(st.n ? &st : NULL);
	put_link(&r, d->kind, &d->link);
	assert_int_equal(ws_nic_drops_get("eth0", &ret), 0);
	assert_true(sys_fake_find(0, SYS_FAKE_CLOSE, SYS_FAKE_ANY, SYS_FAKE_ANY) >= 0);
	sys_fake_ethtool(NULL);
	return ret;
}

static void expect(const struct driver *d, uint64_t count, const char *source)
{
	struct ws_nic_drops got = drops(d);

	assert_true(got.known);
	assert_int_equal(got.count, count);
	assert_string_equal(got.source, source);
}

static void expect_unknown(const struct driver *d)
{
	struct ws_nic_drops got = drops(d);

	assert_false(got.known);
	assert_int_equal(got.count, 0);
	assert_string_equal(got.source, "");
}

static void software(void **state)
{
	static const struct driver veth = {
		.kind = "veth", .own = {{"peer_ifindex", 3}, {"rx_queue_0_drops", 9}}};
	static const struct driver tun = {.kind = "tun", .link = {.rx_missed_errors = 5}};
	static const struct driver lo = {.kind = NULL};

	(void)state;
	expect_unknown(&veth);
	expect_unknown(&tun);
	expect_unknown(&lo);
}

static void virtio(void **state)
{
	static const struct driver d = {
		.own = {{"rx_queue_0_packets", 1000}, {"rx_queue_0_drops", 3},
			{"rx_queue_0_xdp_drops", 50}, {"rx_queue_10_drops", 4},
			{"rx_queue_x_drops", 100}, {"rx_queue__drops", 100},
			{"rx_queue_1_dropsy", 100}, {"tx_queue_0_drops", 100}}};

	(void)state;
	expect(&d, 7, "ethtool rx_queue_*_drops");
}

/* rx_fifo_errors is the sum of the queues'; rx_no_buffer_count is no count of losses. */
static void igb(void **state)
{
	static const struct driver d = {.link = {.rx_missed_errors = 40, .rx_fifo_errors = 12},
		.own = {{"rx_packets", 1000000}, {"rx_missed_errors", 40},
			{"rx_no_buffer_count", 900}, {"rx_fifo_errors", 12},
			{"rx_queue_0_drops", 5}, {"rx_queue_1_drops", 8}}};

	(void)state;
	/* the queues were read last */
	expect(&d, 53, "rx_missed_errors, ethtool rx_queue_*_drops");
}

static void ixgbe(void **state)
{
	static const struct driver d = {.link = {.rx_missed_errors = 7142467},
		.own = {{"rx_missed_errors", 7142467}, {"rx_fifo_errors", 0},
			{"rx_no_dma_resources", 33}, {"rx_csum_offload_errors", 9}}};
	static const struct driver idle = {
		.own = {{"rx_missed_errors", 0}, {"rx_no_dma_resources", 0}}};

	(void)state;
	expect(&d, 7142500, "rx_missed_errors, ethtool rx_no_dma_resources");
	expect(&idle, 0, "ethtool rx_missed_errors, ethtool rx_no_dma_resources");
}

/* Newer kernels have rx_out_of_buffer as rx_missed_errors as well. */
static void mlx5(void **state)
{
	struct driver d = {.own = {{"rx_out_of_buffer", 21}, {"rx_discards_phy", 400},
				   {"rx_prio0_discards", 300}, {"rx_prio3_discards", 100},
				   {"rx_steer_missed_packets", 99}}};

	(void)state;
	expect(&d, 421, "ethtool rx_out_of_buffer, ethtool rx_discards_phy");
	d.link.rx_missed_errors = 21;
	expect(&d, 421, "rx_missed_errors, ethtool rx_discards_phy");
}

/* One name for each queue, and spaces before it. */
static void vmxnet3(void **state)
{
	static const struct driver d = {
		.own = {{"Rx Queue#", 0}, {"  pkts rx OOB", 4}, {"  pkts rx err", 8},
			{"Rx Queue#", 1}, {"  pkts rx OOB", 5}}};

	(void)state;
	expect(&d, 9, "ethtool pkts rx OOB");
}

static void without_statistics(void **state)
{
	struct driver d = {.link = {.rx_packets = 1000, .rx_dropped = 5, .rx_errors = 5}};

	(void)state;
	expect_unknown(&d);
	d.link.rx_missed_errors = 3;
	d.link.rx_over_errors = 5;
	expect(&d, 5, "rx_over_errors");
	d.link.rx_fifo_errors = 2;
	expect(&d, 7, "rx_over_errors, rx_fifo_errors");
}

static void other_statistics(void **state)
{
	static const struct driver d = {
		.own = {{"rx_packets", 5}, {"rx_missed_error", 5}, {"", 5}}};
	static const struct driver longest = {.own = {{"rx_fifo_errors__________________rx", 5}}};

	(void)state;
	expect_unknown(&d);
	expect_unknown(&longest);
}

/* As many queues again, between the count and the reading: nothing is overrun, and nothing believed. */
static void statistics_that_grow(void **state)
{
	static const struct driver d = {.link = {.rx_missed_errors = 2},
		.own = {{"rx_missed_errors", 7}, {"rx_queue_0_drops", 7}},
		.added = 60};

	(void)state;
	expect(&d, 2, "rx_missed_errors");
}

/* Netlink's numbers are enough if ethtool's are refused. */
static void ethtool_is_refused(void **state)
{
	static const struct rtnl_link_stats64 stats = {.rx_missed_errors = 6};
	struct ws_nic_drops ret;
	struct reply r = {0};

	(void)state;
	script_socket();
	answer(SYS_FAKE_IOCTL, ALWAYS, -EPERM, NULL, 0);
	put_link(&r, NULL, &stats);
	assert_int_equal(ws_nic_drops_get("eth0", &ret), 0);
	assert_true(ret.known);
	assert_int_equal(ret.count, 6);
}

static void errors(void **state)
{
	struct ws_nic_drops ret = {.count = 77};
	struct reply none = {0}, other = {0}, refused = {0};
	char too_long[200];

	(void)state;
	script_socket();
	put_end(&none, 1, -ENODEV);
	put_end(&other, 2, -ENODEV);
	answer(SYS_FAKE_RECV, 1, (ssize_t)none.len, none.buf, none.len);
	answer(SYS_FAKE_RECV, 1, (ssize_t)other.len, other.buf, other.len);
	assert_int_equal(ws_nic_drops_get("eth0", &ret), -ENODEV);
	put_end(&refused, 1, -EPERM);
	answer(SYS_FAKE_RECV, 1, (ssize_t)refused.len, refused.buf, refused.len);
	assert_int_equal(ws_nic_drops_get("eth0", &ret), -EPERM);
	assert_int_equal(ws_nic_drops_get("", &ret), -ENODEV);
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(ws_nic_drops_get(too_long, &ret), -ENODEV);
	assert_int_equal(ret.count, 77);

	sys_fake_reset();
	answer(SYS_FAKE_SOCKET, 1, -EMFILE, NULL, 0);
	assert_int_equal(ws_nic_drops_get("eth0", &ret), -EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(software, reset),
		cmocka_unit_test_setup(virtio, reset),
		cmocka_unit_test_setup(igb, reset),
		cmocka_unit_test_setup(ixgbe, reset),
		cmocka_unit_test_setup(mlx5, reset),
		cmocka_unit_test_setup(vmxnet3, reset),
		cmocka_unit_test_setup(without_statistics, reset),
		cmocka_unit_test_setup(other_statistics, reset),
		cmocka_unit_test_setup(statistics_that_grow, reset),
		cmocka_unit_test_setup(ethtool_is_refused, reset),
		cmocka_unit_test_setup(errors, reset),
	};

	return cmocka_run_group_tests_name("nic_drops", tests, NULL, NULL);
}
