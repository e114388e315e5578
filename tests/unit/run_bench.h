/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sender and receiver of a run, on a wire in memory and a scripted clock: step by step in one thread, so that
 * every run is the same to the nanosecond and the truth about each packet is known. Of a two-way run the
 * reflector's core stands between them, at the wire's other side.
 */
#pragma once

#include "core/frame.h"
#include "core/reflect.h"
#include "fake/io_fake.h"
#include "fake/sys_fake.h"
#include "run/receiver.h"
#include "run/sender.h"

#define RUN_ID	  0x12345678
#define OFFSET_NS 1700000000000000000LL
#define DELAY_NS  25000
#define BOOT	  0x600db007
#define HW_CLOCK  ((enum ws_clock)(WS_CLOCK_PHC + 3))
#define HW_AHEAD  37000000000LL /* of CLOCK_MONOTONIC */

struct bench {
	struct io_fake_wire *wire;
	struct ws_io *tx, *rx;
	struct ws_run_shared shared;
	struct ws_spsc *records;
	struct ws_sender *sender;
	struct ws_receiver *receiver;
	struct ws_run_result *result;
	struct ws_plan plan;
	struct ws_frame_template frame, collect;
	struct ws_frame_source source, collects;
	uint64_t pps;
	int64_t start_ns;
	/* two-way */
	struct ws_io *far;
	struct ws_io_slot far_slot; /* reserved and not used; data NULL: none */
	struct ws_reflect *reflect;
	int64_t far_ahead_ns;
	uint64_t dies_after;
	uint64_t asked; /* frames that came to it */
	struct ws_packets_writer *packets;
	/* hardware stamps */
	struct ws_receiver_hardware hardware;
	uint8_t *
		muted; /* by sequence: frames that were made such that no card stamps them on receive */
};

/* What a test wants different. */
struct wants {
	uint64_t count, pps;
	int64_t window_ns, delay_ns;
	uint32_t capacity;
	enum ws_origin tx, rx;
	int64_t (*delay)(void *arg, unsigned side, uint64_t n);
	unsigned (*faults)(void *arg, unsigned side, uint64_t n);
	int64_t stamp_timeout_ns;
	int64_t stamp_delay_ns;
	int64_t duration_ns;
	uint64_t stamp_buffer;
	int64_t overtime_ns;
	bool sched;			       /* its stamps, too */
	bool details;			       /* timeline and waterfall */
	bool packets;			       /* rows, to packets.npy in the working directory */
	bool alone;			       /* the sender: nobody receives */
	bool two_way;			       /* answers from side 1, to side 0 */
	uint32_t far_boot;		       /* of the reflector; BOOT is the receiver's */
	int64_t far_ahead_ns;		       /* its clock is ahead of ours by that */
	const struct ws_frame_source *collect; /* sent after the plan, where it is not two-way */
	int64_t frame_ns;		       /* each frame takes that long */
	int64_t peek_ns;		       /* each look for frames takes that long */
	uint64_t dies_after;		       /* it handles so many frames, and no more; 0: all */
	/* With hardware stamps, of HW_CLOCK, at an end or both. */
	int64_t hw_delay_ns, hw_resolution_ns; /* of the card */
	unsigned hw_in_flight;		       /* that it really holds at a time; 0: any number */
	unsigned in_flight;		       /* and as the sender believes */
	int64_t sample_gap_ns;
	bool coarse;
};

extern const struct wants usual;

struct bench *setup(const struct wants *w);
/* Both sides in turn until the run is over; it must come to an end, and its accounts must balance. */
const struct ws_ledger *finish(struct bench *b);
void teardown(struct bench *b);
