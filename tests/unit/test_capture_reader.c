/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture's reader on a wire in memory. Its waiting is where a test does the next thing, so that
 * everything happens in one thread and in the same order in each run.
 */
#include "run/capture_reader.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "fake/io_fake.h"
#include "fake/sys_fake.h"

#define OFFSET_NS 1700000000000000000LL
#define TAI_NS	  37000000000LL
#define MS	  1000000LL
#define SYSTEM_ID 4
#define HW_ID	  5
#define STEPS	  16
#define GOT_MAX	  8000
#define FRAME_MAX 400000
#define MANY	  2000 /* large packets: more than two chunks */

/* One packet that was handed over. */
struct got {
	uint32_t interface, len, wire_len, flags;
	uint32_t number; /* by which it was sent */
	int64_t ns;
	uint64_t dropcount;
	bool comment;
};

struct bench {
	struct io_fake_wire *wire;
	struct ws_io *tx, *rx;
	struct ws_chunks *chunks;
	struct ws_capture_shared shared;
	struct ws_reader reader;
	/* What happens while it waits: then it is told to stop. */
	void (*steps[STEPS])(struct bench *b);
	unsigned step_count, step;
	/* Changes what comes from the wire; number counts the packets. */
	void (*edit)(struct bench *b, struct ws_io_view *v, uint32_t number);
	int error_after_stop; /* told once, by the first look after the stop */
	uint32_t sent, seen;
	struct got *got;
	unsigned got_count;
	uint64_t told_kernel, told_writer; /* by the chunks' counts */
	int64_t start_ns;		   /* CLOCK_REALTIME */
};

static struct bench bench;
static struct ws_io_ops ops;

static int hooked_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct bench *b = &bench;

	if (b->step < b->step_count) {
		b->steps[b->step++](b);
	} else {
		atomic_store(&b->shared.stop, 1);
		return 0;
	}
	return io_fake_ops.wait(io, deadline_ns);
}

static int hooked_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct bench *b = &bench;
	int n;

	if (b->error_after_stop && atomic_load(&b->shared.stop) && b->seen) {
		n = b->error_after_stop;
		b->error_after_stop = 0;
		return n;
	}
	n = io_fake_ops.rx_peek(io, views, max);
	for (int i = 0; i < n; i++) {
		if (b->edit) {
			b->edit(b, &views[i], b->seen);
		}
		b->seen++;
	}
	return n;
}

struct wants {
	struct ws_reader_config reader;
	uint64_t rx_buffer;
	unsigned chunks;
	enum ws_clock hw_clock;
	int64_t hold_ns;
};

static struct bench *setup(const struct wants *w)
{
	struct bench *b = &bench;
	struct io_fake_options options = {
		.clock = sys_fake_clock(),
		.realtime_offset_ns = OFFSET_NS,
		.hw_clock = w->hw_clock,
		.hw_offset_ns = OFFSET_NS + TAI_NS,
		.hold_ns = w->hold_ns,
		.frame_ns = 1000,
	};
	struct ws_io_config tx = {.dirs = WS_IO_TX, .frame_max = FRAME_MAX, .tx_batch = 1};
	struct ws_io_config rx = {
		.dirs = WS_IO_RX,
		.rx_stamps = true,
		.frame_max = FRAME_MAX,
		.rx_buffer = w->rx_buffer ? w->rx_buffer : 64 << 20,
		.rx_hw_clock = w->hw_clock,
	};
	struct ws_reader_config config = w->reader;

	memset(b, 0, sizeof(*b));
	sys_fake_reset();
	sys_fake_kernel.realtime_offset_ns = OFFSET_NS;
	b->start_ns = *sys_fake_clock() + OFFSET_NS;
	b->wire = io_fake_new(&options);
	assert_non_null(b->wire);
	tx.ifindex = io_fake_ifindex(b->wire, 0);
	rx.ifindex = io_fake_ifindex(b->wire, 1);
	assert_int_equal(io_fake_ops.open(&b->tx, &tx), 0);
	assert_int_equal(io_fake_ops.open(&b->rx, &rx), 0);
	ops = io_fake_ops;
	ops.wait = hooked_wait;
	ops.rx_peek = hooked_peek;
	b->rx->ops = &ops;
	atomic_store(&b->shared.packets_left, INT64_MAX);
	assert_int_equal(ws_chunks_new(&b->chunks,
				 (uint64_t)(w->chunks ? w->chunks : 16) * WS_CHUNK_SIZE, -1),
		0);
	b->got = calloc(GOT_MAX, sizeof(*b->got));
	assert_non_null(b->got);
	config.io = b->rx;
	config.chunks = b->chunks;
	config.shared = &b->shared;
	config.system_id = SYSTEM_ID;
	config.has_hardware = w->hw_clock != WS_CLOCK_NONE;
	config.hardware_id = HW_ID;
	config.flags = true;
	config.flush_ns = config.flush_ns ? config.flush_ns : 15 * MS;
	assert_int_equal(ws_reader_init(&b->reader, &config), 0);
	return b;
}

