/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "run.json.tmp"

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
	*dir = (struct ws_outdir){.fd = -1, .path = path};
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

int ws_outdir_write(
	struct ws_outdir *dir, int (*print)(FILE *out, const void *report), const void *report)
{
	FILE *f;
	int fd, rc;

	fd = openat(
		dir->fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
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
	errno = 0;
	rc = print(f, report);
	/* A full disk may show only when the last bytes are written, or reach the disk. */
	if (rc == 0 && (fflush(f) != 0 || fsync(fileno(f)) < 0)) {
		rc = -errno;
	}
	if (rc < 0 && errno) {
		rc = -errno;
	}
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

void ws_outdir_close(struct ws_outdir *dir)
{
	if (dir->fd < 0) {
		return;
	}
	close(dir->fd);
	dir->fd = -1;
	if (!dir->written) {
		(void)rmdir(dir->path);
	}
}
