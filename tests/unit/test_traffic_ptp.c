// SPDX-License-Identifier: BSD-2-Clause
/* Probes in PTP messages: every frame as the model has it, muted ones too, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/frame.h"
#include "core/traffic.h"
#include "traffic_model.h"

#define RUN_ID 0xdeadbeef
#define STREAM 0x1234
#define FRAMES 200
#define MOST   1600

static const enum ws_payload kinds[] = {
	0, WS_PAYLOAD_SHORT, WS_PAYLOAD_FULL, WS_PAYLOAD_REQUEST, WS_PAYLOAD_COLLECT};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Layer 2, IPv4 or IPv6 with 0 to 2 tags; Sync and Delay_Req. 18 of them. */
#define SAMPLES 18
static struct ws_traffic_spec sample(unsigned i)
{
	static const unsigned versions[] = {0, 4, 6};
	unsigned version = versions[i % 3];

	return (struct ws_traffic_spec){
		.dst_mac = {2, 0, 0, 0, 0, 2},
		.src_mac = {2, 0xa1, 0xb2, 0xc3, 0xd4, 0xfe},
		.vlan_count = i / 3 % 3,
		.vlan = {{7, 0}, {8, 5}},
		.proto = version ? WS_PROTO_UDP : WS_PROTO_RAW,
		.ip_version = version,
		.src_ip = {198, 18, 0, 1},
		.dst_ip = {198, 18, 0, 2},
		.src_port = WS_PTP_PORT,
		.dst_port = WS_PTP_PORT,
		.ethertype = version ? 0 : WS_ETHERTYPE_PTP,
		.ptp = i / 9 ? WS_PTP_DELAY_REQ : WS_PTP_SYNC,
		.run_id = RUN_ID,
		.stream = STREAM,
		.len_min = 200,
		.len_max = 200,
		.seed = 1,
	};
}

static uint32_t header_of(const struct ws_traffic_spec *spec)
{
	static const uint32_t headers[] = {[0] = 14, [4] = 42, [6] = 62};

	return headers[spec->ip_version] + 4 * spec->vlan_count + 48;
}

static struct ws_traffic *make(const struct ws_traffic_spec *spec)
{
	struct ws_traffic *t = NULL;

	assert_int_equal(ws_traffic_new(&t, spec), 0);
	return t;
}

static void vary(struct ws_traffic_spec *spec, unsigned field, enum ws_vary_kind kind)
{
	static const struct ws_field_value macs[] = {{0, 0x02ffffffffff}, {0, 0x060102030405}};

	spec->vary[field] = (struct ws_vary){
		.kind = kind,
		.count = kind == WS_VARY_LIST ? 2 : 1000,
		.list = macs,
	};
}

/* Muting by the book: other type and control field, the checksum made anew. */
static void mute_model(const struct ws_traffic_spec *spec, uint8_t *f, uint32_t len)
{
	uint32_t ptp = header_of(spec) - 48, l4 = ptp - 8, sum = 17 + len - l4;

	f[ptp] = 0xc;
	f[ptp + 32] = 5;
	if (!spec->ip_version) {
		return;
	}
	f[l4 + 6] = f[l4 + 7] = 0;
	for (uint32_t i = l4 - (spec->ip_version == 4 ? 8 : 32); i < len; i++) {
		sum += (i - l4) % 2 == 0 ? (uint32_t)f[i] << 8 : f[i];
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	sum = ~sum & 0xffff;
	sum = sum ? sum : 0xffff;
	f[l4 + 6] = (uint8_t)(sum >> 8);
	f[l4 + 7] = (uint8_t)sum;
}

static void check_probe(
	const struct ws_traffic_spec *spec, const uint8_t *f, uint32_t len, uint64_t n, int64_t ns)
{
	enum ws_payload want = spec->probe ? spec->probe : WS_PAYLOAD_SHORT;
	struct ws_probe probe;

	if (want == WS_PAYLOAD_FULL && len < header_of(spec) + 32) {
		want = WS_PAYLOAD_SHORT;
	}
	assert_int_equal(ws_traffic_probe_of(spec, len), want);
	assert_int_equal(ws_probe_parse(f, len, RUN_ID, WS_PTP_PORT, &probe), WS_PROBE_OURS);
	assert_int_equal(probe.payload, want);
	assert_true(probe.seq == n);
	assert_int_equal(probe.stream, STREAM);
	assert_true(probe.intended_ns == (want == WS_PAYLOAD_FULL ? ns : 0));
}

/* One slot is used again and again, muted now and then, as a sender does it. */
static void check_frames(const struct ws_traffic_spec *spec)
{
	static uint8_t want[65536];
	struct ws_traffic *t = make(spec);
	uint8_t slot[MOST];

	ws_traffic_write(t, slot, 12345);
	for (uint64_t i = 0; i < FRAMES; i++) {
		uint64_t n = i << i % 50;
		int64_t ns = (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15));
		uint32_t len = traffic_model_at(spec, n, ns, want);
		uint8_t *exact = malloc(len);

		assert_non_null(exact);
		assert_int_equal(ws_traffic_write_at(t, exact, n, ns), len);
		assert_memory_equal(exact, want, len);
		check_probe(spec, exact, len, n, ns);
		assert_int_equal(ws_traffic_rewrite_at(t, slot, n, ns), len);
		assert_memory_equal(slot, want, len);
		if (i % 3 == 0) {
			mute_model(spec, want, len);
			ws_traffic_mute(t, slot, len);
			assert_memory_equal(slot, want, len);
			check_probe(spec, slot, len, n, ns);
			/* Once is enough. */
			ws_traffic_mute(t, slot, len);
			assert_memory_equal(slot, want, len);
		}
		free(exact);
	}
	ws_traffic_free(t);
}

