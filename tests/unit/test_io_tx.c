/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_PACKET backends on the modelled kernel: transmit stamps and their keys, refusals. The same
 * for every way to hand frames over; what is special about rings is in test_io_tx_ring.c. */
#include "unit/tx_traffic.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* after time.h, which it does not include */

static void stamps_of_some(void)
{
	const struct sys_fake_sent *sent;
	struct ws_io_stats stats;
	uint32_t key = 0;
	size_t n;

	traffic_open(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	for (unsigned round = 0; round < 10; round++) {
		traffic_submit(50, 0x9A5F00F1);
		traffic_read_stamps();
	}
	assert_int_equal(traffic.n, 500);
	traffic_check();
	sent = sys_fake_sent(&n);
	for (size_t i = 0; i < n; i++) {
		uint32_t number;

		memcpy(&number, sent[i].head + TRAFFIC_OFFSET_NUMBER, sizeof(number));
		if (sent[i].status == 0) {
			assert_int_equal(sent[i].record,
				traffic.wanted[number]
					? SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE
					: 0);
			assert_int_equal(sent[i].keyed, traffic.wanted[number]);
		}
		if (sent[i].status == 0 && sent[i].keyed) {
			assert_int_equal(sent[i].key, key++);
			assert_int_equal(sent[i].explicit_key, sys_fake_kernel.explicit_keys);
		}
	}
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.tx_accepted, 500);
	assert_int_equal(stats.tx_refused, 0);
	assert_int_equal(stats.stamps_received, 2 * key);
	assert_int_equal(stats.stamps_missing + stats.stamps_stray, 0);
}

static void test_stamps_of_some(void **state)
{
	(void)state;
	traffic_each_mode(stamps_of_some);
}

/* All sets there are, in turn. */
static uint8_t each_set(uint32_t n)
{
	return n % 8;
}

static uint32_t record_of(unsigned stages)
{
	return (stages & WS_STAGE_SCHED ? SOF_TIMESTAMPING_TX_SCHED : 0) |
	       (stages & WS_STAGE_DRIVER ? SOF_TIMESTAMPING_TX_SOFTWARE : 0) |
	       (stages & WS_STAGE_WIRE ? SOF_TIMESTAMPING_TX_HARDWARE : 0);
}

static void stages_of_each(void)
{
	const unsigned all = WS_STAGE_SCHED | WS_STAGE_DRIVER | WS_STAGE_WIRE;
	const struct sys_fake_sent *sent;
	struct ws_io_stats stats;
	unsigned stamps = 0;
	size_t n;

	sys_fake_kernel.tx_hardware = true;
	traffic_open(all);
	traffic.stages_of = each_set;
	for (unsigned round = 0; round < 10; round++) {
		traffic_submit(48, 0xFFF0FFFF);
		traffic_read_stamps();
	}
	assert_int_equal(traffic.n, 480);
	traffic_check();
	sent = sys_fake_sent(&n);
	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		unsigned stages;

		memcpy(&number, sent[i].head + TRAFFIC_OFFSET_NUMBER, sizeof(number));
		stages = traffic.wanted[number] ? traffic_stages(number) : 0;
		if (sent[i].status == 0) {
			assert_int_equal(sent[i].record, record_of(stages));
			stamps += (unsigned)__builtin_popcount(stages);
		}
	}
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.tx_accepted, 480);
	assert_int_equal(stats.stamps_received, stamps);
	assert_int_equal(stats.stamps_missing + stats.stamps_stray, 0);
}

static void test_stages_of_each(void **state)
{
	(void)state;
	traffic_each_mode(stages_of_each);
}

