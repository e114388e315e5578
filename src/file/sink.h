/* SPDX-License-Identifier: BSD-2-Clause */
/* Where bytes go: a descriptor, how far it has been written, and what to do when it cannot be. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ws_sink {
	int fd;	       /* -1: none */
	bool regular;  /* can be cut */
	bool appends;  /* is written at its end, wherever its position is */
	bool shared;   /* others may write to it, too: standard output */
	off_t base;    /* where our first byte stands; 0 unless shared */
	uint64_t size; /* bytes that we have written */
};

/* Takes over fd, which may be of any kind; ours alone unless shared. 0 or -errno. */
int ws_sink_init(struct ws_sink *s, int fd, bool shared);
/*
 * Writes all, through signals, short writes and descriptors that do not block. 0 or -errno;
 * *ret_done is how much was written either way.
 */
int ws_sink_write(struct ws_sink *s, const void *data, size_t len, size_t *ret_done);
/* Cuts a regular file back to the first size bytes of ours, as far as that is possible. */
void ws_sink_cut(struct ws_sink *s, uint64_t size);
/* True if what was written can be written over. */
bool ws_sink_rewritable(const struct ws_sink *s);
/* Goes back by n bytes, which are written over by what comes next. 0 or -errno. */
int ws_sink_back(struct ws_sink *s, size_t n);
/*
 * Writes data over what is, or was, at `at`, and cuts the file behind it, as far as that is possible:
 * for one that was gone back in.
 */
void ws_sink_end_at(struct ws_sink *s, uint64_t at, const void *data, size_t len);
/* Brings what was written to the disk, if there is one. 0 or -errno. */
int ws_sink_sync(struct ws_sink *s);
/* Closes. 0 or -errno, which some file systems tell only here. */
int ws_sink_close(struct ws_sink *s);
