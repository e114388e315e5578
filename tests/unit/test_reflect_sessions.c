// SPDX-License-Identifier: BSD-2-Clause
/* What the reflector remembers: sequences, sessions, stamps that travel later, and its rate. */
#include "core/reflect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "reflect_frames.h"

#define SECOND INT64_C(1000000000)

static struct ws_reflect_session session_at(const struct ws_reflect *r, unsigned index)
{
	struct ws_reflect_session s;
	unsigned cursor = 0;

	for (unsigned i = 0; i <= index; i++) {
		assert_true(ws_reflect_session_next(r, &cursor, &s));
	}
	return s;
}

static enum ws_reflect_verdict verdict_on_seq(struct ws_reflect *r, uint64_t seq)
{
	struct request q = request_of(0, 0, seq);

	return verdict_on(r, &q, 0);
}

/* Each once, in any order, within the memory; older ones never. */
static void test_once(void **state)
{
	static const uint64_t starts[] = {
		0, 1, 63, 64, 65535, 65536, 65537, 1000000, UINT64_MAX - 65536, UINT64_MAX - 3};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct ws_reflect *r = new_reflector();
		uint64_t s = starts[i];

		assert_int_equal(verdict_on_seq(r, s), WS_REFLECT_ANSWER);
		assert_int_equal(verdict_on_seq(r, s), WS_REFLECT_REPEATED);
		assert_int_equal(verdict_on_seq(r, s + 2), WS_REFLECT_ANSWER);
		assert_int_equal(verdict_on_seq(r, s + 1), WS_REFLECT_ANSWER);
		assert_int_equal(verdict_on_seq(r, s + 1), WS_REFLECT_REPEATED);
		assert_int_equal(verdict_on_seq(r, s + 2), WS_REFLECT_REPEATED);
		if (s >= WS_REFLECT_REMEMBER) {
			uint64_t oldest = s + 2 - WS_REFLECT_REMEMBER + 1;

			assert_int_equal(verdict_on_seq(r, oldest - 1), WS_REFLECT_REPEATED);
			assert_int_equal(verdict_on_seq(r, 0), WS_REFLECT_REPEATED);
			assert_int_equal(verdict_on_seq(r, oldest), WS_REFLECT_ANSWER);
			assert_int_equal(verdict_on_seq(r, oldest), WS_REFLECT_REPEATED);
		}
		assert_true(session_at(r, 0).highest == s + 2);
		ws_reflect_free(r);
	}
}

/* A collect and a request of one number are one sequence. */
static void test_collects_share_sequences(void **state)
{
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(4, 0, 7);

	(void)state;
	q.kind = WS_PAYLOAD_COLLECT;
	assert_int_equal(verdict_on(r, &q, 0), WS_REFLECT_ANSWER);
	assert_int_equal(verdict_on(r, &q, 0), WS_REFLECT_REPEATED);
	q.kind = WS_PAYLOAD_REQUEST;
	assert_int_equal(verdict_on(r, &q, 0), WS_REFLECT_REPEATED);
	q.seq = 8;
	assert_int_equal(verdict_on(r, &q, 0), WS_REFLECT_ANSWER);
	assert_true(session_at(r, 0).answered == 1);
	assert_true(session_at(r, 0).collected == 1);
	assert_true(session_at(r, 0).repeated == 2);
	ws_reflect_free(r);
}

/* Against a plain list of what was answered, with steps and leaps of all sizes. */
static void test_once_random(void **state)
{
	enum { ROUNDS = 3000 };
	static uint64_t answered[ROUNDS];

	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct ws_reflect *r = new_reflector();
		uint64_t highest = 0, count = 0, next = 1000;

		for (uint64_t i = 0; i < ROUNDS; i++) {
			uint64_t bits = ws_random_at(seed, 1000, i);
			uint64_t step = ws_random_at(seed, 1001, i) >> (44 + bits % 20);
			bool again =
				count == 0 ? false : highest >= 65536 && next <= highest - 65536;
			enum ws_reflect_verdict v;

			for (uint64_t k = 0; k < count && !again; k++) {
				again = answered[k] == next;
			}
			v = verdict_on_seq(r, next);
			assert_int_equal(v, again ? WS_REFLECT_REPEATED : WS_REFLECT_ANSWER);
			if (!again) {
				answered[count++] = next;
				highest = next > highest ? next : highest;
			}
			/* Mostly near what was, forth and back. */
			switch (bits >> 60) {
			case 0:
				next = highest + step;
				break;
			case 1:
			case 2:
				next = answered[(bits >> 8) % count];
				break;
			case 3:
				next = highest - (step < highest ? step % 65600 : 0);
				break;
			default:
				next = highest + 1 + (bits >> 20) % 3 * ((bits >> 30) % 100);
				break;
			}
		}
		assert_true(session_at(r, 0).answered == count);
		assert_true(count > ROUNDS / 2 && count < ROUNDS);
		ws_reflect_free(r);
	}
}

