/* SPDX-License-Identifier: BSD-2-Clause */
/* The `udp` backend on the modelled kernel: what open asks for, errors that ICMP leaves behind, keys,
 * and what is made of datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/udpframe.h"
#include "fake/sys_fake.h"
#include "io/io.h"

#define PORT	 8620
#define LEN	 20
#define RMEM_MAX 212992
#define MS	 1000000LL

static struct ws_io *io;
static int fd;
static const uint8_t near4[4] = {192, 0, 2, 1}, far4[4] = {192, 0, 2, 2};
static const uint8_t near6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
static const uint8_t far6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	return 0;
}

static int forget(void **state)
{
	(void)state;
	ws_io_close(io);
	io = NULL;
	assert_int_equal(sys_fake_open_descriptors(), 0);
	sys_fake_reset();
	return 0;
}

static struct sockaddr_storage address4(const uint8_t ip[4], uint16_t port)
{
	struct sockaddr_storage ret = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ret;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, ip, 4);
	return ret;
}

static struct sockaddr_storage address6(const uint8_t ip[16], uint16_t port, uint32_t scope)
{
	struct sockaddr_storage ret = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	in6->sin6_scope_id = scope;
	memcpy(&in6->sin6_addr, ip, 16);
	return ret;
}

static struct ws_io_config config_of(unsigned dirs, const struct sockaddr_storage *local)
{
	return (struct ws_io_config){
		.backend = "udp",
		.dirs = dirs,
		.rx_stamps = dirs & WS_IO_RX,
		.tx_stages = dirs & WS_IO_TX ? WS_STAGE_SCHED | WS_STAGE_DRIVER : 0,
		.udp_local = local,
	};
}

static void open_with(const struct ws_io_config *config)
{
	const struct sys_fake_call *log;
	size_t n;

	ws_io_close(io);
	io = NULL;
	sys_fake_forget_log();
	assert_int_equal(ws_io_open(&io, config), 0);
	log = sys_fake_log(&n);
	fd = (int)log[sys_fake_find(0, SYS_FAKE_SOCKET, SYS_FAKE_ANY, SYS_FAKE_ANY)].ret;
}

static void open4(unsigned dirs)
{
	struct sockaddr_storage local = address4(near4, 0);
	struct ws_io_config config = config_of(dirs, &local);

	open_with(&config);
}

static int option(int level, int name)
{
	return sys_fake_find(0, SYS_FAKE_SETSOCKOPT, level, name);
}

static int call(enum sys_fake_fn fn)
{
	return sys_fake_find(0, fn, SYS_FAKE_ANY, SYS_FAKE_ANY);
}

static void test_opened_in_order(void **state)
{
	struct sockaddr_storage local = address4(near4, PORT), peer = address4(far4, PORT);
	struct ws_io_config config = config_of(WS_IO_RX, &local);
	const struct sys_fake_call *log;
	size_t n;

	(void)state;
	config.udp_peer = &peer;
	open_with(&config);
	log = sys_fake_log(&n);
	assert_int_equal(ws_io_caps(io)->udp_port, PORT);
	/* Nothing comes in before the peer is named and all is set. */
	assert_true(option(SOL_SOCKET, SO_ATTACH_FILTER) < call(SYS_FAKE_BIND));
	assert_true(option(SOL_SOCKET, SO_ATTACH_FILTER) >= 0);
	assert_true(option(SOL_SOCKET, SO_REUSEADDR) >= 0);
	assert_true(option(SOL_SOCKET, SO_REUSEADDR) < call(SYS_FAKE_BIND));
	assert_true(call(SYS_FAKE_BIND) < call(SYS_FAKE_CONNECT));
	assert_true(call(SYS_FAKE_CONNECT) < option(SOL_SOCKET, SO_DETACH_FILTER));
	assert_true(option(SOL_SOCKET, SO_TIMESTAMPING) < option(SOL_SOCKET, SO_DETACH_FILTER));
	assert_true(option(SOL_IP, IP_PKTINFO) < option(SOL_SOCKET, SO_DETACH_FILTER));
	assert_true(option(SOL_IP, IP_PKTINFO) >= 0);
	assert_int_equal(log[option(SOL_IP, IP_RECVERR)].value, 1);
	assert_int_equal(log[option(SOL_IP, IP_MTU_DISCOVER)].value, IP_PMTUDISC_DO);
	assert_int_equal(option(SOL_IPV6, SYS_FAKE_ANY), -1);

	/* A port is taken alone first, and shared after that. */
	local = address4(near4, 0);
	open_with(&config);
	assert_true(ws_io_caps(io)->udp_port > 0);
	assert_true(option(SOL_SOCKET, SO_REUSEADDR) > call(SYS_FAKE_BIND));

	/* Who takes from everybody does not share; who only sends never lets anything in. */
	config.udp_peer = NULL;
	open_with(&config);
	assert_int_equal(option(SOL_SOCKET, SO_REUSEADDR), -1);
	assert_int_equal(call(SYS_FAKE_CONNECT), -1);
	config = config_of(WS_IO_TX, &local);
	config.udp_peer = &peer;
	open_with(&config);
	assert_int_equal(call(SYS_FAKE_CONNECT), -1);
	assert_int_equal(option(SOL_SOCKET, SO_DETACH_FILTER), -1);
}

