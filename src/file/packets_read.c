// SPDX-License-Identifier: BSD-2-Clause
#include "file/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/packets_own.h"

int ws_packets_read_at(int fd, void *buf, size_t len, uint64_t at)
{
	char *to = buf;

	while (len > 0) {
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (n == 0) {
			return -EIO;
		}
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		if (n > 0) {
			to += n;
			at += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Some file systems have files that cannot be mapped. */
static void *copy_of(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	if (p == MAP_FAILED) {
		return p;
	}
	r = ws_packets_read_at(fd, p, size, 0);
	if (r < 0) {
		munmap(p, size);
		errno = -r;
		return MAP_FAILED;
	}
	return p;
}

static int open_plain(int dirfd, const char *name)
{
	int fd;

	do {
		/* A FIFO of that name must not hold us up. */
		fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

static int refuse(int r, char *why, unsigned why_size, const char *clause)
{
	snprintf(why, why_size, "%s", clause);
	return r;
}

int ws_packets_open(
	struct ws_packets_reader *ret, int dirfd, const char *name, char *why, unsigned why_size)
{
	int fd = open_plain(dirfd, name), r;
	bool copied = false;
	struct stat st;
	void *map;

	if (fd < 0) {
		return refuse(fd, why, why_size, strerror(-fd));
	}
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return refuse(r, why, why_size, strerror(-r));
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return refuse(-EBADMSG, why, why_size, "it is not a regular file");
	}
	if (st.st_size == 0) {
		close(fd);
		return ws_packets_look(ret, NULL, 0, why, why_size);
	}
	if ((uint64_t)st.st_size > SIZE_MAX) {
		close(fd);
		return refuse(-EFBIG, why, why_size, strerror(EFBIG));
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED && (errno == ENODEV || errno == EACCES)) {
		map = copy_of(fd, (size_t)st.st_size);
		copied = true;
	}
	r = map == MAP_FAILED ? -errno : 0;
	close(fd);
	if (r < 0) {
		return refuse(r, why, why_size, strerror(-r));
	}
	r = ws_packets_look(ret, map, (uint64_t)st.st_size, why, why_size);
	if (r < 0) {
		munmap(map, (size_t)st.st_size);
		return r;
	}
	ret->copied = copied;
	return 0;
}

void ws_packets_get(const struct ws_packets_reader *r, uint64_t i, struct ws_packet_row *ret)
{
	ws_packets_decode(ret, r->map + r->offset + i * WS_PACKETS_ROW);
}

void ws_packets_forget(const struct ws_packets_reader *r, uint64_t before)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end = r->offset + (before < r->rows ? before : r->rows) * WS_PACKETS_ROW;

	/* They come back from the page cache; of a copy nothing would. */
	if (!r->copied) {
		(void)madvise(
			(void *)(uintptr_t)r->map, (size_t)(end / page * page), MADV_DONTNEED);
	}
}

void ws_packets_close(struct ws_packets_reader *r)
{
	if (r->map) {
		munmap((void *)(uintptr_t)r->map, (size_t)r->size);
	}
	*r = (struct ws_packets_reader){0};
}
