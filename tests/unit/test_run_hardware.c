/* SPDX-License-Identifier: BSD-2-Clause */
/* Sender and receiver together, with the stamps of a card: which packets are asked for one, and what becomes of stamps
 * that are missing, of other packets, or of a clock that nothing is compared with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "unit/run_bench.h"
#include "unit/scratch.h"

#define COUNT 1000
#define GAP   10000

static struct wants cards(void)
{
	struct wants w = usual;

	w.tx = w.rx = WS_ORIGIN_HARDWARE;
	w.count = COUNT;
	w.capacity = 8192;
	w.stamp_timeout_ns = 200000;
	return w;
}

/* Of a run with unsampled packets: the sender, the frames and the result tell the same. */
static uint64_t check_unsampled(const struct bench *b)
{
	const struct ws_hardware_facts *h = b->result->hardware;
	uint64_t muted = 0;

	for (uint64_t n = 0; n < b->plan.count; n++) {
		muted += b->muted[n];
	}
	assert_int_equal(h->sampled + h->unsampled, b->result->ledger.sent);
	assert_true(muted >= h->unsampled);
	assert_true(muted <= h->unsampled + b->result->ledger.failed);
	return h->sampled;
}

static uint64_t missing(const struct bench *b)
{
	struct ws_io_stats stats;

	ws_io_stats(b->tx, &stats);
	return stats.stamps_missing;
}

static void test_every_packet(void **state)
{
	struct wants w = cards();
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);

	(void)state;
	assert_int_equal(l->matched, COUNT);
	assert_int_equal(b->result->latency.count, COUNT);
	assert_int_equal(b->result->latency.min, DELAY_NS);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	assert_int_equal(b->result->hardware->sampled, COUNT);
	assert_int_equal(b->result->hardware->unsampled, 0);
	assert_int_equal(b->result->hardware->tx_misplaced, 0);
	assert_int_equal(b->result->hardware->rx_misplaced, 0);
	assert_int_equal(b->result->hardware->unconverted, 0);
	/* Departures are by the card's clock. */
	assert_int_equal(b->result->gaps.hist.count, COUNT - 1);
	teardown(b);
}

/* No more are asked for than the card holds, each of them comes, and the rest goes without. */
static void test_as_many_as_the_card_holds(void **state)
{
	static const unsigned held[] = {1, 2, 3};

	(void)state;
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		struct wants w = cards();
		struct bench *b;
		const struct ws_ledger *l;
		uint64_t sampled;

		/* A stamp can be read after 4.5 gaps: so one in five or six has one. */
		w.hw_delay_ns = 45000;
		w.hw_in_flight = w.in_flight = held[i];
		b = setup(&w);
		l = finish(b);
		sampled = check_unsampled(b);
		assert_in_range(sampled, COUNT * held[i] / 6, COUNT * held[i] / 5 + held[i]);
		assert_int_equal(missing(b), 0);
		assert_int_equal(l->matched, sampled);
		assert_int_equal(l->unstamped_tx, COUNT - sampled);
		assert_int_equal(b->result->latency.min, DELAY_NS);
		assert_int_equal(b->result->latency.max, DELAY_NS);
		assert_false(ws_sender_stats(b->sender)->stamps_paused);
		teardown(b);
	}
}

/* The same card, of which that is not known. */
static void test_more_than_the_card_holds(void **state)
{
	struct wants w = cards();
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.hw_delay_ns = 45000;
	w.hw_in_flight = 1;
	b = setup(&w);
	l = finish(b);
	assert_int_equal(b->result->hardware->unsampled, 0);
	assert_true(missing(b) > COUNT / 2);
	assert_int_equal(l->unstamped_tx, missing(b));
	assert_int_equal(l->matched, COUNT - missing(b));
	teardown(b);
}

static void test_gap_between_samples(void **state)
{
	struct wants w = cards();
	struct bench *b;
	uint64_t sampled;

	(void)state;
	w.in_flight = 1;
	w.sample_gap_ns = 10 * GAP - GAP / 2;
	b = setup(&w);
	finish(b);
	sampled = check_unsampled(b);
	assert_in_range(sampled, COUNT / 10 - 1, COUNT / 10 + 1);
	/* The first is, and then each tenth. */
	assert_int_equal(b->muted[0], 0);
	for (uint64_t n = 0, last = 0; n < COUNT; n++) {
		if (!b->muted[n]) {
			assert_true(n == 0 || n - last >= 10);
			last = n;
		}
	}
	teardown(b);
}

/* The stages of the kernel are asked for all the same. */
static void test_stages_without_the_card(void **state)
{
	struct wants w = cards();
	struct bench *b;
	uint64_t sampled;

	(void)state;
	w.in_flight = w.hw_in_flight = 1;
	w.hw_delay_ns = 45000;
	w.sched = true;
	w.details = true;
	b = setup(&w);
	assert_int_equal(finish(b)->sent, COUNT);
	sampled = check_unsampled(b);
	assert_true(sampled < COUNT / 2);
	assert_int_equal(b->result->ledger.matched, sampled);
	assert_int_equal(missing(b), 0);
	teardown(b);
}

