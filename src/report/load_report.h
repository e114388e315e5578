/* SPDX-License-Identifier: BSD-2-Clause */
/* Results of `load` to text and JSON. Nothing here exits. */
#pragma once

#include <stdio.h>

#include "report/load_result.h"
#include "report/report.h"

/*
 * The whole text result: what was sent where and how, a table with one row a rate, a sentence for each
 * limit with its evidence and what to try, the departures' gaps, warnings. 0, -EIO or -ENOMEM.
 */
int ws_load_text(FILE *out, const struct ws_load_report *r, const struct ws_text_style *style);

/* As one JSON document (format "wirestamp-run/1"), with a final newline. 0, -ENOMEM or -EIO. */
int ws_load_json(FILE *out, const struct ws_load_report *r);

/* The line of each second, without a line end: "  3 s   99.9 kpps   67.2 Mbit/s   0 refused   0 late". */
char *ws_load_second_text(char *buf, size_t size, const struct ws_load_second *s);
