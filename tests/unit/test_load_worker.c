/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers of a load on a wire in memory and a scripted clock: step by step in one thread, so that every run
 * is the same to the nanosecond. What was sent is read from the frames at the other end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/io_fake.h"
#include "fake/sys_fake.h"
#include "run/load_collect.h"
#include "run/load_worker.h"

#define OFFSET_NS   1700000000000000000LL
#define MAX_WORKERS 3
#define MAX_SENT    100000
#define LEN	    60
#define WRITTEN	    0xee
#define HW_CLOCK    ((enum ws_clock)(WS_CLOCK_PHC + 3))

/* Frames carry their number. */
static uint32_t write_number(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	(void)arg;
	(void)intended_ns;
	memset(buf, WRITTEN, LEN);
	memcpy(buf, &n, sizeof(n));
	return LEN;
}

/* Only where a frame is already. */
static uint32_t rewrite_number(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	(void)arg;
	(void)intended_ns;
	for (unsigned i = sizeof(n); i < LEN; i++) {
		assert_int_equal(buf[i], WRITTEN);
	}
	memcpy(buf, &n, sizeof(n));
	return LEN;
}

static const struct ws_frame_source numbers = {
	.write = write_number,
	.rewrite = rewrite_number,
	.len_max = LEN,
	.frame_bits = 512,
	.l1_bits = 672,
};

/*
 * An instance that sends as much as it is let: a bucket that fills with the clock, as behind a shaper.
 */
struct bucket_io {
	struct ws_io io;
	uint8_t slots[WS_LOAD_BLOCK][LEN];
	unsigned head, reserved;
	double tokens, per_ns, most;
	int64_t at_ns;
	uint64_t *sent;
	uint64_t sent_count;
	int64_t call_ns; /* what a call takes */
	bool full;	 /* reserve gives nothing: a ring whose slots are all taken */
};

static int bucket_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max)
{
	struct bucket_io *b = (struct bucket_io *)io;
	unsigned n = 0;

	while (!b->full && n < max && b->reserved < WS_LOAD_BLOCK) {
		slots[n].data = b->slots[(b->head + b->reserved++) % WS_LOAD_BLOCK];
		slots[n++].size = LEN;
	}
	return (int)n;
}

static int bucket_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n)
{
	struct bucket_io *b = (struct bucket_io *)io;
	int64_t now = *sys_fake_clock();
	unsigned done = 0;

	b->tokens += (double)(now - b->at_ns) * b->per_ns;
	b->tokens = b->tokens > b->most ? b->most : b->tokens;
	b->at_ns = now;
	*sys_fake_clock() += b->call_ns;
	assert_true(n <= b->reserved);
	while (done < n && b->tokens >= 1) {
		assert_true(b->sent_count < MAX_SENT);
		memcpy(&b->sent[b->sent_count++], b->slots[b->head], sizeof(uint64_t));
		frames[done++].status = 0;
		b->head = (b->head + 1) % WS_LOAD_BLOCK;
		b->reserved--;
		b->tokens -= 1;
	}
	return (int)done;
}

static int bucket_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max)
{
	(void)io, (void)stamps, (void)max;
	return 0;
}

static unsigned bucket_outstanding(const struct ws_io *io)
{
	(void)io;
	return 0;
}

static void bucket_close(struct ws_io *io)
{
	free(((struct bucket_io *)io)->sent);
	free(io);
}

static const struct ws_io_ops bucket_ops = {
	.name = "bucket",
	.tx_reserve = bucket_reserve,
	.tx_submit = bucket_submit,
	.tx_stamps = bucket_stamps,
	.tx_outstanding = bucket_outstanding,
	.close = bucket_close,
};

static struct bucket_io *bucket_open(double pps, double most)
{
	struct bucket_io *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->io.ops = &bucket_ops;
	b->io.caps = (struct ws_io_caps){.frame_max = LEN, .tx_batch = WS_LOAD_BLOCK};
	b->per_ns = pps * 1e-9;
	b->most = b->tokens = most;
	b->sent = calloc(MAX_SENT, sizeof(*b->sent));
	assert_non_null(b->sent);
	b->call_ns = 500;
	return b;
}

