/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "host/journal_own.h"
#include "host/netns.h"
#include "host/sys.h"
#include "host/textfile.h"

#define LINE_SIZE    256
#define LOCK_TRIES   200
#define LOCK_WAIT_NS 50000000 /* 10 s in all: who has it may be waiting for a busy driver */

int ws_journal_find_place(int netns_fd, int socket, struct ws_journal_place *ret)
{
	socklen_t len = sizeof(ret->cookie);
	struct stat st;
	int err = ws_sys_fstat(netns_fd, &st);

	if (err < 0) {
		return err;
	}
	ret->netns = st.st_ino;
	if (ws_sys_getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &ret->cookie, &len) < 0) {
		ret->cookie = 0;
	}
	return 0;
}

static int find_here(int socket, struct ws_journal_place *ret)
{
	int fd = ws_netns_current();
	int err = fd < 0 ? fd : ws_journal_find_place(fd, socket, ret);

	if (fd >= 0) {
		ws_sys_close(fd);
	}
	return err;
}

bool ws_journal_same_place(const struct ws_journal_place *a, const struct ws_journal_place *b)
{
	return a->netns == b->netns && (!a->cookie || !b->cookie || a->cookie == b->cookie);
}

const char *ws_journal_directory(void)
{
	const char *other = secure_getenv("WIRESTAMP_JOURNAL");

	return other && *other ? other : WS_JOURNAL_DIR;
}

int ws_journal_lock(struct ws_journal *j)
{
	int err = ws_sys_flock(j->dir, LOCK_EX | LOCK_NB);

	for (int i = 0; i < LOCK_TRIES && (err == -EAGAIN || err == -EINTR); i++) {
		ws_sys_sleep_until(ws_sys_clock(CLOCK_MONOTONIC) + LOCK_WAIT_NS);
		err = ws_sys_flock(j->dir, LOCK_EX | LOCK_NB);
	}
	return err == -EAGAIN || err == -EINTR ? -EBUSY : err;
}

void ws_journal_unlock(struct ws_journal *j)
{
	(void)ws_sys_flock(j->dir, LOCK_UN);
}

static int open_directory(bool make)
{
	const char *path = ws_journal_directory();
	struct stat st;
	int fd, err;

	if (make) {
		err = ws_sys_mkdir(path, 0700);
		if (err < 0 && err != -EEXIST) {
			return err;
		}
	}
	fd = ws_sys_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0) {
		return fd;
	}
	err = ws_sys_fstat(fd, &st);
	if (!err && (st.st_uid != ws_sys_geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))) {
		err = -EPERM;
	}
	if (err < 0) {
		ws_sys_close(fd);
		return err;
	}
	return fd;
}

int ws_journal_open_at(struct ws_journal **ret, int socket, bool make)
{
	struct ws_journal *j = calloc(1, sizeof(*j));
	int err;

	if (!j) {
		return -ENOMEM;
	}
	j->fd = -1;
	j->dir = open_directory(make);
	err = j->dir < 0 ? j->dir : 0;
	if (!err &&
		!ws_textfile_line("/proc/sys/kernel/random/boot_id", j->boot, sizeof(j->boot))) {
		err = -ENOENT;
	}
	err = err ? err : find_here(socket, &j->here);
	err = err ? err : ws_journal_lock(j);
	if (err) {
		ws_journal_close(j);
		return err;
	}
	*ret = j;
	return 0;
}

int ws_journal_open(struct ws_journal **ret, int socket)
{
	return ws_journal_open_at(ret, socket, true);
}

void ws_journal_descriptors(const struct ws_journal *j, int ret_fds[2])
{
	ret_fds[0] = j->dir;
	ret_fds[1] = j->fd;
}

void ws_journal_close(struct ws_journal *j)
{
	if (!j) {
		return;
	}
	if (j->fd >= 0) {
		ws_sys_close(j->fd);
	}
	if (j->dir >= 0) {
		ws_sys_close(j->dir);
	}
	free(j);
}

static bool about(
	const struct ws_journal_entry *e, const struct ws_journal_place *place, int ifindex)
{
	return !e->damaged && !e->other_boot && e->note.state != WS_RESTORE_NOTHING &&
	       e->note.ifindex == ifindex && ws_journal_same_place(&e->place, place);
}

