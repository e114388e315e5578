/* SPDX-License-Identifier: BSD-2-Clause */
/* Stages between instants, and the cause of a slow tail, with packets made slow on purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "core/waterfall.h"

#define BIT(n) (1u << (n))
#define ALL    (BIT(WS_INSTANTS) - 1)
/* What software stamps tell of. */
#define SOFT                                                                         \
	(BIT(WS_INSTANT_INTENDED) | BIT(WS_INSTANT_APP_TX) | BIT(WS_INSTANT_SCHED) | \
		BIT(WS_INSTANT_DRIVER_TX) | BIT(WS_INSTANT_KERNEL_RX) | BIT(WS_INSTANT_APP_RX))
#define START INT64_C(1700000000000000000)

static uint64_t draw(uint64_t seed, uint64_t i, uint64_t below)
{
	return ws_random_below(ws_random_at(seed, 0, i), below);
}

static int setup(void **state)
{
	*state = malloc(sizeof(struct ws_waterfall));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* Each stage takes what is given, in order of the known instants; other instants are unknown. */
static struct ws_waterfall_packet packet(uint64_t seq, unsigned known, const int64_t *stage_ns)
{
	struct ws_waterfall_packet p = {.seq = seq, .total_ns = -1};
	int64_t at = START + (int64_t)seq * 1000;
	bool any = false;

	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		p.at[i] = WS_INSTANT_UNKNOWN;
		if (known >> i & 1) {
			at += any ? *stage_ns++ : 0;
			p.at[i] = at;
			any = true;
		}
	}
	return p;
}

static void test_names(void **state)
{
	static const char *const names[] = {"intended", "app_tx", "sched", "driver_tx", "wire_tx",
		"wire_rx", "kernel_rx", "app_rx"};

	(void)state;
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		assert_string_equal(ws_instant_name((enum ws_instant)i), names[i]);
	}
	assert_string_equal(ws_instant_name(WS_INSTANTS), "unknown");
}

static void test_stages(void **state)
{
	static const enum ws_instant soft[] = {WS_INSTANT_INTENDED, WS_INSTANT_APP_TX,
		WS_INSTANT_SCHED, WS_INSTANT_DRIVER_TX, WS_INSTANT_KERNEL_RX, WS_INSTANT_APP_RX};
	struct ws_waterfall *w = *state;

	ws_waterfall_init(w, ALL);
	assert_int_equal(w->stages, WS_INSTANTS - 1);
	ws_waterfall_init(w, SOFT);
	assert_int_equal(w->stages, 5);
	for (unsigned s = 0; s < w->stages; s++) {
		assert_int_equal(w->from[s], soft[s]);
		assert_int_equal(w->to[s], soft[s + 1]);
	}
	ws_waterfall_init(w, BIT(WS_INSTANT_INTENDED) | BIT(WS_INSTANT_APP_RX) | BIT(20));
	assert_int_equal(w->stages, 1);
	assert_int_equal(w->from[0], WS_INSTANT_INTENDED);
	assert_int_equal(w->to[0], WS_INSTANT_APP_RX);
}

static void test_recorded(void **state)
{
	static const int64_t stages[][5] = {
		{1, 2, 3, 4, 5}, {10, 20, 30, 40, 50}, {7, -9, 8, 6, 0}};
	struct ws_waterfall *w = *state;

	ws_waterfall_init(w, SOFT);
	for (uint64_t i = 0; i < 3; i++) {
		struct ws_waterfall_packet p = packet(i, SOFT, stages[i]);

		ws_waterfall_add(w, &p);
	}
	assert_int_equal(w->count, 3);
	assert_int_equal(w->unfit, 0);
	for (unsigned s = 0; s < 5; s++) {
		assert_int_equal(w->stage[s].count, 3);
		assert_true(w->stage[s].sum == stages[0][s] + stages[1][s] + stages[2][s]);
	}
	assert_int_equal(w->stage[1].negative, 1);
	assert_int_equal(w->sample[1].total_ns, 150);
	assert_int_equal(w->sample[2].total_ns, 12);
}

static void test_unfit(void **state)
{
	static const int64_t stages[7] = {1, 2, 3, 4, 5, 6, 7};
	struct ws_waterfall *w = *state;
	struct ws_waterfall_packet p;
	uint64_t unfit = 0;

	ws_waterfall_init(w, SOFT);
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		p = packet(i, ALL & ~BIT(i), stages);
		unfit += SOFT >> i & 1;
		ws_waterfall_add(w, &p);
		assert_int_equal(w->unfit, unfit);
		assert_int_equal(w->count, i + 1 - unfit);
	}
	p = packet(0, ALL, stages);
	p.at[WS_INSTANT_INTENDED] = INT64_MIN + 1;
	ws_waterfall_add(w, &p);
	assert_int_equal(w->unfit, unfit + 1);
	/* Each step can be told, the whole cannot. */
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		p.at[i] = i < 3 ? INT64_MIN / 3 * 2 : i < 6 ? 0 : INT64_MAX / 3 * 2;
	}
	ws_waterfall_add(w, &p);
	assert_int_equal(w->unfit, unfit + 2);
	for (unsigned s = 0; s < w->stages; s++) {
		assert_int_equal(w->stage[s].count, w->count);
	}
	for (unsigned i = 0; i < 2; i++) {
		ws_waterfall_init(w, i ? BIT(WS_INSTANT_SCHED) : 0);
		p = packet(0, ALL, stages);
		ws_waterfall_add(w, &p);
		assert_int_equal(w->stages, 0);
		assert_int_equal(w->unfit, 1);
		assert_int_equal(w->count, 0);
	}
}

