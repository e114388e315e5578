/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "core/pcapng.h"

#define LEN_MAX 1600

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16; /* the lower bits repeat too soon */
}

static uint8_t *room(struct blocks *b, size_t n)
{
	if (b->size - b->len < n) {
		b->size = 2 * b->size + n;
		b->data = realloc(b->data, b->size);
		if (!b->data) {
			abort();
		}
	}
	return b->data + b->len;
}

struct blocks blocks_packets(size_t bytes, uint32_t seed, int noise)
{
	struct blocks b = {0};
	uint8_t data[LEN_MAX] = {0};
	uint32_t state = seed;

	for (int64_t n = 0; b.len < bytes; n++) {
		struct ws_pcapng_packet p = {
			.ns = 1700000000000000000 + n,
			.data = data,
			.len = next_random(&state) % LEN_MAX,
			.wire_len = LEN_MAX,
			.flags = WS_PCAPNG_INBOUND,
			.dropcount = next_random(&state) % 4 == 0,
		};

		for (size_t i = 0; noise && i < p.len; i++) {
			data[i] = (uint8_t)next_random(&state);
		}
		b.len += ws_pcapng_put_packet(room(&b, 2 * LEN_MAX), 2 * LEN_MAX, &p);
	}
	return b;
}

struct blocks blocks_header(void)
{
	struct blocks b = {0};

	b.len += ws_pcapng_put_section(
		room(&b, 256), 256, &(struct ws_pcapng_section){.application = "test"});
	b.len += ws_pcapng_put_interface(room(&b, 256), 256,
		&(struct ws_pcapng_interface){.linktype = WS_LINKTYPE_ETHERNET, .name = "ws0"});
	return b;
}

struct blocks blocks_footer(unsigned n)
{
	struct blocks b = {0};

	for (unsigned i = 0; i < n; i++) {
		struct ws_pcapng_statistics s = {
			.interface = i, .ns = 1, .ifdrop = UINT64_MAX, .osdrop = UINT64_MAX};

		b.len += ws_pcapng_put_statistics(room(&b, 256), 256, &s);
	}
	return b;
}

size_t blocks_whole(const uint8_t *data, size_t len)
{
	size_t off = 0;

	while (len - off >= 12) {
		uint32_t n;

		memcpy(&n, data + off + 4, 4);
		if (n < 12 || n > len - off) {
			break;
		}
		off += n;
	}
	return off;
}

void blocks_free(struct blocks *b)
{
	free(b->data);
	*b = (struct blocks){0};
}
