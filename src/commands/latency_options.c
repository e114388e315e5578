/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/latency_options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/load_parse.h"
#include "commands/options.h"
#include "commands/options_common.h"
#include "commands/remote.h"
#include "commands/remote_line.h"
#include "host/cpu.h"

#define DEFAULT_RATE	 "10kpps"
#define DEFAULT_DURATION 5000000000LL
#define DEFAULT_WINDOW	 1000000000LL
#define DEFAULT_TTL	 64 /* of load_traffic_options.c, and of the kernel */
#define MAX_WINDOW	 60000000000LL
#define SHORT_LEN	 16
#define IMIX_LEAST	 64

/* The takers that it shares with `load` see the first member. */
struct parse {
	struct ws_load_parse load;
	struct ws_latency_options *o;
};

static struct ws_latency_options *options_of(void *p)
{
	return ((struct parse *)p)->o;
}

#define LOAD_FLAG(NAME) WS_TAKE_FLAG(NAME, options_of(p)->load.NAME)
#define FLAG(NAME)	WS_TAKE_FLAG(NAME, options_of(p)->NAME)

LOAD_FLAG(lab)
LOAD_FLAG(json)
LOAD_FLAG(quiet)
LOAD_FLAG(yes)
FLAG(one_way)
FLAG(packets)
FLAG(csv)
FLAG(waterfall)

#define TEXT(NAME)                                                                   \
	static int take_##NAME(void *p, const char *arg, char *why, size_t why_size) \
	{                                                                            \
		if (!*arg) {                                                         \
			return WS_WHY("is empty");                                   \
		}                                                                    \
		options_of(p)->NAME = arg;                                           \
		return 0;                                                            \
	}

TEXT(tx)
TEXT(rx)
TEXT(peer)
TEXT(ssh)
TEXT(remote_program)

static int take_window(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = options_of(p);

	if (ws_take_duration(&o->window_ns, arg, why, why_size) < 0) {
		return -1;
	}
	if (o->window_ns > MAX_WINDOW) {
		return WS_WHY("out of range (at most 60s)");
	}
	return 0;
}

static int take_size(void *p, const char *arg, char *why, size_t why_size)
{
	options_of(p)->size_given = true;
	return ws_load_take_size(p, arg, why, why_size);
}

static int take_udp(void *p, const char *arg, char *why, size_t why_size)
{
	options_of(p)->dst_port_given = true;
	return ws_load_take_udp(p, arg, why, why_size);
}

static int take_carrier(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = options_of(p);
	const struct ws_load_parse *parse = p;

	if (ws_load_take_carrier(p, arg, why, why_size) < 0) {
		return -1;
	}
	o->carrier_auto = !parse->carrier;
	o->carrier = parse->carrier ? parse->carrier_kind : WS_CARRIER_UDP;
	return 0;
}

static int take_io(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_backend(&options_of(p)->load.backend, arg, why, why_size);
}

static int take_stamp(void *p, const char *arg, char *why, size_t why_size)
{
	static const struct {
		const char *name;
		enum ws_origin origin;
	} stamps[] = {
		{"auto", WS_ORIGIN_NONE},
		{"hardware", WS_ORIGIN_HARDWARE},
		{"software", WS_ORIGIN_SOFTWARE},
		{"user", WS_ORIGIN_USER},
	};

	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		if (!strcmp(arg, stamps[i].name)) {
			options_of(p)->load.stamp = stamps[i].origin;
			return 0;
		}
	}
	return WS_WHY("no such kind of stamp (auto, hardware, software or user)");
}

static int take_cpu(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = options_of(p);
	unsigned cpus[2];

	if (ws_cpu_list_parse(arg, cpus, 2) != 2) {
		return WS_WHY(
			"two CPU numbers are needed, the sender's and the receiver's (say 0,1)");
	}
	if (cpus[0] >= CPU_SETSIZE || cpus[1] >= CPU_SETSIZE) {
		return WS_WHY("out of range (CPU numbers below %d)", CPU_SETSIZE);
	}
	o->cpu[0] = (int)cpus[0];
	o->cpu[1] = (int)cpus[1];
	return 0;
}

#define HEADING(TEXT)                   \
	{                               \
		"", 0, NULL, TEXT, NULL \
	}

