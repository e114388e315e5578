// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where packets were lost, over a modelled kernel that knows the truth: it fills units of one packet
 * (or several, like blocks), drops while the ring is full, and can do both in the middle of a reading
 * of its counters, and between a reading and a release.
 */
#include "core/ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_UNITS 64
#define MAX_TOTAL (1 << 20)

struct kernel {
	uint32_t units;
	bool ready[MAX_UNITS], losing[MAX_UNITS];
	uint64_t taken, released;
	uint32_t drops;	 /* unread */
	uint32_t before; /* dropped since the last unit was taken */
	uint64_t dropped;
	bool slow;	  /* it takes a unit some time before it hands it over: */
	uint32_t writing; /* at this place; units: none */
	/* What happens in the middle of the next readings: packets that come, each time. */
	unsigned within;
	unsigned readings;
	uint32_t truth[MAX_TOTAL]; /* lost immediately before each unit */
	struct ws_ring *ring;
};

static bool is_ready(const void *arg, uint32_t place)
{
	const struct kernel *k = arg;

	return k->ready[place];
}

static bool is_losing(const void *arg, uint32_t place)
{
	const struct kernel *k = arg;

	return k->losing[place];
}

static void hand_over(struct kernel *k)
{
	if (k->writing < k->units) {
		k->ready[k->writing] = true;
		k->writing = k->units;
	}
}

/* A packet arrives. */
static void arrive(struct kernel *k)
{
	uint32_t place = (uint32_t)(k->taken % k->units);

	if (k->taken - k->released == k->units) {
		k->drops++;
		k->dropped++;
		k->before++;
		return;
	}
	assert_true(k->taken < MAX_TOTAL);
	k->truth[k->taken] = k->before;
	k->before = 0;
	k->losing[place] = k->drops > 0;
	hand_over(k);
	k->writing = place;
	if (!k->slow) {
		hand_over(k);
	}
	k->taken++;
}

static void arrive_many(struct kernel *k, unsigned n)
{
	while (n--) {
		arrive(k);
	}
}

static void read_counters(void *arg, struct ws_ring_reading *ret)
{
	struct kernel *k = arg;

	k->readings++;
	ret->taken = k->taken;
	ret->full = k->taken - k->released == k->units;
	/* The lock is given back before the drops are taken. */
	arrive_many(k, k->within);
	ret->drops = k->drops;
	k->drops = 0;
}

static const struct ws_ring_ops ops = {is_ready, is_losing, read_counters};

static struct kernel *kernel_new(uint32_t units)
{
	struct kernel *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	assert_true(units <= MAX_UNITS);
	k->units = k->writing = units;
	assert_int_equal(ws_ring_new(&k->ring, units, &ops, k), 0);
	return k;
}

static void kernel_free(struct kernel *k)
{
	ws_ring_free(k->ring);
	free(k);
}

/* Releases n units; packets arrive after the first reading, and after the units are free. */
static void release(struct kernel *k, uint32_t n, unsigned between, unsigned after)
{
	bool full = ws_ring_release_begin(k->ring);

	arrive_many(k, between);
	for (uint32_t i = 0; i < n; i++) {
		k->ready[k->released % k->units] = false;
		k->losing[k->released % k->units] = false;
		k->released++;
	}
	arrive_many(k, after);
	ws_ring_release_end(k->ring, n, full);
	assert_int_equal(ws_ring_released(k->ring), k->released);
}

static struct ws_ring_loss begin(struct kernel *k, bool *ret_losing)
{
	struct ws_ring_loss loss;

	assert_true(ws_ring_ready(k->ring));
	ws_ring_begin(k->ring, &loss, ret_losing);
	return loss;
}

static void expect_loss(struct kernel *k, uint32_t packets, bool spread)
{
	bool losing;
	struct ws_ring_loss loss = begin(k, &losing);

	assert_int_equal(loss.packets, packets);
	assert_int_equal(loss.spread, spread);
	assert_true(!packets || losing);
}

static void expect_none(struct kernel *k, unsigned n)
{
	while (n--) {
		expect_loss(k, 0, false);
	}
}

