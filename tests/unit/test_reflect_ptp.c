// SPDX-License-Identifier: BSD-2-Clause
/* Requests in PTP messages: their answers byte by byte, and what is not answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reflect_frames.h"

#define RX_NS 0x1122334455667788

static const unsigned versions[] = {0, 4, 6};

static struct ws_reflect_config config_of(void)
{
	return (struct ws_reflect_config){
		.udp_port = WS_UDP_PORT,
		.ptp_udp = true,
		.sessions = 8,
		.boot = 1,
		.clock = WS_CLOCK_REALTIME,
	};
}

static struct ws_reflect *reflector(void)
{
	const struct ws_reflect_config config = config_of();

	return reflector_of(&config);
}

static struct request ptp_request(unsigned version, unsigned tags, uint64_t seq)
{
	struct request q = request_of(version, tags, seq);

	q.ptp = true;
	q.port = 319;
	q.len += 48;
	return q;
}

/* The message of an answer to q: an event for an event. */
static void check_message(const struct request *q, const uint8_t *a)
{
	static const uint8_t identity[10] = {2, 1, 2, 0xff, 0xfe, 3, 4, 5, 0, 1};
	uint32_t room = q->len - ptp_offset(q), even = room - room % 2;
	uint8_t want[48] = {[1] = 2, [4] = 87, [6] = 4, [33] = 0x7f, [44] = 0x20, 0x04};

	put(want, q->message == 0xc ? 0xc : 0, 1);
	put(want + 2, even, 2);
	memcpy(want + 20, identity, sizeof(identity));
	put(want + 30, q->seq, 2);
	put(want + 32, q->message == 0xc ? 5 : 0, 1);
	put(want + 46, even - 48, 2);
	assert_memory_equal(a + ptp_offset(q), want, sizeof(want));
}

static void check_answer(struct ws_reflect *r, const struct request *q)
{
	uint8_t f[FRAME_ROOM], a[FRAME_ROOM];
	uint32_t end = payload_offset(q) + 56;
	struct ws_probe probe;
	uint64_t cookie = 0;

	put_request(q, f);
	/* What a sender fills the rest with does not come back. */
	memset(f + payload_offset(q) + 16, 0xee, q->len - payload_offset(q) - 16);
	assert_int_equal(offer(r, f, q->len, RX_NS, 0, a, &cookie), WS_REFLECT_ANSWER);
	assert_int_equal(cookie != 0, q->kind == WS_PAYLOAD_REQUEST);
	assert_memory_equal(a, f + 6, 6);
	assert_memory_equal(a + 6, f, 6);
	assert_memory_equal(a + 12, f + 12, 4 * q->tags + 2);
	if (q->ip_version) {
		uint32_t addresses = q->ip_version == 4 ? 4 : 16, udp = udp_offset(q);

		assert_memory_equal(a + udp - addresses, f + udp - 2 * addresses, addresses);
		assert_memory_equal(a + udp - 2 * addresses, f + udp - addresses, addresses);
		assert_int_equal(be(a + udp, 2), 319);
		assert_int_equal(be(a + udp + 2, 2), q->port);
		assert_int_equal(be(a + udp + 4, 2), be(f + udp + 4, 2));
		check_sums(q, a);
	}
	check_message(q, a);
	/* Whoever asked from port 319 finds it there. */
	if (q->port == 319) {
		assert_int_equal(ws_probe_parse(a, q->len, RUN_ID, 319, &probe), WS_PROBE_OURS);
		assert_int_equal(probe.payload, WS_PAYLOAD_ANSWER);
		assert_true(probe.seq == q->seq);
		assert_int_equal(probe.answer.rx.origin,
			q->kind == WS_PAYLOAD_REQUEST ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_NONE);
		assert_true(probe.answer.rx.time.ns == (q->kind == WS_PAYLOAD_REQUEST ? RX_NS : 0));
	}
	for (; end < q->len; end++) {
		assert_int_equal(a[end], 0);
	}
	/* An answer is none's request. */
	assert_int_equal(offer(r, a, q->len, 1, 0, NULL, NULL), WS_REFLECT_OTHER);
}

static void test_every_byte(void **state)
{
	static const uint8_t messages[] = {0, 1, 0xc};

	(void)state;
	for (unsigned i = 0; i < 27; i++) {
		struct request q = ptp_request(versions[i % 3], i / 3 % 3, 0x12fff0);
		struct ws_reflect *r = reflector();
		uint32_t least = q.len;

		q.message = messages[i / 9];
		for (uint32_t more = 0; more < 1300; more += 1 + more / 8) {
			q.len = least + more;
			q.kind = WS_PAYLOAD_REQUEST;
			check_answer(r, &q);
			q.seq++;
			q.kind = WS_PAYLOAD_COLLECT;
			check_answer(r, &q);
			q.seq++;
		}
		q.port = SOURCE_PORT; /* another session, which has a port of its own */
		check_answer(r, &q);
		ws_reflect_free(r);
	}
}

static void test_all_checksums(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 3; i++) {
		struct ws_reflect *r = reflector();
		struct request q = ptp_request(versions[i], 0, 0);
		unsigned all_ones = 0;
		uint8_t f[200], a[FRAME_ROOM];

		for (q.seq = 0; q.seq < 200000; q.seq++) {
			const struct ws_stamp rx = stamp_at((int64_t)q.seq);
			uint64_t cookie;
			uint32_t len;

			put_request(&q, f);
			assert_int_equal(ws_reflect_frame(r, f, q.len, &rx, 0, a, &len, &cookie),
				WS_REFLECT_ANSWER);
			check_sums(&q, a);
			all_ones += be(a + udp_offset(&q) + 6, 2) == 0xffff;
		}
		assert_true(all_ones > 0);
		ws_reflect_free(r);
	}
}

