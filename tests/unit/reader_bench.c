/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/reader_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pcapng.h"
#include "fake/sys_fake.h"

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

struct bench *reader_bench(const struct wants *w)
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

void reader_bench_free(struct bench *b)
{
	ws_reader_free(&b->reader);
	ws_chunks_free(b->chunks);
	io_fake_ops.close(b->rx);
	io_fake_ops.close(b->tx);
	io_fake_free(b->wire);
	free(b->got);
	sys_fake_reset();
}

void reader_then(struct bench *b, void (*step)(struct bench *b))
{
	assert_true(b->step_count < STEPS);
	b->steps[b->step_count++] = step;
}

void do_nothing(struct bench *b)
{
	(void)b;
}

void send_frames(struct bench *b, uint32_t len, unsigned count)
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

void drain(struct bench *b)
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

uint64_t count_of(const _Atomic uint64_t *n)
{
	return atomic_load(n);
}

void reader_bench_run(struct bench *b)
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

void expect_order(const struct bench *b, unsigned from, unsigned to)
{
	for (unsigned i = from + 1; i < to; i++) {
		assert_true(b->got[i].ns >= b->got[i - 1].ns);
	}
}

void expect_all(const struct bench *b, uint32_t count)
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

void send_many(struct bench *b)
{
	send_frames(b, 1400, MANY);
}

void send_10(struct bench *b)
{
	send_frames(b, 100, 10);
}