struct bench {
	struct io_fake_wire *wire; /* NULL: buckets */
	struct ws_io *tx[MAX_WORKERS], *rx;
	unsigned workers;
	struct ws_load_shared shared;
	struct ws_plan plan;
	struct ws_spsc *stamps[MAX_WORKERS];
	struct ws_load_worker *worker[MAX_WORKERS];
	struct ws_gaps gaps;
	struct ws_load_collector *collector;
	int64_t start_ns;
	/* how often each number was received, and when the first time */
	unsigned *seen;
	int64_t *at_ns;
	uint64_t received;
	/* sums */
	struct ws_load_worker_stats sum;
};

struct wants {
	unsigned workers, every;
	enum ws_origin stamp;
	bool skip;
	int64_t overtime_ns, catch_up_ns, recover_ns;
	unsigned (*faults)(void *arg, unsigned side, uint64_t n);
	int64_t frame_ns, stamp_delay_ns;
	/* Of HARDWARE: what the card holds at a time, and what the workers believe; 0: any number. */
	unsigned hw_in_flight, in_flight;
	struct bucket_io *bucket;
};

static const struct wants usual = {
	.workers = 1,
	.every = 1,
	.stamp = WS_ORIGIN_SOFTWARE,
};

static struct bench *setup(const struct wants *w, const struct ws_plan *plan)
{
	struct bench *b = aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);
	struct io_fake_options options = {
		.clock = sys_fake_clock(),
		.realtime_offset_ns = OFFSET_NS,
		.delay_ns = 1000,
		.frame_ns = w->frame_ns,
		.stamp_delay_ns = w->stamp_delay_ns,
		.faults = w->faults,
		.hw_clock = HW_CLOCK,
		.hw_offset_ns = 37000000000,
		.hw_in_flight = w->hw_in_flight,
	};

	assert_non_null(b);
	memset(b, 0, sizeof(*b));
	b->plan = *plan;
	b->workers = w->workers;
	b->seen = calloc(MAX_SENT, sizeof(*b->seen));
	b->at_ns = calloc(MAX_SENT, sizeof(*b->at_ns));
	assert_non_null(b->seen);
	assert_non_null(b->at_ns);
	if (!w->bucket) {
		struct ws_io_config rx = {.dirs = WS_IO_RX, .rx_stamps = true};

		sys_fake_reset();
		sys_fake_kernel.clock_step_ns = 20;
		sys_fake_kernel.realtime_offset_ns = OFFSET_NS;
		b->wire = io_fake_new(&options);
		assert_non_null(b->wire);
		rx.ifindex = io_fake_ifindex(b->wire, 1);
		assert_int_equal(io_fake_ops.open(&b->rx, &rx), 0);
	}
	ws_gaps_init(&b->gaps);
	assert_int_equal(ws_load_collector_new(&b->collector, &b->gaps, w->workers, 0), 0);
	b->start_ns = *sys_fake_clock() + 1000000;
	for (unsigned i = 0; i < w->workers; i++) {
		struct ws_load_worker_config config = {
			.plan = &b->plan,
			.source = &numbers,
			.shared = &b->shared,
			.index = i,
			.workers = w->workers,
			.start_ns = b->start_ns,
			.stop_ns = w->overtime_ns ? b->start_ns + w->overtime_ns : INT64_MAX,
			.late_ns = plan->pps.num == 0 ? INT64_MAX
						      : (int64_t)(1e9 / ws_ratio_double(plan->pps)),
			.skip = w->skip,
			.catch_up_ns = w->catch_up_ns,
			.recover_ns = w->recover_ns,
			.stamp = w->stamp,
			.in_flight = w->in_flight,
			.every = w->every,
			.pace = ws_pace_default,
		};

		if (w->bucket) {
			b->tx[i] = &w->bucket->io;
			w->bucket->at_ns = *sys_fake_clock();
		} else {
			struct ws_io_config tx = {
				.dirs = WS_IO_TX,
				.ifindex = io_fake_ifindex(b->wire, 0),
				.tx_batch = WS_LOAD_BLOCK,
				.tx_stages = w->stamp == WS_ORIGIN_SOFTWARE   ? WS_STAGE_DRIVER
					     : w->stamp == WS_ORIGIN_HARDWARE ? WS_STAGE_WIRE
									      : 0,
				.tx_hw_clock =
					w->stamp == WS_ORIGIN_HARDWARE ? HW_CLOCK : WS_CLOCK_NONE,
				.stamp_timeout_ns = 2000000,
			};

			assert_int_equal(io_fake_ops.open(&b->tx[i], &tx), 0);
		}
		config.io = b->tx[i];
		if (w->stamp != WS_ORIGIN_NONE) {
			assert_int_equal(
				ws_spsc_new(&b->stamps[i], 65536, sizeof(struct ws_load_stamp)), 0);
			config.stamps = b->stamps[i];
		}
		assert_int_equal(ws_load_worker_new(&b->worker[i], &config), 0);
		if (w->stamp != WS_ORIGIN_NONE) {
			ws_load_collector_add(b->collector, b->stamps[i],
				&ws_load_worker_public(b->worker[i])->told);
		}
	}
	return b;
}

