/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/latency_own.h"
#include "host/phc.h"

#define TRIAL_STREAM 0xffff /* no rate's */

/* Whether the option says that nothing else will do. */
static bool demanded(const struct ws_latency_command *s)
{
	return s->o.load.stamp == WS_ORIGIN_HARDWARE;
}

/* Which carrier to use of those that all ends claim to stamp; WS_CARRIER_COUNT: none that may be used. */
static enum ws_carrier pick_carrier(const struct ws_latency_command *s, unsigned claimed)
{
	const enum ws_carrier order[] = {
		ws_latency_plain_carrier(s), WS_CARRIER_L2, WS_CARRIER_PTP_L2, WS_CARRIER_PTP_UDP};

	if (!s->o.carrier_auto) {
		return claimed & 1u << s->o.carrier ? s->o.carrier : WS_CARRIER_COUNT;
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		/* A routed socket sends UDP alone. */
		if (claimed & 1u << order[i] && (!s->udp || order[i] == WS_CARRIER_UDP)) {
			return order[i];
		}
	}
	return WS_CARRIER_COUNT;
}

/* Not with hardware: an error if that was demanded, else a warning. what: a sentence but for its end. */
static int without(struct ws_latency_command *s, const char *what)
{
	char why[320];

	if (demanded(s)) {
		ws_error("--stamp hardware: %s", what);
		return -1;
	}
	ws_warn(&s->report.warnings, "%s: software stamps are used", what);
	if (ws_hardware_close(&s->hardware, why, sizeof(why)) < 0) {
		ws_warn(&s->report.warnings, "%s (wirestamp probe --repair tries again)", why);
	}
	s->hardware_used = false;
	return 0;
}

int ws_latency_hardware_choose(struct ws_latency_command *s)
{
	bool rx = !s->o.one_way;
	enum ws_carrier carrier;
	unsigned claimed;
	char why[400];
	int r;

	if (s->o.load.stamp != WS_ORIGIN_NONE && !demanded(s)) {
		return 0;
	}
	if (s->o.peer && !s->o.one_way && !demanded(s)) {
		/* auto is the best that both ends deliver, and what the far side takes by itself is the kernel's. */
		return 0;
	}
	if (!s->has_end[WS_END_TX]) {
		if (demanded(s)) {
			ws_error("--stamp hardware: needs the interface (add --tx IFACE)");
			return -1;
		}
		return 0;
	}
	ws_hardware_init(&s->hardware, &s->end[WS_END_TX], rx ? &s->end[WS_END_RX] : NULL);
	claimed = ws_hardware_carriers(&s->hardware);
	carrier = pick_carrier(s, claimed);
	if (carrier == WS_CARRIER_COUNT) {
		if (!demanded(s)) {
			return 0;
		}
		carrier = s->o.carrier_auto ? ws_latency_plain_carrier(s) : s->o.carrier;
		(void)ws_hardware_refusal(&s->hardware, carrier, why, sizeof(why));
		return without(s, why);
	}
	r = ws_hardware_open(&s->hardware, carrier, why, sizeof(why));
	if (r < 0) {
		return without(s, why);
	}
	s->hardware_used = true;
	ws_hardware_remarks(&s->hardware, &s->report.warnings);
	if (s->o.carrier_auto && carrier != WS_CARRIER_UDP) {
		ws_latency_options_carrier(&s->o, carrier);
	}
	for (int i = 0; i < WS_ENDS; i++) {
		s->setup.end[i].origin = WS_ORIGIN_HARDWARE;
		const struct ws_hardware_end *end = &s->hardware.end[i];

		s->setup.end[i].hw_clock = ws_hardware_clock(&s->hardware, i);
		s->setup.end[i].hw_config = (struct ws_ts_config){
			.known = end->nic && end->granted.tx_type >= 0,
			.tx_type = end->granted.tx_type,
			.rx_filter = end->granted.rx_filter,
		};
	}
	return 0;
}

static bool one_flow(const struct ws_traffic_spec *t)
{
	for (int i = 0; i < WS_FIELD_COUNT; i++) {
		if (t->vary[i].kind != WS_VARY_NONE) {
			return false;
		}
	}
	return t->flows <= 1;
}

/* The clocks of both ends: whether they can be read is known before anything is measured. Where they are one, stamps can be
 * compared without. */
static int look_at_clocks(struct ws_latency_command *s)
{
	bool one = ws_hardware_clock(&s->hardware, WS_END_TX) ==
		   ws_hardware_clock(&s->hardware, WS_END_RX);
	bool alone = ws_hardware_clock(&s->hardware, WS_END_RX) == WS_CLOCK_NONE;

	for (int i = 0; i < (one || alone ? 1 : WS_ENDS); i++) {
		int index = (int)ws_hardware_clock(&s->hardware, i) - WS_CLOCK_PHC;
		struct ws_phc *phc = NULL;
		int r = ws_phc_open(&phc, index);
		char what[200];

		ws_phc_close(phc);
		if (r == 0) {
			continue;
		}
		(void)snprintf(what, sizeof(what), "/dev/ptp%d: cannot be read: %s%s", index,
			strerror(-r),
			r == -EACCES ? " (run as root, or have udev give it to you)" : "");
		if (!one && !alone) {
			return without(s, what);
		}
		ws_warn(&s->report.warnings,
			"%s: nothing is known of its relation to the system's clock", what);
	}
	return 0;
}

int ws_latency_hardware_try(struct ws_latency_command *s)
{
	struct ws_traffic_spec spec = s->o.load.traffic;
	struct ws_hardware *h = &s->hardware;
	struct ws_load_frames frames = {0};
	struct ws_hardware_trial trial;
	char why[400];
	int r;

	if (!s->hardware_used) {
		return 0;
	}
	spec.stream = TRIAL_STREAM;
	if (ws_load_traffic_make(&frames, &spec)) {
		return -1;
	}
	trial = (struct ws_hardware_trial){
		.source = &frames.source,
		.run_id = spec.run_id,
		.stream = TRIAL_STREAM,
		.udp_port = s->setup.port,
		.answers = s->setup.mode == WS_LATENCY_TWO_WAY,
		.stop = s->setup.stop,
	};
	r = ws_hardware_try(h, &trial, why, sizeof(why));
	ws_load_frames_free(&frames);
	r = r < 0 ? without(s, why) : look_at_clocks(s);
	if (r < 0) {
		return r;
	}
	if (!s->hardware_used) {
		r = ws_latency_choose_stamp(s, WS_END_TX);
		return r < 0 ? r : ws_latency_choose_stamp(s, WS_END_RX);
	}
	s->setup.in_flight = h->in_flight;
	s->setup.sample_gap_ns = h->sample_gap_ns;
	s->setup.sample_why = h->in_flight ? h->why_sampled : NULL;
	s->setup.coarse = h->coarse;
	s->setup.ordered = one_flow(&s->o.load.traffic);
	for (int i = 0; i < WS_ENDS; i++) {
		s->setup.end[i].hw_step_ns = h->step_ns[i];
		s->report.packets.wire_clock[i] = ws_hardware_clock(h, i);
	}
	return 0;
}

void ws_latency_hardware_free(struct ws_latency_command *s)
{
	char why[320];

	if (ws_hardware_close(&s->hardware, why, sizeof(why)) < 0) {
		ws_error("%s (wirestamp probe --repair tries again)", why);
	}
}
