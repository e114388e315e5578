/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights once everything is open. Under sudo the program goes on as the user who called
 * it; as plain root it stays uid 0 without capabilities. Before threads are started.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who called sudo, doas or pkexec (SUDO_UID and SUDO_GID, DOAS_USER, PKEXEC_UID), if we are root and
 * it was not root. Files that are made are to belong to that user. A program that is set-user-ID
 * root belongs to its real user, and the environment is not believed. */
struct ws_invoker {
	bool known;
	uid_t uid;
	gid_t gid;
};

struct ws_invoker ws_invoker_get(void);

/*
 * Drops what is not needed any more. writes_to: a directory in which files will still be made, or
 * NULL. The invoker's uid is taken, with the groups of that user, if there is one and it may write
 * there; whether it may is tried out by a child process with those very rights. Else, as root, uid
 * 0 stays but without capabilities (except CAP_CHOWN when files are to be given to an invoker, and
 * CAP_DAC_OVERRIDE when the directory is another user's, and uid 0 may write there only by it).
 * Without root all capabilities (say of a file capability) are dropped. Supplementary groups follow,
 * no_new_privs is set, and it is tried whether anything can be taken back.
 *
 * What needs rights must be done before: entering a network namespace, opening packet sockets,
 * changing interfaces, ws_hwtstamp_open(), ws_thread_realtime(), ws_memory_lock().
 *
 * said: a clause on what is used now, for the log ("running as uid 1000 without capabilities").
 * 0; -EBUSY if there are other threads, which would keep their capabilities; or -errno with said
 * telling which step failed: then the program must end.
 */
int ws_privileges_drop(
	const struct ws_invoker *invoker, const char *writes_to, char *said, size_t said_size);
