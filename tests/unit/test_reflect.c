// SPDX-License-Identifier: BSD-2-Clause
/* The reflector's answers byte by byte, and everything that it must not answer. */
#include "core/reflect.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reflect_frames.h"

#define RX_NS 0x1122334455667788

static const unsigned versions[] = {4, 6, 0};

/* xorshift64: the same numbers on every machine. */
static uint64_t random64(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* What the answer to f must be, its UDP checksum aside: headers by hand. */
static void make_answer(const struct request *q, const uint8_t *f, uint64_t answered, uint8_t *a)
{
	uint32_t ip = ip_offset(q), payload = payload_offset(q), udp = payload - 8;
	const uint8_t boot_and_run[8] = {1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef};
	uint8_t *p = a + payload;

	memset(a, 0, q->len);
	memcpy(a, f + 6, 6);
	memcpy(a + 6, f, 6);
	memcpy(a + 12, f + 12, 4 * q->tags + 2);
	if (q->ip_version == 4) {
		put(a + ip, 0x45, 1);
		put(a + ip + 1, q->tos & 0xfc, 1);
		put(a + ip + 2, be(f + ip + 2, 2), 2);
		put(a + ip + 6, 0x4000, 2);
		put(a + ip + 8, 64, 1);
		put(a + ip + 9, 17, 1);
		memcpy(a + ip + 12, f + ip + 16, 4);
		memcpy(a + ip + 16, f + ip + 12, 4);
		fix_ipv4(a + ip);
	} else if (q->ip_version == 6) {
		put(a + ip, 0x60000000 | (q->tos & 0xfcu) << 20, 4);
		put(a + ip + 4, be(f + ip + 4, 2), 2);
		put(a + ip + 6, 17, 1);
		put(a + ip + 7, 64, 1);
		memcpy(a + ip + 8, f + ip + 24, 16);
		memcpy(a + ip + 24, f + ip + 8, 16);
	}
	if (q->ip_version != 0) {
		put(a + udp, WS_UDP_PORT, 2);
		put(a + udp + 2, q->port, 2);
		put(a + udp + 4, be(f + udp + 4, 2), 2);
	}
	put(p, 'W', 1);
	put(p + 1, 0x14, 1);
	put(p + 2, q->run_id, 4);
	put(p + 6, q->stream, 2);
	put(p + 8, q->seq, 8);
	put(p + 16, q->kind == WS_PAYLOAD_REQUEST ? RX_NS : UINT64_C(1) << 63, 8);
	put(p + 24, UINT64_C(1) << 63, 8);
	put(p + 40, slow_crc32c(boot_and_run, 8), 4);
	put(p + 44, q->kind == WS_PAYLOAD_REQUEST ? WS_ORIGIN_SOFTWARE : 0, 1);
	put(p + 46, 2, 1);
	put(p + 48, answered, 4);
	put(p + 52, slow_crc32c(p, 52), 4);
}

static void check_answer(struct ws_reflect *r, const struct request *q, uint64_t answered)
{
	uint8_t f[FRAME_ROOM], a[FRAME_ROOM], want[FRAME_ROOM];
	uint64_t cookie = 0;

	put_request(q, f);
	/* What a sender fills the rest with does not come back. */
	memset(f + payload_offset(q) + 16, 0xee, q->len - payload_offset(q) - 16);
	assert_int_equal(offer(r, f, q->len, RX_NS, 0, a, &cookie), WS_REFLECT_ANSWER);
	assert_int_equal(cookie != 0, q->kind == WS_PAYLOAD_REQUEST);
	check_sums(q, a);
	make_answer(q, f, answered, want);
	if (q->ip_version != 0) {
		memcpy(want + payload_offset(q) - 2, a + payload_offset(q) - 2, 2);
	}
	for (uint32_t i = 0; i < q->len; i++) {
		if (a[i] != want[i]) {
			fail_msg("IPv%u, %u tags, length %u: byte %u is %#x, not %#x",
				q->ip_version, q->tags, q->len, i, a[i], want[i]);
		}
	}
}

static void test_every_byte(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned tags = 0; tags <= 2; tags++) {
			struct ws_reflect *r = new_reflector();
			struct request q = request_of(versions[i], tags, 0);
			uint64_t answered = 0;

			for (uint32_t more = 0; more < 1400; more += 1 + more / 8) {
				q.len = payload_offset(&q) + 56 + more;
				q.tos = (uint8_t)random64();
				q.kind = WS_PAYLOAD_REQUEST;
				check_answer(r, &q, ++answered);
				q.seq++;
				q.kind = WS_PAYLOAD_COLLECT;
				check_answer(r, &q, answered);
				q.seq++;
			}
			ws_reflect_free(r);
		}
	}
}

