/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/txkeys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t cookie;
	int64_t sent_ns;
	uint32_t key;
	uint32_t pending; /* stages that have not come */
};

/*
 * A ring indexed by the key's low bits. It is four times as long as the bound, so that a frame
 * whose stamp never comes does not hold up the ones after it before it is overdue.
 */
struct ws_txkeys {
	uint32_t mask;
	uint32_t max;
	uint32_t outstanding;
	uint32_t next;	 /* key of the next frame */
	uint32_t oldest; /* no entry before this key is pending */
	unsigned stages;
	struct entry entries[];
};

int ws_txkeys_new(struct ws_txkeys **ret, uint32_t max, unsigned stages)
{
	struct ws_txkeys *k;
	uint32_t size = 1;

	if (max < 1 || max > 1u << 24 || !stages) {
		return -EINVAL;
	}
	while (size < 4 * max) {
		size *= 2;
	}
	k = calloc(1, sizeof(*k) + size * sizeof(k->entries[0]));
	if (!k) {
		return -ENOMEM;
	}
	/* Touched now, not in the first seconds of a run. */
	memset(k->entries, 0xff, size * sizeof(k->entries[0]));
	memset(k->entries, 0, size * sizeof(k->entries[0]));
	k->mask = size - 1;
	k->max = max;
	k->stages = stages;
	*ret = k;
	return 0;
}

void ws_txkeys_free(struct ws_txkeys *k)
{
	free(k);
}

/* Moves past entries that are complete. */
static void skip_complete(struct ws_txkeys *k)
{
	while (k->oldest != k->next && !k->entries[k->oldest & k->mask].pending) {
		k->oldest++;
	}
}

uint32_t ws_txkeys_room(const struct ws_txkeys *k)
{
	uint32_t by_bound = k->max - k->outstanding;
	uint32_t by_ring = k->mask + 1 - (k->next - k->oldest);

	return by_bound < by_ring ? by_bound : by_ring;
}

bool ws_txkeys_blocked(const struct ws_txkeys *k)
{
	return k->outstanding < k->max && ws_txkeys_room(k) == 0;
}

void ws_txkeys_restart(struct ws_txkeys *k)
{
	k->next = 0;
	k->oldest = 0;
}

uint32_t ws_txkeys_outstanding(const struct ws_txkeys *k)
{
	return k->outstanding;
}

uint32_t ws_txkeys_next(const struct ws_txkeys *k)
{
	return k->next;
}

void ws_txkeys_sent(struct ws_txkeys *k, uint64_t cookie, int64_t now_ns, unsigned stages)
{
	stages &= k->stages;
	k->entries[k->next & k->mask] = (struct entry){
		.cookie = cookie,
		.sent_ns = now_ns,
		.key = k->next,
		.pending = stages ? stages : k->stages,
	};
	k->next++;
	k->outstanding++;
}

void ws_txkeys_refused(struct ws_txkeys *k)
{
	k->entries[k->next & k->mask] = (struct entry){.key = k->next};
	k->next++;
	skip_complete(k);
}

static void stage_done(struct ws_txkeys *k, struct entry *e, unsigned stage)
{
	e->pending &= ~stage;
	if (!e->pending) {
		k->outstanding--;
		skip_complete(k);
	}
}

bool ws_txkeys_take(struct ws_txkeys *k, uint32_t key, unsigned stage, uint64_t *ret_cookie)
{
	struct entry *e = &k->entries[key & k->mask];

	if (key - k->oldest >= k->next - k->oldest || e->key != key || !(e->pending & stage)) {
		return false;
	}
	*ret_cookie = e->cookie;
	stage_done(k, e, stage);
	return true;
}

bool ws_txkeys_overdue(
	struct ws_txkeys *k, int64_t before_ns, uint64_t *ret_cookie, unsigned *ret_stage)
{
	struct entry *e = &k->entries[k->oldest & k->mask];

	if (k->oldest == k->next || e->sent_ns > before_ns) {
		return false;
	}
	*ret_cookie = e->cookie;
	*ret_stage = e->pending & -e->pending;
	stage_done(k, e, *ret_stage);
	return true;
}
