/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/options_common.h"
#include "commands/output.h"
#include "report/report_out.h"
#include "study/study.h"

#define DOCS_MAX 64
#define WHY_SIZE 640

enum form { FORM_TEXT, FORM_JSON, FORM_CSV, FORM_HTML, FORM_HGRM, FORM_SVG, FORM_PNG, FORM_PDF };

struct options {
	const char *file; /* NULL: standard output */
	enum form form;	  /* of the file */
	bool plot_given;
	enum ws_figure plot;
	const char *series; /* NULL: all */
	bool json, compare, join;
	double unit_ns;	 /* of a .hgrm file's values; 0: not given */
	const char *out; /* with join: the directory that keeps the joined run */
	char **runs;
	unsigned run_count;
};

struct command {
	struct options o;
	struct ws_rundoc *docs[DOCS_MAX];
	unsigned doc_count;
	const struct ws_series **series;
	unsigned series_count;
	struct ws_outdir out;
};

#define FLAG(NAME) WS_TAKE_FLAG(NAME, ((struct options *)p)->NAME)

FLAG(json)
FLAG(compare)
FLAG(join)

static int take_file(void *p, const char *arg, char *why, size_t why_size)
{
	static const struct {
		const char *end;
		enum form form;
	} forms[] = {
		{".html", FORM_HTML},
		{".svg", FORM_SVG},
		{".png", FORM_PNG},
		{".pdf", FORM_PDF},
		{".csv", FORM_CSV},
		{".json", FORM_JSON},
		{".txt", FORM_TEXT},
		{".hgrm", FORM_HGRM},
	};
	const char *dot = strrchr(arg, '.');

	for (size_t i = 0; dot && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (!strcmp(dot, forms[i].end)) {
			((struct options *)p)->file = arg;
			((struct options *)p)->form = forms[i].form;
			return 0;
		}
	}
	return WS_WHY(
		"its end says what to write, and this one is none of .html, .svg, .png, .pdf, .csv, "
		".json, .txt and .hgrm");
}

static int take_plot(void *p, const char *arg, char *why, size_t why_size)
{
	size_t used = 0;

	for (int f = 0; f < WS_FIGURES; f++) {
		if (!strcmp(arg, ws_figure_name((enum ws_figure)f))) {
			((struct options *)p)->plot = (enum ws_figure)f;
			((struct options *)p)->plot_given = true;
			return 0;
		}
	}
	used = (size_t)snprintf(why, why_size, "no such plot (");
	for (int f = 0; f < WS_FIGURES && used < why_size; f++) {
		used += (size_t)snprintf(why + used, why_size - used, "%s%s",
			f ? f + 1 == WS_FIGURES ? " or " : ", " : "",
			ws_figure_name((enum ws_figure)f));
	}
	if (used < why_size) {
		snprintf(why + used, why_size - used, ")");
	}
	return -1;
}

static int take_series(void *p, const char *arg, char *why, size_t why_size)
{
	(void)why, (void)why_size;
	((struct options *)p)->series = arg;
	return 0;
}

static int take_unit(void *p, const char *arg, char *why, size_t why_size)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(arg, units[i].name)) {
			((struct options *)p)->unit_ns = units[i].ns;
			return 0;
		}
	}
	return WS_WHY("no such unit (ns, us, ms or s)");
}

static int take_out(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_out(&((struct options *)p)->out, arg, why, why_size);
}

static const struct ws_option options[] = {
	{"output", 'o', "FILE",
		"write to FILE, by its end: .html (one page with everything), .svg,\n"
		".png or .pdf (a plot), .csv, .json, .txt, .hgrm (HdrHistogram)",
		take_file},
	{"plot", 0, "KIND",
		"which plot: histogram, cdf, tail, time, rates, gaps or waterfall\n"
		"(default histogram)",
		take_plot},
	{"series", 0, "LABEL", "only this one, as the report names it: 10kpps", take_series},
	{"unit", 0, "UNIT", "of the values in .hgrm files: ns, us, ms or s (default ns)",
		take_unit},
	{"compare", 0, NULL, "the second run against the first: faster, slower, or not to tell",
		take_compare},
	{"join", 0, NULL,
		"two runs: a sender's (latency --one-way) and its receiver's (reflect\n"
		"--receive-only)",
		take_join},
	{"out", 0, "DIR", "with --join: keep the joined run in DIR/run.json", take_out},
	{"json", 'j', NULL, "print one JSON document on stdout", take_json},
	{0},
};

