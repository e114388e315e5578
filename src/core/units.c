/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/units.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_PPS	       UINT64_C(1000000000000)
#define MAX_BPS	       UINT64_C(1000000000000000)
#define SLOWEST_PERIOD 1000 /* seconds for one packet or bit */

#define FCS_LEN	    4
#define L1_OVERHEAD 20 /* preamble and start delimiter 8, inter-frame gap 12 (IEEE 802.3) */

typedef unsigned __int128 u128;

struct unit {
	const char *text;
	uint64_t scale;
	enum ws_rate_unit rate; /* of rates only */
};

static const struct unit rate_units[] = {
	{"pps", 1, WS_RATE_PPS},
	{"kpps", 1000, WS_RATE_PPS},
	{"Kpps", 1000, WS_RATE_PPS},
	{"Mpps", 1000000, WS_RATE_PPS},
	{"bps", 1, WS_RATE_BPS_L2},
	{"kbps", 1000, WS_RATE_BPS_L2},
	{"Kbps", 1000, WS_RATE_BPS_L2},
	{"Mbps", 1000000, WS_RATE_BPS_L2},
	{"Gbps", 1000000000, WS_RATE_BPS_L2},
	{"bps/l1", 1, WS_RATE_BPS_L1},
	{"kbps/l1", 1000, WS_RATE_BPS_L1},
	{"Kbps/l1", 1000, WS_RATE_BPS_L1},
	{"Mbps/l1", 1000000, WS_RATE_BPS_L1},
	{"Gbps/l1", 1000000000, WS_RATE_BPS_L1},
	{"%", 1, WS_RATE_PERCENT},
};

static const struct unit duration_units[] = {
	{.text = "ns", .scale = 1},
	{.text = "us", .scale = 1000},
	{.text = "ms", .scale = 1000000},
	{.text = "s", .scale = UINT64_C(1000000000)},
	{.text = "m", .scale = UINT64_C(60000000000)},
	{.text = "h", .scale = UINT64_C(3600000000000)},
};

/* "KB" is left out on purpose: to many it means 1024 bytes. */
static const struct unit byte_units[] = {
	{.text = "", .scale = 1},
	{.text = "B", .scale = 1},
	{.text = "kB", .scale = 1000},
	{.text = "MB", .scale = 1000000},
	{.text = "GB", .scale = 1000000000},
	{.text = "KiB", .scale = UINT64_C(1) << 10},
	{.text = "kiB", .scale = UINT64_C(1) << 10},
	{.text = "MiB", .scale = UINT64_C(1) << 20},
	{.text = "GiB", .scale = UINT64_C(1) << 30},
};

static const struct unit count_units[] = {
	{.text = "", .scale = 1},
	{.text = "k", .scale = 1000},
	{.text = "K", .scale = 1000},
	{.text = "M", .scale = 1000000},
	{.text = "G", .scale = 1000000000},
};

/* A part of a text: [start, end). */
struct span {
	const char *start, *end;
};

static struct span span_of(const char *text)
{
	return (struct span){text, text + strlen(text)};
}

static bool span_is(struct span s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(s.end - s.start) == len && memcmp(s.start, text, len) == 0;
}

