/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/match.h"

#define WINDOW 1000

/* ---- One matcher and what its sinks were given. ---- */

struct bench {
	struct ws_match *m;
	struct ws_outcome *outcomes;
	size_t count, room;
	struct ws_rx_record copies[16];
	size_t copies_count;
};

static void record(void *arg, const struct ws_outcome *outcome)
{
	struct bench *b = arg;

	assert_true(b->count < b->room);
	b->outcomes[b->count++] = *outcome;
}

static void record_copy(void *arg, uint64_t seq, const struct ws_rx_record *rx)
{
	struct bench *b = arg;

	assert_true(b->copies_count < sizeof(b->copies) / sizeof(b->copies[0]));
	assert_int_equal(rx->seq, seq);
	b->copies[b->copies_count++] = *rx;
}

static void open_bench(
	struct bench *b, int64_t window_ns, uint32_t capacity, uint64_t history, size_t room)
{
	struct ws_match_config config = {
		.window_ns = window_ns,
		.capacity = capacity,
		.history = history,
		.sink = record,
		.copy = record_copy,
		.arg = b,
	};

	memset(b, 0, sizeof(*b));
	b->room = room;
	b->outcomes = calloc(room, sizeof(*b->outcomes));
	assert_non_null(b->outcomes);
	assert_int_equal(ws_match_new(&b->m, &config), 0);
}

static int setup(void **state)
{
	struct bench *b = malloc(sizeof(*b));

	assert_non_null(b);
	open_bench(b, WINDOW, 8, 16, 64);
	*state = b;
	return 0;
}

static void close_bench(struct bench *b)
{
	ws_match_free(b->m);
	free(b->outcomes);
}

static int teardown(void **state)
{
	close_bench(*state);
	free(*state);
	return 0;
}

static struct ws_stamp stamp(enum ws_origin origin, int64_t ns)
{
	struct ws_stamp s = {{ns, WS_CLOCK_PHC + 3}, origin};

	return s;
}

/* Handed over at `app`, intended at 99, stamped at 105. */
static int tell(struct bench *b, uint64_t seq, int64_t app, enum ws_origin origin, bool failed)
{
	struct ws_tx_record r = {
		.seq = seq,
		.intended_ns = 99,
		.app_ns = app,
		.stamp = stamp(origin, 105),
		.at = {INT64_MIN, 105, INT64_MIN},
		.failed = failed,
	};

	return ws_match_tx(b->m, &r);
}

static void sent(struct bench *b, uint64_t seq, int64_t app)
{
	assert_int_equal(tell(b, seq, app, WS_ORIGIN_HARDWARE, false), 0);
}

static void arrived(struct bench *b, uint64_t seq, int64_t arrival, enum ws_origin origin)
{
	struct ws_rx_record r = {
		.seq = seq,
		.arrival_ns = arrival,
		.stamp = stamp(origin, arrival - 2),
		.app_ns = arrival - 1,
		.wire_ns = INT64_MIN,
		.kernel_ns = arrival - 2,
	};

	ws_match_rx(b->m, &r);
}

static void came(struct bench *b, uint64_t seq, int64_t arrival)
{
	arrived(b, seq, arrival, WS_ORIGIN_SOFTWARE);
}

/* The matcher fills no field of the ring and the histogram. */
static bool balanced(const struct ws_ledger *l)
{
	return ws_ledger_holds(l, WS_IDENTITY_ATTEMPTED) && ws_ledger_holds(l, WS_IDENTITY_SENT) &&
	       ws_ledger_holds(l, WS_IDENTITY_RECEIVED);
}

static void expect_ledger(const struct bench *b, const struct ws_ledger *want)
{
	assert_memory_equal(ws_match_ledger(b->m), want, sizeof(*want));
	assert_true(balanced(want));
}

/* ---- The ways a sequence can end. ---- */

