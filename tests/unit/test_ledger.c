/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/ledger.h"

/* The ledger is nothing but counters, which lets a test reach each of them. */
#define FIELDS (sizeof(struct ws_ledger) / sizeof(uint64_t))
_Static_assert(sizeof(struct ws_ledger) % sizeof(uint64_t) == 0, "only uint64_t in a ledger");

static const struct ws_ledger good = {
	.attempted = 1000,
	.sent = 990,
	.failed = 10,
	.matched = 900,
	.unstamped_tx = 20,
	.unstamped_rx = 30,
	.unstamped_both = 5,
	.lost = 31,
	.late_arrivals = 4,
	.received = 1000,
	.duplicated = 28,
	.foreign = 11,
	.malformed = 2,
	.reordered = 13,
	.beyond_history = 3,
	.negative = 1,
	.below_range = 2,
	.above_range = 3,
	.in_histogram = 894,
	.offered_rx = 1010,
	.dropped_rx = 10,
};

static unsigned int broken(const struct ws_ledger *l)
{
	unsigned int set = 0;
	int id;

	for (id = 0; id < WS_IDENTITY_COUNT; id++) {
		if (!ws_ledger_holds(l, (enum ws_identity)id)) {
			set |= 1U << id;
		}
	}
	assert_int_equal(ws_ledger_balanced(l), set == 0);
	return set;
}

/* A ring that was not counted cannot be out of balance; everything else can. */
static void test_unknown_ring(void **state)
{
	struct ws_ledger l = good;

	(void)state;
	l.dropped_rx = UINT64_MAX;
	assert_int_equal(broken(&l), 0);
	l.dropped_rx = 0;
	assert_int_equal(broken(&l), 1U << WS_IDENTITY_RING);
	l.offered_rx = UINT64_MAX;
	assert_int_equal(broken(&l), 0);
	l.sent++;
	assert_true(broken(&l) != 0);
}

static void test_balanced(void **state)
{
	const struct ws_ledger empty = {0};

	(void)state;
	assert_int_equal(broken(&good), 0);
	assert_int_equal(broken(&empty), 0);
}

/* One packet too many in one counter breaks the identities that it stands in, and no other. */
static void test_each_counter_breaks_its_identities(void **state)
{
	const unsigned int attempted = 1U << WS_IDENTITY_ATTEMPTED;
	const unsigned int sent = 1U << WS_IDENTITY_SENT;
	const unsigned int received = 1U << WS_IDENTITY_RECEIVED;
	const unsigned int histogram = 1U << WS_IDENTITY_HISTOGRAM;
	const unsigned int ring = 1U << WS_IDENTITY_RING;
	const struct {
		size_t offset;
		unsigned int breaks;
	} table[] = {
		{offsetof(struct ws_ledger, attempted), attempted},
		{offsetof(struct ws_ledger, sent), attempted | sent},
		{offsetof(struct ws_ledger, failed), attempted},
		{offsetof(struct ws_ledger, matched), sent | received | histogram},
		{offsetof(struct ws_ledger, unstamped_tx), sent | received},
		{offsetof(struct ws_ledger, unstamped_rx), sent | received},
		{offsetof(struct ws_ledger, unstamped_both), sent | received},
		{offsetof(struct ws_ledger, lost), sent},
		{offsetof(struct ws_ledger, late_arrivals), sent | received},
		{offsetof(struct ws_ledger, received), received | ring},
		{offsetof(struct ws_ledger, duplicated), received},
		{offsetof(struct ws_ledger, foreign), received},
		{offsetof(struct ws_ledger, malformed), received},
		{offsetof(struct ws_ledger, reordered), 0},
		{offsetof(struct ws_ledger, beyond_history), 0},
		{offsetof(struct ws_ledger, negative), histogram},
		{offsetof(struct ws_ledger, below_range), histogram},
		{offsetof(struct ws_ledger, above_range), histogram},
		{offsetof(struct ws_ledger, in_histogram), histogram},
		{offsetof(struct ws_ledger, offered_rx), ring},
		{offsetof(struct ws_ledger, dropped_rx), ring},
	};
	size_t i;

	(void)state;
	assert_int_equal(sizeof(table) / sizeof(table[0]), FIELDS);
	for (i = 0; i < FIELDS; i++) {
		struct ws_ledger l = good;

		(*(uint64_t *)((char *)&l + table[i].offset))++;
		assert_int_equal(broken(&l), table[i].breaks);
	}
}

static void test_add_reaches_every_counter(void **state)
{
	uint64_t a[FIELDS], b[FIELDS], want[FIELDS];
	struct ws_ledger l, from;
	size_t i;

	(void)state;
	for (i = 0; i < FIELDS; i++) {
		a[i] = i + 1;
		b[i] = 1000 * (i + 1) + i * i;
		want[i] = a[i] + b[i];
	}
	memcpy(&l, a, sizeof(l));
	memcpy(&from, b, sizeof(from));
	ws_ledger_add(&l, &from);
	assert_memory_equal(&l, want, sizeof(l));
	assert_memory_equal(&from, b, sizeof(from));
}

static void test_sum_of_balanced_is_balanced(void **state)
{
	struct ws_ledger l = good;

	(void)state;
	ws_ledger_add(&l, &good);
	assert_int_equal(broken(&l), 0);
	assert_int_equal(l.matched, 2 * good.matched);
}

static void test_texts(void **state)
{
	(void)state;
	assert_string_equal(ws_identity_text(WS_IDENTITY_ATTEMPTED), "attempted = sent + failed");
	assert_string_equal(ws_identity_text(WS_IDENTITY_SENT),
		"sent = matched + unstamped_tx + unstamped_rx + unstamped_both + lost"
		" + late_arrivals");
	assert_string_equal(ws_identity_text(WS_IDENTITY_RECEIVED),
		"received = matched + unstamped_tx + unstamped_rx + unstamped_both + late_arrivals"
		" + duplicated + foreign + malformed");
	assert_string_equal(ws_identity_text(WS_IDENTITY_HISTOGRAM),
		"matched = in_histogram + negative + below_range + above_range");
	assert_string_equal(
		ws_identity_text(WS_IDENTITY_RING), "offered_rx = received + dropped_rx");
	assert_string_equal(ws_identity_text(WS_IDENTITY_COUNT), "unknown");
	assert_false(ws_ledger_holds(&good, WS_IDENTITY_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_balanced),
		cmocka_unit_test(test_unknown_ring),
		cmocka_unit_test(test_each_counter_breaks_its_identities),
		cmocka_unit_test(test_add_reaches_every_counter),
		cmocka_unit_test(test_sum_of_balanced_is_balanced),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
