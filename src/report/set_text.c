/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "report/docget.h"
#include "report/set_own.h"

#define NAME_WIDTH 24

static const char *const tone_inks[] = {
	[WS_TONE_PLAIN] = NULL, [WS_TONE_CAUTION] = WS_INK_YELLOW, [WS_TONE_BAD] = WS_INK_RED};

static void add_endpoint(struct ws_text *t, const char *before, const json_t *end)
{
	const char *name = ws_get_text(end, "name"), *driver = ws_get_text(end, "driver");

	if (name) {
		ws_text_add(t, "%s%s", before, name);
		if (driver) {
			ws_text_add(t, " (%s)", driver);
		}
	}
}

/* What was measured, where and when, in a line. */
static void document(struct ws_page *p, const struct ws_rundoc *d)
{
	const json_t *host = json_object_get(d->json, "host");
	const char *hostname = ws_get_text(host, "hostname"), *kernel = ws_get_text(host, "kernel");
	const char *started = ws_get_text(d->json, "started"), *io = ws_get_text(d->json, "io");
	const char *version = ws_get_text(d->json, "version");
	const char *mode = ws_get_text(d->json, "mode");
	const char *far = ws_get_text(json_object_get(d->json, "peer"), "address");
	struct ws_text t = {0};

	ws_page_print(p, WS_INK_BOLD, d->name);
	ws_text_add(&t, "%s", ws_rundoc_kind_name(d->kind));
	if (mode && strcmp(mode, "joined") == 0) {
		ws_text_add(&t, " (joined)");
	}
	add_endpoint(&t, " from ", json_object_get(d->json, "tx"));
	if (d->kind == WS_RUNDOC_TWO_WAY && far) {
		ws_text_add(&t, " to %s", far);
	} else {
		add_endpoint(&t, " to ", json_object_get(d->json, "rx"));
	}
	if (ws_get_bool(d->json, "lab", false)) {
		ws_text_add(&t, ", the lab's private pair");
	}
	if (io) {
		ws_text_add(&t, ", backend %s", io);
	}
	if (hostname) {
		ws_text_add(&t, ", on %s", hostname);
	}
	if (kernel) {
		ws_text_add(&t, ", kernel %s", kernel);
	}
	if (version) {
		ws_text_add(&t, ", wirestamp %s", version);
	}
	if (started) {
		/* To the second: the fraction is for machines. */
		ws_text_add(&t, ", %.*sZ", (int)strcspn(started, ".Z"), started);
	}
	fputs("  ", p->out);
	ws_page_wrap(p, NULL, ws_page_width(d->name) + 2, 2, t.buf);
}

struct speaker {
	struct ws_page *page;
	const char *name;
};

static void speak(void *arg, const struct ws_verdict *v)
{
	const struct speaker *s = arg;

	ws_page_entry(s->page, tone_inks[v->tone], v->label, s->name, v->text);
}

static void verdicts(struct ws_page *p, const struct ws_report_set *set)
{
	unsigned i;

	for (i = 0; i < set->count; i++) {
		struct speaker s = {p, set->count > 1 ? set->series[i]->label : NULL};

		ws_series_verdicts(set->series[i], speak, &s);
	}
	for (i = 0; i < set->doc_count; i++) {
		struct speaker s = {p, set->doc_count > 1 ? set->docs[i]->name : NULL};

		ws_rundoc_verdicts(set->docs[i], speak, &s);
	}
}

static int comparison(struct ws_page *p, const struct ws_report_set *set)
{
	struct ws_comparisons *c;
	unsigned i;
	int r;

	r = ws_comparisons_new(&c, set);
	if (r < 0) {
		return r;
	}
	fputc('\n', p->out);
	ws_page_print(p, WS_INK_BOLD, "comparison");
	fputs("  ", p->out);
	ws_page_wrap(p, WS_INK_BOLD, 12, 2, c->sentence);
	for (i = 0; i < c->count; i++) {
		fputs("  ", p->out);
		ws_page_wrap(p, NULL, 2, 4, c->pair[i].sentence);
		if (c->pair[i].warning[0]) {
			fputs("    ", p->out);
			ws_page_wrap(p, WS_INK_YELLOW, 4, 4, c->pair[i].warning);
		}
	}
	if (c->alone[0]) {
		fputs("  ", p->out);
		ws_page_wrap(p, WS_INK_YELLOW, 2, 4, c->alone);
	}
	if (set->doc_count > 2) {
		fputs("  ", p->out);
		ws_page_wrap(p, WS_INK_YELLOW, 2, 4, "only the first two documents are compared");
	}
	ws_comparisons_free(c);
	return 0;
}

int ws_set_text(FILE *out, const struct ws_report_set *set, const struct ws_text_style *style)
{
	struct ws_page p = {.out = out, .colour = style->colour, .columns = style->columns};
	unsigned i, width;
	int r;

	for (i = 0; i < set->count && set->count > 1; i++) {
		width = ws_page_width(set->series[i]->label);
		p.rate_width = width > p.rate_width ? width : p.rate_width;
	}
	p.rate_width = p.rate_width < NAME_WIDTH ? p.rate_width : NAME_WIDTH;
	for (i = 0; i < set->doc_count; i++) {
		document(&p, set->docs[i]);
	}
	fputc('\n', out);
	if (set->count == 0) {
		ws_page_wrap(&p, WS_INK_YELLOW, 0, 0,
			set->doc_count == 0
				? "There are no runs to report."
				: "There is nothing to report: no document has any run.");
	}
	r = ws_set_tables(&p, set);
	if (r == 0) {
		r = ws_set_plots(&p, set);
	}
	if (r < 0) {
		return r;
	}
	verdicts(&p, set);
	if (set->compare) {
		r = comparison(&p, set);
		if (r < 0) {
			return r;
		}
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
