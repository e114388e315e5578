/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backend `tpacket3`: receives from a TPACKET_V3 ring that the kernel fills block by block; nothing
 * is copied and a block of packets costs one wake-up. Packets of any size up to a block are whole.
 * Transmits through a ring, too.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, net/packet/af_packet.c.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>

#include "core/block3.h"
#include "io/packet_ring.h"

/* Blocks smaller than a merged receive packet (64 KiB) would clamp it silently. */
#define BLOCK_SIZE	      (256u << 10)
#define MIN_BLOCKS	      2
#define MAX_BLOCKS	      16384 /* 4 GiB */
#define FRAME_SIZE	      2048  /* unused by V3, but checked */
#define DEFAULT_RX_BUFFER     (16u << 20)
#define DEFAULT_BLOCK_TIMEOUT 10
/* The kernel's timer runs on ticks of up to 10 ms. */
#define TICK_NS 10000000LL
/* Of a block, that no packet can have: the kernel's headers and the room in front of it. */
#define BLOCK_OVERHEAD 256

/* What we know of a block that we hold. */
struct held {
	uint32_t views; /* given out and not released */
	bool walked;	/* to its end */
};

struct blocks_io {
	struct packet_ring ring;
	uint32_t current; /* the walk is in the block at this place */
	bool walking;
	struct ws_block3_walk walk;
	struct held *held;
	uint64_t closed; /* blocks below this number have been handed to us */
};

static struct blocks_io *blocks_of(void *arg)
{
	return arg;
}

static bool block_ready(const void *arg, uint32_t place)
{
	return ws_block3_ready(packet_ring_unit(arg, place));
}

static bool block_losing(const void *arg, uint32_t place)
{
	return ws_block3_losing(packet_ring_unit(arg, place));
}

static void read_counters(void *arg, struct ws_ring_reading *ret)
{
	struct blocks_io *b = arg;
	struct packet_ring *s = &b->ring;
	uint64_t before = s->p.stats.rx_dropped, released = ws_ring_released(s->order);

	if (b->closed < released) {
		b->closed = released;
	}
	/* The kernel closes blocks in their order. */
	while (b->closed < released + s->units &&
		block_ready(s, (uint32_t)(b->closed % s->units))) {
		b->closed++;
	}
	packet_statistics(&s->p);
	ret->drops = (uint32_t)(s->p.stats.rx_dropped - before);
	ret->taken = b->closed;
	ret->full = b->closed == released + s->units;
}

static const struct ws_ring_ops ring_ops = {
	.ready = block_ready,
	.losing = block_losing,
	.read = read_counters,
};

static void blocks_close(struct ws_io *io)
{
	struct blocks_io *b = blocks_of(io);

	packet_ring_close(&b->ring);
	free(b->held);
	free(b);
}

/* As large as asked for, or as large as the kernel can. */
static int make_ring(struct packet_ring *s, const struct ws_io_config *config)
{
	uint64_t bytes = config->rx_buffer ? config->rx_buffer : DEFAULT_RX_BUFFER;
	uint64_t blocks = (bytes + BLOCK_SIZE - 1) / BLOCK_SIZE;
	struct packet_ring_size size = {
		.block_size = BLOCK_SIZE,
		.frame_size = FRAME_SIZE,
		.min_blocks = MIN_BLOCKS,
		.retire_ms =
			config->block_timeout_ms ? config->block_timeout_ms : DEFAULT_BLOCK_TIMEOUT,
	};

	blocks = blocks < MIN_BLOCKS ? MIN_BLOCKS : blocks;
	size.blocks = (uint32_t)(blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks);
	s->unit_size = BLOCK_SIZE;
	s->p.io.caps.rx_hold_ns = 2 * size.retire_ms * 1000000LL + 2 * TICK_NS;
	s->p.io.caps.frame_max = BLOCK_SIZE - BLOCK_OVERHEAD;
	return packet_ring_make(s, &size, &ring_ops);
}

static unsigned peek_ready(struct packet_ring *s, struct ws_io_view *views, unsigned max);

/* True if there is a block to walk, or the rest of one. */
static bool rx_ready(const struct packet_ring *s)
{
	const struct blocks_io *b = (const struct blocks_io *)s;

	return b->walking || ws_ring_ready(s->order);
}

