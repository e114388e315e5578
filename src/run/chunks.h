/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the thread that reads packets to the thread that writes them: chunks of pcapng blocks. A fixed
 * number of them goes round; when all are on their way the reader has nowhere to put a packet, and
 * counts it. No locks, no allocation after new.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CHUNK_SIZE (1280u << 10)
/* A chunk that holds as much is handed over: few calls of write, and what was just copied may still be in
 * the cache. The rest is room for the largest packet. */
#define WS_CHUNK_FULL (1024u << 10)
/* A reader has at most this many interface descriptions: one for each clock. */
#define WS_CHUNK_IDS 2

/* What a run of blocks holds. */
struct ws_chunk_counts {
	uint64_t packets[WS_CHUNK_IDS];
	uint64_t lost_kernel, lost_writer; /* told by the packets' drop counts */
};

struct ws_chunk {
	uint8_t *data; /* WS_CHUNK_SIZE bytes */
	uint32_t used;
	struct ws_chunk_counts counts;
};

struct ws_chunks;

/* bytes: of all chunks together, at least two. wake_fd: of a pipe, that put() writes a
 * byte to; -1: none. */
int ws_chunks_new(struct ws_chunks **ret, uint64_t bytes, int wake_fd);
void ws_chunks_free(struct ws_chunks *c);
uint64_t ws_chunks_bytes(const struct ws_chunks *c);

/* Reader. An empty chunk, the one used last if possible, as it may still be in the cache; NULL: all
 * are on their way. */
struct ws_chunk *ws_chunks_take(struct ws_chunks *c);
/* Reader. Hands a chunk over. */
void ws_chunks_put(struct ws_chunks *c, struct ws_chunk *chunk);

/* Writer. The oldest chunk that was handed over, or NULL; stays valid until it is given back. */
struct ws_chunk *ws_chunks_get(struct ws_chunks *c);
void ws_chunks_give_back(struct ws_chunks *c, struct ws_chunk *chunk);
