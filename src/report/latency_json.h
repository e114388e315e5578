/* SPDX-License-Identifier: BSD-2-Clause */
/* What was measured in a run of latency, as members of its JSON object. Private to the report layer. */
#pragma once

#include "report/jsondoc.h"

/* What hardware stamps add; null without them. */
json_t *ws_latency_json_hardware(struct ws_doc *d, const struct ws_run_result *run);

/* received: this side saw what became of the packets; else all but the stages is null. */
void ws_latency_json_values(
	struct ws_doc *d, json_t *o, const struct ws_run_result *run, bool received);
/* "driver_tx_to_kernel_rx". */
char *ws_stage_name(char buf[48], enum ws_instant from, enum ws_instant to);
