/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/latency_json.h"

#include "report/report.h"
#include <math.h>

char *ws_stage_name(char buf[48], enum ws_instant from, enum ws_instant to)
{
	(void)snprintf(buf, 48, "%s_to_%s", ws_instant_name(from), ws_instant_name(to));
	return buf;
}

static json_t *latencies(struct ws_doc *d, const struct ws_run_result *run, const struct ws_hist *h,
	int64_t bound_ns)
{
	json_t *o = ws_doc_summary(d, h, true, ws_doc_latency_quantiles);

	ws_doc_put(d, o, "error_bound", bound_ns >= 0 ? ws_doc_integer(bound_ns) : json_null());
	ws_doc_put(d, o, "resolution",
		run->resolution_ns > 0 ? ws_doc_integer(run->resolution_ns) : json_null());
	ws_doc_put(d, o, "confidence", ws_doc_confidence(d, h, ws_doc_latency_quantiles));
	return o;
}

static json_t *jitter(struct ws_doc *d, const struct ws_run_result *run)
{
	const struct ws_jitter *j = &run->jitter;
	json_t *o = json_object();

	ws_doc_put(d, o, "rfc3550_mean", ws_doc_real(j->count ? j->mean : NAN));
	ws_doc_put(d, o, "rfc3550_max", ws_doc_real(j->count ? j->max : NAN));
	ws_doc_put(d, o, "rfc3550_last", ws_doc_real(j->count ? j->ns : NAN));
	return o;
}

/* RFC 5481: the 99.9th percentile minus the least. */
static json_t *pdv(const struct ws_hist *h)
{
	int64_t p999;

	return ws_hist_quantile(h, 0.999, &p999) ? ws_doc_integer(p999 - h->min) : json_null();
}

static json_t *reordering(struct ws_doc *d, const struct ws_reordering *r)
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

