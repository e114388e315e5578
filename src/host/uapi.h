/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel interfaces that are newer than the headers of the oldest system we build on. */
#pragma once

/* A control message on send that gives the packet's time stamp its key: Linux 6.13. */
#define WS_SCM_TS_OPT_ID 81

/* Generic netlink "ethtool", <linux/ethtool_netlink.h>: time stamps of several providers, Linux 6.14. */
#define WS_ETHTOOL_MSG_TSCONFIG_GET		    46
#define WS_ETHTOOL_MSG_TSCONFIG_GET_REPLY	    47
#define WS_ETHTOOL_A_TSINFO_HWTSTAMP_PROVIDER	    7
#define WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_INDEX	    1
#define WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_QUALIFIER 2
#define WS_HWTSTAMP_PROVIDER_QUALIFIER_APPROX	    1
#define WS_ETHTOOL_A_TSCONFIG_HEADER		    1
#define WS_ETHTOOL_A_TSCONFIG_TX_TYPES		    3
#define WS_ETHTOOL_A_TSCONFIG_RX_FILTERS	    4
#define WS_ETHTOOL_A_TSCONFIG_HWTSTAMP_FLAGS	    5
/* Which part of the device a provider is: Linux 6.16. */
#define WS_ETHTOOL_A_TSINFO_HWTSTAMP_SOURCE   8
#define WS_ETHTOOL_A_TSINFO_HWTSTAMP_PHYINDEX 9
#define WS_HWTSTAMP_SOURCE_PHYLIB	      2

/* Generic netlink "netdev", <linux/netdev.h>: Linux 6.3; what is said of metadata, 6.8. */
#define WS_NETDEV_CMD_DEV_GET			 1
#define WS_NETDEV_A_DEV_IFINDEX			 1
#define WS_NETDEV_A_DEV_XDP_FEATURES		 3
#define WS_NETDEV_A_DEV_XDP_RX_METADATA_FEATURES 5
#define WS_NETDEV_A_DEV_XSK_FEATURES		 6
