// SPDX-License-Identifier: BSD-2-Clause
/* Capture files made by hand, as frames to be sent again: which are kept, and when they are due. */
#include "file/replay.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "unit/scratch.h"

#define NAME	  "a.cap"
#define US_MAGIC  0xa1b2c3d4u
#define NS_MAGIC  0xa1b23c4du
#define MTU_FRAME 1514
#define SEC	  INT64_C(1000000000)
#define MANY	  2000000
#define THREADS	  4
#define HASH_1	  UINT64_C(0x117b652e7b830b44)
#define HASH_2	  UINT64_C(0x8c72e4cd985f5533)
#define HASH_4096 UINT64_C(0x610cdd4354671d0a)

/* A file being written. */
struct image {
	FILE *f;
};

static struct image begin(void)
{
	struct image i = {.f = fopen(NAME, "wb")};

	assert_non_null(i.f);
	return i;
}

static void put(struct image *i, const void *data, size_t len)
{
	assert_int_equal(fwrite(data, 1, len, i->f), len);
}

static void end(struct image *i)
{
	assert_int_equal(fclose(i->f), 0);
}

static void pcap_header(struct image *i, uint32_t magic, uint32_t linktype)
{
	const uint32_t head[6] = {magic, 2 | 4 << 16, 0, 0, 262144, linktype};

	put(i, head, sizeof(head));
}

/* A frame that says its number and ethertype; captured up to len of its wire_len bytes. */
static void fill(uint8_t *frame, uint32_t len, uint32_t number, uint16_t ethertype)
{
	const uint8_t head[18] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, (uint8_t)(ethertype >> 8),
		(uint8_t)ethertype, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
		(uint8_t)(number >> 8), (uint8_t)number};

	memset(frame, 0x5a, len);
	memcpy(frame, head, len < sizeof(head) ? len : sizeof(head));
}

static void pcap_part(struct image *i, uint32_t sec, uint32_t fraction, uint32_t number,
	uint16_t ethertype, uint32_t len, uint32_t wire_len)
{
	const uint32_t head[4] = {sec, fraction, len, wire_len};
	uint8_t *frame = malloc(len + 1);

	assert_non_null(frame);
	fill(frame, len, number, ethertype);
	put(i, head, sizeof(head));
	put(i, frame, len);
	free(frame);
}

static void pcap_frame(
	struct image *i, uint32_t sec, uint32_t fraction, uint32_t number, uint32_t len)
{
	pcap_part(i, sec, fraction, number, 0x0800, len, len);
}

static void ng_section(struct image *i)
{
	uint8_t buf[64];

	put(i, buf, ws_pcapng_put_section(buf, sizeof(buf), &(struct ws_pcapng_section){0}));
}

/* An interface whose ticks are 10^-resolution or, with its upper bit, 2^-resolution seconds. */
static void ng_interface(struct image *i, uint16_t linktype, uint8_t resolution)
{
	const uint32_t words[8] = {
		WS_PCAPNG_INTERFACE, 32, linktype, 262144, 9 | 1 << 16, resolution, 0, 32};

	put(i, words, sizeof(words));
}

static void ng_frame(
	struct image *i, uint32_t interface, int64_t ticks, uint32_t number, uint32_t len)
{
	uint8_t frame[2048], buf[2304];
	const struct ws_pcapng_packet p = {
		.interface = interface, .ns = ticks, .data = frame, .len = len, .wire_len = len};

	fill(frame, len, number, 0x0800);
	put(i, buf, ws_pcapng_put_packet(buf, sizeof(buf), &p));
}

static struct ws_replay_config config_at(double speed)
{
	return (struct ws_replay_config){.path = NAME, .frame_max = MTU_FRAME, .speed = speed};
}

/* Reads a file that is whole. */
static struct ws_replay *load(const struct ws_replay_config *config)
{
	struct ws_replay *r = NULL;
	char why[256] = "untouched";
	bool cut = true;

