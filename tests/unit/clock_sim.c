/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/clock_sim.h"

#include <math.h>

#include "core/random.h"

double sim_uniform(struct sim_random *r, double from, double to)
{
	return from + (to - from) * (double)(ws_random_at(r->seed, 0, r->index++) >> 11) * 0x1p-53;
}

double sim_normal(struct sim_random *r)
{
	double u = sim_uniform(r, 1e-12, 1), v = sim_uniform(r, 0, 2 * M_PI);

	return sqrt(-2 * log(u)) * cos(v);
}

int64_t sim_time(const struct sim_clock *c, int64_t true_ns)
{
	double t = (double)true_ns;
	int64_t ns = c->zero + true_ns + llround(c->rate * t + c->wander * 1e-9 * t * t / 2);

	if (c->jump_at && true_ns >= c->jump_at) {
		ns += c->jump_by + llround(c->jump_rate * (double)(true_ns - c->jump_at));
	}
	return ns;
}

static int64_t read_clock(const struct sim_clock *c, int64_t true_ns)
{
	int64_t ns = sim_time(c, true_ns), over = ns % c->resolution;

	return ns - (over < 0 ? over + c->resolution : over);
}

struct ws_clock_sample sim_sample(const struct sim_clock *c, const struct sim_clock *reference,
	const struct sim_reading *how, struct sim_random *r, int64_t *true_ns)
{
	struct ws_clock_sample best = {.window_ns = INT64_MAX};

	for (int i = 0; i < how->best_of; i++) {
		double window = sim_uniform(r, how->shortest, how->longest);
		double place = how->place + how->noise * sim_normal(r), at;
		int64_t before, after, clock, begin = *true_ns;

		place = fmin(fmax(place, 0.02), 0.98);
		at = place * window;
		if (sim_uniform(r, 0, 1) < how->held_up) {
			/* Pareto's distribution. Before the clock is read, or after it. */
			double more = fmin(
				window * (pow(sim_uniform(r, 1e-9, 1), -0.8) - 1), how->held_up_ns);

			at += sim_uniform(r, 0, 1) < 0.5 ? more : 0;
			window += more;
		}
		before = read_clock(reference, begin);
		clock = read_clock(c, begin + llround(at));
		after = read_clock(reference, begin + llround(window));
		*true_ns = begin + llround(window) + 100;
		if (after - before < best.window_ns) {
			best.window_ns = after - before;
			best.ref_ns = before + (after - before) / 2;
			best.offset_ns = clock - best.ref_ns;
		}
	}
	best.window_ns += best.window_ns == 0;
	return best;
}