static void test_dual_stack(void **state)
{
	static const uint8_t any[16];
	struct sockaddr_storage local = address6(any, PORT, 0), peer = address4(far4, PORT);
	struct ws_io_config config = config_of(WS_IO_RX | WS_IO_TX, &local);
	const struct sys_fake_call *log;
	uint8_t mapped[16];
	size_t n;

	(void)state;
	config.udp_peer = &peer;
	open_with(&config);
	log = sys_fake_log(&n);
	assert_int_equal(log[call(SYS_FAKE_SOCKET)].level, AF_INET6);
	assert_true(option(SOL_IPV6, IPV6_V6ONLY) < call(SYS_FAKE_BIND));
	assert_int_equal(log[option(SOL_IPV6, IPV6_V6ONLY)].value, 0);
	assert_int_equal(log[option(SOL_IPV6, IPV6_RECVERR)].value, 1);
	assert_int_equal(log[option(SOL_IP, IP_RECVERR)].value, 1);
	assert_int_equal(log[option(SOL_IPV6, IPV6_RECVPKTINFO)].value, 1);
	ws_udp_map(mapped, far4);
	assert_int_equal(log[call(SYS_FAKE_CONNECT)].len, sizeof(struct sockaddr_in6));
	assert_memory_equal(log[call(SYS_FAKE_CONNECT)].start + 8, mapped, 16);
}

static int refused(const struct ws_io_config *config)
{
	struct ws_io *none = NULL;
	int r = ws_io_open(&none, config);

	assert_null(none);
	assert_int_equal(sys_fake_open_descriptors(), 0);
	return r;
}

static void test_refused_configurations(void **state)
{
	static const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	struct sockaddr_storage local = address4(near4, PORT), other = address6(far6, PORT, 0);
	const struct ws_io_config good = config_of(WS_IO_RX | WS_IO_TX, &local);
	struct ws_io_config c = good;

	(void)state;
	c.promiscuous = true;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.rx_outgoing = true;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.fanout = WS_IO_FANOUT_NEW;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.qdisc_bypass = true;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.dirs = WS_IO_RX;
	c.cooked = true;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.udp_local = NULL;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.udp_peer = &other;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	c.filter = &all;
	c.filter_len = 1;
	assert_int_equal(refused(&c), -EOPNOTSUPP);
	c = good;
	c.ifindex = 99;
	assert_int_equal(refused(&c), -ENODEV);
	c.ifindex = sys_fake_kernel.ifindex;
	sys_fake_kernel.up = false;
	assert_int_equal(refused(&c), -ENETDOWN);
	sys_fake_kernel.up = true;
	/* Addresses are for this backend alone, and it is for nobody who does not name it. */
	c.backend = "socket";
	assert_int_equal(refused(&c), -EINVAL);
	c.backend = NULL;
	assert_int_equal(refused(&c), -EINVAL);
	c = good;
	open_with(&c);
	assert_int_equal(ws_io_set_filter(io, &all, 1), -EOPNOTSUPP);
}

