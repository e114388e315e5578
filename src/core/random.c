// SPDX-License-Identifier: BSD-2-Clause
#include "core/random.h"

typedef unsigned __int128 u128;

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio, odd */

/* Fixed point with so many binary places. */
#define LN_BITS	    56
#define LN2	    INT64_C(0xb17217f7d1cf7a)
#define FACTOR_BITS 9
#define TABLE_BITS  5
#define REST_BITS   (53 + FACTOR_BITS) /* of what is left of a mantissa of 53 bits times a factor */
#define SERIES_BITS 32
#define SERIES_ONE  (INT64_C(1) << SERIES_BITS)
#define RESULT_BITS 32

/*
 * Scrambles: every bit of the result depends on every bit of x, and no two x have the same result. The
 * constants are those of SplitMix64's output function (Steele, Lea and Flood, "Fast Splittable
 * Pseudorandom Number Generators", 2014, with D. Stafford's variant 13 of MurmurHash3's finalizer).
 */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t ws_random_key(uint64_t seed, unsigned stream)
{
	return mix(mix(seed + GOLDEN) ^ (stream + UINT64_C(1)) * GOLDEN);
}

/*
 * The index is scrambled before the key comes in, and again after. Were it only added to the key, all
 * seeds and streams would walk the same sequence, each from a place of its own.
 */
uint64_t ws_random_keyed(uint64_t key, uint64_t index)
{
	return mix(mix((index + 1) * GOLDEN) ^ key);
}

uint64_t ws_random_at(uint64_t seed, unsigned stream, uint64_t index)
{
	return ws_random_keyed(ws_random_key(seed, stream), index);
}

uint64_t ws_random_below(uint64_t bits, uint64_t limit)
{
	return (uint64_t)((u128)bits * limit >> 64);
}

/*
 * For the mantissas from 1 + i/32 to 1 + (i + 1)/32: a factor, about the reciprocal of the middle, in
 * units of 2^-9, and minus its logarithm in units of 2^-56.
 */
static const struct {
	uint64_t factor, ln;
} table[1 << TABLE_BITS] = {
	{504, UINT64_C(0x00408159624d612)},
	{489, UINT64_C(0x00bc42cad1abbdd)},
	{475, UINT64_C(0x01333d7f8183f4b)},
	{462, UINT64_C(0x01a4e7640b1bc38)},
	{449, UINT64_C(0x0219cfd9b998519)},
	{437, UINT64_C(0x0288c573b9367b8)},
	{426, UINT64_C(0x02f131b0a8898e6)},
	{415, UINT64_C(0x035c594dece57a9)},
	{405, UINT64_C(0x03c04198c46b56a)},
	{395, UINT64_C(0x0426a95cb9b1b51)},
	{386, UINT64_C(0x0485115b43ae351)},
	{377, UINT64_C(0x04e5b38d66efd50)},
	{368, UINT64_C(0x0548ab81ce28f5f)},
	{360, UINT64_C(0x05a2b20fa71a850)},
	{352, UINT64_C(0x05febe8ef605470)},
	{345, UINT64_C(0x0651050d280c966)},
	{338, UINT64_C(0x06a4fb4f22b678e)},
	{331, UINT64_C(0x06fab36789c6b45)},
	{324, UINT64_C(0x07524091b7be9ae)},
	{318, UINT64_C(0x079ed0b0f76b5cd)},
	{312, UINT64_C(0x07ecd62bde92211)},
	{306, UINT64_C(0x083c5f8299e2b41)},
	{301, UINT64_C(0x087fdaa109d23af)},
	{295, UINT64_C(0x08d2539c5bd19e3)},
	{290, UINT64_C(0x0918586c5f5e4bf)},
	{285, UINT64_C(0x095f94fcc20e1d9)},
	{280, UINT64_C(0x09a81456cec642e)},
	{275, UINT64_C(0x09f1e21c8c7bb63)},
	{271, UINT64_C(0x0a2de62326449d1)},
	{266, UINT64_C(0x0a7a2d41ad270ca)},
	{262, UINT64_C(0x0ab83d135dc6333)},
	{258, UINT64_C(0x0af74155120c901)},
};

/*
 * With v = 2 * bits + 1 = m * 2^e and m in [1, 2), the result is (65 - e) * ln 2 - ln m. A factor from
 * the table brings m close to 1, and five terms of ln(1 + r) do the rest: as |r| < 2^-5.8, the sixth is
 * below 2^-37.
 */
uint64_t ws_random_exponential(uint64_t bits)
{
	int zeros = bits != 0 ? __builtin_clzll(bits) : 64;
	uint64_t m; /* in units of 2^-63 */
	int64_t rest, r, series, sum;
	unsigned i;

	if (zeros == 64) {
		m = UINT64_C(1) << 63;
	} else if (zeros > 0) {
		m = bits << zeros | UINT64_C(1) << (zeros - 1);
	} else {
		m = bits; /* the half is below the last bit, and far below the result's */
	}
	i = (unsigned)(m >> (63 - TABLE_BITS)) & ((1u << TABLE_BITS) - 1);
	rest = (int64_t)((m >> 10) * table[i].factor) - (INT64_C(1) << REST_BITS);
	r = rest >> (REST_BITS - SERIES_BITS);

	/* r - r * r * (1/2 - r * (1/3 - r * (1/4 - r / 5))) */
	series = SERIES_ONE / 4 - (r * (SERIES_ONE / 5) >> SERIES_BITS);
	series = SERIES_ONE / 3 - (r * series >> SERIES_BITS);
	series = SERIES_ONE / 2 - (r * series >> SERIES_BITS);
	series = r * (r * series >> SERIES_BITS) >> (2 * SERIES_BITS - LN_BITS);
	series = (rest >> (REST_BITS - LN_BITS)) - series;

	sum = (int64_t)(1 + zeros) * LN2 - (int64_t)table[i].ln - series;
	if (sum < 0) {
		sum = 0; /* the smallest result, 2^-65, less the error */
	}
	return (uint64_t)(sum + (INT64_C(1) << (LN_BITS - RESULT_BITS - 1))) >>
	       (LN_BITS - RESULT_BITS);
}
