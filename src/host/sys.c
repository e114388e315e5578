/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL
#define USER_BUFFER \
	16384 /* of one entry of the database of users; a group's members are not in it */
#define CLOSE_LIMIT (1u << 20)

static int result(int r)
{
	return r < 0 ? -errno : r;
}

static ssize_t result_size(ssize_t r)
{
	return r < 0 ? -errno : r;
}

int ws_sys_socket(int domain, int type, int protocol)
{
	return result(socket(domain, type | SOCK_CLOEXEC, protocol));
}

int ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return result(bind(fd, addr, len));
}

int ws_sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return result(connect(fd, addr, len));
}

int ws_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return result(setsockopt(fd, level, name, value, len));
}

int ws_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return result(getsockopt(fd, level, name, value, len));
}

int ws_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return result(getsockname(fd, addr, len));
}

ssize_t ws_sys_sendto(
	int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen)
{
	return result_size(sendto(fd, buf, len, flags, to, tolen));
}

ssize_t ws_sys_recv(int fd, void *buf, size_t len, int flags)
{
	return result_size(recv(fd, buf, len, flags));
}

ssize_t ws_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return result_size(sendmsg(fd, msg, flags));
}

int ws_sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	return result(sendmmsg(fd, msgs, n, flags));
}

int ws_sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	return result(recvmmsg(fd, msgs, n, flags, NULL));
}

int ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	return result(ioctl(fd, request, arg));
}

int ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	struct timespec ts;

	if (timeout_ns < 0) {
		return result(ppoll(fds, n, NULL, NULL));
	}
	ts.tv_sec = timeout_ns / NSEC_PER_SEC;
	ts.tv_nsec = timeout_ns % NSEC_PER_SEC;
	return result(ppoll(fds, n, &ts, NULL));
}

int ws_sys_mmap(void **ret, size_t len, int prot, int flags, int fd)
{
	void *addr = mmap(NULL, len, prot, flags, fd, 0);

	if (addr == MAP_FAILED) {
		return -errno;
	}
	*ret = addr;
	return 0;
}

int ws_sys_munmap(void *addr, size_t len)
{
	return result(munmap(addr, len));
}

int ws_sys_close(int fd)
{
	return result(close(fd));
}

int ws_sys_open(const char *path, int flags, mode_t mode)
{
	return result(open(path, flags | O_CLOEXEC, mode));
}

int ws_sys_list(const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	const struct dirent *entry;
	DIR *dir = opendir(path);
	int ret = 0;

	if (!dir) {
		return -errno;
	}
	while (!ret) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			ret = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			ret = each(arg, entry->d_name);
		}
	}
	closedir(dir);
	return ret;
}

ssize_t ws_sys_readlink(const char *path, char *buf, size_t size)
{
	ssize_t n = size ? readlink(path, buf, size) : 0;

	if (n < 0) {
		return -errno;
	}
	if ((size_t)n >= size) {
		return -ENAMETOOLONG;
	}
	buf[n] = '\0';
	return n;
}

ssize_t ws_sys_read(int fd, void *buf, size_t len)
{
	return result_size(read(fd, buf, len));
}

ssize_t ws_sys_write(int fd, const void *buf, size_t len)
{
	return result_size(write(fd, buf, len));
}

int ws_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	return result(openat(dir, path, flags | O_CLOEXEC, mode));
}

int ws_sys_mkdir(const char *path, mode_t mode)
{
	return result(mkdir(path, mode));
}

int ws_sys_unlinkat(int dir, const char *path)
{
	return result(unlinkat(dir, path, 0));
}

int ws_sys_fstat(int fd, struct stat *ret)
{
	return result(fstat(fd, ret));
}

int ws_sys_flock(int fd, int operation)
{
	return result(flock(fd, operation));
}

ssize_t ws_sys_getdents(int dir, void *buf, size_t size)
{
	return result_size(syscall(SYS_getdents64, dir, buf, size));
}

int ws_sys_unshare(int flags)
{
	return result(unshare(flags));
}

