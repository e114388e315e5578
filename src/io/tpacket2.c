/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backend `tpacket2`: receives from a TPACKET_V2 ring, in which each packet has a frame of fixed
 * size: visible at once, never held back. Transmits through a ring, too.
 *
 * The size of a frame. A packet that does not fit is cut off by the kernel, which says so in its
 * wire_len. Without another wish frames hold what the interface's MTU allows: 2 KiB for 1500. Merged
 * packets (GRO, or TSO ones on their way out) are then cut off, for frames of 64 KiB would make the
 * same memory hold a thirtieth of the packets. Who wants them whole asks for that by frame_max, or
 * takes tpacket3, whose blocks hold packets of any size.
 *
 * Source: linux/Documentation/networking/packet_mmap.rst, net/packet/af_packet.c.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>

#include "core/frame2.h"
#include "io/packet_ring.h"

#define LARGE_BUFFER	  (4u << 20)
#define LARGE_BLOCK	  (256u << 10)
#define SMALL_BLOCK	  (64u << 10)
#define MIN_FRAME	  128u
#define MIN_FRAMES	  16u  /* of any ring */
#define DEFAULT_FRAMES	  256u /* at least, if no size is asked for */
#define MAX_BUFFER	  (UINT64_C(4) << 30)
#define DEFAULT_RX_BUFFER (16u << 20)
/* Of an interface that is not known beforehand: jumbo frames fit. */
#define ANY_FRAME_MAX 16000u
/* In front of a packet and the room that we ask for: its headers, and a link-layer header aligned. */
#define OVERHEAD TPACKET_ALIGN(WS_FRAME2_MIN + 16)

struct frames_io {
	struct packet_ring ring;
	/* At this place is a frame that was no view, and that nobody will give back therefore. */
	bool *damaged;
};

static struct frames_io *frames_of(void *arg)
{
	return arg;
}

static bool frame_ready(const void *arg, uint32_t place)
{
	return ws_frame2_ready(packet_ring_unit(arg, place));
}

static bool frame_losing(const void *arg, uint32_t place)
{
	return ws_frame2_losing(packet_ring_unit(arg, place));
}

/* The kernel counts a packet when it takes a frame for it: so the counts say how many it took. */
static void read_counters(void *arg, struct ws_ring_reading *ret)
{
	struct packet_ring *s = arg;
	uint64_t before = s->p.stats.rx_dropped;

	packet_statistics(&s->p);
	ret->drops = (uint32_t)(s->p.stats.rx_dropped - before);
	ret->taken = s->p.stats.rx_offered - s->p.stats.rx_dropped;
	ret->full = ret->taken - ws_ring_released(s->order) >= s->units;
}

static const struct ws_ring_ops ring_ops = {
	.ready = frame_ready,
	.losing = frame_losing,
	.read = read_counters,
};

static void frames_close(struct ws_io *io)
{
	struct frames_io *f = frames_of(io);

	packet_ring_close(&f->ring);
	free(f->damaged);
	free(f);
}

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t size = 1;

	while (size < at_least) {
		size *= 2;
	}
	return size;
}

static int make_ring(struct packet_ring *s, const struct ws_io_config *config)
{
	uint32_t frame_max =
		packet_rx_frame_max(config, s->p.mtu ? s->p.mtu + PACKET_MTU_EXTRA : ANY_FRAME_MAX);
	uint32_t room = OVERHEAD + PACKET_ROOM(config);
	struct packet_ring_size size = {0};
	uint64_t wanted = config->rx_buffer;
	int r;

	s->unit_size = power_of_two(frame_max + room < MIN_FRAME ? MIN_FRAME : frame_max + room);
	if (!wanted) {
		wanted = (uint64_t)DEFAULT_FRAMES * s->unit_size;
		wanted = wanted < DEFAULT_RX_BUFFER ? DEFAULT_RX_BUFFER : wanted;
	}
	wanted = wanted > MAX_BUFFER ? MAX_BUFFER : wanted;
	size.frame_size = s->unit_size;
	size.block_size = wanted < LARGE_BUFFER ? SMALL_BLOCK : LARGE_BLOCK;
	if (size.block_size < s->unit_size) {
		size.block_size = s->unit_size;
	}
	size.min_blocks = (MIN_FRAMES * s->unit_size + size.block_size - 1) / size.block_size;
	size.blocks = (uint32_t)((wanted + size.block_size - 1) / size.block_size);
	size.blocks = size.blocks < size.min_blocks ? size.min_blocks : size.blocks;
	r = packet_ring_make(s, &size, &ring_ops);
	s->p.io.caps.frame_max = s->unit_size - room;
	return r;
}