static const struct ws_option options[] = {
	HEADING("Between what"),
	{"lab", 0, NULL,
		"a private pair of virtual interfaces, ws0 and ws1; needs neither\n"
		"root nor a network card",
		take_lab},
	{"tx", 0, "IFACE", "send here: NAME, or NAME@NETNS in a named network namespace", take_tx},
	{"rx", 0, "IFACE", "receive here", take_rx},
	{"peer", 0, "WHERE",
		"the far side, where wirestamp reflect runs: MAC, IP, or\n"
		"ssh://[USER@]HOST/IFACE, which starts it there; with --lab ws1",
		take_peer},
	{"one-way", 0, NULL,
		"only send: the far side (reflect --receive-only) keeps the receive\n"
		"stamps, and report --join brings both together",
		take_one_way},
	{"ssh", 0, "CMD", "instead of ssh, with its arguments", take_ssh},
	{"remote-program", 0, "PATH", "of wirestamp on the far side (default wirestamp)",
		take_remote_program},

	HEADING("How much, and when"),
	WS_LOAD_ROW_RATE,
	WS_LOAD_ROW_DURATION,
	{"count", 'c', "N", "packets of each run, instead of a duration", ws_load_take_count},
	{"pattern", 0, "KIND",
		"cbr: even gaps; poisson: random ones of the same mean; burst:N: N\n"
		"packets at once (default cbr)",
		ws_load_take_pattern},
	{"seed", 0, "N", "of all that is random (default 1)", ws_load_take_seed},

	HEADING("Probes"),
	{"size", 's', "SIZE",
		"with the 4-byte FCS: 64 to 1518; MIN-MAX, random; imix. At least 64,\n"
		"over IPv6 82, for ptp-l2 82, for ptp-udp 110, over IPv6 130; with\n"
		"--peer 102, over IPv6 122, for l2 74, for ptp-l2 122, for ptp-udp\n"
		"150, over IPv6 170; 4 more for each VLAN tag (default: the least)",
		take_size},
	{"carrier", 0, "KIND",
		"udp (port 8620), l2 (ethertype 0x88B5); in PTP Sync messages, which\n"
		"some cards stamp and nothing else: ptp-l2 (ethertype 0x88F7), ptp-udp\n"
		"(port 319); auto: udp if the receiver has an IPv4 address, else l2\n"
		"(default auto)",
		take_carrier},
	{"dst-mac", 0, "MAC", "destination, instead of the receiver's or the next hop's",
		ws_load_take_dst_mac},
	WS_LOAD_ROW_SRC_MAC,
	WS_LOAD_ROW_VLAN,
	WS_LOAD_ROW_SRC,
	{"dst", 0, "IP", "destination, instead of the receiver's", ws_load_take_dst},
	{"udp", 0, "SPORT:DPORT", "ports (default 8620:8620; for ptp-udp 319:319)", take_udp},
	WS_LOAD_ROW_TTL,
	WS_LOAD_ROW_TOS,
	WS_LOAD_ROW_FLOWS,
	{"vary", 0, "FIELD=HOW",
		"inc:N, random:N or list:A,B,C for src-mac, dst-mac, vlan, vlan2,\n"
		"src, dst or sport; once for each field",
		ws_load_take_vary},

	HEADING("Where and how"),
	{"stamp", 0, "KIND",
		"who stamps: software (the kernel), user (this program), hardware\n"
		"(not in this version), auto: the best at each end (default auto)",
		take_stamp},
	{"io", 0, "BACKEND",
		"tpacket3, tpacket2, socket; udp: ordinary routed sockets, which need\n"
		"no privilege, with --peer IP; auto: the best that opens (default auto)",
		take_io},
	{"window", 0, "TIME",
		"a packet that has not arrived by then is lost; if it does later,\n"
		"late (default 1s, at most 60s)",
		take_window},
	{"cpu", 0, "TX,RX", "run the sender and the receiver on these CPUs", take_cpu},
	{"yes", 'y', NULL, "send even on an interface that carries a default route", take_yes},

	HEADING("Results"),
	{"waterfall", 0, NULL,
		"where the time goes between program, queue, driver and back, and\n"
		"which of these made the slowest packets slow",
		take_waterfall},
	{"packets", 0, NULL, "every packet's times, to packets.npy in --out DIR", take_packets},
	{"csv", 0, NULL, "the same as packets.csv, too", take_csv},
	{"out", 'o', "DIR", "keep the result in DIR/run.json; DIR must not exist",
		ws_load_take_out},
	{"json", 'j', NULL, "print one JSON document on stdout, and nothing else there", take_json},
	{"quiet", 'q', NULL, "no progress on stderr", take_quiet},
	{0},
};

