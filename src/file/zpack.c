// SPDX-License-Identifier: BSD-2-Clause
#include "file/zpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

/* Fast: it has to keep up with a capture. */
#define LEVEL 1
/* A piece of the usual size is written by one call. */
#define OUT_SIZE ((1 << 20) + (1 << 16))

/* A last block, raw, of no bytes: RFC 8878, section 3.1.1.2. Ends a frame without a checksum. */
static const uint8_t frame_end[3] = {1, 0, 0};

struct ws_zpack {
	ZSTD_CCtx *context;
	bool begun;	 /* there is a frame that can be gone on with */
	bool ended;	 /* the sink ends with frame_end, or with nothing */
	bool goes_on;	 /* the open piece is not the first of its frame */
	uint64_t in;	 /* bytes taken into the open piece */
	uint64_t origin; /* size of the sink at its beginning, without frame_end */
	size_t held;	 /* bytes in out that are not written yet */
	uint8_t out[OUT_SIZE];
};

int ws_zpack_new(struct ws_zpack **ret)
{
	struct ws_zpack *z = malloc(sizeof(*z));

	if (!z) {
		return -ENOMEM;
	}
	z->begun = false;
	z->ended = true;
	z->goes_on = false;
	z->in = 0;
	z->origin = 0;
	z->held = 0;
	z->context = ZSTD_createCCtx();
	if (!z->context ||
		ZSTD_isError(ZSTD_CCtx_setParameter(z->context, ZSTD_c_compressionLevel, LEVEL))) {
		ws_zpack_free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

static int write_out(struct ws_zpack *z, struct ws_sink *s)
{
	size_t done;
	int r = 0;

	if (z->begun && z->ended) {
		r = ws_sink_back(s, sizeof(frame_end));
	}
	z->begun = true;
	z->ended = false;
	if (r == 0) {
		r = ws_sink_write(s, z->out, z->held, &done);
	}
	z->held = 0;
	return r;
}

/* Compresses; what comes out stays in out as long as there is room. */
static int compress(
	struct ws_zpack *z, struct ws_sink *s, ZSTD_inBuffer *in, ZSTD_EndDirective directive)
{
	size_t left;

	do {
		ZSTD_outBuffer out = {.dst = z->out, .size = OUT_SIZE, .pos = z->held};

		left = ZSTD_compressStream2(z->context, &out, in, directive);
		if (ZSTD_isError(left)) {
			/* Only its memory, which it gets at the first call, can be missing. */
			return -ENOMEM;
		}
		z->held = out.pos;
		if (OUT_SIZE - z->held < sizeof(frame_end)) {
			int r = write_out(z, s);

			if (r < 0) {
				return r;
			}
		}
	} while (directive == ZSTD_e_flush ? left > 0 : in->pos < in->size);
	return 0;
}

int ws_zpack_add(struct ws_zpack *z, struct ws_sink *s, const void *data, size_t len)
{
	ZSTD_inBuffer in = {.src = data, .size = len};

	if (z->in == 0) {
		z->goes_on = z->begun;
		z->origin = s->size - (z->begun && z->ended ? sizeof(frame_end) : 0);
	}
	z->in += len;
	return compress(z, s, &in, ZSTD_e_continue);
}

int ws_zpack_complete(struct ws_zpack *z, struct ws_sink *s)
{
	ZSTD_inBuffer in = {0};
	int r;

	if (z->in == 0) {
		return 0;
	}
	r = compress(z, s, &in, ZSTD_e_flush);
	if (r == 0) {
		bool end = ws_sink_rewritable(s);

		if (end) {
			memcpy(z->out + z->held, frame_end, sizeof(frame_end));
			z->held += sizeof(frame_end);
		}
		r = write_out(z, s);
		z->ended = end;
	}
	if (r == 0) {
		z->in = 0;
	}
	return r;
}

void ws_zpack_abandon(struct ws_zpack *z, struct ws_sink *s)
{
	size_t done;

	(void)ZSTD_CCtx_reset(z->context, ZSTD_reset_session_only);
	if (!z->goes_on) {
		ws_sink_cut(s, z->origin);
	} else if (ws_sink_rewritable(s)) {
		/* Where it stands there was one, so that even a full disk has room for it. */
		ws_sink_end_at(s, z->origin, frame_end, sizeof(frame_end));
	} else if (s->regular) {
		ws_sink_cut(s, z->origin);
		(void)ws_sink_write(s, frame_end, sizeof(frame_end), &done);
	}
	z->begun = false;
	z->ended = true;
	z->in = 0;
	z->held = 0;
}

int ws_zpack_end(struct ws_zpack *z, struct ws_sink *s)
{
	int r = ws_zpack_complete(z, s);
	size_t done;

	if (r == 0 && !z->ended) {
		r = ws_sink_write(s, frame_end, sizeof(frame_end), &done);
		z->ended = true;
	}
	return r;
}

uint64_t ws_zpack_open_bytes(const struct ws_zpack *z)
{
	return z->in;
}

void ws_zpack_free(struct ws_zpack *z)
{
	if (z) {
		ZSTD_freeCCtx(z->context);
		free(z);
	}
}
