/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes back of a trial's frames, and what it means. */
#include "host/clock.h"
#include "run/deliver_own.h"

#define STUCK_REGISTERS 4
#define STUCK_AFTER	5

/* NULL: not of this batch. */
struct ws_deliver_frame *ws_deliver_frame_of(struct ws_deliver_run *r, uint64_t seq)
{
	uint64_t i = seq - r->first;

	return i < r->next - r->first ? &r->frames[i] : NULL;
}

static bool read_stamps(struct ws_deliver_run *r)
{
	struct ws_io_tx_stamp stamps[WS_DELIVER_BATCH];
	int n = r->tx_stages ? ws_io_tx_stamps(r->tx, stamps, WS_DELIVER_BATCH) : 0;
	int64_t now;

	if (n < 0) {
		r->fault = n;
		return false;
	}
	now = n ? ws_clock_now() : 0;
	for (int i = 0; i < n; i++) {
		struct ws_deliver_frame *f =
			stamps[i].status ? NULL : ws_deliver_frame_of(r, stamps[i].cookie);
		bool hardware = stamps[i].stamp.origin == WS_ORIGIN_HARDWARE;

		if (f && stamps[i].stage == WS_STAGE_WIRE && hardware) {
			f->tx_hw = stamps[i].stamp.time.ns;
			f->tx_hw_read_ns = now;
		} else if (f && stamps[i].stage == WS_STAGE_DRIVER && !hardware) {
			f->tx_sw = stamps[i].stamp.time.ns;
		}
	}
	return n > 0;
}

static void take_view(struct ws_deliver_run *r, const struct ws_io_view *v, int64_t now_ns)
{
	struct ws_probe probe;
	struct ws_deliver_frame *f;

	if (ws_probe_parse(v->data, v->len, r->s->run_id, r->s->udp_port, &probe) !=
			WS_PROBE_OURS ||
		probe.stream != r->s->stream ||
		(probe.payload == WS_PAYLOAD_ANSWER) != r->s->answers) {
		return;
	}
	f = ws_deliver_frame_of(r, probe.seq);
	if (probe.seq - r->s->first < WS_DELIVER_AHEAD) {
		r->ahead_rx_hardware += v->stamp.origin == WS_ORIGIN_HARDWARE;
	}
	if (!f || f->arrived) {
		return;
	}
	f->arrived = true;
	f->rx_read_ns = now_ns;
	r->order[r->arrived++] = (uint32_t)(probe.seq - r->first);
	f->rx_hw = v->stamp.origin == WS_ORIGIN_HARDWARE ? v->stamp.time.ns : WS_DELIVER_UNKNOWN;
	f->rx_sw = v->stamp.origin == WS_ORIGIN_SOFTWARE      ? v->stamp.time.ns
		   : v->software.origin == WS_ORIGIN_SOFTWARE ? v->software.time.ns
							      : WS_DELIVER_UNKNOWN;
	f->far_rx = probe.answer.rx.origin;
}

static bool read_packets(struct ws_deliver_run *r)
{
	struct ws_io_view views[WS_DELIVER_BATCH];
	int n = r->rx ? ws_io_rx_peek(r->rx, views, WS_DELIVER_BATCH) : 0;
	int64_t now;

	if (n < 0) {
		r->fault = n;
		return false;
	}
	now = n ? ws_clock_now() : 0;
	for (int i = 0; i < n; i++) {
		take_view(r, &views[i], now);
	}
	if (n > 0) {
		ws_io_rx_release(r->rx, (unsigned)n);
	}
	return n > 0;
}

bool ws_deliver_look(struct ws_deliver_run *r)
{
	bool stamps = read_stamps(r);

	return read_packets(r) || stamps;
}

