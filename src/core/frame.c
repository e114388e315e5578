// SPDX-License-Identifier: BSD-2-Clause
#include "core/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/frame_own.h"
#include "core/ptp_own.h"

#define IPV4_TTL 1 /* a probe is for the next hop: no host that it strays to passes it on */

/* The clock's byte in an answer. */
enum answer_clock {
	CLOCK_UNKNOWN,
	CLOCK_MONOTONIC_NR,
	CLOCK_REALTIME_NR,
	CLOCK_TAI_NR,
	CLOCK_PTP_NR,
};

/*
 * CRC-32C, four bytes a step. Table k holds what one byte becomes after k further zero bytes. A CRC
 * is linear, so that each table follows from its entries for the eight single bits, and the
 * compiler can make it: there is nothing to initialise at run time.
 */
#define BIT(i, n, entry) (((i) >> (n)&1) * (entry))
#define ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                                         \
	(BIT(i, 0, b0) ^ BIT(i, 1, b1) ^ BIT(i, 2, b2) ^ BIT(i, 3, b3) ^ BIT(i, 4, b4) ^ \
		BIT(i, 5, b5) ^ BIT(i, 6, b6) ^ BIT(i, 7, b7))
#define ENTRIES4(i, ...)                                                             \
	ENTRY(i, __VA_ARGS__), ENTRY(i + 1, __VA_ARGS__), ENTRY(i + 2, __VA_ARGS__), \
		ENTRY(i + 3, __VA_ARGS__)
#define ENTRIES16(i, ...)                                                                     \
	ENTRIES4(i, __VA_ARGS__), ENTRIES4(i + 4, __VA_ARGS__), ENTRIES4(i + 8, __VA_ARGS__), \
		ENTRIES4(i + 12, __VA_ARGS__)
#define ENTRIES64(i, ...)                                                                          \
	ENTRIES16(i, __VA_ARGS__), ENTRIES16(i + 16, __VA_ARGS__), ENTRIES16(i + 32, __VA_ARGS__), \
		ENTRIES16(i + 48, __VA_ARGS__)
#define TABLE(...)                                                               \
	{                                                                        \
		ENTRIES64(0, __VA_ARGS__), ENTRIES64(64, __VA_ARGS__),           \
			ENTRIES64(128, __VA_ARGS__), ENTRIES64(192, __VA_ARGS__) \
	}

static const uint32_t crc_table[4][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,
		0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,
		0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,
		0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,
		0x52a0c93f),
};

uint32_t ws_crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = UINT32_MAX;

	for (; len >= 4; p += 4, len -= 4) {
		crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		       (uint32_t)p[3] << 24;
		crc = crc_table[3][crc & 0xff] ^ crc_table[2][crc >> 8 & 0xff] ^
		      crc_table[1][crc >> 16 & 0xff] ^ crc_table[0][crc >> 24];
	}
	for (; len > 0; p++, len--) {
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xff];
	}
	return ~crc;
}

/* What a field on an even offset adds to the Internet checksum. */
static uint32_t sum_value(uint64_t v)
{
	return (uint32_t)((v >> 48) + (v >> 32 & 0xffff) + (v >> 16 & 0xffff) + (v & 0xffff));
}

const char *ws_carrier_name(enum ws_carrier carrier)
{
	static const char *const names[WS_CARRIER_COUNT] = {
		[WS_CARRIER_UDP] = "udp",
		[WS_CARRIER_L2] = "l2",
		[WS_CARRIER_PTP_L2] = "ptp-l2",
		[WS_CARRIER_PTP_UDP] = "ptp-udp",
	};

	return (unsigned)carrier < WS_CARRIER_COUNT ? names[carrier] : "unknown";
}

const char *ws_payload_name(enum ws_payload payload)
{
	switch (payload) {
	case WS_PAYLOAD_SHORT:
		return "short";
	case WS_PAYLOAD_FULL:
		return "full";
	case WS_PAYLOAD_REQUEST:
		return "request";
	case WS_PAYLOAD_ANSWER:
		return "answer";
	case WS_PAYLOAD_COLLECT:
		return "collect";
	default:
		return "unknown";
	}
}