static void teardown(struct bench *b)
{
	ws_reader_free(&b->reader);
	ws_chunks_free(b->chunks);
	io_fake_ops.close(b->rx);
	io_fake_ops.close(b->tx);
	io_fake_free(b->wire);
	free(b->got);
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

static void send_frames(struct bench *b, uint32_t len, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct ws_io_tx tx = {.len = len};
		struct ws_io_slot slot;

		assert_int_equal(io_fake_ops.tx_reserve(b->tx, &slot, 1), 1);
		memset(slot.data, 0x11, len);
		memcpy(slot.data + 14, &b->sent, sizeof(b->sent));
		b->sent++;
		assert_int_equal(io_fake_ops.tx_submit(b->tx, &tx, 1), 1);
		assert_int_equal(tx.status, 0);
	}
}

/* The writer's part: takes all chunks, and checks each against its own counts. */
static void drain(struct bench *b)
{
	struct ws_chunk *k;

	while ((k = ws_chunks_get(b->chunks)) != NULL) {
		uint64_t packets[WS_CHUNK_IDS] = {0}, told = 0;
		struct ws_pcapng_packet p;
		struct ws_pcapng_block block;
		uint32_t at = 0;

		assert_true(k->used > 0);
		for (; ws_pcapng_look(k->data + at, k->used - at, &block); at += block.len) {
			struct got *g = &b->got[b->got_count++];

			assert_true(b->got_count <= GOT_MAX);
			assert_true(ws_pcapng_get_packet(k->data + at, block.len, &p));
			assert_true(p.interface == SYSTEM_ID || p.interface == HW_ID);
			packets[p.interface == HW_ID]++;
			told += p.dropcount;
			*g = (struct got){
				.interface = p.interface,
				.len = p.len,
				.wire_len = p.wire_len,
				.flags = p.flags,
				.ns = p.ns,
				.dropcount = p.dropcount,
				.comment = memmem(k->data + at, block.len, "sum", 3) != NULL,
			};
			memcpy(&g->number, p.data + 14, sizeof(g->number));
		}
		assert_int_equal(at, k->used);
		assert_int_equal(packets[0], k->counts.packets[0]);
		assert_int_equal(packets[1], k->counts.packets[1]);
		assert_int_equal(told, k->counts.lost_kernel + k->counts.lost_writer);
		b->told_kernel += k->counts.lost_kernel;
		b->told_writer += k->counts.lost_writer;
		ws_chunks_give_back(b->chunks, k);
	}
}

static uint64_t count_of(const _Atomic uint64_t *n)
{
	return atomic_load(n);
}

/* Runs to the end: every packet and every loss is then told of exactly once. */
static void run(struct bench *b)
{
	const struct ws_reader_counts *c = &b->reader.counts;
	uint64_t origins = 0;

	ws_reader_run(&b->reader);
	drain(b);
	assert_int_equal(atomic_load(&b->reader.done), 1);
	assert_int_equal(atomic_load(&b->reader.watermark_ns), INT64_MAX);
	assert_int_equal(count_of(&c->offered), count_of(&c->received) + count_of(&c->dropped));
	assert_int_equal(count_of(&c->received),
		count_of(&c->filtered) + b->got_count + count_of(&c->dropped_writer));
	assert_int_equal(
		count_of(&c->dropped_writer), b->told_writer + count_of(&c->untold_writer));
	for (int i = 0; i < WS_ORIGIN_COUNT; i++) {
		origins += count_of(&c->origins[i]);
	}
	assert_int_equal(origins + count_of(&c->filtered), count_of(&c->received));
}

