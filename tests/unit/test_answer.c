// SPDX-License-Identifier: BSD-2-Clause
/* Answers: every field as it is laid out, the CRC, and what contradicts. */
#include "core/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN_ID 0xdeadbeef

/* Bit by bit, as the polynomial is defined. */
static uint32_t slow_crc32c(const uint8_t *p, size_t len)
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

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static enum ws_probe_class parse_copy(
	const uint8_t *data, uint32_t len, uint32_t run_id, uint16_t port, struct ws_probe *ret)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum ws_probe_class class;

	assert_non_null(copy);
	memcpy(copy, data, len);
	class = ws_probe_parse(len > 0 ? copy : copy + 1, len, run_id, port, ret);
	free(copy);
	return class;
}

static enum ws_probe_class classify(const uint8_t *data, uint32_t len)
{
	struct ws_probe probe;

	return parse_copy(data, len, RUN_ID, WS_UDP_PORT, &probe);
}

static void put64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8) {
		p[i] = (uint8_t)v;
	}
}

static void put_crc(uint8_t *p, uint32_t len)
{
	uint32_t crc = slow_crc32c(p, len);

	put16(p + len, crc >> 16);
	put16(p + len + 2, crc & 0xffff);
}

#define RX_NS UINT64_C(0x1122334455667788)
#define TX_NS UINT64_C(0x8899aabbccddeeff) /* before 1970 */

/* As the header says that it is laid out. Layer 2 without tags: the payload is at 14. */
static void make_answer(uint8_t frame[70])
{
	uint8_t *p = frame + 14;

	memset(frame, 0, 70);
	put16(frame + 12, WS_ETHERTYPE_PROBE);
	p[0] = 'W';
	p[1] = 0x14;
	put16(p + 2, RUN_ID >> 16);
	put16(p + 4, RUN_ID & 0xffff);
	put16(p + 6, 0x1234);
	put64(p + 8, 0x0102030405060708);
	put64(p + 16, RX_NS);
	put64(p + 24, TX_NS);
	put64(p + 32, 0xf1f2f3f4f5f6f7f8);
	put16(p + 40, 0xcafe);
	put16(p + 42, 0xf00d);
	p[44] = 1;
	p[45] = 2;
	p[46] = 2;
	put16(p + 48, 0xabcd);
	put16(p + 50, 0xef01);
	put_crc(p, 52);
}

