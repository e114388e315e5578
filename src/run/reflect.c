/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/reflect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "host/clock.h"
#include "host/netns.h"
#include "host/sys.h"
#include "host/thread.h"
#include "run/arrivals.h"

#define BATCH		 64
#define STAMP_BATCH	 64
#define STAMP_TIMEOUT_NS 1000000000LL
/* A card that holds one stamp has it read within milliseconds; until it is given up no other is asked for. */
#define HELD_TIMEOUT_NS 200000000LL
#define RX_BUFFER	(8ull << 20)
/* A stop request, or the end of input, is seen at least that often. */
#define LOOK_NS 20000000
/* How long to wait for the kernel before it is asked again; and for how long an answer is offered to it. */
#define AGAIN_NS   20000
#define GIVE_UP_NS 100000000
/* After so many stamps in a row that did not come only one is asked for at a time. */
#define PAUSE_AFTER 64
#define RETRY_NS    1000000000
#define DRAIN_AFTER 2000000 /* ns: for stamps that are under way at the end */

struct reflector {
	const struct ws_reflect_setup *setup;
	struct ws_reflect_result *result;
	struct ws_io *io;
	struct ws_reflect *core;      /* NULL: nothing is answered */
	struct ws_arrivals *arrivals; /* that, instead */
	bool kernel_stamps;
	bool one_held; /* the card turned out to hold one transmit stamp at a time */
	unsigned held; /* of its stamps that are under way */
	struct ws_io_view views[BATCH];
	struct ws_io_slot
		slots[BATCH]; /* reserved, the oldest first; answers are in the first `staged` */
	struct ws_io_tx frames[BATCH];
	unsigned slot_count, staged;
	unsigned missing; /* stamps in a row that did not come */
	int64_t retry_ns; /* while few are asked for: when the next one is */
	int fault;
};

static int open_io(struct reflector *r, struct ws_reflect_granted *granted)
{
	const struct ws_reflect_setup *s = r->setup;
	struct ws_io_config config = {
		/* A ring that hands over blocks would keep requests waiting for milliseconds. */
		.backend = s->backend ? s->backend : "socket",
		.dirs = s->receive_only ? WS_IO_RX : WS_IO_RX | WS_IO_TX,
		.ifindex = s->ifindex,
		.frame_max = s->frame_max,
		.rx_stamps = true,
		.rx_buffer = RX_BUFFER,
		.udp_local = s->udp_local,
	};
	int saved, rc;

	if (s->origin == WS_ORIGIN_HARDWARE) {
		config.rx_hw_clock = config.tx_hw_clock = s->hw_clock;
	}
	if (!s->receive_only && s->origin != WS_ORIGIN_USER) {
		bool hardware = s->origin == WS_ORIGIN_HARDWARE;

		config.tx_stages = hardware ? WS_STAGE_WIRE : WS_STAGE_DRIVER;
		config.stamp_timeout_ns = hardware ? HELD_TIMEOUT_NS : STAMP_TIMEOUT_NS;
	}
	saved = ws_netns_enter(s->netns);
	if (saved < 0) {
		return saved;
	}
	rc = ws_io_open(&r->io, &config);
	ws_netns_leave(saved);
	if (rc < 0) {
		return rc;
	}
	*granted = (struct ws_reflect_granted){
		.backend = ws_io_caps(r->io)->backend,
		.rx_buffer = ws_io_caps(r->io)->rx_buffer,
		.udp_port = ws_io_caps(r->io)->udp_port,
	};
	return 0;
}

static void stamped(struct reflector *r, const struct ws_io_tx_stamp *s)
{
	r->result->stamps_missing += s->status != 0;
	r->missing = s->status ? r->missing + 1 : 0;
	r->held--;
	/* Many cards hold one at a time, and say nothing of further ones. */
	r->one_held |= s->status && r->setup->origin == WS_ORIGIN_HARDWARE;
	ws_reflect_stamped(r->core, s->cookie, s->status ? NULL : &s->stamp);
}

