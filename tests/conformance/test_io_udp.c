/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance suite on the `udp` backend, over the lab's veth pair: IPv4, IPv6, and IPv4 into an
 * IPv6 socket. The suite's frames travel as payload: an instance here is the backend's, whose headers
 * are written and looked at in between. Then what is special about ports.
 *
 * Not run, since it has no meaning for a socket that gets datagrams:
 *   filter, filter_cuts_off                a filter would see UDP headers and payload: refused
 *   vlan_tag_is_there, cooked              link-layer headers do not come
 *   own_frames, packet_types               what goes out does not come in
 *   fanout, fanout_own_frames              no such groups
 *   losses_are_placed, losses_under_load, untold_losses, fill
 *                                          they wait for a count of packets offered, which sockets
 *                                          do not have; losses are looked at below
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/lab_fixture.h"
#include "conformance/series.h"
#include "core/udpframe.h"
#include "host/netns.h"
#include "host/rtnl.h"

#define MTU	  1500
#define PORT	  8620
#define MAX_BATCH 1024
#define LEN	  100 /* of payloads, below */

struct udp_fixture {
	struct conf_fixture fx; /* first: the suite gives back this one */
	unsigned version;
	bool dual_stack; /* side 1 receives by an IPv6 socket, from everybody */
};

static struct ws_lab lab;

static const uint8_t ipv4[WS_LAB_SIDES][4] = {{198, 18, 0, 1}, {198, 18, 0, 2}};
static const uint8_t ipv6[WS_LAB_SIDES][16] = {
	{0x20, 0x01, 0, 2, [15] = 1}, {0x20, 0x01, 0, 2, [15] = 2}};

/* The kernel takes IPv6 addresses away when a link goes down. */
static int add_ipv6(unsigned side)
{
	alignas(struct nlmsghdr) char buf[512] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;
	struct ws_rtnl nl;
	int saved = ws_netns_enter(lab.ns[side]);
	int r;

	if (saved < 0) {
		return saved;
	}
	r = ws_rtnl_open(&nl, 0);
	if (r == 0) {
		nlh->nlmsg_type = RTM_NEWADDR;
		nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
		ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
		*ifa = (struct ifaddrmsg){
			.ifa_family = AF_INET6,
			.ifa_prefixlen = 64,
			.ifa_flags = IFA_F_NODAD,
			.ifa_index = if_nametoindex(ws_lab_ifname[side]),
		};
		mnl_attr_put(nlh, IFA_LOCAL, 16, ipv6[side]);
		mnl_attr_put(nlh, IFA_ADDRESS, 16, ipv6[side]);
		r = ws_rtnl_talk(&nl, nlh, NULL, NULL);
		ws_rtnl_close(&nl);
	}
	ws_netns_leave(saved);
	return r == -EEXIST ? 0 : r;
}

static struct sockaddr_storage address(unsigned version, unsigned side, uint16_t port)
{
	struct sockaddr_storage ret = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret;

	if (version == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ipv4[side], 4);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, ipv6[side], 16);
	}
	return ret;
}

static struct ws_udp_ends ends(unsigned version, unsigned from, uint16_t src, uint16_t dst)
{
	struct ws_udp_ends e = {.version = version, .src_port = src, .dst_port = dst};

	memcpy(e.src, version == 4 ? ipv4[from] : ipv6[from], version == 4 ? 4 : 16);
	memcpy(e.dst, version == 4 ? ipv4[!from] : ipv6[!from], version == 4 ? 4 : 16);
	return e;
}

/* An instance in whose slots and views the suite's frames are. */
struct inner {
	struct ws_io io;
	struct ws_io *udp;
	unsigned version, side;
	uint32_t headers;
	uint8_t *reserved[MAX_BATCH]; /* payloads, a ring */
	uint32_t head, tail;
};

static int inner_wait(struct ws_io *io, int64_t deadline_ns)
{
	return ws_io_wait(((struct inner *)io)->udp, deadline_ns);
}

