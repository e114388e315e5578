/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backend `udp`: an ordinary UDP socket, for users without any privilege and for ways with routers on
 * them. recvmmsg in, sendmmsg out (udp_tx.c). Sources: linux/net/ipv4/udp.c, net/ipv6/udp.c,
 * net/ipv4/ip_sockglue.c; Documentation/networking/timestamping.rst; ip(7), ipv6(7), udp(7).
 */
#include "io/udp.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"

#define HEADERS_MIN 42
/* How often an interface is looked at that nothing comes from: sockets are not told when it goes. */
#define LOOK_EVERY_NS 5000000
/* Errors of ICMP messages that may stand in front of what is received. */
#define TRIES 8

bool udp_link_local(const uint8_t ipv6[16])
{
	return (ipv6[0] == 0xfe && (ipv6[1] & 0xc0) == 0x80) ||
	       (ipv6[0] == 0xff && (ipv6[1] & 0xf) <= 2);
}

static unsigned scope_place(const uint8_t ipv6[16])
{
	return (ipv6[15] ^ ipv6[14] << 3 ^ ipv6[13] << 1 ^ ipv6[9] ^ ipv6[8]) & (UDP_SCOPES - 1);
}

void udp_scope_learn(struct udp_scopes *s, const uint8_t ipv6[16], uint32_t ifindex)
{
	unsigned i = scope_place(ipv6);

	memcpy(s->of[i].tail, ipv6 + 8, sizeof(s->of[i].tail));
	s->of[i].ifindex = ifindex;
}

uint32_t udp_scope_of(const struct udp_scopes *s, const uint8_t ipv6[16])
{
	unsigned i = scope_place(ipv6);
	bool known = s->of[i].ifindex && !memcmp(s->of[i].tail, ipv6 + 8, sizeof(s->of[i].tail));

	return known ? s->of[i].ifindex : s->otherwise;
}

bool udp_error_of_icmp(int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -EHOSTDOWN:
	case -ENONET:
	case -ENOPROTOOPT:
	case -EOPNOTSUPP:
	case -EPROTO:
	case -EMSGSIZE:
	case -EACCES:
		return true;
	default:
		return false;
	}
}

static void udp_close(struct ws_io *io)
{
	struct udp_io *u = (struct udp_io *)io;

	packet_tx_close(u->tx);
	if (u->socket.fd >= 0) {
		ws_sys_close(u->socket.fd);
	}
	free(u->slots);
	free(u);
}

/* The count is 32 bits wide; values that are older than the last one are looked at as well. */
static void observe_drops(struct udp_io *u, uint32_t count)
{
	int32_t more = (int32_t)(count - (uint32_t)u->drops);

	u->drops += more > 0 ? (uint32_t)more : 0;
}

static bool memory_info(const struct udp_io *u, uint32_t ret[SK_MEMINFO_VARS])
{
	socklen_t len = SK_MEMINFO_VARS * sizeof(*ret);

	memset(ret, 0, len);
	return ws_sys_getsockopt(u->socket.fd, SOL_SOCKET, SO_MEMINFO, ret, &len) == 0;
}

static void read_drops(struct udp_io *u)
{
	uint32_t info[SK_MEMINFO_VARS];

	if (u->receives && !u->stopped && memory_info(u, info)) {
		observe_drops(u, info[SK_MEMINFO_DROPS]);
	}
}

extern const struct ws_io_ops ws_io_udp;

static int udp_open(struct ws_io **ret, const struct ws_io_config *config)
{
	struct udp_io *u;
	int r = udp_check(config);

	if (r < 0) {
		return r;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		return -ENOMEM;
	}
	u->io.ops = &ws_io_udp;
	u->io.caps.backend = ws_io_udp.name;
	u->io.caps.dirs = config->dirs;
	u->receives = config->dirs & WS_IO_RX;
	u->socket.family = config->udp_local->ss_family;
	u->socket.ifindex = config->ifindex;
	r = udp_open_halves(u, config);
	if (r < 0) {
		udp_close(&u->io);
		return r;
	}
	u->io.caps.udp_port = u->socket.port;
	/* What the filter refused until now is no loss. */
	read_drops(u);
	u->drops_before = u->drops;
	u->last_drops = (uint32_t)u->drops;
	*ret = &u->io;
	return 0;
}

/* Reads what is on the error queue while no stamp is waited for: ICMP messages, and stamps that were
 * given up. */
static void read_errors(struct udp_io *u)
{
	struct ws_io_tx_stamp none[PACKET_TX_STAMP_BATCH];
	int got = UDP_ERROR_BATCH;

	if (u->tx && u->io.caps.tx_stages) {
		(void)packet_tx_stamps(u->tx, none, PACKET_TX_STAMP_BATCH);
		return;
	}
	while (got == UDP_ERROR_BATCH) {
		for (unsigned i = 0; i < UDP_ERROR_BATCH; i++) {
			u->error_msgs[i].msg_hdr = (struct msghdr){
				.msg_control = u->error_controls[i],
				.msg_controllen = UDP_CONTROL_LEN,
			};
		}
		got = ws_sys_recvmmsg(
			u->socket.fd, u->error_msgs, UDP_ERROR_BATCH, MSG_ERRQUEUE | MSG_DONTWAIT);
		for (int i = 0; i < got; i++) {
			const struct msghdr *m = &u->error_msgs[i].msg_hdr;
			bool unreachable;

			if (ws_stamp_errqueue_other(
				    m->msg_control, m->msg_controllen, &unreachable)) {
				u->stats.udp_refused += unreachable;
			}
		}
	}
}

