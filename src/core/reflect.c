// SPDX-License-Identifier: BSD-2-Clause
#include "core/reflect.h"

#include <string.h>

#include "core/frame_own.h"
#include "core/ptp_own.h"
#include "core/reflect_own.h"

#define TTL 64
#define ECN 0x03 /* of the traffic class: not an answer's to tell */

/* A frame that asks for an answer, taken apart. */
struct request {
	const uint8_t *data;
	uint32_t len;
	uint32_t ip_off, udp_off, payload_off;
	uint32_t ptp_off;    /* 0: none */
	unsigned ip_version; /* 0: layer 2 */
	uint32_t payload_len;
};

const char *ws_reflect_name(enum ws_reflect_verdict verdict)
{
	static const char *const names[WS_REFLECT_VERDICTS] = {
		[WS_REFLECT_ANSWER] = "answered",
		[WS_REFLECT_OTHER] = "other",
		[WS_REFLECT_GROUP] = "group",
		[WS_REFLECT_SHORT] = "short",
		[WS_REFLECT_MALFORMED] = "malformed",
		[WS_REFLECT_REPEATED] = "repeated",
		[WS_REFLECT_LIMITED] = "limited",
		[WS_REFLECT_CROWDED] = "crowded",
	};

	return (unsigned)verdict < WS_REFLECT_VERDICTS ? names[verdict] : "unknown";
}

/* Whether it asks for an answer, as far as it is there. */
static bool is_request(const uint8_t *payload, uint32_t len)
{
	return len > PROBE_KIND_OFF && payload[0] == PROBE_MAGIC &&
	       (payload[PROBE_KIND_OFF] == (WS_PROBE_VERSION << 4 | WS_PAYLOAD_REQUEST) ||
		       payload[PROBE_KIND_OFF] == (WS_PROBE_VERSION << 4 | WS_PAYLOAD_COLLECT));
}

/* Where the UDP header is; 0: there is none, or not all of it. */
static uint32_t find_udp(const struct request *q)
{
	const uint8_t *ip = q->data + q->ip_off;
	uint32_t there = q->len - q->ip_off, header_len = IPV6_HEADER_LEN;

	if (q->ip_version == 6) {
		if (there < IPV6_HEADER_LEN || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP_NR) {
			return 0;
		}
	} else {
		if (there < IPV4_HEADER_LEN || ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP_NR ||
			(get_be16(ip + 6) & IPV4_FRAG_OFFSET) != 0) {
			return 0;
		}
		header_len = (ip[0] & 0xfu) * 4;
	}
	return header_len >= IPV4_HEADER_LEN && there >= header_len + UDP_HEADER_LEN
		       ? q->ip_off + header_len
		       : 0;
}

/* Steps from what follows the UDP header or the ethertype to the payload. */
static bool find_payload(struct request *q, uint32_t off, bool ptp)
{
	uint32_t len;
	bool cut;

	q->payload_off = off;
	if (!ptp) {
		return true;
	}
	q->ptp_off = off;
	q->payload_off += WS_PTP_HEAD_LEN;
	return ws_ptp_find(q->data + off, q->len - off, q->len - off, &len, &cut);
}

/* Finds a request in the frame by what is there, whatever the lengths in it say. */
static bool find_request(const struct ws_reflect *r, struct request *q)
{
	uint32_t off = 2 * ETH_ADDR_LEN;
	uint16_t ethertype, port;

	for (unsigned tags = 0;; tags++, off += VLAN_TAG_LEN) {
		if (q->len < off + 2) {
			return false;
		}
		ethertype = get_be16(q->data + off);
		if (ethertype != ETHERTYPE_VLAN && ethertype != ETHERTYPE_QINQ) {
			break;
		}
		if (tags == VLAN_TAGS_MAX) {
			return false;
		}
	}
	off += 2;
	switch (ethertype) {
	case WS_ETHERTYPE_PROBE:
	case WS_ETHERTYPE_PTP:
		if (!find_payload(q, off, ethertype == WS_ETHERTYPE_PTP)) {
			return false;
		}
		break;
	case ETHERTYPE_IPV4:
	case ETHERTYPE_IPV6:
		q->ip_off = off;
		q->ip_version = ethertype == ETHERTYPE_IPV4 ? 4 : 6;
		q->udp_off = find_udp(q);
		if (q->udp_off == 0) {
			return false;
		}
		port = get_be16(q->data + q->udp_off + 2);
		if (port == 0 ||
			(port != r->c.udp_port && !(port == WS_PTP_PORT && r->c.ptp_udp))) {
			return false;
		}
		if (!find_payload(q, q->udp_off + UDP_HEADER_LEN, port == WS_PTP_PORT)) {
			return false;
		}
		break;
	default:
		return false;
	}
	return is_request(q->data + q->payload_off, q->len - q->payload_off);
}

