/* SPDX-License-Identifier: BSD-2-Clause */
/* Summaries of latencies with what is known of their errors. For those who build documents. */
#pragma once

#include "report/jsondoc.h"

/* [low, high]; null if it is not known. */
json_t *ws_doc_interval(struct ws_doc *d, bool known, int64_t low, int64_t high);
/*
 * count, min, mean, stddev, p50 to p99.999, max; `error_bound` (-1: unknown) and `confidence`: the interval of each
 * percentile, 95 %, null where the sample is too small. NULL becomes null.
 */
json_t *ws_doc_latency(struct ws_doc *d, const struct ws_hist *h, int64_t bound_ns);
