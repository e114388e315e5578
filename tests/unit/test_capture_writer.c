/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture's writer: chunks that a test fills become files, which are read back. Its waiting is where
 * a test does the next thing; when there is nothing left to do it is told to finish.
 */
#include "run/capture_writer.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <zstd.h>

#include "fake/sys_fake.h"
#include "unit/scratch.h"

#define SEC	  1000000000LL
#define MS	  1000000LL
#define START_NS  1795314600000000000LL /* 2026-11-22T02:30:00Z */
#define SOURCES	  4
#define STEPS	  16
#define FILES_MAX 2000
#define KIB	  ((size_t)1 << 10)

struct bench {
	struct ws_chunks *chunks[SOURCES];
	struct ws_reader readers[SOURCES], *list[SOURCES];
	struct ws_chunk *open[SOURCES];
	unsigned sources;
	struct blocks header;
	struct ws_capfile *file;
	struct ws_writer writer;
	void (*steps[STEPS])(struct bench *b);
	unsigned step_count, step;
	uint32_t sent; /* packets, which are numbered */
	uint64_t printed;
	uint32_t state;
};

static struct bench bench;

int __real_ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns);
int __wrap_ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns);

int __wrap_ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	struct bench *b = &bench;

	if (b->step < b->step_count) {
		b->steps[b->step++](b);
	} else {
		for (unsigned i = 0; i < b->sources; i++) {
			atomic_store(&b->readers[i].watermark_ns, INT64_MAX);
		}
		atomic_store(&b->writer.finish, 1);
	}
	return __real_ws_sys_poll(fds, n, timeout_ns);
}

static void set_clock(int64_t wall_ns)
{
	sys_fake_kernel.realtime_offset_ns = wall_ns - *sys_fake_clock();
}

struct wants {
	unsigned sources; /* 0: one */
	bool hardware;	  /* each source has two clocks */
	uint64_t rotate_size;
	int64_t rotate_ns, hold_ns;
	unsigned keep;
	bool zstd;
	const struct ws_block_printer *printer;
};

static struct bench *setup(const struct wants *w)
{
	struct bench *b = &bench;
	const struct ws_capfile_config file = {
		.path = "a.pcapng",
		.series = w->rotate_size || w->rotate_ns,
		.compress = w->zstd ? WS_COMPRESS_ZSTD : WS_COMPRESS_NONE,
	};
	struct ws_writer_config config = {
		.readers = b->list,
		.printer = w->printer,
		.rotate_size = w->rotate_size,
		.rotate_ns = w->rotate_ns,
		.hold_ns = w->hold_ns,
		.started_ns = START_NS,
		.wake_fd = -1,
		.compressed = w->zstd,
	};

	memset(b, 0, sizeof(*b));
	sys_fake_reset();
	*sys_fake_clock() = 1000 * SEC;
	set_clock(START_NS);
	b->state = 1;
	b->sources = w->sources ? w->sources : 1;
	b->header = blocks_header();
	for (unsigned i = 0; i < b->sources; i++) {
		struct ws_reader *r = &b->readers[i];

		assert_int_equal(ws_chunks_new(&b->chunks[i], 16 << 20, -1), 0);
		b->list[i] = r;
		r->c.chunks = b->chunks[i];
		r->c.has_hardware = w->hardware;
		r->c.system_id = config.ids++;
		r->c.hardware_id = w->hardware ? config.ids++ : 0;
		atomic_store(&r->watermark_ns, INT64_MIN);
	}
	config.reader_count = b->sources;
	config.header = b->header.data;
	config.header_len = b->header.len;
	if (!w->printer) {
		assert_int_equal(ws_capfile_new(&b->file, &file), 0);
		assert_int_equal(
			ws_capfile_begin(b->file, START_NS, b->header.data, b->header.len), 0);
		config.file = b->file;
	}
	assert_int_equal(ws_writer_init(&b->writer, &config), 0);
	return b;
}

static void teardown(struct bench *b)
{
	scratch_limit(RLIM_INFINITY);
	ws_writer_free(&b->writer);
	ws_capfile_free(b->file);
	for (unsigned i = 0; i < b->sources; i++) {
		ws_chunks_free(b->chunks[i]);
	}
	blocks_free(&b->header);
	scratch_empty();
	sys_fake_reset();
}

