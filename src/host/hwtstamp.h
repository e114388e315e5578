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
	WS_HW_RX_WIDEST, /* as many as the card can: see below */
	WS_HW_RX_PTP, /* PTPv2 events, and no more than is needed for them: ptpv2-event, or what stands if that covers it; else
			 all; else ptpv2-l2-event, else ptpv2-l4-event (rx_filter says which) */
};

struct ws_hwtstamp_want {
	enum ws_hw_rx rx;
	bool tx; /* transmit stamps shall be on */
};

struct ws_hwtstamp_granted {
	enum ws_clock clock;	/* that stamps are of; WS_CLOCK_NONE only if nothing was wanted */
	int tx_type, rx_filter; /* HWTSTAMP_*, read back; -1: unknown, only if nothing was wanted */
	bool changed; /* by us, or by other running programs of ours: the last one puts it back */
	bool widened; /* the driver took a wider filter than it was asked for */
	int journal; /* -errno: why what was changed stands in no journal; 0: it does, or nothing was changed */
};

/*
 * Has interface `name` (ws_nic.name: not an alternative one), in the calling thread's network namespace, stamp as wanted,
 * and reads back what was granted. For WS_HW_RX_WIDEST, filters are tried from the widest down: all, ptpv2-event,
 * ptpv2-l2-event, ptpv2-l4-event, ptpv1-l4-event, ptpv1-l4-sync, ptpv1-l4-delay-req. Those that the driver does not list are
 * not tried; those that it refuses (ERANGE, EINVAL, EOPNOTSUPP), or says that it has set and has not, make way for the next.
 *
 * Never narrows what another program uses. A filter that stands and stamps as much as the next one to try stays; only
 * filters that stamp all that it does, too, are asked for; where one that would do more conflicts with it, nothing is
 * changed (-EBUSY). Transmit stamps that are on stay on. One-step ones stay, too: such a card gives no stamps of Sync
 * messages, so who wants transmit stamps gets -EBUSY. Flags stay as they are.
 *
 * A driver that does not say how it is set (no SIOCGHWTSTAMP: EOPNOTSUPP) is never changed, since nobody could put it
 * back, and what another program uses could not be known: -EOPNOTSUPP. The same goes for one that stops saying it after
 * it was set.
 *
 * A child process that keeps CAP_NET_ADMIN restores the configuration when this process ends, however it ends, if it is
 * then still what was set here; the journal (host/journal.h) tells the next start, should the child have been killed, too,
 * and makes the last of several of our programs restore what stood before the first. Before looking at the configuration,
 * what is left of programs that are not alive any more is put back, in this namespace. Neither child nor entry is there
 * where nothing has to be changed, unless a running program of ours has changed it before. Programs that cannot use the
 * journal (`journal` in what is granted) do not know of each other: the first that ends takes the stamps from the others.
 *
 * 0; -EOPNOTSUPP: no such interface feature, or no filter that would do is offered; -EPERM: CAP_NET_ADMIN is missing;
 * -ERANGE: granted less than asked for, or refused (already put back); -EBUSY: as said above, or the driver is; other
 * errors. why is a clause that says what the interface offers. Before rings are mapped, and before ws_privileges_drop().
 */
int ws_hwtstamp_open(struct ws_hwtstamp **ret, const char *name,
	const struct ws_hwtstamp_want *want, struct ws_hwtstamp_granted *ret_granted, char *why,
	size_t why_size);
/* Puts back what stood before. Accepts NULL. 0 or -errno. */
int ws_hwtstamp_close(struct ws_hwtstamp *h);
