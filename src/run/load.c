/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_own.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/limit.h"
#include "host/clock.h"
#include "host/netns.h"
#include "host/sys.h"
#include "host/thread.h"
#include "run/load_verdict.h"

#define LOOK_NS	      20000000
#define DRAIN_LOOK_NS 2000000
/* What a queue discipline still holds when the last packet was accepted is waited for. */
#define DRAIN_NS 2000000000LL
#define PRIORITY 40

static void *worker_thread(void *arg)
{
	struct ws_load_thread *w = arg;
	struct ws_load_state *r = w->run;

	w->rc = w->cpu >= 0 ? ws_thread_pin(w->cpu, w->why, sizeof(w->why)) : 0;
	if (w->rc == 0 && r->setup->realtime) {
		(void)ws_thread_realtime(PRIORITY, w->why, sizeof(w->why));
	}
	/* Timers that are due fire on time, not up to 50 us later. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	sem_post(&r->placed);
	if (w->rc < 0) {
		return NULL;
	}
	while (ws_load_worker_step(w->worker)) {
		;
	}
	w->cpu_seen = ws_thread_cpu();
	return NULL;
}

static void stop_all(struct ws_load_state *r, int level)
{
	atomic_store(&r->shared.stop, level);
}

static int start_threads(struct ws_load_state *r, struct ws_load_fault *fault)
{
	const struct ws_load_setup *s = r->setup;
	sigset_t all, before;
	int rc = 0;

	fault->step = "thread";
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < s->workers && rc == 0; i++) {
		struct ws_load_thread *w = &r->workers[i];

		rc = -pthread_create(&w->thread, NULL, worker_thread, w);
		w->running = rc == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	for (unsigned i = 0; i < s->workers && r->workers[i].running; i++) {
		while (sem_wait(&r->placed) < 0) {
			; /* a signal came */
		}
	}
	for (unsigned i = 0; i < s->workers && rc == 0; i++) {
		const struct ws_load_thread *w = &r->workers[i];

		if (w->rc < 0) {
			fault->step = "cpu";
			(void)snprintf(fault->why, sizeof(fault->why), "%s", w->why);
			rc = w->rc;
		} else if (*w->why) {
			ws_warn(r->warnings, "--realtime: %s", w->why);
		}
	}
	if (rc < 0) {
		stop_all(r, 2);
	}
	return rc;
}

static void join_threads(struct ws_load_state *r)
{
	for (unsigned i = 0; i < r->setup->workers; i++) {
		if (r->workers[i].running) {
			pthread_join(r->workers[i].thread, NULL);
			r->workers[i].running = false;
		}
	}
}

static void set_ended(struct ws_load_state *r, bool faulted, const char *name, const char *what)
{
	struct ws_load_run *res = r->result;

	if (!res->complete) {
		return;
	}
	res->complete = false;
	res->faulted = faulted;
	(void)snprintf(
		res->ended_by, sizeof(res->ended_by), "%s%s%s", name, *name ? " " : "", what);
}

static void check_fault(struct ws_load_state *r, int fault)
{
	const char *name = r->setup->name;
	struct ws_nic nic;

	switch (fault) {
	case 0:
		return;
	case -ENODEV:
		set_ended(r, true, name, "was removed during the run");
		break;
	case -ENETDOWN:
		/* A removal begins by setting the interface down. */
		set_ended(r, true, name,
			ws_load_look(r, &nic) == -ENODEV ? "was removed during the run"
							 : "went down during the run");
		break;
	default:
		set_ended(r, true, name, strerror(-fault));
		break;
	}
	stop_all(r, 1);
}

