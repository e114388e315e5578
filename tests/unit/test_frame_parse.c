/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames as they are read: cut off, changed, tagged, and what is no probe at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/frame_tools.h"

/* A cut frame is foreign up to the end of the run id, then malformed, and ours once the payload is
 * whole. */
static void test_every_truncation(void **state)
{
	(void)state;
	for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
		for (size_t k = 0; k < KINDS; k++) {
			struct ws_frame_spec spec = spec_of(carrier, kinds[k], 160);
			uint8_t *f = write_frame(&spec, 99, 12345);
			uint32_t off = offset_of(carrier);
			uint32_t end = off + len_of(kinds[k]);

			for (uint32_t len = 0; len <= spec.len; len++) {
				enum ws_probe_class want = len < off + 6 ? WS_PROBE_FOREIGN
							   : len < end	 ? WS_PROBE_MALFORMED
									 : WS_PROBE_OURS;

				assert_int_equal(classify_in(carrier, f, len), want);
			}
			free(f);
		}
	}
}

/* Puts n bytes into a copy at off. The caller frees. */
static uint8_t *insert(const uint8_t *f, uint32_t len, uint32_t off, const void *bytes, uint32_t n)
{
	uint8_t *g = malloc(len + n);

	assert_non_null(g);
	memcpy(g, f, off);
	memcpy(g + off, bytes, n);
	memcpy(g + off + n, f + off, len - off);
	return g;
}

static void test_vlan_tags(void **state)
{
	static const uint8_t tags[12] = {0x88, 0xa8, 0, 5, 0x81, 0, 0x60, 7, 0x81, 0, 0, 9};

	(void)state;
	for (int carrier = 0; carrier < WS_CARRIER_COUNT; carrier++) {
		struct ws_frame_spec spec = spec_of(carrier, WS_PAYLOAD_FULL, 130);
		uint8_t *f = write_frame(&spec, 1, 2);
		uint32_t off = offset_of(carrier);

		for (uint32_t n = 4; n <= 12; n += 4) {
			uint8_t *g = insert(f, spec.len, 12, tags, n);
			uint32_t len = spec.len + n;

			assert_int_equal(classify_in(carrier, g, len),
				n <= 8 ? WS_PROBE_OURS : WS_PROBE_FOREIGN);
			for (len = 0; n <= 8 && len < off + n + 32; len++) {
				assert_int_not_equal(classify_in(carrier, g, len), WS_PROBE_OURS);
			}
			free(g);
		}
		free(f);
	}
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void test_ip_options(void **state)
{
	static const uint8_t options[40] = {1, 1, 1, 0};
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 90);
	uint8_t *f = write_frame(&spec, 1, 2);

	(void)state;
	for (uint32_t n = 4; n <= 40; n += 4) {
		uint8_t *g = insert(f, spec.len, UDP_OFF, options, n);

		g[IP_OFF] = (uint8_t)(0x45 + n / 4);
		put16(g + IP_OFF + 2, spec.len - IP_OFF + n);
		assert_int_equal(classify(g, spec.len + n), WS_PROBE_OURS);
		/* A header that ends within the datagram's headers. */
		for (uint32_t len = 0; len < UDP_OFF + n + 8; len++) {
			assert_int_equal(classify(g, len), WS_PROBE_FOREIGN);
		}
		free(g);
	}
	free(f);
}

/* The datagram of a good frame behind an IPv4 header that is too short to be one. */
static void test_short_ip_header(void **state)
{
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 90);

	(void)state;
	for (uint32_t header = 0; header < 20; header += 4) {
		uint8_t *f = write_frame(&spec, 1, 2);
		uint32_t cut = 20 - header;

		if (header == 16) {
			memmove(f + UDP_OFF - cut, f + UDP_OFF, spec.len - UDP_OFF);
			put16(f + IP_OFF + 2, spec.len - IP_OFF - cut);
		}
		f[IP_OFF] = (uint8_t)(0x40 + header / 4);
		assert_int_equal(classify(f, spec.len), WS_PROBE_FOREIGN);
		free(f);
	}
}

/* One field of a good frame changed: where, how many bytes, to what, and what the frame becomes. */
struct change {
	const char *what;
	uint32_t off, bytes, value;
	enum ws_probe_class class;
};

