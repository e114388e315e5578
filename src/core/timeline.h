/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run over time, in bounded memory: columns of equal width, each with counts and a coarse
 * histogram of latencies. When a run outgrows its columns, neighbours are joined and the width
 * doubles. Pure.
 */
#pragma once

#include <stdint.h>

#define WS_TIMELINE_COLUMNS 512
/* 8 for each power of two, from 1 ns on; the last one also has all that is greater. */
#define WS_TIMELINE_ROWS  304
#define WS_TIMELINE_WIDTH 1000000 /* ns: of a column, at first */

enum ws_happening {
	WS_HAPPENED_SENT,
	WS_HAPPENED_LOST,
	WS_HAPPENED_DUPLICATED,
	WS_HAPPENED_REORDERED,
	WS_HAPPENED_LATE, /* arrival after the window */
	WS_HAPPENED_UNSTAMPED,
	WS_HAPPENINGS,
};

struct ws_timeline_column {
	uint64_t happened[WS_HAPPENINGS];
	uint64_t count;			  /* latencies */
	int64_t min, max;		  /* of them; valid if count > 0 */
	uint32_t cells[WS_TIMELINE_ROWS]; /* saturating */
};

struct ws_timeline {
	int64_t width_ns;
	unsigned used; /* columns, up to the last one with something in it */
	/* The column that was last written to, and its begin: so that of the next packet is mostly
	 * known without a division. */
	unsigned current;
	int64_t current_ns;
	struct ws_timeline_column columns[WS_TIMELINE_COLUMNS];
};

void ws_timeline_init(struct ws_timeline *t);
/* at_ns: intended time from the start of the run; below 0 counts as 0. Values below 1 ns are in row
 * 0. Cheap while times stay in one column; now and then the width doubles. */
void ws_timeline_latency(struct ws_timeline *t, int64_t at_ns, int64_t latency_ns);
void ws_timeline_happened(struct ws_timeline *t, int64_t at_ns, enum ws_happening what);
/*
 * Row r has latencies in [ws_timeline_row_low(r), ws_timeline_row_low(r + 1)), also for the last r.
 * Below 8 ns some rows have no whole ns of their own: their edges are the same, they stay empty.
 */
unsigned ws_timeline_row(int64_t latency_ns);
int64_t ws_timeline_row_low(unsigned row);
