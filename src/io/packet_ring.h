/* SPDX-License-Identifier: BSD-2-Clause */
/* What the backends with a receive ring share. Units are the frames of TPACKET_V2, the blocks of V3.
 */
#pragma once

#include "core/ring.h"
#include "core/ringpkt.h"
#include "io/packet.h"

struct packet_ring {
	struct packet_io p;
	uint8_t *memory;
	uint32_t units, unit_size;
	struct ws_ring *order;
	/* Lost before the next view: told by its unit, or by those before it that held no view. */
	struct ws_ring_loss lost;
	/* What rx_peek gives out without waiting. */
	unsigned (*peek)(struct packet_ring *s, struct ws_io_view *views, unsigned max);
	/* True if there is a view that was not given out. */
	bool (*ready)(const struct packet_ring *s);
	bool stopped;
	int64_t drain_until;
};

/* PACKET_VERSION, PACKET_RESERVE and the other options of receiving sockets, in their order. */
int packet_ring_options(struct packet_ring *s, const struct ws_io_config *config, int version);

/* How large a ring is wanted; the block size is a power of two and a multiple of the unit's. */
struct packet_ring_size {
	uint32_t block_size, frame_size;
	uint32_t blocks, min_blocks;
	uint32_t retire_ms; /* of V3 */
};
/*
 * Makes the ring and maps it, with half as many blocks again and again where memory is short, down
 * to min_blocks. Sets units (of s->unit_size) and order. 0 or -errno.
 */
int packet_ring_make(
	struct packet_ring *s, const struct packet_ring_size *size, const struct ws_ring_ops *ops);
void packet_ring_close(struct packet_ring *s);

static inline uint8_t *packet_ring_unit(const struct packet_ring *s, uint32_t place)
{
	return s->memory + (size_t)place * s->unit_size;
}

/* Begins the next unit: counts it, and keeps in mind what was lost before it. Its place. */
uint32_t packet_ring_begin(struct packet_ring *s);
/* Makes a packet of the ring a view. */
void packet_ring_view(struct packet_ring *s, struct ws_ring_packet *p, struct ws_io_view *ret);
/* n packets could not be read. */
void packet_ring_damaged(struct packet_ring *s, uint32_t n);

int packet_ring_op_wait(struct ws_io *io, int64_t deadline_ns);
int packet_ring_op_peek(struct ws_io *io, struct ws_io_view *views, unsigned max);
unsigned packet_ring_op_fill(struct ws_io *io);
int packet_ring_op_stop(struct ws_io *io);
