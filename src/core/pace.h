/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pacing: what a sender does next. A pure decision from times and counts; the sender carries it
 * out.
 *
 * Packets have absolute deadlines. A late sender catches up: it sends what is due, as a batch,
 * until it is on time again, so that the mean rate holds. Between deadlines it reads transmit
 * stamps, if there is time for it, sleeps when the gap is long, and waits busily for the rest.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_pace_config {
	int64_t sleep_min_ns;	/* gaps that are longer are slept in */
	int64_t wake_ns;	/* how long before the deadline to wake up */
	int64_t drain_each_ns;	/* what reading one stamp takes, roughly */
	int64_t drain_spare_ns; /* reading ends that long before the deadline */
	unsigned drain_most; /* stamps read at a time: packets that come due meanwhile are late */
};

/* Values that suit a machine where a system call takes about a microsecond; drain_each_ns is a
 * first guess, which whoever reads stamps should replace by what it sees. */
extern const struct ws_pace_config ws_pace_default;

struct ws_pace_state {
	int64_t now_ns;
	int64_t deadline_ns;  /* of the next packet; INT64_MIN: at once */
	unsigned outstanding; /* stamps under way */
	unsigned bound;	      /* at most that many may be; 0: no stamps are wanted */
	bool drained;	      /* the last read found nothing, and nothing was sent since */
};

enum ws_pace_action {
	WS_PACE_SEND,  /* what is due */
	WS_PACE_DRAIN, /* read up to max stamps */
	WS_PACE_BOUND, /* too many stamps under way: wait for one */
	WS_PACE_SLEEP, /* until until_ns */
	WS_PACE_SPIN,  /* until until_ns */
};

struct ws_pace_step {
	enum ws_pace_action action;
	int64_t until_ns;
	unsigned max;
};

/*
 * Of `due` packets that are late, how many leave in one call: one, as long as a call takes no longer than the
 * gap that they are to keep at least. If the last call, of last packets, took longer, as many as that time
 * has room for, but not more than twice as many as the last time: it may have been interrupted.
 * least_gap_ns of 0: all. So a sender that can do no better sends batches, and one that can does not pour out
 * in one go what a stall has held up.
 */
unsigned ws_pace_catch_up(int64_t took_ns, unsigned last, int64_t least_gap_ns, unsigned due);

struct ws_pace_step ws_pace_decide(const struct ws_pace_config *c, const struct ws_pace_state *s);