static void refused_frames(void)
{
	struct ws_io_stats stats;

	traffic_open(WS_STAGE_DRIVER);
	/* Alone, two in a row (in a batch the kernel keeps the first one's error for itself), and
	 * at the very beginning. */
	sys_fake_send_fails(0, -ENOBUFS);
	sys_fake_send_fails(1, -ENOBUFS);
	sys_fake_send_fails(20, -ENOBUFS);
	sys_fake_send_fails(40, -ENOBUFS);
	sys_fake_send_fails(41, -ENOBUFS);
	sys_fake_send_fails(42, -ENOBUFS);
	traffic_submit(100, UINT32_MAX);
	assert_int_equal(traffic.n, 100);
	traffic_read_stamps();
	traffic_check();
	assert_true(traffic_count(-ENOBUFS) >= 2);
	assert_int_equal(traffic_count(-ENOBUFS) + traffic_count(0), 100);
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.tx_refused, traffic_count(-ENOBUFS));
	assert_int_equal(stats.tx_accepted, traffic_count(0));
	assert_int_equal(stats.stamps_received, traffic_count(0));
	assert_int_equal(stats.stamps_stray, 0);
}

static void test_refused_use_up_keys(void **state)
{
	(void)state;
	traffic_each_mode(refused_frames);
}

static void put_off_frames(void)
{
	struct ws_io_stats stats;

	traffic_open(WS_STAGE_DRIVER);
	sys_fake_send_fails(0, -EAGAIN);
	sys_fake_send_fails(30, -EAGAIN);
	sys_fake_send_fails(31, -EAGAIN);
	sys_fake_send_fails(60, -EAGAIN);
	sys_fake_send_fails(61, -ENOBUFS);
	sys_fake_send_fails(62, -EAGAIN);
	for (unsigned tries = 0; tries < 20 && traffic.n < 100; tries++) {
		traffic_submit(100 - traffic.n, UINT32_MAX);
	}
	assert_int_equal(traffic.n, 100);
	traffic_read_stamps();
	traffic_check();
	assert_int_equal(traffic_count(-EAGAIN), 0);
	assert_int_equal(traffic_count(-ENOBUFS) + traffic_count(0), 100);
	ws_io_stats(traffic.io, &stats);
	assert_true(stats.tx_again >= 1);
	assert_int_equal(stats.stamps_stray, 0);
}

static void test_put_off_use_up_none(void **state)
{
	(void)state;
	traffic_each_mode(put_off_frames);
}

static void wrong_frames(void)
{
	struct ws_io_slot slots[3];
	struct ws_io_tx frames[3];
	struct ws_io_tx_stamp got[4];
	int taken, stamps;

	traffic_open(WS_STAGE_DRIVER);
	traffic_submit(1, UINT32_MAX);
	traffic_read_stamps();
	/* Too long for the interface, or without a whole header: refused before it gets a key. */
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, 3), 3);
	for (unsigned i = 0; i < 3; i++) {
		memset(slots[i].data, 0, TRAFFIC_LEN);
		frames[i] =
			(struct ws_io_tx){.len = TRAFFIC_LEN, .want_stamp = true, .cookie = 10 + i};
	}
	sys_fake_kernel.mtu = 500;
	frames[1].len = traffic_by_ring() ? 10 : 600;
	/* Where the kernel counts the keys, it cannot be known whether it counted this one: the next frame
	 * waits until nothing is under way, and the count begins anew. */
	taken = ws_io_tx_submit(traffic.io, frames, 3);
	assert_int_equal(taken, ws_io_caps(traffic.io)->tx_keys_explicit ? 3 : 2);
	assert_int_equal(frames[0].status, 0);
	assert_int_equal(frames[1].status, traffic_by_ring() ? -EINVAL : -EMSGSIZE);
	stamps = ws_io_tx_stamps(traffic.io, got, 4);
	if (taken == 2) {
		assert_int_equal(stamps, 1);
		assert_int_equal(ws_io_tx_submit(traffic.io, frames + 2, 1), 1);
		stamps += ws_io_tx_stamps(traffic.io, got + 1, 3);
	}
	assert_int_equal(frames[2].status, 0);
	assert_int_equal(stamps, 2);
	assert_int_equal(got[0].cookie, 10);
	assert_int_equal(got[1].cookie, 12);
	assert_int_equal(ws_io_tx_outstanding(traffic.io), 0);
}