/* Reads stamps; true if there were any. */
static bool drain(struct reflector *r)
{
	struct ws_io_tx_stamp stamps[STAMP_BATCH];
	int n = r->kernel_stamps ? ws_io_tx_stamps(r->io, stamps, STAMP_BATCH) : 0;

	for (int i = 0; i < n; i++) {
		stamped(r, &stamps[i]);
	}
	r->fault = n < 0 ? n : r->fault;
	return n > 0;
}

/* The first n answers have left our hands. */
static void settle(struct reflector *r, unsigned n, int64_t before_ns)
{
	const struct ws_stamp user = {{before_ns, WS_CLOCK_MONOTONIC}, WS_ORIGIN_USER};

	for (unsigned i = 0; i < n; i++) {
		bool refused = r->frames[i].status < 0;

		r->result->refused += refused;
		r->result->sent += !refused;
		r->held -= refused && r->frames[i].want_stamp;
		if (refused || !r->frames[i].want_stamp) {
			ws_reflect_stamped(r->core, r->frames[i].cookie,
				refused || r->kernel_stamps ? NULL : &user);
		}
	}
	r->slot_count -= n;
	r->staged -= n;
	memmove(r->slots, r->slots + n, r->slot_count * sizeof(r->slots[0]));
	memmove(r->frames, r->frames + n, r->staged * sizeof(r->frames[0]));
}

/* What is staged will not be sent. Its slots stay ours. */
static void drop_staged(struct reflector *r)
{
	for (unsigned i = 0; i < r->staged; i++) {
		r->held -= r->frames[i].want_stamp;
		ws_reflect_stamped(r->core, r->frames[i].cookie, NULL);
	}
	r->result->refused += r->staged;
	r->staged = 0;
}

/* Sends what is staged. What the kernel has no room for is offered for a while, then given up: its slots stay. */
static void submit(struct reflector *r)
{
	int64_t give_up = 0;

	while (r->staged && !r->fault) {
		int64_t before = ws_clock_now();
		int n = ws_io_tx_submit(r->io, r->frames, r->staged);

		if (n < 0) {
			r->fault = n;
			return;
		}
		settle(r, (unsigned)n, before);
		if (!r->staged || drain(r)) {
			continue;
		}
		give_up = give_up ? give_up : before + GIVE_UP_NS;
		if (before >= give_up) {
			drop_staged(r);
			return;
		}
		(void)ws_sys_sleep_until(before + AGAIN_NS);
	}
}

/* The stamp that is told of a received frame: of the kernel's clock, or ours. */
static struct ws_stamp stamp_of(const struct reflector *r, const struct ws_io_view *v, int64_t now)
{
	if (r->setup->origin == WS_ORIGIN_USER) {
		return (struct ws_stamp){{now, WS_CLOCK_MONOTONIC}, WS_ORIGIN_USER};
	}
	return v->stamp.origin == r->setup->origin ? v->stamp : (struct ws_stamp){0};
}

/* A driver that gives no stamps would hold up every answer for as long as one is waited for. */
static bool want_stamp(struct reflector *r, int64_t now)
{
	if (r->one_held && r->held) {
		return false;
	}
	if (!r->kernel_stamps || r->missing < PAUSE_AFTER) {
		return r->kernel_stamps;
	}
	if (now < r->retry_ns) {
		return false;
	}
	r->retry_ns = now + RETRY_NS;
	return true;
}

