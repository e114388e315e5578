/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/capture_options.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/options_common.h"
#include "core/units.h"
#include "host/cpu.h"

#define DEFAULT_BLOCK_TIMEOUT 60
#define MAX_BLOCK_TIMEOUT     60000
#define MAX_BUFFER	      (4ull << 30)
#define MAX_SNAPLEN	      262144 /* as libpcap reads at most */
#define MIN_ROTATE_NS	      1000000000

#define FLAG(NAME) WS_TAKE_FLAG(NAME, ((struct ws_capture_options *)p)->NAME)

FLAG(promiscuous)
FLAG(lab)
FLAG(json)
FLAG(quiet)
FLAG(realtime)
FLAG(split)

static int take_write(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_file(&((struct ws_capture_options *)p)->write, arg, why, why_size);
}

static int take_read(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_file(&((struct ws_capture_options *)p)->read, arg, why, why_size);
}

static int take_out(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_out(&((struct ws_capture_options *)p)->out, arg, why, why_size);
}

static int take_count(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_capture_options *o = p;

	if (ws_take_count(&o->count, arg, why, why_size) < 0) {
		return -1;
	}
	if (o->count > INT64_MAX / 2) {
		return WS_WHY("out of range (at most %lld)", (long long)(INT64_MAX / 2));
	}
	return 0;
}

static int take_duration(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_capture_options *o = p;

	if (ws_take_duration(&o->duration_ns, arg, why, why_size) < 0) {
		return -1;
	}
	/* So that adding it to a clock cannot overflow. */
	if (o->duration_ns > INT64_MAX / 4) {
		return WS_WHY("out of range (at most 73 years)");
	}
	return 0;
}

static int take_snaplen(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t n = 0;

	/* 0 means everything, as it does elsewhere. */
	if (strcmp(arg, "0") != 0 && ws_take_count(&n, arg, why, why_size) < 0) {
		return -1;
	}
	if (n > MAX_SNAPLEN) {
		return WS_WHY("out of range (at most %d; 0 for everything)", MAX_SNAPLEN);
	}
	((struct ws_capture_options *)p)->snaplen = (uint32_t)n;
	return 0;
}

static int take_direction(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {
		[WS_DIRECTION_BOTH] = "both",
		[WS_DIRECTION_IN] = "in",
		[WS_DIRECTION_OUT] = "out",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(arg, names[i])) {
			((struct ws_capture_options *)p)->direction = (enum ws_direction)i;
			return 0;
		}
	}
	return WS_WHY("no such direction (in, out or both)");
}

static int take_io(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_frame_backend(
		&((struct ws_capture_options *)p)->backend, arg, why, why_size);
}

static int take_bytes(uint64_t *ret, const char *arg, char *why, size_t why_size)
{
	switch (ws_bytes_parse(arg, ret)) {
	case 0:
		return 0;
	case -ERANGE:
		return WS_WHY("out of range (whole bytes, at least 1)");
	default:
		return WS_WHY(
			"no size (a number of bytes, with one of %s if need be)", WS_BYTES_UNITS);
	}
}

static int take_buffer(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_capture_options *o = p;

	if (take_bytes(&o->buffer, arg, why, why_size) < 0) {
		return -1;
	}
	return o->buffer > MAX_BUFFER ? WS_WHY("out of range (at most 4GiB)") : 0;
}

static int take_block_timeout(void *p, const char *arg, char *why, size_t why_size)
{
	int64_t ns;

	if (ws_take_duration(&ns, arg, why, why_size) < 0) {
		return -1;
	}
	if (ns < 1000000 || ns > MAX_BLOCK_TIMEOUT * 1000000LL) {
		return WS_WHY("out of range (1ms to 60s)");
	}
	((struct ws_capture_options *)p)->block_timeout_ms = (uint32_t)(ns / 1000000);
	return 0;
}

