/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmits through a ring of frames that the kernel and we share (PACKET_TX_RING), of TPACKET_V2
 * or, from Linux 4.11 on, TPACKET_V3: there, too, frames are of one size.
 *
 * The kernel goes through the ring in order. It stops at the first frame that was not submitted, or
 * that it does not take, and begins there at the next call. So the slot of a refused frame is the
 * one it wants the next frame in, while that next frame is already built one slot further on: it is
 * copied back (`gap` says how far) until no slot is reserved any more.
 *
 * Each frame has a virtio header that says that all of the frame is header. It makes the kernel
 * copy the frame while it is submitted. Without, it sends references to the ring's pages: veth
 * copies these later, at a higher price, and loopback gives the slot back while the packet is still
 * read. That header also switches the kernel's check against the MTU off, which is made here.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, net/packet/af_packet.c (tpacket_snd).
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/sys.h"
#include "io/packet_tx.h"

#define MIN_BLOCK   (64u << 10)
#define MIN_SLOTS   512u	   /* frames may stay in a queue for a while */
#define MAX_RING    (16u << 20)	   /* bytes, unless a batch needs more */
#define ETHERTYPE   (2 * ETH_ALEN) /* offset in a frame */
#define VLAN_TAG    4
#define STATUS_MASK (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT)

struct ring_tx {
	struct packet_tx tx;
	uint8_t *ring;
	uint8_t **frames; /* where each of them begins */
	uint32_t blocks, block_size, frame_size, per_block;
	uint32_t offset;	 /* of the virtio header in a frame of the ring */
	uint32_t status, length; /* offsets of these fields in a frame's header */
	uint32_t mtu;
	uint8_t control[PACKET_TX_CONTROL_LEN] __attribute__((aligned(8)));
};

/* i: less than twice the number of slots. */
static uint8_t *frame_at(const struct ring_tx *s, uint32_t i)
{
	return s->frames[i < s->tx.slots ? i : i - s->tx.slots];
}

static uint8_t *data_at(const struct ring_tx *s, uint32_t i)
{
	return frame_at(s, i) + s->offset + sizeof(struct virtio_net_hdr);
}

static uint32_t *status_at(const struct ring_tx *s, uint32_t i)
{
	return (uint32_t *)(frame_at(s, i) + s->status);
}

/* The bits for stamps aside, of which none are asked for here. */
static uint32_t status_of(const struct ring_tx *s, uint32_t i)
{
	return __atomic_load_n(status_at(s, i), __ATOMIC_ACQUIRE);
}

static void set_status(const struct ring_tx *s, uint32_t i, uint32_t status)
{
	__atomic_store_n(status_at(s, i), status, __ATOMIC_RELEASE);
}

static size_t ring_size(const struct ring_tx *s)
{
	return (size_t)s->blocks * s->block_size;
}

/* With as many slots as are good, or as there is memory for. */
static int make_ring(struct ring_tx *s)
{
	uint32_t wanted = 4 * s->tx.batch > MIN_SLOTS ? 4 * s->tx.batch : MIN_SLOTS;
	uint32_t least = (s->tx.batch + s->per_block - 1) / s->per_block;
	uint32_t blocks = (wanted + s->per_block - 1) / s->per_block;
	void *ring;
	int r;

	blocks = blocks > MAX_RING / s->block_size ? MAX_RING / s->block_size : blocks;
	blocks = blocks < least ? least : blocks;
	for (;;) {
		struct tpacket_req3 req = {
			.tp_block_size = s->block_size,
			.tp_block_nr = blocks,
			.tp_frame_size = s->frame_size,
			.tp_frame_nr = blocks * s->per_block,
		};

		/* The shorter structure of V2 is the beginning of this one. */
		r = ws_sys_setsockopt(s->tx.fd, SOL_PACKET, PACKET_TX_RING, &req,
			s->tx.way->version == TPACKET_V3 ? sizeof(req)
							 : sizeof(struct tpacket_req));
		if (r != -ENOMEM || blocks == least) {
			break;
		}
		blocks = blocks / 2 < least ? least : blocks / 2;
	}
	if (r < 0) {
		return r == -EINVAL ? -EOPNOTSUPP : r; /* before 4.11 */
	}
	s->blocks = blocks;
	s->tx.slots = blocks * s->per_block;
	s->frames = calloc(s->tx.slots, sizeof(*s->frames));
	if (!s->frames) {
		return -ENOMEM;
	}
	r = ws_sys_mmap(&ring, ring_size(s), PROT_READ | PROT_WRITE, MAP_SHARED, s->tx.fd);
	if (r < 0) {
		return r;
	}
	s->ring = ring;
	for (uint32_t i = 0; i < s->tx.slots; i++) {
		s->frames[i] = s->ring + (size_t)(i / s->per_block) * s->block_size +
			       (size_t)(i % s->per_block) * s->frame_size;
	}
	return 0;
}