static void one_stamped(struct bench *b, enum ws_origin tx, enum ws_origin rx, enum ws_fate fate)
{
	assert_int_equal(tell(b, 0, 100, tx, false), 0);
	assert_int_equal(b->count, 0);
	arrived(b, 0, 100 + WINDOW, rx);
	ws_match_advance(b->m, INT64_MIN);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->outcomes[0].seq, 0);
	assert_int_equal(b->outcomes[0].fate, fate);
	assert_int_equal(b->outcomes[0].tx.stamp.origin, tx);
	assert_int_equal(b->outcomes[0].rx.stamp.origin, rx);
	assert_int_equal(ws_match_base(b->m), 1);
}

static void test_matched(void **state)
{
	struct bench *b = *state;
	const struct ws_outcome *o = b->outcomes;

	one_stamped(b, WS_ORIGIN_HARDWARE, WS_ORIGIN_SOFTWARE, WS_FATE_MATCHED);
	assert_int_equal(o->tx.seq, 0);
	assert_int_equal(o->tx.intended_ns, 99);
	assert_int_equal(o->tx.app_ns, 100);
	assert_int_equal(o->tx.stamp.time.ns, 105);
	assert_int_equal(o->tx.stamp.time.clock, WS_CLOCK_PHC + 3);
	assert_false(o->tx.failed);
	assert_int_equal(o->rx.seq, 0);
	assert_int_equal(o->rx.arrival_ns, 100 + WINDOW);
	assert_int_equal(o->rx.stamp.time.ns, 98 + WINDOW);
	assert_int_equal(o->rx.stamp.time.clock, WS_CLOCK_PHC + 3);
	expect_ledger(
		b, &(struct ws_ledger){.attempted = 1, .sent = 1, .matched = 1, .received = 1});
}

static void test_unstamped_tx(void **state)
{
	one_stamped(*state, WS_ORIGIN_NONE, WS_ORIGIN_HARDWARE, WS_FATE_UNSTAMPED_TX);
	expect_ledger(*state,
		&(struct ws_ledger){.attempted = 1, .sent = 1, .unstamped_tx = 1, .received = 1});
}

static void test_unstamped_rx(void **state)
{
	one_stamped(*state, WS_ORIGIN_USER, WS_ORIGIN_NONE, WS_FATE_UNSTAMPED_RX);
	expect_ledger(*state,
		&(struct ws_ledger){.attempted = 1, .sent = 1, .unstamped_rx = 1, .received = 1});
}

static void test_unstamped_both(void **state)
{
	one_stamped(*state, WS_ORIGIN_NONE, WS_ORIGIN_NONE, WS_FATE_UNSTAMPED_BOTH);
	expect_ledger(*state,
		&(struct ws_ledger){.attempted = 1, .sent = 1, .unstamped_both = 1, .received = 1});
}

static void test_lost_only_after_the_window(void **state)
{
	struct bench *b = *state;

	sent(b, 0, 100);
	ws_match_advance(b->m, INT64_MIN);
	ws_match_advance(b->m, 100 + WINDOW);
	assert_int_equal(b->count, 0);
	ws_match_advance(b->m, 100 + WINDOW + 1);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->outcomes[0].fate, WS_FATE_LOST);
	assert_int_equal(b->outcomes[0].rx.stamp.origin, WS_ORIGIN_NONE);
	expect_ledger(b, &(struct ws_ledger){.attempted = 1, .sent = 1, .lost = 1});
}

static void test_late_while_open(void **state)
{
	struct bench *b = *state;

	sent(b, 0, 100);
	came(b, 0, 100 + WINDOW + 1);
	ws_match_advance(b->m, INT64_MIN);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->outcomes[0].fate, WS_FATE_LATE);
	assert_int_equal(b->outcomes[0].tx.app_ns, 100);
	assert_int_equal(b->outcomes[0].rx.arrival_ns, 100 + WINDOW + 1);
	expect_ledger(b,
		&(struct ws_ledger){.attempted = 1, .sent = 1, .late_arrivals = 1, .received = 1});
}

