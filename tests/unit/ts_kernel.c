/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/ts_kernel.h"

#include "host/sys.h"
#include "host/uapi.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY	 29
#define PORT	 4711
#define IFINDEX	 7
#define ANOTHER	 8
#define FIRST_FD 50
#define MAX_LEN	 16384
#define ROOM	 2048

struct ts_kernel ts_kernel;

static struct {
	alignas(struct nlmsghdr) char bytes[MAX_LEN];
	size_t len;
} out;

int __wrap_ws_sys_socket(int domain, int type, int protocol);
int __wrap_ws_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_ws_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
ssize_t __wrap_ws_sys_sendto(
	int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen);
ssize_t __wrap_ws_sys_recv(int fd, void *buf, size_t len, int flags);
int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg);
ssize_t __wrap_ws_sys_readlink(const char *path, char *buf, size_t size);
int __wrap_ws_sys_close(int fd);

/* A test's own mistake. */
static void must(bool ok)
{
	if (!ok) {
		abort();
	}
}

int __wrap_ws_sys_socket(int domain, int type, int protocol)
{
	(void)type;
	must(domain == AF_UNIX || protocol == NETLINK_GENERIC);
	if (ts_kernel.no_socket || (domain == AF_NETLINK && ts_kernel.no_netlink)) {
		return ts_kernel.no_socket ? ts_kernel.no_socket : ts_kernel.no_netlink;
	}
	ts_kernel.open++;
	return FIRST_FD + (domain == AF_NETLINK);
}

int __wrap_ws_sys_close(int fd)
{
	must(fd == FIRST_FD || fd == FIRST_FD + 1);
	ts_kernel.open--;
	return 0;
}

int __wrap_ws_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd, (void)level, (void)name, (void)value, (void)len;
	return 0;
}

int __wrap_ws_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd, (void)addr, (void)len;
	return 0;
}

int __wrap_ws_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_pid = PORT};

	(void)fd;
	must(*len >= sizeof(own));
	memcpy(addr, &own, sizeof(own));
	return 0;
}

static struct nlmsghdr *put(const struct nlmsghdr *to, uint16_t type)
{
	struct nlmsghdr *nlh;

	must(out.len + ROOM <= sizeof(out.bytes));
	nlh = mnl_nlmsg_put_header(out.bytes + out.len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = to->nlmsg_seq;
	nlh->nlmsg_pid = PORT;
	return nlh;
}

static void sent(struct nlmsghdr *nlh, unsigned command)
{
	if (ts_kernel.damage && command) {
		ts_kernel.damage(nlh, command);
	}
	out.len += MNL_ALIGN(nlh->nlmsg_len);
}

static void put_end(const struct nlmsghdr *to, int code)
{
	bool dump = (to->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	struct nlmsghdr *nlh = put(to, dump ? NLMSG_DONE : NLMSG_ERROR);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));

	e->error = code;
	sent(nlh, 0);
}

static struct nlmsghdr *put_genl(const struct nlmsghdr *to, uint16_t family, uint8_t command)
{
	struct nlmsghdr *nlh = put(to, family);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	g->cmd = command;
	g->version = 1;
	return nlh;
}

static void put_family(const struct nlmsghdr *to)
{
	struct nlmsghdr *nlh = put_genl(to, GENL_ID_CTRL, CTRL_CMD_NEWFAMILY);
	unsigned last = ts_kernel.before_6_14 ? ETHTOOL_MSG_PSE_SET : 47;
	struct nlattr *list, *op;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	list = mnl_attr_nest_start(nlh, CTRL_ATTR_OPS);
	for (unsigned i = 1; i <= last; i++) {
		op = mnl_attr_nest_start(nlh, (uint16_t)i);
		mnl_attr_put_u32(nlh, CTRL_ATTR_OP_ID, i);
		mnl_attr_put_u32(nlh, CTRL_ATTR_OP_FLAGS, 0xe);
		mnl_attr_nest_end(nlh, op);
	}
	mnl_attr_nest_end(nlh, list);
	sent(nlh, 1000);
}

/* bits: so many there are in the kernel's table of names. */
static void put_bitset(struct nlmsghdr *nlh, uint16_t type, uint32_t set, unsigned bits)
{
	struct nlattr *nest, *list, *bit;
	uint32_t all = bits < 32 ? (UINT32_C(1) << bits) - 1 : UINT32_MAX;

	if (!set) {
		return;
	}
	nest = mnl_attr_nest_start(nlh, type);
	if (!ts_kernel.masked) {
		mnl_attr_put(nlh, ETHTOOL_A_BITSET_NOMASK, 0, NULL);
	}
	mnl_attr_put_u32(nlh, ETHTOOL_A_BITSET_SIZE, bits);
	if (!ts_kernel.verbose) {
		mnl_attr_put_u32(nlh, ETHTOOL_A_BITSET_VALUE, set);
		if (ts_kernel.masked) {
			mnl_attr_put_u32(nlh, ETHTOOL_A_BITSET_MASK, all);
		}
		mnl_attr_nest_end(nlh, nest);
		return;
	}
	list = mnl_attr_nest_start(nlh, ETHTOOL_A_BITSET_BITS);
	for (unsigned i = 0; i < bits; i++) {
		if (!ts_kernel.masked && !(set >> i & 1)) {
			continue;
		}
		bit = mnl_attr_nest_start(nlh, ETHTOOL_A_BITSET_BITS_BIT);
		mnl_attr_put_u32(nlh, ETHTOOL_A_BITSET_BIT_INDEX, i);
		mnl_attr_put_strz(nlh, ETHTOOL_A_BITSET_BIT_NAME, "name");
		if (set >> i & 1 && ts_kernel.masked) {
			mnl_attr_put(nlh, ETHTOOL_A_BITSET_BIT_VALUE, 0, NULL);
		}
		mnl_attr_nest_end(nlh, bit);
	}
	mnl_attr_nest_end(nlh, list);
	mnl_attr_nest_end(nlh, nest);
}

