/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "report/grid.h"
#include "report/load_page.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define WITHIN_OF_TABLE 2 /* 256 ns */

void ws_load_page_rate(char buf[WS_CELL_SIZE], const struct ws_load_run *run)
{
	if (run->pattern == WS_PATTERN_LIST) {
		snprintf(buf, WS_CELL_SIZE, "replay");
	} else {
		ws_format_rate(buf, WS_CELL_SIZE, &run->rate);
	}
}

bool ws_load_flat_out(const struct ws_load_run *run)
{
	return run->pattern != WS_PATTERN_LIST && run->rate.unit == WS_RATE_MAX;
}

double ws_load_link_bps(const struct ws_load_report *r)
{
	return r->link_real ? (double)r->tx.link_bps : 0;
}

static const struct ws_load_run *run_of(const void *arg, unsigned row)
{
	const struct ws_load_report *r = arg;

	return &r->runs[row];
}

/* A share of the gaps that has no meaning where nothing was intended. */
static double within_share(const struct ws_load_run *run, int i)
{
	if (ws_load_flat_out(run) || run->gaps.hist.count == 0) {
		return NAN;
	}
	return (double)run->gaps.within[i] / (double)run->gaps.hist.count;
}

static double quantile(const struct ws_hist *h, double q)
{
	int64_t ns;

	return ws_hist_quantile(h, q, &ns) ? (double)ns : NAN;
}

static void format_known(char buf[WS_CELL_SIZE], uint64_t n)
{
	if (n == UINT64_MAX) {
		snprintf(buf, WS_CELL_SIZE, "-");
	} else {
		ws_format_count(buf, WS_CELL_SIZE, n);
	}
}

enum {
	COL_RATE,
	COL_REQUESTED,
	COL_ATTEMPTED,
	COL_ACCEPTED,
	COL_WIRE,
	COL_MBITS,
	COL_LINK,
	COL_LATE,
	COL_FAILED,
	COL_SKIPPED,
	COL_WITHIN,
	COL_P99,
	COL_LIMIT,
	COLS
};

static const char *const heads[2][COLS] = {
	{"rate", "requested", "attempted", "accepted", "wire", "Mbit/s", "of link", "late",
		"failed", "skipped", "±256 ns", "p99 gap", "limit"},
	{"rate", "req", "attempted", "accepted", "wire", "Mbit/s", "link", "late", "fail", "skip",
		"±256ns", "p99gap", "limit"},
};

static const unsigned char groups[COLS] = {
	[COL_MBITS] = 1,
	[COL_LINK] = 1,
	[COL_LATE] = 2,
	[COL_FAILED] = 2,
	[COL_SKIPPED] = 2,
	[COL_WITHIN] = 3,
	[COL_P99] = 3,
	[COL_LIMIT] = 3,
};

#define BREAK(group) (UINT32_C(1) << (group))

static const struct ws_grid_layout layouts[] = {
	{.gap = 2, .later_gap = 2},
	{.short_heads = true, .gap = 2, .later_gap = 2},
	{.short_heads = true, .joined = true, .gap = 2, .later_gap = 2},
	{.short_heads = true, .joined = true, .gap = 1, .later_gap = 1},
	{.breaks = BREAK(2), .gap = 2, .later_gap = 2},
	{.short_heads = true, .breaks = BREAK(2), .gap = 2, .later_gap = 2},
	{.breaks = BREAK(1) | BREAK(3), .gap = 2, .later_gap = 2},
	{.breaks = BREAK(1) | BREAK(2) | BREAK(3), .gap = 2, .later_gap = 2},
	{.short_heads = true,
		.breaks = BREAK(1) | BREAK(2) | BREAK(3),
		.joined = true,
		.gap = 1,
		.later_gap = 1},
};

/* The share of the link that what was accepted takes at layer 1. */
static double link_share(const struct ws_load_report *r, const struct ws_load_run *run)
{
	return ws_load_link_bps(r) > 0 ? ws_load_l1_bps(run) / ws_load_link_bps(r) : NAN;
}

static void format_rate(char buf[WS_CELL_SIZE], const struct ws_load_run *run, unsigned col)
{
	double pps;

	switch (col) {
	case COL_REQUESTED:
		pps = ws_load_requested_pps(run);
		if (!isfinite(pps) && run->planned_pps > 0) {
			pps = run->planned_pps;
		}
		break;
	case COL_ATTEMPTED:
		pps = ws_load_pps(run, run->attempted);
		break;
	case COL_ACCEPTED:
		pps = ws_load_pps(run, run->sent);
		break;
	default:
		pps = ws_load_wire_pps(run);
		break;
	}
	ws_format_pps_fine(buf, WS_CELL_SIZE, pps);
}