static void test_late_after_lost(void **state)
{
	struct bench *b = *state;

	sent(b, 0, 100);
	ws_match_advance(b->m, 5000);
	came(b, 0, 6000);
	assert_int_equal(b->count, 2);
	assert_int_equal(b->outcomes[1].fate, WS_FATE_LATE);
	assert_int_equal(b->outcomes[1].seq, 0);
	assert_int_equal(b->outcomes[1].tx.app_ns, 0);
	assert_int_equal(b->outcomes[1].tx.stamp.origin, WS_ORIGIN_NONE);
	assert_int_equal(b->outcomes[1].rx.arrival_ns, 6000);
	came(b, 0, 6001);
	assert_int_equal(b->count, 2);
	expect_ledger(b, &(struct ws_ledger){.attempted = 1,
				 .sent = 1,
				 .late_arrivals = 1,
				 .received = 2,
				 .duplicated = 1});
}

static void test_not_sent(void **state)
{
	struct bench *b = *state;

	assert_int_equal(tell(b, 0, 100, WS_ORIGIN_NONE, true), 0);
	came(b, 0, 110);
	assert_int_equal(b->count, 0);
	ws_match_advance(b->m, INT64_MIN);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->outcomes[0].fate, WS_FATE_NOT_SENT);
	assert_true(b->outcomes[0].tx.failed);
	came(b, 0, 120);
	assert_int_equal(b->count, 1);
	expect_ledger(
		b, &(struct ws_ledger){.attempted = 1, .failed = 1, .received = 2, .foreign = 2});
}

static void test_withdrawn_counts_nowhere(void **state)
{
	struct bench *b = *state;
	struct ws_tx_record r = {.seq = 0, .withdrawn = true};

	ws_match_offered(b->m, 1);
	assert_int_equal(ws_match_tx(b->m, &r), 0);
	ws_match_advance(b->m, INT64_MIN);
	assert_int_equal(ws_match_base(b->m), 1);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->outcomes[0].fate, WS_FATE_NOT_SENT);
	came(b, 0, 120);
	expect_ledger(b, &(struct ws_ledger){.received = 1, .foreign = 1});
}

static void test_not_sent_takes_back_copies_before(void **state)
{
	struct bench *b = *state;

	ws_match_offered(b->m, 2);
	came(b, 1, 100);
	came(b, 0, 101);
	came(b, 0, 102);
	came(b, 0, 103);
	assert_int_equal(ws_match_ledger(b->m)->reordered, 1);
	assert_int_equal(ws_match_ledger(b->m)->duplicated, 2);
	assert_int_equal(tell(b, 0, 90, WS_ORIGIN_NONE, true), 0);
	sent(b, 1, 95);
	ws_match_finish(b->m);
	assert_int_equal(b->outcomes[0].fate, WS_FATE_NOT_SENT);
	assert_int_equal(b->outcomes[0].rx.arrival_ns, 0);
	assert_int_equal(b->outcomes[1].fate, WS_FATE_MATCHED);
	assert_int_equal(b->outcomes[0].extent, 0);
	assert_int_equal(b->outcomes[1].extent, 0);
	/* Given before the refusal was told; what comes afterwards is not. */
	assert_int_equal(b->copies_count, 2);
	expect_ledger(b, &(struct ws_ledger){.attempted = 2,
				 .sent = 1,
				 .failed = 1,
				 .matched = 1,
				 .received = 4,
				 .foreign = 3});
}

/* ---- Copies, order, and wrong callers. ---- */

static void test_duplicates_open_and_closed(void **state)
{
	struct bench *b = *state;

	sent(b, 0, 100);
	came(b, 0, 110);
	came(b, 0, 120);
	ws_match_advance(b->m, INT64_MIN);
	came(b, 0, 130);
	assert_int_equal(b->outcomes[0].rx.arrival_ns, 110);
	expect_ledger(b,
		&(struct ws_ledger){
			.attempted = 1, .sent = 1, .matched = 1, .received = 3, .duplicated = 2});
	assert_int_equal(b->copies_count, 2);
	assert_int_equal(b->copies[0].arrival_ns, 120);
	assert_int_equal(b->copies[0].app_ns, 119);
	assert_int_equal(b->copies[0].stamp.time.ns, 118);
	assert_int_equal(b->copies[1].arrival_ns, 130);
}

