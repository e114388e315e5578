/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/match.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "core/order.h"

#define LINE 64

/*
 * An open sequence. Two cache lines: what decides its fate and all of a received packet are in the
 * first, so that a packet's arrival costs at most one miss; the second is what is left to keep.
 */
struct slot {
	alignas(LINE) int64_t app_ns;
	int64_t arrival_ns;
	int64_t rx_ns, rx_app_ns, rx_wire_ns, rx_kernel_ns;
	uint64_t copies; /* received so far; the first one's times are kept */
	enum ws_clock rx_clock;
	uint8_t tx_origin, rx_origin;
	bool told : 1;	    /* by ws_match_tx() */
	bool failed : 1;    /* told, and never sent */
	bool reordered : 1; /* the first copy counts as reordered; else extent is not valid */
	bool unsampled : 1;

	alignas(LINE) int64_t intended_ns;
	int64_t tx_ns, read_ns;
	int64_t at[WS_TX_INSTANTS];
	uint64_t extent;
	enum ws_clock tx_clock;
};

_Static_assert(offsetof(struct slot, intended_ns) == LINE, "what decides is one cache line");
_Static_assert(sizeof(struct slot) == 2 * LINE, "a slot is two cache lines");

/* What is remembered of a closed sequence, in two bits. */
enum past {
	PAST_LOST = 0,
	PAST_SEEN = 1,
	PAST_NOT_SENT = 2,
};

#define PASTS_PER_WORD 32

struct ws_match {
	struct ws_match_config config;
	struct ws_ledger ledger;
	uint64_t base;	  /* oldest open sequence */
	uint64_t offered; /* sequences below were handed to the kernel */
	uint64_t slot_mask, past_mask;
	struct slot *slots;
	uint64_t *past;
	struct ws_order *order;
};

static const char *const fate_names[WS_FATE_COUNT] = {
	[WS_FATE_MATCHED] = "matched",
	[WS_FATE_UNSTAMPED_TX] = "unstamped_tx",
	[WS_FATE_UNSTAMPED_RX] = "unstamped_rx",
	[WS_FATE_UNSTAMPED_BOTH] = "unstamped_both",
	[WS_FATE_LOST] = "lost",
	[WS_FATE_LATE] = "late_arrivals",
	[WS_FATE_NOT_SENT] = "not_sent",
};

const char *ws_fate_name(enum ws_fate fate)
{
	if ((unsigned int)fate >= WS_FATE_COUNT) {
		return "unknown";
	}
	return fate_names[fate];
}

static bool is_power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/*
 * Zeroed memory from the start of a cache line. Written, not calloc'd: the kernel supplies a page
 * at its first write, which must not be in the middle of a measurement.
 */
static void *alloc_touched(uint64_t count, size_t size)
{
	size_t len;
	void *memory;

	if (count > (SIZE_MAX - LINE) / size) {
		return NULL;
	}
	len = ((size_t)count * size + LINE - 1) / LINE * LINE;
	memory = aligned_alloc(LINE, len);
	if (memory) {
		memset(memory, 0, len);
	}
	return memory;
}

