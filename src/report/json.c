/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "report/jsondoc.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FCS_LEN 4
struct quantile {
	const char *name;
	double q;
};

/* What there is to say of any histogram, quantiles included, which end with a NULL name. */
static json_t *summary(
	struct ws_doc *d, const struct ws_hist *h, bool stddev, const struct quantile *quantiles)
{
	json_t *o = json_object();
	double value;
	int64_t ns;

	ws_doc_put(d, o, "count", ws_doc_count(h->count));
	ws_doc_put(d, o, "min", h->count > 0 ? ws_doc_integer(h->min) : json_null());
	ws_doc_put(d, o, "mean", ws_hist_mean(h, &value) ? ws_doc_real(value) : json_null());
	if (stddev) {
		ws_doc_put(d, o, "stddev",
			ws_hist_stddev(h, &value) ? ws_doc_real(value) : json_null());
	}
	for (; quantiles->name; quantiles++) {
		ws_doc_put(d, o, quantiles->name,
			ws_hist_quantile(h, quantiles->q, &ns) ? ws_doc_integer(ns) : json_null());
	}
	ws_doc_put(d, o, "max", h->count > 0 ? ws_doc_integer(h->max) : json_null());
	return o;
}

static json_t *latency(struct ws_doc *d, const struct ws_run_result *run)
{
	static const struct quantile quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99},
		{"p99.9", 0.999}, {"p99.99", 0.9999}, {NULL, 0}};
	json_t *o = summary(d, &run->latency, true, quantiles);

	ws_doc_put(d, o, "error_bound",
		run->error_bound_ns >= 0 ? ws_doc_integer(run->error_bound_ns) : json_null());
	return o;
}

static json_t *gaps(struct ws_doc *d, const struct ws_run_result *run)
{
	const struct ws_gaps *g = &run->gaps;
	static const struct quantile quantiles[] = {
		{"p1", 0.01}, {"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {NULL, 0}};
	json_t *o = summary(d, &g->hist, true, quantiles);
	json_t *within = json_object();
	char name[16];
	int i;

	for (i = 0; i < WS_GAP_WITHIN; i++) {
		snprintf(name, sizeof(name), "%d", ws_gap_within_ns[i]);
		/* Flat out, no gap is intended. */
		ws_doc_put(
			d, within, name, run->pps.num ? ws_doc_count(g->within[i]) : json_null());
	}
	ws_doc_put(d, o, "within", within);
	return o;
}

static json_t *stages(struct ws_doc *d, const struct ws_run_result *run)
{
	static const struct quantile quantiles[] = {
		{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {NULL, 0}};
	json_t *o = json_object();

	ws_doc_put(d, o, "intended_to_app", summary(d, &run->lateness, false, quantiles));
	return o;
}

static json_t *bins(struct ws_doc *d, const struct ws_hist *h)
{
	json_t *list = json_array();
	size_t i;

	for (i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin b = ws_hist_bin(h, i);
		json_t *bin = json_array();

		ws_doc_add(d, bin, ws_doc_integer(b.low));
		ws_doc_add(d, bin, ws_doc_integer(b.high));
		ws_doc_add(d, bin, ws_doc_count(b.count));
		ws_doc_add(d, list, bin);
	}
	return list;
}

static json_t *limit(struct ws_doc *d, const struct ws_limit *l)
{
	const size_t room = sizeof(l->try) / sizeof(l->try[0]);
	json_t *o = json_object(), *list = json_array();
	size_t i;

	ws_doc_put(d, o, "cause", ws_doc_string(l->cause));
	ws_doc_put(d, o, "why", ws_doc_known(l->why));
	for (i = 0; i < room && l->try[i]; i++) {
		ws_doc_add(d, list, ws_doc_string(l->try[i]));
	}
	ws_doc_put(d, o, "try", list);
	return o;
}

static json_t *origin_name(enum ws_origin origin)
{
	return origin == WS_ORIGIN_NONE ? json_null() : ws_doc_string(ws_origin_name(origin));
}

static json_t *stamps(struct ws_doc *d, const struct ws_run_result *run)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "tx", origin_name(run->tx_origin));
	ws_doc_put(d, o, "rx", origin_name(run->rx_origin));
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
	char hash[24] = "";

	if (run->schedule_hash != 0) {
		snprintf(hash, sizeof(hash), "%016" PRIx64, run->schedule_hash);
	}
	put_load(d, o, run);
	ws_doc_put(d, o, "io", ws_doc_string(r->io));
	ws_doc_put(d, o, "io_tx", ws_doc_string(r->io_tx));
	ws_doc_put(d, o, "workers", json_integer(1));
	ws_doc_put(d, o, "seed", json_null());
	ws_doc_put(d, o, "schedule_hash", ws_doc_known(hash));
	ws_doc_put(d, o, "gaps_ns", gaps(d, run));
	ws_doc_put(d, o, "limit", limit(d, &run->limit));
	put_ledger(d, o, run);
	ws_doc_put(d, o, "stamps", stamps(d, run));
	ws_doc_put(d, o, "latency_ns", latency(d, run));
	ws_doc_put(d, o, "histogram_ns", bins(d, &run->latency));
	ws_doc_put(d, o, "stages_ns", stages(d, run));
	return o;
}

static json_t *endpoint(struct ws_doc *d, const struct ws_endpoint *e)
{
	json_t *o = json_object();
	char mac[24];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", e->mac[0], e->mac[1], e->mac[2],
		e->mac[3], e->mac[4], e->mac[5]);
	ws_doc_put(d, o, "name", ws_doc_known(e->name));
	ws_doc_put(d, o, "driver", ws_doc_known(e->driver));
	ws_doc_put(d, o, "mac", ws_doc_string(mac));
	ws_doc_put(d, o, "mtu", e->mtu > 0 ? ws_doc_integer(e->mtu) : json_null());
	ws_doc_put(d, o, "link_bps", e->link_bps > 0 ? ws_doc_count(e->link_bps) : json_null());
	ws_doc_put(d, o, "qdisc", ws_doc_known(e->qdisc));
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
	json_t *o = json_object(), *argv = json_array(), *runs = json_array();
	size_t i;

	for (i = 0; r->argv && i < (size_t)r->argc; i++) {
		ws_doc_add(d, argv, ws_doc_string(r->argv[i]));
	}
	for (i = 0; i < r->run_count; i++) {
		ws_doc_add(d, runs, run_object(d, r, &r->runs[i]));
	}
	ws_doc_put(d, o, "format", json_string("wirestamp-run/1"));
	ws_doc_put(d, o, "version", ws_doc_string(r->version));
	ws_doc_put(d, o, "command", json_string("latency"));
	ws_doc_put(d, o, "argv", argv);
	ws_doc_put(d, o, "started", ws_doc_known(r->started));
	ws_doc_put(d, o, "host", ws_doc_host(d, &r->host));
	ws_doc_put(d, o, "tx", endpoint(d, &r->tx));
	ws_doc_put(d, o, "rx", endpoint(d, &r->rx));
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
