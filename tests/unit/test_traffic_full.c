// SPDX-License-Identifier: BSD-2-Clause
/* Full probes in traffic: which frames have one, what it says, and what of it is in nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/frame.h"
#include "core/traffic.h"
#include "traffic_model.h"

#define RUN_ID 0xdeadbeef
#define STREAM 0x1234
#define FRAMES 300
#define MOST   1514

static const uint8_t tagged[22] = {[12] = 0x88, 0xa8, 0, 5, 0x81, 0, 0x60, 7, 0x88, 0xb5};

/* UDP over IPv4 and IPv6, plain layer 2, and given header bytes; the first three with 0 to 2 tags. */
static struct ws_traffic_spec sample(unsigned i)
{
	static const unsigned versions[] = {4, 6, 0, 0};
	struct ws_traffic_spec spec = {
		.dst_mac = {2, 0, 0, 0, 0, 2},
		.src_mac = {2, 0, 0, 0, 0, 1},
		.vlan = {{7, 0}, {8, 0}},
		.proto = versions[i % 4] ? WS_PROTO_UDP : WS_PROTO_RAW,
		.ip_version = versions[i % 4],
		.src_ip = {198, 18, 0, 1},
		.dst_ip = {198, 18, 0, 2},
		.src_port = 40000,
		.dst_port = WS_UDP_PORT,
		.ethertype = WS_ETHERTYPE_PROBE,
		.run_id = RUN_ID,
		.stream = STREAM,
		.probe = WS_PAYLOAD_FULL,
		.seed = 1,
	};

	if (i % 4 == 3) {
		spec.header = tagged;
		spec.header_len = sizeof(tagged);
	} else {
		spec.vlan_count = i / 4 % 3;
	}
	return spec;
}

static struct ws_traffic *make(const struct ws_traffic_spec *spec)
{
	struct ws_traffic *t = NULL;

	assert_int_equal(ws_traffic_new(&t, spec), 0);
	return t;
}

static int64_t time_of(uint64_t n)
{
	static const int64_t odd[] = {0, -1, 1, INT64_MAX, INT64_MIN, 0xffff, -0xffff};

	return n % 8 < 7 ? odd[n % 8] : (int64_t)(n * UINT64_C(0x9e3779b97f4a7c15));
}

/* Looks at frame n as who receives it; returns what kind of probe it is, 0 for none. */
static unsigned look(
	const uint8_t *f, uint32_t len, const struct ws_traffic_spec *spec, uint64_t n, int64_t ns)
{
	uint32_t room = len - ws_traffic_header_len(spec);
	enum ws_probe_class class;
	struct ws_probe probe;

	class = ws_probe_parse(f, len, RUN_ID, WS_UDP_PORT, &probe);
	if (room < 16) {
		assert_int_equal(class, WS_PROBE_FOREIGN);
		return 0;
	}
	assert_int_equal(class, WS_PROBE_OURS);
	assert_int_equal(probe.payload, room < 32 ? WS_PAYLOAD_SHORT : WS_PAYLOAD_FULL);
	assert_true(probe.seq == n);
	assert_int_equal(probe.stream, STREAM);
	assert_true(probe.intended_ns == (room < 32 ? 0 : ns));
	return probe.payload;
}

