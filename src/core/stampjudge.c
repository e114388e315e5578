/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/stampjudge.h"

#include <errno.h>
#include <stdlib.h>

/* The two ends are judged alike. */
enum { TX, RX, ENDS };

struct entry {
	struct ws_outcome out;
	bool bad[ENDS];
	bool waits[ENDS]; /* for the next stamp of that end */
};

/* The newest stamp of an end. */
struct newest {
	bool known;
	uint64_t number; /* of its entry, which may have been given already */
	int64_t ns;
};

struct ws_stampjudge {
	struct ws_stampjudge_config c;
	struct ws_stampjudge_counts counts;
	struct newest newest[ENDS];
	uint64_t first, next; /* numbers of the oldest that waits and of the next to come */
	struct entry entries[];
};

int ws_stampjudge_new(struct ws_stampjudge **ret, const struct ws_stampjudge_config *config)
{
	struct ws_stampjudge *j;

	if (!config->sink || config->ahead < 2) {
		return -EINVAL;
	}
	j = calloc(1, sizeof(*j) + config->ahead * sizeof(j->entries[0]));
	if (!j) {
		return -ENOMEM;
	}
	j->c = *config;
	*ret = j;
	return 0;
}

void ws_stampjudge_free(struct ws_stampjudge *j)
{
	free(j);
}

const struct ws_stampjudge_counts *ws_stampjudge_counts(const struct ws_stampjudge *j)
{
	return &j->counts;
}

static struct entry *entry_of(struct ws_stampjudge *j, uint64_t number)
{
	return &j->entries[number % j->c.ahead];
}

static bool has_arrived(const struct ws_outcome *out)
{
	return out->fate != WS_FATE_LOST && out->fate != WS_FATE_NOT_SENT;
}

/* Takes the stamp away. */
static void reject(struct ws_stampjudge *j, struct ws_outcome *out, int end)
{
	if (end == TX) {
		out->tx.stamp = (struct ws_stamp){0};
		out->tx.at[WS_TX_WIRE] = INT64_MIN;
		j->counts.tx_misplaced++;
		out->fate = out->fate == WS_FATE_MATCHED	? WS_FATE_UNSTAMPED_TX
			    : out->fate == WS_FATE_UNSTAMPED_RX ? WS_FATE_UNSTAMPED_BOTH
								: out->fate;
	} else {
		out->rx.stamp = (struct ws_stamp){0};
		out->rx.wire_ns = INT64_MIN;
		j->counts.rx_misplaced++;
		out->fate = out->fate == WS_FATE_MATCHED	? WS_FATE_UNSTAMPED_RX
			    : out->fate == WS_FATE_UNSTAMPED_TX ? WS_FATE_UNSTAMPED_BOTH
								: out->fate;
	}
}

static void give_oldest(struct ws_stampjudge *j)
{
	struct entry *e = entry_of(j, j->first);
	enum ws_fate before = e->out.fate;

	for (int end = 0; end < ENDS; end++) {
		if (e->bad[end]) {
			reject(j, &e->out, end);
		}
	}
	j->counts.moved[before][e->out.fate] += e->out.fate != before;
	j->first++;
	j->c.sink(j->c.arg, &e->out);
}

static void give_judged(struct ws_stampjudge *j)
{
	while (j->first < j->next) {
		const struct entry *e = entry_of(j, j->first);

		if (e->waits[TX] || e->waits[RX]) {
			return;
		}
		give_oldest(j);
	}
}

/*
 * Whether the stamp lies before or after what is possible, whatever the clocks' relation is not known to.
 * not_before, not_after: CLOCK_MONOTONIC, 0: nothing is known.
 */
static bool impossible(const struct ws_stampjudge *j, const struct ws_stamp *stamp,
	int64_t not_before, int64_t not_after)
{
	int64_t at, error, earliest, latest;

	if (!j->c.convert || !j->c.convert(j->c.arg, stamp->time, &at, &error)) {
		return false;
	}
	if (__builtin_add_overflow(at, error, &latest) ||
		__builtin_sub_overflow(at, error, &earliest)) {
		return false;
	}
	return (not_before && latest < not_before) || (not_after && earliest > not_after);
}

/* The stamp of entry `number`, the newest, against the one before it. */
static void order(struct ws_stampjudge *j, int end, uint64_t number, int64_t ns)
{
	struct newest *before = &j->newest[end];
	struct entry *e = entry_of(j, number);

	if (before->known) {
		bool wrong = ns < before->ns || (ns == before->ns && !j->c.coarse);

		e->bad[end] |= wrong;
		if (before->number >= j->first) {
			struct entry *b = entry_of(j, before->number);

			b->bad[end] |= wrong;
			b->waits[end] = false;
		}
	}
	*before = (struct newest){.known = true, .number = number, .ns = ns};
	e->waits[end] = true;
}

void ws_stampjudge_put(struct ws_stampjudge *j, const struct ws_outcome *outcome)
{
	uint64_t number = j->next;
	struct entry *e;
	bool tx, rx;

	if (j->next - j->first == j->c.ahead) {
		give_oldest(j);
	}
	e = entry_of(j, number);
	*e = (struct entry){.out = *outcome};
	j->next++;
	tx = j->c.tx && outcome->fate != WS_FATE_NOT_SENT &&
	     outcome->tx.stamp.origin == WS_ORIGIN_HARDWARE;
	rx = j->c.rx && has_arrived(outcome) && outcome->rx.stamp.origin == WS_ORIGIN_HARDWARE;
	if (tx) {
		e->bad[TX] =
			impossible(j, &outcome->tx.stamp, outcome->tx.app_ns, outcome->tx.read_ns);
	}
	if (rx) {
		e->bad[RX] =
			impossible(j, &outcome->rx.stamp, outcome->tx.app_ns, outcome->rx.app_ns);
	}
	if (j->c.ordered && tx) {
		order(j, TX, number, outcome->tx.stamp.time.ns);
	}
	/* What was overtaken arrived out of order rightly. */
	if (j->c.ordered && rx && !outcome->extent) {
		order(j, RX, number, outcome->rx.stamp.time.ns);
	}
	give_judged(j);
}

void ws_stampjudge_finish(struct ws_stampjudge *j)
{
	while (j->first < j->next) {
		give_oldest(j);
	}
}
