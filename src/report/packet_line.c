/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/packet_line.h"

#include <time.h>

#include "core/frame.h"
#include "core/pcapng.h"
#include "report/packet_text.h"

#define NSEC_PER_SEC	INT64_C(1000000000)
#define DAY_S		86400
#define QUARTER_S	900
#define INTERFACE_SHOWN 32
#define NOTE_SHOWN	96
#define TAGS_MAX	4
#define LABELS_MAX	8

/* Further link types (www.tcpdump.org/linktypes). */
#define LINKTYPE_NULL	   0
#define LINKTYPE_RAW	   101
#define LINKTYPE_LOOP	   108
#define LINKTYPE_LINUX_SLL 113
#define LINKTYPE_IPV4	   228
#define LINKTYPE_IPV6	   229

#define SLL_LEN	     16
#define SLL2_LEN     20
#define SLL_OUTGOING 4
#define SLL_802_2    4 /* in place of an ethertype: LLC follows */

enum { IN = 1, OUT = 2 };

/* The addresses around what is carried; NULL: unknown. */
struct link {
	const uint8_t *src, *dst;
};

static int32_t local_offset(int64_t sec)
{
	time_t when = (time_t)sec;
	int64_t day = (sec % DAY_S + DAY_S) % DAY_S;
	struct tm tm;

	if (!localtime_r(&when, &tm)) {
		return 0;
	}
	return (int32_t)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec - day);
}

static void put_time(struct text *t, int64_t ns, struct ws_packet_clock *clock)
{
	int64_t nsec = (ns % NSEC_PER_SEC + NSEC_PER_SEC) % NSEC_PER_SEC;
	int64_t sec = ns / NSEC_PER_SEC - (ns % NSEC_PER_SEC < 0);
	int64_t quarter = sec / QUARTER_S - (sec % QUARTER_S < 0);
	struct ws_packet_clock now = {.known = false};
	int64_t day;

	if (clock && clock->known && clock->quarter == quarter) {
		now = *clock;
	} else {
		now.known = true;
		now.quarter = quarter;
		now.offset_s = local_offset(sec);
	}
	if (clock) {
		*clock = now;
	}
	day = ((sec + now.offset_s) % DAY_S + DAY_S) % DAY_S;
	put_padded(t, (uint64_t)(day / 3600), 2);
	put_char(t, ':');
	put_padded(t, (uint64_t)(day / 60 % 60), 2);
	put_char(t, ':');
	put_padded(t, (uint64_t)(day % 60), 2);
	put_char(t, '.');
	put_padded(t, (uint64_t)nsec, 9);
	put_char(t, ' ');
}

/* A file may call an interface anything: nothing that a terminal would obey. */
static void put_clean(struct text *t, const char *s, size_t most)
{
	for (; *s && most; s++, most--) {
		put_char(t, *s < ' ' || *s > '~' ? '?' : *s);
	}
}

void put_mac(struct text *t, const uint8_t a[6])
{
	for (unsigned i = 0; i < 6; i++) {
		if (i) {
			put_char(t, ':');
		}
		put_hex(t, a[i], 2);
	}
}

/* " 02:00:00:00:00:01 > 02:00:00:00:00:02", as far as they are known */
static void put_link(struct text *t, const struct link *link)
{
	if (link->src) {
		put_char(t, ' ');
		put_mac(t, link->src);
	}
	if (link->dst) {
		put(t, " > ");
		put_mac(t, link->dst);
	}
}

/* RFC 826, and RARP (RFC 903) */
static void text_arp(struct text *t, struct bytes b)
{
	uint16_t op;

	put(t, "ARP");
	if (!need(t, &b, 8)) {
		return;
	}
	op = be16(b.p + 6);
	if (be16(b.p + 2) != 0x0800 || b.p[4] != 6 || b.p[5] != 4 || (op != 1 && op != 2)) {
		put_field(t, "operation", op);
		return;
	}
	if (!need(t, &b, 28)) {
		return;
	}
	if (op == 1) {
		put(t, " who-has ");
		put_ipv4(t, b.p + 24);
		put(t, " tell ");
		put_ipv4(t, b.p + 14);
	} else {
		put_char(t, ' ');
		put_ipv4(t, b.p + 14);
		put(t, " is-at ");
		put_mac(t, b.p + 8);
	}
}

