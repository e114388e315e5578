// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is one frame of a TPACKET_V2 ring. What is read of it must stay inside, also with the
 * VLAN tag put back, or with a cooked header in front. Build with -fsanitize=fuzzer to fuzz, or with
 * files.c to run files.
 */
#include "core/frame2.h"

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
static uint64_t sum(const struct ws_ring_packet *p)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < p->len; i++) {
		total += p->data[i];
	}
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < WS_FRAME2_MIN || size > 1 << 20) {
		return 0;
	}
	for (int cooked = 0; cooked <= 1; cooked++) {
		struct ws_ring_packet p = {.len = 0x5a5a}, before = p;
		struct sockaddr_ll address;
		uint8_t *frame = malloc(size);
		uint64_t was;

		check(frame != NULL);
		memcpy(frame, data, size);
		(void)ws_frame2_ready(frame);
		(void)ws_frame2_losing(frame);
		if (ws_frame2_read(frame, (uint32_t)size, &p) < 0) {
			check(!memcmp(&p, &before, sizeof(p)));
			free(frame);
			break;
		}
		check(p.len <= p.wire_len);
		check(p.data - p.headroom >= frame + WS_FRAME2_MIN);
		check(p.data + p.len <= frame + size);
		check((const uint8_t *)(p.address + 1) <= p.data - p.headroom);
		before = p;
		address = *p.address;
		was = sum(&p);
		if (cooked ? ws_ring_packet_cook(&p) : ws_ring_packet_restore_vlan(&p)) {
			uint32_t grown = p.len - before.len;

			check(!(p.status & TP_STATUS_VLAN_VALID));
			check(cooked ? grown == 20 || grown == 24 : grown == 0 || grown == 4);
			check(p.data + p.len == before.data + before.len);
			check(p.headroom == before.headroom - grown);
		} else {
			check(!memcmp(&p, &before, sizeof(p)));
		}
		check(p.data >= frame + WS_FRAME2_MIN);
		check(sum(&p) >= was);
		check(!memcmp(p.address, &address, sizeof(address)));
		ws_frame2_release(frame);
		check(!ws_frame2_ready(frame));
		free(frame);
	}
	return 0;
}