static void expect_order(const struct bench *b, unsigned from, unsigned to)
{
	for (unsigned i = from + 1; i < to; i++) {
		assert_true(b->got[i].ns >= b->got[i - 1].ns);
	}
}

/* All numbers were handed over, each once. */
static void expect_all(const struct bench *b, uint32_t count)
{
	bool *seen = calloc(count, 1);

	assert_non_null(seen);
	assert_int_equal(b->got_count, count);
	for (unsigned i = 0; i < count; i++) {
		assert_true(b->got[i].number < count && !seen[b->got[i].number]);
		seen[b->got[i].number] = true;
	}
	free(seen);
}

static void send_300(struct bench *b)
{
	send_frames(b, 100, 300);
}

static void test_packets_become_blocks(void **state)
{
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	then(b, send_300);
	then(b, send_300);
	run(b);
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
	teardown(b);
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
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	b->edit = all_kinds;
	then(b, send_8);
	run(b);
	expect_all(b, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(b->got[i].flags, flags[i]);
	}
	teardown(b);
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
		struct bench *b = setup(&(struct wants){.reader.user_stamps = user});

		(void)state;
		b->edit = odd_stamps;
		then(b, send_8);
		run(b);
		expect_all(b, 8);
		assert_int_equal(count_of(&b->reader.counts.origins[WS_ORIGIN_USER]), user ? 8 : 4);
		assert_int_equal(
			count_of(&b->reader.counts.origins[WS_ORIGIN_SOFTWARE]), user ? 0 : 2);
		assert_int_equal(
			count_of(&b->reader.counts.origins[WS_ORIGIN_AT_COPY]), user ? 0 : 2);
		for (unsigned i = 0; i < 8; i++) {
			assert_true(b->got[i].ns >= b->start_ns);
		}
		teardown(b);
	}
}

/* Groups of seven, turned round. */
static void turn_round(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	v->stamp.time.ns = b->start_ns + 1000LL * (number / 7 * 7 + 6 - number % 7);
}

static void send_many(struct bench *b)
{
	send_frames(b, 1400, MANY);
}

/* Within a chunk by sorting in, across its end by what is kept back. */
static void test_order_is_restored(void **state)
{
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	b->edit = turn_round;
	then(b, send_many);
	then(b, send_many);
	then(b, send_many);
	run(b);
	expect_all(b, 3 * MANY);
	/* More than one end of a chunk lies within a group. */
	assert_true(3 * MANY * 1400 > 6 * WS_CHUNK_FULL);
	expect_order(b, 0, 3 * MANY);
	assert_int_equal(count_of(&b->reader.counts.late), 0);
	teardown(b);
}

static void one_is_late(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	if (number == 20) {
		v->stamp.time.ns = b->start_ns - 1000;
	}
}

static void send_10(struct bench *b)
{
	send_frames(b, 100, 10);
}

static void advance_a_second(struct bench *b)
{
	io_fake_advance(b->wire, 1000 * MS);
}

static void test_late_ones_are_counted(void **state)
{
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	b->edit = one_is_late;
	then(b, send_10);
	then(b, nothing); /* long enough for those to be handed over */
	then(b, send_10);
	then(b, send_10);
	run(b);
	expect_all(b, 30);
	assert_int_equal(count_of(&b->reader.counts.late), 1);
	/* First in its chunk, as far forward as it can go. */
	expect_order(b, 0, 10);
	teardown(b);
}

static void lose_some(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
	v->lost_before = number == 3 ? 6 : number == 5 ? 2 : 0;
	v->lost_spread = number == 5;
}

static void test_losses_are_told(void **state)
{
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	b->edit = lose_some;
	then(b, send_8);
	run(b);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(b->got[i].dropcount, i == 3 ? 6 : i == 5 ? 2 : 0);
		assert_int_equal(b->got[i].comment, i == 5);
	}
	assert_int_equal(b->told_kernel, 8);
	assert_int_equal(b->told_writer, 0);
	assert_int_equal(count_of(&b->reader.counts.lost_spread), 1);
	teardown(b);
}