/* Sums of what the workers publish. */
static struct ws_load_second sums(
	const struct ws_load_state *r, uint64_t *ret_sent, uint64_t *ret_bytes)
{
	struct ws_load_second s = {0};

	*ret_sent = 0;
	*ret_bytes = 0;
	for (unsigned i = 0; i < r->setup->workers; i++) {
		const struct ws_load_worker_public *p = ws_load_worker_public(r->workers[i].worker);

		*ret_sent += atomic_load_explicit(&p->sent, memory_order_relaxed);
		*ret_bytes += atomic_load_explicit(&p->bytes, memory_order_relaxed);
		s.failed += atomic_load_explicit(&p->failed, memory_order_relaxed);
		s.late += atomic_load_explicit(&p->late, memory_order_relaxed);
	}
	return s;
}

struct telling {
	int64_t at_ns; /* of the last line */
	uint64_t sent, bytes;
};

static void tell_progress(struct ws_load_state *r, struct telling *t, int64_t now_ns)
{
	double took = (double)(now_ns - t->at_ns) * 1e-9;
	uint64_t sent, bytes;
	struct ws_load_second s = sums(r, &sent, &bytes);

	s.seconds = (double)(now_ns - r->start_ns) * 1e-9;
	s.pps = (double)(sent - t->sent) / took;
	s.bps = 8.0 * (double)(bytes - t->bytes + 4 * (sent - t->sent)) / took;
	*t = (struct telling){.at_ns = now_ns, .sent = sent, .bytes = bytes};
	r->setup->progress(r->setup->arg, &s);
}

/* Whether the queue discipline still holds packets that it took from us. */
static bool still_queued(struct ws_load_state *r)
{
	if (!r->setup->queued || !ws_load_look_at_queue(r, &r->queue_after)) {
		return false;
	}
	if (!r->queue_seen) {
		r->queue_seen = true;
		r->waiting = r->queue_after.backlog_packets;
	}
	if (!r->queue_after.backlog_packets && !r->drained_ns) {
		r->drained_ns = ws_clock_now();
	}
	return r->queue_after.backlog_packets > 0;
}

static bool all_done(const struct ws_load_state *r)
{
	for (unsigned i = 0; i < r->setup->workers; i++) {
		const struct ws_load_worker_public *p = ws_load_worker_public(r->workers[i].worker);

		if (!atomic_load_explicit(&p->done, memory_order_relaxed)) {
			return false;
		}
	}
	return true;
}

/* From the start until all threads are done. */
static void watch(struct ws_load_state *r)
{
	const struct ws_load_setup *s = r->setup;
	struct telling telling = {.at_ns = r->start_ns};
	int64_t second = r->start_ns + WS_NSEC_PER_SEC;
	int64_t look_ns = LOOK_NS;

	for (unsigned i = 0; i < s->workers;) {
		int64_t now = ws_clock_now();
		struct timespec until = {
			.tv_sec = (now + look_ns) / WS_NSEC_PER_SEC,
			.tv_nsec = (now + look_ns) % WS_NSEC_PER_SEC,
		};
		bool over = pthread_clockjoin_np(
				    r->workers[i].thread, NULL, CLOCK_MONOTONIC, &until) == 0;

		if (over) {
			r->workers[i].running = false;
			i++;
		}
		for (unsigned k = 0; k < s->workers; k++) {
			const struct ws_load_worker_public *p =
				ws_load_worker_public(r->workers[k].worker);

			check_fault(r, atomic_load(&p->fault));
		}
		if (r->collector) {
			ws_load_collect(r->collector);
		}
		if (s->stop && atomic_load(s->stop)) {
			set_ended(r, false, "", "stopped by the user");
			stop_all(r, atomic_load(s->stop));
		}
		if (!r->drained_ns && all_done(r) && still_queued(r)) {
			look_ns = DRAIN_LOOK_NS;
		}
		now = ws_clock_now();
		if (now < second) {
			continue;
		}
		second += WS_NSEC_PER_SEC;
		if (!r->carrier_lost) {
			struct ws_nic nic;

			if (ws_load_look(r, &nic) == 0 && nic.up && !nic.running) {
				r->carrier_lost = true;
				ws_warn(r->warnings,
					"%s: %s lost its carrier during the run (is the cable in, and the "
					"other end up?)",
					s->label, s->name);
			}
		}
		if (s->progress) {
			tell_progress(r, &telling, now);
		}
	}
}

