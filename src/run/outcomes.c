/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/outcomes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/stampjudge.h"
#include "run/exchanges.h"

struct ws_outcomes {
	struct ws_receiver_config c;
	struct ws_run_result *result;
	struct ws_gap_walk departures;
	enum ws_clock departures_clock;
	/* by sequence, modulo the capacity: a copy came before the row was put */
	uint64_t *copied;
	uint64_t
		next_row; /* of sequences from here on no row was put yet: the judge may hold them */
	struct ws_exchanges *exchanges; /* two-way; else NULL */
	/* hardware stamps */
	struct ws_stampjudge *judge; /* NULL: there are none */
	struct ws_clock_watch *watch;
};

static void take_judged(void *arg, const struct ws_outcome *out);
static void take_pair(void *arg, const struct ws_clock_pair *pair, bool known, int64_t latency_ns,
	int64_t error_ns);

static uint64_t place(const struct ws_outcomes *o, uint64_t seq)
{
	return seq & (o->c.capacity - 1);
}

static int64_t realtime_offset(const struct ws_outcomes *o)
{
	return atomic_load_explicit(&o->c.shared->realtime_offset_ns, memory_order_relaxed);
}

/* UNKNOWN of a clock that cannot be related. */
static int64_t on_monotonic(const struct ws_outcomes *o, struct ws_time t)
{
	int64_t ns, error;

	switch (t.clock) {
	case WS_CLOCK_MONOTONIC:
		return t.ns;
	case WS_CLOCK_REALTIME:
		return t.ns - realtime_offset(o);
	default:
		break;
	}
	if (o->watch && ws_clock_watch_to_monotonic(o->watch, t, &ns, &error)) {
		return ns;
	}
	return WS_INSTANT_UNKNOWN;
}

/* For the exchanges. */
static int64_t relate(void *arg, struct ws_time t)
{
	return on_monotonic(arg, t);
}

/* For the judge of hardware stamps. */
static bool convert(void *arg, struct ws_time t, int64_t *ret_ns, int64_t *ret_error_ns)
{
	const struct ws_outcomes *o = arg;

	return ws_clock_watch_to_monotonic(o->watch, t, ret_ns, ret_error_ns);
}

/* Which instants packets of this run have. */
static unsigned known_instants(const struct ws_receiver_config *c)
{
	unsigned known = 1u << WS_INSTANT_APP_TX;

	known |= c->paced ? 1u << WS_INSTANT_INTENDED : 0;
	known |= c->stages & WS_STAGE_SCHED ? 1u << WS_INSTANT_SCHED : 0;
	known |= c->stages & WS_STAGE_DRIVER ? 1u << WS_INSTANT_DRIVER_TX : 0;
	known |= c->stages & WS_STAGE_WIRE && c->hardware && c->hardware->watch
			 ? 1u << WS_INSTANT_WIRE_TX
			 : 0;
	if (c->io) {
		known |= 1u << WS_INSTANT_APP_RX;
		known |= c->kernel_stamps ? 1u << WS_INSTANT_KERNEL_RX : 0;
		known |= c->hardware && c->hardware->rx && c->hardware->watch
				 ? 1u << WS_INSTANT_WIRE_RX
				 : 0;
	}
	return known;
}

/* Between the matcher and what is made of its outcomes. */
static int start_judging(struct ws_outcomes *o)
{
	const struct ws_receiver_hardware *h = o->c.hardware;
	struct ws_stampjudge_config config = {
		.ahead = WS_RECEIVER_JUDGED,
		.sink = take_judged,
		.arg = o,
	};

	if (!h) {
		return 0;
	}
	config.tx = h->tx;
	config.rx = h->rx;
	config.ordered = h->ordered;
	config.coarse = h->coarse;
	config.convert = h->watch ? convert : NULL;
	o->watch = h->watch;
	if (o->watch) {
		ws_clock_watch_use(o->watch, take_pair, o);
	}
	return ws_stampjudge_new(&o->judge, &config);
}

