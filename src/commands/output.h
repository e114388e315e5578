/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a command's result goes: the directory of --out, and standard output. Errors are printed here. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "report/outdir.h"
#include "report/report.h"

/* Makes the directory of --out; path NULL: none is wanted. 0, or -1 after one line was printed. */
int ws_output_create(struct ws_outdir *dir, const char *path);

/*
 * Writes the document there, if there is a directory; called after each rate, so that what is measured is
 * kept whatever comes. last: what the last call returned; the same error is told once. 0 or -errno.
 */
int ws_output_keep(struct ws_outdir *dir, int (*json)(FILE *out, const void *report),
	const void *report, int last);

/* How a report is printed. 0, -EIO or -ENOMEM each. */
struct ws_output_printers {
	int (*json)(FILE *out, const void *report);
	int (*text)(FILE *out, const void *report, const struct ws_text_style *style);
};

/* To stdout: as text, or as JSON with the text on stderr if also_text. An exit status. */
int ws_output_print(
	const struct ws_output_printers *p, const void *report, bool json, bool also_text);
