/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan.h"

#include <errno.h>

#include "core/time.h"

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

#define HASHED_PACKETS (UINT64_C(1) << 20)

typedef unsigned __int128 u128;

/*
 * floor(n * den * 10^9 / num). The product may need 142 bits; so the seconds are split off first,
 * which leaves the floor as it is: they are whole.
 */
static u128 offset_wide(struct ws_ratio pps, uint64_t n)
{
	u128 product = (u128)n * pps.den;
	u128 sec = product / pps.num;
	u128 rem = product % pps.num;

	/* More seconds than this are out of range anyway; multiplied, they could wrap. */
	if (sec > UINT64_MAX) {
		return ~(u128)0;
	}
	return sec * WS_NSEC_PER_SEC + rem * WS_NSEC_PER_SEC / pps.num;
}

int ws_plan_init_cbr(struct ws_plan *plan, struct ws_ratio pps, uint64_t count, int64_t duration_ns)
{
	u128 end;

	if (pps.num == 0 || pps.den == 0 || duration_ns < 0 || (count == 0) == (duration_ns == 0)) {
		return -EINVAL;
	}
	pps = ws_ratio_reduce(pps);

	if (count == 0) {
		u128 packets = (u128)duration_ns * pps.num / ((u128)pps.den * WS_NSEC_PER_SEC);

		if (packets > WS_PLAN_MAX_COUNT) {
			return -ERANGE;
		}
		count = packets > 0 ? (uint64_t)packets : 1;
	}
	if (count > WS_PLAN_MAX_COUNT) {
		return -ERANGE;
	}
	end = offset_wide(pps, count);
	if (end > INT64_MAX) {
		return -ERANGE;
	}

	*plan = (struct ws_plan){.pps = pps, .count = count, .duration_ns = (int64_t)end};
	return 0;
}

int ws_plan_init_max(struct ws_plan *plan, uint64_t count, int64_t duration_ns)
{
	if (duration_ns < 0 || (count == 0 && duration_ns == 0)) {
		return -EINVAL;
	}
	if (count > WS_PLAN_MAX_COUNT) {
		return -ERANGE;
	}
	*plan = (struct ws_plan){
		.pps = {0, 1},
		.count = count > 0 ? count : UINT64_MAX,
		.duration_ns = duration_ns > 0 ? duration_ns : INT64_MAX,
	};
	return 0;
}

bool ws_plan_is_max(const struct ws_plan *plan)
{
	return plan->pps.num == 0;
}

int64_t ws_plan_offset(const struct ws_plan *plan, uint64_t n)
{
	return ws_plan_is_max(plan) ? 0 : (int64_t)offset_wide(plan->pps, n);
}

void ws_plan_cursor_init(struct ws_plan_cursor *c, const struct ws_plan *plan)
{
	u128 gap = (u128)plan->pps.den * WS_NSEC_PER_SEC;

	if (ws_plan_is_max(plan)) {
		*c = (struct ws_plan_cursor){.div = 1};
		return;
	}
	*c = (struct ws_plan_cursor){
		.step_ns = (uint64_t)(gap / plan->pps.num),
		.step_rem = (uint64_t)(gap % plan->pps.num),
		.div = plan->pps.num,
	};
}

void ws_plan_cursor_next(struct ws_plan_cursor *c)
{
	/* Compared before it is added: rem + step_rem may not fit 64 bits. */
	uint64_t until_carry = c->div - c->step_rem;

	c->n++;
	c->offset_ns += (int64_t)c->step_ns;
	if (c->rem >= until_carry) {
		c->rem -= until_carry;
		c->offset_ns++;
	} else {
		c->rem += c->step_rem;
	}
}

static uint64_t fnv_add(uint64_t hash, uint64_t value)
{
	for (int byte = 0; byte < 8; byte++) {
		hash = (hash ^ (value & 0xff)) * FNV_PRIME;
		value >>= 8;
	}
	return hash;
}

uint64_t ws_plan_hash(const struct ws_plan *plan)
{
	uint64_t hash = FNV_BASIS;
	struct ws_plan_cursor c;

	if (ws_plan_is_max(plan)) {
		return 0;
	}
	ws_plan_cursor_init(&c, plan);
	while (c.n < plan->count && c.n < HASHED_PACKETS) {
		hash = fnv_add(hash, (uint64_t)c.offset_ns);
		ws_plan_cursor_next(&c);
	}
	return fnv_add(hash, plan->count);
}
