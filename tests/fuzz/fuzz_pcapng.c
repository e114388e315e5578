// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input's first byte chooses. Either the rest is memory that is looked at both ways: looks must
 * stay inside and agree with one another. Or it is the fields of blocks to be written: each must be
 * found again by both looks and keep the rules for lengths of the format, checked by a walk of its
 * own over the options. Build with -fsanitize=fuzzer to fuzz, or with files.c to run files.
 */
#include "core/pcapng.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS 5
#define ROOM  (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* What is left of the input. */
struct input {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > in->left) {
		bytes = in->left;
	}
	memcpy(&value, in->at, bytes);
	in->at += bytes;
	in->left -= bytes;
	return value;
}

/* NULL, or a string of up to 255 bytes, or one of up to 256 times as long. To be freed. */
static char *take_text(struct input *in)
{
	uint8_t kind = (uint8_t)take(in, 1);
	size_t len = (size_t)take(in, 1), times = kind & 2 ? (size_t)take(in, 1) + 1 : 1;
	char *text;

	if (kind & 1) {
		return NULL;
	}
	len = len > in->left ? in->left : len;
	text = malloc(len * times + 1);
	check(text != NULL);
	for (size_t i = 0; i < times; i++) {
		memcpy(text + i * len, in->at, len);
	}
	text[len * times] = '\0';
	in->at += len;
	in->left -= len;
	return text;
}

static uint32_t word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return value;
}

/* Field by field: between them there may be anything. */
static bool same(const struct ws_pcapng_block *a, const struct ws_pcapng_block *b)
{
	return a->type == b->type && a->len == b->len && a->interface == b->interface &&
	       a->ns == b->ns;
}

/* A block as the format has it: fixed is what stands before the options; wanted is their number. */
static void check_block(const uint8_t *b, size_t n, uint32_t type, size_t fixed, unsigned wanted)
{
	struct ws_pcapng_block front, back;
	size_t off = fixed;
	unsigned options = 0;

	check(n % 4 == 0 && word(b) == type && word(b + 4) == n && word(b + n - 4) == n);
	check(ws_pcapng_look(b, n, &front) && ws_pcapng_look_back(b, n, &back));
	check(front.type == type && front.len == n && same(&front, &back));
	check(n == 12 || !ws_pcapng_look(b, n - 1, &front));
	if (off < n - 4) {
		uint16_t option[2];

		for (;;) {
			check(off + 4 <= n - 4);
			memcpy(option, b + off, 4);
			off += 4;
			if (option[0] == 0) {
				check(option[1] == 0);
				break;
			}
			check(off + option[1] <= n - 4);
			off += option[1];
			for (; off % 4 != 0; off++) {
				check(b[off] == 0);
			}
			options++;
		}
	}
	check(off == n - 4);
	check(options == wanted);
}

static bool has(const char *text)
{
	return text && *text;
}

static void put_section(struct input *in, char *text[TEXTS], uint8_t *buf, size_t room)
{
	struct ws_pcapng_section s = {text[0], text[1], text[2], text[3]};
	size_t n = ws_pcapng_put_section(buf, room, &s);

	(void)in;
	if (n > 0) {
		check(n <= room);
		check_block(buf, n, WS_PCAPNG_SECTION, 24,
			has(text[0]) + has(text[1]) + has(text[2]) + has(text[3]));
	}
}

static void put_interface(struct input *in, char *text[TEXTS], uint8_t *buf, size_t room)
{
	struct ws_pcapng_interface i = {
		.linktype = (uint16_t)take(in, 2),
		.snaplen = (uint32_t)take(in, 4),
		.name = text[0],
		.description = text[1],
		.filter = text[2],
		.hardware = text[3],
		.os = text[4],
		.has_mac = take(in, 1) & 1,
		.speed_bps = take(in, 8),
	};
	unsigned options = 1 + i.has_mac + (i.speed_bps != 0);
	size_t n = ws_pcapng_put_interface(buf, room, &i);

	for (int k = 0; k < TEXTS; k++) {
		options += has(text[k]);
	}
	if (n > 0) {
		check(n <= room);
		check_block(buf, n, WS_PCAPNG_INTERFACE, 16, options);
	}
}