static void test_wrong_frames(void **state)
{
	(void)state;
	traffic_each_mode(wrong_frames);
}

static void short_calls(void)
{
	struct ws_io_stats stats;

	sys_fake_kernel.sendmmsg_max = 3;
	traffic_open(WS_STAGE_DRIVER);
	for (unsigned tries = 0; tries < 100 && traffic.n < 200; tries++) {
		traffic_submit(200 - traffic.n, 0x0000FFF0);
	}
	assert_int_equal(traffic.n, 200);
	traffic_read_stamps();
	traffic_check();
	assert_int_equal(traffic_count(0), 200);
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.tx_accepted, 200);
	assert_true(stats.tx_calls >= 200 / 3);
}

static void test_short_calls(void **state)
{
	(void)state;
	traffic_each_mode(short_calls);
}

static void missing_stamps(void)
{
	struct ws_io_stats stats;
	const struct sys_fake_sent *sent;
	size_t n, lost = 0;

	traffic_open(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	sys_fake_lose_stamps(5, WS_STAGE_DRIVER);
	sys_fake_lose_stamps(9, WS_STAGE_SCHED | WS_STAGE_DRIVER);
	traffic_submit(20, UINT32_MAX);
	assert_int_equal(traffic.n, 20);
	assert_int_equal(traffic_read_stamps(), 2 * 20 - 3);
	assert_int_equal(ws_io_tx_outstanding(traffic.io), 2);
	*sys_fake_clock() += TRAFFIC_TIMEOUT - 2 * MS;
	assert_int_equal(traffic_read_stamps(), 0);
	*sys_fake_clock() += 4 * MS;
	assert_int_equal(traffic_read_stamps(), 3);
	assert_int_equal(ws_io_tx_outstanding(traffic.io), 0);
	*sys_fake_clock() += 10 * TRAFFIC_TIMEOUT;
	assert_int_equal(traffic_read_stamps(), 0);

	sent = sys_fake_sent(&n);
	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		bool hit = i == 5 || i == 9;

		memcpy(&number, sent[i].head + TRAFFIC_OFFSET_NUMBER, sizeof(number));
		if (sent[i].status) {
			continue;
		}
		assert_int_equal(traffic.failures[number][WS_STAGE_DRIVER], hit ? 1 : 0);
		assert_int_equal(traffic.stamps[number][WS_STAGE_DRIVER], hit ? 0 : 1);
		assert_int_equal(traffic.failures[number][WS_STAGE_SCHED], i == 9 ? 1 : 0);
		assert_int_equal(traffic.stamps[number][WS_STAGE_SCHED], i == 9 ? 0 : 1);
		lost += hit;
		/* What comes after all belongs to nobody any more. */
		if (hit) {
			sys_fake_stray_stamp(traffic.fd, sent[i].key, SCM_TSTAMP_SND);
		}
	}
	assert_int_equal(lost, 2);
	assert_int_equal(traffic_read_stamps(), 0);
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.stamps_received, 37);
	assert_int_equal(stats.stamps_missing, 3);
	assert_int_equal(stats.stamps_stray, 2);
}

static void test_missing_stamps(void **state)
{
	(void)state;
	traffic_each_mode(missing_stamps);
}

static void stray_stamps(void)
{
	struct ws_io_stats stats;

	traffic_open(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	traffic_submit(3, UINT32_MAX);
	traffic_read_stamps();
	sys_fake_stray_stamp(traffic.fd, 0, SCM_TSTAMP_SND); /* again */
	sys_fake_stray_stamp(traffic.fd, 3, SCM_TSTAMP_SND); /* not sent yet */
	sys_fake_stray_stamp(traffic.fd, 0xFFFFFFFF, SCM_TSTAMP_SCHED);
	sys_fake_stray_stamp(traffic.fd, 1, SCM_TSTAMP_ACK); /* a stage that nobody asked for */
	assert_int_equal(traffic_read_stamps(), 0);
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.stamps_stray, 4);
	assert_int_equal(stats.stamps_received, 6);
	/* And they did no harm. */
	traffic_submit(3, UINT32_MAX);
	traffic_read_stamps();
	traffic_check();
}

