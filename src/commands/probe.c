/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/endpoint.h"
#include "commands/facts.h"
#include "commands/output.h"
#include "commands/probe_deliver.h"
#include "commands/probe_options.h"
#include "commands/probe_own.h"
#include "commands/stop.h"
#include "host/lab.h"
#include "host/xdp.h"
#include "report/probe_report.h"

#define INTERFACES_MAX 4096 /* of a namespace, in the table */

struct command {
	struct ws_probe_options o;
	struct ws_lab lab;
	struct ws_end_nic *end; /* of each interface in the report */
	struct ws_outdir out;
	struct ws_probe_report report;
	struct ws_probe_unseen unseen;
	const atomic_int *stop;
};

static int print_json(FILE *out, const void *report)
{
	return ws_probe_json(out, report);
}

static int print_text(FILE *out, const void *report, const struct ws_text_style *style)
{
	return ws_probe_text(out, report, style);
}

static const struct ws_output_printers printers = {.json = print_json, .text = print_text};

static int make_room(struct command *s, size_t count)
{
	s->end = ws_need(calloc(count ? count : 1, sizeof(*s->end)));
	s->report.interfaces = ws_need(calloc(count ? count : 1, sizeof(*s->report.interfaces)));
	for (size_t i = 0; s->end && i < count; i++) {
		s->end[i].netns = -1;
	}
	return s->end && s->report.interfaces ? 0 : -1;
}

static int look_at_lab(struct command *s)
{
	char why[320];

	if (ws_lab_enter(&s->lab, why, sizeof(why)) < 0) {
		ws_error("--lab: %s", why);
		return -1;
	}
	if (make_room(s, WS_LAB_SIDES) < 0) {
		return -1;
	}
	for (int i = 0; i < WS_LAB_SIDES; i++) {
		if (ws_end_nic_look_in(&s->end[i], ws_lab_ifname[i], s->lab.ns[i]) < 0) {
			return -1;
		}
		s->report.count++;
	}
	return 0;
}

static int look_at_given(struct command *s)
{
	if (make_room(s, s->o.count) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < s->o.count; i++) {
		if (ws_end_nic_look(&s->end[i], s->o.interfaces[i]) < 0) {
			return -1;
		}
		s->report.count++;
	}
	return 0;
}

static int look_at_all(struct command *s)
{
	char(*names)[IFNAMSIZ] = ws_need(calloc(INTERFACES_MAX, sizeof(*names)));
	size_t there;
	int n;

	if (!names) {
		return -1;
	}
	n = ws_nic_list(names, INTERFACES_MAX);
	if (n < 0) {
		ws_error("probe: the interfaces cannot be listed: %s (name one)", strerror(-n));
		free(names);
		return -1;
	}
	there = n > INTERFACES_MAX ? INTERFACES_MAX : (size_t)n;
	if ((size_t)n > there) {
		ws_warn(&s->report.warnings, "%zu more interfaces are not in the table",
			(size_t)n - there);
	}
	s->report.table = true;
	n = make_room(s, there);
	for (size_t i = 0; n == 0 && i < there; i++) {
		struct ws_end_nic *end = &s->end[s->report.count];

		/* One that went in the meantime is none. */
		if (ws_nic_get(names[i], &end->nic) == 0) {
			end->text = end->nic.name;
			s->report.count++;
		}
	}
	free(names);
	return n;
}

static int best_first(const void *a, const void *b)
{
	const struct ws_probe_interface *x = a, *y = b;

	if (x->rank != y->rank) {
		return x->rank < y->rank ? 1 : -1;
	}
	return strverscmp(x->name, y->name);
}

static void say_unseen(struct command *s)
{
	const struct ws_probe_unseen *u = &s->unseen;

	if (u->clocks || u->users || u->config) {
		ws_warn(&s->report.warnings, "without root it is not known %s%s%s%s%s",
			u->users ? "which of other users' programs have a PTP clock open" : "",
			u->users && (u->clocks || u->config) ? ", " : "",
			u->clocks ? "what the PTP clocks show" : "",
			u->clocks && u->config ? ", " : "",
			u->config ? "how hardware stamps are set" : "");
	}
}