/* The stamp of one answer travels in the next, the oldest first, and collects get the rest. */
static void test_stamps_travel(void **state)
{
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(6, 1, 0);
	uint64_t cookies[10];
	struct ws_probe p;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		q.seq = 100 + i;
		cookies[i] = ask(r, &q, 1000 + i, 0, &p);
		assert_int_equal(p.answer.rx.origin, WS_ORIGIN_SOFTWARE);
		assert_true(p.answer.rx.time.ns == 1000 + (int)i);
		assert_int_equal(p.answer.tx.origin, WS_ORIGIN_NONE);
		assert_true(p.answer.tx_seq == 0);
		assert_int_equal(p.answer.answered, i + 1);
		assert_int_equal(p.answer.clock_id, ws_probe_clock_id(0x01020304, RUN_ID));
	}
	/* They come in an order of their own. */
	for (unsigned i = 0; i < 10; i++) {
		struct ws_stamp tx = stamp_at(2000 + (i * 7) % 10);

		ws_reflect_stamped(r, cookies[(i * 7) % 10], &tx);
	}
	assert_true(session_at(r, 0).stamps_kept == 10);
	for (unsigned i = 0; i < 12; i++) {
		bool collect = i >= 3;
		uint64_t cookie;

		q.seq = 110 + i;
		q.kind = collect ? WS_PAYLOAD_COLLECT : WS_PAYLOAD_REQUEST;
		cookie = ask(r, &q, 3000, 0, &p);
		assert_true((cookie == 0) == collect);
		assert_int_equal(p.answer.rx.origin, collect ? WS_ORIGIN_NONE : WS_ORIGIN_SOFTWARE);
		assert_int_equal(p.answer.answered, collect ? 13 : 11 + i);
		assert_int_equal(p.answer.tx.origin, i < 10 ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_NONE);
		if (i < 10) {
			assert_true(p.answer.tx_seq == 100 + (i * 7) % 10);
			assert_true(p.answer.tx.time.ns == (int64_t)(2000 + (i * 7) % 10));
		}
	}
	assert_true(session_at(r, 0).stamps_kept == 0);
	assert_true(session_at(r, 0).answered == 13);
	assert_true(session_at(r, 0).collected == 9);
	ws_reflect_free(r);
}

/* Of another clock, without a time, or without an origin: not known. */
static void test_unusable_stamps(void **state)
{
	const struct ws_stamp bad[] = {
		{.time = {5, WS_CLOCK_MONOTONIC}, .origin = WS_ORIGIN_SOFTWARE},
		{.time = {5, WS_CLOCK_PHC}, .origin = WS_ORIGIN_HARDWARE},
		{.time = {5, WS_CLOCK_NONE}, .origin = WS_ORIGIN_SOFTWARE},
		{.time = {5, WS_CLOCK_REALTIME}, .origin = WS_ORIGIN_NONE},
		{.time = {5, WS_CLOCK_REALTIME}, .origin = WS_ORIGIN_COUNT},
		{.time = {INT64_MIN, WS_CLOCK_REALTIME}, .origin = WS_ORIGIN_SOFTWARE},
	};
	const unsigned n = sizeof(bad) / sizeof(bad[0]);
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(0, 0, 0);
	uint8_t f[200], a[200];
	struct ws_probe p;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		uint64_t cookie;
		uint32_t len;

		q.seq = i;
		put_request(&q, f);
		assert_int_equal(ws_reflect_frame(r, f, q.len, &bad[i], 0, a, &len, &cookie),
			WS_REFLECT_ANSWER);
		assert_int_equal(ws_probe_parse(a, len, RUN_ID, 0, &p), WS_PROBE_OURS);
		assert_int_equal(p.answer.rx.origin, WS_ORIGIN_NONE);
		assert_int_equal(p.answer.tx.origin, WS_ORIGIN_NONE);
		ws_reflect_stamped(r, cookie, &bad[i]);
		assert_true(session_at(r, 0).stamps_missing == i + 1);
	}
	q.seq = n;
	ws_reflect_stamped(r, ask(r, &q, 1, 0, NULL), NULL);
	assert_true(session_at(r, 0).stamps_missing == n + 1);
	assert_true(session_at(r, 0).stamps_kept == 0);
	ws_reflect_free(r);
}

