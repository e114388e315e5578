// SPDX-License-Identifier: BSD-2-Clause
#include "traffic_model.h"

#include <string.h>

#include "core/random.h"

struct bytes {
	uint8_t *data;
	uint32_t len;
};

static void add(struct bytes *b, uint64_t value, unsigned bytes)
{
	while (bytes-- > 0) {
		b->data[b->len++] = (uint8_t)(value >> 8 * bytes);
	}
}

static uint64_t number(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++) {
		v = v * 256 + p[i];
	}
	return v;
}

/* RFC 1071, with the carry brought round at each byte. */
static uint16_t sum_of(uint16_t sum, const uint8_t *p, uint32_t len)
{
	uint32_t s = sum;

	for (uint32_t i = 0; i < len; i++) {
		s += i % 2 == 0 ? p[i] * 256u : p[i];
		s = s > 0xffff ? s - 0xffff : s;
	}
	return (uint16_t)s;
}

/* What the pattern of a field gives, the field's own bits aside. */
static struct ws_field_value pattern(const struct ws_traffic_spec *spec, enum ws_field field,
	uint64_t n, struct ws_field_value base)
{
	const struct ws_vary *v = &spec->vary[field];
	uint64_t random;

	switch (v->kind) {
	case WS_VARY_INCREMENT:
		base.low += n % v->count;
		break;
	case WS_VARY_RANDOM:
		random = ws_random_at(spec->seed, WS_RANDOM_FIELD + field, n);
		base.low += ws_random_below(random, v->count);
		break;
	case WS_VARY_LIST:
		return v->list[n % v->count];
	case WS_VARY_NONE:
		break;
	}
	return base;
}

static uint64_t mac(const struct ws_traffic_spec *spec, enum ws_field field, uint64_t n)
{
	bool source = field == WS_FIELD_SRC_MAC;
	const uint8_t *from = source ? spec->src_mac : spec->dst_mac;
	uint64_t base, value;

	if (spec->header) {
		from = spec->header + (source ? 6 : 0);
	}
	base = number(from, 6);
	value = pattern(spec, field, n, (struct ws_field_value){.low = base}).low;
	if (source && spec->proto == WS_PROTO_RAW && spec->flows > 1) {
		value += n % spec->flows;
	}
	if (spec->vary[field].kind == WS_VARY_LIST) {
		return value;
	}
	return (base >> 40 << 40) + value % (UINT64_C(1) << 40);
}

static uint64_t vlan(const struct ws_traffic_spec *spec, unsigned tag, uint64_t n)
{
	const struct ws_vary *v = &spec->vary[WS_FIELD_VLAN + tag];
	uint64_t id = spec->vlan[tag].id, steps;

	if (v->kind == WS_VARY_LIST) {
		id = v->list[n % v->count].low;
	} else if (v->kind != WS_VARY_NONE) {
		steps = pattern(spec, WS_FIELD_VLAN + tag, n, (struct ws_field_value){0}).low;
		id = 1 + (id - 1 + steps % 4094) % 4094;
	}
	return spec->vlan[tag].prio * UINT64_C(8192) + id;
}

static void add_address(
	struct bytes *b, const struct ws_traffic_spec *spec, enum ws_field field, uint64_t n)
{
	const uint8_t *from = field == WS_FIELD_SRC_IP ? spec->src_ip : spec->dst_ip;
	struct ws_field_value v = {0};

	if (spec->ip_version == 4) {
		v.low = number(from, 4);
	} else {
		v.high = number(from, 8);
		v.low = number(from + 8, 8);
	}
	v = pattern(spec, field, n, v);
	if (field == WS_FIELD_SRC_IP && spec->flows > 1) {
		v.low += n % spec->flows / 16384;
	}
	if (spec->ip_version == 6) {
		add(b, v.high, 8);
	}
	add(b, v.low, spec->ip_version == 6 ? 8 : 4);
}

static void add_port(
	struct bytes *b, const struct ws_traffic_spec *spec, enum ws_field field, uint64_t n)
{
	uint16_t base = field == WS_FIELD_SRC_PORT ? spec->src_port : spec->dst_port;
	uint64_t v = pattern(spec, field, n, (struct ws_field_value){.low = base}).low;

	if (field == WS_FIELD_SRC_PORT && spec->flows > 1) {
		v += n % spec->flows % 16384;
	}
	add(b, v, 2);
}

static uint32_t length(const struct ws_traffic_spec *spec, uint64_t n, uint32_t header_len)
{
	static const uint16_t imix[12] = {60, 590, 60, 590, 60, 60, 1514, 60, 590, 60, 590, 60};
	uint32_t len = spec->len_min;

	if (spec->size == WS_SIZE_IMIX) {
		len = imix[n % 12];
		header_len += spec->probe > 2 ? 56 : spec->ptp ? 16 : 0;
		return len < header_len ? header_len : len;
	}
	if (spec->size == WS_SIZE_RANGE) {
		len += (uint32_t)ws_random_below(ws_random_at(spec->seed, WS_RANDOM_SIZE, n),
			spec->len_max - spec->len_min + 1);
	}
	return len < 60 ? 60 : len;
}

