/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/run_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

const struct wants usual = {
	.count = 1000,
	.pps = 100000,
	.window_ns = 1000000,
	.delay_ns = DELAY_NS,
	.capacity = 1024,
	.tx = WS_ORIGIN_SOFTWARE,
	.rx = WS_ORIGIN_SOFTWARE,
	.stamp_timeout_ns = 2000000,
	.far_boot = BOOT,
};

static const uint8_t near_mac[6] = {2, 0, 0, 0, 0, 1}, far_mac[6] = {2, 0, 0, 0, 0, 2};

/* Frames get the time that they are intended for: the plan's, or of a run without gaps that of their turn. */
static uint32_t write_frame(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	const struct bench *b = arg;

	if (b->pps) {
		assert_true(intended_ns == b->start_ns + (int64_t)(n * 1000000000 / b->pps));
	} else {
		assert_true(intended_ns >= b->start_ns && intended_ns <= *sys_fake_clock());
	}
	ws_frame_write(&b->frame, buf, n, intended_ns);
	return b->frame.len;
}

static void mute_frame(const void *arg, uint8_t *buf, uint32_t len)
{
	const struct bench *b = arg;
	struct ws_probe probe;

	assert_int_equal(ws_probe_parse(buf, len, RUN_ID, WS_UDP_PORT, &probe), WS_PROBE_OURS);
	assert_true(probe.seq < b->plan.count);
	assert_int_equal(b->muted[probe.seq], 0);
	b->muted[probe.seq] = 1;
}

/* Those that fetch the last stamps are of no plan. */
static uint32_t write_collect(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	const struct bench *b = arg;

	assert_true(intended_ns == 0);
	ws_frame_write(&b->collect, buf, n, 0);
	return b->collect.len;
}

/* Requests come to it and answers leave it, with its own clock's stamps. */
static void set_up_far_side(struct bench *b, const struct wants *w)
{
	struct ws_reflect_config reflect = {
		.udp_port = WS_UDP_PORT,
		.sessions = 4,
		.boot = w->far_boot,
		.clock = WS_CLOCK_REALTIME,
	};
	struct ws_io_config far = {
		.dirs = WS_IO_RX | WS_IO_TX,
		.ifindex = io_fake_ifindex(b->wire, 1),
		.rx_stamps = true,
		.tx_stages = WS_STAGE_DRIVER,
		.stamp_timeout_ns = w->stamp_timeout_ns,
	};

	memcpy(reflect.mac, far_mac, sizeof(reflect.mac));
	b->far_ahead_ns = w->far_ahead_ns;
	b->dies_after = w->dies_after;
	assert_int_equal(ws_reflect_new(&b->reflect, &reflect), 0);
	assert_int_equal(io_fake_ops.open(&b->far, &far), 0);
}

static void make_frames(struct bench *b, const struct wants *w)
{
	struct ws_frame_spec spec = {
		.carrier = WS_CARRIER_UDP,
		.payload = w->two_way ? WS_PAYLOAD_REQUEST : WS_PAYLOAD_SHORT,
		.src_ip = 0xc6120001,
		.dst_ip = 0xc6120002,
		.src_port = WS_UDP_PORT,
		.dst_port = WS_UDP_PORT,
		.len = w->two_way ? 98 : 60,
		.run_id = RUN_ID,
		.stream = 3,
	};

	memcpy(spec.src, near_mac, sizeof(spec.src));
	memcpy(spec.dst, far_mac, sizeof(spec.dst));
	assert_int_equal(ws_frame_template_init(&b->frame, &spec), 0);
	b->source =
		(struct ws_frame_source){.write = write_frame, .arg = b, .len_max = b->frame.len};
	if (w->tx == WS_ORIGIN_HARDWARE) {
		b->source.mute = mute_frame;
		b->muted = calloc(w->count, 1);
		assert_non_null(b->muted);
	}
	b->pps = w->pps;
	if (w->two_way) {
		spec.payload = WS_PAYLOAD_COLLECT;
		assert_int_equal(ws_frame_template_init(&b->collect, &spec), 0);
		b->collects = b->source;
		b->collects.write = write_collect;
	}
}

