/* SPDX-License-Identifier: BSD-2-Clause */
/* A run's clocks, on cards of which everything is known. CLOCK_MONOTONIC is the true time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/time.h"
#include "fake/sys_fake.h"
#include "host/phc.h"
#include "run/clock_watch.h"
#include "unit/clock_sim.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MS	      INT64_C(1000000)
#define SEC	      WS_NSEC_PER_SEC
#define OUTCOMES_MOST 40000

struct ws_phc {
	struct ws_phc_info info;
	struct sim_clock clock;
	int error;
	bool open;
};

struct outcome {
	bool known;
	int64_t latency_ns, error_ns;
	int64_t delay_ns;
};

static struct ws_phc cards[2];
static struct sim_random chance;
static struct sim_reading how;
static int open_error; /* of card 1 */
static struct outcome outcomes[OUTCOMES_MOST];
static size_t n_outcomes;
static uint32_t n_sent;

int __wrap_ws_phc_open(struct ws_phc **ret, int index);
void __wrap_ws_phc_close(struct ws_phc *p);
const struct ws_phc_info *__wrap_ws_phc_info(const struct ws_phc *p);
int __wrap_ws_phc_sample(struct ws_phc *p, struct ws_clock_sample *ret);

int __wrap_ws_phc_open(struct ws_phc **ret, int index)
{
	assert_in_range(index, 0, 1);
	if (index == 1 && open_error) {
		return open_error;
	}
	assert_false(cards[index].open);
	cards[index].open = true;
	*ret = &cards[index];
	return 0;
}

void __wrap_ws_phc_close(struct ws_phc *p)
{
	if (p) {
		assert_true(p->open);
		p->open = false;
	}
}

const struct ws_phc_info *__wrap_ws_phc_info(const struct ws_phc *p)
{
	return &p->info;
}

int __wrap_ws_phc_sample(struct ws_phc *p, struct ws_clock_sample *ret)
{
	const struct sim_clock realtime = {
		.zero = sys_fake_kernel.realtime_offset_ns, .resolution = 1};
	struct ws_clock_sample s;

	assert_true(p->open);
	s = sim_sample(&p->clock, &realtime, &how, &chance, sys_fake_clock());
	if (!p->error) {
		*ret = s;
	}
	return p->error;
}

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	sys_fake_kernel.clock_step_ns = 30;
	chance = (struct sim_random){.seed = 1};
	how = (struct sim_reading){.shortest = 500,
		.longest = 1000,
		.held_up = 0.3,
		.held_up_ns = 1e5,
		.place = 0.65,
		.noise = 0.1,
		.best_of = 5};
	memset(cards, 0, sizeof(cards));
	for (int k = 0; k < 2; k++) {
		cards[k].info = (struct ws_phc_info){.method = WS_PHC_EXTENDED,
			.readings = 5,
			.read_ns = 5000,
			.every_ns = MS,
			.resolution_ns = 1};
		strcpy(cards[k].info.driver, "igb");
		strcpy(cards[k].info.name, k ? "card1" : "card0");
		/* 37 s and 1 ms apart, and 20 ppm. */
		cards[k].clock =
			(struct sim_clock){.zero = (int64_t)1700000000 * SEC + k * (37 * SEC + MS),
				.rate = k ? 50e-6 : 30e-6,
				.resolution = 1};
	}
	open_error = 0;
	n_outcomes = 0;
	n_sent = 0;
	return 0;
}

static void take(
	void *arg, const struct ws_clock_pair *p, bool known, int64_t latency_ns, int64_t error_ns)
{
	struct outcome *o = &outcomes[n_outcomes];

	assert_ptr_equal(arg, outcomes);
	assert_true(n_outcomes < OUTCOMES_MOST);
	assert_int_equal(p->word[0], n_outcomes);
	o->known = known;
	o->latency_ns = latency_ns;
	o->error_ns = error_ns;
	n_outcomes++;
}

static struct ws_clock_watch_config config_of(int tx, int rx)
{
	return (struct ws_clock_watch_config){.index = {tx, rx}, .pairs = 4096};
}

