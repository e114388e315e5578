/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/child.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"

#define READ_MIN 4096
#define SLICE_NS INT64_C(100000000) /* in which a stop is noticed that comes just before the wait */
#define LOOK_NS	 INT64_C(5000000)   /* between two looks whether it has ended */
#define GRACE_NS INT64_C(1000000000)

static void close_one(int *fd)
{
	if (*fd >= 0) {
		ws_sys_close(*fd);
		*fd = -1;
	}
}

int ws_child_start(struct ws_child *ret, char *const argv[])
{
	int to[2], from[2], r;
	pid_t pid;

	r = ws_sys_pipe(to);
	if (r < 0) {
		return r;
	}
	r = ws_sys_pipe(from);
	if (r < 0) {
		ws_sys_close(to[0]);
		ws_sys_close(to[1]);
		return r;
	}
	pid = ws_sys_run(argv, to[0], from[1]);
	ws_sys_close(to[0]);
	ws_sys_close(from[1]);
	if (pid < 0) {
		ws_sys_close(to[1]);
		ws_sys_close(from[0]);
		return pid;
	}
	*ret = (struct ws_child){.pid = pid, .to = to[1], .from = from[0]};
	return 0;
}

/* Room behind what there is. */
static int make_room(struct ws_child *c)
{
	size_t size;
	char *p;

	if (c->at > 0) {
		memmove(c->buf, c->buf + c->at, c->len - c->at);
		c->len -= c->at;
		c->at = 0;
	}
	/* One byte stays free for the NUL of a last line without a newline. */
	if (c->size - c->len > READ_MIN) {
		return 0;
	}
	if (c->len >= WS_CHILD_LINE_MAX) {
		return -EMSGSIZE;
	}
	size = c->size ? 2 * c->size : 4 * READ_MIN;
	p = realloc(c->buf, size);
	if (!p) {
		return -ENOMEM;
	}
	c->buf = p;
	c->size = size;
	return 0;
}

/* 1: something came; 0: the end; -ETIMEDOUT: nothing until then. */
static int read_more(struct ws_child *c, int64_t until_ns)
{
	struct pollfd p = {.fd = c->from, .events = POLLIN};
	int64_t left = until_ns - ws_sys_clock(CLOCK_MONOTONIC);
	ssize_t n;
	int r;

	r = ws_sys_poll(&p, 1, left > 0 ? left : 0);
	if (r == -EINTR || r == 0) {
		return -ETIMEDOUT;
	}
	if (r < 0) {
		return r;
	}
	n = ws_sys_read(c->from, c->buf + c->len, c->size - c->len - 1);
	if (n == -EINTR || n == -EAGAIN) {
		return -ETIMEDOUT;
	}
	if (n < 0) {
		return (int)n;
	}
	c->len += (size_t)n;
	return n > 0;
}

static void give(struct ws_child *c, size_t end, char **ret)
{
	c->buf[end] = '\0';
	*ret = c->buf + c->at;
	c->at = end < c->len ? end + 1 : end;
}

int ws_child_line(struct ws_child *c, int64_t deadline_ns, const volatile int *stop, char **ret)
{
	size_t searched = 0; /* of what is not given out */
	int64_t now;
	int r;

	for (;;) {
		size_t have = c->len - c->at;
		char *end = have > searched
				    ? memchr(c->buf + c->at + searched, '\n', have - searched)
				    : NULL;

		if (end && (size_t)(end - c->buf) - c->at >= WS_CHILD_LINE_MAX) {
			return -EMSGSIZE;
		}
		if (end) {
			give(c, (size_t)(end - c->buf), ret);
			return 1;
		}
		searched = have;
		if (c->from < 0) {
			if (!have) {
				return 0;
			}
			give(c, c->len, ret);
			return 1;
		}
		if (stop && *stop > 0) {
			return -EINTR;
		}
		r = make_room(c);
		if (r < 0) {
			return r;
		}
		now = ws_sys_clock(CLOCK_MONOTONIC);
		r = read_more(c, deadline_ns < now + SLICE_NS ? deadline_ns : now + SLICE_NS);
		if (r == -ETIMEDOUT) {
			if (ws_sys_clock(CLOCK_MONOTONIC) >= deadline_ns) {
				return -ETIMEDOUT;
			}
		} else if (r < 0) {
			return r;
		} else if (r == 0) {
			close_one(&c->from);
		}
	}
}

void ws_child_close_input(struct ws_child *c)
{
	if (c->pid) {
		close_one(&c->to);
	}
}

/* So that it is not held up by a full pipe. Closed at its end. */
static void throw_away(struct ws_child *c, int64_t until_ns)
{
	int r;

	if (c->from < 0) {
		ws_sys_sleep_until(until_ns);
		return;
	}
	c->at = c->len;
	r = make_room(c);
	if (r == 0) {
		r = read_more(c, until_ns);
	}
	if (r == 0 || (r < 0 && r != -ETIMEDOUT)) {
		close_one(&c->from);
	}
}

/* 1: it has ended; 0: not until then; or -errno. */
static int wait_until(struct ws_child *c, int64_t deadline_ns, int *ret_status)
{
	for (;;) {
		int r = ws_sys_try_waitpid(c->pid, ret_status);
		int64_t now = ws_sys_clock(CLOCK_MONOTONIC);

		if (r == -EINTR) {
			continue;
		}
		if (r != 0) {
			return r;
		}
		if (now >= deadline_ns) {
			return 0;
		}
		throw_away(c, deadline_ns < now + LOOK_NS ? deadline_ns : now + LOOK_NS);
	}
}

int ws_child_end(struct ws_child *c, int64_t deadline_ns, int *ret_status)
{
	int status = -1, r = 1;

	if (c->pid) {
		close_one(&c->to);
		r = wait_until(c, deadline_ns, &status);
		if (r == 0) {
			ws_sys_kill(c->pid, SIGTERM);
			r = wait_until(c, ws_sys_clock(CLOCK_MONOTONIC) + GRACE_NS, &status);
		}
		if (r == 0) {
			ws_sys_kill(c->pid, SIGKILL);
			do {
				r = ws_sys_waitpid(c->pid, &status);
			} while (r == -EINTR);
		}
		close_one(&c->from);
		free(c->buf);
	}
	*c = (struct ws_child){.to = -1, .from = -1};
	if (ret_status) {
		*ret_status = status;
	}
	return r < 0 ? r : 0;
}
