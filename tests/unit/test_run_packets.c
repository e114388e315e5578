/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run keeps of every packet: rows of packets.npy, stages, the run over time and losses, against what the
 * wire did to each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "unit/run_bench.h"
#include "unit/scratch.h"

#define COUNT	2000
#define GAP_NS	10000
#define UNKNOWN WS_PACKETS_UNKNOWN
/* The window is 1 ms; at 2 ms it is sure that nothing came in it. */
#define LATE_NS	     1500000
#define VERY_LATE_NS 3000000
#define LATE	     18 /* half of them very late */

static bool dropped(uint64_t n)
{
	return n % 100 == 7;
}

static bool doubled(uint64_t n)
{
	return n % 200 == 11;
}

static bool refused(uint64_t n)
{
	return n % 125 == 40;
}

static bool without_tx(uint64_t n)
{
	return n % 50 == 23 || n % 250 == 31;
}

static bool without_rx(uint64_t n)
{
	return n % 50 == 24 || n % 250 == 31;
}

/* The last ones would come when nobody looks any more. */
static bool late(uint64_t n)
{
	return n % 100 == 50 && n < COUNT - 200;
}

/* When it comes, it has been told as lost. */
static bool very_late(uint64_t n)
{
	return late(n) && n % 200 == 150;
}

/* Its two followers, of which one at least arrives, are before it. */
static bool overtaken(uint64_t n)
{
	return n % 10 == 5;
}

static unsigned faults(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return (dropped(n) ? IO_FAKE_DROP : 0) | (doubled(n) ? IO_FAKE_DUPLICATE : 0) |
	       (refused(n) ? IO_FAKE_REFUSE : 0) | (without_tx(n) ? IO_FAKE_LOSE_TX_STAMP : 0) |
	       (without_rx(n) ? IO_FAKE_LOSE_RX_STAMP : 0);
}

static int64_t delay(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return very_late(n)   ? VERY_LATE_NS
	       : late(n)      ? LATE_NS
	       : overtaken(n) ? DELAY_NS + 25000
			      : DELAY_NS;
}

static uint32_t flags_of(uint64_t n)
{
	uint32_t flags = overtaken(n) || late(n) ? WS_PACKET_REORDERED : 0;

	flags |= doubled(n) ? WS_PACKET_DUPLICATED : 0;
	if (dropped(n)) {
		return WS_PACKET_LOST;
	}
	if (late(n)) {
		return flags | WS_PACKET_LATE;
	}
	flags |= without_tx(n) ? WS_PACKET_UNSTAMPED_TX : 0;
	flags |= without_rx(n) ? WS_PACKET_UNSTAMPED_RX : 0;
	return without_tx(n) || without_rx(n) ? flags : flags | WS_PACKET_MATCHED;
}

static void check_row(const struct bench *b, const struct ws_packet_row *row, uint64_t n)
{
	struct io_fake_truth truth = io_fake_truth(b->wire, 0, n);
	int64_t sent = without_tx(n) ? UNKNOWN : truth.sent_ns + OFFSET_NS;
	int64_t came = dropped(n) || without_rx(n) ? UNKNOWN : truth.arrival_ns + OFFSET_NS;

	assert_int_equal(row->seq, n);
	assert_int_equal(row->run, 2);
	if (row->flags != flags_of(n)) {
		fail_msg("packet %u: flags %#x, not %#x", (unsigned)n, row->flags, flags_of(n));
	}
	assert_int_equal(row->at[WS_INSTANT_INTENDED], b->start_ns + (int64_t)n * GAP_NS);
	assert_true(row->at[WS_INSTANT_APP_TX] >= row->at[WS_INSTANT_INTENDED]);
	assert_true(row->at[WS_INSTANT_APP_TX] <= truth.sent_ns);
	assert_int_equal(row->at[WS_INSTANT_SCHED], sent);
	assert_int_equal(row->at[WS_INSTANT_DRIVER_TX], sent);
	assert_int_equal(row->at[WS_INSTANT_WIRE_TX], UNKNOWN);
	assert_int_equal(row->at[WS_INSTANT_WIRE_RX], UNKNOWN);
	assert_int_equal(row->at[WS_INSTANT_KERNEL_RX], came);
	if (dropped(n)) {
		assert_int_equal(row->at[WS_INSTANT_APP_RX], UNKNOWN);
	} else {
		assert_true(row->at[WS_INSTANT_APP_RX] >= truth.arrival_ns);
	}
}

