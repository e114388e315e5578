/* SPDX-License-Identifier: BSD-2-Clause */
/* What a card delivers, on a wire in memory whose hardware stamps go wrong in every way that is known. */
#include "unit/deliver_bench.h"

#include <errno.h>
#include <stdlib.h>

static void test_all_of_it(void **state)
{
	struct bench *b = make(&perfect, NULL);
	const struct ws_deliver_result *r = deliver(b);

	(void)state;
	assert_int_equal(r->sent, COUNT);
	assert_int_equal(r->refused, 0);
	assert_int_equal(r->tx_hardware, COUNT);
	assert_int_equal(r->tx_software, COUNT);
	assert_int_equal(r->received, COUNT);
	assert_int_equal(r->rx_hardware, COUNT);
	assert_int_equal(r->rx_software, COUNT);
	assert_int_equal(r->first_rx_hardware, COUNT);
	assert_int_equal(r->tx_misplaced + r->rx_misplaced + r->tx_stray, 0);
	assert_int_equal(r->fault, 0);
	assert_int_equal(r->latency.count, COUNT);
	assert_int_equal(r->latency.min, DELAY_NS);
	assert_int_equal(r->latency.max, DELAY_NS);
	assert_false(ws_deliver_stuck(r));
	/* Those ahead were sent before, muted, and asked for no hardware stamp. */
	assert_int_equal(b->mutes, AHEAD);
	assert_int_equal(b->writes, COUNT + AHEAD);
	assert_int_equal(io_fake_count(b->wire, 0), COUNT + AHEAD);
	assert_int_equal(io_fake_truth(b->wire, 0, 0).cookie, 0);
	unmake(b);
}

/* Nothing is sent before the kernel had time to switch stamps on, and then the gaps are kept. */
static void test_times(void **state)
{
	struct bench *b = make(&perfect, NULL);
	int64_t before, last = 0;

	(void)state;
	before = *sys_fake_clock();
	deliver(b);
	assert_true(io_fake_truth(b->wire, 0, 0).sent_ns - before >= 50000000);
	for (uint64_t n = AHEAD; n < COUNT + AHEAD; n++) {
		int64_t at = io_fake_truth(b->wire, 0, n).sent_ns;

		if (n > AHEAD) {
			assert_in_range(at - last, GAP_NS, GAP_NS + 20000);
		}
		last = at;
	}
	unmake(b);
}

static void test_no_hardware(void **state)
{
	struct io_fake_options o = perfect;
	struct bench *b;
	const struct ws_deliver_result *r;

	(void)state;
	o.hw_clock = WS_CLOCK_NONE;
	b = make(&o, NULL);
	r = deliver(b);
	assert_int_equal(r->tx_software, COUNT);
	assert_int_equal(r->rx_software, COUNT);
	assert_int_equal(r->tx_hardware + r->rx_hardware + r->first_rx_hardware, 0);
	assert_int_equal(r->tx_granularity_ns + r->rx_granularity_ns, 0);
	unmake(b);
}

static void test_transmit_alone(void **state)
{
	struct bench *b = make(&perfect, NULL);
	const struct ws_deliver_result *r;

	(void)state;
	b->setup.has_rx = false;
	r = deliver(b);
	assert_int_equal(r->sent, COUNT);
	assert_int_equal(r->tx_hardware, COUNT);
	assert_int_equal(r->received + r->rx_hardware + r->rx_software + r->latency.count, 0);
	unmake(b);
}

static unsigned some_lost(uint64_t n)
{
	return (n % 10 == 3 ? IO_FAKE_LOSE_TX_HW : 0) | (n % 10 == 4 ? IO_FAKE_LOSE_RX_HW : 0) |
	       (n % 25 == 5 ? IO_FAKE_LOSE_TX_STAMP : 0) |
	       (n % 25 == 6 ? IO_FAKE_LOSE_RX_STAMP : 0) | (n % 25 == 7 ? IO_FAKE_DROP : 0) |
	       (n % 25 == 8 ? IO_FAKE_DUPLICATE : 0) | (n % 25 == 9 ? IO_FAKE_REFUSE : 0);
}

