/* SPDX-License-Identifier: BSD-2-Clause */
/* Outcomes one by one: what whole runs do not get to, and answers that say odd things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>

#include "run/outcomes.h"
#include "unit/run_bench.h"
#include "unit/scratch.h"

#define CAPACITY 64
#define START_NS 1000000000

struct table {
	struct ws_run_shared shared;
	struct ws_run_result *result;
	struct ws_outcomes *outcomes;
	struct ws_packets_writer *packets;
};

static void begin_with(struct table *t, bool packets, const struct ws_receiver_two_way *two_way,
	const struct ws_receiver_hardware *hardware)
{
	static struct ws_io *const receives = (struct ws_io *)&receives; /* never looked into */
	struct ws_receiver_config c = {
		.io = receives,
		.shared = &t->shared,
		.capacity = CAPACITY,
		.kernel_stamps = true,
		.run_id = RUN_ID,
		.paced = true,
		.start_ns = START_NS,
		.stages = WS_STAGE_DRIVER,
		.hardware = hardware,
		.two_way = two_way,
	};
	const struct ws_packets_config config = {.dirfd = AT_FDCWD};

	*t = (struct table){0};
	t->result = calloc(1, sizeof(*t->result));
	assert_non_null(t->result);
	if (two_way) {
		t->result->two_way = calloc(1, sizeof(*t->result->two_way));
		assert_non_null(t->result->two_way);
	}
	if (hardware) {
		t->result->hardware = calloc(1, sizeof(*t->result->hardware));
		assert_non_null(t->result->hardware);
		t->result->tx_clock = t->result->rx_clock = WS_CLOCK_PHC;
	}
	if (packets) {
		assert_int_equal(ws_packets_writer_new(&t->packets, &config), 0);
	}
	c.packets = t->packets;
	c.result = t->result;
	atomic_store(&t->shared.offered, 1000);
	assert_int_equal(ws_outcomes_new(&t->outcomes, &c), 0);
}

static void begin(struct table *t, bool packets, const struct ws_receiver_two_way *two_way)
{
	begin_with(t, packets, two_way, NULL);
}

static void end(struct table *t)
{
	ws_outcomes_free(t->outcomes);
	ws_run_result_free(t->result);
	free(t->result);
}

static struct ws_stamp kernel_stamp(int64_t ns)
{
	return (struct ws_stamp){{ns, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};
}

/* Sent 1 us after its time, received 5 us later, by one clock. */
static struct ws_outcome outcome(uint64_t seq, enum ws_fate fate)
{
	int64_t intended = START_NS + (int64_t)seq * 10000;

	return (struct ws_outcome){
		.seq = seq,
		.fate = fate,
		.tx = {.seq = seq,
			.intended_ns = intended,
			.app_ns = intended + 500,
			.stamp = kernel_stamp(intended + 1000),
			.at = {INT64_MIN, intended + 1000, INT64_MIN}},
		.rx = {.seq = seq,
			.arrival_ns = intended + 6000,
			.stamp = kernel_stamp(intended + 6000),
			.app_ns = intended + 7000,
			.wire_ns = INT64_MIN,
			.kernel_ns = intended + 6000},
	};
}

static void take(struct table *t, uint64_t seq, enum ws_fate fate)
{
	struct ws_outcome out = outcome(seq, fate);

	ws_outcomes_take(t->outcomes, &out);
}

/* Copies of a sequence that turned out to be refused are nobody's: not of the next one in its place either. */
static void test_copies_of_a_refused_one(void **state)
{
	struct ws_outcome out = outcome(5, WS_FATE_NOT_SENT);
	struct ws_packets_reader r;
	struct ws_packets_counts c;
	struct ws_packet_row row;
	struct table t;
	char why[128];

	(void)state;
	begin(&t, true, NULL);
	ws_outcomes_copy(t.outcomes, 5, &out.rx);
	ws_outcomes_copy(t.outcomes, 6, &out.rx);
	ws_outcomes_take(t.outcomes, &out);
	take(&t, 6, WS_FATE_MATCHED);
	take(&t, 5 + CAPACITY, WS_FATE_MATCHED);
	take(&t, 6 + CAPACITY, WS_FATE_MATCHED);
	ws_outcomes_finish(t.outcomes);
	ws_packets_writer_close(t.packets, &c);
	assert_int_equal(c.rows, 3);
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, "packets.npy", why, sizeof(why)), 0);
	ws_packets_get(&r, 0, &row);
	assert_int_equal(row.flags, WS_PACKET_MATCHED | WS_PACKET_DUPLICATED);
	ws_packets_get(&r, 1, &row);
	assert_int_equal(row.seq, 5 + CAPACITY);
	assert_int_equal(row.flags, WS_PACKET_MATCHED);
	ws_packets_get(&r, 2, &row);
	assert_int_equal(row.flags, WS_PACKET_MATCHED);
	ws_packets_close(&r);
	end(&t);
}

