/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writing thread of a capture: takes the readers' chunks, merges them by time when there are
 * several, and writes them to a file, a series of files or to whoever prints them. Each file is
 * complete: descriptions of the interfaces first, their statistics last.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/pcapng.h"
#include "file/capfile.h"
#include "run/capture_reader.h"

#define WS_WRITER_SOURCES 256

/* Who gets the blocks when there is no file. write: 0 or -errno; idle: nothing more for now. */
struct ws_block_printer {
	int (*write)(void *arg, const uint8_t *blocks, size_t len);
	int (*idle)(void *arg);
	void *arg;
};

struct ws_writer_config {
	struct ws_reader *const *readers;
	unsigned reader_count;
	/* Either a file or a printer. The file has been begun. */
	struct ws_capfile *file;
	const struct ws_block_printer *printer;
	const uint8_t *header; /* section and interfaces, for each file */
	size_t header_len;
	unsigned ids;	      /* interface descriptions in the header, from 0 on */
	uint64_t rotate_size; /* bytes of a file; 0: no limit */
	int64_t rotate_ns;    /* files change when UTC is a multiple of this; 0: never */
	int64_t started_ns;   /* CLOCK_REALTIME at which the first file began */
	int64_t hold_ns;      /* io and readers together hold a packet back no longer than this */
	int wake_fd;	      /* of a pipe, which the readers write to */
	bool compressed;      /* file may lose what it took before */
};

struct ws_writer {
	struct ws_writer_config c;
	/* each written by the writer alone */
	_Atomic uint64_t written[WS_WRITER_SOURCES]; /* packets of each reader in files */
	_Atomic uint64_t lost[WS_WRITER_SOURCES];    /* packets of each that could not be written */
	_Atomic uint64_t late;	 /* merged behind a younger packet of the same interface */
	_Atomic uint64_t bytes;	 /* in all files */
	atomic_int error;	 /* writing has failed: nothing more is written */
	atomic_int rotate_error; /* the last attempt to begin a file failed */
	atomic_uint rotate_failures, rotations;
	atomic_int done;
	/* asked for by others */
	atomic_uint rotate_now; /* counts requests */
	atomic_int finish;	/* the readers have ended and nic_dropped is filled in */
	uint64_t *nic_dropped;	/* for each id; UINT64_MAX: unknown; NULL: all unknown */
	/* the writer's own */
	struct ws_writer_own *own;
};

/* 0, -ENOMEM, or -EINVAL: more than WS_WRITER_SOURCES readers. w is not moved afterwards. */
int ws_writer_init(struct ws_writer *w, const struct ws_writer_config *config);
/* Runs until `finish` is set and everything has been written; ends the file. */
void ws_writer_run(struct ws_writer *w);
void ws_writer_free(struct ws_writer *w);
