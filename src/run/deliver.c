/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/deliver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"
#include "host/netns.h"
#include "host/sys.h"
#include "run/deliver_own.h"

/* From opening to the first frame: the kernel switches receive stamps on from a work queue a moment after a socket
 * asked for them. */
#define START_DELAY_NS 50000000
/* Between the frames that go ahead. */
#define AHEAD_NS 2000000
/* Packets and a request to stop are looked for at least that often; and so long before a frame is due, without pause. */
#define NAP_NS	1000000
#define SPIN_NS 150000
/* How long to wait for the kernel before it is asked again; and for how long a frame is offered to it. */
#define AGAIN_NS   20000
#define GIVE_UP_NS 100000000
/* Longest that all frames may take beyond their gaps. */
#define OVERTIME_NS    2000000000LL
#define MIN_TIMEOUT_NS 10000000
/* Gaps up to that are waited out busily: a machine whose timers are late would make them much longer. */
#define BUSY_GAP_NS 2000000

static bool stopped(const struct ws_deliver_run *r)
{
	return r->s->stop && atomic_load_explicit(r->s->stop, memory_order_relaxed);
}

static bool over(const struct ws_deliver_run *r)
{
	return r->fault || stopped(r);
}

/* Sleeps, but for a moment before the instant; or not at all. */
static void wait_until(struct ws_deliver_run *r, int64_t due_ns, bool busy)
{
	while (!over(r)) {
		int64_t now = ws_clock_now();
		int64_t nap = due_ns - now - SPIN_NS;

		if (now >= due_ns) {
			return;
		}
		if (!ws_deliver_look(r) && nap > 0 && !busy) {
			int rc = ws_io_wait(r->tx, now + (nap < NAP_NS ? nap : NAP_NS));

			r->fault = rc < 0 ? rc : r->fault;
		}
	}
}

/* What the oldest slots hold; frame i is number n + i. */
static void build(struct ws_deliver_run *r, struct ws_io_tx *frames, unsigned count, uint64_t n,
	unsigned stages, bool ahead)
{
	bool own = ahead && r->s->ahead;
	const struct ws_frame_source *source = own ? r->s->ahead : r->s->source;

	for (unsigned i = 0; i < count; i++) {
		frames[i] = (struct ws_io_tx){
			.len = source->write(source->arg, r->slots[i].data, n + i, 0),
			.want_stamp = stages != 0,
			.stages = (uint8_t)stages,
			.cookie = n + i,
		};
		if (ahead && !own && source->mute) {
			source->mute(source->arg, r->slots[i].data, frames[i].len);
		}
	}
}

static void reserve(struct ws_deliver_run *r, unsigned count)
{
	int n = 0;

	if (r->slot_count < count) {
		n = ws_io_tx_reserve(r->tx, r->slots + r->slot_count, count - r->slot_count);
	}
	r->slot_count += n > 0 ? (unsigned)n : 0;
}

static void settle(struct ws_deliver_run *r, const struct ws_io_tx *frames, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct ws_deliver_frame *f = ws_deliver_frame_of(r, frames[i].cookie);

		if (f && frames[i].status < 0) {
			f->call_ns = WS_DELIVER_UNKNOWN;
			r->refused++;
		} else if (f) {
			r->sent++;
		}
	}
	r->slot_count -= n;
	memmove(r->slots, r->slots + n, r->slot_count * sizeof(r->slots[0]));
}

/* Sends count frames (at most WS_DELIVER_BATCH) from number n on. What the kernel does not take in time stays unsent. */
static unsigned send_frames(
	struct ws_deliver_run *r, uint64_t n, unsigned count, unsigned stages, bool ahead)
{
	struct ws_io_tx frames[WS_DELIVER_BATCH];
	int64_t give_up = ws_clock_now() + GIVE_UP_NS;
	unsigned done = 0;

