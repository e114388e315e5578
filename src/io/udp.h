/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the `udp` backend: what its two halves share. For udp.c and udp_tx.c alone. */
#pragma once

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

bool udp_link_local(const uint8_t ipv6[16]);
void udp_scope_learn(struct udp_scopes *s, const uint8_t ipv6[16], uint32_t ifindex);
uint32_t udp_scope_of(const struct udp_scopes *s, const uint8_t ipv6[16]);

/* An error that an earlier datagram's ICMP message left behind, or that looks like one. */
bool udp_error_of_icmp(int error);

extern const struct packet_tx_way packet_tx_udp;
/* Goes before the first frame, with the socket bound: it also finds out who makes the keys. */
void udp_tx_use(struct packet_tx *tx, const struct udp_socket *socket);
