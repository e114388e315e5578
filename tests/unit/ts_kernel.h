/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's answers to questions about the time stamps of one interface, "eth0" with index 7, by generic netlink and by
 * ioctl. The program that links this wraps the system calls that are named in tests/meson.build.
 */
#pragma once

#include "core/tscaps.h"

#include <stdbool.h>
#include <stddef.h>

struct ts_kernel {
	const struct ws_ts_provider *in_use; /* which no list has; NULL: the card's first */
	const struct ws_ts_caps *card;	     /* by netlink */
	const struct ws_ts_caps *ioctls;     /* by the older way; NULL: the same */
	bool no_family;			     /* knows no ethtool by netlink */
	bool before_6_14;		     /* one provider, configuration by ioctl alone */
	bool before_6_16;		     /* does not say who a provider is */
	bool verbose;			     /* sets of bits in the long form */
	bool masked;			     /* with a mask, in either form */
	int no_socket;			     /* -errno of a netlink socket, or of any */
	int no_netlink;
	int tsinfo_error, dump_error, tsconfig_error;
	/* Called with each answer before it is given. */
	void (*damage)(void *answer, unsigned command);
	/* What happened. */
	unsigned questions, dumps, configs; /* that were asked */
	unsigned open;			    /* sockets */
};
extern struct ts_kernel ts_kernel;
