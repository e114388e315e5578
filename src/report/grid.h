/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of the text result, one row a rate, as comfortable as the width allows. Private to the report layer. */
#pragma once

#include "report/page.h"

#define WS_GRID_COLS 16

/*
 * From the most comfortable to the narrowest; the first that fits is taken, else the last. Columns belong
 * to groups, numbered from 0 and in order; those of a group are never parted. Column 0, whose group
 * does not matter, begins each table and is the only one with its text to the left.
 */
struct ws_grid_layout {
	bool short_heads;
	bool joined;		 /* "1.24us" */
	uint32_t breaks;	 /* bit n: group n begins another table */
	unsigned gap, later_gap; /* between columns of the first group, and of the others */
};

/* For two groups of columns, which part where the table is too wide. */
#define WS_GRID_IN_TWO 7
extern const struct ws_grid_layout ws_grid_in_two[WS_GRID_IN_TWO];

struct ws_grid {
	unsigned cols, rows;
	const char *const *heads[2]; /* the long and the short ones */
	const unsigned char *group;  /* of each column */
	const struct ws_grid_layout *layouts;
	unsigned layout_count;
	uint32_t hidden; /* bit n: column n is left out */
	const void *arg;
	/* The text of a cell; ASCII, or else one column wide each character. */
	void (*cell)(const void *arg, unsigned row, unsigned col, char buf[WS_CELL_SIZE]);
	/* Its ink; NULL: none. */
	const char *(*ink)(const void *arg, unsigned row, unsigned col);
};

/* Prints the table or tables, each with an empty line behind it. */
void ws_grid_print(struct ws_page *p, const struct ws_grid *g);
