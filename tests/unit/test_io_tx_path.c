/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_PACKET backends on the modelled kernel: launch times, the limit of the rate, the send buffer,
 * full rings, and which backend is the best to send by. */
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

#include "fake/sys_fake.h"
#include "io/io.h"

#define FRAMES	 12
#define LEN	 100
#define LAUNCH	 INT64_C(0x123456789ABCDEF)
#define WMEM_MAX 212992

static const char *const backends[] = {"socket", "tpacket2", "tpacket3"};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

static struct ws_io *io;

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	return 0;
}

static int forget(void **state)
{
	(void)state;
	ws_io_close(io);
	io = NULL;
	sys_fake_reset();
	return 0;
}

static struct ws_io_config config_of(const char *backend)
{
	return (struct ws_io_config){
		.backend = backend,
		.dirs = WS_IO_TX,
		.ifindex = sys_fake_kernel.ifindex,
	};
}

static void close_io(void)
{
	ws_io_close(io);
	io = NULL;
	assert_int_equal(sys_fake_open_descriptors(), 0);
}

static const struct sys_fake_call *option(int name)
{
	int i = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_SOCKET, name);
	size_t n;
	const struct sys_fake_call *log = sys_fake_log(&n);

	return i < 0 ? NULL : &log[i];
}

static bool stamped(unsigned i)
{
	return i % 3 == 1;
}

/* Frame i has launch time LAUNCH + i, cookie i, and its number behind the header. Returns the calls
 * that it took. */
static uint64_t send_series(bool some_stamped)
{
	struct ws_io_slot slots[FRAMES];
	struct ws_io_tx frames[FRAMES];
	struct ws_io_stats before, after;

	ws_io_stats(io, &before);
	assert_int_equal(ws_io_tx_reserve(io, slots, FRAMES), FRAMES);
	for (unsigned i = 0; i < FRAMES; i++) {
		memset(slots[i].data, 0, LEN);
		slots[i].data[14] = (uint8_t)i;
		frames[i] = (struct ws_io_tx){
			.len = LEN,
			.cookie = i,
			.launch_ns = LAUNCH + i,
			.want_stamp = some_stamped && stamped(i),
			.status = 1,
		};
	}
	assert_int_equal(ws_io_tx_submit(io, frames, FRAMES), FRAMES);
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(frames[i].status, 0);
	}
	ws_io_stats(io, &after);
	return after.tx_calls - before.tx_calls;
}

/* The last series, as it came to the kernel. */
static void check_series(bool launched, bool some_stamped)
{
	size_t n;
	const struct sys_fake_sent *sent = sys_fake_sent(&n);

	for (unsigned i = FRAMES; i-- > 0;) {
		bool wanted = some_stamped && stamped(i);

		/* A kernel that counts the keys refuses the first explicit one, once. */
		do {
			assert_true(n > 0);
			n--;
		} while (sent[n].status == -EINVAL && !sys_fake_kernel.explicit_keys);
		assert_int_equal(sent[n].status, 0);
		assert_int_equal(sent[n].head[14], i);
		assert_int_equal(sent[n].launched, launched);
		assert_true(sent[n].launch_ns == (launched ? LAUNCH + i : 0));
		assert_int_equal(sent[n].keyed, wanted);
		assert_int_equal(sent[n].record, wanted ? SOF_TIMESTAMPING_TX_SOFTWARE : 0);
	}
}

static void read_series(void)
{
	struct ws_io_tx_stamp got[FRAMES];
	int n = ws_io_tx_stamps(io, got, FRAMES);

	assert_int_equal(n, FRAMES / 3);
	for (int i = 0; i < n; i++) {
		assert_int_equal(got[i].status, 0);
		assert_int_equal(got[i].cookie, 3 * i + 1);
	}
}

