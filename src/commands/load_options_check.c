/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/load_parse.h"
#include "core/frame.h"

#define PROBE_LEN	 16 /* of the short payload (core/frame.h) */
#define DEFAULT_DURATION 5000000000LL
#define IMIX_LEAST	 64 /* with FCS */
/* What --flows can vary (core/traffic.h): ports and an address; addresses. */
#define IPV4_FLOW_BITS 46
#define RAW_FLOW_BITS  40

/* Locally administered; RFC 2544's and RFC 5180's addresses for measuring. */
static const uint8_t src_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t dst_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t src_ipv4[4] = {198, 18, 0, 1}, dst_ipv4[4] = {198, 18, 0, 2};
static const uint8_t src_ipv6[16] = {0x20, 0x01, 0, 0x02, [15] = 1};
static const uint8_t dst_ipv6[16] = {0x20, 0x01, 0, 0x02, [15] = 2};

static const char *const address_names[WS_LOAD_ADDRESSES] = {
	[WS_LOAD_SRC] = "--src",
	[WS_LOAD_DST] = "--dst",
	[WS_LOAD_VARY_SRC] = "--vary src",
	[WS_LOAD_VARY_DST] = "--vary dst",
};

/* What the headers are, in words: "IPv6/TCP with 2 VLAN tags". */
static const char *describe(const struct ws_traffic_spec *s, char *buf, size_t size)
{
	static const char *const protos[WS_PROTO_COUNT] = {
		[WS_PROTO_UDP] = "UDP",
		[WS_PROTO_TCP_SYN] = "TCP",
		[WS_PROTO_ICMP_ECHO] = "ICMP",
	};
	const char *ptp = s->ptp != WS_PTP_NONE ? "PTP in " : "";
	char tags[32] = "";

	if (s->vlan_count) {
		snprintf(tags, sizeof(tags), " with %u VLAN tag%s", s->vlan_count,
			s->vlan_count > 1 ? "s" : "");
	}
	if (s->header) {
		snprintf(buf, size, "a header of %u bytes", s->header_len);
	} else if (s->proto == WS_PROTO_RAW) {
		snprintf(buf, size, "%sethertype 0x%04x%s", ptp, s->ethertype, tags);
	} else {
		snprintf(buf, size, "%sIPv%u/%s%s", ptp, s->ip_version, protos[s->proto], tags);
	}
	return buf;
}

int ws_load_traffic_version(struct ws_load_parse *p)
{
	struct ws_traffic_spec *s = &p->o->traffic;
	int first = -1;

	if (s->proto == WS_PROTO_RAW) {
		s->ip_version = 0;
		if (p->ip) {
			ws_error("%s and %s: there is no IP header in such frames (leave one out)",
				p->proto, p->ip);
			return -1;
		}
		return 0;
	}
	for (int i = 0; i < WS_LOAD_ADDRESSES; i++) {
		if (!p->version[i]) {
			continue;
		}
		if (first < 0) {
			first = i;
		} else if (p->version[i] != p->version[first]) {
			ws_error("%s and %s: IPv%u and IPv%u do not go together (give addresses of "
				 "one version)",
				address_names[first], address_names[i], p->version[first],
				p->version[i]);
			return -1;
		}
	}
	s->ip_version = first < 0 ? 4 : p->version[first];
	return 0;
}

/* NULL if frames have the field, else what they lack. */
static const char *field_missing(const struct ws_traffic_spec *s, enum ws_field field)
{
	bool ip = s->proto != WS_PROTO_RAW;

	switch (field) {
	case WS_FIELD_VLAN:
		return s->vlan_count ? NULL : "VLAN tag";
	case WS_FIELD_VLAN2:
		return s->vlan_count > 1 ? NULL : "second VLAN tag";
	case WS_FIELD_SRC_IP:
	case WS_FIELD_DST_IP:
		return ip ? NULL : "IP header";
	case WS_FIELD_SRC_PORT:
		return ip ? NULL : "port";
	case WS_FIELD_DST_PORT:
		return ip && s->proto != WS_PROTO_ICMP_ECHO ? NULL : "destination port";
	default:
		return NULL;
	}
}

