// SPDX-License-Identifier: BSD-2-Clause
/* Traffic: every byte against a plain model, over random specifications; what a hash means. */
#include "core/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/frame.h"
#include "core/random.h"
#include "traffic_model.h"

#define LIST_MAX 7
#define RUN_ID	 0xdeadbeef
#define CANARY	 64

/* A specification with the memory that it points to. */
struct sample {
	struct ws_traffic_spec spec;
	struct ws_field_value lists[WS_FIELD_COUNT][LIST_MAX];
	uint8_t header[256];
	uint8_t bytes[300];
};

/* Numbers for the tests' own choices, the same in each run. */
struct dice {
	uint64_t seed, rolls;
};

static uint64_t roll(struct dice *d)
{
	return ws_random_at(d->seed, 1000, d->rolls++);
}

static uint64_t below(struct dice *d, uint64_t limit)
{
	return ws_random_below(roll(d), limit);
}

static struct ws_traffic_spec plain(void)
{
	struct ws_traffic_spec spec = {
		.dst_mac = {2, 0, 0, 0, 0, 2},
		.src_mac = {2, 0, 0, 0, 0, 1},
		.proto = WS_PROTO_UDP,
		.ip_version = 4,
		.src_ip = {198, 18, 0, 1},
		.dst_ip = {198, 18, 0, 2},
		.src_port = 40000,
		.dst_port = WS_UDP_PORT,
		.ethertype = WS_ETHERTYPE_PROBE,
		.len_min = 60,
		.len_max = 60,
		.run_id = RUN_ID,
		.stream = 0x1234,
		.seed = 1,
	};

	return spec;
}

static struct ws_traffic *make(const struct ws_traffic_spec *spec)
{
	struct ws_traffic *t = NULL;

	assert_int_equal(ws_traffic_new(&t, spec), 0);
	assert_non_null(t);
	return t;
}

/* Of any magnitude, and often a power of two or next to one. */
static uint64_t any_number(struct dice *d)
{
	uint64_t v = roll(d) >> below(d, 64);

	switch (below(d, 4)) {
	case 0:
		return (UINT64_C(1) << below(d, 64)) + below(d, 3) - 1;
	case 1:
		return UINT64_MAX - below(d, 3);
	default:
		return v;
	}
}

static int64_t any_time(struct dice *d)
{
	return (int64_t)(any_number(d) >> 1);
}

static void any_bytes(struct dice *d, uint8_t *p, size_t len)
{
	/* Many ones, so that carries carry. */
	bool ones = below(d, 4) == 0;

	for (size_t i = 0; i < len; i++) {
		p[i] = ones ? 0xff : (uint8_t)roll(d);
	}
}

static uint64_t field_bits(const struct ws_traffic_spec *spec, unsigned field)
{
	static const uint8_t bits[WS_FIELD_COUNT] = {48, 48, 12, 12, 32, 32, 16, 16};

	return bits[field] == 32 && spec->ip_version == 6 ? 64 : bits[field];
}

static bool in_frame(const struct ws_traffic_spec *spec, unsigned field)
{
	switch (field) {
	case WS_FIELD_SRC_MAC:
	case WS_FIELD_DST_MAC:
		return true;
	case WS_FIELD_VLAN:
	case WS_FIELD_VLAN2:
		return spec->vlan_count > field - WS_FIELD_VLAN;
	case WS_FIELD_DST_PORT:
		return spec->proto != WS_PROTO_RAW && spec->proto != WS_PROTO_ICMP_ECHO;
	default:
		return spec->proto != WS_PROTO_RAW;
	}
}

