/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/deliver_bench.h"

#include <stdlib.h>

static uint32_t write_frame(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns)
{
	struct bench *b = (struct bench *)(uintptr_t)arg;

	b->writes++;
	if (b->stop_at && n == b->stop_at) {
		atomic_store(&b->stop, 1);
	}
	ws_frame_write(&b->frame, buf, n, intended_ns);
	return b->frame.len;
}

static void mute_frame(const void *arg, uint8_t *buf, uint32_t len)
{
	struct bench *b = (struct bench *)(uintptr_t)arg;

	assert_int_equal(len, b->frame.len);
	assert_non_null(buf);
	b->mutes++;
}

static unsigned fault_of(void *arg, unsigned side, uint64_t n)
{
	const struct bench *b = arg;

	assert_int_equal(side, 0);
	/* Frames ahead are mostly such that no card stamps them. */
	if (n < AHEAD) {
		return n < b->ahead_stamped ? 0 : IO_FAKE_LOSE_RX_HW;
	}
	return b->faults ? b->faults(n - AHEAD) : 0;
}

const struct io_fake_options perfect = {
	.hw_clock = PHC,
	.hw_offset_ns = OFFSET_NS + 37000000000LL,
	.realtime_offset_ns = OFFSET_NS,
	.delay_ns = DELAY_NS,
	.stamp_delay_ns = 20000,
	.frame_ns = 700,
};

void open_run(struct bench *b)
{
	struct ws_io_config rx = {
		.dirs = WS_IO_RX,
		.ifindex = io_fake_ifindex(b->wire, 1),
		.rx_stamps = true,
		.rx_hw_clock = b->setup.rx.hw_clock,
	};
	struct ws_io_config tx = {
		.dirs = WS_IO_TX,
		.ifindex = io_fake_ifindex(b->wire, 0),
		.tx_stages = (b->setup.tx.software ? WS_STAGE_DRIVER : 0) |
			     (b->setup.tx.hw_clock ? WS_STAGE_WIRE : 0),
		.tx_hw_clock = b->setup.tx.hw_clock,
		.stamp_timeout_ns = b->setup.wait_ns,
	};
	struct ws_io *tx_io, *rx_io = NULL;

	if (b->setup.has_rx) {
		assert_int_equal(io_fake_ops.open(&rx_io, &rx), 0);
	}
	assert_int_equal(io_fake_ops.open(&tx_io, &tx), 0);
	assert_int_equal(ws_deliver_begin(&b->run, &b->setup, tx_io, rx_io), 0);
}

struct bench *make(const struct io_fake_options *options, unsigned (*faults)(uint64_t n))
{
	struct bench *b = calloc(1, sizeof(*b));
	struct io_fake_options o = *options;
	const struct ws_frame_spec spec = {
		.dst = {2, 0, 0, 0, 0, 2},
		.src = {2, 0, 0, 0, 0, 1},
		.carrier = WS_CARRIER_UDP,
		.payload = WS_PAYLOAD_SHORT,
		.src_ip = 0xc6120001,
		.dst_ip = 0xc6120002,
		.src_port = WS_UDP_PORT,
		.dst_port = WS_UDP_PORT,
		.len = 60,
		.run_id = RUN_ID,
		.stream = STREAM,
	};

	assert_non_null(b);
	b->result = calloc(1, sizeof(*b->result));
	assert_non_null(b->result);
	sys_fake_reset();
	sys_fake_kernel.clock_step_ns = 50;
	o.clock = sys_fake_clock();
	o.faults = o.faults ? o.faults : fault_of;
	o.arg = b;
	b->faults = faults;
	b->wire = io_fake_new(&o);
	assert_non_null(b->wire);
	assert_int_equal(ws_frame_template_init(&b->frame, &spec), 0);
	b->source = (struct ws_frame_source){
		.write = write_frame,
		.mute = mute_frame,
		.arg = b,
		.len_max = spec.len,
	};
	b->setup = (struct ws_deliver_setup){
		.tx = {.hw_clock = options->hw_clock, .software = true},
		.rx = {.hw_clock = options->hw_clock, .software = true},
		.has_rx = true,
		.source = &b->source,
		.run_id = RUN_ID,
		.stream = STREAM,
		.udp_port = WS_UDP_PORT,
		.count = COUNT,
		.gap_ns = GAP_NS,
		.wait_ns = 100000000,
		.stop = &b->stop,
	};
	return b;
}

const struct ws_deliver_result *deliver(struct bench *b)
{
	const struct ws_deliver_batch batch = {
		.count = b->setup.count,
		.gap_ns = b->setup.gap_ns,
		.until_ns = INT64_MAX,
	};

	open_run(b);
	assert_int_equal(ws_deliver_batch(b->run, &batch, b->result, NULL), 0);
	return b->result;
}

void unmake(struct bench *b)
{
	ws_deliver_end(b->run);
	io_fake_free(b->wire);
	free(b->result);
	free(b);
}
