/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Match: transmit and receive records of the same sequence become one outcome. Streaming, in memory
 * bounded by the window; single-threaded and pure: all times come in, none is read.
 *
 * Sequences are closed in order, each exactly once. A sequence stays open until it is complete, or
 * until the watermark says that every packet that arrived within its window has been seen; then it
 * is lost. Whether a packet was late is decided by its arrival time, never by when a busy thread
 * got to see it. What arrives for a sequence that is closed is told apart by a history of two bits
 * a sequence.
 *
 * The first copy of a sequence is the one that ws_match_rx() is given first. Copies of a sequence
 * that was never sent (the kernel refused it) are foreign, whether they come before or after that
 * is told. Those that came before it was told are in the order of arrival all the same: packets
 * after them may look reordered, or further out of order than they were.
 *
 * All instants in records are CLOCK_MONOTONIC ns, unless they say otherwise; the stamps carry their
 * own clock.
 */
#pragma once

#include "core/ledger.h"
#include "core/stamp.h"

/* What became of a sequence. */
enum ws_fate {
	WS_FATE_MATCHED,
	WS_FATE_UNSTAMPED_TX,
	WS_FATE_UNSTAMPED_RX,
	WS_FATE_UNSTAMPED_BOTH,
	WS_FATE_LOST,
	WS_FATE_LATE, /* first copy after the window; the sequence may have been closed as lost */
	WS_FATE_NOT_SENT, /* refused (counts as failed) or withdrawn (counts nowhere) */
	WS_FATE_COUNT,
};

const char *ws_fate_name(enum ws_fate fate);

/* Instants on the way out that a stamp may tell of. */
enum ws_tx_instant {
	WS_TX_SCHED,
	WS_TX_DRIVER,
	WS_TX_WIRE,
	WS_TX_INSTANTS,
};

/* Everything about one sent sequence from the sender's side. */
struct ws_tx_record {
	uint64_t seq;
	int64_t intended_ns;   /* by the plan */
	int64_t app_ns;	       /* just before the send call */
	int64_t read_ns;       /* when the stamp was read; 0: there is none */
	struct ws_stamp stamp; /* origin NONE: no stamp came */
	/* ns, each of its own clock; INT64_MIN: unknown. Kept for the outcome, never looked at. */
	int64_t at[WS_TX_INSTANTS];
	bool unsampled; /* its stamp was not asked for: the card holds fewer than there are packets */
	bool failed;	/* the kernel refused the frame: it was never sent */
	bool withdrawn; /* it was built but never handed over: it was not even attempted */
};

/* One received copy of one of our probes. */
struct ws_rx_record {
	uint64_t seq;
	int64_t arrival_ns; /* the stamp brought to CLOCK_MONOTONIC, or when it was read */
	struct ws_stamp stamp;
	/* Kept for the outcome, never looked at. INT64_MIN: unknown. */
	int64_t app_ns;		    /* when this program read it */
	int64_t wire_ns, kernel_ns; /* of their own clocks */
};

struct ws_outcome {
	uint64_t seq;
	enum ws_fate fate;
	struct ws_tx_record tx;
	struct ws_rx_record rx; /* valid unless fate is LOST or NOT_SENT */
	/* Of the first copy among first copies, by core/order.h: 0 in order, UINT64_MAX beyond the
	 * reach, which no packet is that came while its sequence was open. 0 where rx is not
	 * valid. */
	uint64_t extent;
};

struct ws_match_config {
	int64_t window_ns; /* how long a packet may be under way; > 0 */
	uint32_t capacity; /* open sequences at most; a power of two */
	uint64_t history;  /* closed sequences remembered; a power of two, at least capacity */
	/* Called once for each sequence, in order of the sequence; and once more, with
	 * WS_FATE_LATE, when a sequence that was given as LOST turns up after all: then tx holds
	 * the sequence and nothing more (no instant is known). Must not call the matcher. May be
	 * NULL. */
	void (*sink)(void *arg, const struct ws_outcome *outcome);
	/* Called at once for each packet that counts as duplicated: every copy of a sequence but
	 * the first. Copies before a refusal is told are given, too, and become foreign then. Must
	 * not call the matcher. May be NULL. */
	void (*copy)(void *arg, uint64_t seq, const struct ws_rx_record *rx);
	void *arg;
};

struct ws_match;

/* Returns 0, -EINVAL or -ENOMEM. All memory is taken, and touched, here. */
int ws_match_new(struct ws_match **ret, const struct ws_match_config *config);
void ws_match_free(struct ws_match *m);

/* The oldest open sequence. A sender must not hand over a sequence >= base + capacity. */
uint64_t ws_match_base(const struct ws_match *m);

/*
 * Sequences below `upto` have been handed to the kernel. Must be told before any packet that could
 * carry such a sequence is given to ws_match_rx(): a copy of a sequence that was never handed over
 * is foreign.
 */
void ws_match_offered(struct ws_match *m, uint64_t upto);

/* Exactly once for each sequence handed over, in any order, also after its copies; seq in [base,
 * base + capacity). Implies ws_match_offered(seq + 1). Returns 0, or -EINVAL, with nothing changed,
 * for a sequence outside that range or told twice (the caller is wrong). */
int ws_match_tx(struct ws_match *m, const struct ws_tx_record *r);
/* Every received packet that parsed as ours, in the order of arrival. */
void ws_match_rx(struct ws_match *m, const struct ws_rx_record *r);
/* Every received packet that did not. */
void ws_match_foreign(struct ws_match *m);
void ws_match_malformed(struct ws_match *m);

/*
 * Closes what can be closed. watermark: every packet that arrived at or before this instant has
 * been given to ws_match_rx(). INT64_MIN when nothing can be said.
 */
void ws_match_advance(struct ws_match *m, int64_t watermark_ns);

/* Ends the run: all that is open is closed as if the watermark were infinite. Every sequence handed
 * over must have been told by ws_match_tx() before: closing stops at one that was not. */
void ws_match_finish(struct ws_match *m);

/* The counts of fates and copies so far; attempted, sent and failed count what was told by
 * ws_match_tx(). The ring's and the histogram's fields are not the matcher's: they are 0. */
const struct ws_ledger *ws_match_ledger(const struct ws_match *m);
