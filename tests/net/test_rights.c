/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights, and the child that restores, on the real kernel: as root, and in a user
 * namespace of an ordinary user. What cannot be undone happens in child processes ("subjects").
 *
 * There is no card with hardware time stamps here: the linker puts the functions below in front of
 * two of host/sys.c, so that the lab's ws0 has one, kept in memory that all processes share. Its
 * rights, signals, descriptors, namespaces and processes are real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/hwtstamp.h"
#include "host/journal.h"
#include "host/lab.h"
#include "host/netns.h"
#include "host/privileges.h"
#include "host/sys.h"
#include "host/thread.h"

#define USER	 65534
#define BIT(n)	 (UINT64_C(1) << (n))
#define PATIENCE 30000 /* ms */
#define SKIPPED	 77
#define LOCKED	 (64u << 20)

/* What the processes share. */
static struct shared {
	bool has_card;
	struct hwtstamp_config now;
	pid_t child;  /* the last that was started */
	pid_t holder; /* of the other side's namespace: without that side ws0 is gone, too */
	char why[400];
	char journal[64]; /* its directory */
} * shared;

int __real_ws_sys_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg);
pid_t __real_ws_sys_spawn(int (*body)(void *arg), void *arg);
pid_t __wrap_ws_sys_spawn(int (*body)(void *arg), void *arg);

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct ifreq *ifr = arg;
	struct hwtstamp_config *config;
	struct ethtool_ts_info *info;
	struct ifreq here = {0};
	struct ws_sys_caps caps;

	if (!shared->has_card ||
		(request != SIOCETHTOOL && request != SIOCGHWTSTAMP && request != SIOCSHWTSTAMP)) {
		return __real_ws_sys_ioctl(fd, request, arg);
	}
	config = (void *)ifr->ifr_data;
	info = (void *)ifr->ifr_data;
	memcpy(here.ifr_name, ifr->ifr_name, IFNAMSIZ);
	if (strcmp(ifr->ifr_name, ws_lab_ifname[0]) != 0 ||
		__real_ws_sys_ioctl(fd, SIOCGIFINDEX, &here) < 0) {
		return -ENODEV;
	}
	switch (request) {
	case SIOCETHTOOL:
		info->so_timestamping =
			SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
		info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_ALL);
		info->phc_index = 5;
		return 0;
	case SIOCGHWTSTAMP:
		*config = shared->now;
		return 0;
	default:
		if (ws_sys_capget(&caps) < 0 || !(caps.effective & BIT(CAP_NET_ADMIN))) {
			return -EPERM;
		}
		shared->now = *config;
		return 0;
	}
}

pid_t __wrap_ws_sys_spawn(int (*body)(void *arg), void *arg)
{
	shared->child = __real_ws_sys_spawn(body, arg);
	return shared->child;
}

/* In a subject. */
#define MUST(condition)                                                                      \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			dprintf(2, "%s:%d: %s (errno %d)\n", __func__, __LINE__, #condition, \
				errno);                                                      \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

static void assert_ends_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED) {
		print_message("%s\n", shared->why);
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void run(void (*subject)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		subject();
		_exit(0);
	}
	assert_ends_well(pid);
}

/* The number after a field of /proc/PID/status. */
static uint64_t status_field(pid_t pid, const char *field, int base)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	size_t len = strlen(field);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, len) && line[len] == ':') {
			value = strtoull(line + len + 1, NULL, base);
		}
	}
	if (f) {
		fclose(f);
	}
	return value;
}

static bool status_is(pid_t pid, uid_t uid, uint64_t caps)
{
	return status_field(pid, "Uid", 10) == uid && status_field(pid, "CapPrm", 16) == caps &&
	       status_field(pid, "CapEff", 16) == caps && status_field(pid, "CapInh", 16) == 0 &&
	       status_field(pid, "CapAmb", 16) == 0 && status_field(pid, "NoNewPrivs", 10) == 1;
}

static char directory[64]; /* for a subject's files */

