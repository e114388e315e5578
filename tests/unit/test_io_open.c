/* SPDX-License-Identifier: BSD-2-Clause */
/* The AF_PACKET backends on the modelled kernel: what open asks for, in which order, and its
 * failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "fake/sys_fake.h"
#include "io/io.h"

#define RMEM_MAX	 212992
#define KERNEL_PAGE_SIZE 4096

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

static void test_buffer_forced_or_asked(void **state)
{
	struct ws_io_config config = {
		.backend = "socket",
		.dirs = WS_IO_TX,
		.ifindex = sys_fake_kernel.ifindex,
		.tx_stages = WS_STAGE_DRIVER,
	};
	int force, ask;

	(void)state;
	config.stamp_buffer = 1 << 20;
	assert_int_equal(ws_io_open(&io, &config), 0);
	assert_int_equal(ws_io_caps(io)->stamp_buffer, 1 << 20);
	assert_true(sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_RCVBUFFORCE) >= 0);
	assert_int_equal(sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_RCVBUF), -1);
	ws_io_close(io);
	io = NULL;

	sys_fake_reset();
	sys_fake_kernel.may_force = false;
	assert_int_equal(ws_io_open(&io, &config), 0);
	assert_int_equal(ws_io_caps(io)->stamp_buffer, 2 * RMEM_MAX);
	force = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_RCVBUFFORCE);
	ask = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_SOCKET, SO_RCVBUF);
	assert_true(force >= 0 && ask > force);
	/* What was granted is read back, not believed. */
	assert_true(sys_fake_find((size_t)ask, SYS_FAKE_GETSOCKOPT, SOL_SOCKET, SO_RCVBUF) > ask);
}

static const struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, 0x40000)};

static struct ws_io_config rx_config(const char *backend)
{
	return (struct ws_io_config){
		.backend = backend,
		.dirs = WS_IO_RX,
		.ifindex = sys_fake_kernel.ifindex,
		.rx_buffer = 1 << 20,
		.rx_stamps = true,
		.promiscuous = true,
		.filter = all,
		.filter_len = 1,
	};
}

static int find_option(int level, int name)
{
	int i = sys_fake_find(0, SYS_FAKE_SETSOCKOPT, level, name);

	assert_true(i >= 0);
	return i;
}

static void ring_is_opened_in_order(const char *backend, int version, size_t request)
{
	struct ws_io_config config = rx_config(backend);
	int socket_call, ring, map, bind;
	const struct sys_fake_call *log;
	size_t n;

	config.fanout = WS_IO_FANOUT_NEW;
	assert_int_equal(ws_io_open(&io, &config), 0);
	log = sys_fake_log(&n);
	socket_call = sys_fake_find(0, SYS_FAKE_SOCKET, AF_PACKET, SYS_FAKE_ANY);
	ring = find_option(SOL_PACKET, PACKET_RX_RING);
	map = sys_fake_find(0, SYS_FAKE_MMAP, SYS_FAKE_ANY, SYS_FAKE_ANY);
	bind = sys_fake_find(0, SYS_FAKE_BIND, SYS_FAKE_ANY, SYS_FAKE_ANY);
	assert_true(socket_call >= 0 && map >= 0 && bind >= 0);

	/* Nothing is received before the filter and the ring are in place and the interface is
	 * chosen. */
	assert_int_equal(log[socket_call].name, 0);
	assert_true(find_option(SOL_PACKET, PACKET_VERSION) < ring);
	assert_true(find_option(SOL_PACKET, PACKET_RESERVE) < ring);
	assert_int_equal(log[find_option(SOL_PACKET, PACKET_VERSION)].value, version);
	assert_true(log[find_option(SOL_PACKET, PACKET_RESERVE)].value >= 4);
	assert_true(find_option(SOL_SOCKET, SO_ATTACH_FILTER) < ring);
	assert_true(ring < map);
	assert_true(map < bind);
	assert_true(bind < find_option(SOL_PACKET, PACKET_ADD_MEMBERSHIP));
	assert_true(find_option(SOL_SOCKET, SO_TIMESTAMPING) < bind);
	assert_true(find_option(SOL_PACKET, PACKET_TIMESTAMP) < bind);
	assert_true(find_option(SOL_PACKET, PACKET_IGNORE_OUTGOING) < bind);
	assert_true(bind < find_option(SOL_PACKET, PACKET_FANOUT));

	/* The whole structure; blocks that a merged packet fits in; all of it mapped. */
	assert_int_equal(log[ring].len, request);
	assert_true(log[ring].value >= 64 << 10);
	assert_int_equal(log[ring].value & (log[ring].value - 1), 0);
	assert_int_equal(log[ring].value % KERNEL_PAGE_SIZE, 0);
	assert_true(log[map].len >= config.rx_buffer);
	assert_int_equal(log[map].len, ws_io_caps(io)->rx_buffer);
	assert_int_equal(log[bind].value, sys_fake_kernel.ifindex);
}

