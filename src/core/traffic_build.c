// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/ptp_own.h"
#include "core/random.h"
#include "core/traffic.h"
#include "core/traffic_own.h"

#define MAC_LEN	       6
#define VLAN_ID_MASK   0x0fff
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_IPV6 0x86dd

#define IPV4_HEADER_LEN 20
#define IPV4_DF		0x4000
#define TCP_HEADER_LEN	20
#define TCP_WINDOW	64240
#define TCP_SYN		0x02
#define ICMP_ECHO	8
#define ICMPV6_ECHO	128
#define DEFAULT_TTL	64
#define PROTOCOL_TCP	6
#define PROTOCOL_UDP	17
#define PROTOCOL_ICMP	1
#define PROTOCOL_ICMPV6 58
#define IMIX_MIDDLE	590

static uint64_t get_be(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++) {
		v = v << 8 | p[i];
	}
	return v;
}

static void put_ethernet(uint8_t *image, const struct ws_traffic_spec *spec)
{
	uint8_t *at = image + 2 * MAC_LEN;

	memcpy(image, spec->dst_mac, MAC_LEN);
	memcpy(image + MAC_LEN, spec->src_mac, MAC_LEN);
	for (unsigned i = 0; i < spec->vlan_count; i++) {
		bool service = i + 1 < spec->vlan_count;

		ws_put16(at, service ? ETHERTYPE_QINQ : ETHERTYPE_VLAN);
		ws_put16(at + 2, (uint64_t)spec->vlan[i].prio << 13 | spec->vlan[i].id);
		at += WS_VLAN_TAG_LEN;
	}
	switch (spec->ip_version) {
	case 4:
		ws_put16(at, ETHERTYPE_IPV4);
		break;
	case 6:
		ws_put16(at, ETHERTYPE_IPV6);
		break;
	default:
		ws_put16(at, spec->ethertype);
		break;
	}
}

static uint8_t protocol_of(const struct ws_traffic_spec *spec)
{
	switch (spec->proto) {
	case WS_PROTO_UDP:
		return PROTOCOL_UDP;
	case WS_PROTO_TCP_SYN:
		return PROTOCOL_TCP;
	default:
		return spec->ip_version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	}
}

/* Without lengths. */
static void put_ip(uint8_t *ip, const struct ws_traffic_spec *spec)
{
	uint8_t ttl = spec->ttl != 0 ? spec->ttl : DEFAULT_TTL;

	if (spec->ip_version == 4) {
		ip[0] = 4 << 4 | IPV4_HEADER_LEN / 4;
		ip[1] = spec->tos;
		ws_put16(ip + 6, IPV4_DF);
		ip[8] = ttl;
		ip[9] = protocol_of(spec);
		memcpy(ip + 12, spec->src_ip, 4);
		memcpy(ip + 16, spec->dst_ip, 4);
	} else {
		ws_put32(ip, UINT64_C(6) << 28 | (uint64_t)spec->tos << 20);
		ip[6] = protocol_of(spec);
		ip[7] = ttl;
		memcpy(ip + 8, spec->src_ip, 16);
		memcpy(ip + 24, spec->dst_ip, 16);
	}
}

/* Without lengths, checksum, and what each frame has of its own. */
static void put_l4(struct ws_traffic *t, uint8_t *l4, const struct ws_traffic_spec *spec)
{
	switch (spec->proto) {
	case WS_PROTO_UDP:
		ws_put16(l4, spec->src_port);
		ws_put16(l4 + 2, spec->dst_port);
		t->check_off = t->l4_off + 6;
		t->length_weight = 2; /* in the header and in the pseudo header */
		break;
	case WS_PROTO_TCP_SYN:
		ws_put16(l4, spec->src_port);
		ws_put16(l4 + 2, spec->dst_port);
		l4[12] = TCP_HEADER_LEN / 4 << 4;
		l4[13] = TCP_SYN;
		ws_put16(l4 + 14, TCP_WINDOW);
		t->check_off = t->l4_off + 16;
		t->length_weight = 1;
		break;
	default:
		l4[0] = spec->ip_version == 4 ? ICMP_ECHO : ICMPV6_ECHO;
		ws_put16(l4 + 4, spec->src_port);
		t->check_off = t->l4_off + 2;
		t->length_weight = spec->ip_version == 4 ? 0 : 1;
		break;
	}
}

