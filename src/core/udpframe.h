/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between datagrams of a UDP socket and frames: a socket gives and takes payload and addresses, all
 * else here looks at Ethernet frames. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_UDP_ROOM 62 /* what the headers take at most: Ethernet, IPv6, UDP */

/* Where a datagram came from, and where it goes. */
struct ws_udp_ends {
	unsigned version;	  /* 4 or 6 */
	uint8_t src[16], dst[16]; /* network order; of IPv4 the first 4 bytes */
	uint16_t src_port, dst_port;
};

/* Of the Ethernet, IP and UDP header together. */
uint32_t ws_udp_headers_len(unsigned version);

/*
 * Writes headers in front of a payload, into the ws_udp_headers_len() bytes before it, and returns
 * their length. The payload is len bytes long, and was wire_len before it was cut off. The frame comes
 * from 02:00:00:00:00:02 and goes to 02:00:00:00:00:01, or to the group address that belongs to a
 * multicast address; `broadcast`: to ff:ff:ff:ff:ff:ff. The IPv4 header's checksum is right. The UDP
 * checksum is 0 over IPv4, where that means none; over IPv6, where there must be one, it is right,
 * unless the payload was cut off: then it is 0 as well.
 */
uint32_t ws_udp_put_headers(uint8_t *payload, uint32_t len, uint32_t wire_len,
	const struct ws_udp_ends *ends, bool broadcast);

/*
 * What a socket has to know of a frame to send it. Accepts at most two VLAN tags. 0; -EINVAL if that
 * is no UDP over IPv4, or over IPv6 without extension headers, that is whole (no fragment, lengths
 * within the frame; bytes behind the datagram are padding). Writes nothing on an error.
 */
int ws_udp_parse(const uint8_t *frame, uint32_t len, struct ws_udp_ends *ret, uint32_t *ret_payload,
	uint32_t *ret_len);

/* An IPv4 address as a part of IPv6's (::ffff:a.b.c.d), and back; false: it is another one. */
void ws_udp_map(uint8_t ret[16], const uint8_t ipv4[4]);
bool ws_udp_unmap(uint8_t ret[4], const uint8_t ipv6[16]);