static const uint8_t *source_ip(const struct request *q)
{
	return q->data + q->ip_off + (q->ip_version == 4 ? 12 : 8);
}

static const uint8_t *destination_ip(const struct request *q)
{
	return q->data + q->ip_off + (q->ip_version == 4 ? 16 : 24);
}

static const uint8_t *udp_header(const struct request *q)
{
	return q->data + q->udp_off;
}

static bool is_group_ip(const struct ws_reflect *r, unsigned version, const uint8_t *ip)
{
	uint32_t v4 = get_be32(ip);

	if (version == 6) {
		return ip[0] == 0xff;
	}
	return v4 >> 28 == 0xe || v4 == UINT32_MAX ||
	       (r->c.ipv4_broadcast != 0 && v4 == r->c.ipv4_broadcast);
}

static bool has_group(const struct ws_reflect *r, const struct request *q)
{
	if ((q->data[0] & 1) != 0 || (q->data[ETH_ADDR_LEN] & 1) != 0) {
		return true;
	}
	return q->ip_version != 0 && (is_group_ip(r, q->ip_version, source_ip(q)) ||
					     is_group_ip(r, q->ip_version, destination_ip(q)));
}

/* An address that a host on the network can have (RFC 1122, 3.2.1.3; RFC 4291, 2.5). */
static bool is_host_ip(const struct ws_reflect *r, unsigned version, const uint8_t *ip)
{
	static const uint8_t zero[15];

	if (version == 4) {
		return ip[0] != 0 && (ip[0] != 127 || r->c.routed);
	}
	if (memcmp(ip, zero, 15) == 0 && (ip[15] == 0 || (ip[15] == 1 && !r->c.routed))) {
		return false;
	}
	/* IPv4-mapped ones are an interface's of programs, never a packet's. */
	return memcmp(ip, zero, 10) != 0 || get_be16(ip + 10) != 0xffff;
}

static bool macs_are_good(const struct request *q)
{
	static const uint8_t zero[ETH_ADDR_LEN];
	const uint8_t *to = q->data, *from = q->data + ETH_ADDR_LEN;

	return memcmp(from, zero, ETH_ADDR_LEN) != 0 && memcmp(from, to, ETH_ADDR_LEN) != 0;
}

static bool ips_are_good(const struct ws_reflect *r, const struct request *q)
{
	const uint8_t *from = source_ip(q), *to = destination_ip(q), *udp = udp_header(q);
	uint16_t source_port = get_be16(udp), own_port = get_be16(udp + 2);

	if (!is_host_ip(r, q->ip_version, from) || !is_host_ip(r, q->ip_version, to) ||
		source_port == 0) {
		return false;
	}
	return memcmp(from, to, q->ip_version == 4 ? 4 : 16) != 0 ||
	       (r->c.routed && source_port != own_port);
}

/* The same of a PTP message, where there is one: what is behind it is no payload. */
static bool message_is_good(struct request *q)
{
	const uint8_t *ptp = q->data + q->ptp_off;
	uint32_t room = q->payload_off + q->payload_len - q->ptp_off, len;
	bool cut;

	if (q->ptp_off == 0) {
		return true;
	}
	if (!ws_ptp_find(ptp, room, room, &len, &cut) || cut) {
		return false;
	}
	q->payload_len = len;
	return true;
}

/* Whether the headers' lengths agree, and all is there that they tell of. Finds the payload's length. */
static bool lengths_are_good(struct request *q)
{
	const uint8_t *ip = q->data + q->ip_off, *udp = udp_header(q);
	uint32_t there = q->len - q->ip_off, ip_len, header_len, udp_len;

	if (q->ip_version == 0) {
		q->payload_len = q->len - q->payload_off;
		return message_is_good(q);
	}
	if (q->ip_version == 4) {
		header_len = IPV4_HEADER_LEN;
		ip_len = get_be16(ip + 2);
		if (ip[0] != (4 << 4 | IPV4_HEADER_LEN / 4) || (get_be16(ip + 6) & IPV4_MF) != 0 ||
			fold(sum_words(ip, IPV4_HEADER_LEN)) != 0xffff) {
			return false;
		}
	} else {
		header_len = IPV6_HEADER_LEN;
		ip_len = IPV6_HEADER_LEN + get_be16(ip + 4);
		if (get_be16(udp + 6) == 0) {
			return false;
		}
	}
	udp_len = get_be16(udp + 4);
	if (udp_len < UDP_HEADER_LEN || udp_len + header_len != ip_len || ip_len > there) {
		return false;
	}
	q->payload_len = q->udp_off + udp_len - q->payload_off;
	return udp_len - UDP_HEADER_LEN >= q->payload_off - q->udp_off - UDP_HEADER_LEN &&
	       message_is_good(q);
}