static void then(struct bench *b, void (*step)(struct bench *b))
{
	assert_true(b->step_count < STEPS);
	b->steps[b->step_count++] = step;
}

static void nothing(struct bench *b)
{
	(void)b;
}

static void hand_over(struct bench *b, unsigned source)
{
	if (b->open[source]) {
		ws_chunks_put(b->chunks[source], b->open[source]);
		b->open[source] = NULL;
	}
}

struct packet {
	int64_t ns;
	uint32_t len;
	uint64_t lost_kernel, lost_writer;
	bool hardware;
};

/* As a reader does it. Noise, that no compressor makes small. */
static void put(struct bench *b, unsigned source, const struct packet *packet)
{
	const struct ws_reader *r = &b->readers[source];
	uint8_t data[2000];
	struct ws_pcapng_packet p = {
		.interface = packet->hardware ? r->c.hardware_id : r->c.system_id,
		.ns = packet->ns,
		.data = data,
		.len = packet->len,
		.wire_len = packet->len,
		.dropcount = packet->lost_kernel + packet->lost_writer,
	};
	struct ws_chunk *k = b->open[source];

	for (uint32_t i = 0; i < packet->len; i++) {
		b->state = b->state * 1664525 + 1013904223;
		data[i] = (uint8_t)(b->state >> 16);
	}
	memcpy(data, &b->sent, sizeof(b->sent));
	b->sent++;
	if (k && k->used >= WS_CHUNK_FULL) {
		hand_over(b, source);
		k = NULL;
	}
	if (!k) {
		k = b->open[source] = ws_chunks_take(b->chunks[source]);
		assert_non_null(k);
	}
	k->used += (uint32_t)ws_pcapng_put_packet(k->data + k->used, WS_CHUNK_SIZE - k->used, &p);
	k->counts.packets[packet->hardware]++;
	k->counts.lost_kernel += packet->lost_kernel;
	k->counts.lost_writer += packet->lost_writer;
}

/* What files hold. */
struct content {
	unsigned packets, files, statistics;
	uint32_t numbers[100000];
	int64_t times[100000];
	uint64_t sizes[FILES_MAX];
	unsigned file_packets[FILES_MAX];
	int64_t first_ns[FILES_MAX], last_ns[FILES_MAX];
	/* sums of the statistics */
	uint64_t usrdeliv, osdrop, filteraccept, ifdrop;
	bool ends_with_statistics;
};

static struct content content;

/* A counter's option of a block of statistics; 0 without. */
static uint64_t counter(const uint8_t *block, uint32_t len, uint16_t code)
{
	for (uint32_t at = 20; at + 8 < len;) {
		uint16_t option[2];
		uint64_t value;

		memcpy(option, block + at, 4);
		if (option[0] == code && option[1] == 8) {
			memcpy(&value, block + at + 4, 8);
			return value;
		}
		at += 4 + (option[1] + 3u) / 4 * 4;
	}
	return 0;
}

