/* SPDX-License-Identifier: BSD-2-Clause */
/* A report made by hand, for the tests of the report layer. Its ledgers balance unless a test
 * breaks them. */
#pragma once

#include <stdio.h>

#include "report/result.h"

/* Everything known, lab, software stamps; `runs` runs at 100, 200, ... kpps with nothing sent yet.
 */
struct ws_latency_report *sample_report_new(size_t runs);
/* The host and the sending interface of such reports. */
void sample_host(struct ws_host_facts *h);
void sample_endpoint(struct ws_endpoint *e);
void sample_report_free(struct ws_latency_report *r);

/* n more packets that arrived and took ns. */
void sample_matched(struct ws_run_result *run, int64_t ns, uint64_t n);
/* n more packets that did not arrive. */
void sample_lost(struct ws_run_result *run, uint64_t n);
/* n more latencies around median, a few of them up to 100 times as much; the same for the same
 * seed. */
void sample_spread(struct ws_run_result *run, int64_t median, uint64_t n, uint32_t seed);

/* A stream that takes nothing, like a file on a full disk. */
FILE *sample_full_stream(void);