static void any_vary(struct dice *d, struct sample *s, unsigned field)
{
	struct ws_vary *v = &s->spec.vary[field];

	*v = (struct ws_vary){.kind = WS_VARY_NONE};
	if (!in_frame(&s->spec, field) || below(d, 3) != 0) {
		return;
	}
	v->kind = 1 + below(d, 3);
	v->count = any_number(d);
	v->count += v->count == 0;
	if (v->kind == WS_VARY_LIST) {
		v->count = 1 + below(d, LIST_MAX);
		v->list = s->lists[field];
		for (unsigned i = 0; i < v->count; i++) {
			uint64_t bits = field_bits(&s->spec, field);

			s->lists[field][i].high = bits == 64 ? roll(d) : 0;
			s->lists[field][i].low = roll(d) >> (64 - bits);
			if (bits == 12 && s->lists[field][i].low == 4095) {
				s->lists[field][i].low = 4094;
			}
		}
	} else if (field == WS_FIELD_VLAN || field == WS_FIELD_VLAN2) {
		s->spec.vlan[field - WS_FIELD_VLAN].id |= 1;
		s->spec.vlan[field - WS_FIELD_VLAN].id -=
			s->spec.vlan[field - WS_FIELD_VLAN].id > 4094 ? 2 : 0;
	}
}

static void any_header(struct dice *d, struct sample *s)
{
	static const uint8_t tags[10] = {0x88, 0xa8, 0, 5, 0x81, 0, 0x60, 7, 0x88, 0xb5};
	uint32_t skip = 4 * below(d, 3);

	s->spec.header = s->header;
	s->spec.header_len = 14 + below(d, 243);
	any_bytes(d, s->header, sizeof(s->header));
	if (below(d, 2) == 0) {
		/* that of a probe, with 2, 1 or no tags */
		s->spec.header_len = 12 + sizeof(tags) - skip;
		memcpy(s->header + 12, tags + skip, sizeof(tags) - skip);
	}
}

/* Not of given headers: the tests' own have others behind the ethertype. */
static bool holds_probes(const struct ws_traffic_spec *spec)
{
	return spec->proto == WS_PROTO_UDP || (spec->proto == WS_PROTO_RAW && !spec->header &&
						      spec->ethertype == WS_ETHERTYPE_PROBE);
}

static void any_sample(struct dice *d, struct sample *s)
{
	struct ws_traffic_spec *spec = &s->spec;
	uint32_t header_len;

	memset(s, 0, sizeof(*s));
	any_bytes(d, spec->dst_mac, sizeof(spec->dst_mac));
	any_bytes(d, spec->src_mac, sizeof(spec->src_mac));
	any_bytes(d, spec->src_ip, sizeof(spec->src_ip));
	any_bytes(d, spec->dst_ip, sizeof(spec->dst_ip));
	any_bytes(d, s->bytes, sizeof(s->bytes));
	spec->vlan_count = below(d, WS_TRAFFIC_VLANS + 1);
	for (unsigned i = 0; i < WS_TRAFFIC_VLANS; i++) {
		spec->vlan[i].id = below(d, 4095);
		spec->vlan[i].prio = below(d, 8);
	}
	spec->proto = below(d, WS_PROTO_COUNT);
	spec->ip_version = spec->proto == WS_PROTO_RAW ? 0 : 4 + 2 * below(d, 2);
	spec->ttl = below(d, 256);
	spec->tos = below(d, 256);
	spec->src_port = roll(d);
	spec->dst_port = roll(d);
	spec->ethertype = below(d, 2) ? WS_ETHERTYPE_PROBE : 0x600 + below(d, 0xfa00);
	spec->seed = any_number(d);
	spec->run_id = roll(d);
	spec->stream = roll(d);
	if (spec->proto == WS_PROTO_RAW && below(d, 2) == 0) {
		spec->vlan_count = 0;
		any_header(d, s);
	}
	for (unsigned field = 0; field < WS_FIELD_COUNT; field++) {
		any_vary(d, s, field);
	}
	if (below(d, 3) == 0) {
		unsigned other = spec->proto == WS_PROTO_RAW ? WS_FIELD_SRC_MAC : WS_FIELD_SRC_IP;

		spec->flows = any_number(d) >> 24;
		spec->vary[other].kind = WS_VARY_NONE;
		spec->vary[WS_FIELD_SRC_PORT].kind = WS_VARY_NONE;
	}
	header_len = ws_traffic_header_len(spec);
	spec->size = below(d, 3);
	spec->len_min = header_len + (below(d, 8) == 0 ? below(d, 60000) : below(d, 100));
	spec->len_max = spec->len_min;
	if (spec->size == WS_SIZE_RANGE) {
		spec->len_max += below(d, 300);
	}
	spec->fill = below(d, 5);
	spec->bytes = s->bytes;
	spec->bytes_len = 1 + below(d, sizeof(s->bytes));
	if (below(d, 3) == 0 && holds_probes(spec)) {
		spec->probe = below(d, 2) ? WS_PAYLOAD_REQUEST : WS_PAYLOAD_COLLECT;
		spec->fill = WS_FILL_PROBE;
		spec->len_min += spec->len_min + 312 < 65535 ? 56 : 0;
		spec->len_max += spec->len_max + 312 < 65535 ? 56 : 0;
	} else if (below(d, 2)) {
		spec->probe = 1 + below(d, 2);
		spec->fill = below(d, 2) ? WS_FILL_PROBE : spec->fill;
	}
}

