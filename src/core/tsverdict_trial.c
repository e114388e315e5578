/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences of what was delivered. */
#include <string.h>

#include "core/tsverdict_own.h"

#define COARSE_NS 100 /* real cards' stamps have steps of 1 to 64 ns */

static uint64_t stamps(const struct ws_ts_delivered *d, enum ws_ts_kind kind)
{
	return kind == WS_TS_TX_HARDWARE   ? d->tx_hardware
	       : kind == WS_TS_TX_SOFTWARE ? d->tx_software
	       : kind == WS_TS_RX_HARDWARE ? d->rx_hardware
					   : d->rx_software;
}

static uint64_t frames(const struct ws_ts_delivered *d, enum ws_ts_kind kind)
{
	return kind == WS_TS_TX_HARDWARE || kind == WS_TS_TX_SOFTWARE ? d->sent : d->received;
}

static enum ws_ts_got judge(uint64_t got, uint64_t of)
{
	return !of	  ? WS_TS_GOT_UNKNOWN
	       : !got	  ? WS_TS_GOT_NONE
	       : got < of ? WS_TS_GOT_SOME
			  : WS_TS_GOT_ALL;
}

static enum ws_ts_got judge_row(const struct ws_ts_delivered *d, enum ws_ts_kind kind)
{
	return judge(stamps(d, kind), frames(d, kind));
}

/* How many have a stamp, of how many; shape NULL: of all. */
static uint64_t count(
	const struct ws_ts_facts *f, enum ws_ts_kind kind, const char *shape, uint64_t *ret_of)
{
	uint64_t got = 0;

	*ret_of = 0;
	for (unsigned i = 0; i < f->delivered_count; i++) {
		const struct ws_ts_delivered *d = &f->delivered[i];

		if (!shape || strcmp(d->carrier, shape) == 0) {
			got += stamps(d, kind);
			*ret_of += frames(d, kind);
		}
	}
	return got;
}

enum ws_ts_got ws_ts_got(const struct ws_ts_facts *f, enum ws_ts_kind kind, const char *shape)
{
	uint64_t of, got = count(f, kind, shape, &of);

	return judge(got, of);
}

unsigned ws_ts_got_carriers(const struct ws_ts_facts *f, enum ws_ts_kind kind)
{
	static const struct {
		const char *shape;
		unsigned carriers;
	} shapes[] = {
		{"udp", 1u << WS_CARRIER_UDP | 1u << WS_CARRIER_L2},
		{"ptp-l2-sync", 1u << WS_CARRIER_PTP_L2},
		{"ptp-udp", 1u << WS_CARRIER_PTP_UDP},
	};
	unsigned ret = 0;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		for (unsigned k = 0; k < f->delivered_count; k++) {
			const struct ws_ts_delivered *d = &f->delivered[k];
			uint64_t of = frames(d, kind);

			if (!d->vlan && strcmp(d->carrier, shapes[i].shape) == 0 && of &&
				stamps(d, kind) >= of - of / 10) {
				ret |= shapes[i].carriers;
			}
		}
	}
	return ret;
}

bool ws_ts_tried(const struct ws_ts_facts *f)
{
	uint64_t sent;

	count(f, WS_TS_TX_SOFTWARE, NULL, &sent);
	return sent > 0;
}

/* The same shape with the other tag, NULL: none was sent. */
static const struct ws_ts_delivered *twin(
	const struct ws_ts_facts *f, const struct ws_ts_delivered *d)
{
	for (unsigned i = 0; i < f->delivered_count; i++) {
		const struct ws_ts_delivered *e = &f->delivered[i];

		if (e->vlan != d->vlan && strcmp(e->carrier, d->carrier) == 0) {
			return e;
		}
	}
	return NULL;
}

static const char *tag(bool vlan)
{
	return vlan ? " with a VLAN tag" : " without a VLAN tag";
}

/* " (44 of 50)", after what was stamped in part. */
static void tell_part(struct ws_words *w, enum ws_ts_got what, uint64_t got, uint64_t of)
{
	char a[WS_WORD_SIZE], b[WS_WORD_SIZE];

	if (what == WS_TS_GOT_SOME) {
		ws_words_add(
			w, " (", ws_word_count(a, got), " of ", ws_word_count(b, of), ")", NULL);
	}
}

