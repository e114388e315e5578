/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where in a run packets were lost, and how far out of order they came. Pure, bounded memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Packets lost in a row. */
struct ws_loss {
	uint64_t seq, count; /* count: sequences from seq on that were lost, or not sent at all between two lost ones */
	int64_t at_ns, until_ns; /* intended times of the first and the last, from the run's start */
};

#define WS_LOSSES 256 /* that are kept, the longest */

struct ws_losses {
	uint64_t packets, episodes, longest;
	struct ws_loss list[WS_LOSSES]; /* after ws_losses_end(): in order of seq */
	unsigned count;			/* in list */
	struct ws_loss open;		/* count 0: none */
};
void ws_losses_init(struct ws_losses *l);
/* Every sent sequence once, in order. */
void ws_losses_add(struct ws_losses *l, uint64_t seq, int64_t at_ns, bool lost);
/* Closes the last one and orders the list. A second call changes nothing. */
void ws_losses_end(struct ws_losses *l);

/*
 * Reordering by RFC 4737: a packet is reordered if one with a greater sequence came before it (3.3); its
 * extent (4.2.1) is how many packets came since the first of these. First copies only.
 */
struct ws_order;
/* How far back extents can be told, a power of two. 0, -EINVAL, -ENOMEM. */
int ws_order_new(struct ws_order **ret, uint32_t reach);
void ws_order_free(struct ws_order *o);
/* The next arrival. 0: in order; else its extent, UINT64_MAX where that is beyond the reach. */
uint64_t ws_order_arrival(struct ws_order *o, uint64_t seq);

#define WS_EXTENT_BINS 33 /* extent 1, 2, 3-4, 5-8, ... in powers of two */
struct ws_reordering {
	uint64_t reordered, unknown; /* unknown: of these, extent beyond the reach */
	uint64_t max;		     /* of the known */
	double mean;		     /* of the known; 0 if there are none */
	uint64_t bins[WS_EXTENT_BINS]; /* bin b: extents up to 2^b, and more than 2^(b-1) */
};
void ws_reordering_add(struct ws_reordering *r, uint64_t extent);

/* Interarrival jitter of RFC 3550, 6.4.1 (A.8), on transit times in ns: J += (|D| - J) / 16. */
struct ws_jitter {
	double ns;	 /* now */
	double max, mean;
	uint64_t count;	 /* of differences */
	int64_t last;	 /* transit time before */
	bool any;
};
void ws_jitter_add(struct ws_jitter *j, int64_t transit_ns);