static void check_changes(const struct ws_frame_spec *spec, const struct change *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t *f = write_frame(spec, 1, 2);
		enum ws_probe_class class;

		assert_int_equal(classify(f, spec->len), WS_PROBE_OURS);
		for (uint32_t b = 0; b < c[i].bytes; b++) {
			f[c[i].off + b] = (uint8_t)(c[i].value >> (8 * (c[i].bytes - 1 - b)));
		}
		class = classify(f, spec->len);
		if (class != c[i].class) {
			fail_msg("%s: class %d, not %d", c[i].what, class, c[i].class);
		}
		free(f);
	}
}

static void test_udp_changes(void **state)
{
	/* len 74: the datagram is 40 bytes, the packet 60 */
	static const struct change changes[] = {
		{"ethertype IPv6", 12, 2, 0x86dd, WS_PROBE_FOREIGN},
		{"IP version", 14, 1, 0x65, WS_PROBE_FOREIGN},
		{"header length 16", 14, 1, 0x44, WS_PROBE_FOREIGN},
		{"total length 0", 16, 2, 0, WS_PROBE_FOREIGN},
		{"total length without UDP", 16, 2, 27, WS_PROBE_FOREIGN},
		{"total length cuts the run id", 16, 2, 28 + 5, WS_PROBE_FOREIGN},
		{"total length cuts the payload", 16, 2, 59, WS_PROBE_MALFORMED},
		{"total length beyond the frame", 16, 2, 65535, WS_PROBE_OURS},
		{"not the first fragment", 20, 2, 0x2001, WS_PROBE_FOREIGN},
		{"the last fragment", 20, 2, 0x0001, WS_PROBE_FOREIGN},
		{"the first fragment, whole", 20, 2, 0x2000, WS_PROBE_OURS},
		{"ECN and DSCP", 15, 1, 0xff, WS_PROBE_OURS},
		{"TCP", 23, 1, 6, WS_PROBE_FOREIGN},
		{"other source port", 34, 2, 1, WS_PROBE_OURS},
		{"other destination port", 36, 2, WS_UDP_PORT + 1, WS_PROBE_FOREIGN},
		{"UDP length below 8", 38, 2, 7, WS_PROBE_FOREIGN},
		{"UDP length without payload", 38, 2, 8, WS_PROBE_FOREIGN},
		{"UDP length cuts the payload", 38, 2, 39, WS_PROBE_MALFORMED},
		{"UDP length beyond the packet", 38, 2, 41, WS_PROBE_MALFORMED},
		{"magic", 42, 1, 'w', WS_PROBE_FOREIGN},
		{"version 0", 43, 1, 0x02, WS_PROBE_MALFORMED},
		{"version 2", 43, 1, 0x22, WS_PROBE_MALFORMED},
		{"kind 0", 43, 1, 0x10, WS_PROBE_MALFORMED},
		{"a request, too short", 43, 1, 0x13, WS_PROBE_MALFORMED},
		{"an answer, too short", 43, 1, 0x14, WS_PROBE_MALFORMED},
		{"kind 6", 43, 1, 0x16, WS_PROBE_MALFORMED},
		{"run id", 44, 4, RUN_ID + 1, WS_PROBE_FOREIGN},
		{"stream", 48, 2, 0, WS_PROBE_MALFORMED},
		{"sequence", 50, 4, 0xffffffff, WS_PROBE_MALFORMED},
		{"intended time", 58, 1, 0x80, WS_PROBE_MALFORMED},
		{"reserved", 66, 4, 1, WS_PROBE_MALFORMED},
		{"CRC", 70, 4, 0, WS_PROBE_MALFORMED},
	};
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 74);

	(void)state;
	check_changes(&spec, changes, sizeof(changes) / sizeof(changes[0]));
}

static void test_l2_changes(void **state)
{
	static const struct change changes[] = {
		{"ethertype", 12, 2, 0x88b6, WS_PROBE_FOREIGN},
		{"magic", 14, 1, 0, WS_PROBE_FOREIGN},
		{"version", 15, 1, 0x31, WS_PROBE_MALFORMED},
		{"run id", 16, 4, 0, WS_PROBE_FOREIGN},
		{"stream", 20, 2, 77, WS_PROBE_OURS},
		{"sequence", 22, 4, 77, WS_PROBE_OURS},
		{"padding", 59, 1, 77, WS_PROBE_OURS},
	};
	struct ws_frame_spec spec = spec_of(WS_CARRIER_L2, WS_PAYLOAD_SHORT, 60);

	(void)state;
	check_changes(&spec, changes, sizeof(changes) / sizeof(changes[0]));
}

