/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal: changes of the host's state that are not undone yet. It serves two ends: whoever starts next undoes what was
 * left when both a program and the child that would undo it (host/restore.h) were killed; and of several running programs
 * that use one interface the last one puts back what stood before the first.
 *
 * A directory with a file for each change in force, whose lock marks the living. An entry belongs to a boot, a network
 * namespace (its inode, and its cookie where the kernel has one: inodes are used again) and an interface's index there, so
 * that nothing is put back where it does not belong. The directory's own lock is held while somebody looks at a
 * configuration and changes it.
 *
 * A file is lines of text; an interface's last whole line counts:
 *	wirestamp-hwtstamp-1 BOOT NETNS COOKIE IFINDEX NAME STATE ORDER FLAGS TX RX FLAGS TX RX
 * (before, set; ORDER counts the entries that were made). Files that belong to somebody else, are no plain files, too long
 * or damaged are not believed; they stay, and are told of.
 *
 * There is none where the directory cannot be made: for ordinary users, and in user namespaces, whose root does not own
 * /run. Then the child is all there is, and programs do not know of each other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/restore.h"

/* Another one, for tests: WIRESTAMP_JOURNAL in the environment, which a program with more rights than its user does not
 * believe. */
#define WS_JOURNAL_DIR "/run/wirestamp"
const char *ws_journal_directory(void);

struct ws_journal; /* one change of this process: its file, and the directory */

/*
 * Opens the directory, which is made if it is missing, and takes its lock. socket: any one of the network namespace in which
 * the calling thread is. 0 or -errno: -EACCES, -EROFS and the like: there is none here; -EPERM: the directory belongs to
 * somebody else, or others may write to it; -EBUSY: another program has had the lock for 10 s.
 */
int ws_journal_open(struct ws_journal **ret, int socket);
/* The directory's lock. 0 or -errno. The child shares its parent's: neither waits for the other. */
int ws_journal_lock(struct ws_journal *j);
void ws_journal_unlock(struct ws_journal *j);

/* What follows is for those who hold the lock, and allocates nothing. */

/* Puts back what programs that are not alive any more left in this namespace. */
void ws_journal_tidy(struct ws_journal *j, int socket);
/* Whether an entry accounts for what stands now (*inout) at the interface; then it becomes what stood before all of us. */
bool ws_journal_before(struct ws_journal *j, int ifindex, struct ws_restore_hwtstamp *inout);
/*
 * Notes a change before it is made, in a file of our own that is locked as long as somebody holds it open. A later note of
 * the interface replaces an earlier one. At most WS_RESTORE_MAX interfaces. 0 or -errno: the change must not be made then.
 */
int ws_journal_note(struct ws_journal *j, const char *name, const struct ws_restore_note *note);
/* What shall stand after this note's end, if what it set stands now: what the last of the other living programs that use the
 * interface has set, which is enough for all of them; `before` if there is none. */
struct ws_restore_hwtstamp ws_journal_target(
	struct ws_journal *j, const struct ws_restore_note *note);
/* All is undone: our file goes. 0 or -errno. */
int ws_journal_remove(struct ws_journal *j);

/* The descriptors that a child has to keep. */
void ws_journal_descriptors(const struct ws_journal *j, int ret_fds[2]);
/* Lets go of it; a file that was not removed is found by the next start. Accepts NULL. */
void ws_journal_close(struct ws_journal *j);

/* What was found of programs that are not alive any more. */
struct ws_journal_found {
	char file[64]; /* in the directory */
	char noted
		[16]; /* the interface's name then; empty: the file cannot be believed, and all below is 0 */
	char ifname
		[16]; /* as it is named now; empty: the interface is gone, or was not looked for */
	int ifindex;
	uint64_t netns; /* inode of its namespace */
	struct ws_restore_hwtstamp before, set, now;
	int result; /* 0: put back; 1: nothing to do (somebody has changed it since, it stands as before, the interface is
		       gone, or another running program of ours needs it so); -errno: could not be (-EPERM: needs
		       CAP_NET_ADMIN, or CAP_SYS_ADMIN to enter its namespace; -ENOENT: the namespace is not to be found;
		       -EBADMSG, -EFBIG, -ELOOP, -EUCLEAN: a file that cannot be believed: damaged, too long, a symbolic link,
		       somebody else's) */
};

/*
 * Looks for what was left, and puts it back where it still stands as it was set, in the namespaces of the calling thread
 * and those that are named (/run/netns). Entries of another boot are forgotten. Calls each (may be NULL) with every entry
 * of a program that is not alive. Entries that could not be put back stay. The number of entries, or -errno (-ENOENT: there
 * is no journal: nothing to do; -EACCES: only root may look).
 */
int ws_journal_repair(void (*each)(void *arg, const struct ws_journal_found *found), void *arg);