static void make_result(struct bench *b, const struct wants *w)
{
	b->result = calloc(1, sizeof(*b->result));
	assert_non_null(b->result);
	/* As a run of both ends' software stamps begins. */
	b->result->tx_clock = w->tx == WS_ORIGIN_HARDWARE ? HW_CLOCK : WS_CLOCK_REALTIME;
	b->result->rx_clock = w->rx == WS_ORIGIN_HARDWARE ? HW_CLOCK : WS_CLOCK_REALTIME;
	if (b->hardware.tx || b->hardware.rx) {
		b->result->hardware = calloc(1, sizeof(*b->result->hardware));
		assert_non_null(b->result->hardware);
	}
	if (w->details) {
		b->result->timeline = calloc(1, sizeof(*b->result->timeline));
		b->result->waterfall = calloc(1, sizeof(*b->result->waterfall));
		assert_non_null(b->result->timeline);
		assert_non_null(b->result->waterfall);
	}
	if (w->two_way) {
		b->result->two_way = calloc(1, sizeof(*b->result->two_way));
		assert_non_null(b->result->two_way);
	}
	if (w->packets) {
		const struct ws_packets_config config = {.dirfd = AT_FDCWD};

		assert_int_equal(ws_packets_writer_new(&b->packets, &config), 0);
	}
}

struct bench *setup(const struct wants *w)
{
	static const struct ws_receiver_two_way two_way = {.boot = BOOT, .stamp_error_ns = 1};
	struct bench *b = calloc(1, sizeof(*b));
	struct io_fake_options options = {
		.clock = sys_fake_clock(),
		.realtime_offset_ns = OFFSET_NS,
		.delay_ns = w->delay_ns,
		.stamp_delay_ns = w->stamp_delay_ns,
		.delay = w->delay,
		.faults = w->faults,
		.peek_ns = w->peek_ns,
		.frame_ns = w->frame_ns,
		.hw_clock = HW_CLOCK,
		.hw_offset_ns = HW_AHEAD,
		.hw_resolution_ns = w->hw_resolution_ns,
		.hw_delay_ns = w->hw_delay_ns,
		.hw_in_flight = w->hw_in_flight,
	};
	struct ws_io_config tx = {
		.dirs = WS_IO_TX,
		.tx_stages = w->tx == WS_ORIGIN_HARDWARE   ? WS_STAGE_WIRE
			     : w->tx == WS_ORIGIN_SOFTWARE ? WS_STAGE_DRIVER
							   : 0,
		.tx_hw_clock = w->tx == WS_ORIGIN_HARDWARE ? HW_CLOCK : WS_CLOCK_NONE,
		.stamp_timeout_ns = w->stamp_timeout_ns,
		.stamp_buffer = w->stamp_buffer,
	};
	struct ws_io_config rx = {
		.dirs = WS_IO_RX,
		.rx_stamps = true,
		.rx_hw_clock = w->rx == WS_ORIGIN_HARDWARE ? HW_CLOCK : WS_CLOCK_NONE,
	};

	assert_non_null(b);
	sys_fake_reset();
	sys_fake_kernel.clock_step_ns = 50;
	sys_fake_kernel.realtime_offset_ns = OFFSET_NS;
	b->wire = io_fake_new(&options);
	assert_non_null(b->wire);
	if (w->sched) {
		tx.tx_stages |= WS_STAGE_SCHED | WS_STAGE_DRIVER;
	}
	tx.ifindex = io_fake_ifindex(b->wire, 0);
	rx.ifindex = io_fake_ifindex(b->wire, w->two_way ? 0 : 1);
	assert_int_equal(io_fake_ops.open(&b->tx, &tx), 0);
	assert_int_equal(io_fake_ops.open(&b->rx, &rx), 0);
	make_frames(b, w);
	if (w->two_way) {
		set_up_far_side(b, w);
	}
	if (w->pps) {
		assert_int_equal(
			ws_plan_init_cbr(&b->plan, (struct ws_ratio){w->pps, 1}, w->count, 0), 0);
	} else {
		assert_int_equal(ws_plan_init_max(&b->plan, w->count, w->duration_ns), 0);
	}
	assert_int_equal(ws_spsc_new(&b->records, 4096, sizeof(struct ws_tx_record)), 0);
	b->hardware = (struct ws_receiver_hardware){
		.tx = w->tx == WS_ORIGIN_HARDWARE,
		.rx = w->rx == WS_ORIGIN_HARDWARE,
		.ordered = true,
		.coarse = w->coarse,
	};
	make_result(b, w);
	b->start_ns = *sys_fake_clock() + 1000000;
	atomic_store(&b->shared.realtime_offset_ns, OFFSET_NS);
	assert_int_equal(ws_receiver_new(&b->receiver,
				 &(struct ws_receiver_config){
					 .io = w->alone ? NULL : b->rx,
					 .records = b->records,
					 .shared = &b->shared,
					 .window_ns = w->window_ns,
					 .capacity = w->capacity,
					 .kernel_stamps = w->rx != WS_ORIGIN_USER,
					 .want = w->rx,
					 .run_id = RUN_ID,
					 .stream = 3,
					 .udp_port = WS_UDP_PORT,
					 .paced = w->pps != 0,
					 .start_ns = b->start_ns,
					 .stages = tx.tx_stages,
					 .hardware = b->result->hardware ? &b->hardware : NULL,
					 .two_way = w->two_way ? &two_way : NULL,
					 .packets = b->packets,
					 .packets_run = 2,
					 .result = b->result,
				 }),
		0);
	assert_int_equal(ws_sender_new(&b->sender,
				 &(struct ws_sender_config){
					 .io = b->tx,
					 .plan = &b->plan,
					 .source = &b->source,
					 .collect = w->two_way ? &b->collects : w->collect,
					 .collect_ns = 10000000,
					 .records = b->records,
					 .shared = &b->shared,
					 .capacity = w->capacity -
						     (b->result->hardware ? WS_RECEIVER_JUDGED : 0),
					 .start_ns = b->start_ns,
					 .stop_ns = w->overtime_ns ? b->start_ns + w->overtime_ns
								   : INT64_MAX,
					 .kernel_stamps = w->tx != WS_ORIGIN_USER,
					 .stages = tx.tx_stages,
					 .stage = b->hardware.tx ? WS_STAGE_WIRE : WS_STAGE_DRIVER,
					 .in_flight = w->in_flight,
					 .sample_gap_ns = w->sample_gap_ns,
					 .pace = ws_pace_default,
				 }),
		0);
	return b;
}

