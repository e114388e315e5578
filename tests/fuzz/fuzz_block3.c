// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is one block of a TPACKET_V3 ring. The walk must end, must stay inside, and its packets
 * must be in order without touching one another. Build with -fsanitize=fuzzer to fuzz, or
 * with files.c to run files.
 */
#include "core/block3.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* Reads every byte of the packet, so that the sanitizer sees them all. */
static void touch(const struct ws_ring_packet *p)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->len; i++) {
		sum += p->data[i];
	}
	check(sum <= (uint64_t)p->len * 255);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_block3_walk w;
	struct ws_ring_packet p;
	uint8_t *block, *end;
	int r;

	if (size < sizeof(struct tpacket_block_desc) || size > 1 << 20) {
		return 0;
	}
	block = malloc(size);
	check(block != NULL);
	memcpy(block, data, size);
	end = block;
	(void)ws_block3_ready(block);
	(void)ws_block3_losing(block);
	r = ws_block3_begin(&w, block, (uint32_t)size);
	if (r == 0) {
		uint32_t left = w.left;

		while ((r = ws_block3_next(&w, &p)) == 1) {
			uint8_t *before = p.data;

			check(--left == w.left);
			check(p.len <= p.wire_len);
			check(p.data - p.headroom >= end && p.data + p.len <= block + size);
			check((const uint8_t *)(p.address + 1) <= p.data - p.headroom);
			touch(&p);
			if (ws_ring_packet_restore_vlan(&p)) {
				check(!(p.status & TP_STATUS_VLAN_VALID));
				check(p.data == before || p.data == before - 4);
			}
			check(p.data >= end && p.data + p.len <= block + size);
			end = p.data + p.len;
			touch(&p);
		}
		check(left == w.left);
		check(r == 0 ? left == 0 : left > 0);
		check(ws_block3_next(&w, &p) == r);
	}
	ws_block3_release(block);
	check(!ws_block3_ready(block));
	free(block);
	return 0;
}
