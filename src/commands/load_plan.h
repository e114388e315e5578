/* SPDX-License-Identifier: BSD-2-Clause */
/* From the options' rates to schedules. */
#pragma once

#include "commands/load_frames.h"

struct ws_load_plan_facts {
	const struct ws_load_options *o; /* pattern, burst, seed, duration */
	uint64_t count;			 /* packets; 0: by the duration */
	const struct ws_load_frames *frames;
	const char *where; /* the interface, for messages */
	uint64_t link_bps; /* that it claims; 0: unknown */
};

/* 0, or an exit status after one line was printed. */
int ws_load_plan_make(
	const struct ws_load_plan_facts *f, const struct ws_rate *rate, struct ws_plan *ret);
