// SPDX-License-Identifier: BSD-2-Clause
#include "file/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

int ws_sink_init(struct ws_sink *s, int fd, bool shared)
{
	struct ws_sink sink = {.fd = fd, .shared = shared};
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	sink.regular = S_ISREG(st.st_mode);
	if (sink.regular && shared) {
		int flags = fcntl(fd, F_GETFL);

		sink.appends = flags >= 0 && flags & O_APPEND;
		sink.base = sink.appends ? st.st_size : lseek(fd, 0, SEEK_CUR);
		sink.regular = sink.base >= 0;
	}
	*s = sink;
	return 0;
}

static int wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

int ws_sink_write(struct ws_sink *s, const void *data, size_t len, size_t *ret_done)
{
	const char *from = data;
	size_t done = 0;
	int r = 0;

	while (done < len && r == 0) {
		ssize_t n = write(s->fd, from + done, len - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0) {
			/* No file system does that; it would be tried for ever. */
			r = -EIO;
		} else if (errno == EAGAIN) {
			r = wait_writable(s->fd);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	s->size += done;
	*ret_done = done;
	return r;
}

void ws_sink_cut(struct ws_sink *s, uint64_t size)
{
	off_t want = s->base + (off_t)size;
	struct stat st;

	if (!s->regular || size >= s->size || fstat(s->fd, &st) < 0) {
		return;
	}
	/*
	 * What others wrote after us stays. And a file that is shorter than we know was lost in
	 * part already (a server that ran out of space): to cut it there would append zeros.
	 */
	if (s->shared ? st.st_size != s->base + (off_t)s->size : st.st_size <= want) {
		return;
	}
	while (ftruncate(s->fd, want) < 0) {
		if (errno != EINTR) {
			return;
		}
	}
	/* Whoever writes next to the same descriptor shall leave no hole. */
	(void)lseek(s->fd, want, SEEK_SET);
	s->size = size;
}

bool ws_sink_rewritable(const struct ws_sink *s)
{
	return s->regular && !s->appends;
}

int ws_sink_back(struct ws_sink *s, size_t n)
{
	if (lseek(s->fd, s->base + (off_t)(s->size - n), SEEK_SET) < 0) {
		return -errno;
	}
	s->size -= n;
	return 0;
}

void ws_sink_end_at(struct ws_sink *s, uint64_t at, const void *data, size_t len)
{
	const char *from = data;

	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(s->fd, from + done, len - done, s->base + (off_t)(at + done));

		if (n <= 0 && errno != EINTR) {
			return;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (s->size < at + len) {
		s->size = at + len;
	}
	(void)lseek(s->fd, s->base + (off_t)s->size, SEEK_SET);
	ws_sink_cut(s, at + len);
}

int ws_sink_sync(struct ws_sink *s)
{
	if (!s->regular) {
		return 0;
	}
	while (fsync(s->fd) < 0) {
		if (errno != EINTR) {
			/* File systems that have nothing to bring anywhere. */
			return errno == EINVAL || errno == ENOSYS ? 0 : -errno;
		}
	}
	return 0;
}

int ws_sink_close(struct ws_sink *s)
{
	int fd = s->fd;

	s->fd = -1;
	/* After a signal it is closed, too, on Linux. */
	return fd >= 0 && close(fd) < 0 && errno != EINTR ? -errno : 0;
}
