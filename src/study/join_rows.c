/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/docget.h"
#include "study/study_own.h"

#define SAMPLE 4096	 /* rows that tell which instants there are */
#define REACH  (1 << 16) /* of extents */

/* Rows of one run: [next, end) of those in order. */
struct range {
	const struct ws_end *end_of;
	uint64_t begin, end;
};

static uint64_t first_of(const struct ws_end *e, uint64_t run)
{
	uint64_t low = 0, high = e->packets.rows;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct ws_packet_row row;

		ws_end_get(e, middle, &row);
		if (row.run < run) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static struct range range_of(const struct ws_end *e, int run)
{
	if (run < 0) {
		return (struct range){e, 0, 0};
	}
	return (struct range){e, first_of(e, (uint64_t)run), first_of(e, (uint64_t)run + 1)};
}

static bool has_instant(const struct range *r, enum ws_instant instant)
{
	struct ws_packet_row row;
	uint64_t i;

	for (i = r->begin; i < r->end && i < r->begin + SAMPLE; i++) {
		ws_end_get(r->end_of, i, &row);
		if (row.at[instant] != WS_PACKETS_UNKNOWN) {
			return true;
		}
	}
	return false;
}

/* Clocks that show the same time, or would if they were set right. */
static bool comparable(const char *a, const char *b, bool same_host)
{
	return a && b && strcmp(a, b) == 0 &&
	       (same_host || strcmp(a, "realtime") == 0 || strcmp(a, "tai") == 0);
}

static bool way_find(struct ws_join_way *ret, const struct range *tx, const struct range *rx)
{
	/* From the best to what has to do. */
	static const struct ws_join_way ways[] = {
		{WS_INSTANT_WIRE_TX, WS_INSTANT_WIRE_RX},
		{WS_INSTANT_DRIVER_TX, WS_INSTANT_KERNEL_RX},
		{WS_INSTANT_APP_TX, WS_INSTANT_KERNEL_RX},
		{WS_INSTANT_DRIVER_TX, WS_INSTANT_APP_RX},
		{WS_INSTANT_APP_TX, WS_INSTANT_APP_RX},
	};
	bool same_host = ws_join_same_host(tx->end_of, rx->end_of);
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (comparable(ws_join_clock(tx->end_of, ways[i].from),
			    ws_join_clock(rx->end_of, ways[i].to), same_host) &&
			has_instant(tx, ways[i].from) &&
			(rx->begin == rx->end || has_instant(rx, ways[i].to))) {
			*ret = ways[i];
			return true;
		}
	}
	return false;
}

/* Neighbouring instants of one host by one clock. */
static void stages_find(
	struct ws_joined *j, const struct range *r, enum ws_instant first, enum ws_instant last)
{
	enum ws_instant i, before = WS_INSTANTS;

	for (i = first; i <= last; i++) {
		if (!has_instant(r, i)) {
			continue;
		}
		if (before != WS_INSTANTS && comparable(ws_join_clock(r->end_of, before),
						     ws_join_clock(r->end_of, i), true)) {
			j->stage_from[j->stages] = before;
			j->stage_to[j->stages] = i;
			ws_hist_init(&j->stage[j->stages]);
			j->stages++;
		}
		before = i;
	}
}

/* Both ranges side by side. */
struct walk {
	struct range tx, rx;
	uint64_t i, k;
	/* the current sequence */
	bool sent, came;
	uint64_t index;	 /* of the sender's row */
	uint64_t copies; /* rows of further copies */
	struct ws_packet_row tx_row, rx_row;
	/* the receiver's next row */
	bool ahead;
	struct ws_packet_row next;
};

static void walk_init(struct walk *w, const struct range *tx, const struct range *rx)
{
	*w = (struct walk){.tx = *tx, .rx = *rx, .i = tx->begin, .k = rx->begin};
}

static bool look_ahead(struct walk *w)
{
	if (!w->ahead && w->k < w->rx.end) {
		ws_end_get(w->rx.end_of, w->k++, &w->next);
		w->ahead = true;
	}
	return w->ahead;
}

