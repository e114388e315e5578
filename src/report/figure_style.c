/* SPDX-License-Identifier: BSD-2-Clause */
/* How figures look: colours, fonts, texts, legends. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

#define FONT_SIZE 15
#define KEY_ROW	  (FONT_SIZE * 7 / 5) /* height of a row of the legend */
#define KEY_FIRST 10		      /* number of its first label and arrow */
#define KEY_LINE  6		      /* characters that the line beside a text takes */

const char *ws_colour(char buf[8], unsigned n, bool dark)
{
	/* The kinds are those of Okabe and Ito (Color Universal Design), without yellow, which cannot be seen on
	 * paper, and lighter for dark screens. */
	static const char *const plain[2][WS_COLOUR_FIRST + WS_COLOUR_KINDS] = {
		{"#ffffff", "#1f2328", "#8c959f", "#e6e8eb", "#d1242f", "#0072b2", "#d55e00",
			"#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6e7781"},
		{"#14171a", "#e6e8ea", "#7d868f", "#2d3238", "#ff6b6b", "#4c9fdb", "#f08045",
			"#2bbf94", "#e29cc4", "#f0b93a", "#8fd0f5", "#b4bbc2"},
	};
	/* viridis (matplotlib), every eighth of it. */
	static const uint8_t viridis[9][3] = {{0x44, 0x01, 0x54}, {0x47, 0x2d, 0x7b},
		{0x3b, 0x52, 0x8b}, {0x2c, 0x72, 0x8e}, {0x21, 0x91, 0x8c}, {0x28, 0xae, 0x80},
		{0x5e, 0xc9, 0x62}, {0xad, 0xdc, 0x30}, {0xfd, 0xe7, 0x25}};
	const unsigned first = WS_COLOUR_FIRST + WS_COLOUR_KINDS;
	double at, part;
	unsigned c, i, rgb[3];

	if (n < first) {
		memcpy(buf, plain[dark][n], 8);
		return buf;
	}
	/* The ends that the background swallows are left out. */
	at = (n - first) / (double)(WS_FIGURE_DRAWN - 1);
	at = fmin(fmax(dark ? 0.35 + 0.65 * at : 0.9 * at, 0), 1) * 8;
	i = at < 7 ? (unsigned)at : 7;
	part = at - i;
	for (c = 0; c < 3; c++) {
		rgb[c] = (unsigned)lround(
			viridis[i][c] + part * ((int)viridis[i + 1][c] - (int)viridis[i][c]));
	}
	snprintf(buf, 8, "#%02x%02x%02x", rgb[0] & 0xff, rgb[1] & 0xff, rgb[2] & 0xff);
	return buf;
}

/* A character is taken for 0.6 of the font's size. */
static unsigned key_across(unsigned entries, unsigned columns)
{
	unsigned across = (WS_FIGURE_WIDTH - 40) / ((columns + KEY_LINE) * FONT_SIZE * 6 / 10);

	unsigned rows;

	across = across < 1 ? 1 : across;
	rows = (entries + across - 1) / across;
	return (entries + rows - 1) / rows;
}

void ws_figure_begin(
	struct ws_figure_script *s, unsigned height, unsigned entries, unsigned columns)
{
	static const char font[] = "noenhanced font 'sans-serif,15'";
	char paper[8], ink[8], faint[8], grid[8];

	s->key_across = entries > 0 ? key_across(entries, columns) : 1;
	s->key_column = (columns + KEY_LINE) * FONT_SIZE * 6 / 10;
	s->key_rows = (entries + s->key_across - 1) / s->key_across;
	height += s->key_rows * KEY_ROW;
	s->height = height;
	ws_colour(paper, WS_COLOUR_PAPER, s->dark);
	ws_colour(ink, WS_COLOUR_INK, s->dark);
	ws_colour(faint, WS_COLOUR_FAINT, s->dark);
	ws_colour(grid, WS_COLOUR_GRID, s->dark);
	switch (s->format) {
	case WS_FORMAT_SVG:
		fprintf(s->out, "set terminal svg size %d,%u %s background '%s'\n", WS_FIGURE_WIDTH,
			height, font, paper);
		break;
	case WS_FORMAT_PNG:
		fprintf(s->out,
			"set terminal pngcairo size %d,%u %s background '%s' fontscale 1.5 "
			"linewidth 2 pointscale 2\n",
			2 * WS_FIGURE_WIDTH, 2 * height, font, paper);
		break;
	case WS_FORMAT_PDF:
		fprintf(s->out,
			"set terminal pdfcairo size %.2fin,%.2fin %s background '%s' fontscale "
			"0.9\n",
			WS_FIGURE_WIDTH / 72.0, height / 72.0, font, paper);
		break;
	}
	fprintf(s->out,
		"set border 3 linecolor rgb '%s'\n"
		"set tics out nomirror scale 0.6,0.3 textcolor rgb '%s'\n"
		"set grid xtics ytics linetype 1 linewidth 1 linecolor rgb '%s'\n"
		"set title textcolor rgb '%s'\n"
		"set xlabel textcolor rgb '%s'\n"
		"set ylabel textcolor rgb '%s'\n"
		"unset key\n",
		faint, ink, grid, ink, ink, ink);
	fprintf(s->out, "set bmargin at screen %.5g\nset xlabel offset 0,0.4\nset rmargin 5\n",
		(s->key_rows * KEY_ROW + 72.0) / height);
}

