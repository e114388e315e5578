/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/rundoc_own.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/docsum.h"

/* More packets than this were never sent; sums of fewer cannot overflow anywhere. */
#define COUNT_MAX (UINT64_C(1) << 60)
/* A value that a difference of two int64 times can have and that can still be squared in peace. */
#define VALUE_MAX (INT64_C(1) << 61)

/* One bin of a list. False: it is none. */
static bool bin_read(const json_t *bin, struct ws_hist_bin *ret)
{
	return json_array_size(bin) == 3 && ws_get_signed(json_array_get(bin, 0), &ret->low) &&
	       ws_get_signed(json_array_get(bin, 1), &ret->high) &&
	       ws_get_unsigned(json_array_get(bin, 2), &ret->count) && ret->low < ret->high &&
	       ret->high > WS_HIST_LOW && ret->low < WS_HIST_HIGH && ret->low > -VALUE_MAX &&
	       ret->high < VALUE_MAX;
}

/* A value for all of a bin; where bins are not ours, it says which of ours is the nearest one. */
static int64_t value_of(const struct ws_hist_bin *bin)
{
	int64_t middle = bin->low + (bin->high - 1 - bin->low) / 2;

	if (middle < WS_HIST_LOW) {
		return WS_HIST_LOW;
	}
	return middle < WS_HIST_HIGH ? middle : WS_HIST_HIGH - 1;
}

/* False: more packets than there can be. */
static bool record(struct ws_hist *h, int64_t value, uint64_t count)
{
	if (count > COUNT_MAX || h->count > COUNT_MAX - count) {
		return false;
	}
	if (count > 0) {
		ws_hist_record_many(h, value, count);
	}
	return true;
}

static int bins_read(struct ws_rundoc *d, const struct ws_place *place, const json_t *bins,
	struct ws_hist *h, char *why, size_t why_size)
{
	bool moved = false, crossed = false;
	int64_t last = INT64_MIN;
	size_t i, n = json_array_size(bins);

	for (i = 0; i < n; i++) {
		struct ws_hist_bin bin, ours;

		if (!bin_read(json_array_get(bins, i), &bin)) {
			snprintf(why, why_size,
				"%s[%zu] is no bin [low, high, count] of a histogram in 1 ns to 100 s",
				place->text, i);
			return -EBADMSG;
		}
		ours = ws_hist_bin(h, ws_hist_index(value_of(&bin)));
		moved = moved || ours.low != bin.low || ours.high != bin.high;
		crossed = crossed || bin.low < last;
		last = bin.high;
		if (!record(h, value_of(&bin), bin.count)) {
			snprintf(why, why_size, "%s: its counts add up to more than there can be",
				place->text);
			return -EBADMSG;
		}
	}
	if (crossed) {
		ws_rundoc_note(d, "%s: bins overlap or are not in order", place->text);
	}
	if (moved) {
		ws_rundoc_note(
			d, "%s: other bins than ours, counted in the nearest ones", place->text);
	}
	return 0;
}

/* Values of which the summary tells how many there are, but not how large. */
static bool outside_add(struct ws_hist *h, const struct ws_outside *outside, const json_t *summary)
{
	uint64_t count = ws_get_count(summary, "count");
	int64_t min = ws_get_integer(summary, "min", 1), max = ws_get_integer(summary, "max", 1);
	const uint64_t told[] = {outside->negative, outside->below_range, outside->above_range};
	const int64_t values[] = {min < 0 && min > -VALUE_MAX ? min : -1, 0,
		max > WS_HIST_HIGH && max < VALUE_MAX ? max : WS_HIST_HIGH};
	bool all = true;
	int i;

	for (i = 0; i < 3; i++) {
		if (told[i] == UINT64_MAX) {
			all = false;
		} else if (!record(h, values[i], told[i])) {
			return false;
		}
	}
	if (count == UINT64_MAX || count == h->count) {
		return true;
	}
	if (count < h->count || all) {
		return false;
	}
	/* What is missing lies where the summary's smallest value does, or else above. */
	return record(h, values[min < 0 ? 0 : min == 0 ? 1 : 2], count - h->count);
}

/* The summary's own values instead of those of bins. False: they cannot be those of this histogram. */
static bool summary_take(struct ws_hist *h, const json_t *summary)
{
	int64_t min = ws_get_integer(summary, "min", INT64_MIN);
	int64_t max = ws_get_integer(summary, "max", INT64_MIN);
	double mean = ws_get_real(summary, "mean"), stddev = ws_get_real(summary, "stddev");
	size_t first = ws_hist_next(h, 0), last = first, i;
	uint64_t count = h->count;

	if (count == 0 || (min == INT64_MIN && max == INT64_MIN)) {
		return true;
	}
	for (i = first; i < WS_HIST_BINS; i = ws_hist_next(h, i + 1)) {
		last = i;
	}
	if (min <= -VALUE_MAX || max >= VALUE_MAX || min > max) {
		return false;
	}
	if (first < WS_HIST_BINS &&
		(min >= ws_hist_bin(h, first).high || max < ws_hist_bin(h, last).low)) {
		return false;
	}
	if (ws_hist_in_range(h) == count && min == max) {
		ws_hist_init(h);
		return record(h, min, count);
	}
	h->min = min;
	h->max = max;
	if (isfinite(mean)) {
		(void)ws_hist_set_moments(h, mean, isfinite(stddev) ? stddev : 0);
	}
	return true;
}

