/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/sample_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "report/load_report.h"
#include "unit/sample_load.h"
#include "unit/sample_report.h"

static struct ws_rundoc *parse(const char *path, char *text)
{
	struct ws_rundoc *d = NULL;
	char why[400] = "";

	if (ws_rundoc_parse(&d, path, text, strlen(text), why, sizeof(why)) != 0) {
		fail_msg("%s", why);
	}
	free(text);
	return d;
}

char *sample_json(struct ws_latency_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	r->has_rx = true;
	assert_int_equal(ws_report_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	sample_report_free(r);
	return text;
}

struct ws_rundoc *sample_doc(const char *path, struct ws_latency_report *r)
{
	return parse(path, sample_json(r));
}

struct ws_rundoc *sample_doc_load(const char *path, struct ws_load_report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ws_load_json(out, r), 0);
	assert_int_equal(fclose(out), 0);
	sample_load_free(r);
	return parse(path, text);
}

char *sample_quotes(const char *text)
{
	char *copy = strdup(text), *at;

	assert_non_null(copy);
	for (at = copy; *at; at++) {
		*at = *at == '\'' ? '"' : *at;
	}
	return copy;
}

struct ws_rundoc *sample_doc_text(const char *path, const char *text)
{
	return parse(path, sample_quotes(text));
}

struct ws_report_set *sample_set_new(struct ws_rundoc *const *docs, unsigned count, bool compare)
{
	struct ws_report_set *set = calloc(1, sizeof(*set));
	struct ws_rundoc **list = calloc(count + 1, sizeof(struct ws_rundoc *));
	const struct ws_series **series;
	unsigned i, k;

	assert_non_null(set);
	assert_non_null(list);
	for (i = 0; i < count; i++) {
		list[i] = docs[i];
		set->count += docs[i]->count;
	}
	series = calloc(set->count + 1, sizeof(struct ws_series *));
	assert_non_null(series);
	set->count = 0;
	for (i = 0; i < count; i++) {
		for (k = 0; k < docs[i]->count; k++) {
			series[set->count++] = &docs[i]->series[k];
		}
	}
	ws_rundoc_label(docs, count);
	set->docs = list;
	set->doc_count = count;
	set->series = series;
	set->compare = compare;
	return set;
}

void sample_set_free(struct ws_report_set *set)
{
	unsigned i;

	for (i = 0; i < set->doc_count; i++) {
		ws_rundoc_free(set->docs[i]);
	}
	free((void *)(uintptr_t)set->docs);
	free((void *)(uintptr_t)set->series);
	free(set);
}

char *sample_print(struct ws_report_set *set, unsigned columns)
{
	const struct ws_text_style style = {.columns = columns};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(columns == 0	? ws_set_json(out, set)
			 : columns == 1 ? ws_set_csv(out, set)
					: ws_set_text(out, set, &style),
		0);
	assert_int_equal(fclose(out), 0);
	sample_set_free(set);
	return text;
}
