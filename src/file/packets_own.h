/* SPDX-License-Identifier: BSD-2-Clause */
/* What the writer and the reader of packets.npy share: the header, and the bytes of a row. */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "file/packets.h"
#include "file/sink.h"

#define WS_PACKETS_COLUMNS (3 + WS_INSTANTS)

struct ws_packets_column {
	const char *name, *type; /* as NumPy spells it */
};
extern const struct ws_packets_column ws_packets_columns[WS_PACKETS_COLUMNS];

/* The header of a file with so many rows. */
void ws_packets_header(char buf[WS_PACKETS_HEADER], uint64_t rows);
/*
 * Takes the size bytes at data for a file, and fills in ret, map included. 0, or -EBADMSG with a clause that says
 * what is wrong. Nothing is copied.
 */
int ws_packets_look(struct ws_packets_reader *ret, const uint8_t *data, uint64_t size, char *why,
	unsigned why_size);

/* Longest line of CSV, and as much behind it as is written over. */
#define WS_PACKETS_LINE 224
/* One line with its end, not terminated by NUL. Returns its length. */
size_t ws_packets_csv_line(char buf[WS_PACKETS_LINE], const struct ws_packet_row *row);
/* Reads rows of packets.npy and writes them as CSV. 0 or -errno; then out ends with a whole line. */
int ws_packets_csv(int npy, uint64_t rows, struct ws_sink *out);
/* pread() and pwrite() of all of it, through signals. 0 or -errno; -EIO: the file ends before. */
int ws_packets_read_at(int fd, void *buf, size_t len, uint64_t at);
int ws_packets_write_at(int fd, const void *buf, size_t len, uint64_t at);

static inline uint64_t ws_packets_row_at(uint64_t i)
{
	return WS_PACKETS_HEADER + i * WS_PACKETS_ROW;
}

static inline void ws_packets_encode(uint8_t to[WS_PACKETS_ROW], const struct ws_packet_row *row)
{
	uint32_t run = htole32(row->run), flags = htole32(row->flags);
	uint64_t seq = htole64(row->seq);

	memcpy(to, &run, 4);
	memcpy(to + 4, &seq, 8);
	memcpy(to + 12, &flags, 4);
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		uint64_t at = htole64((uint64_t)row->at[i]);

		memcpy(to + 16 + i * 8, &at, 8);
	}
}

static inline void ws_packets_decode(struct ws_packet_row *row, const uint8_t from[WS_PACKETS_ROW])
{
	uint32_t run, flags;
	uint64_t seq, at;

	memcpy(&run, from, 4);
	memcpy(&seq, from + 4, 8);
	memcpy(&flags, from + 12, 4);
	row->run = le32toh(run);
	row->seq = le64toh(seq);
	row->flags = le32toh(flags);
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		memcpy(&at, from + 16 + i * 8, 8);
		row->at[i] = (int64_t)le64toh(at);
	}
}
