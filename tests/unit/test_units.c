/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define UNTOUCHED 77

static void assert_result(const char *text, int got, int want)
{
	if (got != want) {
		fail_msg("\"%s\": returned %d, not %d", text, got, want);
	}
}

static void assert_ratio(
	const char *text, struct ws_ratio got, unsigned long long num, unsigned long long den)
{
	if (got.num != num || got.den != den) {
		fail_msg("\"%s\": got %llu/%llu, not %llu/%llu", text, (unsigned long long)got.num,
			(unsigned long long)got.den, num, den);
	}
}

static void assert_number(const char *text, unsigned long long got, unsigned long long want)
{
	if (got != want) {
		fail_msg("\"%s\": got %llu, not %llu", text, got, want);
	}
}

static void rate_good(void **state)
{
	static const struct {
		const char *text;
		enum ws_rate_unit unit;
		unsigned long long num, den;
	} rows[] = {
		{"1pps", WS_RATE_PPS, 1, 1},
		{"100kpps", WS_RATE_PPS, 100000, 1},
		{"100Kpps", WS_RATE_PPS, 100000, 1},
		{"1.5Mpps", WS_RATE_PPS, 1500000, 1},
		{"14.880952Mpps", WS_RATE_PPS, 14880952, 1},
		{"0.5pps", WS_RATE_PPS, 1, 2},
		{"0.001pps", WS_RATE_PPS, 1, 1000},
		{"0.3333333333333333333pps", WS_RATE_PPS, 3333333333333333333u,
			10000000000000000000u},
		{"007pps", WS_RATE_PPS, 7, 1},
		{"1000000Mpps", WS_RATE_PPS, 1000000000000, 1},
		{"1.50000000000000000000000000000000Mpps", WS_RATE_PPS, 1500000, 1},
		{"00000000000000000000000000000000001pps", WS_RATE_PPS, 1, 1},
		{"1bps", WS_RATE_BPS_L2, 1, 1},
		{"9.6kbps", WS_RATE_BPS_L2, 9600, 1},
		{"9.6Kbps", WS_RATE_BPS_L2, 9600, 1},
		{"6630Mbps", WS_RATE_BPS_L2, 6630000000, 1},
		{"10Gbps", WS_RATE_BPS_L2, 10000000000, 1},
		{"1000000Gbps", WS_RATE_BPS_L2, 1000000000000000, 1},
		{"1bps/l1", WS_RATE_BPS_L1, 1, 1},
		{"64kbps/l1", WS_RATE_BPS_L1, 64000, 1},
		{"500Mbps/l1", WS_RATE_BPS_L1, 500000000, 1},
		{"2.5Gbps/l1", WS_RATE_BPS_L1, 2500000000, 1},
		{"80%", WS_RATE_PERCENT, 80, 1},
		{"100%", WS_RATE_PERCENT, 100, 1},
		{"100.0%", WS_RATE_PERCENT, 100, 1},
		{"12.5%", WS_RATE_PERCENT, 25, 2},
		{"0.0001%", WS_RATE_PERCENT, 1, 10000},
		{"max", WS_RATE_MAX, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_rate rate;

		assert_result(rows[i].text, ws_rate_parse(rows[i].text, &rate), 0);
		assert_number(rows[i].text, rate.unit, rows[i].unit);
		assert_ratio(rows[i].text, rate.value, rows[i].num, rows[i].den);
	}
}

struct bad {
	const char *text;
	int err;
};

static const struct bad bad_rates[] = {
	{"", -EINVAL},
	{" ", -EINVAL},
	{"5", -EINVAL},
	{"0", -EINVAL},
	{"kpps", -EINVAL},
	{"pps", -EINVAL},
	{"%", -EINVAL},
	{".", -EINVAL},
	{"5 kpps", -EINVAL},
	{" 5kpps", -EINVAL},
	{"5kpps ", -EINVAL},
	{"5kpps\n", -EINVAL},
	{"\t5kpps", -EINVAL},
	{"10kpsp", -EINVAL},
	{"10kpp", -EINVAL},
	{"10kppss", -EINVAL},
	{"10kpps1", -EINVAL},
	{"10k", -EINVAL},
	{"10kkpps", -EINVAL},
	{"10mpps", -EINVAL},
	{"10MPPS", -EINVAL},
	{"10Gpps", -EINVAL},
	{"10gbps", -EINVAL},
	{"10Tbps", -EINVAL},
	{"10Mb/s", -EINVAL},
	{"10Mbit", -EINVAL},
	{"10Gbps/L1", -EINVAL},
	{"10Gbps/l2", -EINVAL},
	{"10Gbps/", -EINVAL},
	{"10Gbps/l1/l1", -EINVAL},
	{"10kpps/l1", -EINVAL},
	{"80%/l1", -EINVAL},
	{"80%%", -EINVAL},
	{"80percent", -EINVAL},
	{"1e99pps", -EINVAL},
	{"1e3pps", -EINVAL},
	{"1E3pps", -EINVAL},
	{"0x10pps", -EINVAL},
	{"-5kpps", -EINVAL},
	{"+5kpps", -EINVAL},
	{"--5kpps", -EINVAL},
	{"5-kpps", -EINVAL},
	{"5+5kpps", -EINVAL},
	{"-0pps", -EINVAL},
	{".5kpps", -EINVAL},
	{"5.kpps", -EINVAL},
	{"5..5kpps", -EINVAL},
	{"5.5.5kpps", -EINVAL},
	{"5,5kpps", -EINVAL},
	{"1_000pps", -EINVAL},
	{"1'000pps", -EINVAL},
	{"nan", -EINVAL},
	{"nanpps", -EINVAL},
	{"inf", -EINVAL},
	{"infpps", -EINVAL},
	{"infinity", -EINVAL},
	{"Max", -EINVAL},
	{"MAX", -EINVAL},
	{"maxx", -EINVAL},
	{"ma", -EINVAL},
	{"max pps", -EINVAL},
	{"5max", -EINVAL},
	{"10kpps:20kpps:5kpps", -EINVAL},
	{"10kpps,20kpps", -EINVAL},
	{"\xd9\xa5pps", -EINVAL},
	{"99999999999999999999999999999999999999999kpsp", -EINVAL},
	{"0pps", -ERANGE},
	{"0.0pps", -ERANGE},
	{"0Gbps/l1", -ERANGE},
	{"0%", -ERANGE},
	{"101%", -ERANGE},
	{"100.0000001%", -ERANGE},
	{"0.0009pps", -ERANGE},
	{"0.0009999999999999999pps", -ERANGE},
	{"0.0000009kbps", -ERANGE},
	{"0.0009bps/l1", -ERANGE},
	{"1000000000001pps", -ERANGE},
	{"1000000.000001Mpps", -ERANGE},
	{"1000000000000000.1bps", -ERANGE},
	{"1000000.1Gbps/l1", -ERANGE},
	{"18446744073709551615pps", -ERANGE},
	{"18446744073709551616pps", -ERANGE},
	{"18446744073709551617pps", -ERANGE},
	{"99999999999999999999999999999999999999999pps", -ERANGE},
	{"0.33333333333333333333pps", -ERANGE},
	{"1.00000000000000000001pps", -ERANGE},
	{"0.00000000000000000000000000000000001pps", -ERANGE},
};

static void rate_bad(void **state)
{
	struct ws_rate rate = {WS_RATE_PERCENT, {UNTOUCHED, UNTOUCHED}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rates); i++) {
		const char *text = bad_rates[i].text;

		assert_result(text, ws_rate_parse(text, &rate), bad_rates[i].err);
		assert_number(text, rate.unit, WS_RATE_PERCENT);
		assert_ratio(text, rate.value, UNTOUCHED, UNTOUCHED);
	}
}

