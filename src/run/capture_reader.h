/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading thread of a capture: takes packets from one instance of io, turns them into pcapng
 * blocks in the order of their stamps, and hands chunks of them to the writer. It never waits for the
 * writer: a packet for which there is no chunk is counted and forgotten.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/io.h"
#include "run/chunks.h"

/* What the threads of a capture share. */
struct ws_capture_shared {
	atomic_int stop;	      /* no more packets: read what is there, and end */
	atomic_uint looks;	      /* times that somebody wanted to see fresh counts */
	_Atomic int64_t packets_left; /* of a limit over all readers; INT64_MAX: none */
};

struct ws_reader_config {
	struct ws_io *io;
	struct ws_chunks *chunks;
	struct ws_capture_shared *shared;
	/* Interface descriptions of the file: for stamps of the system's clock, and of the NIC's. */
	uint32_t system_id, hardware_id;
	bool has_hardware;  /* hardware stamps were asked for */
	bool flags;	    /* write epb_flags */
	bool user_stamps;   /* this program's own time, not the kernel's */
	uint32_t snaplen;   /* bytes of a packet that are kept; 0: all */
	int64_t flush_ns;   /* a packet waits for company no longer than this */
	int64_t nap_max_ns; /* when many come, the reader sleeps this long at most between looks */
	bool merged;	    /* the writer merges several readers, and needs watermarks */
};

/* Counts, each written by the reader alone; good for a look while it runs, exact once it has ended. */
struct ws_reader_counts {
	_Atomic uint64_t offered, dropped, received, bytes, freezes, losing, damaged;
	_Atomic uint64_t untold_kernel,
		untold_writer;	    /* lost, and no packet's drop count says it */
	atomic_uint looks;	    /* of the shared ones, the last that these counts are for */
	_Atomic uint64_t truncated; /* by the snap length, or because they did not fit the ring */
	_Atomic uint64_t filtered;  /* came after the limit was reached */
	_Atomic uint64_t dropped_writer; /* no chunk was free */
	_Atomic uint64_t late;		 /* stamped before one that had been handed over already */
	_Atomic uint64_t origins[WS_ORIGIN_COUNT];
	_Atomic uint64_t lost_spread; /* drop counts that are sums over several losses */
	atomic_uint fill;	      /* of the ring, in thousandths */
};

struct ws_reader {
	struct ws_reader_config c;
	struct ws_reader_counts counts;
	/* Every packet that was stamped before this by the system's clock has been handed over: ns of
	 * CLOCK_REALTIME. INT64_MIN: nothing is known yet. */
	_Atomic int64_t watermark_ns;
	atomic_uint downs; /* times that the interface went down */
	atomic_uint ups;   /* times that packets came again after that */
	atomic_int error;  /* why it ended before it was told to: -ENODEV, ... */
	atomic_int done;
	/* the reader's own */
	struct ws_chunk *chunk;
	int64_t chunk_since_ns; /* CLOCK_MONOTONIC, of the first packet in chunk */
	int64_t chunk_first_ns; /* earliest stamp of the system's clock in chunk */
	int64_t seen_ns;	/* CLOCK_REALTIME when it last began to look, if merged */
	uint32_t order_from;	/* blocks of chunk before this are from before the clock was set */
	int64_t last_ns[WS_CHUNK_IDS];	       /* youngest stamps since then; INT64_MIN: none */
	int64_t gone_ns[WS_CHUNK_IDS];	       /* youngest ones that have been handed over */
	uint64_t untold_kernel, untold_writer; /* for the next packet that is written */
	bool untold_spread;		       /* some of them were lost still earlier */
	uint64_t received, bytes, truncated, filtered, dropped_writer, late, lost_spread;
	uint64_t origins[WS_ORIGIN_COUNT];
	int64_t published_ns;
	unsigned gathered; /* packets since there was last nothing to read */
	int64_t nap_ns;	   /* how long packets may gather */
	bool is_down;
	uint8_t *scratch; /* one block */
};

/* 0 or -ENOMEM. */
int ws_reader_init(struct ws_reader *r, const struct ws_reader_config *config);
/* Runs until it is told to stop, the limit is reached or the interface is gone; then everything that
 * was received has been handed over, and the counts are final. */
void ws_reader_run(struct ws_reader *r);
void ws_reader_free(struct ws_reader *r);
