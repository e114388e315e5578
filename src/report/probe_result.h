/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of `probe`, as plain data. What could not be known is so marked, and becomes null in JSON. */
#pragma once

#include "core/tscaps.h"
#include "core/tsverdict.h"
#include "report/result.h"

#define WS_PROBE_SHAPES 8 /* each of the four, with and without a VLAN tag */

struct ws_probe_user {
	int pid;
	char name[17];
	bool has_clock, names_it;
};

/* Whether the path treats PTP-shaped frames as it does plain ones: software-stamped medians. */
struct ws_probe_path {
	bool known;
	uint64_t plain, ptp;		       /* packets */
	double plain_ns, ptp_ns;	       /* medians */
	double difference_ns, low_ns, high_ns; /* ptp - plain, with its interval at `level` */
	double level;
	double noise_ns; /* differences smaller than that are none: the stamps' own bound */
	bool same;	 /* the interval has 0 in it, or the difference is below the noise */
};

struct ws_probe_interface {
	char name[160]; /* as the user gave it; without one NAME, or NAME@NETNS */
	int error;	/* -errno where it could not be looked at; then nothing else is known */
	char driver[32], kind[32], firmware[32];
	char bus[32];
	bool ethernet, up, running;
	uint64_t link_bps; /* 0: unknown */
	uint32_t mtu;
	uint8_t mac[6];
	int numa_node; /* -1: unknown */
	char pcie_speed[24];
	unsigned pcie_width; /* 0: unknown */
	struct ws_nic_settings settings;
	struct ws_ts_caps caps;
	bool phc_known;	       /* of the provider in use */
	char phc_name[32];     /* the clock's own; empty: unknown */
	char phc_scale[12];    /* "utc", "tai", "arbitrary"; empty: unknown (no right to read it) */
	int64_t phc_offset_ns; /* against CLOCK_REALTIME; valid with a scale */
	bool users_known;
	unsigned user_count;
	struct ws_probe_user user[8];
	bool xdp_known, xdp_metadata_known, xdp_attached;
	uint64_t xdp_features, xdp_rx_metadata, xdp_xsk_features;
	bool default_route;
	/* --deliver */
	bool tried;
	char peer[160];
	bool far_reflects; /* the peer is a reflector: the rx columns are those of its answers here */
	/* Hardware stamps were switched on for it at the sending, at the receiving end; else that none came says
	 * nothing. */
	bool hardware_tx, hardware_rx;
	unsigned delivered_count;
	struct ws_ts_delivered delivered[WS_PROBE_SHAPES];
	struct {
		bool known, by_sender, lost_tx, lost_rx;
		double safe_pps, lost_pps; /* 0: none */
		uint64_t lost, lost_of;
		unsigned in_flight;
		const char *carrier; /* that it was tried with */
	} rate;
	struct ws_probe_path path;
	struct ws_ts_verdict verdict;
	unsigned rank;
};

struct ws_probe_report {
	const char *version;
	int argc;
	char **argv;
	char started[40];
	struct ws_host_facts host;
	struct ws_warnings warnings;
	bool table; /* all interfaces: one line each */
	size_t count;
	struct ws_probe_interface *interfaces;
};