static int inner_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct inner *in = (struct inner *)io;
	struct ws_udp_ends want = ends(in->version, !in->side, PORT + !in->side, PORT + in->side);
	int n = ws_io_rx_peek(in->udp, views, max);

	for (int i = 0; i < n; i++) {
		struct ws_io_view *v = &views[i];
		struct ws_udp_ends e;
		uint32_t off, len;

		if (v->len == v->wire_len) {
			assert_int_equal(ws_udp_parse(v->data, v->len, &e, &off, &len), 0);
			assert_int_equal(off, in->headers);
			assert_int_equal(len, v->len - in->headers);
			assert_memory_equal(&e, &want, sizeof(e));
		}
		v->data += in->headers;
		v->len -= in->headers;
		v->wire_len -= in->headers;
	}
	return n;
}

static void inner_rx_release(struct ws_io *io, unsigned n)
{
	ws_io_rx_release(((struct inner *)io)->udp, n);
}

static int inner_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max)
{
	struct inner *in = (struct inner *)io;
	int n = ws_io_tx_reserve(in->udp, slots, max);

	for (int i = 0; i < n; i++) {
		slots[i].data += in->headers;
		slots[i].size -= in->headers;
		in->reserved[in->tail++ % MAX_BATCH] = slots[i].data;
	}
	return n;
}

static int inner_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n)
{
	struct inner *in = (struct inner *)io;
	struct ws_udp_ends e = ends(in->version, in->side, PORT + in->side, PORT + !in->side);
	int r;

	assert_true(n <= in->tail - in->head);
	for (unsigned i = 0; i < n; i++) {
		ws_udp_put_headers(in->reserved[(in->head + i) % MAX_BATCH], frames[i].len,
			frames[i].len, &e, false);
		frames[i].len += in->headers;
	}
	r = ws_io_tx_submit(in->udp, frames, n);
	for (unsigned i = 0; i < n; i++) {
		frames[i].len -= in->headers;
	}
	in->head += r > 0 ? (uint32_t)r : 0;
	in->io.caps = *ws_io_caps(in->udp);
	in->io.caps.frame_max -= in->headers;
	return r;
}

static int inner_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max)
{
	return ws_io_tx_stamps(((struct inner *)io)->udp, stamps, max);
}

static unsigned inner_tx_outstanding(const struct ws_io *io)
{
	return ws_io_tx_outstanding(((const struct inner *)io)->udp);
}

static void inner_stats(struct ws_io *io, struct ws_io_stats *ret)
{
	struct inner *in = (struct inner *)io;

	ws_io_stats(in->udp, ret);
	ret->rx_bytes -= ret->rx_received * in->headers;
}

static unsigned inner_rx_fill(struct ws_io *io)
{
	return ws_io_rx_fill(((struct inner *)io)->udp);
}

static int inner_stop(struct ws_io *io)
{
	return ws_io_stop(((struct inner *)io)->udp);
}

static void inner_close(struct ws_io *io)
{
	ws_io_close(((struct inner *)io)->udp);
	free(io);
}

static const struct ws_io_ops inner_ops = {
	.name = "udp",
	.wait = inner_wait,
	.rx_peek = inner_rx_peek,
	.rx_release = inner_rx_release,
	.tx_reserve = inner_tx_reserve,
	.tx_submit = inner_tx_submit,
	.tx_stamps = inner_tx_stamps,
	.tx_outstanding = inner_tx_outstanding,
	.stats = inner_stats,
	.rx_fill = inner_rx_fill,
	.stop = inner_stop,
	.close = inner_close,
};

static int open_in(unsigned side, struct ws_io **ret, const struct ws_io_config *config)
{
	int saved = ws_netns_enter(lab.ns[side]);
	int r;

	if (saved < 0) {
		return saved;
	}
	r = ws_io_open(ret, config);
	ws_netns_leave(saved);
	return r;
}

static struct sockaddr_storage any_address(void)
{
	struct sockaddr_storage ret = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret;

	in6->sin6_family = AF_INET6;
	return ret;
}

