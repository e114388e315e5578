/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "report/jsondoc.h"

#include <math.h>

#define FCS_LEN 4

static json_t *latency(struct ws_doc *d, const struct ws_run_result *run)
{
	static const struct ws_doc_quantile quantiles[] = {{"p50", 0.5}, {"p90", 0.9},
		{"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {NULL, 0}};
	json_t *o = ws_doc_summary(d, &run->latency, true, quantiles);

	ws_doc_put(d, o, "error_bound",
		run->error_bound_ns >= 0 ? ws_doc_integer(run->error_bound_ns) : json_null());
	return o;
}

static json_t *stages(struct ws_doc *d, const struct ws_run_result *run)
{
	static const struct ws_doc_quantile quantiles[] = {
		{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {NULL, 0}};
	json_t *o = json_object();

	ws_doc_put(d, o, "intended_to_app", ws_doc_summary(d, &run->lateness, false, quantiles));
	return o;
}

static json_t *stamps(struct ws_doc *d, const struct ws_run_result *run)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "tx", ws_doc_origin(run->tx_origin));
	ws_doc_put(d, o, "rx", ws_doc_origin(run->rx_origin));
	ws_doc_put(d, o, "tx_clock", ws_doc_clock(run->tx_clock));
	ws_doc_put(d, o, "rx_clock", ws_doc_clock(run->rx_clock));
	return o;
}

/* Packets a second over the whole run; NaN if it took no time. */
static double rate_of(const struct ws_run_result *run, uint64_t packets)
{
	return run->elapsed_ns > 0 ? (double)packets * 1e9 / (double)run->elapsed_ns : NAN;
}

static void put_load(struct ws_doc *d, json_t *o, const struct ws_run_result *run)
{
	const struct ws_ledger *l = &run->ledger;
	double frame_bits = 8.0 * (run->len + FCS_LEN);
	double requested = NAN, accepted = rate_of(run, l->sent);
	char text[64];

	if (run->pps.num > 0 && run->pps.den > 0) {
		requested = ws_ratio_double(run->pps);
	}
	ws_doc_put(d, o, "rate", ws_doc_string(ws_format_rate(text, sizeof(text), &run->rate)));
	ws_doc_put(d, o, "requested_pps", ws_doc_real(requested));
	ws_doc_put(d, o, "attempted_pps", ws_doc_real(rate_of(run, l->attempted)));
	ws_doc_put(d, o, "accepted_pps", ws_doc_real(accepted));
	ws_doc_put(d, o, "wire_pps",
		run->wire_known ? ws_doc_real(rate_of(run, run->wire_packets)) : json_null());
	ws_doc_put(d, o, "requested_bps", ws_doc_real(requested * frame_bits));
	ws_doc_put(d, o, "accepted_bps", ws_doc_real(accepted * frame_bits));
	ws_doc_put(d, o, "len", ws_doc_integer(run->len));
	ws_doc_put(d, o, "size", ws_doc_integer((int64_t)run->len + FCS_LEN));
	ws_doc_put(d, o, "planned", ws_doc_count(run->planned));
	ws_doc_put(d, o, "complete", json_boolean(run->complete));
	ws_doc_put(d, o, "ended_by", ws_doc_known(run->ended_by));
	ws_doc_put(d, o, "fault", json_boolean(run->failed));
	ws_doc_put(d, o, "sent", ws_doc_count(l->sent));
	ws_doc_put(d, o, "failed", ws_doc_count(l->failed));
	ws_doc_put(d, o, "late", ws_doc_count(run->late));
	ws_doc_put(d, o, "again", ws_doc_count(run->again));
	ws_doc_put(d, o, "elapsed_ns", ws_doc_integer(run->elapsed_ns));
}

static void put_ledger(struct ws_doc *d, json_t *o, const struct ws_run_result *run)
{
	const struct ws_ledger *l = &run->ledger;

	ws_doc_put(d, o, "attempted", ws_doc_count(l->attempted));
	ws_doc_put(d, o, "received", ws_doc_count(l->received));
	ws_doc_put(d, o, "matched", ws_doc_count(l->matched));
	ws_doc_put(d, o, "unstamped_tx", ws_doc_count(l->unstamped_tx));
	ws_doc_put(d, o, "unstamped_rx", ws_doc_count(l->unstamped_rx));
	ws_doc_put(d, o, "unstamped_both", ws_doc_count(l->unstamped_both));
	ws_doc_put(d, o, "lost", ws_doc_count(l->lost));
	ws_doc_put(d, o, "late_arrivals", ws_doc_count(l->late_arrivals));
	ws_doc_put(d, o, "duplicated", ws_doc_count(l->duplicated));
	ws_doc_put(d, o, "foreign", ws_doc_count(l->foreign));
	ws_doc_put(d, o, "malformed", ws_doc_count(l->malformed));
	ws_doc_put(d, o, "reordered", ws_doc_count(l->reordered));
	ws_doc_put(d, o, "beyond_history", ws_doc_count(l->beyond_history));
	ws_doc_put(d, o, "negative", ws_doc_count(l->negative));
	ws_doc_put(d, o, "below_range", ws_doc_count(l->below_range));
	ws_doc_put(d, o, "above_range", ws_doc_count(l->above_range));
	ws_doc_put(d, o, "offered_rx", ws_doc_count(l->offered_rx));
	ws_doc_put(d, o, "dropped_rx", ws_doc_count(l->dropped_rx));
	ws_doc_put(d, o, "rx_freezes", ws_doc_count(run->rx_freezes));
	ws_doc_put(d, o, "stamps_missing", ws_doc_count(run->stamps_missing));
	ws_doc_put(d, o, "stamps_stray", ws_doc_count(run->stamps_stray));
	ws_doc_put(d, o, "balanced", json_boolean(ws_ledger_balanced(l)));
}

static json_t *run_object(
	struct ws_doc *d, const struct ws_latency_report *r, const struct ws_run_result *run)
{
	json_t *o = json_object();

	put_load(d, o, run);
	ws_doc_put(d, o, "io", ws_doc_string(r->io));
	ws_doc_put(d, o, "io_tx", ws_doc_string(r->io_tx));
	ws_doc_put(d, o, "workers", json_integer(1));
	ws_doc_put(d, o, "seed", json_null());
	ws_doc_put(d, o, "schedule_hash", ws_doc_hash(run->schedule_hash));
	ws_doc_put(d, o, "gaps_ns", ws_doc_gaps(d, &run->gaps, run->pps.num > 0));
	ws_doc_put(d, o, "limit", ws_doc_limit(d, &run->limit));
	put_ledger(d, o, run);
	ws_doc_put(d, o, "stamps", stamps(d, run));
	ws_doc_put(d, o, "latency_ns", latency(d, run));
	ws_doc_put(d, o, "histogram_ns", ws_doc_bins(d, &run->latency));
	ws_doc_put(d, o, "stages_ns", stages(d, run));
	return o;
}

static json_t *buffers(struct ws_doc *d, const struct ws_latency_report *r)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "rx_bytes", ws_doc_count(r->rx_buffer));
	ws_doc_put(d, o, "stamp_bytes", ws_doc_count(r->stamp_buffer));
	ws_doc_put(d, o, "stamps_outstanding", ws_doc_integer(r->stamps_outstanding));
	ws_doc_put(d, o, "stamp_keys_explicit", json_boolean(r->tx_keys_explicit));
	return o;
}

