/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/endpoint.h"
#include "commands/facts.h"
#include "commands/load_dry.h"
#include "commands/load_frames.h"
#include "commands/load_options.h"
#include "commands/stop.h"
#include "core/frame.h"
#include "core/limit.h"
#include "host/device.h"
#include "host/lab.h"
#include "host/netns.h"
#include "host/port.h"
#include "host/qdisc.h"
#include "host/rtnl.h"
#include "host/thread.h"
#include "report/load_report.h"
#include "report/outdir.h"
#include "run/load.h"
#include "run/load_verdict.h"

#define PRIORITY 40 /* as run/load.c takes it */

struct state {
	struct ws_load_options o;
	struct ws_lab lab;
	struct ws_end_nic end, peer;
	bool has_end, has_peer;
	int port; /* owned at the other end of the lab, -1: not */
	struct ws_load_frames frames;
	struct ws_outdir out;
	struct ws_load_report report;
	struct ws_load_setup setup;
	struct ws_plan plans[WS_LOAD_RATES];
	bool terminal; /* progress is wanted */
};

static int find_end(struct state *s)
{
	char why[320];

	if (s->o.lab) {
		if (ws_lab_enter(&s->lab, why, sizeof(why)) < 0) {
			ws_error("--lab: %s", why);
			return -1;
		}
		s->end = (struct ws_end_nic){.netns = -1};
		s->peer = (struct ws_end_nic){.netns = -1};
		if (ws_end_nic_find_in(&s->end, ws_lab_ifname[0], s->lab.ns[0]) < 0 ||
			ws_end_nic_find_in(&s->peer, ws_lab_ifname[1], s->lab.ns[1]) < 0) {
			return -1;
		}
		s->has_end = s->has_peer = true;
		return 0;
	}
	if (!s->o.interface) {
		return 0; /* a dry run */
	}
	if (s->o.dry_run) {
		/* Nothing is sent: it may be down, and carry what it will. */
		if (ws_end_nic_look(&s->end, s->o.interface) < 0) {
			return -1;
		}
		s->has_end = true;
		return 0;
	}
	if (ws_end_nic_find(&s->end, s->o.interface) < 0) {
		return -1;
	}
	s->has_end = true;
	return ws_end_nic_may_send(&s->end, s->o.yes);
}

/* The queues of the interface. False: nothing is known of them. */
static bool look_at_queues(const struct state *s, struct ws_qdisc_facts *ret)
{
	struct ws_rtnl nl;
	int saved = ws_netns_enter(s->end.netns);
	int r;

	if (saved < 0) {
		return false;
	}
	r = ws_rtnl_open(&nl, 0);
	ws_netns_leave(saved);
	if (r < 0) {
		return false;
	}
	r = ws_qdisc_look(&nl, s->end.nic.ifindex, ret);
	ws_rtnl_close(&nl);
	return r == 0;
}

/* Whether frames go past the queue discipline, and why. */
static int choose_bypass(struct state *s, const struct ws_qdisc_facts *q, bool known)
{
	struct ws_load_report *r = &s->report;
	const char *root = known ? q->root : "";

	if (s->o.bypass == WS_CHOICE_YES && s->o.pacing != WS_PACING_BUSY) {
		ws_error(
			"--bypass on and --pacing: what goes past the queue discipline cannot be paced by it "
			"(leave one out)");
		return -1;
	}
	switch (s->o.bypass) {
	case WS_CHOICE_YES:
		s->setup.qdisc_bypass = true;
		break;
	case WS_CHOICE_NO:
		break;
	case WS_CHOICE_AUTO:
		if (s->o.pacing != WS_PACING_BUSY) {
			snprintf(
				r->bypass_why, sizeof(r->bypass_why), "the queue discipline paces");
		} else if (!known) {
			snprintf(r->bypass_why, sizeof(r->bypass_why),
				"the queue discipline is unknown");
		} else if (ws_qdisc_may_bypass(q)) {
			s->setup.qdisc_bypass = true;
			snprintf(r->bypass_why, sizeof(r->bypass_why),
				"%s does no more than cost time", root);
		} else {
			snprintf(r->bypass_why, sizeof(r->bypass_why), "%s%s%s shapes or orders",
				root, *q->leaves ? " over " : "", q->leaves);
		}
		break;
	}
	r->qdisc_bypass = s->setup.qdisc_bypass;
	return 0;
}

