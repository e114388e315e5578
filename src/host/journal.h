/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal: changes of the host's state that are not undone yet, for the case that both this program and the child
 * that would undo them (host/restore.h) are killed. A directory with one file for each running program; its lock marks
 * the living. Keyed by boot, network namespace and interface, so that nothing is put back where it does not belong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/restore.h"

/* /run/wirestamp; another one for tests: WIRESTAMP_JOURNAL in the environment, which a set-user-ID program does not believe. */
#define WS_JOURNAL_DIR "/run/wirestamp"

struct ws_journal; /* this process's file */

/*
 * Opens a file of our own, locked as long as somebody holds it open: the child inherits it. 0 or -errno: a directory that
 * belongs to somebody else, or that others may write to, is not used (-EPERM).
 */
int ws_journal_open(struct ws_journal **ret);
/* Notes a change, on disk (as far as /run is one) before it is made. A later note of the interface replaces an earlier one. */
int ws_journal_note(struct ws_journal *j, const struct ws_restore_note *note);
/* All is undone: the file goes. Accepts NULL. */
void ws_journal_close(struct ws_journal *j);

/* What was found of programs that are not alive any more. */
struct ws_journal_found {
	char ifname[16]; /* as it is named now; empty: the interface is gone */
	int ifindex;
	uint64_t netns; /* inode of its namespace */
	struct ws_restore_hwtstamp before, set, now;
	int result; /* 0: put back; 1: nothing to do (somebody has changed it since, or it stands as before); -errno: could
		       not be (-EPERM: needs CAP_NET_ADMIN; -ENOENT: the namespace is not to be found) */
};

/*
 * Looks for what was left, and puts it back where it still stands as it was set, in the namespaces of the calling process
 * and those that are named (/run/netns). Entries of another boot are forgotten. Calls each with every entry. Entries that
 * could not be put back stay. The number of entries, or -errno (-ENOENT: there is no journal: nothing to do).
 */
int ws_journal_repair(void (*each)(void *arg, const struct ws_journal_found *found), void *arg);
