/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/latency_options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options_common.h"
#include "host/cpu.h"

#define DEFAULT_RATE	 "10kpps"
#define DEFAULT_DURATION 5000000000LL
#define DEFAULT_SIZE	 64
#define DEFAULT_WINDOW	 1000000000LL
#define MAX_WINDOW	 60000000000LL

#define FLAG(NAME) WS_TAKE_FLAG(NAME, ((struct ws_latency_options *)p)->NAME)

FLAG(lab)
FLAG(json)
FLAG(quiet)
FLAG(yes)

static int take_tx(void *p, const char *arg, char *why, size_t why_size)
{
	(void)why, (void)why_size;
	((struct ws_latency_options *)p)->tx = arg;
	return 0;
}

static int take_rx(void *p, const char *arg, char *why, size_t why_size)
{
	(void)why, (void)why_size;
	((struct ws_latency_options *)p)->rx = arg;
	return 0;
}

static int take_out(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_out(&((struct ws_latency_options *)p)->out, arg, why, why_size);
}

static int take_rate(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = p;
	int n = ws_take_rates(o->rates, WS_MAX_RATES, arg, why, why_size);

	if (n < 0) {
		return -1;
	}
	o->rate_count = (unsigned)n;
	return 0;
}

static int take_duration(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_duration(&((struct ws_latency_options *)p)->duration_ns, arg, why, why_size);
}

static int take_window(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = p;

	if (ws_take_duration(&o->window_ns, arg, why, why_size) < 0) {
		return -1;
	}
	if (o->window_ns > MAX_WINDOW) {
		return WS_WHY("out of range (at most 60s)");
	}
	return 0;
}

static int take_count(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_count(&((struct ws_latency_options *)p)->count, arg, why, why_size);
}

static int take_size(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t size;
	int r = ws_count_parse(arg, &size);

	if (r == -EINVAL) {
		return WS_WHY("no frame size (a whole number of bytes, with the 4-byte FCS: 64 to "
			      "1518 on standard Ethernet)");
	}
	if (r < 0 || size > WS_FRAME_MAX) {
		return WS_WHY("out of range (at most %d)", WS_FRAME_MAX);
	}
	((struct ws_latency_options *)p)->size = (uint32_t)size;
	return 0;
}

static int take_carrier(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = p;

	o->carrier_auto = !strcmp(arg, "auto");
	if (o->carrier_auto || !strcmp(arg, "udp")) {
		o->carrier = WS_CARRIER_UDP;
	} else if (!strcmp(arg, "l2")) {
		o->carrier = WS_CARRIER_L2;
	} else {
		return WS_WHY("no such carrier (auto, udp or l2)");
	}
	return 0;
}

static int take_io(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_backend(&((struct ws_latency_options *)p)->backend, arg, why, why_size);
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
			((struct ws_latency_options *)p)->stamp = stamps[i].origin;
			return 0;
		}
	}
	return WS_WHY("no such kind of stamp (auto, hardware, software or user)");
}

