/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/capture_writer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"

#define OUT_SIZE    (1u << 20) /* of merged blocks; more than the largest block */
#define WAIT_NS	    100000000
#define HOLD_NS	    5000000 /* the same while packets of one reader wait for another's */
#define FLUSH_NS    1000000000
#define RECENT_SIZE (3u << 20)
#define FRAME_MAX   (1u << 20) /* see ws_capfile_write() */
#define FOOTER_ID   160	       /* bytes of one interface's statistics at most */
/*
 * What comes this much later than readers hold packets back comes no more: a quiet link's file ends,
 * and nobody waits any longer for a reader's watermark.
 */
#define QUIET_NS    1000000000
#define QUIET_FILES 10

/* What a file holds, for each interface description. */
struct tally {
	uint64_t packets, lost_kernel, lost_writer;
};

/* One reader, seen from here. */
struct source {
	struct ws_reader *reader;
	struct ws_chunk *chunk; /* the one being merged */
	uint32_t at;
	bool finished;
};

struct ws_writer_own {
	struct source sources[WS_WRITER_SOURCES];
	struct tally *tally; /* of the current file, by description */
	uint32_t *id_source; /* description -> first of its readers */
	int64_t *last_ns;    /* by description: the youngest that was written */
	uint8_t *out;
	uint32_t out_used;
	int64_t file_start_ns;
	int64_t boundary_ns; /* the file changes at this time; INT64_MAX: never */
	int64_t quiet_ns;
	uint64_t size_limit;
	int64_t flushed_ns;
	bool has_packets; /* the current file has one */
	bool holds;	  /* blocks that may not be written yet */
	unsigned rotations_done;
	uint8_t *footer;
	/* The last blocks that a compressor took: those of a frame that fails are lost again. */
	uint8_t *recent;
	size_t recent_used;
};

int ws_writer_init(struct ws_writer *w, const struct ws_writer_config *config)
{
	struct ws_writer_own *o;

	memset(w, 0, sizeof(*w));
	if (config->reader_count > WS_WRITER_SOURCES) {
		return -EINVAL;
	}
	w->c = *config;
	o = calloc(1, sizeof(*o));
	w->own = o;
	if (!o) {
		return -ENOMEM;
	}
	o->tally = calloc(config->ids, sizeof(*o->tally));
	o->id_source = calloc(config->ids, sizeof(*o->id_source));
	o->last_ns = calloc(config->ids, sizeof(*o->last_ns));
	o->out = malloc(OUT_SIZE);
	o->footer = malloc((size_t)config->ids * FOOTER_ID);
	if (config->compressed) {
		o->recent = malloc(RECENT_SIZE);
		if (!o->recent) {
			ws_writer_free(w);
			return -ENOMEM;
		}
	}
	if (!o->tally || !o->id_source || !o->last_ns || !o->out || !o->footer) {
		ws_writer_free(w);
		return -ENOMEM;
	}
	for (unsigned i = config->reader_count; i-- > 0;) {
		struct ws_reader *r = config->readers[i];

		o->sources[i].reader = r;
		o->id_source[r->c.system_id] = i;
		if (r->c.has_hardware) {
			o->id_source[r->c.hardware_id] = i;
		}
	}
	o->file_start_ns = config->started_ns;
	o->quiet_ns = QUIET_NS + config->hold_ns;
	o->size_limit = config->rotate_size ? config->rotate_size : UINT64_MAX;
	o->boundary_ns = config->rotate_ns
				 ? (config->started_ns / config->rotate_ns + 1) * config->rotate_ns
				 : INT64_MAX;
	return 0;
}

