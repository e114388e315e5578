/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting back what programs left that are not alive any more. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "host/journal_own.h"
#include "host/netns.h"
#include "host/sys.h"

/* A namespace to which entries may belong. */
struct space {
	struct ws_journal_place place;
	int socket;
};

/* Deals with one entry; whether it is done with. found->result says more. */
static bool settle(const struct ws_journal *j, const struct ws_journal_entry *e,
	const struct space *spaces, unsigned count, struct ws_journal_found *found)
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
		if (!ws_journal_same_place(&e->place, &spaces[i].place)) {
			continue;
		}
		if (spaces[i].socket < 0) {
			found->result = spaces[i].socket;
			continue;
		}
		to = ws_journal_target_at(j, &spaces[i].place, &e->note);
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
	bool seen[WS_JOURNAL_ENTRIES] = {false}, stays[WS_JOURNAL_ENTRIES] = {false};
	struct ws_journal_found found;
	int done = 0;

	for (;;) {
		const struct ws_journal_entry *last = NULL;

		for (unsigned i = 0; i < j->n; i++) {
			const struct ws_journal_entry *e = &j->entries[i];

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

	if (ws_journal_look(j) == 0) {
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
		(void)ws_journal_find_place(fd, ret->socket, &ret->place);
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
					 (!j->entries[i].damaged &&
						 ws_journal_same_place(
							 &j->entries[i].place, &spaces[n].place));
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

	r = r ? r : ws_journal_open_at(&j, spaces[0].socket, false);
	r = r ? r : ws_journal_look(j);
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
