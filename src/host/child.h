/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that runs beside this one, with pipes to its standard input and from its standard output; its
 * standard error is ours. It ends with us: its standard input is closed when this process ends, however that
 * comes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ws_child {
	pid_t pid;	/* 0: none */
	int to, from;	/* -1: closed */
	char *buf;	/* what was read and not given out yet */
	size_t len, size;
};

/* argv ends with NULL; argv[0] is looked for in PATH. 0, or -errno (-ENOENT: no such program). Its own process group, so
 * that Ctrl-C is ours to pass on; signals are as they were before this program changed them. */
int ws_child_start(struct ws_child *ret, char *const argv[]);
/* The next line without its end, valid until the next call. 1; 0: end of output (what was not ended by a newline is a
 * line); -ETIMEDOUT at deadline_ns (CLOCK_MONOTONIC); -EINTR when *stop rose (NULL: never looked at); other errors.
 * Lines of more than 16 MiB: -EMSGSIZE. */
int ws_child_line(struct ws_child *c, int64_t deadline_ns, const int *stop, char **ret);
/* Closes its standard input, waits until deadline_ns, then SIGTERM, a second later SIGKILL. *ret_status as wait(2). 0. Nothing if
 * there is none. */
int ws_child_end(struct ws_child *c, int64_t deadline_ns, int *ret_status);
