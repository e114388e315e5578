/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of loads that were made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/sys_fake.h"
#include "host/device.h"
#include "run/load_verdict.h"

struct made_up {
	struct ws_load_setup setup;
	struct ws_load_run run;
	struct ws_load_verdict_facts facts;
	struct ws_warnings warnings;
};

/* 100 kpps for a second, of which half was reached; nothing explains it. */
static struct made_up *made_up_new(void)
{
	struct made_up *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	sys_fake_reset();
	m->setup = (struct ws_load_setup){.name = "eth7", .label = "100kpps", .workers = 1};
	m->setup.source.l1_bits = 672;
	m->setup.source.frame_bits = 512;
	assert_int_equal(
		ws_plan_init_cbr(&m->setup.plan, (struct ws_ratio){100000, 1}, 100000, 0), 0);
	m->run.planned_pps = 100000;
	m->run.planned = 100000;
	m->run.due = m->run.attempted = m->run.sent = 50000;
	m->run.elapsed_ns = 1000000000;
	m->run.pacer_waits = 50000;
	m->run.complete = m->run.balanced = true;
	m->facts = (struct ws_load_verdict_facts){.setup = &m->setup, .qdisc = "", .cpu = -1};
	return m;
}

static const struct ws_limit *judge(struct made_up *m)
{
	m->warnings = (struct ws_warnings){0};
	ws_load_verdict(&m->warnings, &m->run, &m->facts);
	return &m->run.limit;
}

static bool tries(const struct ws_limit *l, const char *part)
{
	for (size_t i = 0; i < sizeof(l->try) / sizeof(l->try[0]) && l->try[i]; i++) {
		if (strstr(l->try[i], part)) {
			return true;
		}
	}
	return false;
}

static bool warns(const struct made_up *m, const char *part)
{
	for (unsigned i = 0; i < m->warnings.count; i++) {
		if (strstr(m->warnings.text[i], part)) {
			return true;
		}
	}
	return false;
}

#define assert_says(text, part)	    assert_non_null(strstr(text, part))
#define assert_not_says(text, part) assert_null(strstr(text, part))

/* A schedule of chance that the user ends is held against what chance had brought by then. */
static void test_ended_early(void **state)
{
	struct made_up *m = made_up_new();
	struct ws_plan_cursor c;
	uint64_t n = 0;

	(void)state;
	assert_int_equal(
		ws_plan_init_poisson(&m->setup.plan, (struct ws_ratio){1000, 1}, 0, 1, 100000, 0),
		0);
	m->run.planned_pps = 1000;
	m->run.complete = false;
	m->run.elapsed_ns = 50000000;
	ws_plan_cursor_init(&c, &m->setup.plan);
	for (; c.offset_ns <= m->run.elapsed_ns; n++) {
		ws_plan_cursor_next(&c);
	}
	assert_int_not_equal(n, 50); /* else this proves nothing */
	m->run.due = m->run.attempted = m->run.sent = n;
	assert_string_equal(judge(m)->cause, "none");
	m->run.due = m->run.attempted = m->run.sent = n - 1;
	assert_string_equal(judge(m)->cause, "unknown");
	assert_true(tries(&m->run.limit, "ended early"));
	/* One that was not ended has to keep to its mean. */
	m->run.complete = true;
	m->run.due = m->run.attempted = m->run.sent = 49;
	(void)judge(m);
	assert_true(m->run.due_pps == 1000);
	free(m);
}

static void test_nothing_sent(void **state)
{
	struct made_up *m = made_up_new();

	(void)state;
	m->run.complete = false;
	m->run.due = m->run.attempted = m->run.sent = m->run.pacer_waits = 0;
	m->run.elapsed_ns = 0;
	assert_string_equal(judge(m)->cause, "unknown");
	assert_says(m->run.limit.why, "nothing was sent");
	assert_null(m->run.limit.try[0]);
	free(m);
}

/* A file whose packets all have one time asks for no rate. */
static void test_replay_of_an_instant(void **state)
{
	const int64_t times[100] = {0};
	struct made_up *m = made_up_new();

	(void)state;
	assert_int_equal(ws_plan_init_list(&m->setup.plan, times, 100), 0);
	m->run.planned_pps = 0;
	m->run.planned = m->run.due = m->run.attempted = m->run.sent = 100;
	m->run.pacer_waits = 0;
	assert_string_equal(judge(m)->cause, "none");
	m->run.sent = 90;
	m->run.failed = m->run.refused = 10;
	m->run.refusal = -ENOBUFS;
	assert_string_equal(judge(m)->cause, "backpressure");
	free(m);
}

