/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/rundoc_own.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void ws_series_init(struct ws_series *s, const struct ws_rundoc *d)
{
	*s = (struct ws_series){
		.doc = d,
		.requested_pps = NAN,
		.accepted_pps = NAN,
		.planned = UINT64_MAX,
		.sent = UINT64_MAX,
		.received = UINT64_MAX,
		.matched = UINT64_MAX,
		.lost = UINT64_MAX,
		.duplicated = UINT64_MAX,
		.reordered = UINT64_MAX,
		.late_arrivals = UINT64_MAX,
		.unstamped = UINT64_MAX,
		.balanced = true,
		.complete = true,
		.elapsed_ns = -1,
		.error_bound_ns = -1,
		.forward_bound_ns = -1,
		.intended_gap_ns = -1,
	};
}

static struct ws_place place_of(unsigned run, const char *key)
{
	struct ws_place p;

	snprintf(p.text, sizeof(p.text), "runs[%u].%s", run, key);
	return p;
}

/* A count that has another type than it should have is as good as unknown, but not silently. */
static uint64_t count_of(struct ws_rundoc *d, unsigned run, const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);
	uint64_t n;

	if (!value || json_is_null(value)) {
		return UINT64_MAX;
	}
	if (!ws_get_unsigned(value, &n)) {
		ws_rundoc_note(d, "runs[%u].%s is no count", run, key);
		return UINT64_MAX;
	}
	return n;
}

/* Unknown only if all are. */
static uint64_t sum_known(const uint64_t *counts, unsigned n)
{
	uint64_t sum = UINT64_MAX;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (counts[i] != UINT64_MAX) {
			sum = (sum == UINT64_MAX ? 0 : sum) + counts[i];
		}
	}
	return sum;
}

static int64_t bound_of(const json_t *summary)
{
	int64_t bound = ws_get_integer(summary, "error_bound", -1);

	return bound >= 0 ? bound : -1;
}

static int64_t resolution_of(const json_t *summary)
{
	int64_t resolution = ws_get_integer(summary, "resolution", 0);

	return resolution > 0 ? resolution : 0;
}

static void accounts(struct ws_series *s, struct ws_rundoc *d, unsigned run)
{
	const json_t *o = s->json;
	const uint64_t unstamped[] = {count_of(d, run, o, "unstamped_tx"),
		count_of(d, run, o, "unstamped_rx"), count_of(d, run, o, "unstamped_both")};

	s->requested_pps = ws_get_real(o, "requested_pps");
	s->accepted_pps = ws_get_real(o, "accepted_pps");
	s->planned = count_of(d, run, o, "planned");
	s->sent = count_of(d, run, o, "sent");
	s->received = count_of(d, run, o, "received");
	s->matched = count_of(d, run, o, "matched");
	s->lost = count_of(d, run, o, "lost");
	s->duplicated = count_of(d, run, o, "duplicated");
	s->reordered = count_of(d, run, o, "reordered");
	s->late_arrivals = count_of(d, run, o, "late_arrivals");
	s->unstamped = sum_known(unstamped, 3);
	s->balanced = ws_get_bool(o, "balanced", true);
	s->complete = ws_get_bool(o, "complete", true);
	s->elapsed_ns = ws_get_integer(o, "elapsed_ns", -1);
	if (s->elapsed_ns < 0) {
		s->elapsed_ns = -1;
	}
}

static void rate_text(struct ws_series *s, unsigned run)
{
	const char *rate = ws_get_text(s->json, "rate");
	uint64_t id, stream;

	if (rate) {
		ws_copy_text(s->rate, sizeof(s->rate), rate);
		return;
	}
	id = ws_get_count(s->json, "run_id");
	stream = ws_get_count(s->json, "stream");
	if (id == UINT64_MAX) {
		snprintf(s->rate, sizeof(s->rate), "run %u", run + 1);
	} else if (stream == UINT64_MAX || stream == 0) {
		snprintf(s->rate, sizeof(s->rate), "run %08llx", (unsigned long long)id);
	} else {
		snprintf(s->rate, sizeof(s->rate), "run %08llx/%llu", (unsigned long long)id,
			(unsigned long long)stream);
	}
}

struct reading {
	struct ws_rundoc *doc;
	struct ws_series *s;
	unsigned run;
	char *why;
	size_t why_size;
};

static int hist(const struct reading *r, const char *bins, const char *summary,
	const struct ws_outside *outside, struct ws_hist **ret)
{
	static const struct ws_outside unknown = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	const struct ws_place place = place_of(r->run, bins);

	return ws_rundoc_hist(r->doc, &place, json_object_get(r->s->json, bins),
		json_object_get(r->s->json, summary), outside ? outside : &unknown, ret, r->why,
		r->why_size);
}

