/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backend `tpacket3`: receives from a TPACKET_V3 ring that the kernel fills block by block; nothing
 * is copied and a block of packets costs one wake-up. Transmits by sendmmsg.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, net/packet/af_packet.c.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "core/block3.h"
#include "host/sys.h"
#include "io/packet.h"

/* Blocks smaller than a merged receive packet (64 KiB) would clamp it silently. */
#define BLOCK_SIZE	      (256u << 10)
#define MIN_BLOCKS	      2
#define MAX_BLOCKS	      16384 /* 4 GiB */
#define FRAME_SIZE	      2048  /* unused by V3, but checked */
#define DEFAULT_RX_BUFFER     (16u << 20)
#define DEFAULT_BLOCK_TIMEOUT 10
#define VLAN_ROOM	      4
/* The kernel's timer runs on ticks of up to 10 ms. */
#define TICK_NS 10000000LL

/* What we know of a block that we hold. */
struct held {
	uint32_t views; /* given out and not released */
	bool walked;	/* to its end */
};

struct ring_io {
	struct packet_io p;
	uint8_t *ring;
	uint32_t blocks;
	/* Blocks oldest, oldest + 1, ... current are ours; the walk is in current. */
	uint32_t current, oldest, held_count;
	bool walking;
	struct ws_block3_walk walk;
	struct held *held;
	uint64_t drops_told; /* drops that some view's lost_before has said */
	bool say_losses;     /* the next view is the first of a block marked LOSING */
	bool stopped;
	int64_t drain_until;
};

static size_t ring_size(const struct ring_io *s)
{
	return (size_t)s->blocks * BLOCK_SIZE;
}

static void ring_close(struct ws_io *io)
{
	struct ring_io *s = (struct ring_io *)io;

	if (s->ring) {
		ws_sys_munmap(s->ring, ring_size(s));
	}
	packet_close(&s->p);
	free(s->held);
	free(s);
}

/* As large as asked for, or as large as the kernel can. */
static int make_ring(struct ring_io *s, const struct ws_io_config *config)
{
	uint64_t bytes = config->rx_buffer ? config->rx_buffer : DEFAULT_RX_BUFFER;
	uint64_t blocks = (bytes + BLOCK_SIZE - 1) / BLOCK_SIZE;
	void *ring;
	int r;

	blocks = blocks < MIN_BLOCKS ? MIN_BLOCKS : blocks;
	blocks = blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks;
	for (;;) {
		struct tpacket_req3 req = {
			.tp_block_size = BLOCK_SIZE,
			.tp_block_nr = (unsigned)blocks,
			.tp_frame_size = FRAME_SIZE,
			.tp_frame_nr = (unsigned)(BLOCK_SIZE / FRAME_SIZE * blocks),
			.tp_retire_blk_tov = config->block_timeout_ms ? config->block_timeout_ms
								      : DEFAULT_BLOCK_TIMEOUT,
		};

		r = ws_sys_setsockopt(s->p.fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req));
		if (r != -ENOMEM || blocks == MIN_BLOCKS) {
			s->p.io.caps.rx_hold_ns =
				2 * req.tp_retire_blk_tov * 1000000LL + 2 * TICK_NS;
			break;
		}
		blocks = blocks / 2 < MIN_BLOCKS ? MIN_BLOCKS : blocks / 2;
	}
	if (r < 0) {
		return r;
	}
	s->blocks = (uint32_t)blocks;
	r = ws_sys_mmap(&ring, ring_size(s), PROT_READ | PROT_WRITE, MAP_SHARED, s->p.fd);
	if (r < 0) {
		return r;
	}
	s->ring = ring;
	s->p.io.caps.rx_buffer = ring_size(s);
	s->held = calloc(s->blocks, sizeof(*s->held));
	return s->held ? 0 : -ENOMEM;
}

static int open_rx(struct packet_io *p, const struct ws_io_config *config)
{
	struct ring_io *s = (struct ring_io *)p;
	/* A raw hardware stamp if there is one, else the kernel's: the ring's status says which it
	 * was. */
	const int stamps = config->rx_hw_clock != WS_CLOCK_NONE ? SOF_TIMESTAMPING_RAW_HARDWARE
								: SOF_TIMESTAMPING_SOFTWARE;
	const int version = TPACKET_V3;
	const unsigned room = VLAN_ROOM;
	int r;

	r = packet_rx_socket(p, config);
	if (r < 0) {
		return r;
	}
	p->ring = true;
	/* Version and reserve come before the ring, the filter before the binding. */
	r = ws_sys_setsockopt(s->p.fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
	if (r < 0) {
		return r == -EINVAL ? -EOPNOTSUPP : r;
	}
	r = ws_sys_setsockopt(s->p.fd, SOL_PACKET, PACKET_RESERVE, &room, sizeof(room));
	if (r < 0) {
		return r;
	}
	r = packet_rx_options(s->p.fd, config);
	if (r < 0) {
		return r;
	}
	if (config->rx_stamps) {
		r = ws_sys_setsockopt(
			s->p.fd, SOL_PACKET, PACKET_TIMESTAMP, &stamps, sizeof(stamps));
		if (r < 0) {
			return r;
		}
	}
	r = make_ring(s, config);
	if (r < 0) {
		return r;
	}
	return packet_rx_bind(s->p.fd, config);
}

extern const struct ws_io_ops ws_io_tpacket3;

static int ring_open(struct ws_io **ret, const struct ws_io_config *config)
{
	return packet_open(ret, config, &ws_io_tpacket3, sizeof(struct ring_io), open_rx);
}

static uint8_t *block_at(const struct ring_io *s, uint32_t i)
{
	return s->ring + (size_t)i * BLOCK_SIZE;
}

/* True if there is a block to walk, or the rest of one. */
static bool rx_ready(const struct ring_io *s)
{
	return s->walking ||
	       (s->held_count < s->blocks && ws_block3_ready(block_at(s, s->current)));
}

static int ring_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct ring_io *s = (struct ring_io *)io;

	/* poll looks at the block before the kernel's active one, which need not be ours. */
	if (s->p.fd >= 0 && rx_ready(s)) {
		return 1;
	}
	return packet_wait(s->p.fd, s->p.tx, deadline_ns);
}