static struct ws_packets_reader written(struct bench *b)
{
	struct ws_packets_reader r;
	struct ws_packets_counts c;
	char why[128];

	ws_packets_writer_close(b->packets, &c);
	assert_int_equal(c.fault, 0);
	assert_int_equal(c.dropped + c.unamended, 0);
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, "packets.npy", why, sizeof(why)), 0);
	assert_int_equal(r.rows, c.rows);
	return r;
}

static void test_every_row(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;
	struct ws_packets_reader r;
	struct ws_packet_row row;
	uint64_t i = 0;

	(void)state;
	w.faults = faults;
	w.delay = delay;
	w.count = COUNT;
	w.sched = w.packets = true;
	b = setup(&w);
	l = finish(b);
	assert_int_equal(l->late_arrivals, LATE);
	r = written(b);
	assert_int_equal(r.rows, COUNT - COUNT / 125);
	for (uint64_t n = 0; n < COUNT; n++) {
		if (!refused(n)) {
			ws_packets_get(&r, i++, &row);
			check_row(b, &row, n);
		}
	}
	assert_int_equal(i, r.rows);
	ws_packets_close(&r);
	teardown(b);
}

static uint64_t happened(const struct ws_timeline *t, enum ws_happening what)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->used; i++) {
		sum += t->columns[i].happened[what];
	}
	return sum;
}

static void test_over_time(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;
	const struct ws_timeline *t;

	(void)state;
	w.faults = faults;
	w.delay = delay;
	w.count = COUNT;
	w.sched = w.details = true;
	b = setup(&w);
	l = finish(b);
	t = b->result->timeline;
	assert_int_equal(t->width_ns, 1000000);
	assert_int_equal(happened(t, WS_HAPPENED_SENT), l->sent);
	assert_int_equal(happened(t, WS_HAPPENED_LATE), l->late_arrivals);
	assert_int_equal(happened(t, WS_HAPPENED_LOST), l->lost + l->late_arrivals);
	assert_int_equal(happened(t, WS_HAPPENED_DUPLICATED), l->duplicated);
	assert_int_equal(happened(t, WS_HAPPENED_REORDERED), l->reordered);
	assert_int_equal(happened(t, WS_HAPPENED_UNSTAMPED),
		l->unstamped_tx + l->unstamped_rx + l->unstamped_both);
	/* 100 packets a millisecond; of the first one's, number 40 was refused, 7 dropped, and 50 late. */
	assert_int_equal(t->columns[0].happened[WS_HAPPENED_SENT], 99);
	assert_int_equal(t->columns[0].happened[WS_HAPPENED_LOST], 2);
	assert_int_equal(t->columns[0].min, DELAY_NS);
	assert_int_equal(t->columns[0].max, DELAY_NS + 25000);
	assert_int_equal(b->result->losses.packets, l->lost + l->late_arrivals);
	assert_int_equal(b->result->losses.longest, 1);
	assert_int_equal(b->result->losses.list[0].seq, 7);
	assert_int_equal(b->result->losses.list[0].at_ns, 7 * GAP_NS);
	assert_int_equal(b->result->losses.list[1].seq, 50);
	assert_int_equal(b->result->losses.list[2].seq, 107);
	assert_int_equal(b->result->reordering.reordered, l->reordered);
	assert_int_equal(b->result->from_intended.count, l->matched);
	assert_true(b->result->from_intended.min >= DELAY_NS);
	teardown(b);
}

