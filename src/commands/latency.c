/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/endpoint.h"
#include "commands/facts.h"
#include "commands/latency_options.h"
#include "commands/output.h"
#include "commands/stop.h"
#include "host/cpu.h"
#include "host/lab.h"
#include "host/netns.h"
#include "host/port.h"
#include "report/outdir.h"
#include "report/report.h"
#include "run/latency.h"

/* RFC 2544's addresses for measuring, where an interface has none of its own. */
#define TX_ADDRESS  0xc6120001 /* 198.18.0.1 */
#define RX_ADDRESS  0xc6120002 /* 198.18.0.2 */
#define SOURCE_PORT 8620

struct state {
	struct ws_latency_options o;
	struct ws_lab lab;
	struct ws_end_nic end[WS_ENDS];
	int port; /* owned at the receiving end, -1: not */
	struct ws_outdir out;
	struct ws_latency_report report;
	struct ws_latency_setup setup;
	bool terminal; /* progress is wanted */
};

static int find_ends(struct state *s)
{
	char why[320];

	if (s->o.lab) {
		if (ws_lab_enter(&s->lab, why, sizeof(why)) < 0) {
			ws_error("--lab: %s", why);
			return -1;
		}
		for (int i = 0; i < WS_ENDS; i++) {
			s->end[i] = (struct ws_end_nic){.netns = -1};
			if (ws_end_nic_find_in(&s->end[i], ws_lab_ifname[i], s->lab.ns[i]) < 0) {
				return -1;
			}
		}
		return 0;
	}
	if (ws_end_nic_find(&s->end[WS_END_TX], s->o.tx) < 0 ||
		ws_end_nic_find(&s->end[WS_END_RX], s->o.rx) < 0) {
		return -1;
	}
	if (ws_end_nic_same(&s->end[WS_END_TX], &s->end[WS_END_RX])) {
		ws_error("%s and %s: the same interface (give two that are connected, or --lab)",
			s->o.tx, s->o.rx);
		return -1;
	}
	return ws_end_nic_may_send(&s->end[WS_END_TX], s->o.yes);
}

/* Chooses the stamps of one end by what its driver claims. */
static int choose_stamp(struct state *s, enum ws_end end)
{
	const struct ws_nic *nic = &s->end[end].nic;
	const char *name = s->end[end].text;
	bool can = !nic->ts_known || (end == WS_END_TX ? nic->ts_tx_software : nic->ts_rx_software);
	enum ws_origin origin = s->o.stamp;

	if (origin == WS_ORIGIN_HARDWARE) {
		bool has = end == WS_END_TX ? nic->ts_tx_hardware : nic->ts_rx_hardware;

		ws_error("%s: %s (use --stamp software or auto)", name,
			has ? "this version of wirestamp does not use its hardware stamps yet"
			    : "has no hardware stamps");
		return -1;
	}
	if (origin == WS_ORIGIN_SOFTWARE && !can) {
		ws_error("%s: its driver (%s) gives no software stamps on %s (use --stamp auto or "
			 "user)",
			name, *nic->driver ? nic->driver : "unknown",
			end == WS_END_TX ? "transmit" : "receive");
		return -1;
	}
	if (origin == WS_ORIGIN_NONE) {
		origin = can ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_USER;
		if (!can) {
			ws_warn(&s->report.warnings,
				"%s: its driver (%s) gives no software stamps on %s: the program's "
				"own time is used there",
				name, *nic->driver ? nic->driver : "unknown",
				end == WS_END_TX ? "transmit" : "receive");
		}
	}
	s->setup.end[end].origin = origin;
	return 0;
}

static int check_size(const struct state *s)
{
	for (int i = 0; i < WS_ENDS; i++) {
		uint32_t most = s->end[i].nic.mtu + 14 + WS_FCS_LEN;

		if (s->o.size > most) {
			ws_error("--size %u: too large for %s, whose MTU is %u (at most %u)",
				s->o.size, s->end[i].text, s->end[i].nic.mtu, most);
			return -1;
		}
	}
	return 0;
}

static int make_plan(struct state *s, const struct ws_rate *rate, struct ws_plan *ret)
{
	const struct ws_end_nic *tx = &s->end[WS_END_TX];
	char text[64];
	struct ws_ratio pps;
	int r;

	ws_format_rate(text, sizeof(text), rate);
	if (rate->unit == WS_RATE_MAX) {
		r = ws_plan_init_max(ret, s->o.count, s->o.duration_ns);
	} else {
		r = ws_rate_to_pps(rate, s->o.size - WS_FCS_LEN, tx->nic.link_bps, &pps);
		if (r == -ENODATA) {
			ws_error("--rate %s: the speed of %s is unknown (give the rate in pps or "
				 "bps)",
				text, tx->text);
			return WS_EXIT_FAIL;
		}
		if (r == 0) {
			r = ws_plan_init_cbr(ret, pps, s->o.count, s->o.duration_ns);
		}
	}
	if (r < 0) {
		ws_error("--rate %s: with this duration or count the run is too long (at most 2^48 "
			 "packets and 292 years)",
			text);
		return WS_EXIT_USAGE;
	}
	return 0;
}

