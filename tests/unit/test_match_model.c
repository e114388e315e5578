/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matcher against a naive model. A seeded simulation of a sender, a path and a busy receiver
 * drops, duplicates, reorders, delays and forges packets, loses stamps, fails sends and tells them
 * in any order. The model keeps everything that happened and judges it at the end with full
 * knowledge.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/match.h"

#define SEEDS	  400
#define SEQUENCES 1500
#define COPIES	  (SEQUENCES * 8)
#define NEVER	  SIZE_MAX

/* Everything known of a sequence that was handed over. */
struct sequence {
	struct ws_tx_record tx;
	bool told;
	size_t told_at; /* number of packets received before */
	size_t first;	/* index of the first copy received; NEVER */
	bool was_lost;	/* closed before its first copy came */
	bool closed;
};

/* A packet that was received. */
struct copy {
	struct ws_rx_record rx;
	uint64_t offered, base; /* at that time */
	bool after_end;		/* of the run */
};

struct world {
	struct ws_match *m;
	uint64_t seed, random;
	struct ws_match_config config;
	/* chances out of 1000 */
	unsigned int p_drop, p_duplicate, p_fail, p_no_tx_stamp, p_no_rx_stamp, p_shuffle, p_forge;
	int64_t delay_ns, now_ns;
	uint64_t target; /* sequences to send */
	/* the model's state */
	struct sequence sequences[SEQUENCES];
	uint64_t offered, base;
	struct copy copies[COPIES];
	size_t copies_count;
	uint64_t foreign, malformed; /* told as such */
	int64_t watermark_ns;
	bool ended;
	/* under way */
	struct ws_rx_record way[COPIES];
	size_t way_count;
	/* what the sink was given */
	struct ws_outcome outcomes[2 * SEQUENCES];
	size_t outcomes_count;
	struct ws_rx_record duplicates[COPIES];
	size_t duplicates_count;
	/* after each first copy: the greatest, and how many gaps the greatest ones have left */
	uint64_t greatest[SEQUENCES], gaps[SEQUENCES];
	size_t order_count;
	uint64_t extents[SEQUENCES];
	uint64_t beyond_reach; /* over all seeds */
};

