/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_PACKET backends on the modelled kernel: transmit stamps and their keys, buffers, opening.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* after time.h, which it does not include */

#include "fake/sys_fake.h"
#include "io/io.h"

#define MS	      1000000LL
#define TIMEOUT	      (50 * MS)
#define LEN	      100
#define BATCH	      32
#define MAX_FRAMES    4096
#define OFFSET_NUMBER 14
#define COOKIE_BASE   UINT64_C(0x5EED000000000000)
#define RMEM_MAX      212992

/* What became of each frame, by its number, which it carries. */
struct traffic {
	struct ws_io *io;
	int fd;
	unsigned stages;
	uint32_t n; /* frames consumed */
	unsigned reserved;
	bool wanted[MAX_FRAMES];
	int status[MAX_FRAMES];
	uint8_t stamps[MAX_FRAMES][8];	 /* by stage: good ones */
	uint8_t failures[MAX_FRAMES][8]; /* -ETIME */
	int64_t time_ns[MAX_FRAMES];
};

static struct traffic t;

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	sys_fake_kernel.send_ns = 100;
	memset(&t, 0, sizeof(t));
	return 0;
}

static int forget(void **state)
{
	(void)state;
	ws_io_close(t.io);
	t.io = NULL;
	sys_fake_reset();
	return 0;
}

static struct ws_io_config tx_config(unsigned stages)
{
	return (struct ws_io_config){
		.backend = "socket",
		.dirs = WS_IO_TX,
		.ifindex = sys_fake_kernel.ifindex,
		.tx_batch = BATCH,
		.tx_stages = stages,
		.stamp_timeout_ns = TIMEOUT,
	};
}

static void open_tx(unsigned stages)
{
	struct ws_io_config config = tx_config(stages);
	const struct sys_fake_call *log;
	size_t n;

	assert_int_equal(ws_io_open(&t.io, &config), 0);
	t.stages = stages;
	log = sys_fake_log(&n);
	t.fd = log[sys_fake_find(0, SYS_FAKE_SOCKET, SYS_FAKE_ANY, SYS_FAKE_ANY)].ret;
}

/*
 * Submits frames until `n` more were consumed, or submission stops short. want tells which of them
 * want a stamp: frame i does if its bit i % 32 is set.
 */
static void submit(uint32_t n, uint32_t want)
{
	while (n) {
		struct ws_io_slot slots[BATCH];
		struct ws_io_tx frames[BATCH];
		unsigned batch = n < BATCH ? n : BATCH;
		int r = batch > t.reserved ? ws_io_tx_reserve(t.io, slots, batch - t.reserved) : 0;

		assert_true(r >= 0);
		for (int i = 0; i < r; i++) {
			uint32_t number = t.n + t.reserved + (unsigned)i;

			memset(slots[i].data, 0, LEN);
			memcpy(slots[i].data + OFFSET_NUMBER, &number, sizeof(number));
		}
		t.reserved += (unsigned)r;
		batch = batch < t.reserved ? batch : t.reserved;
		for (unsigned i = 0; i < batch; i++) {
			frames[i] = (struct ws_io_tx){
				.len = LEN,
				.want_stamp = want >> ((t.n + i) % 32) & 1,
				.cookie = COOKIE_BASE + t.n + i,
				.status = 1,
			};
		}
		r = ws_io_tx_submit(t.io, frames, batch);
		assert_in_range(r, 0, batch);
		for (int i = 0; i < r; i++) {
			assert_true(t.n < MAX_FRAMES);
			assert_int_not_equal(frames[i].status, 1);
			t.wanted[t.n] = frames[i].want_stamp;
			t.status[t.n++] = frames[i].status;
		}
		t.reserved -= (unsigned)r;
		n -= (unsigned)r;
		assert_true(ws_io_tx_outstanding(t.io) <= ws_io_caps(t.io)->stamps_outstanding);
		if ((unsigned)r < batch) {
			return;
		}
	}
}

static unsigned read_stamps(void)
{
	struct ws_io_tx_stamp got[BATCH];
	unsigned total = 0;
	int n;

	while ((n = ws_io_tx_stamps(t.io, got, BATCH)) > 0) {
		for (int i = 0; i < n; i++) {
			uint64_t number = got[i].cookie - COOKIE_BASE;

			assert_true(number < t.n);
			assert_true(got[i].stage & t.stages);
			if (got[i].status) {
				assert_int_equal(got[i].status, -ETIME);
				t.failures[number][got[i].stage]++;
				continue;
			}
			t.stamps[number][got[i].stage]++;
			t.time_ns[number] = got[i].stamp.time.ns;
		}
		total += (unsigned)n;
	}
	assert_int_equal(n, 0);
	return total;
}

