/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/endpoint.h"
#include "commands/facts.h"
#include "commands/hardware.h"
#include "commands/options.h"
#include "commands/options_common.h"
#include "commands/output.h"
#include "commands/packets_file.h"
#include "commands/stop.h"
#include "core/frame.h"
#include "host/clock_sync.h"
#include "host/cpu.h"
#include "host/lab.h"
#include "host/netns.h"
#include "host/port.h"
#include "host/privileges.h"
#include "report/ready_line.h"
#include "report/reflect_report.h"
#include "run/reflect.h"

#define SESSIONS   1024
#define FRAME_ROOM 18 /* header and a VLAN tag, beyond the MTU */

struct options {
	const char *interface; /* NULL: routed sockets */
	bool lab, json, quiet, receive_only, attach, packets, csv;
	const char *backend;  /* NULL: auto */
	enum ws_origin stamp; /* NONE: auto */
	uint16_t port;
	uint64_t max_pps;
	int64_t duration_ns;
	int cpu;
	const char *out;
};

struct command {
	struct options o;
	struct ws_lab lab;
	struct ws_end_nic end;
	bool has_end, udp;
	int port, ptp_port; /* owned, -1: not */
	struct sockaddr_storage local;
	struct ws_hardware hardware;
	struct ws_packets_writer *packets;
	struct ws_outdir out;
	struct ws_reflect_report report;
	struct ws_reflect_setup setup;
	bool terminal;
	bool said; /* why it cannot begin */
};

#define FLAG(NAME) WS_TAKE_FLAG(NAME, ((struct options *)p)->NAME)

FLAG(lab)
FLAG(json)
FLAG(quiet)
FLAG(receive_only)
FLAG(attach)
FLAG(packets)
FLAG(csv)

static int take_io(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_backend(&((struct options *)p)->backend, arg, why, why_size);
}

static int take_stamp(void *p, const char *arg, char *why, size_t why_size)
{
	static const struct {
		const char *name;
		enum ws_origin origin;
	} stamps[] = {{"auto", WS_ORIGIN_NONE}, {"hardware", WS_ORIGIN_HARDWARE},
		{"software", WS_ORIGIN_SOFTWARE}, {"user", WS_ORIGIN_USER}};

	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		if (!strcmp(arg, stamps[i].name)) {
			((struct options *)p)->stamp = stamps[i].origin;
			return 0;
		}
	}
	return WS_WHY("no such kind of stamp (auto, hardware, software or user)");
}

static int take_port(void *p, const char *arg, char *why, size_t why_size)
{
	uint64_t n;

	if (ws_number_parse(arg, strlen(arg), UINT16_MAX, &n) < 0 || !n) {
		return WS_WHY("no port (1 to 65535)");
	}
	((struct options *)p)->port = (uint16_t)n;
	return 0;
}

static int take_max_rate(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_rate rate;
	struct ws_ratio pps;

	if (ws_take_rates(&rate, 1, arg, why, why_size) < 0) {
		return -1;
	}
	if (ws_rate_to_pps(&rate, WS_FRAME_MIN, 0, &pps) < 0 || rate.unit != WS_RATE_PPS ||
		ws_ratio_double(pps) < 1) {
		return WS_WHY("no number of answers a second (at least 1pps; 10kpps, 1Mpps)");
	}
	((struct options *)p)->max_pps = (uint64_t)ws_ratio_double(pps);
	return 0;
}

static int take_duration(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_duration(&((struct options *)p)->duration_ns, arg, why, why_size);
}

static int take_cpu(void *p, const char *arg, char *why, size_t why_size)
{
	unsigned cpu;

	if (ws_cpu_list_parse(arg, &cpu, 1) != 1) {
		return WS_WHY("one CPU number is needed (say 1)");
	}
	((struct options *)p)->cpu = (int)cpu;
	return 0;
}

static int take_out(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_out(&((struct options *)p)->out, arg, why, why_size);
}

