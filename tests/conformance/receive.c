/* SPDX-License-Identifier: BSD-2-Clause */
/* Cases about what a receiver says of packets, and about those it lost. The sender does not matter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/series.h"

#define ETHER_TYPE_AT 12
#define SOURCE_AT     6
#define SNAPLEN	      40
#define SMALL_BUFFER  (64 << 10)

static uint32_t len_largest(const struct conf_fixture *fx, uint32_t seq)
{
	(void)seq;
	return conf_frame_max(fx);
}

/* Waits until the kernel has counted n packets. By the sender: packets would end the receiver's
 * waiting. */
static struct ws_io_stats until_offered(
	struct conf_fixture *fx, struct ws_io *tx, struct ws_io *rx, uint64_t n)
{
	int64_t give_up = fx->now(fx) + CONF_PATIENCE;
	struct ws_io_stats stats;

	ws_io_stats(rx, &stats);
	while (stats.rx_offered < n && fx->now(fx) < give_up) {
		assert_true(ws_io_wait(tx, fx->now(fx) + CONF_MS) >= 0);
		ws_io_stats(rx, &stats);
	}
	assert_int_equal(stats.rx_offered, n);
	return stats;
}

static void test_packet_types(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.n = 10};
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx), *near;

	config.rx_outgoing = true;
	near = conf_open(fx, 0, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	for (uint32_t i = 0; i < s.n; i++) {
		struct ws_io_view v;

		assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
		assert_int_equal(v.pkttype, PACKET_BROADCAST);
		ws_io_rx_release(rx, 1);
		assert_int_equal(conf_next_views(fx, near, &v, 1), 1);
		assert_int_equal(v.pkttype, PACKET_OUTGOING);
		ws_io_rx_release(near, 1);
	}
	conf_close(fx, near);
	conf_close(fx, rx);
	conf_close(fx, tx);
}

/* A receiver of numbered frames that checks what it is told about the gaps. */
struct gaps {
	uint32_t next;	  /* frame that comes if none is lost */
	uint64_t missing; /* so far */
	uint64_t told;	  /* by lost_before */
	unsigned exact;	  /* losses whose place was told */
	unsigned spread;
	bool owed; /* some loss was not told yet, or not all of it */
};

static void check_gap(struct gaps *g, const struct ws_io_view *v)
{
	uint32_t seq, missing;

	assert_true(conf_is_ours(v, &seq));
	assert_true(seq >= g->next);
	missing = seq - g->next;
	g->next = seq + 1;
	g->missing += missing;
	g->told += v->lost_before;
	if (v->lost_before && !v->lost_spread) {
		if (v->lost_before != missing) {
			fail_msg("before frame %u: %u told, %u missing", seq, v->lost_before,
				missing);
		}
		g->exact++;
	} else if (v->lost_before) {
		g->spread++;
		g->owed = g->told != g->missing;
	} else if (missing) {
		g->owed = true;
	}
	/* Never before it has happened; and only a loss that is said to be spread may be late. */
	assert_true(g->told <= g->missing);
	assert_true(g->owed || v->lost_spread || g->told == g->missing);
}

/* Gives back what was checked in parts of several sizes. Returns the number of views. */
static unsigned take_checked(
	struct conf_fixture *fx, struct ws_io *rx, struct gaps *g, unsigned max)
{
	struct ws_io_view views[CONF_BATCH];
	unsigned want = max < CONF_BATCH ? max : CONF_BATCH;
	int n = ws_io_rx_peek(rx, views, want);

	(void)fx;
	assert_in_range(n, 0, want);
	for (int i = 0; i < n; i++) {
		check_gap(g, &views[i]);
	}
	for (unsigned left = (unsigned)n, part = 1; left; part = part * 3 + 1) {
		part = part < left ? part : left;
		ws_io_rx_release(rx, part);
		left -= part;
	}
	return (unsigned)n;
}

static void drain_checked(struct conf_fixture *fx, struct ws_io *rx, struct gaps *g)
{
	int64_t give_up = fx->now(fx) + CONF_PATIENCE;

	while (take_checked(fx, rx, g, CONF_BATCH)) {
		assert_true(fx->now(fx) < give_up);
	}
}

