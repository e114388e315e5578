/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/series.h"

#define OFFSET_MAGIC (CONF_ETHER_HEADER + 0)
#define OFFSET_SEQ   (CONF_ETHER_HEADER + 4)
#define BODY	     (CONF_ETHER_HEADER + 9)
#define VLAN_TCI     0x6123 /* priority 3, VLAN 291 */

static const uint8_t magic[4] = {0xC0, 0x4F, 0x0A, 0x11};

/* Accepts our frames, tagged ones too: the kernel has taken the tag out before the filter runs. */
static const struct sock_filter only_ours[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONF_ETHERTYPE, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONF_ETHERTYPE_8021Q, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, 0x40000),
};

uint32_t conf_frame_max(const struct conf_fixture *fx)
{
	return fx->mtu + CONF_ETHER_HEADER;
}

struct ws_io *conf_open(struct conf_fixture *fx, unsigned side, const struct ws_io_config *config)
{
	struct ws_io *io = NULL;

	assert_int_equal(fx->open(fx, side, &io, config), 0);
	assert_non_null(io);
	for (size_t i = 0; i < sizeof(fx->opened) / sizeof(fx->opened[0]); i++) {
		if (!fx->opened[i]) {
			fx->opened[i] = io;
			return io;
		}
	}
	ws_io_close(io);
	fail_msg("too many instances");
	return NULL;
}

void conf_close(struct conf_fixture *fx, struct ws_io *io)
{
	for (size_t i = 0; i < sizeof(fx->opened) / sizeof(fx->opened[0]); i++) {
		if (fx->opened[i] == io) {
			fx->opened[i] = NULL;
		}
	}
	ws_io_close(io);
}

void conf_settle(struct conf_fixture *fx)
{
	if (fx->settle) {
		fx->settle(fx);
	}
}

/* A case that failed leaves instances behind, and perhaps an interface that is down. */
int conf_clean_up(void **state)
{
	struct conf_fixture *fx = *state;

	for (size_t i = 0; i < sizeof(fx->opened) / sizeof(fx->opened[0]); i++) {
		ws_io_close(fx->opened[i]);
		fx->opened[i] = NULL;
	}
	for (unsigned side = 0; side < 2; side++) {
		fx->link(fx, side, true);
	}
	conf_settle(fx);
	return 0;
}

struct ws_io_config conf_rx_config(const struct conf_fixture *fx)
{
	return (struct ws_io_config){
		.dirs = WS_IO_RX,
		.frame_max = conf_frame_max(fx) + CONF_VLAN_TAG,
		.block_timeout_ms = 5,
		.filter = only_ours,
		.filter_len = sizeof(only_ours) / sizeof(only_ours[0]),
	};
}

struct ws_io_config conf_tx_config(const struct conf_fixture *fx)
{
	return (struct ws_io_config){
		.dirs = WS_IO_TX,
		.frame_max = conf_frame_max(fx) + CONF_VLAN_TAG,
		.tx_batch = CONF_BATCH,
	};
}

struct ws_io *conf_open_rx(struct conf_fixture *fx)
{
	struct ws_io_config config = conf_rx_config(fx);

	return conf_open(fx, 1, &config);
}

struct ws_io *conf_open_tx(struct conf_fixture *fx)
{
	struct ws_io_config config = conf_tx_config(fx);

	return conf_open(fx, 0, &config);
}

static uint8_t body_byte(uint32_t seq, uint32_t i)
{
	return (uint8_t)((seq * 2654435761u >> 13) + i * 7 + (i >> 8));
}

/* Frame seq, of len bytes; with a tag the rest moves back by 4 bytes. */
void conf_fill(uint8_t *data, uint32_t len, uint32_t seq, uint8_t kind, bool tagged)
{
	static const uint8_t addresses[12] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1};
	uint32_t shift = tagged ? CONF_VLAN_TAG : 0;

	memcpy(data, addresses, sizeof(addresses));
	if (tagged) {
		data[12] = CONF_ETHERTYPE_8021Q >> 8;
		data[13] = CONF_ETHERTYPE_8021Q & 0xff;
		data[14] = VLAN_TCI >> 8;
		data[15] = VLAN_TCI & 0xff;
	}
	data += shift;
	data[12] = CONF_ETHERTYPE >> 8;
	data[13] = CONF_ETHERTYPE & 0xff;
	memcpy(data + OFFSET_MAGIC, magic, sizeof(magic));
	memcpy(data + OFFSET_SEQ, &seq, sizeof(seq));
	data[CONF_OFFSET_KIND] = kind;
	for (uint32_t i = BODY; i < len - shift; i++) {
		data[i] = body_byte(seq, i);
	}
}

