/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/netns.h"
#include "host/sys.h"
#include "host/thread.h"

#define LOOK_NS	     50000000
#define PROGRESS_NS  1000000000
#define MIN_BUFFER   (16ull << 20)
#define OTHER_BUFFER (32ull << 20) /* where the link's speed is unknown */
#define MAX_BUFFER   (256ull << 20)
#define BUFFER_MS    200
#define WRITER_BYTES (64ull << 20) /* for each file, shared by its readers */
#define MIN_CHUNKS   (4ull << 20)
#define TEXT_ROOM    (UINT16_MAX + 8u) /* of a text in a block at most, with its code and padding */
#define BLOCK_ROOM   512u	       /* of the rest of a block of the header */
#define PRIORITY     10

/* A writer and the readers that it serves. */
struct group {
	struct ws_writer writer;
	struct ws_reader **readers; /* within the capture's list */
	unsigned reader_count;
	unsigned first_interface, interface_count;
	int wake[2]; /* a pipe, readers to writer: [0] is the writer's end */
	uint8_t *header;
	size_t header_len;
	unsigned ids;
	uint64_t *nic_dropped;
	pthread_t thread;
	bool started, abandoned;
};

struct ws_capture {
	const struct ws_capture_setup *setup;
	struct ws_capture_report *report;
	struct ws_capture_shared shared;
	struct ws_reader **readers; /* those of one interface stand together */
	struct ws_chunks **chunks;
	pthread_t *threads;
	unsigned reader_count, started;
	struct group *groups;
	unsigned group_count;
	int64_t started_ns, began_ns;
	int64_t ended_ns; /* when the last reader had ended; 0: not yet */
	unsigned *downs_told, *ups_told;
	bool *gone_told;
	unsigned ledgers_done, rotates_done, rotate_failures_told;
	bool stopping;
};

static unsigned interface_of(const struct ws_capture *c, unsigned reader)
{
	return reader / c->setup->workers;
}

/* Enough for 200 ms at the link's speed, within reason. */
static uint64_t buffer_for(const struct ws_capture_setup *s, const struct ws_capture_interface *i)
{
	uint64_t most = (uint64_t)sysconf(_SC_PHYS_PAGES) / 16 * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes = s->buffer;

	if (!bytes) {
		bytes = i->link_bps ? i->link_bps / 8 * BUFFER_MS / 1000 : OTHER_BUFFER;
		bytes = bytes < MIN_BUFFER ? MIN_BUFFER : bytes;
		bytes = bytes > MAX_BUFFER ? MAX_BUFFER : bytes;
		bytes = bytes > most ? most : bytes;
	}
	return bytes / s->workers;
}

static int open_io(struct ws_capture *c, unsigned n, uint32_t *fanout, struct ws_io **ret)
{
	const struct ws_capture_setup *s = c->setup;
	const struct ws_capture_interface *i = &s->interfaces[interface_of(c, n)];
	struct ws_capture_counts *counts = &c->report->interfaces[interface_of(c, n)];
	bool merged = c->reader_count / c->group_count > 1;
	struct ws_io_config config = {
		.backend = s->backend,
		.dirs = WS_IO_RX,
		.ifindex = i->ifindex,
		.cooked = i->ifindex == 0,
		.frame_max = s->snaplen,
		.rx_buffer = buffer_for(s, i),
		/* What is left of the time is for the way to the file. */
		.block_timeout_ms = s->block_timeout_ms / (merged ? 6 : 3),
		.rx_stamps = !s->user_stamps,
		.rx_hw_clock = i->hw_clock,
		.rx_outgoing = s->outgoing,
		.promiscuous = s->promiscuous && i->ifindex != 0,
		.fanout = *fanout,
		.filter = i->filter,
		.filter_len = i->filter_len,
	};
	const struct ws_io_caps *caps;
	int saved, rc;

	config.block_timeout_ms = config.block_timeout_ms ? config.block_timeout_ms : 1;
	saved = ws_netns_enter(i->netns);
	if (saved < 0) {
		return saved;
	}
	rc = ws_io_open(ret, &config);
	ws_netns_leave(saved);
	if (rc < 0) {
		return rc;
	}
	caps = ws_io_caps(*ret);
	*fanout = caps->fanout;
	counts->io = caps->backend;
	counts->workers++;
	counts->buffer_asked += config.rx_buffer;
	counts->buffer += caps->rx_buffer;
	return 0;
}

