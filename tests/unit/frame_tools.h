/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of frames share: specifications, plain ways to sum and read, and frames as long as their memory. */
#pragma once

#include <stdbool.h>

#include "core/frame.h"

#define IP_OFF	14
#define UDP_OFF 34
#define RUN_ID	0xdeadbeef
#define KINDS	4

extern const enum ws_payload kinds[KINDS];
extern const uint8_t dst_mac[6], src_mac[6];

bool over_udp(enum ws_carrier carrier);
bool in_ptp(enum ws_carrier carrier);
/* Of the payload. */
uint32_t offset_of(enum ws_carrier carrier);
uint16_t port_of(enum ws_carrier carrier);
struct ws_frame_spec spec_of(enum ws_carrier carrier, enum ws_payload payload, uint32_t len);
uint32_t len_of(enum ws_payload payload);
/* xorshift64: the same numbers on every machine. */
uint64_t random64(void);
uint32_t be(const uint8_t *p, int bytes);
uint64_t be64(const uint8_t *p);
/* Bit by bit, as the polynomial is defined. */
uint32_t slow_crc32c(const uint8_t *p, size_t len);
/* RFC 1071 byte by byte, with the carry brought round at each step; odd lengths are padded with
 * zero. */
uint16_t slow_sum(uint16_t sum, const uint8_t *p, size_t len);
uint16_t slow_udp_check(const uint8_t *frame, uint32_t len);
/* Exactly as long as the frame, so that the sanitizer sees a byte too far. */
uint8_t *write_frame(const struct ws_frame_spec *spec, uint64_t seq, int64_t intended_ns);
enum ws_probe_class parse_copy(
	const uint8_t *data, uint32_t len, uint32_t run_id, uint16_t port, struct ws_probe *ret);
enum ws_probe_class classify_in(enum ws_carrier carrier, const uint8_t *data, uint32_t len);
enum ws_probe_class classify(const uint8_t *data, uint32_t len);
