/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/latency_json.h"

#include "report/docsum.h"

#include "report/report.h"
#include <math.h>

char *ws_stage_name(char buf[48], enum ws_instant from, enum ws_instant to)
{
	(void)snprintf(buf, 48, "%s_to_%s", ws_instant_name(from), ws_instant_name(to));
	return buf;
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

static json_t *compared(struct ws_doc *d, const struct ws_clock_compared *c)
{
	json_t *o;

	if (c->clock == WS_CLOCK_NONE) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "clock", ws_doc_clock(c->clock));
	ws_doc_put(d, o, "driver", ws_doc_known(c->name));
	ws_doc_put(d, o, "method", ws_doc_string(c->method));
	ws_doc_put(d, o, "samples", ws_doc_count(c->samples));
	ws_doc_put(d, o, "window_ns", c->window_ns ? ws_doc_integer(c->window_ns) : json_null());
	ws_doc_put(d, o, "scatter_ns", ws_doc_real(c->samples ? c->scatter_ns : NAN));
	ws_doc_put(d, o, "drift_ppb", ws_doc_real(c->samples ? c->rate_ppb : NAN));
	ws_doc_put(d, o, "jumps", ws_doc_count(c->jumps));
	ws_doc_put(d, o, "jump_ns", c->jumps ? ws_doc_integer(c->jump_ns) : json_null());
	return o;
}

static json_t *configured(struct ws_doc *d, const struct ws_ts_config *c)
{
	json_t *o;

	if (!c->known) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "tx_type", ws_doc_named(c->tx_type, ws_ts_tx_type_name));
	ws_doc_put(d, o, "rx_filter", ws_doc_named(c->rx_filter, ws_ts_rx_filter_name));
	return o;
}

json_t *ws_latency_json_hardware(struct ws_doc *d, const struct ws_run_result *run)
{
	const struct ws_hardware_facts *h = run->hardware;
	json_t *o, *sampling;
	uint64_t all;

	if (!h) {
		return json_null();
	}
	o = json_object();
	sampling = json_object();
	all = h->sampled + h->unsampled;
	ws_doc_put(d, sampling, "asked", ws_doc_count(h->sampled));
	ws_doc_put(d, sampling, "not_asked", ws_doc_count(h->unsampled));
	ws_doc_put(d, sampling, "share", ws_doc_real(all ? (double)h->sampled / (double)all : NAN));
	ws_doc_put(
		d, sampling, "in_flight", h->in_flight ? ws_doc_count(h->in_flight) : json_null());
	ws_doc_put(d, sampling, "gap_ns", ws_doc_integer(h->sample_gap_ns));
	ws_doc_put(d, sampling, "why", ws_doc_known(h->why));
	ws_doc_put(d, o, "sampling", sampling);
	ws_doc_put(d, o, "misplaced_tx", ws_doc_count(h->tx_misplaced));
	ws_doc_put(d, o, "misplaced_rx", ws_doc_count(h->rx_misplaced));
	ws_doc_put(d, o, "unconverted", ws_doc_count(h->unconverted));
	ws_doc_put(d, o, "one_clock", json_boolean(h->one_clock));
	ws_doc_put(d, o, "configured_tx", configured(d, &h->config[0]));
	ws_doc_put(d, o, "configured_rx", configured(d, &h->config[1]));
	ws_doc_put(d, o, "tx", compared(d, &h->clock[0]));
	ws_doc_put(d, o, "rx", compared(d, &h->clock[1]));
	ws_doc_put(d, o, "samples_failed", ws_doc_count(h->samples_failed));
	ws_doc_put(d, o, "samples_dropped", ws_doc_count(h->samples_dropped));
	ws_doc_put(d, o, "converted_early", ws_doc_count(h->early));
	ws_doc_put(d, o, "offset_ns", h->offset_known ? ws_doc_integer(h->offset_ns) : json_null());
	ws_doc_put(d, o, "drift_ppb", ws_doc_real(h->offset_known ? h->rate_ppb : NAN));
	ws_doc_put(d, o, "window_bound_ns",
		h->limit_ns >= 0 ? ws_doc_integer(h->limit_ns) : json_null());
	return o;
}

static void put_two_way(struct ws_doc *d, json_t *o, const struct ws_run_result *run)
{
	const struct ws_two_way *t = run->two_way;
	const struct ws_ledger *l = &run->ledger;
	json_t *facts = json_object();
	uint64_t arrived = ws_ledger_arrived(l);
	bool ways = t->ways_bound_ns >= 0, counted = t->answered != UINT64_MAX;

	ws_doc_put(d, o, "rtt_ns", ws_doc_latency(d, &t->rtt, t->rtt_bound_ns, run->resolution_ns));
	ws_doc_put(d, o, "rtt_histogram_ns", ws_doc_bins(d, &t->rtt));
	ws_doc_put(d, o, "residence_ns",
		ws_doc_summary(d, &t->residence, true, ws_doc_latency_quantiles));
	ws_doc_put(d, o, "forward_ns",
		known(ws_doc_latency(d, &t->forward, t->ways_bound_ns, run->resolution_ns), ways));
	ws_doc_put(d, o, "forward_histogram_ns", known(ws_doc_bins(d, &t->forward), ways));
	ws_doc_put(d, o, "backward_ns",
		known(ws_doc_latency(d, &t->backward, t->ways_bound_ns, run->resolution_ns), ways));
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
		known(ws_doc_latency(d, &run->latency, run->error_bound_ns, run->resolution_ns),
			received));
	ws_doc_put(d, o, "histogram_ns", known(ws_doc_bins(d, &run->latency), received));
	ws_doc_put(d, o, "latency_intended_ns",
		known(ws_doc_latency(
			      d, &run->from_intended, run->error_bound_ns, run->resolution_ns),
			received && run->from_intended.count));
	ws_doc_put(d, o, "jitter_ns", known(jitter(d, run), received));
	ws_doc_put(d, o, "pdv_ns",
		received ? pdv(run->two_way ? &run->two_way->rtt : &run->latency) : json_null());
	ws_doc_put(d, o, "reordering", known(ws_doc_reordering(d, &run->reordering), received));
	ws_doc_put(d, o, "losses", known(ws_doc_losses(d, &run->losses), received));
	ws_doc_put(d, o, "gaps_histogram_ns", ws_doc_bins(d, &run->gaps.hist));
	ws_doc_put(d, o, "timeline", ws_doc_timeline(d, run->timeline));
	if (run->two_way) {
		put_two_way(d, o, run);
	}
}
