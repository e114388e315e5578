/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/clock_users.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/sys.h"
#include "host/textfile.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define PATH_SIZE    320 /* of a process, and of an entry that readdir() gives in it */
#define LINK_SIZE    256
#define CMDLINE_SIZE 4096

static const char *const known[] = {
	"ptp4l",
	"phc2sys",
	"ts2phc",
	"timemaster",
	"chronyd",
	"ptpd",
	"ptpd2",
	"gptp",
};

struct walk {
	const char *ifname;
	char device[16];	     /* "ptp0"; empty: there is no clock */
	char self[16];		     /* this process in this /proc */
	char netns[64];		     /* the calling thread's; empty: unknown */
	struct ws_clock_user *users; /* the surest first */
	unsigned n, max;
};

/* A number as the names of processes are; 0: it is none. */
static pid_t parse_pid(const char *text)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)text[0])) {
		return 0;
	}
	n = strtol(text, &end, 10);
	return *end || n <= 0 || n > INT_MAX ? 0 : (pid_t)n;
}

struct descriptors {
	const char *pid;
	const char *device;
	bool found;
};

static int on_descriptor(void *arg, const char *name)
{
	struct descriptors *d = arg;
	char path[PATH_SIZE], to[LINK_SIZE];
	const char *last;

	snprintf(path, sizeof(path), "/proc/%s/fd/%s", d->pid, name);
	if (ws_sys_readlink(path, to, sizeof(to)) < 0) {
		return 0; /* closed in the meantime, or too long for a device */
	}
	/* Wherever its /dev is; only a device is below one. */
	last = strrchr(to, '/');
	d->found =
		strncmp(to, "/", 1) == 0 && strstr(to, "/dev/") && strcmp(last + 1, d->device) == 0;
	return d->found;
}

/* 1: it has the clock open, 0: it has not, -1: that is not told. */
static int has_clock(const struct walk *w, const char *pid)
{
	struct descriptors d = {.pid = pid, .device = w->device};
	char path[PATH_SIZE];
	int err;

	if (!w->device[0]) {
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	err = ws_sys_list(path, on_descriptor, &d);
	return d.found ? 1 : err ? -1 : 0;
}

/* "eth0", "-ieth0", "--interface=eth0", "eth0,eth1"; not "veth0" nor "eth01". */
static bool argument_names(const char *arg, const char *ifname)
{
	static const char separators[] = "=,:;/@";
	size_t len = strlen(ifname);

	if (arg[0] == '-' && isalpha((unsigned char)arg[1]) && strcmp(arg + 2, ifname) == 0) {
		return true;
	}
	for (const char *at = arg; (at = strstr(at, ifname)); at++) {
		bool begins = at == arg || strchr(separators, at[-1]);

		if (begins && strchr(separators, at[len])) { /* the final NUL is one of them */
			return true;
		}
	}
	return false;
}

/* Arguments with a NUL after each. False: there are none, as of a kernel's thread or a process that has ended. */
static bool read_cmdline(const char *pid, const char *ifname, bool *ret_names_it)
{
	char path[PATH_SIZE], buf[CMDLINE_SIZE];
	size_t have = 0;
	ssize_t n;
	int fd;

	*ret_names_it = false;
	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = ws_sys_open(path, O_RDONLY, 0);
	if (fd < 0) {
		return false;
	}
	do {
		n = ws_sys_read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n > 0) {
			have += (size_t)n;
		}
	} while ((n > 0 && have < sizeof(buf) - 1) || n == -EINTR);
	ws_sys_close(fd);
	buf[have] = '\0';
	/* the first one is the program */
	for (size_t at = strlen(buf) + 1; *ifname && at < have; at += strlen(buf + at) + 1) {
		*ret_names_it = *ret_names_it || argument_names(buf + at, ifname);
	}
	return have > 0;
}

static void read_name(const char *pid, char *to, size_t size)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	ws_textfile_line(path, to, size);
	for (char *c = to; *c; c++) {
		if (!isprint((unsigned char)*c)) {
			*c = '?';
		}
	}
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < COUNT(known); i++) {
		if (strcmp(name, known[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* In another network namespace, for sure. */
static bool is_elsewhere(const struct walk *w, const char *pid)
{
	char path[PATH_SIZE], to[sizeof(w->netns)];

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	return w->netns[0] && ws_sys_readlink(path, to, sizeof(to)) >= 0 &&
	       strcmp(to, w->netns) != 0;
}

static unsigned sureness(const struct ws_clock_user *u)
{
	return 2u * u->has_clock + u->names_it;
}

/* In its place; the least sure one falls off the end. */
static void keep(struct walk *w, const struct ws_clock_user *u)
{
	unsigned at = w->n;

	while (at > 0 && sureness(&w->users[at - 1]) < sureness(u)) {
		at--;
	}
	if (at == w->max) {
		return;
	}
	w->n += w->n < w->max;
	memmove(&w->users[at + 1], &w->users[at], (w->n - 1 - at) * sizeof(*u));
	w->users[at] = *u;
}

static int on_process(void *arg, const char *pid)
{
	struct walk *w = arg;
	struct ws_clock_user u = {.pid = parse_pid(pid)};
	int clock;

	if (!u.pid || strcmp(pid, w->self) == 0) {
		return 0;
	}
	clock = has_clock(w, pid);
	u.has_clock = clock > 0;
	read_name(pid, u.name, sizeof(u.name));
	if (!u.has_clock && !is_known(u.name)) {
		return 0;
	}
	if (!read_cmdline(pid, w->ifname, &u.names_it) && !u.has_clock) {
		return 0;
	}
	/* A clock is the whole machine's; an interface is its namespace's. */
	if (is_elsewhere(w, pid)) {
		u.names_it = false;
		if (!u.has_clock) {
			return 0;
		}
	}
	if (!u.has_clock && !u.names_it && clock == 0 && w->device[0]) {
		return 0;
	}
	keep(w, &u);
	return 0;
}

int ws_clock_users(const char *ifname, int phc, struct ws_clock_user *ret, unsigned max)
{
	struct walk w = {.ifname = ifname, .users = ret, .max = max};
	int err;

	if (phc >= 0) {
		snprintf(w.device, sizeof(w.device), "ptp%d", phc);
	}
	/* Empty where they cannot be read: this process is not "", and no namespace compares. */
	if (ws_sys_readlink("/proc/self", w.self, sizeof(w.self)) < 0) {
		snprintf(w.self, sizeof(w.self), "%d", (int)ws_sys_getpid());
	}
	if (ws_sys_readlink("/proc/thread-self/ns/net", w.netns, sizeof(w.netns)) < 0) {
		w.netns[0] = '\0';
	}
	err = ws_sys_list("/proc", on_process, &w);
	return err < 0 ? err : (int)w.n;
}
