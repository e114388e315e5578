/* SPDX-License-Identifier: BSD-2-Clause */
/* The transmit ring of the modelled kernel (net/packet/af_packet.c, tpacket_snd). */
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "fake/sys_model.h"

#define PAGE 4096

int sys_model_make_tx_ring(struct descriptor *d, const void *value, socklen_t len)
{
	struct tx_ring *t = &d->tx_ring;
	struct tpacket_req3 req = {0};
	size_t need = d->version == TPACKET_V3 ? sizeof(req) : sizeof(struct tpacket_req);
	size_t header = d->version == TPACKET_V3 ? TPACKET3_HDRLEN : TPACKET2_HDRLEN;

	if (len < need) {
		return -EINVAL;
	}
	memcpy(&req, value, need);
	if (t->mem) {
		return -EBUSY;
	}
	/* Blocks cannot be sent. */
	if (!req.tp_block_nr || !req.tp_block_size || req.tp_block_size % PAGE ||
		req.tp_frame_size < header || req.tp_frame_size % TPACKET_ALIGNMENT ||
		req.tp_frame_size > req.tp_block_size ||
		req.tp_frame_nr != req.tp_block_size / req.tp_frame_size * req.tp_block_nr ||
		req.tp_retire_blk_tov || req.tp_sizeof_priv || req.tp_feature_req_word) {
		return -EINVAL;
	}
	t->block_size = req.tp_block_size;
	t->frame_size = req.tp_frame_size;
	t->frames = req.tp_frame_nr;
	t->len = (size_t)req.tp_block_size * req.tp_block_nr;
	t->mem = sys_model_must(aligned_alloc(PAGE, t->len));
	memset(t->mem, 0, t->len);
	return 0;
}

static uint8_t *frame_at(const struct tx_ring *t, uint32_t i)
{
	uint32_t per_block = (uint32_t)(t->block_size / t->frame_size);

	return t->mem + i / per_block * t->block_size + i % per_block * t->frame_size;
}

static uint32_t *status_of(const struct descriptor *d, uint32_t i)
{
	uint8_t *frame = frame_at(&d->tx_ring, i);

	return d->version == TPACKET_V3 ? &((struct tpacket3_hdr *)frame)->tp_status
					: &((struct tpacket2_hdr *)frame)->tp_status;
}

/* tpacket_parse_header, and what the virtio header says. 0 or -EINVAL, -EMSGSIZE. */
static int parse(const struct descriptor *d, uint8_t *frame, struct iovec *ret)
{
	const struct tpacket3_hdr *h3 = (const struct tpacket3_hdr *)frame;
	const struct tpacket2_hdr *h2 = (const struct tpacket2_hdr *)frame;
	bool v3 = d->version == TPACKET_V3;
	size_t offset = (v3 ? TPACKET3_HDRLEN : TPACKET2_HDRLEN) - sizeof(struct sockaddr_ll);
	struct virtio_net_hdr vnet;
	size_t len = v3 ? h3->tp_len : h2->tp_len;

	if (v3 && h3->tp_next_offset) {
		return -EINVAL;
	}
	if (len > d->tx_ring.frame_size - offset) {
		return -EMSGSIZE;
	}
	if (d->vnet_hdr) {
		if (len < sizeof(vnet)) {
			return -EINVAL;
		}
		memcpy(&vnet, frame + offset, sizeof(vnet));
		offset += sizeof(vnet);
		len -= sizeof(vnet);
		if (vnet.flags || vnet.gso_type || vnet.hdr_len > len) {
			return -EINVAL;
		}
	}
	*ret = (struct iovec){frame + offset, len};
	return 0;
}

ssize_t sys_model_transmit_ring(int fd, struct descriptor *d, const struct msghdr *m)
{
	struct tx_ring *t = &d->tx_ring;
	ssize_t sum = 0;
	ssize_t r;

	if (sys_fake_kernel.removed || !sys_fake_kernel.up) {
		return sys_fake_kernel.removed ? -ENXIO : -ENETDOWN;
	}
	r = sys_model_check_control(d, m);
	if (r < 0) {
		return r;
	}
	for (unsigned n = 0; *status_of(d, t->head) == TP_STATUS_SEND_REQUEST; n++) {
		struct msghdr one = *m;
		struct iovec iov;

		if (sys_fake_kernel.sendmmsg_max && n == sys_fake_kernel.sendmmsg_max) {
			break;
		}
		r = parse(d, frame_at(t, t->head), &iov);
		if (!r) {
			one.msg_iov = &iov;
			one.msg_iovlen = 1;
			r = sys_model_transmit_frame(fd, d, &one);
		}
		if (r == -EAGAIN && sum) {
			return sum; /* no more memory in the send buffer */
		}
		if (r < 0) {
			/* The frame stays the one that is looked at next. */
			*status_of(d, t->head) = r == -EINVAL || r == -EMSGSIZE
							 ? TP_STATUS_WRONG_FORMAT
							 : TP_STATUS_SEND_REQUEST;
			return r;
		}
		*status_of(d, t->head) =
			sys_fake_kernel.holds ? TP_STATUS_SENDING : TP_STATUS_AVAILABLE;
		t->head = (t->head + 1) % t->frames;
		sum += r;
	}
	return sum;
}

void sys_fake_complete(int fd, unsigned n)
{
	struct descriptor *d = sys_model_at(fd);
	struct tx_ring *t = &d->tx_ring;

	/* What comes after the one that is looked at next was sent the longest ago. */
	for (uint32_t i = 0; i < t->frames && n; i++) {
		uint32_t *status = status_of(d, (t->head + i) % t->frames);

		if (*status == TP_STATUS_SENDING) {
			*status = TP_STATUS_AVAILABLE;
			n--;
		}
	}
}
