/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory that keeps a run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct ws_outdir {
	int fd; /* -1: not open */
	const char *path;
	bool written; /* it holds a result */
	int room;     /* a file without a name that keeps room for run.json; -1: none */
	uint64_t room_bytes;
};

/*
 * Makes the directory, which must not exist. Under sudo it belongs to the invoking user. Returns 0
 * or -errno (-EEXIST...).
 */
int ws_outdir_create(struct ws_outdir *dir, const char *path);
/*
 * Keeps so much room for run.json that what else is written there cannot take it: half as much, and so on, if
 * there is less; nothing where the file system knows no files without a name. Room is kept until the next
 * call or ws_outdir_close().
 */
void ws_outdir_keep_room(struct ws_outdir *dir, uint64_t bytes);
/*
 * Writes run.json by print (0 or -errno): complete or not at all (a temporary file, then rename), so that what a former
 * call wrote is not lost. 0 or -errno (-ENOSPC...).
 */
int ws_outdir_write(
	struct ws_outdir *dir, int (*print)(FILE *out, const void *report), const void *report);
/* Closes it; removes it if nothing was written. */
void ws_outdir_close(struct ws_outdir *dir);