static void test_order(void **state)
{
	struct kernel *k = kernel_new(4);
	struct ws_ring_loss loss;
	struct ws_ring *none;
	bool losing;

	(void)state;
	assert_false(ws_ring_ready(k->ring));
	for (uint32_t i = 0; i < 9; i++) {
		arrive(k);
		assert_true(ws_ring_ready(k->ring));
		assert_int_equal(ws_ring_begin(k->ring, &loss, &losing), i % 4);
		assert_int_equal(loss.packets, 0);
		assert_false(losing);
		assert_int_equal(ws_ring_oldest(k->ring), i % 4);
		assert_int_equal(ws_ring_held(k->ring), 1);
		assert_int_equal(ws_ring_filled(k->ring), 1);
		release(k, 1, 0, 0);
		assert_int_equal(ws_ring_held(k->ring), 0);
		assert_int_equal(ws_ring_filled(k->ring), 0);
	}
	/* Not full, so that the counters were not asked for. */
	assert_int_equal(k->readings, 0);
	for (uint32_t i = 1; i <= 4; i++) {
		arrive(k);
		assert_int_equal(ws_ring_filled(k->ring), i);
	}
	expect_none(k, 4);
	/* All is held: the place of the oldest is not the next one. */
	assert_false(ws_ring_ready(k->ring));
	assert_int_equal(ws_ring_filled(k->ring), 4);
	kernel_free(k);
	assert_int_equal(ws_ring_new(&none, 0, &ops, NULL), -EINVAL);
	ws_ring_free(NULL);
}

static void test_loss_is_before_the_next_unit(void **state)
{
	struct kernel *k = kernel_new(8);

	(void)state;
	arrive_many(k, 8 + 5);
	expect_none(k, 8);
	release(k, 3, 0, 0);
	arrive_many(k, 3 + 7);
	/* A reading for somebody else, in the middle of it. */
	ws_ring_update(k->ring);
	arrive_many(k, 2);
	expect_loss(k, 5, false);
	expect_none(k, 2);
	release(k, 8, 0, 0);
	arrive_many(k, 8);
	expect_loss(k, 9, false);
	expect_none(k, 7);
	kernel_free(k);
}

static void test_dropped_while_releasing(void **state)
{
	struct kernel *k = kernel_new(8);

	(void)state;
	arrive_many(k, 8 + 5);
	expect_none(k, 8);
	/* After the counters were read and before the unit is free: the same place. */
	release(k, 2, 4, 0);
	arrive(k);
	expect_loss(k, 9, false);
	/* Some more come, into the place that is free and beyond, before the counters are read. */
	arrive(k);
	expect_none(k, 1);
	release(k, 1, 3, 1 + 6);
	assert_int_equal(k->dropped, 5 + 4 + 3 + 6);
	expect_loss(k, 0, false);
	/* Full again by then: nobody knows which of them were before that unit. */
	release(k, 1, 0, 0);
	arrive(k);
	expect_loss(k, 9, true);
	kernel_free(k);
}

static void test_marks_without_being_full(void **state)
{
	struct kernel *k = kernel_new(8);
	struct ws_ring_loss loss;
	bool losing;

	(void)state;
	/* The kernel looks for room without a lock, and errs at times. */
	arrive_many(k, 2);
	k->drops++;
	k->before++;
	arrive_many(k, 2);
	expect_none(k, 2);
	loss = begin(k, &losing);
	assert_true(losing);
	assert_int_equal(loss.packets, 0);
	/* That was read: the next one's mark says nothing new. */
	loss = begin(k, &losing);
	assert_int_equal(loss.packets, 0);
	assert_true(losing);
	assert_int_equal(k->readings, 1);
	/* It is told where the place is past for sure. */
	release(k, 1, 0, 0);
	arrive_many(k, 5);
	expect_none(k, 4);
	expect_loss(k, 1, true);
	kernel_free(k);

	/* The same before the ring was full: then what is read while it is full is not all there. */
	k = kernel_new(8);
	arrive_many(k, 2);
	k->drops++;
	k->before++;
	arrive_many(k, 6 + 4);
	expect_none(k, 1);
	release(k, 1, 0, 0);
	expect_none(k, 1);
	assert_true(ws_ring_ready(k->ring));
	for (unsigned i = 0; i < 6; i++) {
		loss = begin(k, &losing);
		assert_int_equal(loss.packets, 0);
	}
	arrive(k);
	expect_loss(k, 5, true);
	kernel_free(k);
}

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 11) % n;
}

