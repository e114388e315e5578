/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/remote.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "commands/commands.h"
#include "commands/remote_line.h"
#include "host/sys.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define READY_NS     (120 * NSEC_PER_SEC)
#define FINISH_NS    (10 * NSEC_PER_SEC)
#define SLICE_NS     INT64_C(100000000)
#define LEAVE_NS     INT64_C(300000000)
#define BANNER_MAX   1000	 /* lines */
#define RESULT_MAX   (64U << 20) /* bytes of a result, whatever its lines are */
#define READY_FORMAT "wirestamp-ready/1"
#define RUN_FORMAT   "wirestamp-run/1"

struct ws_remote {
	struct ws_child child;
	char *url;
	const volatile int *stop;
	int64_t finish_ns;
};

struct text {
	char *at;
	size_t len, size;
	bool failed;
};

static void append(struct text *t, const char *s, size_t len)
{
	size_t size = t->size ? t->size : 256;
	char *p;

	while (size - t->len <= len) {
		size *= 2;
	}
	if (size != t->size) {
		p = realloc(t->at, size);
		if (!p) {
			t->failed = true;
			return;
		}
		t->at = p;
		t->size = size;
	}
	memcpy(t->at + t->len, s, len);
	t->len += len;
	t->at[t->len] = '\0';
}

bool ws_remote_is_url(const char *text)
{
	return strncmp(text, "ssh://", 6) == 0;
}

/* As a line of ours would be: nothing that steers a terminal. */
static void pass_on(const char *line)
{
	for (; *line && strcmp(line, "\r") != 0; line++) {
		fputc(iscntrl((unsigned char)*line) && *line != '\t' ? '?' : *line, stderr);
	}
	fputc('\n', stderr);
}

/* Why it ended before it was ready, or without a result. */
static void say_end(const char *url, int status, bool ready)
{
	const char *when = ready ? "before it gave its result" : "before it was ready";

	if (status >= 0 && WIFSIGNALED(status)) {
		ws_error("%s: was ended by signal %d (%s) %s (see what it says above)", url,
			WTERMSIG(status), strsignal(WTERMSIG(status)), when);
	} else if (status < 0 || !WIFEXITED(status)) {
		ws_error("%s: ended %s (see what it says above)", url, when);
	} else if (WEXITSTATUS(status) == 255 && ready) {
		ws_error(
			"%s: ssh ended with status 255 %s: the connection was lost (see what it says "
			"above)",
			url, when);
	} else if (WEXITSTATUS(status) == 255) {
		ws_error(
			"%s: ssh failed with status 255 (see what it says above; does plain ssh get "
			"there?)",
			url);
	} else if (WEXITSTATUS(status) == 127 && !ready) {
		ws_error("%s: status 127: there is no such program there (give its path with "
			 "--remote-program)",
			url);
	} else if (WEXITSTATUS(status) == 126 && !ready) {
		ws_error(
			"%s: status 126: the program there cannot be run (another --remote-program)",
			url);
	} else {
		ws_error("%s: ended with status %d %s (see what it says above)", url,
			WEXITSTATUS(status), when);
	}
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool parse_mac(const char *text, uint8_t ret[6])
{
	unsigned b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		    &end) != 6 ||
		text[end]) {
		return false;
	}
	for (int i = 0; i < 6; i++) {
		ret[i] = (uint8_t)b[i];
	}
	return true;
}

/* False: it is not what a far side says. */
static bool take_hello(const json_t *o, struct ws_remote_hello *h)
{
	const char *boot = text_of(o, "boot");
	json_int_t port = json_integer_value(json_object_get(o, "port"));
	json_int_t mtu = json_integer_value(json_object_get(o, "mtu"));
	char *end;

	*h = (struct ws_remote_hello){.port = (uint16_t)port, .mtu = (uint32_t)mtu};
	(void)snprintf(h->version, sizeof(h->version), "%s", text_of(o, "version"));
	(void)snprintf(h->interface, sizeof(h->interface), "%s", text_of(o, "interface"));
	(void)snprintf(h->host, sizeof(h->host), "%s", text_of(o, "host"));
	(void)snprintf(h->io, sizeof(h->io), "%s", text_of(o, "io"));
	h->has_mac = parse_mac(text_of(o, "mac"), h->mac);
	h->has_ipv4 = inet_pton(AF_INET, text_of(o, "ipv4"), h->ipv4) == 1;
	h->has_ipv6 = inet_pton(AF_INET6, text_of(o, "ipv6"), h->ipv6) == 1;
	if (strlen(boot) == 8 && strspn(boot, "0123456789abcdefABCDEF") == 8) {
		h->boot = (uint32_t)strtoul(boot, &end, 16);
	}
	return h->version[0] && h->interface[0] && port > 0 && port <= UINT16_MAX && mtu >= 0 &&
	       mtu <= UINT32_MAX;
}

