/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 (RFC 791) and IPv6 (RFC 8200), and what they carry. */
#include "core/frame.h"
#include "report/packet_text.h"

#define EXTENSIONS_MAX 16
#define PTP_EVENT_PORT 319
#define PTP_OTHER_PORT 320

enum {
	HOP_BY_HOP = 0,
	ICMP = 1,
	IGMP = 2,
	TCP = 6,
	UDP = 17,
	DCCP = 33,
	ROUTING = 43,
	FRAGMENT = 44,
	GRE = 47,
	ESP = 50,
	AH = 51,
	ICMPV6 = 58,
	DESTINATION = 60,
	SCTP = 132,
	UDP_LITE = 136,
};

/* What the IP header tells of the packet. */
struct ip {
	bool v6;
	const uint8_t *src, *dst;
	uint8_t protocol;
	bool fragment; /* of a packet that is longer */
	bool more;     /* fragments follow */
	uint32_t id, offset;
	bool extended;	  /* has options or extension headers */
	uint32_t missing; /* bytes that the header speaks of and that never were on the wire */
};

void put_ipv4(struct text *t, const uint8_t a[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (i) {
			put_char(t, '.');
		}
		put_number(t, a[i]);
	}
}

static void put_short_hex(struct text *t, uint16_t v)
{
	put_hex(t, v, v > 0xfff ? 4 : v > 0xff ? 3 : v > 0xf ? 2 : 1);
}

void put_ipv6(struct text *t, const uint8_t a[16])
{
	unsigned begin = 8, len = 1, words = 8; /* of the longest run of more than one 0 */
	uint16_t w[8];

	for (unsigned i = 0; i < 8; i++) {
		w[i] = be16(a + 2 * i);
	}
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && !w[i + n]) {
			n++;
		}
		if (n > len) {
			begin = i;
			len = n;
		}
		i += n;
	}
	/* addresses that hold an IPv4 one: ::ffff:10.0.0.1, ::10.0.0.1 */
	if (begin == 0 && (len == 6 || (len == 5 && w[5] == 0xffff))) {
		words = 6;
	}
	for (unsigned i = 0; i < words; i++) {
		if (i == begin) {
			put(t, "::");
			i += len - 1;
			continue;
		}
		if (i && i != begin + len) {
			put_char(t, ':');
		}
		put_short_hex(t, w[i]);
	}
	if (words == 6) {
		if (len == 5) {
			put_char(t, ':');
		}
		put_ipv4(t, a + 12);
	}
}

static void put_address(struct text *t, const struct ip *ip, const uint8_t *a, const uint8_t *port)
{
	if (ip->v6 && port) {
		put_char(t, '[');
	}
	if (ip->v6) {
		put_ipv6(t, a);
	} else {
		put_ipv4(t, a);
	}
	if (ip->v6 && port) {
		put_char(t, ']');
	}
	if (port) {
		put_char(t, ':');
		put_number(t, be16(port));
	}
}

bool text_probe(struct text *t, const struct bytes *b)
{
	struct ws_probe probe;
	uint32_t run_id;

	if (!ws_probe_look(b->p, b->len, &run_id, &probe)) {
		return false;
	}
	put(t, " probe run=");
	put_hex(t, run_id, 8);
	put(t, " seq=");
	put_number(t, probe.seq);
	if (probe.stream) {
		put(t, " stream=");
		put_number(t, probe.stream);
	}
	return true;
}

/* IEEE 1588: the common header of all messages. */
void text_ptp(struct text *t, struct bytes b)
{
	const char *name;

	put(t, "PTP");
	if (!need(t, &b, 2)) {
		return;
	}
	put_char(t, ' ');
	if ((b.p[1] & 0xf) != 2) {
		put(t, "version ");
		put_number(t, b.p[1] & 0xf);
		return;
	}
	name = ptp_message_name(b.p[0] & 0xf);
	put(t, name ? name : "type ");
	if (!name) {
		put_number(t, b.p[0] & 0xf);
	}
	if (need(t, &b, 34)) {
		put_field(t, "seq", be16(b.p + 30));
		if (b.p[4]) {
			put_field(t, "domain", b.p[4]);
		}
	}
}

static void text_udp(struct text *t, struct bytes b)
{
	uint16_t src, dst, len;

	if (!need(t, &b, 8)) {
		return;
	}
	src = be16(b.p);
	dst = be16(b.p + 2);
	len = be16(b.p + 4);
	/* 0: longer than 16 bits can say, as IPv6 allows and offloading makes */
	if (len && (len < 8 || len > b.wire)) {
		put_field(t, "bad length", len);
		return;
	}
	if (len) {
		limit(&b, len);
	}
	advance(&b, 8);
	if ((dst == WS_UDP_PORT || src == WS_UDP_PORT) && text_probe(t, &b)) {
		return;
	}
	if (dst == PTP_EVENT_PORT || dst == PTP_OTHER_PORT) {
		put_char(t, ' ');
		text_ptp(t, b);
		text_probe(t, &b);
		return;
	}
	put_field(t, "len", b.wire);
}

