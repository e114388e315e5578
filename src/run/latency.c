/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/latency.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "host/clock.h"
#include "host/nic.h"
#include "host/sys.h"
#include "host/thread.h"
#include "run/clocks.h"
#include "run/latency_ends.h"
#include "run/receiver.h"
#include "run/sender.h"
#include "run/verdict.h"

/* From the last preparation to the first packet: threads start, and the kernel switches receive
 * stamps on from a work queue a moment after a socket asked for them. */
#define START_DELAY_NS 50000000
#define LOOK_NS	       100000000
/* A run that was to last a given time ends a little later at the most, however late its packets
 * are. */
#define OVERTIME_NS  1000000000LL
#define RECORDS	     65536
#define MIN_CAPACITY (1u << 14)
#define MAX_CAPACITY (1u << 20)
/* A clock that moved by more than this against another was set, not slewed (adjtimex: 500 ppm). */
#define STEP_PPB      1000000
#define STEP_FLOOR_NS 2000

struct run {
	const struct ws_latency_setup *setup;
	struct ws_run_result *result;
	struct ws_warnings *warnings;
	struct ws_run_shared shared;
	struct ws_latency_ends ends;
	struct ws_receiver_two_way two_way;
	struct ws_receiver_hardware hardware;
	struct ws_clock_watch *watch;
	struct ws_spsc *records;
	struct ws_sender *sender;
	struct ws_receiver *receiver;
	uint32_t capacity;
	int64_t start_ns;
	/* CLOCK_REALTIME against CLOCK_MONOTONIC */
	struct ws_relation relation;
	int64_t relation_at_ns;
	int64_t relation_error_ns; /* worst so far, drift between two looks included */
	bool stepped;
};

static uint32_t capacity_for(const struct ws_latency_setup *setup)
{
	/* A sequence stays open for the window, or until its stamp is given up; and a quarter more,
	 * so that a busy receiver does not hold the sender up. */
	int64_t open_ns =
		setup->window_ns > WS_LATENCY_STAMP_NS ? setup->window_ns : WS_LATENCY_STAMP_NS;
	double wanted = ws_plan_is_max(&setup->plan)
				? MAX_CAPACITY
				: ws_ratio_double(setup->plan.pps) * (double)open_ns * 1.25e-9;
	uint32_t capacity = MIN_CAPACITY;

	while (capacity < MAX_CAPACITY && capacity < wanted) {
		capacity *= 2;
	}
	return capacity;
}

static void say_set(struct run *r, int64_t by_ns)
{
	const struct ws_latency_setup *setup = r->setup;

	if (!ws_latency_is_hardware(setup, WS_END_TX) &&
		!ws_latency_is_hardware(setup, WS_END_RX)) {
		ws_warn(r->warnings,
			"CLOCK_REALTIME, which the kernel stamps with, was set by %+lld ns "
			"during the run: latencies around that instant are wrong (stop whatever "
			"sets the clock and repeat)",
			(long long)by_ns);
	} else if (setup->waterfall) {
		/* Of the latencies the watch of the cards' clocks tells. */
		ws_warn(r->warnings,
			"CLOCK_REALTIME was set by %+lld ns during the run: the kernel's stages around "
			"that instant are wrong, the latencies are not (stop whatever sets the clock and "
			"repeat)",
			(long long)by_ns);
	}
}

/* Looks at the clocks, and notices when somebody set one. */
static void look_at_clocks(struct run *r, bool first)
{
	struct ws_relation now = ws_clock_relate(WS_CLOCK_REALTIME);
	int64_t at = ws_clock_now();

	if (!first) {
		int64_t moved = now.offset_ns - r->relation.offset_ns;
		int64_t size = moved < 0 ? -moved : moved;
		int64_t allowed = (at - r->relation_at_ns) / (WS_NSEC_PER_SEC / STEP_PPB) +
				  now.error_ns + r->relation.error_ns + STEP_FLOOR_NS;

		if (size > allowed) {
			r->stepped = true;
			say_set(r, moved);
		} else if (size + now.error_ns > r->relation_error_ns) {
			r->relation_error_ns = size + now.error_ns;
		}
	} else {
		r->relation_error_ns = now.error_ns;
	}
	r->relation = now;
	r->relation_at_ns = at;
	atomic_store_explicit(&r->shared.realtime_offset_ns, now.offset_ns, memory_order_relaxed);
}

