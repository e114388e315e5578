/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a program that libpcap has compiled to the one that a socket takes. Pure.
 *
 * A cooked socket (SOCK_DGRAM) runs its filter on a packet that begins with the network header, and
 * has no cooked header yet: what a program wants of that comes from the kernel's ancillary data
 * (Documentation/networking/filter.rst).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;
struct ws_filter;

enum ws_filter_view {
	WS_FILTER_AS_IS, /* the socket sees what the program was compiled for */
	/* for a cooked socket, from a program for ... */
	WS_FILTER_COOKED, /* LINKTYPE_LINUX_SLL2 */
	/*
	 * Ethernet, with the kernel's VLAN tags. Packets of interfaces that are neither Ethernet
	 * nor loopback do not pass. Reads only what the kernel has in one piece with the Ethernet
	 * header, which headers always are in practice.
	 */
	WS_FILTER_COOKED_ETHERNET,
};

struct ws_filter_source {
	const struct sock_filter *insns;
	unsigned len;
	enum ws_filter_view view;
	uint32_t accept;    /* returned for what passes, in place of the program's own number */
	bool outgoing_only; /* PACKET_OUTGOING, before anything else is looked at */
};

/*
 * Lengths of packets count with the WS_IO_COOKED_LEN bytes of the cooked header, as in the capture.
 * 0; -ENOMEM; or -EINVAL if that cannot be said to the kernel: a clause in why. Fills in insns and
 * len of *ret, on success only.
 */
int ws_filter_program(
	struct ws_filter *ret, const struct ws_filter_source *source, char *why, size_t why_size);