int ws_match_new(struct ws_match **ret, const struct ws_match_config *config)
{
	struct ws_match *m;

	if (config->window_ns <= 0 || !is_power_of_two(config->capacity) ||
		!is_power_of_two(config->history) || config->history < config->capacity) {
		return -EINVAL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		return -ENOMEM;
	}
	m->config = *config;
	m->slot_mask = config->capacity - 1;
	m->past_mask = config->history - 1;
	m->slots = alloc_touched(config->capacity, sizeof(*m->slots));
	m->past = alloc_touched((config->history - 1) / PASTS_PER_WORD + 1, sizeof(*m->past));
	/* Arrivals beyond the oldest open sequence leave at most half as many gaps as sequences are
	 * open; so whatever comes for an open one is within the reach. */
	if (!m->slots || !m->past || ws_order_new(&m->order, config->capacity) < 0) {
		ws_match_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void ws_match_free(struct ws_match *m)
{
	if (!m) {
		return;
	}
	free(m->slots);
	free(m->past);
	ws_order_free(m->order);
	free(m);
}

uint64_t ws_match_base(const struct ws_match *m)
{
	return m->base;
}

const struct ws_ledger *ws_match_ledger(const struct ws_match *m)
{
	return &m->ledger;
}

static struct slot *slot_of(const struct ws_match *m, uint64_t seq)
{
	return &m->slots[seq & m->slot_mask];
}

static enum past past_get(const struct ws_match *m, uint64_t seq)
{
	uint64_t i = seq & m->past_mask;

	return m->past[i / PASTS_PER_WORD] >> (i % PASTS_PER_WORD * 2) & 3;
}

static void past_set(struct ws_match *m, uint64_t seq, enum past past)
{
	uint64_t i = seq & m->past_mask;
	uint64_t *word = &m->past[i / PASTS_PER_WORD];
	unsigned int shift = i % PASTS_PER_WORD * 2;

	*word = (*word & ~(UINT64_C(3) << shift)) | (uint64_t)past << shift;
}

/* RFC 4737: the extent of the next first copy (4.2.1); 0 if it is not reordered (3.3). */
static uint64_t note_order(struct ws_match *m, uint64_t seq)
{
	uint64_t extent = ws_order_arrival(m->order, seq);

	m->ledger.reordered += extent != 0;
	return extent;
}

void ws_match_offered(struct ws_match *m, uint64_t upto)
{
	if (upto > m->offered) {
		m->offered = upto;
	}
}

int ws_match_tx(struct ws_match *m, const struct ws_tx_record *r)
{
	struct slot *s = slot_of(m, r->seq);

	if (r->seq < m->base || r->seq - m->base >= m->config.capacity || s->told) {
		return -EINVAL;
	}
	ws_match_offered(m, r->seq + 1);
	s->intended_ns = r->intended_ns;
	s->app_ns = r->app_ns;
	s->read_ns = r->read_ns;
	s->unsampled = r->unsampled;
	s->tx_ns = r->stamp.time.ns;
	s->tx_clock = r->stamp.time.clock;
	s->tx_origin = (uint8_t)r->stamp.origin;
	memcpy(s->at, r->at, sizeof(s->at));
	s->told = true;
	s->failed = r->failed || r->withdrawn;
	m->ledger.attempted += !r->withdrawn;
	if (!s->failed) {
		m->ledger.sent++;
		return 0;
	}
	m->ledger.failed += !r->withdrawn;
	if (s->copies) {
		/* What was taken for this sequence's copies cannot have been: it was never sent. */
		m->ledger.foreign += s->copies;
		m->ledger.duplicated -= s->copies - 1;
		m->ledger.reordered -= s->reordered;
		s->copies = 0;
		s->reordered = false;
	}
	return 0;
}

static void note_copy(const struct ws_match *m, const struct ws_rx_record *r)
{
	if (m->config.copy) {
		m->config.copy(m->config.arg, r->seq, r);
	}
}

static void rx_closed(struct ws_match *m, const struct ws_rx_record *r)
{
	uint64_t extent;

	if (m->base - r->seq > m->config.history) {
		m->ledger.duplicated++;
		m->ledger.beyond_history++;
		note_copy(m, r);
		return;
	}
	switch (past_get(m, r->seq)) {
	case PAST_SEEN:
		m->ledger.duplicated++;
		note_copy(m, r);
		return;
	case PAST_NOT_SENT:
		m->ledger.foreign++;
		return;
	case PAST_LOST:
		break;
	}
	past_set(m, r->seq, PAST_SEEN);
	extent = note_order(m, r->seq);
	m->ledger.lost--;
	m->ledger.late_arrivals++;
	if (m->config.sink) {
		struct ws_outcome outcome = {
			.seq = r->seq,
			.fate = WS_FATE_LATE,
			.tx = {.seq = r->seq, .at = {INT64_MIN, INT64_MIN, INT64_MIN}},
			.rx = *r,
			.extent = extent,
		};

		m->config.sink(m->config.arg, &outcome);
	}
}

void ws_match_rx(struct ws_match *m, const struct ws_rx_record *r)
{
	struct slot *s;
	uint64_t extent;

	m->ledger.received++;
	if (r->seq < m->base) {
		rx_closed(m, r);
		return;
	}
	s = slot_of(m, r->seq);
	/* The second test keeps a sender that went beyond the capacity from spoiling another's
	 * slot. */
	if (r->seq >= m->offered || r->seq - m->base >= m->config.capacity || s->failed) {
		m->ledger.foreign++;
		return;
	}
	if (s->copies++) {
		m->ledger.duplicated++;
		note_copy(m, r);
		return;
	}
	s->arrival_ns = r->arrival_ns;
	s->rx_app_ns = r->app_ns;
	s->rx_wire_ns = r->wire_ns;
	s->rx_kernel_ns = r->kernel_ns;
	s->rx_ns = r->stamp.time.ns;
	s->rx_clock = r->stamp.time.clock;
	s->rx_origin = (uint8_t)r->stamp.origin;
	extent = note_order(m, r->seq);
	if (extent) {
		s->reordered = true;
		s->extent = extent;
	}
}

void ws_match_foreign(struct ws_match *m)
{
	m->ledger.received++;
	m->ledger.foreign++;
}

void ws_match_malformed(struct ws_match *m)
{
	m->ledger.received++;
	m->ledger.malformed++;
}

/* The last instant at which a packet is not late. */
static int64_t deadline_of(const struct ws_match *m, const struct slot *s)
{
	int64_t deadline;

	if (__builtin_add_overflow(s->app_ns, m->config.window_ns, &deadline)) {
		return INT64_MAX;
	}
	return deadline;
}

/* False when nothing can be said yet. */
static bool decide(const struct ws_match *m, const struct slot *s, int64_t watermark_ns,
	bool finish, enum ws_fate *ret)
{
	static const enum ws_fate by_stamps[2][2] = {
		{WS_FATE_UNSTAMPED_BOTH, WS_FATE_UNSTAMPED_TX},
		{WS_FATE_UNSTAMPED_RX, WS_FATE_MATCHED},
	};

	if (!s->told) {
		return false;
	}
	if (s->failed) {
		*ret = WS_FATE_NOT_SENT;
		return true;
	}
	if (s->copies) {
		*ret = s->arrival_ns > deadline_of(m, s)
			       ? WS_FATE_LATE
			       : by_stamps[s->tx_origin != WS_ORIGIN_NONE]
					  [s->rx_origin != WS_ORIGIN_NONE];
		return true;
	}
	if (finish || watermark_ns > deadline_of(m, s)) {
		*ret = WS_FATE_LOST;
		return true;
	}
	return false;
}

static void count_fate(struct ws_ledger *l, enum ws_fate fate)
{
	switch (fate) {
	case WS_FATE_MATCHED:
		l->matched++;
		break;
	case WS_FATE_UNSTAMPED_TX:
		l->unstamped_tx++;
		break;
	case WS_FATE_UNSTAMPED_RX:
		l->unstamped_rx++;
		break;
	case WS_FATE_UNSTAMPED_BOTH:
		l->unstamped_both++;
		break;
	case WS_FATE_LOST:
		l->lost++;
		break;
	case WS_FATE_LATE:
		l->late_arrivals++;
		break;
	case WS_FATE_NOT_SENT: /* ws_match_tx() counted it as failed */
	case WS_FATE_COUNT:
		break;
	}
}

static void emit(const struct ws_match *m, const struct slot *s, enum ws_fate fate)
{
	struct ws_outcome outcome = {
		.seq = m->base,
		.fate = fate,
		.tx =
			{
				.seq = m->base,
				.intended_ns = s->intended_ns,
				.app_ns = s->app_ns,
				.read_ns = s->read_ns,
				.stamp = {{s->tx_ns, s->tx_clock}, (enum ws_origin)s->tx_origin},
				.at = {s->at[WS_TX_SCHED], s->at[WS_TX_DRIVER], s->at[WS_TX_WIRE]},
				.unsampled = s->unsampled,
				.failed = s->failed,
			},
	};

	if (s->copies) {
		outcome.rx = (struct ws_rx_record){
			.seq = m->base,
			.arrival_ns = s->arrival_ns,
			.stamp = {{s->rx_ns, s->rx_clock}, (enum ws_origin)s->rx_origin},
			.app_ns = s->rx_app_ns,
			.wire_ns = s->rx_wire_ns,
			.kernel_ns = s->rx_kernel_ns,
		};
		outcome.extent = s->reordered ? s->extent : 0;
	}
	m->config.sink(m->config.arg, &outcome);
}

static void close_decided(struct ws_match *m, int64_t watermark_ns, bool finish)
{
	struct slot *s = slot_of(m, m->base);
	enum ws_fate fate;

	while (decide(m, s, watermark_ns, finish, &fate)) {
		count_fate(&m->ledger, fate);
		past_set(m, m->base,
			fate == WS_FATE_NOT_SENT ? PAST_NOT_SENT
			: fate == WS_FATE_LOST	 ? PAST_LOST
						 : PAST_SEEN);
		if (m->config.sink) {
			emit(m, s, fate);
		}
		s->told = false;
		s->failed = false;
		s->reordered = false;
		s->copies = 0;
		m->base++;
		s = slot_of(m, m->base);
	}
}

void ws_match_advance(struct ws_match *m, int64_t watermark_ns)
{
	close_decided(m, watermark_ns, false);
}

void ws_match_finish(struct ws_match *m)
{
	close_decided(m, 0, true);
}