static int judge_tx(struct ws_deliver_run *r, uint64_t count, struct ws_deliver_result *ret)
{
	size_t n = 0;
	int64_t found;

	for (uint64_t i = 0; i < count; i++) {
		const struct ws_deliver_frame *f = &r->frames[i];

		ret->tx_software += f->tx_sw != WS_DELIVER_UNKNOWN;
		if (f->tx_hw != WS_DELIVER_UNKNOWN) {
			r->seen[n++] = (struct ws_deliver_seen){
				.after_ns = f->call_ns,
				.before_ns = f->tx_hw_read_ns,
				.stamp_ns = f->tx_hw,
			};
		}
	}
	ret->tx_hardware = n;
	found = ws_deliver_misplaced(r->seen, n);
	if (found < 0) {
		return (int)found;
	}
	ret->tx_misplaced = (uint64_t)found;
	ret->tx_granularity_ns = ws_deliver_granularity(r->seen, n);
	return 0;
}

static int judge_rx(struct ws_deliver_run *r, struct ws_deliver_result *ret)
{
	size_t n = 0;
	int64_t found;

	for (uint64_t i = 0; i < r->arrived; i++) {
		const struct ws_deliver_frame *f = &r->frames[r->order[i]];

		ret->rx_software += f->rx_sw != WS_DELIVER_UNKNOWN;
		ret->far_rx_hardware += f->far_rx == WS_ORIGIN_HARDWARE;
		ret->far_rx_software += f->far_rx == WS_ORIGIN_SOFTWARE;
		if (f->rx_hw == WS_DELIVER_UNKNOWN) {
			continue;
		}
		ret->first_rx_hardware += n == i;
		r->seen[n++] = (struct ws_deliver_seen){
			.after_ns = f->call_ns,
			.before_ns = f->rx_read_ns,
			.stamp_ns = f->rx_hw,
		};
	}
	ret->received = r->arrived;
	ret->rx_hardware = n;
	found = ws_deliver_misplaced(r->seen, n);
	if (found < 0) {
		return (int)found;
	}
	ret->rx_misplaced = (uint64_t)found;
	ret->rx_granularity_ns = ws_deliver_granularity(r->seen, n);
	return 0;
}

static void record_latencies(
	struct ws_deliver_run *r, uint64_t count, struct ws_deliver_result *ret)
{
	struct ws_hist *second = r->s->second;

	ws_hist_init(&ret->latency);
	if (second) {
		ws_hist_init(second);
	}
	for (uint64_t i = 0; i < count; i++) {
		const struct ws_deliver_frame *f = &r->frames[i];

		if (f->tx_sw != WS_DELIVER_UNKNOWN && f->rx_sw != WS_DELIVER_UNKNOWN) {
			ws_hist_record(
				second && ws_deliver_second(r->first + i) ? second : &ret->latency,
				f->rx_sw - f->tx_sw);
		}
	}
}

int64_t ws_deliver_gap(struct ws_deliver_run *r, uint64_t count)
{
	size_t n = 0;

	for (uint64_t i = 1; i < count; i++) {
		if (r->frames[i].call_ns != WS_DELIVER_UNKNOWN &&
			r->frames[i - 1].call_ns != WS_DELIVER_UNKNOWN) {
			r->gaps[n++] = r->frames[i].call_ns - r->frames[i - 1].call_ns;
		}
	}
	return n ? ws_deliver_median(r->gaps, n) : 0;
}

int ws_deliver_judge(struct ws_deliver_run *r, uint64_t count, struct ws_deliver_result *ret)
{
	int rc = judge_tx(r, count, ret);

	record_latencies(r, count, ret);
	return rc < 0 ? rc : judge_rx(r, ret);
}

bool ws_deliver_stuck(const struct ws_deliver_result *r)
{
	uint64_t stamped = r->ahead_rx_hardware + r->rx_hardware;

	return stamped && stamped <= STUCK_REGISTERS && r->first_rx_hardware == r->rx_hardware &&
	       r->received >= r->rx_hardware + STUCK_AFTER;
}
