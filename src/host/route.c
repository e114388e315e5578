/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host/rtnl.h"

/* An index of 0 means none. */
struct device {
	int ifindex;
	int master; /* whose port it is */
	int lower;  /* the device that it is on, in the same namespace */
	bool routed;
};

/* The first is the interface in question, whether or not the kernel lists it. */
struct devices {
	struct device *list;
	size_t count, room;
};

static int get_index(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) < sizeof(uint32_t) ? 0 : (int)mnl_attr_get_u32(attr);
}

/* NULL if it cannot be. */
static struct device *add_device(struct devices *d)
{
	if (d->count == d->room) {
		size_t room = d->room ? 2 * d->room : 32;
		struct device *list = realloc(d->list, room * sizeof(*list));

		if (!list) {
			return NULL;
		}
		d->list = list;
		d->room = room;
	}
	d->list[d->count] = (struct device){0};
	return &d->list[d->count++];
}

static int on_device(const struct nlmsghdr *nlh, void *arg)
{
	struct devices *d = arg;
	const struct ifinfomsg *ifi;
	const struct nlattr *attr;
	struct device *device = &d->list[0];
	bool elsewhere = false;

	if (!nlh) {
		d->count = 1;
		*device = (struct device){.ifindex = device->ifindex};
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi)) {
		return 0;
	}
	ifi = mnl_nlmsg_get_payload(nlh);
	if (ifi->ifi_index != device->ifindex) {
		device = add_device(d);
	}
	if (!device) {
		return -ENOMEM;
	}
	device->ifindex = ifi->ifi_index;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_MASTER:
			device->master = get_index(attr);
			break;
		case IFLA_LINK:
			device->lower = get_index(attr);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		}
	}
	/* then IFLA_LINK counts in another namespace, where the same number is another device */
	if (elsewhere) {
		device->lower = 0;
	}
	return 0;
}

static void set_routed(struct devices *d, int ifindex)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].ifindex == ifindex) {
			d->list[i].routed = true;
		}
	}
}

static void set_routed_hops(struct devices *d, const struct nlattr *attr)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	int left = mnl_attr_get_payload_len(attr);

	while (left >= (int)sizeof(*hop) && RTNH_OK(hop, left)) {
		set_routed(d, hop->rtnh_ifindex);
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = (const struct rtnexthop *)((const char *)hop + RTNH_ALIGN(hop->rtnh_len));
	}
}

static bool is_default(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	uint32_t table;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
		rtm->rtm_dst_len || rtm->rtm_type != RTN_UNICAST) {
		return false;
	}
	table = rtm->rtm_table;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		if (mnl_attr_get_type(attr) == RTA_TABLE) {
			table = (uint32_t)get_index(attr);
		}
	}
	return table == RT_TABLE_MAIN;
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	struct devices *d = arg;
	const struct nlattr *attr;

	/* what an interrupted dump has shown holds: it was there a moment ago */
	if (!nlh || !is_default(nlh)) {
		return 0;
	}
	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			set_routed(d, get_index(attr));
			break;
		case RTA_MULTIPATH:
			set_routed_hops(d, attr);
			break;
		}
	}
	return 0;
}

/*
 * Brings the first device and all that are above it to the front of the list, and returns their
 * number. Each gets there once, so that a circle (each end of a veth is on the other) ends.
 */
static size_t gather_above(struct devices *d)
{
	size_t reached = 1;

	for (size_t i = 0; i < reached; i++) {
		for (size_t k = reached; k < d->count; k++) {
			struct device candidate = d->list[k];

			if (candidate.ifindex == d->list[i].master ||
				candidate.lower == d->list[i].ifindex) {
				d->list[k] = d->list[reached];
				d->list[reached++] = candidate;
			}
		}
	}
	return reached;
}

bool ws_route_default(struct ws_rtnl *nl, int ifindex)
{
	struct devices d = {0};
	bool routed = false;
	size_t above;

	if (!add_device(&d)) {
		return false;
	}
	d.list[0].ifindex = ifindex;
	/* whatever fails: what is known by then counts */
	ws_rtnl_dump(nl, RTM_GETLINK, AF_UNSPEC, on_device, &d);
	ws_rtnl_dump(nl, RTM_GETROUTE, AF_INET, on_route, &d);
	ws_rtnl_dump(nl, RTM_GETROUTE, AF_INET6, on_route, &d);
	above = gather_above(&d);
	for (size_t i = 0; i < above; i++) {
		routed = routed || d.list[i].routed;
	}
	free(d.list);
	return routed;
}