static size_t room_for(const char *text)
{
	size_t len = text ? strlen(text) + 8 : 0;

	return len < TEXT_ROOM ? len : TEXT_ROOM;
}

/* Enough for the header: a filter, which each description holds, may be long. */
static size_t header_size(const struct ws_capture_setup *s, const struct group *g)
{
	size_t size =
		BLOCK_ROOM + room_for(s->hardware) + room_for(s->os) + room_for(s->application);

	for (unsigned n = 0; n < g->interface_count; n++) {
		const struct ws_capture_interface *i = &s->interfaces[g->first_interface + n];

		/* One for each clock. */
		size += 2 * (BLOCK_ROOM + room_for(i->label) + room_for(s->filter_text) +
				    room_for(i->driver) + room_for(s->os));
	}
	return size;
}

/* The section and the interfaces of a file, and their numbers. */
static int make_header(struct ws_capture *c, struct group *g)
{
	const struct ws_capture_setup *s = c->setup;
	const struct ws_pcapng_section section = {
		.hardware = s->hardware,
		.os = s->os,
		.application = s->application,
	};
	const size_t size = header_size(s, g);

	g->header = malloc(size);
	g->nic_dropped = malloc(2 * WS_CAPTURE_INTERFACES * sizeof(*g->nic_dropped));
	if (!g->header || !g->nic_dropped) {
		return -ENOMEM;
	}
	g->header_len = ws_pcapng_put_section(g->header, size, &section);
	for (unsigned n = 0; n < g->interface_count; n++) {
		const struct ws_capture_interface *i = &s->interfaces[g->first_interface + n];
		struct ws_pcapng_interface d = {
			.linktype = i->linktype,
			.snaplen = s->snaplen,
			.name = i->label,
			.filter = s->filter_text,
			.hardware = i->driver,
			.os = s->os,
			.has_mac = i->has_mac,
			.speed_bps = i->link_bps,
			.description = "stamps by the system's clock (CLOCK_REALTIME)",
		};
		struct ws_reader **readers = &g->readers[n * s->workers];
		char hardware[80];

		memcpy(d.mac, i->mac, sizeof(d.mac));
		for (int hw = i->hw_clock != WS_CLOCK_NONE; hw >= 0; hw--) {
			size_t len;

			if (hw) {
				snprintf(hardware, sizeof(hardware),
					"stamps by the interface's own clock (/dev/ptp%d)",
					(int)i->hw_clock - (int)WS_CLOCK_PHC);
				d.description = hardware;
			} else {
				d.description = "stamps by the system's clock (CLOCK_REALTIME)";
			}
			len = ws_pcapng_put_interface(
				g->header + g->header_len, size - g->header_len, &d);
			if (!len) {
				return -E2BIG;
			}
			g->header_len += len;
			for (unsigned w = 0; w < s->workers; w++) {
				if (hw) {
					readers[w]->c.hardware_id = g->ids;
					readers[w]->c.has_hardware = true;
				} else {
					readers[w]->c.system_id = g->ids;
				}
			}
			g->ids++;
		}
	}
	return 0;
}