#define LIST_MAX 12

static void list_good(void **state)
{
	static const struct {
		const char *text;
		enum ws_rate_unit unit;
		int count;
		struct ws_ratio values[LIST_MAX];
	} rows[] = {
		{"5kpps", WS_RATE_PPS, 1, {{5000, 1}}},
		{"5kpps,1Mpps,0.5pps", WS_RATE_PPS, 3, {{5000, 1}, {1000000, 1}, {1, 2}}},
		{"5kpps,5kpps,1pps", WS_RATE_PPS, 3, {{5000, 1}, {5000, 1}, {1, 1}}},
		{"10kpps:40kpps:10kpps", WS_RATE_PPS, 4,
			{{10000, 1}, {20000, 1}, {30000, 1}, {40000, 1}}},
		{"10kpps:39999pps:10kpps", WS_RATE_PPS, 3, {{10000, 1}, {20000, 1}, {30000, 1}}},
		{"1pps:2pps:0.5pps", WS_RATE_PPS, 3, {{1, 1}, {3, 2}, {2, 1}}},
		{"0.1pps:0.3pps:0.1pps", WS_RATE_PPS, 3, {{1, 10}, {1, 5}, {3, 10}}},
		{"0.25pps:0.52pps:0.125pps", WS_RATE_PPS, 3, {{1, 4}, {3, 8}, {1, 2}}},
		{"7pps:7pps:1Mpps", WS_RATE_PPS, 1, {{7, 1}}},
		{"7pps:8pps:1Mpps", WS_RATE_PPS, 1, {{7, 1}}},
		{"10%:100%:45%", WS_RATE_PERCENT, 3, {{10, 1}, {55, 1}, {100, 1}}},
		{"1Gbps/l1:2Gbps/l1:500Mbps/l1", WS_RATE_BPS_L1, 3,
			{{1000000000, 1}, {1500000000, 1}, {2000000000, 1}}},
		{"1bps,2bps:3bps:1bps,9bps", WS_RATE_BPS_L2, 4, {{1, 1}, {2, 1}, {3, 1}, {9, 1}}},
		{"1pps:12pps:1pps", WS_RATE_PPS, 12,
			{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}, {9, 1},
				{10, 1}, {11, 1}, {12, 1}}},
		{"max,max", WS_RATE_MAX, 2, {{0, 1}, {0, 1}}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_rate rates[LIST_MAX];
		const char *bad = NULL;
		int r;

		r = ws_rate_list_parse(rows[i].text, rates, LIST_MAX, &bad);
		assert_result(rows[i].text, r, rows[i].count);
		assert_null(bad);
		for (int k = 0; k < r; k++) {
			assert_number(rows[i].text, rates[k].unit, rows[i].unit);
			assert_ratio(rows[i].text, rates[k].value, rows[i].values[k].num,
				rows[i].values[k].den);
		}
	}
}

