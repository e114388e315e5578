/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/load_parse.h"
#include "commands/options.h"
#include "commands/options_common.h"
#include "host/cpu.h"

#define DEFAULT_RATE "10kpps"
#define SPEED_MIN    1e-6
#define SPEED_MAX    1e6

static struct ws_load_options *options_of(void *p)
{
	return ((struct ws_load_parse *)p)->o;
}

#define FLAG(NAME) WS_TAKE_FLAG(NAME, options_of(p)->NAME)

FLAG(lab)
FLAG(json)
FLAG(quiet)
FLAG(yes)
FLAG(force)
FLAG(realtime)

int ws_load_take_rate(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_options *o = options_of(p);
	int n = ws_take_rates(o->rates, WS_LOAD_RATES, arg, why, why_size);

	if (n < 0) {
		return -1;
	}
	o->rate_count = (unsigned)n;
	o->rate_given = true;
	((struct ws_load_parse *)p)->rate = arg;
	return 0;
}

int ws_load_take_duration(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_duration(&options_of(p)->duration_ns, arg, why, why_size);
}

int ws_load_take_count(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_count(&options_of(p)->count, arg, why, why_size);
}

int ws_load_take_pattern(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_options *o = options_of(p);

	((struct ws_load_parse *)p)->pattern = arg;
	if (!strcmp(arg, "cbr")) {
		o->pattern = WS_PATTERN_CBR;
	} else if (!strcmp(arg, "poisson")) {
		o->pattern = WS_PATTERN_POISSON;
	} else if (!strncmp(arg, "burst:", 6)) {
		o->pattern = WS_PATTERN_BURST;
		return ws_take_count(&o->burst, arg + 6, why, why_size);
	} else {
		return WS_WHY("no such pattern (cbr, poisson, or burst:N as in burst:32)");
	}
	return 0;
}

int ws_load_take_seed(void *p, const char *arg, char *why, size_t why_size)
{
	((struct ws_load_parse *)p)->seed = true;
	switch (ws_number_parse(arg, strlen(arg), UINT64_MAX, &options_of(p)->seed)) {
	case 0:
		return 0;
	case -ERANGE:
		return WS_WHY("out of range (at most 2^64 - 1)");
	default:
		return WS_WHY("no number (whole, or hexadecimal as in 0x5eed)");
	}
}

static int take_pcap(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_file(&options_of(p)->pcap, arg, why, why_size);
}

/* DIGITS or DIGITS.DIGITS: neither sign nor exponent, as everywhere. False for any other form. */
static bool decimal_parse(const char *text, size_t len, double *ret)
{
	size_t whole = strspn(text, "0123456789"), fraction = 0;

	if (!whole) {
		return false;
	}
	if (text[whole] == '.') {
		fraction = strspn(text + whole + 1, "0123456789");
		if (!fraction) {
			return false;
		}
		fraction++;
	}
	*ret = strtod(text, NULL);
	return whole + fraction == len;
}

static int take_speed(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_options *o = options_of(p);

	if (!decimal_parse(arg, strlen(arg), &o->speed)) {
		return WS_WHY("no factor (a number above 0, as 2 or 0.5)");
	}
	/* Written so that nothing slips through that is no number. */
	if (!(o->speed >= SPEED_MIN && o->speed <= SPEED_MAX)) {
		return WS_WHY("out of range (0.000001 to 1000000)");
	}
	o->speed_given = true;
	return 0;
}

int ws_load_take_io(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_frame_backend(&options_of(p)->backend, arg, why, why_size);
}

/* The index of a name, -1 if it is none of them. */
static int find(const char *const *names, const char *arg)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], arg)) {
			return i;
		}
	}
	return -1;
}

static int take_bypass(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {
		[WS_CHOICE_AUTO] = "auto", [WS_CHOICE_YES] = "on", [WS_CHOICE_NO] = "off", NULL};
	int i = find(names, arg);

	if (i < 0) {
		return WS_WHY("no such choice (auto, on or off)");
	}
	options_of(p)->bypass = (enum ws_choice)i;
	return 0;
}

static int take_pacing(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {[WS_PACING_BUSY] = "busy",
		[WS_PACING_TXTIME] = "txtime",
		[WS_PACING_FQ] = "fq",
		NULL};
	int i = find(names, arg);

	if (i < 0) {
		return WS_WHY("no such pacing (busy, txtime or fq)");
	}
	options_of(p)->pacing = (enum ws_pacing)i;
	((struct ws_load_parse *)p)->pacing = arg;
	return 0;
}

static int take_late(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {"catch-up", "skip", NULL};
	int i = find(names, arg);

	if (i < 0) {
		return WS_WHY("no such policy (catch-up or skip)");
	}
	options_of(p)->late_skip = i == 1;
	return 0;
}

