/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/jsondoc.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Doubles, which is all that many readers have, hold every integer up to here. */
#define EXACT_MAX (INT64_C(1) << 53)

void ws_doc_put(struct ws_doc *d, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0) {
		d->failed = true;
	}
}

void ws_doc_add(struct ws_doc *d, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0) {
		d->failed = true;
	}
}

json_t *ws_doc_integer(int64_t n)
{
	char text[24];

	if (n > EXACT_MAX || n < -EXACT_MAX) {
		snprintf(text, sizeof(text), "%" PRId64, n);
		return json_string(text);
	}
	return json_integer(n);
}

json_t *ws_doc_unsigned(uint64_t n)
{
	char text[24];

	if (n > (uint64_t)EXACT_MAX) {
		snprintf(text, sizeof(text), "%" PRIu64, n);
		return json_string(text);
	}
	return json_integer((json_int_t)n);
}

/* UINT64_MAX is unknown in every count of a result. */
json_t *ws_doc_count(uint64_t n)
{
	return n == UINT64_MAX ? json_null() : ws_doc_unsigned(n);
}

json_t *ws_doc_real(double value)
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
json_t *ws_doc_string(const char *text)
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
json_t *ws_doc_known(const char *text)
{
	return text && text[0] ? ws_doc_string(text) : json_null();
}

json_t *ws_doc_named(int n, const char *(*name)(unsigned n))
{
	const char *text = n < 0 ? NULL : name((unsigned)n);
	char buf[16];

	(void)snprintf(buf, sizeof(buf), "%d", n);
	return ws_doc_string(text ? text : buf);
}

json_t *ws_doc_clock(enum ws_clock clock)
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
	return ws_doc_string(ws_clock_name(clock));
}

json_t *ws_doc_host(struct ws_doc *d, const struct ws_host_facts *h)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "hostname", ws_doc_known(h->hostname));
	ws_doc_put(d, o, "kernel", ws_doc_known(h->kernel));
	ws_doc_put(d, o, "arch", ws_doc_known(h->arch));
	ws_doc_put(d, o, "cpu", ws_doc_known(h->cpu));
	ws_doc_put(d, o, "cpus", h->cpus > 0 ? ws_doc_integer(h->cpus) : json_null());
	ws_doc_put(d, o, "governor", ws_doc_known(h->governor));
	ws_doc_put(d, o, "clocksource", ws_doc_known(h->clocksource));
	return o;
}

json_t *ws_doc_warnings(struct ws_doc *d, const struct ws_warnings *w)
{
	json_t *list = json_array();
	char text[64];
	unsigned i;

	for (i = 0; i < w->count; i++) {
		ws_doc_add(d, list, ws_doc_string(w->text[i]));
	}
	if (w->dropped > 0) {
		snprintf(text, sizeof(text), "%u more warnings were not kept", w->dropped);
		ws_doc_add(d, list, json_string(text));
	}
	return list;
}

json_t *ws_doc_origin(enum ws_origin origin)
{
	return origin == WS_ORIGIN_NONE ? json_null() : ws_doc_string(ws_origin_name(origin));
}

json_t *ws_doc_hash(uint64_t hash)
{
	char text[24];

	if (hash == 0) {
		return json_null();
	}
	snprintf(text, sizeof(text), "%016" PRIx64, hash);
	return json_string(text);
}

static json_t *setting(int64_t n)
{
	return n == WS_SETTING_UNKNOWN ? json_null() : ws_doc_integer(n);
}

static json_t *state(int on)
{
	return on == WS_SETTING_UNKNOWN ? json_null() : json_boolean(on);
}

void ws_doc_settings(struct ws_doc *d, json_t *o, const struct ws_nic_settings *s)
{
	json_t *queues = json_object(), *rings = json_object();
	json_t *coalescing = json_object(), *offloads = json_object();

	ws_doc_put(d, queues, "rx", setting(s->queues_rx));
	ws_doc_put(d, queues, "tx", setting(s->queues_tx));
	ws_doc_put(d, rings, "rx", setting(s->ring_rx));
	ws_doc_put(d, rings, "rx_max", setting(s->ring_rx_max));
	ws_doc_put(d, rings, "tx", setting(s->ring_tx));
	ws_doc_put(d, rings, "tx_max", setting(s->ring_tx_max));
	ws_doc_put(d, coalescing, "rx_usecs", setting(s->rx_usecs));
	ws_doc_put(d, coalescing, "rx_frames", setting(s->rx_frames));
	ws_doc_put(d, coalescing, "tx_usecs", setting(s->tx_usecs));
	ws_doc_put(d, coalescing, "tx_frames", setting(s->tx_frames));
	ws_doc_put(d, coalescing, "adaptive_rx", state(s->adaptive_rx));
	ws_doc_put(d, coalescing, "adaptive_tx", state(s->adaptive_tx));
	for (int i = 0; i < WS_OFFLOADS; i++) {
		ws_doc_put(d, offloads, ws_offload_name((enum ws_offload)i), state(s->offload[i]));
	}
	ws_doc_put(d, o, "queues", queues);
	ws_doc_put(d, o, "rings", rings);
	ws_doc_put(d, o, "coalescing", coalescing);
	ws_doc_put(d, o, "offloads", offloads);
}

