/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small reader of pcapng and pcap files for tests. It shares no code with the program's own and is
 * strict: what the formats do not allow is damage. Only this machine's byte order.
 *
 * Sources: draft-ietf-opsawg-pcapng; draft-ietf-opsawg-pcap.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct reader_text {
	const char *at; /* not terminated; NULL: none */
	size_t len;
};

/* Interfaces are numbered through all sections of all files, in the order of their appearance. */
struct reader_interface {
	struct reader_text name;
	uint16_t linktype;
	uint64_t tick_ns; /* of time stamps */
	int64_t offset_s;
};

struct reader_packet {
	unsigned interface;
	int64_t ns;
	const uint8_t *data;
	uint32_t len, wire_len;
	uint64_t dropcount;
	struct reader_text comment; /* the first one */
};

/* UINT64_MAX: left out. */
struct reader_statistics {
	unsigned interface;
	int64_t ns;
	uint64_t ifrecv, ifdrop, filteraccept, osdrop, usrdeliv;
	struct reader_text comment;
};

/* What is pointed to is valid during the call. */
struct reader_events {
	void (*interface)(void *arg, const struct reader_interface *i);
	void (*packet)(void *arg, const struct reader_packet *p);
	void (*statistics)(void *arg, const struct reader_statistics *s);
	void *arg;
};

struct reader {
	unsigned interfaces; /* so far */
	uint64_t other_blocks;
	uint64_t offset;    /* of the block at which reading ended */
	const char *damage; /* NULL: none */
	const uint8_t *map;
	size_t size;
	/* of the section */
	unsigned base, count;
	struct reader_interface known[64];
};

/* Reads one file after what was read before (begin with a zeroed reader). 0 or -errno; damage is no
 * error but stands in the reader. */
int reader_run(struct reader *r, const char *path, const struct reader_events *e);
