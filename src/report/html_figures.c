/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures as a part of the page. */
#include "report/figure.h"
#include "report/html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is in front of the next character c, and it. */
static const char *after(const char *p, const char *what)
{
	const char *found = strstr(p, what);

	return found ? found + strlen(what) : p + strlen(p);
}

/* A colour of the script's becomes the page's variable for it, so that one picture does for light and dark. */
static bool put_colour(FILE *out, const char *p, bool dark, const char **ret_end)
{
	unsigned r, g, b, i;
	char name[8], colour[8];
	int n = 0;

	if (sscanf(p, "rgb(%3u,%3u,%3u)%n", &r, &g, &b, &n) != 3 || n == 0) {
		return false;
	}
	snprintf(name, sizeof(name), "#%02x%02x%02x", r & 0xff, g & 0xff, b & 0xff);
	for (i = 0; i < WS_COLOURS; i++) {
		if (strcmp(ws_colour(colour, i, dark), name) == 0) {
			fprintf(out, "var(--c%u)", i);
			*ret_end = p + n;
			return true;
		}
	}
	return false;
}

/* A tag without what would be on the page twice: numbers of groups and plots. */
static void put_tag(FILE *out, const char *tag, const char *end, bool dark)
{
	const char *p = tag;

	while (p < end) {
		if (strncmp(p, " id=\"gnuplot_", 13) == 0) {
			p = after(p + 5, "\"");
		} else if (strncmp(p, "rgb(", 4) == 0 && put_colour(out, p, dark, &p)) {
			continue;
		} else {
			fputc(*p++, out);
		}
	}
}

static bool begins(const char *p, const char *with)
{
	return strncmp(p, with, strlen(with)) == 0;
}

/*
 * What is between <svg> and </svg>. The shapes of points are on the page once. Text has no "<", gnuplot escapes it,
 * so that every one begins a tag.
 */
static void put_body(struct ws_html *h, const char *p, bool dark)
{
	while (*p) {
		const char *end;

		if (*p != '<') {
			end = p + strcspn(p, "<");
			if (strspn(p, " \t\n") < (size_t)(end - p)) {
				fwrite(p, 1, (size_t)(end - p), h->out);
			}
			p = end;
			continue;
		}
		if (begins(p, "</svg>")) {
			return;
		}
		end = strchr(p, '>');
		if (!end) {
			return;
		}
		end++;
		if (begins(p, "<title>") || begins(p, "<desc>")) {
			p = after(p, begins(p, "<title>") ? "</title>" : "</desc>");
		} else if (begins(p, "<rect x=\"0\" y=\"0\"")) {
			p = end; /* the paper */
		} else if (begins(p, "<defs>") && h->defined) {
			p = after(p, "</defs>");
		} else if (begins(p, "<g ") && begins(end, "\n</g>")) {
			p = end + 5;
		} else {
			h->defined |= begins(p, "<defs>");
			put_tag(h->out, p, end, dark);
			if (begins(p, "</g>")) {
				fputc('\n', h->out);
			}
			p = end;
		}
	}
}

static int put_picture(struct ws_html *h, enum ws_figure f, bool dark, const char *mode,
	const char *caption, char *why, size_t why_size)
{
	char *svg;
	const char *box, *body;
	unsigned width, height;
	size_t len;
	int r = ws_figure_draw(f, h->set, WS_FORMAT_SVG, dark, &svg, &len, why, why_size);

	if (r < 0) {
		return r;
	}
	box = strstr(svg, "viewBox=\"");
	body = box ? strchr(box, '>') : NULL;
	if (!body || sscanf(box, "viewBox=\"0 0 %5u %5u\"", &width, &height) != 2) {
		snprintf(why, why_size, "gnuplot: its picture is not understood");
		free(svg);
		return -EIO;
	}
	fprintf(h->out, "<svg%s viewBox=\"0 0 %u %u\" role=\"img\" aria-label=\"", mode, width,
		height);
	ws_html_text(h, caption);
	fputs("\">\n", h->out);
	put_body(h, body + 1, dark);
	fputs("</svg>\n", h->out);
	free(svg);
	return 0;
}

static const char *const captions[WS_FIGURES] = {
	[WS_FIGURE_HISTOGRAM] = "Histogram: how often which latency came.",
	[WS_FIGURE_CDF] = "Cumulative distribution: the share of packets that were not slower.",
	[WS_FIGURE_TAIL] = "Tail: the latency that this percentage of the packets did not exceed. "
			   "90, 99, 99.9 are equally far apart.",
	[WS_FIGURE_TIME] =
		"Latency over time: the darker, or on a dark page the brighter, the more packets. "
		"Triangles at the bottom mark losses.",
	[WS_FIGURE_RATES] = "Percentiles against the rate. Bars are 95 % confidence intervals.",
	[WS_FIGURE_GAPS] = "Gaps between packets as they were sent.",
	[WS_FIGURE_WATERFALL] = "Where the time of typical and of the slowest packets went.",
};

/* A figure's pixels cannot change their colours: such a figure is there twice. */
static int put_figure(struct ws_html *h, enum ws_figure f, char *why, size_t why_size)
{
	bool twice = f == WS_FIGURE_TIME;
	int r;

	fputs("<figure>\n", h->out);
	r = put_picture(h, f, false, twice ? " class=\"light\"" : "", captions[f], why, why_size);
	if (r == 0 && twice) {
		r = put_picture(h, f, true, " class=\"dark\"", captions[f], why, why_size);
	}
	if (r == -EIO) {
		fputs("<p class=\"missing\">", h->out);
		ws_html_text(h, why);
		fputs("</p>\n", h->out);
	}
	fputs("<figcaption>", h->out);
	ws_html_text(h, captions[f]);
	fputs("</figcaption>\n</figure>\n", h->out);
	return r == -EIO ? 0 : r;
}

int ws_html_figures(struct ws_html *h)
{
	/* The tall ones last: two stand side by side. */
	static const enum ws_figure order[] = {WS_FIGURE_HISTOGRAM, WS_FIGURE_TAIL, WS_FIGURE_CDF,
		WS_FIGURE_RATES, WS_FIGURE_GAPS, WS_FIGURE_WATERFALL, WS_FIGURE_TIME};
	char why[320] = "";
	unsigned i, drawn = 0;
	int r = 0;

	fputs("<section aria-labelledby=\"figures\"><h2 id=\"figures\">Figures</h2>\n<div "
	      "class=\"figures\">\n",
		h->out);
	for (i = 0; i < WS_FIGURES && r == 0; i++) {
		if (ws_figure_possible(order[i], h->set)) {
			drawn++;
			r = put_figure(h, order[i], why, sizeof(why));
		}
	}
	fputs("</div>\n", h->out);
	if (drawn == 0) {
		fputs("<p class=\"missing\">There is nothing to draw: no packet has a latency or a gap.</p>\n",
			h->out);
	}
	if (r == -ENOENT) {
		fputs("<p class=\"missing\">There are no figures here: ", h->out);
		ws_html_text(h, why);
		fputs(".</p>\n", h->out);
		r = 0;
	}
	fputs("</section>\n", h->out);
	return r;
}
