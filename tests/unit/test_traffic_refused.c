// SPDX-License-Identifier: BSD-2-Clause
/* Traffic: what contradicts or does not fit is refused, and its neighbours are not. */
#include "core/traffic.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/frame.h"

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
		.seed = 1,
	};

	return spec;
}

static void expect(int line, const struct ws_traffic_spec *spec, int want)
{
	struct ws_traffic *const none = (struct ws_traffic *)&want;
	struct ws_traffic *t = none;
	int got = ws_traffic_new(&t, spec);

	if (got != want || (got != 0 && t != none)) {
		fail_msg("line %d: %d, not %d, or written", line, got, want);
	}
	if (got == 0) {
		ws_traffic_free(t);
	}
}

static void vary(struct ws_traffic_spec *spec, unsigned field, enum ws_vary_kind kind,
	uint64_t count, const struct ws_field_value *list)
{
	spec->vary[field] = (struct ws_vary){.kind = kind, .count = count, .list = list};
}

/* One change to a good specification, and what it is refused with. */
#define EXPECT(want, ...)                         \
	do {                                      \
		struct ws_traffic_spec s = *good; \
		__VA_ARGS__;                      \
		expect(__LINE__, &s, want);       \
	} while (0)

static void test_refused_headers(void **state)
{
	static const uint8_t header[256];
	const struct ws_traffic_spec spec = plain(), *good = &spec;

	(void)state;
	EXPECT(0, (void)s);
	EXPECT(-EINVAL, s.proto = WS_PROTO_COUNT);
	EXPECT(-EINVAL, s.proto = (enum ws_proto) - 1);
	EXPECT(-EINVAL, s.ip_version = 0);
	EXPECT(-EINVAL, s.ip_version = 5);
	EXPECT(-EINVAL, s.vlan_count = 3);
	EXPECT(-EINVAL, s.vlan_count = UINT32_MAX);
	EXPECT(-EINVAL, s.vlan_count = 1; s.vlan[0].id = 4095);
	EXPECT(-EINVAL, s.vlan_count = 2; s.vlan[1].id = 4095);
	EXPECT(0, s.vlan_count = 1; s.vlan[1].id = 4095);
	EXPECT(-EINVAL, s.vlan_count = 1; s.vlan[0].prio = 8);
	EXPECT(0, s.vlan_count = 1; s.vlan[0].prio = 7);
	EXPECT(-EINVAL, s.header = header; s.header_len = 14);
	EXPECT(-EINVAL, s.proto = WS_PROTO_RAW);
	EXPECT(0, s.proto = WS_PROTO_RAW; s.ip_version = 0);
	EXPECT(-EINVAL, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.ethertype = 0x5ff);
	EXPECT(0, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.ethertype = 0x600);
	EXPECT(0, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.ethertype = 0; s.header = header;
		s.header_len = 14);
	EXPECT(-EINVAL, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.header = header;
		s.header_len = 13);
	EXPECT(-EINVAL, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.header = header;
		s.header_len = 257);
	EXPECT(0, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.header = header; s.header_len = 256;
		s.len_min = s.len_max = 256);
	EXPECT(-EINVAL, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.header = header;
		s.header_len = 14; s.vlan_count = 1);
}

static void test_refused_sizes_and_fills(void **state)
{
	static const uint8_t bytes[65536];
	const struct ws_traffic_spec spec = plain(), *good = &spec;

	(void)state;
	EXPECT(-EMSGSIZE, s.len_min = s.len_max = 41);
	EXPECT(0, s.len_min = s.len_max = 42);
	EXPECT(-EMSGSIZE, s.len_min = s.len_max = 0);
	EXPECT(-EMSGSIZE, s.ip_version = 6);
	EXPECT(-EMSGSIZE, s.vlan_count = 2; s.len_min = s.len_max = 49);
	EXPECT(0, s.vlan_count = 2; s.len_min = s.len_max = 50);
	EXPECT(-EMSGSIZE, s.proto = WS_PROTO_TCP_SYN; s.len_min = s.len_max = 53);
	EXPECT(0, s.proto = WS_PROTO_TCP_SYN; s.len_min = s.len_max = 54);
	EXPECT(-EMSGSIZE, s.proto = WS_PROTO_RAW; s.ip_version = 0; s.len_min = s.len_max = 13);
	EXPECT(0, s.len_min = s.len_max = 65535);
	EXPECT(-EMSGSIZE, s.len_min = s.len_max = 65536);
	EXPECT(-EMSGSIZE, s.len_min = s.len_max = UINT32_MAX);
	EXPECT(-EMSGSIZE, s.size = WS_SIZE_RANGE; s.len_min = 41);
	EXPECT(-EMSGSIZE, s.size = WS_SIZE_RANGE; s.len_max = 65536);
	EXPECT(-EINVAL, s.size = WS_SIZE_RANGE; s.len_min = 61);
	EXPECT(0, s.size = WS_SIZE_RANGE);
	EXPECT(-EINVAL, s.len_min = 59);
	EXPECT(0, s.size = WS_SIZE_IMIX; s.len_min = 0; s.len_max = 0);
	EXPECT(0, s.size = WS_SIZE_IMIX; s.ip_version = 6; s.proto = WS_PROTO_TCP_SYN);
	EXPECT(-EINVAL, s.size = 3);
	EXPECT(-EINVAL, s.fill = WS_FILL_BYTES + 1);
	EXPECT(-EINVAL, s.fill = WS_FILL_BYTES; s.bytes_len = 1);
	EXPECT(-EINVAL, s.fill = WS_FILL_BYTES; s.bytes = bytes);
	EXPECT(-EINVAL, s.fill = WS_FILL_BYTES; s.bytes = bytes; s.bytes_len = 65536);
	EXPECT(0, s.fill = WS_FILL_BYTES; s.bytes = bytes; s.bytes_len = 65535);
}