/* Timers that are due fire on time, not up to 50 us later. */
static void exact_timers(void)
{
	(void)prctl(PR_SET_TIMERSLACK, 1);
}

static void *sender_thread(void *arg)
{
	struct run *r = arg;

	exact_timers();
	while (ws_sender_step(r->sender)) {
		;
	}
	return NULL;
}

static void *receiver_thread(void *arg)
{
	struct run *r = arg;

	for (;;) {
		enum ws_receiver_state state = ws_receiver_step(r->receiver);

		if (state == WS_RECEIVER_DONE) {
			break;
		}
		if (state == WS_RECEIVER_IDLE) {
			ws_receiver_wait(r->receiver);
		}
	}
	ws_receiver_stop(r->receiver);
	return NULL;
}

static void set_ended(struct run *r, bool failed, const char *name, const char *what)
{
	struct ws_run_result *res = r->result;

	if (!res->complete) {
		return;
	}
	res->complete = false;
	res->failed = failed;
	(void)snprintf(
		res->ended_by, sizeof(res->ended_by), "%s%s%s", name, *name ? " " : "", what);
}

static void check_fault(struct run *r, int fault, enum ws_end end)
{
	const char *name = r->setup->end[end].name;

	switch (fault) {
	case 0:
		return;
	case -ENODEV:
		set_ended(r, true, name, "was removed during the run");
		break;
	case -ENETDOWN:
		/* A removal begins by setting the interface down. */
		set_ended(r, true, name,
			ws_latency_end_exists(r->setup, end) ? "went down during the run"
							     : "was removed during the run");
		break;
	default:
		set_ended(r, true, name, strerror(-fault));
		break;
	}
	atomic_store(&r->shared.stop, 1);
}

/* From the start until both threads are done. */
static void watch(struct run *r, pthread_t receiver)
{
	const struct ws_latency_setup *setup = r->setup;
	int64_t second = r->start_ns + WS_NSEC_PER_SEC, look = 0, sample = INT64_MAX;

	for (;;) {
		int64_t now = ws_clock_now(), wake;
		struct timespec until;
		bool over;

		if (r->watch) {
			sample = ws_clock_watch_sample(r->watch);
		}
		look = now >= look ? now + LOOK_NS : look;
		wake = look < sample ? look : sample;
		until = (struct timespec){
			.tv_sec = wake / WS_NSEC_PER_SEC,
			.tv_nsec = wake % WS_NSEC_PER_SEC,
		};
		over = pthread_clockjoin_np(receiver, NULL, CLOCK_MONOTONIC, &until) == 0;

		check_fault(r, atomic_load(&r->shared.sender_fault), WS_END_TX);
		check_fault(r, atomic_load(&r->shared.receiver_fault), WS_END_RX);
		if (over) {
			return;
		}
		if (setup->stop && atomic_load(setup->stop)) {
			set_ended(r, false, "", "stopped by the user");
			atomic_store(&r->shared.stop, atomic_load(setup->stop));
		}
		now = ws_clock_now();
		if (now < second) {
			continue;
		}
		second += WS_NSEC_PER_SEC;
		look_at_clocks(r, false);
		ws_latency_carriers(r->setup, r->warnings);
		if (setup->progress) {
			struct ws_progress p = {
				.seconds = (double)(now - r->start_ns) * 1e-9,
				.sent = atomic_load(&r->shared.accepted),
				.received = atomic_load(&r->shared.received),
			};

			setup->progress(setup->arg, &p);
		}
	}
}

/* When a run that was to last a given time must begin no more packets. */
static int64_t stop_ns(const struct run *r)
{
	int64_t duration = r->setup->plan.duration_ns, end;

	if (__builtin_add_overflow(duration, duration / 10 + OVERTIME_NS, &end) ||
		__builtin_add_overflow(end, r->start_ns, &end)) {
		return INT64_MAX;
	}
	return end;
}

static int64_t resolution_of(const struct run *r, enum ws_end end)
{
	const struct ws_latency_end *e = &r->setup->end[end];

	if (ws_latency_is_hardware(r->setup, end)) {
		return e->hw_step_ns > 0 ? e->hw_step_ns : 1;
	}
	/* The kernel's clocks have one resolution. */
	return ws_sys_clock_resolution(
		e->origin == WS_ORIGIN_SOFTWARE ? CLOCK_REALTIME : CLOCK_MONOTONIC);
}

