/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/hist.h"

#include <math.h>
#include <string.h>

#define SUB_BITS 10
#define SUB_BINS (1 << SUB_BITS) /* bins in each power of two from 2048 on */

typedef unsigned __int128 u128;

void ws_hist_init(struct ws_hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = INT64_MAX;
	h->max = INT64_MIN;
}

/*
 * The value keeps its highest 11 bits; shift is what it loses. The bit set by SUB_BINS makes the
 * shift 0 for all small values, so that they need no case of their own.
 */
size_t ws_hist_index(int64_t value)
{
	uint64_t v = (uint64_t)value;
	unsigned int shift = 63 - SUB_BITS - (unsigned int)__builtin_clzll(v | SUB_BINS);

	return ((size_t)shift << SUB_BITS) + (size_t)(v >> shift);
}

static int64_t bin_low(size_t i)
{
	size_t shift = i < 2 * SUB_BINS ? 0 : (i >> SUB_BITS) - 1;

	return (int64_t)((i - (shift << SUB_BITS)) << shift);
}

struct ws_hist_bin ws_hist_bin(const struct ws_hist *h, size_t i)
{
	return (struct ws_hist_bin){
		.low = bin_low(i),
		.high = bin_low(i + 1),
		.count = h->bins[i],
	};
}

size_t ws_hist_next(const struct ws_hist *h, size_t i)
{
	while (i < WS_HIST_BINS && h->bins[i] == 0) {
		i++;
	}
	return i < WS_HIST_BINS ? i : WS_HIST_BINS;
}

void ws_hist_record(struct ws_hist *h, int64_t value)
{
	__int128 wide = value;
	u128 square = (u128)(wide * wide);

	h->count++;
	h->min = value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
	h->sum += wide;
	h->sum_sq_high += __builtin_add_overflow(h->sum_sq, square, &h->sum_sq);

	if (__builtin_expect(value >= WS_HIST_LOW && value < WS_HIST_HIGH, 1)) {
		h->bins[ws_hist_index(value)]++;
	} else if (value < 0) {
		h->negative++;
	} else if (value < WS_HIST_LOW) {
		h->below_range++;
	} else {
		h->above_range++;
	}
}

/* The factors of the sums are below 2^63 and 2^64, those of the squares 2^126 and 2^64. */
void ws_hist_record_many(struct ws_hist *h, int64_t value, uint64_t times)
{
	__int128 wide = value;
	u128 square = (u128)(wide * wide), low, high;

	if (times == 0) {
		return;
	}
	h->count += times;
	h->min = value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
	h->sum += wide * times;
	low = (u128)(uint64_t)square * times;
	high = (square >> 64) * times + (low >> 64);
	low = (high << 64) | (uint64_t)low;
	h->sum_sq_high += (uint64_t)(high >> 64);
	h->sum_sq_high += __builtin_add_overflow(h->sum_sq, low, &h->sum_sq);

	if (value >= WS_HIST_LOW && value < WS_HIST_HIGH) {
		h->bins[ws_hist_index(value)] += times;
	} else if (value < 0) {
		h->negative += times;
	} else if (value < WS_HIST_LOW) {
		h->below_range += times;
	} else {
		h->above_range += times;
	}
}

void ws_hist_merge(struct ws_hist *h, const struct ws_hist *from)
{
	for (size_t i = 0; i < WS_HIST_BINS; i++) {
		h->bins[i] += from->bins[i];
	}
	h->count += from->count;
	h->negative += from->negative;
	h->below_range += from->below_range;
	h->above_range += from->above_range;
	h->min = from->min < h->min ? from->min : h->min;
	h->max = from->max > h->max ? from->max : h->max;
	h->sum += from->sum;
	h->sum_sq_high += from->sum_sq_high;
	h->sum_sq_high += __builtin_add_overflow(h->sum_sq, from->sum_sq, &h->sum_sq);
}

uint64_t ws_hist_in_range(const struct ws_hist *h)
{
	return h->count - h->negative - h->below_range - h->above_range;
}

/*
 * ceil(q * count). q is a decimal fraction that a double only comes near: 0.07 of 100 is a little
 * more than 7 then, and must not become 8.
 */
