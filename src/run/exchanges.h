/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchanges of a two-way run: answers tell of the far side's times, the matcher of ours, in any order; of each
 * sequence that has all four a round trip is made. Used by the receiver's thread.
 */
#pragma once

#include "core/frame.h"
#include "core/match.h"
#include "run/receiver.h"

struct ws_exchanges;

/* t on CLOCK_MONOTONIC, or WS_INSTANT_UNKNOWN. */
typedef int64_t (*ws_exchanges_relate)(void *arg, struct ws_time t);

/*
 * Of a configuration with two_way, which the result has, too; that is emptied. Needs of the configuration what it
 * points to: the rest is copied. 0 or -ENOMEM.
 */
int ws_exchanges_new(struct ws_exchanges **ret, const struct ws_receiver_config *config,
	ws_exchanges_relate relate, void *arg);
void ws_exchanges_free(struct ws_exchanges *e);
/* When the run starts, if that was not known. */
void ws_exchanges_start(struct ws_exchanges *e, int64_t start_ns);

/* An answer, before it is given to the matcher; and one to a probe that only fetches a stamp. */
void ws_exchanges_answer(struct ws_exchanges *e, const struct ws_probe *probe);
void ws_exchanges_collected(struct ws_exchanges *e, const struct ws_probe *probe);

/* A packet that came in time, with a stamp at both of our ends. */
void ws_exchanges_take(struct ws_exchanges *e, const struct ws_outcome *out);

/* After the last of them, and after the last latency of the result. */
void ws_exchanges_finish(struct ws_exchanges *e);
