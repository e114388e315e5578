/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/hwtstamp.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tscaps.h"
#include "host/journal.h"
#include "host/restore.h"
#include "host/sys.h"
#include "host/tsinfo.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct ws_hwtstamp {
	struct ws_restore *restore; /* NULL: nothing was changed */
	struct ws_journal *journal;
};

/* What a step needs: the interface, and where the clause for the user goes. */
struct look {
	const char *name;
	int fd, ifindex;
	const struct ws_hwtstamp_want *want;
	char *why;
	size_t why_size;
};

/* What the driver says that it can do. */
struct claims {
	uint32_t tx_types, filters;
	enum ws_clock clock;
};

/* Filters that a want may be met with, the best first. */
static const int all[] = {HWTSTAMP_FILTER_ALL};
static const int widest[] = {
	HWTSTAMP_FILTER_ALL,
	HWTSTAMP_FILTER_PTP_V2_EVENT,
	HWTSTAMP_FILTER_PTP_V2_L2_EVENT,
	HWTSTAMP_FILTER_PTP_V2_L4_EVENT,
	HWTSTAMP_FILTER_PTP_V1_L4_EVENT,
	HWTSTAMP_FILTER_PTP_V1_L4_SYNC,
	HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ,
};
static const int ptp[] = {
	HWTSTAMP_FILTER_PTP_V2_EVENT,
	HWTSTAMP_FILTER_ALL,
	HWTSTAMP_FILTER_PTP_V2_L2_EVENT,
	HWTSTAMP_FILTER_PTP_V2_L4_EVENT,
};

static const struct {
	const int *filters;
	unsigned n;
	int enough; /* what covers this needs no change */
	const char *missing;
} wants[] = {
	[WS_HW_RX_KEEP] = {NULL, 0, HWTSTAMP_FILTER_NONE, ""},
	[WS_HW_RX_ALL] = {all, COUNT(all), HWTSTAMP_FILTER_ALL, "all packets is not among them"},
	[WS_HW_RX_WIDEST] = {widest, COUNT(widest), HWTSTAMP_FILTER_ALL,
		"it stamps no received packets that could be sent to it"},
	[WS_HW_RX_PTP] = {ptp, COUNT(ptp), HWTSTAMP_FILTER_PTP_V2_EVENT,
		"PTPv2 events are not among them"},
};

/* What to ask the driver for, one after the other. */
struct plan {
	struct ws_restore_hwtstamp to[COUNT(widest) + 1];
	unsigned n; /* 0: nothing has to be changed */
};

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
	const char *name = n < 0 ? NULL : ws_ts_rx_filter_name((unsigned)n);

	if (name) {
		snprintf(buf, 32, "%s", name);
	} else {
		snprintf(buf, 32, "filter %d", n);
	}
	return buf;
}

/* There is more than none, and it is for PTP packets alone. */
static bool ptp_only(uint32_t filters)
{
	uint32_t others = filters & ~(UINT32_C(1) << HWTSTAMP_FILTER_NONE);

	for (unsigned n = 0; n < 32; n++) {
		const char *name = ws_ts_rx_filter_name(n);

		if (others >> n & 1 && (!name || strncmp(name, "ptp", 3) != 0)) {
			return false;
		}
	}
	return others != 0;
}