/* CRC and times take the checksum through its values; the one of all ones has to be met, too. */
static void test_all_checksums(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct ws_reflect *r = new_reflector();
		struct request q = request_of(versions[i], 0, 0);
		unsigned all_ones = 0;
		uint8_t f[200], a[FRAME_ROOM];

		for (q.seq = 0; q.seq < 300000; q.seq++) {
			const struct ws_stamp rx = stamp_at((int64_t)q.seq);
			uint64_t cookie;
			uint32_t len;

			put_request(&q, f);
			assert_int_equal(ws_reflect_frame(r, f, q.len, &rx, 0, a, &len, &cookie),
				WS_REFLECT_ANSWER);
			check_sums(&q, a);
			all_ones += be(a + payload_offset(&q) - 2, 2) == 0xffff;
		}
		assert_true(all_ones > 0);
		ws_reflect_free(r);
	}
}

/* Behind an IP packet there may be padding: it is given back as zeros. */
static void test_padding(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct ws_reflect *r = new_reflector();
		struct request q = request_of(versions[i], 1, 5);
		uint8_t f[200], a[FRAME_ROOM];

		put_request(&q, f);
		memset(f + q.len, 0xee, 9);
		assert_int_equal(offer(r, f, q.len + 9, 1, 0, a, NULL), WS_REFLECT_ANSWER);
		check_sums(&q, a);
		for (uint32_t k = 0; k < 9; k++) {
			assert_int_equal(a[q.len + k], 0);
		}
		ws_reflect_free(r);
	}
}

/* One thing changed in a good request: where, how many bytes, to what, and what is said of it. */
struct change {
	const char *what;
	int32_t off; /* from the IP header, or of layer 2 from the payload */
	uint32_t bytes;
	uint64_t value;
	enum ws_reflect_verdict verdict;
};

#define MAC	-14 /* destination; without tags */
#define SRC_MAC -8
#define TYPE	-2

static void check_changes(
	const struct change *c, size_t n, unsigned version, const struct ws_reflect_config *config)
{
	for (size_t i = 0; i < n; i++) {
		struct ws_reflect *r = reflector_of(config);
		struct request q = request_of(version, 0, 5);
		uint8_t f[200];
		enum ws_reflect_verdict v;

		q.len += 10;
		put_request(&q, f);
		put(f + 14 + c[i].off, c[i].value, (int)c[i].bytes);
		if (version == 4 && c[i].off >= 0 && c[i].off < 20 && c[i].off != 10) {
			fix_ipv4(f + 14);
		}
		v = offer(r, f, q.len, 1, 0, NULL, NULL);
		if (v != c[i].verdict) {
			fail_msg("IPv%u, %s: %s, not %s", version, c[i].what, ws_reflect_name(v),
				ws_reflect_name(c[i].verdict));
		}
		assert_true(ws_reflect_sessions(r) == (v == WS_REFLECT_ANSWER));
		/* Nothing of it remains: the good one is answered, unless it was. */
		put_request(&q, f);
		v = offer(r, f, q.len, 1, 0, NULL, NULL);
		assert_true(v == WS_REFLECT_ANSWER || c[i].verdict == WS_REFLECT_ANSWER);
		ws_reflect_free(r);
	}
}

