/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/clock.h"
#include "host/sys.h"

#define BATCH	    32 /* frames a send call; more would delay the reading of stamps */
#define STAMP_BATCH 64
/*
 * A driver that does not stamp, or an interface that sends nothing, holds every packet for the
 * whole time-out. After so many stamps in a row that did not come only one is asked for at a time.
 */
#define PAUSE_AFTER 64
#define RETRY_NS    1000000000
/* What reading one stamp can plausibly take, against one look that was interrupted. */
#define MIN_DRAIN_NS 100
/* How long to wait for the kernel before it is asked again. */
#define AGAIN_NS 20000
/* Between two probes that fetch stamps; more after each that brought nothing, and after so many no more. */
#define COLLECT_NS   100000
#define COLLECT_IDLE 10
/* How long to wait for packets that are still under way, before it is looked again. */
#define OPEN_NS 1000000
/* A stop request is seen at least that often. */
#define NAP_NS 50000000

struct ws_sender {
	struct ws_sender_config c;
	struct ws_sender_stats stats;
	struct ws_plan_cursor cursor; /* of the next packet to stage */
	/* Frames that are built and reserved, but not yet taken by the kernel: the oldest first. */
	struct ws_io_tx staged[BATCH];
	unsigned staged_count;
	/* Their slots; those of withdrawn frames stay ours, and are the next to be sent. */
	struct ws_io_slot slots[BATCH];
	unsigned slot_count;
	/* Packets whose stamp is under way, by cookie; free cookies are a stack. */
	struct ws_tx_record *flight;
	uint8_t *pending; /* stages of each that have not come */
	uint32_t *free_cookies;
	uint32_t free_count;
	uint32_t bound;
	int64_t next_sample_ns;
	unsigned card_holds; /* stamps of stage WIRE that are under way */
	bool drained;
	bool waited; /* for the next deadline */
	bool started;
	int64_t cpu_before_ns; /* the thread's CPU time when it began */
	bool ending;	       /* nothing more will be staged */
	bool stamps_broken;    /* reading them fails */
	bool told_all;	       /* of the plan's packets */
	/* fetching what the far side still has */
	uint64_t collect_seq;
	int64_t collect_until_ns, collect_next_ns;
	uint64_t idle_seen; /* shared idle_collects when the last collect was sent */
	unsigned idle;	    /* collects in a row that were sent since one brought nothing */
	unsigned missing;   /* stamps in a row that did not come */
	int64_t retry_ns;   /* while they are paused: when the next is asked for */
	uint64_t accepted;
};

