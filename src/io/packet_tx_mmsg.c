/* SPDX-License-Identifier: BSD-2-Clause */
/* Transmits by sendmmsg, from buffers of our own: the kernel has copied them when it returns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/sys.h"
#include "io/packet_tx.h"

int packet_tx_mmsg_open(struct packet_tx *tx, uint32_t mtu, uint32_t frame_max)
{
	struct packet_tx_mmsg *s = (struct packet_tx_mmsg *)tx;

	(void)mtu;
	tx->slots = tx->batch;
	s->control_len = PACKET_TX_CONTROL_LEN + tx->way->control_more;
	tx->slot_size = (frame_max + 63) & ~63u;
	s->buffers = aligned_alloc(64, (size_t)tx->slots * tx->slot_size);
	s->msgs = calloc(tx->slots, sizeof(*s->msgs));
	s->iovs = calloc(tx->slots, sizeof(*s->iovs));
	s->controls = aligned_alloc(64, (tx->slots * s->control_len + 63) & ~(size_t)63);
	if (!s->buffers || !s->msgs || !s->iovs || !s->controls) {
		return -ENOMEM;
	}
	memset(s->buffers, 0, (size_t)tx->slots * tx->slot_size);
	memset(s->controls, 0, tx->slots * s->control_len);
	for (uint32_t i = 0; i < tx->slots; i++) {
		s->iovs[i].iov_base = s->buffers + (size_t)i * tx->slot_size;
		s->msgs[i].msg_hdr.msg_iov = &s->iovs[i];
		s->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

void packet_tx_mmsg_close(struct packet_tx *tx)
{
	struct packet_tx_mmsg *s = (struct packet_tx_mmsg *)tx;

	free(s->buffers);
	free(s->msgs);
	free(s->iovs);
	free(s->controls);
}

unsigned packet_tx_mmsg_slot(
	const struct packet_tx *tx, uint32_t i, struct ws_io_slot *ret, unsigned n)
{
	const struct packet_tx_mmsg *s = (const struct packet_tx_mmsg *)tx;
	uint8_t *data = s->buffers + (size_t)i * tx->slot_size;

	for (unsigned k = 0; k < n; k++, data += tx->slot_size) {
		ret[k] = (struct ws_io_slot){.data = data, .size = tx->slot_size, .number = i + k};
	}
	return n;
}

/* What a frame needs besides its bytes. True if a stamp is to come under that key. */
static bool put_control(
	struct packet_tx_mmsg *s, uint32_t i, const struct ws_io_tx *frame, uint32_t key)
{
	struct msghdr *m = &s->msgs[i].msg_hdr;
	bool stamped = frame->want_stamp && s->tx.keys;

	if (stamped || s->tx.launch) {
		m->msg_control = s->controls + i * s->control_len;
		m->msg_controllen = packet_tx_control(&s->tx, m->msg_control, frame, key);
	} else if (m->msg_control) {
		m->msg_control = NULL; /* of the frame that was here before */
		m->msg_controllen = 0;
	}
	return stamped;
}

void packet_tx_mmsg_call(struct packet_tx_mmsg *s, unsigned n, struct packet_tx_sent *ret)
{
	struct packet_tx *tx = &s->tx;
	int r;

	tx->stats.tx_calls++;
	if (n == 1) {
		r = (int)ws_sys_sendmsg(tx->fd, &s->msgs[tx->head].msg_hdr, MSG_DONTWAIT);
		r = r >= 0 ? 1 : r;
	} else {
		r = ws_sys_sendmmsg(tx->fd, &s->msgs[tx->head], n, MSG_DONTWAIT);
	}
	if (r > 0) {
		ret->taken = (unsigned)r;
	} else {
		ret->error = r ? r : -EAGAIN;
	}
}

static void mmsg_send(struct packet_tx *tx, const struct ws_io_tx *frames, unsigned n, uint32_t key,
	struct packet_tx_sent *ret)
{
	struct packet_tx_mmsg *s = (struct packet_tx_mmsg *)tx;
	bool control = tx->keys || tx->launch;

	for (unsigned i = 0; i < n; i++) {
		s->iovs[tx->head + i].iov_len = frames[i].len;
	}
	for (unsigned i = 0; control && i < n; i++) {
		key += put_control(s, tx->head + i, &frames[i], key);
	}
	packet_tx_mmsg_call(s, n, ret);
}

const struct packet_tx_way packet_tx_mmsg = {
	.backend = "socket",
	.size = sizeof(struct packet_tx_mmsg),
	.open = packet_tx_mmsg_open,
	.close = packet_tx_mmsg_close,
	.slot = packet_tx_mmsg_slot,
	.send = mmsg_send,
};
