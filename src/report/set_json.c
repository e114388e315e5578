/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/docsum.h"
#include "report/set_own.h"

static json_t *time_known(int64_t ns)
{
	return ns >= 0 ? ws_doc_integer(ns) : json_null();
}

struct listing {
	struct ws_doc *d;
	json_t *list;
};

static void list_verdict(void *arg, const struct ws_verdict *v)
{
	static const char *const tones[] = {
		[WS_TONE_PLAIN] = "plain", [WS_TONE_CAUTION] = "caution", [WS_TONE_BAD] = "bad"};
	const struct listing *l = arg;
	json_t *o = json_object();

	ws_doc_put(l->d, o, "tone", ws_doc_string(tones[v->tone]));
	ws_doc_put(l->d, o, "about", ws_doc_string(v->label));
	ws_doc_put(l->d, o, "text", ws_doc_string(v->text));
	ws_doc_add(l->d, l->list, o);
}

static json_t *copy_of(const struct ws_rundoc *doc, const char *key)
{
	json_t *value = json_object_get(doc->json, key);

	return value ? json_deep_copy(value) : json_null();
}

static json_t *document(struct ws_doc *d, const struct ws_rundoc *doc)
{
	static const char *const copied[] = {
		"version", "command", "mode", "argv", "started", "host"};
	const struct listing verdicts = {d, json_array()};
	json_t *o = json_object();
	size_t i;

	ws_doc_put(d, o, "name", ws_doc_string(doc->name));
	ws_doc_put(d, o, "path", ws_doc_string(doc->path));
	ws_doc_put(d, o, "kind", ws_doc_string(ws_rundoc_kind_name(doc->kind)));
	for (i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		ws_doc_put(d, o, copied[i], copy_of(doc, copied[i]));
	}
	ws_rundoc_verdicts(doc, list_verdict, (void *)(uintptr_t)&verdicts);
	ws_doc_put(d, o, "verdicts", verdicts.list);
	return o;
}

static unsigned document_index(const struct ws_report_set *set, const struct ws_rundoc *doc)
{
	unsigned i;

	for (i = 0; i < set->doc_count && set->docs[i] != doc; i++) {
	}
	return i;
}

static json_t *series(struct ws_doc *d, const struct ws_report_set *set, const struct ws_series *s)
{
	const struct listing verdicts = {d, json_array()};
	json_t *o = json_object();

	ws_doc_put(d, o, "label", ws_doc_string(s->label));
	ws_doc_put(d, o, "document", ws_doc_integer(document_index(set, s->doc)));
	ws_doc_put(d, o, "run", ws_doc_integer(s - s->doc->series));
	ws_doc_put(d, o, "rate", ws_doc_known(s->rate));
	ws_doc_put(d, o, "requested_pps", ws_doc_real(s->requested_pps));
	ws_doc_put(d, o, "accepted_pps", ws_doc_real(s->accepted_pps));
	ws_doc_put(d, o, "planned", ws_doc_count(s->planned));
	ws_doc_put(d, o, "sent", ws_doc_count(s->sent));
	ws_doc_put(d, o, "received", ws_doc_count(s->received));
	ws_doc_put(d, o, "matched", ws_doc_count(s->matched));
	ws_doc_put(d, o, "lost", ws_doc_count(s->lost));
	ws_doc_put(d, o, "duplicated", ws_doc_count(s->duplicated));
	ws_doc_put(d, o, "reordered", ws_doc_count(s->reordered));
	ws_doc_put(d, o, "late_arrivals", ws_doc_count(s->late_arrivals));
	ws_doc_put(d, o, "unstamped", ws_doc_count(s->unstamped));
	ws_doc_put(d, o, "complete", json_boolean(s->complete));
	ws_doc_put(d, o, "balanced", json_boolean(s->balanced));
	ws_doc_put(d, o, "elapsed_ns", time_known(s->elapsed_ns));
	ws_doc_put(d, o, "latency_ns",
		ws_doc_latency(d, s->latency, s->error_bound_ns, s->resolution_ns));
	ws_doc_put(d, o, "forward_ns",
		ws_doc_latency(d, s->forward, s->forward_bound_ns, s->resolution_ns));
	ws_doc_put(d, o, "backward_ns",
		ws_doc_latency(d, s->backward, s->forward_bound_ns, s->resolution_ns));
	ws_doc_put(d, o, "intended_gap_ns", time_known(s->intended_gap_ns));
	ws_doc_put(d, o, "gaps_ns", ws_doc_latency(d, s->gaps, -1, 0));
	ws_series_verdicts(s, list_verdict, (void *)(uintptr_t)&verdicts);
	ws_doc_put(d, o, "verdicts", verdicts.list);
	return o;
}

