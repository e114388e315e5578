/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backend `udp`: an ordinary UDP socket, for users without any privilege and for ways with routers on
 * them. recvmmsg in, sendmmsg out (udp_tx.c). Sources: linux/net/ipv4/udp.c, net/ipv6/udp.c,
 * net/ipv4/ip_sockglue.c; Documentation/networking/timestamping.rst; ip(7), ipv6(7), udp(7).
 */
#include "io/udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "host/sys.h"

#define RX_BATCH	  64
#define MAX_SLOTS	  1024 /* views that can be borrowed at a time */
#define FEW_SLOTS	  256  /* of a size of which MAX_SLOTS would be too much memory */
#define MAX_MEMORY	  (16u << 20)
#define TOUCHED		  2048u /* of each slot, before the first packet */
#define ROOM		  64u	/* for headers, in front of a payload: it stays aligned */
#define DEFAULT_RX_BUFFER (8u << 20)
#define USUAL_MTU	  1500
#define HEADERS_MIN	  42
#define CONTROL_LEN	  256
#define ERROR_BATCH	  16
/* How often an interface is looked at that nothing comes from: sockets are not told when it goes. */
#define LOOK_EVERY_NS 5000000
/* Errors of ICMP messages that may stand in front of what is received. */
#define TRIES 8

_Static_assert(ROOM >= WS_UDP_ROOM, "room for headers");

struct udp_io {
	struct ws_io io;
	struct udp_socket socket;
	struct packet_tx *tx; /* NULL if it does not transmit */
	bool receives, stopped;
	bool down, gone; /* of the interface: has been told */
	int64_t look_due;
	enum ws_clock hw_clock;
	struct ws_io_stats stats;
	uint8_t local[16]; /* if a datagram does not say where it went to */
	/* The kernel's count of drops; what it was at the beginning; and as the views told it. */
	uint64_t drops, drops_before, lost_told;
	uint32_t last_drops;
	uint32_t frame_max, slot_size, slot_count;
	uint8_t *slots;
	uint32_t head, borrowed;
	struct mmsghdr msgs[RX_BATCH];
	struct iovec iovs[RX_BATCH];
	struct sockaddr_in6 names[RX_BATCH]; /* or struct sockaddr_in */
	uint8_t controls[RX_BATCH][CONTROL_LEN] __attribute__((aligned(8)));
	/* messages of the error queue */
	struct mmsghdr error_msgs[ERROR_BATCH];
	uint8_t error_controls[ERROR_BATCH][CONTROL_LEN] __attribute__((aligned(8)));
};

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

static int set_int(int fd, int level, int name, int value)
{
	return ws_sys_setsockopt(fd, level, name, &value, sizeof(value));
}

/* What makes no sense on a socket of this kind. */
static int check(const struct ws_io_config *c)
{
	sa_family_t family;

	if (!c->udp_local || c->promiscuous || c->fanout || c->cooked || c->rx_outgoing ||
		c->qdisc_bypass) {
		return -EINVAL;
	}
	if (c->filter_len) {
		return -EOPNOTSUPP;
	}
	family = c->udp_local->ss_family;
	if (family != AF_INET && family != AF_INET6) {
		return -EINVAL;
	}
	/* An IPv6 socket reaches IPv4 as well. */
	if (c->udp_peer && c->udp_peer->ss_family != family &&
		(c->udp_peer->ss_family != AF_INET || family != AF_INET6)) {
		return -EINVAL;
	}
	return 0;
}

/* The interface, by name: from Linux 5.7 on that takes no privilege. Before, what is sent goes through
 * it nevertheless, but what comes through others is received, too. */
static int bind_to_device(const struct udp_socket *s)
{
	struct ifreq ifr = {.ifr_ifindex = s->ifindex};
	uint32_t index = __builtin_bswap32((uint32_t)s->ifindex);
	int r = ws_sys_ioctl(s->fd, SIOCGIFNAME, &ifr);

	if (r < 0) {
		return r;
	}
	r = ws_sys_setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, ifr.ifr_name,
		(socklen_t)strnlen(ifr.ifr_name, sizeof(ifr.ifr_name)));
	if (r != -EPERM) {
		return r;
	}
	r = ws_sys_setsockopt(s->fd, SOL_IP, IP_UNICAST_IF, &index, sizeof(index));
	if (r == 0 && s->family == AF_INET6) {
		r = ws_sys_setsockopt(s->fd, SOL_IPV6, IPV6_UNICAST_IF, &index, sizeof(index));
	}
	return r;
}

struct option {
	int level, name, value;
};

/*
 * RECVERR brings ICMP messages to the error queue, and makes the kernel say so when a queue discipline
 * refuses a datagram (ENOBUFS; else it is silent). The peer's connected socket gets the ICMP messages
 * about what another one sent from its port, so both directions have it. PMTUDISC_DO: a frame is one
 * packet or none, never fragments.
 */
