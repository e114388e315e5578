/* SPDX-License-Identifier: BSD-2-Clause */
/* Transmit rings on the modelled kernel: how they are opened, and what the kernel leaves in them. */
#include "unit/tx_traffic.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#define PLAIN	0
#define STAMPED UINT32_MAX

static struct ws_io_stats stats(void)
{
	struct ws_io_stats st;

	ws_io_stats(traffic.io, &st);
	return st;
}

/* Every frame of the series was sent once and in order, or refused. */
static void check_order(void)
{
	int64_t before = -1;

	for (uint32_t i = 0; i < traffic.n; i++) {
		int64_t at = traffic_sent_at(i);

		assert_int_equal(at >= 0, traffic.status[i] == 0);
		assert_true(at < 0 || at > before);
		before = at < 0 ? before : at;
	}
}

static size_t messages(void)
{
	size_t n;

	sys_fake_sent(&n);
	return n;
}

static void test_opened_in_order(void **state)
{
	bool v3 = !strcmp(*state, "tpacket3");
	const struct sys_fake_call *log;
	int version, vnet, ring, map, bind;
	size_t n;

	traffic_open(WS_STAGE_DRIVER);
	log = sys_fake_log(&n);
	version = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_PACKET, PACKET_VERSION);
	vnet = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_PACKET, PACKET_VNET_HDR);
	ring = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_PACKET, PACKET_TX_RING);
	map = sys_fake_find(0, SYS_FAKE_MMAP, SYS_FAKE_ANY, SYS_FAKE_ANY);
	bind = sys_fake_find(0, SYS_FAKE_BIND, SYS_FAKE_ANY, SYS_FAKE_ANY);
	assert_true(version >= 0 && vnet >= 0 && version < ring && vnet < ring);
	assert_true(ring < map && map < bind);
	assert_int_equal(log[version].value, v3 ? TPACKET_V3 : TPACKET_V2);
	assert_int_equal(
		log[ring].len, v3 ? sizeof(struct tpacket_req3) : sizeof(struct tpacket_req));
	/* A refused frame stops the call: it must not be skipped without a word. */
	assert_int_equal(sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_PACKET, PACKET_LOSS), -1);
}

static void test_no_rings_on_this_kernel(void **state)
{
	static const int names[] = {PACKET_VERSION, PACKET_TX_RING};
	struct ws_io_config config;

	if (strcmp(*state, "tpacket3") != 0) {
		return; /* V2 is not opened by name here */
	}
	for (size_t i = 0; i < 2; i++) {
		struct sys_fake_answer no = {
			.fn = SYS_FAKE_SETSOCKOPT,
			.level = SOL_PACKET,
			.name = names[i],
			.ret = -EINVAL,
		};

		sys_fake_answer(&no);
		config = traffic_config(0);
		assert_int_equal(ws_io_open(&traffic.io, &config), -EOPNOTSUPP);
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}

static void test_smaller_without_memory(void **state)
{
	struct sys_fake_answer no_memory = {
		.fn = SYS_FAKE_SETSOCKOPT,
		.level = SOL_PACKET,
		.name = PACKET_TX_RING,
		.times = 2,
		.ret = -ENOMEM,
	};

	(void)state;
	sys_fake_answer(&no_memory);
	traffic_open(WS_STAGE_DRIVER);
	/* Round and round. */
	for (unsigned round = 0; round < 40; round++) {
		traffic_submit(TRAFFIC_BATCH, 0xF0F0F0F0);
		traffic_read_stamps();
	}
	assert_int_equal(traffic.n, 40 * TRAFFIC_BATCH);
	traffic_check();
	check_order();
}

static void test_calls(void **state)
{
	struct ws_io_stats before, after;

	(void)state;
	traffic_open(WS_STAGE_DRIVER);
	before = stats();
	traffic_submit(TRAFFIC_BATCH, PLAIN);
	after = stats();
	assert_int_equal(after.tx_calls - before.tx_calls, 1);
	/* The control messages of a call are those of all its frames. */
	traffic_submit(TRAFFIC_BATCH, 0x00000010);
	before = stats();
	assert_int_equal(before.tx_calls - after.tx_calls, 3);
	traffic_submit(TRAFFIC_BATCH, STAMPED);
	after = stats();
	assert_int_equal(after.tx_calls - before.tx_calls, TRAFFIC_BATCH);
	traffic_read_stamps();
	traffic_check();
}

/* No guesses here: each frame that was refused is told, and no other. */
static void refused_exactly(uint32_t want)
{
	static const uint32_t which[] = {0, 1, 20, 40, 41, 42, 63, 64, 99};

	traffic_reset(NULL);
	traffic_open(WS_STAGE_DRIVER);
	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		sys_fake_send_fails(which[i], -ENOBUFS);
	}
	traffic_submit(200, want);
	assert_int_equal(traffic.n, 200);
	for (uint32_t i = 0, next = 0; i < 200; i++) {
		bool refused = next < sizeof(which) / sizeof(which[0]) && which[next] == i;

		assert_int_equal(traffic.status[i], refused ? -ENOBUFS : 0);
		next += refused;
	}
	assert_int_equal(messages(), 200);
	assert_int_equal(stats().tx_refused, sizeof(which) / sizeof(which[0]));
	assert_int_equal(stats().tx_accepted + stats().tx_refused, 200);
	traffic_read_stamps();
	traffic_check();
	check_order();
	ws_io_close(traffic.io);
	traffic.io = NULL;
}