static void test_failures_to_open_leave_nothing(void **state)
{
	static const struct {
		enum sys_fake_fn fn;
		int level, name, error;
	} steps[] = {
		{SYS_FAKE_SOCKET, SYS_FAKE_ANY, SYS_FAKE_ANY, -EAFNOSUPPORT},
		{SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_ATTACH_FILTER, -ENOMEM},
		{SYS_FAKE_SETSOCKOPT, SOL_IP, IP_RECVERR, -ENOMEM},
		{SYS_FAKE_SETSOCKOPT, SOL_IP, IP_PKTINFO, -ENOMEM},
		{SYS_FAKE_BIND, SYS_FAKE_ANY, SYS_FAKE_ANY, -EADDRINUSE},
		{SYS_FAKE_CONNECT, SYS_FAKE_ANY, SYS_FAKE_ANY, -ENETUNREACH},
		{SYS_FAKE_GETSOCKNAME, SYS_FAKE_ANY, SYS_FAKE_ANY, -ENOBUFS},
		{SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_TIMESTAMPING, -EINVAL},
		{SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_DETACH_FILTER, -EPERM},
	};
	struct sockaddr_storage local = address4(near4, PORT), peer = address4(far4, PORT);
	struct ws_io_config config = config_of(WS_IO_RX | WS_IO_TX, &local);

	(void)state;
	config.udp_peer = &peer;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct sys_fake_answer answer = {
			.fn = steps[i].fn,
			.level = steps[i].level,
			.name = steps[i].name,
			.ret = steps[i].error,
		};

		sys_fake_reset();
		sys_fake_answer(&answer);
		assert_int_equal(refused(&config), steps[i].error);
	}
}

static void test_bound_to_a_device(void **state)
{
	struct sockaddr_storage local = address4(near4, 0);
	struct ws_io_config config = config_of(WS_IO_RX | WS_IO_TX, &local);
	const struct sys_fake_call *log;
	struct ws_io_view v;
	size_t n;

	(void)state;
	config.ifindex = sys_fake_kernel.ifindex;
	open_with(&config);
	log = sys_fake_log(&n);
	assert_string_equal((const char *)log[option(SOL_SOCKET, SO_BINDTODEVICE)].start, "fake0");
	assert_int_equal(option(SOL_IP, IP_UNICAST_IF), -1);
	assert_int_equal(ws_io_caps(io)->frame_max, sys_fake_kernel.mtu + 18);
	/* It goes down, and away: told once each. */
	*sys_fake_clock() += 100 * MS;
	sys_fake_kernel.up = false;
	assert_int_equal(ws_io_wait(io, *sys_fake_clock() + MS), -ENETDOWN);
	assert_int_equal(ws_io_wait(io, *sys_fake_clock() + 100 * MS), 0);
	assert_int_equal(ws_io_rx_peek(io, &v, 1), 0);
	sys_fake_kernel.removed = true;
	assert_int_equal(ws_io_wait(io, *sys_fake_clock() + 100 * MS), -ENODEV);
	assert_int_equal(ws_io_wait(io, *sys_fake_clock() + 100 * MS), 0);
	sys_fake_kernel.removed = false;
	sys_fake_kernel.up = true;

	/* Before 5.7 that was for root. */
	sys_fake_kernel.device_is_root = true;
	open_with(&config);
	log = sys_fake_log(&n);
	assert_int_equal((uint32_t)log[option(SOL_IP, IP_UNICAST_IF)].value,
		htonl((uint32_t)sys_fake_kernel.ifindex));
}

static struct ws_udp_ends ends4(void)
{
	struct ws_udp_ends e = {.version = 4, .src_port = 1, .dst_port = PORT};

	memcpy(e.src, near4, 4);
	memcpy(e.dst, far4, 4);
	return e;
}