static int take_workers(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t n;

	if (ws_take_count(&n, arg, why, why_size) < 0) {
		return -1;
	}
	if (n > WS_CAPTURE_WORKERS) {
		return WS_WHY("out of range (at most %d; more than there are CPUs gain nothing)",
			WS_CAPTURE_WORKERS);
	}
	((struct ws_capture_options *)p)->workers = (unsigned)n;
	return 0;
}

static int take_rotate_size(void *p, const char *arg, char *why, size_t why_size)
{
	return take_bytes(&((struct ws_capture_options *)p)->rotate_size, arg, why, why_size);
}

static int take_rotate_time(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_capture_options *o = p;

	if (ws_take_duration(&o->rotate_ns, arg, why, why_size) < 0) {
		return -1;
	}
	if (o->rotate_ns < MIN_ROTATE_NS || o->rotate_ns > INT64_MAX / 8) {
		return WS_WHY("out of range (at least 1s)");
	}
	return 0;
}

static int take_keep(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t n;

	if (ws_take_count(&n, arg, why, why_size) < 0) {
		return -1;
	}
	if (n > 1000000) {
		return WS_WHY("out of range (at most 1M files)");
	}
	((struct ws_capture_options *)p)->keep = (unsigned)n;
	return 0;
}

static int take_compress(void *p, const char *arg, char *why, size_t why_size)
{
	if (strcmp(arg, "zstd") != 0) {
		return WS_WHY("no such compression (zstd)");
	}
	((struct ws_capture_options *)p)->compress = WS_COMPRESS_ZSTD;
	return 0;
}

static int take_stamp(void *p, const char *arg, char *why, size_t why_size)
{
	static const char *const names[] = {
		[WS_STAMP_AUTO] = "auto",
		[WS_STAMP_HARDWARE] = "hardware",
		[WS_STAMP_SOFTWARE] = "software",
		[WS_STAMP_USER] = "user",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(arg, names[i])) {
			((struct ws_capture_options *)p)->stamp = (enum ws_stamp_wish)i;
			return 0;
		}
	}
	return WS_WHY("no such kind of stamp (auto, hardware, software or user)");
}

static int take_cpu(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_capture_options *o = p;
	unsigned cpus[WS_CAPTURE_WORKERS];
	int n = ws_cpu_list_parse(arg, cpus, WS_CAPTURE_WORKERS);

	if (n < 0) {
		return WS_WHY(
			"no list of CPUs (say 2, 0,1 or 0-3: the readers', then the writer's)");
	}
	for (int i = 0; i < n; i++) {
		if (cpus[i] >= CPU_SETSIZE) {
			return WS_WHY("out of range (CPU numbers below %d)", CPU_SETSIZE);
		}
		o->cpus[i] = (int)cpus[i];
	}
	o->cpu_count = (unsigned)n;
	return 0;
}