/* 0 or -errno. */
static int look_at_claims(const struct look *l, struct claims *ret)
{
	const bool rx = l->want->rx != WS_HW_RX_KEEP, tx = l->want->tx;
	struct ws_ts_provider p = {.phc = -1};
	uint32_t flags;
	int err = ws_tsinfo_ioctl(l->fd, l->name, &p);

	if (err == -EOPNOTSUPP || err == -ENOTTY || err == -EINVAL) {
		return fail(l, -EOPNOTSUPP, "its driver says nothing about time stamps");
	}
	if (err < 0) {
		return fail(l, err, "its time stamps cannot be asked for: %s", strerror(-err));
	}
	flags = p.flags & SOF_TIMESTAMPING_RAW_HARDWARE ? p.flags : 0;
	if (rx && !(flags & SOF_TIMESTAMPING_RX_HARDWARE)) {
		return fail(l, -EOPNOTSUPP,
			"it offers no hardware time stamps of received packets%s",
			p.flags & SOF_TIMESTAMPING_RX_SOFTWARE ? ", only software ones" : "");
	}
	if (tx && !(flags & SOF_TIMESTAMPING_TX_HARDWARE)) {
		return fail(l, -EOPNOTSUPP, "it offers no hardware time stamps of sent packets%s",
			p.flags & SOF_TIMESTAMPING_TX_SOFTWARE ? ", only software ones" : "");
	}
	if ((rx || tx) && p.phc < 0) {
		return fail(l, -EOPNOTSUPP,
			"it names no PTP clock that its hardware time stamps are taken from");
	}
	*ret = (struct claims){
		.tx_types = p.tx_types,
		.filters = p.rx_filters,
		.clock = p.phc < 0 ? WS_CLOCK_NONE : (enum ws_clock)(WS_CLOCK_PHC + p.phc),
	};
	return 0;
}

/* The transmit type that is needed. 0 or -errno. */
static int plan_tx(const struct look *l, const struct claims *c, int stands, int *ret)
{
	char list[128];

	*ret = stands;
	if (!l->want->tx || stands == HWTSTAMP_TX_ON) {
		return 0;
	}
	if (stands != HWTSTAMP_TX_OFF) {
		const char *name = ws_ts_tx_type_name((unsigned)stands);

		return fail(l, -EBUSY,
			"its transmit type is %s, which gives no stamps of all packets, and which "
			"another program may rely on",
			name ? name : "a new one");
	}
	if (!(c->tx_types >> HWTSTAMP_TX_ON & 1)) {
		ws_ts_names(c->tx_types, ws_ts_tx_type_name, list, sizeof(list));
		return fail(l, -EOPNOTSUPP, "transmit types: %s; on is not among them",
			*list ? list : "none");
	}
	*ret = HWTSTAMP_TX_ON;
	return 0;
}

static void add(struct plan *p, const struct ws_restore_hwtstamp *now, int tx_type, int filter)
{
	p->to[p->n++] = (struct ws_restore_hwtstamp){now->flags, tx_type, filter};
}

/* What would do and takes nothing from anybody. 0 or -errno. */
static int make_plan(const struct look *l, const struct claims *c,
	const struct ws_restore_hwtstamp *now, struct plan *ret)
{
	const int stands = now->rx_filter;
	int conflict = HWTSTAMP_FILTER_NONE; /* nothing conflicts with that */
	bool stay = ws_ts_filter_covers(stands, wants[l->want->rx].enough);
	char list[256], names[2][32];
	int tx_type, err;

	ret->n = 0;
	err = plan_tx(l, c, now->tx_type, &tx_type);
	if (err) {
		return err;
	}
	for (unsigned i = 0; !stay && i < wants[l->want->rx].n; i++) {
		int filter = wants[l->want->rx].filters[i];

		if (ws_ts_filter_covers(stands, filter)) {
			stay = true; /* what comes later is no better */
		} else if (filter < 32 && !(c->filters >> filter & 1)) {
			continue;
		} else if (ws_ts_filter_covers(filter, stands)) {
			add(ret, now, tx_type, filter);
		} else if (conflict == HWTSTAMP_FILTER_NONE) {
			conflict = filter;
		}
	}
	if (stay && ws_ts_filter_reach(conflict) <= ws_ts_filter_reach(stands)) {
		if (ret->n || tx_type != now->tx_type) {
			add(ret, now, tx_type, stands);
		}
		return 0;
	}
	if (ret->n) {
		return 0;
	}
	if (conflict != HWTSTAMP_FILTER_NONE) {
		return fail(l, -EBUSY,
			"its receive filter is %s, which another program may rely on, and %s would "
			"take that away",
			filter_name(stands, names[0]), filter_name(conflict, names[1]));
	}
	ws_ts_names(c->filters, ws_ts_rx_filter_name, list, sizeof(list));
	return fail(l, -EOPNOTSUPP, "receive filters: %s; %s", *list ? list : "none",
		l->want->rx == WS_HW_RX_ALL && ptp_only(c->filters) ? "it stamps PTP packets only"
								    : wants[l->want->rx].missing);
}