/* The number of a PTP clock is not told, so that two of one machine could not be told apart. */
static void test_clocks(void **state)
{
	static const enum ws_clock clocks[] = {WS_CLOCK_NONE, WS_CLOCK_MONOTONIC, WS_CLOCK_REALTIME,
		WS_CLOCK_TAI, WS_CLOCK_PHC + 3};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		const struct ws_reflect_config config = {
			.sessions = 1, .boot = 0x01020304, .clock = clocks[i]};
		const struct ws_stamp rx = {.time = {7, clocks[i]}, .origin = WS_ORIGIN_HARDWARE};
		struct ws_reflect *r = reflector_of(&config);
		struct request q = request_of(0, 0, 0);
		uint8_t f[200], a[200];
		struct ws_probe p;
		uint64_t cookie;
		uint32_t len;

		put_request(&q, f);
		assert_int_equal(
			ws_reflect_frame(r, f, q.len, &rx, 0, a, &len, &cookie), WS_REFLECT_ANSWER);
		assert_int_equal(ws_probe_parse(a, len, RUN_ID, 0, &p), WS_PROBE_OURS);
		assert_int_equal(p.answer.rx.time.clock,
			clocks[i] < WS_CLOCK_PHC ? clocks[i] : WS_CLOCK_PHC);
		assert_int_equal(p.answer.rx.origin, i == 0 ? WS_ORIGIN_NONE : WS_ORIGIN_HARDWARE);
		assert_int_equal(a[14 + 46], i);
		assert_int_equal(p.answer.clock_id,
			clocks[i] < WS_CLOCK_PHC ? ws_probe_clock_id(0x01020304, RUN_ID) : 0);
		ws_reflect_free(r);
	}
}

/* Who never asks again leaves the newest behind. */
static void test_stamps_are_bounded(void **state)
{
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(0, 0, 0);
	static uint64_t cookies[WS_REFLECT_KEPT + 3];
	struct ws_probe p;

	(void)state;
	for (unsigned i = 0; i < WS_REFLECT_KEPT + 3; i++) {
		q.seq = i;
		cookies[i] = ask(r, &q, 1, 0, NULL);
	}
	for (unsigned i = 0; i < WS_REFLECT_KEPT + 3; i++) {
		struct ws_stamp tx = stamp_at(i);

		ws_reflect_stamped(r, cookies[i], &tx);
	}
	assert_true(session_at(r, 0).stamps_kept == WS_REFLECT_KEPT);
	assert_true(session_at(r, 0).stamps_dropped == 3);
	q.kind = WS_PAYLOAD_COLLECT;
	for (unsigned i = 3; i < WS_REFLECT_KEPT + 3; i++) {
		q.seq++;
		ask(r, &q, 1, 0, &p);
		assert_true(p.answer.tx_seq == i);
	}
	q.seq++;
	ask(r, &q, 1, 0, &p);
	assert_int_equal(p.answer.tx.origin, WS_ORIGIN_NONE);
	ws_reflect_free(r);
}

