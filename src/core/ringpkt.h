/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One received packet in memory that the kernel wrote, with what it says about it beside: the same
 * for rings of all versions and for messages of a socket. What the kernel took out of the packet, or
 * what stands in place of its link-layer header, is put in front of it here.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, <linux/if_packet.h>;
 * https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_COOKED_LEN	20 /* of a Linux cooked header, version 2 */
#define WS_VLAN_TAG_LEN 4

struct sockaddr_ll;

struct ws_ring_packet {
	uint8_t *data;	   /* first byte of the Ethernet header; inside the block or frame */
	uint32_t len;	   /* bytes present at data (tp_snaplen) */
	uint32_t wire_len; /* bytes on the wire, without FCS (tp_len); at least len */
	uint32_t
		headroom; /* bytes before data, after the kernel's headers, that may be overwritten */
	uint32_t status; /* TP_STATUS_* of the packet */
	uint32_t sec, nsec;
	uint16_t vlan_tci, vlan_tpid;	   /* 0 without a tag; 0x8100 if the kernel does not say */
	const struct sockaddr_ll *address; /* before the headroom */
};

/*
 * The kernel strips the outermost VLAN tag into the ring's header; this puts it back, by moving the
 * 12 address bytes 4 bytes towards the front. Does nothing unless p->status says that there is a
 * tag. Returns false, with *p unchanged, if there is a tag but less than 4 bytes of headroom.
 * Afterwards p->status has no tag any more. A packet of less than 12 bytes was cut off before the
 * place of the tag: only its wire_len grows.
 */
bool ws_ring_packet_restore_vlan(struct ws_ring_packet *p);

/*
 * Puts a cooked header (LINKTYPE_LINUX_SLL2) in front of a packet that came without a link-layer
 * header (SOCK_DGRAM). A VLAN tag that the kernel took out is put back: its TPID is the header's
 * protocol, its TCI and the packet's own protocol follow the header. Returns false, with *p
 * unchanged, if there are less than 20 bytes of headroom, or 24 with a tag.
 */
bool ws_ring_packet_cook(struct ws_ring_packet *p);
