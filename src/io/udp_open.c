/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening of the `udp` backend: what makes no sense, options, addresses, buffers. */
#include "io/udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host/sys.h"

#define MAX_SLOTS	  1024 /* views that can be borrowed at a time */
#define FEW_SLOTS	  256  /* of a size of which MAX_SLOTS would be too much memory */
#define MAX_MEMORY	  (16u << 20)
#define TOUCHED		  2048u /* of each slot, before the first packet */
#define DEFAULT_RX_BUFFER (8u << 20)
#define USUAL_MTU	  1500

_Static_assert(UDP_ROOM >= WS_UDP_ROOM, "room for headers");

static int set_int(int fd, int level, int name, int value)
{
	return ws_sys_setsockopt(fd, level, name, &value, sizeof(value));
}

/* What makes no sense on a socket of this kind. */
int udp_check(const struct ws_io_config *c)
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
	u->slot_size = (u->frame_max + UDP_ROOM + 63) & ~63u;
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

int udp_open_halves(struct udp_io *u, const struct ws_io_config *config)
{
	const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct udp_socket *s = &u->socket;
	uint32_t mtu = 0;
	int r;

	set_scope(s, config);
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
	return packet_set_filter(s->fd, NULL, 0);
}
