// SPDX-License-Identifier: BSD-2-Clause
/* Blocks of pcapng against bytes put down by hand from the specification, and looks at any memory. */
#include "core/pcapng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 1024

/* What is expected, in the machine's byte order as blocks are. */
struct bytes {
	uint8_t at[ROOM];
	size_t len;
};

static void raw(struct bytes *b, const void *data, size_t len)
{
	assert_true(b->len + len <= sizeof(b->at));
	memcpy(b->at + b->len, data, len);
	b->len += len;
}

static void u16(struct bytes *b, uint16_t value)
{
	raw(b, &value, 2);
}

static void u32(struct bytes *b, uint32_t value)
{
	raw(b, &value, 4);
}

static void u64(struct bytes *b, uint64_t value)
{
	raw(b, &value, 8);
}

static void option(struct bytes *b, uint16_t code, uint16_t len)
{
	u16(b, code);
	u16(b, len);
}

/* The block is as expected, is written into exactly so much room, and not into less. */
#define EXPECT_BLOCK(put, arg, want)                                       \
	do {                                                               \
		uint8_t *buf = malloc((want)->len);                        \
		assert_non_null(buf);                                      \
		memset(buf, 0xa5, (want)->len);                            \
		for (size_t size = 0; size < (want)->len; size++) {        \
			assert_int_equal(put(buf, size, arg), 0);          \
			for (size_t i = 0; i < (want)->len; i++) {         \
				assert_int_equal(buf[i], 0xa5);            \
			}                                                  \
		}                                                          \
		assert_int_equal(put(buf, (want)->len, arg), (want)->len); \
		assert_memory_equal(buf, (want)->at, (want)->len);         \
		free(buf);                                                 \
	} while (0)

static void test_section(void **state)
{
	const struct ws_pcapng_section plain = {0};
	const struct ws_pcapng_section full = {
		.hardware = "x86_64", .os = "Linux", .application = "wirestamp", .comment = "word"};
	const struct ws_pcapng_section empty = {
		.hardware = "", .os = "", .application = "", .comment = ""};
	struct bytes b = {0};

	(void)state;
	u32(&b, 0x0a0d0d0a);
	u32(&b, 28);
	u32(&b, 0x1a2b3c4d);
	u16(&b, 1);
	u16(&b, 0);
	u64(&b, UINT64_MAX);
	u32(&b, 28);
	EXPECT_BLOCK(ws_pcapng_put_section, &plain, &b);
	EXPECT_BLOCK(ws_pcapng_put_section, &empty, &b);

	b.len = 4;
	u32(&b, 80);
	b.len = 24;
	option(&b, 1, 4);
	raw(&b, "word", 4);
	option(&b, 2, 6);
	raw(&b, "x86_64\0", 8);
	option(&b, 3, 5);
	raw(&b, "Linux\0\0", 8);
	option(&b, 4, 9);
	raw(&b, "wirestamp\0\0", 12);
	option(&b, 0, 0);
	u32(&b, 80);
	assert_int_equal(b.len, 80);
	EXPECT_BLOCK(ws_pcapng_put_section, &full, &b);
}

