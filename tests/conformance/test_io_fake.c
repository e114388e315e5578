/* SPDX-License-Identifier: BSD-2-Clause */
/* The conformance suite on the backend in memory, and that backend's own commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "conformance/conformance.h"
#include "fake/io_fake.h"

#define MS		1000000LL
#define REALTIME_OFFSET 1700000000000000000LL
#define PHC_OFFSET	(-5000000000LL)
#define PHC		((enum ws_clock)(WS_CLOCK_PHC + 3))
#define MTU		1500
#define LEN		100
#define FRAMES		8

static int fixture_open(struct conf_fixture *fx, unsigned side, struct ws_io **ret,
	const struct ws_io_config *config)
{
	struct ws_io_config c = *config;

	if (c.ifindex == CONF_ANY_IFINDEX) {
		c.ifindex = 0; /* a wire has one interface on a side */
	}
	/* A name leads to the table, in which this backend is not. */
	if (c.backend) {
		c.ifindex = io_fake_ifindex(fx->arg, side);
		return ws_io_open(ret, &c);
	}
	c.ifindex = c.ifindex ? c.ifindex : io_fake_ifindex(fx->arg, side);
	return io_fake_ops.open(ret, &c);
}

static int fixture_ifindex(struct conf_fixture *fx, unsigned side)
{
	return io_fake_ifindex(fx->arg, side);
}

static int64_t fixture_now(struct conf_fixture *fx)
{
	return io_fake_now(fx->arg);
}

static int fixture_link(struct conf_fixture *fx, unsigned side, bool up)
{
	io_fake_link(fx->arg, side, up);
	return 0;
}

static int fixture_remove(struct conf_fixture *fx)
{
	io_fake_remove(fx->arg);
	return 0;
}

/* Two wires. */
enum { FAST, SLOW, WIRES };
static const struct io_fake_options wires[WIRES] = {
	[FAST] = {.realtime_offset_ns = 1}, /* stamps of time 0 would look like none */
	[SLOW] =
		{
			.realtime_offset_ns = REALTIME_OFFSET,
			.hold_ns = 3 * MS,
			.frame_ns = 700,
			.stamp_delay_ns = 40000,
			.delay_ns = 250000,
		},
};
static struct conf_fixture fixtures[WIRES];

static int fixture_restore(struct conf_fixture *fx)
{
	io_fake_free(fx->arg);
	fx->arg = io_fake_new(&wires[fx - fixtures]);
	return fx->arg ? 0 : -ENOMEM;
}

static void fixture_settle(struct conf_fixture *fx)
{
	io_fake_advance(fx->arg, 1000 * MS);
}

/* A wire with a sender on side 0 and a receiver on side 1. */
struct pair {
	struct io_fake_wire *wire;
	struct ws_io *tx, *rx;
};

static const struct io_fake_options usual = {
	.realtime_offset_ns = REALTIME_OFFSET,
	.frame_ns = 1000,
	.stamp_delay_ns = 300,
	.delay_ns = 20000,
};

static void pair_open(struct pair *p, const struct io_fake_options *options, unsigned stages)
{
	struct ws_io_config config = {
		.dirs = WS_IO_TX,
		.tx_stages = stages,
		.tx_hw_clock = options->hw_clock,
		.stamp_timeout_ns = MS,
	};

	p->wire = io_fake_new(options);
	assert_non_null(p->wire);
	config.ifindex = io_fake_ifindex(p->wire, 0);
	assert_int_equal(io_fake_ops.open(&p->tx, &config), 0);
	config = (struct ws_io_config){
		.dirs = WS_IO_RX,
		.ifindex = io_fake_ifindex(p->wire, 1),
		.rx_stamps = true,
		.rx_hw_clock = options->hw_clock,
	};
	assert_int_equal(io_fake_ops.open(&p->rx, &config), 0);
}

static void pair_close(struct pair *p)
{
	ws_io_close(p->tx);
	ws_io_close(p->rx);
	io_fake_free(p->wire);
}

/* Submits FRAMES frames of LEN bytes, each full of its number, which is its cookie too. */
static int pair_send(struct pair *p, struct ws_io_tx *frames)
{
	struct ws_io_slot slots[FRAMES];

	assert_int_equal(ws_io_tx_reserve(p->tx, slots, FRAMES), FRAMES);
	for (unsigned i = 0; i < FRAMES; i++) {
		memset(slots[i].data, (int)i, LEN);
		frames[i] =
			(struct ws_io_tx){.len = LEN, .want_stamp = true, .cookie = i, .status = 1};
	}
	return ws_io_tx_submit(p->tx, frames, FRAMES);
}

