/* SPDX-License-Identifier: BSD-2-Clause */
/* The capture's reader: what becomes of packets, of those that are lost, and of interfaces. */
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

static void send_300(struct bench *b)
{
	send_frames(b, 100, 300);
}

static void test_packets_become_blocks(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	reader_then(b, send_300);
	reader_then(b, send_300);
	reader_bench_run(b);
	expect_all(b, 600);
	for (unsigned i = 0; i < 600; i++) {
		assert_int_equal(b->got[i].number, i);
		assert_int_equal(b->got[i].interface, SYSTEM_ID);
		assert_int_equal(b->got[i].len, 100);
		assert_int_equal(b->got[i].wire_len, 100);
		assert_int_equal(b->got[i].dropcount, 0);
		assert_int_equal(b->got[i].ns, io_fake_truth(b->wire, 0, i).arrival_ns + OFFSET_NS);
	}
	assert_int_equal(count_of(&b->reader.counts.received), 600);
	assert_int_equal(count_of(&b->reader.counts.bytes), 60000);
	assert_int_equal(count_of(&b->reader.counts.origins[WS_ORIGIN_SOFTWARE]), 600);
	assert_int_equal(count_of(&b->reader.counts.truncated), 0);
	assert_int_equal(count_of(&b->reader.counts.late), 0);
	reader_bench_free(b);
}

static void all_kinds(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
	v->pkttype = (uint8_t)number; /* beyond PACKET_OUTGOING, too */
}

static void send_8(struct bench *b)
{
	send_frames(b, 100, 8);
}

static void test_flags(void **state)
{
	static const uint32_t flags[8] = {
		[PACKET_BROADCAST] = WS_PCAPNG_INBOUND | WS_PCAPNG_BROADCAST,
		[PACKET_MULTICAST] = WS_PCAPNG_INBOUND | WS_PCAPNG_MULTICAST,
		[PACKET_OTHERHOST] = WS_PCAPNG_INBOUND | WS_PCAPNG_PROMISCUOUS,
		[PACKET_OUTGOING] = WS_PCAPNG_OUTBOUND,
	};
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	b->edit = all_kinds;
	reader_then(b, send_8);
	reader_bench_run(b);
	expect_all(b, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(b->got[i].flags, flags[i]);
	}
	reader_bench_free(b);
}

/* Times that cannot be: the program's own is taken. */
static void odd_stamps(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
	if (number % 4 == 1) {
		v->stamp.origin = WS_ORIGIN_NONE;
	} else if (number % 4 == 2) {
		v->stamp.time.ns = -1;
	} else if (number % 4 == 3) {
		v->stamp.origin = WS_ORIGIN_AT_COPY;
	}
}

static void test_origins(void **state)
{
	for (int user = 0; user < 2; user++) {
		struct bench *b = reader_bench(&(struct wants){.reader.user_stamps = user});

		(void)state;
		b->edit = odd_stamps;
		reader_then(b, send_8);
		reader_bench_run(b);
		expect_all(b, 8);
		assert_int_equal(count_of(&b->reader.counts.origins[WS_ORIGIN_USER]), user ? 8 : 4);
		assert_int_equal(
			count_of(&b->reader.counts.origins[WS_ORIGIN_SOFTWARE]), user ? 0 : 2);
		assert_int_equal(
			count_of(&b->reader.counts.origins[WS_ORIGIN_AT_COPY]), user ? 0 : 2);
		for (unsigned i = 0; i < 8; i++) {
			assert_true(b->got[i].ns >= b->start_ns);
		}
		reader_bench_free(b);
	}
}

static void lose_some(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
	v->lost_before = number == 3 ? 6 : number == 5 ? 2 : 0;
	v->lost_spread = number == 5;
}

static void test_losses_are_told(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	b->edit = lose_some;
	reader_then(b, send_8);
	reader_bench_run(b);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(b->got[i].dropcount, i == 3 ? 6 : i == 5 ? 2 : 0);
		assert_int_equal(b->got[i].comment, i == 5);
	}
	assert_int_equal(b->told_kernel, 8);
	assert_int_equal(b->told_writer, 0);
	assert_int_equal(count_of(&b->reader.counts.lost_spread), 1);
	reader_bench_free(b);
}

/* The buffer holds four. */
static void test_a_full_buffer(void **state)
{
	struct bench *b = reader_bench(&(struct wants){.rx_buffer = 1});
	const struct ws_reader_counts *c = &b->reader.counts;

	(void)state;
	reader_then(b, send_10);
	reader_then(b, send_10);
	reader_bench_run(b);
	assert_int_equal(count_of(&c->dropped), 12);
	assert_int_equal(b->got_count, 8);
	assert_int_equal(b->got[4].dropcount, 6);
	assert_int_equal(b->told_kernel, 6);
	/* Nothing came after the last ones. */
	assert_int_equal(count_of(&c->untold_kernel), 6);
	reader_bench_free(b);
}

