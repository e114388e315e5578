/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/remote_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char looks_like_option[] =
	"names that begin with a dash are refused: they would be taken for options";

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("/._-@:,+", c));
}

/*
 * One word to a shell of the Bourne or the C family: within single quotes nothing means anything, but for !,
 * which the C shell takes from a history that it only has when it is interactive.
 */
static char *put_word(char *to, const char *word)
{
	const char *s = word;

	while (is_plain(*s)) {
		s++;
	}
	if (*word && !*s) {
		return stpcpy(to, word);
	}
	*to++ = '\'';
	for (s = word; *s; s++) {
		if (*s == '\'') {
			to = stpcpy(to, "'\\''");
		} else {
			*to++ = *s;
		}
	}
	return stpcpy(to, "'");
}

/* With its quotes, a blank before it, and a NUL. */
static size_t most(const char *word)
{
	return 4 * strlen(word) + 4;
}

char *ws_remote_command(const char *program, const char *iface, const char *const *args)
{
	size_t size = sizeof(" reflect --attach ~/");
	char *ret, *to;

	program = program ? program : "wirestamp";
	size += most(program) + (iface ? most(iface) : 0);
	for (size_t i = 0; args && args[i]; i++) {
		size += most(args[i]);
	}
	ret = to = malloc(size);
	if (!ret) {
		return NULL;
	}
	if (!strncmp(program, "~/", 2) && program[2]) {
		to = stpcpy(to, "~/");
		program += 2;
	}
	to = put_word(to, program);
	to = stpcpy(to, " reflect");
	if (iface) {
		*to++ = ' ';
		to = put_word(to, iface);
	}
	to = stpcpy(to, " --attach");
	for (size_t i = 0; args && args[i]; i++) {
		*to++ = ' ';
		to = put_word(to, args[i]);
	}
	return ret;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text)) {
			return true;
		}
	}
	return false;
}

/* Takes the port from host's end, and brackets from an address. What is wrong, or NULL. */
static const char *split_port(struct ws_remote_target *t, char *host)
{
	char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
	unsigned long n = 0;
	char *end = NULL;

	if (host[0] == '[') {
		if (!bracket || (bracket[1] && bracket[1] != ':')) {
			return "the address in brackets has no end";
		}
		colon = bracket[1] ? bracket + 1 : NULL;
	} else if (colon && strchr(host, ':') != colon) {
		return "an IPv6 address needs brackets: ssh://[2001:db8::7]/eth1";
	}
	if (colon) {
		if (isdigit((unsigned char)colon[1])) {
			n = strtoul(colon + 1, &end, 10);
		}
		if (!n || n > UINT16_MAX || *end) {
			return "what follows the host's colon is no port (1 to 65535)";
		}
		(void)snprintf(t->port, sizeof(t->port), "%lu", n);
		*colon = '\0';
	}
	if (host[0] == '[') {
		*bracket = '\0';
		memmove(host, host + 1, strlen(host));
	}
	return NULL;
}

/* The user, if there is one, and the host. ssh gets them as a word of its own. */
static const char *check_login(struct ws_remote_target *t)
{
	char *host = strrchr(t->login, '@');
	const char *why;

	host = host ? host + 1 : t->login;
	if (host == t->login + 1) {
		return "the user's name is empty";
	}
	if (memchr(t->login, ':', (size_t)(host - t->login))) {
		return "a password has no place here, ssh asks for it";
	}
	why = split_port(t, host);
	if (why) {
		return why;
	}
	if (t->login[0] == '-' || host[0] == '-') {
		return looks_like_option;
	}
	return host[0] ? NULL : "the host's name is empty";
}

static const char *parse(struct ws_remote_target *t, const char *url, const char *const *args)
{
	const char *rest = url + strlen("ssh://");
	size_t len = strcspn(rest, "/");
	bool routed = false;

	t->iface = rest[len] && rest[len + 1] ? rest + len + 1 : NULL;
	for (; args && *args; args++) {
		routed = routed || !strcmp(*args, "udp");
	}
	if (len >= sizeof(t->login)) {
		return "the host's name is too long";
	}
	if (has_control(url)) {
		return "a control character is in it";
	}
	if (!t->iface && !routed) {
		return "which interface of that host?";
	}
	if (t->iface && t->iface[0] == '-') {
		return looks_like_option;
	}
	memcpy(t->login, rest, len);
	return check_login(t);
}

int ws_remote_target_parse(struct ws_remote_target *ret, const char *url, const char *const *args,
	const char **ret_why)
{
	struct ws_remote_target t = {.port_option = "-p"};
	const char *why = parse(&t, url, args);

	if (why) {
		*ret_why = why;
		return -1;
	}
	*ret = t;
	return 0;
}

int ws_remote_argv(
	char *argv[WS_REMOTE_WORDS], char *ssh, struct ws_remote_target *t, char *command)
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(ssh, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		/* what is added below */
		if (n == WS_REMOTE_WORDS - 5) {
			return -E2BIG;
		}
		argv[n++] = w;
	}
	if (!n) {
		return -EINVAL;
	}
	if (t->port[0]) {
		argv[n++] = t->port_option;
		argv[n++] = t->port;
	}
	argv[n++] = t->login;
	argv[n++] = command;
	argv[n] = NULL;
	return 0;
}
