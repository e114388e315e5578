/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/hardware.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tsverdict.h"
#include "host/journal.h"
#include "host/netns.h"
#include "host/tsinfo.h"

#define ALL_CARRIERS  ((1u << WS_CARRIER_COUNT) - 1)
#define PTP_CARRIERS  (1u << WS_CARRIER_PTP_L2 | 1u << WS_CARRIER_PTP_UDP)
#define BURST	      16
#define SINGLE	      10
#define SINGLE_GAP_NS 5000000
#define WAIT_NS	      200000000
/* Two of the shortest frames at 10 Gbit/s are 67 ns apart. */
#define COARSE_NS 64
/* What the differences of fewer stamps have in common may be chance, or the frames' own distance. */
#define STEP_STAMPS 5

__attribute__((format(printf, 4, 5))) static int fail(
	int err, char *why, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	return err;
}

static void look(struct ws_hardware_end *end, const struct ws_end_nic *nic)
{
	int saved;

	end->nic = nic;
	if (!nic) {
		return;
	}
	saved = ws_netns_enter(nic->netns);
	if (saved < 0) {
		end->caps.error = saved;
		return;
	}
	(void)ws_tsinfo_get(nic->nic.name, &end->caps);
	ws_netns_leave(saved);
}

void ws_hardware_init(
	struct ws_hardware *h, const struct ws_end_nic *tx, const struct ws_end_nic *rx)
{
	*h = (struct ws_hardware){.one_interface = tx && rx && ws_end_nic_same(tx, rx)};
	look(&h->end[WS_HARDWARE_TX], tx);
	look(&h->end[WS_HARDWARE_RX], rx);
}

unsigned ws_hardware_carriers(const struct ws_hardware *h)
{
	const struct ws_hardware_end *tx = &h->end[WS_HARDWARE_TX], *rx = &h->end[WS_HARDWARE_RX];
	unsigned carriers = ALL_CARRIERS;

	carriers &= tx->nic ? ws_ts_carriers_tx(&tx->caps) : ALL_CARRIERS;
	carriers &= rx->nic ? ws_ts_carriers_rx(&rx->caps) : ALL_CARRIERS;
	return carriers;
}

bool ws_hardware_refusal(
	const struct ws_hardware *h, enum ws_carrier carrier, char *why, size_t size)
{
	for (int i = 0; i < WS_HARDWARE_ENDS; i++) {
		const struct ws_hardware_end *end = &h->end[i];
		char clause[256];

		if (end->nic && !ws_ts_hardware_claimed(&end->caps, i == WS_HARDWARE_TX, carrier,
					clause, sizeof(clause))) {
			snprintf(why, size, "%s: %s", end->nic->text, clause);
			return true;
		}
	}
	return false;
}

static int open_end(
	struct ws_hardware_end *end, const struct ws_hwtstamp_want *want, char *why, size_t size)
{
	char clause[256] = "";
	int saved = ws_netns_enter(end->nic->netns), r;

	if (saved < 0) {
		return fail(saved, why, size, "%s: its network namespace cannot be entered: %s",
			end->nic->text, strerror(-saved));
	}
	r = ws_hwtstamp_open(
		&end->held, end->nic->nic.name, want, &end->granted, clause, sizeof(clause));
	ws_netns_leave(saved);
	return r < 0 ? fail(r, why, size, "%s: %s", end->nic->text, clause) : 0;
}

int ws_hardware_open(struct ws_hardware *h, enum ws_carrier carrier, char *why, size_t size)
{
	struct ws_hardware_end *tx = &h->end[WS_HARDWARE_TX], *rx = &h->end[WS_HARDWARE_RX];
	const enum ws_hw_rx filter = 1u << carrier & PTP_CARRIERS ? WS_HW_RX_PTP : WS_HW_RX_ALL;
	struct ws_hwtstamp_want want = {.tx = true};
	char undone[64];
	int r = 0;

	if (tx->nic) {
		want.rx = h->one_interface ? filter : WS_HW_RX_KEEP;
		r = open_end(tx, &want, why, size);
	}
	if (!r && rx->nic && h->one_interface) {
		rx->granted = tx->granted;
	} else if (!r && rx->nic) {
		want = (struct ws_hwtstamp_want){.rx = filter};
		r = open_end(rx, &want, why, size);
	}
	if (r < 0) {
		(void)ws_hardware_close(h, undone, sizeof(undone));
	}
	return r;
}

int ws_hardware_close(struct ws_hardware *h, char *why, size_t size)
{
	int first = 0;

	for (int i = 0; i < WS_HARDWARE_ENDS; i++) {
		struct ws_hardware_end *end = &h->end[i];
		int r = ws_hwtstamp_close(end->held);

		if (r < 0 && !first) {
			first = fail(r, why, size,
				"%s: its stamping configuration could not be put back: %s",
				end->nic->text, strerror(-r));
		}
		end->held = NULL;
		end->granted = (struct ws_hwtstamp_granted){0};
	}
	return first;
}