static int check_pacing(struct state *s, const struct ws_qdisc_facts *q, bool known)
{
	static const char *const names[] = {"busy", "txtime", "fq"};
	const char *name = s->end.text, *root = known ? q->root : "unknown";

	s->report.pacing = names[s->o.pacing];
	switch (s->o.pacing) {
	case WS_PACING_BUSY:
		s->setup.pacing = WS_LOAD_BUSY;
		return 0;
	case WS_PACING_TXTIME:
		if (!known || (!q->launch_etf && !q->launch_fq)) {
			ws_error(
				"--pacing txtime: the queue discipline of %s is %s, which does not send at "
				"given times (tc qdisc replace dev %s root fq, or etf, where the kernel has "
				"them; or --pacing busy)",
				name, root, s->end.nic.name);
			return -1;
		}
		s->setup.pacing = WS_LOAD_TXTIME;
		s->setup.launch_clock = q->launch_etf ? WS_CLOCK_TAI : WS_CLOCK_MONOTONIC;
		return 0;
	case WS_PACING_FQ:
		if (!known || !q->launch_fq) {
			ws_error(
				"--pacing fq: the queue discipline of %s is %s, which does not pace (tc qdisc "
				"replace dev %s root fq, where the kernel has it; or --pacing busy)",
				name, root, s->end.nic.name);
			return -1;
		}
		s->setup.pacing = WS_LOAD_FQ;
		return 0;
	}
	return -1;
}

/* Who says when a packet left. */
static int choose_stamp(struct state *s)
{
	const struct ws_nic *nic = &s->end.nic;
	bool can = !nic->ts_known || nic->ts_tx_software;

	s->setup.stamp = s->o.stamps_off ? WS_ORIGIN_NONE : s->o.stamp;
	if (s->o.stamps_off) {
		return 0;
	}
	if (s->o.stamp == WS_ORIGIN_SOFTWARE && !can) {
		ws_error(
			"%s: its driver (%s) gives no software stamps on transmit (use --stamp auto or user)",
			s->end.text, *nic->driver ? nic->driver : "unknown");
		return -1;
	}
	if (s->o.stamp == WS_ORIGIN_NONE) {
		s->setup.stamp = can ? WS_ORIGIN_SOFTWARE : WS_ORIGIN_USER;
		if (!can) {
			ws_warn(&s->report.warnings,
				"%s: its driver (%s) gives no software stamps on transmit: the spacing is that of "
				"the program's calls",
				s->end.text, *nic->driver ? nic->driver : "unknown");
		}
	}
	return 0;
}

static int place_workers(struct state *s)
{
	unsigned allowed[WS_LOAD_WORKERS_MAX];
	int count = ws_cpu_allowed(allowed, WS_LOAD_WORKERS_MAX);
	struct ws_load_report *r = &s->report;

	if (count > 0 && s->o.workers > (unsigned)count && !s->o.force) {
		ws_error(
			"--workers %u: there %s only %d CPU%s to run on (give at most %d, or --force)",
			s->o.workers, count == 1 ? "is" : "are", count, count == 1 ? "" : "s",
			count);
		return -1;
	}
	s->setup.workers = s->o.workers;
	r->workers = s->o.workers;
	for (unsigned i = 0; i < s->o.workers; i++) {
		/* Several have one each; a single one is left to the scheduler unless told otherwise. */
		s->setup.cpus[i] = s->o.cpu_count ? (int)s->o.cpus[i % s->o.cpu_count]
				   : s->o.workers > 1 && count > 0
					   ? (int)allowed[i % (unsigned)count]
					   : -1;
		r->cpus[i] = s->setup.cpus[i];
	}
	for (unsigned i = 0; i < s->o.workers; i++) {
		struct ws_cpu_place place;

		ws_cpu_place_look(s->setup.cpus[i] < 0 ? 0 : s->setup.cpus[i], &place);
		if (*place.governor && !strstr(r->governors, place.governor)) {
			size_t used = strlen(r->governors);

			snprintf(r->governors + used, sizeof(r->governors) - used, "%s%s",
				used ? ", " : "", place.governor);
		}
	}
	return 0;
}

