/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/verdict.h"

#include <stdio.h>
#include <string.h>

#include "core/frame.h"
#include "core/limit.h"

/* Beyond what a scheduler's time slice explains. */
#define STALL_NS 50000000
/* So many losses at the end of a run are no chance. */
#define SILENCE 10

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void say_why(struct ws_limit *limit, enum ws_limit_cause cause,
	const struct ws_limit_evidence *e, const struct ws_run_result *r, int refusal)
{
	double accepted = e->elapsed_ns ? (double)e->accepted * 1e9 / (double)e->elapsed_ns : 0;
	double per_packet = e->accepted ? (double)e->send_ns / (double)e->accepted : 0;
	const char *name = refusal ? strerrorname_np(-refusal) : NULL;
	double per_stamp = e->accepted ? (double)e->stamp_ns / (double)e->accepted : 0;

	switch (cause) {
	case WS_LIMIT_LINK:
		(void)snprintf(limit->why, sizeof(limit->why),
			"the link carries %.0f Mbit/s at layer 1; frames of %u bytes were accepted "
			"at %.0f packets/s",
			(double)e->link_bps / 1e6, r->len + 4, accepted);
		limit->try[0] = "a lower rate";
		limit->try[1] = "larger frames (--size), if bits are wanted and not packets";
		break;
	case WS_LIMIT_BACKPRESSURE:
		(void)snprintf(limit->why, sizeof(limit->why),
			"the kernel refused at least %llu packets (%s) and asked %llu times to "
			"come back later (EAGAIN); %llu times too many transmit stamps were under way",
			(unsigned long long)e->refused, name ? name : "none",
			(unsigned long long)e->again, (unsigned long long)e->bound_waits);
		limit->try[0] = "a lower rate";
		limit->try[1] = "a look at the queue: tc -s qdisc show";
		limit->try[2] = e->bound_waits ? "a larger net.core.rmem_max" : NULL;
		break;
	case WS_LIMIT_CPU:
		(void)snprintf(limit->why, sizeof(limit->why),
			"the sender waited for only %.1f %% of the packets: %.0f ns a packet in "
			"send calls, %.0f ns in reading stamps",
			share(e->pacer_waits, e->accepted), per_packet, per_stamp);
		limit->try[0] = "a lower rate";
		limit->try[1] = "larger frames (--size), if bits are wanted and not packets";
		limit->try[2] = "a CPU of its own for each thread (--cpu)";
		break;
	case WS_LIMIT_RATE_CONTROL:
		(void)snprintf(limit->why, sizeof(limit->why),
			"%llu packets (%.2f %%) left after the next one was due, and not for lack of time: the "
			"sender did not get the CPU when it was due (it had it for %.0f %% of the time)",
			(unsigned long long)e->late, share(e->late, e->accepted),
			share((uint64_t)e->cpu_ns, (uint64_t)e->elapsed_ns));
		limit->try[0] = "fewer other programs on this machine";
		limit->try[1] = "a CPU of its own for each thread (--cpu)";
		break;
	case WS_LIMIT_UNKNOWN:
		(void)snprintf(limit->why, sizeof(limit->why),
			"ruled out: the link, refusals of the kernel, a busy sender, late sends");
		break;
	case WS_LIMIT_NONE:
	case WS_LIMIT_COUNT:
		break;
	}
}

static void find_limit(struct ws_run_result *r, const struct ws_verdict_facts *f)
{
	const struct ws_sender_stats *s = f->sender;
	const struct ws_limit_evidence e = {
		.requested_pps = r->pps.num ? ws_ratio_double(r->pps) : 0,
		.accepted = r->ledger.sent,
		.elapsed_ns = r->elapsed_ns,
		.refused = r->ledger.failed,
		.again = s->again,
		.bound_waits = s->bound_waits,
		.pacer_waits = s->pacer_waits,
		.late = s->late,
		.link_bps = f->setup->link_bps,
		.l1_bits = f->setup->source.l1_bits,
		.cpu_ns = s->cpu_ns,
		.send_ns = s->send_ns,
		.stamp_ns = s->stamp_ns,
	};
	enum ws_limit_cause cause = ws_limit_find(&e);

	r->limit = (struct ws_limit){.cause = ws_limit_name(cause)};
	say_why(&r->limit, cause, &e, r, s->refusal);
}

/* From here on nothing was answered any more; NULL: the last ones were. */
static const struct ws_loss *silence(const struct ws_run_result *r)
{
	const struct ws_losses *l = &r->losses;
	const struct ws_loss *last = l->count ? &l->list[l->count - 1] : NULL;

	return last && last->count >= SILENCE && last->seq + last->count >= r->ledger.attempted
		       ? last
		       : NULL;
}

/* What there is to say of a two-way run. */
static void judge_two_way(
	struct ws_warnings *w, const struct ws_run_result *r, const struct ws_verdict_facts *f)
{
	const struct ws_ledger *l = &r->ledger;
	const struct ws_two_way *t = r->two_way;
	const struct ws_loss *gone = silence(r);
	const char *rate = f->setup->label;
	char port[8] = "";