static void cell(const void *arg, unsigned row, unsigned col, char buf[WS_CELL_SIZE])
{
	const struct ws_load_run *run = run_of(arg, row);
	double mbits = ws_load_accepted_bps(run) / 1e6;

	switch (col) {
	case COL_RATE:
		ws_load_page_rate(buf, run);
		break;
	case COL_MBITS:
		if (isfinite(mbits)) {
			snprintf(buf, WS_CELL_SIZE, "%.*f",
				mbits < 10     ? 4
				: mbits < 100  ? 3
				: mbits < 1000 ? 2
					       : 1,
				mbits);
		} else {
			snprintf(buf, WS_CELL_SIZE, "-");
		}
		break;
	case COL_LINK:
		ws_format_share(buf, WS_CELL_SIZE, link_share(arg, run));
		break;
	case COL_LATE:
		format_known(buf, ws_load_flat_out(run) ? UINT64_MAX : run->late);
		break;
	case COL_FAILED:
		format_known(buf, run->failed);
		break;
	case COL_SKIPPED:
		format_known(buf, run->skipped);
		break;
	case COL_WITHIN:
		ws_format_share(buf, WS_CELL_SIZE, within_share(run, WITHIN_OF_TABLE));
		break;
	case COL_P99:
		ws_format_ns_fine(buf, WS_CELL_SIZE, quantile(&run->gaps.hist, 0.99));
		break;
	case COL_LIMIT:
		snprintf(buf, WS_CELL_SIZE, "%s", run->limit.cause ? run->limit.cause : "-");
		break;
	default:
		format_rate(buf, run, col);
		break;
	}
}

static const char *ink(const void *arg, unsigned row, unsigned col)
{
	const struct ws_load_run *run = run_of(arg, row);
	const char *cause = run->limit.cause;

	if (col == COL_FAILED && run->failed > 0 && run->failed != UINT64_MAX) {
		return WS_INK_RED;
	}
	if (col == COL_SKIPPED && run->skipped > 0 && run->skipped != UINT64_MAX) {
		return WS_INK_RED;
	}
	if (col == COL_LIMIT && cause && strcmp(cause, "none") != 0) {
		return WS_INK_YELLOW;
	}
	return NULL;
}

/* Columns that would say nothing new in any row. */
static uint32_t hidden(const struct ws_load_report *r)
{
	bool other_unit = false, link = false, skips = false, gaps = false;
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		const struct ws_load_run *run = &r->runs[i];

		other_unit = other_unit ||
			     (!ws_load_flat_out(run) && (run->rate.unit != WS_RATE_PPS ||
								run->pattern == WS_PATTERN_LIST));
		link = link || isfinite(link_share(r, run));
		skips = skips || (run->skipped > 0 && run->skipped != UINT64_MAX);
		gaps = gaps || run->gaps.hist.count > 0;
	}
	return (other_unit ? 0 : UINT32_C(1) << COL_REQUESTED) |
	       (link ? 0 : UINT32_C(1) << COL_LINK) | (skips ? 0 : UINT32_C(1) << COL_SKIPPED) |
	       (gaps ? 0 : UINT32_C(1) << COL_WITHIN | UINT32_C(1) << COL_P99);
}

void ws_load_page_table(struct ws_page *p, const struct ws_load_report *r)
{
	const struct ws_grid grid = {
		.cols = COLS,
		.rows = (unsigned)r->run_count,
		.heads = {heads[0], heads[1]},
		.group = groups,
		.layouts = layouts,
		.layout_count = ARRAY_SIZE(layouts),
		.hidden = hidden(r),
		.arg = r,
		.cell = cell,
		.ink = ink,
	};

	ws_grid_print(p, &grid);
}

enum {
	GAP_RATE,
	GAP_INTENDED,
	GAP_MEAN,
	GAP_OFF,
	GAP_STDDEV,
	GAP_P1,
	GAP_P50,
	GAP_P99,
	GAP_P999,
	GAP_MAX,
	GAP_WITHIN, /* and WS_GAP_WITHIN - 1 more */
	GAP_BURSTS = GAP_WITHIN + WS_GAP_WITHIN,
	GAP_COLS
};

static const char *const gap_heads[2][GAP_COLS] = {
	{"spacing", "intended", "mean", "mean off", "stddev", "p1", "p50", "p99", "p99.9", "max",
		"±64 ns", "±128 ns", "±256 ns", "±512 ns", "±1024 ns", "bursts"},
	{"spacing", "intended", "mean", "off", "stddev", "p1", "p50", "p99", "p99.9", "max",
		"±64ns", "±128ns", "±256ns", "±512ns", "±1024ns", "bursts"},
};

static const unsigned char gap_groups[GAP_COLS] = {
	[GAP_P1] = 1,
	[GAP_P50] = 1,
	[GAP_P99] = 1,
	[GAP_P999] = 1,
	[GAP_MAX] = 1,
	[GAP_WITHIN] = 2,
	[GAP_WITHIN + 1] = 2,
	[GAP_WITHIN + 2] = 2,
	[GAP_WITHIN + 3] = 2,
	[GAP_WITHIN + 4] = 2,
	[GAP_BURSTS] = 2,
};

