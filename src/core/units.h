/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units: text to exact numbers, and back to the field's arithmetic.
 *
 * Rates are kept as ratios of integers, so that 14.88 Mpps stays exact and a schedule made from it
 * does not drift. Parsers accept nothing after the unit, no sign, no exponent, no infinity; decimal
 * fractions are exact ("1.5Mpps"). Units are SI powers of ten except KiB/MiB/GiB. They are written
 * as documented; the prefix and unit are matched without regard to case only where that cannot be
 * ambiguous (k/K).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A positive rational number: num / den. */
struct ws_ratio {
	uint64_t num, den;
};

enum ws_rate_unit {
	WS_RATE_PPS,	 /* packets a second: value */
	WS_RATE_BPS_L2,	 /* bits a second of frame with its 4-byte FCS */
	WS_RATE_BPS_L1,	 /* the same with preamble, start delimiter and gap (20 bytes) as well */
	WS_RATE_PERCENT, /* percent of the link's speed at layer 1: value is the percentage */
	WS_RATE_MAX,	 /* as fast as it goes: no value */
};

struct ws_rate {
	enum ws_rate_unit unit;
	struct ws_ratio value;
};

/* The good units, for error messages. */
#define WS_RATE_UNITS	  "pps, kpps, Mpps, bps, kbps, Mbps, Gbps, with /l1 for layer 1, % or max"
#define WS_DURATION_UNITS "ns, us, ms, s, m, h"
#define WS_BYTES_UNITS	  "B, kB, MB, GB, KiB, MiB, GiB"

/*
 * Parses one rate: "100kpps", "1.5Mpps", "6630Mbps", "10Gbps/l1", "80%", "max". Returns 0, -EINVAL
 * (no such form or unit, negative) or -ERANGE (zero; more than 100 %; more than 1e12 pps or 1e15
 * bit/s; less than one packet or bit in 1000 s; more decimals than 64 bits hold). A number has
 * digits on both sides of its point, if it has one, and always a unit. "max" has the value 0/1.
 * *ret is written only on 0.
 */
int ws_rate_parse(const char *text, struct ws_rate *ret);

/*
 * Parses a list: items with commas; an item is a rate or FIRST:LAST:STEP, all three of one unit
 * (LAST is included when a step lands on it; FIRST is not above LAST). Returns the number of rates
 * (at least 1), or -EINVAL, -ERANGE as above, or -E2BIG when more than max. On an error nothing is
 * written to ret, and *ret_bad points at the offending item in text.
 */
int ws_rate_list_parse(const char *text, struct ws_rate *ret, size_t max, const char **ret_bad);

/*
 * Packets a second for frames of len bytes (without FCS). link_bps is the link's speed in bit/s, 0
 * if unknown. Returns 0; -ENODATA for a percentage when the speed is unknown; -EINVAL for
 * WS_RATE_MAX; -ERANGE when 64 bits do not hold the exact ratio.
 */
int ws_rate_to_pps(
	const struct ws_rate *rate, uint32_t len, uint64_t link_bps, struct ws_ratio *ret_pps);

/*
 * The same for frames of different sizes: `frames` of them together have l2_bits (with FCS) and
 * l1_bits (with preamble and gap too). Also -EINVAL if one of the three is 0.
 */
int ws_rate_to_pps_mean(const struct ws_rate *rate, uint64_t frames, uint64_t l2_bits,
	uint64_t l1_bits, uint64_t link_bps, struct ws_ratio *ret_pps);

/* The next three give whole numbers: a fraction that leaves a part of one ("1.5ns") is -ERANGE. */

/* "500ms", "2s", "1.5s", "5m": ns, at least 1, at most about 292 years. 0, -EINVAL, -ERANGE. */
int ws_duration_parse(const char *text, int64_t *ret_ns);

/* "64KiB", "2MiB", "100MB", "4096": bytes, at least 1. 0, -EINVAL or -ERANGE. */
int ws_bytes_parse(const char *text, uint64_t *ret);

/* A plain positive decimal count, "k", "M" and "G" allowed ("1M"). 0, -EINVAL or -ERANGE. */
int ws_count_parse(const char *text, uint64_t *ret);

/* Lowest terms; den 0 stays untouched. */
struct ws_ratio ws_ratio_reduce(struct ws_ratio r);
double ws_ratio_double(struct ws_ratio r);