static struct ws_clock_watch *open_with(const struct ws_clock_watch_config *config)
{
	struct ws_clock_watch *w = NULL;
	int index;

	assert_int_equal(ws_clock_watch_new(&w, config, &index), 0);
	ws_clock_watch_use(w, take, outcomes);
	return w;
}

static const atomic_int go_on;

static struct ws_clock_watch *open_and_prepare(int tx, int rx)
{
	struct ws_clock_watch_config config = config_of(tx, rx);
	struct ws_clock_watch *w = open_with(&config);

	assert_int_equal(ws_clock_watch_begin(w, &go_on), 0);
	return w;
}

static int64_t stamp(int phc, int64_t true_ns)
{
	return phc < 0 ? true_ns + sys_fake_kernel.realtime_offset_ns
		       : sim_time(&cards[phc].clock, true_ns);
}

/* A packet, now. */
static void send_one(struct ws_clock_watch *w, int tx, int rx, int64_t delay)
{
	int64_t now = *sys_fake_clock();
	struct ws_clock_pair p = {
		.tx_ns = stamp(tx, now + 2000),
		.rx_ns = stamp(rx, now + 2000 + delay),
		.after_ns = now,
		.before_ns = now + 2000 + delay + 20000,
	};

	p.word[0] = n_sent;
	assert_true(n_sent < OUTCOMES_MOST);
	outcomes[n_sent].delay_ns = delay;
	n_sent++;
	ws_clock_watch_put(w, &p);
}

/* What the main thread and the receiver do, with a packet each ms. */
static void run_for(struct ws_clock_watch *w, int tx, int rx, int64_t delay, int64_t ns)
{
	int64_t *now = sys_fake_clock(), end = *now + ns, next = *now;

	while (*now < end) {
		if (next <= *now) {
			next = ws_clock_watch_sample(w);
		}
		send_one(w, tx, rx, delay);
		*now += MS;
		ws_clock_watch_step(w);
	}
}

static void end_run(struct ws_clock_watch *w)
{
	for (int i = 0; i < 3; i++) {
		*sys_fake_clock() += 21 * MS;
		(void)ws_clock_watch_sample(w);
	}
	ws_clock_watch_flush(w);
	assert_int_equal(n_outcomes, n_sent);
}

/* All that is said to be known is right; the number of those that are not known. */
static unsigned judge(unsigned *ret_likely)
{
	unsigned unknown = 0, inside = 0;

	for (size_t i = 0; i < n_outcomes; i++) {
		const struct outcome *o = &outcomes[i];
		int64_t off = llabs(o->latency_ns - o->delay_ns);

		if (!o->known) {
			assert_int_equal(o->latency_ns, 0);
			unknown++;
			continue;
		}
		/* About a window of either clock: more no asymmetry does. */
		assert_in_range(off, 0, 2500);
		inside += off <= o->error_ns;
	}
	if (ret_likely) {
		*ret_likely = inside;
	}
	return unknown;
}

static void true_delays_lie_inside(void **state)
{
	static const int64_t delays[] = {5000, 50000, 500000};
	size_t inside = 0, all = 0;

	(void)state;
	for (unsigned run = 0; run < 100; run++) {
		struct ws_clock_watch_result counts;
		struct ws_clock_watch *w;
		unsigned likely;
		size_t events;

		reset(NULL);
		chance.seed = run;
		how.place = 0.3 + 0.4 * (run % 5) / 4;
		w = open_and_prepare(0, 1);
		run_for(w, 0, 1, delays[run % 3], SEC);
		end_run(w);
		assert_int_equal(judge(&likely), 0);
		inside += likely;
		all += n_outcomes;
		(void)ws_clock_watch_events(w, &events);
		assert_int_equal(events, 0);
		ws_clock_watch_result(w, &counts);
		assert_int_equal(counts.pairs, n_outcomes);
		assert_int_equal(counts.unknown + counts.early + counts.failed, 0);
		assert_int_equal(counts.overflowed, 0);
		assert_true(counts.read_alike && !counts.one_clock);
		assert_true(counts.end[1].samples > 30 + 45);
		assert_int_equal(counts.end[0].clock, WS_CLOCK_PHC);
		assert_int_equal(counts.end[1].clock, WS_CLOCK_PHC + 1);
		assert_string_equal(counts.end[1].name, "card1");
		assert_in_range(counts.offset_ns, 37 * SEC, 37 * SEC + 30 * MS);
		assert_float_equal(counts.rate_ppb, 20000, 500);
		assert_in_range(counts.error_ns, 10, 200);
		assert_in_range(counts.limit_ns, 200, 2000);
		ws_clock_watch_free(w);
	}
	/* Those of one run are as right as that run is. */
	assert_true(inside >= 0.99 * all);
}

