/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <string.h>

#include "core/twoway_own.h"

#define ERROR_AFTER_STEP 50e-6
/* What crystals wander by within seconds, from which a mean over long says nothing. */
#define WANDER 2e-6

void ws_drift_init(struct ws_drift *d)
{
	memset(d, 0, sizeof(*d));
	d->now.error = WS_RATE_MOST;
	d->stride = 1;
	d->longest_ns = -1;
}

/* The rate between two points lies in [*low, *high] whatever it was in between; what is known before is
 * narrowed. */
static void narrow(
	const struct ws_drift_point *a, const struct ws_drift_point *b, double *low, double *high)
{
	double most, span = (double)(b->limit[0].at - a->limit[1].at);

	if (span > 0) {
		most = ((double)b->limit[0].most + (double)a->limit[1].most) / span;
		*high = fmin(*high, most);
	}
	span = (double)(b->limit[1].at - a->limit[0].at);
	if (span > 0) {
		most = -((double)b->limit[1].most + (double)a->limit[0].most) / span;
		*low = fmax(*low, most);
	}
}

/* Relative to the first one, so that what is far from 0 loses nothing as a double. */
static void near_zero(
	const struct ws_drift_point *points, unsigned count, struct ws_drift_point *ret)
{
	int64_t offset = points[0].limit[0].most;

	for (unsigned i = 0; i < count; i++) {
		ret[i] = points[i];
		ret[i].limit[0].most -= offset;
		ret[i].limit[1].most += offset;
	}
}

static struct ws_rate_of_offset middle(double low, double high)
{
	double rate = fmin(fmax((low + high) / 2, -WS_RATE_MOST), WS_RATE_MOST);

	/* Where low is above high the rate was not the same all the time. */
	return (struct ws_rate_of_offset){rate, low > high ? low - high : (high - low) / 2};
}

/* Every pair, since the narrowest may be any: floors of few exchanges lie higher or lower. */
static bool fit_recent(struct ws_drift *d)
{
	struct ws_drift_point p[WS_DRIFT_RECENT];
	double low = -WS_RATE_MOST, high = WS_RATE_MOST;

	near_zero(d->recent, d->recent_count, p);
	for (unsigned j = 1; j < d->recent_count; j++) {
		for (unsigned i = 0; i < j; i++) {
			narrow(&p[i], &p[j], &low, &high);
		}
	}
	d->now = middle(low, high);
	return low <= high;
}

static void add_recent(struct ws_drift *d, const struct ws_drift_point *p)
{
	if (d->recent_count == WS_DRIFT_RECENT) {
		d->recent_count--;
		memmove(d->recent, d->recent + 1, d->recent_count * sizeof(*p));
	}
	d->recent[d->recent_count++] = *p;
	if (d->recent_count < 2) {
		return;
	}
	/* A rate that has changed: what is older says nothing of the one that is now. */
	while (!fit_recent(d) && d->recent_count > 4) {
		unsigned left = d->recent_count - d->recent_count / 2;

		memmove(d->recent, d->recent + (d->recent_count - left), left * sizeof(*p));
		d->recent_count = left;
	}
}

static void add_all(struct ws_drift *d, const struct ws_drift_point *p)
{
	d->all_count -= d->last_is_extra;
	d->all[d->all_count++] = *p;
	d->last_is_extra = d->index++ % d->stride != 0;
	if (d->all_count == WS_DRIFT_ALL && !d->last_is_extra) {
		struct ws_drift_point last = d->all[WS_DRIFT_ALL - 1];

		for (unsigned i = 1; i < WS_DRIFT_ALL / 2; i++) {
			d->all[i] = d->all[2 * i];
		}
		d->all[WS_DRIFT_ALL / 2] = last;
		d->all_count = WS_DRIFT_ALL / 2 + 1;
		d->last_is_extra = true;
		d->stride *= 2;
	}
}

static int64_t span_of(const struct ws_drift *d)
{
	const struct ws_limit *last = d->all[d->all_count ? d->all_count - 1 : 0].limit;

	return d->all_count ? last->at - d->all[0].limit->at : -1;
}

