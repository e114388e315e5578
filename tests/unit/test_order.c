/* SPDX-License-Identifier: BSD-2-Clause */
/* Losses in a row, RFC 4737 extents and RFC 3550 jitter, against models that look at everything. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/order.h"
#include "core/random.h"

#define PACKETS 300
#define SEEDS	300

static uint64_t draw(uint64_t seed, uint64_t i, uint64_t below)
{
	return ws_random_below(ws_random_at(seed, 0, i), below);
}

/* ---- Extents. ---- */

/* Sequences as they arrive: PACKETS at most, some lost, each moved by at most `reach` places. */
static unsigned make_arrivals(uint64_t seed, uint64_t *seqs)
{
	uint64_t first = draw(seed, 0, 3) ? draw(seed, 1, 50) : 0;
	uint64_t loss = draw(seed, 2, 500);
	uint64_t reach = 1 + draw(seed, 3, 2) * draw(seed, 4, PACKETS);
	unsigned count = 0;

	for (uint64_t i = 0; i < PACKETS; i++) {
		if (draw(seed, 1000 + i, 1000) >= loss) {
			seqs[count++] = first + i;
		}
	}
	for (unsigned i = 0; i < count; i++) {
		uint64_t other = i + draw(seed, 2000 + i, reach + 1);

		if (other < count) {
			uint64_t seq = seqs[i];

			seqs[i] = seqs[other];
			seqs[other] = seq;
		}
	}
	return count;
}

/* The first arrival with a greater sequence; i if there is none. */
static unsigned first_greater(const uint64_t *seqs, unsigned i)
{
	unsigned j = 0;

	while (j < i && seqs[j] < seqs[i]) {
		j++;
	}
	return j;
}

/* How many arrivals from first on, and before i, were the greatest so far and left a gap. */
static unsigned gaps_between(const uint64_t *seqs, unsigned first, unsigned i)
{
	uint64_t next = 0;
	unsigned count = 0;

	for (unsigned j = 0; j < i; j++) {
		if (seqs[j] >= next) {
			count += j >= first && seqs[j] > next;
			next = seqs[j] + 1;
		}
	}
	return count;
}

static void test_extents(void **state)
{
	unsigned in_order = 0, reordered = 0, beyond = 0;
	uint64_t seqs[PACKETS];

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		unsigned count = make_arrivals(seed, seqs);
		uint32_t reach = UINT32_C(1) << draw(seed, 5, 9);
		struct ws_order *o;

		assert_int_equal(ws_order_new(&o, reach), 0);
		for (unsigned i = 0; i < count; i++) {
			uint64_t got = ws_order_arrival(o, seqs[i]);
			unsigned j = first_greater(seqs, i);

			if (gaps_between(seqs, j, i) > reach) {
				assert_int_equal(got, UINT64_MAX);
				beyond++;
			} else {
				assert_int_equal(got, i - j);
				in_order += i == j;
				reordered += i > j;
			}
		}
		ws_order_free(o);
	}
	/* Else it would prove nothing. */
	assert_true(in_order > 1000 && reordered > 1000 && beyond > 1000);
}

static void expect_extents(const uint64_t *seqs, const uint64_t *extents, size_t count)
{
	struct ws_order *o;

	assert_int_equal(ws_order_new(&o, 16), 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ws_order_arrival(o, seqs[i]), extents[i]);
	}
	ws_order_free(o);
}

/* One late, one early, three behind four, and all through each other. */
static void test_extents_by_hand(void **state)
{
	static const uint64_t late[] = {1, 2, 3, 5, 6, 7, 8, 4, 9, 10};
	static const uint64_t late_extents[] = {0, 0, 0, 0, 0, 0, 0, 4, 0, 0};
	static const uint64_t early[] = {1, 2, 3, 7, 4, 5, 6, 8};
	static const uint64_t early_extents[] = {0, 0, 0, 0, 1, 2, 3, 0};
	static const uint64_t block[] = {1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11};
	static const uint64_t block_extents[] = {0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 0};
	static const uint64_t mixed[] = {4, 2, 6, 1, 5, 3};
	static const uint64_t mixed_extents[] = {0, 1, 0, 3, 2, 5};

	(void)state;
	expect_extents(late, late_extents, 10);
	expect_extents(early, early_extents, 8);
	expect_extents(block, block_extents, 11);
	expect_extents(mixed, mixed_extents, 6);
}

/* Nothing of sequences is reckoned beyond their range. */
static void test_extents_at_the_ends(void **state)
{
	static const uint64_t ends[] = {UINT64_MAX, 0, UINT64_MAX - 1, 1};
	static const uint64_t ends_extents[] = {0, 1, 2, 3};
	static const uint64_t up[] = {0, UINT64_MAX - 1, UINT64_MAX, 5};
	static const uint64_t up_extents[] = {0, 0, 0, 2};

	(void)state;
	expect_extents(ends, ends_extents, 4);
	expect_extents(up, up_extents, 4);
}

