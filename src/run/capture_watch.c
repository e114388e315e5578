/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/capture_own.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"
#include "host/thread.h"

#define LOOK_NS	    50000000
#define PROGRESS_NS 1000000000
#define PRIORITY    10

/* Until the readers have published what they have counted, but no longer than they take for that. */
static void refresh(struct ws_capture *c)
{
	unsigned wanted = atomic_fetch_add(&c->shared.looks, 1) + 1;
	int64_t until = ws_sys_clock(CLOCK_MONOTONIC) + 2 * LOOK_NS;

	for (unsigned n = 0; n < c->started; n++) {
		struct ws_reader *r = c->readers[n];

		while (atomic_load_explicit(&r->counts.looks, memory_order_acquire) < wanted &&
			!atomic_load(&r->done) && ws_sys_clock(CLOCK_MONOTONIC) < until) {
			(void)ws_sys_sleep_until(ws_sys_clock(CLOCK_MONOTONIC) + 1000000);
		}
	}
}

/* Collects what the threads have counted so far. */
static void collect(struct ws_capture *c)
{
	struct ws_capture_report *r = c->report;

	r->elapsed_ns = (c->ended_ns ? c->ended_ns : ws_sys_clock(CLOCK_MONOTONIC)) - c->began_ns;
	r->merged_late = r->written_bytes = r->rotations = r->rotate_failures = 0;
	for (unsigned i = 0; i < r->count; i++) {
		struct ws_capture_counts *o = &r->interfaces[i];

		o->offered = o->received = o->dropped_kernel = o->damaged = o->freezes = 0;
		o->losing_blocks = o->truncated = o->filtered = o->written = o->late = 0;
		o->dropped_writer = o->lost_spread = o->bytes = 0;
		memset(o->origins, 0, sizeof(o->origins));
		o->downs = 0;
		o->fill = 0;
	}
	for (unsigned g = 0; g < c->group_count; g++) {
		struct ws_writer *w = &c->groups[g].writer;

		for (unsigned n = 0; w->own && n < c->groups[g].reader_count; n++) {
			struct ws_capture_counts *o = &r->interfaces[c->groups[g].first_interface +
								     n / c->setup->workers];

			/* Before the reader's counts: what is under way is never negative then. */
			o->written += atomic_load(&w->written[n]);
			o->dropped_writer += atomic_load(&w->lost[n]);
		}
		r->merged_late += atomic_load(&w->late);
		r->written_bytes += atomic_load(&w->bytes);
		r->rotations += atomic_load(&w->rotations);
		r->rotate_failures += atomic_load(&w->rotate_failures);
	}
	refresh(c);
	for (unsigned n = 0; n < c->reader_count; n++) {
		struct ws_capture_counts *o = &r->interfaces[ws_capture_interface_of(c, n)];
		struct ws_reader *reader = c->readers[n];
		struct ws_reader_counts *k = &reader->counts;
		unsigned fill = atomic_load(&k->fill), downs;

		o->offered += atomic_load(&k->offered);
		o->received += atomic_load(&k->received);
		o->dropped_kernel += atomic_load(&k->dropped);
		o->damaged += atomic_load(&k->damaged);
		o->freezes += atomic_load(&k->freezes);
		o->losing_blocks += atomic_load(&k->losing);
		o->truncated += atomic_load(&k->truncated);
		o->filtered += atomic_load(&k->filtered);
		o->late += atomic_load(&k->late);
		o->dropped_writer += atomic_load(&k->dropped_writer);
		o->lost_spread += atomic_load(&k->lost_spread);
		o->bytes += atomic_load(&k->bytes);
		for (int i = 0; i < WS_ORIGIN_COUNT; i++) {
			o->origins[i] += atomic_load(&k->origins[i]);
		}
		/* Workers of one interface see the same. */
		downs = atomic_load(&reader->downs);
		o->downs = downs > o->downs ? downs : o->downs;
		o->fill = fill > o->fill ? fill : o->fill;
		o->gone = o->gone || atomic_load(&reader->error) != 0;
	}
	for (unsigned i = 0; i < r->count; i++) {
		struct ws_capture_counts *o = &r->interfaces[i];
		uint64_t done = o->filtered + o->written + o->dropped_writer;

		o->under_way = o->received > done ? o->received - done : 0;
	}
}

