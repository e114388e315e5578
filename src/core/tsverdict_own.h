/* SPDX-License-Identifier: BSD-2-Clause */
/* What an interface's claims come to. Inside core/tsverdict*.c. */
#pragma once

#include "core/tsverdict.h"
#include "core/words.h"

#define WS_CARRIERS_ALL ((1u << WS_CARRIER_COUNT) - 1)
#define WS_CARRIERS_PTP (1u << WS_CARRIER_PTP_L2 | 1u << WS_CARRIER_PTP_UDP)

/* Of one provider. */
struct ws_ts_claim {
	bool tx_software, rx_software;
	/* Stamps, the raw clock to tell them in, and a way to switch them on. */
	bool tx_hardware, rx_hardware;
	bool clock; /* which one is named */
	unsigned tx,
		rx;    /* carriers; 0 without hardware stamps, whether or not the clock is named */
	int rx_filter; /* the widest that is listed, HWTSTAMP_FILTER_*; NONE: there is none */
	bool ptp_v2_l4, ptp_v2_l2; /* filters that cover PTPv2 events over each */
};
struct ws_ts_claim ws_ts_claim_of(const struct ws_ts_provider *p);
/* Of the one that is in use; nothing if nothing is known. */
struct ws_ts_claim ws_ts_claim_in_use(const struct ws_ts_caps *caps);

/* One sentence at a time, "head: ...". What comes after the last that there is room for is not kept. */
struct ws_ts_page {
	struct ws_ts_verdict *v;
	struct ws_words w;
	enum ws_ts_grade *grade; /* of the sentence that is being written */
	char spare[WS_VERDICT_LEN];
	enum ws_ts_grade spare_grade;
};
struct ws_words *ws_ts_sentence(struct ws_ts_page *page, const char *head);

/* What a trial brought: of sent frames, of received ones. */
enum ws_ts_kind { WS_TS_TX_HARDWARE, WS_TS_TX_SOFTWARE, WS_TS_RX_HARDWARE, WS_TS_RX_SOFTWARE };
enum ws_ts_got {
	WS_TS_GOT_UNKNOWN, /* none was sent, or received */
	WS_TS_GOT_NONE,
	WS_TS_GOT_SOME,
	WS_TS_GOT_ALL,
};
/* Of all frames, or those of one shape (NULL: all), tagged or not. */
enum ws_ts_got ws_ts_got(const struct ws_ts_facts *f, enum ws_ts_kind kind, const char *shape);
/* Carriers of which at least nine frames in ten have a hardware stamp. */
unsigned ws_ts_got_carriers(const struct ws_ts_facts *f, enum ws_ts_kind kind);
/* Was anything sent at all? */
bool ws_ts_tried(const struct ws_ts_facts *f);
/* The trial's sentences: transmit, receive or peer, misplaced stamps, coarse ones. */
void ws_ts_tell_transmit(struct ws_ts_page *page, const struct ws_ts_facts *f);
void ws_ts_tell_receive(struct ws_ts_page *page, const struct ws_ts_facts *f);
void ws_ts_tell_odd(struct ws_ts_page *page, const struct ws_ts_facts *f);