static int take_stamp(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {"auto", "hardware", "software", "user", "none", NULL};
	static const enum ws_origin origins[] = {WS_ORIGIN_NONE, WS_ORIGIN_HARDWARE,
		WS_ORIGIN_SOFTWARE, WS_ORIGIN_USER, WS_ORIGIN_NONE};
	int i = find(names, arg);

	if (i < 0) {
		return WS_WHY("no such kind of stamp (auto, hardware, software, user or none)");
	}
	options_of(p)->stamp = origins[i];
	options_of(p)->stamps_off = i == 4;
	return 0;
}

static int take_workers(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t n;

	if (ws_take_count(&n, arg, why, why_size) < 0) {
		return -1;
	}
	if (n > WS_LOAD_WORKERS) {
		return WS_WHY("out of range (at most %d)", WS_LOAD_WORKERS);
	}
	options_of(p)->workers = (unsigned)n;
	return 0;
}

static int take_cpu(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_load_options *o = options_of(p);
	int n = ws_cpu_list_parse(arg, o->cpus, WS_LOAD_WORKERS);

	if (n == -E2BIG) {
		return WS_WHY("more than %d CPUs (one for each worker)", WS_LOAD_WORKERS);
	}
	if (n < 0) {
		return WS_WHY("no list of CPUs (say 2, 0,1 or 0-3: one for each worker)");
	}
	for (int i = 0; i < n; i++) {
		if (o->cpus[i] >= CPU_SETSIZE) {
			return WS_WHY("out of range (CPU numbers below %d)", CPU_SETSIZE);
		}
	}
	o->cpu_count = (unsigned)n;
	return 0;
}

static int take_dry_run(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_file(&options_of(p)->dry_run, arg, why, why_size);
}

static int take_require(void *p, const char *arg, char *why, size_t why_size)
{
	size_t len = strlen(arg);
	double percent;

	len -= len && arg[len - 1] == '%';
	if (!decimal_parse(arg, len, &percent)) {
		return WS_WHY("no percentage (0 to 100, as 0.1 or 0.1%%)");
	}
	if (!(percent <= 100)) {
		return WS_WHY("out of range (0 to 100 percent)");
	}
	options_of(p)->require = percent;
	return 0;
}

int ws_load_take_out(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_out(&options_of(p)->out, arg, why, why_size);
}

#define HEADING(TEXT)                   \
	{                               \
		"", 0, NULL, TEXT, NULL \
	}