static void list_mixed_units(void **state)
{
	struct ws_rate rates[4];
	const char *bad;

	(void)state;
	assert_int_equal(ws_rate_list_parse("1kpps,2Mbps,3Mbps/l1,max", rates, 4, &bad), 4);
	assert_int_equal(rates[0].unit, WS_RATE_PPS);
	assert_int_equal(rates[1].unit, WS_RATE_BPS_L2);
	assert_int_equal(rates[2].unit, WS_RATE_BPS_L1);
	assert_int_equal(rates[3].unit, WS_RATE_MAX);
}

static void list_bad(void **state)
{
	static const struct {
		const char *text;
		int err;
		size_t at; /* offset of the offending item */
	} rows[] = {
		{"", -EINVAL, 0},
		{",", -EINVAL, 0},
		{",1pps", -EINVAL, 0},
		{"1pps,", -EINVAL, 5},
		{"1pps,,2pps", -EINVAL, 5},
		{"1pps, 2pps", -EINVAL, 5},
		{"1pps;2pps", -EINVAL, 0},
		{"1pps,10kpsp,2pps", -EINVAL, 5},
		{"1pps,2", -EINVAL, 5},
		{"1pps,0pps,x", -ERANGE, 5},
		{"1pps,101%", -ERANGE, 5},
		{"1pps:2pps", -EINVAL, 0},
		{"1pps:2pps:", -EINVAL, 0},
		{":1pps:2pps", -EINVAL, 0},
		{"1pps::2pps", -EINVAL, 0},
		{"::", -EINVAL, 0},
		{":", -EINVAL, 0},
		{"1pps:4pps:1pps:1pps", -EINVAL, 0},
		{"1pps:4pps:0pps", -ERANGE, 0},
		{"1pps:4pps:-1pps", -EINVAL, 0},
		{"4pps:1pps:1pps", -EINVAL, 0},
		{"1:4:1", -EINVAL, 0},
		{"1pps:4pps:1", -EINVAL, 0},
		{"1pps:4bps:1pps", -EINVAL, 0},
		{"1pps:4pps:1bps", -EINVAL, 0},
		{"1bps:4bps:1bps/l1", -EINVAL, 0},
		{"1bps/l1:4bps:1bps", -EINVAL, 0},
		{"10%:50kpps:10%", -EINVAL, 0},
		{"1pps:max:1pps", -EINVAL, 0},
		{"max:max:max", -EINVAL, 0},
		{"max:1pps", -EINVAL, 0},
		{"9pps,4pps:1pps:1pps", -EINVAL, 5},
		{"1pps:13pps:1pps", -E2BIG, 0},
		{"9pps,1pps:12pps:1pps", -E2BIG, 5},
		{"1pps:12pps:1pps,9pps", -E2BIG, 16},
		{"0.001pps:1000000Mpps:0.0000000000000000001pps", -ERANGE, 0},
		{"0.001pps:1000000Mpps:0.001pps", -E2BIG, 0},
		{"0.0001%:100%:0.0000000000000000001%", -E2BIG, 0},
		/* The step fits, the sum does not: its denominator stays 10^19. */
		{"90.0000000000000000%:90.0000000000000000001%:0.0000000000000000001%", -ERANGE, 0},
	};
	struct ws_rate rates[LIST_MAX];
	struct ws_rate before[LIST_MAX];

	(void)state;
	memset(rates, UNTOUCHED, sizeof(rates));
	memset(before, UNTOUCHED, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *bad = NULL;

		assert_result(rows[i].text, ws_rate_list_parse(rows[i].text, rates, LIST_MAX, &bad),
			rows[i].err);
		assert_non_null(bad);
		assert_number(rows[i].text, (size_t)(bad - rows[i].text), rows[i].at);
		assert_memory_equal(rates, before, sizeof(rates));
	}
}

