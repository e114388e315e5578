/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_own.h"

#include <errno.h>
#include <string.h>

#include "host/clock.h"
#include "host/netns.h"

/* From the last preparation to the first packet: threads start. */
#define START_DELAY_NS	 50000000
#define STAMP_TIMEOUT_NS 1000000000LL
/* A card that holds one stamp has it read within milliseconds; until it is given up no other is asked for. */
#define HELD_TIMEOUT_NS 200000000LL
/* A run that was to last a given time ends a little later at the most, however late its packets are. */
#define OVERTIME_NS   100000000LL
#define STAMP_RECORDS 65536
#define CATCH_UP      0.4 /* of the gap */
/* A replay is to keep the times between packets: what it is late by it makes good in steps of this. */
#define REPLAY_RECOVER_NS 4000
/* Frames are handed to a queue discipline that paces them that long before their time. */
#define LEAD_NS 5000000
/* Packets a second of one worker of which every departure can be looked at without disturbing it. */
#define STAMPED_PPS 50000.0
/* Flat out a stamp costs as much as a packet: one block in so many. */
#define FLAT_OUT_EVERY 64

static int enter(const struct ws_load_state *r)
{
	return ws_netns_enter(r->setup->netns);
}

int ws_load_look(struct ws_load_state *r, struct ws_nic *nic)
{
	int saved = enter(r);
	int rc;

	*nic = (struct ws_nic){0};
	if (saved < 0) {
		return saved;
	}
	rc = ws_nic_refresh(r->setup->ifindex, nic);
	ws_netns_leave(saved);
	return rc;
}

bool ws_load_look_at_queue(struct ws_load_state *r, struct ws_qdisc_facts *ret)
{
	return r->nl_open && ws_qdisc_look(&r->nl, r->setup->ifindex, ret) == 0;
}

unsigned ws_load_stamped_every(const struct ws_load_setup *s)
{
	double pps = s->plan.duration_ns > 0 && !ws_plan_is_max(&s->plan)
			     ? (double)s->plan.count * 1e9 / (double)s->plan.duration_ns
			     : 0;
	double each = pps / s->workers;

	if (ws_plan_is_max(&s->plan)) {
		return FLAT_OUT_EVERY;
	}
	return each <= STAMPED_PPS ? 1 : (unsigned)(each / STAMPED_PPS + 0.999);
}

/* The stamps that are asked for. */
static unsigned stages(const struct ws_load_setup *s)
{
	return s->stamp == WS_ORIGIN_HARDWARE	? WS_STAGE_WIRE
	       : s->stamp == WS_ORIGIN_SOFTWARE ? WS_STAGE_DRIVER
						: 0;
}

/* The backend for this rate, and why. */
static const char *pick_backend(const struct ws_load_state *r, const char **ret_why)
{
	const struct ws_load_setup *s = r->setup;
	const struct ws_io_tx_use use = {
		.stamped_permille = stages(s) ? 1000 / r->every : 0,
		.launch = s->pacing == WS_LOAD_TXTIME,
		.queued = s->queued,
	};
	const char *best = ws_io_tx_best(&use);

	if (s->backend) {
		*ret_why = NULL;
		return s->backend;
	}
	*ret_why = strcmp(best, "socket") != 0 ? "a transmit ring costs least a packet"
		   : use.queued ? "behind a queue discipline it is told of each refusal"
		   : use.launch ? "each packet has a launch time"
				: "many packets are stamped";
	return best;
}

static int open_worker(
	struct ws_load_state *r, struct ws_load_thread *w, struct ws_load_granted *granted)
{
	const struct ws_load_setup *s = r->setup;
	struct ws_io_config config = {
		.backend = pick_backend(r, &granted->why),
		.dirs = WS_IO_TX,
		.ifindex = s->ifindex,
		.frame_max = s->source.len_max,
		.tx_batch = WS_LOAD_BLOCK,
		.tx_stages = stages(s),
		.tx_hw_clock = s->stamp == WS_ORIGIN_HARDWARE ? s->hw_clock : WS_CLOCK_NONE,
		.stamp_timeout_ns = s->in_flight ? HELD_TIMEOUT_NS : STAMP_TIMEOUT_NS,
		.qdisc_bypass = s->qdisc_bypass,
		.launch_clock = s->pacing == WS_LOAD_TXTIME ? s->launch_clock : WS_CLOCK_NONE,
	};
	const struct ws_io_caps *caps;
	int saved, rc;

	if (s->pacing == WS_LOAD_FQ) {
		double bytes = r->result->planned_pps * (s->source.frame_bits / 8 - 4) / s->workers;

		config.max_rate = (uint64_t)(bytes + 0.5);
	}
	saved = enter(r);
	if (saved < 0) {
		return saved;
	}
	rc = ws_io_open(&w->io, &config);
	if (rc == -EOPNOTSUPP && !s->backend && strcmp(config.backend, "socket") != 0) {
		config.backend = "socket";
		granted->why = "this kernel has no transmit ring";
		rc = ws_io_open(&w->io, &config);
	}
	ws_netns_leave(saved);
	if (rc < 0) {
		return rc;
	}
	caps = ws_io_caps(w->io);
	granted->backend = caps->backend;
	return 0;
}

