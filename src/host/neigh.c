/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/neigh.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "host/rtnl.h"

#define REQUEST_MAX 128
#define NUD_GOOD    (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

struct address {
	unsigned version; /* 0: none */
	uint8_t bytes[16];
};

struct route {
	bool answered;
	uint8_t type; /* RTN_* */
	uint32_t oif;
	struct address gateway, source;
};

struct neighbour {
	int ifindex;
	struct address address;
	uint16_t state; /* NUD_*; 0: not in the table */
	bool has_mac;
	uint8_t mac[6];
};

static size_t address_len(unsigned version)
{
	return version == 4 ? 4 : 16;
}

static uint8_t family_of(unsigned version)
{
	return version == 4 ? AF_INET : AF_INET6;
}

static int get_address(struct address *to, unsigned version, const void *bytes, size_t len)
{
	if (len != address_len(version)) {
		return -EBADMSG;
	}
	to->version = version;
	memcpy(to->bytes, bytes, len);
	return 0;
}

/* An IPv4 route by an IPv6 router has this instead of RTA_GATEWAY. */
static int get_via(struct address *to, const struct nlattr *attr)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t head = offsetof(struct rtvia, rtvia_addr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len < head || (via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6)) {
		return -EBADMSG;
	}
	return get_address(to, via->rtvia_family == AF_INET ? 4 : 6, via->rtvia_addr, len - head);
}

static int on_route(const struct nlmsghdr *nlh, void *arg)
{
	struct route *route = arg;
	const struct nlattr *attr;
	const struct rtmsg *rtm;
	unsigned version;
	int err = 0;

	if (!nlh || nlh->nlmsg_type != RTM_NEWROUTE) {
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm)) {
		return -EBADMSG;
	}
	rtm = mnl_nlmsg_get_payload(nlh);
	version = rtm->rtm_family == AF_INET ? 4 : 6;
	route->answered = true;
	route->type = rtm->rtm_type;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		const void *bytes = mnl_attr_get_payload(attr);
		size_t len = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			err = ws_rtnl_u32(attr, &route->oif) ? 0 : -EBADMSG;
			break;
		case RTA_GATEWAY:
			err = get_address(&route->gateway, version, bytes, len);
			break;
		case RTA_VIA:
			err = get_via(&route->gateway, attr);
			break;
		case RTA_PREFSRC:
			err = get_address(&route->source, version, bytes, len);
			break;
		}
		/* a router that was overlooked would make its destination a neighbour */
		if (err) {
			return err;
		}
	}
	return 0;
}

static bool is_no_route(int err)
{
	/* the last two: routes of the types prohibit and blackhole */
	return err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EACCES || err == -EINVAL;
}

/* How the kernel would send to dst, by this interface if ifindex is not 0. flags: RTM_F_*. */
static int ask_route(struct ws_rtnl *nl, const struct address *dst, int ifindex, uint32_t flags,
	struct route *ret)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	size_t len = address_len(dst->version);
	struct route route = {0};
	struct rtmsg *rtm;
	int err;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family_of(dst->version);
	rtm->rtm_dst_len = (unsigned char)(8 * len);
	rtm->rtm_flags = flags;
	mnl_attr_put(nlh, RTA_DST, len, dst->bytes);
	if (ifindex) {
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)ifindex);
	}
	err = ws_rtnl_talk(nl, nlh, on_route, &route);
	if (err) {
		return is_no_route(err) ? -ENETUNREACH : err;
	}
	if (!route.answered) {
		return -EBADMSG;
	}
	*ret = route;
	return 0;
}

static bool is_own(const struct route *route)
{
	return route->type == RTN_LOCAL || route->type == RTN_ANYCAST;
}

/* Link-local addresses mean something on one link only, so another interface's are not in question. */
static bool is_link_local(const struct address *a)
{
	return a->version == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static int find_route(struct ws_rtnl *nl, int ifindex, const struct address *dst, struct route *ret)
{
	struct route any = {0};
	int err = 0;

	/* asked for an interface, the kernel would not look at other interfaces' IPv4 addresses */
	if (!is_link_local(dst)) {
		err = ask_route(nl, dst, 0, 0, &any);
	}
	if (err && err != -ENETUNREACH) {
		return err;
	}
	if (is_own(&any)) {
		return -EADDRNOTAVAIL;
	}
	err = ask_route(nl, dst, ifindex, 0, ret);
	if (err) {
		return err;
	}
	if (is_own(ret)) {
		return -EADDRNOTAVAIL;
	}
	if (dst->version == 6) {
		return 0;
	}
	/* The kernel takes what it has no IPv4 route to for a neighbour on the interface that it is
	 * asked for. Only when asked for the route itself (Linux 4.13) it owns up. */
	return ask_route(nl, dst, ifindex, RTM_F_FIB_MATCH, &any);
}

/* RFC 1112 and RFC 2464; broadcast to all. False if it is none of these. */
static bool get_group_mac(const struct address *dst, uint8_t mac[6])
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const uint8_t *b = dst->bytes;

	if (dst->version == 4 && memcmp(b, all, 4) == 0) {
		memcpy(mac, all, sizeof(all));
	} else if (dst->version == 4 && b[0] >> 4 == 0xe) {
		memcpy(mac, (uint8_t[]){0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}, 6);
	} else if (dst->version == 6 && b[0] == 0xff) {
		memcpy(mac, (uint8_t[]){0x33, 0x33, b[12], b[13], b[14], b[15]}, 6);
	} else {
		return false;
	}
	return true;
}