/* Receives all there is; notes the numbers in order. Returns how many. */
static unsigned pair_receive(struct pair *p, uint8_t *order, struct ws_io_view *views, unsigned max)
{
	unsigned n = 0;

	while (ws_io_wait(p->rx, io_fake_now(p->wire) + 10 * MS) == 1) {
		int got = ws_io_rx_peek(p->rx, views + n, max - n);

		assert_true(got > 0);
		for (int i = 0; i < got; i++, n++) {
			order[n] = views[n].data[0];
		}
	}
	return n;
}

static void test_drop_and_duplicate(void **state)
{
	static const uint8_t expected[] = {0, 1, 2, 2, 4, 5, 6, 7};
	struct ws_io_view views[2 * FRAMES];
	struct ws_io_tx frames[FRAMES];
	uint8_t order[2 * FRAMES];
	struct ws_io_stats stats;
	struct pair p;

	(void)state;
	pair_open(&p, &usual, 0);
	assert_true(io_fake_fault(p.wire, 0, 3, IO_FAKE_DROP));
	assert_true(io_fake_fault(p.wire, 0, 2, IO_FAKE_DUPLICATE));
	assert_int_equal(pair_send(&p, frames), FRAMES);
	assert_int_equal(pair_receive(&p, order, views, 2 * FRAMES), sizeof(expected));
	assert_memory_equal(order, expected, sizeof(expected));
	assert_int_equal(io_fake_count(p.wire, 0), FRAMES);
	assert_int_equal(io_fake_truth(p.wire, 0, 3).arrival_ns, INT64_MAX);
	assert_int_equal(io_fake_truth(p.wire, 0, 3).faults, IO_FAKE_DROP);
	assert_int_equal(io_fake_truth(p.wire, 0, 2).arrival_ns,
		io_fake_truth(p.wire, 0, 2).sent_ns + usual.delay_ns);
	ws_io_stats(p.tx, &stats);
	assert_int_equal(stats.tx_accepted, FRAMES);
	pair_close(&p);
}

static void test_reorder(void **state)
{
	static const uint8_t expected[FRAMES] = {0, 2, 3, 4, 1, 5, 6, 7};
	struct ws_io_view views[FRAMES];
	struct ws_io_tx frames[FRAMES];
	uint8_t order[FRAMES];
	struct pair p;

	(void)state;
	pair_open(&p, &usual, 0);
	/* Frames leave 1 us apart: this one now arrives between 4 and 5. */
	assert_true(io_fake_hold(p.wire, 0, 1, 3500));
	assert_int_equal(pair_send(&p, frames), FRAMES);
	assert_int_equal(pair_receive(&p, order, views, FRAMES), FRAMES);
	assert_memory_equal(order, expected, FRAMES);
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(views[i].stamp.origin, WS_ORIGIN_SOFTWARE);
		assert_int_equal(views[i].stamp.time.ns,
			io_fake_truth(p.wire, 0, order[i]).arrival_ns + REALTIME_OFFSET);
	}
	pair_close(&p);
}

/* Reads stamps until nothing is outstanding. */
static unsigned pair_stamps(struct pair *p, struct ws_io_tx_stamp *stamps, unsigned max)
{
	unsigned n = 0;

	while (ws_io_tx_outstanding(p->tx)) {
		assert_int_equal(ws_io_wait(p->tx, io_fake_now(p->wire) + 10 * MS), 1);
		n += (unsigned)ws_io_tx_stamps(p->tx, stamps + n, max - n);
		assert_true(n <= max);
	}
	return n;
}