static void receive(struct bench *b)
{
	struct ws_io_view views[64];
	int n;

	while (b->rx && (n = ws_io_rx_peek(b->rx, views, 64)) > 0) {
		for (int i = 0; i < n; i++) {
			uint64_t number;

			memcpy(&number, views[i].data, sizeof(number));
			assert_true(number < MAX_SENT);
			if (!b->seen[number]++) {
				b->at_ns[number] = views[i].stamp.time.ns - OFFSET_NS - 1000;
			}
			b->received++;
		}
		ws_io_rx_release(b->rx, (unsigned)n);
	}
}

static void add_up(struct bench *b)
{
	for (unsigned i = 0; i < b->workers; i++) {
		const struct ws_load_worker_stats *s = ws_load_worker_stats(b->worker[i]);

		b->sum.due += s->due;
		b->sum.sent += s->sent;
		b->sum.sent_bytes += s->sent_bytes;
		b->sum.failed_bytes += s->failed_bytes;
		b->sum.skipped += s->skipped;
		b->sum.refused += s->refused;
		b->sum.given_up += s->given_up;
		b->sum.again += s->again;
		b->sum.late += s->late;
		b->sum.stalls += s->stalls;
		b->sum.pacer_waits += s->pacer_waits;
		b->sum.stamps_wanted += s->stamps_wanted;
		b->sum.stamps_missing += s->stamps_missing;
		b->sum.stamps_unread += s->stamps_unread;
		b->sum.overran |= s->overran;
		assert_int_equal(atomic_load(&ws_load_worker_public(b->worker[i])->told),
			b->stamps[i] ? UINT64_MAX : 0);
	}
	/* Whatever happens, each packet that was due is one of these. */
	assert_int_equal(
		b->sum.due, b->sum.sent + b->sum.refused + b->sum.given_up + b->sum.skipped);
	assert_int_equal(b->sum.sent_bytes, b->sum.sent * LEN);
	assert_int_equal(b->sum.failed_bytes, (b->sum.refused + b->sum.given_up) * LEN);
}

/* All workers in turn until all are done; `each` may intervene. */
static void finish(struct bench *b, void (*each)(struct bench *b, unsigned steps))
{
	bool going[MAX_WORKERS] = {true, true, true};
	unsigned left = b->workers;

	for (unsigned steps = 0; left; steps++) {
		assert_true(steps < 10000000);
		for (unsigned i = 0; i < b->workers; i++) {
			if (going[i] && !ws_load_worker_step(b->worker[i])) {
				going[i] = false;
				left--;
			}
		}
		if (each) {
			each(b, steps);
		}
		if (steps % 5 == 0) {
			ws_load_collect(b->collector);
			receive(b);
		}
	}
	ws_load_collect(b->collector);
	if (b->wire) {
		io_fake_advance(b->wire, 1000000);
		receive(b);
	}
	add_up(b);
}

static void teardown(struct bench *b)
{
	ws_load_collector_free(b->collector);
	for (unsigned i = 0; i < b->workers; i++) {
		ws_load_worker_free(b->worker[i]);
		ws_spsc_free(b->stamps[i]);
		ws_io_close(b->tx[i]);
	}
	if (b->wire) {
		ws_io_close(b->rx);
		io_fake_free(b->wire);
	}
	free(b->seen);
	free(b->at_ns);
	free(b);
}