/* The peer's claims, beside what it delivered. */
static void judge_trial(struct command *s, const struct ws_probe_trial *trial)
{
	struct ws_probe_interface *i = &s->report.interfaces[0];
	struct ws_end_nic peer = {.netns = -1};
	struct ws_ts_caps caps;

	if (i->far_reflects) {
		ws_probe_judge(i, NULL, NULL);
		return;
	}
	if (trial->peer_netns >= 0) {
		caps = s->report.interfaces[1].caps;
	} else if (ws_end_nic_look(&peer, trial->peer) == 0) {
		ws_probe_claims(&caps, &peer);
	} else {
		caps = (struct ws_ts_caps){0};
	}
	ws_end_nic_close(&peer);
	ws_probe_judge(i, i->peer, &caps);
}

static int try_it(struct command *s)
{
	struct ws_probe_trial trial = {
		.options = &s->o,
		.peer = s->o.lab ? ws_lab_ifname[1] : s->o.peer,
		.peer_netns = s->o.lab ? s->lab.ns[1] : -1,
		.progress = !s->o.quiet && isatty(STDERR_FILENO),
		.stop = s->stop,
	};
	int r = ws_probe_deliver(&trial, &s->end[0], &s->report.interfaces[0], &s->report.warnings);

	if (r == 0 && s->report.interfaces[0].tried) {
		judge_trial(s, &trial);
	}
	return r;
}

static int look(struct command *s)
{
	struct ws_probe_report *r = &s->report;
	int found = s->o.lab ? look_at_lab(s) : s->o.count ? look_at_given(s) : look_at_all(s);

	if (found < 0) {
		return WS_EXIT_FAIL;
	}
	for (size_t i = 0; i < r->count; i++) {
		ws_probe_facts(&r->interfaces[i], &s->end[i], &s->unseen);
		ws_probe_judge(&r->interfaces[i], NULL, NULL);
	}
	if (r->table) {
		qsort(r->interfaces, r->count, sizeof(*r->interfaces), best_first);
	}
	say_unseen(s);
	return s->o.deliver ? try_it(s) : WS_EXIT_OK;
}

static int probe(struct command *s, int argc, char **argv)
{
	struct ws_probe_report *r = &s->report;
	bool unrepaired = false;
	int status, unwritten;

	s->stop = ws_stop_catch();
	if (ws_output_create(&s->out, s->o.out) < 0) {
		return WS_EXIT_FAIL;
	}
	r->version = WS_VERSION;
	r->argc = argc + 1;
	r->argv = argv - 1;
	r->lab = s->o.lab;
	r->xdp_feature_name = ws_xdp_feature_name;
	ws_facts_fill(&r->host, r->started);
	if (s->o.repair) {
		/* First: what is shown is how it stands afterwards. */
		ws_probe_repair(&r->repair);
		unrepaired = r->repair.left || (r->repair.error && r->repair.error != -ENOENT);
	}
	status = look(s);
	if (status != WS_EXIT_OK) {
		return status;
	}
	unwritten = ws_output_keep(&s->out, print_json, r, 0);
	status = ws_output_print(&printers, r, s->o.json, !s->o.quiet && isatty(STDERR_FILENO));
	return status ? status : unwritten < 0 || unrepaired ? WS_EXIT_FAIL : WS_EXIT_OK;
}

int ws_cmd_probe(int argc, char **argv)
{
	static struct command s = {.lab = {.ns = {-1, -1}}, .out = {.fd = -1}};
	int status, r = ws_probe_options_parse(&s.o, argc, argv);

	if (r < 0) {
		return r == -2 ? WS_EXIT_OK : WS_EXIT_USAGE;
	}
	status = probe(&s, argc, argv);
	ws_outdir_close(&s.out);
	for (size_t i = 0; !s.o.lab && i < s.report.count; i++) {
		ws_end_nic_close(&s.end[i]);
	}
	free(s.end);
	free(s.report.interfaces);
	ws_lab_leave(&s.lab);
	return status;
}
