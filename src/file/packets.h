/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.npy: every packet's instants as a NumPy structured array (numpy.lib.format, version 1.0), and the
 * same as CSV.
 *
 * Little-endian, packed, 80 bytes a row: run u4, seq u8, flags u4, then eight i8, WS_PACKETS_UNKNOWN where
 * there is none. The header is padded to 320 bytes, and written anew at the end with the number of rows.
 * Until then it says 0, as it does when the writer was killed. The length tells how many there are: the
 * reader here goes by it, and so can a person:
 *
 *	row = numpy.load("packets.npy").dtype
 *	packets = numpy.fromfile("packets.npy", row, offset=320)
 *
 * or, for a file that is larger than the memory,
 *
 *	rows = (os.path.getsize("packets.npy") - 320) // row.itemsize
 *	packets = numpy.memmap("packets.npy", row, "r", 320, (rows,))
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/waterfall.h"

#define WS_PACKETS_ROW	   80
#define WS_PACKETS_HEADER  320 /* a multiple of 64, as the format wants it */
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
 * The writer. Rows are put into memory by one thread, which never waits; a thread of its own writes them,
 * in pieces of about 1 MiB, and what there is after a second. When all memory is on its way, rows are
 * dropped and counted. When a write fails, what the file has then stays, to the last whole row, and nothing
 * is added any more.
 */
struct ws_packets_writer;

struct ws_packets_config {
	int dirfd; /* of the directory in which packets.npy is made; it must not be there */
	/* packets.csv, too. Made now, and empty until close() writes it from packets.npy: so it has what
	 * was amended, and costs the run nothing. */
	bool csv;
	uint64_t memory; /* bytes between the threads; 0: 64 MiB */
};

/*
 * 0, -EEXIST, -ENOSPC, -ENOMEM... Starts the thread, which has all signals blocked, stands back for the others
 * (SCHED_BATCH), and runs on the CPUs of the calling one: so before that is pinned. Files made by root
 * belong to the owner of the directory.
 */
int ws_packets_writer_new(struct ws_packets_writer **ret, const struct ws_packets_config *config);
/* Rows come in order of (run, seq), which rises from row to row. False: dropped, and counted. */
bool ws_packets_put(struct ws_packets_writer *w, const struct ws_packet_row *row);
/*
 * What became known later of a row that was put, by the same thread: or_flags are added, clear_flags taken away,
 * and instants that are not UNKNOWN in `at` (may be NULL) written. A row that was not put, or was dropped, is
 * nothing. False: there was no memory for it, which is counted.
 */
bool ws_packets_amend(struct ws_packets_writer *w, uint32_t run, uint64_t seq, uint32_t or_flags,
	uint32_t clear_flags, const int64_t at[WS_INSTANTS]);

struct ws_packets_counts {
	uint64_t rows, dropped; /* written; lost for lack of memory or after a fault */
	uint64_t amended;	/* amendments that found their row */
	uint64_t unamended;	/* lost for lack of memory, or as the file could not be changed */
	int fault;	/* 0, or -errno of the first write that failed, be it of packets.csv */
	int64_t cpu_ns; /* of the writing thread */
};
/*
 * After the last put() and amend(), from any thread: writes what is left, completes the header, brings it all
 * to the disk, and ends the thread. The file stays, with what could be written. Accepts NULL.
 */
void ws_packets_writer_close(struct ws_packets_writer *w, struct ws_packets_counts *ret);

/* Reading. The file is mapped, or a copy of it is; it must not be made shorter meanwhile. */
struct ws_packets_reader {
	const uint8_t *map;
	uint64_t size;
	uint64_t offset;  /* of the first row */
	uint64_t rows;	  /* whole ones in the file */
	bool repaired;	  /* the header did not say that number: the length did */
	uint64_t claimed; /* rows by the header */
	uint64_t rest;	  /* bytes behind the last whole row */
	bool copied;	  /* map is memory of our own */
};
/*
 * 0; -ENOENT...; -EBADMSG: no packets.npy of ours. why is a clause that says what is wrong, and empty after 0. An
 * array of these fields that NumPy wrote is as good as one from here.
 */
int ws_packets_open(
	struct ws_packets_reader *ret, int dirfd, const char *name, char *why, unsigned why_size);
/* i is below rows. */
void ws_packets_get(const struct ws_packets_reader *r, uint64_t i, struct ws_packet_row *ret);
/* Rows before this one will not be read again soon: they leave the process's memory, for a reader that goes
 * through a file which is larger than it may become itself. Call it every some thousand rows. */
void ws_packets_forget(const struct ws_packets_reader *r, uint64_t before);
void ws_packets_close(struct ws_packets_reader *r);