/* The datagram of a good frame in an IPv6 packet in place of its IPv4 one. */
static uint8_t *write_ipv6(const struct ws_frame_spec *spec)
{
	uint8_t *f = write_frame(spec, 1, 2), *g = malloc(spec->len + 20);

	assert_non_null(g);
	memcpy(g, f, IP_OFF);
	put16(g + 12, 0x86dd);
	memset(g + IP_OFF, 0, 40);
	g[IP_OFF] = 0x60;
	put16(g + IP_OFF + 4, spec->len - UDP_OFF);
	g[IP_OFF + 6] = 17;
	memcpy(g + UDP_OFF + 20, f + UDP_OFF, spec->len - UDP_OFF);
	free(f);
	return g;
}

static void test_ipv6_changes(void **state)
{
	/* len 94: the datagram is 40 bytes */
	static const struct change changes[] = {
		{"ethertype IPv4", 12, 2, 0x0800, WS_PROBE_FOREIGN},
		{"IP version", 14, 1, 0x40, WS_PROBE_FOREIGN},
		{"traffic class and flow label", 14, 4, 0x6fffffff, WS_PROBE_OURS},
		{"payload length 0", 18, 2, 0, WS_PROBE_FOREIGN},
		{"payload length without UDP", 18, 2, 7, WS_PROBE_FOREIGN},
		{"payload length cuts the run id", 18, 2, 8 + 5, WS_PROBE_FOREIGN},
		{"payload length cuts the payload", 18, 2, 39, WS_PROBE_MALFORMED},
		{"payload length beyond the frame", 18, 2, 65535, WS_PROBE_OURS},
		{"a fragment", 20, 1, 44, WS_PROBE_FOREIGN},
		{"TCP", 20, 1, 6, WS_PROBE_FOREIGN},
		{"other source port", 54, 2, 1, WS_PROBE_OURS},
		{"other destination port", 56, 2, WS_UDP_PORT + 1, WS_PROBE_FOREIGN},
		{"UDP length below 8", 58, 2, 7, WS_PROBE_FOREIGN},
		{"UDP length cuts the payload", 58, 2, 39, WS_PROBE_MALFORMED},
		{"UDP length beyond the packet", 58, 2, 41, WS_PROBE_MALFORMED},
		{"magic", 62, 1, 'w', WS_PROBE_FOREIGN},
		{"run id", 64, 4, RUN_ID + 1, WS_PROBE_FOREIGN},
	};
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 74);

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *c = &changes[i];
		uint8_t *f = write_ipv6(&spec);

		assert_int_equal(classify(f, 94), WS_PROBE_OURS);
		for (uint32_t b = 0; b < c->bytes; b++) {
			f[c->off + b] = (uint8_t)(c->value >> (8 * (c->bytes - 1 - b)));
		}
		if (classify(f, 94) != c->class) {
			fail_msg("%s: class %d, not %d", c->what, classify(f, 94), c->class);
		}
		free(f);
	}
}

