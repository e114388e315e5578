/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/tsverdict.h"

#include <linux/net_tstamp.h>
#include <string.h>

#include "core/tsverdict_own.h"

struct ws_words *ws_ts_sentence(struct ws_ts_page *page, const char *head)
{
	char *to = page->spare;

	page->grade = &page->spare_grade;
	if (page->v->n < WS_VERDICT_SENTENCES) {
		page->grade = &page->v->grade[page->v->n];
		to = page->v->text[page->v->n++];
	}
	*page->grade = WS_TS_PLAIN;
	ws_words_start(&page->w, to, WS_VERDICT_LEN);
	ws_words_add(&page->w, head, NULL);
	return &page->w;
}

static void say(struct ws_ts_page *page, const char *head, const char *text)
{
	ws_words_add(ws_ts_sentence(page, head), text, NULL);
}

static void claims_transmit(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	const char *software = c.tx_software ? ", and software ones" : ", and no software ones";

	if (!f->caps->known) {
		say(page, "stamps: ",
			"its driver says nothing of them (run with --deliver PEER to see which come)");
	} else if (c.tx_hardware) {
		ws_words_add(ws_ts_sentence(page, "transmit: "), "claims hardware stamps of ",
			c.tx == WS_CARRIERS_ALL ? "any packet" : "PTP packets alone, by its PHY",
			software, NULL);
	} else if (c.tx_software) {
		say(page, "transmit: ", "claims software stamps, no hardware ones");
	} else {
		say(page, "transmit: ",
			"claims no stamps of sent packets at all: what is left is the time of the "
			"send call (--stamp user)");
	}
}

static void claims_receive(struct ws_ts_page *page, const struct ws_ts_facts *f, const char *after)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	const char *software = c.rx_software ? ", and software ones" : ", and no software ones";
	const char *filter = ws_ts_rx_filter_name((unsigned)c.rx_filter);
	struct ws_words *w;

	if (!f->caps->known) {
		return;
	}
	w = ws_ts_sentence(page, "receive: ");
	if (!c.rx_hardware) {
		ws_words_add(w,
			c.rx_software ? "claims software stamps, no hardware ones"
				      : "claims no stamps of received packets at all",
			after, NULL);
		return;
	}
	ws_words_add(w, "claims hardware stamps of ", NULL);
	if (c.rx == WS_CARRIERS_ALL) {
		ws_words_add(w, "any packet", NULL);
	} else if (c.rx == WS_CARRIERS_PTP) {
		ws_words_add(w, "PTP events alone", NULL);
	} else if (c.rx) {
		ws_words_add(w, "PTP events alone, ",
			c.rx >> WS_CARRIER_PTP_L2 & 1 ? "those on layer 2" : "those over UDP",
			NULL);
	} else {
		ws_words_add(w, "packets that no carrier here looks like", NULL);
	}
	if (c.rx != WS_CARRIERS_ALL && filter) {
		ws_words_add(w, " (filter ", filter, ")", NULL);
	}
	ws_words_add(w, software, after, NULL);
}

/*
 * Which carriers get hardware stamps at both ends: by the trial where there was one, else as is claimed. True if it is all
 * from the trial.
 */
static bool both_ends(const struct ws_ts_facts *f, unsigned *ret_tx, unsigned *ret_rx)
{
	const struct ws_ts_caps *receiver = f->receiver ? f->receiver_caps : f->caps;
	bool tx = ws_ts_tried(f) && f->hardware_tx;
	bool rx = f->hardware_rx && ws_ts_got(f, WS_TS_RX_HARDWARE, NULL) != WS_TS_GOT_UNKNOWN;

	*ret_tx = tx ? ws_ts_got_carriers(f, WS_TS_TX_HARDWARE) : ws_ts_carriers_tx(f->caps);
	*ret_rx = rx	     ? ws_ts_got_carriers(f, WS_TS_RX_HARDWARE)
		  : receiver ? ws_ts_carriers_rx(receiver)
			     : 0;
	return tx && rx;
}

static bool software_both(const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);

	if (ws_ts_tried(f) && ws_ts_got(f, WS_TS_RX_SOFTWARE, NULL) != WS_TS_GOT_UNKNOWN) {
		return ws_ts_got(f, WS_TS_TX_SOFTWARE, NULL) > WS_TS_GOT_NONE &&
		       ws_ts_got(f, WS_TS_RX_SOFTWARE, NULL) > WS_TS_GOT_NONE;
	}
	return c.tx_software && c.rx_software;
}