int ws_outcomes_new(struct ws_outcomes **ret, const struct ws_receiver_config *config)
{
	struct ws_outcomes *o = calloc(1, sizeof(*o));
	struct ws_run_result *result = config->result;

	if (!o) {
		return -ENOMEM;
	}
	o->c = *config;
	o->result = result;
	o->copied = calloc(config->capacity / 64 + 1, sizeof(*o->copied));
	if (!o->copied || start_judging(o) < 0 ||
		(config->two_way && ws_exchanges_new(&o->exchanges, config, relate, o) < 0)) {
		ws_outcomes_free(o);
		return -ENOMEM;
	}
	ws_hist_init(&result->latency);
	ws_hist_init(&result->lateness);
	ws_hist_init(&result->from_intended);
	ws_losses_init(&result->losses);
	ws_gaps_init(&result->gaps);
	ws_gap_walk_init(&o->departures, &result->gaps);
	if (result->timeline) {
		ws_timeline_init(result->timeline);
	}
	if (result->waterfall) {
		ws_waterfall_init(result->waterfall, known_instants(config));
	}
	*ret = o;
	return 0;
}

void ws_outcomes_free(struct ws_outcomes *o)
{
	if (o) {
		ws_stampjudge_free(o->judge);
		ws_exchanges_free(o->exchanges);
		free(o->copied);
		free(o);
	}
}

void ws_outcomes_start(struct ws_outcomes *o, int64_t start_ns)
{
	o->c.start_ns = start_ns;
	if (o->exchanges) {
		ws_exchanges_start(o->exchanges, start_ns);
	}
}

static void record_departure(struct ws_outcomes *o, const struct ws_tx_record *tx)
{
	if (tx->stamp.origin == WS_ORIGIN_NONE || tx->stamp.time.clock == WS_CLOCK_NONE) {
		return;
	}
	if (tx->stamp.time.clock != o->departures_clock) {
		ws_gap_walk_break(&o->departures);
		o->departures_clock = tx->stamp.time.clock;
	}
	/* Times on the wire are not judged here. */
	ws_gap_walk_add(&o->departures, tx->seq, tx->stamp.time.ns,
		o->c.paced ? tx->intended_ns : INT64_MIN, 0);
}

static void happened(struct ws_outcomes *o, int64_t at_ns, enum ws_happening what)
{
	if (o->result->timeline) {
		ws_timeline_happened(o->result->timeline, at_ns - o->c.start_ns, what);
	}
}

static uint32_t flags_of(const struct ws_outcome *out)
{
	uint32_t flags = out->extent ? WS_PACKET_REORDERED : 0;

	switch (out->fate) {
	case WS_FATE_MATCHED:
		return flags | WS_PACKET_MATCHED;
	case WS_FATE_UNSTAMPED_TX:
		return flags | WS_PACKET_UNSTAMPED_TX;
	case WS_FATE_UNSTAMPED_RX:
		return flags | WS_PACKET_UNSTAMPED_RX;
	case WS_FATE_UNSTAMPED_BOTH:
		return flags | WS_PACKET_UNSTAMPED_TX | WS_PACKET_UNSTAMPED_RX;
	case WS_FATE_LOST:
		return WS_PACKET_LOST;
	case WS_FATE_LATE:
		return flags | WS_PACKET_LATE;
	case WS_FATE_NOT_SENT:
	case WS_FATE_COUNT:
		break;
	}
	return 0;
}

/* Whether a copy came while the sequence was open; from here on its place is another's. */
static bool was_copied(struct ws_outcomes *o, uint64_t seq)
{
	uint64_t *copied = &o->copied[place(o, seq) / 64];
	uint64_t bit = UINT64_C(1) << (place(o, seq) % 64);
	bool was = *copied & bit;

	*copied &= ~bit;
	o->next_row = seq + 1;
	return was;
}

