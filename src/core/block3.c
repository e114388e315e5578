// SPDX-License-Identifier: BSD-2-Clause
#include "core/block3.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#define VLAN_TPID_DEFAULT 0x8100 /* IEEE 802.1Q */
/* The kernel aligns every packet header in a block so (V3_ALIGNMENT in net/packet/af_packet.c). */
#define HEADER_ALIGN 8
/* tpacket_rcv() puts a struct sockaddr_ll behind the packet's header, and the frame behind both. */
#define ADDRESS_OFF   TPACKET_ALIGN(sizeof(struct tpacket3_hdr))
#define FRAME_MIN_OFF (ADDRESS_OFF + sizeof(struct sockaddr_ll))

/* No header can be here: the walk has found that the chain of packets is broken. */
#define NEXT_BROKEN 0

static uint32_t status(const void *block, int order)
{
	const struct tpacket_block_desc *desc = block;

	return __atomic_load_n(&desc->hdr.bh1.block_status, order);
}

bool ws_block3_ready(const void *block)
{
	/* The kernel or-s further bits in (TP_STATUS_BLK_TMO, TP_STATUS_LOSING). */
	return status(block, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

bool ws_block3_losing(const void *block)
{
	return status(block, __ATOMIC_RELAXED) & TP_STATUS_LOSING;
}

void ws_block3_release(void *block)
{
	struct tpacket_block_desc *desc = block;

	__atomic_store_n(&desc->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

static bool header_fits(const struct ws_block3_walk *w, uint64_t off)
{
	return off >= sizeof(struct tpacket_block_desc) && off % HEADER_ALIGN == 0 &&
	       off + sizeof(struct tpacket3_hdr) <= w->size;
}

int ws_block3_begin(struct ws_block3_walk *w, void *block, uint32_t size)
{
	struct ws_block3_walk walk = {.block = block, .size = size};
	struct tpacket_block_desc desc;

	memcpy(&desc, block, sizeof(desc));
	walk.left = desc.hdr.bh1.num_pkts;
	walk.next = desc.hdr.bh1.offset_to_first_pkt;
	*w = walk;
	return walk.left > 0 && !header_fits(&walk, walk.next) ? -EBADMSG : 0;
}

int ws_block3_next(struct ws_block3_walk *w, struct ws_ring_packet *ret)
{
	uint64_t at = w->next, end = w->size, next = NEXT_BROKEN;
	struct tpacket3_hdr h;

	if (w->left == 0) {
		return 0;
	}
	if (!header_fits(w, at)) {
		return -EBADMSG;
	}
	memcpy(&h, w->block + at, sizeof(h));
	/* The last packet's offset is 0 and means nothing; a broken one is told when it would be
	 * used. */
	if (w->left > 1 && h.tp_next_offset >= sizeof(h) && header_fits(w, at + h.tp_next_offset)) {
		next = at + h.tp_next_offset;
		end = next;
	}
	if (h.tp_mac < FRAME_MIN_OFF || at + h.tp_mac + h.tp_snaplen > end ||
		h.tp_snaplen > h.tp_len) {
		return -EBADMSG;
	}

	*ret = (struct ws_ring_packet){
		.data = w->block + at + h.tp_mac,
		.len = h.tp_snaplen,
		.wire_len = h.tp_len,
		.headroom = h.tp_mac - (uint32_t)FRAME_MIN_OFF,
		.status = h.tp_status,
		.sec = h.tp_sec,
		.nsec = h.tp_nsec,
		.address = (const void *)(w->block + at + ADDRESS_OFF),
	};
	if (h.tp_status & TP_STATUS_VLAN_VALID) {
		ret->vlan_tci = (uint16_t)h.hv1.tp_vlan_tci;
		ret->vlan_tpid = h.tp_status & TP_STATUS_VLAN_TPID_VALID ? h.hv1.tp_vlan_tpid
									 : VLAN_TPID_DEFAULT;
	}
	w->next = (uint32_t)next;
	w->left--;
	return 1;
}
