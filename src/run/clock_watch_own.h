/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of clock_watch: sampling (clock_watch.c) and using (clock_watch_pairs.c). */
#pragma once

#include <stdatomic.h>

#include "core/spsc.h"
#include "host/phc.h"
#include "run/clock_watch.h"

#define WS_CLOCK_WATCH_EVENTS 16

/* CLOCK_REALTIME - CLOCK_MONOTONIC: between these for certain. */
struct ws_clock_step {
	int64_t least, most;
};

struct ws_clock_record {
	unsigned clock;
	int error; /* -errno: there is no sample */
	struct ws_clock_sample sample;
	struct ws_clock_step before, after; /* it was taken */
};

/* Clocks by number: those that are read, and that which they are compared with. */
#define WS_CLOCK_REFERENCE 2
#define WS_CLOCKS	   3

/* What is known of a clock's times, all CLOCK_MONOTONIC. */
struct ws_clock_known {
	int64_t good_ns;    /* until then, the newest sample that fits; INT64_MIN: none */
	int64_t unknown_ns; /* nothing any more of what was before that */
	bool odd;	    /* after good_ns it may have jumped: the next sample will tell */
	bool anew;	    /* the next sample is the first that is known */
	bool gone;	    /* there will be no more samples */
	int error;	    /* why */
	uint64_t samples;
	unsigned jumps;
	int64_t jump_ns, jump_at_ns; /* the greatest */
};

struct ws_clock_watch {
	struct ws_clock_watch_config c;
	unsigned clocks; /* that are read: 0 to 2 */
	bool read_alike;
	ws_clock_pair_sink sink;
	void *arg;
	int clock_of[WS_CLOCK_WATCH_ENDS]; /* -1: none */
	struct ws_phc *phc[WS_CLOCK_WATCH_ENDS];
	struct ws_spsc *ring;
	/* Sampling. */
	int64_t every_ns, next_ns;
	bool gone[WS_CLOCK_WATCH_ENDS];
	atomic_uint_least64_t failed, overflowed;
	/* Using. */
	struct ws_clockfit *fit[WS_CLOCK_WATCH_ENDS];
	struct ws_clock_known known[WS_CLOCKS];
	bool has_step;
	struct ws_clock_step step;
	int64_t base_ns; /* what was taken off CLOCK_REALTIME for the fits: in the step, or nearly */
	struct ws_clock_pair *pairs;
	uint32_t first, count;
	struct ws_clock_watch_event events[WS_CLOCK_WATCH_EVENTS];
	int last_jump; /* index of the newest jump of one clock that is kept; -1 */
	uint64_t events_all, given, unknown, early;
	int64_t error_ns, limit_ns; /* the worst; -1: none */
};

/* Forgets what was told of, but no sample that was good. */
void ws_clock_watch_restart(struct ws_clock_watch *w);