static void test_lost(void **state)
{
	struct bench *b = make(&perfect, some_lost);
	const struct ws_deliver_result *r = deliver(b);

	(void)state;
	assert_int_equal(r->refused, 2);
	assert_int_equal(r->sent, COUNT - 2);
	assert_int_equal(r->received, COUNT - 4);
	/* 34 is refused, too. */
	assert_int_equal(r->tx_software, COUNT - 2 - 2);
	assert_int_equal(r->tx_hardware, COUNT - 2 - 2 - 5);
	assert_int_equal(r->rx_software, COUNT - 4 - 2);
	assert_int_equal(r->rx_hardware, COUNT - 4 - 2 - 4);
	assert_int_equal(r->first_rx_hardware, 4);
	assert_int_equal(r->tx_misplaced + r->rx_misplaced, 0);
	assert_false(ws_deliver_stuck(r));
	unmake(b);
}

static unsigned never(uint64_t n)
{
	(void)n;
	return IO_FAKE_LOSE_TX_HW | IO_FAKE_LOSE_RX_HW;
}

static void test_claimed_and_never_there(void **state)
{
	struct bench *b = make(&perfect, never);
	const struct ws_deliver_result *r = deliver(b);

	(void)state;
	assert_int_equal(r->tx_hardware + r->rx_hardware, 0);
	assert_int_equal(r->tx_software, COUNT);
	assert_int_equal(r->rx_software, COUNT);
	assert_false(ws_deliver_stuck(r));
	unmake(b);
}

static unsigned first_alone(uint64_t n)
{
	return n ? IO_FAKE_LOSE_RX_HW : 0;
}

static unsigned first_four(uint64_t n)
{
	return n >= 4 ? IO_FAKE_LOSE_RX_HW : 0;
}

static unsigned first_five(uint64_t n)
{
	return n >= 5 ? IO_FAKE_LOSE_RX_HW : 0;
}

static unsigned second_alone(uint64_t n)
{
	return n != 1 ? IO_FAKE_LOSE_RX_HW : 0;
}

static void test_stuck(void **state)
{
	unsigned (*const stuck[])(uint64_t n) = {first_alone, first_four};
	unsigned (*const not_stuck[])(uint64_t n) = {first_five, second_alone};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bench *b = make(&perfect, stuck[i]);

		assert_true(ws_deliver_stuck(deliver(b)));
		assert_int_equal(b->result->first_rx_hardware, i ? 4 : 1);
		assert_int_equal(b->result->rx_misplaced, 0);
		unmake(b);
		b = make(&perfect, not_stuck[i]);
		assert_false(ws_deliver_stuck(deliver(b)));
		unmake(b);
	}
}

static unsigned none_received(uint64_t n)
{
	(void)n;
	return IO_FAKE_LOSE_RX_HW;
}

/* A card that stamps muted frames as well may give its one stamp to a frame ahead. */
static void test_stuck_by_a_frame_ahead(void **state)
{
	struct bench *b = make(&perfect, none_received);

	(void)state;
	b->ahead_stamped = 1;
	assert_true(ws_deliver_stuck(deliver(b)));
	assert_int_equal(b->result->rx_hardware, 0);
	assert_int_equal(b->result->ahead_rx_hardware, 1);
	unmake(b);
	/* One that stamps everything is not stuck. */
	b = make(&perfect, NULL);
	b->ahead_stamped = 2;
	assert_false(ws_deliver_stuck(deliver(b)));
	assert_int_equal(b->result->rx_hardware, COUNT);
	unmake(b);
}

static uint32_t write_ahead(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	const struct bench *b = arg;

	assert_true(n < AHEAD);
	ws_frame_write(&b->ahead_frame, buf, n, intended_ns);
	return b->ahead_frame.len;
}