static const struct ws_option options[] = {
	{"receive-only", 0, NULL,
		"answer nothing; with --packets and --out keep each packet's times,\n"
		"for report --join",
		take_receive_only},
	{"max-rate", 0, "RATE",
		"answer at most so many probes a second: 10kpps (default: no limit)",
		take_max_rate},
	{"port", 'p', "N",
		"UDP port (default 8620); with 319 for probes in PTP messages alone,\n"
		"which are else answered there, too, if no other program has it",
		take_port},
	{"io", 0, "BACKEND",
		"socket, tpacket2, tpacket3; udp: ordinary routed sockets, which need\n"
		"no privilege, and then no IFACE either (default socket)",
		take_io},
	{"stamp", 0, "KIND",
		"who stamps: hardware (the card), software (the kernel), user (this\n"
		"program), auto: the kernel where it can (default auto)",
		take_stamp},
	{"duration", 'd', "TIME", "end by itself after 500ms, 2s, 5m (default: Ctrl-C ends it)",
		take_duration},
	{"cpu", 0, "N", "run on this CPU", take_cpu},
	{"lab", 0, NULL, "at the lab's far side, ws1; within wirestamp lab -- CMD", take_lab},
	{"packets", 0, NULL,
		"with --receive-only: every packet's times, to packets.npy in --out DIR",
		take_packets},
	{"csv", 0, NULL, "the same as packets.csv, too", take_csv},
	{"out", 'o', "DIR", "keep the result in DIR/run.json; DIR must not exist", take_out},
	{"attach", 0, NULL,
		"for whoever starts it through ssh: one line of JSON when it is ready,\n"
		"the result as JSON at the end, which comes when its input ends",
		take_attach},
	{"json", 'j', NULL, "print one JSON document on stdout, and nothing else there", take_json},
	{"quiet", 'q', NULL, "no progress on stderr", take_quiet},
	{0},
};

static const struct ws_command_help help = {
	.usage = "reflect IFACE [options]\n"
		 "       wirestamp reflect --io udp [IFACE] [options]",
	.about =
		"Answers the probes of wirestamp latency --peer on other hosts, each with the time when it\n"
		"came, and nothing else. Answers are never longer than the probe, and each probe\n"
		"gets one. IFACE is NAME, or NAME@NETNS in a named network namespace.",
	.examples = "  wirestamp reflect eth1\n"
		    "  wirestamp reflect eth1 --max-rate 100kpps --duration 10m\n"
		    "  wirestamp reflect --io udp\n"
		    "  wirestamp reflect eth1 --receive-only --packets --out far",
	.options = options,
};

static int check(const struct options *o)
{
	bool udp = o->backend && !strcmp(o->backend, "udp");

	if (o->lab && o->interface) {
		ws_error("--lab: brings its own interfaces (leave out %s)", o->interface);
		return -1;
	}
	if (!o->interface && !o->lab && !udp) {
		ws_error("reflect: needs an interface (wirestamp reflect eth1), or --io udp");
		return -1;
	}
	if (o->csv && !o->packets) {
		ws_error("--csv: is about --packets (give that, too)");
		return -1;
	}
	if (o->packets && !o->receive_only) {
		ws_error(
			"--packets: only with --receive-only (whoever sends keeps the times of answers)");
		return -1;
	}
	if (o->packets && !o->out) {
		ws_error("--packets: go to a directory (give --out DIR)");
		return -1;
	}
	if (o->receive_only && o->max_pps) {
		ws_error("--receive-only and --max-rate: nothing is answered (leave one out)");
		return -1;
	}
	return 0;
}

static int parse(struct options *o, int argc, char **argv)
{
	int first;

	*o = (struct options){.port = WS_UDP_PORT, .cpu = -1};
	first = ws_options_parse(&help, o, argc, argv);
	if (first < 0) {
		return first;
	}
	if (first < argc) {
		o->interface = argv[first++];
	}
	if (first < argc) {
		ws_error("%s: unexpected (one interface answers, and %s is given already)",
			argv[first], o->interface);
		return -1;
	}
	return check(o);
}

static int find_end(struct command *s)
{
	char why[320];

	s->udp = s->o.backend && !strcmp(s->o.backend, "udp");
	if (s->o.lab) {
		if (ws_lab_enter(&s->lab, why, sizeof(why)) < 0) {
			ws_error("--lab: %s", why);
			return -1;
		}
		s->has_end = true;
		return ws_end_nic_find_in(&s->end, ws_lab_ifname[1], s->lab.ns[1]);
	}
	if (!s->o.interface) {
		s->end.text = "udp";
		return 0;
	}
	s->has_end = true;
	return ws_end_nic_find(&s->end, s->o.interface);
}