static void test_losses_are_placed(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.len = len_largest};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct ws_io_stats stats;
	struct gaps g = {0};

	config.rx_buffer = SMALL_BUFFER;
	rx = conf_open(fx, 1, &config);
	for (unsigned round = 0; round < 6; round++) {
		/* More than fits, while nobody looks; and then not all is taken. */
		s.first += s.n;
		s.n = (uint32_t)(ws_io_caps(rx)->rx_buffer / conf_frame_max(fx)) + 50 + round;
		conf_send(fx, tx, &s, NULL, NULL, NULL);
		stats = until_offered(fx, tx, rx, s.first + s.n);
		assert_true(stats.rx_dropped > 0);
		assert_int_equal(stats.rx_untold, stats.rx_dropped - g.told);
		for (unsigned part = 0; part <= 2 * round; part++) {
			take_checked(fx, rx, &g, 1 + 7 * round);
			/* As a display does. */
			ws_io_stats(rx, &stats);
		}
	}
	assert_true(g.exact > 0);
	drain_checked(fx, rx, &g);
	assert_int_equal(ws_io_stop(rx), 0);
	drain_checked(fx, rx, &g);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_offered, s.first + s.n);
	assert_int_equal(stats.rx_received + stats.rx_dropped, stats.rx_offered);
	/* What was not told was lost behind the last view. */
	assert_int_equal(stats.rx_untold, stats.rx_dropped - g.told);
	assert_int_equal(stats.rx_dropped - g.missing, s.first + s.n - g.next);
	assert_true(g.spread || stats.rx_untold == s.first + s.n - g.next);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

#define LOAD_FRAMES 20000

struct load {
	struct conf_fixture *fx;
	struct ws_io *tx;
	bool done;
};

static void *send_load(void *arg)
{
	struct load *load = arg;
	struct conf_series s = {.n = LOAD_FRAMES};

	conf_send(load->fx, load->tx, &s, NULL, NULL, NULL);
	__atomic_store_n(&load->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Frames come and are lost while the receiver takes some and gives them back. */
static void test_losses_under_load(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct load load = {.fx = fx, .tx = conf_open_tx(fx)};
	struct ws_io_stats stats;
	struct gaps g = {0};
	pthread_t thread;
	uint64_t turn = 0;
	struct ws_io *rx;

	config.rx_buffer = SMALL_BUFFER;
	rx = conf_open(fx, 1, &config);
	if (fx->concurrent) {
		/* On one processor: or else frames may overtake each other. */
		pthread_attr_t attributes;
		cpu_set_t allowed, one;
		int cpu = 0;

		assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
		while (!CPU_ISSET(cpu, &allowed)) {
			cpu++;
		}
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_attr_init(&attributes);
		pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
		assert_int_equal(pthread_create(&thread, &attributes, send_load, &load), 0);
		pthread_attr_destroy(&attributes);
	} else {
		send_load(&load);
	}
	while (!__atomic_load_n(&load.done, __ATOMIC_ACQUIRE)) {
		/* At times fast, at times not at all. */
		if (++turn % 128 < 64) {
			take_checked(fx, rx, &g, 1 + turn % 37);
		} else {
			sched_yield();
		}
		if (turn % 1000 == 0) {
			ws_io_stats(rx, &stats);
		}
	}
	if (fx->concurrent) {
		pthread_join(thread, NULL);
	}
	until_offered(fx, load.tx, rx, LOAD_FRAMES);
	assert_int_equal(ws_io_stop(rx), 0);
	drain_checked(fx, rx, &g);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_received + stats.rx_dropped, LOAD_FRAMES);
	assert_int_equal(stats.rx_dropped, g.missing + LOAD_FRAMES - g.next);
	assert_int_equal(stats.rx_untold, stats.rx_dropped - g.told);
	conf_close(fx, load.tx);
	conf_close(fx, rx);
}

static void test_untold_losses(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.len = len_largest}, one = {.n = 1};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct ws_io_stats stats;
	struct gaps g = {0};

	config.rx_buffer = SMALL_BUFFER;
	rx = conf_open(fx, 1, &config);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_untold, 0);
	s.n = (uint32_t)(ws_io_caps(rx)->rx_buffer / conf_frame_max(fx)) + 50;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	stats = until_offered(fx, tx, rx, s.n);
	assert_true(stats.rx_dropped > 0);
	drain_checked(fx, rx, &g);
	assert_int_equal(g.told, 0);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_untold, stats.rx_dropped);
	assert_int_equal(stats.rx_losing, 0);
	/* The next frame tells it. */
	one.first = s.n;
	conf_send(fx, tx, &one, NULL, NULL, NULL);
	until_offered(fx, tx, rx, s.n + 1);
	assert_int_equal(ws_io_stop(rx), 0);
	drain_checked(fx, rx, &g);
	assert_int_equal(g.told, stats.rx_dropped);
	assert_int_equal(g.spread, 0);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_untold, 0);
	if (strcmp(fx->backends[1], "socket") != 0 && strcmp(fx->backends[1], "fake") != 0) {
		assert_int_equal(stats.rx_losing, 1);
	}
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static void test_fill(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.len = len_largest};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct gaps g = {0};

	config.rx_buffer = SMALL_BUFFER;
	rx = conf_open(fx, 1, &config);
	assert_int_equal(ws_io_rx_fill(rx), 0);
	assert_int_equal(ws_io_rx_fill(tx), WS_IO_FILL_UNKNOWN);
	s.n = (uint32_t)(ws_io_caps(rx)->rx_buffer / conf_frame_max(fx)) + 50;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	until_offered(fx, tx, rx, s.n);
	assert_in_range(ws_io_rx_fill(rx), 900, 1000);
	drain_checked(fx, rx, &g);
	assert_in_range(ws_io_rx_fill(rx), 0, 100);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