/* gnuplot's own legends estimate the width of texts by their number of bytes, and meet labels of axes. */
void ws_figure_key(struct ws_figure_script *s, const char *text, unsigned colour, unsigned dash,
	double line_width)
{
	unsigned k = s->key_next++, column = k % s->key_across, row = k / s->key_across;
	double left = (WS_FIGURE_WIDTH - (double)s->key_across * s->key_column) / 2;
	double x = (left > 0 ? left : 0) + column * (double)s->key_column + 10;
	double y = ((double)(s->key_rows - row) * KEY_ROW - 3) / s->height;
	char ink[8];

	fprintf(s->out,
		"set arrow %u from screen %.5g, screen %.5g to screen %.5g, screen %.5g nohead front "
		"linewidth %g dashtype %u linecolor rgb '%s'\nset label %u ",
		KEY_FIRST + k, x / WS_FIGURE_WIDTH, y, (x + 28) / WS_FIGURE_WIDTH, y, line_width,
		dash, ws_colour(ink, colour, s->dark), KEY_FIRST + k);
	ws_figure_quote(s->out, text, WS_LABEL_COLUMNS, false);
	fprintf(s->out, " at screen %.5g, screen %.5g left front textcolor rgb '%s'\n",
		(x + 36) / WS_FIGURE_WIDTH, y, ws_colour(ink, WS_COLOUR_INK, s->dark));
}

void ws_figure_heading(
	struct ws_figure_script *s, unsigned label, const char *text, double left, double bottom)
{
	char ink[8];

	fprintf(s->out, "set label %u ", label);
	ws_figure_quote(s->out, text, 60, false);
	fprintf(s->out, " at screen %.5g, screen %.5g left textcolor rgb '%s'\n",
		left / WS_FIGURE_WIDTH, bottom / s->height, ws_colour(ink, WS_COLOUR_INK, s->dark));
}

/* Bytes of the character at p, 0 if it is no UTF-8 (RFC 3629). */
static unsigned utf8_length(const unsigned char *p)
{
	unsigned len, i;
	uint32_t c;

	if (p[0] < 0x80) {
		return 1;
	}
	len = p[0] >= 0xf0 && p[0] < 0xf5   ? 4
	      : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	      : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
					    : 0;
	c = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
		(len == 4 && (c < 0x10000 || c > 0x10ffff))) {
		return 0;
	}
	return len;
}

static unsigned characters(const char *text)
{
	unsigned n = 0;

	for (; *text; n++) {
		unsigned len = utf8_length((const unsigned char *)text);

		text += len > 0 ? len : 1;
	}
	return n;
}

/* Within double quotes gnuplot looks for backslashes and backquotes, and elsewhere for @ and $. */
static void put_character(FILE *out, const char *p, unsigned len, bool tick)
{
	unsigned char c = (unsigned char)p[0];

	if (len == 0) {
		fputc('?', out);
	} else if (len > 1) {
		/* U+0080 to U+009F are controls, too. */
		if (c == 0xc2 && (unsigned char)p[1] < 0xa0) {
			fputc(' ', out);
		} else {
			fwrite(p, 1, len, out);
		}
	} else if (c < ' ' || c == 0x7f) {
		fputc(' ', out);
	} else if (strchr("\\\"`@$", c)) {
		fprintf(out, "\\%03o", c);
	} else if (c == '%' && tick) {
		fputs("%%", out);
	} else {
		fputc(c, out);
	}
}

void ws_figure_quote(FILE *out, const char *text, unsigned columns, bool tick)
{
	unsigned n = characters(text), i, len, head, tail;

	/* More of the end than of the beginning: that is where the rate stands. */
	head = columns > 0 && n > columns ? (columns - 1) / 2 : n;
	tail = columns > 0 && n > columns ? columns - 1 - head : 0;
	fputc('"', out);
	for (i = 0; *text; i++) {
		len = utf8_length((const unsigned char *)text);
		if (i < head || i >= n - tail) {
			put_character(out, text, len, tick);
		} else if (i == head) {
			fputs("\xe2\x80\xa6", out);
		}
		text += len > 0 ? len : 1;
	}
	fputc('"', out);
}

void ws_figure_title(struct ws_figure_script *s, const char *text)
{
	char title[200];

	if (s->able > s->count) {
		snprintf(title, sizeof(title), "%s (%u of %u series)", text, s->count, s->able);
	} else if (s->count == 1) {
		snprintf(title, sizeof(title), "%s: %s", text, s->drawn[0]->label);
	} else {
		snprintf(title, sizeof(title), "%s", text);
	}
	fputs("set title ", s->out);
	ws_figure_quote(s->out, title, 60, false);
	fputc('\n', s->out);
}

void ws_figure_line(struct ws_figure_script *s, unsigned n)
{
	char colour[8];

	fprintf(s->out, " linecolor rgb '%s' dashtype %u", ws_colour(colour, s->colour[n], s->dark),
		s->dash[n]);
}

unsigned ws_figure_label_columns(const struct ws_figure_script *s)
{
	unsigned i, most = 0;

	for (i = 0; i < s->count; i++) {
		unsigned n = characters(s->drawn[i]->label);

		n = n < WS_LABEL_COLUMNS ? n : WS_LABEL_COLUMNS;
		most = n > most ? n : most;
	}
	return most;
}
