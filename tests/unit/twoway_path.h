/* SPDX-License-Identifier: BSD-2-Clause */
/* Two clocks and the path between them, of which everything is known. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/twoway.h"

enum jitter { JITTER_NONE, JITTER_EXPONENTIAL, JITTER_HEAVY, JITTER_BUSY, JITTER_COUNT };

struct path_config {
	uint64_t seed;
	double pps, seconds;
	int64_t offset_ns;
	double drift_ppm;
	double wander_ppm;		 /* the rate goes by up to this from its mean */
	int64_t forward_ns, backward_ns; /* the shortest */
	int64_t jitter_ns;
	enum jitter jitter;
	int64_t residence_ns; /* up to */
	int64_t stamp_error_ns;
	double loss, nonsense;
	int64_t step_ns;     /* of their clock, in the middle */
	int64_t our_step_ns; /* of ours, also there */
};

struct path_exchange {
	struct ws_exchange x;
	int64_t forward_ns, backward_ns, residence_ns; /* true */
	int64_t offset_ns;			       /* true at t2 */
	bool nonsense, across; /* stamps that mean nothing; a step was in the middle of it */
};

struct path {
	struct path_exchange *all;
	uint64_t count;
	double drift_ppb; /* true mean */
};

void path_make(struct path *p, const struct path_config *c);
void path_free(struct path *p);