static void test_interface(void **state)
{
	const struct ws_pcapng_interface plain = {.linktype = WS_LINKTYPE_LINUX_SLL2};
	const struct ws_pcapng_interface full = {
		.linktype = WS_LINKTYPE_ETHERNET,
		.snaplen = 262144,
		.name = "eth0",
		.description = "to the lab",
		.filter = "udp",
		.hardware = "igc",
		.os = "L",
		.has_mac = true,
		.mac = {2, 0, 0, 0, 0, 1},
		.speed_bps = 2500000000,
	};
	struct bytes b = {0};

	(void)state;
	u32(&b, 1);
	u32(&b, 32);
	u16(&b, 276);
	u16(&b, 0);
	u32(&b, 0);
	option(&b, 9, 1);
	raw(&b, "\x09\0\0", 4);
	option(&b, 0, 0);
	u32(&b, 32);
	EXPECT_BLOCK(ws_pcapng_put_interface, &plain, &b);

	b.len = 4;
	u32(&b, 104);
	u16(&b, 1);
	u16(&b, 0);
	u32(&b, 262144);
	option(&b, 2, 4);
	raw(&b, "eth0", 4);
	option(&b, 3, 10);
	raw(&b, "to the lab\0", 12);
	option(&b, 6, 6);
	raw(&b, "\x02\0\0\0\0\x01\0", 8);
	option(&b, 8, 8);
	u64(&b, 2500000000);
	option(&b, 9, 1);
	raw(&b, "\x09\0\0", 4);
	option(&b, 11, 4);
	raw(&b, "\0udp", 4);
	option(&b, 12, 1);
	raw(&b, "L\0\0", 4);
	option(&b, 15, 3);
	raw(&b, "igc", 4);
	option(&b, 0, 0);
	u32(&b, 104);
	assert_int_equal(b.len, 104);
	EXPECT_BLOCK(ws_pcapng_put_interface, &full, &b);
}

static void test_statistics(void **state)
{
	struct ws_pcapng_statistics s = {
		.interface = 3,
		.ns = 0x1122334455667788,
		.start_ns = -1,
		.end_ns = -1,
		.ifrecv = UINT64_MAX,
		.ifdrop = UINT64_MAX,
		.filteraccept = UINT64_MAX,
		.osdrop = UINT64_MAX,
		.usrdeliv = UINT64_MAX,
	};
	struct bytes b = {0};

	(void)state;
	u32(&b, 5);
	u32(&b, 24);
	u32(&b, 3);
	u32(&b, 0x11223344);
	u32(&b, 0x55667788);
	u32(&b, 24);
	EXPECT_BLOCK(ws_pcapng_put_statistics, &s, &b);

	/* 0 is a count, and a time. */
	s.start_ns = 0;
	s.end_ns = 0x1122334455667789;
	s.ifrecv = 100;
	s.ifdrop = 0;
	s.filteraccept = 0x100000001;
	s.osdrop = 4;
	s.usrdeliv = UINT64_MAX - 1;
	s.comment = "12345";
	b.len = 4;
	u32(&b, 124);
	b.len = 20;
	option(&b, 1, 5);
	raw(&b, "12345\0\0", 8);
	option(&b, 2, 8);
	u32(&b, 0);
	u32(&b, 0);
	option(&b, 3, 8);
	u32(&b, 0x11223344);
	u32(&b, 0x55667789);
	option(&b, 4, 8);
	u64(&b, 100);
	option(&b, 5, 8);
	u64(&b, 0);
	option(&b, 6, 8);
	u64(&b, 0x100000001);
	option(&b, 7, 8);
	u64(&b, 4);
	option(&b, 8, 8);
	u64(&b, UINT64_MAX - 1);
	option(&b, 0, 0);
	u32(&b, 124);
	assert_int_equal(b.len, 124);
	EXPECT_BLOCK(ws_pcapng_put_statistics, &s, &b);
}

/* Every set of options, with data of every length up to two words. */
static void test_packet(void **state)
{
	static const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8}, zeros[4];

	(void)state;
	for (uint32_t len = 0; len <= 8; len++) {
		for (unsigned set = 0; set < 8; set++) {
			struct ws_pcapng_packet p = {
				.interface = 1,
				.ns = 1700000000123456789,
				.data = len > 0 ? data : NULL,
				.len = len,
				.wire_len = 9000,
			};
			struct bytes b = {0};

			u32(&b, 6);
			u32(&b, 0);
			u32(&b, 1);
			u32(&b, 0x17979cfe);
			u32(&b, 0x3d85cd15);
			u32(&b, len);
			u32(&b, 9000);
			raw(&b, data, len);
			raw(&b, zeros, (4 - len % 4) % 4);
			if (set & 1) {
				p.flags = WS_PCAPNG_OUTBOUND | WS_PCAPNG_BROADCAST;
				option(&b, 2, 4);
				u32(&b, 0xe);
			}
			if (set & 2) {
				p.dropcount = 0x123456789a;
				option(&b, 4, 8);
				u64(&b, 0x123456789a);
			}
			if (set & 4) {
				p.comment = "late";
				option(&b, 1, 4);
				raw(&b, "late", 4);
			} else {
				p.comment = set & 1 ? "" : NULL;
			}
			if (set) {
				option(&b, 0, 0);
			}
			u32(&b, (uint32_t)b.len + 4);
			memcpy(b.at + 4, b.at + b.len - 4, 4);
			EXPECT_BLOCK(ws_pcapng_put_packet, &p, &b);
		}
	}
}