/* The sample is every step-th packet of the whole run, wherever the run ends. */
static void test_sample_is_even(void **state)
{
	static const uint64_t ends[] = {1, 4095, 4096, 4097, 8191, 8192, 8193, 16385, 100000};
	static const int64_t stages[5] = {1, 1, 1, 1, 1};
	struct ws_waterfall *w = *state;
	size_t next = 0;

	ws_waterfall_init(w, SOFT);
	for (uint64_t n = 0; next < sizeof(ends) / sizeof(ends[0]); n++) {
		struct ws_waterfall_packet p = packet(n, SOFT, stages);

		ws_waterfall_add(w, &p);
		if (n + 1 != ends[next]) {
			continue;
		}
		next++;
		assert_int_equal(w->sampled, (n + w->step) / w->step);
		assert_true(w->step == 1 || w->sampled > WS_WATERFALL_SAMPLE / 2);
		for (unsigned i = 0; i < w->sampled; i++) {
			assert_int_equal(w->sample[i].seq, i * w->step);
		}
	}
}

static int slowest_first(const void *a, const void *b)
{
	const struct ws_waterfall_packet *x = a, *y = b;

	if (x->total_ns != y->total_ns) {
		return x->total_ns < y->total_ns ? 1 : -1;
	}
	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Against a sort of all: random totals, many of them equal, also in rising and falling order. */
static void test_worst(void **state)
{
	enum { PACKETS = 6000 };
	struct ws_waterfall_packet *all = malloc(PACKETS * sizeof(*all));
	struct ws_waterfall *w = *state;

	assert_non_null(all);
	for (unsigned round = 0; round < 6; round++) {
		uint64_t range = round % 2 ? 20 : 1000000;
		unsigned count = round < 3 ? PACKETS : 500;

		ws_waterfall_init(w, SOFT);
		for (uint64_t i = 0; i < count; i++) {
			uint64_t slow = round == 0   ? i
					: round == 2 ? PACKETS - i
						     : draw(round, i, range);
			int64_t stages[5] = {1, 1, (int64_t)slow, 1, 1};

			all[i] = packet(i, SOFT, stages);
			ws_waterfall_add(w, &all[i]);
			all[i].total_ns = (int64_t)slow + 4;
		}
		qsort(all, count, sizeof(*all), slowest_first);
		assert_int_equal(
			w->worst_count, count < WS_WATERFALL_WORST ? count : WS_WATERFALL_WORST);
		qsort(w->worst, w->worst_count, sizeof(*all), slowest_first);
		assert_memory_equal(w->worst, all, w->worst_count * sizeof(*all));
	}
	free(all);
}

/* ---- The verdict. ---- */

/* A little noise in each stage; every slow_every-th packet takes `more` in a stage, and half of it
 * in the next one. */
static void fill(
	struct ws_waterfall *w, uint64_t count, unsigned slow_every, unsigned stage, int64_t more)
{
	ws_waterfall_init(w, SOFT);
	for (uint64_t i = 0; i < count; i++) {
		struct ws_waterfall_packet p;
		int64_t stages[5];

		for (unsigned s = 0; s < 5; s++) {
			stages[s] = 1000 * (s + 1) + (int64_t)draw(s, i, 101) - 50;
		}
		if (i % slow_every == slow_every / 2) {
			stages[stage] += more;
			stages[(stage + 1) % 5] += more / 2;
		}
		p = packet(i, SOFT, stages);
		ws_waterfall_add(w, &p);
	}
}

static void test_known_cause(void **state)
{
	static const uint64_t counts[] = {100, 1000, 10000, 200000};
	struct ws_waterfall *w = *state;
	struct ws_waterfall_verdict v;

	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		uint64_t tail = counts[c] / 100 < 1024 ? counts[c] / 100 : 1024;

		for (unsigned stage = 0; stage < 5; stage++) {
			fill(w, counts[c], 100, stage, 50000);
			ws_waterfall_judge(w, &v);
			assert_int_equal(v.cause, stage);
			assert_float_equal(v.cause_share, 2.0 / 3, 0.01);
			assert_int_equal(v.tail.packets, tail);
			assert_in_range(v.tail.from_ns, 89700, 90300);
			assert_in_range(v.tail.to_ns, v.tail.from_ns, 90300);
			for (unsigned s = 0; s < 5; s++) {
				double want = 1000.0 * (s + 1);

				assert_float_equal(v.typical.stage_ns[s], want, 30);
				want += s == stage ? 50000 : s == (stage + 1) % 5 ? 25000 : 0;
				assert_float_equal(v.tail.stage_ns[s], want, 60);
			}
			assert_in_range(v.typical.from_ns, 14900, 15050);
			assert_in_range(v.typical.to_ns, v.typical.from_ns, 15100);
		}
	}
	/* Of 200000 there is one sample in 64. */
	assert_int_equal(w->step, 64);
	assert_int_equal(w->sampled, 3125);
	assert_int_equal(v.typical.packets, 3125 * 11 / 20 - 3125 * 9 / 20);
}

