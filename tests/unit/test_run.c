/* SPDX-License-Identifier: BSD-2-Clause */
/* Sender and receiver together: what becomes of every packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "unit/run_bench.h"

static void test_every_packet(void **state)
{
	struct bench *b = setup(&usual);
	const struct ws_ledger *l = finish(b);

	(void)state;
	assert_int_equal(l->sent, 1000);
	assert_int_equal(l->matched, 1000);
	assert_int_equal(l->received, 1000);
	assert_int_equal(l->lost + l->duplicated + l->reordered + l->foreign + l->failed, 0);
	assert_int_equal(b->result->latency.count, 1000);
	assert_int_equal(b->result->latency.min, DELAY_NS);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	/* 999 gaps between 1000 departures, none of them further off than the clock's steps. */
	assert_int_equal(b->result->gaps.hist.count, 999);
	assert_int_equal(b->result->gaps.within[WS_GAP_WITHIN - 1], 999);
	assert_int_equal(b->result->lateness.count, 1000);
	assert_true(b->result->lateness.min >= 0);
	assert_int_equal(ws_sender_stats(b->sender)->late, 0);
	assert_true(ws_sender_stats(b->sender)->pacer_waits >= 990);
	teardown(b);
}

/* Gaps that are slept in are as exact as those that are waited out. */
static void test_low_rate(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.pps = 1000;
	w.count = 50;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 50);
	assert_int_equal(b->result->gaps.within[WS_GAP_WITHIN - 1], 49);
	teardown(b);
}

static unsigned mixed_faults(void *arg, unsigned side, uint64_t n)
{
	unsigned faults = 0;

	(void)arg;
	if (side != 0) {
		return 0;
	}
	faults |= n % 100 == 7 ? IO_FAKE_DROP : 0;
	faults |= n % 200 == 11 ? IO_FAKE_DUPLICATE : 0;
	faults |= n % 50 == 23 ? IO_FAKE_LOSE_TX_STAMP : 0;
	faults |= n % 50 == 24 ? IO_FAKE_LOSE_RX_STAMP : 0;
	faults |= n % 250 == 31 ? IO_FAKE_LOSE_TX_STAMP | IO_FAKE_LOSE_RX_STAMP : 0;
	faults |= n % 125 == 40 ? IO_FAKE_REFUSE : 0;
	faults |= n % 60 == 45 ? IO_FAKE_AGAIN : 0;
	return faults;
}

static void test_every_fate(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.faults = mixed_faults;
	w.count = 2000;
	b = setup(&w);
	l = finish(b);
	assert_int_equal(l->attempted, 2000);
	assert_int_equal(l->failed, 16);
	assert_int_equal(l->sent, 1984);
	/* Dropped ones lose nothing else: 7, 107, 207... are in no other class. */
	assert_int_equal(l->lost, 20);
	assert_int_equal(l->duplicated, 10);
	assert_int_equal(l->unstamped_tx, 40);
	assert_int_equal(l->unstamped_rx, 40);
	assert_int_equal(l->unstamped_both, 8);
	assert_int_equal(l->matched, 1984 - 20 - 40 - 40 - 8);
	assert_int_equal(l->received, 1984 - 20 + 10);
	assert_int_equal(b->result->latency.min, DELAY_NS);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	teardown(b);
}

static int64_t overtaken(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 10 == 5 ? DELAY_NS + 25000 : DELAY_NS; /* two and a half gaps more */
}

static void test_reordering_is_exact(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.delay = overtaken;
	b = setup(&w);
	assert_int_equal(finish(b)->reordered, 100);
	assert_int_equal(b->result->ledger.matched, 1000);
	assert_int_equal(b->result->latency.max, DELAY_NS + 25000);
	teardown(b);
}

static int64_t beyond_window(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 100 == 50 ? 3000000 : DELAY_NS; /* the window is 1 ms */
}

static void test_late_is_not_lost(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.delay = beyond_window;
	b = setup(&w);
	l = finish(b);
	/* All but the last few turn up while the run still looks. */
	assert_int_equal(l->late_arrivals + l->lost, 10);
	assert_true(l->late_arrivals >= 7);
	assert_int_equal(l->matched, 990);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	teardown(b);
}

static void test_user_stamps(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.tx = w.rx = WS_ORIGIN_USER;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 1000);
	/* The receiver looks later than the packet comes: never less than the truth. */
	assert_true(b->result->latency.min >= DELAY_NS);
	teardown(b);
}

/* Kernel stamps on one side only: brought together by the relation of the clocks. */
static void test_mixed_stamps(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.tx = WS_ORIGIN_USER;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 1000);
	assert_true(b->result->latency.min >= DELAY_NS);
	assert_true(b->result->latency.max < DELAY_NS + 5000);
	teardown(b);
}

static unsigned no_tx_stamps(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side, (void)n;
	return IO_FAKE_LOSE_TX_STAMP;
}

