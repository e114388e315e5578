/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine that it runs on, and lists of its CPUs. */
#pragma once

#include <stddef.h>

#define WS_CPU_LIMIT 8192 /* CPU numbers are below this */

struct ws_cpu_facts {
	char hostname[65], kernel[130], arch[65]; /* kernel: the release, "6.1.0-18-amd64" */
	char cpu[128];				  /* model; empty: unknown */
	unsigned cpus;				  /* online; 0: unknown */
	char governor[32];			  /* of CPU 0; empty: unknown */
	char clocksource[32];			  /* empty: unknown */
};

/* What cannot be known stays empty. */
void ws_cpu_facts_get(struct ws_cpu_facts *ret);

/*
 * Parses "0,1", "0-3", "2,4-5" into CPU numbers, in the order of the text. Returns their number (at
 * least 1), -EINVAL (no such form, a range that goes down), -ERANGE (number too large) or -E2BIG
 * (more than max).
 */
int ws_cpu_list_parse(const char *text, unsigned *ret, size_t max);
