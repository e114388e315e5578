/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that runs beside this one, with pipes to its standard input and from its standard output; its
 * standard error is ours. Its standard input is closed when this process ends, however that comes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WS_CHILD_LINE_MAX (16U << 20)

struct ws_child {
	pid_t pid;    /* 0: none */
	int to, from; /* -1: closed */
	char *buf;    /* from at to len: what was read and not given out yet */
	size_t at, len, size;
};

/*
 * argv ends with NULL; argv[0] is looked for in PATH. 0, or -errno (-ENOENT: no such program;
 * -EACCES: it may not be run, or there is none and a directory of PATH may not be searched). It stays in our
 * process group, so that it may ask for a password on the terminal, but starts with SIGINT and SIGHUP ignored, so
 * that Ctrl-C is ours to pass on; all other signals are as at the start of any program.
 */
int ws_child_start(struct ws_child *ret, char *const argv[]);
/*
 * The next line without its end, valid until the next call. 1; 0: end of output (what was not ended by a newline is
 * a line); -ETIMEDOUT at deadline_ns (CLOCK_MONOTONIC), after which it can be called again; -EINTR when *stop rose
 * above 0 (NULL: never looked at), which is looked at ten times a second; other errors. Lines of WS_CHILD_LINE_MAX
 * bytes or more: -EMSGSIZE.
 */
int ws_child_line(struct ws_child *c, int64_t deadline_ns, const volatile int *stop, char **ret);
/* Closes its standard input, by which a program that reads it knows that it is to end. */
void ws_child_close_input(struct ws_child *c);
/*
 * Closes its standard input, waits until deadline_ns, then SIGTERM, a second later SIGKILL. What it still prints
 * is thrown away. *ret_status as wait(2), -1 if there was none or it is unknown; NULL: not wanted. 0 or -errno.
 */
int ws_child_end(struct ws_child *c, int64_t deadline_ns, int *ret_status);