static void test_rows_have_both_times(void **state)
{
	struct ws_packets_reader r;
	struct ws_packets_counts c;
	struct ws_packet_row row;
	struct wants w = cards();
	struct bench *b;
	char why[128];

	(void)state;
	w.in_flight = 1;
	w.sample_gap_ns = 2 * GAP - GAP / 2;
	w.sched = true;
	w.packets = true;
	b = setup(&w);
	finish(b);
	ws_packets_writer_close(b->packets, &c);
	assert_int_equal(c.rows, COUNT);
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, "packets.npy", why, sizeof(why)), 0);
	for (uint64_t n = 0; n < COUNT; n++) {
		struct io_fake_truth t = io_fake_truth(b->wire, 0, n);

		ws_packets_get(&r, n, &row);
		assert_int_equal(row.seq, n);
		assert_int_equal(
			row.flags, b->muted[n] ? WS_PACKET_UNSTAMPED_TX : WS_PACKET_MATCHED);
		assert_int_equal(row.at[WS_INSTANT_WIRE_TX],
			b->muted[n] ? WS_PACKETS_UNKNOWN : t.sent_ns + HW_AHEAD);
		assert_int_equal(row.at[WS_INSTANT_SCHED], t.sent_ns + OFFSET_NS);
		assert_int_equal(row.at[WS_INSTANT_DRIVER_TX], t.sent_ns + OFFSET_NS);
		assert_int_equal(row.at[WS_INSTANT_WIRE_RX], t.arrival_ns + HW_AHEAD);
		assert_int_equal(row.at[WS_INSTANT_KERNEL_RX], t.arrival_ns + OFFSET_NS);
	}
	ws_packets_close(&r);
	teardown(b);
}

static unsigned refuse_a_third(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 3 == 0 ? IO_FAKE_REFUSE : n % 7 == 0 ? IO_FAKE_AGAIN : 0;
}

/* A refused frame is held by no card. */
static void test_refused_hold_nothing(void **state)
{
	struct wants w = cards();
	struct bench *b;
	const struct ws_ledger *l;
	uint64_t sampled;

	(void)state;
	w.in_flight = w.hw_in_flight = 1;
	w.hw_delay_ns = 45000;
	w.faults = refuse_a_third;
	w.frame_ns = 600; /* those that go together leave one after the other */
	b = setup(&w);
	l = finish(b);
	assert_int_equal(l->failed, COUNT / 3 + 1);
	sampled = check_unsampled(b);
	assert_true(sampled >= COUNT / 9);
	assert_int_equal(l->matched, sampled);
	assert_int_equal(missing(b), 0);
	teardown(b);
}

static unsigned lose_some(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 4 == 1 ? IO_FAKE_LOSE_TX_HW : 0;
}

/* One that does not come is missing, and after it the next is asked for. */
static void test_lost_ones_hold_up_for_a_while(void **state)
{
	struct wants w = cards();
	struct bench *b;
	const struct ws_ledger *l;
	uint64_t sampled;

	(void)state;
	w.in_flight = w.hw_in_flight = 1;
	w.faults = lose_some;
	b = setup(&w);
	l = finish(b);
	sampled = check_unsampled(b);
	assert_true(missing(b) > 10);
	assert_true(sampled > missing(b));
	assert_int_equal(l->matched, sampled - missing(b));
	assert_int_equal(l->unstamped_tx, COUNT - l->matched);
	teardown(b);
}

static unsigned all_lost(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side, (void)n;
	return IO_FAKE_LOSE_TX_HW;
}

/* After a while few are asked for, whatever the card holds; the others are not said to lack one. */
static void test_none_comes(void **state)
{
	(void)state;
	for (unsigned held = 0; held < 2; held++) {
		struct wants w = cards();
		struct bench *b;
		const struct ws_ledger *l;

		w.in_flight = held;
		w.faults = all_lost;
		b = setup(&w);
		l = finish(b);
		assert_int_equal(check_unsampled(b), missing(b));
		assert_true(b->result->hardware->unsampled > COUNT / 2);
		assert_int_equal(l->unstamped_tx, COUNT);
		assert_int_equal(l->matched, 0);
		assert_false(ws_sender_stats(b->sender)->any_stamp);
		teardown(b);
	}
}

static unsigned fault_of; /* of each hundredth packet */

static unsigned each_hundredth(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 100 == 50 ? fault_of : 0;
}

