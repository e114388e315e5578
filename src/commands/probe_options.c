/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/probe_options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/options_common.h"
#include "commands/remote.h"
#include "commands/remote_line.h"

#define FLAG(NAME) WS_TAKE_FLAG(NAME, ((struct ws_probe_options *)p)->NAME)

FLAG(lab)
FLAG(json)
FLAG(quiet)
FLAG(yes)
FLAG(repair)

static int take_deliver(void *p, const char *arg, char *why, size_t why_size)
{
	struct ws_probe_options *o = p;

	if (arg && !*arg) {
		return WS_WHY("nobody (eth1, eth1@NETNS, an address, ssh://HOST/IFACE)");
	}
	o->deliver = true;
	o->peer = arg;
	return 0;
}

static int take_ssh(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_file(&((struct ws_probe_options *)p)->ssh, arg, why, why_size);
}

static int take_remote_program(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_file(&((struct ws_probe_options *)p)->remote_program, arg, why, why_size);
}

static int take_out(void *p, const char *arg, char *why, size_t why_size)
{
	return ws_take_out(&((struct ws_probe_options *)p)->out, arg, why, why_size);
}

static const struct ws_option options[] = {
	{"deliver", 0, "PEER",
		"prove it: send frames of each shape to PEER, and count which of them\n"
		"are stamped. PEER is another interface, NAME@NETNS, or where wirestamp\n"
		"reflect answers: MAC, IP, ssh://[USER@]HOST/IFACE; with --lab it may be\n"
		"left out",
		take_deliver},
	{"ssh", 0, "CMD", "instead of ssh, with its arguments", take_ssh},
	{"remote-program", 0, "PATH", "of wirestamp on the far side (default wirestamp)",
		take_remote_program},
	{"yes", 'y', NULL, "send even on an interface that carries a default route", take_yes},
	{"repair", 0, NULL,
		"put back settings of hardware stamps that a killed wirestamp left; needs\n"
		"CAP_NET_ADMIN",
		take_repair},
	{"lab", 0, NULL, "of the private pair of interfaces, ws0 and ws1", take_lab},
	{"out", 'o', "DIR", "keep the result in DIR/run.json; DIR must not exist", take_out},
	{"json", 'j', NULL, "print one JSON document on stdout, and nothing else there", take_json},
	{"quiet", 'q', NULL, "no progress on stderr", take_quiet},
	{0},
};

static const struct ws_command_help help = {
	.usage = "probe [IFACE...] [options]",
	.about =
		"Shows what interfaces can do with time stamps, and what disturbs measuring: who stamps,\n"
		"which packets, by which clock, how that is set now, and who uses it. What is only claimed\n"
		"is said to be; --deliver tries it. Without IFACE: a table of all, the best first. IFACE\n"
		"is NAME, or NAME@NETNS in a named network namespace. Nothing is sent or changed without\n"
		"--deliver or --repair, and no rights are needed.",
	.examples = "  wirestamp probe\n"
		    "  wirestamp probe eth0 --json\n"
		    "  sudo wirestamp probe eth1 --deliver eth2\n"
		    "  wirestamp probe --lab --deliver",
	.options = options,
	.optional = "deliver",
};

static int check(const struct ws_probe_options *o)
{
	bool remote = o->peer && ws_remote_is_url(o->peer);
	struct ws_remote_target target;
	const char *why;

	if (o->lab && o->count) {
		ws_error("--lab: brings its own interfaces (leave out %s)", o->interfaces[0]);
		return -1;
	}
	if (o->lab && o->peer && strcmp(o->peer, "ws1") != 0) {
		ws_error("--deliver %s: with --lab the peer is ws1 (leave it out)", o->peer);
		return -1;
	}
	if (o->deliver && !o->peer && !o->lab) {
		ws_error("--deliver: to whom? (another interface, an address, ssh://HOST/IFACE)");
		return -1;
	}
	if (o->deliver && !o->lab && o->count != 1) {
		ws_error("--deliver: sends from one interface (%s)",
			o->count ? "give one" : "wirestamp probe eth0 --deliver eth1");
		return -1;
	}
	if ((o->ssh || o->remote_program) && !remote) {
		ws_error("%s: only with --deliver ssh://HOST/IFACE (leave it out)",
			o->ssh ? "--ssh" : "--remote-program");
		return -1;
	}
	if (o->yes && !o->deliver) {
		ws_error("--yes: nothing is sent without --deliver (leave it out)");
		return -1;
	}
	if (remote && ws_remote_target_parse(&target, o->peer, NULL, &why) < 0) {
		ws_error("--deliver %s: %s (ssh://[USER@]HOST[:PORT]/IFACE)", o->peer, why);
		return -1;
	}
	return 0;
}

int ws_probe_options_parse(struct ws_probe_options *o, int argc, char **argv)
{
	int first;

	*o = (struct ws_probe_options){0};
	first = ws_options_parse(&help, o, argc, argv);
	if (first < 0) {
		return first;
	}
	o->interfaces = argv + first;
	o->count = (unsigned)(argc - first);
	return check(o);
}