static void test_stages(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_waterfall *f;
	__int128 sum = 0;

	(void)state;
	w.sched = w.details = true;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 1000);
	f = b->result->waterfall;
	assert_int_equal(f->count, 1000);
	assert_int_equal(f->unfit, 0);
	assert_int_equal(f->stages, 5);
	assert_int_equal(f->from[0], WS_INSTANT_INTENDED);
	assert_int_equal(f->to[1], WS_INSTANT_SCHED);
	/* This wire has no queue. */
	assert_int_equal(f->stage[2].below_range, 1000);
	assert_int_equal(f->from[3], WS_INSTANT_DRIVER_TX);
	assert_int_equal(f->to[3], WS_INSTANT_KERNEL_RX);
	assert_int_equal(f->stage[3].min, DELAY_NS);
	assert_int_equal(f->stage[3].max, DELAY_NS);
	assert_int_equal(f->to[4], WS_INSTANT_APP_RX);
	/* From the intended time to the receiver's kernel, by its stages and in one piece. */
	for (unsigned i = 0; i < 4; i++) {
		sum += f->stage[i].sum;
	}
	assert_true(sum == b->result->from_intended.sum);
	assert_true(f->stage[0].sum == b->result->lateness.sum);
	teardown(b);
}

/* With the program's own times there is no more to tell apart than those. */
static void test_stages_of_user_stamps(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_waterfall *f;

	(void)state;
	w.details = true;
	w.tx = w.rx = WS_ORIGIN_USER;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 1000);
	f = b->result->waterfall;
	assert_int_equal(f->count, 1000);
	assert_int_equal(f->stages, 2);
	assert_int_equal(f->from[1], WS_INSTANT_APP_TX);
	assert_int_equal(f->to[1], WS_INSTANT_APP_RX);
	assert_true(f->stage[1].sum == b->result->latency.sum);
	teardown(b);
}

/* A sender alone knows what it sent, and says nothing of what became of it. */
static void test_sender_alone(void **state)
{
	struct wants w = usual;
	struct bench *b;
	const struct ws_ledger *l;
	struct ws_packets_reader r;

	(void)state;
	w.alone = w.packets = w.sched = w.details = true;
	b = setup(&w);
	l = finish(b);
	assert_int_equal(l->sent, 1000);
	assert_int_equal(l->received, 0);
	assert_true(l->offered_rx == UINT64_MAX);
	assert_int_equal(b->result->latency.count, 0);
	assert_int_equal(b->result->losses.packets, 0);
	assert_int_equal(b->result->lateness.count, 1000);
	assert_int_equal(b->result->gaps.hist.count, 999);
	assert_int_equal(happened(b->result->timeline, WS_HAPPENED_SENT), 1000);
	assert_int_equal(happened(b->result->timeline, WS_HAPPENED_LOST), 0);
	r = written(b);
	assert_int_equal(r.rows, 1000);
	for (uint64_t n = 0; n < r.rows; n++) {
		struct ws_packet_row row;

		ws_packets_get(&r, n, &row);
		assert_int_equal(row.seq, n);
		assert_int_equal(row.flags, 0);
		assert_int_equal(row.at[WS_INSTANT_DRIVER_TX],
			io_fake_truth(b->wire, 0, n).sent_ns + OFFSET_NS);
		assert_int_equal(row.at[WS_INSTANT_KERNEL_RX], UNKNOWN);
		assert_int_equal(row.at[WS_INSTANT_APP_RX], UNKNOWN);
	}
	ws_packets_close(&r);
	teardown(b);
}

/* Flat out nothing is intended: no row may say so. */
static void test_rows_flat_out(void **state)
{
	struct wants w = usual;
	struct bench *b;
	struct ws_packets_reader r;
	struct ws_packet_row row;

	(void)state;
	w.pps = 0;
	w.packets = true;
	b = setup(&w);
	assert_int_equal(finish(b)->matched, 1000);
	assert_int_equal(b->result->from_intended.count, 0);
	r = written(b);
	assert_int_equal(r.rows, 1000);
	ws_packets_get(&r, 999, &row);
	assert_int_equal(row.at[WS_INSTANT_INTENDED], UNKNOWN);
	assert_int_equal(row.at[WS_INSTANT_SCHED], UNKNOWN);
	assert_int_equal(row.flags, WS_PACKET_MATCHED);
	ws_packets_close(&r);
	teardown(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_row, scratch_enter, scratch_leave),
		cmocka_unit_test(test_over_time),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_stages_of_user_stamps),
		cmocka_unit_test_setup_teardown(test_sender_alone, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_rows_flat_out, scratch_enter, scratch_leave),
	};

	return cmocka_run_group_tests_name("run_packets", tests, NULL, NULL);
}
