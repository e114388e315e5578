/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/limit.h"

/* Half of the request in one second, with nothing that explains it. */
static const struct ws_limit_evidence short_of = {
	.requested_pps = 100000,
	.accepted = 50000,
	.elapsed_ns = 1000000000,
	.pacer_waits = 50000,
	.l1_bits = 672,
};

static void expect(const struct ws_limit_evidence *e, enum ws_limit_cause want)
{
	assert_string_equal(ws_limit_name(ws_limit_find(e)), ws_limit_name(want));
}

static void test_none(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.refused = 1000;
	e.late = 1000;
	e.pacer_waits = 0;
	e.accepted = 99900;
	expect(&e, WS_LIMIT_NONE);
	e.accepted = 99899;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.elapsed_ns *= 10;
	e.accepted = 999000;
	expect(&e, WS_LIMIT_NONE);
	e.accepted = 998999;
	e.refused = 0;
	expect(&e, WS_LIMIT_CPU);
}

static void test_link_requested(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	/* 1000 + 24 bytes at layer 1 */
	e.l1_bits = ws_limit_l1_bits(1000);
	e.link_bps = 100000 * UINT64_C(1024) * 8;
	expect(&e, WS_LIMIT_UNKNOWN);
	e.link_bps -= 8;
	e.refused = 50000;
	expect(&e, WS_LIMIT_LINK);
	e.link_bps = 0;
	expect(&e, WS_LIMIT_BACKPRESSURE);
}

/* A short frame is padded: 84 bytes at layer 1. The line rate of 1 Gbit/s itself does not exceed
 * it. */
static void test_link_smallest_frame(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.link_bps = 1000000000;
	e.requested_pps = 1e9 / 672;
	for (uint32_t len = 42; len <= 60; len++) {
		e.l1_bits = ws_limit_l1_bits(len);
		expect(&e, WS_LIMIT_UNKNOWN);
	}
	e.requested_pps = 1488096;
	for (uint32_t len = 42; len <= 60; len++) {
		e.l1_bits = ws_limit_l1_bits(len);
		expect(&e, WS_LIMIT_LINK);
	}
	e.requested_pps = 1e9 / 672;
	e.l1_bits = ws_limit_l1_bits(61);
	expect(&e, WS_LIMIT_LINK);
}

static void test_link_flat_out(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.requested_pps = 0;
	e.pacer_waits = 0;
	e.l1_bits = ws_limit_l1_bits(1226);
	e.link_bps = 1000000000;
	/* 10^4 bits a packet: 100000 packets fill the second. */
	e.accepted = 98000;
	expect(&e, WS_LIMIT_LINK);
	e.accepted = 97999;
	expect(&e, WS_LIMIT_CPU);
	e.accepted = 98000;
	e.link_bps = 0;
	expect(&e, WS_LIMIT_CPU);
}

static void test_backpressure(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.pacer_waits = 0;
	e.refused = 50;
	expect(&e, WS_LIMIT_CPU);
	e.refused = 51;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.refused = 0;
	e.again = 51;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.again = 0;
	e.bound_waits = 51;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.refused = 17;
	e.again = 17;
	e.bound_waits = 17;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.again = 16;
	expect(&e, WS_LIMIT_CPU);
	e.accepted = 0;
	expect(&e, WS_LIMIT_BACKPRESSURE);
}

static void test_cpu_and_rate_control(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.late = 1;
	e.pacer_waits = 499;
	expect(&e, WS_LIMIT_CPU);
	e.pacer_waits = 500;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.accepted = 50001;
	expect(&e, WS_LIMIT_CPU);
	e.pacer_waits = 501;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.late = 0;
	expect(&e, WS_LIMIT_UNKNOWN);
}

/* As fast as possible is never reached, and there is no pacing to blame. */
static void test_flat_out_names_a_cause(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.requested_pps = 0;
	e.late = 10;
	expect(&e, WS_LIMIT_UNKNOWN);
	e.pacer_waits = 0;
	expect(&e, WS_LIMIT_CPU);
	e.again = 1000;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.again = 0;
	e.accepted = 0;
	expect(&e, WS_LIMIT_UNKNOWN);
	e.requested_pps = NAN;
	e.accepted = 50000;
	expect(&e, WS_LIMIT_CPU);
}

/* Without a time there is no rate: neither reached nor near the link's. */
static void test_no_time(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.elapsed_ns = 0;
	expect(&e, WS_LIMIT_UNKNOWN);
	e.requested_pps = 0;
	e.link_bps = 1000;
	expect(&e, WS_LIMIT_UNKNOWN);
	e.elapsed_ns = -1;
	expect(&e, WS_LIMIT_UNKNOWN);
}

/* A CPU of its own would not have helped: more than 10 us a packet, and 10 us between two. */
static void test_beyond_cpu(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.late = 1;
	e.pacer_waits = 0;
	e.cpu_ns = 510000000;
	e.send_ns = 500000001;
	expect(&e, WS_LIMIT_CPU);
	/* What late packets are skipped for, is not waited for. */
	e.pacer_waits = 25000;
	expect(&e, WS_LIMIT_CPU);
	e.send_ns--;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.stamp_ns = 1;
	expect(&e, WS_LIMIT_CPU);
	e.workers = 2;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.workers = 1;
	/* Long calls, in which others had the CPU. */
	e.send_ns = 900000000;
	e.cpu_ns = 500000000;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.cpu_ns = 0;
	expect(&e, WS_LIMIT_RATE_CONTROL);
}

