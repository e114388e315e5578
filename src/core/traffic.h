/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic: the frames of a load. Frame n is a function of the specification and n, so that several
 * threads can build them in any order, and the same seed gives the same bytes everywhere. Pure.
 *
 * Lengths are without the FCS, as the kernel sees a frame.
 *
 *   Ethernet (IEEE 802.3), up to two VLAN tags (802.1Q; of two the outer one is 802.1ad), then
 *   IPv4 (RFC 791) or IPv6 (RFC 8200) with UDP (RFC 768), TCP SYN (RFC 9293) or ICMP echo request
 *   (RFC 792, RFC 4443), or a payload right behind the ethertype, or behind given header bytes.
 *
 * All lengths and checksums are right (a UDP checksum of 0 is sent as 0xffff). The payload fills the
 * frame, of TCP and ICMP too. Frames whose headers and payload are shorter than WS_FRAME_MIN are made
 * that long: by payload.
 *
 * IPv4 packets may not be fragmented and have identification 0; the flow label of IPv6 is 0. A TCP SYN
 * has no options, window 64240, and a sequence number from the seed by n. The sequence number of an ICMP
 * echo request is n mod 2^16. Header bytes that are given are sent as they are, but for MAC addresses
 * that vary.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/units.h"

#define WS_TRAFFIC_VLANS       2
#define WS_TRAFFIC_FIELDS_TEXT "src-mac, dst-mac, vlan, vlan2, src, dst, sport, dport"

enum ws_proto {
	WS_PROTO_UDP,
	WS_PROTO_TCP_SYN,
	WS_PROTO_ICMP_ECHO,
	WS_PROTO_RAW, /* ethertype and payload, or the header bytes and payload */
	WS_PROTO_COUNT,
};

/* What can vary from frame to frame. */
enum ws_field {
	WS_FIELD_SRC_MAC,
	WS_FIELD_DST_MAC,
	WS_FIELD_VLAN,	/* the outer identifier */
	WS_FIELD_VLAN2, /* the inner one of two */
	WS_FIELD_SRC_IP,
	WS_FIELD_DST_IP,
	WS_FIELD_SRC_PORT, /* for ICMP the identifier */
	WS_FIELD_DST_PORT, /* not for ICMP */
	WS_FIELD_COUNT,
};

/* "src-mac", "dst-mac", "vlan", "vlan2", "src", "dst", "sport", "dport". */
const char *ws_field_name(enum ws_field field);

enum ws_vary_kind {
	WS_VARY_NONE,
	WS_VARY_INCREMENT, /* base + n mod count */
	WS_VARY_RANDOM,	   /* base + a random number in [0, count), from the seed */
	WS_VARY_LIST,	   /* list[n mod count] */
};

/* A field's value as a number: of an IPv6 address both halves, else low alone. */
struct ws_field_value {
	uint64_t high, low;
};

/*
 * The base is the value of the field in the specification, or in the header bytes. What grows beyond the
 * field's bits wraps around (VLAN identifiers: within 1 to 4094; ports: within 16 bits; a MAC address: its
 * low 40 bits, so that a station's does not become a group's; an IPv6 address: its low 64 bits).
 */
struct ws_vary {
	enum ws_vary_kind kind;
	uint64_t count;			   /* at least 1 */
	const struct ws_field_value *list; /* count values that fit, for WS_VARY_LIST; copied */
};

enum ws_size_kind {
	WS_SIZE_FIXED, /* len_min */
	WS_SIZE_RANGE, /* uniform from len_min to len_max, from the seed */
	WS_SIZE_IMIX, /* 7 of 60 (the headers' length, with the payload of requests, collects and PTP, if
			  that is more), 4 of 590 and 1 of 1514 bytes, interleaved, again and again */
};

enum ws_fill {
	WS_FILL_PROBE, /* a probe (core/frame.h) of the kind that is asked for, with the frame's number,
			  then zeros; only zeros where it does not fit or the protocol is neither UDP
			  nor raw 0x88B5, nor PTP (of given header bytes: right at their end, behind two VLAN
			  tags at most). Requests and collects always fit, as do probes in PTP. Frames that are too short
			  for a full probe have a short one. */
	WS_FILL_ZERO,
	WS_FILL_INCREMENT, /* 0, 1, ... 255, 0, ... */
	WS_FILL_RANDOM,	   /* from the seed; the same in every frame */
	WS_FILL_BYTES,	   /* the given bytes, again and again */
};