/* Without the sequence; what else each frame has of its own is zero. */
static void put_ptp(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	static const uint8_t none[MAC_LEN];
	uint8_t *ptp;

	t->ptp_off = t->payload_off - WS_PTP_HEAD_LEN;
	t->ptp_mac = spec->vary[WS_FIELD_SRC_MAC].kind != WS_VARY_NONE ||
		     (spec->proto == WS_PROTO_RAW && spec->flows > 1);
	t->ptp_lengths = spec->size != WS_SIZE_FIXED;
	ptp = t->image + t->ptp_off;
	ws_ptp_put(ptp, ws_ptp_type(spec->ptp), t->ptp_mac ? none : spec->src_mac,
		t->len_max - t->ptp_off);
	if (t->ptp_lengths) {
		ws_put16(ptp + PTP_LENGTH_OFF, 0);
		ws_put16(ptp + PTP_TLV_LEN_OFF, 0);
	}
}

static void put_payload(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	uint8_t *payload = t->image + t->payload_off;
	uint32_t len = t->len_max - t->payload_off;
	uint64_t bits = 0;

	for (uint32_t i = 0; i < len; i++) {
		switch (spec->fill) {
		case WS_FILL_INCREMENT:
			payload[i] = (uint8_t)i;
			break;
		case WS_FILL_RANDOM:
			if (i % 8 == 0) {
				bits = ws_random_at(spec->seed, WS_RANDOM_PAYLOAD, i / 8);
			}
			payload[i] = (uint8_t)(bits >> i % 8 * 8);
			break;
		case WS_FILL_BYTES:
			payload[i] = spec->bytes[i % spec->bytes_len];
			break;
		default:
			break;
		}
	}
}

/*
 * As traffic with such a payload of ws_frame_write() has it: its format stands in one place. Behind the
 * sequence requests and collects are zero, as the image is.
 */
static int make_probe(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	const bool full = spec->probe == WS_PAYLOAD_FULL;
	const enum ws_payload kind = spec->probe != 0 && !full ? spec->probe : WS_PAYLOAD_SHORT;
	const struct ws_frame_spec frame = {
		.carrier = WS_CARRIER_L2,
		.payload = kind,
		.len = ws_frame_min_len(WS_CARRIER_L2, kind),
		.run_id = spec->run_id,
		.stream = spec->stream,
	};
	struct ws_frame_template template;
	int err = ws_frame_template_init(&template, &frame);

	if (err != 0) {
		return err;
	}
	memcpy(t->probe, template.head + template.payload_off, sizeof(t->probe));
	for (unsigned i = 0; i < sizeof(t->probe); i += 2) {
		t->probe_sum += (uint32_t)get_be(t->probe + i, 2);
	}
	t->probe_min = t->payload_off + WS_PROBE_LEN;
	if (full) {
		t->full_min = t->payload_off + WS_FULL_LEN;
	}
	return 0;
}

static struct ws_modulus modulus_of(uint64_t count)
{
	return (struct ws_modulus){.count = count, .inverse = UINT64_MAX / count};
}

/* The part of a field that is written into each frame becomes zero in the image. */
static void add_field(struct ws_traffic *t, struct ws_traffic_field f)
{
	uint8_t *at = t->image + f.off;

	switch (f.shape) {
	case WS_SHAPE_MAC:
		f.base = get_be(at, MAC_LEN);
		memset(at, 0, MAC_LEN);
		break;
	case WS_SHAPE_VLAN:
		f.prio = (uint16_t)(get_be(at, 2) & ~(uint64_t)VLAN_ID_MASK);
		f.base = (get_be(at, 2) & VLAN_ID_MASK) - 1; /* 0, and so wrong, for lists alone */
		memset(at, 0, 2);
		break;
	case WS_SHAPE_PORT:
		f.base = get_be(at, 2);
		memset(at, 0, 2);
		break;
	case WS_SHAPE_IPV4:
		f.base = get_be(at, 4);
		memset(at, 0, 4);
		break;
	case WS_SHAPE_IPV6:
		f.base = get_be(at + 8, 8);
		memset(f.kind == WS_VARY_LIST ? at : at + 8, 0, f.kind == WS_VARY_LIST ? 16 : 8);
		break;
	}
	t->fields[t->field_count++] = f;
}