static int submit(unsigned n, const struct ws_udp_ends *e, struct ws_io_tx *frames)
{
	uint32_t headers = ws_udp_headers_len(e->version);
	struct ws_io_slot slots[64];

	assert_int_equal(ws_io_tx_reserve(io, slots, n), n);
	for (unsigned i = 0; i < n; i++) {
		memset(slots[i].data + headers, (int)i + 1, LEN);
		ws_udp_put_headers(slots[i].data + headers, LEN, LEN, e, false);
		frames[i] = (struct ws_io_tx){
			.len = headers + LEN, .want_stamp = true, .cookie = i, .status = 1};
	}
	return ws_io_tx_submit(io, frames, n);
}

/* Each of the n frames has both stamps, and each is that of its datagram. */
static void expect_stamps(unsigned n)
{
	const struct sys_fake_sent *sent;
	uint8_t seen[64] = {0};
	size_t n_sent;

	sent = sys_fake_sent(&n_sent);
	while (ws_io_tx_outstanding(io)) {
		struct ws_io_tx_stamp got[64];
		int r = ws_io_tx_stamps(io, got, 64);

		assert_true(r > 0);
		for (int i = 0; i < r; i++) {
			size_t k = 0;

			assert_int_equal(got[i].status, 0);
			assert_true(got[i].cookie < n);
			seen[got[i].cookie] |= (uint8_t)got[i].stage;
			while (k < n_sent &&
				(sent[k].status || sent[k].head[0] != got[i].cookie + 1)) {
				k++;
			}
			assert_true(k < n_sent);
			assert_int_equal(got[i].stamp.time.ns, sent[k].time_ns);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(seen[i], WS_STAGE_SCHED | WS_STAGE_DRIVER);
	}
}

static void test_sent_as_the_frame_says(void **state)
{
	static const uint8_t any[16];
	struct sockaddr_storage local = address6(any, PORT, 0);
	struct ws_io_config config = config_of(WS_IO_TX, &local);
	const struct sys_fake_sent *sent;
	struct ws_udp_ends e = ends4();
	struct ws_io_tx frames[2];
	uint8_t mapped[16];
	size_t n;

	(void)state;
	sys_fake_kernel.send_ns = 100;
	open4(WS_IO_TX);
	assert_true(ws_io_caps(io)->tx_keys_explicit); /* before anything was sent */
	assert_int_equal(submit(2, &e, frames), 2);
	sent = sys_fake_sent(&n);
	assert_int_equal(n, 2);
	assert_int_equal(sent[1].len, LEN);
	assert_int_equal(sent[1].head[0], 2);
	assert_memory_equal(&((struct sockaddr_in *)&sent[1].to)->sin_addr, far4, 4);
	assert_int_equal(((struct sockaddr_in *)&sent[1].to)->sin_port, htons(PORT));
	assert_true(sent[1].has_source);
	assert_memory_equal(&((struct sockaddr_in *)&sent[1].source)->sin_addr, near4, 4);
	expect_stamps(2);
	/* No source is no source. */
	memset(e.src, 0, 4);
	assert_int_equal(submit(1, &e, frames), 1);
	sent = sys_fake_sent(&n);
	assert_false(sent[n - 1].has_source);

	open_with(&config);
	e = ends4();
	assert_int_equal(submit(1, &e, frames), 1);
	sent = sys_fake_sent(&n);
	ws_udp_map(mapped, far4);
	assert_memory_equal(&((struct sockaddr_in6 *)&sent[n - 1].to)->sin6_addr, mapped, 16);
	ws_udp_map(mapped, near4);
	assert_memory_equal(&((struct sockaddr_in6 *)&sent[n - 1].source)->sin6_addr, mapped, 16);
	e.version = 6;
	memcpy(e.src, near6, 16);
	memcpy(e.dst, far6, 16);
	assert_int_equal(submit(1, &e, frames), 1);
	sent = sys_fake_sent(&n);
	assert_memory_equal(&((struct sockaddr_in6 *)&sent[n - 1].to)->sin6_addr, far6, 16);
	assert_memory_equal(&((struct sockaddr_in6 *)&sent[n - 1].source)->sin6_addr, near6, 16);
}

/* An error of ICMP is told in place of sending, once: no frame is refused for it, none goes twice. */
static void icmp_while_sending(bool explicit_keys, bool leaky)
{
	struct ws_udp_ends e = ends4();
	const struct sys_fake_sent *sent;
	struct ws_io_tx frames[16];
	struct ws_io_stats stats;
	unsigned accepted = 0;
	size_t n;

	sys_fake_reset();
	sys_fake_kernel.send_ns = 100;
	sys_fake_kernel.explicit_keys = explicit_keys;
	sys_fake_kernel.leaky_keys = leaky;
	open4(WS_IO_TX);
	assert_int_equal(ws_io_caps(io)->tx_keys_explicit, explicit_keys);
	for (unsigned round = 0; round < 5; round++) {
		unsigned done;

		sys_fake_icmp(fd, ECONNREFUSED, 3, 3);
		done = (unsigned)submit(16, &e, frames);
		/* Where nobody knows what the next key is, stamps are waited for first. */
		while (done < 16) {
			struct ws_io_tx_stamp got[64];

			assert_false(explicit_keys);
			assert_true(ws_io_tx_outstanding(io) > 0);
			assert_true(ws_io_tx_stamps(io, got, 64) > 0);
			done += (unsigned)ws_io_tx_submit(io, frames + done, 16 - done);
		}
		for (unsigned i = 0; i < 16; i++) {
			assert_int_equal(frames[i].status, 0);
		}
		if (explicit_keys) {
			sent = sys_fake_sent(&n);
			accepted = 0;
			for (size_t i = 0; i < n; i++) {
				accepted += sent[i].status == 0;
			}
			assert_int_equal(accepted, 16 * (round + 1));
		}
		while (ws_io_tx_outstanding(io)) {
			struct ws_io_tx_stamp got[64];
			int r = ws_io_tx_stamps(io, got, 64);

			assert_true(r > 0);
			for (int i = 0; i < r; i++) {
				assert_int_equal(got[i].status, 0);
			}
		}
	}
	ws_io_stats(io, &stats);
	assert_int_equal(stats.udp_refused, 5);
	assert_int_equal(stats.tx_accepted, 80);
	assert_int_equal(stats.tx_refused, 0);
	assert_int_equal(stats.stamps_received, 160);
	assert_int_equal(stats.stamps_stray + stats.stamps_missing, 0);
	ws_io_close(io);
	io = NULL;
}

static void test_icmp_while_sending(void **state)
{
	(void)state;
	icmp_while_sending(true, false);
	icmp_while_sending(false, false);
	icmp_while_sending(false, true);
}

/* With the stamps of a burst under way, and an error in the middle of it. */
static void test_stamps_keep_their_frames(void **state)
{
	struct ws_udp_ends e = ends4();
	struct ws_io_tx frames[16];

	(void)state;
	sys_fake_kernel.send_ns = 100;
	open4(WS_IO_TX);
	sys_fake_send_fails(5, -EHOSTUNREACH);
	sys_fake_send_fails(9, -ECONNREFUSED);
	assert_int_equal(submit(16, &e, frames), 16);
	expect_stamps(16);
}

static void test_errors_that_stay(void **state)
{
	struct ws_udp_ends e = ends4();
	struct ws_io_tx frames[3];
	struct ws_io_stats stats;

	(void)state;
	open4(WS_IO_TX);
	/* No route: each try says so. */
	for (size_t i = 0; i < 4; i++) {
		sys_fake_send_fails(i, -ENETUNREACH);
	}
	assert_int_equal(submit(3, &e, frames), 3);
	assert_int_equal(frames[0].status, -ENETUNREACH);
	assert_int_equal(frames[1].status, 0);
	assert_int_equal(frames[2].status, 0);
	/* One that can only be of others is never a refusal. */
	for (size_t i = 6; i < 10; i++) {
		sys_fake_send_fails(i, -ECONNREFUSED);
	}
	assert_int_equal(submit(1, &e, frames), 0);
	assert_int_equal(frames[0].status, 1);
	assert_int_equal(ws_io_tx_submit(io, frames, 1), 1);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.tx_refused, 1);
	assert_int_equal(stats.tx_accepted, 3);
	assert_int_equal(stats.tx_again, 1);
}

