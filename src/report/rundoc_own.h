/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts that read runs share. Private to them. */
#pragma once

#include <stdio.h>

#include "report/docget.h"
#include "report/rundoc.h"

/* Where a document is at fault: "runs[2].histogram_ns". */
struct ws_place {
	char text[96];
};

/*
 * A histogram from a list of bins and from the summary beside it (NULL: unknown). Its smallest and greatest value, mean
 * and deviation are the summary's. outside: values below 0, of 0, and of 100 s and more, UINT64_MAX where that is
 * not told; they are made up from the summary's count then. *ret: NULL if there is no list. 0, -ENOMEM, or -EBADMSG with a
 * sentence in why.
 */
struct ws_outside {
	uint64_t negative, below_range, above_range;
};
int ws_rundoc_hist(struct ws_rundoc *d, const struct ws_place *place, const json_t *bins,
	const json_t *summary, const struct ws_outside *outside, struct ws_hist **ret, char *why,
	size_t why_size);
/* The same of a timeline; one that is damaged is left out, with a note. 0, -ENOMEM. */
int ws_rundoc_timeline(struct ws_rundoc *d, const struct ws_place *place, const json_t *timeline,
	struct ws_timeline **ret);
/* The list of losses of a run; entries that are none are left out, with a note. 0, -ENOMEM. */
int ws_rundoc_losses(struct ws_rundoc *d, const struct ws_place *place, const json_t *losses,
	struct ws_series *s);

/* All series of a document with d->json and d->kind. 0, -ENOMEM, -EBADMSG and why (without the path). */
int ws_rundoc_fill(struct ws_rundoc *d, char *why, size_t why_size);
/* The only series of a text that is no JSON. */
int ws_rundoc_import(struct ws_rundoc *d, const char *text, size_t len, double unit_ns, char *why,
	size_t why_size);
/* Empties a series: everything unknown. */
void ws_series_init(struct ws_series *s, const struct ws_rundoc *d);