/* Writes to a dirty buffer of exactly that length, and compares with the model. */
static void check_frame_at(const struct ws_traffic *t, const struct ws_traffic_spec *spec,
	uint64_t n, int64_t intended_ns, uint8_t dirt)
{
	static uint8_t want[65536], room[65535 + CANARY];
	uint32_t most = ws_traffic_len_max(spec), len;
	uint32_t want_len = traffic_model_at(spec, n, intended_ns, want);

	assert_true(most <= 65535);
	memset(room, dirt, most + CANARY);
	len = ws_traffic_write_at(t, room, n, intended_ns);
	assert_int_equal(len, want_len);
	assert_true(len <= most && len >= WS_FRAME_MIN && len >= ws_traffic_header_len(spec));
	assert_true(len >= ws_traffic_len_min(spec));
	if (memcmp(room, want, len) != 0) {
		uint32_t at = 0;

		while (room[at] == want[at]) {
			at++;
		}
		fail_msg("protocol %d, IPv%u, frame %llu of %u bytes: byte %u is %#x, not %#x",
			(int)spec->proto, spec->ip_version, (unsigned long long)n, len, at,
			room[at], want[at]);
	}
	for (uint32_t i = len; i < most + CANARY; i++) {
		assert_int_equal(room[i], dirt);
	}
	/* Over another frame: the same as on clean memory. */
	want_len = traffic_model_at(spec, n + 12345, -intended_ns, want);
	assert_int_equal(ws_traffic_rewrite_at(t, room, n + 12345, -intended_ns), want_len);
	assert_memory_equal(room, want, want_len);
}

static void check_frame(
	const struct ws_traffic *t, const struct ws_traffic_spec *spec, uint64_t n, uint8_t dirt)
{
	check_frame_at(t, spec, n, 0, dirt);
}

static void test_every_byte(void **state)
{
	struct dice d = {.seed = 20};

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct sample s;
		struct ws_traffic *t;
		uint64_t last = 0;

		any_sample(&d, &s);
		t = make(&s.spec);
		/* Whatever the caller had is copied. */
		struct sample kept = s;

		for (unsigned f = 0; f < WS_FIELD_COUNT; f++) {
			if (kept.spec.vary[f].list) {
				kept.spec.vary[f].list = kept.lists[f];
			}
		}
		kept.spec.bytes = kept.bytes;
		kept.spec.header = s.spec.header ? kept.header : NULL;
		memset(&s, 0xee, sizeof(s));
		for (int i = 0; i < 12; i++) {
			uint64_t n = i < 4 ? (uint64_t)i : any_number(&d);

			check_frame_at(t, &kept.spec, n, any_time(&d), (uint8_t)roll(&d));
			check_frame_at(t, &kept.spec, last, any_time(&d), (uint8_t)roll(&d));
			last = n;
		}
		ws_traffic_free(t);
	}
}

