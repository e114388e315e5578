/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What differs between the kernels that the laboratory boots (6.1 to 6.12) and newer ones stands
 * here and nowhere else.
 */
#ifndef WS_PAIR_COMPAT_H
#define WS_PAIR_COMPAT_H

#include <linux/ethtool.h>
#include <linux/hrtimer.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define kernel_ethtool_ts_info ethtool_ts_info
#endif

static inline void ws_pair_timer_setup(
	struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *))
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	timer->function = function;
#else
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
#endif
}

/* From 6.16 the core refuses what is not in these; before, the driver looks at the flags itself. */
static inline void ws_pair_ptp_flags(struct ptp_clock_info *info)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	info->supported_extts_flags = PTP_RISING_EDGE | PTP_STRICT_FLAGS;
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define kernel_hwtstamp_config hwtstamp_config
#endif

struct netlink_ext_ack;
int ws_pair_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config);
int ws_pair_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
	struct netlink_ext_ack *extack);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline int ws_pair_eth_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd)
{
	struct hwtstamp_config config = {};
	int result;

	switch (cmd) {
	case SIOCGHWTSTAMP:
		result = ws_pair_hwtstamp_get(dev, &config);
		break;
	case SIOCSHWTSTAMP:
		if (copy_from_user(&config, ifr->ifr_data, sizeof(config)))
			return -EFAULT;
		result = ws_pair_hwtstamp_set(dev, &config, NULL);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (result)
		return result;
	return copy_to_user(ifr->ifr_data, &config, sizeof(config)) ? -EFAULT : 0;
}
#define WS_PAIR_NDO_HWTSTAMP .ndo_eth_ioctl = ws_pair_eth_ioctl
#else
#define WS_PAIR_NDO_HWTSTAMP \
	.ndo_hwtstamp_get = ws_pair_hwtstamp_get, .ndo_hwtstamp_set = ws_pair_hwtstamp_set
#endif

#endif
