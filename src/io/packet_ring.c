/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/packet_ring.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>

#include "host/sys.h"

/* While views are held, poll may say that they can be received: so the ring is looked at itself. */
#define LOOK_EVERY_NS 1000000
/* After stop, a packet that was on its way in has been written by then. */
#define DRAIN_NS 20000000

int packet_ring_options(struct packet_ring *s, const struct ws_io_config *config, int version)
{
	/* A raw hardware stamp if there is one, else the kernel's: the ring's status says which it
	 * was. */
	const int stamps = config->rx_hw_clock != WS_CLOCK_NONE ? SOF_TIMESTAMPING_RAW_HARDWARE
								: SOF_TIMESTAMPING_SOFTWARE;
	const unsigned room = PACKET_ROOM(config);
	int fd = s->p.fd;
	int r;

	/* Version and reserve come before the ring, the filter before the binding. */
	r = ws_sys_setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
	if (r < 0) {
		return r == -EINVAL ? -EOPNOTSUPP : r;
	}
	r = ws_sys_setsockopt(fd, SOL_PACKET, PACKET_RESERVE, &room, sizeof(room));
	if (r < 0) {
		return r;
	}
	r = packet_rx_options(&s->p, config);
	if (r < 0 || !config->rx_stamps) {
		return r;
	}
	return ws_sys_setsockopt(fd, SOL_PACKET, PACKET_TIMESTAMP, &stamps, sizeof(stamps));
}

static size_t bytes(const struct packet_ring *s)
{
	return (size_t)s->units * s->unit_size;
}

static void update(struct packet_io *p)
{
	ws_ring_update(((struct packet_ring *)p)->order);
}

int packet_ring_make(
	struct packet_ring *s, const struct packet_ring_size *size, const struct ws_ring_ops *ops)
{
	uint32_t blocks = size->blocks;
	void *memory;
	int r;

	for (;;) {
		struct tpacket_req3 req = {
			.tp_block_size = size->block_size,
			.tp_block_nr = blocks,
			.tp_frame_size = size->frame_size,
			.tp_frame_nr = size->block_size / size->frame_size * blocks,
			.tp_retire_blk_tov = size->retire_ms,
		};

		/* The request of V2 is the beginning of that of V3. */
		r = ws_sys_setsockopt(s->p.fd, SOL_PACKET, PACKET_RX_RING, &req,
			s->p.v3 ? sizeof(req) : sizeof(struct tpacket_req));
		if (r != -ENOMEM || blocks == size->min_blocks) {
			break;
		}
		blocks = blocks / 2 < size->min_blocks ? size->min_blocks : blocks / 2;
	}
	if (r < 0) {
		return r;
	}
	s->units = size->block_size / s->unit_size * blocks;
	r = ws_sys_mmap(&memory, bytes(s), PROT_READ | PROT_WRITE, MAP_SHARED, s->p.fd);
	if (r < 0) {
		return r;
	}
	s->memory = memory;
	s->p.io.caps.rx_buffer = bytes(s);
	r = ws_ring_new(&s->order, s->units, ops, s);
	if (r < 0) {
		return r;
	}
	s->p.update = update;
	return 0;
}

void packet_ring_close(struct packet_ring *s)
{
	if (s->memory) {
		ws_sys_munmap(s->memory, bytes(s));
	}
	ws_ring_free(s->order);
	packet_close(&s->p);
}

uint32_t packet_ring_begin(struct packet_ring *s)
{
	struct ws_ring_loss loss;
	bool losing;
	uint32_t place = ws_ring_begin(s->order, &loss, &losing);

	s->lost.packets += loss.packets;
	s->lost.spread = s->lost.spread || loss.spread;
	s->p.stats.rx_losing += losing;
	return place;
}

void packet_ring_view(struct packet_ring *s, struct ws_ring_packet *p, struct ws_io_view *ret)
{
	const uint8_t pkttype = p->address->sll_pkttype;

	/* There is room for either. */
	(void)(s->p.cooked ? ws_ring_packet_cook(p) : ws_ring_packet_restore_vlan(p));
	*ret = (struct ws_io_view){
		.data = p->data,
		.len = p->len,
		.wire_len = p->wire_len,
		.lost_before = s->lost.packets,
		.lost_spread = s->lost.packets && s->lost.spread,
		.pkttype = pkttype,
		.stamp = ws_stamp_from_ring(p->status, p->sec, p->nsec, s->p.hw_clock),
	};
	s->p.lost_told += s->lost.packets;
	s->lost = (struct ws_ring_loss){0};
	s->p.stats.rx_bytes += p->wire_len;
}

void packet_ring_damaged(struct packet_ring *s, uint32_t n)
{
	s->p.stats.rx_damaged += n;
	/* What was lost before it is told by a later view, but was not lost right before that. */
	s->lost.spread = true;
}

int packet_ring_op_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct packet_ring *s = (struct packet_ring *)io;
	int64_t look;
	int r;

	if (s->p.fd < 0) {
		return packet_wait(-1, s->p.tx, deadline_ns);
	}
	for (;;) {
		if (s->ready(s)) {
			return 1;
		}
		if (!ws_ring_held(s->order)) {
			r = packet_poll(s->p.fd, POLLIN, s->p.tx, deadline_ns);
			return packet_wait_result(&s->p, r);
		}
		look = ws_sys_clock(CLOCK_MONOTONIC) + LOOK_EVERY_NS;
		r = packet_poll(s->p.fd, 0, s->p.tx, look < deadline_ns ? look : deadline_ns);
		if (r != 0 || look >= deadline_ns) {
			r = packet_wait_result(&s->p, r);
			return r != 0 ? r : s->ready(s);
		}
	}
}

static bool all_accounted(const struct packet_io *p)
{
	return p->stats.rx_received + p->stats.rx_damaged + p->stats.rx_dropped >=
	       p->stats.rx_offered;
}

/* After stop: waits for what the kernel has taken and not handed over. */
static unsigned peek_rest(struct packet_ring *s, struct ws_io_view *views, unsigned max)
{
	unsigned n = s->peek(s, views, max);

	while (!n && ws_ring_held(s->order) < s->units) {
		int64_t now = ws_sys_clock(CLOCK_MONOTONIC);

		ws_ring_update(s->order);
		if (all_accounted(&s->p) || now >= s->drain_until) {
			break;
		}
		(void)packet_wait(s->p.fd, NULL, now + 2000000);
		n = s->peek(s, views, max);
	}
	return n;
}

int packet_ring_op_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct packet_ring *s = (struct packet_ring *)io;

	if (s->p.fd < 0 || !max) {
		return 0;
	}
	return (int)(s->stopped ? peek_rest(s, views, max) : s->peek(s, views, max));
}

unsigned packet_ring_op_fill(struct ws_io *io)
{
	struct packet_ring *s = (struct packet_ring *)io;

	if (s->p.fd < 0) {
		return WS_IO_FILL_UNKNOWN;
	}
	return (unsigned)(ws_ring_filled(s->order) * UINT64_C(1000) / s->units);
}

int packet_ring_op_stop(struct ws_io *io)
{
	struct packet_ring *s = (struct packet_ring *)io;
	int r;

	if (s->p.fd < 0) {
		return 0;
	}
	r = packet_stop(s->p.fd);
	if (r < 0) {
		return r;
	}
	s->stopped = true;
	s->drain_until = ws_sys_clock(CLOCK_MONOTONIC) + s->p.io.caps.rx_hold_ns + DRAIN_NS;
	return 0;
}
