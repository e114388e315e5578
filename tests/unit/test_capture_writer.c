/* SPDX-License-Identifier: BSD-2-Clause */
/* The capture's writer: one reader or several merged by time, and printers. */
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

static void test_one_reader(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.hardware = true});
	uint64_t nic[2] = {17, UINT64_MAX};
	struct content *c;

	(void)state;
	b->writer.nic_dropped = nic;
	put_many(b, 0, 1000, START_NS, 1000);
	put_packet(b, 0, &(struct packet){.ns = 5, .len = 60, .hardware = true});
	put_packet(b, 0,
		&(struct packet){.ns = START_NS, .len = 60, .lost_kernel = 5, .lost_writer = 2});
	atomic_store(&b->readers[0].counts.untold_kernel, 3);
	atomic_store(&b->readers[0].counts.untold_writer, 4);
	c = run_writer(b);
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
	writer_bench_free(b);
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
	struct bench *b = writer_bench(&(struct wants){.sources = 3});
	struct content *c;

	(void)state;
	put_many(b, 0, 2000, START_NS, 700);
	put_many(b, 1, 900, START_NS + 100000, 1100);
	put_many(b, 2, 10, START_NS + 5, 100000);
	/* Losses stay with their reader's interface. */
	put_packet(b, 2, &(struct packet){.ns = START_NS + 3 * SEC, .len = 50, .lost_kernel = 9});
	atomic_store(&b->readers[1].counts.untold_kernel, 4);
	c = run_writer(b);
	assert_int_equal(c->packets, 2911);
	expect_order(c);
	assert_int_equal(atomic_load(&b->writer.late), 0);
	assert_int_equal(c->usrdeliv, 2911);
	assert_int_equal(c->osdrop, 13);
	assert_int_equal(atomic_load(&b->writer.written[0]), 2000);
	assert_int_equal(atomic_load(&b->writer.written[1]), 900);
	assert_int_equal(atomic_load(&b->writer.written[2]), 11);
	writer_bench_free(b);
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
	struct bench *b = writer_bench(&(struct wants){.sources = 2});
	struct content *c;

	(void)state;
	atomic_store(&b->readers[1].watermark_ns, START_NS + 4000);
	put_many(b, 0, 20, START_NS, 1000);
	writer_then(b, expect_written_5);
	writer_then(b, expect_written_8);
	writer_then(b, expect_written_10);
	c = run_writer(b);
	assert_int_equal(c->packets, 21);
	expect_order(c);
	writer_bench_free(b);
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
	struct bench *b = writer_bench(&(struct wants){.sources = 2, .hold_ns = 30 * MS});

	(void)state;
	put_many(b, 0, 20, START_NS, 1000);
	writer_then(b, expect_written_none);
	writer_then(b, set_mark_back);
	writer_then(b, expect_written_20);
	(void)run_writer(b);
	writer_bench_free(b);
}

/* The order is broken by the step, once. */
static void test_late_ones_are_counted_once(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.sources = 2});

	(void)state;
	put_many(b, 0, 10, START_NS, 1000);
	put_many(b, 0, 10, START_NS - 3600 * SEC, 1000);
	put_many(b, 0, 1, START_NS - 3600 * SEC + 500, 0);
	put_many(b, 0, 1, START_NS - 3600 * SEC + 20000, 0);
	(void)run_writer(b);
	assert_int_equal(atomic_load(&b->writer.late), 2);
	writer_bench_free(b);
}

/* A reader that never began holds nothing back at the end. */
static void finish_at_once(struct bench *b)
{
	atomic_store(&b->writer.finish, 1);
}

static void test_finish_without_marks(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.sources = 2});

	(void)state;
	put_many(b, 0, 20, START_NS, 1000);
	writer_then(b, finish_at_once);
	assert_int_equal(run_writer(b)->packets, 20);
	writer_bench_free(b);
}

/* Times of a card's clock say nothing about the system's: such packets wait for nobody. */
static void expect_written_hardware(struct bench *b)
{
	assert_int_equal(sum(b->writer.written), 1);
}

static void test_hardware_clock_amid_merging(void **state)
{
	struct bench *b = writer_bench(&(struct wants){.sources = 2, .hardware = true});

	(void)state;
	atomic_store(&b->readers[1].watermark_ns, START_NS);
	put_packet(b, 0, &(struct packet){.ns = START_NS + SEC / 2, .len = 60, .hardware = true});
	put_packet(b, 0, &(struct packet){.ns = START_NS + 1000, .len = 60});
	writer_then(b, expect_written_hardware);
	assert_int_equal(run_writer(b)->packets, 2);
	assert_int_equal(atomic_load(&b->writer.late), 0);
	writer_bench_free(b);
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
	struct ws_block_printer printer = {.write = print_two_chunks, .idle = nothing_to_do};
	struct bench *b = writer_bench(&(struct wants){.printer = &printer});

	(void)state;
	printer.arg = b;
	put_many(b, 0, 6000, START_NS, 1000);
	(void)run_writer(b);
	assert_int_equal(atomic_load(&b->writer.error), -EPIPE);
	assert_int_equal(b->printed, 3);
	assert_in_range(sum(b->writer.written), 1, 5999);
	assert_int_equal(scratch_files(), 0);
	writer_bench_free(b);
}

static int cannot_flush(void *arg)
{
	(void)arg;
	return -EIO;
}

/* What is printed may come to light only when it is flushed. */
static void test_printer_fails_when_idle(void **state)
{
	struct ws_block_printer printer = {.write = print_two_chunks, .idle = cannot_flush};
	struct bench *b = writer_bench(&(struct wants){.printer = &printer});

	(void)state;
	printer.arg = b;
	put_many(b, 0, 10, START_NS, 1000);
	writer_then(b, put_more);
	(void)run_writer(b);
	assert_int_equal(atomic_load(&b->writer.error), -EIO);
	assert_int_equal(sum(b->writer.written), 10);
	assert_int_equal(sum(b->writer.lost), 200);
	writer_bench_free(b);
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
		cmocka_unit_test(test_printer_fails),
		cmocka_unit_test(test_printer_fails_when_idle),
	};

	return cmocka_run_group_tests_name("capture_writer", tests, enter, scratch_leave);
}
