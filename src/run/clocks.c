/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/clocks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/clock.h"
#include "host/sys.h"

/* Pairs wait for samples after them: so many seconds of them are held, and more than that waits. */
#define HELD_S	  0.6
#define MIN_PAIRS 4096
#define MAX_PAIRS (1u << 20)
#define AFTER_NS  400000000

static int phc_of(const struct ws_latency_setup *setup, enum ws_end end)
{
	const struct ws_latency_end *e = &setup->end[end];

	return e->origin == WS_ORIGIN_HARDWARE ? (int)e->hw_clock - WS_CLOCK_PHC : -1;
}

static unsigned pairs_for(const struct ws_latency_setup *setup)
{
	double wanted = ws_plan_is_max(&setup->plan) ? MAX_PAIRS
						     : ws_ratio_double(setup->plan.pps) * HELD_S;

	return wanted > MAX_PAIRS ? MAX_PAIRS : wanted < MIN_PAIRS ? MIN_PAIRS : (unsigned)wanted;
}

int ws_run_clocks_open(struct ws_clock_watch **ret, const struct ws_latency_setup *setup)
{
	struct ws_clock_watch_config config = {
		.index = {phc_of(setup, WS_END_TX), phc_of(setup, WS_END_RX)},
		.pairs = pairs_for(setup),
	};
	int index, r;
	bool one;

	*ret = NULL;
	if (setup->mode == WS_LATENCY_SEND) {
		config.index[WS_END_RX] = config.index[WS_END_TX];
	}
	one = config.index[WS_END_TX] == config.index[WS_END_RX];
	r = ws_clock_watch_new(ret, &config, &index);
	r = r < 0 ? r : ws_clock_watch_begin(*ret, setup->stop);
	if (r < 0) {
		ws_clock_watch_free(*ret);
		*ret = NULL;
	}
	return one ? 0 : r;
}

void ws_run_clocks_finish(struct ws_clock_watch *watch)
{
	int64_t now = ws_clock_now(), end = now + AFTER_NS;

	while (now < end) {
		int64_t next = ws_clock_watch_sample(watch);

		(void)ws_sys_sleep_until(next < end ? next : end);
		now = ws_clock_now();
	}
	(void)ws_clock_watch_sample(watch);
}

int64_t ws_run_clocks_error(const struct ws_clock_watch *watch)
{
	struct ws_clock_watch_result w;

	if (!watch) {
		return -1;
	}
	ws_clock_watch_result(watch, &w);
	return w.error_ns;
}

static void tell_clock(const struct ws_clock_watched *w, struct ws_clock_compared *ret)
{
	if (w->clock == WS_CLOCK_NONE) {
		return;
	}
	*ret = (struct ws_clock_compared){
		.clock = w->clock,
		.method = ws_phc_method_name(w->method),
		.samples = w->samples,
		.jumps = w->jumps,
		.jump_ns = w->jump_ns,
		.window_ns = w->window_ns,
		.rate_ppb = w->rate_ppb,
		.scatter_ns = w->scatter_ns,
	};
	memcpy(ret->name, w->name, sizeof(ret->name));
}

static void tell_events(const struct ws_clock_watch *watch, const struct ws_latency_setup *setup,
	struct ws_warnings *warnings)
{
	size_t count;
	const struct ws_clock_watch_event *events = ws_clock_watch_events(watch, &count);
	const char *then = setup->mode == WS_LATENCY_SEND ? "departures about then may be off"
			   : setup->mode == WS_LATENCY_TWO_WAY
				   ? "round trips about then may be off"
				   : "packets about then have no latency";

	for (size_t i = 0; i < count; i++) {
		ws_warn(warnings, "%s: %s (%s)", setup->label, events[i].text, then);
	}
}

void ws_run_clocks_tell(const struct ws_clock_watch *watch, const struct ws_latency_setup *setup,
	int64_t step_ns, struct ws_run_result *result, struct ws_warnings *warnings)
{
	struct ws_hardware_facts *h = result->hardware;
	struct ws_clock_watch_result w;

	h->in_flight = setup->in_flight;
	h->sample_gap_ns = setup->sample_gap_ns;
	h->limit_ns = -1;
	h->config[WS_END_TX] = setup->end[WS_END_TX].hw_config;
	h->config[WS_END_RX] = setup->end[WS_END_RX].hw_config;
	/* Of a sender alone there is but one. */
	h->one_clock = setup->mode == WS_LATENCY_SEND || result->tx_clock == result->rx_clock;
	if (setup->sample_why) {
		(void)snprintf(h->why, sizeof(h->why), "%s", setup->sample_why);
	}
	if (!watch) {
		return;
	}
	ws_clock_watch_result(watch, &w);
	tell_clock(&w.end[WS_CLOCK_WATCH_TX], &h->clock[WS_END_TX]);
	if (setup->mode != WS_LATENCY_SEND) {
		tell_clock(&w.end[WS_CLOCK_WATCH_RX], &h->clock[WS_END_RX]);
	}
	tell_events(watch, setup, warnings);
	h->samples_failed = w.failed;
	h->samples_dropped = w.overflowed;
	h->early = w.early;
	h->offset_known = !h->one_clock && w.error_ns >= 0;
	h->offset_ns = w.offset_ns;
	h->rate_ppb = w.rate_ppb;
	h->limit_ns = w.limit_ns < 0 ? -1 : w.limit_ns + step_ns;
}
