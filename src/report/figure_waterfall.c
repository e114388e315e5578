/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the time of a typical and of a slow packet went: stacked bars. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

#define STAGES WS_INSTANTS
#define NAME   24 /* characters of a label */

struct bar {
	unsigned count;
	double ns[STAGES], total;
};

static double number(const json_t *v)
{
	double n = json_number_value(v);

	return isfinite(n) && n > 0 ? n : 0;
}

/* A stage that is not there, or no number, takes no time. */
static void bar_of(struct bar *b, const struct ws_series *s, const char *who)
{
	const json_t *w = json_object_get(s->json, "waterfall");
	const json_t *list = json_object_get(json_object_get(w, who), "stage_ns");
	size_t i;

	memset(b, 0, sizeof(*b));
	b->count = (unsigned)json_array_size(json_object_get(w, "stages"));
	b->count = b->count < STAGES ? b->count : STAGES;
	for (i = 0; i < b->count; i++) {
		b->ns[i] = number(json_array_get(list, i));
		b->total += b->ns[i];
	}
}

static const char *stage_name(const struct ws_series *s, unsigned i)
{
	const json_t *w = json_object_get(s->json, "waterfall");

	return json_string_value(json_array_get(json_object_get(w, "stages"), i));
}

bool ws_figure_has_waterfall(const struct ws_series *s)
{
	struct bar typical, tail;

	bar_of(&typical, s, "typical");
	bar_of(&tail, s, "tail");
	return typical.total > 0 || tail.total > 0;
}

/* What happens between two instants. */
static const char *in_words(const char *stage, char buf[64])
{
	static const struct {
		const char *stage, *words;
	} known[] = {
		{"intended_to_app_tx", "waiting to be sent"},
		{"app_tx_to_sched", "send call"},
		{"sched_to_driver_tx", "queue discipline"},
		{"app_tx_to_driver_tx", "send call and queue"},
		{"driver_tx_to_wire_tx", "driver to card"},
		{"wire_tx_to_wire_rx", "wire"},
		{"wire_rx_to_kernel_rx", "card to kernel"},
		{"driver_tx_to_kernel_rx", "driver to kernel"},
		{"wire_tx_to_kernel_rx", "wire to kernel"},
		{"driver_tx_to_wire_rx", "driver to wire"},
		{"kernel_rx_to_app_rx", "kernel to program"},
	};
	unsigned i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].stage, stage) == 0) {
			return known[i].words;
		}
	}
	for (i = 0; i < 63 && stage[i]; i++) {
		buf[i] = stage[i] == '_' ? ' ' : stage[i];
	}
	buf[i] = '\0';
	return buf;
}

/* Stages of all drawn series: documents may have different ones. */
struct stages {
	unsigned count;
	const char *name[STAGES];
};

static void collect(struct stages *all, const struct ws_figure_script *s)
{
	unsigned i, k, j;

	memset(all, 0, sizeof(*all));
	for (i = 0; i < s->count; i++) {
		struct bar b;

		bar_of(&b, s->drawn[i], "typical");
		for (k = 0; k < b.count; k++) {
			const char *name = stage_name(s->drawn[i], k);

			for (j = 0; name && j < all->count && strcmp(all->name[j], name) != 0;
				j++) {
			}
			if (name && j == all->count && j < STAGES) {
				all->name[all->count++] = name;
			}
		}
	}
}

static double panel_data(struct ws_figure_script *s, const struct stages *all, const char *who)
{
	double most = 0;
	unsigned i, j, k;

	for (j = 0; j < all->count; j++) {
		fprintf(s->out, "$%s%u << EOD\n", who, j);
		for (i = 0; i < s->count; i++) {
			double at = 0;
			struct bar b;

			bar_of(&b, s->drawn[i], who);
			most = fmax(most, b.total);
			for (k = 0; k < b.count; k++) {
				const char *name = stage_name(s->drawn[i], k);

				if (name && strcmp(name, all->name[j]) == 0) {
					fprintf(s->out, "%.7g %u %.7g %.7g %.2f %.2f\n", at, i, at,
						at + b.ns[k], i - 0.36, i + 0.36);
				}
				at += b.ns[k];
			}
		}
		fputs("EOD\n", s->out);
	}
	fprintf(s->out, "$%s << EOD\n", who);
	for (i = 0; i < s->count; i++) {
		char total[40];
		struct bar b;

		bar_of(&b, s->drawn[i], who);
		fprintf(s->out, "%.7g %u \"%s\"\n", b.total, i,
			ws_format_ns(total, sizeof(total), b.total));
	}
	fputs("EOD\n", s->out);
	return most;
}

/* top: px from the figure's lower edge. */
static void panel(struct ws_figure_script *s, const struct stages *all, const char *who, double top,
	double bars)
{
	struct ws_axis x;
	char colour[8];
	unsigned i, j;

	/* Behind the longest bar there is room for what it stands for. */
	ws_axis_make_linear(&x, WS_AXIS_NS, 0, fmax(panel_data(s, all, who), 1) * 1.14);
	ws_axis_print(s->out, &x, 'x', "", NULL);
	fprintf(s->out,
		"set tmargin at screen %.5g\nset bmargin at screen %.5g\nset yrange "
		"[%u.5:-0.5]\nset ytics (",
		top / s->height, (top - bars) / s->height, s->count - 1);
	for (i = 0; i < s->count; i++) {
		fputs(i > 0 ? ", " : "", s->out);
		ws_figure_quote(s->out, s->drawn[i]->label, NAME, true);
		fprintf(s->out, " %u", i);
	}
	fputs(") scale 0\nplot", s->out);
	for (j = 0; j < all->count; j++) {
		fprintf(s->out,
			"%s $%s%u using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder "
			"linecolor rgb '%s'",
			j > 0 ? ",\\\n" : "", who, j,
			ws_colour(colour, WS_COLOUR_FIRST + j % WS_COLOUR_KINDS, s->dark));
	}
	fprintf(s->out, ",\\\n $%s using 1:2:3 with labels left offset 0.5,0 textcolor rgb '%s'\n",
		who, ws_colour(colour, WS_COLOUR_INK, s->dark));
}

int ws_figure_waterfall(struct ws_figure_script *s)
{
	double bars = 22.0 * s->count + 8, left, top;
	unsigned names = ws_figure_label_columns(s), words = 0, i;
	struct stages all;
	char buf[64];

	collect(&all, s);
	for (i = 0; i < all.count; i++) {
		unsigned n = (unsigned)strlen(in_words(all.name[i], buf));

		words = n > words ? n : words;
	}
	ws_figure_begin(s, (unsigned)(44 + 2 * (bars + 62)), all.count, words);
	left = 24 + (names < NAME ? names : NAME) * 8.6;
	fprintf(s->out,
		"set multiplot\nset grid xtics noytics\nset lmargin at screen %.5g\n"
		"set rmargin at screen 0.93\n",
		left / WS_FIGURE_WIDTH);
	ws_figure_heading(s, 1, "Where the time goes", left, s->height - 16);
	top = s->height - 62;
	ws_figure_heading(s, 2, "Typical packets, mean of each stage", left, top + 13);
	panel(s, &all, "typical", top, bars);
	fputs("unset label 1\n", s->out);
	for (i = 0; i < all.count; i++) {
		ws_figure_key(s, in_words(all.name[i], buf), WS_COLOUR_FIRST + i % WS_COLOUR_KINDS,
			1, 12);
	}
	top -= bars + 62;
	ws_figure_heading(s, 2, "The slowest packets", left, top + 13);
	panel(s, &all, "tail", top, bars);
	fputs("unset multiplot\n", s->out);
	return 0;
}
