/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/nic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "host/route.h"
#include "host/rtnl.h"
#include "host/sys.h"
#include "host/tsinfo.h"

#define REQUEST_MAX  256
#define LISTED_NAMES 6
#define NAMES_MAX    512

_Static_assert(WS_NIC_NAME_SIZE == ALTIFNAMSIZ, "the longest name that the kernel takes");

static void read_counters(const struct nlattr *attr, struct ws_nic *nic)
{
	struct rtnl_link_stats64 s = {0};
	size_t len = mnl_attr_get_payload_len(attr);

	/* kernels differ in what they append, never in the beginning; only 4-byte aligned */
	if (len < offsetof(struct rtnl_link_stats64, multicast)) {
		return;
	}
	memcpy(&s, mnl_attr_get_payload(attr), len < sizeof(s) ? len : sizeof(s));
	nic->has_counters = true;
	nic->tx_packets = s.tx_packets;
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	struct ws_nic *nic = arg;
	const struct nlattr *attr, *info;
	const struct ifinfomsg *ifi;

	if (!nlh || nlh->nlmsg_type != RTM_NEWLINK) {
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi)) {
		return -EBADMSG;
	}
	ifi = mnl_nlmsg_get_payload(nlh);
	nic->ifindex = ifi->ifi_index;
	nic->type = ifi->ifi_type;
	nic->up = ifi->ifi_flags & IFF_UP;
	/* IFF_RUNNING alone lags behind the carrier: it follows the operational state */
	nic->running = ifi->ifi_flags & IFF_RUNNING && ifi->ifi_flags & IFF_LOWER_UP;
	nic->coming = nic->up && ifi->ifi_flags & IFF_LOWER_UP && !nic->running;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			ws_rtnl_string(attr, nic->name, sizeof(nic->name));
			break;
		case IFLA_MTU:
			ws_rtnl_u32(attr, &nic->mtu);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(nic->mac)) {
				memcpy(nic->mac, mnl_attr_get_payload(attr), sizeof(nic->mac));
			}
			break;
		case IFLA_QDISC:
			ws_rtnl_string(attr, nic->qdisc, sizeof(nic->qdisc));
			break;
		case IFLA_STATS64:
			read_counters(attr, nic);
			break;
		case IFLA_LINKINFO:
			mnl_attr_for_each_nested(info, attr)
			{
				if (mnl_attr_get_type(info) == IFLA_INFO_KIND) {
					ws_rtnl_string(info, nic->kind, sizeof(nic->kind));
				}
			}
			break;
		}
	}
	return 0;
}

static int on_address(const struct nlmsghdr *nlh, void *arg)
{
	struct ws_nic *nic = arg;
	const struct ifaddrmsg *ifa;
	const struct nlattr *attr;
	uint32_t any = 0;

	if (!nlh) {
		nic->has_ipv4 = false;
		return 0;
	}
	ifa = mnl_nlmsg_get_payload(nlh);
	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
		ifa->ifa_family != AF_INET || (int)ifa->ifa_index != nic->ifindex ||
		nic->has_ipv4) {
		return 0;
	}
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
	{
		unsigned type = mnl_attr_get_type(attr);

		/* on a point-to-point link IFA_ADDRESS is the other end's */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !nic->has_ipv4)) {
			nic->has_ipv4 = ws_rtnl_u32(attr, &any);
			nic->ipv4 = ntohl(any);
		}
	}
	return 0;
}

/* By index, or by name if that is 0. name_type: IFLA_IFNAME or IFLA_ALT_IFNAME. */
static int get_link(
	struct ws_rtnl *nl, int ifindex, const char *name, uint16_t name_type, struct ws_nic *nic)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	if (!ifindex) {
		mnl_attr_put_strz(nlh, name_type, name);
	}
	return ws_rtnl_talk(nl, nlh, on_link, nic);
}