/* Frame by frame, of all sizes: those that have room for a full probe have one. */
static void test_frame_by_frame(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12 * 3; i++) {
		struct ws_traffic_spec spec = sample(i);
		unsigned seen[WS_PAYLOAD_COLLECT + 1] = {0};
		struct ws_traffic *t;

		spec.size = i / 12;
		spec.len_min = spec.len_max = ws_traffic_header_len(&spec) + 40;
		if (spec.size == WS_SIZE_RANGE) {
			spec.len_min -= 40;
			spec.len_max += 40;
		}
		t = make(&spec);
		for (uint64_t n = 0; n < FRAMES; n++) {
			uint8_t f[MOST], want[65536], again[MOST] = {0};
			uint64_t seq = n << (n % 50);
			int64_t ns = time_of(n);
			uint32_t len = ws_traffic_write_at(t, f, seq, ns);
			unsigned kind = look(f, len, &spec, seq, ns);

			assert_int_equal(kind, ws_traffic_probe_of(&spec, len));
			seen[kind]++;
			assert_int_equal(len, traffic_model_at(&spec, seq, ns, want));
			assert_memory_equal(f, want, len);
			/* Over another one; and without a time. */
			assert_int_equal(ws_traffic_write(t, again, seq + 1),
				traffic_model(&spec, seq + 1, want));
			assert_memory_equal(again, want, ws_traffic_write(t, again, seq + 1));
			assert_int_equal(ws_traffic_rewrite_at(t, again, seq, ns), len);
			assert_memory_equal(again, f, len);
		}
		assert_true(seen[WS_PAYLOAD_FULL] > 0);
		/* Of a range over IP both; layer 2 has room in its shortest frames, but with tags. */
		if (spec.size == WS_SIZE_RANGE && spec.ip_version) {
			assert_true(seen[WS_PAYLOAD_SHORT] > 0);
		}
		ws_traffic_free(t);
	}
}

static void expect_kinds(const struct ws_traffic_spec *spec, unsigned shortest, unsigned longest)
{
	assert_int_equal(ws_traffic_probe_of(spec, ws_traffic_len_min(spec)), shortest);
	assert_int_equal(ws_traffic_probe_of(spec, ws_traffic_len_max(spec)), longest);
}

static void test_kinds(void **state)
{
	const enum ws_payload none = 0, little = WS_PAYLOAD_SHORT, full = WS_PAYLOAD_FULL;
	struct ws_traffic_spec spec = sample(0);

	(void)state;
	spec.len_min = spec.len_max = 73;
	expect_kinds(&spec, little, little);
	spec.len_min = spec.len_max = 74;
	expect_kinds(&spec, full, full);
	spec.size = WS_SIZE_RANGE;
	spec.len_min = 73;
	expect_kinds(&spec, little, full);
	spec.len_min = 42; /* made 60 */
	assert_int_equal(ws_traffic_len_min(&spec), 60);
	expect_kinds(&spec, little, full);
	spec.vlan_count = 1;
	spec.len_min = spec.len_max = 61;
	expect_kinds(&spec, none, none);
	spec.size = WS_SIZE_IMIX;
	assert_int_equal(ws_traffic_len_min(&spec), 60);
	expect_kinds(&spec, none, full);
	spec.vlan_count = 0;
	expect_kinds(&spec, little, full);
	spec.probe = 0;
	expect_kinds(&spec, little, little);
	spec.probe = WS_PAYLOAD_COLLECT;
	assert_int_equal(ws_traffic_len_min(&spec), 98);
	expect_kinds(&spec, WS_PAYLOAD_COLLECT, WS_PAYLOAD_COLLECT);
	spec.probe = full;
	spec.fill = WS_FILL_INCREMENT;
	expect_kinds(&spec, none, none);
	spec = sample(2);
	spec.len_min = spec.len_max = 14;
	expect_kinds(&spec, full, full);
	spec.ethertype = 0x88b6;
	expect_kinds(&spec, none, none);
}

/* Times alter no byte of other traffic. */
static void test_times_elsewhere(void **state)
{
	static const enum ws_payload kinds[] = {
		0, WS_PAYLOAD_SHORT, WS_PAYLOAD_REQUEST, WS_PAYLOAD_COLLECT};

	(void)state;
	for (unsigned i = 0; i < 3 * 4; i++) {
		struct ws_traffic_spec spec = sample(i);
		uint8_t a[200], b[200];
		struct ws_traffic *t;

		spec.probe = kinds[i / 3];
		spec.len_min = spec.len_max = 160;
		t = make(&spec);
		for (uint64_t n = 0; n < 20; n++) {
			assert_int_equal(ws_traffic_write_at(t, a, n, time_of(n)), 160);
			assert_int_equal(ws_traffic_write(t, b, n), 160);
			assert_memory_equal(a, b, 160);
			ws_traffic_rewrite_at(t, a, n, time_of(n + 1));
			assert_memory_equal(a, b, 160);
		}
		ws_traffic_free(t);
	}
}