static int fixture_open(struct conf_fixture *fx, unsigned side, struct ws_io **ret,
	const struct ws_io_config *config)
{
	const struct udp_fixture *u = (const struct udp_fixture *)fx;
	bool dual = u->dual_stack && side == 1;
	struct sockaddr_storage local = address(u->version, side, (uint16_t)(PORT + side));
	struct sockaddr_storage peer = address(u->version, !side, (uint16_t)(PORT + !side));
	struct ws_io_config c = *config;
	struct inner *in;
	int r;

	if (dual) {
		local = any_address();
		((struct sockaddr_in6 *)&local)->sin6_port = htons((uint16_t)(PORT + side));
	}
	c.backend = c.backend ? c.backend : "udp";
	c.ifindex = c.ifindex ? c.ifindex : conf_lab_ifindex(fx, side);
	c.filter = NULL;
	c.filter_len = 0;
	c.udp_local = &local;
	c.udp_peer = dual ? NULL : &peer;
	c.frame_max += c.frame_max ? ws_udp_headers_len(u->version) : 0;
	in = calloc(1, sizeof(*in));
	assert_non_null(in);
	r = open_in(side, &in->udp, &c);
	if (r < 0) {
		free(in);
		return r;
	}
	in->version = u->version;
	in->side = side;
	in->headers = ws_udp_headers_len(u->version);
	in->io.ops = &inner_ops;
	in->io.caps = *ws_io_caps(in->udp);
	in->io.caps.frame_max -= in->headers;
	assert_int_equal(in->io.caps.udp_port, PORT + side);
	*ret = &in->io;
	return 0;
}

static int fixture_link(struct conf_fixture *fx, unsigned side, bool up)
{
	int r = conf_lab_link(fx, side, up);

	return r == 0 && up ? add_ipv6(side) : r;
}

static int restore(void)
{
	int r = add_ipv6(0);

	return r < 0 ? r : add_ipv6(1);
}

static int fixture_restore(struct conf_fixture *fx)
{
	int r = conf_lab_restore(fx);

	return r < 0 ? r : restore();
}

/* What follows goes without the suite. */

static struct ws_io *open_udp(unsigned side, unsigned dirs, const struct sockaddr_storage *local,
	const struct sockaddr_storage *peer)
{
	const struct ws_io_config config = {
		.backend = "udp",
		.dirs = dirs,
		.tx_stages = dirs & WS_IO_TX ? WS_STAGE_SCHED | WS_STAGE_DRIVER : 0,
		.rx_stamps = dirs & WS_IO_RX,
		.udp_local = local,
		.udp_peer = peer,
	};
	struct ws_io *io = NULL;

	assert_int_equal(open_in(side, &io, &config), 0);
	return io;
}

static int try_udp(
	unsigned side, unsigned dirs, const struct sockaddr_storage *local, bool with_peer)
{
	const struct sockaddr_storage peer = address(4, !side, PORT);
	struct ws_io_config config = {
		.backend = "udp",
		.dirs = dirs,
		.udp_local = local,
		.udp_peer = with_peer ? &peer : NULL,
	};
	struct ws_io *io = NULL;
	int r = open_in(side, &io, &config);

	ws_io_close(io);
	return r;
}

/* Sends one numbered datagram; its stamps are to be read. */
static void send_one(struct ws_io *tx, const struct ws_udp_ends *e, uint8_t number)
{
	uint32_t headers = ws_udp_headers_len(e->version);
	struct ws_io_tx frame = {.len = headers + LEN, .want_stamp = true, .cookie = number};
	struct ws_io_slot slot;

	assert_int_equal(ws_io_tx_reserve(tx, &slot, 1), 1);
	memset(slot.data + headers, number, LEN);
	ws_udp_put_headers(slot.data + headers, LEN, LEN, e, false);
	assert_int_equal(ws_io_tx_submit(tx, &frame, 1), 1);
	assert_int_equal(frame.status, 0);
}

static void expect_stamps(struct ws_io *tx, uint8_t number)
{
	int64_t give_up = conf_lab_now(NULL) + CONF_PATIENCE;
	unsigned stages = 0;

	while (ws_io_tx_outstanding(tx) && conf_lab_now(NULL) < give_up) {
		struct ws_io_tx_stamp got[4];
		int n = ws_io_tx_stamps(tx, got, 4);

		assert_in_range(n, 0, 4);
		for (int i = 0; i < n; i++) {
			assert_int_equal(got[i].status, 0);
			assert_int_equal(got[i].cookie, number);
			assert_false(stages & got[i].stage);
			stages |= got[i].stage;
		}
		if (!n) {
			assert_true(ws_io_wait(tx, conf_lab_now(NULL) + 10 * CONF_MS) >= 0);
		}
	}
	assert_int_equal(stages, WS_STAGE_SCHED | WS_STAGE_DRIVER);
}

