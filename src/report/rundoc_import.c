/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/rundoc_own.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/hgrm.h"

#define LOOK 4096 /* bytes at the beginning that tell one kind from another */

static bool has(const char *text, size_t len, const char *part)
{
	return memmem(text, len < LOOK ? len : LOOK, part, strlen(part)) != NULL;
}

/* Digits, a comma, digits; or words with a comma in their place, in the first line. */
static bool looks_like_csv(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len < LOOK ? len : LOOK);
	const char *comma;
	size_t i, line = end ? (size_t)(end - text) : len;

	comma = memchr(text, ',', line < LOOK ? line : LOOK);
	if (!comma) {
		return false;
	}
	for (i = 0; i < line && i < LOOK; i++) {
		if (!isprint((unsigned char)text[i]) && !isspace((unsigned char)text[i])) {
			return false;
		}
	}
	return true;
}

int ws_rundoc_import(struct ws_rundoc *d, const char *text, size_t len, double unit_ns, char *why,
	size_t why_size)
{
	bool is_hgrm = has(text, len, "Percentile") && has(text, len, "Value");
	struct ws_series *s;
	FILE *in;
	int r;

	if (!is_hgrm && !looks_like_csv(text, len)) {
		snprintf(why, why_size,
			"neither a run (run.json), nor HdrHistogram's percentiles (.hgrm), nor "
			"MoonGen's histogram.csv (give the directory that --out made)");
		return -EBADMSG;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	ws_series_init(s, d);
	d->series = s;
	d->count = 1;
	s->latency = malloc(sizeof(*s->latency));
	/* The stream only reads. */
	in = fmemopen((void *)(uintptr_t)text, len, "r");
	if (!s->latency || !in) {
		r = -ENOMEM;
	} else {
		ws_hist_init(s->latency);
		r = is_hgrm ? ws_hgrm_read(in, unit_ns > 0 ? unit_ns : 1, s->latency, why, why_size)
			    : ws_moongen_read(in, s->latency, why, why_size);
	}
	if (in) {
		fclose(in);
	}
	if (r < 0) {
		return r;
	}
	s->matched = s->received = s->latency->count;
	ws_rundoc_note(d, "%s: how it was measured is not known%s",
		is_hgrm ? "HdrHistogram's percentiles" : "a histogram of latency,count",
		is_hgrm && unit_ns <= 0
			? ", and its values are taken for ns (--unit says otherwise)"
			: "");
	return 0;
}
