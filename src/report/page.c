/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
