// SPDX-License-Identifier: BSD-2-Clause
#include "core/ring.h"

#include <errno.h>
#include <stdlib.h>

struct ws_ring {
	const struct ws_ring_ops *ops;
	void *arg;
	uint32_t units;
	uint64_t begun, released;
	uint64_t taken; /* by the last reading */
	/* Before the unit that comes next to the place that is given back next. */
	struct ws_ring_loss next;
	struct ws_ring_loss before[]; /* the unit that is at this place, or will be */
};

int ws_ring_new(struct ws_ring **ret, uint32_t units, const struct ws_ring_ops *ops, void *arg)
{
	struct ws_ring *r;

	if (!units) {
		return -EINVAL;
	}
	r = calloc(1, sizeof(*r) + units * sizeof(r->before[0]));
	if (!r) {
		return -ENOMEM;
	}
	r->ops = ops;
	r->arg = arg;
	r->units = units;
	*ret = r;
	return 0;
}

void ws_ring_free(struct ws_ring *r)
{
	free(r);
}

static uint32_t place(const struct ws_ring *r, uint64_t unit)
{
	return (uint32_t)(unit % r->units);
}

static bool is_ready(const struct ws_ring *r, uint64_t unit)
{
	return r->ops->ready(r->arg, place(r, unit));
}

static struct ws_ring_loss sum(struct ws_ring_loss a, struct ws_ring_loss b)
{
	/* One that is none says nothing about the other. */
	return (struct ws_ring_loss){
		.packets = a.packets + b.packets,
		.spread = (a.packets && a.spread) || (b.packets && b.spread),
	};
}

/* The last unit of a full ring. */
static uint64_t last(const struct ws_ring *r)
{
	return r->released + r->units - 1;
}

/* What the kernel dropped since the last reading, seen from the spell that lasts now. */
static struct ws_ring_loss read_drops(struct ws_ring *r)
{
	struct ws_ring_reading now = {0};
	struct ws_ring_loss loss = {0};

	r->ops->read(r->arg, &now);
	loss.packets = now.drops;
	if (now.drops) {
		/* Not marked: nothing was unread when it was taken, so all was dropped after it. A
		 * mark that is older than the last reading means what was read then. */
		loss.spread = !now.full || !is_ready(r, last(r)) ||
			      (r->ops->losing(r->arg, place(r, last(r))) && last(r) >= r->taken);
	}
	if (loss.spread) {
		/* Those that were not taken at the last reading may have some of it before them. */
		uint64_t first = r->taken > r->begun ? r->taken : r->begun;

		for (uint64_t i = first; i <= last(r); i++) {
			r->before[place(r, i)].spread = true;
		}
	}
	r->taken = now.taken;
	return loss;
}

void ws_ring_update(struct ws_ring *r)
{
	r->next = sum(r->next, read_drops(r));
}

bool ws_ring_ready(const struct ws_ring *r)
{
	return r->begun - r->released < r->units && is_ready(r, r->begun);
}

uint32_t ws_ring_begin(struct ws_ring *r, struct ws_ring_loss *ret_loss, bool *ret_losing)
{
	uint32_t at = place(r, r->begun);
	bool losing = r->ops->losing(r->arg, at);
	struct ws_ring_loss loss = r->before[at];

	r->before[at] = (struct ws_ring_loss){0};
	if (losing && r->begun >= r->taken) {
		/* Something was dropped that no reading has found yet, some of it before this unit.
		 * That it is told too early would be worse than too late: the next spell's share of
		 * it could not be told apart any more. */
		struct ws_ring_loss more = read_drops(r);

		more.spread = true;
		loss.spread = loss.spread || more.packets;
		r->next = sum(r->next, more);
	}
	r->begun++;
	loss.spread = loss.spread && loss.packets;
	*ret_loss = loss;
	*ret_losing = losing || loss.packets;
	return at;
}

uint32_t ws_ring_oldest(const struct ws_ring *r)
{
	return place(r, r->released);
}

uint32_t ws_ring_held(const struct ws_ring *r)
{
	return (uint32_t)(r->begun - r->released);
}

uint64_t ws_ring_released(const struct ws_ring *r)
{
	return r->released;
}

bool ws_ring_release_begin(struct ws_ring *r)
{
	bool full = is_ready(r, last(r));

	if (full) {
		ws_ring_update(r);
	}
	return full;
}

void ws_ring_release_end(struct ws_ring *r, uint32_t n, bool was_full)
{
	struct ws_ring_loss *first = &r->before[place(r, r->released)];
	struct ws_ring_reading between = {0}, after = {0};

	*first = r->next;
	r->next = (struct ws_ring_loss){0};
	r->released += n;
	if (!was_full) {
		return;
	}
	r->ops->read(r->arg, &between);
	r->taken = between.taken;
	if (!between.drops) {
		return;
	}
	/* Full once more before those were read? Then some may have been dropped since. */
	r->ops->read(r->arg, &after);
	r->taken = after.taken;
	if (!after.full) {
		*first = sum(*first, (struct ws_ring_loss){.packets = between.drops});
	} else {
		r->next = sum(*first, (struct ws_ring_loss){.packets = between.drops});
		*first = (struct ws_ring_loss){0};
	}
	r->next = sum(r->next, (struct ws_ring_loss){.packets = after.drops});
	r->next.spread = r->next.packets > 0;
}

uint32_t ws_ring_filled(const struct ws_ring *r)
{
	/* From begun on, units are filled up to some number and free from there. */
	uint64_t low = r->begun, high = r->released + r->units;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (is_ready(r, middle)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return (uint32_t)(low - r->released);
}
