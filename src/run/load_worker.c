/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_worker_own.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "host/clock.h"
#include "host/sys.h"

#define STAMP_BATCH 64
/* How long to wait for the kernel before it is asked again. */
#define AGAIN_NS 20000
/* A stop request is seen at least that often. */
#define NAP_NS	 50000000
#define STALL_NS 1000000
/* What is late by more is no longer made good little by little. */
#define GENTLE_NS 1000000
/* What a call can plausibly take for each of its frames: the rest of a long one was a wait. */
#define CALL_EACH_NS 20000
/* After so many stamps in a row that did not come, one block a second is asked for. */
#define PAUSE_AFTER 64
#define RETRY_NS    1000000000
/* What reading one stamp can plausibly take, against one look that was interrupted. */
#define MIN_DRAIN_NS 100

int ws_load_worker_new(struct ws_load_worker **ret, const struct ws_load_worker_config *config)
{
	const struct ws_io_caps *caps = ws_io_caps(config->io);
	bool kernel = config->stamp == WS_ORIGIN_SOFTWARE || config->stamp == WS_ORIGIN_HARDWARE;
	struct ws_load_worker *w;
	int rc;

	if (config->source->len_max > caps->frame_max) {
		return -EMSGSIZE;
	}
	if (!config->workers || config->index >= config->workers ||
		(kernel && !caps->stamps_outstanding) || (config->launch && !caps->launch_time)) {
		return -EINVAL;
	}
	w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
	if (!w) {
		return -ENOMEM;
	}
	*w = (struct ws_load_worker){.c = *config};
	w->flat_out = ws_plan_is_max(config->plan);
	w->bound = kernel ? caps->stamps_outstanding : 0;
	w->scratch = malloc(config->source->len_max);
	rc = w->scratch ? ws_load_flight_new(&w->flight, w->bound + WS_LOAD_BLOCK) : -ENOMEM;
	if (rc == 0 && config->source->rewrite && caps->tx_slots) {
		w->written = calloc(caps->tx_slots, sizeof(*w->written));
		rc = w->written ? 0 : -ENOMEM;
	}
	if (rc < 0) {
		ws_load_worker_free(w);
		return rc;
	}
	if (!w->c.every) {
		w->c.every = 1;
	}
	ws_plan_cursor_init_every(&w->cursor, config->plan, config->index, config->workers);
	if (w->flat_out) {
		w->cursor.n = 0; /* of no block yet */
	}
	*ret = w;
	return 0;
}

void ws_load_worker_free(struct ws_load_worker *w)
{
	if (w) {
		ws_load_flight_free(w->flight);
		free(w->written);
		free(w->scratch);
		free(w);
	}
}

const struct ws_load_worker_stats *ws_load_worker_stats(const struct ws_load_worker *w)
{
	return &w->stats;
}

const struct ws_load_worker_public *ws_load_worker_public(const struct ws_load_worker *w)
{
	return &w->public;
}

static int stop_level(const struct ws_load_worker *w)
{
	return atomic_load_explicit(&w->c.shared->stop, memory_order_relaxed);
}

static void fault(struct ws_load_worker *w, int error)
{
	atomic_store_explicit(&w->public.fault, error, memory_order_relaxed);
	w->ending = true;
}

/* Departures that are known go to the collector. */
static void tell(struct ws_load_worker *w)
{
	uint64_t told;

	if (w->c.stamps) {
		told = ws_load_flight_tell(w->flight, w->c.stamps, &w->stats.stamps_missing,
			&w->stats.stamps_unread, w->staged_count ? w->staged[0].seq : w->cursor.n);
		atomic_store_explicit(&w->public.told, told, memory_order_release);
	}
}

/* Whether the departure of packet seq is to be looked at. */
static bool want_stamp(struct ws_load_worker *w, uint64_t seq, int64_t now_ns, unsigned chosen)
{
	if (w->c.stamp == WS_ORIGIN_NONE || (w->c.every > 1 && seq / WS_LOAD_BLOCK % w->c.every)) {
		return false;
	}
	if (w->c.stamp == WS_ORIGIN_USER) {
		return true;
	}
	if (w->c.in_flight && ws_io_tx_outstanding(w->c.io) + chosen >= w->c.in_flight) {
		return false;
	}
	if (w->missing >= PAUSE_AFTER) {
		if (now_ns < w->retry_ns) {
			return false;
		}
		w->retry_ns = now_ns + RETRY_NS;
	}
	return ws_io_tx_outstanding(w->c.io) + w->staged_count < w->bound;
}

