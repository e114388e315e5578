/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY  "run.json.tmp"
#define ROOM_LEAST 65536

/* Files that root writes for a user belong to that user. */
static void give_to_invoker(int fd)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");

	if (geteuid() == 0 && uid && gid) {
		/* Best effort: the file is complete either way. */
		if (fchown(fd, (uid_t)strtoul(uid, NULL, 10), (gid_t)strtoul(gid, NULL, 10)) < 0) {
			return;
		}
	}
}

int ws_outdir_create(struct ws_outdir *dir, const char *path)
{
	*dir = (struct ws_outdir){.fd = -1, .path = path, .room = -1};
	if (mkdir(path, 0777) < 0) {
		return -errno;
	}
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir->fd < 0) {
		int r = -errno;

		(void)rmdir(path);
		return r;
	}
	give_to_invoker(dir->fd);
	return 0;
}

static void give_room(struct ws_outdir *dir)
{
	if (dir->room >= 0) {
		close(dir->room);
		dir->room = -1;
	}
}

static void take_room(struct ws_outdir *dir)
{
	give_room(dir);
	if (!dir->room_bytes) {
		return;
	}
	dir->room = openat(dir->fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	for (uint64_t n = dir->room_bytes; dir->room >= 0 && n >= ROOM_LEAST; n /= 2) {
		if (fallocate(dir->room, 0, 0, (off_t)n) == 0) {
			return;
		}
	}
	give_room(dir);
}

void ws_outdir_keep_room(struct ws_outdir *dir, uint64_t bytes)
{
	dir->room_bytes = bytes;
	take_room(dir);
}

/* What has no name yet gets the temporary one. */
static int name_room(const struct ws_outdir *dir, int fd)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)unlinkat(dir->fd, TEMPORARY, 0);
	return linkat(AT_FDCWD, path, dir->fd, TEMPORARY, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int print_document(struct ws_outdir *dir, FILE *f,
	int (*print)(FILE *out, const void *report), const void *report, bool room)
{
	int rc;

	errno = 0;
	rc = print(f, report);
	/* A full disk may show only when the last bytes are written, or reach the disk. */
	if (rc == 0 && (fflush(f) != 0 || (room && ftruncate(fileno(f), ftello(f)) < 0) ||
			       fsync(fileno(f)) < 0)) {
		rc = -errno;
	}
	if (rc < 0 && errno) {
		rc = -errno;
	}
	return rc == 0 && room ? name_room(dir, fileno(f)) : rc;
}

/* Into the room that was kept, or else as a new file. Takes fd. */
static int write_document(struct ws_outdir *dir, int fd,
	int (*print)(FILE *out, const void *report), const void *report, bool room)
{
	FILE *f;
	int rc;

	if (fd < 0) {
		return -errno;
	}
	give_to_invoker(fd);
	f = fdopen(fd, "w");
	if (!f) {
		rc = -errno;
		close(fd);
		goto fail;
	}
	rc = print_document(dir, f, print, report, room);
	if (fclose(f) != 0 && rc == 0) {
		rc = -errno;
	}
	if (rc < 0) {
		goto fail;
	}
	if (renameat(dir->fd, TEMPORARY, dir->fd, "run.json") < 0) {
		rc = -errno;
		goto fail;
	}
	dir->written = true;
	return 0;
fail:
	(void)unlinkat(dir->fd, TEMPORARY, 0);
	return rc;
}

int ws_outdir_write(
	struct ws_outdir *dir, int (*print)(FILE *out, const void *report), const void *report)
{
	int room = dir->room, r = -ENOENT;

	dir->room = -1;
	if (room >= 0) {
		r = write_document(dir, room, print, report, true);
	}
	/* Larger than the room, or no /proc */
	if (r < 0) {
		r = write_document(dir,
			openat(dir->fd, TEMPORARY,
				O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666),
			print, report, false);
	}
	take_room(dir);
	return r;
}

void ws_outdir_close(struct ws_outdir *dir)
{
	if (dir->fd < 0) {
		return;
	}
	give_room(dir);
	close(dir->fd);
	dir->fd = -1;
	if (!dir->written) {
		(void)rmdir(dir->path);
	}
}