	assert_int_equal(ws_replay_new(&r, config, &cut, why, sizeof(why)), 0);
	assert_false(cut);
	assert_string_equal(why, "untouched");
	return r;
}

static void expect_refused(const struct ws_replay_config *config, int error, const char *words)
{
	struct ws_replay *r = NULL;
	char why[256] = "";
	bool cut = false;
	int got = ws_replay_new(&r, config, &cut, why, sizeof(why));

	if (got != error || !strstr(why, words) || strchr(why, '\n')) {
		fail_msg("%d '%s', but not %d '%s'", got, why, error, words);
	}
	assert_null(r);
	assert_false(cut);
}

static void expect_frame(
	const struct ws_replay *r, uint64_t n, uint32_t number, uint16_t ethertype, uint32_t len)
{
	uint8_t *got = malloc(len + 1), *want = malloc(len);

	assert_non_null(got);
	assert_non_null(want);
	fill(want, len, number, ethertype);
	got[len] = 0xa5;
	assert_in_range(len, 14, ws_replay_counts(r)->len_max);
	assert_int_equal(ws_replay_write(r, got, n), len);
	assert_memory_equal(got, want, len);
	assert_int_equal(got[len], 0xa5);
	free(got);
	free(want);
}

static void expect_times(const struct ws_replay *r, const int64_t *times, uint64_t n)
{
	assert_int_equal(ws_replay_counts(r)->kept, n);
	assert_memory_equal(ws_replay_times(r), times, n * sizeof(*times));
}

static void test_pcap(void **state)
{
	static const int64_t us[3] = {0, 1000, 2 * SEC - 900000 * 1000};
	static const int64_t ns[3] = {0, 1, 2 * SEC - 900000};

	(void)state;
	for (int nano = 0; nano <= 1; nano++) {
		struct ws_replay_config config = config_at(1);
		struct image i = begin();
		struct ws_replay *r;
		const struct ws_replay_counts *c;

		pcap_header(&i, nano ? NS_MAGIC : US_MAGIC, 1);
		pcap_frame(&i, 1700000000, 900000, 7, 60);
		pcap_frame(&i, 1700000000, 900001, 8, 14);
		pcap_frame(&i, 1700000002, 0, 9, 1514);
		end(&i);
		r = load(&config);
		c = ws_replay_counts(r);
		expect_times(r, nano ? ns : us, 3);
		expect_frame(r, 0, 7, 0x0800, 60);
		expect_frame(r, 1, 8, 0x0800, 14);
		expect_frame(r, 2, 9, 0x0800, 1514);
		/* Again and again, also where the number does not fit the first 32 bits. */
		expect_frame(r, 4, 8, 0x0800, 14);
		expect_frame(r, UINT64_C(3) << 40, 7, 0x0800, 60);
		expect_frame(r, UINT64_MAX, 7, 0x0800, 60);
		assert_int_equal(c->frames, 3);
		assert_int_equal(c->len_max, 1514);
		assert_int_equal(c->bytes, 60 + 14 + 1514);
		assert_int_equal(c->l1_bits, (84 + 84 + 1538) * 8);
		assert_int_equal(c->too_long + c->too_short + c->truncated + c->backwards, 0);
		ws_replay_free(r);
	}
}

/* Each interface has its own ticks: ns, us, ms, and 2^-10 s. */
static void test_pcapng(void **state)
{
	static const int64_t times[6] = {0, 500, 1000000, 1500000, 2000000, 125000000};
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	struct ws_replay *r;

	(void)state;
	ng_section(&i);
	ng_interface(&i, 1, 9);
	ng_interface(&i, 1, 6);
	ng_interface(&i, 1, 3);
	ng_frame(&i, 0, 1700000000 * SEC, 0, 60);
	ng_frame(&i, 0, 1700000000 * SEC + 500, 1, 61);
	ng_frame(&i, 2, 1700000000 * INT64_C(1000) + 1, 2, 62);
	ng_interface(&i, 1, 0x80 | 10);
	ng_frame(&i, 1, 1700000000 * INT64_C(1000000) + 1500, 3, 63);
	ng_frame(&i, 0, 1700000000 * SEC + 2000000, 4, 64);
	ng_frame(&i, 3, 1700000000 * INT64_C(1024) + 128, 5, 65);
	end(&i);
	r = load(&config);
	expect_times(r, times, 6);
	for (uint32_t n = 0; n < 6; n++) {
		expect_frame(r, n, n, 0x0800, 60 + n);
	}
	ws_replay_free(r);
}