/* The next datagram is that one; where it came from and went to. Its frame stays borrowed. */
static struct ws_udp_ends expect_one(struct ws_io *rx, uint8_t number, struct ws_io_view *v)
{
	int64_t give_up = conf_lab_now(NULL) + CONF_PATIENCE;
	struct ws_udp_ends e;
	uint32_t off, len;
	int n = 0;

	while (!n && conf_lab_now(NULL) < give_up) {
		assert_in_range(ws_io_wait(rx, conf_lab_now(NULL) + 100 * CONF_MS), 0, 1);
		n = ws_io_rx_peek(rx, v, 1);
	}
	assert_int_equal(n, 1);
	assert_int_equal(ws_udp_parse(v->data, v->len, &e, &off, &len), 0);
	assert_int_equal(len, LEN);
	assert_int_equal(v->data[off], number);
	assert_int_equal(v->data[off + LEN - 1], number);
	assert_int_equal(v->pkttype, PACKET_HOST);
	return e;
}

static void expect_nothing(struct ws_io *rx)
{
	struct ws_io_view v;

	assert_int_equal(ws_io_wait(rx, conf_lab_now(NULL) + 20 * CONF_MS), 0);
	assert_int_equal(ws_io_rx_peek(rx, &v, 1), 0);
}

/* Two instances share a port: who names the peer has what it sends, whoever came first. */
static void sharing(bool tx_first)
{
	struct sockaddr_storage local = address(4, 0, 0), peer = address(4, 1, PORT + 1);
	struct sockaddr_storage stranger = address(4, 1, PORT + 2);
	struct ws_io *far = open_udp(1, WS_IO_TX, &peer, NULL);
	struct ws_io *other = open_udp(1, WS_IO_TX, &stranger, NULL);
	struct ws_io *first, *second, *tx, *rx;
	struct ws_udp_ends e;
	struct ws_io_view v;
	uint16_t port;

	first = open_udp(0, tx_first ? WS_IO_TX : WS_IO_RX, &local, &peer);
	port = ws_io_caps(first)->udp_port;
	assert_true(port > 0);
	local = address(4, 0, port);
	second = open_udp(0, tx_first ? WS_IO_RX : WS_IO_TX, &local, &peer);
	assert_int_equal(ws_io_caps(second)->udp_port, port);
	tx = tx_first ? first : second;
	rx = tx_first ? second : first;

	for (uint8_t i = 0; i < 3; i++) {
		e = ends(4, 1, PORT + 2, port);
		send_one(other, &e, 100);
		e = ends(4, 1, PORT + 1, port);
		send_one(far, &e, i);
		e = expect_one(rx, i, &v);
		assert_int_equal(e.src_port, PORT + 1);
		assert_int_equal(e.dst_port, port);
		ws_io_rx_release(rx, 1);
	}
	expect_nothing(rx);
	assert_int_equal(ws_io_wait(tx, conf_lab_now(NULL)), 0);
	ws_io_close(first);
	ws_io_close(second);
	ws_io_close(far);
	ws_io_close(other);
}

static void test_ports_are_shared(void **state)
{
	(void)state;
	sharing(true);
	sharing(false);
}

/* Who takes from everybody is alone: nobody can take it away without being told. */
static void test_ports_are_not_stolen(void **state)
{
	struct sockaddr_storage local = address(4, 0, PORT);
	struct ws_io *rx = open_udp(0, WS_IO_RX | WS_IO_TX, &local, NULL);

	(void)state;
	assert_int_equal(try_udp(0, WS_IO_RX, &local, false), -EADDRINUSE);
	assert_int_equal(try_udp(0, WS_IO_RX, &local, true), -EADDRINUSE);
	assert_int_equal(try_udp(0, WS_IO_TX, &local, false), -EADDRINUSE);
	ws_io_close(rx);
	assert_int_equal(try_udp(0, WS_IO_RX, &local, false), 0);
}