/* The journal first: whoever finds nothing there has nothing to undo. */
static int tell(struct ws_hwtstamp *h, const struct look *l, const struct ws_restore_note *note)
{
	int err = h->journal ? ws_journal_note(h->journal, l->name, note) : 0;

	if (err) {
		return fail(l, err, "what is changed cannot be noted: %s", strerror(-err));
	}
	if (!h->restore) {
		err = ws_restore_start(&h->restore, h->journal);
		if (err) {
			h->restore = NULL;
			return fail(l, err,
				"the process that puts its time stamps back does not start: %s",
				strerror(-err));
		}
	}
	err = ws_restore_tell(h->restore, note);
	return err ? fail(l, err, "nothing would put its time stamps back: %s", strerror(-err)) : 0;
}

/* Whether the driver did at least what it was asked for; else says what it did. */
static bool suffices(const struct look *l, const struct ws_restore_hwtstamp *asked,
	const struct ws_restore_hwtstamp *got)
{
	const char *type = ws_ts_tx_type_name((unsigned)got->tx_type);
	char names[2][32];

	if (!ws_ts_filter_covers(got->rx_filter, asked->rx_filter)) {
		fail(l, 0, "its driver was asked for the receive filter %s, and set %s instead",
			filter_name(asked->rx_filter, names[0]),
			filter_name(got->rx_filter, names[1]));
		return false;
	}
	if (got->tx_type != asked->tx_type) {
		fail(l, 0, "its driver was asked for the transmit type %s, and set %s instead",
			ws_ts_tx_type_name((unsigned)asked->tx_type), type ? type : "a new one");
		return false;
	}
	return true;
}

/*
 * Asks for one after the other until the driver does it, with the child at hand that will undo it. The clause is
 * about the first that was refused: that is what was wanted most. 0 or -errno.
 */
static int change(struct ws_hwtstamp *h, const struct look *l, const struct plan *p,
	const struct ws_restore_hwtstamp *original, struct ws_hwtstamp_granted *granted)
{
	struct ws_restore_note note = {
		.state = WS_RESTORE_CHANGING, .ifindex = l->ifindex, .before = *original};
	struct look quiet = *l;
	char name[32];
	int first = 0;

	quiet.why = NULL;
	quiet.why_size = 0;
	for (unsigned i = 0; i < p->n; i++) {
		const struct look *say = first ? &quiet : l;
		int err;

		note.set = p->to[i];
		err = tell(h, l, &note);
		if (err) {
			return err;
		}
		err = ws_restore_hwtstamp_set(l->fd, l->name, &note.set);
		if (err == -EPERM) {
			return fail(l, err, "CAP_NET_ADMIN is missing to have it stamp %s",
				l->want->rx == WS_HW_RX_ALL ? "all packets" : "packets");
		}
		if (err == -ERANGE || err == -EINVAL || err == -EOPNOTSUPP) {
			fail(say, err,
				"its driver lists the receive filter %s, but refuses to set it: %s",
				filter_name(p->to[i].rx_filter, name), strerror(-err));
			first = first ? first : err;
			continue;
		}
		if (err) {
			return fail(l, err, "the receive filter %s cannot be set: %s",
				filter_name(p->to[i].rx_filter, name), strerror(-err));
		}
		/* What the driver wrote into the request is what it says; this is what it does. */
		err = ws_restore_hwtstamp_get(l->fd, l->name, &note.set);
		if (err) {
			return fail(l, err, "what was set cannot be read back: %s", strerror(-err));
		}
		if (!suffices(say, &p->to[i], &note.set)) {
			first = first ? first : -ERANGE;
			continue;
		}
		granted->tx_type = note.set.tx_type;
		granted->rx_filter = note.set.rx_filter;
		granted->widened = note.set.rx_filter != p->to[i].rx_filter;
		note.state = WS_RESTORE_CHANGED;
		return tell(h, l, &note);
	}
	return first;
}

