/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/capture_ends.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/hardware.h"
#include "host/netns.h"

#define LINKTYPE_RAW 101

/* LINKTYPE_ of an interface's frames; 0: none that readers know, it needs cooked ones. */
static uint16_t linktype_of(unsigned arphrd)
{
	switch (arphrd) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return WS_LINKTYPE_ETHERNET;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
		return LINKTYPE_RAW;
	default:
		return 0;
	}
}

int ws_capture_ends_find(struct ws_capture_ends *s, const struct ws_capture_options *o)
{
	char why[256];

	s->o = o;
	s->count = o->lab ? 1 : o->interface_count;
	s->ifaces = ws_need(calloc(s->count, sizeof(*s->ifaces)));
	for (unsigned i = 0; i < s->count; i++) {
		s->ifaces[i].end.netns = -1;
	}
	if (o->lab) {
		if (ws_lab_enter(&s->lab, why, sizeof(why)) < 0) {
			ws_error("--lab: %s", why);
			return -1;
		}
		return ws_end_nic_look_in(&s->ifaces[0].end, ws_lab_ifname[1], s->lab.ns[1]);
	}
	for (unsigned i = 0; i < s->count; i++) {
		struct ws_capture_end *f = &s->ifaces[i];

		if (!strcmp(o->interfaces[i], "any")) {
			f->any = true;
			f->end.text = "any";
			continue;
		}
		if (ws_end_nic_look(&f->end, o->interfaces[i]) < 0) {
			return -1;
		}
		if (!f->end.nic.up) {
			ws_error("%s: is down (ip link set %s up)", f->end.text, f->end.nic.name);
			return -1;
		}
	}
	return 0;
}

/*
 * Goes to where all interfaces are, if they are in one namespace: later there may be no right to go.
 * Files are not touched by that.
 */
static int go_there(struct ws_capture_ends *s)
{
	int netns = s->ifaces[0].end.netns;
	bool one = true;

	for (unsigned i = 1; i < s->count; i++) {
		one = one && s->ifaces[i].end.netns == netns;
	}
	if (one && netns >= 0) {
		int saved = ws_netns_enter(netns);

		if (saved < 0) {
			return saved;
		}
		close(saved);
		for (unsigned i = 0; i < s->count; i++) {
			s->ifaces[i].end.netns = s->o->lab ? -1 : s->ifaces[i].end.netns;
		}
	}
	for (unsigned i = 0; i < s->count; i++) {
		s->ifaces[i].reachable = one || s->ifaces[i].end.netns < 0;
	}
	return 0;
}

static int check_linktypes(struct ws_capture_ends *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct ws_capture_interface *in = &s->interfaces[i];
		const struct ws_capture_end *f = &s->ifaces[i];

		in->linktype = f->any ? WS_LINKTYPE_LINUX_SLL2 : linktype_of(f->end.nic.type);
		if (!in->linktype) {
			ws_error(
				"%s: its kind of frames (ARPHRD %u) is not known (capture any sees "
				"them without their link-layer header)",
				f->end.text, f->end.nic.type);
			return -1;
		}
		if (in->linktype != s->interfaces[0].linktype && !s->o->split &&
			(s->o->write || s->o->out)) {
			ws_error("%s and %s: their frames differ (link types %u and %u), and tools "
				 "refuse files with both (--split writes a file for each)",
				s->ifaces[0].end.text, f->end.text, s->interfaces[0].linktype,
				in->linktype);
			return -1;
		}
	}
	return 0;
}

static int compile_filter(struct ws_capture_ends *s, unsigned i)
{
	struct ws_capture_end *f = &s->ifaces[i];
	const struct ws_filter_spec spec = {
		.interface = f->any ? NULL : f->end.nic.name,
		.text = s->o->filter,
		.snaplen = s->o->snaplen,
		.outgoing_only = s->o->direction == WS_DIRECTION_OUT,
	};
	char why[512];
	int saved = ws_netns_enter(f->end.netns);
	int r;

	if (saved < 0) {
		ws_error("%s: cannot enter its network namespace: %s (try as root)", f->end.text,
			strerror(-saved));
		return -1;
	}
	r = ws_filter_compile(&f->filter, &spec, why, sizeof(why));
	ws_netns_leave(saved);
	if (r == -EPERM || r == -EACCES) {
		ws_error(
			"%s: capturing needs CAP_NET_RAW (run as root, or try --lab)", f->end.text);
	} else if (r == -EINVAL) {
		ws_error("filter: %s (see pcap-filter(7))", why);
	} else if (r < 0) {
		ws_error("%s: the filter cannot be made: %s", f->end.text, why);
	}
	s->interfaces[i].filter = f->filter.insns;
	s->interfaces[i].filter_len = f->filter.len;
	return r;
}

