/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/stampjudge.h"

#define GAP    100000 /* ns between two packets */
#define DELAY  5000
#define CLOCK  ((enum ws_clock)(WS_CLOCK_PHC + 3))
#define OFFSET INT64_C(37000000123) /* of the card's clock */
#define MANY   1000

/* ---- One judge, its outcomes, and clocks that are related within ERROR. ---- */

struct bench {
	struct ws_stampjudge *j;
	struct ws_outcome given[MANY];
	size_t count;
	int64_t error_ns;
};

static void take(void *arg, const struct ws_outcome *out)
{
	struct bench *b = arg;

	assert_true(b->count < MANY);
	/* In order, each once. */
	assert_int_equal(out->seq, b->count);
	b->given[b->count++] = *out;
}

static bool convert(void *arg, struct ws_time t, int64_t *ret_ns, int64_t *ret_error_ns)
{
	const struct bench *b = arg;

	assert_int_equal(t.clock, CLOCK);
	*ret_ns = t.ns - OFFSET;
	*ret_error_ns = b->error_ns;
	return true;
}

static void begin(struct bench *b, struct ws_stampjudge_config config)
{
	memset(b, 0, sizeof(*b));
	b->error_ns = 500;
	config.sink = take;
	config.arg = b;
	config.tx = config.rx = true;
	config.ahead = config.ahead ? config.ahead : 64;
	assert_int_equal(ws_stampjudge_new(&b->j, &config), 0);
}

static void end(struct bench *b)
{
	ws_stampjudge_finish(b->j);
	ws_stampjudge_free(b->j);
}

static struct ws_stamp stamp(int64_t ns)
{
	return (struct ws_stamp){{ns + OFFSET, CLOCK}, WS_ORIGIN_HARDWARE};
}

static int64_t left(uint64_t seq)
{
	return INT64_C(1000000000) + (int64_t)seq * GAP;
}

static struct ws_outcome packet(uint64_t seq)
{
	int64_t at = left(seq);

	return (struct ws_outcome){
		.seq = seq,
		.fate = WS_FATE_MATCHED,
		.tx = {.seq = seq,
			.app_ns = at - 2000,
			.read_ns = at + 30000,
			.stamp = stamp(at),
			.at = {INT64_MIN, INT64_MIN, at + OFFSET}},
		.rx = {.seq = seq,
			.app_ns = at + DELAY + 20000,
			.stamp = stamp(at + DELAY),
			.wire_ns = at + DELAY + OFFSET},
	};
}

static const struct ws_stampjudge_config by_order = {.ordered = true};
static const struct ws_stampjudge_config by_limits = {.convert = convert};
static const struct ws_stampjudge_config by_both = {.ordered = true, .convert = convert};

/* ---- Cases. ---- */

static void right_stamps_pass(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, by_both);
	for (uint64_t i = 0; i < MANY; i++) {
		struct ws_outcome p = packet(i);

		ws_stampjudge_put(b.j, &p);
	}
	ws_stampjudge_finish(b.j);
	assert_int_equal(b.count, MANY);
	for (uint64_t i = 0; i < MANY; i++) {
		assert_int_equal(b.given[i].fate, WS_FATE_MATCHED);
		assert_int_equal(b.given[i].tx.stamp.time.ns, left(i) + OFFSET);
	}
	assert_int_equal(ws_stampjudge_counts(b.j)->tx_misplaced, 0);
	assert_int_equal(ws_stampjudge_counts(b.j)->rx_misplaced, 0);
	end(&b);
}

