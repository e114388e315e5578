/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compression of one file by zstd (RFC 8878): one frame, completed in pieces. After each piece the
 * frame's end is written behind it, and the next piece takes its place: so a file that is cut back to
 * a piece, or whose writer was killed between two, is a whole one. Frames of their own, one a piece,
 * would do the same; but Wireshark 4.0 finds a further frame only where its buffer happens to
 * begin with it, and takes others for damage.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "file/sink.h"

struct ws_zpack;

/* 0 or -ENOMEM. */
int ws_zpack_new(struct ws_zpack **ret);
/* Adds to the open piece. 0 or -errno of the sink: then it is to be abandoned. */
int ws_zpack_add(struct ws_zpack *z, struct ws_sink *s, const void *data, size_t len);
/*
 * Completes the open piece, if there is one, and writes it. What is written to a pipe or appended is
 * a whole frame only after ws_zpack_end(). 0 or -errno: then it is to be abandoned.
 */
int ws_zpack_complete(struct ws_zpack *z, struct ws_sink *s);
/* Gives up the open piece: the sink is cut back to the end of the one before it. What is added later
 * comes in a frame of its own. */
void ws_zpack_abandon(struct ws_zpack *z, struct ws_sink *s);
/* The same as complete; and nothing can be added afterwards. */
int ws_zpack_end(struct ws_zpack *z, struct ws_sink *s);
/* Bytes in the open piece, before compression. */
uint64_t ws_zpack_open_bytes(const struct ws_zpack *z);
/* Accepts NULL. */
void ws_zpack_free(struct ws_zpack *z);