/* Whatever a single rate must not look like, it must not look like in a list or a range either. */
static void list_takes_no_bad_rate(void **state)
{
	struct ws_rate rates[LIST_MAX];
	const char *bad;
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rates); i++) {
		const char *item = bad_rates[i].text;

		if (strpbrk(item, ",:")) {
			continue;
		}
		strcpy(text, "1pps,");
		strcat(text, item);
		strcat(text, ",2pps");
		assert_result(
			text, ws_rate_list_parse(text, rates, LIST_MAX, &bad), bad_rates[i].err);
		assert_ptr_equal(bad, text + 5);

		strcpy(text, "1pps:9pps:");
		strcat(text, item);
		assert_result(
			text, ws_rate_list_parse(text, rates, LIST_MAX, &bad), bad_rates[i].err);
		assert_ptr_equal(bad, text);
	}
}

static void list_room(void **state)
{
	struct ws_rate rates[2];
	const char text[] = "1pps,2pps", *bad = NULL;

	(void)state;
	assert_int_equal(ws_rate_list_parse(text, rates, 2, &bad), 2);
	assert_int_equal(ws_rate_list_parse(text, rates, SIZE_MAX, &bad), 2);
	assert_null(bad);
	assert_int_equal(ws_rate_list_parse(text, rates, 1, &bad), -E2BIG);
	assert_ptr_equal(bad, text + 5);
	assert_int_equal(ws_rate_list_parse(text, rates, 0, &bad), -E2BIG);
	assert_ptr_equal(bad, text);
}

