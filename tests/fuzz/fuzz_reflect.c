// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a byte of settings, then frames, each behind its length (2 bytes), how much time passed (1
 * byte, seconds) and which of the answers before got its transmit stamp (1 byte). An answer must be as
 * long as what it answers, go back to where that came from, have right sums and a payload that parses; and
 * neither it nor the same request again may be answered. The same of requests in PTP messages, whose answer is one. Build with -fsanitize=fuzzer to fuzz, or with
 * files.c to run files.
 */
#include "core/reflect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_LEN 4
#define FRAME_MAX  2048
#define SESSIONS   2
#define COOKIES	   16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* Adds len bytes to a sum as of RFC 1071. */
static uint32_t sum(uint32_t s, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	}
	while (s > 0xffff) {
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

/* A PTP message that ends at most at `end`; returns where the payload is. */
static uint32_t check_message(
	const uint8_t *a, uint32_t len, const uint8_t *f, uint32_t off, uint32_t end)
{
	const uint8_t *p = a + off;

	check(off + 48 + WS_ANSWER_LEN <= len && off + be16(p + 2) <= end);
	check(p[0] == (f[off] == 0xc ? 0xc : 0) && p[1] == 2 && p[4] == 87);
	check(be16(p + 44) == 0x2004 && be16(p + 46) + 48 == be16(p + 2));
	check(be16(p + 46) >= WS_ANSWER_LEN && memcmp(p + 20, a + 6, 3) == 0);
	check(be16(p + 30) == be16(p + 48 + 14));
	return off + 48;
}

/* Returns where the payload is. */
static uint32_t check_headers(const uint8_t *a, uint32_t len, const uint8_t *f)
{
	uint32_t off = 12, addresses, ip;

	check(memcmp(a, f + 6, 6) == 0 && memcmp(a + 6, f, 6) == 0);
	check(((a[0] | a[6]) & 1) == 0 && memcmp(a, a + 6, 6) != 0);
	while (be16(a + off) == 0x8100 || be16(a + off) == 0x88a8) {
		off += 4;
	}
	check(off <= 20 && memcmp(a + 12, f + 12, off - 12 + 2) == 0);
	ip = off + 2;
	if (be16(a + off) == 0x88b5) {
		return ip;
	}
	if (be16(a + off) == 0x88f7) {
		return check_message(a, len, f, ip, len);
	}
	if (be16(a + off) == 0x0800) {
		addresses = 4;
		check(a[ip] == 0x45 && a[ip + 8] == 64 && be16(a + ip + 6) == 0x4000);
		check(sum(0, a + ip, 20) == 0xffff);
		check(ip + be16(a + ip + 2) <= len);
		off = ip + 20;
	} else {
		addresses = 16;
		check(a[ip] >> 4 == 6 && a[ip + 7] == 64);
		check(ip + 40 + be16(a + ip + 4) <= len);
		off = ip + 40;
	}
	check(memcmp(a + off - addresses, f + off - 2 * addresses, addresses) == 0);
	check(memcmp(a + off - 2 * addresses, f + off - addresses, addresses) == 0);
	check(be16(a + off) == be16(f + off + 2) && be16(a + off + 2) == be16(f + off));
	check(be16(a + off + 6) != 0);
	check(sum(17 + be16(a + off + 4) + sum(0, a + off - 2 * addresses, 2 * addresses), a + off,
		      be16(a + off + 4)) == 0xffff);
	return be16(a + off) == 319 ? check_message(a, len, f, off + 8, off + be16(a + off + 4))
				    : off + 8;
}

static void check_answer(const uint8_t *a, uint32_t len, const uint8_t *f)
{
	uint32_t off = check_headers(a, len, f), run_id, asked_run;
	struct ws_probe answer, asked;

	check(ws_probe_look(a + off, len - off, &run_id, &answer));
	check(ws_probe_look(f + off, len - off, &asked_run, &asked));
	check(answer.payload == WS_PAYLOAD_ANSWER && run_id == asked_run);
	check(answer.seq == asked.seq && answer.stream == asked.stream);
	check(asked.payload == WS_PAYLOAD_REQUEST || asked.payload == WS_PAYLOAD_COLLECT);
	check(asked.payload == WS_PAYLOAD_REQUEST || answer.answer.rx.origin == WS_ORIGIN_NONE);
	for (uint32_t i = off + WS_ANSWER_LEN; i < len; i++) {
		check(a[i] == 0);
	}
}

static enum ws_reflect_verdict offer(struct ws_reflect *r, const uint8_t *f, uint32_t len,
	int64_t now_ns, uint8_t *answer, uint64_t *ret_cookie)
{
	const struct ws_stamp rx = {{now_ns, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};
	uint32_t answer_len = 0;
	enum ws_reflect_verdict v =
		ws_reflect_frame(r, f, len, &rx, now_ns, answer, &answer_len, ret_cookie);

	check((unsigned)v < WS_REFLECT_VERDICTS);
	check(answer_len == (v == WS_REFLECT_ANSWER ? len : 0));
	return v;
}

static void run(struct ws_reflect *r, const uint8_t *data, size_t size)
{
	uint64_t cookies[COOKIES] = {0}, answered = 0;
	struct ws_reflect_session s;
	unsigned cursor = 0, sessions = 0;
	int64_t now_ns = 0;

	while (size >= RECORD_LEN) {
		uint32_t len = be16(data) % FRAME_MAX;
		struct ws_stamp tx;
		uint8_t *f, *answer, *none;
		uint64_t cookie;

		now_ns += data[2] * INT64_C(1000000000);
		tx = (struct ws_stamp){{now_ns, WS_CLOCK_REALTIME}, WS_ORIGIN_HARDWARE};
		ws_reflect_stamped(r, cookies[data[3] % COOKIES], data[3] & 0x80 ? NULL : &tx);
		data += RECORD_LEN;
		size -= RECORD_LEN;
		len = len < size ? len : (uint32_t)size;
		f = malloc(len > 0 ? len : 1);
		answer = malloc(len > 0 ? len : 1);
		none = malloc(len > 0 ? len : 1);
		check(f && answer && none);
		memcpy(f, data, len);
		if (offer(r, f, len, now_ns, answer, &cookie) == WS_REFLECT_ANSWER) {
			check_answer(answer, len, f);
			check(offer(r, answer, len, now_ns, none, &cookie) == WS_REFLECT_OTHER);
			check(offer(r, f, len, now_ns, none, &cookie) == WS_REFLECT_REPEATED);
			cookies[answered++ % COOKIES] = cookie;
		}
		free(f);
		free(answer);
		free(none);
		data += len;
		size -= len;
	}
	check(ws_reflect_counts(r)[WS_REFLECT_ANSWER] == answered);
	while (ws_reflect_session_next(r, &cursor, &s)) {
		check(s.answered + s.collected > 0 && s.answered + s.collected <= answered);
		check(s.stamps_kept <= WS_REFLECT_KEPT);
		sessions++;
	}
	check(sessions <= SESSIONS && sessions <= ws_reflect_sessions(r));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_reflect_config config = {
		.udp_port = WS_UDP_PORT,
		.sessions = SESSIONS,
		.clock = WS_CLOCK_REALTIME,
	};
	struct ws_reflect *r;

	if (size == 0) {
		return 0;
	}
	config.routed = data[0] & 1;
	config.max_pps = data[0] & 2 ? 1 : 0;
	config.boot = data[0] & 4;
	config.ipv4_broadcast = data[0] & 8 ? 0xc61200ff : 0;
	config.ptp_udp = data[0] & 16;
	check(ws_reflect_new(&r, &config) == 0);
	run(r, data + 1, size - 1);
	ws_reflect_free(r);
	return 0;
}