static void tell_use(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	const char *rest = software_both(f) ? "--stamp software" : "--stamp user";
	const char *hold;
	struct ws_words *w;
	unsigned tx, rx;

	if (!f->caps->known && !ws_ts_tried(f)) {
		return;
	}
	hold = both_ends(f, &tx, &rx) ? "" : ", if the claims hold";
	w = ws_ts_sentence(page, "use: ");
	if (f->unusable) {
		ws_words_add(w, "capture alone: ", f->unusable, NULL);
	} else if (tx & rx & 1u << WS_CARRIER_UDP) {
		ws_words_add(w, "--stamp hardware with any carrier (--carrier auto takes udp)",
			hold, NULL);
	} else if (tx & rx & 1u << WS_CARRIER_PTP_L2) {
		ws_words_add(
			w, "--stamp hardware with --carrier ptp-l2 (auto takes it)", hold, NULL);
	} else if (tx & rx & 1u << WS_CARRIER_PTP_UDP) {
		ws_words_add(w, "--stamp hardware with --carrier ptp-udp", hold, NULL);
	} else if ((c.tx_hardware || c.rx_hardware) && !c.clock) {
		ws_words_add(w, rest,
			": the clock of its hardware stamps is not named, so they cannot be "
			"compared with any other",
			NULL);
	} else if (tx || rx) {
		ws_words_add(w, rest, ", or --stamp hardware with this as the ",
			tx ? "sending" : "receiving", " end and another card as the other", hold,
			NULL);
	} else if (!ws_ts_tried(f) && c.rx_software && !c.tx_software) {
		ws_words_add(w,
			"as the sending end --stamp user (auto takes it); as the receiving end its "
			"software stamps will do",
			NULL);
	} else {
		ws_words_add(w, rest, " with any carrier (--stamp auto takes it)", NULL);
	}
}

static void tell_rate(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	char a[WS_WORD_SIZE], b[WS_WORD_SIZE];
	struct ws_words *w;

	if (!f->rate_known) {
		if ((c.tx_hardware || c.rx_hardware) && c.clock) {
			say(page, "rate: ",
				ws_ts_tried(f) && f->hardware_tx
					? "the highest safe hardware sampling rate could not be measured"
					: "highest safe hardware sampling rate not yet measured, nor what is "
					  "claimed proven (run with --deliver PEER)");
		}
		return;
	}
	w = ws_ts_sentence(page, "rate: ");
	if (f->safe_pps <= 0) {
		ws_words_add(w, "even at ", ws_word_pps(a, f->lost_pps),
			" hardware stamps went missing: none is safe", NULL);
		return;
	}
	ws_words_add(
		w, "no hardware stamp went missing at up to ", ws_word_pps(a, f->safe_pps), NULL);
	if (f->rate_by_sender) {
		ws_words_add(
			w, ", which is as fast as this sender went: the card may do more", NULL);
	} else if (f->lost_pps > 0) {
		ws_words_add(w, "; at ", ws_word_pps(b, f->lost_pps), " some did", NULL);
	}
	if (f->in_flight && f->in_flight < 16) {
		ws_words_add(w, "; of 16 packets sent at once ", ws_word_count(b, f->in_flight),
			f->in_flight == 1 ? " was stamped" : " were stamped", NULL);
	}
}

/* What ptp4l would be without: "it has no PTP clock". Empty: nothing is missing. */
static const char *missing(const struct ws_ts_claim *c)
{
	if (!c->tx_hardware && !c->rx_hardware) {
		return "it claims no hardware stamps";
	}
	if (!c->tx_hardware) {
		return "it claims no hardware stamps of sent packets";
	}
	if (!c->rx_hardware) {
		return "it claims no hardware stamps of received packets";
	}
	if (!c->clock) {
		return "its hardware stamps have no PTP clock that could be steered";
	}
	if (!c->ptp_v2_l4 && !c->ptp_v2_l2) {
		return "its receive filters have no PTPv2 events among them";
	}
	return "";
}

