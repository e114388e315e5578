/* SPDX-License-Identifier: BSD-2-Clause */
/* Cases about the life of an instance: stop, overrun, failures to open, an interface that goes
 * away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "conformance/series.h"

/* Drains after stop, and checks that what was offered is what became of it. */
static struct ws_io_stats stop_and_drain(struct conf_fixture *fx, struct ws_io *rx)
{
	struct ws_io_view views[CONF_BATCH];
	struct ws_io_stats stats, again;
	int64_t give_up;
	uint64_t lost_before = 0, views_seen = 0, before;
	int n;

	ws_io_stats(rx, &stats);
	before = stats.rx_received;
	assert_int_equal(ws_io_stop(rx), 0);
	give_up = fx->now(fx) + CONF_PATIENCE;
	while ((n = ws_io_rx_peek(rx, views, CONF_BATCH)) > 0) {
		for (int i = 0; i < n; i++) {
			lost_before += views[i].lost_before;
		}
		views_seen += (unsigned)n;
		ws_io_rx_release(rx, (unsigned)n);
		assert_true(fx->now(fx) < give_up);
	}
	assert_int_equal(n, 0);
	ws_io_stats(rx, &stats);
	if (stats.rx_offered != UINT64_MAX) {
		assert_int_equal(
			stats.rx_offered, stats.rx_received + stats.rx_damaged + stats.rx_dropped);
		assert_true(lost_before <= stats.rx_dropped);
	}
	assert_int_equal(stats.rx_received, before + views_seen);
	/* Final. */
	assert_int_equal(ws_io_rx_peek(rx, views, CONF_BATCH), 0);
	ws_io_stats(rx, &again);
	assert_memory_equal(&again, &stats, sizeof(stats));
	return stats;
}

static uint32_t len_largest(const struct conf_fixture *fx, uint32_t seq)
{
	(void)seq;
	return conf_frame_max(fx);
}

/* Fills the receiver's buffer until packets are lost; nobody looks at it meanwhile. Returns the
 * number of frames sent. */
static uint32_t overrun(struct conf_fixture *fx, struct ws_io *tx, struct ws_io *rx)
{
	/* More bytes than fit by far. */
	struct conf_series s = {
		.n = (uint32_t)(ws_io_caps(rx)->rx_buffer * 3 / conf_frame_max(fx)) + 2000,
		.len = len_largest,
	};
	int64_t give_up;
	struct ws_io_stats stats;

	conf_send(fx, tx, &s, NULL, NULL, NULL);
	give_up = fx->now(fx) + CONF_PATIENCE;
	do {
		assert_int_equal(ws_io_wait(tx, fx->now(fx) + CONF_MS), 0);
		ws_io_stats(rx, &stats);
	} while (!stats.rx_dropped && fx->now(fx) < give_up);
	assert_true(stats.rx_dropped > 0);
	return s.n;
}

