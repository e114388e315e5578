/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two-way exchanges: the exact round trip, and what can be said of each way. Pure, streaming.
 *
 *   t1 our transmit stamp     t2 their receive stamp
 *   t4 our receive stamp      t3 their transmit stamp        (RFC 5357, RFC 5905)
 *
 * Round trip: (t4 - t1) - (t3 - t2), the residence time brought to our clock's rate. It needs no common
 * time.
 *
 * The ways: whatever they took, their clock minus ours was at most t2 - t1 when theirs showed t2, and at
 * least t3 - t4 when it showed t3. Such a limit holds at other times too, less sharply: the clocks'
 * rates differ by what is estimated, give or take the estimate's error, and whatever moved the upper and
 * the lower limits together around there may have been a clock. Of all limits that reach an exchange, of
 * what was before it and of at least the block behind it, the sharpest two bound the offset there. Its
 * middle gives the ways: forward is known to within the bound, and backward is round trip minus forward.
 *
 * So the bound goes down to half of what the shortest way forward and the shortest way back take
 * together, which is at most half of the shortest round trip; no further, unless both clocks are one:
 * then the offset is 0 and the bound that of the stamps. It is never above half of the exchange's own
 * round trip, twice the stamps' error (and 3 ns, of rounding) and what the rates may be apart over the
 * residence time, and where the limits contradict each other it is that. It holds as long as the clocks' rates differ by less than 500 ppm.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_exchange {
	uint64_t seq;
	int64_t t1, t2, t3, t4; /* ns; t1 and t4 of one clock, t2 and t3 of another */
};

struct ws_exchange_value {
	uint64_t seq;
	int64_t rtt_ns;	      /* forward + backward, exactly */
	int64_t residence_ns; /* rtt + residence is t4 - t1, exactly */
	/* On the round trip: stamps' error, and what the rates are not known to over the residence time. */
	int64_t rtt_bound_ns;
	/*
	 * The next three are known. Not of stamps that contradict each other (received before it was sent,
	 * or under way for over an hour), nor of those that the exchanges around contradict: the rest does
	 * without them.
	 */
	bool ways;
	int64_t forward_ns, backward_ns;
	/* On each of the two: the true value is within +- this, stamps' error included. */
	int64_t bound_ns;
	int64_t t1; /* as given */
};

#define WS_TWOWAY_BLOCK_NS  100000000
#define WS_TWOWAY_BLOCK_MIN 32 /* exchanges; so a block takes longer at low rates */

struct ws_twoway_config {
	bool same_clock;
	int64_t stamp_error_ns; /* how far a stamp may be from what it stands for: of a difference of two */
	int64_t block_ns; /* 0: 100 ms */
	/*
	 * In order of the exchanges that were given. Called from add (late, as blocks complete; at once for
	 * the same clock) and finish.
	 */
	void (*sink)(void *arg, const struct ws_exchange_value *v);
	void *arg;
};

struct ws_twoway;
/*
 * 0, -EINVAL (a negative time, more than an hour, no sink) or -ENOMEM. Memory grows with the exchanges of
 * two blocks, by doubling; when there is none, what is kept is given out early, and nothing is lost.
 */
int ws_twoway_new(struct ws_twoway **ret, const struct ws_twoway_config *config);
void ws_twoway_free(struct ws_twoway *w);
/* In about the order of t1. */
void ws_twoway_add(struct ws_twoway *w, const struct ws_exchange *x);
/* Gives out what is kept. */
void ws_twoway_finish(struct ws_twoway *w);

/* Complete after finish. Drift and offset are those of the longest time without a step. */
struct ws_twoway_clocks {
	bool known;		 /* there was at least one exchange without contradiction */
	double drift_ppb;	 /* their clock's rate against ours; 0 for the same clock */
	double drift_error_ppb;	 /* +-; NaN: unknown, a single block */
	int64_t offset_ns;	 /* theirs minus ours, in the middle of that time */
	int64_t offset_error_ns; /* +- */
	/*
	 * Times that the limits of neighbouring exchanges did not meet, five of them to agree that it was no
	 * outlier (or three, the last ones of all): a clock was set.
	 */
	uint64_t steps;
	int64_t last_step_ns; /* by how much, about */
};
void ws_twoway_clocks(const struct ws_twoway *w, struct ws_twoway_clocks *ret);