/* What can be said of the frame alone. */
static enum ws_reflect_verdict judge_frame(const struct ws_reflect *r, struct request *q)
{
	static const uint8_t any[ETH_ADDR_LEN];

	if (!find_request(r, q)) {
		return WS_REFLECT_OTHER;
	}
	if (has_group(r, q)) {
		return WS_REFLECT_GROUP;
	}
	if (memcmp(r->c.mac, any, ETH_ADDR_LEN) != 0 &&
		memcmp(r->c.mac, q->data, ETH_ADDR_LEN) != 0) {
		return WS_REFLECT_OTHER;
	}
	if (!macs_are_good(q) || (q->ip_version != 0 && !ips_are_good(r, q)) ||
		!lengths_are_good(q)) {
		return WS_REFLECT_MALFORMED;
	}
	return q->payload_len < WS_ANSWER_LEN ? WS_REFLECT_SHORT : WS_REFLECT_ANSWER;
}

static struct ws_reflect_key key_of(const struct request *q)
{
	const uint8_t *payload = q->data + q->payload_off;
	struct ws_reflect_key key = {
		.ip_version = (uint8_t)q->ip_version,
		.stream = get_be16(payload + PROBE_STREAM_OFF),
		.run_id = get_be32(payload + PROBE_RUN_OFF),
	};

	memcpy(key.mac, q->data + ETH_ADDR_LEN, ETH_ADDR_LEN);
	if (q->ip_version != 0) {
		memcpy(key.ip, source_ip(q), q->ip_version == 4 ? 4 : 16);
		key.port = get_be16(udp_header(q));
	}
	return key;
}

/* Takes what one answer costs. */
static bool take_credit(struct ws_reflect *r, int64_t now_ns)
{
	uint64_t passed = (uint64_t)now_ns - (uint64_t)r->credit_ns;

	if (r->c.max_pps == 0) {
		return true;
	}
	if (!r->credit_started || now_ns > r->credit_ns) {
		if (r->credit_started) {
			r->credit += (unsigned __int128)passed * r->c.max_pps;
		}
		if (r->credit > r->credit_max) {
			r->credit = r->credit_max;
		}
		r->credit_started = true;
		r->credit_ns = now_ns;
	}
	if (r->credit < WS_NSEC_PER_SEC) {
		return false;
	}
	r->credit -= WS_NSEC_PER_SEC;
	return true;
}

static uint32_t layer2_end(const struct request *q)
{
	return q->ptp_off != 0 ? q->ptp_off : q->payload_off;
}

/* As long as the request's. An event for an event; one that no card is to stamp for such a one. */
static void put_message(const struct request *q, uint8_t *buf)
{
	const uint8_t *ptp = q->data + q->ptp_off;
	uint8_t type = ptp[PTP_TYPE_OFF] == PTP_TYPE_SIGNALING ? PTP_TYPE_SIGNALING : PTP_TYPE_SYNC;
	uint8_t *out = buf + q->ptp_off;

	ws_ptp_put(out, type, buf + ETH_ADDR_LEN, get_be16(ptp + PTP_LENGTH_OFF));
	memcpy(out + PTP_SEQUENCE_OFF, q->data + q->payload_off + PROBE_SEQ_OFF + 6, 2);
}

/* Headers of the answer, but for the checksum of UDP. */
static void put_headers(const struct request *q, uint8_t *buf)
{
	const uint8_t *ip = q->data + q->ip_off, *udp = udp_header(q);
	uint8_t *out = buf + q->ip_off;

	memcpy(buf, q->data + ETH_ADDR_LEN, ETH_ADDR_LEN);
	memcpy(buf + ETH_ADDR_LEN, q->data, ETH_ADDR_LEN);
	memcpy(buf + 2 * ETH_ADDR_LEN, q->data + 2 * ETH_ADDR_LEN,
		(q->ip_version != 0 ? q->ip_off : layer2_end(q)) - 2 * ETH_ADDR_LEN);
	if (q->ptp_off != 0) {
		put_message(q, buf);
	}
	if (q->ip_version == 0) {
		return;
	}
	if (q->ip_version == 4) {
		out[0] = ip[0];
		out[1] = ip[1] & (uint8_t)~ECN;
		memcpy(out + 2, ip + 2, 2);
		put_be16(out + 6, IPV4_DF);
		out[8] = TTL;
		out[9] = IPPROTO_UDP_NR;
		memcpy(out + 12, ip + 16, 4);
		memcpy(out + 16, ip + 12, 4);
		put_be16(out + 10, (uint16_t)~fold(sum_words(out, IPV4_HEADER_LEN)));
	} else {
		out[0] = ip[0];
		out[1] = ip[1] & (uint8_t) ~(ECN << 4) & 0xf0;
		memcpy(out + 4, ip + 4, 2);
		out[6] = IPPROTO_UDP_NR;
		out[7] = TTL;
		memcpy(out + 8, ip + 24, 16);
		memcpy(out + 24, ip + 8, 16);
	}
	out = buf + q->udp_off;
	memcpy(out, udp + 2, 2);
	memcpy(out + 2, udp, 2);
	memcpy(out + 4, udp + 4, 2);
}

