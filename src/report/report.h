/* SPDX-License-Identifier: BSD-2-Clause */
/* Results to text and JSON. These functions write to streams that are given to them; none exits. */
#pragma once

#include <stdio.h>

#include "report/result.h"

struct ws_text_style {
	bool colour;
	unsigned columns; /* width to draw for: 60 to 200 */
};

/* Style for a stream: colour on a terminal (not with NO_COLOR or TERM=dumb), its width, else 100
 * and plain. */
struct ws_text_style ws_text_style_for(FILE *stream);

/*
 * The whole text result: header, one row a rate, a histogram a rate on one shared axis, the
 * ledger's verdict, what the stamps mean, warnings. Returns 0, -EIO if the stream failed, or
 * -ENOMEM.
 */
int ws_report_text(FILE *out, const struct ws_latency_report *r, const struct ws_text_style *style);

/* The same as one JSON document (format "wirestamp-run/1"), with a final newline. 0, -ENOMEM or
 * -EIO. */
int ws_report_json(FILE *out, const struct ws_latency_report *r);

/* Formatting for people. All write at most size bytes and return buf. */
char *ws_format_ns(
	char *buf, size_t size, double ns); /* "812 ns", "1.24 us", "35.1 ms": 3 digits */
char *ws_format_count(
	char *buf, size_t size, uint64_t n); /* "1 234 567" with thin grouping: "1,234,567" */
char *ws_format_rate(
	char *buf, size_t size, const struct ws_rate *rate); /* as it can be parsed again */
char *ws_format_pps(char *buf, size_t size, double pps);     /* "99.9 kpps" */
/* The same with 5 digits, where a small difference tells: "20.013 us", "99.998 kpps". */
char *ws_format_ns_fine(char *buf, size_t size, double ns);
char *ws_format_pps_fine(char *buf, size_t size, double pps);
char *ws_format_bps(char *buf, size_t size, double bps); /* "67.2 Mbit/s" */
/* "91.23%"; never "0%" for something nor "100%" for less than all: "<0.01%", ">99.99%". */
char *ws_format_share(char *buf, size_t size, double share);
char *ws_format_bytes(char *buf, size_t size, uint64_t bytes); /* "208 KiB" */
/* "driver to kernel": a stage in words. */
char *ws_format_stage(char *buf, size_t size, enum ws_instant from, enum ws_instant to);
/* A sentence: which stage made the slowest packets slow. Empty if none did. */
char *ws_format_waterfall(
	char *buf, size_t size, const struct ws_waterfall *w, const struct ws_waterfall_verdict *v);
/* A sentence: who stamped at both ends, by which clock, what the latencies therefore span, their
 * error. */
char *ws_format_stamps(char *buf, size_t size, const struct ws_run_result *run);
