// SPDX-License-Identifier: BSD-2-Clause
/* packets.npy as it is written: rows and amendments in every state, memory that is full, disks that are, and a writer
 * that is killed. */
#include "file/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/packets_own.h"
#include "unit/scratch.h"

#define NPY	"packets.npy"
#define CSV	"packets.csv"
#define LEAST	64    /* rows in the smallest memory */
#define PIECE	13107 /* rows that are written at once */
#define UNKNOWN WS_PACKETS_UNKNOWN

/*
 * What write() does to files: as the kernel does; one byte less than asked for, with signals in between; or it
 * waits at the gate, and says that it does.
 */
static struct {
	atomic_bool odd, gate_closed, at_gate;
	atomic_int fsync_fails;
} disk;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	static atomic_uint calls;

	while (atomic_load(&disk.gate_closed)) {
		atomic_store(&disk.at_gate, true);
		sched_yield();
	}
	atomic_store(&disk.at_gate, false);
	if (atomic_load(&disk.odd) && atomic_fetch_add(&calls, 1) % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	return __real_write(fd, data, atomic_load(&disk.odd) && len > 1 ? len - 1 : len);
}

int __wrap_fsync(int fd)
{
	if (atomic_load(&disk.fsync_fails)) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

static int enter(void **state)
{
	memset(&disk, 0, sizeof(disk));
	return scratch_enter(state);
}

static struct ws_packets_writer *make(uint64_t memory, bool csv)
{
	const struct ws_packets_config config = {.dirfd = AT_FDCWD, .csv = csv, .memory = memory};
	struct ws_packets_writer *w = NULL;

	assert_int_equal(ws_packets_writer_new(&w, &config), 0);
	return w;
}

/* A row that is known by its run and sequence. */
static struct ws_packet_row row_of(uint32_t run, uint64_t seq)
{
	struct ws_packet_row row = {.run = run, .seq = seq, .flags = (uint32_t)seq & 0x7f};

	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		row.at[i] =
			i == seq % WS_INSTANTS ? UNKNOWN : (int64_t)(seq * 1000 + i) - 500000 * run;
	}
	return row;
}

static bool put(struct ws_packets_writer *w, uint32_t run, uint64_t seq)
{
	struct ws_packet_row row = row_of(run, seq);

	return ws_packets_put(w, &row);
}

static void put_all(struct ws_packets_writer *w, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq < to; seq++) {
		while (!put(w, 0, seq)) {
			sched_yield();
		}
	}
}

static bool same(const struct ws_packet_row *a, const struct ws_packet_row *b)
{
	return a->run == b->run && a->seq == b->seq && a->flags == b->flags &&
	       !memcmp(a->at, b->at, sizeof(a->at));
}

static struct ws_packets_reader open_file(void)
{
	struct ws_packets_reader r;
	char why[128];

