/* SPDX-License-Identifier: BSD-2-Clause */
/* Who uses a clock, in a /proc that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/clock_users.h"
#include "host/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_FD 5000
#define HERE	 "net:[4026531840]"

struct process {
	const char *pid, *comm;
	const char *cmdline; /* arguments separated by blanks; NULL: none */
	const char *netns;   /* NULL: not told */
	const char *fds[4];  /* where they lead to */
	bool hidden;	     /* descriptors are not told */
};

static struct {
	const struct process *list;
	size_t n;
	int error; /* of /proc */
	const char *self;
	int open;
	char text[128]; /* of the open file */
	size_t len, at;
	unsigned reads;
} fake;

int __wrap_ws_sys_list(const char *path, int (*each)(void *arg, const char *name), void *arg);
ssize_t __wrap_ws_sys_readlink(const char *path, char *buf, size_t size);
int __wrap_ws_sys_open(const char *path, int flags, mode_t mode);
ssize_t __wrap_ws_sys_read(int fd, void *buf, size_t len);
int __wrap_ws_sys_close(int fd);

/* Of "/proc/PID/REST". */
static const struct process *find(const char *path, const char **ret_rest)
{
	for (size_t i = 0; i < fake.n; i++) {
		char begin[64];
		int len = snprintf(begin, sizeof(begin), "/proc/%s/", fake.list[i].pid);

		if (strncmp(path, begin, (size_t)len) == 0) {
			*ret_rest = path + len;
			return &fake.list[i];
		}
	}
	return NULL;
}

int __wrap_ws_sys_list(const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	static const char *const others[] = {"self", "sys", "12x", "-5", "99999999999", "0"};
	const struct process *p;
	const char *rest;
	int ret = 0;

	if (strcmp(path, "/proc") == 0) {
		for (size_t i = 0; !ret && !fake.error && i < sizeof(others) / sizeof(others[0]);
			i++) {
			ret = each(arg, others[i]);
		}
		for (size_t i = 0; !ret && !fake.error && i < fake.n; i++) {
			ret = each(arg, fake.list[i].pid);
		}
		return fake.error ? fake.error : ret;
	}
	p = find(path, &rest);
	if (!p || strcmp(rest, "fd") != 0) {
		return -ENOENT;
	}
	if (p->hidden) {
		return -EACCES;
	}
	for (int i = 0; !ret && i < 4 && p->fds[i]; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%d", i);
		ret = each(arg, name);
	}
	return ret;
}

static ssize_t give(const char *text, char *buf, size_t size)
{
	if (!text) {
		return -EACCES;
	}
	return strlen(text) < size ? snprintf(buf, size, "%s", text) : -ENAMETOOLONG;
}

ssize_t __wrap_ws_sys_readlink(const char *path, char *buf, size_t size)
{
	const struct process *p;
	const char *rest;
	int fd;

	if (strcmp(path, "/proc/self") == 0) {
		return give(fake.self, buf, size);
	}
	if (strcmp(path, "/proc/thread-self/ns/net") == 0) {
		return give(HERE, buf, size);
	}
	p = find(path, &rest);
	if (p && strcmp(rest, "ns/net") == 0) {
		return give(p->netns, buf, size);
	}
	if (p && sscanf(rest, "fd/%d", &fd) == 1) {
		/* closed in the meantime */
		return p->fds[fd][0] ? give(p->fds[fd], buf, size) : -ENOENT;
	}
	return -ENOENT;
}

int __wrap_ws_sys_open(const char *path, int flags, mode_t mode)
{
	const struct process *p;
	const char *rest;

	(void)flags, (void)mode;
	p = find(path, &rest);
	if (!p) {
		return -ENOENT;
	}
	assert_int_equal(fake.open, 0);
	fake.at = 0;
	if (strcmp(rest, "comm") == 0) {
		fake.len = (size_t)snprintf(fake.text, sizeof(fake.text), "%s\n", p->comm);
	} else {
		assert_string_equal(rest, "cmdline");
		fake.len = 0;
		if (p->cmdline) {
			snprintf(fake.text, sizeof(fake.text), "%s", p->cmdline);
			fake.len = strlen(fake.text) + 1;
			for (size_t i = 0; i + 1 < fake.len; i++) {
				fake.text[i] = p->cmdline[i] == ' ' ? '\0' : p->cmdline[i];
			}
		}
	}
	fake.open = 1;
	return FIRST_FD;
}

/* Some bytes at a time, and signals in between. */
ssize_t __wrap_ws_sys_read(int fd, void *buf, size_t len)
{
	size_t n = fake.len - fake.at;

	assert_int_equal(fd, FIRST_FD);
	if (++fake.reads % 3 == 0) {
		return -EINTR;
	}
	n = n < 5 ? n : 5;
	n = n < len ? n : len;
	memcpy(buf, fake.text + fake.at, n);
	fake.at += n;
	return (ssize_t)n;
}

int __wrap_ws_sys_close(int fd)
{
	assert_int_equal(fd, FIRST_FD);
	fake.open = 0;
	return 0;
}

static void set_up(const struct process *list, size_t n)
{
	memset(&fake, 0, sizeof(fake));
	fake.list = list;
	fake.n = n;
	fake.self = "77";
}

static void assert_user(
	const struct ws_clock_user *u, pid_t pid, const char *name, bool clock, bool names)
{
	assert_int_equal(u->pid, pid);
	assert_string_equal(u->name, name);
	assert_int_equal(u->has_clock, clock);
	assert_int_equal(u->names_it, names);
}