static bool is_udp(enum ws_carrier carrier)
{
	return carrier == WS_CARRIER_UDP || carrier == WS_CARRIER_PTP_UDP;
}

static bool is_ptp(enum ws_carrier carrier)
{
	return carrier == WS_CARRIER_PTP_L2 || carrier == WS_CARRIER_PTP_UDP;
}

static uint32_t payload_offset(enum ws_carrier carrier)
{
	return ETH_HEADER_LEN + (is_udp(carrier) ? IPV4_HEADER_LEN + UDP_HEADER_LEN : 0) +
	       (is_ptp(carrier) ? WS_PTP_HEAD_LEN : 0);
}

/* 0: no payload of ours. */
static uint32_t payload_len(enum ws_payload payload)
{
	switch (payload) {
	case WS_PAYLOAD_SHORT:
		return PROBE_SHORT_LEN;
	case WS_PAYLOAD_FULL:
		return PROBE_FULL_LEN;
	case WS_PAYLOAD_REQUEST:
	case WS_PAYLOAD_ANSWER:
	case WS_PAYLOAD_COLLECT:
		return WS_ANSWER_LEN;
	default:
		return 0;
	}
}

uint32_t ws_frame_min_len(enum ws_carrier carrier, enum ws_payload payload)
{
	uint32_t len = payload_offset(carrier) + payload_len(payload);

	return len < WS_FRAME_MIN ? WS_FRAME_MIN : len;
}

enum ws_payload ws_frame_payload_for(enum ws_carrier carrier, uint32_t len)
{
	return len >= ws_frame_min_len(carrier, WS_PAYLOAD_FULL) ? WS_PAYLOAD_FULL
								 : WS_PAYLOAD_SHORT;
}

static void put_ipv4(uint8_t *ip, const struct ws_frame_spec *spec)
{
	ip[0] = 4 << 4 | IPV4_HEADER_LEN / 4;
	put_be16(ip + 2, (uint16_t)(spec->len - ETH_HEADER_LEN));
	put_be16(ip + 6, IPV4_DF);
	ip[8] = IPV4_TTL;
	ip[9] = IPPROTO_UDP_NR;
	put_be32(ip + 12, spec->src_ip);
	put_be32(ip + 16, spec->dst_ip);
	put_be16(ip + 10, (uint16_t)~fold(sum_words(ip, IPV4_HEADER_LEN)));
}

int ws_frame_template_init(struct ws_frame_template *t, const struct ws_frame_spec *spec)
{
	struct ws_frame_template n = {.len = spec->len, .payload = spec->payload};
	uint8_t *probe;

	if ((unsigned)spec->carrier >= WS_CARRIER_COUNT || payload_len(spec->payload) == 0 ||
		spec->payload == WS_PAYLOAD_ANSWER ||
		(spec->carrier == WS_CARRIER_PTP_UDP && spec->dst_port != WS_PTP_PORT)) {
		return -EINVAL;
	}
	if (spec->len < ws_frame_min_len(spec->carrier, spec->payload) ||
		spec->len > WS_FRAME_MAX) {
		return -EMSGSIZE;
	}

	n.payload_off = payload_offset(spec->carrier);
	/* What is behind the sequence of requests is zero, as the rest of the frame. */
	n.head_len = n.payload_off +
		     (spec->payload == WS_PAYLOAD_FULL ? PROBE_FULL_LEN : PROBE_SHORT_LEN);
	memcpy(n.head, spec->dst, ETH_ADDR_LEN);
	memcpy(n.head + ETH_ADDR_LEN, spec->src, ETH_ADDR_LEN);

	probe = n.head + n.payload_off;
	probe[0] = PROBE_MAGIC;
	probe[PROBE_KIND_OFF] = (uint8_t)(WS_PROBE_VERSION << 4 | spec->payload);
	put_be32(probe + PROBE_RUN_OFF, spec->run_id);
	put_be16(probe + PROBE_STREAM_OFF, spec->stream);

	if (is_ptp(spec->carrier)) {
		n.ptp_off = n.payload_off - WS_PTP_HEAD_LEN;
		ws_ptp_put(n.head + n.ptp_off, PTP_TYPE_SYNC, spec->src, spec->len - n.ptp_off);
	}
	if (is_udp(spec->carrier)) {
		uint8_t *ip = n.head + ETH_HEADER_LEN;
		uint8_t *udp = ip + IPV4_HEADER_LEN;
		uint32_t udp_len = spec->len - ETH_HEADER_LEN - IPV4_HEADER_LEN;

		put_be16(n.head + 2 * ETH_ADDR_LEN, ETHERTYPE_IPV4);
		put_ipv4(ip, spec);
		put_be16(udp, spec->src_port);
		put_be16(udp + 2, spec->dst_port);
		put_be16(udp + 4, (uint16_t)udp_len);
		n.udp_check_off = ETH_HEADER_LEN + IPV4_HEADER_LEN + 6;
		/* The pseudo header of RFC 768, and all of the datagram that is not zero. */
		n.udp_sum = fold(sum_words(ip + 12, 8) + IPPROTO_UDP_NR + udp_len +
				 sum_words(udp, n.head_len - ETH_HEADER_LEN - IPV4_HEADER_LEN));
	} else {
		put_be16(n.head + 2 * ETH_ADDR_LEN,
			n.ptp_off != 0 ? WS_ETHERTYPE_PTP : WS_ETHERTYPE_PROBE);
	}
	*t = n;
	return 0;
}