static struct ws_reflect_config config_of(void)
{
	return (struct ws_reflect_config){
		.udp_port = WS_UDP_PORT, .sessions = 2, .clock = WS_CLOCK_REALTIME};
}

static void test_ipv4_changes(void **state)
{
	/* the packet is 94 bytes, the datagram 74, the payload 66 */
	static const struct change changes[] = {
		{"nothing", 0, 1, 0x45, WS_REFLECT_ANSWER},
		{"to all", MAC, 6, 0xffffffffffff, WS_REFLECT_GROUP},
		{"to a group", MAC, 6, 0x01005e000001, WS_REFLECT_GROUP},
		{"from a group", SRC_MAC, 1, 0x03, WS_REFLECT_GROUP},
		{"from nobody", SRC_MAC, 6, 0, WS_REFLECT_MALFORMED},
		{"from the station it is to", SRC_MAC, 6, 0x020102030405, WS_REFLECT_MALFORMED},
		{"ethertype IPv6", TYPE, 2, 0x86dd, WS_REFLECT_OTHER},
		{"ethertype ARP", TYPE, 2, 0x0806, WS_REFLECT_OTHER},
		{"IP version", 0, 1, 0x65, WS_REFLECT_OTHER},
		{"header too short", 0, 1, 0x44, WS_REFLECT_OTHER},
		{"total length 0", 2, 2, 0, WS_REFLECT_MALFORMED},
		{"total length cuts", 2, 2, 93, WS_REFLECT_MALFORMED},
		{"total length beyond", 2, 2, 95, WS_REFLECT_MALFORMED},
		{"total length far beyond", 2, 2, 65535, WS_REFLECT_MALFORMED},
		{"identification", 4, 2, 0xffff, WS_REFLECT_ANSWER},
		{"not to be fragmented", 6, 2, 0x4000, WS_REFLECT_ANSWER},
		{"the first fragment", 6, 2, 0x2000, WS_REFLECT_MALFORMED},
		{"a later fragment", 6, 2, 0x2001, WS_REFLECT_OTHER},
		{"the last fragment", 6, 2, 0x0001, WS_REFLECT_OTHER},
		{"TTL", 8, 1, 255, WS_REFLECT_ANSWER},
		{"TCP", 9, 1, 6, WS_REFLECT_OTHER},
		{"checksum of the header", 10, 2, 0, WS_REFLECT_MALFORMED},
		{"from 0.0.0.0", 12, 4, 0, WS_REFLECT_MALFORMED},
		{"from 0.1.2.3", 12, 4, 0x00010203, WS_REFLECT_MALFORMED},
		{"from loopback", 12, 4, 0x7f000001, WS_REFLECT_MALFORMED},
		{"from 126.255.255.255", 12, 4, 0x7effffff, WS_REFLECT_ANSWER},
		{"from 128.0.0.0", 12, 4, 0x80000000, WS_REFLECT_ANSWER},
		{"from a multicast group", 12, 4, 0xe0000001, WS_REFLECT_GROUP},
		{"from the last group", 12, 4, 0xefffffff, WS_REFLECT_GROUP},
		{"from all", 12, 4, 0xffffffff, WS_REFLECT_GROUP},
		{"from the network's all", 12, 4, 0xc61200ff, WS_REFLECT_GROUP},
		{"to the network's all", 16, 4, 0xc61200ff, WS_REFLECT_GROUP},
		{"from where it goes to", 12, 4, 0xc6120002, WS_REFLECT_MALFORMED},
		{"to 0.0.0.0", 16, 4, 0, WS_REFLECT_MALFORMED},
		{"to loopback", 16, 4, 0x7fffffff, WS_REFLECT_MALFORMED},
		{"to a multicast group", 16, 4, 0xe00000fb, WS_REFLECT_GROUP},
		{"to all", 16, 4, 0xffffffff, WS_REFLECT_GROUP},
		{"source port 0", 20, 2, 0, WS_REFLECT_MALFORMED},
		{"source port our own", 20, 2, WS_UDP_PORT, WS_REFLECT_ANSWER},
		{"to another port", 22, 2, WS_UDP_PORT + 1, WS_REFLECT_OTHER},
		{"UDP length 0", 24, 2, 0, WS_REFLECT_MALFORMED},
		{"UDP length below 8", 24, 2, 7, WS_REFLECT_MALFORMED},
		{"UDP length cuts", 24, 2, 73, WS_REFLECT_MALFORMED},
		{"UDP length beyond", 24, 2, 75, WS_REFLECT_MALFORMED},
		{"no UDP checksum", 26, 2, 0, WS_REFLECT_ANSWER},
		{"magic", 28, 1, 'w', WS_REFLECT_OTHER},
		{"version 0", 29, 1, 0x03, WS_REFLECT_OTHER},
		{"version 2", 29, 1, 0x23, WS_REFLECT_OTHER},
		{"kind 0", 29, 1, 0x10, WS_REFLECT_OTHER},
		{"short", 29, 1, 0x11, WS_REFLECT_OTHER},
		{"full", 29, 1, 0x12, WS_REFLECT_OTHER},
		{"an answer", 29, 1, 0x14, WS_REFLECT_OTHER},
		{"a collect", 29, 1, 0x15, WS_REFLECT_ANSWER},
		{"kind 6", 29, 1, 0x16, WS_REFLECT_OTHER},
	};
	struct ws_reflect_config config = config_of();

	(void)state;
	config.ipv4_broadcast = 0xc61200ff;
	check_changes(changes, sizeof(changes) / sizeof(changes[0]), 4, &config);
}

