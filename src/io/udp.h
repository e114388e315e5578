/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the `udp` backend: what its two halves share. For udp.c, udp_open.c and udp_tx.c alone. */
#pragma once

#include <netinet/in.h>

#include "core/udpframe.h"
#include "io/packet_tx.h"

#define UDP_FRAME_MAX (14u + 65535u) /* Ethernet, and the longest IP packet */
#define UDP_SCOPES    64	     /* a power of two */

/* IPv6 link-local addresses need an interface, which frames have no place for: that through which
 * something came from there last. */
struct udp_scopes {
	struct {
		uint8_t tail[8]; /* of the address */
		uint32_t ifindex;
	} of[UDP_SCOPES];
	uint32_t otherwise;
};

struct udp_socket {
	int fd, family;
	int ifindex; /* that it is bound to; 0: none */
	uint16_t port;
	struct udp_scopes scopes;
};

#define UDP_RX_BATCH	64
#define UDP_ROOM	64u /* for headers, in front of a payload: it stays aligned */
#define UDP_CONTROL_LEN 256
#define UDP_ERROR_BATCH 16

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
	struct mmsghdr msgs[UDP_RX_BATCH];
	struct iovec iovs[UDP_RX_BATCH];
	struct sockaddr_in6 names[UDP_RX_BATCH]; /* or struct sockaddr_in */
	uint8_t controls[UDP_RX_BATCH][UDP_CONTROL_LEN] __attribute__((aligned(8)));
	/* messages of the error queue */
	struct mmsghdr error_msgs[UDP_ERROR_BATCH];
	uint8_t error_controls[UDP_ERROR_BATCH][UDP_CONTROL_LEN] __attribute__((aligned(8)));
};

/* 0, or why the configuration cannot be: -EINVAL, -EOPNOTSUPP. */
int udp_check(const struct ws_io_config *config);
/* Both halves, as the configuration wants them; on an error what there is stays the caller's. */
int udp_open_halves(struct udp_io *u, const struct ws_io_config *config);

bool udp_link_local(const uint8_t ipv6[16]);
void udp_scope_learn(struct udp_scopes *s, const uint8_t ipv6[16], uint32_t ifindex);
uint32_t udp_scope_of(const struct udp_scopes *s, const uint8_t ipv6[16]);

/* An error that an earlier datagram's ICMP message left behind, or that looks like one. */
bool udp_error_of_icmp(int error);

extern const struct packet_tx_way packet_tx_udp;
/* Goes before the first frame, with the socket bound: it also finds out who makes the keys. */
void udp_tx_use(struct packet_tx *tx, const struct udp_socket *socket);