static int set_options(const struct udp_io *u)
{
	static const struct option options[] = {
		{SOL_IP, IP_RECVERR, 1},
		{SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO},
		{SOL_IPV6, IPV6_V6ONLY, 0},
		{SOL_IPV6, IPV6_RECVERR, 1},
		{SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO},
	};
	bool v6 = u->socket.family == AF_INET6;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct option *o = &options[i];
		int r = o->level == SOL_IPV6 && !v6
				? 0
				: set_int(u->socket.fd, o->level, o->name, o->value);

		if (r < 0) {
			return r;
		}
	}
	if (!u->receives) {
		return 0;
	}
	if (set_int(u->socket.fd, SOL_SOCKET, SO_RXQ_OVFL, 1) < 0) {
		return -EOPNOTSUPP;
	}
	return v6 ? set_int(u->socket.fd, SOL_IPV6, IPV6_RECVPKTINFO, 1)
		  : set_int(u->socket.fd, SOL_IP, IP_PKTINFO, 1);
}

static unsigned rx_flags(const struct ws_io_config *config)
{
	unsigned flags = 0;

	if (config->rx_stamps) {
		flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	}
	if (config->rx_stamps && config->rx_hw_clock != WS_CLOCK_NONE) {
		flags |= SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	}
	return flags;
}

static socklen_t address_len(sa_family_t family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
	/* In the same place for both. */
	return __builtin_bswap16(((const struct sockaddr_in *)a)->sin_port);
}

static int connect_to(const struct udp_socket *s, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)peer;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in->sin_port};

	if (peer->ss_family == s->family) {
		return ws_sys_connect(s->fd, (const struct sockaddr *)peer, address_len(s->family));
	}
	ws_udp_map(in6.sin6_addr.s6_addr, (const uint8_t *)&in->sin_addr);
	return ws_sys_connect(s->fd, (const struct sockaddr *)&in6, sizeof(in6));
}

/*
 * Of sockets that share a port the kernel prefers the one that is connected to the sender. One that
 * takes from everybody would be robbed, or rob, without a word: it shares with nobody. A free port is
 * taken before sharing is allowed, or else it might be another program's that shares.
 */
