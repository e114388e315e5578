/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts about an interface, by netlink and ioctl in the calling thread's network namespace; never
 * from /sys/class/net, which shows the namespace of the mount.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_NIC_NAME_SIZE 128 /* of a name or an alternative name, the final NUL included */

struct ws_nic {
	char name[IFNAMSIZ]; /* never an alternative one */
	int ifindex;
	unsigned type; /* ARPHRD_* */
	uint8_t mac[6];
	uint32_t mtu;
	bool up;      /* administratively */
	bool running; /* has a carrier */
	bool coming; /* has got one, of which the kernel has yet to make use: within a second or two */
	bool has_ipv4;
	uint32_t ipv4;	   /* first address, host order */
	char kind[32];	   /* "veth", "vlan", ...; empty for hardware */
	char driver[32];   /* by ethtool; empty if unknown */
	uint64_t link_bps; /* 0: unknown */
	char qdisc[32];	   /* root qdisc; empty if unknown */
	/* ETHTOOL_GET_TS_INFO; ts_known is false if the driver does not say */
	bool ts_known, ts_tx_software, ts_rx_software, ts_tx_hardware, ts_rx_hardware;
	int phc;	    /* index of the PTP clock, -1: none */
	bool default_route; /* carries one, by itself or below what does: ws_route_default() */
	bool has_counters;
	uint64_t tx_packets; /* as the driver counts */
};

/*
 * Looks the interface up by name or alternative name. Returns 0, -ENODEV, -EPERM or another error.
 * Everything that cannot be known stays unknown, as said above; it is no error.
 */
int ws_nic_get(const char *name, struct ws_nic *ret);

/* What changes, by index: up, running, coming and the counters. Cheap enough for each second. 0 or -errno. */
int ws_nic_refresh(int ifindex, struct ws_nic *nic);

/* The names of all interfaces of the calling thread's namespace, at most max of them. How many there are, or -errno. */
int ws_nic_list(char (*names)[IFNAMSIZ], size_t max);

/*
 * Splits "NAME" or "NAME@NETNS". Returns 0 or -EINVAL (empty part, name too long for an interface).
 * *ret_netns points into text, or is NULL.
 */
int ws_nic_split(const char *text, char ret_name[WS_NIC_NAME_SIZE], const char **ret_netns);

/*
 * After -ENODEV, or after -ENOENT from ws_netns_open() for the second part: what the user may have
 * meant, as a clause for the error message, in buf. text is all that the user gave; called in the
 * namespace in which the interface was looked for. Knows names as `ip link` prints them
 * ("veth0@if5", "eth0.5@eth0", "eth0:"), wrong case, and otherwise lists what there is (at most a
 * few names). Empty if there is nothing to say.
 */
void ws_nic_hint(const char *text, char *buf, size_t size);
/* The same from a list of the interfaces' names: pure. */
void ws_nic_hint_from(
	const char *text, const char (*names)[IFNAMSIZ], size_t count, char *buf, size_t size);