static void count_sent(struct ws_load_worker *w, unsigned i, int64_t before_ns)
{
	int64_t intended = w->staged[i].intended_ns;
	int64_t lateness;

	w->stats.sent++;
	w->stats.sent_bytes += w->frames[i].len;
	if (intended != INT64_MIN) {
		lateness = before_ns - intended + w->c.lead_ns;
		w->stats.late += lateness > w->c.late_ns;
		if (lateness > w->stats.lateness_max_ns) {
			w->stats.lateness_max_ns = lateness;
		}
	}
}

/* The first n frames have left our hands. */
static void settle(struct ws_load_worker *w, unsigned n, int64_t before_ns)
{
	bool user = w->c.stamp == WS_ORIGIN_USER;

	for (unsigned i = 0; i < n; i++) {
		const struct ws_io_tx *f = &w->frames[i];
		int64_t intended = w->staged[i].intended_ns;
		bool refused = f->status < 0;

		if (refused) {
			w->stats.refusal = f->status;
			w->stats.refused++;
			w->stats.failed_bytes += f->len;
		} else {
			count_sent(w, i, before_ns);
		}
		if (!w->looked[i]) {
			continue;
		}
		/* A refused one has its place, too: the places of those behind it are given out. */
		ws_load_flight_add(w->flight,
			&(struct ws_load_stamp){.seq = w->staged[i].seq,
				.ns = before_ns,
				.intended_ns = intended == INT64_MIN ? INT64_MIN
								     : intended - w->c.start_ns,
				.len = f->len},
			refused ? WS_DEPARTURE_REFUSED
			: user	? WS_DEPARTURE_KNOWN
				: WS_DEPARTURE_OPEN);
		w->stats.stamps_wanted += !refused;
	}
}

static void publish(struct ws_load_worker *w)
{
	atomic_store_explicit(&w->public.sent, w->stats.sent, memory_order_relaxed);
	atomic_store_explicit(&w->public.bytes, w->stats.sent_bytes, memory_order_relaxed);
	atomic_store_explicit(
		&w->public.failed, w->stats.refused + w->stats.given_up, memory_order_relaxed);
	atomic_store_explicit(&w->public.late, w->stats.late, memory_order_relaxed);
}

/* What a stamp takes differs by machine and load: follows it, slowly, and not to where one look was
 * interrupted by something else. */
static void follow_cost(struct ws_load_worker *w, int64_t seen_ns)
{
	int64_t *each = &w->c.pace.drain_each_ns;

	if (seen_ns > 4 * *each) {
		seen_ns = 4 * *each;
	}
	*each += (seen_ns - *each) / 8;
	if (*each < MIN_DRAIN_NS) {
		*each = MIN_DRAIN_NS;
	}
}

/* Reads up to max stamps; true if there were any. */
static bool drain(struct ws_load_worker *w, unsigned max)
{
	struct ws_io_tx_stamp stamps[STAMP_BATCH];
	int64_t before = ws_clock_now(), took;
	int n;

	n = ws_io_tx_stamps(w->c.io, stamps, max < STAMP_BATCH ? max : STAMP_BATCH);
	if (n < 0) {
		w->stamps_broken = true;
		fault(w, n);
		return false;
	}
	for (int i = 0; i < n; i++) {
		bool missing = stamps[i].status != 0;

		ws_load_flight_settle(
			w->flight, stamps[i].cookie, stamps[i].stamp.time.ns, missing);
		w->missing = missing ? w->missing + 1 : 0;
	}
	tell(w);
	w->drained = n == 0;
	took = ws_clock_now() - before;
	w->stats.stamp_ns += took;
	if (n > 0) {
		follow_cost(w, took / n);
	}
	return n > 0;
}

static void note_held(struct ws_load_worker *w, int64_t held_ns)
{
	if (held_ns > w->stats.stall_max_ns) {
		w->stats.stall_max_ns = held_ns;
	}
	w->stats.stalls += held_ns > STALL_NS;
}

