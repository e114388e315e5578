/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/load_result.h"

#include <math.h>

/* IEEE 802.3: FCS; preamble with start delimiter 8 and gap 12; the smallest frame with all of these. */
#define FCS_LEN	    4
#define L1_OVERHEAD 20
#define L1_SMALLEST 84

double ws_load_pps(const struct ws_load_run *run, uint64_t packets)
{
	if (run->elapsed_ns <= 0 || packets == UINT64_MAX) {
		return NAN;
	}
	return (double)packets * 1e9 / (double)run->elapsed_ns;
}

double ws_load_wire_pps(const struct ws_load_run *run)
{
	if (!run->wire_known || run->wire_ns <= 0) {
		return NAN;
	}
	return (double)run->wire_packets * 1e9 / (double)run->wire_ns;
}

double ws_load_requested_pps(const struct ws_load_run *run)
{
	return run->pps.num > 0 && run->pps.den > 0 ? ws_ratio_double(run->pps) : NAN;
}

double ws_load_accepted_bps(const struct ws_load_run *run)
{
	if (run->sent_bytes == UINT64_MAX) {
		return NAN;
	}
	return 8 * (ws_load_pps(run, run->sent_bytes) + FCS_LEN * ws_load_pps(run, run->sent));
}

static double l1_bits(double frame_bits)
{
	double bits = frame_bits + 8 * L1_OVERHEAD;

	return bits < 8 * L1_SMALLEST ? 8 * L1_SMALLEST : bits;
}

double ws_load_l1_bps(const struct ws_load_run *run)
{
	double pps = ws_load_pps(run, run->sent);

	return pps > 0 ? pps * l1_bits(ws_load_accepted_bps(run) / pps) : pps;
}

double ws_load_frame_l1_bits(const struct ws_load_run *run)
{
	return l1_bits(run->frame_bits);
}

double ws_load_intended_gap(const struct ws_load_run *run)
{
	return run->planned_pps > 0 ? 1e9 / run->planned_pps : NAN;
}
