/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what the report layer makes of a sample, for tests that other programs judge:
 *
 *	figure_print samples                                 their names
 *	figure_print SAMPLE FIGURE script|svg|png|pdf [dark] a script, or the picture
 *	figure_print SAMPLE html
 *
 * Status 3: there is nothing to draw. 4: no gnuplot.
 */
#include "unit/figure_samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int picture(const struct ws_report_set *set, enum ws_figure f, const char *what, bool dark)
{
	static const char *const formats[] = {"svg", "png", "pdf"};
	char *bytes, why[200];
	size_t len;
	unsigned i;
	int r;

	if (strcmp(what, "script") == 0) {
		return ws_figure_script(stdout, f, set, WS_FORMAT_SVG, dark, NULL) < 0;
	}
	for (i = 0; i < 3 && strcmp(what, formats[i]) != 0; i++) {
	}
	if (i == 3) {
		return 2;
	}
	r = ws_figure_draw(f, set, (enum ws_figure_format)i, dark, &bytes, &len, why, sizeof(why));
	if (r < 0) {
		fprintf(stderr, "%s\n", why);
		return r == -ENOENT ? 4 : 1;
	}
	fwrite(bytes, 1, len, stdout);
	free(bytes);
	return 0;
}

static int print(const struct ws_report_set *set, int argc, char **argv)
{
	unsigned f;

	if (argc == 3 && strcmp(argv[2], "html") == 0) {
		return ws_set_html(stdout, set, "1.2.3") < 0;
	}
	for (f = 0; argc > 3 && f < WS_FIGURES; f++) {
		if (strcmp(argv[2], ws_figure_name((enum ws_figure)f)) == 0) {
			return ws_figure_possible((enum ws_figure)f, set)
				       ? picture(set, (enum ws_figure)f, argv[3], argc > 4)
				       : 3;
		}
	}
	return 2;
}

int main(int argc, char **argv)
{
	struct ws_report_set *set;
	unsigned i;
	int r;

	if (argc == 2) {
		for (i = 0; figure_sample_names[i]; i++) {
			puts(figure_sample_names[i]);
		}
		return 0;
	}
	set = argc > 2 ? figure_sample_new(argv[1]) : NULL;
	if (!set) {
		return 2;
	}
	r = print(set, argc, argv);
	figure_sample_free(set);
	return r;
}