static uint64_t nearest_rank(double q, uint64_t count)
{
	double exact = q * (double)count * (1 - 1e-15);
	uint64_t rank = (uint64_t)exact;

	return (double)rank < exact ? rank + 1 : rank;
}

bool ws_hist_at_rank(const struct ws_hist *h, uint64_t rank, struct ws_hist_bin *ret)
{
	uint64_t seen = h->negative + h->below_range;
	size_t i;

	if (rank <= seen || rank > h->count - h->above_range) {
		return false;
	}
	for (i = 0; seen + h->bins[i] < rank; i++) {
		seen += h->bins[i];
	}
	*ret = ws_hist_bin(h, i);
	return true;
}

bool ws_hist_quantile(const struct ws_hist *h, double q, int64_t *ret)
{
	struct ws_hist_bin bin;
	uint64_t rank;

	if (!(q > 0 && q < 1)) {
		return false;
	}
	rank = nearest_rank(q, h->count);
	/* ceil(q * count) < count is the same as count >= 1/(1-q), without its rounding. */
	if (rank >= h->count || !ws_hist_at_rank(h, rank, &bin)) {
		return false;
	}
	*ret = bin.high - 1 < h->max ? bin.high - 1 : h->max;
	return true;
}

bool ws_hist_mean(const struct ws_hist *h, double *ret)
{
	__int128 count = h->count;

	if (count == 0) {
		return false;
	}
	*ret = (double)(h->sum / count) + (double)(h->sum % count) / (double)count;
	return true;
}

/*
 * With m the mean cut to an integer and r = sum - m * count what the cut leaves over:
 *
 *	sum of (value - m)^2 = sum_sq - m * (sum + r)
 *
 * which is taken in integers of 192 bits, so that no digits cancel, however large the values are.
 */
bool ws_hist_stddev(const struct ws_hist *h, double *ret)
{
	__int128 m, r;
	u128 low, high, product, around_low;
	uint64_t around_high, a;
	double n = (double)h->count, variance;

	if (h->count < 2) {
		return false;
	}

	/* r has the sign of sum: so has sum + r, and its product with m is never negative. */
	m = h->sum / h->count;
	r = h->sum % h->count;
	a = (uint64_t)(m < 0 ? -m : m);
	product = (u128)(h->sum < 0 ? -(h->sum + r) : h->sum + r);
	low = (u128)a * (uint64_t)product;
	high = (u128)a * (uint64_t)(product >> 64) + (low >> 64);
	low = (high << 64) | (uint64_t)low;

	around_high = h->sum_sq_high - (uint64_t)(high >> 64);
	around_high -= __builtin_sub_overflow(h->sum_sq, low, &around_low);

	variance =
		((double)around_high * 0x1p128 + (double)around_low - (double)r * (double)r / n) /
		(n - 1);
	*ret = variance > 0 ? sqrt(variance) : 0;
	return true;
}

/*
 * The sum of squares is what ws_hist_stddev() takes apart again: m * (sum + r), and what remains
 * around m. Within these bounds each of the two is below 2^127.
 */
bool ws_hist_set_moments(struct ws_hist *h, double mean, double stddev)
{
	double n = (double)h->count, whole, around;
	__int128 sum, m, r;

	if (h->count < 2 || h->count > UINT64_C(1) << 53) {
		return false;
	}
	if (!(mean >= (double)h->min && mean <= (double)h->max) ||
		!(fabs(mean) <= (double)WS_HIST_HIGH) ||
		!(stddev >= 0 && stddev <= (double)WS_HIST_HIGH)) {
		return false;
	}

	/* The product alone would cost the digits of the fraction. */
	whole = trunc(mean);
	sum = (__int128)whole * h->count + (__int128)rint((mean - whole) * n);
	m = sum / h->count;
	r = sum % h->count;
	around = stddev * stddev * (n - 1) + (double)r * (double)r / n;
	h->sum = sum;
	h->sum_sq = (u128)(m * (sum + r)) + (u128)around;
	h->sum_sq_high = 0;
	return true;
}