static void test_frame_by_frame(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SAMPLES * KINDS * 3; i++) {
		struct ws_traffic_spec spec = sample(i);
		uint32_t least;

		spec.probe = kinds[i / SAMPLES % KINDS];
		spec.size = i / SAMPLES / KINDS;
		least = header_of(&spec) + (spec.probe > WS_PAYLOAD_FULL ? 56 : 16);
		spec.len_min = spec.len_max = least + i % 7;
		if (spec.size == WS_SIZE_RANGE) {
			spec.len_min = least;
			spec.len_max = least + 99;
		}
		assert_int_equal(ws_traffic_header_len(&spec), header_of(&spec));
		if (spec.size == WS_SIZE_IMIX) {
			assert_int_equal(ws_traffic_len_min(&spec), least);
		}
		check_frames(&spec);
	}
}

/* What varies in the headers, the identity with the address. */
static void test_varying(void **state)
{
	static const enum ws_vary_kind ways[] = {WS_VARY_INCREMENT, WS_VARY_RANDOM, WS_VARY_LIST};

	(void)state;
	for (unsigned i = 0; i < SAMPLES * 3; i++) {
		struct ws_traffic_spec spec = sample(i);

		spec.probe = WS_PAYLOAD_FULL;
		vary(&spec, WS_FIELD_SRC_MAC, ways[i / SAMPLES]);
		check_frames(&spec);
		vary(&spec, WS_FIELD_DST_MAC, WS_VARY_RANDOM);
		if (spec.ip_version) {
			vary(&spec, WS_FIELD_SRC_IP, WS_VARY_INCREMENT);
			vary(&spec, WS_FIELD_SRC_PORT, WS_VARY_RANDOM);
		}
		if (spec.vlan_count) {
			vary(&spec, WS_FIELD_VLAN, WS_VARY_RANDOM);
		}
		spec.size = WS_SIZE_RANGE;
		spec.len_min = header_of(&spec) + 16;
		check_frames(&spec);
		spec = sample(i);
		spec.flows = 70000;
		check_frames(&spec);
	}
}

/* All checksums: none is ever 0, muted or not. */
static void test_all_checksums(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 3; i++) {
		struct ws_traffic_spec spec = sample(i);
		uint32_t check = header_of(&spec) - 48 - 2, len = header_of(&spec) + 17;
		unsigned ones[2] = {0};
		static uint8_t want[65536];
		struct ws_traffic *t;
		uint8_t f[200];

		spec.len_min = spec.len_max = len;
		t = make(&spec);
		ws_traffic_write(t, f, 0);
		for (uint64_t n = 0; n < 0x20000; n++) {
			for (unsigned muted = 0; muted < 2; muted++) {
				if (muted) {
					ws_traffic_mute(t, f, len);
				} else {
					ws_traffic_rewrite_at(t, f, n, 0);
				}
				assert_true(f[check] || f[check + 1]);
				if (f[check] == 0xff && f[check + 1] == 0xff) {
					ones[muted]++;
					traffic_model(&spec, n, want);
					if (muted) {
						mute_model(&spec, want, len);
					}
					assert_memory_equal(f, want, len);
				}
			}
		}
		assert_true(ones[0] > 0 && ones[1] > 0);
		ws_traffic_free(t);
	}
}

