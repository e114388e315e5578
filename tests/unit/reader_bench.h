/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture's reader on a wire in memory. Its waiting is where a test does the next thing, so that
 * everything happens in one thread and in the same order in each run.
 */
#pragma once

#include "fake/io_fake.h"
#include "run/capture_reader.h"

#define OFFSET_NS 1700000000000000000LL
#define TAI_NS	  37000000000LL
#define MS	  1000000LL
#define SYSTEM_ID 4
#define HW_ID	  5
#define STEPS	  16
#define GOT_MAX	  8000
#define FRAME_MAX 400000
#define MANY	  2000 /* large packets: more than two chunks */

/* One packet that was handed over. */
struct got {
	uint32_t interface, len, wire_len, flags;
	uint32_t number; /* by which it was sent */
	int64_t ns;
	uint64_t dropcount;
	bool comment;
};

struct bench {
	struct io_fake_wire *wire;
	struct ws_io *tx, *rx;
	struct ws_chunks *chunks;
	struct ws_capture_shared shared;
	struct ws_reader reader;
	/* What happens while it waits: then it is told to stop. */
	void (*steps[STEPS])(struct bench *b);
	unsigned step_count, step;
	/* Changes what comes from the wire; number counts the packets. */
	void (*edit)(struct bench *b, struct ws_io_view *v, uint32_t number);
	int error_after_stop; /* told once, by the first look after the stop */
	uint32_t sent, seen;
	struct got *got;
	unsigned got_count;
	uint64_t told_kernel, told_writer; /* by the chunks' counts */
	int64_t start_ns;		   /* CLOCK_REALTIME */
};

struct wants {
	struct ws_reader_config reader;
	uint64_t rx_buffer;
	unsigned chunks;
	enum ws_clock hw_clock;
	int64_t hold_ns;
};

struct bench *reader_bench(const struct wants *w);
void reader_bench_free(struct bench *b);
void reader_then(struct bench *b, void (*step)(struct bench *b));
void do_nothing(struct bench *b);
void send_frames(struct bench *b, uint32_t len, unsigned count);
/* The writer's part: takes all chunks, and checks each against its own counts. */
void drain(struct bench *b);
uint64_t count_of(const _Atomic uint64_t *n);
/* Runs to the end: every packet and every loss is then told of exactly once. */
void reader_bench_run(struct bench *b);
void expect_order(const struct bench *b, unsigned from, unsigned to);
/* All numbers were handed over, each once. */
void expect_all(const struct bench *b, uint32_t count);
void send_10(struct bench *b);
void send_many(struct bench *b);