/* Gives back, in order, the blocks that nobody looks at any more. */
static void release_blocks(struct ring_io *s)
{
	while (s->held_count && s->held[s->oldest].walked && !s->held[s->oldest].views) {
		ws_block3_release(block_at(s, s->oldest));
		s->oldest = (s->oldest + 1) % s->blocks;
		s->held_count--;
	}
}

static void begin_block(struct ring_io *s)
{
	uint8_t *block = block_at(s, s->current);

	s->held[s->current] = (struct held){0};
	s->held_count++;
	s->walking = true;
	if (ws_block3_losing(block)) {
		/* Reading the statistics clears the mark: the next block that bears it is a new
		 * loss. */
		packet_statistics(&s->p);
		s->say_losses = true;
	}
	if (ws_block3_begin(&s->walk, block, BLOCK_SIZE) < 0) {
		s->p.stats.rx_damaged += s->walk.left;
		s->walk.left = 0; /* nothing of it can be read */
	}
}

static void end_block(struct ring_io *s)
{
	s->held[s->current].walked = true;
	s->current = (s->current + 1) % s->blocks;
	s->walking = false;
	release_blocks(s);
}

static bool next_view(struct ring_io *s, struct ws_io_view *v)
{
	struct ws_ring_packet p;
	int r = ws_block3_next(&s->walk, &p);

	if (r <= 0) {
		if (r < 0) {
			s->p.stats.rx_damaged += s->walk.left;
		}
		return false;
	}
	(void)ws_ring_packet_restore_vlan(&p);
	*v = (struct ws_io_view){
		.data = p.data,
		.len = p.len,
		.wire_len = p.wire_len,
		.stamp = ws_stamp_from_ring(p.status, p.sec, p.nsec, s->p.hw_clock),
	};
	if (s->say_losses) {
		v->lost_before = (uint32_t)(s->p.stats.rx_dropped - s->drops_told);
		s->drops_told = s->p.stats.rx_dropped;
		s->say_losses = false;
	}
	s->p.stats.rx_bytes += p.wire_len;
	packet_received(&s->p, 1);
	s->held[s->current].views++;
	return true;
}

static unsigned peek_ready(struct ring_io *s, struct ws_io_view *views, unsigned max)
{
	unsigned n = 0;

	while (n < max && rx_ready(s)) {
		if (!s->walking) {
			begin_block(s);
		}
		while (n < max && next_view(s, &views[n])) {
			n++;
		}
		if (n < max || !s->walk.left) {
			end_block(s);
		}
	}
	return n;
}

static bool all_accounted(const struct ring_io *s)
{
	return s->p.stats.rx_received + s->p.stats.rx_damaged + s->p.stats.rx_dropped >=
	       s->p.stats.rx_offered;
}

/* After stop: waits for the block that the kernel still fills. Its timer hands it over. */
static unsigned peek_rest(struct ring_io *s, struct ws_io_view *views, unsigned max)
{
	unsigned n = peek_ready(s, views, max);

	while (!n && s->held_count < s->blocks) {
		int64_t now = ws_sys_clock(CLOCK_MONOTONIC);

		packet_statistics(&s->p);
		if (all_accounted(s) || now >= s->drain_until) {
			break;
		}
		(void)packet_wait(s->p.fd, NULL, now + 2000000);
		n = peek_ready(s, views, max);
	}
	return n;
}

static int ring_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct ring_io *s = (struct ring_io *)io;

	if (s->p.fd < 0 || !max) {
		return 0;
	}
	return (int)(s->stopped ? peek_rest(s, views, max) : peek_ready(s, views, max));
}

static void ring_rx_release(struct ws_io *io, unsigned n)
{
	struct ring_io *s = (struct ring_io *)io;

	while (n && s->held_count) {
		struct held *h = &s->held[s->oldest];
		uint32_t part = n < h->views ? n : h->views;

		if (!part) {
			break;
		}
		h->views -= part;
		n -= part;
		release_blocks(s);
	}
}

static int ring_stop(struct ws_io *io)
{
	struct ring_io *s = (struct ring_io *)io;
	int r;

	if (s->p.fd < 0) {
		return 0;
	}
	r = packet_stop(s->p.fd);
	if (r < 0) {
		return r;
	}
	s->stopped = true;
	s->drain_until = ws_sys_clock(CLOCK_MONOTONIC) + s->p.io.caps.rx_hold_ns;
	return 0;
}

const struct ws_io_ops ws_io_tpacket3 = {
	.name = "tpacket3",
	.summary = "TPACKET_V3 receive ring, sendmmsg",
	.open = ring_open,
	.set_filter = packet_op_set_filter,
	.wait = ring_wait,
	.rx_peek = ring_rx_peek,
	.rx_release = ring_rx_release,
	.tx_reserve = packet_op_tx_reserve,
	.tx_submit = packet_op_tx_submit,
	.tx_stamps = packet_op_tx_stamps,
	.tx_outstanding = packet_op_tx_outstanding,
	.stats = packet_op_stats,
	.stop = ring_stop,
	.close = ring_close,
};
