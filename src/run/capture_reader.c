/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/capture_reader.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pcapng.h"
#include "host/sys.h"

#define BATCH 256
/* A block beyond its packet's bytes: header, padding, every option, with room for the comment. */
#define BLOCK_OVERHEAD 384
#define PACKET_MAX     (WS_CHUNK_SIZE - WS_CHUNK_FULL - BLOCK_OVERHEAD)
/* Kept back when a chunk is handed over, for packets that come a little out of order. */
#define CARRY	   (16u << 10)
#define LOOK_NS	   50000000
#define MARK_NS	   8000000 /* the same when others' packets wait for this reader's watermark */
#define PUBLISH_NS 100000000
/* Where so many come between two looks, waking up for each or for each block would cost more than they
 * do: they gather while the reader sleeps. */
#define GATHER	   64
#define NAP_MIN_NS 500000
/* Thousandths of the ring: above the first, the nap becomes shorter, below the second longer. */
#define FILL_HIGH 125
#define FILL_LOW  40
/* From a packet's stamp until it is in the socket or ring: it may wait in the kernel's backlog. */
#define BACKLOG_NS 2000000
/* A stamp that lies so far behind the one before it is no packet out of order: the clock was set. */
#define STEP_NS 1000000000

/*
 * Flags of a packet by its kind. None for the usual one, received for this host: they would make a file
 * of small packets an eighth larger, and so the capture that much slower.
 */
static const uint32_t flags_of[] = {
	[PACKET_HOST] = 0,
	[PACKET_BROADCAST] = WS_PCAPNG_INBOUND | WS_PCAPNG_BROADCAST,
	[PACKET_MULTICAST] = WS_PCAPNG_INBOUND | WS_PCAPNG_MULTICAST,
	[PACKET_OTHERHOST] = WS_PCAPNG_INBOUND | WS_PCAPNG_PROMISCUOUS,
	[PACKET_OUTGOING] = WS_PCAPNG_OUTBOUND,
};

int ws_reader_init(struct ws_reader *r, const struct ws_reader_config *config)
{
	memset(r, 0, sizeof(*r));
	r->scratch = malloc(WS_CHUNK_SIZE);
	if (!r->scratch) {
		return -ENOMEM; /* io stays the caller's */
	}
	r->c = *config;
	for (int i = 0; i < WS_CHUNK_IDS; i++) {
		r->last_ns[i] = r->gone_ns[i] = INT64_MIN;
	}
	r->nap_ns = NAP_MIN_NS;
	atomic_init(&r->watermark_ns, INT64_MIN);
	atomic_init(&r->counts.fill, WS_IO_FILL_UNKNOWN);
	return 0;
}

void ws_reader_free(struct ws_reader *r)
{
	free(r->scratch);
	r->scratch = NULL;
}