static void test_history_ends(void **state)
{
	struct bench *b = *state;
	uint64_t seq;

	for (seq = 0; seq < 17; seq++) {
		sent(b, seq, 100);
		ws_match_advance(b->m, 5000);
	}
	assert_int_equal(ws_match_base(b->m), 17);
	came(b, 0, 6000);
	assert_int_equal(b->count, 17);
	/* Whether it was the first copy is not known any more: given as a copy, as it counts. */
	assert_int_equal(b->copies_count, 1);
	assert_int_equal(b->copies[0].seq, 0);
	came(b, 1, 6000);
	assert_int_equal(b->count, 18);
	assert_int_equal(b->copies_count, 1);
	expect_ledger(b, &(struct ws_ledger){.attempted = 17,
				 .sent = 17,
				 .lost = 16,
				 .late_arrivals = 1,
				 .received = 2,
				 .duplicated = 1,
				 .beyond_history = 1});
}

static void test_foreign_malformed_and_never_offered(void **state)
{
	struct bench *b = *state;

	ws_match_foreign(b->m);
	ws_match_malformed(b->m);
	ws_match_offered(b->m, 1);
	ws_match_offered(b->m, 0);
	came(b, 0, 100);
	came(b, 1, 100);
	came(b, UINT64_MAX, 100);
	sent(b, 0, 90);
	ws_match_finish(b->m);
	expect_ledger(b, &(struct ws_ledger){.attempted = 1,
				 .sent = 1,
				 .matched = 1,
				 .received = 5,
				 .foreign = 3,
				 .malformed = 1});
}

/* RFC 4737, 7.1's kind of example: 3 is early, so 1 and 2 are reordered; the copy of 3 is not. */
static void test_reordered(void **state)
{
	static const uint64_t order[] = {0, 3, 1, 2, 3, 4};
	struct bench *b = *state;
	uint64_t seq;
	size_t i;

	for (seq = 0; seq < 5; seq++) {
		sent(b, seq, 100);
	}
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		came(b, order[i], 200 + (int64_t)i);
	}
	ws_match_finish(b->m);
	expect_ledger(b, &(struct ws_ledger){.attempted = 5,
				 .sent = 5,
				 .matched = 5,
				 .received = 6,
				 .duplicated = 1,
				 .reordered = 2});
	for (seq = 0; seq < 5; seq++) {
		assert_int_equal(b->outcomes[seq].extent, seq == 1 || seq == 2 ? seq : 0);
	}
}

/* A slot that held a reordered sequence, a failed one or copies is as new. */
static void test_extent_of_a_slot_used_again(void **state)
{
	struct bench *b = *state;

	ws_match_offered(b->m, 16);
	came(b, 3, 99);
	came(b, 1, 100);
	came(b, 2, 101);
	came(b, 0, 102);
	for (uint64_t seq = 0; seq < 4; seq++) {
		assert_int_equal(tell(b, seq, 90, WS_ORIGIN_NONE, seq == 2), 0);
	}
	ws_match_advance(b->m, INT64_MIN);
	assert_int_equal(b->count, 4);
	assert_int_equal(b->outcomes[0].extent, 3);
	assert_int_equal(b->outcomes[1].extent, 1);
	assert_int_equal(b->outcomes[2].extent, 0);
	for (uint64_t seq = 4; seq < 12; seq++) {
		sent(b, seq, 100);
		if (seq != 9) {
			came(b, seq, 110);
		}
		ws_match_advance(b->m, 5000);
		assert_int_equal(b->count, seq + 1);
		assert_int_equal(b->outcomes[seq].extent, 0);
	}
	assert_int_equal(b->outcomes[9].fate, WS_FATE_LOST);
}

