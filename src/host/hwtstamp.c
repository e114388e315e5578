/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/hwtstamp.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/restore.h"
#include "host/sys.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct ws_hwtstamp {
	struct ws_restore *restore; /* NULL: nothing was changed */
};

/* What a step needs: the interface, and where the clause for the user goes. */
struct look {
	const char *name;
	int fd, ifindex;
	char *why;
	size_t why_size;
};

static const char *const filter_names[] = {
	[HWTSTAMP_FILTER_NONE] = "none",
	[HWTSTAMP_FILTER_ALL] = "all",
	[HWTSTAMP_FILTER_SOME] = "some",
	[HWTSTAMP_FILTER_PTP_V1_L4_EVENT] = "ptpv1-l4-event",
	[HWTSTAMP_FILTER_PTP_V1_L4_SYNC] = "ptpv1-l4-sync",
	[HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ] = "ptpv1-l4-delay-req",
	[HWTSTAMP_FILTER_PTP_V2_L4_EVENT] = "ptpv2-l4-event",
	[HWTSTAMP_FILTER_PTP_V2_L4_SYNC] = "ptpv2-l4-sync",
	[HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ] = "ptpv2-l4-delay-req",
	[HWTSTAMP_FILTER_PTP_V2_L2_EVENT] = "ptpv2-l2-event",
	[HWTSTAMP_FILTER_PTP_V2_L2_SYNC] = "ptpv2-l2-sync",
	[HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ] = "ptpv2-l2-delay-req",
	[HWTSTAMP_FILTER_PTP_V2_EVENT] = "ptpv2-event",
	[HWTSTAMP_FILTER_PTP_V2_SYNC] = "ptpv2-sync",
	[HWTSTAMP_FILTER_PTP_V2_DELAY_REQ] = "ptpv2-delay-req",
	[HWTSTAMP_FILTER_NTP_ALL] = "ntp-all",
};

static const char *ws_hwtstamp_filter_name(unsigned n)
{
	return n < COUNT(filter_names) ? filter_names[n] : NULL;
}

/* Writes the clause and returns err, so that a failing step is one statement. */
__attribute__((format(printf, 3, 4))) static int fail(
	const struct look *l, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->why, l->why_size, format, args);
	va_end(args);
	return err;
}

static const char *filter_name(int n, char buf[32])
{
	const char *name = n < 0 ? NULL : ws_hwtstamp_filter_name((unsigned)n);

	if (name) {
		snprintf(buf, 32, "%s", name);
	} else {
		snprintf(buf, 32, "filter %d", n);
	}
	return buf;
}

/* "none, ptpv2-event"; *ret_ptp: there is more than none, and it is for PTP packets alone. */
static void list_filters(uint32_t filters, char *buf, size_t size, bool *ret_ptp)
{
	uint32_t others = filters & ~(UINT32_C(1) << HWTSTAMP_FILTER_NONE);
	size_t have = 0;

	*ret_ptp = others != 0;
	buf[0] = '\0';
	for (int n = 0; n < 32; n++) {
		char name[32];

		if (filters >> n & 1 && have < size) {
			filter_name(n, name);
			have += (size_t)snprintf(
				buf + have, size - have, "%s%s", have ? ", " : "", name);
			if (n != HWTSTAMP_FILTER_NONE && strncmp(name, "ptp", 3) != 0) {
				*ret_ptp = false;
			}
		}
	}
	if (!filters) {
		snprintf(buf, size, "none");
	}
}

/* What the driver says that it can do. 0 or -errno. */
static int look_at_claims(const struct look *l, uint32_t *ret_filters, enum ws_clock *ret_clock)
{
	struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
	struct ifreq ifr = {.ifr_data = (void *)&info};
	const uint32_t needed = SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	int err;

	memcpy(ifr.ifr_name, l->name, strlen(l->name));
	err = ws_sys_ioctl(l->fd, SIOCETHTOOL, &ifr);
	if (err == -EOPNOTSUPP || err == -ENOTTY || err == -EINVAL) {
		return fail(l, -EOPNOTSUPP, "its driver says nothing about time stamps");
	}
	if (err < 0) {
		return fail(l, err, "its time stamps cannot be asked for: %s", strerror(-err));
	}
	if ((info.so_timestamping & needed) != needed) {
		return fail(l, -EOPNOTSUPP,
			"it offers no hardware time stamps of received packets%s",
			info.so_timestamping & SOF_TIMESTAMPING_RX_SOFTWARE ? ", only software ones"
									    : "");
	}
	if (info.phc_index < 0) {
		return fail(l, -EOPNOTSUPP,
			"it names no PTP clock that its hardware time stamps are taken from");
	}
	*ret_filters = info.rx_filters;
	*ret_clock = (enum ws_clock)(WS_CLOCK_PHC + info.phc_index);
	return 0;
}