static void test_names(void **state)
{
	static const char *const want[] = {
		"none", "link", "backpressure", "cpu", "rate-control", "unknown"};
	int i;

	(void)state;
	for (i = 0; i < WS_LIMIT_COUNT; i++) {
		assert_string_equal(ws_limit_name((enum ws_limit_cause)i), want[i]);
	}
	assert_string_equal(ws_limit_name(WS_LIMIT_COUNT), "unknown");
}

/* Busy all the time that it got, which was not all the time: not the CPU's speed is the limit. */
static void test_starved_is_not_cpu(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.pacer_waits = 0;
	e.late = e.accepted;
	e.refused = e.again = e.bound_waits = 0;
	e.cpu_ns = e.elapsed_ns - e.elapsed_ns / 5;
	expect(&e, WS_LIMIT_CPU);
	e.cpu_ns--;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.cpu_ns = 0; /* unknown */
	expect(&e, WS_LIMIT_CPU);
	e.cpu_ns = 1;
	e.requested_pps = 0; /* flat out, it is the CPU all the same */
	expect(&e, WS_LIMIT_CPU);
}

static void test_qdisc_drops_are_backpressure(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.pacer_waits = 0;
	e.qdisc_drops = 50;
	expect(&e, WS_LIMIT_CPU);
	e.qdisc_drops = 51;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.qdisc_drops = 13;
	e.refused = 13;
	e.again = 13;
	e.bound_waits = 11;
	expect(&e, WS_LIMIT_CPU);
	e.bound_waits = 12;
	expect(&e, WS_LIMIT_BACKPRESSURE);
	e.requested_pps = 0; /* flat out, too */
	expect(&e, WS_LIMIT_BACKPRESSURE);
	/* Where a queue drops what was accepted, the rate may still be reached. */
	e.accepted = 100000;
	e.requested_pps = 100000;
	expect(&e, WS_LIMIT_NONE);
}

/* The CPU time is that of all threads: 80 % of each one's time. */
static void test_workers_share_the_time(void **state)
{
	struct ws_limit_evidence e = short_of;

	(void)state;
	e.pacer_waits = 0;
	e.late = e.accepted;
	e.workers = 4;
	e.cpu_ns = 3200000000;
	expect(&e, WS_LIMIT_CPU);
	e.cpu_ns--;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.workers = 3;
	expect(&e, WS_LIMIT_CPU);
	e.workers = 1;
	e.cpu_ns = 800000000;
	expect(&e, WS_LIMIT_CPU);
	e.cpu_ns--;
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.workers = 0; /* one */
	expect(&e, WS_LIMIT_RATE_CONTROL);
	e.cpu_ns++;
	expect(&e, WS_LIMIT_CPU);
}

/* Frames of different sizes have a mean that is no frame's: 7 of 60, 4 of 590, 1 of 1514 bytes. */
static void test_link_mean_of_sizes(void **state)
{
	struct ws_limit_evidence e = short_of;
	double bits =
		(7 * ws_limit_l1_bits(60) + 4 * ws_limit_l1_bits(590) + ws_limit_l1_bits(1514)) /
		12;

	(void)state;
	assert_true(bits > 3054.66 && bits < 3054.67);
	e.l1_bits = bits;
	e.link_bps = 305466667;
	expect(&e, WS_LIMIT_UNKNOWN);
	e.link_bps = 305466000;
	expect(&e, WS_LIMIT_LINK);
	e.requested_pps = 0;
	e.accepted = 98001;
	expect(&e, WS_LIMIT_LINK);
	e.accepted = 97990;
	expect(&e, WS_LIMIT_UNKNOWN);
}

/* 24 bytes more, and never below 84: the textbook's 14.88 Mpps and 812,743 pps. */
static void test_link_pps(void **state)
{
	(void)state;
	assert_true(ws_limit_l1_bits(0) == 672);
	assert_true(ws_limit_l1_bits(60) == 672);
	assert_true(ws_limit_l1_bits(61) == 680);
	assert_true(ws_limit_l1_bits(1514) == 12304);
	assert_int_equal((int)ws_limit_link_pps(10000000000, 672), 14880952);
	assert_int_equal((int)ws_limit_link_pps(10000000000, 12304), 812743);
	assert_true(ws_limit_link_pps(0, 672) == 0);
	assert_true(ws_limit_link_pps(1000, 0) == 0);
	assert_true(ws_limit_link_pps(1000, -1) == 0);
	assert_true(ws_limit_link_pps(1000, NAN) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_link_requested),
		cmocka_unit_test(test_link_smallest_frame),
		cmocka_unit_test(test_link_flat_out),
		cmocka_unit_test(test_backpressure),
		cmocka_unit_test(test_cpu_and_rate_control),
		cmocka_unit_test(test_flat_out_names_a_cause),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_beyond_cpu),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_starved_is_not_cpu),
		cmocka_unit_test(test_qdisc_drops_are_backpressure),
		cmocka_unit_test(test_workers_share_the_time),
		cmocka_unit_test(test_link_mean_of_sizes),
		cmocka_unit_test(test_link_pps),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