	assert_int_equal(ws_packets_open(&r, AT_FDCWD, NPY, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	return r;
}

static void expect_row(
	const struct ws_packets_reader *r, uint64_t i, const struct ws_packet_row *want)
{
	struct ws_packet_row got;

	assert_true(i < r->rows);
	ws_packets_get(r, i, &got);
	if (!same(&got, want)) {
		fail_msg("row %" PRIu64 " is run %u seq %" PRIu64 " flags %x, not %u %" PRIu64
			 " %x, "
			 "or its times are others",
			i, got.run, got.seq, got.flags, want->run, want->seq, want->flags);
	}
}

/* The file has the rows 0 to n - 1 of run 0. */
static void expect_rows(uint64_t n)
{
	struct ws_packets_reader r = open_file();

	assert_int_equal(r.rows, n);
	assert_int_equal(r.claimed, n);
	assert_int_equal(r.rest, 0);
	assert_false(r.repaired);
	for (uint64_t i = 0; i < n; i++) {
		struct ws_packet_row want = row_of(0, i);

		expect_row(&r, i, &want);
	}
	ws_packets_close(&r);
}

static struct ws_packets_counts finish(struct ws_packets_writer *w)
{
	struct ws_packets_counts c;

	ws_packets_writer_close(w, &c);
	return c;
}

static off_t size_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_size;
}

static void wait_for_rows(uint64_t n)
{
	while (size_of(NPY) < (off_t)(WS_PACKETS_HEADER + n * WS_PACKETS_ROW)) {
		sched_yield();
	}
}

static void test_nothing(void **state)
{
	static const char start[] =
		"\x93NUMPY\x01\x00\x36\x01{'descr': [('run', '<u4'), ('seq', '<u8'), "
		"('flags', '<u4'), ('intended', '<i8'), ('app_tx', '<i8'), ";
	static const char end[] = "('app_rx', '<i8')], 'fortran_order': False, 'shape': (0,), }";
	struct ws_packets_counts c;
	struct blocks b;

	(void)state;
	c = finish(make(0, false));
	assert_int_equal(c.rows, 0);
	assert_int_equal(c.dropped, 0);
	assert_int_equal(c.fault, 0);
	assert_int_equal(scratch_files(), 1);
	expect_rows(0);
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
	struct ws_packets_writer *w = make(1 << 20, false);
	struct ws_packets_counts c;
	struct ws_packets_reader r;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(ws_packets_put(w, &rows[i]));
	}
	c = finish(w);
	assert_int_equal(c.rows, 4);
	assert_true(c.cpu_ns > 0);
	assert_int_equal(size_of(NPY), 320 + 4 * 80);
	r = open_file();
	for (unsigned i = 0; i < 4; i++) {
		expect_row(&r, i, &rows[i]);
	}
	assert_memory_equal(r.map + r.offset + 80, second, 80);
	/* 0x0102030405060708 has its lowest byte first. */
	assert_int_equal(r.map[r.offset + 3 * 80 + 16 + 4 * 8], 8);
	ws_packets_forget(&r, 4);
	ws_packets_forget(&r, UINT64_MAX);
	expect_row(&r, 3, &rows[3]);
	ws_packets_close(&r);
	assert_null(r.map);
}

/* The smallest memory goes round thousands of times; what was refused, and only that, is not there. */
static void test_goes_round(void **state)
{
	struct ws_packets_writer *w = make(1, false);
	uint64_t refused = 0;
	struct ws_packets_counts c;

	(void)state;
	for (uint64_t seq = 0; seq < 100000; seq++) {
		while (!put(w, 0, seq)) {
			refused++;
			sched_yield();
		}
	}
	c = finish(w);
	assert_int_equal(c.rows, 100000);
	assert_int_equal(c.dropped, refused);
	expect_rows(100000);
}

static void test_odd_writes(void **state)
{
	struct ws_packets_writer *w;

	(void)state;
	atomic_store(&disk.odd, true);
	w = make(1 << 14, true);
	put_all(w, 0, 5000);
	assert_int_equal(finish(w).rows, 5000);
	atomic_store(&disk.odd, false);
	expect_rows(5000);
}

/* A disk that stands still: the producer does not, and drops what there is no room for. */
static void test_memory_is_full(void **state)
{
	struct ws_packets_writer *w = make(1, false);
	struct ws_packets_counts c;
	struct ws_packets_reader r;
	struct ws_packet_row last = row_of(0, 2 * LEAST), want;
	uint64_t dropped = 0;

	(void)state;
	atomic_store(&disk.gate_closed, true);
	for (uint64_t seq = 0; seq < LEAST; seq++) {
		assert_true(put(w, 0, seq));
	}
	for (uint64_t seq = LEAST; seq < 2 * LEAST; seq++) {
		assert_false(put(w, 0, seq));
	}
	atomic_store(&disk.gate_closed, false);
	while (!ws_packets_put(w, &last)) {
		dropped++;
		sched_yield();
	}
	/* After the gap, an amendment finds what is there, and not what is not. */
	assert_true(ws_packets_amend(w, 0, LEAST - 1, 0x1000, 0, NULL));
	assert_true(ws_packets_amend(w, 0, LEAST, 0x2000, 0, NULL));
	assert_true(ws_packets_amend(w, 0, 2 * LEAST, 0x4000, 0, NULL));
	c = finish(w);
	assert_int_equal(c.rows, LEAST + 1);
	assert_int_equal(c.dropped, LEAST + dropped);
	assert_int_equal(c.amended, 2);
	assert_int_equal(c.fault, 0);
	r = open_file();
	assert_int_equal(r.rows, LEAST + 1);
	want = row_of(0, LEAST - 1);
	want.flags |= 0x1000;
	expect_row(&r, LEAST - 1, &want);
	last.flags |= 0x4000;
	expect_row(&r, LEAST, &last);
	ws_packets_close(&r);
}

