/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture from within: shared by the part that opens it and the part that watches it. */
#pragma once

#include <pthread.h>

#include "run/capture.h"

/* A writer and the readers that it serves. */
struct group {
	struct ws_writer writer;
	struct ws_reader **readers; /* within the capture's list */
	unsigned reader_count;
	unsigned first_interface, interface_count;
	int wake[2]; /* a pipe, readers to writer: [0] is the writer's end */
	uint8_t *header;
	size_t header_len;
	unsigned ids;
	uint64_t *nic_dropped;
	pthread_t thread;
	bool started, abandoned;
};

struct ws_capture {
	const struct ws_capture_setup *setup;
	struct ws_capture_report *report;
	struct ws_capture_shared shared;
	struct ws_reader **readers; /* those of one interface stand together */
	struct ws_chunks **chunks;
	pthread_t *threads;
	unsigned reader_count, started;
	struct group *groups;
	unsigned group_count;
	int64_t started_ns, began_ns;
	int64_t ended_ns; /* when the last reader had ended; 0: not yet */
	unsigned *downs_told, *ups_told;
	bool *gone_told;
	unsigned ledgers_done, rotates_done, rotate_failures_told;
	bool stopping;
};

/* The interface that reader n reads from. */
static inline unsigned ws_capture_interface_of(const struct ws_capture *c, unsigned n)
{
	return n / c->setup->workers;
}