/* Asks for all packets, with the child at hand that will undo it. 0 or -errno. */
static int widen(
	const struct look *l, struct ws_restore *restore, const struct ws_restore_hwtstamp *before)
{
	struct ws_restore_note note = {
		.state = WS_RESTORE_CHANGING,
		.ifindex = l->ifindex,
		.before = *before,
		.set = *before,
	};
	char name[32];
	int err;

	note.set.rx_filter = HWTSTAMP_FILTER_ALL;
	err = ws_restore_tell(restore, &note);
	if (err) {
		return fail(l, err, "nothing would put its time stamps back: %s", strerror(-err));
	}
	err = ws_restore_hwtstamp_set(l->fd, l->name, &note.set);
	if (err == -EPERM) {
		return fail(l, err, "CAP_NET_ADMIN is missing to have it stamp all packets");
	}
	if (err) {
		return fail(l, err,
			"its driver lists the receive filter all, but refuses to set it: %s",
			strerror(-err));
	}
	/* What the driver wrote into the request is what it says; this is what it does. */
	err = ws_restore_hwtstamp_get(l->fd, l->name, &note.set);
	if (err) {
		return fail(l, err, "what was set cannot be read back: %s", strerror(-err));
	}
	if (note.set.rx_filter != HWTSTAMP_FILTER_ALL) {
		return fail(l, -ERANGE,
			"its driver was asked for the receive filter all, and set %s instead",
			filter_name(note.set.rx_filter, name));
	}
	note.state = WS_RESTORE_CHANGED;
	err = ws_restore_tell(restore, &note);
	return err ? fail(l, err, "what puts its time stamps back is gone: %s", strerror(-err)) : 0;
}

static int start(const struct look *l, struct ws_restore **ret, enum ws_clock *ret_clock)
{
	struct ws_restore_hwtstamp before;
	struct ws_restore *restore;
	uint32_t filters = 0;
	char list[256];
	bool ptp;
	int err = look_at_claims(l, &filters, ret_clock);

	if (err) {
		return err;
	}
	list_filters(filters, list, sizeof(list), &ptp);
	err = ws_restore_hwtstamp_get(l->fd, l->name, &before);
	if (!err && before.rx_filter == HWTSTAMP_FILTER_ALL) {
		return 0;
	}
	if (!(filters >> HWTSTAMP_FILTER_ALL & 1)) {
		return fail(l, -EOPNOTSUPP, "receive filters: %s; %s", list,
			ptp ? "it stamps PTP packets only" : "all packets is not among them");
	}
	if (err == -EOPNOTSUPP || err == -ENOTTY || err == -EINVAL) {
		return fail(l, -EOPNOTSUPP,
			"its driver does not say how its time stamps are set, so that they could not be put back");
	}
	if (err) {
		return fail(
			l, err, "how its time stamps are set cannot be read: %s", strerror(-err));
	}
	err = ws_restore_start(&restore);
	if (err) {
		return fail(l, err, "the process that puts its time stamps back does not start: %s",
			strerror(-err));
	}
	err = widen(l, restore, &before);
	if (err) {
		/* Whatever the driver did instead is undone. */
		int undone = ws_restore_close(restore);

		if (undone && l->why_size) {
			size_t have = strlen(l->why);

			snprintf(l->why + have, l->why_size - have,
				"; it could not be put back: %s", strerror(-undone));
		}
		return err;
	}
	*ret = restore;
	return 0;
}

int ws_hwtstamp_open(struct ws_hwtstamp **ret, const char *name,
	const struct ws_hwtstamp_want *want, struct ws_hwtstamp_granted *ret_granted, char *why,
	size_t why_size)
{
	struct look l = {.name = name, .why = why, .why_size = why_size};
	struct ws_hwtstamp *h;
	struct ifreq ifr = {0};
	enum ws_clock clock = WS_CLOCK_NONE;
	int err;

	if (!*name || strlen(name) >= IFNAMSIZ) {
		return fail(&l, -ENODEV, "%s", strerror(ENODEV));
	}
	h = calloc(1, sizeof(*h));
	if (!h) {
		return fail(&l, -ENOMEM, "%s", strerror(ENOMEM));
	}
	l.fd = ws_sys_socket(AF_UNIX, SOCK_DGRAM, 0);
	err = l.fd;
	if (l.fd >= 0) {
		memcpy(ifr.ifr_name, name, strlen(name));
		err = ws_sys_ioctl(l.fd, SIOCGIFINDEX, &ifr);
		l.ifindex = ifr.ifr_ifindex;
		err = err < 0 ? fail(&l, err, "%s", strerror(-err))
			      : start(&l, &h->restore, &clock);
		ws_sys_close(l.fd);
	} else {
		fail(&l, err, "%s", strerror(-err));
	}
	if (err) {
		free(h);
		return err;
	}
	*ret = h;
	*ret_granted = (struct ws_hwtstamp_granted){.clock = clock};
	(void)want;
	return 0;
}

int ws_hwtstamp_close(struct ws_hwtstamp *h)
{
	int err = h ? ws_restore_close(h->restore) : 0;

	free(h);
	return err;
}