static bool make_directory(uid_t owner, mode_t mode)
{
	snprintf(directory, sizeof(directory), "/tmp/wirestamp-rights-XXXXXX");
	return mkdtemp(directory) && chmod(directory, mode) == 0 &&
	       chown(directory, owner, owner) == 0;
}

/* The owner of a file that is made now, and removed; -1 if it cannot be made, or not be given to
 * that user (-1: to nobody). */
static int64_t owner_of_new_file(int give_to)
{
	bool given = true;
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/next", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -1;
	}
	if (give_to >= 0) {
		given = fchown(fd, (uid_t)give_to, (gid_t)give_to) == 0;
	}
	MUST(fstat(fd, &st) == 0 && unlink(path) == 0);
	close(fd);
	return given ? (int64_t)st.st_uid : -1;
}

static void called_by_sudo(void)
{
	setenv("SUDO_UID", "65534", 1);
	setenv("SUDO_GID", "65534", 1);
	MUST(ws_invoker_get().known);
}

static void subject_becomes_the_invoker(void)
{
	int packets = ws_sys_socket(AF_PACKET, SOCK_RAW, 0);
	struct ws_invoker who;
	char said[200];
	gid_t groups[64];
	int n;

	MUST(packets >= 0);
	called_by_sudo();
	who = ws_invoker_get();
	MUST(ws_privileges_drop(&who, directory, said, sizeof(said)) == 0);
	MUST(strcmp(said, "running as uid 65534 without capabilities") == 0);
	MUST(status_is(getpid(), USER, 0));
	MUST(status_field(getpid(), "CapBnd", 16) == 0);
	MUST(getgid() == USER && getegid() == USER);
	n = getgroups(64, groups);
	for (int i = 0; i < n; i++) {
		MUST(groups[i] != 0);
	}
	MUST(owner_of_new_file(-1) == USER);
	/* what is open stays open, and there is no way back */
	MUST(ws_sys_setsockopt(packets, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int)) == 0);
	MUST(ws_sys_socket(AF_PACKET, SOCK_RAW, 0) == -EPERM);
	MUST(setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0 && setgroups(0, NULL) < 0);
	MUST(prctl(PR_GET_DUMPABLE) == 0);
}

static void subject_keeps_uid_0(void)
{
	struct ws_invoker who;
	char said[200];

	called_by_sudo();
	who = ws_invoker_get();
	MUST(ws_privileges_drop(&who, directory, said, sizeof(said)) == 0);
	MUST(strstr(said, "running as uid 0 without capabilities except CAP_CHOWN: uid 65534"));
	MUST(status_is(getpid(), 0, BIT(CAP_CHOWN)));
	MUST(owner_of_new_file(USER) == USER);
	MUST(ws_sys_socket(AF_PACKET, SOCK_RAW, 0) == -EPERM);
	MUST(setuid(USER) < 0);
}

static void subject_is_plain_root(void)
{
	const struct ws_invoker nobody = {.known = false};
	char said[200];

	MUST(ws_privileges_drop(&nobody, directory, said, sizeof(said)) == 0);
	MUST(strcmp(said, "running as uid 0 without capabilities") == 0);
	MUST(status_is(getpid(), 0, 0));
	MUST(owner_of_new_file(-1) == 0);
	MUST(owner_of_new_file(USER) == -1);
}

static void subject_writes_for_another_user(void)
{
	const struct ws_invoker nobody = {.known = false};
	char said[200];

	MUST(ws_privileges_drop(&nobody, directory, said, sizeof(said)) == 0);
	MUST(strcmp(said, "running as uid 0 without capabilities except CAP_DAC_OVERRIDE") == 0);
	MUST(status_is(getpid(), 0, BIT(CAP_DAC_OVERRIDE)));
	MUST(owner_of_new_file(-1) == 0);
}