	while (done < count && !over(r)) {
		int64_t now;
		int taken;

		reserve(r, count - done);
		build(r, frames, r->slot_count < count - done ? r->slot_count : count - done,
			n + done, stages, ahead);
		now = ws_clock_now();
		for (unsigned i = 0; i < count - done; i++) {
			struct ws_deliver_frame *f = ws_deliver_frame_of(r, n + done + i);

			if (f) {
				f->call_ns = now;
			}
		}
		taken = ws_io_tx_submit(
			r->tx, frames, r->slot_count < count - done ? r->slot_count : count - done);
		if (taken < 0) {
			r->fault = taken;
			break;
		}
		settle(r, frames, (unsigned)taken);
		done += (unsigned)taken;
		if (done == count || ws_clock_now() >= give_up) {
			break;
		}
		if (!taken && !ws_deliver_look(r)) {
			(void)ws_io_wait(r->tx, ws_clock_now() + AGAIN_NS);
		}
	}
	for (unsigned i = done; i < count; i++) {
		struct ws_deliver_frame *f = ws_deliver_frame_of(r, n + i);

		if (f) {
			f->call_ns = WS_DELIVER_UNKNOWN;
		}
	}
	return done;
}

void ws_deliver_end(struct ws_deliver_run *r)
{
	if (!r) {
		return;
	}
	ws_io_close(r->tx);
	ws_io_close(r->rx);
	free(r->frames);
	free(r->order);
	free(r->seen);
	free(r->gaps);
	free(r);
}

static void begin_batch(struct ws_deliver_run *r, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		r->frames[i] = (struct ws_deliver_frame){
			.call_ns = WS_DELIVER_UNKNOWN,
			.tx_hw = WS_DELIVER_UNKNOWN,
			.tx_sw = WS_DELIVER_UNKNOWN,
			.rx_hw = WS_DELIVER_UNKNOWN,
			.rx_sw = WS_DELIVER_UNKNOWN,
		};
	}
	r->first = r->next;
	r->next += count;
	r->sent = r->arrived = r->refused = 0;
}

/* The first numbers are theirs. */
static void send_ahead(struct ws_deliver_run *r)
{
	unsigned stages = r->tx_stages & WS_STAGE_DRIVER;

	for (unsigned i = 0; i < WS_DELIVER_AHEAD && !over(r); i++) {
		(void)send_frames(r, r->s->first + i, 1, stages, true);
		wait_until(r, ws_clock_now() + AHEAD_NS, false);
	}
}

int ws_deliver_begin(struct ws_deliver_run **ret, const struct ws_deliver_setup *setup,
	struct ws_io *tx, struct ws_io *rx)
{
	size_t count = setup->count;
	struct ws_deliver_run *r = calloc(1, sizeof(*r));

	if (!r) {
		ws_io_close(tx);
		ws_io_close(rx);
		return -ENOMEM;
	}
	r->s = setup;
	r->tx = tx;
	r->rx = rx;
	r->tx_stages = ws_io_caps(tx)->tx_stages;
	r->frames = calloc(count, sizeof(*r->frames));
	r->order = calloc(count, sizeof(*r->order));
	r->seen = calloc(count, sizeof(*r->seen));
	r->gaps = calloc(count, sizeof(*r->gaps));
	if (!r->frames || !r->order || !r->seen || !r->gaps) {
		ws_deliver_end(r);
		return -ENOMEM;
	}
	r->first = r->next = setup->first + WS_DELIVER_AHEAD;
	wait_until(r, ws_clock_now() + START_DELAY_NS, false);
	send_ahead(r);
	*ret = r;
	return 0;
}

static int open_end(
	struct ws_io **ret, const struct ws_deliver_end *end, struct ws_io_config *config)
{
	int saved, rc;

	config->backend = "socket";
	config->ifindex = end->ifindex;
	saved = ws_netns_enter(end->netns);
	if (saved < 0) {
		return saved;
	}
	rc = ws_io_open(ret, config);
	ws_netns_leave(saved);
	return rc;
}