/* A cookie tells all 64 bits of its sequence, also of one that comes late or was overtaken. */
static void test_cookies(void **state)
{
	const uint64_t far = UINT64_C(1) << 39;
	struct ws_stamp tx = stamp_at(77);
	struct ws_reflect *r = new_reflector();
	struct request q = request_of(0, 0, 0xfffffffffffff000 - 2 * far);
	uint64_t old, first;
	struct ws_probe p;

	(void)state;
	first = old = ask(r, &q, 1, 0, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t seq = q.seq;

		q.seq += ws_random_at(1, 1000, i) % 70000;
		q.seq += q.seq == seq;
		old = ask(r, &q, 1, 0, &p);
		assert_int_equal(p.answer.tx.origin, i > 0 ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_NONE);
		assert_true(i == 0 || p.answer.tx_seq == seq);
		ws_reflect_stamped(r, old, &tx);
	}
	/* The first one's is not too late. */
	q.seq = 0xfffffffffffff000 - far;
	ask(r, &q, 1, 0, NULL);
	ws_reflect_stamped(r, first, &tx);
	q.seq++;
	ask(r, &q, 1, 0, &p);
	assert_true(p.answer.tx_seq == 0xfffffffffffff000 - 2 * far);
	/* Beyond what its bits can tell it is ignored, not told wrong. */
	q.seq = 0xfffffffffffff000 + 1;
	old = ask(r, &q, 1, 0, NULL);
	ws_reflect_stamped(r, first, &tx);
	assert_true(session_at(r, 0).stamps_kept == 0);
	ws_reflect_stamped(r, old, &tx);
	q.seq = UINT64_MAX;
	ask(r, &q, 1, 0, &p);
	assert_true(p.answer.tx_seq == 0xfffffffffffff000 + 1);
	/* What never was. */
	for (unsigned i = 0; i < 1000; i++) {
		ws_reflect_stamped(r, ws_random_at(2, 1000, i), &tx);
	}
	ws_reflect_stamped(r, 0, &tx);
	assert_true(session_at(r, 0).stamps_kept == 0);
	ws_reflect_free(r);
}

/* The oldest sequence whose cookie can be told from the highest one, and the first leap that is too far. */
static void test_cookies_at_the_limit(void **state)
{
	const uint64_t far = (UINT64_C(1) << 40) - 1 - WS_REFLECT_REMEMBER, start = 1000000;
	const struct ws_stamp tx = stamp_at(77);

	(void)state;
	for (uint64_t leap = far; leap <= far + WS_REFLECT_REMEMBER; leap++) {
		struct ws_reflect *r = new_reflector();
		struct request q = request_of(0, 0, start);
		struct ws_probe p;
		uint64_t oldest;

		ask(r, &q, 1, 0, NULL);
		q.seq = start - WS_REFLECT_REMEMBER + 1;
		oldest = ask(r, &q, 1, 0, NULL);
		q.seq = start + leap;
		ask(r, &q, 1, 0, NULL);
		ws_reflect_stamped(r, oldest, &tx);
		assert_true(session_at(r, 0).stamps_kept == (leap == far));
		q.seq++;
		ask(r, &q, 1, 0, &p);
		assert_true(leap != far || p.answer.tx_seq == start - WS_REFLECT_REMEMBER + 1);
		ws_reflect_free(r);
		leap += leap > far ? WS_REFLECT_REMEMBER - 2 : 0;
	}
}

/* Everything that tells senders apart makes a session. */
static void test_session_keys(void **state)
{
	struct ws_reflect *r = new_reflector();
	struct request q[8];
	struct ws_reflect_session s;
	unsigned cursor = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		q[i] = request_of(i < 6 ? 4 : i == 6 ? 6 : 0, 0, 5);
	}
	q[1].mac[5]++;
	q[2].host = 7;
	q[3].port++;
	q[4].run_id++;
	q[5].stream++;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++) {
			struct ws_probe p;

			q[i].seq++;
			ask(r, &q[i], 1, 100 * round + i, &p);
			assert_int_equal(p.answer.answered, round + 1);
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		assert_true(ws_reflect_session_next(r, &cursor, &s));
		assert_memory_equal(s.mac, q[i].mac, 6);
		assert_int_equal(s.ip_version, q[i].ip_version);
		assert_int_equal(
			s.ip[q[i].ip_version == 6 ? 15 : 3], q[i].ip_version ? q[i].host : 0);
		assert_int_equal(s.ip[0], q[i].ip_version == 4	 ? 0xc6
					  : q[i].ip_version == 6 ? 0xfd
								 : 0);
		assert_int_equal(s.port, q[i].ip_version ? q[i].port : 0);
		assert_int_equal(s.run_id, q[i].run_id);
		assert_int_equal(s.stream, q[i].stream);
		assert_true(s.answered == 3 && s.highest == 8);
		assert_true(s.first_ns == (int)i && s.last_ns == 200 + (int)i);
	}
	assert_false(ws_reflect_session_next(r, &cursor, &s));
	assert_true(ws_reflect_sessions(r) == 8);
	/* A ninth has no room, and those that are there are not disturbed. */
	q[0].run_id = 1;
	assert_int_equal(verdict_on(r, &q[0], 300), WS_REFLECT_CROWDED);
	q[1].seq++;
	assert_int_equal(verdict_on(r, &q[1], 300), WS_REFLECT_ANSWER);
	assert_true(ws_reflect_sessions(r) == 8);
	ws_reflect_free(r);
}

