/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time as a type: nanoseconds together with the clock that they were read from.
 *
 * Two times of different clocks cannot be subtracted. To bring one to the other's clock a relation
 * is needed, and the conversion states its error. The core never reads a clock; all times come in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WS_NSEC_PER_SEC 1000000000LL

/* WS_CLOCK_PHC + n is PTP hardware clock /dev/ptpN. */
enum ws_clock {
	WS_CLOCK_NONE = 0, /* no time: unknown */
	WS_CLOCK_MONOTONIC,
	WS_CLOCK_REALTIME,
	WS_CLOCK_TAI,
	WS_CLOCK_PHC = 16,
};

struct ws_time {
	int64_t ns;
	enum ws_clock clock;
};

/* What one simultaneous look at two clocks told: to = from + offset, right within +-error. */
struct ws_relation {
	enum ws_clock from, to;
	int64_t offset_ns;
	int64_t error_ns;
};

/*
 * Writes a - b to *ret_ns and returns true, if both are of one known clock and the difference fits
 * an int64_t; else returns false and writes nothing.
 */
bool ws_time_diff(struct ws_time a, struct ws_time b, int64_t *ret_ns);

/*
 * Converts t by r, in either direction. Returns false, and writes nothing, when t or the wanted
 * clock is unknown, when r does not relate the two, or when the result does not fit. A t that
 * already is on the wanted clock is returned as it is with error 0; r is not looked at then, and
 * may be NULL.
 */
bool ws_time_convert(const struct ws_relation *r, struct ws_time t, enum ws_clock to,
	struct ws_time *ret, int64_t *ret_error_ns);