static json_t *document(struct ws_doc *d, const struct ws_latency_report *r)
{
	json_t *o = ws_doc_head(d, "latency", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *runs = json_array();
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		ws_doc_add(d, runs, run_object(d, r, &r->runs[i]));
	}
	ws_doc_put(d, o, "tx", ws_doc_endpoint(d, &r->tx));
	ws_doc_put(d, o, "rx", ws_doc_endpoint(d, &r->rx));
	ws_doc_put(d, o, "lab", json_boolean(r->lab));
	ws_doc_put(d, o, "io", ws_doc_string(r->io));
	ws_doc_put(d, o, "io_tx", ws_doc_string(r->io_tx));
	ws_doc_put(d, o, "carrier", ws_doc_string(r->carrier));
	ws_doc_put(d, o, "payload", ws_doc_string(r->payload));
	ws_doc_put(d, o, "run_id", ws_doc_count(r->run_id));
	ws_doc_put(d, o, "window_ns", ws_doc_integer(r->window_ns));
	ws_doc_put(d, o, "buffers", buffers(d, r));
	ws_doc_put(d, o, "warnings", ws_doc_warnings(d, &r->warnings));
	ws_doc_put(d, o, "runs", runs);
	return o;
}

int ws_report_json(FILE *out, const struct ws_latency_report *r)
{
	struct ws_doc d = {0};

	return ws_doc_print(&d, document(&d, r), out);
}