static void test_stray_stamps(void **state)
{
	(void)state;
	traffic_each_mode(stray_stamps);
}

/* A queueing discipline stamps, and then refuses: that stamp belongs to no accepted frame. */
static void refused_after_a_stamp(void)
{
	size_t n;

	traffic_open(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	traffic_submit(1, UINT32_MAX);
	sys_fake_sent(&n);
	sys_fake_send_fails(n, -ENOBUFS);
	traffic_submit(1, UINT32_MAX);
	traffic_submit(8, UINT32_MAX);
	assert_int_equal(traffic_count(-ENOBUFS), 1);
	traffic_read_stamps();
	traffic_check();
}

static void test_refused_after_a_stamp(void **state)
{
	(void)state;
	traffic_each_mode(refused_after_a_stamp);
}

static void test_old_kernel_sends_one_a_call(void **state)
{
	const struct sys_fake_sent *sent;
	struct ws_io_stats stats;
	size_t n;

	(void)state;
	sys_fake_kernel.explicit_keys = false;
	traffic_open(WS_STAGE_DRIVER);
	traffic_submit(64, UINT32_MAX);
	traffic_read_stamps();
	traffic_check();
	/* A cut batch would not say whether the frame that cut it used up a key. */
	assert_int_equal(sys_fake_find(0, SYS_FAKE_SENDMMSG, SYS_FAKE_ANY, SYS_FAKE_ANY), -1);
	/* The refusal of the control message is asked for once. */
	sent = sys_fake_sent(&n);
	assert_int_equal(n, 65);
	assert_int_equal(sent[0].status, -EINVAL);
	ws_io_stats(traffic.io, &stats);
	assert_int_equal(stats.tx_refused, 0);
	assert_int_equal(stats.tx_accepted, 64);
	/* What wants no stamp goes in batches all the same. */
	traffic_submit(64, 0);
	assert_true(sys_fake_find(0, SYS_FAKE_SENDMMSG, SYS_FAKE_ANY, SYS_FAKE_ANY) >= 0);
}

static void test_new_kernel_sends_batches(void **state)
{
	struct ws_io_stats before, after;

	(void)state;
	traffic_open(WS_STAGE_DRIVER);
	traffic_submit(TRAFFIC_BATCH, UINT32_MAX);
	ws_io_stats(traffic.io, &before);
	traffic_submit(TRAFFIC_BATCH, UINT32_MAX);
	ws_io_stats(traffic.io, &after);
	assert_int_equal(after.tx_calls - before.tx_calls, 1);
}

/* Sends without reading until no more is taken: then not one stamp may have found the queue full.
 */
static void fill_queue(unsigned stages, uint32_t rmem_max, bool explicit_keys)
{
	unsigned per_frame = (unsigned)__builtin_popcount(stages);
	const struct ws_io_caps *caps;
	uint32_t bound;

	traffic_reset(NULL);
	sys_fake_kernel.may_force = false;
	sys_fake_kernel.rmem_max = rmem_max;
	sys_fake_kernel.explicit_keys = explicit_keys;
	traffic_open(stages);
	caps = ws_io_caps(traffic.io);
	bound = caps->stamps_outstanding;
	assert_int_equal(caps->stamp_buffer, 2 * rmem_max);
	assert_true(bound >= 1);
	assert_true((uint64_t)bound * per_frame * sys_fake_kernel.stamp_truesize <= 2 * rmem_max);
	/* And not wasteful either. */
	assert_true((uint64_t)bound * per_frame * sys_fake_kernel.stamp_truesize * 2 >= rmem_max);

	for (unsigned round = 0; round < 3; round++) {
		uint32_t before = traffic.n;

		traffic_submit(bound + 100, UINT32_MAX);
		assert_int_equal(traffic.n - before, bound);
		assert_int_equal(ws_io_tx_outstanding(traffic.io), bound);
		traffic_submit(1, UINT32_MAX);
		assert_int_equal(traffic.n - before, bound);
		assert_int_equal(sys_fake_errqueue(traffic.fd).dropped, 0);
		assert_int_equal(sys_fake_errqueue(traffic.fd).now, bound * per_frame);
		assert_int_equal(traffic_read_stamps(), bound * per_frame);
	}
	traffic_check();
	ws_io_close(traffic.io);
	traffic.io = NULL;
}

static void test_outstanding_is_bounded(void **state)
{
	static const uint32_t sizes[] = {TRAFFIC_RMEM_MAX, TRAFFIC_RMEM_MAX / 2, 16384, 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fill_queue(WS_STAGE_DRIVER, sizes[i], true);
		fill_queue(WS_STAGE_DRIVER, sizes[i], false);
		fill_queue(WS_STAGE_SCHED | WS_STAGE_DRIVER, sizes[i], true);
	}
}

static void test_interface_goes_away(void **state)
{
	struct ws_io_slot slots[2];
	struct ws_io_tx frames[2] = {
		{.len = TRAFFIC_LEN, .want_stamp = true, .cookie = 1, .status = 1},
		{.len = TRAFFIC_LEN, .want_stamp = true, .cookie = 2, .status = 1},
	};
	struct ws_io_tx_stamp got[2];

	(void)state;
	traffic_open(WS_STAGE_DRIVER);
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, 2), 2);
	memset(slots[0].data, 0, TRAFFIC_LEN);
	memset(slots[1].data, 0, TRAFFIC_LEN);
	sys_fake_link(false);
	assert_int_equal(ws_io_tx_submit(traffic.io, frames, 2), -ENETDOWN);
	assert_int_equal(frames[0].status, 1);
	assert_int_equal(ws_io_tx_outstanding(traffic.io), 0);
	sys_fake_link(true);
	/* They are still reserved, and their keys still fit. */
	assert_int_equal(ws_io_tx_submit(traffic.io, frames, 2), 2);
	assert_int_equal(ws_io_tx_stamps(traffic.io, got, 2), 2);
	assert_int_equal(got[0].cookie, 1);
	assert_int_equal(got[1].cookie, 2);
	sys_fake_kernel.removed = true;
	assert_int_equal(ws_io_tx_reserve(traffic.io, slots, 1), 1);
	assert_int_equal(ws_io_tx_submit(traffic.io, frames, 1), -ENODEV);
}