/* Whether the interface went down or away, each told once. */
static int look_at_link(struct udp_io *u)
{
	int64_t now;
	uint32_t mtu;
	int r;

	if (!u->socket.ifindex || u->gone) {
		return 0;
	}
	now = ws_sys_clock(CLOCK_MONOTONIC);
	if (now < u->look_due) {
		return 0;
	}
	u->look_due = now + LOOK_EVERY_NS;
	r = packet_link(u->socket.fd, u->socket.ifindex, &mtu);
	if (r == -ENODEV) {
		u->gone = true;
		return r;
	}
	if (r == -ENETDOWN && !u->down) {
		u->down = true;
		return r;
	}
	u->down = r == -ENETDOWN;
	return 0;
}

static unsigned udp_tx_outstanding(const struct ws_io *io)
{
	const struct udp_io *u = (const struct udp_io *)io;

	return u->tx ? packet_tx_outstanding(u->tx) : 0;
}

static int udp_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct udp_io *u = (struct udp_io *)io;

	for (;;) {
		struct pollfd p = {.fd = u->socket.fd, .events = u->receives ? POLLIN : 0};
		int64_t left = deadline_ns - ws_sys_clock(CLOCK_MONOTONIC);
		int error;
		socklen_t len = sizeof(error);
		int r = ws_sys_poll(&p, 1, left > 0 ? left : 0);

		if (r < 0) {
			return r == -EINTR ? 0 : r;
		}
		if (r == 0) {
			return look_at_link(u);
		}
		if (p.revents & POLLIN || udp_tx_outstanding(io)) {
			return 1;
		}
		/* An ICMP message, which is no reason to wake anybody up. */
		(void)ws_sys_getsockopt(u->socket.fd, SOL_SOCKET, SO_ERROR, &error, &len);
		read_errors(u);
		if (left <= 0) {
			return 0;
		}
	}
}

/* Where the datagram came from and went to. */
static void find_ends(struct udp_io *u, const struct sockaddr_in6 *name,
	const struct ws_rx_control *c, struct ws_udp_ends *ret)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)name;
	uint8_t dst[16];

	*ret = (struct ws_udp_ends){
		.version = 4,
		.src_port = __builtin_bswap16(in->sin_port),
		.dst_port = u->socket.port,
	};
	memcpy(dst, c->dst_version ? c->dst : u->local, sizeof(dst));
	if (u->socket.family == AF_INET) {
		memcpy(ret->src, &in->sin_addr, 4);
		memcpy(ret->dst, dst, 4);
		return;
	}
	if (ws_udp_unmap(ret->src, name->sin6_addr.s6_addr)) {
		(void)ws_udp_unmap(ret->dst, dst);
		return;
	}
	ret->version = 6;
	memcpy(ret->src, &name->sin6_addr, 16);
	memcpy(ret->dst, dst, 16);
	if (name->sin6_scope_id && udp_link_local(ret->src)) {
		udp_scope_learn(&u->socket.scopes, ret->src, name->sin6_scope_id);
	}
}

static void tell_lost(struct udp_io *u, const struct ws_rx_control *c, struct ws_io_view *v)
{
	uint64_t lost;

	if (!c->has_drops) {
		return;
	}
	v->lost_before = c->drops - u->last_drops;
	u->last_drops = c->drops;
	if (!u->stopped) {
		observe_drops(u, c->drops);
	}
	/* What is refused after stop counts as dropped there. */
	lost = u->drops - u->drops_before - u->lost_told;
	v->lost_before = v->lost_before < lost ? v->lost_before : (uint32_t)lost;
	u->lost_told += v->lost_before;
}

/* Turns message i into a view. */
static void make_view(struct udp_io *u, int i, struct ws_io_view *v)
{
	const struct mmsghdr *m = &u->msgs[i];
	uint8_t *payload = m->msg_hdr.msg_iov->iov_base;
	uint32_t headers, len = m->msg_len, room;
	struct ws_rx_control c = {0};
	struct ws_udp_ends ends;

	/* Damaged control messages leave a packet without stamp: it is still a packet. */
	(void)ws_stamp_from_rx_control(
		m->msg_hdr.msg_control, m->msg_hdr.msg_controllen, u->hw_clock, &c);
	find_ends(u, &u->names[i], &c, &ends);
	headers = ws_udp_headers_len(ends.version);
	room = u->frame_max - headers;
	len = len < room ? len : room;
	(void)ws_udp_put_headers(payload, len, m->msg_len, &ends, c.dst_broadcast);
	*v = (struct ws_io_view){
		.data = payload - headers,
		.len = headers + len,
		.wire_len = headers + m->msg_len,
		.pkttype = c.dst_broadcast		? PACKET_BROADCAST
			   : (payload - headers)[0] & 1 ? PACKET_MULTICAST
							: PACKET_HOST,
		.stamp = c.stamp,
		.software = c.software,
	};
	tell_lost(u, &c, v);
}

