/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of the files of a series, and which of them are to be removed. */
#pragma once

#include <stdint.h>

struct ws_series_file {
	struct ws_series_file *next;
	char name[]; /* in the series' directory */
};

/* The files that are there, the oldest first. */
struct ws_series {
	struct ws_series_file *first, *last;
	unsigned count;
};

/*
 * The name of file number (from 1) that begins at wall_ns (UTC): "base_00001_20261122T023000Z". What
 * follows base's first dot stays at the end; dots at its beginning are part of the name. NULL if
 * there is no memory; freed by free() unless it is added.
 */
struct ws_series_file *ws_series_name(const char *base, unsigned number, int64_t wall_ns);
/* Takes over file as the newest. */
void ws_series_add(struct ws_series *s, struct ws_series_file *file);
/*
 * Removes the oldest files from the directory until keep are left. What cannot be removed is tried
 * again the next time.
 */
void ws_series_trim(struct ws_series *s, int dir_fd, unsigned keep);
/* Forgets all; the files stay. */
void ws_series_free(struct ws_series *s);