void conf_test_stop_after_overrun(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series late = {.n = 5};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct ws_io_stats stats;

	config.rx_buffer = 64 << 10;
	rx = conf_open(fx, 1, &config);
	late.first = overrun(fx, tx, rx);
	stats = stop_and_drain(fx, rx);
	assert_true(stats.rx_received > 0);
	assert_true(stats.rx_dropped > 0);
	assert_true(stats.rx_offered == UINT64_MAX || stats.rx_offered <= late.first);
	assert_int_equal(stats.rx_bytes, stats.rx_received * conf_frame_max(fx));
	/* Stopped means stopped. */
	conf_send(fx, tx, &late, NULL, NULL, NULL);
	stop_and_drain(fx, rx);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_stop_gives_out_the_rest(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.n = 30, .len = conf_len_swept};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct ws_io_stats stats;
	int64_t give_up;

	/* Long enough that the kernel still holds them back when they are asked for. */
	config.block_timeout_ms = 100;
	rx = conf_open(fx, 1, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	give_up = fx->now(fx) + CONF_PATIENCE;
	do {
		assert_int_equal(ws_io_wait(tx, fx->now(fx) + CONF_MS), 0);
		ws_io_stats(rx, &stats);
	} while (stats.rx_offered < s.n && fx->now(fx) < give_up);
	stats = stop_and_drain(fx, rx);
	assert_int_equal(stats.rx_received, s.n);
	assert_int_equal(stats.rx_dropped, 0);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_views_survive_overrun(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series s = {.first = 7, .n = 1, .len = conf_len_swept};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	struct ws_io_view v, none;

	config.rx_buffer = 64 << 10;
	rx = conf_open(fx, 1, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
	/* Nothing else is there: where packets come in blocks, this one is done with but for the
	 * view. */
	assert_int_equal(ws_io_rx_peek(rx, &none, 1), 0);
	overrun(fx, tx, rx);
	conf_check_view(&v, 7, conf_len(fx, &s, 7));
	ws_io_rx_release(rx, 1);
	stop_and_drain(fx, rx);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_overrun_and_recover(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct conf_series after = {.n = 300, .len = conf_len_swept};
	struct ws_io *tx = conf_open_tx(fx), *rx;
	uint64_t lost_before = 0;
	struct ws_io_stats stats;
	bool first = false;

	config.rx_buffer = 64 << 10;
	rx = conf_open(fx, 1, &config);
	after.first = overrun(fx, tx, rx);
	/* A full buffer that is emptied takes packets again. */
	for (uint32_t sent = 0; sent < after.n && !first; sent++) {
		struct conf_series one = after;
		struct ws_io_view views[CONF_BATCH];
		int n;

		one.first = after.first + sent;
		one.n = 1;
		conf_send(fx, tx, &one, NULL, NULL, NULL);
		while (ws_io_wait(rx, fx->now(fx) + 20 * CONF_MS) == 1) {
			n = ws_io_rx_peek(rx, views, CONF_BATCH);
			assert_in_range(n, 0, CONF_BATCH);
			for (int i = 0; i < n; i++) {
				uint32_t seq;

				lost_before += views[i].lost_before;
				first = first ||
					(conf_is_ours(&views[i], &seq) && seq >= after.first);
			}
			ws_io_rx_release(rx, (unsigned)n);
		}
	}
	assert_true(first);
	stats = stop_and_drain(fx, rx);
	if (stats.rx_dropped != UINT64_MAX) {
		assert_true(stats.rx_dropped > 0);
		assert_true(lost_before <= stats.rx_dropped);
	}
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_quiet_link(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	int64_t hold = ws_io_caps(rx)->rx_hold_ns;

	for (uint32_t i = 0; i < 5; i++) {
		struct conf_series s = {.first = i, .n = 1};
		struct ws_io_view v;
		int64_t sent;
		int n = 0;

		conf_send(fx, tx, &s, NULL, NULL, NULL);
		sent = fx->now(fx);
		while (!n && fx->now(fx) <= sent + hold + CONF_SEC) {
			assert_in_range(ws_io_wait(rx, sent + hold + CONF_SEC), 0, 1);
			n = ws_io_rx_peek(rx, &v, 1);
		}
		assert_int_equal(n, 1);
		conf_check_view(&v, i, CONF_MIN_LEN);
		ws_io_rx_release(rx, 1);
	}
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_open_fails_by_name(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_rx_config(fx);
	struct ws_io *io = NULL;

	config.backend = "no such backend";
	assert_int_equal(fx->open(fx, 1, &io, &config), -ENOENT);
	config.backend = NULL;
	for (unsigned side = 0; side < 2; side++) {
		static const unsigned dirs[] = {WS_IO_RX, WS_IO_TX, WS_IO_RX | WS_IO_TX};

		for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
			config = dirs[i] & WS_IO_RX ? conf_rx_config(fx) : conf_tx_config(fx);
			config.dirs = dirs[i];
			config.ifindex = 0x7fff0000;
			assert_int_equal(fx->open(fx, side, &io, &config), -ENODEV);
			config.ifindex = 0;
			assert_int_equal(fx->link(fx, side, false), 0);
			assert_int_equal(fx->open(fx, side, &io, &config), -ENETDOWN);
			assert_int_equal(fx->link(fx, side, true), 0);
		}
	}
	config.dirs = 0;
	assert_int_equal(fx->open(fx, 0, &io, &config), -EINVAL);
	assert_null(io);
}

/* Frames with launch times, which nothing on this way out cares about. */
static void carry_launched(struct conf_fixture *fx, struct ws_io *tx, struct ws_io *rx, uint32_t n)
{
	struct ws_io_slot slots[CONF_BATCH];
	struct ws_io_tx frames[CONF_BATCH];
	unsigned done = 0;

	assert_int_equal(ws_io_tx_reserve(tx, slots, n), n);
	for (uint32_t i = 0; i < n; i++) {
		conf_fill(slots[i].data, CONF_MIN_LEN, i, 0, false);
		frames[i] = (struct ws_io_tx){
			.len = CONF_MIN_LEN, .launch_ns = fx->now(fx) + i, .status = 1};
	}
	for (unsigned tries = 0; done < n && tries < 1000; tries++) {
		int r = ws_io_tx_submit(tx, frames + done, n - done);

		assert_in_range(r, 0, n - done);
		done += (unsigned)r;
	}
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(frames[i].status, 0);
	}
	conf_receive_until(fx, rx, n - 1, (bool[CONF_BATCH]){false});
}

void conf_test_options_of_the_way_out(void **state)
{
	static const enum ws_clock wrong[] = {WS_CLOCK_REALTIME, WS_CLOCK_PHC, WS_CLOCK_PHC + 1};
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_tx_config(fx);
	struct conf_series s = {.n = 100, .len = conf_len_swept};
	struct ws_io *tx = NULL, *rx;

	/* Past the queue discipline nobody would keep to them. */
	config.qdisc_bypass = true;
	config.launch_clock = WS_CLOCK_MONOTONIC;
	assert_int_equal(fx->open(fx, 0, &tx, &config), -EINVAL);
	config.launch_clock = WS_CLOCK_NONE;
	config.max_rate = 1000000;
	assert_int_equal(fx->open(fx, 0, &tx, &config), -EINVAL);
	config.max_rate = 0;
	config.qdisc_bypass = false;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		config.launch_clock = wrong[i];
		assert_int_equal(fx->open(fx, 0, &tx, &config), -EINVAL);
	}
	assert_null(tx);

	rx = conf_open_rx(fx);
	config.launch_clock = WS_CLOCK_MONOTONIC;
	tx = conf_open(fx, 0, &config);
	assert_true(ws_io_caps(tx)->launch_time);
	carry_launched(fx, tx, rx, CONF_BATCH);
	conf_close(fx, tx);

	config.launch_clock = WS_CLOCK_NONE;
	config.max_rate = 10 * (uint64_t)UINT32_MAX;
	config.send_buffer = 128 << 10;
	tx = conf_open(fx, 0, &config);
	assert_false(ws_io_caps(tx)->launch_time);
	assert_int_equal(ws_io_caps(tx)->send_buffer, 128 << 10);
	conf_carry(fx, tx, rx, &s, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

/* Until wait or peek says that the interface is down or gone. */
static int next_error(struct conf_fixture *fx, struct ws_io *rx)
{
	int64_t give_up = fx->now(fx) + CONF_PATIENCE;

	while (fx->now(fx) < give_up) {
		struct ws_io_view views[CONF_BATCH];
		int r = ws_io_wait(rx, fx->now(fx) + 10 * CONF_MS);

		if (r >= 0) {
			r = ws_io_rx_peek(rx, views, CONF_BATCH);
		}
		if (r < 0) {
			return r;
		}
		ws_io_rx_release(rx, (unsigned)r);
	}
	return 0;
}

static int submit_one(struct ws_io *tx, struct ws_io_tx *frame)
{
	struct ws_io_slot slot;

	if (ws_io_tx_reserve(tx, &slot, 1) == 1) {
		conf_fill(slot.data, CONF_MIN_LEN, 0, 0, false);
	}
	*frame = (struct ws_io_tx){.len = CONF_MIN_LEN, .status = 1};
	return ws_io_tx_submit(tx, frame, 1);
}

void conf_test_down_and_up(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 10}, again = {.first = 10, .n = 20};
	struct ws_io_slot slot;
	struct ws_io_tx frame;
	int64_t give_up;
	bool came = false;

	conf_carry(fx, tx, rx, &s, CONF_BATCH);
	assert_int_equal(fx->link(fx, 1, false), 0);
	assert_int_equal(next_error(fx, rx), -ENETDOWN);
	assert_int_equal(fx->link(fx, 1, true), 0);
	assert_int_equal(fx->link(fx, 0, false), 0);
	assert_int_equal(submit_one(tx, &frame), -ENETDOWN);
	assert_int_equal(frame.status, 1);
	assert_int_equal(fx->link(fx, 0, true), 0);

	/* The frame is still reserved; until the carrier is back some may get lost. */
	give_up = fx->now(fx) + CONF_PATIENCE;
	while (!came && fx->now(fx) < give_up) {
		struct ws_io_view v;
		int r = ws_io_tx_submit(tx, &frame, 1);

		assert_true(r == 1 || r == -ENETDOWN);
		if (r == 1) {
			assert_int_equal(ws_io_tx_reserve(tx, &slot, 1), 1);
			conf_fill(slot.data, CONF_MIN_LEN, 0, 0, false);
		}
		r = ws_io_wait(rx, fx->now(fx) + 20 * CONF_MS);
		r = r >= 0 ? ws_io_rx_peek(rx, &v, 1) : r;
		assert_true(r >= 0 || r == -ENETDOWN);
		if (r == 1) {
			conf_check_view(&v, 0, CONF_MIN_LEN);
			ws_io_rx_release(rx, 1);
			came = true;
		}
	}
	assert_true(came);
	/* One slot is reserved, and is filled now. */
	conf_fill(slot.data, CONF_MIN_LEN, 9, 0, false);
	assert_int_equal(ws_io_tx_submit(tx, &frame, 1), 1);
	conf_receive_until(fx, rx, 9, (bool[10]){false});
	conf_carry(fx, tx, rx, &again, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_removed(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io *tx = conf_open_tx(fx), *rx = conf_open_rx(fx);
	struct conf_series s = {.n = 10};
	struct ws_io_tx frame;
	int r;

	assert_int_equal(fx->remove(fx), 0);
	r = next_error(fx, rx);
	/* It may go down first; that it is gone is told in any case. */
	assert_int_equal(r == -ENETDOWN ? next_error(fx, rx) : r, -ENODEV);
	r = submit_one(tx, &frame);
	assert_true(r == -ENODEV || r == -ENETDOWN);
	assert_int_equal(frame.status, 1);
	ws_io_stop(rx);
	conf_close(fx, tx);
	conf_close(fx, rx);
	assert_int_equal(fx->restore(fx), 0);
	tx = conf_open_tx(fx);
	rx = conf_open_rx(fx);
	conf_carry(fx, tx, rx, &s, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}

void conf_test_close_half_used(void **state)
{
	struct conf_fixture *fx = *state;
	struct ws_io_config config = conf_tx_config(fx);
	struct conf_series s = {.n = 20, .stamped = conf_every};
	struct ws_io_slot slots[3];
	struct ws_io_view v;
	struct ws_io *tx, *rx = conf_open_rx(fx);

	config.tx_stages = WS_STAGE_DRIVER;
	tx = conf_open(fx, 0, &config);
	conf_send(fx, tx, &s, NULL, NULL, NULL);
	assert_int_equal(conf_next_views(fx, rx, &v, 1), 1);
	assert_int_equal(ws_io_tx_reserve(tx, slots, 3), 3);
	/* Stamps unread, slots reserved, views borrowed and unseen. */
	conf_close(fx, tx);
	conf_close(fx, rx);
	ws_io_close(NULL);
	conf_settle(fx);
	/* Nothing stays behind. */
	s = (struct conf_series){.first = 20, .n = 20};
	tx = conf_open_tx(fx);
	rx = conf_open_rx(fx);
	conf_carry(fx, tx, rx, &s, CONF_BATCH);
	conf_close(fx, tx);
	conf_close(fx, rx);
}
