// SPDX-License-Identifier: BSD-2-Clause
/* Capture files of both formats, good, damaged and none, made by hand; with libpcap's own words. */
#include "file/capread.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "unit/scratch.h"

#define NAME	  "a.cap"
#define NS_MAGIC  0xa1b23c4du
#define US_MAGIC  0xa1b2c3d4u
#define LINK_RAW  101
#define FRAME_LEN 60

/* A file being made in memory. */
struct image {
	uint8_t at[4096];
	size_t len;
	bool swapped;
};

static void u32(struct image *i, uint32_t value)
{
	value = i->swapped ? __builtin_bswap32(value) : value;
	assert_true(i->len + 4 <= sizeof(i->at));
	memcpy(i->at + i->len, &value, 4);
	i->len += 4;
}

static void pcap_header(struct image *i, uint32_t magic, uint32_t linktype)
{
	u32(i, magic);
	u32(i, i->swapped ? 4 << 16 | 2 : 2 | 4 << 16); /* version 2.4, of 16 bits each */
	if (i->swapped) {
		static const uint8_t version[4] = {0, 2, 0, 4};

		memcpy(i->at + i->len - 4, version, 4);
	}
	u32(i, 0);
	u32(i, 0);
	u32(i, 262144);
	u32(i, linktype);
}

/* IPv4 with UDP or TCP in an Ethernet frame. */
static void fill(uint8_t frame[FRAME_LEN], bool udp)
{
	memset(frame, 0, FRAME_LEN);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[17] = FRAME_LEN - 14;
	frame[23] = udp ? 17 : 6;
}

static void pcap_packet(
	struct image *i, uint32_t sec, uint32_t fraction, uint32_t wire_len, bool udp)
{
	u32(i, sec);
	u32(i, fraction);
	u32(i, FRAME_LEN);
	u32(i, wire_len);
	assert_true(i->len + FRAME_LEN <= sizeof(i->at));
	fill(i->at + i->len, udp);
	i->len += FRAME_LEN;
}

static void ng_header(struct image *i, uint16_t linktype)
{
	i->len += ws_pcapng_put_section(
		i->at + i->len, sizeof(i->at) - i->len, &(struct ws_pcapng_section){0});
	i->len += ws_pcapng_put_interface(i->at + i->len, sizeof(i->at) - i->len,
		&(struct ws_pcapng_interface){.linktype = linktype, .snaplen = 262144});
}

static void ng_packet(struct image *i, int64_t ns, bool udp)
{
	uint8_t frame[FRAME_LEN];

	fill(frame, udp);
	i->len += ws_pcapng_put_packet(i->at + i->len, sizeof(i->at) - i->len,
		&(struct ws_pcapng_packet){
			.ns = ns, .data = frame, .len = FRAME_LEN, .wire_len = 1514});
}

static void save(const void *data, size_t len)
{
	int fd = open(NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static struct ws_capread *open_file(const char *filter)
{
	struct ws_capread *r = NULL;
	char why[256] = "untouched";

	assert_int_equal(ws_capread_open(&r, NAME, filter, why, sizeof(why)), 0);
	assert_string_equal(why, "untouched");
	return r;
}

static struct ws_capread *open_image(const struct image *i, const char *filter)
{
	save(i->at, i->len);
	return open_file(filter);
}

/* Opening fails so, with a reason of one line that has this in it. */
static void expect_refused(const char *path, const char *filter, int error, const char *words)
{
	struct ws_capread *r = NULL;
	char why[256] = "";

	assert_int_equal(ws_capread_open(&r, path, filter, why, sizeof(why)), error);
	assert_null(r);
	if (!strstr(why, words) || strchr(why, '\n')) {
		fail_msg("'%s' does not say '%s'", why, words);
	}
}

static void expect_packet(struct ws_capread *r, int64_t ns, uint32_t wire_len, bool udp)
{
	struct ws_capread_packet p;
	uint8_t frame[FRAME_LEN];
	char why[256];

	fill(frame, udp);
	assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 1);
	assert_int_equal(p.ns, ns);
	assert_int_equal(p.len, FRAME_LEN);
	assert_int_equal(p.wire_len, wire_len);
	assert_memory_equal(p.data, frame, FRAME_LEN);
}

static void expect_end(struct ws_capread *r, int result, const char *words)
{
	static const struct ws_capread_packet unused = {.len = 0x5a5a};
	struct ws_capread_packet p = unused;
	char why[256] = "";

	assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), result);
	assert_memory_equal(&p, &unused, sizeof(p));
	if (!strstr(why, words) || (result == 0 && *why) || strchr(why, '\n')) {
		fail_msg("'%s' does not say '%s'", why, words);
	}
	ws_capread_close(r);
}

