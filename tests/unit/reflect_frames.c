// SPDX-License-Identifier: BSD-2-Clause
#include "reflect_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint32_t be(const uint8_t *p, int bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0) {
		v = v << 8 | *p++;
	}
	return v;
}

uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be(p, 4) << 32 | be(p + 4, 4);
}

void put(uint8_t *p, uint64_t v, int bytes)
{
	while (bytes-- > 0) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

uint32_t slow_crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;

	while (len-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++) {
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
		}
	}
	return ~crc;
}

/* RFC 1071 byte by byte, with the carry brought round at each step. */
static uint16_t slow_sum(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		if (s > 0xffff) {
			s -= 0xffff;
		}
	}
	return (uint16_t)s;
}

struct request request_of(unsigned ip_version, unsigned tags, uint64_t seq)
{
	struct request r = {
		.ip_version = ip_version,
		.tags = tags,
		.kind = WS_PAYLOAD_REQUEST,
		.run_id = RUN_ID,
		.stream = 0x1234,
		.seq = seq,
		.mac = {0x06, 0xa, 0xb, 0xc, 0xd, 0xe},
		.port = SOURCE_PORT,
		.host = 1,
	};

	r.len = payload_offset(&r) + 56;
	return r;
}

uint32_t ip_offset(const struct request *r)
{
	return 14 + 4 * r->tags;
}

uint32_t ptp_offset(const struct request *r)
{
	static const uint8_t headers[] = {[0] = 0, [4] = 28, [6] = 48};

	return ip_offset(r) + headers[r->ip_version];
}

uint32_t udp_offset(const struct request *r)
{
	return ptp_offset(r) - 8;
}

uint32_t payload_offset(const struct request *r)
{
	return ptp_offset(r) + (r->ptp ? 48 : 0);
}

void fix_ipv4(uint8_t *ip)
{
	put(ip + 10, 0, 2);
	put(ip + 10, (uint16_t)~slow_sum(0, ip, 20), 2);
}

/* Of the pseudo header and the datagram; 0xffff with the right checksum in it. */
static uint16_t udp_sum(const struct request *r, const uint8_t *f)
{
	const uint8_t *ip = f + ip_offset(r), *udp = f + udp_offset(r);
	uint32_t udp_len = be(udp + 4, 2);
	uint8_t tail[4] = {0, 17, (uint8_t)(udp_len >> 8), (uint8_t)udp_len};
	uint16_t sum = r->ip_version == 4 ? slow_sum(0, ip + 12, 8) : slow_sum(0, ip + 8, 32);

	return slow_sum(slow_sum(sum, tail, 4), udp, udp_len);
}

void check_sums(const struct request *r, const uint8_t *f)
{
	if (r->ip_version == 4) {
		assert_int_equal(slow_sum(0, f + ip_offset(r), 20), 0xffff);
	}
	if (r->ip_version != 0) {
		assert_int_not_equal(be(f + udp_offset(r) + 6, 2), 0);
		assert_int_equal(udp_sum(r, f), 0xffff);
	}
}

/* With what a transparent clock and other senders leave in it. */
static void put_ptp(const struct request *r, uint8_t *f)
{
	uint8_t *ptp = f + ptp_offset(r);
	uint32_t len = r->len - ptp_offset(r);

	put(ptp, r->message, 1);
	put(ptp + 1, 0x12, 1);
	put(ptp + 2, len - len % 2, 2);
	put(ptp + 4, 87, 1);
	put(ptp + 6, 0x0400, 2);
	put(ptp + 8, 0x1234567890, 8);
	put(ptp + 20, 0x0102030405060708, 8);
	put(ptp + 30, 0x4321, 2);
	put(ptp + 33, 0x7f, 1);
	put(ptp + 34, 0x5555, 2);
	put(ptp + 44, 0x2004, 2);
	put(ptp + 46, len - len % 2 - 48, 2);
}

void put_request(const struct request *r, uint8_t *f)
{
	static const uint8_t tags[8] = {0x88, 0xa8, 0x20, 5, 0x81, 0, 0x60, 7};
	static const uint8_t mac[6] = {0x02, 1, 2, 3, 4, 5};
	uint8_t *ip = f + ip_offset(r), *udp = f + udp_offset(r), *payload = f + payload_offset(r);
	uint32_t udp_len = r->len - udp_offset(r);
	uint16_t check;

	memset(f, 0, r->len);
	memcpy(f, mac, 6);
	memcpy(f + 6, r->mac, 6);
	memcpy(f + 12, tags + 8 - 4 * r->tags, 4 * r->tags);
	put(payload, 'W', 1);
	put(payload + 1, 0x10 + r->kind, 1);
	put(payload + 2, r->run_id, 4);
	put(payload + 6, r->stream, 2);
	put(payload + 8, r->seq, 8);
	if (r->ptp) {
		put_ptp(r, f);
	}
	if (r->ip_version == 0) {
		put(ip - 2, r->ptp ? 0x88f7 : 0x88b5, 2);
		return;
	}
	if (r->ip_version == 4) {
		put(ip - 2, 0x0800, 2);
		put(ip, 0x45, 1);
		put(ip + 1, r->tos, 1);
		put(ip + 2, 20 + udp_len, 2);
		put(ip + 4, 0x7777, 2);
		put(ip + 8, 0x0111, 2);
		put(ip + 12, 0xc6120000 | r->host, 4);
		put(ip + 16, 0xc6120002, 4);
		fix_ipv4(ip);
	} else {
		put(ip - 2, 0x86dd, 2);
		put(ip, 0x60012345 | (uint32_t)r->tos << 20, 4);
		put(ip + 4, udp_len, 2);
		put(ip + 6, 0x1101, 2);
		put(ip + 8, 0xfd00, 2);
		put(ip + 23, r->host, 1);
		put(ip + 24, 0xfd00, 2);
		put(ip + 39, 2, 1);
	}
	put(udp, r->port, 2);
	put(udp + 2, r->ptp ? 319 : WS_UDP_PORT, 2);
	put(udp + 4, udp_len, 2);
	check = (uint16_t)~udp_sum(r, f);
	put(udp + 6, check ? check : 0xffff, 2);
}

