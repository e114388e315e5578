/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person can do with an interface's time stamps, in sentences: from what it claims, and from what was delivered if
 * that was tried. Pure. A claim is called one.
 */
#pragma once

#include "core/frame.h"
#include "core/tscaps.h"

#define WS_VERDICT_SENTENCES 12
#define WS_VERDICT_LEN	     512

/* Whether a sentence wants to be noticed. */
enum ws_ts_grade {
	WS_TS_PLAIN,
	WS_TS_ODD, /* something is not as it is claimed */
	WS_TS_BAD, /* stamps are not to be relied on */
};

struct ws_ts_verdict {
	char text[WS_VERDICT_SENTENCES][WS_VERDICT_LEN];
	enum ws_ts_grade grade[WS_VERDICT_SENTENCES];
	unsigned n;
};

/* What one shape of frames brought (run/deliver.h has the shapes' names). */
struct ws_ts_delivered {
	const char *carrier; /* "udp", "ptp-l2-sync", "ptp-l2-delay-req", "ptp-udp" */
	bool vlan;
	uint64_t sent, received;
	uint64_t tx_hardware, tx_software, rx_hardware, rx_software;
	uint64_t tx_misplaced, rx_misplaced;
	int64_t tx_granularity_ns, rx_granularity_ns;
	bool rx_stuck; /* the first one or few were stamped, and none after them */
};

struct ws_ts_facts {
	const struct ws_ts_caps *caps;
	bool up, running;
	bool virtual_device; /* no bus: veth, lo, ... */
	const char *
		unusable; /* why nothing can be sent there, a clause: "it is no Ethernet interface"; NULL: it can */
	const char *driver;			 /* "" unknown */
	unsigned users;				 /* programs that seem to use its stamps or clock */
	const char *user;			 /* the surest one's name */
	const struct ws_ts_delivered *delivered; /* NULL: not tried */
	unsigned delivered_count;
	bool hardware_tx, hardware_rx; /* hardware stamps were switched on for it */
	const char *receiver; /* who received, another interface; NULL: this one (answers) */
	const struct ws_ts_caps *receiver_caps; /* what that one says; NULL: not known */
	bool rate_known, rate_by_sender;
	double safe_pps, lost_pps;
	unsigned in_flight;
};

/* Sentences: transmit, receive, the carrier to use, the sampling rate, whether a PTP daemon would work, what is odd. */
void ws_ts_verdict(const struct ws_ts_facts *facts, struct ws_ts_verdict *ret);

/* How good: for a table "best first". Higher is better: hardware for all > hardware for PTP > software both ways > one
 * way > nothing; delivered counts for more than claimed. */
unsigned ws_ts_rank(const struct ws_ts_facts *facts);

/* Which carriers (bits of ws_carrier) it claims to stamp by hardware, transmitting and receiving. */
unsigned ws_ts_carriers_tx(const struct ws_ts_caps *caps);
unsigned ws_ts_carriers_rx(const struct ws_ts_caps *caps);
/* Whether it claims software stamps, of sent packets or of received ones. */
bool ws_ts_software_claimed(const struct ws_ts_caps *caps, bool transmit);

/* Why hardware stamps with a carrier are not to be had, and what is possible instead, as one clause: "its card stamps
 * received packets only if they are PTP events (use --carrier ptp-l2)". True if they are claimed: nothing is written. */
bool ws_ts_hardware_claimed(const struct ws_ts_caps *caps, bool transmit, enum ws_carrier carrier,
	char *why, size_t size);