/* One of ours, and then its sequence. */
bool conf_is_ours(const struct ws_io_view *v, uint32_t *ret_seq)
{
	if (v->len < BODY || v->data[12] != CONF_ETHERTYPE >> 8 ||
		v->data[13] != (CONF_ETHERTYPE & 0xff) ||
		memcmp(v->data + OFFSET_MAGIC, magic, sizeof(magic)) != 0) {
		return false;
	}
	memcpy(ret_seq, v->data + OFFSET_SEQ, sizeof(*ret_seq));
	return true;
}

void conf_check_view(const struct ws_io_view *v, uint32_t seq, uint32_t len)
{
	uint32_t got;

	assert_true(conf_is_ours(v, &got));
	assert_int_equal(got, seq);
	assert_int_equal(v->len, len);
	assert_int_equal(v->wire_len, len);
	for (uint32_t i = BODY; i < len; i++) {
		if (v->data[i] != body_byte(seq, i)) {
			fail_msg("frame %u differs at byte %u", seq, i);
		}
	}
}

uint32_t conf_len(const struct conf_fixture *fx, const struct conf_series *s, uint32_t seq)
{
	return s->len ? s->len(fx, seq) : CONF_MIN_LEN;
}

struct conf_stamps conf_stamps_new(uint32_t n)
{
	struct conf_stamps st = {.n = n};

	st.count = calloc(n, sizeof(*st.count));
	st.time_ns = calloc(n, sizeof(*st.time_ns));
	assert_true(st.count && st.time_ns);
	return st;
}

void conf_stamps_free(struct conf_stamps *st)
{
	free(st->count);
	free(st->time_ns);
}

static void read_stamps(struct ws_io *tx, struct conf_stamps *st)
{
	struct ws_io_tx_stamp got[CONF_BATCH];
	int n;

	do {
		n = ws_io_tx_stamps(tx, got, CONF_BATCH);
		assert_in_range(n, 0, CONF_BATCH);
		for (int i = 0; i < n; i++) {
			uint64_t seq = got[i].cookie - CONF_COOKIE_BASE;

			assert_in_range(seq, 0, st->n - 1);
			assert_int_equal(got[i].stage, WS_STAGE_DRIVER);
			st->count[seq]++;
			st->total++;
			if (got[i].status) {
				st->failed++;
				continue;
			}
			assert_int_equal(got[i].stamp.origin, WS_ORIGIN_SOFTWARE);
			assert_int_equal(got[i].stamp.time.clock, WS_CLOCK_REALTIME);
			st->time_ns[seq] = got[i].stamp.time.ns;
		}
	} while (n > 0);
}

/*
 * Sends a series; every frame is accepted in the end. Calls `between` after each submission, so
 * that a receiver can keep up, and reads stamps into st if it is given.
 */
void conf_send(struct conf_fixture *fx, struct ws_io *tx, const struct conf_series *s,
	struct conf_stamps *st, void (*between)(void *arg), void *arg)
{
	unsigned batch = s->batch ? s->batch : CONF_BATCH;
	uint32_t filled = 0, done = 0;
	int64_t give_up = fx->now(fx) + CONF_PATIENCE;

	while (done < s->n) {
		struct ws_io_slot slots[CONF_BATCH];
		struct ws_io_tx frames[CONF_BATCH];
		uint32_t want = s->n - filled;
		unsigned pending;
		int n, m;

		want = want < batch - (filled - done) ? want : batch - (filled - done);
		n = want ? ws_io_tx_reserve(tx, slots, want) : 0;
		assert_in_range(n, 0, want);
		for (int i = 0; i < n; i++, filled++) {
			uint32_t seq = s->first + filled;

			assert_true(slots[i].size >= conf_len(fx, s, seq));
			conf_fill(slots[i].data, conf_len(fx, s, seq), seq,
				s->kind ? s->kind(seq) : 0, s->tagged);
		}
		pending = filled - done;
		for (unsigned i = 0; i < pending; i++) {
			uint32_t seq = s->first + done + i;

			frames[i] = (struct ws_io_tx){
				.len = conf_len(fx, s, seq),
				.want_stamp = s->stamped && s->stamped(seq),
				.cookie = CONF_COOKIE_BASE + seq,
				.status = 1,
			};
		}
		m = ws_io_tx_submit(tx, frames, pending);
		assert_in_range(m, 0, pending);
		for (int i = 0; i < m; i++) {
			assert_int_equal(frames[i].status, 0);
		}
		for (unsigned i = (unsigned)m; i < pending; i++) {
			assert_int_equal(frames[i].status, 1);
		}
		done += (unsigned)m;
		if (s->stamped) {
			assert_true(ws_io_tx_outstanding(tx) <= ws_io_caps(tx)->stamps_outstanding);
		}
		if (st && (unsigned)m < pending) {
			ws_io_wait(tx, fx->now(fx) + CONF_MS);
			read_stamps(tx, st);
		}
		if (between) {
			between(arg);
		}
		if (fx->now(fx) > give_up) {
			fail_msg("only %u of %u frames were taken", done, s->n);
		}
	}
}

