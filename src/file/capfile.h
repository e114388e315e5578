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
	 * at the end; dots at its beginning are part of the name). Only for regular files: -EINVAL
	 * with "-", and for devices and FIFOs. Symbolic links in the place of its files are not
	 * followed (-ELOOP).
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

/*
 * 0, -EINVAL (see series), -ENOMEM, -EISDIR, or why the path's directory cannot be found. Opens
 * nothing yet but that directory: later changes of the working directory do not matter.
 */
int ws_capfile_new(struct ws_capfile **ret, const struct ws_capfile_config *config);

/*
 * Begins the first file: makes or truncates it and writes header (whole blocks). wall_ns: UTC, for
 * the name. 0 or -errno; then no new file is left behind (one that was there is empty), and it may
 * be tried again. Opening a FIFO waits for its reader, but not beyond a signal: -EINTR.
 */
int ws_capfile_begin(struct ws_capfile *f, int64_t wall_ns, const void *header, size_t len);

/*
 * Writes whole pcapng blocks. 0; or -errno (-ENOSPC, -EPIPE, -EFBIG, -EIO, ...): then the file has
 * been cut back to the last whole block (a regular file; a pipe cannot be), and *ret_kept is how
 * many bytes of these blocks stay in it. After an error only ws_capfile_end() and free may be called.
 * With compression the cut is where it was last complete, which may lie before these blocks:
 * *ret_lost is then how many bytes of blocks of earlier calls went with it: always those of the
 * last calls, whole ones, in sum less than 1 MiB. Both are set always. Signals do not end it.
 */
int ws_capfile_write(
	struct ws_capfile *f, const void *blocks, size_t len, size_t *ret_kept, uint64_t *ret_lost);

/*
 * Goes on in the next file of the series (without one: in a new file of the same name if the old one
 * has been moved away, else in number 2 of a series that begins so; -EINVAL if it is no regular file):
 * makes it and writes header there, then writes footer to
 * the current one and closes it. On an error (-EACCES, -ENOSPC, ...) the current file stays in use
 * without the footer; with compression what it held back may be lost (see ws_capfile_lost()), and
 * then writing has failed. Also removes the oldest file beyond `keep`. What closing says of a file
 * (a server that ran out of space) is told by ws_capfile_end().
 */
int ws_capfile_rotate(struct ws_capfile *f, int64_t wall_ns, const void *header, size_t header_len,
	const void *footer, size_t footer_len);

/*
 * Makes what was written visible to a reader of the file or pipe (compression holds data back). 0 or
 * -errno, which is as if ws_capfile_write() had failed: see ws_capfile_lost().
 */
int ws_capfile_flush(struct ws_capfile *f);

/*
 * Writes the footer and brings the file to the disk, unless writing has failed before, and closes it.
 * 0 or -errno: of the footer, which is cut back to whole blocks; of what compression held back (see
 * ws_capfile_lost()); or of a file system that tells only now that it could not keep what it took
 * (-EIO, on a server -ENOSPC): how much of the file is good is not known then. An error that
 * ws_capfile_write() has told is not told again.
 */
int ws_capfile_end(struct ws_capfile *f, const void *footer, size_t len);

/*
 * Bytes of blocks that ws_capfile_write() took and that are not in the file after an error: 0 without
 * compression. Those that were told in *ret_lost included.
 */
uint64_t ws_capfile_lost(const struct ws_capfile *f);

/* Bytes in the current file (compressed ones; up to a compressor's buffer behind). */
uint64_t ws_capfile_bytes(const struct ws_capfile *f);
/* The current file's path, or the last one's after the end; "-" for standard output. */
const char *ws_capfile_path(const struct ws_capfile *f);
/* Files begun so far. */
unsigned ws_capfile_count(const struct ws_capfile *f);
/* Accepts NULL; closes without a footer. What is on the way to the disk is not waited for. */
void ws_capfile_free(struct ws_capfile *f);
