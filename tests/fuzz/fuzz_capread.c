// link: src/file/capread.c -lpcap
// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a capture file, read without and with a filter. Both readings must end, tell the same
 * of what passes, and account for every packet. Build with -fsanitize=fuzzer to fuzz, or with files.c
 * to run files.
 */
#include "file/capread_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* An instruction for most types of link, so that it compiles for them. */
#define FILTER "greater 100"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* What a reading came to. */
struct outcome {
	int opened, ended;
	int linktype;
	uint64_t packets, filtered;
};

static void check_why(int result, const char *why)
{
	check(result >= 0 ? *why == '\0' : *why != '\0');
	check(strpbrk(why, "\r\n") == NULL);
}

static struct outcome read_all(const uint8_t *data, size_t size, const char *filter)
{
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "rb");
	struct outcome o = {0};
	struct ws_capread *r = NULL;
	struct ws_capread_packet p;
	char why[256] = "";

	check(stream != NULL);
	o.opened = ws_capread_open_stream(&r, stream, filter, why, sizeof(why));
	check_why(o.opened, why);
	if (o.opened < 0) {
		check(r == NULL);
		return o;
	}
	o.linktype = ws_capread_linktype(r);
	while ((o.ended = ws_capread_next(r, &p, why, sizeof(why))) == 1) {
		uint64_t sum = 0;

		check(p.len <= p.wire_len);
		for (uint32_t i = 0; i < p.len; i++) {
			sum += p.data[i];
		}
		check(sum <= (uint64_t)p.len * 255);
		o.packets++;
		check(!filter || p.wire_len >= 100);
	}
	check(o.ended == 0 || o.ended == -EBADMSG);
	check_why(o.ended, why);
	o.filtered = ws_capread_filtered(r);
	ws_capread_close(r);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome all, some;

	if (size == 0 || size > 1 << 16) {
		return 0;
	}
	all = read_all(data, size, NULL);
	check(all.opened == 0 || all.opened == -EBADMSG);
	check(all.filtered == 0);
	some = read_all(data, size, FILTER);
	if (some.opened == 0) {
		check(all.opened == 0 && some.linktype == all.linktype);
		/* A packet whose time is out of range ends a reading, unless the filter rejects it. */
		if (all.ended == 0) {
			check(some.ended == 0);
			check(some.packets + some.filtered == all.packets);
		} else {
			check(some.packets + some.filtered >= all.packets);
		}
	} else {
		check(some.opened == all.opened || some.opened == -EINVAL);
	}
	return 0;
}
