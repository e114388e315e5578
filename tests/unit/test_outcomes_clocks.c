/* SPDX-License-Identifier: BSD-2-Clause */
/* Outcomes with the stamps of two cards' clocks; what compares these is scripted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "run/outcomes.h"

#define CAPACITY 64
#define START_NS 1000000000
#define GAP_NS	 10000
#define DELAY_NS 5000
#define TX_CLOCK ((enum ws_clock)(WS_CLOCK_PHC + 1))
#define RX_CLOCK ((enum ws_clock)(WS_CLOCK_PHC + 2))
#define TX_AHEAD 37000000000LL
#define RX_AHEAD 1000000LL
#define ERROR_NS 100
#define MOST	 64

/* Pairs are given when the rest is; those of true times within the jump are not known. */
struct ws_clock_watch {
	ws_clock_pair_sink sink;
	void *arg;
	struct ws_clock_pair pairs[MOST];
	unsigned put, given;
	int64_t jump_from, jump_until;
};

static struct ws_clock_watch watch;

void __wrap_ws_clock_watch_use(struct ws_clock_watch *w, ws_clock_pair_sink sink, void *arg);
void __wrap_ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair);
void __wrap_ws_clock_watch_flush(struct ws_clock_watch *w);
bool __wrap_ws_clock_watch_to_monotonic(const struct ws_clock_watch *w, struct ws_time stamp,
	int64_t *ret_ns, int64_t *ret_error_ns);

void __wrap_ws_clock_watch_use(struct ws_clock_watch *w, ws_clock_pair_sink sink, void *arg)
{
	w->sink = sink;
	w->arg = arg;
}

void __wrap_ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair)
{
	assert_true(w->put < MOST);
	w->pairs[w->put++] = *pair;
}

void __wrap_ws_clock_watch_flush(struct ws_clock_watch *w)
{
	for (; w->given < w->put; w->given++) {
		const struct ws_clock_pair *p = &w->pairs[w->given];
		int64_t tx = p->tx_ns - TX_AHEAD, rx = p->rx_ns - RX_AHEAD;
		bool known = tx < w->jump_from || tx >= w->jump_until;

		/* Both lie within what is told of them. */
		assert_in_range(tx, p->after_ns - ERROR_NS, p->before_ns + ERROR_NS);
		assert_in_range(rx, p->after_ns - ERROR_NS, p->before_ns + ERROR_NS);
		w->sink(w->arg, p, known, known ? rx - tx : 0, known ? ERROR_NS : 0);
	}
}

bool __wrap_ws_clock_watch_to_monotonic(const struct ws_clock_watch *w, struct ws_time stamp,
	int64_t *ret_ns, int64_t *ret_error_ns)
{
	assert_ptr_equal(w, &watch);
	if (stamp.clock != TX_CLOCK && stamp.clock != RX_CLOCK) {
		return false;
	}
	*ret_ns = stamp.ns - (stamp.clock == TX_CLOCK ? TX_AHEAD : RX_AHEAD);
	*ret_error_ns = ERROR_NS;
	return *ret_ns < w->jump_from || *ret_ns >= w->jump_until;
}

struct table {
	struct ws_run_shared shared;
	struct ws_receiver_hardware hardware;
	struct ws_run_result *result;
	struct ws_outcomes *outcomes;
	struct ws_ledger ledger; /* as the matcher counts */
};

static void begin(struct table *t, enum ws_clock tx, enum ws_clock rx)
{
	static struct ws_io *const receives = (struct ws_io *)&receives; /* never looked into */
	struct ws_receiver_config c = {
		.io = receives,
		.shared = &t->shared,
		.capacity = CAPACITY,
		.kernel_stamps = true,
		.paced = true,
		.start_ns = START_NS,
		.stages = tx >= WS_CLOCK_PHC ? WS_STAGE_WIRE : WS_STAGE_DRIVER,
		.hardware = &t->hardware,
	};

	watch = (struct ws_clock_watch){0};
	*t = (struct table){0};
	t->hardware = (struct ws_receiver_hardware){
		.tx = tx >= WS_CLOCK_PHC,
		.rx = rx >= WS_CLOCK_PHC,
		.ordered = true,
		.watch = &watch,
	};
	t->result = calloc(1, sizeof(*t->result));
	assert_non_null(t->result);
	t->result->hardware = calloc(1, sizeof(*t->result->hardware));
	t->result->timeline = calloc(1, sizeof(*t->result->timeline));
	t->result->waterfall = calloc(1, sizeof(*t->result->waterfall));
	assert_non_null(t->result->hardware);
	assert_non_null(t->result->timeline);
	assert_non_null(t->result->waterfall);
	t->result->tx_clock = tx;
	t->result->rx_clock = rx;
	c.result = t->result;
	assert_int_equal(ws_outcomes_new(&t->outcomes, &c), 0);
}

