/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where in a run packets were lost, and how far out of order they came. Pure, bounded memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Packets lost in a row. */
struct ws_loss {
	/* Sequences from seq on that were lost, or not sent at all between two lost ones. */
	uint64_t seq, count;
	/* Intended times of the first and the last, from the run's start. */
	int64_t at_ns, until_ns;
};

#define WS_LOSSES 256 /* that are kept, the longest */

struct ws_losses {
	uint64_t packets;  /* lost */
	uint64_t episodes; /* that ended; all of them after ws_losses_end() */
	uint64_t longest;  /* of these: the greatest count */
	/* In order of seq; of equal length the first ones are kept. */
	struct ws_loss list[WS_LOSSES];
	unsigned count;	     /* in list */
	unsigned shortest;   /* in a full list: the one that goes next */
	struct ws_loss open; /* count 0: none */
};
void ws_losses_init(struct ws_losses *l);
/* Every sent sequence once, in order. */
void ws_losses_add(struct ws_losses *l, uint64_t seq, int64_t at_ns, bool lost);
/* Closes the last one. A second call changes nothing. */
void ws_losses_end(struct ws_losses *l);

/*
 * Reordering by RFC 4737: a packet is reordered if one with a greater sequence came before it
 * (3.3); its extent (4.2.1) is how many packets came since the first of these. First copies only.
 */
struct ws_order;
/*
 * reach, a power of two: how far back extents can be told, in gaps that the greatest sequence so
 * far left open behind it. So at least `reach` packets, and any number without loss and disorder.
 * All memory (16 bytes each) is taken, and touched, here. 0, -EINVAL, -ENOMEM.
 */
int ws_order_new(struct ws_order **ret, uint32_t reach);
void ws_order_free(struct ws_order *o);
/*
 * The next arrival; a sequence comes once. 0: in order; else its extent, UINT64_MAX where that is
 * beyond the reach. Constant time; for what is not in order, the logarithm of the gaps in between.
 */
uint64_t ws_order_arrival(struct ws_order *o, uint64_t seq);

#define WS_EXTENT_BINS 33 /* extent 1, 2, 3-4, 5-8, ... in powers of two */
struct ws_reordering {
	uint64_t reordered, unknown;   /* unknown: of these, extent beyond the reach */
	uint64_t max;		       /* of the known */
	double mean;		       /* of the known; 0 if there are none */
	uint64_t bins[WS_EXTENT_BINS]; /* bin b: 2^(b-1) < extent <= 2^b; the last: all greater */
};
/* What ws_order_arrival() said; 0 changes nothing. Zeroed memory is an empty one. */
void ws_reordering_add(struct ws_reordering *r, uint64_t extent);

/* Interarrival jitter of RFC 3550, 6.4.1 (A.8), on transit times in ns: J += (|D| - J) / 16. */
struct ws_jitter {
	double ns;	  /* now */
	double max, mean; /* of what it was after each difference */
	uint64_t count;	  /* of differences */
	int64_t last;	  /* transit time before */
	bool any;
};
/* In order of arrival. Zeroed memory is an empty one. */
void ws_jitter_add(struct ws_jitter *j, int64_t transit_ns);
