/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/timeline.h"

#include <string.h>

#define ROW_BITS       3 /* rows of a power of two: 2^3 */
#define ROWS_PER_POWER (1u << ROW_BITS)

_Static_assert(WS_TIMELINE_ROWS % ROWS_PER_POWER == 0, "whole powers of two");
_Static_assert(WS_TIMELINE_COLUMNS % 2 == 0, "columns are joined in pairs");

void ws_timeline_init(struct ws_timeline *t)
{
	memset(t, 0, sizeof(*t));
	t->width_ns = WS_TIMELINE_WIDTH;
}

static void join(struct ws_timeline_column *to, const struct ws_timeline_column *from)
{
	for (unsigned i = 0; i < WS_HAPPENINGS; i++) {
		to->happened[i] += from->happened[i];
	}
	if (!from->count) {
		return;
	}
	if (!to->count || from->min < to->min) {
		to->min = from->min;
	}
	if (!to->count || from->max > to->max) {
		to->max = from->max;
	}
	to->count += from->count;
	for (unsigned i = 0; i < WS_TIMELINE_ROWS; i++) {
		if (__builtin_add_overflow(to->cells[i], from->cells[i], &to->cells[i])) {
			to->cells[i] = UINT32_MAX;
		}
	}
}

/* Columns from `used` on are empty. */
static void double_width(struct ws_timeline *t)
{
	unsigned used = (t->used + 1) / 2;

	for (unsigned i = 0; i < used; i++) {
		if (i) {
			t->columns[i] = t->columns[2 * i];
		}
		join(&t->columns[i], &t->columns[2 * i + 1]);
	}
	memset(&t->columns[used], 0, (t->used - used) * sizeof(t->columns[0]));
	t->used = used;
	t->width_ns *= 2;
}

/* Another column than that of the time before. Kept out of the way of every packet: it divides. */
static __attribute__((noinline)) void go_to(struct ws_timeline *t, int64_t at_ns)
{
	if (at_ns < 0) {
		at_ns = 0;
	}
	while (at_ns / t->width_ns >= WS_TIMELINE_COLUMNS) {
		double_width(t);
	}
	t->current = (unsigned)(at_ns / t->width_ns);
	t->current_ns = t->current * t->width_ns;
	if (t->current >= t->used) {
		t->used = t->current + 1;
	}
}

/* Times mostly come in order, so that the column is mostly the one before. */
static struct ws_timeline_column *column_at(struct ws_timeline *t, int64_t at_ns)
{
	if (at_ns < t->current_ns || at_ns - t->current_ns >= t->width_ns || !t->used) {
		go_to(t, at_ns);
	}
	return &t->columns[t->current];
}

unsigned ws_timeline_row(int64_t latency_ns)
{
	unsigned power, row;

	if (latency_ns < 1) {
		return 0;
	}
	power = 63 - (unsigned)__builtin_clzll((uint64_t)latency_ns);
	/* The bits behind the leading one. */
	row = power * ROWS_PER_POWER +
	      (power < ROW_BITS ? (unsigned)latency_ns << (ROW_BITS - power)
				: (unsigned)(latency_ns >> (power - ROW_BITS))) %
		      ROWS_PER_POWER;
	return row < WS_TIMELINE_ROWS ? row : WS_TIMELINE_ROWS - 1;
}

int64_t ws_timeline_row_low(unsigned row)
{
	unsigned power = row / ROWS_PER_POWER;
	/* In eighths of a ns, so that the rows between whole ones have an edge. */
	int64_t edge = (int64_t)(ROWS_PER_POWER + row % ROWS_PER_POWER) << power;

	return (edge + ROWS_PER_POWER - 1) / ROWS_PER_POWER;
}

void ws_timeline_latency(struct ws_timeline *t, int64_t at_ns, int64_t latency_ns)
{
	struct ws_timeline_column *c = column_at(t, at_ns);
	uint32_t *cell = &c->cells[ws_timeline_row(latency_ns)];

	*cell += *cell != UINT32_MAX;
	if (!c->count || latency_ns < c->min) {
		c->min = latency_ns;
	}
	if (!c->count || latency_ns > c->max) {
		c->max = latency_ns;
	}
	c->count++;
}

void ws_timeline_happened(struct ws_timeline *t, int64_t at_ns, enum ws_happening what)
{
	column_at(t, at_ns)->happened[what]++;
}