static void run_with_directory(void (*subject)(void), uid_t owner, mode_t mode)
{
	const uint64_t needed = BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) |
				BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_NET_RAW);
	struct ws_sys_caps caps;

	if (geteuid() != 0 || ws_sys_capget(&caps) < 0 || ~caps.effective & needed) {
		print_message("not started as root with the right to become another user\n");
		skip();
	}
	assert_true(make_directory(owner, mode));
	run(subject);
	assert_int_equal(rmdir(directory), 0);
}

static void the_invokers_user_is_taken(void **state)
{
	(void)state;
	run_with_directory(subject_becomes_the_invoker, USER, 0700);
}

static void uid_0_stays_for_files_of_root(void **state)
{
	(void)state;
	run_with_directory(subject_keeps_uid_0, 0, 0700);
}

static void plain_root(void **state)
{
	(void)state;
	run_with_directory(subject_is_plain_root, 0, 0700);
}

static void root_in_the_directory_of_a_user(void **state)
{
	(void)state;
	run_with_directory(subject_writes_for_another_user, USER, 0755);
}

/* Makes the subject root of a lab in a user namespace, also if it is root by itself. */
static void enter_lab_as_user(struct ws_lab *lab)
{
	if (geteuid() == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 ||
			setresuid(USER, USER, USER) < 0) {
			snprintf(shared->why, sizeof(shared->why),
				"root may not become a user here");
			_exit(SKIPPED);
		}
		/* as after an ordinary user's execve */
		MUST(prctl(PR_SET_DUMPABLE, 1) == 0);
	}
	if (ws_lab_enter(lab, shared->why, sizeof(shared->why)) < 0) {
		_exit(SKIPPED);
	}
}

static void subject_in_a_user_namespace(void)
{
	struct ws_invoker who;
	struct ws_lab lab;
	char said[200];
	int packets;

	enter_lab_as_user(&lab);
	MUST(geteuid() == 0);
	MUST(make_directory(0, 0700));
	packets = ws_sys_socket(AF_PACKET, SOCK_RAW, 0);
	MUST(packets >= 0);
	/* left over from outside, where there is such a user */
	setenv("SUDO_UID", "1000", 1);
	setenv("SUDO_GID", "1000", 1);
	who = ws_invoker_get();
	MUST(ws_privileges_drop(&who, directory, said, sizeof(said)) == 0);
	MUST(strstr(said, "running as uid 0 without capabilities"));
	MUST(strstr(said, "uid 1000 cannot be taken here"));
	MUST((status_field(getpid(), "CapPrm", 16) & ~BIT(CAP_CHOWN)) == 0);
	MUST(status_field(getpid(), "NoNewPrivs", 10) == 1);
	MUST(owner_of_new_file(-1) == 0);
	MUST(rmdir(directory) == 0);
	MUST(ws_sys_socket(AF_PACKET, SOCK_RAW, 0) == -EPERM);
}

static void in_a_user_namespace(void **state)
{
	(void)state;
	run(subject_in_a_user_namespace);
}

static void *idle(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1) < 0 ? arg : NULL;
}

static void subject_with_a_thread(void)
{
	const struct ws_invoker nobody = {.known = false};
	pthread_t thread;
	char said[200];
	int fds[2];

	MUST(pipe2(fds, O_CLOEXEC) == 0);
	MUST(pthread_create(&thread, NULL, idle, &fds[0]) == 0);
	MUST(ws_privileges_drop(&nobody, NULL, said, sizeof(said)) == -EBUSY);
	MUST(strstr(said, "threads"));
	close(fds[1]);
	MUST(pthread_join(thread, NULL) == 0);
}

static void threads_are_too_late(void **state)
{
	(void)state;
	run(subject_with_a_thread);
}

