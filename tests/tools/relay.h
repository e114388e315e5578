/* SPDX-License-Identifier: BSD-2-Clause */
/* What relay is told to do, and what it has done. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FRAME_SIZE 2048

/* One of every so many. */
struct choice {
	uint64_t every; /* 0: never */
	uint64_t seen, owed, at;
};

struct probe {
	uint32_t run;
	uint16_t stream;
	uint8_t kind;
	uint64_t seq;
};

struct swapped {
	uint8_t frame[FRAME_SIZE];
	uint32_t len, passed;
	struct probe probe;
	int64_t stamp;
};

struct samples {
	int64_t *all;
	size_t count, room;
};

struct way {
	const char *name;
	bool on, harm;
	int64_t hold_ns;
	int64_t hold_ptp_ns; /* of layer 2 PTP, in addition */
	int in, out;	     /* sockets */
	uint8_t *ring;
	unsigned head;
	struct choice lose, duplicate, swap;
	struct swapped *swapped;
	unsigned swapped_count;
	struct samples hold, passed;
	uint64_t received, probes, others, sent, lost, duplicated, swaps, cut_short, ignored,
		too_long, unstamped, again, dropped;
};

struct relay {
	const char *ends[2];
	struct way ways[2];
	uint32_t extent;
	uint64_t seed;
	bool seeded, probes_only;
	bool realtime;		    /* wanted; then whether it was granted */
	uint64_t burst_from, burst; /* that many probes in a row are lost, from that one on */
	FILE *log, *times;
};

/* Says why on stderr and exits. */
_Noreturn void relay_die(int status, const char *what, const char *why);
/* Exits on wrong usage. */
void relay_parse(struct relay *r, int argc, char **argv);