static void test_ipv6_changes(void **state)
{
	static const struct change changes[] = {
		{"nothing", 0, 1, 0x60, WS_REFLECT_ANSWER},
		{"to a group", MAC, 6, 0x333300000001, WS_REFLECT_GROUP},
		{"IP version", 0, 1, 0x40, WS_REFLECT_OTHER},
		{"payload length 0", 4, 2, 0, WS_REFLECT_MALFORMED},
		{"payload length cuts", 4, 2, 73, WS_REFLECT_MALFORMED},
		{"payload length beyond", 4, 2, 75, WS_REFLECT_MALFORMED},
		{"payload length far beyond", 4, 2, 65535, WS_REFLECT_MALFORMED},
		{"a fragment", 6, 1, 44, WS_REFLECT_OTHER},
		{"a route", 6, 1, 43, WS_REFLECT_OTHER},
		{"TCP", 6, 1, 6, WS_REFLECT_OTHER},
		{"hop limit", 7, 1, 255, WS_REFLECT_ANSWER},
		{"from a group", 8, 1, 0xff, WS_REFLECT_GROUP},
		{"to a group", 24, 1, 0xff, WS_REFLECT_GROUP},
		{"from ::1", 8, 2, 0, WS_REFLECT_MALFORMED}, /* host 1 */
		{"to ::2", 24, 2, 0, WS_REFLECT_ANSWER},
		{"from where it goes to", 23, 1, 2, WS_REFLECT_MALFORMED},
		{"source port 0", 40, 2, 0, WS_REFLECT_MALFORMED},
		{"source port our own", 40, 2, WS_UDP_PORT, WS_REFLECT_ANSWER},
		{"to another port", 42, 2, 53, WS_REFLECT_OTHER},
		{"UDP length cuts", 44, 2, 73, WS_REFLECT_MALFORMED},
		{"UDP length beyond", 44, 2, 75, WS_REFLECT_MALFORMED},
		{"no UDP checksum", 46, 2, 0, WS_REFLECT_MALFORMED},
		{"an answer", 49, 1, 0x14, WS_REFLECT_OTHER},
	};
	struct ws_reflect_config config = config_of();
	struct request q = request_of(6, 0, 1);
	struct ws_reflect *r = reflector_of(&config);
	uint8_t f[200];

	(void)state;
	check_changes(changes, sizeof(changes) / sizeof(changes[0]), 6, &config);
	put_request(&q, f);
	put(f + 14 + 8, 0, 8);
	put(f + 14 + 16, 0, 8);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_MALFORMED);
	put(f + 14 + 16, 0xffffc6120001, 8); /* 198.18.0.1, mapped */
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_MALFORMED);
	put(f + 14 + 16, 0xfffec6120001, 8);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_ANSWER);
	ws_reflect_free(r);
}

