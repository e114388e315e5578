/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of a receive ring's units (frames of TPACKET_V2, blocks of V3) and where in it packets
 * were lost. Units are numbered from 0 in the order in which the kernel fills them; unit i stands at
 * place i % units. The caller begins them in order, and gives them back in order.
 *
 * Where a loss happened. The kernel drops a packet only while the ring is full: while every unit is
 * ours. What ends that is our giving back the oldest one, r; so all drops of such a spell are missing
 * immediately before the first packet of unit r + units, which is the next that the kernel writes.
 * Therefore the kernel's count of drops is read before a unit of a full ring is given back, and
 * once more afterwards, for those that were dropped between the reading and the giving back. If the
 * ring is full again by then (some may have been dropped after it was given back), or if the mark
 * LOSING shows that drops were counted before the ring was full (the kernel's own test for room
 * takes no lock), the place is not certain, and the loss says so.
 *
 * The kernel marks a unit LOSING if there are drops that were not read yet: in V2 when it takes a
 * frame, in V3 when it closes a block.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What was lost before a unit. */
struct ws_ring_loss {
	uint32_t packets;
	bool spread; /* some of them may have been lost elsewhere since the last loss told */
};

/* The kernel's counters, at one reading of them, which clears the count of drops. */
struct ws_ring_reading {
	uint32_t drops; /* since the last reading */
	/* The ring was full at some moment that is neither before the end of the last reading nor
	 * after the taking of drops. */
	bool full;
	uint64_t taken; /* units below this number had been filled or begun by the kernel then */
};

struct ws_ring_ops {
	/* Of the unit at a place: it is ours; it is marked LOSING. */
	bool (*ready)(const void *arg, uint32_t place);
	bool (*losing)(const void *arg, uint32_t place);
	void (*read)(void *arg, struct ws_ring_reading *ret);
};

struct ws_ring;

/* units is at least 1. ops and arg are used as long as the ring is. 0, -EINVAL or -ENOMEM. */
int ws_ring_new(struct ws_ring **ret, uint32_t units, const struct ws_ring_ops *ops, void *arg);
void ws_ring_free(struct ws_ring *r);

/* True if the next unit is filled: ws_ring_begin() may be called. */
bool ws_ring_ready(const struct ws_ring *r);
/*
 * Begins the next unit. Returns its place; what was lost before it, and whether the kernel marked
 * it LOSING or something was lost before it.
 */
uint32_t ws_ring_begin(struct ws_ring *r, struct ws_ring_loss *ret_loss, bool *ret_losing);

/* The place of the oldest unit that was begun and not given back; there is one. */
uint32_t ws_ring_oldest(const struct ws_ring *r);
/* Units that were begun and not given back, and those that were given back. */
uint32_t ws_ring_held(const struct ws_ring *r);
uint64_t ws_ring_released(const struct ws_ring *r);
/*
 * Giving back the oldest n units, 1 to ws_ring_held(): release_begin(), then the units' own release,
 * oldest first, then release_end() with what release_begin() returned.
 */
bool ws_ring_release_begin(struct ws_ring *r);
void ws_ring_release_end(struct ws_ring *r, uint32_t n, bool was_full);

/* Reads the kernel's counters, at any time but between release_begin() and release_end(). */
void ws_ring_update(struct ws_ring *r);

/* Units that are filled and not given back. Looks at few units, not at all. */
uint32_t ws_ring_filled(const struct ws_ring *r);
