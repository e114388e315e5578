/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One frame of a TPACKET_V2 receive ring: a slot of fixed size that holds one packet. Pure functions
 * over memory, as those on blocks in core/block3.h: every offset is checked before it is followed.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, <linux/if_packet.h>,
 * net/packet/af_packet.c.
 */
#pragma once

#include "core/ringpkt.h"

/* Smallest frame that ws_frame2_read() takes: the kernel's two headers. */
#define WS_FRAME2_MIN 52u

/* True if the kernel has handed this frame to user space. Acquires: what the kernel wrote is
 * visible. */
bool ws_frame2_ready(const void *frame);
/* True if packets were lost between the last reading of the statistics and the moment at which the
 * kernel took this frame (TP_STATUS_LOSING). */
bool ws_frame2_losing(const void *frame);
/* Gives the frame back. Releases: all our reads of it happen before. Nothing may be read
 * afterwards. */
void ws_frame2_release(void *frame);

/*
 * The packet in a frame of size bytes, at least WS_FRAME2_MIN. Returns 0 and fills *ret, or -EBADMSG
 * if its data would leave the frame, overlap a header or be longer than on the wire.
 */
int ws_frame2_read(void *frame, uint32_t size, struct ws_ring_packet *ret);