static const struct ws_option options[] = {
	HEADING("How much, and when"),
	WS_LOAD_ROW_RATE,
	WS_LOAD_ROW_DURATION,
	{"count", 'c', "N", "frames of each run, instead of a duration", ws_load_take_count},
	{"pattern", 0, "KIND",
		"cbr: even gaps; poisson: random ones of the same mean; burst:N: N\n"
		"frames at once (default cbr)",
		ws_load_take_pattern},
	{"seed", 0, "N", "of all that is random: the same bytes, the same times (default 1)",
		ws_load_take_seed},

	HEADING("Frames"),
	{"size", 's', "SIZE",
		"with the 4-byte FCS: 64 to 1518; MIN-MAX, random; imix: 7 of 64,\n"
		"4 of 594 and 1 of 1518 bytes (default 64, or what the headers need;\n"
		"for ptp-l2 82, for ptp-udp 110, over IPv6 130)",
		ws_load_take_size},
	{"dst-mac", 0, "MAC",
		"destination; without it the neighbour table is asked for the next\n"
		"hop to --dst",
		ws_load_take_dst_mac},
	WS_LOAD_ROW_SRC_MAC,
	WS_LOAD_ROW_VLAN,
	WS_LOAD_ROW_SRC,
	{"dst", 0, "IP", "destination: IPv4 or IPv6", ws_load_take_dst},
	{"udp", 0, "SPORT:DPORT", "UDP; without any of these from and to port 8620",
		ws_load_take_udp},
	{"tcp", 0, "SPORT:DPORT", "TCP, SYN", ws_load_take_tcp},
	{"icmp", 0, "ID", "ICMP or ICMPv6 echo requests with this identifier", ws_load_take_icmp},
	{"ethertype", 0, "TYPE", "0x88b5: a payload right behind it, no IP",
		ws_load_take_ethertype},
	{"header", 0, "HEX", "these 14 to 256 bytes, and a payload", ws_load_take_header},
	{"carrier", 0, "KIND",
		"what probes are in: udp, l2 (ethertype 0x88B5), ptp-l2 or ptp-udp\n"
		"(PTP Sync messages, by ethertype 0x88F7 or UDP port 319), auto: as\n"
		"without it (default auto)",
		ws_load_take_carrier},
	WS_LOAD_ROW_TTL,
	WS_LOAD_ROW_TOS,
	WS_LOAD_ROW_FLOWS,
	{"vary", 0, "FIELD=HOW",
		"inc:N, random:N or list:A,B,C for src-mac, dst-mac, vlan, vlan2,\n"
		"src, dst, sport or dport; once for each field",
		ws_load_take_vary},
	{"payload", 0, "KIND",
		"probe (numbered, as far as there is room), zero, inc, random,\n"
		"hex:BYTES or text:STRING (default probe)",
		ws_load_take_payload},

	HEADING("Replay"),
	{"pcap", 0, "FILE",
		"send the frames of a pcap or pcapng file, at the times it has or at\n"
		"--rate, instead of any of the above; once, unless told otherwise",
		take_pcap},
	{"speed", 0, "X", "times faster than the file's own times (default 1)", take_speed},

	HEADING("Where and how"),
	{"lab", 0, NULL,
		"send from ws0 to ws1, a private pair of virtual interfaces; needs\n"
		"neither root nor a network card",
		take_lab},
	{"io", 0, "BACKEND",
		"socket, tpacket2, tpacket3, or auto, by queue and rate\n"
		"(default auto)",
		ws_load_take_io},
	{"bypass", 0, "WHEN",
		"past the queueing discipline: on, off, or auto, only where it\n"
		"shapes nothing (default auto)",
		take_bypass},
	{"pacing", 0, "KIND",
		"who keeps the times: busy (this program), txtime (SO_TXTIME with etf\n"
		"or fq), fq (SO_MAX_PACING_RATE) (default busy)",
		take_pacing},
	{"late", 0, "POLICY",
		"frames that are late: catch-up keeps the rate, skip keeps the gaps\n"
		"(default catch-up)",
		take_late},
	{"stamp", 0, "KIND",
		"who takes the times of departure: hardware (the card; a trial of 30\n"
		"frames goes ahead), software (the kernel), user (this program), none,\n"
		"auto: the kernel, else this program (default auto)",
		take_stamp},
	{"workers", 0, "N", "send with N threads, at most 64 (default 1)", take_workers},
	{"cpu", 0, "LIST", "run the workers on these CPUs, one for each: 2, 0,1 or 0-3", take_cpu},
	{"realtime", 0, NULL, "run them with real-time priority, memory locked", take_realtime},
	{"force", 0, NULL, "more workers than CPUs, or a rate above what the link says it carries",
		take_force},
	{"yes", 'y', NULL, "send even on an interface that carries a default route", take_yes},

	HEADING("Results"),
	{"dry-run", 0, "FILE",
		"send nothing: write the frames with their intended times to a\n"
		"pcapng file; - is standard output",
		take_dry_run},
	{"require", 0, "PCT", "exit with 1 if more than PCT percent of a rate is missing",
		take_require},
	{"out", 'o', "DIR", "keep the result in DIR/run.json; DIR must not exist",
		ws_load_take_out},
	{"json", 'j', NULL, "print one JSON document on stdout, and nothing else there", take_json},
	{"quiet", 'q', NULL, "no progress on stderr", take_quiet},
	{0},
};

static const struct ws_command_help help = {
	.usage = "load IFACE --dst IP|--dst-mac MAC [options]\n"
		 "       wirestamp load --lab [options]\n"
		 "       wirestamp load IFACE --pcap FILE [options]",
	.about =
		"Sends frames at exact rates, proves what was sent and when, and names what limited "
		"it.\n"
		"IFACE is NAME, or NAME@NETNS in a named network namespace.",
	.examples =
		"  wirestamp load --lab --rate 10kpps,100kpps,max\n"
		"  wirestamp load eth1 --dst 192.0.2.7 --rate 80% --size imix --flows 1000\n"
		"  wirestamp load eth1 --dst-mac 02:00:00:00:00:07 --vlan 100:5 --pattern poisson\n"
		"  wirestamp load eth1 --pcap trace.pcapng --speed 2\n"
		"  wirestamp load --dst 2001:db8::7 --count 100 --dry-run frames.pcapng",
	.options = options,
};

int ws_load_options_parse(struct ws_load_options *o, int argc, char **argv)
{
	struct ws_load_parse p = {.o = o};
	int first;

	*o = (struct ws_load_options){
		.pattern = WS_PATTERN_CBR,
		.seed = 1,
		.speed = 1,
		.workers = 1,
		.require = -1,
	};
	o->rate_count =
		(unsigned)ws_rate_list_parse(DEFAULT_RATE, o->rates, 1, &(const char *){NULL});
	ws_load_traffic_defaults(&o->traffic);
	first = ws_options_parse(&help, &p, argc, argv);
	if (first >= 0 && first < argc) {
		o->interface = argv[first++];
	}
	if (first >= 0 && first < argc) {
		ws_error("%s: unexpected (one interface sends, and %s is given already)",
			argv[first], o->interface);
		first = -1;
	}
	if (first >= 0 && ws_load_options_finish(&p) < 0) {
		first = -1;
	}
	if (first < 0) {
		ws_load_options_free(o);
		return first;
	}
	return 0;
}

void ws_load_options_free(struct ws_load_options *o)
{
	for (size_t i = 0; i < sizeof(o->owned) / sizeof(o->owned[0]); i++) {
		free(o->owned[i]);
		o->owned[i] = NULL;
	}
}