static void test_refused_exactly(void **state)
{
	(void)state;
	refused_exactly(PLAIN);
	refused_exactly(STAMPED);
	refused_exactly(0x0FF000FF);
}

/* A kernel that refuses every second frame, and puts off some: nothing is lost on the way, even if
 * slots are always reserved while it does. */
static void test_refused_and_put_off(void **state)
{
	(void)state;
	traffic_open(WS_STAGE_DRIVER);
	for (size_t i = 0; i < 120; i++) {
		sys_fake_send_fails(2 * i, i % 5 ? -ENOBUFS : -EAGAIN);
	}
	for (unsigned tries = 0; tries < 1000 && traffic.n < 1000; tries++) {
		traffic_submit(1000 - traffic.n, 0x00FF0000);
		traffic_read_stamps();
	}
	assert_int_equal(traffic.n, 1000);
	assert_int_equal(traffic_count(-ENOBUFS), 96);
	assert_int_equal(traffic_count(0), 904);
	assert_int_equal(stats().tx_again, 24);
	traffic_check();
	check_order();
}

static void fill_slot(const struct ws_io_slot *slot, uint32_t number)
{
	memset(slot->data, (int)number, TRAFFIC_LEN);
	memcpy(slot->data + TRAFFIC_OFFSET_NUMBER, &number, sizeof(number));
}

static void check_slot(const struct ws_io_slot *slot, uint32_t number)
{
	uint8_t wanted[TRAFFIC_LEN];
	struct ws_io_slot copy = {.data = wanted};

	fill_slot(&copy, number);
	assert_memory_equal(slot->data, wanted, sizeof(wanted));
}

/* What was reserved and not consumed stays as it was, wherever the kernel is in its ring. */
static void test_slots_keep_contents(void **state)
{
	struct ws_io_slot slots[12];
	struct ws_io_tx frames[12];

	(void)state;
	traffic_open(0);
	for (unsigned i = 0; i < 12; i++) {
		frames[i] = (struct ws_io_tx){.len = TRAFFIC_LEN, .status = 1};
	}
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, 10), 10);
	for (uint32_t i = 0; i < 10; i++) {
		fill_slot(&slots[i], i);
	}
	sys_fake_send_fails(1, -ENOBUFS);
	sys_fake_send_fails(2, -ENOBUFS);
	sys_fake_send_fails(4, -EAGAIN);
	assert_int_equal(ws_io_tx_submit(traffic.io, frames, 10), 4);
	assert_int_equal(frames[0].status, 0);
	assert_int_equal(frames[1].status, -ENOBUFS);
	assert_int_equal(frames[2].status, -ENOBUFS);
	assert_int_equal(frames[3].status, 0);
	assert_int_equal(frames[4].status, 1);
	for (uint32_t i = 4; i < 10; i++) {
		check_slot(&slots[i], i);
	}
	/* Written anew where they were reserved, and more after them. */
	fill_slot(&slots[5], 105);
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots + 10, 2), 2);
	fill_slot(&slots[10], 10);
	fill_slot(&slots[11], 11);
	assert_int_equal(ws_io_tx_submit(traffic.io, frames + 4, 3), 3);
	for (uint32_t i = 7; i < 12; i++) {
		check_slot(&slots[i], i);
	}
	assert_int_equal(ws_io_tx_submit(traffic.io, frames + 7, 5), 5);
	for (uint32_t i = 3; i < 12; i++) {
		assert_int_equal(frames[i].status, 0);
		assert_int_equal(traffic_sent_at(i == 5 ? 105 : i) >= 0, 1);
	}
	assert_int_equal(traffic_sent_at(5), -1);
	assert_int_equal(traffic_sent_at(1), -1);
}

