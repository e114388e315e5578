// SPDX-License-Identifier: BSD-2-Clause
/* packets.npy as it is read: whole, cut off, damaged, and not one of ours. */
#include "file/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/packets_own.h"
#include "unit/scratch.h"

#define NPY   "packets.npy"
#define FIRST "('run', '<u4'), ('seq', '<u8'), ('flags', '<u4')"
#define TIMES                                                                              \
	"('intended', '<i8'), ('app_tx', '<i8'), ('sched', '<i8'), ('driver_tx', '<i8'), " \
	"('wire_tx', '<i8'), ('wire_rx', '<i8'), ('kernel_rx', '<i8')"
#define LAST  "('app_rx', '<i8')"
#define DESCR "'descr': [" FIRST ", " TIMES ", " LAST "]"
#define ORDER "'fortran_order': False"
#define SHAPE "'shape': (2,)"

static void write_file(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

static struct ws_packet_row row_of(uint64_t i)
{
	struct ws_packet_row row = {.run = 1, .seq = i, .flags = 3};

	for (unsigned k = 0; k < WS_INSTANTS; k++) {
		row.at[k] = (int64_t)(i * 10 + k);
	}
	return row;
}

/* A file with this text in its header, two rows, and so many bytes more. */
static size_t write_with(const char *text, size_t more)
{
	uint8_t file[4096] = "\x93NUMPY\x01";
	size_t len = strlen(text);

	file[8] = (uint8_t)len;
	file[9] = (uint8_t)(len >> 8);
	memcpy(file + 10, text, len);
	len += 10;
	for (unsigned i = 0; i < 2; i++) {
		struct ws_packet_row row = row_of(i);

		ws_packets_encode(file + len, &row);
		len += WS_PACKETS_ROW;
	}
	write_file(NPY, file, len + more);
	return len + more;
}

static struct ws_packets_reader open_good(void)
{
	struct ws_packets_reader r;
	char why[200] = "?";
	int error = ws_packets_open(&r, AT_FDCWD, NPY, why, sizeof(why));

	if (error < 0) {
		fail_msg("%s (%d)", why, error);
	}
	assert_string_equal(why, "");
	return r;
}

static void expect_bad(const char *name, int error, const char *clause)
{
	struct ws_packets_reader r = {.rows = 77}, before = r;
	char why[200] = "?", tiny[4];

	assert_int_equal(ws_packets_open(&r, AT_FDCWD, name, why, sizeof(why)), error);
	assert_string_equal(why, clause);
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, name, tiny, sizeof(tiny)), error);
	assert_int_equal(tiny[3], '\0');
	assert_int_equal(ws_packets_open(&r, AT_FDCWD, name, NULL, 0), error);
	assert_memory_equal(&r, &before, sizeof(r));
}

