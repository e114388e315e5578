/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FCS_LEN 4
/* Doubles, which is all that many readers have, hold every integer up to here. */
#define EXACT_MAX (INT64_C(1) << 53)

/*
 * Every value is put with put() or add(), which take the reference and remember a failed
 * allocation, so that building needs one check at its end.
 */
struct doc {
	bool failed;
};

static void put(struct doc *d, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0) {
		d->failed = true;
	}
}

static void add(struct doc *d, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0) {
		d->failed = true;
	}
}

static json_t *integer(int64_t n)
{
	char text[24];

	if (n > EXACT_MAX || n < -EXACT_MAX) {
		snprintf(text, sizeof(text), "%" PRId64, n);
		return json_string(text);
	}
	return json_integer(n);
}

/* UINT64_MAX is unknown in every count of a result. */
static json_t *count(uint64_t n)
{
	char text[24];

	if (n == UINT64_MAX) {
		return json_null();
	}
	if (n > (uint64_t)EXACT_MAX) {
		snprintf(text, sizeof(text), "%" PRIu64, n);
		return json_string(text);
	}
	return json_integer((json_int_t)n);
}

static json_t *real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Bytes of the well-formed UTF-8 character at s (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t i, len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4) {
		return 0;
	}
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	/* over-long forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
		return 0;
	}
	return len;
}

/* Arguments and names are bytes, JSON is UTF-8: what is not becomes U+FFFD. NULL becomes null. */
static json_t *string(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *clean, *out;
	json_t *ret;

	if (!text) {
		return json_null();
	}
	clean = malloc(3 * strlen(text) + 1);
	if (!clean) {
		return NULL;
	}
	for (out = clean; *s;) {
		size_t len = utf8_length(s);

		memcpy(out, len > 0 ? (const char *)s : "\xef\xbf\xbd", len > 0 ? len : 3);
		out += len > 0 ? len : 3;
		s += len > 0 ? len : 1;
	}
	*out = '\0';
	ret = json_string(clean);
	free(clean);
	return ret;
}

/* Empty means unknown. */
static json_t *known(const char *text)
{
	return text && text[0] ? string(text) : json_null();
}

struct quantile {
	const char *name;
	double q;
};

/* What there is to say of any histogram, quantiles included, which end with a NULL name. */
static json_t *summary(
	struct doc *d, const struct ws_hist *h, bool stddev, const struct quantile *quantiles)
{
	json_t *o = json_object();
	double value;
	int64_t ns;

	put(d, o, "count", count(h->count));
	put(d, o, "min", h->count > 0 ? integer(h->min) : json_null());
	put(d, o, "mean", ws_hist_mean(h, &value) ? real(value) : json_null());
	if (stddev) {
		put(d, o, "stddev", ws_hist_stddev(h, &value) ? real(value) : json_null());
	}
	for (; quantiles->name; quantiles++) {
		put(d, o, quantiles->name,
			ws_hist_quantile(h, quantiles->q, &ns) ? integer(ns) : json_null());
	}
	put(d, o, "max", h->count > 0 ? integer(h->max) : json_null());
	return o;
}

static json_t *latency(struct doc *d, const struct ws_run_result *run)
{
	static const struct quantile quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99},
		{"p99.9", 0.999}, {"p99.99", 0.9999}, {NULL, 0}};
	json_t *o = summary(d, &run->latency, true, quantiles);

	put(d, o, "error_bound",
		run->error_bound_ns >= 0 ? integer(run->error_bound_ns) : json_null());
	return o;
}

static json_t *gaps(struct doc *d, const struct ws_run_result *run)
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
		put(d, within, name, run->pps.num ? count(g->within[i]) : json_null());
	}
	put(d, o, "within", within);
	return o;
}