/* True: there is one more sequence. */
static bool walk_next(struct walk *w)
{
	struct ws_packet_row tx;
	bool has_tx = w->i < w->tx.end;

	if (has_tx) {
		ws_end_get(w->tx.end_of, w->i, &tx);
	}
	if (w->i % WS_STUDY_FORGET == 0) {
		ws_end_forget(w->tx.end_of, w->i);
		ws_end_forget(w->rx.end_of, w->k);
	}
	w->sent = w->came = false;
	w->copies = 0;
	if (has_tx && (!look_ahead(w) || tx.seq <= w->next.seq)) {
		w->sent = true;
		w->tx_row = tx;
		w->index = w->i++;
		/* A sequence twice in the sender's list was sent once. */
		while (w->i < w->tx.end) {
			ws_end_get(w->tx.end_of, w->i, &tx);
			if (tx.seq != w->tx_row.seq) {
				break;
			}
			w->i++;
		}
	} else if (!look_ahead(w)) {
		return false;
	}
	if (look_ahead(w) && (!w->sent || w->next.seq == w->tx_row.seq)) {
		w->came = true;
		w->rx_row = w->next;
		w->ahead = false;
		while (look_ahead(w) && w->next.seq == w->rx_row.seq) {
			w->ahead = false;
			w->copies++;
		}
	}
	return true;
}

static bool latency_of(const struct ws_joined *j, const struct walk *w, int64_t *ret)
{
	int64_t from = w->tx_row.at[j->way.from], to = w->rx_row.at[j->way.to];

	return j->has_way && w->sent && w->came && from != WS_PACKETS_UNKNOWN &&
	       to != WS_PACKETS_UNKNOWN && !__builtin_sub_overflow(to, from, ret);
}

struct arrival {
	int64_t at;
	uint64_t index; /* of the sender's row */
};

static int arrival_compare(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	if (x->at != y->at) {
		return x->at < y->at ? -1 : 1;
	}
	return x->index < y->index ? -1 : x->index > y->index;
}

struct joining {
	struct ws_joined *j;
	struct range tx, rx;
	enum ws_instant when;	 /* whose order is that of arrival */
	enum ws_instant planned; /* where in the run a packet is */
	int64_t start;
	uint64_t orphans;  /* received, and not in the sender's list */
	uint64_t arrivals; /* of sent ones */
	bool disordered;
};

static int64_t time_in_run(const struct joining *n, const struct ws_packet_row *tx)
{
	int64_t at = tx->at[n->planned], since;

	if (at == WS_PACKETS_UNKNOWN || __builtin_sub_overflow(at, n->start, &since)) {
		return 0;
	}
	return since;
}

/* What has to be known before anything can be counted. */
static void look(struct joining *n)
{
	int64_t latency, last = INT64_MIN;
	struct walk w;

	walk_init(&w, &n->tx, &n->rx);
	while (walk_next(&w)) {
		int64_t at = w.rx_row.at[n->when];

		if (latency_of(n->j, &w, &latency)) {
			n->j->least =
				n->j->any_latency && n->j->least < latency ? n->j->least : latency;
			n->j->any_latency = true;
		}
		if (w.sent && w.came && at != WS_PACKETS_UNKNOWN) {
			n->disordered = n->disordered || at < last;
			last = at;
			n->arrivals++;
		}
	}
}

static void stages_add(struct ws_joined *j, const struct walk *w)
{
	unsigned i;

	for (i = 0; i < j->stages; i++) {
		bool tx = j->stage_to[i] <= WS_INSTANT_WIRE_TX;
		const int64_t *at = tx ? w->tx_row.at : w->rx_row.at;
		int64_t from = at[j->stage_from[i]], to = at[j->stage_to[i]], ns;

		if ((tx ? w->sent : w->came) && from != WS_PACKETS_UNKNOWN &&
			to != WS_PACKETS_UNKNOWN && !__builtin_sub_overflow(to, from, &ns)) {
			ws_hist_record(&j->stage[i], ns);
		}
	}
}

/* False: by more than there are numbers for, so that one of the two is no latency. */
static bool above_least(const struct ws_joined *j, int64_t latency, int64_t *ret)
{
	int64_t above;

	if (__builtin_sub_overflow(latency, j->least, &above) || above == INT64_MAX) {
		return false;
	}
	*ret = above + 1;
	return true;
}

