/* SPDX-License-Identifier: BSD-2-Clause */
/* One packet as one line of text, like a terse tcpdump. Survives any bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_PACKET_LINE_SIZE 512 /* holds every line */

/* What local time was last found to be; all zero at first. */
struct ws_packet_clock {
	bool known;
	int64_t quarter; /* of an hour since the epoch: local time jumps at most between two */
	int32_t offset_s;
};

struct ws_packet_text {
	int64_t ns; /* since the epoch, shown as local time of day with 9 digits; INT64_MIN:
				  none */
	struct ws_packet_clock *clock; /* the caller's, makes it faster; may be NULL */
	const char *interface;	       /* shown if not NULL, its first 32 bytes at most */
	const char *note;  /* shown in brackets behind, if not NULL: "12 lost before"; its first
				  96 bytes */
	uint16_t linktype; /* LINKTYPE_: Ethernet, LINUX_SLL, LINUX_SLL2, RAW, NULL, LOOP, IPV4,
				  IPV6; others are told as such */
	const uint8_t *data;
	uint32_t len, wire_len;
	uint8_t direction; /* 0 unknown (then a cooked header's, if there is one), 1 in, 2 out */
};

/*
 * "12:00:01.123456789 eth0 In  98 IPv4 UDP 10.0.0.1:5000 > 10.0.0.2:53 len 56" and the like: time,
 * length on the wire, protocol, addresses, ports, TCP flags, ICMP type, ARP question, VLAN ids.
 * "truncated to N" at the end if there are fewer bytes than there were. Writes at most size bytes
 * with the final NUL, no newline and no other control character; returns the length of what it
 * wrote.
 */
size_t ws_packet_line(char *buf, size_t size, const struct ws_packet_text *p);