/* IFLA_IFNAME finds alternative names too, but only those that would fit a name. */
static int find_link(struct ws_rtnl *nl, const char *name, struct ws_nic *nic)
{
	int err = -ENODEV;

	if (strlen(name) < IFNAMSIZ) {
		err = get_link(nl, 0, name, IFLA_IFNAME, nic);
	}
	if (err == -ENODEV) {
		err = get_link(nl, 0, name, IFLA_ALT_IFNAME, nic);
	}
	return !err && !nic->ifindex ? -ENODEV : err;
}

/* ethtool's ioctl is answered on any socket, and in that socket's namespace. */
static int ethtool(const struct ws_rtnl *nl, const char *name, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	memcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	return ws_sys_ioctl(nl->fd, SIOCETHTOOL, &ifr);
}

static uint64_t link_speed(const struct ws_rtnl *nl, const char *name)
{
	/* three bit maps follow the header; the kernel counts their words in a signed byte */
	alignas(struct ethtool_link_settings) char
		buf[sizeof(struct ethtool_link_settings) + 3 * 127 * sizeof(uint32_t)] = {0};
	struct ethtool_link_settings *s = (struct ethtool_link_settings *)buf;
	int words;

	/* linux/ethtool.h: asked with 0 words, the kernel answers with minus the number it needs */
	s->cmd = ETHTOOL_GLINKSETTINGS;
	if (ethtool(nl, name, s) < 0 || s->link_mode_masks_nwords >= 0) {
		return 0;
	}
	words = -s->link_mode_masks_nwords;
	memset(buf, 0, sizeof(buf));
	s->cmd = ETHTOOL_GLINKSETTINGS;
	s->link_mode_masks_nwords = (int8_t)words;
	if (words > 127 || ethtool(nl, name, s) < 0 || s->link_mode_masks_nwords != words ||
		s->speed == (uint32_t)SPEED_UNKNOWN) {
		return 0;
	}
	return s->speed * UINT64_C(1000000);
}

static void get_ethtool_facts(const struct ws_rtnl *nl, struct ws_nic *nic)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ws_ts_provider ts;

	if (ethtool(nl, nic->name, &driver) == 0) {
		snprintf(nic->driver, sizeof(nic->driver), "%.*s", (int)sizeof(driver.driver) - 1,
			driver.driver);
	}
	nic->link_bps = link_speed(nl, nic->name);
	if (ws_tsinfo_ioctl(nl->fd, nic->name, &ts) == 0) {
		nic->ts_known = true;
		nic->ts_tx_software = ts.flags & SOF_TIMESTAMPING_TX_SOFTWARE;
		nic->ts_rx_software = ts.flags & SOF_TIMESTAMPING_RX_SOFTWARE;
		nic->ts_tx_hardware = ts.flags & SOF_TIMESTAMPING_TX_HARDWARE;
		nic->ts_rx_hardware = ts.flags & SOF_TIMESTAMPING_RX_HARDWARE;
		nic->phc = ts.phc;
	}
}

int ws_nic_get(const char *name, struct ws_nic *ret)
{
	struct ws_nic nic = {.phc = -1};
	struct ws_rtnl nl;
	int err;

	if (!*name || strlen(name) >= WS_NIC_NAME_SIZE) {
		return -ENODEV;
	}
	err = ws_rtnl_open(&nl, 0);
	if (err) {
		return err;
	}
	err = find_link(&nl, name, &nic);
	if (!err) {
		get_ethtool_facts(&nl, &nic);
		if (ws_rtnl_dump(&nl, RTM_GETADDR, AF_INET, on_address, &nic)) {
			nic.has_ipv4 = false;
		}
		nic.default_route = ws_route_default(&nl, nic.ifindex);
		*ret = nic;
	}
	ws_rtnl_close(&nl);
	return err;
}

int ws_nic_refresh(int ifindex, struct ws_nic *nic)
{
	struct ws_nic now = {0};
	struct ws_rtnl nl;
	int err;

	if (ifindex <= 0) {
		return -ENODEV;
	}
	err = ws_rtnl_open(&nl, 0);
	if (err) {
		return err;
	}
	err = get_link(&nl, ifindex, NULL, 0, &now);
	ws_rtnl_close(&nl);
	if (!err) {
		nic->up = now.up;
		nic->running = now.running;
		nic->coming = now.coming;
		nic->has_counters = now.has_counters;
		nic->tx_packets = now.tx_packets;
	}
	return err;
}

