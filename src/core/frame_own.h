/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What frame.c, traffic.c and reflect.c have to know of headers and of the probes' bytes.
 */
#pragma once

#include "core/frame.h"

#define ETH_ADDR_LEN   6
#define ETH_HEADER_LEN 14
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86DD
#define ETHERTYPE_VLAN 0x8100 /* IEEE 802.1Q */
#define ETHERTYPE_QINQ 0x88A8 /* IEEE 802.1ad */
#define VLAN_TAG_LEN   4
#define VLAN_TAGS_MAX  2

#define IPV4_HEADER_LEN	 20
#define IPV4_DF		 0x4000
#define IPV4_MF		 0x2000
#define IPV4_FRAG_OFFSET 0x1FFF
#define IPV6_HEADER_LEN	 40
#define IPPROTO_UDP_NR	 17
#define UDP_HEADER_LEN	 8

#define PROBE_MAGIC	   'W'
#define PROBE_SHORT_LEN	   16
#define PROBE_FULL_LEN	   32
#define PROBE_KIND_OFF	   1
#define PROBE_RUN_OFF	   2
#define PROBE_STREAM_OFF   6
#define PROBE_SEQ_OFF	   8
#define PROBE_INTENDED_OFF 16
#define PROBE_CRC_OFF	   28

#define ANSWER_RX_OFF	    16
#define ANSWER_TX_OFF	    24
#define ANSWER_TX_SEQ_OFF   32
#define ANSWER_CLOCK_ID_OFF 40
#define ANSWER_RX_ORIGIN    44
#define ANSWER_TX_ORIGIN    45
#define ANSWER_CLOCK_OFF    46
#define ANSWER_COUNT_OFF    48
#define ANSWER_CRC_OFF	    52
#define ANSWER_NO_TIME	    INT64_MIN

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

/* Sum of 16-bit words for the Internet checksum (RFC 1071), not yet folded. len is even. */
static inline uint32_t sum_words(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += get_be16(p + i);
	}
	return sum;
}

static inline uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/*
 * Writes what stands behind the sequence of a full payload, whose beginning is there, and returns what that
 * adds to the Internet checksum.
 */
uint32_t ws_full_put(uint8_t *payload, int64_t intended_ns);

/*
 * Writes the WS_ANSWER_LEN bytes of an answer to run_id from probe->seq, stream and answer. `clock` is that
 * of its stamps; those of other clocks, or without a time, are written as not known.
 */
void ws_answer_put(
	uint8_t *payload, uint32_t run_id, const struct ws_probe *probe, enum ws_clock clock);
