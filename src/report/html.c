/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/html.h"
#include "report/figure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void ws_html_text(struct ws_html *h, const char *text)
{
	/* jansson knows which bytes are UTF-8. */
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t len = 1, i;
		json_t *valid;

		switch (*p) {
		case '&':
			fputs("&amp;", h->out);
			break;
		case '<':
			fputs("&lt;", h->out);
			break;
		case '>':
			fputs("&gt;", h->out);
			break;
		case '"':
			fputs("&quot;", h->out);
			break;
		case '\'':
			fputs("&#39;", h->out);
			break;
		default:
			if (*p < 0x80) {
				fputc(*p < ' ' || *p == 0x7f ? ' ' : *p, h->out);
				break;
			}
			len = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
			for (i = 1; i < len && p[i]; i++) {
			}
			valid = i == len ? json_stringn((const char *)p, len) : NULL;
			if (valid && !(p[0] == 0xc2 && p[1] < 0xa0)) {
				fwrite(p, 1, len, h->out);
			} else {
				len = 1;
				fputs("\xef\xbf\xbd", h->out);
			}
			json_decref(valid);
		}
		p += len;
	}
}

void ws_html_print(struct ws_html *h, const char *format, ...)
{
	char text[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ws_html_text(h, text);
}

struct telling {
	struct ws_html *html;
	const char *who;
	enum ws_tone tone;
	unsigned count;
};

static void tell(void *arg, const struct ws_verdict *v)
{
	static const char *const classes[] = {"plain", "caution", "bad"};
	struct telling *t = arg;

	if (v->tone != t->tone) {
		return;
	}
	t->count++;
	fprintf(t->html->out, "<li class=\"%s\"><strong>", classes[v->tone]);
	ws_html_text(t->html, t->who);
	fputs("</strong> ", t->html->out);
	ws_html_print(t->html, "%s: %s", v->label, v->text);
	fputs("</li>\n", t->html->out);
}

static unsigned tell_all(struct ws_html *h, enum ws_tone tone)
{
	struct telling t = {.html = h, .tone = tone};
	unsigned i;

	for (i = 0; i < h->set->doc_count; i++) {
		t.who = h->set->docs[i]->name;
		ws_rundoc_verdicts(h->set->docs[i], tell, &t);
	}
	for (i = 0; i < h->set->count; i++) {
		t.who = h->set->series[i]->label;
		ws_series_verdicts(h->set->series[i], tell, &t);
	}
	return t.count;
}

/* A load, a half of a run and an imported histogram say nothing of what arrived. */
static bool losses_are_known(const struct ws_html *h)
{
	unsigned i;

	for (i = 0; i < h->set->count; i++) {
		enum ws_rundoc_kind kind = h->set->series[i]->doc->kind;

		if (kind != WS_RUNDOC_LATENCY && kind != WS_RUNDOC_TWO_WAY) {
			return false;
		}
	}
	return h->set->count > 0;
}

/* The worst first; what is only good to know can be opened where there is much of it. */
static void verdicts(struct ws_html *h)
{
	unsigned count;

	fputs("<section aria-labelledby=\"verdict\"><h2 id=\"verdict\">Verdict</h2>\n<ul "
	      "class=\"verdicts\">\n",
		h->out);
	count = tell_all(h, WS_TONE_BAD);
	count += tell_all(h, WS_TONE_CAUTION);
	if (count == 0) {
		fprintf(h->out, "<li class=\"good\">%s stands against these figures.</li>\n",
			losses_are_known(h) ? "Nothing was lost, and nothing" : "Nothing");
	}
	fputs("</ul>\n", h->out);
	fprintf(h->out, "<details%s><summary>Observations</summary>\n<ul class=\"verdicts\">\n",
		h->set->count <= 6 ? " open" : "");
	if (tell_all(h, WS_TONE_PLAIN) == 0) {
		fputs("<li class=\"plain\">None.</li>\n", h->out);
	}
	fputs("</ul></details>\n</section>\n", h->out);
}

static void head(struct ws_html *h)
{
	char light[8], dark[8];
	unsigned i;

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
		h->out);
	for (i = 0; i < h->set->doc_count && i < 3; i++) {
		ws_html_print(h, "%s%s", i > 0 ? ", " : "", h->set->docs[i]->name);
	}
	fputs(" - wirestamp</title>\n<style>\n:root{", h->out);
	for (i = 0; i < WS_COLOURS; i++) {
		fprintf(h->out, "--c%u:%s;", i, ws_colour(light, i, false));
	}
	fputs("}\n@media screen and (prefers-color-scheme:dark){:root{", h->out);
	for (i = 0; i < WS_COLOURS; i++) {
		fprintf(h->out, "--c%u:%s;", i, ws_colour(dark, i, true));
	}
	fprintf(h->out, "}}\n%s</style>\n</head>\n<body>\n<main>\n", ws_html_style);
}

static void title(struct ws_html *h)
{
	unsigned i;

	fputs("<header>\n<h1>wirestamp report</h1>\n<p>", h->out);
	for (i = 0; i < h->set->doc_count; i++) {
		ws_html_print(h, "%s%s", i > 0 ? ", " : "", h->set->docs[i]->name);
	}
	fputs("</p>\n</header>\n", h->out);
}

int ws_set_html(FILE *out, const struct ws_report_set *set, const char *version)
{
	struct ws_html h = {.out = out, .set = set};
	int r;

	head(&h);
	title(&h);
	verdicts(&h);
	if (set->compare) {
		r = ws_html_comparison(&h);
		if (r < 0) {
			return r;
		}
	}
	ws_html_summary(&h);
	r = ws_html_figures(&h);
	if (r < 0) {
		return r;
	}
	ws_html_measured(&h);
	fputs("</main>\n<footer>Made by wirestamp ", out);
	ws_html_text(&h, version);
	fputs("</footer>\n</body>\n</html>\n", out);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