uint32_t ws_full_put(uint8_t *payload, int64_t intended_ns)
{
	uint32_t crc;

	put_be64(payload + PROBE_INTENDED_OFF, (uint64_t)intended_ns);
	put_be32(payload + PROBE_INTENDED_OFF + 8, 0);
	crc = ws_crc32c(payload, PROBE_CRC_OFF);
	put_be32(payload + PROBE_CRC_OFF, crc);
	return sum_value((uint64_t)intended_ns) + sum_value(crc);
}

void ws_frame_write(
	const struct ws_frame_template *t, uint8_t *buf, uint64_t seq, int64_t intended_ns)
{
	uint8_t *probe = buf + t->payload_off;
	uint32_t sum = t->udp_sum;

	memcpy(buf, t->head, t->head_len);
	memset(buf + t->head_len, 0, t->len - t->head_len);
	put_be64(probe + PROBE_SEQ_OFF, seq);
	sum += sum_value(seq);
	if (t->ptp_off != 0) {
		put_be16(buf + t->ptp_off + PTP_SEQUENCE_OFF, (uint16_t)seq);
		sum += (uint16_t)seq;
	}
	if (t->payload == WS_PAYLOAD_FULL) {
		sum += ws_full_put(probe, intended_ns);
	}
	if (t->udp_check_off != 0) {
		uint16_t check = (uint16_t)~fold(sum);

		/* RFC 768: 0 on the wire would mean that there is no checksum. */
		put_be16(buf + t->udp_check_off, check != 0 ? check : 0xffff);
	}
}

uint32_t ws_probe_clock_id(uint32_t boot, uint32_t run_id)
{
	uint8_t bytes[8];
	uint32_t id;

	if (boot == 0) {
		return 0;
	}
	put_be32(bytes, boot);
	put_be32(bytes + 4, run_id);
	id = ws_crc32c(bytes, sizeof(bytes));
	return id != 0 ? id : 1;
}

static uint8_t clock_number(enum ws_clock clock)
{
	switch (clock) {
	case WS_CLOCK_NONE:
		return CLOCK_UNKNOWN;
	case WS_CLOCK_MONOTONIC:
		return CLOCK_MONOTONIC_NR;
	case WS_CLOCK_REALTIME:
		return CLOCK_REALTIME_NR;
	case WS_CLOCK_TAI:
		return CLOCK_TAI_NR;
	default:
		return clock >= WS_CLOCK_PHC ? CLOCK_PTP_NR : CLOCK_UNKNOWN;
	}
}

/* Which one of several PTP clocks is not told: the clock id does not change during a run. */
static enum ws_clock clock_of(uint8_t number)
{
	static const enum ws_clock clocks[] = {
		[CLOCK_MONOTONIC_NR] = WS_CLOCK_MONOTONIC,
		[CLOCK_REALTIME_NR] = WS_CLOCK_REALTIME,
		[CLOCK_TAI_NR] = WS_CLOCK_TAI,
		[CLOCK_PTP_NR] = WS_CLOCK_PHC,
	};

