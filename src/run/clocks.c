/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/clocks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/phc.h"

/* Pairs wait for the middle of the samples that they are converted by. */
#define WAIT_S	  (WS_CLOCK_WATCH_SETTLE_NS * 2e-9)
#define MIN_PAIRS 4096
#define MAX_PAIRS (1u << 20)

static void pass_on(void *arg, const struct ws_clock_pair *pair, const struct ws_clock_latency *l)
{
	const struct ws_pair_sink *sink = arg;

	sink->done(sink->arg, pair, l);
}

static int phc_of(const struct ws_latency_setup *setup, enum ws_end end)
{
	const struct ws_latency_end *e = &setup->end[end];

	return e->origin == WS_ORIGIN_HARDWARE ? (int)e->hw_clock - WS_CLOCK_PHC : -1;
}

static uint32_t pairs_for(const struct ws_latency_setup *setup)
{
	double wanted = ws_plan_is_max(&setup->plan)
				? MAX_PAIRS
				: ws_ratio_double(setup->plan.pps) * WAIT_S * 1.5;

	return wanted > MAX_PAIRS ? MAX_PAIRS : wanted < MIN_PAIRS ? MIN_PAIRS : (uint32_t)wanted;
}

int ws_run_clocks_open(struct ws_clock_watch **ret, const struct ws_latency_setup *setup,
	struct ws_pair_sink *sink)
{
	struct ws_clock_watch_config config = {
		.phc = {phc_of(setup, WS_END_TX), phc_of(setup, WS_END_RX)},
		.read_alike = setup->read_alike,
		.pairs = pairs_for(setup),
		.settle_ns = WS_CLOCK_WATCH_SETTLE_NS,
		.done = pass_on,
		.arg = sink,
	};
	bool one, sender_alone = setup->mode == WS_LATENCY_SEND;
	int end, r;

	*ret = NULL;
	if (sender_alone) {
		config.phc[WS_END_RX] = config.phc[WS_END_TX];
	}
	one = config.phc[WS_END_TX] == config.phc[WS_END_RX];
	r = ws_clock_watch_new(ret, &config, &end);
	if (r == 0) {
		r = ws_clock_watch_prepare(*ret);
	}
	if (r < 0) {
		ws_clock_watch_free(*ret);
		*ret = NULL;
	}
	return one && r != -EINTR ? 0 : r;
}

int64_t ws_run_clocks_error(const struct ws_clock_watch *watch)
{
	struct ws_clock_watch_counts counts;

	if (!watch) {
		return -1;
	}
	ws_clock_watch_counts(watch, &counts);
	return counts.pairs > counts.unknown ? counts.likely_ns : -1;
}

static void tell_clock(const struct ws_clock_watch *watch, enum ws_clock_watch_end end,
	enum ws_clock clock, struct ws_clock_compared *ret)
{
	const struct ws_phc_info *info = ws_clock_watch_info(watch, end);
	struct ws_clockfit_state state;

	if (!info || !ws_clock_watch_state(watch, end, &state)) {
		return;
	}
	*ret = (struct ws_clock_compared){
		.clock = clock,
		.method = ws_phc_method_name(info->method),
		.samples = state.samples,
		.jumps = (unsigned)state.jumps,
		.window_ns = state.window_ns,
		.rate_ppb = state.rate_ppb,
		.scatter_ns = state.scatter_ns,
	};
	memcpy(ret->name, info->name, sizeof(ret->name));
}

/* The receiving clock against the transmitting one, at the last sample. */
static void tell_offset(const struct ws_clock_watch *watch, struct ws_hardware_facts *h)
{
	struct ws_clockfit_state tx, rx;
	struct ws_clockfit_error error;
	int64_t tx_ns, rx_ns;

	if (h->one_clock || !ws_clock_watch_state(watch, WS_CLOCK_WATCH_TX, &tx) ||
		!ws_clock_watch_state(watch, WS_CLOCK_WATCH_RX, &rx)) {
		return;
	}
	tx_ns = tx.to_ns + tx.offset_ns;
	if (ws_clock_watch_between(watch, tx_ns, &rx_ns, &error)) {
		h->offset_known = true;
		h->offset_ns = rx_ns - tx_ns;
		h->rate_ppb = rx.rate_ppb - tx.rate_ppb;
	}
}

static void tell_events(const struct ws_clock_watch *watch, const struct ws_latency_setup *setup,
	struct ws_warnings *warnings)
{
	size_t count;
	const struct ws_clock_watch_event *events = ws_clock_watch_events(watch, &count);

	for (size_t i = 0; i < count; i++) {
		ws_warn(warnings, "%s: %s (packets about then have no latency)", setup->label,
			events[i].text);
	}
}

void ws_run_clocks_tell(const struct ws_clock_watch *watch, const struct ws_latency_setup *setup,
	int64_t step_ns, struct ws_run_result *result, struct ws_warnings *warnings)
{
	struct ws_hardware_facts *h = result->hardware;
	struct ws_clock_watch_counts counts;

	h->in_flight = setup->in_flight;
	h->sample_gap_ns = setup->sample_gap_ns;
	h->limit_ns = -1;
	h->one_clock = result->tx_clock == result->rx_clock;
	if (setup->sample_why) {
		(void)snprintf(h->why, sizeof(h->why), "%s", setup->sample_why);
	}
	if (!watch) {
		return;
	}
	tell_clock(watch, WS_CLOCK_WATCH_TX, result->tx_clock, &h->clock[WS_END_TX]);
	tell_clock(watch, WS_CLOCK_WATCH_RX, result->rx_clock, &h->clock[WS_END_RX]);
	tell_offset(watch, h);
	tell_events(watch, setup, warnings);
	ws_clock_watch_counts(watch, &counts);
	if (counts.pairs > counts.unknown && counts.limit_ns != INT64_MAX) {
		h->limit_ns = counts.limit_ns + step_ns;
	}
}
