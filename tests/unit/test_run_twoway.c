/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trips: sender, reflector and receiver on a wire that takes 10 us there and 30 us back, where answers,
 * requests and stamps get lost on command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "unit/run_bench.h"

#define THERE_NS 10000
#define BACK_NS	 30000
#define COUNT	 1000

static int64_t ways(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)n;
	return side ? BACK_NS : THERE_NS;
}

static struct wants two_way(unsigned (*faults)(void *arg, unsigned side, uint64_t n))
{
	struct wants w = usual;

	w.two_way = true;
	w.details = true;
	w.delay = ways;
	w.faults = faults;
	return w;
}

/* Every value is the wire's, to the nanosecond; so many exchanges, and so many that lack a stamp. */
static const struct ws_two_way *expect(struct bench *b, uint64_t exchanges, uint64_t incomplete)
{
	const struct ws_two_way *t = b->result->two_way;

	assert_int_equal(t->exchanges, exchanges);
	assert_int_equal(t->incomplete, incomplete);
	assert_int_equal(b->result->latency.count, exchanges + incomplete);
	assert_int_equal(t->rtt.count, exchanges);
	assert_int_equal(t->residence.count, exchanges);
	if (exchanges) {
		assert_int_equal(t->rtt.min, THERE_NS + BACK_NS);
		assert_int_equal(t->rtt.max, THERE_NS + BACK_NS);
		assert_true(t->residence.min >= 0);
	}
	return t;
}

static void test_every_exchange(void **state)
{
	struct wants w = two_way(NULL);
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);
	const struct ws_two_way *t = expect(b, COUNT, 0);
	uint64_t in_columns = 0;

	(void)state;
	assert_int_equal(l->sent, COUNT);
	assert_int_equal(l->matched, COUNT);
	/* Answers to collects are in no account of packets. */
	assert_int_equal(l->received, COUNT);
	assert_int_equal(l->foreign + l->malformed + l->duplicated + l->lost, 0);
	assert_int_equal(t->answered, COUNT);
	assert_true(t->same_clock);
	assert_int_equal(t->rtt_bound_ns, 1);
	assert_int_equal(t->ways_bound_ns, 1);
	assert_int_equal(t->forward.min, THERE_NS);
	assert_int_equal(t->forward.max, THERE_NS);
	assert_int_equal(t->backward.min, BACK_NS);
	assert_int_equal(t->backward.max, BACK_NS);
	assert_int_equal(t->clocks.offset_ns, 0);
	assert_true(b->result->latency.sum == t->rtt.sum + t->residence.sum);
	/* The last answer's stamp was fetched; some probes that do it may still be under way then. */
	assert_in_range(t->collects, 1, ws_sender_stats(b->sender)->collects);
	assert_true(ws_sender_stats(b->sender)->collects < 20);
	assert_int_equal(b->result->jitter.count, COUNT - 1);
	assert_true(b->result->jitter.max == 0);
	for (unsigned i = 0; i < b->result->timeline->used; i++) {
		in_columns += b->result->timeline->columns[i].count;
	}
	assert_int_equal(in_columns, COUNT);
	assert_int_equal(b->result->timeline->used, 10); /* ms */
	assert_int_equal(b->result->waterfall->count, COUNT);
	teardown(b);
}

/* Two clocks, one 5 ms ahead: the round trip needs no common time, and each way is within its bound. */
static void test_two_clocks(void **state)
{
	struct wants w = two_way(NULL);
	struct bench *b;
	const struct ws_two_way *t;

	(void)state;
	w.far_boot = BOOT + 1;
	w.far_ahead_ns = 5000000;
	w.count = 20000;
	w.capacity = 1 << 16;
	b = setup(&w);
	finish(b);
	t = expect(b, 20000, 0);
	assert_false(t->same_clock);
	assert_true(t->clocks.known);
	assert_true(llabs(t->clocks.offset_ns - w.far_ahead_ns) <= t->clocks.offset_error_ns);
	assert_int_equal(t->clocks.steps, 0);
	assert_int_equal(t->forward.count, 20000);
	/* Half of the round trip, as all take the same; and what the clocks may part over the residence. */
	assert_in_range(t->ways_bound_ns, (BACK_NS + THERE_NS) / 2,
		(BACK_NS + THERE_NS) / 2 + 10 + t->residence.max / 1000);
	assert_true(t->forward.max - THERE_NS <= t->ways_bound_ns);
	assert_true(BACK_NS - t->backward.min <= t->ways_bound_ns);
	teardown(b);
}

static unsigned lose_requests(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 0 && n < COUNT && n % 100 == 7 ? IO_FAKE_DROP : 0;
}

static void test_lost_requests(void **state)
{
	struct wants w = two_way(lose_requests);
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);
	const struct ws_two_way *t = expect(b, COUNT - 10, 0);

	(void)state;
	assert_int_equal(l->lost, 10);
	assert_int_equal(t->answered, COUNT - 10);
	assert_int_equal(b->result->losses.packets, 10);
	assert_int_equal(b->result->losses.episodes, 10);
	assert_int_equal(b->result->losses.list[3].seq, 307);
	assert_int_equal(b->result->losses.list[3].at_ns, 3070000);
	teardown(b);
}

static unsigned lose_answers(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 1 && n < COUNT && n % 100 == 7 ? IO_FAKE_DROP : 0;
}

/* With an answer the stamp is lost that travels in it: another one's. */
static void test_lost_answers(void **state)
{
	struct wants w = two_way(lose_answers);
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);
	const struct ws_two_way *t = expect(b, COUNT - 20, 10);

	(void)state;
	assert_int_equal(l->lost, 10);
	assert_int_equal(l->matched, COUNT - 10);
	assert_int_equal(t->answered, COUNT);
	teardown(b);
}

