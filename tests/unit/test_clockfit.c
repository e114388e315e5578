/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks of which everything is known, so that what is said of them can be judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clockfit.h"
#include "unit/clock_sim.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TODAY	 INT64_C(1763800000000000000)
#define SEC	 INT64_C(1000000000)
/* More of them take longer and show the same; the numbers that the estimators have were chosen with 30,000. */
#ifndef RUNS
#define RUNS 24
#endif

/* Of windows: quiet, held up now and then, an emulated machine. */
static const struct sim_reading readings[] = {
	{.shortest = 500,
		.longest = 1000,
		.held_up = 0.05,
		.held_up_ns = 1e5,
		.noise = 0.05,
		.best_of = 1},
	{.shortest = 500,
		.longest = 1000,
		.held_up = 0.3,
		.held_up_ns = 1e5,
		.noise = 0.1,
		.best_of = 5},
	{.shortest = 2000,
		.longest = 2600,
		.held_up = 0.5,
		.held_up_ns = 1e6,
		.noise = 0.02,
		.best_of = 5},
	{.shortest = 10000,
		.longest = 15000,
		.held_up = 0.5,
		.held_up_ns = 1e6,
		.noise = 0.1,
		.best_of = 5},
};

struct scene {
	struct sim_random random;
	struct sim_reading how;
	struct sim_clock reference, clock[2];
	struct ws_clockfit *fit[2];
	int64_t every_ns, now, last; /* true time: the next sample, and the newest */
	unsigned odd, jumps;
};

static struct scene make_scene(uint64_t seed, const struct sim_reading *how, int64_t resolution)
{
	struct scene s = {.random = {.seed = seed}, .how = *how, .every_ns = 20000000};

	s.how.place = sim_uniform(&s.random, 0.3, 0.7);
	s.reference = (struct sim_clock){
		.zero = TODAY, .rate = sim_uniform(&s.random, -500e-6, 500e-6), .resolution = 1};
	for (int k = 0; k < 2; k++) {
		struct ws_clockfit_config config = {
			.samples = 256, .span_ns = SEC, .resolution_ns = resolution};

		s.clock[k] = (struct sim_clock){
			.zero = k ? TODAY + 37 * SEC : 1000000,
			.rate = sim_uniform(&s.random, -100e-6, 100e-6),
			.wander = sim_uniform(&s.random, -1e-7, 1e-7),
			.resolution = resolution,
		};
		assert_int_equal(ws_clockfit_new(&s.fit[k], &config), 0);
	}
	return s;
}

static void end_scene(struct scene *s)
{
	ws_clockfit_free(s->fit[0]);
	ws_clockfit_free(s->fit[1]);
}

/* The next sample of either clock. What the first said. */
static enum ws_clockfit_event step(struct scene *s, int64_t *ret_jump)
{
	enum ws_clockfit_event e[2];
	int64_t at = s->now, by[2];

	s->last = at;
	for (int k = 0; k < 2; k++) {
		struct ws_clock_sample sample =
			sim_sample(&s->clock[k], &s->reference, &s->how, &s->random, &at);

		e[k] = ws_clockfit_add(s->fit[k], &sample, &by[k]);
		s->odd += e[k] == WS_CLOCKFIT_ODD;
		s->jumps += e[k] == WS_CLOCKFIT_JUMPED;
	}
	s->now += s->every_ns + llround(sim_uniform(&s->random, 0, 1e6));
	*ret_jump = by[0];
	return e[0];
}

static void run_until(struct scene *s, int64_t until)
{
	int64_t by;

	while (s->now < until) {
		(void)step(s, &by);
	}
}

/* Errors over runs, and what was said of them; as parts of the bound, so that those of other clocks can be added. */
struct tally {
	double sum, squares;
	unsigned n, inside;
};