int ws_sender_new(struct ws_sender **ret, const struct ws_sender_config *config)
{
	const struct ws_io_caps *caps = ws_io_caps(config->io);
	struct ws_sender *s;
	uint32_t cookies;

	if (config->source->len_max > caps->frame_max) {
		return -EMSGSIZE;
	}
	if (config->kernel_stamps &&
		(!caps->stamps_outstanding || !(config->stages & config->stage))) {
		return -EINVAL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	s->c = *config;
	s->bound = config->kernel_stamps ? caps->stamps_outstanding : 0;
	cookies = s->bound + BATCH;
	s->flight = calloc(cookies, sizeof(*s->flight));
	s->pending = calloc(cookies, sizeof(*s->pending));
	s->free_cookies = calloc(cookies, sizeof(*s->free_cookies));
	if (!s->flight || !s->pending || !s->free_cookies) {
		ws_sender_free(s);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < cookies; i++) {
		s->flight[i].seq = UINT64_MAX;
		s->free_cookies[i] = i;
	}
	s->free_count = cookies;
	ws_plan_cursor_init(&s->cursor, config->plan);
	*ret = s;
	return 0;
}

void ws_sender_free(struct ws_sender *s)
{
	if (s) {
		free(s->flight);
		free(s->pending);
		free(s->free_cookies);
		free(s);
	}
}

void ws_sender_start(struct ws_sender *s, int64_t start_ns, int64_t stop_ns)
{
	s->c.start_ns = start_ns;
	s->c.stop_ns = stop_ns;
}

const struct ws_sender_stats *ws_sender_stats(const struct ws_sender *s)
{
	return &s->stats;
}

static int stop_level(const struct ws_sender *s)
{
	return atomic_load_explicit(&s->c.shared->stop, memory_order_relaxed);
}

static void fault(struct ws_sender *s, int error)
{
	atomic_store_explicit(&s->c.shared->sender_fault, error, memory_order_relaxed);
	s->ending = true;
}

/* The packet is complete: its record goes to the matcher. */
static void tell(struct ws_sender *s, uint32_t cookie)
{
	/* The receiver never stops taking records before the sender is done. */
	while (!ws_spsc_push(s->c.records, &s->flight[cookie])) {
		(void)ws_sys_sleep_until(ws_clock_now() + AGAIN_NS);
	}
	s->flight[cookie].seq = UINT64_MAX;
	s->free_cookies[s->free_count++] = cookie;
}

/* Whether to ask for the stamp of the next packet. */
static bool want_stamp(struct ws_sender *s, int64_t now_ns)
{
	if (!s->bound || s->missing < PAUSE_AFTER) {
		return s->bound != 0;
	}
	if (now_ns < s->retry_ns) {
		return false;
	}
	s->stats.stamps_paused = true;
	s->retry_ns = now_ns + RETRY_NS;
	return true;
}

/*
 * Which stages to ask for; 0: none. Where the card holds few stamps at a time, a further request gets no answer and no
 * error, so that it is not made.
 */
static unsigned stages_for(struct ws_sender *s, int64_t now_ns)
{
	if (!want_stamp(s, now_ns)) {
		return 0;
	}
	if (s->c.stage != WS_STAGE_WIRE) {
		return s->c.stages;
	}
	if (s->c.in_flight && (s->card_holds >= s->c.in_flight || now_ns < s->next_sample_ns)) {
		return s->c.stages & ~(unsigned)WS_STAGE_WIRE;
	}
	s->next_sample_ns = now_ns + s->c.sample_gap_ns;
	s->card_holds++;
	return s->c.stages;
}

/* Builds the frames that are due, at most as many as there is room for everywhere. */
static void stage_due(struct ws_sender *s, int64_t now_ns)
{
	uint64_t open_until =
		atomic_load_explicit(&s->c.shared->base, memory_order_acquire) + s->c.capacity;
	struct ws_io_slot *slots = s->slots + s->slot_count;
	unsigned due = 0;
	struct ws_plan_cursor ahead = s->cursor;
	int n;

	while (s->staged_count + due < BATCH && due < s->free_count && ahead.n < s->c.plan->count &&
		s->c.start_ns + ahead.offset_ns <= now_ns) {
		if (ahead.n >= open_until) {
			s->stats.window_waited |= due == 0 && s->staged_count == 0;
			break;
		}
		ws_plan_cursor_next(&ahead);
		due++;
	}
	n = due ? ws_io_tx_reserve(s->c.io, slots, due) : 0;
	s->slot_count += n > 0 ? (unsigned)n : 0;
	for (int i = 0; i < n; i++) {
		int64_t intended = s->c.start_ns + s->cursor.offset_ns;
		uint32_t cookie = s->free_cookies[--s->free_count];
		unsigned stages = stages_for(s, now_ns);
		bool unsampled = s->c.stage == WS_STAGE_WIRE && !(stages & WS_STAGE_WIRE);
		uint32_t len;

		if (ws_plan_is_max(s->c.plan)) {
			intended = now_ns;
		}
		len = s->c.source->write(s->c.source->arg, slots[i].data, s->cursor.n, intended);
		s->flight[cookie] = (struct ws_tx_record){
			.seq = s->cursor.n,
			.intended_ns = intended,
			.at = {INT64_MIN, INT64_MIN, INT64_MIN},
			.unsampled = unsampled,
		};
		if (unsampled && s->c.source->mute) {
			s->c.source->mute(s->c.source->arg, slots[i].data, len);
		}
		s->pending[cookie] = (uint8_t)stages;
		s->staged[s->staged_count++] = (struct ws_io_tx){
			.len = len,
			.want_stamp = stages != 0,
			.stages = (uint8_t)stages,
			.cookie = cookie,
		};
		ws_plan_cursor_next(&s->cursor);
	}
	atomic_store_explicit(&s->c.shared->offered, s->cursor.n, memory_order_release);
}

static int64_t gap_ns(const struct ws_sender *s)
{
	/* Of random and bunched ones the mean. */
	return ws_plan_is_max(s->c.plan) ? INT64_MAX
					 : (int64_t)(1e9 / ws_ratio_double(s->c.plan->pps));
}

/* One frame has left our hands. */
static void settle(struct ws_sender *s, const struct ws_io_tx *frame)
{
	struct ws_tx_record *r = &s->flight[frame->cookie];

	if (frame->status < 0) {
		s->card_holds -= s->pending[frame->cookie] & WS_STAGE_WIRE ? 1 : 0;
		s->stats.refusal = frame->status;
		r->failed = true;
		tell(s, (uint32_t)frame->cookie);
		return;
	}
	s->accepted++;
	if (r->app_ns - r->intended_ns > gap_ns(s)) {
		s->stats.late++;
	}
	if (frame->want_stamp) {
		return; /* its stamp will settle it */
	}
	if (!s->c.kernel_stamps) {
		r->stamp = (struct ws_stamp){
			.time = {r->app_ns, WS_CLOCK_MONOTONIC},
			.origin = WS_ORIGIN_USER,
		};
	}
	tell(s, (uint32_t)frame->cookie);
}

static void drop_slots(struct ws_sender *s, unsigned taken)
{
	s->slot_count -= taken;
	memmove(s->slots, s->slots + taken, s->slot_count * sizeof(s->slots[0]));
}

static bool drain(struct ws_sender *s, unsigned max);

static void submit(struct ws_sender *s)
{
	int64_t before = ws_clock_now();
	unsigned taken;
	int64_t after;
	int n;

	for (unsigned i = 0; i < s->staged_count; i++) {
		s->flight[s->staged[i].cookie].app_ns = before;
	}
	n = ws_io_tx_submit(s->c.io, s->staged, s->staged_count);
	after = ws_clock_now();
	s->stats.send_ns += after - before;
	s->stats.end_ns = after;
	if (n < 0) {
		fault(s, n);
		return;
	}
	taken = (unsigned)n;
	drop_slots(s, taken);
	for (unsigned i = 0; i < taken; i++) {
		if (s->c.in_flight && s->staged[i].stages & WS_STAGE_WIRE) {
			/* It may have waited here since it was staged. */
			s->next_sample_ns = after + s->c.sample_gap_ns;
		}
		settle(s, &s->staged[i]);
	}
	atomic_store_explicit(&s->c.shared->accepted, s->accepted, memory_order_relaxed);
	s->drained = false;
	s->waited = false;
	if (taken < s->staged_count) {
		memmove(s->staged, s->staged + taken,
			(s->staged_count - taken) * sizeof(s->staged[0]));
		if (!taken && (!s->bound || ws_io_tx_outstanding(s->c.io) < s->bound)) {
			/* A stamp that waits to be read would end the wait at once. */
			s->stats.again++;
			if (!drain(s, STAMP_BATCH)) {
				(void)ws_io_wait(s->c.io, ws_clock_now() + AGAIN_NS);
			}
		}
	}
	s->staged_count -= taken;
}

/* What a stamp takes differs by machine and load: follows it, slowly, and not to where one look was
 * interrupted by something else. */
static void follow_cost(struct ws_sender *s, int64_t seen_ns)
{
	int64_t *each = &s->c.pace.drain_each_ns;

	if (seen_ns > 4 * *each) {
		seen_ns = 4 * *each;
	}
	*each += (seen_ns - *each) / 8;
	if (*each < MIN_DRAIN_NS) {
		*each = MIN_DRAIN_NS;
	}
}

static void take_stamp(struct ws_sender *s, const struct ws_io_tx_stamp *stamp, int64_t now_ns)
{
	struct ws_tx_record *r = &s->flight[stamp->cookie];
	bool came = stamp->status == 0;

	if (came) {
		enum ws_tx_instant instant = stamp->stage == WS_STAGE_SCHED  ? WS_TX_SCHED
					     : stamp->stage == WS_STAGE_WIRE ? WS_TX_WIRE
									     : WS_TX_DRIVER;

		r->at[instant] = stamp->stamp.time.ns;
	}
	if (stamp->stage == s->c.stage) {
		if (came) {
			r->stamp = stamp->stamp;
			r->read_ns = now_ns;
		}
		s->stats.any_stamp |= came;
		s->missing = came ? 0 : s->missing + 1;
	}
	s->card_holds -= stamp->stage == WS_STAGE_WIRE ? 1 : 0;
	s->pending[stamp->cookie] &= (uint8_t)~stamp->stage;
	if (!s->pending[stamp->cookie]) {
		tell(s, (uint32_t)stamp->cookie);
	}
}

/* Reads up to max stamps; true if there were any. */
static bool drain(struct ws_sender *s, unsigned max)
{
	struct ws_io_tx_stamp stamps[STAMP_BATCH];
	int64_t before = ws_clock_now(), seen;
	int n;

	n = ws_io_tx_stamps(s->c.io, stamps, max < STAMP_BATCH ? max : STAMP_BATCH);
	if (n < 0) {
		fault(s, n);
		s->stamps_broken = true;
		return false;
	}
	/* For the limits of hardware stamps: they were taken before now. */
	seen = n > 0 && s->c.stage == WS_STAGE_WIRE ? ws_clock_now() : before;
	for (int i = 0; i < n; i++) {
		take_stamp(s, &stamps[i], seen);
	}
	s->drained = n == 0;
	before = ws_clock_now() - before;
	s->stats.stamp_ns += before;
	if (n > 0) {
		follow_cost(s, before / n);
	}
	return n > 0;
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

static void nap_until(int64_t until_ns, int64_t now_ns)
{
	(void)ws_sys_sleep_until(until_ns < now_ns + NAP_NS ? until_ns : now_ns + NAP_NS);
}

/* True when nothing more may be staged; what is staged is still sent. */
static bool plan_over(struct ws_sender *s, int64_t now_ns)
{
	const struct ws_plan *plan = s->c.plan;

	if (s->cursor.n >= plan->count) {
		return true;
	}
	if (ws_plan_is_max(plan) && now_ns - s->c.start_ns >= plan->duration_ns) {
		return true;
	}
	if (now_ns >= s->c.stop_ns) {
		s->stats.overran = true;
		return true;
	}
	return false;
}

/* Frames that were built but will not be sent: nobody ever saw them. */
static void withdraw_staged(struct ws_sender *s)
{
	for (unsigned i = 0; i < s->staged_count; i++) {
		s->flight[s->staged[i].cookie].withdrawn = true;
		tell(s, (uint32_t)s->staged[i].cookie);
	}
	s->staged_count = 0;
}

/*
 * Several collects that the far side finds together bring nothing together, and say nothing of what comes after: they
 * count as one.
 */
static void look_at_idle(struct ws_sender *s)
{
	uint64_t idle = atomic_load_explicit(&s->c.shared->idle_collects, memory_order_relaxed);

	if (!idle || idle < s->idle_seen) {
		s->idle = 0;
	}
	s->idle += idle > s->idle_seen;
	s->idle_seen = idle;
}

/* One probe that fetches a stamp from the far side. Its own does not matter. */
static void send_collect(struct ws_sender *s)
{
	struct ws_io_tx frame = {0};

	if (!s->slot_count && ws_io_tx_reserve(s->c.io, s->slots, 1) == 1) {
		s->slot_count = 1;
	}
	if (!s->slot_count) {
		return;
	}
	frame.len = s->c.collect->write(s->c.collect->arg, s->slots[0].data, s->collect_seq++, 0);
	if (ws_io_tx_submit(s->c.io, &frame, 1) == 1) {
		drop_slots(s, 1);
		s->stats.collects += frame.status == 0;
	}
}

/*
 * The transmit stamp of an answer travels in the next one, so that the last ones' are still over there. False when
 * nothing more can be had: all are here, the far side says that it has none, or the time is over.
 */
static bool fetch(struct ws_sender *s)
{
	struct ws_run_shared *shared = s->c.shared;
	int64_t now = ws_clock_now();
	bool open = atomic_load_explicit(&shared->base, memory_order_relaxed) < s->cursor.n;

	if (!s->c.collect || stop_level(s) >= 2 || atomic_load(&shared->sender_fault)) {
		return false;
	}
	if (!s->collect_until_ns) {
		s->collect_until_ns = now + s->c.collect_ns;
		s->collect_seq = s->cursor.n;
		atomic_store_explicit(&shared->collecting, 1, memory_order_release);
	}
	if (now >= s->collect_until_ns || atomic_load(&shared->receiver_fault) == -ENODEV) {
		return false;
	}
	if (!atomic_load_explicit(&shared->waiting, memory_order_acquire) ||
		s->idle >= COLLECT_IDLE) {
		if (!open) {
			return false;
		}
		/* The last packets may take the whole window to be told lost. */
		(void)ws_sys_sleep_until(now + OPEN_NS);
		return true;
	}
	if (now < s->collect_next_ns) {
		(void)ws_sys_sleep_until(s->collect_next_ns);
		return true;
	}
	look_at_idle(s);
	send_collect(s);
	s->collect_next_ns = now + (COLLECT_NS << (s->idle < 6 ? s->idle : 6));
	return true;
}

/* The end: collects the stamps that are still under way. False when all is told. */
static bool collect_rest(struct ws_sender *s)
{
	withdraw_staged(s);
	if (ws_io_tx_outstanding(s->c.io) && !s->stamps_broken && stop_level(s) < 2) {
		if (!drain(s, STAMP_BATCH)) {
			(void)ws_io_wait(s->c.io, ws_clock_now() + 1000000);
		}
		return true;
	}
	for (uint32_t i = 0; !s->told_all && i < s->bound + BATCH; i++) {
		if (s->flight[i].seq != UINT64_MAX) {
			tell(s, i);
		}
	}
	if (!s->told_all) {
		/* What comes behind is no part of the load that the result tells of. */
		s->stats.cpu_ns = ws_sys_clock(CLOCK_THREAD_CPUTIME_ID) - s->cpu_before_ns;
		s->told_all = true;
	}
	if (fetch(s)) {
		return true;
	}
	atomic_store_explicit(&s->c.shared->sender_done, 1, memory_order_release);
	return false;
}

bool ws_sender_step(struct ws_sender *s)
{
	int64_t now = ws_clock_now();
	struct ws_pace_state state;
	struct ws_pace_step step;
	bool over = plan_over(s, now);

	if (!s->started) {
		s->started = true;
		s->cpu_before_ns = ws_sys_clock(CLOCK_THREAD_CPUTIME_ID);
	}
	if (stop_level(s) || (over && !s->staged_count)) {
		s->ending = true;
	}
	if (s->ending) {
		return collect_rest(s);
	}
	state = (struct ws_pace_state){
		.now_ns = now,
		.deadline_ns = s->staged_count ? INT64_MIN : s->c.start_ns + s->cursor.offset_ns,
		.outstanding = s->bound ? ws_io_tx_outstanding(s->c.io) : 0,
		.bound = s->bound,
		.drained = s->drained,
	};
	step = ws_pace_decide(&s->c.pace, &state);
	switch (step.action) {
	case WS_PACE_SEND:
		if (!over) {
			stage_due(s, now);
		}
		if (s->staged_count) {
			submit(s);
		} else if (!state.outstanding || !drain(s, STAMP_BATCH)) {
			/* Every sequence that may be open is open, and only the stamps just looked
			 * for or packets that have yet to arrive can close one. */
			(void)ws_sys_sleep_until(now + AGAIN_NS);
		}
		break;
	case WS_PACE_DRAIN:
		(void)drain(s, step.max);
		break;
	case WS_PACE_BOUND:
		s->stats.bound_waits++;
		(void)ws_io_wait(s->c.io, now + 1000000);
		s->drained = false;
		break;
	case WS_PACE_SLEEP:
	case WS_PACE_SPIN:
		if (!s->waited) {
			s->stats.pacer_waits++;
			s->waited = true;
		}
		if (state.outstanding && !s->drained) {
			/* The gap was too short for even one stamp, as far as is known: know it
			 * anew. */
			follow_cost(s, s->c.pace.drain_each_ns - s->c.pace.drain_each_ns / 8);
		}
		if (step.action == WS_PACE_SLEEP) {
			nap_until(step.until_ns, now);
		} else {
			spin_until(step.until_ns);
		}
		break;
	}
	return true;
}
