// SPDX-License-Identifier: BSD-2-Clause
/*
 * Capture files in a real directory. A full disk is one of RLIMIT_FSIZE, which lets a write end at
 * any byte; errors of fsync() and close() are put in by the linker (--wrap).
 */
#include "file/capfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/blocks.h"
#include "unit/scratch.h"

#define WALL 1795314600000000000 /* 2026-11-22T02:30:00Z */
#define MIB  ((size_t)1 << 20)

static int fsync_error, close_error;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_fsync(int fd)
{
	errno = fsync_error;
	return fsync_error ? -1 : __real_fsync(fd);
}

int __wrap_close(int fd)
{
	int r = __real_close(fd), error = close_error;

	close_error = 0;
	errno = error ? error : errno;
	return error ? -1 : r;
}

static struct ws_capfile *make(const char *path, enum ws_compress compress)
{
	const struct ws_capfile_config config = {.path = path, .compress = compress};
	struct ws_capfile *f = NULL;

	assert_int_equal(ws_capfile_new(&f, &config), 0);
	return f;
}

static int refused(const char *path, bool series)
{
	const struct ws_capfile_config config = {.path = path, .series = series};
	struct ws_capfile *f = NULL;
	int r = ws_capfile_new(&f, &config);

	assert_null(f);
	return r;
}

static int begin(struct ws_capfile *f, const struct blocks *header)
{
	return ws_capfile_begin(f, WALL, header->data, header->len);
}

/* Writes what has to go well. */
static void put(struct ws_capfile *f, const void *data, size_t len)
{
	size_t kept;
	uint64_t lost;

	assert_int_equal(ws_capfile_write(f, data, len, &kept, &lost), 0);
	assert_int_equal(kept, len);
	assert_int_equal(lost, 0);
}