static void fit_all(const struct ws_drift *d, struct ws_rate_of_offset *ret, bool *ret_known)
{
	struct ws_drift_point p[WS_DRIFT_ALL + 1];
	unsigned ends = (d->all_count + 7) / 8;
	double low = -INFINITY, high = INFINITY;

	near_zero(d->all, d->all_count, p);
	for (unsigned i = 0; i < ends; i++) {
		for (unsigned j = d->all_count - ends; j < d->all_count; j++) {
			if (j > i) {
				narrow(&p[i], &p[j], &low, &high);
			}
		}
	}
	*ret_known = isfinite(low) && isfinite(high);
	*ret = *ret_known ? middle(low, high) : d->now;
}

/* In the middle, from all that reaches there; only from the nearest if they contradict each other. */
static void offset_at(const struct ws_drift *d, int64_t at, const struct ws_rate_of_offset *r,
	struct ws_twoway_clocks *ret)
{
	double error = r->error + WANDER;
	int64_t most[WS_SIDES] = {INT64_MAX, INT64_MAX}, near[WS_SIDES] = {0, 0};
	int64_t nearest = INT64_MAX;

	for (unsigned i = 0; i < d->all_count; i++) {
		int64_t away = d->all[i].limit[0].at - at;
		bool is_nearest = (away < 0 ? -away : away) < nearest;

		nearest = is_nearest ? (away < 0 ? -away : away) : nearest;
		for (int s = 0; s < WS_SIDES; s++) {
			int64_t m = ws_limit_at(&d->all[i].limit[s], at, ws_side_rate(r, s), error);

			near[s] = is_nearest ? m : near[s];
			most[s] = m < most[s] ? m : most[s];
		}
	}
	if (ws_limits_cross(most[0], most[1])) {
		memcpy(most, near, sizeof(most));
	}
	/* The two differ by the width, which is small beside them. */
	ret->offset_ns = most[0] - (most[0] + most[1]) / 2;
	ret->offset_error_ns = (most[0] + most[1]) / 2 + 1;
}

static void stretch_clocks(const struct ws_drift *d, struct ws_twoway_clocks *ret)
{
	struct ws_rate_of_offset r;
	bool known;

	memset(ret, 0, sizeof(*ret));
	ret->known = true;
	fit_all(d, &r, &known);
	/* Of our clock's time instead of theirs. */
	ret->drift_ppb = r.rate / (1 - r.rate) * 1e9;
	ret->drift_error_ppb = known ? r.error / (1 - r.rate) * 1e9 : NAN;
	offset_at(d, d->all[0].limit->at + span_of(d) / 2, &r, ret);
}

void ws_drift_clocks(const struct ws_drift *d, struct ws_twoway_clocks *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->drift_error_ppb = NAN;
	if (span_of(d) > d->longest_ns) {
		stretch_clocks(d, ret);
	} else if (d->longest_ns >= 0) {
		*ret = d->longest;
	}
}

static void begin_stretch(struct ws_drift *d, uint32_t stretch)
{
	if (span_of(d) > d->longest_ns) {
		stretch_clocks(d, &d->longest);
		d->longest_ns = span_of(d);
	}
	d->stretch = stretch;
	d->recent_count = 0;
	d->all_count = 0;
	d->last_is_extra = false;
	d->index = 0;
	d->stride = 1;
	/* The rate stays most likely; who sets a clock may also change its rate. */
	d->now.error = fmax(d->now.error, ERROR_AFTER_STEP);
}

void ws_drift_add(
	struct ws_drift *d, const struct ws_twoway_entry *entries, size_t count, int64_t error)
{
	for (size_t i = 0; i < count;) {
		struct ws_drift_point p;
		uint32_t stretch = entries[i].stretch;
		size_t begin = i;

		if (!stretch) {
			i++;
			continue;
		}
		for (; i < count && (!entries[i].stretch || entries[i].stretch == stretch); i++) {
			for (int s = 0; s < WS_SIDES && entries[i].stretch; s++) {
				struct ws_limit l = ws_entry_limit(&entries[i], s, error);
				double rate = ws_side_rate(&d->now, s);

				if (i == begin ||
					l.most < ws_limit_at(&p.limit[s], l.at, rate, 0)) {
					p.limit[s] = l;
				}
			}
		}
		if (stretch != d->stretch) {
			begin_stretch(d, stretch);
		}
		add_recent(d, &p);
		add_all(d, &p);
	}
}