static void set(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

static void publish(struct ws_reader *r, int64_t now)
{
	struct ws_reader_counts *c = &r->counts;
	unsigned looks = atomic_load(&r->c.shared->looks);
	struct ws_io_stats s;

	r->published_ns = now;
	ws_io_stats(r->c.io, &s);
	set(&c->offered, s.rx_offered);
	set(&c->dropped, s.rx_dropped);
	set(&c->freezes, s.rx_freezes);
	set(&c->losing, s.rx_losing);
	set(&c->damaged, s.rx_damaged);
	set(&c->untold_kernel, s.rx_untold + r->untold_kernel);
	set(&c->untold_writer, r->untold_writer);
	set(&c->received, r->received);
	set(&c->bytes, r->bytes);
	set(&c->truncated, r->truncated);
	set(&c->filtered, r->filtered);
	set(&c->dropped_writer, r->dropped_writer);
	set(&c->late, r->late);
	set(&c->lost_spread, r->lost_spread);
	for (int i = 0; i < WS_ORIGIN_COUNT; i++) {
		set(&c->origins[i], r->origins[i]);
	}
	atomic_store_explicit(&c->fill, ws_io_rx_fill(r->c.io), memory_order_relaxed);
	atomic_store_explicit(&c->looks, looks, memory_order_release);
}

/* Which of the reader's two descriptions a block belongs to. */
static unsigned id_index(const struct ws_reader *r, uint32_t interface)
{
	return r->c.has_hardware && interface == r->c.hardware_id;
}

/* Watermarks are times of the system's clock: what the NIC's says has nothing to do with them. */
static void see_first(struct ws_reader *r, unsigned index, int64_t ns)
{
	if (index == 0 && ns < r->chunk_first_ns) {
		r->chunk_first_ns = ns;
	}
}

/* What was stamped before this had come when the reader looked last, if it found nothing then. */
static int64_t quiet_mark(const struct ws_reader *r)
{
	return r->seen_ns - ws_io_caps(r->c.io)->rx_hold_ns - BACKLOG_NS;
}

/*
 * After a full chunk was handed over. There is always one, lest the others' packets wait for a reader
 * that has no time to look at the clock.
 */
static int64_t busy_mark(const struct ws_reader *r)
{
	if (r->chunk_first_ns != INT64_MAX) {
		return r->chunk_first_ns; /* it kept some of its packets back */
	}
	return r->c.has_hardware ? quiet_mark(r) : r->last_ns[0];
}

static void set_mark(struct ws_reader *r, int64_t ns)
{
	atomic_store_explicit(&r->watermark_ns, ns, memory_order_release);
}

/* The first at bytes of the chunk are handed over: the youngest of each clock decides what is late. */
static void note_gone(struct ws_reader *r, const struct ws_chunk *from, uint32_t at)
{
	unsigned wanted = r->c.has_hardware ? 3 : 1;
	struct ws_pcapng_block b;

	while (wanted && at > r->order_from && ws_pcapng_look_back(from->data, at, &b)) {
		unsigned index = id_index(r, b.interface);

		if (wanted & 1u << index) {
			r->gone_ns[index] = b.ns;
			wanted &= ~(1u << index);
		}
		at -= b.len;
	}
}

/*
 * Copies the youngest blocks of the full chunk to the front of the next one, so that a packet which
 * comes a little late still finds its place. Blocks that tell of losses stay where they are counted.
 */
static void carry_over(struct ws_reader *r, struct ws_chunk *from, struct ws_chunk *to)
{
	const uint32_t plain =
		32 + 12 + 3; /* header and trailer, flags, padding: no other option */
	uint32_t at = from->used;
	struct ws_pcapng_block b;

	r->chunk_first_ns = INT64_MAX;
	while (at > r->order_from && ws_pcapng_look_back(from->data, at, &b)) {
		unsigned index = id_index(r, b.interface);
		uint32_t caplen;

		memcpy(&caplen, from->data + at - b.len + 20, sizeof(caplen));
		if (from->used - (at - b.len) > CARRY || b.len > caplen + plain) {
			break;
		}
		at -= b.len;
		from->counts.packets[index]--;
		to->counts.packets[index]++;
		see_first(r, index, b.ns);
	}
	to->used = from->used - at;
	memcpy(to->data, from->data + at, to->used);
	from->used = at;
	note_gone(r, from, at);
}

/* Makes the current chunk one with room. False if there is none. */
static bool next_chunk(struct ws_reader *r)
{
	struct ws_chunk *next = ws_chunks_take(r->c.chunks);

	if (!next) {
		return false;
	}
	r->chunk_first_ns = INT64_MAX;
	if (r->chunk) {
		carry_over(r, r->chunk, next);
		ws_chunks_put(r->c.chunks, r->chunk);
		if (r->c.merged) {
			set_mark(r, busy_mark(r));
		}
	}
	r->order_from = 0;
	r->chunk = next;
	r->chunk_since_ns = ws_sys_clock(CLOCK_MONOTONIC);
	return true;
}

/* The last len bytes of the chunk are a block that is stamped before its neighbour: moves it to where
 * it belongs. */
static void sort_in(struct ws_reader *r, uint32_t len, uint32_t interface, int64_t ns)
{
	uint8_t *data = r->chunk->data;
	uint32_t end = r->chunk->used - len, at = end, place = end;
	struct ws_pcapng_block b;
	bool found = false;

	while (!found && at > r->order_from && ws_pcapng_look_back(data, at, &b)) {
		/* Blocks of another clock do not order. */
		found = b.interface == interface && b.ns <= ns;
		if (!found) {
			at -= b.len;
			place = b.interface == interface ? at : place;
		}
	}
	r->late += !found && ns < r->gone_ns[id_index(r, interface)];
	if (place < end) {
		memcpy(r->scratch, data + end, len);
		memmove(data + place + len, data + place, end - place);
		memcpy(data + place, r->scratch, len);
	}
}

static int64_t user_stamp(void)
{
	return ws_sys_clock(CLOCK_REALTIME);
}

static void take(struct ws_reader *r, const struct ws_io_view *v)
{
	char comment[96];
	struct ws_pcapng_packet p = {
		.interface = r->c.system_id,
		.ns = v->stamp.time.ns,
		.data = v->data,
		.len = v->len,
		.wire_len = v->wire_len,
	};
	enum ws_origin origin = v->stamp.origin;
	uint64_t lost_kernel = r->untold_kernel + v->lost_before;
	bool spread = r->untold_spread || v->lost_spread;
	unsigned index;
	size_t len;

	if (r->c.snaplen && p.len > r->c.snaplen) {
		p.len = r->c.snaplen;
	}
	p.len = p.len < PACKET_MAX ? p.len : PACKET_MAX;
	r->truncated += p.len < p.wire_len;
	if (r->c.user_stamps || origin == WS_ORIGIN_NONE || p.ns < 0) {
		origin = WS_ORIGIN_USER;
		p.ns = user_stamp();
	} else if (origin == WS_ORIGIN_HARDWARE) {
		p.interface = r->c.hardware_id;
	}
	r->origins[origin]++;
	if (r->c.flags && v->pkttype < sizeof(flags_of) / sizeof(flags_of[0])) {
		p.flags = flags_of[v->pkttype];
	}
	if ((!r->chunk || r->chunk->used >= WS_CHUNK_FULL) && !next_chunk(r)) {
		r->dropped_writer++;
		r->untold_writer++;
		r->untold_kernel = lost_kernel;
		r->untold_spread = spread;
		return;
	}
	r->untold_kernel = 0;
	r->untold_spread = false;
	if (lost_kernel || r->untold_writer) {
		p.dropcount = lost_kernel + r->untold_writer;
		if (spread) {
			snprintf(comment, sizeof(comment),
				"wirestamp: the drop count is a sum: some were lost earlier");
			p.comment = comment;
			r->lost_spread++;
		}
	}
	len = ws_pcapng_put_packet(
		r->chunk->data + r->chunk->used, WS_CHUNK_SIZE - r->chunk->used, &p);
	r->chunk->used += (uint32_t)len;
	index = id_index(r, p.interface);
	r->chunk->counts.packets[index]++;
	r->chunk->counts.lost_kernel += lost_kernel;
	r->chunk->counts.lost_writer += r->untold_writer;
	r->untold_writer = 0;
	see_first(r, index, p.ns);
	if (p.ns >= r->last_ns[index]) {
		r->last_ns[index] = p.ns;
	} else if (p.ns < r->last_ns[index] - STEP_NS) {
		/* What is older than the step stays in front: else it would be kept back for hours. */
		r->late++;
		r->order_from = r->chunk->used - (uint32_t)len;
		r->last_ns[index] = p.ns;
		r->gone_ns[index] = INT64_MIN;
	} else {
		sort_in(r, (uint32_t)len, p.interface, p.ns);
	}
}

/* How many of n packets the limit lets through. */
static unsigned within_limit(struct ws_reader *r, unsigned n)
{
	int64_t left = atomic_load_explicit(&r->c.shared->packets_left, memory_order_relaxed);

	if (left == INT64_MAX) {
		return n;
	}
	left = atomic_fetch_sub(&r->c.shared->packets_left, (int64_t)n);
	if (left <= (int64_t)n) {
		atomic_store(&r->c.shared->stop, 1);
	}
	return left <= 0 ? 0 : left < (int64_t)n ? (unsigned)left : n;
}

static void take_all(struct ws_reader *r, const struct ws_io_view *views, unsigned n)
{
	unsigned wanted = within_limit(r, n);

	r->received += n;
	r->gathered += n;
	r->filtered += n - wanted;
	for (unsigned i = 0; i < n; i++) {
		r->bytes += views[i].wire_len;
		if (i < wanted) {
			take(r, &views[i]);
		} else {
			/* No packet will say it, but the file's statistics do. */
			r->untold_kernel += views[i].lost_before;
		}
	}
	if (r->is_down) {
		r->is_down = false;
		atomic_fetch_add(&r->ups, 1);
	}
}

static void hand_over(struct ws_reader *r)
{
	if (r->chunk && r->chunk->used) {
		memcpy(r->gone_ns, r->last_ns, sizeof(r->gone_ns));
		ws_chunks_put(r->c.chunks, r->chunk);
		r->chunk = NULL;
	}
}

/* Nothing is there: hands over what has waited long enough. */
static void idle(struct ws_reader *r, int64_t now)
{
	bool holds = r->chunk && r->chunk->used;

	if (holds && now - r->chunk_since_ns >= r->c.flush_ns) {
		hand_over(r);
		holds = false;
	}
	if (r->c.merged) {
		int64_t mark = quiet_mark(r);

		set_mark(r, holds && r->chunk_first_ns < mark ? r->chunk_first_ns : mark);
	}
}

/* What a negative result means: true if the reader has to end. */
static bool is_over(struct ws_reader *r, int error)
{
	if (error == -ENETDOWN) {
		if (!r->is_down) {
			r->is_down = true;
			atomic_fetch_add(&r->downs, 1);
		}
		return false;
	}
	atomic_store(&r->error, error);
	return true;
}

/*
 * Lets packets gather. The ring decides for how long: a rate that rises eightfold from one nap to the
 * next still finds room.
 */
static void nap(struct ws_reader *r, int64_t now)
{
	unsigned fill;

	(void)ws_sys_sleep_until(now + r->nap_ns);
	fill = ws_io_rx_fill(r->c.io);
	if (fill == WS_IO_FILL_UNKNOWN || fill > FILL_HIGH) {
		r->nap_ns /= 2;
	} else if (fill < FILL_LOW) {
		r->nap_ns += r->nap_ns / 4;
	}
	r->nap_ns = r->nap_ns > r->c.nap_max_ns ? r->c.nap_max_ns : r->nap_ns;
	r->nap_ns = r->nap_ns < NAP_MIN_NS ? NAP_MIN_NS : r->nap_ns;
}

/* Waits for packets, but no longer than those at hand may wait. */
static int wait_for_packets(struct ws_reader *r, int64_t now)
{
	int64_t until = now + (r->c.merged ? MARK_NS : LOOK_NS);
	bool many = r->gathered >= GATHER;

	r->gathered = 0;
	if (many) {
		nap(r, now);
		return 1;
	}

	if (r->chunk && r->chunk->used && until > r->chunk_since_ns + r->c.flush_ns) {
		until = r->chunk_since_ns + r->c.flush_ns;
	}
	return ws_io_wait(r->c.io, until);
}

void ws_reader_run(struct ws_reader *r)
{
	struct ws_io_view views[BATCH];
	bool stopped = false, erred = false;

	for (;;) {
		bool over;
		int64_t now;
		int n;

		if (r->c.merged) {
			/* Before the look: what comes after it may be stamped earlier than now. */
			r->seen_ns = ws_sys_clock(CLOCK_REALTIME);
		}
		n = ws_io_rx_peek(r->c.io, views, BATCH);
		over = atomic_load_explicit(&r->c.shared->stop, memory_order_relaxed);

		if (n > 0) {
			bool first = !r->chunk || !r->chunk->used;

			erred = false;
			take_all(r, views, (unsigned)n);
			ws_io_rx_release(r->c.io, (unsigned)n);
			now = ws_sys_clock(CLOCK_MONOTONIC);
			if (first) {
				r->chunk_since_ns = now;
			}
		} else if (stopped && (n == 0 || erred)) {
			break; /* everything that came before the stop has been read */
		} else if (stopped) {
			/* An error is told before what came before it. */
			erred = true;
			now = ws_sys_clock(CLOCK_MONOTONIC);
		} else {
			now = ws_sys_clock(CLOCK_MONOTONIC);
			idle(r, now);
			if (n == 0 && !over) {
				n = wait_for_packets(r, now);
			}
			over = over || (n < 0 && is_over(r, n));
		}
		if (now - r->published_ns >= PUBLISH_NS ||
			atomic_load_explicit(&r->c.shared->looks, memory_order_relaxed) !=
				atomic_load_explicit(&r->counts.looks, memory_order_relaxed)) {
			publish(r, now);
		}
		if (over && !stopped) {
			/* If that fails the interface is gone, and so is what could still come. */
			(void)ws_io_stop(r->c.io);
			stopped = true;
		}
	}
	hand_over(r);
	publish(r, ws_sys_clock(CLOCK_MONOTONIC));
	set_mark(r, INT64_MAX);
	atomic_store_explicit(&r->done, 1, memory_order_release);
}
