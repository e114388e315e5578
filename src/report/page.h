/* SPDX-License-Identifier: BSD-2-Clause */
/* The text result's paper: ink, words that wrap, labelled entries. Private to the report layer. */
#pragma once

#include "report/plot.h"
#include "report/report.h"

#define WS_CELL_SIZE 48 /* of a rate, a number, a text in the table */

/* SGR parameters of ANSI terminals (ECMA-48, 8.3.117). NULL is ink that changes nothing. */
#define WS_INK_BOLD   "1"
#define WS_INK_DIM    "2"
#define WS_INK_RED    "31"
#define WS_INK_YELLOW "33"

struct ws_page {
	FILE *out;
	bool colour;
	unsigned columns;
	unsigned rate_width; /* of the longest rate */
};

void ws_page_ink_on(struct ws_page *p, const char *ink);
void ws_page_ink_off(struct ws_page *p, const char *ink);
void ws_page_print(struct ws_page *p, const char *ink, const char *text);
/* Columns that a text takes. */
unsigned ws_page_width(const char *text);
/*
 * Prints words, the first at column `at`, where the cursor is, and every further line from column
 * `indent`; ends the line. Control characters become "?".
 */
void ws_page_wrap(
	struct ws_page *p, const char *ink, unsigned at, unsigned indent, const char *text);
/* "label  rate  text"; rate may be NULL, and label empty. */
void ws_page_entry(
	struct ws_page *p, const char *ink, const char *label, const char *rate, const char *text);
/* The rate as it was asked for. */
void ws_page_rate(char buf[WS_CELL_SIZE], const struct ws_run_result *run);

/* Text that grows; what does not fit is cut. */
struct ws_text {
	char buf[1024];
	size_t len;
};
void ws_text_add(struct ws_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "ws0 (veth)" */
void ws_page_endpoint(struct ws_text *t, const struct ws_endpoint *e);
/* The line about program, machine and time, and an empty one. */
void ws_page_host(
	struct ws_page *p, const char *version, const struct ws_host_facts *h, const char *started);
/* The ink of the n-th band of a plot, or of what belongs to it. */
const char *ws_page_hue(size_t n);
void ws_page_plot_line(struct ws_page *p, const struct ws_plot_line *line, const char *hue);
/* An entry with the cause, its evidence and what to try; nothing, and false, if there is no limit. */
bool ws_page_limit(
	struct ws_page *p, const char *label, const char *rate, const struct ws_limit *l);
void ws_page_warnings(struct ws_page *p, const struct ws_warnings *w);

/* What else there is to say of each run: both ways, spread, order, losses, where time went. */
void ws_page_latency_details(struct ws_page *p, const struct ws_latency_report *r);

/* One row a rate: packets and latencies, in one table or, where that is too wide, in two. */
void ws_page_table(struct ws_page *p, const struct ws_latency_report *r);
