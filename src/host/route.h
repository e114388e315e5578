/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an interface carries a default route of its network namespace. */
#pragma once

#include <stdbool.h>

struct ws_rtnl;

/*
 * True if an IPv4 or IPv6 default route of the main table leaves by the interface: by itself, or by
 * a device above it, at any distance. Above a port is its bridge, bond or team; above a device are
 * the VLANs, macvlans and tunnels on it, and the other end of a veth in the same namespace. False
 * also if the kernel does not say.
 */
bool ws_route_default(struct ws_rtnl *nl, int ifindex);