/* Of the coarser end. */
static int64_t resolution(const struct run *r)
{
	int64_t tx = resolution_of(r, WS_END_TX), rx = resolution_of(r, WS_END_RX);

	return tx > rx || !ws_latency_has_receiver(r->setup) ? tx : rx;
}

static int64_t error_bound(const struct run *r)
{
	enum ws_clock tx = r->result->tx_clock, rx = r->result->rx_clock;

	if (r->stepped && (tx == WS_CLOCK_REALTIME || rx == WS_CLOCK_REALTIME)) {
		return -1;
	}
	if (tx != rx && ws_latency_is_hardware(r->setup, WS_END_TX) &&
		ws_latency_is_hardware(r->setup, WS_END_RX)) {
		int64_t error = ws_run_clocks_error(r->watch);

		return error < 0 ? -1 : error + resolution(r);
	}
	return tx == rx ? resolution(r) : resolution(r) + r->relation_error_ns;
}

static int prepare(
	struct run *r, struct ws_latency_granted *granted, struct ws_latency_fault *fault)
{
	const struct ws_latency_setup *setup = r->setup;
	const struct ws_latency_end *tx = &setup->end[WS_END_TX];
	const struct ws_latency_end *rx = &setup->end[WS_END_RX];
	struct ws_receiver_config receiver;
	struct ws_sender_config sender;
	int rc;

	fault->step = "open";
	rc = ws_latency_ends_check(setup, fault);
	if (rc < 0) {
		return rc;
	}
	/* The receiver first: nothing that is sent may miss it. */
	if (ws_latency_has_receiver(setup)) {
		fault->end = WS_END_RX;
		rc = ws_latency_end_open(&r->ends, WS_END_RX, granted);
		if (rc < 0) {
			return rc;
		}
	}
	fault->end = WS_END_TX;
	rc = ws_latency_end_open(&r->ends, WS_END_TX, granted);
	if (rc < 0) {
		return rc;
	}
	fault->step = "memory";
	rc = ws_spsc_new(&r->records, RECORDS, sizeof(struct ws_tx_record));
	if (rc < 0) {
		return rc;
	}
	r->capacity = capacity_for(setup);
	if (r->result->hardware) {
		fault->step = "clocks";
		rc = ws_run_clocks_open(&r->watch, setup);
		if (rc < 0) {
			return rc;
		}
		fault->step = "memory";
	}
	r->hardware = (struct ws_receiver_hardware){
		.tx = ws_latency_is_hardware(setup, WS_END_TX),
		.rx = ws_latency_is_hardware(setup, WS_END_RX),
		.ordered = setup->ordered,
		.coarse = setup->coarse,
		.watch = r->watch,
	};
	r->two_way = (struct ws_receiver_two_way){
		.boot = setup->boot,
		.stamp_error_ns = error_bound(r),
	};
	receiver = (struct ws_receiver_config){
		.io = r->ends.io[WS_END_RX],
		.records = r->records,
		.shared = &r->shared,
		.window_ns = setup->window_ns,
		.capacity = r->capacity,
		.kernel_stamps = rx->origin != WS_ORIGIN_USER,
		.want = rx->origin,
		.run_id = setup->run_id,
		.stream = setup->stream,
		.udp_port =
			setup->udp_peer ? ws_io_caps(r->ends.io[WS_END_TX])->udp_port : setup->port,
		.paced = !ws_plan_is_max(&setup->plan),
		.stages = ws_latency_tx_stages(setup),
		.hardware = r->result->hardware ? &r->hardware : NULL,
		.two_way = setup->mode == WS_LATENCY_TWO_WAY ? &r->two_way : NULL,
		.packets = setup->packets,
		.packets_run = setup->packets_run,
		.result = r->result,
	};
	rc = ws_receiver_new(&r->receiver, &receiver);
	if (rc < 0) {
		return rc;
	}
	sender = (struct ws_sender_config){
		.io = r->ends.io[WS_END_TX],
		.plan = &setup->plan,
		.source = &setup->source,
		.collect = setup->mode == WS_LATENCY_TWO_WAY ? &setup->collect : NULL,
		.collect_ns = setup->window_ns + WS_NSEC_PER_SEC,
		.records = r->records,
		.shared = &r->shared,
		.capacity = r->capacity - (r->result->hardware ? WS_RECEIVER_JUDGED : 0),
		.stop_ns = INT64_MAX,
		.kernel_stamps = tx->origin != WS_ORIGIN_USER,
		.stages = ws_latency_tx_stages(setup),
		.stage = ws_latency_is_hardware(setup, WS_END_TX) ? WS_STAGE_WIRE : WS_STAGE_DRIVER,
		.in_flight = ws_latency_is_hardware(setup, WS_END_TX) ? setup->in_flight : 0,
		.sample_gap_ns = setup->sample_gap_ns,
		.pace = ws_pace_default,
	};
	rc = ws_sender_new(&r->sender, &sender);
	if (rc < 0) {
		return rc;
	}
	/* To lay out all that memory may take longer than the run: its time begins now. */
	r->start_ns = ws_clock_now() + START_DELAY_NS;
	ws_receiver_start(r->receiver, r->start_ns);
	ws_sender_start(r->sender, r->start_ns, setup->timed ? stop_ns(r) : INT64_MAX);
	return 0;
}

