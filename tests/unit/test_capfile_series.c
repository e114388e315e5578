// SPDX-License-Identifier: BSD-2-Clause
/* Series of capture files: names, what is kept, and rotations that fail. */
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
#include <unistd.h>

#include <cmocka.h>

#include "unit/blocks.h"
#include "unit/scratch.h"

#define WALL 1795314600000000000 /* 2026-11-22T02:30:00Z */

static int close_error;

int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd)
{
	int r = __real_close(fd), error = close_error;

	close_error = 0;
	errno = error ? error : errno;
	return error ? -1 : r;
}

static struct ws_capfile *make_series(const char *path, unsigned keep)
{
	const struct ws_capfile_config config = {.path = path, .series = true, .keep = keep};
	struct ws_capfile *f = NULL;

	assert_int_equal(ws_capfile_new(&f, &config), 0);
	return f;
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

static void expect_file(const char *name, const struct blocks *parts, unsigned n)
{
	scratch_expect(name, parts, n);
	assert_int_equal(unlink(name), 0);
}

static void test_series(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(5000, 3, 1), blocks_footer(1)};
	struct ws_capfile *f = make_series("a.b.pcapng", 0);
	const int64_t second = 1000000000;

	(void)state;
	assert_int_equal(begin(f, &parts[0]), 0);
	assert_string_equal(ws_capfile_path(f), "a_00001_20261122T023000Z.b.pcapng");
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_rotate(f, WALL + 9 * second + 999999999, parts[0].data,
				 parts[0].len, parts[2].data, parts[2].len),
		0);
	assert_string_equal(ws_capfile_path(f), "a_00002_20261122T023009Z.b.pcapng");
	assert_int_equal(ws_capfile_bytes(f), parts[0].len);
	/* Again in the same second. */
	assert_int_equal(ws_capfile_rotate(f, WALL + 9 * second, parts[0].data, parts[0].len,
				 parts[2].data, parts[2].len),
		0);
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_count(f), 3);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	assert_string_equal(ws_capfile_path(f), "a_00003_20261122T023009Z.b.pcapng");
	ws_capfile_free(f);
	expect_file("a_00001_20261122T023000Z.b.pcapng", parts, 3);
	expect_file("a_00003_20261122T023009Z.b.pcapng", parts, 3);
	blocks_free(&parts[1]);
	expect_file("a_00002_20261122T023009Z.b.pcapng", parts, 3);
	assert_int_equal(scratch_files(), 0);
	blocks_free(&parts[0]);
	blocks_free(&parts[2]);
}

static void test_series_names(void **state)
{
	static const struct {
		const char *path;
		int64_t wall_ns;
		const char *want;
	} cases[] = {
		{"plain", WALL, "plain_00001_20261122T023000Z"},
		{".hidden", WALL, ".hidden_00001_20261122T023000Z"},
		{"..x.y", WALL, "..x_00001_20261122T023000Z.y"},
		{"./a.pcapng.zst", 0, "./a_00001_19700101T000000Z.pcapng.zst"},
		{"a%s.", -1, "a%s_00001_19691231T235959Z."},
		{"a", INT64_MAX, "a_00001_22620411T234716Z"},
		{"a", INT64_MIN, "a_00001_16770921T001243Z"},
	};
	struct blocks header = blocks_header();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ws_capfile *f = make_series(cases[i].path, 1);

		assert_int_equal(ws_capfile_begin(f, cases[i].wall_ns, header.data, header.len), 0);
		assert_string_equal(ws_capfile_path(f), cases[i].want);
		assert_int_equal(access(cases[i].want, F_OK), 0);
		ws_capfile_free(f);
	}
	blocks_free(&header);
}

/* Rotates n times in the directory. */
static void rotate(struct ws_capfile *f, const struct blocks *header, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(ws_capfile_rotate(f, WALL, header->data, header->len, "", 0), 0);
	}
}

static bool is_there(unsigned number)
{
	char name[64];

	snprintf(name, sizeof(name), "a_%05u_20261122T023000Z.pcapng", number);
	return access(name, F_OK) == 0;
}

static void test_series_keep(void **state)
{
	struct blocks header = blocks_header();

	(void)state;
	for (unsigned keep = 1; keep <= 3; keep++) {
		struct ws_capfile *f = make_series("a.pcapng", keep);

		assert_int_equal(begin(f, &header), 0);
		for (unsigned n = 2; n <= 7; n++) {
			rotate(f, &header, 1);
			for (unsigned i = 1; i <= n; i++) {
				assert_int_equal(is_there(i), i + keep > n);
			}
		}
		ws_capfile_free(f);
		assert_int_equal(scratch_files(), keep);
		scratch_empty();
	}
	blocks_free(&header);
}