static void read_blocks(struct content *c, const struct blocks *all, const struct bench *b)
{
	struct ws_pcapng_block k;
	unsigned file = c->files++;
	size_t at = b->header.len;

	assert_true(c->files <= FILES_MAX);
	assert_true(all->len >= at);
	assert_memory_equal(all->data, b->header.data, at);
	c->ends_with_statistics = false;
	for (; ws_pcapng_look(all->data + at, all->len - at, &k); at += k.len) {
		const uint8_t *block = all->data + at;
		struct ws_pcapng_packet p;

		if (k.type == WS_PCAPNG_STATISTICS) {
			c->statistics++;
			c->ends_with_statistics = true;
			c->ifdrop += counter(block, k.len, 5);
			c->filteraccept += counter(block, k.len, 6);
			c->osdrop += counter(block, k.len, 7);
			c->usrdeliv += counter(block, k.len, 8);
			continue;
		}
		/* Statistics come last. */
		assert_false(c->ends_with_statistics);
		assert_true(ws_pcapng_get_packet(block, k.len, &p));
		memcpy(&c->numbers[c->packets], p.data, 4);
		c->times[c->packets] = p.ns;
		if (!c->file_packets[file]++) {
			c->first_ns[file] = p.ns;
		}
		c->last_ns[file] = p.ns;
		c->packets++;
	}
	/* Whole blocks and nothing else. */
	assert_int_equal(at, all->len);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* All files of the directory, in the order of their names. */
static struct content *read_files(const struct bench *b)
{
	struct content *c = &content;
	struct dirent **names;
	int n = scandir(".", &names, NULL, by_name);

	memset(c, 0, sizeof(*c));
	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		struct stat st;

		assert_int_equal(stat(names[i]->d_name, &st), 0);
		if (S_ISREG(st.st_mode)) {
			struct blocks raw = scratch_read(names[i]->d_name), plain = {0};

			c->sizes[c->files] = raw.len;
			if (b->writer.c.compressed) {
				ZSTD_DCtx *z = ZSTD_createDCtx();
				ZSTD_inBuffer in = {raw.data, raw.len, 0};
				ZSTD_outBuffer out = {NULL, 64 << 20, 0};

				plain.data = out.dst = malloc(out.size);
				assert_non_null(plain.data);
				while (in.pos < in.size) {
					assert_false(
						ZSTD_isError(ZSTD_decompressStream(z, &out, &in)));
				}
				plain.len = out.pos;
				ZSTD_freeDCtx(z);
				read_blocks(c, &plain, b);
			} else {
				read_blocks(c, &raw, b);
			}
			blocks_free(&plain);
			blocks_free(&raw);
		}
		free(names[i]);
	}
	free(names);
	return c;
}

static uint64_t sum(const _Atomic uint64_t counts[WS_WRITER_SOURCES])
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WS_WRITER_SOURCES; i++) {
		n += atomic_load(&counts[i]);
	}
	return n;
}

/* Runs to the end: each packet is in a file or counted as lost, and in no file twice. */
static struct content *run(struct bench *b)
{
	static bool seen[100000];
	struct content *c;

	for (unsigned i = 0; i < b->sources; i++) {
		hand_over(b, i);
	}
	ws_writer_run(&b->writer);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(atomic_load(&b->writer.done), 1);
	assert_int_equal(sum(b->writer.written) + sum(b->writer.lost), b->sent);
	c = read_files(b);
	memset(seen, 0, sizeof(seen));
	if (b->file) {
		assert_int_equal(c->packets, sum(b->writer.written));
		for (unsigned i = 0; i < c->packets; i++) {
			assert_true(c->numbers[i] < b->sent && !seen[c->numbers[i]]);
			seen[c->numbers[i]] = true;
		}
	}
	return c;
}

static void expect_order(const struct content *c)
{
	for (unsigned i = 1; i < c->packets; i++) {
		assert_true(c->times[i] >= c->times[i - 1]);
	}
}

static void put_many(
	struct bench *b, unsigned source, unsigned count, int64_t from_ns, int64_t gap_ns)
{
	for (unsigned i = 0; i < count; i++) {
		put(b, source,
			&(struct packet){.ns = from_ns + i * gap_ns, .len = 40 + i * 37 % 1400});
	}
}

static void test_one_reader(void **state)
{
	struct bench *b = setup(&(struct wants){.hardware = true});
	uint64_t nic[2] = {17, UINT64_MAX};
	struct content *c;

	(void)state;
	b->writer.nic_dropped = nic;
	put_many(b, 0, 1000, START_NS, 1000);
	put(b, 0, &(struct packet){.ns = 5, .len = 60, .hardware = true});
	put(b, 0, &(struct packet){.ns = START_NS, .len = 60, .lost_kernel = 5, .lost_writer = 2});
	atomic_store(&b->readers[0].counts.untold_kernel, 3);
	atomic_store(&b->readers[0].counts.untold_writer, 4);
	c = run(b);
	assert_int_equal(c->packets, 1002);
	for (unsigned i = 0; i < c->packets; i++) {
		assert_int_equal(c->numbers[i], i);
	}
	assert_true(c->ends_with_statistics);
	assert_int_equal(c->statistics, 2);
	assert_int_equal(c->usrdeliv, 1002 + 2 + 4);
	assert_int_equal(c->osdrop, 5 + 3);
	assert_int_equal(c->filteraccept, c->usrdeliv + c->osdrop);
	assert_int_equal(c->ifdrop, 17);
	assert_int_equal(atomic_load(&b->writer.error), 0);
	teardown(b);
}