static int take_cpu(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_latency_options *o = p;
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

static const struct ws_option options[] = {
	{"lab", 0, NULL,
		"measure between a private pair of virtual interfaces, ws0 and\n"
		"ws1; needs neither root nor a network card",
		take_lab},
	{"tx", 0, "IFACE", "send here: NAME, or NAME@NETNS in a named network namespace", take_tx},
	{"rx", 0, "IFACE", "receive here", take_rx},
	{"rate", 'r', "LIST",
		"one run a rate: 100kpps, 1.5Mpps, 500Mbps, 10Gbps/l1, 80%, max;\n"
		"a list 1kpps,10kpps or a range FIRST:LAST:STEP (default " DEFAULT_RATE ")",
		take_rate},
	{"duration", 'd', "TIME", "of each run: 500ms, 2s, 5m (default 5s)", take_duration},
	{"count", 'c', "N", "packets of each run, instead of a duration", take_count},
	{"size", 's', "BYTES",
		"frame size with the 4-byte FCS (default 64; at least 64 for both\n"
		"carriers, at most the MTU + 18)",
		take_size},
	{"carrier", 0, "KIND",
		"what a probe looks like: udp (IPv4/UDP, port 8620), l2 (ethertype\n"
		"0x88B5), auto: udp if the receiver has an IPv4 address (default auto)",
		take_carrier},
	{"stamp", 0, "KIND",
		"who stamps: software (the kernel), user (this program), hardware\n"
		"(not in this version), auto: the best at each end (default auto)",
		take_stamp},
	{"io", 0, "BACKEND", "tpacket3, socket or auto, the best that opens (default auto)",
		take_io},
	{"window", 0, "TIME",
		"a packet that has not arrived by then is lost; if it does later,\n"
		"late (default 1s, at most 60s)",
		take_window},
	{"cpu", 0, "TX,RX", "run the sender and the receiver on these CPUs", take_cpu},
	{"out", 'o', "DIR", "keep the result in DIR/run.json; DIR must not exist", take_out},
	{"json", 'j', NULL, "print one JSON document on stdout, and nothing else there", take_json},
	{"yes", 'y', NULL, "send even on an interface that carries a default route", take_yes},
	{"quiet", 'q', NULL, "no progress on stderr", take_quiet},
	{0},
};

static const struct ws_command_help help = {
	.usage = "latency --lab [options]\n"
		 "       wirestamp latency --tx IFACE --rx IFACE [options]",
	.about = "Measures the delay of every packet between two interfaces of this host, at one "
		 "rate\n"
		 "or many, and accounts for every one.",
	.examples = "  wirestamp latency --lab --rate 1kpps,10kpps,100kpps\n"
		    "  wirestamp latency --tx eth1 --rx eth2 --rate 10%,50%,90% --size 1518\n"
		    "  wirestamp latency --tx eth1 --rx eth2@there --count 1M --json > run.json",
	.options = options,
};

static int check(const struct ws_latency_options *o)
{
	uint32_t least = ws_frame_min_len(o->carrier, WS_PAYLOAD_SHORT) + WS_FCS_LEN;

	if (o->lab && (o->tx || o->rx)) {
		ws_error("--lab: brings its own interfaces (leave out --tx and --rx)");
		return -1;
	}
	if (!o->lab && (!o->tx || !o->rx)) {
		ws_error("latency: needs two interfaces (--tx IFACE --rx IFACE, or --lab for a "
			 "private pair)");
		return -1;
	}
	if (!o->lab && !strcmp(o->tx, o->rx)) {
		ws_error("%s: the same interface at both ends (give two that are connected, or "
			 "--lab)",
			o->tx);
		return -1;
	}
	if (o->count && o->duration_ns) {
		ws_error("--count and --duration: both say when a run ends (leave one out)");
		return -1;
	}
	if (o->size < least) {
		ws_error("--size %u: too small for a probe in %s (at least %u)", o->size,
			ws_carrier_name(o->carrier), least);
		return -1;
	}
	return 0;
}

int ws_latency_options_parse(struct ws_latency_options *o, int argc, char **argv)
{
	int first;

	*o = (struct ws_latency_options){
		.size = DEFAULT_SIZE,
		.carrier = WS_CARRIER_UDP,
		.carrier_auto = true,
		.window_ns = DEFAULT_WINDOW,
		.cpu = {-1, -1},
	};
	o->rate_count =
		(unsigned)ws_rate_list_parse(DEFAULT_RATE, o->rates, 1, &(const char *){NULL});
	first = ws_options_parse(&help, o, argc, argv);
	if (first < 0) {
		return first;
	}
	if (first < argc) {
		ws_error("%s: unexpected (interfaces are given by --tx and --rx)", argv[first]);
		return -1;
	}
	if (check(o) < 0) {
		return -1;
	}
	if (!o->count && !o->duration_ns) {
		o->duration_ns = DEFAULT_DURATION;
	}
	return 0;
}
