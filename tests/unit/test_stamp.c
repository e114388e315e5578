// SPDX-License-Identifier: BSD-2-Clause
/* Stamps: ring headers and control messages as the kernel writes them, whole, cut and damaged. */
#include "core/stamp.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/if_packet.h>

#include <cmocka.h>

#define PHC2 ((enum ws_clock)(WS_CLOCK_PHC + 2))

/* Control messages one after another, put there with the C library's macros. */
struct control {
	_Alignas(struct cmsghdr) uint8_t data[512];
	size_t len;
};

static void add(struct control *c, int level, int type, const void *data, size_t len)
{
	struct msghdr m = {.msg_control = c->data + c->len, .msg_controllen = CMSG_SPACE(len)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	assert_true(c->len + CMSG_SPACE(len) <= sizeof(c->data));
	memset(h, 0, CMSG_SPACE(len));
	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), data, len);
	c->len += CMSG_SPACE(len);
}

static void add_times(struct control *c, int64_t software, int64_t hardware)
{
	struct timespec ts[3] = {
		{.tv_sec = software / WS_NSEC_PER_SEC, .tv_nsec = software % WS_NSEC_PER_SEC},
		{0},
		{.tv_sec = hardware / WS_NSEC_PER_SEC, .tv_nsec = hardware % WS_NSEC_PER_SEC},
	};

	add(c, SOL_SOCKET, SCM_TIMESTAMPING, ts, sizeof(ts));
}

static void add_times_new(struct control *c, int64_t sec, int64_t nsec, int64_t hw_sec)
{
	int64_t ts[6] = {sec, nsec, 0, 0, hw_sec, 0};

	add(c, SOL_SOCKET, SO_TIMESTAMPING_NEW, ts, sizeof(ts));
}

static struct sock_extended_err tx_err(uint32_t info, uint32_t key)
{
	return (struct sock_extended_err){
		.ee_errno = ENOMSG,
		.ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
		.ee_info = info,
		.ee_data = key,
	};
}

static void add_err(struct control *c, int level, int type, uint32_t info, uint32_t key)
{
	/* IP_RECVERR appends the offender's address */
	struct {
		struct sock_extended_err err;
		struct sockaddr_in offender;
	} e = {.err = tx_err(info, key)};

	add(c, level, type, &e, level == SOL_PACKET ? sizeof(e.err) : sizeof(e));
}

static void add_packet_err(struct control *c, uint32_t info, uint32_t key)
{
	add_err(c, SOL_PACKET, PACKET_TX_TIMESTAMP, info, key);
}

static const struct ws_tx_control tx_before = {.key = 0x5a5a5a5a};

/* Parses a copy of exactly len bytes, so that the sanitizer sees a byte too far. */
static int errqueue(const void *data, size_t len, struct ws_tx_control *ret)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, data, len);
	*ret = tx_before;
	r = ws_stamp_from_errqueue(copy, len, PHC2, ret);
	free(copy);
	if (r != 0) {
		assert_memory_equal(ret, &tx_before, sizeof(*ret));
	}
	return r;
}

static int rx_control(const void *data, size_t len, struct ws_rx_control *ret)
{
	static const struct ws_rx_control before = {.drops = 0x5a5a5a5a};
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, data, len);
	*ret = before;
	r = ws_stamp_from_rx_control(copy, len, PHC2, ret);
	free(copy);
	if (r != 0) {
		assert_memory_equal(ret, &before, sizeof(*ret));
	}
	return r;
}

static void expect_stamp(struct ws_stamp s, enum ws_origin origin, enum ws_clock clock, int64_t ns)
{
	assert_int_equal(s.origin, origin);
	assert_int_equal(s.time.clock, clock);
	assert_true(s.time.ns == ns);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(ws_origin_name(WS_ORIGIN_NONE), "none");
	assert_string_equal(ws_origin_name(WS_ORIGIN_HARDWARE), "hardware");
	assert_string_equal(ws_origin_name(WS_ORIGIN_SOFTWARE), "software");
	assert_string_equal(ws_origin_name(WS_ORIGIN_AT_COPY), "at_copy");
	assert_string_equal(ws_origin_name(WS_ORIGIN_USER), "user");
	assert_string_equal(ws_clock_name(WS_CLOCK_NONE), "none");
	assert_string_equal(ws_clock_name(WS_CLOCK_MONOTONIC), "monotonic");
	assert_string_equal(ws_clock_name(WS_CLOCK_REALTIME), "realtime");
	assert_string_equal(ws_clock_name(WS_CLOCK_TAI), "tai");
	assert_string_equal(ws_clock_name(WS_CLOCK_PHC), "phc");
	assert_string_equal(ws_clock_name(PHC2), "phc");
}

