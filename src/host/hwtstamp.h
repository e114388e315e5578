/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware time stamps: asking the driver, reading back what it did, and putting back what stood before,
 * however the program ends.
 *
 * Source: linux/Documentation/networking/timestamping.rst, <linux/net_tstamp.h>.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/time.h"

struct ws_hwtstamp; /* what has been changed at one interface */

/* Which received frames shall be stamped. */
enum ws_hw_rx {
	WS_HW_RX_KEEP,	 /* it does not matter: stays as it is */
	WS_HW_RX_ALL,	 /* all, or an error */
	WS_HW_RX_WIDEST, /* as many as the card can: all, else PTPv2 events, else less (see below) */
	WS_HW_RX_PTP, /* PTPv2 events at least, and no more than is needed for them: all, if that stands already */
};

struct ws_hwtstamp_want {
	enum ws_hw_rx rx;
	bool tx; /* transmit stamps shall be on */
};

struct ws_hwtstamp_granted {
	enum ws_clock clock;	/* that stamps are of */
	int tx_type, rx_filter; /* HWTSTAMP_*, read back */
	bool changed;		/* by us: it will be put back */
	bool widened;		/* the driver took a wider filter than it was asked for */
};

/*
 * Has interface `name` (ws_nic.name: not an alternative one), in the calling thread's network namespace, stamp as wanted,
 * and reads back what was granted. Filters are tried from the widest down: all, ptpv2-event, ptpv2-l4-event and
 * ptpv2-l2-event, ptpv1-l4-event, ptpv1-l4-sync, ptpv1-l4-delay-req; those that the driver does not list are not tried.
 * Never narrows what another program uses: a filter that stands and stamps more than the wanted one stays, transmit stamps
 * that are on stay on, and where neither covers the other the wider of both is asked for, or nothing is changed (-EBUSY).
 *
 * A child process that keeps CAP_NET_ADMIN restores the configuration when this process ends, however it ends, if it is
 * then still what was set here; a journal (host/journal.h) tells the next start, should the child have been killed, too.
 * Neither is there where nothing has to be changed.
 *
 * 0; -EOPNOTSUPP: no such interface feature, or no filter that would do is offered; -EPERM: CAP_NET_ADMIN is missing;
 * -ERANGE: granted less than asked for (already put back); -EBUSY: as said above; other errors. why is a clause that says
 * what the interface offers. Before rings are mapped, and before ws_privileges_drop().
 */
int ws_hwtstamp_open(struct ws_hwtstamp **ret, const char *name,
	const struct ws_hwtstamp_want *want, struct ws_hwtstamp_granted *ret_granted, char *why,
	size_t why_size);
/* Puts back what stood before. Accepts NULL. 0 or -errno. */
int ws_hwtstamp_close(struct ws_hwtstamp *h);
