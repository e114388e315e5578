/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/spsc.h"
#include "host/sys.h"

struct ws_chunks {
	struct ws_spsc *full, *empty;
	struct ws_chunk *all;
	void *memory;
	uint32_t count;
	uint32_t fresh; /* chunks from here on were never used: their memory is not there yet */
	struct ws_chunk **idle; /* the reader's stack: the one used last is on top */
	uint32_t idle_count;
	int wake_fd;
};

int ws_chunks_new(struct ws_chunks **ret, uint64_t bytes, int wake_fd)
{
	struct ws_chunks *c;
	uint64_t count = bytes / WS_CHUNK_SIZE;
	uint32_t room = 2;
	int r;

	count = count < 2 ? 2 : count;
	if (count > 1u << 16) {
		return -EINVAL;
	}
	while (room < count) {
		room *= 2;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		return -ENOMEM;
	}
	c->count = (uint32_t)count;
	c->wake_fd = wake_fd;
	r = ws_spsc_new(&c->full, room, sizeof(struct ws_chunk *));
	if (r == 0) {
		r = ws_spsc_new(&c->empty, room, sizeof(struct ws_chunk *));
	}
	if (r == 0) {
		/* Pages are there once they are touched: a buffer that is not needed costs nothing. */
		r = ws_sys_mmap(&c->memory, (size_t)count * WS_CHUNK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1);
	}
	c->all = calloc(c->count, sizeof(*c->all));
	c->idle = calloc(c->count, sizeof(struct ws_chunk *));
	if (r == 0 && (!c->all || !c->idle)) {
		r = -ENOMEM;
	}
	if (r < 0) {
		ws_chunks_free(c);
		return r;
	}
	for (uint32_t i = 0; i < c->count; i++) {
		c->all[i].data = (uint8_t *)c->memory + (size_t)i * WS_CHUNK_SIZE;
	}
	*ret = c;
	return 0;
}

void ws_chunks_free(struct ws_chunks *c)
{
	if (!c) {
		return;
	}
	if (c->memory) {
		ws_sys_munmap(c->memory, (size_t)c->count * WS_CHUNK_SIZE);
	}
	ws_spsc_free(c->full);
	ws_spsc_free(c->empty);
	free(c->all);
	free(c->idle);
	free(c);
}

uint64_t ws_chunks_bytes(const struct ws_chunks *c)
{
	return (uint64_t)c->count * WS_CHUNK_SIZE;
}

struct ws_chunk *ws_chunks_take(struct ws_chunks *c)
{
	struct ws_chunk *const *front;
	struct ws_chunk *chunk;

	while ((front = ws_spsc_front(c->empty)) != NULL) {
		c->idle[c->idle_count++] = *front;
		ws_spsc_pop(c->empty);
	}
	if (c->idle_count) {
		chunk = c->idle[--c->idle_count];
	} else if (c->fresh < c->count) {
		chunk = &c->all[c->fresh++];
	} else {
		return NULL;
	}
	chunk->used = 0;
	chunk->counts = (struct ws_chunk_counts){0};
	return chunk;
}

void ws_chunks_put(struct ws_chunks *c, struct ws_chunk *chunk)
{
	const char one = 1;

	/* There is room: the ring holds every chunk that exists. */
	(void)ws_spsc_push(c->full, &chunk);
	if (c->wake_fd >= 0) {
		/* A full pipe wakes up as well. */
		(void)ws_sys_write(c->wake_fd, &one, 1);
	}
}

struct ws_chunk *ws_chunks_get(struct ws_chunks *c)
{
	struct ws_chunk *const *front = ws_spsc_front(c->full);
	struct ws_chunk *chunk = front ? *front : NULL;

	if (chunk) {
		ws_spsc_pop(c->full);
	}
	return chunk;
}

void ws_chunks_give_back(struct ws_chunks *c, struct ws_chunk *chunk)
{
	(void)ws_spsc_push(c->empty, &chunk);
}
