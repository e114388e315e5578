/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory that keeps a run. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct ws_outdir {
	int fd; /* -1: not open */
	const char *path;
	bool written; /* it holds a result */
};

/*
 * Makes the directory, which must not exist. Under sudo it belongs to the invoking user. Returns 0
 * or -errno (-EEXIST...).
 */
int ws_outdir_create(struct ws_outdir *dir, const char *path);
/*
 * Writes run.json by print (0 or -errno): complete or not at all (a temporary file, then rename), so that what a former
 * call wrote is not lost. 0 or -errno (-ENOSPC...).
 */
int ws_outdir_write(
	struct ws_outdir *dir, int (*print)(FILE *out, const void *report), const void *report);
/* Closes it; removes it if nothing was written. */
void ws_outdir_close(struct ws_outdir *dir);