static void launch_times(const char *backend, enum ws_clock clock, bool some_stamped)
{
	struct ws_io_config config = config_of(backend);
	const struct sys_fake_call *set;
	struct sock_txtime txtime;
	uint64_t calls;

	config.launch_clock = clock;
	config.tx_stages = some_stamped ? WS_STAGE_DRIVER : 0;
	assert_int_equal(ws_io_open(&io, &config), 0);
	assert_int_equal(ws_io_caps(io)->launch_time, clock != WS_CLOCK_NONE);
	set = option(SO_TXTIME);
	assert_int_equal(set != NULL, clock != WS_CLOCK_NONE);
	if (set) {
		assert_int_equal(set->len, sizeof(txtime));
		memcpy(&txtime, set->start, sizeof(txtime));
		assert_int_equal(
			txtime.clockid, clock == WS_CLOCK_TAI ? CLOCK_TAI : CLOCK_MONOTONIC);
		assert_int_equal(txtime.flags, 0);
	}
	/* Twice: the second time every slot of `socket` has had control messages. */
	for (unsigned round = 0; round < 6; round++) {
		calls = send_series(some_stamped);
		check_series(clock != WS_CLOCK_NONE, some_stamped);
		if (some_stamped) {
			read_series();
		}
	}
	if (clock != WS_CLOCK_NONE && strcmp(backend, "socket") != 0) {
		/* The frames of one call would share one time. */
		assert_int_equal(calls, FRAMES);
	} else if (!some_stamped) {
		/* As batches may wrap around. */
		assert_in_range(calls, 1, 2);
	}
	close_io();
}

static void test_launch_times(void **state)
{
	static const enum ws_clock clocks[] = {WS_CLOCK_NONE, WS_CLOCK_MONOTONIC, WS_CLOCK_TAI};

	(void)state;
	for (unsigned i = 0; i < BACKENDS * 3 * 2 * 2; i++) {
		sys_fake_reset();
		sys_fake_kernel.explicit_keys = i & 1;
		launch_times(backends[i / 4 % BACKENDS], clocks[i / 4 / BACKENDS], i & 2);
	}
}

static void open_fails(const struct ws_io_config *config, int error)
{
	assert_int_equal(ws_io_open(&io, config), error);
	assert_null(io);
	assert_int_equal(sys_fake_open_descriptors(), 0);
}

static void test_launch_times_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < BACKENDS; i++) {
		struct ws_io_config config = config_of(backends[i]);

		sys_fake_reset();
		config.launch_clock = WS_CLOCK_REALTIME;
		open_fails(&config, -EINVAL);
		config.launch_clock = WS_CLOCK_PHC;
		open_fails(&config, -EINVAL);
		config.launch_clock = WS_CLOCK_TAI;
		config.qdisc_bypass = true;
		open_fails(&config, -EINVAL);
		config.qdisc_bypass = false;
		sys_fake_kernel.may_force = false;
		open_fails(&config, -EPERM);
		config.launch_clock = WS_CLOCK_MONOTONIC;
		assert_int_equal(ws_io_open(&io, &config), 0);
		close_io();
		sys_fake_kernel.txtime = false;
		open_fails(&config, -EOPNOTSUPP);
		config.backend = "auto";
		open_fails(&config, -EOPNOTSUPP);
	}
}

static void max_rate(const char *backend, uint64_t rate, bool narrow, int expected)
{
	struct ws_io_config config = config_of(backend);
	const struct sys_fake_call *set;
	uint64_t wide = 0;

	sys_fake_reset();
	sys_fake_kernel.narrow_pacing = narrow;
	config.max_rate = rate;
	if (expected < 0) {
		open_fails(&config, expected);
		return;
	}
	assert_int_equal(ws_io_open(&io, &config), 0);
	set = option(SO_MAX_PACING_RATE);
	assert_int_equal(set != NULL, rate != 0);
	if (set) {
		assert_int_equal(set->len, rate < UINT32_MAX ? 4 : 8);
		/* 32 bits of all ones mean no limit. */
		assert_true(set->len == 8 || set->value != UINT32_MAX);
		memcpy(&wide, set->start, set->len);
		assert_true(wide == rate); /* on machines that begin with the low byte */
	}
	close_io();
}

static void test_max_rate(void **state)
{
	(void)state;
	for (size_t i = 0; i < BACKENDS; i++) {
		max_rate(backends[i], 0, false, 0);
		max_rate(backends[i], 1, false, 0);
		max_rate(backends[i], 12500000, true, 0);
		max_rate(backends[i], UINT32_MAX - 1u, true, 0);
		max_rate(backends[i], UINT32_MAX, false, 0);
		max_rate(backends[i], UINT64_C(12500000000), false, 0);
		/* The kernel would take 3.9 GB/s for it without a word. */
		max_rate(backends[i], UINT64_C(12500000000), true, -EOPNOTSUPP);
		max_rate(backends[i], UINT32_MAX, true, -EOPNOTSUPP);
	}
}