static void test_wait_for_stamps(void **state)
{
	int64_t start;

	(void)state;
	traffic_open(WS_STAGE_DRIVER);
	start = *sys_fake_clock();
	assert_int_equal(ws_io_wait(traffic.io, start + MS), 0);
	assert_int_equal(*sys_fake_clock(), start + MS);
	traffic_submit(1, UINT32_MAX);
	assert_int_equal(ws_io_wait(traffic.io, start + 10 * MS), 1);
	assert_true(*sys_fake_clock() < start + 2 * MS);
	assert_int_equal(traffic_read_stamps(), 1);
	assert_int_equal(ws_io_wait(traffic.io, start + 10 * MS), 0);
}

#define EACH(f) TRAFFIC_CASE(f, "socket"), TRAFFIC_CASE(f, "tpacket2"), TRAFFIC_CASE(f, "tpacket3")

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_stamps_of_some),
		EACH(test_stages_of_each),
		EACH(test_refused_use_up_keys),
		EACH(test_put_off_use_up_none),
		EACH(test_wrong_frames),
		EACH(test_short_calls),
		EACH(test_missing_stamps),
		EACH(test_stray_stamps),
		EACH(test_refused_after_a_stamp),
		TRAFFIC_CASE(test_old_kernel_sends_one_a_call, "socket"),
		TRAFFIC_CASE(test_new_kernel_sends_batches, "socket"),
		EACH(test_outstanding_is_bounded),
		EACH(test_interface_goes_away),
		EACH(test_wait_for_stamps),
	};

	return cmocka_run_group_tests_name("transmit on a modelled kernel", tests, NULL, NULL);
}
