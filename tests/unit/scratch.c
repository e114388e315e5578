// SPDX-License-Identifier: BSD-2-Clause
#include "unit/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char home[64];

const char *scratch_path(void)
{
	return home;
}

struct blocks scratch_read(const char *path)
{
	struct blocks b = {0};
	int fd = open(path, O_RDONLY);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	b.len = (size_t)st.st_size;
	b.data = malloc(b.len + 1);
	assert_non_null(b.data);
	assert_int_equal(read(fd, b.data, b.len), b.len);
	close(fd);
	return b;
}

void scratch_expect(const char *path, const struct blocks *parts, unsigned n)
{
	struct blocks got = scratch_read(path);
	size_t off = 0;

	for (unsigned i = 0; i < n; i++) {
		assert_true(off + parts[i].len <= got.len);
		assert_memory_equal(got.data + off, parts[i].data, parts[i].len);
		off += parts[i].len;
	}
	assert_int_equal(off, got.len);
	blocks_free(&got);
}

unsigned scratch_files(void)
{
	DIR *dir = opendir(".");
	unsigned n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	}
	closedir(dir);
	return n;
}

void scratch_empty(void)
{
	DIR *dir = opendir(".");

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			unlink(e->d_name) < 0) {
			assert_int_equal(rmdir(e->d_name), 0);
		}
	}
	closedir(dir);
}

void scratch_limit(unsigned long bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes == RLIM_INFINITY ? l.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

int scratch_enter(void **state)
{
	(void)state;
	snprintf(home, sizeof(home), "/tmp/wirestamp-test-XXXXXX");
	return mkdtemp(home) && chdir(home) == 0 ? 0 : -1;
}

int scratch_leave(void **state)
{
	(void)state;
	scratch_limit(RLIM_INFINITY);
	if (chdir(home) < 0) {
		return -1;
	}
	scratch_empty();
	return chdir("/") == 0 && rmdir(home) == 0 ? 0 : -1;
}
