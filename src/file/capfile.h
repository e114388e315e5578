/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a capture goes: a file, a series of files, or a pipe. Knows blocks only as far as it has to:
 * a file that cannot be written on is cut back to its last whole block. One thread at a time.
 * Nothing here prints.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ws_capfile;

enum ws_compress { WS_COMPRESS_NONE, WS_COMPRESS_ZSTD };

struct ws_capfile_config {
	const char *path; /* "-": standard output. A device or FIFO is written to as it is */
	/*
	 * A series: "name.pcapng" becomes "name_00001_20261122T023000Z.pcapng" and so on (number,
	 * then the UTC second at which it begins; what follows the last component's first dot stays
	 * at the end). Only for regular files: -EINVAL with "-", and for devices and FIFOs.
	 */
	bool series;
	unsigned
		keep; /* files of the series that stay; older ones of this run are removed. 0: all */
	enum ws_compress compress;
	/* Regular files that are made are given to this user if has_owner (best effort). */
	bool has_owner;
	uid_t uid;
	gid_t gid;
};

/* 0, -EINVAL (see series), -ENOMEM. Opens nothing yet, except that it finds out what path is. */
int ws_capfile_new(struct ws_capfile **ret, const struct ws_capfile_config *config);

/*
 * Begins the first file: makes or truncates it and writes header (whole blocks). wall_ns: UTC, for
 * the name. 0 or -errno; then nothing has changed, and it may be tried again.
 */
int ws_capfile_begin(struct ws_capfile *f, int64_t wall_ns, const void *header, size_t len);

/*
 * Writes whole pcapng blocks. 0; or -errno (-ENOSPC, -EPIPE, -EFBIG, -EIO, ...): then the file has
 * been cut back to the last whole block (a regular file; a pipe cannot be), and *ret_kept is how
 * many bytes of these blocks stay in it. After an error only ws_capfile_end() and free may be called.
 * With compression the cut is at the last compressed frame's end, which may lie before these blocks:
 * *ret_lost is then how many bytes of blocks of earlier calls went with it. Both are set always.
 */
int ws_capfile_write(
	struct ws_capfile *f, const void *blocks, size_t len, size_t *ret_kept, uint64_t *ret_lost);

/*
 * Goes on in the next file of the series: makes it and writes header there, then writes footer to
 * the current one and closes it. On an error (-EACCES, -ENOSPC, ...) the current file stays in use
 * without the footer. Also removes the oldest file beyond `keep`.
 */
int ws_capfile_rotate(struct ws_capfile *f, int64_t wall_ns, const void *header, size_t header_len,
	const void *footer, size_t footer_len);

/* Makes what was written visible to a reader of the file or pipe (compression holds data back). */
int ws_capfile_flush(struct ws_capfile *f);

/* Writes the footer, unless writing has failed before, and closes the file. 0 or -errno. */
int ws_capfile_end(struct ws_capfile *f, const void *footer, size_t len);

/* Bytes in the current file (compressed ones; up to a compressor's buffer behind). */
uint64_t ws_capfile_bytes(const struct ws_capfile *f);
/* The current file's path, or the last one's after the end; "-" for standard output. */
const char *ws_capfile_path(const struct ws_capfile *f);
/* Files begun so far. */
unsigned ws_capfile_count(const struct ws_capfile *f);
/* Accepts NULL; closes without a footer. */
void ws_capfile_free(struct ws_capfile *f);
