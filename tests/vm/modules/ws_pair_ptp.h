/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which frames a card that stamps "PTP only" takes for PTP: it looks at fixed places, knows no IP
 * options, fragments or extension headers, and does not check versions or lengths.
 */
#ifndef WS_PAIR_PTP_H
#define WS_PAIR_PTP_H

#include <linux/types.h>

struct ws_pair_ptp {
	bool event;	   /* ethertype 0x88F7 with messageType 0 to 7, or UDP to port 319 */
	bool l2_sync;	   /* ethertype 0x88F7, messageType 0, version 2 */
	bool v1_sync;	   /* UDP to port 319, version 1, control 0 */
	bool v1_delay_req; /* the same, control 1 */
};

/**
 * @param frame from the destination address on
 * @param through_vlan one tag 0x8100 or 0x88A8 is looked through
 */
struct ws_pair_ptp ws_pair_ptp_look(const u8 *frame, size_t length, bool through_vlan);

#endif
