/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/docsum.h"

#include <math.h>

#define LEVEL 0.95

const char *const ws_doc_happenings[WS_HAPPENINGS] = {
	[WS_HAPPENED_SENT] = "sent",
	[WS_HAPPENED_LOST] = "lost",
	[WS_HAPPENED_DUPLICATED] = "duplicated",
	[WS_HAPPENED_REORDERED] = "reordered",
	[WS_HAPPENED_LATE] = "late_arrivals",
	[WS_HAPPENED_UNSTAMPED] = "unstamped",
};

json_t *ws_doc_interval(struct ws_doc *d, bool known, int64_t low, int64_t high)
{
	json_t *list;

	if (!known) {
		return json_null();
	}
	list = json_array();
	ws_doc_add(d, list, ws_doc_integer(low));
	ws_doc_add(d, list, ws_doc_integer(high));
	return list;
}

json_t *ws_doc_latency(
	struct ws_doc *d, const struct ws_hist *h, int64_t bound_ns, int64_t resolution_ns)
{
	const struct ws_doc_quantile *quantiles = ws_doc_latency_quantiles;
	json_t *o, *confidence;
	int64_t low = 0, high = 0;
	size_t i;

	if (!h) {
		return json_null();
	}
	o = ws_doc_summary(d, h, true, quantiles);
	confidence = json_object();
	for (i = 0; quantiles[i].name; i++) {
		bool known = ws_hist_quantile_interval(h, quantiles[i].q, LEVEL, &low, &high);

		ws_doc_put(d, confidence, quantiles[i].name, ws_doc_interval(d, known, low, high));
	}
	ws_doc_put(d, o, "error_bound", bound_ns >= 0 ? ws_doc_integer(bound_ns) : json_null());
	ws_doc_put(d, o, "resolution",
		resolution_ns > 0 ? ws_doc_integer(resolution_ns) : json_null());
	ws_doc_put(d, o, "confidence", confidence);
	return o;
}

json_t *ws_doc_reordering(struct ws_doc *d, const struct ws_reordering *r)
{
	json_t *o = json_object(), *bins = json_array();
	bool known = r->reordered > r->unknown;

	for (unsigned b = 0; b < WS_EXTENT_BINS; b++) {
		json_t *bin;

		if (!r->bins[b]) {
			continue;
		}
		bin = json_array();
		ws_doc_add(d, bin, ws_doc_integer(b ? (INT64_C(1) << (b - 1)) + 1 : 1));
		ws_doc_add(d, bin, ws_doc_integer((INT64_C(1) << b) + 1));
		ws_doc_add(d, bin, ws_doc_count(r->bins[b]));
		ws_doc_add(d, bins, bin);
	}
	ws_doc_put(d, o, "reordered", ws_doc_count(r->reordered));
	ws_doc_put(d, o, "unknown", ws_doc_count(r->unknown));
	ws_doc_put(d, o, "extent_max", known ? ws_doc_count(r->max) : json_null());
	ws_doc_put(d, o, "extent_mean", ws_doc_real(known ? r->mean : NAN));
	ws_doc_put(d, o, "extents", bins);
	return o;
}

json_t *ws_doc_losses(struct ws_doc *d, const struct ws_losses *l)
{
	json_t *o = json_object(), *list = json_array();

	for (unsigned i = 0; i < l->count; i++) {
		const struct ws_loss *loss = &l->list[i];
		json_t *one = json_object();

		ws_doc_put(d, one, "seq", ws_doc_count(loss->seq));
		ws_doc_put(d, one, "count", ws_doc_count(loss->count));
		ws_doc_put(d, one, "at_ns", ws_doc_integer(loss->at_ns));
		ws_doc_put(d, one, "until_ns", ws_doc_integer(loss->until_ns));
		ws_doc_add(d, list, one);
	}
	ws_doc_put(d, o, "packets", ws_doc_count(l->packets));
	ws_doc_put(d, o, "episodes", ws_doc_count(l->episodes));
	ws_doc_put(d, o, "longest", ws_doc_count(l->longest));
	ws_doc_put(d, o, "list", list);
	ws_doc_put(d, o, "omitted", ws_doc_count(l->episodes - l->count));
	return o;
}

static json_t *column(struct ws_doc *d, const struct ws_timeline_column *c, int64_t at_ns)
{
	json_t *o = json_object(), *cells = json_array();

	ws_doc_put(d, o, "at_ns", ws_doc_integer(at_ns));
	for (unsigned h = 0; h < WS_HAPPENINGS; h++) {
		ws_doc_put(d, o, ws_doc_happenings[h], ws_doc_count(c->happened[h]));
	}
	ws_doc_put(d, o, "count", ws_doc_count(c->count));
	ws_doc_put(d, o, "min", c->count ? ws_doc_integer(c->min) : json_null());
	ws_doc_put(d, o, "max", c->count ? ws_doc_integer(c->max) : json_null());
	for (unsigned r = 0; r < WS_TIMELINE_ROWS; r++) {
		json_t *cell;

		if (!c->cells[r]) {
			continue;
		}
		cell = json_array();
		ws_doc_add(d, cell, ws_doc_integer(ws_timeline_row_low(r)));
		ws_doc_add(d, cell, ws_doc_integer(ws_timeline_row_low(r + 1)));
		ws_doc_add(d, cell, json_integer(c->cells[r]));
		ws_doc_add(d, cells, cell);
	}
	ws_doc_put(d, o, "cells", cells);
	return o;
}

json_t *ws_doc_timeline(struct ws_doc *d, const struct ws_timeline *t)
{
	json_t *o, *columns;

	if (!t || !t->used) {
		return json_null();
	}
	o = json_object();
	columns = json_array();
	for (unsigned i = 0; i < t->used; i++) {
		ws_doc_add(d, columns, column(d, &t->columns[i], (int64_t)i * t->width_ns));
	}
	ws_doc_put(d, o, "width_ns", ws_doc_integer(t->width_ns));
	ws_doc_put(d, o, "columns", columns);
	return o;
}