static void test_flags_are_those_of_the_format(void **state)
{
	(void)state;
	/* Bits 0 and 1: inbound, outbound. Bits 2 to 4: unicast 1 .. promiscuous 4. */
	assert_int_equal(WS_PCAPNG_INBOUND, 0x01);
	assert_int_equal(WS_PCAPNG_OUTBOUND, 0x02);
	assert_int_equal(WS_PCAPNG_UNICAST, 0x04);
	assert_int_equal(WS_PCAPNG_MULTICAST, 0x08);
	assert_int_equal(WS_PCAPNG_BROADCAST, 0x0c);
	assert_int_equal(WS_PCAPNG_PROMISCUOUS, 0x10);
}

static void test_packet_longer_than_a_block(void **state)
{
	const struct ws_pcapng_packet p = {.len = UINT32_MAX, .wire_len = UINT32_MAX};
	uint8_t buf[64];

	(void)state;
	/* The room that is claimed does not matter: no length can say it. */
	assert_int_equal(ws_pcapng_put_packet(buf, SIZE_MAX, &p), 0);
}

/* The length of an option's value at off, and that what follows is well-formed. */
static uint16_t value_len(const uint8_t *buf, size_t off, uint16_t code)
{
	uint16_t got[2];

	memcpy(got, buf + off, 4);
	assert_int_equal(got[0], code);
	return got[1];
}

static void test_long_texts_are_cut(void **state)
{
	static const struct {
		const char *last;
		unsigned lost; /* of the bytes that an option holds */
	} cases[] = {
		{"aa", 0},		 /* the cut is before the second */
		{"\xc3\xa9", 1},	 /* two bytes */
		{"\xe2\x82\xac", 1},	 /* three */
		{"\xf0\x9f\x98\x80", 1}, /* four */
		{"\x80\x80\x80\x80", 3}, /* no UTF-8 at all */
	};
	const size_t most = 65535;
	char *text = malloc(most + 8);
	uint8_t *buf = malloc(most + 1024);

	(void)state;
	assert_non_null(text);
	assert_non_null(buf);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_pcapng_packet p = {.comment = text};
		struct ws_pcapng_section s = {.comment = text};
		struct ws_pcapng_interface f = {.filter = text + 1};
		struct ws_pcapng_block b;
		size_t n, want;

		memset(text, 'x', most);
		strcpy(text + most - 1, cases[i].last);
		if (i == 4) {
			memset(text, 0x80, most);
		}
		want = most - cases[i].lost;
		n = ws_pcapng_put_packet(buf, most + 1024, &p);
		assert_true(n > 0);
		assert_int_equal(value_len(buf, 28, 1), want);
		assert_memory_equal(buf + 32, text, want);
		assert_true(ws_pcapng_look(buf, n, &b) && b.len == n);

		n = ws_pcapng_put_section(buf, most + 1024, &s);
		assert_int_equal(value_len(buf, 24, 1), want);
		assert_int_equal(n, 24 + 4 + (want + 3) / 4 * 4 + 4 + 4);

		/* The kind of filter takes a byte. */
		n = ws_pcapng_put_interface(buf, most + 1024, &f);
		assert_int_equal(value_len(buf, 24, 11), want);
		assert_int_equal(buf[28], 0);
		assert_memory_equal(buf + 29, text + 1, want - 1);
		assert_true(ws_pcapng_look(buf, n, &b) && b.len == n);
	}
	/* One that just fits stays whole. */
	memset(text, 'x', most);
	strcpy(text + most - 2, "\xc3\xa9");
	assert_true(ws_pcapng_put_section(
			    buf, most + 1024, &(struct ws_pcapng_section){.os = text}) > 0);
	assert_int_equal(value_len(buf, 24, 3), most);
	free(text);
	free(buf);
}