static unsigned peek_frames(struct packet_ring *s, struct ws_io_view *views, unsigned max);

static bool rx_ready(const struct packet_ring *s)
{
	return ws_ring_ready(s->order);
}

static int open_rx(struct packet_io *p, const struct ws_io_config *config)
{
	struct frames_io *f = frames_of(p);
	int r;

	f->ring.peek = peek_frames;
	f->ring.ready = rx_ready;
	r = packet_rx_socket(p, config);
	if (r < 0) {
		return r;
	}
	r = packet_ring_options(&f->ring, config, TPACKET_V2);
	if (r < 0) {
		return r;
	}
	r = make_ring(&f->ring, config);
	if (r < 0) {
		return r;
	}
	f->damaged = calloc(f->ring.units, sizeof(*f->damaged));
	if (!f->damaged) {
		return -ENOMEM;
	}
	return packet_rx_bind(p, config);
}

extern const struct ws_io_ops ws_io_tpacket2;

static int frames_open(struct ws_io **ret, const struct ws_io_config *config)
{
	return packet_open(ret, config, &ws_io_tpacket2, sizeof(struct frames_io), open_rx);
}

/* Gives back the frames of the oldest n views, and the damaged ones among and behind them. */
static void release_frames(struct packet_ring *s, unsigned n)
{
	struct frames_io *f = frames_of(s);
	uint32_t held = ws_ring_held(s->order), frames = 0, at;
	bool full;

	for (at = held ? ws_ring_oldest(s->order) : 0; frames < held; frames++) {
		if (!f->damaged[at]) {
			if (!n) {
				break;
			}
			n--;
		}
		at = at + 1 < s->units ? at + 1 : 0;
	}
	if (!frames) {
		return;
	}
	full = ws_ring_release_begin(s->order);
	at = ws_ring_oldest(s->order);
	for (uint32_t i = 0; i < frames; i++) {
		f->damaged[at] = false;
		ws_frame2_release(packet_ring_unit(s, at));
		at = at + 1 < s->units ? at + 1 : 0;
	}
	ws_ring_release_end(s->order, frames, full);
}

static unsigned peek_frames(struct packet_ring *s, struct ws_io_view *views, unsigned max)
{
	unsigned n = 0;
	bool damaged = false;

	while (n < max && ws_ring_ready(s->order)) {
		uint32_t place = packet_ring_begin(s);
		struct ws_ring_packet p;

		if (ws_frame2_read(packet_ring_unit(s, place), s->unit_size, &p) < 0) {
			frames_of(s)->damaged[place] = damaged = true;
			packet_ring_damaged(s, 1);
			continue;
		}
		packet_ring_view(s, &p, &views[n++]);
	}
	if (damaged) {
		release_frames(s, 0);
	}
	packet_received(&s->p, n);
	return n;
}

static void frames_release(struct ws_io *io, unsigned n)
{
	struct packet_ring *s = (struct packet_ring *)io;

	if (s->p.fd >= 0) {
		release_frames(s, n);
	}
}

const struct ws_io_ops ws_io_tpacket2 = {
	.name = "tpacket2",
	.summary = "TPACKET_V2 rings",
	.open = frames_open,
	.set_filter = packet_op_set_filter,
	.wait = packet_ring_op_wait,
	.rx_peek = packet_ring_op_peek,
	.rx_release = frames_release,
	.tx_reserve = packet_op_tx_reserve,
	.tx_submit = packet_op_tx_submit,
	.tx_stamps = packet_op_tx_stamps,
	.tx_outstanding = packet_op_tx_outstanding,
	.stats = packet_op_stats,
	.rx_fill = packet_ring_op_fill,
	.stop = packet_ring_op_stop,
	.close = frames_close,
};
