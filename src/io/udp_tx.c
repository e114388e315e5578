/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmits the payload of frames as datagrams, by sendmmsg. Source: linux/net/ipv4/udp.c,
 * net/ipv6/udp.c, net/ipv4/ip_output.c.
 */
#include "io/udp.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "host/sys.h"
#include "host/uapi.h"

#define CONTROL_MORE CMSG_SPACE(sizeof(struct in6_pktinfo)) /* the larger of the two */
#define MSG_PROBE_   0x10 /* do all but send; the C library's headers call it MSG_PROXY */
#define PROBE_PORT   9	  /* never sent to */
/* So often one frame is tried again because of errors that may be those of earlier ones. */
#define TRIES 4

struct udp_tx {
	struct packet_tx_mmsg m;
	const struct udp_socket *socket;
	struct sockaddr_in6 *names; /* or struct sockaddr_in */
	unsigned tries;		    /* of the oldest frame that failed so */
};

static int udp_open(struct packet_tx *tx, uint32_t mtu, uint32_t frame_max)
{
	struct udp_tx *u = (struct udp_tx *)tx;
	int r = packet_tx_mmsg_open(tx, mtu, frame_max);

	if (r < 0) {
		return r;
	}
	u->names = calloc(tx->slots, sizeof(*u->names));
	return u->names ? 0 : -ENOMEM;
}

static void udp_close(struct packet_tx *tx)
{
	struct udp_tx *u = (struct udp_tx *)tx;

	free(u->names);
	packet_tx_mmsg_close(tx);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	static const uint8_t zeros[16];

	return !memcmp(p, zeros, len);
}

static void put_name(const struct udp_tx *u, uint32_t i, const struct ws_udp_ends *e)
{
	struct msghdr *m = &u->m.msgs[i].msg_hdr;
	struct sockaddr_in6 *in6 = &u->names[i];
	struct sockaddr_in *in = (struct sockaddr_in *)in6;

	m->msg_name = in6;
	if (u->socket->family == AF_INET) {
		*in = (struct sockaddr_in){
			.sin_family = AF_INET,
			.sin_port = __builtin_bswap16(e->dst_port),
		};
		memcpy(&in->sin_addr, e->dst, 4);
		m->msg_namelen = sizeof(*in);
		return;
	}
	*in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = __builtin_bswap16(e->dst_port),
	};
	if (e->version == 4) {
		ws_udp_map(in6->sin6_addr.s6_addr, e->dst);
	} else {
		memcpy(&in6->sin6_addr, e->dst, 16);
		if (udp_link_local(e->dst)) {
			in6->sin6_scope_id = udp_scope_of(&u->socket->scopes, e->dst);
		}
	}
	m->msg_namelen = sizeof(*in6);
}

/* The address that it is to come from, if the frame has one. Returns the length. */
static size_t put_source(const struct udp_tx *u, uint8_t *at, const struct ws_udp_ends *e)
{
	struct cmsghdr *c = (struct cmsghdr *)at;
	struct in6_pktinfo info6 = {0};
	struct in_pktinfo info = {0};

	if (all_zero(e->src, e->version == 4 ? 4 : 16)) {
		return 0;
	}
	if (u->socket->family == AF_INET) {
		memcpy(&info.ipi_spec_dst, e->src, 4);
		c->cmsg_level = SOL_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	if (e->version == 4) {
		ws_udp_map(info6.ipi6_addr.s6_addr, e->src);
	} else {
		memcpy(&info6.ipi6_addr, e->src, 16);
	}
	c->cmsg_level = SOL_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info6));
	memcpy(CMSG_DATA(c), &info6, sizeof(info6));
	return CMSG_SPACE(sizeof(info6));
}

/* Makes message i of the frame in slot i. 0, or what is wrong with the frame. */
static int prepare(struct udp_tx *u, uint32_t i, const struct ws_io_tx *frame, uint32_t *key)
{
	struct packet_tx *tx = &u->m.tx;
	struct msghdr *m = &u->m.msgs[i].msg_hdr;
	uint8_t *data = u->m.buffers + (size_t)i * tx->slot_size;
	uint8_t *control = u->m.controls + i * u->m.control_len;
	struct ws_udp_ends e;
	uint32_t off, len;
	size_t used;
	int r = frame->len > tx->slot_size ? -EMSGSIZE
					   : ws_udp_parse(data, frame->len, &e, &off, &len);

	if (r < 0) {
		return r;
	}
	if (e.version == 6 && u->socket->family == AF_INET) {
		return -EAFNOSUPPORT;
	}
	put_name(u, i, &e);
	u->m.iovs[i] = (struct iovec){.iov_base = data + off, .iov_len = len};
	used = packet_tx_control(tx, control, frame, *key);
	used += put_source(u, control + used, &e);
	m->msg_control = used ? control : NULL;
	m->msg_controllen = used;
	*key += frame->want_stamp && tx->keys;
	return 0;
}

