/* SPDX-License-Identifier: BSD-2-Clause */
/* One packet as one line of text, like a terse tcpdump. Survives any bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WS_PACKET_LINE_SIZE 512 /* holds every line */

struct ws_packet_text {
	int64_t ns; /* since the epoch, shown as local time of day with 9 digits; INT64_MIN:
				  none */
	const char *interface; /* shown if not NULL */
	const char *note;      /* shown in brackets behind, if not NULL: "12 lost before" */
	uint16_t linktype;     /* LINKTYPE_: Ethernet, LINUX_SLL, LINUX_SLL2, RAW, NULL; others are
				  told as such */
	const uint8_t *data;
	uint32_t len, wire_len;
	uint8_t direction; /* 0 unknown, 1 in, 2 out */
};

/*
 * "12:00:01.123456789 eth0 In  98 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53" and the like: time, length
 * on the wire, protocol, addresses, ports, TCP flags, ICMP type, ARP question, VLAN ids, "truncated"
 * where it was. Writes at most size bytes with the final NUL, no newline; returns the length.
 */
size_t ws_packet_line(char *buf, size_t size, const struct ws_packet_text *p);