void ws_writer_free(struct ws_writer *w)
{
	if (w->own) {
		free(w->own->tally);
		free(w->own->id_source);
		free(w->own->last_ns);
		free(w->own->out);
		free(w->own->footer);
		free(w->own->recent);
		free(w->own);
		w->own = NULL;
	}
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	/* One writer: no read-modify-write is needed. */
	atomic_store_explicit(
		to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

/* The statistics of the current file. last: what no packet has told is told here. */
static size_t make_footer(struct ws_writer *w, bool last)
{
	struct ws_writer_own *o = w->own;
	int64_t now = ws_sys_clock(CLOCK_REALTIME);
	size_t len = 0;

	for (uint32_t id = 0; id < w->c.ids; id++) {
		struct tally t = o->tally[id];
		struct ws_pcapng_statistics s = {
			.interface = id,
			.ns = now,
			.start_ns = o->file_start_ns,
			.end_ns = now,
			.ifrecv = UINT64_MAX,
			.ifdrop = UINT64_MAX,
		};

		for (unsigned i = 0; last && i < w->c.reader_count; i++) {
			const struct ws_reader *r = o->sources[i].reader;

			if (r->c.system_id == id) {
				t.lost_kernel += atomic_load(&r->counts.untold_kernel);
				t.lost_writer += atomic_load(&r->counts.untold_writer);
			}
		}
		if (last && w->nic_dropped) {
			s.ifdrop = w->nic_dropped[id];
		}
		s.usrdeliv = t.packets + t.lost_writer;
		s.osdrop = t.lost_kernel;
		s.filteraccept = s.usrdeliv + s.osdrop;
		len += ws_pcapng_put_statistics(o->footer + len, FOOTER_ID, &s);
	}
	return len;
}

static bool has_failed(struct ws_writer *w)
{
	return atomic_load_explicit(&w->error, memory_order_relaxed) != 0;
}

static void fail(struct ws_writer *w, int error);

/* Goes on in the next file, if there can be one. */
static void rotate(struct ws_writer *w, int64_t wall_ns)
{
	struct ws_writer_own *o = w->own;
	size_t len = make_footer(w, false);
	int r;

	r = ws_capfile_rotate(w->c.file, wall_ns, w->c.header, w->c.header_len, o->footer, len);
	if (r < 0) {
		/* Nothing is lost: the current file goes on. At the next occasion it is tried again. */
		atomic_store(&w->rotate_error, r);
		atomic_fetch_add(&w->rotate_failures, 1);
		if (ws_capfile_lost(w->c.file)) {
			fail(w, r);
		}
		if (w->c.rotate_size) {
			o->size_limit = ws_capfile_bytes(w->c.file) + w->c.rotate_size;
		}
		return;
	}
	atomic_fetch_add(&w->rotations, 1);
	o->size_limit = w->c.rotate_size ? w->c.rotate_size : UINT64_MAX;
	memset(o->tally, 0, w->c.ids * sizeof(*o->tally));
	o->file_start_ns = wall_ns;
	o->has_packets = false;
}

/* Counts blocks that could not be written, or those that could. */
static void account(
	struct ws_writer *w, const uint8_t *at, size_t len, _Atomic uint64_t *to, int step)
{
	struct ws_pcapng_block b;

	while (ws_pcapng_look(at, len, &b)) {
		if (b.type == WS_PCAPNG_PACKET) {
			add(&to[w->own->id_source[b.interface]], (uint64_t)(int64_t)step);
		}
		at += b.len;
		len -= b.len;
	}
}

static void remember(struct ws_writer_own *o, const uint8_t *at, size_t len)
{
	if (o->recent_used + len > RECENT_SIZE) {
		memmove(o->recent, o->recent + o->recent_used - FRAME_MAX, FRAME_MAX);
		o->recent_used = FRAME_MAX;
	}
	memcpy(o->recent + o->recent_used, at, len);
	o->recent_used += len;
}

/* Writing has failed: blocks that were written, as it seemed, are not in the file after all. */
static void take_back(struct ws_writer *w)
{
	struct ws_writer_own *o = w->own;
	uint64_t lost = w->c.compressed ? ws_capfile_lost(w->c.file) : 0;

	if (lost && lost <= o->recent_used) {
		const uint8_t *at = o->recent + o->recent_used - lost;

		account(w, at, lost, w->written, -1);
		account(w, at, lost, w->lost, 1);
		add(&w->bytes, -lost);
		o->recent_used = 0;
	}
}

static void fail(struct ws_writer *w, int error)
{
	if (!has_failed(w)) {
		take_back(w);
		atomic_store(&w->error, error);
	}
}

/* Hands blocks to the file or the printer. */
static int write_out(struct ws_writer *w, const uint8_t *at, size_t len)
{
	size_t kept = 0;
	uint64_t lost = 0;
	int r;

	if (w->c.printer) {
		r = w->c.printer->write(w->c.printer->arg, at, len);
	} else {
		r = ws_capfile_write(w->c.file, at, len, &kept, &lost);
	}
	if (r == 0) {
		add(&w->bytes, len);
		if (w->own->recent) {
			remember(w->own, at, len);
		}
		return 0;
	}
	add(&w->bytes, kept);
	account(w, at, kept, w->written, 1);
	account(w, at + kept, len - kept, w->lost, 1);
	fail(w, r);
	return r;
}

/*
 * Blocks of one reader, counted by it: the way without looking at every block, when there is neither
 * merging nor a file to change.
 */
static void write_whole(struct ws_writer *w, unsigned source, const struct ws_chunk *chunk)
{
	const struct ws_reader *r = w->own->sources[source].reader;
	const struct ws_chunk_counts *c = &chunk->counts;
	struct tally *t = &w->own->tally[r->c.system_id];

	if (write_out(w, chunk->data, chunk->used) < 0) {
		return;
	}
	t->packets += c->packets[0];
	t->lost_kernel += c->lost_kernel;
	t->lost_writer += c->lost_writer;
	if (r->c.has_hardware) {
		w->own->tally[r->c.hardware_id].packets += c->packets[1];
	}
	add(&w->written[source], c->packets[0] + c->packets[1]);
	w->own->has_packets = true;
}

/* Writes the merged blocks that are waiting. */
static void flush_out(struct ws_writer *w)
{
	struct ws_writer_own *o = w->own;

	if (o->out_used) {
		if (!has_failed(w) && write_out(w, o->out, o->out_used) == 0) {
			account(w, o->out, o->out_used, w->written, 1);
		}
		o->out_used = 0;
	}
}

/* True if the current file is for another time than this: a later one, or the clock was set back. */
static bool is_of_another_file(const struct ws_writer *w, int64_t wall_ns)
{
	const struct ws_writer_own *o = w->own;

	return wall_ns >= o->boundary_ns ||
	       (w->c.rotate_ns && wall_ns < o->boundary_ns - w->c.rotate_ns - o->quiet_ns);
}

/* The time by which a block belongs to a file: a NIC's clock may tell any. */
static int64_t wall_of(
	const struct ws_writer *w, const struct ws_pcapng_block *b, bool system_clock)
{
	return system_clock || !w->c.rotate_ns ? b->ns : ws_sys_clock(CLOCK_REALTIME);
}

/* True if a block of this length and time must not stand in the current file any more. */
static bool is_for_next_file(const struct ws_writer *w, uint32_t len, int64_t wall_ns)
{
	const struct ws_writer_own *o = w->own;

	if (w->c.rotate_ns && is_of_another_file(w, wall_ns)) {
		return true;
	}
	/* A file holds at least one packet, however small it is to be. */
	return o->has_packets &&
	       (o->size_limit != UINT64_MAX && ws_capfile_bytes(w->c.file) + o->out_used + len +
							       (uint64_t)w->c.ids * FOOTER_ID >
						       o->size_limit);
}

/* Begins the file of this time. */
static void rotate_to(struct ws_writer *w, int64_t wall_ns)
{
	wall_ns -= wall_ns % w->c.rotate_ns;
	w->own->boundary_ns = wall_ns + w->c.rotate_ns;
	rotate(w, wall_ns);
}

static void change_file_for(struct ws_writer *w, int64_t wall_ns)
{
	flush_out(w);
	if (has_failed(w)) {
		return;
	}
	if (w->c.rotate_ns && is_of_another_file(w, wall_ns)) {
		rotate_to(w, wall_ns);
	} else {
		rotate(w, ws_sys_clock(CLOCK_REALTIME));
	}
}

/* Only the first one after the clock was set back, not all until it has caught up. */
static void count_late(struct ws_writer *w, const struct ws_pcapng_block *b)
{
	int64_t *last = &w->own->last_ns[b->interface];

	if (b->ns < *last) {
		add(&w->late, 1);
	}
	if (b->ns >= *last || b->ns < *last - QUIET_NS) {
		*last = b->ns;
	}
}

/* One block of one reader, in its place. */
static void write_block(struct ws_writer *w, unsigned source, const uint8_t *block,
	const struct ws_pcapng_block *b, struct ws_chunk_counts *counts)
{
	struct ws_writer_own *o = w->own;
	const struct ws_reader *r = o->sources[source].reader;
	bool system_clock = b->interface == r->c.system_id;
	struct ws_pcapng_packet packet;
	uint64_t lost;

	if (has_failed(w)) {
		add(&w->lost[source], 1);
		return;
	}
	if (!w->c.printer) {
		int64_t wall = wall_of(w, b, system_clock);

		if (is_for_next_file(w, b->len, wall)) {
			change_file_for(w, wall);
		}
	}
	if (has_failed(w)) {
		/* Just now: what is waiting for the next file would be forgotten. */
		add(&w->lost[source], 1);
		return;
	}
	if (OUT_SIZE - o->out_used < b->len) {
		flush_out(w);
	}
	count_late(w, b);
	memcpy(o->out + o->out_used, block, b->len);
	o->out_used += b->len;
	o->tally[b->interface].packets++;
	o->has_packets = true;
	/* A block says how many were lost, the chunk why. */
	lost = 0;
	if (counts->lost_kernel + counts->lost_writer &&
		ws_pcapng_get_packet(block, b->len, &packet)) {
		lost = packet.dropcount;
	}
	if (lost) {
		uint64_t kernel = lost < counts->lost_kernel ? lost : counts->lost_kernel;

		counts->lost_kernel -= kernel;
		counts->lost_writer -= lost - kernel;
		o->tally[r->c.system_id].lost_kernel += kernel;
		o->tally[r->c.system_id].lost_writer += lost - kernel;
	}
}

static void drop_chunk(struct ws_writer *w, unsigned source, const struct ws_chunk *chunk)
{
	add(&w->lost[source], chunk->counts.packets[0] + chunk->counts.packets[1]);
}

/* One reader: true if something was written. */
static bool pump_single(struct ws_writer *w)
{
	struct ws_reader *r = w->own->sources[0].reader;
	struct ws_chunk *chunk = ws_chunks_get(r->c.chunks);
	struct ws_pcapng_block b;

	if (!chunk) {
		return false;
	}
	if (has_failed(w)) {
		drop_chunk(w, 0, chunk);
	} else if (!w->c.rotate_size && !w->c.rotate_ns) {
		write_whole(w, 0, chunk);
	} else {
		for (uint32_t at = 0; ws_pcapng_look(chunk->data + at, chunk->used - at, &b);
			at += b.len) {
			write_block(w, 0, chunk->data + at, &b, &chunk->counts);
		}
		flush_out(w);
	}
	ws_chunks_give_back(r->c.chunks, chunk);
	return true;
}

/*
 * The block of a source that is next. False if it has none at the moment; *ret_mark is then the time
 * before which it will not give any.
 */
static bool front(struct source *s, struct ws_pcapng_block *ret, int64_t *ret_mark)
{
	/* Before looking for chunks: those handed over before the mark was set are then seen. */
	*ret_mark = atomic_load_explicit(&s->reader->watermark_ns, memory_order_acquire);
	if (s->chunk && s->at == s->chunk->used) {
		ws_chunks_give_back(s->reader->c.chunks, s->chunk);
		s->chunk = NULL;
	}
	if (!s->chunk) {
		s->chunk = ws_chunks_get(s->reader->c.chunks);
		s->at = 0;
	}
	return s->chunk && ws_pcapng_look(s->chunk->data + s->at, s->chunk->used - s->at, ret);
}

/*
 * True if others may still give something that comes before this. A mark far behind is one of a reader
 * that looks at a clock which was set back: in order or not, the packets at hand have to go on.
 */
static bool has_to_wait(const struct ws_writer *w, int64_t ns, int64_t mark)
{
	return ns > mark && (mark == INT64_MIN || ns - mark < w->own->quiet_ns);
}

/* Several readers: true if something was written. finish: nothing more will come. */
static bool pump_merged(struct ws_writer *w, bool finish)
{
	struct ws_writer_own *o = w->own;
	bool wrote = false;

	for (;;) {
		struct ws_pcapng_block best = {0};
		int64_t safe = INT64_MAX, mark;
		unsigned from = UINT32_MAX;
		struct source *s;

		for (unsigned i = 0; i < w->c.reader_count; i++) {
			struct ws_pcapng_block b;

			s = &o->sources[i];
			if (!front(s, &b, &mark)) {
				safe = mark < safe ? mark : safe;
				continue;
			}
			/* Times of a NIC's clock do not order against the system's: as it comes. */
			if (s->reader->c.has_hardware && b.interface == s->reader->c.hardware_id) {
				b.ns = INT64_MIN;
			}
			if (from == UINT32_MAX || b.ns < best.ns) {
				best = b;
				from = i;
			}
		}
		if (from == UINT32_MAX || (!finish && has_to_wait(w, best.ns, safe))) {
			o->holds = from != UINT32_MAX;
			break;
		}
		s = &o->sources[from];
		(void)ws_pcapng_look(s->chunk->data + s->at, s->chunk->used - s->at, &best);
		write_block(w, from, s->chunk->data + s->at, &best, &s->chunk->counts);
		s->at += best.len;
		wrote = true;
	}
	flush_out(w);
	return wrote;
}

/* Nothing to write for now. */
static void idle(struct ws_writer *w)
{
	struct ws_writer_own *o = w->own;
	int64_t now = ws_sys_clock(CLOCK_REALTIME), monotonic = ws_sys_clock(CLOCK_MONOTONIC);
	struct pollfd p = {.fd = w->c.wake_fd, .events = POLLIN};
	char wakes[256];
	int r;

	if (w->c.printer) {
		r = w->c.printer->idle ? w->c.printer->idle(w->c.printer->arg) : 0;
		if (r < 0) {
			fail(w, r);
		}
	} else if (!has_failed(w)) {
		/* A compressor holds back what does not fill a frame. */
		if (monotonic >= o->flushed_ns + FLUSH_NS) {
			o->flushed_ns = monotonic;
			r = ws_capfile_flush(w->c.file);
			if (r < 0) {
				fail(w, r);
				return;
			}
		}
		if (w->c.rotate_ns && is_of_another_file(w, now) &&
			(now < o->boundary_ns || now >= o->boundary_ns + o->quiet_ns)) {
			/* Each interval has its file, but not each of a night that the machine slept. */
			bool recent = now >= o->boundary_ns &&
				      (now - o->boundary_ns) / w->c.rotate_ns < QUIET_FILES;

			rotate_to(w, recent ? o->boundary_ns : now);
		}
	}
	if (ws_sys_poll(&p, 1, o->holds ? HOLD_NS : WAIT_NS) > 0) {
		(void)ws_sys_read(w->c.wake_fd, wakes, sizeof(wakes));
	}
}

static void end_file(struct ws_writer *w)
{
	size_t len = make_footer(w, true);
	int r = ws_capfile_end(w->c.file, w->own->footer, len);

	if (r < 0) {
		fail(w, r);
	}
}

void ws_writer_run(struct ws_writer *w)
{
	struct ws_writer_own *o = w->own;

	for (;;) {
		/* Before looking for chunks: after it is set no more are handed over. */
		bool finish = atomic_load_explicit(&w->finish, memory_order_acquire);
		unsigned wanted = atomic_load(&w->rotate_now);
		bool wrote = w->c.reader_count == 1 ? pump_single(w) : pump_merged(w, finish);

		if (wanted != o->rotations_done && !has_failed(w) && w->c.file) {
			o->rotations_done = wanted;
			rotate(w, ws_sys_clock(CLOCK_REALTIME));
		}
		if (!wrote && finish) {
			break;
		}
		if (!wrote) {
			idle(w);
		}
	}
	if (w->c.file) {
		end_file(w);
	} else if (w->c.printer->idle) {
		(void)w->c.printer->idle(w->c.printer->arg);
	}
	atomic_store_explicit(&w->done, 1, memory_order_release);
}
