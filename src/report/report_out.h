/* SPDX-License-Identifier: BSD-2-Clause */
/* What `report` makes of runs that were kept. These functions write to streams or files; none prints errors or exits. */
#pragma once

#include <stdio.h>

#include "report/report.h"
#include "report/rundoc.h"

/* All series of all documents, in order. */
struct ws_report_set {
	unsigned doc_count;
	struct ws_rundoc *const *docs;
	unsigned count;
	const struct ws_series *const *series;
	bool compare; /* the first document against the second, rate by rate */
};

/* 0, -EIO, -ENOMEM each. */
int ws_set_text(FILE *out, const struct ws_report_set *set, const struct ws_text_style *style);
int ws_set_json(FILE *out, const struct ws_report_set *set);
/* One row a series, a column a figure, names and units in the first row (RFC 4180). */
int ws_set_csv(FILE *out, const struct ws_report_set *set);
/* HdrHistogram's percentile text of one series. */
int ws_series_hgrm(FILE *out, const struct ws_series *s);

/* What there is to say of a series in words, besides its figures. */
enum ws_tone { WS_TONE_PLAIN, WS_TONE_CAUTION, WS_TONE_BAD };
struct ws_verdict {
	enum ws_tone tone;
	const char *label; /* one word: "loss", "limit", "stages", ... */
	char text[800];
};
/* Calls say for each, the most important first; v lasts as long as the call. */
void ws_series_verdicts(
	const struct ws_series *s, void (*say)(void *arg, const struct ws_verdict *v), void *arg);
/* The same of a document: its note, and its warnings. */
void ws_rundoc_verdicts(
	const struct ws_rundoc *d, void (*say)(void *arg, const struct ws_verdict *v), void *arg);

/*
 * A comparison of two series of about one rate: a difference for each percentile, and a sentence. The percentiles
 * are those of which both have a confidence interval; a difference counts if the interval (95 %) excludes 0, and it
 * is greater than what the stamps' errors of both could make.
 */
#define WS_COMPARED 6
struct ws_comparison {
	const struct ws_series *a, *b;
	unsigned count;
	struct {
		const char *name; /* "p50" */
		double q;
		struct ws_hist_difference d;
		int64_t bound_ns; /* the stamps' errors of both; -1: unknown */
		int verdict;	  /* -1: b is faster, 1: b is slower, 0: not distinguishable */
	} row[WS_COMPARED];
	char sentence[800]; /* names both by their documents' names */
	char warning
		[320]; /* of differences within the stamps' errors, or of unknown errors; empty: none */
};
void ws_comparison_make(
	struct ws_comparison *ret, const struct ws_series *a, const struct ws_series *b);

/* The set's first document against its second: pairs of equal requested rates; of documents with one series each, these. */
struct ws_comparisons {
	unsigned count, faster, slower; /* pairs; percentiles of all pairs in which b is so */
	struct ws_comparison *pair;
	/* Of all together: as for one percentile, but with one chance in 20 for all pairs and percentiles of being
	 * wrong somewhere. Faster and slower at once is 0. */
	int verdict;
	char sentence[640];
	char alone[640]; /* which series have no partner, a sentence; empty: none */
};
/* 0, -ENOMEM. With fewer than two documents there are no pairs, and the sentence says so. */
int ws_comparisons_new(struct ws_comparisons **ret, const struct ws_report_set *set);
void ws_comparisons_free(struct ws_comparisons *c); /* accepts NULL */

/* Plots, through gnuplot. */
enum ws_figure {
	WS_FIGURE_HISTOGRAM,
	WS_FIGURE_CDF,
	WS_FIGURE_TAIL,	 /* on a 1/(1-p) axis */
	WS_FIGURE_TIME,	 /* density of latency over time, of one series */
	WS_FIGURE_RATES, /* percentiles against rate */
	WS_FIGURE_GAPS,
	WS_FIGURE_WATERFALL,
	WS_FIGURES,
};
const char *ws_figure_name(
	enum ws_figure f); /* "histogram", "cdf", "tail", "time", "rates", "gaps", "waterfall" */
enum ws_figure_format { WS_FORMAT_SVG, WS_FORMAT_PNG, WS_FORMAT_PDF };

/* True if the set has anything to draw in this figure. */
bool ws_figure_possible(enum ws_figure f, const struct ws_report_set *set);
/* The complete gnuplot script with its data inline, which writes to path (or stdout for NULL). Pure: the golden tests
 * compare it. dark: for HTML's dark mode; format SVG. 0, -EIO, -ENOMEM; -ENODATA: not possible. */
int ws_figure_script(FILE *out, enum ws_figure f, const struct ws_report_set *set,
	enum ws_figure_format format, bool dark, const char *path);
/* Runs gnuplot. 0; -ENOENT: there is none (why says what to install); -EIO: it failed, why has its own last line. *ret: the bytes of the picture, to be freed. */
int ws_figure_draw(enum ws_figure f, const struct ws_report_set *set, enum ws_figure_format format,
	bool dark, char **ret, size_t *ret_len, char *why, size_t why_size);

/* One self-contained page: verdicts, summary table, all figures inline (light and dark), how it was measured. Without gnuplot
 * it says so in place of the figures. -EIO, -ENOMEM. */
int ws_set_html(FILE *out, const struct ws_report_set *set, const char *version);