/* Every length from the headers on, since a payload's sum is kept for each. */
static void test_every_length(void **state)
{
	(void)state;
	for (int proto = 0; proto < WS_PROTO_RAW; proto++) {
		for (unsigned version = 4; version <= 6; version += 2) {
			struct ws_traffic_spec spec = plain();
			struct ws_traffic *t;

			spec.proto = proto;
			spec.ip_version = version;
			spec.fill = WS_FILL_RANDOM;
			spec.size = WS_SIZE_RANGE;
			spec.len_min = ws_traffic_header_len(&spec);
			spec.len_max = spec.len_min + 40;
			t = make(&spec);
			for (uint64_t n = 0; n < 1000; n++) {
				check_frame(t, &spec, n, 0xa5);
			}
			ws_traffic_free(t);
			spec.size = WS_SIZE_FIXED;
			for (uint32_t len = spec.len_min; len < 200; len++) {
				spec.len_min = spec.len_max = len;
				t = make(&spec);
				check_frame(t, &spec, len, 0x5a);
				ws_traffic_free(t);
			}
			spec.len_min = spec.len_max = 65535;
			t = make(&spec);
			check_frame(t, &spec, 1, 0x5a);
			ws_traffic_free(t);
		}
	}
}

/*
 * The number takes the checksum through all its values, of which UDP has all ones for the one that ICMP has
 * as 0.
 */
static void test_all_checksums(void **state)
{
	static const uint8_t l4[2] = {34, 54};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct ws_traffic_spec spec = plain();
		unsigned zeros = 0, all_ones = 0, off;
		struct ws_traffic *t;
		uint8_t f[100];

		spec.proto = i / 2 ? WS_PROTO_ICMP_ECHO : WS_PROTO_UDP;
		spec.ip_version = i % 2 ? 6 : 4;
		spec.len_min = spec.len_max = 78;
		off = l4[i % 2] + (spec.proto == WS_PROTO_UDP ? 6 : 2);
		t = make(&spec);
		for (uint64_t n = 0; n <= 0xffff; n++) {
			assert_int_equal(ws_traffic_write(t, f, n), 78);
			zeros += f[off] == 0 && f[off + 1] == 0;
			all_ones += f[off] == 0xff && f[off + 1] == 0xff;
			if (f[off] == f[off + 1]) {
				check_frame(t, &spec, n, 0);
			}
		}
		assert_int_equal(zeros > 0, spec.proto == WS_PROTO_ICMP_ECHO);
		assert_int_equal(all_ones > 0, spec.proto == WS_PROTO_UDP);
		ws_traffic_free(t);
	}
}

/* Who receives finds the number in every frame that has room for it. */
static void test_probes(void **state)
{
	static const uint8_t header[22] = {[12] = 0x88, 0xa8, 0, 5, 0x81, 0, 0x60, 7, 0x88, 0xb5};

	(void)state;
	for (unsigned i = 0; i < 4 * 3; i++) {
		static const unsigned versions[] = {4, 6, 0, 0};
		struct ws_traffic_spec spec = plain();
		struct ws_traffic *t;
		uint32_t header_len;

		spec.ip_version = versions[i % 4];
		spec.proto = spec.ip_version == 0 ? WS_PROTO_RAW : WS_PROTO_UDP;
		spec.vlan_count = i / 4;
		spec.vlan[0].id = 7;
		spec.vlan[1].id = 8;
		if (i % 4 == 3) {
			spec.header = header;
			spec.header_len = 22;
			spec.vlan_count = 0;
		}
		header_len = ws_traffic_header_len(&spec);
		spec.size = WS_SIZE_RANGE;
		spec.len_min = header_len;
		spec.len_max = header_len + 60;
		t = make(&spec);
		for (uint64_t n = 0; n < 300; n++) {
			struct ws_probe probe;
			uint64_t seq = n << (n % 50);
			uint8_t f[200];
			uint32_t len = ws_traffic_write(t, f, seq);
			enum ws_probe_class class =
				ws_probe_parse(f, len, RUN_ID, WS_UDP_PORT, &probe);

			if (len < header_len + 16) {
				assert_int_equal(class, WS_PROBE_FOREIGN);
				continue;
			}
			assert_int_equal(class, WS_PROBE_OURS);
			assert_true(probe.seq == seq);
			assert_int_equal(probe.stream, 0x1234);
			assert_int_equal(probe.payload, WS_PAYLOAD_SHORT);
		}
		ws_traffic_free(t);
	}
}