/* The longest frames of an MTU of 1500 with tags, as the kernel lets packet sockets send them. */
static void test_too_long(void **state)
{
	static const struct {
		uint16_t ethertype;
		uint32_t len;
		bool kept;
	} tries[] = {
		{0x0800, 1515, false},
		{0x0800, 1514, true},
		{0x8100, 1518, true},
		{0x88a8, 1518, false},
		{0x88a8, 1514, true},
		{0x8101, 1515, false},
		{0x0081, 1515, false},
		{0x8100, 1519, false},
	};
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	const struct ws_replay_counts *c;
	struct ws_replay *r;
	uint32_t n = 0;

	(void)state;
	pcap_header(&i, NS_MAGIC, 1);
	for (uint32_t k = 0; k < sizeof(tries) / sizeof(tries[0]); k++) {
		pcap_part(&i, k, 0, k, tries[k].ethertype, tries[k].len, tries[k].len);
	}
	end(&i);
	r = load(&config);
	c = ws_replay_counts(r);
	for (uint32_t k = 0; k < sizeof(tries) / sizeof(tries[0]); k++) {
		if (tries[k].kept) {
			/* The first that is kept is the origin of the times. */
			assert_int_equal(ws_replay_times(r)[n], (k - 1) * SEC);
			expect_frame(r, n++, k, tries[k].ethertype, tries[k].len);
		}
	}
	assert_int_equal(c->kept, n);
	assert_int_equal(c->frames, n + c->too_long);
	assert_int_equal(c->too_long, 5);
	assert_int_equal(c->first_too_long, 1);
	assert_int_equal(c->longest_too_long, 1519);
	assert_int_equal(c->len_max, 1518);
	assert_int_equal(c->too_short + c->truncated, 0);
	ws_replay_free(r);

	/* No frame is too long for memory's own bookkeeping: they are left out before. */
	i = begin();
	pcap_header(&i, NS_MAGIC, 1);
	pcap_frame(&i, 0, 0, 1, 262144);
	pcap_part(&i, 0, 0, 2, 0x0800, 60, 1 << 20);
	end(&i);
	config.frame_max = UINT32_MAX;
	r = load(&config);
	expect_frame(r, 0, 1, 0x0800, 262144);
	assert_int_equal(ws_replay_counts(r)->too_long, 1);
	assert_int_equal(ws_replay_counts(r)->first_too_long, 2);
	ws_replay_free(r);
}

static void test_left_out(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	const struct ws_replay_counts *c;
	struct ws_replay *r;

	(void)state;
	pcap_header(&i, US_MAGIC, 1);
	pcap_frame(&i, 0, 0, 1, 60);
	pcap_part(&i, 0, 0, 2, 0x0800, 59, 60);	  /* cut off */
	pcap_part(&i, 0, 0, 3, 0x0800, 13, 13);	  /* too short */
	pcap_part(&i, 0, 0, 4, 0x0800, 64, 1515); /* cut off, and too long anyway */
	/* cut off where it could still have been tagged; behind one that is not */
	pcap_part(&i, 0, 0, 6, 0x8100, 12, 1518);
	pcap_part(&i, 0, 0, 5, 0x8100, 64, 1518); /* cut off */
	pcap_part(&i, 0, 0, 7, 0x0800, 0, 0);	  /* too short */
	pcap_part(&i, 0, 0, 8, 0x0800, 10, 1000); /* cut off */
	pcap_frame(&i, 0, 0, 9, 60);
	end(&i);
	r = load(&config);
	c = ws_replay_counts(r);
	assert_int_equal(c->frames, 9);
	assert_int_equal(c->kept, 2);
	assert_int_equal(c->truncated, 4);
	assert_int_equal(c->first_truncated, 2);
	assert_int_equal(c->too_short, 2);
	assert_int_equal(c->first_too_short, 3);
	assert_int_equal(c->too_long, 1);
	assert_int_equal(c->first_too_long, 4);
	assert_int_equal(c->longest_too_long, 1515);
	assert_int_equal(c->bytes, 120);
	expect_frame(r, 1, 9, 0x0800, 60);
	ws_replay_free(r);
}

