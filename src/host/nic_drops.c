/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/nic_drops.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/rtnl.h"
#include "host/sys.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define REQUEST_MAX 256
#define STATS_MAX   65536 /* real drivers have up to some thousands */
#define STATS_SPARE 64	  /* as many may come up while they are read */

/*
 * Where a packet was lost. Counters of one class are names, levels or copies of one loss, so that
 * the largest of them counts; the classes are different losses, and add up.
 */
enum class {
	CLASS_HOST,  /* the NIC was full because the host did not take packets */
	CLASS_QUEUE, /* one queue had no descriptors, while the NIC was set to drop at once then */
	CLASS_PORT,  /* the port's own buffer was full */
	CLASSES,
};

/*
 * The counters of those that lose packets so; others of similar names are events that need not be
 * losses (rx_no_buffer_count: the NIC's memory may still have had room) or losses for other reasons.
 */
static const struct counter {
	const char *name; /* '*' stands for a number: of queues or priorities, which add up */
	enum class class;
} counters[] = {
	{"rx_missed_errors", CLASS_HOST},      /* Intel and others: what netlink has, too */
	{"rx_missed", CLASS_HOST},	       /* r8169 */
	{"rx_out_of_buffer", CLASS_HOST},      /* mlx5: in netlink's rx_missed_errors since 6.x */
	{"port.rx_dropped", CLASS_HOST},       /* i40e */
	{"rx_dropped.nic", CLASS_HOST},	       /* ice */
	{"rx_discards", CLASS_HOST},	       /* tg3 */
	{"rx_total_discard_pkts", CLASS_HOST}, /* bnxt */
	{"rx_brb_discard", CLASS_HOST},	       /* bnx2x */
	{"no_buff_discards", CLASS_HOST},      /* qede */
	{"rx_nodesc_drop_cnt", CLASS_HOST},    /* sfc */
	{"port_rx_nodesc_drops", CLASS_HOST}, {"rx_no_bufs", CLASS_HOST}, /* enic */
	{"rx_drops", CLASS_HOST},					  /* ena */
	{"pkts rx OOB", CLASS_HOST},	      /* vmxnet3: for each queue under the same name */
	{"mmc_rx_fifo_overflow", CLASS_HOST}, /* stmmac */
	{"rx_fifo_errors", CLASS_QUEUE},      /* igb, igc: the sum of the next ones */
	{"rx_queue_*_drops", CLASS_QUEUE},    /* igb, igc; virtio: by the driver */
	{"rx_no_dma_resources", CLASS_QUEUE}, /* ixgbe */
	{"rx_discards_phy", CLASS_PORT},      /* mlx5 */
	{"rx_prio*_discards", CLASS_PORT},    /* mlx5: parts of the same */
};

/* Of struct rtnl_link_stats64, for drivers that have no statistics of their own. */
enum { LINK_MISSED, LINK_FIFO, LINK_OVER, LINK_COUNTERS };

static const struct counter link_counters[LINK_COUNTERS] = {
	[LINK_MISSED] = {"rx_missed_errors", CLASS_HOST},
	[LINK_FIFO] = {"rx_fifo_errors", CLASS_QUEUE},
	/* "did not fit into buffers provided by the host" in linux/if_link.h; events with some */
	[LINK_OVER] = {"rx_over_errors", CLASS_HOST},
};

struct link {
	int ifindex;
	char name[IFNAMSIZ]; /* never an alternative one */
	bool has_kind;
	uint64_t counters[LINK_COUNTERS];
};

static void read_counters(const struct nlattr *attr, struct link *link)
{
	struct rtnl_link_stats64 s = {0};
	size_t len = mnl_attr_get_payload_len(attr);

	/* only 4-byte aligned */
	memcpy(&s, mnl_attr_get_payload(attr), len < sizeof(s) ? len : sizeof(s));
	link->counters[LINK_MISSED] = s.rx_missed_errors;
	link->counters[LINK_FIFO] = s.rx_fifo_errors;
	link->counters[LINK_OVER] = s.rx_over_errors;
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	struct link *link = arg;
	const struct nlattr *attr, *info;
	const struct ifinfomsg *ifi;

	if (!nlh || nlh->nlmsg_type != RTM_NEWLINK) {
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi)) {
		return -EBADMSG;
	}
	ifi = mnl_nlmsg_get_payload(nlh);
	link->ifindex = ifi->ifi_index;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			snprintf(link->name, sizeof(link->name), "%.*s",
				(int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
			break;
		case IFLA_STATS64:
			read_counters(attr, link);
			break;
		case IFLA_LINKINFO:
			mnl_attr_for_each_nested(info, attr)
			{
				link->has_kind |= mnl_attr_get_type(info) == IFLA_INFO_KIND;
			}
			break;
		}
	}
	return 0;
}

static int get_link(struct ws_rtnl *nl, uint16_t name_type, const char *name, struct link *link)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(nlh, name_type, name);
	return ws_rtnl_talk(nl, nlh, on_link, link);
}

/* IFLA_IFNAME finds alternative names too, but only those that would fit a name. */
static int find_link(struct ws_rtnl *nl, const char *name, struct link *link)
{
	int err = -ENODEV;

	if (!*name || strlen(name) >= ALTIFNAMSIZ) {
		return -ENODEV;
	}
	if (strlen(name) < IFNAMSIZ) {
		err = get_link(nl, IFLA_IFNAME, name, link);
	}
	if (err == -ENODEV) {
		err = get_link(nl, IFLA_ALT_IFNAME, name, link);
	}
	return !err && !link->ifindex ? -ENODEV : err;
}