/* The same frame as the other builder gives, but for its TTL: short and full ones. */
static void test_same_as_a_frame(void **state)
{
	struct ws_traffic_spec spec = sample(0);
	struct ws_frame_spec frame = {.dst = {2, 0, 0, 0, 0, 2},
		.src = {2, 0, 0, 0, 0, 1},
		.src_ip = 0xc6120001,
		.dst_ip = 0xc6120002,
		.src_port = 40000,
		.dst_port = WS_UDP_PORT,
		.run_id = RUN_ID,
		.stream = STREAM};
	struct ws_frame_template template;
	uint8_t a[MOST], b[MOST];

	(void)state;
	spec.ttl = 1;
	for (uint32_t len = 60; len < 90; len++) {
		struct ws_traffic *t;

		frame.len = spec.len_min = spec.len_max = len;
		frame.payload = ws_frame_payload_for(WS_CARRIER_UDP, len);
		assert_int_equal(ws_traffic_probe_of(&spec, len), frame.payload);
		assert_int_equal(ws_frame_template_init(&template, &frame), 0);
		t = make(&spec);
		for (uint64_t n = 0; n < 1000; n++) {
			ws_frame_write(&template, a, n * n, time_of(n));
			assert_int_equal(ws_traffic_write_at(t, b, n * n, time_of(n)), len);
			assert_memory_equal(a, b, len);
		}
		ws_traffic_free(t);
	}
}

/* Checksums of all values: 0 is sent as all ones. */
static void test_all_checksums(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct ws_traffic_spec spec = sample(i);
		unsigned off = (i ? 54 : 34) + 6, zeros = 0, all_ones = 0;
		uint8_t f[200], want[65536];
		struct ws_traffic *t;

		spec.len_min = spec.len_max = 111;
		t = make(&spec);
		for (int64_t ns = 0; ns < 0x60000; ns++) {
			assert_int_equal(ws_traffic_write_at(t, f, 1, ns), 111);
			zeros += f[off] == 0 && f[off + 1] == 0;
			if (f[off] == 0xff && f[off + 1] == 0xff) {
				all_ones++;
				traffic_model_at(&spec, 1, ns, want);
				assert_memory_equal(f, want, 111);
			}
		}
		assert_int_equal(zeros, 0);
		assert_true(all_ones > 0);
		ws_traffic_free(t);
	}
}

/* Whatever bit of a full probe flips, behind the run id, no probe of ours is left. */
static void test_every_bit_counts(void **state)
{
	struct ws_traffic_spec spec = sample(2);
	struct ws_probe probe;
	struct ws_traffic *t;
	uint8_t f[60];

	(void)state;
	spec.len_min = spec.len_max = sizeof(f);
	t = make(&spec);
	ws_traffic_write_at(t, f, 7, 123456789);
	for (unsigned bit = 8 * (14 + 6); bit < 8 * (14 + 32); bit++) {
		f[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ws_probe_parse(f, sizeof(f), RUN_ID, WS_UDP_PORT, &probe),
			WS_PROBE_MALFORMED);
		f[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(ws_probe_parse(f, sizeof(f), RUN_ID, WS_UDP_PORT, &probe), WS_PROBE_OURS);
	ws_traffic_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_by_frame),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_times_elsewhere),
		cmocka_unit_test(test_same_as_a_frame),
		cmocka_unit_test(test_all_checksums),
		cmocka_unit_test(test_every_bit_counts),
	};

	return cmocka_run_group_tests_name("traffic_full", tests, NULL, NULL);
}