static void test_l2_changes(void **state)
{
	static const struct change changes[] = {
		{"nothing", 0, 1, 'W', WS_REFLECT_ANSWER},
		{"to all", MAC, 6, 0xffffffffffff, WS_REFLECT_GROUP},
		{"from a group", SRC_MAC, 1, 0xff, WS_REFLECT_GROUP},
		{"from nobody", SRC_MAC, 6, 0, WS_REFLECT_MALFORMED},
		{"from the station it is to", SRC_MAC, 6, 0x020102030405, WS_REFLECT_MALFORMED},
		{"ethertype", TYPE, 2, 0x88b6, WS_REFLECT_OTHER},
		{"magic", 0, 1, 0, WS_REFLECT_OTHER},
		{"an answer", 1, 1, 0x14, WS_REFLECT_OTHER},
		{"short", 1, 1, 0x11, WS_REFLECT_OTHER},
	};
	struct ws_reflect_config config = config_of();

	(void)state;
	check_changes(changes, sizeof(changes) / sizeof(changes[0]), 0, &config);
	config.mac[5] = 6; /* not the one that they are to */
	assert_int_equal(config.mac[0], 0);
	for (unsigned own = 0; own < 2; own++) {
		static const uint8_t mac[6] = {0x02, 1, 2, 3, 4, 5};
		struct ws_reflect *r;
		struct request q = request_of(0, 0, 1);

		if (own) {
			memcpy(config.mac, mac, 6);
		}
		r = reflector_of(&config);
		assert_int_equal(verdict_on(r, &q, 0), own ? WS_REFLECT_ANSWER : WS_REFLECT_OTHER);
		ws_reflect_free(r);
	}
}

/* An option might be a route that the answer would be sent along. */
static void test_ip_options(void **state)
{
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(4, 0, 1);
	uint8_t f[200];

	(void)state;
	for (uint32_t n = 4; n <= 40; n += 4) {
		put_request(&q, f);
		memmove(f + 34 + n, f + 34, q.len - 34);
		memset(f + 34, 1, n);
		f[14] = (uint8_t)(0x45 + n / 4);
		put(f + 16, q.len - 14 + n, 2);
		put(f + 24, 0, 2);
		/* Its checksum is right. */
		uint32_t sum = 0;

		for (uint32_t i = 0; i < 20 + n; i += 2) {
			sum += be(f + 14 + i, 2);
		}
		sum = (sum & 0xffff) + (sum >> 16);
		put(f + 24, (uint16_t) ~((sum & 0xffff) + (sum >> 16)), 2);
		assert_int_equal(offer(r, f, q.len + n, 1, 0, NULL, NULL), WS_REFLECT_MALFORMED);
	}
	ws_reflect_free(r);
}

