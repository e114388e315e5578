/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/load_dry.h"
#include "commands/load_plan.h"
#include "commands/output.h"
#include "commands/stop.h"
#include "core/frame.h"
#include "core/limit.h"
#include "host/netns.h"
#include "host/port.h"
#include "host/thread.h"
#include "run/load_verdict.h"

static int find_end(struct ws_load_command *s)
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

static int plan_replay(struct ws_load_command *s, struct ws_plan *ret)
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

static int make_plan(struct ws_load_command *s, const struct ws_rate *rate, struct ws_plan *ret)
{
	uint64_t count = s->o.count;

	if (s->o.pcap && !s->o.rate_given) {
		return plan_replay(s, ret);
	}
	if (s->o.pcap && !count && !s->o.duration_ns) {
		count = ws_replay_counts(s->frames.replay)->kept;
	}
	return ws_load_plan_make(
		&(struct ws_load_plan_facts){
			.o = &s->o,
			.count = count,
			.frames = &s->frames,
			.where = s->has_end ? s->end.text : "a dry run's interface",
			.link_bps = s->has_end ? s->end.nic.link_bps : 0,
		},
		rate, ret);
}

static void progress(void *arg, const struct ws_load_second *second)
{
	char line[160];

	(void)arg;
	fprintf(stderr, "\r%s\033[K", ws_load_second_text(line, sizeof(line), second));
	fflush(stderr);
}

/* So that the other end of the lab does not answer each packet with ICMP. */
static void own_port(struct ws_load_command *s)
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

static void lock_memory(struct ws_load_command *s)
{
	char said[200];

	if (!s->o.realtime) {
		return;
	}
	if (ws_memory_lock(said, sizeof(said)) < 0) {
		ws_warn(&s->report.warnings, "--realtime: memory is not locked: %s", said);
	}
}

static void say_fault(const struct ws_load_command *s, int r, const struct ws_load_fault *fault)
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

static int print_text(FILE *out, const void *report, const struct ws_text_style *style)
{
	return ws_load_text(out, report, style);
}

static const struct ws_output_printers printers = {.json = print_json, .text = print_text};

/* What was asked for is more than the link carries: told instead of tried. */
static bool beyond_link(struct ws_load_command *s, struct ws_load_run *run, const char *label)
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
		ws_load_command_link_bps(s) ? ", or --force"
					    : "; it is a virtual one: --force tries all the same");
	return true;
}

/* Whether what was asked for was reached closely enough for the user. */
static int check_require(
	const struct ws_load_command *s, const struct ws_load_run *run, const char *label)
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

/* All rates. Returns the exit status; results so far are in the report. */
static int run_rates(struct ws_load_command *s)
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
			unwritten = ws_output_keep(&s->out, print_json, r, unwritten);
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
		unwritten = ws_output_keep(&s->out, print_json, r, unwritten);
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

static int dry_run(struct ws_load_command *s)
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

static int measure(struct ws_load_command *s, int argc, char **argv)
{
	int status;

	s->setup.stop = ws_stop_catch();
	if (ws_output_create(&s->out, s->o.dry_run ? NULL : s->o.out) < 0 || find_end(s) < 0) {
		return WS_EXIT_FAIL;
	}
	status = ws_load_frames_make(&s->frames, &s->o, s->has_end ? &s->end : NULL,
		s->has_peer ? &s->peer : NULL, s->setup.stop, &s->report);
	for (unsigned i = 0; i < s->o.rate_count && !status; i++) {
		status = make_plan(s, &s->o.rates[i], &s->plans[i]);
	}
	if (status && atomic_load(s->setup.stop)) {
		ws_error("load: stopped by the user before anything was sent");
		return WS_EXIT_OK;
	}
	if (status) {
		return status;
	}
	if (s->o.dry_run) {
		return dry_run(s);
	}
	ws_load_command_report(s, argc, argv);
	s->setup.progress = s->terminal ? progress : NULL;
	s->setup.arg = s;
	if (ws_load_command_prepare(s) < 0) {
		return WS_EXIT_FAIL;
	}
	lock_memory(s);
	s->report.runs = ws_need(calloc(s->o.rate_count, sizeof(*s->report.runs)));
	own_port(s);
	status = run_rates(s);
	if (!s->report.run_count && atomic_load(s->setup.stop)) {
		ws_warn(&s->report.warnings, "stopped by the user before anything was sent");
	}
	if (s->report.run_count || atomic_load(s->setup.stop)) {
		int printed = ws_output_print(&printers, &s->report, s->o.json, s->terminal);

		status = status ? status : printed;
	}
	return status;
}

int ws_cmd_load(int argc, char **argv)
{
	static struct ws_load_command s = {
		.end = {.netns = -1},
		.peer = {.netns = -1},
		.lab = {.ns = {-1, -1}},
		.port = -1,
		.out = {.fd = -1},
	};
	char why[320];
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
	if (ws_hardware_close(&s.hardware, why, sizeof(why)) < 0) {
		ws_error("%s (wirestamp probe --repair tries again)", why);
	}
	ws_load_frames_free(&s.frames);
	ws_load_options_free(&s.o);
	ws_outdir_close(&s.out);
	if (!s.o.lab) {
		ws_end_nic_close(&s.end);
	}
	ws_lab_leave(&s.lab);
	return status;
}