/* Requests and collects need their 56 bytes in every frame, of a kind that holds probes. */
static void test_refused_probes(void **state)
{
	static const uint8_t header[14] = {[12] = 0x88, 0xb5}, other[14] = {[12] = 0x88, 0xb6};
	static const enum ws_payload kinds[] = {WS_PAYLOAD_REQUEST, WS_PAYLOAD_COLLECT};
	static const uint8_t byte;
	struct ws_traffic_spec spec = plain(), *good = &spec;

	(void)state;
	EXPECT(0, s.probe = WS_PAYLOAD_SHORT);
	EXPECT(0, s.probe = WS_PAYLOAD_SHORT; s.proto = WS_PROTO_TCP_SYN);
	EXPECT(0, s.probe = WS_PAYLOAD_SHORT; s.fill = WS_FILL_ZERO);
	EXPECT(0, s.probe = WS_PAYLOAD_FULL);
	EXPECT(0, s.probe = WS_PAYLOAD_FULL; s.len_min = s.len_max = 42);
	EXPECT(0, s.probe = WS_PAYLOAD_FULL; s.proto = WS_PROTO_TCP_SYN);
	EXPECT(0, s.probe = WS_PAYLOAD_FULL; s.fill = WS_FILL_ZERO);
	EXPECT(-EINVAL, s.probe = WS_PAYLOAD_ANSWER; s.len_min = s.len_max = 200);
	EXPECT(-EINVAL, s.probe = (enum ws_payload)6; s.len_min = s.len_max = 200);
	EXPECT(-EINVAL, s.probe = (enum ws_payload) - 1; s.len_min = s.len_max = 200);
	for (unsigned k = 0; k < 2; k++) {
		spec = plain();
		spec.probe = kinds[k];
		EXPECT(-EMSGSIZE, s.len_min = s.len_max = 97);
		EXPECT(0, s.len_min = s.len_max = 98);
		EXPECT(-EMSGSIZE, s.size = WS_SIZE_RANGE; s.len_min = 97; s.len_max = 1514);
		EXPECT(0, s.size = WS_SIZE_RANGE; s.len_min = 98; s.len_max = 1514);
		EXPECT(0, s.size = WS_SIZE_IMIX);
		EXPECT(-EMSGSIZE, s.ip_version = 6; s.vlan_count = 2; s.len_min = s.len_max = 125);
		EXPECT(0, s.ip_version = 6; s.vlan_count = 2; s.len_min = s.len_max = 126);
		spec.len_min = spec.len_max = 200;
		EXPECT(0, (void)s);
		for (int fill = WS_FILL_ZERO; fill <= WS_FILL_BYTES; fill++) {
			EXPECT(-EINVAL, s.fill = fill; s.bytes = &byte; s.bytes_len = 1);
		}
		EXPECT(-EINVAL, s.proto = WS_PROTO_TCP_SYN);
		EXPECT(-EINVAL, s.proto = WS_PROTO_ICMP_ECHO);
		spec.proto = WS_PROTO_RAW;
		spec.ip_version = 0;
		EXPECT(0, s.len_min = s.len_max = 70);
		EXPECT(-EMSGSIZE, s.len_min = s.len_max = 69);
		EXPECT(-EINVAL, s.ethertype = 0x88b6);
		EXPECT(0, s.header = header; s.header_len = 14; s.len_min = s.len_max = 70);
		EXPECT(-EMSGSIZE, s.header = header; s.header_len = 14; s.len_min = s.len_max = 69);
		EXPECT(-EINVAL, s.header = other; s.header_len = 14);
	}
}

