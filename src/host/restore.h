/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting the host's state back, however this process ends: a child process that keeps CAP_NET_ADMIN
 * and nothing else, waits until its parent is gone or has had enough, and then undoes what it was
 * told of. The parent tells of each change before it makes it, so that there is no instant at which
 * a SIGKILL leaves anything changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ws_journal;
struct ws_restore; /* the child, and what it was told */

#define WS_RESTORE_MAX 8 /* changes of one child */

enum ws_restore_state {
	WS_RESTORE_CHANGING, /* about to be changed: whatever differs from `before` is our doing */
	WS_RESTORE_CHANGED, /* stands at `set`: anything else is somebody else's doing, and stays */
	WS_RESTORE_NOTHING, /* was not changed after all */
};

/* Hardware time stamps as SIOCGHWTSTAMP gives them: HWTSTAMP_* of <linux/net_tstamp.h>. */
struct ws_restore_hwtstamp {
	int flags, tx_type, rx_filter;
};

/* One change, by interface: a later note replaces an earlier one. Plain numbers. */
struct ws_restore_note {
	enum ws_restore_state state;
	int ifindex; /* the interface may be renamed in the meantime */
	struct ws_restore_hwtstamp before, set;
};

/*
 * Starts the child, which acts in the network namespace that the calling thread is in now, and
 * waits until it has given up what it does not need: it has a session of its own, so that no
 * terminal's signals reach it, blocks all others, and holds no descriptor but the connection to its
 * parent and the journal's. It inherits mappings; rings are best mapped later. 0, or -errno.
 *
 * journal, which must outlive it, or NULL: where the changes stand, too. In the end it says whether
 * another running program needs what was set, and its file is removed if all could be put back.
 */
int ws_restore_start(struct ws_restore **ret, struct ws_journal *journal);
/* 0, -ENOSPC after WS_RESTORE_MAX interfaces, -EPIPE if the child is gone, or another error: then
 * the change must not be made. */
int ws_restore_tell(struct ws_restore *r, const struct ws_restore_note *note);
/*
 * Has everything put back and waits for the child's end. If something killed the child, this
 * process tries itself. Accepts NULL. 0, or -errno of what could not be put back: -ERANGE if the
 * driver said yes and did something else. An interface that is gone is no error.
 */
int ws_restore_close(struct ws_restore *r);

/*
 * Sets `target` if what stands is the note's doing. fd: any socket of the namespace. Of *ret, which may be NULL,
 * ifname is as the interface is named now, empty if it is gone. 0: done; 1: nothing to do; -errno.
 */
struct ws_restore_stands {
	char ifname[16];
	struct ws_restore_hwtstamp now; /* before it was put back; zero if it is not known */
};
int ws_restore_put_back(int fd, const struct ws_restore_note *note,
	const struct ws_restore_hwtstamp *target, struct ws_restore_stands *ret);

bool ws_restore_hwtstamp_equal(
	const struct ws_restore_hwtstamp *a, const struct ws_restore_hwtstamp *b);
/* The configuration of an interface's hardware time stamps, by any socket of its namespace. name:
 * not an alternative one. 0 or -errno. */
int ws_restore_hwtstamp_get(int fd, const char *name, struct ws_restore_hwtstamp *ret);
/* Writes to *c what the driver claims to have done, which may be wrong. Asks again for half a second
 * if the driver is busy (-EBUSY, -EAGAIN): drivers refuse while the interface is being reset. */
int ws_restore_hwtstamp_set(int fd, const char *name, struct ws_restore_hwtstamp *c);
