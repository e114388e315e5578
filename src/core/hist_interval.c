/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "core/hist.h"

#define EXACT_VARIANCE 1000
/* Terms of this size beside the largest one change no sum. */
#define NEGLIGIBLE 1e-40

/*
 * How many of count values lie below the true quantile is binomial. With B this number, the value
 * of rank low lies above the quantile if B < low, and that of rank high below it if B >= high. So
 * low is the highest rank with P(B < low) <= tail, and high the lowest with P(B >= high) <= tail.
 */
struct ranks {
	uint64_t low, high;
	bool found;
};

/*
 * The terms of the distribution beside the largest one, from that one outwards as far as they
 * count: no factorial is needed, and at most some 900 steps.
 */
static struct ranks exact_ranks(uint64_t n, double q, double tail)
{
	double odds = q / (1 - q), mode = ((double)n + 1) * q, most, below, above;
	uint64_t at = mode < (double)n ? (uint64_t)mode : n, k, first;
	double w = 1, total = 0;

	for (k = at; k > 0 && w > NEGLIGIBLE; k--) {
		w *= (double)k / ((double)(n - k + 1) * odds);
	}
	first = k;
	below = w;
	/* Each sum starts with its smallest terms. */
	for (;;) {
		total += w;
		if (k == n || (k > at && w < NEGLIGIBLE)) {
			break;
		}
		w *= (double)(n - k) / (double)(k + 1) * odds;
		k++;
	}
	above = w;
	/* 1 - level is a little off for most levels; a tail of just this size must do. */
	most = tail * total * (1 + 1e-12);

	struct ranks r = {.low = first, .high = k + 1};
	double sum = 0;

	for (w = below; sum + w <= most; r.low++) {
		sum += w;
		w *= (double)(n - r.low) / (double)(r.low + 1) * odds;
	}
	sum = 0;
	for (w = above; sum + w <= most; r.high--) {
		sum += w;
		w *= (double)(r.high - 1) / ((double)(n - r.high + 2) * odds);
	}
	r.found = r.low > 0 && r.high <= n;
	return r;
}

/* The z that a normal deviate exceeds with this probability, 0 < tail < 1/2. */
static double normal_quantile(double tail)
{
	double low = 0, high = 40;

	for (int i = 0; i < 64; i++) {
		double z = (low + high) / 2;

		if (erfc(z / sqrt(2)) / 2 > tail) {
			low = z;
		} else {
			high = z;
		}
	}
	return high;
}

/*
 * Between whole numbers a step of the distribution is met half-way; not using this half on either
 * side is more than the error that remains.
 */
static struct ranks normal_ranks(uint64_t n, double q, double tail)
{
	double z = normal_quantile(tail), pq = q * (1 - q), cube = z * z * z;
	double deviation = sqrt((double)n * pq), skew = 1 - 2 * q;
	double middle = (double)n * q + skew * (z * z - 1) / 6;
	double spread = deviation * z + ((1 - 6 * pq) * (cube - 3 * z) / 24 -
						skew * skew * (2 * cube - 5 * z) / 36) /
						deviation;
	double low = floor(middle - spread), high = ceil(middle + spread);
	struct ranks r = {.found = low >= 1 && high < (double)n};

	/* Large doubles have no next whole number. */
	if (r.found) {
		r.low = (uint64_t)low;
		r.high = (uint64_t)high + 1;
	}
	return r;
}

bool ws_hist_rank_interval(
	uint64_t count, double q, double level, uint64_t *ret_low, uint64_t *ret_high)
{
	bool upper = q > 0.5;
	double p = upper ? 1 - q : q, tail = (1 - level) / 2;
	struct ranks r;

	if (count == 0 || !(q > 0 && q < 1) || !(level > 0 && level < 1)) {
		return false;
	}
	/* Counted from the nearer end, ranks keep their digits in a double. */
	r = (double)count * p * (1 - p) > EXACT_VARIANCE ? normal_ranks(count, p, tail)
							 : exact_ranks(count, p, tail);
	if (!r.found) {
		return false;
	}
	*ret_low = upper ? count - r.high + 1 : r.low;
	*ret_high = upper ? count - r.low + 1 : r.high;
	return true;
}

bool ws_hist_quantile_interval(
	const struct ws_hist *h, double q, double level, int64_t *ret_low, int64_t *ret_high)
{
	struct ws_hist_bin bin_low, bin_high;
	uint64_t low, high;

	if (!ws_hist_rank_interval(h->count, q, level, &low, &high) ||
		!ws_hist_at_rank(h, low, &bin_low) || !ws_hist_at_rank(h, high, &bin_high)) {
		return false;
	}
	*ret_low = bin_low.low > h->min ? bin_low.low : h->min;
	*ret_high = bin_high.high - 1 < h->max ? bin_high.high - 1 : h->max;
	return true;
}

static int64_t quadrature(int64_t a, int64_t b)
{
	double x = (double)a, y = (double)b;

	return (int64_t)ceil(sqrt(x * x + y * y));
}

bool ws_hist_compare(const struct ws_hist *a, const struct ws_hist *b, double q, double level,
	struct ws_hist_difference *ret)
{
	int64_t at_a, a_low, a_high, at_b, b_low, b_high;

	if (!ws_hist_quantile(a, q, &at_a) || !ws_hist_quantile(b, q, &at_b) ||
		!ws_hist_quantile_interval(a, q, level, &a_low, &a_high) ||
		!ws_hist_quantile_interval(b, q, level, &b_low, &b_high)) {
		return false;
	}
	*ret = (struct ws_hist_difference){
		.a = at_a,
		.b = at_b,
		.difference = at_b - at_a,
		.low = at_b - at_a - quadrature(at_b - b_low, a_high - at_a),
		.high = at_b - at_a + quadrature(b_high - at_b, at_a - a_low),
	};
	return true;
}
