/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/xdp.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stddef.h>

#include "host/genl.h"
#include "host/uapi.h"

#define REQUEST_MAX 256
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

static const char *const feature_names[] = {
	"basic",
	"redirect",
	"ndo-xmit",
	"xsk-zerocopy",
	"hw-offload",
	"rx-sg",
	"ndo-xmit-sg",
};

const char *ws_xdp_feature_name(unsigned bit)
{
	return bit < COUNT(feature_names) ? feature_names[bit] : NULL;
}

struct answer {
	int ifindex;
	bool got;
	struct ws_xdp xdp;
};

static int on_device(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attrs[WS_NETDEV_A_DEV_XSK_FEATURES + 1];
	const struct nlattr *metadata, *xsk;
	struct answer *a = arg;
	struct ws_xdp got = {.known = true};
	uint32_t ifindex;
	uint8_t command;

	if (!nlh) {
		a->got = false;
		return 0;
	}
	if (!ws_genl_parse(nlh, &command, attrs, WS_NETDEV_A_DEV_XSK_FEATURES)) {
		return -EBADMSG;
	}
	if (command != WS_NETDEV_CMD_DEV_GET) {
		return 0;
	}
	if (!attrs[WS_NETDEV_A_DEV_IFINDEX] ||
		!ws_rtnl_u32(attrs[WS_NETDEV_A_DEV_IFINDEX], &ifindex) ||
		!attrs[WS_NETDEV_A_DEV_XDP_FEATURES] ||
		!ws_genl_u64(attrs[WS_NETDEV_A_DEV_XDP_FEATURES], &got.features)) {
		return -EBADMSG;
	}
	metadata = attrs[WS_NETDEV_A_DEV_XDP_RX_METADATA_FEATURES];
	xsk = attrs[WS_NETDEV_A_DEV_XSK_FEATURES];
	if ((metadata && !ws_genl_u64(metadata, &got.rx_metadata)) ||
		(xsk && !ws_genl_u64(xsk, &got.xsk_features))) {
		return -EBADMSG;
	}
	got.has_metadata = metadata && xsk;
	if (ifindex == (uint32_t)a->ifindex) {
		a->got = true;
		a->xdp = got;
	}
	return 0;
}

static void get_features(struct ws_rtnl *nl, int ifindex, struct ws_xdp *ret)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct answer a = {.ifindex = ifindex};
	struct ws_genl_family family;
	struct nlmsghdr *nlh;

	if (ws_genl_find(nl, "netdev", &family)) {
		return;
	}
	nlh = ws_genl_begin(buf, &family, WS_NETDEV_CMD_DEV_GET);
	mnl_attr_put_u32(nlh, WS_NETDEV_A_DEV_IFINDEX, (uint32_t)ifindex);
	if (!ws_rtnl_talk(nl, nlh, on_device, &a) && a.got) {
		*ret = a.xdp;
	}
}

static int on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr, *of[IFLA_XDP_ATTACHED + 1];
	struct ws_xdp *xdp = arg;

	if (!nlh || nlh->nlmsg_type != RTM_NEWLINK) {
		return 0;
	}
	/* a kernel that knows XDP says of each interface whether a program is there */
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) != IFLA_XDP) {
			continue;
		}
		if (!ws_genl_parse_nested(attr, of, IFLA_XDP_ATTACHED) || !of[IFLA_XDP_ATTACHED] ||
			mnl_attr_get_payload_len(of[IFLA_XDP_ATTACHED]) < 1) {
			return -EBADMSG;
		}
		xdp->attached_known = true;
		xdp->attached = mnl_attr_get_u8(of[IFLA_XDP_ATTACHED]) != XDP_ATTACHED_NONE;
	}
	return 0;
}

static void get_attached(struct ws_rtnl *nl, int ifindex, struct ws_xdp *ret)
{
	alignas(struct nlmsghdr) char buf[REQUEST_MAX] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_GETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	if (ws_rtnl_talk(nl, nlh, on_link, ret)) {
		ret->attached_known = ret->attached = false;
	}
}

void ws_xdp_get(int ifindex, struct ws_xdp *ret)
{
	struct ws_rtnl nl;

	*ret = (struct ws_xdp){0};
	if (ifindex <= 0) {
		return;
	}
	if (ws_genl_open(&nl) == 0) {
		get_features(&nl, ifindex, ret);
		ws_rtnl_close(&nl);
	}
	if (ws_rtnl_open(&nl, 0) == 0) {
		get_attached(&nl, ifindex, ret);
		ws_rtnl_close(&nl);
	}
}