static void test_too_many_readers(void **state)
{
	struct ws_writer w;

	(void)state;
	assert_int_equal(
		ws_writer_init(&w, &(struct ws_writer_config){.reader_count = 257, .ids = 1}),
		-EINVAL);
	ws_writer_free(&w);
}

/* Packets of three readers, at times that interleave. */
static void test_merged_by_time(void **state)
{
	struct bench *b = setup(&(struct wants){.sources = 3});
	struct content *c;

	(void)state;
	put_many(b, 0, 2000, START_NS, 700);
	put_many(b, 1, 900, START_NS + 100000, 1100);
	put_many(b, 2, 10, START_NS + 5, 100000);
	/* Losses stay with their reader's interface. */
	put(b, 2, &(struct packet){.ns = START_NS + 3 * SEC, .len = 50, .lost_kernel = 9});
	atomic_store(&b->readers[1].counts.untold_kernel, 4);
	c = run(b);
	assert_int_equal(c->packets, 2911);
	expect_order(c);
	assert_int_equal(atomic_load(&b->writer.late), 0);
	assert_int_equal(c->usrdeliv, 2911);
	assert_int_equal(c->osdrop, 13);
	assert_int_equal(atomic_load(&b->writer.written[0]), 2000);
	assert_int_equal(atomic_load(&b->writer.written[1]), 900);
	assert_int_equal(atomic_load(&b->writer.written[2]), 11);
	teardown(b);
}

static void expect_written_5(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 5);
	/* The other one has nothing up to here. */
	atomic_store(&b->readers[1].watermark_ns, START_NS + 7000);
}

static void expect_written_8(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 8);
	put_many(b, 1, 1, START_NS + 7500, 0);
	hand_over(b, 1);
	/* It has been handed over before the mark says so. */
	atomic_store(&b->readers[1].watermark_ns, START_NS + 8000);
}

static void expect_written_10(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 10);
}

/* A packet waits until nothing earlier can come, and no longer. */
static void test_watermarks(void **state)
{
	struct bench *b = setup(&(struct wants){.sources = 2});
	struct content *c;

	(void)state;
	atomic_store(&b->readers[1].watermark_ns, START_NS + 4000);
	put_many(b, 0, 20, START_NS, 1000);
	then(b, expect_written_5);
	then(b, expect_written_8);
	then(b, expect_written_10);
	c = run(b);
	assert_int_equal(c->packets, 21);
	expect_order(c);
	teardown(b);
}

/* Before a reader has said anything, everything waits for it. */
static void expect_written_none(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 0);
}

static void set_mark_back(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 0);
	/* A reader that is idle looks at a clock that was set back. */
	atomic_store(&b->readers[1].watermark_ns, START_NS - 3600 * SEC);
}

static void expect_written_20(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 20);
}

static void test_clock_set_back_amid_merging(void **state)
{
	struct bench *b = setup(&(struct wants){.sources = 2, .hold_ns = 30 * MS});

	(void)state;
	put_many(b, 0, 20, START_NS, 1000);
	then(b, expect_written_none);
	then(b, set_mark_back);
	then(b, expect_written_20);
	(void)run(b);
	teardown(b);
}

/* The order is broken by the step, once. */
static void test_late_ones_are_counted_once(void **state)
{
	struct bench *b = setup(&(struct wants){.sources = 2});

	(void)state;
	put_many(b, 0, 10, START_NS, 1000);
	put_many(b, 0, 10, START_NS - 3600 * SEC, 1000);
	put_many(b, 0, 1, START_NS - 3600 * SEC + 500, 0);
	put_many(b, 0, 1, START_NS - 3600 * SEC + 20000, 0);
	(void)run(b);
	assert_int_equal(atomic_load(&b->writer.late), 2);
	teardown(b);
}

/* A reader that never began holds nothing back at the end. */
static void finish_at_once(struct bench *b)
{
	atomic_store(&b->writer.finish, 1);
}

static void test_finish_without_marks(void **state)
{
	struct bench *b = setup(&(struct wants){.sources = 2});

	(void)state;
	put_many(b, 0, 20, START_NS, 1000);
	then(b, finish_at_once);
	assert_int_equal(run(b)->packets, 20);
	teardown(b);
}

