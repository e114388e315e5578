// SPDX-License-Identifier: BSD-2-Clause
#include "file/capfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/pcapng.h"
#include "file/series.h"
#include "file/sink.h"
#include "file/zpack.h"

/* A piece of compression is complete when it holds so much: a cut costs less, but for one call. */
#define PIECE_BYTES (1 << 20)

enum kind { KIND_STDOUT, KIND_STREAM, KIND_REGULAR };

/* One open file. */
struct target {
	struct ws_sink sink;
	struct ws_zpack *z;	      /* NULL: no compression */
	struct ws_series_file *entry; /* of a series, else NULL */
	char *path;		      /* as the user would type it */
	bool made;		      /* by us: was not there before */
};

struct ws_capfile {
	enum kind kind;
	bool series;
	bool compress;
	unsigned keep;
	bool has_owner;
	uid_t uid;
	gid_t gid;
	int dir_fd;	      /* of the directory, found once; -1 for standard output */
	char *prefix;	      /* the directory as it was typed, with its slash; may be empty */
	char *base;	      /* the rest of the path */
	struct target now;    /* the file in use */
	struct ws_series old; /* its files, the one in use included, if some are to be removed */
	unsigned count;
	uint64_t lost;
	int failed; /* why nothing can be written any more: -errno */
	int late;   /* what closing an earlier file said */
};

static char *join(const char *a, const char *b)
{
	size_t len = strlen(a), size = strlen(b) + 1;
	char *s = malloc(len + size);

	if (s) {
		memcpy(s, a, len);
		memcpy(s + len, b, size);
	}
	return s;
}

static int find_kind(struct ws_capfile *f, const char *path)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		f->kind = KIND_STDOUT;
	} else if (stat(path, &st) < 0) {
		/* What is not there will be made. */
		if (errno != ENOENT) {
			return -errno;
		}
		f->kind = KIND_REGULAR;
	} else if (S_ISDIR(st.st_mode)) {
		return -EISDIR;
	} else {
		f->kind = S_ISREG(st.st_mode) ? KIND_REGULAR : KIND_STREAM;
	}
	return f->series && f->kind != KIND_REGULAR ? -EINVAL : 0;
}

