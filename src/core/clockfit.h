/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How one clock runs against another, from samples of both: a robust line through the newest ones, what a conversion is
 * not known to, and whether the clock jumped. Pure; one thread at a time; memory is taken in *_new only.
 *
 * A sample says that at the reference's instant ref_ns (the middle of its window) the clock stood at ref_ns + offset_ns,
 * right within half of the window in any case. Samples come in the order of time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ws_clock_sample {
	int64_t ref_ns;
	int64_t offset_ns; /* clock - reference */
	int64_t window_ns; /* 0: not told by the hardware; then what the scatter says is all that is known */
};

struct ws_clockfit;

struct ws_clockfit_config {
	unsigned samples; /* kept at most, 8 to 65536 */
	int64_t span_ns; /* those older than that before the newest are forgotten; 0: only their number counts */
	int64_t resolution_ns; /* of the clock's readings, at least 1 */
};

int ws_clockfit_new(struct ws_clockfit **ret, const struct ws_clockfit_config *config);
void ws_clockfit_free(struct ws_clockfit *f);

/* What a sample told. */
enum ws_clockfit_event {
	WS_CLOCKFIT_OK,
	WS_CLOCKFIT_JUMPED, /* it stands where no line through the others comes: the clock (or the reference) was set, or
			       its rate changed at once. What was before is forgotten; *ret_jump_ns is by how much */
	WS_CLOCKFIT_ODD, /* like that, but the next ones will tell: kept aside */
};
enum ws_clockfit_event ws_clockfit_add(
	struct ws_clockfit *f, const struct ws_clock_sample *s, int64_t *ret_jump_ns);

/* Forgets all samples, as after a jump that is known. The counts stay. */
void ws_clockfit_forget(struct ws_clockfit *f);

/* The state of the fit, of the samples since the last jump. */
struct ws_clockfit_state {
	uint64_t samples, odd, jumps; /* since the beginning */
	unsigned used;		      /* samples in the line */
	int64_t window_ns;	      /* the shortest of them */
	double rate_ppb;	      /* of the clock against the reference: positive: it is fast */
	double rate_error_ppb;	      /* likely; where the scatter tells nothing, at most */
	double scatter_ns;	/* of the used samples around the line: robust standard deviation */
	int64_t from_ns, to_ns; /* the reference's instants of the oldest and newest used one */
	int64_t offset_ns;	/* at to_ns */
};
void ws_clockfit_state(const struct ws_clockfit *f, struct ws_clockfit_state *ret);

/* Two bounds of one conversion. */
struct ws_clockfit_error {
	int64_t likely_ns; /* from the scatter: the line is nearer than that in all but a few in a thousand cases, if what
			      lies asymmetrically in the windows does so in all clocks that are read alike */
	int64_t limit_ns; /* whatever lies in the windows; INT64_MAX: the hardware does not tell */
};

/* The reference's time of clock_ns, and the other way round. False: fewer than 2 samples. */
bool ws_clockfit_to_reference(const struct ws_clockfit *f, int64_t clock_ns, int64_t *ret_ref_ns,
	struct ws_clockfit_error *ret_error);
bool ws_clockfit_from_reference(const struct ws_clockfit *f, int64_t ref_ns, int64_t *ret_clock_ns,
	struct ws_clockfit_error *ret_error);

/*
 * Both at once: b's time at the instant at which a stood at a_ns. What both have in common (the reference's own slewing)
 * is in neither bound. read_alike: both are read by one driver in one way, so that what lies asymmetrically in their
 * windows is the same, but for what one clock's windows are longer by, which may lie on one side; else likely_ns is
 * limit_ns.
 */
bool ws_clockfit_between(const struct ws_clockfit *a, const struct ws_clockfit *b, bool read_alike,
	int64_t a_ns, int64_t *ret_b_ns, struct ws_clockfit_error *ret_error);