static void test_driver_without_stamps(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.faults = no_tx_stamps;
	b = setup(&w);
	l = finish(b);
	assert_int_equal(l->sent, 1000);
	assert_int_equal(l->unstamped_tx, 1000);
	assert_int_equal(l->matched, 0);
	assert_true(ws_sender_stats(b->sender)->stamps_paused);
	assert_false(ws_sender_stats(b->sender)->any_stamp);
	teardown(b);
}

static unsigned one_stamp_lost(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n == 500 ? IO_FAKE_LOSE_TX_STAMP : 0;
}

/* The stamp of one packet never comes: the others must not wait for it. */
static void test_one_lost_stamp(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.faults = one_stamp_lost;
	w.count = 20000;
	w.capacity = 1 << 16;
	w.stamp_buffer = 20000; /* 23 stamps under way */
	w.stamp_timeout_ns = 1000000000;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 19999);
	assert_int_equal(b->result->ledger.unstamped_tx, 1);
	assert_true(ws_sender_stats(b->sender)->late < 100);
	teardown(b);
}

static unsigned stamps_lost_for_a_while(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n >= 2000 && n < 4000 ? IO_FAKE_LOSE_TX_STAMP : 0;
}

/* As when a cable is out for a moment: stamps are asked for again when they come again. */
static void test_stamps_come_back(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.faults = stamps_lost_for_a_while;
	w.count = 30000;
	w.pps = 10000; /* 3 s */
	w.capacity = 1 << 16;
	b = setup(&w);
	l = finish(b);
	assert_true(ws_sender_stats(b->sender)->stamps_paused);
	assert_int_equal(l->matched + l->unstamped_tx, 30000);
	/* Some more than the 2000 have none: those sent until the next one was asked for. */
	assert_in_range(l->unstamped_tx, 2000, 2000 + 11000);
	teardown(b);
}

/* A rate out of reach does not make the run longer than was asked for. */
static void test_rate_out_of_reach(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.pps = 1000000000;
	w.count = 1000000000;
	w.capacity = 1 << 16;
	w.overtime_ns = 1000000;
	b = setup(&w);
	assert_true(finish(b)->matched > 50);
	assert_true(ws_sender_stats(b->sender)->overran);
	assert_true(ws_sender_stats(b->sender)->end_ns < b->start_ns + w.overtime_ns + 5000000);
	teardown(b);
}

static void test_flat_out(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.pps = 0;
	w.count = 5000;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 5000);
	assert_int_equal(b->result->lateness.count, 0);		   /* nothing was intended */
	assert_true(ws_sender_stats(b->sender)->pacer_waits <= 1); /* for the start */
	teardown(b);
}

/* Flat out for a while: the end comes although there is always something left to send. */
static void test_flat_out_ends_in_time(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.pps = 0;
	w.count = 0;
	w.duration_ns = 20000000;
	w.stamp_buffer = 20000; /* always at the bound on stamps under way... */
	w.capacity = 1 << 20;	/* ...and never at that on open sequences */
	w.delay_ns = 100;
	b = setup(&w);
	assert_true(finish(b)->matched > 100);
	assert_true(ws_sender_stats(b->sender)->end_ns < b->start_ns + w.duration_ns + 5000000);
	teardown(b);
}

/* A small window of sequences holds the sender up, and loses nothing. */
static void test_capacity_holds_the_sender(void **state)
{
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.capacity = 16;
	w.delay_ns = 500000; /* 50 packets at this rate */
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 1000);
	assert_true(ws_sender_stats(b->sender)->window_waited);
	teardown(b);
}

static void test_stop_in_the_middle(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.faults = mixed_faults; /* so that frames are staged and refused at that moment, too */
	w.stamp_delay_ns = 300000;
	b = setup(&w);
	while (atomic_load(&b->shared.accepted) < 300) {
		assert_true(ws_sender_step(b->sender));
		assert_int_not_equal(ws_receiver_step(b->receiver), WS_RECEIVER_DONE);
	}
	atomic_store(&b->shared.stop, 1);
	l = finish(b);
	assert_true(l->sent >= 300 && l->sent < 340);
	assert_true(l->matched > 250);
	teardown(b);
}

static void test_interface_goes_away(void **state)
{
	struct bench *b = setup(&usual);
	const struct ws_ledger *l;

	(void)state;
	while (atomic_load(&b->shared.accepted) < 300) {
		assert_true(ws_sender_step(b->sender));
		assert_int_not_equal(ws_receiver_step(b->receiver), WS_RECEIVER_DONE);
	}
	io_fake_remove(b->wire);
	l = finish(b);
	assert_int_equal(atomic_load(&b->shared.sender_fault), -ENODEV);
	assert_int_equal(l->sent, 300);
	assert_int_equal(l->matched + l->lost + l->unstamped_tx, 300);
	assert_true(l->matched > 250);
	teardown(b);
}