static json_t *stages(struct doc *d, const struct ws_run_result *run)
{
	static const struct quantile quantiles[] = {
		{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {NULL, 0}};
	json_t *o = json_object();

	put(d, o, "intended_to_app", summary(d, &run->lateness, false, quantiles));
	return o;
}

static json_t *bins(struct doc *d, const struct ws_hist *h)
{
	json_t *list = json_array();
	size_t i;

	for (i = ws_hist_next(h, 0); i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		struct ws_hist_bin b = ws_hist_bin(h, i);
		json_t *bin = json_array();

		add(d, bin, integer(b.low));
		add(d, bin, integer(b.high));
		add(d, bin, count(b.count));
		add(d, list, bin);
	}
	return list;
}

static json_t *limit(struct doc *d, const struct ws_limit *l)
{
	const size_t room = sizeof(l->try) / sizeof(l->try[0]);
	json_t *o = json_object(), *list = json_array();
	size_t i;

	put(d, o, "cause", string(l->cause));
	put(d, o, "why", known(l->why));
	for (i = 0; i < room && l->try[i]; i++) {
		add(d, list, string(l->try[i]));
	}
	put(d, o, "try", list);
	return o;
}

static json_t *clock_name(enum ws_clock clock)
{
	char name[24];

	if (clock == WS_CLOCK_NONE) {
		return json_null();
	}
	if (clock >= WS_CLOCK_PHC) {
		snprintf(name, sizeof(name), "%s%d", ws_clock_name(WS_CLOCK_PHC),
			(int)clock - (int)WS_CLOCK_PHC);
		return json_string(name);
	}
	return string(ws_clock_name(clock));
}

static json_t *origin_name(enum ws_origin origin)
{
	return origin == WS_ORIGIN_NONE ? json_null() : string(ws_origin_name(origin));
}

static json_t *stamps(struct doc *d, const struct ws_run_result *run)
{
	json_t *o = json_object();

	put(d, o, "tx", origin_name(run->tx_origin));
	put(d, o, "rx", origin_name(run->rx_origin));
	put(d, o, "tx_clock", clock_name(run->tx_clock));
	put(d, o, "rx_clock", clock_name(run->rx_clock));
	return o;
}

/* Packets a second over the whole run; NaN if it took no time. */
static double rate_of(const struct ws_run_result *run, uint64_t packets)
{
	return run->elapsed_ns > 0 ? (double)packets * 1e9 / (double)run->elapsed_ns : NAN;
}

static void put_load(struct doc *d, json_t *o, const struct ws_run_result *run)
{
	const struct ws_ledger *l = &run->ledger;
	double frame_bits = 8.0 * (run->len + FCS_LEN);
	double requested = NAN, accepted = rate_of(run, l->sent);
	char text[64];

	if (run->pps.num > 0 && run->pps.den > 0) {
		requested = ws_ratio_double(run->pps);
	}
	put(d, o, "rate", string(ws_format_rate(text, sizeof(text), &run->rate)));
	put(d, o, "requested_pps", real(requested));
	put(d, o, "attempted_pps", real(rate_of(run, l->attempted)));
	put(d, o, "accepted_pps", real(accepted));
	put(d, o, "wire_pps",
		run->wire_known ? real(rate_of(run, run->wire_packets)) : json_null());
	put(d, o, "requested_bps", real(requested * frame_bits));
	put(d, o, "accepted_bps", real(accepted * frame_bits));
	put(d, o, "len", integer(run->len));
	put(d, o, "size", integer((int64_t)run->len + FCS_LEN));
	put(d, o, "planned", count(run->planned));
	put(d, o, "complete", json_boolean(run->complete));
	put(d, o, "ended_by", known(run->ended_by));
	put(d, o, "fault", json_boolean(run->failed));
	put(d, o, "sent", count(l->sent));
	put(d, o, "failed", count(l->failed));
	put(d, o, "late", count(run->late));
	put(d, o, "again", count(run->again));
	put(d, o, "elapsed_ns", integer(run->elapsed_ns));
}

static void put_ledger(struct doc *d, json_t *o, const struct ws_run_result *run)
{
	const struct ws_ledger *l = &run->ledger;

	put(d, o, "attempted", count(l->attempted));
	put(d, o, "received", count(l->received));
	put(d, o, "matched", count(l->matched));
	put(d, o, "unstamped_tx", count(l->unstamped_tx));
	put(d, o, "unstamped_rx", count(l->unstamped_rx));
	put(d, o, "unstamped_both", count(l->unstamped_both));
	put(d, o, "lost", count(l->lost));
	put(d, o, "late_arrivals", count(l->late_arrivals));
	put(d, o, "duplicated", count(l->duplicated));
	put(d, o, "foreign", count(l->foreign));
	put(d, o, "malformed", count(l->malformed));
	put(d, o, "reordered", count(l->reordered));
	put(d, o, "beyond_history", count(l->beyond_history));
	put(d, o, "negative", count(l->negative));
	put(d, o, "below_range", count(l->below_range));
	put(d, o, "above_range", count(l->above_range));
	put(d, o, "offered_rx", count(l->offered_rx));
	put(d, o, "dropped_rx", count(l->dropped_rx));
	put(d, o, "rx_freezes", count(run->rx_freezes));
	put(d, o, "stamps_missing", count(run->stamps_missing));
	put(d, o, "stamps_stray", count(run->stamps_stray));
	put(d, o, "balanced", json_boolean(ws_ledger_balanced(l)));
}

static json_t *run_object(
	struct doc *d, const struct ws_latency_report *r, const struct ws_run_result *run)
{
	json_t *o = json_object();
	char hash[24] = "";

	if (run->schedule_hash != 0) {
		snprintf(hash, sizeof(hash), "%016" PRIx64, run->schedule_hash);
	}
	put_load(d, o, run);
	put(d, o, "io", string(r->io));
	put(d, o, "workers", json_integer(1));
	put(d, o, "seed", json_null());
	put(d, o, "schedule_hash", known(hash));
	put(d, o, "gaps_ns", gaps(d, run));
	put(d, o, "limit", limit(d, &run->limit));
	put_ledger(d, o, run);
	put(d, o, "stamps", stamps(d, run));
	put(d, o, "latency_ns", latency(d, run));
	put(d, o, "histogram_ns", bins(d, &run->latency));
	put(d, o, "stages_ns", stages(d, run));
	return o;
}

static json_t *host(struct doc *d, const struct ws_host_facts *h)
{
	json_t *o = json_object();

	put(d, o, "hostname", known(h->hostname));
	put(d, o, "kernel", known(h->kernel));
	put(d, o, "arch", known(h->arch));
	put(d, o, "cpu", known(h->cpu));
	put(d, o, "cpus", h->cpus > 0 ? integer(h->cpus) : json_null());
	put(d, o, "governor", known(h->governor));
	put(d, o, "clocksource", known(h->clocksource));
	return o;
}

static json_t *endpoint(struct doc *d, const struct ws_endpoint *e)
{
	json_t *o = json_object();
	char mac[24];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", e->mac[0], e->mac[1], e->mac[2],
		e->mac[3], e->mac[4], e->mac[5]);
	put(d, o, "name", known(e->name));
	put(d, o, "driver", known(e->driver));
	put(d, o, "mac", string(mac));
	put(d, o, "mtu", e->mtu > 0 ? integer(e->mtu) : json_null());
	put(d, o, "link_bps", e->link_bps > 0 ? count(e->link_bps) : json_null());
	put(d, o, "qdisc", known(e->qdisc));
	return o;
}