/* A file that cannot be removed holds up no other one, and is tried again. */
static void test_series_keep_is_tried_again(void **state)
{
	struct blocks header = blocks_header();
	struct ws_capfile *f = make_series("a.pcapng", 2);

	(void)state;
	assert_int_equal(begin(f, &header), 0);
	rotate(f, &header, 1);
	/* A directory cannot be unlinked, even by root. */
	assert_int_equal(unlink("a_00001_20261122T023000Z.pcapng"), 0);
	assert_int_equal(mkdir("a_00001_20261122T023000Z.pcapng", 0700), 0);
	rotate(f, &header, 3);
	assert_true(is_there(1));
	assert_false(is_there(2) || is_there(3));
	assert_true(is_there(4) && is_there(5));
	assert_int_equal(rmdir("a_00001_20261122T023000Z.pcapng"), 0);
	/* One that a user has removed is no matter. */
	assert_int_equal(unlink("a_00004_20261122T023000Z.pcapng"), 0);
	rotate(f, &header, 1);
	assert_int_equal(scratch_files(), 2);
	assert_true(is_there(5) && is_there(6));
	ws_capfile_free(f);
	blocks_free(&header);
}

static void test_series_follows_no_links(void **state)
{
	const char *name = "a_00001_20261122T023000Z.pcapng";
	struct blocks header = blocks_header();
	struct ws_capfile *f = make_series("a.pcapng", 0);

	(void)state;
	assert_int_equal(symlink("elsewhere", name), 0);
	assert_int_equal(begin(f, &header), -ELOOP);
	assert_int_equal(access("elsewhere", F_OK), -1);
	assert_int_equal(unlink(name), 0);
	/* Nor does it wait for a reader of what somebody put there. */
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_int_equal(begin(f, &header), -ENXIO);
	{
		int reader = open(name, O_RDONLY | O_NONBLOCK);

		assert_true(reader >= 0);
		assert_int_equal(begin(f, &header), -EEXIST);
		close(reader);
	}
	assert_int_equal(unlink(name), 0);
	assert_int_equal(begin(f, &header), 0);
	ws_capfile_free(f);

	/* But a single file is where the user says. */
	assert_int_equal(ws_capfile_new(&f, &(struct ws_capfile_config){.path = "link"}), 0);
	assert_int_equal(symlink("elsewhere", "link"), 0);
	assert_int_equal(begin(f, &header), 0);
	ws_capfile_free(f);
	scratch_expect("elsewhere", &header, 1);
	blocks_free(&header);
}

static void test_rotation_that_fails(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(5000, 4, 1), blocks_footer(3)};
	const char *name = "sub/a_00001_20261122T023000Z.pcapng";
	struct ws_capfile *f;

	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	f = make_series("sub/a.pcapng", 1);
	assert_int_equal(begin(f, &parts[0]), 0);
	assert_int_equal(symlink("nowhere", "sub/a_00002_20261122T023000Z.pcapng"), 0);
	assert_int_equal(ws_capfile_rotate(
				 f, WALL, parts[0].data, parts[0].len, parts[2].data, parts[2].len),
		-ELOOP);
	assert_int_equal(unlink("sub/a_00002_20261122T023000Z.pcapng"), 0);
	put(f, parts[1].data, parts[1].len);
	/* There is room for the new file, and for a part of the footer. */
	scratch_limit(parts[0].len + parts[1].len + parts[2].len - 1);
	assert_int_equal(ws_capfile_rotate(
				 f, WALL, parts[0].data, parts[0].len, parts[2].data, parts[2].len),
		-EFBIG);
	scratch_limit(RLIM_INFINITY);
	assert_int_equal(access("sub/a_00002_20261122T023000Z.pcapng", F_OK), -1);
	assert_string_equal(ws_capfile_path(f), name);
	assert_int_equal(ws_capfile_count(f), 1);
	scratch_expect(name, parts, 2);
	/* The current one stays in use. */
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), 0);
	ws_capfile_free(f);
	expect_file(name, (struct blocks[]){parts[0], parts[1], parts[1], parts[2]}, 4);
	for (unsigned i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

/* What closing one of the files says is told at the end of all. */
static void test_disks_that_tell_late(void **state)
{
	struct blocks parts[] = {blocks_header(), blocks_packets(5000, 4, 1), blocks_footer(3)};
	struct ws_capfile *f = make_series("b.pcapng", 0);

	(void)state;
	assert_int_equal(begin(f, &parts[0]), 0);
	close_error = EIO;
	assert_int_equal(ws_capfile_rotate(f, WALL, parts[0].data, parts[0].len, "", 0), 0);
	put(f, parts[1].data, parts[1].len);
	assert_int_equal(ws_capfile_end(f, parts[2].data, parts[2].len), -EIO);
	scratch_expect(ws_capfile_path(f), parts, 3);
	ws_capfile_free(f);
	for (unsigned i = 0; i < 3; i++) {
		blocks_free(&parts[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_series),
		TEST(test_series_names),
		TEST(test_series_keep),
		TEST(test_series_keep_is_tried_again),
		TEST(test_series_follows_no_links),
		TEST(test_rotation_that_fails),
		TEST(test_disks_that_tell_late),
	};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	umask(022);
	sigaction(SIGXFSZ, &ignore, NULL);
	return cmocka_run_group_tests_name("capfile_series", tests, NULL, NULL);
}
