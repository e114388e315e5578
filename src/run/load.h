/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of a load at one rate: opens an instance of io for each worker, runs the workers on threads of
 * their own, and fills in the result.
 *
 * Worker k of N sends packets k, k + N, k + 2N... of the plan, each at the plan's time: together they send
 * every one once. Flat out, they take turns as they can, by blocks of neighbouring packets.
 */
#pragma once

#include <stdatomic.h>

#include "core/plan.h"
#include "io/io.h"
#include "report/load_result.h"
#include "run/source.h"

#define WS_LOAD_WORKERS_MAX 64

enum ws_load_pacing { WS_LOAD_BUSY, WS_LOAD_TXTIME, WS_LOAD_FQ };

struct ws_load_setup {
	const char *name; /* of the interface, for messages */
	int netns;	  /* descriptor, -1: the current one */
	int ifindex;
	const char *backend; /* NULL: auto */
	bool queued;	     /* frames may wait in a queue discipline */
	bool qdisc_bypass;
	enum ws_load_pacing pacing;
	enum ws_clock launch_clock; /* WS_LOAD_TXTIME */
	bool late_skip;
	enum ws_origin stamp;	/* of departures: HARDWARE, SOFTWARE, USER, or NONE */
	enum ws_clock hw_clock; /* of HARDWARE */
	unsigned in_flight;	/* of HARDWARE: stamps that the card holds at a time; 0: no limit */
	unsigned workers;
	int cpus[WS_LOAD_WORKERS_MAX]; /* -1: anywhere */
	bool realtime;
	struct ws_rate rate;
	const char *label; /* the rate as text, for messages */
	struct ws_plan plan;
	bool timed; /* a duration was asked for, not a count */
	struct ws_frame_source source;
	uint64_t link_bps;	/* that the link really carries; 0: unknown */
	const atomic_int *stop; /* level, as in commands/stop.h */
	/* Called each second from the calling thread; may be NULL. */
	void (*progress)(void *arg, const struct ws_load_second *s);
	void *arg;
};

struct ws_load_fault {
	const char *step; /* "look", "open", "memory", "thread", "cpu" */
	char why[200];	  /* of "cpu": a clause that says it all */
};

/* What the kernel granted; for the report. */
struct ws_load_granted {
	const char *backend;
	const char *why; /* it was picked; NULL: it was asked for */
	int64_t clock_read_ns;
};

/*
 * Returns 0 when there is a result, even if the run ended early (ret->complete, ret->faulted and
 * ret->ended_by say so); or -errno when it could not begin, and *ret_fault says where.
 */
int ws_load_run(const struct ws_load_setup *setup, struct ws_load_run *ret,
	struct ws_load_granted *ret_granted, struct ws_warnings *warnings,
	struct ws_load_fault *ret_fault);