static void put_statistics(struct input *in, char *text[TEXTS], uint8_t *buf, size_t room)
{
	struct ws_pcapng_statistics s = {
		.interface = (uint32_t)take(in, 4),
		.ns = (int64_t)take(in, 8),
		.start_ns = (int64_t)take(in, 8),
		.end_ns = (int64_t)take(in, 8),
		.ifrecv = take(in, 8),
		.ifdrop = take(in, 8),
		.filteraccept = take(in, 8),
		.osdrop = take(in, 8),
		.usrdeliv = take(in, 8),
		.comment = text[0],
	};
	const uint64_t counters[] = {s.ifrecv, s.ifdrop, s.filteraccept, s.osdrop, s.usrdeliv};
	unsigned options = has(text[0]) + (s.start_ns >= 0) + (s.end_ns >= 0);
	size_t n = ws_pcapng_put_statistics(buf, room, &s);
	struct ws_pcapng_block b;

	for (int k = 0; k < 5; k++) {
		options += counters[k] != UINT64_MAX;
	}
	if (n > 0) {
		check(n <= room);
		check_block(buf, n, WS_PCAPNG_STATISTICS, 20, options);
		check(ws_pcapng_look(buf, n, &b) && b.interface == s.interface && b.ns == s.ns);
	}
}

static void put_packet(struct input *in, char *text[TEXTS], uint8_t *buf, size_t room)
{
	struct ws_pcapng_packet p = {
		.interface = (uint32_t)take(in, 4),
		.ns = (int64_t)take(in, 8),
		.wire_len = (uint32_t)take(in, 4),
		.flags = (uint32_t)take(in, 4),
		.dropcount = take(in, 8),
		.comment = text[0],
	};
	struct ws_pcapng_block b;
	size_t n, fixed;

	p.data = in->left > 0 ? in->at : NULL;
	p.len = (uint32_t)in->left;
	n = ws_pcapng_put_packet(buf, room, &p);
	if (n == 0) {
		return;
	}
	fixed = 28 + (p.len + 3) / 4 * 4;
	check(n <= room);
	check_block(buf, n, WS_PCAPNG_PACKET, fixed,
		(p.flags != 0) + (p.dropcount != 0) + has(text[0]));
	check(ws_pcapng_look(buf, n, &b) && b.interface == p.interface && b.ns == p.ns);
	check(word(buf + 20) == p.len && word(buf + 24) == p.wire_len);
	check(p.len == 0 || memcmp(buf + 28, p.data, p.len) == 0);
	for (size_t i = 28 + p.len; i < fixed; i++) {
		check(buf[i] == 0);
	}
}

static void write_block(struct input *in, unsigned kind)
{
	void (*const put[])(struct input *, char **, uint8_t *, size_t) = {
		put_section, put_interface, put_statistics, put_packet};
	uint32_t asked = (uint32_t)take(in, 3);
	/* Most are large enough. */
	size_t room = asked & 1 ? ROOM : asked % 4096;
	uint8_t *buf = malloc(room > 0 ? room : 1);
	char *text[TEXTS];

	check(buf != NULL);
	for (int i = 0; i < TEXTS; i++) {
		text[i] = take_text(in);
	}
	put[kind](in, text, buf, room);
	for (int i = 0; i < TEXTS; i++) {
		free(text[i]);
	}
	free(buf);
}

/* Blocks from the front as far as there are some, and from there back again. */
static void look(const uint8_t *data, size_t size)
{
	uint8_t *memory = malloc(size > 0 ? size : 1);
	struct ws_pcapng_block b, back;
	size_t off = 0;

	check(memory != NULL);
	memcpy(memory, data, size);
	while (ws_pcapng_look(memory + off, size - off, &b)) {
		check(b.len >= 12 && b.len % 4 == 0 && b.len <= size - off);
		check(ws_pcapng_look_back(memory + off, b.len, &back));
		check(same(&b, &back));
		off += b.len;
		check(ws_pcapng_look_back(memory, off, &back));
		check(same(&b, &back));
	}
	while (size > 0 && ws_pcapng_look_back(memory, size, &back)) {
		check(back.len <= size);
		check(ws_pcapng_look(memory + size - back.len, back.len, &b));
		check(same(&b, &back));
		size -= back.len;
	}
	free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned kind;

	if (size == 0 || size > 1 << 16) {
		return 0;
	}
	kind = (unsigned)take(&in, 1) % 5;
	if (kind == 4) {
		look(in.at, in.left);
	} else {
		write_block(&in, kind);
	}
	return 0;
}