static void test_rate_control(void **state)
{
	struct made_up *m = made_up_new();
	const struct ws_limit *l;

	(void)state;
	m->run.late = 1;
	m->run.lateness_max_ns = 41000;
	m->run.stalls = 1;
	m->run.cpu_ns = 900000000;
	l = judge(m);
	assert_string_equal(l->cause, "rate-control");
	assert_says(l->why, "1 packet (0.00 %) left late, by up to 41 us, though there was time");
	assert_says(l->why, "held up 1 time for");
	/* Nobody was waiting where others had the CPU. */
	m->run.late = 50000;
	m->run.pacer_waits = 0;
	m->run.cpu_ns = 300000000;
	m->run.lateness_max_ns = 2500000;
	l = judge(m);
	assert_string_equal(l->cause, "rate-control");
	assert_not_says(l->why, "there was time");
	assert_says(l->why, "by up to 2.5 ms: the pacer never caught up, had the CPU 30 % of");
	m->run.skipped = 2;
	assert_says(judge(m)->why, "skipped as too late: 2 packets");
	free(m);
}

static void test_cpu(void **state)
{
	struct made_up *m = made_up_new();
	const struct ws_limit *l;
	unsigned cpus[2];
	unsigned have = (unsigned)ws_cpu_allowed(cpus, 2);

	(void)state;
	assert_true(have >= 1);
	m->setup.workers = 1;
	m->run.pacer_waits = 0;
	m->run.cpu_ns = 990000000;
	m->run.send_ns = 900000000;
	l = judge(m);
	assert_string_equal(l->cause, "cpu");
	assert_says(l->why, "20000 ns a packet where the rate has 10000, 90 % of the time in send");
	assert_not_says(l->why, "had the CPU for only");
	assert_int_equal(tries(l, "more workers, each"), have > 1);
	m->setup.workers = have + 1;
	m->run.cpu_ns = 990000000;
	m->run.planned_pps = 1e9;
	l = judge(m);
	assert_says(l->why, "it had the CPU for only");
	assert_true(tries(l, "no more workers than"));
	assert_false(tries(l, "more workers, each"));
	free(m);
}

static void test_carrier_lost(void **state)
{
	struct made_up *m = made_up_new();
	const struct ws_limit *l;

	(void)state;
	m->run.failed = m->run.refused = 1;
	m->run.refusal = -ENOBUFS;
	m->run.again = 50;
	m->run.given_up = 1;
	l = judge(m);
	assert_string_equal(l->cause, "backpressure");
	assert_says(l->why,
		"the kernel refused 1 packet (ENOBUFS); the kernel had no room (EAGAIN) 50 "
		"times, and 1 packet was given up");
	assert_true(tries(l, "a lower rate"));
	/* A queue that packets go past has nothing to do with it. */
	m->facts.qdisc = "pfifo_fast";
	assert_not_says(judge(m)->why, "pfifo_fast");
	assert_true(tries(&m->run.limit, "ip -s link"));
	m->setup.queued = true;
	assert_says(judge(m)->why, "queue discipline pfifo_fast of eth7");
	assert_true(tries(&m->run.limit, "tc -s qdisc"));
	m->setup.queued = false;
	m->facts.carrier_lost = true;
	l = judge(m);
	assert_says(l->why, "eth7 lost its carrier during the run; the kernel refused 1 packet (");
	assert_true(tries(l, "the cable"));
	assert_false(tries(l, "a lower rate"));
	free(m);
}

/* Accepted, and on the wire only later: no limit of ours, but told. */
static void test_queue_left(void **state)
{
	struct made_up *m = made_up_new();

	(void)state;
	m->run.due = m->run.attempted = m->run.sent = m->run.wire_packets = 100000;
	m->run.wire_known = true;
	m->facts.qdisc = "tbf";
	m->run.wire_ns = m->run.elapsed_ns;
	assert_string_equal(judge(m)->cause, "none");
	assert_int_equal(m->warnings.count, 0);
	m->run.queue_left = 30000;
	m->run.wire_ns += 500000000;
	(void)judge(m);
	assert_true(warns(m, "tbf of eth7 still held 30000 packets"));
	assert_true(warns(m, "took 500.0 ms more"));
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ended_early),
		cmocka_unit_test(test_nothing_sent),
		cmocka_unit_test(test_replay_of_an_instant),
		cmocka_unit_test(test_rate_control),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_carrier_lost),
		cmocka_unit_test(test_queue_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
