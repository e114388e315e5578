/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL

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

ssize_t ws_sys_read(int fd, void *buf, size_t len)
{
	return result_size(read(fd, buf, len));
}

ssize_t ws_sys_write(int fd, const void *buf, size_t len)
{
	return result_size(write(fd, buf, len));
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
