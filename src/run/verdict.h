/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict on a run in sentences: why the rate was not reached, and what a reader should know. */
#pragma once

#include "report/result.h"
#include "run/latency.h"
#include "run/sender.h"

struct ws_verdict_facts {
	const struct ws_sender_stats *sender;
	const struct ws_latency_setup *setup;
	uint32_t capacity;
	uint64_t refused; /* ICMP messages that nobody is there; of ordinary sockets */
};

/* Sets result->limit and adds warnings. The rest of the result is complete. */
void ws_verdict(
	struct ws_warnings *w, struct ws_run_result *result, const struct ws_verdict_facts *f);
