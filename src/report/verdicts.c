/* SPDX-License-Identifier: BSD-2-Clause */
/* A series in sentences. */
#include <math.h>
#include <string.h>

#include "report/docget.h"
#include "report/page.h"
#include "report/report_out.h"

typedef void (*ws_say)(void *arg, const struct ws_verdict *v);

struct saying {
	const struct ws_series *s;
	ws_say say;
	void *arg;
};

static void say_text(
	const struct saying *y, enum ws_tone tone, const char *label, const struct ws_text *t)
{
	struct ws_verdict v = {.tone = tone, .label = label};

	ws_copy_text(v.text, sizeof(v.text), t->buf);
	y->say(y->arg, &v);
}

static const char *counted(char buf[WS_CELL_SIZE], uint64_t n)
{
	return ws_format_count(buf, WS_CELL_SIZE, n);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static bool some(uint64_t n)
{
	return n > 0 && n != UINT64_MAX;
}

static bool sends_and_receives(const struct ws_series *s)
{
	return s->doc->kind == WS_RUNDOC_LATENCY || s->doc->kind == WS_RUNDOC_TWO_WAY;
}

/* True if nothing came: there is nothing else to say of latencies then. */
static bool nothing_came(const struct saying *y)
{
	const struct ws_series *s = y->s;
	char buf[WS_CELL_SIZE];
	struct ws_text t = {0};

	if (s->doc->kind == WS_RUNDOC_SENDER) {
		ws_text_add(&t,
			"a sender's half: it has latencies once it is joined with the receiver's "
			"(report --join SENDER RECEIVER)");
		say_text(y, WS_TONE_PLAIN, "half", &t);
		return false;
	}
	if (s->doc->kind == WS_RUNDOC_LOAD || s->doc->kind == WS_RUNDOC_IMPORT) {
		return false;
	}
	if (s->sent == 0) {
		ws_text_add(&t, "no packet was sent: there are no latencies");
	} else if (s->received == 0 || (sends_and_receives(s) && s->matched == 0 && some(s->sent) &&
					       s->lost == s->sent)) {
		ws_text_add(&t, "no packet was received");
		if (some(s->sent)) {
			ws_text_add(&t,
				": all %s that were sent are lost, and there are no latencies "
				"(is the receiver up, does anything on the way drop them?)",
				counted(buf, s->sent));
		}
	} else if (sends_and_receives(s) && s->matched == 0) {
		ws_text_add(&t, "no packet has a stamp at both ends: there are no latencies");
	} else {
		return false;
	}
	say_text(y, WS_TONE_BAD, "nothing", &t);
	return true;
}

static void ending(const struct saying *y)
{
	const char *why = ws_get_text(y->s->json, "ended_by");
	bool fault = ws_get_bool(y->s->json, "fault", false);
	struct ws_text t = {0};

	if (!y->s->complete) {
		ws_text_add(&t, "%s", why ? why : "early, and it is not known why");
		say_text(y, fault ? WS_TONE_BAD : WS_TONE_CAUTION, "ended", &t);
	}
}

/* "5 packets at 0.52 s" */
static void add_loss(struct ws_text *t, const struct ws_loss *l)
{
	char count[WS_CELL_SIZE], at[WS_CELL_SIZE], until[WS_CELL_SIZE];

	ws_format_ns_fine(at, sizeof(at), (double)l->at_ns);
	ws_format_ns_fine(until, sizeof(until), (double)l->until_ns);
	ws_text_add(t, "%s packet%s at %s", counted(count, l->count), plural(l->count), at);
	if (strcmp(at, until) != 0) {
		ws_text_add(t, " to %s", until);
	}
}

/* Losses that are all over a run, and losses that are in one place, are not the same fault. */
static void loss(const struct saying *y)
{
	const struct ws_series *s = y->s;
	const json_t *losses = json_object_get(s->json, "losses");
	uint64_t episodes = ws_get_count(losses, "episodes");
	uint64_t dropped = ws_get_count(s->json, "dropped_rx");
	const struct ws_loss *longest = NULL;
	char lost[WS_CELL_SIZE], share[WS_CELL_SIZE], buf[WS_CELL_SIZE];
	struct ws_text t = {0};
	unsigned i;

	if (!sends_and_receives(s) || !some(s->lost)) {
		return;
	}
	ws_text_add(&t, "%s of %s packets lost", counted(lost, s->lost),
		s->sent == UINT64_MAX ? "?" : counted(buf, s->sent));
	if (some(s->sent)) {
		ws_text_add(&t, " (%s)",
			ws_format_share(share, sizeof(share), (double)s->lost / (double)s->sent));
	}
	for (i = 0; i < s->loss_count; i++) {
		if (!longest || s->losses[i].count > longest->count) {
			longest = &s->losses[i];
		}
	}
	if (longest && episodes <= 1) {
		ws_text_add(&t, ", all in a row: ");
		add_loss(&t, longest);
	} else if (longest && some(episodes)) {
		ws_text_add(&t, " in %s places", counted(buf, episodes));
		if (longest->count == 1 && s->lost == episodes) {
			ws_text_add(&t, ", one by one, from ");
			ws_text_add(&t, "%s to ",
				ws_format_ns_fine(buf, sizeof(buf), (double)s->losses[0].at_ns));
			ws_text_add(&t, "%s",
				ws_format_ns_fine(buf, sizeof(buf),
					(double)s->losses[s->loss_count - 1].until_ns));
		} else {
			ws_text_add(&t, ", the longest ");
			add_loss(&t, longest);
		}
	}
	if (some(dropped)) {
		ws_text_add(&t, "; our own receive ring dropped %s, which may explain as many",
			counted(buf, dropped));
	}
	say_text(y, WS_TONE_BAD, "loss", &t);
}

static void disorder(const struct saying *y)
{
	const struct ws_series *s = y->s;
	const json_t *order = json_object_get(s->json, "reordering");
	uint64_t max = ws_get_count(order, "extent_max"), unknown = ws_get_count(order, "unknown");
	char buf[WS_CELL_SIZE];
	struct ws_text t = {0};

	if (some(s->reordered)) {
		ws_text_add(&t, "%s packet%s reordered", counted(buf, s->reordered),
			plural(s->reordered));
		if (some(max)) {
			ws_text_add(&t, ", by up to %s", counted(buf, max));
		}
		if (some(unknown)) {
			ws_text_add(&t, " (%s by more than could be told)", counted(buf, unknown));
		}
	}
	if (some(s->duplicated)) {
		ws_text_add(&t, "%s%s cop%s too many", t.len > 0 ? "; " : "",
			counted(buf, s->duplicated), s->duplicated == 1 ? "y" : "ies");
	}
	if (some(s->late_arrivals)) {
		ws_text_add(&t, "%s%s came after the window", t.len > 0 ? "; " : "",
			counted(buf, s->late_arrivals));
	}
	if (some(s->unstamped)) {
		const json_t *sampling =
			json_object_get(json_object_get(s->json, "hardware"), "sampling");
		uint64_t not_asked = ws_get_count(sampling, "not_asked");

		ws_text_add(&t, "%s%s lack a stamp, and have no latency", t.len > 0 ? "; " : "",
			counted(buf, s->unstamped));
		if (some(not_asked)) {
			ws_text_add(&t,
				" (%s of those sent were not asked for one, as the card holds few at a time)",
				counted(buf, not_asked));
		}
	}
	if (t.len > 0) {
		say_text(y, WS_TONE_CAUTION, "order", &t);
	}
}

static void balance(const struct saying *y)
{
	struct ws_text t = {0};

	/* Half of a run has half of the accounts. */
	if (!y->s->balanced && y->s->doc->kind != WS_RUNDOC_SENDER) {
		ws_text_add(&t,
			"NOT BALANCED: its accounts do not add up, so some of its packets are "
			"not accounted for");
		say_text(y, WS_TONE_BAD, "ledger", &t);
	}
}

static void limit(const struct saying *y)
{
	const json_t *limit = json_object_get(y->s->json, "limit");
	const json_t *try = json_object_get(limit, "try");
	const char *cause = ws_get_text(limit, "cause"), *why = ws_get_text(limit, "why");
	char share[WS_CELL_SIZE];
	struct ws_text t = {0};
	size_t i, n = json_array_size(try);

	if (!cause || strcmp(cause, "none") == 0) {
		return;
	}
	if (y->s->accepted_pps / y->s->requested_pps < 1) {
		ws_text_add(&t, "%s of the requested rate: ",
			ws_format_share(
				share, sizeof(share), y->s->accepted_pps / y->s->requested_pps));
	}
	ws_text_add(&t, "%s%s%s", cause, why ? ": " : "", why ? why : "");
	for (i = 0; i < n && i < 4; i++) {
		const char *hint = json_string_value(json_array_get(try, i));

		if (hint) {
			ws_text_add(&t, "%s%s", i == 0 ? " (try: " : "; ", hint);
		}
	}
	ws_text_add(&t, "%s", n > 0 ? ")" : "");
	say_text(y, WS_TONE_CAUTION, "limit", &t);
}

static void stages(const struct saying *y)
{
	const char *sentence = ws_get_text(json_object_get(y->s->json, "waterfall"), "sentence");
	struct ws_text t = {0};

	if (sentence && sentence[0]) {
		ws_text_add(&t, "%s", sentence);
		say_text(y, WS_TONE_PLAIN, "stages", &t);
	}
}

/* Each way of an exchange, with what it may be off by. */
static void ways(const struct saying *y)
{
	const struct ws_series *s = y->s;
	char forward[WS_CELL_SIZE], backward[WS_CELL_SIZE], bound[WS_CELL_SIZE];
	struct ws_text t = {0};
	int64_t there, back;

	if (s->doc->kind != WS_RUNDOC_TWO_WAY || !s->forward || !s->backward ||
		!ws_hist_quantile(s->forward, 0.5, &there) ||
		!ws_hist_quantile(s->backward, 0.5, &back)) {
		return;
	}
	ws_format_ns(forward, sizeof(forward), (double)there);
	ws_format_ns(backward, sizeof(backward), (double)back);
	ws_text_add(&t, "median there %s, back %s", forward, backward);
	if (s->forward_bound_ns >= 0) {
		ws_format_ns(bound, sizeof(bound), (double)s->forward_bound_ns);
		ws_text_add(&t, ", each known to within %s", bound);
		if (s->forward_bound_ns >= there || s->forward_bound_ns >= back) {
			ws_text_add(&t, ": no more than that they are shorter than the round trip");
		}
	} else {
		ws_text_add(&t, ", but it is not known how far these are off");
	}
	say_text(y, WS_TONE_PLAIN, "ways", &t);
}

static void errors(const struct saying *y)
{
	const struct ws_series *s = y->s;
	char bound[WS_CELL_SIZE], median[WS_CELL_SIZE];
	struct ws_text t = {0};
	int64_t p50;

	if (!s->latency || s->latency->count == 0) {
		return;
	}
	if (s->latency->negative > 0) {
		ws_text_add(&t,
			"%s latenc%s negative: the clocks of both ends disagree by more than "
			"the way takes; ",
			counted(bound, s->latency->negative),
			s->latency->negative == 1 ? "y is" : "ies are");
	}
	if (s->error_bound_ns < 0 && s->doc->kind != WS_RUNDOC_IMPORT) {
		ws_text_add(&t,
			"the error of the latencies is not known: compare them with each other "
			"only; ");
	} else if (s->error_bound_ns > 0 && ws_hist_quantile(s->latency, 0.5, &p50) &&
		   s->error_bound_ns >= p50) {
		ws_format_ns(bound, sizeof(bound), (double)s->error_bound_ns);
		ws_format_ns(median, sizeof(median), (double)p50);
		ws_text_add(&t,
			"the error of the latencies (%s) is not smaller than their median (%s): "
			"they say no more than that; ",
			bound, median);
	}
	if (t.len > 2) {
		t.buf[t.len -= 2] = '\0';
		say_text(y, WS_TONE_CAUTION, "error", &t);
	}
}

void ws_series_verdicts(
	const struct ws_series *s, void (*say)(void *arg, const struct ws_verdict *v), void *arg)
{
	const struct saying y = {s, say, arg};

	ending(&y);
	balance(&y);
	if (!nothing_came(&y)) {
		loss(&y);
	}
	disorder(&y);
	errors(&y);
	limit(&y);
	ways(&y);
	stages(&y);
}

void ws_rundoc_verdicts(
	const struct ws_rundoc *d, void (*say)(void *arg, const struct ws_verdict *v), void *arg)
{
	const json_t *warnings = json_object_get(d->json, "warnings");
	struct ws_verdict v = {.tone = WS_TONE_CAUTION, .label = "note"};
	size_t i, n = json_array_size(warnings);

	if (d->note[0]) {
		ws_copy_text(v.text, sizeof(v.text), d->note);
		say(arg, &v);
	}
	v.label = "warning";
	for (i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(warnings, i));

		if (text) {
			ws_copy_text(v.text, sizeof(v.text), text);
			say(arg, &v);
		}
	}
}