	if (f->setup->far_port) {
		(void)snprintf(port, sizeof(port), "%u", f->setup->far_port);
	}
	if (f->refused) {
		ws_warn(w,
			"%s: the far side's host said %llu times that nobody listens at UDP port %s (start "
			"wirestamp reflect --io udp there, with this port)",
			rate, (unsigned long long)f->refused, port);
	}
	if (l->sent && !ws_ledger_arrived(l)) {
		if (!f->refused) {
			ws_warn(w,
				"%s: no answer came (does wirestamp reflect run at the other end%s%s?)",
				rate,
				f->setup->far_port ? ", and does a firewall let through UDP port "
						   : "",
				port);
		}
		return;
	}
	if (gone) {
		ws_warn(w,
			"%s: no answer came any more from %.3f s on, to %llu packets (did wirestamp reflect "
			"end there, or the link go down?)",
			rate, (double)gone->at_ns * 1e-9, (unsigned long long)gone->count);
	}
	if (t->incomplete) {
		ws_warn(w,
			"%s: of %llu answered packets the far side's stamps did not come: their round trip is "
			"only in latency_ns, with the time that they spent there",
			rate, (unsigned long long)t->incomplete);
	}
	if (t->clocks.steps) {
		ws_warn(w,
			"%s: one of the two clocks was set during the run (%llu times, last by about %lld ns): "
			"one-way values around these instants are left out",
			rate, (unsigned long long)t->clocks.steps,
			(long long)t->clocks.last_step_ns);
	}
}

/* The receiving end is elsewhere. */
static void judge_sender(
	struct ws_warnings *w, const struct ws_run_result *r, const struct ws_verdict_facts *f)
{
	if (f->sender->stamps_paused && !f->sender->any_stamp) {
		ws_warn(w,
			"%s: %s gave no transmit stamp at all, so few were asked for (use --stamp user)",
			f->setup->label, f->setup->end[WS_END_TX].name);
	}
	if (r->lateness.count && r->lateness.max > STALL_NS) {
		ws_warn(w,
			"%s: the sender was held up for %.0f ms, and then sent what had come due at once",
			f->setup->label, (double)r->lateness.max * 1e-6);
	}
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void ws_verdict(struct ws_warnings *w, struct ws_run_result *r, const struct ws_verdict_facts *f)
{
	const struct ws_ledger *l = &r->ledger;
	const char *tx = f->setup->end[WS_END_TX].name;
	const char *rx = f->setup->end[WS_END_RX].name;
	const char *rate = f->setup->label;

	uint64_t tx_less = l->unstamped_tx + l->unstamped_both;
	uint64_t rx_less = l->unstamped_rx + l->unstamped_both;

	if (r->hardware) {
		const struct ws_hardware_facts *h = r->hardware;

		tx_less = less(h->tx_missing, h->tx_misplaced);
		rx_less = less(h->rx_missing, h->rx_misplaced);
		if (h->tx_misplaced + h->rx_misplaced) {
			ws_warn(w,
				"%s: %llu hardware stamps belong to other packets, and were rejected (the "
				"cards or their drivers mix them up)",
				rate, (unsigned long long)(h->tx_misplaced + h->rx_misplaced));
		}
	}
	find_limit(r, f);
	if (f->setup->mode == WS_LATENCY_SEND) {
		judge_sender(w, r, f);
		return;
	}
	if (f->sender->stamps_paused && !f->sender->any_stamp) {
		ws_warn(w,
			"%s: %s gave no transmit stamp at all, so few were asked for "
			"(use --stamp user, or another interface)",
			rate, tx);
	} else if (tx_less) {
		ws_warn(w, "%s: %llu packets of %s arrived without a transmit stamp", rate,
			(unsigned long long)tx_less, tx);
	}
	if (rx_less) {
		ws_warn(w, "%s: %llu packets came to %s without a receive stamp of %s", rate,
			(unsigned long long)rx_less, rx,
			f->setup->end[WS_END_RX].origin == WS_ORIGIN_HARDWARE ? "its hardware"
									      : "the kernel");
	}
	if (f->setup->mode == WS_LATENCY_TWO_WAY) {
		judge_two_way(w, r, f);
	} else if (l->sent && !ws_ledger_arrived(l)) {
		ws_warn(w, "%s: nothing of %s arrived at %s (are the two connected?)", rate, tx,
			rx);
	}
	if (r->lateness.count && r->lateness.max > STALL_NS) {
		ws_warn(w,
			"%s: the sender was held up for %.0f ms, and then sent what had come due at once: these "
			"packets met another load (is something else running?)",
			rate, (double)r->lateness.max * 1e-6);
	}
	if (l->dropped_rx && l->dropped_rx != UINT64_MAX) {
		ws_warn(w,
			"%s: our own receive buffer at %s was full and dropped %llu packets, so up to %llu of the "
			"lost are not the network's (lower the rate, or give each thread a CPU with --cpu)",
			rate, rx, (unsigned long long)l->dropped_rx,
			(unsigned long long)(l->lost < l->dropped_rx ? l->lost : l->dropped_rx));
	}
	if (f->sender->window_waited) {
		ws_warn(w,
			"%s: the sender had to wait because %u sequences were open at a time, each "
			"for a packet or a stamp that had not come (lower the rate)",
			rate, f->capacity);
	}
	if (l->negative) {
		ws_warn(w,
			"%s: %llu packets have a receive stamp before their transmit stamp: the "
			"clocks of the two ends disagree by more than the delay",
			rate, (unsigned long long)l->negative);
	}
	if (!ws_ledger_balanced(l)) {
		ws_warn(w,
			"%s: the accounts of this run do not balance: its figures are not to be "
			"trusted (this is a defect of the program)",
			rate);
	}
}
