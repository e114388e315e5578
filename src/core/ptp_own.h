/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What frame.c, traffic.c and reflect.c have to know of the PTP messages that carry probes (core/frame.h has the layout;
 * IEEE 1588-2008, 13.3 and 14.1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/frame.h"

#define PTP_TYPE_SYNC	   0x0
#define PTP_TYPE_DELAY_REQ 0x1
#define PTP_TYPE_SIGNALING 0xC /* no event; as long as the other two */

#define PTP_TYPE_OFF	 0
#define PTP_VERSION_OFF	 1
#define PTP_LENGTH_OFF	 2
#define PTP_DOMAIN_OFF	 4
#define PTP_IDENTITY_OFF 20
#define PTP_SEQUENCE_OFF 30
#define PTP_CONTROL_OFF	 32
#define PTP_TLV_LEN_OFF	 46
#define PTP_CONTROL_ALL	 5 /* of messages that had none of their own in version 1 */

/* Lengths of TLVs are even: the last byte of an odd frame stands behind the message. */
static inline uint32_t ptp_message_len(uint32_t room)
{
	return (room < UINT16_MAX ? room : UINT16_MAX) & ~1u;
}

/* The bytes of the identity that are the source MAC address's. */
static inline void ptp_put_mac(uint8_t *ptp, const uint8_t *mac)
{
	memcpy(ptp + PTP_IDENTITY_OFF, mac, 3);
	memcpy(ptp + PTP_IDENTITY_OFF + 5, mac + 3, 3);
}

/* The message type on the wire. */
uint8_t ws_ptp_type(enum ws_ptp_message message);

/* Writes all WS_PTP_HEAD_LEN bytes: of a message that fills `room` bytes, of sequence 0. */
void ws_ptp_put(uint8_t *ptp, uint8_t type, const uint8_t *mac, uint32_t room);

/*
 * Whether the head of a message that can have a probe is there: of these types, version 2, our domain and TLV. *ret_len
 * is how long a payload its lengths allow, *ret_cut that they contradict each other, or `room`, what the layer below
 * says there is for the message.
 */
bool ws_ptp_find(const uint8_t *ptp, uint32_t len, uint32_t room, uint32_t *ret_len, bool *ret_cut);
