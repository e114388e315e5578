/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tx_traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/packet.h"

struct traffic traffic;
static const char *backend;

int traffic_reset(void **state)
{
	sys_fake_reset();
	sys_fake_kernel.send_ns = 100;
	memset(&traffic, 0, sizeof(traffic));
	if (state) {
		backend = *state;
	}
	return 0;
}

int traffic_forget(void **state)
{
	(void)state;
	ws_io_close(traffic.io);
	traffic.io = NULL;
	sys_fake_reset();
	return 0;
}

bool traffic_by_ring(void)
{
	return strcmp(backend, "socket") != 0;
}

static int no_rx(struct packet_io *p, const struct ws_io_config *config)
{
	(void)p;
	(void)config;
	return -EOPNOTSUPP;
}

static int only_tx_wait(struct ws_io *io, int64_t deadline_ns)
{
	return packet_wait(-1, ((struct packet_io *)io)->tx, deadline_ns);
}

static void only_tx_close(struct ws_io *io)
{
	packet_close((struct packet_io *)io);
	free(io);
}

/* The transmitting half of a V2 ring by itself: how that version receives is of no interest here. */
static int only_tx_open(struct ws_io **ret, const struct ws_io_config *config)
{
	static const struct ws_io_ops ops = {
		.name = "tpacket2",
		.wait = only_tx_wait,
		.tx_reserve = packet_op_tx_reserve,
		.tx_submit = packet_op_tx_submit,
		.tx_stamps = packet_op_tx_stamps,
		.tx_outstanding = packet_op_tx_outstanding,
		.stats = packet_op_stats,
		.close = only_tx_close,
	};

	return packet_open(ret, config, &ops, sizeof(struct packet_io), no_rx);
}

struct ws_io_config traffic_config(unsigned stages)
{
	return (struct ws_io_config){
		.backend = backend,
		.dirs = WS_IO_TX,
		.ifindex = sys_fake_kernel.ifindex,
		.tx_batch = TRAFFIC_BATCH,
		.tx_stages = stages,
		.stamp_timeout_ns = TRAFFIC_TIMEOUT,
	};
}

void traffic_open(unsigned stages)
{
	struct ws_io_config config = traffic_config(stages);
	const struct sys_fake_call *log;
	size_t n;

	assert_int_equal(strcmp(backend, "tpacket2") ? ws_io_open(&traffic.io, &config)
						     : only_tx_open(&traffic.io, &config),
		0);
	assert_string_equal(ws_io_caps(traffic.io)->backend, backend);
	traffic.stages = stages;
	log = sys_fake_log(&n);
	traffic.fd = log[sys_fake_find(0, SYS_FAKE_SOCKET, SYS_FAKE_ANY, SYS_FAKE_ANY)].ret;
}

void traffic_submit(uint32_t n, uint32_t want)
{
	while (n) {
		struct ws_io_slot slots[TRAFFIC_BATCH];
		struct ws_io_tx frames[TRAFFIC_BATCH];
		unsigned batch = n < TRAFFIC_BATCH ? n : TRAFFIC_BATCH;
		int r = batch > traffic.reserved
				? ws_io_tx_reserve(traffic.io, slots, batch - traffic.reserved)
				: 0;

		assert_true(r >= 0);
		for (int i = 0; i < r; i++) {
			uint32_t number = traffic.n + traffic.reserved + (unsigned)i;

			memset(slots[i].data, 0, TRAFFIC_LEN);
			memcpy(slots[i].data + TRAFFIC_OFFSET_NUMBER, &number, sizeof(number));
		}
		traffic.reserved += (unsigned)r;
		batch = batch < traffic.reserved ? batch : traffic.reserved;
		for (unsigned i = 0; i < batch; i++) {
			frames[i] = (struct ws_io_tx){
				.len = TRAFFIC_LEN,
				.want_stamp = want >> ((traffic.n + i) % 32) & 1,
				.stages = traffic.stages_of ? traffic.stages_of(traffic.n + i) : 0,
				.cookie = TRAFFIC_COOKIE_BASE + traffic.n + i,
				.status = 1,
			};
		}
		r = ws_io_tx_submit(traffic.io, frames, batch);
		assert_in_range(r, 0, batch);
		for (int i = 0; i < r; i++) {
			assert_true(traffic.n < TRAFFIC_MAX_FRAMES);
			assert_int_not_equal(frames[i].status, 1);
			traffic.wanted[traffic.n] = frames[i].want_stamp;
			traffic.status[traffic.n++] = frames[i].status;
		}
		traffic.reserved -= (unsigned)r;
		n -= (unsigned)r;
		assert_true(ws_io_tx_outstanding(traffic.io) <=
			    ws_io_caps(traffic.io)->stamps_outstanding);
		if (!batch || (unsigned)r < batch) {
			return;
		}
	}
}

unsigned traffic_read_stamps(void)
{
	struct ws_io_tx_stamp got[TRAFFIC_BATCH];
	unsigned total = 0;
	int n;

	while ((n = ws_io_tx_stamps(traffic.io, got, TRAFFIC_BATCH)) > 0) {
		for (int i = 0; i < n; i++) {
			uint64_t number = got[i].cookie - TRAFFIC_COOKIE_BASE;

			assert_true(number < traffic.n);
			assert_true(got[i].stage & traffic.stages);
			if (got[i].status) {
				assert_int_equal(got[i].status, -ETIME);
				traffic.failures[number][got[i].stage]++;
				continue;
			}
			traffic.stamps[number][got[i].stage]++;
			traffic.time_ns[number] = got[i].stamp.time.ns;
		}
		total += (unsigned)n;
	}
	assert_int_equal(n, 0);
	return total;
}

int64_t traffic_sent_at(uint32_t number)
{
	size_t n;
	const struct sys_fake_sent *sent = sys_fake_sent(&n);

	for (size_t i = 0; i < n; i++) {
		uint32_t carried;

		memcpy(&carried, sent[i].head + TRAFFIC_OFFSET_NUMBER, sizeof(carried));
		if (carried == number && sent[i].status == 0) {
			return sent[i].time_ns;
		}
	}
	return -1;
}

unsigned traffic_stages(uint32_t n)
{
	unsigned asked = traffic.stages_of ? traffic.stages_of(n) & traffic.stages : 0;

	return asked ? asked : traffic.stages;
}

void traffic_check(void)
{
	assert_int_equal(ws_io_tx_outstanding(traffic.io), 0);
	for (uint32_t i = 0; i < traffic.n; i++) {
		bool expected = traffic.wanted[i] && traffic.status[i] == 0;

		for (unsigned stage = 1; stage < 8; stage <<= 1) {
			bool due = expected && (traffic_stages(i) & stage);

			assert_int_equal(traffic.stamps[i][stage], due ? 1 : 0);
			assert_int_equal(traffic.failures[i][stage], 0);
		}
		if (expected) {
			assert_int_equal(traffic.time_ns[i], traffic_sent_at(i));
		}
		assert_int_equal(traffic_sent_at(i) >= 0, traffic.status[i] == 0);
	}
}

uint32_t traffic_count(int status)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < traffic.n; i++) {
		n += traffic.status[i] == status;
	}
	return n;
}

void traffic_each_mode(void (*body)(void))
{
	for (int i = 0; i < 2; i++) {
		traffic_reset(NULL);
		sys_fake_kernel.explicit_keys = i == 0;
		body();
		/* Known from the first stamped frame on. */
		assert_int_equal(ws_io_caps(traffic.io)->tx_keys_explicit, i == 0);
		ws_io_close(traffic.io);
		traffic.io = NULL;
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}