	return number < sizeof(clocks) / sizeof(clocks[0]) ? clocks[number] : WS_CLOCK_NONE;
}

static void put_stamp(uint8_t *payload, uint32_t at, uint32_t origin_at, struct ws_stamp stamp,
	enum ws_clock clock)
{
	bool known = stamp.origin != WS_ORIGIN_NONE && (unsigned)stamp.origin < WS_ORIGIN_COUNT &&
		     stamp.time.clock == clock && clock_number(clock) != CLOCK_UNKNOWN &&
		     stamp.time.ns != ANSWER_NO_TIME;

	put_be64(payload + at, known ? (uint64_t)stamp.time.ns : (uint64_t)ANSWER_NO_TIME);
	payload[origin_at] = known ? (uint8_t)stamp.origin : WS_ORIGIN_NONE;
}

void ws_answer_put(
	uint8_t *payload, uint32_t run_id, const struct ws_probe *probe, enum ws_clock clock)
{
	payload[0] = PROBE_MAGIC;
	payload[PROBE_KIND_OFF] = WS_PROBE_VERSION << 4 | WS_PAYLOAD_ANSWER;
	put_be32(payload + PROBE_RUN_OFF, run_id);
	put_be16(payload + PROBE_STREAM_OFF, probe->stream);
	put_be64(payload + PROBE_SEQ_OFF, probe->seq);
	put_stamp(payload, ANSWER_RX_OFF, ANSWER_RX_ORIGIN, probe->answer.rx, clock);
	put_stamp(payload, ANSWER_TX_OFF, ANSWER_TX_ORIGIN, probe->answer.tx, clock);
	put_be64(payload + ANSWER_TX_SEQ_OFF, probe->answer.tx_seq);
	put_be32(payload + ANSWER_CLOCK_ID_OFF, probe->answer.clock_id);
	payload[ANSWER_CLOCK_OFF] = clock_number(clock);
	payload[ANSWER_CLOCK_OFF + 1] = 0;
	put_be32(payload + ANSWER_COUNT_OFF, probe->answer.answered);
	put_be32(payload + ANSWER_CRC_OFF, ws_crc32c(payload, ANSWER_CRC_OFF));
}

/* False for what contradicts: a time without an origin or a clock, or either without a time. */
static bool read_stamp(
	const uint8_t *payload, uint32_t at, uint32_t origin_at, struct ws_stamp *ret)
{
	enum ws_clock clock = clock_of(payload[ANSWER_CLOCK_OFF]);
	int64_t ns = (int64_t)get_be64(payload + at);
	uint8_t origin = payload[origin_at];

	if (ns == ANSWER_NO_TIME || origin == WS_ORIGIN_NONE) {
		*ret = (struct ws_stamp){.origin = WS_ORIGIN_NONE};
		return ns == ANSWER_NO_TIME && origin == WS_ORIGIN_NONE;
	}
	*ret = (struct ws_stamp){.time = {.ns = ns, .clock = clock}, .origin = origin};
	return origin < WS_ORIGIN_COUNT && clock != WS_CLOCK_NONE;
}

/* What all kinds begin with. */
static struct ws_probe read_beginning(const uint8_t *payload, enum ws_payload kind)
{
	return (struct ws_probe){
		.seq = get_be64(payload + PROBE_SEQ_OFF),
		.stream = get_be16(payload + PROBE_STREAM_OFF),
		.payload = kind,
	};
}