/* The same, by the trial. */
static const char *broken(const struct ws_ts_facts *f)
{
	if (!ws_ts_tried(f)) {
		return "";
	}
	if (f->hardware_tx && ws_ts_got(f, WS_TS_TX_HARDWARE, "ptp-l2-sync") == WS_TS_GOT_NONE &&
		ws_ts_got(f, WS_TS_TX_HARDWARE, "ptp-udp") == WS_TS_GOT_NONE) {
		return "no PTP message that was sent got a hardware stamp, whatever is claimed";
	}
	if (!f->receiver && f->hardware_rx) {
		for (unsigned i = 0; i < f->delivered_count; i++) {
			if (f->delivered[i].rx_stuck) {
				return "its receive latch is stuck";
			}
		}
		if (ws_ts_got(f, WS_TS_RX_HARDWARE, "ptp-l2-sync") == WS_TS_GOT_NONE &&
			ws_ts_got(f, WS_TS_RX_HARDWARE, "ptp-udp") == WS_TS_GOT_NONE) {
			return "no PTP message that was received got a hardware stamp, whatever is "
			       "claimed";
		}
	}
	return "";
}

static void tell_daemon(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	const struct ws_ts_provider *p = &f->caps->provider[0];
	const char *lacks = missing(&c);
	bool proven = ws_ts_tried(f) && f->hardware_tx && f->hardware_rx && !f->receiver;
	char index[WS_WORD_SIZE];
	struct ws_words *w;

	if (!f->caps->known || !f->caps->n) {
		return;
	}
	if (!*lacks) {
		lacks = broken(f);
	}
	w = ws_ts_sentence(page, "ptp4l: ");
	if (*lacks) {
		if (c.tx_software && c.rx_software) {
			ws_words_add(w,
				"only with software stamps (ptp4l -S), good for some tens of "
				"microseconds: ",
				lacks, NULL);
		} else {
			ws_words_add(w, "cannot work, not even with -S: ",
				c.rx_software ? "sent packets get no stamp, which PTP needs (NTP "
						"does without: chrony)"
					      : "packets get no stamps, which PTP needs (NTP does "
						"without: chrony)",
				NULL);
		}
		return;
	}
	ws_words_add(w, proven ? "should work" : "should work, if the claims hold,",
		" with hardware stamps of /dev/ptp", ws_word_count(index, (uint64_t)p->phc), NULL);
	if (c.rx_filter == HWTSTAMP_FILTER_ALL) {
		ws_words_add(w, ": the filter all covers PTP", NULL);
		if (!(p->rx_filters & ~(1u << HWTSTAMP_FILTER_ALL | 1u << HWTSTAMP_FILTER_NONE))) {
			ws_words_add(w, ", and no ptpv2 filter needs to be listed", NULL);
		}
	} else {
		const char *filter = ws_ts_rx_filter_name((unsigned)c.rx_filter);

		ws_words_add(w, " and the filter ", filter ? filter : "listed",
			c.ptp_v2_l4 && c.ptp_v2_l2 ? ""
			: c.ptp_v2_l2		   ? ", over layer 2 alone (-2)"
						   : ", over UDP alone (-4, -6)",
			NULL);
	}
	if (ws_ts_tried(f) && !f->receiver && f->hardware_rx &&
		ws_ts_got(f, WS_TS_RX_HARDWARE, "ptp-l2-delay-req") == WS_TS_GOT_NONE) {
		ws_words_add(w,
			"; not as a server over layer 2: received Delay_Req messages got no stamp",
			NULL);
	}
}

