/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/reflect_report.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "report/jsondoc.h"

void ws_reflect_result_free(struct ws_reflect_result *r)
{
	free(r->session);
	free(r->stream);
	r->session = NULL;
	r->stream = NULL;
	r->session_count = r->stream_count = 0;
}

static json_t *session(struct ws_doc *d, const struct ws_reflect_session *s)
{
	json_t *o = json_object();
	char mac[18], ip[INET6_ADDRSTRLEN];

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1],
		s->mac[2], s->mac[3], s->mac[4], s->mac[5]);
	ws_doc_put(d, o, "mac", ws_doc_string(mac));
	ws_doc_put(d, o, "ip",
		s->ip_version ? ws_doc_string(inet_ntop(s->ip_version == 6 ? AF_INET6 : AF_INET,
					s->ip, ip, sizeof(ip)))
			      : json_null());
	ws_doc_put(d, o, "port", s->ip_version ? json_integer(s->port) : json_null());
	ws_doc_put(d, o, "run_id", ws_doc_count(s->run_id));
	ws_doc_put(d, o, "stream", json_integer(s->stream));
	ws_doc_put(d, o, "answered", ws_doc_count(s->answered));
	ws_doc_put(d, o, "repeated", ws_doc_count(s->repeated));
	ws_doc_put(d, o, "limited", ws_doc_count(s->limited));
	ws_doc_put(d, o, "highest_seq", ws_doc_unsigned(s->highest));
	ws_doc_put(d, o, "stamps_kept", ws_doc_count(s->stamps_kept));
	ws_doc_put(d, o, "stamps_dropped", ws_doc_count(s->stamps_dropped));
	ws_doc_put(d, o, "stamps_missing", ws_doc_count(s->stamps_missing));
	ws_doc_put(d, o, "lasted_ns", ws_doc_integer(s->last_ns - s->first_ns));
	return o;
}

static json_t *stream(struct ws_doc *d, const struct ws_reflect_stream *s)
{
	json_t *o = json_object();

	ws_doc_put(d, o, "run_id", ws_doc_count(s->run_id));
	ws_doc_put(d, o, "stream", json_integer(s->stream));
	/* Of all packets, as in a latency run. */
	ws_doc_put(d, o, "received", ws_doc_count(s->received + s->duplicated));
	ws_doc_put(d, o, "duplicated", ws_doc_count(s->duplicated));
	ws_doc_put(d, o, "reordered", ws_doc_count(s->reordered));
	ws_doc_put(d, o, "unstamped", ws_doc_count(s->unstamped));
	ws_doc_put(d, o, "first_seq", ws_doc_unsigned(s->first_seq));
	ws_doc_put(d, o, "highest_seq", ws_doc_unsigned(s->highest_seq));
	ws_doc_put(d, o, "lasted_ns", ws_doc_integer(s->last_ns - s->first_ns));
	return o;
}

static void put_counts(struct ws_doc *d, json_t *o, const struct ws_reflect_report *r)
{
	const struct ws_reflect_result *res = &r->result;
	json_t *sessions = json_array();

	for (unsigned v = 0; v < WS_REFLECT_VERDICTS; v++) {
		ws_doc_put(d, o, ws_reflect_name((enum ws_reflect_verdict)v),
			ws_doc_count(res->counts[v]));
	}
	ws_doc_put(d, o, "sent", ws_doc_count(res->sent));
	ws_doc_put(d, o, "refused", ws_doc_count(res->refused));
	ws_doc_put(d, o, "stamps_missing", ws_doc_count(res->stamps_missing));
	ws_doc_put(d, o, "session_count", ws_doc_count(res->sessions));
	for (unsigned i = 0; i < res->session_count; i++) {
		ws_doc_add(d, sessions, session(d, &res->session[i]));
	}
	ws_doc_put(d, o, "sessions", sessions);
}

static void put_streams(struct ws_doc *d, json_t *o, const struct ws_reflect_report *r)
{
	const struct ws_reflect_result *res = &r->result;
	json_t *runs = json_array();

	for (unsigned i = 0; i < res->stream_count; i++) {
		ws_doc_add(d, runs, stream(d, &res->stream[i]));
	}
	ws_doc_put(d, o, "foreign", ws_doc_count(res->foreign));
	ws_doc_put(d, o, "runs", runs);
}

int ws_reflect_json(FILE *out, const struct ws_reflect_report *r)
{
	const struct ws_reflect_result *res = &r->result;
	struct ws_doc d = {0};
	json_t *o = ws_doc_head(&d, "reflect", r->version, r->argc, r->argv, r->started, &r->host);
	json_t *stamps = json_object();

	ws_doc_put(&d, o, "mode", json_string(r->receive_only ? "receiver" : "reflector"));
	ws_doc_put(&d, o, "rx", r->has_end ? ws_doc_endpoint(&d, &r->end) : json_null());
	ws_doc_put(&d, o, "lab", json_boolean(r->lab));
	ws_doc_put(&d, o, "io", ws_doc_string(r->io));
	ws_doc_put(&d, o, "port", json_integer(r->port));
	ws_doc_put(&d, o, "ptp_port", r->ptp_port ? json_integer(r->ptp_port) : json_null());
	ws_doc_put(&d, o, "max_pps", r->max_pps ? ws_doc_count(r->max_pps) : json_null());
	ws_doc_put(&d, o, "rx_buffer_bytes", ws_doc_count(r->rx_buffer));
	ws_doc_put(&d, o, "rights", ws_doc_known(r->rights));
	ws_doc_put(&d, o, "clock", ws_doc_clock_facts(&d, &r->clock));
	ws_doc_put(&d, o, "packets", ws_doc_packets(&d, &r->packets));
	ws_doc_put(&d, stamps, "rx", ws_doc_origin(res->rx_origin));
	ws_doc_put(&d, stamps, "tx", ws_doc_origin(res->tx_origin));
	ws_doc_put(&d, stamps, "clock", ws_doc_clock(res->clock));
	ws_doc_put(&d, o, "stamps", stamps);
	ws_doc_put(&d, o, "elapsed_ns", ws_doc_integer(res->elapsed_ns));
	ws_doc_put(&d, o, "complete", json_boolean(res->complete));
	ws_doc_put(&d, o, "ended_by", ws_doc_known(res->ended_by));
	ws_doc_put(&d, o, "fault", json_boolean(res->failed));
	ws_doc_put(&d, o, "received", ws_doc_count(res->received));
	ws_doc_put(&d, o, "dropped_rx", ws_doc_count(res->dropped_rx));
	if (r->receive_only) {
		put_streams(&d, o, r);
	} else {
		put_counts(&d, o, r);
	}
	ws_doc_put(&d, o, "warnings", ws_doc_warnings(&d, &r->warnings));
	return ws_doc_print(&d, o, out);
}