/* The widest that the card can: what probes will come is not known yet. */
static int use_hardware(struct command *s)
{
	static const enum ws_carrier widest_first[] = {
		WS_CARRIER_UDP, WS_CARRIER_PTP_L2, WS_CARRIER_PTP_UDP};
	unsigned carriers;
	char why[400];
	size_t i = 0;

	if (!s->has_end) {
		ws_error("--stamp hardware: needs the interface (wirestamp reflect eth1)");
		return -1;
	}
	ws_hardware_init(&s->hardware, s->o.receive_only ? NULL : &s->end, &s->end);
	carriers = ws_hardware_carriers(&s->hardware);
	while (i + 1 < sizeof(widest_first) / sizeof(widest_first[0]) &&
		!(carriers & 1u << widest_first[i])) {
		i++;
	}
	if (ws_hardware_refusal(
		    &s->hardware, carriers ? widest_first[i] : WS_CARRIER_UDP, why, sizeof(why)) ||
		ws_hardware_open(&s->hardware, widest_first[i], why, sizeof(why)) < 0) {
		ws_error("--stamp hardware: %s", why);
		return -1;
	}
	if (i) {
		ws_warn(&s->report.warnings,
			"%s: its card stamps received packets only if they are PTP events: probes of --carrier %s "
			"alone are stamped",
			s->end.text, ws_carrier_name(widest_first[i]));
	}
	ws_hardware_remarks(&s->hardware, &s->report.warnings);
	s->setup.origin = WS_ORIGIN_HARDWARE;
	s->setup.hw_clock = ws_hardware_clock(&s->hardware, WS_HARDWARE_RX);
	s->report.packets.wire_clock[1] = s->setup.hw_clock;
	return 0;
}

static int choose_stamp(struct command *s)
{
	const struct ws_nic *nic = &s->end.nic;
	bool can = !nic->ts_known ||
		   (nic->ts_rx_software && (nic->ts_tx_software || s->o.receive_only));

	if (s->o.stamp == WS_ORIGIN_HARDWARE) {
		return use_hardware(s);
	}
	if (s->o.stamp == WS_ORIGIN_SOFTWARE && !can) {
		ws_error(
			"%s: its driver (%s) gives no software stamps both ways (use --stamp auto or "
			"user)",
			s->end.text, *nic->driver ? nic->driver : "unknown");
		return -1;
	}
	s->setup.origin =
		s->o.stamp == WS_ORIGIN_USER || !can ? WS_ORIGIN_USER : WS_ORIGIN_SOFTWARE;
	if (!can && s->o.stamp == WS_ORIGIN_NONE) {
		ws_warn(&s->report.warnings,
			"%s: its driver (%s) gives no software stamps both ways: the program's own time is "
			"used",
			s->end.text, *nic->driver ? nic->driver : "unknown");
	}
	return 0;
}

/* Both IP versions, where the machine has both. */
static void any_address(struct command *s)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s->local;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		close(fd);
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(s->o.port);
		return;
	}
	((struct sockaddr_in *)&s->local)->sin_family = AF_INET;
	((struct sockaddr_in *)&s->local)->sin_port = htons(s->o.port);
}

/* Also what is sent there by probes in PTP messages: that port is somebody's already where PTP runs. */
static void own_ports(struct command *s)
{
	int saved;

	s->report.ptp_port = s->o.port == WS_PTP_PORT ? WS_PTP_PORT : 0;
	if (s->udp) {
		return;
	}
	saved = ws_netns_enter(s->end.netns);
	if (saved < 0) {
		return;
	}
	/* So that the kernel sends no ICMP. */
	s->port = ws_port_own(s->o.port);
	if (s->o.port != WS_PTP_PORT) {
		s->ptp_port = ws_port_own(WS_PTP_PORT);
		s->setup.ptp_udp = s->ptp_port >= 0;
		s->report.ptp_port = s->setup.ptp_udp ? WS_PTP_PORT : 0;
	}
	ws_netns_leave(saved);
	if (s->port == -EACCES) {
		ws_warn(&s->report.warnings,
			"UDP port %u at %s is privileged and was not taken: the kernel answers each probe "
			"there with ICMP, too (run as root)",
			s->o.port, s->end.text);
	}
	if (s->port == -EADDRINUSE) {
		ws_warn(&s->report.warnings,
			"UDP port %u at %s belongs to another program, which gets the probes too",
			s->o.port, s->end.text);
	}
}