static void lose_near_the_end(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
	v->lost_before = number == MANY - 50 || number == MANY - 30 ? 3 : 0;
	v->lost_spread = number == MANY - 50;
}

static void drain_and_send_one(struct bench *b)
{
	drain(b);
	send_frames(b, 1400, 1);
}

/* Two chunks do not hold all of them. */
static void test_no_chunk_is_free(void **state)
{
	struct bench *b = reader_bench(&(struct wants){.chunks = 2, .reader.flush_ns = 10000 * MS});
	const struct ws_reader_counts *c = &b->reader.counts;
	unsigned kept;

	(void)state;
	b->edit = lose_near_the_end;
	reader_then(b, send_many);
	reader_then(b, drain_and_send_one);
	reader_bench_run(b);
	assert_int_equal(count_of(&c->received), MANY + 1);
	kept = b->got_count - 1;
	assert_in_range(kept, 2 * WS_CHUNK_FULL / 1500, 2 * WS_CHUNK_SIZE / 1400);
	assert_int_equal(count_of(&c->dropped_writer), MANY - kept);
	for (unsigned i = 0; i < kept; i++) {
		assert_int_equal(b->got[i].number, i);
		assert_int_equal(b->got[i].dropcount, 0);
	}
	/* The next one that is written says them all, those of the kernel and that they are a sum. */
	assert_int_equal(b->got[kept].number, MANY);
	assert_int_equal(b->got[kept].dropcount, MANY - kept + 6);
	assert_true(b->got[kept].comment);
	assert_int_equal(b->told_kernel, 6);
	assert_int_equal(b->told_writer, MANY - kept);
	assert_int_equal(count_of(&c->untold_kernel), 0);
	assert_int_equal(count_of(&c->lost_spread), 1);
	reader_bench_free(b);
}

static void test_no_chunk_is_free_until_the_end(void **state)
{
	struct bench *b = reader_bench(&(struct wants){.chunks = 2, .reader.flush_ns = 10000 * MS});
	const struct ws_reader_counts *c = &b->reader.counts;

	(void)state;
	b->edit = lose_near_the_end;
	reader_then(b, send_many);
	reader_bench_run(b);
	assert_true(count_of(&c->dropped_writer) > 0);
	assert_int_equal(count_of(&c->untold_writer), count_of(&c->dropped_writer));
	assert_int_equal(count_of(&c->untold_kernel), 6);
	assert_int_equal(b->told_kernel + b->told_writer, 0);
	reader_bench_free(b);
}

static void lose_before_each(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b, (void)number;
	v->lost_before = 1;
}

static void test_limit(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});
	const struct ws_reader_counts *c = &b->reader.counts;

	(void)state;
	atomic_store(&b->shared.packets_left, 12);
	b->edit = lose_before_each;
	reader_then(b, send_10);
	reader_then(b, send_10);
	reader_then(b, send_10); /* is not reached */
	reader_bench_run(b);
	assert_int_equal(b->got_count, 12);
	assert_int_equal(count_of(&c->received), 20);
	assert_int_equal(count_of(&c->filtered), 8);
	assert_int_equal(atomic_load(&b->shared.stop), 1);
	assert_int_equal(b->step, 2);
	/* Losses before packets beyond the limit are losses all the same. */
	assert_int_equal(b->told_kernel, 12);
	assert_int_equal(count_of(&c->untold_kernel), 8);
	reader_bench_free(b);
}

static void *run_reader(void *arg)
{
	ws_reader_run(arg);
	return NULL;
}

static unsigned count_chunks(struct ws_chunks *chunks)
{
	struct ws_chunk *k;
	unsigned n = 0;

	while ((k = ws_chunks_get(chunks)) != NULL) {
		n += (unsigned)k->counts.packets[0];
		ws_chunks_give_back(chunks, k);
	}
	return n;
}

/* Each of two readers has more than half of what is wanted. */
static void test_limit_over_two_readers(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});
	struct ws_io_config config = {.dirs = WS_IO_RX,
		.rx_stamps = true,
		.rx_buffer = 8 << 20,
		.ifindex = io_fake_ifindex(b->wire, 1)};
	struct ws_reader_config second = b->reader.c;
	struct ws_reader other;
	pthread_t threads[2];
	unsigned written;

	(void)state;
	assert_int_equal(io_fake_ops.open(&second.io, &config), 0);
	assert_int_equal(ws_chunks_new(&second.chunks, 4 << 20, -1), 0);
	assert_int_equal(ws_reader_init(&other, &second), 0);
	b->rx->ops = &io_fake_ops;
	atomic_store(&b->shared.packets_left, 1000);
	send_frames(b, 100, 700);
	assert_int_equal(pthread_create(&threads[0], NULL, run_reader, &b->reader), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, run_reader, &other), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	written = count_chunks(b->chunks) + count_chunks(second.chunks);
	assert_int_equal(written, 1000);
	assert_int_equal(count_of(&b->reader.counts.received) + count_of(&other.counts.received),
		1000 + count_of(&b->reader.counts.filtered) + count_of(&other.counts.filtered));
	assert_int_equal(count_of(&b->reader.counts.received), 700);
	ws_reader_free(&other);
	ws_chunks_free(second.chunks);
	io_fake_ops.close(second.io);
	reader_bench_free(b);
}