/* Views that are held are no reason to wake up. */
static void test_wait_while_holding(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 1};
	struct ws_io_view held, v;
	int64_t start;

	conf_send(fx, tx, &s, NULL, NULL, NULL);
	assert_int_equal(conf_next_views(fx, rx, &held, 1), 1);
	assert_int_equal(ws_io_rx_peek(rx, &v, 1), 0);
	start = fx->now(fx);
	assert_int_equal(ws_io_wait(rx, start + 20 * CONF_MS), 0);
	assert_true(fx->now(fx) >= start + 20 * CONF_MS);
	s.first = 1;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
	conf_check_view(&v, 1, CONF_MIN_LEN);
	conf_check_view(&held, 0, CONF_MIN_LEN);
	ws_io_rx_release(rx, 2);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

/* The next view, which shows frame seq of len bytes, cut off after `most`. */
static void expect_part(struct conf_fixture *fx, struct ws_io *rx, uint32_t seq, uint32_t len,
	bool tagged, uint32_t most)
{
	uint8_t *sent = malloc(len);
	struct ws_io_view v;

	assert_non_null(sent);
	conf_fill(sent, len, seq, 0, tagged);
	assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
	assert_int_equal(v.wire_len, len);
	assert_int_equal(v.len, len < most ? len : most);
	assert_memory_equal(v.data, sent, v.len);
	ws_io_rx_release(rx, 1);
	free(sent);
}

static void test_filter_cuts_off(void **state)
{
	static const struct sock_filter cut[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ETHER_TYPE_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONF_ETHERTYPE, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONF_ETHERTYPE_8021Q, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SNAPLEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.n = 8, .len = conf_len_swept};
	struct conf_series tagged = {.first = 8, .n = 1, .len = len_largest, .tagged = true};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct ws_io_stats stats;
	uint64_t bytes = 0;

	config.filter = cut;
	config.filter_len = sizeof(cut) / sizeof(cut[0]);
	rx = conf_open(fx, 1, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_send(fx, tx, &tagged, NULL, NULL, NULL);
	for (uint32_t seq = 0; seq < s.n; seq++) {
		expect_part(fx, rx, seq, conf_len(fx, &s, seq), false, SNAPLEN);
		bytes += conf_len(fx, &s, seq);
	}
	/* The kernel cut off before it was known that a tag goes in between. */
	expect_part(fx, rx, 8, conf_frame_max(fx), true, SNAPLEN + fx->tag_apart);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_bytes, bytes + conf_frame_max(fx));
	conf_close(fx, tx);
	conf_close(fx, rx);
}