static void test_ring_is_opened_in_order(void **state)
{
	(void)state;
	ring_is_opened_in_order("tpacket3", TPACKET_V3, sizeof(struct tpacket_req3));
	/* A merged packet fits in. */
	assert_true(ws_io_caps(io)->frame_max > 200000);
	ws_io_close(io);
	io = NULL;
	sys_fake_reset();
	ring_is_opened_in_order("tpacket2", TPACKET_V2, sizeof(struct tpacket_req));
}

/* A frame's size in a ring of V2, and the number of frames, as they are asked for. */
static struct tpacket_req asked_for(const struct ws_io_config *config)
{
	struct tpacket_req req;
	const struct sys_fake_call *log;
	size_t n;

	sys_fake_forget_log();
	assert_int_equal(ws_io_open(&io, config), 0);
	log = sys_fake_log(&n);
	assert_int_equal(log[find_option(SOL_PACKET, PACKET_RX_RING)].len, sizeof(req));
	memcpy(&req, log[find_option(SOL_PACKET, PACKET_RX_RING)].start, sizeof(req));
	assert_int_equal(req.tp_frame_size & (req.tp_frame_size - 1), 0);
	assert_int_equal(req.tp_block_size & (req.tp_block_size - 1), 0);
	assert_true(req.tp_frame_size <= req.tp_block_size);
	assert_int_equal(req.tp_frame_nr, req.tp_block_size / req.tp_frame_size * req.tp_block_nr);
	ws_io_close(io);
	io = NULL;
	return req;
}

static void test_size_of_frames(void **state)
{
	struct ws_io_config config = rx_config("tpacket2");

	(void)state;
	/* By the MTU, and not for merged packets. */
	config.rx_buffer = 0;
	assert_int_equal(asked_for(&config).tp_frame_size, 2048);
	assert_int_equal(asked_for(&config).tp_frame_nr, (16 << 20) / 2048);
	sys_fake_kernel.mtu = 9000;
	assert_int_equal(asked_for(&config).tp_frame_size, 16384);
	/* The loopback interface's: so many frames that a burst fits in. */
	sys_fake_kernel.mtu = 65536;
	assert_int_equal(asked_for(&config).tp_frame_size, 131072);
	assert_int_equal(asked_for(&config).tp_frame_nr, 256);
	sys_fake_kernel.mtu = 1500;
	/* As asked for: less, more, and no more than a merged packet has. */
	config.frame_max = 96;
	assert_int_equal(asked_for(&config).tp_frame_size, 256);
	config.frame_max = 1;
	assert_int_equal(asked_for(&config).tp_frame_size, 128);
	config.frame_max = 65535;
	assert_int_equal(asked_for(&config).tp_frame_size, 131072);
	config.frame_max = 1 << 30;
	assert_int_equal(asked_for(&config).tp_frame_size, 131072);
	/* However little memory is asked for, there are some. */
	config.rx_buffer = 1;
	assert_true(asked_for(&config).tp_frame_nr >= 16);
	config.frame_max = 0;
	assert_true(asked_for(&config).tp_frame_nr >= 16);
	config.rx_buffer = UINT64_MAX;
	assert_int_equal(asked_for(&config).tp_frame_nr, (UINT64_C(4) << 30) / 2048);
}

