/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the trial of a card: deliver.c sends and gathers, deliver_judge.c looks at stamps, deliver_rate.c searches. */
#pragma once

#include <stddef.h>

#include "io/io.h"
#include "run/deliver.h"

/* A hardware stamp, and the time in which it must have been taken (CLOCK_MONOTONIC). */
struct ws_deliver_seen {
	int64_t after_ns, before_ns;
	int64_t stamp_ns;
	bool misplaced; /* out */
};

/*
 * Marks misplaced stamps, which are in the order in which frames went, and returns their number. Nothing need be known
 * of the card's clock but that it neither jumps nor drifts by more than 200 ppm. -ENOMEM is possible.
 */
int64_t ws_deliver_misplaced(struct ws_deliver_seen *seen, size_t n);
/* Of those that are not misplaced. */
int64_t ws_deliver_granularity(const struct ws_deliver_seen *seen, size_t n);

/* Both ends, open; several batches of frames may go through them. */
struct ws_deliver_run;

/*
 * tx, and rx unless it is NULL, are the run's from then on, also when this fails. Waits and sends the frames ahead.
 * setup, whose count is the most that a batch has, must stay.
 */
int ws_deliver_begin(struct ws_deliver_run **ret, const struct ws_deliver_setup *setup,
	struct ws_io *tx, struct ws_io *rx);
/* Opens both ends, too. */
int ws_deliver_open(struct ws_deliver_run **ret, const struct ws_deliver_setup *setup);
void ws_deliver_end(struct ws_deliver_run *r);

struct ws_deliver_batch {
	uint64_t count;
	int64_t gap_ns;
	bool busy;	  /* waits without sleeping, for short gaps */
	int64_t until_ns; /* nothing is sent after that; INT64_MAX: no matter */
};
/* Counts; *ret is all new. *ret_gap_ns: the median between two send calls; 0: there were fewer than two. */
int ws_deliver_batch(struct ws_deliver_run *r, const struct ws_deliver_batch *batch,
	struct ws_deliver_result *ret, int64_t *ret_gap_ns);

/* The search on ends that are open. */
int ws_deliver_search(struct ws_deliver_run *r, const struct ws_deliver_setup *setup,
	int64_t budget_ns, struct ws_deliver_rate *ret);