static void fill_endpoint(struct ws_endpoint *e, const struct ws_end_nic *end)
{
	snprintf(e->name, sizeof(e->name), "%s", end->text);
	snprintf(e->driver, sizeof(e->driver), "%s", end->nic.driver);
	snprintf(e->qdisc, sizeof(e->qdisc), "%s", end->nic.qdisc);
	memcpy(e->mac, end->nic.mac, sizeof(e->mac));
	e->mtu = end->nic.mtu;
	e->link_bps = end->nic.link_bps;
}

static void fill_report(struct state *s, int argc, char **argv)
{
	struct ws_latency_report *r = &s->report;

	r->version = WS_VERSION;
	/* With the program's name, which stands before the command's. */
	r->argc = argc + 1;
	r->argv = argv - 1;
	ws_facts_fill(&r->host, r->started);
	if (r->host.cpus == 1) {
		ws_warn(&r->warnings,
			"this machine has one CPU, which sender and receiver must share: "
			"expect late packets");
	}
	fill_endpoint(&r->tx, &s->end[WS_END_TX]);
	fill_endpoint(&r->rx, &s->end[WS_END_RX]);
	r->lab = s->o.lab;
	r->carrier = ws_carrier_name(s->o.carrier);
	r->payload = s->setup.frame.payload == WS_PAYLOAD_FULL ? "full" : "short";
	r->run_id = s->setup.frame.run_id;
	r->window_ns = s->o.window_ns;
}

static void progress(void *arg, const struct ws_progress *p)
{
	const struct state *s = arg;
	char rate[64], sent[40], received[40];

	ws_format_rate(rate, sizeof(rate), &s->setup.rate);
	ws_format_count(sent, sizeof(sent), p->sent);
	ws_format_count(received, sizeof(received), p->received);
	fprintf(stderr, "\r%s  %.0f s  %s sent  %s received\033[K", rate, p->seconds, sent,
		received);
	fflush(stderr);
}

static int own_port(struct state *s)
{
	uint16_t port = s->o.carrier == WS_CARRIER_UDP ? WS_UDP_PORT : 0;
	int saved = ws_netns_enter(s->end[WS_END_RX].netns);

	s->port = -1;
	if (saved < 0) {
		return saved;
	}
	s->port = ws_port_own(port);
	ws_netns_leave(saved);
	if (s->port == -EADDRINUSE) {
		ws_warn(&s->report.warnings,
			"UDP port %u at %s belongs to another program, which gets the probes too",
			port, s->end[WS_END_RX].text);
	}
	return 0;
}

static int fill_setup(struct state *s)
{
	const struct ws_nic *tx = &s->end[WS_END_TX].nic, *rx = &s->end[WS_END_RX].nic;
	struct ws_frame_spec *f = &s->setup.frame;

	for (int i = 0; i < WS_ENDS; i++) {
		struct ws_latency_end *e = &s->setup.end[i];

		e->name = s->end[i].text;
		e->netns = s->end[i].netns;
		e->ifindex = s->end[i].nic.ifindex;
		e->cpu = s->o.cpu[i];
		if (choose_stamp(s, (enum ws_end)i) < 0) {
			return -1;
		}
	}
	s->setup.backend = s->o.backend;
	if (!s->setup.backend && s->setup.end[WS_END_RX].origin == WS_ORIGIN_USER) {
		/* The program's own time is when it sees the packet: a ring that hands over blocks
		 * would add milliseconds. */
		s->setup.backend = "socket";
	}
	s->setup.window_ns = s->o.window_ns;
	/* veth claims a speed that it does not keep to. */
	s->setup.link_bps = strcmp(tx->kind, "veth") ? tx->link_bps : 0;
	s->setup.progress = s->terminal ? progress : NULL;
	s->setup.arg = s;
	memcpy(f->dst, rx->mac, sizeof(f->dst));
	memcpy(f->src, tx->mac, sizeof(f->src));
	if (s->o.carrier_auto && !rx->has_ipv4) {
		/* A packet for an address that this host does not have is no business of its IP
		 * stack. */
		s->o.carrier = WS_CARRIER_L2;
	}
	f->carrier = s->o.carrier;
	f->len = s->o.size - WS_FCS_LEN;
	f->payload = ws_frame_payload_for(f->carrier, f->len);
	f->src_ip = tx->has_ipv4 ? tx->ipv4 : TX_ADDRESS;
	f->dst_ip = rx->has_ipv4 ? rx->ipv4 : RX_ADDRESS;
	f->src_port = SOURCE_PORT;
	f->dst_port = WS_UDP_PORT;
	if (getentropy(&f->run_id, sizeof(f->run_id)) < 0) {
		f->run_id = (uint32_t)getpid() ^ (uint32_t)time(NULL);
	}
	return 0;
}