/* Undoes and lets go of everything. 0 or -errno. */
static int undo(struct ws_hwtstamp *h)
{
	int err = ws_restore_close(h->restore);

	if (!h->restore && h->journal) {
		(void)ws_journal_remove(h->journal);
	}
	ws_journal_close(h->journal);
	h->restore = NULL;
	h->journal = NULL;
	return err;
}

/* With the journal's lock, if there is one. 0 or -errno. */
static int negotiate(struct ws_hwtstamp *h, const struct look *l, const struct claims *c,
	struct ws_hwtstamp_granted *granted)
{
	struct ws_restore_hwtstamp now = {0}, original;
	bool shared;
	struct plan p;
	int unknown, err;

	if (h->journal) {
		ws_journal_tidy(h->journal, l->fd);
	}
	unknown = ws_restore_hwtstamp_get(l->fd, l->name, &now);
	if (unknown && unknown != -EOPNOTSUPP && unknown != -ENOTTY && unknown != -EINVAL) {
		return fail(l, unknown, "how its time stamps are set cannot be read: %s",
			strerror(-unknown));
	}
	err = make_plan(l, c, &now, &p);
	if (err) {
		return err;
	}
	if (unknown) {
		granted->tx_type = granted->rx_filter = -1;
		return l->want->rx == WS_HW_RX_KEEP && !l->want->tx
			       ? 0
			       : fail(l, -EOPNOTSUPP,
					 "its driver does not say how its time stamps are set, so that they could not be put back");
	}
	granted->tx_type = now.tx_type;
	granted->rx_filter = now.rx_filter;
	original = now;
	shared = h->journal && (l->want->rx != WS_HW_RX_KEEP || l->want->tx) &&
		 ws_journal_before(h->journal, l->ifindex, &original);
	if (p.n) {
		err = change(h, l, &p, &original, granted);
	} else if (shared) {
		/* So that whoever ends first does not take it from us, and we undo it if we end last. */
		err = tell(h, l,
			&(const struct ws_restore_note){
				WS_RESTORE_CHANGED, l->ifindex, original, now});
	}
	granted->changed = !err && (shared || granted->tx_type != now.tx_type ||
					   granted->rx_filter != now.rx_filter);
	return err;
}

static int start(struct ws_hwtstamp *h, const struct look *l, struct ws_hwtstamp_granted *granted)
{
	struct claims c = {0};
	int err = look_at_claims(l, &c);

	if (err) {
		return err;
	}
	granted->clock = c.clock;
	err = ws_journal_open(&h->journal, l->fd);
	if (err == -EBUSY) {
		return fail(l, err, "another wirestamp is changing time stamps, for 10 s now");
	}
	if (err) {
		granted->journal = err;
	}
	err = negotiate(h, l, &c, granted);
	if (err || !granted->changed) {
		/* Whatever the driver did instead is undone. */
		int undone = undo(h);

		if (err && undone && l->why_size) {
			size_t have = strlen(l->why);

			snprintf(l->why + have, l->why_size - have,
				"; it could not be put back: %s", strerror(-undone));
		}
		granted->journal = 0;
	} else if (h->journal) {
		ws_journal_unlock(h->journal);
	}
	return err;
}

int ws_hwtstamp_open(struct ws_hwtstamp **ret, const char *name,
	const struct ws_hwtstamp_want *want, struct ws_hwtstamp_granted *ret_granted, char *why,
	size_t why_size)
{
	struct look l = {.name = name, .want = want, .why = why, .why_size = why_size};
	struct ws_hwtstamp_granted granted = {.clock = WS_CLOCK_NONE};
	struct ws_hwtstamp *h;
	struct ifreq ifr = {0};
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
		err = err < 0 ? fail(&l, err, "%s", strerror(-err)) : start(h, &l, &granted);
		ws_sys_close(l.fd);
	} else {
		fail(&l, err, "%s", strerror(-err));
	}
	if (err) {
		free(h);
		return err;
	}
	*ret = h;
	*ret_granted = granted;
	return 0;
}

int ws_hwtstamp_close(struct ws_hwtstamp *h)
{
	int err = h ? undo(h) : 0;

	free(h);
	return err;
}
