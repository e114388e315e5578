/* SPDX-License-Identifier: BSD-2-Clause */
/* A run over time: rows, columns, and that nothing is lost when the width doubles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "core/timeline.h"

#define MS	INT64_C(1000000)
#define EVENTS	20000
#define COLUMNS WS_TIMELINE_COLUMNS

static uint64_t draw(uint64_t seed, uint64_t i, uint64_t below)
{
	return ws_random_below(ws_random_at(seed, 0, i), below);
}

static int setup(void **state)
{
	struct ws_timeline *t = malloc(sizeof(*t));

	if (!t) {
		return -1;
	}
	memset(t, 0x5a, sizeof(*t));
	ws_timeline_init(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* ---- Rows. ---- */

static void expect_row(int64_t latency_ns)
{
	unsigned row = ws_timeline_row(latency_ns);

	assert_true(row < WS_TIMELINE_ROWS);
	assert_true(row == 0 || ws_timeline_row_low(row) <= latency_ns);
	assert_true(row == WS_TIMELINE_ROWS - 1 || latency_ns < ws_timeline_row_low(row + 1));
}

static void test_rows(void **state)
{
	(void)state;
	assert_int_equal(ws_timeline_row_low(0), 1);
	assert_int_equal(ws_timeline_row_low(WS_TIMELINE_ROWS), INT64_C(1) << 38);
	for (unsigned row = 0; row < WS_TIMELINE_ROWS; row++) {
		int64_t low = ws_timeline_row_low(row), high = ws_timeline_row_low(row + 1);

		assert_true(low <= high);
		if (low < high) {
			assert_int_equal(ws_timeline_row(low), row);
			assert_int_equal(ws_timeline_row(high - 1), row);
		}
		/* From where an eighth of a power of two is a whole number on, every row is as wide. */
		if (row >= 24) {
			int64_t power = INT64_C(1) << row / 8;

			assert_int_equal(low, power + power / 8 * (row % 8));
		}
	}
	for (int64_t v = 1; v < 5000; v++) {
		expect_row(v);
		assert_true(ws_timeline_row(v) >= ws_timeline_row(v - 1));
	}
	for (uint64_t i = 0; i < 10000; i++) {
		expect_row((int64_t)(ws_random_at(1, 0, i) >> (1 + draw(2, i, 63))));
	}
}

static void test_rows_at_the_ends(void **state)
{
	(void)state;
	assert_int_equal(ws_timeline_row(INT64_MIN), 0);
	assert_int_equal(ws_timeline_row(-1), 0);
	assert_int_equal(ws_timeline_row(0), 0);
	assert_int_equal(ws_timeline_row(1), 0);
	assert_int_equal(ws_timeline_row(2), 8);
	assert_int_equal(ws_timeline_row((INT64_C(1) << 38) - 1), WS_TIMELINE_ROWS - 1);
	assert_int_equal(ws_timeline_row(INT64_C(1) << 38), WS_TIMELINE_ROWS - 1);
	assert_int_equal(ws_timeline_row(INT64_MAX), WS_TIMELINE_ROWS - 1);
}

/* ---- Columns. ---- */

static void test_columns(void **state)
{
	struct ws_timeline *t = *state;

	assert_int_equal(t->used, 0);
	ws_timeline_happened(t, 0, WS_HAPPENED_SENT);
	assert_int_equal(t->used, 1);
	ws_timeline_latency(t, MS - 1, 100);
	ws_timeline_latency(t, MS, -7);
	ws_timeline_latency(t, MS, 5000);
	ws_timeline_happened(t, -MS, WS_HAPPENED_LOST);
	ws_timeline_happened(t, INT64_MIN, WS_HAPPENED_LOST);
	ws_timeline_happened(t, 511 * MS, WS_HAPPENED_LATE);
	ws_timeline_happened(t, 3 * MS, WS_HAPPENED_DUPLICATED);
	assert_int_equal(t->width_ns, MS);
	assert_int_equal(t->used, COLUMNS);
	assert_int_equal(t->columns[0].happened[WS_HAPPENED_SENT], 1);
	assert_int_equal(t->columns[0].happened[WS_HAPPENED_LOST], 2);
	assert_int_equal(t->columns[0].count, 1);
	assert_int_equal(t->columns[0].cells[ws_timeline_row(100)], 1);
	assert_int_equal(t->columns[1].count, 2);
	assert_int_equal(t->columns[1].min, -7);
	assert_int_equal(t->columns[1].max, 5000);
	assert_int_equal(t->columns[1].cells[0], 1);
	assert_int_equal(t->columns[3].happened[WS_HAPPENED_DUPLICATED], 1);
	assert_int_equal(t->columns[511].happened[WS_HAPPENED_LATE], 1);
}