/* Where a field is, and of what shape. */
static struct ws_traffic_field place_of(const struct ws_traffic *t, enum ws_field field)
{
	bool v4 = t->ip_version == 4;

	switch (field) {
	case WS_FIELD_SRC_MAC:
		return (struct ws_traffic_field){.shape = WS_SHAPE_MAC, .off = MAC_LEN};
	case WS_FIELD_DST_MAC:
		return (struct ws_traffic_field){.shape = WS_SHAPE_MAC, .off = 0};
	case WS_FIELD_VLAN:
	case WS_FIELD_VLAN2:
		return (struct ws_traffic_field){.shape = WS_SHAPE_VLAN,
			.off = 2 * MAC_LEN + 2 + (field - WS_FIELD_VLAN) * WS_VLAN_TAG_LEN};
	case WS_FIELD_SRC_IP:
		return (struct ws_traffic_field){.shape = v4 ? WS_SHAPE_IPV4 : WS_SHAPE_IPV6,
			.off = t->ip_off + (v4 ? 12 : 8)};
	case WS_FIELD_DST_IP:
		return (struct ws_traffic_field){.shape = v4 ? WS_SHAPE_IPV4 : WS_SHAPE_IPV6,
			.off = t->ip_off + (v4 ? 16 : 24)};
	case WS_FIELD_SRC_PORT:
		return (struct ws_traffic_field){.shape = WS_SHAPE_PORT,
			.off = t->l4_off + (t->proto == WS_PROTO_ICMP_ECHO ? 4 : 0)};
	default:
		return (struct ws_traffic_field){.shape = WS_SHAPE_PORT, .off = t->l4_off + 2};
	}
}

static void add_flows(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	bool raw = spec->proto == WS_PROTO_RAW;
	struct ws_traffic_field f = place_of(t, raw ? WS_FIELD_SRC_MAC : WS_FIELD_SRC_PORT);
	const uint64_t in_port = (UINT64_C(1) << WS_FLOW_BITS) - 1;

	f.kind = WS_VARY_INCREMENT;
	f.modulus = modulus_of(spec->flows);
	f.mask = raw ? UINT64_MAX : in_port;
	add_field(t, f);
	if (!raw && spec->flows > in_port + 1) {
		f = place_of(t, WS_FIELD_SRC_IP);
		f.kind = WS_VARY_INCREMENT;
		f.modulus = modulus_of(spec->flows);
		f.shift = WS_FLOW_BITS;
		f.mask = UINT64_MAX;
		add_field(t, f);
	}
}

static int add_fields(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	uint64_t listed = 0;
	struct ws_field_value *list;

	for (unsigned field = 0; field < WS_FIELD_COUNT; field++) {
		const struct ws_vary *v = &spec->vary[field];

		if (v->kind == WS_VARY_LIST && __builtin_add_overflow(listed, v->count, &listed)) {
			return -ENOMEM;
		}
	}
	if (listed > 0) {
		t->lists = calloc(listed, sizeof(*t->lists));
		if (!t->lists) {
			return -ENOMEM;
		}
	}
	list = t->lists;
	for (unsigned field = 0; field < WS_FIELD_COUNT; field++) {
		const struct ws_vary *v = &spec->vary[field];
		struct ws_traffic_field f = place_of(t, field);

		if (v->kind == WS_VARY_NONE) {
			continue;
		}
		f.kind = v->kind;
		f.key = ws_random_key(spec->seed, WS_RANDOM_FIELD + field);
		f.mask = UINT64_MAX;
		f.modulus = modulus_of(v->count);
		if (v->kind == WS_VARY_LIST) {
			memcpy(list, v->list, v->count * sizeof(*list));
			f.list = list;
			list += v->count;
		}
		add_field(t, f);
	}
	if (spec->flows > 1) {
		add_flows(t, spec);
	}
	return 0;
}

static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint64_t)p[i] << 8 : p[i];
	}
	return sum;
}

static int add_payload_sums(struct ws_traffic *t)
{
	const uint8_t *payload = t->image + t->payload_off;
	uint32_t len = t->len_max - t->payload_off;
	uint64_t sum = 0;

	t->payload_sums = calloc(len + 1, sizeof(*t->payload_sums));
	if (!t->payload_sums) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint64_t)payload[i] << 8 : payload[i];
		t->payload_sums[i + 1] = ws_fold(sum);
	}
	return 0;
}