static struct ws_plan cbr(uint64_t pps, uint64_t count)
{
	struct ws_plan plan;

	assert_int_equal(ws_plan_init_cbr(&plan, (struct ws_ratio){pps, 1}, count, 0), 0);
	return plan;
}

/* Every number below count was seen once, and no other. */
static void assert_each_once(const struct bench *b, uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		assert_int_equal(b->seen[n], 1);
	}
	assert_int_equal(b->received, count);
}

/* All left within `slack_ns` after their times. */
static void assert_on_time(const struct bench *b, int64_t slack_ns)
{
	for (uint64_t n = 0; n < b->plan.count; n++) {
		int64_t after = b->at_ns[n] - b->start_ns - ws_plan_offset(&b->plan, n);

		assert_in_range(after, 0, slack_ns);
	}
}

static void test_constant_rate(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct bench *b = setup(&usual, &plan);

	(void)state;
	finish(b, NULL);
	assert_each_once(b, 1000);
	assert_on_time(b, 500);
	assert_int_equal(b->sum.sent, 1000);
	assert_int_equal(b->sum.late + b->sum.again + b->sum.stalls, 0);
	assert_true(b->sum.pacer_waits >= 999);
	assert_int_equal(b->sum.stamps_wanted, 1000);
	assert_int_equal(b->sum.stamps_missing + b->sum.stamps_unread, 0);
	assert_int_equal(b->gaps.hist.count, 999);
	assert_int_equal(b->gaps.within[WS_GAP_WITHIN - 1], 999);
	teardown(b);
}

/* Gaps that are slept in are as exact as those that are waited out. */
static void test_low_rate(void **state)
{
	struct ws_plan plan = cbr(1000, 50);
	struct bench *b = setup(&usual, &plan);

	(void)state;
	finish(b, NULL);
	assert_each_once(b, 50);
	assert_on_time(b, 500);
	teardown(b);
}

static void test_workers_share_a_schedule(void **state)
{
	struct ws_plan plan = cbr(300000, 3001);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.workers = 3;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_each_once(b, 3001);
	/* Of one thread: while one waits busily the others do not run. */
	assert_on_time(b, 20000);
	assert_int_equal(b->sum.sent, 3001);
	/* Neighbours left by different workers, and their gaps are known all the same. */
	assert_int_equal(b->gaps.hist.count, 3000);
	teardown(b);
}

static void test_random_gaps_of_workers(void **state)
{
	struct ws_plan_cursor c;
	struct ws_plan plan;
	struct wants w = usual;
	struct bench *b;

	(void)state;
	assert_int_equal(
		ws_plan_init_poisson(&plan, (struct ws_ratio){20000, 1}, 672, 7, 500, 0), 0);
	w.workers = 2;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_each_once(b, 500);
	ws_plan_cursor_init(&c, &b->plan);
	for (unsigned n = 0; n < 500; n++, ws_plan_cursor_next(&c)) {
		assert_true(b->at_ns[n] - b->start_ns >= c.offset_ns);
	}
	teardown(b);
}

static void test_flat_out(void **state)
{
	struct wants w = usual;
	struct ws_plan plan;
	struct bench *b;

	(void)state;
	assert_int_equal(ws_plan_init_max(&plan, 10007, 0), 0);
	w.workers = 3;
	w.every = 4;
	w.frame_ns = 700;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_each_once(b, 10007);
	assert_int_equal(b->sum.sent, 10007);
	assert_int_equal(b->sum.late + b->sum.pacer_waits, 0);
	/* One block of four: 40 of the 157, of 64 packets each, the last one of 23. */
	assert_int_equal(b->sum.stamps_wanted, 39 * 64 + 23);
	assert_int_equal(b->gaps.hist.count, 39 * 63 + 22);
	assert_int_equal(b->gaps.within[WS_GAP_WITHIN - 1], 0);
	teardown(b);
}

static void test_flat_out_for_a_time(void **state)
{
	struct wants w = usual;
	struct ws_plan plan;
	struct bench *b;

	(void)state;
	assert_int_equal(ws_plan_init_max(&plan, 0, 3000000), 0);
	w.workers = 2;
	w.frame_ns = 1000;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_in_range(b->sum.sent, 2900, 3200);
	/* A block that was begun is sent whole: no number is missing. */
	assert_each_once(b, b->sum.sent);
	teardown(b);
}

