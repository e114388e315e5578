// SPDX-License-Identifier: BSD-2-Clause
/* What becomes known of a row after it was put: while it is in memory, and when it is in the file. */
#include "file/packets.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/packet_rows.h"
#include "unit/scratch.h"

#define UNKNOWN WS_PACKETS_UNKNOWN

/* What there is no room for is refused, and counted. */
static void test_too_many_amendments(void **state)
{
	struct ws_packets_writer *w = packets_make(1, false);
	uint64_t taken = 0;
	struct ws_packets_counts c;

	(void)state;
	atomic_store(&packet_disk.gate_closed, true);
	for (uint64_t seq = 0; seq < LEAST; seq++) {
		assert_true(packets_try(w, 0, seq));
	}
	while (!atomic_load(&packet_disk.at_gate)) {
		sched_yield();
	}
	while (ws_packets_amend(w, 0, taken % LEAST, 0x1000, 0, NULL)) {
		taken++;
	}
	assert_false(ws_packets_amend(w, 0, 0, 0x1000, 0, NULL));
	assert_int_equal(taken, 64);
	atomic_store(&packet_disk.gate_closed, false);
	c = packets_finish(w);
	assert_int_equal(c.amended, taken);
	assert_int_equal(c.unamended, 2);
	assert_int_equal(c.rows, LEAST);
}

/* Flags and times, in memory and in the file; and what is not there, or not yet. */
static void test_amend(void **state)
{
	struct ws_packets_writer *w = packets_make(4 << 20, false);
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
	packets_put_all(w, 0, PIECE);
	assert_true(ws_packets_amend(w, 0, PIECE, 0xffff00, 0, NULL));
	packets_wait_for_rows(PIECE);
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
	packets_put_all(w, PIECE, PIECE + 100);
	assert_true(ws_packets_amend(w, 0, PIECE, 0x100, 0, NULL));
	assert_true(ws_packets_amend(w, 0, PIECE + 99, 0x100, 0x7f, NULL));
	/* Nowhere. */
	assert_true(ws_packets_amend(w, 0, PIECE + 100, 0xffff00, 0, NULL));
	assert_true(ws_packets_amend(w, 1, 5, 0xffff00, 0, NULL));
	packets_put_all(w, PIECE + 100, PIECE + 200);
	c = packets_finish(w);
	assert_int_equal(c.rows, PIECE + 200);
	assert_int_equal(c.amended, 6);
	assert_int_equal(c.unamended, 0);
	assert_int_equal(c.fault, 0);
	r = packets_open_file();
	for (uint64_t i = 0; i < PIECE + 200; i++) {
		want = packets_row_of(0, i);
		if (i == 0 || i == PIECE - 1 || i == PIECE) {
			want.flags |= 0x100;
		} else if (i == PIECE + 99) {
			want.flags = 0x100;
		} else if (i == 5005) {
			want.flags = 0x400;
			want.at[WS_INSTANT_SCHED] = -8;
			want.at[WS_INSTANT_APP_RX] = INT64_MAX;
		}
		packets_expect_row(&r, i, &want);
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
	struct ws_packets_writer *w = packets_make(memory, false);
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
		row = packets_row_of(run, seq);
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
	c = packets_finish(w);
	assert_int_equal(c.rows, MODEL_ROWS);
	assert_int_equal(c.dropped, refused);
	assert_int_equal(c.amended, amended);
	assert_int_equal(c.unamended, unamended);
	r = packets_open_file();
	assert_int_equal(r.rows, MODEL_ROWS);
	for (uint64_t i = 0; i < MODEL_ROWS; i++) {
		packets_expect_row(&r, i, &model[i]);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, packets_enter, scratch_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_too_many_amendments),
		CASE(test_amend),
		CASE(test_amend_at_random),
	};

	return cmocka_run_group_tests_name("packets_amend", tests, NULL, NULL);
}