int ws_sys_setns(int fd, int type)
{
	return result(setns(fd, type));
}

int64_t ws_sys_clock(int clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t ws_sys_clock_resolution(int clock)
{
	struct timespec ts = {0};

	clock_getres(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int ws_sys_sleep_until(int64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = deadline_ns / NSEC_PER_SEC,
		.tv_nsec = deadline_ns % NSEC_PER_SEC,
	};

	if (deadline_ns < 0) {
		return 0;
	}
	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

pid_t ws_sys_getpid(void)
{
	return getpid();
}

uid_t ws_sys_geteuid(void)
{
	return geteuid();
}

gid_t ws_sys_getegid(void)
{
	return getegid();
}

int ws_sys_prctl(int option, unsigned long arg)
{
	return result(prctl(option, arg, 0UL, 0UL, 0UL));
}

int ws_sys_uname(struct utsname *ret)
{
	return result(uname(ret));
}

pid_t ws_sys_spawn(int (*body)(void *arg), void *arg)
{
	sigset_t all, before;
	pid_t pid;
	int saved;

	/* Blocked before: the parent's handlers are the child's as well. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		_exit(body(arg));
	}
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -saved : pid;
}

int ws_sys_waitpid(pid_t pid, int *ret_status)
{
	int status;

	if (waitpid(pid, &status, 0) < 0) {
		return -errno;
	}
	*ret_status = status;
	return 0;
}

int ws_sys_try_waitpid(pid_t pid, int *ret_status)
{
	int status;
	pid_t r = waitpid(pid, &status, WNOHANG);

	if (r < 0) {
		return -errno;
	}
	if (r > 0) {
		*ret_status = status;
	}
	return r > 0;
}

/* In the child, which has the parent's memory and maybe locks that nobody will give back: system calls only. */
static void become(char *const argv[], int in, int out, int failed)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;
	int err;

	/* Exec itself resets those that are caught, and keeps those that are ignored. */
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	/* Both are above the standard ones: see below. */
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(argv[0], argv);
	}
	err = errno;
	while (write(failed, &err, sizeof(err)) < 0 && errno == EINTR) {
		;
	}
	_exit(127);
}

/* A descriptor that dup2 onto the standard ones neither overwrites nor leaves close-on-exec. */
static int above_standard(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

pid_t ws_sys_run(char *const argv[], int in, int out)
{
	int failed[2], err = 0, high[3] = {-1, -1, -1};
	sigset_t all, before;
	pid_t pid = -1;
	ssize_t n;

	if (pipe2(failed, O_CLOEXEC) < 0) {
		return -errno;
	}
	high[0] = above_standard(in);
	high[1] = above_standard(out);
	high[2] = above_standard(failed[1]);
	err = high[0] < 0 || high[1] < 0 || high[2] < 0 ? errno : 0;
	close(failed[1]);
	if (!err) {
		/* Blocked before: the parent's handlers are the child's until exec. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		pid = fork();
		if (pid == 0) {
			become(argv, high[0], high[1], high[2]);
		}
		err = pid < 0 ? errno : 0;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	for (int i = 0; i < 3; i++) {
		if (high[i] >= 0) {
			close(high[i]);
		}
	}
	if (!err) {
		do {
			n = read(failed[0], &err, sizeof(err));
		} while (n < 0 && errno == EINTR);
		if (n == (ssize_t)sizeof(err)) {
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
				;
			}
		} else {
			err = 0;
		}
	}
	close(failed[0]);
	return err ? -err : pid;
}

int ws_sys_kill(pid_t pid, int signo)
{
	return result(kill(pid, signo));
}

int ws_sys_pipe(int ret_fds[2])
{
	return result(pipe2(ret_fds, O_CLOEXEC));
}

pid_t ws_sys_setsid(void)
{
	return result(setsid());
}

int ws_sys_socketpair(int type, int ret_fds[2])
{
	return result(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds));
}

int ws_sys_shutdown(int fd, int how)
{
	return result(shutdown(fd, how));
}

int ws_sys_close_range(unsigned first, unsigned last)
{
	struct rlimit limit;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, last, 0) == 0) {
		return 0;
	}
#endif
	/* Linux 5.9 has it. Before, descriptors are tried up to the limit, which containers set
	 * far beyond what anybody opens. */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return -errno;
	}
	for (unsigned fd = first; fd <= last && fd < limit.rlim_cur && fd < CLOSE_LIMIT; fd++) {
		close((int)fd);
	}
	return 0;
}

int ws_sys_access(const char *path, int mode)
{
	return result(access(path, mode));
}

void ws_sys_getresuid(uid_t ret[3])
{
	(void)getresuid(&ret[0], &ret[1], &ret[2]);
}

void ws_sys_getresgid(gid_t ret[3])
{
	(void)getresgid(&ret[0], &ret[1], &ret[2]);
}

int ws_sys_setresuid(uid_t uid)
{
	return result(setresuid(uid, uid, uid));
}

int ws_sys_setresgid(gid_t gid)
{
	return result(setresgid(gid, gid, gid));
}

int ws_sys_setgroups(size_t n, const gid_t *groups)
{
	return result(setgroups(n, groups));
}

int ws_sys_capget(struct ws_sys_caps *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data) < 0) {
		return -errno;
	}
	ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

int ws_sys_capset(const struct ws_sys_caps *caps)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = (uint32_t)(caps->effective >> 32 * i);
		data[i].permitted = (uint32_t)(caps->permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(caps->inheritable >> 32 * i);
	}
	return result((int)syscall(SYS_capset, &header, data));
}

int ws_sys_user_by_name(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	char buf[USER_BUFFER];
	struct passwd entry, *found = NULL;
	int err = getpwnam_r(name, &entry, buf, sizeof(buf), &found);

	if (err || !found) {
		return err ? -err : -ENOENT;
	}
	if (ret_uid) {
		*ret_uid = found->pw_uid;
	}
	if (ret_gid) {
		*ret_gid = found->pw_gid;
	}
	return 0;
}

int ws_sys_user_by_id(uid_t uid, char *name, size_t size, gid_t *ret_gid)
{
	char buf[USER_BUFFER];
	struct passwd entry, *found = NULL;
	int err = getpwuid_r(uid, &entry, buf, sizeof(buf), &found);

	if (err || !found) {
		return err ? -err : -ENOENT;
	}
	if (strlen(found->pw_name) >= size) {
		return -E2BIG;
	}
	memcpy(name, found->pw_name, strlen(found->pw_name) + 1);
	if (ret_gid) {
		*ret_gid = found->pw_gid;
	}
	return 0;
}

int ws_sys_user_groups(const char *name, gid_t gid, gid_t *ret, size_t max)
{
	int n = max < INT_MAX ? (int)max : INT_MAX;

	return getgrouplist(name, gid, ret, &n) < 0 ? -E2BIG : n;
}

int ws_sys_sched_setaffinity(const void *mask, size_t size)
{
	return result(sched_setaffinity(0, size, mask));
}

int ws_sys_getcpu(void)
{
	int r = sched_getcpu();

	return r < 0 ? -errno : r;
}

int ws_sys_sched_getaffinity(void *ret_mask, size_t size)
{
	return result(sched_getaffinity(0, size, ret_mask));
}

int ws_sys_sched_setscheduler(int policy, int priority)
{
	const struct sched_param param = {.sched_priority = priority};

	return result(sched_setscheduler(0, policy, &param));
}

int ws_sys_getrlimit(int resource, struct rlimit *ret)
{
	return result(getrlimit((__rlimit_resource_t)resource, ret));
}

int ws_sys_setrlimit(int resource, const struct rlimit *limit)
{
	return result(setrlimit((__rlimit_resource_t)resource, limit));
}

int ws_sys_mlockall(int flags)
{
	return result(mlockall(flags));
}

int ws_sys_adjtimex(struct timex *inout)
{
	return result(adjtimex(inout));
}