/*
 * Whoever is behind its schedule is not held up by that: what counts is the time between the end of one
 * thing and the beginning of the next, and between the time of a wake-up and the wake-up itself.
 */
static void mark_away(struct ws_load_worker *w, int64_t now_ns)
{
	if (w->since_ns) {
		note_held(w, now_ns - w->since_ns);
	}
	w->since_ns = now_ns;
}

/* Nothing is to be done before then. */
static void nap(struct ws_load_worker *w, int64_t until_ns)
{
	w->since_ns = until_ns;
	(void)ws_sys_sleep_until(until_ns);
}

/* Marks the frames whose departure is looked at. Their cookies are the places that they will have. */
static void choose_stamps(struct ws_load_worker *w, unsigned n, int64_t now_ns)
{
	uint64_t place = ws_load_flight_next(w->flight);
	uint32_t room = ws_load_flight_room(w->flight);
	unsigned chosen = 0;

	for (unsigned i = 0; i < n; i++) {
		bool want = room > 0 && want_stamp(w, w->staged[i].seq, now_ns, chosen);

		w->looked[i] = want;
		w->frames[i].want_stamp = want && w->c.stamp != WS_ORIGIN_USER;
		w->frames[i].cookie = place;
		place += want;
		room -= want;
		chosen += want;
	}
}

/* The first n frames, which are due. */
static void submit(struct ws_load_worker *w, unsigned n, int64_t now_ns)
{
	int64_t before, after;
	int taken;

	choose_stamps(w, n, now_ns);
	before = ws_clock_now();
	mark_away(w, before);
	w->last_ns = before;
	taken = ws_io_tx_submit(w->c.io, w->frames, n);
	after = ws_clock_now();
	w->took_ns = after - before;
	w->last = n;
	w->since_ns = after;
	if (after - before > STALL_NS + (int64_t)n * CALL_EACH_NS) {
		note_held(w, after - before);
	}
	w->stats.send_ns += after - before;
	w->no_room = taken >= 0 && (unsigned)taken < n;
	if (taken < 0) {
		fault(w, taken);
		return;
	}
	if (taken) {
		w->stats.end_ns = after;
		w->last_intended_ns = w->staged[taken - 1].intended_ns;
		settle(w, (unsigned)taken, before);
		ws_load_stage_drop(w, (unsigned)taken);
		w->drained = false;
		w->waited = false;
	}
	if ((unsigned)taken < n) {
		if (!drain(w, STAMP_BATCH)) {
			w->stats.again++;
			ws_load_stage_give_up(w, after);
			nap(w, after + AGAIN_NS);
		}
	}
	tell(w);
	publish(w);
}

static void spin_until(int64_t until_ns)
{
	while (ws_clock_now() < until_ns) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#endif
	}
}

/* True when nothing more may be staged; what is staged is still sent. */
static bool plan_over(struct ws_load_worker *w, int64_t now_ns)
{
	const struct ws_plan *plan = w->c.plan;

	if (w->flat_out) {
		return w->cursor.n == UINT64_MAX ||
		       (w->cursor.n == w->block_end && now_ns - w->c.start_ns >= plan->duration_ns);
	}
	if (w->cursor.n >= plan->count) {
		return true;
	}
	if (now_ns >= w->c.stop_ns) {
		w->stats.overran = true;
		return true;
	}
	return false;
}

/* The end: collects the stamps that are still under way. False when all is told. */
static bool collect_rest(struct ws_load_worker *w)
{
	atomic_store_explicit(&w->public.done, true, memory_order_relaxed);
	/* Frames that were built but will not be sent: nobody ever saw them, or needed to wait for them. */
	w->stats.due -= w->staged_count;
	w->stats.pacer_waits -= w->waited ? w->staged_count : 0;
	w->staged_count = 0;
	if (ws_io_tx_outstanding(w->c.io) && !w->stamps_broken && stop_level(w) < 2) {
		if (!drain(w, STAMP_BATCH)) {
			(void)ws_io_wait(w->c.io, ws_clock_now() + 1000000);
		}
		return true;
	}
	ws_load_flight_give_up(w->flight);
	w->cursor.n = UINT64_MAX;
	tell(w);
	publish(w);
	w->stats.cpu_ns = ws_sys_clock(CLOCK_THREAD_CPUTIME_ID) - w->cpu_before_ns;
	return false;
}

