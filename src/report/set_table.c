/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/docget.h"
#include "report/grid.h"
#include "report/set_own.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PLOTS_MAX     12

const struct ws_set_quantile ws_set_quantiles[WS_SET_QUANTILES] = {{"p50", 0.5}, {"p90", 0.9},
	{"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999}};

/* What a column shows. */
enum what {
	LABEL,
	SENT_PPS,
	SENT,
	RECEIVED,
	LOST,
	DUPLICATED,
	REORDERED,
	UNSTAMPED,
	P50,
	P99,
	P999,
	MAX,
	BOUND,
	SHARE,
	GAP_P50,
	GAP_P99,
	GAP_MAX,
};

struct table {
	const char *const *heads[2];
	const enum what *cols;
	const unsigned char *group;
	unsigned count;
};

static const enum what latency_cols[] = {LABEL, SENT_PPS, SENT, RECEIVED, LOST, DUPLICATED,
	REORDERED, UNSTAMPED, P50, P99, P999, MAX, BOUND};
static const char *const latency_heads[2][ARRAY_SIZE(latency_cols)] = {
	{"run", "rate", "sent", "received", "lost", "duplicated", "reordered", "unstamped", "p50",
		"p99", "p99.9", "max", "error"},
	{"run", "rate", "sent", "received", "lost", "dup", "reord", "unst", "p50", "p99", "p99.9",
		"max", "error"},
};
static const unsigned char latency_groups[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1};

static const enum what load_cols[] = {
	LABEL, SENT_PPS, SHARE, SENT, LOST, GAP_P50, GAP_P99, GAP_MAX};
static const char *const load_heads[2][ARRAY_SIZE(load_cols)] = {
	{"run", "accepted", "of requested", "sent", "refused", "gap p50", "gap p99", "gap max"},
	{"run", "accepted", "share", "sent", "refused", "gap p50", "p99", "max"},
};
static const unsigned char load_groups[] = {0, 0, 0, 0, 0, 1, 1, 1};

static const enum what receive_cols[] = {LABEL, SENT_PPS, RECEIVED, LOST, DUPLICATED};
static const char *const receive_heads[2][ARRAY_SIZE(receive_cols)] = {
	{"run", "rate", "received", "dropped", "duplicated"},
	{"run", "rate", "received", "dropped", "dup"},
};
static const unsigned char receive_groups[] = {0, 0, 0, 0, 0};

#define TABLE(name)                                                             \
	{                                                                       \
		{name##_heads[0], name##_heads[1]}, name##_cols, name##_groups, \
			ARRAY_SIZE(name##_cols)                                 \
	}
static const struct table tables[] = {TABLE(latency), TABLE(load), TABLE(receive)};

static unsigned table_of(const struct ws_series *s)
{
	switch (s->doc->kind) {
	case WS_RUNDOC_LOAD:
		return 1;
	case WS_RUNDOC_RECEIVER:
	case WS_RUNDOC_REFLECTOR:
	case WS_RUNDOC_CAPTURE:
		return 2;
	case WS_RUNDOC_LATENCY:
	case WS_RUNDOC_TWO_WAY:
	case WS_RUNDOC_SENDER:
	case WS_RUNDOC_IMPORT:
	default:
		return 0;
	}
}

struct rows {
	const struct table *table;
	const struct ws_series **series;
	unsigned count, label_room;
};

/* The beginning and the end of a label tell most: ".." stands for what is in between. */
static void label_cell(char buf[WS_CELL_SIZE], const char *label, unsigned room)
{
	size_t begin[sizeof(((struct ws_series *)NULL)->label) + 1], i, head, tail;
	unsigned n = 0;

	for (i = 0; label[i]; i++) {
		if (((unsigned char)label[i] & 0xc0) != 0x80) {
			begin[n++] = i;
		}
	}
	begin[n] = i;
	if (n <= room && i < WS_CELL_SIZE) {
		memcpy(buf, label, i + 1);
		return;
	}
	/* Characters have up to 4 bytes. */
	room = room < WS_CELL_SIZE / 4 ? room : i == n ? WS_CELL_SIZE / 2 : WS_CELL_SIZE / 4;
	room = room < n ? room : n;
	head = (room - 2) / 3;
	tail = room - 2 - head;
	snprintf(buf, WS_CELL_SIZE, "%.*s..%s", (int)begin[head], label, label + begin[n - tail]);
}

static void count_cell(char buf[WS_CELL_SIZE], uint64_t n)
{
	if (n == UINT64_MAX) {
		snprintf(buf, WS_CELL_SIZE, WS_SET_UNKNOWN);
	} else {
		ws_format_count(buf, WS_CELL_SIZE, n);
	}
}

static void quantile_cell(char buf[WS_CELL_SIZE], const struct ws_hist *h, double q)
{
	int64_t ns;

	ws_format_ns(buf, WS_CELL_SIZE, h && ws_hist_quantile(h, q, &ns) ? (double)ns : NAN);
}

static uint64_t count_of(const struct ws_series *s, enum what what)
{
	switch (what) {
	case SENT:
		return s->sent;
	case RECEIVED:
		return s->received;
	case LOST:
		return s->doc->kind == WS_RUNDOC_LOAD ? ws_get_count(s->json, "failed") : s->lost;
	case DUPLICATED:
		return s->duplicated;
	case REORDERED:
		return s->reordered;
	case UNSTAMPED:
		return s->unstamped;
	default:
		return UINT64_MAX;
	}
}

static double pps_of(const struct ws_series *s)
{
	if (isfinite(s->accepted_pps) || s->elapsed_ns <= 0 || s->received == UINT64_MAX) {
		return s->accepted_pps;
	}
	return (double)s->received * 1e9 / (double)s->elapsed_ns;
}

static void cell(const void *arg, unsigned row, unsigned col, char buf[WS_CELL_SIZE])
{
	const struct rows *rows = arg;
	const struct ws_series *s = rows->series[row];
	const enum what what = rows->table->cols[col];
	const struct ws_hist *max = what == GAP_MAX ? s->gaps : s->latency;

	switch (what) {
	case LABEL:
		label_cell(buf, s->label, rows->label_room);
		break;
	case SENT_PPS:
		ws_format_pps(buf, WS_CELL_SIZE, pps_of(s));
		break;
	case SHARE:
		ws_format_share(buf, WS_CELL_SIZE, s->accepted_pps / s->requested_pps);
		break;
	case P50:
	case P99:
	case P999:
		quantile_cell(buf, s->latency, what == P50 ? 0.5 : what == P99 ? 0.99 : 0.999);
		break;
	case GAP_P50:
	case GAP_P99:
		quantile_cell(buf, s->gaps, what == GAP_P50 ? 0.5 : 0.99);
		break;
	case MAX:
	case GAP_MAX:
		ws_format_ns(buf, WS_CELL_SIZE, max && max->count > 0 ? (double)max->max : NAN);
		break;
	case BOUND:
		ws_format_ns(buf, WS_CELL_SIZE,
			s->error_bound_ns >= 0 ? (double)s->error_bound_ns : NAN);
		break;
	case SENT:
	case RECEIVED:
	case LOST:
	case DUPLICATED:
	case REORDERED:
	case UNSTAMPED:
	default:
		count_cell(buf, count_of(s, what));
		break;
	}
}

static const char *ink(const void *arg, unsigned row, unsigned col)
{
	const struct rows *rows = arg;
	const enum what what = rows->table->cols[col];
	uint64_t n = count_of(rows->series[row], what);

	if (n == 0 || n == UINT64_MAX) {
		return NULL;
	}
	return what == LOST ? WS_INK_RED : what == UNSTAMPED ? WS_INK_YELLOW : NULL;
}

int ws_set_tables(struct ws_page *p, const struct ws_report_set *set)
{
	struct rows rows = {.label_room = p->columns / 3};
	unsigned n, i, k;

	rows.series = calloc(set->count + 1, sizeof(*rows.series));
	if (!rows.series) {
		return -ENOMEM;
	}
	for (n = 0; n < ARRAY_SIZE(tables); n++) {
		struct ws_grid grid = {
			.cols = tables[n].count,
			.heads = {tables[n].heads[0], tables[n].heads[1]},
			.group = tables[n].group,
			.layouts = ws_grid_in_two,
			.layout_count = WS_GRID_IN_TWO,
			.arg = &rows,
			.cell = cell,
			.ink = ink,
		};

		rows.table = &tables[n];
		rows.count = 0;
		for (i = 0; i < set->count; i++) {
			if (table_of(set->series[i]) == n) {
				rows.series[rows.count++] = set->series[i];
			}
		}
		grid.rows = rows.count;
		/* A column of which nobody knows anything says nothing. */
		for (k = 1; k < tables[n].count; k++) {
			char buf[WS_CELL_SIZE];
			bool known = false;

			for (i = 0; i < rows.count && !known; i++) {
				cell(&rows, i, k, buf);
				known = strcmp(buf, WS_SET_UNKNOWN) != 0;
			}
			grid.hidden |= known ? 0 : UINT32_C(1) << k;
		}
		if (rows.count > 0) {
			ws_grid_print(p, &grid);
		}
	}
	free(rows.series);
	return 0;
}

static void band_print(struct ws_page *p, const struct ws_series *s, const char *hue,
	const struct ws_plot_axis *axis, unsigned rows)
{
	const struct ws_hist *h = s->latency;
	struct ws_plot_line line;
	struct ws_plot_band band;
	struct ws_text t = {0};
	char buf[WS_CELL_SIZE];
	unsigned row;

	ws_plot_band_init(&band, axis, h);
	ws_page_ink_on(p, WS_INK_BOLD);
	ws_page_print(p, hue, s->label);
	if (band.total > 0) {
		ws_format_count(buf, sizeof(buf), band.total);
		ws_text_add(&t, "%s packet%s, full height %.3g%%", buf, band.total == 1 ? "" : "s",
			100.0 * (double)band.peak / (double)band.total);
	} else {
		ws_text_add(&t, "no packets to draw");
	}
	if (ws_hist_in_range(h) < h->count) {
		ws_format_count(buf, sizeof(buf), h->count - ws_hist_in_range(h));
		ws_text_add(&t, "; not drawn: %s outside of 1 ns to 100 s", buf);
	}
	fputs("  ", p->out);
	ws_page_wrap(p, NULL, ws_page_width(s->label) + 2, 2, t.buf);
	for (row = 0; row < rows && band.total > 0; row++) {
		ws_plot_bars(&line, &band, row, rows);
		ws_page_plot_line(p, &line, hue);
	}
	if (band.total > 0) {
		ws_plot_marks(&line, axis, h);
		ws_page_plot_line(p, &line, hue);
	}
}

int ws_set_plots(struct ws_page *p, const struct ws_report_set *set)
{
	const struct ws_hist **hists = calloc(set->count + 1, sizeof(*hists));
	struct ws_plot_line rule, labels;
	struct ws_plot_axis axis;
	unsigned i, n = 0, hue = 0;
	bool drawn;

	if (!hists) {
		return -ENOMEM;
	}
	for (i = 0; i < set->count; i++) {
		if (set->series[i]->latency && set->series[i]->latency->count > 0) {
			hists[n++] = set->series[i]->latency;
		}
	}
	drawn = n > 0 && n <= PLOTS_MAX && ws_plot_axis_init(&axis, hists, n, p->columns);
	free(hists);
	if (n > PLOTS_MAX) {
		ws_page_wrap(p, WS_INK_DIM, 0, 0,
			"More histograms than are readable as text: a figure shows them (-o with "
			"--plot histogram).");
		fputc('\n', p->out);
	}
	for (i = 0; i < set->count && drawn; i++) {
		const struct ws_series *s = set->series[i];

		if (s->latency && s->latency->count > 0) {
			band_print(p, s, ws_page_hue(hue++), &axis, n <= 1 ? 6 : n <= 3 ? 4 : 3);
		}
	}
	if (drawn) {
		ws_plot_ticks(&rule, &labels, &axis);
		ws_page_plot_line(p, &rule, NULL);
		ws_page_plot_line(p, &labels, NULL);
		ws_page_wrap(p, WS_INK_DIM, 0, 0,
			"Height: share of the run's packets that fall in a column, linear, up to the "
			"full height stated with each; a single packet still shows as ▁.");
		fputc('\n', p->out);
	}
	return 0;
}