static int on_neighbour(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr, *dst = NULL, *mac = NULL;
	struct neighbour *n = arg;
	const struct ndmsg *ndm;
	size_t len = address_len(n->address.version);

	if (!nlh) {
		n->state = 0;
		n->has_mac = false;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWNEIGH) {
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm)) {
		return -EBADMSG;
	}
	ndm = mnl_nlmsg_get_payload(nlh);
	if (ndm->ndm_ifindex != n->ifindex || ndm->ndm_family != family_of(n->address.version) ||
		ndm->ndm_flags & NTF_PROXY) {
		return 0;
	}
	mnl_attr_for_each(attr, nlh, sizeof(*ndm))
	{
		switch (mnl_attr_get_type(attr)) {
		case NDA_DST:
			dst = attr;
			break;
		case NDA_LLADDR:
			mac = attr;
			break;
		}
	}
	if (!dst || mnl_attr_get_payload_len(dst) != len ||
		memcmp(mnl_attr_get_payload(dst), n->address.bytes, len) != 0) {
		return 0;
	}
	n->state = ndm->ndm_state;
	n->has_mac = mac && mnl_attr_get_payload_len(mac) == sizeof(n->mac);
	if (n->has_mac) {
		memcpy(n->mac, mnl_attr_get_payload(mac), sizeof(n->mac));
	}
	return 0;
}

static int find_neighbour(struct ws_rtnl *nl, struct neighbour *n)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;
	int err;

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_DUMP;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = family_of(n->address.version);
	/* spares the rest where the kernel knows it; else all are looked at */
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)n->ifindex);
	err = ws_rtnl_talk(nl, nlh, on_neighbour, n);
	if (err) {
		return err;
	}
	if (n->state & NUD_GOOD && n->has_mac) {
		return 0;
	}
	return n->state & (NUD_FAILED | NUD_INCOMPLETE) ? -EHOSTUNREACH : -ENOENT;
}

static void put_source(struct ws_hop *hop, const struct route *route)
{
	hop->has_source = route->source.version;
	memcpy(hop->source, route->source.bytes, sizeof(hop->source));
}

/* By rule; the route only tells the source, and need not exist. */
static int find_group(
	struct ws_rtnl *nl, int ifindex, const struct address *dst, struct ws_hop *hop)
{
	struct route route = {0};
	int err = ask_route(nl, dst, ifindex, 0, &route);

	if (!err && route.oif == (uint32_t)ifindex) {
		put_source(hop, &route);
	}
	return err == -ENETUNREACH ? 0 : err;
}

static int find_host(struct ws_rtnl *nl, int ifindex, const struct address *dst, struct ws_hop *hop)
{
	struct neighbour n = {.ifindex = ifindex, .address = *dst};
	struct route route;
	int err = find_route(nl, ifindex, dst, &route);

	if (err) {
		return err;
	}
	/* older kernels answer with a route of the type unreachable instead of an error */
	if (route.oif != (uint32_t)ifindex ||
		(route.type != RTN_UNICAST && route.type != RTN_BROADCAST)) {
		return -ENETUNREACH;
	}
	put_source(hop, &route);
	if (route.type == RTN_BROADCAST) {
		memset(hop->mac, 0xff, sizeof(hop->mac));
		return 0;
	}
	if (route.gateway.version) {
		hop->has_gateway = true;
		hop->gateway_version = route.gateway.version;
		memcpy(hop->gateway, route.gateway.bytes, sizeof(hop->gateway));
		n.address = route.gateway;
	}
	err = find_neighbour(nl, &n);
	if (!err) {
		memcpy(hop->mac, n.mac, sizeof(hop->mac));
	}
	return err;
}

int ws_neigh_find(
	struct ws_rtnl *nl, int ifindex, unsigned version, const uint8_t *dst, struct ws_hop *ret)
{
	struct address to = {.version = version};
	struct ws_hop hop = {0};
	int err;

	if (version != 4 && version != 6) {
		return -EAFNOSUPPORT;
	}
	if (ifindex <= 0) {
		return -ENODEV;
	}
	memcpy(to.bytes, dst, address_len(version));
	err = get_group_mac(&to, hop.mac) ? find_group(nl, ifindex, &to, &hop)
					  : find_host(nl, ifindex, &to, &hop);
	if (!err || err == -ENOENT || err == -EHOSTUNREACH) {
		*ret = hop;
	}
	return err;
}