static void *reader_thread(void *arg)
{
	ws_reader_run(arg);
	return NULL;
}

static void *writer_thread(void *arg)
{
	ws_writer_run(arg);
	return NULL;
}

struct start {
	void *(*body)(void *);
	void *arg;
	const char *name;
	int cpu; /* -1: any */
	bool realtime;
};

static void *started(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), s.name);
	if (s.cpu >= 0) {
		/* Checked before anything was opened; the machine may have changed its mind. */
		(void)ws_thread_pin(s.cpu, NULL, 0);
	}
	if (s.realtime) {
		(void)ws_thread_realtime(PRIORITY, NULL, 0);
	}
	return s.body(s.arg);
}

static int start_thread(struct ws_capture *c, pthread_t *thread, void *(*body)(void *), void *arg,
	const char *name, unsigned number, bool realtime)
{
	const struct ws_capture_setup *s = c->setup;
	struct start *start = malloc(sizeof(*start));
	sigset_t all, before;
	int rc;

	if (!start) {
		return -ENOMEM;
	}
	*start = (struct start){
		.body = body,
		.arg = arg,
		.name = name,
		.cpu = s->cpu_count ? s->cpus[number % s->cpu_count] : -1,
		.realtime = realtime && s->realtime,
	};
	/* Signals are the watching thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, NULL, started, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		free(start);
	}
	return -rc;
}

static int64_t longest_hold(const struct group *g)
{
	int64_t longest = 0;

	for (unsigned n = 0; n < g->reader_count; n++) {
		const struct ws_reader_config *r = &g->readers[n]->c;
		int64_t hold = ws_io_caps(r->io)->rx_hold_ns + r->flush_ns + r->nap_max_ns;

		longest = hold > longest ? hold : longest;
	}
	return longest;
}

static int start_writers(
	struct ws_capture *c, struct ws_capfile *const *files, struct ws_capture_fault *f)
{
	const struct ws_capture_setup *s = c->setup;

	for (unsigned i = 0; i < c->group_count; i++) {
		struct group *g = &c->groups[i];
		struct ws_writer_config config = {
			.readers = g->readers,
			.reader_count = g->reader_count,
			.file = files ? files[i] : NULL,
			.printer = s->printer,
			.header = g->header,
			.header_len = g->header_len,
			.ids = g->ids,
			.rotate_size = s->rotate_size,
			.rotate_ns = s->rotate_ns,
			.started_ns = c->started_ns,
			.hold_ns = longest_hold(g),
			.wake_fd = g->wake[0],
			.compressed = c->report->compress != NULL,
		};
		int rc;

		f->interface = g->first_interface;
		f->step = "file";
		if (files) {
			rc = ws_capfile_begin(files[i], c->started_ns, g->header, g->header_len);
			if (rc < 0) {
				return rc;
			}
		}
		f->step = "memory";
		rc = ws_writer_init(&g->writer, &config);
		if (rc < 0) {
			return rc;
		}
		f->step = "thread";
		rc = start_thread(c, &g->thread, writer_thread, &g->writer, "ws-writer",
			c->reader_count + i, false);
		if (rc < 0) {
			return rc;
		}
		g->started = true;
	}
	return 0;
}

static void say(struct ws_capture *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct ws_capture *c, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	ws_warn(&c->report->warnings, "%s", text);
	if (c->setup->event) {
		c->setup->event(c->setup->arg, text);
	}
}

static void end_with(struct ws_capture *c, bool failed, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void end_with(struct ws_capture *c, bool failed, const char *format, ...)
{
	struct ws_capture_report *r = c->report;
	va_list ap;

	if (!r->ended_by[0]) {
		va_start(ap, format);
		vsnprintf(r->ended_by, sizeof(r->ended_by), format, ap);
		va_end(ap);
		r->complete = false;
		if (failed && c->setup->event) {
			c->setup->event(c->setup->arg, r->ended_by);
		}
	}
	r->failed = r->failed || failed;
}

/* What happened to the readers since the last look. Returns how many still run. */
static unsigned look_at_readers(struct ws_capture *c)
{
	unsigned alive = 0;

	for (unsigned n = 0; n < c->reader_count; n++) {
		struct ws_reader *r = c->readers[n];
		const char *name = c->setup->interfaces[ws_capture_interface_of(c, n)].name;
		bool speaks = n % c->setup->workers == 0; /* one of an interface's workers */
		unsigned downs = atomic_load(&r->downs), ups = atomic_load(&r->ups);
		int error = atomic_load(&r->error);

		if (speaks && downs != c->downs_told[n]) {
			c->downs_told[n] = downs;
			say(c, "%s: went down (the capture goes on when it comes up)", name);
		}
		if (speaks && ups != c->ups_told[n]) {
			c->ups_told[n] = ups;
			say(c, "%s: is up again, packets come", name);
		}
		if (speaks && error && !c->gone_told[n]) {
			c->gone_told[n] = true;
			say(c, "%s: %s (what was captured there is complete)", name,
				error == -ENODEV ? "was removed" : strerror(-error));
			c->report->failed = true;
		}
		alive += !error && !atomic_load(&r->done);
	}
	return alive;
}

/* The same for the writers. False if none can write any more. */
static bool look_at_writers(struct ws_capture *c, struct ws_capfile *const *files)
{
	unsigned failures = 0, error_at = 0;
	int rotate_error = 0;
	bool good = true;

	for (unsigned i = 0; i < c->group_count; i++) {
		struct ws_writer *w = &c->groups[i].writer;

		if (atomic_load(&w->error)) {
			error_at = i;
			good = false;
		}
		failures += atomic_load(&w->rotate_failures);
		rotate_error = atomic_load(&w->rotate_error) ? atomic_load(&w->rotate_error)
							     : rotate_error;
	}
	if (failures != c->rotate_failures_told) {
		if (!c->rotate_failures_told) {
			say(c,
				"the next file cannot be made: %s (goes on in the current one, and "
				"tries again)",
				strerror(-rotate_error));
		}
		c->rotate_failures_told = failures;
	}
	if (!good) {
		int error = atomic_load(&c->groups[error_at].writer.error);
		const char *path = files ? ws_capfile_path(files[error_at]) : "stdout";

		path = strcmp(path, "-") ? path : "stdout";
		end_with(c, true, "%s: %s (%s)", path, strerror(-error),
			error == -EPIPE ? "its reader has gone; what it took is complete"
			: error == -ENOSPC || error == -EDQUOT
				? "make room; what was written until then is safe"
				: "what was written until then is safe");
	}
	return good;
}

static void serve_requests(struct ws_capture *c)
{
	const struct ws_capture_setup *s = c->setup;
	unsigned wanted = s->ledger_wanted ? atomic_load(s->ledger_wanted) : 0;

	if (wanted != c->ledgers_done && s->ledger) {
		c->ledgers_done = wanted;
		collect(c);
		s->ledger(s->arg, c->report);
	}
	wanted = s->rotate_wanted ? atomic_load(s->rotate_wanted) : 0;
	if (wanted != c->rotates_done) {
		c->rotates_done = wanted;
		for (unsigned i = 0; i < c->group_count; i++) {
			atomic_fetch_add(&c->groups[i].writer.rotate_now, 1);
		}
	}
}

static void sleep_a_little(int64_t until)
{
	/* A signal may end it: then there is something to do. */
	(void)ws_sys_sleep_until(until);
}

static void watch(struct ws_capture *c, struct ws_capfile *const *files)
{
	const struct ws_capture_setup *s = c->setup;
	int64_t next = c->began_ns + PROGRESS_NS;

	for (;;) {
		int64_t now = ws_sys_clock(CLOCK_MONOTONIC), until = now + LOOK_NS;

		if (look_at_readers(c) == 0) {
			if (!atomic_load(&c->shared.stop)) {
				end_with(c, false, "no interface is left");
			}
			return;
		}
		if (!look_at_writers(c, files)) {
			return;
		}
		if (atomic_load(&c->shared.stop)) {
			return; /* the limit was reached */
		}
		if (atomic_load(s->stop)) {
			end_with(c, false, "stopped by the user");
			return;
		}
		if (s->duration_ns && now >= c->began_ns + s->duration_ns) {
			return;
		}
		serve_requests(c);
		if (now >= next) {
			next += PROGRESS_NS;
			if (s->progress) {
				collect(c);
				s->progress(s->arg, c->report);
			}
		}
		if (s->duration_ns && until > c->began_ns + s->duration_ns) {
			until = c->began_ns + s->duration_ns;
		}
		sleep_a_little(until);
	}
}

/* Ends the readers, then the writers, who first write what there is. */
static void finish(struct ws_capture *c, struct ws_capfile *const *files)
{
	atomic_store(&c->shared.stop, 1);
	for (unsigned n = 0; n < c->started; n++) {
		pthread_join(c->threads[n], NULL);
	}
	c->ended_ns = ws_sys_clock(CLOCK_MONOTONIC);
	(void)look_at_readers(c);
	if (c->setup->nic_drops) {
		c->setup->nic_drops(c->setup->arg, c->report);
	}
	for (unsigned i = 0; i < c->group_count; i++) {
		struct group *g = &c->groups[i];
		const char one = 1;

		if (!g->started) {
			continue;
		}
		for (unsigned id = 0; id < g->ids; id++) {
			g->nic_dropped[id] = UINT64_MAX;
		}
		for (unsigned n = 0; n < g->reader_count; n++) {
			const struct ws_capture_counts *o =
				&c->report->interfaces[g->first_interface + n / c->setup->workers];

			g->nic_dropped[g->readers[n]->c.system_id] = o->dropped_nic;
		}
		g->writer.nic_dropped = g->nic_dropped;
		atomic_store_explicit(&g->writer.finish, 1, memory_order_release);
		(void)ws_sys_write(g->wake[1], &one, 1);
	}
	for (unsigned i = 0; i < c->group_count; i++) {
		struct group *g = &c->groups[i];

		while (g->started && !atomic_load_explicit(&g->writer.done, memory_order_acquire) &&
			atomic_load(c->setup->stop) < 2) {
			serve_requests(c);
			sleep_a_little(ws_sys_clock(CLOCK_MONOTONIC) + 5000000);
		}
		if (g->started && !atomic_load_explicit(&g->writer.done, memory_order_acquire)) {
			/* It is stuck in a write that nobody takes, and the user will not wait. */
			g->abandoned = c->report->abandoned = true;
			/* Says more than that the user has stopped it. */
			c->report->ended_by[0] = '\0';
			end_with(c, true, "ended by the user before all was written");
		} else if (g->started) {
			pthread_join(g->thread, NULL);
		}
	}
	(void)look_at_writers(c, files);
	collect(c);
	for (unsigned i = 0; i < c->report->count; i++) {
		struct ws_capture_counts *o = &c->report->interfaces[i];

		/* Only where a writer was given up. */
		o->dropped_writer += o->under_way;
		o->under_way = 0;
		o->stopped = true;
	}
}

int ws_capture_run(
	struct ws_capture *c, struct ws_capfile *const *files, struct ws_capture_fault *ret_fault)
{
	int rc;

	*ret_fault = (struct ws_capture_fault){.step = "file"};
	c->report->complete = true;
	rc = start_writers(c, files, ret_fault);
	for (unsigned n = 0; rc == 0 && n < c->reader_count; n++) {
		ret_fault->interface = ws_capture_interface_of(c, n);
		ret_fault->step = "thread";
		rc = start_thread(
			c, &c->threads[n], reader_thread, c->readers[n], "ws-reader", n, true);
		c->started += rc == 0;
	}
	if (rc == 0) {
		c->report->live = true;
		watch(c, files);
	}
	finish(c, files);
	c->report->live = false;
	return rc;
}