/* One block of each kind, one after the other. Returns their length. */
static size_t four_blocks(uint8_t *buf, size_t size, size_t len[4])
{
	size_t n = 0;

	n += len[0] = ws_pcapng_put_section(buf, size, &(struct ws_pcapng_section){.os = "L"});
	n += len[1] = ws_pcapng_put_interface(
		buf + n, size - n, &(struct ws_pcapng_interface){.linktype = 1, .name = "e"});
	n += len[2] = ws_pcapng_put_packet(buf + n, size - n,
		&(struct ws_pcapng_packet){
			.interface = 7, .ns = 12345678901, .data = buf, .len = 5, .wire_len = 6});
	n += len[3] = ws_pcapng_put_statistics(buf + n, size - n,
		&(struct ws_pcapng_statistics){
			.interface = 8, .ns = INT64_MAX, .ifrecv = 1, .start_ns = -1});
	return n;
}

static const struct ws_pcapng_block four[] = {
	{.type = WS_PCAPNG_SECTION},
	{.type = WS_PCAPNG_INTERFACE},
	{.type = WS_PCAPNG_PACKET, .interface = 7, .ns = 12345678901},
	{.type = WS_PCAPNG_STATISTICS, .interface = 8, .ns = INT64_MAX},
};

static void expect_kind(const struct ws_pcapng_block *b, unsigned i, size_t len)
{
	assert_int_equal(b->type, four[i].type);
	assert_int_equal(b->len, len);
	assert_int_equal(b->interface, four[i].interface);
	assert_int_equal(b->ns, four[i].ns);
}

static void test_look_both_ways(void **state)
{
	uint8_t buf[ROOM];
	size_t len[4], off = 0, n = four_blocks(buf, sizeof(buf), len);
	struct ws_pcapng_block b;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(ws_pcapng_look(buf + off, n - off, &b));
		expect_kind(&b, i, len[i]);
		off += b.len;
	}
	assert_int_equal(off, n);
	assert_false(ws_pcapng_look(buf + off, 0, &b));
	for (unsigned i = 4; i-- > 0;) {
		assert_true(ws_pcapng_look_back(buf, off, &b));
		expect_kind(&b, i, len[i]);
		off -= b.len;
	}
	assert_int_equal(off, 0);
	assert_false(ws_pcapng_look_back(buf, 0, &b));
}

/* In memory of its own, so that a sanitizer sees a read beyond it. */
static bool look_at(const uint8_t *buf, size_t size, bool back)
{
	static const struct ws_pcapng_block unused = {.type = 0x5a, .len = 0x5a5a};
	struct ws_pcapng_block b = unused;
	uint8_t *copy = malloc(size > 0 ? size : 1);
	bool found;

	assert_non_null(copy);
	memcpy(copy, buf, size);
	found = back ? ws_pcapng_look_back(copy, size, &b) : ws_pcapng_look(copy, size, &b);
	if (found) {
		assert_in_range(b.len, 12, size);
	} else {
		assert_int_equal(b.type, unused.type);
		assert_int_equal(b.len, unused.len);
	}
	free(copy);
	return found;
}

static void test_look_at_every_cut(void **state)
{
	uint8_t buf[ROOM];
	size_t len[4], off = 0;

	(void)state;
	four_blocks(buf, sizeof(buf), len);
	for (unsigned i = 0; i < 4; i++) {
		for (size_t size = 0; size <= len[i]; size++) {
			assert_int_equal(look_at(buf + off, size, false), size == len[i]);
			assert_int_equal(
				look_at(buf + off + len[i] - size, size, true), size == len[i]);
		}
		off += len[i];
	}
}