/* A stamp by the far side's clock. */
static struct ws_stamp far_stamp(const struct bench *b, struct ws_stamp stamp)
{
	stamp.time.ns += b->far_ahead_ns;
	return stamp;
}

static void far_answer(struct bench *b, const struct ws_io_view *view)
{
	struct ws_stamp rx = far_stamp(b, view->stamp);
	struct ws_io_tx frame = {.want_stamp = true};

	if (!b->far_slot.data) {
		assert_int_equal(ws_io_tx_reserve(b->far, &b->far_slot, 1), 1);
	}
	if (ws_reflect_frame(b->reflect, view->data, view->len, &rx, *sys_fake_clock(),
		    b->far_slot.data, &frame.len, &frame.cookie) != WS_REFLECT_ANSWER) {
		return; /* the slot is used next time */
	}
	b->far_slot.data = NULL;
	assert_int_equal(ws_io_tx_submit(b->far, &frame, 1), 1);
	if (frame.status < 0) {
		ws_reflect_stamped(b->reflect, frame.cookie, NULL);
	}
}

static void far_step(struct bench *b)
{
	struct ws_io_tx_stamp stamps[16];
	struct ws_io_view view;
	int n;

	while (!b->dies_after || b->asked < b->dies_after) {
		if (ws_io_rx_peek(b->far, &view, 1) != 1) {
			break;
		}
		b->asked++;
		far_answer(b, &view);
		ws_io_rx_release(b->far, 1);
	}
	n = ws_io_tx_stamps(b->far, stamps, 16);
	for (int i = 0; i < n; i++) {
		struct ws_stamp at = far_stamp(b, stamps[i].stamp);

		ws_reflect_stamped(b->reflect, stamps[i].cookie, stamps[i].status ? NULL : &at);
	}
}

const struct ws_ledger *finish(struct bench *b)
{
	enum ws_receiver_state state = WS_RECEIVER_BUSY;
	bool sending = true;

	for (unsigned steps = 0; state != WS_RECEIVER_DONE; steps++) {
		assert_true(steps < 1000000);
		sending = sending && ws_sender_step(b->sender);
		if (b->far) {
			far_step(b);
		}
		/* The receiver gets its turn less often, as in life. */
		if (steps % 7 != 0) {
			continue;
		}
		state = ws_receiver_step(b->receiver);
		assert_true(!sending || state != WS_RECEIVER_DONE);
		if (!sending && state == WS_RECEIVER_IDLE) {
			ws_receiver_wait(b->receiver);
		}
	}
	ws_receiver_finish(b->receiver);
	assert_true(ws_ledger_balanced(&b->result->ledger));
	return &b->result->ledger;
}

void teardown(struct bench *b)
{
	ws_sender_free(b->sender);
	ws_receiver_free(b->receiver);
	ws_spsc_free(b->records);
	ws_io_close(b->tx);
	ws_io_close(b->rx);
	if (b->far) {
		ws_io_close(b->far);
	}
	ws_reflect_free(b->reflect);
	io_fake_free(b->wire);
	ws_run_result_free(b->result);
	free(b->result);
	free(b->muted);
	free(b);
}
