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
/* As if the value had been recorded so many times. All together are at most UINT64_MAX values. */
void ws_hist_record_many(struct ws_hist *h, int64_t value, uint64_t times);
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
 * The bin that holds the value of this rank, from 1 for the smallest to count. Returns false, and
 * writes nothing, when there is no such rank, or it falls among values outside the range.
 */
bool ws_hist_at_rank(const struct ws_hist *h, uint64_t rank, struct ws_hist_bin *ret);

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
 * For a histogram that was put together from bins: takes mean and sample standard deviation that
 * are known from elsewhere instead of those of the bins' values. Returns false, and changes
 * nothing, when they cannot be kept exactly enough: fewer than two values or more than 2^53, a mean
 * outside [min, max] or beyond WS_HIST_HIGH on either side, a deviation that is negative or above
 * WS_HIST_HIGH.
 */
bool ws_hist_set_moments(struct ws_hist *h, double mean, double stddev);

/*
 * Confidence interval of the q-th quantile by order statistics: nothing is assumed but that the
 * values are independent. Of `count` values those of the ranks *ret_low and *ret_high enclose the
 * true quantile with a probability of at least `level` (0 < level < 1); on either side it lies
 * outside with at most (1 - level) / 2. Ranks count from 1, and *ret_low < *ret_high. Exact
 * binomial sums; where count * q * (1 - q) > 1000 the normal approximation with its next two terms
 * (Cornish and Fisher 1938), rounded outwards. Returns false, and writes nothing, when there are
 * too few values for such ranks, or q or level is not between 0 and 1.
 */
bool ws_hist_rank_interval(
	uint64_t count, double q, double level, uint64_t *ret_low, uint64_t *ret_high);
/*
 * The same as values: the lower edge of the low rank's bin, and the largest value of the high
 * rank's, never outside [min, max]. It encloses what ws_hist_quantile() gives, if that gives
 * anything. Also false where a rank falls among values outside the range.
 */
bool ws_hist_quantile_interval(
	const struct ws_hist *h, double q, double level, int64_t *ret_low, int64_t *ret_high);

/*
 * b's q-th quantile minus a's, with a confidence interval from those of both, which are
 * independent: what each spreads to the side in question is added in quadrature (Zou and Donner
 * 2008). Returns false, and writes nothing, where either has no quantile or no interval.
 */
struct ws_hist_difference {
	int64_t a, b; /* the quantiles */
	int64_t difference, low, high;
};
bool ws_hist_compare(const struct ws_hist *a, const struct ws_hist *b, double q, double level,
	struct ws_hist_difference *ret);