static void put_row(struct ws_outcomes *o, const struct ws_outcome *out, bool arrived)
{
	struct ws_packet_row row = {
		.run = o->c.packets_run,
		.seq = out->seq,
		.flags = o->c.io ? flags_of(out) : 0,
		.at = {[WS_INSTANT_INTENDED] =
				o->c.paced ? out->tx.intended_ns : WS_PACKETS_UNKNOWN,
			[WS_INSTANT_APP_TX] = out->tx.app_ns,
			[WS_INSTANT_SCHED] = out->tx.at[WS_TX_SCHED],
			[WS_INSTANT_DRIVER_TX] = out->tx.at[WS_TX_DRIVER],
			[WS_INSTANT_WIRE_TX] = out->tx.at[WS_TX_WIRE],
			[WS_INSTANT_WIRE_RX] = arrived ? out->rx.wire_ns : WS_PACKETS_UNKNOWN,
			[WS_INSTANT_KERNEL_RX] = arrived ? out->rx.kernel_ns : WS_PACKETS_UNKNOWN,
			[WS_INSTANT_APP_RX] = arrived ? out->rx.app_ns : WS_PACKETS_UNKNOWN},
	};

	if (was_copied(o, out->seq)) {
		row.flags |= WS_PACKET_DUPLICATED;
	}
	if (o->c.packets) {
		(void)ws_packets_put(o->c.packets, &row);
	}
}

/* A packet that was taken for lost is here after all. */
static void take_late(struct ws_outcomes *o, const struct ws_outcome *out)
{
	int64_t at[WS_INSTANTS];

	happened(o, out->rx.arrival_ns, WS_HAPPENED_LATE);
	if (!o->c.packets) {
		return;
	}
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		at[i] = WS_PACKETS_UNKNOWN;
	}
	at[WS_INSTANT_WIRE_RX] = out->rx.wire_ns;
	at[WS_INSTANT_KERNEL_RX] = out->rx.kernel_ns;
	at[WS_INSTANT_APP_RX] = out->rx.app_ns;
	(void)ws_packets_amend(
		o->c.packets, o->c.packets_run, out->seq, flags_of(out), WS_PACKET_LOST, at);
}

/* Where the time of a packet went, on one clock. */
static void fall(struct ws_outcomes *o, const struct ws_outcome *out)
{
	struct ws_waterfall_packet p = {
		.seq = out->seq,
		.at = {[WS_INSTANT_INTENDED] = out->tx.intended_ns,
			[WS_INSTANT_APP_TX] = out->tx.app_ns,
			[WS_INSTANT_SCHED] = out->tx.at[WS_TX_SCHED],
			[WS_INSTANT_DRIVER_TX] = out->tx.at[WS_TX_DRIVER],
			[WS_INSTANT_WIRE_TX] = WS_INSTANT_UNKNOWN,
			[WS_INSTANT_WIRE_RX] = WS_INSTANT_UNKNOWN,
			[WS_INSTANT_KERNEL_RX] = out->rx.kernel_ns,
			[WS_INSTANT_APP_RX] = out->rx.app_ns},
	};
	static const enum ws_instant kernels[] = {
		WS_INSTANT_SCHED, WS_INSTANT_DRIVER_TX, WS_INSTANT_KERNEL_RX};
	int64_t offset = realtime_offset(o);

	/* The kernel's own stamps are of CLOCK_REALTIME. */
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		if (p.at[kernels[i]] != WS_INSTANT_UNKNOWN) {
			p.at[kernels[i]] -= offset;
		}
	}
	if (out->tx.stamp.origin == WS_ORIGIN_HARDWARE) {
		p.at[WS_INSTANT_WIRE_TX] = on_monotonic(o, out->tx.stamp.time);
	}
	if (out->rx.stamp.origin == WS_ORIGIN_HARDWARE) {
		p.at[WS_INSTANT_WIRE_RX] = on_monotonic(o, out->rx.stamp.time);
	}
	ws_waterfall_add(o->result->waterfall, &p);
}

/* What was to be stamped, and is not: others are unstamped since nobody asked. */
static void note_missing(struct ws_hardware_facts *h, const struct ws_outcome *out)
{
	if (!h || out->tx.unsampled) {
		return;
	}
	h->tx_missing += out->fate == WS_FATE_UNSTAMPED_TX || out->fate == WS_FATE_UNSTAMPED_BOTH;
	h->rx_missing += out->fate == WS_FATE_UNSTAMPED_RX || out->fate == WS_FATE_UNSTAMPED_BOTH;
}