static void test_pcap(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		bool nano = kind & 1;
		struct image i = {.swapped = kind & 2};
		struct ws_capread *r;

		pcap_header(&i, nano ? NS_MAGIC : US_MAGIC, 1);
		pcap_packet(&i, 1700000000, 123456, 60, true);
		pcap_packet(&i, 0x7fffffff, 999999, 1514, false);
		/* Seconds are unsigned: after January 2038. */
		pcap_packet(&i, 0xfffffff0, 0, 60, true);
		r = open_image(&i, NULL);
		assert_int_equal(ws_capread_linktype(r), WS_LINKTYPE_ETHERNET);
		expect_packet(r, 1700000000000000000 + 123456 * (nano ? 1 : 1000), 60, true);
		expect_packet(
			r, 0x7fffffff * 1000000000ll + 999999 * (nano ? 1 : 1000), 1514, false);
		expect_packet(r, 0xfffffff0 * 1000000000ll, 60, true);
		assert_int_equal(ws_capread_filtered(r), 0);
		expect_end(r, 0, "");
	}
}

static void test_pcapng(void **state)
{
	struct image i = {0};
	struct ws_capread *r;

	(void)state;
	ng_header(&i, WS_LINKTYPE_ETHERNET);
	ng_packet(&i, 1700000000123456789, true);
	ng_packet(&i, 1, false);
	ng_packet(&i, INT64_MAX, true);
	i.len += ws_pcapng_put_statistics(
		i.at + i.len, sizeof(i.at) - i.len, &(struct ws_pcapng_statistics){.ifrecv = 3});
	r = open_image(&i, "");
	assert_int_equal(ws_capread_linktype(r), WS_LINKTYPE_ETHERNET);
	expect_packet(r, 1700000000123456789, 1514, true);
	expect_packet(r, 1, 1514, false);
	expect_packet(r, INT64_MAX, 1514, true);
	expect_end(r, 0, "");
}

/* A later interface may count its time from another second. */
static void test_times_out_of_range(void **state)
{
	struct image i = {0};
	struct ws_capread *r;

	(void)state;
	ng_header(&i, WS_LINKTYPE_ETHERNET);
	/* The same once more, with if_tsresol 1 s in place of 1 ns: the value at its end. */
	i.at[i.len - 12] = 0;
	ng_packet(&i, 1700000000, true);
	ng_packet(&i, 9300000000, true);
	r = open_image(&i, NULL);
	expect_packet(r, 1700000000000000000, 1514, true);
	expect_end(r, -EBADMSG, "time");
}

static void test_linktypes(void **state)
{
	static const uint16_t types[] = {1, LINK_RAW, 113, 228, WS_LINKTYPE_LINUX_SLL2};

	(void)state;
	for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
		for (int ng = 0; ng < 2; ng++) {
			struct image i = {0};
			struct ws_capread *r;

			if (ng) {
				ng_header(&i, types[k]);
			} else {
				pcap_header(&i, US_MAGIC, types[k]);
			}
			r = open_image(&i, NULL);
			assert_int_equal(ws_capread_linktype(r), types[k]);
			expect_end(r, 0, "");
		}
	}
}

