/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 4180: lines end with CR LF, and what has a comma, a quote or a line end in it stands in quotes. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/hgrm.h"
#include "report/set_own.h"

#define LEVEL 0.95

struct csv {
	FILE *out;
	bool any; /* in this line */
};

static void field(struct csv *c, const char *text)
{
	const char *at;

	if (c->any) {
		fputc(',', c->out);
	}
	c->any = true;
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, c->out);
		return;
	}
	fputc('"', c->out);
	for (at = text; *at; at++) {
		fputs(*at == '"' ? "\"\"" : (char[]){*at, '\0'}, c->out);
	}
	fputc('"', c->out);
}

static void line_end(struct csv *c)
{
	fputs("\r\n", c->out);
	c->any = false;
}

static void field_count(struct csv *c, uint64_t n)
{
	char text[24] = "";

	if (n != UINT64_MAX) {
		snprintf(text, sizeof(text), "%" PRIu64, n);
	}
	field(c, text);
}

static void field_ns(struct csv *c, bool known, int64_t ns)
{
	char text[24] = "";

	if (known) {
		snprintf(text, sizeof(text), "%" PRId64, ns);
	}
	field(c, text);
}

static void field_real(struct csv *c, double value)
{
	char text[40] = "";

	if (isfinite(value)) {
		snprintf(text, sizeof(text), "%.15g", value);
	}
	field(c, text);
}

static void field_bool(struct csv *c, bool value)
{
	field(c, value ? "true" : "false");
}

static void head_hist(struct csv *c, const char *prefix, bool intervals)
{
	static const char *const first[] = {"count", "min_ns", "mean_ns", "stddev_ns"};
	char name[64];
	size_t i;

	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		snprintf(name, sizeof(name), "%s_%s", prefix, first[i]);
		field(c, name);
	}
	for (i = 0; i < WS_SET_QUANTILES; i++) {
		snprintf(name, sizeof(name), "%s_%s_ns", prefix, ws_set_quantiles[i].name);
		field(c, name);
		if (intervals) {
			snprintf(name, sizeof(name), "%s_%s_low_ns", prefix,
				ws_set_quantiles[i].name);
			field(c, name);
			snprintf(name, sizeof(name), "%s_%s_high_ns", prefix,
				ws_set_quantiles[i].name);
			field(c, name);
		}
	}
	snprintf(name, sizeof(name), "%s_max_ns", prefix);
	field(c, name);
}

static void row_hist(struct csv *c, const struct ws_hist *h, bool intervals)
{
	bool any = h && h->count > 0, is_known;
	double value = NAN;
	int64_t ns = 0, low = 0, high = 0;
	size_t i;

	field_count(c, h ? h->count : UINT64_MAX);
	field_ns(c, any, any ? h->min : 0);
	field_real(c, any && ws_hist_mean(h, &value) ? value : NAN);
	field_real(c, any && ws_hist_stddev(h, &value) ? value : NAN);
	for (i = 0; i < WS_SET_QUANTILES; i++) {
		is_known = any && ws_hist_quantile(h, ws_set_quantiles[i].q, &ns);
		field_ns(c, is_known, ns);
		if (intervals) {
			is_known = is_known && ws_hist_quantile_interval(h, ws_set_quantiles[i].q,
						       LEVEL, &low, &high);
			field_ns(c, is_known, low);
			field_ns(c, is_known, high);
		}
	}
	field_ns(c, any, any ? h->max : 0);
}

static void head(struct csv *c)
{
	static const char *const names[] = {"label", "document", "path", "kind", "rate",
		"requested_pps", "accepted_pps", "planned", "sent", "received", "matched", "lost",
		"duplicated", "reordered", "late_arrivals", "unstamped", "complete", "balanced",
		"elapsed_ns", "error_bound_ns"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		field(c, names[i]);
	}
	head_hist(c, "latency", true);
	field(c, "ways_error_bound_ns");
	head_hist(c, "forward", false);
	head_hist(c, "backward", false);
	field(c, "intended_gap_ns");
	head_hist(c, "gap", false);
	line_end(c);
}

static void row(struct csv *c, const struct ws_series *s)
{
	field(c, s->label);
	field(c, s->doc->name);
	field(c, s->doc->path);
	field(c, ws_rundoc_kind_name(s->doc->kind));
	field(c, s->rate);
	field_real(c, s->requested_pps);
	field_real(c, s->accepted_pps);
	field_count(c, s->planned);
	field_count(c, s->sent);
	field_count(c, s->received);
	field_count(c, s->matched);
	field_count(c, s->lost);
	field_count(c, s->duplicated);
	field_count(c, s->reordered);
	field_count(c, s->late_arrivals);
	field_count(c, s->unstamped);
	field_bool(c, s->complete);
	field_bool(c, s->balanced);
	field_ns(c, s->elapsed_ns >= 0, s->elapsed_ns);
	field_ns(c, s->error_bound_ns >= 0, s->error_bound_ns);
	row_hist(c, s->latency, true);
	field_ns(c, s->forward_bound_ns >= 0, s->forward_bound_ns);
	row_hist(c, s->forward, false);
	row_hist(c, s->backward, false);
	field_ns(c, s->intended_gap_ns >= 0, s->intended_gap_ns);
	row_hist(c, s->gaps, false);
	line_end(c);
}

int ws_set_csv(FILE *out, const struct ws_report_set *set)
{
	struct csv c = {.out = out};
	unsigned i;

	head(&c);
	for (i = 0; i < set->count; i++) {
		row(&c, set->series[i]);
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

int ws_series_hgrm(FILE *out, const struct ws_series *s)
{
	return s->latency && s->latency->count > 0 ? ws_hgrm_write(out, s->latency) : -ENODATA;
}