static int ring_open(struct packet_tx *tx, uint32_t mtu, uint32_t frame_max)
{
	struct ring_tx *s = (struct ring_tx *)tx;
	const int version = tx->way->version, on = 1;
	int r;

	s->mtu = mtu;
	/* tp_next_offset of V3 stays 0, as the kernel made it. */
	if (version == TPACKET_V3) {
		s->offset = TPACKET_ALIGN(sizeof(struct tpacket3_hdr));
		s->status = offsetof(struct tpacket3_hdr, tp_status);
		s->length = offsetof(struct tpacket3_hdr, tp_len);
	} else {
		s->offset = TPACKET_ALIGN(sizeof(struct tpacket2_hdr));
		s->status = offsetof(struct tpacket2_hdr, tp_status);
		s->length = offsetof(struct tpacket2_hdr, tp_len);
	}
	s->frame_size =
		(s->offset + (uint32_t)sizeof(struct virtio_net_hdr) + frame_max + 63) & ~63u;
	tx->slot_size = s->frame_size - s->offset - (uint32_t)sizeof(struct virtio_net_hdr);
	for (s->block_size = MIN_BLOCK; s->block_size < s->frame_size;) {
		s->block_size *= 2;
	}
	s->per_block = s->block_size / s->frame_size;
	/* Both come before the ring. */
	r = ws_sys_setsockopt(tx->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
	if (r < 0) {
		return r == -EINVAL ? -EOPNOTSUPP : r;
	}
	r = ws_sys_setsockopt(tx->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
	if (r < 0) {
		return r;
	}
	return make_ring(s);
}

static void ring_close(struct packet_tx *tx)
{
	struct ring_tx *s = (struct ring_tx *)tx;

	/* What is still in a queue is sent all the same: it is the kernel's copy. */
	if (s->ring) {
		ws_sys_munmap(s->ring, ring_size(s));
	}
	free(s->frames);
}

static unsigned ring_slot(
	const struct packet_tx *tx, uint32_t i, struct ws_io_slot *ret, unsigned n)
{
	const struct ring_tx *s = (const struct ring_tx *)tx;
	unsigned k;

	for (k = 0; k < n && !(status_of(s, i + k) & TP_STATUS_SENDING); k++) {
		ret[k] = (struct ws_io_slot){
			.data = data_at(s, i + k), .size = tx->slot_size, .number = i + k};
	}
	return k;
}

/* The kernel's own check for a plain packet: a tag may come on top of the MTU. */
static bool fits(const struct ring_tx *s, const uint8_t *data, uint32_t len)
{
	uint32_t most = s->mtu + ETH_HLEN;

	if (len > most && data[ETHERTYPE] == ETH_P_8021Q >> 8 &&
		data[ETHERTYPE + 1] == (ETH_P_8021Q & 0xff)) {
		most += VLAN_TAG;
	}
	return len <= most && len <= s->tx.slot_size;
}

/* Submits what is built at slot `from` in slot `to`. */
static void fill(const struct ring_tx *s, uint32_t to, uint32_t from, uint32_t len)
{
	/* Of loopback's very largest frames the last bytes do go by reference. */
	const struct virtio_net_hdr all_header = {
		.hdr_len = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX),
	};
	uint32_t total = len + (uint32_t)sizeof(all_header);
	uint8_t *frame = frame_at(s, to);

	if (to != from) {
		memcpy(data_at(s, to), data_at(s, from), len);
	}
	memcpy(frame + s->offset, &all_header, sizeof(all_header));
	memcpy(frame + s->length, &total, sizeof(total));
	__atomic_store_n((uint32_t *)(frame + s->status), TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
}

/* Slots that the kernel did not take are ours again, with what was built in them. */
static void take_back(const struct ring_tx *s, const struct ws_io_tx *frames, uint32_t first,
	unsigned taken, unsigned n)
{
	for (unsigned i = n; i-- > taken;) {
		set_status(s, first + i, TP_STATUS_AVAILABLE);
		if (s->tx.gap) {
			/* From the last on: its own slot may hold a later one's copy. */
			memcpy(data_at(s, first + s->tx.gap + i), data_at(s, first + i),
				frames[i].len);
		}
	}
}

static void ring_send(struct packet_tx *tx, const struct ws_io_tx *frames, unsigned n, uint32_t key,
	struct packet_tx_sent *ret)
{
	struct ring_tx *s = (struct ring_tx *)tx;
	struct msghdr m = {0};
	uint32_t first = tx->head;
	unsigned filled = 0;
	int r = 0;

	while (filled < n && fits(s, data_at(s, first + tx->gap + filled), frames[filled].len)) {
		fill(s, first + filled, first + tx->gap + filled, frames[filled].len);
		filled++;
	}
	if (filled) {
		m.msg_controllen = packet_tx_control(tx, s->control, &frames[0], key);
		m.msg_control = m.msg_controllen ? s->control : NULL;
		tx->stats.tx_calls++;
		r = (int)ws_sys_sendmsg(tx->fd, &m, MSG_DONTWAIT);
	}
	/* What the call returns is the bytes that were sent, or an error, and then not which frame
	 * it was: the frames themselves say that. */
	while (ret->taken < filled && !(status_of(s, first + ret->taken) & STATUS_MASK)) {
		ret->taken++;
	}
	if (ret->taken == filled) {
		ret->error = filled < n ? -EMSGSIZE : 0;
		ret->wrong = filled < n;
		return;
	}
	ret->wrong = status_of(s, first + ret->taken) & TP_STATUS_WRONG_FORMAT;
	/* Without an error: there was no memory left in the socket's send buffer. */
	ret->error = r < 0 ? r : ret->wrong ? -EINVAL : -EAGAIN;
	take_back(s, frames, first, ret->taken, filled);
}

const struct packet_tx_way packet_tx_ring2 = {
	.backend = "tpacket2",
	.size = sizeof(struct ring_tx),
	.version = TPACKET_V2,
	.control_shared = true,
	.refused_stays = true,
	.open = ring_open,
	.close = ring_close,
	.slot = ring_slot,
	.send = ring_send,
};

const struct packet_tx_way packet_tx_ring3 = {
	.backend = "tpacket3",
	.size = sizeof(struct ring_tx),
	.version = TPACKET_V3,
	.control_shared = true,
	.refused_stays = true,
	.open = ring_open,
	.close = ring_close,
	.slot = ring_slot,
	.send = ring_send,
};