static void put_header(struct nlmsghdr *nlh, uint32_t ifindex)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, ETHTOOL_A_TSINFO_HEADER);

	mnl_attr_put_u32(nlh, ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
	mnl_attr_put_strz(nlh, ETHTOOL_A_HEADER_DEV_NAME, ifindex == IFINDEX ? "eth0" : "eth1");
	mnl_attr_nest_end(nlh, nest);
}

static void put_provider(
	const struct nlmsghdr *to, const struct ws_ts_provider *p, uint32_t ifindex)
{
	struct nlmsghdr *nlh = put_genl(to, FAMILY, ETHTOOL_MSG_TSINFO_GET_REPLY);
	struct nlattr *nest;

	put_header(nlh, ifindex);
	put_bitset(nlh, ETHTOOL_A_TSINFO_TIMESTAMPING, p->flags, p->flags >> 19 ? 32 : 19);
	put_bitset(nlh, ETHTOOL_A_TSINFO_TX_TYPES, p->tx_types, p->tx_types >> 4 ? 21 : 4);
	put_bitset(nlh, ETHTOOL_A_TSINFO_RX_FILTERS, p->rx_filters, p->rx_filters >> 16 ? 32 : 16);
	if (p->phc >= 0) {
		mnl_attr_put_u32(nlh, ETHTOOL_A_TSINFO_PHC_INDEX, (uint32_t)p->phc);
		if (!ts_kernel.before_6_14) {
			nest = mnl_attr_nest_start(nlh, WS_ETHTOOL_A_TSINFO_HWTSTAMP_PROVIDER);
			mnl_attr_put_u32(
				nlh, WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_INDEX, (uint32_t)p->phc);
			mnl_attr_put_u32(
				nlh, WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_QUALIFIER, !p->precise);
			mnl_attr_nest_end(nlh, nest);
		}
		if (!ts_kernel.before_6_14 && !ts_kernel.before_6_16) {
			mnl_attr_put_u32(nlh, WS_ETHTOOL_A_TSINFO_HWTSTAMP_SOURCE, 1u + p->phy);
			if (p->phy) {
				mnl_attr_put_u32(
					nlh, WS_ETHTOOL_A_TSINFO_HWTSTAMP_PHYINDEX, p->phy_index);
			}
		}
	}
	sent(nlh, ETHTOOL_MSG_TSINFO_GET);
}

/* The MAC before the PHYs, whichever is in use; and what older kernels add. */
static void dump_providers(const struct nlmsghdr *to)
{
	const struct ws_ts_caps *card = ts_kernel.card;

	for (unsigned phy = 0; phy < 2; phy++) {
		for (unsigned i = 0; i < card->n; i++) {
			if (card->provider[i].phy == phy) {
				put_provider(to, &card->provider[i], IFINDEX);
			}
			put_provider(to, &card->provider[0], ANOTHER);
		}
	}
	put_end(to, ts_kernel.dump_error);
}

static void put_config(const struct nlmsghdr *to)
{
	const struct ws_ts_config *c = &ts_kernel.card->config;
	struct nlmsghdr *nlh = put_genl(to, FAMILY, WS_ETHTOOL_MSG_TSCONFIG_GET_REPLY);

	put_header(nlh, IFINDEX);
	put_bitset(nlh, WS_ETHTOOL_A_TSCONFIG_HWTSTAMP_FLAGS, (uint32_t)c->flags, 1);
	put_bitset(nlh, WS_ETHTOOL_A_TSCONFIG_TX_TYPES, UINT32_C(1) << c->tx_type, 4);
	put_bitset(nlh, WS_ETHTOOL_A_TSCONFIG_RX_FILTERS, UINT32_C(1) << c->rx_filter, 16);
	sent(nlh, WS_ETHTOOL_MSG_TSCONFIG_GET);
}