/* Exactly the two that were exchanged are rejected, at either end, whatever of both is known. */
static void exchanged_stamps_are_found(void **state)
{
	const struct ws_stampjudge_config *configs[] = {&by_order, &by_both};

	(void)state;
	for (unsigned c = 0; c < 2; c++) {
		for (int rx = 0; rx < 2; rx++) {
			struct bench b;

			begin(&b, *configs[c]);
			for (uint64_t i = 0; i < 100; i++) {
				struct ws_outcome p = packet(i);
				uint64_t other = i == 40 ? 41 : i == 41 ? 40 : i;

				if (rx) {
					p.rx.stamp = stamp(left(other) + DELAY);
					/* It was held until the other came. */
					p.rx.app_ns += i == 40 ? GAP : 0;
				} else {
					p.tx.stamp = stamp(left(other));
					p.tx.read_ns += i == 40 ? GAP : 0;
				}
				ws_stampjudge_put(b.j, &p);
			}
			ws_stampjudge_finish(b.j);
			for (uint64_t i = 0; i < 100; i++) {
				bool bad = i == 40 || i == 41;
				enum ws_fate fate = !bad ? WS_FATE_MATCHED
						    : rx ? WS_FATE_UNSTAMPED_RX
							 : WS_FATE_UNSTAMPED_TX;

				assert_int_equal(b.given[i].fate, fate);
			}
			assert_int_equal(ws_stampjudge_counts(b.j)->tx_misplaced, rx ? 0 : 2);
			assert_int_equal(ws_stampjudge_counts(b.j)->rx_misplaced, rx ? 2 : 0);
			assert_int_equal(
				ws_stampjudge_counts(b.j)
					->moved[WS_FATE_MATCHED]
					       [rx ? WS_FATE_UNSTAMPED_RX : WS_FATE_UNSTAMPED_TX],
				2);
			end(&b);
		}
	}
}

/* One stamp twice: which of the two it belongs to is not known. */
static void a_stamp_twice_is_no_stamp(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, by_order);
	for (uint64_t i = 0; i < 10; i++) {
		struct ws_outcome p = packet(i);

		if (i == 5) {
			p.tx.stamp = stamp(left(4));
		}
		ws_stampjudge_put(b.j, &p);
	}
	ws_stampjudge_finish(b.j);
	for (uint64_t i = 0; i < 10; i++) {
		bool bad = i == 4 || i == 5;

		assert_int_equal(b.given[i].fate, bad ? WS_FATE_UNSTAMPED_TX : WS_FATE_MATCHED);
		assert_int_equal(b.given[i].tx.at[WS_TX_WIRE] == INT64_MIN, bad);
	}
	end(&b);
}

static void a_coarse_clock_may_say_the_same(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, (struct ws_stampjudge_config){.ordered = true, .coarse = true});
	for (uint64_t i = 0; i < 10; i++) {
		struct ws_outcome p = packet(i);

		p.tx.stamp = stamp(left(i / 2));
		p.rx.stamp = stamp(left(i / 2) + DELAY);
		ws_stampjudge_put(b.j, &p);
	}
	assert_int_equal(ws_stampjudge_counts(b.j)->tx_misplaced, 0);
	assert_int_equal(ws_stampjudge_counts(b.j)->rx_misplaced, 0);
	end(&b);
}

/* What cannot have been, whatever the error of the clocks' relation. */
static void limits_of_time(void **state)
{
	static const struct {
		int64_t tx, rx; /* moved by */
		bool bad_tx, bad_rx;
	} cases[] = {
		{-2501, 0, true, false},  /* before the send call, by more than the error */
		{-2499, 0, false, false}, /* it may be */
		{30501, 0, true, false},  /* after it was read */
		{30499, 0, false, false},
		{0, 20501, false, true}, /* received after it was read */
		{0, 20499, false, false},
		{0, -7501, false, true}, /* received before the send call */
		{0, -7499, false, false},
		{-9000, 90000, true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_outcome p = packet(0);
		enum ws_fate fate = cases[i].bad_tx && cases[i].bad_rx ? WS_FATE_UNSTAMPED_BOTH
				    : cases[i].bad_tx		       ? WS_FATE_UNSTAMPED_TX
				    : cases[i].bad_rx		       ? WS_FATE_UNSTAMPED_RX
								       : WS_FATE_MATCHED;
		struct bench b;

		begin(&b, by_limits);
		p.tx.stamp = stamp(left(0) + cases[i].tx);
		p.rx.stamp = stamp(left(0) + DELAY + cases[i].rx);
		ws_stampjudge_put(b.j, &p);
		/* Without order nobody waits for the next one. */
		assert_int_equal(b.count, 1);
		assert_int_equal(b.given[0].fate, fate);
		end(&b);
	}
}

/* Packets that were not asked for a stamp stand between those that were. */
static void samples_are_neighbours(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, by_order);
	for (uint64_t i = 0; i < 60; i++) {
		struct ws_outcome p = packet(i);

		if (i % 10) {
			p.tx.stamp = (struct ws_stamp){0};
			p.tx.unsampled = true;
			p.fate = WS_FATE_UNSTAMPED_TX;
		} else if (i == 20 || i == 30) {
			p.tx.stamp = stamp(left(50 - i)); /* exchanged */
		}
		ws_stampjudge_put(b.j, &p);
	}
	ws_stampjudge_finish(b.j);
	for (uint64_t i = 0; i < 60; i += 10) {
		assert_int_equal(b.given[i].fate,
			i == 20 || i == 30 ? WS_FATE_UNSTAMPED_TX : WS_FATE_MATCHED);
	}
	end(&b);
}