/* A reflector's way: one instance, all addresses; the answer comes from the one that was asked. */
static void reflect(unsigned version, bool dual_stack)
{
	struct sockaddr_storage any = any_address(), from = address(version, 0, 0);
	struct sockaddr_in *any4 = (struct sockaddr_in *)&any;
	struct ws_io *near, *far;

	if (version == 4 && !dual_stack) {
		*any4 = (struct sockaddr_in){.sin_family = AF_INET};
	}
	near = open_udp(0, WS_IO_RX | WS_IO_TX, &from, NULL);
	far = open_udp(1, WS_IO_RX | WS_IO_TX, &any, NULL);
	assert_true(ws_io_caps(far)->stamp_buffer > 0);
	assert_true(ws_io_caps(far)->rx_buffer > 0);
	for (uint8_t i = 0; i < 5; i++) {
		struct ws_udp_ends e = ends(version, 0, 0, ws_io_caps(far)->udp_port), back, want;
		struct ws_io_view v;
		struct ws_stamp stamp;

		send_one(near, &e, i);
		expect_stamps(near, i);
		back = expect_one(far, i, &v);
		e.src_port = ws_io_caps(near)->udp_port;
		assert_memory_equal(&back, &e, sizeof(e));
		stamp = v.stamp;
		ws_io_rx_release(far, 1);
		want = (struct ws_udp_ends){
			.version = version, .src_port = e.dst_port, .dst_port = e.src_port};
		memcpy(want.src, e.dst, 16);
		memcpy(want.dst, e.src, 16);
		send_one(far, &want, i);
		expect_stamps(far, i);
		back = expect_one(near, i, &v);
		assert_memory_equal(&back, &want, sizeof(want));
		if (i > 0) {
			/* The first ones may lack a stamp. */
			assert_int_equal(stamp.origin, WS_ORIGIN_SOFTWARE);
			assert_true(v.stamp.time.ns > stamp.time.ns);
		}
		ws_io_rx_release(near, 1);
	}
	ws_io_close(near);
	ws_io_close(far);
}

static void test_answers_from_the_address_asked(void **state)
{
	(void)state;
	reflect(4, false);
	reflect(4, true);
	reflect(6, true);
}

/* ICMP tells that nobody listens. No frame is refused for that, nobody is woken up, all is counted. */
static void nobody(unsigned version, unsigned stages)
{
	struct sockaddr_storage local = address(version, 0, 0), peer = address(version, 1, PORT);
	struct ws_io_config config = {
		.backend = "udp",
		.dirs = WS_IO_TX,
		.tx_stages = stages,
		.udp_local = &local,
	};
	int64_t give_up = conf_lab_now(NULL) + CONF_PATIENCE;
	struct ws_udp_ends e = ends(version, 0, 0, PORT);
	struct ws_io_stats stats = {0}, other = {0};
	struct ws_io *tx = NULL, *rx;
	uint64_t sent = 0;

	assert_int_equal(open_in(0, &tx, &config), 0);
	while (stats.udp_refused < 2 && conf_lab_now(NULL) < give_up) {
		send_one(tx, &e, 1);
		sent++;
		if (stages) {
			expect_stamps(tx, 1);
		}
		assert_int_equal(ws_io_wait(tx, conf_lab_now(NULL)), 0);
		ws_io_stats(tx, &stats);
	}
	assert_in_range(stats.udp_refused, 2, sent);
	assert_int_equal(stats.tx_accepted, sent);
	assert_int_equal(stats.tx_refused + stats.stamps_missing + stats.stamps_stray, 0);

	/* Beside a receiver on the same port it is that one who is told. */
	local = address(version, 0, ws_io_caps(tx)->udp_port);
	rx = open_udp(0, WS_IO_RX, &local, &peer);
	while (!other.udp_refused && conf_lab_now(NULL) < give_up) {
		send_one(tx, &e, 1);
		if (stages) {
			expect_stamps(tx, 1);
		}
		expect_nothing(rx);
		ws_io_stats(rx, &other);
	}
	assert_true(other.udp_refused > 0);
	ws_io_close(rx);
	ws_io_close(tx);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	nobody(4, WS_STAGE_SCHED | WS_STAGE_DRIVER);
	nobody(4, 0);
	nobody(6, WS_STAGE_SCHED | WS_STAGE_DRIVER);
}