/* splitmix64 */
static uint64_t draw(struct world *w)
{
	uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(struct world *w, uint64_t n)
{
	return draw(w) % n;
}

static bool chance(struct world *w, unsigned int per_mille)
{
	return below(w, 1000) < per_mille;
}

static void record(void *arg, const struct ws_outcome *outcome)
{
	struct world *w = arg;

	assert_true(w->outcomes_count < 2 * SEQUENCES);
	w->outcomes[w->outcomes_count++] = *outcome;
}

static void record_copy(void *arg, uint64_t seq, const struct ws_rx_record *rx)
{
	struct world *w = arg;

	assert_true(w->duplicates_count < COPIES);
	assert_int_equal(rx->seq, seq);
	w->duplicates[w->duplicates_count++] = *rx;
}

/* ---- The model's rules. ---- */

/* Until the end this follows from the arrival alone; what comes after the end is late by
 * definition. */
static bool late(const struct world *w, const struct sequence *s)
{
	const struct copy *c = &w->copies[s->first];

	return c->after_end || c->rx.arrival_ns - s->tx.app_ns > w->config.window_ns;
}

static void model_close(struct world *w, bool finish)
{
	while (w->base < w->offered) {
		struct sequence *s = &w->sequences[w->base];
		bool over = finish || w->watermark_ns > s->tx.app_ns + w->config.window_ns;

		if (!s->told || (!s->tx.failed && s->first == NEVER && !over)) {
			return;
		}
		s->closed = true;
		s->was_lost = !s->tx.failed && s->first == NEVER;
		w->base++;
	}
}

static bool beyond_history(const struct world *w, const struct copy *c)
{
	return c->rx.seq < c->base && c->base - c->rx.seq > w->config.history;
}

static enum ws_fate model_fate(const struct world *w, const struct sequence *s)
{
	bool tx = s->tx.stamp.origin != WS_ORIGIN_NONE;
	bool rx;

	if (s->tx.failed) {
		return WS_FATE_NOT_SENT;
	}
	if (s->first == NEVER) {
		return WS_FATE_LOST;
	}
	if (late(w, s)) {
		return WS_FATE_LATE;
	}
	rx = w->copies[s->first].rx.stamp.origin != WS_ORIGIN_NONE;
	if (tx) {
		return rx ? WS_FATE_MATCHED : WS_FATE_UNSTAMPED_RX;
	}
	return rx ? WS_FATE_UNSTAMPED_TX : WS_FATE_UNSTAMPED_BOTH;
}

static void model_sequences(const struct world *w, struct ws_ledger *l)
{
	uint64_t counts[WS_FATE_COUNT] = {0};
	uint64_t seq;

	for (seq = 0; seq < w->offered; seq++) {
		counts[model_fate(w, &w->sequences[seq])]++;
	}
	l->attempted = w->offered;
	l->failed = counts[WS_FATE_NOT_SENT];
	l->sent = l->attempted - l->failed;
	l->matched = counts[WS_FATE_MATCHED];
	l->unstamped_tx = counts[WS_FATE_UNSTAMPED_TX];
	l->unstamped_rx = counts[WS_FATE_UNSTAMPED_RX];
	l->unstamped_both = counts[WS_FATE_UNSTAMPED_BOTH];
	l->lost = counts[WS_FATE_LOST];
	l->late_arrivals = counts[WS_FATE_LATE];
}

/* The extent of the next first copy, by all that came before. */
static uint64_t model_extent(struct world *w, uint64_t seq)
{
	size_t i = w->order_count++, low = 0, high = i;
	uint64_t before = i ? w->greatest[i - 1] : 0;
	bool leads = i == 0 || seq > before;

	w->greatest[i] = leads ? seq : before;
	w->gaps[i] = (i ? w->gaps[i - 1] : 0) + (leads && seq > (i ? before + 1 : 0));
	if (leads) {
		return 0;
	}
	/* The first at which the greatest is greater. */
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (w->greatest[middle] > seq) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	if (w->gaps[i] - (low ? w->gaps[low - 1] : 0) > w->config.capacity) {
		w->beyond_reach++;
		return UINT64_MAX;
	}
	return i - low;
}

static void model_copies(struct world *w, struct ws_ledger *l)
{
	size_t i;

	l->received = w->copies_count + w->foreign + w->malformed;
	l->foreign = w->foreign;
	l->malformed = w->malformed;
	for (i = 0; i < w->copies_count; i++) {
		const struct copy *c = &w->copies[i];
		const struct sequence *s = &w->sequences[c->rx.seq % SEQUENCES];

		if (c->rx.seq >= c->offered) {
			l->foreign++;
			continue;
		}
		if (beyond_history(w, c)) {
			l->duplicated++;
			l->beyond_history++;
			continue;
		}
		/* Until the failure was told, nobody could know that this was not a first copy. */
		if (s->first == i && !(s->tx.failed && s->told_at <= i)) {
			w->extents[c->rx.seq] = model_extent(w, c->rx.seq);
		}
		if (s->tx.failed) {
			l->foreign++;
		} else if (s->first != i) {
			l->duplicated++;
		} else if (w->extents[c->rx.seq]) {
			l->reordered++;
		}
	}
}

/* ---- The simulation: every step is done to the matcher and noted in the model. ---- */

static struct ws_stamp some_stamp(struct world *w, int64_t ns, unsigned int p_none)
{
	struct ws_stamp none = {0};
	struct ws_stamp s = {{ns, WS_CLOCK_PHC + (enum ws_clock)below(w, 3)},
		(enum ws_origin)(1 + below(w, WS_ORIGIN_COUNT - 1))};

	return chance(w, p_none) ? none : s;
}

/* A time that is known or not, different from all others. */
static int64_t some_instant(struct world *w)
{
	return chance(w, 300) ? INT64_MIN : (int64_t)draw(w);
}

static void put_on_way(struct world *w, uint64_t seq, int64_t arrival_ns)
{
	if (w->way_count < COPIES) {
		w->way[w->way_count++] = (struct ws_rx_record){
			.seq = seq,
			.arrival_ns = arrival_ns,
			.stamp = some_stamp(w, arrival_ns, w->p_no_rx_stamp),
			.app_ns = some_instant(w),
			.wire_ns = some_instant(w),
			.kernel_ns = some_instant(w),
		};
	}
}

static void send_one(struct world *w)
{
	struct sequence *s = &w->sequences[w->offered];
	unsigned int copies = 1;

	if (w->offered == w->target || w->offered - w->base >= w->config.capacity) {
		return;
	}
	*s = (struct sequence){
		.tx =
			{
				.seq = w->offered,
				.intended_ns = w->now_ns - (int64_t)below(w, 100),
				.app_ns = w->now_ns,
				.stamp = some_stamp(w, w->now_ns + 7, w->p_no_tx_stamp),
				.at = {some_instant(w), some_instant(w), some_instant(w)},
				.failed = chance(w, w->p_fail),
			},
		.first = NEVER,
	};
	if (chance(w, s->tx.failed ? 900 : w->p_drop)) {
		copies = 0;
	}
	while (chance(w, w->p_duplicate)) {
		copies++;
	}
	while (copies--) {
		put_on_way(w, w->offered, w->now_ns + (int64_t)below(w, (uint64_t)w->delay_ns));
	}
	w->offered++;
	ws_match_offered(w->m, w->offered);
}

static void tell_one(struct world *w, uint64_t seq)
{
	struct sequence *s;

	if (seq >= w->offered || w->sequences[seq].told) {
		return;
	}
	s = &w->sequences[seq];
	s->told = true;
	s->told_at = w->copies_count;
	assert_int_equal(ws_match_tx(w->m, &s->tx), 0);
}

static void tell_some(struct world *w)
{
	uint64_t i;

	/* Mostly in order, as stamps come; now and then any open one. */
	for (i = below(w, w->config.capacity) + 1; i > 0; i--) {
		tell_one(w, w->base + below(w, chance(w, 500) ? 4 : w->config.capacity));
	}
}

static void tell_wrong(struct world *w)
{
	uint64_t seq = w->base + below(w, w->config.capacity);
	struct ws_tx_record r = {.failed = chance(w, 500)};

	if (seq >= w->offered || !w->sequences[seq].told) {
		seq = chance(w, 500) ? w->base - 1 : w->base + w->config.capacity + below(w, 3);
	}
	r.seq = seq;
	assert_int_equal(ws_match_tx(w->m, &r), -EINVAL);
}

static void receive(struct world *w, const struct ws_rx_record *r)
{
	struct copy *c = &w->copies[w->copies_count];

	if (w->copies_count == COPIES) {
		return;
	}
	*c = (struct copy){*r, w->offered, w->base, w->ended};
	if (r->seq < w->offered && w->sequences[r->seq].first == NEVER && !beyond_history(w, c)) {
		w->sequences[r->seq].first = w->copies_count;
	}
	w->copies_count++;
	ws_match_rx(w->m, r);
}

static int by_arrival(const void *a, const void *b)
{
	int64_t x = ((const struct ws_rx_record *)a)->arrival_ns;
	int64_t y = ((const struct ws_rx_record *)b)->arrival_ns;

	return (x > y) - (x < y);
}

/* The receiver catches up to `until`: whatever arrived by then is given, then the watermark may say
 * so. */
static void receive_until(struct world *w, int64_t until)
{
	bool shuffle = chance(w, w->p_shuffle);
	size_t i, n;

	qsort(w->way, w->way_count, sizeof(w->way[0]), by_arrival);
	for (n = 0; n < w->way_count && w->way[n].arrival_ns <= until; n++) {
		size_t other = shuffle ? below(w, n + 1) : n;
		struct ws_rx_record r = w->way[n];

		w->way[n] = w->way[other];
		w->way[other] = r;
	}
	for (i = 0; i < n; i++) {
		receive(w, &w->way[i]);
	}
	w->way_count -= n;
	memmove(w->way, w->way + n, w->way_count * sizeof(w->way[0]));
	w->watermark_ns = until;
}

static void forge(struct world *w)
{
	switch (below(w, 4)) {
	case 0:
		w->foreign++;
		ws_match_foreign(w->m);
		break;
	case 1:
		w->malformed++;
		ws_match_malformed(w->m);
		break;
	case 2:
		receive(w, &(struct ws_rx_record){.seq = w->offered + below(w, 5)});
		break;
	default:
		put_on_way(w, below(w, w->offered + 1), w->now_ns);
		break;
	}
}

static void advance(struct world *w)
{
	int64_t truth = w->watermark_ns;

	/* Less than is known may always be said. */
	if (chance(w, 200)) {
		w->watermark_ns = chance(w, 500) ? INT64_MIN : truth - (int64_t)below(w, 300);
	}
	model_close(w, false);
	ws_match_advance(w->m, w->watermark_ns);
	w->watermark_ns = truth;
}

static void run(struct world *w)
{
	int64_t seen_ns = 0;
	uint64_t seq;

	while (w->offered < w->target || chance(w, 950)) {
		w->now_ns += (int64_t)below(w, 30);
		switch (below(w, 8)) {
		case 0:
			seen_ns += (int64_t)below(w, (uint64_t)(w->now_ns - seen_ns) + 1);
			receive_until(w, seen_ns);
			break;
		case 1:
			tell_some(w);
			break;
		case 2:
			advance(w);
			break;
		case 3:
			if (chance(w, w->p_forge)) {
				forge(w);
				tell_wrong(w);
			}
			break;
		default:
			send_one(w);
			break;
		}
		assert_int_equal(ws_match_base(w->m), w->base);
	}
	receive_until(w, w->now_ns + w->delay_ns / 2);
	for (seq = w->base; seq < w->offered; seq++) {
		tell_one(w, seq);
	}
	model_close(w, true);
	ws_match_finish(w->m);
	assert_int_equal(ws_match_base(w->m), w->offered);
	/* Some come even now. */
	w->ended = true;
	receive_until(w, INT64_MAX);
}

/* ---- The comparison. ---- */

static void same_stamp(const struct ws_stamp *a, const struct ws_stamp *b)
{
	assert_int_equal(a->time.ns, b->time.ns);
	assert_int_equal(a->time.clock, b->time.clock);
	assert_int_equal(a->origin, b->origin);
}

static void same_tx(const struct ws_tx_record *a, const struct ws_tx_record *b)
{
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->intended_ns, b->intended_ns);
	assert_int_equal(a->app_ns, b->app_ns);
	assert_int_equal(a->failed, b->failed);
	assert_memory_equal(a->at, b->at, sizeof(a->at));
	same_stamp(&a->stamp, &b->stamp);
}