int ws_deliver_open(struct ws_deliver_run **ret, const struct ws_deliver_setup *setup)
{
	struct ws_io_config rx_config = {
		.dirs = WS_IO_RX,
		.rx_stamps = setup->rx.software || setup->rx.hw_clock != WS_CLOCK_NONE,
		.rx_hw_clock = setup->rx.hw_clock,
	};
	struct ws_io_config tx_config = {
		.dirs = WS_IO_TX,
		.frame_max = setup->ahead && setup->ahead->len_max > setup->source->len_max
				     ? setup->ahead->len_max
				     : setup->source->len_max,
		.tx_batch = WS_DELIVER_BATCH,
		.tx_hw_clock = setup->tx.hw_clock,
		.stamp_timeout_ns =
			setup->wait_ns > MIN_TIMEOUT_NS ? setup->wait_ns : MIN_TIMEOUT_NS,
	};
	struct ws_io *tx = NULL, *rx = NULL;
	int rc;

	if (!setup->count || setup->count > WS_DELIVER_MAX) {
		return -EINVAL;
	}
	tx_config.tx_stages = (setup->tx.hw_clock != WS_CLOCK_NONE ? WS_STAGE_WIRE : 0) |
			      (setup->tx.software ? WS_STAGE_DRIVER : 0);
	rc = setup->has_rx ? open_end(&rx, &setup->rx, &rx_config) : 0;
	if (rc < 0) {
		return rc;
	}
	rc = open_end(&tx, &setup->tx, &tx_config);
	if (rc < 0) {
		ws_io_close(rx);
		return rc;
	}
	return ws_deliver_begin(ret, setup, tx, rx);
}

static void wait_for_rest(struct ws_deliver_run *r)
{
	int64_t end = ws_clock_now() + r->s->wait_ns;

	while (!over(r) && (ws_io_tx_outstanding(r->tx) || (r->rx && r->arrived < r->sent))) {
		int64_t now = ws_clock_now();

		if (now >= end) {
			break;
		}
		if (!ws_deliver_look(r)) {
			int rc = ws_io_wait(r->tx, now + NAP_NS < end ? now + NAP_NS : end);

			r->fault = rc < 0 ? rc : r->fault;
		}
	}
	/* Whatever ended it, what is here counts. */
	while (!r->fault && ws_deliver_look(r)) {
		;
	}
}

static void send_batch(struct ws_deliver_run *r, const struct ws_deliver_batch *b)
{
	int64_t until = ws_clock_now() + (int64_t)b->count * b->gap_ns + OVERTIME_NS;
	int64_t due = 0;
	unsigned at_once = b->gap_ns > 0 ? 1 : WS_DELIVER_BATCH;

	until = until < b->until_ns ? until : b->until_ns;
	for (uint64_t n = 0; n < b->count;) {
		unsigned count = b->count - n < at_once ? (unsigned)(b->count - n) : at_once;

		wait_until(r, due, b->busy);
		if (over(r) || ws_clock_now() >= until) {
			break;
		}
		/* From the call, not from when it was due: two are never closer than the gap. */
		due = ws_clock_now() + b->gap_ns;
		/* What was not taken is left out, so that the others keep their times. */
		(void)send_frames(r, r->first + n, count, r->tx_stages, false);
		n += count;
	}
}

int ws_deliver_batch(struct ws_deliver_run *r, const struct ws_deliver_batch *batch,
	struct ws_deliver_result *ret, int64_t *ret_gap_ns)
{
	struct ws_io_stats stats;

	begin_batch(r, batch->count);
	ws_io_stats(r->tx, &stats);
	r->stray_before = stats.stamps_stray;
	send_batch(r, batch);
	wait_for_rest(r);
	ws_io_stats(r->tx, &stats);
	memset(ret, 0, sizeof(*ret));
	ret->sent = r->sent;
	ret->refused = r->refused;
	ret->tx_stray = stats.stamps_stray - r->stray_before;
	ret->fault = r->fault;
	ret->ahead_rx_hardware = r->ahead_rx_hardware;
	if (ret_gap_ns) {
		*ret_gap_ns = ws_deliver_gap(r, batch->count);
	}
	return ws_deliver_judge(r, batch->count, ret);
}

int ws_deliver(const struct ws_deliver_setup *setup, struct ws_deliver_result *ret)
{
	const struct ws_deliver_batch batch = {
		.count = setup->count,
		.gap_ns = setup->gap_ns,
		.busy = setup->gap_ns <= BUSY_GAP_NS,
		.until_ns = INT64_MAX,
	};
	struct ws_deliver_run *r;
	int rc = ws_deliver_open(&r, setup);

	if (rc < 0) {
		return rc;
	}
	rc = ws_deliver_batch(r, &batch, ret, NULL);
	ws_deliver_end(r);
	return rc;
}
