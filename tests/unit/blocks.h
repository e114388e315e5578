/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks for tests of files. Numbers that look random are the same in each run. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct blocks {
	uint8_t *data;
	size_t len, size;
};

/* At least bytes of packets of many lengths; noise: they can hardly be compressed. */
struct blocks blocks_packets(size_t bytes, uint32_t seed, int noise);
/* A section and an interface. */
struct blocks blocks_header(void);
/* Statistics of n interfaces. */
struct blocks blocks_footer(unsigned n);
/* How many of the first len bytes are whole blocks, by a walk of its own. */
size_t blocks_whole(const uint8_t *data, size_t len);
void blocks_free(struct blocks *b);