static int open_reader(struct ws_capture *c, unsigned n, struct group *g, uint32_t *fanout,
	struct ws_capture_fault *f)
{
	const struct ws_capture_setup *s = c->setup;
	uint64_t bytes = WRITER_BYTES / g->reader_count;
	struct ws_reader_config config = {
		.shared = &c->shared,
		.flags = true,
		.user_stamps = s->user_stamps,
		.snaplen = s->snaplen,
		.flush_ns = (int64_t)s->block_timeout_ms * 1000000 / 4,
		.nap_max_ns = (int64_t)s->block_timeout_ms * 1000000 / 6,
		.merged = g->reader_count > 1,
	};
	struct ws_reader *r;
	int rc;

	f->interface = interface_of(c, n);
	f->step = "memory";
	r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
	if (!r) {
		return -ENOMEM;
	}
	memset(r, 0, sizeof(*r));
	c->readers[n] = r;
	rc = ws_chunks_new(&c->chunks[n], bytes < MIN_CHUNKS ? MIN_CHUNKS : bytes, g->wake[1]);
	if (rc < 0) {
		return rc;
	}
	config.chunks = c->chunks[n];
	f->step = "open";
	rc = open_io(c, n, fanout, &config.io);
	if (rc < 0) {
		return rc;
	}
	if (s->snaplen && s->interfaces[f->interface].ifindex == 0) {
		/* The kernel counts without the cooked header. */
		config.snaplen += WS_IO_COOKED_LEN;
	}
	c->report->buffer_writer += ws_chunks_bytes(config.chunks);
	rc = ws_reader_init(r, &config);
	if (rc < 0) {
		ws_io_close(config.io);
	}
	return rc;
}

static int open_group(struct ws_capture *c, unsigned n, struct ws_capture_fault *f)
{
	const struct ws_capture_setup *s = c->setup;
	struct group *g = &c->groups[n];
	int rc;

	g->first_interface = s->split ? n : 0;
	g->interface_count = s->split ? 1 : s->count;
	g->readers = &c->readers[g->first_interface * s->workers];
	g->reader_count = g->interface_count * s->workers;
	f->step = "memory";
	/* A pipe's wake-up tells the scheduler that the waker is about to sleep: so the writer is likely
	 * to run where what it writes is in the cache. */
	if (pipe2(g->wake, O_CLOEXEC | O_NONBLOCK) < 0) {
		return -errno;
	}
	for (unsigned i = 0; i < g->interface_count; i++) {
		uint32_t fanout = s->workers > 1 ? WS_IO_FANOUT_NEW : 0;

		for (unsigned w = 0; w < s->workers; w++) {
			rc = open_reader(
				c, (g->first_interface + i) * s->workers + w, g, &fanout, f);
			if (rc < 0) {
				return rc;
			}
		}
	}
	f->step = "memory";
	return make_header(c, g);
}

static void fill_interfaces(struct ws_capture *c)
{
	for (unsigned i = 0; i < c->setup->count; i++) {
		const struct ws_capture_interface *in = &c->setup->interfaces[i];
		struct ws_capture_counts *out = &c->report->interfaces[i];

		*out = (struct ws_capture_counts){
			.link_bps = in->link_bps,
			.dropped_nic = UINT64_MAX,
			.hw_clock = in->hw_clock,
			.promiscuous = c->setup->promiscuous && in->ifindex != 0,
			.linktype = in->linktype,
			.fill = WS_IO_FILL_UNKNOWN,
		};
		snprintf(out->name, sizeof(out->name), "%s", in->name);
		snprintf(out->driver, sizeof(out->driver), "%s", in->driver ? in->driver : "");
	}
	c->report->count = c->setup->count;
}

struct cpu_check {
	const struct ws_capture_setup *setup;
	struct ws_capture_fault *fault;
	int rc;
};

static void *try_cpus(void *arg)
{
	struct cpu_check *check = arg;
	const struct ws_capture_setup *s = check->setup;

	for (unsigned i = 0; i < s->cpu_count && check->rc == 0; i++) {
		check->rc = ws_thread_pin(s->cpus[i], check->fault->why, sizeof(check->fault->why));
	}
	return NULL;
}

