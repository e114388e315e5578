/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/reflect_report.h"

#include <arpa/inet.h>
#include <errno.h>

#include "report/page.h"

static void add_dropped(struct ws_text *t, const struct ws_reflect_result *r)
{
	char buf[WS_CELL_SIZE];

	if (r->dropped_rx && r->dropped_rx != UINT64_MAX) {
		ws_text_add(t, "; our own receive buffer dropped %s",
			ws_format_count(buf, sizeof(buf), r->dropped_rx));
	}
}

static void print_counts(struct ws_page *p, const struct ws_reflect_result *r)
{
	static const char *const words[WS_REFLECT_VERDICTS] = {
		[WS_REFLECT_OTHER] = "no probes that want an answer",
		[WS_REFLECT_GROUP] = "to or from a group address, not answered",
		[WS_REFLECT_SHORT] = "too short for an answer",
		[WS_REFLECT_MALFORMED] = "malformed",
		[WS_REFLECT_REPEATED] = "repeated, not answered again",
		[WS_REFLECT_LIMITED] = "beyond the rate, not answered",
		[WS_REFLECT_CROWDED] = "from more senders than there is room for",
	};
	struct ws_text t = {0};
	char buf[WS_CELL_SIZE];

	ws_text_add(&t, "%s received", ws_format_count(buf, sizeof(buf), r->received));
	ws_text_add(&t, ", %s answered", ws_format_count(buf, sizeof(buf), r->sent));
	for (unsigned v = 0; v < WS_REFLECT_VERDICTS; v++) {
		if (words[v] && r->counts[v]) {
			ws_text_add(&t, ", %s %s", ws_format_count(buf, sizeof(buf), r->counts[v]),
				words[v]);
		}
	}
	if (r->refused) {
		ws_text_add(&t, ", %s answers refused by the kernel",
			ws_format_count(buf, sizeof(buf), r->refused));
	}
	add_dropped(&t, r);
	ws_page_entry(p, NULL, "frames", NULL, t.buf);
}

static void print_session(struct ws_page *p, const struct ws_reflect_session *s, const char *label)
{
	char buf[WS_CELL_SIZE], ip[INET6_ADDRSTRLEN];
	struct ws_text t = {0};

	if (s->ip_version) {
		ws_text_add(&t, "%s port %u",
			inet_ntop(s->ip_version == 6 ? AF_INET6 : AF_INET, s->ip, ip, sizeof(ip)),
			s->port);
	} else {
		ws_text_add(&t, "%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1], s->mac[2],
			s->mac[3], s->mac[4], s->mac[5]);
	}
	ws_text_add(&t, ": %s answered", ws_format_count(buf, sizeof(buf), s->answered));
	if (s->repeated) {
		ws_text_add(&t, ", %s repeated", ws_format_count(buf, sizeof(buf), s->repeated));
	}
	if (s->limited) {
		ws_text_add(
			&t, ", %s beyond the rate", ws_format_count(buf, sizeof(buf), s->limited));
	}
	if (s->stamps_missing + s->stamps_dropped) {
		ws_text_add(&t, ", %s without a transmit stamp",
			ws_format_count(buf, sizeof(buf), s->stamps_missing + s->stamps_dropped));
	}
	ws_page_entry(p, NULL, label, NULL, t.buf);
}

static void print_stream(struct ws_page *p, const struct ws_reflect_stream *s, const char *label)
{
	char buf[WS_CELL_SIZE];
	struct ws_text t = {0};

	ws_text_add(&t, "run %08x, rate %u: %s received", s->run_id, s->stream + 1u,
		ws_format_count(buf, sizeof(buf), s->received));
	if (s->duplicated) {
		ws_text_add(
			&t, ", %s duplicated", ws_format_count(buf, sizeof(buf), s->duplicated));
	}
	if (s->reordered) {
		ws_text_add(
			&t, ", %s out of order", ws_format_count(buf, sizeof(buf), s->reordered));
	}
	if (s->unstamped) {
		ws_text_add(&t, ", %s without a stamp",
			ws_format_count(buf, sizeof(buf), s->unstamped));
	}
	ws_page_entry(p, NULL, label, NULL, t.buf);
}

int ws_reflect_text(FILE *out, const struct ws_reflect_report *r, const struct ws_text_style *style)
{
	struct ws_page p = {.out = out, .colour = style->colour, .columns = style->columns};
	const struct ws_reflect_result *res = &r->result;
	struct ws_text t = {0};
	char buf[WS_CELL_SIZE];

	ws_text_add(&t, "%s at ", r->receive_only ? "received" : "answered");
	if (r->has_end) {
		ws_page_endpoint(&t, &r->end);
	} else {
		ws_text_add(&t, "UDP port %u", r->port);
	}
	ws_text_add(&t, ", %s, backend %s", ws_format_ns(buf, sizeof(buf), (double)res->elapsed_ns),
		r->io ? r->io : "-");
	ws_page_wrap(&p, WS_INK_BOLD, 0, 2, t.buf);
	ws_page_host(&p, r->version, &r->host, r->started);
	if (r->receive_only) {
		t = (struct ws_text){0};
		ws_text_add(&t, "%s received", ws_format_count(buf, sizeof(buf), res->received));
		ws_text_add(&t, ", %s foreign", ws_format_count(buf, sizeof(buf), res->foreign));
		add_dropped(&t, res);
		ws_page_entry(&p, NULL, "frames", NULL, t.buf);
	} else {
		print_counts(&p, res);
	}
	for (unsigned i = 0; i < res->session_count; i++) {
		print_session(&p, &res->session[i], i ? "" : "senders");
	}
	for (unsigned i = 0; i < res->stream_count; i++) {
		print_stream(&p, &res->stream[i], i ? "" : "runs");
	}
	if (*res->ended_by) {
		ws_page_entry(
			&p, res->failed ? WS_INK_RED : WS_INK_YELLOW, "ended", NULL, res->ended_by);
	}
	ws_page_warnings(&p, &r->warnings);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