/* The ethertype right behind the addresses, and behind two tags at most, is that of probes. */
static bool carries_probes(const struct ws_traffic_spec *spec)
{
	const uint8_t *h = spec->header;
	uint32_t off = 12;

	if (spec->proto != WS_PROTO_RAW) {
		return spec->proto == WS_PROTO_UDP;
	}
	if (!h) {
		return spec->ethertype == 0x88b5 || spec->ptp;
	}
	while (off < 20 && off + 6 <= spec->header_len &&
		((h[off] == 0x81 && h[off + 1] == 0) || (h[off] == 0x88 && h[off + 1] == 0xa8))) {
		off += 4;
	}
	return off + 2 == spec->header_len && h[off] == 0x88 && h[off + 1] == 0xb5;
}

/* CRC-32C, bit by bit. */
static uint32_t crc_of(const uint8_t *p, uint32_t len)
{
	uint32_t crc = 0xffffffff;

	for (uint32_t i = 0; i < 8 * len; i++) {
		crc ^= p[i / 8] >> i % 8 & 1;
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void add_payload(struct bytes *b, const struct ws_traffic_spec *spec, uint64_t n,
	int64_t intended_ns, uint32_t len)
{
	if (spec->fill == WS_FILL_PROBE && len >= 16 && carries_probes(spec)) {
		bool full = spec->probe == 2 && len >= 32;

		add(b, 'W', 1);
		add(b, 0x10 + (full ? 2 : spec->probe > 2 ? spec->probe : 1), 1);
		add(b, spec->run_id, 4);
		add(b, spec->stream, 2);
		add(b, n, 8);
		len -= 16;
		if (full) {
			add(b, (uint64_t)intended_ns, 8);
			add(b, 0, 4);
			add(b, crc_of(b->data + b->len - 28, 28), 4);
			len -= 16;
		}
	}
	for (uint32_t i = 0; i < len; i++) {
		uint64_t random = ws_random_at(spec->seed, WS_RANDOM_PAYLOAD, i / 8);

		switch (spec->fill) {
		case WS_FILL_INCREMENT:
			add(b, i, 1);
			break;
		case WS_FILL_RANDOM:
			add(b, random >> (i & 7) * 8, 1);
			break;
		case WS_FILL_BYTES:
			add(b, spec->bytes[i % spec->bytes_len], 1);
			break;
		default:
			add(b, 0, 1);
			break;
		}
	}
}

static unsigned protocol(const struct ws_traffic_spec *spec)
{
	if (spec->proto == WS_PROTO_UDP) {
		return 17;
	}
	if (spec->proto == WS_PROTO_TCP_SYN) {
		return 6;
	}
	return spec->ip_version == 4 ? 1 : 58;
}

static void add_ip(struct bytes *b, const struct ws_traffic_spec *spec, uint64_t n, uint32_t l4_len)
{
	uint32_t start = b->len;
	unsigned ttl = spec->ttl != 0 ? spec->ttl : 64;

	if (spec->ip_version == 4) {
		uint16_t check;

		add(b, 0x45, 1);
		add(b, spec->tos, 1);
		add(b, 20 + l4_len, 2);
		add(b, 0x4000, 4);
		add(b, ttl, 1);
		add(b, protocol(spec), 1);
		add(b, 0, 2);
		add_address(b, spec, WS_FIELD_SRC_IP, n);
		add_address(b, spec, WS_FIELD_DST_IP, n);
		check = (uint16_t)~sum_of(0, b->data + start, 20);
		b->data[start + 10] = (uint8_t)(check >> 8);
		b->data[start + 11] = (uint8_t)check;
	} else {
		add(b, 0x60000000u | (uint32_t)spec->tos << 20, 4);
		add(b, l4_len, 2);
		add(b, protocol(spec), 1);
		add(b, ttl, 1);
		add_address(b, spec, WS_FIELD_SRC_IP, n);
		add_address(b, spec, WS_FIELD_DST_IP, n);
	}
}

/* Returns where in it the checksum stands. */
static uint32_t add_l4(
	struct bytes *b, const struct ws_traffic_spec *spec, uint64_t n, uint32_t l4_len)
{
	if (spec->proto == WS_PROTO_ICMP_ECHO) {
		add(b, spec->ip_version == 4 ? 8 : 128, 1);
		add(b, 0, 3);
		add_port(b, spec, WS_FIELD_SRC_PORT, n);
		add(b, n, 2);
		return 2;
	}
	add_port(b, spec, WS_FIELD_SRC_PORT, n);
	add_port(b, spec, WS_FIELD_DST_PORT, n);
	if (spec->proto == WS_PROTO_UDP) {
		add(b, l4_len, 2);
		add(b, 0, 2);
		return 6;
	}
	add(b, ws_random_at(spec->seed, WS_RANDOM_SYN, n), 4);
	add(b, 0, 4);
	add(b, 0x5002, 2);
	add(b, 64240, 2);
	add(b, 0, 4);
	return 16;
}

static void put_check(
	const struct ws_traffic_spec *spec, uint8_t *l4, uint32_t l4_len, uint32_t check_off)
{
	uint16_t sum = sum_of(0, l4, l4_len);

	if (spec->ip_version == 6 || spec->proto != WS_PROTO_ICMP_ECHO) {
		const uint8_t tail[8] = {0, 0, (uint8_t)(l4_len >> 8), (uint8_t)l4_len, 0, 0, 0,
			(uint8_t)protocol(spec)};
		uint32_t addresses = spec->ip_version == 6 ? 32 : 8;

		sum = sum_of(sum, l4 - addresses, addresses);
		sum = sum_of(sum, tail, sizeof(tail));
	}
	sum = (uint16_t)~sum;
	if (sum == 0 && spec->proto == WS_PROTO_UDP) {
		sum = 0xffff;
	}
	l4[check_off] = (uint8_t)(sum >> 8);
	l4[check_off + 1] = (uint8_t)sum;
}

/* IEEE 1588-2008: 13.3, 14.1 */
static void add_ptp(struct bytes *b, const struct ws_traffic_spec *spec, uint64_t n, uint32_t room)
{
	uint8_t source[6];

	if (!spec->ptp) {
		return;
	}
	memcpy(source, b->data + 6, 6);
	add(b, spec->ptp == WS_PTP_SYNC ? 0 : 1, 1);
	add(b, 2, 1);
	add(b, room - room % 2, 2);
	add(b, 87, 1);
	add(b, 0, 1);
	add(b, 0x0400, 2);
	add(b, 0, 8);
	add(b, 0, 4);
	add(b, number(source, 3), 3);
	add(b, 0xfffe, 2);
	add(b, number(source + 3, 3), 3);
	add(b, 1, 2);
	add(b, n, 2);
	add(b, spec->ptp == WS_PTP_SYNC ? 0 : 1, 1);
	add(b, 0x7f, 1);
	add(b, 0, 8);
	add(b, 0, 2);
	add(b, 0x2004, 2);
	add(b, room - room % 2 - 48, 2);
}

uint32_t traffic_model_at(
	const struct ws_traffic_spec *spec, uint64_t n, int64_t intended_ns, uint8_t *buf)
{
	static const uint8_t l4_header[] = {
		[WS_PROTO_UDP] = 8, [WS_PROTO_TCP_SYN] = 20, [WS_PROTO_ICMP_ECHO] = 8};
	struct bytes b = {.data = buf};
	uint32_t l4_off = 14 + 4 * spec->vlan_count, header_len, len, check_off;

	if (spec->proto != WS_PROTO_RAW) {
		l4_off += spec->ip_version == 4 ? 20 : 40;
		header_len = l4_off + l4_header[spec->proto];
	} else {
		header_len = spec->header ? spec->header_len : l4_off;
	}
	header_len += spec->ptp ? 48 : 0;
	len = length(spec, n, header_len);
	add(&b, mac(spec, WS_FIELD_DST_MAC, n), 6);
	add(&b, mac(spec, WS_FIELD_SRC_MAC, n), 6);
	if (spec->header) {
		memcpy(buf + 12, spec->header + 12, header_len - 12);
		b.len = header_len;
		add_payload(&b, spec, n, intended_ns, len - header_len);
		return len;
	}
	for (unsigned tag = 0; tag < spec->vlan_count; tag++) {
		add(&b, spec->vlan_count == 2 && tag == 0 ? 0x88a8 : 0x8100, 2);
		add(&b, vlan(spec, tag, n), 2);
	}
	if (spec->proto == WS_PROTO_RAW) {
		add(&b, spec->ethertype, 2);
		add_ptp(&b, spec, n, len - b.len);
		add_payload(&b, spec, n, intended_ns, len - header_len);
		return len;
	}
	add(&b, spec->ip_version == 4 ? 0x0800 : 0x86dd, 2);
	add_ip(&b, spec, n, len - l4_off);
	check_off = add_l4(&b, spec, n, len - l4_off);
	add_ptp(&b, spec, n, len - b.len);
	add_payload(&b, spec, n, intended_ns, len - header_len);
	put_check(spec, buf + l4_off, len - l4_off, check_off);
	return b.len;
}

uint32_t traffic_model(const struct ws_traffic_spec *spec, uint64_t n, uint8_t *buf)
{
	return traffic_model_at(spec, n, 0, buf);
}
