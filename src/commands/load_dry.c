/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_dry.h"

#include <errno.h>
#include <stdlib.h>

#include "commands/stop.h"
#include "core/pcapng.h"
#include "file/capfile.h"

#define CHUNK_BYTES  (1u << 20) /* that are written at once, and a frame more */
#define PACKET_EXTRA 64u	/* of a packet's block, besides the packet */

struct dry {
	struct ws_capfile *file;
	uint8_t *chunk, *frame;
	size_t used, size;
	uint64_t built, written; /* frames */
};

static int begin(struct dry *d, const char *ifname, uint64_t link_bps, const char *comment)
{
	const struct ws_pcapng_section section = {.application = "wirestamp", .comment = comment};
	const struct ws_pcapng_interface interface = {
		.linktype = WS_LINKTYPE_ETHERNET,
		.name = ifname,
		.speed_bps = link_bps,
	};
	size_t len = ws_pcapng_put_section(d->chunk, d->size, &section);

	len += ws_pcapng_put_interface(d->chunk + len, d->size - len, &interface);
	return ws_capfile_begin(d->file, 0, d->chunk, len);
}

/* Frames that are in the first len bytes of the chunk. */
static uint64_t frames_in(const struct dry *d, size_t len)
{
	struct ws_pcapng_block b;
	uint64_t n = 0;

	for (size_t off = 0; off < len && ws_pcapng_look(d->chunk + off, len - off, &b);) {
		off += b.len;
		n++;
	}
	return n;
}

static int flush(struct dry *d)
{
	uint64_t lost;
	size_t kept;
	int r = ws_capfile_write(d->file, d->chunk, d->used, &kept, &lost);

	d->written = r < 0 ? d->written + frames_in(d, kept) : d->built;
	d->used = 0;
	return r;
}

static void fill(struct dry *d, const struct ws_plan *plan, const struct ws_frame_source *source,
	struct ws_plan_cursor *c)
{
	while (d->built < plan->count && d->used < CHUNK_BYTES) {
		uint32_t len = source->write(source->arg, d->frame, d->built, 0);
		const struct ws_pcapng_packet p = {
			.ns = c->offset_ns, .data = d->frame, .len = len, .wire_len = len};

		d->used += ws_pcapng_put_packet(d->chunk + d->used, d->size - d->used, &p);
		d->built++;
		ws_plan_cursor_next(c);
	}
}

static int write_all(struct dry *d, const struct ws_plan *plan,
	const struct ws_frame_source *source, const atomic_int *stop)
{
	struct ws_plan_cursor c;
	int r = 0;

	ws_plan_cursor_init(&c, plan);
	while (d->built < plan->count && r == 0) {
		if (atomic_load(stop) != WS_STOP_NO) {
			return -EINTR;
		}
		fill(d, plan, source, &c);
		r = flush(d);
	}
	return r;
}

int ws_load_dry_run(const char *path, const struct ws_plan *plan,
	const struct ws_frame_source *source, const char *ifname, uint64_t link_bps,
	const char *comment, uint64_t *ret_frames)
{
	struct dry d = {.size = CHUNK_BYTES + source->len_max + PACKET_EXTRA};
	const atomic_int *stop = ws_stop_catch();
	int r = -ENOMEM, ended;

	*ret_frames = 0;
	if (plan->count > WS_PLAN_MAX_COUNT) {
		return -EINVAL;
	}
	d.chunk = malloc(d.size);
	d.frame = malloc(source->len_max);
	if (d.chunk && d.frame) {
		r = ws_capfile_new(&d.file, &(struct ws_capfile_config){.path = path});
	}
	if (r == 0) {
		r = begin(&d, ifname, link_bps, comment);
	}
	if (r == 0) {
		r = write_all(&d, plan, source, stop);
		ended = ws_capfile_end(d.file, NULL, 0);
		r = r < 0 ? r : ended;
		*ret_frames = d.written;
	}
	ws_capfile_free(d.file);
	free(d.frame);
	free(d.chunk);
	return r;
}