static void prepare_messages(struct udp_io *u, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t slot = (u->head + u->borrowed + i) % u->slot_count;

		u->iovs[i] = (struct iovec){
			.iov_base = u->slots + (size_t)slot * u->slot_size + UDP_ROOM,
			.iov_len = u->frame_max - HEADERS_MIN,
		};
		u->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &u->iovs[i],
			.msg_iovlen = 1,
			.msg_name = &u->names[i],
			.msg_namelen = sizeof(u->names[i]),
			.msg_control = u->controls[i],
			.msg_controllen = UDP_CONTROL_LEN,
		};
	}
}

static int udp_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct udp_io *u = (struct udp_io *)io;
	unsigned want = u->slot_count - u->borrowed;
	int got = -EAGAIN;

	want = want < max ? want : max;
	want = want < UDP_RX_BATCH ? want : UDP_RX_BATCH;
	if (!u->receives || !want) {
		return 0;
	}
	for (unsigned tries = 0; tries < TRIES; tries++) {
		prepare_messages(u, want);
		/* TRUNC: lengths are those of the whole datagrams. */
		got = ws_sys_recvmmsg(u->socket.fd, u->msgs, want, MSG_DONTWAIT | MSG_TRUNC);
		if (!udp_error_of_icmp(got)) {
			break;
		}
	}
	if (got == -EAGAIN || got == -EINTR || udp_error_of_icmp(got)) {
		return 0;
	}
	if (got < 0) {
		return got;
	}
	for (int i = 0; i < got; i++) {
		make_view(u, i, &views[i]);
		u->stats.rx_bytes += views[i].wire_len;
	}
	u->stats.rx_received += (unsigned)got;
	u->borrowed += (uint32_t)got;
	return got;
}

static void udp_rx_release(struct ws_io *io, unsigned n)
{
	struct udp_io *u = (struct udp_io *)io;

	n = n < u->borrowed ? n : u->borrowed;
	if (n) {
		u->head = (u->head + n) % u->slot_count;
		u->borrowed -= n;
	}
}

static int udp_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max)
{
	struct udp_io *u = (struct udp_io *)io;

	return u->tx ? packet_tx_reserve(u->tx, slots, max) : 0;
}

static int udp_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n)
{
	struct udp_io *u = (struct udp_io *)io;

	return u->tx ? packet_tx_submit(u->tx, frames, n) : -EOPNOTSUPP;
}

static int udp_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max)
{
	struct udp_io *u = (struct udp_io *)io;

	return u->tx ? packet_tx_stamps(u->tx, stamps, max) : 0;
}

static void udp_stats(struct ws_io *io, struct ws_io_stats *ret)
{
	struct udp_io *u = (struct udp_io *)io;

	if (!udp_tx_outstanding(io)) {
		read_errors(u);
	}
	read_drops(u);
	*ret = u->stats;
	if (u->receives) {
		ret->rx_offered = UINT64_MAX; /* a socket has no such count */
		ret->rx_dropped = u->drops - u->drops_before;
		ret->rx_untold = ret->rx_dropped - u->lost_told;
	}
	if (u->tx) {
		packet_tx_stats(u->tx, ret);
	}
}

static unsigned udp_rx_fill(struct ws_io *io)
{
	struct udp_io *u = (struct udp_io *)io;
	uint32_t info[SK_MEMINFO_VARS];
	uint64_t used, room;

	if (!u->receives || !memory_info(u, info) || !info[SK_MEMINFO_RCVBUF]) {
		return WS_IO_FILL_UNKNOWN;
	}
	used = info[SK_MEMINFO_RMEM_ALLOC];
	room = info[SK_MEMINFO_RCVBUF];
	return used < room ? (unsigned)(used * 1000 / room) : 1000;
}

static int udp_stop(struct ws_io *io)
{
	struct udp_io *u = (struct udp_io *)io;

	if (!u->receives || u->stopped) {
		return 0;
	}
	/* The filter's refusals are drops to the kernel: so this is the last time to look. */
	read_drops(u);
	u->stopped = true;
	return packet_stop(u->socket.fd);
}

const struct ws_io_ops ws_io_udp = {
	.name = "udp",
	.summary = "datagrams of an ordinary socket, routed",
	.routed = true,
	.open = udp_open,
	.wait = udp_wait,
	.rx_peek = udp_rx_peek,
	.rx_release = udp_rx_release,
	.tx_reserve = udp_tx_reserve,
	.tx_submit = udp_tx_submit,
	.tx_stamps = udp_tx_stamps,
	.tx_outstanding = udp_tx_outstanding,
	.stats = udp_stats,
	.rx_fill = udp_rx_fill,
	.stop = udp_stop,
	.close = udp_close,
};