/* Without gaps nothing is forgotten, however much came since. */
static void test_reach_counts_gaps(void **state)
{
	struct ws_order *o;

	(void)state;
	assert_int_equal(ws_order_new(&o, 2), 0);
	for (uint64_t seq = 1; seq <= 100000; seq++) {
		assert_int_equal(ws_order_arrival(o, seq + (seq > 50000)), 0);
	}
	assert_int_equal(ws_order_arrival(o, 50001), 50000);
	assert_int_equal(ws_order_arrival(o, 0), 100001);
	assert_int_equal(ws_order_arrival(o, 100003), 0);
	/* The gap before 1 is forgotten, the one after 50000 is not, and 100002 is in the last. */
	assert_int_equal(ws_order_arrival(o, 100002), 1);
	ws_order_free(o);
}

static void test_beyond_reach(void **state)
{
	struct ws_order *o;

	(void)state;
	assert_int_equal(ws_order_new(&o, 2), 0);
	for (uint64_t seq = 1; seq <= 5; seq += 2) {
		assert_int_equal(ws_order_arrival(o, seq), 0);
	}
	assert_int_equal(ws_order_arrival(o, 0), UINT64_MAX); /* 1 was forgotten */
	assert_int_equal(ws_order_arrival(o, 2), 3);	      /* 3 was not */
	assert_int_equal(ws_order_arrival(o, 4), 3);
	ws_order_free(o);
}

/* A sequence that comes again is the caller's mistake; it must do no harm. */
static void test_copies_are_harmless(void **state)
{
	struct ws_order *o;

	(void)state;
	assert_int_equal(ws_order_new(&o, 1), 0);
	assert_int_equal(ws_order_arrival(o, 0), 0);
	assert_int_equal(ws_order_arrival(o, 0), 0);
	assert_int_equal(ws_order_arrival(o, 2), 0);
	assert_int_equal(ws_order_arrival(o, 2), 0);
	assert_int_equal(ws_order_arrival(o, 1), 2);
	ws_order_free(o);
}

static void test_order_arguments(void **state)
{
	static const uint32_t bad[] = {0, 3, 6, UINT32_MAX};
	struct ws_order *const untouched = (struct ws_order *)&bad;
	struct ws_order *o = untouched;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ws_order_new(&o, bad[i]), -EINVAL);
		assert_ptr_equal(o, untouched);
	}
	ws_order_free(NULL);
}

static void test_reordering(void **state)
{
	static const struct {
		uint64_t extent;
		unsigned bin;
	} cases[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {8, 3}, {9, 4}, {1024, 10}, {1025, 11},
		{UINT64_C(1) << 31, 31}, {(UINT64_C(1) << 31) + 1, 32}, {UINT64_C(1) << 32, 32},
		{UINT64_MAX - 1, 32}};
	struct ws_reordering r = {0}, before;
	double sum = 0;

	(void)state;
	ws_reordering_add(&r, 0);
	assert_int_equal(r.reordered, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t was = r.bins[cases[i].bin];

		ws_reordering_add(&r, cases[i].extent);
		sum += (double)cases[i].extent;
		assert_int_equal(r.bins[cases[i].bin], was + 1);
		assert_int_equal(r.reordered, i + 1);
		assert_int_equal(r.max, cases[i].extent);
		assert_float_equal(r.mean / (sum / (double)(i + 1)), 1, 1e-9);
	}
	before = r;
	ws_reordering_add(&r, UINT64_MAX);
	assert_int_equal(r.unknown, 1);
	assert_int_equal(r.reordered, before.reordered + 1);
	assert_int_equal(r.max, before.max);
	assert_memory_equal(&r.mean, &before.mean, sizeof(r.mean));
	assert_memory_equal(r.bins, before.bins, sizeof(r.bins));
	ws_reordering_add(&r, 1);
	assert_int_equal(r.bins[0], 2);
	sum += 1;
	assert_float_equal(r.mean / (sum / (double)(r.reordered - r.unknown)), 1, 1e-9);
}

/* ---- Losses. ---- */

static void expect_loss(
	const struct ws_loss *l, uint64_t seq, uint64_t count, int64_t at_ns, int64_t until_ns)
{
	assert_int_equal(l->seq, seq);
	assert_int_equal(l->count, count);
	assert_int_equal(l->at_ns, at_ns);
	assert_int_equal(l->until_ns, until_ns);
}

/* Sequences with an l are lost, those with a dot came, the others were never sent. */
static void add_all(struct ws_losses *l, const char *fates)
{
	ws_losses_init(l);
	for (uint64_t seq = 0; fates[seq]; seq++) {
		if (fates[seq] != ' ') {
			ws_losses_add(l, seq, 10 * (int64_t)seq, fates[seq] == 'l');
		}
	}
	ws_losses_end(l);
}