int ws_nic_split(const char *text, char ret_name[WS_NIC_NAME_SIZE], const char **ret_netns)
{
	const char *at = strchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);

	if (len == 0 || len >= WS_NIC_NAME_SIZE || (at && !at[1])) {
		return -EINVAL;
	}
	memcpy(ret_name, text, len);
	ret_name[len] = '\0';
	*ret_netns = at ? at + 1 : NULL;
	return 0;
}

/* Appends as much as there is room for. */
__attribute__((format(printf, 3, 4))) static void append(
	char *buf, size_t size, const char *format, ...)
{
	size_t have = strlen(buf);
	va_list args;

	va_start(args, format);
	vsnprintf(buf + have, size - have, format, args);
	va_end(args);
}

static bool is_name(const char *text, size_t len, const char (*names)[IFNAMSIZ], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i]) == len && strncmp(names[i], text, len) == 0) {
			return true;
		}
	}
	return false;
}

/*
 * What `ip link` prints after the @: the other end's name, or "if" and its index in another
 * namespace.
 */
static bool is_other_end(const char *text, const char (*names)[IFNAMSIZ], size_t count)
{
	size_t len = strcspn(text, ":");

	return strcmp(text, "NONE") == 0 || is_name(text, len, names, count) ||
	       (strncmp(text, "if", 2) == 0 && len > 2 &&
		       strspn(text + 2, "0123456789") == len - 2);
}

void ws_nic_hint_from(
	const char *text, const char (*names)[IFNAMSIZ], size_t count, char *buf, size_t size)
{
	size_t len = strcspn(text, "@:");
	size_t i;

	if (!size) {
		return;
	}
	buf[0] = '\0';
	if (is_name(text, len, names, count)) {
		append(buf, size, "did you mean %.*s?", (int)len, text);
		if (text[len] == '@' && is_other_end(text + len + 1, names, count)) {
			append(buf, size, " `ip link` prints its other end after the @");
		} else if (text[len] == '@') {
			append(buf, size,
				" it is in this namespace, and `ip netns` lists the named ones");
		}
		return;
	}
	for (i = 0; i < count; i++) {
		if (strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0) {
			append(buf, size, "did you mean %s?", names[i]);
			return;
		}
	}
	for (i = 0; i < count && i < LISTED_NAMES; i++) {
		append(buf, size, "%s%s", i ? ", " : "there are: ", names[i]);
	}
	if (count > LISTED_NAMES) {
		append(buf, size, " and %zu more", count - LISTED_NAMES);
	}
}

struct name_list {
	char (*name)[IFNAMSIZ];
	size_t max, count;
};

static int on_name(const struct nlmsghdr *nlh, void *arg)
{
	struct name_list *list = arg;
	const struct nlattr *attr;

	if (!nlh) {
		list->count = 0;
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWLINK ||
		mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg)) {
		return 0;
	}
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME) {
			if (list->count < list->max) {
				ws_rtnl_string(attr, list->name[list->count], IFNAMSIZ);
			}
			list->count++;
			break;
		}
	}
	return 0;
}

int ws_nic_list(char (*names)[IFNAMSIZ], size_t max)
{
	struct name_list list = {.name = names, .max = max};
	struct ws_rtnl nl;
	int err = ws_rtnl_open(&nl, 0);

	if (err) {
		return err;
	}
	err = ws_rtnl_dump(&nl, RTM_GETLINK, AF_UNSPEC, on_name, &list);
	ws_rtnl_close(&nl);
	return err ? err : (int)list.count;
}

void ws_nic_hint(const char *text, char *buf, size_t size)
{
	char names[NAMES_MAX][IFNAMSIZ];
	int n = ws_nic_list(names, NAMES_MAX);

	n = n < 0 ? 0 : n > NAMES_MAX ? NAMES_MAX : n;
	ws_nic_hint_from(text, names, (size_t)n, buf, size);
}