/* The middle tenth and the slowest hundredth, exactly: totals are a permutation of 1 to 1000. */
static void test_groups(void **state)
{
	struct ws_waterfall *w = *state;
	struct ws_waterfall_verdict v;

	ws_waterfall_init(
		w, BIT(WS_INSTANT_APP_TX) | BIT(WS_INSTANT_SCHED) | BIT(WS_INSTANT_APP_RX));
	for (uint64_t i = 0; i < 1000; i++) {
		int64_t total = (int64_t)(i * 387 % 1000) + 1;
		struct ws_waterfall_packet p = packet(i,
			BIT(WS_INSTANT_APP_TX) | BIT(WS_INSTANT_SCHED) | BIT(WS_INSTANT_APP_RX),
			(int64_t[]){-total, 2 * total});

		ws_waterfall_add(w, &p);
	}
	ws_waterfall_judge(w, &v);
	assert_int_equal(v.typical.packets, 100);
	assert_int_equal(v.typical.from_ns, 451);
	assert_int_equal(v.typical.to_ns, 550);
	assert_float_equal(v.typical.stage_ns[0], -500.5, 1e-9);
	assert_float_equal(v.typical.stage_ns[1], 1001, 1e-9);
	assert_int_equal(v.tail.packets, 10);
	assert_int_equal(v.tail.from_ns, 991);
	assert_int_equal(v.tail.to_ns, 1000);
	assert_float_equal(v.tail.stage_ns[1], 1991, 1e-9);
	/* The first stage took less in the tail: the second is to blame for all of it. */
	assert_int_equal(v.cause, 1);
	assert_float_equal(v.cause_share, 1, 1e-12);
}

static void test_no_cause(void **state)
{
	struct ws_waterfall *w = *state;
	struct ws_waterfall_verdict v;

	ws_waterfall_init(w, SOFT);
	memset(&v, 0x5a, sizeof(v));
	ws_waterfall_judge(w, &v);
	assert_int_equal(v.cause, -1);
	assert_int_equal(v.typical.packets + v.tail.packets, 0);
	assert_float_equal(v.cause_share, 0, 0);

	for (uint64_t count = 1; count < 100; count += count < 5 ? 1 : 47) {
		fill(w, count, 10, 2, 5000);
		ws_waterfall_judge(w, &v);
		assert_int_equal(v.cause, -1);
		assert_float_equal(v.cause_share, 0, 0);
		assert_int_equal(v.tail.packets, 1);
		assert_int_equal(v.tail.to_ns, v.tail.from_ns);
		assert_true(v.typical.packets >= 1 && v.typical.packets <= 1 + count / 10);
		assert_true(v.typical.to_ns <= v.tail.to_ns);
	}
	/* All alike. */
	ws_waterfall_init(w, SOFT);
	for (uint64_t i = 0; i < 5000; i++) {
		struct ws_waterfall_packet p = packet(i, SOFT, (int64_t[]){5, 6, 7, 8, 9});

		ws_waterfall_add(w, &p);
	}
	ws_waterfall_judge(w, &v);
	assert_int_equal(v.cause, -1);
	assert_int_equal(v.typical.from_ns, 35);
	assert_int_equal(v.tail.to_ns, 35);
	assert_int_equal(v.tail.packets, 50);
	/* Time went elsewhere in the first ones, which of equal ones are the tail; but not more. */
	ws_waterfall_init(w, SOFT);
	for (uint64_t i = 0; i < 4000; i++) {
		int64_t shift = i < 100 ? 4 : 0;
		struct ws_waterfall_packet p =
			packet(i, SOFT, (int64_t[]){5 + shift, 6, 7, 8, 9 - shift});

		ws_waterfall_add(w, &p);
	}
	ws_waterfall_judge(w, &v);
	assert_float_equal(v.tail.stage_ns[0], 9, 1e-9);
	assert_float_equal(v.typical.stage_ns[0], 5, 1e-9);
	assert_int_equal(v.cause, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_stages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sample_is_even, setup, teardown),
		cmocka_unit_test_setup_teardown(test_worst, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_cause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_cause, setup, teardown),
	};

	return cmocka_run_group_tests_name("waterfall", tests, NULL, NULL);
}
