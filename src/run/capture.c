/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/capture_own.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/netns.h"
#include "host/sys.h"
#include "host/thread.h"

#define MIN_BUFFER   (16ull << 20)
#define OTHER_BUFFER (32ull << 20) /* where the link's speed is unknown */
#define MAX_BUFFER   (256ull << 20)
#define BUFFER_MS    200
#define WRITER_BYTES (64ull << 20) /* for each file, shared by its readers */
#define MIN_CHUNKS   (4ull << 20)
#define TEXT_ROOM    (UINT16_MAX + 8u) /* of a text in a block at most, with its code and padding */
#define BLOCK_ROOM   512u	       /* of the rest of a block of the header */

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
	const struct ws_capture_interface *i = &s->interfaces[ws_capture_interface_of(c, n)];
	struct ws_capture_counts *counts = &c->report->interfaces[ws_capture_interface_of(c, n)];
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

	f->interface = ws_capture_interface_of(c, n);
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