/* Reads a whole payload. False if its CRC is wrong, or it contradicts itself. */
static bool read_payload(const uint8_t *payload, enum ws_payload kind, struct ws_probe *ret)
{
	*ret = read_beginning(payload, kind);
	if (kind == WS_PAYLOAD_FULL) {
		ret->intended_ns = (int64_t)get_be64(payload + PROBE_INTENDED_OFF);
		return get_be32(payload + PROBE_CRC_OFF) == ws_crc32c(payload, PROBE_CRC_OFF);
	}
	if (kind != WS_PAYLOAD_ANSWER) {
		return true;
	}
	ret->answer.tx_seq = get_be64(payload + ANSWER_TX_SEQ_OFF);
	ret->answer.clock_id = get_be32(payload + ANSWER_CLOCK_ID_OFF);
	ret->answer.answered = get_be32(payload + ANSWER_COUNT_OFF);
	return get_be32(payload + ANSWER_CRC_OFF) == ws_crc32c(payload, ANSWER_CRC_OFF) &&
	       read_stamp(payload, ANSWER_RX_OFF, ANSWER_RX_ORIGIN, &ret->answer.rx) &&
	       read_stamp(payload, ANSWER_TX_OFF, ANSWER_TX_ORIGIN, &ret->answer.tx);
}

/* What may be a probe: len bytes are there and belong to it by every header's word. */
struct probe_bytes {
	const uint8_t *data;
	uint32_t len;
	bool cut; /* the datagram claims to be longer than its packet: a first fragment, or cut off */
};

/* Steps into a PTP message, for which the layer below says there is that much room. */
static bool find_in_ptp(struct probe_bytes *b, uint32_t room)
{
	uint32_t len;
	bool cut;

	if (!ws_ptp_find(b->data, b->len, room, &len, &cut)) {
		return false;
	}
	b->data += WS_PTP_HEAD_LEN;
	b->len -= WS_PTP_HEAD_LEN;
	b->len = b->len < len ? b->len : len;
	b->cut = b->cut || cut;
	return true;
}

/*
 * Steps into a UDP datagram to dst_port, of which len bytes are there. Its packet has room for `room`.
 * Returns false if that is not what it is.
 */
static bool find_payload(
	const uint8_t *udp, uint32_t len, uint32_t room, uint16_t dst_port, struct probe_bytes *ret)
{
	uint32_t udp_len;

	if (len < UDP_HEADER_LEN) {
		return false;
	}
	udp_len = get_be16(udp + 4);
	if (get_be16(udp + 2) != dst_port || udp_len < UDP_HEADER_LEN) {
		return false;
	}
	if (len > udp_len) {
		len = udp_len;
	}
	*ret = (struct probe_bytes){
		.data = udp + UDP_HEADER_LEN,
		.len = len - UDP_HEADER_LEN,
		.cut = udp_len > room,
	};
	return dst_port != WS_PTP_PORT || find_in_ptp(ret, udp_len - UDP_HEADER_LEN);
}

static bool find_udp4(const uint8_t *ip, uint32_t len, uint16_t dst_port, struct probe_bytes *ret)
{
	uint32_t header_len, total_len;

	if (len < IPV4_HEADER_LEN || ip[0] >> 4 != 4) {
		return false;
	}
	header_len = (ip[0] & 0xfu) * 4;
	total_len = get_be16(ip + 2);
	if (header_len < IPV4_HEADER_LEN) {
		return false;
	}
	/* Only the first fragment has a UDP header. */
	if (ip[9] != IPPROTO_UDP_NR || (get_be16(ip + 6) & IPV4_FRAG_OFFSET) != 0) {
		return false;
	}
	/* More is padding of a short Ethernet frame; less is a frame that was captured in part. */
	if (len > total_len) {
		len = total_len;
	}
	if (len < header_len) {
		return false;
	}
	return find_payload(
		ip + header_len, len - header_len, total_len - header_len, dst_port, ret);
}

/* Right behind the header: nothing that is sent here has extension headers. */
static bool find_udp6(const uint8_t *ip, uint32_t len, uint16_t dst_port, struct probe_bytes *ret)
{
	uint32_t payload_len;

	if (len < IPV6_HEADER_LEN || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP_NR) {
		return false;
	}
	payload_len = get_be16(ip + 4);
	len -= IPV6_HEADER_LEN;
	if (len > payload_len) {
		len = payload_len;
	}
	return find_payload(ip + IPV6_HEADER_LEN, len, payload_len, dst_port, ret);
}

