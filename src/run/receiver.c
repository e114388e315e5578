/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/receiver.h"

#include <errno.h>
#include <stdlib.h>

#include "core/frame.h"
#include "host/clock.h"

#define BATCH 256
/* Packets of several CPUs may come a little out of order. */
#define DISORDER_NS 1000000
#define WAIT_NS	    10000000

struct ws_receiver {
	struct ws_receiver_config c;
	struct ws_match *match;
	int64_t hold_ns; /* a packet shows at the latest this long after it arrived */
	int64_t watermark_ns;
	uint64_t received;
	struct ws_io_view views[BATCH];
	struct ws_gap_walk departures;
	enum ws_clock departures_clock;
};

static void record_departure(struct ws_receiver *r, const struct ws_tx_record *tx)
{
	if (tx->stamp.origin == WS_ORIGIN_NONE || tx->stamp.time.clock == WS_CLOCK_NONE) {
		return;
	}
	if (tx->stamp.time.clock != r->departures_clock) {
		ws_gap_walk_break(&r->departures);
		r->departures_clock = tx->stamp.time.clock;
	}
	/* Bursts are not in this result: no time on the wire. */
	ws_gap_walk_add(&r->departures, tx->seq, tx->stamp.time.ns,
		r->c.paced ? tx->intended_ns : INT64_MIN, 0);
}

/* The time of a stamp on CLOCK_MONOTONIC; without a stamp, or of a clock we cannot relate,
 * `otherwise`. */
static int64_t on_monotonic(const struct ws_receiver *r, struct ws_time t, int64_t otherwise)
{
	if (t.clock == WS_CLOCK_MONOTONIC) {
		return t.ns;
	}
	if (t.clock == WS_CLOCK_REALTIME) {
		return t.ns -
		       atomic_load_explicit(&r->c.shared->realtime_offset_ns, memory_order_relaxed);
	}
	return otherwise;
}

static void outcome(void *arg, const struct ws_outcome *o)
{
	struct ws_receiver *r = arg;
	int64_t latency;

	if (o->fate == WS_FATE_NOT_SENT || (o->fate == WS_FATE_LATE && !o->tx.app_ns)) {
		return;
	}
	if (r->c.paced) {
		ws_hist_record(&r->c.result->lateness, o->tx.app_ns - o->tx.intended_ns);
	}
	record_departure(r, &o->tx);
	if (o->fate != WS_FATE_MATCHED) {
		return;
	}
	if (!ws_time_diff(o->rx.stamp.time, o->tx.stamp.time, &latency)) {
		/* One end has kernel stamps, the other the program's own: the result says the
		 * bound. */
		latency =
			on_monotonic(r, o->rx.stamp.time, 0) - on_monotonic(r, o->tx.stamp.time, 0);
	}
	ws_hist_record(&r->c.result->latency, latency);
}

int ws_receiver_new(struct ws_receiver **ret, const struct ws_receiver_config *config)
{
	struct ws_receiver *r = calloc(1, sizeof(*r));
	struct ws_match_config match = {
		.window_ns = config->window_ns,
		.capacity = config->capacity,
		.history = (uint64_t)config->capacity < 1u << 23 ? 1u << 23 : config->capacity,
		.sink = outcome,
		.arg = r,
	};
	int rc;

	if (!r) {
		return -ENOMEM;
	}
	r->c = *config;
	r->hold_ns = ws_io_caps(config->io)->rx_hold_ns;
	r->watermark_ns = INT64_MIN;
	rc = ws_match_new(&r->match, &match);
	if (rc < 0) {
		free(r);
		return rc;
	}
	ws_hist_init(&r->c.result->latency);
	ws_hist_init(&r->c.result->lateness);
	ws_gaps_init(&r->c.result->gaps);
	ws_gap_walk_init(&r->departures, &r->c.result->gaps);
	*ret = r;
	return 0;
}

void ws_receiver_free(struct ws_receiver *r)
{
	if (r) {
		ws_match_free(r->match);
		free(r);
	}
}

/* When the packet arrived, on CLOCK_MONOTONIC. */
static int64_t arrival(const struct ws_receiver *r, const struct ws_io_view *v, int64_t now)
{
	int64_t at = on_monotonic(r, v->stamp.time, now);

	/* If somebody just set the stamps' clock, at least nothing comes from the future. */
	return at < now ? at : now;
}

/* Every packet that arrived before this has been looked at. */
static void raise_watermark(struct ws_receiver *r, int64_t to_ns)
{
	if (to_ns - DISORDER_NS > r->watermark_ns) {
		r->watermark_ns = to_ns - DISORDER_NS;
	}
}

