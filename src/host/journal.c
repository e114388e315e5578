/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "host/netns.h"
#include "host/sys.h"
#include "host/textfile.h"

#define MAGIC	     "wirestamp-hwtstamp-1"
#define SUFFIX	     ".journal"
#define FIELDS	     14
#define FILE_MAX     4096 /* a line is at most 200 bytes, and each interface has three */
#define TABLE_MAX    128  /* entries of all programs; more are not looked at */
#define BOOT_SIZE    40
#define NAME_SIZE    64
#define LINE_SIZE    256
#define LOCK_TRIES   200
#define LOCK_WAIT_NS 50000000 /* 10 s in all: who has it may be waiting for a busy driver */

struct place {
	uint64_t netns, cookie; /* cookie 0: this kernel has none */
};

struct entry {
	char file[NAME_SIZE];
	bool own, alive;
	bool damaged; /* error is why; nothing below is known */
	int error;
	bool other_boot;
	struct place place;
	char name[IFNAMSIZ];
	uint64_t order;
	struct ws_restore_note note;
};

struct ws_journal {
	int dir, fd;
	char file[NAME_SIZE]; /* empty: nothing was noted */
	char boot[BOOT_SIZE];
	struct place here;
	unsigned noted; /* interfaces */
	int ifindex[WS_RESTORE_MAX];
	/* By the last look. Here, since a child must not allocate. */
	struct entry entries[TABLE_MAX];
	unsigned n;
};

static int find_place(int netns_fd, int socket, struct place *ret)
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

static int find_here(int socket, struct place *ret)
{
	int fd = ws_netns_current();
	int err = fd < 0 ? fd : find_place(fd, socket, ret);

	if (fd >= 0) {
		ws_sys_close(fd);
	}
	return err;
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->netns == b->netns && (!a->cookie || !b->cookie || a->cookie == b->cookie);
}

static const char *directory(void)
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
	const char *path = directory();
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

static int open_journal(struct ws_journal **ret, int socket, bool make)
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
	return open_journal(ret, socket, true);
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
static bool parse(char *line, const char *boot, struct entry *ret)
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
	if (n < FIELDS || next || strcmp(fields[0], MAGIC) != 0 || strlen(fields[1]) < 8 ||
		!number(fields[2], 0, UINT64_MAX, &value[0]) ||
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
	ret->place = (struct place){(uint64_t)value[0], (uint64_t)value[1]};
	ret->note.ifindex = (int)value[2];
	memcpy(ret->name, fields[5], strlen(fields[5]) + 1);
	ret->note.state = (enum ws_restore_state)value[3];
	ret->order = (uint64_t)value[4];
	return true;
}

/* A new entry, or the one of the same file and interface. NULL: the table is full. */
static struct entry *put(struct ws_journal *j, unsigned from, const struct entry *e)
{
	unsigned i = from;

	while (i < j->n && (j->entries[i].damaged || e->damaged ||
				   j->entries[i].note.ifindex != e->note.ifindex)) {
		i++;
	}
	if (i == TABLE_MAX) {
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
	struct entry e = {.own = !strcmp(file, j->file)};
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
static int look(struct ws_journal *j)
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
			if (len > strlen(SUFFIX) && len < NAME_SIZE &&
				!strcmp(d->d_name + len - strlen(SUFFIX), SUFFIX)) {
				look_at_file(j, d->d_name);
			}
		}
	}
	if (dir >= 0) {
		ws_sys_close(dir);
	}
	return n < 0 ? (int)n : 0;
}

static bool about(const struct entry *e, const struct place *place, int ifindex)
{
	return !e->damaged && !e->other_boot && e->note.state != WS_RESTORE_NOTHING &&
	       e->note.ifindex == ifindex && same_place(&e->place, place);
}

