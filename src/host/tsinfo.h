/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who can stamp packets of an interface, and how it is configured: by ethtool's netlink (TSINFO_GET, of every provider
 * from Linux 6.14; TSCONFIG_GET from 6.14), else by its ioctl and SIOCGHWTSTAMP. In the calling thread's network namespace.
 * Needs no rights: the kernel answers all of these to everybody.
 *
 * Source: linux/Documentation/networking/ethtool-netlink.rst, timestamping.rst.
 */
#pragma once

#include "core/tscaps.h"

/* name: ws_nic.name. *ret is always written; what cannot be known is so marked, and is no error. 0, or -ENODEV. */
int ws_tsinfo_get(const char *name, struct ws_ts_caps *ret);

/* The provider that is in use, by ethtool's ioctl on any socket: what both ways agree on. 0 or -errno. */
int ws_tsinfo_ioctl(int fd, const char *name, struct ws_ts_provider *ret);