static void answer(struct reflector *r, const struct ws_io_view *v, int64_t now)
{
	struct ws_stamp rx = stamp_of(r, v, now);
	enum ws_reflect_verdict verdict;
	struct ws_io_tx frame = {.want_stamp = want_stamp(r, now)};

	if (v->len < v->wire_len) {
		r->result->counts[WS_REFLECT_MALFORMED]++;
		return;
	}
	if (r->staged == r->slot_count) {
		int n;

		submit(r);
		n = ws_io_tx_reserve(r->io, r->slots + r->slot_count, BATCH - r->slot_count);
		r->slot_count += n > 0 ? (unsigned)n : 0;
		if (r->staged == r->slot_count || r->slots[r->staged].size < v->len) {
			r->result->refused++;
			return;
		}
	}
	verdict = ws_reflect_frame(r->core, v->data, v->len, &rx, now, r->slots[r->staged].data,
		&frame.len, &frame.cookie);
	if (verdict == WS_REFLECT_ANSWER) {
		r->held += frame.want_stamp;
		r->frames[r->staged++] = frame;
	}
}

/* Handles what has come. Returns the number of frames. */
static int take(struct reflector *r)
{
	int n = ws_io_rx_peek(r->io, r->views, BATCH);
	/* Behind it: no packet is seen before it came. */
	int64_t now = ws_clock_now();

	if (n < 0) {
		r->fault = n;
		return 0;
	}
	for (int i = 0; i < n; i++) {
		int64_t at = r->setup->origin == WS_ORIGIN_USER ? ws_clock_now() : now;

		if (r->core) {
			answer(r, &r->views[i], at);
		} else {
			struct ws_stamp rx = stamp_of(r, &r->views[i], at);

			ws_arrivals_take(r->arrivals, &r->views[i], &rx, at);
		}
	}
	r->result->received += (unsigned)n;
	if (r->core) {
		/* Also what could not be sent before, as the interface was down. */
		submit(r);
	}
	ws_io_rx_release(r->io, (unsigned)n);
	return n;
}

/* One look, so that input without end holds up nothing. */
static bool input_over(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char drop[4096];
	ssize_t n;

	if (ws_sys_poll(&p, 1, 0) <= 0) {
		return false;
	}
	n = ws_sys_read(fd, drop, sizeof(drop));
	return n <= 0 && n != -EINTR && n != -EAGAIN;
}

static void ended_by(struct ws_reflect_result *res, bool failed, const char *name, const char *what)
{
	res->complete = false;
	res->failed = failed;
	(void)snprintf(
		res->ended_by, sizeof(res->ended_by), "%s%s%s", name, *name ? " " : "", what);
}

/* True when it is to end. */
static bool over(struct reflector *r, int64_t start_ns, int64_t now)
{
	const struct ws_reflect_setup *s = r->setup;

	switch (r->fault) {
	case 0:
		break;
	case -ENETDOWN:
		/* It may come back; requests are just not here meanwhile, and what was to answer them is late. */
		r->fault = 0;
		drop_staged(r);
		break;
	case -ENODEV:
		ended_by(r->result, true, s->name, "was removed");
		return true;
	default:
		ended_by(r->result, true, s->name, strerror(-r->fault));
		return true;
	}
	if (s->stop && atomic_load(s->stop)) {
		if (s->duration_ns) {
			ended_by(r->result, false, "", "stopped by the user");
		}
		return true;
	}
	if (s->duration_ns && now - start_ns >= s->duration_ns) {
		return true;
	}
	return s->until_eof >= 0 && input_over(s->until_eof);
}

static void serve(struct reflector *r)
{
	int64_t start = ws_clock_now(), look = start, second = start + WS_NSEC_PER_SEC;

	for (;;) {
		int64_t now = ws_clock_now();
		int n;

		if (now >= look || r->fault) {
			look = now + LOOK_NS;
			if (over(r, start, now)) {
				break;
			}
		}
		if (now >= second && r->setup->progress) {
			second += WS_NSEC_PER_SEC;
			r->setup->progress(r->setup->arg, (double)(now - start) * 1e-9,
				r->result->received, r->result->sent);
		}
		n = take(r);
		if (!drain(r) && !n && !r->fault) {
			int rc = ws_io_wait(r->io, look);

			r->fault = rc < 0 ? rc : 0;
		}
	}
	r->result->elapsed_ns = ws_clock_now() - start;
}