bool ws_journal_before(struct ws_journal *j, int ifindex, struct ws_restore_hwtstamp *inout)
{
	const struct entry *last = NULL;

	if (look(j) < 0) {
		return false;
	}
	for (unsigned i = 0; i < j->n; i++) {
		const struct entry *e = &j->entries[i];

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
static struct ws_restore_hwtstamp target(
	const struct ws_journal *j, const struct place *place, const struct ws_restore_note *note)
{
	const struct entry *last = NULL;

	for (unsigned i = 0; i < j->n; i++) {
		const struct entry *e = &j->entries[i];

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
	return look(j) < 0 ? note->before : target(j, &j->here, note);
}

/* A file that nobody else has. 0 or -errno. */
static int make_file(struct ws_journal *j)
{
	for (unsigned i = 0; i < 100; i++) {
		char file[NAME_SIZE];

		snprintf(file, sizeof(file), "%d-%" PRId64 "%s", (int)ws_sys_getpid(),
			ws_sys_clock(CLOCK_REALTIME) + i, SUFFIX);
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
	err = look(j);
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
		MAGIC " %s %" PRIu64 " %" PRIu64 " %d %s %d %" PRIu64 " %d %d %d %d %d %d\n",
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

/* A namespace to which entries may belong. */
struct space {
	struct place place;
	int socket;
};

/* Deals with one entry; whether it is done with. found->result says more. */
static bool settle(const struct ws_journal *j, const struct entry *e, const struct space *spaces,
	unsigned count, struct ws_journal_found *found)
{
	struct ws_restore_stands stands = {.ifname = ""};
	struct ws_restore_hwtstamp to;

	*found = (struct ws_journal_found){.result = e->error};
	snprintf(found->file, sizeof(found->file), "%s", e->file);
	if (e->damaged) {
		return false;
	}
	memcpy(found->noted, e->name, sizeof(found->noted));
	found->ifindex = e->note.ifindex;
	found->netns = e->place.netns;
	found->before = e->note.before;
	found->set = e->note.set;
	found->result = -ENOENT;
	for (unsigned i = 0; i < count; i++) {
		if (!same_place(&e->place, &spaces[i].place)) {
			continue;
		}
		if (spaces[i].socket < 0) {
			found->result = spaces[i].socket;
			continue;
		}
		to = target(j, &spaces[i].place, &e->note);
		found->result = ws_restore_put_back(spaces[i].socket, &e->note, &to, &stands);
		memcpy(found->ifname, stands.ifname, sizeof(found->ifname));
		found->now = stands.now;
		break;
	}
	return found->result >= 0;
}

/* The last change first. The number of entries. */
static int settle_all(struct ws_journal *j, const struct space *spaces, unsigned count,
	void (*each)(void *arg, const struct ws_journal_found *found), void *arg)
{
	bool seen[TABLE_MAX] = {false}, stays[TABLE_MAX] = {false};
	struct ws_journal_found found;
	int done = 0;

	for (;;) {
		const struct entry *last = NULL;

		for (unsigned i = 0; i < j->n; i++) {
			const struct entry *e = &j->entries[i];

			if (!seen[i] && !e->alive && (!last || e->order > last->order)) {
				last = e;
			}
		}
		if (!last) {
			break;
		}
		seen[last - j->entries] = true;
		if (!last->damaged &&
			(last->other_boot || last->note.state == WS_RESTORE_NOTHING)) {
			continue;
		}
		stays[last - j->entries] = !settle(j, last, spaces, count, &found);
		done++;
		if (each) {
			each(arg, &found);
		}
	}
	for (unsigned i = 0; i < j->n; i++) {
		bool keep = j->entries[i].alive;

		for (unsigned k = 0; k < j->n; k++) {
			keep = keep ||
			       (stays[k] && !strcmp(j->entries[k].file, j->entries[i].file));
		}
		if (!keep) {
			(void)ws_sys_unlinkat(j->dir, j->entries[i].file);
		}
	}
	return done;
}

void ws_journal_tidy(struct ws_journal *j, int socket)
{
	const struct space here = {.place = j->here, .socket = socket};

	if (look(j) == 0) {
		(void)settle_all(j, &here, 1, NULL, NULL);
	}
}

/* A socket of a namespace, or why there is none. */
static void look_into(const char *name, struct space *ret)
{
	int fd = ws_netns_open(name);
	struct stat st;
	int saved;

	*ret = (struct space){.socket = fd};
	if (fd < 0) {
		return;
	}
	if (ws_sys_fstat(fd, &st) == 0) {
		ret->place.netns = st.st_ino;
	}
	saved = ws_netns_enter(fd);
	ret->socket = saved;
	if (saved >= 0) {
		ret->socket = ws_sys_socket(AF_UNIX, SOCK_DGRAM, 0);
		ws_netns_leave(saved);
	}
	if (ret->socket >= 0) {
		(void)find_place(fd, ret->socket, &ret->place);
	}
	ws_sys_close(fd);
}

#define SPACES_MAX 64

/* The named namespaces that an entry speaks of. */
static unsigned look_into_named(const struct ws_journal *j, struct space *spaces, unsigned n)
{
	_Alignas(struct dirent64) char buf[4096];
	int dir = ws_sys_open("/run/netns", O_RDONLY | O_DIRECTORY, 0);
	ssize_t len;

	while (dir >= 0 && (len = ws_sys_getdents(dir, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < len && n < SPACES_MAX;) {
			const struct dirent64 *d = (const void *)(buf + at);
			bool wanted = false;

			at += d->d_reclen;
			if (d->d_name[0] == '.') {
				continue;
			}
			look_into(d->d_name, &spaces[n]);
			for (unsigned i = 0; i < j->n; i++) {
				wanted = wanted ||
					 (!j->entries[i].damaged && same_place(&j->entries[i].place,
									    &spaces[n].place));
			}
			if (wanted) {
				n++;
			} else if (spaces[n].socket >= 0) {
				ws_sys_close(spaces[n].socket);
			}
		}
	}
	if (dir >= 0) {
		ws_sys_close(dir);
	}
	return n;
}

int ws_journal_repair(void (*each)(void *arg, const struct ws_journal_found *found), void *arg)
{
	struct space spaces[SPACES_MAX] = {{.socket = ws_sys_socket(AF_UNIX, SOCK_DGRAM, 0)}};
	struct ws_journal *j = NULL;
	unsigned count = 1;
	int r = spaces[0].socket < 0 ? spaces[0].socket : 0;

	r = r ? r : open_journal(&j, spaces[0].socket, false);
	r = r ? r : look(j);
	if (!r) {
		spaces[0].place = j->here;
		if (j->n) {
			count = look_into_named(j, spaces, count);
		}
		r = settle_all(j, spaces, count, each, arg);
	}
	for (unsigned i = 0; i < count; i++) {
		if (spaces[i].socket >= 0) {
			ws_sys_close(spaces[i].socket);
		}
	}
	ws_journal_close(j);
	return r;
}