/* By a thread that ends again, before there is anything to take back. */
static int check_cpus(const struct ws_capture_setup *setup, struct ws_capture_fault *fault)
{
	struct cpu_check check = {.setup = setup, .fault = fault};
	pthread_t thread;
	int rc;

	if (!setup->cpu_count) {
		return 0;
	}
	fault->step = "thread";
	rc = pthread_create(&thread, NULL, try_cpus, &check);
	if (rc) {
		return -rc;
	}
	pthread_join(thread, NULL);
	fault->step = check.rc ? "cpu" : "memory";
	return check.rc;
}

int ws_capture_open(struct ws_capture **ret, const struct ws_capture_setup *setup,
	struct ws_capture_report *report, struct ws_capture_fault *ret_fault)
{
	struct ws_capture *c = calloc(1, sizeof(*c));
	unsigned n = setup->count * setup->workers;
	int rc = -ENOMEM;

	*ret_fault = (struct ws_capture_fault){.step = "memory"};
	if (!c) {
		return rc;
	}
	c->setup = setup;
	c->report = report;
	c->reader_count = n;
	c->group_count = setup->split ? setup->count : 1;
	atomic_init(&c->shared.packets_left, setup->limit ? (int64_t)setup->limit : INT64_MAX);
	c->readers = calloc(n, sizeof(struct ws_reader *));
	c->chunks = calloc(n, sizeof(struct ws_chunks *));
	c->threads = calloc(n, sizeof(*c->threads));
	c->groups = calloc(c->group_count, sizeof(*c->groups));
	c->downs_told = calloc(n, sizeof(*c->downs_told));
	c->ups_told = calloc(n, sizeof(*c->ups_told));
	c->gone_told = calloc(n, sizeof(*c->gone_told));
	if (!c->readers || !c->chunks || !c->threads || !c->groups || !c->downs_told ||
		!c->ups_told || !c->gone_told) {
		goto fail;
	}
	for (unsigned i = 0; i < c->group_count; i++) {
		c->groups[i].wake[0] = c->groups[i].wake[1] = -1;
	}
	rc = check_cpus(setup, ret_fault);
	if (rc < 0) {
		goto fail;
	}
	fill_interfaces(c);
	c->started_ns = ws_sys_clock(CLOCK_REALTIME);
	for (unsigned i = 0; i < c->group_count; i++) {
		rc = open_group(c, i, ret_fault);
		if (rc < 0) {
			goto fail;
		}
	}
	/* Large rings take a while to make. */
	c->began_ns = ws_sys_clock(CLOCK_MONOTONIC);
	*ret = c;
	return 0;
fail:
	ws_capture_close(c);
	return rc;
}

void ws_capture_close(struct ws_capture *c)
{
	if (!c) {
		return;
	}
	for (unsigned i = 0; c->groups && i < c->group_count; i++) {
		struct group *g = &c->groups[i];

		if (g->abandoned) {
			return; /* it still uses all of this; the program is about to end */
		}
		ws_writer_free(&g->writer);
		for (int end = 0; end < 2; end++) {
			if (g->wake[end] >= 0) {
				ws_sys_close(g->wake[end]);
			}
		}
		free(g->header);
		free(g->nic_dropped);
	}
	for (unsigned i = 0; i < c->reader_count; i++) {
		if (c->readers && c->readers[i]) {
			ws_io_close(c->readers[i]->c.io);
			ws_reader_free(c->readers[i]);
			free(c->readers[i]);
		}
		if (c->chunks) {
			ws_chunks_free(c->chunks[i]);
		}
	}
	free(c->readers);
	free(c->chunks);
	free(c->threads);
	free(c->groups);
	free(c->downs_told);
	free(c->ups_told);
	free(c->gone_told);
	free(c);
}

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
		struct ws_capture_counts *o = &r->interfaces[interface_of(c, n)];
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
		const char *name = c->setup->interfaces[interface_of(c, n)].name;
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
		ret_fault->interface = interface_of(c, n);
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