static const struct ws_command_help help = {
	.usage = "report RUN... [options]",
	.about =
		"Summarises and compares runs that were kept: as text, JSON, CSV, plots, or one HTML page.\n"
		"RUN is a directory of --out, its run.json, a .hgrm file (HdrHistogram) or MoonGen's\n"
		"histogram.csv. Plots are drawn by gnuplot.",
	.examples = "  wirestamp report run1\n"
		    "  wirestamp report run1 run2 -o report.html\n"
		    "  wirestamp report --compare before after\n"
		    "  wirestamp report run1 --plot tail -o tail.png\n"
		    "  wirestamp report --join sender receiver -o oneway.html",
	.options = options,
};

static bool is_plot(enum form form)
{
	return form == FORM_SVG || form == FORM_PNG || form == FORM_PDF;
}

static int check(const struct options *o)
{
	if (!o->run_count) {
		ws_error("report: which runs? (give directories of --out, or their run.json)");
		return -1;
	}
	if (o->run_count > DOCS_MAX) {
		ws_error("report: %u runs are too many (at most %d)", o->run_count, DOCS_MAX);
		return -1;
	}
	if (o->join && o->run_count != 2) {
		ws_error("--join: joins two runs, %u were given (a sender's and its receiver's)",
			o->run_count);
		return -1;
	}
	if (o->compare && o->join) {
		ws_error(
			"--compare and --join: joined they are one run (leave one out; --join --out DIR keeps "
			"it for comparing)");
		return -1;
	}
	if (o->compare && o->run_count != 2) {
		ws_error(
			"--compare: compares two runs, %u were given (the one before, and the one after)",
			o->run_count);
		return -1;
	}
	if (o->out && !o->join) {
		ws_error("--out: keeps a joined run (only with --join; -o FILE writes a report)");
		return -1;
	}
	if (o->plot_given && (!o->file || !is_plot(o->form))) {
		ws_error("--plot: goes to a file (give -o FILE.svg, .png or .pdf)");
		return -1;
	}
	if (o->json && o->file) {
		ws_error(
			"--json and -o: both say where to (leave one out; -o FILE.json writes the same)");
		return -1;
	}
	return 0;
}

static int parse(struct options *o, int argc, char **argv)
{
	int first = ws_options_parse(&help, o, argc, argv);

	if (first < 0) {
		return first;
	}
	o->runs = argv + first;
	o->run_count = (unsigned)(argc - first);
	return check(o);
}

static int read_runs(struct command *s)
{
	char why[WHY_SIZE];

	if (s->o.join) {
		if (ws_rundoc_join(&s->docs[0], s->o.runs[0], s->o.runs[1], why, sizeof(why)) < 0) {
			ws_error("%s", why);
			return -1;
		}
		s->doc_count = 1;
	}
	for (unsigned i = 0; !s->o.join && i < s->o.run_count; i++) {
		if (ws_rundoc_read_unit(&s->docs[i], s->o.runs[i], s->o.unit_ns, why, sizeof(why)) <
			0) {
			ws_error("%s", why);
			return -1;
		}
		s->doc_count = i + 1;
		ws_study_packets(s->docs[i]);
	}
	ws_rundoc_label(s->docs, s->doc_count);
	return 0;
}

static int choose_series(struct command *s)
{
	unsigned all = 0;

	for (unsigned d = 0; d < s->doc_count; d++) {
		all += s->docs[d]->count;
	}
	s->series = ws_need(calloc(all + 1, sizeof(*s->series)));
	for (unsigned d = 0; d < s->doc_count; d++) {
		for (unsigned i = 0; i < s->docs[d]->count; i++) {
			const struct ws_series *one = &s->docs[d]->series[i];

			if (!s->o.series || !strcmp(s->o.series, one->label)) {
				s->series[s->series_count++] = one;
			}
		}
	}
	if (s->o.series && !s->series_count) {
		ws_error("--series %s: no such one (%s%s)", s->o.series,
			all ? "the first is " : "there are none",
			all ? s->docs[0]->count ? s->docs[0]->series[0].label : "of the second run"
			    : "");
		return -1;
	}
	return 0;
}

/* Keeps the joined run as if it had been measured here. */
static int print_joined(FILE *out, const void *report)
{
	const struct ws_rundoc *d = report;

	return json_dumpf(d->json, out, JSON_COMPACT) < 0 || fputc('\n', out) == EOF ? -EIO : 0;
}

static int keep_joined(struct command *s)
{
	if (!s->o.out) {
		return 0;
	}
	if (ws_output_create(&s->out, s->o.out) < 0) {
		return -1;
	}
	return ws_output_keep(&s->out, print_joined, s->docs[0], 0) < 0 ? -1 : 0;
}