static unsigned refuse_some(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 0 && n % 10 == 3 ? IO_FAKE_REFUSE : 0;
}

/* A refused frame does not shift the stamps of those behind it. */
static void test_refusals(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.faults = refuse_some;
	w.stamp_delay_ns = 200000; /* many are under way */
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_int_equal(b->sum.refused, 100);
	assert_int_equal(b->sum.sent, 900);
	assert_int_equal(b->received, 900);
	assert_int_equal(ws_load_worker_stats(b->worker[0])->refusal, -ENOBUFS);
	/* Nine in a row, eight gaps: but for the ends 100 times. */
	assert_int_equal(b->gaps.hist.count, 2 + 99 * 8 + 5);
	assert_int_equal(b->gaps.within[WS_GAP_WITHIN - 1], b->gaps.hist.count);
	teardown(b);
}

static unsigned lose_stamps(void *arg, unsigned side, uint64_t n)
{
	(void)arg;
	return side == 0 && n % 100 == 50 ? IO_FAKE_LOSE_TX_STAMP : 0;
}

static void test_missing_stamps(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.faults = lose_stamps;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_each_once(b, 1000);
	assert_int_equal(b->sum.stamps_missing, 10);
	/* Each takes two gaps with it. */
	assert_int_equal(b->gaps.hist.count, 999 - 20);
	assert_int_equal(b->gaps.within[WS_GAP_WITHIN - 1], 999 - 20);
	teardown(b);
}

static unsigned lose_all_stamps(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)n;
	return side == 0 ? IO_FAKE_LOSE_TX_STAMP : 0;
}

/* A driver that never stamps holds nobody up. */
static void test_no_stamps_at_all(void **state)
{
	struct ws_plan plan = cbr(100000, 5000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.faults = lose_all_stamps;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_each_once(b, 5000);
	assert_on_time(b, 3000);
	assert_int_equal(b->sum.stamps_missing, b->sum.stamps_wanted);
	assert_true(b->sum.stamps_wanted < 1000);
	assert_int_equal(b->gaps.hist.count, 0);
	teardown(b);
}

/* The card's stamps: a gap is one between two neighbours that both have one. */
static void test_hardware(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.stamp = WS_ORIGIN_HARDWARE;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_each_once(b, 1000);
	assert_int_equal(b->sum.stamps_wanted, 1000);
	assert_int_equal(b->sum.stamps_missing, 0);
	assert_int_equal(b->gaps.hist.count, 999);
	teardown(b);
}

/* No more are asked for than the card holds, so that none is missing; the load goes on without. */
static void test_hardware_holds_few(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);

	(void)state;
	for (unsigned held = 1; held <= 4; held++) {
		struct wants w = usual;
		struct bench *b;

		w.stamp = WS_ORIGIN_HARDWARE;
		w.stamp_delay_ns = 45000; /* 4.5 gaps */
		w.hw_in_flight = w.in_flight = held;
		b = setup(&w, &plan);
		finish(b, NULL);
		assert_each_once(b, 1000);
		assert_on_time(b, 3000);
		assert_int_equal(b->sum.stamps_missing, 0);
		assert_in_range(b->sum.stamps_wanted, 1000 * held / 6, 1000 * held / 5 + held);
		teardown(b);
	}
}

/* Refused frames and calls that stop short hold nothing. */
static unsigned refuse_a_third(void *arg, unsigned side, uint64_t n)
{
	(void)arg, (void)side;
	return n % 3 == 0 ? IO_FAKE_REFUSE : n % 7 == 0 ? IO_FAKE_AGAIN : 0;
}

static void test_hardware_and_refusals(void **state)
{
	struct ws_plan plan = cbr(100000, 999);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.stamp = WS_ORIGIN_HARDWARE;
	w.stamp_delay_ns = 45000;
	w.hw_in_flight = w.in_flight = 1;
	w.faults = refuse_a_third;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_int_equal(b->sum.refused, 333);
	assert_int_equal(b->sum.sent, 666);
	assert_int_equal(b->sum.stamps_missing, 0);
	assert_true(b->sum.stamps_wanted >= 100);
	teardown(b);
}