static json_t *losses(struct ws_doc *d, const struct ws_losses *l)
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
	static const char *const names[WS_HAPPENINGS] = {
		[WS_HAPPENED_SENT] = "sent",
		[WS_HAPPENED_LOST] = "lost",
		[WS_HAPPENED_DUPLICATED] = "duplicated",
		[WS_HAPPENED_REORDERED] = "reordered",
		[WS_HAPPENED_LATE] = "late_arrivals",
		[WS_HAPPENED_UNSTAMPED] = "unstamped",
	};
	json_t *o = json_object(), *cells = json_array();

	ws_doc_put(d, o, "at_ns", ws_doc_integer(at_ns));
	for (unsigned h = 0; h < WS_HAPPENINGS; h++) {
		ws_doc_put(d, o, names[h], ws_doc_count(c->happened[h]));
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

static json_t *timeline(struct ws_doc *d, const struct ws_timeline *t)
{
	json_t *o, *columns;

	if (!t) {
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

static json_t *stages(struct ws_doc *d, const struct ws_run_result *run)
{
	static const struct ws_doc_quantile quantiles[] = {
		{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {NULL, 0}};
	const struct ws_waterfall *w = run->waterfall;
	json_t *o = json_object();
	char name[48];

	ws_doc_put(d, o, "intended_to_app", ws_doc_summary(d, &run->lateness, false, quantiles));
	for (unsigned i = 0; w && i < w->stages; i++) {
		ws_doc_put(d, o, ws_stage_name(name, w->from[i], w->to[i]),
			ws_doc_summary(d, &w->stage[i], false, quantiles));
	}
	return o;
}

static json_t *group(
	struct ws_doc *d, const struct ws_waterfall *w, const struct ws_waterfall_group *g)
{
	json_t *o, *each;

	if (!g->packets) {
		return json_null();
	}
	o = json_object();
	each = json_array();
	for (unsigned i = 0; i < w->stages; i++) {
		ws_doc_add(d, each, ws_doc_real(g->stage_ns[i]));
	}
	ws_doc_put(d, o, "packets", ws_doc_count(g->packets));
	ws_doc_put(d, o, "from_ns", ws_doc_integer(g->from_ns));
	ws_doc_put(d, o, "to_ns", ws_doc_integer(g->to_ns));
	ws_doc_put(d, o, "stage_ns", each);
	return o;
}

static json_t *waterfall(struct ws_doc *d, const struct ws_waterfall *w)
{
	struct ws_waterfall_verdict v;
	json_t *o, *names;
	char name[48], sentence[240];

	if (!w) {
		return json_null();
	}
	ws_waterfall_judge(w, &v);
	o = json_object();
	names = json_array();
	for (unsigned i = 0; i < w->stages; i++) {
		ws_doc_add(d, names, ws_doc_string(ws_stage_name(name, w->from[i], w->to[i])));
	}
	ws_doc_put(d, o, "packets", ws_doc_count(w->count));
	ws_doc_put(d, o, "unfit", ws_doc_count(w->unfit));
	ws_doc_put(d, o, "stages", names);
	ws_doc_put(d, o, "typical", group(d, w, &v.typical));
	ws_doc_put(d, o, "tail", group(d, w, &v.tail));
	ws_doc_put(d, o, "cause",
		v.cause >= 0 ? ws_doc_string(ws_stage_name(name, w->from[v.cause], w->to[v.cause]))
			     : json_null());
	ws_doc_put(d, o, "cause_share", v.cause >= 0 ? ws_doc_real(v.cause_share) : json_null());
	ws_doc_put(d, o, "sentence",
		ws_doc_known(ws_format_waterfall(sentence, sizeof(sentence), w, &v)));
	return o;
}

static json_t *known(json_t *value, bool is)
{
	if (is) {
		return value;
	}
	json_decref(value);
	return json_null();
}

static void put_two_way(struct ws_doc *d, json_t *o, const struct ws_run_result *run)
{
	const struct ws_two_way *t = run->two_way;
	const struct ws_ledger *l = &run->ledger;
	json_t *facts = json_object();
	uint64_t arrived = ws_ledger_arrived(l);
	bool ways = t->ways_bound_ns >= 0, counted = t->answered != UINT64_MAX;

	ws_doc_put(d, o, "rtt_ns", latencies(d, run, &t->rtt, t->rtt_bound_ns));
	ws_doc_put(d, o, "rtt_histogram_ns", ws_doc_bins(d, &t->rtt));
	ws_doc_put(d, o, "residence_ns",
		ws_doc_summary(d, &t->residence, true, ws_doc_latency_quantiles));
	ws_doc_put(
		d, o, "forward_ns", known(latencies(d, run, &t->forward, t->ways_bound_ns), ways));
	ws_doc_put(d, o, "forward_histogram_ns", known(ws_doc_bins(d, &t->forward), ways));
	ws_doc_put(d, o, "backward_ns",
		known(latencies(d, run, &t->backward, t->ways_bound_ns), ways));
	ws_doc_put(d, o, "backward_histogram_ns", known(ws_doc_bins(d, &t->backward), ways));
	ws_doc_put(d, facts, "exchanges", ws_doc_count(t->exchanges));
	ws_doc_put(d, facts, "incomplete", ws_doc_count(t->incomplete));
	ws_doc_put(d, facts, "same_clock", json_boolean(t->same_clock));
	ws_doc_put(d, facts, "drift_ppb", ws_doc_real(t->clocks.known ? t->clocks.drift_ppb : NAN));
	ws_doc_put(d, facts, "drift_error_ppb",
		ws_doc_real(t->clocks.known ? t->clocks.drift_error_ppb : NAN));
	ws_doc_put(d, facts, "offset_ns",
		t->clocks.known ? ws_doc_integer(t->clocks.offset_ns) : json_null());
	ws_doc_put(d, facts, "offset_error_ns",
		t->clocks.known ? ws_doc_integer(t->clocks.offset_error_ns) : json_null());
	ws_doc_put(d, facts, "steps", ws_doc_count(t->clocks.steps));
	ws_doc_put(d, facts, "lost_forward",
		counted && l->sent >= t->answered ? ws_doc_count(l->sent - t->answered)
						  : json_null());
	ws_doc_put(d, facts, "lost_backward",
		counted && t->answered >= arrived ? ws_doc_count(t->answered - arrived)
						  : json_null());
	ws_doc_put(d, facts, "collects", ws_doc_count(t->collects));
	ws_doc_put(d, o, "two_way", facts);
}

void ws_latency_json_values(
	struct ws_doc *d, json_t *o, const struct ws_run_result *run, bool received)
{
	ws_doc_put(d, o, "stages_ns", stages(d, run));
	ws_doc_put(d, o, "waterfall", waterfall(d, run->waterfall));
	ws_doc_put(d, o, "latency_ns",
		known(latencies(d, run, &run->latency, run->error_bound_ns), received));
	ws_doc_put(d, o, "histogram_ns", known(ws_doc_bins(d, &run->latency), received));
	ws_doc_put(d, o, "latency_intended_ns",
		known(latencies(d, run, &run->from_intended, run->error_bound_ns),
			received && run->from_intended.count));
	ws_doc_put(d, o, "jitter_ns", known(jitter(d, run), received));
	ws_doc_put(d, o, "pdv_ns",
		received ? pdv(run->two_way ? &run->two_way->rtt : &run->latency) : json_null());
	ws_doc_put(d, o, "reordering", known(reordering(d, &run->reordering), received));
	ws_doc_put(d, o, "losses", known(losses(d, &run->losses), received));
	ws_doc_put(d, o, "gaps_histogram_ns", ws_doc_bins(d, &run->gaps.hist));
	ws_doc_put(d, o, "timeline", timeline(d, run->timeline));
	if (run->two_way) {
		put_two_way(d, o, run);
	}
}