static const struct ws_grid_layout gap_layouts[] = {
	{.gap = 2, .later_gap = 2},
	{.breaks = BREAK(2), .gap = 2, .later_gap = 2},
	{.short_heads = true, .joined = true, .breaks = BREAK(2), .gap = 2, .later_gap = 2},
	{.breaks = BREAK(1) | BREAK(2), .gap = 2, .later_gap = 2},
	{.short_heads = true, .breaks = BREAK(1) | BREAK(2), .gap = 1, .later_gap = 1},
	{.short_heads = true,
		.breaks = BREAK(1) | BREAK(2),
		.joined = true,
		.gap = 1,
		.later_gap = 1},
};

static double gap_value(const struct ws_load_run *run, unsigned col)
{
	static const double q[GAP_COLS] = {
		[GAP_P1] = 0.01, [GAP_P50] = 0.5, [GAP_P99] = 0.99, [GAP_P999] = 0.999};
	const struct ws_hist *h = &run->gaps.hist;
	double value = NAN;

	switch (col) {
	case GAP_INTENDED:
		return ws_load_intended_gap(run);
	case GAP_MEAN:
		ws_hist_mean(h, &value);
		return value;
	case GAP_STDDEV:
		ws_hist_stddev(h, &value);
		return value;
	case GAP_MAX:
		return h->count > 0 ? (double)h->max : NAN;
	default:
		return quantile(h, q[col]);
	}
}

/* How much the mean gap is above the intended one, in millionths or percent. */
static void format_off(char buf[WS_CELL_SIZE], const struct ws_load_run *run)
{
	double mean = gap_value(run, GAP_MEAN), intended = ws_load_intended_gap(run);
	double ppm = (mean / intended - 1) * 1e6;

	if (!isfinite(ppm)) {
		snprintf(buf, WS_CELL_SIZE, "-");
	} else if (fabs(ppm) < 0.5) {
		snprintf(buf, WS_CELL_SIZE, "0 ppm");
	} else if (fabs(ppm) < 9999.5) {
		snprintf(buf, WS_CELL_SIZE, "%+.0f ppm", ppm);
	} else {
		snprintf(buf, WS_CELL_SIZE, "%+.3g%%", ppm / 1e4);
	}
}

static void gap_cell(const void *arg, unsigned row, unsigned col, char buf[WS_CELL_SIZE])
{
	const struct ws_load_run *run = run_of(arg, row);
	const struct ws_gaps *g = &run->gaps;

	if (col == GAP_RATE) {
		ws_load_page_rate(buf, run);
	} else if (col == GAP_OFF) {
		format_off(buf, run);
	} else if (col == GAP_BURSTS) {
		ws_format_share(buf, WS_CELL_SIZE,
			g->judged > 0 ? (double)g->bursts / (double)g->judged : NAN);
	} else if (col >= GAP_WITHIN) {
		ws_format_share(buf, WS_CELL_SIZE, within_share(run, (int)(col - GAP_WITHIN)));
	} else if (col == GAP_STDDEV) {
		ws_format_ns(buf, WS_CELL_SIZE, gap_value(run, col));
	} else {
		ws_format_ns_fine(buf, WS_CELL_SIZE, gap_value(run, col));
	}
}

static const char *gap_ink(const void *arg, unsigned row, unsigned col)
{
	return col == GAP_BURSTS && run_of(arg, row)->gaps.bursts > 0 ? WS_INK_YELLOW : NULL;
}

void ws_load_page_gaps(struct ws_page *p, const struct ws_load_report *r)
{
	struct ws_grid grid = {
		.cols = GAP_COLS,
		.rows = (unsigned)r->run_count,
		.heads = {gap_heads[0], gap_heads[1]},
		.group = gap_groups,
		.layouts = gap_layouts,
		.layout_count = ARRAY_SIZE(gap_layouts),
		.arg = r,
		.cell = gap_cell,
		.ink = gap_ink,
	};
	bool any = false, judged = false, intended = false;
	unsigned col;
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		any = any || r->runs[i].gaps.hist.count > 0;
		judged = judged || r->runs[i].gaps.judged > 0;
		intended = intended || !ws_load_flat_out(&r->runs[i]);
	}
	if (!any) {
		return;
	}
	grid.hidden |= judged ? 0 : UINT32_C(1) << GAP_BURSTS;
	grid.hidden |= intended ? 0 : UINT32_C(1) << GAP_INTENDED | UINT32_C(1) << GAP_OFF;
	for (col = GAP_WITHIN; col < GAP_BURSTS && !intended; col++) {
		grid.hidden |= UINT32_C(1) << col;
	}
	ws_grid_print(p, &grid);
}