/* Times of a card's clock say nothing about the system's: such packets wait for nobody. */
static void expect_written_hardware(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 1);
}

static void test_hardware_clock_amid_merging(void **state)
{
	struct bench *b = setup(&(struct wants){.sources = 2, .hardware = true});

	(void)state;
	atomic_store(&b->readers[1].watermark_ns, START_NS);
	put(b, 0, &(struct packet){.ns = START_NS + 37 * SEC, .len = 60, .hardware = true});
	put(b, 0, &(struct packet){.ns = START_NS + 1000, .len = 60});
	then(b, expect_written_hardware);
	assert_int_equal(run(b)->packets, 2);
	assert_int_equal(atomic_load(&b->writer.late), 0);
	teardown(b);
}

static void test_rotation_by_size(void **state)
{
	static const uint64_t sizes[] = {1, 3000, 100000, 1 << 20};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct bench *b = setup(
			&(struct wants){.sources = i % 2 ? 2 : 1, .rotate_size = sizes[i / 2]});
		unsigned per_source = i < 2 ? 40 : 900;
		struct content *c;

		for (unsigned s = 0; s < b->sources; s++) {
			put_many(b, s, per_source, START_NS + s, 1000);
			put(b, s,
				&(struct packet){.ns = START_NS + SEC,
					.len = 99,
					.lost_kernel = 3,
					.lost_writer = 1});
			put_many(b, s, per_source, START_NS + 2 * SEC + s, 1000);
			atomic_store(&b->readers[s].counts.untold_kernel, 5);
		}
		c = run(b);
		assert_int_equal(c->packets, b->sent);
		expect_order(c);
		assert_int_equal(c->files, 1 + atomic_load(&b->writer.rotations));
		assert_int_equal(c->statistics, c->files * b->sources);
		for (unsigned n = 0; n < c->files; n++) {
			assert_true(c->file_packets[n] > 0);
			assert_true(c->file_packets[n] == 1 || c->sizes[n] <= sizes[i / 2]);
			/* Nor are they much smaller. */
			assert_true(
				n + 1 == c->files || c->sizes[n] + 1500 + 2 * 160 > sizes[i / 2]);
		}
		assert_true(c->files > 1);
		/* The sums over all files are the totals. */
		assert_int_equal(c->usrdeliv, b->sent + b->sources);
		assert_int_equal(c->osdrop, 8 * b->sources);
		teardown(b);
	}
}

static void test_rotation_by_time(void **state)
{
	struct bench *b = setup(&(struct wants){.rotate_ns = 10 * SEC});
	struct content *c;

	(void)state;
	put_many(b, 0, 35, START_NS, SEC); /* 10, 10, 10 and 5 */
	/* A gap: files without packets are not made for it. */
	put_many(b, 0, 10, START_NS + 100 * SEC, SEC);
	/* A little late: stays in its file. */
	put_many(b, 0, 1, START_NS + 99 * SEC + 999 * MS, 0);
	set_clock(START_NS + 109 * SEC);
	c = run(b);
	assert_int_equal(c->files, 5);
	assert_int_equal(c->packets, 46);
	for (unsigned n = 0; n < 5; n++) {
		static const unsigned counts[] = {10, 10, 10, 5, 11};

		assert_int_equal(c->file_packets[n], counts[n]);
		assert_int_equal(c->first_ns[n] % (10 * SEC), 0);
	}
	teardown(b);
}

/* Each period has its file again after the clock was set back. */
static void test_rotation_after_clock_set_back(void **state)
{
	struct bench *b = setup(&(struct wants){.rotate_ns = 10 * SEC});
	struct content *c;

	(void)state;
	put_many(b, 0, 20, START_NS, SEC);
	put_many(b, 0, 20, START_NS - 3600 * SEC, SEC);
	set_clock(START_NS - 3581 * SEC);
	c = run(b);
	assert_int_equal(c->files, 4);
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(c->file_packets[n], 10);
	}
	teardown(b);
}

static void to_10_9_s(struct bench *b)
{
	(void)b;
	*sys_fake_clock() = 1010 * SEC + 900 * MS;
}

static void expect_no_rotation(struct bench *b)
{
	assert_int_equal(atomic_load(&b->writer.rotations), 0);
}