/* As others write the same: order of keys, quotes, spaces, no padding. */
static void test_other_spellings(void **state)
{
	static const char *const texts[] = {
		"{" DESCR ", " ORDER ", " SHAPE ", }   \n",
		"{" DESCR "," ORDER "," SHAPE "}",
		"{" SHAPE ", 'fortran_order': True, " DESCR "}",
		" {\n" ORDER " , \"shape\" : ( 2 , ) , " DESCR " } ",
		"{'descr':[" FIRST "," TIMES "," LAST ",]," ORDER "," SHAPE "}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = write_with(texts[i], 0);
		struct ws_packets_reader r = open_good();

		assert_int_equal(r.size, len);
		assert_int_equal(r.offset, 10 + strlen(texts[i]));
		assert_int_equal(r.rows, 2);
		assert_int_equal(r.claimed, 2);
		assert_false(r.repaired);
		for (uint64_t k = 0; k < 2; k++) {
			struct ws_packet_row got, want = row_of(k);

			ws_packets_get(&r, k, &got);
			assert_int_equal(got.seq, want.seq);
			assert_int_equal(got.flags, want.flags);
			assert_memory_equal(got.at, want.at, sizeof(got.at));
		}
		ws_packets_close(&r);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *clause;
	} cases[] = {
		{"{" DESCR ", " ORDER "}", "its header has no key 'shape'"},
		{"{" DESCR ", " SHAPE "}", "its header has no key 'fortran_order'"},
		{"{}", "its header has no key 'descr'"},
		{"{" DESCR ", " ORDER ", " SHAPE ", " ORDER "}",
			"its header has the key 'fortran_order' twice"},
		{"{" DESCR ", 'a\x1b[31m\xff': 1}", "its header has an unknown key, 'a?[31m?'"},
		{"{'descr': '<f8', " ORDER ", " SHAPE "}",
			"it is an array of '<f8', not of packets"},
		{"{'descr': [], " ORDER ", " SHAPE "}", "it has no field 'run'"},
		{"{'descr': [" FIRST "]}", "it has no field 'intended'"},
		{"{'descr': [" FIRST ", " TIMES "]}", "it has no field 'app_rx'"},
		{"{'descr': [" FIRST ", " TIMES ", " LAST ", ('more', '|V4')]}",
			"it has a field too many, 'more'"},
		{"{'descr': [('seq', '<u8'), ('run', '<u4')]}",
			"its field 1 is 'seq', where 'run' belongs"},
		{"{'descr': [" FIRST ", ('app_tx', '<i8')]}",
			"its field 4 is 'app_tx', where 'intended' belongs"},
		{"{'descr': [('run', '>u4')]}", "its field 'run' is of type '>u4', not '<u4'"},
		{"{'descr': [" FIRST ", ('intended', '<f8')]}",
			"its field 'intended' is of type '<f8', not '<i8'"},
		{"{'descr': [('run', '<u4', (3,))]}", "its field 'run' is an array"},
		{"{'descr': [('run', [('a', '<u4')])]}", "its field 'run' is a structure"},
		{"{'descr': [('a234567890123456789012345678901234567890', '<u4')]}",
			"its field 1 is 'a234567890123456789012345678901', where 'run' belongs"},
		{"{" DESCR ", " ORDER ", 'shape': ()}", "it is a single value, not an array"},
		{"{" DESCR ", " ORDER ", 'shape': (2, 2)}", "it has more than one dimension"},
		{"{" DESCR ", " ORDER ", 'shape': (2)}", "its header is damaged"},
		{"{" DESCR ", " ORDER ", 'shape': (-2,)}", "its header is damaged"},
		{"{" DESCR ", " ORDER ", 'shape': (18446744073709551616,)}",
			"its header is damaged"},
		{"{" DESCR ", " ORDER ", 'shape': (18446744073709551620,)}",
			"its header is damaged"},
		{"{" DESCR ", " ORDER ", " SHAPE "} x", "its header is damaged"},
		{"{" DESCR ", " ORDER " " SHAPE "}", "its header is damaged"},
		{"{" DESCR ", 'fortran_order': Maybe, " SHAPE "}", "its header is damaged"},
		{"{" DESCR ", " ORDER ", " SHAPE, "its header is damaged"},
		{"{'descr': [('run', '<u4') ('seq', '<u8')]}", "its header is damaged"},
		{"{'descr': [('run' '<u4')]}", "its header is damaged"},
		{"{'descr", "its header is damaged"},
		{"{'descr': [", "its header is damaged"},
		{"{'descr': [('run', '<u4'", "its header is damaged"},
		{"{descr: []}", "its header is damaged"},
		{"", "its header is damaged"},
		{"   ", "its header is damaged"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_with(cases[i].text, 0);
		expect_bad(NPY, -EBADMSG, cases[i].clause);
	}
}

static void test_no_such_thing(void **state)
{
	(void)state;
	expect_bad("absent", -ENOENT, "No such file or directory");
	assert_int_equal(mkdir("directory", 0700), 0);
	expect_bad("directory", -EBADMSG, "it is not a regular file");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	expect_bad("fifo", -EBADMSG, "it is not a regular file");
	write_file(NPY, "", 0);
	expect_bad(NPY, -EBADMSG, "it is empty");
	write_file(NPY, "{\"format\": \"wirestamp-run/1\"}", 28);
	expect_bad(NPY, -EBADMSG, "it is not a NumPy file");
	write_file(NPY, "P", 1);
	expect_bad(NPY, -EBADMSG, "it is not a NumPy file");
	write_file(NPY, "\x93NUMPY\x02\x00\x00\x00\x00\x00", 12);
	expect_bad(NPY, -EBADMSG, "it is a NumPy file of version 2.0, not 1.0");
}

/* Wherever it was cut off: within the header nothing can be had, behind it all the whole rows. */
static void test_cut_off(void **state)
{
	char file[WS_PACKETS_HEADER + 4 * WS_PACKETS_ROW] = {0};

	(void)state;
	ws_packets_header(file, 4);
	for (uint64_t i = 0; i < 4; i++) {
		struct ws_packet_row row = row_of(i);

		ws_packets_encode((uint8_t *)file + ws_packets_row_at(i), &row);
	}
	for (size_t len = 1; len <= sizeof(file); len++) {
		struct ws_packets_reader r;

		write_file(NPY, file, len);
		if (len < WS_PACKETS_HEADER) {
			expect_bad(NPY, -EBADMSG, "it ends within its header");
			continue;
		}
		r = open_good();
		assert_int_equal(r.rows, (len - WS_PACKETS_HEADER) / WS_PACKETS_ROW);
		assert_int_equal(r.rest, (len - WS_PACKETS_HEADER) % WS_PACKETS_ROW);
		assert_int_equal(r.claimed, 4);
		assert_int_equal(r.repaired, len < sizeof(file));
		if (r.rows > 0) {
			struct ws_packet_row last;

			ws_packets_get(&r, r.rows - 1, &last);
			assert_int_equal(last.seq, r.rows - 1);
			assert_int_equal(last.at[WS_INSTANT_APP_RX], (r.rows - 1) * 10 + 7);
		}
		ws_packets_close(&r);
	}
	/* More than it says: killed, or written on. */
	ws_packets_header(file, 0);
	write_file(NPY, file, sizeof(file) - 1);
	for (unsigned i = 0; i < 2; i++) {
		struct ws_packets_reader r = open_good();

		assert_int_equal(r.rows, i ? 4 : 3);
		assert_int_equal(r.rest, i ? 0 : 79);
		assert_int_equal(r.claimed, i);
		assert_true(r.repaired);
		ws_packets_close(&r);
		ws_packets_header(file, 1);
		write_file(NPY, file, sizeof(file));
	}
}

/* The header has room for any number. */
static void test_any_number(void **state)
{
	static const uint64_t numbers[] = {0, 1, 99999, 10000000, UINT64_MAX / 80, UINT64_MAX};
	char header[WS_PACKETS_HEADER];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct ws_packets_reader r;

		ws_packets_header(header, numbers[i]);
		assert_int_equal(header[WS_PACKETS_HEADER - 1], '\n');
		assert_null(memchr(header + 10, '\0', WS_PACKETS_HEADER - 10));
		assert_null(memchr(header + 10, '\n', WS_PACKETS_HEADER - 11));
		write_file(NPY, header, sizeof(header));
		r = open_good();
		assert_true(r.claimed == numbers[i]);
		assert_int_equal(r.rows, 0);
		assert_int_equal(r.offset, WS_PACKETS_HEADER);
		ws_packets_close(&r);
	}
}