json_t *ws_doc_endpoint(struct ws_doc *d, const struct ws_endpoint *e)
{
	struct ws_nic_settings settings = e->settings;
	json_t *o = json_object();
	static const uint8_t none[sizeof(e->mac)];
	char mac[24];

	if (!e->has_settings) {
		ws_nic_settings_unknown(&settings);
	}
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", e->mac[0], e->mac[1], e->mac[2],
		e->mac[3], e->mac[4], e->mac[5]);
	ws_doc_put(d, o, "name", ws_doc_known(e->name));
	ws_doc_put(d, o, "driver", ws_doc_known(e->driver));
	ws_doc_put(d, o, "mac",
		memcmp(e->mac, none, sizeof(none)) != 0 ? ws_doc_string(mac) : json_null());
	ws_doc_put(d, o, "mtu", e->mtu > 0 ? ws_doc_integer(e->mtu) : json_null());
	ws_doc_put(d, o, "link_bps", e->link_bps > 0 ? ws_doc_count(e->link_bps) : json_null());
	ws_doc_put(d, o, "qdisc", ws_doc_known(e->qdisc));
	ws_doc_settings(d, o, &settings);
	return o;
}

json_t *ws_doc_limit(struct ws_doc *d, const struct ws_limit *l)
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

json_t *ws_doc_summary(struct ws_doc *d, const struct ws_hist *h, bool stddev,
	const struct ws_doc_quantile *quantiles)
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

json_t *ws_doc_bins(struct ws_doc *d, const struct ws_hist *h)
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

json_t *ws_doc_gaps(struct ws_doc *d, const struct ws_gaps *g, bool intended)
{
	static const struct ws_doc_quantile quantiles[] = {
		{"p1", 0.01}, {"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {NULL, 0}};
	json_t *o = ws_doc_summary(d, &g->hist, true, quantiles);
	json_t *within = json_object();
	char name[16];
	int i;

	for (i = 0; i < WS_GAP_WITHIN; i++) {
		snprintf(name, sizeof(name), "%d", ws_gap_within_ns[i]);
		ws_doc_put(d, within, name, intended ? ws_doc_count(g->within[i]) : json_null());
	}
	ws_doc_put(d, o, "within", within);
	return o;
}

json_t *ws_doc_head(struct ws_doc *d, const char *command, const char *version, int argc,
	char **argv, const char *started, const struct ws_host_facts *host)
{
	json_t *o = json_object(), *list = json_array();
	int i;

	for (i = 0; argv && i < argc; i++) {
		ws_doc_add(d, list, ws_doc_string(argv[i]));
	}
	ws_doc_put(d, o, "format", json_string("wirestamp-run/1"));
	ws_doc_put(d, o, "version", ws_doc_string(version));
	ws_doc_put(d, o, "command", ws_doc_string(command));
	ws_doc_put(d, o, "argv", list);
	ws_doc_put(d, o, "started", ws_doc_known(started));
	ws_doc_put(d, o, "host", ws_doc_host(d, host));
	return o;
}

int ws_doc_print(struct ws_doc *d, json_t *o, FILE *out)
{
	int err = 0;

	if (d->failed || !o) {
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

json_t *ws_doc_clock_facts(struct ws_doc *d, const struct ws_clock_facts *c)
{
	json_t *o = json_object();
	char boot[9];

	(void)snprintf(boot, sizeof(boot), "%08x", c->boot);
	ws_doc_put(d, o, "synchronised", c->known ? json_boolean(c->synchronised) : json_null());
	ws_doc_put(d, o, "max_error_ns",
		c->known && c->synchronised ? ws_doc_integer(c->max_error_ns) : json_null());
	ws_doc_put(d, o, "boot_id", c->boot ? ws_doc_string(boot) : json_null());
	return o;
}

json_t *ws_doc_packets(struct ws_doc *d, const struct ws_packets_facts *p)
{
	static const char *const columns[][2] = {
		{"intended", "monotonic"},
		{"app_tx", "monotonic"},
		{"sched", "realtime"},
		{"driver_tx", "realtime"},
		{"wire_tx", NULL},
		{"wire_rx", NULL},
		{"kernel_rx", "realtime"},
		{"app_rx", "monotonic"},
	};
	json_t *o, *clocks;

	if (!p->wanted) {
		return json_null();
	}
	o = json_object();
	clocks = json_object();
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		ws_doc_put(d, clocks, columns[i][0], ws_doc_string(columns[i][1]));
	}
	ws_doc_put(d, clocks, "wire_tx", ws_doc_clock(p->wire_clock[0]));
	ws_doc_put(d, clocks, "wire_rx", ws_doc_clock(p->wire_clock[1]));
	ws_doc_put(d, o, "file", ws_doc_string("packets.npy"));
	ws_doc_put(d, o, "csv", p->csv ? ws_doc_string("packets.csv") : json_null());
	ws_doc_put(d, o, "rows", ws_doc_count(p->rows));
	ws_doc_put(d, o, "dropped", ws_doc_count(p->dropped));
	ws_doc_put(d, o, "unamended", ws_doc_count(p->unamended));
	ws_doc_put(d, o, "cpu_ns", ws_doc_integer(p->cpu_ns));
	ws_doc_put(d, o, "columns", clocks);
	return o;
}

const struct ws_doc_quantile ws_doc_latency_quantiles[] = {{"p50", 0.5}, {"p90", 0.9},
	{"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999}, {NULL, 0}};