/* What is there when the stop comes is read, more than one look gives. */
static void test_stop_drains(void **state)
{
	static const int errors[] = {0, -ENETDOWN, -ENODEV, -EIO};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct bench *b = reader_bench(&(struct wants){.hold_ns = i == 0 ? 30 * MS : 0});

		b->error_after_stop = errors[i];
		atomic_store(&b->shared.stop, 1);
		send_frames(b, 100, 1000);
		io_fake_advance(b->wire, 30 * MS);
		reader_bench_run(b);
		expect_all(b, 1000);
		assert_int_equal(b->step, 0);
		reader_bench_free(b);
	}
}

static void take_down(struct bench *b)
{
	io_fake_link(b->wire, 1, false);
}

static void take_up_and_send(struct bench *b)
{
	io_fake_link(b->wire, 1, true);
	send_frames(b, 100, 10);
}

static void expect_up_once(struct bench *b)
{
	assert_int_equal(atomic_load(&b->reader.downs), 1);
	assert_int_equal(atomic_load(&b->reader.ups), 1);
}

static void remove_it(struct bench *b)
{
	send_frames(b, 100, 10);
	io_fake_remove(b->wire);
}

static void test_down_up_gone(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	reader_then(b, send_10);
	reader_then(b, take_down);
	reader_then(b, do_nothing);
	reader_then(b, take_up_and_send);
	reader_then(b, expect_up_once);
	reader_then(b, take_down);
	reader_then(b, remove_it);
	reader_then(b, send_10); /* is not reached */
	reader_bench_run(b);
	expect_all(b, 30);
	assert_int_equal(b->step, 7);
	assert_int_equal(atomic_load(&b->reader.downs), 2);
	assert_int_equal(atomic_load(&b->reader.error), -ENODEV);
	/* The others go on. */
	assert_int_equal(atomic_load(&b->shared.stop), 0);
	reader_bench_free(b);
}

static void send_two_sizes(struct bench *b)
{
	send_frames(b, 1000, 10);
	send_frames(b, 60, 10);
}

static void test_snaplen(void **state)
{
	struct bench *b = reader_bench(&(struct wants){.reader.snaplen = 96});

	(void)state;
	reader_then(b, send_two_sizes);
	reader_bench_run(b);
	expect_all(b, 20);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(b->got[i].len, i < 10 ? 96 : 60);
		assert_int_equal(b->got[i].wire_len, i < 10 ? 1000 : 60);
	}
	assert_int_equal(count_of(&b->reader.counts.truncated), 10);
	assert_int_equal(count_of(&b->reader.counts.bytes), 10600);
	reader_bench_free(b);
}

static void late_with_losses(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	v->lost_before = 5;
	v->lost_spread = true;
	if (number == 2) {
		v->stamp.time.ns = b->start_ns - 1;
	}
}

static void send_largest(struct bench *b)
{
	send_frames(b, 60, 1);
	send_frames(b, FRAME_MAX, 1);
	send_frames(b, FRAME_MAX, 1);
}

/* With every option, behind a chunk that is nearly full, and moved to the front of it. */
static void test_largest_packet(void **state)
{
	struct bench *b = reader_bench(&(struct wants){0});

	(void)state;
	b->edit = late_with_losses;
	reader_then(b, send_largest);
	reader_then(b, send_largest);
	reader_bench_run(b);
	expect_all(b, 6);
	for (unsigned i = 0; i < 6; i++) {
		if (b->got[i].wire_len == FRAME_MAX) {
			assert_in_range(b->got[i].len, 255 << 10, 256 << 10);
		}
	}
	assert_int_equal(count_of(&b->reader.counts.truncated), 4);
	reader_bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_become_blocks),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_losses_are_told),
		cmocka_unit_test(test_a_full_buffer),
		cmocka_unit_test(test_no_chunk_is_free),
		cmocka_unit_test(test_no_chunk_is_free_until_the_end),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_over_two_readers),
		cmocka_unit_test(test_stop_drains),
		cmocka_unit_test(test_down_up_gone),
		cmocka_unit_test(test_snaplen),
		cmocka_unit_test(test_largest_packet),
	};

	return cmocka_run_group_tests_name("capture_reader", tests, NULL, NULL);
}