/* 200 million rows, most of which are a hole. */
static void test_large(void **state)
{
	const uint64_t rows = 200000000;
	struct ws_packet_row row = row_of(rows - 1), got;
	char header[WS_PACKETS_HEADER];
	uint8_t bytes[WS_PACKETS_ROW];
	struct ws_packets_reader r;
	int fd;

	(void)state;
	ws_packets_header(header, rows);
	write_file(NPY, header, sizeof(header));
	fd = open(NPY, O_WRONLY);
	ws_packets_encode(bytes, &row);
	if (sizeof(void *) < 8 || ftruncate(fd, (off_t)ws_packets_row_at(rows)) < 0) {
		print_message("no room for a file with a hole of 16 GB: left out\n");
		close(fd);
		skip();
	}
	assert_int_equal(
		ws_packets_write_at(fd, bytes, sizeof(bytes), ws_packets_row_at(rows - 1)), 0);
	close(fd);
	r = open_good();
	assert_int_equal(r.rows, rows);
	assert_false(r.repaired);
	ws_packets_get(&r, rows - 2, &got);
	assert_int_equal(got.seq, 0);
	ws_packets_get(&r, rows - 1, &got);
	assert_int_equal(got.seq, rows - 1);
	ws_packets_forget(&r, rows);
	ws_packets_get(&r, rows - 1, &got);
	assert_int_equal(got.seq, rows - 1);
	ws_packets_close(&r);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_other_spellings),
		CASE(test_refused),
		CASE(test_no_such_thing),
		CASE(test_cut_off),
		CASE(test_any_number),
		CASE(test_large),
	};

	return cmocka_run_group_tests_name("packets_read", tests, NULL, NULL);
}
