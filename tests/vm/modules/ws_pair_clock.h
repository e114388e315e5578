/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A PTP clock that is a function of CLOCK_MONOTONIC, with two pins on one cable. */
#ifndef WS_PAIR_CLOCK_H
#define WS_PAIR_CLOCK_H

#include <linux/hrtimer.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/spinlock.h>

/* So many changes back a stamp may lie and is still by the clock as it was then. */
#define WS_PAIR_CLOCK_HISTORY 32

/** From base on the clock is phc + the time gone by * (1 + rate / 2^16 / 10^9). */
struct ws_pair_segment {
	s64 base;
	s64 phc;
	u64 fraction; /* of phc, in ns / 2^16 / 10^9 */
	s64 rate;
};

struct ws_pair_clock {
	unsigned int index;
	struct ws_pair_clock *peer; /* on the other end of the pins' cable */
	struct ptp_clock_info info;
	struct ptp_clock *ptp; /* NULL: not registered */
	struct ptp_pin_desc pins[2];

	spinlock_t lock; /* for all below; no two clocks' at once */
	struct ws_pair_segment history[WS_PAIR_CLOCK_HISTORY];
	unsigned int newest;
	unsigned int segments;
	s64 epoch;	/* CLOCK_REALTIME - CLOCK_MONOTONIC at load */
	s64 scaled_ppm; /* asked for by adjfine */
	bool dead;	/* no timer is started any more */
	bool events_in; /* external time stamps are wanted */
	bool events_out;
	s64 event_start;
	s64 event_period;
	s64 event_next; /* by this clock */
	struct hrtimer event_timer;
};

/** Sets the clock going; epoch as above, the rest from the parameters. */
void ws_pair_clock_init(
	struct ws_pair_clock *clock, unsigned int index, struct ws_pair_clock *peer, s64 epoch);
int ws_pair_clock_register(struct ws_pair_clock *clock, struct device *parent);
/** First for both clocks: no event is under way or will be on return. */
void ws_pair_clock_quiet(struct ws_pair_clock *clock);
/** Then for each; one that was never registered is left alone. */
void ws_pair_clock_unregister(struct ws_pair_clock *clock);

/** What the clock showed at an instant of CLOCK_MONOTONIC, now or before. */
s64 ws_pair_clock_at(struct ws_pair_clock *clock, s64 base);

/** Sets it to CLOCK_REALTIME + clock_offset_ns, as the parameters explain. */
void ws_pair_clock_apply_offset(struct ws_pair_clock *clock);
void ws_pair_clock_apply_drift(struct ws_pair_clock *clock);
void ws_pair_clock_step(struct ws_pair_clock *clock, s64 delta);

#endif
