/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.npy: every packet's instants as a NumPy structured array (numpy.lib.format, version 1.0), and the
 * same as CSV.
 *
 * Little-endian, packed, 80 bytes a row: run u4, seq u8, flags u4, then eight i8, WS_PACKETS_UNKNOWN where
 * there is none. The header is padded to 256 bytes, and written anew at the end with the number of rows; a
 * file whose writer was killed says 0 rows, and is repaired from its length.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/waterfall.h"

#define WS_PACKETS_ROW	   80
#define WS_PACKETS_HEADER  256
#define WS_PACKETS_UNKNOWN INT64_MIN

enum ws_packet_flag {
	WS_PACKET_MATCHED = 1 << 0,
	WS_PACKET_LOST = 1 << 1,
	WS_PACKET_LATE = 1 << 2, /* the first copy came after the window */
	WS_PACKET_UNSTAMPED_TX = 1 << 3,
	WS_PACKET_UNSTAMPED_RX = 1 << 4,
	WS_PACKET_DUPLICATED = 1 << 5, /* more copies came */
	WS_PACKET_REORDERED = 1 << 6,
};

struct ws_packet_row {
	uint32_t run;
	uint64_t seq;
	uint32_t flags;
	int64_t at[WS_INSTANTS]; /* in the order of the columns */
};

/*
 * The writer. Rows are put into memory by one thread, which never waits; a thread of its own writes them. When
 * all memory is on its way, rows are dropped and counted.
 */
struct ws_packets_writer;

struct ws_packets_config {
	int dirfd;	    /* of the directory in which packets.npy is made; it must not be there */
	bool csv;	    /* packets.csv, too */
	uint64_t memory;    /* bytes between the threads; 0: 64 MiB */
};

/* 0, -EEXIST, -ENOSPC, -ENOMEM... Starts the thread. */
int ws_packets_writer_new(struct ws_packets_writer **ret, const struct ws_packets_config *config);
/* Rows come in order of (run, seq). False: dropped, and counted. */
bool ws_packets_put(struct ws_packets_writer *w, const struct ws_packet_row *row);
/* What became known later of a row that was put: or_flags are added, clear_flags taken away, and instants that are not
 * UNKNOWN in `at` (may be NULL) written. A row that was never put is nothing. */
bool ws_packets_amend(struct ws_packets_writer *w, uint32_t run, uint64_t seq, uint32_t or_flags,
	uint32_t clear_flags, const int64_t at[WS_INSTANTS]);

struct ws_packets_counts {
	uint64_t rows, dropped; /* written; lost for lack of memory or after a fault */
	int fault;		/* 0, or -errno of the first write that failed */
	int64_t cpu_ns;		/* of the writing thread */
};
/* Writes what is left, completes the header, ends the thread. The file stays, with what could be written. Accepts NULL. */
void ws_packets_writer_close(struct ws_packets_writer *w, struct ws_packets_counts *ret);

/* Reading: the file is mapped, or a copy of it is. */
struct ws_packets_reader {
	const uint8_t *map;
	uint64_t size;
	uint64_t rows;	  /* whole ones in the file */
	bool repaired;	  /* the header did not say that number: the length did */
	uint64_t claimed; /* rows by the header */
	uint64_t rest;	  /* bytes behind the last whole row */
};
/* 0; -ENOENT...; -EBADMSG: no packets.npy of ours, with a sentence in why. */
int ws_packets_open(struct ws_packets_reader *ret, int dirfd, const char *name, char *why, unsigned why_size);
void ws_packets_get(const struct ws_packets_reader *r, uint64_t i, struct ws_packet_row *ret);
void ws_packets_close(struct ws_packets_reader *r);
