/* SPDX-License-Identifier: BSD-2-Clause */
/* The clocks of a latency run with hardware stamps: between the run, the watch of clocks and the result. */
#pragma once

#include "run/latency.h"
#include "run/receiver.h"

/*
 * Opens and samples the clocks of a run whose both stamps are hardware's; *ret is NULL where they cannot be read, which is
 * no error if both ends have one. sink: where pairs will go. 0 or -errno.
 */
int ws_run_clocks_open(struct ws_clock_watch **ret, const struct ws_latency_setup *setup,
	struct ws_pair_sink *sink);

/* What is known of a run's stamps when it is over: fills in result->hardware, and warns. step_ns: the coarser clock's. */
void ws_run_clocks_tell(const struct ws_clock_watch *watch, const struct ws_latency_setup *setup,
	int64_t step_ns, struct ws_run_result *result, struct ws_warnings *warnings);

/* What a latency between two cards' clocks may be off by, without the clocks' steps; -1: not known. */
int64_t ws_run_clocks_error(const struct ws_clock_watch *watch);