/* Everything that was told arrives, also what is not known. */
static void test_instants(void **state)
{
	struct ws_tx_record tx = {
		.seq = 0,
		.intended_ns = 10,
		.app_ns = 20,
		.read_ns = 70,
		.stamp = stamp(WS_ORIGIN_SOFTWARE, 40),
		.at = {30, 40, INT64_MIN},
	};
	struct ws_rx_record rx = {
		.seq = 0,
		.arrival_ns = 50,
		.stamp = stamp(WS_ORIGIN_HARDWARE, 60),
		.app_ns = 80,
		.wire_ns = 60,
		.kernel_ns = INT64_MIN,
	};
	struct bench *b = *state;

	assert_int_equal(ws_match_tx(b->m, &tx), 0);
	ws_match_rx(b->m, &rx);
	tx.seq = 1;
	tx.unsampled = true;
	tx.read_ns = 0;
	tx.at[WS_TX_SCHED] = INT64_MIN;
	tx.at[WS_TX_WIRE] = 45;
	assert_int_equal(ws_match_tx(b->m, &tx), 0);
	ws_match_finish(b->m);
	assert_int_equal(b->outcomes[0].tx.at[WS_TX_SCHED], 30);
	assert_int_equal(b->outcomes[0].tx.at[WS_TX_DRIVER], 40);
	assert_true(b->outcomes[0].tx.at[WS_TX_WIRE] == INT64_MIN);
	assert_int_equal(b->outcomes[0].tx.read_ns, 70);
	assert_false(b->outcomes[0].tx.unsampled);
	assert_int_equal(b->outcomes[0].rx.app_ns, 80);
	assert_int_equal(b->outcomes[0].rx.wire_ns, 60);
	assert_true(b->outcomes[0].rx.kernel_ns == INT64_MIN);
	assert_int_equal(b->outcomes[1].fate, WS_FATE_LOST);
	assert_int_equal(b->outcomes[1].tx.read_ns, 0);
	assert_true(b->outcomes[1].tx.unsampled);
	assert_true(b->outcomes[1].tx.at[WS_TX_SCHED] == INT64_MIN);
	assert_int_equal(b->outcomes[1].tx.at[WS_TX_DRIVER], 40);
	assert_int_equal(b->outcomes[1].tx.at[WS_TX_WIRE], 45);
	rx.seq = 1;
	ws_match_rx(b->m, &rx);
	assert_int_equal(b->count, 3);
	assert_int_equal(b->outcomes[2].fate, WS_FATE_LATE);
	for (unsigned i = 0; i < WS_TX_INSTANTS; i++) {
		assert_true(b->outcomes[2].tx.at[i] == INT64_MIN);
	}
	assert_int_equal(b->outcomes[2].rx.app_ns, 80);
}

/* With two open sequences two gaps are remembered: of 1, 3, 5, 7 those before 5 and 7. */
static void test_extent_beyond_reach(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, WINDOW, 2, 64, 64);
	for (uint64_t seq = 0; seq < 8; seq++) {
		sent(&b, seq, 100);
		if (seq % 2) {
			came(&b, seq, 110);
		}
		ws_match_advance(b.m, 5000);
	}
	assert_int_equal(b.count, 8);
	came(&b, 2, 5000);
	assert_int_equal(b.outcomes[8].fate, WS_FATE_LATE);
	assert_int_equal(b.outcomes[8].extent, UINT64_MAX);
	came(&b, 4, 5000);
	assert_int_equal(b.outcomes[9].fate, WS_FATE_LATE);
	assert_int_equal(b.outcomes[9].extent, 3);
	assert_int_equal(ws_match_ledger(b.m)->reordered, 2);
	close_bench(&b);
}