void ws_hardware_remark(
	const char *name, const struct ws_hwtstamp_granted *granted, struct ws_warnings *warnings)
{
	if (granted->widened) {
		const char *filter = ws_ts_rx_filter_name((unsigned)granted->rx_filter);

		ws_warn(warnings,
			"%s: its driver stamps more received packets than it was asked to (%s)",
			name, filter ? filter : "by a filter newer than this program");
	}
	if (granted->changed && granted->journal < 0) {
		ws_warn(warnings,
			"%s: that its stamping was changed is noted nowhere (%s: %s): if this program and the "
			"process that puts it back are both killed, it stays changed",
			name, ws_journal_directory(), strerror(-granted->journal));
	}
}

void ws_hardware_remarks(const struct ws_hardware *h, struct ws_warnings *warnings)
{
	for (int i = 0; i < WS_HARDWARE_ENDS; i++) {
		const struct ws_hardware_end *end = &h->end[i];

		if (end->held) {
			ws_hardware_remark(end->nic->text, &end->granted, warnings);
		}
	}
}

enum ws_clock ws_hardware_clock(const struct ws_hardware *h, int end)
{
	return h->end[end].nic ? h->end[end].granted.clock : WS_CLOCK_NONE;
}

static struct ws_deliver_end deliver_end(const struct ws_hardware *h, int end)
{
	const struct ws_end_nic *nic = h->end[end].nic;

	return (struct ws_deliver_end){
		.netns = nic ? nic->netns : -1,
		.ifindex = nic ? nic->nic.ifindex : 0,
		.hw_clock = ws_hardware_clock(h, end),
		.software = true,
	};
}

/* What a person reads when the stamps do not come. */
static int judge(const struct ws_hardware *h, bool answers, const struct ws_deliver_result *r,
	char *why, size_t size)
{
	const struct ws_end_nic *tx = h->end[WS_HARDWARE_TX].nic, *rx = h->end[WS_HARDWARE_RX].nic;

	if (!r->sent) {
		return fail(-ENODATA, why, size,
			"%s: none of the %d frames of a trial could be sent", tx->text, SINGLE);
	}
	if (tx && !r->tx_hardware) {
		return fail(-ENODATA, why, size,
			"%s: claims hardware stamps on transmit, but delivered none for %llu frames (use "
			"--stamp software; wirestamp probe --deliver shows more)",
			tx->text, (unsigned long long)r->sent);
	}
	if (!rx) {
		return 0;
	}
	if (!r->received && h->one_interface) {
		return fail(-ENODATA, why, size,
			"%s: no answer came to the %llu frames of a trial, so that it is not known whether "
			"its hardware stamps them (does wirestamp reflect run at the other end?)",
			rx->text, (unsigned long long)r->sent);
	}
	if (!r->received) {
		return fail(-ENODATA, why, size,
			"%s: none of the %llu frames of a trial arrived, so that it is not known whether its "
			"hardware stamps them (are the two connected?)",
			rx->text, (unsigned long long)r->sent);
	}
	if (ws_deliver_stuck(r)) {
		uint64_t stamped = r->ahead_rx_hardware + r->rx_hardware;

		return fail(-ENODATA, why, size,
			"%s: stuck latch: its hardware stamped %llu received frame%s and then none of %llu "
			"(use --stamp software, or load its driver anew)",
			rx->text, (unsigned long long)stamped, stamped == 1 ? "" : "s",
			(unsigned long long)(r->received - r->rx_hardware));
	}
	if (!r->rx_hardware) {
		return fail(-ENODATA, why, size,
			"%s: claims hardware stamps on receive, but delivered none for %llu frames: it has "
			"none, or its latch is stuck since before (use --stamp software, or load its driver "
			"anew; wirestamp probe --deliver shows more)",
			rx->text, (unsigned long long)r->received);
	}
	if (answers && !r->far_rx_hardware) {
		return fail(-ENODATA, why, size,
			"%s: the far side's answers have no hardware stamps (start wirestamp reflect there "
			"with --stamp hardware, or use --stamp software)",
			rx->text);
	}
	return 0;
}

/* A trial of so many frames. 0 or -errno with why. */
static int send_some(const struct ws_hardware *h, struct ws_deliver_setup *setup, uint64_t count,
	int64_t gap_ns, struct ws_deliver_result *result, char *why, size_t size)
{
	int r;

	setup->count = count;
	setup->gap_ns = gap_ns;
	r = ws_deliver(setup, result);
	/* A link that went down is not a card that delivers nothing. */
	r = r < 0 ? r : result->fault;
	setup->first += count + WS_DELIVER_MORE;
	return r < 0 ? fail(r, why, size, "%s: the trial of its hardware stamps failed: %s",
			       h->end[WS_HARDWARE_TX].nic->text, strerror(-r))
		     : 0;
}

static bool all_stamped(const struct ws_hardware *h, const struct ws_deliver_result *r)
{
	return r->tx_hardware == r->sent &&
	       (!h->end[WS_HARDWARE_RX].nic || r->rx_hardware == r->received);
}

