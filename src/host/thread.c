/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "host/cpu.h"
#include "host/sys.h"

#define RT_RUNTIME "/proc/sys/kernel/sched_rt_runtime_us"
#define RT_PERIOD  "/proc/sys/kernel/sched_rt_period_us"
#define WORD_BITS  (8 * sizeof(unsigned long))

int ws_thread_pin(int cpu, char *said, size_t size)
{
	unsigned long mask[WS_CPU_LIMIT / WORD_BITS] = {0};
	int err = -EINVAL;

	snprintf(said, size, "%s", "");
	if (cpu >= 0 && cpu < WS_CPU_LIMIT) {
		mask[(unsigned)cpu / WORD_BITS] = 1UL << (unsigned)cpu % WORD_BITS;
		err = ws_sys_sched_setaffinity(mask, sizeof(mask));
	}
	if (err == -EINVAL) {
		snprintf(said, size,
			"there is no CPU %d that this process may use (nproc and taskset show them)",
			cpu);
	} else if (err) {
		snprintf(said, size, "cannot run on CPU %d: %s (taskset shows which it may use)",
			cpu, strerror(-err));
	}
	return err;
}

static int read_number(const char *path, int64_t *ret)
{
	char text[32], *end;
	long long value;
	ssize_t n;
	int fd = ws_sys_open(path, O_RDONLY, 0);

	if (fd < 0) {
		return fd;
	}
	do {
		n = ws_sys_read(fd, text, sizeof(text) - 1);
	} while (n == -EINTR);
	ws_sys_close(fd);
	if (n < 0) {
		return (int)n;
	}
	text[n] = '\0';
	value = strtoll(text, &end, 10);
	if (end == text || (*end && *end != '\n')) {
		return -EBADMSG;
	}
	*ret = value;
	return 0;
}

int ws_thread_realtime_budget(int64_t *ret_runtime_us, int64_t *ret_period_us)
{
	int64_t runtime, period;
	int err = read_number(RT_RUNTIME, &runtime);

	err = err ? err : read_number(RT_PERIOD, &period);
	if (err) {
		return err;
	}
	if (runtime < -1 || period <= 0) {
		return -EBADMSG;
	}
	*ret_runtime_us = runtime;
	*ret_period_us = period;
	return 0;
}

static bool has_cap(int cap)
{
	struct ws_sys_caps caps;

	return ws_sys_capget(&caps) == 0 && caps.effective >> cap & 1;
}

static void explain_realtime(int err, int priority, char *said, size_t size)
{
	struct rlimit limit = {0};

	if (err == -EPERM && has_cap(CAP_SYS_NICE)) {
		snprintf(said, size,
			"SCHED_FIFO is refused although CAP_SYS_NICE is there: the control group has no "
			"real-time budget (cpu.rt_runtime_us), or a container forbids it");
	} else if (err == -EPERM && ws_sys_getrlimit(RLIMIT_RTPRIO, &limit) == 0) {
		snprintf(said, size,
			"SCHED_FIFO %d needs CAP_SYS_NICE, or a limit RLIMIT_RTPRIO of at least %d, "
			"which is %llu (run it as root, or raise rtprio in limits.conf)",
			priority, priority, (unsigned long long)limit.rlim_cur);
	} else {
		snprintf(said, size, "SCHED_FIFO %d: %s", priority, strerror(-err));
	}
}

int ws_thread_realtime_allow(int priority, char *said, size_t size)
{
	struct rlimit limit;
	int err = ws_sys_getrlimit(RLIMIT_RTPRIO, &limit);
	unsigned long long before = err == 0 ? limit.rlim_cur : 0;

	snprintf(said, size, "%s", "");
	if (err == 0 && limit.rlim_cur < (rlim_t)priority) {
		limit.rlim_cur = (rlim_t)priority;
		limit.rlim_max =
			limit.rlim_max < (rlim_t)priority ? (rlim_t)priority : limit.rlim_max;
		err = ws_sys_setrlimit(RLIMIT_RTPRIO, &limit);
	}
	if (err < 0) {
		snprintf(said, size,
			"SCHED_FIFO %d needs a limit RLIMIT_RTPRIO of as much, which is %llu here and "
			"cannot be raised: %s (raise rtprio in limits.conf)",
			priority, before, strerror(-err));
	}
	return err;
}

int ws_thread_cpu(void)
{
	int cpu = ws_sys_getcpu();

	return cpu < 0 ? -1 : cpu;
}

int ws_thread_realtime(int priority, char *said, size_t size)
{
	int64_t runtime, period;
	int err = ws_sys_sched_setscheduler(SCHED_FIFO | SCHED_RESET_ON_FORK, priority);

	snprintf(said, size, "%s", "");
	if (err < 0) {
		explain_realtime(err, priority, said, size);
		return err;
	}
	if (ws_thread_realtime_budget(&runtime, &period) == 0 && runtime >= 0 && runtime < period) {
		snprintf(said, size,
			"the kernel lets real-time threads run for %lld of each %lld us on a CPU "
			"(kernel.sched_rt_runtime_us)",
			(long long)runtime, (long long)period);
	}
	return 0;
}

/* True if there is no limit now. */
static bool lift_limit(struct rlimit *ret)
{
	const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

	if (ws_sys_getrlimit(RLIMIT_MEMLOCK, ret) < 0) {
		*ret = (struct rlimit){0};
		return false;
	}
	return ret->rlim_cur == RLIM_INFINITY || ws_sys_setrlimit(RLIMIT_MEMLOCK, &none) == 0;
}

int ws_memory_lock(char *said, size_t size)
{
	struct rlimit limit;
	bool unlimited = lift_limit(&limit);
	int err = ws_sys_mlockall(MCL_CURRENT | (unlimited ? MCL_FUTURE : 0));
	unsigned long long kib = (unsigned long long)limit.rlim_cur / 1024;

	snprintf(said, size, "%s", "");
	if (err == -ENOMEM || err == -EPERM || (err == -EAGAIN && !unlimited)) {
		snprintf(said, size,
			"memory cannot be locked: RLIMIT_MEMLOCK is %llu KiB (run it as root, or raise "
			"memlock in limits.conf)",
			kib);
	} else if (err) {
		snprintf(said, size, "memory cannot be locked: %s", strerror(-err));
	} else if (!unlimited) {
		snprintf(said, size,
			"only memory that is there already is locked: RLIMIT_MEMLOCK is %llu KiB",
			kib);
	}
	return err;
}
