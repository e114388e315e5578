/* SPDX-License-Identifier: BSD-2-Clause */
/* Between a run, the watch of its clocks and its result; the watch is one that says what the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/sys_fake.h"
#include "run/clocks.h"

#define MS 1000000

/* A watch that is scripted, and what it was asked. */
struct ws_clock_watch {
	struct ws_clock_watch_config config;
	struct ws_clock_watch_result result;
	struct ws_clock_watch_event events[2];
	size_t n_events;
	int new_error, begin_error;
	unsigned made, freed, samples;
	int64_t every_ns, first_ns, last_ns;
	const _Atomic int *stop;
};

static struct ws_clock_watch script;

int __wrap_ws_clock_watch_new(
	struct ws_clock_watch **ret, const struct ws_clock_watch_config *config, int *ret_index);
void __wrap_ws_clock_watch_free(struct ws_clock_watch *w);
int __wrap_ws_clock_watch_begin(struct ws_clock_watch *w, const _Atomic int *stop);
int64_t __wrap_ws_clock_watch_sample(struct ws_clock_watch *w);
const struct ws_clock_watch_event *__wrap_ws_clock_watch_events(
	const struct ws_clock_watch *w, size_t *ret_count);
void __wrap_ws_clock_watch_result(
	const struct ws_clock_watch *w, struct ws_clock_watch_result *ret);

int __wrap_ws_clock_watch_new(
	struct ws_clock_watch **ret, const struct ws_clock_watch_config *config, int *ret_index)
{
	script.config = *config;
	*ret_index = -1;
	if (script.new_error) {
		return script.new_error;
	}
	script.made++;
	*ret = &script;
	return 0;
}

void __wrap_ws_clock_watch_free(struct ws_clock_watch *w)
{
	if (w) {
		assert_ptr_equal(w, &script);
		script.freed++;
	}
}

int __wrap_ws_clock_watch_begin(struct ws_clock_watch *w, const _Atomic int *stop)
{
	assert_ptr_equal(w, &script);
	script.stop = stop;
	return script.begin_error;
}

int64_t __wrap_ws_clock_watch_sample(struct ws_clock_watch *w)
{
	int64_t now = *sys_fake_clock();

	assert_ptr_equal(w, &script);
	script.first_ns = script.samples++ ? script.first_ns : now;
	script.last_ns = now;
	return script.every_ns ? now + script.every_ns : INT64_MAX;
}

const struct ws_clock_watch_event *__wrap_ws_clock_watch_events(
	const struct ws_clock_watch *w, size_t *ret_count)
{
	*ret_count = w->n_events;
	return w->events;
}

void __wrap_ws_clock_watch_result(const struct ws_clock_watch *w, struct ws_clock_watch_result *ret)
{
	*ret = w->result;
}

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	sys_fake_kernel.clock_step_ns = 50;
	memset(&script, 0, sizeof(script));
	return 0;
}

static enum ws_clock phc(int index)
{
	return (enum ws_clock)(WS_CLOCK_PHC + index);
}

/* A run with the stamps of /dev/ptpN at its ends; -1: with the kernel's. */
static struct ws_latency_setup run_of(int tx, int rx)
{
	struct ws_latency_setup s = {
		.mode = WS_LATENCY_ONE_HOST,
		.label = "1kpps",
		.end = {{.origin = tx < 0 ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_HARDWARE},
			{.origin = rx < 0 ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_HARDWARE}},
	};

	if (tx >= 0) {
		s.end[WS_END_TX].hw_clock = phc(tx);
	}
	if (rx >= 0) {
		s.end[WS_END_RX].hw_clock = phc(rx);
	}
	assert_int_equal(ws_plan_init_cbr(&s.plan, (struct ws_ratio){1000, 1}, 1000, 0), 0);
	return s;
}