static void text_tcp(struct text *t, struct bytes b)
{
	uint32_t header;

	if (!need(t, &b, 14)) {
		return;
	}
	put(t, " [");
	for (unsigned i = 0; i < 8; i++) {
		if (b.p[13] >> i & 1) {
			put_char(t, "FSRP.UEW"[i]);
		}
	}
	put(t, b.p[13] ? "]" : "none]");
	header = (b.p[12] >> 4) * 4u;
	if (header < 20 || header > b.wire) {
		put_field(t, "bad header length", header);
		return;
	}
	put_field(t, "len", b.wire - header);
}

static void put_named(struct text *t, const char *name, uint8_t type)
{
	if (name) {
		put_char(t, ' ');
		put(t, name);
	} else {
		put_field(t, "type", type);
	}
}

static void put_code(struct text *t, const char *name, uint8_t code)
{
	put(t, " (");
	if (name) {
		put(t, name);
	} else {
		put(t, "code ");
		put_number(t, code);
	}
	put_char(t, ')');
}

static void text_icmp(struct text *t, struct bytes b)
{
	if (!need(t, &b, 4)) {
		return;
	}
	put_named(t, icmp_name(b.p[0]), b.p[0]);
	switch (b.p[0]) {
	case 3:
		put_code(t, icmp_unreachable_name(b.p[1]), b.p[1]);
		break;
	case 0:
	case 8:
	case 13:
	case 14:
		if (need(t, &b, 8)) {
			put_field(t, "id", be16(b.p + 4));
			put_field(t, "seq", be16(b.p + 6));
		}
		break;
	case 5:
		if (need(t, &b, 8)) {
			put(t, " to ");
			put_ipv4(t, b.p + 4);
		}
		break;
	}
}

static void text_icmpv6(struct text *t, struct bytes b)
{
	if (!need(t, &b, 4)) {
		return;
	}
	put_named(t, icmpv6_name(b.p[0]), b.p[0]);
	switch (b.p[0]) {
	case 1:
		put_code(t, icmpv6_unreachable_name(b.p[1]), b.p[1]);
		break;
	case 2:
		if (need(t, &b, 8)) {
			put_field(t, "mtu", be32(b.p + 4));
		}
		break;
	case 128:
	case 129:
		if (need(t, &b, 8)) {
			put_field(t, "id", be16(b.p + 4));
			put_field(t, "seq", be16(b.p + 6));
		}
		break;
	case 135:
	case 136:
		if (need(t, &b, 24)) {
			put_char(t, ' ');
			put_ipv6(t, b.p + 8);
		}
		break;
	}
}

static void text_igmp(struct text *t, struct bytes b)
{
	if (!need(t, &b, 8)) {
		return;
	}
	put_named(t, igmp_name(b.p[0]), b.p[0]);
	if (b.p[0] == 0x22) {
		put_field(t, "records", be16(b.p + 6));
	} else if (be32(b.p + 4)) {
		put_char(t, ' ');
		put_ipv4(t, b.p + 4);
	}
}

static void text_gre(struct text *t, struct bytes b)
{
	uint16_t type;
	const char *name;

	if (!need(t, &b, 4)) {
		return;
	}
	type = be16(b.p + 2);
	name = type == 0x0800	? "IPv4"
	       : type == 0x86dd ? "IPv6"
	       : type == 0x6558 ? "Ethernet"
				: ethertype_name(type);
	put(t, " of ");
	if (name) {
		put(t, name);
	} else {
		put(t, "0x");
		put_hex(t, type, 4);
	}
}

static void text_payload(struct text *t, const struct ip *ip, struct bytes b)
{
	switch (ip->protocol) {
	case ICMP:
		text_icmp(t, b);
		break;
	case IGMP:
		text_igmp(t, b);
		break;
	case TCP:
		text_tcp(t, b);
		break;
	case UDP:
		text_udp(t, b);
		break;
	case GRE:
		text_gre(t, b);
		break;
	case ESP:
		if (need(t, &b, 8)) {
			put(t, " spi 0x");
			put_hex(t, be32(b.p), 8);
			put_field(t, "seq", be32(b.p + 4));
		}
		break;
	case ICMPV6:
		text_icmpv6(t, b);
		break;
	case SCTP:
		if (need(t, &b, 13)) {
			put_named(t, sctp_chunk_name(b.p[12]), b.p[12]);
		}
		break;
	default:
		put_field(t, "len", b.wire);
	}
}

