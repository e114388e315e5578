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
/* Brings what was written to the disk, if there is one. 0 or -errno. */
int ws_sink_sync(struct ws_sink *s);
/* Closes. 0 or -errno, which some file systems tell only here. */
int ws_sink_close(struct ws_sink *s);
