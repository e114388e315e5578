/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames as they are built: every field, and both checksums by an independent sum over the whole frame. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/frame_tools.h"

static void test_crc_vectors(void **state)
{
	static const uint8_t read_pdu[48] = {
		0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02};
	uint8_t b[32];

	(void)state;
	/* RFC 3720, B.4; the bytes of its CRC column are the value's, lowest first. */
	memset(b, 0, sizeof(b));
	assert_int_equal(ws_crc32c(b, sizeof(b)), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(ws_crc32c(b, sizeof(b)), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(b); i++) {
		b[i] = (uint8_t)i;
	}
	assert_int_equal(ws_crc32c(b, sizeof(b)), 0x46dd794e);
	for (unsigned i = 0; i < sizeof(b); i++) {
		b[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(ws_crc32c(b, sizeof(b)), 0x113fdb5c);
	assert_int_equal(ws_crc32c(read_pdu, sizeof(read_pdu)), 0xd9963a56);
	assert_int_equal(ws_crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(ws_crc32c("", 0), 0);
}

static void test_crc_lengths(void **state)
{
	uint8_t b[300];

	(void)state;
	for (unsigned i = 0; i < sizeof(b); i++) {
		b[i] = (uint8_t)random64();
	}
	for (unsigned len = 0; len < 200; len++) {
		/* Every start in a word, too. */
		assert_int_equal(ws_crc32c(b + len % 7, len), slow_crc32c(b + len % 7, len));
	}
}

static void test_min_len(void **state)
{
	(void)state;
	assert_int_equal(ws_frame_min_len(WS_CARRIER_UDP, WS_PAYLOAD_SHORT), 60);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_UDP, WS_PAYLOAD_FULL), 74);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_L2, WS_PAYLOAD_SHORT), 60);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_L2, WS_PAYLOAD_FULL), 60);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_UDP, WS_PAYLOAD_REQUEST), 98);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_L2, WS_PAYLOAD_REQUEST), 70);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_UDP, WS_PAYLOAD_ANSWER), 98);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_L2, WS_PAYLOAD_COLLECT), 70);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_PTP_L2, WS_PAYLOAD_SHORT), 78);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_PTP_L2, WS_PAYLOAD_REQUEST), 118);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_PTP_UDP, WS_PAYLOAD_SHORT), 106);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_PTP_UDP, WS_PAYLOAD_FULL), 122);
	assert_int_equal(ws_frame_min_len(WS_CARRIER_PTP_UDP, WS_PAYLOAD_COLLECT), 146);
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_PTP_L2, 93), WS_PAYLOAD_SHORT);
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_PTP_L2, 94), WS_PAYLOAD_FULL);
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_UDP, 60), WS_PAYLOAD_SHORT);
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_UDP, 73), WS_PAYLOAD_SHORT);
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_UDP, 74), WS_PAYLOAD_FULL);
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_L2, 60), WS_PAYLOAD_FULL);
	assert_string_equal(ws_carrier_name(WS_CARRIER_UDP), "udp");
	assert_string_equal(ws_carrier_name(WS_CARRIER_L2), "l2");
	assert_string_equal(ws_carrier_name(WS_CARRIER_PTP_L2), "ptp-l2");
	assert_string_equal(ws_carrier_name(WS_CARRIER_PTP_UDP), "ptp-udp");
	assert_string_equal(ws_carrier_name(WS_CARRIER_COUNT), "unknown");
	assert_int_equal(ws_frame_payload_for(WS_CARRIER_UDP, 1500), WS_PAYLOAD_FULL);
	assert_string_equal(ws_payload_name(WS_PAYLOAD_SHORT), "short");
	assert_string_equal(ws_payload_name(WS_PAYLOAD_FULL), "full");
	assert_string_equal(ws_payload_name(WS_PAYLOAD_REQUEST), "request");
	assert_string_equal(ws_payload_name(WS_PAYLOAD_ANSWER), "answer");
	assert_string_equal(ws_payload_name(WS_PAYLOAD_COLLECT), "collect");
	assert_string_equal(ws_payload_name((enum ws_payload)0), "unknown");
	assert_string_equal(ws_payload_name((enum ws_payload)6), "unknown");
}

static void expect_init(struct ws_frame_spec spec, int result)
{
	struct ws_frame_template t, before;

	memset(&t, 0x5a, sizeof(t));
	before = t;
	assert_int_equal(ws_frame_template_init(&t, &spec), result);
	if (result != 0) {
		assert_memory_equal(&t, &before, sizeof(t));
	}
}

