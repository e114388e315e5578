/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/facts.h"
#include "commands/latency_own.h"
#include "commands/output.h"
#include "commands/packets_file.h"
#include "commands/stop.h"

static void fill_report(struct ws_latency_command *s, int argc, char **argv)
{
	struct ws_latency_report *r = &s->report;

	r->version = WS_VERSION;
	/* With the program's name, which stands before the command's. */
	r->argc = argc + 1;
	r->argv = argv - 1;
	ws_facts_fill(&r->host, r->started);
	ws_facts_clock(&r->clock);
	if (r->host.cpus == 1) {
		ws_warn(&r->warnings,
			"this machine has one CPU, which sender and receiver must share: "
			"expect late packets");
	}
	ws_facts_endpoint(&r->tx, &s->end[WS_END_TX]);
	ws_facts_endpoint(&r->rx, &s->end[WS_END_RX]);
	r->lab = s->o.load.lab;
	r->has_rx = !s->o.one_way;
	r->seed = s->o.load.seed;
	r->window_ns = s->o.window_ns;
	r->packets.wanted = s->o.packets;
	r->packets.csv = s->o.csv;
}

static const char *payload_name(const struct ws_traffic_spec *t)
{
	enum ws_payload shortest = ws_traffic_probe_of(t, ws_traffic_len_min(t));
	enum ws_payload longest = ws_traffic_probe_of(t, ws_traffic_len_max(t));

	return shortest == longest ? ws_payload_name(shortest) : "mixed";
}

/* What is known once frames and stamps are chosen. */
static void complete_report(struct ws_latency_command *s)
{
	static const char *const modes[] = {
		[WS_LATENCY_ONE_HOST] = "one-host",
		[WS_LATENCY_TWO_WAY] = "two-way",
		[WS_LATENCY_SEND] = "sender",
	};
	struct ws_latency_report *r = &s->report;

	r->mode = modes[s->setup.mode];
	r->carrier = ws_carrier_name(s->o.carrier);
	r->payload = payload_name(&s->o.load.traffic);
	r->run_id = s->setup.run_id;
}

static void progress(void *arg, const struct ws_progress *p)
{
	const struct ws_latency_command *s = arg;
	char rate[64], sent[40], received[40];

	ws_format_rate(rate, sizeof(rate), &s->setup.rate);
	ws_format_count(sent, sizeof(sent), p->sent);
	ws_format_count(received, sizeof(received), p->received);
	fprintf(stderr, "\r%s  %.0f s  %s sent  %s received\033[K", rate, p->seconds, sent,
		received);
	fflush(stderr);
}

static void say_fault(
	const struct ws_latency_command *s, int r, const struct ws_latency_fault *fault)
{
	const struct ws_latency_end *e = &s->setup.end[fault->end];
	bool sends = fault->end == WS_END_TX;

	if (!strcmp(fault->step, "thread") && e->cpu >= 0) {
		ws_error("--cpu: cannot run on CPU %d: %s (nproc and taskset show which there are)",
			e->cpu, strerror(-r));
		return;
	}
	if (!strcmp(fault->step, "clocks")) {
		ws_error(
			"--stamp hardware: the clocks of %s and %s cannot be compared with the system's: %s",
			s->setup.end[WS_END_TX].name, s->setup.end[WS_END_RX].name,
			r == -ETIME
				? "one of them runs away, is set all the time, or takes too long to read "
				  "(phc_ctl IFACE freq 0 sets its rate; use --stamp software)"
				: strerror(-r));
		return;
	}
	switch (r) {
	case -EPERM:
	case -EACCES:
		if (s->udp && s->o.load.traffic.ptp != WS_PTP_NONE) {
			ws_error(
				"--carrier ptp-udp: UDP port %u is privileged (run as root, or use "
				"--carrier udp)",
				WS_PTP_PORT);
			break;
		}
		ws_error("%s: opening it to %s needs CAP_NET_RAW (run as root, or try --lab)",
			e->name, sends ? "send" : "receive");
		break;
	case -ENODEV:
		ws_error("%s: was removed (nothing more can be measured there)", e->name);
		break;
	case -ENETDOWN:
		ws_error("%s: is down (ip link set it up)", e->name);
		break;
	case -ENOLINK:
		ws_error("%s: has lost its carrier (is the cable in, and the other end up?)",
			e->name);
		break;
	case -EMSGSIZE:
		ws_error(
			"%s: its MTU is too small for --size %u by now (set the MTU, or give a smaller size)",
			e->name, ws_traffic_len_max(&s->o.load.traffic) + WS_FCS_LEN);
		break;
	case -EADDRINUSE:
		ws_error("--udp: port %u belongs to another program (give another source port)",
			s->o.load.traffic.src_port);
		break;
	case -EADDRNOTAVAIL:
		ws_error("--src: is no address of this host (leave it out)");
		break;
	case -EOPNOTSUPP:
		ws_error("%s: this kernel lacks what --io %s needs (--io socket works everywhere)",
			e->name, s->o.load.backend ? s->o.load.backend : "auto");
		break;
	default:
		ws_error("%s: cannot be opened to %s: %s (dmesg may say more)", e->name,
			sends ? "send" : "receive", strerror(-r));
	}
}