static void test_filter(void **state)
{
	struct image i = {0};
	struct ws_capread *r;

	(void)state;
	ng_header(&i, WS_LINKTYPE_ETHERNET);
	for (int n = 0; n < 6; n++) {
		ng_packet(&i, n, n % 3 == 1);
	}
	r = open_image(&i, "udp");
	assert_int_equal(ws_capread_filtered(r), 0);
	expect_packet(r, 1, 1514, true);
	assert_int_equal(ws_capread_filtered(r), 1);
	expect_packet(r, 4, 1514, true);
	assert_int_equal(ws_capread_filtered(r), 3);
	{
		struct ws_capread_packet p;
		char why[64];

		assert_int_equal(ws_capread_next(r, &p, why, sizeof(why)), 0);
	}
	assert_int_equal(ws_capread_filtered(r), 4);
	expect_end(r, 0, "");

	/* It sees the length on the wire, which is more than there is. */
	r = open_file("greater 1514 and tcp");
	expect_packet(r, 0, 1514, false);
	ws_capread_close(r);
	expect_refused(NAME, "udp and and", -EINVAL, "syntax error");
	expect_refused(NAME, "ip proto nonsense", -EINVAL, "nonsense");
}

/* For the type of the file: the same words are other instructions, or none. */
static void test_filter_of_the_linktype(void **state)
{
	struct image i = {0};
	struct ws_capread *r;

	(void)state;
	pcap_header(&i, NS_MAGIC, LINK_RAW);
	pcap_packet(&i, 1, 2, 60, true);
	/* The Ethernet header away: an IP packet. */
	i.len -= FRAME_LEN;
	memmove(i.at + i.len, i.at + i.len + 14, FRAME_LEN - 14);
	i.len += FRAME_LEN;
	r = open_image(&i, "udp");
	assert_int_equal(ws_capread_next(r, &(struct ws_capread_packet){0}, NULL, 0), 1);
	expect_end(r, 0, "");
	expect_refused(NAME, "ether host 02:00:00:00:00:01", -EINVAL, "");
}

static void test_cut_off_anywhere(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		struct image i = {0};
		size_t header, end[3];

		if (ng) {
			ng_header(&i, WS_LINKTYPE_ETHERNET);
		} else {
			pcap_header(&i, NS_MAGIC, 1);
		}
		header = i.len;
		for (int n = 0; n < 3; n++) {
			if (ng) {
				ng_packet(&i, n, true);
			} else {
				pcap_packet(&i, 0, (uint32_t)n, 1514, true);
			}
			end[n] = i.len;
		}
		for (size_t len = 0; len < i.len; len++) {
			struct ws_capread *r;
			bool whole = len == header;
			int n = 0;

			save(i.at, len);
			if (len < header) {
				expect_refused(NAME, NULL, -EBADMSG, len > 0 ? "" : "empty");
				continue;
			}
			r = open_file(NULL);
			for (; n < 3 && end[n] <= len; n++) {
				expect_packet(r, n, 1514, true);
				whole = end[n] == len;
			}
			expect_end(r, whole ? 0 : -EBADMSG, whole ? "" : "truncated");
		}
	}
}