/* Last, when the image is as it stays. */
static int add_sums(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	uint8_t *ip = t->image + t->ip_off, *l4 = t->image + t->l4_off;
	struct ws_traffic_sums sums = {0};

	if (t->proto == WS_PROTO_RAW) {
		return 0;
	}
	if (t->ip_version == 4) {
		sums.ip = sum_bytes(ip, IPV4_HEADER_LEN);
	}
	sums.l4 = sum_bytes(l4, t->payload_off - t->l4_off);
	if (t->ip_version == 6 || t->proto != WS_PROTO_ICMP_ECHO) {
		uint32_t addresses = t->ip_version == 4 ? 12 : 8;

		sums.l4 += sum_bytes(ip + addresses, ws_traffic_ip_len(spec) - addresses) +
			   protocol_of(spec);
		t->pseudo_mask = UINT64_MAX;
	}
	t->lengths_vary = t->size != WS_SIZE_FIXED;
	if (!t->lengths_vary) {
		ws_traffic_put_lengths(t, t->image, t->len_max, &sums);
		sums.l4 += sum_bytes(t->image + t->payload_off, t->len_max - t->payload_off);
	}
	t->ip_sum = sums.ip;
	t->l4_sum = sums.l4;
	t->ip_check = t->ip_version == 4 && t->lengths_vary;
	for (unsigned i = 0; i < t->field_count; i++) {
		t->ip_check = t->ip_check || t->fields[i].shape == WS_SHAPE_IPV4;
	}
	if (t->ip_version == 4 && !t->ip_check) {
		ws_put16(ip + 10, (uint16_t)~ws_fold(t->ip_sum));
	}
	return t->lengths_vary ? add_payload_sums(t) : 0;
}

static void add_imix(struct ws_traffic *t, uint32_t small)
{
	const uint32_t lens[WS_IMIX_LEN] = {small, IMIX_MIDDLE, small, IMIX_MIDDLE, small, small,
		WS_IMIX_LARGE, small, IMIX_MIDDLE, small, IMIX_MIDDLE, small};

	memcpy(t->imix, lens, sizeof(lens));
}

static int build(struct ws_traffic *t, const struct ws_traffic_spec *spec)
{
	int err;

	t->proto = spec->proto;
	t->ip_version = spec->ip_version;
	t->size = spec->size;
	t->size_key = ws_random_key(spec->seed, WS_RANDOM_SIZE);
	t->syn_key = ws_random_key(spec->seed, WS_RANDOM_SYN);
	t->header_len = ws_traffic_header_len(spec);
	t->len_min = spec->len_min;
	t->len_max = ws_traffic_len_max(spec);
	t->payload_off = t->header_len;
	t->probe_min = t->full_min = UINT32_MAX;
	add_imix(t, ws_traffic_len_min(spec));
	t->image = calloc(1, t->len_max);
	if (!t->image) {
		return -ENOMEM;
	}
	if (spec->header) {
		memcpy(t->image, spec->header, spec->header_len);
	} else {
		put_ethernet(t->image, spec);
	}
	if (spec->proto != WS_PROTO_RAW) {
		t->ip_off = ws_traffic_eth_len(spec);
		t->l4_off = t->ip_off + ws_traffic_ip_len(spec);
		put_ip(t->image + t->ip_off, spec);
		put_l4(t, t->image + t->l4_off, spec);
	}
	if (spec->ptp != WS_PTP_NONE) {
		put_ptp(t, spec);
	}
	put_payload(t, spec);
	if (ws_traffic_holds_probe(spec)) {
		err = make_probe(t, spec);
		if (err != 0) {
			return err;
		}
	}
	err = add_fields(t, spec);
	if (err == 0) {
		err = add_sums(t, spec);
	}
	t->varies = t->field_count > 0 || t->lengths_vary;
	return err;
}

int ws_traffic_new(struct ws_traffic **ret, const struct ws_traffic_spec *spec)
{
	int err = ws_traffic_check(spec);
	struct ws_traffic *t;

	if (err != 0) {
		return err;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		return -ENOMEM;
	}
	err = build(t, spec);
	if (err != 0) {
		ws_traffic_free(t);
		return err;
	}
	*ret = t;
	return 0;
}

void ws_traffic_free(struct ws_traffic *t)
{
	if (t) {
		free(t->image);
		free(t->payload_sums);
		free(t->lists);
		free(t);
	}
}