/* Both PTP carriers: what makes it somebody else's message, and what contradicts. */
static void test_ptp_changes(void **state)
{
	/* Offsets are those in the message, which has 64 bytes and a TLV of 16. */
	static const struct change changes[] = {
		{"Delay_Req", 0, 1, 1, WS_PROBE_OURS},
		{"Signaling", 0, 1, 0xc, WS_PROBE_OURS},
		{"another message", 0, 1, 2, WS_PROBE_FOREIGN},
		{"another transport", 0, 1, 0x10, WS_PROBE_FOREIGN},
		{"minor version", 1, 1, 0x12, WS_PROBE_OURS},
		{"version 1", 1, 1, 1, WS_PROBE_FOREIGN},
		{"length below the head", 2, 2, 47, WS_PROBE_FOREIGN},
		{"length without a payload", 2, 2, 48, WS_PROBE_MALFORMED},
		{"length cuts the TLV", 2, 2, 63, WS_PROBE_MALFORMED},
		{"another domain", 4, 1, 0, WS_PROBE_FOREIGN},
		{"other flags", 6, 2, 0, WS_PROBE_OURS},
		{"a correction", 8, 4, 0x12345678, WS_PROBE_OURS},
		{"another identity", 20, 4, 0x12345678, WS_PROBE_OURS},
		{"another sequence", 30, 2, 0x1234, WS_PROBE_OURS},
		{"a timestamp", 34, 4, 0x12345678, WS_PROBE_OURS},
		{"another TLV", 44, 2, 3, WS_PROBE_FOREIGN},
		{"TLV cuts the payload", 46, 2, 15, WS_PROBE_MALFORMED},
		{"TLV too short for a run id", 46, 2, 5, WS_PROBE_FOREIGN},
		{"TLV beyond the message", 46, 2, 17, WS_PROBE_MALFORMED},
		{"magic", 48, 1, 'w', WS_PROBE_FOREIGN},
		{"run id", 50, 4, RUN_ID + 1, WS_PROBE_FOREIGN},
		{"kind", 49, 1, 0x16, WS_PROBE_MALFORMED},
	};

	(void)state;
	for (int carrier = WS_CARRIER_PTP_L2; carrier <= WS_CARRIER_PTP_UDP; carrier++) {
		uint32_t ptp = offset_of(carrier) - 48, len = ptp + 64;
		struct ws_frame_spec spec = spec_of(carrier, WS_PAYLOAD_SHORT, len);
		bool udp = over_udp(carrier);
		uint8_t *f;

		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			const struct change *c = &changes[i];

			f = write_frame(&spec, 9, 2);
			assert_int_equal(classify_in(carrier, f, len), WS_PROBE_OURS);
			for (uint32_t b = 0; b < c->bytes; b++) {
				f[ptp + c->off + b] =
					(uint8_t)(c->value >> (8 * (c->bytes - 1 - b)));
			}
			if (classify_in(carrier, f, len) != c->class) {
				fail_msg("%s, %s: class %d, not %d", ws_carrier_name(carrier),
					c->what, classify_in(carrier, f, len), c->class);
			}
			free(f);
		}
		/* Beyond what the datagram says; of a frame at layer 2 nobody says how long it was. */
		f = write_frame(&spec, 9, 2);
		put16(f + ptp + 2, 66);
		assert_int_equal(
			classify_in(carrier, f, len), udp ? WS_PROBE_MALFORMED : WS_PROBE_OURS);
		free(f);
		/* By port 319 alone, and there nothing else. */
		f = write_frame(&spec, 9, 2);
		assert_int_equal(classify(f, len), udp ? WS_PROBE_FOREIGN : WS_PROBE_OURS);
		free(f);
	}
}

static void test_no_plain_probe_at_port_319(void **state)
{
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_SHORT, 120);
	uint8_t *f;

	(void)state;
	spec.dst_port = 319;
	f = write_frame(&spec, 9, 2);
	assert_int_equal(classify_in(WS_CARRIER_PTP_UDP, f, 120), WS_PROBE_FOREIGN);
	free(f);
}

/* The message alone, as a file shows it, whole and cut off. */
static void test_look_into_ptp(void **state)
{
	struct ws_frame_spec spec = spec_of(WS_CARRIER_PTP_L2, WS_PAYLOAD_FULL, 100);
	uint8_t *f = write_frame(&spec, 0x123456789abc, 77);
	struct ws_probe probe;
	uint32_t run_id;

	(void)state;
	for (uint32_t len = 0; len <= 86; len++) {
		uint8_t *copy = malloc(len > 0 ? len : 1);
		bool seen;

		assert_non_null(copy);
		memcpy(copy, f + 14, len);
		run_id = 5;
		seen = ws_probe_look(len > 0 ? copy : copy + 1, len, &run_id, &probe);
		assert_int_equal(seen, len >= 64);
		assert_int_equal(run_id, seen ? RUN_ID : 5);
		if (seen) {
			assert_int_equal(probe.seq, 0x123456789abc);
			assert_int_equal(probe.intended_ns, len >= 80 ? 77 : 0);
		}
		free(copy);
	}
	f[14 + 4]++;
	assert_false(ws_probe_look(f + 14, 86, &run_id, &probe));
	free(f);
}

/* Whose run it is, of both PTP carriers. */
static void test_any_in_ptp(void **state)
{
	(void)state;
	for (int carrier = WS_CARRIER_PTP_L2; carrier <= WS_CARRIER_PTP_UDP; carrier++) {
		struct ws_frame_spec spec = spec_of(carrier, WS_PAYLOAD_REQUEST, 150);
		uint8_t *f = write_frame(&spec, 42, 0);
		struct ws_probe probe;
		uint32_t run_id;

		assert_true(ws_probe_any(f, 150, 319, &run_id, &probe));
		assert_int_equal(run_id, RUN_ID);
		assert_int_equal(probe.seq, 42);
		assert_int_equal(probe.payload, WS_PAYLOAD_REQUEST);
		f[offset_of(carrier) - 48 + 4] = 0;
		assert_false(ws_probe_any(f, 150, 319, &run_id, &probe));
		free(f);
	}
}