/* So are amendments that there is no room for. */
static void test_too_many_amendments(void **state)
{
	struct ws_packets_writer *w = make(1, false);
	uint64_t taken = 0;
	struct ws_packets_counts c;

	(void)state;
	atomic_store(&disk.gate_closed, true);
	for (uint64_t seq = 0; seq < LEAST; seq++) {
		assert_true(put(w, 0, seq));
	}
	while (!atomic_load(&disk.at_gate)) {
		sched_yield();
	}
	while (ws_packets_amend(w, 0, taken % LEAST, 0x1000, 0, NULL)) {
		taken++;
	}
	assert_false(ws_packets_amend(w, 0, 0, 0x1000, 0, NULL));
	assert_int_equal(taken, 64);
	atomic_store(&disk.gate_closed, false);
	c = finish(w);
	assert_int_equal(c.amended, taken);
	assert_int_equal(c.unamended, 2);
	assert_int_equal(c.rows, LEAST);
}

/* Flags and times, in memory and in the file; and what is not there, or not yet. */
static void test_amend(void **state)
{
	struct ws_packets_writer *w = make(4 << 20, false);
	int64_t at[WS_INSTANTS];
	struct ws_packet_row want;
	struct ws_packets_counts c;
	struct ws_packets_reader r;

	(void)state;
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		at[i] = UNKNOWN;
	}
	/* Before there is any row, and before its own. */
	assert_true(ws_packets_amend(w, 0, 0, 0xffff00, 0, NULL));
	put_all(w, 0, PIECE);
	assert_true(ws_packets_amend(w, 0, PIECE, 0xffff00, 0, NULL));
	wait_for_rows(PIECE);
	/* In the file: the first, one in the middle with all there is, the last. */
	assert_true(ws_packets_amend(w, 0, 0, 0x100, 0, NULL));
	at[WS_INSTANT_SCHED] = -7;
	at[WS_INSTANT_APP_RX] = INT64_MAX;
	assert_true(ws_packets_amend(w, 0, 5005, 0x200, 5005 & 0x7f, at));
	at[WS_INSTANT_SCHED] = -8;
	at[WS_INSTANT_APP_RX] = UNKNOWN;
	/* Twice: the later one holds. */
	assert_true(ws_packets_amend(w, 0, 5005, 0x400, 0x200, at));
	assert_true(ws_packets_amend(w, 0, PIECE - 1, 0x100, 0, NULL));
	/* In memory. */
	put_all(w, PIECE, PIECE + 100);
	assert_true(ws_packets_amend(w, 0, PIECE, 0x100, 0, NULL));
	assert_true(ws_packets_amend(w, 0, PIECE + 99, 0x100, 0x7f, NULL));
	/* Nowhere. */
	assert_true(ws_packets_amend(w, 0, PIECE + 100, 0xffff00, 0, NULL));
	assert_true(ws_packets_amend(w, 1, 5, 0xffff00, 0, NULL));
	put_all(w, PIECE + 100, PIECE + 200);
	c = finish(w);
	assert_int_equal(c.rows, PIECE + 200);
	assert_int_equal(c.amended, 6);
	assert_int_equal(c.unamended, 0);
	assert_int_equal(c.fault, 0);
	r = open_file();
	for (uint64_t i = 0; i < PIECE + 200; i++) {
		want = row_of(0, i);
		if (i == 0 || i == PIECE - 1 || i == PIECE) {
			want.flags |= 0x100;
		} else if (i == PIECE + 99) {
			want.flags = 0x100;
		} else if (i == 5005) {
			want.flags = 0x400;
			want.at[WS_INSTANT_SCHED] = -8;
			want.at[WS_INSTANT_APP_RX] = INT64_MAX;
		}
		expect_row(&r, i, &want);
	}
	ws_packets_close(&r);
}

