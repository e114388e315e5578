/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The robust line. A reading that was held up between the two of the system clock has a longer window, and may be off by
 * half of what that is longer: so the shorter a window, the more it counts. Beyond that, what lies far off counts less
 * and then nothing (Tukey's biweight). The error comes from the residuals themselves (the "sandwich" estimate), since
 * how the noise grows with the window is only a model.
 */
#include <math.h>
#include <string.h>

#include "core/clockfit_own.h"

#define ROUNDS	 5
#define CUT	 6.0   /* standard deviations that nothing counts beyond */
#define HELD_UP	 0.35  /* of what a window is longer, that its reading may be off by */
#define WANDER	 5e-17 /* per ns: 0.05 ppm in a second, as crystals change while they warm up */
#define PARTS	 6
#define PART_MIN 4

/* The k-th smallest; v is reordered (Hoare's selection). */
static double select_kth(double *v, size_t n, size_t k)
{
	ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;

	while (low < high) {
		double pivot = v[at];
		ptrdiff_t i = low, j = high;

		while (i <= j) {
			while (v[i] < pivot) {
				i++;
			}
			while (v[j] > pivot) {
				j--;
			}
			if (i <= j) {
				double swap = v[i];

				v[i++] = v[j];
				v[j--] = swap;
			}
		}
		low = j < at ? i : low;
		high = at < i ? j : high;
	}
	return v[k];
}

struct windows {
	double shortest, median;
};

static struct windows look_at_windows(const struct ws_fitpoint *p, size_t n, double *value)
{
	struct windows w = {.shortest = INFINITY};

	for (size_t i = 0; i < n; i++) {
		value[i] = p[i].window;
		w.shortest = fmin(w.shortest, p[i].window);
	}
	w.median = select_kth(value, n, n / 2);
	return w;
}

static double variance_of(const struct ws_fitpoint *p, const struct windows *w, double scatter)
{
	double held_up = HELD_UP * (p->window - w->shortest);

	return scatter * scatter + held_up * held_up;
}

/* By the weights. */
static void solve(struct ws_fitline *l, const struct ws_fitpoint *p, size_t n, const double *weight)
{
	double sum = 0, x = 0, y = 0, xx = 0, xy = 0;

	for (size_t i = 0; i < n; i++) {
		sum += weight[i];
		x += weight[i] * p[i].x;
		y += weight[i] * p[i].y;
	}
	x /= sum;
	y /= sum;
	for (size_t i = 0; i < n; i++) {
		double dx = p[i].x - x;

		xx += weight[i] * dx * dx;
		xy += weight[i] * dx * (p[i].y - y);
	}
	l->mid = x;
	l->b = xx > 0 ? xy / xx : 0;
	l->a = y - l->b * x;
}

static double residual(const struct ws_fitline *l, const struct ws_fitpoint *p)
{
	return p->y - l->a - l->b * p->x;
}

/* Median absolute deviation of those whose windows are among the shorter half, made a standard deviation. */
static double scatter_of(const struct ws_fitline *l, const struct ws_fitpoint *p, size_t n,
	const struct windows *w, double *value)
{
	size_t m = 0;
	double median;

	for (size_t i = 0; i < n; i++) {
		if (p[i].window <= w->median) {
			value[m++] = fabs(residual(l, &p[i]));
		}
	}
	median = select_kth(value, m, m / 2);
	return 1.4826 * median * (m > 3 ? (double)m / (double)(m - 2) : 2);
}

static void weigh(const struct ws_fitline *l, const struct ws_fitpoint *p, size_t n,
	const struct windows *w, double *weight)
{
	for (size_t i = 0; i < n; i++) {
		double variance = variance_of(&p[i], w, l->scatter), e = residual(l, &p[i]);
		double far = e * e / (variance * CUT * CUT);

		weight[i] = far < 1 ? (1 - far) * (1 - far) / variance : 0;
	}
}

static unsigned counting(const double *weight, size_t n)
{
	double most = 0;
	unsigned m = 0;

	for (size_t i = 0; i < n; i++) {
		most = fmax(most, weight[i]);
	}
	for (size_t i = 0; i < n; i++) {
		m += weight[i] > most / 1e6;
	}
	return m;
}

static void find_variance(struct ws_fitline *l, const struct ws_fitpoint *p, size_t n,
	const struct windows *w, const double *weight)
{
	double sum = 0, squares = 0, xx = 0, window = 0;
	double seen[3] = {0}, model[3] = {0};

	for (size_t i = 0; i < n; i++) {
		double dx = p[i].x - l->mid;

		sum += weight[i];
		squares += weight[i] * weight[i];
		xx += weight[i] * dx * dx;
		window += weight[i] * p[i].window;
	}
	l->window = window / sum;
	for (size_t i = 0; i < n; i++) {
		double dx = p[i].x - l->mid, e = residual(l, &p[i]);
		double own = weight[i] * (1 / sum + (xx > 0 ? dx * dx / xx : 0));
		double ww = weight[i] * weight[i];
		double variance = variance_of(&p[i], w, l->scatter);

		/* Without its own pull on the line. */
		e /= fmax(1 - own, 0.1);
		seen[0] += ww * e * e;
		seen[1] += ww * e * e * dx;
		seen[2] += ww * e * e * dx * dx;
		model[0] += ww * variance;
		model[1] += ww * variance * dx;
		model[2] += ww * variance * dx * dx;
	}
	for (int k = 0; k < 3; k++) {
		double scale = k == 0 ? sum * sum : k == 1 ? sum * xx : xx * xx;

		l->seen[k] = scale > 0 ? seen[k] / scale : 0;
		l->model[k] = scale > 0 ? model[k] / scale : 0;
	}
	l->freedom = fmax(sum * sum / squares - 2, 0);
}

/* A line cannot follow a change of the rate: then whole parts lie off it. */
static void find_misfit(
	struct ws_fitline *l, const struct ws_fitpoint *p, size_t n, const double *weight)
{
	size_t part = n / PARTS;

	l->misfit = 0;
	if (part < PART_MIN) {
		return;
	}
	for (size_t k = 0; k < PARTS; k++) {
		size_t end = k == PARTS - 1 ? n : (k + 1) * part;
		double sum = 0, off = 0, noise = 0;

		for (size_t i = k * part; i < end; i++) {
			double e = residual(l, &p[i]);

			sum += weight[i];
			off += weight[i] * e;
			noise += weight[i] * weight[i] * e * e;
		}
		if (sum > 0) {
			l->misfit = fmax(l->misfit, (fabs(off) - 3 * sqrt(noise)) / sum);
		}
	}
}

void ws_fitline_find(struct ws_fitline *l, const struct ws_fitpoint *p, size_t n, double resolution,
	const struct ws_fitscratch *scratch)
{
	/* A uniform distribution's standard deviation, of numbers that are whole. */
	double least = 0.29 * fmax(resolution, 1);
	struct windows w = look_at_windows(p, n, scratch->value);
	double *weight = scratch->weight;

	memset(l, 0, sizeof(*l));
	l->span = p[n - 1].x;
	l->shortest = w.shortest;
	l->scatter = fmax(w.shortest / 4, least);
	for (size_t i = 0; i < n; i++) {
		weight[i] = 1 / variance_of(&p[i], &w, l->scatter);
	}
	solve(l, p, n, weight);
	for (int round = 0; n > 2 && round < ROUNDS; round++) {
		l->scatter = fmax(scatter_of(l, p, n, &w, scratch->value), least);
		weigh(l, p, n, &w, weight);
		if (counting(weight, n) < 3) {
			break;
		}
		solve(l, p, n, weight);
	}
	find_variance(l, p, n, &w, weight);
	find_misfit(l, p, n, weight);
}

double ws_fitline_variance(const struct ws_fitline *l, double x)
{
	double dx = x - l->mid;
	double seen = l->seen[0] + 2 * l->seen[1] * dx + l->seen[2] * dx * dx;
	double model = l->model[0] + 2 * l->model[1] * dx + l->model[2] * dx * dx;

	return fmax(fmax(seen, model), 0);
}

/* Student's t at 99.6 %, within a few percent. */
double ws_fitline_quantile(double freedom)
{
	double f = fmax(freedom, 1);

	return 2.88 + 6.5 / f + 27 / (f * f);
}

double ws_fitline_bend(const struct ws_fitline *l, double x)
{
	double t = l->span, from_middle = x - t / 2;
	double beyond = fmax(fabs(from_middle) - t / 2, 0);
	/* A parabola against its line of least squares. */
	double parabola = fmax(fabs(from_middle * from_middle - t * t / 12), t * t / 24);

	return WANDER / 2 * parabola + l->misfit * (1 + (t > 0 ? 4 * beyond / t : 0));
}