/*
 * The kernel did not take the first frame. An error that an ICMP message left on the socket is told in
 * place of sending, once: then the frame is tried again.
 */
static void explain(struct udp_tx *u, const struct ws_io_tx *frame, struct packet_tx_sent *ret)
{
	struct packet_tx *tx = &u->m.tx;
	uint32_t mtu;
	int r;

	if (ret->error == -EAGAIN || ret->error == -EINTR || ret->error == -ENOBUFS) {
		return;
	}
	/* Before 6.10 or so the kernel's count goes on whether or not a datagram was made. */
	tx->keys_unsure = tx->keys_unsure || (frame->want_stamp && tx->keys && !tx->keys_explicit);
	if (u->socket->ifindex) {
		/* To a socket an interface that is down is a missing route. */
		r = packet_link(tx->fd, u->socket->ifindex, &mtu);
		if (r == -ENETDOWN || r == -ENODEV) {
			ret->error = r;
			return;
		}
	}
	if (!udp_error_of_icmp(ret->error)) {
		return;
	}
	if (++u->tries < TRIES) {
		ret->error = -EINTR;
		return;
	}
	/* The others are told of this frame as well: there is no route, it is too long. */
	u->tries = 0;
	ret->error = ret->error == -ECONNREFUSED ? -EAGAIN : ret->error;
}

static void udp_send(struct packet_tx *tx, const struct ws_io_tx *frames, unsigned n, uint32_t key,
	struct packet_tx_sent *ret)
{
	struct udp_tx *u = (struct udp_tx *)tx;
	unsigned ready = 0;
	int wrong = 0;

	while (ready < n) {
		wrong = prepare(u, tx->head + ready, &frames[ready], &key);
		if (wrong < 0) {
			break;
		}
		ready++;
	}
	if (ready) {
		packet_tx_mmsg_call(&u->m, ready, ret);
	}
	if (ret->taken) {
		u->tries = 0;
	}
	if (ret->taken == ready && wrong < 0) {
		ret->error = wrong;
		ret->wrong = true;
	} else if (!ret->taken) {
		explain(u, frames, ret);
	}
}

/* Whether the kernel objects to a message with, or without, a key of ours. Nothing is sent. */
static int probe(const struct udp_tx *u, bool with_key)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = __builtin_bswap16(PROBE_PORT),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = __builtin_bswap16(PROBE_PORT),
		.sin_addr = {__builtin_bswap32(INADDR_LOOPBACK)},
	};
	bool v4 = u->socket->family == AF_INET;
	uint8_t control[PACKET_TX_CONTROL_LEN] __attribute__((aligned(8))) = {0};
	const struct ws_io_tx stamped = {.want_stamp = true};
	struct msghdr m = {
		.msg_name = v4 ? (void *)&in : (void *)&in6,
		.msg_namelen = v4 ? sizeof(in) : sizeof(in6),
		.msg_control = control,
	};
	struct packet_tx tx = {.keys = u->m.tx.keys, .record_flags = u->m.tx.record_flags};

	tx.keys_explicit = with_key;
	m.msg_controllen = packet_tx_control(&tx, control, &stamped, 0);
	return (int)ws_sys_sendmsg(u->m.tx.fd, &m, MSG_DONTWAIT | MSG_CONFIRM | MSG_PROBE_);
}

void udp_tx_use(struct packet_tx *tx, const struct udp_socket *socket)
{
	struct udp_tx *u = (struct udp_tx *)tx;

	u->socket = socket;
	if (!tx->keys) {
		return;
	}
	/* Datagrams can be wrong in many ways, which all are EINVAL: the first one would not do to find
	 * this out. */
	if (probe(u, true) != -EINVAL) {
		tx->keys_proven = true;
	} else if (probe(u, false) != -EINVAL) {
		tx->keys_explicit = false;
	}
	tx->caps->tx_keys_explicit = tx->keys_explicit;
}

const struct packet_tx_way packet_tx_udp = {
	.backend = "udp",
	.size = sizeof(struct udp_tx),
	.control_more = CONTROL_MORE,
	.again_unsure = true,
	.open = udp_open,
	.close = udp_close,
	.slot = packet_tx_mmsg_slot,
	.send = udp_send,
};