static void test_max_rate_refused(void **state)
{
	const struct sys_fake_answer unknown = {
		.fn = SYS_FAKE_SETSOCKOPT,
		.level = SOL_SOCKET,
		.name = SO_MAX_PACING_RATE,
		.ret = -ENOPROTOOPT,
	};
	struct ws_io_config config = config_of("socket");

	(void)state;
	config.max_rate = 1000;
	sys_fake_answer(&unknown);
	open_fails(&config, -EOPNOTSUPP);
	config.qdisc_bypass = true;
	open_fails(&config, -EINVAL);
	config.max_rate = 0;
	assert_int_equal(ws_io_open(&io, &config), 0);
}

static void test_send_buffer(void **state)
{
	const struct sys_fake_answer fails = {
		.fn = SYS_FAKE_GETSOCKOPT,
		.level = SOL_SOCKET,
		.name = SO_SNDBUF,
		.ret = -EIO,
	};

	(void)state;
	for (size_t i = 0; i < BACKENDS; i++) {
		struct ws_io_config config = config_of(backends[i]);

		sys_fake_reset();
		assert_int_equal(ws_io_open(&io, &config), 0);
		assert_int_equal(ws_io_caps(io)->send_buffer, 4 << 20);
		assert_null(option(SO_SNDBUF));
		close_io();

		config.send_buffer = 64 << 20;
		assert_int_equal(ws_io_open(&io, &config), 0);
		assert_int_equal(ws_io_caps(io)->send_buffer, 64 << 20);
		close_io();

		/* What was granted is read back, not believed. */
		sys_fake_kernel.may_force = false;
		assert_int_equal(ws_io_open(&io, &config), 0);
		assert_int_equal(ws_io_caps(io)->send_buffer, 2 * WMEM_MAX);
		assert_non_null(option(SO_SNDBUF));
		close_io();

		sys_fake_answer(&fails);
		assert_int_equal(ws_io_open(&io, &config), 0);
		assert_int_equal(ws_io_caps(io)->send_buffer, 0);
		close_io();
	}
}

/* A ring whose frames stay in a queue says so; buffers of our own are free again at once. */
static void test_slots_full(void **state)
{
	(void)state;
	for (size_t i = 0; i < BACKENDS; i++) {
		struct ws_io_config config = config_of(backends[i]);
		bool ring = strcmp(backends[i], "socket") != 0;
		struct ws_io_slot slots[FRAMES];
		struct ws_io_stats stats;
		struct ws_io_tx frames[FRAMES];
		uint32_t sent = 0;
		int n = 0;

		sys_fake_reset();
		sys_fake_kernel.holds = true;
		assert_int_equal(ws_io_open(&io, &config), 0);
		while (sent < 4096) {
			ws_io_stats(io, &stats);
			assert_int_equal(stats.tx_slots_full, 0);
			n = ws_io_tx_reserve(io, slots, FRAMES);
			if (!n) {
				break;
			}
			for (int k = 0; k < n; k++) {
				memset(slots[k].data, 0, LEN);
				frames[k] = (struct ws_io_tx){.len = LEN};
			}
			assert_int_equal(ws_io_tx_submit(io, frames, (unsigned)n), n);
			sent += (unsigned)n;
		}
		ws_io_stats(io, &stats);
		assert_int_equal(n == 0, ring);
		assert_int_equal(stats.tx_slots_full, ring);
		assert_int_equal(stats.tx_again, 0);
		if (ring) {
			assert_int_equal(ws_io_tx_reserve(io, slots, FRAMES), 0);
			ws_io_stats(io, &stats);
			assert_int_equal(stats.tx_slots_full, 2);
		}
		close_io();
	}
}

static void test_best(void **state)
{
	static const struct {
		struct ws_io_tx_use use;
		const char *best;
	} cases[] = {
		{{0}, "tpacket3"},
		{{.stamped_permille = 16}, "tpacket3"},
		{{.stamped_permille = 125}, "tpacket3"},
		{{.stamped_permille = 126}, "socket"},
		{{.stamped_permille = 1000}, "socket"},
		{{.launch = true}, "socket"},
		{{.queued = true}, "socket"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(ws_io_tx_best(&cases[i].use), cases[i].best);
		assert_non_null(ws_io_find(cases[i].best));
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, reset, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_launch_times),
		CASE(test_launch_times_refused),
		CASE(test_max_rate),
		CASE(test_max_rate_refused),
		CASE(test_send_buffer),
		CASE(test_slots_full),
		CASE(test_best),
	};

	return cmocka_run_group_tests_name("the way out of a modelled kernel", tests, NULL, NULL);
}