static void test_ring(void **state)
{
	const uint32_t other = TP_STATUS_USER | TP_STATUS_LOSING | TP_STATUS_VLAN_VALID;

	(void)state;
	expect_stamp(ws_stamp_from_ring(other | TP_STATUS_TS_RAW_HARDWARE, 1700000000, 5, PHC2),
		WS_ORIGIN_HARDWARE, PHC2, 1700000000000000005);
	expect_stamp(ws_stamp_from_ring(other | TP_STATUS_TS_SOFTWARE, 1700000000, 5, PHC2),
		WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 1700000000000000005);
	expect_stamp(ws_stamp_from_ring(other, 1700000000, 5, PHC2), WS_ORIGIN_AT_COPY,
		WS_CLOCK_REALTIME, 1700000000000000005);
	/* tp_sec is unsigned: good until 2106. */
	expect_stamp(ws_stamp_from_ring(0, UINT32_MAX, 999999999, PHC2), WS_ORIGIN_AT_COPY,
		WS_CLOCK_REALTIME, 4294967295999999999);
}

static void test_tx_stages(void **state)
{
	static const int sockets[3][2] = {
		{SOL_PACKET, PACKET_TX_TIMESTAMP}, {SOL_IP, IP_RECVERR}, {SOL_IPV6, IPV6_RECVERR}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct control driver = {.len = 0}, sched = {.len = 0}, wire = {.len = 0};
		struct ws_tx_control tx;

		add_times(&driver, 1234567890123456789, 0);
		add_err(&driver, sockets[i][0], sockets[i][1], SCM_TSTAMP_SND, 0xfffffffe);
		assert_int_equal(errqueue(driver.data, driver.len, &tx), 0);
		assert_int_equal(tx.key, 0xfffffffe);
		assert_int_equal(tx.stage, WS_STAGE_DRIVER);
		expect_stamp(tx.stamp, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 1234567890123456789);

		/* The order of the messages means nothing. */
		add_err(&sched, sockets[i][0], sockets[i][1], SCM_TSTAMP_SCHED, 7);
		add_times(&sched, 3, 0);
		assert_int_equal(errqueue(sched.data, sched.len, &tx), 0);
		assert_int_equal(tx.key, 7);
		assert_int_equal(tx.stage, WS_STAGE_SCHED);
		expect_stamp(tx.stamp, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 3);

		add_times(&wire, 0, 77000000001);
		add_err(&wire, sockets[i][0], sockets[i][1], SCM_TSTAMP_SND, 0);
		assert_int_equal(errqueue(wire.data, wire.len, &tx), 0);
		assert_int_equal(tx.key, 0);
		assert_int_equal(tx.stage, WS_STAGE_WIRE);
		expect_stamp(tx.stamp, WS_ORIGIN_HARDWARE, PHC2, 77000000001);
	}
}

static void test_tx_both_times(void **state)
{
	struct control c = {.len = 0}, sched = {.len = 0};
	struct ws_tx_control tx;

	(void)state;
	add_times(&c, 5, 6);
	add_packet_err(&c, SCM_TSTAMP_SND, 1);
	assert_int_equal(errqueue(c.data, c.len, &tx), 0);
	assert_int_equal(tx.stage, WS_STAGE_WIRE);
	expect_stamp(tx.stamp, WS_ORIGIN_HARDWARE, PHC2, 6);

	/* A hardware time cannot have been taken before the queueing discipline. */
	add_times(&sched, 5, 6);
	add_packet_err(&sched, SCM_TSTAMP_SCHED, 1);
	assert_int_equal(errqueue(sched.data, sched.len, &tx), 0);
	assert_int_equal(tx.stage, WS_STAGE_SCHED);
	expect_stamp(tx.stamp, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 5);
}

