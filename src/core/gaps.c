/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/gaps.h"

const int ws_gap_within_ns[WS_GAP_WITHIN] = {64, 128, 256, 512, 1024};

void ws_gaps_init(struct ws_gaps *g)
{
	ws_hist_init(&g->hist);
	for (int i = 0; i < WS_GAP_WITHIN; i++) {
		g->within[i] = 0;
	}
	g->bursts = 0;
	g->judged = 0;
}

void ws_gap_walk_init(struct ws_gap_walk *w, struct ws_gaps *g)
{
	*w = (struct ws_gap_walk){.gaps = g};
}

void ws_gap_walk_break(struct ws_gap_walk *w)
{
	w->any = false;
}

static void count_within(struct ws_gaps *g, int64_t gap, int64_t intended)
{
	int64_t off;

	if (__builtin_sub_overflow(gap, intended, &off)) {
		return;
	}
	for (int i = 0; i < WS_GAP_WITHIN; i++) {
		g->within[i] += off >= -ws_gap_within_ns[i] && off <= ws_gap_within_ns[i];
	}
}

void ws_gap_walk_add(
	struct ws_gap_walk *w, uint64_t seq, int64_t ns, int64_t intended_ns, int64_t wire_ns)
{
	struct ws_gaps *g = w->gaps;
	int64_t gap, intended;

	/* Times that are so far apart are not of one clock: there is no gap then. */
	if (w->any && seq == w->seq + 1 && !__builtin_sub_overflow(ns, w->ns, &gap)) {
		ws_hist_record(&g->hist, gap);
		if (intended_ns != INT64_MIN && w->intended_ns != INT64_MIN &&
			!__builtin_sub_overflow(intended_ns, w->intended_ns, &intended)) {
			count_within(g, gap, intended);
		}
		if (w->wire_ns > 0) {
			g->judged++;
			g->bursts += gap < w->wire_ns;
		}
	}
	w->any = true;
	w->seq = seq;
	w->ns = ns;
	w->intended_ns = intended_ns;
	w->wire_ns = wire_ns;
}