static void end(struct table *t)
{
	ws_outcomes_free(t->outcomes);
	ws_run_result_free(t->result);
	free(t->result);
}

static struct ws_stamp stamp_of(enum ws_clock clock, int64_t true_ns)
{
	if (clock == WS_CLOCK_REALTIME) {
		return (struct ws_stamp){{true_ns, clock}, WS_ORIGIN_SOFTWARE};
	}
	return (struct ws_stamp){
		{true_ns + (clock == TX_CLOCK ? TX_AHEAD : RX_AHEAD), clock}, WS_ORIGIN_HARDWARE};
}

static struct ws_outcome outcome(const struct table *t, uint64_t seq)
{
	int64_t intended = START_NS + (int64_t)seq * GAP_NS;

	return (struct ws_outcome){
		.seq = seq,
		.fate = WS_FATE_MATCHED,
		.tx = {.seq = seq,
			.intended_ns = intended,
			.app_ns = intended + 500,
			.read_ns = intended + 4000,
			.stamp = stamp_of(t->result->tx_clock, intended + 1000),
			.at = {INT64_MIN, INT64_MIN, INT64_MIN}},
		.rx = {.seq = seq,
			.arrival_ns = intended + 1000 + DELAY_NS,
			.stamp = stamp_of(t->result->rx_clock, intended + 1000 + DELAY_NS),
			.app_ns = intended + 2000 + DELAY_NS,
			.wire_ns = INT64_MIN,
			.kernel_ns = INT64_MIN},
	};
}

static void take(struct table *t, const struct ws_outcome *out)
{
	t->ledger.attempted++;
	t->ledger.sent++;
	t->ledger.received += out->fate != WS_FATE_LOST;
	t->ledger.matched += out->fate == WS_FATE_MATCHED;
	t->ledger.unstamped_tx += out->fate == WS_FATE_UNSTAMPED_TX;
	t->ledger.lost += out->fate == WS_FATE_LOST;
	ws_outcomes_take(t->outcomes, out);
}

static void finish(struct table *t)
{
	ws_outcomes_finish(t->outcomes);
	ws_outcomes_correct(t->outcomes, &t->ledger);
	t->ledger.in_histogram = t->result->latency.count;
	t->ledger.offered_rx = t->ledger.received;
	assert_true(ws_ledger_balanced(&t->ledger));
}

static uint64_t over_time(const struct table *t, enum ws_happening what)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->result->timeline->used; i++) {
		n += t->result->timeline->columns[i].happened[what];
	}
	return n;
}

static void test_pairs(void **state)
{
	struct table t;

	(void)state;
	begin(&t, TX_CLOCK, RX_CLOCK);
	for (uint64_t n = 0; n < 20; n++) {
		struct ws_outcome out = outcome(&t, n);

		take(&t, &out);
	}
	/* They wait for samples after them. */
	assert_int_equal(t.result->latency.count, 0);
	finish(&t);
	assert_int_equal(watch.put, 20);
	assert_int_equal(t.ledger.matched, 20);
	assert_int_equal(t.result->latency.count, 20);
	assert_int_equal(t.result->latency.min, DELAY_NS);
	assert_int_equal(t.result->latency.max, DELAY_NS);
	assert_int_equal(t.result->from_intended.min, DELAY_NS + 1000);
	assert_int_equal(t.result->hardware->unconverted, 0);
	end(&t);
}

