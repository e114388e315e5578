/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is made of the matcher's outcomes: histograms, stages, losses, order, the run over time, rows of
 * packets.npy; of a two-way run the exchanges. Used by the receiver's thread.
 */
#pragma once

#include "core/frame.h"
#include "core/match.h"
#include "run/receiver.h"

struct ws_outcomes;

/* 0, -EINVAL, -ENOMEM. Empties the result's histograms. */
int ws_outcomes_new(struct ws_outcomes **ret, const struct ws_receiver_config *config);
void ws_outcomes_free(struct ws_outcomes *o);
/* Before the first of them: another start of the run. */
void ws_outcomes_start(struct ws_outcomes *o, int64_t start_ns);

/* The matcher's sinks; arg is a struct ws_outcomes. */
void ws_outcomes_take(void *arg, const struct ws_outcome *outcome);
void ws_outcomes_copy(void *arg, uint64_t seq, const struct ws_rx_record *rx);

/* Of a two-way run: an answer, before it is given to the matcher; and one to a probe that only fetches a stamp. */
void ws_outcomes_answer(struct ws_outcomes *o, const struct ws_probe *probe);
void ws_outcomes_collected(struct ws_outcomes *o, const struct ws_probe *probe);

/* After the last of them. */
void ws_outcomes_finish(struct ws_outcomes *o);
/* Then: moves what the matcher counted as stamped, and turned out not to be. */
void ws_outcomes_correct(const struct ws_outcomes *o, struct ws_ledger *ledger);
