// SPDX-License-Identifier: BSD-2-Clause
/* Headers in front of datagrams, and what is read of frames. */
#include "core/udpframe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ws_udp_ends v4 = {
	.version = 4,
	.src = {192, 0, 2, 1},
	.dst = {198, 51, 100, 7},
	.src_port = 4660,
	.dst_port = 8620,
};
static const struct ws_udp_ends v6 = {
	.version = 6,
	.src = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	.dst = {0x20, 0x01, 0x0d, 0xb8, [14] = 0xff, 2},
	.src_port = 4660,
	.dst_port = 8620,
};

/* One's-complement sum over bytes as the RFC has it: a second way to the same number. */
static uint32_t sum(const uint8_t *p, uint32_t len)
{
	uint64_t s = 0;

	for (uint32_t i = 0; i < len; i++) {
		s += i % 2 ? p[i] : (uint64_t)p[i] << 8;
	}
	return (uint32_t)(s % 0xffff);
}

static void test_ipv4_headers(void **state)
{
	/* Written by hand from RFC 791 and RFC 768. */
	static const uint8_t want[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 33,
		0, 0, 0x40, 0, 64, 17, 0xea, 0x5f, 192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x34, 0x21,
		0xac, 0, 13, 0, 0};
	uint8_t buf[64] = {0};
	uint8_t *payload = buf + 48;

	(void)state;
	memcpy(payload, "hello", 5);
	assert_int_equal(ws_udp_headers_len(4), 42);
	assert_int_equal(ws_udp_put_headers(payload, 5, 5, &v4, false), 42);
	assert_int_equal(sum(payload - 28, 20), 0);
	assert_memory_equal(payload - 42, want, 24);
	assert_memory_equal(payload - 16, want + 26, 16);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(buf[i], 0);
	}
	assert_memory_equal(payload, "hello", 6);
}

static void test_ipv6_checksum(void **state)
{
	uint8_t buf[WS_UDP_ROOM + 301];

	(void)state;
	for (uint32_t len = 0; len <= 300; len++) {
		uint8_t *payload = buf + WS_UDP_ROOM, *udp = payload - 8, *ip = payload - 48;
		uint32_t total;

		for (uint32_t i = 0; i < len; i++) {
			payload[i] = (uint8_t)(i * 7 + len);
		}
		payload[len] = 0; /* an odd length is summed with a zero */
		assert_int_equal(ws_udp_put_headers(payload, len, len, &v6, false), 62);
		assert_int_equal(ip[4] << 8 | ip[5], len + 8);
		assert_int_equal(udp[4] << 8 | udp[5], len + 8);
		assert_true(udp[6] || udp[7]);
		total = sum(ip + 8, 32) + len + 8 + 17 + sum(udp, 8 + len + len % 2);
		assert_int_equal(total % 0xffff, 0);
	}
}

/* A sum of zero is written as its other form: zero would mean that there is none. */
static void test_ipv6_checksum_is_never_zero(void **state)
{
	uint8_t buf[WS_UDP_ROOM + 2];
	uint8_t *payload = buf + WS_UDP_ROOM;
	unsigned check;

	(void)state;
	memset(payload, 0, 2);
	ws_udp_put_headers(payload, 2, 2, &v6, false);
	check = (unsigned)(payload[-2] << 8 | payload[-1]);
	payload[0] = (uint8_t)(check >> 8);
	payload[1] = (uint8_t)check;
	ws_udp_put_headers(payload, 2, 2, &v6, false);
	assert_int_equal(payload[-2] << 8 | payload[-1], 0xffff);
	/* Of what is not all there, it cannot be known. */
	ws_udp_put_headers(payload, 2, 3, &v6, false);
	assert_int_equal(payload[-2] << 8 | payload[-1], 0);
	assert_int_equal(payload[-4] << 8 | payload[-3], 11);
}

static void test_group_addresses(void **state)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t group4[6] = {1, 0, 0x5e, 0x01, 2, 3};
	static const uint8_t group6[6] = {0x33, 0x33, 0, 0, 0xff, 2};
	struct ws_udp_ends e = v4;
	uint8_t buf[WS_UDP_ROOM];

	(void)state;
	ws_udp_put_headers(buf + WS_UDP_ROOM, 0, 0, &e, true);
	assert_memory_equal(buf + WS_UDP_ROOM - 42, all, 6);
	memcpy(e.dst, (uint8_t[]){239, 129, 2, 3}, 4);
	ws_udp_put_headers(buf + WS_UDP_ROOM, 0, 0, &e, false);
	assert_memory_equal(buf + WS_UDP_ROOM - 42, group4, 6);
	e = v6;
	e.dst[0] = 0xff;
	ws_udp_put_headers(buf + WS_UDP_ROOM, 0, 0, &e, false);
	assert_memory_equal(buf, group6, 6);
}

