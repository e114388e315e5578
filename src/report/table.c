/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "report/grid.h"

enum {
	COL_RATE,
	COL_SENT,
	COL_RECEIVED,
	COL_LOST,
	COL_DUPLICATED,
	COL_REORDERED,
	COL_UNSTAMPED,
	COL_MIN,
	COL_P50,
	COL_P90,
	COL_P99,
	COL_P999,
	COL_MAX,
	COLS
};

static const char *const heads[2][COLS] = {
	{"requested", "sent", "received", "lost", "duplicated", "reordered", "unstamped", "min",
		"p50", "p90", "p99", "p99.9", "max"},
	{"rate", "sent", "received", "lost", "dup", "reord", "unst", "min", "p50", "p90", "p99",
		"p99.9", "max"},
};

static const unsigned char groups[COLS] = {
	[COL_MIN] = 1, [COL_P50] = 1, [COL_P90] = 1, [COL_P99] = 1, [COL_P999] = 1, [COL_MAX] = 1};

static void cell(const void *arg, unsigned row, unsigned col, char buf[WS_CELL_SIZE])
{
	static const double q[COLS] = {
		[COL_P50] = 0.5, [COL_P90] = 0.9, [COL_P99] = 0.99, [COL_P999] = 0.999};
	const struct ws_latency_report *r = arg;
	const struct ws_run_result *run = &r->runs[row];
	const struct ws_hist *values = ws_run_result_main(run);
	const struct ws_ledger *l = &run->ledger;
	const uint64_t counts[COLS] = {
		[COL_SENT] = l->sent,
		[COL_RECEIVED] = l->received,
		[COL_LOST] = l->lost,
		[COL_DUPLICATED] = l->duplicated,
		[COL_REORDERED] = l->reordered,
		[COL_UNSTAMPED] = l->unstamped_tx + l->unstamped_rx + l->unstamped_both,
	};
	bool is_known;
	int64_t ns;

	if (col == COL_RATE) {
		ws_page_rate(buf, run);
		return;
	}
	if (col < COL_MIN) {
		ws_format_count(buf, WS_CELL_SIZE, counts[col]);
		return;
	}
	if (col == COL_MIN || col == COL_MAX) {
		ns = col == COL_MIN ? values->min : values->max;
		is_known = values->count > 0;
	} else {
		is_known = ws_hist_quantile(values, q[col], &ns);
	}
	ws_format_ns(buf, WS_CELL_SIZE, is_known ? (double)ns : NAN);
}

static const char *ink(const void *arg, unsigned row, unsigned col)
{
	const struct ws_latency_report *r = arg;
	const struct ws_ledger *l = &r->runs[row].ledger;

	if (col == COL_LOST && l->lost > 0) {
		return WS_INK_RED;
	}
	if (col == COL_UNSTAMPED && l->unstamped_tx + l->unstamped_rx + l->unstamped_both > 0) {
		return WS_INK_YELLOW;
	}
	return NULL;
}

void ws_page_table(struct ws_page *p, const struct ws_latency_report *r)
{
	const struct ws_grid grid = {
		.cols = COLS,
		.rows = (unsigned)r->run_count,
		.heads = {heads[0], heads[1]},
		.group = groups,
		.layouts = ws_grid_in_two,
		.layout_count = WS_GRID_IN_TWO,
		.arg = r,
		.cell = cell,
		.ink = ink,
		/* Of a sender alone: what arrived is not known here. */
		.hidden = r->has_rx ? 0 : ~((1u << COL_RATE) | (1u << COL_SENT)),
	};

	ws_grid_print(p, &grid);
}