static const struct ws_option options[] = {
	{"write", 'w', "FILE",
		"record to FILE as pcapng; - is standard output (default: one line\n"
		"a packet, as text)",
		take_write},
	{"read", 'r', "FILE", "read packets from a file instead: print, count, filter", take_read},
	{"count", 'c', "N", "end after N packets", take_count},
	{"duration", 'd', "TIME", "end after this time: 500ms, 10s, 5m", take_duration},
	{"snaplen", 's', "BYTES", "keep this much of each packet; the kernel cuts (default 0: all)",
		take_snaplen},
	{"promisc", 'p', NULL, "packets for other hosts, too (promiscuous mode); undone at the end",
		take_promiscuous},
	{"direction", 'Q', "DIR", "in, out or both (default both)", take_direction},
	{"io", 0, "BACKEND",
		"tpacket3, tpacket2, socket, or auto, the best that opens\n"
		"(default auto)",
		take_io},
	{"buffer", 'B', "SIZE",
		"ring or socket buffer: 64MiB (default: 200 ms at the link's\n"
		"speed, 16 to 256 MiB)",
		take_buffer},
	{"block-timeout", 0, "TIME",
		"a packet is shown or written no later than this (default 60ms)",
		take_block_timeout},
	{"workers", 0, "N", "read with N threads (PACKET_FANOUT), merged by time (default 1)",
		take_workers},
	{"rotate-size", 'C', "SIZE", "begin a new file before one exceeds SIZE: 100MB",
		take_rotate_size},
	{"rotate-time", 'G', "TIME", "begin a new file when UTC is a multiple of TIME: 10s, 1m, 1h",
		take_rotate_time},
	{"keep", 0, "N", "remove the oldest file when there are more than N", take_keep},
	{"split", 0, NULL, "a file for each interface: FILE-IFACE", take_split},
	{"compress", 0, "zstd", "compress the file", take_compress},
	{"stamp", 0, "KIND",
		"software (the kernel), hardware (the card: another clock), user\n"
		"(this program), auto: software (default auto)",
		take_stamp},
	{"lab", 0, NULL,
		"watch a private pair of interfaces with a little traffic of its\n"
		"own; needs neither root nor a network card",
		take_lab},
	{"cpu", 0, "LIST", "run the readers, then the writer, on these CPUs", take_cpu},
	{"realtime", 0, NULL, "run the readers with real-time priority, memory locked",
		take_realtime},
	{"out", 'o', "DIR",
		"keep the result in DIR/run.json, and without -w the packets in\n"
		"DIR/capture.pcapng; DIR must not exist",
		take_out},
	{"json", 'j', NULL, "print one JSON document on stdout, and nothing else there", take_json},
	{"quiet", 'q', NULL, "no progress on stderr", take_quiet},
	{0},
};

static const struct ws_command_help help = {
	.usage = "capture IFACE[,IFACE...] [options] [filter...]\n"
		 "       wirestamp capture --lab [options] [filter...]\n"
		 "       wirestamp capture -r FILE [options] [filter...]",
	.about =
		"Records packets to pcapng with nanoseconds, and accounts for every one. IFACE is NAME,\n"
		"NAME@NETNS or any; filters are tcpdump's (pcap-filter(7)).\n"
		"SIGUSR1 prints the ledger so far, SIGHUP begins a new file.",
	.examples = "  wirestamp capture eth0 -w trace.pcapng udp port 53\n"
		    "  wirestamp capture eth0,eth1 -w all.pcapng --rotate-time 1m --keep 60\n"
		    "  wirestamp capture any -w - not port 22 | tshark -r -\n"
		    "  wirestamp capture -r trace.pcapng icmp",
	.options = options,
};

/* The words of the filter as one text; NULL without memory. */
static char *join(char **words, int n)
{
	size_t len = 1;
	char *text;

	for (int i = 0; i < n; i++) {
		len += strlen(words[i]) + 1;
	}
	text = malloc(len);
	if (text) {
		*text = '\0';
		for (int i = 0; i < n; i++) {
			strcat(strcat(text, i ? " " : ""), words[i]);
		}
	}
	return text;
}

static int take_interfaces(struct ws_capture_options *o, const char *text)
{
	char *rest;

	o->list = strdup(text);
	if (!o->list) {
		ws_error("capture: out of memory (give fewer interfaces)");
		return -1;
	}
	rest = o->list;
	do {
		char *name = strsep(&rest, ",");

		if (!*name) {
			ws_error(
				"%s: an empty name of an interface (say eth0, or eth0,eth1)", text);
			return -1;
		}
		if (o->interface_count == WS_CAPTURE_INTERFACES) {
			ws_error("%s: more than %d interfaces (capture any takes all there are)",
				text, WS_CAPTURE_INTERFACES);
			return -1;
		}
		for (unsigned i = 0; i < o->interface_count; i++) {
			if (!strcmp(o->interfaces[i], name)) {
				ws_error("%s: given twice (once is enough)", name);
				return -1;
			}
		}
		o->interfaces[o->interface_count++] = name;
	} while (rest);
	return 0;
}