static void to_pps(void **state)
{
	static const struct {
		const char *text;
		uint32_t len;
		uint64_t link_bps;
		unsigned long long num, den;
	} rows[] = {
		{"100kpps", 60, 0, 100000, 1},
		{"0.5pps", 1514, 1, 1, 2},
		{"512bps", 60, 0, 1, 1},
		{"10Gbps", 60, 0, 19531250, 1},
		{"500Mbps", 1514, 0, 31250000, 759}, /* 500e6 / (1518 * 8) */
		{"672bps/l1", 60, 0, 1, 1},
		{"10Gbps/l1", 60, 0, 312500000, 21}, /* 14,880,952.38: the textbook's figure */
		{"100%", 60, 10000000000, 312500000, 21},
		{"100%", 1514, 10000000000, 625000000, 769},
		{"50%", 60, 1000000000, 15625000, 21},
		{"12.5%", 60, 1000000000, 3906250, 21},
		{"100%", 60, UINT64_MAX, 6148914691236517205u, 224},
		{"1bps", UINT32_MAX, 0, 1, 34359738392},
		{"1bps/l1", UINT32_MAX, 0, 1, 34359738552},
	};
	struct ws_ratio pps;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_rate rate;

		assert_result(rows[i].text, ws_rate_parse(rows[i].text, &rate), 0);
		assert_result(rows[i].text,
			ws_rate_to_pps(&rate, rows[i].len, rows[i].link_bps, &pps), 0);
		assert_ratio(rows[i].text, pps, rows[i].num, rows[i].den);
	}
}

static void to_pps_refused(void **state)
{
	static const struct {
		struct ws_rate rate;
		uint64_t link_bps;
		int err;
	} rows[] = {
		{{WS_RATE_PERCENT, {80, 1}}, 0, -ENODATA},
		{{WS_RATE_MAX, {0, 1}}, 10000000000, -EINVAL},
		{{(enum ws_rate_unit)99, {1, 1}}, 10000000000, -EINVAL},
		{{WS_RATE_BPS_L2, {1, UINT64_C(10000000000000000000)}}, 0, -ERANGE},
		{{WS_RATE_PERCENT, {1, UINT64_C(10000000000000000000)}}, 1, -ERANGE},
	};
	struct ws_ratio pps = {UNTOUCHED, UNTOUCHED};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			ws_rate_to_pps(&rows[i].rate, 60, rows[i].link_bps, &pps), rows[i].err);
		assert_int_equal(pps.num, UNTOUCHED);
		assert_int_equal(pps.den, UNTOUCHED);
	}
}

/* Computed with Python's fractions. IMIX: 7 frames of 60, 4 of 590 and 1 of 1514 bytes. */
#define IMIX_L2 (8 * (7 * 64 + 4 * 594 + 1518))
#define IMIX_L1 (IMIX_L2 + 12 * 160)

static void to_pps_mean(void **state)
{
	static const struct {
		const char *text;
		uint64_t frames, l2_bits, l1_bits, link_bps;
		unsigned long long num, den;
	} rows[] = {
		{"100kpps", 12, IMIX_L2, IMIX_L1, 0, 100000, 1},
		{"34736bps", 12, IMIX_L2, IMIX_L1, 0, 12, 1},
		{"1Gbps", 12, IMIX_L2, IMIX_L1, 0, 750000000, 2171},
		{"1Gbps/l1", 12, IMIX_L2, IMIX_L1, 0, 750000000, 2291},
		{"100%", 12, IMIX_L2, IMIX_L1, 10000000000, 7500000000, 2291},
		{"12.5%", 12, IMIX_L2, IMIX_L1, 10000000000, 937500000, 2291},
		{"10Gbps/l1", 1, 512, 672, 0, 312500000, 21},
		{"10Gbps/l1", 1455, 9207240, 9440040, 0, 1250000000, 811},
		/* Longer than 64 and 128 bits on the way. */
		{"100%", UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 1},
		{"100%", UINT64_C(1) << 63, 1, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX, 1},
	};
	struct ws_ratio pps;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_ratio want = ws_ratio_reduce((struct ws_ratio){rows[i].num, rows[i].den});
		struct ws_rate rate;

		assert_result(rows[i].text, ws_rate_parse(rows[i].text, &rate), 0);
		assert_result(rows[i].text,
			ws_rate_to_pps_mean(&rate, rows[i].frames, rows[i].l2_bits, rows[i].l1_bits,
				rows[i].link_bps, &pps),
			0);
		assert_ratio(rows[i].text, pps, want.num, want.den);
	}
}