/* What others send to the same interface never enters the histogram. */
static void test_foreign_traffic(void **state)
{
	struct bench *b = setup(&usual);
	struct ws_frame_template other;
	struct ws_frame_spec spec = {
		.carrier = WS_CARRIER_UDP,
		.payload = WS_PAYLOAD_SHORT,
		.dst_port = WS_UDP_PORT,
		.len = 60,
		.stream = 3,
	};
	static const uint32_t run_ids[] = {RUN_ID + 1, RUN_ID, RUN_ID};
	static const uint16_t streams[] = {3, 4, 3};
	const struct ws_ledger *l;
	struct ws_io_slot slot;
	struct ws_io *tx;

	(void)state;
	assert_int_equal(io_fake_ops.open(&tx,
				 &(struct ws_io_config){
					 .dirs = WS_IO_TX,
					 .ifindex = io_fake_ifindex(b->wire, 0),
				 }),
		0);
	/* Another run; another rate of this run; this run, but a sequence that was never sent. */
	for (int i = 0; i < 3; i++) {
		struct ws_io_tx frame = {.len = 60};

		spec.run_id = run_ids[i];
		spec.stream = streams[i];
		assert_int_equal(ws_frame_template_init(&other, &spec), 0);
		assert_int_equal(ws_io_tx_reserve(tx, &slot, 1), 1);
		ws_frame_write(&other, slot.data, 123456, 0);
		assert_int_equal(ws_io_tx_submit(tx, &frame, 1), 1);
	}
	l = finish(b);
	assert_int_equal(l->foreign, 3);
	assert_int_equal(l->matched, 1000);
	assert_int_equal(l->received, 1003);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	ws_io_close(tx);
	teardown(b);
}

#define COLLECT_LEN 98

static uint32_t write_collect(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	(void)intended_ns;
	(void)arg;
	(void)n;
	memset(buf, 0x55, COLLECT_LEN);
	return COLLECT_LEN;
}

static unsigned again_at_100(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 0 && n == 100 ? IO_FAKE_AGAIN : 0;
}

/* Frames that are built when a run is stopped were never sent, by what fetches the last stamps neither. */
static void test_withdrawn_is_not_sent_later(void **state)
{
	static const struct ws_frame_source collect = {
		.write = write_collect, .len_max = COLLECT_LEN};
	struct wants w = usual;
	const struct ws_sender_stats *stats;
	struct ws_io_config config = {.dirs = WS_IO_RX};
	struct ws_io_view views[256];
	struct ws_io *watch;
	struct bench *b;

	(void)state;
	w.collect = &collect;
	w.faults = again_at_100;
	b = setup(&w);
	stats = ws_sender_stats(b->sender);
	config.ifindex = io_fake_ifindex(b->wire, 1);
	assert_int_equal(io_fake_ops.open(&watch, &config), 0);
	/* Exchanges that lack a stamp, which nobody brings. */
	atomic_store(&b->shared.waiting, 1);
	while (!stats->again) {
		assert_true(ws_sender_step(b->sender));
	}
	assert_int_equal(io_fake_count(b->wire, 0), 100);
	atomic_store(&b->shared.stop, 1);
	(void)finish(b);
	assert_int_equal(b->result->ledger.sent, 100);
	assert_true(stats->collects > 1);
	assert_int_equal(io_fake_count(b->wire, 0), 100 + stats->collects);
	assert_int_equal(ws_io_rx_peek(watch, views, 256), 100 + stats->collects);
	for (uint64_t n = 0; n < 100 + stats->collects; n++) {
		assert_int_equal(views[n].data[0] == 0x55, n >= 100);
	}
	ws_io_close(watch);
	teardown(b);
}

/* No packet is in the program before it is in the kernel. */
static void test_program_sees_it_after_the_kernel(void **state)
{
	struct wants w = usual;
	const struct ws_waterfall *f;
	struct bench *b;

	(void)state;
	w.details = true;
	w.peek_ns = 7000;
	b = setup(&w);
	(void)finish(b);
	f = b->result->waterfall;
	assert_int_equal(f->count, w.count);
	assert_int_equal(f->to[f->stages - 1], WS_INSTANT_APP_RX);
	assert_int_equal(f->stage[f->stages - 1].negative, 0);
	teardown(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_packet),
		cmocka_unit_test(test_low_rate),
		cmocka_unit_test(test_every_fate),
		cmocka_unit_test(test_reordering_is_exact),
		cmocka_unit_test(test_late_is_not_lost),
		cmocka_unit_test(test_user_stamps),
		cmocka_unit_test(test_mixed_stamps),
		cmocka_unit_test(test_driver_without_stamps),
		cmocka_unit_test(test_one_lost_stamp),
		cmocka_unit_test(test_stamps_come_back),
		cmocka_unit_test(test_rate_out_of_reach),
		cmocka_unit_test(test_flat_out),
		cmocka_unit_test(test_flat_out_ends_in_time),
		cmocka_unit_test(test_capacity_holds_the_sender),
		cmocka_unit_test(test_stop_in_the_middle),
		cmocka_unit_test(test_interface_goes_away),
		cmocka_unit_test(test_foreign_traffic),
		cmocka_unit_test(test_withdrawn_is_not_sent_later),
		cmocka_unit_test(test_program_sees_it_after_the_kernel),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
