// SPDX-License-Identifier: BSD-2-Clause
#include "core/udpframe.h"

#include <errno.h>
#include <string.h>

#define ETH_HEADER_LEN	14
#define VLAN_TAG_LEN	4
#define VLAN_TAGS_MAX	2
#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_IPV6	0x86DD
#define ETHERTYPE_VLAN	0x8100 /* IEEE 802.1Q */
#define ETHERTYPE_QINQ	0x88A8 /* IEEE 802.1ad */
#define IPV4_HEADER_LEN 20
#define IPV4_DF		0x4000
#define IPV4_FRAGMENT	0x3FFF /* there are more, or an offset */
#define IPV6_HEADER_LEN 40
#define HOPS		64 /* what the datagram had left is not asked for */
#define PROTO_UDP	17
#define UDP_HEADER_LEN	8

static const uint8_t mac_to[6] = {2, 0, 0, 0, 0, 1}, mac_from[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void ws_udp_map(uint8_t ret[16], const uint8_t ipv4[4])
{
	memcpy(ret, mapped, sizeof(mapped));
	memcpy(ret + sizeof(mapped), ipv4, 4);
}

bool ws_udp_unmap(uint8_t ret[4], const uint8_t ipv6[16])
{
	if (memcmp(ipv6, mapped, sizeof(mapped)) != 0) {
		return false;
	}
	memcpy(ret, ipv6 + sizeof(mapped), 4);
	return true;
}

uint32_t ws_udp_headers_len(unsigned version)
{
	return ETH_HEADER_LEN + (version == 4 ? IPV4_HEADER_LEN : IPV6_HEADER_LEN) + UDP_HEADER_LEN;
}

/* Sum of 16-bit words (RFC 1071), not yet folded; an odd byte at the end counts as the upper half of
 * a word. 64 KiB do not overflow it. */
static uint32_t sum_words(const uint8_t *p, uint32_t len)
{
	uint32_t sum = 0;

	for (; len > 1; p += 2, len -= 2) {
		sum += get_be16(p);
	}
	return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* RFC 1112, RFC 2464: which group address of a link a multicast address has. */
static void put_mac(uint8_t *p, const struct ws_udp_ends *e, bool broadcast)
{
	if (broadcast) {
		memset(p, 0xff, 6);
	} else if (e->version == 4 && e->dst[0] >> 4 == 0xe) {
		const uint8_t mac[6] = {1, 0, 0x5e, e->dst[1] & 0x7f, e->dst[2], e->dst[3]};

		memcpy(p, mac, 6);
	} else if (e->version == 6 && e->dst[0] == 0xff) {
		memset(p, 0x33, 2);
		memcpy(p + 2, e->dst + 12, 4);
	} else {
		memcpy(p, mac_to, 6);
	}
}

static void put_ipv4(uint8_t *p, uint32_t udp_len, const struct ws_udp_ends *e)
{
	memset(p, 0, IPV4_HEADER_LEN);
	p[0] = 0x45;
	put_be16(p + 2, IPV4_HEADER_LEN + udp_len);
	put_be16(p + 6, IPV4_DF);
	p[8] = HOPS;
	p[9] = PROTO_UDP;
	memcpy(p + 12, e->src, 4);
	memcpy(p + 16, e->dst, 4);
	put_be16(p + 10, (uint16_t)~fold(sum_words(p, IPV4_HEADER_LEN)));
}

static void put_ipv6(uint8_t *p, uint32_t udp_len, const struct ws_udp_ends *e)
{
	memset(p, 0, 8);
	p[0] = 0x60;
	put_be16(p + 4, udp_len);
	p[6] = PROTO_UDP;
	p[7] = HOPS;
	memcpy(p + 8, e->src, 16);
	memcpy(p + 24, e->dst, 16);
}

uint32_t ws_udp_put_headers(uint8_t *payload, uint32_t len, uint32_t wire_len,
	const struct ws_udp_ends *ends, bool broadcast)
{
	uint32_t headers = ws_udp_headers_len(ends->version), udp_len = UDP_HEADER_LEN + wire_len;
	uint8_t *frame = payload - headers, *udp = payload - UDP_HEADER_LEN;
	uint8_t *ip = frame + ETH_HEADER_LEN;

	put_mac(frame, ends, broadcast);
	memcpy(frame + 6, mac_from, 6);
	put_be16(frame + 12, ends->version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	put_be16(udp, ends->src_port);
	put_be16(udp + 2, ends->dst_port);
	put_be16(udp + 4, udp_len);
	put_be16(udp + 6, 0);
	if (ends->version == 4) {
		put_ipv4(ip, udp_len, ends);
		return headers;
	}
	put_ipv6(ip, udp_len, ends);
	if (len == wire_len) {
		/* RFC 8200, 8.1: addresses, length and protocol, then all of the datagram. 0 is
		 * sent as its other representation. */
		uint16_t check =
			(uint16_t)~fold(sum_words(ip + 8, 32) + udp_len + PROTO_UDP +
					sum_words(udp, UDP_HEADER_LEN) + sum_words(payload, len));

		put_be16(udp + 6, check ? check : 0xffff);
	}
	return headers;
}

int ws_udp_parse(const uint8_t *frame, uint32_t len, struct ws_udp_ends *ret, uint32_t *ret_payload,
	uint32_t *ret_len)
{
	struct ws_udp_ends e = {0};
	uint32_t off = ETH_HEADER_LEN, total, udp_len;
	unsigned type;

	if (len < ETH_HEADER_LEN) {
		return -EINVAL;
	}
	type = get_be16(frame + 12);
	for (int tags = 0; type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; tags++) {
		if (tags == VLAN_TAGS_MAX || len - off < VLAN_TAG_LEN) {
			return -EINVAL;
		}
		type = get_be16(frame + off + 2);
		off += VLAN_TAG_LEN;
	}
	if (type == ETHERTYPE_IPV4 && len - off >= IPV4_HEADER_LEN) {
		const uint8_t *ip = frame + off;
		uint32_t header = 4 * (ip[0] & 0xfu);

		total = get_be16(ip + 2);
		if (ip[0] >> 4 != 4 || header < IPV4_HEADER_LEN || total > len - off ||
			total < header + UDP_HEADER_LEN || get_be16(ip + 6) & IPV4_FRAGMENT ||
			ip[9] != PROTO_UDP) {
			return -EINVAL;
		}
		e.version = 4;
		memcpy(e.src, ip + 12, 4);
		memcpy(e.dst, ip + 16, 4);
		off += header;
		total -= header;
	} else if (type == ETHERTYPE_IPV6 && len - off >= IPV6_HEADER_LEN) {
		const uint8_t *ip = frame + off;

		total = get_be16(ip + 4);
		if (ip[0] >> 4 != 6 || total > len - off - IPV6_HEADER_LEN ||
			total < UDP_HEADER_LEN || ip[6] != PROTO_UDP) {
			return -EINVAL;
		}
		e.version = 6;
		memcpy(e.src, ip + 8, 16);
		memcpy(e.dst, ip + 24, 16);
		off += IPV6_HEADER_LEN;
	} else {
		return -EINVAL;
	}
	udp_len = get_be16(frame + off + 4);
	if (udp_len < UDP_HEADER_LEN || udp_len > total) {
		return -EINVAL;
	}
	e.src_port = get_be16(frame + off);
	e.dst_port = get_be16(frame + off + 2);
	*ret = e;
	*ret_payload = off + UDP_HEADER_LEN;
	*ret_len = udp_len - UDP_HEADER_LEN;
	return 0;
}
