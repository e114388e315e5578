/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/receiver.h"

#include <errno.h>
#include <stdlib.h>

#include "core/frame.h"
#include "host/clock.h"
#include "host/sys.h"
#include "run/outcomes.h"

#define BATCH 256
/* Packets of several CPUs may come a little out of order. */
#define DISORDER_NS 1000000
#define WAIT_NS	    10000000
#define RECORDS_NS  200000

struct ws_receiver {
	struct ws_receiver_config c;
	struct ws_match *match;
	int64_t hold_ns; /* a packet shows at the latest this long after it arrived */
	int64_t watermark_ns;
	uint64_t received;
	uint64_t offered;
	bool collecting, stopped;
	uint64_t collects; /* answers that are not in the matcher's accounts */
	struct ws_io_view views[BATCH];
	struct ws_outcomes *outcomes; /* what is made of them */
};

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

int ws_receiver_new(struct ws_receiver **ret, const struct ws_receiver_config *config)
{
	struct ws_receiver *r = calloc(1, sizeof(*r));
	struct ws_match_config match = {
		.window_ns = config->window_ns,
		.capacity = config->capacity,
		.history = (uint64_t)config->capacity < 1u << 23 ? 1u << 23 : config->capacity,
		.sink = ws_outcomes_take,
		.copy = ws_outcomes_copy,
	};
	int rc;

	if (!r) {
		return -ENOMEM;
	}
	r->c = *config;
	r->hold_ns = config->io ? ws_io_caps(config->io)->rx_hold_ns : 0;
	r->watermark_ns = INT64_MIN;
	rc = ws_outcomes_new(&r->outcomes, config);
	match.arg = r->outcomes;
	rc = rc < 0 ? rc : ws_match_new(&r->match, &match);
	if (rc < 0) {
		ws_receiver_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void ws_receiver_free(struct ws_receiver *r)
{
	if (r) {
		ws_match_free(r->match);
		ws_outcomes_free(r->outcomes);
		free(r);
	}
}

/* When the packet arrived, on CLOCK_MONOTONIC. */
static int64_t arrival(const struct ws_receiver *r, const struct ws_io_view *v, int64_t now)
{
	int64_t at = on_monotonic(r,
		v->software.origin == WS_ORIGIN_SOFTWARE ? v->software.time : v->stamp.time, now);

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
	if (probe.stream != r->c.stream ||
		(probe.payload == WS_PAYLOAD_ANSWER) != (r->c.two_way != NULL) ||
		probe.payload == WS_PAYLOAD_REQUEST || probe.payload == WS_PAYLOAD_COLLECT) {
		ws_match_foreign(r->match);
		return;
	}
	if (r->c.two_way) {
		if (r->collecting && probe.seq >= r->offered) {
			ws_outcomes_collected(r->outcomes, &probe);
			r->collects++;
			return;
		}
		ws_outcomes_answer(r->outcomes, &probe);
	}
	record = (struct ws_rx_record){
		.seq = probe.seq,
		.app_ns = now,
		.wire_ns = INT64_MIN,
		.kernel_ns = INT64_MIN,
	};
	if (v->stamp.origin == WS_ORIGIN_SOFTWARE) {
		record.kernel_ns = v->stamp.time.ns;
	} else if (v->stamp.origin == WS_ORIGIN_HARDWARE) {
		record.wire_ns = v->stamp.time.ns;
		if (v->software.origin == WS_ORIGIN_SOFTWARE) {
			record.kernel_ns = v->software.time.ns;
		}
	}
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
	int64_t now = ws_clock_now(), seen;
	int n;

	if (!r->c.io) {
		return 0;
	}
	n = ws_io_rx_peek(r->c.io, r->views, BATCH);
	if (n < 0) {
		atomic_store(&r->c.shared->receiver_fault, n);
		return n;
	}
	/* After the peek: every packet in it was offered before it could be received. */
	r->collecting = atomic_load_explicit(&r->c.shared->collecting, memory_order_acquire) != 0;
	r->offered = atomic_load_explicit(&r->c.shared->offered, memory_order_acquire);
	ws_match_offered(r->match, r->offered);
	/* Some came between the two looks at the clock: the program did not see them before the kernel. */
	seen = n > 0 && r->c.kernel_stamps ? ws_clock_now() : now;
	for (int i = 0; i < n; i++) {
		take_view(r, &r->views[i], r->c.kernel_stamps ? seen : ws_clock_now());
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

void ws_receiver_start(struct ws_receiver *r, int64_t start_ns)
{
	r->c.start_ns = start_ns;
	ws_outcomes_start(r->outcomes, start_ns);
}

enum ws_receiver_state ws_receiver_step(struct ws_receiver *r)
{
	struct ws_run_shared *shared = r->c.shared;
	/* Before the records are taken: what was told before is then in the queue. */
	bool sender_done = atomic_load_explicit(&shared->sender_done, memory_order_acquire) != 0;
	int n = take_packets(r);

	take_records(r);
	if (r->c.hardware && r->c.hardware->watch) {
		ws_clock_watch_step(r->c.hardware->watch);
	}
	/* Of a sender alone every packet is closed as soon as its record is here. */
	ws_match_advance(r->match, r->c.io ? r->watermark_ns : INT64_MAX);
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
	int rc = r->c.io ? ws_io_wait(r->c.io, ws_clock_now() + WAIT_NS)
			 : ws_sys_sleep_until(ws_clock_now() + RECORDS_NS);

	if (rc < 0 && r->c.io) {
		atomic_store(&r->c.shared->receiver_fault, rc);
	}
}

void ws_receiver_stop(struct ws_receiver *r)
{
	if (r->stopped) {
		return;
	}
	r->stopped = true;
	if (r->c.io) {
		(void)ws_io_stop(r->c.io);
	}
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
}

void ws_receiver_finish(struct ws_receiver *r)
{
	struct ws_run_result *result = r->c.result;
	const struct ws_hist *h = &result->latency;
	struct ws_io_stats stats = {.rx_offered = UINT64_MAX, .rx_dropped = UINT64_MAX};
	uint64_t in_bins = 0;

	ws_receiver_stop(r);
	ws_outcomes_finish(r->outcomes);
	if (r->c.io) {
		ws_io_stats(r->c.io, &stats);
	}
	/* Counted anew: the ledger checks the histogram, it does not trust it. */
	for (size_t i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		in_bins += h->bins[i];
	}
	result->ledger = *ws_match_ledger(r->match);
	ws_outcomes_correct(r->outcomes, &result->ledger);
	result->ledger.negative = h->negative;
	result->ledger.below_range = h->below_range;
	result->ledger.above_range = h->above_range;
	result->ledger.in_histogram = in_bins;
	result->ledger.offered_rx = stats.rx_offered == UINT64_MAX
					    ? UINT64_MAX
					    : stats.rx_offered - stats.rx_damaged - r->collects;
	result->ledger.dropped_rx = stats.rx_dropped;
	result->rx_freezes = stats.rx_freezes;
}
