/* SPDX-License-Identifier: BSD-2-Clause */
/* Axes whose ticks carry their units, and curves of a bounded number of points. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

#define LABELLED 6 /* ticks for which an axis has room */

static const struct unit {
	const char *name;
	double scale;
} units[][5] = {
	[WS_AXIS_NS] = {{" s", 1e9}, {" ms", 1e6}, {" us", 1e3}, {" ns", 1}},
	[WS_AXIS_PPS] = {{" Gpps", 1e9}, {" Mpps", 1e6}, {" kpps", 1e3}, {" pps", 1}},
	[WS_AXIS_TIMES] = {{"x", 1}},
	[WS_AXIS_PERCENT] = {{" %", 1}},
};

/* The largest unit of which value is at least one, else the smallest. */
static const struct unit *unit_of(enum ws_axis_unit unit, double value)
{
	const struct unit *u = units[unit];

	while (u[1].name && value < u->scale * (1 - 1e-9)) {
		u++;
	}
	return u;
}

static void tick(struct ws_axis *a, double at, bool minor, const struct unit *u, int decimals)
{
	unsigned n = a->count;

	if (n == WS_AXIS_TICKS || at < a->low - a->low * 1e-9 || at > a->high * (1 + 1e-9)) {
		return;
	}
	a->tick[n].at = at;
	a->tick[n].minor = minor;
	a->tick[n].label[0] = '\0';
	if (!minor && decimals < 0) {
		snprintf(a->tick[n].label, sizeof(a->tick[n].label), "%.6g%s", at / u->scale,
			u->name);
	} else if (!minor) {
		snprintf(a->tick[n].label, sizeof(a->tick[n].label), "%.*f%s", decimals,
			at / u->scale, u->name);
	}
	a->count++;
}

/* 1, 2 or 5 times a power of ten: the last one up to value, or the first one from it on. */
static double round_125(double value, bool up)
{
	static const double steps[] = {1, 2, 5, 10};
	double base = pow(10, floor(log10(value) + 1e-9)), best = base;
	unsigned i;

	for (i = 0; i < 4; i++) {
		if (up && steps[i] * base >= value * (1 - 1e-9)) {
			return steps[i] * base;
		}
		if (steps[i] * base <= value * (1 + 1e-9)) {
			best = steps[i] * base;
		}
	}
	return best;
}

static void make_log(struct ws_axis *a, enum ws_axis_unit unit)
{
	double base, decades;
	bool few;

	a->log = true;
	a->low = round_125(a->low, false);
	a->high = round_125(a->high, true);
	decades = log10(a->high / a->low);
	few = decades * 3 + 1 <= LABELLED;
	for (base = pow(10, floor(log10(a->low) + 1e-9)); base <= a->high * (1 + 1e-9);
		base *= 10) {
		unsigned i;

		for (i = 1; i < 10; i++) {
			bool major = i == 1 || (few && (i == 2 || i == 5));

			if (major || decades < 4 || i == 2 || i == 5) {
				tick(a, i * base, !major, unit_of(unit, i * base), -1);
			}
		}
	}
}

void ws_axis_make_linear(struct ws_axis *a, enum ws_axis_unit unit, double low, double high)
{
	double step, margin;
	const struct unit *u;
	int decimals, i, last;

	memset(a, 0, sizeof(*a));
	/* What does not vary stands in the middle. */
	margin = high - low < fabs(high) * 1e-6 ? fmax(fabs(high) * 0.05, 1e-9) : 0;
	low -= margin;
	high += margin;
	step = round_125((high - low) / 6, true);
	a->low = floor(low / step + 1e-9) * step;
	a->high = ceil(high / step - 1e-9) * step;
	u = unit_of(unit, fmax(fabs(a->low), fabs(a->high)));
	decimals = (int)ceil(-log10(step / u->scale) - 1e-9);
	decimals = decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
	last = (int)lround((a->high - a->low) / step);
	for (i = 0; i <= last; i++) {
		double at = a->low + i * step;

		tick(a, fabs(at) < step * 1e-6 ? 0 : at, false, u, decimals);
	}
}

void ws_axis_make(struct ws_axis *a, enum ws_axis_unit unit, double low, double high)
{
	if (low > 0 && high / low >= 10) {
		memset(a, 0, sizeof(*a));
		a->low = low;
		a->high = high;
		make_log(a, unit);
	} else {
		ws_axis_make_linear(a, unit, low, high);
	}
}

static double as_it_is(double value)
{
	return value;
}

void ws_axis_print(FILE *out, const struct ws_axis *a, char which, const char *label,
	double (*place)(double value))
{
	unsigned i;

	fprintf(out, "%s logscale %c\n", a->log && !place ? "set" : "unset", which);
	place = place ? place : as_it_is;
	fprintf(out, "set %crange [%.10g:%.10g]\nset %clabel ", which, place(a->low),
		place(a->high), which);
	ws_figure_quote(out, label, 0, false);
	fprintf(out, "\nset %ctics (", which);
	for (i = 0; i < a->count; i++) {
		fprintf(out, "%s", i > 0 ? ", " : "");
		ws_figure_quote(out, a->tick[i].label, 0, true);
		fprintf(out, " %.10g%s", place(a->tick[i].at), a->tick[i].minor ? " 1" : "");
	}
	fputs(")\n", out);
}

void ws_figure_span(const struct ws_figure_script *s, double *ret_low, double *ret_high)
{
	double low = INFINITY, high = 0;
	unsigned i;

	for (i = 0; i < s->count; i++) {
		const struct ws_hist *h = s->drawn[i]->latency;

		low = fmin(low, fmax((double)h->min, WS_HIST_LOW));
		high = fmax(high, fmin((double)h->max, WS_HIST_HIGH));
	}
	*ret_low = low;
	*ret_high = fmax(low, high);
}

static double placed(double v, bool log)
{
	return log ? log10(v) : v;
}

static void print(struct ws_curve *c, double x, double y)
{
	fprintf(c->out, "%.7g %.7g\n", x, y);
	c->last_x = x;
	c->last_y = y;
	c->any = true;
	c->pending = false;
}

static bool apart(const struct ws_curve *c, double x1, double y1, double x2, double y2)
{
	return fabs(placed(x1, c->log_x) - placed(x2, c->log_x)) >= c->step_x ||
	       fabs(placed(y1, c->log_y) - placed(y2, c->log_y)) >= c->step_y;
}

void ws_curve_point(struct ws_curve *c, double x, double y)
{
	if (!c->any) {
		print(c, x, y);
		return;
	}
	if (apart(c, c->last_x, c->last_y, x, y)) {
		/* The corner before a long way. */
		if (c->pending && apart(c, c->x, c->y, x, y)) {
			print(c, c->x, c->y);
		}
		print(c, x, y);
		return;
	}
	c->x = x;
	c->y = y;
	c->pending = true;
}

void ws_curve_end(struct ws_curve *c)
{
	if (c->pending) {
		print(c, c->x, c->y);
	}
}
