/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log-linear histogram of int64 nanoseconds: 3 significant digits over 1 ns to 100 s.
 *
 * Values below 2048 have a bin each; above, every power of two is split into 1024 equal bins, so
 * that a bin is never wider than 1/1024 of its lower edge (the layout of HdrHistogram,
 * hdrhistogram.org). The layout is fixed: histograms can be merged without loss. Nothing is
 * dropped: what is outside the range is counted by name and still enters count, min, max, mean and
 * the order of the percentiles.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HIST_LOW  INT64_C(1)		   /* smallest value with a bin */
#define WS_HIST_HIGH INT64_C(100000000000) /* values from here on (100 s) are above the range */
#define WS_HIST_BINS (2048 + 26 * 1024)	   /* covers up to 2^37 - 1 > 10^11 */

struct ws_hist {
	uint64_t bins[WS_HIST_BINS];
	uint64_t count; /* everything recorded, the three below included */
	uint64_t negative, below_range, above_range;
	int64_t min, max; /* valid if count > 0 */
	/* Exact, so that merging loses nothing and no offset of the values spoils the deviation. */
	__int128 sum;
	unsigned __int128 sum_sq; /* of the squares: the lower 128 bits, */
	uint64_t sum_sq_high;	  /* and the 64 bits above them */
};

/* Empties h. There is nothing to free. */
void ws_hist_init(struct ws_hist *h);
/* Records one value: constant time, few instructions, no branch on the data but the range check. */
void ws_hist_record(struct ws_hist *h, int64_t value);
/* Adds all of from to h. The result is the same as if every value had been recorded in h. */
void ws_hist_merge(struct ws_hist *h, const struct ws_hist *from);

/* Counts in bins: count - negative - below_range - above_range. */
uint64_t ws_hist_in_range(const struct ws_hist *h);

/* Bin i covers [low, high); the last one used ends above WS_HIST_HIGH, but counts only below it. */
struct ws_hist_bin {
	int64_t low, high;
	uint64_t count;
};
struct ws_hist_bin ws_hist_bin(const struct ws_hist *h, size_t i);
/* Index of the bin that holds value; value is in [WS_HIST_LOW, WS_HIST_HIGH). */
size_t ws_hist_index(int64_t value);
/* The next non-empty bin at or after i; WS_HIST_BINS if there is none. */
size_t ws_hist_next(const struct ws_hist *h, size_t i);

/*
 * The q-th quantile, 0 < q < 1, by nearest rank: the smallest value that at least q of the sample
 * do not exceed, to the resolution of its bin (the bin's largest value, and never outside [min,
 * max]). Returns false, and writes nothing, when the sample does not allow it: fewer than 1/(1-q)
 * values, or the rank falls among values outside the range; nor for a q that is not between 0
 * and 1.
 */
bool ws_hist_quantile(const struct ws_hist *h, double q, int64_t *ret);

/* Of everything recorded. False, and nothing written, when there are none (mean) or fewer than two
 * (sample standard deviation, n-1). */
bool ws_hist_mean(const struct ws_hist *h, double *ret);
bool ws_hist_stddev(const struct ws_hist *h, double *ret);

/*
 * Confidence interval of the q-th quantile by order statistics: no assumption but independence. Of `count`
 * values, the ones of ranks [*ret_low, *ret_high] enclose the true quantile with at least `level` (0 < level < 1)
 * probability (binomial; normal approximation where count * q * (1 - q) > 1000). As values: the lower edge of
 * the low rank's bin and the largest value of the high rank's. False, and nothing written, where the sample
 * is too small for such an interval, or where a rank falls outside the range.
 */
bool ws_hist_quantile_interval(
	const struct ws_hist *h, double q, double level, int64_t *ret_low, int64_t *ret_high);
/* The same for ranks, from 1: pure arithmetic. */
bool ws_hist_rank_interval(uint64_t count, double q, double level, uint64_t *ret_low, uint64_t *ret_high);

/*
 * b's q-th quantile minus a's, with a confidence interval. From the two quantiles' own intervals, each spread
 * around its estimate, independent: the spreads are added in quadrature (on each side its own). False where either
 * has no interval.
 */
struct ws_hist_difference {
	int64_t a, b;		/* the quantiles */
	int64_t difference, low, high;
};
bool ws_hist_compare(const struct ws_hist *a, const struct ws_hist *b, double q, double level,
	struct ws_hist_difference *ret);
