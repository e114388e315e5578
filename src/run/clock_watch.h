/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks of a run with hardware stamps: compared with the system's again and again by one thread, used for conversion
 * by another. The watching side (the run's main thread) samples; samples travel through a queue; the using side (the
 * receiver's thread) has the fits. Nothing is allocated after _new, nothing locks.
 *
 * The clocks are compared with CLOCK_REALTIME, which can be set at any time; CLOCK_MONOTONIC cannot, and runs
 * alike. So what is kept is relative to CLOCK_MONOTONIC, and that CLOCK_REALTIME is set disturbs but the pairs of
 * that moment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clockfit.h"
#include "core/time.h"
#include "host/phc.h"

struct ws_clock_watch;

enum ws_clock_watch_end { WS_CLOCK_WATCH_TX, WS_CLOCK_WATCH_RX, WS_CLOCK_WATCH_ENDS };

/* A packet with a stamp at either end, in ns of that end's clock. */
struct ws_clock_pair {
	int64_t tx_ns, rx_ns;
	/* CLOCK_MONOTONIC: both stamps were taken in between. As when it was handed to the kernel, and when it was
	 * read; tells whether that was before or after a jump. before_ns < after_ns: it is not known, until now. */
	int64_t after_ns, before_ns;
	int64_t word[4]; /* the user's own */
};
/*
 * *pair's latency, and how far it may be off (likely_ns: see core/clockfit.h): by comparing the clocks, so 0 where both ends
 * have one. In the system clock's ns, whose rate is what both are known against; where both ends have one clock,
 * in that clock's. known false: it cannot be told, as a clock jumped about then, or no sample ever came: the other two
 * are 0.
 */
typedef void (*ws_clock_pair_sink)(void *arg, const struct ws_clock_pair *pair, bool known,
	int64_t latency_ns, int64_t error_ns);

struct ws_clock_watch_config {
	/* Of /dev/ptpN: transmitting, receiving; both may be one, which is watched for jumps. -1: that end has none, its
	 * stamps are CLOCK_REALTIME; at one of them at most. */
	int index[WS_CLOCK_WATCH_ENDS];
	unsigned pairs; /* that wait at most: the oldest is converted early when there are more */
	/* Pairs wait until samples that much later are there, since the middle of the samples is known best. 0:
	 * 400 ms; -1: until any later one. */
	int64_t settle_ns;
};

/* Opens the clocks: before rights are given up. 0, or -errno as ws_phc_open(), with *ret_index the one at fault; -1: none. */
int ws_clock_watch_new(
	struct ws_clock_watch **ret, const struct ws_clock_watch_config *config, int *ret_index);
void ws_clock_watch_free(struct ws_clock_watch *w);

/* ---- the watching side ---- */

/*
 * Samples for at least 300 ms, so that conversions are possible from the start; while there is no using side yet.
 * Returns early when *stop is not 0. For the next run of the same command again: it forgets what the last one told of.
 * 0, or -errno of a clock that cannot be read; -ETIME: not often enough, in 3 s or the time of 16 samples.
 */
int ws_clock_watch_begin(struct ws_clock_watch *w, const _Atomic int *stop);
/* Samples what is due, and returns the instant (CLOCK_MONOTONIC) of the next sample: call it then, or a little later.
 * INT64_MAX: no clock is left. */
int64_t ws_clock_watch_sample(struct ws_clock_watch *w);

/* ---- the using side ---- */

void ws_clock_watch_use(struct ws_clock_watch *w, ws_clock_pair_sink sink, void *arg);
/* Takes samples that have come, and gives the pairs that they allow to convert. Called often. */
void ws_clock_watch_step(struct ws_clock_watch *w);
/* One pair; the sink gets it when samples after both of its instants are there, in the order in which they were put. */
void ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair);
/* All that wait are given: after the last sample. */
void ws_clock_watch_flush(struct ws_clock_watch *w);
/*
 * A hardware stamp on CLOCK_MONOTONIC by what is known now; the error is what no asymmetry can exceed, if that is known.
 * False: not known. How CLOCK_REALTIME stands comes from the samples.
 */
bool ws_clock_watch_to_monotonic(const struct ws_clock_watch *w, struct ws_time stamp,
	int64_t *ret_ns, int64_t *ret_error_ns);
/* What the receiving end's clock says when the transmitting one's says tx_ns, by what is known now. False: not known. */
bool ws_clock_watch_between(const struct ws_clock_watch *w, int64_t tx_ns, int64_t *ret_rx_ns,
	struct ws_clockfit_error *ret_error);

/* ---- after the run, when both sides have ended ---- */

enum ws_clock_watch_kind {
	WS_CLOCK_WATCH_JUMPED,	  /* one clock */
	WS_CLOCK_WATCH_REFERENCE, /* CLOCK_REALTIME was set */
	WS_CLOCK_WATCH_SLEWED, /* both alike within a moment: it was the system's clock that changed its rate */
	WS_CLOCK_WATCH_GONE, /* a clock cannot be read any more, error says why */
};
struct ws_clock_watch_event {
	enum ws_clock_watch_kind kind;
	enum ws_clock_watch_end end; /* JUMPED and GONE */
	int64_t at_ns;		     /* CLOCK_MONOTONIC, within two samples */
	int64_t by_ns;		     /* JUMPED, REFERENCE, SLEWED */
	int error;
	char text[192]; /* a sentence */
};
/* The first of them are kept; *ret_count: these. */
const struct ws_clock_watch_event *ws_clock_watch_events(
	const struct ws_clock_watch *w, size_t *ret_count);

struct ws_clock_watched {
	enum ws_clock clock; /* WS_CLOCK_NONE: there is none at this end */
	char name[32];	     /* of its driver; empty: unknown */
	enum ws_phc_method method;
	uint64_t samples;
	unsigned jumps;	    /* without those of the system's clock */
	int64_t jump_ns;    /* the greatest, with its sign */
	int64_t jump_at_ns; /* CLOCK_MONOTONIC, about */
	int64_t window_ns;  /* the shortest */
	double rate_ppb, scatter_ns;
	int error; /* -errno of reading it, if it failed at last; 0 */
};

struct ws_clock_watch_result {
	struct ws_clock_watched end[WS_CLOCK_WATCH_ENDS];
	bool one_clock;
	uint64_t pairs, unknown; /* given; of these, without a latency */
	uint64_t early;		 /* converted before a sample after them was there */
	uint64_t failed;	 /* reads of clocks */
	uint64_t overflowed;	 /* samples that the using side did not take in time */
	int64_t error_ns;	 /* the worst bound of all pairs; -1: none, or not known */
	int64_t limit_ns;	 /* the same of what no asymmetry can exceed; -1: not known */
	bool read_alike;	 /* both by one driver in one way */
	/* One clock against the other at the end: receiving minus transmitting, and the difference of their rates. */
	int64_t offset_ns;
	double rate_ppb;
};
void ws_clock_watch_result(const struct ws_clock_watch *w, struct ws_clock_watch_result *ret);