static int ethtool(const struct ws_rtnl *nl, const char *name, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	memcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	return ws_sys_ioctl(nl->fd, SIOCETHTOOL, &ifr);
}

/* The driver's own statistics; n is 0 if it has none. */
struct statistics {
	struct ethtool_gstrings *names;
	struct ethtool_stats *values;
	uint32_t n;
};

static uint32_t count_statistics(const struct ws_rtnl *nl, const char *name)
{
	/* one number follows the header for each set that was asked for */
	alignas(struct ethtool_sset_info) char
		buf[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)] = {0};
	struct ethtool_sset_info *info = (struct ethtool_sset_info *)buf;

	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1u << ETH_SS_STATS;
	if (ethtool(nl, name, info) < 0 || !info->sset_mask || info->data[0] > STATS_MAX) {
		return 0;
	}
	return info->data[0];
}

/*
 * The kernel writes as many as there are, not as many as it is asked for: a queue that is added in
 * between must not matter. Returns 0 or -ENOMEM.
 */
static int get_statistics(const struct ws_rtnl *nl, const char *name, struct statistics *s)
{
	uint32_t n = count_statistics(nl, name);
	size_t room = 2 * (size_t)n + STATS_SPARE;

	if (!n) {
		return 0;
	}
	s->names = calloc(1, sizeof(*s->names) + room * ETH_GSTRING_LEN);
	s->values = calloc(1, sizeof(*s->values) + room * sizeof(uint64_t));
	if (!s->names || !s->values) {
		return -ENOMEM;
	}
	s->names->cmd = ETHTOOL_GSTRINGS;
	s->names->string_set = ETH_SS_STATS;
	s->names->len = n;
	s->values->cmd = ETHTOOL_GSTATS;
	s->values->n_stats = n;
	if (ethtool(nl, name, s->names) == 0 && ethtool(nl, name, s->values) == 0 &&
		s->names->len == n && s->values->n_stats == n) {
		s->n = n;
	}
	return 0;
}

/* Whether a name of at most ETH_GSTRING_LEN bytes is that of the counter. */
static bool is_counter(const uint8_t *text, const char *name)
{
	const uint8_t *end = text + strnlen((const char *)text, ETH_GSTRING_LEN);

	while (text < end && *text == ' ') {
		text++;
	}
	for (; *name; name++) {
		if (*name != '*') {
			if (text == end || *text++ != (uint8_t)*name) {
				return false;
			}
			continue;
		}
		if (text == end || *text < '0' || *text > '9') {
			return false;
		}
		while (text < end && *text >= '0' && *text <= '9') {
			text++;
		}
	}
	return text == end;
}

struct sum {
	uint64_t largest[CLASSES];
	const char *name[CLASSES]; /* of the largest; NULL: there is none */
	bool own[CLASSES];	   /* from the driver's own statistics */
};

static void take(struct sum *sum, const struct counter *c, uint64_t value, bool own)
{
	if (!sum->name[c->class] || value > sum->largest[c->class]) {
		sum->largest[c->class] = value;
		sum->name[c->class] = c->name;
		sum->own[c->class] = own;
	}
}

static void sum_up(struct sum *sum, const struct link *link, const struct statistics *s)
{
	for (size_t i = 0; i < COUNT(link_counters); i++) {
		/* 0 is also what drivers say that do not count it */
		if (link->counters[i]) {
			take(sum, &link_counters[i], link->counters[i], false);
		}
	}
	for (size_t i = 0; i < COUNT(counters); i++) {
		bool found = false;
		uint64_t value = 0;

		for (uint32_t k = 0; k < s->n; k++) {
			if (is_counter(s->names->data + k * ETH_GSTRING_LEN, counters[i].name)) {
				found = true;
				value += s->values->data[k];
			}
		}
		if (found) {
			take(sum, &counters[i], value, true);
		}
	}
}

static void tell(const struct sum *sum, struct ws_nic_drops *ret)
{
	size_t len = 0;

	for (unsigned i = 0; i < CLASSES; i++) {
		if (!sum->name[i]) {
			continue;
		}
		len += (size_t)snprintf(ret->source + len, sizeof(ret->source) - len, "%s%s%s",
			ret->known ? ", " : "", sum->own[i] ? "ethtool " : "", sum->name[i]);
		ret->known = true;
		ret->count += sum->largest[i];
	}
}

int ws_nic_drops_get(const char *name, struct ws_nic_drops *ret)
{
	struct statistics s = {.n = 0};
	struct ws_nic_drops drops = {.known = false};
	struct link link = {.ifindex = 0};
	struct sum sum = {.largest = {0}};
	struct ws_rtnl nl;
	int err;

	err = ws_rtnl_open(&nl, 0);
	if (err) {
		return err;
	}
	err = find_link(&nl, name, &link);
	/* What has a kind is made of software: what it drops, the kernel has seen. */
	if (!err && !link.has_kind) {
		err = get_statistics(&nl, link.name, &s);
		if (!err) {
			sum_up(&sum, &link, &s);
			tell(&sum, &drops);
		}
	}
	if (!err) {
		*ret = drops;
	}
	free(s.names);
	free(s.values);
	ws_rtnl_close(&nl);
	return err;
}
