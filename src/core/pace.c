/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pace.h"

const struct ws_pace_config ws_pace_default = {
	.sleep_min_ns = 200000,
	.wake_ns = 100000,
	.drain_each_ns = 1000,
	.drain_spare_ns = 500,
	.drain_most = 16,
};

/* How many stamps can be read before the deadline. */
static unsigned drain_fits(
	const struct ws_pace_config *c, const struct ws_pace_state *s, int64_t gap_ns)
{
	int64_t fits = (gap_ns - c->drain_spare_ns) / c->drain_each_ns;

	if (fits <= 0) {
		return 0;
	}
	if (fits > c->drain_most) {
		fits = c->drain_most;
	}
	return fits < s->outstanding ? (unsigned)fits : s->outstanding;
}

struct ws_pace_step ws_pace_decide(const struct ws_pace_config *c, const struct ws_pace_state *s)
{
	struct ws_pace_step step = {.until_ns = s->deadline_ns};
	int64_t gap_ns;

	if (s->bound && s->outstanding >= s->bound) {
		step.action = s->drained ? WS_PACE_BOUND : WS_PACE_DRAIN;
		step.max = s->outstanding < c->drain_most ? s->outstanding : c->drain_most;
		return step;
	}
	if (s->deadline_ns <= s->now_ns) {
		step.action = WS_PACE_SEND;
		return step;
	}
	gap_ns = s->deadline_ns - s->now_ns;
	if (s->outstanding && !s->drained) {
		unsigned fits = drain_fits(c, s, gap_ns);

		if (fits) {
			step.action = WS_PACE_DRAIN;
			step.max = fits;
			return step;
		}
	}
	if (gap_ns > c->sleep_min_ns) {
		step.action = WS_PACE_SLEEP;
		step.until_ns = s->deadline_ns - c->wake_ns;
		return step;
	}
	step.action = WS_PACE_SPIN;
	return step;
}

unsigned ws_pace_catch_up(int64_t took_ns, unsigned last, int64_t least_gap_ns, unsigned due)
{
	int64_t room = least_gap_ns > 0 ? took_ns / least_gap_ns : due;

	if (least_gap_ns > 0 && room > 2 * (int64_t)last) {
		room = 2 * (int64_t)last;
	}
	if (room >= due) {
		return due;
	}
	return room > 1 ? (unsigned)room : 1;
}
