/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/conformance.h"
#include "conformance/series.h"

static void test_same_in_same_out(void **state)
{
	struct conf_fixture *fx = *state;
	static const unsigned batches[][2] = {
		{1, 1}, {1, CONF_BATCH}, {CONF_BATCH, 1}, {7, 5}, {CONF_BATCH, CONF_BATCH}};
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 300, .len = conf_len_swept};
	struct ws_io_stats stats;

	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		s.batch = batches[i][0];
		conf_carry(fx, tx, rx, &s, batches[i][1]);
		s.first += s.n;
	}
	ws_io_stats(tx, &stats);
	assert_int_equal(stats.tx_accepted, s.first);
	assert_int_equal(stats.tx_refused, 0);
	assert_true(stats.tx_calls > 0);
	ws_io_stats(rx, &stats);
	assert_int_equal(stats.rx_received, s.first);
	assert_int_equal(stats.rx_damaged, 0);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static void test_caps(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_tx_config(fx);
	struct ws_io *rx = conf_open_rx(fx);
	const struct ws_io_caps *caps = ws_io_caps(rx);
	struct ws_io_slot slots[2 * CONF_BATCH];
	struct ws_io *tx;
	int n;

	assert_string_equal(caps->backend, fx->backends[1]);
	assert_int_equal(caps->dirs, WS_IO_RX);
	assert_true(caps->frame_max >= conf_frame_max(fx));
	assert_true(caps->rx_buffer > 0);
	assert_true(caps->rx_hold_ns >= 0);

	config.tx_stages = WS_STAGE_DRIVER;
	tx = conf_open(fx, 0, &config);
	caps = ws_io_caps(tx);
	assert_string_equal(caps->backend, fx->backends[0]);
	assert_int_equal(caps->dirs, WS_IO_TX);
	assert_true(caps->frame_max >= conf_frame_max(fx));
	assert_in_range(caps->tx_batch, 1, CONF_BATCH);
	assert_int_equal(caps->tx_stages, WS_STAGE_DRIVER);
	assert_true(caps->stamps_outstanding > 0);
	assert_true(caps->stamp_buffer > 0);

	/* All can be reserved, no more, and no two share memory. */
	n = ws_io_tx_reserve(tx, slots, 2 * CONF_BATCH);
	assert_int_equal(n, caps->tx_batch);
	assert_int_equal(ws_io_tx_reserve(tx, slots + n, 1), 0);
	for (int i = 0; i < n; i++) {
		assert_true(slots[i].size >= caps->frame_max);
		memset(slots[i].data, i, caps->frame_max);
	}
	for (int i = 0; i < n; i++) {
		assert_int_equal(slots[i].data[0], i);
		assert_int_equal(slots[i].data[caps->frame_max - 1], i);
	}
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static void test_views_are_borrowed(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 96, .len = conf_len_swept};
	struct ws_io_view held[96], more;
	uint32_t n = 0;

	/* Everything is held while more arrives, and is still there at the end. */
	while (n < s.n) {
		struct conf_series part = s;
		unsigned got;

		part.first = n;
		part.n = 32;
		conf_send(fx, tx, &part, NULL, NULL, NULL);
		for (uint32_t end = n + 32; n < end; n += got) {
			got = conf_next_views(fx, rx, held + n, end - n);
			assert_true(got > 0);
		}
	}
	for (uint32_t i = 0; i < s.n; i++) {
		conf_check_view(&held[i], i, conf_len(fx, &s, i));
	}
	/* The oldest are released first: the others stay. */
	ws_io_rx_release(rx, 1);
	ws_io_rx_release(rx, 30);
	s.first = s.n;
	s.n = 1;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	assert_int_equal(conf_next_views(fx, rx, &more, 1), 1);
	conf_check_view(&more, 96, conf_len(fx, &s, 96));
	for (uint32_t i = 31; i < 96; i++) {
		conf_check_view(&held[i], i, conf_len(fx, &s, i));
	}
	ws_io_rx_release(rx, 65);
	conf_check_view(&more, 96, conf_len(fx, &s, 96));
	ws_io_rx_release(rx, 1);
	s.first = 97;
	s.n = 200;
	conf_carry(fx, tx, rx, &s, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static void test_reserve_and_submit_parts(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 12};
	struct conf_expect e = {.fx = fx, .rx = rx, .series = &s, .batch = CONF_BATCH};
	struct ws_io_slot slots[12];
	struct ws_io_tx frames[12];

	for (unsigned i = 0; i < 12; i++) {
		frames[i] = (struct ws_io_tx){.len = CONF_MIN_LEN, .cookie = i};
	}
	assert_int_equal(ws_io_tx_reserve(tx, slots, 8), 8);
	for (uint32_t i = 0; i < 8; i++) {
		conf_fill(slots[i].data, CONF_MIN_LEN, i, 0, false);
	}
	assert_int_equal(ws_io_tx_submit(tx, frames, 0), 0);
	assert_int_equal(ws_io_tx_submit(tx, frames, 3), 3);
	/* New slots come after those that are still reserved, which keep what was written. */
	assert_int_equal(ws_io_tx_reserve(tx, slots + 8, 4), 4);
	for (uint32_t i = 8; i < 12; i++) {
		conf_fill(slots[i].data, CONF_MIN_LEN, i, 0, false);
	}
	assert_int_equal(ws_io_tx_submit(tx, frames + 3, 4), 4);
	assert_int_equal(ws_io_tx_submit(tx, frames + 7, 5), 5);
	conf_expect_rest(&e);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

/* The same number is the same memory, which still holds what was built there. */
static void test_slots_have_numbers(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	uint32_t count = ws_io_caps(tx)->tx_slots;
	uint8_t **at = calloc(count + 1, sizeof(*at));
	struct ws_io_tx frame = {.len = CONF_MIN_LEN};
	unsigned again = 0;

	assert_non_null(at);
	for (uint32_t seq = 0; seq < 2 * count + 10; seq++) {
		struct ws_io_slot slot;

		assert_int_equal(ws_io_tx_reserve(tx, &slot, 1), 1);
		assert_true(slot.number < count);
		if (at[slot.number]) {
			assert_ptr_equal(at[slot.number], slot.data);
			assert_int_equal(slot.data[CONF_MIN_LEN - 1], (uint8_t)slot.number);
			again++;
		}
		at[slot.number] = slot.data;
		conf_fill(slot.data, CONF_MIN_LEN, seq, 0, false);
		slot.data[CONF_MIN_LEN - 1] = (uint8_t)slot.number;
		while (ws_io_tx_submit(tx, &frame, 1) == 0) {
			;
		}
	}
	assert_true(!count || again >= count);
	free(at);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static bool every_third(uint32_t seq)
{
	return seq % 3 == 0;
}

static void test_stamps_once_each(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_tx_config(fx), receive = conf_rx_config(fx);
	struct conf_series s = {.n = 200, .len = conf_len_swept, .stamped = every_third};
	struct conf_series warm_up = {.n = 1};
	struct conf_stamps st = conf_stamps_new(200);
	int64_t arrivals[200];
	struct conf_expect e = {.fx = fx, .series = &s, .batch = CONF_BATCH, .stamps_ns = arrivals};
	struct ws_io_stats stats;
	int64_t give_up;
	bool stamping = false;
	struct ws_io *tx;

	config.tx_stages = WS_STAGE_DRIVER;
	receive.rx_stamps = true;
	tx = conf_open(fx, 0, &config);
	e.rx = conf_open(fx, 1, &receive);
	assert_true(ws_io_caps(e.rx)->rx_stamps);

	/* The kernel begins to stamp some time after it was asked to. */
	give_up = fx->now(fx) + CONF_PATIENCE;
	while (!stamping && fx->now(fx) < give_up) {
		struct ws_io_view v;

		conf_send(fx, tx, &warm_up, NULL, NULL, NULL);
		assert_int_equal(conf_next_views(fx, e.rx, &v, 1), 1);
		stamping = v.stamp.origin == WS_ORIGIN_SOFTWARE;
		ws_io_rx_release(e.rx, 1);
	}
	assert_true(stamping);

	conf_send(fx, tx, &s, &st, conf_expect_some, &e);
	conf_expect_rest(&e);
	conf_collect_stamps(fx, tx, &st);

	for (uint32_t seq = 0; seq < s.n; seq++) {
		assert_int_equal(st.count[seq], every_third(seq) ? 1 : 0);
		if (every_third(seq)) {
			/* One clock at both ends: nothing arrives before it leaves. */
			assert_true(st.time_ns[seq] > 0);
			assert_true(st.time_ns[seq] <= arrivals[seq]);
		}
	}
	assert_int_equal(st.failed, 0);
	ws_io_stats(tx, &stats);
	assert_int_equal(stats.stamps_received, st.total);
	assert_int_equal(stats.stamps_missing, 0);
	assert_int_equal(stats.stamps_stray, 0);
	conf_stamps_free(&st);
	conf_close(fx, tx);
	conf_close(fx, e.rx);
}

static void more_than_outstanding(struct conf_fixture *fx, uint64_t stamp_buffer)
{
	struct ws_io_config config = conf_tx_config(fx);
	struct conf_series s = {.stamped = conf_every};
	struct ws_io_stats stats;
	struct conf_stamps st;
	struct ws_io *tx;

	config.tx_stages = WS_STAGE_DRIVER;
	config.stamp_buffer = stamp_buffer;
	tx = conf_open(fx, 0, &config);
	s.n = 3 * ws_io_caps(tx)->stamps_outstanding + 1;
	st = conf_stamps_new(s.n);
	/* Stamps are read only when submission stops. */
	conf_send(fx, tx, &s, &st, NULL, NULL);
	conf_collect_stamps(fx, tx, &st);
	for (uint32_t seq = 0; seq < s.n; seq++) {
		assert_int_equal(st.count[seq], 1);
	}
	assert_int_equal(st.failed, 0);
	ws_io_stats(tx, &stats);
	assert_int_equal(stats.tx_accepted, s.n);
	assert_int_equal(stats.stamps_received, s.n);
	assert_int_equal(stats.stamps_missing + stats.stamps_stray, 0);
	conf_stamps_free(&st);
	conf_close(fx, tx);
}

/* A tight buffer, and what is granted without privilege where rmem_max has its usual value, 212992.
 */
static void test_more_than_outstanding(void **state)
{
	more_than_outstanding(*state, 64 << 10);
	more_than_outstanding(*state, 2 * 212992);
}

static void test_no_stamps_asked(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx);
	struct conf_series s = {.n = 50, .stamped = conf_every};
	struct ws_io_tx_stamp none;

	assert_int_equal(ws_io_caps(tx)->tx_stages, 0);
	s.stamped = NULL;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	assert_int_equal(ws_io_wait(tx, fx->now(fx) + 20 * CONF_MS), 0);
	assert_int_equal(ws_io_tx_stamps(tx, &none, 1), 0);
	assert_int_equal(ws_io_tx_outstanding(tx), 0);
	conf_close(fx, tx);
}

static void test_wait_keeps_deadlines(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 1};
	struct ws_io_view v;
	int64_t start = fx->now(fx);
	int r;

	assert_int_equal(ws_io_wait(rx, start - CONF_SEC), 0);
	assert_int_equal(ws_io_wait(rx, start), 0);
	assert_true(fx->now(fx) < start + CONF_PATIENCE);
	assert_int_equal(ws_io_wait(rx, start + 30 * CONF_MS), 0);
	assert_true(fx->now(fx) >= start + 30 * CONF_MS);
	assert_true(fx->now(fx) < start + CONF_PATIENCE);

	conf_send(fx, tx, &s, NULL, NULL, NULL);
	do {
		r = ws_io_wait(rx, start + CONF_PATIENCE);
	} while (!r && fx->now(fx) < start + CONF_PATIENCE);
	assert_int_equal(r, 1);
	/* What is there does not need waiting for, whatever the deadline. */
	assert_int_equal(ws_io_wait(rx, start), 1);
	assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
	conf_check_view(&v, 0, CONF_MIN_LEN);
	ws_io_rx_release(rx, 1);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static uint8_t kind_by_parity(uint32_t seq)
{
	return seq % 2 ? 0xA5 : 0x5A;
}

static void test_filter(void **state)
{
	static const struct sock_filter odd[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CONF_ETHERTYPE, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, CONF_OFFSET_KIND),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xA5, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.n = 40, .kind = kind_by_parity};
	bool came[120] = {false};
	struct ws_io *tx = conf_open_tx(fx), *rx;

	/* From the start. */
	config.filter = odd;
	config.filter_len = sizeof(odd) / sizeof(odd[0]);
	rx = conf_open(fx, 1, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_receive_until(fx, rx, 39, came);
	/* Taken away. */
	assert_int_equal(ws_io_set_filter(rx, NULL, 0), 0);
	s.first = 40;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_receive_until(fx, rx, 79, came);
	/* Taking away what is not there is no error. */
	assert_int_equal(ws_io_set_filter(rx, NULL, 0), 0);
	/* Set later. */
	assert_int_equal(ws_io_set_filter(rx, odd, sizeof(odd) / sizeof(odd[0])), 0);
	s.first = 80;
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_receive_until(fx, rx, 119, came);

	for (uint32_t seq = 0; seq < 120; seq++) {
		assert_int_equal(came[seq], seq % 2 || (seq >= 40 && seq < 80));
	}
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static uint32_t len_tagged(const struct conf_fixture *fx, uint32_t seq)
{
	return seq == 0 ? CONF_MIN_LEN + CONF_VLAN_TAG : conf_frame_max(fx) + CONF_VLAN_TAG;
}

static void test_vlan_tag_is_there(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series tagged = {.n = 2, .len = len_tagged, .tagged = true};
	struct conf_series plain = {.first = 2, .n = 10, .len = conf_len_swept};

	conf_send(fx, tx, &tagged, NULL, NULL, NULL);
	for (uint32_t seq = 0; seq < tagged.n; seq++) {
		uint32_t len = len_tagged(fx, seq);
		uint8_t *sent = malloc(len);
		struct ws_io_view v;

		assert_non_null(sent);
		conf_fill(sent, len, seq, 0, true);
		assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
		assert_int_equal(v.len, len);
		assert_int_equal(v.wire_len, len);
		assert_memory_equal(v.data, sent, len);
		ws_io_rx_release(rx, 1);
		free(sent);
	}
	/* And none where none was. */
	conf_carry(fx, tx, rx, &plain, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

static void test_own_frames(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx), other = conf_tx_config(fx),
			    all = conf_rx_config(fx);
	struct conf_series s = {.n = 20}, marker = {.first = 20, .n = 1};
	struct conf_expect e = {.fx = fx, .series = &marker, .batch = CONF_BATCH};
	struct conf_expect seeing = {.fx = fx, .series = &s, .batch = CONF_BATCH};
	struct ws_io *tx = conf_open_tx(fx), *far;

	/* Two receivers beside the sender. A frame from the other side marks the end. */
	e.rx = conf_open(fx, 0, &config);
	all.rx_outgoing = true;
	seeing.rx = conf_open(fx, 0, &all);
	far = conf_open(fx, 1, &other);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	conf_send(fx, far, &marker, NULL, NULL, NULL);
	conf_expect_rest(&e);
	s.n = 21;
	conf_expect_rest(&seeing);
	conf_close(fx, seeing.rx);
	conf_close(fx, e.rx);
	conf_close(fx, far);
	conf_close(fx, tx);
}

/* One instance for both directions. */
static void test_both_directions(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_tx_config(fx), receive = conf_rx_config(fx);
	struct conf_series there = {.n = 100, .len = conf_len_swept, .stamped = conf_every};
	struct conf_series back = {.first = 100, .n = 100, .len = conf_len_swept};
	struct conf_stamps st = conf_stamps_new(100);
	struct conf_expect e = {.fx = fx, .series = &there, .batch = CONF_BATCH};
	struct ws_io *near, *far;

	config.dirs = WS_IO_RX | WS_IO_TX;
	config.filter = receive.filter;
	config.filter_len = receive.filter_len;
	config.block_timeout_ms = receive.block_timeout_ms;
	config.tx_stages = WS_STAGE_DRIVER;
	near = conf_open(fx, 0, &config);
	config.tx_stages = 0;
	far = conf_open(fx, 1, &config);
	assert_int_equal(ws_io_caps(near)->dirs, WS_IO_RX | WS_IO_TX);
	e.rx = far;
	conf_send(fx, near, &there, &st, conf_expect_some, &e);
	conf_expect_rest(&e);
	/* Before receiving: an unread stamp is a reason for wait to return. */
	conf_collect_stamps(fx, near, &st);
	assert_int_equal(st.total, 100);
	conf_carry(fx, far, near, &back, CONF_BATCH);
	conf_stamps_free(&st);
	conf_close(fx, near);
	conf_close(fx, far);
}

void conf_cases(struct conf_fixture *fx, struct CMUnitTest ret[CONF_CASES])
{
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} cases[CONF_CASES] = {
		{"caps", test_caps},
		{"same_in_same_out", test_same_in_same_out},
		{"views_are_borrowed", test_views_are_borrowed},
		{"reserve_and_submit_parts", test_reserve_and_submit_parts},
		{"slots_have_numbers", test_slots_have_numbers},
		{"stamps_once_each", test_stamps_once_each},
		{"more_than_outstanding", test_more_than_outstanding},
		{"no_stamps_asked", test_no_stamps_asked},
		{"wait_keeps_deadlines", test_wait_keeps_deadlines},
		{"filter", test_filter},
		{"vlan_tag_is_there", test_vlan_tag_is_there},
		{"own_frames", test_own_frames},
		{"both_directions", test_both_directions},
		{"stop_after_overrun", conf_test_stop_after_overrun},
		{"stop_gives_out_the_rest", conf_test_stop_gives_out_the_rest},
		{"views_survive_overrun", conf_test_views_survive_overrun},
		{"overrun_and_recover", conf_test_overrun_and_recover},
		{"quiet_link", conf_test_quiet_link},
		{"open_fails_by_name", conf_test_open_fails_by_name},
		{"options_of_the_way_out", conf_test_options_of_the_way_out},
		{"down_and_up", conf_test_down_and_up},
		{"close_half_used", conf_test_close_half_used},
		{"removed", conf_test_removed},
	};

	for (size_t i = 0; i < CONF_CASES; i++) {
		snprintf(fx->names[i], sizeof(fx->names[i]), "%s: %s", fx->name, cases[i].name);
		ret[i] = (struct CMUnitTest){
			.name = fx->names[i],
			.test_func = cases[i].run,
			.teardown_func = conf_clean_up,
			.initial_state = fx,
		};
	}
}