/* The row of a closed sequence is put later, while the judge waits for the next stamp: copies in between are not forgotten. */
static void test_copies_while_judged(void **state)
{
	const struct ws_receiver_hardware hardware = {.tx = true, .rx = true, .ordered = true};
	struct ws_packets_reader r;
	struct ws_packets_counts c;
	struct ws_packet_row row;
	struct ws_outcome out;
	struct table t;
	char why[128];

	(void)state;
	begin_with(&t, true, NULL, &hardware);
	for (uint64_t seq = 0; seq < 3; seq++) {
		out = outcome(seq, WS_FATE_MATCHED);
		out.tx.stamp =
			(struct ws_stamp){{1000 * (int64_t)seq, WS_CLOCK_PHC}, WS_ORIGIN_HARDWARE};
		out.rx.stamp = (struct ws_stamp){
			{1000 * (int64_t)seq + 500, WS_CLOCK_PHC}, WS_ORIGIN_HARDWARE};
		ws_outcomes_take(t.outcomes, &out);
		atomic_store(&t.shared.base, seq + 1);
		if (seq == 1) {
			ws_outcomes_copy(t.outcomes, 0, &out.rx); /* its row was put */
			ws_outcomes_copy(t.outcomes, 1, &out.rx); /* its was not */
		}
	}
	ws_outcomes_finish(t.outcomes);
	ws_packets_writer_close(t.packets, &c);
	assert_int_equal(c.rows, 3);
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, "packets.npy", why, sizeof(why)), 0);
	for (uint64_t i = 0; i < 3; i++) {
		ws_packets_get(&r, i, &row);
		assert_int_equal(row.flags, WS_PACKET_MATCHED | (i < 2 ? WS_PACKET_DUPLICATED : 0));
	}
	ws_packets_close(&r);
	end(&t);
}

static void test_values(void **state)
{
	struct table t;

	(void)state;
	begin(&t, false, NULL);
	take(&t, 0, WS_FATE_MATCHED);
	take(&t, 1, WS_FATE_LOST);
	take(&t, 2, WS_FATE_LOST);
	take(&t, 3, WS_FATE_NOT_SENT);
	take(&t, 4, WS_FATE_LOST);
	take(&t, 5, WS_FATE_MATCHED);
	take(&t, 6, WS_FATE_LOST);
	ws_outcomes_finish(t.outcomes);
	assert_int_equal(t.result->latency.count, 2);
	assert_int_equal(t.result->latency.min, 5000);
	assert_int_equal(t.result->latency.max, 5000);
	assert_int_equal(t.result->from_intended.min, 6000);
	assert_int_equal(t.result->lateness.count, 6);
	assert_int_equal(t.result->lateness.max, 500);
	/* One that was never sent ends no row of lost ones; the last one is open at the end. */
	assert_int_equal(t.result->losses.packets, 4);
	assert_int_equal(t.result->losses.episodes, 2);
	assert_int_equal(t.result->losses.list[0].seq, 1);
	assert_int_equal(t.result->losses.list[0].at_ns, 10000);
	assert_int_equal(t.result->losses.list[0].until_ns, 40000);
	assert_int_equal(t.result->losses.list[1].seq, 6);
	assert_int_equal(t.result->gaps.hist.count, 4);
	end(&t);
}

static uint64_t over_time(const struct table *t, enum ws_happening what)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->result->timeline->used; i++) {
		n += t->result->timeline->columns[i].happened[what];
	}
	return n;
}

