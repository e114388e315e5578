/* SPDX-License-Identifier: BSD-2-Clause */
/* The capture's writer: when files change, and what of them stays on a disk that is full. */
#include "unit/writer_bench.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake/sys_fake.h"

static void test_rotation_by_size(void **state)
{
	static const uint64_t sizes[] = {1, 3000, 100000, 1 << 20};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct bench *b = writer_bench(
			&(struct wants){.sources = i % 2 ? 2 : 1, .rotate_size = sizes[i / 2]});
		unsigned per_source = i < 2 ? 40 : 900;
		struct content *c;

		for (unsigned s = 0; s < b->sources; s++) {
			put_many(b, s, per_source, START_NS + s, 1000);
			put_packet(b, s,
				&(struct packet){.ns = START_NS + SEC,
					.len = 99,
					.lost_kernel = 3,
					.lost_writer = 1});
			put_many(b, s, per_source, START_NS + 2 * SEC + s, 1000);
			atomic_store(&b->readers[s].counts.untold_kernel, 5);
		}
		c = run_writer(b);
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
		writer_bench_free(b);
	}
}

static void test_rotation_by_time(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.rotate_ns = 10 * SEC});
	struct content *c;

	(void)state;
	put_many(b, 0, 35, START_NS, SEC); /* 10, 10, 10 and 5 */
	/* A gap: files without packets are not made for it. */
	put_many(b, 0, 10, START_NS + 100 * SEC, SEC);
	/* A little late: stays in its file. */
	put_many(b, 0, 1, START_NS + 99 * SEC + 999 * MS, 0);
	set_clock(START_NS + 109 * SEC);
	c = run_writer(b);
	assert_int_equal(c->files, 5);
	assert_int_equal(c->packets, 46);
	for (unsigned n = 0; n < 5; n++) {
		static const unsigned counts[] = {10, 10, 10, 5, 11};

		assert_int_equal(c->file_packets[n], counts[n]);
		assert_int_equal(c->first_ns[n] % (10 * SEC), 0);
	}
	writer_bench_free(b);
}

/* Each period has its file again after the clock was set back. */
static void test_rotation_after_clock_set_back(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.rotate_ns = 10 * SEC});
	struct content *c;

	(void)state;
	put_many(b, 0, 20, START_NS, SEC);
	put_many(b, 0, 20, START_NS - 3600 * SEC, SEC);
	set_clock(START_NS - 3581 * SEC);
	c = run_writer(b);
	assert_int_equal(c->files, 4);
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(c->file_packets[n], 10);
	}
	writer_bench_free(b);
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
	struct bench *b = writer_bench(&(struct wants){.rotate_ns = 10 * SEC, .hold_ns = 2 * SEC});
	struct content *c;

	(void)state;
	put_many(b, 0, 1, START_NS, 0);
	writer_then(b, to_10_9_s);
	writer_then(b, do_nothing);
	writer_then(b, expect_no_rotation);
	writer_then(b, to_13_1_s);
	writer_then(b, do_nothing);
	writer_then(b, expect_one_rotation);
	writer_then(b, back_an_hour);
	writer_then(b, do_nothing);
	writer_then(b, expect_two_rotations);
	c = run_writer(b);
	assert_int_equal(c->files, 3);
	assert_int_equal(c->file_packets[0], 1);
	writer_bench_free(b);
}

/* Packets with times of a card's clock go to the file of the time at which they come. */
static void put_hardware(struct bench *b)
{
	put_packet(b, 0, &(struct packet){.ns = 77, .len = 60, .hardware = true});
	hand_over(b, 0);
	*sys_fake_clock() += 4 * SEC;
}

static void test_rotation_by_time_with_hardware(void **state)
{
	struct bench *b = writer_bench(
		&(struct wants){.rotate_ns = 10 * SEC, .hardware = true, .hold_ns = 60 * SEC});
	struct content *c;

	(void)state;
	for (int i = 0; i < 8; i++) {
		writer_then(b, put_hardware);
	}
	c = run_writer(b);
	assert_int_equal(c->packets, 8);
	/* Read at about 4, 8, 12, ... 32 s. */
	assert_int_equal(c->files, 4);
	writer_bench_free(b);
}

static void ask_for_rotation(struct bench *b)
{
	atomic_fetch_add(&b->writer.rotate_now, 1);
	put_many(b, 0, 5, START_NS + SEC, 1000);
	hand_over(b, 0);
}

static void test_rotation_on_request(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.rotate_size = 1 << 20});
	struct content *c;

	(void)state;
	put_many(b, 0, 10, START_NS, 1000);
	writer_then(b, ask_for_rotation);
	writer_then(b, do_nothing);
	c = run_writer(b);
	assert_int_equal(c->files, 2);
	assert_int_equal(c->packets, 15);
	writer_bench_free(b);
}

/* The next file's name is taken by a directory: the current one goes on. */
static void test_rotation_fails(void **state)
{
	for (int zstd = 0; zstd < 2; zstd++) {
		struct bench *b =
			writer_bench(&(struct wants){.rotate_ns = 10 * SEC, .zstd = zstd});
		struct content *c;

		(void)state;
		assert_int_equal(mkdir("a_00002_20261122T023010Z.pcapng", 0777), 0);
		put_many(b, 0, 40, START_NS, SEC);
		set_clock(START_NS + 39 * SEC);
		c = run_writer(b);
		assert_int_equal(c->packets, 40);
		assert_int_equal(atomic_load(&b->writer.rotate_failures), 1);
		assert_int_equal(atomic_load(&b->writer.rotate_error), -EISDIR);
		assert_int_equal(atomic_load(&b->writer.error), 0);
		assert_int_equal(c->files, 3);
		assert_int_equal(c->file_packets[0], 20);
		assert_int_equal(c->file_packets[1], 10);
		/* The statistics of the first file are those of all that it holds. */
		assert_int_equal(c->usrdeliv, 40);
		writer_bench_free(b);
	}
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
			struct bench *b = writer_bench(&kinds[kind]);
			struct content *c;

			for (unsigned i = 0; i < 6; i++) {
				writer_then(b, put_more);
			}
			put_many(b, 0, 300, START_NS, 1000);
			scratch_limit(limit);
			c = run_writer(b);
			failed += atomic_load(&b->writer.error) != 0;
			if (atomic_load(&b->writer.error)) {
				assert_int_equal(atomic_load(&b->writer.error), -EFBIG);
			} else {
				assert_int_equal(c->packets, b->sent);
				assert_int_equal(c->usrdeliv, b->sent);
			}
			assert_true(c->sizes[0] <= limit);
			writer_bench_free(b);
		}
	}
	/* The test is about these. */
	assert_true(failed > 40);
}

static int enter(void **state)
{
	signal(SIGXFSZ, SIG_IGN);
	return scratch_enter(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotation_by_size),
		cmocka_unit_test(test_rotation_by_time),
		cmocka_unit_test(test_rotation_after_clock_set_back),
		cmocka_unit_test(test_quiet_rotation),
		cmocka_unit_test(test_rotation_by_time_with_hardware),
		cmocka_unit_test(test_rotation_on_request),
		cmocka_unit_test(test_rotation_fails),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests_name("capture_writer_files", tests, enter, scratch_leave);
}