static void test_first_double(void **state)
{
	struct ws_timeline *t = *state;

	ws_timeline_latency(t, 6 * MS, 300);
	ws_timeline_latency(t, 7 * MS, 200);
	ws_timeline_latency(t, 9 * MS, 400);
	ws_timeline_latency(t, 512 * MS - 1, 1);
	assert_int_equal(t->width_ns, MS);
	ws_timeline_latency(t, 512 * MS, 2);
	assert_int_equal(t->width_ns, 2 * MS);
	assert_int_equal(t->used, 257);
	assert_int_equal(t->columns[3].count, 2);
	assert_int_equal(t->columns[3].min, 200);
	assert_int_equal(t->columns[3].max, 300);
	assert_int_equal(t->columns[4].count, 1);
	assert_int_equal(t->columns[4].min, 400);
	assert_int_equal(t->columns[4].max, 400);
	assert_int_equal(t->columns[255].count, 1);
	assert_int_equal(t->columns[256].count, 1);
	/* A time from before is found in the new columns. */
	ws_timeline_latency(t, 7 * MS, 250);
	assert_int_equal(t->columns[3].count, 3);
}

static void test_saturation(void **state)
{
	struct ws_timeline *t = *state;

	t->columns[0].cells[0] = UINT32_MAX - 1;
	for (int i = 0; i < 3; i++) {
		ws_timeline_latency(t, 0, 1);
	}
	assert_int_equal(t->columns[0].cells[0], UINT32_MAX);
	assert_int_equal(t->columns[0].count, 3);
	ws_timeline_latency(t, MS, 1);
	ws_timeline_latency(t, 600 * MS, 1);
	assert_int_equal(t->columns[0].cells[0], UINT32_MAX);
	assert_int_equal(t->columns[0].count, 4);
}

static void test_endless(void **state)
{
	struct ws_timeline *t = *state;

	ws_timeline_happened(t, 0, WS_HAPPENED_SENT);
	ws_timeline_happened(t, INT64_MAX, WS_HAPPENED_SENT);
	assert_int_equal(t->columns[0].happened[WS_HAPPENED_SENT], 1);
	assert_int_equal(t->columns[t->used - 1].happened[WS_HAPPENED_SENT], 1);
	assert_int_equal(t->used - 1, INT64_MAX / t->width_ns);
	/* No wider than needed. */
	assert_true(t->used > COLUMNS / 2);
	ws_timeline_happened(t, 1, WS_HAPPENED_SENT);
	assert_int_equal(t->columns[0].happened[WS_HAPPENED_SENT], 2);
}

/* ---- Everything, against columns that are counted anew at the end. ---- */

struct event {
	int64_t at_ns, latency_ns;
	enum ws_happening what;
};

static void make_events(uint64_t seed, struct event *events)
{
	int64_t step = (int64_t)(INT64_C(1) << draw(seed, 0, 30));

	for (uint64_t i = 0; i < EVENTS; i++) {
		/* In order, but for some. */
		uint64_t n = draw(seed, 100 + i, 50) ? i : draw(seed, 100 + EVENTS + i, i + 1);

		events[i] = (struct event){
			.at_ns = (int64_t)n * step,
			.latency_ns = (int64_t)(ws_random_at(seed, 1, i) >> draw(seed, 2 * i, 64)),
			.what = (enum ws_happening)draw(seed, i, WS_HAPPENINGS),
		};
	}
}

static void count_again(
	struct ws_timeline_column *columns, const struct event *events, int64_t width_ns)
{
	for (unsigned i = 0; i < EVENTS; i++) {
		const struct event *e = &events[i];
		struct ws_timeline_column *c = &columns[e->at_ns / width_ns];

		c->happened[e->what]++;
		c->cells[ws_timeline_row(e->latency_ns)]++;
		c->min = !c->count || e->latency_ns < c->min ? e->latency_ns : c->min;
		c->max = !c->count || e->latency_ns > c->max ? e->latency_ns : c->max;
		c->count++;
	}
}

static void test_all_sums_stay(void **state)
{
	struct ws_timeline_column *want = malloc(COLUMNS * sizeof(*want));
	struct event *events = malloc(EVENTS * sizeof(*events));
	struct ws_timeline *t = *state;
	unsigned doubled = 0;

	assert_non_null(want);
	assert_non_null(events);
	for (uint64_t seed = 1; seed <= 30; seed++) {
		int64_t end_ns = 0;

		make_events(seed, events);
		ws_timeline_init(t);
		for (unsigned i = 0; i < EVENTS; i++) {
			const struct event *e = &events[i];

			ws_timeline_latency(t, e->at_ns, e->latency_ns);
			ws_timeline_happened(t, e->at_ns, e->what);
			end_ns = e->at_ns > end_ns ? e->at_ns : end_ns;
		}
		memset(want, 0, COLUMNS * sizeof(*want));
		count_again(want, events, t->width_ns);
		assert_memory_equal(t->columns, want, COLUMNS * sizeof(*want));
		assert_int_equal(t->used, end_ns / t->width_ns + 1);
		assert_true(t->width_ns == MS || t->used > COLUMNS / 2);
		doubled += t->width_ns > MS;
	}
	assert_true(doubled > 5 && doubled < 30);
	free(events);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_at_the_ends),
		cmocka_unit_test_setup_teardown(test_columns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_double, setup, teardown),
		cmocka_unit_test_setup_teardown(test_saturation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_sums_stay, setup, teardown),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