static void test_others_go_ahead(void **state)
{
	struct bench *b = make(&perfect, NULL);
	const struct ws_frame_spec spec = {
		.dst = {2, 0, 0, 0, 0, 2},
		.src = {2, 0, 0, 0, 0, 1},
		.carrier = WS_CARRIER_L2,
		.payload = WS_PAYLOAD_SHORT,
		.len = 64,
		.run_id = RUN_ID,
		.stream = STREAM,
	};

	(void)state;
	assert_int_equal(ws_frame_template_init(&b->ahead_frame, &spec), 0);
	b->ahead = (struct ws_frame_source){.write = write_ahead, .arg = b, .len_max = spec.len};
	b->setup.ahead = &b->ahead;
	deliver(b);
	assert_int_equal(b->mutes, 0);
	assert_int_equal(b->writes, COUNT);
	for (uint64_t n = 0; n < AHEAD + 2; n++) {
		assert_int_equal(io_fake_truth(b->wire, 0, n).len, n < AHEAD ? 64 : 60);
	}
	assert_int_equal(b->result->received, COUNT);
	unmake(b);
}

static unsigned swapped(uint64_t n)
{
	return n == 10 || n == 30 ? IO_FAKE_SWAP_TX_HW : 0;
}

static unsigned stale(uint64_t n)
{
	return (n == 10 || n == 30 ? IO_FAKE_STALE_TX_HW : 0) | (n == 20 ? IO_FAKE_STALE_RX_HW : 0);
}

/* Of a frame that had to wait for its neighbour's stamp both are wrong; of one that got an old one, that alone. */
static void test_misplaced(void **state)
{
	struct bench *b = make(&perfect, swapped);
	const struct ws_deliver_result *r = deliver(b);

	(void)state;
	assert_int_equal(r->tx_hardware, COUNT);
	assert_int_equal(r->tx_misplaced, 4);
	assert_int_equal(r->rx_misplaced, 0);
	unmake(b);
	b = make(&perfect, stale);
	r = deliver(b);
	assert_int_equal(r->tx_misplaced, 2);
	assert_int_equal(r->rx_misplaced, 1);
	unmake(b);
}

static unsigned swapped_rx(uint64_t n)
{
	return n == 7 ? IO_FAKE_SWAP_RX_HW : 0;
}

static int64_t uneven(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return DELAY_NS + (int64_t)(n * 37 % 11) * 3;
}

/* Frames that go all at once are read at once: only their order tells. */
static void test_misplaced_in_a_burst(void **state)
{
	struct io_fake_options o = perfect;
	struct bench *b = make(&perfect, swapped);

	(void)state;
	b->setup.gap_ns = 0;
	assert_int_equal(deliver(b)->tx_misplaced, 4);
	assert_int_equal(b->result->rx_misplaced, 0);
	unmake(b);
	b = make(&perfect, swapped_rx);
	b->setup.gap_ns = 0;
	assert_int_equal(deliver(b)->rx_misplaced, 2);
	unmake(b);
	o.delay = uneven;
	b = make(&o, stale);
	b->setup.gap_ns = 0;
	/* The stale one, and the one whose stamp it has: which is right is not known. */
	assert_int_equal(deliver(b)->rx_misplaced, 2);
	unmake(b);
}

/* Whatever a clock says, stamps that it gives to the right frames are right. */
static void test_wrong_clocks(void **state)
{
	static const int64_t offsets[] = {
		0, -4000000000000000000LL, 5000000000000000000LL, 1000000};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct io_fake_options o = perfect;
		struct bench *b;

		o.hw_offset_ns = offsets[i];
		b = make(&o, NULL);
		deliver(b);
		assert_int_equal(b->result->tx_misplaced + b->result->rx_misplaced, 0);
		unmake(b);
	}
}

