/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "report/load_page.h"
#include "report/plot.h"

#define RUNS_DRAWN 4

/* What is drawn of one rate. */
struct picture {
	bool near; /* around the intended gap, else on a logarithmic axis */
	struct ws_plot_near off;
	struct ws_plot_axis axis;
	struct ws_plot_band band;
	uint64_t below, above; /* in range, but not on the axis */
};

static bool picture_init(struct picture *d, const struct ws_load_run *run, unsigned columns)
{
	const struct ws_hist *h = &run->gaps.hist;
	double intended = ws_load_intended_gap(run);

	*d = (struct picture){.near = false};
	/* Only a constant rate has one intended gap. */
	if (run->pattern == WS_PATTERN_CBR && isfinite(intended) && intended >= 1 &&
		intended < (double)WS_HIST_HIGH) {
		d->near = ws_plot_near_init(&d->off, h, llround(intended), columns);
	}
	if (d->near) {
		ws_plot_near_band(&d->band, &d->off, h, &d->below, &d->above);
	} else if (ws_plot_axis_init(&d->axis, &h, 1, columns)) {
		ws_plot_band_init(&d->band, &d->axis, h);
	}
	return d->band.total > 0;
}

static void add_left_out(struct ws_text *t, uint64_t n, const char *what)
{
	char buf[WS_CELL_SIZE];

	if (n > 0) {
		ws_text_add(t, "; not drawn: %s %s", ws_format_count(buf, sizeof(buf), n), what);
	}
}

/* Says of a picture what it cannot show: how many gaps, around what, to which scale, what is not in it. */
static void title(struct ws_page *p, const struct ws_load_run *run, const struct picture *d,
	bool drawn, const char *hue)
{
	const struct ws_hist *h = &run->gaps.hist;
	char rate[WS_CELL_SIZE], buf[WS_CELL_SIZE];
	struct ws_text t = {0};

	ws_load_page_rate(rate, run);
	ws_page_ink_on(p, WS_INK_BOLD);
	ws_page_print(p, hue, rate);
	ws_text_add(&t, "%s gap%s", ws_format_count(buf, sizeof(buf), h->count),
		h->count == 1 ? "" : "s");
	if (!drawn) {
		ws_text_add(&t, ", none to draw");
	} else {
		if (d->near) {
			ws_text_add(&t, ", drawn by how far they are off %s",
				ws_format_ns_fine(buf, sizeof(buf), ws_load_intended_gap(run)));
		}
		ws_text_add(&t, ", full height %.3g%%",
			100.0 * (double)d->band.peak / (double)h->count);
	}
	add_left_out(&t, d->below, "further to the left");
	add_left_out(&t, d->above, "further to the right");
	add_left_out(&t, h->negative, "negative");
	add_left_out(&t, h->below_range, "below 1 ns");
	add_left_out(&t, h->above_range, "of 100 s or more");
	fputs("  ", p->out);
	ws_page_wrap(p, NULL, (unsigned)strlen(rate) + 2, 2, t.buf);
}

static bool draw(struct ws_page *p, const struct ws_load_run *run, unsigned rows, const char *hue)
{
	const struct ws_hist *h = &run->gaps.hist;
	struct ws_plot_line line, labels;
	struct picture d;
	bool drawn = picture_init(&d, run, p->columns);
	unsigned row;

	title(p, run, &d, drawn, hue);
	for (row = 0; row < rows && drawn; row++) {
		ws_plot_bars(&line, &d.band, row, rows);
		ws_page_plot_line(p, &line, hue);
	}
	if (!drawn) {
		return false;
	}
	if (d.near) {
		ws_plot_near_ticks(&line, &labels, &d.off);
	} else {
		ws_plot_marks(&line, &d.axis, h);
		ws_page_plot_line(p, &line, hue);
		ws_plot_ticks(&line, &labels, &d.axis);
	}
	ws_page_plot_line(p, &line, NULL);
	ws_page_plot_line(p, &labels, NULL);
	return true;
}

void ws_load_page_plots(struct ws_page *p, const struct ws_load_report *r)
{
	const unsigned rows = r->run_count <= 1 ? 6 : r->run_count <= 2 ? 4 : 3;
	bool any = false, titled = false;
	size_t i;

	for (i = 0; i < r->run_count && r->run_count <= RUNS_DRAWN; i++) {
		if (r->runs[i].gaps.hist.count > 0) {
			any |= draw(p, &r->runs[i], rows, ws_page_hue(i));
			titled = true;
		}
	}
	if (any) {
		ws_page_wrap(p, WS_INK_DIM, 0, 0,
			"Height: share of the rate's gaps that fall in a column, linear, up to the "
			"full height; a single gap still shows as ▁.");
	}
	if (titled) {
		fputc('\n', p->out);
	}
}