/* What was told and what is true, over a whole life. */
struct account {
	uint64_t told, true_so_far;
	unsigned exact, spread, late;
	bool owed, errs;
};

static void check_unit(struct kernel *k, struct account *a, uint64_t unit)
{
	bool losing;
	struct ws_ring_loss loss = begin(k, &losing);
	uint32_t truth = k->truth[unit];

	a->true_so_far += truth;
	a->told += loss.packets;
	if (loss.packets && !loss.spread) {
		assert_int_equal(loss.packets, truth);
		a->exact++;
	} else if (loss.packets) {
		a->owed = a->told != a->true_so_far;
		a->spread++;
	} else if (truth) {
		a->owed = true;
		a->late++;
	}
	/* Nothing is told before its place, and nothing is late unless that is said. */
	assert_true(a->told <= a->true_so_far);
	assert_true(a->owed || loss.spread || a->told == a->true_so_far);
}

static void live(uint32_t units, bool busy, struct account *a)
{
	struct kernel *k = kernel_new(units);
	uint64_t begun = 0;

	for (unsigned step = 0; step < 4000; step++) {
		uint32_t held = (uint32_t)(begun - k->released);

		if (busy && random_below(2)) {
			hand_over(k);
		}
		k->slow = busy && random_below(4) == 0;
		k->within = busy && random_below(16) == 0 ? random_below(units + 3) : 0;
		switch (random_below(8)) {
		case 0:
		case 1:
			arrive_many(k, random_below(2 * units));
			break;
		case 2:
			arrive_many(k, random_below(3));
			break;
		case 3:
		case 4:
			for (uint32_t n = random_below(units + 1); n && ws_ring_ready(k->ring);
				n--) {
				check_unit(k, a, begun++);
			}
			break;
		case 5:
		case 6:
			if (held) {
				release(k, 1 + random_below(held),
					busy && random_below(3) == 0 ? random_below(3) : 0,
					busy && random_below(3) == 0 ? random_below(units + 2) : 0);
			}
			break;
		default:
			ws_ring_update(k->ring);
			if (a->errs && random_below(20) == 0) {
				k->drops++;
				k->dropped++;
				k->before++;
			}
			break;
		}
		assert_int_equal(
			ws_ring_filled(k->ring), k->taken - k->released - (k->writing < k->units));
	}
	/* The end: all is taken, and then one more tells the rest but what came after it. */
	k->within = 0;
	k->slow = false;
	hand_over(k);
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < units; i++) {
			while (ws_ring_ready(k->ring)) {
				check_unit(k, a, begun++);
			}
			if (begun > k->released) {
				release(k, (uint32_t)(begun - k->released), 0, 0);
			}
			arrive(k);
		}
	}
	while (ws_ring_ready(k->ring)) {
		check_unit(k, a, begun++);
	}
	ws_ring_update(k->ring);
	assert_int_equal(a->true_so_far, k->dropped);
	assert_int_equal(a->told, k->dropped);
	kernel_free(k);
}

static void test_random_lives(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 8, 64};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned seed = 0; seed < 8; seed++) {
			struct account quiet = {0}, busy = {0}, wrong = {.errs = true};

			live(sizes[i], false, &quiet);
			/* Nothing comes in the middle of a call: every place is known. */
			assert_int_equal(quiet.spread + quiet.late, 0);
			assert_true(quiet.exact > 10);
			live(sizes[i], true, &busy);
			assert_true(busy.exact > busy.spread / 4);
			live(sizes[i], true, &wrong);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_loss_is_before_the_next_unit),
		cmocka_unit_test(test_dropped_while_releasing),
		cmocka_unit_test(test_marks_without_being_full),
		cmocka_unit_test(test_random_lives),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
