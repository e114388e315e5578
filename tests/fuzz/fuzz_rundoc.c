// link: src/report/rundoc*.c src/report/docget.c src/report/docsum.c src/report/hgrm*.c src/report/compare.c src/report/verdicts.c src/report/set_*.c src/report/jsondoc.c src/report/page.c src/report/grid.c src/report/plot.c src/report/format.c -ljansson
// SPDX-License-Identifier: BSD-2-Clause
/*
 * The input is a document, or a histogram of another program. It is refused with a sentence, or else it can be told
 * as text, JSON and CSV, and compared with itself. Build with -fsanitize=fuzzer to fuzz, or with files.c to run files.
 */
#include <stdlib.h>
#include <string.h>

#include "report/report_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void tell(
	struct ws_rundoc *const *docs, const struct ws_series *const *series, unsigned count)
{
	const struct ws_report_set set = {2, docs, count, series, true};
	const struct ws_text_style style = {true, 80};
	FILE *out = fopen("/dev/null", "w");

	check(out != NULL);
	check(ws_set_text(out, &set, &style) == 0);
	check(ws_set_json(out, &set) == 0);
	check(ws_set_csv(out, &set) == 0);
	fclose(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_rundoc *docs[2] = {NULL, NULL};
	const struct ws_series *series[32];
	char why[300] = "";
	unsigned i, k, n = 0;

	if (ws_rundoc_parse(&docs[0], "in", (const char *)data, size, why, sizeof(why)) != 0) {
		check(strncmp(why, "in: ", 4) == 0 && docs[0] == NULL);
		return 0;
	}
	check(ws_rundoc_parse(&docs[1], "in", (const char *)data, size, why, sizeof(why)) == 0);
	ws_rundoc_label(docs, 2);
	for (i = 0; i < 2; i++) {
		for (k = 0; k < docs[i]->count && k < 16; k++) {
			series[n++] = &docs[i]->series[k];
		}
	}
	tell(docs, series, n);
	ws_rundoc_free(docs[0]);
	ws_rundoc_free(docs[1]);
	return 0;
}