/* RFC 3032. What is below the labels is guessed as routers do: by its first four bits. */
static void text_mpls(struct text *t, struct bytes b)
{
	put(t, "MPLS");
	for (unsigned i = 0; i < LABELS_MAX && need(t, &b, 4); i++) {
		uint32_t entry = be32(b.p);

		put_field(t, "label", entry >> 12);
		advance(&b, 4);
		if (entry >> 8 & 1) {
			if (b.len && (b.p[0] >> 4 == 4 || b.p[0] >> 4 == 6)) {
				put_char(t, ' ');
				text_ip(t, b);
			}
			return;
		}
	}
}

/* IEEE 802.3, annex 31 */
static void text_mac_control(struct text *t, struct bytes b)
{
	put(t, "MAC control");
	if (!need(t, &b, 4)) {
		return;
	}
	switch (be16(b.p)) {
	case 1:
		put_field(t, "pause", be16(b.p + 2));
		break;
	case 0x101:
		put(t, " priority pause 0x");
		put_hex(t, be16(b.p + 2), 4);
		break;
	default:
		put_field(t, "opcode", be16(b.p));
	}
}

static void text_slow(struct text *t, struct bytes b)
{
	static const char *const names[] = {
		[1] = "LACP", [2] = "LACP marker", [3] = "OAM", [10] = "OSSP"};

	if (b.len && b.p[0] < sizeof(names) / sizeof(names[0]) && names[b.p[0]]) {
		put(t, names[b.p[0]]);
	} else {
		put(t, "slow protocol");
	}
}

static void text_ethertype(struct text *t, uint16_t type, struct bytes b, const struct link *link)
{
	const char *name;

	switch (type) {
	case 0x0800:
		text_ipv4(t, b);
		return;
	case 0x86dd:
		text_ipv6(t, b);
		return;
	case 0x0806:
		text_arp(t, b);
		return;
	case 0x8847:
	case 0x8848:
		text_mpls(t, b);
		return;
	case 0x88f7:
		text_ptp(t, b);
		break;
	case 0x8808:
		text_mac_control(t, b);
		break;
	case 0x8809:
		text_slow(t, b);
		break;
	default:
		name = ethertype_name(type);
		put(t, name ? name : "ethertype 0x");
		if (!name) {
			put_hex(t, type, 4);
		}
	}
	put_link(t, link);
	if (type == WS_ETHERTYPE_PROBE || type == WS_ETHERTYPE_PTP) {
		text_probe(t, &b);
	}
}

/* IEEE 802.2; spanning tree by IEEE 802.1D */
static void text_llc(struct text *t, struct bytes b, const struct link *link)
{
	if (!need(t, &b, 3)) {
		return;
	}
	if (b.p[0] == 0x42 && b.p[1] == 0x42) {
		put(t, "STP");
		advance(&b, 3);
		if (b.len >= 4) {
			put(t, b.p[3] == 0x80 ? " topology change"
				: b.p[3] == 2 ? " rapid"
					      : " config");
		}
		put_link(t, link);
	} else if (b.p[0] == 0xaa && b.p[1] == 0xaa && b.len >= 8) {
		uint32_t oui = be32(b.p + 2) & 0xffffff;
		uint16_t type = be16(b.p + 6);

		advance(&b, 8);
		if (!oui) {
			text_ethertype(t, type, b, link);
			return;
		}
		put(t, "SNAP 0x");
		put_hex(t, oui, 6);
		put(t, " 0x");
		put_hex(t, type, 4);
		put_link(t, link);
	} else if (b.p[0] == 0xfe && b.p[1] == 0xfe) {
		put(t, "OSI");
		put_link(t, link);
	} else {
		put(t, "LLC dsap 0x");
		put_hex(t, b.p[0], 2);
		put(t, " ssap 0x");
		put_hex(t, b.p[1], 2);
		put_link(t, link);
	}
}