static void test_init_errors(void **state)
{
	struct ws_frame_spec elsewhere = spec_of(WS_CARRIER_PTP_UDP, WS_PAYLOAD_SHORT, 106);

	(void)state;
	expect_init(elsewhere, 0);
	elsewhere.dst_port = 320;
	expect_init(elsewhere, -EINVAL);
	expect_init(spec_of(WS_CARRIER_PTP_UDP, WS_PAYLOAD_SHORT, 105), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_PTP_L2, WS_PAYLOAD_REQUEST, 117), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_PTP_L2, WS_PAYLOAD_REQUEST, 118), 0);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_SHORT, 60), 0);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_SHORT, 59), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 73), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 74), 0);
	expect_init(spec_of(WS_CARRIER_L2, WS_PAYLOAD_FULL, 59), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, WS_FRAME_MAX), 0);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, WS_FRAME_MAX + 1), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, UINT32_MAX), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_COUNT, WS_PAYLOAD_FULL, 100), -EINVAL);
	expect_init(spec_of(WS_CARRIER_UDP, (enum ws_payload)0, 100), -EINVAL);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_ANSWER, 100), -EINVAL);
	expect_init(spec_of(WS_CARRIER_UDP, (enum ws_payload)6, 100), -EINVAL);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_REQUEST, 97), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_UDP, WS_PAYLOAD_REQUEST, 98), 0);
	expect_init(spec_of(WS_CARRIER_L2, WS_PAYLOAD_COLLECT, 69), -EMSGSIZE);
	expect_init(spec_of(WS_CARRIER_L2, WS_PAYLOAD_COLLECT, 70), 0);
}

static void check_probe(const uint8_t *p, enum ws_payload payload, uint64_t seq, int64_t intended)
{
	assert_int_equal(p[0], 'W');
	assert_int_equal(p[1], WS_PROBE_VERSION << 4 | payload);
	assert_int_equal(be(p + 2, 4), RUN_ID);
	assert_int_equal(be(p + 6, 2), 0x1234);
	assert_true(be64(p + 8) == seq);
	if (payload == WS_PAYLOAD_FULL) {
		assert_true(be64(p + 16) == (uint64_t)intended);
		assert_int_equal(be(p + 24, 4), 0);
		assert_int_equal(be(p + 28, 4), slow_crc32c(p, 28));
	}
}

/* IEEE 1588-2008: 13.3, 14.1; what is not said there to be anything is zero. */
static void check_ptp(const uint8_t *p, uint32_t room, uint64_t seq)
{
	static const uint8_t identity[10] = {6, 0xa, 0xb, 0xff, 0xfe, 0xc, 0xd, 0xe, 0, 1};
	uint32_t even = room / 2 * 2;
	uint8_t want[48] = {[1] = 2, [4] = 87, [6] = 4, [33] = 0x7f, [44] = 0x20, 0x04};

	memcpy(want + 20, identity, sizeof(identity));
	want[2] = (uint8_t)(even >> 8);
	want[3] = (uint8_t)even;
	want[30] = (uint8_t)(seq >> 8);
	want[31] = (uint8_t)seq;
	want[46] = (uint8_t)((even - 48) >> 8);
	want[47] = (uint8_t)(even - 48);
	assert_memory_equal(p, want, sizeof(want));
}

static void check_udp_headers(const uint8_t *f, uint32_t len, uint16_t port)
{
	const uint8_t *ip = f + IP_OFF, *udp = f + UDP_OFF;

	assert_int_equal(be(f + 12, 2), 0x0800);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], 0);
	assert_int_equal(be(ip + 2, 2), len - IP_OFF);
	assert_int_equal(be(ip + 4, 2), 0);
	assert_int_equal(be(ip + 6, 2), 0x4000);
	assert_int_equal(ip[8], 1); /* not to be forwarded */
	assert_int_equal(ip[9], 17);
	assert_int_equal(be(ip + 12, 4), 0xc6120001);
	assert_int_equal(be(ip + 16, 4), 0xc6120002);
	assert_int_equal(slow_sum(0, ip, 20), 0xffff);
	assert_int_equal(be(udp, 2), 40000);
	assert_int_equal(be(udp + 2, 2), port);
	assert_int_equal(be(udp + 4, 2), len - UDP_OFF);
	assert_int_equal(be(udp + 6, 2), slow_udp_check(f, len));
}

