/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interface says of its time stamps, as plain data: found by host, judged here, told by report. Names are those
 * that `ethtool -T` prints. Sources: <linux/net_tstamp.h>, <linux/ethtool_netlink.h>.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_TS_PROVIDERS 8

/* Who stamps: the MAC (what the network device's driver drives) or a PHY. */
struct ws_ts_provider {
	bool phy;
	bool has_phy_index;
	uint32_t phy_index;
	bool precise;	     /* of several of one device: qualifier "precise"; else "approx" */
	bool in_use;	     /* the one that is configured now, or the only one */
	int phc;	     /* index of its PTP clock; -1: none */
	uint32_t flags;	     /* SOF_TIMESTAMPING_* */
	uint32_t tx_types;   /* bit n: HWTSTAMP_TX_* n */
	uint32_t rx_filters; /* bit n: HWTSTAMP_FILTER_* n */
};

/* How it is configured now; shared by all programs. */
struct ws_ts_config {
	bool known;
	int error; /* -errno of why not, if not known */
	/* HWTSTAMP_FLAG_*, HWTSTAMP_TX_* n, HWTSTAMP_FILTER_* n */
	int flags, tx_type, rx_filter;
};

struct ws_ts_caps {
	bool known;   /* the driver says something, or the kernel does for it */
	int error;    /* -errno of why not */
	bool netlink; /* all providers are listed; else what the older ioctl tells of one */
	unsigned n;
	struct ws_ts_provider provider[WS_TS_PROVIDERS]; /* the one in use first */
	struct ws_ts_config config;
};

/* "hardware-transmit", ... of bit n; NULL: newer than this program. */
const char *ws_ts_flag_name(unsigned bit);
/* "off", "on", "onestep-sync", "onestep-p2p". */
const char *ws_ts_tx_type_name(unsigned n);
/* "none", "all", "ptpv2-event", ... */
const char *ws_ts_rx_filter_name(unsigned n);
/* The names of the bits of a set, "none, all"; a bit without name as its number; empty of no bits. Returns buf. */
const char *ws_ts_names(uint32_t set, const char *(*name)(unsigned n), char *buf, size_t size);

/* What kind of frames a receive filter, or the widest of a set, lets be stamped. */
enum ws_ts_reach {
	WS_TS_REACH_NOTHING, /* or nothing of these: NTP alone, or a filter that is newer than this program */
	WS_TS_REACH_PTP_SOME, /* only some messages of one PTP version or transport */
	WS_TS_REACH_PTP_V2,   /* all PTPv2 events (over some transport, see below) */
	WS_TS_REACH_ALL,
};
/* Of HWTSTAMP_FILTER_* n. */
enum ws_ts_reach ws_ts_filter_reach(int filter);
/* Whether all that `narrow` stamps is stamped with `wide`, too. */
bool ws_ts_filter_covers(int wide, int narrow);