/* Without a series, as log rotation wants it: moved away, the name is used again; else numbers begin. */
static void test_rotation_without_a_series(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(100, 1, 1), blocks_footer(2)};
	struct ws_capfile *f = make("a.pcapng", WS_COMPRESS_NONE);

	(void)state;
	assert_int_equal(begin(f, &parts[0]), 0);
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(rename("a.pcapng", "moved"), 0);
	assert_int_equal(ws_capfile_rotate(
				 f, WALL, parts[0].data, parts[0].len, parts[2].data, parts[2].len),
		0);
	scratch_expect("moved", parts, 3);
	assert_string_equal(ws_capfile_path(f), "a.pcapng");
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_rotate(
				 f, WALL, parts[0].data, parts[0].len, parts[2].data, parts[2].len),
		0);
	scratch_expect("a.pcapng", parts, 3);
	assert_int_equal(strncmp(ws_capfile_path(f), "a_00003_", 8), 0);
	assert_int_equal(ws_capfile_count(f), 3);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	ws_capfile_free(f);
	for (size_t i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

static void test_a_file(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(3 * MIB, 1, 1), blocks_footer(2)};
	struct ws_capfile *f = make("a.pcapng", WS_COMPRESS_NONE);
	struct stat st;

	(void)state;
	assert_string_equal(ws_capfile_path(f), "a.pcapng");
	assert_int_equal(scratch_files(), 0);
	umask(027);
	assert_int_equal(begin(f, &parts[0]), 0);
	umask(022);
	assert_int_equal(stat("a.pcapng", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	/* A reader sees the header at once. */
	assert_int_equal(st.st_size, parts[0].len);
	assert_int_equal(ws_capfile_bytes(f), parts[0].len);
	assert_int_equal(ws_capfile_count(f), 1);
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_flush(f), 0);
	assert_int_equal(ws_capfile_bytes(f), parts[0].len + parts[1].len);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	assert_int_equal(ws_capfile_lost(f), 0);
	assert_string_equal(ws_capfile_path(f), "a.pcapng");
	scratch_expect("a.pcapng", parts, 3);
	ws_capfile_free(f);

	/* A second run replaces what is there, and its mode stays. */
	f = make("a.pcapng", WS_COMPRESS_NONE);
	assert_int_equal(begin(f, &parts[0]), 0);
	ws_capfile_free(f);
	scratch_expect("a.pcapng", parts, 1);
	assert_int_equal(stat("a.pcapng", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	ws_capfile_free(NULL);
	for (unsigned i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

static void test_paths_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(refused("", false), -ENOENT);
	assert_int_equal(refused(".", false), -EISDIR);
	assert_int_equal(refused("none/", false), -EISDIR);
	assert_int_equal(refused("none/a.pcapng", false), -ENOENT);
	assert_int_equal(refused("/dev/null/a.pcapng", false), -ENOTDIR);
	assert_int_equal(refused("-", true), -EINVAL);
	assert_int_equal(refused("/dev/null", true), -EINVAL);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(refused("fifo", true), -EINVAL);
}

static void test_devices(void **state)
{
	struct blocks header = blocks_header();
	struct ws_capfile *f = make("/dev/null", WS_COMPRESS_NONE);

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	put(f, header.data, header.len);
	assert_int_equal(ws_capfile_end(f, header.data, header.len), 0);
	ws_capfile_free(f);
	for (int compress = WS_COMPRESS_NONE; compress <= WS_COMPRESS_ZSTD; compress++) {
		f = make("/dev/full", compress);
		assert_int_equal(begin(f, &header), -ENOSPC);
		assert_int_equal(begin(f, &header), -ENOSPC);
		assert_int_equal(ws_capfile_count(f), 0);
		ws_capfile_free(f);
	}
	blocks_free(&header);
}

static void test_directory_is_found_once(void **state)
{
	struct blocks header = blocks_header();
	struct ws_capfile *f;

	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	f = make("sub/a.pcapng", WS_COMPRESS_NONE);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(begin(f, &header), 0);
	assert_string_equal(ws_capfile_path(f), "sub/a.pcapng");
	assert_int_equal(chdir(scratch_path()), 0);
	scratch_expect("sub/a.pcapng", &header, 1);
	ws_capfile_free(f);
	assert_int_equal(unlink("sub/a.pcapng"), 0);
	blocks_free(&header);
}

/* The disk is full at every byte of a file that is written by several calls. */
static void test_cut_back_at_every_byte(void **state)
{
	struct blocks header = blocks_header(), footer = blocks_footer(2);
	struct blocks all = blocks_packets(7000, 2, 1);
	size_t first = blocks_whole(all.data, 2000), middle;
	size_t second = blocks_whole(all.data + first, 2500), total;
	const size_t begins[] = {0, first, first + second},
		     lens[] = {first, second, all.len - first - second};

	(void)state;
	middle = header.len + all.len;
	total = middle + footer.len;
	assert_true(first > 0 && second > 0 && lens[2] > 0);
	for (size_t limit = 0; limit <= total; limit++) {
		struct ws_capfile *f = make("a.pcapng", WS_COMPRESS_NONE);
		size_t good = header.len, want;
		struct blocks got;
		int r;

		scratch_limit(limit);
		r = begin(f, &header);
		if (limit < header.len) {
			assert_int_equal(r, -EFBIG);
			assert_int_equal(scratch_files(), 0);
			scratch_limit(RLIM_INFINITY);
			/* It may be tried again. */
			assert_int_equal(begin(f, &header), 0);
			assert_int_equal(ws_capfile_count(f), 1);
			ws_capfile_free(f);
			assert_int_equal(unlink("a.pcapng"), 0);
			continue;
		}
		for (unsigned i = 0; i < 3 && r == 0; i++) {
			size_t kept = SIZE_MAX;
			uint64_t lost = UINT64_MAX;

			r = ws_capfile_write(f, all.data + begins[i], lens[i], &kept, &lost);
			assert_int_equal(r, limit < header.len + begins[i] + lens[i] ? -EFBIG : 0);
			assert_int_equal(lost, 0);
			good += kept;
		}
		want = limit < middle ? blocks_whole(all.data, limit - header.len) : all.len;
		assert_int_equal(good, header.len + want);
		assert_int_equal(ws_capfile_bytes(f), good);
		if (r < 0) {
			size_t kept = 1;
			uint64_t lost = 1;

			scratch_limit(RLIM_INFINITY);
			assert_int_equal(
				ws_capfile_write(f, all.data, first, &kept, &lost), -EFBIG);
			assert_int_equal(kept, 0);
			assert_int_equal(lost, 0);
			assert_int_equal(ws_capfile_flush(f), -EFBIG);
			/* The footer is not written any more, and the error not told again. */
			assert_int_equal(ws_capfile_end(f, footer.data, footer.len), 0);
		} else {
			r = ws_capfile_end(f, footer.data, footer.len);
			assert_int_equal(r, limit < total ? -EFBIG : 0);
			good += blocks_whole(footer.data, limit - middle);
			scratch_limit(RLIM_INFINITY);
		}
		got = scratch_read("a.pcapng");
		assert_int_equal(got.len, good);
		assert_memory_equal(got.data, header.data, header.len);
		assert_memory_equal(got.data + header.len, all.data, want);
		assert_int_equal(blocks_whole(got.data, got.len), got.len);
		blocks_free(&got);
		ws_capfile_free(f);
		assert_int_equal(unlink("a.pcapng"), 0);
	}
	blocks_free(&header);
	blocks_free(&footer);
	blocks_free(&all);
}

static void test_file_that_was_there_stays(void **state)
{
	struct blocks header = blocks_header();
	struct ws_capfile *f = make("a.pcapng", WS_COMPRESS_NONE);
	int fd = open("a.pcapng", O_WRONLY | O_CREAT, 0600);
	struct stat st;

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	scratch_limit(10);
	assert_int_equal(begin(f, &header), -EFBIG);
	scratch_limit(RLIM_INFINITY);
	/* It could not be made, but it was not ours to remove. */
	assert_int_equal(stat("a.pcapng", &st), 0);
	assert_int_equal(st.st_size, 0);
	ws_capfile_free(f);
	blocks_free(&header);
}

static void test_owner(void **state)
{
	struct blocks header = blocks_header();
	struct ws_capfile_config config = {
		.path = "a.pcapng", .has_owner = true, .uid = 12345, .gid = 54321};
	struct ws_capfile *f;
	struct stat st;

	(void)state;
	/* Those who may not give files away keep them. */
	for (int there = 0; there < 2; there++) {
		bool given = geteuid() == 0 && !there;

		if (there) {
			assert_int_equal(chown("a.pcapng", geteuid(), getegid()), 0);
		}
		assert_int_equal(ws_capfile_new(&f, &config), 0);
		assert_int_equal(begin(f, &header), 0);
		ws_capfile_free(f);
		assert_int_equal(stat("a.pcapng", &st), 0);
		assert_int_equal(st.st_uid, given ? 12345 : geteuid());
		assert_int_equal(st.st_gid, given ? 54321 : getegid());
	}
	blocks_free(&header);
}

static void test_disks_that_tell_late(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(5000, 4, 1), blocks_footer(3)};
	struct ws_capfile *f = make("a.pcapng", WS_COMPRESS_NONE);

	(void)state;
	assert_int_equal(begin(f, &parts[0]), 0);
	fsync_error = ENOSPC;
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), -ENOSPC);
	/* File systems without fsync() have no such news. */
	fsync_error = EINVAL;
	assert_int_equal(begin(f, &parts[0]), 0);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	fsync_error = 0;
	assert_int_equal(begin(f, &parts[0]), 0);
	close_error = EDQUOT;
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), -EDQUOT);
	ws_capfile_free(f);
	scratch_expect("a.pcapng", (struct blocks[]){parts[0], parts[2]}, 2);

	for (unsigned i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

static void on_signal(int number)
{
	(void)number;
}

/* A process that copies everything from fd to a file, and sends us signals all the time. */
static pid_t start_reader(int fd, int other, const char *path)
{
	pid_t parent = getpid(), child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		char buf[1500];
		ssize_t n;

		if (other >= 0) {
			close(other);
		}
		if (fd < 0) {
			fd = open("fifo", O_RDONLY);
		}
		while ((n = read(fd, buf, sizeof(buf))) > 0 && write(out, buf, (size_t)n) == n) {
			kill(parent, SIGUSR1);
		}
		_exit(n == 0 ? 0 : 1);
	}
	return child;
}

