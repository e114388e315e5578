// SPDX-License-Identifier: BSD-2-Clause
/* packets.npy as it is written: rows, memory that is full, disks that are, and a writer that is killed. */
#include "file/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/packets_own.h"
#include "unit/packet_rows.h"
#include "unit/scratch.h"

#define UNKNOWN WS_PACKETS_UNKNOWN

static void test_nothing(void **state)
{
	static const char start[] =
		"\x93NUMPY\x01\x00\x36\x01{'descr': [('run', '<u4'), ('seq', '<u8'), "
		"('flags', '<u4'), ('intended', '<i8'), ('app_tx', '<i8'), ";
	static const char end[] = "('app_rx', '<i8')], 'fortran_order': False, 'shape': (0,), }";
	struct ws_packets_counts c;
	struct blocks b;

	(void)state;
	c = packets_finish(packets_make(0, false));
	assert_int_equal(c.rows, 0);
	assert_int_equal(c.dropped, 0);
	assert_int_equal(c.fault, 0);
	assert_int_equal(scratch_files(), 1);
	packets_expect_rows(0);
	b = scratch_read(NPY);
	assert_int_equal(b.len, 320);
	assert_memory_equal(b.data, start, sizeof(start) - 1);
	assert_int_equal(b.data[319], '\n');
	b.data[319] = '\0';
	assert_non_null(strstr((char *)b.data + 10, end));
	assert_int_equal(strspn(strstr((char *)b.data + 10, end) + strlen(end), " "),
		319 - (strstr((char *)b.data + 10, end) - (char *)b.data) - (long)strlen(end));
	blocks_free(&b);
	ws_packets_writer_close(NULL, &c);
	assert_int_equal(c.rows, 0);
}

static void test_extremes(void **state)
{
	const struct ws_packet_row rows[] = {
		{0, 0, 0, {0, 0, 0, 0, 0, 0, 0, 0}},
		{1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}},
		{1, UINT64_MAX, UINT32_MAX,
			{INT64_MAX, INT64_MIN, INT64_MIN + 1, -1, 0, 1, UNKNOWN, UNKNOWN}},
		{UINT32_MAX, UINT64_MAX, 0x80000000u,
			{-1, -1, -1, -1, 0x0102030405060708, -1, -1, INT64_MAX}},
	};
	/* Row 1, byte by byte as on any machine. */
	static const uint8_t second[WS_PACKETS_ROW] = {1, [4] = 2, [12] = 3, [16] = 4, [24] = 5,
		[32] = 6, [40] = 7, [48] = 8, [56] = 9, [64] = 10, [72] = 11};
	struct ws_packets_writer *w = packets_make(1 << 20, false);
	struct ws_packets_counts c;
	struct ws_packets_reader r;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(ws_packets_put(w, &rows[i]));
	}
	c = packets_finish(w);
	assert_int_equal(c.rows, 4);
	assert_true(c.cpu_ns > 0);
	assert_int_equal(packets_size_of(NPY), 320 + 4 * 80);
	r = packets_open_file();
	for (unsigned i = 0; i < 4; i++) {
		packets_expect_row(&r, i, &rows[i]);
	}
	assert_memory_equal(r.map + r.offset + 80, second, 80);
	/* 0x0102030405060708 has its lowest byte first. */
	assert_int_equal(r.map[r.offset + 3 * 80 + 16 + 4 * 8], 8);
	ws_packets_forget(&r, 4);
	ws_packets_forget(&r, UINT64_MAX);
	packets_expect_row(&r, 3, &rows[3]);
	ws_packets_close(&r);
	assert_null(r.map);
}

/* The smallest memory goes round thousands of times; what was refused, and only that, is not there. */
static void test_goes_round(void **state)
{
	struct ws_packets_writer *w = packets_make(1, false);
	uint64_t refused = 0;
	struct ws_packets_counts c;

	(void)state;
	for (uint64_t seq = 0; seq < 100000; seq++) {
		while (!packets_try(w, 0, seq)) {
			refused++;
			sched_yield();
		}
	}
	c = packets_finish(w);
	assert_int_equal(c.rows, 100000);
	assert_int_equal(c.dropped, refused);
	packets_expect_rows(100000);
}