static int check_field(const struct ws_load_parse *p, enum ws_field field)
{
	const struct ws_traffic_spec *s = &p->o->traffic;
	const char *name = ws_field_name(field), *missing = field_missing(s, field);
	bool vlan = field == WS_FIELD_VLAN || field == WS_FIELD_VLAN2;

	if (missing && vlan && !s->header) {
		ws_error("--vary %s: these frames have no %s (give --vlan %s)", name, missing,
			field == WS_FIELD_VLAN ? "ID" : "OUTER,INNER");
		return -1;
	}
	if (missing) {
		ws_error("--vary %s and %s: such frames have no %s that could vary (leave one out)",
			name, p->proto, missing);
		return -1;
	}
	if (vlan && s->vary[field].kind != WS_VARY_LIST && !s->vlan[field - WS_FIELD_VLAN].id) {
		ws_error("--vary %s and --vlan 0: 0 is no VLAN to begin with (give another "
			 "identifier, or a list)",
			name);
		return -1;
	}
	return 0;
}

static int check_vary(const struct ws_load_parse *p)
{
	const struct ws_traffic_spec *s = &p->o->traffic;
	bool raw = s->proto == WS_PROTO_RAW;
	unsigned bits = raw ? RAW_FLOW_BITS : IPV4_FLOW_BITS;

	for (int i = 0; i < WS_FIELD_COUNT; i++) {
		enum ws_field field = (enum ws_field)i;
		bool by_flows = raw ? field == WS_FIELD_SRC_MAC
				    : field == WS_FIELD_SRC_IP || field == WS_FIELD_SRC_PORT;

		if (s->vary[i].kind == WS_VARY_NONE) {
			continue;
		}
		if (check_field(p, field) < 0) {
			return -1;
		}
		if (s->flows > 1 && by_flows) {
			ws_error("--flows and --vary %s: both say how it varies (leave one out)",
				ws_field_name(field));
			return -1;
		}
	}
	if (s->ip_version != 6 && s->flows > UINT64_C(1) << bits) {
		ws_error("--flows: more than such frames can tell apart (at most 2^%u)", bits);
		return -1;
	}
	return 0;
}

/* Sizes that nobody gave in bytes grow with the headers (core/traffic.h does so for imix); all others have
 * to hold them. */
static int check_size(const struct ws_load_parse *p)
{
	struct ws_traffic_spec *s = &p->o->traffic;
	/* A PTP message has a probe in it in any case. */
	uint32_t least = ws_traffic_header_len(s) + (s->ptp != WS_PTP_NONE ? PROBE_LEN : 0);
	char what[80];

	least = (least > WS_FRAME_MIN ? least : WS_FRAME_MIN) + WS_FCS_LEN;
	if (!p->size) {
		s->len_min = s->len_max = least - WS_FCS_LEN;
		return 0;
	}
	if (s->size != WS_SIZE_IMIX && s->len_min + WS_FCS_LEN < least) {
		ws_error("--size %s: too small for %s (at least %u)", p->size,
			describe(s, what, sizeof(what)), least);
		return -1;
	}
	return 0;
}

