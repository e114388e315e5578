/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of made-up runs for figures and pages; the same ones every time. */
#pragma once

#include "report/report_out.h"

/* "one", "two", "five", "twelve", "forty", "odd" (bimodal, constant, empty, hostile names), "compare", "empty",
 * "tiny"; NULL for others. */
struct ws_report_set *figure_sample_new(const char *name);
void figure_sample_free(struct ws_report_set *set);
/* The names above, ends with NULL. */
extern const char *const figure_sample_names[];