/* ICMP wakes nobody up, and only what says unreachable is counted as that. */
static void test_icmp_while_waiting(void **state)
{
	static const unsigned dirs[] = {WS_IO_RX, WS_IO_TX, WS_IO_RX | WS_IO_TX};
	struct ws_io_stats stats;
	struct ws_io_view v;

	(void)state;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int64_t end = *sys_fake_clock() + 50 * MS;

		open4(dirs[i]);
		sys_fake_icmp(fd, ECONNREFUSED, 3, 3);
		sys_fake_icmp(fd, EHOSTUNREACH, 3, 1);
		sys_fake_icmp(fd, EMSGSIZE, 3, 4);
		sys_fake_icmp(fd, EHOSTUNREACH, 11, 0);
		assert_int_equal(ws_io_wait(io, end), 0);
		assert_true(*sys_fake_clock() >= end);
		ws_io_stats(io, &stats);
		assert_int_equal(stats.udp_refused, 2);
		sys_fake_icmp(fd, ECONNREFUSED, 3, 3);
		assert_int_equal(ws_io_wait(io, end), 0); /* long past */
		sys_fake_icmp(fd, ECONNREFUSED, 3, 3);
		assert_int_equal(ws_io_rx_peek(io, &v, 1), 0);
		ws_io_stats(io, &stats);
		assert_int_equal(stats.udp_refused, 4);
		ws_io_close(io);
		io = NULL;
	}
}