static const struct ws_command_help help = {
	.usage = "latency --lab [options]\n"
		 "       wirestamp latency --tx IFACE --rx IFACE [options]\n"
		 "       wirestamp latency [--tx IFACE] --peer MAC|IP|ssh://HOST/IFACE [options]\n"
		 "       wirestamp latency --tx IFACE --one-way --peer MAC|IP --out DIR [options]",
	.about = "Measures the delay of every packet, at one rate or many, and accounts for every\n"
		 "one: between two interfaces of this host, or there and back to another host.",
	.examples =
		"  wirestamp latency --lab --rate 1kpps,10kpps,100kpps\n"
		"  wirestamp latency --tx eth1 --rx eth2 --rate 10%,50%,90% --size 1518\n"
		"  wirestamp latency --tx eth1 --rx eth2@there --waterfall --packets --out run1\n"
		"  wirestamp latency --tx eth1 --peer ssh://there/eth1 --rate 10kpps\n"
		"  wirestamp latency --io udp --peer 192.0.2.7 --rate 100pps",
	.options = options,
};

uint32_t ws_latency_probe_len(const struct ws_latency_options *o)
{
	return o->peer && !o->one_way ? WS_ANSWER_LEN : SHORT_LEN;
}

static uint32_t least_size(const struct ws_latency_options *o)
{
	uint32_t len = ws_traffic_header_len(&o->load.traffic) + ws_latency_probe_len(o);

	return (len > WS_FRAME_MIN ? len : WS_FRAME_MIN) + WS_FCS_LEN;
}

static void set_default_size(struct ws_latency_options *o)
{
	struct ws_traffic_spec *t = &o->load.traffic;

	if (!o->size_given) {
		t->size = WS_SIZE_FIXED;
		t->len_min = t->len_max = least_size(o) - WS_FCS_LEN;
	}
}

void ws_latency_options_carrier(struct ws_latency_options *o, enum ws_carrier carrier)
{
	struct ws_traffic_spec *t = &o->load.traffic;

	o->carrier = carrier;
	ws_load_traffic_carrier(t, carrier);
	if (carrier == WS_CARRIER_PTP_UDP && !o->dst_port_given) {
		t->src_port = t->dst_port = WS_PTP_PORT;
	}
	set_default_size(o);
}

static int check_ends(const struct ws_latency_options *o)
{
	bool udp = o->load.backend && !strcmp(o->load.backend, "udp");

	if (o->load.lab && (o->tx || o->rx)) {
		ws_error("--lab: brings its own interfaces (leave out --tx and --rx)");
		return -1;
	}
	if (o->load.lab && o->peer && strcmp(o->peer, "ws1")) {
		ws_error(
			"--lab and --peer %s: the lab's far side is ws1 (say --peer ws1)", o->peer);
		return -1;
	}
	if (o->peer && o->rx) {
		ws_error(
			"--peer and --rx: answers come back to the interface that sends (leave out "
			"--rx)");
		return -1;
	}
	if (o->one_way && !o->peer && !o->load.has_dst_mac && !o->load.has_dst_ip) {
		ws_error("--one-way: where to? (give --peer MAC or --peer IP)");
		return -1;
	}
	if (o->one_way && o->rx) {
		ws_error("--one-way and --rx: with both ends here nothing has to be joined (leave "
			 "one out)");
		return -1;
	}
	if (o->one_way && o->load.lab) {
		ws_error("--one-way and --lab: the lab has both ends here (leave one out)");
		return -1;
	}
	if (o->one_way && !o->load.out) {
		ws_error("--one-way: its result is needed for joining (give --out DIR)");
		return -1;
	}
	if (o->one_way && o->peer && ws_remote_is_url(o->peer)) {
		ws_error(
			"--one-way and ssh://: the far side's records stay there (start wirestamp reflect "
			"--receive-only --out DIR there, and give --peer MAC or IP)");
		return -1;
	}
	if (udp && !o->peer) {
		ws_error(
			"--io udp: is routed, to another host or namespace (give --peer IP; in the "
			"lab --peer ws1)");
		return -1;
	}
	if (!o->load.lab && !o->tx && !udp) {
		ws_error(
			o->peer || o->one_way
				? "latency: sends on an interface (give --tx IFACE, or --io udp, which is "
				  "routed)"
				: "latency: needs two interfaces (--tx IFACE --rx IFACE, or --lab for a "
				  "private pair)");
		return -1;
	}
	if (!o->load.lab && !o->rx && !o->peer && !o->one_way) {
		ws_error("latency: needs two interfaces (--tx IFACE --rx IFACE, or --lab for a "
			 "private pair)");
		return -1;
	}
	if (o->rx && !strcmp(o->tx, o->rx)) {
		ws_error("%s: the same interface at both ends (give two that are connected, or "
			 "--lab)",
			o->tx);
		return -1;
	}
	if ((o->ssh || o->remote_program) && (!o->peer || !ws_remote_is_url(o->peer))) {
		ws_error("%s: only with --peer ssh://HOST/IFACE (leave it out)",
			o->ssh ? "--ssh" : "--remote-program");
		return -1;
	}
	return 0;
}