/* Random numbers that are the same each time. */
static uint64_t random_of(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

#define MODEL_ROWS 40000

/* Runs, gaps of every width, rows that are dropped, amendments to any of them: as a plain array has it. */
static void amend_at_random(uint64_t seed, uint64_t memory, unsigned widest)
{
	struct ws_packet_row *model = calloc(MODEL_ROWS, sizeof(*model));
	struct ws_packets_writer *w = make(memory, false);
	uint64_t x = seed, seq = 0, n = 0, refused = 0, amended = 0, unamended = 0;
	struct ws_packets_counts c;
	struct ws_packets_reader r;
	uint32_t run = 0;

	assert_non_null(model);
	while (n < MODEL_ROWS) {
		struct ws_packet_row row;

		if (random_of(&x) % 5000 == 0) {
			run += 1 + (uint32_t)(random_of(&x) % 2);
			seq = random_of(&x) % 3;
		}
		row = row_of(run, seq);
		if (ws_packets_put(w, &row)) {
			model[n++] = row;
		} else {
			refused++;
			sched_yield();
		}
		seq += 1 + (random_of(&x) % 16 == 0 ? random_of(&x) % widest : 0);
		while (n > 0 && random_of(&x) % 4 == 0) {
			/* Mostly recent ones; one in eight may be missing. */
			uint64_t back = random_of(&x) % (random_of(&x) % 8 ? 200 : n);
			uint64_t i = back < n ? n - 1 - back : 0;
			uint32_t flag = 0x100u << random_of(&x) % 20,
				 clear = (uint32_t)random_of(&x);
			bool missing = random_of(&x) % 8 == 0, has_at = random_of(&x) % 2;
			uint64_t key = model[i].seq + missing;
			int64_t at[WS_INSTANTS];

			for (unsigned k = 0; k < WS_INSTANTS; k++) {
				at[k] = random_of(&x) % 2 ? UNKNOWN : (int64_t)random_of(&x);
			}
			i += missing;
			missing = i >= n || model[i].run != model[i - missing].run ||
				  model[i].seq != key;
			if (!ws_packets_amend(w, missing ? model[i - 1].run : model[i].run, key,
				    flag, clear, has_at ? at : NULL)) {
				unamended++;
				continue;
			}
			if (missing) {
				continue;
			}
			amended++;
			model[i].flags = (model[i].flags & ~clear) | flag;
			for (unsigned k = 0; has_at && k < WS_INSTANTS; k++) {
				model[i].at[k] = at[k] == UNKNOWN ? model[i].at[k] : at[k];
			}
		}
	}
	c = finish(w);
	assert_int_equal(c.rows, MODEL_ROWS);
	assert_int_equal(c.dropped, refused);
	assert_int_equal(c.amended, amended);
	assert_int_equal(c.unamended, unamended);
	r = open_file();
	assert_int_equal(r.rows, MODEL_ROWS);
	for (uint64_t i = 0; i < MODEL_ROWS; i++) {
		expect_row(&r, i, &model[i]);
	}
	ws_packets_close(&r);
	assert_int_equal(unlink(NPY), 0);
	free(model);
}

static void test_amend_at_random(void **state)
{
	(void)state;
	amend_at_random(1, 1, 3);
	amend_at_random(2, 1 << 18, 1000);
	amend_at_random(3, 1 << 20, 2);
	amend_at_random(4, 8 << 20, 100000);
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
	struct ws_packets_writer *w = make(1 << 20, true);
	uint64_t refused = 0, gone = 0;
	struct ws_packets_counts c;

	(void)state;
	scratch_limit(WS_PACKETS_HEADER + 1000 * WS_PACKETS_ROW + 79);
	for (uint64_t seq = 0; seq < 30000; seq++) {
		refused += !put(w, 0, seq);
	}
	/* It is noticed at last, and then nothing is taken any more. */
	while (put(w, 0, 30000 + gone)) {
		gone++;
		sched_yield();
	}
	refused++;
	assert_true(ws_packets_amend(w, 0, 999, 0x100, 0, NULL));
	assert_true(ws_packets_amend(w, 0, 1000, 0x100, 0, NULL));
	assert_true(ws_packets_amend(w, 0, 999, 0, 0x100, NULL));
	c = finish(w);
	assert_int_equal(c.fault, -EFBIG);
	assert_int_equal(c.rows, 1000);
	assert_int_equal(c.rows + c.dropped, 30000 + gone + 1);
	assert_true(c.dropped >= refused);
	/* The lost row may have been in memory then; it does not come back into the file. */
	assert_in_range(c.amended, 2, 3);
	assert_int_equal(c.unamended, 0);
	assert_int_equal(size_of(NPY), WS_PACKETS_HEADER + 1000 * WS_PACKETS_ROW);
	expect_rows(1000);
}

/* The file was in order when the text did not fit: it ends with a whole line. */
static void test_disk_is_full_for_csv(void **state)
{
	struct ws_packets_writer *w = make(1 << 20, true);
	struct ws_packets_counts c;
	struct blocks text;

	(void)state;
	for (uint64_t seq = 0; seq < 1000; seq++) {
		struct ws_packet_row row = {.seq = seq, .at = {[0 ... 7] = INT64_MAX}};

		assert_true(ws_packets_put(w, &row));
	}
	scratch_limit(WS_PACKETS_HEADER + 1000 * WS_PACKETS_ROW);
	c = finish(w);
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
	struct ws_packets_writer *w = make(1 << 20, false);
	struct ws_packets_counts c;

	(void)state;
	put_all(w, 0, 100);
	atomic_store(&disk.fsync_fails, 1);
	c = finish(w);
	assert_int_equal(c.fault, -EIO);
	assert_int_equal(c.rows, 100);
	expect_rows(100);
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
		struct ws_packets_writer *w = make(1 << 20, true);

		for (uint64_t seq = 0;; seq++) {
			while (!put(w, 0, seq)) {
				sched_yield();
			}
		}
	}
	while (access(NPY, F_OK) < 0) {
		sched_yield();
	}
	wait_for_rows(3 * PIECE);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	r = open_file();
	assert_true(r.repaired);
	assert_int_equal(r.claimed, 0);
	assert_true(r.rows >= 3 * PIECE);
	assert_int_equal(r.offset + r.rows * WS_PACKETS_ROW + r.rest, size_of(NPY));
	for (uint64_t i = 0; i < r.rows; i++) {
		struct ws_packet_row want = row_of(0, i);

		expect_row(&r, i, &want);
	}
	ws_packets_close(&r);
	/* No text is better than half of it. */
	assert_int_equal(size_of(CSV), 0);
}

/* Rows that do not fill a piece are written all the same: after a second at most. */
static void test_few_rows(void **state)
{
	struct ws_packets_writer *w = make(0, false);

	(void)state;
	put_all(w, 0, 3);
	wait_for_rows(3);
	put_all(w, 3, 4);
	wait_for_rows(4);
	assert_int_equal(finish(w).rows, 4);
	expect_rows(4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing),
		CASE(test_extremes),
		CASE(test_goes_round),
		CASE(test_odd_writes),
		CASE(test_memory_is_full),
		CASE(test_too_many_amendments),
		CASE(test_amend),
		CASE(test_amend_at_random),
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