static void judge_between(struct tally *t, const struct scene *s, int64_t at)
{
	struct ws_clockfit_error e;
	int64_t ns, off;

	assert_true(ws_clockfit_between(
		s->fit[0], s->fit[1], true, sim_time(&s->clock[0], at), &ns, &e));
	off = ns - sim_time(&s->clock[1], at);
	assert_in_range(llabs(off), 0, e.limit_ns);
	assert_in_range(e.likely_ns, 1, e.limit_ns);
	t->n++;
	t->inside += llabs(off) <= e.likely_ns;
	t->sum += (double)off / (double)e.likely_ns;
	t->squares += pow((double)off / (double)e.likely_ns, 2);
	/* What no symmetry is needed for. */
	assert_true(ws_clockfit_from_reference(s->fit[1], sim_time(&s->reference, at), &ns, &e));
	assert_in_range(llabs(ns - sim_time(&s->clock[1], at)), 0, e.limit_ns);
	assert_true(ws_clockfit_to_reference(s->fit[1], sim_time(&s->clock[1], at), &ns, &e));
	assert_in_range(llabs(ns - sim_time(&s->reference, at)), 0, e.limit_ns + 1);
	assert_true(ws_clockfit_between(
		s->fit[0], s->fit[1], false, sim_time(&s->clock[0], at), &ns, &e));
	assert_int_equal(e.likely_ns, e.limit_ns);
}

static double spread(const struct tally *t)
{
	double mean = t->sum / t->n;

	return sqrt(t->squares / t->n - mean * mean);
}

static void bounds_hold_and_are_narrow(void **state)
{
	static const int64_t every[] = {10000000, 20000000, 50000000};
	static const int64_t lasts[] = {SEC, 3 * SEC};
	static const int64_t resolutions[] = {1, 16, 1000};
	/* In the middle, at the end, and beyond it. */
	struct tally tallies[COUNT(readings)][4] = {0};
	unsigned inside = 0, n = 0;

	(void)state;
	for (size_t c = 0; c < COUNT(readings) * 18 * RUNS; c++) {
		size_t how = c % COUNT(readings), rest = c / COUNT(readings) % 18;
		struct tally *t = tallies[how];
		struct scene s = make_scene(c, &readings[how], resolutions[rest % 3]);

		s.every_ns = every[rest / 3 % 3];
		run_until(&s, lasts[rest / 9]);
		judge_between(&t[0], &s, s.last - SEC / 2);
		judge_between(&t[1], &s, s.last - 5000000);
		judge_between(&t[2], &s, s.last + 20000000);
		judge_between(&t[3], &s, s.last + 200000000);
		assert_int_equal(s.odd + s.jumps, 0);
		end_scene(&s);
	}
	for (size_t i = 0; i < COUNT(readings) * 4; i++) {
		const struct tally *t = &tallies[i / 4][i % 4];

		n += t->n;
		inside += t->inside;
		assert_true(t->inside >= 0.99 * t->n);
		assert_true(spread(t) > 1.0 / 8);
	}
	assert_true(inside >= 0.995 * n);
}

/* With few samples the bounds are wide, but hold. */
static void short_runs(void **state)
{
	struct tally t = {0};

	(void)state;
	for (unsigned run = 0; run < 8 * RUNS; run++) {
		struct scene s = make_scene(run, &readings[run % COUNT(readings)], 1);

		s.every_ns = 10000000 * (1 + run % 5);
		run_until(&s, run % 3 ? 3 * SEC / 10 : SEC / 10);
		judge_between(&t, &s, s.last / 2);
		judge_between(&t, &s, s.last + 100000000);
		end_scene(&s);
	}
	assert_true(t.inside >= 0.99 * t.n);
}

/* One clock's windows are longer, all on one side of the reading: that does not cancel out. */
static void windows_that_differ(void **state)
{
	struct sim_reading how = readings[0];
	struct tally t = {0};

	(void)state;
	how.longest = how.shortest + 5;
	how.noise = 0;
	for (unsigned run = 0; run < 4 * RUNS; run++) {
		struct scene s = make_scene(run, &how, 1);
		struct sim_reading longer = s.how;
		double more = run % 2 ? 60 : 400, place = run % 4 < 2 ? more : 0;

		longer.shortest += more;
		longer.longest += more;
		longer.place = (s.how.place * s.how.shortest + place) / longer.shortest;
		for (; s.now < SEC; s.now += s.every_ns) {
			struct ws_clock_sample sample;
			int64_t by, at = s.now;

			s.last = at;
			sample = sim_sample(&s.clock[0], &s.reference, &s.how, &s.random, &at);
			assert_int_equal(ws_clockfit_add(s.fit[0], &sample, &by), WS_CLOCKFIT_OK);
			sample = sim_sample(&s.clock[1], &s.reference, &longer, &s.random, &at);
			assert_int_equal(ws_clockfit_add(s.fit[1], &sample, &by), WS_CLOCKFIT_OK);
		}
		judge_between(&t, &s, s.last - SEC / 2);
		end_scene(&s);
	}
	assert_int_equal(t.inside, t.n);
	assert_true(spread(&t) > 0.5);
}