/* The rights to lock memory are gone, and still there is memory to be had. */
static void subject_locks_memory(void)
{
	const struct ws_invoker nobody = {.known = false};
	struct rlimit limit;
	char said[300];
	void *memory;

	if (ws_memory_lock(said, sizeof(said)) < 0) {
		MUST(strstr(said, "cannot be locked"));
	} else {
		/* Root in a container may not lift the limit. */
		MUST(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
		MUST(limit.rlim_cur == RLIM_INFINITY || strstr(said, "only memory that is there"));
	}
	MUST(ws_privileges_drop(&nobody, NULL, said, sizeof(said)) == 0);
	memory = mmap(NULL, LOCKED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(memory != MAP_FAILED);
}

static void memory_after_rights(void **state)
{
	(void)state;
	run(subject_locks_memory);
}

static void subject_is_placed(void)
{
	int64_t runtime, period;
	char said[300];
	cpu_set_t set;
	int cpu = 0;

	MUST(sched_getaffinity(0, sizeof(set), &set) == 0);
	while (!CPU_ISSET(cpu, &set)) {
		cpu++;
	}
	MUST(ws_thread_pin(cpu, said, sizeof(said)) == 0);
	MUST(sched_getaffinity(0, sizeof(set), &set) == 0);
	MUST(CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set));
	MUST(ws_thread_pin(8191, said, sizeof(said)) == -EINVAL);
	MUST(ws_thread_realtime_budget(&runtime, &period) < 0 || period > 0);
	if (ws_thread_realtime(1, said, sizeof(said)) == 0) {
		MUST(sched_getscheduler(0) == (SCHED_FIFO | SCHED_RESET_ON_FORK));
	} else {
		MUST(strstr(said, "SCHED_FIFO"));
		MUST(sched_getscheduler(0) == SCHED_OTHER);
	}
}

static void threads_are_placed(void **state)
{
	(void)state;
	run(subject_is_placed);
}

static void subject_asks_veth(void)
{
	static const char *const names[] = {"ws0", "lo"};
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h;
	struct ws_lab lab;
	char why[300];

	if (ws_lab_enter(&lab, shared->why, sizeof(shared->why)) < 0) {
		_exit(SKIPPED);
	}
	for (int i = 0; i < 2; i++) {
		MUST(ws_hwtstamp_open(&h, names[i], &want, &granted, why, sizeof(why)) ==
			-EOPNOTSUPP);
		MUST(strstr(why, "it offers no hardware time stamps of received packets"));
	}
	MUST(ws_hwtstamp_open(&h, "ws1", &want, &granted, why, sizeof(why)) == -ENODEV);
}

static void virtual_interfaces_have_none(void **state)
{
	(void)state;
	shared->has_card = false;
	run(subject_asks_veth);
}

static const struct hwtstamp_config before = {
	.tx_type = HWTSTAMP_TX_ON, .rx_filter = HWTSTAMP_FILTER_PTP_V2_EVENT};

static void assert_restored(void)
{
	assert_int_equal(shared->now.rx_filter, before.rx_filter);
	assert_int_equal(shared->now.tx_type, before.tx_type);
	assert_int_equal(shared->now.flags, before.flags);
}

static void enter(struct ws_lab *lab)
{
	if (ws_lab_enter(lab, shared->why, sizeof(shared->why)) < 0) {
		_exit(SKIPPED);
	}
}

/* Opens it, gives up all rights, and goes over to the other side's namespace. */
static struct ws_hwtstamp *change_it(struct ws_lab *lab)
{
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	const struct ws_invoker nobody = {.known = false};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h;
	char why[300];

	shared->now = before;
	shared->has_card = true;
	MUST(setenv("WIRESTAMP_JOURNAL", shared->journal, 1) == 0);
	MUST(ws_hwtstamp_open(&h, "ws0", &want, &granted, why, sizeof(why)) == 0);
	MUST(granted.clock == WS_CLOCK_PHC + 5);
	MUST(granted.journal == 0 && granted.changed);
	MUST(shared->now.rx_filter == HWTSTAMP_FILTER_ALL);
	MUST(shared->now.tx_type == HWTSTAMP_TX_ON);
	MUST(ws_netns_enter(lab->ns[1]) >= 0);
	MUST(ws_privileges_drop(&nobody, NULL, why, sizeof(why)) == 0);
	return h;
}

static unsigned files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		n += e->d_name[0] != '.';
	}
	if (d) {
		closedir(d);
	}
	return n;
}

