/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents as the program's own writers make them, read back: for the tests of reports. */
#pragma once

#include "report/load_result.h"
#include "report/report_out.h"

/* The document of a report, which is freed; it must be readable. */
struct ws_rundoc *sample_doc(const char *path, struct ws_latency_report *r);
struct ws_rundoc *sample_doc_load(const char *path, struct ws_load_report *r);
/* The same of a text with ' in place of ". */
struct ws_rundoc *sample_doc_text(const char *path, const char *text);
/* The text of a report, which is freed. To be freed. */
char *sample_json(struct ws_latency_report *r);
/* ' becomes ". To be freed. */
char *sample_quotes(const char *text);

/* A set of documents, labelled, which belong to it then. */
struct ws_report_set *sample_set_new(struct ws_rundoc *const *docs, unsigned count, bool compare);
void sample_set_free(struct ws_report_set *set);
/* A set as it is printed; the set is freed. To be freed. columns 0: JSON; 1: CSV. */
char *sample_print(struct ws_report_set *set, unsigned columns);