/* Frames from a socket: the kernel let them in, from this host too. */
static void test_routed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned routed = 0; routed < 2; routed++) {
			enum ws_reflect_verdict good =
				routed ? WS_REFLECT_ANSWER : WS_REFLECT_MALFORMED;
			struct ws_reflect_config config = config_of();
			struct request q = request_of(versions[i], 0, 1);
			struct ws_reflect *r;
			uint8_t f[200];

			config.routed = routed;
			r = reflector_of(&config);
			put_request(&q, f);
			if (versions[i] == 4) {
				put(f + 14 + 12, 0x7f000001, 4);
				put(f + 14 + 16, 0x7f000001, 4);
				fix_ipv4(f + 14);
			} else {
				memset(f + 14 + 8, 0, 32);
				f[14 + 23] = f[14 + 39] = 1;
			}
			assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), good);
			put(f + payload_offset(&q) - 8, WS_UDP_PORT, 2);
			assert_int_equal(
				offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_MALFORMED);
			ws_reflect_free(r);
		}
	}
}

/* An answer is as long as what it answers, so that is never shorter. */
static void test_too_short(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct ws_reflect *r = new_reflector();
		struct request q = request_of(versions[i], 0, 1);
		uint32_t whole = q.len;
		uint8_t f[200];

		for (uint32_t cut = 1; cut <= 40; cut++) {
			q.len = whole - cut;
			assert_int_equal(verdict_on(r, &q, 0), WS_REFLECT_SHORT);
		}
		/* Frames that fill up are none the longer. */
		if (versions[i] != 0) {
			put_request(&q, f);
			memset(f + q.len, 0, whole - q.len);
			assert_int_equal(offer(r, f, whole, 1, 0, NULL, NULL), WS_REFLECT_SHORT);
		}
		assert_true(ws_reflect_sessions(r) == 0);
		ws_reflect_free(r);
	}
}

static void test_every_truncation(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned tags = 0; tags <= 2; tags++) {
			struct ws_reflect *r = new_reflector();
			struct request q = request_of(versions[i], tags, 1);
			uint32_t end = payload_offset(&q) + 2;
			uint8_t f[200];

			put_request(&q, f);
			for (uint32_t len = 0; len < q.len; len++) {
				enum ws_reflect_verdict want =
					versions[i] == 0 ? WS_REFLECT_SHORT : WS_REFLECT_MALFORMED;

				assert_int_equal(offer(r, f, len, 1, 0, NULL, NULL),
					len < end ? WS_REFLECT_OTHER : want);
			}
			assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_ANSWER);
			ws_reflect_free(r);
		}
	}
}

static void test_three_tags(void **state)
{
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(0, 2, 1);
	uint8_t f[200];

	(void)state;
	put_request(&q, f);
	memmove(f + 16, f + 12, q.len - 12);
	assert_int_equal(offer(r, f, q.len + 4, 1, 0, NULL, NULL), WS_REFLECT_OTHER);
	ws_reflect_free(r);
}

/* What two reflectors say to each other ends with the first answer, whoever they think has asked. */
static void test_no_loop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct ws_reflect *a = new_reflector(), *b = new_reflector();
		struct request q = request_of(versions[i], 0, 1);
		uint8_t f[FRAME_ROOM], answer[FRAME_ROOM];

		q.port = WS_UDP_PORT;
		put_request(&q, f);
		assert_int_equal(offer(a, f, q.len, 1, 0, answer, NULL), WS_REFLECT_ANSWER);
		assert_int_equal(offer(b, answer, q.len, 1, 0, NULL, NULL), WS_REFLECT_OTHER);
		assert_int_equal(offer(a, answer, q.len, 1, 0, NULL, NULL), WS_REFLECT_OTHER);
		ws_reflect_free(a);
		ws_reflect_free(b);
	}
}

/* Without a port nothing over UDP is for us. */
static void test_no_port(void **state)
{
	struct ws_reflect_config config = config_of();
	struct request q = request_of(0, 0, 1);
	struct ws_reflect *r;
	uint8_t f[200];

	(void)state;
	config.udp_port = 0;
	r = reflector_of(&config);
	assert_int_equal(verdict_on(r, &q, 0), WS_REFLECT_ANSWER);
	q = request_of(4, 0, 1);
	put_request(&q, f);
	put(f + 36, 0, 2);
	assert_int_equal(offer(r, f, q.len, 1, 0, NULL, NULL), WS_REFLECT_OTHER);
	ws_reflect_free(r);
}