static void test_backwards(void **state)
{
	static const int64_t times[6] = {0, 5000, 5000, 5000, 5000, 6000};
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	struct ws_replay *r;

	(void)state;
	pcap_header(&i, US_MAGIC, 1);
	pcap_frame(&i, 10, 0, 0, 60);
	pcap_frame(&i, 10, 5, 1, 60);
	pcap_frame(&i, 3, 0, 2, 60);  /* before the first, even */
	pcap_frame(&i, 10, 4, 3, 60); /* later than that, but not than what was sent */
	pcap_frame(&i, 10, 5, 4, 60); /* at once is not backwards */
	pcap_part(&i, 99, 0, 5, 0x0800, 13, 13);
	pcap_frame(&i, 10, 6, 6, 60); /* what is left out has no time either */
	end(&i);
	r = load(&config);
	expect_times(r, times, 6);
	assert_int_equal(ws_replay_counts(r)->backwards, 2);
	ws_replay_free(r);
}

static void test_cut_off(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	struct ws_replay *r = NULL;
	struct blocks whole;

	(void)state;
	pcap_header(&i, US_MAGIC, 1);
	pcap_frame(&i, 1, 0, 0, 60);
	pcap_frame(&i, 2, 0, 1, 60);
	end(&i);
	whole = scratch_read(NAME);
	for (size_t len = 0; len <= whole.len; len++) {
		char why[256] = "";
		bool cut = false;
		int got;

		i = begin();
		put(&i, whole.data, len);
		end(&i);
		got = ws_replay_new(&r, &config, &cut, why, sizeof(why));
		if (len < 24 || (len > 24 && len < 24 + 76)) {
			assert_int_equal(got, -EBADMSG);
			assert_true(strlen(why) > 0);
			continue;
		}
		if (len == 24) {
			assert_int_equal(got, -ENODATA);
			assert_string_equal(why, "it holds no frames");
			continue;
		}
		assert_int_equal(got, 0);
		assert_int_equal(ws_replay_counts(r)->kept, len == whole.len ? 2 : 1);
		assert_int_equal(cut, len != whole.len && len != 24 + 76);
		assert_int_equal(strlen(why) > 0, cut);
		expect_frame(r, 0, 0, 0x0800, 60);
		ws_replay_free(r);
	}
	blocks_free(&whole);
}

static void test_no_captures(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();

	(void)state;
	end(&i);
	expect_refused(&config, -EBADMSG, "the file is empty");
	i = begin();
	put(&i, "hello, world, this is no capture", 32);
	end(&i);
	expect_refused(&config, -EBADMSG, "unknown file format");
	i = begin();
	put(&i, "\x28\xb5\x2f\xfd compressed", 16);
	end(&i);
	expect_refused(&config, -EBADMSG, "zstd -d");
	config.path = "nowhere";
	expect_refused(&config, -ENOENT, "No such file");
	config.path = ".";
	expect_refused(&config, -EISDIR, "directory");
}