/* The buffer holds four. */
static void test_a_full_buffer(void **state)
{
	struct bench *b = setup(&(struct wants){.rx_buffer = 1});
	const struct ws_reader_counts *c = &b->reader.counts;

	(void)state;
	then(b, send_10);
	then(b, send_10);
	run(b);
	assert_int_equal(count_of(&c->dropped), 12);
	assert_int_equal(b->got_count, 8);
	assert_int_equal(b->got[4].dropcount, 6);
	assert_int_equal(b->told_kernel, 6);
	/* Nothing came after the last ones. */
	assert_int_equal(count_of(&c->untold_kernel), 6);
	teardown(b);
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
	struct bench *b = setup(&(struct wants){.chunks = 2, .reader.flush_ns = 10000 * MS});
	const struct ws_reader_counts *c = &b->reader.counts;
	unsigned kept;

	(void)state;
	b->edit = lose_near_the_end;
	then(b, send_many);
	then(b, drain_and_send_one);
	run(b);
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
	teardown(b);
}

static void test_no_chunk_is_free_until_the_end(void **state)
{
	struct bench *b = setup(&(struct wants){.chunks = 2, .reader.flush_ns = 10000 * MS});
	const struct ws_reader_counts *c = &b->reader.counts;

	(void)state;
	b->edit = lose_near_the_end;
	then(b, send_many);
	run(b);
	assert_true(count_of(&c->dropped_writer) > 0);
	assert_int_equal(count_of(&c->untold_writer), count_of(&c->dropped_writer));
	assert_int_equal(count_of(&c->untold_kernel), 6);
	assert_int_equal(b->told_kernel + b->told_writer, 0);
	teardown(b);
}

static void lose_before_each(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b, (void)number;
	v->lost_before = 1;
}

static void test_limit(void **state)
{
	struct bench *b = setup(&(struct wants){0});
	const struct ws_reader_counts *c = &b->reader.counts;

	(void)state;
	atomic_store(&b->shared.packets_left, 12);
	b->edit = lose_before_each;
	then(b, send_10);
	then(b, send_10);
	then(b, send_10); /* is not reached */
	run(b);
	assert_int_equal(b->got_count, 12);
	assert_int_equal(count_of(&c->received), 20);
	assert_int_equal(count_of(&c->filtered), 8);
	assert_int_equal(atomic_load(&b->shared.stop), 1);
	assert_int_equal(b->step, 2);
	/* Losses before packets beyond the limit are losses all the same. */
	assert_int_equal(b->told_kernel, 12);
	assert_int_equal(count_of(&c->untold_kernel), 8);
	teardown(b);
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
	struct bench *b = setup(&(struct wants){0});
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
	teardown(b);
}

/* What is there when the stop comes is read, more than one look gives. */
static void test_stop_drains(void **state)
{
	static const int errors[] = {0, -ENETDOWN, -ENODEV, -EIO};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct bench *b = setup(&(struct wants){.hold_ns = i == 0 ? 30 * MS : 0});

		b->error_after_stop = errors[i];
		atomic_store(&b->shared.stop, 1);
		send_frames(b, 100, 1000);
		io_fake_advance(b->wire, 30 * MS);
		run(b);
		expect_all(b, 1000);
		assert_int_equal(b->step, 0);
		teardown(b);
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
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	then(b, send_10);
	then(b, take_down);
	then(b, nothing);
	then(b, take_up_and_send);
	then(b, expect_up_once);
	then(b, take_down);
	then(b, remove_it);
	then(b, send_10); /* is not reached */
	run(b);
	expect_all(b, 30);
	assert_int_equal(b->step, 7);
	assert_int_equal(atomic_load(&b->reader.downs), 2);
	assert_int_equal(atomic_load(&b->reader.error), -ENODEV);
	/* The others go on. */
	assert_int_equal(atomic_load(&b->shared.stop), 0);
	teardown(b);
}

static void send_two_sizes(struct bench *b)
{
	send_frames(b, 1000, 10);
	send_frames(b, 60, 10);
}