static void test_look_at_bad_lengths(void **state)
{
	static const uint32_t bad[] = {0, 4, 8, 11, 13, 14, 15, 16, 20, 27, 29, 30, 31, 40,
		0x7fffffff, 0x80000000, 0xfffffffc, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			uint8_t buf[ROOM] = {0};
			size_t len[4], off = 0;

			four_blocks(buf, sizeof(buf), len);
			for (unsigned j = 0; j < i; j++) {
				off += len[j];
			}
			if (bad[k] == len[i]) {
				continue;
			}
			memcpy(buf + off + 4, &bad[k], 4);
			assert_false(look_at(buf + off, len[i], false));
			assert_false(look_at(buf + off, len[i], true));
			assert_false(look_at(buf, off + len[i], true));
			/* Both ends agree on it. */
			memcpy(buf + off + len[i] - 4, &bad[k], 4);
			assert_false(look_at(buf + off, len[i], true));
		}
	}
}

/* Lengths that fit, but not the type. */
static void test_look_at_blocks_too_short(void **state)
{
	static const struct {
		uint32_t type, least;
	} cases[] = {{WS_PCAPNG_SECTION, 28}, {WS_PCAPNG_INTERFACE, 20}, {WS_PCAPNG_STATISTICS, 24},
		{WS_PCAPNG_PACKET, 32}, {0x0bad, 12}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t len = 12; len <= 40; len += 4) {
			uint8_t buf[40] = {0};

			memcpy(buf, &cases[i].type, 4);
			memcpy(buf + 4, &len, 4);
			memcpy(buf + len - 4, &len, 4);
			assert_int_equal(look_at(buf, len, false), len >= cases[i].least);
			assert_int_equal(look_at(buf, len, true), len >= cases[i].least);
		}
	}
}

/* A block inside another one's data is not taken for the last. */
static void test_look_back_is_not_led_astray(void **state)
{
	struct bytes b = {0};

	(void)state;
	u32(&b, 0x0bad);
	u32(&b, 24);
	u32(&b, 0x0bad);
	u32(&b, 12);
	u32(&b, 12);
	u32(&b, 24);
	assert_true(look_at(b.at, 24, true));
	/* The last word says 16: there a type and a length of 12 stand, which end too early. */
	b.len = 20;
	u32(&b, 16);
	assert_false(look_at(b.at, 24, true));
}

/* In memory of its own, so that a sanitizer sees a read beyond it. */
static bool get_at(const uint8_t *buf, size_t size, struct ws_pcapng_packet *ret)
{
	static const struct ws_pcapng_packet unused = {.interface = 0x5a, .dropcount = 0x5a5a};
	uint8_t *copy = malloc(size > 0 ? size : 1);
	bool found;

	assert_non_null(copy);
	memcpy(copy, buf, size);
	*ret = unused;
	found = ws_pcapng_get_packet(copy, size, ret);
	if (found) {
		assert_true(ret->data >= copy && ret->data + ret->len <= copy + size);
	} else {
		assert_memory_equal(ret, &unused, sizeof(unused));
	}
	free(copy);
	return found;
}

/* What was put in comes out, with every set of options and every length up to two words. */
static void test_get_what_was_put(void **state)
{
	static const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (uint32_t len = 0; len <= 8; len++) {
		for (unsigned set = 0; set < 8; set++) {
			const struct ws_pcapng_packet p = {
				.interface = 3,
				.ns = 1700000000123456789,
				.data = data,
				.len = len,
				.wire_len = 9000,
				.flags = set & 1 ? WS_PCAPNG_OUTBOUND : 0,
				.dropcount = set & 2 ? UINT64_C(0x123456789a) : 0,
				.comment = set & 4 ? "a comment" : NULL,
			};
			struct ws_pcapng_packet got;
			uint8_t buf[ROOM];
			size_t n = ws_pcapng_put_packet(buf, sizeof(buf), &p);

			/* What stands behind it does not matter. */
			memset(buf + n, 0xff, sizeof(buf) - n);
			assert_true(ws_pcapng_get_packet(buf, sizeof(buf), &got));
			assert_int_equal(got.interface, 3);
			assert_int_equal(got.ns, p.ns);
			assert_int_equal(got.len, len);
			assert_int_equal(got.wire_len, 9000);
			assert_int_equal(got.flags, p.flags);
			assert_int_equal(got.dropcount, p.dropcount);
			assert_null(got.comment);
			assert_ptr_equal(got.data, buf + 28);
			assert_memory_equal(got.data, data, len);
			for (size_t size = 0; size < n; size++) {
				assert_false(get_at(buf, size, &got));
			}
			assert_true(get_at(buf, n, &got));
		}
	}
}