/* Whether it is the tag that decides: all shapes with it, or without it, came out so, and none of the others. */
static bool by_tag(const struct ws_ts_facts *f, enum ws_ts_kind kind, enum ws_ts_got what,
	bool vlan, uint64_t *ret_got, uint64_t *ret_of)
{
	unsigned n = 0;

	*ret_got = *ret_of = 0;
	for (unsigned i = 0; i < f->delivered_count; i++) {
		const struct ws_ts_delivered *d = &f->delivered[i];

		if (!twin(f, d) || (judge_row(d, kind) == what) != (d->vlan == vlan)) {
			return false;
		}
		if (d->vlan == vlan) {
			n++;
			*ret_got += stamps(d, kind);
			*ret_of += frames(d, kind);
		}
	}
	return n > 1;
}

/* "of ptp-l2-sync, udp with a VLAN tag": the shapes that came out so. False if there are none. */
static bool list(struct ws_words *w, const struct ws_ts_facts *f, enum ws_ts_kind kind,
	enum ws_ts_got what, const char *before)
{
	uint64_t got, of;
	bool any = false;

	for (int vlan = 0; vlan <= 1; vlan++) {
		if (by_tag(f, kind, what, vlan, &got, &of)) {
			ws_words_add(w, before, "frames", tag(vlan), NULL);
			tell_part(w, what, got, of);
			return true;
		}
	}
	for (unsigned i = 0; i < f->delivered_count; i++) {
		const struct ws_ts_delivered *d = &f->delivered[i], *e = twin(f, d);
		bool alike = e && judge_row(e, kind) == what;

		/* Told once, with the first of both. */
		if (judge_row(d, kind) != what || (alike && e < d)) {
			continue;
		}
		ws_words_add(
			w, any ? ", " : before, d->carrier, alike || !e ? "" : tag(d->vlan), NULL);
		tell_part(w, what, stamps(d, kind) + (alike ? stamps(e, kind) : 0),
			frames(d, kind) + (alike ? frames(e, kind) : 0));
		any = true;
	}
	return any;
}

/* "hardware stamps of every frame (400 of 400)" */
static void tell_kind(
	struct ws_words *w, const struct ws_ts_facts *f, enum ws_ts_kind kind, const char *what)
{
	uint64_t of, got = count(f, kind, NULL, &of);
	char a[WS_WORD_SIZE], b[WS_WORD_SIZE];
	bool any;

	switch (judge(got, of)) {
	case WS_TS_GOT_UNKNOWN:
		ws_words_add(w, "nothing", NULL);
		return;
	case WS_TS_GOT_NONE:
		ws_words_add(w, "no ", what, " stamps (0 of ", ws_word_count(b, of), ")", NULL);
		return;
	case WS_TS_GOT_ALL:
		ws_words_add(w, what, " stamps of every frame (", ws_word_count(a, got), " of ",
			ws_word_count(b, of), ")", NULL);
		return;
	case WS_TS_GOT_SOME:
		break;
	}
	ws_words_add(w, what, " stamps", NULL);
	any = list(w, f, kind, WS_TS_GOT_ALL, " of ");
	any |= list(w, f, kind, WS_TS_GOT_SOME, any ? ", in part of " : " in part of ");
	list(w, f, kind, WS_TS_GOT_NONE, ", never of ");
}

/* The software half, shorter. */
static void tell_software(
	struct ws_words *w, const struct ws_ts_facts *f, enum ws_ts_kind kind, const char *before)
{
	uint64_t of, got = count(f, kind, NULL, &of);
	char a[WS_WORD_SIZE], b[WS_WORD_SIZE];

	switch (judge(got, of)) {
	case WS_TS_GOT_UNKNOWN:
		break;
	case WS_TS_GOT_NONE:
		ws_words_add(w, before, "no software ones", NULL);
		break;
	case WS_TS_GOT_ALL:
		ws_words_add(w, before, "software ones of every frame", NULL);
		break;
	case WS_TS_GOT_SOME:
		ws_words_add(w, before, "software ones in part (", ws_word_count(a, got), " of ",
			ws_word_count(b, of), ")", NULL);
		break;
	}
}

