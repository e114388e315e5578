/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/net_tstamp.h>

#include "core/tsverdict_own.h"
#include "core/words.h"

#define BIT(n) (UINT32_C(1) << (n))

/* The carriers that a receive filter lets be stamped. Of PTP our frames are Sync messages of version 2. */
static unsigned filter_carriers(int filter)
{
	unsigned ret = 0;

	if (ws_ts_filter_reach(filter) == WS_TS_REACH_ALL) {
		return WS_CARRIERS_ALL;
	}
	if (ws_ts_filter_covers(filter, HWTSTAMP_FILTER_PTP_V2_L2_SYNC)) {
		ret |= 1u << WS_CARRIER_PTP_L2;
	}
	if (ws_ts_filter_covers(filter, HWTSTAMP_FILTER_PTP_V2_L4_SYNC)) {
		ret |= 1u << WS_CARRIER_PTP_UDP;
	}
	return ret;
}

/* The one to name: that which stamps most; none stands for an empty list, too. */
static int widest(uint32_t filters)
{
	static const int order[] = {
		HWTSTAMP_FILTER_ALL,
		HWTSTAMP_FILTER_PTP_V2_EVENT,
		HWTSTAMP_FILTER_PTP_V2_L4_EVENT,
		HWTSTAMP_FILTER_PTP_V2_L2_EVENT,
		HWTSTAMP_FILTER_PTP_V2_SYNC,
		HWTSTAMP_FILTER_PTP_V2_L4_SYNC,
		HWTSTAMP_FILTER_PTP_V2_L2_SYNC,
		HWTSTAMP_FILTER_PTP_V2_DELAY_REQ,
		HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ,
		HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ,
		HWTSTAMP_FILTER_PTP_V1_L4_EVENT,
		HWTSTAMP_FILTER_PTP_V1_L4_SYNC,
		HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ,
	};
	uint32_t rest = filters & ~BIT(HWTSTAMP_FILTER_NONE);

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (rest & BIT(order[i])) {
			return order[i];
		}
	}
	for (int n = 0; n < 32; n++) {
		if (rest & BIT(n)) {
			return n;
		}
	}
	return HWTSTAMP_FILTER_NONE;
}

struct ws_ts_claim ws_ts_claim_of(const struct ws_ts_provider *p)
{
	const uint32_t on = p->tx_types & ~BIT(HWTSTAMP_TX_OFF);
	const bool raw = p->flags & SOF_TIMESTAMPING_RAW_HARDWARE;
	const bool told = p->flags & SOF_TIMESTAMPING_SOFTWARE;
	struct ws_ts_claim c = {
		.tx_software = told && p->flags & SOF_TIMESTAMPING_TX_SOFTWARE,
		.rx_software = told && p->flags & SOF_TIMESTAMPING_RX_SOFTWARE,
		.tx_hardware = raw && on && p->flags & SOF_TIMESTAMPING_TX_HARDWARE,
		.clock = p->phc >= 0,
		.rx_filter = widest(p->rx_filters),
	};

	c.rx_hardware = raw && c.rx_filter != HWTSTAMP_FILTER_NONE &&
			p->flags & SOF_TIMESTAMPING_RX_HARDWARE;
	for (int n = 0; c.rx_hardware && n < 32; n++) {
		if (p->rx_filters & BIT(n)) {
			c.rx |= filter_carriers(n);
			c.ptp_v2_l4 |= ws_ts_filter_covers(n, HWTSTAMP_FILTER_PTP_V2_L4_EVENT);
			c.ptp_v2_l2 |= ws_ts_filter_covers(n, HWTSTAMP_FILTER_PTP_V2_L2_EVENT);
		}
	}
	c.tx = c.tx_hardware ? WS_CARRIERS_ALL : 0;
	if (p->phy) {
		/* The kernel hands a PHY's driver only what it has classified as PTP (net/core/timestamping.c). */
		c.tx &= WS_CARRIERS_PTP;
		c.rx &= WS_CARRIERS_PTP;
	}
	return c;
}

struct ws_ts_claim ws_ts_claim_in_use(const struct ws_ts_caps *caps)
{
	static const struct ws_ts_provider nothing = {.phc = -1};

	return ws_ts_claim_of(caps->known && caps->n ? &caps->provider[0] : &nothing);
}

unsigned ws_ts_carriers_tx(const struct ws_ts_caps *caps)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(caps);

	return c.clock ? c.tx : 0;
}

unsigned ws_ts_carriers_rx(const struct ws_ts_caps *caps)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(caps);

	return c.clock ? c.rx : 0;
}

bool ws_ts_software_claimed(const struct ws_ts_caps *caps, bool transmit)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(caps);

	return transmit ? c.tx_software : c.rx_software;
}

/* "use --carrier ptp-l2": of those that can be had, the one to take. NULL: there is none. */
static const char *instead(unsigned carriers)
{
	return carriers & 1u << WS_CARRIER_UDP	     ? "use --carrier udp"
	       : carriers & 1u << WS_CARRIER_PTP_L2  ? "use --carrier ptp-l2"
	       : carriers & 1u << WS_CARRIER_PTP_UDP ? "use --carrier ptp-udp"
						     : NULL;
}

bool ws_ts_hardware_claimed(const struct ws_ts_caps *caps, bool transmit, enum ws_carrier carrier,
	char *why, size_t size)
{
	struct ws_ts_claim c = ws_ts_claim_in_use(caps);
	const char *packets = transmit ? "sent packets" : "received packets";
	bool hardware = transmit ? c.tx_hardware : c.rx_hardware;
	bool software = ws_ts_software_claimed(caps, transmit);
	unsigned carriers = transmit ? c.tx : c.rx;
	const char *rest = software ? "use --stamp software" : "use --stamp user";
	struct ws_words w;

	if (hardware && c.clock && carriers >> carrier & 1) {
		return true;
	}
	ws_words_start(&w, why, size);
	if (!caps->known) {
		ws_words_add(&w, "its driver says nothing about time stamps (", rest, ")", NULL);
	} else if (!hardware) {
		ws_words_add(&w, "it offers no hardware time stamps of ", packets,
			software ? ", only software ones" : ", and no software ones either", " (",
			rest, ")", NULL);
	} else if (!c.clock) {
		ws_words_add(&w,
			"it names no PTP clock that its hardware time stamps are taken from (",
			rest, ")", NULL);
	} else if (instead(carriers)) {
		bool l2 = carriers & 1u << WS_CARRIER_PTP_L2,
		     l4 = carriers & 1u << WS_CARRIER_PTP_UDP;

		ws_words_add(&w, caps->provider[0].phy ? "its PHY" : "its card", " stamps ",
			packets, " by hardware only if they are PTP events",
			l2 && l4 ? ""
			: l2	 ? " on layer 2"
				 : " over UDP",
			" (", instead(carriers), ")", NULL);
	} else {
		const char *name = ws_ts_rx_filter_name((unsigned)c.rx_filter);

		ws_words_add(&w, "of received packets its card stamps none of these carriers",
			name ? ", with the receive filter " : "", name ? name : "", " (", rest, ")",
			NULL);
	}
	return false;
}