static bool is_tag(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Tags, then what they hold. b: what follows the type. */
static void text_tagged(struct text *t, uint16_t type, struct bytes b, const struct link *link)
{
	for (unsigned i = 0; i < TAGS_MAX && is_tag(type); i++) {
		uint16_t tci;

		put(t, type == 0x8100 ? "vlan" : "s-vlan");
		if (!need(t, &b, 4)) {
			return;
		}
		tci = be16(b.p);
		put_char(t, ' ');
		put_number(t, tci & 0xfff);
		if (tci >> 13) {
			put(t, " p");
			put_number(t, tci >> 13);
		}
		put_char(t, ' ');
		type = be16(b.p + 2);
		advance(&b, 4);
	}
	/* IEEE 802.3: up to 1500 it is a length, and LLC follows */
	if (type <= 1500) {
		limit(&b, type);
		text_llc(t, b, link);
	} else {
		text_ethertype(t, type, b, link);
	}
}

static void text_ethernet(struct text *t, struct bytes b)
{
	struct link link;

	if (!need(t, &b, 14)) {
		return;
	}
	link = (struct link){.dst = b.p, .src = b.p + 6};
	advance(&b, 14);
	text_tagged(t, be16(link.src + 6), b, &link);
}

/* Both versions of the cooked header: where their fields stand. */
struct sll {
	uint8_t len, protocol, pkttype, address_len, address;
};

static const struct sll sll1 = {SLL_LEN, 14, 1, 5, 6}, sll2 = {SLL2_LEN, 0, 10, 11, 12};

static void text_sll(struct text *t, struct bytes b, const struct sll *sll)
{
	struct link link = {.src = NULL};
	uint16_t type;

	if (!need(t, &b, sll->len)) {
		return;
	}
	type = be16(b.p + sll->protocol);
	link.src = b.p[sll->address_len] == 6 ? b.p + sll->address : NULL;
	advance(&b, sll->len);
	if (type == SLL_802_2) {
		text_llc(t, b, &link);
	} else if (type <= 1500) {
		put(t, "protocol 0x");
		put_hex(t, type, 4);
		put_link(t, &link);
	} else {
		text_tagged(t, type, b, &link);
	}
}

/* An address family, of the system that captured, in that machine's byte order. */
static void text_family(struct text *t, struct bytes b)
{
	uint32_t family;

	if (!need(t, &b, 4)) {
		return;
	}
	family = be32(b.p);
	family = family > 0xffff ? __builtin_bswap32(family) : family;
	advance(&b, 4);
	switch (family) {
	case 2:
		text_ipv4(t, b);
		break;
	case 10:
	case 24:
	case 28:
	case 30:
		text_ipv6(t, b);
		break;
	default:
		put(t, "family ");
		put_number(t, family);
	}
}

static const struct sll *sll_of(uint16_t linktype)
{
	return linktype == LINKTYPE_LINUX_SLL	    ? &sll1
	       : linktype == WS_LINKTYPE_LINUX_SLL2 ? &sll2
						    : NULL;
}

static void text_link(struct text *t, uint16_t linktype, struct bytes b)
{
	switch (linktype) {
	case WS_LINKTYPE_ETHERNET:
		text_ethernet(t, b);
		break;
	case LINKTYPE_LINUX_SLL:
	case WS_LINKTYPE_LINUX_SLL2:
		text_sll(t, b, sll_of(linktype));
		break;
	case LINKTYPE_RAW:
		text_ip(t, b);
		break;
	case LINKTYPE_IPV4:
		text_ipv4(t, b);
		break;
	case LINKTYPE_IPV6:
		text_ipv6(t, b);
		break;
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		text_family(t, b);
		break;
	default:
		put(t, "linktype ");
		put_number(t, linktype);
	}
}

static void put_direction(struct text *t, const struct ws_packet_text *p)
{
	const struct sll *sll = sll_of(p->linktype);
	uint8_t direction = p->direction;

	if (!direction && sll && p->len >= sll->len) {
		direction = p->data[sll->pkttype] == SLL_OUTGOING ? OUT : IN;
	}
	if (direction == IN) {
		put(t, "In  ");
	} else if (direction == OUT) {
		put(t, "Out ");
	}
}

size_t ws_packet_line(char *buf, size_t size, const struct ws_packet_text *p)
{
	struct bytes b = {.p = p->data, .len = p->len, .wire = p->wire_len};
	struct text t;

	if (!size) {
		return 0;
	}
	t = (struct text){.begin = buf, .at = buf, .end = buf + size - 1};
	b.wire = b.wire < b.len ? b.len : b.wire;
	if (p->ns != INT64_MIN) {
		put_time(&t, p->ns, p->clock);
	}
	if (p->interface) {
		put_clean(&t, p->interface, INTERFACE_SHOWN);
		put_char(&t, ' ');
	}
	put_direction(&t, p);
	put_number(&t, b.wire);
	put_char(&t, ' ');
	text_link(&t, p->linktype, b);
	if (b.wire > b.len) {
		put_field(&t, "truncated to", b.len);
	}
	if (p->note) {
		put(&t, " [");
		put_clean(&t, p->note, NOTE_SHOWN);
		put_char(&t, ']');
	}
	*t.at = '\0';
	return (size_t)(t.at - buf);
}