static void describe_device(struct state *s)
{
	struct ws_load_report *r = &s->report;
	struct ws_device d;
	int saved = ws_netns_enter(s->end.netns);

	if (saved < 0) {
		return;
	}
	ws_device_look(s->end.nic.name, &d);
	ws_netns_leave(saved);
	if (!d.pcie_width) {
		return;
	}
	snprintf(r->bus, sizeof(r->bus), "%s x%u at %.16s", d.pcie_speed, d.pcie_width, d.bus);
	if (d.numa_node >= 0) {
		size_t used = strlen(r->bus);

		snprintf(r->bus + used, sizeof(r->bus) - used, ", NUMA node %d", d.numa_node);
		for (unsigned i = 0; i < s->setup.workers; i++) {
			struct ws_cpu_place place;

			if (s->setup.cpus[i] < 0) {
				continue;
			}
			ws_cpu_place_look(s->setup.cpus[i], &place);
			if (place.numa_node >= 0 && place.numa_node != d.numa_node) {
				ws_warn(&r->warnings,
					"CPU %d is of NUMA node %d and %s of node %d: every frame crosses between "
					"them (--cpu with one of node %d)",
					s->setup.cpus[i], place.numa_node, s->end.text, d.numa_node,
					d.numa_node);
			}
		}
	}
	if (d.pcie_bps && s->end.nic.link_bps > d.pcie_bps) {
		ws_warn(&r->warnings,
			"%s: its bus (%s) carries %.1f Gbit/s, less than its link's %.1f",
			s->end.text, r->bus, (double)d.pcie_bps / 1e9,
			(double)s->end.nic.link_bps / 1e9);
	}
	if (d.pcie_width_max > d.pcie_width) {
		ws_warn(&r->warnings, "%s: uses %u of its %u PCIe lanes (another slot?)",
			s->end.text, d.pcie_width, d.pcie_width_max);
	}
}

static int plan_replay(struct state *s, struct ws_plan *ret)
{
	const int64_t *times = ws_replay_times(s->frames.replay);
	uint64_t count = ws_replay_counts(s->frames.replay)->kept;

	if (s->o.count > count) {
		ws_error(
			"--count %llu: %s has only %llu frames that can be sent (give fewer, or a --rate to "
			"send them again and again)",
			(unsigned long long)s->o.count, s->o.pcap, (unsigned long long)count);
		return WS_EXIT_FAIL;
	}
	if (s->o.count) {
		count = s->o.count;
	}
	while (s->o.duration_ns && count > 1 && times[count - 1] >= s->o.duration_ns) {
		count--;
	}
	(void)ws_plan_init_list(ret, times, count);
	return 0;
}

/* The interface's speed as it says; what it really carries if it is not a made-up one. */
static uint64_t real_link_bps(const struct state *s)
{
	static const char *const made_up[] = {"veth", "tun", "bridge", "dummy", "ifb", "netkit"};

	for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
		if (!strcmp(s->end.nic.kind, made_up[i])) {
			return 0;
		}
	}
	return s->has_end ? s->end.nic.link_bps : 0;
}