static int print_json(FILE *out, const void *report)
{
	return ws_report_json(out, report);
}

static int print_text(FILE *out, const void *report, const struct ws_text_style *style)
{
	return ws_report_text(out, report, style);
}

static const struct ws_output_printers printers = {.json = print_json, .text = print_text};

static void take_granted(struct ws_latency_report *r, const struct ws_latency_granted *granted)
{
	r->io = granted->backend ? granted->backend : granted->tx_backend;
	r->io_tx = granted->tx_backend;
	r->rx_buffer = granted->rx_buffer;
	r->stamp_buffer = granted->stamp_buffer;
	r->stamps_outstanding = granted->stamps_outstanding;
	r->tx_keys_explicit = granted->tx_keys_explicit;
}

/* All rates. Returns the exit status; results so far are in the report. */
static int run_rates(struct ws_latency_command *s)
{
	struct ws_latency_report *r = &s->report;

	for (unsigned i = 0; i < s->o.load.rate_count && !atomic_load(s->setup.stop); i++) {
		struct ws_run_result *result = &r->runs[i];
		struct ws_latency_granted granted = {0};
		struct ws_latency_fault fault;
		char label[64];
		int rc;

		rc = ws_latency_make_frames(s, (uint16_t)i);
		if (rc) {
			return rc;
		}
		s->setup.rate = s->o.load.rates[i];
		s->setup.label = ws_format_rate(label, sizeof(label), &s->setup.rate);
		s->setup.plan = s->plans[i];
		s->setup.timed = s->o.load.duration_ns > 0;
		s->setup.packets = s->packets;
		s->setup.packets_run = i;
		rc = ws_latency_run(&s->setup, result, &granted, &r->warnings, &fault);
		if (s->terminal) {
			fputs("\r\033[K", stderr);
		}
		if (rc < 0) {
			say_fault(s, rc, &fault);
			return WS_EXIT_FAIL;
		}
		r->run_count = i + 1;
		take_granted(r, &granted);
		s->unwritten = ws_output_keep(&s->out, print_json, r, s->unwritten);
		if (result->failed) {
			ws_error("%s (what was measured until then is in the result)",
				result->ended_by);
			return WS_EXIT_FAIL;
		}
	}
	return s->unwritten < 0 ? WS_EXIT_FAIL : WS_EXIT_OK;
}