static void to_pps_mean_refused(void **state)
{
	static const struct {
		struct ws_rate rate;
		uint64_t frames, l2_bits, l1_bits, link_bps;
		int err;
	} rows[] = {
		{{WS_RATE_PPS, {1, 1}}, 0, 512, 672, 0, -EINVAL},
		{{WS_RATE_BPS_L2, {1, 1}}, 1, 0, 672, 0, -EINVAL},
		{{WS_RATE_BPS_L2, {1, 1}}, 1, 512, 0, 0, -EINVAL},
		{{WS_RATE_MAX, {0, 1}}, 1, 512, 672, 10000000000, -EINVAL},
		{{(enum ws_rate_unit)99, {1, 1}}, 1, 512, 672, 10000000000, -EINVAL},
		{{WS_RATE_PERCENT, {80, 1}}, 1, 512, 672, 0, -ENODATA},
		{{WS_RATE_BPS_L2, {UINT64_MAX, 1}}, 2, 1, 1, 0, -ERANGE},
		{{WS_RATE_BPS_L1, {1, UINT64_MAX}}, 1, 1, 2, 0, -ERANGE},
		{{WS_RATE_PERCENT, {1, 1}}, 1, 1, UINT64_MAX, 1, -ERANGE},
		/* 2^192, which wraps to something small. */
		{{WS_RATE_PERCENT, {UINT64_C(1) << 63, 1}}, UINT64_C(1) << 63, 1, 1,
			UINT64_C(1) << 63, -ERANGE},
	};
	struct ws_ratio pps = {UNTOUCHED, UNTOUCHED};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(ws_rate_to_pps_mean(&rows[i].rate, rows[i].frames, rows[i].l2_bits,
					 rows[i].l1_bits, rows[i].link_bps, &pps),
			rows[i].err);
		assert_int_equal(pps.num, UNTOUCHED);
		assert_int_equal(pps.den, UNTOUCHED);
	}
}

struct whole {
	const char *text;
	int err;
	uint64_t value; /* when err is 0 */
};