static int print_json(FILE *out, const void *report)
{
	return ws_reflect_json(out, report);
}

static int print_text(FILE *out, const void *report, const struct ws_text_style *style)
{
	return ws_reflect_text(out, report, style);
}

static const struct ws_output_printers printers = {.json = print_json, .text = print_text};

static int give_up_rights(struct command *s)
{
	struct ws_invoker invoker = ws_invoker_get();
	int r = ws_privileges_drop(
		&invoker, s->out.path, s->report.rights, sizeof(s->report.rights));

	if (r < 0) {
		ws_error("reflect: cannot give up rights: %s (nothing was answered)",
			s->report.rights);
	}
	return r;
}

static void say_ready(const struct command *s)
{
	const struct ws_nic *nic = &s->end.nic;

	if (s->o.attach) {
		struct ws_ready_line line = {
			.version = WS_VERSION,
			.host = s->report.host.hostname,
			.interface = s->end.text,
			.has_mac = s->has_end && !s->udp,
			.mtu = s->has_end ? nic->mtu : 0,
			.port = s->report.port,
			.io = s->report.io,
			.boot = s->report.clock.boot,
			.has_ipv4 = s->has_end && nic->has_ipv4,
			.ipv4 = nic->ipv4,
		};

		memcpy(line.mac, nic->mac, sizeof(line.mac));
		(void)ws_ready_print(stdout, &line);
		fflush(stdout);
		return;
	}
	if (!s->o.quiet) {
		char frames[80] = "";

		if (!s->udp) {
			snprintf(frames, sizeof(frames), "%s, ethertypes 0x%04x and 0x%04x (PTP)",
				s->setup.ptp_udp ? " and 319 (PTP)" : "", WS_ETHERTYPE_PROBE,
				WS_ETHERTYPE_PTP);
		}
		fprintf(stderr, "wirestamp: %s at %s%sUDP port %u%s (%s)\n",
			s->o.receive_only ? "receiving" : "answering",
			s->has_end ? s->end.text : "", s->has_end ? ", " : "", s->report.port,
			frames, s->o.duration_ns ? "it ends by itself" : "Ctrl-C ends it");
	}
}

/* Everything is open. What anybody sends is looked at without rights. */
static int ready(void *arg, const struct ws_reflect_granted *granted)
{
	struct command *s = arg;

	s->report.io = granted->backend;
	s->report.rx_buffer = granted->rx_buffer;
	if (granted->udp_port) {
		s->report.port = granted->udp_port;
	}
	s->said = true;
	if (give_up_rights(s) < 0 ||
		ws_packets_file_open(&s->packets, &s->out, &s->report.packets, 1) < 0) {
		return -ECANCELED;
	}
	s->setup.packets = s->packets;
	s->said = false;
	say_ready(s);
	return 0;
}

static void progress(void *arg, double seconds, uint64_t received, uint64_t answered)
{
	const struct command *s = arg;
	char in[40], out[40];

	ws_format_count(in, sizeof(in), received);
	ws_format_count(out, sizeof(out), answered);
	if (s->o.receive_only) {
		fprintf(stderr, "\r%.0f s  %s received\033[K", seconds, in);
	} else {
		fprintf(stderr, "\r%.0f s  %s received  %s answered\033[K", seconds, in, out);
	}
	fflush(stderr);
}

static void say_fault(const struct command *s, int r)
{
	switch (r) {
	case -EPERM:
	case -EACCES:
		ws_error("%s: opening it needs CAP_NET_RAW (run as root, or use --io udp)",
			s->end.text);
		break;
	case -EADDRINUSE:
		ws_error(
			"--io udp: port %u belongs to another program (give another --port, at both "
			"ends)",
			s->o.port);
		break;
	case -EINVAL:
		if (s->o.cpu >= 0) {
			ws_error(
				"--cpu: cannot run on CPU %d (nproc and taskset show which there are)",
				s->o.cpu);
			break;
		}
		/* fall through */
	default:
		ws_error(
			"%s: cannot be opened: %s (dmesg may say more)", s->end.text, strerror(-r));
	}
}

