/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a packet for an IP address goes next: route and neighbour table, by rtnetlink. Nothing is sent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_rtnl;

struct ws_hop {
	uint8_t mac[6];	  /* of the next hop, or the group's */
	bool has_gateway; /* the destination is behind a router */
	uint8_t gateway[16];
	unsigned gateway_version; /* 4 or 6; an IPv4 route may lead to an IPv6 router; 0: none */
	bool has_source;	  /* the address that this host would use */
	uint8_t source[16];
};

/*
 * version: 4 or 6; dst and all addresses in network order, IPv4 in the first 4 bytes. Multicast and
 * broadcast addresses have their MAC by rule (RFC 1112, RFC 2464), even where no route leads to them.
 * *ret is written only where this says so. Returns 0 (*ret is complete), or
 *   -ENETUNREACH  no route to it leaves by this interface
 *   -ENOENT       the neighbour table does not know the next hop (*ret has gateway and source)
 *   -EHOSTUNREACH it does, as one that did not answer, or not yet (the same)
 *   -EADDRNOTAVAIL  it is an address of this host, on whatever interface
 * or another error of the kernel.
 */
int ws_neigh_find(
	struct ws_rtnl *nl, int ifindex, unsigned version, const uint8_t *dst, struct ws_hop *ret);

/*
 * The same, and where the neighbour table does not know the next hop, the kernel is asked to find it
 * (NTF_USE: one ARP or neighbour solicitation as any program causes; needs CAP_NET_ADMIN in the namespace,
 * without it nothing is asked) and the answer waited for, at most timeout_ns.
 */
int ws_neigh_resolve(struct ws_rtnl *nl, int ifindex, unsigned version, const uint8_t *dst,
	int64_t timeout_ns, struct ws_hop *ret);
