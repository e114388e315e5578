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
	bool ethernet, loopback, up, running;
	uint64_t link_bps; /* 0: unknown */
	uint32_t mtu;
	uint8_t mac[6]; /* zero: none of that length */
	int numa_node;	/* -1: unknown */
	char pcie_speed[24];
	unsigned pcie_width; /* 0: unknown */
	struct ws_nic_settings settings;
	struct ws_ts_caps caps;
	int phc;	       /* index of the clock of the provider in use; -1: none, or unknown */
	char phc_name[32];     /* the clock's own; empty: unknown */
	char phc_scale[12];    /* "utc", "tai", "arbitrary"; empty: unknown (no right to read it) */
	int64_t phc_offset_ns; /* clock - CLOCK_REALTIME; valid with a scale */
	int64_t phc_window_ns; /* of that comparison, 0: not told; the same */
	int64_t phc_read_ns;   /* what one takes; the same */
	char phc_method[12];   /* "precise", "extended", "basic"; the same */
	bool users_known;
	unsigned user_count;
	struct ws_probe_user user[8];
	bool xdp_known, xdp_metadata_known, xdp_attached_known, xdp_attached;
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

/* What --repair found of programs that were killed; plain copies of host/journal.h. */
#define WS_PROBE_REPAIRS 64
struct ws_probe_repair {
	bool wanted;
	int error;	     /* -errno; -ENOENT: there is no journal */
	unsigned count;	     /* entries found */
	unsigned kept, left; /* told below; those that could not be put back */
	struct {
		char file
			[320]; /* of a note that cannot be believed: result says why, and no more is known; else empty */
		char ifname[16]; /* empty: the interface is gone */
		int ifindex;
		uint64_t netns; /* inode */
		struct ws_ts_config before, set;
		int result; /* 0: put back; 1: nothing to do; -errno */
	} entry[WS_PROBE_REPAIRS];
};

struct ws_probe_report {
	const char *version;
	int argc;
	char **argv;
	char started[40];
	struct ws_host_facts host;
	struct ws_warnings warnings;
	bool table; /* all interfaces: one line each */
	bool lab;
	const char *(*xdp_feature_name)(unsigned bit); /* NULL: newer */
	struct ws_probe_repair repair;
	size_t count;
	struct ws_probe_interface *interfaces;
};