static int write_form(FILE *out, enum form form, const struct ws_report_set *set)
{
	const struct ws_text_style plain = {.columns = 100};

	switch (form) {
	case FORM_JSON:
		return ws_set_json(out, set);
	case FORM_CSV:
		return ws_set_csv(out, set);
	case FORM_HTML:
		return ws_set_html(out, set, WS_VERSION);
	case FORM_HGRM:
		return ws_series_hgrm(out, set->series[0]);
	default:
		return ws_set_text(out, set, &plain);
	}
}

static int draw(
	const struct command *s, const struct ws_report_set *set, char **ret, size_t *ret_len)
{
	static const enum ws_figure_format formats[] = {
		[FORM_SVG] = WS_FORMAT_SVG, [FORM_PNG] = WS_FORMAT_PNG, [FORM_PDF] = WS_FORMAT_PDF};
	char why[WHY_SIZE] = "";
	int r;

	if (!ws_figure_possible(s->o.plot, set)) {
		ws_error(
			"--plot %s: these runs have nothing to draw in it (nothing was received, or nothing "
			"of that kind was measured)",
			ws_figure_name(s->o.plot));
		return -1;
	}
	r = ws_figure_draw(
		s->o.plot, set, formats[s->o.form], false, ret, ret_len, why, sizeof(why));
	if (r < 0) {
		ws_error("--plot %s: %s", ws_figure_name(s->o.plot), *why ? why : strerror(-r));
	}
	return r;
}

static int say_unwritten(const char *file, int error)
{
	ws_error("-o %s: cannot be written: %s (%s)", file, strerror(error),
		error == ENOSPC ? "make room" : "give a place that can be written");
	return WS_EXIT_FAIL;
}

/* Complete or not at all: under another name first. What is no ordinary file is written as it is. */
static int write_file(const struct command *s, const struct ws_report_set *set)
{
	const char *file = s->o.file;
	struct stat st;
	bool direct = stat(file, &st) == 0 && !S_ISREG(st.st_mode);
	size_t len = 0, size = strlen(file) + 8;
	char *picture = NULL, *name;
	FILE *out;
	int r;

	if (is_plot(s->o.form) && draw(s, set, &picture, &len) < 0) {
		return WS_EXIT_FAIL;
	}
	name = ws_need(malloc(size));
	snprintf(name, size, direct ? "%s" : "%s.part", file);
	out = fopen(name, "we");
	if (!out) {
		r = say_unwritten(file, errno);
		free(picture);
		free(name);
		return r;
	}
	if (picture) {
		r = fwrite(picture, 1, len, out) == len ? 0 : -EIO;
	} else {
		r = write_form(out, s->o.form, set);
	}
	errno = r < 0 && r != -EIO ? -r : errno;
	if (r == 0 && fflush(out) != 0) {
		r = -EIO;
	}
	r = r < 0 ? (errno ? -errno : r) : 0;
	if (fclose(out) != 0 && r == 0) {
		r = -errno;
	}
	if (r == 0 && !direct && rename(name, file) < 0) {
		r = -errno;
	}
	if (r < 0) {
		if (!direct) {
			unlink(name);
		}
		(void)say_unwritten(file, -r);
	}
	free(picture);
	free(name);
	return r < 0 ? WS_EXIT_FAIL : WS_EXIT_OK;
}

static int print_json(FILE *out, const void *report)
{
	return ws_set_json(out, report);
}

static int print_text(FILE *out, const void *report, const struct ws_text_style *style)
{
	return ws_set_text(out, report, style);
}

static const struct ws_output_printers printers = {.json = print_json, .text = print_text};

static int make(struct command *s)
{
	struct ws_report_set set;

	if (read_runs(s) < 0 || choose_series(s) < 0 || keep_joined(s) < 0) {
		return WS_EXIT_FAIL;
	}
	set = (struct ws_report_set){
		.doc_count = s->doc_count,
		.docs = s->docs,
		.count = s->series_count,
		.series = s->series,
		.compare = s->o.compare,
	};
	if (s->o.form == FORM_HGRM && s->o.file && set.count != 1) {
		ws_error("-o %s: has one series, there are %u (choose one by --series LABEL)",
			s->o.file, set.count);
		return WS_EXIT_FAIL;
	}
	if (s->o.file) {
		return write_file(s, &set);
	}
	return ws_output_print(&printers, &set, s->o.json, false);
}

int ws_cmd_report(int argc, char **argv)
{
	static struct command s = {.out = {.fd = -1}};
	int r, status;

	r = parse(&s.o, argc, argv);
	if (r < 0) {
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	status = make(&s);
	for (unsigned i = 0; i < s.doc_count; i++) {
		ws_rundoc_free(s.docs[i]);
	}
	free(s.series);
	ws_outdir_close(&s.out);
	return status;
}