/* What a thread is told, and what it tells before it begins. */
struct start {
	struct run *run;
	void *(*body)(void *);
	int cpu, rc;
	sem_t placed;
};

static void *begin(void *arg)
{
	struct start *s = arg;
	void *(*body)(void *) = s->body;
	struct run *r = s->run;
	int rc = s->cpu >= 0 ? ws_thread_pin(s->cpu, NULL, 0) : 0;

	s->rc = rc;
	sem_post(&s->placed);
	return rc < 0 ? NULL : body(r);
}

static int start_thread(pthread_t *thread, void *(*body)(void *), struct run *r, enum ws_end end)
{
	struct start s = {.run = r, .body = body, .cpu = r->setup->end[end].cpu};
	sigset_t all, before;
	int rc;

	if (sem_init(&s.placed, 0, 0) < 0) {
		return -errno;
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(thread, NULL, begin, &s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!rc) {
		while (sem_wait(&s.placed) < 0) {
			; /* a signal came */
		}
		rc = s.rc;
		if (rc < 0) {
			pthread_join(*thread, NULL);
		}
	}
	sem_destroy(&s.placed);
	return rc;
}

static void fill_result(struct run *r, const struct ws_nic *before, const struct ws_nic *after)
{
	const struct ws_sender_stats *s = ws_sender_stats(r->sender);
	const struct ws_latency_setup *setup = r->setup;
	struct ws_run_result *res = r->result;
	struct ws_io_stats tx, rx = {0};
	int64_t end = s->end_ns;

	if (res->hardware) {
		ws_run_clocks_tell(r->watch, setup, resolution(r), res, r->warnings);
	}
	ws_io_stats(r->ends.io[WS_END_TX], &tx);
	if (r->ends.io[WS_END_RX]) {
		ws_io_stats(r->ends.io[WS_END_RX], &rx);
	}
	if (s->overran) {
		set_ended(r, false, "",
			"stopped, its time being over: this rate is out of reach here");
	}
	if (!res->failed && res->ledger.attempted == res->planned) {
		/* Whoever ended it, ended only the wait for what was under way. */
		res->complete = true;
		res->ended_by[0] = '\0';
	}
	if (res->complete && !ws_plan_is_max(&setup->plan) &&
		end < r->start_ns + setup->plan.duration_ns) {
		end = r->start_ns + setup->plan.duration_ns;
	}
	res->elapsed_ns = end > r->start_ns ? end - r->start_ns : 0;
	res->late = s->late;
	res->again = s->again;
	res->stamps_missing = tx.stamps_missing;
	res->stamps_stray = tx.stamps_stray;
	res->wire_known = before->has_counters && after->has_counters;
	res->wire_packets = after->tx_packets - before->tx_packets;
	res->error_bound_ns = error_bound(r);
	if (res->two_way && res->error_bound_ns < 0) {
		/* Exchanges across the instant at which the clock was set are off by as much. */
		res->two_way->rtt_bound_ns = -1;
		res->two_way->ways_bound_ns =
			res->two_way->same_clock ? -1 : res->two_way->ways_bound_ns;
	}
	res->resolution_ns = resolution(r);
	ws_verdict(r->warnings, res,
		&(struct ws_verdict_facts){
			.sender = s,
			.setup = setup,
			.capacity = r->capacity,
			.refused = tx.udp_refused + rx.udp_refused,
		});
}

static enum ws_clock clock_of(const struct ws_latency_setup *setup, enum ws_end end)
{
	switch (setup->end[end].origin) {
	case WS_ORIGIN_HARDWARE:
		return setup->end[end].hw_clock;
	case WS_ORIGIN_USER:
		return WS_CLOCK_MONOTONIC;
	default:
		return WS_CLOCK_REALTIME;
	}
}

static int init_result(struct run *r)
{
	const struct ws_latency_setup *setup = r->setup;
	struct ws_run_result *res = r->result;

	*res = (struct ws_run_result){
		.rate = setup->rate,
		.pps = setup->plan.pps,
		.run_id = setup->run_id,
		.stream = setup->stream,
		.pattern = ws_pattern_name(setup->plan.pattern),
		.frame_bits = setup->source.frame_bits,
		.len = setup->len,
		.planned = setup->plan.count,
		.complete = true,
		.schedule_hash = ws_plan_hash(&setup->plan),
		.tx_origin = setup->end[WS_END_TX].origin,
		.rx_origin = setup->end[WS_END_RX].origin,
	};
	res->tx_clock = clock_of(setup, WS_END_TX);
	res->rx_clock = clock_of(setup, WS_END_RX);
	if (ws_latency_is_hardware(setup, WS_END_TX) || ws_latency_is_hardware(setup, WS_END_RX)) {
		res->hardware = calloc(1, sizeof(*res->hardware));
		if (!res->hardware) {
			return -ENOMEM;
		}
	}
	if (ws_latency_has_receiver(setup)) {
		res->timeline = malloc(sizeof(*res->timeline));
		res->two_way =
			setup->mode == WS_LATENCY_TWO_WAY ? malloc(sizeof(*res->two_way)) : NULL;
	}
	res->waterfall = setup->waterfall ? malloc(sizeof(*res->waterfall)) : NULL;
	if ((ws_latency_has_receiver(setup) && !res->timeline) ||
		(setup->mode == WS_LATENCY_TWO_WAY && !res->two_way) ||
		(setup->waterfall && !res->waterfall)) {
		return -ENOMEM;
	}
	return 0;
}

int ws_latency_run(const struct ws_latency_setup *setup, struct ws_run_result *ret,
	struct ws_latency_granted *ret_granted, struct ws_warnings *warnings,
	struct ws_latency_fault *ret_fault)
{
	pthread_t sender, receiver;
	struct ws_nic before, after;
	struct run *r;
	int rc;

	*ret_fault = (struct ws_latency_fault){.step = "memory"};
	r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
	if (!r) {
		return -ENOMEM;
	}
	memset(r, 0, sizeof(*r));
	r->setup = setup;
	ws_latency_ends_init(&r->ends, setup);
	r->result = ret;
	r->warnings = warnings;
	rc = init_result(r);
	look_at_clocks(r, true);
	rc = rc < 0 ? rc : prepare(r, ret_granted, ret_fault);
	if (rc < 0) {
		goto out;
	}
	(void)ws_latency_counters(setup, WS_END_TX, &before);
	ret_fault->step = "thread";
	ret_fault->end = WS_END_RX;
	rc = start_thread(&receiver, receiver_thread, r, WS_END_RX);
	if (rc < 0) {
		goto out;
	}
	ret_fault->end = WS_END_TX;
	rc = start_thread(&sender, sender_thread, r, WS_END_TX);
	if (rc < 0) {
		atomic_store(&r->shared.sender_done, 1);
		pthread_join(receiver, NULL);
		goto out;
	}
	watch(r, receiver);
	pthread_join(sender, NULL);
	if (r->watch) {
		ws_run_clocks_finish(r->watch);
	}
	ws_receiver_finish(r->receiver);
	look_at_clocks(r, false);
	ws_latency_carriers(r->setup, r->warnings);
	(void)ws_latency_counters(setup, WS_END_TX, &after);
	ret_granted->tx_keys_explicit = ws_io_caps(r->ends.io[WS_END_TX])->tx_keys_explicit;
	fill_result(r, &before, &after);
out:
	ws_sender_free(r->sender);
	ws_receiver_free(r->receiver);
	ws_clock_watch_free(r->watch);
	ws_spsc_free(r->records);
	ws_latency_ends_close(&r->ends);
	free(r);
	if (rc < 0) {
		ws_run_result_free(ret);
	}
	return rc;
}