/* Cuts what is before the first `mark` off the front of s. Without a mark: all of it, and false. */
static bool span_cut(struct span *s, char mark, struct span *ret)
{
	const char *at = memchr(s->start, mark, (size_t)(s->end - s->start));

	if (!at) {
		*ret = *s;
		s->start = s->end;
		return false;
	}
	*ret = (struct span){s->start, at};
	s->start = at + 1;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static u128 gcd(u128 a, u128 b)
{
	while (b != 0) {
		u128 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* num / den in lowest terms, den > 0; -ERANGE if 64 bits do not hold them. */
static int ratio_make(u128 num, u128 den, struct ws_ratio *ret)
{
	u128 common = gcd(num, den);

	num /= common;
	den /= common;
	if (num > UINT64_MAX || den > UINT64_MAX) {
		return -ERANGE;
	}
	*ret = (struct ws_ratio){.num = (uint64_t)num, .den = (uint64_t)den};
	return 0;
}

/* digits / den is the number as it is written; den is a power of ten. */
struct decimal {
	uint64_t digits, den;
	bool overflow;
};

static void decimal_add(struct decimal *d, uint64_t digit)
{
	d->overflow = d->overflow || __builtin_mul_overflow(d->digits, 10, &d->digits) ||
		      __builtin_add_overflow(d->digits, digit, &d->digits);
}

/*
 * DIGITS or DIGITS.DIGITS at the front of s; moves s behind it. False for any other form. A number
 * that does not fit is told by overflow, not here: what follows it may yet show that the form is
 * wrong.
 */
static bool decimal_parse(struct span *s, struct decimal *ret)
{
	struct decimal d = {.den = 1};
	const char *p = s->start;
	unsigned int zeros = 0;

	if (p == s->end || !is_digit(*p)) {
		return false;
	}
	for (; p < s->end && is_digit(*p); p++) {
		decimal_add(&d, (uint64_t)(*p - '0'));
	}

	if (p < s->end && *p == '.') {
		p++;
		if (p == s->end || !is_digit(*p)) {
			return false;
		}
		for (; p < s->end && is_digit(*p); p++) {
			/* Zeros wait for a digit after them: those at the end cost no room. */
			if (*p == '0') {
				zeros++;
				continue;
			}
			for (; zeros > 0 && !d.overflow; zeros--) {
				decimal_add(&d, 0);
				d.overflow =
					d.overflow || __builtin_mul_overflow(d.den, 10, &d.den);
			}
			decimal_add(&d, (uint64_t)(*p - '0'));
			d.overflow = d.overflow || __builtin_mul_overflow(d.den, 10, &d.den);
		}
	}

	s->start = p;
	*ret = d;
	return true;
}

static const struct unit *unit_find(const struct unit *units, size_t count, struct span s)
{
	for (size_t i = 0; i < count; i++) {
		if (span_is(s, units[i].text)) {
			return &units[i];
		}
	}
	return NULL;
}

/* A positive number with one of the units: its exact value in the base unit. */
static int value_parse(struct span s, const struct unit *units, size_t count, struct ws_ratio *ret,
	const struct unit **ret_unit)
{
	const struct unit *unit;
	struct decimal d;
	int r;

	if (!decimal_parse(&s, &d)) {
		return -EINVAL;
	}
	unit = unit_find(units, count, s);
	if (!unit) {
		return -EINVAL;
	}
	if (d.overflow || d.digits == 0) {
		return -ERANGE;
	}
	r = ratio_make((u128)d.digits * unit->scale, d.den, ret);
	if (r < 0) {
		return r;
	}
	*ret_unit = unit;
	return 0;
}

static int whole_parse(
	const char *text, const struct unit *units, size_t count, uint64_t max, uint64_t *ret)
{
	const struct unit *unit;
	struct ws_ratio value;
	int r;

	r = value_parse(span_of(text), units, count, &value, &unit);
	if (r < 0) {
		return r;
	}
	if (value.den != 1 || value.num > max) {
		return -ERANGE;
	}
	*ret = value.num;
	return 0;
}

static int rate_parse(struct span s, struct ws_rate *ret)
{
	const struct unit *unit;
	struct ws_ratio value;
	uint64_t max;
	int r;

	if (span_is(s, "max")) {
		*ret = (struct ws_rate){.unit = WS_RATE_MAX, .value = {0, 1}};
		return 0;
	}

	r = value_parse(s, rate_units, ARRAY_SIZE(rate_units), &value, &unit);
	if (r < 0) {
		return r;
	}

	if (unit->rate == WS_RATE_PERCENT) {
		max = 100;
	} else {
		max = unit->rate == WS_RATE_PPS ? MAX_PPS : MAX_BPS;
		if ((u128)value.num * SLOWEST_PERIOD < value.den) {
			return -ERANGE;
		}
	}
	if (value.num > (u128)max * value.den) {
		return -ERANGE;
	}

	*ret = (struct ws_rate){.unit = unit->rate, .value = value};
	return 0;
}

int ws_rate_parse(const char *text, struct ws_rate *ret)
{
	return rate_parse(span_of(text), ret);
}

/* The rates of one item, written to ret if that is not NULL. Returns how many, or -errno. */
static int item_parse(struct span item, struct ws_rate *ret, size_t room)
{
	struct ws_rate first, last, step, rate;
	struct span s = item, a, b;
	u128 from, to, by, count;
	uint64_t den;
	int r;

	if (!span_cut(&s, ':', &a)) {
		r = rate_parse(item, &rate);
		if (r < 0) {
			return r;
		}
		if (room == 0) {
			return -E2BIG;
		}
		if (ret) {
			*ret = rate;
		}
		return 1;
	}
	if (!span_cut(&s, ':', &b)) {
		return -EINVAL;
	}

	r = rate_parse(a, &first);
	if (r == 0) {
		r = rate_parse(b, &last);
	}
	if (r == 0) {
		r = rate_parse(s, &step);
	}
	if (r < 0) {
		return r;
	}
	if (first.unit != last.unit || first.unit != step.unit || first.unit == WS_RATE_MAX) {
		return -EINVAL;
	}

	/* Each of the three divides a power of ten below 2^64: so does the smallest common multiple. */
	den = first.value.den / (uint64_t)gcd(first.value.den, last.value.den) * last.value.den;
	den = den / (uint64_t)gcd(den, step.value.den) * step.value.den;
	from = (u128)first.value.num * (den / first.value.den);
	to = (u128)last.value.num * (den / last.value.den);
	by = (u128)step.value.num * (den / step.value.den);
	if (from > to) {
		return -EINVAL;
	}
	count = (to - from) / by + 1;
	if (count > room) {
		return -E2BIG;
	}

	for (size_t i = 0; i < (size_t)count; i++) {
		rate.unit = first.unit;
		r = ratio_make(from + i * by, den, &rate.value);
		if (r < 0) {
			return r;
		}
		if (ret) {
			ret[i] = rate;
		}
	}
	return (int)count;
}

static int list_parse(const char *text, struct ws_rate *ret, size_t max, const char **ret_bad)
{
	struct span rest = span_of(text), item;
	size_t count = 0;
	bool more;

	do {
		int r;

		more = span_cut(&rest, ',', &item);
		r = item_parse(item, ret ? ret + count : NULL, max - count);
		if (r < 0) {
			*ret_bad = item.start;
			return r;
		}
		count += (size_t)r;
	} while (more);
	return (int)count;
}

int ws_rate_list_parse(const char *text, struct ws_rate *ret, size_t max, const char **ret_bad)
{
	int r;

	if (max > INT_MAX) {
		max = INT_MAX;
	}
	/* Twice, so that nothing is written when a later item is wrong. */
	r = list_parse(text, NULL, max, ret_bad);
	if (r < 0) {
		return r;
	}
	return list_parse(text, ret, max, ret_bad);
}

/* The product of the three over that of the others, exactly; -ERANGE if 64 bits do not hold it. */
static int product_ratio(uint64_t num[3], uint64_t den[3], struct ws_ratio *ret)
{
	struct ws_ratio product = {1, 1};

	/* What is common goes first: then a product that is too long is too long in lowest terms. */
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++) {
			uint64_t common = (uint64_t)gcd(num[i], den[j]);

			num[i] /= common;
			den[j] /= common;
		}
	}
	for (int i = 0; i < 3; i++) {
		if (__builtin_mul_overflow(product.num, num[i], &product.num) ||
			__builtin_mul_overflow(product.den, den[i], &product.den)) {
			return -ERANGE;
		}
	}
	*ret = product;
	return 0;
}

int ws_rate_to_pps_mean(const struct ws_rate *rate, uint64_t frames, uint64_t l2_bits,
	uint64_t l1_bits, uint64_t link_bps, struct ws_ratio *ret_pps)
{
	uint64_t num[3] = {rate->value.num, 1, 1}, den[3] = {rate->value.den, 1, 1};

	if (frames == 0 || l2_bits == 0 || l1_bits == 0) {
		return -EINVAL;
	}
	switch (rate->unit) {
	case WS_RATE_PPS:
		break;
	case WS_RATE_BPS_L2:
		num[1] = frames;
		den[1] = l2_bits;
		break;
	case WS_RATE_BPS_L1:
		num[1] = frames;
		den[1] = l1_bits;
		break;
	case WS_RATE_PERCENT:
		if (link_bps == 0) {
			return -ENODATA;
		}
		num[1] = frames;
		den[1] = l1_bits;
		num[2] = link_bps;
		den[2] = 100;
		break;
	default:
		return -EINVAL;
	}
	return product_ratio(num, den, ret_pps);
}

int ws_rate_to_pps(
	const struct ws_rate *rate, uint32_t len, uint64_t link_bps, struct ws_ratio *ret_pps)
{
	uint64_t l2_bits = ((uint64_t)len + FCS_LEN) * 8;

	return ws_rate_to_pps_mean(rate, 1, l2_bits, l2_bits + L1_OVERHEAD * 8, link_bps, ret_pps);
}

int ws_duration_parse(const char *text, int64_t *ret_ns)
{
	uint64_t ns;
	int r;

	r = whole_parse(text, duration_units, ARRAY_SIZE(duration_units), INT64_MAX, &ns);
	if (r < 0) {
		return r;
	}
	*ret_ns = (int64_t)ns;
	return 0;
}

int ws_bytes_parse(const char *text, uint64_t *ret)
{
	return whole_parse(text, byte_units, ARRAY_SIZE(byte_units), UINT64_MAX, ret);
}

int ws_count_parse(const char *text, uint64_t *ret)
{
	return whole_parse(text, count_units, ARRAY_SIZE(count_units), UINT64_MAX, ret);
}

struct ws_ratio ws_ratio_reduce(struct ws_ratio r)
{
	uint64_t common;

	if (r.den == 0) {
		return r;
	}
	common = (uint64_t)gcd(r.num, r.den);
	return (struct ws_ratio){.num = r.num / common, .den = r.den / common};
}

double ws_ratio_double(struct ws_ratio r)
{
	return (double)r.num / (double)r.den;
}
