/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/limit.h"

#include <stdbool.h>

/* IEEE 802.3: preamble with start delimiter 8, gap 12, FCS 4; the smallest frame with FCS is 64. */
#define L1_OVERHEAD 24
#define L1_SMALLEST 84

static const char *const cause_names[WS_LIMIT_COUNT] = {
	[WS_LIMIT_NONE] = "none",
	[WS_LIMIT_LINK] = "link",
	[WS_LIMIT_BACKPRESSURE] = "backpressure",
	[WS_LIMIT_CPU] = "cpu",
	[WS_LIMIT_RATE_CONTROL] = "rate-control",
	[WS_LIMIT_UNKNOWN] = "unknown",
};

const char *ws_limit_name(enum ws_limit_cause cause)
{
	if ((unsigned int)cause >= WS_LIMIT_COUNT) {
		return "unknown";
	}
	return cause_names[cause];
}

double ws_limit_l1_bits(uint32_t len)
{
	double bytes = (double)len + L1_OVERHEAD;

	return 8 * (bytes < L1_SMALLEST ? L1_SMALLEST : bytes);
}

double ws_limit_link_pps(uint64_t link_bps, double l1_bits)
{
	return l1_bits > 0 ? (double)link_bps / l1_bits : 0;
}

/* Products instead of quotients keep the exact boundary exact. */
static bool reached(const struct ws_limit_evidence *e)
{
	return e->elapsed_ns > 0 &&
	       (double)e->accepted * 1e9 * 1000 >= e->requested_pps * (double)e->elapsed_ns * 999;
}

static bool link_limits(const struct ws_limit_evidence *e)
{
	double link = (double)e->link_bps;

	if (e->link_bps == 0) {
		return false;
	}
	if (e->requested_pps > 0) {
		/* A request for exactly the link's rate must not exceed it by a rounding. */
		return e->requested_pps * e->l1_bits > link * (1 + 1e-9);
	}
	return e->elapsed_ns > 0 &&
	       (double)e->accepted * e->l1_bits * 1e9 * 100 >= link * (double)e->elapsed_ns * 98;
}

/* Others had the CPU for a fifth of the time or more. */
static bool starved(const struct ws_limit_evidence *e)
{
	double all = (double)e->elapsed_ns * (e->workers ? e->workers : 1);

	return e->cpu_ns > 0 && (double)e->cpu_ns < all * 0.8;
}

/* What the packets cost is more than the CPUs have, at the rate that was asked for. */
static bool beyond_cpu(const struct ws_limit_evidence *e)
{
	int64_t work = e->send_ns + e->stamp_ns;
	double had = 1e9 * (e->workers ? e->workers : 1);

	/* Calls may have been interrupted; and the CPU time may be that of busy waiting. */
	work = work < e->cpu_ns ? work : e->cpu_ns;
	return (double)work * e->requested_pps > (double)e->accepted * had;
}

enum ws_limit_cause ws_limit_find(const struct ws_limit_evidence *e)
{
	bool flat_out = !(e->requested_pps > 0);
	uint64_t held = e->refused + e->again + e->qdisc_drops + e->qdisc_holds + e->bound_waits;
	uint64_t percent = e->accepted / 100 + (e->accepted % 100 != 0);

	if (!flat_out && reached(e)) {
		return WS_LIMIT_NONE;
	}
	if (link_limits(e)) {
		return WS_LIMIT_LINK;
	}
	if (held > e->accepted / 1000) {
		return WS_LIMIT_BACKPRESSURE;
	}
	if ((e->pacer_waits < percent && (flat_out || !starved(e))) ||
		(!flat_out && beyond_cpu(e))) {
		return WS_LIMIT_CPU;
	}
	if (!flat_out && e->late > 0) {
		return WS_LIMIT_RATE_CONTROL;
	}
	return WS_LIMIT_UNKNOWN;
}