static int ask_for_hardware(struct ws_capture_ends *s, unsigned i, struct ws_warnings *warnings)
{
	struct ws_capture_end *f = &s->ifaces[i];
	const struct ws_hwtstamp_want want = {.rx = WS_HW_RX_ALL};
	struct ws_hwtstamp_granted granted = {0};
	char why[256];
	int saved, r;

	if (s->o->stamp != WS_STAMP_HARDWARE) {
		return 0;
	}
	saved = ws_netns_enter(f->end.netns);
	if (saved < 0) {
		ws_error("%s: cannot enter its network namespace: %s (try as root)", f->end.text,
			strerror(-saved));
		return -1;
	}
	r = ws_hwtstamp_open(&f->hwtstamp, f->end.nic.name, &want, &granted, why, sizeof(why));
	ws_netns_leave(saved);
	if (r < 0) {
		ws_error("%s: no hardware stamps: %s (--stamp software works everywhere)",
			f->end.text, why);
		return -1;
	}
	ws_hardware_remark(f->end.text, &granted, warnings);
	s->interfaces[i].hw_clock = granted.clock;
	return 0;
}

int ws_capture_ends_prepare(struct ws_capture_ends *s, struct ws_warnings *warnings)
{
	if (go_there(s) < 0) {
		return -1;
	}
	s->interfaces = ws_need(calloc(s->count, sizeof(*s->interfaces)));
	if (check_linktypes(s) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < s->count; i++) {
		struct ws_capture_end *f = &s->ifaces[i];
		struct ws_capture_interface *in = &s->interfaces[i];

		in->name = f->end.text;
		in->label = f->end.text;
		in->netns = f->end.netns;
		in->ifindex = f->any ? 0 : f->end.nic.ifindex;
		in->driver = f->any ? NULL : f->end.nic.driver;
		/* veth claims a speed that it does not keep to. */
		in->link_bps = f->any || !strcmp(f->end.nic.kind, "veth") ? 0 : f->end.nic.link_bps;
		in->has_mac = !f->any && f->end.nic.type == ARPHRD_ETHER;
		memcpy(in->mac, f->end.nic.mac, sizeof(in->mac));
		if (compile_filter(s, i) < 0 || ask_for_hardware(s, i, warnings) < 0) {
			return -1;
		}
	}
	return 0;
}

static void look_at_drops(struct ws_capture_end *f, struct ws_nic_drops *ret)
{
	int saved;

	*ret = (struct ws_nic_drops){0};
	if (f->any) {
		return;
	}
	saved = ws_netns_enter(f->reachable ? -1 : f->end.netns);
	if (saved >= 0) {
		if (ws_nic_drops_get(f->end.nic.name, ret) < 0) {
			*ret = (struct ws_nic_drops){0};
		}
		ws_netns_leave(saved);
	}
}

void ws_capture_ends_drops(const struct ws_capture_ends *s, struct ws_capture_report *report)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct ws_capture_end *f = &s->ifaces[i];
		struct ws_nic_drops now;

		if (!f->reachable) {
			continue; /* there may be no right to go there any more */
		}
		look_at_drops(f, &now);
		if (now.known && f->drops.known && now.count >= f->drops.count) {
			report->interfaces[i].dropped_nic = now.count - f->drops.count;
			snprintf(report->interfaces[i].nic_source,
				sizeof(report->interfaces[i].nic_source), "%s", now.source);
		}
	}
}

void ws_capture_ends_look(struct ws_capture_ends *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		look_at_drops(&s->ifaces[i], &s->ifaces[i].drops);
	}
}

void ws_capture_ends_close(struct ws_capture_ends *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		int r = ws_hwtstamp_close(s->ifaces[i].hwtstamp);

		if (r < 0) {
			ws_error("%s: its stamping configuration could not be put back: %s "
				 "(wirestamp probe --repair tries again)",
				s->ifaces[i].end.text, strerror(-r));
		}
		ws_filter_free(&s->ifaces[i].filter);
		if (!s->o->lab && !s->ifaces[i].any) {
			ws_end_nic_close(&s->ifaces[i].end);
		}
	}
	free(s->ifaces);
	free(s->interfaces);
	ws_lab_leave(&s->lab);
}
