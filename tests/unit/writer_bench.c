/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/writer_bench.h"

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <zstd.h>

#include "fake/sys_fake.h"

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

void set_clock(int64_t wall_ns)
{
	sys_fake_kernel.realtime_offset_ns = wall_ns - *sys_fake_clock();
}

struct bench *writer_bench(const struct wants *w)
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

void writer_bench_free(struct bench *b)
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

void writer_then(struct bench *b, void (*step)(struct bench *b))
{
	assert_true(b->step_count < STEPS);
	b->steps[b->step_count++] = step;
}

void do_nothing(struct bench *b)
{
	(void)b;
}

void hand_over(struct bench *b, unsigned source)
{
	if (b->open[source]) {
		ws_chunks_put(b->chunks[source], b->open[source]);
		b->open[source] = NULL;
	}
}

void put_packet(struct bench *b, unsigned source, const struct packet *packet)
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

uint64_t sum(const _Atomic uint64_t counts[WS_WRITER_SOURCES])
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WS_WRITER_SOURCES; i++) {
		n += atomic_load(&counts[i]);
	}
	return n;
}

struct content *run_writer(struct bench *b)
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

void expect_order(const struct content *c)
{
	for (unsigned i = 1; i < c->packets; i++) {
		assert_true(c->times[i] >= c->times[i - 1]);
	}
}

void put_many(struct bench *b, unsigned source, unsigned count, int64_t from_ns, int64_t gap_ns)
{
	for (unsigned i = 0; i < count; i++) {
		put_packet(b, source,
			&(struct packet){.ns = from_ns + i * gap_ns, .len = 40 + i * 37 % 1400});
	}
}

void put_more(struct bench *b)
{
	for (unsigned s = 0; s < b->sources; s++) {
		put_many(b, s, 200, START_NS + (b->step + 1) * SEC, 1000);
		hand_over(b, s);
		atomic_store(&b->readers[s].watermark_ns, START_NS + (b->step + 2) * SEC);
	}
	/* Time for a flush now and then. */
	*sys_fake_clock() += 600 * MS;
}