/* Rates are of a mean frame, so that frames have to be known. */
static int make_plans(struct ws_latency_command *s)
{
	const struct ws_load_plan_facts facts = {
		.o = &s->o.load,
		.count = s->o.load.count,
		.frames = &s->frames,
		.where = s->end[WS_END_TX].text,
		.link_bps = s->end[WS_END_TX].nic.link_bps,
	};
	int status = ws_latency_make_frames(s, 0);

	for (unsigned i = 0; i < s->o.load.rate_count && !status; i++) {
		status = ws_load_plan_make(&facts, &s->o.load.rates[i], &s->plans[i]);
	}
	return status;
}

static int first_of(int status, int other)
{
	return status ? status : other;
}

static int measure(struct ws_latency_command *s, int argc, char **argv)
{
	int status;

	s->setup.stop = ws_stop_catch();
	if (ws_output_create(&s->out, s->o.load.out) < 0 || ws_latency_find_ends(s) < 0) {
		return WS_EXIT_FAIL;
	}
	fill_report(s, argc, argv);
	status = ws_latency_far_start(s);
	status = status ? status : ws_latency_prepare(s);
	status = status ? status : make_plans(s);
	if (!status && ws_packets_file_open(&s->packets, &s->out, &s->report.packets,
			       s->o.load.rate_count) < 0) {
		status = WS_EXIT_FAIL;
	}
	if (status && atomic_load(s->setup.stop)) {
		ws_error("latency: stopped by the user before anything was measured");
		return WS_EXIT_OK;
	}
	if (status) {
		return status;
	}
	complete_report(s);
	s->setup.progress = s->terminal ? progress : NULL;
	s->setup.arg = s;
	s->report.runs = ws_need(calloc(s->o.load.rate_count, sizeof(*s->report.runs)));
	status = run_rates(s);
	if (ws_packets_file_close(&s->packets, &s->out, &s->report.packets, &s->report.warnings) <
		0) {
		status = first_of(status, WS_EXIT_FAIL);
	}
	status = first_of(status, ws_latency_far_finish(s));
	if (!s->report.run_count && atomic_load(s->setup.stop)) {
		ws_warn(&s->report.warnings, "stopped by the user before anything was measured");
	}
	if (s->report.run_count && (s->report.packets.wanted || s->report.remote) &&
		ws_output_keep(&s->out, print_json, &s->report, s->unwritten) < 0) {
		status = first_of(status, WS_EXIT_FAIL);
	}
	if (s->report.run_count || atomic_load(s->setup.stop)) {
		status = first_of(status,
			ws_output_print(&printers, &s->report, s->o.load.json, s->terminal));
	}
	return status;
}

static void free_command(struct ws_latency_command *s)
{
	ws_latency_hardware_free(s);
	ws_latency_far_free(s);
	if (!s->report.run_count) {
		ws_packets_file_discard(&s->packets, &s->out);
	}
	if (s->port >= 0) {
		close(s->port);
	}
	for (size_t i = 0; i < s->report.run_count; i++) {
		ws_run_result_free(&s->report.runs[i]);
	}
	free(s->report.runs);
	ws_load_frames_free(&s->frames);
	ws_load_frames_free(&s->collect);
	ws_latency_options_free(&s->o);
	ws_outdir_close(&s->out);
	if (!s->o.load.lab) {
		/* With a far side both ends are one interface, and have one descriptor. */
		if (s->end[WS_END_RX].netns != s->end[WS_END_TX].netns) {
			ws_end_nic_close(&s->end[WS_END_RX]);
		}
		ws_end_nic_close(&s->end[WS_END_TX]);
	}
	ws_lab_leave(&s->lab);
}

int ws_cmd_latency(int argc, char **argv)
{
	static struct ws_latency_command s = {
		.end = {{.netns = -1}, {.netns = -1}},
		.far = {.netns = -1},
		.lab = {.ns = {-1, -1}},
		.port = -1,
		.out = {.fd = -1},
	};
	int r, status;

	r = ws_latency_options_parse(&s.o, argc, argv);
	if (r < 0) {
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	s.terminal = !s.o.load.quiet && isatty(STDERR_FILENO);
	status = measure(&s, argc, argv);
	free_command(&s);
	return status;
}