static void test_granularity(void **state)
{
	static const int64_t steps[] = {8, 1000, 1000000};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct io_fake_options o = perfect;
		struct bench *b;

		o.hw_offset_ns = OFFSET_NS;
		o.hw_resolution_ns = steps[i];
		b = make(&o, NULL);
		deliver(b);
		/* A multiple: few differences may have more in common. */
		assert_int_equal(b->result->tx_granularity_ns % steps[i], 0);
		assert_int_equal(b->result->rx_granularity_ns % steps[i], 0);
		assert_in_range(b->result->tx_granularity_ns, steps[i], 8 * steps[i]);
		assert_int_equal(b->result->tx_misplaced + b->result->rx_misplaced, 0);
		unmake(b);
	}
}

/* A clock so coarse that a burst's frames have one time is no fault of the stamps. */
static void test_coarse_burst(void **state)
{
	struct io_fake_options o = perfect;
	struct bench *b;

	(void)state;
	o.hw_offset_ns = OFFSET_NS;
	o.hw_resolution_ns = 10000;
	b = make(&o, NULL);
	b->setup.gap_ns = 0;
	deliver(b);
	assert_int_equal(b->result->tx_hardware, COUNT);
	assert_int_equal(b->result->tx_misplaced + b->result->rx_misplaced, 0);
	unmake(b);
}

/* Stamps that come later than anybody waits are not there, and those that come slowly are. */
static void test_late_stamps(void **state)
{
	struct io_fake_options o = perfect;
	struct bench *b;

	(void)state;
	o.hw_delay_ns = 60000000;
	b = make(&o, NULL);
	deliver(b);
	assert_int_equal(b->result->tx_hardware, COUNT);
	assert_int_equal(b->result->tx_misplaced, 0);
	unmake(b);
	o.hw_delay_ns = 300000000;
	b = make(&o, NULL);
	deliver(b);
	assert_int_equal(b->result->tx_hardware, 0);
	assert_int_equal(b->result->tx_software, COUNT);
	assert_int_equal(b->result->rx_hardware, COUNT);
	assert_int_equal(b->result->tx_stray, COUNT);
	unmake(b);
}

static unsigned refused_again(uint64_t n)
{
	return (n % 5 == 1 ? IO_FAKE_AGAIN : 0) | (n % 10 == 8 ? IO_FAKE_REFUSE : 0);
}

static void test_sender_refuses(void **state)
{
	struct bench *b = make(&perfect, refused_again);

	(void)state;
	deliver(b);
	assert_int_equal(b->result->sent, COUNT - 5);
	assert_int_equal(b->result->refused, 5);
	assert_int_equal(b->result->tx_hardware, COUNT - 5);
	assert_int_equal(b->result->received, COUNT - 5);
	unmake(b);
}

static void test_ends_early(void **state)
{
	struct bench *b = make(&perfect, NULL);

	(void)state;
	b->stop_at = AHEAD + 19;
	deliver(b);
	assert_int_equal(b->result->sent, 20);
	assert_int_equal(b->result->fault, 0);
	unmake(b);
	b = make(&perfect, NULL);
	open_run(b);
	io_fake_link(b->wire, 0, false);
	assert_int_equal(ws_deliver_batch(b->run,
				 &(struct ws_deliver_batch){
					 .count = COUNT, .gap_ns = GAP_NS, .until_ns = INT64_MAX},
				 b->result, NULL),
		0);
	assert_int_equal(b->result->fault, -ENETDOWN);
	assert_int_equal(b->result->sent, 0);
	unmake(b);
}

/* What others send, answers among it, is not counted. */
static void test_foreign(void **state)
{
	struct bench *b = make(&perfect, NULL);

	(void)state;
	b->setup.run_id++;
	deliver(b);
	assert_int_equal(b->result->received, 0);
	assert_int_equal(b->result->tx_hardware, COUNT);
	unmake(b);
	b = make(&perfect, NULL);
	b->setup.answers = true;
	deliver(b);
	assert_int_equal(b->result->received, 0);
	unmake(b);
}

