/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/tsinfo.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "host/genl.h"
#include "host/restore.h"
#include "host/sys.h"
#include "host/uapi.h"

#define REQUEST_MAX 256
#define WORD_BITS   32

/* The two ways to ask, and what about. */
struct look {
	const char *name;
	uint32_t ifindex;
	int fd; /* any socket, for ioctls */
	struct ws_rtnl nl;
	struct ws_genl_family ethtool;
};

/* What a PHY registers is a child of an MDIO bus, whatever the kernel's age. */
static bool is_clock_of_phy(int phc)
{
	char path[64], to[256];
	const char *last;

	snprintf(path, sizeof(path), "/sys/class/ptp/ptp%d/device/subsystem", phc);
	if (ws_sys_readlink(path, to, sizeof(to)) < 0) {
		return false;
	}
	last = strrchr(to, '/');
	return strcmp(last ? last + 1 : to, "mdio_bus") == 0;
}

int ws_tsinfo_ioctl(int fd, const char *name, struct ws_ts_provider *ret)
{
	struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
	struct ifreq ifr = {.ifr_data = (void *)&info};
	int err;

	if (strlen(name) >= sizeof(ifr.ifr_name)) {
		return -ENODEV;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	err = ws_sys_ioctl(fd, SIOCETHTOOL, &ifr);
	if (err < 0) {
		return err;
	}
	*ret = (struct ws_ts_provider){
		.precise = true,
		.in_use = true,
		.phc = info.phc_index < 0 ? -1 : info.phc_index,
		.flags = info.so_timestamping,
		.tx_types = info.tx_types,
		.rx_filters = info.rx_filters,
	};
	return 0;
}

/* A list of bits by number: each is set by being there, unless there is a mask, too. */
static bool read_bits(const struct nlattr *list, bool by_value, uint32_t *ret)
{
	const struct nlattr *bit, *none[1], *of[ETHTOOL_A_BITSET_BIT_VALUE + 1];
	uint32_t n = 0;

	if (!ws_genl_parse_nested(list, none, 0)) {
		return false;
	}
	mnl_attr_for_each_nested(bit, list)
	{
		if (mnl_attr_get_type(bit) != ETHTOOL_A_BITSET_BITS_BIT ||
			!ws_genl_parse_nested(bit, of, ETHTOOL_A_BITSET_BIT_VALUE) ||
			!of[ETHTOOL_A_BITSET_BIT_INDEX] ||
			!ws_rtnl_u32(of[ETHTOOL_A_BITSET_BIT_INDEX], &n)) {
			return false;
		}
		if (n < WORD_BITS && (!by_value || of[ETHTOOL_A_BITSET_BIT_VALUE])) {
			*ret |= UINT32_C(1) << n;
		}
	}
	return true;
}

/* The first 32 bits of a set: there are no more yet, and the ioctl has no room for more. */
static bool read_bitset(const struct nlattr *attr, uint32_t *ret)
{
	const struct nlattr *of[ETHTOOL_A_BITSET_MASK + 1];
	const struct nlattr *value;
	uint32_t bits = 0;

	*ret = 0;
	if (!attr) {
		return true; /* an empty one is left out */
	}
	if (!ws_genl_parse_nested(attr, of, ETHTOOL_A_BITSET_MASK)) {
		return false;
	}
	if (of[ETHTOOL_A_BITSET_BITS]) {
		return read_bits(of[ETHTOOL_A_BITSET_BITS], !of[ETHTOOL_A_BITSET_NOMASK], ret);
	}
	value = of[ETHTOOL_A_BITSET_VALUE];
	if (!value || !of[ETHTOOL_A_BITSET_SIZE] ||
		!ws_rtnl_u32(of[ETHTOOL_A_BITSET_SIZE], &bits) ||
		mnl_attr_get_payload_len(value) !=
			(bits / WORD_BITS + !!(bits % WORD_BITS)) * sizeof(uint32_t)) {
		return false;
	}
	if (bits) {
		ws_rtnl_u32(value, ret);
	}
	return bits >= WORD_BITS || !(*ret >> bits);
}

static bool read_number(const struct nlattr *attr, uint32_t *ret)
{
	return !attr || ws_rtnl_u32(attr, ret);
}

/* Of which interface an answer is; kernels before 6.14 give all of them to a question about one. */
static bool read_header(const struct nlattr *attr, uint32_t *ret_ifindex)
{
	const struct nlattr *of[ETHTOOL_A_HEADER_DEV_INDEX + 1];

	return attr && ws_genl_parse_nested(attr, of, ETHTOOL_A_HEADER_DEV_INDEX) &&
	       of[ETHTOOL_A_HEADER_DEV_INDEX] &&
	       ws_rtnl_u32(of[ETHTOOL_A_HEADER_DEV_INDEX], ret_ifindex);
}

static bool read_qualifier(const struct nlattr *attr, struct ws_ts_provider *p)
{
	const struct nlattr *of[WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_QUALIFIER + 1];
	uint32_t qualifier = 0;

	if (attr && (!ws_genl_parse_nested(attr, of, WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_QUALIFIER) ||
			    !read_number(
				    of[WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_QUALIFIER], &qualifier))) {
		return false;
	}
	p->precise = qualifier != WS_HWTSTAMP_PROVIDER_QUALIFIER_APPROX;
	return true;
}

/* *p is written if the answer is whole. */
static bool read_provider(const struct nlattr *const *attrs, struct ws_ts_provider *p)
{
	struct ws_ts_provider got = {.phc = -1};
	uint32_t phc = UINT32_MAX, source = 0;

	if (!read_bitset(attrs[ETHTOOL_A_TSINFO_TIMESTAMPING], &got.flags) ||
		!read_bitset(attrs[ETHTOOL_A_TSINFO_TX_TYPES], &got.tx_types) ||
		!read_bitset(attrs[ETHTOOL_A_TSINFO_RX_FILTERS], &got.rx_filters) ||
		!read_qualifier(attrs[WS_ETHTOOL_A_TSINFO_HWTSTAMP_PROVIDER], &got) ||
		!read_number(attrs[ETHTOOL_A_TSINFO_PHC_INDEX], &phc) ||
		!read_number(attrs[WS_ETHTOOL_A_TSINFO_HWTSTAMP_SOURCE], &source) ||
		!read_number(attrs[WS_ETHTOOL_A_TSINFO_HWTSTAMP_PHYINDEX], &got.phy_index)) {
		return false;
	}
	got.phc = phc > INT32_MAX ? -1 : (int)phc;
	got.has_phy_index = attrs[WS_ETHTOOL_A_TSINFO_HWTSTAMP_PHYINDEX];
	/* Kernels before 6.16 do not say. */
	got.phy = source ? source == WS_HWTSTAMP_SOURCE_PHYLIB
			 : got.phc >= 0 && is_clock_of_phy(got.phc);
	*p = got;
	return true;
}

/* Whether the dump lists again what is in use. Without a clock there is nothing but what it can do. */
static bool is_same(const struct ws_ts_provider *a, const struct ws_ts_provider *b)
{
	if (a->phc != b->phc || a->precise != b->precise) {
		return false;
	}
	return a->phc >= 0 || (a->flags == b->flags && a->tx_types == b->tx_types &&
				      a->rx_filters == b->rx_filters);
}

struct providers {
	uint32_t ifindex;
	bool dump;
	unsigned first; /* there are so many without those of the dump */
	unsigned n;
	struct ws_ts_provider list[WS_TS_PROVIDERS];
};

static int on_tsinfo(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attrs[WS_ETHTOOL_A_TSINFO_HWTSTAMP_PHYINDEX + 1];
	struct ws_ts_provider got;
	struct providers *p = arg;
	uint32_t ifindex = 0;
	uint8_t command;

	if (!nlh) {
		p->n = p->first;
		return 0;
	}
	if (!ws_genl_parse(nlh, &command, attrs, WS_ETHTOOL_A_TSINFO_HWTSTAMP_PHYINDEX)) {
		return -EBADMSG;
	}
	if (command != ETHTOOL_MSG_TSINFO_GET_REPLY) {
		return 0;
	}
	if (!read_header(attrs[ETHTOOL_A_TSINFO_HEADER], &ifindex)) {
		return -EBADMSG;
	}
	if (ifindex != p->ifindex) {
		return 0;
	}
	if (!read_provider(attrs, &got)) {
		return -EBADMSG;
	}
	if ((p->first && is_same(&p->list[0], &got)) || p->n == WS_TS_PROVIDERS) {
		return 0;
	}
	p->list[p->n++] = got;
	return 0;
}

/* A question about one interface. */
static struct nlmsghdr *begin(void *buf, const struct look *l, uint8_t command, uint16_t header)
{
	struct nlmsghdr *nlh = ws_genl_begin(buf, &l->ethtool, command);
	struct nlattr *nest = mnl_attr_nest_start(nlh, header);

	mnl_attr_put_u32(nlh, ETHTOOL_A_HEADER_DEV_INDEX, l->ifindex);
	mnl_attr_put_u32(nlh, ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static int ask_tsinfo(struct look *l, uint16_t flags, struct providers *p)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = begin(buf, l, ETHTOOL_MSG_TSINFO_GET, ETHTOOL_A_TSINFO_HEADER);

	nlh->nlmsg_flags |= flags;
	return ws_rtnl_talk(&l->nl, nlh, on_tsinfo, p);
}

/* 0 and what was found, or -errno. */
static int get_by_netlink(struct look *l, struct ws_ts_caps *ret)
{
	struct providers p = {.ifindex = l->ifindex};
	bool lists = l->ethtool.commands >> WS_ETHTOOL_MSG_TSCONFIG_GET & 1;
	int err;

	/* The one in use is what is told without a dump. */
	err = ask_tsinfo(l, 0, &p);
	if (err || p.n != 1) {
		return err ? err : -EBADMSG;
	}
	p.list[0].in_use = true;
	p.first = 1;
	if (lists && ask_tsinfo(l, NLM_F_DUMP, &p)) {
		lists = false;
		p.n = 1;
	}
	ret->known = true;
	ret->netlink = lists;
	ret->n = p.n;
	memcpy(ret->provider, p.list, sizeof(ret->provider));
	return 0;
}

/* The number of the one bit that is set. */
static bool read_choice(const struct nlattr *attr, int *ret)
{
	uint32_t set;

	if (!attr || !read_bitset(attr, &set) || !set || set & (set - 1)) {
		return false;
	}
	*ret = __builtin_ctz(set);
	return true;
}

struct config_answer {
	uint32_t ifindex;
	struct ws_ts_config config;
};

static int on_tsconfig(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attrs[WS_ETHTOOL_A_TSCONFIG_HWTSTAMP_FLAGS + 1];
	struct config_answer *a = arg;
	struct ws_ts_config got = {.known = true};
	uint32_t flags, ifindex = 0;
	uint8_t command;

	if (!nlh) {
		a->config.known = false;
		return 0;
	}
	if (!ws_genl_parse(nlh, &command, attrs, WS_ETHTOOL_A_TSCONFIG_HWTSTAMP_FLAGS)) {
		return -EBADMSG;
	}
	if (command != WS_ETHTOOL_MSG_TSCONFIG_GET_REPLY) {
		return 0;
	}
	if (!read_header(attrs[WS_ETHTOOL_A_TSCONFIG_HEADER], &ifindex) ||
		!read_choice(attrs[WS_ETHTOOL_A_TSCONFIG_TX_TYPES], &got.tx_type) ||
		!read_choice(attrs[WS_ETHTOOL_A_TSCONFIG_RX_FILTERS], &got.rx_filter) ||
		!read_bitset(attrs[WS_ETHTOOL_A_TSCONFIG_HWTSTAMP_FLAGS], &flags)) {
		return -EBADMSG;
	}
	got.flags = (int)flags;
	if (ifindex == a->ifindex) {
		a->config = got;
	}
	return 0;
}

static bool get_config_by_netlink(struct look *l, struct ws_ts_config *ret)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct config_answer a = {.ifindex = l->ifindex};
	struct nlmsghdr *nlh;

	if (!(l->ethtool.commands >> WS_ETHTOOL_MSG_TSCONFIG_GET & 1)) {
		return false;
	}
	nlh = begin(buf, l, WS_ETHTOOL_MSG_TSCONFIG_GET, WS_ETHTOOL_A_TSCONFIG_HEADER);
	if (ws_rtnl_talk(&l->nl, nlh, on_tsconfig, &a) || !a.config.known) {
		return false;
	}
	*ret = a.config;
	return true;
}

/*
 * Netlink tells the configuration only of drivers with the newer operations, and of no card without a clock: its errors,
 * -ENODEV among them, say nothing of the card, so that the ioctl's is kept.
 */
static void get_config(struct look *l, struct ws_ts_config *ret)
{
	struct ws_restore_hwtstamp now = {0};

	*ret = (struct ws_ts_config){0};
	if (get_config_by_netlink(l, ret)) {
		return;
	}
	ret->error = ws_restore_hwtstamp_get(l->fd, l->name, &now);
	if (!ret->error) {
		ret->known = true;
		ret->flags = now.flags;
		ret->tx_type = now.tx_type;
		ret->rx_filter = now.rx_filter;
	}
}

static void get(struct look *l, struct ws_ts_caps *ret)
{
	int err = ws_genl_open(&l->nl);

	if (err) {
		l->nl.fd = -1;
	} else {
		err = ws_genl_find(&l->nl, ETHTOOL_GENL_NAME, &l->ethtool);
	}
	if (!err) {
		err = get_by_netlink(l, ret);
	}
	if (err) {
		err = ws_tsinfo_ioctl(l->fd, l->name, &ret->provider[0]);
		if (!err) {
			struct ws_ts_provider *p = &ret->provider[0];

			p->phy = p->phc >= 0 && is_clock_of_phy(p->phc);
			ret->known = true;
			ret->n = 1;
		}
		ret->error = err;
	}
	get_config(l, &ret->config);
	ws_rtnl_close(&l->nl);
}

int ws_tsinfo_get(const char *name, struct ws_ts_caps *ret)
{
	struct look l = {.name = name, .nl = {.fd = -1}};
	struct ifreq ifr = {0};
	int err;

	*ret = (struct ws_ts_caps){.error = -ENODEV, .config = {.error = -ENODEV}};
	if (!*name || strlen(name) >= sizeof(ifr.ifr_name)) {
		return -ENODEV;
	}
	l.fd = ws_sys_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (l.fd < 0) {
		ret->error = ret->config.error = l.fd;
		return 0;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	err = ws_sys_ioctl(l.fd, SIOCGIFINDEX, &ifr);
	if (err >= 0) {
		l.ifindex = (uint32_t)ifr.ifr_ifindex;
		ret->error = 0;
		get(&l, ret);
	} else {
		ret->error = ret->config.error = err;
	}
	ws_sys_close(l.fd);
	return err == -ENODEV ? -ENODEV : 0;
}