static unsigned double_requests(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 0 && n < COUNT && n % 50 == 7 ? IO_FAKE_DUPLICATE : 0;
}

static void test_doubled_requests(void **state)
{
	struct wants w = two_way(double_requests);
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);
	const struct ws_two_way *t = expect(b, COUNT, 0);

	(void)state;
	assert_int_equal(ws_reflect_counts(b->reflect)[WS_REFLECT_REPEATED], 20);
	assert_int_equal(l->duplicated, 0);
	assert_int_equal(t->answered, COUNT);
	teardown(b);
}

static unsigned double_answers(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 1 && n < COUNT && n % 50 == 7 ? IO_FAKE_DUPLICATE : 0;
}

static void test_doubled_answers(void **state)
{
	struct wants w = two_way(double_answers);
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);

	(void)state;
	expect(b, COUNT, 0);
	assert_int_equal(l->duplicated, 20);
	assert_int_equal(l->received, COUNT + 20);
	teardown(b);
}

/* Which stamp of every tenth exchange does not come: side, fault. */
struct missing {
	unsigned side, fault;
	uint64_t unstamped_tx, unstamped_rx, incomplete;
};
static const struct missing *missing;

static unsigned lose_a_stamp(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == missing->side && n < COUNT && n % 10 == 3 ? missing->fault : 0;
}

static void test_each_stamp_missing(void **state)
{
	static const struct missing all[] = {
		{0, IO_FAKE_LOSE_TX_STAMP, 100, 0, 0}, /* t1 */
		{0, IO_FAKE_LOSE_RX_STAMP, 0, 0, 100}, /* t2 */
		{1, IO_FAKE_LOSE_TX_STAMP, 0, 0, 100}, /* t3 */
		{1, IO_FAKE_LOSE_RX_STAMP, 0, 100, 0}, /* t4 */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct wants w = two_way(lose_a_stamp);
		struct bench *b;
		const struct ws_ledger *l;

		missing = &all[i];
		b = setup(&w);
		l = finish(b);
		expect(b, COUNT - 100, all[i].incomplete);
		assert_int_equal(l->unstamped_tx, all[i].unstamped_tx);
		assert_int_equal(l->unstamped_rx, all[i].unstamped_rx);
		assert_int_equal(l->lost, 0);
		teardown(b);
	}
}

static unsigned no_far_stamps(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)n;
	return side == 1 ? IO_FAKE_LOSE_TX_STAMP : 0;
}

/* The far side stamps nothing on transmit: what there is without is told, and nobody waits for long. */
static void test_far_side_without_stamps(void **state)
{
	struct wants w = two_way(no_far_stamps);
	struct bench *b = setup(&w);
	const struct ws_ledger *l = finish(b);
	const struct ws_two_way *t = expect(b, 0, COUNT);

	(void)state;
	assert_int_equal(l->matched, COUNT);
	assert_int_equal(b->result->latency.count, COUNT);
	assert_true(b->result->latency.min >= THERE_NS + BACK_NS);
	assert_int_equal(t->ways_bound_ns, -1);
	assert_false(t->clocks.known && t->rtt.count);
	assert_in_range(t->collects, 1, 20);
	teardown(b);
}

static void test_far_side_dies(void **state)
{
	struct wants w = two_way(NULL);
	struct bench *b;
	const struct ws_ledger *l;

	(void)state;
	w.dies_after = 500;
	b = setup(&w);
	l = finish(b);
	/* The last answer's own stamp never travelled. */
	assert_int_equal(expect(b, 499, 1)->answered, 500);
	assert_int_equal(l->sent, COUNT);
	assert_int_equal(l->matched, 500);
	assert_int_equal(l->lost, 500);
	assert_int_equal(b->result->losses.longest, 500);
	teardown(b);
}

static void test_nobody_there(void **state)
{
	struct wants w = two_way(NULL);
	struct bench *b = setup(&w);
	const struct ws_ledger *l;
	const struct ws_two_way *t;

	(void)state;
	b->asked = b->dies_after = 1;
	l = finish(b);
	t = expect(b, 0, 0);
	assert_int_equal(l->lost, COUNT);
	assert_true(t->answered == UINT64_MAX);
	assert_int_equal(t->collects, 0);
	assert_false(t->clocks.known);
	teardown(b);
}

/* One-way probes and other streams' answers are no answers of this run. */
static void test_other_frames(void **state)
{
	struct wants w = two_way(NULL);
	struct bench *b = setup(&w);
	const struct ws_ledger *l;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ws_io_tx frame = {.len = 98};
		struct ws_io_slot slot;

		/* A request that somebody mirrors, and one to nobody. */
		assert_int_equal(ws_io_tx_reserve(b->far, &slot, 1), 1);
		ws_frame_write(&b->frame, slot.data, 5, 0);
		slot.data[12] = i ? 0x12 : slot.data[12];
		assert_int_equal(ws_io_tx_submit(b->far, &frame, 1), 1);
	}
	l = finish(b);
	assert_int_equal(l->foreign, 2);
	assert_int_equal(l->received, COUNT + 2);
	assert_int_equal(l->matched, COUNT);
	expect(b, COUNT, 0);
	teardown(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_exchange),
		cmocka_unit_test(test_two_clocks),
		cmocka_unit_test(test_lost_requests),
		cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_doubled_requests),
		cmocka_unit_test(test_doubled_answers),
		cmocka_unit_test(test_each_stamp_missing),
		cmocka_unit_test(test_far_side_without_stamps),
		cmocka_unit_test(test_far_side_dies),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_other_frames),
	};

	return cmocka_run_group_tests_name("run_twoway", tests, NULL, NULL);
}
