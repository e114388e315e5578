/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of load_options.c: the takers of options that say what the frames are (load_traffic_options.c),
 * and the checks of all together (load_options_check.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "commands/load_options.h"
#include "core/frame.h"

/* Options that give IP addresses. */
enum ws_load_address {
	WS_LOAD_SRC,
	WS_LOAD_DST,
	WS_LOAD_VARY_SRC,
	WS_LOAD_VARY_DST,
	WS_LOAD_ADDRESSES,
};

/*
 * What the table's takers work on: the options, and which were given, where that decides whether others
 * may be. Names are those of the first one given, such as "--vlan"; NULL: none was.
 */
struct ws_load_parse {
	struct ws_load_options *o;
	const char *frame;		     /* of those that describe frames */
	const char *proto;		     /* that chooses the protocol */
	const char *carrier;		     /* argument of --carrier; NULL: none, or auto */
	enum ws_carrier carrier_kind;	     /* that is what it says */
	const char *ip;			     /* that is about IP headers */
	const char *ethernet;		     /* that is about what header bytes hold already */
	unsigned version[WS_LOAD_ADDRESSES]; /* IP version; 0: not given */
	bool probe;			     /* --payload probe, in so many words */
	const char *rate, *size, *pattern, *pacing; /* their arguments */
	bool seed;
};

int ws_load_take_rate(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_duration(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_count(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_pattern(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_seed(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_io(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_out(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_size(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_dst_mac(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_src_mac(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_vlan(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_src(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_dst(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_udp(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_tcp(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_icmp(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_ethertype(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_header(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_carrier(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_ttl(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_tos(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_flows(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_vary(void *p, const char *arg, char *why, size_t why_size);
int ws_load_take_payload(void *p, const char *arg, char *why, size_t why_size);

/* Rows of option tables that commands which send frames have in common. */
/* clang-format off */
#define WS_LOAD_ROW_RATE \
	{"rate", 'r', "LIST", \
		"one run a rate: 100kpps, 1.5Mpps, 500Mbps, 10Gbps/l1, 80%, max;\n" \
		"a list 1kpps,10kpps or a range FIRST:LAST:STEP (default " DEFAULT_RATE ")", \
		ws_load_take_rate}
#define WS_LOAD_ROW_DURATION \
	{"duration", 'd', "TIME", "of each run: 500ms, 2s, 5m (default 5s)", ws_load_take_duration}
#define WS_LOAD_ROW_SRC_MAC \
	{"src-mac", 0, "MAC", "source, instead of the interface's", ws_load_take_src_mac}
#define WS_LOAD_ROW_VLAN \
	{"vlan", 0, "TAGS", "ID[:PRIO], or two with a comma, the outer one first", \
		ws_load_take_vlan}
#define WS_LOAD_ROW_SRC \
	{"src", 0, "IP", "source, instead of the interface's: IPv4 or IPv6", ws_load_take_src}
#define WS_LOAD_ROW_TTL \
	{"ttl", 0, "N", "TTL or hop limit (default 64)", ws_load_take_ttl}
#define WS_LOAD_ROW_TOS \
	{"tos", 0, "N", "type of service or traffic class: 184, 0xb8 (default 0)", \
		ws_load_take_tos}
#define WS_LOAD_ROW_FLOWS \
	{"flows", 0, "N", \
		"N flows in turn: source ports, beyond 16384 source addresses too\n" \
		"(default 1)", \
		ws_load_take_flows}
/* clang-format on */

/* What stands before any option. */
void ws_load_traffic_defaults(struct ws_traffic_spec *spec);
/* Makes the frames carry probes like that; but for PTP over UDP, ports are left. */
void ws_load_traffic_carrier(struct ws_traffic_spec *spec, enum ws_carrier carrier);
/* Whether rates, pattern, count and duration fit together. 0; -1: one line was printed. */
int ws_load_times_check(const struct ws_load_parse *p);
/* What the frames are, once all options are known: whether they fit together, then sizes and addresses that were left
 * open. 0; -1: one line was printed. */
int ws_load_traffic_finish(struct ws_load_parse *p);
/* IP version (0: none) by the addresses that were given. 0; -1: they do not go together, one line was printed. */
int ws_load_traffic_version(struct ws_load_parse *p);
/*
 * After all options: whether they fit together, as far as no machine has to be asked; then what they left
 * open: duration, size, addresses. 0; -1: they do not, one line was printed.
 */
int ws_load_options_finish(struct ws_load_parse *p);
