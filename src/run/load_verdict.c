/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/limit.h"
#include "host/device.h"

/* And not 0. */
static bool known(uint64_t count)
{
	return count && count != UINT64_MAX;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

/* Of the workers' time, in percent. */
static double share_of(int64_t ns, const struct ws_load_run *r, unsigned workers)
{
	return r->elapsed_ns > 0 ? 100.0 * (double)ns / ((double)r->elapsed_ns * workers) : 0;
}

static double per(int64_t ns, uint64_t packets)
{
	return packets ? (double)ns / (double)packets : 0;
}

/* Appends a clause; what does not fit is left out. */
static void add(struct ws_limit *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct ws_limit *l, const char *format, ...)
{
	size_t used = strlen(l->why);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(l->why + used, sizeof(l->why) - used, format, args);
	va_end(args);
}

static void try(struct ws_limit *l, const char *what)
{
	for (size_t i = 0; i + 1 < sizeof(l->try) / sizeof(l->try[0]); i++) {
		if (!l->try[i]) {
			l->try[i] = what;
			return;
		}
	}
}

static void say_link(struct ws_limit *l, uint64_t link_bps, double l1_bits, double frame_bits)
{
	add(l,
		"the link carries %.0f Mbit/s at layer 1, which is at most %.0f packets/s or %.1f Mbit/s of "
		"such frames (%.0f bytes with FCS)",
		(double)link_bps / 1e6, ws_limit_link_pps(link_bps, l1_bits),
		ws_limit_link_pps(link_bps, l1_bits) * frame_bits / 1e6, frame_bits / 8);
	try(l, "a lower rate (100% is what the link carries)");
	try(l, "larger frames (--size), if bits are wanted and not packets");
}

static void say_backpressure(
	struct ws_limit *l, const struct ws_load_run *r, const struct ws_load_verdict_facts *f)
{
	const char *name = r->refusal ? strerrorname_np(-r->refusal) : NULL;
	bool any = f->carrier_lost;

	if (f->carrier_lost) {
		add(l, "%s lost its carrier during the run", f->setup->name);
		try(l, "a look at the cable, and at the other end");
	}
	if (r->refused) {
		add(l, "%sthe kernel refused %llu packet%s (%s)", any ? "; " : "",
			(unsigned long long)r->refused, r->refused == 1 ? "" : "s",
			name ? name : "unknown error");
		any = true;
	}
	if (r->again) {
		add(l, "%s%s %llu time%s", any ? "; " : "",
			r->slots_full ? "all slots of the ring were taken"
				      : "the kernel had no room (EAGAIN)",
			(unsigned long long)r->again, r->again == 1 ? "" : "s");
		if (r->given_up) {
			add(l, ", and %llu packet%s given up after waiting for it",
				(unsigned long long)r->given_up,
				r->given_up == 1 ? " was" : "s were");
		}
		any = true;
	}
	if (f->setup->queued && *f->qdisc) {
		add(l, "%squeue discipline %s of %s", any ? "; " : "", f->qdisc, f->setup->name);
		if (known(r->qdisc_drops) || known(r->qdisc_overlimits)) {
			add(l, " dropped %llu and held packets back %llu times",
				(unsigned long long)(known(r->qdisc_drops) ? r->qdisc_drops : 0),
				(unsigned long long)(known(r->qdisc_overlimits)
							     ? r->qdisc_overlimits
							     : 0));
		}
		if (r->elapsed_ns > 0) {
			add(l, "; %.1f Mbit/s were accepted",
				8e3 * (double)(r->sent_bytes + 4 * r->sent) /
					(double)r->elapsed_ns);
		}
	}
	if (!f->carrier_lost) {
		try(l, "a lower rate");
		try(l, f->setup->queued
				? "a look at the queue: tc -s qdisc show"
				: "a look at the interface's drop counters: ip -s link, ethtool -S");
	}
	if (!f->setup->qdisc_bypass && *f->qdisc && strcmp(f->qdisc, "noqueue") != 0) {
		try(l, "--bypass on, if this queue is not meant to shape the load");
	}
}

static void say_cpu(
	struct ws_limit *l, const struct ws_load_run *r, const struct ws_load_verdict_facts *f)
{
	const struct ws_load_setup *s = f->setup;
	uint64_t attempted = r->sent + r->failed;
	struct ws_cpu_place place = {.numa_node = -1};
	unsigned cpus[WS_LOAD_WORKERS_MAX];
	int allowed = ws_cpu_allowed(cpus, WS_LOAD_WORKERS_MAX);

	add(l, "the pacer waited for %.1f %% of the packets: %.0f ns a packet",
		percent(r->pacer_waits, attempted), per(r->elapsed_ns * s->workers, attempted));
	if (r->planned_pps > 0) {
		add(l, " where the rate has %.0f", 1e9 * s->workers / r->planned_pps);
	}
	add(l, ", %.0f %% of the time in send calls", share_of(r->send_ns, r, s->workers));
	if (f->cpu >= 0) {
		ws_cpu_place_look(f->cpu, &place);
		add(l, ", on CPU %d%s%s", f->cpu, *place.governor ? ", governor " : "",
			place.governor);
	}
	if (share_of(r->cpu_ns, r, s->workers) < 80) {
		add(l, "; it had the CPU for only %.0f %% of the time",
			share_of(r->cpu_ns, r, s->workers));
	}
	if (s->workers > 1) {
		add(l, "; %u workers", s->workers);
	}
	if (allowed <= 0 || s->workers < (unsigned)allowed) {
		try(l, "more workers, each on a core of its own (--workers)");
	} else if (s->workers > (unsigned)allowed) {
		try(l, "no more workers than there are CPUs (--workers)");
	}
	try(l, "larger frames (--size), if bits are wanted and not packets");
	if (*place.governor && strcmp(place.governor, "performance") != 0) {
		try(l, "the governor performance (cpupower frequency-set -g performance)");
	} else if (!s->qdisc_bypass) {
		try(l, "past the queue discipline (--bypass on)");
	} else {
		try(l, "another backend (--io)");
	}
}

static void say_rate_control(struct ws_limit *l, const struct ws_load_run *r, unsigned workers)
{
	double waited = percent(r->pacer_waits, r->attempted);

	if (r->skipped) {
		add(l, "skipped as too late: %llu packet%s (%.2f %%); ",
			(unsigned long long)r->skipped, r->skipped == 1 ? "" : "s",
			percent(r->skipped, r->due));
	}
	add(l, "%llu packet%s (%.2f %%) left late, by up to ", (unsigned long long)r->late,
		r->late == 1 ? "" : "s", percent(r->late, r->sent));
	add(l, r->lateness_max_ns < 1000000 ? "%.0f us" : "%.1f ms",
		(double)r->lateness_max_ns * (r->lateness_max_ns < 1000000 ? 1e-3 : 1e-6));
	if (waited >= 1) {
		add(l, ", though there was time: the pacer waited for %.0f %% of them", waited);
	} else {
		add(l, ": the pacer never caught up");
	}
	add(l, ", had the CPU %.0f %% of the time, and was held up %llu time%s for over 1 ms",
		share_of(r->cpu_ns, r, workers), (unsigned long long)r->stalls,
		r->stalls == 1 ? "" : "s");
	try(l, "a CPU of its own for each worker (--cpu), and fewer other programs");
	try(l, "real-time priority (--realtime)");
	try(l, "pacing by the kernel where it can (--pacing fq or txtime)");
}

static void say_unknown(
	struct ws_limit *l, const struct ws_load_run *r, const struct ws_load_verdict_facts *f)
{
	if (!r->attempted) {
		add(l, "nothing was sent: the run ended before its first packet");
		return;
	}
	add(l,
		"ruled out: the link%s, refusals of the kernel, a busy sender (it waited for %.1f %% of the "
		"packets), late sends",
		f->setup->link_bps ? "" : " (its speed is unknown)",
		percent(r->pacer_waits, r->attempted));
	try(l, r->complete ? "the same again, to see whether it stays so"
			   : "the same for longer: this run ended early");
}

static void warn_all(
	struct ws_warnings *w, const struct ws_load_run *r, const struct ws_load_verdict_facts *f)
{
	const char *rate = f->setup->label, *name = f->setup->name;

	if (r->skipped) {
		ws_warn(w,
			"%s: %llu packets were late by a whole gap and skipped, as --late skip says",
			rate, (unsigned long long)r->skipped);
	}
	if (r->gap_origin == WS_ORIGIN_SOFTWARE && r->stamps_wanted &&
		r->stamps_missing == r->stamps_wanted) {
		ws_warn(w,
			"%s: %s gave no transmit stamp at all, so nothing is known of its spacing (use --stamp user)",
			rate, name);
	} else if (r->stamps_missing > r->stamps_wanted / 100) {
		ws_warn(w, "%s: %llu of %llu transmit stamps of %s did not come", rate,
			(unsigned long long)r->stamps_missing, (unsigned long long)r->stamps_wanted,
			name);
	}
	if (known(r->qdisc_drops)) {
		ws_warn(w, "%s: queue discipline %s of %s dropped %llu packets", rate, f->qdisc,
			name, (unsigned long long)r->qdisc_drops);
	}
	if (r->queue_left) {
		ws_warn(w,
			"%s: queue discipline %s of %s still held %llu packets when the last one was handed "
			"over, and took %.1f ms more to send them: it let less through than it accepted",
			rate, f->qdisc, name, (unsigned long long)r->queue_left,
			(double)(r->wire_ns - r->elapsed_ns) * 1e-6);
	}
	if (r->wire_known && r->wire_packets < r->sent - r->sent / 1000) {
		ws_warn(w,
			"%s: %s counted %llu packets on their way out, fewer than the %llu that the kernel took "
			"(look at its drop counters: ethtool -S, ip -s link)",
			rate, name, (unsigned long long)r->wire_packets,
			(unsigned long long)r->sent);
	}
	if (r->stalls && strcmp(r->limit.cause, ws_limit_name(WS_LIMIT_BACKPRESSURE)) != 0) {
		ws_warn(w,
			"%s: held up %llu time%s for more than 1 ms, at most %.1f ms (is something else running?)",
			rate, (unsigned long long)r->stalls, r->stalls == 1 ? "" : "s",
			(double)r->stall_max_ns * 1e-6);
	}
	if (!r->balanced) {
		ws_warn(w,
			"%s: the accounts of this run do not balance: its figures are not to be trusted (this "
			"is a defect of the program)",
			rate);
	}
}

/* What the schedule had in the time that it ran: chance, or a file, may be far from its mean. */
static double due_pps(const struct ws_load_run *r, const struct ws_plan *plan)
{
	double ran = (double)r->elapsed_ns * 1e-9;
	struct ws_plan_cursor c;

	if (r->complete || r->elapsed_ns <= 0 ||
		(plan->pattern != WS_PATTERN_POISSON && plan->pattern != WS_PATTERN_LIST) ||
		r->planned_pps * ran > (double)WS_PLAN_WALK_MAX) {
		return r->planned_pps;
	}
	ws_plan_cursor_init(&c, plan);
	while (c.n < plan->count && c.offset_ns <= r->elapsed_ns) {
		ws_plan_cursor_next(&c);
	}
	return (double)c.n / ran;
}

void ws_load_verdict(
	struct ws_warnings *w, struct ws_load_run *r, const struct ws_load_verdict_facts *f)
{
	const struct ws_load_setup *s = f->setup;
	const struct ws_limit_evidence e = {
		.requested_pps = r->due_pps = due_pps(r, &s->plan),
		.accepted = r->sent,
		.elapsed_ns = r->elapsed_ns,
		.refused = r->failed,
		.again = r->again,
		.qdisc_drops = s->qdisc_bypass || r->qdisc_drops == UINT64_MAX ? 0 : r->qdisc_drops,
		/* Others than ours may go through a queue that ours pass by. */
		.qdisc_holds = s->qdisc_bypass || r->qdisc_overlimits == UINT64_MAX
				       ? 0
				       : r->qdisc_overlimits,
		.pacer_waits = r->pacer_waits,
		.late = r->late + r->skipped,
		.link_bps = s->link_bps,
		.l1_bits = s->source.l1_bits,
		.workers = s->workers,
		.cpu_ns = r->cpu_ns,
		.send_ns = r->send_ns,
		.stamp_ns = r->stamp_ns,
	};
	/* A replay of one instant has no rate. */
	bool all_at_once =
		s->plan.pattern == WS_PATTERN_LIST && !(r->due_pps > 0) && r->sent == r->planned;
	enum ws_limit_cause cause = all_at_once ? WS_LIMIT_NONE : ws_limit_find(&e);
	struct ws_limit *l = &r->limit;

	*l = (struct ws_limit){.cause = ws_limit_name(cause)};
	switch (cause) {
	case WS_LIMIT_LINK:
		say_link(l, s->link_bps, s->source.l1_bits, s->source.frame_bits);
		break;
	case WS_LIMIT_BACKPRESSURE:
		say_backpressure(l, r, f);
		break;
	case WS_LIMIT_CPU:
		say_cpu(l, r, f);
		break;
	case WS_LIMIT_RATE_CONTROL:
		say_rate_control(l, r, s->workers);
		break;
	case WS_LIMIT_UNKNOWN:
		say_unknown(l, r, f);
		break;
	case WS_LIMIT_NONE:
	case WS_LIMIT_COUNT:
		break;
	}
	warn_all(w, r, f);
}

bool ws_load_verdict_link(struct ws_load_run *r, uint64_t link_bps, double l1_bits)
{
	const struct ws_limit_evidence e = {
		.requested_pps = r->planned_pps,
		.link_bps = link_bps,
		.l1_bits = l1_bits,
	};

	if (!(r->planned_pps > 0) || ws_limit_find(&e) != WS_LIMIT_LINK) {
		return false;
	}
	r->limit = (struct ws_limit){.cause = ws_limit_name(WS_LIMIT_LINK)};
	say_link(&r->limit, link_bps, l1_bits, r->frame_bits);
	return true;
}