static void test_late_ones_count_as_reordered(void **state)
{
	struct bench *b = *state;

	sent(b, 0, 100);
	sent(b, 1, 5000);
	ws_match_advance(b->m, 5000);
	came(b, 1, 5100);
	came(b, 0, 5200);
	assert_int_equal(b->outcomes[b->count - 1].extent, 1);
	assert_int_equal(ws_match_ledger(b->m)->reordered, 1);
	assert_int_equal(ws_match_ledger(b->m)->late_arrivals, 1);
}

static void test_closed_in_order(void **state)
{
	struct bench *b = *state;

	sent(b, 1, 100);
	came(b, 1, 110);
	ws_match_advance(b->m, 110);
	assert_int_equal(b->count, 0);
	came(b, 0, 120);
	ws_match_advance(b->m, 5000);
	assert_int_equal(b->count, 0);
	sent(b, 0, 90);
	ws_match_advance(b->m, INT64_MIN);
	assert_int_equal(b->count, 2);
	assert_int_equal(b->outcomes[0].seq, 0);
	assert_int_equal(b->outcomes[1].seq, 1);
}

static void test_wrong_tx_changes_nothing(void **state)
{
	struct bench *b = *state;
	struct ws_ledger before;

	sent(b, 0, 100);
	came(b, 0, 110);
	ws_match_advance(b->m, INT64_MIN);
	sent(b, 3, 100);
	before = *ws_match_ledger(b->m);
	assert_int_equal(tell(b, 0, 1, WS_ORIGIN_NONE, true), -EINVAL);
	assert_int_equal(tell(b, 3, 1, WS_ORIGIN_NONE, true), -EINVAL);
	assert_int_equal(tell(b, 9, 1, WS_ORIGIN_NONE, true), -EINVAL);
	assert_int_equal(tell(b, UINT64_MAX, 1, WS_ORIGIN_NONE, true), -EINVAL);
	assert_memory_equal(ws_match_ledger(b->m), &before, sizeof(before));
	sent(b, 8, 100);
	came(b, 9, 110);
	assert_int_equal(ws_match_ledger(b->m)->foreign, 1);
}

static void test_untold_sequence_stops_finish(void **state)
{
	struct bench *b = *state;

	ws_match_offered(b->m, 3);
	sent(b, 0, 100);
	sent(b, 2, 100);
	ws_match_finish(b->m);
	assert_int_equal(ws_match_base(b->m), 1);
	assert_int_equal(b->count, 1);
	assert_false(balanced(ws_match_ledger(b->m)));
}

static void test_offered_beyond_capacity(void **state)
{
	struct bench *b = *state;

	ws_match_offered(b->m, 100);
	sent(b, 0, 100);
	came(b, 8, 110);
	came(b, 0, 120);
	ws_match_finish(b->m);
	assert_int_equal(b->outcomes[0].rx.arrival_ns, 120);
	expect_ledger(
		b, &(struct ws_ledger){
			   .attempted = 1, .sent = 1, .matched = 1, .received = 2, .foreign = 1});
}

static void test_window_does_not_overflow(void **state)
{
	struct bench *b = *state;

	sent(b, 0, INT64_MAX - 1);
	sent(b, 1, INT64_MAX - 1);
	sent(b, 2, INT64_MIN);
	came(b, 0, INT64_MAX);
	came(b, 2, INT64_MAX);
	ws_match_advance(b->m, INT64_MAX);
	assert_int_equal(ws_match_base(b->m), 1);
	ws_match_finish(b->m);
	assert_int_equal(b->outcomes[0].fate, WS_FATE_MATCHED);
	assert_int_equal(b->outcomes[1].fate, WS_FATE_LOST);
	assert_int_equal(b->outcomes[2].fate, WS_FATE_LATE);
}

