/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_own.h"

#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/facts.h"
#include "host/device.h"
#include "host/netns.h"
#include "host/qdisc.h"
#include "host/rtnl.h"

/* The queues of the interface. False: nothing is known of them. */
static bool look_at_queues(const struct ws_load_command *s, struct ws_qdisc_facts *ret)
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
static int choose_bypass(struct ws_load_command *s, const struct ws_qdisc_facts *q, bool known)
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

static int check_pacing(struct ws_load_command *s, const struct ws_qdisc_facts *q, bool known)
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

/* The card: the load's first frames are sent ahead once, to see what it delivers. */
static int use_hardware(struct ws_load_command *s)
{
	struct ws_hardware *h = &s->hardware;
	const struct ws_hardware_trial trial = {
		.source = &s->frames.source,
		.run_id = s->o.traffic.run_id,
		.stop = s->setup.stop,
	};
	enum ws_carrier carrier = WS_CARRIER_UDP;
	unsigned claimed;
	char why[400];

	ws_hardware_init(h, &s->end, NULL);
	claimed = ws_hardware_carriers(h);
	if (s->o.traffic.ptp != WS_PTP_NONE && !(claimed & 1u << carrier)) {
		carrier =
			s->o.traffic.proto == WS_PROTO_UDP ? WS_CARRIER_PTP_UDP : WS_CARRIER_PTP_L2;
	}
	if (ws_hardware_refusal(h, carrier, why, sizeof(why)) ||
		ws_hardware_open(h, carrier, why, sizeof(why)) < 0 ||
		ws_hardware_try(h, &trial, why, sizeof(why)) < 0) {
		ws_error("--stamp hardware: %s", why);
		return -1;
	}
	ws_hardware_remarks(h, &s->report.warnings);
	s->setup.hw_clock = ws_hardware_clock(h, WS_HARDWARE_TX);
	s->setup.in_flight = h->in_flight;
	if (h->in_flight) {
		ws_warn(&s->report.warnings, "%s: only part of the packets is asked for a stamp",
			h->why_sampled);
	}
	return 0;
}

/* Who says when a packet left. */
static int choose_stamp(struct ws_load_command *s)
{
	const struct ws_nic *nic = &s->end.nic;
	bool can = !nic->ts_known || nic->ts_tx_software;

	s->setup.stamp = s->o.stamps_off ? WS_ORIGIN_NONE : s->o.stamp;
	if (s->o.stamps_off) {
		return 0;
	}
	if (s->o.stamp == WS_ORIGIN_HARDWARE) {
		return use_hardware(s);
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

static int place_workers(struct ws_load_command *s)
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

static void describe_device(struct ws_load_command *s)
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

/* The interface's speed as it says; what it really carries if it is not a made-up one. */
uint64_t ws_load_command_link_bps(const struct ws_load_command *s)
{
	static const char *const made_up[] = {"veth", "tun", "bridge", "dummy", "ifb", "netkit"};

	for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
		if (!strcmp(s->end.nic.kind, made_up[i])) {
			return 0;
		}
	}
	return s->has_end ? s->end.nic.link_bps : 0;
}

void ws_load_command_report(struct ws_load_command *s, int argc, char **argv)
{
	struct ws_load_report *r = &s->report;

	r->version = WS_VERSION;
	/* With the program's name, which stands before the command's. */
	r->argc = argc + 1;
	r->argv = argv - 1;
	ws_facts_fill(&r->host, r->started);
	ws_facts_endpoint(&r->tx, &s->end);
	r->link_real = ws_load_command_link_bps(s) > 0;
	r->lab = s->o.lab;
	r->late = s->o.late_skip ? "skip" : "catch-up";
	r->realtime = s->o.realtime;
	r->clock_read_ns = -1;
}

int ws_load_command_prepare(struct ws_load_command *s)
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
	s->setup.link_bps = ws_load_command_link_bps(s);
	return 0;
}