static void take_view(struct ws_receiver *r, const struct ws_io_view *v, int64_t now)
{
	struct ws_rx_record record;
	struct ws_probe probe;

	switch (ws_probe_parse(v->data, v->len, r->c.run_id, r->c.udp_port, &probe)) {
	case WS_PROBE_FOREIGN:
		ws_match_foreign(r->match);
		return;
	case WS_PROBE_MALFORMED:
		ws_match_malformed(r->match);
		return;
	case WS_PROBE_OURS:
		break;
	}
	if (probe.stream != r->c.stream) {
		ws_match_foreign(r->match);
		return;
	}
	record.seq = probe.seq;
	if (!r->c.kernel_stamps) {
		record.stamp = (struct ws_stamp){{now, WS_CLOCK_MONOTONIC}, WS_ORIGIN_USER};
	} else if (v->stamp.origin == r->c.want) {
		record.stamp = v->stamp;
	} else {
		/* A stamp of another origin means something else: it must not enter the histogram. */
		record.stamp = (struct ws_stamp){0};
	}
	record.arrival_ns = arrival(r, v, now);
	ws_match_rx(r->match, &record);
}

/* What the I/O instance has. Returns the number of packets, or -errno. */
static int take_packets(struct ws_receiver *r)
{
	int64_t now = ws_clock_now();
	int n = ws_io_rx_peek(r->c.io, r->views, BATCH);

	if (n < 0) {
		atomic_store(&r->c.shared->receiver_fault, n);
		return n;
	}
	/* After the peek: every packet in it was offered before it could be received. */
	ws_match_offered(
		r->match, atomic_load_explicit(&r->c.shared->offered, memory_order_acquire));
	for (int i = 0; i < n; i++) {
		take_view(r, &r->views[i], r->c.kernel_stamps ? now : ws_clock_now());
	}
	if (n > 0) {
		/* Foreign packets move it, too: a flood of them must not keep a sequence open. */
		raise_watermark(r, arrival(r, &r->views[n - 1], now));
		ws_io_rx_release(r->c.io, (unsigned)n);
		r->received += (unsigned)n;
		atomic_store_explicit(&r->c.shared->received, r->received, memory_order_relaxed);
	} else {
		raise_watermark(r, now - r->hold_ns);
	}
	return n;
}

static void take_records(struct ws_receiver *r)
{
	const struct ws_tx_record *t;

	while ((t = ws_spsc_front(r->c.records))) {
		/* A record is never refused: the sender keeps to the window. */
		(void)ws_match_tx(r->match, t);
		ws_spsc_pop(r->c.records);
	}
}

enum ws_receiver_state ws_receiver_step(struct ws_receiver *r)
{
	struct ws_run_shared *shared = r->c.shared;
	/* Before the records are taken: what was told before is then in the queue. */
	bool sender_done = atomic_load_explicit(&shared->sender_done, memory_order_acquire) != 0;
	int n = take_packets(r);

	take_records(r);
	ws_match_advance(r->match, r->watermark_ns);
	atomic_store_explicit(&shared->base, ws_match_base(r->match), memory_order_release);
	if (sender_done) {
		uint64_t offered = atomic_load_explicit(&shared->offered, memory_order_relaxed);

		if (ws_match_base(r->match) == offered ||
			atomic_load(&shared->receiver_fault) == -ENODEV ||
			atomic_load(&shared->stop) >= 2) {
			return WS_RECEIVER_DONE;
		}
	}
	return n > 0 ? WS_RECEIVER_BUSY : WS_RECEIVER_IDLE;
}

void ws_receiver_wait(struct ws_receiver *r)
{
	int rc = ws_io_wait(r->c.io, ws_clock_now() + WAIT_NS);

	if (rc < 0) {
		atomic_store(&r->c.shared->receiver_fault, rc);
	}
}

void ws_receiver_finish(struct ws_receiver *r)
{
	struct ws_run_result *result = r->c.result;
	const struct ws_hist *h = &result->latency;
	struct ws_io_stats stats;
	uint64_t in_bins = 0;

	(void)ws_io_stop(r->c.io);
	/* An event like the interface's end is told once, and hides no packet that came before. */
	for (int events = 0; events < 3;) {
		int n = take_packets(r);

		if (n == 0) {
			break;
		}
		events += n < 0;
	}
	take_records(r);
	ws_match_finish(r->match);
	ws_io_stats(r->c.io, &stats);
	/* Counted anew: the ledger checks the histogram, it does not trust it. */
	for (size_t i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		in_bins += h->bins[i];
	}
	result->ledger = *ws_match_ledger(r->match);
	result->ledger.negative = h->negative;
	result->ledger.below_range = h->below_range;
	result->ledger.above_range = h->above_range;
	result->ledger.in_histogram = in_bins;
	result->ledger.offered_rx =
		stats.rx_offered == UINT64_MAX ? UINT64_MAX : stats.rx_offered - stats.rx_damaged;
	result->ledger.dropped_rx = stats.rx_dropped;
	result->rx_freezes = stats.rx_freezes;
}