/* From the name on. b: what follows the IP header. */
static void text_carried(struct text *t, const struct ip *ip, struct bytes b)
{
	const char *name = ip_protocol_name(ip->protocol);
	const uint8_t *ports = NULL;

	if (name) {
		put(t, name);
	} else {
		put(t, "protocol ");
		put_number(t, ip->protocol);
	}
	if ((ip->protocol == TCP || ip->protocol == UDP || ip->protocol == SCTP ||
		    ip->protocol == DCCP || ip->protocol == UDP_LITE) &&
		!ip->offset && b.len >= 4) {
		ports = b.p;
	}
	put_char(t, ' ');
	put_address(t, ip, ip->src, ports);
	put(t, " > ");
	put_address(t, ip, ip->dst, ports ? ports + 2 : NULL);
	if (ip->extended) {
		put(t, ip->v6 ? " extensions" : " options");
	}
	if (ip->missing) {
		put_field(t, "missing", ip->missing);
	}
	if (ip->fragment) {
		put_field(t, "fragment", ip->id);
		put_char(t, '@');
		put_number(t, ip->offset);
		put(t, ip->more ? "+" : "");
		put_field(t, "len", b.wire);
	} else {
		text_payload(t, ip, b);
	}
}

/* After the authentication header (RFC 4302), which tells what it protects. */
static bool skip_ah(struct text *t, struct ip *ip, struct bytes *b)
{
	uint32_t len;

	if (b->len < 2) {
		return false;
	}
	len = (b->p[1] + 2u) * 4;
	if (b->len < len) {
		return false;
	}
	put(t, "AH ");
	ip->protocol = b->p[0];
	advance(b, len);
	return true;
}

void text_ipv4(struct text *t, struct bytes b)
{
	struct ip ip = {.v6 = false};
	uint32_t header, total;
	uint16_t frag;

	put(t, "IPv4 ");
	if (!need(t, &b, 20)) {
		return;
	}
	header = (b.p[0] & 0xfu) * 4;
	total = be16(b.p + 2);
	if (b.p[0] >> 4 != 4 || header < 20 || (total && total < header)) {
		put(t, "bad header");
		return;
	}
	/* 0: offloading leaves the length of what is too long for it to the card */
	ip.missing = total > b.wire ? total - b.wire : 0;
	if (total) {
		limit(&b, total);
	}
	frag = be16(b.p + 6);
	ip.src = b.p + 12;
	ip.dst = b.p + 16;
	ip.protocol = b.p[9];
	ip.more = frag & 0x2000;
	ip.offset = (frag & 0x1fffu) * 8;
	ip.fragment = ip.more || ip.offset;
	ip.id = be16(b.p + 4);
	ip.extended = header > 20;
	advance(&b, header < b.len ? header : b.len);
	if (ip.protocol == AH && !ip.offset) {
		skip_ah(t, &ip, &b);
	}
	text_carried(t, &ip, b);
}

/* Goes over the extension headers as far as they are there. */
static void skip_extensions(struct text *t, struct ip *ip, struct bytes *b)
{
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		uint32_t len;

		if (ip->protocol == AH) {
			if (!skip_ah(t, ip, b)) {
				return;
			}
			continue;
		}
		if (ip->protocol != HOP_BY_HOP && ip->protocol != ROUTING &&
			ip->protocol != DESTINATION && ip->protocol != FRAGMENT) {
			return;
		}
		ip->extended = true;
		if (b->len < 8) {
			return;
		}
		len = 8;
		if (ip->protocol == FRAGMENT) {
			ip->more = b->p[3] & 1;
			ip->offset = be16(b->p + 2) & 0xfff8u;
			ip->fragment = ip->more || ip->offset;
			ip->id = be32(b->p + 4);
		} else {
			len += b->p[1] * 8u;
		}
		if (b->len < len) {
			return;
		}
		ip->protocol = b->p[0];
		advance(b, len);
		if (ip->offset) {
			return; /* what follows is the middle of something */
		}
	}
}

void text_ipv6(struct text *t, struct bytes b)
{
	struct ip ip = {.v6 = true};
	uint32_t len;

	put(t, "IPv6 ");
	if (!need(t, &b, 40)) {
		return;
	}
	if (b.p[0] >> 4 != 6) {
		put(t, "bad header");
		return;
	}
	len = be16(b.p + 4);
	ip.src = b.p + 8;
	ip.dst = b.p + 24;
	ip.protocol = b.p[6];
	advance(&b, 40);
	/* 0: a jumbogram (RFC 2675), or made by offloading */
	if (len) {
		ip.missing = len > b.wire ? len - b.wire : 0;
		limit(&b, len);
	}
	skip_extensions(t, &ip, &b);
	text_carried(t, &ip, b);
}

void text_ip(struct text *t, struct bytes b)
{
	if (b.len && b.p[0] >> 4 == 4) {
		text_ipv4(t, b);
	} else if (b.len && b.p[0] >> 4 == 6) {
		text_ipv6(t, b);
	} else if (b.len) {
		put(t, "IP version ");
		put_number(t, b.p[0] >> 4);
	} else {
		put(t, "IP");
		need(t, &b, 1);
	}
}