static bool find_udp(uint16_t ethertype, const uint8_t *ip, uint32_t len, uint16_t dst_port,
	struct probe_bytes *ret)
{
	switch (ethertype) {
	case ETHERTYPE_IPV4:
		return find_udp4(ip, len, dst_port, ret);
	case ETHERTYPE_IPV6:
		return find_udp6(ip, len, dst_port, ret);
	default:
		return false;
	}
}

/* The payload of a frame, by ethertype or port. */
static bool find_probe(
	const uint8_t *data, uint32_t len, uint16_t dst_port, struct probe_bytes *ret)
{
	uint32_t off = 2 * ETH_ADDR_LEN;
	uint16_t ethertype;

	for (unsigned tags = 0;; tags++) {
		if (len < off + 2) {
			return false;
		}
		ethertype = get_be16(data + off);
		if (ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_QINQ) {
			break;
		}
		if (tags == VLAN_TAGS_MAX) {
			return false;
		}
		off += VLAN_TAG_LEN;
	}
	off += 2;
	if (ethertype == WS_ETHERTYPE_PROBE || ethertype == WS_ETHERTYPE_PTP) {
		*ret = (struct probe_bytes){.data = data + off, .len = len - off};
		/* How long the frame was nobody says here. */
		return ethertype == WS_ETHERTYPE_PROBE || find_in_ptp(ret, UINT32_MAX);
	}
	return find_udp(ethertype, data + off, len - off, dst_port, ret);
}

/* False: malformed, with at least a run id. */
static bool read_probe(const struct probe_bytes *probe, struct ws_probe *ret)
{
	enum ws_payload payload = probe->data[PROBE_KIND_OFF] & 0xf;

	return !probe->cut && probe->data[PROBE_KIND_OFF] >> 4 == WS_PROBE_VERSION &&
	       payload_len(payload) != 0 && probe->len >= payload_len(payload) &&
	       read_payload(probe->data, payload, ret);
}

enum ws_probe_class ws_probe_parse(
	const uint8_t *data, uint32_t len, uint32_t run_id, uint16_t dst_port, struct ws_probe *ret)
{
	struct probe_bytes probe;
	struct ws_probe read;

	/* Without a whole run id nobody can say whose it is. */
	if (!find_probe(data, len, dst_port, &probe) || probe.len < PROBE_STREAM_OFF ||
		probe.data[0] != PROBE_MAGIC || get_be32(probe.data + PROBE_RUN_OFF) != run_id) {
		return WS_PROBE_FOREIGN;
	}
	if (!read_probe(&probe, &read)) {
		return WS_PROBE_MALFORMED;
	}
	*ret = read;
	return WS_PROBE_OURS;
}

bool ws_probe_any(const uint8_t *data, uint32_t len, uint16_t dst_port, uint32_t *ret_run_id,
	struct ws_probe *ret)
{
	struct probe_bytes probe;
	struct ws_probe read;

	if (!find_probe(data, len, dst_port, &probe) || probe.len < PROBE_STREAM_OFF ||
		probe.data[0] != PROBE_MAGIC || !read_probe(&probe, &read)) {
		return false;
	}
	*ret_run_id = get_be32(probe.data + PROBE_RUN_OFF);
	*ret = read;
	return true;
}

bool ws_probe_look(const uint8_t *payload, uint32_t len, uint32_t *ret_run_id, struct ws_probe *ret)
{
	struct probe_bytes b = {.data = payload, .len = len};
	struct ws_probe read;
	enum ws_payload kind;

	if (len > 0 && payload[0] != PROBE_MAGIC && (!find_in_ptp(&b, UINT32_MAX) || b.cut)) {
		return false;
	}
	if (b.len < PROBE_SHORT_LEN || b.data[0] != PROBE_MAGIC ||
		b.data[PROBE_KIND_OFF] >> 4 != WS_PROBE_VERSION) {
		return false;
	}
	kind = b.data[PROBE_KIND_OFF] & 0xf;
	if (payload_len(kind) == 0) {
		return false;
	}
	if (b.len < payload_len(kind)) {
		read = read_beginning(b.data, kind);
	} else if (!read_payload(b.data, kind, &read)) {
		return false;
	}
	*ret_run_id = get_be32(b.data + PROBE_RUN_OFF);
	*ret = read;
	return true;
}