static void durations(void **state)
{
	static const struct whole rows[] = {
		{"1ns", 0, 1},
		{"7us", 0, 7000},
		{"500ms", 0, 500000000},
		{"2s", 0, 2000000000},
		{"1.5s", 0, 1500000000},
		{"0.000000001s", 0, 1},
		{"5m", 0, 300000000000},
		{"1h", 0, 3600000000000},
		{"0.5h", 0, 1800000000000},
		{"9223372036854775807ns", 0, INT64_MAX},
		{"9223372036.854775807s", 0, INT64_MAX},
		{"9223372036854775808ns", -ERANGE, 0},
		{"2562048h", -ERANGE, 0},
		{"18446744073709551617ns", -ERANGE, 0},
		{"18446744073709551615h", -ERANGE, 0},
		{"1.5ns", -ERANGE, 0},
		{"0.1ns", -ERANGE, 0},
		{"0.0000000001s", -ERANGE, 0},
		{"0s", -ERANGE, 0},
		{"0.0s", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"5", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"2S", -EINVAL, 0},
		{"2MS", -EINVAL, 0},
		{"2M", -EINVAL, 0},
		{"2min", -EINVAL, 0},
		{"2sec", -EINVAL, 0},
		{"2 s", -EINVAL, 0},
		{" 2s", -EINVAL, 0},
		{"2s ", -EINVAL, 0},
		{"-2s", -EINVAL, 0},
		{"+2s", -EINVAL, 0},
		{".5s", -EINVAL, 0},
		{"5.s", -EINVAL, 0},
		{"1e3s", -EINVAL, 0},
		{"inf", -EINVAL, 0},
		{"nan", -EINVAL, 0},
		{"1m30s", -EINVAL, 0},
		{"1:30", -EINVAL, 0},
		{"max", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t ns = UNTOUCHED;

		assert_result(rows[i].text, ws_duration_parse(rows[i].text, &ns), rows[i].err);
		assert_number(rows[i].text, (uint64_t)ns, rows[i].err ? UNTOUCHED : rows[i].value);
	}
}

static void bytes(void **state)
{
	static const struct whole rows[] = {
		{"4096", 0, 4096},
		{"1", 0, 1},
		{"1B", 0, 1},
		{"9kB", 0, 9000},
		{"100MB", 0, 100000000},
		{"2GB", 0, 2000000000},
		{"64KiB", 0, 65536},
		{"64kiB", 0, 65536},
		{"2MiB", 0, 2097152},
		{"1.5GiB", 0, 1610612736},
		{"1.5kB", 0, 1500},
		{"18446744073709551615", 0, UINT64_MAX},
		{"17179869183GiB", 0, UINT64_MAX - ((UINT64_C(1) << 30) - 1)},
		{"17179869184GiB", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"18446744073709551615GB", -ERANGE, 0},
		{"0", -ERANGE, 0},
		{"0MiB", -ERANGE, 0},
		{"1.5", -ERANGE, 0},
		{"0.5B", -ERANGE, 0},
		{"0.3KiB", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"KiB", -EINVAL, 0},
		{"64KB", -EINVAL, 0},
		{"64K", -EINVAL, 0},
		{"64k", -EINVAL, 0},
		{"64M", -EINVAL, 0},
		{"64b", -EINVAL, 0},
		{"64mB", -EINVAL, 0},
		{"64MIB", -EINVAL, 0},
		{"64 MiB", -EINVAL, 0},
		{"64MiB ", -EINVAL, 0},
		{"-64MiB", -EINVAL, 0},
		{"+64", -EINVAL, 0},
		{".5MiB", -EINVAL, 0},
		{"5.MiB", -EINVAL, 0},
		{"5.", -EINVAL, 0},
		{"0x40", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"max", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = UNTOUCHED;

		assert_result(rows[i].text, ws_bytes_parse(rows[i].text, &value), rows[i].err);
		assert_number(rows[i].text, value, rows[i].err ? UNTOUCHED : rows[i].value);
	}
}

static void counts(void **state)
{
	static const struct whole rows[] = {
		{"1", 0, 1},
		{"1000000", 0, 1000000},
		{"10k", 0, 10000},
		{"10K", 0, 10000},
		{"1M", 0, 1000000},
		{"1.5M", 0, 1500000},
		{"3G", 0, 3000000000},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18446744073709551615k", -ERANGE, 0},
		{"0", -ERANGE, 0},
		{"0.5", -ERANGE, 0},
		{"0.0001k", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"k", -EINVAL, 0},
		{"1m", -EINVAL, 0},
		{"1g", -EINVAL, 0},
		{"1kk", -EINVAL, 0},
		{"1pps", -EINVAL, 0},
		{"1 k", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"1e6", -EINVAL, 0},
		{".5k", -EINVAL, 0},
		{"5.k", -EINVAL, 0},
		{"1,000", -EINVAL, 0},
		{"inf", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = UNTOUCHED;

		assert_result(rows[i].text, ws_count_parse(rows[i].text, &value), rows[i].err);
		assert_number(rows[i].text, value, rows[i].err ? UNTOUCHED : rows[i].value);
	}
}

static void ratios(void **state)
{
	static const struct {
		struct ws_ratio in, out;
	} rows[] = {
		{{6, 4}, {3, 2}},
		{{7, 1}, {7, 1}},
		{{0, 5}, {0, 1}},
		{{5, 0}, {5, 0}},
		{{0, 0}, {0, 0}},
		{{UINT64_MAX, UINT64_MAX}, {1, 1}},
		{{UINT64_MAX, UINT64_MAX - 1}, {UINT64_MAX, UINT64_MAX - 1}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ws_ratio r = ws_ratio_reduce(rows[i].in);

		assert_int_equal(r.num, rows[i].out.num);
		assert_int_equal(r.den, rows[i].out.den);
	}
	assert_true(ws_ratio_double((struct ws_ratio){3, 2}) == 1.5);
	assert_true(ws_ratio_double((struct ws_ratio){1, 3}) == 1.0 / 3.0);
	assert_true(ws_ratio_double((struct ws_ratio){0, 1}) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_good),
		cmocka_unit_test(rate_bad),
		cmocka_unit_test(list_good),
		cmocka_unit_test(list_mixed_units),
		cmocka_unit_test(list_bad),
		cmocka_unit_test(list_takes_no_bad_rate),
		cmocka_unit_test(list_room),
		cmocka_unit_test(to_pps),
		cmocka_unit_test(to_pps_refused),
		cmocka_unit_test(to_pps_mean),
		cmocka_unit_test(to_pps_mean_refused),
		cmocka_unit_test(durations),
		cmocka_unit_test(bytes),
		cmocka_unit_test(counts),
		cmocka_unit_test(ratios),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
