/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/sys.h"

#define MAX_GROUPS 4096
#define MAX_CAPS   64
#define CAP(name)  (UINT64_C(1) << (name))

/* How a child that tried it out ended. */
enum trial { TRIAL_GOOD, TRIAL_NOT_THAT_USER, TRIAL_NO_WRITING };

struct wish {
	uid_t uid;
	gid_t gid;
	bool set_groups; /* without root they cannot be changed, and are the user's own */
	bool may_keep_groups;
	gid_t groups[MAX_GROUPS];
	size_t n_groups;
	uint64_t keep; /* capabilities */
	const char *writes_to;
	const char *step; /* out: the one that failed */
};

__attribute__((format(printf, 3, 4))) static void say(
	char *said, size_t size, const char *format, ...)
{
	size_t have;
	va_list args;

	if (!size) {
		return;
	}
	have = strnlen(said, size);
	va_start(args, format);
	vsnprintf(said + have, size - have, format, args);
	va_end(args);
}

/* A decimal number and nothing else. The largest one means "no change" to the system calls. */
static bool parse_id(const char *text, unsigned *ret)
{
	unsigned long long n = 0;

	if (!text || !*text || strlen(text) > 10) {
		return false;
	}
	for (; *text; text++) {
		if (*text < '0' || *text > '9') {
			return false;
		}
		n = n * 10 + (unsigned)(*text - '0');
	}
	if (n >= UINT_MAX) {
		return false;
	}
	*ret = (unsigned)n;
	return true;
}

static bool from_sudo(struct ws_invoker *ret)
{
	return parse_id(secure_getenv("SUDO_UID"), &ret->uid) &&
	       parse_id(secure_getenv("SUDO_GID"), &ret->gid);
}

static bool from_doas(struct ws_invoker *ret)
{
	const char *name = secure_getenv("DOAS_USER");

	return name && ws_sys_user_by_name(name, &ret->uid, &ret->gid) == 0;
}

static bool from_pkexec(struct ws_invoker *ret)
{
	char name[LOGIN_NAME_MAX];

	return parse_id(secure_getenv("PKEXEC_UID"), &ret->uid) &&
	       ws_sys_user_by_id(ret->uid, name, sizeof(name), &ret->gid) == 0;
}

struct ws_invoker ws_invoker_get(void)
{
	static bool (*const sources[])(struct ws_invoker *) = {from_sudo, from_doas, from_pkexec};
	uid_t uid[3];
	gid_t gid[3];

	ws_sys_getresuid(uid);
	ws_sys_getresgid(gid);
	if (uid[1] != 0) {
		return (struct ws_invoker){.known = false};
	}
	if (uid[0] != 0) {
		return (struct ws_invoker){.known = true, .uid = uid[0], .gid = gid[0]};
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct ws_invoker who = {.known = true};

		if (sources[i](&who) && who.uid != 0) {
			return who;
		}
	}
	return (struct ws_invoker){.known = false};
}

/* 0 if that cannot be known. */
static unsigned count_threads(void)
{
	static const char field[] = "\nThreads:";
	char text[4096];
	const char *at;
	ssize_t n;
	int fd = ws_sys_open("/proc/self/status", O_RDONLY, 0);

	if (fd < 0) {
		return 0;
	}
	do {
		n = ws_sys_read(fd, text, sizeof(text) - 1);
	} while (n == -EINTR);
	ws_sys_close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, field);
	return at ? (unsigned)strtoul(at + sizeof(field) - 1, NULL, 10) : 0;
}

/* The groups that the invoker has after a login. */
static void fill_groups(struct wish *w)
{
	char name[LOGIN_NAME_MAX];
	int n = -ENOENT;

	if (ws_sys_user_by_id(w->uid, name, sizeof(name), NULL) == 0) {
		n = ws_sys_user_groups(name, w->gid, w->groups, MAX_GROUPS);
	}
	if (n > 0) {
		w->n_groups = (size_t)n;
	} else {
		w->groups[0] = w->gid;
		w->n_groups = 1;
	}
}

/* Nothing that is executed later gets more than there is. Best effort: no_new_privs says it, too. */
static void clear_bounding_set(void)
{
	for (unsigned long cap = 0; cap < MAX_CAPS; cap++) {
		if (ws_sys_prctl(PR_CAPBSET_DROP, cap) < 0) {
			return; /* not allowed, or no such capability */
		}
	}
}

static int become_user(struct wish *w)
{
	uid_t uid[3];
	gid_t gid[3];
	int err = 0;

	/* Groups first, the uid last: each step needs what the next ones give away. */
	w->step = "the supplementary groups";
	if (w->set_groups) {
		err = ws_sys_setgroups(w->n_groups, w->groups);
		/* A user namespace that an ordinary user made denies it, a container may. */
		if (err == -EPERM && w->may_keep_groups) {
			err = 0;
		}
	}
	ws_sys_getresgid(gid);
	if (!err && (gid[0] != w->gid || gid[1] != w->gid || gid[2] != w->gid)) {
		w->step = "the group";
		err = ws_sys_setresgid(w->gid);
	}
	ws_sys_getresuid(uid);
	if (!err && (uid[0] != w->uid || uid[1] != w->uid || uid[2] != w->uid)) {
		w->step = "the user";
		err = ws_sys_setresuid(w->uid);
		/* That user's debuggers get no hold of the sockets that are open. */
		err = err ? err : ws_sys_prctl(PR_SET_DUMPABLE, 0);
	}
	return err;
}

