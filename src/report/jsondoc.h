/* SPDX-License-Identifier: BSD-2-Clause */
/* Building JSON documents: what all results have in common. Private to the report layer. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "report/result.h"

/*
 * Every value is put with ws_doc_put() or ws_doc_add(), which take the reference and remember a failed
 * allocation, so that building needs one check at its end.
 */
struct ws_doc {
	bool failed;
};

void ws_doc_put(struct ws_doc *d, json_t *object, const char *key, json_t *value);
void ws_doc_add(struct ws_doc *d, json_t *array, json_t *value);
/* Numbers beyond what doubles hold exactly become strings. */
json_t *ws_doc_integer(int64_t n);
/* UINT64_MAX, unknown in every count of a result, becomes null. */
json_t *ws_doc_count(uint64_t n);
/* What is not finite becomes null. */
json_t *ws_doc_real(double value);
/* Bytes that are no UTF-8 become U+FFFD; NULL becomes null. */
json_t *ws_doc_string(const char *text);
/* The same, and an empty text, unknown, becomes null. */
json_t *ws_doc_known(const char *text);
/* "realtime", "phc0", ...; none becomes null. */
json_t *ws_doc_clock(enum ws_clock clock);
json_t *ws_doc_host(struct ws_doc *d, const struct ws_host_facts *h);
json_t *ws_doc_warnings(struct ws_doc *d, const struct ws_warnings *w);

/* Prints the document with a newline and gives it up. 0, -ENOMEM (building it failed), -EIO. */
int ws_doc_print(struct ws_doc *d, json_t *document, FILE *out);