/* A latency, and what comes with it. */
static void record_latency(
	struct ws_outcomes *o, int64_t intended_ns, struct ws_time arrived, int64_t latency)
{
	struct ws_run_result *result = o->result;
	int64_t arrival = on_monotonic(o, arrived);

	ws_hist_record(&result->latency, latency);
	if (o->c.paced && arrival != WS_INSTANT_UNKNOWN) {
		ws_hist_record(&result->from_intended, arrival - intended_ns);
	}
	if (o->c.two_way) {
		return;
	}
	ws_jitter_add(&result->jitter, latency);
	if (result->timeline) {
		ws_timeline_latency(result->timeline, intended_ns - o->c.start_ns, latency);
	}
}

/* A packet whose stamps no relation of clocks brings together has no latency. */
static void take_unrelated(struct ws_outcomes *o, int64_t intended_ns)
{
	happened(o, intended_ns, WS_HAPPENED_UNSTAMPED);
	o->result->hardware->unconverted++;
}

/* Stamps of two cards' clocks, once these have been compared after them. */
static void take_pair(void *arg, const struct ws_clock_pair *pair, bool known, int64_t latency_ns,
	int64_t error_ns)
{
	struct ws_outcomes *o = arg;

	(void)error_ns; /* the worst of them stands in the watch's result */
	if (known) {
		record_latency(o, pair->word[0], (struct ws_time){pair->rx_ns, o->result->rx_clock},
			latency_ns);
	} else {
		take_unrelated(o, pair->word[0]);
	}
}

static void take_latency(struct ws_outcomes *o, const struct ws_outcome *out)
{
	const struct ws_stamp *tx = &out->tx.stamp, *rx = &out->rx.stamp;
	bool cards = tx->origin == WS_ORIGIN_HARDWARE && rx->origin == WS_ORIGIN_HARDWARE;
	int64_t latency, left, came;

	/* Of one clock, too, only the samples after them tell whether it jumped in between; but exchanges do not wait. */
	if (cards && o->watch && !o->c.two_way) {
		ws_clock_watch_put(o->watch, &(struct ws_clock_pair){
						     .tx_ns = tx->time.ns,
						     .rx_ns = rx->time.ns,
						     .after_ns = out->tx.app_ns,
						     .before_ns = out->rx.app_ns,
						     .word = {out->tx.intended_ns},
					     });
		return;
	}
	if (ws_time_diff(rx->time, tx->time, &latency)) {
		record_latency(o, out->tx.intended_ns, rx->time, latency);
		return;
	}
	/* One end has kernel stamps, the other the program's own: the result says the bound. */
	left = on_monotonic(o, tx->time);
	came = on_monotonic(o, rx->time);
	if (left == WS_INSTANT_UNKNOWN || came == WS_INSTANT_UNKNOWN) {
		take_unrelated(o, out->tx.intended_ns);
		return;
	}
	record_latency(o, out->tx.intended_ns, rx->time, came - left);
}

static void take_matched(struct ws_outcomes *o, const struct ws_outcome *out)
{
	take_latency(o, out);
	if (o->result->waterfall) {
		fall(o, out);
	}
	if (o->exchanges) {
		ws_exchanges_take(o->exchanges, out);
	}
}