static void test_snaplen(void **state)
{
	struct bench *b = setup(&(struct wants){.reader.snaplen = 96});

	(void)state;
	then(b, send_two_sizes);
	run(b);
	expect_all(b, 20);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(b->got[i].len, i < 10 ? 96 : 60);
		assert_int_equal(b->got[i].wire_len, i < 10 ? 1000 : 60);
	}
	assert_int_equal(count_of(&b->reader.counts.truncated), 10);
	assert_int_equal(count_of(&b->reader.counts.bytes), 10600);
	teardown(b);
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
	struct bench *b = setup(&(struct wants){0});

	(void)state;
	b->edit = late_with_losses;
	then(b, send_largest);
	then(b, send_largest);
	run(b);
	expect_all(b, 6);
	for (unsigned i = 0; i < 6; i++) {
		if (b->got[i].wire_len == FRAME_MAX) {
			assert_in_range(b->got[i].len, 255 << 10, 256 << 10);
		}
	}
	assert_int_equal(count_of(&b->reader.counts.truncated), 4);
	teardown(b);
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
	struct bench *b = setup(&(struct wants){.reader.flush_ns = 20 * MS});
	int64_t start = *sys_fake_clock();

	(void)state;
	then(b, send_10);
	then(b, expect_held);
	/* It waits no longer than the packets may wait. */
	then(b, expect_flushed);
	run(b);
	assert_in_range(*sys_fake_clock() - start, 20 * MS, 21 * MS + 50 * MS);
	teardown(b);
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
		struct bench *b = setup(
			&(struct wants){.reader.merged = true, .hold_ns = hold ? 10 * MS : 0});

		(void)state;
		assert_int_equal(atomic_load(&b->reader.watermark_ns), INT64_MIN);
		then(b, send_10_and_check);
		then(b, send_10_and_check);
		then(b, check_mark);
		then(b, send_10_and_check);
		then(b, advance_a_second);
		then(b, nothing);
		then(b, nothing);
		then(b, expect_mark_near);
		run(b);
		expect_all(b, 30);
		expect_order(b, 0, 30);
		teardown(b);
	}
}

/* One in four falls back to the system's clock. */
static void mixed_clocks(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
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
		struct bench *b =
			setup(&(struct wants){.reader.merged = true, .hw_clock = WS_CLOCK_PHC});

		(void)state;
		b->edit = mixed ? mixed_clocks : NULL;
		then(b, send_many_and_check);
		then(b, send_many_and_check);
		then(b, check_mark);
		then(b, advance_a_second);
		then(b, nothing);
		then(b, nothing);
		then(b, expect_mark_near);
		run(b);
		expect_all(b, 2 * MANY);
		for (unsigned i = 0; i < 2 * MANY; i++) {
			bool system = mixed && b->got[i].number % 4 == 0;

			assert_int_equal(b->got[i].interface, system ? SYSTEM_ID : HW_ID);
		}
		assert_int_equal(count_of(&b->reader.counts.origins[WS_ORIGIN_HARDWARE]),
			mixed ? 2 * MANY * 3 / 4 : 2 * MANY);
		assert_int_equal(count_of(&b->reader.counts.late), 0);
		teardown(b);
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
		struct bench *b = setup(&(struct wants){.reader.merged = true,
			.hw_clock = hardware ? WS_CLOCK_PHC : WS_CLOCK_NONE});

		(void)state;
		mark_when_busy = INT64_MIN;
		b->edit = note_mark;
		send_frames(b, 1400, MANY);
		run(b);
		assert_true(mark_when_busy > b->start_ns - 10 * MS);
		assert_true(mark_when_busy <= io_fake_now(b->wire) + OFFSET_NS);
		teardown(b);
	}
}

static void set_back_amid(struct bench *b, struct ws_io_view *v, uint32_t number)
{
	(void)b;
	if (number >= MANY - 300) {
		v->stamp.time.ns -= 3600000 * MS;
	}
}

/* Packets from before the step are not kept back until the clock has caught up. */
static void test_clock_set_back(void **state)
{
	for (int merged = 0; merged < 2; merged++) {
		struct bench *b = setup(&(struct wants){.reader.merged = merged});

		(void)state;
		b->edit = set_back_amid;
		then(b, send_many);
		then(b, send_many);
		run(b);
		expect_all(b, 2 * MANY);
		for (unsigned i = 0; i < 2 * MANY; i++) {
			assert_int_equal(b->got[i].number, i);
		}
		assert_int_equal(count_of(&b->reader.counts.late), 1);
		teardown(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_become_blocks),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_order_is_restored),
		cmocka_unit_test(test_late_ones_are_counted),
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
		cmocka_unit_test(test_idle_flush),
		cmocka_unit_test(test_watermark),
		cmocka_unit_test(test_watermark_with_hardware),
		cmocka_unit_test(test_a_busy_reader_gives_marks),
		cmocka_unit_test(test_clock_set_back),
	};

	return cmocka_run_group_tests_name("capture_reader", tests, NULL, NULL);
}