/* Sets prefix, base and dir_fd. */
static int find_directory(struct ws_capfile *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	f->prefix = strndup(path, (size_t)(base - path));
	f->base = strdup(base);
	if (!f->prefix || !f->base) {
		return -ENOMEM;
	}
	if (f->kind == KIND_STDOUT) {
		return 0;
	}
	if (*base == '\0') {
		return slash ? -EISDIR : -ENOENT;
	}
	/* Needs no right to read it; and files are made with the rights of then, not of now. */
	f->dir_fd = open(slash ? f->prefix : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return f->dir_fd < 0 ? -errno : 0;
}

int ws_capfile_new(struct ws_capfile **ret, const struct ws_capfile_config *config)
{
	struct ws_capfile *f = malloc(sizeof(*f));
	int r;

	if (!f) {
		return -ENOMEM;
	}
	*f = (struct ws_capfile){
		.series = config->series,
		.compress = config->compress == WS_COMPRESS_ZSTD,
		.keep = config->series ? config->keep : 0,
		.has_owner = config->has_owner,
		.uid = config->uid,
		.gid = config->gid,
		.dir_fd = -1,
		.now.sink.fd = -1,
	};
	r = find_kind(f, config->path);
	if (r == 0) {
		r = find_directory(f, config->path);
	}
	if (r == 0) {
		f->now.path = strdup(config->path);
		r = f->now.path ? 0 : -ENOMEM;
	}
	if (r < 0) {
		ws_capfile_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

static int open_regular(const struct ws_capfile *f, const char *name, bool *ret_made)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
	int fd;

	if (f->series) {
		/* The names can be foreseen: in a directory like /tmp others may have put traps. */
		flags |= O_NOFOLLOW | O_NONBLOCK;
	}
	do {
		/* That it is new decides whether it is given away, and removed if it stays empty. */
		fd = openat(f->dir_fd, name, flags | O_EXCL, 0666);
		*ret_made = fd >= 0;
		if (fd < 0 && errno == EEXIST) {
			fd = openat(f->dir_fd, name, flags | O_TRUNC, 0666);
		}
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* Returns a descriptor or -errno. */
static int open_target(const struct ws_capfile *f, const char *name, bool *ret_made)
{
	int fd;

	*ret_made = false;
	switch (f->kind) {
	case KIND_STDOUT:
		/* A copy, so that closing it can say what closing says. */
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		break;
	case KIND_STREAM:
		/* Waits for the reader of a FIFO, until a signal comes. */
		fd = openat(f->dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		break;
	default:
		return open_regular(f, name, ret_made);
	}
	return fd < 0 ? -errno : fd;
}

/* Closes; with an entry of a series or a file that was made, removes it. */
static void discard(const struct ws_capfile *f, struct target *t)
{
	(void)ws_sink_close(&t->sink);
	ws_zpack_free(t->z);
	if (t->made) {
		(void)unlinkat(f->dir_fd, t->entry ? t->entry->name : f->base, 0);
	}
	free(t->entry);
	free(t->path);
}

/* How many of the first done bytes of blocks are whole blocks. */
static size_t whole(const uint8_t *blocks, size_t len, size_t done)
{
	struct ws_pcapng_block b;
	size_t off = 0;

	while (ws_pcapng_look(blocks + off, len - off, &b) && off + b.len <= done) {
		off += b.len;
	}
	return off;
}

/* Blocks at the beginning that make up a piece; all, if they are fewer. */
static size_t piece_of(const uint8_t *blocks, size_t len)
{
	struct ws_pcapng_block b;
	size_t off = 0;

	while (off < PIECE_BYTES) {
		if (!ws_pcapng_look(blocks + off, len - off, &b)) {
			return len;
		}
		off += b.len;
	}
	return off;
}

static int put_plain(struct ws_sink *s, const uint8_t *blocks, size_t len, size_t *ret_kept)
{
	size_t done;
	int r = ws_sink_write(s, blocks, len, &done);

	*ret_kept = r < 0 ? whole(blocks, len, done) : len;
	if (r < 0) {
		ws_sink_cut(s, s->size - done + *ret_kept);
	}
	return r;
}

/* Pieces of their own, all of them complete. */
static int put_pieces(struct target *t, const uint8_t *blocks, size_t len, size_t *ret_kept)
{
	int r = 0;

	for (*ret_kept = 0; *ret_kept < len && r == 0;) {
		size_t n = piece_of(blocks + *ret_kept, len - *ret_kept);

		r = ws_zpack_add(t->z, &t->sink, blocks + *ret_kept, n);
		if (r == 0) {
			r = ws_zpack_complete(t->z, &t->sink);
		}
		if (r < 0) {
			ws_zpack_abandon(t->z, &t->sink);
		} else {
			*ret_kept += n;
		}
	}
	return r;
}

/* Writes blocks that are in the file when this returns 0; on an error the whole ones stay. */
static int put_now(struct target *t, const void *blocks, size_t len, size_t *ret_kept)
{
	return t->z ? put_pieces(t, blocks, len, ret_kept)
		    : put_plain(&t->sink, blocks, len, ret_kept);
}

/* Completes the open piece. On an error nothing can be written any more. */
static int complete(struct ws_capfile *f)
{
	struct target *t = &f->now;
	int r;

	if (!t->z) {
		return 0;
	}
	r = ws_zpack_complete(t->z, &t->sink);
	if (r < 0) {
		f->failed = r;
		f->lost += ws_zpack_open_bytes(t->z);
		ws_zpack_abandon(t->z, &t->sink);
	}
	return r;
}

/* Ends and closes the file in use. Nothing is held back any more. 0 or -errno. */
static int close_now(struct ws_capfile *f)
{
	struct target *t = &f->now;
	int r = t->z && f->failed == 0 ? ws_zpack_end(t->z, &t->sink) : 0, closed;

	ws_zpack_free(t->z);
	t->z = NULL;
	closed = ws_sink_close(&t->sink);
	return r < 0 ? r : closed;
}

/* Makes the next file with its header. On an error there is none. */
static int make(
	struct ws_capfile *f, int64_t wall_ns, const void *header, size_t len, struct target *ret)
{
	struct target t = {.sink.fd = -1};
	size_t kept;
	int fd, r;

	if (f->series) {
		t.entry = ws_series_name(f->base, f->count + 1, wall_ns);
		if (!t.entry) {
			return -ENOMEM;
		}
	}
	t.path = join(f->prefix, t.entry ? t.entry->name : f->base);
	r = t.path ? 0 : -ENOMEM;
	if (r == 0 && f->compress) {
		r = ws_zpack_new(&t.z);
	}
	if (r < 0) {
		goto fail;
	}
	fd = open_target(f, t.entry ? t.entry->name : f->base, &t.made);
	if (fd < 0) {
		r = fd;
		goto fail;
	}
	t.sink.fd = fd;
	r = ws_sink_init(&t.sink, fd, f->kind == KIND_STDOUT);
	if (r == 0 && f->series && !t.sink.regular) {
		r = -EEXIST;
	}
	if (r < 0) {
		goto fail;
	}
	if (t.made && f->has_owner && fchown(fd, f->uid, f->gid) < 0) {
		/* Best effort: the capture is worth more than whose it is. */
		errno = 0;
	}
	r = put_now(&t, header, len, &kept);
	if (r < 0) {
		ws_sink_cut(&t.sink, 0);
		goto fail;
	}
	*ret = t;
	return 0;
fail:
	discard(f, &t);
	return r;
}

/* Goes over to a file that was made. */
static void adopt(struct ws_capfile *f, struct target *t)
{
	free(f->now.path);
	f->now = *t;
	f->count++;
	if (f->keep > 0) {
		ws_series_add(&f->old, t->entry);
		ws_series_trim(&f->old, f->dir_fd, f->keep);
	} else {
		free(t->entry);
	}
	f->now.entry = NULL;
}

int ws_capfile_begin(struct ws_capfile *f, int64_t wall_ns, const void *header, size_t len)
{
	struct target t;
	int r = make(f, wall_ns, header, len, &t);

	if (r == 0) {
		adopt(f, &t);
	}
	return r;
}

int ws_capfile_write(
	struct ws_capfile *f, const void *blocks, size_t len, size_t *ret_kept, uint64_t *ret_lost)
{
	struct target *t = &f->now;
	uint64_t before = f->lost;
	int r = f->failed;

	*ret_kept = 0;
	*ret_lost = 0;
	if (r < 0) {
		return r;
	}
	if (!t->z || len >= PIECE_BYTES) {
		/* An open piece is completed before a large call, so that it holds whole calls. */
		r = complete(f);
		if (r == 0) {
			r = put_now(t, blocks, len, ret_kept);
		}
	} else {
		uint64_t earlier = ws_zpack_open_bytes(t->z);

		r = ws_zpack_add(t->z, &t->sink, blocks, len);
		if (r == 0 && earlier + len >= PIECE_BYTES) {
			r = ws_zpack_complete(t->z, &t->sink);
		}
		if (r < 0) {
			ws_zpack_abandon(t->z, &t->sink);
			f->lost += earlier;
		} else {
			*ret_kept = len;
		}
	}
	if (r < 0) {
		f->failed = r;
		*ret_lost = f->lost - before;
	}
	return r;
}

int ws_capfile_rotate(struct ws_capfile *f, int64_t wall_ns, const void *header, size_t header_len,
	const void *footer, size_t footer_len)
{
	struct target t;
	uint64_t size;
	size_t kept;
	int r = f->failed;

	if (r == 0 && f->kind != KIND_REGULAR) {
		r = -EINVAL;
	}
	if (r == 0) {
		r = complete(f);
	}
	if (r == 0) {
		bool series = f->series;

		/* Who has moved the file away, as logrotate does, expects a new one in its place. */
		f->series = series || faccessat(f->dir_fd, f->base, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
		r = make(f, wall_ns, header, header_len, &t);
		f->series = r < 0 ? series : f->series;
	}
	if (r < 0) {
		return r;
	}
	size = f->now.sink.size;
	r = put_now(&f->now, footer, footer_len, &kept);
	if (r < 0) {
		/* With compression it has been cut, to pieces: a footer is one. */
		if (!f->now.z) {
			ws_sink_cut(&f->now.sink, size);
		}
		discard(f, &t);
		return r;
	}
	r = close_now(f);
	if (r < 0) {
		/* The new file is in use all the same. */
		f->late = r;
	}
	adopt(f, &t);
	return 0;
}

int ws_capfile_flush(struct ws_capfile *f)
{
	return f->failed < 0 ? f->failed : complete(f);
}

int ws_capfile_end(struct ws_capfile *f, const void *footer, size_t len)
{
	struct target *t = &f->now;
	int r = f->failed, closed;
	size_t kept;

	if (t->sink.fd < 0) {
		return 0;
	}
	if (r == 0) {
		r = complete(f);
		if (r == 0) {
			r = put_now(t, footer, len, &kept);
		}
		if (r == 0 && t->z) {
			r = ws_zpack_end(t->z, &t->sink);
		}
		if (r == 0) {
			/* Some file systems tell only now that there was no room. */
			r = ws_sink_sync(&t->sink);
		}
	} else {
		/* That has been told. */
		r = 0;
	}
	closed = close_now(f);
	r = r < 0 ? r : closed;
	r = r < 0 ? r : f->late;
	f->late = 0;
	return r;
}

uint64_t ws_capfile_bytes(const struct ws_capfile *f)
{
	return f->now.sink.size;
}

uint64_t ws_capfile_lost(const struct ws_capfile *f)
{
	return f->lost;
}

const char *ws_capfile_path(const struct ws_capfile *f)
{
	return f->now.path;
}

unsigned ws_capfile_count(const struct ws_capfile *f)
{
	return f->count;
}

void ws_capfile_free(struct ws_capfile *f)
{
	if (!f) {
		return;
	}
	if (f->now.sink.fd >= 0) {
		(void)close_now(f);
	}
	if (f->dir_fd >= 0) {
		close(f->dir_fd);
	}
	ws_series_free(&f->old);
	free(f->now.path);
	free(f->prefix);
	free(f->base);
	free(f);
}
