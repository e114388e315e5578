/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a specification of traffic is made into: traffic_check.c judges it, traffic_build.c makes it into
 * a struct ws_traffic, traffic.c writes frames by that.
 */
#pragma once

#include "core/traffic.h"

#define WS_IMIX_LEN	12
#define WS_IMIX_LARGE	1514
#define WS_VLAN_TAG_LEN 4
#define WS_HEADER_MAX	256
#define WS_PROBE_LEN	16
#define WS_FULL_LEN	32
#define WS_FLOW_BITS	14 /* of a flow's number: in the source port */
#define WS_VLAN_ID_MAX	4094
#define WS_MAC_BITS	40 /* that count on: the first octet tells groups from stations */

/* n mod count without a division: inverse is floor((2^64 - 1) / count). */
struct ws_modulus {
	uint64_t count, inverse;
};

enum ws_shape { WS_SHAPE_MAC, WS_SHAPE_VLAN, WS_SHAPE_PORT, WS_SHAPE_IPV4, WS_SHAPE_IPV6 };

/* One thing that differs from frame to frame. */
struct ws_traffic_field {
	enum ws_shape shape;
	enum ws_vary_kind kind;
	uint32_t off;
	uint64_t key;	/* of random numbers */
	unsigned shift; /* the number in the pattern, as it is used: shifted and masked */
	uint64_t mask;
	struct ws_modulus modulus;
	uint64_t base; /* of an IPv6 address the low half, of a VLAN identifier less one */
	uint16_t prio; /* of a VLAN tag, in place */
	const struct ws_field_value *list;
};

struct ws_traffic {
	/*
	 * A frame of the greatest length, with zeros for all that is written into each frame. The sums
	 * are of the 16-bit words that the checksums cover, as they stand here: what is written is
	 * added. Lengths and the sum of the payload are in there if all frames are equally long.
	 */
	uint8_t *image;
	uint64_t ip_sum, l4_sum;
	uint64_t pseudo_mask;	/* addresses count in the checksum of layer 4: all ones, or 0 */
	uint16_t *payload_sums; /* [i]: of the first i bytes of payload; NULL: not needed */
	struct ws_traffic_field fields[WS_FIELD_COUNT + 2]; /* patterns, and flows in two places */
	unsigned field_count;
	enum ws_proto proto;
	unsigned ip_version;
	bool varies;	   /* some fields, or lengths */
	bool ip_check;	   /* each frame has an IPv4 checksum of its own */
	bool lengths_vary; /* and stand in headers */
	uint32_t ip_off, l4_off, payload_off, check_off; /* check_off 0: no checksum */
	/* 0: no PTP message; else where it is, and what of it differs: the MAC address in its identity, its lengths. */
	uint32_t ptp_off;
	bool ptp_mac, ptp_lengths;
	uint32_t length_weight; /* how often the length of layer 4 counts in its checksum */
	uint32_t probe_min;	/* frames of this length on hold a probe; UINT32_MAX: none */
	uint32_t full_min;	/* and of this one on a full one; the same */
	/* What stands before its sequence, and the sum of that; in a full one the kind is another. */
	uint8_t probe[WS_PROBE_LEN / 2];
	uint32_t probe_sum;
	enum ws_size_kind size;
	uint32_t header_len, len_min, len_max;
	uint32_t imix[WS_IMIX_LEN];
	uint64_t size_key, syn_key;   /* of random numbers */
	struct ws_field_value *lists; /* all of them */
};

/* 0, -EINVAL, -EMSGSIZE: what ws_traffic_new() says of a specification. */
int ws_traffic_check(const struct ws_traffic_spec *spec);
uint32_t ws_traffic_eth_len(const struct ws_traffic_spec *spec);
uint32_t ws_traffic_ip_len(const struct ws_traffic_spec *spec);
/* Whether there are probes in its frames, as far as they fit. Of one whose headers are good. */
bool ws_traffic_holds_probe(const struct ws_traffic_spec *spec);
/* What every frame has room for behind its headers: 0, or that of requests and collects, or in a PTP message of probes. */
uint32_t ws_traffic_least_payload(const struct ws_traffic_spec *spec);

static inline void ws_put16(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void ws_put32(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void ws_put64(uint8_t *p, uint64_t v)
{
	ws_put32(p, v >> 32);
	ws_put32(p + 4, v);
}

/*
 * Sums may be of 32-bit words as well as of their halves, since 2^16 is 1 modulo 2^16 - 1. So all that
 * is added here is below 2^33, and 64 bits hold the sum of a frame of any length.
 */
static inline uint64_t ws_sum64(uint64_t v)
{
	return (v >> 32) + (uint32_t)v;
}

static inline uint16_t ws_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

/* Sums of what was just written. */
struct ws_traffic_sums {
	uint64_t ip, l4;
};

/* Writes the lengths that stand in headers. */
static inline void ws_traffic_put_lengths(
	const struct ws_traffic *t, uint8_t *buf, uint32_t len, struct ws_traffic_sums *sums)
{
	uint32_t l4_len = len - t->l4_off;

	if (t->ip_version == 4) {
		ws_put16(buf + t->ip_off + 2, len - t->ip_off);
		sums->ip += len - t->ip_off;
	} else {
		ws_put16(buf + t->ip_off + 4, l4_len);
	}
	if (t->proto == WS_PROTO_UDP) {
		ws_put16(buf + t->l4_off + 4, l4_len);
	}
	sums->l4 += (uint64_t)l4_len * t->length_weight;
}