static int make_plan(struct state *s, const struct ws_rate *rate, struct ws_plan *ret)
{
	const struct ws_frame_sizes *sizes = &s->frames.sizes;
	uint64_t link_bps = s->has_end ? s->end.nic.link_bps : 0;
	uint64_t count = s->o.count;
	int64_t duration = s->o.duration_ns;
	struct ws_ratio pps;
	char text[64];
	int r;

	if (s->o.pcap && !s->o.rate_given) {
		return plan_replay(s, ret);
	}
	if (s->o.pcap && !count && !duration) {
		count = ws_replay_counts(s->frames.replay)->kept;
	}
	ws_format_rate(text, sizeof(text), rate);
	if (rate->unit == WS_RATE_MAX) {
		r = ws_plan_init_max(ret, count, duration);
	} else {
		r = ws_rate_to_pps_mean(
			rate, sizes->frames, sizes->l2_bits, sizes->l1_bits, link_bps, &pps);
		if (r == -ENODATA) {
			ws_error(
				"--rate %s: the speed of %s is unknown (give the rate in pps or bps)",
				text, s->has_end ? s->end.text : "a dry run's interface");
			return WS_EXIT_FAIL;
		}
		if (r == 0 && s->o.pattern == WS_PATTERN_POISSON) {
			int64_t wire = link_bps ? (int64_t)(s->frames.source.l1_bits * 1e9 /
							    (double)link_bps)
						: 0;

			r = ws_plan_init_poisson(ret, pps, wire, s->o.seed, count, duration);
			if (r == -EINVAL) {
				/* More than the link carries: told as that, or tried all the same. */
				r = ws_plan_init_poisson(ret, pps, 0, s->o.seed, count, duration);
			}
		} else if (r == 0 && s->o.pattern == WS_PATTERN_BURST) {
			r = ws_plan_init_burst(ret, pps, s->o.burst, count, duration);
		} else if (r == 0) {
			r = ws_plan_init_cbr(ret, pps, count, duration);
		}
	}
	if (r < 0) {
		ws_error(
			"--rate %s: with this duration or count the run is too long (at most 2^48 packets and "
			"292 years)",
			text);
		return WS_EXIT_USAGE;
	}
	return 0;
}

static void fill_report(struct state *s, int argc, char **argv)
{
	struct ws_load_report *r = &s->report;
	struct ws_endpoint *e = &r->tx;

	r->version = WS_VERSION;
	/* With the program's name, which stands before the command's. */
	r->argc = argc + 1;
	r->argv = argv - 1;
	ws_facts_fill(&r->host, r->started);
	snprintf(e->name, sizeof(e->name), "%s", s->end.text);
	snprintf(e->driver, sizeof(e->driver), "%s", s->end.nic.driver);
	snprintf(e->qdisc, sizeof(e->qdisc), "%s", s->end.nic.qdisc);
	memcpy(e->mac, s->end.nic.mac, sizeof(e->mac));
	e->mtu = s->end.nic.mtu;
	e->link_bps = s->end.nic.link_bps;
	r->link_real = real_link_bps(s) > 0;
	r->lab = s->o.lab;
	r->late = s->o.late_skip ? "skip" : "catch-up";
	r->realtime = s->o.realtime;
	r->clock_read_ns = -1;
}

static void progress(void *arg, const struct ws_load_second *second)
{
	char line[160];

	(void)arg;
	fprintf(stderr, "\r%s\033[K", ws_load_second_text(line, sizeof(line), second));
	fflush(stderr);
}

/* So that the other end of the lab does not answer each packet with ICMP. */
static void own_port(struct state *s)
{
	const struct ws_traffic_spec *t = &s->o.traffic;
	int saved;

	s->port = -1;
	if (!s->has_peer || s->o.pcap || t->proto != WS_PROTO_UDP || t->ip_version != 4) {
		return;
	}
	saved = ws_netns_enter(s->peer.netns);
	if (saved < 0) {
		return;
	}
	s->port = ws_port_own(t->dst_port);
	ws_netns_leave(saved);
}

static void allow_realtime(struct state *s)
{
	char said[200];

	if (!s->o.realtime) {
		return;
	}
	if (ws_memory_lock(said, sizeof(said)) < 0) {
		ws_warn(&s->report.warnings, "--realtime: memory is not locked: %s", said);
	}
}

