/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows that are known by their number, a packets.npy of them, and the disk that it is on. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "file/packets.h"

#define NPY   "packets.npy"
#define CSV   "packets.csv"
#define LEAST 64    /* rows in the smallest memory */
#define PIECE 13107 /* rows that are written at once */

/*
 * What write() does to files: as the kernel does; one byte less than asked for, with signals in between; or it
 * waits at the gate, and says that it does.
 */
struct packet_disk {
	atomic_bool odd, gate_closed, at_gate;
	atomic_int fsync_fails;
};
extern struct packet_disk packet_disk;

/* For cmocka: the disk is as it should be, and the test in a directory of its own. */
int packets_enter(void **state);
struct ws_packets_writer *packets_make(uint64_t memory, bool csv);
/* A row that is known by its run and sequence. */
struct ws_packet_row packets_row_of(uint32_t run, uint64_t seq);
/* Puts that row; what ws_packets_put() says. */
bool packets_try(struct ws_packets_writer *w, uint32_t run, uint64_t seq);
/* Puts rows of run 0, each as often as it takes. */
void packets_put_all(struct ws_packets_writer *w, uint64_t from, uint64_t to);
struct ws_packets_counts packets_finish(struct ws_packets_writer *w);
off_t packets_size_of(const char *name);
/* Until the file has so many. */
void packets_wait_for_rows(uint64_t n);
struct ws_packets_reader packets_open_file(void);
void packets_expect_row(
	const struct ws_packets_reader *r, uint64_t i, const struct ws_packet_row *want);
/* The file has the rows 0 to n - 1 of run 0. */
void packets_expect_rows(uint64_t n);
