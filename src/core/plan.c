/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan.h"

#include <errno.h>

#include "core/random.h"
#include "core/time.h"

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

#define HASHED_PACKETS (UINT64_C(1) << 20)

typedef unsigned __int128 u128;

static const char *const pattern_names[WS_PATTERN_COUNT] = {
	[WS_PATTERN_CBR] = "cbr",
	[WS_PATTERN_BURST] = "burst",
	[WS_PATTERN_POISSON] = "poisson",
	[WS_PATTERN_LIST] = "replay",
};

const char *ws_pattern_name(enum ws_pattern pattern)
{
	if ((unsigned int)pattern >= WS_PATTERN_COUNT) {
		return "unknown";
	}
	return pattern_names[pattern];
}

/*
 * floor(n * den * 10^9 / num). The product may need 142 bits; so the seconds are split off first,
 * which leaves the floor as it is: they are whole. *ret_rem is what the floor leaves, in 1 / num.
 */
static u128 offset_wide(struct ws_ratio pps, uint64_t n, uint64_t *ret_rem)
{
	u128 product = (u128)n * pps.den;
	u128 sec = product / pps.num;
	u128 rest = product % pps.num * WS_NSEC_PER_SEC;

	*ret_rem = (uint64_t)(rest % pps.num);
	/* More seconds than this are out of range anyway; multiplied, they could wrap. */
	if (sec > UINT64_MAX) {
		return ~(u128)0;
	}
	return sec * WS_NSEC_PER_SEC + rest / pps.num;
}

int ws_plan_init_cbr(struct ws_plan *plan, struct ws_ratio pps, uint64_t count, int64_t duration_ns)
{
	uint64_t rem;
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
	end = offset_wide(pps, count, &rem);
	if (end > INT64_MAX) {
		return -ERANGE;
	}

	*plan = (struct ws_plan){.pps = pps, .count = count, .duration_ns = (int64_t)end};
	return 0;
}

int ws_plan_init_burst(struct ws_plan *plan, struct ws_ratio pps, uint64_t burst, uint64_t count,
	int64_t duration_ns)
{
	struct ws_plan made;
	int r;

	if (burst == 0) {
		return -EINVAL;
	}
	r = ws_plan_init_cbr(&made, pps, count, duration_ns);
	if (r < 0) {
		return r;
	}
	if (burst > WS_PLAN_MAX_COUNT) {
		return -ERANGE;
	}
	made.pattern = WS_PATTERN_BURST;
	made.burst = burst;
	*plan = made;
	return 0;
}

/* From the cursor's packet to the next one, in 2^-32 ns. */
static u128 poisson_gap(const struct ws_plan_cursor *c)
{
	const struct ws_plan *plan = c->plan;
	uint64_t idle = ws_random_exponential(ws_random_at(plan->seed, WS_RANDOM_GAP, c->n));

	return ((u128)plan->wire_ns << 32) + (u128)c->mean_ns * idle +
	       ((u128)c->mean_fraction * idle >> 32);
}

/* Where the last slot of a Poisson schedule ends. */
static int poisson_end(const struct ws_plan *plan, int64_t *ret)
{
	struct ws_plan_cursor c;
	u128 end = 0;

	if (plan->count > WS_PLAN_WALK_MAX) {
		/* That the sum of so many is twice what is expected does not happen. */
		if (plan->duration_ns > INT64_MAX / 2) {
			return -ERANGE;
		}
		*ret = plan->duration_ns;
		return 0;
	}
	ws_plan_cursor_init(&c, plan);
	for (; c.n < plan->count; c.n++) {
		end += poisson_gap(&c);
		if (end >> 32 > INT64_MAX) {
			return -ERANGE;
		}
	}
	*ret = (int64_t)(end >> 32);
	return 0;
}

int ws_plan_init_poisson(struct ws_plan *plan, struct ws_ratio pps, int64_t wire_ns, uint64_t seed,
	uint64_t count, int64_t duration_ns)
{
	struct ws_plan made;
	int r;

	r = ws_plan_init_cbr(&made, pps, count, duration_ns);
	if (r < 0) {
		return r;
	}
	if (wire_ns < 0 || (u128)wire_ns * made.pps.num >= (u128)made.pps.den * WS_NSEC_PER_SEC) {
		return -EINVAL;
	}
	made.pattern = WS_PATTERN_POISSON;
	made.seed = seed;
	made.wire_ns = wire_ns;
	r = poisson_end(&made, &made.duration_ns);
	if (r < 0) {
		return r;
	}
	*plan = made;
	return 0;
}

int ws_plan_init_list(struct ws_plan *plan, const int64_t *times, uint64_t count)
{
	int64_t end, last_slot;

	if (count == 0 || times[0] != 0) {
		return -EINVAL;
	}
	if (count > WS_PLAN_MAX_COUNT) {
		return -ERANGE;
	}
	for (uint64_t n = 1; n < count; n++) {
		if (times[n] < times[n - 1]) {
			return -EINVAL;
		}
	}
	last_slot = count > 1 ? times[count - 1] / (int64_t)(count - 1) : 0;
	if (__builtin_add_overflow(times[count - 1], last_slot, &end)) {
		end = INT64_MAX;
	}
	*plan = (struct ws_plan){
		.pps = {0, 1},
		.count = count,
		.duration_ns = end,
		.pattern = WS_PATTERN_LIST,
		.times = times,
	};
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
	return plan->pattern != WS_PATTERN_LIST && plan->pps.num == 0;
}