static void test_wrong_format(void **state)
{
	struct ws_io_slot slots[4];
	struct ws_io_tx frames[4];

	(void)state;
	traffic_open(0);
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, 4), 4);
	for (uint32_t i = 0; i < 4; i++) {
		memset(slots[i].data, 0, slots[i].size);
		fill_slot(&slots[i], i);
		frames[i] = (struct ws_io_tx){.len = TRAFFIC_LEN, .status = 1};
	}
	frames[1].len = 13;			  /* the kernel's complaint */
	frames[2].len = sys_fake_kernel.mtu + 15; /* ours: the kernel would not look */
	assert_int_equal(ws_io_tx_submit(traffic.io, frames, 4), 4);
	assert_int_equal(frames[0].status, 0);
	assert_int_equal(frames[1].status, -EINVAL);
	assert_int_equal(frames[2].status, -EMSGSIZE);
	assert_int_equal(frames[3].status, 0);
	assert_int_equal(stats().tx_accepted, 2);
	assert_int_equal(stats().tx_refused, 2);
	assert_true(traffic_sent_at(0) < traffic_sent_at(3));
	/* A tag comes on top of the MTU. */
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, 2), 2);
	memset(slots[0].data, 0, slots[0].size);
	slots[0].data[12] = 0x81;
	frames[0] = (struct ws_io_tx){.len = sys_fake_kernel.mtu + 18, .status = 1};
	memset(slots[1].data, 0, slots[1].size);
	frames[1] = (struct ws_io_tx){.len = sys_fake_kernel.mtu + 14, .status = 1};
	assert_int_equal(ws_io_tx_submit(traffic.io, frames, 2), 2);
	assert_int_equal(frames[0].status, 0);
	assert_int_equal(frames[1].status, 0);
}

/* Frames in a queue are accepted, but their slots are not free. */
static void test_frames_in_a_queue(void **state)
{
	struct ws_io_slot slots[TRAFFIC_BATCH];
	uint32_t ring, again;

	(void)state;
	sys_fake_kernel.holds = true;
	traffic_open(0);
	for (unsigned tries = 0; tries < 200; tries++) {
		unsigned before = traffic.n;

		traffic_submit(TRAFFIC_BATCH, PLAIN);
		if (traffic.n - before < TRAFFIC_BATCH) {
			break;
		}
	}
	ring = traffic.n;
	assert_true(ring >= 4 * TRAFFIC_BATCH);
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, TRAFFIC_BATCH), 0);
	assert_int_equal(traffic_count(0), ring);
	/* What has left the queue can be used again, and no more. */
	sys_fake_complete(traffic.fd, 5);
	traffic_submit(TRAFFIC_BATCH, PLAIN);
	assert_int_equal(traffic.n, ring + 5);
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, TRAFFIC_BATCH), 0);
	/* A refused frame's slot is the next one, though those after it are in the queue. */
	sys_fake_complete(traffic.fd, 1);
	again = traffic.n;
	sys_fake_send_fails(messages(), -ENOBUFS);
	traffic_submit(TRAFFIC_BATCH, PLAIN);
	assert_int_equal(traffic.n, again + 2);
	assert_int_equal(traffic.status[again], -ENOBUFS);
	assert_int_equal(traffic.status[again + 1], 0);
	check_order();
}

/* The interface goes down in the middle of a batch: what is in the ring is not sent later. */
static void test_down_with_frames(void **state)
{
	(void)state;
	traffic_open(0);
	sys_fake_send_fails(10, -ENETDOWN);
	traffic_submit(20, PLAIN);
	assert_int_equal(traffic.n, 10);
	assert_int_equal(messages(), 11);
	traffic_submit(10, PLAIN);
	assert_int_equal(traffic.n, 20);
	assert_int_equal(messages(), 21);
	check_order();
}

#define EACH(f) TRAFFIC_CASE(f, "tpacket2"), TRAFFIC_CASE(f, "tpacket3")

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_opened_in_order),
		EACH(test_no_rings_on_this_kernel),
		EACH(test_smaller_without_memory),
		EACH(test_calls),
		EACH(test_refused_exactly),
		EACH(test_refused_and_put_off),
		EACH(test_slots_keep_contents),
		EACH(test_wrong_format),
		EACH(test_frames_in_a_queue),
		EACH(test_down_with_frames),
	};

	return cmocka_run_group_tests_name(
		"transmit rings on a modelled kernel", tests, NULL, NULL);
}