/* Until the queue discipline has sent what it took, so that the interface's counter is final. */
static void drain_queue(struct ws_load_state *r)
{
	int64_t until = ws_clock_now() + DRAIN_NS;

	while (still_queued(r) && ws_clock_now() < until &&
		(!r->setup->stop || atomic_load(r->setup->stop) < 2)) {
		(void)ws_sys_sleep_until(ws_clock_now() + DRAIN_LOOK_NS);
	}
	if (!r->drained_ns) {
		r->drained_ns = ws_clock_now();
	}
}

static void add_up(struct ws_load_state *r)
{
	struct ws_load_run *res = r->result;
	bool overran = false;
	int64_t end = 0;

	for (unsigned i = 0; i < r->setup->workers; i++) {
		const struct ws_load_worker_stats *s = ws_load_worker_stats(r->workers[i].worker);
		struct ws_io_stats io;

		ws_io_stats(r->workers[i].io, &io);
		res->due += s->due;
		res->sent += s->sent;
		res->sent_bytes += s->sent_bytes;
		res->attempted_bytes += s->sent_bytes + s->failed_bytes;
		res->skipped += s->skipped;
		res->refused += s->refused;
		res->given_up += s->given_up;
		res->refusal = s->refusal ? s->refusal : res->refusal;
		res->again += s->again;
		res->slots_full += io.tx_slots_full;
		res->calls += io.tx_calls;
		res->late += s->late;
		res->stalls += s->stalls;
		res->pacer_waits += s->pacer_waits;
		if (s->lateness_max_ns > res->lateness_max_ns) {
			res->lateness_max_ns = s->lateness_max_ns;
		}
		if (s->stall_max_ns > res->stall_max_ns) {
			res->stall_max_ns = s->stall_max_ns;
		}
		res->cpu_ns += s->cpu_ns;
		res->send_ns += s->send_ns;
		res->stamp_ns += s->stamp_ns;
		res->stamps_wanted += s->stamps_wanted;
		res->stamps_missing += s->stamps_missing;
		res->stamps_unread += s->stamps_unread;
		overran |= s->overran;
		end = s->end_ns > end ? s->end_ns : end;
	}
	res->failed = res->refused + res->given_up;
	res->attempted = res->sent + res->failed;
	res->balanced = res->due == res->sent + res->failed + res->skipped;
	if (overran) {
		set_ended(r, false, "",
			"stopped, its time being over: this rate is out of reach here");
	}
	if (!res->faulted && res->due == res->planned) {
		/* Whoever ended it, ended only the wait for what was under way. */
		res->complete = true;
		res->ended_by[0] = '\0';
	}
	/* A run that its time ended lasted that long, though its last call returned a moment before. */
	if (res->complete && (!ws_plan_is_max(&r->setup->plan) || res->planned == UINT64_MAX) &&
		end < r->start_ns + r->setup->plan.duration_ns) {
		end = r->start_ns + r->setup->plan.duration_ns;
	}
	res->elapsed_ns = end > r->start_ns ? end - r->start_ns : 0;
}

static void fill_result(struct ws_load_state *r)
{
	const struct ws_load_setup *s = r->setup;
	struct ws_load_run *res = r->result;

	add_up(r);
	drain_queue(r);
	res->wire_known = r->counted && r->before.has_counters && ws_load_look(r, &r->after) == 0 &&
			  r->after.has_counters;
	res->wire_packets = r->after.tx_packets - r->before.tx_packets;
	res->wire_ns = res->elapsed_ns;
	/* What is always on its way through a queue is no reason to count the look at it. */
	if (r->waiting > res->sent / 1000 && r->drained_ns - r->start_ns > res->elapsed_ns) {
		res->queue_left = r->waiting;
		res->wire_ns = r->drained_ns - r->start_ns;
	}
	res->qdisc_drops = res->qdisc_overlimits = UINT64_MAX;
	if (r->queued && ws_load_look_at_queue(r, &r->queue_after)) {
		/* The kernel's counters have 32 bits. */
		res->qdisc_drops = (uint32_t)(r->queue_after.drops - r->queue_before.drops);
		res->qdisc_overlimits =
			(uint32_t)(r->queue_after.overlimits - r->queue_before.overlimits);
	}
	ws_load_verdict(r->warnings, res,
		&(struct ws_load_verdict_facts){
			.setup = s,
			.qdisc = r->queued ? r->queue_before.root : "",
			.cpu = r->workers[0].cpu_seen,
			.carrier_lost = r->carrier_lost,
		});
}