/* Frames that cannot be sent are refused one by one, and others go on. */
static void test_bad_frames(void **state)
{
	struct sockaddr_storage local = address(4, 0, 0), far = address(4, 1, PORT);
	struct ws_io *tx = open_udp(0, WS_IO_TX, &local, NULL);
	struct ws_io *rx = open_udp(1, WS_IO_RX, &far, NULL);
	struct ws_udp_ends good = ends(4, 0, 0, PORT), e;
	struct ws_io_slot slots[6];
	struct ws_io_tx frames[6];
	struct ws_io_stats stats;
	struct ws_io_view v;
	uint64_t stamped = 0;
	unsigned done = 0;

	(void)state;
	assert_int_equal(ws_io_tx_reserve(tx, slots, 6), 6);
	for (uint8_t i = 0; i < 6; i++) {
		bool six = i == 3;

		e = six ? ends(6, 0, 0, PORT) : good;
		if (i == 2) {
			e.src[0] = 9; /* an address of somebody else */
		}
		frames[i] = (struct ws_io_tx){
			.len = ws_udp_headers_len(six ? 6 : 4) + LEN,
			.want_stamp = true,
			.cookie = i,
		};
		memset(slots[i].data + (six ? 62 : 42), i, LEN);
		ws_udp_put_headers(slots[i].data + (six ? 62 : 42), LEN, LEN, &e, false);
	}
	slots[4].data[12] = 0x88; /* no IP */
	while (done < 6 || ws_io_tx_outstanding(tx)) {
		struct ws_io_tx_stamp got[8];
		int n = ws_io_tx_submit(tx, frames + done, 6 - done);

		assert_in_range(n, 0, 6 - done);
		done += (unsigned)n;
		n = ws_io_tx_stamps(tx, got, 8);
		assert_in_range(n, 0, 8);
		for (int i = 0; i < n; i++) {
			assert_int_equal(got[i].status, 0);
			stamped |= UINT64_C(1) << (8 * (got[i].stage >> 1) + got[i].cookie);
		}
	}
	for (uint8_t i = 0; i < 6; i++) {
		static const int want[6] = {0, 0, -ENETUNREACH, -EAFNOSUPPORT, -EINVAL, 0};

		/* For the address of somebody else kernels have more than one word. */
		if (i != 2 || frames[i].status != -EINVAL) {
			assert_int_equal(frames[i].status, want[i]);
		}
		if (!want[i]) {
			expect_one(rx, i, &v);
			ws_io_rx_release(rx, 1);
		}
	}
	assert_int_equal(stamped, 0x2323); /* 0, 1 and 5, of both stages */
	ws_io_stats(tx, &stats);
	assert_int_equal(stats.tx_refused, 3);
	assert_int_equal(stats.tx_accepted, 3);
	ws_io_close(tx);
	ws_io_close(rx);
}

/* What the kernel dropped is told with the datagram that came after. */
static void test_losses_are_told(void **state)
{
	struct sockaddr_storage local = address(4, 0, 0), far = address(4, 1, PORT);
	struct ws_io_config config = {
		.backend = "udp",
		.dirs = WS_IO_RX,
		.udp_local = &far,
		.rx_buffer = 16 << 10,
	};
	struct ws_udp_ends e = ends(4, 0, 0, PORT);
	struct ws_io *tx = open_udp(0, WS_IO_TX, &local, NULL), *rx = NULL;
	int64_t give_up = conf_lab_now(NULL) + CONF_PATIENCE;
	struct ws_io_stats stats = {0};
	uint64_t sent = 0, told = 0, came = 0;
	struct ws_io_view v;
	uint8_t next = 0;

	(void)state;
	assert_int_equal(open_in(1, &rx, &config), 0);
	while (stats.rx_dropped < 10 && conf_lab_now(NULL) < give_up) {
		send_one(tx, &e, (uint8_t)sent);
		expect_stamps(tx, (uint8_t)sent++);
		ws_io_stats(rx, &stats);
	}
	assert_in_range(stats.rx_dropped, 10, 200); /* numbers do not come round */
	assert_in_range(sent, 10, 200);
	assert_int_equal(stats.rx_untold, stats.rx_dropped);
	while (ws_io_rx_peek(rx, &v, 1) == 1) {
		ws_io_rx_release(rx, 1);
		came++;
	}
	send_one(tx, &e, (uint8_t)sent);
	expect_stamps(tx, (uint8_t)sent++);
	while (came + told < sent && conf_lab_now(NULL) < give_up) {
		assert_in_range(ws_io_wait(rx, give_up), 0, 1);
		while (ws_io_rx_peek(rx, &v, 1) == 1) {
			next = (uint8_t)(v.data[v.len - 1] - came);
			assert_int_equal(v.lost_before, v.lost_before ? next : 0);
			told += v.lost_before;
			came++;
			ws_io_rx_release(rx, 1);
		}
	}
	assert_int_equal(came + told, sent);
	assert_int_equal(ws_io_stop(rx), 0);
	send_one(tx, &e, 0);
	expect_stamps(tx, 0);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_dropped, told);
	assert_int_equal(stats.rx_untold, 0);
	assert_int_equal(stats.rx_received, came);
	ws_io_close(tx);
	ws_io_close(rx);
}

