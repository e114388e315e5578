/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/qdisc.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "host/rtnl.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define REQUEST_MAX 64
#define SEPARATOR   ", "
#define MORE	    SEPARATOR "..."
#define BASIC_SIZE  (sizeof(uint64_t) + sizeof(uint32_t)) /* what there is in it, without padding */
/* Of pkt_sched.h, but the headers of the oldest system that this builds on have no such line. */
#define STATS_PKT64 8 /* TCA_STATS_PKT64, Linux 5.5 */

/* They share the link among packets, and at most drop some to keep queues short. */
static const char *const sharing[] = {"noqueue", "pfifo_fast", "pfifo", "bfifo", "pfifo_head_drop",
	"mq", "multiq", "fq", "fq_codel", "fq_pie", "codel", "pie", "sfq", "red", "gred", "choke",
	"sfb", "hhf"};

/* A leaf for each of the device's queues; what arrives is theirs, and so are the counts. */
static const char *const spreading[] = {"mq", "mqprio", "multiq"};

/* What a host has if nobody has chosen anything, on its own and below mq. */
static const char *const bypassable[] = {"noqueue", "pfifo_fast", "mq", "fq_codel", "fq"};

struct look {
	int ifindex;
	struct ws_qdisc_facts facts;
	bool has_root;
	uint32_t handle;	  /* of the root */
	unsigned direct, etf, fq; /* leaves right below the root; of these */
	bool early;		  /* something came before the root, which the kernel never does */
};

static bool is_among(const char *kind, size_t len, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == len && memcmp(kind, list[i], len) == 0) {
			return true;
		}
	}
	return false;
}

/* The next kind of a list of leaves, or NULL at its end; *at begins as the list. */
static const char *next_kind(const char **at, size_t *ret_len)
{
	const char *kind = *at;

	*ret_len = strcspn(kind, SEPARATOR);
	*at = kind + *ret_len;
	*at += strspn(*at, SEPARATOR);
	return *kind ? kind : NULL;
}

/* When there is no room the list ends with what is no kind, so that nothing is taken for all there is. */
static void add_leaf(char *leaves, size_t size, const char *kind)
{
	const char *const known[] = {kind, "..."};
	const char *at = leaves, *have;
	size_t used = strlen(leaves);
	size_t len;

	while ((have = next_kind(&at, &len))) {
		if (is_among(have, len, known, COUNT(known))) {
			return;
		}
	}
	if (used + strlen(SEPARATOR) + strlen(kind) + strlen(MORE) < size) {
		snprintf(leaves + used, size - used, "%s%s", used ? SEPARATOR : "", kind);
	} else {
		snprintf(leaves + used, size - used, "%s", MORE);
	}
}

/* Nothing if that is not there whole; attributes are only 4-byte aligned. */
static void copy_stats(void *to, size_t size, const struct nlattr *attr)
{
	if (mnl_attr_get_payload_len(attr) >= size) {
		memcpy(to, mnl_attr_get_payload(attr), size);
	}
}

static void read_old_stats(const struct nlattr *attr, struct ws_qdisc_facts *f)
{
	struct tc_stats s = {0};

	copy_stats(&s, offsetof(struct tc_stats, backlog), attr);
	f->packets = s.packets;
	f->drops = s.drops;
	f->overlimits = s.overlimits;
	f->backlog_packets = s.qlen;
}

static void read_stats(const struct nlattr *nest, struct ws_qdisc_facts *f)
{
	struct gnet_stats_basic basic = {0};
	struct gnet_stats_queue queue = {0};
	const struct nlattr *attr;
	uint64_t packets = 0;

	mnl_attr_for_each_nested(attr, nest)
	{
		switch (mnl_attr_get_type(attr)) {
		case TCA_STATS_BASIC:
			copy_stats(&basic, BASIC_SIZE, attr);
			break;
		case TCA_STATS_QUEUE:
			copy_stats(&queue, sizeof(queue), attr);
			break;
		case STATS_PKT64: /* only if the other one is too short for it */
			copy_stats(&packets, sizeof(packets), attr);
			break;
		}
	}
	f->packets = packets ? packets : basic.packets;
	f->drops = queue.drops;
	f->overlimits = queue.overlimits;
	f->requeues = queue.requeues;
	f->backlog_packets = queue.qlen;
}

/* fq may be told to hold each flow to a rate; ~0 is none. */
static bool has_fq_rate(const struct nlattr *options)
{
	const struct nlattr *attr;
	uint32_t rate = UINT32_MAX;

	if (!options) {
		return false;
	}
	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_FQ_FLOW_MAX_RATE) {
			ws_rtnl_u32(attr, &rate);
		}
	}
	return rate != UINT32_MAX;
}

static bool does_shape(const char *kind, const struct nlattr *options)
{
	return !is_among(kind, strlen(kind), sharing, COUNT(sharing)) ||
	       (strcmp(kind, "fq") == 0 && has_fq_rate(options));
}

