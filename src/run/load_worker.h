/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One worker of a load: sends its share of the plan on one I/O instance, and collects stamps of the
 * departures that are looked at. A pure state machine but for the clock and the instance.
 */
#pragma once

#include <stdatomic.h>

#include "core/pace.h"
#include "core/plan.h"
#include "core/spsc.h"
#include "io/io.h"
#include "run/load.h"
#include "run/load_flight.h"

/* Flat out, packets are taken from the plan in blocks of so many; departures are looked at in such blocks. */
#define WS_LOAD_BLOCK 64

/* What the threads of a run share. */
struct ws_load_shared {
	_Alignas(64) _Atomic uint64_t next; /* flat out: the first packet that nobody has taken */
	_Alignas(64) _Atomic int stop;	    /* 1: end early; 2: do not wait for what is under way */
};

struct ws_load_worker_config {
	struct ws_io *io;
	const struct ws_plan *plan;
	const struct ws_frame_source *source;
	struct ws_load_shared *shared;
	unsigned index, workers;
	int64_t start_ns; /* CLOCK_MONOTONIC: when packet 0 is intended */
	int64_t stop_ns;  /* nothing is begun after this; INT64_MAX: only the plan ends the run */
	int64_t late_ns;  /* a packet that leaves later than this after its time is late */
	int64_t catch_up_ns; /* late packets leave at least so far apart; 0: as fast as they can */
	int64_t recover_ns; /* a late packet's gap to the last one is shortened by that at most, as long
				as it is not late by more than 1 ms; 0: catch_up_ns holds */
	int64_t lead_ns; /* frames are handed over that long before their time: the kernel paces */
	bool launch;	 /* with their launch times, */
	int64_t launch_offset_ns; /* which are CLOCK_MONOTONIC plus this */
	bool skip;		  /* packets that are late by a gap are not sent */
	enum ws_origin stamp;	  /* HARDWARE, SOFTWARE, USER or NONE */
	unsigned in_flight;	/* of HARDWARE: stamps that the card holds at a time; 0: no limit */
	unsigned every;		/* one block in so many is stamped; 1: all */
	struct ws_spsc *stamps; /* of struct ws_load_stamp, by sequence; NULL without stamps */
	struct ws_pace_config pace;
};

struct ws_load_worker_stats {
	uint64_t due, sent, skipped, refused, given_up;
	uint64_t sent_bytes, failed_bytes; /* without FCS */
	int refusal;			   /* -errno of the last frame that was refused; 0: none */
	uint64_t again;
	uint64_t late, stalls, pacer_waits;
	int64_t lateness_max_ns, stall_max_ns; /* a stall: of the CPU, or within a call */
	int64_t end_ns; /* when the last send call returned; 0: nothing was sent */
	int64_t cpu_ns, send_ns, stamp_ns;
	uint64_t stamps_wanted, stamps_missing, stamps_unread;
	bool overran; /* stop_ns came before the end of the plan */
};

/* For progress and the collector: written by the worker, relaxed but for `told`. */
struct ws_load_worker_public {
	_Alignas(64) _Atomic uint64_t sent, bytes, failed, late;
	_Atomic uint64_t
		told;	   /* stamps of sequences below this are in the queue, or will not come */
	_Atomic int fault; /* 0, or -errno: why it ended early */
	_Atomic bool done; /* it sends no more; it may still wait for stamps */
};

struct ws_load_worker;

/* 0, -EMSGSIZE (the instance takes no frame that long), -EINVAL or -ENOMEM. Owns nothing of config. */
int ws_load_worker_new(struct ws_load_worker **ret, const struct ws_load_worker_config *config);
void ws_load_worker_free(struct ws_load_worker *w);

/* Does one thing: sends, reads stamps, or waits. True until all is done. */
bool ws_load_worker_step(struct ws_load_worker *w);

/* After the last step. */
const struct ws_load_worker_stats *ws_load_worker_stats(const struct ws_load_worker *w);
const struct ws_load_worker_public *ws_load_worker_public(const struct ws_load_worker *w);
