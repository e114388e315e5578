/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/restore.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "host/journal.h"
#include "host/sys.h"

#define TRIES	      5
#define BETWEEN_TRIES 100000000 /* ns */
#define READY	      'r'
#define LOST	      255 /* exit status of a child that could not even begin */

struct table {
	struct ws_restore_note notes[WS_RESTORE_MAX];
	unsigned n;
};

struct ws_restore {
	int fd, childs_fd;
	pid_t child;
	struct ws_journal *journal;
	struct table table;
};

int ws_restore_hwtstamp_get(int fd, const char *name, struct ws_restore_hwtstamp *ret)
{
	struct hwtstamp_config config = {0};
	struct ifreq ifr = {.ifr_data = (void *)&config};
	int err;

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	err = ws_sys_ioctl(fd, SIOCGHWTSTAMP, &ifr);
	if (err >= 0) {
		*ret = (struct ws_restore_hwtstamp){config.flags, config.tx_type, config.rx_filter};
	}
	return err < 0 ? err : 0;
}

int ws_restore_hwtstamp_set(int fd, const char *name, struct ws_restore_hwtstamp *c)
{
	int err = -EBUSY;

	for (int i = 0; i < TRIES && (err == -EBUSY || err == -EAGAIN); i++) {
		struct hwtstamp_config config = {c->flags, c->tx_type, c->rx_filter};
		struct ifreq ifr = {.ifr_data = (void *)&config};

		if (i) {
			ws_sys_sleep_until(ws_sys_clock(CLOCK_MONOTONIC) + BETWEEN_TRIES);
		}
		memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
		err = ws_sys_ioctl(fd, SIOCSHWTSTAMP, &ifr);
		if (err >= 0) {
			*c = (struct ws_restore_hwtstamp){
				config.flags, config.tx_type, config.rx_filter};
		}
	}
	return err < 0 ? err : 0;
}

bool ws_restore_hwtstamp_equal(
	const struct ws_restore_hwtstamp *a, const struct ws_restore_hwtstamp *b)
{
	return a->flags == b->flags && a->tx_type == b->tx_type && a->rx_filter == b->rx_filter;
}

static int table_put(struct table *t, const struct ws_restore_note *note)
{
	unsigned i = 0;

	while (i < t->n && t->notes[i].ifindex != note->ifindex) {
		i++;
	}
	if (i == WS_RESTORE_MAX) {
		return -ENOSPC;
	}
	t->notes[i] = *note;
	t->n += i == t->n;
	return 0;
}

int ws_restore_put_back(int fd, const struct ws_restore_note *note,
	const struct ws_restore_hwtstamp *target, struct ws_restore_stands *ret)
{
	struct ifreq ifr = {.ifr_ifindex = note->ifindex};
	struct ws_restore_stands stands = {.ifname = ""};
	struct ws_restore_hwtstamp now;
	int err = ws_sys_ioctl(fd, SIOCGIFNAME, &ifr);

	if (err >= 0) {
		memcpy(stands.ifname, ifr.ifr_name, IFNAMSIZ - 1);
		err = ws_restore_hwtstamp_get(fd, stands.ifname, &stands.now);
	}
	if (err >= 0 && !ws_restore_hwtstamp_equal(&stands.now, target) &&
		(note->state != WS_RESTORE_CHANGED ||
			ws_restore_hwtstamp_equal(&stands.now, &note->set))) {
		now = *target;
		err = ws_restore_hwtstamp_set(fd, stands.ifname, &now);
		err = err ? err : ws_restore_hwtstamp_get(fd, stands.ifname, &now);
		if (!err &&
			(now.rx_filter != target->rx_filter || now.tx_type != target->tx_type)) {
			err = -ERANGE;
		}
	} else if (err >= 0) {
		err = 1;
	}
	if (err == -ENODEV) {
		stands.ifname[0] = '\0';
		err = 1;
	}
	if (ret) {
		*ret = stands;
	}
	return err;
}

/* All of it, the last change first. fd: any socket of the namespace answers these ioctls. */
static int put_all_back(int fd, const struct table *t, struct ws_journal *journal)
{
	/* Putting back matters more than doing it when nobody else does. */
	bool locked = journal && ws_journal_lock(journal) == 0;
	int first = 0;

	for (unsigned i = t->n; i-- > 0;) {
		const struct ws_restore_note *note = &t->notes[i];
		struct ws_restore_hwtstamp target = note->before;
		int err = 0;

		if (note->state != WS_RESTORE_NOTHING) {
			target = locked ? ws_journal_target(journal, note) : target;
			err = ws_restore_put_back(fd, note, &target, NULL);
		}
		first = first < 0 ? first : err < 0 ? err : 0;
	}
	if (locked) {
		if (!first) {
			/* If it stays, the next start finds nothing to do. */
			(void)ws_journal_remove(journal);
		}
		ws_journal_unlock(journal);
	}
	return first;
}