static int bind_socket(struct udp_io *u, const struct ws_io_config *config)
{
	const struct sockaddr_storage *local = config->udp_local;
	struct udp_socket *s = &u->socket;
	bool shares = !u->receives || config->udp_peer;
	struct sockaddr_storage bound = {0};
	socklen_t len = sizeof(bound);
	int r = 0;

	if (shares && port_of(local)) {
		r = set_int(s->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	}
	if (r == 0) {
		r = ws_sys_bind(
			s->fd, (const struct sockaddr *)local, address_len(local->ss_family));
	}
	if (r == 0 && shares && !port_of(local)) {
		r = set_int(s->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	}
	if (r == 0 && u->receives && config->udp_peer) {
		r = connect_to(s, config->udp_peer);
	}
	if (r == 0) {
		r = ws_sys_getsockname(s->fd, (struct sockaddr *)&bound, &len);
	}
	if (r < 0) {
		return r;
	}
	s->port = port_of(&bound);
	if (bound.ss_family == AF_INET) {
		memcpy(u->local, &((struct sockaddr_in *)&bound)->sin_addr, 4);
	} else {
		memcpy(u->local, &((struct sockaddr_in6 *)&bound)->sin6_addr, 16);
	}
	return 0;
}

static int make_slots(struct udp_io *u, const struct ws_io_config *config)
{
	u->frame_max = config->frame_max && config->frame_max < UDP_FRAME_MAX ? config->frame_max
									      : UDP_FRAME_MAX;
	u->frame_max = u->frame_max < WS_UDP_ROOM ? WS_UDP_ROOM : u->frame_max;
	u->slot_size = (u->frame_max + ROOM + 63) & ~63u;
	u->slot_count = (size_t)MAX_SLOTS * u->slot_size > MAX_MEMORY ? FEW_SLOTS : MAX_SLOTS;
	u->slots = aligned_alloc(64, (size_t)u->slot_count * u->slot_size);
	if (!u->slots) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < u->slot_count; i++) {
		memset(u->slots + (size_t)i * u->slot_size, 0,
			u->slot_size < TOUCHED ? u->slot_size : TOUCHED);
	}
	return 0;
}

static int open_rx(struct udp_io *u, const struct ws_io_config *config)
{
	unsigned flags = rx_flags(config);
	int r = make_slots(u, config);

	if (r == 0 && flags) {
		r = ws_sys_setsockopt(
			u->socket.fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
	}
	u->hw_clock = config->rx_hw_clock;
	u->io.caps.rx_stamps = config->rx_stamps;
	u->io.caps.frame_max = u->frame_max;
	u->io.caps.rx_buffer = packet_rcvbuf(
		u->socket.fd, config->rx_buffer ? config->rx_buffer : DEFAULT_RX_BUFFER);
	return r;
}

/* In one socket for both directions packets and stamps that were not read yet share the buffer. Each
 * has its part of it in proportion to what was asked for, and packets are bound to theirs by nothing:
 * a reader that falls behind may lose stamps, which are then told as missing. */
static int open_tx(struct udp_io *u, const struct ws_io_config *config, uint32_t mtu)
{
	uint64_t rx_buffer = config->rx_buffer ? config->rx_buffer : DEFAULT_RX_BUFFER;
	struct packet_tx_socket socket = {
		.fd = u->socket.fd,
		.way = &packet_tx_udp,
		.mtu = mtu ? mtu : USUAL_MTU,
		.rx_flags = rx_flags(config),
		.rx_buffer = u->receives ? rx_buffer : 0,
	};
	struct ws_io_caps *caps = &u->io.caps;
	int r;

	socket.frame_max = !mtu && config->frame_max ? config->frame_max
						     : packet_frame_max(config, socket.mtu);
	if (socket.frame_max > UDP_FRAME_MAX) {
		socket.frame_max = UDP_FRAME_MAX;
	}
	r = packet_tx_attach(&u->tx, &socket, config, caps);
	if (r < 0) {
		return r;
	}
	udp_tx_use(u->tx, &u->socket);
	if (u->receives) {
		caps->rx_buffer = packet_rcvbuf(u->socket.fd, 0) - caps->stamp_buffer;
	}
	if (!u->receives || socket.frame_max < caps->frame_max) {
		caps->frame_max = socket.frame_max;
	}
	return 0;
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

static void set_scope(struct udp_socket *s, const struct ws_io_config *config)
{
	const struct sockaddr_storage *from[] = {config->udp_local, config->udp_peer};

	s->scopes.otherwise = (uint32_t)config->ifindex;
	for (int i = 0; i < 2; i++) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from[i];

		if (in6 && in6->sin6_family == AF_INET6 && in6->sin6_scope_id) {
			s->scopes.otherwise = in6->sin6_scope_id;
		}
	}
}

static int open_halves(struct udp_io *u, const struct ws_io_config *config)
{
	const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct udp_socket *s = &u->socket;
	uint32_t mtu = 0;
	int r;

	s->fd = ws_sys_socket(s->family, SOCK_DGRAM, 0);
	if (s->fd < 0) {
		return s->fd;
	}
	if (s->ifindex) {
		r = packet_link(s->fd, s->ifindex, &mtu);
		if (r == 0) {
			r = bind_to_device(s);
		}
		if (r < 0) {
			return r;
		}
	}
	/* Nothing comes in before all is set up, and what only sends never has any use for it: the
	 * receive buffer is all for stamps then. */
	r = packet_set_filter(s->fd, &nothing, 1);
	if (r == 0) {
		r = set_options(u);
	}
	if (r == 0) {
		r = bind_socket(u, config);
	}
	if (r == 0 && u->receives) {
		r = open_rx(u, config);
	}
	if (r == 0 && config->dirs & WS_IO_TX) {
		r = open_tx(u, config, mtu);
	}
	if (r < 0 || !u->receives) {
		return r;
	}
	r = packet_set_filter(s->fd, NULL, 0);
	read_drops(u);
	u->drops_before = u->drops;
	u->last_drops = (uint32_t)u->drops;
	return r;
}

extern const struct ws_io_ops ws_io_udp;

static int udp_open(struct ws_io **ret, const struct ws_io_config *config)
{
	struct udp_io *u;
	int r = check(config);

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
	set_scope(&u->socket, config);
	r = open_halves(u, config);
	if (r < 0) {
		udp_close(&u->io);
		return r;
	}
	u->io.caps.udp_port = u->socket.port;
	*ret = &u->io;
	return 0;
}

/* Reads what is on the error queue while no stamp is waited for: ICMP messages, and stamps that were
 * given up. */
static void read_errors(struct udp_io *u)
{
	struct ws_io_tx_stamp none[PACKET_TX_STAMP_BATCH];
	int got = ERROR_BATCH;

	if (u->tx && u->io.caps.tx_stages) {
		(void)packet_tx_stamps(u->tx, none, PACKET_TX_STAMP_BATCH);
		return;
	}
	while (got == ERROR_BATCH) {
		for (unsigned i = 0; i < ERROR_BATCH; i++) {
			u->error_msgs[i].msg_hdr = (struct msghdr){
				.msg_control = u->error_controls[i],
				.msg_controllen = CONTROL_LEN,
			};
		}
		got = ws_sys_recvmmsg(
			u->socket.fd, u->error_msgs, ERROR_BATCH, MSG_ERRQUEUE | MSG_DONTWAIT);
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
	};
	tell_lost(u, &c, v);
}

static void prepare_messages(struct udp_io *u, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t slot = (u->head + u->borrowed + i) % u->slot_count;

		u->iovs[i] = (struct iovec){
			.iov_base = u->slots + (size_t)slot * u->slot_size + ROOM,
			.iov_len = u->frame_max - HEADERS_MIN,
		};
		u->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &u->iovs[i],
			.msg_iovlen = 1,
			.msg_name = &u->names[i],
			.msg_namelen = sizeof(u->names[i]),
			.msg_control = u->controls[i],
			.msg_controllen = CONTROL_LEN,
		};
	}
}

static int udp_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct udp_io *u = (struct udp_io *)io;
	unsigned want = u->slot_count - u->borrowed;
	int got = -EAGAIN;

	want = want < max ? want : max;
	want = want < RX_BATCH ? want : RX_BATCH;
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