struct ws_reflect *reflector_of(const struct ws_reflect_config *config)
{
	struct ws_reflect *r = NULL;

	assert_int_equal(ws_reflect_new(&r, config), 0);
	assert_non_null(r);
	return r;
}

struct ws_reflect *new_reflector(void)
{
	const struct ws_reflect_config config = {
		.udp_port = WS_UDP_PORT,
		.sessions = 8,
		.boot = 0x01020304,
		.clock = WS_CLOCK_REALTIME,
	};

	return reflector_of(&config);
}

struct ws_stamp stamp_at(int64_t ns)
{
	return (struct ws_stamp){
		.time = {.ns = ns, .clock = WS_CLOCK_REALTIME},
		.origin = WS_ORIGIN_SOFTWARE,
	};
}

enum ws_reflect_verdict offer(struct ws_reflect *r, const uint8_t *f, uint32_t len, int64_t rx_ns,
	int64_t now_ns, uint8_t *answer, uint64_t *ret_cookie)
{
	const struct ws_stamp rx = stamp_at(rx_ns);
	uint8_t *in = malloc(len > 0 ? len : 1), *out = malloc(len > 0 ? len : 1);
	uint64_t before, cookie = 0x5a5a, verdict_before;
	uint32_t out_len = 0x5a5a;
	enum ws_reflect_verdict v;

	assert_non_null(in);
	assert_non_null(out);
	memcpy(in, f, len);
	memset(out, 0xa5, len);
	before = 0;
	for (unsigned i = 0; i < WS_REFLECT_VERDICTS; i++) {
		before += ws_reflect_counts(r)[i];
	}
	verdict_before = ws_reflect_counts(r)[WS_REFLECT_ANSWER];
	v = ws_reflect_frame(r, len > 0 ? in : in + 1, len, &rx, now_ns, out, &out_len, &cookie);
	for (unsigned i = 0; i < WS_REFLECT_VERDICTS; i++) {
		before -= ws_reflect_counts(r)[i];
	}
	assert_true(before == UINT64_MAX);
	assert_true(ws_reflect_counts(r)[WS_REFLECT_ANSWER] - verdict_before ==
		    (v == WS_REFLECT_ANSWER));
	assert_memory_equal(in, f, len);
	if (v != WS_REFLECT_ANSWER) {
		assert_int_equal(out_len, 0x5a5a);
		assert_int_equal(cookie, 0x5a5a);
		for (uint32_t i = 0; i < len; i++) {
			assert_int_equal(out[i], 0xa5);
		}
	} else {
		assert_int_equal(out_len, len);
		if (ret_cookie) {
			*ret_cookie = cookie;
		}
		if (answer) {
			assert_true(len <= FRAME_ROOM);
			memcpy(answer, out, len);
		}
	}
	free(in);
	free(out);
	return v;
}

uint64_t ask(struct ws_reflect *r, const struct request *q, int64_t rx_ns, int64_t now_ns,
	struct ws_probe *ret)
{
	uint8_t f[FRAME_ROOM], answer[FRAME_ROOM];
	struct ws_probe probe;
	uint64_t cookie = 0;

	put_request(q, f);
	assert_int_equal(offer(r, f, q->len, rx_ns, now_ns, answer, &cookie), WS_REFLECT_ANSWER);
	assert_int_equal(ws_probe_parse(answer, q->len, q->run_id, q->port, &probe), WS_PROBE_OURS);
	assert_int_equal(probe.payload, WS_PAYLOAD_ANSWER);
	assert_true(probe.seq == q->seq);
	assert_int_equal(probe.stream, q->stream);
	if (ret) {
		*ret = probe;
	}
	return cookie;
}

enum ws_reflect_verdict verdict_on(struct ws_reflect *r, const struct request *q, int64_t now_ns)
{
	uint8_t f[FRAME_ROOM];

	put_request(q, f);
	return offer(r, f, q->len, 1, now_ns, NULL, NULL);
}