/* Behind the payload all is zero. */
static void put_udp_check(const struct request *q, uint8_t *buf)
{
	uint8_t *udp = buf + q->udp_off;
	const uint8_t *addresses = buf + q->ip_off + (q->ip_version == 4 ? 12 : 8);
	uint32_t sum = sum_words(addresses, q->ip_version == 4 ? 8 : 32) + IPPROTO_UDP_NR +
		       get_be16(udp + 4);
	uint16_t check =
		(uint16_t)~fold(sum + sum_words(udp, q->payload_off - q->udp_off + WS_ANSWER_LEN));

	/* RFC 768, RFC 8200: 0 would mean that there is no checksum. */
	put_be16(udp + 6, check != 0 ? check : 0xffff);
}

static uint64_t write_answer(struct ws_reflect *r, struct ws_reflect_one *s,
	const struct request *q, const struct ws_stamp *rx, uint8_t *buf)
{
	const uint8_t *payload = q->data + q->payload_off;
	bool collect = (payload[PROBE_KIND_OFF] & 0xf) == WS_PAYLOAD_COLLECT;
	struct ws_probe answer = {
		.seq = get_be64(payload + PROBE_SEQ_OFF),
		.stream = s->key.stream,
	};

	if (collect) {
		s->collected++;
	} else {
		s->answered++;
		if (ws_reflect_is_usable(r, rx)) {
			answer.answer.rx = *rx;
		}
	}
	ws_reflect_take_oldest(s, r->c.clock, &answer);
	answer.answer.answered = (uint32_t)s->answered;
	/* Of several PTP clocks an answer does not say which. */
	if ((int)r->c.clock < WS_CLOCK_PHC) {
		answer.answer.clock_id = ws_probe_clock_id(r->c.boot, s->key.run_id);
	}
	memset(buf, 0, q->len);
	put_headers(q, buf);
	ws_answer_put(buf + q->payload_off, s->key.run_id, &answer, r->c.clock);
	if (q->ip_version != 0) {
		put_udp_check(q, buf);
	}
	return collect ? 0 : ws_reflect_cookie(r, s, answer.seq);
}

/* Whether the request may be answered now; then its session is there, and remembers it. */
static enum ws_reflect_verdict judge_session(
	struct ws_reflect *r, const struct request *q, int64_t now_ns, struct ws_reflect_one **ret)
{
	uint64_t seq = get_be64(q->data + q->payload_off + PROBE_SEQ_OFF);
	struct ws_reflect_key key = key_of(q);
	struct ws_reflect_one *s = ws_reflect_find(r, &key);

	if (s) {
		ws_reflect_touch(r, s, now_ns);
		if (ws_reflect_is_repeated(s, seq)) {
			s->repeated++;
			return WS_REFLECT_REPEATED;
		}
	} else if (!ws_reflect_has_room(r, now_ns)) {
		return WS_REFLECT_CROWDED;
	}
	if (!take_credit(r, now_ns)) {
		if (s) {
			s->limited++;
		}
		return WS_REFLECT_LIMITED;
	}
	if (!s) {
		s = ws_reflect_add(r, &key, seq, now_ns);
	}
	ws_reflect_remember(s, seq);
	*ret = s;
	return WS_REFLECT_ANSWER;
}

enum ws_reflect_verdict ws_reflect_frame(struct ws_reflect *r, const uint8_t *data, uint32_t len,
	const struct ws_stamp *rx, int64_t now_ns, uint8_t *buf, uint32_t *ret_len,
	uint64_t *ret_cookie)
{
	struct request q = {.data = data, .len = len};
	struct ws_reflect_one *s = NULL;
	enum ws_reflect_verdict verdict = judge_frame(r, &q);

	if (verdict == WS_REFLECT_ANSWER) {
		verdict = judge_session(r, &q, now_ns, &s);
	}
	if (verdict == WS_REFLECT_ANSWER) {
		*ret_cookie = write_answer(r, s, &q, rx, buf);
		*ret_len = len;
	}
	r->counts[verdict]++;
	return verdict;
}