/* Requests and collects are whole in every frame, of whatever sizes, tags, addresses and flows. */
static void test_requests(void **state)
{
	static const uint8_t header[22] = {[12] = 0x88, 0xa8, 0, 5, 0x81, 0, 0x60, 7, 0x88, 0xb5};

	(void)state;
	for (unsigned i = 0; i < 4 * 3 * 3 * 2; i++) {
		static const unsigned versions[] = {4, 6, 0, 0};
		struct ws_traffic_spec spec = plain();
		enum ws_payload kind = i / 36 ? WS_PAYLOAD_COLLECT : WS_PAYLOAD_REQUEST;
		struct ws_traffic *t;

		spec.ip_version = versions[i % 4];
		spec.proto = spec.ip_version == 0 ? WS_PROTO_RAW : WS_PROTO_UDP;
		spec.vlan_count = i / 4 % 3;
		spec.vlan[0].id = 7;
		spec.vlan[1].id = 8;
		spec.probe = kind;
		spec.flows = 5;
		if (i % 4 == 3) {
			spec.header = header;
			spec.header_len = 22;
			spec.vlan_count = 0;
		}
		spec.size = i / 12 % 3;
		spec.len_min = spec.len_max = ws_traffic_header_len(&spec) + 56;
		spec.len_max += spec.size == WS_SIZE_RANGE ? 30 : 0;
		t = make(&spec);
		for (uint64_t n = 0; n < 300; n++) {
			uint64_t seq = n << (n % 50);
			struct ws_probe probe;
			uint8_t f[1514];
			uint32_t len = ws_traffic_write(t, f, seq);

			assert_int_equal(
				ws_probe_parse(f, len, RUN_ID, WS_UDP_PORT, &probe), WS_PROBE_OURS);
			assert_true(probe.seq == seq);
			assert_int_equal(probe.stream, 0x1234);
			assert_int_equal(probe.payload, kind);
			check_frame(t, &spec, seq, 0xa5);
		}
		ws_traffic_free(t);
	}
}

/* The same frame as the builder of a latency run gives, but for its TTL. */
static void test_same_as_a_frame(void **state)
{
	struct ws_frame_spec frame = {.dst = {2, 0, 0, 0, 0, 2},
		.src = {2, 0, 0, 0, 0, 1},
		.payload = WS_PAYLOAD_SHORT,
		.src_ip = 0xc6120001,
		.dst_ip = 0xc6120002,
		.src_port = 40000,
		.dst_port = WS_UDP_PORT,
		.len = 60,
		.run_id = RUN_ID,
		.stream = 0x1234};
	static const enum ws_payload kinds[] = {
		WS_PAYLOAD_SHORT, WS_PAYLOAD_REQUEST, WS_PAYLOAD_COLLECT};
	struct ws_traffic_spec spec = plain();
	struct ws_frame_template template;
	uint8_t a[98], b[98];
	struct ws_traffic *t;

	(void)state;
	spec.ttl = 1;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		uint32_t len = ws_frame_min_len(WS_CARRIER_UDP, kinds[k]);

		spec.probe = frame.payload = kinds[k];
		spec.len_min = spec.len_max = frame.len = len;
		t = make(&spec);
		assert_int_equal(ws_frame_template_init(&template, &frame), 0);
		for (uint64_t n = 0; n < 100000; n += 7) {
			ws_frame_write(&template, a, n * n, 0);
			assert_int_equal(ws_traffic_write(t, b, n * n), len);
			assert_memory_equal(a, b, len);
		}
		ws_traffic_free(t);
	}
}