/* Of the suite's cases these are not run. */
static bool applies(const char *name)
{
	static const char *const not [] = {
		"filter",
		"filter_cuts_off",
		"vlan_tag_is_there",
		"cooked",
		"own_frames",
		"packet_types",
		"fanout",
		"fanout_own_frames",
		"losses_are_placed",
		"losses_under_load",
		"untold_losses",
		"fill",
	};
	const char *last = strrchr(name, ' ') + 1;

	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
		if (!strcmp(last, not [i])) {
			return false;
		}
	}
	return true;
}

#define FIXTURES 3
#define SUITE	 (CONF_CASES + CONF_RX_CASES)
#define OWN	 6

int main(void)
{
	static struct udp_fixture fixtures[FIXTURES] = {
		{.fx = {.name = "udp over IPv4"}, .version = 4},
		{.fx = {.name = "udp over IPv6"}, .version = 6},
		{.fx = {.name = "udp over IPv4 to IPv6 sockets"}, .version = 4, .dual_stack = true},
	};
	static const struct CMUnitTest own[OWN] = {
		cmocka_unit_test(test_ports_are_shared),
		cmocka_unit_test(test_ports_are_not_stolen),
		cmocka_unit_test(test_answers_from_the_address_asked),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_losses_are_told),
	};
	static struct CMUnitTest cases[FIXTURES * SUITE + OWN];
	char why[256] = "";
	size_t n = 0;
	int failed, r;

	/* a lab of our own, whose interfaces may go, even inside another one */
	unsetenv(WS_LAB_ENV "0");
	unsetenv(WS_LAB_ENV "1");
	r = ws_lab_enter(&lab, why, sizeof(why));
	if (r == 0) {
		r = restore();
		snprintf(why, sizeof(why), "no IPv6 address for the lab: %s", strerror(-r));
	}
	for (unsigned i = 0; i < FIXTURES; i++) {
		struct conf_fixture *fx = &fixtures[i].fx;
		struct CMUnitTest suite[SUITE];

		fx->backends[0] = fx->backends[1] = "udp";
		fx->mtu = MTU - CONF_ETHER_HEADER - WS_UDP_ROOM;
		fx->open = fixture_open;
		fx->ifindex = conf_lab_ifindex;
		fx->concurrent = true;
		fx->now = conf_lab_now;
		fx->link = fixture_link;
		fx->remove = conf_lab_remove;
		fx->restore = fixture_restore;
		fx->arg = &lab;
		conf_cases(fx, suite);
		conf_rx_cases(fx, suite + CONF_CASES);
		for (size_t k = 0; k < SUITE; k++) {
			if (applies(suite[k].name)) {
				cases[n++] = suite[k];
			}
		}
	}
	memcpy(cases + n, own, sizeof(own));
	n += OWN;
	if (r < 0) {
		return conf_skip_all(cases, n, why);
	}
	failed = _cmocka_run_group_tests("conformance of the udp backend", cases, n, NULL, NULL);
	ws_lab_leave(&lab);
	return failed != 0;
}
