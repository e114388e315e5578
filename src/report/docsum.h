/* SPDX-License-Identifier: BSD-2-Clause */
/* Summaries of latencies with what is known of their errors. For those who build documents. */
#pragma once

#include "report/jsondoc.h"

/* [low, high]; null if it is not known. */
json_t *ws_doc_interval(struct ws_doc *d, bool known, int64_t low, int64_t high);
/*
 * count, min, mean, stddev, p50 to p99.999, max; `error_bound` (-1: unknown), `resolution` (0: unknown) and `confidence`: the interval of each
 * percentile, 95 %, null where the sample is too small. NULL becomes null.
 */
json_t *ws_doc_latency(
	struct ws_doc *d, const struct ws_hist *h, int64_t bound_ns, int64_t resolution_ns);
/* How many were out of order, and by how much. */
json_t *ws_doc_reordering(struct ws_doc *d, const struct ws_reordering *r);
/* Where packets were lost; after ws_losses_end(). */
json_t *ws_doc_losses(struct ws_doc *d, const struct ws_losses *l);
/* A run over time; NULL, and one with nothing in it, become null. */
json_t *ws_doc_timeline(struct ws_doc *d, const struct ws_timeline *t);
/* Names of a timeline's counts. */
extern const char *const ws_doc_happenings[WS_HAPPENINGS];
