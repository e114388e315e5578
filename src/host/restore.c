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
	int fd;
	pid_t child;
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
	struct hwtstamp_config config = {c->flags, c->tx_type, c->rx_filter};
	struct ifreq ifr = {.ifr_data = (void *)&config};
	int err;

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	err = ws_sys_ioctl(fd, SIOCSHWTSTAMP, &ifr);
	if (err >= 0) {
		*c = (struct ws_restore_hwtstamp){config.flags, config.tx_type, config.rx_filter};
	}
	return err < 0 ? err : 0;
}

static bool equal(const struct ws_restore_hwtstamp *a, const struct ws_restore_hwtstamp *b)
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

static int put_back(int fd, const struct ws_restore_note *note)
{
	struct ifreq ifr = {.ifr_ifindex = note->ifindex};
	struct ws_restore_hwtstamp now;
	int err = ws_sys_ioctl(fd, SIOCGIFNAME, &ifr);

	if (err < 0) {
		return err == -ENODEV ? 0 : err;
	}
	ifr.ifr_name[IFNAMSIZ - 1] = '\0';
	err = ws_restore_hwtstamp_get(fd, ifr.ifr_name, &now);
	if (err || equal(&now, &note->before) ||
		(note->state == WS_RESTORE_CHANGED && !equal(&now, &note->set))) {
		return err == -ENODEV ? 0 : err;
	}
	for (int i = 0; i < TRIES; i++) {
		now = note->before;
		err = ws_restore_hwtstamp_set(fd, ifr.ifr_name, &now);
		/* Drivers refuse while the interface is being reset. */
		if (err != -EBUSY && err != -EAGAIN) {
			break;
		}
		ws_sys_sleep_until(ws_sys_clock(CLOCK_MONOTONIC) + BETWEEN_TRIES);
	}
	if (!err) {
		err = ws_restore_hwtstamp_get(fd, ifr.ifr_name, &now);
		if (!err && now.rx_filter != note->before.rx_filter) {
			err = -ERANGE;
		}
	}
	return err == -ENODEV ? 0 : err;
}

/* All of it, the last change first. fd: any socket of the namespace answers these ioctls. */
static int put_all_back(int fd, const struct table *t)
{
	int first = 0;

	for (unsigned i = t->n; i-- > 0;) {
		int err = 0;

		if (t->notes[i].state != WS_RESTORE_NOTHING) {
			err = put_back(fd, &t->notes[i]);
		}
		first = first ? first : err;
	}
	return first;
}

/* Only what is needed stays. 0 or -errno. */
static int shrink(int fd)
{
	struct ws_sys_caps have, keep = {0};
	int err;

	/* The terminal's signals go to its processes' group. */
	ws_sys_setsid();
	/* Whoever reads what the parent writes sees its end when the parent ends. */
	err = fd > 0 ? ws_sys_close_range(0, (unsigned)fd - 1) : 0;
	err = err ? err : ws_sys_close_range((unsigned)fd + 1, UINT32_MAX);
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
	int fd = *(const int *)arg;
	struct table table = {.n = 0};
	struct ws_restore_note note;
	char ready = READY;
	ssize_t n;
	int err = shrink(fd);

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
	return -put_all_back(fd, &table);
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

int ws_restore_start(struct ws_restore **ret)
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
	r->child = ws_sys_spawn(child, &fds[1]);
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
	err = status >= 0 && status != LOST ? -status : put_all_back(r->fd, &r->table);
	ws_sys_close(r->fd);
	free(r);
	return err;
}
