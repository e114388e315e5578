/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ledger: what became of every sequence that was sent and of every packet that was received. The
 * sums are identities; the program checks them itself and prints the verdict as `balanced`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_ledger {
	/* sending */
	uint64_t attempted; /* frames handed to the kernel */
	uint64_t sent;	    /* of these, taken without error */
	uint64_t failed;    /* of these, refused for good (ENOBUFS and the like) */
	/* each sent sequence ends in exactly one of */
	uint64_t matched;
	uint64_t unstamped_tx, unstamped_rx, unstamped_both; /* arrived, but a stamp is missing */
	uint64_t lost;
	uint64_t late_arrivals; /* the first copy came after the window; then not lost */
	/* each received packet is the first copy of a sequence above, or one of */
	uint64_t received;
	uint64_t duplicated;
	uint64_t foreign;
	uint64_t malformed;
	/* subsets */
	uint64_t reordered;	 /* of first copies: RFC 4737, 3.3 */
	uint64_t beyond_history; /* of duplicated: too late to tell a first copy from others */
	uint64_t negative, below_range, above_range; /* of matched */
	uint64_t in_histogram; /* of matched: the sum of the histogram's counts */
	/* our own receive ring, by the kernel's count; UINT64_MAX: unknown */
	uint64_t offered_rx; /* what passed the filter */
	uint64_t dropped_rx; /* of these, dropped because the ring was full */
};

/* The identities. */
enum ws_identity {
	WS_IDENTITY_ATTEMPTED, /* attempted = sent + failed */
	WS_IDENTITY_SENT,      /* sent = matched + unstamped_* + lost + late_arrivals */
	WS_IDENTITY_RECEIVED,  /* received = matched + unstamped_* + late_arrivals
				  + duplicated + foreign + malformed */
	WS_IDENTITY_HISTOGRAM, /* matched = in_histogram + negative + below_range + above_range */
	WS_IDENTITY_RING,      /* offered_rx = received + dropped_rx */
	WS_IDENTITY_COUNT,
};

/* The identity in words, for a message. */
const char *ws_identity_text(enum ws_identity id);
/* True also where a count that it needs is unknown. */
bool ws_ledger_holds(const struct ws_ledger *l, enum ws_identity id);
/* All of them. */
bool ws_ledger_balanced(const struct ws_ledger *l);
/* Sequences of which a first copy came. */
uint64_t ws_ledger_arrived(const struct ws_ledger *l);
/* Adds from to l, field by field. */
void ws_ledger_add(struct ws_ledger *l, const struct ws_ledger *from);
