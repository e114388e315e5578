/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does a frame cost through each backend's own way of transmitting? Sends the same frames
 * through all of them in turn on one interface, with and without stamps, and prints the medians,
 * and the median of each one's ratio to `socket` in the same round.
 *
 *   wirestamp lab -- build/bench/tx_backends ws0
 *
 * Refuses to run on anything but a veth of the lab: a flat-out load belongs nowhere else.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/sys.h"
#include "io/io.h"

#define BATCH	     32
#define PACKETS	     40000
#define ROUNDS	     9
#define MAX_BACKENDS 8

struct subject {
	const char *name;
	struct ws_io *io;
	double ns[ROUNDS], ratio[ROUNDS];
};

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "tx_backends: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static void build(uint8_t *data, uint32_t len)
{
	memset(data, 0, len);
	memset(data, 0xff, 6);
	data[0] = 0x02; /* a unicast address that nobody has: the far stack drops it early */
	data[12] = 0x88;
	data[13] = 0xb5;
}

static unsigned read_stamps(struct ws_io *io)
{
	struct ws_io_tx_stamp stamps[64];
	int n = ws_io_tx_stamps(io, stamps, 64);

	check(n, "stamps");
	return (unsigned)n;
}

/* ns a frame. Every frame is built anew in its slot, as a sender does. */
static double round_of(struct ws_io *io, uint32_t len, bool stamped)
{
	int64_t start = ws_sys_clock(CLOCK_MONOTONIC);
	struct ws_io_tx frames[BATCH];
	struct ws_io_slot slots[BATCH];
	unsigned reserved = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		frames[i] = (struct ws_io_tx){.len = len, .want_stamp = stamped};
	}
	for (unsigned sent = 0; sent < PACKETS;) {
		int n = ws_io_tx_reserve(io, slots, BATCH - reserved);

		check(n, "reserve");
		for (int i = 0; i < n; i++) {
			build(slots[i].data, len);
		}
		reserved += (unsigned)n;
		n = ws_io_tx_submit(io, frames, reserved);
		check(n, "submit");
		reserved -= (unsigned)n;
		sent += (unsigned)n;
		while (stamped && read_stamps(io)) {
			;
		}
	}
	return (double)(ws_sys_clock(CLOCK_MONOTONIC) - start) / PACKETS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(v[0]), by_value);
	return v[ROUNDS / 2];
}

static void compare(int ifindex, uint32_t len, bool stamped)
{
	struct subject subjects[MAX_BACKENDS];
	size_t n = 0, base = 0;

	for (size_t i = 0; ws_io_backends[i] && !ws_io_backends[i]->routed && n < MAX_BACKENDS;
		i++) {
		struct ws_io_config config = {
			.backend = ws_io_backends[i]->name,
			.dirs = WS_IO_TX,
			.ifindex = ifindex,
			.frame_max = len,
			.tx_batch = BATCH,
			.tx_stages = stamped ? WS_STAGE_DRIVER : 0,
		};
		int r;

		subjects[n] = (struct subject){.name = config.backend};
		r = ws_io_open(&subjects[n].io, &config);
		if (r == -EOPNOTSUPP) {
			continue;
		}
		check(r, config.backend);
		base = !strcmp(config.backend, "socket") ? n : base;
		n++;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++) {
			subjects[i].ns[round] = round_of(subjects[i].io, len, stamped);
		}
		for (size_t i = 0; i < n; i++) {
			subjects[i].ratio[round] = subjects[i].ns[round] / subjects[base].ns[round];
		}
	}
	for (size_t i = 0; i < n; i++) {
		printf("%4u bytes, %s: %-9s %5.0f ns, to %s %.3f\n", len,
			stamped ? "stamped" : "plain  ", subjects[i].name, median(subjects[i].ns),
			subjects[base].name, median(subjects[i].ratio));
		ws_io_close(subjects[i].io);
	}
}

int main(int argc, char **argv)
{
	int ifindex;

	if (argc != 2 || !getenv("WIRESTAMP_LAB_NS0") || strncmp(argv[1], "ws", 2) != 0) {
		fputs("tx_backends: run it as: wirestamp lab -- tx_backends ws0\n", stderr);
		return 2;
	}
	ifindex = (int)if_nametoindex(argv[1]);
	for (int i = 0; i < 4; i++) {
		compare(ifindex, i & 1 ? 1514 : 60, i & 2);
	}
	printf("(median of %d rounds, %d frames a call)\n", ROUNDS, BATCH);
	return 0;
}