union control {
	struct cmsghdr align;
	uint8_t bytes[128];
};

static size_t pktinfo4(union control *c, const uint8_t dst[4], const uint8_t answer_from[4])
{
	struct in_pktinfo info = {.ipi_ifindex = 3};

	memcpy(&info.ipi_addr, dst, 4);
	memcpy(&info.ipi_spec_dst, answer_from, 4);
	memset(c, 0, sizeof(*c));
	c->align.cmsg_level = SOL_IP;
	c->align.cmsg_type = IP_PKTINFO;
	c->align.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&c->align), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

static size_t pktinfo6(union control *c, const uint8_t dst[16])
{
	struct in6_pktinfo info = {.ipi6_ifindex = 3};

	memcpy(&info.ipi6_addr, dst, 16);
	memset(c, 0, sizeof(*c));
	c->align.cmsg_level = SOL_IPV6;
	c->align.cmsg_type = IPV6_PKTINFO;
	c->align.cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(&c->align), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

static void expect_view(const struct ws_io_view *v, unsigned version, const uint8_t *src,
	const uint8_t *dst, uint8_t pkttype)
{
	size_t size = version == 4 ? 4 : 16;
	struct ws_udp_ends e;
	uint32_t off, len;

	assert_int_equal(ws_udp_parse(v->data, v->len, &e, &off, &len), 0);
	assert_int_equal(e.version, version);
	assert_memory_equal(e.src, src, size);
	assert_memory_equal(e.dst, dst, size);
	assert_int_equal(e.src_port, 77);
	assert_int_equal(e.dst_port, ws_io_caps(io)->udp_port);
	assert_int_equal(len, 5);
	assert_memory_equal(v->data + off, "hello", 5);
	assert_int_equal(v->wire_len, v->len);
	assert_int_equal(v->pkttype, pkttype);
}

static void test_received_as_frames(void **state)
{
	static const uint8_t any[16], group[4] = {239, 1, 2, 3}, everybody[4] = {192, 0, 2, 255};
	struct sockaddr_storage from = address4(far4, 77), local = address6(any, PORT, 0);
	struct ws_io_config config = config_of(WS_IO_RX, &local);
	uint8_t mapped_far[16], mapped_near[16];
	struct ws_io_view v[4];
	union control c;
	size_t len;

	(void)state;
	open4(WS_IO_RX);
	len = pktinfo4(&c, near4, near4);
	sys_fake_receive_from(fd, "hello", 5, c.bytes, len, &from);
	len = pktinfo4(&c, group, near4);
	sys_fake_receive_from(fd, "hello", 5, c.bytes, len, &from);
	len = pktinfo4(&c, everybody, near4);
	sys_fake_receive_from(fd, "hello", 5, c.bytes, len, &from);
	sys_fake_receive_from(fd, "hello", 5, NULL, 0, &from);
	assert_int_equal(ws_io_rx_peek(io, v, 4), 4);
	expect_view(&v[0], 4, far4, near4, PACKET_HOST);
	expect_view(&v[1], 4, far4, group, PACKET_MULTICAST);
	expect_view(&v[2], 4, far4, everybody, PACKET_BROADCAST);
	/* If it does not say where it went to, it went to where we are. */
	expect_view(&v[3], 4, far4, near4, PACKET_HOST);
	ws_io_rx_release(io, 4);

	open_with(&config);
	from = address6(far6, 77, 0);
	len = pktinfo6(&c, near6);
	sys_fake_receive_from(fd, "hello", 5, c.bytes, len, &from);
	ws_udp_map(mapped_far, far4);
	ws_udp_map(mapped_near, near4);
	from = address6(mapped_far, 77, 0);
	len = pktinfo6(&c, mapped_near);
	sys_fake_receive_from(fd, "hello", 5, c.bytes, len, &from);
	assert_int_equal(ws_io_rx_peek(io, v, 4), 2);
	expect_view(&v[0], 6, far6, near6, PACKET_HOST);
	expect_view(&v[1], 4, far4, near4, PACKET_HOST);
}

static void test_cut_off(void **state)
{
	struct sockaddr_storage from = address4(far4, 77), local = address4(near4, 0);
	struct ws_io_config config = config_of(WS_IO_RX, &local);
	uint8_t data[300];
	struct ws_io_view v;
	struct ws_io_stats stats;

	(void)state;
	memset(data, 'x', sizeof(data));
	config.frame_max = 142;
	open_with(&config);
	sys_fake_receive_from(fd, data, sizeof(data), NULL, 0, &from);
	assert_int_equal(ws_io_rx_peek(io, &v, 1), 1);
	assert_int_equal(v.len, 142);
	assert_int_equal(v.wire_len, 342);
	assert_int_equal(v.data[16] << 8 | v.data[17], 328);
	ws_io_rx_release(io, 1);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.rx_bytes, 342);
	assert_int_equal(stats.rx_received, 1);
	assert_true(stats.rx_offered == UINT64_MAX);
}