static json_t *buffers(struct doc *d, const struct ws_latency_report *r)
{
	json_t *o = json_object();

	put(d, o, "rx_bytes", count(r->rx_buffer));
	put(d, o, "stamp_bytes", count(r->stamp_buffer));
	put(d, o, "stamps_outstanding", integer(r->stamps_outstanding));
	put(d, o, "stamp_keys_explicit", json_boolean(r->tx_keys_explicit));
	return o;
}

static json_t *warnings(struct doc *d, const struct ws_warnings *w)
{
	json_t *list = json_array();
	char text[64];
	unsigned i;

	for (i = 0; i < w->count; i++) {
		add(d, list, string(w->text[i]));
	}
	if (w->dropped > 0) {
		snprintf(text, sizeof(text), "%u more warnings were not kept", w->dropped);
		add(d, list, json_string(text));
	}
	return list;
}

static json_t *document(struct doc *d, const struct ws_latency_report *r)
{
	json_t *o = json_object(), *argv = json_array(), *runs = json_array();
	size_t i;

	for (i = 0; r->argv && i < (size_t)r->argc; i++) {
		add(d, argv, string(r->argv[i]));
	}
	for (i = 0; i < r->run_count; i++) {
		add(d, runs, run_object(d, r, &r->runs[i]));
	}
	put(d, o, "format", json_string("wirestamp-run/1"));
	put(d, o, "version", string(r->version));
	put(d, o, "command", json_string("latency"));
	put(d, o, "argv", argv);
	put(d, o, "started", known(r->started));
	put(d, o, "host", host(d, &r->host));
	put(d, o, "tx", endpoint(d, &r->tx));
	put(d, o, "rx", endpoint(d, &r->rx));
	put(d, o, "lab", json_boolean(r->lab));
	put(d, o, "io", string(r->io));
	put(d, o, "carrier", string(r->carrier));
	put(d, o, "payload", string(r->payload));
	put(d, o, "run_id", count(r->run_id));
	put(d, o, "window_ns", integer(r->window_ns));
	put(d, o, "buffers", buffers(d, r));
	put(d, o, "warnings", warnings(d, &r->warnings));
	put(d, o, "runs", runs);
	return o;
}

int ws_report_json(FILE *out, const struct ws_latency_report *r)
{
	struct doc d = {0};
	json_t *o = document(&d, r);
	int err = 0;

	if (d.failed || !o) {
		json_decref(o);
		return -ENOMEM;
	}
	/* Indented, a histogram would take a line for each number. */
	if (json_dumpf(o, out, JSON_REAL_PRECISION(15)) != 0 || fputc('\n', out) == EOF ||
		fflush(out) != 0 || ferror(out)) {
		err = -EIO;
	}
	json_decref(o);
	return err;
}