/* A further trial of the same stream, whose numbers go on. */
static void test_numbers_go_on(void **state)
{
	struct bench *b = make(&perfect, NULL);
	const struct ws_deliver_result *r;

	(void)state;
	b->setup.first = COUNT + WS_DELIVER_MORE;
	r = deliver(b);
	assert_int_equal(r->received, COUNT);
	assert_int_equal(r->tx_hardware, COUNT);
	assert_int_equal(r->rx_hardware, COUNT);
	assert_int_equal(r->tx_misplaced + r->rx_misplaced, 0);
	assert_int_equal(r->latency.count, COUNT);
	unmake(b);
}

static int64_t slower_second(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return ws_deliver_second(n) ? DELAY_NS + 3000 : DELAY_NS;
}

static void test_two_kinds(void **state)
{
	struct io_fake_options o = perfect;
	struct ws_hist *second = calloc(1, sizeof(*second));
	struct bench *b;

	(void)state;
	assert_non_null(second);
	o.delay = slower_second;
	b = make(&o, NULL);
	b->setup.count = 64;
	b->setup.second = second;
	deliver(b);
	assert_in_range(second->count, 31, 33);
	assert_int_equal(second->count + b->result->latency.count, 64);
	assert_int_equal(second->min, DELAY_NS + 3000);
	assert_int_equal(second->max, DELAY_NS + 3000);
	assert_int_equal(b->result->latency.max, DELAY_NS);
	unmake(b);
	free(second);
}

static void test_nonsense(void **state)
{
	struct bench *b = make(&perfect, NULL);
	struct ws_deliver_rate rate;

	(void)state;
	b->setup.count = 0;
	assert_int_equal(ws_deliver(&b->setup, b->result), -EINVAL);
	b->setup.count = WS_DELIVER_MAX + 1;
	assert_int_equal(ws_deliver(&b->setup, b->result), -EINVAL);
	b->setup.tx.hw_clock = b->setup.rx.hw_clock = WS_CLOCK_NONE;
	assert_int_equal(ws_deliver_rate(&b->setup, 1000000, &rate), -EINVAL);
	unmake(b);
}

/* Stamps as no card gives them: neither crash nor overflow, and each is looked at. */
static void test_extreme_stamps(void **state)
{
	struct ws_deliver_seen seen[6] = {
		{0, 100, INT64_MIN + 1, false},
		{1000, 1100, INT64_MAX, false},
		{2000, 2100, 5000000, false},
		{3000000, 3000100, 8000000, false},
		{6000000, 6000100, 11000000, false},
		{9000000, 9000100, 0, false},
	};

	(void)state;
	assert_int_equal(ws_deliver_misplaced(seen, 6), 3);
	assert_true(seen[0].misplaced && seen[1].misplaced && seen[5].misplaced);
	assert_int_equal(ws_deliver_granularity(seen, 6), 3000000);
	assert_int_equal(ws_deliver_misplaced(seen, 1), 0);
	assert_int_equal(ws_deliver_misplaced(seen, 0), 0);
	assert_int_equal(ws_deliver_granularity(seen, 0), 0);
	assert_int_equal(ws_deliver_granularity(seen, 1), 0);
	/* Two that are one. */
	seen[0] = (struct ws_deliver_seen){0, 100, 77, false};
	seen[1] = (struct ws_deliver_seen){500, 600, 77, false};
	assert_int_equal(ws_deliver_misplaced(seen, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_no_hardware),
		cmocka_unit_test(test_transmit_alone),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_claimed_and_never_there),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_stuck_by_a_frame_ahead),
		cmocka_unit_test(test_others_go_ahead),
		cmocka_unit_test(test_misplaced),
		cmocka_unit_test(test_misplaced_in_a_burst),
		cmocka_unit_test(test_wrong_clocks),
		cmocka_unit_test(test_granularity),
		cmocka_unit_test(test_coarse_burst),
		cmocka_unit_test(test_late_stamps),
		cmocka_unit_test(test_sender_refuses),
		cmocka_unit_test(test_ends_early),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_numbers_go_on),
		cmocka_unit_test(test_two_kinds),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_extreme_stamps),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
