/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of clockfit. What is absolute is int64_t; doubles are relative to the oldest sample that is used: x is
 * ns of the reference after it, y ns of the offset above its offset.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/clockfit.h"

struct ws_fitpoint {
	double x, y;
	double window; /* 0: not told */
	double half; /* the clock stands within y +- half for certain; where nothing tells, by the scatter */
};

/* y = a + b x, and what it is not known to. */
struct ws_fitline {
	double a, b;
	double mid; /* x around which the variances are */
	/* Variance of the line at x: [0] + 2 [1] (x - mid) + [2] (x - mid)^2. From the model of the noise, and from
	 * the residuals as they are. */
	double model[3], seen[3];
	double freedom;	 /* degrees of freedom left, by the weights */
	double scatter;	 /* of the samples with short windows */
	double shortest; /* window */
	double window;	 /* mean, as they count */
	double misfit;	 /* by which parts of the samples lie off the line beyond their noise */
	double span;
};

/* Memory for `n` points. */
struct ws_fitscratch {
	double *weight, *value;
	struct ws_fitpoint *low, *high; /* of hulls */
};

/* At least 2 points, in ascending order of x. */
void ws_fitline_find(struct ws_fitline *l, const struct ws_fitpoint *p, size_t n, double resolution,
	const struct ws_fitscratch *scratch);
double ws_fitline_variance(const struct ws_fitline *l, double x);
/* Multiple of the standard error that all but a few in a thousand stay within, by the degrees of freedom. */
double ws_fitline_quantile(double freedom);
/* What a slow change of the rate, and what shows of a fast one, make of the line at x. */
double ws_fitline_bend(const struct ws_fitline *l, double x);

#define WS_FITLIMIT_ANCHORS 9

/* All lines that no point contradicts: what they allow at x, against the line that was found. */
struct ws_fitlimit {
	double span;
	double most[WS_FITLIMIT_ANCHORS], least[WS_FITLIMIT_ANCHORS]; /* at x from 0 to span */
	/* Beyond the ends: the steepest and the flattest. */
	double rate_most, rate_least;
	double most_steep, most_flat, least_steep, least_flat;
	double slack; /* by which every point was let out */
};

/* At least 2 points. */
void ws_fitlimit_find(struct ws_fitlimit *l, const struct ws_fitpoint *p, size_t n,
	const struct ws_fitline *line, const struct ws_fitscratch *scratch);
/* Above and below the line, at any x. */
void ws_fitlimit_at(const struct ws_fitlimit *l, double x, double *ret_least, double *ret_most);
