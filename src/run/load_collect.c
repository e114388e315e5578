/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_collect.h"

#include <errno.h>
#include <stdlib.h>

#include "core/limit.h"
#include "run/load_flight.h"

struct input {
	struct ws_spsc *stamps;
	const _Atomic uint64_t *told;
};

struct ws_load_collector {
	struct ws_gap_walk walk;
	uint64_t link_bps;
	unsigned count, max;
	struct input inputs[];
};

int ws_load_collector_new(
	struct ws_load_collector **ret, struct ws_gaps *gaps, unsigned workers, uint64_t link_bps)
{
	struct ws_load_collector *c;

	c = calloc(1, sizeof(*c) + workers * sizeof(c->inputs[0]));
	if (!c) {
		return -ENOMEM;
	}
	ws_gap_walk_init(&c->walk, gaps);
	c->link_bps = link_bps;
	c->max = workers;
	*ret = c;
	return 0;
}

void ws_load_collector_free(struct ws_load_collector *c)
{
	free(c);
}

void ws_load_collector_add(
	struct ws_load_collector *c, struct ws_spsc *stamps, const _Atomic uint64_t *told)
{
	if (c->count < c->max) {
		c->inputs[c->count++] = (struct input){.stamps = stamps, .told = told};
	}
}

static int64_t wire_ns(const struct ws_load_collector *c, uint32_t len)
{
	return c->link_bps ? (int64_t)(ws_limit_l1_bits(len) * 1e9 / (double)c->link_bps) : 0;
}

void ws_load_collect(struct ws_load_collector *c)
{
	for (;;) {
		const struct ws_load_stamp *oldest = NULL;
		uint64_t may_come = UINT64_MAX; /* what is not here yet is from there on */
		struct ws_spsc *from = NULL;

		for (unsigned i = 0; i < c->count; i++) {
			/* Read first: what is told of is then in the queue. */
			uint64_t told =
				atomic_load_explicit(c->inputs[i].told, memory_order_acquire);
			const struct ws_load_stamp *front = ws_spsc_front(c->inputs[i].stamps);

			if (!front) {
				may_come = told < may_come ? told : may_come;
			} else if (!oldest || front->seq < oldest->seq) {
				oldest = front;
				from = c->inputs[i].stamps;
			}
		}
		if (!oldest || oldest->seq > may_come) {
			return;
		}
		ws_gap_walk_add(&c->walk, oldest->seq, oldest->ns, oldest->intended_ns,
			wire_ns(c, oldest->len));
		ws_spsc_pop(from);
	}
}