static void test_lost_stamps(void **state)
{
	struct ws_io_view views[FRAMES];
	struct ws_io_tx_stamp stamps[2 * FRAMES];
	struct ws_io_tx frames[FRAMES];
	uint8_t order[FRAMES];
	struct ws_io_stats stats;
	struct pair p;

	(void)state;
	pair_open(&p, &usual, WS_STAGE_DRIVER);
	assert_true(io_fake_fault(p.wire, 0, 5, IO_FAKE_LOSE_TX_STAMP));
	assert_true(io_fake_fault(p.wire, 0, 6, IO_FAKE_LOSE_RX_STAMP));
	assert_int_equal(pair_send(&p, frames), FRAMES);
	assert_int_equal(ws_io_tx_outstanding(p.tx), FRAMES);
	assert_int_equal(pair_stamps(&p, stamps, 2 * FRAMES), FRAMES);
	/* The missing one comes last: when its time is over. */
	assert_int_equal(stamps[FRAMES - 1].cookie, 5);
	assert_int_equal(stamps[FRAMES - 1].status, -ETIME);
	assert_int_equal(io_fake_now(p.wire), io_fake_truth(p.wire, 0, 5).sent_ns + MS);
	for (unsigned i = 0; i < FRAMES - 1; i++) {
		assert_int_equal(stamps[i].status, 0);
		assert_int_equal(stamps[i].stamp.time.ns,
			io_fake_truth(p.wire, 0, stamps[i].cookie).sent_ns + REALTIME_OFFSET);
	}
	assert_int_equal(pair_receive(&p, order, views, FRAMES), FRAMES);
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(
			views[i].stamp.origin, order[i] == 6 ? WS_ORIGIN_NONE : WS_ORIGIN_SOFTWARE);
	}
	ws_io_stats(p.tx, &stats);
	assert_int_equal(stats.stamps_received, FRAMES - 1);
	assert_int_equal(stats.stamps_missing, 1);
	pair_close(&p);
}

static void test_late_stamps_are_strays(void **state)
{
	struct io_fake_options options = usual;
	struct ws_io_tx_stamp stamps[2 * FRAMES];
	struct ws_io_tx frames[FRAMES];
	struct ws_io_stats stats;
	struct pair p;

	(void)state;
	options.stamp_delay_ns = 3 * MS;
	pair_open(&p, &options, WS_STAGE_DRIVER);
	assert_int_equal(pair_send(&p, frames), FRAMES);
	assert_int_equal(pair_stamps(&p, stamps, 2 * FRAMES), FRAMES);
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(stamps[i].status, -ETIME);
	}
	assert_int_equal(ws_io_tx_stamps(p.tx, stamps, 2 * FRAMES), 0);
	ws_io_stats(p.tx, &stats);
	assert_int_equal(stats.stamps_missing, FRAMES);
	assert_int_equal(stats.stamps_received, 0);
	assert_int_equal(stats.stamps_stray, FRAMES);
	pair_close(&p);
}

static void test_refuse_and_again(void **state)
{
	static const uint8_t expected[] = {0, 1, 3, 4, 5, 6, 7};
	struct ws_io_view views[FRAMES];
	struct ws_io_tx_stamp stamps[2 * FRAMES];
	struct ws_io_tx frames[FRAMES];
	uint8_t order[FRAMES];
	struct ws_io_stats stats;
	struct pair p;

	(void)state;
	pair_open(&p, &usual, WS_STAGE_DRIVER);
	assert_true(io_fake_fault(p.wire, 0, 2, IO_FAKE_REFUSE));
	assert_true(io_fake_fault(p.wire, 0, 4, IO_FAKE_AGAIN));
	assert_int_equal(pair_send(&p, frames), 4);
	assert_int_equal(frames[2].status, -ENOBUFS);
	assert_int_equal(frames[3].status, 0);
	assert_int_equal(frames[4].status, 1);
	assert_int_equal(ws_io_tx_submit(p.tx, frames + 4, 4), 4);
	assert_int_equal(pair_stamps(&p, stamps, 2 * FRAMES), FRAMES - 1);
	assert_int_equal(pair_receive(&p, order, views, FRAMES), sizeof(expected));
	assert_memory_equal(order, expected, sizeof(expected));
	ws_io_stats(p.tx, &stats);
	assert_int_equal(stats.tx_accepted, FRAMES - 1);
	assert_int_equal(stats.tx_refused, 1);
	assert_int_equal(stats.tx_again, 1);
	pair_close(&p);
}