/* A late one was missed in its time, whether it was closed as lost before it came or not. */
static void test_late_ones(void **state)
{
	struct ws_outcome after = outcome(2, WS_FATE_LATE);
	struct ws_timeline *timeline = calloc(1, sizeof(*timeline));
	struct table t;

	(void)state;
	assert_non_null(timeline);
	begin(&t, false, NULL);
	ws_timeline_init(timeline);
	t.result->timeline = timeline;
	take(&t, 0, WS_FATE_MATCHED);
	take(&t, 1, WS_FATE_LATE);
	take(&t, 2, WS_FATE_LOST);
	after.tx = (struct ws_tx_record){.seq = 2, .at = {INT64_MIN, INT64_MIN, INT64_MIN}};
	ws_outcomes_take(t.outcomes, &after);
	take(&t, 3, WS_FATE_MATCHED);
	ws_outcomes_finish(t.outcomes);
	assert_int_equal(t.result->losses.packets, 2);
	assert_int_equal(t.result->losses.episodes, 1);
	assert_int_equal(t.result->losses.list[0].seq, 1);
	assert_int_equal(over_time(&t, WS_HAPPENED_SENT), 4);
	assert_int_equal(over_time(&t, WS_HAPPENED_LOST), 2);
	assert_int_equal(over_time(&t, WS_HAPPENED_LATE), 2);
	assert_int_equal(t.result->latency.count, 2);
	end(&t);
}

/* An answer to `seq`, received at +3 us, that tells of the transmit stamp of another one. */
static struct ws_probe answer(uint64_t seq, uint64_t tells, bool has)
{
	struct ws_probe p = {.seq = seq, .payload = WS_PAYLOAD_ANSWER};

	p.answer.rx = kernel_stamp(START_NS + (int64_t)seq * 10000 + 3000);
	p.answer.clock_id = ws_probe_clock_id(BOOT, RUN_ID);
	p.answer.answered = (uint32_t)seq + 1;
	if (has) {
		p.answer.tx = kernel_stamp(START_NS + (int64_t)tells * 10000 + 4000);
		p.answer.tx_seq = tells;
	}
	return p;
}

static const struct ws_receiver_two_way two_way = {.boot = BOOT, .stamp_error_ns = 1};

static void hear(struct table *t, uint64_t seq, uint64_t tells, bool has)
{
	struct ws_probe p = answer(seq, tells, has);

	ws_outcomes_answer(t->outcomes, &p);
}

static uint64_t waiting(struct table *t)
{
	return atomic_load(&t->shared.waiting);
}

static void take_unsampled(struct table *t, uint64_t seq, enum ws_fate fate)
{
	struct ws_outcome out = outcome(seq, fate);

	out.tx.unsampled = true;
	ws_outcomes_take(t->outcomes, &out);
}

/* A packet that was asked for no stamp lacks none: it is told apart from those that do. */
static void test_unsampled(void **state)
{
	const struct ws_hardware_facts *h;
	struct table t;

	(void)state;
	begin(&t, false, NULL);
	t.result->hardware = calloc(1, sizeof(*t.result->hardware));
	assert_non_null(t.result->hardware);
	h = t.result->hardware;
	take(&t, 0, WS_FATE_MATCHED);
	take(&t, 1, WS_FATE_UNSTAMPED_BOTH);
	take_unsampled(&t, 2, WS_FATE_UNSTAMPED_BOTH);
	take_unsampled(&t, 3, WS_FATE_UNSTAMPED_TX);
	take_unsampled(&t, 4, WS_FATE_UNSTAMPED_RX);
	take_unsampled(&t, 5, WS_FATE_LOST);
	assert_int_equal(h->sampled, 2);
	assert_int_equal(h->unsampled, 4);
	assert_int_equal(h->tx_missing, 1);
	assert_int_equal(h->rx_missing, 1);
	end(&t);
}

