/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/load_report.h"

#include <math.h>
#include <string.h>

#include "report/jsondoc.h"

static json_t *time_known(int64_t ns)
{
	return ns >= 0 ? ws_doc_integer(ns) : json_null();
}

static json_t *share(uint64_t part, uint64_t whole)
{
	return ws_doc_real(whole > 0 ? (double)part / (double)whole : NAN);
}

static json_t *gaps(struct ws_doc *d, const struct ws_load_run *run)
{
	const struct ws_gaps *g = &run->gaps;
	double intended = ws_load_intended_gap(run);
	json_t *o = ws_doc_gaps(d, g, isfinite(intended));
	json_t *shares = json_object();
	char name[16];
	int i;

	for (i = 0; i < WS_GAP_WITHIN; i++) {
		snprintf(name, sizeof(name), "%d", ws_gap_within_ns[i]);
		ws_doc_put(d, shares, name,
			isfinite(intended) ? share(g->within[i], g->hist.count) : json_null());
	}
	ws_doc_put(d, o, "within_share", shares);
	ws_doc_put(d, o, "intended", ws_doc_real(intended));
	ws_doc_put(d, o, "bursts", g->judged > 0 ? ws_doc_count(g->bursts) : json_null());
	ws_doc_put(d, o, "burst_share", share(g->bursts, g->judged));
	ws_doc_put(d, o, "judged", ws_doc_count(g->judged));
	ws_doc_put(d, o, "origin", ws_doc_origin(run->gap_origin));
	ws_doc_put(d, o, "sampled_share", ws_doc_real(run->stamped_share));
	ws_doc_put(d, o, "stamps_wanted", ws_doc_count(run->stamps_wanted));
	ws_doc_put(d, o, "stamps_missing", ws_doc_count(run->stamps_missing));
	ws_doc_put(d, o, "stamps_unread", ws_doc_count(run->stamps_unread));
	return o;
}

static void put_rates(struct ws_doc *d, json_t *o, const struct ws_load_run *run)
{
	double requested = ws_load_requested_pps(run);
	char text[64];

	ws_doc_put(d, o, "rate", ws_doc_string(ws_format_rate(text, sizeof(text), &run->rate)));
	ws_doc_put(d, o, "pattern", ws_doc_string(ws_pattern_name(run->pattern)));
	ws_doc_put(d, o, "burst",
		run->pattern == WS_PATTERN_BURST ? ws_doc_count(run->burst) : json_null());
	ws_doc_put(d, o, "requested_pps", ws_doc_real(requested));
	ws_doc_put(d, o, "planned_pps",
		run->planned_pps > 0 ? ws_doc_real(run->planned_pps) : json_null());
	ws_doc_put(d, o, "attempted_pps", ws_doc_real(ws_load_pps(run, run->attempted)));
	ws_doc_put(d, o, "accepted_pps", ws_doc_real(ws_load_pps(run, run->sent)));
	ws_doc_put(d, o, "wire_pps", ws_doc_real(ws_load_wire_pps(run)));
	ws_doc_put(d, o, "requested_bps", ws_doc_real(requested * run->frame_bits));
	ws_doc_put(d, o, "accepted_bps", ws_doc_real(ws_load_accepted_bps(run)));
	ws_doc_put(d, o, "frame_bits", ws_doc_real(run->frame_bits));
	ws_doc_put(d, o, "elapsed_ns", ws_doc_integer(run->elapsed_ns));
	ws_doc_put(d, o, "complete", json_boolean(run->complete));
	ws_doc_put(d, o, "ended_by", ws_doc_known(run->ended_by));
	ws_doc_put(d, o, "fault", json_boolean(run->faulted));
}

static void put_accounts(struct ws_doc *d, json_t *o, const struct ws_load_run *run)
{
	ws_doc_put(d, o, "planned", ws_doc_count(run->planned));
	ws_doc_put(d, o, "due", ws_doc_count(run->due));
	ws_doc_put(d, o, "attempted", ws_doc_count(run->attempted));
	ws_doc_put(d, o, "sent", ws_doc_count(run->sent));
	ws_doc_put(d, o, "failed", ws_doc_count(run->failed));
	ws_doc_put(d, o, "skipped", ws_doc_count(run->skipped));
	ws_doc_put(d, o, "wire", run->wire_known ? ws_doc_count(run->wire_packets) : json_null());
	ws_doc_put(d, o, "wire_ns", run->wire_known ? time_known(run->wire_ns) : json_null());
	ws_doc_put(d, o, "queue_left", ws_doc_count(run->queue_left));
	ws_doc_put(d, o, "bytes", ws_doc_count(run->sent_bytes));
	ws_doc_put(d, o, "attempted_bytes", ws_doc_count(run->attempted_bytes));
	ws_doc_put(d, o, "refused", ws_doc_count(run->refused));
	ws_doc_put(d, o, "refusal",
		run->refusal < 0 ? ws_doc_string(strerror(-run->refusal)) : json_null());
	ws_doc_put(d, o, "given_up", ws_doc_count(run->given_up));
	ws_doc_put(d, o, "again", ws_doc_count(run->again));
	ws_doc_put(d, o, "slots_full", ws_doc_count(run->slots_full));
	ws_doc_put(d, o, "qdisc_drops", ws_doc_count(run->qdisc_drops));
	ws_doc_put(d, o, "qdisc_overlimits", ws_doc_count(run->qdisc_overlimits));
	ws_doc_put(d, o, "balanced", json_boolean(run->balanced));
	ws_doc_put(d, o, "late", ws_doc_count(run->late));
	ws_doc_put(d, o, "lateness_max_ns", time_known(run->lateness_max_ns));
	ws_doc_put(d, o, "stalls", ws_doc_count(run->stalls));
	ws_doc_put(d, o, "pacer_waits", ws_doc_count(run->pacer_waits));
	ws_doc_put(d, o, "cpu_ns", time_known(run->cpu_ns));
	ws_doc_put(d, o, "send_ns", time_known(run->send_ns));
	ws_doc_put(d, o, "stamp_ns", time_known(run->stamp_ns));
	ws_doc_put(d, o, "calls", ws_doc_count(run->calls));
}