/* What has no relation has no latency, and is told as not stamped; the ledger follows. */
static void test_unknown_pairs(void **state)
{
	struct table t;

	(void)state;
	begin(&t, TX_CLOCK, RX_CLOCK);
	watch.jump_from = START_NS + 5 * GAP_NS;
	watch.jump_until = START_NS + 9 * GAP_NS;
	for (uint64_t n = 0; n < 20; n++) {
		struct ws_outcome out = outcome(&t, n);

		take(&t, &out);
	}
	finish(&t);
	assert_int_equal(t.result->hardware->unconverted, 4);
	assert_int_equal(t.ledger.matched, 16);
	assert_int_equal(t.ledger.unstamped_both, 4);
	assert_int_equal(t.result->latency.count, 16);
	assert_int_equal(over_time(&t, WS_HAPPENED_UNSTAMPED), 4);
	end(&t);
}

/*
 * Stamps that cannot be are taken away: by when the frame was sent, when the stamp was read, when the packet was
 * read, within what the comparing of the clocks may be off.
 */
static void test_impossible(void **state)
{
	struct ws_outcome out;
	struct table t;

	(void)state;
	begin(&t, TX_CLOCK, RX_CLOCK);
	out = outcome(&t, 0);
	out.tx.stamp.time.ns -= 500 + ERROR_NS; /* may still be */
	take(&t, &out);
	out = outcome(&t, 1);
	out.tx.stamp.time.ns -= 501 + ERROR_NS;
	take(&t, &out);
	out = outcome(&t, 2);
	out.tx.stamp.time.ns += 3000 + ERROR_NS; /* may still be */
	take(&t, &out);
	out = outcome(&t, 3);
	out.tx.stamp.time.ns += 3001 + ERROR_NS;
	take(&t, &out);
	out = outcome(&t, 4);
	out.rx.stamp.time.ns += 1001 + ERROR_NS;
	take(&t, &out);
	out = outcome(&t, 5);
	out.tx.stamp.time.ns -= 501 + ERROR_NS;
	out.rx.stamp.time.ns += 1001 + ERROR_NS;
	take(&t, &out);
	out = outcome(&t, 6);
	out.rx.stamp.time.ns -= DELAY_NS + 501 + ERROR_NS; /* before it was sent */
	take(&t, &out);
	/* Without a stamp there is none to take away. */
	out = outcome(&t, 7);
	out.fate = WS_FATE_UNSTAMPED_TX;
	out.tx.stamp = (struct ws_stamp){0};
	out.tx.unsampled = true;
	out.rx.stamp.time.ns += 1001 + ERROR_NS;
	take(&t, &out);
	out = outcome(&t, 8);
	out.fate = WS_FATE_LOST;
	out.tx.stamp.time.ns -= 501 + ERROR_NS;
	take(&t, &out);
	finish(&t);
	assert_int_equal(t.result->hardware->tx_misplaced, 4);
	assert_int_equal(t.result->hardware->rx_misplaced, 4);
	assert_int_equal(t.result->hardware->sampled, 8);
	assert_int_equal(t.result->hardware->unsampled, 1);
	assert_int_equal(t.ledger.matched, 2);
	assert_int_equal(t.ledger.unstamped_tx, 2);
	assert_int_equal(t.ledger.unstamped_rx, 2);
	assert_int_equal(t.ledger.unstamped_both, 2);
	assert_int_equal(t.ledger.lost, 1);
	end(&t);
}

/* A card at one end, the kernel at the other: by what is known of the card's clock then. */
static void test_card_and_kernel(void **state)
{
	(void)state;
	for (int tx = 0; tx < 2; tx++) {
		struct table t;

		begin(&t, tx ? TX_CLOCK : WS_CLOCK_REALTIME, tx ? WS_CLOCK_REALTIME : RX_CLOCK);
		watch.jump_from = START_NS + 3 * GAP_NS;
		watch.jump_until = START_NS + 4 * GAP_NS;
		for (uint64_t n = 0; n < 10; n++) {
			struct ws_outcome out = outcome(&t, n);

			take(&t, &out);
		}
		finish(&t);
		assert_int_equal(watch.put, 0);
		assert_int_equal(t.result->hardware->unconverted, 1);
		assert_int_equal(t.ledger.matched, 9);
		assert_int_equal(t.ledger.unstamped_both, 1);
		assert_int_equal(t.result->latency.count, 9);
		assert_int_equal(t.result->latency.min, DELAY_NS);
		assert_int_equal(t.result->latency.max, DELAY_NS);
		end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_unknown_pairs),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_card_and_kernel),
	};

	return cmocka_run_group_tests_name("outcomes_clocks", tests, NULL, NULL);
}