/* One thing changed in a request whose message has 114 bytes, and its TLV 66. */
static void test_changes(void **state)
{
	static const struct {
		const char *what;
		int off, bytes;
		uint64_t value;
		enum ws_reflect_verdict verdict;
	} changes[] = {
		{"nothing", 1, 1, 2, WS_REFLECT_ANSWER},
		{"another message", 0, 1, 3, WS_REFLECT_OTHER},
		{"Announce", 0, 1, 0xb, WS_REFLECT_OTHER},
		{"of 802.1AS", 0, 1, 0x10, WS_REFLECT_OTHER},
		{"version 1", 1, 1, 1, WS_REFLECT_OTHER},
		{"length 0", 2, 2, 0, WS_REFLECT_OTHER},
		{"length cuts the TLV", 2, 2, 112, WS_REFLECT_MALFORMED},
		{"length beyond", 2, 2, 116, WS_REFLECT_MALFORMED},
		{"length far beyond", 2, 2, 65535, WS_REFLECT_MALFORMED},
		{"another domain", 4, 1, 0, WS_REFLECT_OTHER},
		{"a path trace", 44, 2, 8, WS_REFLECT_OTHER},
		{"a shorter TLV", 46, 2, 56, WS_REFLECT_ANSWER},
		{"a TLV too short", 46, 2, 55, WS_REFLECT_SHORT},
		{"an empty TLV", 46, 2, 0, WS_REFLECT_SHORT},
		{"a TLV beyond", 46, 2, 67, WS_REFLECT_MALFORMED},
		{"magic", 48, 1, 'w', WS_REFLECT_OTHER},
		{"an answer", 49, 1, 0x14, WS_REFLECT_OTHER},
		{"a short probe", 49, 1, 0x11, WS_REFLECT_OTHER},
	};

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			struct request q = ptp_request(versions[k], 0, 5);
			struct ws_reflect *r = reflector();
			enum ws_reflect_verdict v;
			uint8_t f[200];

			q.len += 10;
			put_request(&q, f);
			put(f + ptp_offset(&q) + changes[i].off, changes[i].value,
				changes[i].bytes);
			v = offer(r, f, q.len, 1, 0, NULL, NULL);
			if (v != changes[i].verdict) {
				fail_msg("IPv%u, %s: %s, not %s", q.ip_version, changes[i].what,
					ws_reflect_name(v), ws_reflect_name(changes[i].verdict));
			}
			ws_reflect_free(r);
		}
	}
}

/* A message that is shorter than its frame is answered by one as short. */
static void test_padding(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct request q = ptp_request(versions[k], 1, 5);
		struct ws_reflect *r = reflector();
		uint8_t f[200], a[FRAME_ROOM];

		put_request(&q, f);
		memset(f + q.len, 0xee, 9);
		assert_int_equal(offer(r, f, q.len + 9, 1, 0, a, NULL), WS_REFLECT_ANSWER);
		check_sums(&q, a);
		check_message(&q, a);
		for (uint32_t i = 0; i < 9; i++) {
			assert_int_equal(a[q.len + i], 0);
		}
		ws_reflect_free(r);
	}
}

static void test_truncations(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned tags = 0; tags <= 2; tags++) {
			struct request q = ptp_request(versions[k], tags, 5);
			struct ws_reflect *r = reflector();
			uint8_t f[200];

			put_request(&q, f);
			for (uint32_t len = 0; len < q.len; len++) {
				assert_int_equal(offer(r, f, len, 1, 0, NULL, NULL),
					len < payload_offset(&q) + 2 ? WS_REFLECT_OTHER
								     : WS_REFLECT_MALFORMED);
			}
			ws_reflect_free(r);
		}
	}
}

static enum ws_reflect_verdict verdict_at(
	unsigned version, bool ptp, uint16_t udp_port, bool ptp_udp)
{
	struct ws_reflect_config config = config_of();
	struct request q = ptp ? ptp_request(version, 0, 5) : request_of(version, 0, 5);
	enum ws_reflect_verdict v;
	struct ws_reflect *r;

	config.udp_port = udp_port;
	config.ptp_udp = ptp_udp;
	r = reflector_of(&config);
	v = verdict_on(r, &q, 0);
	ws_reflect_free(r);
	return v;
}

static void test_ports(void **state)
{
	(void)state;
	assert_int_equal(verdict_at(0, true, 0, false), WS_REFLECT_ANSWER);
	assert_int_equal(verdict_at(4, true, WS_UDP_PORT, false), WS_REFLECT_OTHER);
	assert_int_equal(verdict_at(4, true, WS_UDP_PORT, true), WS_REFLECT_ANSWER);
	assert_int_equal(verdict_at(4, false, WS_UDP_PORT, true), WS_REFLECT_ANSWER);
	assert_int_equal(verdict_at(4, true, 319, false), WS_REFLECT_ANSWER);
	assert_int_equal(verdict_at(6, true, 319, true), WS_REFLECT_ANSWER);
	assert_int_equal(verdict_at(4, false, 319, false), WS_REFLECT_OTHER);
}

/* Groups and others' stations as at any carrier; PTP's own group is one. */
static void test_groups(void **state)
{
	struct ws_reflect_config config = config_of();
	struct request q = ptp_request(0, 0, 5);
	struct ws_reflect *r;
	uint8_t f[200];

	(void)state;
	put(config.mac, 0x020102030405, 6);
	r = reflector_of(&config);
	put_request(&q, f);
	put(f, 0x011b19000000, 6);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_GROUP);
	put(f, 0x020102030406, 6);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_OTHER);
	put(f, 0x020102030405, 6);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_ANSWER);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_REPEATED);
	ws_reflect_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_all_checksums),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests_name("reflect_ptp", tests, NULL, NULL);
}
