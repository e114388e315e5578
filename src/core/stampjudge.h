/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether hardware stamps sit on the right packets. A card that mixes them up says nothing; but a transmit stamp must lie
 * between the send call and the reading of the stamp, a receive stamp before the reading of the packet, and packets of
 * one flow leave and arrive one after the other, at different times. Of two neighbours that contradict each other both are
 * rejected: which is right is not known. Pure; memory is taken in *_new only.
 */
#pragma once

#include "core/match.h"

/* The system's time (CLOCK_MONOTONIC) of a hardware stamp, right within *ret_error_ns. False: not known. */
typedef bool (*ws_judge_convert)(
	void *arg, struct ws_time stamp, int64_t *ret_ns, int64_t *ret_error_ns);

struct ws_stampjudge_config {
	bool tx, rx;	/* whose stamps are hardware's; others are not judged */
	bool ordered;	/* one flow: neither sent nor received out of order by what is between */
	bool coarse;	/* the card's clock ticks so slowly that two packets may have one stamp */
	unsigned ahead; /* outcomes that wait at most for the next stamp; at least 2 */
	ws_judge_convert convert; /* NULL: only the order is judged */
	/* Each outcome once, in the order in which they came, with its fate corrected: a rejected stamp is none. */
	void (*sink)(void *arg, const struct ws_outcome *outcome);
	void *arg; /* of both */
};

struct ws_stampjudge_counts {
	uint64_t tx_misplaced, rx_misplaced; /* stamps rejected */
	/* By fate before (first index) and after: what the ledger has to move. */
	uint64_t moved[WS_FATE_COUNT][WS_FATE_COUNT];
};

struct ws_stampjudge;
int ws_stampjudge_new(struct ws_stampjudge **ret, const struct ws_stampjudge_config *config);
void ws_stampjudge_free(struct ws_stampjudge *j);
/* Outcomes in the order of their sequences, as the matcher gives them. */
void ws_stampjudge_put(struct ws_stampjudge *j, const struct ws_outcome *outcome);
/* No more come: all that wait are given. */
void ws_stampjudge_finish(struct ws_stampjudge *j);
const struct ws_stampjudge_counts *ws_stampjudge_counts(const struct ws_stampjudge *j);