/* What is wrong with the URL is wrong on any machine. */
static int check_url(const struct ws_latency_options *o)
{
	const char *const routed[] = {"udp", NULL};
	struct ws_remote_target target;
	const char *why;

	if (ws_remote_target_parse(&target, o->peer,
		    o->load.backend && !strcmp(o->load.backend, "udp") ? routed : NULL, &why) < 0) {
		ws_error("--peer %s: %s (ssh://[USER@]HOST[:PORT]/IFACE)", o->peer, why);
		return -1;
	}
	return 0;
}

/* A far side that is given by its address is where probes go. */
static int take_address(struct parse *p)
{
	struct ws_latency_options *o = p->o;
	char why[200];

	if (!o->peer || o->load.lab) {
		return 0;
	}
	if (ws_remote_is_url(o->peer)) {
		return check_url(o);
	}
	if (ws_load_take_dst_mac(p, o->peer, why, sizeof(why)) == 0) {
		if (o->load.backend && !strcmp(o->load.backend, "udp")) {
			ws_error("--peer %s: routed sockets send to IP addresses (give one)",
				o->peer);
			return -1;
		}
		return 0;
	}
	/* What is wrong with an IP address is told of the option that was given. */
	p->load.ip = p->load.ip ? p->load.ip : "--peer IP";
	if (ws_load_take_dst(p, o->peer, why, sizeof(why)) < 0) {
		ws_error(
			"--peer %s: neither a MAC nor an IP address (02:00:00:00:00:07, 192.0.2.7, "
			"2001:db8::7, or ssh://HOST/IFACE)",
			o->peer);
		return -1;
	}
	return 0;
}

static int check_results(const struct ws_latency_options *o)
{
	if (o->csv && !o->packets) {
		ws_error("--csv: is about --packets (give that, too)");
		return -1;
	}
	if (o->packets && !o->load.out) {
		ws_error("--packets: go to a directory (give --out DIR)");
		return -1;
	}
	return 0;
}

/* Of a routed socket's frames the kernel makes all but ports, addresses and the probe. */
static int check_routed(const struct ws_latency_options *o)
{
	const struct ws_traffic_spec *t = &o->load.traffic;
	const char *what = NULL;

	if (!o->load.backend || strcmp(o->load.backend, "udp") != 0) {
		return 0;
	}
	what = t->flows > 1 ? "--flows" : what;
	for (int field = 0; field < WS_FIELD_COUNT; field++) {
		what = t->vary[field].kind != WS_VARY_NONE ? "--vary" : what;
	}
	what = t->tos ? "--tos" : what;
	what = t->ttl != DEFAULT_TTL ? "--ttl" : what;
	what = t->vlan_count ? "--vlan" : what;
	what = o->load.has_src_mac ? "--src-mac" : what;
	what = o->load.has_dst_mac ? "--dst-mac" : what;
	what = o->carrier == WS_CARRIER_L2 ? "--carrier l2" : what;
	what = o->carrier == WS_CARRIER_PTP_L2 ? "--carrier ptp-l2" : what;
	if (what) {
		ws_error("--io udp and %s: the kernel makes these headers (leave one out)", what);
		return -1;
	}
	return 0;
}

/* What comes to port 319 is looked for in PTP messages alone, and those nowhere else. */
static int check_ports(const struct ws_latency_options *o)
{
	const struct ws_traffic_spec *t = &o->load.traffic;
	bool answers = o->peer && !o->one_way, ptp = o->carrier == WS_CARRIER_PTP_UDP;

	if (!o->dst_port_given) {
		return 0;
	}
	if (ptp && (t->dst_port != WS_PTP_PORT || (answers && t->src_port != WS_PTP_PORT))) {
		ws_error(
			"--carrier ptp-udp and --udp %u:%u: the port of such probes%s is %u (leave "
			"--udp out)",
			t->src_port, t->dst_port, answers ? " and their answers" : "", WS_PTP_PORT);
		return -1;
	}
	if (!ptp && (t->dst_port == WS_PTP_PORT || (answers && t->src_port == WS_PTP_PORT))) {
		ws_error("--udp %u:%u: port %u is PTP's (give another, or --carrier ptp-udp)",
			t->src_port, t->dst_port, WS_PTP_PORT);
		return -1;
	}
	return 0;
}

