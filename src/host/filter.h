/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture filters in tcpdump's language (pcap-filter(7)), compiled by libpcap for an interface as it
 * is: the kernel takes VLAN tags out of frames, so filters on them have to ask its ancillary data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_filter;

struct ws_filter {
	struct sock_filter *insns; /* owned */
	unsigned len;
};

struct ws_filter_spec {
	const char *interface; /* name in the calling thread's network namespace; NULL: cooked, for
				  sockets with ws_io_config.cooked */
	const char *text;      /* NULL or empty: everything */
	uint32_t snaplen;      /* bytes that the program returns for a packet that passes; 0: all */
	bool outgoing_only;
};

/*
 * 0; -EINVAL: the text does not compile; -EPERM: needs CAP_NET_RAW; or another error. why is then a
 * clause for the message, for -EINVAL libpcap's own words. For cooked sockets the program sees a
 * packet from its network header on: loads of cooked header fields become ancillary loads. Without
 * a text it is a single return (and needs nothing), or empty if snaplen is 0 and direction is free.
 * The length of a snapped cooked packet counts without its WS_IO_COOKED_LEN bytes of header.
 */
int ws_filter_compile(
	struct ws_filter *ret, const struct ws_filter_spec *spec, char *why, size_t why_size);
void ws_filter_free(struct ws_filter *f);
