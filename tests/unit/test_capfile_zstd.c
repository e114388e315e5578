// SPDX-License-Identifier: BSD-2-Clause
/* Compressed capture files: whatever happens, a file can be unpacked, and all bytes are told of. */
#include "file/capfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "unit/blocks.h"
#include "unit/scratch.h"

#define WALL 1795314600000000000 /* 2026-11-22T02:30:00Z */
#define KIB  ((size_t)1 << 10)
#define MIB  ((size_t)1 << 20)
#define NAME "a.pcapng.zst"

/* Unpacked by the library's own reader, frame after frame. */
static struct blocks unpack(const struct blocks *packed, size_t *ret_frames)
{
	struct blocks b = {.size = 32 * MIB};
	size_t off = 0;

	*ret_frames = 0;
	b.data = malloc(b.size);
	assert_non_null(b.data);
	while (off < packed->len) {
		size_t n = ZSTD_findFrameCompressedSize(packed->data + off, packed->len - off);
		size_t len;

		assert_false(ZSTD_isError(n));
		len = ZSTD_decompress(b.data + b.len, b.size - b.len, packed->data + off, n);
		assert_false(ZSTD_isError(len));
		/* Frames end where blocks end. */
		assert_int_equal(blocks_whole(b.data + b.len, len), len);
		b.len += len;
		off += n;
		++*ret_frames;
	}
	return b;
}

/* The file is one frame, which is whole. */
static struct blocks read_back(void)
{
	size_t frames;
	struct blocks packed = scratch_read(NAME), b = unpack(&packed, &frames);

	assert_int_equal(frames, 1);
	blocks_free(&packed);
	return b;
}

static struct ws_capfile *make(const char *path, bool series)
{
	const struct ws_capfile_config config = {
		.path = path, .series = series, .compress = WS_COMPRESS_ZSTD};
	struct ws_capfile *f = NULL;

	assert_int_equal(ws_capfile_new(&f, &config), 0);
	return f;
}

static int begin(struct ws_capfile *f, const struct blocks *header)
{
	return ws_capfile_begin(f, WALL, header->data, header->len);
}

/* How the calls of a run went. */
struct run {
	size_t taken; /* bytes of blocks that are to be in the file */
	int result;   /* of the last call */
};

/* Writes all by calls of about step bytes, until one fails. */
static struct run write_all(struct ws_capfile *f, const struct blocks *all, size_t step)
{
	struct run run = {0};

	for (size_t off = 0; off < all->len && run.result == 0;) {
		size_t most = all->len - off < step ? all->len - off : step;
		size_t len = blocks_whole(all->data + off, most), kept = SIZE_MAX;
		uint64_t lost = UINT64_MAX;

		assert_true(len > 0);
		run.result = ws_capfile_write(f, all->data + off, len, &kept, &lost);
		if (run.result == 0) {
			assert_int_equal(kept, len);
			assert_int_equal(lost, 0);
		} else {
			assert_true(kept < len);
			assert_true(lost < MIB);
			assert_true(lost == 0 || kept == 0);
			assert_int_equal(lost, ws_capfile_lost(f));
			/* Whole calls are lost. */
			assert_int_equal(blocks_whole(all->data, off - lost), off - lost);
		}
		run.taken += kept;
		run.taken -= lost;
		off += len;
	}
	return run;
}

static void test_small_calls(void **state)
{
	struct blocks header = blocks_header(), footer = blocks_footer(1), got;
	struct blocks all = blocks_packets(3 * MIB + 300 * KIB, 1, 0);
	struct ws_capfile *f = make(NAME, false);

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	/* The header can be read at once. */
	got = read_back();
	assert_int_equal(got.len, header.len);
	blocks_free(&got);
	assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
	assert_true(ws_capfile_bytes(f) < all.len / 5);
	assert_int_equal(ws_capfile_end(f, footer.data, footer.len), 0);
	got = read_back();
	assert_int_equal(got.len, header.len + all.len + footer.len);
	assert_memory_equal(got.data, header.data, header.len);
	assert_memory_equal(got.data + header.len, all.data, all.len);
	assert_memory_equal(got.data + header.len + all.len, footer.data, footer.len);
	assert_int_equal(ws_capfile_lost(f), 0);
	ws_capfile_free(f);
	blocks_free(&got);
	blocks_free(&all);
	blocks_free(&header);
	blocks_free(&footer);
}