static void test_refused_patterns(void **state)
{
	static const struct ws_field_value mac = {0, UINT64_C(1) << 48}, vlan = {0, 4095},
					   word = {0, UINT64_C(1) << 32}, port = {0, 65536},
					   high = {1, 1}, fits = {0, 1};
	const struct ws_traffic_spec spec = plain(), *good = &spec;
	const unsigned inc = WS_VARY_INCREMENT, rnd = WS_VARY_RANDOM, lst = WS_VARY_LIST;

	(void)state;
	for (unsigned f = 0; f < WS_FIELD_COUNT; f++) {
		bool vlans = f == WS_FIELD_VLAN || f == WS_FIELD_VLAN2;

		EXPECT(vlans ? -EINVAL : 0, vary(&s, f, inc, 1, NULL));
		EXPECT(vlans ? -EINVAL : 0, vary(&s, f, lst, 1, &fits));
		EXPECT(-EINVAL, s.vlan_count = 2; s.vlan[0].id = s.vlan[1].id = 1;
			vary(&s, f, inc, 0, NULL));
		EXPECT(0, s.vlan_count = 2; s.vlan[0].id = s.vlan[1].id = 1;
			vary(&s, f, inc, 1, NULL));
		EXPECT(-EINVAL, s.vlan_count = 2; vary(&s, f, lst, 1, NULL));
		EXPECT(-EINVAL, s.vlan_count = 2; vary(&s, f, lst, 0, &fits));
		EXPECT(-EINVAL, s.vlan_count = 2; vary(&s, f, lst, 1, &high));
		EXPECT(-EINVAL, s.vlan_count = 2; vary(&s, f, 4, 1, &fits));
		EXPECT(0, vary(&s, f, WS_VARY_NONE, 0, NULL));
		EXPECT(f <= WS_FIELD_DST_MAC ? 0 : -EINVAL, s.proto = WS_PROTO_RAW;
			s.ip_version = 0; vary(&s, f, rnd, 5, NULL));
	}
	EXPECT(-EINVAL, vary(&s, WS_FIELD_DST_MAC, lst, 1, &mac));
	EXPECT(-EINVAL, s.vlan_count = 1; vary(&s, WS_FIELD_VLAN, lst, 1, &vlan));
	EXPECT(-EINVAL, s.vlan_count = 1; s.vlan[0].id = 1; vary(&s, WS_FIELD_VLAN2, inc, 1, NULL));
	EXPECT(-EINVAL, s.vlan_count = 1; vary(&s, WS_FIELD_VLAN, inc, 1, NULL));
	EXPECT(-EINVAL, s.vlan_count = 1; vary(&s, WS_FIELD_VLAN, rnd, 1, NULL));
	EXPECT(0, s.vlan_count = 1; vary(&s, WS_FIELD_VLAN, lst, 1, &fits));
	EXPECT(-EINVAL, vary(&s, WS_FIELD_SRC_IP, lst, 1, &word));
	EXPECT(0, s.ip_version = 6; s.len_min = s.len_max = 62;
		vary(&s, WS_FIELD_SRC_IP, lst, 1, &high));
	EXPECT(-EINVAL, vary(&s, WS_FIELD_SRC_PORT, lst, 1, &port));
	EXPECT(-EINVAL, s.proto = WS_PROTO_ICMP_ECHO; vary(&s, WS_FIELD_DST_PORT, inc, 2, NULL));
	EXPECT(0, s.proto = WS_PROTO_ICMP_ECHO; vary(&s, WS_FIELD_SRC_PORT, inc, 2, NULL));
}

static void test_refused_flows(void **state)
{
	const struct ws_traffic_spec spec = plain(), *good = &spec;
	const unsigned inc = WS_VARY_INCREMENT;

	(void)state;
	EXPECT(-EINVAL, s.flows = 2; vary(&s, WS_FIELD_SRC_PORT, inc, 2, NULL));
	EXPECT(-EINVAL, s.flows = 2; vary(&s, WS_FIELD_SRC_IP, inc, 2, NULL));
	EXPECT(0, s.flows = 1; vary(&s, WS_FIELD_SRC_IP, inc, 2, NULL));
	EXPECT(0, s.flows = 2; vary(&s, WS_FIELD_DST_IP, inc, 2, NULL));
	EXPECT(0, s.flows = 2; vary(&s, WS_FIELD_SRC_MAC, inc, 2, NULL));
	EXPECT(0, s.flows = UINT64_C(1) << 46);
	EXPECT(-EINVAL, s.flows = (UINT64_C(1) << 46) + 1);
	EXPECT(0, s.flows = UINT64_MAX; s.ip_version = 6; s.len_min = s.len_max = 62);
	EXPECT(0, s.flows = UINT64_C(1) << 40; s.proto = WS_PROTO_RAW; s.ip_version = 0);
	EXPECT(-EINVAL, s.flows = (UINT64_C(1) << 40) + 1; s.proto = WS_PROTO_RAW;
		s.ip_version = 0);
	EXPECT(-EINVAL, s.flows = 2; s.proto = WS_PROTO_RAW; s.ip_version = 0;
		vary(&s, WS_FIELD_SRC_MAC, inc, 2, NULL));
	EXPECT(0, s.flows = 2; s.proto = WS_PROTO_RAW; s.ip_version = 0;
		vary(&s, WS_FIELD_DST_MAC, inc, 2, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_headers),
		cmocka_unit_test(test_refused_sizes_and_fills),
		cmocka_unit_test(test_refused_probes),
		cmocka_unit_test(test_refused_patterns),
		cmocka_unit_test(test_refused_flows),
	};

	return cmocka_run_group_tests_name("traffic_refused", tests, NULL, NULL);
}