static int prepare(struct state *s)
{
	struct ws_qdisc_facts q = {0};
	bool known = look_at_queues(s, &q);

	if (check_pacing(s, &q, known) < 0 || choose_bypass(s, &q, known) < 0 ||
		choose_stamp(s) < 0 || place_workers(s) < 0) {
		return -1;
	}
	describe_device(s);
	if (known) {
		snprintf(s->report.tx.qdisc, sizeof(s->report.tx.qdisc), "%s", q.root);
	}
	s->setup.name = s->end.text;
	s->setup.netns = s->end.netns;
	s->setup.ifindex = s->end.nic.ifindex;
	s->setup.backend = s->o.backend;
	s->setup.queued = !s->setup.qdisc_bypass && (!known || strcmp(q.root, "noqueue") != 0);
	s->setup.late_skip = s->o.late_skip;
	s->setup.realtime = s->o.realtime;
	s->setup.source = s->frames.source;
	s->setup.link_bps = real_link_bps(s);
	s->setup.progress = s->terminal ? progress : NULL;
	s->setup.arg = s;
	return 0;
}

static void say_fault(const struct state *s, int r, const struct ws_load_fault *fault)
{
	const char *name = s->end.text;

	if (!strcmp(fault->step, "cpu")) {
		ws_error("--cpu: %s", fault->why);
		return;
	}
	if (!strcmp(fault->step, "memory") || !strcmp(fault->step, "thread")) {
		ws_error("load: cannot begin: %s (give fewer --workers)", strerror(-r));
		return;
	}
	switch (r) {
	case -EPERM:
	case -EACCES:
		ws_error("%s: opening it to send needs CAP_NET_RAW (run as root, or try --lab)",
			name);
		break;
	case -ENODEV:
		ws_error("%s: was removed (nothing more can be sent there)", name);
		break;
	case -ENETDOWN:
		ws_error("%s: is down (ip link set it up)", name);
		break;
	case -ENOLINK:
		ws_error("%s: has lost its carrier (is the cable in, and the other end up?)", name);
		break;
	case -EMSGSIZE:
		ws_error(
			"%s: its MTU is too small for these frames by now (set the MTU, or give a smaller "
			"size)",
			name);
		break;
	case -EOPNOTSUPP:
		ws_error(
			"%s: this kernel lacks what --io %s or --pacing %s needs (--io socket --pacing busy "
			"works everywhere)",
			name, s->o.backend ? s->o.backend : "auto", s->report.pacing);
		break;
	default:
		ws_error("%s: cannot be opened to send: %s (dmesg may say more)", name,
			strerror(-r));
	}
}

static int print_json(FILE *out, const void *report)
{
	return ws_load_json(out, report);
}

/* What was asked for is more than the link carries: told instead of tried. */
static bool beyond_link(struct state *s, struct ws_load_run *run, const char *label)
{
	const struct ws_plan *plan = &s->setup.plan;
	uint64_t link_bps = s->end.nic.link_bps;

	if (ws_plan_is_max(plan) || plan->pattern == WS_PATTERN_LIST || s->o.force) {
		return false;
	}
	*run = (struct ws_load_run){
		.rate = s->setup.rate,
		.pps = plan->pps,
		.planned_pps = ws_ratio_double(plan->pps),
		.frame_bits = s->frames.source.frame_bits,
		.pattern = s->o.pattern,
		.burst = s->o.burst,
		.planned = plan->count,
		.balanced = true,
		.qdisc_drops = UINT64_MAX,
		.qdisc_overlimits = UINT64_MAX,
		.ended_by = "not begun: the link is too slow",
	};
	ws_gaps_init(&run->gaps);
	if (!ws_load_verdict_link(run, link_bps, s->frames.source.l1_bits)) {
		return false;
	}
	run->schedule_hash = ws_plan_hash(plan);
	run->frames_hash = ws_load_frames_hash(&s->frames, plan->count);
	ws_error(
		"--rate %s: more than %s says it can carry: %.0f packets/s of such frames, %.1f Mbit/s at "
		"layer 1; nothing was sent (give a lower rate%s)",
		label, s->end.text, ws_limit_link_pps(link_bps, s->frames.source.l1_bits),
		(double)link_bps / 1e6,
		real_link_bps(s) ? ", or --force"
				 : "; it is a virtual one: --force tries all the same");
	return true;
}