/* Who else is there: another stamper, another user, another configuration, a link to come. */
static void tell_others(struct ws_ts_page *page, const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	const struct ws_ts_config *now = &f->caps->config;
	char a[WS_WORD_SIZE];
	struct ws_words *w;

	for (unsigned i = 1; f->caps->known && i < f->caps->n; i++) {
		const struct ws_ts_provider *p = &f->caps->provider[i];
		struct ws_ts_claim other = ws_ts_claim_of(p);

		if (other.tx_hardware || other.rx_hardware) {
			ws_words_add(ws_ts_sentence(page, "stampers: "),
				p->phy ? "a PHY" : "its MAC",
				" claims hardware stamps, too, and is not in use (ethtool "
				"--set-hwtimestamp-cfg chooses, from Linux 6.14 on)",
				NULL);
			break;
		}
	}
	if (!f->running && !f->virtual_device && !c.tx_hardware && !c.rx_hardware) {
		ws_words_add(ws_ts_sentence(page, "link: "),
			f->up ? "without a link" : "it is down, and",
			" a PHY that stamps may not be seen (look again once the link is up)",
			NULL);
	}
	if (c.clock && !c.tx_hardware && !c.rx_hardware) {
		ws_words_add(ws_ts_sentence(page, "clock: "), "/dev/ptp",
			ws_word_count(a, (uint64_t)f->caps->provider[0].phc),
			" stamps no packets, but can be read: chrony takes it as a reference (refclock "
			"PHC)",
			NULL);
	}
	if (f->users && (c.tx_hardware || c.rx_hardware || now->known)) {
		w = ws_ts_sentence(page, "in use: ");
		ws_words_add(w, "by ", f->user && *f->user ? f->user : "a program", NULL);
		if (f->users > 1) {
			ws_words_add(w, " and ", ws_word_count(a, f->users - 1), " more", NULL);
		}
		ws_words_add(w, ", as it seems: what it has set is never narrowed", NULL);
	} else if (!f->users && now->known &&
		   (now->tx_type > HWTSTAMP_TX_OFF || now->rx_filter > 0)) {
		const char *tx =
			now->tx_type < 0 ? NULL : ws_ts_tx_type_name((unsigned)now->tx_type);
		const char *rx =
			now->rx_filter < 0 ? NULL : ws_ts_rx_filter_name((unsigned)now->rx_filter);

		ws_words_add(ws_ts_sentence(page, "set: "), "transmit ", tx ? tx : "?",
			", receive ", rx ? rx : "?",
			", and no program is seen that uses it: set by hand, or left behind "
			"(wirestamp probe --repair puts back what wirestamp left)",
			NULL);
	}
}

void ws_ts_verdict(const struct ws_ts_facts *facts, struct ws_ts_verdict *ret)
{
	struct ws_ts_page page = {.v = ret};

	memset(ret, 0, sizeof(*ret));
	if (ws_ts_tried(facts)) {
		ws_ts_tell_transmit(&page, facts);
		if (facts->receiver) {
			claims_receive(&page, facts,
				"; not tried: the frames went out here, and none came in");
		}
		ws_ts_tell_receive(&page, facts);
		ws_ts_tell_odd(&page, facts);
	} else {
		claims_transmit(&page, facts);
		claims_receive(&page, facts, "");
	}
	tell_use(&page, facts);
	tell_rate(&page, facts);
	tell_daemon(&page, facts);
	tell_others(&page, facts);
}

enum level { LEVEL_NOTHING, LEVEL_SOFTWARE, LEVEL_PTP, LEVEL_ALL };

static enum level level(unsigned carriers, bool software)
{
	return carriers & 1u << WS_CARRIER_UDP ? LEVEL_ALL
	       : carriers		       ? LEVEL_PTP
	       : software		       ? LEVEL_SOFTWARE
					       : LEVEL_NOTHING;
}

unsigned ws_ts_rank(const struct ws_ts_facts *f)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(f->caps);
	unsigned tx = ws_ts_carriers_tx(f->caps), rx = ws_ts_carriers_rx(f->caps);
	bool tx_software = c.tx_software, rx_software = c.rx_software, tried = ws_ts_tried(f);
	unsigned low, sum;

	if (tried && f->hardware_tx) {
		tx = ws_ts_got_carriers(f, WS_TS_TX_HARDWARE);
	}
	if (tried) {
		tx_software = ws_ts_got(f, WS_TS_TX_SOFTWARE, NULL) > WS_TS_GOT_NONE;
	}
	/* What another interface received says nothing of this one. */
	if (tried && !f->receiver) {
		rx = f->hardware_rx ? ws_ts_got_carriers(f, WS_TS_RX_HARDWARE) : rx;
		rx_software = ws_ts_got(f, WS_TS_RX_SOFTWARE, NULL) > WS_TS_GOT_NONE;
	}
	low = level(tx, tx_software);
	sum = low + level(rx, rx_software);
	if (level(rx, rx_software) < low) {
		low = level(rx, rx_software);
	}
	/* A measurement is as good as its worse end; then the better one; then what is proven, real, and has a link. */
	return low * 1000 + sum * 100 + (tried ? 50 : 0) + (f->virtual_device ? 0 : 20) +
	       (f->running ? 10 : 0) + (f->up ? 1 : 0);
}
