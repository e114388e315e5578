// SPDX-License-Identifier: BSD-2-Clause
#include "unit/packet_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/scratch.h"

#define UNKNOWN WS_PACKETS_UNKNOWN

struct packet_disk packet_disk;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	static atomic_uint calls;

	while (atomic_load(&packet_disk.gate_closed)) {
		atomic_store(&packet_disk.at_gate, true);
		sched_yield();
	}
	atomic_store(&packet_disk.at_gate, false);
	if (atomic_load(&packet_disk.odd) && atomic_fetch_add(&calls, 1) % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	return __real_write(fd, data, atomic_load(&packet_disk.odd) && len > 1 ? len - 1 : len);
}

int __wrap_fsync(int fd)
{
	if (atomic_load(&packet_disk.fsync_fails)) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

int packets_enter(void **state)
{
	memset(&packet_disk, 0, sizeof(packet_disk));
	return scratch_enter(state);
}

struct ws_packets_writer *packets_make(uint64_t memory, bool csv)
{
	const struct ws_packets_config config = {.dirfd = AT_FDCWD, .csv = csv, .memory = memory};
	struct ws_packets_writer *w = NULL;

	assert_int_equal(ws_packets_writer_new(&w, &config), 0);
	return w;
}

struct ws_packet_row packets_row_of(uint32_t run, uint64_t seq)
{
	struct ws_packet_row row = {.run = run, .seq = seq, .flags = (uint32_t)seq & 0x7f};

	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		row.at[i] =
			i == seq % WS_INSTANTS ? UNKNOWN : (int64_t)(seq * 1000 + i) - 500000 * run;
	}
	return row;
}

bool packets_try(struct ws_packets_writer *w, uint32_t run, uint64_t seq)
{
	struct ws_packet_row row = packets_row_of(run, seq);

	return ws_packets_put(w, &row);
}

void packets_put_all(struct ws_packets_writer *w, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq < to; seq++) {
		while (!packets_try(w, 0, seq)) {
			sched_yield();
		}
	}
}

static bool same(const struct ws_packet_row *a, const struct ws_packet_row *b)
{
	return a->run == b->run && a->seq == b->seq && a->flags == b->flags &&
	       !memcmp(a->at, b->at, sizeof(a->at));
}

struct ws_packets_reader packets_open_file(void)
{
	struct ws_packets_reader r;
	char why[128];

	assert_int_equal(ws_packets_open(&r, AT_FDCWD, NPY, why, sizeof(why)), 0);
	assert_string_equal(why, "");
	return r;
}

void packets_expect_row(
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

void packets_expect_rows(uint64_t n)
{
	struct ws_packets_reader r = packets_open_file();

	assert_int_equal(r.rows, n);
	assert_int_equal(r.claimed, n);
	assert_int_equal(r.rest, 0);
	assert_false(r.repaired);
	for (uint64_t i = 0; i < n; i++) {
		struct ws_packet_row want = packets_row_of(0, i);

		packets_expect_row(&r, i, &want);
	}
	ws_packets_close(&r);
}

struct ws_packets_counts packets_finish(struct ws_packets_writer *w)
{
	struct ws_packets_counts c;

	ws_packets_writer_close(w, &c);
	return c;
}

off_t packets_size_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_size;
}

void packets_wait_for_rows(uint64_t n)
{
	while (packets_size_of(NPY) < (off_t)(WS_PACKETS_HEADER + n * WS_PACKETS_ROW)) {
		sched_yield();
	}
}