static int64_t stop_ns(const struct ws_load_state *r)
{
	int64_t duration = r->setup->plan.duration_ns, end;

	/* A long random schedule's own end is known only by its expectation. */
	if (!r->setup->timed ||
		__builtin_add_overflow(duration, OVERTIME_NS + duration / 512, &end) ||
		__builtin_add_overflow(r->start_ns, end, &end)) {
		return INT64_MAX;
	}
	return end;
}

/* CLOCK_TAI or CLOCK_MONOTONIC for launch times: how far it is ahead of CLOCK_MONOTONIC. */
static int64_t launch_offset(const struct ws_load_setup *s)
{
	if (s->pacing != WS_LOAD_TXTIME || s->launch_clock == WS_CLOCK_MONOTONIC) {
		return 0;
	}
	return ws_clock_relate(s->launch_clock).offset_ns;
}

/*
 * A sender that was held up catches up at two and a half times its rate: the gaps are off by less than if all
 * left at once, and a receiver's buffers have time. Only where the schedule itself is even.
 */
static int64_t catch_up_ns(const struct ws_load_state *r)
{
	const struct ws_load_setup *s = r->setup;

	if (s->plan.pattern != WS_PATTERN_CBR || s->pacing != WS_LOAD_BUSY ||
		!(r->result->planned_pps > 0)) {
		return 0;
	}
	return (int64_t)(CATCH_UP * 1e9 * s->workers / r->result->planned_pps);
}

static int make_worker(struct ws_load_state *r, unsigned index)
{
	const struct ws_load_setup *s = r->setup;
	struct ws_load_thread *w = &r->workers[index];
	double pps = r->result->planned_pps;
	struct ws_load_worker_config config = {
		.io = w->io,
		.plan = &s->plan,
		.source = &s->source,
		.shared = &r->shared,
		.index = index,
		.workers = s->workers,
		.start_ns = r->start_ns,
		.stop_ns = stop_ns(r),
		.late_ns = pps > 0 ? (int64_t)(1e9 / pps) : INT64_MAX,
		.catch_up_ns = catch_up_ns(r),
		.recover_ns = s->plan.pattern == WS_PATTERN_LIST && s->pacing == WS_LOAD_BUSY
				      ? REPLAY_RECOVER_NS
				      : 0,
		.lead_ns = s->pacing == WS_LOAD_BUSY ? 0 : LEAD_NS,
		.launch = s->pacing == WS_LOAD_TXTIME,
		.launch_offset_ns = launch_offset(s),
		.skip = s->late_skip,
		/* What a card holds it holds for all of them: one worker alone asks. */
		.stamp = s->in_flight && index ? WS_ORIGIN_NONE : s->stamp,
		.in_flight = s->in_flight,
		.every = r->every,
		.pace = ws_pace_default,
	};
	int rc;

	if (s->stamp != WS_ORIGIN_NONE) {
		rc = ws_spsc_new(&w->stamps, STAMP_RECORDS, sizeof(struct ws_load_stamp));
		if (rc < 0) {
			return rc;
		}
		config.stamps = w->stamps;
	}
	rc = ws_load_worker_new(&w->worker, &config);
	if (rc == 0 && s->stamp != WS_ORIGIN_NONE) {
		ws_load_collector_add(
			r->collector, w->stamps, &ws_load_worker_public(w->worker)->told);
	}
	return rc;
}

int ws_load_prepare(
	struct ws_load_state *r, struct ws_load_granted *granted, struct ws_load_fault *fault)
{
	const struct ws_load_setup *s = r->setup;
	struct ws_nic nic;
	int saved, rc;

	fault->step = "look";
	rc = ws_load_look(r, &nic);
	if (rc < 0 || !nic.up || !nic.running) {
		return rc < 0 ? rc : nic.up ? -ENOLINK : -ENETDOWN;
	}
	saved = enter(r);
	if (saved < 0) {
		return saved;
	}
	r->nl_open = ws_rtnl_open(&r->nl, 0) == 0;
	ws_netns_leave(saved);
	fault->step = "open";
	for (unsigned i = 0; i < s->workers; i++) {
		rc = open_worker(r, &r->workers[i], granted);
		if (rc < 0) {
			return rc;
		}
	}
	fault->step = "memory";
	if (s->stamp != WS_ORIGIN_NONE) {
		rc = ws_load_collector_new(
			&r->collector, &r->result->gaps, s->workers, s->link_bps);
		if (rc < 0) {
			return rc;
		}
	}
	r->start_ns = ws_clock_now() + START_DELAY_NS;
	for (unsigned i = 0; i < s->workers; i++) {
		rc = make_worker(r, i);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}
