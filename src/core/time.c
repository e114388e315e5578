/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/time.h"

bool ws_time_diff(struct ws_time a, struct ws_time b, int64_t *ret_ns)
{
	int64_t diff;

	if (a.clock == WS_CLOCK_NONE || a.clock != b.clock ||
		__builtin_sub_overflow(a.ns, b.ns, &diff)) {
		return false;
	}
	*ret_ns = diff;
	return true;
}

bool ws_time_convert(const struct ws_relation *r, struct ws_time t, enum ws_clock to,
	struct ws_time *ret, int64_t *ret_error_ns)
{
	int64_t ns, error;

	if (t.clock == WS_CLOCK_NONE || to == WS_CLOCK_NONE) {
		return false;
	}

	if (t.clock == to) {
		ns = t.ns;
		error = 0;
	} else if (t.clock == r->from && to == r->to) {
		if (__builtin_add_overflow(t.ns, r->offset_ns, &ns)) {
			return false;
		}
		error = r->error_ns;
	} else if (t.clock == r->to && to == r->from) {
		if (__builtin_sub_overflow(t.ns, r->offset_ns, &ns)) {
			return false;
		}
		error = r->error_ns;
	} else {
		return false;
	}

	*ret = (struct ws_time){.ns = ns, .clock = to};
	*ret_error_ns = error;
	return true;
}