static void test_answer(void **state)
{
	uint8_t frame[70];
	struct ws_probe probe;

	(void)state;
	make_answer(frame);
	assert_int_equal(parse_copy(frame, 70, RUN_ID, WS_UDP_PORT, &probe), WS_PROBE_OURS);
	assert_int_equal(probe.payload, WS_PAYLOAD_ANSWER);
	assert_true(probe.seq == 0x0102030405060708);
	assert_int_equal(probe.stream, 0x1234);
	assert_true(probe.intended_ns == 0);
	assert_true(probe.answer.rx.time.ns == (int64_t)RX_NS);
	assert_int_equal(probe.answer.rx.time.clock, WS_CLOCK_REALTIME);
	assert_int_equal(probe.answer.rx.origin, WS_ORIGIN_HARDWARE);
	assert_true(probe.answer.tx.time.ns == (int64_t)TX_NS);
	assert_int_equal(probe.answer.tx.time.clock, WS_CLOCK_REALTIME);
	assert_int_equal(probe.answer.tx.origin, WS_ORIGIN_SOFTWARE);
	assert_true(probe.answer.tx_seq == 0xf1f2f3f4f5f6f7f8);
	assert_int_equal(probe.answer.clock_id, 0xcafef00d);
	assert_int_equal(probe.answer.answered, 0xabcdef01);
	for (uint32_t len = 0; len < 70; len++) {
		assert_int_equal(
			classify(frame, len), len < 20 ? WS_PROBE_FOREIGN : WS_PROBE_MALFORMED);
	}
	/* Any bit; one makes it a collect, which has no CRC. */
	for (uint32_t bit = 0; bit < 56 * 8; bit++) {
		frame[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			parse_copy(frame, 70, RUN_ID, WS_UDP_PORT, &probe) == WS_PROBE_OURS,
			bit == 8);
		assert_true(bit != 8 || probe.payload == WS_PAYLOAD_COLLECT);
		frame[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(classify(frame, 70), WS_PROBE_OURS);
}

/* Whether it is ours with these bytes and the right CRC; *ret as it was read. */
static bool answer_with(uint64_t rx, unsigned origin, unsigned clock, struct ws_probe *ret)
{
	uint8_t frame[70];
	uint8_t *p = frame + 14;

	make_answer(frame);
	put64(p + 16, rx);
	p[44] = (uint8_t)origin;
	p[46] = (uint8_t)clock;
	put_crc(p, 52);
	return parse_copy(frame, 70, RUN_ID, WS_UDP_PORT, ret) == WS_PROBE_OURS;
}

static void test_answer_stamps(void **state)
{
	static const enum ws_clock clocks[] = {
		WS_CLOCK_NONE, WS_CLOCK_MONOTONIC, WS_CLOCK_REALTIME, WS_CLOCK_TAI, WS_CLOCK_PHC};
	const uint64_t none = UINT64_C(1) << 63;
	struct ws_probe probe;

	(void)state;
	for (unsigned clock = 1; clock <= 4; clock++) {
		assert_true(answer_with(5, 2, clock, &probe));
		assert_int_equal(probe.answer.rx.time.clock, clocks[clock]);
		assert_int_equal(probe.answer.tx.time.clock, clocks[clock]);
	}
	for (unsigned origin = 1; origin < WS_ORIGIN_COUNT; origin++) {
		assert_true(answer_with(5, origin, 2, &probe));
		assert_int_equal(probe.answer.rx.origin, origin);
	}
	assert_true(answer_with(none, 0, 2, &probe));
	assert_int_equal(probe.answer.rx.origin, WS_ORIGIN_NONE);
	assert_int_equal(probe.answer.rx.time.clock, WS_CLOCK_NONE);
	assert_int_equal(probe.answer.tx.origin, WS_ORIGIN_SOFTWARE);
	/* What contradicts. */
	assert_false(answer_with(none, 1, 2, &probe));
	assert_false(answer_with(5, 0, 2, &probe));
	assert_false(answer_with(5, WS_ORIGIN_COUNT, 2, &probe));
	assert_false(answer_with(5, 255, 2, &probe));
	assert_false(answer_with(5, 1, 0, &probe));
	assert_false(answer_with(5, 1, 5, &probe));
	assert_false(answer_with(5, 1, 16, &probe));
}

static void test_clock_id(void **state)
{
	uint8_t bytes[8] = {0x01, 0x02, 0x03, 0x04, 0xde, 0xad, 0xbe, 0xef};

	(void)state;
	assert_int_equal(ws_probe_clock_id(0, RUN_ID), 0);
	assert_int_equal(ws_probe_clock_id(0, 0), 0);
	assert_int_equal(ws_probe_clock_id(0x01020304, RUN_ID), slow_crc32c(bytes, 8));
	for (uint32_t run = 0; run < 1000; run++) {
		assert_int_not_equal(ws_probe_clock_id(1, run), 0);
		assert_int_not_equal(ws_probe_clock_id(1, run), ws_probe_clock_id(2, run));
	}
	/*
	 * Of each run id one boot number has the CRC 0, which would mean unknown. A CRC is linear: it is the
	 * sum of those of single bits.
	 */
	for (uint32_t run = 0; run < 50; run++) {
		uint32_t want, columns[32], chosen[32], boot = 0;

		memset(bytes, 0, 4);
		put16(bytes + 4, run >> 16);
		put16(bytes + 6, run & 0xffff);
		want = slow_crc32c(bytes, 8);
		for (unsigned i = 0; i < 32; i++) {
			put16(bytes, (1u << i) >> 16);
			put16(bytes + 2, (1u << i) & 0xffff);
			columns[i] = slow_crc32c(bytes, 8) ^ want;
			chosen[i] = 1u << i;
		}
		for (unsigned bit = 0; bit < 32; bit++) {
			unsigned at = bit;

			while (at < 32 && !(columns[at] >> bit & 1)) {
				at++;
			}
			assert_true(at < 32);
			for (unsigned i = 0; i < 32; i++) {
				uint32_t column = columns[at], choice = chosen[at];

				if (i != at && columns[i] >> bit & 1) {
					columns[i] ^= column;
					chosen[i] ^= choice;
				}
			}
			if (at != bit) {
				uint32_t column = columns[at], choice = chosen[at];

				columns[at] = columns[bit];
				chosen[at] = chosen[bit];
				columns[bit] = column;
				chosen[bit] = choice;
			}
		}
		for (unsigned bit = 0; bit < 32; bit++) {
			boot ^= want >> bit & 1 ? chosen[bit] : 0;
		}
		put16(bytes, boot >> 16);
		put16(bytes + 2, boot & 0xffff);
		assert_int_equal(slow_crc32c(bytes, 8), 0);
		assert_int_equal(ws_probe_clock_id(boot, run), boot == 0 ? 0 : 1);
	}
}

static void test_look_at_answers(void **state)
{
	uint8_t frame[70];

	(void)state;
	make_answer(frame);
	for (uint32_t len = 0; len <= 56; len++) {
		struct ws_probe probe = {.stream = 7};
		uint32_t run_id = 5;
		bool seen = ws_probe_look(frame + 14, len, &run_id, &probe);

		assert_int_equal(seen, len >= 16);
		assert_int_equal(run_id, seen ? RUN_ID : 5);
		assert_true(probe.seq == (seen ? 0x0102030405060708 : 0));
		assert_int_equal(
			probe.answer.rx.origin, len == 56 ? WS_ORIGIN_HARDWARE : WS_ORIGIN_NONE);
	}
	for (uint32_t at = 0; at < 56; at++) {
		struct ws_probe probe;
		uint32_t run_id;

		frame[14 + at] ^= 0x44;
		assert_false(ws_probe_look(frame + 14, 56, &run_id, &probe));
		frame[14 + at] ^= 0x44;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_answer_stamps),
		cmocka_unit_test(test_clock_id),
		cmocka_unit_test(test_look_at_answers),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
