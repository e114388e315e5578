/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/load_plan.h"

#include <errno.h>

#include "commands/commands.h"
#include "report/report.h"

int ws_load_plan_make(
	const struct ws_load_plan_facts *f, const struct ws_rate *rate, struct ws_plan *ret)
{
	const struct ws_frame_sizes *sizes = &f->frames->sizes;
	const struct ws_load_options *o = f->o;
	struct ws_ratio pps;
	char text[64];
	int r;

	ws_format_rate(text, sizeof(text), rate);
	if (rate->unit == WS_RATE_MAX) {
		r = ws_plan_init_max(ret, f->count, o->duration_ns);
	} else {
		r = ws_rate_to_pps_mean(
			rate, sizes->frames, sizes->l2_bits, sizes->l1_bits, f->link_bps, &pps);
		if (r == -ENODATA) {
			ws_error(
				"--rate %s: the speed of %s is unknown (give the rate in pps or bps)",
				text, f->where);
			return WS_EXIT_FAIL;
		}
		if (r == 0 && o->pattern == WS_PATTERN_POISSON) {
			int64_t wire = f->link_bps ? (int64_t)(f->frames->source.l1_bits * 1e9 /
							       (double)f->link_bps)
						   : 0;

			r = ws_plan_init_poisson(ret, pps, wire, o->seed, f->count, o->duration_ns);
			if (r == -EINVAL) {
				/* More than the link carries: told as that, or tried all the same. */
				r = ws_plan_init_poisson(
					ret, pps, 0, o->seed, f->count, o->duration_ns);
			}
		} else if (r == 0 && o->pattern == WS_PATTERN_BURST) {
			r = ws_plan_init_burst(ret, pps, o->burst, f->count, o->duration_ns);
		} else if (r == 0) {
			r = ws_plan_init_cbr(ret, pps, f->count, o->duration_ns);
		}
	}
	if (r < 0) {
		ws_error(
			"--rate %s: with this duration or count the run is too long (at most 2^48 packets and "
			"292 years)",
			text);
		return WS_EXIT_USAGE;
	}
	return 0;
}