static void test_large_call(void **state)
{
	struct blocks header = blocks_header(), got, all = blocks_packets(4 * MIB + 5, 1, 1);
	struct ws_capfile *f = make(NAME, false);
	size_t first = blocks_whole(all.data, 5000), kept;
	uint64_t lost;

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	assert_int_equal(ws_capfile_write(f, all.data, first, &kept, &lost), 0);
	assert_int_equal(ws_capfile_write(f, all.data + first, all.len - first, &kept, &lost), 0);
	assert_int_equal(kept, all.len - first);
	/* Nothing of it is held back. */
	got = read_back();
	assert_int_equal(got.len, header.len + all.len);
	assert_memory_equal(got.data + header.len, all.data, all.len);
	ws_capfile_free(f);
	blocks_free(&got);
	blocks_free(&all);
	blocks_free(&header);
}

/* One block that is longer than a piece would be, and bytes that are no blocks. */
static void test_what_cannot_be_split(void **state)
{
	struct blocks header = blocks_header();
	const uint32_t len = 3 * MIB;
	uint8_t *data = calloc(1, len);

	(void)state;
	assert_non_null(data);
	for (int block = 0; block < 2; block++) {
		struct ws_capfile *f = make(NAME, false);
		size_t kept;
		uint64_t lost;

		if (block) {
			memcpy(data, "\xad\x0b\0\0", 4);
			memcpy(data + 4, &len, 4);
			memcpy(data + len - 4, &len, 4);
		}
		assert_int_equal(begin(f, &header), 0);
		assert_int_equal(ws_capfile_write(f, data, len, &kept, &lost), 0);
		assert_int_equal(kept, len);
		assert_int_equal(ws_capfile_end(f, NULL, 0), 0);
		ws_capfile_free(f);
	}
	{
		struct blocks got = read_back();

		assert_int_equal(got.len, header.len + len);
		assert_memory_equal(got.data + header.len, data, len);
		blocks_free(&got);
	}
	free(data);
	blocks_free(&header);
}

static void test_flush(void **state)
{
	struct blocks header = blocks_header(), all = blocks_packets(50 * KIB, 2, 1), got;
	struct ws_capfile *f = make(NAME, false);
	uint64_t bytes;

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
		assert_int_equal(ws_capfile_flush(f), 0);
		/* With nothing to flush nothing comes. */
		bytes = ws_capfile_bytes(f);
		assert_int_equal(ws_capfile_flush(f), 0);
		assert_int_equal(ws_capfile_bytes(f), bytes);
		got = read_back();
		assert_int_equal(got.len, header.len + all.len * i);
		blocks_free(&got);
	}
	/* Freed without an end, what was taken is in the file. */
	assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
	ws_capfile_free(f);
	got = read_back();
	assert_int_equal(got.len, header.len + all.len * 4);
	blocks_free(&got);
	blocks_free(&all);
	blocks_free(&header);
}

/* The disk is full somewhere; calls are short, or longer than a piece, or both in turn. */
static void test_full_disk(void **state)
{
	static const size_t steps[] = {64 * KIB, 700 * KIB, 3 * MIB};
	struct blocks header = blocks_header(), footer = blocks_footer(2);
	struct blocks all = blocks_packets(3 * MIB + 200 * KIB, 3, 1);
	/* It cannot be compressed: so lengths in the file are about those of the blocks. */
	const size_t most = all.len + 64 * KIB;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned failed = 0, lost_some = 0, kept_some = 0;

		for (size_t limit = 200; limit < most; limit += most / 23) {
			struct ws_capfile *f = make(NAME, false);
			struct run run;
			struct blocks got;
			int end;

			scratch_limit(limit);
			assert_int_equal(begin(f, &header), 0);
			run = write_all(f, &all, steps[i]);
			end = ws_capfile_end(f, footer.data, footer.len);
			scratch_limit(RLIM_INFINITY);
			got = read_back();
			if (run.result < 0) {
				assert_int_equal(run.result, -EFBIG);
				assert_int_equal(end, 0);
			} else if (end < 0) {
				/* What was held back had to be written at the end. */
				run.taken -= ws_capfile_lost(f);
			}
			failed += run.result < 0 || end < 0;
			lost_some += ws_capfile_lost(f) > 0;
			kept_some += run.result < 0 && run.taken > 0;
			assert_true(got.len >= header.len + run.taken);
			assert_true(got.len <= header.len + run.taken + footer.len);
			assert_memory_equal(got.data, header.data, header.len);
			assert_memory_equal(got.data + header.len, all.data, run.taken);
			if (run.result < 0) {
				assert_int_equal(got.len, header.len + run.taken);
			}
			blocks_free(&got);
			ws_capfile_free(f);
		}
		assert_true(failed >= 20);
		assert_true(kept_some >= 5);
		/* Calls longer than a piece hold nothing back. */
		assert_true(steps[i] > MIB || lost_some >= 5);
	}
	blocks_free(&all);
	blocks_free(&header);
	blocks_free(&footer);
}

