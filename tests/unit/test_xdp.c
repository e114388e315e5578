/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver can do with XDP, and whether a program is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/uapi.h"
#include "host/xdp.h"
#include "unit/rtnl_script.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define FAMILY	20
#define IFINDEX 7

static struct script script;

/* Two sockets are opened one after the other: questions are counted from 1 on each. */
static void begin(void)
{
	struct ws_rtnl nl;

	memset(&script, 0, sizeof(script));
	script_open(&nl);
}

static struct nlmsghdr *put_genl(uint16_t family, uint8_t command)
{
	struct nlmsghdr *nlh = script_put(&script, family, 0);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	g->cmd = command;
	return nlh;
}

static void put_family(int err)
{
	if (!err) {
		mnl_attr_put_u16(
			put_genl(GENL_ID_CTRL, CTRL_CMD_NEWFAMILY), CTRL_ATTR_FAMILY_ID, FAMILY);
	}
	script_end(&script, false, err);
}

static struct nlmsghdr *put_device(uint32_t ifindex, uint64_t features)
{
	struct nlmsghdr *nlh = put_genl(FAMILY, WS_NETDEV_CMD_DEV_GET);

	mnl_attr_put_u32(nlh, WS_NETDEV_A_DEV_IFINDEX, ifindex);
	mnl_attr_put_u64(nlh, WS_NETDEV_A_DEV_XDP_FEATURES, features);
	return nlh;
}

static void put_link(int attached)
{
	struct nlmsghdr *nlh;
	struct nlattr *nest;

	script.seq = 1;
	nlh = script_put(&script, RTM_NEWLINK, 0);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	if (attached >= 0) {
		nest = mnl_attr_nest_start(nlh, IFLA_XDP);
		mnl_attr_put_u8(nlh, IFLA_XDP_ATTACHED, (uint8_t)attached);
		mnl_attr_nest_end(nlh, nest);
	}
	script_end(&script, false, 0);
}

static struct ws_xdp get(void)
{
	struct ws_xdp xdp;

	memset(&xdp, 0x77, sizeof(xdp));
	ws_xdp_get(IFINDEX, &xdp);
	return xdp;
}

static void all_of_it(void **state)
{
	struct nlmsghdr *nlh;
	struct ws_xdp xdp;

	(void)state;
	begin();
	put_family(0);
	put_device(IFINDEX + 1, 1);
	nlh = put_device(IFINDEX, 0x7b);
	mnl_attr_put_u64(nlh, WS_NETDEV_A_DEV_XDP_RX_METADATA_FEATURES, 3);
	mnl_attr_put_u64(nlh, WS_NETDEV_A_DEV_XSK_FEATURES, UINT64_C(1) << 40 | 1);
	script_end(&script, false, 0);
	put_link(XDP_ATTACHED_DRV);
	xdp = get();
	assert_true(xdp.known && xdp.has_metadata && xdp.attached_known && xdp.attached);
	assert_int_equal(xdp.features, 0x7b);
	assert_int_equal(xdp.rx_metadata, 3);
	assert_true(xdp.xsk_features == (UINT64_C(1) << 40 | 1));
}

static void less(void **state)
{
	struct ws_xdp xdp;

	(void)state;
	/* Linux 6.3: nothing of metadata; and nobody uses it */
	begin();
	put_family(0);
	put_device(IFINDEX, 0);
	script_end(&script, false, 0);
	put_link(XDP_ATTACHED_NONE);
	xdp = get();
	assert_true(xdp.known && !xdp.has_metadata && xdp.attached_known && !xdp.attached);
	assert_int_equal(xdp.features, 0);
	/* Linux 6.1 */
	begin();
	put_family(-ENOENT);
	put_link(XDP_ATTACHED_SKB);
	xdp = get();
	assert_true(!xdp.known && !xdp.has_metadata && xdp.attached_known && xdp.attached);
	/* it is gone, or the kernel does not say */
	begin();
	put_family(0);
	script_end(&script, false, -ENODEV);
	put_link(-1);
	xdp = get();
	assert_false(xdp.known || xdp.has_metadata || xdp.attached_known || xdp.attached);
	/* another interface's answer */
	begin();
	put_family(0);
	put_device(IFINDEX + 1, 1);
	script_end(&script, false, 0);
	put_link(-1);
	assert_false(get().known);
	/* no such number */
	memset(&xdp, 0x77, sizeof(xdp));
	ws_xdp_get(0, &xdp);
	assert_false(xdp.known || xdp.has_metadata || xdp.attached_known || xdp.attached);
}

/* Where an attribute of a type begins. */
static struct nlattr *find(struct nlmsghdr *nlh, size_t offset, uint16_t type)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, offset)
	{
		if (mnl_attr_get_type(attr) == type) {
			return attr;
		}
	}
	return NULL;
}

static void damaged(void **state)
{
	static const struct {
		uint16_t type, len;
	} rows[] = {
		{WS_NETDEV_A_DEV_IFINDEX, 6},
		{WS_NETDEV_A_DEV_XDP_FEATURES, 8},
		{WS_NETDEV_A_DEV_XSK_FEATURES, 11},
		{WS_NETDEV_A_DEV_XSK_FEATURES, 13},
		{WS_NETDEV_A_DEV_XDP_RX_METADATA_FEATURES, 2},
		{WS_NETDEV_A_DEV_XDP_RX_METADATA_FEATURES, 600},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nlmsghdr *nlh;
		struct ws_xdp xdp;

		begin();
		put_family(0);
		nlh = put_device(IFINDEX, 1);
		mnl_attr_put_u64(nlh, WS_NETDEV_A_DEV_XDP_RX_METADATA_FEATURES, 3);
		mnl_attr_put_u64(nlh, WS_NETDEV_A_DEV_XSK_FEATURES, 1);
		find(nlh, GENL_HDRLEN, rows[i].type)->nla_len = rows[i].len;
		script_end(&script, false, 0);
		put_link(XDP_ATTACHED_DRV);
		xdp = get();
		assert_false(xdp.known || xdp.has_metadata);
		assert_true(xdp.attached);
	}
	for (uint16_t len = 4; len < 10; len++) {
		struct nlmsghdr *nlh;
		struct nlattr *nest;

		begin();
		put_family(-ENOENT);
		script.seq = 1;
		nlh = script_put(&script, RTM_NEWLINK, 0);
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		nest = mnl_attr_nest_start(nlh, IFLA_XDP);
		mnl_attr_put_u8(nlh, IFLA_XDP_ATTACHED, XDP_ATTACHED_DRV);
		mnl_attr_nest_end(nlh, nest);
		nest->nla_len = len;
		script_end(&script, false, 0);
		/* with the one byte that counts it is whole: the padding may be missing */
		assert_int_equal(get().attached_known, len == 9);
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(ws_xdp_feature_name(0), "basic");
	assert_string_equal(ws_xdp_feature_name(3), "xsk-zerocopy");
	assert_string_equal(ws_xdp_feature_name(6), "ndo-xmit-sg");
	assert_null(ws_xdp_feature_name(7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(less),
		cmocka_unit_test(damaged),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("xdp", tests, NULL, NULL);
}
