/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Losses. ---- */

void ws_losses_init(struct ws_losses *l)
{
	memset(l, 0, sizeof(*l));
}

/* Of those of equal length the later one goes first, so that the list is that of the first ones. */
static void find_shortest(struct ws_losses *l)
{
	l->shortest = 0;
	for (unsigned i = 1; i < l->count; i++) {
		if (l->list[i].count <= l->list[l->shortest].count) {
			l->shortest = i;
		}
	}
}

static void close_episode(struct ws_losses *l)
{
	struct ws_loss open = l->open;

	if (!open.count) {
		return;
	}
	l->open.count = 0;
	l->episodes++;
	if (open.count > l->longest) {
		l->longest = open.count;
	}
	if (l->count == WS_LOSSES) {
		if (open.count <= l->list[l->shortest].count) {
			return;
		}
		l->count--;
		memmove(&l->list[l->shortest], &l->list[l->shortest + 1],
			(l->count - l->shortest) * sizeof(l->list[0]));
	}
	l->list[l->count++] = open;
	if (l->count == WS_LOSSES) {
		find_shortest(l);
	}
}

void ws_losses_add(struct ws_losses *l, uint64_t seq, int64_t at_ns, bool lost)
{
	if (!lost) {
		close_episode(l);
		return;
	}
	l->packets++;
	if (!l->open.count) {
		l->open = (struct ws_loss){.seq = seq, .at_ns = at_ns};
	}
	l->open.count = seq - l->open.seq + 1;
	l->open.until_ns = at_ns;
}

void ws_losses_end(struct ws_losses *l)
{
	close_episode(l);
}

/* ---- Reordering. ---- */

/*
 * The first greater sequence before a packet is always one that was the greatest so far. And among
 * these only the ones that left sequences out need to be known: what follows the greatest without a
 * gap is never the first that is greater than a sequence which is still to come.
 */
struct jump {
	uint64_t seq, arrival;
};

struct ws_order {
	uint64_t greatest; /* of all arrivals; valid if there were any */
	uint64_t arrivals;
	uint64_t jumps;	    /* so far; the last ones are in the ring */
	uint64_t forgotten; /* the sequence of the last one that is not */
	uint64_t mask;
	struct jump ring[];
};

int ws_order_new(struct ws_order **ret, uint32_t reach)
{
	struct ws_order *o;
	size_t size;

	if (reach == 0 || (reach & (reach - 1)) != 0) {
		return -EINVAL;
	}
	if (__builtin_mul_overflow((size_t)reach, sizeof(o->ring[0]), &size) ||
		__builtin_add_overflow(size, sizeof(*o), &size)) {
		return -ENOMEM;
	}
	/* Written, not calloc'd: the pages are to be there before a measurement begins. */
	o = malloc(size);
	if (!o) {
		return -ENOMEM;
	}
	memset(o, 0, size);
	o->mask = reach - 1;
	*ret = o;
	return 0;
}

void ws_order_free(struct ws_order *o)
{
	free(o);
}

static void note_jump(struct ws_order *o, uint64_t seq, uint64_t arrival)
{
	struct jump *j = &o->ring[o->jumps & o->mask];

	if (o->jumps > o->mask) {
		o->forgotten = j->seq;
	}
	*j = (struct jump){seq, arrival};
	o->jumps++;
}

static uint64_t extent(const struct ws_order *o, uint64_t seq, uint64_t arrival)
{
	bool any_forgotten = o->jumps > o->mask + 1;
	uint64_t oldest = any_forgotten ? o->jumps - o->mask - 1 : 0;
	uint64_t low, high = o->jumps, step = 1;

	/* What is out of order mostly is a little so: from the newest on, in growing steps. */
	while (step < high - oldest && o->ring[(high - step) & o->mask].seq > seq) {
		high -= step;
		step *= 2;
	}
	low = step < high - oldest ? high - step : oldest;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (o->ring[middle & o->mask].seq > seq) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	if (low == o->jumps) {
		return 0; /* it came before: a copy */
	}
	if (low == oldest && any_forgotten && o->forgotten > seq) {
		return UINT64_MAX;
	}
	return arrival - o->ring[low & o->mask].arrival;
}

uint64_t ws_order_arrival(struct ws_order *o, uint64_t seq)
{
	uint64_t arrival = o->arrivals++;
	uint64_t expected = arrival ? o->greatest + 1 : 0;

	if (arrival && seq <= o->greatest) {
		return extent(o, seq, arrival);
	}
	if (seq != expected) {
		note_jump(o, seq, arrival);
	}
	o->greatest = seq;
	return 0;
}

void ws_reordering_add(struct ws_reordering *r, uint64_t extent)
{
	unsigned bin = 0;
	uint64_t known;

	if (!extent) {
		return;
	}
	r->reordered++;
	if (extent == UINT64_MAX) {
		r->unknown++;
		return;
	}
	if (extent > 1) {
		bin = 64 - (unsigned)__builtin_clzll(extent - 1);
	}
	r->bins[bin < WS_EXTENT_BINS ? bin : WS_EXTENT_BINS - 1]++;
	if (extent > r->max) {
		r->max = extent;
	}
	known = r->reordered - r->unknown;
	r->mean += ((double)extent - r->mean) / (double)known;
}

/* ---- Jitter. ---- */

/* Exact before it becomes a double: transit times may hold the offset of two clocks. */
static double distance(int64_t a, int64_t b)
{
	return a > b ? (double)((uint64_t)a - (uint64_t)b) : (double)((uint64_t)b - (uint64_t)a);
}

void ws_jitter_add(struct ws_jitter *j, int64_t transit_ns)
{
	if (j->any) {
		j->ns += (distance(transit_ns, j->last) - j->ns) / 16;
		j->count++;
		j->mean += (j->ns - j->mean) / (double)j->count;
		if (j->ns > j->max) {
			j->max = j->ns;
		}
	}
	j->last = transit_ns;
	j->any = true;
}
