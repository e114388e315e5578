/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam: the only file that makes raw system calls. Tests link a scripted version of sys.c.
 *
 * Each function returns what the system call returns, or -errno instead of -1 (and never reads
 * errno unless the call failed). Descriptors are close-on-exec from birth.
 */
#pragma once

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct rlimit;
struct stat;
struct timex;
struct utsname;

/* Sets of capabilities: bit n is capability n. */
struct ws_sys_caps {
	uint64_t effective, permitted, inheritable;
};

int ws_sys_socket(int domain, int type, int protocol);
int ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int ws_sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
int ws_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int ws_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int ws_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
ssize_t ws_sys_sendto(
	int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen);
ssize_t ws_sys_recv(int fd, void *buf, size_t len, int flags);
ssize_t ws_sys_sendmsg(int fd, const struct msghdr *msg, int flags);
int ws_sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags);
int ws_sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags);
int ws_sys_ioctl(int fd, unsigned long request, void *arg);
/* timeout_ns < 0: for ever. */
int ws_sys_poll(struct pollfd *fds, unsigned n, int64_t timeout_ns);
/* Anonymous or file memory; *ret is set on 0. */
int ws_sys_mmap(void **ret, size_t len, int prot, int flags, int fd);
int ws_sys_munmap(void *addr, size_t len);
int ws_sys_close(int fd);
int ws_sys_open(const char *path, int flags, mode_t mode);
/*
 * Calls each with the name of each entry of a directory but "." and "..", in no order. 0, what each returned as soon as
 * that is not 0, or -errno.
 */
int ws_sys_list(const char *path, int (*each)(void *arg, const char *name), void *arg);
/* With a final NUL; the length without it. -ENAMETOOLONG: there is no room for it. */
ssize_t ws_sys_readlink(const char *path, char *buf, size_t size);
ssize_t ws_sys_read(int fd, void *buf, size_t len);
ssize_t ws_sys_write(int fd, const void *buf, size_t len);
int ws_sys_openat(int dir, const char *path, int flags, mode_t mode);
int ws_sys_mkdir(const char *path, mode_t mode);
int ws_sys_unlinkat(int dir, const char *path);
int ws_sys_fstat(int fd, struct stat *ret);
int ws_sys_flock(int fd, int operation);
/* Entries of a directory as getdents64(2) gives them: bytes, 0 at the end. */
ssize_t ws_sys_getdents(int dir, void *buf, size_t size);
int ws_sys_unshare(int flags);
int ws_sys_setns(int fd, int type);
/* clock: CLOCK_MONOTONIC and the like, which always exist, so that there is no error. ns. */
int64_t ws_sys_clock(int clock);
int64_t ws_sys_clock_resolution(int clock);
/* Sleeps on CLOCK_MONOTONIC until the instant. 0, or -EINTR when a signal came. */
int ws_sys_sleep_until(int64_t deadline_ns);
pid_t ws_sys_getpid(void);
uid_t ws_sys_geteuid(void);
gid_t ws_sys_getegid(void);
/* PR_SET_DUMPABLE and the like: options that take one number. */
int ws_sys_prctl(int option, unsigned long arg);
int ws_sys_uname(struct utsname *ret);
/*
 * A child process that runs body, with all signals blocked, and exits with what body returns (0 to
 * 255), without exit handlers. Its pid. body must not take locks: other threads may have held them.
 */
pid_t ws_sys_spawn(int (*body)(void *arg), void *arg);
/* Waits for the end of a child; *ret_status as wait(2) gives it. 0, or -EINTR when a signal came. */
int ws_sys_waitpid(pid_t pid, int *ret_status);
/* Does not wait: 1 if it has ended, 0 if not, or -errno. */
int ws_sys_try_waitpid(pid_t pid, int *ret_status);
/*
 * Starts a program, looked for in PATH, with these as its standard input and output. Its signals are
 * as at the start of any program, but for SIGINT and SIGHUP, which it starts with ignored: what a
 * terminal sends to all of its programs is the caller's to act on. Its pid, or -errno, also of exec.
 */
pid_t ws_sys_run(char *const argv[], int in, int out);
int ws_sys_kill(pid_t pid, int signo);
int ws_sys_pipe(int ret_fds[2]);
pid_t ws_sys_setsid(void);
int ws_sys_socketpair(int type, int ret_fds[2]); /* AF_UNIX */
int ws_sys_shutdown(int fd, int how);
/* Closes all descriptors from first to last. */
int ws_sys_close_range(unsigned first, unsigned last);
/* By the real user and group. mode: W_OK and the like. */
int ws_sys_access(const char *path, int mode);
/* Real, effective, saved. */
void ws_sys_getresuid(uid_t ret[3]);
void ws_sys_getresgid(gid_t ret[3]);
/* Real, effective and saved id of all threads. */
int ws_sys_setresuid(uid_t uid);
int ws_sys_setresgid(gid_t gid);
int ws_sys_setgroups(size_t n, const gid_t *groups);
/* Of the calling thread. */
int ws_sys_capget(struct ws_sys_caps *ret);
int ws_sys_capset(const struct ws_sys_caps *caps);
/* The database of users. 0, -ENOENT: no such user, or another error. *ret_uid and *ret_gid, which
 * may be NULL, and name are written on 0. */
int ws_sys_user_by_name(const char *name, uid_t *ret_uid, gid_t *ret_gid);
int ws_sys_user_by_id(uid_t uid, char *name, size_t size, gid_t *ret_gid);
/* All groups of a user, gid among them. Their number, or -E2BIG if there are more than max. */
int ws_sys_user_groups(const char *name, gid_t gid, gid_t *ret, size_t max);
/* Of the calling thread. mask: size bytes, bit n is CPU n. policy: SCHED_FIFO and the like. */
int ws_sys_sched_setaffinity(const void *mask, size_t size);
/* The CPU of the calling thread. */
int ws_sys_getcpu(void);
/* 0; the whole mask is written. -EINVAL: it is too small for the CPUs of this machine. */
int ws_sys_sched_getaffinity(void *ret_mask, size_t size);
int ws_sys_sched_setscheduler(int policy, int priority);
int ws_sys_getrlimit(int resource, struct rlimit *ret);
int ws_sys_setrlimit(int resource, const struct rlimit *limit);
int ws_sys_mlockall(int flags);
/* The state of the clock (TIME_OK, TIME_ERROR, ...) or -errno. */
int ws_sys_adjtimex(struct timex *inout);
