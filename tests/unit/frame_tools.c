/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/frame_tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const enum ws_payload kinds[KINDS] = {
	WS_PAYLOAD_SHORT, WS_PAYLOAD_FULL, WS_PAYLOAD_REQUEST, WS_PAYLOAD_COLLECT};

const uint8_t dst_mac[6] = {0x02, 1, 2, 3, 4, 5};
const uint8_t src_mac[6] = {0x06, 0xa, 0xb, 0xc, 0xd, 0xe};

bool over_udp(enum ws_carrier carrier)
{
	return carrier == WS_CARRIER_UDP || carrier == WS_CARRIER_PTP_UDP;
}

bool in_ptp(enum ws_carrier carrier)
{
	return carrier == WS_CARRIER_PTP_L2 || carrier == WS_CARRIER_PTP_UDP;
}

uint32_t offset_of(enum ws_carrier carrier)
{
	return (over_udp(carrier) ? 42 : 14) + (in_ptp(carrier) ? 48 : 0);
}

uint16_t port_of(enum ws_carrier carrier)
{
	return carrier == WS_CARRIER_PTP_UDP ? 319 : WS_UDP_PORT;
}

struct ws_frame_spec spec_of(enum ws_carrier carrier, enum ws_payload payload, uint32_t len)
{
	struct ws_frame_spec spec = {
		.carrier = carrier,
		.payload = payload,
		.src_ip = 0xc6120001,
		.dst_ip = 0xc6120002,
		.src_port = 40000,
		.dst_port = port_of(carrier),
		.len = len,
		.run_id = RUN_ID,
		.stream = 0x1234,
	};

	memcpy(spec.dst, dst_mac, 6);
	memcpy(spec.src, src_mac, 6);
	return spec;
}

uint32_t len_of(enum ws_payload payload)
{
	if (payload == WS_PAYLOAD_SHORT) {
		return 16;
	}
	return payload == WS_PAYLOAD_FULL ? 32 : 56;
}

uint64_t random64(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

uint32_t be(const uint8_t *p, int bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0) {
		v = v << 8 | *p++;
	}
	return v;
}

uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be(p, 4) << 32 | be(p + 4, 4);
}

uint32_t slow_crc32c(const uint8_t *p, size_t len)
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

uint16_t slow_sum(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		if (s > 0xffff) {
			s -= 0xffff;
		}
	}
	return (uint16_t)s;
}

uint16_t slow_udp_check(const uint8_t *frame, uint32_t len)
{
	uint32_t udp_len = len - UDP_OFF;
	uint8_t pseudo[12] = {0};
	uint8_t *udp = malloc(udp_len);
	uint16_t sum;

	assert_non_null(udp);
	memcpy(pseudo, frame + IP_OFF + 12, 8);
	pseudo[9] = 17;
	pseudo[10] = (uint8_t)(udp_len >> 8);
	pseudo[11] = (uint8_t)udp_len;
	memcpy(udp, frame + UDP_OFF, udp_len);
	udp[6] = udp[7] = 0;
	sum = (uint16_t)~slow_sum(slow_sum(0, pseudo, sizeof(pseudo)), udp, udp_len);
	free(udp);
	return sum == 0 ? 0xffff : sum;
}

uint8_t *write_frame(const struct ws_frame_spec *spec, uint64_t seq, int64_t intended_ns)
{
	struct ws_frame_template t;
	uint8_t *frame = malloc(spec->len);

	assert_non_null(frame);
	memset(frame, 0xa5, spec->len);
	assert_int_equal(ws_frame_template_init(&t, spec), 0);
	assert_int_equal(t.len, spec->len);
	ws_frame_write(&t, frame, seq, intended_ns);
	return frame;
}

enum ws_probe_class parse_copy(
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

enum ws_probe_class classify_in(enum ws_carrier carrier, const uint8_t *data, uint32_t len)
{
	struct ws_probe probe;

	return parse_copy(data, len, RUN_ID, port_of(carrier), &probe);
}

enum ws_probe_class classify(const uint8_t *data, uint32_t len)
{
	return classify_in(WS_CARRIER_UDP, data, len);
}