static void outcome(struct joining *n, const struct walk *w)
{
	struct ws_joined *j = n->j;
	int64_t latency, above, at = time_in_run(n, &w->tx_row);
	bool tx, rx;

	if (!w->came) {
		j->lost++;
		ws_timeline_happened(&j->timeline, at, WS_HAPPENED_LOST);
		return;
	}
	if (latency_of(j, w, &latency)) {
		j->matched++;
		ws_hist_record(&j->latency, latency);
		ws_timeline_latency(&j->timeline, at, latency);
		if (above_least(j, latency, &above)) {
			ws_hist_record(&j->above_least, above);
			if (!n->disordered) {
				ws_jitter_add(&j->jitter, above);
			}
		}
		return;
	}
	tx = !j->has_way || w->tx_row.at[j->way.from] == WS_PACKETS_UNKNOWN;
	rx = !j->has_way || w->rx_row.at[j->way.to] == WS_PACKETS_UNKNOWN;
	*(tx && rx ? &j->unstamped_both : tx ? &j->unstamped_tx : &j->unstamped_rx) += 1;
	ws_timeline_happened(&j->timeline, at, WS_HAPPENED_UNSTAMPED);
}

static void count(struct joining *n)
{
	struct ws_joined *j = n->j;
	struct walk w;

	walk_init(&w, &n->tx, &n->rx);
	while (walk_next(&w)) {
		uint64_t copies = w.copies;

		if (w.came && copies == 0 && w.rx_row.flags & WS_PACKET_DUPLICATED) {
			copies = 1;
		}
		j->duplicated += copies;
		if (!w.sent) {
			n->orphans++;
			continue;
		}
		j->rows++;
		ws_timeline_happened(&j->timeline, time_in_run(n, &w.tx_row), WS_HAPPENED_SENT);
		ws_losses_add(&j->losses, w.tx_row.seq, time_in_run(n, &w.tx_row), !w.came);
		if (copies > 0) {
			ws_timeline_happened(
				&j->timeline, time_in_run(n, &w.tx_row), WS_HAPPENED_DUPLICATED);
		}
		stages_add(j, &w);
		outcome(n, &w);
	}
	ws_losses_end(&j->losses);
}

/* In order of arrival, where that is not the order of sequences. */
static int disorder(struct joining *n)
{
	struct ws_joined *j = n->j;
	struct arrival *list = malloc((n->arrivals + 1) * sizeof(*list));
	struct ws_order *order = NULL;
	struct walk w;
	uint64_t used = 0, i;
	int r = -ENOMEM;

	if (!list || ws_order_new(&order, REACH) < 0) {
		goto out;
	}
	walk_init(&w, &n->tx, &n->rx);
	while (walk_next(&w) && used <= n->arrivals) {
		if (w.sent && w.came && w.rx_row.at[n->when] != WS_PACKETS_UNKNOWN) {
			list[used++] = (struct arrival){w.rx_row.at[n->when], w.index};
		}
	}
	qsort(list, used, sizeof(*list), arrival_compare);
	for (i = 0; i < used; i++) {
		struct ws_packet_row tx;
		uint64_t extent;
		int64_t transit, above;

		ws_end_get(n->tx.end_of, list[i].index, &tx);
		extent = ws_order_arrival(order, tx.seq);
		if (extent > 0) {
			ws_reordering_add(&j->reordering, extent);
			ws_timeline_happened(
				&j->timeline, time_in_run(n, &tx), WS_HAPPENED_REORDERED);
		}
		if (j->has_way && tx.at[j->way.from] != WS_PACKETS_UNKNOWN &&
			!__builtin_sub_overflow(list[i].at, tx.at[j->way.from], &transit) &&
			above_least(j, transit, &above)) {
			ws_jitter_add(&j->jitter, above);
		}
	}
	r = 0;
out:
	ws_order_free(order);
	free(list);
	return r;
}

/* Rows that the receiver could not keep, or that were cut off later. */
static uint64_t rows_lacking(const struct ws_end *e)
{
	const json_t *packets = json_object_get(e->doc->json, "packets");
	uint64_t rows = ws_get_count(packets, "rows"), dropped = ws_get_count(packets, "dropped");

	rows = rows != UINT64_MAX && rows > e->packets.rows ? rows - e->packets.rows : 0;
	return rows + (dropped != UINT64_MAX ? dropped : 0);
}