static void test_exchanges(void **state)
{
	const struct ws_two_way *w;
	struct ws_probe p;
	struct table t;

	(void)state;
	begin(&t, false, &two_way);
	w = t.result->two_way;
	hear(&t, 0, 0, false);
	assert_int_equal(waiting(&t), 1);
	take(&t, 0, WS_FATE_MATCHED);
	assert_int_equal(w->exchanges, 0);
	hear(&t, 1, 0, true);
	/* The first is complete, the second waits. */
	assert_int_equal(w->exchanges, 1);
	assert_int_equal(waiting(&t), 1);
	assert_int_equal(w->rtt.min, 4000); /* 5 us less 1 us over there */
	assert_int_equal(w->forward.min, 2000);
	assert_int_equal(w->backward.min, 2000);
	assert_int_equal(w->residence.min, 1000);
	/* Told a second time, and again by a copy: nothing changes. */
	hear(&t, 1, 0, true);
	assert_int_equal(w->exchanges, 1);
	assert_int_equal(waiting(&t), 1);
	/* A collect's answer brings the other; its own account matters before the answer's does. */
	p = answer(2, 1, true);
	p.answer.rx = (struct ws_stamp){0};
	ws_outcomes_collected(t.outcomes, &p);
	assert_int_equal(waiting(&t), 0);
	assert_int_equal(w->collects, 1);
	assert_int_equal(atomic_load(&t.shared.idle_collects), 0);
	assert_int_equal(w->exchanges, 1);
	take(&t, 1, WS_FATE_MATCHED);
	assert_int_equal(w->exchanges, 2);
	/* Nothing is left over there. */
	p = answer(3, 0, false);
	ws_outcomes_collected(t.outcomes, &p);
	assert_int_equal(atomic_load(&t.shared.idle_collects), 1);
	ws_outcomes_finish(t.outcomes);
	assert_int_equal(w->incomplete, 0);
	assert_int_equal(w->answered, 2);
	assert_true(w->same_clock);
	end(&t);
}

/* A card's clock is not the kernel's of the far side, also on one host. */
static void test_card_against_kernel(void **state)
{
	const struct ws_receiver_hardware hardware = {.tx = true, .rx = true, .ordered = true};
	struct table t;

	(void)state;
	begin_with(&t, false, &two_way, &hardware);
	hear(&t, 0, 0, false);
	assert_false(t.result->two_way->same_clock);
	ws_outcomes_finish(t.outcomes);
	end(&t);
}

/* Nothing that an answer says makes an exchange that was not, or moves the count of those that wait below 0. */
static void test_answers_that_lie(void **state)
{
	const struct ws_two_way *w;
	struct ws_probe p;
	struct table t;

	(void)state;
	begin(&t, false, &two_way);
	w = t.result->two_way;
	p = answer(0, UINT64_MAX, true);
	ws_outcomes_answer(t.outcomes, &p); /* of a sequence that cannot be */
	p = answer(0, 0, true);
	ws_outcomes_answer(t.outcomes, &p); /* a copy, of itself */
	ws_outcomes_answer(t.outcomes, &p);
	assert_int_equal(waiting(&t), 0);
	take(&t, 0, WS_FATE_MATCHED);
	assert_int_equal(w->exchanges, 1);
	hear(&t, 1000, 3, true); /* to what was never sent, of what was not answered */
	hear(&t, UINT64_MAX, 77, true);
	assert_int_equal(waiting(&t), 0);
	/* Its place is taken by a later one before it was told: it does not wait any more. */
	hear(&t, 2, 0, false);
	assert_int_equal(waiting(&t), 1);
	hear(&t, 2 + CAPACITY, 0, false);
	assert_int_equal(waiting(&t), 1);
	hear(&t, 3 + CAPACITY, 2, true);
	assert_int_equal(waiting(&t), 2);
	assert_int_equal(w->exchanges, 1);
	end(&t);
}

/* An answer without a receive stamp is no exchange, and not waited for. */
static void test_unstamped_far_side(void **state)
{
	struct ws_probe p = answer(0, 0, false);
	struct table t;

	(void)state;
	begin(&t, false, &two_way);
	p.answer.rx = (struct ws_stamp){0};
	ws_outcomes_answer(t.outcomes, &p);
	assert_int_equal(waiting(&t), 0);
	take(&t, 0, WS_FATE_MATCHED);
	hear(&t, 1, 0, true);
	assert_int_equal(t.result->two_way->exchanges, 0);
	ws_outcomes_finish(t.outcomes);
	assert_int_equal(t.result->two_way->incomplete, 1);
	assert_int_equal(t.result->two_way->ways_bound_ns, -1);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_copies_of_a_refused_one, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(
			test_copies_while_judged, scratch_enter, scratch_leave),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_late_ones),
		cmocka_unit_test(test_unsampled),
		cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_card_against_kernel),
		cmocka_unit_test(test_answers_that_lie),
		cmocka_unit_test(test_unstamped_far_side),
	};

	return cmocka_run_group_tests_name("outcomes", tests, NULL, NULL);
}
