/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walk over one block of a TPACKET_V3 receive ring. A pure function over memory: the kernel's ring
 * is just one such memory. Every offset is checked before it is followed, so that no content of the
 * block can make the walk read outside of it or loop for ever.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, <linux/if_packet.h>,
 * net/packet/af_packet.c.
 */
#pragma once

#include "core/ringpkt.h"

struct ws_block3_walk {
	uint8_t *block;
	uint32_t size; /* of the block */
	uint32_t next; /* offset of the next packet's header */
	uint32_t left; /* packets not yet returned */
};

/* True if the kernel has handed this block to user space. Acquires: what the kernel wrote is
 * visible. */
bool ws_block3_ready(const void *block);
/* True if packets were lost since the statistics were last read (TP_STATUS_LOSING). */
bool ws_block3_losing(const void *block);
/* Gives the block back. Releases: all our reads of it happen before. Nothing may be read
 * afterwards. */
void ws_block3_release(void *block);

/*
 * Starts a walk. Returns 0 (a block without packets is fine), or -EBADMSG if the block's header
 * points outside the block (then w->left says how many packets it claims to hold). size is at least
 * sizeof(struct tpacket_block_desc).
 */
int ws_block3_begin(struct ws_block3_walk *w, void *block, uint32_t size);

/*
 * Returns 1 and fills *ret; 0 at the end; -EBADMSG if the next header or its data would leave the
 * block, or if the data would overlap a header or be longer than on the wire. After that the walk
 * is over: every further call returns -EBADMSG, too, and w->left says how many packets were not
 * returned.
 */
int ws_block3_next(struct ws_block3_walk *w, struct ws_ring_packet *ret);