static int finish_frames(struct parse *p)
{
	struct ws_latency_options *o = p->o;
	struct ws_traffic_spec *t = &o->load.traffic;
	bool l2 = o->carrier == WS_CARRIER_L2 || o->carrier == WS_CARRIER_PTP_L2;
	const char *carrier = ws_carrier_name(o->carrier);
	uint32_t least, smallest;

	if (check_routed(o) < 0) {
		return -1;
	}
	if (l2 && p->load.ip) {
		ws_error(
			"--carrier %s and %s: there is no IP header in such probes (leave one out)",
			carrier, p->load.ip);
		return -1;
	}
	if (l2 && o->dst_port_given) {
		ws_error(
			"--carrier %s and --udp: there are no ports in such probes (leave one out)",
			carrier);
		return -1;
	}
	if (check_ports(o) < 0) {
		return -1;
	}
	if (o->carrier_auto && (p->load.ip || o->dst_port_given)) {
		o->carrier_auto = false;
	}
	if (!o->carrier_auto) {
		ws_load_traffic_carrier(t, o->carrier);
	}
	if (!l2 && ws_load_traffic_version(&p->load) < 0) {
		return -1;
	}
	ws_latency_options_carrier(o, o->carrier);
	if (t->vary[WS_FIELD_DST_PORT].kind != WS_VARY_NONE) {
		ws_error(
			"--vary dport: probes are known by their port (vary sport, or use --flows)");
		return -1;
	}
	if (o->peer && !o->one_way &&
		(t->flows > 1 || t->vary[WS_FIELD_SRC_PORT].kind != WS_VARY_NONE ||
			t->vary[WS_FIELD_SRC_IP].kind != WS_VARY_NONE ||
			t->vary[WS_FIELD_SRC_MAC].kind != WS_VARY_NONE)) {
		ws_error("--peer and %s: answers come back to one address and port (leave one out)",
			t->flows > 1 ? "--flows" : "--vary of the source");
		return -1;
	}
	set_default_size(o);
	least = least_size(o);
	smallest = t->size == WS_SIZE_IMIX ? IMIX_LEAST : t->len_min + WS_FCS_LEN;
	if (smallest < least) {
		ws_error("--size %s: too small for a probe in %s (at least %u)", p->load.size,
			ws_carrier_name(o->carrier), least);
		return -1;
	}
	t->fill = WS_FILL_PROBE;
	if (!p->load.size) {
		p->load.size = "";
	}
	return ws_load_traffic_finish(&p->load);
}

int ws_latency_options_parse(struct ws_latency_options *o, int argc, char **argv)
{
	struct parse p = {.load = {.o = &o->load}, .o = o};
	int first;

	*o = (struct ws_latency_options){
		.load = {.pattern = WS_PATTERN_CBR,
			.seed = 1,
			.speed = 1,
			.workers = 1,
			.require = -1},
		.carrier = WS_CARRIER_UDP,
		.carrier_auto = true,
		.window_ns = DEFAULT_WINDOW,
		.cpu = {-1, -1},
	};
	o->load.rate_count =
		(unsigned)ws_rate_list_parse(DEFAULT_RATE, o->load.rates, 1, &(const char *){NULL});
	ws_load_traffic_defaults(&o->load.traffic);
	first = ws_options_parse(&help, &p, argc, argv);
	if (first >= 0 && first < argc) {
		ws_error("%s: unexpected (interfaces are given by --tx and --rx)", argv[first]);
		first = -1;
	}
	if (first >= 0 &&
		(check_ends(o) < 0 || take_address(&p) < 0 || ws_load_times_check(&p.load) < 0 ||
			check_results(o) < 0 || finish_frames(&p) < 0)) {
		first = -1;
	}
	if (first < 0) {
		ws_load_options_free(&o->load);
		return first;
	}
	if (!o->load.count && !o->load.duration_ns) {
		o->load.duration_ns = DEFAULT_DURATION;
	}
	return 0;
}

void ws_latency_options_free(struct ws_latency_options *o)
{
	ws_load_options_free(&o->load);
}