static void test_config(void **state)
{
	static const struct ws_match_config bad[] = {
		{.window_ns = 0, .capacity = 8, .history = 8},
		{.window_ns = -1, .capacity = 8, .history = 8},
		{.window_ns = 1, .capacity = 0, .history = 8},
		{.window_ns = 1, .capacity = 12, .history = 16},
		{.window_ns = 1, .capacity = 8, .history = 0},
		{.window_ns = 1, .capacity = 8, .history = 24},
		{.window_ns = 1, .capacity = 8, .history = 4},
	};
	struct ws_match_config huge = {.window_ns = 1, .capacity = 1, .history = UINT64_C(1) << 63};
	struct ws_match *const untouched = (struct ws_match *)&huge;
	struct ws_match *m = untouched;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ws_match_new(&m, &bad[i]), -EINVAL);
	}
	assert_ptr_equal(m, untouched);
	ws_match_free(NULL);
}

static void test_no_sink(void **state)
{
	struct ws_match_config config = {.window_ns = WINDOW, .capacity = 1, .history = 1};
	struct bench b = {0};

	(void)state;
	assert_int_equal(ws_match_new(&b.m, &config), 0);
	sent(&b, 0, 100);
	ws_match_advance(b.m, 5000);
	came(&b, 0, 6000);
	sent(&b, 1, 100);
	came(&b, 1, 110);
	ws_match_finish(b.m);
	assert_int_equal(ws_match_ledger(b.m)->matched, 1);
	assert_int_equal(ws_match_ledger(b.m)->late_arrivals, 1);
	ws_match_free(b.m);
}

/* A long run needs no more than a few open sequences, whatever is lost on the way. */
static void test_small_capacity_long_run(void **state)
{
	struct ws_match_config config = {.window_ns = 40, .capacity = 8, .history = 64};
	const uint64_t count = 1000000;
	struct bench b = {0};
	uint64_t seq;

	(void)state;
	assert_int_equal(ws_match_new(&b.m, &config), 0);
	for (seq = 0; seq < count; seq++) {
		int64_t now = (int64_t)seq * 10;

		sent(&b, seq, now);
		if (seq % 7 != 0) {
			came(&b, seq, now + 1);
		}
		ws_match_advance(b.m, now + 1);
		assert_true(seq + 1 - ws_match_base(b.m) <= 4);
	}
	ws_match_finish(b.m);
	assert_int_equal(ws_match_base(b.m), count);
	assert_int_equal(ws_match_ledger(b.m)->lost, count / 7 + 1);
	assert_true(balanced(ws_match_ledger(b.m)));
	ws_match_free(b.m);
}

static void test_fate_names(void **state)
{
	static const char *const want[] = {"matched", "unstamped_tx", "unstamped_rx",
		"unstamped_both", "lost", "late_arrivals", "not_sent"};
	int i;

	(void)state;
	for (i = 0; i < WS_FATE_COUNT; i++) {
		assert_string_equal(ws_fate_name((enum ws_fate)i), want[i]);
	}
	assert_string_equal(ws_fate_name(WS_FATE_COUNT), "unknown");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_matched),
		CASE(test_unstamped_tx),
		CASE(test_unstamped_rx),
		CASE(test_unstamped_both),
		CASE(test_lost_only_after_the_window),
		CASE(test_late_while_open),
		CASE(test_late_after_lost),
		CASE(test_not_sent),
		CASE(test_withdrawn_counts_nowhere),
		CASE(test_not_sent_takes_back_copies_before),
		CASE(test_duplicates_open_and_closed),
		CASE(test_history_ends),
		CASE(test_foreign_malformed_and_never_offered),
		CASE(test_reordered),
		CASE(test_extent_of_a_slot_used_again),
		CASE(test_instants),
		cmocka_unit_test(test_extent_beyond_reach),
		CASE(test_late_ones_count_as_reordered),
		CASE(test_closed_in_order),
		CASE(test_wrong_tx_changes_nothing),
		CASE(test_untold_sequence_stops_finish),
		CASE(test_offered_beyond_capacity),
		CASE(test_window_does_not_overflow),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_no_sink),
		cmocka_unit_test(test_small_capacity_long_run),
		cmocka_unit_test(test_fate_names),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