static void test_user_times(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.stamp = WS_ORIGIN_USER;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_int_equal(b->gaps.hist.count, 999);
	assert_int_equal(b->gaps.within[WS_GAP_WITHIN - 1], 999);
	teardown(b);
}

static void test_bursts_go_together(void **state)
{
	struct ws_plan plan;
	struct bench *b;

	(void)state;
	assert_int_equal(ws_plan_init_burst(&plan, (struct ws_ratio){100000, 1}, 10, 1000, 0), 0);
	b = setup(&usual, &plan);
	finish(b, NULL);
	assert_each_once(b, 1000);
	assert_on_time(b, 500);
	/* Those of the first one may be due at once. */
	assert_in_range(b->sum.pacer_waits, 990, 1000);
	/* Packets of one burst are handed over by one call, at one time of this clock. */
	for (unsigned n = 0; n < 1000; n++) {
		assert_in_range(b->at_ns[n] - b->at_ns[n - n % 10], 0, 200);
	}
	teardown(b);
}

static void stall_once(struct bench *b, unsigned steps)
{
	if (steps == 300) {
		io_fake_advance(b->wire, 2000000);
	}
}

static void stall_a_little(struct bench *b, unsigned steps)
{
	if (steps == 300) {
		io_fake_advance(b->wire, 300000);
	}
}

/* Late packets are sent at once, and the rest is on time again. */
static void test_catches_up(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct bench *b = setup(&usual, &plan);

	(void)state;
	finish(b, stall_once);
	assert_each_once(b, 1000);
	assert_in_range(b->sum.late, 190, 201);
	assert_int_equal(b->sum.stalls, 1);
	assert_in_range(b->at_ns[999] - b->start_ns - ws_plan_offset(&b->plan, 999), 0, 500);
	teardown(b);
}

/* Late packets can be kept apart: the stall is made good little by little. */
static void test_catches_up_gently(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.catch_up_ns = 4000;
	b = setup(&w, &plan);
	finish(b, stall_once);
	assert_each_once(b, 1000);
	/* 200 packets came due meanwhile, and while they left one more for each three of them, and so on. */
	assert_in_range(b->sum.late, 325, 340);
	assert_int_equal(b->sum.stalls, 1);
	assert_in_range(b->at_ns[999] - b->start_ns - ws_plan_offset(&b->plan, 999), 0, 500);
	for (unsigned n = 1; n < 1000; n++) {
		assert_true(b->at_ns[n] - b->at_ns[n - 1] >= 3900);
	}
	/* The pacer was not ahead of those that were late. */
	assert_in_range(b->sum.pacer_waits, 650, 680);
	teardown(b);
}

/* A replay keeps the times between packets: of a stall, only the one gap that it fell into is off. */
static void test_recovers_in_steps(void **state)
{
	static int64_t times[1000];
	struct ws_plan plan;
	struct wants w = usual;
	struct bench *b;
	unsigned off = 0;

	(void)state;
	for (unsigned n = 1; n < 1000; n++) {
		times[n] = times[n - 1] + 10000 + n % 7 * 1000;
	}
	assert_int_equal(ws_plan_init_list(&plan, times, 1000), 0);
	w.recover_ns = 4000;
	b = setup(&w, &plan);
	finish(b, stall_a_little);
	assert_each_once(b, 1000);
	for (unsigned n = 1; n < 1000; n++) {
		int64_t gap = b->at_ns[n] - b->at_ns[n - 1] - (times[n] - times[n - 1]);

		off += gap > 500 || gap < -4100;
	}
	assert_int_equal(off, 1);
	assert_in_range(b->at_ns[999] - b->start_ns - times[999], 0, 500);
	teardown(b);
}

/* With skip the slots that were missed stay empty, and nothing leaves outside its slot. */
static void test_skips(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.skip = true;
	b = setup(&w, &plan);
	finish(b, stall_once);
	assert_in_range(b->sum.skipped, 190, 201);
	assert_int_equal(b->sum.stalls, 1); /* though nothing is late */
	assert_int_equal(b->sum.sent + b->sum.skipped, 1000);
	for (unsigned n = 0; n < 1000; n++) {
		assert_true(b->seen[n] <= 1);
		if (b->seen[n]) {
			assert_in_range(
				b->at_ns[n] - b->start_ns - ws_plan_offset(&b->plan, n), 0, 10500);
		}
	}
	teardown(b);
}

