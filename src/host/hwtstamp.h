/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware time stamps of received packets: asking the driver, reading back what it did, and putting
 * back what stood before, however the program ends.
 *
 * Source: linux/Documentation/networking/timestamping.rst, <linux/net_tstamp.h>.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/time.h"

struct ws_hwtstamp; /* what has been changed at one interface */

/*
 * Asks interface `name` (ws_nic.name: not an alternative one), in the calling thread's network
 * namespace, to stamp every received packet (HWTSTAMP_FILTER_ALL), unless it does so already; reads
 * back what was granted. Never narrows what another program uses: a filter that is wider stays, as
 * do its transmit stamps. *ret_clock is the interface's PTP clock. A child process that keeps
 * CAP_NET_ADMIN restores the configuration when this process ends, however it ends, if it is then
 * still what was set here; none is started where nothing has to be changed. 0; -EOPNOTSUPP: no such
 * interface feature, or the filter is not offered; -EPERM: CAP_NET_ADMIN is missing; -ERANGE:
 * granted less than asked for (already put back); other errors. why is a clause that says what the
 * interface offers. Before rings are mapped, and before ws_privileges_drop().
 */
int ws_hwtstamp_open(struct ws_hwtstamp **ret, const char *name, enum ws_clock *ret_clock,
	char *why, size_t why_size);
/* Puts back what stood before. Accepts NULL. 0 or -errno. */
int ws_hwtstamp_close(struct ws_hwtstamp *h);

/* The name of HWTSTAMP_FILTER_n as ethtool prints it; NULL if it is newer than this program. */
const char *ws_hwtstamp_filter_name(unsigned n);