bool ws_journal_before(struct ws_journal *j, int ifindex, struct ws_restore_hwtstamp *inout)
{
	const struct ws_journal_entry *last = NULL;

	if (ws_journal_look(j) < 0) {
		return false;
	}
	for (unsigned i = 0; i < j->n; i++) {
		const struct ws_journal_entry *e = &j->entries[i];

		if (about(e, &j->here, ifindex) && (!last || e->order > last->order)) {
			last = e;
		}
	}
	if (!last || (last->note.state == WS_RESTORE_CHANGED &&
			     !ws_restore_hwtstamp_equal(&last->note.set, inout))) {
		return false;
	}
	*inout = last->note.before;
	return true;
}

/* What a look has found, of an entry at a place. */
struct ws_restore_hwtstamp ws_journal_target_at(const struct ws_journal *j,
	const struct ws_journal_place *place, const struct ws_restore_note *note)
{
	const struct ws_journal_entry *last = NULL;

	for (unsigned i = 0; i < j->n; i++) {
		const struct ws_journal_entry *e = &j->entries[i];

		/* Another `before`: somebody else changed it in between, and the earlier ones lost it. */
		if (e->alive && !e->own && about(e, place, note->ifindex) &&
			ws_restore_hwtstamp_equal(&e->note.before, &note->before) &&
			(!last || e->order > last->order)) {
			last = e;
		}
	}
	return last ? last->note.set : note->before;
}

struct ws_restore_hwtstamp ws_journal_target(
	struct ws_journal *j, const struct ws_restore_note *note)
{
	return ws_journal_look(j) < 0 ? note->before : ws_journal_target_at(j, &j->here, note);
}

/* A file that nobody else has. 0 or -errno. */
static int make_file(struct ws_journal *j)
{
	for (unsigned i = 0; i < 100; i++) {
		char file[WS_JOURNAL_NAME];

		snprintf(file, sizeof(file), "%d-%" PRId64 "%s", (int)ws_sys_getpid(),
			ws_sys_clock(CLOCK_REALTIME) + i, WS_JOURNAL_SUFFIX);
		j->fd = ws_sys_openat(
			j->dir, file, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0600);
		if (j->fd != -EEXIST) {
			memcpy(j->file, file, sizeof(file));
			break;
		}
	}
	return j->fd < 0 ? j->fd : ws_sys_flock(j->fd, LOCK_EX | LOCK_NB);
}

int ws_journal_note(struct ws_journal *j, const char *name, const struct ws_restore_note *note)
{
	const struct ws_restore_hwtstamp *b = &note->before, *s = &note->set;
	char line[LINE_SIZE];
	uint64_t order = 0;
	unsigned i = 0;
	ssize_t n;
	int err, len;

	while (i < j->noted && j->ifindex[i] != note->ifindex) {
		i++;
	}
	if (i == WS_RESTORE_MAX) {
		return -ENOSPC;
	}
	err = ws_journal_look(j);
	err = err || j->fd >= 0 ? err : make_file(j);
	if (err) {
		return err;
	}
	for (unsigned k = 0; k < j->n; k++) {
		if (!j->entries[k].damaged && j->entries[k].order > order) {
			order = j->entries[k].order;
		}
	}
	len = snprintf(line, sizeof(line),
		WS_JOURNAL_MAGIC " %s %" PRIu64 " %" PRIu64 " %d %s %d %" PRIu64
				 " %d %d %d %d %d %d\n",
		j->boot, j->here.netns, j->here.cookie, note->ifindex, name, (int)note->state,
		order + 1, b->flags, b->tx_type, b->rx_filter, s->flags, s->tx_type, s->rx_filter);
	do {
		n = ws_sys_write(j->fd, line, (size_t)len);
	} while (n == -EINTR);
	if (n != len) {
		return n < 0 ? (int)n : -ENOSPC;
	}
	j->ifindex[i] = note->ifindex;
	j->noted += i == j->noted;
	return 0;
}

int ws_journal_remove(struct ws_journal *j)
{
	int err = *j->file ? ws_sys_unlinkat(j->dir, j->file) : 0;

	return err == -ENOENT ? 0 : err;
}