static void test_tx_new_layout(void **state)
{
	struct control c = {.len = 0}, before_1970 = {.len = 0};
	struct ws_tx_control tx;

	(void)state;
	add_times_new(&c, 5000000000, 9, 0);
	add_packet_err(&c, SCM_TSTAMP_SND, 1);
	assert_int_equal(errqueue(c.data, c.len, &tx), 0);
	assert_int_equal(tx.stage, WS_STAGE_DRIVER);
	assert_true(tx.stamp.time.ns == 5000000000000000009);

	add_times_new(&before_1970, 0, 0, -4);
	add_packet_err(&before_1970, SCM_TSTAMP_SND, 1);
	assert_int_equal(errqueue(before_1970.data, before_1970.len, &tx), 0);
	expect_stamp(tx.stamp, WS_ORIGIN_HARDWARE, PHC2, -4000000000);
}

static void test_tx_times_out_of_range(void **state)
{
	static const int64_t bad[][2] = {{INT64_MAX, 0}, {INT64_MIN, 0}, {9223372036, 0},
		{-9223372036, 0}, {0, -1}, {0, WS_NSEC_PER_SEC}, {0, INT64_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct control c = {.len = 0};
		struct ws_tx_control tx;

		add_times_new(&c, bad[i][0], bad[i][1], 0);
		add_packet_err(&c, SCM_TSTAMP_SND, 1);
		assert_int_equal(errqueue(c.data, c.len, &tx), -EBADMSG);
	}
}

static void expect_tx_error(const struct control *c, int result)
{
	struct ws_tx_control tx;

	assert_int_equal(errqueue(c->data, c->len, &tx), result);
}

static void test_tx_no_stamp(void **state)
{
	struct sock_extended_err icmp = {.ee_errno = ECONNREFUSED, .ee_origin = SO_EE_ORIGIN_ICMP};
	struct sock_extended_err zerocopy = tx_err(0, 1), other_errno = tx_err(0, 1);
	struct control c = {.len = 0};

	(void)state;
	expect_tx_error(&c, -ENOMSG);
	add_times(&c, 1, 0);
	expect_tx_error(&c, -ENOMSG);

	c.len = 0;
	add_packet_err(&c, SCM_TSTAMP_SND, 1);
	expect_tx_error(&c, -ENOMSG);
	add_times(&c, 0, 0);
	expect_tx_error(&c, -ENOMSG);

	for (uint32_t info = SCM_TSTAMP_ACK; info < 5; info++) {
		c.len = 0;
		add_times(&c, 1, 1);
		add_packet_err(&c, info, 1);
		expect_tx_error(&c, -ENOMSG);
	}

	c.len = 0;
	add_times(&c, 1, 0);
	add(&c, SOL_IP, IP_RECVERR, &icmp, sizeof(icmp));
	expect_tx_error(&c, -ENOMSG);

	zerocopy.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
	c.len = 0;
	add_times(&c, 1, 0);
	add(&c, SOL_IP, IP_RECVERR, &zerocopy, sizeof(zerocopy));
	expect_tx_error(&c, -ENOMSG);

	other_errno.ee_errno = 0;
	c.len = 0;
	add_times(&c, 1, 0);
	add(&c, SOL_PACKET, PACKET_TX_TIMESTAMP, &other_errno, sizeof(other_errno));
	expect_tx_error(&c, -ENOMSG);

	/* The right types at the wrong level. */
	c.len = 0;
	add_times(&c, 1, 0);
	add_err(&c, SOL_SOCKET, PACKET_TX_TIMESTAMP, SCM_TSTAMP_SND, 1);
	expect_tx_error(&c, -ENOMSG);
}

/* -1: it may be a stamp; else whether it says that something cannot be reached. */
static int other(const struct control *c)
{
	bool unreachable;

	return ws_stamp_errqueue_other(c->data, c->len, &unreachable) ? unreachable : -1;
}

static void test_errors_of_others(void **state)
{
	static const struct {
		uint8_t origin, type, code;
		int want;
	} cases[] = {
		{SO_EE_ORIGIN_ICMP, 3, 3, 1},
		{SO_EE_ORIGIN_ICMP, 3, 0, 1},
		{SO_EE_ORIGIN_ICMP, 3, 4, 0},
		{SO_EE_ORIGIN_ICMP, 11, 0, 0},
		{SO_EE_ORIGIN_ICMP6, 1, 4, 1},
		{SO_EE_ORIGIN_ICMP6, 2, 0, 0},
		{SO_EE_ORIGIN_LOCAL, 3, 3, 0},
		{SO_EE_ORIGIN_ZEROCOPY, 3, 3, -1},
		{SO_EE_ORIGIN_NONE, 3, 3, -1},
		{SO_EE_ORIGIN_TIMESTAMPING, 3, 3, -1},
	};
	struct control c = {.len = 0};

	(void)state;
	assert_int_equal(other(&c), -1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sock_extended_err err = {
			.ee_errno = ECONNREFUSED,
			.ee_origin = cases[i].origin,
			.ee_type = cases[i].type,
			.ee_code = cases[i].code,
		};

		c.len = 0;
		add_times(&c, 1, 0);
		add(&c, i % 2 ? SOL_IP : SOL_IPV6, i % 2 ? IP_RECVERR : IPV6_RECVERR, &err,
			sizeof(err));
		assert_int_equal(other(&c), cases[i].want);
	}
	/* Cut off, it says nothing. */
	c.len = 0;
	add(&c, SOL_IP, IP_RECVERR, &(struct sock_extended_err){.ee_origin = SO_EE_ORIGIN_ICMP}, 8);
	assert_int_equal(other(&c), -1);
}

static void test_rx_destination(void **state)
{
	struct in_pktinfo info4 = {.ipi_ifindex = 3,
		.ipi_spec_dst = {htonl(0xC0000201)},
		.ipi_addr = {htonl(0xC0000201)}};
	struct in6_pktinfo info6 = {.ipi6_ifindex = 4, .ipi6_addr = {{{0x20, [15] = 9}}}};
	struct control c = {.len = 0};
	struct ws_rx_control got;

	(void)state;
	add(&c, SOL_IP, IP_PKTINFO, &info4, sizeof(info4));
	assert_int_equal(ws_stamp_from_rx_control(c.data, c.len, WS_CLOCK_NONE, &got), 0);
	assert_int_equal(got.dst_version, 4);
	assert_memory_equal(got.dst, &info4.ipi_addr, 4);
	assert_false(got.dst_broadcast);
	assert_int_equal(got.ifindex, 3);
	c.len = 0;
	info4.ipi_addr.s_addr = htonl(0xC00002FF);
	add(&c, SOL_IP, IP_PKTINFO, &info4, sizeof(info4));
	assert_int_equal(ws_stamp_from_rx_control(c.data, c.len, WS_CLOCK_NONE, &got), 0);
	assert_true(got.dst_broadcast);
	c.len = 0;
	add(&c, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	assert_int_equal(ws_stamp_from_rx_control(c.data, c.len, WS_CLOCK_NONE, &got), 0);
	assert_int_equal(got.dst_version, 6);
	assert_memory_equal(got.dst, &info6.ipi6_addr, 16);
	assert_int_equal(got.ifindex, 4);
	assert_false(got.dst_broadcast);
	c.len = 0;
	add(&c, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6) - 1);
	assert_int_equal(ws_stamp_from_rx_control(c.data, c.len, WS_CLOCK_NONE, &got), -EBADMSG);
}

static void test_tx_every_truncation(void **state)
{
	struct control c = {.len = 0};
	size_t first, need;

	(void)state;
	add_times(&c, 1, 0);
	first = c.len;
	add_packet_err(&c, SCM_TSTAMP_SND, 1);
	need = first + CMSG_LEN(sizeof(struct sock_extended_err));
	for (size_t len = 0; len <= c.len; len++) {
		int want = len == 0 || len == first ? -ENOMSG : len < need ? -EBADMSG : 0;
		struct ws_tx_control tx;

		assert_int_equal(errqueue(c.data, len, &tx), want);
	}
}

/* The kernel, short of room, cuts the last message and writes the cut length into it. */
static void test_tx_cut_by_kernel(void **state)
{
	(void)state;
	for (size_t data = 0; data < sizeof(struct sock_extended_err); data++) {
		uint8_t zero[sizeof(struct sock_extended_err)] = {0};
		struct control c = {.len = 0};

		add_times(&c, 1, 0);
		add(&c, SOL_PACKET, PACKET_TX_TIMESTAMP, zero, data);
		expect_tx_error(&c, -EBADMSG);

		c.len = 0;
		add(&c, SOL_SOCKET, SCM_TIMESTAMPING, zero, data);
		add_packet_err(&c, SCM_TSTAMP_SND, 1);
		expect_tx_error(&c, -EBADMSG);
	}
}

static void test_damaged_lengths(void **state)
{
	static const size_t bad[] = {0, 1, sizeof(struct cmsghdr) - 1, 513, SIZE_MAX / 2,
		SIZE_MAX - 20, SIZE_MAX - 7, SIZE_MAX};
	struct control good = {.len = 0};
	size_t starts[3];

	(void)state;
	starts[0] = good.len;
	add_times(&good, 1, 0);
	starts[1] = good.len;
	add_packet_err(&good, SCM_TSTAMP_SND, 1);
	starts[2] = good.len;
	add(&good, SOL_SOCKET, 12345, "abc", 3);
	expect_tx_error(&good, 0);

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			struct control c = good;
			struct ws_rx_control rx;

			memcpy(c.data + starts[i] + offsetof(struct cmsghdr, cmsg_len), &bad[k],
				sizeof(bad[k]));
			expect_tx_error(&c, -EBADMSG);
			assert_int_equal(rx_control(c.data, c.len, &rx), -EBADMSG);
		}
	}
}