/* Stamps of other packets are found, with the neighbour whose they are, and none gives a latency. */
static void test_misplaced(void **state)
{
	static const struct {
		unsigned fault;
		bool rx;
	} cases[] = {
		{IO_FAKE_SWAP_TX_HW, false},
		{IO_FAKE_STALE_TX_HW, false},
		{IO_FAKE_SWAP_RX_HW, true},
		{IO_FAKE_STALE_RX_HW, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wants w = cards();
		const struct ws_hardware_facts *h;
		const struct ws_ledger *l;
		struct bench *b;

		fault_of = cases[i].fault;
		w.faults = each_hundredth;
		b = setup(&w);
		l = finish(b);
		h = b->result->hardware;
		assert_int_equal(h->tx_misplaced, cases[i].rx ? 0 : 20);
		assert_int_equal(h->rx_misplaced, cases[i].rx ? 20 : 0);
		assert_int_equal(l->unstamped_tx, cases[i].rx ? 0 : 20);
		assert_int_equal(l->unstamped_rx, cases[i].rx ? 20 : 0);
		assert_int_equal(l->unstamped_both, 0);
		assert_int_equal(l->matched, COUNT - 20);
		assert_int_equal(b->result->latency.count, COUNT - 20);
		assert_int_equal(b->result->latency.min, DELAY_NS);
		assert_int_equal(b->result->latency.max, DELAY_NS);
		teardown(b);
	}
}

/* Both ends' at once, and beside them stamps that are missing: each packet is in one account. */
static void test_misplaced_at_both_ends(void **state)
{
	struct wants w = cards();
	const struct ws_ledger *l;
	struct bench *b;

	(void)state;
	fault_of = IO_FAKE_STALE_TX_HW | IO_FAKE_STALE_RX_HW;
	w.faults = each_hundredth;
	b = setup(&w);
	assert_true(io_fake_fault(b->wire, 0, 10, IO_FAKE_LOSE_TX_HW));
	assert_true(io_fake_fault(b->wire, 0, 11, IO_FAKE_LOSE_RX_HW));
	assert_true(io_fake_fault(b->wire, 0, 12, IO_FAKE_LOSE_TX_HW | IO_FAKE_LOSE_RX_HW));
	assert_true(io_fake_fault(b->wire, 0, 13, IO_FAKE_DROP));
	l = finish(b);
	assert_int_equal(b->result->hardware->tx_misplaced, 20);
	assert_int_equal(b->result->hardware->rx_misplaced, 20);
	assert_int_equal(l->unstamped_both, 20 + 1);
	assert_int_equal(l->unstamped_tx, 1);
	assert_int_equal(l->unstamped_rx, 1);
	assert_int_equal(l->lost, 1);
	assert_int_equal(l->matched, COUNT - 24);
	assert_int_equal(b->result->latency.min, DELAY_NS);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	teardown(b);
}

/* Two packets may have one stamp where the clock ticks that slowly, and only there. */
static void test_coarse_clocks(void **state)
{
	struct wants w = cards();
	struct bench *b;

	(void)state;
	w.hw_resolution_ns = 5 * GAP;
	w.coarse = true;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, COUNT);
	assert_int_equal(b->result->hardware->tx_misplaced, 0);
	assert_int_equal(b->result->hardware->rx_misplaced, 0);
	teardown(b);
	w.coarse = false;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 0);
	assert_true(b->result->hardware->tx_misplaced > COUNT / 2);
	teardown(b);
}

/* What was overtaken on its way has the right stamp. */
static int64_t overtaken(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 10 == 5 ? DELAY_NS + 25000 : DELAY_NS;
}

static void test_reordered_are_right(void **state)
{
	struct wants w = cards();
	struct bench *b;

	(void)state;
	w.delay = overtaken;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, COUNT);
	assert_int_equal(b->result->ledger.reordered, COUNT / 10);
	assert_int_equal(b->result->hardware->rx_misplaced, 0);
	assert_int_equal(b->result->latency.max, DELAY_NS + 25000);
	teardown(b);
}

/* A card's clock at one end, the kernel's at the other, and nothing that compares them: no latency is made up. */
static void test_clocks_without_relation(void **state)
{
	static const enum ws_origin other[] = {WS_ORIGIN_SOFTWARE, WS_ORIGIN_USER};

	(void)state;
	for (int tx = 0; tx < 2; tx++) {
		for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
			struct wants w = cards();
			const struct ws_ledger *l;
			struct bench *b;

			*(tx ? &w.rx : &w.tx) = other[i];
			b = setup(&w);
			l = finish(b);
			assert_int_equal(l->matched, 0);
			assert_int_equal(l->unstamped_both, COUNT);
			assert_int_equal(b->result->latency.count, 0);
			assert_int_equal(b->result->hardware->unconverted, COUNT);
			teardown(b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_packet),
		cmocka_unit_test(test_as_many_as_the_card_holds),
		cmocka_unit_test(test_more_than_the_card_holds),
		cmocka_unit_test(test_gap_between_samples),
		cmocka_unit_test(test_stages_without_the_card),
		cmocka_unit_test_setup_teardown(
			test_rows_have_both_times, scratch_enter, scratch_leave),
		cmocka_unit_test(test_refused_hold_nothing),
		cmocka_unit_test(test_lost_ones_hold_up_for_a_while),
		cmocka_unit_test(test_none_comes),
		cmocka_unit_test(test_misplaced),
		cmocka_unit_test(test_misplaced_at_both_ends),
		cmocka_unit_test(test_coarse_clocks),
		cmocka_unit_test(test_reordered_are_right),
		cmocka_unit_test(test_clocks_without_relation),
	};

	return cmocka_run_group_tests_name("run_hardware", tests, NULL, NULL);
}
