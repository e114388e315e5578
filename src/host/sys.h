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

struct utsname;

int ws_sys_socket(int domain, int type, int protocol);
int ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
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
ssize_t ws_sys_read(int fd, void *buf, size_t len);
ssize_t ws_sys_write(int fd, const void *buf, size_t len);
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