static void long_runs_never_jump(void **state)
{
	(void)state;
	for (unsigned run = 0; run < RUNS / 4; run++) {
		struct scene s = make_scene(run + 77, &readings[run % COUNT(readings)], 8);
		struct tally t = {0};

		run_until(&s, 60 * SEC);
		judge_between(&t, &s, s.last - SEC / 3);
		assert_int_equal(s.odd + s.jumps, 0);
		end_scene(&s);
	}
}

static void jumps_are_found_at_once(void **state)
{
	static const struct {
		int64_t by;
		double rate;
	} rows[] = {
		{1500, 0},
		{-1500, 0},
		{10000, 0},
		{-1000000, 0},
		{1300000, 0},
		{37 * SEC, 0},
		{-2000 * SEC, 0},
		{2000 * SEC, 0},
		{0, 100e-6},
		{0, -100e-6},
		{5000, 50e-6},
	};

	(void)state;
	for (unsigned run = 0; run < COUNT(rows) * RUNS; run++) {
		struct scene s = make_scene(run + 999, &readings[1], 1);
		int64_t jump = rows[run % COUNT(rows)].by, by,
			at = SEC / 2 + (int64_t)run * 1000003;
		enum ws_clockfit_event e = WS_CLOCKFIT_OK;
		struct ws_clockfit_state now;
		struct tally t = {0};
		unsigned after = 0;

		s.clock[0].jump_at = at;
		s.clock[0].jump_by = jump;
		s.clock[0].jump_rate = rows[run % COUNT(rows)].rate;
		run_until(&s, at);
		assert_int_equal(s.jumps, 0);
		while (e != WS_CLOCKFIT_JUMPED && after < 10) {
			e = step(&s, &by);
			after++;
		}
		assert_in_range(after, 2, 4);
		if (jump) {
			assert_in_range(llabs(by - jump), 0, 12000);
		}
		ws_clockfit_state(s.fit[0], &now);
		assert_int_equal(now.jumps, 1);
		assert_in_range(now.used, 2, 3);
		/* And what is known after it is of what was after it. */
		run_until(&s, s.now + SEC / 2);
		judge_between(&t, &s, s.last - 100000000);
		assert_int_equal(s.jumps, 1);
		end_scene(&s);
	}
}

static void the_reference_stepped(void **state)
{
	static const int64_t steps[] = {-3600 * SEC, -5000, 5000, SEC};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct scene s = make_scene(i, &readings[1], 1);
		struct tally t = {0};

		s.reference.jump_at = SEC;
		s.reference.jump_by = steps[i];
		run_until(&s, SEC + 100000000);
		assert_int_equal(s.jumps, 2);
		run_until(&s, 2 * SEC);
		judge_between(&t, &s, s.last - 100000000);
		assert_int_equal(s.jumps, 2);
		end_scene(&s);
	}
}