static void test_linktypes(void **state)
{
	static const struct {
		uint32_t linktype;
		const char *name;
	} tries[] = {
		{113, "113 (Linux cooked)"},
		{276, "276 (Linux cooked, version 2)"},
		{101, "101 (raw IP)"},
		{105, "105 (802.11)"},
		{9, "9 (another link type)"},
	};
	struct ws_replay_config config = config_at(1);
	struct image i;

	(void)state;
	for (size_t k = 0; k < sizeof(tries) / sizeof(tries[0]); k++) {
		i = begin();
		pcap_header(&i, US_MAGIC, tries[k].linktype);
		pcap_frame(&i, 1, 0, 0, 60);
		end(&i);
		expect_refused(&config, -EPROTOTYPE, tries[k].name);
	}
	i = begin();
	ng_section(&i);
	ng_interface(&i, 101, 9);
	ng_frame(&i, 0, 0, 0, 60);
	end(&i);
	expect_refused(&config, -EPROTOTYPE, "raw IP");
}

/* A second interface of another link type: what stands before it is good, and it is said. */
static void test_mixed_linktypes(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	struct ws_replay *r;
	char why[256] = "";
	bool cut = false;

	(void)state;
	ng_section(&i);
	ng_interface(&i, 1, 9);
	ng_frame(&i, 0, 0, 0, 60);
	ng_interface(&i, 113, 9);
	ng_frame(&i, 1, 0, 1, 60);
	end(&i);
	assert_int_equal(ws_replay_new(&r, &config, &cut, why, sizeof(why)), 0);
	assert_true(cut);
	assert_non_null(strstr(why, "113"));
	assert_int_equal(ws_replay_counts(r)->kept, 1);
	ws_replay_free(r);
}

static void test_none_can_be_sent(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();

	(void)state;
	pcap_header(&i, US_MAGIC, 1);
	pcap_frame(&i, 1, 0, 0, 1600);
	pcap_frame(&i, 1, 0, 0, 9000);
	pcap_frame(&i, 1, 0, 0, 13);
	pcap_part(&i, 1, 0, 0, 0x0800, 60, 61);
	pcap_part(&i, 1, 0, 0, 0x0800, 60, 61);
	pcap_part(&i, 1, 0, 0, 0x0800, 60, 61);
	end(&i);
	expect_refused(&config, -ENODATA,
		"none of its 6 frames can be sent: 2 too long (the longest has 9000 bytes), 1 too short, 3 cut off");
}

/* Against long double or, where that is no wider, within a nanosecond; and no drift. */
static void test_speeds(void **state)
{
	static const double speeds[] = {
		1, 2, 0.5, 10, 0.1, 3, 1.0 / 3, 7.3, 0.001, 1e-4, 123456789};
	const int64_t step = 1234567;

	(void)state;
	for (size_t k = 0; k < sizeof(speeds) / sizeof(speeds[0]); k++) {
		struct ws_replay_config config = config_at(speeds[k]);
		struct image i = begin();
		struct ws_replay *r;

		pcap_header(&i, NS_MAGIC, 1);
		for (uint32_t n = 0; n < 10000; n++) {
			int64_t t = n * step;

			pcap_frame(&i, (uint32_t)(t / SEC), (uint32_t)(t % SEC), n, 60);
		}
		end(&i);
		r = load(&config);
		assert_int_equal(ws_replay_counts(r)->kept, 10000);
		assert_int_equal(ws_replay_times(r)[0], 0);
		for (uint32_t n = 0; n < 10000; n++) {
			long double want = (long double)(n * step) / (long double)speeds[k];
			long double off = (long double)ws_replay_times(r)[n] - want;

			if (fabsl(off) > 0.501L) {
				fail_msg("frame %u at %.17g: %Lg ns off", n, speeds[k], off);
			}
		}
		ws_replay_free(r);
	}
}