static void take_judged(void *arg, const struct ws_outcome *out)
{
	struct ws_outcomes *o = arg;
	struct ws_run_result *result = o->result;
	/* Whether a late one is closed as lost before it is seen is up to this thread's pace: both count as missed. */
	bool missed = out->fate == WS_FATE_LOST || out->fate == WS_FATE_LATE;

	if (out->fate == WS_FATE_NOT_SENT) {
		(void)was_copied(o, out->seq);
		return;
	}
	if (out->extent) {
		ws_reordering_add(&result->reordering, out->extent);
		happened(o, out->rx.arrival_ns, WS_HAPPENED_REORDERED);
	}
	if (out->fate == WS_FATE_LATE && !out->tx.app_ns) {
		take_late(o, out);
		return;
	}
	if (o->c.paced) {
		ws_hist_record(&result->lateness, out->tx.app_ns - out->tx.intended_ns);
	}
	record_departure(o, &out->tx);
	happened(o, out->tx.intended_ns, WS_HAPPENED_SENT);
	if (result->hardware) {
		result->hardware->unsampled += out->tx.unsampled;
		result->hardware->sampled += !out->tx.unsampled;
	}
	note_missing(result->hardware, out);
	put_row(o, out, out->fate != WS_FATE_LOST);
	if (!o->c.io) {
		return;
	}
	ws_losses_add(&result->losses, out->seq, out->tx.intended_ns - o->c.start_ns, missed);
	switch (out->fate) {
	case WS_FATE_MATCHED:
		take_matched(o, out);
		break;
	case WS_FATE_LOST:
		happened(o, out->tx.intended_ns, WS_HAPPENED_LOST);
		break;
	case WS_FATE_LATE:
		happened(o, out->tx.intended_ns, WS_HAPPENED_LOST);
		happened(o, out->rx.arrival_ns, WS_HAPPENED_LATE);
		break;
	default:
		happened(o, out->tx.intended_ns, WS_HAPPENED_UNSTAMPED);
		break;
	}
}

void ws_outcomes_take(void *arg, const struct ws_outcome *out)
{
	struct ws_outcomes *o = arg;

	if (!o->judge) {
		take_judged(o, out);
		return;
	}
	ws_stampjudge_put(o->judge, out);
}

void ws_outcomes_copy(void *arg, uint64_t seq, const struct ws_rx_record *rx)
{
	struct ws_outcomes *o = arg;

	happened(o, rx->arrival_ns, WS_HAPPENED_DUPLICATED);
	if (!o->c.packets) {
		return;
	}
	if (seq >= o->next_row) {
		o->copied[place(o, seq) / 64] |= UINT64_C(1) << (place(o, seq) % 64);
	}
	(void)ws_packets_amend(o->c.packets, o->c.packets_run, seq, WS_PACKET_DUPLICATED, 0, NULL);
}

void ws_outcomes_answer(struct ws_outcomes *o, const struct ws_probe *probe)
{
	ws_exchanges_answer(o->exchanges, probe);
}

void ws_outcomes_collected(struct ws_outcomes *o, const struct ws_probe *probe)
{
	ws_exchanges_collected(o->exchanges, probe);
}

/* Where the ledger counts a fate. */
static uint64_t *count_of(struct ws_ledger *l, enum ws_fate fate)
{
	switch (fate) {
	case WS_FATE_MATCHED:
		return &l->matched;
	case WS_FATE_UNSTAMPED_TX:
		return &l->unstamped_tx;
	case WS_FATE_UNSTAMPED_RX:
		return &l->unstamped_rx;
	case WS_FATE_UNSTAMPED_BOTH:
		return &l->unstamped_both;
	default:
		return NULL; /* the judge changes no others */
	}
}

void ws_outcomes_correct(const struct ws_outcomes *o, struct ws_ledger *ledger)
{
	const struct ws_stampjudge_counts *counts;

	if (!o->judge) {
		return;
	}
	counts = ws_stampjudge_counts(o->judge);
	for (int from = 0; from < WS_FATE_COUNT; from++) {
		for (int to = 0; to < WS_FATE_COUNT; to++) {
			uint64_t n = counts->moved[from][to];
			uint64_t *before = count_of(ledger, (enum ws_fate)from);
			uint64_t *after = count_of(ledger, (enum ws_fate)to);

			if (n && before && after) {
				*before -= n;
				*after += n;
			}
		}
	}
	ledger->matched -= o->result->hardware->unconverted;
	ledger->unstamped_both += o->result->hardware->unconverted;
}

void ws_outcomes_finish(struct ws_outcomes *o)
{
	if (o->judge) {
		ws_stampjudge_finish(o->judge);
		o->result->hardware->tx_misplaced = ws_stampjudge_counts(o->judge)->tx_misplaced;
		o->result->hardware->rx_misplaced = ws_stampjudge_counts(o->judge)->rx_misplaced;
	}
	if (o->watch) {
		ws_clock_watch_flush(o->watch);
	}
	ws_losses_end(&o->result->losses);
	if (o->exchanges) {
		ws_exchanges_finish(o->exchanges);
	}
}