static void expect_end_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		assert_int_equal(errno, EINTR);
	}
	assert_int_equal(status, 0);
}

static void test_fifo(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(2 * MIB, 5, 1), blocks_footer(1)};
	struct ws_capfile *f;
	pid_t reader;
	int r;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	f = make("fifo", WS_COMPRESS_NONE);
	reader = start_reader(-1, -1, "out");
	do {
		r = begin(f, &parts[0]);
	} while (r == -EINTR);
	assert_int_equal(r, 0);
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	assert_int_equal(ws_capfile_bytes(f), parts[0].len + parts[1].len + parts[2].len);
	ws_capfile_free(f);
	expect_end_of(reader);
	scratch_expect("out", parts, 3);

	/* The reader goes away. */
	f = make("fifo", WS_COMPRESS_NONE);
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_int_equal(begin(f, &parts[0]), 0);
	close(r);
	{
		size_t kept = 1;
		uint64_t lost = 1;

		assert_int_equal(
			ws_capfile_write(f, parts[1].data, parts[1].len, &kept, &lost), -EPIPE);
		assert_int_equal(kept, 0);
		assert_int_equal(lost, 0);
	}
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	ws_capfile_free(f);
	for (unsigned i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

/* Puts fd in the place of standard output; returns what was there. */
static int replace_stdout(int fd)
{
	int saved;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	return saved;
}

static void restore_stdout(int saved)
{
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

static void test_stdout_pipe_that_does_not_block(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(2 * MIB, 6, 1), blocks_footer(1)};
	struct ws_capfile *f = make("-", WS_COMPRESS_NONE);
	int ends[2], saved, r[3];
	size_t kept;
	uint64_t lost;
	pid_t reader;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	reader = start_reader(ends[0], ends[1], "out");
	saved = replace_stdout(ends[1]);
	r[0] = begin(f, &parts[0]);
	r[1] = ws_capfile_write(f, parts[1].data, parts[1].len, &kept, &lost);
	r[2] = ws_capfile_end(f, parts[2].data, parts[2].len);
	restore_stdout(saved);
	close(ends[0]);
	close(ends[1]);
	expect_end_of(reader);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(r[i], 0);
	}
	assert_string_equal(ws_capfile_path(f), "-");
	scratch_expect("out", parts, 3);
	ws_capfile_free(f);
	for (unsigned i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

/* Behind what others have written to the same file, at its position or appended to. */
static void stdout_file(int flags)
{
	struct blocks header = blocks_header(), all = blocks_packets(5000, 7, 1), got;
	size_t limit = 6 + header.len + all.len - 1, kept = 0, want;
	struct ws_capfile *f = make("-", WS_COMPRESS_NONE);
	int fd = open("out", O_WRONLY | O_CREAT | O_TRUNC | flags, 0600), saved, r[3];
	uint64_t lost = 1;

	assert_int_equal(write(fd, "before", 6), 6);
	scratch_limit(limit);
	saved = replace_stdout(fd);
	r[0] = begin(f, &header);
	r[1] = ws_capfile_write(f, all.data, all.len, &kept, &lost);
	r[2] = ws_capfile_end(f, header.data, header.len);
	restore_stdout(saved);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], -EFBIG);
	assert_int_equal(r[2], 0);
	assert_int_equal(lost, 0);
	want = blocks_whole(all.data, all.len - 1);
	got = scratch_read("out");
	assert_int_equal(kept, want);
	assert_int_equal(got.len, 6 + header.len + kept);
	assert_memory_equal(got.data + 6, header.data, header.len);
	assert_memory_equal(got.data + 6 + header.len, all.data, kept);
	assert_memory_equal(got.data, "before", 6);
	blocks_free(&got);
	/* Whoever writes next leaves no hole. */
	assert_int_equal(write(fd, "after", 5), 5);
	got = scratch_read("out");
	assert_int_equal(got.len, 6 + header.len + kept + 5);
	assert_memory_equal(got.data + got.len - 5, "after", 5);
	close(fd);
	ws_capfile_free(f);
	blocks_free(&got);
	blocks_free(&all);
	blocks_free(&header);
}

static void test_stdout_file(void **state)
{
	(void)state;
	stdout_file(0);
	stdout_file(O_APPEND);
}

static int leave(void **state)
{
	fsync_error = 0;
	close_error = 0;
	return scratch_leave(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_file),
		TEST(test_rotation_without_a_series),
		TEST(test_paths_that_cannot_be),
		TEST(test_devices),
		TEST(test_directory_is_found_once),
		TEST(test_cut_back_at_every_byte),
		TEST(test_file_that_was_there_stays),
		TEST(test_owner),
		TEST(test_disks_that_tell_late),
		TEST(test_fifo),
		TEST(test_stdout_pipe_that_does_not_block),
		TEST(test_stdout_file),
	};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt = {.sa_handler = on_signal};

	umask(022);
	/* As the program does; and signals end system calls. */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGUSR1, &interrupt, NULL);
	return cmocka_run_group_tests_name("capfile", tests, NULL, NULL);
}