static void round_trip(const struct ws_udp_ends *ends, unsigned tags)
{
	uint32_t headers = ws_udp_headers_len(ends->version), off, len;
	uint32_t total = headers + 4 * tags + 9 + 5; /* 5 bytes of padding */
	uint8_t *frame = calloc(1, total);
	uint8_t flat[WS_UDP_ROOM + 9];
	struct ws_udp_ends e;

	assert_non_null(frame);
	ws_udp_put_headers(flat + WS_UDP_ROOM, 9, 9, ends, false);
	memcpy(frame, flat + WS_UDP_ROOM - headers, 12);
	for (unsigned i = 0; i < tags; i++) {
		frame[12 + 4 * i] = i ? 0x81 : 0x88;
		frame[13 + 4 * i] = i ? 0x00 : 0xa8;
	}
	memcpy(frame + 12 + 4 * tags, flat + WS_UDP_ROOM - headers + 12, headers - 12);
	if (tags > 2) {
		assert_int_equal(ws_udp_parse(frame, total, &e, &off, &len), -EINVAL);
		free(frame);
		return;
	}
	assert_int_equal(ws_udp_parse(frame, total, &e, &off, &len), 0);
	assert_memory_equal(&e, ends, sizeof(e));
	assert_int_equal(off, headers + 4 * tags);
	assert_int_equal(len, 9);
	/* Cut anywhere before the padding it is no whole datagram; no byte behind the end is read. */
	for (uint32_t cut = 0; cut < total - 5; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);

		assert_non_null(part);
		memcpy(part, frame, cut);
		assert_int_equal(ws_udp_parse(part, cut, &e, &off, &len), -EINVAL);
		free(part);
	}
	free(frame);
}

static void test_parse(void **state)
{
	(void)state;
	for (unsigned tags = 0; tags <= 3; tags++) {
		round_trip(&v4, tags);
		round_trip(&v6, tags);
	}
}

static void test_parse_refuses(void **state)
{
	static const struct {
		unsigned version, at;
		uint8_t value;
	} wrong[] = {
		{4, 12, 9},
		{4, 14, 0x44},
		{4, 14, 0x65},
		{4, 14, 0x4f},
		{4, 17, 27},
		{4, 17, 42},
		{4, 20, 0x20},
		{4, 21, 1},
		{4, 23, 6},
		{4, 39, 7},
		{4, 39, 22},
		{6, 14, 0x45},
		{6, 19, 7},
		{6, 19, 22},
		{6, 20, 44},
		{6, 59, 7},
		{6, 59, 22},
		{6, 12, 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct ws_udp_ends *ends = wrong[i].version == 4 ? &v4 : &v6;
		uint32_t headers = ws_udp_headers_len(wrong[i].version), off = 1, len = 2;
		uint8_t buf[WS_UDP_ROOM + 13] = {0};
		uint8_t *frame = buf + WS_UDP_ROOM - headers;
		struct ws_udp_ends e = {.version = 9};

		ws_udp_put_headers(buf + WS_UDP_ROOM, 13, 13, ends, false);
		frame[wrong[i].at] = wrong[i].value;
		if (ws_udp_parse(frame, headers + 13, &e, &off, &len) != -EINVAL) {
			fail_msg("case %zu was taken", i);
		}
		assert_true(e.version == 9 && off == 1 && len == 2);
	}
}

static void test_mapped(void **state)
{
	uint8_t six[16], four[4];

	(void)state;
	ws_udp_map(six, v4.src);
	assert_true(ws_udp_unmap(four, six));
	assert_memory_equal(four, v4.src, 4);
	six[9] = 1;
	assert_false(ws_udp_unmap(four, six));
	assert_false(ws_udp_unmap(four, v6.src));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_headers),
		cmocka_unit_test(test_ipv6_checksum),
		cmocka_unit_test(test_ipv6_checksum_is_never_zero),
		cmocka_unit_test(test_group_addresses),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_mapped),
	};

	return cmocka_run_group_tests_name("udpframe", tests, NULL, NULL);
}