/* Whether what was asked for was reached closely enough for the user. */
static int check_require(const struct state *s, const struct ws_load_run *run, const char *label)
{
	double missed, reached;

	if (s->o.require < 0 || !(run->due_pps > 0)) {
		return 0;
	}
	reached = run->elapsed_ns > 0 ? (double)run->sent * 1e9 / (double)run->elapsed_ns : 0;
	missed = 100.0 * (1.0 - reached / run->due_pps);
	if (missed <= s->o.require) {
		return 0;
	}
	ws_error("--require %g: %s was missed by %.3g %% (limit: %s)", s->o.require, label, missed,
		run->limit.cause);
	return WS_EXIT_FAIL;
}

static void keep(struct state *s, int *unwritten)
{
	int r;

	if (s->out.fd < 0) {
		return;
	}
	/* After each rate: what is measured is kept whatever comes. */
	r = ws_outdir_write(&s->out, print_json, &s->report);
	if (r < 0 && r != *unwritten) {
		ws_error("%s/run.json: %s (%s)", s->out.path, strerror(-r),
			r == -ENOSPC ? "make room; the result is still printed"
				     : "the result is still printed");
	}
	/* Tried again with each rate, and told once: room may have been made. */
	*unwritten = r;
}

/* All rates. Returns the exit status; results so far are in the report. */
static int run_rates(struct state *s)
{
	struct ws_load_report *r = &s->report;
	int unwritten = 0, status = 0;

	for (unsigned i = 0; i < s->o.rate_count && !atomic_load(s->setup.stop); i++) {
		struct ws_load_run *run = &r->runs[i];
		struct ws_load_granted granted = {0};
		struct ws_load_fault fault;
		char label[64];
		int rc;

		s->setup.rate = s->o.rates[i];
		s->setup.label = s->plans[i].pattern == WS_PATTERN_LIST
					 ? "replay"
					 : ws_format_rate(label, sizeof(label), &s->o.rates[i]);
		s->setup.plan = s->plans[i];
		s->setup.timed = s->o.duration_ns > 0;
		if (beyond_link(s, run, s->setup.label)) {
			r->run_count = i + 1;
			keep(s, &unwritten);
			status = WS_EXIT_FAIL;
			continue;
		}
		rc = ws_load_run(&s->setup, run, &granted, &r->warnings, &fault);
		if (s->terminal) {
			fputs("\r\033[K", stderr);
		}
		if (rc < 0) {
			say_fault(s, rc, &fault);
			return WS_EXIT_FAIL;
		}
		run->frames_hash = ws_load_frames_hash(&s->frames, run->planned);
		r->run_count = i + 1;
		r->io = granted.backend;
		r->clock_read_ns = granted.clock_read_ns;
		snprintf(r->io_why, sizeof(r->io_why), "%s", granted.why ? granted.why : "");
		keep(s, &unwritten);
		if (run->faulted) {
			ws_error("%s (what was measured until then is in the result)",
				run->ended_by);
			return WS_EXIT_FAIL;
		}
		rc = check_require(s, run, s->setup.label);
		status = status ? status : rc;
	}
	return status ? status : unwritten < 0 ? WS_EXIT_FAIL : WS_EXIT_OK;
}

static int print_result(const struct state *s)
{
	struct ws_text_style style;
	int r;

	errno = 0;
	if (s->o.json) {
		r = ws_load_json(stdout, &s->report);
		if (s->terminal && r == 0) {
			style = ws_text_style_for(stderr);
			(void)ws_load_text(stderr, &s->report, &style);
		}
	} else {
		style = ws_text_style_for(stdout);
		r = ws_load_text(stdout, &s->report, &style);
	}
	if (r == 0 && fflush(stdout) != 0) {
		r = -EIO;
	}
	if (r < 0) {
		ws_error("stdout: %s (the result could not be printed in full)",
			strerror(errno ? errno : -r));
		return WS_EXIT_FAIL;
	}
	return WS_EXIT_OK;
}

