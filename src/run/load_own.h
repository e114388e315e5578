/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside a run of a load: load_open.c opens and makes everything, load.c runs it and adds up. For these two
 * alone.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "host/nic.h"
#include "host/qdisc.h"
#include "host/rtnl.h"
#include "run/load_collect.h"
#include "run/load_worker.h"

struct ws_load_thread {
	struct ws_load_state *run;
	struct ws_io *io;
	struct ws_load_worker *worker;
	struct ws_spsc *stamps;
	pthread_t thread;
	bool running;
	int cpu; /* asked for; -1: any */
	int cpu_seen;
	int rc;
	char why[200];
};

struct ws_load_state {
	const struct ws_load_setup *setup;
	struct ws_load_run *result;
	struct ws_warnings *warnings;
	struct ws_load_shared shared;
	struct ws_load_thread workers[WS_LOAD_WORKERS_MAX];
	struct ws_load_collector *collector;
	sem_t placed;
	struct ws_rtnl nl;
	bool nl_open;
	struct ws_nic before, after;
	bool counted; /* before is known */
	struct ws_qdisc_facts queue_before, queue_after;
	bool queued;	    /* queue_before is known */
	bool carrier_lost;  /* for some of the time */
	bool queue_seen;    /* after the last packet was handed over: */
	uint64_t waiting;   /* packets that were still in it */
	int64_t drained_ns; /* when these were gone, or no longer waited for; 0: not yet */
	int64_t start_ns;
	unsigned every;
};

/* One block of departures in so many is looked at. */
unsigned ws_load_stamped_every(const struct ws_load_setup *s);
/* Everything but the threads. 0, or -errno with the step in fault. */
int ws_load_prepare(
	struct ws_load_state *r, struct ws_load_granted *granted, struct ws_load_fault *fault);
/* The interface's counters. 0 or -errno. */
int ws_load_look(struct ws_load_state *r, struct ws_nic *nic);
/* Its queues; false: they cannot be known. */
bool ws_load_look_at_queue(struct ws_load_state *r, struct ws_qdisc_facts *ret);
