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
 * The ways: each exchange says that their clock minus ours lies between t3 - t4 and t2 - t1, whatever the
 * ways took. The narrowest of these intervals, over blocks of time and with the rate difference that
 * they show, bound the offset; so forward is known to within that bound, and backward is round trip minus
 * forward. The bound is never less than half of the shortest round trip, unless both clocks are one: then
 * the offset is 0 and the bound that of the stamps.
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
	int64_t rtt_ns;
	int64_t residence_ns;
	bool ways;	       /* the next three are known */
	int64_t forward_ns, backward_ns;
	int64_t bound_ns;      /* on each of the two: the true value is within +- this, stamps' error included */
	int64_t t1;	       /* as given */
};

struct ws_twoway_config {
	bool same_clock;
	int64_t stamp_error_ns; /* how far a stamp may be from what it stands for: of a difference of two */
	int64_t block_ns;	/* 0: 100 ms */
	/* In order of the exchanges that were given. Called from add (late, as blocks complete) and finish. */
	void (*sink)(void *arg, const struct ws_exchange_value *v);
	void *arg;
};

struct ws_twoway;
/* 0, -EINVAL or -ENOMEM. Memory grows with the exchanges of two blocks, by doubling; an exchange for which there is
 * none is passed on without ways. */
int ws_twoway_new(struct ws_twoway **ret, const struct ws_twoway_config *config);
void ws_twoway_free(struct ws_twoway *w);
/* In about the order of t1. */
void ws_twoway_add(struct ws_twoway *w, const struct ws_exchange *x);
void ws_twoway_finish(struct ws_twoway *w);

struct ws_twoway_clocks {
	bool known;		  /* there was at least one exchange */
	double drift_ppb;	  /* their clock's rate against ours; 0 for the same clock */
	double drift_error_ppb;	  /* +-; NaN: unknown, a single block */
	int64_t offset_ns;	  /* theirs minus ours, in the middle of the run */
	int64_t offset_error_ns;  /* +- */
	uint64_t steps;		  /* times that intervals of neighbouring blocks did not meet: a clock was set */
	int64_t last_step_ns;	  /* by how much, about */
};
void ws_twoway_clocks(const struct ws_twoway *w, struct ws_twoway_clocks *ret);
