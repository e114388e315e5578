// SPDX-License-Identifier: BSD-2-Clause
#include "file/zframe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <zstd.h>

/* Fast: it has to keep up with a capture. */
#define LEVEL 1
/* A frame of the usual size is written by one call. */
#define OUT_SIZE (1 << 20)

struct ws_zframe {
	ZSTD_CCtx *context;
	bool open;
	uint64_t in;	 /* bytes taken into the open frame */
	uint64_t origin; /* size of the sink at its beginning */
	size_t held;	 /* bytes in out that are not written yet */
	char out[OUT_SIZE];
};

int ws_zframe_new(struct ws_zframe **ret)
{
	struct ws_zframe *z = malloc(sizeof(*z));

	if (!z) {
		return -ENOMEM;
	}
	z->open = false;
	z->in = 0;
	z->held = 0;
	z->context = ZSTD_createCCtx();
	/* With a checksum a reader notices damage in the middle of a file. */
	if (!z->context ||
		ZSTD_isError(ZSTD_CCtx_setParameter(z->context, ZSTD_c_compressionLevel, LEVEL)) ||
		ZSTD_isError(ZSTD_CCtx_setParameter(z->context, ZSTD_c_checksumFlag, 1))) {
		ws_zframe_free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

static int write_out(struct ws_zframe *z, struct ws_sink *s)
{
	size_t done;
	int r = ws_sink_write(s, z->out, z->held, &done);

	z->held = 0;
	return r;
}

/* Compresses; what comes out stays in out as long as there is room. */
static int compress(
	struct ws_zframe *z, struct ws_sink *s, ZSTD_inBuffer *in, ZSTD_EndDirective directive)
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
		if (z->held == OUT_SIZE) {
			int r = write_out(z, s);

			if (r < 0) {
				return r;
			}
		}
	} while (directive == ZSTD_e_end ? left > 0 : in->pos < in->size);
	return 0;
}

int ws_zframe_add(struct ws_zframe *z, struct ws_sink *s, const void *data, size_t len)
{
	ZSTD_inBuffer in = {.src = data, .size = len};

	if (len == 0) {
		return 0;
	}
	if (!z->open) {
		z->open = true;
		z->origin = s->size;
	}
	z->in += len;
	return compress(z, s, &in, ZSTD_e_continue);
}

int ws_zframe_end(struct ws_zframe *z, struct ws_sink *s)
{
	ZSTD_inBuffer in = {0};
	int r;

	if (!z->open) {
		return 0;
	}
	r = compress(z, s, &in, ZSTD_e_end);
	if (r == 0) {
		r = write_out(z, s);
	}
	if (r == 0) {
		z->open = false;
		z->in = 0;
	}
	return r;
}

void ws_zframe_abandon(struct ws_zframe *z, struct ws_sink *s)
{
	if (!z->open) {
		return;
	}
	(void)ZSTD_CCtx_reset(z->context, ZSTD_reset_session_only);
	ws_sink_cut(s, z->origin);
	z->open = false;
	z->in = 0;
	z->held = 0;
}

uint64_t ws_zframe_open_bytes(const struct ws_zframe *z)
{
	return z->in;
}

void ws_zframe_free(struct ws_zframe *z)
{
	if (z) {
		ZSTD_freeCCtx(z->context);
		free(z);
	}
}