static void test_no_capture_files(void **state)
{
	static const struct {
		const char *content, *words;
	} cases[] = {
		{"", "empty"},
		{"x", ""},
		{"This is a text, no capture.\n", "unknown file format"},
		{"\x28\xb5\x2f\xfd and so on, and so on, and on", "unpack it with zstd -d first"},
		{"\x1f\x8b\x08 and so on, and so on, and so on", "unpack it with gzip -d first"},
		{"\xfd\x37zXZ and so on, and so on, and so on", "unpack it with xz -d first"},
		{"\x04\x22\x4d\x18 and so on, and so on, and on", "unpack it with lz4 -d first"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		save(cases[k].content, strlen(cases[k].content));
		expect_refused(NAME, NULL, -EBADMSG, cases[k].words);
	}
	expect_refused("none", NULL, -ENOENT, "No such file");
	expect_refused(".", NULL, -EISDIR, "directory");
	if (geteuid() != 0) {
		assert_int_equal(chmod(NAME, 0), 0);
		expect_refused(NAME, NULL, -EACCES, "denied");
	}
}

static void test_short_why(void **state)
{
	struct ws_capread *r = NULL;
	char why[4] = "abc";

	(void)state;
	assert_int_equal(ws_capread_open(&r, "none", NULL, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "No ");
	assert_int_equal(ws_capread_open(&r, "none", NULL, NULL, 0), -ENOENT);
	ws_capread_close(NULL);
}

/* Interfaces of two link types in one file: what was read before is good. */
static void test_mixed_linktypes(void **state)
{
	struct image i = {0};
	struct ws_capread *r;

	(void)state;
	ng_header(&i, WS_LINKTYPE_ETHERNET);
	ng_packet(&i, 5, true);
	i.len += ws_pcapng_put_interface(i.at + i.len, sizeof(i.at) - i.len,
		&(struct ws_pcapng_interface){.linktype = WS_LINKTYPE_LINUX_SLL2});
	r = open_image(&i, NULL);
	expect_packet(r, 5, 1514, true);
	expect_end(r, -EBADMSG, "type");
}

/* Through a pipe on standard input, so that it cannot be wound back, byte after byte at first. */
static void test_stdin(void **state)
{
	struct image i = {0};
	int ends[2], saved = dup(STDIN_FILENO);
	struct ws_capread *r = NULL;
	char why[256];

	(void)state;
	ng_header(&i, WS_LINKTYPE_ETHERNET);
	ng_packet(&i, 5, true);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], i.at, i.len), i.len);
	close(ends[1]);
	assert_true(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(ws_capread_open(&r, "-", "udp", why, sizeof(why)), 0);
	expect_packet(r, 5, 1514, true);
	expect_end(r, 0, "");
	/* It is not ours to close. */
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

/* The library below might say something itself. */
static void test_nothing_is_printed(void **state)
{
	int out, err, fd = open("said", O_RDWR | O_CREAT, 0600);
	struct ws_capread *r = NULL;
	struct image i = {0};
	char why[256];
	int got[4];

	(void)state;
	assert_true(fd >= 0);
	ng_header(&i, WS_LINKTYPE_ETHERNET);
	ng_packet(&i, 5, true);
	save(i.at, i.len - 1);
	fflush(NULL);
	out = dup(STDOUT_FILENO);
	err = dup(STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	got[0] = ws_capread_open(&r, NAME, "udp and and", why, sizeof(why));
	got[1] = ws_capread_open(&r, "said", NULL, why, sizeof(why));
	got[2] = ws_capread_open(&r, NAME, "host 1.2.3.4 or ip[0] & 0xf = 5", why, sizeof(why));
	got[3] = ws_capread_next(r, &(struct ws_capread_packet){0}, why, sizeof(why));
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	close(fd);
	ws_capread_close(r);
	assert_int_equal(got[0], -EINVAL);
	assert_int_equal(got[1], -EBADMSG);
	assert_int_equal(got[2], 0);
	assert_int_equal(got[3], -EBADMSG);
	scratch_expect("said", NULL, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pcap),
		TEST(test_pcapng),
		TEST(test_times_out_of_range),
		TEST(test_linktypes),
		TEST(test_filter),
		TEST(test_filter_of_the_linktype),
		TEST(test_cut_off_anywhere),
		TEST(test_no_capture_files),
		TEST(test_short_why),
		TEST(test_mixed_linktypes),
		TEST(test_stdin),
		TEST(test_nothing_is_printed),
	};

	return cmocka_run_group_tests_name("capread", tests, NULL, NULL);
}