int64_t ws_plan_offset(const struct ws_plan *plan, uint64_t n)
{
	uint64_t rem;

	if (ws_plan_is_max(plan) || plan->pattern == WS_PATTERN_POISSON) {
		return 0;
	}
	if (n >= plan->count) {
		return plan->duration_ns;
	}
	if (plan->pattern == WS_PATTERN_LIST) {
		return plan->times[n];
	}
	if (plan->pattern == WS_PATTERN_BURST) {
		n -= n % plan->burst;
	}
	return (int64_t)offset_wide(plan->pps, n, &rem);
}

void ws_plan_cursor_init(struct ws_plan_cursor *c, const struct ws_plan *plan)
{
	ws_plan_cursor_init_every(c, plan, 0, 1);
}

static void init_poisson(struct ws_plan_cursor *c)
{
	struct ws_ratio pps = c->plan->pps;
	u128 gap = (u128)pps.den * WS_NSEC_PER_SEC;

	c->mean_ns = (uint64_t)(gap / pps.num) - (uint64_t)c->plan->wire_ns;
	c->mean_fraction = (uint32_t)((gap % pps.num << 32) / pps.num);
}

/* What is 64 bits too long for a step of the cursor is longer than the plan: it may wrap. */
static void init_bursts(struct ws_plan_cursor *c)
{
	const struct ws_plan *plan = c->plan;

	c->burst = plan->pattern == WS_PATTERN_BURST ? plan->burst : 1;
	c->div = plan->pps.num;
	c->step_place = c->stride % c->burst;
	c->step_ns = (uint64_t)offset_wide(plan->pps, c->stride - c->step_place, &c->step_rem);
	c->burst_ns = (uint64_t)offset_wide(plan->pps, c->burst, &c->burst_rem);
}

void ws_plan_cursor_init_every(
	struct ws_plan_cursor *c, const struct ws_plan *plan, uint64_t first, uint64_t stride)
{
	*c = (struct ws_plan_cursor){.plan = plan, .stride = stride, .burst = 1, .div = 1};
	if (plan->pattern == WS_PATTERN_POISSON) {
		init_poisson(c);
	} else if (plan->pps.num > 0) {
		init_bursts(c);
	}
	ws_plan_cursor_skip(c, first);
}

/* Offsets are added as unsigned numbers: those beyond the plan may wrap. */
static inline void offset_add(struct ws_plan_cursor *c, uint64_t ns)
{
	c->offset_ns = (int64_t)((uint64_t)c->offset_ns + ns);
}

static inline void ratio_add(struct ws_plan_cursor *c, uint64_t ns, uint64_t rem)
{
	/* Compared before it is added: both together may not fit 64 bits. */
	uint64_t until_carry = c->div - rem;

	offset_add(c, ns);
	if (c->rem >= until_carry) {
		c->rem -= until_carry;
		offset_add(c, 1);
	} else {
		c->rem += rem;
	}
}

static void walk_poisson(struct ws_plan_cursor *c, uint64_t by)
{
	for (; by > 0; by--) {
		u128 gap = poisson_gap(c) + c->fraction;

		offset_add(c, (uint64_t)(gap >> 32));
		c->fraction = (uint32_t)gap;
		c->n++;
	}
}

static void look_up(struct ws_plan_cursor *c, uint64_t by)
{
	c->n += by;
	if (c->n < c->plan->count) {
		c->offset_ns = c->plan->times[c->n];
	}
}

void ws_plan_cursor_next(struct ws_plan_cursor *c)
{
	switch (c->plan->pattern) {
	case WS_PATTERN_POISSON:
		walk_poisson(c, c->stride);
		return;
	case WS_PATTERN_LIST:
		look_up(c, c->stride);
		return;
	default:
		break;
	}
	c->n += c->stride;
	ratio_add(c, c->step_ns, c->step_rem);
	c->place += c->step_place;
	if (c->place >= c->burst) {
		c->place -= c->burst;
		ratio_add(c, c->burst_ns, c->burst_rem);
	}
}

void ws_plan_cursor_skip(struct ws_plan_cursor *c, uint64_t by)
{
	const struct ws_plan *plan = c->plan;

	switch (plan->pattern) {
	case WS_PATTERN_POISSON:
		walk_poisson(c, by);
		return;
	case WS_PATTERN_LIST:
		look_up(c, by);
		return;
	default:
		break;
	}
	c->n += by;
	if (plan->pps.num > 0) {
		c->place = c->n % c->burst;
		c->offset_ns = (int64_t)offset_wide(plan->pps, c->n - c->place, &c->rem);
	}
}

uint64_t ws_plan_cursor_skip_overdue(struct ws_plan_cursor *c, int64_t until_ns)
{
	struct ws_plan_cursor ahead = *c;
	uint64_t steps = 0, passed = 0;

	if (ws_plan_is_max(c->plan)) {
		return 0;
	}
	while (ahead.n < c->plan->count && ahead.offset_ns <= until_ns) {
		if (ahead.offset_ns > c->offset_ns) {
			*c = ahead;
			passed = steps;
		}
		ws_plan_cursor_next(&ahead);
		steps++;
	}
	return passed;
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
