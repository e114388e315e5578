/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the journal: files are strangers, though the directory is ours. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "host/journal_own.h"
#include "host/sys.h"

#define FIELDS	 14
#define FILE_MAX 4096 /* a line is at most 200 bytes, and each interface has three */

/* A decimal number and nothing else. */
static bool number(const char *text, int64_t min, uint64_t max, int64_t *ret)
{
	const char *digits = text + (*text == '-');
	char *end;

	if (*digits < '0' || *digits > '9' || (*text == '-' && min >= 0)) {
		return false;
	}
	errno = 0;
	if (*text == '-') {
		*ret = strtoll(text, &end, 10);
		return !errno && !*end && *ret >= min;
	}
	*ret = (int64_t)strtoull(text, &end, 10);
	return !errno && !*end && (uint64_t)*ret <= max;
}

static bool configuration(char *const *fields, struct ws_restore_hwtstamp *ret)
{
	int *const to[] = {&ret->flags, &ret->tx_type, &ret->rx_filter};
	int64_t value;

	for (int i = 0; i < 3; i++) {
		if (!number(fields[i], INT32_MIN, INT32_MAX, &value)) {
			return false;
		}
		*to[i] = (int)value;
	}
	return true;
}

/* line: ends with NUL, and is cut up. */
static bool parse(char *line, const char *boot, struct ws_journal_entry *ret)
{
	char *fields[FIELDS], *next = line;
	int64_t value[5];
	unsigned n = 0;

	while (next && n < FIELDS) {
		fields[n++] = next;
		next = strchr(next, ' ');
		if (next) {
			*next++ = '\0';
		}
	}
	if (n < FIELDS || next || strcmp(fields[0], WS_JOURNAL_MAGIC) != 0 ||
		strlen(fields[1]) < 8 || !number(fields[2], 0, UINT64_MAX, &value[0]) ||
		!number(fields[3], 0, UINT64_MAX, &value[1]) ||
		!number(fields[4], 1, INT32_MAX, &value[2]) || !*fields[5] ||
		strlen(fields[5]) >= IFNAMSIZ || strchr(fields[5], '/') ||
		!number(fields[6], 0, WS_RESTORE_NOTHING, &value[3]) ||
		!number(fields[7], 0, INT64_MAX, &value[4]) ||
		!configuration(fields + 8, &ret->note.before) ||
		!configuration(fields + 11, &ret->note.set) || value[2] == 0) {
		return false;
	}
	ret->other_boot = strcmp(fields[1], boot) != 0;
	ret->place = (struct ws_journal_place){(uint64_t)value[0], (uint64_t)value[1]};
	ret->note.ifindex = (int)value[2];
	memcpy(ret->name, fields[5], strlen(fields[5]) + 1);
	ret->note.state = (enum ws_restore_state)value[3];
	ret->order = (uint64_t)value[4];
	return true;
}

/* A new entry, or the one of the same file and interface. NULL: the table is full. */
static struct ws_journal_entry *put(
	struct ws_journal *j, unsigned from, const struct ws_journal_entry *e)
{
	unsigned i = from;

	while (i < j->n && (j->entries[i].damaged || e->damaged ||
				   j->entries[i].note.ifindex != e->note.ifindex)) {
		i++;
	}
	if (i == WS_JOURNAL_ENTRIES) {
		return NULL;
	}
	j->entries[i] = *e;
	j->n += i == j->n;
	return &j->entries[i];
}

/* The whole file, with a final NUL. Its length or -errno. */
static ssize_t read_file(int fd, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n;

	do {
		n = ws_sys_read(fd, buf + have, size - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && have < size - 1) || n == -EINTR);
	buf[have] = '\0';
	return n < 0 ? n : (ssize_t)have;
}

/* Whether it is one of ours, and alive. 1: alive, 0, or -errno. */
static int judge(int fd)
{
	struct stat st;
	int err = ws_sys_fstat(fd, &st);

	if (err < 0) {
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		return -EBADMSG;
	}
	if (st.st_uid != ws_sys_geteuid() || st.st_mode & (S_IWGRP | S_IWOTH) || st.st_nlink != 1) {
		return -EUCLEAN;
	}
	if (st.st_size > FILE_MAX) {
		return -EFBIG;
	}
	err = ws_sys_flock(fd, LOCK_EX | LOCK_NB);
	return err == -EAGAIN ? 1 : err;
}

static void look_at_file(struct ws_journal *j, const char *file)
{
	/* O_NONBLOCK: it may be a FIFO */
	int fd = ws_sys_openat(j->dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	struct ws_journal_entry e = {.own = !strcmp(file, j->file)};
	char text[FILE_MAX + 2], *line = text;
	unsigned from = j->n;
	bool believed = true;
	ssize_t len = -1;
	int alive = fd < 0 ? fd : judge(fd);

	if (alive >= 0) {
		len = read_file(fd, text, sizeof(text));
	}
	if (fd >= 0) {
		ws_sys_close(fd); /* with its lock */
	}
	snprintf(e.file, sizeof(e.file), "%s", file);
	e.alive = e.own || alive == 1;
	e.error = alive < 0 ? alive : len < 0 ? (int)len : len > FILE_MAX ? -EFBIG : 0;
	believed = !e.error && strlen(text) == (size_t)len;
	while (believed && *line) {
		char *end = strchr(line, '\n');

		if (!end) {
			/* What it says was not done yet; the line before it counts, if there is one. */
			believed = line != text;
			break;
		}
		*end = '\0';
		believed = parse(line, j->boot, &e);
		if (believed && !put(j, from, &e)) {
			return;
		}
		line = end + 1;
	}
	if (!believed) {
		j->n = from;
		e.damaged = true;
		e.error = e.error ? e.error : -EBADMSG;
		(void)put(j, from, &e);
	} else if (from == j->n && !e.alive) {
		/* Ended before it had noted anything. */
		(void)ws_sys_unlinkat(j->dir, file);
	}
}

/* Fills in j->entries. 0 or -errno. */
int ws_journal_look(struct ws_journal *j)
{
	_Alignas(struct dirent64) char buf[4096];
	/* A place of its own in the directory: the other one is shared with the child. */
	int dir = ws_sys_openat(j->dir, ".", O_RDONLY | O_DIRECTORY, 0);
	ssize_t n = dir;

	j->n = 0;
	while (dir >= 0 && (n = ws_sys_getdents(dir, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);
			size_t len = strlen(d->d_name);

			at += d->d_reclen;
			if (len > strlen(WS_JOURNAL_SUFFIX) && len < WS_JOURNAL_NAME &&
				!strcmp(d->d_name + len - strlen(WS_JOURNAL_SUFFIX),
					WS_JOURNAL_SUFFIX)) {
				look_at_file(j, d->d_name);
			}
		}
	}
	if (dir >= 0) {
		ws_sys_close(dir);
	}
	return n < 0 ? (int)n : 0;
}