static int become(struct wish *w)
{
	struct ws_sys_caps caps;
	int err;

	clear_bounding_set();
	err = become_user(w);
	if (err) {
		return err;
	}
	w->step = "capabilities";
	err = ws_sys_capget(&caps);
	if (err) {
		return err;
	}
	w->keep &= caps.permitted;
	caps = (struct ws_sys_caps){.effective = w->keep, .permitted = w->keep};
	/* Gone with the inheritable ones already, where the kernel has them: Linux 4.3. */
	(void)ws_sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
	err = ws_sys_capset(&caps);
	if (err) {
		return err;
	}
	w->step = "the rights of programs to be executed (no_new_privs)";
	return ws_sys_prctl(PR_SET_NO_NEW_PRIVS, 1);
}

/* Not what was asked for, but what is: and that there is no way back. */
static int verify(struct wish *w, const struct ws_sys_caps *before)
{
	struct ws_sys_caps caps;
	uid_t uid[3];
	gid_t gid[3];
	int err;

	ws_sys_getresuid(uid);
	ws_sys_getresgid(gid);
	w->step = "the user for good";
	if (uid[0] != w->uid || uid[1] != w->uid || uid[2] != w->uid ||
		(w->uid != 0 && ws_sys_setresuid(0) == 0)) {
		return -EPERM;
	}
	w->step = "the group for good";
	if (gid[0] != w->gid || gid[1] != w->gid || gid[2] != w->gid ||
		(w->gid != 0 && ws_sys_setresgid(0) == 0)) {
		return -EPERM;
	}
	w->step = "capabilities for good";
	if (before->permitted & ~w->keep && ws_sys_capset(before) == 0) {
		return -EPERM;
	}
	err = ws_sys_capget(&caps);
	if (!err && (caps.permitted != w->keep || caps.effective != w->keep || caps.inheritable)) {
		err = -EPERM;
	}
	return err;
}

static int try_out(void *arg)
{
	struct wish *w = arg;

	if (become(w)) {
		return TRIAL_NOT_THAT_USER;
	}
	if (w->writes_to && ws_sys_access(w->writes_to, W_OK | X_OK)) {
		return TRIAL_NO_WRITING;
	}
	return TRIAL_GOOD;
}

/* Whether these rights would do, tried by a process that has them. */
static enum trial try_in_child(const struct wish *w)
{
	struct wish copy = *w;
	int status, err;
	pid_t pid = ws_sys_spawn(try_out, &copy);

	if (pid < 0) {
		return TRIAL_NOT_THAT_USER;
	}
	do {
		err = ws_sys_waitpid(pid, &status);
	} while (err == -EINTR);
	if (err || !WIFEXITED(status) || WEXITSTATUS(status) > TRIAL_NO_WRITING) {
		return TRIAL_NOT_THAT_USER;
	}
	return (enum trial)WEXITSTATUS(status);
}

/* Decides as root what to become. Returns why it is not the invoker. */
static enum trial choose(struct wish *w, const struct ws_invoker *invoker)
{
	enum trial result = TRIAL_GOOD;
	gid_t own = w->gid;

	if (invoker->known && invoker->uid != 0) {
		w->uid = invoker->uid;
		w->gid = invoker->gid;
		fill_groups(w);
		result = try_in_child(w);
		if (result == TRIAL_GOOD) {
			return result;
		}
		w->keep = CAP(CAP_CHOWN);
	}
	w->uid = 0;
	w->gid = own;
	w->n_groups = 0;
	w->may_keep_groups = true;
	if (w->writes_to && try_in_child(w) == TRIAL_NO_WRITING) {
		w->keep |= CAP(CAP_DAC_OVERRIDE);
	}
	return result;
}

static void describe(const struct wish *w, const struct ws_invoker *invoker, enum trial why_not,
	char *said, size_t size)
{
	say(said, size, "running as uid %u without capabilities", w->uid);
	if (w->keep) {
		say(said, size, " except %s%s%s", w->keep & CAP(CAP_CHOWN) ? "CAP_CHOWN" : "",
			w->keep & CAP(CAP_CHOWN) && w->keep & CAP(CAP_DAC_OVERRIDE) ? " and " : "",
			w->keep & CAP(CAP_DAC_OVERRIDE) ? "CAP_DAC_OVERRIDE" : "");
	}
	if (why_not == TRIAL_NO_WRITING) {
		say(said, size, ": uid %u may not write in %s", invoker->uid, w->writes_to);
	} else if (why_not == TRIAL_NOT_THAT_USER) {
		say(said, size, ": uid %u cannot be taken here", invoker->uid);
	}
}

int ws_privileges_drop(
	const struct ws_invoker *invoker, const char *writes_to, char *said, size_t said_size)
{
	struct wish wish = {.writes_to = writes_to};
	enum trial why_not = TRIAL_GOOD;
	struct ws_sys_caps before;
	uid_t uid[3];
	gid_t gid[3];
	int err;

	if (said_size) {
		said[0] = '\0';
	}
	if (count_threads() > 1) {
		say(said, said_size, "rights cannot be given up: threads have been started");
		return -EBUSY;
	}
	err = ws_sys_capget(&before);
	if (err) {
		say(said, said_size, "capabilities cannot be read: %s", strerror(-err));
		return err;
	}
	ws_sys_getresuid(uid);
	ws_sys_getresgid(gid);
	wish.uid = uid[1];
	wish.gid = gid[1];
	if (uid[1] == 0) {
		/* Of a set-user-ID program they are the real user's already. */
		wish.set_groups = uid[0] == 0;
		why_not = choose(&wish, invoker);
	}
	err = become(&wish);
	err = err ? err : verify(&wish, &before);
	if (err) {
		say(said, said_size, "cannot give up %s: %s", wish.step, strerror(-err));
		return err;
	}
	describe(&wish, invoker, why_not, said, said_size);
	return 0;
}
