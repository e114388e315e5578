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
	/*
	 * LINKTYPE_ of the packets that the program reads. LINUX_SLL2: it is for cooked sockets,
	 * which an interface needs too if its frames have no header that libpcap could read (PPP):
	 * open it with ws_io_config.cooked. 0 without a text: the program is good for any.
	 */
	uint16_t linktype;
};

struct ws_filter_spec {
	const char *interface; /* name in the calling thread's network namespace; NULL: cooked, for
				  sockets with ws_io_config.cooked */
	const char *text;      /* NULL or blank: everything */
	uint32_t snaplen;      /* bytes that the program returns for a packet that passes; 0: all */
	bool outgoing_only;
};

/*
 * 0; -EINVAL: the text does not compile; -EPERM: needs CAP_NET_RAW; -ENODEV, -ENETDOWN; or another
 * error. why is then a clause for the message, for -EINVAL mostly libpcap's own words. Without a
 * text it is a single return (and needs nothing), or empty if snaplen is 0 and direction is free.
 *
 * A text takes some 40 ms for an interface: libpcap needs a socket on it to know what the kernel
 * can do, and the kernel lets go of such sockets slowly. Host names are looked up, as by tcpdump.
 *
 * For cooked sockets the program sees a packet from its network header on: loads of cooked header
 * fields become ancillary loads. `len`, `greater` and `less` count the WS_IO_COOKED_LEN bytes of
 * cooked header, as the capture does; snaplen does not: a cut packet is that much longer. What only
 * Ethernet has (`vlan`, `ether host`), which libpcap refuses for cooked captures, is compiled for
 * Ethernet; of interfaces that are neither Ethernet nor loopback, nothing passes then.
 */
int ws_filter_compile(
	struct ws_filter *ret, const struct ws_filter_spec *spec, char *why, size_t why_size);
/* Leaves it empty. Accepts one that is. */
void ws_filter_free(struct ws_filter *f);