static void test_odd_writes(void **state)
{
	struct ws_packets_writer *w;

	(void)state;
	atomic_store(&packet_disk.odd, true);
	w = packets_make(1 << 14, true);
	packets_put_all(w, 0, 5000);
	assert_int_equal(packets_finish(w).rows, 5000);
	atomic_store(&packet_disk.odd, false);
	packets_expect_rows(5000);
}

/* A disk that stands still: the producer does not, and drops what there is no room for. */
static void test_memory_is_full(void **state)
{
	struct ws_packets_writer *w = packets_make(1, false);
	struct ws_packets_counts c;
	struct ws_packets_reader r;
	struct ws_packet_row last = packets_row_of(0, 2 * LEAST), want;
	uint64_t dropped = 0;

	(void)state;
	atomic_store(&packet_disk.gate_closed, true);
	for (uint64_t seq = 0; seq < LEAST; seq++) {
		assert_true(packets_try(w, 0, seq));
	}
	for (uint64_t seq = LEAST; seq < 2 * LEAST; seq++) {
		assert_false(packets_try(w, 0, seq));
	}
	atomic_store(&packet_disk.gate_closed, false);
	while (!ws_packets_put(w, &last)) {
		dropped++;
		sched_yield();
	}
	/* After the gap, an amendment finds what is there, and not what is not. */
	assert_true(ws_packets_amend(w, 0, LEAST - 1, 0x1000, 0, NULL));
	assert_true(ws_packets_amend(w, 0, LEAST, 0x2000, 0, NULL));
	assert_true(ws_packets_amend(w, 0, 2 * LEAST, 0x4000, 0, NULL));
	c = packets_finish(w);
	assert_int_equal(c.rows, LEAST + 1);
	assert_int_equal(c.dropped, LEAST + dropped);
	assert_int_equal(c.amended, 2);
	assert_int_equal(c.fault, 0);
	r = packets_open_file();
	assert_int_equal(r.rows, LEAST + 1);
	want = packets_row_of(0, LEAST - 1);
	want.flags |= 0x1000;
	packets_expect_row(&r, LEAST - 1, &want);
	last.flags |= 0x4000;
	packets_expect_row(&r, LEAST, &last);
	ws_packets_close(&r);
}