/* Who was silent for longest makes room, and takes nothing along. */
static void test_room(void **state)
{
	const struct ws_reflect_config config = {.sessions = 2, .clock = WS_CLOCK_REALTIME};
	struct ws_reflect *r = reflector_of(&config);
	struct request a = request_of(0, 0, 1), b = a, c = a;
	const struct ws_stamp tx = stamp_at(9);
	uint64_t old;
	struct ws_probe p;

	(void)state;
	a.run_id = 1;
	b.run_id = 2;
	c.run_id = 3;
	old = ask(r, &a, 1, 0, NULL);
	ask(r, &b, 1, SECOND, NULL);
	assert_int_equal(verdict_on(r, &c, WS_REFLECT_IDLE_NS - 1), WS_REFLECT_CROWDED);
	/* Also what is not answered is heard: now b is the silent one. */
	assert_int_equal(verdict_on(r, &a, 2 * SECOND), WS_REFLECT_REPEATED);
	assert_int_equal(verdict_on(r, &c, SECOND + WS_REFLECT_IDLE_NS - 1), WS_REFLECT_CROWDED);
	/* A clock that went back makes nobody silent. */
	assert_int_equal(verdict_on(r, &c, INT64_MIN), WS_REFLECT_CROWDED);
	ask(r, &c, 1, SECOND + WS_REFLECT_IDLE_NS, NULL);
	assert_int_equal(session_at(r, 0).run_id, 1);
	assert_int_equal(session_at(r, 1).run_id, 3);
	assert_int_equal(verdict_on(r, &b, SECOND + WS_REFLECT_IDLE_NS), WS_REFLECT_CROWDED);
	/* Then b in place of a: it is as if it was never there. */
	ask(r, &b, 1, 2 * SECOND + WS_REFLECT_IDLE_NS, &p);
	assert_int_equal(p.answer.answered, 1);
	assert_int_equal(session_at(r, 0).run_id, 3);
	assert_int_equal(session_at(r, 1).run_id, 2);
	ws_reflect_stamped(r, old, &tx);
	assert_true(session_at(r, 0).stamps_kept == 0 && session_at(r, 1).stamps_kept == 0);
	assert_true(session_at(r, 0).stamps_missing == 0);
	assert_true(ws_reflect_sessions(r) == 4);
	ws_reflect_free(r);
}

/* Random comings and goings against a plain table. */
static void test_sessions_random(void **state)
{
	enum { SENDERS = 60, ROOM = 20, ROUNDS = 60000 };
	const struct ws_reflect_config config = {.sessions = ROOM, .clock = WS_CLOCK_REALTIME};
	struct {
		bool there;
		uint64_t seq, answered, born;
		int64_t last_ns;
	} model[SENDERS] = {0};
	struct ws_reflect *r = reflector_of(&config);
	uint64_t born = 0, order = 0;
	int64_t now = 0;
	unsigned there = 0, cursor = 0, crowded = 0;
	struct ws_reflect_session s;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t bits = ws_random_at(3, 1000, i);
		unsigned who = bits % SENDERS, silent = SENDERS;
		struct request q = request_of(0, 0, ++model[who].seq);
		enum ws_reflect_verdict want = WS_REFLECT_ANSWER;

		now += (int64_t)(bits >> 32) % (WS_REFLECT_IDLE_NS / 15);
		q.run_id = who;
		for (unsigned k = 0; k < SENDERS; k++) {
			if (model[k].there &&
				(silent == SENDERS || model[k].last_ns < model[silent].last_ns)) {
				silent = k;
			}
		}
		if (!model[who].there) {
			if (there == ROOM && now - model[silent].last_ns < WS_REFLECT_IDLE_NS) {
				want = WS_REFLECT_CROWDED;
				crowded++;
			} else {
				if (there == ROOM) {
					model[silent].there = false;
					there--;
				}
				model[who].there = true;
				model[who].answered = 0;
				model[who].born = ++born;
				there++;
			}
		}
		if (want == WS_REFLECT_ANSWER) {
			model[who].answered++;
			model[who].last_ns = now;
		}
		assert_int_equal(verdict_on(r, &q, now), want);
	}
	assert_true(crowded > ROUNDS / 100 && born > ROUNDS / 100);
	assert_true(ws_reflect_sessions(r) == born);
	while (ws_reflect_session_next(r, &cursor, &s)) {
		assert_true(model[s.run_id].there);
		assert_true(s.answered == model[s.run_id].answered);
		assert_true(s.last_ns == model[s.run_id].last_ns);
		assert_true(model[s.run_id].born > order);
		order = model[s.run_id].born;
		there--;
	}
	assert_int_equal(there, 0);
	ws_reflect_free(r);
}

