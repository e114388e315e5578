/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define COLUMNS_MIN	60
#define COLUMNS_MAX	200
#define COLUMNS_DEFAULT 100
#define LABEL_WIDTH	9 /* of "ledger", "warning" and the like */

struct ws_text_style ws_text_style_for(FILE *stream)
{
	struct ws_text_style style = {.colour = false, .columns = COLUMNS_DEFAULT};
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;
	int fd = fileno(stream);

	if (fd < 0 || !isatty(fd)) {
		return style;
	}
	style.colour = !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		style.columns = size.ws_col;
	}
	if (style.columns < COLUMNS_MIN) {
		style.columns = COLUMNS_MIN;
	} else if (style.columns > COLUMNS_MAX) {
		style.columns = COLUMNS_MAX;
	}
	return style;
}

void ws_page_ink_on(struct ws_page *p, const char *ink)
{
	if (p->colour && ink) {
		fprintf(p->out, "\033[%sm", ink);
	}
}

void ws_page_ink_off(struct ws_page *p, const char *ink)
{
	if (p->colour && ink) {
		fputs("\033[0m", p->out);
	}
}

void ws_page_print(struct ws_page *p, const char *ink, const char *text)
{
	ws_page_ink_on(p, ink);
	fputs(text, p->out);
	ws_page_ink_off(p, ink);
}

/* Characters are taken to be one column wide. */
static unsigned width_of(const char *text, size_t bytes)
{
	unsigned width = 0;
	size_t i;

	for (i = 0; i < bytes; i++) {
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	}
	return width;
}

unsigned ws_page_width(const char *text)
{
	return width_of(text, strlen(text));
}

/* One byte of a name or message that others made: nothing of it may steer the terminal. */
static void put_byte(struct ws_page *p, char byte)
{
	fputc((unsigned char)byte < 0x20 || byte == 0x7f ? '?' : byte, p->out);
}

void ws_page_wrap(
	struct ws_page *p, const char *ink, unsigned at, unsigned indent, const char *text)
{
	unsigned column = at;
	bool first = true;

	ws_page_ink_on(p, ink);
	while (*text) {
		size_t bytes = strcspn(text, " ");
		unsigned width = width_of(text, bytes);
		size_t i;

		if (!first && column + 1 + width > p->columns) {
			fprintf(p->out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', p->out);
			column++;
		}
		for (i = 0; i < bytes; i++) {
			unsigned wide = width_of(text + i, 1);

			if (column + wide > p->columns) { /* a word longer than a line */
				fprintf(p->out, "\n%*s", (int)indent, "");
				column = indent;
			}
			put_byte(p, text[i]);
			column += wide;
		}
		first = false;
		text += bytes;
		text += strspn(text, " ");
	}
	ws_page_ink_off(p, ink);
	fputc('\n', p->out);
}

void ws_page_entry(
	struct ws_page *p, const char *ink, const char *label, const char *rate, const char *text)
{
	unsigned indent = LABEL_WIDTH;

	ws_page_print(p, WS_INK_BOLD, label);
	fprintf(p->out, "%*s", (int)(LABEL_WIDTH - strlen(label)), "");
	if (rate) {
		fprintf(p->out, "%-*s  ", (int)p->rate_width, rate);
		indent += p->rate_width + 2;
	}
	ws_page_wrap(p, ink, indent, indent, text);
}

void ws_text_add(struct ws_text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, format, args);
	va_end(args);
	if (n > 0) {
		t->len += (size_t)n;
	}
	if (t->len >= sizeof(t->buf)) {
		t->len = sizeof(t->buf) - 1;
	}
}

void ws_page_rate(char buf[WS_CELL_SIZE], const struct ws_run_result *run)
{
	ws_format_rate(buf, WS_CELL_SIZE, &run->rate);
}

void ws_page_endpoint(struct ws_text *t, const struct ws_endpoint *e)
{
	ws_text_add(t, "%s", e->name);
	if (e->driver[0]) {
		ws_text_add(t, " (%s)", e->driver);
	}
}

void ws_page_host(
	struct ws_page *p, const char *version, const struct ws_host_facts *h, const char *started)
{
	struct ws_text t = {0};

	ws_text_add(&t, "wirestamp %s on %s", version ? version : "-", h->hostname);
	if (h->kernel[0]) {
		ws_text_add(&t, ", kernel %s %s", h->kernel, h->arch);
	}
	if (h->clocksource[0]) {
		ws_text_add(&t, ", clocksource %s", h->clocksource);
	}
	if (h->governor[0]) {
		ws_text_add(&t, ", governor %s", h->governor);
	}
	if (started[0]) {
		/* To the second: the fraction is for machines. */
		ws_text_add(&t, ", %.*sZ", (int)strcspn(started, ".Z"), started);
	}
	ws_page_wrap(p, WS_INK_DIM, 0, 2, t.buf);
	fputc('\n', p->out);
}

const char *ws_page_hue(size_t n)
{
	/* Red and yellow already mean something. */
	static const char *const hues[] = {"36", "35", "32", "34", "96", "95", "92", "94"};

	return hues[n % ARRAY_SIZE(hues)];
}

void ws_page_plot_line(struct ws_page *p, const struct ws_plot_line *line, const char *hue)
{
	char faint[16];
	const char *inks[] = {[WS_PLOT_BAR] = hue,
		[WS_PLOT_FAINT] = faint,
		[WS_PLOT_RULE] = WS_INK_DIM,
		[WS_PLOT_MARK] = hue,
		[WS_PLOT_LABEL] = NULL,
		[WS_PLOT_BLANK] = NULL};
	enum ws_plot_ink ink = WS_PLOT_BLANK;
	unsigned i, end = line->columns;

	snprintf(faint, sizeof(faint), WS_INK_DIM ";%s", hue ? hue : "39");
	while (end > 0 && line->cells[end - 1].ink == WS_PLOT_BLANK) {
		end--;
	}
	if (end == 0) {
		return;
	}
	for (i = 0; i < end; i++) {
		if (line->cells[i].ink != ink) {
			ws_page_ink_off(p, inks[ink]);
			ink = line->cells[i].ink;
			ws_page_ink_on(p, inks[ink]);
		}
		fputs(line->cells[i].glyph, p->out);
	}
	ws_page_ink_off(p, inks[ink]);
	fputc('\n', p->out);
}

bool ws_page_limit(struct ws_page *p, const char *label, const char *rate, const struct ws_limit *l)
{
	struct ws_text t = {0};
	size_t n;

	if (!l->cause || strcmp(l->cause, "none") == 0) {
		return false;
	}
	ws_text_add(&t, "%s", l->cause);
	if (l->why[0]) {
		ws_text_add(&t, ": %s", l->why);
	}
	for (n = 0; n < ARRAY_SIZE(l->try) && l->try[n]; n++) {
		ws_text_add(&t, "%s%s", n == 0 ? " (try: " : "; ", l->try[n]);
	}
	ws_text_add(&t, "%s", n > 0 ? ")" : "");
	ws_page_entry(p, WS_INK_YELLOW, label, rate, t.buf);
	return true;
}

void ws_page_warnings(struct ws_page *p, const struct ws_warnings *w)
{
	char text[64];
	unsigned i;

	for (i = 0; i < w->count; i++) {
		ws_page_entry(p, WS_INK_YELLOW, "warning", NULL, w->text[i]);
	}
	if (w->dropped > 0) {
		snprintf(text, sizeof(text), "%u more were not kept", w->dropped);
		ws_page_entry(p, WS_INK_YELLOW, "warning", NULL, text);
	}
}
