/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of `probe`, as they were given; whatever belongs together is checked. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct ws_probe_options {
	char **interfaces; /* as they were given; with --lab none */
	unsigned count;	   /* 0: all that there are */
	bool lab, json, quiet, yes, repair, deliver;
	const char *peer; /* of --deliver; with --lab, and only there, NULL: the other side */
	const char *ssh, *remote_program; /* for a peer ssh://HOST/IFACE; NULL: the defaults */
	const char *out;
};

/* 0; -1 after one line was printed; -2 after --help. */
int ws_probe_options_parse(struct ws_probe_options *o, int argc, char **argv);