static void step_flat_out(struct ws_load_worker *w, bool over)
{
	ws_load_stage_block(w, over);
	if (w->staged_count) {
		submit(w, w->staged_count, ws_clock_now());
		if (w->bound && ws_io_tx_outstanding(w->c.io)) {
			(void)drain(w, STAMP_BATCH);
		}
	} else if (!over && w->cursor.n != UINT64_MAX) {
		/* The kernel still has all the slots. */
		w->stats.again++;
		nap(w, ws_clock_now() + AGAIN_NS);
	}
}

/* How many of the staged frames are due. */
static unsigned due_count(const struct ws_load_worker *w, int64_t now_ns)
{
	unsigned n = 0;

	while (n < w->staged_count && w->staged[n].intended_ns - w->c.lead_ns <= now_ns) {
		n++;
	}
	return n;
}

/* Late packets do not follow each other as closely as they could. */
static int64_t least_gap_ns(const struct ws_load_worker *w, int64_t now_ns)
{
	int64_t intended = w->staged[0].intended_ns, gap;

	if (!w->c.recover_ns || !w->last || now_ns - intended > GENTLE_NS) {
		return w->c.catch_up_ns;
	}
	gap = intended - w->last_intended_ns - w->c.recover_ns;
	return gap > 0 ? gap : 0;
}

static void step_paced(struct ws_load_worker *w, int64_t now_ns, bool over)
{
	int64_t due_ns, gap_ns, earliest_ns;
	struct ws_pace_state state;
	struct ws_pace_step step;

	if (!over) {
		ws_load_stage_paced(w, now_ns);
	}
	if (!w->staged_count) {
		/* A packet is due, or will be, and the kernel still has all the slots. */
		w->stats.again++;
		ws_load_stage_give_up_unbuilt(w, now_ns);
		nap(w, now_ns + AGAIN_NS);
		return;
	}
	due_ns = w->staged[0].intended_ns - w->c.lead_ns;
	gap_ns = least_gap_ns(w, now_ns);
	earliest_ns = w->last_ns + gap_ns;
	state = (struct ws_pace_state){
		.now_ns = now_ns,
		.deadline_ns = due_ns > earliest_ns ? due_ns : earliest_ns,
		.outstanding = w->bound ? ws_io_tx_outstanding(w->c.io) : 0,
		.drained = w->drained,
	};
	step = ws_pace_decide(&w->c.pace, &state);
	switch (step.action) {
	case WS_PACE_SEND:
		submit(w, ws_pace_catch_up(w->took_ns, w->last, gap_ns, due_count(w, now_ns)),
			now_ns);
		break;
	case WS_PACE_DRAIN:
	case WS_PACE_BOUND:
		(void)drain(w, step.max);
		break;
	case WS_PACE_SLEEP:
	case WS_PACE_SPIN:
		if (!w->waited && due_ns > now_ns) {
			/* Those of one burst are waited for together. */
			w->stats.pacer_waits += w->staged_count;
			w->waited = true;
		}
		if (step.action == WS_PACE_SPIN) {
			w->since_ns = step.until_ns;
			spin_until(step.until_ns);
			break;
		}
		nap(w, step.until_ns < now_ns + NAP_NS ? step.until_ns : now_ns + NAP_NS);
		break;
	}
}

bool ws_load_worker_step(struct ws_load_worker *w)
{
	int64_t now = ws_clock_now();
	bool over;

	if (!w->started) {
		if (now < w->c.start_ns - w->c.lead_ns && w->flat_out) {
			nap(w, w->c.start_ns);
			return true;
		}
		w->started = true;
		w->cpu_before_ns = ws_sys_clock(CLOCK_THREAD_CPUTIME_ID);
	}
	if (!w->ending) {
		mark_away(w, now);
	}
	over = plan_over(w, now);
	if (stop_level(w) || (over && !w->staged_count)) {
		w->ending = true;
	}
	if (w->ending) {
		return collect_rest(w);
	}
	if (w->flat_out) {
		step_flat_out(w, over);
	} else {
		step_paced(w, now, over);
	}
	return true;
}