static unsigned type_at(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Whether the protocol is one that probes are looked for in. */
static bool can_probe(const struct ws_traffic_spec *s)
{
	uint32_t at = 12; /* of the ethertype, behind the addresses */

	if (s->proto != WS_PROTO_RAW) {
		return s->proto == WS_PROTO_UDP;
	}
	if (!s->header) {
		return s->ethertype == WS_ETHERTYPE_PROBE || s->ptp != WS_PTP_NONE;
	}
	while (at + 6 <= s->header_len && at < 12 + 4 * WS_TRAFFIC_VLANS &&
		(type_at(s->header + at) == 0x8100 || type_at(s->header + at) == 0x88a8)) {
		at += 4; /* a VLAN tag */
	}
	return at + 2 == s->header_len && type_at(s->header + at) == WS_ETHERTYPE_PROBE;
}

/* By default the probe is left out where it has no room; asked for by name, it has to be there. */
static int check_probe(const struct ws_load_parse *p)
{
	const struct ws_traffic_spec *s = &p->o->traffic;
	uint32_t least = ws_traffic_header_len(s) + PROBE_LEN + WS_FCS_LEN;
	uint32_t smallest = s->size == WS_SIZE_IMIX ? IMIX_LEAST : s->len_min + WS_FCS_LEN;
	char what[80];

	if (!p->probe) {
		return 0;
	}
	if (!can_probe(s)) {
		ws_error("--payload probe and %s: probes are in UDP or right behind ethertype "
			 "0x%04x (leave one out)",
			p->proto, WS_ETHERTYPE_PROBE);
		return -1;
	}
	if (smallest < least) {
		ws_error("--payload probe: does not fit %s in a frame of %u bytes (give --size %u)",
			describe(s, what, sizeof(what)), smallest, least);
		return -1;
	}
	return 0;
}

static void put(uint8_t *ret, size_t len, uint64_t n)
{
	for (size_t i = len; i > 0; i--, n >>= 8) {
		ret[i - 1] = (uint8_t)n;
	}
}

static void fill_mac(uint8_t mac[6], bool *has, const struct ws_vary *v, const uint8_t fallback[6])
{
	if (!*has && v->kind == WS_VARY_LIST) {
		put(mac, 6, v->list[0].low);
		*has = true;
	} else if (!*has) {
		memcpy(mac, fallback, 6);
	}
}

static void fill_ip(uint8_t ip[16], bool *has, const struct ws_vary *v, unsigned version,
	const uint8_t ipv4[4], const uint8_t ipv6[16])
{
	if (!*has && v->kind == WS_VARY_LIST) {
		put(ip, version == 6 ? 8 : 4, version == 6 ? v->list[0].high : v->list[0].low);
		put(ip + 8, 8, version == 6 ? v->list[0].low : 0);
		*has = true;
	} else if (!*has) {
		memcpy(ip, version == 6 ? ipv6 : ipv4, version == 6 ? 16 : 4);
	}
}

/* What was not given: the first one of a list, else what stands in for it. */
static void fill_addresses(struct ws_load_options *o)
{
	struct ws_traffic_spec *s = &o->traffic;

	if (s->header) {
		/* Patterns start with what stands there. */
		memcpy(s->dst_mac, s->header, 6);
		memcpy(s->src_mac, s->header + 6, 6);
		o->has_dst_mac = o->has_src_mac = true;
	}
	fill_mac(s->dst_mac, &o->has_dst_mac, &s->vary[WS_FIELD_DST_MAC], dst_mac);
	fill_mac(s->src_mac, &o->has_src_mac, &s->vary[WS_FIELD_SRC_MAC], src_mac);
	if (s->ip_version) {
		fill_ip(s->dst_ip, &o->has_dst_ip, &s->vary[WS_FIELD_DST_IP], s->ip_version,
			dst_ipv4, dst_ipv6);
		fill_ip(s->src_ip, &o->has_src_ip, &s->vary[WS_FIELD_SRC_IP], s->ip_version,
			src_ipv4, src_ipv6);
	}
}

int ws_load_traffic_finish(struct ws_load_parse *p)
{
	if (ws_load_traffic_version(p) < 0 || check_vary(p) < 0 || check_size(p) < 0 ||
		check_probe(p) < 0) {
		return -1;
	}
	fill_addresses(p->o);
	p->o->traffic.seed = p->o->seed;
	return 0;
}

/* Makes the frames what --carrier says, if other options do not say otherwise. */
static int finish_carrier(struct ws_load_parse *p)
{
	static const char *const names[WS_CARRIER_COUNT] = {
		[WS_CARRIER_L2] = "--carrier l2",
		[WS_CARRIER_PTP_L2] = "--carrier ptp-l2",
	};
	struct ws_traffic_spec *s = &p->o->traffic;
	bool ptp_udp = p->carrier_kind == WS_CARRIER_PTP_UDP;
	bool udp = ptp_udp || p->carrier_kind == WS_CARRIER_UDP;

	if (!p->carrier) {
		return 0;
	}
	if (p->proto && (!udp || s->proto != WS_PROTO_UDP)) {
		ws_error("--carrier %s and %s: each says another protocol (leave one out)",
			p->carrier, p->proto);
		return -1;
	}
	if (s->fill != WS_FILL_PROBE) {
		ws_error("--carrier %s and --payload: what it carries are probes (leave one out)",
			p->carrier);
		return -1;
	}
	if (ptp_udp && s->vary[WS_FIELD_DST_PORT].kind != WS_VARY_NONE) {
		ws_error("--carrier ptp-udp and --vary dport: the port of such messages is %u "
			 "(leave one out)",
			WS_PTP_PORT);
		return -1;
	}
	if (ptp_udp && !p->proto) {
		s->src_port = s->dst_port = WS_PTP_PORT;
	}
	if (ptp_udp && s->dst_port != WS_PTP_PORT) {
		ws_error("--carrier ptp-udp and --udp %u:%u: the port of such messages is %u (give "
			 "--udp %u:%u, or leave it out)",
			s->src_port, s->dst_port, WS_PTP_PORT, WS_PTP_PORT, WS_PTP_PORT);
		return -1;
	}
	ws_load_traffic_carrier(s, p->carrier_kind);
	p->proto = udp ? p->proto : names[p->carrier_kind];
	return 0;
}

static int finish_traffic(struct ws_load_parse *p)
{
	struct ws_load_options *o = p->o;

	if (finish_carrier(p) < 0) {
		return -1;
	}
	if (o->traffic.header && p->ethernet) {
		ws_error(
			"--header and %s: the bytes say that already (leave one out)", p->ethernet);
		return -1;
	}
	if (ws_load_traffic_finish(p) < 0) {
		return -1;
	}
	if (!o->lab && !o->dry_run && !o->has_dst_mac && !o->has_dst_ip) {
		ws_error(
			"%s: no destination (give --dst IP or --dst-mac MAC; --lab brings its own)",
			o->interface);
		return -1;
	}
	return 0;
}

static bool has_unit(const struct ws_load_options *o, enum ws_rate_unit unit)
{
	for (unsigned i = 0; o->rate_given && i < o->rate_count; i++) {
		if (o->rates[i].unit == unit) {
			return true;
		}
	}
	return false;
}

static int check_where(const struct ws_load_options *o)
{
	if (o->lab && o->interface) {
		ws_error("--lab: brings its own interfaces (leave out %s)", o->interface);
		return -1;
	}
	if (!o->lab && !o->interface && !o->dry_run) {
		ws_error("load: needs an interface (wirestamp load eth1 --dst IP, or --lab for a "
			 "private pair)");
		return -1;
	}
	if (o->interface && !*o->interface) {
		ws_error("load: an empty name of an interface (say eth1)");
		return -1;
	}
	return 0;
}

int ws_load_times_check(const struct ws_load_parse *p)
{
	const struct ws_load_options *o = p->o;

	if (o->count && o->duration_ns) {
		ws_error("--count and --duration: both say when a run ends (leave one out)");
		return -1;
	}
	if (o->pattern != WS_PATTERN_CBR && has_unit(o, WS_RATE_MAX)) {
		ws_error(
			"--pattern %s and --rate %s: as fast as it goes there is no pattern (leave "
			"out --pattern or max)",
			p->pattern, p->rate);
		return -1;
	}
	if (o->late_skip && has_unit(o, WS_RATE_MAX)) {
		ws_error(
			"--late skip and --rate %s: as fast as it goes nothing is late (leave out --late "
			"or max)",
			p->rate);
		return -1;
	}
	if (o->require >= 0 && has_unit(o, WS_RATE_MAX)) {
		ws_error(
			"--require and --rate %s: as fast as it goes nothing can be missing (leave "
			"out --require or max)",
			p->rate);
		return -1;
	}
	return 0;
}

static int check_replay(const struct ws_load_parse *p)
{
	const struct ws_load_options *o = p->o;

	if (!o->pcap) {
		if (o->speed_given) {
			ws_error("--speed: there is nothing to replay (give --pcap FILE, or --rate "
				 "for other frames)");
			return -1;
		}
		return 0;
	}
	if (p->frame) {
		ws_error("--pcap and %s: the file has whole frames (leave one out)", p->frame);
		return -1;
	}
	if (o->speed_given && o->rate_given) {
		ws_error("--speed and --rate: both say when frames are sent (leave one out)");
		return -1;
	}
	if (p->pattern && !o->rate_given) {
		ws_error("--pcap and --pattern: the file has times of its own (give --rate too, or "
			 "leave out --pattern)");
		return -1;
	}
	if (p->seed && o->pattern != WS_PATTERN_POISSON) {
		ws_error("--pcap and --seed: nothing is random (leave out --seed)");
		return -1;
	}
	return 0;
}

static bool varies(const struct ws_load_options *o)
{
	for (unsigned f = 0; f < WS_FIELD_COUNT; f++) {
		if (o->traffic.vary[f].kind != WS_VARY_NONE) {
			return true;
		}
	}
	return false;
}

static int check_pacing(const struct ws_load_parse *p)
{
	const struct ws_load_options *o = p->o;
	const char *name = p->pacing;

	if (o->pacing == WS_PACING_BUSY) {
		return 0;
	}
	if (o->bypass == WS_CHOICE_YES) {
		ws_error("--pacing %s and --bypass on: it is the queueing discipline that paces "
			 "(leave one out)",
			name);
		return -1;
	}
	if (has_unit(o, WS_RATE_MAX)) {
		ws_error(
			"--pacing %s and --rate %s: as fast as it goes nothing is paced (leave out "
			"--pacing or max)",
			name, p->rate);
		return -1;
	}
	/* sch_fq keeps a queue for each flow's hash, whatever the socket, and lets each out at the socket's rate. */
	if (o->pacing == WS_PACING_FQ && (o->traffic.flows > 1 || varies(o) || o->pcap)) {
		ws_error("--pacing fq and %s: fq paces each flow by itself (use txtime or busy)",
			o->pcap		       ? "--pcap"
			: o->traffic.flows > 1 ? "--flows"
					       : "--vary");
		return -1;
	}
	if (o->pacing == WS_PACING_FQ && o->workers > 1) {
		ws_error(
			"--pacing fq and --workers: fq paces a flow as one, whoever sends it (use one worker, or "
			"txtime or busy)");
		return -1;
	}
	if (o->pacing == WS_PACING_FQ && o->pattern != WS_PATTERN_CBR) {
		ws_error("--pacing fq and --pattern %s: fq spaces evenly (use txtime or busy)",
			p->pattern);
		return -1;
	}
	if (o->pacing == WS_PACING_FQ && o->pcap && !o->rate_given) {
		ws_error("--pacing fq and --pcap: fq spaces evenly, not as the file does (give "
			 "--rate, or use txtime or busy)");
		return -1;
	}
	return 0;
}

static int check_workers(const struct ws_load_options *o)
{
	if (!o->cpu_count) {
		return 0;
	}
	if (o->cpu_count != o->workers) {
		ws_error("--cpu and --workers: %u CPU%s for %u worker%s (give one for each)",
			o->cpu_count, o->cpu_count > 1 ? "s" : "", o->workers,
			o->workers > 1 ? "s" : "");
		return -1;
	}
	for (unsigned i = 0; !o->force && i < o->cpu_count; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (o->cpus[i] == o->cpus[j]) {
				ws_error("--cpu: CPU %u twice (workers would take turns on it; "
					 "--force does so)",
					o->cpus[i]);
				return -1;
			}
		}
	}
	return 0;
}