/* When the frame was sent in the end; -1: never. */
static int64_t sent_at(uint32_t number)
{
	size_t n;
	const struct sys_fake_sent *sent = sys_fake_sent(&n);

	for (size_t i = 0; i < n; i++) {
		uint32_t carried;

		memcpy(&carried, sent[i].head + OFFSET_NUMBER, sizeof(carried));
		if (carried == number && sent[i].status == 0) {
			return sent[i].time_ns;
		}
	}
	return -1;
}

/* Each accepted frame that wanted stamps has each stage once, and they are its own. */
static void check_all_stamped(void)
{
	assert_int_equal(ws_io_tx_outstanding(t.io), 0);
	for (uint32_t i = 0; i < t.n; i++) {
		bool expected = t.wanted[i] && t.status[i] == 0;

		for (unsigned stage = 1; stage < 8; stage <<= 1) {
			bool due = expected && (t.stages & stage);

			assert_int_equal(t.stamps[i][stage], due ? 1 : 0);
			assert_int_equal(t.failures[i][stage], 0);
		}
		if (expected) {
			assert_int_equal(t.time_ns[i], sent_at(i));
		}
		assert_int_equal(sent_at(i) >= 0, t.status[i] == 0);
	}
}

static uint32_t count_status(int status)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t.n; i++) {
		n += t.status[i] == status;
	}
	return n;
}

static bool modes[] = {true, false};

static void each_mode(void (*body)(void))
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		reset(NULL);
		sys_fake_kernel.explicit_keys = modes[i];
		body();
		/* Known from the first stamped frame on. */
		assert_int_equal(ws_io_caps(t.io)->tx_keys_explicit, modes[i]);
		ws_io_close(t.io);
		t.io = NULL;
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}

