/* SPDX-License-Identifier: BSD-2-Clause */
/* The capture's reader: order, how long packets wait, watermarks, and clocks that are set. */
#include "unit/reader_bench.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "fake/sys_fake.h"

/* Groups of seven, turned round. */
static void turn_round(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	v->stamp.time.ns = b->start_ns + 1000LL * (number / 7 * 7 + 6 - number % 7);
}

/* Within a chunk by sorting in, across its end by what is kept back. */
static void test_order_is_restored(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	b->edit = turn_round;
	reader_then(b, send_many);
	reader_then(b, send_many);
	reader_then(b, send_many);
	reader_bench_run(b);
	expect_all(b, 3 * MANY);
	/* More than one end of a chunk lies within a group. */
	assert_true(3 * MANY * 1400 > 6 * WS_CHUNK_FULL);
	expect_order(b, 0, 3 * MANY);
	assert_int_equal(count_of(&b->reader.counts.late), 0);
	reader_bench_free(b);
}

static void one_is_late(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	if (number == 20) {
		v->stamp.time.ns = b->start_ns - 1000;
	}
}

static void advance_a_second(struct bench *b)
{
	io_fake_advance(b->wire, 1000 * MS);
}

static void test_late_ones_are_counted(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	b->edit = one_is_late;
	reader_then(b, send_10);
	reader_then(b, do_nothing); /* long enough for those to be handed over */
	reader_then(b, send_10);
	reader_then(b, send_10);
	reader_bench_run(b);
	expect_all(b, 30);
	assert_int_equal(count_of(&b->reader.counts.late), 1);
	/* First in its chunk, as far forward as it can go. */
	expect_order(b, 0, 10);
	reader_bench_free(b);
}

static void expect_held(struct bench *b)
{
	drain(b);
	assert_int_equal(b->got_count, 0);
}

static void expect_flushed(struct bench *b)
{
	drain(b);
	assert_int_equal(b->got_count, 10);
}

static void test_idle_flush(void **state)
{
	struct bench *b = reader_bench(&(struct wants){.reader.flush_ns = 20 * MS});
	int64_t start = *sys_fake_clock();

	(void)state;
	reader_then(b, send_10);
	reader_then(b, expect_held);
	/* It waits no longer than the packets may wait. */
	reader_then(b, expect_flushed);
	reader_bench_run(b);
	assert_in_range(*sys_fake_clock() - start, 20 * MS, 21 * MS + 50 * MS);
	reader_bench_free(b);
}

/* The promise: what is handed over later was stamped at or after it (by the system's clock). */
static void check_mark(struct bench *b)
{
	int64_t mark = atomic_load(&b->reader.watermark_ns);
	unsigned before = b->got_count;

	drain(b);
	for (unsigned i = before; i < b->got_count; i++) {
		/* Handed over by now: it is not concerned. */
		assert_true(b->got[i].ns > 0);
	}
	for (uint32_t n = b->got_count; n < b->sent; n++) {
		assert_true(mark <= io_fake_truth(b->wire, 0, n).arrival_ns + OFFSET_NS);
	}
	/* What is still under way could be stamped just now. */
	assert_true(mark <= io_fake_now(b->wire) + OFFSET_NS);
}

static void send_10_and_check(struct bench *b)
{
	check_mark(b);
	send_frames(b, 100, 10);
}

static void expect_mark_near(struct bench *b)
{
	int64_t now = io_fake_now(b->wire) + OFFSET_NS;

	drain(b);
	assert_int_equal(b->got_count, b->sent);
	/* Everything is handed over: the mark follows the clock. */
	assert_true(atomic_load(&b->reader.watermark_ns) > now - 100 * MS);
}

static void test_watermark(void **state)
{
	for (int hold = 0; hold < 2; hold++) {
		struct bench *b = reader_bench(
			&(struct wants){.reader.merged = true, .hold_ns = hold ? 10 * MS : 0});

		(void)state;
		assert_int_equal(atomic_load(&b->reader.watermark_ns), INT64_MIN);
		reader_then(b, send_10_and_check);
		reader_then(b, send_10_and_check);
		reader_then(b, check_mark);
		reader_then(b, send_10_and_check);
		reader_then(b, advance_a_second);
		reader_then(b, do_nothing);
		reader_then(b, do_nothing);
		reader_then(b, expect_mark_near);
		reader_bench_run(b);
		expect_all(b, 30);
		expect_order(b, 0, 30);
		reader_bench_free(b);
	}
}

/* The card's clock is 37 s ahead: no mark has anything of it, not while packets come either. */
static void look_at_mark(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)v, (void)number;
	assert_true(atomic_load(&b->reader.watermark_ns) <= io_fake_now(b->wire) + OFFSET_NS);
}

