/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "report/jsondoc.h"

#include <math.h>

#include "report/latency_json.h"

#define FCS_LEN 4

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
	double frame_bits = run->frame_bits;
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
	ws_doc_put(d, o, "len", run->len ? ws_doc_integer(run->len) : json_null());
	ws_doc_put(
		d, o, "size", run->len ? ws_doc_integer((int64_t)run->len + FCS_LEN) : json_null());
	ws_doc_put(d, o, "frame_bits", ws_doc_real(frame_bits));
	ws_doc_put(d, o, "pattern", ws_doc_string(run->pattern));
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

/* Of a sender alone nobody here knows what became of its packets. */
static json_t *fate(bool known, uint64_t n)
{
	return known ? ws_doc_count(n) : json_null();
}

static void put_ledger(struct ws_doc *d, json_t *o, const struct ws_run_result *run, bool known)
{
	const struct ws_ledger *l = &run->ledger;

	ws_doc_put(d, o, "attempted", ws_doc_count(l->attempted));
	ws_doc_put(d, o, "received", fate(known, l->received));
	ws_doc_put(d, o, "matched", fate(known, l->matched));
	ws_doc_put(d, o, "unstamped_tx", fate(known, l->unstamped_tx));
	ws_doc_put(d, o, "unstamped_rx", fate(known, l->unstamped_rx));
	ws_doc_put(d, o, "unstamped_both", fate(known, l->unstamped_both));
	ws_doc_put(d, o, "lost", fate(known, l->lost));
	ws_doc_put(d, o, "late_arrivals", fate(known, l->late_arrivals));
	ws_doc_put(d, o, "duplicated", fate(known, l->duplicated));
	ws_doc_put(d, o, "foreign", fate(known, l->foreign));
	ws_doc_put(d, o, "malformed", fate(known, l->malformed));
	ws_doc_put(d, o, "reordered", fate(known, l->reordered));
	ws_doc_put(d, o, "beyond_history", fate(known, l->beyond_history));
	ws_doc_put(d, o, "negative", fate(known, l->negative));
	ws_doc_put(d, o, "below_range", fate(known, l->below_range));
	ws_doc_put(d, o, "above_range", fate(known, l->above_range));
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
	ws_doc_put(d, o, "seed", ws_doc_unsigned(r->seed));
	ws_doc_put(d, o, "run_id", ws_doc_count(run->run_id));
	ws_doc_put(d, o, "stream", json_integer(run->stream));
	ws_doc_put(d, o, "schedule_hash", ws_doc_hash(run->schedule_hash));
	ws_doc_put(d, o, "gaps_ns", ws_doc_gaps(d, &run->gaps, run->pps.num > 0));
	ws_doc_put(d, o, "limit", ws_doc_limit(d, &run->limit));
	put_ledger(d, o, run, r->has_rx);
	ws_doc_put(d, o, "stamps", stamps(d, run));
	ws_doc_put(d, o, "hardware", ws_latency_json_hardware(d, run));
	ws_latency_json_values(d, o, run, r->has_rx);
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

static json_t *peer(struct ws_doc *d, const struct ws_latency_report *r)
{
	char mac[18];
	json_t *o;

	if (!r->peer.text) {
		return json_null();
	}
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", r->peer.mac[0],
		r->peer.mac[1], r->peer.mac[2], r->peer.mac[3], r->peer.mac[4], r->peer.mac[5]);
	o = json_object();
	ws_doc_put(d, o, "address", ws_doc_string(r->peer.text));
	ws_doc_put(d, o, "mac", r->peer.has_mac ? ws_doc_string(mac) : json_null());
	ws_doc_put(d, o, "ip", r->peer.has_ip ? ws_doc_string(r->peer.ip) : json_null());
	ws_doc_put(d, o, "port", json_integer(r->peer.port));
	return o;
}

/* What the far side said of itself. */
static json_t *remote(const struct ws_latency_report *r)
{
	json_t *o = r->remote ? json_loads(r->remote, 0, NULL) : NULL;

	return o ? o : json_null();
}

static json_t *packets(struct ws_doc *d, const struct ws_latency_report *r)
{
	return ws_doc_packets(d, &r->packets);
}

static json_t *document(struct ws_doc *d, const struct ws_latency_report *r)
{
	json_t *o = ws_doc_head(d, "latency", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *runs = json_array();
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		ws_doc_add(d, runs, run_object(d, r, &r->runs[i]));
	}
	ws_doc_put(d, o, "mode", ws_doc_string(r->mode));
	ws_doc_put(d, o, "tx", ws_doc_endpoint(d, &r->tx));
	ws_doc_put(d, o, "rx", r->has_rx ? ws_doc_endpoint(d, &r->rx) : json_null());
	ws_doc_put(d, o, "peer", peer(d, r));
	ws_doc_put(d, o, "remote", remote(r));
	ws_doc_put(d, o, "clock", ws_doc_clock_facts(d, &r->clock));
	ws_doc_put(d, o, "packets", packets(d, r));
	ws_doc_put(d, o, "traffic", ws_doc_known(r->traffic));
	ws_doc_put(d, o, "seed", ws_doc_unsigned(r->seed));
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
