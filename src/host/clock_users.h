/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that seem to use an interface's time stamps or its PTP clock: who has /dev/ptpN open (told only of processes
 * that the caller may look at), and programs that are known for it (ptp4l, phc2sys, ts2phc, timemaster, chronyd, ptpd,
 * gptp) by their name, if they live in this network namespace or where that cannot be known. One of those that neither has
 * the clock open, as far as that can be seen, nor names the interface, is left out where the interface has a clock: it
 * works with another one, or with none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WS_CLOCK_USERS 8

struct ws_clock_user {
	pid_t pid;
	char name[17];	/* the process's own; "?" in place of what is no printable character */
	bool has_clock; /* it has the PTP clock's device open */
	bool names_it;	/* its command line names the interface */
};

/* phc: index of the clock, -1: none. Their number (at most max, the surest first), or -errno where /proc cannot be read.
 * This process itself is none. */
int ws_clock_users(const char *ifname, int phc, struct ws_clock_user *ret, unsigned max);
