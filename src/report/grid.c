/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/grid.h"

#include <string.h>

const struct ws_grid_layout ws_grid_in_two[WS_GRID_IN_TWO] = {
	{.gap = 2, .later_gap = 2},
	{.short_heads = true, .gap = 2, .later_gap = 2},
	{.short_heads = true, .gap = 1, .later_gap = 2},
	{.breaks = 1 << 1, .gap = 2, .later_gap = 2},
	{.short_heads = true, .breaks = 1 << 1, .gap = 2, .later_gap = 2},
	{.short_heads = true, .breaks = 1 << 1, .gap = 1, .later_gap = 2},
	{.short_heads = true, .breaks = 1 << 1, .joined = true, .gap = 1, .later_gap = 1},
};

struct table {
	const struct ws_grid *grid;
	const struct ws_grid_layout *layout;
	unsigned width[WS_GRID_COLS];
	unsigned
		total[WS_GRID_COLS]; /* of each table, without its column 0; 0: it has no columns */
};

static bool is_hidden(const struct ws_grid *g, unsigned col)
{
	return g->hidden & UINT32_C(1) << col;
}

/* Which of the layout's tables a column is in. */
static unsigned table_of(const struct table *t, unsigned col)
{
	unsigned table = 0, group;

	for (group = 1; group <= t->grid->group[col]; group++) {
		table += t->layout->breaks >> group & 1;
	}
	return table;
}

static unsigned gap_before(const struct table *t, unsigned col)
{
	return t->grid->group[col] == 0 ? t->layout->gap : t->layout->later_gap;
}

static void cell_text(const struct table *t, unsigned row, unsigned col, char buf[WS_CELL_SIZE])
{
	char *space;

	t->grid->cell(t->grid->arg, row, col, buf);
	space = strchr(buf, ' ');
	if (t->layout->joined && col > 0 && space) {
		memmove(space, space + 1, strlen(space));
	}
}

/* Measures the columns; true if each table fits the page. */
static bool table_fits(struct ws_page *p, struct table *t)
{
	const struct ws_grid *g = t->grid;
	char buf[WS_CELL_SIZE];
	unsigned row, col, n;
	bool fits = true;

	memset(t->total, 0, sizeof(t->total));
	for (col = 0; col < g->cols; col++) {
		t->width[col] = ws_page_width(g->heads[t->layout->short_heads][col]);
		for (row = 0; row < g->rows; row++) {
			unsigned width;

			cell_text(t, row, col, buf);
			width = ws_page_width(buf);
			t->width[col] = width > t->width[col] ? width : t->width[col];
		}
		if (col > 0 && !is_hidden(g, col)) {
			t->total[table_of(t, col)] += gap_before(t, col) + t->width[col];
		}
	}
	for (n = 0; n < WS_GRID_COLS; n++) {
		fits = fits && (t->total[n] == 0 || t->total[n] + t->width[0] <= p->columns);
	}
	return fits;
}

/* A row of the heads, if it is none of the grid's. */
static void table_row(struct ws_page *p, const struct table *t, unsigned row, unsigned table)
{
	const struct ws_grid *g = t->grid;
	bool head = row >= g->rows;
	char buf[WS_CELL_SIZE];
	unsigned col;

	for (col = 0; col < g->cols; col++) {
		const char *ink = head ? WS_INK_BOLD : NULL;
		unsigned pad;

		if (col > 0 && (is_hidden(g, col) || table_of(t, col) != table)) {
			continue;
		}
		if (head) {
			snprintf(buf, sizeof(buf), "%s", g->heads[t->layout->short_heads][col]);
		} else {
			cell_text(t, row, col, buf);
			ink = g->ink(g->arg, row, col);
		}
		pad = t->width[col] - ws_page_width(buf);
		if (col > 0) {
			fprintf(p->out, "%*s", (int)(gap_before(t, col) + pad), "");
		}
		ws_page_print(p, ink, buf);
		if (col == 0) {
			fprintf(p->out, "%*s", (int)pad, "");
		}
	}
	fputc('\n', p->out);
}

void ws_grid_print(struct ws_page *p, const struct ws_grid *g)
{
	struct table t = {.grid = g};
	unsigned i, row, table;

	for (i = 0; i < g->layout_count; i++) {
		t.layout = &g->layouts[i];
		if (table_fits(p, &t)) {
			break;
		}
	}
	for (table = 0; table < WS_GRID_COLS; table++) {
		if (t.total[table] == 0) {
			continue;
		}
		table_row(p, &t, g->rows, table);
		for (row = 0; row < g->rows; row++) {
			table_row(p, &t, row, table);
		}
		fputc('\n', p->out);
	}
}