static json_t *run_object(
	struct ws_doc *d, const struct ws_load_report *r, const struct ws_load_run *run)
{
	json_t *o = json_object();

	put_rates(d, o, run);
	put_accounts(d, o, run);
	ws_doc_put(d, o, "io", ws_doc_string(run->io));
	ws_doc_put(d, o, "workers", ws_doc_integer(r->workers));
	ws_doc_put(d, o, "seed", ws_doc_unsigned(r->seed));
	ws_doc_put(d, o, "schedule_hash", ws_doc_hash(run->schedule_hash));
	ws_doc_put(d, o, "frames_hash", ws_doc_hash(run->frames_hash));
	ws_doc_put(d, o, "gaps_ns", gaps(d, run));
	ws_doc_put(d, o, "gaps_histogram_ns", ws_doc_bins(d, &run->gaps.hist));
	ws_doc_put(d, o, "limit", ws_doc_limit(d, &run->limit));
	return o;
}

static json_t *replay(struct ws_doc *d, const struct ws_load_replay *p)
{
	json_t *o;

	if (!p->file) {
		return json_null();
	}
	o = json_object();
	ws_doc_put(d, o, "file", ws_doc_string(p->file));
	ws_doc_put(d, o, "frames", ws_doc_count(p->frames));
	ws_doc_put(d, o, "too_long", ws_doc_count(p->too_long));
	ws_doc_put(d, o, "too_short", ws_doc_count(p->too_short));
	ws_doc_put(d, o, "truncated", ws_doc_count(p->truncated));
	ws_doc_put(d, o, "speed", p->speed > 0 ? ws_doc_real(p->speed) : json_null());
	return o;
}

static json_t *cpus(struct ws_doc *d, const struct ws_load_report *r)
{
	const size_t room = sizeof(r->cpus) / sizeof(r->cpus[0]);
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->workers && i < room; i++) {
		ws_doc_add(d, list, r->cpus[i] >= 0 ? ws_doc_integer(r->cpus[i]) : json_null());
	}
	return list;
}

static json_t *document(struct ws_doc *d, const struct ws_load_report *r)
{
	json_t *o = ws_doc_head(d, "load", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *runs = json_array();
	size_t i;

	for (i = 0; i < r->run_count; i++) {
		ws_doc_add(d, runs, run_object(d, r, &r->runs[i]));
	}
	ws_doc_put(d, o, "tx", ws_doc_endpoint(d, &r->tx));
	ws_doc_put(d, o, "link_real", r->tx.link_bps ? json_boolean(r->link_real) : json_null());
	ws_doc_put(d, o, "bus", ws_doc_known(r->bus));
	ws_doc_put(d, o, "lab", json_boolean(r->lab));
	ws_doc_put(d, o, "io", ws_doc_string(r->io));
	ws_doc_put(d, o, "io_why", ws_doc_known(r->io_why));
	ws_doc_put(d, o, "qdisc_bypass", json_boolean(r->qdisc_bypass));
	ws_doc_put(d, o, "bypass_why", ws_doc_known(r->bypass_why));
	ws_doc_put(d, o, "pacing", ws_doc_string(r->pacing));
	ws_doc_put(d, o, "late", ws_doc_string(r->late));
	ws_doc_put(d, o, "workers", ws_doc_integer(r->workers));
	ws_doc_put(d, o, "cpus", cpus(d, r));
	ws_doc_put(d, o, "governors", ws_doc_known(r->governors));
	ws_doc_put(d, o, "realtime", json_boolean(r->realtime));
	ws_doc_put(d, o, "clock_read_ns", time_known(r->clock_read_ns));
	ws_doc_put(d, o, "traffic", ws_doc_known(r->traffic));
	ws_doc_put(d, o, "run_id", ws_doc_count(r->run_id));
	ws_doc_put(d, o, "replay", replay(d, &r->replay));
	ws_doc_put(d, o, "warnings", ws_doc_warnings(d, &r->warnings));
	ws_doc_put(d, o, "runs", runs);
	return o;
}

int ws_load_json(FILE *out, const struct ws_load_report *r)
{
	struct ws_doc d = {0};

	return ws_doc_print(&d, document(&d, r), out);
}