/* Closes all descriptors but n of them. 0 or -errno. */
static int keep_only(int *fds, unsigned n)
{
	unsigned from = 0;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		for (unsigned k = i + 1; k < n; k++) {
			if (fds[k] < fds[i]) {
				int swap = fds[i];

				fds[i] = fds[k];
				fds[k] = swap;
			}
		}
		if (fds[i] > (int)from) {
			err = ws_sys_close_range(from, (unsigned)fds[i] - 1);
		}
		from = (unsigned)fds[i] + 1;
	}
	return err ? err : ws_sys_close_range(from, UINT32_MAX);
}

/* Only what is needed stays. 0 or -errno. */
static int shrink(const struct ws_restore *r)
{
	struct ws_sys_caps have, keep = {0};
	int fds[3] = {r->childs_fd};
	int err;

	/* The terminal's signals go to its processes' group. */
	ws_sys_setsid();
	if (r->journal) {
		ws_journal_descriptors(r->journal, fds + 1);
	}
	/* Whoever reads what the parent writes sees its end when the parent ends. */
	err = keep_only(fds, r->journal ? 3 : 1);
	err = err ? err : ws_sys_capget(&have);
	if (err) {
		return err;
	}
	ws_sys_prctl(PR_SET_NAME, (unsigned long)"ws-restore");
	/* It may go on with rights that its parent's user does not have. */
	ws_sys_prctl(PR_SET_DUMPABLE, 0);
	ws_sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
	ws_sys_prctl(PR_SET_NO_NEW_PRIVS, 1);
	keep.permitted = have.permitted & UINT64_C(1) << CAP_NET_ADMIN;
	keep.effective = keep.permitted;
	return ws_sys_capset(&keep);
}

static int child(void *arg)
{
	const struct ws_restore *r = arg;
	int fd = r->childs_fd;
	struct table table = {.n = 0};
	struct ws_restore_note note;
	char ready = READY;
	ssize_t n;
	int err = shrink(r);

	if (err || ws_sys_sendto(fd, &ready, 1, MSG_NOSIGNAL, NULL, 0) != 1) {
		return LOST;
	}
	for (;;) {
		n = ws_sys_recv(fd, &note, sizeof(note), 0);
		if (n == (ssize_t)sizeof(note)) {
			/* The parent has the same table, and stops when it is full. */
			(void)table_put(&table, &note);
		} else if (n != -EINTR) {
			break;
		}
	}
	return -put_all_back(fd, &table, r->journal);
}

static ssize_t recv_whole(int fd, void *buf, size_t size)
{
	ssize_t n;

	do {
		n = ws_sys_recv(fd, buf, size, 0);
	} while (n == -EINTR);
	return n;
}

/* The exit status; -1: there is none to be had. */
static int wait_for(pid_t pid)
{
	int status, err;

	do {
		err = ws_sys_waitpid(pid, &status);
	} while (err == -EINTR);
	return err == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int ws_restore_start(struct ws_restore **ret, struct ws_journal *journal)
{
	struct ws_restore *r = calloc(1, sizeof(*r));
	int fds[2], err;
	ssize_t n;
	char byte;

	if (!r) {
		return -ENOMEM;
	}
	/* Keeps messages apart, and gives what was sent before the end when the sender has ended. */
	err = ws_sys_socketpair(SOCK_SEQPACKET, fds);
	if (err) {
		goto fail;
	}
	r->fd = fds[0];
	r->childs_fd = fds[1];
	r->journal = journal;
	r->child = ws_sys_spawn(child, r);
	ws_sys_close(fds[1]);
	err = r->child < 0 ? r->child : 0;
	if (!err) {
		n = recv_whole(r->fd, &byte, 1);
		err = n == 1 ? 0 : n < 0 ? (int)n : -EPIPE;
	}
	if (!err) {
		*ret = r;
		return 0;
	}
	ws_sys_close(r->fd);
	if (r->child > 0) {
		(void)wait_for(r->child);
	}
fail:
	free(r);
	return err;
}

int ws_restore_tell(struct ws_restore *r, const struct ws_restore_note *note)
{
	int err = table_put(&r->table, note);
	ssize_t n;

	if (err) {
		return err;
	}
	do {
		n = ws_sys_sendto(r->fd, note, sizeof(*note), MSG_NOSIGNAL, NULL, 0);
	} while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

int ws_restore_close(struct ws_restore *r)
{
	int status, err;

	if (!r) {
		return 0;
	}
	/* This end's namespace is the right one, whichever the thread is in now. */
	(void)ws_sys_shutdown(r->fd, SHUT_WR);
	status = wait_for(r->child);
	err = status >= 0 && status != LOST ? -status : put_all_back(r->fd, &r->table, r->journal);
	ws_sys_close(r->fd);
	free(r);
	return err;
}