static void same_rx(const struct ws_rx_record *a, const struct ws_rx_record *b)
{
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->arrival_ns, b->arrival_ns);
	same_stamp(&a->stamp, &b->stamp);
	assert_int_equal(a->app_ns, b->app_ns);
	assert_int_equal(a->wire_ns, b->wire_ns);
	assert_int_equal(a->kernel_ns, b->kernel_ns);
}

static void check_outcomes(const struct world *w)
{
	static const struct ws_tx_record nothing = {.at = {INT64_MIN, INT64_MIN, INT64_MIN}};
	uint64_t closed = 0, again = 0, want_again = 0, seq;
	size_t i;

	for (i = 0; i < w->outcomes_count; i++) {
		const struct ws_outcome *o = &w->outcomes[i];
		const struct sequence *s = &w->sequences[o->seq];
		struct ws_tx_record tx = nothing;

		if (o->seq == closed) {
			closed++;
			assert_int_equal(o->fate, s->was_lost ? WS_FATE_LOST : model_fate(w, s));
			same_tx(&o->tx, &s->tx);
		} else {
			again++;
			assert_true(o->seq < closed);
			assert_true(s->was_lost);
			assert_int_equal(o->fate, WS_FATE_LATE);
			tx.seq = o->seq;
			same_tx(&o->tx, &tx);
		}
		if (o->fate != WS_FATE_LOST && o->fate != WS_FATE_NOT_SENT) {
			same_rx(&o->rx, &w->copies[s->first].rx);
			assert_int_equal(o->extent, w->extents[o->seq]);
			/* Whatever came for an open sequence is within the reach. */
			assert_true(o->extent != UINT64_MAX || s->was_lost);
		} else {
			assert_int_equal(o->extent, 0);
		}
	}
	for (seq = 0; seq < w->offered; seq++) {
		const struct sequence *s = &w->sequences[seq];

		want_again += s->was_lost && s->first != NEVER;
	}
	assert_int_equal(closed, w->offered);
	assert_int_equal(again, want_again);
}