static void ring_shrinks_without_memory(const char *backend)
{
	struct ws_io_config config = rx_config(backend);
	struct sys_fake_answer no_memory = {
		.fn = SYS_FAKE_SETSOCKOPT,
		.level = SOL_PACKET,
		.name = PACKET_RX_RING,
		.ret = -ENOMEM,
	};

	config.rx_buffer = 8 << 20;
	sys_fake_answer(&no_memory);
	assert_int_equal(ws_io_open(&io, &config), 0);
	assert_true(ws_io_caps(io)->rx_buffer < config.rx_buffer);
	ws_io_close(io);
	io = NULL;
	no_memory.times = 1000;
	sys_fake_answer(&no_memory);
	assert_int_equal(ws_io_open(&io, &config), -ENOMEM);
	assert_int_equal(sys_fake_open_descriptors(), 0);
}

static void test_ring_shrinks_without_memory(void **state)
{
	(void)state;
	ring_shrinks_without_memory("tpacket3");
	sys_fake_reset();
	ring_shrinks_without_memory("tpacket2");
}

#define BACKENDS 3
static const char *const backends[BACKENDS] = {"socket", "tpacket2", "tpacket3"};

static void test_fanout(void **state)
{
	(void)state;
	for (size_t i = 0; i < BACKENDS; i++) {
		for (int refused = 0; refused <= 1; refused++) {
			struct ws_io_config config = rx_config(backends[i]);
			const struct sys_fake_call *log;
			struct ws_io *second;
			uint32_t joined;
			size_t n;

			sys_fake_reset();
			sys_fake_kernel.no_rollover = refused;
			assert_int_equal(ws_io_open(&io, &config), 0);
			assert_int_equal(ws_io_caps(io)->fanout, 0);
			ws_io_close(io);
			config.fanout = WS_IO_FANOUT_NEW;
			assert_int_equal(ws_io_open(&io, &config), 0);
			/* The kernel's first group is 0. */
			assert_int_not_equal(ws_io_caps(io)->fanout, 0);
			config.fanout = ws_io_caps(io)->fanout;
			sys_fake_forget_log();
			assert_int_equal(ws_io_open(&second, &config), 0);
			assert_int_equal(ws_io_caps(second)->fanout, config.fanout);
			log = sys_fake_log(&n);
			joined = (uint32_t)log[find_option(SOL_PACKET, PACKET_FANOUT)].value;
			assert_int_equal(joined & UINT16_MAX, 0);
			assert_int_equal(joined >> 16 & 0xff, PACKET_FANOUT_HASH);
			assert_true(joined >> 16 & PACKET_FANOUT_FLAG_ROLLOVER);
			ws_io_close(second);
			config.fanout = 1 << 20;
			assert_int_equal(ws_io_open(&second, &config), -EINVAL);
			ws_io_close(io);
			io = NULL;
			assert_int_equal(sys_fake_open_descriptors(), 0);
		}
	}
}

static void test_cooked(void **state)
{
	(void)state;
	for (size_t i = 0; i < BACKENDS; i++) {
		struct ws_io_config config = rx_config(backends[i]);
		const struct sys_fake_call *log;
		size_t n;

		sys_fake_reset();
		config.ifindex = 0;
		assert_int_equal(ws_io_open(&io, &config), -EINVAL);
		config.cooked = true;
		/* Of all interfaces: none of them says how large frames are. */
		sys_fake_kernel.mtu = 100;
		assert_int_equal(ws_io_open(&io, &config), 0);
		assert_true(ws_io_caps(io)->frame_max > 9000);
		log = sys_fake_log(&n);
		assert_int_equal(
			log[sys_fake_find(0, SYS_FAKE_SOCKET, AF_PACKET, SYS_FAKE_ANY)].value,
			SOCK_DGRAM);
		assert_int_equal(
			log[sys_fake_find(0, SYS_FAKE_BIND, SYS_FAKE_ANY, SYS_FAKE_ANY)].value, 0);
		assert_int_equal(
			sys_fake_find(0, SYS_FAKE_SETSOCKOPT, SOL_PACKET, PACKET_ADD_MEMBERSHIP),
			-1);
		if (i) {
			int reserve = find_option(SOL_PACKET, PACKET_RESERVE);

			assert_true(log[reserve].value >= WS_IO_COOKED_LEN + 4);
		}
		ws_io_close(io);
		io = NULL;
	}
}