static void test_losses(void **state)
{
	struct ws_losses *l = *state, *again;

	add_all(l, "ll.lll..l l  l. l .l");
	assert_int_equal(l->packets, 10);
	assert_int_equal(l->episodes, 5);
	assert_int_equal(l->longest, 6);
	assert_int_equal(l->count, 5);
	expect_loss(&l->list[0], 0, 2, 0, 10);
	expect_loss(&l->list[1], 3, 3, 30, 50);
	expect_loss(&l->list[2], 8, 6, 80, 130);
	expect_loss(&l->list[3], 16, 1, 160, 160);
	expect_loss(&l->list[4], 19, 1, 190, 190);
	again = malloc(sizeof(*again));
	assert_non_null(again);
	*again = *l;
	ws_losses_end(l);
	assert_memory_equal(l, again, sizeof(*l));
	free(again);
	add_all(l, "...");
	assert_int_equal(l->packets + l->episodes + l->longest + l->count, 0);
	add_all(l, "");
	assert_int_equal(l->packets + l->episodes + l->longest + l->count, 0);
}

static int longest_first(const void *a, const void *b)
{
	const struct ws_loss *x = a, *y = b;

	if (x->count != y->count) {
		return x->count < y->count ? 1 : -1;
	}
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_seq(const void *a, const void *b)
{
	const struct ws_loss *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* More than are kept: the longest stay, of equal ones the first, in order of the sequence. */
static void test_longest_losses(void **state)
{
	enum { EPISODES = 4 * WS_LOSSES };
	static struct ws_loss all[EPISODES];
	struct ws_losses *l = *state;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t most = seed == 1 ? 1 : draw(seed, 0, 1000) + 1;
		unsigned count = seed == 2 ? WS_LOSSES : (unsigned)draw(seed, 1, EPISODES) + 1;
		unsigned kept = count < WS_LOSSES ? count : WS_LOSSES;
		uint64_t seq = 0, packets = 0;

		ws_losses_init(l);
		for (unsigned i = 0; i < count; i++) {
			uint64_t n = draw(seed, 10 + i, most) + 1;

			all[i] = (struct ws_loss){seq, n, (int64_t)seq, (int64_t)(seq + n) - 1};
			packets += n;
			for (; n > 0; n--, seq++) {
				ws_losses_add(l, seq, (int64_t)seq, true);
			}
			ws_losses_add(l, seq, (int64_t)seq, false);
			seq++;
		}
		ws_losses_end(l);
		qsort(all, count, sizeof(all[0]), longest_first);
		assert_int_equal(l->episodes, count);
		assert_int_equal(l->packets, packets);
		assert_int_equal(l->longest, all[0].count);
		assert_int_equal(l->count, kept);
		qsort(all, kept, sizeof(all[0]), by_seq);
		assert_memory_equal(l->list, all, kept * sizeof(all[0]));
	}
}

static int setup_losses(void **state)
{
	*state = malloc(sizeof(struct ws_losses));
	return *state ? 0 : -1;
}

static int teardown_losses(void **state)
{
	free(*state);
	return 0;
}

/* ---- Jitter. ---- */

static void test_jitter(void **state)
{
	/* As far as two clocks may be apart. */
	static const int64_t offsets[] = {0, INT64_C(1700000000000000000), INT64_MIN + 1000000};

	(void)state;
	for (size_t k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
		struct ws_jitter j = {0};
		double want = 0, max = 0, sum = 0;
		int64_t before = 0;

		for (uint64_t i = 0; i < 5000; i++) {
			int64_t transit = (int64_t)draw(7, i, 100000) - 50000;

			ws_jitter_add(&j, transit + offsets[k]);
			if (i) {
				want = want + (fabs((double)(transit - before)) - want) / 16.0;
				max = want > max ? want : max;
				sum += want;
			}
			before = transit;
			assert_float_equal(j.ns, want, 1e-6);
			assert_int_equal(j.count, i);
		}
		assert_float_equal(j.max, max, 1e-6);
		assert_float_equal(j.mean, sum / 4999, 1e-6);
	}
}

static void test_jitter_by_hand(void **state)
{
	struct ws_jitter j = {0};

	(void)state;
	ws_jitter_add(&j, 1000);
	assert_float_equal(j.ns, 0, 0);
	ws_jitter_add(&j, 1160);
	assert_float_equal(j.ns, 10, 1e-12);
	ws_jitter_add(&j, 1160);
	assert_float_equal(j.ns, 9.375, 1e-12);
	assert_float_equal(j.max, 10, 1e-12);
	assert_float_equal(j.mean, 9.6875, 1e-12);
	assert_int_equal(j.count, 2);
	ws_jitter_add(&j, INT64_MAX);
	ws_jitter_add(&j, INT64_MIN);
	assert_true(j.ns > 1.1e18 && j.ns < 2e18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extents),
		cmocka_unit_test(test_extents_by_hand),
		cmocka_unit_test(test_extents_at_the_ends),
		cmocka_unit_test(test_reach_counts_gaps),
		cmocka_unit_test(test_beyond_reach),
		cmocka_unit_test(test_copies_are_harmless),
		cmocka_unit_test(test_order_arguments),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test_setup_teardown(test_losses, setup_losses, teardown_losses),
		cmocka_unit_test_setup_teardown(test_longest_losses, setup_losses, teardown_losses),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_jitter_by_hand),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