static void not_read_alike(void **state)
{
	struct ws_clock_watch_config config = config_of(0, 1);
	struct ws_clock_watch *w;

	(void)state;
	/* Another driver, or another way. */
	for (int i = 0; i < 2; i++) {
		reset(NULL);
		strcpy(cards[1].info.driver, i ? "igb" : "igc");
		cards[1].info.method = i ? WS_PHC_BASIC : WS_PHC_EXTENDED;
		w = open_with(&config);
		assert_int_equal(ws_clock_watch_begin(w, &go_on), 0);
		run_for(w, 0, 1, 5000, SEC / 4);
		end_run(w);
		assert_int_equal(judge(NULL), 0);
		for (size_t k = 0; k < n_outcomes; k++) {
			assert_in_range(outcomes[k].error_ns, 300, 2000);
		}
		ws_clock_watch_free(w);
	}
}

static void one_clock_is_exact(void **state)
{
	struct ws_clock_watch *w = open_and_prepare(0, 0);
	const struct ws_clock_watch_event *e;
	struct ws_clock_watch_result counts;
	unsigned unknown;
	size_t n;

	(void)state;
	assert_false(cards[1].open);
	run_for(w, 0, 0, 500000, SEC / 2);
	assert_true(n_outcomes > 0);
	cards[0].clock.jump_at = *sys_fake_clock() + 10 * MS;
	cards[0].clock.jump_by = -2 * SEC;
	run_for(w, 0, 0, 500000, SEC / 2);
	end_run(w);
	for (size_t i = 0; i < n_outcomes; i++) {
		assert_int_equal(outcomes[i].error_ns, 0);
		assert_true(!outcomes[i].known || llabs(outcomes[i].latency_ns - 500000) < 100);
	}
	unknown = 0;
	ws_clock_watch_result(w, &counts);
	for (size_t i = 0; i < n_outcomes; i++) {
		unknown += !outcomes[i].known;
	}
	assert_int_equal(counts.unknown, unknown);
	assert_in_range(unknown, 1, 70);
	e = ws_clock_watch_events(w, &n);
	assert_int_equal(n, 1);
	assert_non_null(strstr(e->text, "both ends' clock ptp0 (card0) jumped by -2.0"));
	ws_clock_watch_free(w);
}

static void a_jump_spoils_few(void **state)
{
	static const int64_t jumps[] = {1300 * 1000, -10000, 2199 * SEC, 5000};

	(void)state;
	for (unsigned run = 0; run < 16; run++) {
		const struct ws_clock_watch_event *e;
		struct ws_clock_watch *w;
		int64_t at, jump = jumps[run % 4];
		size_t n;

		reset(NULL);
		chance.seed = run;
		w = open_and_prepare(0, 1);
		run_for(w, 0, 1, 50000, SEC / 2);
		at = *sys_fake_clock() + 7 * MS * (run / 4);
		cards[1].clock.jump_at = at;
		cards[1].clock.jump_by = jump;
		run_for(w, 0, 1, 50000, SEC);
		end_run(w);
		/* Between a sample before and one after it, of 20 ms each. */
		assert_in_range(judge(NULL), 1, 45);
		e = ws_clock_watch_events(w, &n);
		assert_int_equal(n, 1);
		assert_int_equal(e->kind, WS_CLOCK_WATCH_JUMPED);
		assert_int_equal(e->end, WS_CLOCK_WATCH_RX);
		assert_in_range(llabs(e->by_ns - jump), 0, 1000);
		assert_in_range(llabs(e->at_ns - at), 0, 45 * MS);
		assert_non_null(
			strstr(e->text, "the receiving end's clock ptp1 (card1) jumped by"));
		if (run % 4 == 0) {
			assert_non_null(strstr(e->text, "+1.300 ms"));
		}
		ws_clock_watch_free(w);
	}
}