/*
 * Whether frames that were never stamped are among what is claimed: these carriers, and Delay_Req on layer 2, for which
 * there may be a filter or none. Only who claims any packet has said so of tagged ones, too.
 */
static bool broken_claim(
	const struct ws_ts_facts *f, enum ws_ts_kind kind, unsigned carriers, bool delay_req)
{
	const struct {
		const char *shape;
		bool claimed;
	} shapes[] = {
		{"udp", carriers >> WS_CARRIER_UDP & 1},
		{"ptp-l2-sync", carriers >> WS_CARRIER_PTP_L2 & 1},
		{"ptp-l2-delay-req", delay_req},
		{"ptp-udp", carriers >> WS_CARRIER_PTP_UDP & 1},
	};

	for (unsigned i = 0; i < f->delivered_count; i++) {
		const struct ws_ts_delivered *d = &f->delivered[i];

		if (judge_row(d, kind) != WS_TS_GOT_NONE ||
			(d->vlan && carriers != WS_CARRIERS_ALL)) {
			continue;
		}
		for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
			if (shapes[k].claimed && strcmp(d->carrier, shapes[k].shape) == 0) {
				return true;
			}
		}
	}
	return false;
}

void ws_ts_tell_transmit(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	struct ws_words *w = ws_ts_sentence(page, "transmit: ");
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);

	ws_words_add(w, "delivers ", NULL);
	if (!f->hardware_tx) {
		tell_kind(w, f, WS_TS_TX_SOFTWARE, "software");
		ws_words_add(w,
			c.tx_hardware ? "; the hardware ones that it claims were not switched on "
					"for this trial"
				      : "",
			NULL);
		return;
	}
	tell_kind(w, f, WS_TS_TX_HARDWARE, "hardware");
	if (broken_claim(f, WS_TS_TX_HARDWARE, c.tx, c.tx >> WS_CARRIER_PTP_L2 & 1)) {
		ws_words_add(w, ", although it claims them", NULL);
		*page->grade = WS_TS_ODD;
	}
	tell_software(w, f, WS_TS_TX_SOFTWARE, "; ");
}

static bool stuck(const struct ws_ts_facts *f, const struct ws_ts_delivered **ret)
{
	for (unsigned i = 0; i < f->delivered_count; i++) {
		if (f->delivered[i].rx_stuck) {
			*ret = &f->delivered[i];
			return true;
		}
	}
	return false;
}

void ws_ts_tell_receive(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	const struct ws_ts_caps *caps = f->receiver ? f->receiver_caps : f->caps;
	struct ws_words *w = ws_ts_sentence(page, f->receiver ? "peer: " : "receive: ");
	const char *who = f->receiver ? f->receiver : "", *gap = f->receiver ? " " : "";
	const struct ws_ts_delivered *d;
	struct ws_ts_claim c = {0};
	uint64_t of, sent;
	char a[WS_WORD_SIZE], b[WS_WORD_SIZE];
	const char *filter;

	if (caps) {
		c = ws_ts_claim_in_use(caps);
	}
	count(f, WS_TS_RX_SOFTWARE, NULL, &of);
	if (!of) {
		count(f, WS_TS_TX_SOFTWARE, NULL, &sent);
		ws_words_add(w, "none of ", ws_word_count(a, sent), " frames came",
			f->receiver ? " to " : " back", who,
			f->receiver ? " (are the two connected?)" : " (does it answer?)", NULL);
		return;
	}
	if (!f->hardware_rx) {
		ws_words_add(w, who, gap, "delivers ", NULL);
		tell_kind(w, f, WS_TS_RX_SOFTWARE, "software");
		ws_words_add(w,
			c.rx_hardware ? "; the hardware ones that it claims were not switched on "
					"for this trial"
				      : "",
			NULL);
		return;
	}
	if (stuck(f, &d)) {
		*page->grade = WS_TS_BAD;
		ws_words_add(w, who, f->receiver ? ": " : "",
			"stuck latch: ", ws_word_count(a, d->rx_hardware), " of ",
			ws_word_count(b, d->received), " frames (", d->carrier,
			") got a hardware stamp and then none did, as if its register were never "
			"read out: hardware stamps of received packets are of no use here (reload "
			"its driver and try again; until then --stamp software)",
			NULL);
		return;
	}
	ws_words_add(w, who, gap, "delivers ", NULL);
	tell_kind(w, f, WS_TS_RX_HARDWARE, "hardware");
	if (broken_claim(f, WS_TS_RX_HARDWARE, c.rx, c.ptp_v2_l2)) {
		filter = ws_ts_rx_filter_name((unsigned)c.rx_filter);
		ws_words_add(w, ", although it claims ", filter ? filter : "them", NULL);
		*page->grade = WS_TS_ODD;
	}
	tell_software(w, f, WS_TS_RX_SOFTWARE, "; ");
}