/*
 * What came, and has no row, is not lost. Nobody knows which of those without a row that is, so that
 * places of losses are not known either.
 */
static void take_unlisted(struct ws_joined *j, uint64_t came)
{
	unsigned i;

	j->unlisted = came < j->lost ? came : j->lost;
	if (j->unlisted == 0) {
		return;
	}
	j->lost -= j->unlisted;
	j->unstamped_rx += j->unlisted;
	j->received += j->unlisted;
	ws_losses_init(&j->losses);
	j->losses.packets = j->lost;
	for (i = 0; i < j->timeline.used && i < WS_TIMELINE_COLUMNS; i++) {
		uint64_t *happened = j->timeline.columns[i].happened;

		happened[WS_HAPPENED_UNSTAMPED] += happened[WS_HAPPENED_LOST];
		happened[WS_HAPPENED_LOST] = 0;
	}
}

/* Packets of which the sender has no row: it had no memory for them, or they are not its. */
static void settle(struct joining *n, const struct ws_end *sender, const struct ws_end *receiver)
{
	struct ws_joined *j = n->j;
	const json_t *rx = j->receiver_run < 0 ? NULL : receiver->doc->series[j->receiver_run].json;
	uint64_t sent = sender->doc->series[j->sender_run].sent;
	uint64_t duplicated = ws_get_count(rx, "duplicated");
	uint64_t received = ws_get_count(rx, "received"), missing, unseen, lacking;

	j->sent = sent != UINT64_MAX && sent >= j->rows ? sent : j->rows;
	missing = j->sent - j->rows;
	unseen = n->orphans < missing ? n->orphans : missing;
	j->unstamped_tx += unseen;
	j->foreign = n->orphans - unseen;
	j->lost += missing - unseen;
	if (duplicated != UINT64_MAX) {
		j->duplicated = duplicated;
	}
	j->received = j->matched + j->unstamped_tx + j->unstamped_rx + j->unstamped_both +
		      j->duplicated + j->foreign;
	if (received != UINT64_MAX && received > j->received) {
		lacking = rows_lacking(receiver);
		lacking = received - j->received < lacking ? received - j->received : lacking;
		take_unlisted(j, lacking);
	}
	j->balanced = (received == UINT64_MAX || received == j->received) &&
		      (sent == UINT64_MAX || sent == j->sent);
}

int ws_join_rows(struct ws_joined *j, const struct ws_end *sender, const struct ws_end *receiver)
{
	struct joining n = {
		.j = j,
		.tx = range_of(sender, (int)j->sender_run),
		.rx = range_of(receiver, j->receiver_run),
		.planned = WS_INSTANT_INTENDED,
	};
	struct ws_packet_row first;

	ws_hist_init(&j->latency);
	ws_hist_init(&j->above_least);
	ws_losses_init(&j->losses);
	ws_timeline_init(&j->timeline);
	j->has_way = way_find(&j->way, &n.tx, &n.rx);
	stages_find(j, &n.tx, WS_INSTANT_INTENDED, WS_INSTANT_WIRE_TX);
	stages_find(j, &n.rx, WS_INSTANT_WIRE_RX, WS_INSTANT_APP_RX);
	n.when = j->has_way && n.rx.begin < n.rx.end	    ? j->way.to
		 : has_instant(&n.rx, WS_INSTANT_KERNEL_RX) ? WS_INSTANT_KERNEL_RX
							    : WS_INSTANT_APP_RX;
	while (n.planned < WS_INSTANT_WIRE_TX && !has_instant(&n.tx, n.planned)) {
		n.planned++;
	}
	if (n.tx.begin < n.tx.end) {
		ws_end_get(sender, n.tx.begin, &first);
		n.start = first.at[n.planned] == WS_PACKETS_UNKNOWN ? 0 : first.at[n.planned];
	}
	look(&n);
	count(&n);
	settle(&n, sender, receiver);
	return n.disordered ? disorder(&n) : 0;
}