static int create_out(struct state *s)
{
	int r;

	if (!s->o.out || s->o.dry_run) {
		return 0;
	}
	r = ws_outdir_create(&s->out, s->o.out);
	if (r == -EEXIST) {
		ws_error("--out %s: exists (give a name that does not, or remove it)", s->o.out);
	} else if (r < 0) {
		ws_error("--out %s: cannot be made: %s (give a place that can be written)",
			s->o.out, strerror(-r));
	}
	return r;
}

static int dry_run(struct state *s)
{
	const struct ws_plan *plan = &s->plans[0];
	char comment[400];
	uint64_t frames = 0;
	int r;

	for (unsigned i = 0; i < s->report.warnings.count; i++) {
		ws_error("%s", s->report.warnings.text[i]);
	}
	snprintf(comment, sizeof(comment), "%s, seed %llu", s->report.traffic,
		(unsigned long long)s->o.seed);
	r = ws_load_dry_run(s->o.dry_run, plan, &s->frames.source,
		s->has_end ? s->end.nic.name : "dry", s->has_end ? s->end.nic.link_bps : 0, comment,
		&frames);
	if (r < 0 && r != -EINTR) {
		ws_error("--dry-run %s: %s (%llu frames were written)", s->o.dry_run, strerror(-r),
			(unsigned long long)frames);
		return WS_EXIT_FAIL;
	}
	if (r == -EINTR) {
		ws_error("--dry-run %s: stopped by the user (%llu frames were written)",
			s->o.dry_run, (unsigned long long)frames);
	} else if (!s->o.quiet) {
		fprintf(stderr,
			"wirestamp: %llu frames written to %s, nothing sent; schedule %016llx, frames %016llx\n",
			(unsigned long long)frames, s->o.dry_run,
			(unsigned long long)ws_plan_hash(plan),
			(unsigned long long)ws_load_frames_hash(&s->frames, plan->count));
	}
	return WS_EXIT_OK;
}

static int measure(struct state *s, int argc, char **argv)
{
	int status;

	s->setup.stop = ws_stop_catch();
	if (create_out(s) < 0 || find_end(s) < 0) {
		return WS_EXIT_FAIL;
	}
	status = ws_load_frames_make(&s->frames, &s->o, s->has_end ? &s->end : NULL,
		s->has_peer ? &s->peer : NULL, s->setup.stop, &s->report);
	for (unsigned i = 0; i < s->o.rate_count && !status; i++) {
		status = make_plan(s, &s->o.rates[i], &s->plans[i]);
	}
	if (status) {
		return status;
	}
	if (s->o.dry_run) {
		return dry_run(s);
	}
	fill_report(s, argc, argv);
	if (prepare(s) < 0) {
		return WS_EXIT_FAIL;
	}
	allow_realtime(s);
	s->report.runs = ws_need(calloc(s->o.rate_count, sizeof(*s->report.runs)));
	own_port(s);
	status = run_rates(s);
	if (!s->report.run_count && atomic_load(s->setup.stop)) {
		ws_warn(&s->report.warnings, "stopped by the user before anything was sent");
	}
	if (s->report.run_count || atomic_load(s->setup.stop)) {
		int printed = print_result(s);

		status = status ? status : printed;
	}
	return status;
}

int ws_cmd_load(int argc, char **argv)
{
	static struct state s = {
		.end = {.netns = -1},
		.peer = {.netns = -1},
		.lab = {.ns = {-1, -1}},
		.port = -1,
		.out = {.fd = -1},
	};
	int r, status;

	r = ws_load_options_parse(&s.o, argc, argv);
	if (r < 0) {
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	s.terminal = !s.o.quiet && isatty(STDERR_FILENO);
	status = measure(&s, argc, argv);
	if (s.port >= 0) {
		close(s.port);
	}
	free(s.report.runs);
	ws_load_frames_free(&s.frames);
	ws_load_options_free(&s.o);
	ws_outdir_close(&s.out);
	if (!s.o.lab) {
		ws_end_nic_close(&s.end);
	}
	ws_lab_leave(&s.lab);
	return status;
}