/* Reads the stamps that are still missing. */
void conf_collect_stamps(struct conf_fixture *fx, struct ws_io *tx, struct conf_stamps *st)
{
	int64_t give_up = fx->now(fx) + CONF_PATIENCE;

	read_stamps(tx, st);
	while (ws_io_tx_outstanding(tx) && fx->now(fx) < give_up) {
		assert_true(ws_io_wait(tx, fx->now(fx) + 10 * CONF_MS) >= 0);
		read_stamps(tx, st);
	}
	assert_int_equal(ws_io_tx_outstanding(tx), 0);
}

/* Waits for views and peeks at them, up to max of them; 0 when patience has run out. */
unsigned conf_next_views(
	struct conf_fixture *fx, struct ws_io *rx, struct ws_io_view *views, unsigned max)
{
	int64_t give_up = fx->now(fx) + CONF_PATIENCE;

	do {
		int n = ws_io_rx_peek(rx, views, max);

		assert_in_range(n, 0, max);
		if (n) {
			return (unsigned)n;
		}
		assert_in_range(ws_io_wait(rx, fx->now(fx) + 100 * CONF_MS), 0, 1);
	} while (fx->now(fx) < give_up);
	return 0;
}

static void take_views(struct conf_expect *e, const struct ws_io_view *views, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t seq = e->series->first + e->seen;

		assert_true(e->seen < e->series->n);
		conf_check_view(&views[i], seq, conf_len(e->fx, e->series, seq));
		if (e->stamps_ns) {
			assert_int_equal(views[i].stamp.origin, WS_ORIGIN_SOFTWARE);
			assert_int_equal(views[i].stamp.time.clock, WS_CLOCK_REALTIME);
			e->stamps_ns[e->seen] = views[i].stamp.time.ns;
		}
		e->seen++;
	}
	ws_io_rx_release(e->rx, n);
}

void conf_expect_some(void *arg)
{
	struct conf_expect *e = arg;
	struct ws_io_view views[CONF_BATCH];
	int n;

	while ((n = ws_io_rx_peek(e->rx, views, e->batch)) > 0) {
		take_views(e, views, (unsigned)n);
	}
	assert_int_equal(n, 0);
}

void conf_expect_rest(struct conf_expect *e)
{
	struct ws_io_view views[CONF_BATCH];

	while (e->seen < e->series->n) {
		unsigned n = conf_next_views(e->fx, e->rx, views, e->batch);

		if (!n) {
			fail_msg("%u of %u frames came", e->seen, e->series->n);
		}
		take_views(e, views, n);
	}
}

/* Sends a series and checks that exactly it arrives. */
void conf_carry(struct conf_fixture *fx, struct ws_io *tx, struct ws_io *rx,
	const struct conf_series *s, unsigned rx_batch)
{
	struct conf_expect e = {.fx = fx, .rx = rx, .series = s, .batch = rx_batch};

	conf_send(fx, tx, s, NULL, conf_expect_some, &e);
	conf_expect_rest(&e);
}

/* 60 bytes to the largest, in steps that hit neither a power of two nor an alignment alone. */
uint32_t conf_len_swept(const struct conf_fixture *fx, uint32_t seq)
{
	uint32_t most = conf_frame_max(fx);

	return seq % 8 == 7 ? most : CONF_MIN_LEN + seq * 37 % (most - CONF_MIN_LEN + 1);
}

bool conf_every(uint32_t seq)
{
	(void)seq;
	return true;
}

/* Receives up to and including frame `last`; notes which came. */
void conf_receive_until(struct conf_fixture *fx, struct ws_io *rx, uint32_t last, bool *came)
{
	bool done = false;

	while (!done) {
		struct ws_io_view v;
		uint32_t seq;

		if (!conf_next_views(fx, rx, &v, 1)) {
			fail_msg("frame %u did not come", last);
		}
		if (conf_is_ours(&v, &seq) && seq <= last) {
			came[seq] = true;
			done = seq == last;
		}
		ws_io_rx_release(rx, 1);
	}
}