static void check_frame(enum ws_carrier carrier, enum ws_payload payload, uint32_t len)
{
	struct ws_frame_spec spec = spec_of(carrier, payload, len);
	uint32_t off = offset_of(carrier);
	uint32_t end = off + (payload == WS_PAYLOAD_FULL ? 32 : 16); /* of what is not zero */
	uint64_t seq = random64();
	int64_t intended = (int64_t)random64();
	uint8_t *f = write_frame(&spec, seq, intended);
	struct ws_probe probe;

	assert_memory_equal(f, dst_mac, 6);
	assert_memory_equal(f + 6, src_mac, 6);
	if (over_udp(carrier)) {
		check_udp_headers(f, len, port_of(carrier));
	} else {
		assert_int_equal(be(f + 12, 2), in_ptp(carrier) ? 0x88f7 : 0x88b5);
	}
	if (in_ptp(carrier)) {
		check_ptp(f + off - 48, len - off + 48, seq);
	}
	check_probe(f + off, payload, seq, intended);
	for (uint32_t i = end; i < len; i++) {
		assert_int_equal(f[i], 0);
	}

	assert_int_equal(parse_copy(f, len, RUN_ID, port_of(carrier), &probe), WS_PROBE_OURS);
	assert_true(probe.seq == seq);
	assert_int_equal(probe.stream, 0x1234);
	assert_int_equal(probe.payload, payload);
	assert_true(probe.intended_ns == (payload == WS_PAYLOAD_FULL ? intended : 0));
	assert_int_equal(probe.answer.rx.origin, WS_ORIGIN_NONE);
	assert_int_equal(probe.answer.tx.origin, WS_ORIGIN_NONE);
	free(f);
}

static void test_every_field(void **state)
{
	static const uint32_t large[] = {1514, 1515, 9013, 9014, 65534, 65535};

	(void)state;
	for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
		for (size_t k = 0; k < KINDS; k++) {
			enum ws_payload payload = kinds[k];

			for (uint32_t len = ws_frame_min_len(carrier, payload); len < 200; len++) {
				check_frame(carrier, payload, len);
			}
			for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
				check_frame(carrier, payload, large[i]);
			}
		}
	}
}

/* Large words make carries that themselves carry; the last 16 bits run through every checksum. */
static void check_all_sums(enum ws_carrier carrier, enum ws_payload payload, uint64_t seq_base)
{
	uint32_t len = ws_frame_min_len(carrier, payload) + 1;
	struct ws_frame_spec spec = spec_of(carrier, payload, len);
	struct ws_frame_template t;
	uint8_t f[160];
	unsigned all_ones = 0;

	spec.src_ip = spec.dst_ip = 0xffffffff;
	spec.src_port = 0xffff;
	spec.dst_port = carrier == WS_CARRIER_UDP ? 0xffff : 319;
	assert_int_equal(ws_frame_template_init(&t, &spec), 0);
	for (uint32_t i = 0; i <= 0xffff; i++) {
		unsigned check;

		ws_frame_write(&t, f, seq_base + i, -1);
		check = be(f + UDP_OFF + 6, 2);
		assert_int_not_equal(check, 0);
		assert_int_equal(check, slow_udp_check(f, len));
		all_ones += check == 0xffff;
	}
	assert_true(payload == WS_PAYLOAD_FULL || all_ones > 0);
}

static void test_all_checksums(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		enum ws_carrier carrier = i ? WS_CARRIER_PTP_UDP : WS_CARRIER_UDP;

		check_all_sums(carrier, WS_PAYLOAD_SHORT, 0);
		check_all_sums(carrier, WS_PAYLOAD_SHORT, UINT64_MAX - 0xffff);
		check_all_sums(carrier, WS_PAYLOAD_FULL, UINT64_MAX - 0xffff);
		check_all_sums(carrier, WS_PAYLOAD_REQUEST, UINT64_MAX - 0xffff);
	}
}

static void test_intended_ignored_by_short(void **state)
{
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_SHORT, 80);
	uint8_t *a = write_frame(&spec, 7, 1), *b = write_frame(&spec, 7, -1);

	(void)state;
	assert_memory_equal(a, b, spec.len);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc_vectors),
		cmocka_unit_test(test_crc_lengths),
		cmocka_unit_test(test_min_len),
		cmocka_unit_test(test_init_errors),
		cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_all_checksums),
		cmocka_unit_test(test_intended_ignored_by_short),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