static void stop_soon(struct bench *b, unsigned steps)
{
	if (steps == 300) {
		atomic_store(&b->shared.stop, 1);
	}
}

static void test_stops(void **state)
{
	struct ws_plan plan = cbr(100000, 1000);
	struct bench *b = setup(&usual, &plan);

	(void)state;
	finish(b, stop_soon);
	assert_in_range(b->sum.sent, 10, 500);
	assert_each_once(b, b->sum.sent);
	assert_int_equal(b->gaps.hist.count, b->sum.sent - 1);
	/* The one that was ready and waited for is no more. */
	assert_int_equal(b->sum.pacer_waits, b->sum.sent);
	teardown(b);
}

/* A shaper lets half of it through: all is attempted, at its rate, and half of it given up. */
static void test_back_pressure(void **state)
{
	struct ws_plan plan = cbr(10000, 5000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	sys_fake_reset();
	sys_fake_kernel.clock_step_ns = 20;
	w.stamp = WS_ORIGIN_NONE;
	w.bucket = bucket_open(5000, 10);
	w.overtime_ns = 600000000;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_int_equal(b->sum.due, 5000);
	assert_in_range(b->sum.sent, 2400, 2650);
	assert_int_equal(b->sum.given_up, 5000 - b->sum.sent);
	assert_true(b->sum.again > 1000);
	assert_int_equal(w.bucket->sent_count, b->sum.sent);
	/* In order, none of them twice, though slots were built anew. */
	for (uint64_t i = 1; i < w.bucket->sent_count; i++) {
		assert_true(w.bucket->sent[i] > w.bucket->sent[i - 1]);
	}
	/* In time, and with the patience it has: 0.5 s and some ms. */
	assert_true(*sys_fake_clock() - b->start_ns < 530000000);
	teardown(b);
}

/* A ring whose slots never come back. */
static void test_no_slots(void **state)
{
	struct ws_plan plan = cbr(10000, 1000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	sys_fake_reset();
	sys_fake_kernel.clock_step_ns = 20;
	w.stamp = WS_ORIGIN_NONE;
	w.bucket = bucket_open(1e9, 1e9);
	w.bucket->full = true;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_int_equal(b->sum.given_up, 1000);
	assert_int_equal(b->sum.sent, 0);
	teardown(b);
}

/* More than a call a packet can do: batches, and in the end its time is over. */
static void test_out_of_reach(void **state)
{
	struct ws_plan plan = cbr(1000000, 20000);
	struct wants w = usual;
	struct bench *b;

	(void)state;
	w.frame_ns = 2000;
	w.overtime_ns = 20000000;
	b = setup(&w, &plan);
	finish(b, NULL);
	assert_true(b->sum.overran);
	assert_in_range(b->sum.sent, 9000, 10300);
	assert_each_once(b, b->sum.sent);
	assert_true(b->sum.late > 8000);
	assert_true(b->sum.pacer_waits < 100);
	/* Being behind is not being held up. */
	assert_int_equal(b->sum.stalls, 0);
	teardown(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constant_rate),
		cmocka_unit_test(test_low_rate),
		cmocka_unit_test(test_workers_share_a_schedule),
		cmocka_unit_test(test_random_gaps_of_workers),
		cmocka_unit_test(test_flat_out),
		cmocka_unit_test(test_flat_out_for_a_time),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_missing_stamps),
		cmocka_unit_test(test_no_stamps_at_all),
		cmocka_unit_test(test_hardware),
		cmocka_unit_test(test_hardware_holds_few),
		cmocka_unit_test(test_hardware_and_refusals),
		cmocka_unit_test(test_user_times),
		cmocka_unit_test(test_bursts_go_together),
		cmocka_unit_test(test_catches_up),
		cmocka_unit_test(test_catches_up_gently),
		cmocka_unit_test(test_recovers_in_steps),
		cmocka_unit_test(test_skips),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_no_slots),
		cmocka_unit_test(test_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