/* What there is no room for is cut off, and wire_len says so. */
static void test_small_frames(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.n = 50, .len = conf_len_swept};
	struct ws_io *tx = conf_open_tx(fx), *rx;

	config.frame_max = 128;
	rx = conf_open(fx, 1, &config);
	assert_true(ws_io_caps(rx)->frame_max >= 128);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	for (uint32_t seq = 0; seq < s.n; seq++) {
		uint32_t len = conf_len(fx, &s, seq), whole = ws_io_caps(rx)->frame_max;
		uint8_t *sent = malloc(len);
		struct ws_io_view v;

		assert_non_null(sent);
		conf_fill(sent, len, seq, 0, false);
		assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
		assert_int_equal(v.wire_len, len);
		assert_in_range(v.len, len < whole ? len : whole, len);
		assert_memory_equal(v.data, sent, v.len);
		ws_io_rx_release(rx, 1);
		free(sent);
	}
	conf_close(fx, tx);
	conf_close(fx, rx);
	/* Without a wish all is there that the interface carries. */
	config.frame_max = 0;
	tx = conf_open_tx(fx);
	rx = conf_open(fx, 1, &config);
	assert_true(ws_io_caps(rx)->frame_max >= conf_frame_max(fx));
	conf_carry(fx, tx, rx, &s, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static uint32_t be16_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* Frame seq behind a cooked header, seen by a receiver on side 1. */
static void expect_cooked(
	struct conf_fixture *fx, struct ws_io *rx, uint32_t seq, uint32_t len, bool tagged)
{
	uint32_t rest = ETHER_TYPE_AT + 2; /* what stands in the frame behind its protocol */
	uint8_t *sent = malloc(len);
	struct ws_io_view v;

	assert_non_null(sent);
	conf_fill(sent, len, seq, 0, tagged);
	assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
	assert_int_equal(v.pkttype, PACKET_BROADCAST);
	assert_int_equal(v.len, len - rest + WS_IO_COOKED_LEN);
	assert_int_equal(v.wire_len, v.len);
	/* With a tag: its TPID here, the rest of it behind the header. */
	assert_int_equal(be16_at(v.data), be16_at(sent + ETHER_TYPE_AT));
	assert_int_equal(be16_at(v.data + 2), 0);
	assert_int_equal(be16_at(v.data + 4) << 16 | be16_at(v.data + 6), fx->ifindex(fx, 1));
	assert_int_equal(be16_at(v.data + 8), 1); /* ARPHRD_ETHER */
	assert_int_equal(v.data[10], PACKET_BROADCAST);
	assert_int_equal(v.data[11], 6);
	assert_memory_equal(v.data + 12, sent + SOURCE_AT, 6);
	assert_int_equal(be16_at(v.data + 18), 0);
	assert_memory_equal(v.data + WS_IO_COOKED_LEN, sent + rest, len - rest);
	ws_io_rx_release(rx, 1);
	free(sent);
}

static void test_cooked(void **state)
{
	static const struct sock_filter ours[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONF_ETHERTYPE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.n = 40, .len = conf_len_swept};
	struct conf_series tagged = {.first = 40, .n = 2, .len = len_largest, .tagged = true};
	struct ws_io *tx = conf_open_tx(fx), *rx;

	config.cooked = true;
	config.filter = ours;
	config.filter_len = sizeof(ours) / sizeof(ours[0]);
	/* One interface, then all. */
	for (unsigned i = 0; i < 2; i++) {
		config.ifindex = i ? CONF_ANY_IFINDEX : 0;
		config.promiscuous = i;
		rx = conf_open(fx, 1, &config);
		conf_send(fx, tx, &s, NULL, NULL, NULL);
		conf_send(fx, tx, &tagged, NULL, NULL, NULL);
		for (uint32_t seq = 0; seq < s.n; seq++) {
			expect_cooked(fx, rx, seq, conf_len(fx, &s, seq), false);
		}
		for (uint32_t seq = 40; seq < 42; seq++) {
			expect_cooked(fx, rx, seq, conf_frame_max(fx), true);
		}
		conf_close(fx, rx);
	}
	conf_close(fx, tx);
	config.dirs = WS_IO_TX;
	assert_int_equal(fx->open(fx, 1, &rx, &config), -EINVAL);
}

#define MEMBERS 3

static void test_fanout(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.len = len_largest};
	struct ws_io *tx = conf_open_tx(fx), *rx[MEMBERS];
	uint64_t offered = 0, received = 0, dropped = 0;
	unsigned used = 0;
	uint8_t *came;

	config.rx_buffer = SMALL_BUFFER;
	config.fanout = WS_IO_FANOUT_NEW;
	for (unsigned i = 0; i < MEMBERS; i++) {
		rx[i] = conf_open(fx, 1, &config);
		assert_int_not_equal(ws_io_caps(rx[i])->fanout, 0);
		assert_true(i == 0 || ws_io_caps(rx[i])->fanout == config.fanout);
		config.fanout = ws_io_caps(rx[i])->fanout;
	}
	s.n = (uint32_t)(ws_io_caps(rx[0])->rx_buffer / conf_frame_max(fx)) * (MEMBERS + 1) + 50;
	came = calloc(s.n, 1);
	assert_non_null(came);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	for (int64_t give_up = fx->now(fx) + CONF_PATIENCE; offered < s.n;) {
		assert_true(fx->now(fx) < give_up);
		assert_true(ws_io_wait(tx, fx->now(fx) + CONF_MS) >= 0);
		offered = 0;
		for (unsigned i = 0; i < MEMBERS; i++) {
			struct ws_io_stats stats;

			ws_io_stats(rx[i], &stats);
			offered += stats.rx_offered;
		}
	}
	offered = 0;
	for (unsigned i = 0; i < MEMBERS; i++) {
		struct ws_io_view views[CONF_BATCH];
		struct ws_io_stats stats;
		uint32_t seq;
		int n;

		assert_int_equal(ws_io_stop(rx[i]), 0);
		while ((n = ws_io_rx_peek(rx[i], views, CONF_BATCH)) > 0) {
			for (int k = 0; k < n; k++) {
				assert_true(conf_is_ours(&views[k], &seq));
				assert_true(seq < s.n && !came[seq]);
				came[seq] = 1;
			}
			ws_io_rx_release(rx[i], (unsigned)n);
		}
		assert_int_equal(n, 0);
		ws_io_stats(rx[i], &stats);
		assert_int_equal(stats.rx_offered, stats.rx_received + stats.rx_dropped);
		offered += stats.rx_offered;
		received += stats.rx_received;
		dropped += stats.rx_dropped;
		used += stats.rx_received > 0;
	}
	/* All frames are of one flow: it goes on to the next member when one is full. */
	assert_int_equal(offered, s.n);
	assert_int_equal(received + dropped, s.n);
	assert_true(dropped > 0);
	assert_int_equal(used, MEMBERS);
	free(came);
	for (unsigned i = 0; i < MEMBERS; i++) {
		conf_close(fx, rx[i]);
	}
	conf_close(fx, tx);
}

