// SPDX-License-Identifier: BSD-2-Clause
/* packets.csv: numbers as printf() has them, what is unknown, and what was amended. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
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

#define CSV	"packets.csv"
#define UNKNOWN WS_PACKETS_UNKNOWN
#define CSV_NAMES                                                                          \
	"run,seq,flags,intended_ns,app_tx_ns,sched_ns,driver_tx_ns,wire_tx_ns,wire_rx_ns," \
	"kernel_rx_ns,app_rx_ns\n"

static struct ws_packets_writer *make(void)
{
	const struct ws_packets_config config = {.dirfd = AT_FDCWD, .csv = true, .memory = 1 << 20};
	struct ws_packets_writer *w = NULL;

	assert_int_equal(ws_packets_writer_new(&w, &config), 0);
	return w;
}

static struct ws_packets_counts finish(struct ws_packets_writer *w)
{
	struct ws_packets_counts c;

	ws_packets_writer_close(w, &c);
	return c;
}

/* Random numbers that are the same each time. */
static uint64_t random_of(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void test_csv(void **state)
{
	static const char want[] = CSV_NAMES
		"0,0,0,0,1,-1,,9223372036854775807,-9223372036854775807,99999999,100000000\n"
		"4294967295,18446744073709551615,4294967295,,,,,,,,\n";
	const struct ws_packet_row rows[] = {
		{0, 0, 7, {0, 1, -1, UNKNOWN, INT64_MAX, INT64_MIN + 1, 99999999, 5}},
		{UINT32_MAX, UINT64_MAX, UINT32_MAX, {[0 ... 7] = UNKNOWN}},
	};
	const int64_t later[WS_INSTANTS] = {[0 ... 6] = UNKNOWN, [7] = 100000000};
	struct ws_packets_writer *w = make();
	struct blocks text;
	struct stat st;

	(void)state;
	assert_int_equal(stat(CSV, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_true(ws_packets_put(w, &rows[0]));
	assert_true(ws_packets_put(w, &rows[1]));
	/* What was amended is in the text. */
	assert_true(ws_packets_amend(w, 0, 0, 0, 7, later));
	assert_int_equal(finish(w).fault, 0);
	text = scratch_read(CSV);
	assert_int_equal(text.len, sizeof(want) - 1);
	assert_memory_equal(text.data, want, text.len);
	blocks_free(&text);
}

/* Every number of digits, and what is around the powers of ten and of two, as printf has it. */
static void test_csv_numbers(void **state)
{
	char got[WS_PACKETS_LINE], want[256];
	uint64_t x = 7;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct ws_packet_row row = {.run = (uint32_t)(random_of(&x) >> random_of(&x) % 32),
			.seq = random_of(&x) >> random_of(&x) % 64,
			.flags = i};
		uint64_t ten = 1;
		size_t len;
		int n;

		for (uint64_t k = random_of(&x) % 19; k > 0; k--) {
			ten *= 10;
		}
		for (unsigned k = 0; k < WS_INSTANTS; k++) {
			row.at[k] = (int64_t)(random_of(&x) >> random_of(&x) % 64);
		}
		row.at[1] = (int64_t)(ten - 1 + random_of(&x) % 3);
		row.at[2] = -row.at[1];
		row.at[3] = (int64_t)(UINT64_C(1) << random_of(&x) % 63) - 1;
		for (unsigned k = 0; k < WS_INSTANTS; k++) {
			row.at[k] += row.at[k] == UNKNOWN;
		}
		n = snprintf(want, sizeof(want), "%" PRIu32 ",%" PRIu64 ",%" PRIu32, row.run,
			row.seq, row.flags);
		for (unsigned k = 0; k < WS_INSTANTS; k++) {
			n += snprintf(want + n, sizeof(want) - (size_t)n, ",%" PRId64, row.at[k]);
		}
		len = ws_packets_csv_line(got, &row);
		assert_int_equal(len, n + 1);
		assert_memory_equal(got, want, (size_t)n);
		assert_int_equal(got[n], '\n');
	}
}

static struct ws_packet_row row_of(uint64_t seq)
{
	struct ws_packet_row row = {.seq = seq, .flags = (uint32_t)seq & 0x7f};

	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		row.at[i] = i == seq % WS_INSTANTS ? UNKNOWN : (int64_t)(seq * 1000 + i);
	}
	return row;
}

static void test_csv_of_many(void **state)
{
	struct ws_packets_writer *w = make();
	char want[WS_PACKETS_LINE];
	struct blocks text;
	size_t at = sizeof(CSV_NAMES) - 1;

	(void)state;
	for (uint64_t seq = 0; seq < 20000; seq++) {
		struct ws_packet_row row = row_of(seq);

		while (!ws_packets_put(w, &row)) {
			sched_yield();
		}
	}
	assert_int_equal(finish(w).fault, 0);
	text = scratch_read(CSV);
	assert_memory_equal(text.data, CSV_NAMES, at);
	for (uint64_t seq = 0; seq < 20000; seq++) {
		struct ws_packet_row row = row_of(seq);
		size_t len = ws_packets_csv_line(want, &row);

		assert_true(at + len <= text.len);
		assert_memory_equal(text.data + at, want, len);
		at += len;
	}
	assert_int_equal(at, text.len);
	blocks_free(&text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_csv),
		CASE(test_csv_numbers),
		CASE(test_csv_of_many),
	};

	return cmocka_run_group_tests_name("packets_csv", tests, NULL, NULL);
}
