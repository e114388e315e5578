/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On which CPU the calling thread runs, whether others come first, and memory that stays.
 *
 * Each function returns 0 or -errno, and writes to said (size may be 0) what could not be had, or
 * with which limits it was granted: a clause, empty if there is nothing to say. Rights are needed,
 * so before ws_privileges_drop(); what was granted stays.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* -EINVAL: there is no such CPU, or this process may not use it. */
int ws_thread_pin(int cpu, char *said, size_t size);

/* The CPU that the calling thread is on just now; -1: unknown. */
int ws_thread_cpu(void);

/*
 * SCHED_FIFO with a priority from 1 to 99. Threads and processes that this one starts do not get it.
 * -EPERM: neither CAP_SYS_NICE nor the limit RLIMIT_RTPRIO allows it, or the control group has no
 * time for it. On success said tells the kernel's budget, if there is one.
 */
int ws_thread_realtime(int priority, char *said, size_t size);

/*
 * Raises RLIMIT_RTPRIO, so that threads may take this priority after rights have been given up. -EPERM:
 * the limit is lower and may not be raised.
 */
int ws_thread_realtime_allow(int priority, char *said, size_t size);

/*
 * The time that the kernel leaves to real-time threads of a CPU within each period, in microseconds
 * (sched_rt_runtime_us, sched_rt_period_us). *ret_runtime_us is -1 without a limit. 0 or -errno;
 * then they are unknown.
 */
int ws_thread_realtime_budget(int64_t *ret_runtime_us, int64_t *ret_period_us);

/*
 * Locks the process's memory: all that there is now, and all that comes. Without a right to more
 * than RLIMIT_MEMLOCK, only what there is now: everything mapped later would count, and fail when
 * the limit is reached, also after rights have been dropped. The limit is raised where that is
 * allowed.
 */
int ws_memory_lock(char *said, size_t size);