static void test_full_disk_at_the_flush(void **state)
{
	struct blocks header = blocks_header(), all = blocks_packets(50 * KIB, 4, 1), got;
	/* Others: the same would be short. */
	struct blocks more = blocks_packets(60 * KIB, 5, 1);
	struct ws_capfile *f = make(NAME, false);
	size_t kept;
	uint64_t lost;

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
	assert_int_equal(ws_capfile_flush(f), 0);
	assert_int_equal(write_all(f, &more, 10 * KIB).result, 0);
	scratch_limit(ws_capfile_bytes(f) + 20 * KIB);
	assert_int_equal(ws_capfile_flush(f), -EFBIG);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(ws_capfile_lost(f), more.len);
	/* Told once. */
	assert_int_equal(ws_capfile_write(f, all.data, 0, &kept, &lost), -EFBIG);
	assert_int_equal(kept, 0);
	assert_int_equal(lost, 0);
	assert_int_equal(ws_capfile_flush(f), -EFBIG);
	assert_int_equal(ws_capfile_end(f, header.data, header.len), 0);
	assert_int_equal(ws_capfile_lost(f), more.len);
	got = read_back();
	assert_int_equal(got.len, header.len + all.len);
	ws_capfile_free(f);
	blocks_free(&got);
	blocks_free(&all);
	blocks_free(&more);
	blocks_free(&header);
}

static void test_header_does_not_fit(void **state)
{
	struct blocks header = blocks_header();
	struct ws_capfile *f = make(NAME, false);
	struct blocks got;

	(void)state;
	for (unsigned limit = 0; limit < 40; limit += 3) {
		scratch_limit(limit);
		assert_int_equal(begin(f, &header), -EFBIG);
		scratch_limit(RLIM_INFINITY);
		assert_int_equal(scratch_files(), 0);
	}
	assert_int_equal(begin(f, &header), 0);
	assert_int_equal(ws_capfile_end(f, NULL, 0), 0);
	got = read_back();
	assert_int_equal(got.len, header.len);
	ws_capfile_free(f);
	blocks_free(&got);
	blocks_free(&header);
}

static void test_series(void **state)
{
	struct blocks header = blocks_header(), footer = blocks_footer(3), got, packed;
	struct blocks all = blocks_packets(50 * KIB, 4, 1);
	struct ws_capfile *f = make("a.pcapng", true);
	size_t frames;
	char *first;

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	first = strdup(ws_capfile_path(f));
	assert_non_null(first);
	assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
	/* There is no room for the footer: the file goes on, and holds what was taken. */
	assert_int_equal(ws_capfile_flush(f), 0);
	scratch_limit(ws_capfile_bytes(f) + 20);
	assert_int_equal(
		ws_capfile_rotate(f, WALL, header.data, header.len, footer.data, footer.len),
		-EFBIG);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(scratch_files(), 1);
	packed = scratch_read(first);
	got = unpack(&packed, &frames);
	assert_int_equal(frames, 1);
	assert_int_equal(got.len, header.len + all.len);
	blocks_free(&packed);
	blocks_free(&got);
	/* Twice: and what comes after the cut is cut as well. */
	scratch_limit(ws_capfile_bytes(f) + 20);
	assert_int_equal(
		ws_capfile_rotate(f, WALL, header.data, header.len, footer.data, footer.len),
		-EFBIG);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
	assert_int_equal(
		ws_capfile_rotate(f, WALL, header.data, header.len, footer.data, footer.len), 0);
	assert_int_equal(write_all(f, &all, 10 * KIB).result, 0);
	assert_int_equal(ws_capfile_end(f, footer.data, footer.len), 0);
	for (int i = 0; i < 2; i++) {
		packed = scratch_read(i == 0 ? first : ws_capfile_path(f));
		got = unpack(&packed, &frames);
		assert_int_equal(frames, 2 - i);
		assert_int_equal(got.len, header.len + all.len * (2 - i) + footer.len);
		assert_memory_equal(got.data + header.len, all.data, all.len);
		assert_memory_equal(got.data + got.len - footer.len, footer.data, footer.len);
		blocks_free(&packed);
		blocks_free(&got);
	}
	free(first);
	ws_capfile_free(f);
	blocks_free(&all);
	blocks_free(&header);
	blocks_free(&footer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small_calls),
		TEST(test_large_call),
		TEST(test_what_cannot_be_split),
		TEST(test_flush),
		TEST(test_full_disk),
		TEST(test_full_disk_at_the_flush),
		TEST(test_header_does_not_fit),
		TEST(test_series),
	};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGXFSZ, &ignore, NULL);
	return cmocka_run_group_tests_name("capfile_zstd", tests, NULL, NULL);
}
