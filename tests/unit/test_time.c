/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/time.h"

#define UNTOUCHED INT64_C(-77)

static const enum ws_clock phc0 = WS_CLOCK_PHC;
static const enum ws_clock phc1 = (enum ws_clock)(WS_CLOCK_PHC + 1);

static void diff_of_one_clock(void **state)
{
	static const struct {
		int64_t a, b, diff;
	} rows[] = {
		{5, 3, 2},
		{3, 5, -2},
		{0, 0, 0},
		{INT64_C(1700000000123456789), INT64_C(1700000000123456788), 1},
		{INT64_MAX, 0, INT64_MAX},
		{-1, INT64_MAX, INT64_MIN},
		{INT64_MIN, INT64_MIN, 0},
	};
	int64_t diff;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_time a = {rows[i].a, phc1}, b = {rows[i].b, phc1};

		assert_true(ws_time_diff(a, b, &diff));
		assert_int_equal(diff, rows[i].diff);
	}
}

static void diff_refused(void **state)
{
	static const struct {
		struct ws_time a, b;
	} rows[] = {
		{{5, WS_CLOCK_MONOTONIC}, {5, WS_CLOCK_REALTIME}},
		{{5, WS_CLOCK_REALTIME}, {5, WS_CLOCK_TAI}},
		{{5, WS_CLOCK_PHC}, {5, (enum ws_clock)(WS_CLOCK_PHC + 1)}},
		{{5, WS_CLOCK_NONE}, {5, WS_CLOCK_NONE}},
		{{5, WS_CLOCK_NONE}, {5, WS_CLOCK_MONOTONIC}},
		{{5, WS_CLOCK_MONOTONIC}, {5, WS_CLOCK_NONE}},
		{{INT64_MAX, WS_CLOCK_TAI}, {-1, WS_CLOCK_TAI}},
		{{INT64_MIN, WS_CLOCK_TAI}, {1, WS_CLOCK_TAI}},
		{{0, WS_CLOCK_TAI}, {INT64_MIN, WS_CLOCK_TAI}},
	};
	int64_t diff = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(ws_time_diff(rows[i].a, rows[i].b, &diff));
		assert_int_equal(diff, UNTOUCHED);
	}
}

static void convert_both_ways(void **state)
{
	struct ws_relation r = {
		.from = phc1,
		.to = WS_CLOCK_MONOTONIC,
		.offset_ns = -INT64_C(1700000000000000000),
		.error_ns = 250,
	};
	struct ws_time phc = {INT64_C(1700000000000000042), phc1}, mono, back;
	int64_t error;

	(void)state;
	assert_true(ws_time_convert(&r, phc, WS_CLOCK_MONOTONIC, &mono, &error));
	assert_int_equal(mono.ns, 42);
	assert_int_equal(mono.clock, WS_CLOCK_MONOTONIC);
	assert_int_equal(error, 250);

	assert_true(ws_time_convert(&r, mono, phc1, &back, &error));
	assert_int_equal(back.ns, phc.ns);
	assert_int_equal(back.clock, phc1);
	assert_int_equal(error, 250);
}

static void convert_to_its_own_clock(void **state)
{
	struct ws_relation r = {phc0, WS_CLOCK_MONOTONIC, 1000, 250};
	struct ws_time other = {7, WS_CLOCK_TAI}, t;
	int64_t error = UNTOUCHED;

	(void)state;
	assert_true(ws_time_convert(&r, other, WS_CLOCK_TAI, &t, &error));
	assert_int_equal(t.ns, 7);
	assert_int_equal(t.clock, WS_CLOCK_TAI);
	assert_int_equal(error, 0);

	error = UNTOUCHED;
	assert_true(ws_time_convert(NULL, other, WS_CLOCK_TAI, &t, &error));
	assert_int_equal(t.ns, 7);
	assert_int_equal(error, 0);
}

static void convert_refused(void **state)
{
	static const struct ws_relation shift = {WS_CLOCK_PHC, WS_CLOCK_MONOTONIC, 1000, 250};
	static const struct ws_relation unknown = {WS_CLOCK_NONE, WS_CLOCK_MONOTONIC, 1000, 250};
	const struct {
		const struct ws_relation *r;
		struct ws_time t;
		enum ws_clock to;
	} rows[] = {
		{&shift, {5, phc1}, WS_CLOCK_MONOTONIC},
		{&shift, {5, phc0}, WS_CLOCK_REALTIME},
		{&shift, {5, WS_CLOCK_MONOTONIC}, phc1},
		{&shift, {5, WS_CLOCK_NONE}, WS_CLOCK_MONOTONIC},
		{&shift, {5, WS_CLOCK_NONE}, WS_CLOCK_NONE},
		{&shift, {5, phc0}, WS_CLOCK_NONE},
		{&unknown, {5, WS_CLOCK_NONE}, WS_CLOCK_MONOTONIC},
		{&unknown, {5, WS_CLOCK_MONOTONIC}, WS_CLOCK_NONE},
		{&shift, {INT64_MAX - 999, phc0}, WS_CLOCK_MONOTONIC},
		{&shift, {INT64_MIN + 999, WS_CLOCK_MONOTONIC}, phc0},
	};
	struct ws_time t = {UNTOUCHED, WS_CLOCK_TAI};
	int64_t error = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(ws_time_convert(rows[i].r, rows[i].t, rows[i].to, &t, &error));
		assert_int_equal(t.ns, UNTOUCHED);
		assert_int_equal(t.clock, WS_CLOCK_TAI);
		assert_int_equal(error, UNTOUCHED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diff_of_one_clock),
		cmocka_unit_test(diff_refused),
		cmocka_unit_test(convert_both_ways),
		cmocka_unit_test(convert_to_its_own_clock),
		cmocka_unit_test(convert_refused),
	};

	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