/* Bytes changed at random: what is answered goes back to where it came from, and to one station. */
static void test_random_damage(void **state)
{
	struct ws_reflect *r = new_reflector();
	unsigned answers = 0, seen[WS_REFLECT_VERDICTS] = {0};

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		struct request q = request_of(versions[round % 3], round / 3 % 3, round);
		uint8_t f[FRAME_ROOM], a[FRAME_ROOM];
		enum ws_reflect_verdict v;
		uint32_t len;

		q.len += random64() % 30;
		put_request(&q, f);
		for (unsigned n = random64() % 4; n > 0; n--) {
			f[random64() % (payload_offset(&q) + 2)] = (uint8_t)random64();
		}
		len = q.len - (random64() % 8 == 0 ? random64() % 20 : 0);
		v = offer(r, f, len, 1, (int64_t)round * WS_REFLECT_IDLE_NS, a, NULL);
		assert_true((unsigned)v < WS_REFLECT_VERDICTS);
		seen[v]++;
		if (v == WS_REFLECT_ANSWER) {
			answers++;
			assert_memory_equal(a, f + 6, 6);
			assert_memory_equal(a + 6, f, 6);
			assert_int_equal((a[0] | a[6]) & 1, 0);
			assert_memory_not_equal(a, a + 6, 6);
		}
	}
	assert_true(answers > 10000);
	assert_true(seen[WS_REFLECT_OTHER] > 0 && seen[WS_REFLECT_GROUP] > 0);
	assert_true(seen[WS_REFLECT_MALFORMED] > 0 && seen[WS_REFLECT_SHORT] > 0);
	ws_reflect_free(r);
}

static void expect_new(struct ws_reflect_config config, int want)
{
	struct ws_reflect *const none = (struct ws_reflect *)&want;
	struct ws_reflect *r = none;

	assert_int_equal(ws_reflect_new(&r, &config), want);
	assert_true((r == none) == (want != 0));
	if (want == 0) {
		ws_reflect_free(r);
	}
}

static void test_new(void **state)
{
	struct ws_reflect_config c = config_of();

	(void)state;
	expect_new(c, 0);
	c.sessions = 0;
	expect_new(c, -EINVAL);
	c.sessions = WS_REFLECT_SESSIONS_MAX + 1;
	expect_new(c, -EINVAL);
	c.sessions = UINT32_MAX;
	expect_new(c, -EINVAL);
	c.sessions = 1;
	c.clock = WS_CLOCK_PHC + 3;
	expect_new(c, 0);
	c.clock = WS_CLOCK_NONE;
	expect_new(c, 0);
	c.clock = (enum ws_clock)(WS_CLOCK_TAI + 1);
	expect_new(c, -EINVAL);
	c.clock = (enum ws_clock) - 1;
	expect_new(c, -EINVAL);
	ws_reflect_free(NULL);
}

static void test_names(void **state)
{
	static const char *const names[] = {"answered", "other", "group", "short", "malformed",
		"repeated", "limited", "crowded"};

	(void)state;
	for (unsigned i = 0; i < WS_REFLECT_VERDICTS; i++) {
		assert_string_equal(ws_reflect_name(i), names[i]);
	}
	assert_string_equal(ws_reflect_name(WS_REFLECT_VERDICTS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_all_checksums),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_ipv4_changes),
		cmocka_unit_test(test_ipv6_changes),
		cmocka_unit_test(test_l2_changes),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_routed),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_three_tags),
		cmocka_unit_test(test_no_loop),
		cmocka_unit_test(test_no_port),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("reflect", tests, NULL, NULL);
}