static void say_fault(const struct state *s, int r, const struct ws_latency_fault *fault)
{
	const struct ws_latency_end *e = &s->setup.end[fault->end];
	bool sends = fault->end == WS_END_TX;

	if (!strcmp(fault->step, "thread") && e->cpu >= 0) {
		ws_error("--cpu: cannot run on CPU %d: %s (nproc and taskset show which there are)",
			e->cpu, strerror(-r));
		return;
	}
	switch (r) {
	case -EPERM:
	case -EACCES:
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
			e->name, s->o.size);
		break;
	case -EOPNOTSUPP:
		ws_error("%s: this kernel lacks what --io %s needs (--io socket works everywhere)",
			e->name, s->o.backend ? s->o.backend : "auto");
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

/* All rates. Returns the exit status; results so far are in the report. */
static int run_rates(struct state *s, const struct ws_plan *plans)
{
	struct ws_latency_report *r = &s->report;
	int unwritten = 0;

	for (unsigned i = 0; i < s->o.rate_count && !atomic_load(s->setup.stop); i++) {
		struct ws_run_result *result = &r->runs[i];
		struct ws_latency_granted granted = {0};
		struct ws_latency_fault fault;
		char label[64];
		int rc;

		s->setup.rate = s->o.rates[i];
		s->setup.label = ws_format_rate(label, sizeof(label), &s->o.rates[i]);
		s->setup.plan = plans[i];
		s->setup.timed = s->o.duration_ns > 0;
		s->setup.frame.stream = (uint16_t)i;
		rc = ws_latency_run(&s->setup, result, &granted, &r->warnings, &fault);
		if (s->terminal) {
			fputs("\r\033[K", stderr);
		}
		if (rc < 0) {
			say_fault(s, rc, &fault);
			return WS_EXIT_FAIL;
		}
		r->run_count = i + 1;
		r->io = granted.backend;
		r->io_tx = granted.tx_backend;
		r->rx_buffer = granted.rx_buffer;
		r->stamp_buffer = granted.stamp_buffer;
		r->stamps_outstanding = granted.stamps_outstanding;
		r->tx_keys_explicit = granted.tx_keys_explicit;
		unwritten = ws_output_keep(&s->out, print_json, r, unwritten);
		if (result->failed) {
			ws_error("%s (what was measured until then is in the result)",
				result->ended_by);
			return WS_EXIT_FAIL;
		}
	}
	return unwritten < 0 ? WS_EXIT_FAIL : WS_EXIT_OK;
}

static int make_plans(struct state *s, struct ws_plan *plans)
{
	for (unsigned i = 0; i < s->o.rate_count; i++) {
		int status = make_plan(s, &s->o.rates[i], &plans[i]);

		if (status) {
			return status;
		}
	}
	return 0;
}

static int measure(struct state *s, int argc, char **argv)
{
	struct ws_plan plans[WS_MAX_RATES];
	int status;

	s->setup.stop = ws_stop_catch();
	if (ws_output_create(&s->out, s->o.out) < 0) {
		return WS_EXIT_FAIL;
	}
	if (find_ends(s) < 0 || check_size(s) < 0 || fill_setup(s) < 0) {
		return WS_EXIT_FAIL;
	}
	status = make_plans(s, plans);
	if (status) {
		return status;
	}
	s->report.runs = calloc(s->o.rate_count, sizeof(*s->report.runs));
	if (!s->report.runs) {
		ws_error("latency: out of memory (give fewer rates)");
		return WS_EXIT_FAIL;
	}
	fill_report(s, argc, argv);
	(void)own_port(s);
	status = run_rates(s, plans);
	if (!s->report.run_count && atomic_load(s->setup.stop)) {
		ws_warn(&s->report.warnings, "stopped by the user before anything was measured");
	}
	if (s->report.run_count || atomic_load(s->setup.stop)) {
		int printed = ws_output_print(&printers, &s->report, s->o.json, s->terminal);

		status = status ? status : printed;
	}
	return status;
}

int ws_cmd_latency(int argc, char **argv)
{
	static struct state s = {
		.end = {{.netns = -1}, {.netns = -1}},
		.lab = {.ns = {-1, -1}},
		.port = -1,
		.out = {.fd = -1},
	};
	int r, status;

	r = ws_latency_options_parse(&s.o, argc, argv);
	if (r < 0) {
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	s.terminal = !s.o.quiet && isatty(STDERR_FILENO);
	status = measure(&s, argc, argv);
	if (s.port >= 0) {
		close(s.port);
	}
	free(s.report.runs);
	ws_outdir_close(&s.out);
	if (!s.o.lab) {
		ws_end_nic_close(&s.end[WS_END_TX]);
		ws_end_nic_close(&s.end[WS_END_RX]);
	}
	ws_lab_leave(&s.lab);
	return status;
}