/* The question is about eth0, by its number. */
static void check_question(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr, *in;
	uint32_t ifindex = 0, flags = 0;

	mnl_attr_for_each(attr, nlh, GENL_HDRLEN)
	{
		must(mnl_attr_get_type(attr) == ETHTOOL_A_TSINFO_HEADER);
		must(attr->nla_type & NLA_F_NESTED);
		mnl_attr_for_each_nested(in, attr)
		{
			if (mnl_attr_get_type(in) == ETHTOOL_A_HEADER_DEV_INDEX) {
				ifindex = mnl_attr_get_u32(in);
			} else if (mnl_attr_get_type(in) == ETHTOOL_A_HEADER_FLAGS) {
				flags = mnl_attr_get_u32(in);
			}
		}
	}
	must(ifindex == IFINDEX);
	must(flags == ETHTOOL_FLAG_COMPACT_BITSETS);
}

static void answer_ethtool(const struct nlmsghdr *nlh, unsigned command)
{
	const struct ws_ts_caps *card = ts_kernel.card;

	check_question(nlh);
	if (command == ETHTOOL_MSG_TSINFO_GET && nlh->nlmsg_flags & NLM_F_DUMP) {
		ts_kernel.dumps++;
		dump_providers(nlh);
		return;
	}
	if (command == ETHTOOL_MSG_TSINFO_GET) {
		int err = card->known ? ts_kernel.tsinfo_error : card->error;

		if (!err) {
			put_provider(nlh, ts_kernel.in_use ? ts_kernel.in_use : &card->provider[0],
				IFINDEX);
		}
		put_end(nlh, err);
		return;
	}
	must(command == WS_ETHTOOL_MSG_TSCONFIG_GET);
	ts_kernel.configs++;
	if (card->config.known && !ts_kernel.tsconfig_error) {
		put_config(nlh);
	}
	put_end(nlh, card->config.known ? ts_kernel.tsconfig_error : card->config.error);
}

ssize_t __wrap_ws_sys_sendto(
	int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen)
{
	const struct nlmsghdr *nlh = buf;
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(nlh);

	(void)flags, (void)to, (void)tolen;
	must(fd == FIRST_FD + 1 && mnl_nlmsg_ok(nlh, (int)len) && nlh->nlmsg_len == len);
	must(mnl_nlmsg_get_payload_len(nlh) >= sizeof(*g));
	ts_kernel.questions++;
	memset(&out, 0, sizeof(out));
	if (nlh->nlmsg_type == FAMILY) {
		answer_ethtool(nlh, g->cmd);
		return (ssize_t)len;
	}
	if (nlh->nlmsg_type != GENL_ID_CTRL) {
		put_end(nlh, -ENOENT); /* no such family: its number was damaged */
		return (ssize_t)len;
	}
	must(g->cmd == CTRL_CMD_GETFAMILY);
	if (!ts_kernel.no_family) {
		put_family(nlh);
	}
	put_end(nlh, ts_kernel.no_family ? -ENOENT : 0);
	return (ssize_t)len;
}

ssize_t __wrap_ws_sys_recv(int fd, void *buf, size_t len, int flags)
{
	size_t n = out.len;

	(void)flags;
	must(fd == FIRST_FD + 1 && n <= len);
	out.len = 0;
	if (!n) {
		return -ENOBUFS; /* there is nothing more: a damaged answer had no end */
	}
	memcpy(buf, out.bytes, n);
	return (ssize_t)n;
}

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	const struct ws_ts_caps *card = ts_kernel.ioctls ? ts_kernel.ioctls : ts_kernel.card;
	const struct ws_ts_provider *p = &card->provider[0];
	struct ifreq *ifr = arg;
	struct ethtool_ts_info *info;
	struct hwtstamp_config *config;

	must(fd == FIRST_FD && memchr(ifr->ifr_name, 0, IFNAMSIZ));
	if (strcmp(ifr->ifr_name, "eth0") != 0) {
		return -ENODEV;
	}
	switch (request) {
	case SIOCGIFINDEX:
		ifr->ifr_ifindex = IFINDEX;
		return 0;
	case SIOCETHTOOL:
		info = (void *)ifr->ifr_data;
		must(info->cmd == ETHTOOL_GET_TS_INFO);
		info->so_timestamping = p->flags;
		info->phc_index = p->phc;
		info->tx_types = p->tx_types;
		info->rx_filters = p->rx_filters;
		return card->known ? 0 : card->error;
	case SIOCGHWTSTAMP:
		config = (void *)ifr->ifr_data;
		config->flags = card->config.flags;
		config->tx_type = card->config.tx_type;
		config->rx_filter = card->config.rx_filter;
		return card->config.known ? 0 : card->config.error;
	default:
		return -ENOTTY;
	}
}

/* Where the devices of PTP clocks are. */
ssize_t __wrap_ws_sys_readlink(const char *path, char *buf, size_t size)
{
	for (unsigned i = 0; i < ts_kernel.card->n; i++) {
		const struct ws_ts_provider *p = &ts_kernel.card->provider[i];
		char own[64];

		snprintf(own, sizeof(own), "/sys/class/ptp/ptp%d/device/subsystem", p->phc);
		if (strcmp(path, own) == 0) {
			return snprintf(
				buf, size, "../../../../bus/%s", p->phy ? "mdio_bus" : "pci");
		}
	}
	return -ENOENT;
}
