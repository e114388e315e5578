/* SPDX-License-Identifier: BSD-2-Clause */
/* How it was measured, by what the documents say. They may say anything: nothing is taken for granted. */
#include "report/html.h"

#include <inttypes.h>
#include <string.h>

/* A value in words; empty if there is none. */
static const char *value_of(const json_t *o, const char *key, char buf[64])
{
	const json_t *v = json_object_get(o, key);

	buf[0] = '\0';
	if (json_is_string(v)) {
		return json_string_value(v);
	}
	if (json_is_integer(v)) {
		snprintf(buf, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	} else if (json_is_real(v)) {
		snprintf(buf, 64, "%g", json_real_value(v));
	} else if (json_is_boolean(v)) {
		snprintf(buf, 64, "%s", json_is_true(v) ? "yes" : "no");
	}
	return buf;
}

static void item(struct ws_html *h, const char *name, const char *value)
{
	if (value[0]) {
		fputs("<dt>", h->out);
		ws_html_text(h, name);
		fputs("</dt><dd>", h->out);
		ws_html_text(h, value);
		fputs("</dd>\n", h->out);
	}
}

static void member(struct ws_html *h, const char *name, const json_t *o, const char *key)
{
	char buf[64];

	item(h, name, value_of(o, key, buf));
}

static void interface(struct ws_html *h, const char *name, const json_t *e)
{
	char a[64], b[64], c[64], d[64], speed[40] = "", text[700];
	const json_t *bps = json_object_get(e, "link_bps");

	if (!json_is_object(e)) {
		return;
	}
	if (json_is_number(bps) && json_number_value(bps) > 0) {
		ws_format_bps(speed, sizeof(speed), json_number_value(bps));
	}
	snprintf(text, sizeof(text), "%s (%s), %s%sMTU %s, %s", value_of(e, "name", a),
		value_of(e, "driver", b), speed, speed[0] ? ", " : "", value_of(e, "mtu", c),
		value_of(e, "qdisc", d));
	item(h, name, text);
}

static void stamps(struct ws_html *h, const struct ws_rundoc *d)
{
	static const struct {
		const char *origin, *words;
	} known[] = {{"hardware", "by the network card"},
		{"software", "by the kernel, in or near the driver"},
		{"at_copy", "by the kernel when it copied the packet"}, {"user", "by the program"}};
	static const char *const ends[][3] = {
		{"tx", "tx_clock", "stamps of sending"}, {"rx", "rx_clock", "stamps of receiving"}};
	const json_t *s =
		json_object_get(json_array_get(json_object_get(d->json, "runs"), 0), "stamps");
	char a[64], b[64], text[300];
	unsigned e, i;

	for (e = 0; e < 2; e++) {
		const char *origin = value_of(s, ends[e][0], a),
			   *clock = value_of(s, ends[e][1], b);

		for (i = 0; i < 4 && strcmp(origin, known[i].origin) != 0; i++) {
		}
		snprintf(text, sizeof(text), "%s%s%s%s%s%s", origin, i < 4 ? ": taken " : "",
			i < 4 ? known[i].words : "", clock[0] ? " (clock " : "", clock,
			clock[0] ? ")" : "");
		item(h, ends[e][2], origin[0] ? text : "");
	}
}

static void error_bound(struct ws_html *h, const struct ws_rundoc *d)
{
	int64_t most = -1;
	bool unknown = false, any = false;
	char text[80], ns[40];
	unsigned i;

	for (i = 0; i < d->count; i++) {
		if (d->series[i].latency) {
			any = true;
			unknown |= d->series[i].error_bound_ns < 0;
			most = d->series[i].error_bound_ns > most ? d->series[i].error_bound_ns
								  : most;
		}
	}
	if (!any) {
		return;
	}
	snprintf(text, sizeof(text), "at most %s%s", ws_format_ns(ns, sizeof(ns), (double)most),
		unknown ? "; of some runs not known" : "");
	item(h, "error of each latency", most < 0 ? "not known" : text);
}

/* As a shell would take it again. */
static void command_line(struct ws_html *h, const json_t *argv)
{
	size_t i;
	const json_t *v;

	if (json_array_size(argv) == 0) {
		return;
	}
	fputs("<pre><code>", h->out);
	json_array_foreach(argv, i, v)
	{
		const char *word = json_string_value(v) ? json_string_value(v) : "";
		bool plain =
			word[0] &&
			word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789_-+=.,:/@%")] == '\0';

		fputs(i > 0 ? " " : "", h->out);
		ws_html_text(h, plain ? "" : "'");
		for (; *word; word++) {
			const char *quote = strchr(word, '\'');

			if (!quote) {
				ws_html_text(h, word);
				break;
			}
			/* A quote ends the quoted text, stands escaped, and begins it again. */
			while (word < quote) {
				char part[512];
				size_t n = (size_t)(quote - word) < sizeof(part) - 1
						   ? (size_t)(quote - word)
						   : sizeof(part) - 1;

				memcpy(part, word, n);
				part[n] = '\0';
				ws_html_text(h, part);
				word += n;
			}
			ws_html_text(h, "'\\''");
		}
		ws_html_text(h, plain ? "" : "'");
	}
	fputs("</code></pre>\n", h->out);
}

static void document(struct ws_html *h, const struct ws_rundoc *d)
{
	const json_t *host = json_object_get(d->json, "host");
	char a[64], b[64], text[400];

	fputs("<article>\n<h3>", h->out);
	ws_html_text(h, d->name);
	fputs("</h3>\n<dl>\n", h->out);
	item(h, "file", d->path);
	member(h, "command", d->json, "command");
	member(h, "mode", d->json, "mode");
	member(h, "started", d->json, "started");
	member(h, "host", host, "hostname");
	snprintf(text, sizeof(text), "%s %s", value_of(host, "kernel", a),
		value_of(host, "arch", b));
	item(h, "kernel", json_is_object(host) ? text : "");
	snprintf(text, sizeof(text), "%s, %s online", value_of(host, "cpu", a),
		value_of(host, "cpus", b));
	item(h, "CPU", json_is_object(host) ? text : "");
	member(h, "governor", host, "governor");
	member(h, "clock source", host, "clocksource");
	interface(h, "sending", json_object_get(d->json, "tx"));
	interface(h, "receiving", json_object_get(d->json, "rx"));
	member(h, "far side", json_object_get(d->json, "peer"), "address");
	member(h, "sent by", d->json, "io_tx");
	member(h, d->kind == WS_RUNDOC_LOAD ? "sent by" : "received by", d->json, "io");
	member(h, "probes", d->json, "carrier");
	stamps(h, d);
	error_bound(h, d);
	member(h, "seed", d->json, "seed");
	member(h, "version", d->json, "version");
	fputs("</dl>\n", h->out);
	command_line(h, json_object_get(d->json, "argv"));
	if (!d->json) {
		fputs("<p class=\"note\">An imported histogram: it does not say how it was measured.</p>\n",
			h->out);
	}
	fputs("</article>\n", h->out);
}

void ws_html_measured(struct ws_html *h)
{
	unsigned i;

	fputs("<section aria-labelledby=\"measured\"><h2 id=\"measured\">How it was measured</h2>\n<div "
	      "class=\"documents\">\n",
		h->out);
	for (i = 0; i < h->set->doc_count; i++) {
		document(h, h->set->docs[i]);
	}
	fputs("</div>\n</section>\n", h->out);
}
