/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory of its own for each test, and what is in it. */
#pragma once

#include <stddef.h>

#include "unit/blocks.h"

/* For cmocka: makes a directory and goes there; leaves and removes it, and lifts the limit. */
int scratch_enter(void **state);
int scratch_leave(void **state);
const char *scratch_path(void);
/* Files and directories in the working directory; removes them, directories only if they are empty. */
unsigned scratch_files(void);
void scratch_empty(void);
/* From now on files can be no longer than this; RLIM_INFINITY lifts it. */
void scratch_limit(unsigned long bytes);
/* A file's whole content; it is there, or the test fails. */
struct blocks scratch_read(const char *path);
/* The file holds these n parts, one after the other, and nothing else. */
void scratch_expect(const char *path, const struct blocks *parts, unsigned n);
