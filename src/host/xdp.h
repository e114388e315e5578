/* SPDX-License-Identifier: BSD-2-Clause */
/* What an interface's driver can do with XDP: generic netlink family "netdev" (Linux 6.3), in the calling thread's namespace. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_xdp {
	bool known;	   /* of features; false: the kernel is older than 6.3, or does not say */
	uint64_t features; /* NETDEV_XDP_ACT_* */
	uint64_t rx_metadata;  /* NETDEV_XDP_RX_METADATA_*; valid with has_metadata */
	uint64_t xsk_features; /* NETDEV_XSK_FLAGS_*; the same: transmit stamps and launch times */
	bool has_metadata;
	bool attached_known;
	bool attached; /* a program is attached now, by rtnetlink's IFLA_XDP */
};

/* *ret is always written. Needs no rights. */
void ws_xdp_get(int ifindex, struct ws_xdp *ret);
/* "basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg" of bit n; NULL: newer. */
const char *ws_xdp_feature_name(unsigned bit);