struct ws_traffic_spec {
	uint8_t dst_mac[6], src_mac[6];
	unsigned vlan_count; /* 0 to WS_TRAFFIC_VLANS; the outer one first */
	struct {
		uint16_t id;  /* 0 to 4094; 0 does not increment, nor vary at random */
		uint8_t prio; /* 0 to 7 */
	} vlan[WS_TRAFFIC_VLANS];
	enum ws_proto proto;
	unsigned ip_version;		/* 4 or 6; 0 for WS_PROTO_RAW */
	uint8_t src_ip[16], dst_ip[16]; /* network order; IPv4 in the first 4 bytes */
	uint8_t ttl;			/* and hop limit; 0: 64 */
	uint8_t tos;			/* and traffic class */
	uint16_t src_port, dst_port;	/* ICMP: identifier; unused */
	uint16_t ethertype;		/* WS_PROTO_RAW without header; 0x0600 at least */
	/*
	 * A PTP message (core/frame.h) stands before the payload, and counts as a header: with UDP to WS_PTP_PORT, that
	 * does not vary, or with RAW without header and ethertype 0x88F7. Its sequence is the frame's number, and every
	 * frame has room for a probe: fill is PROBE.
	 */
	enum ws_ptp_message ptp;
	const uint8_t *header; /* WS_PROTO_RAW: everything before the payload, from the destination
				  address on, in place of what is above; NULL: not; copied */
	uint32_t header_len;   /* 14 to 256; no VLANs then */
	/*
	 * Flow n mod flows differs from the others: in the source port (ICMP: identifier) within
	 * 16384 values, and beyond that in the source address; raw frames in the source MAC address.
	 * 0 or 1: all alike. Not together with a pattern for one of these fields, nor more than differ:
	 * 2^46 over IPv4, 2^40 raw (-EINVAL).
	 */
	uint64_t flows;
	struct ws_vary vary[WS_FIELD_COUNT];
	enum ws_size_kind size;
	uint32_t len_min, len_max; /* fixed: both alike; IMIX: unused */
	enum ws_fill fill;
	const uint8_t *bytes; /* WS_FILL_BYTES; copied */
	uint32_t bytes_len;   /* 1 to 65535 */
	uint32_t run_id;      /* of the probes */
	uint16_t stream;
	enum ws_payload
		probe; /* SHORT (0 counts as that) or FULL; REQUEST or COLLECT: where probes are, alone */
	uint64_t seed;
};

struct ws_traffic;

/* The headers' length: no frame is shorter. Of any specification, be it one that contradicts. */
uint32_t ws_traffic_header_len(const struct ws_traffic_spec *spec);
/* The shortest and the longest frame that the specification can give. The same. */
uint32_t ws_traffic_len_min(const struct ws_traffic_spec *spec);
uint32_t ws_traffic_len_max(const struct ws_traffic_spec *spec);
/* What probe a frame of that length holds; 0: none. Of a specification that ws_traffic_new() takes. */
enum ws_payload ws_traffic_probe_of(const struct ws_traffic_spec *spec, uint32_t len);

/*
 * 0; -EMSGSIZE: a length is below the headers, or beyond 65535, or the shortest frame has no room for the
 * WS_ANSWER_LEN bytes of a request or collect, or for a short probe in a PTP message; -EINVAL: something contradicts (a field that varies but is
 * not in the frame, a count of 0, len_min above len_max, wrong IP version, requests in what holds no
 * probes, a PTP message elsewhere than above); -ENOMEM. What contradicts is said before what does not fit. Writes *ret only on 0.
 */
int ws_traffic_new(struct ws_traffic **ret, const struct ws_traffic_spec *spec);
void ws_traffic_free(struct ws_traffic *t);

/*
 * Writes frame n to buf, which has room for the longest, and returns its length. Any number of threads
 * at once. No allocation, no division; the cost is a copy of the frame and tens of instructions, and
 * ten to forty more for each field that varies, some hundred for a full probe. Nothing but full probes has
 * the intended time, and the checksums that cover them: of all other traffic it changes no byte.
 */
uint32_t ws_traffic_write_at(
	const struct ws_traffic *t, uint8_t *buf, uint64_t n, int64_t intended_ns);

/* The same with an intended time of 0. */
uint32_t ws_traffic_write(const struct ws_traffic *t, uint8_t *buf, uint64_t n);

/*
 * As ws_traffic_write_at() where buf holds another frame of the same t: the bytes of a fixed size that no
 * frame changes are not written again.
 */
uint32_t ws_traffic_rewrite_at(
	const struct ws_traffic *t, uint8_t *buf, uint64_t n, int64_t intended_ns);

/*
 * Makes of a PTP event message in buf, which frame n was written to, one that no card stamps on receive (message type
 * Signaling, 0xC; checksums follow), so that it takes no room in a card that can hold few stamps. The next
 * ws_traffic_rewrite_at() on buf writes an event again. Of other traffic it changes nothing.
 */
void ws_traffic_mute(const struct ws_traffic *t, uint8_t *buf, uint32_t len);

/*
 * What the sizes mean for a rate: bits of `frames` frames together, in layer 2 (with FCS) and layer 1
 * (with preamble and gap too, 84 bytes at least). Of a range: two frames of mean size, or the exact sum
 * over all its sizes.
 */
struct ws_frame_sizes {
	uint64_t frames, l2_bits, l1_bits;
};
struct ws_frame_sizes ws_traffic_sizes(const struct ws_traffic *t);

/*
 * A 64-bit fingerprint of the bytes: FNV-1a over length (32 bits, little-endian) and contents of frames
 * 0 to min(count, 4096) - 1. Run id and times do not enter it: contents are those that run id 0 and intended
 * times of 0 have. Some 10 ms for frames of 1514 bytes.
 */
uint64_t ws_traffic_hash(const struct ws_traffic *t, uint64_t count);