static void to_13_1_s(struct bench *b)
{
	expect_no_rotation(b);
	*sys_fake_clock() = 1013 * SEC + 100 * MS;
}

static void expect_one_rotation(struct bench *b)
{
	assert_int_equal(atomic_load(&b->writer.rotations), 1);
}

static void back_an_hour(struct bench *b)
{
	(void)b;
	set_clock(START_NS - 3600 * SEC);
}

static void expect_two_rotations(struct bench *b)
{
	assert_int_equal(atomic_load(&b->writer.rotations), 2);
}

/* A quiet link's file ends, but not before what readers hold back has come. */
static void test_quiet_rotation(void **state)
{
	struct bench *b = setup(&(struct wants){.rotate_ns = 10 * SEC, .hold_ns = 2 * SEC});
	struct content *c;

	(void)state;
	put_many(b, 0, 1, START_NS, 0);
	then(b, to_10_9_s);
	then(b, nothing);
	then(b, expect_no_rotation);
	then(b, to_13_1_s);
	then(b, nothing);
	then(b, expect_one_rotation);
	then(b, back_an_hour);
	then(b, nothing);
	then(b, expect_two_rotations);
	c = run(b);
	assert_int_equal(c->files, 3);
	assert_int_equal(c->file_packets[0], 1);
	teardown(b);
}

/* Packets with times of a card's clock go to the file of the time at which they come. */
static void put_hardware(struct bench *b)
{
	put(b, 0, &(struct packet){.ns = 77, .len = 60, .hardware = true});
	hand_over(b, 0);
	*sys_fake_clock() += 4 * SEC;
}

static void test_rotation_by_time_with_hardware(void **state)
{
	struct bench *b = setup(
		&(struct wants){.rotate_ns = 10 * SEC, .hardware = true, .hold_ns = 60 * SEC});
	struct content *c;

	(void)state;
	for (int i = 0; i < 8; i++) {
		then(b, put_hardware);
	}
	c = run(b);
	assert_int_equal(c->packets, 8);
	/* Read at about 4, 8, 12, ... 32 s. */
	assert_int_equal(c->files, 4);
	teardown(b);
}

static void ask_for_rotation(struct bench *b)
{
	atomic_fetch_add(&b->writer.rotate_now, 1);
	put_many(b, 0, 5, START_NS + SEC, 1000);
	hand_over(b, 0);
}

static void test_rotation_on_request(void **state)
{
	struct bench *b = setup(&(struct wants){.rotate_size = 1 << 20});
	struct content *c;

	(void)state;
	put_many(b, 0, 10, START_NS, 1000);
	then(b, ask_for_rotation);
	then(b, nothing);
	c = run(b);
	assert_int_equal(c->files, 2);
	assert_int_equal(c->packets, 15);
	teardown(b);
}

/* The next file's name is taken by a directory: the current one goes on. */
static void test_rotation_fails(void **state)
{
	for (int zstd = 0; zstd < 2; zstd++) {
		struct bench *b = setup(&(struct wants){.rotate_ns = 10 * SEC, .zstd = zstd});
		struct content *c;

		(void)state;
		assert_int_equal(mkdir("a_00002_20261122T023010Z.pcapng", 0777), 0);
		put_many(b, 0, 40, START_NS, SEC);
		set_clock(START_NS + 39 * SEC);
		c = run(b);
		assert_int_equal(c->packets, 40);
		assert_int_equal(atomic_load(&b->writer.rotate_failures), 1);
		assert_int_equal(atomic_load(&b->writer.rotate_error), -EISDIR);
		assert_int_equal(atomic_load(&b->writer.error), 0);
		assert_int_equal(c->files, 3);
		assert_int_equal(c->file_packets[0], 20);
		assert_int_equal(c->file_packets[1], 10);
		/* The statistics of the first file are those of all that it holds. */
		assert_int_equal(c->usrdeliv, 40);
		teardown(b);
	}
}

static void put_more(struct bench *b)
{
	for (unsigned s = 0; s < b->sources; s++) {
		put_many(b, s, 200, START_NS + (b->step + 1) * SEC, 1000);
		hand_over(b, s);
		atomic_store(&b->readers[s].watermark_ns, START_NS + (b->step + 2) * SEC);
	}
	/* Time for a flush now and then. */
	*sys_fake_clock() += 600 * MS;
}

