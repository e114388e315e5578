/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture's writer: chunks that a test fills become files, which are read back. Its waiting is
 * where a test does the next thing; when there is nothing left to do it is told to finish.
 */
#pragma once

#include "run/capture_writer.h"
#include "unit/scratch.h"

#define SEC	  1000000000LL
#define MS	  1000000LL
#define START_NS  1795314600000000000LL /* 2026-11-22T02:30:00Z */
#define SOURCES	  4
#define STEPS	  16
#define FILES_MAX 2000
#define KIB	  ((size_t)1 << 10)

struct bench {
	struct ws_chunks *chunks[SOURCES];
	struct ws_reader readers[SOURCES], *list[SOURCES];
	struct ws_chunk *open[SOURCES];
	unsigned sources;
	struct blocks header;
	struct ws_capfile *file;
	struct ws_writer writer;
	void (*steps[STEPS])(struct bench *b);
	unsigned step_count, step;
	uint32_t sent; /* packets, which are numbered */
	uint64_t printed;
	uint32_t state;
};

struct wants {
	unsigned sources; /* 0: one */
	bool hardware;	  /* each source has two clocks */
	uint64_t rotate_size;
	int64_t rotate_ns, hold_ns;
	unsigned keep;
	bool zstd;
	const struct ws_block_printer *printer;
};

struct packet {
	int64_t ns;
	uint32_t len;
	uint64_t lost_kernel, lost_writer;
	bool hardware;
};

/* What files hold. */
struct content {
	unsigned packets, files, statistics;
	uint32_t numbers[100000];
	int64_t times[100000];
	uint64_t sizes[FILES_MAX];
	unsigned file_packets[FILES_MAX];
	int64_t first_ns[FILES_MAX], last_ns[FILES_MAX];
	/* sums of the statistics */
	uint64_t usrdeliv, osdrop, filteraccept, ifdrop;
	bool ends_with_statistics;
};

void set_clock(int64_t wall_ns);
struct bench *writer_bench(const struct wants *w);
void writer_bench_free(struct bench *b);
void writer_then(struct bench *b, void (*step)(struct bench *b));
void do_nothing(struct bench *b);
void hand_over(struct bench *b, unsigned source);
/* As a reader does it. Noise, that no compressor makes small. */
void put_packet(struct bench *b, unsigned source, const struct packet *packet);
uint64_t sum(const _Atomic uint64_t counts[WS_WRITER_SOURCES]);
/* Runs to the end: each packet is in a file or counted as lost, and in no file twice. */
struct content *run_writer(struct bench *b);
void expect_order(const struct content *c);
void put_many(struct bench *b, unsigned source, unsigned count, int64_t from_ns, int64_t gap_ns);
void put_more(struct bench *b);