static void the_system_clock_is_set(void **state)
{
	static const int64_t steps[] = {-3600 * SEC, 5000, 37 * SEC, -1000000};

	(void)state;
	for (unsigned run = 0; run < 4; run++) {
		const struct ws_clock_watch_event *e;
		struct ws_clock_watch *w;
		size_t n;

		reset(NULL);
		w = open_and_prepare(0, 1);
		run_for(w, 0, 1, 50000, SEC / 2);
		sys_fake_kernel.realtime_offset_ns += steps[run];
		run_for(w, 0, 1, 50000, SEC);
		end_run(w);
		assert_in_range(judge(NULL), 1, 25);
		e = ws_clock_watch_events(w, &n);
		assert_int_equal(n, 1);
		assert_int_equal(e->kind, WS_CLOCK_WATCH_REFERENCE);
		assert_in_range(llabs(e->by_ns - steps[run]), 0, 200);
		assert_non_null(strstr(e->text, "the system clock was set by "));
		ws_clock_watch_free(w);
	}
}

/* The cards' clocks did nothing: but against the system's they look as if. */
static void the_system_clock_is_slewed(void **state)
{
	const struct ws_clock_watch_event *e;
	struct ws_clock_watch *w = open_and_prepare(0, 1);
	size_t n;

	(void)state;
	run_for(w, 0, 1, 50000, SEC / 2);
	for (int k = 0; k < 2; k++) {
		cards[k].clock.jump_at = *sys_fake_clock() + 1;
		cards[k].clock.jump_rate = -500e-6;
	}
	run_for(w, 0, 1, 50000, SEC);
	end_run(w);
	assert_in_range(judge(NULL), 1, 90);
	e = ws_clock_watch_events(w, &n);
	assert_int_equal(n, 1);
	assert_int_equal(e->kind, WS_CLOCK_WATCH_SLEWED);
	assert_non_null(strstr(e->text, "the system clock changed its rate"));
	ws_clock_watch_free(w);
}

static void one_end_in_software(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		int tx = side ? -1 : 0, rx = side ? 0 : -1;
		struct ws_clock_watch_result s;
		struct ws_clock_watch *w;

		reset(NULL);
		w = open_and_prepare(tx, rx);
		ws_clock_watch_result(w, &s);
		assert_int_equal(s.end[!side].clock, WS_CLOCK_NONE);
		assert_int_equal(s.end[side].clock, WS_CLOCK_PHC);
		run_for(w, tx, rx, 50000, SEC / 2);
		assert_true(n_outcomes > 0);
		sys_fake_kernel.realtime_offset_ns += SEC;
		run_for(w, tx, rx, 50000, SEC / 2);
		end_run(w);
		assert_in_range(judge(NULL), 1, 25);
		for (size_t i = 0; i < n_outcomes; i++) {
			assert_true(!outcomes[i].known || outcomes[i].error_ns >= 150);
			assert_in_range(outcomes[i].error_ns, 0, 2000);
		}
		ws_clock_watch_free(w);
	}
}

static void to_monotonic(void **state)
{
	struct ws_clock_watch *w = open_and_prepare(0, -1);
	int64_t ns, error, at = *sys_fake_clock() - 50 * MS;

	(void)state;
	assert_true(ws_clock_watch_to_monotonic(
		w, (struct ws_time){stamp(0, at), WS_CLOCK_PHC}, &ns, &error));
	assert_in_range(llabs(ns - at), 0, error);
	assert_in_range(error, 100, 2000);
	assert_true(ws_clock_watch_to_monotonic(
		w, (struct ws_time){stamp(-1, at), WS_CLOCK_REALTIME}, &ns, &error));
	assert_in_range(llabs(ns - at), 0, error);
	assert_in_range(error, 1, 100);
	assert_false(ws_clock_watch_to_monotonic(
		w, (struct ws_time){INT64_MIN, WS_CLOCK_REALTIME}, &ns, &error));
	assert_false(ws_clock_watch_to_monotonic(
		w, (struct ws_time){at, WS_CLOCK_PHC + 1}, &ns, &error));
	ws_clock_watch_free(w);
}

