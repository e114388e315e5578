/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of load's text result. Private to the report layer. */
#pragma once

#include "report/load_report.h"
#include "report/page.h"

/* The rate as it was asked for; "replay" where the file's own times were. */
void ws_load_page_rate(char buf[WS_CELL_SIZE], const struct ws_load_run *run);
/* As fast as it goes: nothing was intended. */
bool ws_load_flat_out(const struct ws_load_run *run);
/* The speed that the link really has; 0: unknown. */
double ws_load_link_bps(const struct ws_load_report *r);

/* One row a rate: what was asked for, what became of it, what limits it. */
void ws_load_page_table(struct ws_page *p, const struct ws_load_report *r);
/* One row a rate: the gaps between departures. Nothing if no rate has any. */
void ws_load_page_gaps(struct ws_page *p, const struct ws_load_report *r);
/* The gaps of each rate drawn, unless there are too many rates. */
void ws_load_page_plots(struct ws_page *p, const struct ws_load_report *r);