/* The members of a group do not see what their host sends, unless they ask for it. */
static void test_fanout_own_frames(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx), other = conf_tx_config(fx);
	struct conf_series s = {.n = 20}, marker = {.first = 20, .n = 1};
	struct conf_expect e = {.fx = fx, .series = &marker, .batch = CONF_BATCH};
	struct ws_io *tx = conf_open_tx(fx), *far = conf_open(fx, 1, &other);

	config.fanout = WS_IO_FANOUT_NEW;
	e.rx = conf_open(fx, 0, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_send(fx, far, &marker, NULL, NULL, NULL);
	conf_expect_rest(&e);
	/* Nor with another filter, or none: then others' frames come as well. */
	assert_int_equal(ws_io_set_filter(e.rx, NULL, 0), 0);
	assert_int_equal(ws_io_set_filter(e.rx, config.filter, config.filter_len), 0);
	e.seen = 0;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_send(fx, far, &marker, NULL, NULL, NULL);
	conf_expect_rest(&e);
	conf_close(fx, e.rx);
	config.rx_outgoing = true;
	e.rx = conf_open(fx, 0, &config);
	e.series = &s;
	e.seen = 0;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_expect_rest(&e);
	conf_close(fx, e.rx);
	conf_close(fx, far);
	conf_close(fx, tx);
}

void conf_rx_cases(struct conf_fixture *fx, struct CMUnitTest ret[CONF_RX_CASES])
{
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} cases[CONF_RX_CASES] = {
		{"packet_types", test_packet_types},
		{"losses_are_placed", test_losses_are_placed},
		{"losses_under_load", test_losses_under_load},
		{"untold_losses", test_untold_losses},
		{"fill", test_fill},
		{"wait_while_holding", test_wait_while_holding},
		{"filter_cuts_off", test_filter_cuts_off},
		{"small_frames", test_small_frames},
		{"cooked", test_cooked},
		{"fanout", test_fanout},
		{"fanout_own_frames", test_fanout_own_frames},
	};

	for (size_t i = 0; i < CONF_RX_CASES; i++) {
		snprintf(fx->rx_names[i], sizeof(fx->rx_names[i]), "%s: %s", fx->name,
			cases[i].name);
		ret[i] = (struct CMUnitTest){
			.name = fx->rx_names[i],
			.test_func = cases[i].run,
			.teardown_func = conf_clean_up,
			.initial_state = fx,
		};
	}
}