static int check_results(const struct ws_load_parse *p)
{
	const struct ws_load_options *o = p->o;

	if (!o->dry_run) {
		return 0;
	}
	if (o->json && !strcmp(o->dry_run, "-")) {
		ws_error("--dry-run - and --json: both want standard output (write to a file, or "
			 "leave out --json)");
		return -1;
	}
	if (o->json || o->out) {
		ws_error("--dry-run and %s: nothing is sent, so there is no result (leave one out)",
			o->json ? "--json" : "--out");
		return -1;
	}
	if (has_unit(o, WS_RATE_MAX)) {
		ws_error("--dry-run and --rate %s: as fast as it goes no time is intended (give "
			 "one rate)",
			p->rate);
		return -1;
	}
	if (o->rate_count > 1) {
		ws_error("--dry-run and --rate %s: %u rates, but a file has one schedule (give one "
			 "rate)",
			p->rate, o->rate_count);
		return -1;
	}
	if (has_unit(o, WS_RATE_PERCENT) && !o->interface && !o->lab) {
		ws_error("--dry-run and --rate %s: there is no link to take a share of (give "
			 "IFACE, or a rate in pps or bps)",
			p->rate);
		return -1;
	}
	if (o->require >= 0) {
		ws_error("--dry-run and --require: nothing is sent, so no rate is missed (leave "
			 "one out)");
		return -1;
	}
	return 0;
}

int ws_load_options_finish(struct ws_load_parse *p)
{
	struct ws_load_options *o = p->o;

	if (check_where(o) < 0 || ws_load_times_check(p) < 0 || check_replay(p) < 0 ||
		check_pacing(p) < 0 || check_workers(o) < 0 || check_results(p) < 0) {
		return -1;
	}
	if (!o->pcap) {
		if (!o->count && !o->duration_ns) {
			o->duration_ns = DEFAULT_DURATION;
		}
		return finish_traffic(p);
	}
	if (!o->rate_given) {
		o->rates[0] = (struct ws_rate){.unit = WS_RATE_MAX, .value = {0, 1}};
		o->rate_count = 1;
		o->pattern = WS_PATTERN_LIST;
	}
	return 0;
}
