/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a report's text. Private to them. */
#pragma once

#include "report/page.h"
#include "report/report_out.h"

/* What a cell says of a count that is not known. */
#define WS_SET_UNKNOWN "-"

/* One row a series of those that measured latencies, of loads, of receivers, reflectors and captures. 0, -ENOMEM. */
int ws_set_tables(struct ws_page *p, const struct ws_report_set *set);
/* Latencies drawn on one shared axis, unless there are too many series. 0, -ENOMEM. */
int ws_set_plots(struct ws_page *p, const struct ws_report_set *set);

/* All percentiles that a report tells. */
struct ws_set_quantile {
	const char *name; /* "p99.9" */
	double q;
};
#define WS_SET_QUANTILES 6
extern const struct ws_set_quantile ws_set_quantiles[WS_SET_QUANTILES];
