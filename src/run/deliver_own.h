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

/* Of n values, at least 1, which are reordered; of an even number the upper one. */
int64_t ws_deliver_median(int64_t *values, size_t n);

/* Frames that go ahead; their numbers are the first ones. */
#define WS_DELIVER_AHEAD 2
#define WS_DELIVER_BATCH 64

#define WS_DELIVER_UNKNOWN INT64_MIN

/* What is known of one frame. */
struct ws_deliver_frame {
	int64_t call_ns;      /* right before it was sent; WS_DELIVER_UNKNOWN: it was not */
	int64_t tx_hw, tx_sw; /* stamps */
	int64_t tx_hw_read_ns;
	int64_t rx_hw, rx_sw;
	int64_t rx_read_ns; /* valid if it arrived */
	bool arrived;
	enum ws_origin far_rx;
};

/* Both ends, open; several batches of frames may go through them. */
struct ws_deliver_run {
	const struct ws_deliver_setup *s;
	struct ws_io *tx, *rx;
	unsigned tx_stages;
	struct ws_deliver_frame *frames;
	uint32_t *order; /* frames as they arrived */
	struct ws_deliver_seen *seen;
	int64_t *gaps;
	uint64_t first; /* sequence of the batch's first frame */
	uint64_t next;	/* that no batch has had yet */
	uint64_t sent, arrived;
	uint64_t ahead_rx_hardware;
	struct ws_io_slot slots[WS_DELIVER_BATCH]; /* reserved and not sent, the oldest first */
	unsigned slot_count;
	uint64_t stray_before;
	uint64_t refused;
	int fault;
};

/* NULL: not of this batch. */
struct ws_deliver_frame *ws_deliver_frame_of(struct ws_deliver_run *r, uint64_t seq);
/* Looks at what came, once; true if there was anything. */
bool ws_deliver_look(struct ws_deliver_run *r);
/* The median between two send calls; 0: there were fewer than two. */
int64_t ws_deliver_gap(struct ws_deliver_run *r, uint64_t count);
/* What came of the batch: adds stamps, packets and latencies to *ret. 0 or -ENOMEM. */
int ws_deliver_judge(struct ws_deliver_run *r, uint64_t count, struct ws_deliver_result *ret);

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
