// SPDX-License-Identifier: BSD-2-Clause
#include "core/frame_own.h"
#include "core/ptp_own.h"

#define VERSION		 2
#define FLAGS_OFF	 6
#define FLAG_UNICAST	 0x0400
#define PORT_OFF	 28
#define INTERVAL_OFF	 33
#define INTERVAL_NONE	 0x7f /* unicast: no interval is told */
#define TLV_OFF		 44
#define TLV_EXPERIMENTAL 0x2004

uint8_t ws_ptp_type(enum ws_ptp_message message)
{
	return message == WS_PTP_DELAY_REQ ? PTP_TYPE_DELAY_REQ : PTP_TYPE_SYNC;
}

/* IEEE 1588-2008, table 23. */
static uint8_t control_of(uint8_t type)
{
	switch (type) {
	case PTP_TYPE_SYNC:
		return 0;
	case PTP_TYPE_DELAY_REQ:
		return 1;
	default:
		return PTP_CONTROL_ALL;
	}
}

void ws_ptp_put(uint8_t *ptp, uint8_t type, const uint8_t *mac, uint32_t room)
{
	uint32_t len = ptp_message_len(room);

	memset(ptp, 0, WS_PTP_HEAD_LEN);
	ptp[PTP_TYPE_OFF] = type;
	ptp[PTP_VERSION_OFF] = VERSION;
	put_be16(ptp + PTP_LENGTH_OFF, (uint16_t)len);
	ptp[PTP_DOMAIN_OFF] = WS_PTP_DOMAIN;
	put_be16(ptp + FLAGS_OFF, FLAG_UNICAST);
	ptp_put_mac(ptp, mac);
	put_be16(ptp + PTP_IDENTITY_OFF + 3, 0xfffe);
	put_be16(ptp + PORT_OFF, 1);
	ptp[PTP_CONTROL_OFF] = control_of(type);
	ptp[INTERVAL_OFF] = INTERVAL_NONE;
	put_be16(ptp + TLV_OFF, TLV_EXPERIMENTAL);
	put_be16(ptp + PTP_TLV_LEN_OFF, (uint16_t)(len - WS_PTP_HEAD_LEN));
}

bool ws_ptp_find(const uint8_t *ptp, uint32_t len, uint32_t room, uint32_t *ret_len, bool *ret_cut)
{
	uint32_t message, tlv;
	uint8_t type;

	if (len < WS_PTP_HEAD_LEN) {
		return false;
	}
	/* A transparent clock may set the minor version to its own. */
	type = ptp[PTP_TYPE_OFF];
	message = get_be16(ptp + PTP_LENGTH_OFF);
	tlv = get_be16(ptp + PTP_TLV_LEN_OFF);
	if ((type != PTP_TYPE_SYNC && type != PTP_TYPE_DELAY_REQ && type != PTP_TYPE_SIGNALING) ||
		(ptp[PTP_VERSION_OFF] & 0xf) != VERSION || ptp[PTP_DOMAIN_OFF] != WS_PTP_DOMAIN ||
		get_be16(ptp + TLV_OFF) != TLV_EXPERIMENTAL || message < WS_PTP_HEAD_LEN) {
		return false;
	}
	*ret_cut = message > room || tlv > message - WS_PTP_HEAD_LEN;
	*ret_len = tlv;
	return true;
}