static int compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 60);
}

/* As many different frames as flows, and each returns after as many. */
static void check_flows(enum ws_proto proto, unsigned version, uint64_t flows)
{
	struct ws_traffic_spec spec = plain();
	uint8_t *all = malloc(60 * flows), again[60];
	struct ws_traffic *t;

	assert_non_null(all);
	spec.proto = proto;
	spec.ip_version = version;
	spec.flows = flows;
	spec.fill = WS_FILL_ZERO;
	spec.ethertype = 0x9000;
	spec.src_port = 65000;
	t = make(&spec);
	for (uint64_t n = 0; n < flows; n++) {
		assert_int_equal(ws_traffic_write(t, all + 60 * n, n), 60);
		ws_traffic_write(t, again, n + 3 * flows);
		assert_memory_equal(all + 60 * n, again, 60);
	}
	qsort(all, flows, 60, compare_bytes);
	for (uint64_t n = 1; n < flows; n++) {
		assert_memory_not_equal(all + 60 * n, all + 60 * (n - 1), 60);
	}
	ws_traffic_free(t);
	free(all);
}

static void test_flows(void **state)
{
	(void)state;
	check_flows(WS_PROTO_UDP, 4, 2);
	check_flows(WS_PROTO_UDP, 4, 1000);
	check_flows(WS_PROTO_UDP, 4, 16384);
	check_flows(WS_PROTO_UDP, 4, 16385);
	check_flows(WS_PROTO_UDP, 4, 40000);
	check_flows(WS_PROTO_RAW, 0, 40000);
}

static uint64_t hash_of(const struct ws_traffic_spec *spec, uint64_t count)
{
	struct ws_traffic *t = make(spec);
	uint64_t hash = ws_traffic_hash(t, count);

	ws_traffic_free(t);
	return hash;
}

/* FNV-1a as its contract says, over the model's frames with run id 0. */
static uint64_t slow_hash(struct ws_traffic_spec spec, uint64_t count)
{
	static uint8_t f[65536];
	uint64_t hash = UINT64_C(14695981039346656037);

	spec.run_id = 0;
	for (uint64_t n = 0; n < count; n++) {
		uint32_t len = traffic_model(&spec, n, f);

		for (uint32_t i = 0; i < 4; i++) {
			hash = (hash ^ (len >> 8 * i & 0xff)) * UINT64_C(1099511628211);
		}
		for (uint32_t i = 0; i < len; i++) {
			hash = (hash ^ f[i]) * UINT64_C(1099511628211);
		}
	}
	return hash;
}

static void test_hash(void **state)
{
	struct dice d = {.seed = 30};

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint64_t count = below(&d, 10), hash;
		struct sample s;

		any_sample(&d, &s);
		hash = hash_of(&s.spec, count);
		assert_true(hash == slow_hash(s.spec, count));
		s.spec.run_id++;
		assert_true(hash == hash_of(&s.spec, count));
	}
}

static void test_hash_counts_4096(void **state)
{
	struct ws_traffic_spec spec = plain();

	(void)state;
	assert_true(hash_of(&spec, 0) == UINT64_C(14695981039346656037));
	assert_true(hash_of(&spec, 4096) == slow_hash(spec, 4096));
	assert_true(hash_of(&spec, UINT64_MAX) == hash_of(&spec, 4096));
	assert_true(hash_of(&spec, 4095) != hash_of(&spec, 4096));
}

/* Another seed is another hash if anything is random, and the same one if nothing is. */
static void check_seed(struct ws_traffic_spec spec, bool random)
{
	uint64_t one = hash_of(&spec, 100);

	assert_true(one == hash_of(&spec, 100));
	spec.seed++;
	assert_int_equal(one != hash_of(&spec, 100), random);
}