static void subject_restores(void)
{
	struct ws_hwtstamp *h;
	struct ws_lab lab;

	enter(&lab);
	h = change_it(&lab);
	MUST(ws_hwtstamp_close(h) == 0);
	MUST(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

static void restored_at_the_end(void **state)
{
	(void)state;
	run(subject_restores);
	assert_restored();
	assert_int_equal(files_in(shared->journal), 0);
}

/* The subject's ends of pipes: one to tell the test that it is ready, one as its output. */
static int ready[2], output[2];

static void subject_waits_to_be_killed(void)
{
	struct ws_lab lab;
	pid_t holder;

	enter(&lab);
	(void)change_it(&lab);
	holder = fork();
	MUST(holder >= 0);
	if (holder == 0) {
		MUST(ws_sys_close_range(3, UINT32_MAX) == 0);
		for (;;) {
			pause();
		}
	}
	shared->holder = holder;
	/* From here on nobody but the child could hold it. */
	close(output[1]);
	MUST(write(ready[1], "r", 1) == 1);
	for (;;) {
		pause();
	}
}

static void assert_child_is_small(pid_t child)
{
	char path[64];
	struct dirent *e;
	int fds = 0;
	DIR *d;

	assert_int_equal(status_field(child, "CapPrm", 16), BIT(CAP_NET_ADMIN));
	assert_int_equal(status_field(child, "CapEff", 16), BIT(CAP_NET_ADMIN));
	assert_int_equal(status_field(child, "CapInh", 16), 0);
	assert_int_equal(status_field(child, "NoNewPrivs", 10), 1);
	assert_int_equal(getsid(child), child);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)child);
	d = geteuid() == 0 ? opendir(path) : NULL; /* others may not look */
	while (d && (e = readdir(d))) {
		fds += e->d_name[0] != '.';
	}
	if (d) {
		closedir(d);
		assert_int_equal(fds, 3); /* its parent, the journal and its own file there */
	}
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, PATIENCE) == 1;
}

static void restored_after_sigkill(void **state)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1};
	pid_t subject, child;
	int status, pidfd;
	char byte;

	(void)state;
	/* Whatever loses its parent becomes ours: nothing gets lost. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(output, O_CLOEXEC), 0);
	subject = fork();
	assert_true(subject >= 0);
	if (subject == 0) {
		subject_waits_to_be_killed();
	}
	close(ready[1]);
	close(output[1]);
	assert_true(readable(ready[0]));
	if (read(ready[0], &byte, 1) != 1) {
		assert_ends_well(subject);
		fail();
	}
	child = shared->child;
	/* the end of the output is seen while the child lives */
	assert_true(readable(output[0]));
	assert_int_equal(read(output[0], &byte, 1), 0);
	assert_child_is_small(child);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		assert_int_equal(kill(child, ignored[i]), 0);
	}
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	assert_true(pidfd >= 0);
	assert_int_equal(shared->now.rx_filter, HWTSTAMP_FILTER_ALL);
	assert_int_equal(kill(subject, SIGKILL), 0);
	assert_true(readable(pidfd));
	assert_int_equal(waitpid(subject, &status, 0), subject);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_restored();
	assert_int_equal(files_in(shared->journal), 0);
	assert_int_equal(kill(shared->holder, SIGKILL), 0);
	assert_int_equal(waitpid(shared->holder, &status, 0), shared->holder);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	close(pidfd);
	close(ready[0]);
	close(output[0]);
}

static void empty_journal(void)
{
	char path[400];
	DIR *d = opendir(shared->journal);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", shared->journal, e->d_name);
			assert_int_equal(unlink(path), 0);
		}
	}
	if (d) {
		closedir(d);
	}
}