static void init_result(struct ws_load_state *r)
{
	const struct ws_load_setup *s = r->setup;
	bool max = ws_plan_is_max(&s->plan);
	struct ws_load_run *res = r->result;

	*res = (struct ws_load_run){
		.rate = s->rate,
		.pps = s->plan.pps,
		.planned_pps = !max && s->plan.duration_ns > 0
				       ? (double)s->plan.count * 1e9 / (double)s->plan.duration_ns
				       : 0,
		.frame_bits = s->source.frame_bits,
		.pattern = s->plan.pattern,
		.burst = s->plan.burst,
		.planned = s->plan.count,
		.schedule_hash = ws_plan_hash(&s->plan),
		.complete = true,
		.gap_origin = s->stamp,
		.stamped_share = 1.0 / r->every,
	};
	ws_gaps_init(&res->gaps);
}

/* What one look at the clock takes: the mean of many. */
static int64_t clock_read_ns(void)
{
	int64_t begin = ws_clock_now();

	for (int i = 0; i < 1000; i++) {
		(void)ws_clock_now();
	}
	return (ws_clock_now() - begin) / 1000;
}

int ws_load_run(const struct ws_load_setup *setup, struct ws_load_run *ret,
	struct ws_load_granted *ret_granted, struct ws_warnings *warnings,
	struct ws_load_fault *ret_fault)
{
	struct ws_load_state *r;
	int rc;

	*ret_fault = (struct ws_load_fault){.step = "memory"};
	*ret_granted = (struct ws_load_granted){0};
	if (!setup->workers || setup->workers > WS_LOAD_WORKERS_MAX) {
		return -EINVAL;
	}
	r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
	if (!r) {
		return -ENOMEM;
	}
	memset(r, 0, sizeof(*r));
	r->setup = setup;
	r->result = ret;
	r->warnings = warnings;
	r->every = ws_load_stamped_every(setup);
	for (unsigned i = 0; i < setup->workers; i++) {
		r->workers[i].run = r;
		r->workers[i].cpu = setup->cpus[i];
		r->workers[i].cpu_seen = -1;
	}
	if (sem_init(&r->placed, 0, 0) < 0) {
		rc = -errno;
		free(r);
		return rc;
	}
	ret_granted->clock_read_ns = clock_read_ns();
	init_result(r);
	rc = ws_load_prepare(r, ret_granted, ret_fault);
	if (rc == 0) {
		ret->io = ret_granted->backend;
		r->counted = ws_load_look(r, &r->before) == 0;
		r->queued = ws_load_look_at_queue(r, &r->queue_before);
		rc = start_threads(r, ret_fault);
		if (rc == 0) {
			watch(r);
		}
		join_threads(r);
	}
	if (rc == 0) {
		if (r->collector) {
			ws_load_collect(r->collector);
		}
		fill_result(r);
	}
	for (unsigned i = 0; i < setup->workers; i++) {
		ws_load_worker_free(r->workers[i].worker);
		ws_spsc_free(r->workers[i].stamps);
		ws_io_close(r->workers[i].io);
	}
	ws_load_collector_free(r->collector);
	if (r->nl_open) {
		ws_rtnl_close(&r->nl);
	}
	sem_destroy(&r->placed);
	free(r);
	return rc;
}