/* An interface that a link-local address came through is the one that its answer takes. */
static void test_link_local(void **state)
{
	static const uint8_t any[16], a[16] = {0xfe, 0x80, [15] = 0x11},
				      b[16] = {0xfe, 0x80, [15] = 0x22};
	struct sockaddr_storage from = address6(a, 77, 5), local = address6(any, PORT, 0);
	struct ws_io_config config = config_of(WS_IO_RX | WS_IO_TX, &local);
	struct ws_udp_ends e = {.version = 6, .dst_port = 77};
	const struct sys_fake_sent *sent;
	struct sockaddr_storage peer = address6(b, 77, 9);
	struct ws_io_tx frames[1];
	struct ws_io_view v;
	size_t n;

	(void)state;
	open_with(&config);
	sys_fake_receive_from(fd, "hello", 5, NULL, 0, &from);
	assert_int_equal(ws_io_rx_peek(io, &v, 1), 1);
	ws_io_rx_release(io, 1);
	memcpy(e.dst, a, 16);
	assert_int_equal(submit(1, &e, frames), 1);
	sent = sys_fake_sent(&n);
	assert_int_equal(((struct sockaddr_in6 *)&sent[n - 1].to)->sin6_scope_id, 5);
	/* The peer brings its own. */
	config = config_of(WS_IO_TX, &local);
	config.udp_peer = &peer;
	open_with(&config);
	memcpy(e.dst, b, 16);
	assert_int_equal(submit(1, &e, frames), 1);
	sent = sys_fake_sent(&n);
	assert_int_equal(((struct sockaddr_in6 *)&sent[n - 1].to)->sin6_scope_id, 9);
}