/* Versions of one major number understand each other. */
static int check_version(const char *url, const char *theirs)
{
	size_t len = strcspn(WS_VERSION, ".");

	if (!strcmp(theirs, WS_VERSION)) {
		return 0;
	}
	if (strcspn(theirs, ".") == len && !strncmp(theirs, WS_VERSION, len)) {
		fprintf(stderr, "warning: the far side is wirestamp ");
		for (const char *s = theirs; *s; s++) {
			fputc(iscntrl((unsigned char)*s) ? '?' : *s, stderr);
		}
		fprintf(stderr, ", this is %s\n", WS_VERSION);
		return 0;
	}
	ws_error("%s: is wirestamp %s, and this is %s (install the same, or give --remote-program)",
		url, theirs, WS_VERSION);
	return -1;
}

/* A line before it is ready. 1: it is the one; 0: it is none; -1: said. */
static int take_line(struct ws_remote *r, const char *line, struct ws_remote_hello *ret)
{
	json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	int result = 0;

	if (!json_is_object(o)) {
		pass_on(line);
	} else if (strcmp(text_of(o, "format"), READY_FORMAT) != 0) {
		ws_error("%s: says \"%.80s\" instead of \"" READY_FORMAT
			 "\" (another version? see --remote-program)",
			r->url, text_of(o, "format"));
		result = -1;
	} else if (check_version(r->url, text_of(o, "version")) < 0) {
		result = -1;
	} else if (!take_hello(o, ret)) {
		ws_error("%s: says that it is ready, but not how to reach it (another version? see "
			 "--remote-program)",
			r->url);
		result = -1;
	} else {
		result = 1;
	}
	json_decref(o);
	return result;
}

