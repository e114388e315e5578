/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a packet's time went: the stages between the instants of its way, a histogram of each, and
 * which of them made the slowest packets slow. Pure; all memory is in the struct (2.2 MB).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/hist.h"

/* The instants of a packet's way. */
enum ws_instant {
	WS_INSTANT_INTENDED,
	WS_INSTANT_APP_TX,
	WS_INSTANT_SCHED,
	WS_INSTANT_DRIVER_TX,
	WS_INSTANT_WIRE_TX,
	WS_INSTANT_WIRE_RX,
	WS_INSTANT_KERNEL_RX,
	WS_INSTANT_APP_RX,
	WS_INSTANTS,
};
/* "intended", "app_tx", "sched", "driver_tx", "wire_tx", "wire_rx", "kernel_rx", "app_rx". */
const char *ws_instant_name(enum ws_instant instant);
#define WS_INSTANT_UNKNOWN INT64_MIN

#define WS_WATERFALL_SAMPLE 4096 /* packets, evenly chosen: for the one in the middle */
#define WS_WATERFALL_WORST  1024 /* the slowest ones */

struct ws_waterfall_packet {
	uint64_t seq;
	int64_t at[WS_INSTANTS]; /* all on one clock; UNKNOWN where there is none */
	int64_t total_ns; /* last known instant minus first known: ws_waterfall_add() sets it */
};

/*
 * A stage lies between two neighbouring instants that this run knows: which those are is given at
 * the beginning. A packet that lacks one of them is not looked at (unfit counts it), nor is one whose
 * instants are further apart than an int64_t can tell.
 */
struct ws_waterfall {
	unsigned stages;				    /* known instants - 1 */
	enum ws_instant from[WS_INSTANTS], to[WS_INSTANTS]; /* of each stage */
	struct ws_hist stage[WS_INSTANTS];
	uint64_t count, unfit;
	/* sample: every step-th packet, step doubles when it is full; worst: a heap, the least of
	 * them on top, of equal ones the first ones. */
	uint64_t step;
	unsigned sampled, worst_count;
	struct ws_waterfall_packet sample[WS_WATERFALL_SAMPLE], worst[WS_WATERFALL_WORST];
};

/* known: bit n is ws_instant n; at least two, else there is no stage and all packets are unfit. */
void ws_waterfall_init(struct ws_waterfall *w, unsigned known);
/* p->total_ns is not looked at. */
void ws_waterfall_add(struct ws_waterfall *w, const struct ws_waterfall_packet *p);

/* Mean of each stage over a group of packets. */
struct ws_waterfall_group {
	uint64_t packets;
	int64_t from_ns, to_ns; /* their totals */
	double stage_ns[WS_INSTANTS];
};
struct ws_waterfall_verdict {
	/* typical: the middle tenth of the sample by total. tail: the slowest hundredth of all, or
	 * the WORST slowest if these are fewer. */
	struct ws_waterfall_group typical, tail;
	/* The stage in which the tail spent most more than the typical packets, and that as a share
	 * of what it spent more in all stages in which it did; -1 and 0: fewer than 100 packets, or
	 * the tail is no slower. */
	int cause;
	double cause_share;
};
/* Without any packet both groups are empty; of few, each has at least one. */
void ws_waterfall_judge(const struct ws_waterfall *w, struct ws_waterfall_verdict *ret);
