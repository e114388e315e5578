/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks of which everything is known: a reference, and others that run at rates of their own. Readings take time, are
 * held up now and then, and the clock is read somewhere in between. True time is ns from 0 on.
 */
#pragma once

#include <stdint.h>

#include "core/clockfit.h"

struct sim_random {
	uint64_t seed, index;
};
double sim_uniform(struct sim_random *r, double from, double to);
double sim_normal(struct sim_random *r);

struct sim_clock {
	int64_t zero;	 /* what it says at 0 */
	double rate;	 /* 20e-6: 20 ppm fast */
	double wander;	 /* change of the rate in a second */
	int64_t jump_at; /* 0: never */
	int64_t jump_by;
	double jump_rate; /* by which the rate changes then */
	int64_t resolution;
};
/* What it says, before it is rounded down to its resolution. */
int64_t sim_time(const struct sim_clock *c, int64_t true_ns);

struct sim_reading {
	double shortest, longest; /* of windows, ns */
	double held_up;		  /* the share of those that last up to `held_up_ns` */
	double held_up_ns;
	double place, noise; /* in the window, where the clock is read: 0.5 is the middle */
	int best_of;
};
/* What a read of the clock beside the reference says; *true_ns goes on by how long it took. */
struct ws_clock_sample sim_sample(const struct sim_clock *c, const struct sim_clock *reference,
	const struct sim_reading *how, struct sim_random *r, int64_t *true_ns);