static void a_card_goes(void **state)
{
	struct ws_clock_watch *w = open_and_prepare(0, 1);
	const struct ws_clock_watch_event *e;
	struct ws_clock_watch_result counts;
	size_t n;

	(void)state;
	run_for(w, 0, 1, 50000, SEC / 2);
	/* For a moment: that is no news. */
	cards[0].error = -EBUSY;
	run_for(w, 0, 1, 50000, 30 * MS);
	cards[0].error = 0;
	run_for(w, 0, 1, 50000, 30 * MS);
	cards[1].error = -ENODEV;
	run_for(w, 0, 1, 50000, 100 * MS);
	e = ws_clock_watch_events(w, &n);
	assert_int_equal(n, 1);
	assert_int_equal(e->kind, WS_CLOCK_WATCH_GONE);
	assert_int_equal(e->end, WS_CLOCK_WATCH_RX);
	assert_int_equal(e->error, -ENODEV);
	assert_string_equal(e->text,
		"the receiving end's clock ptp1 (card1) cannot be read any more: No such device");
	cards[0].error = -ENODEV;
	*sys_fake_clock() += SEC;
	(void)ws_clock_watch_sample(w);
	assert_true(ws_clock_watch_sample(w) == INT64_MAX);
	end_run(w);
	ws_clock_watch_result(w, &counts);
	assert_in_range(counts.failed, 3, 6);
	assert_in_range(counts.early, 50, 150);
	assert_int_equal(judge(NULL), 0);
	ws_clock_watch_free(w);
}

static void more_than_can_wait(void **state)
{
	struct ws_clock_watch_config config = config_of(0, 1);
	struct ws_clock_watch_result counts;
	struct ws_clock_watch *w;

	(void)state;
	config.pairs = 10;
	w = open_with(&config);
	assert_int_equal(ws_clock_watch_begin(w, &go_on), 0);
	run_for(w, 0, 1, 50000, SEC / 2);
	assert_int_equal(n_outcomes, n_sent - 10);
	end_run(w);
	assert_int_equal(judge(NULL), 0);
	ws_clock_watch_result(w, &counts);
	/* Ten ms wait, samples come each 20. */
	assert_in_range(counts.early, 100, 400);
	ws_clock_watch_free(w);
}

/* Nobody collects for a minute: then samples are missing, and it is said. */
static void the_receiver_is_held_up(void **state)
{
	struct ws_clock_watch *w = open_and_prepare(0, 1);
	struct ws_clock_watch_result counts;
	int64_t *now = sys_fake_clock();

	(void)state;
	for (int i = 0; i < 3000; i++) {
		*now = ws_clock_watch_sample(w);
	}
	run_for(w, 0, 1, 50000, SEC);
	end_run(w);
	ws_clock_watch_result(w, &counts);
	assert_in_range(counts.overflowed, 4000, 6000);
	assert_int_equal(judge(NULL), 0);
	ws_clock_watch_free(w);
}

