/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/sys.h"

/* Stands for "was never left": a number that no descriptor reaches, and no -errno either. */
#define NEVER_LEFT INT_MAX

int ws_netns_current(void)
{
	return ws_sys_open("/proc/thread-self/ns/net", O_RDONLY, 0);
}

int ws_netns_open(const char *name)
{
	char path[PATH_MAX];
	int fd, type, len;

	if (!*name) {
		return -EINVAL;
	}
	len = snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		return -ENAMETOOLONG;
	}
	/* O_NONBLOCK: a path may name anything, a FIFO too */
	fd = ws_sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		return fd;
	}
	type = ws_sys_ioctl(fd, NS_GET_NSTYPE, NULL);
	if (type != CLONE_NEWNET) {
		ws_sys_close(fd);
		return -EINVAL;
	}
	return fd;
}

int ws_netns_enter(int ns_fd)
{
	int saved, err;

	if (ns_fd == -1) {
		return NEVER_LEFT;
	}
	saved = ws_netns_current();
	if (saved < 0) {
		return saved;
	}
	err = ws_sys_setns(ns_fd, CLONE_NEWNET);
	if (err < 0) {
		ws_sys_close(saved);
		return err;
	}
	return saved;
}

void ws_netns_leave(int saved)
{
	if (saved == NEVER_LEFT) {
		return;
	}
	if (ws_sys_setns(saved, CLONE_NEWNET) < 0) {
		abort();
	}
	ws_sys_close(saved);
}
