/* SPDX-License-Identifier: BSD-2-Clause */
/* The highest rate at which no hardware stamp goes missing, of cards of which it is known. */
#include "unit/deliver_bench.h"

#include <stdlib.h>

static void find_rate(struct bench *b, int64_t budget_ns, struct ws_deliver_rate *ret)
{
	int64_t before = *sys_fake_clock();

	/* The search looks at the clock without pause: larger steps are fewer looks. */
	sys_fake_kernel.clock_step_ns = 400;
	b->setup.count = WS_DELIVER_RATE_FRAMES;
	open_run(b);
	assert_int_equal(ws_deliver_search(b->run, &b->setup, budget_ns, ret), 0);
	assert_true(*sys_fake_clock() - before <= budget_ns + 1200000000LL);
}

/* A card with one register, which takes its time: faster than that, stamps are missing. */
static void test_rate(void **state)
{
	static const int64_t taken[] = {1500000, 400000, 50000};

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct io_fake_options o = perfect;
		struct ws_deliver_rate rate;
		struct bench *b;
		double truth = 1e9 / (double)taken[i];

		o.hw_delay_ns = taken[i];
		o.hw_in_flight = 1;
		b = make(&o, NULL);
		find_rate(b, 60000000000LL, &rate);
		assert_true(rate.found);
		assert_false(rate.by_sender);
		assert_true(rate.pps <= truth);
		assert_true(rate.pps >= truth * 0.88);
		assert_true(rate.lost_at >= truth * 0.99 && rate.lost_at <= truth * 1.15);
		assert_true(rate.lost_tx);
		assert_false(rate.lost_rx);
		assert_true(rate.lost > 0 && rate.lost < rate.lost_of);
		assert_int_equal(rate.in_flight, 1);
		unmake(b);
	}
}

static void test_rate_of_the_sender(void **state)
{
	struct io_fake_options o = perfect;
	struct ws_deliver_rate rate;
	struct bench *b;

	(void)state;
	o.frame_ns = 20000;
	o.hw_in_flight = 5;
	o.hw_delay_ns = 10000;
	b = make(&o, NULL);
	find_rate(b, 60000000000LL, &rate);
	assert_true(rate.found);
	assert_true(rate.by_sender);
	assert_true(rate.pps > 10000 && rate.pps < 50000);
	assert_true(rate.lost_at == 0);
	assert_int_equal(rate.in_flight, WS_DELIVER_BURST);
	unmake(b);
}

static unsigned one_in_three(uint64_t n)
{
	return n % 3 ? 0 : IO_FAKE_LOSE_RX_HW;
}

static void test_rate_not_found(void **state)
{
	struct ws_deliver_rate rate;
	struct bench *b = make(&perfect, one_in_three);

	(void)state;
	find_rate(b, 60000000000LL, &rate);
	assert_false(rate.found);
	assert_true(rate.lost_rx);
	assert_false(rate.lost_tx);
	assert_true(rate.lost_at >= 99 && rate.lost_at <= 101);
	assert_in_range(rate.lost, 66, 67);
	assert_int_equal(rate.lost_of, WS_DELIVER_RATE_FRAMES);
	unmake(b);
}

/* What there is no time for is left out, and what was found so far is told. */
static void test_rate_within_its_time(void **state)
{
	static const int64_t budgets[] = {0, 300000000, 1000000000, 4000000000LL};
	double last = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		struct io_fake_options o = perfect;
		struct ws_deliver_rate rate;
		struct bench *b;

		o.hw_delay_ns = 1100000;
		o.hw_in_flight = 1;
		b = make(&o, NULL);
		find_rate(b, budgets[i], &rate);
		assert_true(rate.pps >= last);
		assert_int_equal(rate.found, i >= 2);
		last = rate.pps;
		unmake(b);
	}
}

static unsigned one_in_six_dropped(uint64_t n)
{
	return n % 6 ? 0 : IO_FAKE_DROP;
}

static void test_rate_where_frames_get_lost(void **state)
{
	struct ws_deliver_rate rate;
	struct bench *b = make(&perfect, one_in_six_dropped);

	(void)state;
	find_rate(b, 60000000000LL, &rate);
	assert_false(rate.found);
	assert_true(rate.by_sender);
	assert_true(rate.lost_at == 0);
	unmake(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_of_the_sender),
		cmocka_unit_test(test_rate_not_found),
		cmocka_unit_test(test_rate_within_its_time),
		cmocka_unit_test(test_rate_where_frames_get_lost),
	};

	return cmocka_run_group_tests_name("deliver_rate", tests, NULL, NULL);
}