static void test_mute_elsewhere(void **state)
{
	struct ws_traffic_spec spec = sample(1);
	struct ws_traffic *t;
	uint8_t a[200], b[200];

	(void)state;
	spec.ptp = WS_PTP_NONE;
	t = make(&spec);
	ws_traffic_write(t, a, 5);
	memcpy(b, a, sizeof(b));
	ws_traffic_mute(t, b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	ws_traffic_free(t);
}

/* As the other builder has it, but for the TTL. */
static void test_same_as_a_frame(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		enum ws_carrier carrier = i ? WS_CARRIER_PTP_UDP : WS_CARRIER_PTP_L2;
		struct ws_traffic_spec spec = sample(i);
		struct ws_frame_spec frame = {
			.carrier = carrier,
			.payload = WS_PAYLOAD_FULL,
			.dst = {2, 0, 0, 0, 0, 2},
			.src = {2, 0xa1, 0xb2, 0xc3, 0xd4, 0xfe},
			.src_ip = 0xc6120001,
			.dst_ip = 0xc6120002,
			.src_port = WS_PTP_PORT,
			.dst_port = WS_PTP_PORT,
			.run_id = RUN_ID,
			.stream = STREAM,
			.len = ws_frame_min_len(carrier, WS_PAYLOAD_FULL) + 5,
		};
		struct ws_frame_template template;
		struct ws_traffic *t;
		uint8_t a[200], b[200];

		spec.ttl = 1;
		spec.probe = WS_PAYLOAD_FULL;
		spec.len_min = spec.len_max = frame.len;
		assert_int_equal(ws_frame_template_init(&template, &frame), 0);
		t = make(&spec);
		for (uint64_t n = 0; n < 70000; n += 7) {
			ws_frame_write(&template, a, n, (int64_t)n);
			assert_int_equal(ws_traffic_write_at(t, b, n, (int64_t)n), frame.len);
			assert_memory_equal(a, b, frame.len);
		}
		ws_traffic_free(t);
	}
}

/* Not of the run id; but of the message. */
static void test_hash(void **state)
{
	struct ws_traffic_spec spec = sample(1);
	uint64_t hashes[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct ws_traffic *t;

		spec.run_id = i < 2 ? i + 1 : 1;
		spec.ptp = i < 2 ? WS_PTP_SYNC : WS_PTP_DELAY_REQ;
		t = make(&spec);
		hashes[i] = ws_traffic_hash(t, 100);
		ws_traffic_free(t);
	}
	assert_true(hashes[0] == hashes[1]);
	assert_true(hashes[0] != hashes[2]);
}

static void expect(int line, const struct ws_traffic_spec *spec, int want)
{
	struct ws_traffic *t = NULL;
	int got = ws_traffic_new(&t, spec);

	if (got != want) {
		fail_msg("line %d: %d, not %d", line, got, want);
	}
	ws_traffic_free(t);
}

#define EXPECT(i, want, ...)                          \
	do {                                          \
		struct ws_traffic_spec s = sample(i); \
		__VA_ARGS__;                          \
		expect(__LINE__, &s, want);           \
	} while (0)

static void test_refused(void **state)
{
	static const uint8_t header[14] = {[12] = 0x88, 0xf7};
	static const uint8_t byte;

	(void)state;
	EXPECT(0, 0, (void)s);
	EXPECT(1, 0, (void)s);
	EXPECT(0, -EINVAL, s.ptp = WS_PTP_DELAY_REQ + 1);
	EXPECT(0, -EINVAL, s.ptp = (enum ws_ptp_message) - 1);
	EXPECT(0, -EINVAL, s.ethertype = WS_ETHERTYPE_PROBE);
	EXPECT(0, -EINVAL, s.header = header; s.header_len = 14);
	EXPECT(1, -EINVAL, s.dst_port = 320);
	EXPECT(1, -EINVAL, s.dst_port = WS_UDP_PORT);
	EXPECT(1, 0, s.src_port = 5);
	EXPECT(1, -EINVAL, vary(&s, WS_FIELD_DST_PORT, WS_VARY_INCREMENT));
	EXPECT(1, -EINVAL, s.proto = WS_PROTO_TCP_SYN);
	EXPECT(1, -EINVAL, s.proto = WS_PROTO_ICMP_ECHO);
	EXPECT(0, -EINVAL, s.fill = WS_FILL_ZERO);
	EXPECT(0, -EINVAL, s.fill = WS_FILL_INCREMENT);
	EXPECT(1, -EINVAL, s.fill = WS_FILL_RANDOM);
	EXPECT(1, -EINVAL, s.fill = WS_FILL_BYTES; s.bytes = &byte; s.bytes_len = 1);
	EXPECT(0, -EMSGSIZE, s.len_min = s.len_max = 77);
	EXPECT(0, 0, s.len_min = s.len_max = 78);
	EXPECT(0, -EMSGSIZE, s.probe = WS_PAYLOAD_REQUEST; s.len_min = s.len_max = 117);
	EXPECT(0, 0, s.probe = WS_PAYLOAD_REQUEST; s.len_min = s.len_max = 118);
	EXPECT(1, -EMSGSIZE, s.len_min = s.len_max = 105);
	EXPECT(1, 0, s.len_min = s.len_max = 106);
	EXPECT(2, -EMSGSIZE, s.len_min = s.len_max = 125);
	EXPECT(2, 0, s.len_min = s.len_max = 126);
	EXPECT(1, 0, s.len_min = s.len_max = 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_by_frame),
		cmocka_unit_test(test_varying),
		cmocka_unit_test(test_all_checksums),
		cmocka_unit_test(test_mute_elsewhere),
		cmocka_unit_test(test_same_as_a_frame),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("traffic_ptp", tests, NULL, NULL);
}