static void test_which_clocks(void **state)
{
	static const struct {
		int tx, rx;
		enum ws_latency_mode mode;
		int index[2];
	} cases[] = {
		{2, 5, WS_LATENCY_ONE_HOST, {2, 5}},
		{2, 2, WS_LATENCY_ONE_HOST, {2, 2}},
		{0, -1, WS_LATENCY_ONE_HOST, {0, -1}},
		{-1, 3, WS_LATENCY_TWO_WAY, {-1, 3}},
		/* The receiving end is elsewhere: its clock is not ours to read. */
		{4, -1, WS_LATENCY_SEND, {4, 4}},
		{4, 6, WS_LATENCY_SEND, {4, 4}},
	};
	static const _Atomic int stop;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_latency_setup s = run_of(cases[i].tx, cases[i].rx);
		struct ws_clock_watch *w;

		reset(state);
		s.mode = cases[i].mode;
		s.stop = &stop;
		assert_int_equal(ws_run_clocks_open(&w, &s), 0);
		assert_ptr_equal(w, &script);
		assert_int_equal(script.config.index[WS_CLOCK_WATCH_TX], cases[i].index[0]);
		assert_int_equal(script.config.index[WS_CLOCK_WATCH_RX], cases[i].index[1]);
		assert_int_equal(script.config.settle_ns, 0);
		assert_ptr_equal(script.stop, &stop);
		assert_int_equal(script.freed, 0);
	}
}

/* What waits for later samples at the rate that is asked for has room. */
static void test_room_for_pairs(void **state)
{
	static const struct {
		uint64_t pps;
		unsigned least, most;
	} cases[] = {
		{1, 4096, 4096}, {100000, 60000, 60000}, {1000000000, 1u << 20, 1u << 20},
		{0, 1u << 20, 1u << 20}, /* max */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_latency_setup s = run_of(0, 1);
		struct ws_clock_watch *w;

		if (cases[i].pps) {
			assert_int_equal(ws_plan_init_cbr(&s.plan,
						 (struct ws_ratio){cases[i].pps, 1}, 1000, 0),
				0);
		} else {
			assert_int_equal(ws_plan_init_max(&s.plan, 1000, 0), 0);
		}
		assert_int_equal(ws_run_clocks_open(&w, &s), 0);
		assert_in_range(script.config.pairs, cases[i].least, cases[i].most);
	}
}

/* Two clocks that cannot be read give no latency; where both ends have one, it goes without. */
static void test_unreadable(void **state)
{
	for (int begins = 0; begins < 2; begins++) {
		for (int one = 0; one < 2; one++) {
			struct ws_latency_setup s = run_of(3, one ? 3 : 4);
			struct ws_clock_watch *w = &script;

			reset(state);
			*(begins ? &script.begin_error : &script.new_error) = -EACCES;
			assert_int_equal(ws_run_clocks_open(&w, &s), one ? 0 : -EACCES);
			assert_null(w);
			assert_int_equal(script.freed, script.made);
		}
	}
}

/* Samples at their times for 400 ms, and one at the end. */
static void test_finish(void **state)
{
	int64_t before = *sys_fake_clock();

	(void)state;
	script.every_ns = 20 * MS;
	ws_run_clocks_finish(&script);
	assert_in_range(script.samples, 20, 22);
	assert_in_range(script.first_ns - before, 0, MS);
	assert_in_range(script.last_ns - before, 400 * MS, 401 * MS);
	/* A clock that is gone holds it up no longer. */
	reset(state);
	before = *sys_fake_clock();
	ws_run_clocks_finish(&script);
	assert_int_equal(script.samples, 2);
	assert_in_range(*sys_fake_clock() - before, 400 * MS, 401 * MS);
}

static void test_error(void **state)
{
	(void)state;
	assert_int_equal(ws_run_clocks_error(NULL), -1);
	script.result.error_ns = 123;
	script.result.limit_ns = 999;
	assert_int_equal(ws_run_clocks_error(&script), 123);
	script.result.error_ns = -1;
	assert_int_equal(ws_run_clocks_error(&script), -1);
}

struct told {
	struct ws_hardware_facts hardware;
	struct ws_warnings warnings;
};

static void tell(struct told *t, const struct ws_clock_watch *w, const struct ws_latency_setup *s,
	enum ws_clock tx, enum ws_clock rx)
{
	struct ws_run_result *result = calloc(1, sizeof(*result));

	assert_non_null(result);
	memset(t, 0, sizeof(*t));
	result->hardware = &t->hardware;
	result->tx_clock = tx;
	result->rx_clock = rx;
	ws_run_clocks_tell(w, s, 8, result, &t->warnings);
	free(result);
}