/* One in four falls back to the system's clock. */
static void mixed_clocks(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	look_at_mark(b, v, number);
	if (number % 4 == 0) {
		v->stamp.origin = WS_ORIGIN_SOFTWARE;
		v->stamp.time.ns -= TAI_NS;
	}
}

static void send_many_and_check(struct bench *b)
{
	check_mark(b);
	send_frames(b, 1400, MANY);
}

/* A card's clock, 37 s ahead, moves no mark. */
static void test_watermark_with_hardware(void **state)
{
	for (int mixed = 0; mixed < 2; mixed++) {
		struct bench *b = reader_bench(
			&(struct wants){.reader.merged = true, .hw_clock = WS_CLOCK_PHC});

		(void)state;
		b->edit = mixed ? mixed_clocks : look_at_mark;
		reader_then(b, send_many_and_check);
		reader_then(b, send_many_and_check);
		reader_then(b, check_mark);
		reader_then(b, advance_a_second);
		reader_then(b, do_nothing);
		reader_then(b, do_nothing);
		reader_then(b, expect_mark_near);
		reader_bench_run(b);
		expect_all(b, 2 * MANY);
		for (unsigned i = 0; i < 2 * MANY; i++) {
			bool system = mixed && b->got[i].number % 4 == 0;

			assert_int_equal(b->got[i].interface, system ? SYSTEM_ID : HW_ID);
		}
		assert_int_equal(count_of(&b->reader.counts.origins[WS_ORIGIN_HARDWARE]),
			mixed ? 2 * MANY * 3 / 4 : 2 * MANY);
		assert_int_equal(count_of(&b->reader.counts.late), 0);
		reader_bench_free(b);
	}
}

/* Looked at amid a run of packets without a pause. */
static int64_t mark_when_busy;

static void note_mark(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	if (number >= 256) {
		mark_when_busy = atomic_load(&b->reader.watermark_ns);
	}
	v->lost_before = 1; /* such blocks are not kept back */
}

/* One look gives 256 packets at most: chunks end while there is no pause. */
static void test_a_busy_reader_gives_marks(void **state)
{
	for (int hardware = 0; hardware < 2; hardware++) {
		struct bench *b = reader_bench(&(struct wants){.reader.merged = true,
			.hw_clock = hardware ? WS_CLOCK_PHC : WS_CLOCK_NONE});

		(void)state;
		mark_when_busy = INT64_MIN;
		b->edit = note_mark;
		send_frames(b, 1400, MANY);
		reader_bench_run(b);
		assert_true(mark_when_busy > b->start_ns - 10 * MS);
		assert_true(mark_when_busy <= io_fake_now(b->wire) + OFFSET_NS);
		reader_bench_free(b);
	}
}

static uint32_t step_at;

/* An hour back at one packet; those before and behind it a little out of order. */
static void set_back_amid(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	turn_round(b, v, number);
	if (number >= step_at) {
		v->stamp.time.ns -= 3600000 * MS;
	}
}

/* Packets from before the step are not kept back until the clock has caught up, wherever in a chunk. */
static void test_clock_set_back(void **state)
{
	const uint32_t chunk = WS_CHUNK_FULL / 1432;

	(void)state;
	for (step_at = 7; step_at < 2 * MANY; step_at += step_at < chunk - 20	? chunk - 40
							 : step_at < chunk + 20 ? 7
										: 1000) {
		struct bench *b = reader_bench(&(struct wants){.reader.merged = step_at % 2});

		/* A group begins with it. */
		step_at -= step_at % 7;
		b->edit = set_back_amid;
		reader_then(b, send_many);
		reader_then(b, send_many);
		reader_bench_run(b);
		expect_all(b, 2 * MANY);
		for (unsigned i = 0; i < 2 * MANY; i++) {
			assert_int_equal(b->got[i].number >= step_at, i >= step_at);
		}
		expect_order(b, 0, step_at);
		expect_order(b, step_at, 2 * MANY);
		assert_int_equal(count_of(&b->reader.counts.late), 1);
		reader_bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_restored),
		cmocka_unit_test(test_late_ones_are_counted),
		cmocka_unit_test(test_idle_flush),
		cmocka_unit_test(test_watermark),
		cmocka_unit_test(test_watermark_with_hardware),
		cmocka_unit_test(test_a_busy_reader_gives_marks),
		cmocka_unit_test(test_clock_set_back),
	};

	return cmocka_run_group_tests_name("capture_reader_times", tests, NULL, NULL);
}