/* Where doubles do not hold single nanoseconds any more; and what no number holds. */
static void test_long_times(void **state)
{
	static const int64_t times[3] = {0, 1, 4000000000 * SEC + 999999999};
	static const int64_t doubled[3] = {0, 1, 2000000000 * SEC + 500000000};
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	struct ws_replay *r;

	(void)state;
	pcap_header(&i, NS_MAGIC, 1);
	pcap_frame(&i, 0, 0, 0, 60);
	pcap_frame(&i, 0, 1, 1, 60);
	pcap_frame(&i, 4000000000u, 999999999, 2, 60);
	end(&i);
	r = load(&config);
	expect_times(r, times, 3);
	ws_replay_free(r);
	config.speed = 2;
	r = load(&config);
	expect_times(r, doubled, 3);
	ws_replay_free(r);
	config.speed = 1e300;
	r = load(&config);
	assert_int_equal(ws_replay_times(r)[2], 0);
	ws_replay_free(r);
	config.speed = 0.5;
	r = load(&config);
	assert_int_equal(ws_replay_times(r)[2], 2 * times[2]);
	ws_replay_free(r);
	config.speed = 0.4;
	expect_refused(&config, -ERANGE, "frame 3 ");
	config.speed = 1e-300;
	expect_refused(&config, -ERANGE, "frame 2 ");
	config.speed = 0x1p-1074;
	expect_refused(&config, -ERANGE, "frame 2 ");

	/* Before the epoch and long after it: the difference alone does not fit. */
	i = begin();
	ng_section(&i);
	ng_interface(&i, 1, 9);
	ng_interface(&i, 1, 0);
	ng_frame(&i, 1, -9000000000, 0, 60);
	ng_frame(&i, 1, 9000000000, 1, 60);
	end(&i);
	config.speed = 1e6;
	expect_refused(&config, -ERANGE, "frame 2 ");
}

static void test_wrong_speeds(void **state)
{
	static const double speeds[] = {0, -1, -0.0, INFINITY, -INFINITY, NAN};
	struct image i = begin();

	(void)state;
	pcap_header(&i, NS_MAGIC, 1);
	pcap_frame(&i, 0, 0, 0, 60);
	end(&i);
	for (size_t k = 0; k < sizeof(speeds) / sizeof(speeds[0]); k++) {
		struct ws_replay_config config = config_at(speeds[k]);

		expect_refused(&config, -EINVAL, "speed");
	}
}

static void test_memory_max(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();

	(void)state;
	pcap_header(&i, NS_MAGIC, 1);
	for (uint32_t n = 0; n < 1000; n++) {
		pcap_frame(&i, n, 0, n, 60 + n);
	}
	/* What is not kept takes nothing. */
	pcap_frame(&i, 1000, 0, 0, 9000);
	end(&i);
	config.memory_max = 1000 * (60 + 16) + 999 * 1000 / 2;
	ws_replay_free(load(&config));
	config.memory_max--;
	expect_refused(&config, -E2BIG, "at frame 1000 it takes more than 575499 bytes");
	config.memory_max = 1;
	expect_refused(&config, -E2BIG, "at frame 1 ");
}

static void test_stop(void **state)
{
	struct ws_replay_config config = config_at(1);
	atomic_int stop = 0;
	struct image i = begin();

	(void)state;
	pcap_header(&i, NS_MAGIC, 1);
	pcap_frame(&i, 0, 0, 0, 60);
	end(&i);
	config.stop = &stop;
	ws_replay_free(load(&config));
	atomic_store(&stop, 1);
	expect_refused(&config, -EINTR, "signal");
}

/* The values come from another implementation of FNV-1a, in Python. */
static void test_hash(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct image i = begin();
	struct ws_replay *r, *again;

	(void)state;
	pcap_header(&i, NS_MAGIC, 1);
	for (uint32_t n = 0; n < 5000; n++) {
		pcap_frame(&i, n, 0, n, 60 + n % 7);
	}
	end(&i);
	r = load(&config);
	assert_int_equal(ws_replay_hash(r, 0), UINT64_C(0xcbf29ce484222325));
	assert_int_equal(ws_replay_hash(r, 1), HASH_1);
	assert_int_equal(ws_replay_hash(r, 2), HASH_2);
	assert_int_equal(ws_replay_hash(r, 4096), HASH_4096);
	assert_int_equal(ws_replay_hash(r, UINT64_MAX), HASH_4096);
	config.speed = 3;
	again = load(&config);
	assert_int_equal(ws_replay_hash(again, 5000), HASH_4096);
	ws_replay_free(again);
	ws_replay_free(r);

	/* More than there are frames is no second round. */
	i = begin();
	pcap_header(&i, NS_MAGIC, 1);
	pcap_frame(&i, 0, 0, 0, 60);
	end(&i);
	r = load(&config);
	assert_int_equal(ws_replay_hash(r, 2), HASH_1);
	ws_replay_free(r);
}