/* 0, or -1 after one line. */
static int wait_ready(struct ws_remote *r, int64_t ready_ns, struct ws_remote_hello *ret)
{
	int64_t deadline = ws_sys_clock(CLOCK_MONOTONIC) + ready_ns;
	int status;

	for (unsigned lines = 0;; lines++) {
		char *line;
		int n = ws_child_line(&r->child, deadline, r->stop, &line);

		if (n == 1 && lines < BANNER_MAX) {
			n = take_line(r, line, ret);
			if (n) {
				return n < 0 ? -1 : 0;
			}
			continue;
		}
		switch (n) {
		case 0:
			/* It may have closed its output only. */
			ws_child_end(
				&r->child, ws_sys_clock(CLOCK_MONOTONIC) + NSEC_PER_SEC, &status);
			say_end(r->url, status, false);
			break;
		case 1:
		case -EMSGSIZE:
			ws_error("%s: prints much, but not that it is ready (is it wirestamp? see "
				 "--remote-program)",
				r->url);
			break;
		case -ETIMEDOUT:
			ws_error("%s: is not ready after %lld s (does plain ssh get there?)",
				r->url, (long long)((ready_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC));
			break;
		case -EINTR:
			ws_error("%s: stopped before it was ready", r->url);
			break;
		default:
			ws_error("%s: cannot be read: %s (try again)", r->url, strerror(-n));
		}
		return -1;
	}
}

static int start(struct ws_remote *r, const struct ws_remote_config *config)
{
	char *command, *ssh, *argv[WS_REMOTE_WORDS];
	const char *why;
	struct ws_remote_target target;
	int n;

	if (ws_remote_target_parse(&target, config->url, config->args, &why) < 0) {
		ws_error("%s: %s (ssh://[USER@]HOST[:PORT]/IFACE)", config->url, why);
		return -1;
	}
	ssh = ws_need(strdup(config->ssh ? config->ssh : "ssh"));
	command = ws_need(ws_remote_command(config->program, target.iface, config->args));
	n = ws_remote_argv(argv, ssh, &target, command);
	if (n == 0) {
		n = ws_child_start(&r->child, argv);
	}
	switch (n) {
	case 0:
		break;
	case -EINVAL:
		ws_error("--ssh: is empty (leave it out for ssh)");
		break;
	case -E2BIG:
		ws_error("--ssh: has too many words (put them into ~/.ssh/config, or a script)");
		break;
	case -ENOENT:
		ws_error("%s: there is no such program here (%s)", argv[0],
			config->ssh ? "see --ssh" : "install ssh, or give --ssh");
		break;
	default:
		ws_error("%s: cannot be started: %s (see --ssh)", argv[0], strerror(-n));
	}
	free(command);
	free(ssh);
	return n < 0 ? -1 : 0;
}

int ws_remote_start(struct ws_remote **ret, const struct ws_remote_config *config,
	struct ws_remote_hello *ret_hello)
{
	struct ws_remote *r = ws_need(calloc(1, sizeof(*r)));
	struct ws_remote_hello hello;

	r->url = ws_need(strdup(config->url));
	r->stop = config->stop;
	r->finish_ns = config->finish_ns ? config->finish_ns : FINISH_NS;
	if (start(r, config) < 0 ||
		wait_ready(r, config->ready_ns ? config->ready_ns : READY_NS, &hello) < 0) {
		ws_remote_free(r);
		return -1;
	}
	*ret = r;
	*ret_hello = hello;
	return 0;
}

/* All that it prints until its end. 0, or a negative error as of ws_child_line(); -E2BIG: it is too much. */
static int collect(struct ws_remote *r, int64_t deadline, struct text *t)
{
	for (;;) {
		int64_t slice = ws_sys_clock(CLOCK_MONOTONIC) + SLICE_NS;
		char *line;
		int n = ws_child_line(&r->child, slice < deadline ? slice : deadline, NULL, &line);

		if (n == 1) {
			append(t, line, strlen(line));
			append(t, "\n", 1);
			if (t->failed || t->len > RESULT_MAX) {
				return t->failed ? -ENOMEM : -E2BIG;
			}
		} else if (n == -ETIMEDOUT) {
			if (r->stop && *r->stop > 1) {
				return -EINTR;
			}
			if (ws_sys_clock(CLOCK_MONOTONIC) >= deadline) {
				return n;
			}
		} else {
			return n;
		}
	}
}

static bool is_result(const char *text)
{
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;
	bool yes = json_is_object(o) && !strcmp(text_of(o, "format"), RUN_FORMAT);

	json_decref(o);
	return yes;
}

static void say_no_result(const struct ws_remote *r, int n, int status, bool some)
{
	switch (n) {
	case 0:
		if (some) {
			ws_error("%s: what it gave is no result, or not all of one (was it ended?)",
				r->url);
		} else if (status == 0) {
			ws_error(
				"%s: ended without a result (another version? see --remote-program)",
				r->url);
		} else {
			say_end(r->url, status, true);
		}
		break;
	case -E2BIG:
	case -EMSGSIZE:
		ws_error("%s: what it gives as its result is too long (is it wirestamp? see "
			 "--remote-program)",
			r->url);
		break;
	case -ETIMEDOUT:
		ws_error(
			"%s: did not end within %lld s, its result is missing (is the connection lost?)",
			r->url, (long long)((r->finish_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC));
		break;
	case -EINTR:
		ws_error("%s: stopped before it gave its result", r->url);
		break;
	default:
		ws_error("%s: its result cannot be read: %s (try again)", r->url, strerror(-n));
	}
}

int ws_remote_finish(struct ws_remote *r, char **ret_json)
{
	int64_t deadline = ws_sys_clock(CLOCK_MONOTONIC) + r->finish_ns;
	struct text t = {0};
	int n, status = -1;

	if (!r->child.pid) {
		ws_error("%s: has ended before", r->url);
		return -1;
	}
	ws_child_close_input(&r->child);
	n = collect(r, deadline, &t);
	/* Whoever has said all may take a moment to go. */
	ws_child_end(&r->child, n ? 0 : ws_sys_clock(CLOCK_MONOTONIC) + NSEC_PER_SEC, &status);
	if (n == 0 && is_result(t.at)) {
		*ret_json = t.at;
		return 0;
	}
	say_no_result(r, n, status, t.len > 0);
	free(t.at);
	return -1;
}

void ws_remote_free(struct ws_remote *r)
{
	if (!r) {
		return;
	}
	/* Most programs end by themselves when there is nothing more to read. */
	ws_child_end(&r->child, ws_sys_clock(CLOCK_MONOTONIC) + LEAVE_NS, NULL);
	free(r->url);
	free(r);
}
