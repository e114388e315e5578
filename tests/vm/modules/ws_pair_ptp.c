// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ws_pair_ptp.h"

#include <linux/if_ether.h>
#include <linux/in.h>

#define PTP_EVENT_PORT 319
#define IPV6_HEADER    40
#define UDP_HEADER     8
#define V1_CONTROL     32

static u16 be16_at(const u8 *at)
{
	return at[0] << 8 | at[1];
}

/* Returns the offset of the UDP header, or 0. */
static size_t find_udp(const u8 *frame, size_t length, size_t at, u16 ethertype)
{
	size_t udp = 0;

	if (ethertype == ETH_P_IP && length >= at + 20 && frame[at + 9] == IPPROTO_UDP &&
		!(be16_at(frame + at + 6) & 0x1fff))
		udp = at + (frame[at] & 0x0f) * 4;
	else if (ethertype == ETH_P_IPV6 && length >= at + IPV6_HEADER &&
		 frame[at + 6] == IPPROTO_UDP)
		udp = at + IPV6_HEADER;
	return udp && length >= udp + UDP_HEADER ? udp : 0;
}

struct ws_pair_ptp ws_pair_ptp_look(const u8 *frame, size_t length, bool through_vlan)
{
	struct ws_pair_ptp found = {};
	size_t at = ETH_HLEN, message;
	u16 ethertype;

	if (length < at + 2)
		return found;
	ethertype = be16_at(frame + at - 2);
	if (through_vlan && (ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD)) {
		at += 4;
		if (length < at + 2)
			return found;
		ethertype = be16_at(frame + at - 2);
	}
	if (ethertype == ETH_P_1588) {
		found.event = (frame[at] & 0x08) == 0;
		found.l2_sync = (frame[at] & 0x0f) == 0 && (frame[at + 1] & 0x0f) == 2;
		return found;
	}
	at = find_udp(frame, length, at, ethertype);
	if (!at || be16_at(frame + at + 2) != PTP_EVENT_PORT)
		return found;
	found.event = true;
	message = at + UDP_HEADER;
	if (length > message + V1_CONTROL && (frame[message + 1] & 0x0f) == 1) {
		found.v1_sync = frame[message + V1_CONTROL] == 0;
		found.v1_delay_req = frame[message + V1_CONTROL] == 1;
	}
	return found;
}