static void one_that_lies(void **state)
{
	struct scene s = make_scene(5, &readings[1], 1);
	struct ws_clock_sample lie;
	struct ws_clockfit_state now;
	struct tally t = {0};
	int64_t by, at;

	(void)state;
	run_until(&s, SEC);
	at = s.now;
	lie = sim_sample(&s.clock[0], &s.reference, &s.how, &s.random, &at);
	lie.offset_ns += 1000000;
	assert_int_equal(ws_clockfit_add(s.fit[0], &lie, &by), WS_CLOCKFIT_ODD);
	s.now = at + 10000000;
	assert_int_equal(step(&s, &by), WS_CLOCKFIT_OK);
	judge_between(&t, &s, s.last);
	/* Each at another place: after three nobody would wait for a fourth. */
	for (int i = 0; i < 3; i++) {
		at = s.now += 10000000;
		lie = sim_sample(&s.clock[0], &s.reference, &s.how, &s.random, &at);
		lie.offset_ns += (i + 1) * 10 * SEC * (i % 2 ? 1 : -1);
		assert_int_equal(ws_clockfit_add(s.fit[0], &lie, &by),
			i < 2 ? WS_CLOCKFIT_ODD : WS_CLOCKFIT_JUMPED);
	}
	ws_clockfit_state(s.fit[0], &now);
	assert_int_equal(now.odd, 3);
	assert_int_equal(now.used, 1);
	end_scene(&s);
}

/* PRECISE: nothing but the scatter. */
static void without_windows(void **state)
{
	unsigned inside = 0, n = 0;

	(void)state;
	for (unsigned run = 0; run < 8 * RUNS; run++) {
		struct scene s = make_scene(run, &readings[0], 1);
		int64_t ns, by, limit = 0;
		unsigned odd = 0, after = 0;
		enum ws_clockfit_event e = WS_CLOCKFIT_OK;

		for (int i = 0; i < 60; i++) {
			int64_t ref = sim_time(&s.reference, s.now);
			int64_t off = sim_time(&s.clock[0], s.now) - ref;
			struct ws_clock_sample sample = {
				ref, off + llround(8 * sim_normal(&s.random)), 0};

			odd += ws_clockfit_add(s.fit[0], &sample, &by) != WS_CLOCKFIT_OK;
			s.last = s.now;
			s.now += 20000000;
		}
		for (int i = 0; i < 4; i++) {
			struct ws_clockfit_error error;
			int64_t at = s.last - i * 200000000;

			assert_true(ws_clockfit_to_reference(
				s.fit[0], sim_time(&s.clock[0], at), &ns, &error));
			assert_int_equal(error.limit_ns, INT64_MAX);
			assert_in_range(error.likely_ns, 1, 60);
			inside += llabs(ns - sim_time(&s.reference, at)) <= error.likely_ns;
			limit = error.limit_ns;
			n++;
		}
		assert_int_equal(odd, 0);
		assert_int_equal(limit, INT64_MAX);
		while (e != WS_CLOCKFIT_JUMPED && after < 10) {
			int64_t ref = sim_time(&s.reference, s.now);
			struct ws_clock_sample sample = {
				ref, sim_time(&s.clock[0], s.now) - ref + 1000, 0};

			e = ws_clockfit_add(s.fit[0], &sample, &by);
			s.now += 20000000;
			after++;
		}
		assert_int_equal(after, 2);
		assert_in_range(by, 900, 1100);
		end_scene(&s);
	}
	assert_true(inside >= 0.99 * n);
}

