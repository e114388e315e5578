/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks of a run with hardware stamps: compared with the system's again and again by one thread, used for conversion
 * by another. The watching side (the run's main thread) samples; samples travel through a queue; the using side (the
 * receiver's thread) has the fits. Nothing is allocated after _new, nothing locks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/clockfit.h"
#include "core/time.h"
#include "host/phc.h"

struct ws_clock_watch;

/* A packet with hardware stamps at both ends, of two different clocks. */
struct ws_clock_pair {
	int64_t tx_ns, rx_ns; /* of the first and of the second clock */
	int64_t word[4];      /* the user's own */
};
/* *pair's latency, and how far it may be off (likely_ns: see core/clockfit.h). known false: it cannot be told, as a clock
 * jumped about then, or no sample ever came: the other two mean nothing then. */
typedef void (*ws_clock_pair_sink)(void *arg, const struct ws_clock_pair *pair, bool known,
	int64_t latency_ns, int64_t error_ns);

struct ws_clock_watch_config {
	int index
		[2]; /* of /dev/ptpN: transmitting, receiving; -1: that end has none; both may be one */
	unsigned pairs; /* that wait at most: the oldest is converted early when there are more */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC, as far as is known at first */
};

/* Opens the clocks: before rights are given up. 0, or -errno as ws_phc_open(), with *ret_index the one at fault. */
int ws_clock_watch_new(
	struct ws_clock_watch **ret, const struct ws_clock_watch_config *config, int *ret_index);
void ws_clock_watch_free(struct ws_clock_watch *w);

/* ---- the watching side ---- */

/* Samples for at least 300 ms, so that conversions are possible from the start. Returns early when *stop is not 0. For the
 * next run of the same command again: it forgets what the last one told of. 0, or -errno of a clock that cannot be read. */
int ws_clock_watch_begin(struct ws_clock_watch *w, const _Atomic int *stop);
/* Samples what is due, and returns the instant (CLOCK_MONOTONIC) of the next sample: call it then, or a little later. */
int64_t ws_clock_watch_sample(struct ws_clock_watch *w);

/* ---- the using side ---- */

void ws_clock_watch_use(struct ws_clock_watch *w, ws_clock_pair_sink sink, void *arg);
/* Takes samples that have come, and gives the pairs that they allow to convert. Called often. */
void ws_clock_watch_step(struct ws_clock_watch *w);
/* One pair; the sink gets it when a sample after both of its instants is there, in the order in which they were put. */
void ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair);
/* All that wait are given: after the last sample. */
void ws_clock_watch_flush(struct ws_clock_watch *w);
/* A hardware stamp on CLOCK_MONOTONIC by what is known now; realtime_offset_ns as the run knows it now. False: not known. */
bool ws_clock_watch_to_monotonic(const struct ws_clock_watch *w, struct ws_time stamp,
	int64_t realtime_offset_ns, int64_t *ret_ns, int64_t *ret_error_ns);

/* ---- after the run, when both sides have ended ---- */

struct ws_clock_watched {
	enum ws_clock clock; /* WS_CLOCK_NONE: there is none at this end */
	char name[32];	     /* of its driver; empty: unknown */
	enum ws_phc_method method;
	uint64_t samples;
	unsigned jumps;
	int64_t jump_ns;    /* the greatest, with its sign */
	int64_t jump_at_ns; /* CLOCK_MONOTONIC, about */
	int64_t window_ns;  /* the shortest */
	double rate_ppb, scatter_ns;
	int error; /* -errno of reading it, if it failed at last; 0 */
};

struct ws_clock_watch_result {
	struct ws_clock_watched end[2];
	bool one_clock;
	uint64_t pairs, unknown; /* given; of these, without a latency */
	uint64_t early;		 /* converted before a sample after them was there */
	int64_t error_ns;	 /* the worst bound of all pairs; -1: none, or not known */
	int64_t limit_ns;	 /* the same of what no asymmetry can exceed; -1: not known */
	bool read_alike;	 /* both by one driver in one way */
	/* One clock against the other at the end: receiving minus transmitting, and the difference of their rates. */
	int64_t offset_ns;
	double rate_ppb;
};
void ws_clock_watch_result(const struct ws_clock_watch *w, struct ws_clock_watch_result *ret);