/* Files can be no longer than so much, everywhere in them: what is counted as written is there. */
static void test_full_disk(void **state)
{
	static const struct wants kinds[] = {
		{0},
		{.sources = 3},
		{.zstd = true},
		{.sources = 2, .zstd = true},
		{.rotate_size = 300 * KIB},
		{.sources = 2, .rotate_size = 300 * KIB, .zstd = true},
		{.rotate_ns = 2 * SEC},
		{.rotate_ns = 2 * SEC, .zstd = true},
	};
	unsigned failed = 0;

	(void)state;
	for (unsigned kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		for (size_t limit = 200; limit < 2000 * KIB; limit = limit * 5 / 3 + 1) {
			struct bench *b = setup(&kinds[kind]);
			struct content *c;

			for (unsigned i = 0; i < 6; i++) {
				then(b, put_more);
			}
			put_many(b, 0, 300, START_NS, 1000);
			scratch_limit(limit);
			c = run(b);
			failed += atomic_load(&b->writer.error) != 0;
			if (atomic_load(&b->writer.error)) {
				assert_int_equal(atomic_load(&b->writer.error), -EFBIG);
			} else {
				assert_int_equal(c->packets, b->sent);
				assert_int_equal(c->usrdeliv, b->sent);
			}
			assert_true(c->sizes[0] <= limit);
			teardown(b);
		}
	}
	/* The test is about these. */
	assert_true(failed > 40);
}

static int print_two_chunks(void *arg, const uint8_t *blocks, size_t len)
{
	struct bench *b = arg;

	assert_int_equal(blocks_whole(blocks, len), len);
	return b->printed++ < 2 ? 0 : -EPIPE;
}

static int nothing_to_do(void *arg)
{
	(void)arg;
	return 0;
}

static void test_printer_fails(void **state)
{
	const struct ws_block_printer printer = {
		.write = print_two_chunks, .idle = nothing_to_do, .arg = &bench};
	struct bench *b = setup(&(struct wants){.printer = &printer});

	(void)state;
	put_many(b, 0, 6000, START_NS, 1000);
	(void)run(b);
	assert_int_equal(atomic_load(&b->writer.error), -EPIPE);
	assert_int_equal(b->printed, 3);
	assert_in_range(sum(b->writer.written), 1, 5999);
	assert_int_equal(scratch_files(), 0);
	teardown(b);
}

static int cannot_flush(void *arg)
{
	(void)arg;
	return -EIO;
}

/* What is printed may come to light only when it is flushed. */
static void test_printer_fails_when_idle(void **state)
{
	const struct ws_block_printer printer = {
		.write = print_two_chunks, .idle = cannot_flush, .arg = &bench};
	struct bench *b = setup(&(struct wants){.printer = &printer});

	(void)state;
	put_many(b, 0, 10, START_NS, 1000);
	then(b, put_more);
	(void)run(b);
	assert_int_equal(atomic_load(&b->writer.error), -EIO);
	assert_int_equal(sum(b->writer.written), 10);
	assert_int_equal(sum(b->writer.lost), 200);
	teardown(b);
}

static int enter(void **state)
{
	signal(SIGXFSZ, SIG_IGN);
	return scratch_enter(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_reader),
		cmocka_unit_test(test_too_many_readers),
		cmocka_unit_test(test_merged_by_time),
		cmocka_unit_test(test_watermarks),
		cmocka_unit_test(test_clock_set_back_amid_merging),
		cmocka_unit_test(test_late_ones_are_counted_once),
		cmocka_unit_test(test_finish_without_marks),
		cmocka_unit_test(test_hardware_clock_amid_merging),
		cmocka_unit_test(test_rotation_by_size),
		cmocka_unit_test(test_rotation_by_time),
		cmocka_unit_test(test_rotation_after_clock_set_back),
		cmocka_unit_test(test_quiet_rotation),
		cmocka_unit_test(test_rotation_by_time_with_hardware),
		cmocka_unit_test(test_rotation_on_request),
		cmocka_unit_test(test_rotation_fails),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_printer_fails),
		cmocka_unit_test(test_printer_fails_when_idle),
	};

	return cmocka_run_group_tests_name("capture_writer", tests, enter, scratch_leave);
}
