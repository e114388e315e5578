/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive ring of the modelled kernel, and fanout groups (net/packet/af_packet.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/sys_model.h"

#define PAGE		4096
#define RING_HEADER_MIN 48   /* sizeof(struct tpacket3_hdr) */
#define FDS		1024 /* more than there ever are */

int sys_model_make_rx_ring(struct descriptor *d, const void *value, socklen_t len)
{
	struct tpacket_req3 req;
	size_t need = d->version == TPACKET_V3 ? sizeof(req) : sizeof(struct tpacket_req);

	if (len < need) {
		return -EINVAL;
	}
	memset(&req, 0, sizeof(req));
	memcpy(&req, value, need);
	if (d->ring && req.tp_block_nr) {
		return -EBUSY;
	}
	if (!req.tp_block_nr) {
		free(d->ring);
		d->ring = NULL;
		return 0;
	}
	if (!req.tp_block_size || req.tp_block_size % PAGE || req.tp_frame_size < RING_HEADER_MIN ||
		req.tp_frame_size % TPACKET_ALIGNMENT ||
		req.tp_frame_nr != req.tp_block_size / req.tp_frame_size * req.tp_block_nr) {
		return -EINVAL;
	}
	if (req.tp_frame_size < RING_HEADER_MIN + d->reserve) {
		return -EINVAL;
	}
	d->block_size = req.tp_block_size;
	d->frame_size = req.tp_frame_size;
	d->ring_len = (size_t)req.tp_block_size * req.tp_block_nr;
	d->ring = sys_model_must(aligned_alloc(PAGE, d->ring_len));
	memset(d->ring, 0, d->ring_len);
	return 0;
}

/* fanout_add(): only what receives may join; the members of a group have the same flags. */
int sys_model_join_fanout(struct descriptor *d, uint32_t v)
{
	uint32_t unique = PACKET_FANOUT_FLAG_UNIQUEID << 16;
	uint32_t id = v & UINT16_MAX, flags = (v & ~unique) >> 16;

	if (!d->bound || !d->protocol || (v & unique && id) ||
		(flags & PACKET_FANOUT_FLAG_ROLLOVER && sys_fake_kernel.no_rollover)) {
		return -EINVAL;
	}
	if (v & unique) {
		id = sys_fake_kernel.fanout_next++;
	}
	for (int fd = 0; fd < FDS; fd++) {
		const struct descriptor *other = sys_model_at(fd);

		if (other && other->fanout && (other->fanout & UINT16_MAX) == id &&
			other->fanout >> 16 != (flags | SYS_MODEL_IN_GROUP)) {
			return -EINVAL;
		}
	}
	d->fanout = (flags | SYS_MODEL_IN_GROUP) << 16 | id;
	return 0;
}