static void what_is_kept(void **state)
{
	const struct ws_clockfit_config config = {.samples = 8, .span_ns = 100, .resolution_ns = 1};
	struct ws_clockfit_config wrong = config;
	struct ws_clockfit_state s;
	struct ws_clockfit_error e;
	struct ws_clockfit *f = NULL;
	int64_t by, ns;

	(void)state;
	wrong.samples = 7;
	assert_int_equal(ws_clockfit_new(&f, &wrong), -EINVAL);
	wrong.samples = 65537;
	assert_int_equal(ws_clockfit_new(&f, &wrong), -EINVAL);
	wrong = config;
	wrong.span_ns = -1;
	assert_int_equal(ws_clockfit_new(&f, &wrong), -EINVAL);
	wrong = config;
	wrong.resolution_ns = 0;
	assert_int_equal(ws_clockfit_new(&f, &wrong), -EINVAL);
	assert_null(f);
	ws_clockfit_free(NULL);
	assert_int_equal(ws_clockfit_new(&f, &config), 0);
	ws_clockfit_state(f, &s);
	assert_int_equal(s.used, 0);
	for (int i = 0; i < 20; i++) {
		struct ws_clock_sample x = {TODAY + i * 10, 37 * SEC, 4};

		assert_int_equal(ws_clockfit_to_reference(f, TODAY, &ns, &e), i >= 2);
		assert_int_equal(ws_clockfit_from_reference(f, TODAY, &ns, &e), i >= 2);
		assert_int_equal(ws_clockfit_add(f, &x, &by), WS_CLOCKFIT_OK);
	}
	ws_clockfit_state(f, &s);
	assert_int_equal(s.samples, 20);
	assert_int_equal(s.used, 8);
	assert_int_equal(s.from_ns, TODAY + 120);
	assert_int_equal(s.to_ns, TODAY + 190);
	assert_int_equal(s.offset_ns, 37 * SEC);
	assert_int_equal(s.window_ns, 4);
	assert_float_equal(s.rate_ppb, 0, 1e-3);
	assert_true(s.rate_error_ppb > 0);
	/* Not a ns is lost where numbers are large. */
	assert_true(ws_clockfit_from_reference(f, TODAY + 191, &ns, &e));
	assert_int_equal(ns, TODAY + 191 + 37 * SEC);
	assert_true(ws_clockfit_to_reference(f, TODAY + 37 * SEC + 157, &ns, &e));
	assert_int_equal(ns, TODAY + 157);
	/* Older ones than the span. */
	assert_int_equal(
		ws_clockfit_add(f, &(struct ws_clock_sample){TODAY + 255, 37 * SEC, 4}, &by),
		WS_CLOCKFIT_OK);
	ws_clockfit_state(f, &s);
	assert_int_equal(s.used, 5);
	assert_int_equal(
		ws_clockfit_add(f, &(struct ws_clock_sample){TODAY + SEC, 37 * SEC, 4}, &by),
		WS_CLOCKFIT_OK);
	ws_clockfit_state(f, &s);
	assert_int_equal(s.used, 2);
	ws_clockfit_forget(f);
	assert_false(ws_clockfit_to_reference(f, TODAY, &ns, &e));
	ws_clockfit_free(f);
}

/* Nothing overflows, whatever a broken card says; and one that stands still has no time of its own. */
static void nonsense(void **state)
{
	static const int64_t values[] = {
		0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX / 2, INT64_MIN / 2, TODAY, -TODAY};
	const struct ws_clockfit_config config = {
		.samples = 16, .span_ns = INT64_MAX, .resolution_ns = 1};
	struct sim_random r = {.seed = 4};
	struct ws_clockfit *f[2];
	struct ws_clockfit_state s;
	struct ws_clockfit_error e;
	int64_t by, ns;

	(void)state;
	assert_int_equal(ws_clockfit_new(&f[0], &config), 0);
	assert_int_equal(ws_clockfit_new(&f[1], &config), 0);
	for (int i = 0; i < 3000; i++) {
		struct ws_clock_sample x = {
			values[(unsigned)sim_uniform(&r, 0, COUNT(values))],
			values[(unsigned)sim_uniform(&r, 0, COUNT(values))],
			llabs(values[(unsigned)sim_uniform(&r, 0, 4)]),
		};

		(void)ws_clockfit_add(f[i % 2], &x, &by);
		ws_clockfit_state(f[i % 2], &s);
		for (size_t k = 0; k < COUNT(values); k++) {
			(void)ws_clockfit_between(f[0], f[1], true, values[k], &ns, &e);
			(void)ws_clockfit_from_reference(f[0], values[k], &ns, &e);
		}
	}
	ws_clockfit_forget(f[0]);
	for (int i = 0; i < 10; i++) {
		struct ws_clock_sample x = {TODAY + i * SEC, -i * SEC, 4 * SEC};

		(void)ws_clockfit_add(f[0], &x, &by);
	}
	assert_false(ws_clockfit_to_reference(f[0], TODAY, &ns, &e));
	ws_clockfit_free(f[0]);
	ws_clockfit_free(f[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_hold_and_are_narrow),
		cmocka_unit_test(windows_that_differ),
		cmocka_unit_test(short_runs),
		cmocka_unit_test(long_runs_never_jump),
		cmocka_unit_test(jumps_are_found_at_once),
		cmocka_unit_test(the_reference_stepped),
		cmocka_unit_test(one_that_lies),
		cmocka_unit_test(without_windows),
		cmocka_unit_test(what_is_kept),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