static void subject_loses_its_child(void)
{
	struct ws_hwtstamp *h;
	struct ws_lab lab;

	enter(&lab);
	h = change_it(&lab);
	MUST(kill(shared->child, SIGKILL) == 0);
	/* The rights are gone, so it can only be said. */
	MUST(ws_hwtstamp_close(h) < 0);
	MUST(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

static void killed_child_is_told(void **state)
{
	(void)state;
	run(subject_loses_its_child);
	assert_int_equal(shared->now.rx_filter, HWTSTAMP_FILTER_ALL);
	/* for the next start, which would have the rights */
	assert_int_equal(files_in(shared->journal), 1);
	empty_journal();
}

static bool stands_at_before(void)
{
	return !memcmp(&shared->now, &before, sizeof(before));
}

static void look_at_found(void *arg, const struct ws_journal_found *found)
{
	struct ws_journal_found *ret = arg;

	*ret = *found;
}

/* Runs in the interface's namespace, from before it was changed. */
static void repair_here(const struct ws_lab *lab)
{
	struct ws_journal_found found = {.result = 5};

	(void)lab;
	MUST(ws_journal_repair(look_at_found, &found) == 1);
	MUST(found.result == 0);
	MUST(!strcmp(found.ifname, "ws0") && !strcmp(found.noted, "ws0"));
	MUST(found.before.rx_filter == before.rx_filter);
	MUST(found.set.rx_filter == HWTSTAMP_FILTER_ALL);
	MUST(found.now.rx_filter == HWTSTAMP_FILTER_ALL);
	MUST(ws_journal_repair(look_at_found, &found) == 0);
}

static void start_again(const struct ws_lab *lab)
{
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_PTP};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h;
	char why[300];

	(void)lab;
	MUST(ws_hwtstamp_open(&h, "ws0", &want, &granted, why, sizeof(why)) == 0);
	MUST(granted.rx_filter == before.rx_filter && !granted.changed);
	MUST(ws_hwtstamp_close(h) == 0);
}

/* From another namespace: to be found by name, or not at all. */
static void repair_by_name(const struct ws_lab *lab)
{
	struct ws_journal_found found = {.result = 5};
	const char *file = "/run/netns/ws-rights";
	int fd, own = ws_netns_current();

	if (access("/run/netns", F_OK) < 0 && mkdir("/run/netns", 0755) < 0) {
		snprintf(shared->why, sizeof(shared->why), "there is no /run/netns");
		_exit(SKIPPED);
	}
	MUST(unshare(CLONE_NEWNS) == 0);
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	MUST(mount("tmpfs", "/run/netns", "tmpfs", 0, NULL) == 0);
	MUST(ws_netns_enter(lab->ns[1]) >= 0);
	MUST(ws_journal_repair(look_at_found, &found) == 1);
	MUST(found.result == -ENOENT && !*found.ifname);
	MUST(shared->now.rx_filter == HWTSTAMP_FILTER_ALL);
	MUST(files_in(shared->journal) == 1);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd >= 0 && close(fd) == 0);
	fd = own;
	snprintf(shared->why, sizeof(shared->why), "/proc/self/fd/%d", fd);
	MUST(mount(shared->why, file, NULL, MS_BIND, NULL) == 0);
	MUST(ws_journal_repair(look_at_found, &found) == 1);
	MUST(found.result == 0 && !strcmp(found.ifname, "ws0"));
}

static void (*next_start)(const struct ws_lab *lab);
static int go[2];

/* All that is killed is killed at once; what comes next was there before, and keeps the namespaces. */
static void subject_and_what_comes_next(void)
{
	struct ws_lab lab;
	pid_t next;
	char byte;

	enter(&lab);
	MUST(setenv("WIRESTAMP_JOURNAL", shared->journal, 1) == 0);
	next = fork();
	MUST(next >= 0);
	if (next == 0) {
		close(go[1]);
		close(ready[0]);
		close(ready[1]);
		MUST(read(go[0], &byte, 1) == 1);
		MUST(shared->now.rx_filter == HWTSTAMP_FILTER_ALL);
		next_start(&lab);
		MUST(stands_at_before());
		MUST(files_in(shared->journal) == 0);
		_exit(0);
	}
	shared->holder = next;
	(void)change_it(&lab);
	MUST(write(ready[1], "r", 1) == 1);
	for (;;) {
		pause();
	}
}