static void test_get_is_for_packets(void **state)
{
	uint8_t buf[ROOM];
	struct ws_pcapng_packet got;
	size_t len[4], off = 0;

	(void)state;
	four_blocks(buf, sizeof(buf), len);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(get_at(buf + off, len[i], &got), i == 2);
		off += len[i];
	}
}

/* Lengths within the block that leave it, or that are odd. */
static void test_get_from_damaged_blocks(void **state)
{
	struct ws_pcapng_packet got;
	struct bytes b = {0};
	uint32_t total = 32 + 4 + 8 + 12 + 4;

	(void)state;
	u32(&b, 6);
	u32(&b, total);
	for (int i = 0; i < 3; i++) {
		u32(&b, 0);
	}
	u32(&b, 4);
	u32(&b, 4);
	raw(&b, "data", 4);
	option(&b, 2, 4);
	u32(&b, 0xe);
	option(&b, 4, 8);
	u64(&b, 77);
	option(&b, 0, 0);
	u32(&b, total);
	assert_int_equal(b.len, total);
	assert_true(get_at(b.at, total, &got));
	assert_int_equal(got.dropcount, 77);
	for (uint32_t len = 5; len < 100; len++) {
		/* Options are then read from their middle, or are not there: but nothing is read beyond. */
		memcpy(b.at + 20, &len, 4);
		assert_int_equal(
			get_at(b.at, total, &got) && got.len == len, get_at(b.at, total, &got));
		assert_true(len <= total - 32 || !get_at(b.at, total, &got));
	}
	memcpy(b.at + 20, &(uint32_t){UINT32_MAX}, 4);
	assert_false(get_at(b.at, total, &got));
	memcpy(b.at + 20, &(uint32_t){4}, 4);
	/* An option's length that leaves the block. */
	memcpy(b.at + 42, &(uint16_t){UINT16_MAX}, 2);
	assert_false(get_at(b.at, total, &got));
	memcpy(b.at + 42, &(uint16_t){17}, 2);
	assert_false(get_at(b.at, total, &got));
	/* One of another length than the specification's is left out, and what follows is found. */
	memcpy(b.at + 32, &(uint16_t){2}, 2);
	memcpy(b.at + 34, &(uint16_t){3}, 2);
	memcpy(b.at + 42, &(uint16_t){8}, 2);
	assert_true(get_at(b.at, total, &got));
	assert_int_equal(got.flags, 0);
	assert_int_equal(got.dropcount, 77);
	/* So is one that is not known; the end ends it. */
	memcpy(b.at + 32, &(uint16_t){999}, 2);
	assert_true(get_at(b.at, total, &got));
	assert_int_equal(got.dropcount, 77);
	memcpy(b.at + 32, &(uint32_t){0}, 4);
	assert_true(get_at(b.at, total, &got));
	assert_int_equal(got.dropcount, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_flags_are_those_of_the_format),
		cmocka_unit_test(test_packet_longer_than_a_block),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_look_both_ways),
		cmocka_unit_test(test_look_at_every_cut),
		cmocka_unit_test(test_look_at_bad_lengths),
		cmocka_unit_test(test_look_at_blocks_too_short),
		cmocka_unit_test(test_look_back_is_not_led_astray),
		cmocka_unit_test(test_get_what_was_put),
		cmocka_unit_test(test_get_is_for_packets),
		cmocka_unit_test(test_get_from_damaged_blocks),
	};

	return cmocka_run_group_tests_name("pcapng", tests, NULL, NULL);
}
