/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/docsum.h"

#define LEVEL 0.95

json_t *ws_doc_interval(struct ws_doc *d, bool known, int64_t low, int64_t high)
{
	json_t *list;

	if (!known) {
		return json_null();
	}
	list = json_array();
	ws_doc_add(d, list, ws_doc_integer(low));
	ws_doc_add(d, list, ws_doc_integer(high));
	return list;
}

json_t *ws_doc_latency(struct ws_doc *d, const struct ws_hist *h, int64_t bound_ns)
{
	static const struct ws_doc_quantile quantiles[] = {{"p50", 0.5}, {"p90", 0.9},
		{"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999},
		{NULL, 0}};
	json_t *o, *confidence;
	int64_t low = 0, high = 0;
	size_t i;

	if (!h) {
		return json_null();
	}
	o = ws_doc_summary(d, h, true, quantiles);
	confidence = json_object();
	for (i = 0; quantiles[i].name; i++) {
		bool known = ws_hist_quantile_interval(h, quantiles[i].q, LEVEL, &low, &high);

		ws_doc_put(d, confidence, quantiles[i].name, ws_doc_interval(d, known, low, high));
	}
	ws_doc_put(d, o, "error_bound", bound_ns >= 0 ? ws_doc_integer(bound_ns) : json_null());
	ws_doc_put(d, o, "confidence", confidence);
	return o;
}
