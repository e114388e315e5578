// SPDX-License-Identifier: BSD-2-Clause
/*
 * What packets.npy costs: the thread that puts rows, the one that writes them, and how many a second there can be.
 *
 *	packets DIR [SECONDS]	figures of a file in this directory, which is removed again
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file/packets.h"

#define BURST_ROWS 400000 /* fit the memory: nothing waits for the disk */
#define ROUNDS	   5
#define RATE	   300000
#define TICK_NS	   1000000

static int dirfd_of;

static int64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct ws_packets_writer *make(bool csv)
{
	const struct ws_packets_config config = {.dirfd = dirfd_of, .csv = csv};
	struct ws_packets_writer *w;
	int r = ws_packets_writer_new(&w, &config);

	if (r < 0) {
		fprintf(stderr, "packets: packets.npy: %s\n", strerror(-r));
		exit(1);
	}
	return w;
}

static struct ws_packets_counts finish(struct ws_packets_writer *w)
{
	struct ws_packets_counts c;

	ws_packets_writer_close(w, &c);
	(void)unlinkat(dirfd_of, "packets.npy", 0);
	(void)unlinkat(dirfd_of, "packets.csv", 0);
	if (c.fault) {
		fprintf(stderr, "packets: %s\n", strerror(-c.fault));
		exit(1);
	}
	return c;
}

/* Times as a run has them, so that text is as long as it will be. */
static bool put(struct ws_packets_writer *w, uint64_t seq)
{
	int64_t at = INT64_C(1700000000000000000) + (int64_t)seq * 3333;
	const struct ws_packet_row row = {
		.seq = seq,
		.flags = WS_PACKET_MATCHED,
		.at = {(int64_t)seq * 3333, (int64_t)seq * 3333 + 500, at + 900, at + 1500,
			WS_PACKETS_UNKNOWN, WS_PACKETS_UNKNOWN, at + 4000, at + 9000},
	};

	return ws_packets_put(w, &row);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench_put(void)
{
	double all[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct ws_packets_writer *w = make(false);
		int64_t cpu = now_of(CLOCK_THREAD_CPUTIME_ID);

		for (uint64_t seq = 0; seq < BURST_ROWS; seq++) {
			(void)put(w, seq);
		}
		all[i] = (double)(now_of(CLOCK_THREAD_CPUTIME_ID) - cpu) / BURST_ROWS;
		finish(w);
	}
	qsort(all, ROUNDS, sizeof(all[0]), by_value);
	printf("put            %7.1f ns of CPU a row (burst of %d, median of %d)\n",
		all[ROUNDS / 2], BURST_ROWS, ROUNDS);
}

/* Every millisecond what is due, as a receiver does; amended: one row in a hundred, a while later. */
static void bench_rate(unsigned seconds, unsigned amended)
{
	struct ws_packets_writer *w = make(false);
	int64_t start = now_of(CLOCK_MONOTONIC), cpu = 0, longest = 0, close_ns;
	uint64_t seq = 0, end = (uint64_t)RATE * seconds;
	struct ws_packets_counts c;

	for (int64_t tick = start; seq < end; tick += TICK_NS) {
		struct timespec until = {tick / 1000000000, tick % 1000000000};
		int64_t before, took;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		before = now_of(CLOCK_THREAD_CPUTIME_ID);
		for (unsigned i = 0; i < RATE / 1000; i++, seq++) {
			(void)put(w, seq);
			if (amended && seq % 100 == 0 && seq >= amended) {
				(void)ws_packets_amend(
					w, 0, seq - amended, WS_PACKET_DUPLICATED, 0, NULL);
			}
		}
		took = now_of(CLOCK_THREAD_CPUTIME_ID) - before;
		cpu += took;
		longest = took > longest ? took : longest;
	}
	close_ns = now_of(CLOCK_MONOTONIC);
	c = finish(w);
	close_ns = now_of(CLOCK_MONOTONIC) - close_ns;
	printf("%d kpps, %u s%s: put %.1f ns of CPU a row (longest millisecond %.0f us), writer "
	       "%.1f ms of CPU a million rows, %.1f %% of a CPU; %" PRIu64 " rows, %" PRIu64
	       " dropped, %" PRIu64 " amended; close %.2f s\n",
		RATE / 1000, seconds, amended ? ", 1 % amended" : "", (double)cpu / (double)seq,
		(double)longest / 1e3, (double)c.cpu_ns / (double)c.rows,
		(double)c.cpu_ns / (double)(seconds * INT64_C(10000000)), c.rows, c.dropped,
		c.amended, (double)close_ns / 1e9);
}

static void bench_most(unsigned seconds)
{
	struct ws_packets_writer *w = make(false);
	int64_t start = now_of(CLOCK_MONOTONIC), stop = start + seconds * INT64_C(1000000000), end;
	struct ws_packets_counts c;
	uint64_t seq = 0;

	while ((seq & 1023) || now_of(CLOCK_MONOTONIC) < stop) {
		while (!put(w, seq)) {
			usleep(1000);
		}
		seq++;
	}
	end = now_of(CLOCK_MONOTONIC);
	c = finish(w);
	printf("flat out, %u s: %.2f million rows a second (%.0f MB/s); writer %.1f ms of CPU a million "
	       "rows; close %.2f s\n",
		seconds, (double)seq * 1e3 / (double)(end - start),
		(double)seq * WS_PACKETS_ROW * 1e3 / (double)(end - start),
		(double)c.cpu_ns / (double)c.rows, (double)(now_of(CLOCK_MONOTONIC) - end) / 1e9);
}

static void bench_csv(void)
{
	struct ws_packets_writer *w = make(true);
	struct ws_packets_counts c;
	int64_t start;

	for (uint64_t seq = 0; seq < 1000000; seq++) {
		while (!put(w, seq)) {
			usleep(1000);
		}
	}
	start = now_of(CLOCK_MONOTONIC);
	c = finish(w);
	printf("CSV: %.2f s to close after a million rows, writer %.1f ms of CPU\n",
		(double)(now_of(CLOCK_MONOTONIC) - start) / 1e9, (double)c.cpu_ns / 1e6);
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;

	dirfd_of = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	if (dirfd_of < 0 || seconds == 0) {
		fprintf(stderr, "usage: packets DIR [SECONDS]\n");
		return 2;
	}
	bench_put();
	bench_rate(seconds, 0);
	bench_rate(seconds, 200000);
	bench_most(seconds);
	bench_csv();
	return 0;
}
