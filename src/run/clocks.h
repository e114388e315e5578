/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks of a latency run with hardware stamps: between the run, the watch of clocks and the result. */
#pragma once

#include "run/clock_watch.h"
#include "run/latency.h"

/* Opens and samples the clocks; *ret is NULL where they cannot be read, which is no error if both ends have one. 0 or
 * -errno. */
int ws_run_clocks_open(struct ws_clock_watch **ret, const struct ws_latency_setup *setup);

/* After the last packet: a few samples more, so that it lies between samples. Takes some 400 ms: as long as lines reach beyond what they convert. */
void ws_run_clocks_finish(struct ws_clock_watch *watch);

/* What is known of a run's stamps when it is over: fills in result->hardware, and warns. watch: NULL if there is none;
 * step_ns: of the coarser clock. */
void ws_run_clocks_tell(const struct ws_clock_watch *watch, const struct ws_latency_setup *setup,
	int64_t step_ns, struct ws_run_result *result, struct ws_warnings *warnings);

/* What a latency between two cards' clocks may be off by, without the clocks' steps; -1: not known. */
int64_t ws_run_clocks_error(const struct ws_clock_watch *watch);
