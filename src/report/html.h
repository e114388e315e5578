/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a page. Private to them. */
#pragma once

#include "report/report_out.h"

struct ws_html {
	FILE *out;
	const struct ws_report_set *set;
	bool defined; /* the shapes that figures share are on the page */
};

/* Text and attribute values: what has a meaning in HTML is escaped, bytes that are no UTF-8 and control characters
 * are replaced. */
void ws_html_text(struct ws_html *h, const char *text);
/* printf-like, escaped. */
void ws_html_print(struct ws_html *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

extern const char ws_html_style[];

/* All figures that are possible, or a text in their place. 0, -ENOMEM. */
int ws_html_figures(struct ws_html *h);
/* One row a series. */
void ws_html_summary(struct ws_html *h);
/* 0, -ENOMEM. */
int ws_html_comparison(struct ws_html *h);
/* What each document says of machine, interfaces, stamps, and its command line. */
void ws_html_measured(struct ws_html *h);