static const unsigned dirs[] = {WS_IO_RX, WS_IO_TX, WS_IO_RX | WS_IO_TX};

static struct ws_io_config any_config(size_t i)
{
	struct ws_io_config config = rx_config(backends[i / 3]);

	config.dirs = dirs[i % 3];
	config.rx_stamps = (config.dirs & WS_IO_RX) != 0;
	config.tx_stages = config.dirs & WS_IO_TX ? WS_STAGE_DRIVER : 0;
	config.qdisc_bypass = true;
	config.fanout = config.dirs & WS_IO_RX ? WS_IO_FANOUT_NEW : 0;
	return config;
}

static void test_open_says_why_not(void **state)
{
	const struct sys_fake_answer refused = {
		.fn = SYS_FAKE_SOCKET,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.ret = -EPERM,
	};

	(void)state;
	for (size_t i = 0; i < 3 * BACKENDS; i++) {
		struct ws_io_config config;

		sys_fake_reset();
		config = any_config(i);
		sys_fake_answer(&refused);
		assert_int_equal(ws_io_open(&io, &config), -EPERM);
		config.ifindex++;
		assert_int_equal(ws_io_open(&io, &config), -ENODEV);
		config.ifindex--;
		sys_fake_link(false);
		assert_int_equal(ws_io_open(&io, &config), -ENETDOWN);
		sys_fake_link(true);
		assert_int_equal(sys_fake_open_descriptors(), 0);
		assert_int_equal(ws_io_open(&io, &config), 0);
		ws_io_close(io);
		io = NULL;
		assert_int_equal(sys_fake_open_descriptors(), 0);
	}
}

/* Whichever call fails, nothing is left open, and either it did not matter or open says so. */
static void test_any_call_may_fail(void **state)
{
	static const enum sys_fake_fn calls[] = {SYS_FAKE_SETSOCKOPT, SYS_FAKE_GETSOCKOPT,
		SYS_FAKE_BIND, SYS_FAKE_MMAP, SYS_FAKE_IOCTL};
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < 3 * BACKENDS; i++) {
		for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++) {
			for (unsigned nth = 0; nth < 16; nth++) {
				struct sys_fake_answer answer = {
					.fn = calls[c],
					.level = SYS_FAKE_ANY,
					.name = SYS_FAKE_ANY,
					.skip = nth,
					.ret = -EIO,
				};
				struct ws_io_config config;
				int r;

				sys_fake_reset();
				config = any_config(i);
				sys_fake_answer(&answer);
				r = ws_io_open(&io, &config);
				assert_true(r == 0 || r == -EIO || r == -ENOBUFS);
				failures += r < 0;
				if (r == 0) {
					ws_io_close(io);
				}
				io = NULL;
				assert_int_equal(sys_fake_open_descriptors(), 0);
			}
		}
	}
	assert_true(failures > 30);
}

/* The best for what is asked for, and another one only where that is not to be had. */
static void test_auto_by_direction(void **state)
{
	static const char *const best[] = {"tpacket3", "socket", "tpacket3"};
	const struct sys_fake_answer no_rings = {
		.fn = SYS_FAKE_SETSOCKOPT,
		.level = SOL_PACKET,
		.name = PACKET_VERSION,
		.times = 100,
		.ret = -EINVAL,
	};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct ws_io_config config;

		sys_fake_reset();
		if (i >= 3) {
			sys_fake_answer(&no_rings);
		}
		config = any_config(i % 3);
		config.backend = i % 2 ? "auto" : NULL;
		assert_int_equal(ws_io_open(&io, &config), 0);
		assert_string_equal(ws_io_caps(io)->backend, i < 3 ? best[i] : "socket");
		ws_io_close(io);
		io = NULL;
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, reset, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_buffer_forced_or_asked),
		CASE(test_ring_is_opened_in_order),
		CASE(test_size_of_frames),
		CASE(test_ring_shrinks_without_memory),
		CASE(test_fanout),
		CASE(test_cooked),
		CASE(test_open_says_why_not),
		CASE(test_any_call_may_fail),
		CASE(test_auto_by_direction),
	};

	return cmocka_run_group_tests_name("open on a modelled kernel", tests, NULL, NULL);
}