static void test_unaligned(void **state)
{
	uint8_t moved[sizeof(struct control) + 8];
	struct control c = {.len = 0};

	(void)state;
	add_times(&c, 1, 0);
	add_packet_err(&c, SCM_TSTAMP_SND, 42);
	for (size_t by = 1; by < 8; by++) {
		struct ws_tx_control tx;

		memcpy(moved + by, c.data, c.len);
		assert_int_equal(ws_stamp_from_errqueue(moved + by, c.len, PHC2, &tx), 0);
		assert_int_equal(tx.key, 42);
	}
}

static void add_aux(struct control *c, uint32_t status, uint16_t tci, uint16_t tpid)
{
	struct tpacket_auxdata aux = {
		.tp_status = status,
		.tp_len = 1514,
		.tp_snaplen = 96,
		.tp_mac = 0,
		.tp_net = 14,
		.tp_vlan_tci = tci,
		.tp_vlan_tpid = tpid,
	};

	add(c, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
}

static void test_rx_nothing(void **state)
{
	struct ws_rx_control rx;

	(void)state;
	assert_int_equal(ws_stamp_from_rx_control(NULL, 0, PHC2, &rx), 0);
	assert_int_equal(rx.stamp.origin, WS_ORIGIN_NONE);
	assert_int_equal(rx.stamp.time.clock, WS_CLOCK_NONE);
	assert_false(rx.has_aux);
	assert_false(rx.has_drops);
}

static void test_rx_all(void **state)
{
	uint32_t drops = 0xfffffff0;
	struct control c = {.len = 0};
	struct ws_rx_control rx;

	(void)state;
	add_aux(&c, TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID, 0x6007, 0x88a8);
	add(&c, SOL_SOCKET, 12345, "unknown", 7);
	add(&c, SOL_SOCKET, SO_RXQ_OVFL, &drops, sizeof(drops));
	add_times(&c, 1700000000000000001, 0);
	assert_int_equal(rx_control(c.data, c.len, &rx), 0);
	expect_stamp(rx.stamp, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 1700000000000000001);
	assert_true(rx.has_aux);
	assert_int_equal(rx.aux_status, TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID);
	assert_int_equal(rx.aux_len, 1514);
	assert_int_equal(rx.vlan_tci, 0x6007);
	assert_int_equal(rx.vlan_tpid, 0x88a8);
	assert_true(rx.has_drops);
	assert_int_equal(rx.drops, 0xfffffff0);
}

static void test_rx_vlan_defaults(void **state)
{
	struct control untyped = {.len = 0}, none = {.len = 0};
	struct ws_rx_control rx;

	(void)state;
	add_aux(&untyped, TP_STATUS_VLAN_VALID, 3, 0);
	assert_int_equal(rx_control(untyped.data, untyped.len, &rx), 0);
	assert_int_equal(rx.vlan_tci, 3);
	assert_int_equal(rx.vlan_tpid, 0x8100);

	/* Without the flag the fields mean nothing. */
	add_aux(&none, TP_STATUS_USER, 3, 0x8100);
	assert_int_equal(rx_control(none.data, none.len, &rx), 0);
	assert_true(rx.has_aux);
	assert_int_equal(rx.vlan_tci, 0);
	assert_int_equal(rx.vlan_tpid, 0);
}

static void test_rx_stamps(void **state)
{
	struct control both = {.len = 0}, none = {.len = 0}, layout = {.len = 0};
	struct control hardware = {.len = 0}, software = {.len = 0};
	struct ws_rx_control rx;

	(void)state;
	add_times(&both, 8, 9);
	assert_int_equal(rx_control(both.data, both.len, &rx), 0);
	expect_stamp(rx.stamp, WS_ORIGIN_HARDWARE, PHC2, 9);
	expect_stamp(rx.software, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 8);

	/* What is alone is beside nothing. */
	add_times(&hardware, 0, 9);
	assert_int_equal(rx_control(hardware.data, hardware.len, &rx), 0);
	expect_stamp(rx.stamp, WS_ORIGIN_HARDWARE, PHC2, 9);
	expect_stamp(rx.software, WS_ORIGIN_NONE, WS_CLOCK_NONE, 0);
	add_times(&software, 8, 0);
	assert_int_equal(rx_control(software.data, software.len, &rx), 0);
	expect_stamp(rx.stamp, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 8);
	expect_stamp(rx.software, WS_ORIGIN_NONE, WS_CLOCK_NONE, 0);

	add_times(&none, 0, 0);
	assert_int_equal(rx_control(none.data, none.len, &rx), 0);
	expect_stamp(rx.stamp, WS_ORIGIN_NONE, WS_CLOCK_NONE, 0);
	expect_stamp(rx.software, WS_ORIGIN_NONE, WS_CLOCK_NONE, 0);

	add_times_new(&layout, 2, 1, 0);
	assert_int_equal(rx_control(layout.data, layout.len, &rx), 0);
	expect_stamp(rx.stamp, WS_ORIGIN_SOFTWARE, WS_CLOCK_REALTIME, 2000000001);
}

static void test_rx_every_truncation(void **state)
{
	uint32_t drops = 1;
	struct control c = {.len = 0};
	size_t starts[3], ends[3];

	(void)state;
	starts[0] = c.len;
	ends[0] = c.len + CMSG_LEN(sizeof(struct timespec[3]));
	add_times(&c, 1, 0);
	starts[1] = c.len;
	ends[1] = c.len + CMSG_LEN(sizeof(struct tpacket_auxdata));
	add_aux(&c, 0, 0, 0);
	starts[2] = c.len;
	ends[2] = c.len + CMSG_LEN(sizeof(drops));
	add(&c, SOL_SOCKET, SO_RXQ_OVFL, &drops, sizeof(drops));

	for (size_t len = 0; len <= c.len; len++) {
		struct ws_rx_control rx;
		int want = 0;

		for (int i = 0; i < 3; i++) {
			if (len > starts[i] && len < ends[i]) {
				want = -EBADMSG;
			}
		}
		assert_int_equal(rx_control(c.data, len, &rx), want);
		if (want == 0) {
			assert_int_equal(rx.stamp.origin != WS_ORIGIN_NONE, len >= ends[0]);
			assert_int_equal(rx.has_aux, len >= ends[1]);
			assert_int_equal(rx.has_drops, len >= ends[2]);
		}
	}
}

static void test_rx_short_payloads(void **state)
{
	static const struct {
		int level, type;
		size_t size;
	} kinds[] = {
		{SOL_SOCKET, SO_TIMESTAMPING_OLD, sizeof(struct timespec[3])},
		{SOL_SOCKET, SO_TIMESTAMPING_NEW, 48},
		{SOL_PACKET, PACKET_AUXDATA, sizeof(struct tpacket_auxdata)},
		{SOL_SOCKET, SO_RXQ_OVFL, 4},
	};
	static const uint8_t zero[64];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (size_t len = 0; len <= kinds[i].size + 8; len++) {
			struct control c = {.len = 0};
			struct ws_rx_control rx;

			add(&c, kinds[i].level, kinds[i].type, zero, len);
			assert_int_equal(
				rx_control(c.data, c.len, &rx), len < kinds[i].size ? -EBADMSG : 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_tx_stages),
		cmocka_unit_test(test_tx_both_times),
		cmocka_unit_test(test_tx_new_layout),
		cmocka_unit_test(test_tx_times_out_of_range),
		cmocka_unit_test(test_tx_no_stamp),
		cmocka_unit_test(test_errors_of_others),
		cmocka_unit_test(test_rx_destination),
		cmocka_unit_test(test_tx_every_truncation),
		cmocka_unit_test(test_tx_cut_by_kernel),
		cmocka_unit_test(test_damaged_lengths),
		cmocka_unit_test(test_unaligned),
		cmocka_unit_test(test_rx_nothing),
		cmocka_unit_test(test_rx_all),
		cmocka_unit_test(test_rx_vlan_defaults),
		cmocka_unit_test(test_rx_stamps),
		cmocka_unit_test(test_rx_every_truncation),
		cmocka_unit_test(test_rx_short_payloads),
	};

	return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
