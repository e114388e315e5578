// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes packets.npy as the program does, for other programs to judge; and says what is in one.
 *
 *	write_packets write DIR ROWS [csv] [wait] [once]
 *		wait: for a signal, before it is closed; once: what is refused is not tried again
 *	write_packets read DIR NAME
 *
 * Row n of run n / 1000000 has seq n mod 1000000, the flags that test_packets.py knows, and times n * 1000 + column.
 * Every 100th row is amended 50 rows later. Prints JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/packets.h"

#define RUN_ROWS 1000000

static struct ws_packet_row row_of(uint64_t n)
{
	struct ws_packet_row row = {
		.run = (uint32_t)(n / RUN_ROWS),
		.seq = n % RUN_ROWS,
		.flags = n % 100 == 0 ? WS_PACKET_LOST : WS_PACKET_MATCHED,
	};

	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		row.at[i] = i == WS_INSTANT_WIRE_TX ? WS_PACKETS_UNKNOWN
						    : (int64_t)(n * 1000 + i) - 1000000;
	}
	return row;
}

static void amend(struct ws_packets_writer *w, uint64_t n, bool once)
{
	const int64_t at[WS_INSTANTS] = {
		[0 ... 6] = WS_PACKETS_UNKNOWN,
		[WS_INSTANT_APP_RX] = (int64_t)n,
	};

	while (!ws_packets_amend(w, (uint32_t)(n / RUN_ROWS), n % RUN_ROWS, WS_PACKET_LATE,
		       WS_PACKET_LOST, at) &&
		!once) {
		sched_yield();
	}
}

static int write_rows(const char *dir, uint64_t rows, bool csv, bool wait, bool once)
{
	const struct ws_packets_config config = {
		.dirfd = open(dir, O_RDONLY | O_DIRECTORY), .csv = csv, .memory = 8 << 20};
	struct ws_packets_writer *w;
	struct ws_packets_counts c;
	int r = ws_packets_writer_new(&w, &config);

	if (r < 0) {
		fprintf(stderr, "write_packets: %s\n", strerror(-r));
		return 1;
	}
	for (uint64_t n = 0; n < rows; n++) {
		struct ws_packet_row row = row_of(n);

		while (!ws_packets_put(w, &row) && !once) {
			sched_yield();
		}
		if (n % 100 == 50) {
			amend(w, n - 50, once);
		}
	}
	if (wait) {
		pause();
	}
	ws_packets_writer_close(w, &c);
	printf("{\"rows\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"amended\": %" PRIu64
	       ", \"fault\": \"%s\"}\n",
		c.rows, c.dropped, c.amended, c.fault ? strerrorname_np(-c.fault) : "");
	return 0;
}

static int read_rows(const char *dir, const char *name)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	struct ws_packets_reader r;
	uint64_t seqs = 0, flags = 0;
	int64_t times = 0;
	char why[160];

	if (ws_packets_open(&r, dirfd, name, why, sizeof(why)) < 0) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	for (uint64_t i = 0; i < r.rows; i++) {
		struct ws_packet_row row;

		ws_packets_get(&r, i, &row);
		seqs += row.seq;
		flags += row.flags;
		times += row.at[WS_INSTANT_APP_RX];
		if (i % 65536 == 0) {
			ws_packets_forget(&r, i);
		}
	}
	printf("{\"rows\": %" PRIu64 ", \"claimed\": %" PRIu64
	       ", \"repaired\": %s, \"rest\": %" PRIu64 ", \"seqs\": %" PRIu64
	       ", \"flags\": %" PRIu64 ", \"app_rx\": %" PRId64 "}\n",
		r.rows, r.claimed, r.repaired ? "true" : "false", r.rest, seqs, flags, times);
	ws_packets_close(&r);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGXFSZ, SIG_IGN);
	if (argc == 4 && !strcmp(argv[1], "read")) {
		return read_rows(argv[2], argv[3]);
	}
	if (argc >= 4 && argc <= 7 && !strcmp(argv[1], "write")) {
		bool csv = false, wait = false, once = false;

		for (int i = 4; i < argc; i++) {
			csv |= !strcmp(argv[i], "csv");
			wait |= !strcmp(argv[i], "wait");
			once |= !strcmp(argv[i], "once");
		}
		return write_rows(argv[2], strtoull(argv[3], NULL, 10), csv, wait, once);
	}
	fprintf(stderr,
		"usage: write_packets write DIR ROWS [csv] [wait] [once] | read DIR NAME\n");
	return 2;
}