static void test_two_clocks(void **state)
{
	struct ws_latency_setup s = run_of(2, 5);
	const struct ws_clock_compared *c;
	struct told t;

	(void)state;
	s.in_flight = 1;
	s.sample_gap_ns = 5000;
	s.sample_why = "further ones did not come";
	script.result = (struct ws_clock_watch_result){
		.end = {{.clock = phc(2),
				.name = "igb",
				.method = WS_PHC_EXTENDED,
				.samples = 100,
				.jumps = 0,
				.window_ns = 700,
				.rate_ppb = 12.5,
				.scatter_ns = 3.5},
			{.clock = phc(5), .name = "igc", .method = WS_PHC_PRECISE, .jumps = 2}},
		.error_ns = 40,
		.limit_ns = 900,
		.offset_ns = -37,
		.rate_ppb = 20000,
	};
	tell(&t, &script, &s, phc(2), phc(5));
	assert_int_equal(t.hardware.in_flight, 1);
	assert_int_equal(t.hardware.sample_gap_ns, 5000);
	assert_string_equal(t.hardware.why, "further ones did not come");
	assert_false(t.hardware.one_clock);
	assert_true(t.hardware.offset_known);
	assert_int_equal(t.hardware.offset_ns, -37);
	assert_true(t.hardware.rate_ppb == 20000);
	assert_int_equal(t.hardware.limit_ns, 908);
	c = &t.hardware.clock[WS_END_TX];
	assert_int_equal(c->clock, phc(2));
	assert_string_equal(c->name, "igb");
	assert_string_equal(c->method, ws_phc_method_name(WS_PHC_EXTENDED));
	assert_int_equal(c->samples, 100);
	assert_int_equal(c->window_ns, 700);
	assert_true(c->rate_ppb == 12.5);
	assert_true(c->scatter_ns == 3.5);
	c = &t.hardware.clock[WS_END_RX];
	assert_int_equal(c->clock, phc(5));
	assert_string_equal(c->name, "igc");
	assert_string_equal(c->method, ws_phc_method_name(WS_PHC_PRECISE));
	assert_int_equal(c->jumps, 2);
	assert_int_equal(t.warnings.count, 0);
	/* No pair had a bound: nothing is known of the offset, nor of the limit. */
	script.result.error_ns = script.result.limit_ns = -1;
	tell(&t, &script, &s, phc(2), phc(5));
	assert_false(t.hardware.offset_known);
	assert_int_equal(t.hardware.limit_ns, -1);
}

static void test_one_clock(void **state)
{
	struct ws_latency_setup s = run_of(2, 2);
	struct told t;

	(void)state;
	script.result.end[WS_CLOCK_WATCH_TX].clock = phc(2);
	tell(&t, &script, &s, phc(2), phc(2));
	assert_true(t.hardware.one_clock);
	assert_false(t.hardware.offset_known);
	assert_int_equal(t.hardware.limit_ns, 8); /* the clock's step */
	assert_int_equal(t.hardware.clock[WS_END_RX].clock, WS_CLOCK_NONE);
	assert_null(t.hardware.clock[WS_END_RX].method);
	assert_string_equal(t.hardware.why, "");
	/* One that cannot be read. */
	tell(&t, NULL, &s, phc(2), phc(2));
	assert_true(t.hardware.one_clock);
	assert_int_equal(t.hardware.limit_ns, -1);
	assert_int_equal(t.hardware.clock[WS_END_TX].clock, WS_CLOCK_NONE);
}

static void test_events_are_warnings(void **state)
{
	struct ws_latency_setup s = run_of(2, 5);
	struct told t;

	(void)state;
	strcpy(script.events[0].text, "ptp2 jumped by +1 ms");
	strcpy(script.events[1].text, "ptp5 is gone");
	script.n_events = 2;
	tell(&t, &script, &s, phc(2), phc(5));
	assert_int_equal(t.warnings.count, 2);
	assert_non_null(strstr(t.warnings.text[0], "1kpps: ptp2 jumped by +1 ms"));
	assert_non_null(strstr(t.warnings.text[1], "ptp5 is gone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_which_clocks, reset),
		cmocka_unit_test_setup(test_room_for_pairs, reset),
		cmocka_unit_test_setup(test_unreadable, reset),
		cmocka_unit_test_setup(test_finish, reset),
		cmocka_unit_test_setup(test_error, reset),
		cmocka_unit_test_setup(test_two_clocks, reset),
		cmocka_unit_test_setup(test_one_clock, reset),
		cmocka_unit_test_setup(test_events_are_warnings, reset),
	};

	return cmocka_run_group_tests_name("clocks", tests, NULL, NULL);
}