static void stamps_of_some(void)
{
	const struct sys_fake_sent *sent;
	struct ws_io_stats stats;
	uint32_t key = 0;
	size_t n;

	open_tx(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	for (unsigned round = 0; round < 10; round++) {
		submit(50, 0x9A5F00F1);
		read_stamps();
	}
	assert_int_equal(t.n, 500);
	check_all_stamped();
	sent = sys_fake_sent(&n);
	for (size_t i = 0; i < n; i++) {
		uint32_t number;

		memcpy(&number, sent[i].head + OFFSET_NUMBER, sizeof(number));
		if (sent[i].status == 0) {
			assert_int_equal(sent[i].record,
				t.wanted[number]
					? SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE
					: 0);
			assert_int_equal(sent[i].keyed, t.wanted[number]);
		}
		if (sent[i].status == 0 && sent[i].keyed) {
			assert_int_equal(sent[i].key, key++);
			assert_int_equal(sent[i].explicit_key, sys_fake_kernel.explicit_keys);
		}
	}
	ws_io_stats(t.io, &stats);
	assert_int_equal(stats.tx_accepted, 500);
	assert_int_equal(stats.tx_refused, 0);
	assert_int_equal(stats.stamps_received, 2 * key);
	assert_int_equal(stats.stamps_missing + stats.stamps_stray, 0);
}

static void test_stamps_of_some(void **state)
{
	(void)state;
	each_mode(stamps_of_some);
}

static void refused_frames(void)
{
	struct ws_io_stats stats;

	open_tx(WS_STAGE_DRIVER);
	/* Alone, two in a row (in a batch the kernel keeps the first one's error for itself), and
	 * at the very beginning. */
	sys_fake_send_fails(0, -ENOBUFS);
	sys_fake_send_fails(1, -ENOBUFS);
	sys_fake_send_fails(20, -ENOBUFS);
	sys_fake_send_fails(40, -ENOBUFS);
	sys_fake_send_fails(41, -ENOBUFS);
	sys_fake_send_fails(42, -ENOBUFS);
	submit(100, UINT32_MAX);
	assert_int_equal(t.n, 100);
	read_stamps();
	check_all_stamped();
	assert_true(count_status(-ENOBUFS) >= 2);
	assert_int_equal(count_status(-ENOBUFS) + count_status(0), 100);
	ws_io_stats(t.io, &stats);
	assert_int_equal(stats.tx_refused, count_status(-ENOBUFS));
	assert_int_equal(stats.tx_accepted, count_status(0));
	assert_int_equal(stats.stamps_received, count_status(0));
	assert_int_equal(stats.stamps_stray, 0);
}

static void test_refused_use_up_keys(void **state)
{
	(void)state;
	each_mode(refused_frames);
}

static void put_off_frames(void)
{
	struct ws_io_stats stats;

	open_tx(WS_STAGE_DRIVER);
	sys_fake_send_fails(0, -EAGAIN);
	sys_fake_send_fails(30, -EAGAIN);
	sys_fake_send_fails(31, -EAGAIN);
	sys_fake_send_fails(60, -EAGAIN);
	sys_fake_send_fails(61, -ENOBUFS);
	sys_fake_send_fails(62, -EAGAIN);
	for (unsigned tries = 0; tries < 20 && t.n < 100; tries++) {
		submit(100 - t.n, UINT32_MAX);
	}
	assert_int_equal(t.n, 100);
	read_stamps();
	check_all_stamped();
	assert_int_equal(count_status(-EAGAIN), 0);
	assert_int_equal(count_status(-ENOBUFS) + count_status(0), 100);
	ws_io_stats(t.io, &stats);
	assert_true(stats.tx_again >= 1);
	assert_int_equal(stats.stamps_stray, 0);
}

static void test_put_off_use_up_none(void **state)
{
	(void)state;
	each_mode(put_off_frames);
}

static void wrong_frames(void)
{
	struct ws_io_slot slots[3];
	struct ws_io_tx frames[3];
	struct ws_io_tx_stamp got[4];
	int taken, stamps;

	open_tx(WS_STAGE_DRIVER);
	submit(1, UINT32_MAX);
	read_stamps();
	/* Too long for the interface: refused before it gets a key. */
	assert_int_equal(ws_io_tx_reserve(t.io, slots, 3), 3);
	for (unsigned i = 0; i < 3; i++) {
		memset(slots[i].data, 0, LEN);
		frames[i] = (struct ws_io_tx){.len = LEN, .want_stamp = true, .cookie = 10 + i};
	}
	sys_fake_kernel.mtu = 500;
	frames[1].len = 600;
	/* Where the kernel counts the keys, it cannot be known whether it counted this one: the next frame
	 * waits until nothing is under way, and the count begins anew. */
	taken = ws_io_tx_submit(t.io, frames, 3);
	assert_int_equal(taken, ws_io_caps(t.io)->tx_keys_explicit ? 3 : 2);
	assert_int_equal(frames[0].status, 0);
	assert_int_equal(frames[1].status, -EMSGSIZE);
	stamps = ws_io_tx_stamps(t.io, got, 4);
	if (taken == 2) {
		assert_int_equal(stamps, 1);
		assert_int_equal(ws_io_tx_submit(t.io, frames + 2, 1), 1);
		stamps += ws_io_tx_stamps(t.io, got + 1, 3);
	}
	assert_int_equal(frames[2].status, 0);
	assert_int_equal(stamps, 2);
	assert_int_equal(got[0].cookie, 10);
	assert_int_equal(got[1].cookie, 12);
	assert_int_equal(ws_io_tx_outstanding(t.io), 0);
}

static void test_wrong_frames(void **state)
{
	(void)state;
	each_mode(wrong_frames);
}

static void short_calls(void)
{
	struct ws_io_stats stats;

	sys_fake_kernel.sendmmsg_max = 3;
	open_tx(WS_STAGE_DRIVER);
	submit(200, 0x0000FFF0);
	assert_int_equal(t.n, 200);
	read_stamps();
	check_all_stamped();
	assert_int_equal(count_status(0), 200);
	ws_io_stats(t.io, &stats);
	assert_int_equal(stats.tx_accepted, 200);
	assert_true(stats.tx_calls >= 200 / 3);
}

static void test_short_calls(void **state)
{
	(void)state;
	each_mode(short_calls);
}

static void missing_stamps(void)
{
	struct ws_io_stats stats;
	const struct sys_fake_sent *sent;
	size_t n, lost = 0;

	open_tx(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	sys_fake_lose_stamps(5, WS_STAGE_DRIVER);
	sys_fake_lose_stamps(9, WS_STAGE_SCHED | WS_STAGE_DRIVER);
	submit(20, UINT32_MAX);
	assert_int_equal(t.n, 20);
	assert_int_equal(read_stamps(), 2 * 20 - 3);
	assert_int_equal(ws_io_tx_outstanding(t.io), 2);
	*sys_fake_clock() += TIMEOUT - 2 * MS;
	assert_int_equal(read_stamps(), 0);
	*sys_fake_clock() += 4 * MS;
	assert_int_equal(read_stamps(), 3);
	assert_int_equal(ws_io_tx_outstanding(t.io), 0);
	*sys_fake_clock() += 10 * TIMEOUT;
	assert_int_equal(read_stamps(), 0);

	sent = sys_fake_sent(&n);
	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		bool hit = i == 5 || i == 9;

		memcpy(&number, sent[i].head + OFFSET_NUMBER, sizeof(number));
		if (sent[i].status) {
			continue;
		}
		assert_int_equal(t.failures[number][WS_STAGE_DRIVER], hit ? 1 : 0);
		assert_int_equal(t.stamps[number][WS_STAGE_DRIVER], hit ? 0 : 1);
		assert_int_equal(t.failures[number][WS_STAGE_SCHED], i == 9 ? 1 : 0);
		assert_int_equal(t.stamps[number][WS_STAGE_SCHED], i == 9 ? 0 : 1);
		lost += hit;
		/* What comes after all belongs to nobody any more. */
		if (hit) {
			sys_fake_stray_stamp(t.fd, sent[i].key, SCM_TSTAMP_SND);
		}
	}
	assert_int_equal(lost, 2);
	assert_int_equal(read_stamps(), 0);
	ws_io_stats(t.io, &stats);
	assert_int_equal(stats.stamps_received, 37);
	assert_int_equal(stats.stamps_missing, 3);
	assert_int_equal(stats.stamps_stray, 2);
}

static void test_missing_stamps(void **state)
{
	(void)state;
	each_mode(missing_stamps);
}

static void stray_stamps(void)
{
	struct ws_io_stats stats;

	open_tx(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	submit(3, UINT32_MAX);
	read_stamps();
	sys_fake_stray_stamp(t.fd, 0, SCM_TSTAMP_SND); /* again */
	sys_fake_stray_stamp(t.fd, 3, SCM_TSTAMP_SND); /* not sent yet */
	sys_fake_stray_stamp(t.fd, 0xFFFFFFFF, SCM_TSTAMP_SCHED);
	sys_fake_stray_stamp(t.fd, 1, SCM_TSTAMP_ACK); /* a stage that nobody asked for */
	assert_int_equal(read_stamps(), 0);
	ws_io_stats(t.io, &stats);
	assert_int_equal(stats.stamps_stray, 4);
	assert_int_equal(stats.stamps_received, 6);
	/* And they did no harm. */
	submit(3, UINT32_MAX);
	read_stamps();
	check_all_stamped();
}

static void test_stray_stamps(void **state)
{
	(void)state;
	each_mode(stray_stamps);
}

/* A queueing discipline stamps, and then refuses: that stamp belongs to no accepted frame. */
static void refused_after_a_stamp(void)
{
	size_t n;

	open_tx(WS_STAGE_SCHED | WS_STAGE_DRIVER);
	submit(1, UINT32_MAX);
	sys_fake_sent(&n);
	sys_fake_send_fails(n, -ENOBUFS);
	submit(1, UINT32_MAX);
	submit(8, UINT32_MAX);
	assert_int_equal(count_status(-ENOBUFS), 1);
	read_stamps();
	check_all_stamped();
}

static void test_refused_after_a_stamp(void **state)
{
	(void)state;
	each_mode(refused_after_a_stamp);
}

static void test_old_kernel_sends_one_a_call(void **state)
{
	const struct sys_fake_sent *sent;
	struct ws_io_stats stats;
	size_t n;

	(void)state;
	sys_fake_kernel.explicit_keys = false;
	open_tx(WS_STAGE_DRIVER);
	submit(64, UINT32_MAX);
	read_stamps();
	check_all_stamped();
	/* A cut batch would not say whether the frame that cut it used up a key. */
	assert_int_equal(sys_fake_find(0, SYS_FAKE_SENDMMSG, SYS_FAKE_ANY, SYS_FAKE_ANY), -1);
	/* The refusal of the control message is asked for once. */
	sent = sys_fake_sent(&n);
	assert_int_equal(n, 65);
	assert_int_equal(sent[0].status, -EINVAL);
	ws_io_stats(t.io, &stats);
	assert_int_equal(stats.tx_refused, 0);
	assert_int_equal(stats.tx_accepted, 64);
	/* What wants no stamp goes in batches all the same. */
	submit(64, 0);
	assert_true(sys_fake_find(0, SYS_FAKE_SENDMMSG, SYS_FAKE_ANY, SYS_FAKE_ANY) >= 0);
}

static void test_new_kernel_sends_batches(void **state)
{
	struct ws_io_stats before, after;

	(void)state;
	open_tx(WS_STAGE_DRIVER);
	submit(BATCH, UINT32_MAX);
	ws_io_stats(t.io, &before);
	submit(BATCH, UINT32_MAX);
	ws_io_stats(t.io, &after);
	assert_int_equal(after.tx_calls - before.tx_calls, 1);
}

/* Sends without reading until no more is taken: then not one stamp may have found the queue full.
 */
static void fill_queue(unsigned stages, uint32_t rmem_max, bool explicit_keys)
{
	unsigned per_frame = (unsigned)__builtin_popcount(stages);
	const struct ws_io_caps *caps;
	uint32_t bound;

	reset(NULL);
	sys_fake_kernel.may_force = false;
	sys_fake_kernel.rmem_max = rmem_max;
	sys_fake_kernel.explicit_keys = explicit_keys;
	open_tx(stages);
	caps = ws_io_caps(t.io);
	bound = caps->stamps_outstanding;
	assert_int_equal(caps->stamp_buffer, 2 * rmem_max);
	assert_true(bound >= 1);
	assert_true((uint64_t)bound * per_frame * sys_fake_kernel.stamp_truesize <= 2 * rmem_max);
	/* And not wasteful either. */
	assert_true((uint64_t)bound * per_frame * sys_fake_kernel.stamp_truesize * 2 >= rmem_max);

	for (unsigned round = 0; round < 3; round++) {
		uint32_t before = t.n;

		submit(bound + 100, UINT32_MAX);
		assert_int_equal(t.n - before, bound);
		assert_int_equal(ws_io_tx_outstanding(t.io), bound);
		submit(1, UINT32_MAX);
		assert_int_equal(t.n - before, bound);
		assert_int_equal(sys_fake_errqueue(t.fd).dropped, 0);
		assert_int_equal(sys_fake_errqueue(t.fd).now, bound * per_frame);
		assert_int_equal(read_stamps(), bound * per_frame);
	}
	check_all_stamped();
	ws_io_close(t.io);
	t.io = NULL;
}

static void test_outstanding_is_bounded(void **state)
{
	static const uint32_t sizes[] = {RMEM_MAX, RMEM_MAX / 2, 16384, 4096};

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
		{.len = LEN, .want_stamp = true, .cookie = 1, .status = 1},
		{.len = LEN, .want_stamp = true, .cookie = 2, .status = 1},
	};
	struct ws_io_tx_stamp got[2];

	(void)state;
	open_tx(WS_STAGE_DRIVER);
	assert_int_equal(ws_io_tx_reserve(t.io, slots, 2), 2);
	memset(slots[0].data, 0, LEN);
	memset(slots[1].data, 0, LEN);
	sys_fake_link(false);
	assert_int_equal(ws_io_tx_submit(t.io, frames, 2), -ENETDOWN);
	assert_int_equal(frames[0].status, 1);
	assert_int_equal(ws_io_tx_outstanding(t.io), 0);
	sys_fake_link(true);
	/* They are still reserved, and their keys still fit. */
	assert_int_equal(ws_io_tx_submit(t.io, frames, 2), 2);
	assert_int_equal(ws_io_tx_stamps(t.io, got, 2), 2);
	assert_int_equal(got[0].cookie, 1);
	assert_int_equal(got[1].cookie, 2);
	sys_fake_kernel.removed = true;
	assert_int_equal(ws_io_tx_reserve(t.io, slots, 1), 1);
	assert_int_equal(ws_io_tx_submit(t.io, frames, 1), -ENODEV);
}

static void test_wait_for_stamps(void **state)
{
	int64_t start;

	(void)state;
	open_tx(WS_STAGE_DRIVER);
	start = *sys_fake_clock();
	assert_int_equal(ws_io_wait(t.io, start + MS), 0);
	assert_int_equal(*sys_fake_clock(), start + MS);
	submit(1, UINT32_MAX);
	assert_int_equal(ws_io_wait(t.io, start + 10 * MS), 1);
	assert_true(*sys_fake_clock() < start + 2 * MS);
	assert_int_equal(read_stamps(), 1);
	assert_int_equal(ws_io_wait(t.io, start + 10 * MS), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, reset, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_stamps_of_some),
		CASE(test_refused_use_up_keys),
		CASE(test_put_off_use_up_none),
		CASE(test_wrong_frames),
		CASE(test_short_calls),
		CASE(test_missing_stamps),
		CASE(test_stray_stamps),
		CASE(test_refused_after_a_stamp),
		CASE(test_old_kernel_sends_one_a_call),
		CASE(test_new_kernel_sends_batches),
		CASE(test_outstanding_is_bounded),
		CASE(test_interface_goes_away),
		CASE(test_wait_for_stamps),
	};

	return cmocka_run_group_tests_name("transmit on a modelled kernel", tests, NULL, NULL);
}
