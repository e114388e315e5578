/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "report/page.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

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

/* From the most comfortable to the narrowest; the first one that fits is taken. */
static const struct table_layout {
	bool short_heads;
	bool two_tables; /* packets, then latencies */
	bool joined;	 /* "1.24us" */
	unsigned count_gap, time_gap;
} layouts[] = {
	{.count_gap = 2, .time_gap = 2},
	{.short_heads = true, .count_gap = 2, .time_gap = 2},
	{.short_heads = true, .count_gap = 1, .time_gap = 2},
	{.two_tables = true, .count_gap = 2, .time_gap = 2},
	{.short_heads = true, .two_tables = true, .count_gap = 2, .time_gap = 2},
	{.short_heads = true, .two_tables = true, .count_gap = 1, .time_gap = 2},
	{.short_heads = true, .two_tables = true, .joined = true, .count_gap = 1, .time_gap = 1},
};

struct table {
	const struct table_layout *layout;
	unsigned width[COLS];
};

static void cell_text(char buf[WS_CELL_SIZE], const struct ws_run_result *run, int col, bool joined)
{
	static const double q[COLS] = {
		[COL_P50] = 0.5, [COL_P90] = 0.9, [COL_P99] = 0.99, [COL_P999] = 0.999};
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
	char *space;

	if (col == COL_RATE) {
		ws_page_rate(buf, run);
		return;
	}
	if (col < COL_MIN) {
		ws_format_count(buf, WS_CELL_SIZE, counts[col]);
		return;
	}
	if (col == COL_MIN || col == COL_MAX) {
		ns = col == COL_MIN ? run->latency.min : run->latency.max;
		is_known = run->latency.count > 0;
	} else {
		is_known = ws_hist_quantile(&run->latency, q[col], &ns);
	}
	ws_format_ns(buf, WS_CELL_SIZE, is_known ? (double)ns : NAN);
	space = strchr(buf, ' ');
	if (joined && space) {
		memmove(space, space + 1, strlen(space));
	}
}

static unsigned gap_before(const struct table_layout *layout, int col)
{
	return col < COL_MIN ? layout->count_gap : layout->time_gap;
}

static bool table_fits(struct ws_page *p, const struct ws_latency_report *r, struct table *t)
{
	unsigned packets = 0, latencies = 0;
	char buf[WS_CELL_SIZE];
	size_t i;
	int col;

	for (col = 0; col < COLS; col++) {
		t->width[col] = (unsigned)strlen(heads[t->layout->short_heads][col]);
		for (i = 0; i < r->run_count; i++) {
			unsigned width;

			cell_text(buf, &r->runs[i], col, t->layout->joined);
			width = (unsigned)strlen(buf);
			t->width[col] = width > t->width[col] ? width : t->width[col];
		}
		if (col == COL_RATE) {
			packets = t->width[col];
			latencies = t->layout->two_tables ? t->width[col] : 0;
		} else if (col < COL_MIN) {
			packets += gap_before(t->layout, col) + t->width[col];
		} else {
			latencies += gap_before(t->layout, col) + t->width[col];
		}
	}
	if (t->layout->two_tables) {
		return packets <= p->columns && latencies <= p->columns;
	}
	return packets + latencies <= p->columns;
}

static const char *cell_ink(const struct ws_run_result *run, int col)
{
	const struct ws_ledger *l = &run->ledger;

	if (col == COL_LOST && l->lost > 0) {
		return WS_INK_RED;
	}
	if (col == COL_UNSTAMPED && l->unstamped_tx + l->unstamped_rx + l->unstamped_both > 0) {
		return WS_INK_YELLOW;
	}
	return NULL;
}

/* run NULL: the heads. */
static void table_row(struct ws_page *p, const struct table *t, const struct ws_run_result *run,
	int first, int last)
{
	const char *ink = run ? NULL : WS_INK_BOLD;
	char buf[WS_CELL_SIZE];
	int col;

	for (col = 0; col <= last; col++) {
		if (col > COL_RATE && col < first) {
			continue;
		}
		if (run) {
			cell_text(buf, run, col, t->layout->joined);
			ink = cell_ink(run, col);
		} else {
			snprintf(buf, sizeof(buf), "%s", heads[t->layout->short_heads][col]);
		}
		if (col > COL_RATE) {
			fprintf(p->out, "%*s",
				(int)(gap_before(t->layout, col) + t->width[col] - strlen(buf)),
				"");
		}
		ws_page_print(p, ink, buf);
		if (col == COL_RATE) {
			fprintf(p->out, "%*s", (int)(t->width[col] - strlen(buf)), "");
		}
	}
	fputc('\n', p->out);
}

static void table_part(struct ws_page *p, const struct ws_latency_report *r, const struct table *t,
	int first, int last)
{
	size_t i;

	table_row(p, t, NULL, first, last);
	for (i = 0; i < r->run_count; i++) {
		table_row(p, t, &r->runs[i], first, last);
	}
	fputc('\n', p->out);
}

void ws_page_table(struct ws_page *p, const struct ws_latency_report *r)
{
	struct table t;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		t.layout = &layouts[i];
		if (table_fits(p, r, &t)) {
			break;
		}
	}
	if (t.layout->two_tables) {
		table_part(p, r, &t, COL_SENT, COL_UNSTAMPED);
		table_part(p, r, &t, COL_MIN, COL_MAX);
	} else {
		table_part(p, r, &t, COL_SENT, COL_MAX);
	}
}