static void prepare(struct command *s, int argc, char **argv)
{
	struct ws_reflect_report *r = &s->report;
	struct ws_reflect_setup *e = &s->setup;

	r->version = WS_VERSION;
	r->argc = argc + 1;
	r->argv = argv - 1;
	ws_facts_fill(&r->host, r->started);
	ws_facts_clock(&r->clock);
	r->has_end = s->has_end;
	if (s->has_end) {
		ws_facts_endpoint(&r->end, &s->end);
	}
	r->lab = s->o.lab;
	r->receive_only = s->o.receive_only;
	r->port = s->o.port;
	r->max_pps = s->o.max_pps;
	r->packets.wanted = s->o.packets;
	r->packets.csv = s->o.csv;
	e->name = s->end.text;
	e->netns = s->end.netns;
	e->ifindex = s->has_end ? s->end.nic.ifindex : 0;
	e->backend = s->o.backend;
	if (s->has_end && !s->udp) {
		memcpy(e->mac, s->end.nic.mac, sizeof(e->mac));
	}
	e->port = s->o.port;
	e->frame_max = s->has_end ? s->end.nic.mtu + FRAME_ROOM : 0;
	e->receive_only = s->o.receive_only;
	e->max_pps = s->o.max_pps;
	e->sessions = SESSIONS;
	e->boot = r->clock.boot;
	e->duration_ns = s->o.duration_ns;
	e->cpu = s->o.cpu;
	e->until_eof = s->o.attach ? STDIN_FILENO : -1;
	e->ready = ready;
	e->progress = s->terminal ? progress : NULL;
	e->arg = s;
	if (s->udp) {
		any_address(s);
		e->udp_local = &s->local;
	}
}

static int serve(struct command *s, int argc, char **argv)
{
	int r, status = 0, unwritten;

	s->setup.stop = ws_stop_catch();
	if (ws_output_create(&s->out, s->o.out) < 0 || find_end(s) < 0 || choose_stamp(s) < 0) {
		return WS_EXIT_FAIL;
	}
	prepare(s, argc, argv);
	own_ports(s);
	r = ws_reflect_run(&s->setup, &s->report.result);
	if (s->terminal) {
		fputs("\r\033[K", stderr);
	}
	if (r < 0) {
		if (!s->said) {
			say_fault(s, r);
		}
		return WS_EXIT_FAIL;
	}
	if (ws_packets_file_close(&s->packets, &s->out, &s->report.packets, &s->report.warnings) <
		0) {
		status = WS_EXIT_FAIL;
	}
	unwritten = ws_output_keep(&s->out, print_json, &s->report, 0);
	if (s->report.result.failed) {
		ws_error("%s (what was seen until then is in the result)",
			s->report.result.ended_by);
		status = WS_EXIT_FAIL;
	}
	r = ws_output_print(
		&printers, &s->report, s->o.json || s->o.attach, s->terminal && !s->o.attach);
	return status ? status : r ? r : unwritten < 0 ? WS_EXIT_FAIL : WS_EXIT_OK;
}

int ws_cmd_reflect(int argc, char **argv)
{
	static struct command s = {
		.end = {.netns = -1},
		.lab = {.ns = {-1, -1}},
		.port = -1,
		.ptp_port = -1,
		.out = {.fd = -1},
	};
	char why[320];
	int r, status;

	r = parse(&s.o, argc, argv);
	if (r < 0) {
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	s.terminal = !s.o.quiet && !s.o.attach && isatty(STDERR_FILENO);
	status = serve(&s, argc, argv);
	if (s.packets) {
		/* It could not begin. */
		ws_packets_file_discard(&s.packets, &s.out);
	}
	if (s.port >= 0) {
		close(s.port);
	}
	if (s.ptp_port >= 0) {
		close(s.ptp_port);
	}
	if (ws_hardware_close(&s.hardware, why, sizeof(why)) < 0) {
		ws_error("%s (wirestamp probe --repair tries again)", why);
	}
	ws_reflect_result_free(&s.report.result);
	ws_outdir_close(&s.out);
	if (!s.o.lab) {
		ws_end_nic_close(&s.end);
	}
	ws_lab_leave(&s.lab);
	return status;
}