/* A lost packet has left all the same; what arrived out of order says nothing of the card. */
static void lost_and_reordered(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, by_order);
	for (uint64_t i = 0; i < 20; i++) {
		struct ws_outcome p = packet(i);

		if (i == 8) {
			p.fate = WS_FATE_LOST;
			p.tx.stamp = stamp(left(9));
			p.rx = (struct ws_rx_record){0};
		} else if (i == 9) {
			p.tx.stamp = stamp(left(8));
		} else if (i == 15) {
			p.extent = 2;
			p.rx.stamp = stamp(left(17) + DELAY + 1);
		}
		ws_stampjudge_put(b.j, &p);
	}
	ws_stampjudge_finish(b.j);
	assert_int_equal(b.given[8].fate, WS_FATE_LOST);
	assert_int_equal(b.given[8].tx.stamp.origin, WS_ORIGIN_NONE);
	assert_int_equal(b.given[9].fate, WS_FATE_UNSTAMPED_TX);
	assert_int_equal(b.given[15].fate, WS_FATE_MATCHED);
	assert_int_equal(b.given[16].fate, WS_FATE_MATCHED);
	assert_int_equal(ws_stampjudge_counts(b.j)->tx_misplaced, 2);
	end(&b);
}

/* When more wait than there is room for, the oldest goes as it is, and is not judged any more. */
static void waiting_is_bounded(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, (struct ws_stampjudge_config){.ordered = true, .ahead = 4});
	for (uint64_t i = 0; i < 20; i++) {
		struct ws_outcome p = packet(i);

		if (i) {
			p.tx.stamp = p.rx.stamp = (struct ws_stamp){0};
			p.fate = WS_FATE_UNSTAMPED_BOTH;
		}
		if (i == 12) {
			p.tx.stamp = stamp(left(0) - 1); /* against what has been given already */
		}
		ws_stampjudge_put(b.j, &p);
		assert_true(b.count + 4 >= i + 1);
	}
	ws_stampjudge_finish(b.j);
	assert_int_equal(b.given[0].fate, WS_FATE_MATCHED);
	assert_int_equal(b.given[12].tx.stamp.origin, WS_ORIGIN_NONE);
	assert_int_equal(ws_stampjudge_counts(b.j)->tx_misplaced, 1);
	end(&b);
}

static void nonsense_is_refused(void **state)
{
	struct ws_stampjudge *j;

	(void)state;
	assert_int_equal(
		ws_stampjudge_new(&j, &(struct ws_stampjudge_config){.ahead = 2}), -EINVAL);
	assert_int_equal(
		ws_stampjudge_new(&j, &(struct ws_stampjudge_config){.ahead = 1, .sink = take}),
		-EINVAL);
	ws_stampjudge_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_stamps_pass),
		cmocka_unit_test(exchanged_stamps_are_found),
		cmocka_unit_test(a_stamp_twice_is_no_stamp),
		cmocka_unit_test(a_coarse_clock_may_say_the_same),
		cmocka_unit_test(limits_of_time),
		cmocka_unit_test(samples_are_neighbours),
		cmocka_unit_test(lost_and_reordered),
		cmocka_unit_test(waiting_is_bounded),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