/* Offers one request of a new sequence; whether it was answered. */
static bool passes(struct ws_reflect *r, struct request *q, int64_t now_ns)
{
	enum ws_reflect_verdict v;

	q->seq++;
	v = verdict_on(r, q, now_ns);
	assert_true(v == WS_REFLECT_ANSWER || v == WS_REFLECT_LIMITED);
	return v == WS_REFLECT_ANSWER;
}

static void test_rate(void **state)
{
	struct ws_reflect_config config = {
		.sessions = 4, .clock = WS_CLOCK_REALTIME, .max_pps = 3000};
	struct ws_reflect *r = reflector_of(&config);
	struct request q = request_of(0, 0, 0), other = q;
	unsigned n = 0;

	(void)state;
	/* A tenth of a second's at once, whenever it begins. */
	for (unsigned i = 0; i < 1000; i++) {
		n += passes(r, &q, 5 * SECOND);
	}
	assert_int_equal(n, 300);
	assert_true(session_at(r, 0).limited == 700);
	/* What was not answered can still be. */
	assert_false(passes(r, &q, 5 * SECOND));
	assert_int_equal(verdict_on(r, &q, 6 * SECOND), WS_REFLECT_ANSWER);
	/* 3000 a second exactly, of all sessions together. 333333.3 ns each. */
	other.run_id = 1;
	for (n = 1; n < 300; n++) {
		assert_true(passes(r, &q, 6 * SECOND));
	}
	n = 0;
	for (int64_t t = 0; t < 2 * SECOND; t += 100000) {
		n += passes(r, t / 100000 % 2 ? &q : &other, 6 * SECOND + t);
	}
	assert_true(n >= 5999 && n <= 6000);
	/* A clock that goes back gives nothing, and takes nothing. */
	while (passes(r, &q, 8 * SECOND)) {
	}
	assert_false(passes(r, &q, 0));
	assert_false(passes(r, &q, 8 * SECOND));
	assert_false(passes(r, &q, 8 * SECOND + 333333));
	assert_true(passes(r, &q, 8 * SECOND + 333334));
	ws_reflect_free(r);

	/* What is refused for the rate makes no session. */
	config.max_pps = 1;
	r = reflector_of(&config);
	for (n = 0; passes(r, &q, 0); n++) {
	}
	assert_int_equal(n, 64);
	other.run_id = 2;
	assert_int_equal(verdict_on(r, &other, 0), WS_REFLECT_LIMITED);
	assert_true(ws_reflect_sessions(r) == 1);
	assert_int_equal(verdict_on(r, &other, SECOND), WS_REFLECT_ANSWER);
	ws_reflect_free(r);

	/* The highest and the lowest numbers. */
	config.max_pps = UINT64_MAX;
	r = reflector_of(&config);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(passes(r, &q, i % 2 ? INT64_MAX : INT64_MIN));
	}
	ws_reflect_free(r);
	config.max_pps = 0;
	r = reflector_of(&config);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(passes(r, &q, 0));
	}
	ws_reflect_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_collects_share_sequences),
		cmocka_unit_test(test_once_random),
		cmocka_unit_test(test_stamps_travel),
		cmocka_unit_test(test_unusable_stamps),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_stamps_are_bounded),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_cookies_at_the_limit),
		cmocka_unit_test(test_session_keys),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_sessions_random),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests_name("reflect_sessions", tests, NULL, NULL);
}