static void test_ipv6_truncations(void **state)
{
	static const uint8_t tags[8] = {0x88, 0xa8, 0, 5, 0x81, 0, 0x60, 7};
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 100);
	uint8_t *f = write_ipv6(&spec);

	(void)state;
	for (uint32_t n = 0; n <= 8; n += 4) {
		uint8_t *g = insert(f, 120, 12, tags, n);

		for (uint32_t len = 0; len <= 120 + n; len++) {
			enum ws_probe_class want = len < 62 + n + 6    ? WS_PROBE_FOREIGN
						   : len < 62 + n + 32 ? WS_PROBE_MALFORMED
								       : WS_PROBE_OURS;

			assert_int_equal(classify(g, len), want);
		}
		free(g);
	}
	free(f);
}

/* A short frame from a NIC that pads to more than the packet says: the padding is no part of it. */
static void test_padding_is_no_payload(void **state)
{
	struct ws_frame_spec spec = spec_of(WS_CARRIER_UDP, WS_PAYLOAD_FULL, 74);
	uint8_t *f = write_frame(&spec, 1, 2);

	(void)state;
	put16(f + IP_OFF + 2, 20 + 8 + 31);
	put16(f + UDP_OFF + 4, 8 + 31);
	assert_int_equal(classify(f, spec.len), WS_PROBE_MALFORMED);
	free(f);
}

static void test_ret_only_for_ours(void **state)
{
	struct ws_frame_spec spec = spec_of(WS_CARRIER_L2, WS_PAYLOAD_FULL, 60);
	uint8_t *f = write_frame(&spec, 1, 2);
	struct ws_probe probe, before;

	(void)state;
	memset(&probe, 0x5a, sizeof(probe));
	before = probe;
	assert_int_equal(parse_copy(f, spec.len, 1, WS_UDP_PORT, &probe), WS_PROBE_FOREIGN);
	f[45] ^= 1;
	assert_int_equal(parse_copy(f, spec.len, RUN_ID, WS_UDP_PORT, &probe), WS_PROBE_MALFORMED);
	assert_memory_equal(&probe, &before, sizeof(probe));
	free(f);
}

/* Anybody's: with the run that it is of, and as much of a full one as a short snap length leaves. */
static void test_look(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		enum ws_payload kind = kinds[k];
		struct ws_frame_spec spec = spec_of(WS_CARRIER_L2, kind, 70);
		uint32_t whole = len_of(kind);
		struct ws_frame_template t;
		uint8_t frame[70];

		assert_int_equal(ws_frame_template_init(&t, &spec), 0);
		ws_frame_write(&t, frame, 0x123456789abc, 77);
		for (uint32_t len = 0; len <= 56; len++) {
			struct ws_probe probe = {.stream = 7};
			uint32_t run_id = 5;
			bool seen = ws_probe_look(frame + 14, len, &run_id, &probe);

			assert_int_equal(seen, len >= 16);
			assert_int_equal(run_id, seen ? RUN_ID : 5);
			assert_int_equal(probe.stream, seen ? 0x1234 : 7);
			assert_int_equal(probe.seq, seen ? 0x123456789abc : 0);
			assert_int_equal(probe.intended_ns,
				kind == WS_PAYLOAD_FULL && len >= whole ? 77 : 0);
		}
		for (uint32_t at = 0; at < whole; at++) {
			struct ws_probe probe;
			uint32_t run_id;

			frame[14 + at] ^= 0x44;
			/* of those without CRC only the magic, the version and the kind can be wrong */
			assert_int_equal(ws_probe_look(frame + 14, 56, &run_id, &probe),
				kind != WS_PAYLOAD_FULL && at > 1);
			frame[14 + at] ^= 0x44;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_vlan_tags),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_short_ip_header),
		cmocka_unit_test(test_udp_changes),
		cmocka_unit_test(test_l2_changes),
		cmocka_unit_test(test_ipv6_changes),
		cmocka_unit_test(test_ptp_changes),
		cmocka_unit_test(test_no_plain_probe_at_port_319),
		cmocka_unit_test(test_look_into_ptp),
		cmocka_unit_test(test_any_in_ptp),
		cmocka_unit_test(test_ipv6_truncations),
		cmocka_unit_test(test_padding_is_no_payload),
		cmocka_unit_test(test_ret_only_for_ours),
		cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests_name("frame_parse", tests, NULL, NULL);
}