static void test_hash_seed(void **state)
{
	struct ws_traffic_spec spec = plain();

	(void)state;
	check_seed(spec, false);
	spec.fill = WS_FILL_RANDOM;
	check_seed(spec, true);
	spec.fill = WS_FILL_INCREMENT;
	spec.flows = 10;
	check_seed(spec, false);
	spec.size = WS_SIZE_RANGE;
	spec.len_max = 100;
	check_seed(spec, true);
	spec.size = WS_SIZE_IMIX;
	check_seed(spec, false);
	spec.proto = WS_PROTO_TCP_SYN;
	check_seed(spec, true);
	spec.proto = WS_PROTO_ICMP_ECHO;
	check_seed(spec, false);
	spec.vary[WS_FIELD_DST_IP] = (struct ws_vary){.kind = WS_VARY_RANDOM, .count = 256};
	check_seed(spec, true);
	spec.vary[WS_FIELD_DST_IP].kind = WS_VARY_INCREMENT;
	check_seed(spec, false);
}

static void check_sizes(
	const struct ws_traffic_spec *spec, uint64_t frames, uint64_t l2_bytes, uint64_t l1_bytes)
{
	struct ws_traffic *t = make(spec);
	struct ws_frame_sizes s = ws_traffic_sizes(t);

	ws_traffic_free(t);
	/* as ratios: any multiple would do */
	assert_true(s.frames > 0);
	assert_true(s.l2_bits * frames == l2_bytes * 8 * s.frames);
	assert_true(s.l1_bits * frames == l1_bytes * 8 * s.frames);
}

static void test_sizes(void **state)
{
	struct ws_traffic_spec spec = plain();

	(void)state;
	check_sizes(&spec, 1, 64, 84);
	spec.len_min = spec.len_max = 42;
	check_sizes(&spec, 1, 64, 84);
	spec.len_min = spec.len_max = 1514;
	check_sizes(&spec, 1, 1518, 1538);
	spec.size = WS_SIZE_IMIX;
	check_sizes(&spec, 12, 7 * 64 + 4 * 594 + 1518, 7 * 84 + 4 * 614 + 1538);
	spec.ip_version = 6;
	check_sizes(&spec, 12, 7 * 66 + 4 * 594 + 1518, 7 * 86 + 4 * 614 + 1538);
	spec.probe = WS_PAYLOAD_REQUEST;
	check_sizes(&spec, 12, 7 * 122 + 4 * 594 + 1518, 7 * 142 + 4 * 614 + 1538);
	spec.probe = 0;
	spec.ip_version = 4;
	spec.size = WS_SIZE_RANGE;
	spec.len_min = 60;
	check_sizes(&spec, 2, 64 + 1518, 84 + 1538);
	spec.len_min = 58; /* two of three are made 60 */
	spec.len_max = 61;
	check_sizes(&spec, 4, 64 + 64 + 64 + 65, 84 + 84 + 84 + 85);
	spec.len_min = 42;
	spec.len_max = 65535;
	check_sizes(&spec, 65494, 18 * UINT64_C(64) + 65476 * UINT64_C(65603) / 2,
		18 * UINT64_C(84) + 65476 * UINT64_C(65643) / 2);
}

static void test_names(void **state)
{
	char all[100] = "";

	(void)state;
	for (unsigned f = 0; f < WS_FIELD_COUNT; f++) {
		strcat(all, f > 0 ? ", " : "");
		strcat(all, ws_field_name(f));
	}
	assert_string_equal(all, WS_TRAFFIC_FIELDS_TEXT);
	assert_string_equal(ws_field_name(WS_FIELD_COUNT), "unknown");
	ws_traffic_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_all_checksums),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_same_as_a_frame),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hash_counts_4096),
		cmocka_unit_test(test_hash_seed),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