static void both_killed(void (*next)(const struct ws_lab *lab))
{
	pid_t subject;
	char byte;
	int status;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
	next_start = next;
	subject = fork();
	assert_true(subject >= 0);
	if (subject == 0) {
		close(go[1]);
		subject_and_what_comes_next();
	}
	close(ready[1]);
	close(go[0]);
	assert_true(readable(ready[0]));
	if (read(ready[0], &byte, 1) != 1) {
		close(go[1]);
		close(ready[0]);
		assert_ends_well(subject);
		fail();
	}
	assert_int_equal(files_in(shared->journal), 1);
	/* The child cannot see its parent go. */
	assert_int_equal(kill(shared->child, SIGKILL), 0);
	assert_int_equal(kill(subject, SIGKILL), 0);
	assert_int_equal(waitpid(subject, &status, 0), subject);
	assert_int_equal(waitpid(shared->child, &status, 0), shared->child);
	assert_int_equal(shared->now.rx_filter, HWTSTAMP_FILTER_ALL);
	assert_int_equal(write(go[1], "g", 1), 1);
	close(go[1]);
	close(ready[0]);
	assert_ends_well(shared->holder);
	assert_restored();
	assert_int_equal(files_in(shared->journal), 0);
}

static void both_killed_and_repaired(void **state)
{
	(void)state;
	both_killed(repair_here);
}

static void both_killed_and_started_again(void **state)
{
	(void)state;
	both_killed(start_again);
}

static void both_killed_in_a_named_namespace(void **state)
{
	(void)state;
	both_killed(repair_by_name);
}

static void subject_without_a_journal(void)
{
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	struct ws_hwtstamp_granted granted;
	struct ws_hwtstamp *h;
	struct ws_lab lab;
	char why[300];

	enter_lab_as_user(&lab);
	shared->now = before;
	shared->has_card = true;
	/* /run belongs to a user that does not exist in here. */
	MUST(unsetenv("WIRESTAMP_JOURNAL") == 0);
	MUST(ws_hwtstamp_open(&h, "ws0", &want, &granted, why, sizeof(why)) == 0);
	MUST(granted.changed && granted.journal < 0);
	MUST(shared->now.rx_filter == HWTSTAMP_FILTER_ALL);
	MUST(ws_hwtstamp_close(h) == 0);
	MUST(stands_at_before());
	MUST(ws_journal_repair(NULL, NULL) < 0);
}

static void a_user_has_no_journal(void **state)
{
	(void)state;
	run(subject_without_a_journal);
}

static int unshare_journal(void **state)
{
	(void)state;
	empty_journal();
	return rmdir(shared->journal);
}

static int share(void **state)
{
	(void)state;
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		return -1;
	}
	snprintf(shared->journal, sizeof(shared->journal), "/tmp/wirestamp-journal-XXXXXX");
	return mkdtemp(shared->journal) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_invokers_user_is_taken),
		cmocka_unit_test(uid_0_stays_for_files_of_root),
		cmocka_unit_test(plain_root),
		cmocka_unit_test(root_in_the_directory_of_a_user),
		cmocka_unit_test(in_a_user_namespace),
		cmocka_unit_test(threads_are_too_late),
		cmocka_unit_test(memory_after_rights),
		cmocka_unit_test(threads_are_placed),
		cmocka_unit_test(virtual_interfaces_have_none),
		cmocka_unit_test(restored_at_the_end),
		cmocka_unit_test(restored_after_sigkill),
		cmocka_unit_test(killed_child_is_told),
		cmocka_unit_test(both_killed_and_repaired),
		cmocka_unit_test(both_killed_and_started_again),
		cmocka_unit_test(both_killed_in_a_named_namespace),
		cmocka_unit_test(a_user_has_no_journal),
	};

	return cmocka_run_group_tests_name("rights", tests, share, unshare_journal);
}