static int keep_sessions(struct reflector *r)
{
	struct ws_reflect_result *res = r->result;
	struct ws_reflect_session s;
	unsigned i = 0, n = 0;

	while (ws_reflect_session_next(r->core, &i, &s)) {
		n++;
	}
	res->session = n ? calloc(n, sizeof(*res->session)) : NULL;
	if (n && !res->session) {
		return -ENOMEM;
	}
	i = 0;
	while (res->session_count < n &&
		ws_reflect_session_next(r->core, &i, &res->session[res->session_count])) {
		res->session_count++;
	}
	res->sessions = ws_reflect_sessions(r->core);
	return 0;
}

static int finish(struct reflector *r)
{
	struct ws_reflect_result *res = r->result;
	int64_t until = ws_clock_now() + DRAIN_AFTER;
	struct ws_io_stats stats;
	int rc;

	(void)ws_io_stop(r->io);
	r->fault = 0;
	while (take(r) > 0) {
		;
	}
	while (r->kernel_stamps && ws_io_tx_outstanding(r->io) && ws_clock_now() < until) {
		if (!drain(r)) {
			(void)ws_io_wait(r->io, until);
		}
	}
	ws_io_stats(r->io, &stats);
	res->dropped_rx = stats.rx_dropped;
	if (!r->core) {
		return ws_arrivals_finish(r->arrivals, res);
	}
	for (unsigned v = 0; v < WS_REFLECT_VERDICTS; v++) {
		res->counts[v] += ws_reflect_counts(r->core)[v];
	}
	rc = keep_sessions(r);
	return rc;
}

int ws_reflect_run(const struct ws_reflect_setup *setup, struct ws_reflect_result *ret)
{
	struct ws_reflect_config config = {
		.udp_port = setup->port,
		.ptp_udp = setup->ptp_udp,
		.routed = setup->udp_local != NULL,
		.sessions = setup->sessions,
		.max_pps = setup->max_pps,
		.boot = setup->boot,
		.clock = setup->origin == WS_ORIGIN_USER       ? WS_CLOCK_MONOTONIC
			 : setup->origin == WS_ORIGIN_HARDWARE ? setup->hw_clock
							       : WS_CLOCK_REALTIME,
	};
	struct ws_reflect_granted granted = {0};
	struct reflector *r = calloc(1, sizeof(*r));
	int rc;

	*ret = (struct ws_reflect_result){
		.complete = true,
		.rx_origin = setup->origin,
		.tx_origin = setup->receive_only ? WS_ORIGIN_NONE : setup->origin,
		.clock = config.clock,
	};
	if (!r) {
		return -ENOMEM;
	}
	r->setup = setup;
	r->result = ret;
	r->kernel_stamps = !setup->receive_only && setup->origin != WS_ORIGIN_USER;
	rc = setup->cpu >= 0 ? ws_thread_pin(setup->cpu, NULL, 0) : 0;
	rc = rc < 0 ? rc : open_io(r, &granted);
	memcpy(config.mac, setup->mac, sizeof(config.mac));
	config.udp_port = granted.udp_port ? granted.udp_port : setup->port;
	/* Whoever is told that it is ready sends at once: to lay out the sessions' memory takes time. */
	if (rc == 0 && !setup->receive_only) {
		rc = ws_reflect_new(&r->core, &config);
	}
	if (rc == 0 && setup->ready) {
		rc = setup->ready(setup->arg, &granted);
	}
	if (rc == 0 && setup->receive_only) {
		rc = ws_arrivals_new(&r->arrivals, config.udp_port, setup->ptp_udp, setup->packets);
	}
	if (rc == 0) {
		serve(r);
		rc = finish(r);
	}
	ws_io_close(r->io);
	ws_arrivals_free(r->arrivals);
	ws_reflect_free(r->core);
	free(r);
	return rc;
}
