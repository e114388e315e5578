// SPDX-License-Identifier: BSD-2-Clause
#include "core/ringpkt.h"

#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#define VLAN_TPID_DEFAULT 0x8100 /* IEEE 802.1Q */
#define MAC_ADDRS_LEN	  12
/* Offsets in a cooked header: protocol, reserved, interface, type of hardware, of packet, address.
 */
#define SLL2_IFINDEX  4
#define SLL2_HATYPE   8
#define SLL2_PKTTYPE  10
#define SLL2_HALEN    11
#define SLL2_ADDR     12
#define SLL2_ADDR_LEN 8

static void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static uint16_t tpid(const struct ws_ring_packet *p)
{
	return p->status & TP_STATUS_VLAN_TPID_VALID ? p->vlan_tpid : VLAN_TPID_DEFAULT;
}

static void prepend(struct ws_ring_packet *p, uint32_t len)
{
	p->data -= len;
	p->headroom -= len;
	p->len += len;
}

static void no_tag_any_more(struct ws_ring_packet *p)
{
	p->wire_len += WS_VLAN_TAG_LEN;
	p->status &= ~(uint32_t)(TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID);
}

bool ws_ring_packet_restore_vlan(struct ws_ring_packet *p)
{
	if (!(p->status & TP_STATUS_VLAN_VALID)) {
		return true;
	}
	/* A packet cut off before the place of the tag lacks only the tag's share of its length. */
	if (p->len >= MAC_ADDRS_LEN) {
		if (p->headroom < WS_VLAN_TAG_LEN) {
			return false;
		}
		memmove(p->data - WS_VLAN_TAG_LEN, p->data, MAC_ADDRS_LEN);
		prepend(p, WS_VLAN_TAG_LEN);
		put_be16(p->data + MAC_ADDRS_LEN, tpid(p));
		put_be16(p->data + MAC_ADDRS_LEN + 2, p->vlan_tci);
	}
	no_tag_any_more(p);
	return true;
}

bool ws_ring_packet_cook(struct ws_ring_packet *p)
{
	bool tagged = p->status & TP_STATUS_VLAN_VALID;
	struct sockaddr_ll ll = *p->address;
	uint8_t protocol[2];

	if (p->headroom < WS_COOKED_LEN + (tagged ? WS_VLAN_TAG_LEN : 0u)) {
		return false;
	}
	memcpy(protocol, &ll.sll_protocol, sizeof(protocol)); /* is big endian already */
	if (tagged) {
		prepend(p, WS_VLAN_TAG_LEN);
		put_be16(p->data, p->vlan_tci);
		memcpy(p->data + 2, protocol, sizeof(protocol));
		put_be16(protocol, tpid(p));
		no_tag_any_more(p);
	}
	prepend(p, WS_COOKED_LEN);
	p->wire_len += WS_COOKED_LEN;
	memset(p->data, 0, WS_COOKED_LEN);
	memcpy(p->data, protocol, sizeof(protocol));
	put_be32(p->data + SLL2_IFINDEX, (uint32_t)ll.sll_ifindex);
	put_be16(p->data + SLL2_HATYPE, ll.sll_hatype);
	p->data[SLL2_PKTTYPE] = ll.sll_pkttype;
	p->data[SLL2_HALEN] = ll.sll_halen;
	memcpy(p->data + SLL2_ADDR, ll.sll_addr,
		ll.sll_halen < SLL2_ADDR_LEN ? ll.sll_halen : SLL2_ADDR_LEN);
	return true;
}
