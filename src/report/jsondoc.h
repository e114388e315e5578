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
json_t *ws_doc_unsigned(uint64_t n);
/* UINT64_MAX, unknown in every count of a result, becomes null. */
json_t *ws_doc_count(uint64_t n);
/* What is not finite becomes null. */
json_t *ws_doc_real(double value);
/* Bytes that are no UTF-8 become U+FFFD; NULL becomes null. */
json_t *ws_doc_string(const char *text);
/* The same, and an empty text, unknown, becomes null. */
json_t *ws_doc_known(const char *text);
/* "realtime", "phc0", ...; none becomes null. */
/* A number by its name, a string; one without name as it is, a string, too. */
json_t *ws_doc_named(int n, const char *(*name)(unsigned n));
json_t *ws_doc_clock(enum ws_clock clock);
/* "hardware", "software", ...; none becomes null. */
json_t *ws_doc_origin(enum ws_origin origin);
/* 16 hexadecimal digits; 0, which is none, becomes null. */
json_t *ws_doc_hash(uint64_t hash);
json_t *ws_doc_host(struct ws_doc *d, const struct ws_host_facts *h);
json_t *ws_doc_endpoint(struct ws_doc *d, const struct ws_endpoint *e);
/* Puts queues, rings, coalescing and offloads into the object. */
void ws_doc_settings(struct ws_doc *d, json_t *o, const struct ws_nic_settings *s);
json_t *ws_doc_limit(struct ws_doc *d, const struct ws_limit *l);
json_t *ws_doc_clock_facts(struct ws_doc *d, const struct ws_clock_facts *c);
/* Null if none were wanted. */
json_t *ws_doc_packets(struct ws_doc *d, const struct ws_packets_facts *p);
json_t *ws_doc_warnings(struct ws_doc *d, const struct ws_warnings *w);

/* A list of these ends with a NULL name. */
struct ws_doc_quantile {
	const char *name;
	double q;
};
/* What there is to say of any histogram: count, min, mean, stddev if wanted, the quantiles, max. */
json_t *ws_doc_summary(struct ws_doc *d, const struct ws_hist *h, bool stddev,
	const struct ws_doc_quantile *quantiles);
/* p50 to p99.999: the percentiles of latencies. */
extern const struct ws_doc_quantile ws_doc_latency_quantiles[];
/* The bins that are not empty: [low, high, count] each. */
json_t *ws_doc_bins(struct ws_doc *d, const struct ws_hist *h);
/* A summary, and how many are close to the intended gap; null each if none was intended. */
json_t *ws_doc_gaps(struct ws_doc *d, const struct ws_gaps *g, bool intended);

/* A new document with what is at the top of each: from the format to the host. */
json_t *ws_doc_head(struct ws_doc *d, const char *command, const char *version, int argc,
	char **argv, const char *started, const struct ws_host_facts *host);
/* Prints the document with a newline and gives it up. 0, -ENOMEM (building it failed), -EIO. */
int ws_doc_print(struct ws_doc *d, json_t *document, FILE *out);