static int latencies(const struct reading *r)
{
	struct ws_series *s = r->s;
	const json_t *o = s->json;
	const struct ws_outside outside = {
		.negative = count_of(r->doc, r->run, o, "negative"),
		.below_range = count_of(r->doc, r->run, o, "below_range"),
		.above_range = count_of(r->doc, r->run, o, "above_range"),
	};
	bool two_way = r->doc->kind == WS_RUNDOC_TWO_WAY &&
		       json_is_array(json_object_get(o, "rtt_histogram_ns"));
	int err;

	if (two_way) {
		err = hist(r, "rtt_histogram_ns", "rtt_ns", NULL, &s->latency);
		s->error_bound_ns = bound_of(json_object_get(o, "rtt_ns"));
		s->resolution_ns = resolution_of(json_object_get(o, "rtt_ns"));
	} else {
		err = hist(r, "histogram_ns", "latency_ns", &outside, &s->latency);
		s->error_bound_ns = bound_of(json_object_get(o, "latency_ns"));
		s->resolution_ns = resolution_of(json_object_get(o, "latency_ns"));
	}
	if (err == 0) {
		err = hist(r, "forward_histogram_ns", "forward_ns", NULL, &s->forward);
	}
	if (err == 0) {
		err = hist(r, "backward_histogram_ns", "backward_ns", NULL, &s->backward);
	}
	s->forward_bound_ns = bound_of(json_object_get(o, "forward_ns"));
	if (err == 0 && !s->latency &&
		(r->doc->kind == WS_RUNDOC_LATENCY || r->doc->kind == WS_RUNDOC_TWO_WAY)) {
		ws_rundoc_note(r->doc, "runs[%u] has no histogram of its latencies", r->run);
	}
	return err;
}

static int gaps(const struct reading *r)
{
	struct ws_series *s = r->s;
	const char *pattern = ws_get_text(s->json, "pattern");
	double gap = ws_get_real(json_object_get(s->json, "gaps_ns"), "intended");

	if (!isfinite(gap) && s->requested_pps > 0 && (!pattern || strcmp(pattern, "cbr") == 0)) {
		gap = 1e9 / s->requested_pps;
	}
	if (gap >= 0 && gap < 1e18) {
		s->intended_gap_ns = llround(gap);
	}
	return hist(r, "gaps_histogram_ns", "gaps_ns", NULL, &s->gaps);
}

static int run_read(const struct reading *r)
{
	struct ws_series *s = r->s;
	const struct ws_place timeline = place_of(r->run, "timeline");
	const struct ws_place losses = place_of(r->run, "losses");
	int err;

	accounts(s, r->doc, r->run);
	rate_text(s, r->run);
	if (s->sent == UINT64_MAX && s->received == UINT64_MAX) {
		snprintf(r->why, r->why_size,
			"runs[%u] says neither what was sent nor what was received: the document is "
			"damaged",
			r->run);
		return -EBADMSG;
	}
	err = latencies(r);
	if (err == 0) {
		err = gaps(r);
	}
	if (err == 0) {
		err = ws_rundoc_timeline(
			r->doc, &timeline, json_object_get(s->json, "timeline"), &s->timeline);
	}
	if (err == 0) {
		err = ws_rundoc_losses(r->doc, &losses, json_object_get(s->json, "losses"), s);
	}
	return err;
}

/* An interface of a capture is a series, too: received, and lost in the kernel and in the program. */
static int interface_read(const struct reading *r)
{
	struct ws_series *s = r->s;
	const json_t *o = s->json;
	const uint64_t dropped[] = {
		ws_get_count(o, "dropped_kernel"), ws_get_count(o, "dropped_writer")};
	const char *name = ws_get_text(o, "name");

	ws_copy_text(s->rate, sizeof(s->rate), name ? name : "?");
	s->received = ws_get_count(o, "received");
	s->lost = sum_known(dropped, 2);
	s->accepted_pps = ws_get_real(o, "received_pps");
	s->balanced = ws_get_bool(o, "balanced", true);
	s->complete = ws_get_bool(r->doc->json, "complete", true);
	s->elapsed_ns = ws_get_integer(r->doc->json, "elapsed_ns", -1);
	return 0;
}

int ws_rundoc_fill(struct ws_rundoc *d, char *why, size_t why_size)
{
	const bool capture = d->kind == WS_RUNDOC_CAPTURE;
	const char *key = capture ? "interfaces" : "runs";
	const json_t *list = json_object_get(d->json, key);
	size_t n = json_array_size(list);
	unsigned i;
	int err = 0;

	if (!list && (d->kind == WS_RUNDOC_REFLECTOR || capture)) {
		ws_rundoc_note(d, "it has no %s: there is nothing to compare", key);
		return 0;
	}
	if (!json_is_array(list)) {
		snprintf(why, why_size, "lacks the list \"%s\": it is damaged", key);
		return -EBADMSG;
	}
	if (n > WS_RUNDOC_SERIES) {
		snprintf(why, why_size, "%zu %s are more than the %d that a report can have", n,
			key, WS_RUNDOC_SERIES);
		return -EFBIG;
	}
	if (n == 0) {
		ws_rundoc_note(
			d, capture ? "it watched no interface"
				   : "it has no runs: it was ended before the first was done");
		return 0;
	}
	d->series = calloc(n, sizeof(*d->series));
	if (!d->series) {
		return -ENOMEM;
	}
	for (i = 0; i < n && err == 0; i++) {
		const struct reading r = {d, &d->series[i], i, why, why_size};

		ws_series_init(&d->series[i], d);
		d->count = i + 1;
		d->series[i].json = json_array_get(list, i);
		if (!json_is_object(d->series[i].json)) {
			snprintf(why, why_size, "%s[%u] is no object: it is damaged", key, i);
			return -EBADMSG;
		}
		err = capture ? interface_read(&r) : run_read(&r);
	}
	return err;
}