static int open_rx(struct packet_io *p, const struct ws_io_config *config)
{
	struct blocks_io *b = blocks_of(p);
	int r;

	b->ring.peek = peek_ready;
	b->ring.ready = rx_ready;
	r = packet_rx_socket(p, config);
	if (r < 0) {
		return r;
	}
	p->v3 = true;
	r = packet_ring_options(&b->ring, config, TPACKET_V3);
	if (r < 0) {
		return r;
	}
	r = make_ring(&b->ring, config);
	if (r < 0) {
		return r;
	}
	b->held = calloc(b->ring.units, sizeof(*b->held));
	if (!b->held) {
		return -ENOMEM;
	}
	return packet_rx_bind(p, config);
}

extern const struct ws_io_ops ws_io_tpacket3;

static int blocks_open(struct ws_io **ret, const struct ws_io_config *config)
{
	return packet_open(ret, config, &ws_io_tpacket3, sizeof(struct blocks_io), open_rx);
}

/* Gives back, in order, the blocks that nobody looks at any more. */
static void release_blocks(struct packet_ring *s)
{
	struct blocks_io *b = blocks_of(s);

	while (ws_ring_held(s->order)) {
		uint32_t oldest = ws_ring_oldest(s->order);
		bool full;

		if (!b->held[oldest].walked || b->held[oldest].views) {
			break;
		}
		full = ws_ring_release_begin(s->order);
		ws_block3_release(packet_ring_unit(s, oldest));
		ws_ring_release_end(s->order, 1, full);
	}
}

static void begin_block(struct packet_ring *s)
{
	struct blocks_io *b = blocks_of(s);

	b->current = packet_ring_begin(s);
	b->held[b->current] = (struct held){0};
	b->walking = true;
	if (ws_block3_begin(&b->walk, packet_ring_unit(s, b->current), BLOCK_SIZE) < 0) {
		packet_ring_damaged(s, b->walk.left);
		b->walk.left = 0; /* nothing of it can be read */
	}
}

static void end_block(struct packet_ring *s)
{
	struct blocks_io *b = blocks_of(s);

	b->held[b->current].walked = true;
	b->walking = false;
	release_blocks(s);
}

static bool next_view(struct packet_ring *s, struct ws_io_view *v)
{
	struct blocks_io *b = blocks_of(s);
	struct ws_ring_packet p;
	int r = ws_block3_next(&b->walk, &p);

	if (r <= 0) {
		if (r < 0) {
			packet_ring_damaged(s, b->walk.left);
		}
		return false;
	}
	packet_ring_view(s, &p, v);
	b->held[b->current].views++;
	return true;
}

static unsigned peek_ready(struct packet_ring *s, struct ws_io_view *views, unsigned max)
{
	struct blocks_io *b = blocks_of(s);
	unsigned n = 0;

	while (n < max && rx_ready(s)) {
		if (!b->walking) {
			begin_block(s);
		}
		while (n < max && next_view(s, &views[n])) {
			n++;
		}
		if (n < max || !b->walk.left) {
			end_block(s);
		}
	}
	packet_received(&s->p, n);
	return n;
}

static void blocks_release(struct ws_io *io, unsigned n)
{
	struct packet_ring *s = (struct packet_ring *)io;
	struct blocks_io *b = blocks_of(io);

	if (s->p.fd < 0) {
		return;
	}
	while (n && ws_ring_held(s->order)) {
		struct held *h = &b->held[ws_ring_oldest(s->order)];
		uint32_t part = n < h->views ? n : h->views;

		if (!part) {
			break;
		}
		h->views -= part;
		n -= part;
		release_blocks(s);
	}
}

const struct ws_io_ops ws_io_tpacket3 = {
	.name = "tpacket3",
	.summary = "TPACKET_V3 rings",
	.open = blocks_open,
	.set_filter = packet_op_set_filter,
	.wait = packet_ring_op_wait,
	.rx_peek = packet_ring_op_peek,
	.rx_release = blocks_release,
	.tx_reserve = packet_op_tx_reserve,
	.tx_submit = packet_op_tx_submit,
	.tx_stamps = packet_op_tx_stamps,
	.tx_outstanding = packet_op_tx_outstanding,
	.stats = packet_op_stats,
	.rx_fill = packet_ring_op_fill,
	.stop = packet_ring_op_stop,
	.close = blocks_close,
};
