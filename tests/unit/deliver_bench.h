/* SPDX-License-Identifier: BSD-2-Clause */
/* A trial of a card on a wire in memory whose hardware stamps go wrong as told. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/io_fake.h"
#include "fake/sys_fake.h"
#include "run/deliver_own.h"

#define RUN_ID	  0x600d600d
#define STREAM	  5
#define COUNT	  50
#define GAP_NS	  5000000
#define DELAY_NS  25000
#define OFFSET_NS 1700000000000000000LL
#define PHC	  (WS_CLOCK_PHC + 3)
/* Frames ahead of those that count. */
#define AHEAD 2

struct bench {
	struct io_fake_wire *wire;
	struct ws_frame_template frame;
	struct ws_frame_source source;
	struct ws_deliver_setup setup;
	struct ws_deliver_run *run;
	struct ws_deliver_result *result;
	unsigned (*faults)(uint64_t n); /* of the frames that count */
	uint64_t writes, mutes;
	uint64_t ahead_stamped; /* of the frames ahead */
	struct ws_frame_template ahead_frame;
	struct ws_frame_source ahead;
	atomic_int stop;
	uint64_t stop_at; /* the number of the frame that is the last; 0: none */
};

/* Stamps everything, in a clock of its own. */
extern const struct io_fake_options perfect;

/* faults: of the frames that count; NULL: none. Opens nothing yet: the setup may still be changed. */
struct bench *make(const struct io_fake_options *options, unsigned (*faults)(uint64_t n));
void open_run(struct bench *b);
/* Opens, and sends what the setup says. */
const struct ws_deliver_result *deliver(struct bench *b);
void unmake(struct bench *b);