/* One buffer for both: stamps have their part of it, and the bound goes by that. */
static void test_buffer_is_shared(void **state)
{
	struct sockaddr_storage local = address4(near4, 0);
	struct ws_io_config config = config_of(WS_IO_RX | WS_IO_TX, &local);
	const struct ws_io_caps *caps;

	(void)state;
	config.rx_buffer = 3 << 20;
	config.stamp_buffer = 1 << 20;
	open_with(&config);
	caps = ws_io_caps(io);
	assert_int_equal(caps->stamp_buffer, 1 << 20);
	assert_int_equal(caps->rx_buffer, 3 << 20);
	assert_int_equal(caps->stamps_outstanding, (1 << 20) / 1040 / 2);
	assert_true(caps->rx_stamps);
	sys_fake_kernel.may_force = false;
	open_with(&config);
	caps = ws_io_caps(io);
	assert_int_equal(caps->stamp_buffer, RMEM_MAX / 2);
	assert_int_equal(caps->rx_buffer, 3 * RMEM_MAX / 2);
	assert_int_equal(caps->stamps_outstanding, RMEM_MAX / 2 / 1040 / 2);
	/* Absurd wishes are wishes. */
	config.rx_buffer = UINT64_MAX;
	config.stamp_buffer = UINT64_MAX;
	open_with(&config);
	assert_int_equal(ws_io_caps(io)->stamp_buffer, RMEM_MAX);
}

static void receive_after_drops(uint32_t drops)
{
	struct sockaddr_storage from = address4(far4, 77);
	union control c = {0};

	c.align.cmsg_level = SOL_SOCKET;
	c.align.cmsg_type = SO_RXQ_OVFL;
	c.align.cmsg_len = CMSG_LEN(sizeof(drops));
	memcpy(CMSG_DATA(&c.align), &drops, sizeof(drops));
	sys_fake_receive_from(fd, "hello", 5, c.bytes, CMSG_SPACE(sizeof(drops)), &from);
}

static void test_drops(void **state)
{
	struct ws_io_stats stats;
	struct ws_io_view v[3];

	(void)state;
	open4(WS_IO_RX);
	receive_after_drops(0);
	receive_after_drops(4);
	sys_fake_drop(fd, 10);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.rx_dropped, 10);
	assert_int_equal(stats.rx_untold, 10);
	assert_int_equal(ws_io_rx_peek(io, v, 3), 2);
	assert_int_equal(v[0].lost_before, 0);
	assert_int_equal(v[1].lost_before, 4);
	ws_io_rx_release(io, 2);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.rx_untold, 6);
	/* The 32 bits go round. */
	sys_fake_drop(fd, 0x7fffff00);
	ws_io_stats(io, &stats);
	sys_fake_drop(fd, 0x7fffff00);
	ws_io_stats(io, &stats);
	sys_fake_drop(fd, 0x300);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.rx_dropped, 10 + 2 * UINT64_C(0x7fffff00) + 0x300);
	/* From stop on the filter's refusals are in the kernel's count: not in ours. */
	assert_int_equal(ws_io_stop(io), 0);
	sys_fake_drop(fd, 1000);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.rx_dropped, 10 + 2 * UINT64_C(0x7fffff00) + 0x300);
	assert_int_equal(ws_io_stop(io), 0);
	ws_io_stats(io, &stats);
	assert_int_equal(stats.rx_dropped, 10 + 2 * UINT64_C(0x7fffff00) + 0x300);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, reset, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_opened_in_order),
		CASE(test_dual_stack),
		CASE(test_refused_configurations),
		CASE(test_failures_to_open_leave_nothing),
		CASE(test_bound_to_a_device),
		CASE(test_sent_as_the_frame_says),
		CASE(test_icmp_while_sending),
		CASE(test_stamps_keep_their_frames),
		CASE(test_errors_that_stay),
		CASE(test_icmp_while_waiting),
		CASE(test_received_as_frames),
		CASE(test_cut_off),
		CASE(test_link_local),
		CASE(test_buffer_is_shared),
		CASE(test_drops),
	};

	return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
