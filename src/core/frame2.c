// SPDX-License-Identifier: BSD-2-Clause
#include "core/frame2.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#define VLAN_TPID_DEFAULT 0x8100 /* IEEE 802.1Q */
/* tpacket_rcv() puts a struct sockaddr_ll behind the frame's header, and the packet behind both. */
#define ADDRESS_OFF TPACKET_ALIGN(sizeof(struct tpacket2_hdr))

_Static_assert(WS_FRAME2_MIN == ADDRESS_OFF + sizeof(struct sockaddr_ll), "headers of a frame");

static uint32_t status(const void *frame, int order)
{
	const struct tpacket2_hdr *h = frame;

	return __atomic_load_n(&h->tp_status, order);
}

bool ws_frame2_ready(const void *frame)
{
	return status(frame, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

bool ws_frame2_losing(const void *frame)
{
	return status(frame, __ATOMIC_RELAXED) & TP_STATUS_LOSING;
}

void ws_frame2_release(void *frame)
{
	struct tpacket2_hdr *h = frame;

	__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

int ws_frame2_read(void *frame, uint32_t size, struct ws_ring_packet *ret)
{
	struct tpacket2_hdr h;

	memcpy(&h, frame, sizeof(h));
	if (h.tp_mac < WS_FRAME2_MIN || (uint64_t)h.tp_mac + h.tp_snaplen > size ||
		h.tp_snaplen > h.tp_len) {
		return -EBADMSG;
	}
	*ret = (struct ws_ring_packet){
		.data = (uint8_t *)frame + h.tp_mac,
		.len = h.tp_snaplen,
		.wire_len = h.tp_len,
		.headroom = h.tp_mac - WS_FRAME2_MIN,
		.status = h.tp_status,
		.sec = h.tp_sec,
		.nsec = h.tp_nsec,
		.address = (const void *)((const uint8_t *)frame + ADDRESS_OFF),
	};
	if (h.tp_status & TP_STATUS_VLAN_VALID) {
		ret->vlan_tci = h.tp_vlan_tci;
		ret->vlan_tpid = h.tp_status & TP_STATUS_VLAN_TPID_VALID ? h.tp_vlan_tpid
									 : VLAN_TPID_DEFAULT;
	}
	return 0;
}