static void test_hardware_stamps(void **state)
{
	struct io_fake_options options = usual;
	struct ws_io_view views[FRAMES];
	struct ws_io_tx_stamp stamps[2 * FRAMES];
	struct ws_io_tx frames[FRAMES];
	uint8_t order[FRAMES];
	unsigned wire_stamps = 0;
	struct pair p;

	(void)state;
	options.hw_clock = PHC;
	options.hw_offset_ns = PHC_OFFSET;
	pair_open(&p, &options, WS_STAGE_DRIVER | WS_STAGE_WIRE);
	assert_int_equal(pair_send(&p, frames), FRAMES);
	assert_int_equal(pair_stamps(&p, stamps, 2 * FRAMES), 2 * FRAMES);
	for (unsigned i = 0; i < 2 * FRAMES; i++) {
		if (stamps[i].stage == WS_STAGE_WIRE) {
			wire_stamps++;
			assert_int_equal(stamps[i].stamp.time.clock, PHC);
			assert_int_equal(stamps[i].stamp.origin, WS_ORIGIN_HARDWARE);
			assert_int_equal(stamps[i].stamp.time.ns,
				io_fake_truth(p.wire, 0, stamps[i].cookie).sent_ns + PHC_OFFSET);
		}
	}
	assert_int_equal(wire_stamps, FRAMES);
	assert_int_equal(pair_receive(&p, order, views, FRAMES), FRAMES);
	assert_int_equal(views[0].stamp.time.clock, PHC);
	pair_close(&p);
}

static int64_t delay_by_number(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	(void)side;
	return 10000 + (int64_t)(n * 7919 % 50000);
}

static unsigned every_fifth_drops(void *arg, unsigned side, uint64_t n)
{
	(void)side;
	++*(unsigned *)arg;
	return n % 5 == 4 ? IO_FAKE_DROP : 0;
}

static void test_functions_decide(void **state)
{
	struct io_fake_options options = usual;
	struct ws_io_view views[FRAMES];
	struct ws_io_tx frames[FRAMES];
	uint8_t order[FRAMES];
	unsigned asked = 0;
	struct pair p;

	(void)state;
	options.delay = delay_by_number;
	options.faults = every_fifth_drops;
	options.arg = &asked;
	pair_open(&p, &options, 0);
	assert_int_equal(pair_send(&p, frames), FRAMES);
	assert_int_equal(asked, FRAMES);
	assert_int_equal(pair_receive(&p, order, views, FRAMES), FRAMES - 1);
	for (unsigned i = 0; i < FRAMES - 1; i++) {
		struct io_fake_truth t = io_fake_truth(p.wire, 0, order[i]);

		assert_int_not_equal(order[i], 4);
		assert_int_equal(t.arrival_ns - t.sent_ns, delay_by_number(NULL, 0, order[i]));
		assert_true(i == 0 || views[i].stamp.time.ns >= views[i - 1].stamp.time.ns);
	}
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest commands[] = {
		cmocka_unit_test(test_drop_and_duplicate),
		cmocka_unit_test(test_reorder),
		cmocka_unit_test(test_lost_stamps),
		cmocka_unit_test(test_late_stamps_are_strays),
		cmocka_unit_test(test_refuse_and_again),
		cmocka_unit_test(test_hardware_stamps),
		cmocka_unit_test(test_functions_decide),
	};
	enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };
	enum { PER_WIRE = CONF_CASES + CONF_RX_CASES };
	struct CMUnitTest cases[WIRES * PER_WIRE + COMMANDS];
	int failed;

	for (unsigned i = 0; i < WIRES; i++) {
		fixtures[i] = (struct conf_fixture){
			.name = i == FAST ? "fake, fast wire" : "fake, slow wire",
			.backends = {"fake", "fake"},
			.mtu = MTU,
			.open = fixture_open,
			.ifindex = fixture_ifindex,
			.now = fixture_now,
			.link = fixture_link,
			.remove = fixture_remove,
			.restore = fixture_restore,
			.settle = fixture_settle,
		};
		if (fixture_restore(&fixtures[i]) < 0) {
			return 1;
		}
		conf_cases(&fixtures[i], &cases[i * PER_WIRE]);
		conf_rx_cases(&fixtures[i], &cases[i * PER_WIRE + CONF_CASES]);
	}
	memcpy(&cases[WIRES * PER_WIRE], commands, sizeof(commands));
	failed = cmocka_run_group_tests_name("conformance of the fake", cases, NULL, NULL);
	for (unsigned i = 0; i < WIRES; i++) {
		io_fake_free(fixtures[i].arg);
	}
	return failed != 0;
}
