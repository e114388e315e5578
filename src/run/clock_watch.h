/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware clocks of a run: compared with the system's all the time, so that a stamp of one end's clock can be brought
 * to the other end's, with a bound, and a clock that jumps is noticed.
 *
 * Two sides. The *sampling* side is the run's main thread: prepare, tick, finish. It reads clocks; the samples go through
 * a ring. The *using* side is the receiver's thread: everything below it. No locks; no allocation after new.
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

struct ws_clock_watch;

enum ws_clock_watch_end { WS_CLOCK_WATCH_TX, WS_CLOCK_WATCH_RX, WS_CLOCK_WATCH_ENDS };

#define WS_CLOCK_PAIR_PAYLOAD 32

/* A packet with a stamp at either end, in ns of that end's clock. */
struct ws_clock_pair {
	int64_t tx_ns, rx_ns;
	/* CLOCK_MONOTONIC: both stamps were taken in between. As when it was handed to the kernel, and when it was
	 * seen; tells whether that was before or after a jump. */
	int64_t after_ns, before_ns;
	unsigned char payload[WS_CLOCK_PAIR_PAYLOAD]; /* the caller's */
};

struct ws_clock_latency {
	bool known; /* false: a clock jumped about then, or there are no samples of it; the rest is 0 */
	bool early; /* no sample came after it, so it stands on what was before; a jump may have been missed */
	int64_t latency_ns;
	struct ws_clockfit_error error; /* of comparing the clocks; 0 where both ends have one */
};

struct ws_clock_watch_config {
	/* /dev/ptpN of each end; -1: its stamps are CLOCK_REALTIME, at one of them at most. Both the same: one clock, which is
	 * watched for jumps. */
	int phc[WS_CLOCK_WATCH_ENDS];
	bool read_alike; /* both by one driver */
	uint32_t pairs;	 /* that can wait, at least 1 */
	int64_t settle_ns; /* pairs wait until samples that much later are there: the middle of samples is known best; 0:
			      any later one */
	/* On the using side, in the order of ws_clock_watch_put(). */
	void (*done)(void *arg, const struct ws_clock_pair *pair, const struct ws_clock_latency *l);
	void *arg;
};

/* Half of the time that lines are through; the recommended one. */
#define WS_CLOCK_WATCH_SETTLE_NS 400000000

/*
 * Opens the clocks: before rights are given up. 0 or -errno as ws_phc_open(); *ret_end then says of which end, -1: none of
 * them (-EINVAL, -ENOMEM).
 */
int ws_clock_watch_new(
	struct ws_clock_watch **ret, const struct ws_clock_watch_config *config, int *ret_end);
void ws_clock_watch_free(struct ws_clock_watch *w);

struct ws_phc_info;
/* NULL: it has none. */
const struct ws_phc_info *ws_clock_watch_info(
	const struct ws_clock_watch *w, enum ws_clock_watch_end end);

/*
 * Before the run, while there is no other thread: takes samples for 300 ms, until there are enough (at most 3 s). 0 or -errno:
 * -ETIME, the clocks could not be read often enough; -EINTR: a signal came.
 */
int ws_clock_watch_prepare(struct ws_clock_watch *w);

/* --- Sampling --- */

/* Takes samples if it is time. The instant (CLOCK_MONOTONIC) of the next; INT64_MAX: there is nothing to do. */
int64_t ws_clock_watch_tick(struct ws_clock_watch *w, int64_t now_ns);
/* After the last packet: a few more, so that it lies between samples. Takes up to `settle_ns`, at least 50 ms; a signal ends
 * it early. The using side may still run. */
void ws_clock_watch_finish(struct ws_clock_watch *w);

/* --- Using --- */

/* Takes in what samples came, and gives back pairs that can be told now. Cheap if there are none. */
void ws_clock_watch_collect(struct ws_clock_watch *w);
/* Takes a pair. If too many wait, the oldest is given back early. */
void ws_clock_watch_put(struct ws_clock_watch *w, const struct ws_clock_pair *pair);
/* The last: takes in all samples, gives back all pairs. */
void ws_clock_watch_flush(struct ws_clock_watch *w);

/* A stamp of that end in CLOCK_MONOTONIC. False: not known. */
bool ws_clock_watch_convert(const struct ws_clock_watch *w, enum ws_clock_watch_end end, int64_t ns,
	int64_t *ret_monotonic_ns, struct ws_clockfit_error *ret_error);
/* What the receiving end's clock says when the sending one's says tx_ns. False: not known. */
bool ws_clock_watch_between(const struct ws_clock_watch *w, int64_t tx_ns, int64_t *ret_rx_ns,
	struct ws_clockfit_error *ret_error);
/* The fit of an end's clock, for reports; false: it has none. */
bool ws_clock_watch_state(
	const struct ws_clock_watch *w, enum ws_clock_watch_end end, struct ws_clockfit_state *ret);

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

struct ws_clock_watch_counts {
	uint64_t samples, failed;	/* reads of clocks */
	uint64_t overflowed;		/* samples that the using side did not take in in time */
	uint64_t events;		/* also those that were not kept */
	uint64_t pairs, unknown, early; /* given back */
	/* The worst of what was known. */
	int64_t likely_ns, limit_ns;
};
/* On the using side, or when the other has ended. */
void ws_clock_watch_counts(const struct ws_clock_watch *w, struct ws_clock_watch_counts *ret);