int ws_rundoc_hist(struct ws_rundoc *d, const struct ws_place *place, const json_t *bins,
	const json_t *summary, const struct ws_outside *outside, struct ws_hist **ret, char *why,
	size_t why_size)
{
	struct ws_hist *h;
	int r;

	*ret = NULL;
	if (!json_is_array(bins)) {
		return 0;
	}
	h = malloc(sizeof(*h));
	if (!h) {
		return -ENOMEM;
	}
	ws_hist_init(h);
	r = bins_read(d, place, bins, h, why, why_size);
	if (r < 0) {
		free(h);
		return r;
	}
	if (!outside_add(h, outside, summary)) {
		ws_rundoc_note(
			d, "%s: its counts are not those of the summary beside it", place->text);
	}
	if (!summary_take(h, summary)) {
		ws_rundoc_note(
			d, "%s: the summary's min and max are not those of its bins", place->text);
	}
	*ret = h;
	return 0;
}

static bool cells_read(struct ws_timeline_column *c, const json_t *cells)
{
	size_t i, n = json_array_size(cells);

	for (i = 0; i < n; i++) {
		const json_t *cell = json_array_get(cells, i);
		int64_t low;
		uint64_t count;
		unsigned row;

		if (!ws_get_signed(json_array_get(cell, 0), &low) ||
			!ws_get_unsigned(json_array_get(cell, 2), &count)) {
			return false;
		}
		row = ws_timeline_row(low);
		if (row >= WS_TIMELINE_ROWS) {
			return false;
		}
		if (__builtin_add_overflow(c->cells[row], count, &c->cells[row])) {
			c->cells[row] = UINT32_MAX;
		}
	}
	return true;
}

static bool column_read(struct ws_timeline *t, const json_t *column)
{
	int64_t at = ws_get_integer(column, "at_ns", -1);
	struct ws_timeline_column *c;
	uint64_t n;
	int i;

	if (at < 0 || at / t->width_ns >= WS_TIMELINE_COLUMNS) {
		return false;
	}
	c = &t->columns[at / t->width_ns];
	if (t->used <= at / t->width_ns) {
		t->used = (unsigned)(at / t->width_ns) + 1;
	}
	for (i = 0; i < WS_HAPPENINGS; i++) {
		n = ws_get_count(column, ws_doc_happenings[i]);
		c->happened[i] = n <= COUNT_MAX ? n : 0;
	}
	n = ws_get_count(column, "count");
	c->count = n <= COUNT_MAX ? n : 0;
	c->min = ws_get_integer(column, "min", 0);
	c->max = ws_get_integer(column, "max", 0);
	if (c->min < -VALUE_MAX || c->max > VALUE_MAX || c->min > c->max) {
		return false;
	}
	return cells_read(c, json_object_get(column, "cells"));
}

int ws_rundoc_timeline(struct ws_rundoc *d, const struct ws_place *place, const json_t *timeline,
	struct ws_timeline **ret)
{
	const json_t *columns = json_object_get(timeline, "columns");
	int64_t width = ws_get_integer(timeline, "width_ns", -1);
	size_t i, n = json_array_size(columns);
	struct ws_timeline *t;

	*ret = NULL;
	if (n == 0) {
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		return -ENOMEM;
	}
	ws_timeline_init(t);
	t->width_ns = width;
	for (i = 0; width > 0 && i < n && column_read(t, json_array_get(columns, i)); i++) {
	}
	if (i < n) {
		free(t);
		ws_rundoc_note(d, "%s is damaged and left out", place->text);
		return 0;
	}
	*ret = t;
	return 0;
}

int ws_rundoc_losses(struct ws_rundoc *d, const struct ws_place *place, const json_t *losses,
	struct ws_series *s)
{
	const json_t *list = json_object_get(losses, "list");
	size_t i, n = json_array_size(list);
	bool damaged = false;

	if (n == 0) {
		return 0;
	}
	n = n < WS_LOSSES ? n : WS_LOSSES;
	s->losses = calloc(n, sizeof(*s->losses));
	if (!s->losses) {
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		const json_t *entry = json_array_get(list, i);
		struct ws_loss loss = {
			.seq = ws_get_count(entry, "seq"),
			.count = ws_get_count(entry, "count"),
			.at_ns = ws_get_integer(entry, "at_ns", INT64_MIN),
			.until_ns = ws_get_integer(entry, "until_ns", INT64_MIN),
		};

		if (loss.seq == UINT64_MAX || loss.count > COUNT_MAX || loss.count == 0 ||
			loss.at_ns == INT64_MIN || loss.until_ns < loss.at_ns) {
			damaged = true;
		} else {
			s->losses[s->loss_count++] = loss;
		}
	}
	if (damaged) {
		ws_rundoc_note(d, "%s has entries that are no losses", place->text);
	}
	return 0;
}