static const char *verdict_name(int verdict)
{
	return verdict < 0 ? "faster" : verdict > 0 ? "slower" : "not distinguishable";
}

static json_t *pair(struct ws_doc *d, const struct ws_comparison *c)
{
	json_t *o = json_object(), *rows = json_object();
	unsigned i;

	for (i = 0; i < c->count; i++) {
		const struct ws_hist_difference *x = &c->row[i].d;
		json_t *row = json_object();

		ws_doc_put(d, row, "a", ws_doc_integer(x->a));
		ws_doc_put(d, row, "b", ws_doc_integer(x->b));
		ws_doc_put(d, row, "difference", ws_doc_integer(x->difference));
		ws_doc_put(d, row, "confidence", ws_doc_interval(d, true, x->low, x->high));
		ws_doc_put(d, row, "error_bound", time_known(c->row[i].bound_ns));
		ws_doc_put(d, row, "verdict", ws_doc_string(verdict_name(c->row[i].verdict)));
		ws_doc_put(d, rows, c->row[i].name, row);
	}
	ws_doc_put(d, o, "a", ws_doc_string(c->a->label));
	ws_doc_put(d, o, "b", ws_doc_string(c->b->label));
	ws_doc_put(d, o, "latency_ns", rows);
	ws_doc_put(d, o, "sentence", ws_doc_string(c->sentence));
	ws_doc_put(d, o, "warning", ws_doc_known(c->warning));
	return o;
}

static int comparison(struct ws_doc *d, const struct ws_report_set *set, json_t **ret)
{
	struct ws_comparisons *c;
	json_t *o, *pairs;
	unsigned i;
	int r;

	if (!set->compare) {
		*ret = json_null();
		return 0;
	}
	r = ws_comparisons_new(&c, set);
	if (r < 0) {
		return r;
	}
	o = json_object();
	pairs = json_array();
	for (i = 0; i < c->count; i++) {
		ws_doc_add(d, pairs, pair(d, &c->pair[i]));
	}
	ws_doc_put(d, o, "pairs", pairs);
	ws_doc_put(d, o, "alone", ws_doc_known(c->alone));
	ws_doc_put(d, o, "verdict",
		c->count > 0 ? ws_doc_string(verdict_name(c->verdict)) : json_null());
	ws_doc_put(d, o, "sentence", ws_doc_string(c->sentence));
	ws_comparisons_free(c);
	*ret = o;
	return 0;
}

int ws_set_json(FILE *out, const struct ws_report_set *set)
{
	json_t *o = json_object(), *docs = json_array(), *list = json_array(), *compared;
	struct ws_doc d = {0};
	unsigned i;

	ws_doc_put(&d, o, "format", json_string("wirestamp-report/1"));
	for (i = 0; i < set->doc_count; i++) {
		ws_doc_add(&d, docs, document(&d, set->docs[i]));
	}
	for (i = 0; i < set->count; i++) {
		ws_doc_add(&d, list, series(&d, set, set->series[i]));
	}
	ws_doc_put(&d, o, "documents", docs);
	ws_doc_put(&d, o, "series", list);
	if (comparison(&d, set, &compared) < 0) {
		json_decref(o);
		return -ENOMEM;
	}
	ws_doc_put(&d, o, "comparison", compared);
	return ws_doc_print(&d, o, out);
}