/* The next one of the same command tells only of itself. */
static void two_runs(void **state)
{
	struct ws_clock_watch *w = open_and_prepare(0, 1);
	struct ws_clock_watch_result counts;
	size_t n;

	(void)state;
	cards[1].clock.jump_at = *sys_fake_clock() + 100 * MS;
	cards[1].clock.jump_by = SEC;
	run_for(w, 0, 1, 50000, SEC / 2);
	end_run(w);
	ws_clock_watch_result(w, &counts);
	assert_int_equal(counts.end[1].jumps, 1);
	assert_in_range(counts.end[1].jump_ns, SEC - 1000, SEC + 1000);
	assert_true(counts.unknown > 0);
	*sys_fake_clock() += 10 * SEC;
	n_outcomes = n_sent = 0;
	assert_int_equal(ws_clock_watch_begin(w, &go_on), 0);
	run_for(w, 0, 1, 50000, SEC / 2);
	end_run(w);
	assert_int_equal(judge(NULL), 0);
	ws_clock_watch_result(w, &counts);
	assert_int_equal(counts.end[1].jumps + counts.unknown, 0);
	assert_int_equal(counts.pairs, n_outcomes);
	(void)ws_clock_watch_events(w, &n);
	assert_int_equal(n, 0);
	ws_clock_watch_free(w);
}

static void settles_at_once_if_asked(void **state)
{
	struct ws_clock_watch_config config = config_of(0, 1);
	struct ws_clock_watch_result counts;
	struct ws_clock_watch *w;

	(void)state;
	config.settle_ns = -1;
	w = open_with(&config);
	assert_int_equal(ws_clock_watch_begin(w, &go_on), 0);
	run_for(w, 0, 1, 50000, SEC / 2);
	assert_true(n_sent - n_outcomes <= 21);
	end_run(w);
	ws_clock_watch_result(w, &counts);
	assert_int_equal(counts.early, 0);
	assert_int_equal(judge(NULL), 0);
	ws_clock_watch_free(w);
}

static void errors(void **state)
{
	struct ws_clock_watch_config config = config_of(0, 1);
	struct ws_clock_watch *w = NULL;
	int64_t ns, begin;
	struct ws_clockfit_error e;
	int end;

	(void)state;
	open_error = -EACCES;
	assert_int_equal(ws_clock_watch_new(&w, &config, &end), -EACCES);
	assert_int_equal(end, 1);
	assert_null(w);
	assert_false(cards[0].open);
	open_error = 0;
	config.index[0] = config.index[1] = -1;
	assert_int_equal(ws_clock_watch_new(&w, &config, &end), -EINVAL);
	assert_int_equal(end, -1);
	config = config_of(0, 1);
	config.pairs = 0;
	assert_int_equal(ws_clock_watch_new(&w, &config, &end), -EINVAL);
	config = config_of(0, 1);
	w = open_with(&config);
	/* Before there is anything. */
	assert_false(ws_clock_watch_between(w, 0, &ns, &e));
	assert_false(ws_clock_watch_to_monotonic(w, (struct ws_time){0, WS_CLOCK_PHC}, &ns, &ns));
	send_one(w, 0, 1, 5000);
	ws_clock_watch_flush(w);
	assert_int_equal(judge(NULL), 1);
	cards[0].error = -EBUSY;
	begin = *sys_fake_clock();
	assert_int_equal(ws_clock_watch_begin(w, &go_on), -ETIME);
	assert_in_range(*sys_fake_clock() - begin, 3 * SEC, 4 * SEC);
	cards[0].error = -ENODEV;
	assert_int_equal(ws_clock_watch_begin(w, &go_on), -ENODEV);
	ws_clock_watch_free(w);
	ws_clock_watch_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(true_delays_lie_inside, reset),
		cmocka_unit_test_setup(not_read_alike, reset),
		cmocka_unit_test_setup(one_clock_is_exact, reset),
		cmocka_unit_test_setup(a_jump_spoils_few, reset),
		cmocka_unit_test_setup(the_system_clock_is_set, reset),
		cmocka_unit_test_setup(the_system_clock_is_slewed, reset),
		cmocka_unit_test_setup(one_end_in_software, reset),
		cmocka_unit_test_setup(to_monotonic, reset),
		cmocka_unit_test_setup(a_card_goes, reset),
		cmocka_unit_test_setup(more_than_can_wait, reset),
		cmocka_unit_test_setup(the_receiver_is_held_up, reset),
		cmocka_unit_test_setup(two_runs, reset),
		cmocka_unit_test_setup(settles_at_once_if_asked, reset),
		cmocka_unit_test_setup(errors, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
