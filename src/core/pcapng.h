/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng blocks in memory, in this machine's byte order, nanosecond resolution (if_tsresol 9). Pure.
 *
 * Source: draft-ietf-opsawg-pcapng ("PCAP Next Generation Capture File Format"). Every block's
 * length is a multiple of 4 and stands at its front and its end, so that a run of blocks can be
 * walked both ways.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WS_PCAPNG_SECTION = 0x0a0d0d0a,
	WS_PCAPNG_INTERFACE = 1,
	WS_PCAPNG_STATISTICS = 5,
	WS_PCAPNG_PACKET = 6, /* enhanced packet block */
};

#define WS_LINKTYPE_ETHERNET   1
#define WS_LINKTYPE_LINUX_SLL2 276

/*
 * Strings are UTF-8. NULL or empty: the option is left out. What does not fit an option's 65535
 * bytes is cut off, between characters.
 */
struct ws_pcapng_section {
	const char *hardware, *os, *application;
	const char *comment;
};

struct ws_pcapng_interface {
	uint16_t linktype;
	uint32_t snaplen; /* 0: no limit */
	const char *name, *description, *filter, *hardware, *os;
	bool has_mac;
	uint8_t mac[6];
	uint64_t speed_bps; /* 0: unknown */
};

/* epb_flags: bits 0-1 direction (1 in, 2 out), bits 2-4 reception type. */
#define WS_PCAPNG_INBOUND     1u
#define WS_PCAPNG_OUTBOUND    2u
#define WS_PCAPNG_UNICAST     (1u << 2)
#define WS_PCAPNG_MULTICAST   (2u << 2)
#define WS_PCAPNG_BROADCAST   (3u << 2)
#define WS_PCAPNG_PROMISCUOUS (4u << 2)

struct ws_pcapng_packet {
	uint32_t interface;
	int64_t ns; /* since the epoch; not negative */
	const uint8_t *data;
	uint32_t len;	     /* bytes at data */
	uint32_t wire_len;   /* at least len */
	uint32_t flags;	     /* 0: no epb_flags */
	uint64_t dropcount;  /* 0: no epb_dropcount */
	const char *comment; /* NULL or empty: none */
};

/* UINT64_MAX leaves a counter out, a negative time leaves that time out. */
struct ws_pcapng_statistics {
	uint32_t interface;
	int64_t ns; /* when they were read */
	int64_t start_ns, end_ns;
	uint64_t ifrecv, ifdrop, filteraccept, osdrop, usrdeliv;
	const char *comment;
};

/*
 * Each writes one block at buf, of any alignment, and returns its length; 0 if it is longer than
 * size, or than a block can be, and then nothing is written.
 */
size_t ws_pcapng_put_section(uint8_t *buf, size_t size, const struct ws_pcapng_section *s);
size_t ws_pcapng_put_interface(uint8_t *buf, size_t size, const struct ws_pcapng_interface *i);
size_t ws_pcapng_put_statistics(uint8_t *buf, size_t size, const struct ws_pcapng_statistics *s);
/* Made for one packet after the other at full rate: the data are copied once, no more. */
size_t ws_pcapng_put_packet(uint8_t *buf, size_t size, const struct ws_pcapng_packet *p);

/* What a look at one block of well-formed memory tells. */
struct ws_pcapng_block {
	uint32_t type, len;
	uint32_t interface; /* of packets and statistics */
	int64_t ns;	    /* of packets and statistics; 0 for others */
};

/*
 * Looks at the block at buf: false if there is no whole block in size bytes (or its length is no
 * block's). Survives any content.
 */
bool ws_pcapng_look(const uint8_t *buf, size_t size, struct ws_pcapng_block *ret);
/* The same for the block that ends at buf + size. */
bool ws_pcapng_look_back(const uint8_t *buf, size_t size, struct ws_pcapng_block *ret);

/*
 * Takes a packet's block apart again: ret->data points into it, the comment is left out. False if it is
 * no whole block of a packet, or its packet or options leave it. Survives any content.
 */
bool ws_pcapng_get_packet(const uint8_t *buf, size_t size, struct ws_pcapng_packet *ret);