/* As root: all that there is to see. */
static void everything_is_told(void **state)
{
	static const struct process list[] = {
		{"1", "systemd", "/sbin/init", HERE, {"/dev/null"}, false},
		{"2", "kthreadd", NULL, HERE, {0}, false},
		/* by name alone: with the interface, with another one, with a clock of another one */
		{"10", "chronyd", "chronyd", HERE, {"socket:[5]"}, false},
		{"11", "ptp4l", "ptp4l -i eth1 -S", HERE, {"/dev/ptp1"}, false},
		{"12", "ptp4l", "ptp4l -i eth0 -S", HERE, {"socket:[5]"}, false},
		/* with the clock, among what is closed in the meantime; elsewhere, but the clock is the same */
		{"13", "phc2sys", "phc2sys -s eth0 -w", HERE, {"/dev/null", "", "/dev/ptp0"},
			false},
		{"14", "ptp4l", "ptp4l -i eth0", "net:[4]", {"/chroot/dev/ptp0"}, false},
		{"15", "ptp4l", "ptp4l -i eth0", "net:[4]", {"socket:[5]"}, false},
		/* nothing that is known; what only looks like the clock */
		{"16", "own\ttool", "own tool", HERE, {"/dev/ptp0"}, false},
		{"17", "tail", "tail -f ptp0", HERE,
			{"/home/ptp0", "/dev/ptp00", "/dev/ptp10", "ptp0"}, false},
		{"77", "wirestamp", "wirestamp probe eth0", HERE, {"/dev/ptp0"}, false},
	};
	struct ws_clock_user u[WS_CLOCK_USERS];

	(void)state;
	set_up(list, sizeof(list) / sizeof(list[0]));
	assert_int_equal(ws_clock_users("eth0", 0, u, WS_CLOCK_USERS), 4);
	assert_user(&u[0], 13, "phc2sys", true, true);
	assert_user(&u[1], 14, "ptp4l", true, false);
	assert_user(&u[2], 16, "own?tool", true, false);
	assert_user(&u[3], 12, "ptp4l", false, true);
	/* the surest of them */
	assert_int_equal(ws_clock_users("eth0", 0, u, 2), 2);
	assert_user(&u[0], 13, "phc2sys", true, true);
	assert_user(&u[1], 14, "ptp4l", true, false);
	assert_int_equal(ws_clock_users("eth0", 0, u, 0), 0);
	/* an interface without a clock: only names are left */
	assert_int_equal(ws_clock_users("eth0", -1, u, WS_CLOCK_USERS), 4);
	assert_user(&u[0], 12, "ptp4l", false, true);
	assert_user(&u[1], 13, "phc2sys", false, true);
	assert_user(&u[2], 10, "chronyd", false, false);
	assert_user(&u[3], 11, "ptp4l", false, false);
	assert_int_equal(fake.open, 0);
}

/* As a user: names, and arguments. */
static void little_is_told(void **state)
{
	static const struct process list[] = {
		{"10", "chronyd", "chronyd", NULL, {0}, true},
		{"11", "ptp4l", "ptp4l -i eth0", "net:[4]", {0}, true},
		{"12", "ts2phc", "ts2phc -c eth0", HERE, {0}, true},
		{"13", "bash", "bash eth0", HERE, {0}, true},
		/* has ended, and nobody has waited for it */
		{"14", "ptp4l", NULL, NULL, {0}, true},
	};
	struct ws_clock_user u[WS_CLOCK_USERS];

	(void)state;
	set_up(list, sizeof(list) / sizeof(list[0]));
	assert_int_equal(ws_clock_users("eth0", 0, u, WS_CLOCK_USERS), 2);
	assert_user(&u[0], 12, "ts2phc", false, true);
	assert_user(&u[1], 10, "chronyd", false, false);
}

static void arguments(void **state)
{
	static const struct {
		const char *cmdline;
		bool names_it;
	} rows[] = {
		{"ptp4l eth0", true},
		{"ptp4l -ieth0", true},
		{"ptp4l --interface=eth0", true},
		{"ptp4l eth1,eth0", true},
		{"ptp4l eth0:1", true},
		{"ptp4l -f /etc/eth0", true},
		{"eth0", false}, /* that is its own name */
		{"eth0 -i eth1", false},
		{"ptp4l veth0", false},
		{"ptp4l eth01", false},
		{"ptp4l eth0.5", false},
		{"ptp4l -i veth0 eth00", false},
		{"ptp4l eth00,eth0", true},
		{"ptp4l --ieth0", false},
	};
	struct ws_clock_user u;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct process p = {"5", "ptp4l", rows[i].cmdline, HERE, {0}, true};

		set_up(&p, 1);
		assert_int_equal(ws_clock_users("eth0", 0, &u, 1), 1);
		assert_int_equal(u.names_it, rows[i].names_it);
	}
}

static void no_proc(void **state)
{
	struct ws_clock_user u;

	(void)state;
	set_up(NULL, 0);
	assert_int_equal(ws_clock_users("eth0", 0, &u, 1), 0);
	fake.error = -ENOENT;
	assert_int_equal(ws_clock_users("eth0", 0, &u, 1), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_told),
		cmocka_unit_test(little_is_told),
		cmocka_unit_test(arguments),
		cmocka_unit_test(no_proc),
	};

	return cmocka_run_group_tests_name("clock_users", tests, NULL, NULL);
}