static void test_there_already(void **state)
{
	struct ws_packets_config config = {.dirfd = AT_FDCWD, .csv = true, .memory = 1};
	struct ws_packets_writer *w = (struct ws_packets_writer *)&w;

	(void)state;
	assert_int_equal(close(open(CSV, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(ws_packets_writer_new(&w, &config), -EEXIST);
	/* What is not ours stays, and nothing of ours. */
	assert_int_equal(scratch_files(), 1);
	assert_int_equal(access(CSV, F_OK), 0);
	config.csv = false;
	assert_int_equal(close(open(NPY, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(ws_packets_writer_new(&w, &config), -EEXIST);
	assert_int_equal(scratch_files(), 2);
	config.dirfd = -1;
	assert_int_equal(ws_packets_writer_new(&w, &config), -EBADF);
	config.memory = UINT64_MAX;
	assert_int_equal(ws_packets_writer_new(&w, &config), -ENOMEM);
	assert_ptr_equal(w, &w);
}

static void test_no_room_at_all(void **state)
{
	struct ws_packets_config config = {.dirfd = AT_FDCWD, .csv = true, .memory = 1};
	struct ws_packets_writer *w;

	(void)state;
	scratch_limit(100);
	assert_int_equal(ws_packets_writer_new(&w, &config), -EFBIG);
	assert_int_equal(scratch_files(), 0);
}

/* In the middle of a row: the whole ones stay, and the header tells of them. */
static void test_disk_is_full(void **state)
{
	struct ws_packets_writer *w = packets_make(1 << 20, true);
	uint64_t refused = 0, gone = 0;
	struct ws_packets_counts c;

	(void)state;
	scratch_limit(WS_PACKETS_HEADER + 1000 * WS_PACKETS_ROW + 79);
	for (uint64_t seq = 0; seq < 30000; seq++) {
		refused += !packets_try(w, 0, seq);
	}
	/* It is noticed at last, and then nothing is taken any more. */
	while (packets_try(w, 0, 30000 + gone)) {
		gone++;
		sched_yield();
	}
	refused++;
	assert_true(ws_packets_amend(w, 0, 999, 0x100, 0, NULL));
	assert_true(ws_packets_amend(w, 0, 1000, 0x100, 0, NULL));
	assert_true(ws_packets_amend(w, 0, 999, 0, 0x100, NULL));
	c = packets_finish(w);
	assert_int_equal(c.fault, -EFBIG);
	assert_int_equal(c.rows, 1000);
	assert_int_equal(c.rows + c.dropped, 30000 + gone + 1);
	assert_true(c.dropped >= refused);
	/* The lost row may have been in memory then; it does not come back into the file. */
	assert_in_range(c.amended, 2, 3);
	assert_int_equal(c.unamended, 0);
	assert_int_equal(packets_size_of(NPY), WS_PACKETS_HEADER + 1000 * WS_PACKETS_ROW);
	packets_expect_rows(1000);
}

/* The file was in order when the text did not fit: it ends with a whole line. */
static void test_disk_is_full_for_csv(void **state)
{
	struct ws_packets_writer *w = packets_make(1 << 20, true);
	struct ws_packets_counts c;
	struct blocks text;

	(void)state;
	for (uint64_t seq = 0; seq < 1000; seq++) {
		struct ws_packet_row row = {.seq = seq, .at = {[0 ... 7] = INT64_MAX}};

		assert_true(ws_packets_put(w, &row));
	}
	scratch_limit(WS_PACKETS_HEADER + 1000 * WS_PACKETS_ROW);
	c = packets_finish(w);
	assert_int_equal(c.fault, -EFBIG);
	assert_int_equal(c.rows, 1000);
	assert_int_equal(c.dropped, 0);
	text = scratch_read(CSV);
	assert_true(text.len > 1000 * WS_PACKETS_ROW);
	assert_int_equal(text.data[text.len - 1], '\n');
	blocks_free(&text);
}

static void test_disk_says_it_late(void **state)
{
	struct ws_packets_writer *w = packets_make(1 << 20, false);
	struct ws_packets_counts c;

	(void)state;
	packets_put_all(w, 0, 100);
	atomic_store(&packet_disk.fsync_fails, 1);
	c = packets_finish(w);
	assert_int_equal(c.fault, -EIO);
	assert_int_equal(c.rows, 100);
	packets_expect_rows(100);
}

/* Where it is killed: the header says nothing yet, the length does. */
static void test_killed(void **state)
{
	struct ws_packets_reader r;
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct ws_packets_writer *w = packets_make(1 << 20, true);

		for (uint64_t seq = 0;; seq++) {
			while (!packets_try(w, 0, seq)) {
				sched_yield();
			}
		}
	}
	while (access(NPY, F_OK) < 0) {
		sched_yield();
	}
	packets_wait_for_rows(3 * PIECE);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	r = packets_open_file();
	assert_true(r.repaired);
	assert_int_equal(r.claimed, 0);
	assert_true(r.rows >= 3 * PIECE);
	assert_int_equal(r.offset + r.rows * WS_PACKETS_ROW + r.rest, packets_size_of(NPY));
	for (uint64_t i = 0; i < r.rows; i++) {
		struct ws_packet_row want = packets_row_of(0, i);

		packets_expect_row(&r, i, &want);
	}
	ws_packets_close(&r);
	/* No text is better than half of it. */
	assert_int_equal(packets_size_of(CSV), 0);
}

/* Rows that do not fill a piece are written all the same: after a second at most. */
static void test_few_rows(void **state)
{
	struct ws_packets_writer *w = packets_make(0, false);

	(void)state;
	packets_put_all(w, 0, 3);
	packets_wait_for_rows(3);
	packets_put_all(w, 3, 4);
	packets_wait_for_rows(4);
	assert_int_equal(packets_finish(w).rows, 4);
	packets_expect_rows(4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, packets_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing),
		CASE(test_extremes),
		CASE(test_goes_round),
		CASE(test_odd_writes),
		CASE(test_memory_is_full),
		CASE(test_there_already),
		CASE(test_no_room_at_all),
		CASE(test_disk_is_full),
		CASE(test_disk_is_full_for_csv),
		CASE(test_disk_says_it_late),
		CASE(test_killed),
		CASE(test_few_rows),
	};

	/* As the program does: a file at its limit is an error of write. */
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("packets", tests, NULL, NULL);
}