static void test_stdin(void **state)
{
	struct ws_replay_config config = config_at(1);
	int ends[2], saved = dup(STDIN_FILENO);
	struct image i = begin();
	struct blocks file;
	struct ws_replay *r;

	(void)state;
	ng_section(&i);
	ng_interface(&i, 1, 9);
	ng_frame(&i, 0, 0, 5, 60);
	ng_frame(&i, 0, 9, 6, 60);
	end(&i);
	file = scratch_read(NAME);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], file.data, file.len), file.len);
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	config.path = "-";
	r = load(&config);
	expect_times(r, (const int64_t[]){0, 9}, 2);
	expect_frame(r, 1, 6, 0x0800, 60);
	ws_replay_free(r);
	blocks_free(&file);
	if (saved >= 0) {
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

struct walk {
	const struct ws_replay *r;
	uint64_t begin, wrong;
	pthread_t thread;
};

/* Every frame, beginning anywhere. */
static void *walk_all(void *arg)
{
	struct walk *w = arg;
	uint8_t got[64], want[64];

	for (uint64_t n = w->begin; n < w->begin + MANY; n++) {
		uint32_t number = (uint32_t)(n % MANY), len = 18 + number % 43;

		fill(want, len, number, 0x0800);
		w->wrong += ws_replay_write(w->r, got, n) != len || memcmp(got, want, len) != 0 ||
			    ws_replay_times(w->r)[number] != number * INT64_C(1000);
	}
	return NULL;
}

/* More than a chunk of memory, by several threads; all of it, and no more than promised. */
static void test_many(void **state)
{
	struct ws_replay_config config = config_at(1);
	struct walk walks[THREADS];
	struct image i = begin();
	struct ws_replay *r;
	uint64_t bytes = 0;

	(void)state;
	pcap_header(&i, US_MAGIC, 1);
	for (uint32_t n = 0; n < MANY; n++) {
		pcap_frame(&i, n / 1000000, n % 1000000, n, 18 + n % 43);
		bytes += 18 + n % 43;
	}
	end(&i);
	/* At the end of each chunk less than a frame may be left. */
	config.memory_max = bytes + MANY * UINT64_C(16) + bytes / 10000;
	r = load(&config);
	assert_int_equal(ws_replay_counts(r)->kept, MANY);
	assert_int_equal(ws_replay_counts(r)->bytes, bytes);
	for (unsigned k = 0; k < THREADS; k++) {
		walks[k] = (struct walk){.r = r, .begin = k * UINT64_C(1234567)};
		assert_int_equal(pthread_create(&walks[k].thread, NULL, walk_all, &walks[k]), 0);
	}
	for (unsigned k = 0; k < THREADS; k++) {
		pthread_join(walks[k].thread, NULL);
		assert_int_equal(walks[k].wrong, 0);
	}
	ws_replay_free(r);
	ws_replay_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pcap),
		TEST(test_pcapng),
		TEST(test_too_long),
		TEST(test_left_out),
		TEST(test_backwards),
		TEST(test_cut_off),
		TEST(test_no_captures),
		TEST(test_linktypes),
		TEST(test_mixed_linktypes),
		TEST(test_none_can_be_sent),
		TEST(test_speeds),
		TEST(test_long_times),
		TEST(test_wrong_speeds),
		TEST(test_memory_max),
		TEST(test_stop),
		TEST(test_hash),
		TEST(test_stdin),
		TEST(test_many),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
