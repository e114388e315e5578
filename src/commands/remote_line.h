/* SPDX-License-Identifier: BSD-2-Clause */
/* What is started for ssh://[USER@]HOST[:PORT]/IFACE: pure, for commands/remote.c and who reads the option. */
#pragma once

#include <stddef.h>

#define WS_REMOTE_WORDS 64

struct ws_remote_target {
	char login[320]; /* [USER@]HOST, as ssh takes it */
	char port[8];	 /* empty: ssh's own choice */
	char port_option[3];
	const char *iface; /* of the URL; NULL: none */
};

/* args: of struct ws_remote_config. 0, or -1; why is a clause for a message then. */
int ws_remote_target_parse(struct ws_remote_target *ret, const char *url, const char *const *args,
	const char **ret_why);
/*
 * The command that a shell on the far side is given, to be freed; NULL: no memory. Nothing in iface, program or
 * args is more than a word to that shell, but for ~/ at the beginning of program. program and iface may be NULL.
 */
char *ws_remote_command(const char *program, const char *iface, const char *const *args);
/* The words of ssh, which is split in place, and what follows them. 0, -EINVAL: it has none, -E2BIG. */
int ws_remote_argv(
	char *argv[WS_REMOTE_WORDS], char *ssh, struct ws_remote_target *t, char *command);
