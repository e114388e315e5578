/* SPDX-License-Identifier: BSD-2-Clause */
/* The document of `probe`, and its printing. */
#pragma once

#include <stdio.h>

#include "report/probe_result.h"
#include "report/report.h"

/* 0, -EIO, -ENOMEM each. */
int ws_probe_json(FILE *out, const struct ws_probe_report *r);
/* A table, the best first, if report->table; else a page for each interface. */
int ws_probe_text(FILE *out, const struct ws_probe_report *r, const struct ws_text_style *style);
