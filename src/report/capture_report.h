/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of a capture to text and JSON. */
#pragma once

#include <stdio.h>

#include "report/capture_result.h"
#include "report/report.h"

/* The ledger, interface by interface, what ended it, warnings. 0, -EIO, -ENOMEM. */
int ws_capture_text(
	FILE *out, const struct ws_capture_report *r, const struct ws_text_style *style);
/* One document (format "wirestamp-run/1"), with a final newline. 0, -ENOMEM or -EIO. */
int ws_capture_json(FILE *out, const struct ws_capture_report *r);