/* Every packet that was a copy as far as could be known when it came. */
static void check_duplicates(const struct world *w)
{
	size_t next = 0;

	for (size_t i = 0; i < w->copies_count; i++) {
		const struct copy *c = &w->copies[i];
		const struct sequence *s = &w->sequences[c->rx.seq % SEQUENCES];
		bool refused = s->tx.failed && s->told_at <= i && !beyond_history(w, c);

		if (c->rx.seq < c->offered && s->first != i && !refused) {
			assert_true(next < w->duplicates_count);
			same_rx(&w->duplicates[next++], &c->rx);
		}
	}
	assert_int_equal(next, w->duplicates_count);
}

static void check_ledger(struct world *w)
{
	const struct ws_ledger *l = ws_match_ledger(w->m);
	struct ws_ledger want = {0};

	model_sequences(w, &want);
	model_copies(w, &want);
	assert_memory_equal(l, &want, sizeof(want));
	assert_true(ws_ledger_holds(l, WS_IDENTITY_ATTEMPTED));
	assert_true(ws_ledger_holds(l, WS_IDENTITY_SENT));
	assert_true(ws_ledger_holds(l, WS_IDENTITY_RECEIVED));
}

static void create(struct world *w, uint64_t seed)
{
	uint64_t beyond_reach = w->beyond_reach;

	memset(w, 0, sizeof(*w));
	w->beyond_reach = beyond_reach;
	w->seed = seed;
	w->random = seed;
	w->watermark_ns = -1; /* nothing is under way before 0 */
	w->target = 1 + below(w, SEQUENCES);
	w->config.window_ns = (int64_t)(1 + below(w, 1000));
	w->config.capacity = 1U << below(w, 9);
	w->config.history = (uint64_t)w->config.capacity << below(w, 5);
	w->config.sink = record;
	w->config.copy = record_copy;
	w->config.arg = w;
	w->delay_ns = (int64_t)(1 + below(w, chance(w, 500) ? 300 : 3000));
	w->p_drop = (unsigned int)below(w, 300);
	w->p_duplicate = (unsigned int)below(w, 300);
	w->p_fail = (unsigned int)below(w, 100);
	w->p_no_tx_stamp = (unsigned int)below(w, 300);
	w->p_no_rx_stamp = (unsigned int)below(w, 300);
	w->p_shuffle = (unsigned int)below(w, 1000);
	w->p_forge = (unsigned int)below(w, 1000);
	assert_int_equal(ws_match_new(&w->m, &w->config), 0);
}

static void test_against_model(void **state)
{
	struct world *w = *state;
	struct ws_ledger all = {0};
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		create(w, seed);
		run(w);
		check_ledger(w);
		check_outcomes(w);
		check_duplicates(w);
		ws_ledger_add(&all, ws_match_ledger(w->m));
		ws_match_free(w->m);
		w->m = NULL;
	}
	/* A simulation in which a kind never happens would prove nothing about it. */
	assert_true(all.failed > 1000 && all.matched > 1000 && all.unstamped_tx > 1000);
	assert_true(all.unstamped_rx > 1000 && all.unstamped_both > 1000 && all.lost > 1000);
	assert_true(all.late_arrivals > 1000 && all.duplicated > 1000 && all.foreign > 1000);
	assert_true(all.malformed > 1000 && all.reordered > 1000 && all.beyond_history > 1000);
	assert_true(w->beyond_reach > 100);
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->m) {
		print_error("the matcher and the model differ for seed %" PRIu64 "\n", w->seed);
	}
	ws_match_free(w->m);
	free(w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_against_model, setup, teardown),
	};

	return cmocka_run_group_tests_name("match_model", tests, NULL, NULL);
}