static void add_below(struct look *look, uint32_t parent, const char *kind)
{
	add_leaf(look->facts.leaves, sizeof(look->facts.leaves), kind);
	look->early = look->early || !look->has_root;
	/* handles of their own have no minor number, and the default root is 0: */
	if (look->has_root && TC_H_MAJ(parent) == look->handle) {
		look->direct++;
		look->etf += strcmp(kind, "etf") == 0;
		look->fq += strcmp(kind, "fq") == 0;
	}
}

static int on_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr, *options = NULL, *old_stats = NULL, *stats = NULL;
	struct look *look = arg;
	struct ws_qdisc_facts *f = &look->facts;
	char kind[sizeof(f->root)] = "";
	const struct tcmsg *tcm;

	if (!nlh) {
		*look = (struct look){.ifindex = look->ifindex};
		return 0;
	}
	if (nlh->nlmsg_type != RTM_NEWQDISC) {
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*tcm)) {
		return -EBADMSG;
	}
	tcm = mnl_nlmsg_get_payload(nlh);
	/* the kernel tells of all interfaces, and of what is on the way in */
	if (tcm->tcm_ifindex != look->ifindex || tcm->tcm_parent == TC_H_INGRESS) {
		return 0;
	}
	mnl_attr_for_each(attr, nlh, sizeof(*tcm))
	{
		switch (mnl_attr_get_type(attr)) {
		case TCA_KIND:
			ws_rtnl_string(attr, kind, sizeof(kind));
			break;
		case TCA_OPTIONS:
			options = attr;
			break;
		case TCA_STATS:
			old_stats = attr;
			break;
		case TCA_STATS2:
			stats = attr;
			break;
		}
	}
	if (!kind[0]) {
		return -EBADMSG;
	}
	f->count++;
	f->shapes = f->shapes || does_shape(kind, options);
	if (tcm->tcm_parent != TC_H_ROOT) {
		add_below(look, tcm->tcm_parent, kind);
		return 0;
	}
	if (look->has_root) {
		return 0;
	}
	look->has_root = true;
	look->handle = tcm->tcm_handle;
	memcpy(f->root, kind, sizeof(kind));
	if (stats) {
		read_stats(stats, f);
	} else if (old_stats) {
		read_old_stats(old_stats, f);
	}
	return 0;
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	struct ws_qdisc_facts *f = arg;
	const struct nlattr *attr;

	if (!nlh || nlh->nlmsg_type != RTM_NEWLINK) {
		return 0;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg)) {
		return -EBADMSG;
	}
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_QDISC) {
			ws_rtnl_string(attr, f->root, sizeof(f->root));
		}
	}
	return 0;
}

/* What is built in (noop, and noqueue in some kernels) is not listed, but each link knows its root. */
static int look_at_link(struct ws_rtnl *nl, struct look *look)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ws_qdisc_facts *f = &look->facts;
	struct ifinfomsg *ifi;
	int err;

	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = look->ifindex;
	err = ws_rtnl_talk(nl, nlh, on_link, f);
	if (err) {
		return err;
	}
	if (!f->root[0]) {
		return -ENODEV;
	}
	f->count++;
	f->shapes = f->shapes || does_shape(f->root, NULL);
	return 0;
}

int ws_qdisc_look(struct ws_rtnl *nl, int ifindex, struct ws_qdisc_facts *ret)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct look look = {.ifindex = ifindex};
	struct ws_qdisc_facts *f = &look.facts;
	struct tcmsg *tcm;
	bool spreads;
	int err;

	if (ifindex <= 0) {
		return -ENODEV;
	}
	nlh->nlmsg_type = RTM_GETQDISC;
	nlh->nlmsg_flags = NLM_F_DUMP;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	err = ws_rtnl_talk(nl, nlh, on_qdisc, &look);
	if (!err && !look.has_root) {
		err = look_at_link(nl, &look);
	}
	if (err) {
		return err;
	}
	spreads = is_among(f->root, strlen(f->root), spreading, COUNT(spreading)) && look.direct &&
		  !look.early;
	f->launch_etf = strcmp(f->root, "etf") == 0 || (spreads && look.etf == look.direct);
	f->launch_fq = strcmp(f->root, "fq") == 0 || (spreads && look.fq == look.direct);
	*ret = *f;
	return 0;
}

bool ws_qdisc_may_bypass(const struct ws_qdisc_facts *q)
{
	const char *at = q->leaves, *kind;
	size_t len;

	if (q->shapes || !is_among(q->root, strlen(q->root), bypassable, COUNT(bypassable))) {
		return false;
	}
	while ((kind = next_kind(&at, &len))) {
		if (!is_among(kind, len, bypassable, COUNT(bypassable))) {
			return false;
		}
	}
	return true;
}