static bool has_any(const struct ws_capture_options *o)
{
	for (unsigned i = 0; i < o->interface_count; i++) {
		if (!strcmp(o->interfaces[i], "any")) {
			return true;
		}
	}
	return false;
}

/* What makes no sense on any machine. */
static int check(const struct ws_capture_options *o)
{
	bool writes = o->write || o->out;
	const char *without_file = o->rotate_size || o->rotate_ns
					   ? "--rotate-size and --rotate-time"
				   : o->keep	 ? "--keep"
				   : o->split	 ? "--split"
				   : o->compress ? "--compress"
						 : NULL;

	if (o->read && (o->write || o->out || o->lab)) {
		ws_error("-r: only reads (leave out %s)", o->write ? "-w"
							  : o->out ? "--out"
								   : "--lab");
		return -1;
	}
	if (o->read && (o->promiscuous || o->workers || o->buffer || o->backend || o->realtime ||
			       o->snaplen || o->duration_ns || o->direction != WS_DIRECTION_BOTH ||
			       o->stamp != WS_STAMP_AUTO || o->block_timeout_ms || o->cpu_count ||
			       without_file)) {
		ws_error("-r: reads a file; options of live captures have no meaning (it takes -c, "
			 "--json, -q and a filter)");
		return -1;
	}
	if (without_file && !writes) {
		ws_error("%s: there is no file (give one by -w FILE)", without_file);
		return -1;
	}
	if (o->write && !strcmp(o->write, "-")) {
		if (o->json) {
			ws_error(
				"-w - --json: both want standard output (write to a file, or leave "
				"out --json)");
			return -1;
		}
		if (o->rotate_size || o->rotate_ns || o->keep || o->split) {
			ws_error(
				"-w -: standard output is one stream (rotation, --keep and --split "
				"need -w FILE)");
			return -1;
		}
	}
	if (o->keep && !o->rotate_size && !o->rotate_ns) {
		ws_error("--keep: nothing makes new files (give --rotate-size or --rotate-time)");
		return -1;
	}
	if (o->interface_count * o->workers > WS_WRITER_SOURCES) {
		ws_error(
			"--workers %u: on %u interfaces they are more than %d threads (give fewer)",
			o->workers, o->interface_count, WS_WRITER_SOURCES);
		return -1;
	}
	if (has_any(o) && o->interface_count > 1 && !o->split) {
		ws_error(
			"any: takes in all interfaces, the others too (give it alone, or --split)");
		return -1;
	}
	if (has_any(o) && o->promiscuous) {
		ws_error("any: cannot be made promiscuous (name the interfaces)");
		return -1;
	}
	if (has_any(o) && o->stamp == WS_STAMP_HARDWARE) {
		ws_error("any: hardware stamps are of each card's own clock (name the interfaces)");
		return -1;
	}
	return 0;
}

int ws_capture_options_parse(struct ws_capture_options *o, int argc, char **argv)
{
	int first;

	*o = (struct ws_capture_options){0};
	first = ws_options_parse(&help, o, argc, argv);
	if (first < 0) {
		return first;
	}
	if (!o->read && !o->lab) {
		if (first == argc) {
			ws_error(
				"capture: needs an interface (wirestamp capture eth0; any for all; "
				"--lab for a private pair; -r FILE to read a file)");
			return -1;
		}
		if (take_interfaces(o, argv[first++]) < 0) {
			return -1;
		}
	}
	if (first < argc) {
		o->filter = join(argv + first, argc - first);
		if (!o->filter) {
			ws_error("capture: out of memory (give a shorter filter)");
			return -1;
		}
	}
	if (check(o) < 0) {
		return -1;
	}
	o->workers = o->workers ? o->workers : 1;
	o->block_timeout_ms = o->block_timeout_ms ? o->block_timeout_ms : DEFAULT_BLOCK_TIMEOUT;
	return 0;
}

void ws_capture_options_free(struct ws_capture_options *o)
{
	free(o->list);
	free(o->filter);
}