/* The shortest distance at which no stamp is missing, twice in a row; *ret_found: there is one. 0 or -errno with why. */
static int find_gap(struct ws_hardware *h, struct ws_deliver_setup *setup,
	struct ws_deliver_result *result, bool *ret_found, char *why, size_t size)
{
	static const int64_t gaps_ns[] = {
		500000, 1000000, 2000000, 5000000, 10000000, 20000000, 50000000};
	const size_t last = sizeof(gaps_ns) / sizeof(gaps_ns[0]) - 1;

	*ret_found = false;
	for (size_t i = 0; i <= last && !*ret_found; i++) {
		bool all = true;

		for (int times = 0; times < 2 && all; times++) {
			int r = send_some(h, setup, SINGLE, gaps_ns[i], result, why, size);

			if (r < 0) {
				return r;
			}
			all = all_stamped(h, result);
		}
		h->sample_gap_ns = gaps_ns[i];
		*ret_found = all;
	}
	/* What just held ten times need not hold each time. */
	h->sample_gap_ns *= 2;
	return 0;
}

/* What a burst of frames is too much for, in words. apart: so that none was missing, they were found. */
static void say_limits(
	struct ws_hardware *h, bool rx, uint64_t frames, uint64_t stamped, bool apart)
{
	int have = snprintf(h->why_sampled, sizeof(h->why_sampled),
		"%s holds few %s stamps at a time (of a burst of %llu frames it stamped %llu",
		h->end[rx ? WS_HARDWARE_RX : WS_HARDWARE_TX].nic->text, rx ? "receive" : "transmit",
		(unsigned long long)frames, (unsigned long long)stamped);

	if (have < 0 || (size_t)have >= sizeof(h->why_sampled)) {
		return;
	}
	if (h->sample_gap_ns) {
		snprintf(h->why_sampled + have, sizeof(h->why_sampled) - (size_t)have,
			apart ? "; %.3g ms apart all were)" : "; even %.3g ms apart some were not)",
			(double)h->sample_gap_ns / 2e6);
	} else {
		snprintf(h->why_sampled + have, sizeof(h->why_sampled) - (size_t)have, ")");
	}
}

static int look_for_limits(struct ws_hardware *h, struct ws_deliver_setup *setup,
	struct ws_deliver_result *result, char *why, size_t size)
{
	int r = send_some(h, setup, BURST, 0, result, why, size);
	uint64_t sent = result->sent, tx = result->tx_hardware;
	uint64_t received = result->received, rx = result->rx_hardware;
	bool rx_less = setup->has_rx && rx < received, found;

	if (r < 0 || (tx == sent && !rx_less)) {
		return r;
	}
	h->in_flight = 1;
	if (rx_less) {
		/* One at a time is not enough: the receiving card must have been read, too. */
		r = find_gap(h, setup, result, &found, why, size);
		say_limits(h, true, received, rx, found);
	} else {
		say_limits(h, false, sent, tx, false);
	}
	return r;
}

static int64_t step_of(int64_t granularity_ns, uint64_t stamps)
{
	return stamps >= STEP_STAMPS ? granularity_ns : 0;
}

int ws_hardware_try(
	struct ws_hardware *h, const struct ws_hardware_trial *trial, char *why, size_t size)
{
	struct ws_deliver_setup setup = {
		.tx = deliver_end(h, WS_HARDWARE_TX),
		.rx = deliver_end(h, WS_HARDWARE_RX),
		.has_rx = h->end[WS_HARDWARE_RX].nic != NULL,
		.source = trial->source,
		.run_id = trial->run_id,
		.stream = trial->stream,
		.udp_port = trial->udp_port,
		.answers = trial->answers,
		.wait_ns = WAIT_NS,
		.stop = trial->stop,
	};
	struct ws_deliver_result *result = malloc(sizeof(*result));
	int r;

	if (!result) {
		return fail(-ENOMEM, why, size, "%s: the trial of its hardware stamps failed: %s",
			h->end[WS_HARDWARE_TX].nic->text, strerror(ENOMEM));
	}
	r = send_some(h, &setup, SINGLE, SINGLE_GAP_NS, result, why, size);
	r = r < 0 ? r : judge(h, trial->answers, result, why, size);
	if (r == 0) {
		h->step_ns[WS_HARDWARE_TX] = step_of(
			result->tx_granularity_ns, result->tx_hardware - result->tx_misplaced);
		h->step_ns[WS_HARDWARE_RX] = step_of(
			result->rx_granularity_ns, result->rx_hardware - result->rx_misplaced);
		h->coarse = h->step_ns[WS_HARDWARE_TX] >= COARSE_NS ||
			    h->step_ns[WS_HARDWARE_RX] >= COARSE_NS;
		r = look_for_limits(h, &setup, result, why, size);
	}
	free(result);
	/* What a trial that was cut short looks like is no reason: who asked for the stop is told of that alone. */
	return trial->stop && atomic_load(trial->stop) ? 0 : r;
}