static int64_t gcd(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void tell_coarse(struct ws_ts_page *page, const char *whose, int64_t step)
{
	char a[WS_WORD_SIZE];

	if (step > COARSE_NS) {
		ws_words_add(ws_ts_sentence(page, "coarse: "), "hardware stamps of ", whose,
			" are multiples of ", ws_word_ns(a, step),
			": what is shorter cannot be told apart with them", NULL);
	}
}

/* A switch that keeps PTP to itself, or an address that it does not know. */
static void tell_lost(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	uint64_t none = 0, some = 0, came = 0;
	struct ws_words *w;
	bool any = false;

	for (unsigned i = 0; i < f->delivered_count; i++) {
		const struct ws_ts_delivered *d = &f->delivered[i];

		none += d->sent && !d->received;
		some += d->received && d->received < d->sent;
		came += d->received;
	}
	if (!came || (!none && !some)) {
		return;
	}
	w = ws_ts_sentence(page, "lost: ");
	for (int whole = 1; whole >= 0; whole--) {
		const char *before = whole ? "all of " : any ? "; some of " : "some of ";
		bool first = true;

		for (unsigned i = 0; i < f->delivered_count; i++) {
			const struct ws_ts_delivered *d = &f->delivered[i], *e = twin(f, d);
			bool alike = e && (e->received == 0) == whole && e->received < e->sent;

			if (d->received == d->sent || (d->received == 0) != whole ||
				(alike && e < d)) {
				continue;
			}
			ws_words_add(w, first ? before : ", ", d->carrier,
				alike || !e ? "" : tag(d->vlan), NULL);
			first = false;
			any = true;
		}
	}
	ws_words_add(w,
		none ? ", which something on the way, or the peer, does not let through" : "",
		NULL);
}

void ws_ts_tell_odd(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	uint64_t tx = 0, rx = 0, of_tx = 0, of_rx = 0;
	int64_t tx_step = 0, rx_step = 0;
	char a[WS_WORD_SIZE], b[WS_WORD_SIZE], c[WS_WORD_SIZE], d[WS_WORD_SIZE];

	tell_lost(page, f);
	for (unsigned i = 0; i < f->delivered_count; i++) {
		tx += f->delivered[i].tx_misplaced;
		rx += f->delivered[i].rx_misplaced;
		of_tx += f->delivered[i].tx_hardware;
		of_rx += f->delivered[i].rx_hardware;
		tx_step = gcd(tx_step, f->delivered[i].tx_granularity_ns);
		rx_step = gcd(rx_step, f->delivered[i].rx_granularity_ns);
	}
	if (tx || rx) {
		ws_words_add(ws_ts_sentence(page, "mixed up: "), ws_word_count(a, tx), " of ",
			ws_word_count(b, of_tx), " hardware stamps of sent and ",
			ws_word_count(c, rx), " of ", ws_word_count(d, of_rx),
			" of received frames belong to another frame: whatever uses this card's "
			"stamps must check each one, as latency does",
			NULL);
		*page->grade = WS_TS_BAD;
	}
	if (tx_step == rx_step) {
		tell_coarse(page, "sent and received frames", tx_step);
		return;
	}
	tell_coarse(page, "sent frames", tx_step);
	tell_coarse(page, "received frames", rx_step);
}
