/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/twoway_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"

#define KNOT_NS INT64_C(20000000)
#define EPOCH	INT64_C(1700000000000000000)

struct maker {
	const struct path_config *c;
	uint64_t at;   /* random numbers used */
	double *theta; /* ns of offset beyond the constant one, at each knot */
	uint64_t knots;
	int64_t step_at;
	double busy_until;
};

static uint64_t bits(struct maker *m)
{
	return ws_random_at(m->c->seed, 0, m->at++);
}

static double uniform(struct maker *m)
{
	return (double)(bits(m) >> 11) / 9007199254740992.0;
}

static void make_clock(struct maker *m, int64_t end)
{
	double phase = uniform(m) * 6.283, period = exp(uniform(m) * 5) * 1e9, walk = 0;

	m->knots = (uint64_t)(end / KNOT_NS) + 3;
	m->theta = calloc(m->knots, sizeof(*m->theta));
	for (uint64_t i = 1; i < m->knots; i++) {
		double t = (double)i * (double)KNOT_NS, rate;

		walk += (uniform(m) - 0.5) * 0.2;
		walk = walk > 1 ? 1 : walk < -1 ? -1 : walk;
		rate = m->c->drift_ppm +
		       m->c->wander_ppm * (0.5 * sin(6.283 * t / period + phase) + 0.5 * walk);
		m->theta[i] = m->theta[i - 1] + rate * 1e-6 * (double)KNOT_NS;
	}
}

/* Their clock minus ours, without our step; s is time from the beginning. */
static int64_t offset_at(const struct maker *m, int64_t s)
{
	uint64_t i = (uint64_t)(s / KNOT_NS);
	double part = (double)(s % KNOT_NS) / (double)KNOT_NS;

	return m->c->offset_ns + (s >= m->step_at ? m->c->step_ns : 0) +
	       llround(m->theta[i] + part * (m->theta[i + 1] - m->theta[i]));
}

static int64_t our_clock(const struct maker *m, int64_t s)
{
	return EPOCH + s + (s >= m->step_at ? m->c->our_step_ns : 0);
}

static int64_t queueing(struct maker *m, double now)
{
	double mean = (double)m->c->jitter_ns;

	switch (m->c->jitter) {
	case JITTER_EXPONENTIAL:
		return (int64_t)(-log(1 - uniform(m)) * mean);
	case JITTER_HEAVY:
		/* infinite variance, at most a second */
		return (int64_t)fmin(mean * (pow(1 - uniform(m), -1 / 1.5) - 1), 1e9);
	case JITTER_BUSY:
		/* long waits, all together, for a fifth of the time */
		if (now > m->busy_until + 4e8) {
			m->busy_until = now + 1e8;
		}
		return (int64_t)((now < m->busy_until ? 50 : 0.2) * mean * uniform(m));
	default:
		return 0;
	}
}

static int64_t error(struct maker *m)
{
	/* of each stamp half of what differences may have */
	return llround((uniform(m) - 0.5) * (double)m->c->stamp_error_ns * 0.999);
}

static void confuse(struct maker *m, struct ws_exchange *x)
{
	int64_t *stamps[] = {&x->t1, &x->t2, &x->t3, &x->t4};

	switch (bits(m) % 6) {
	case 0:
		x->t3 = x->t2 - 1000000; /* sent before received */
		break;
	case 1:
		x->t4 = x->t1 - 1000000;
		break;
	case 2:
		*stamps[bits(m) % 4] = (int64_t)bits(m);
		break;
	case 3:
		*stamps[bits(m) % 4] = INT64_MIN;
		break;
	case 4:
		x->t2 = x->t3 = 0;
		break;
	default:
		/* another clock altogether, twice */
		x->t2 += 5000000000 + (int64_t)(bits(m) % 1000000000);
		x->t3 = x->t2;
	}
}

void path_make(struct path *p, const struct path_config *c)
{
	struct maker m = {.c = c};
	int64_t end = (int64_t)(c->seconds * 1e9), last = 0;
	uint64_t most = (uint64_t)(c->pps * c->seconds) + 1;

	m.step_at = c->step_ns || c->our_step_ns ? end / 2 : INT64_MAX;
	make_clock(&m, end + 30000000000);
	p->all = calloc(most, sizeof(*p->all));
	p->count = 0;
	for (uint64_t n = 0; n < most; n++) {
		int64_t s1 = (int64_t)((double)n * 1e9 / c->pps), s2, s3, s4;
		struct path_exchange *e = &p->all[p->count];

		e->forward_ns = c->forward_ns + queueing(&m, (double)s1);
		s2 = s1 + e->forward_ns;
		e->residence_ns = (int64_t)(uniform(&m) * (double)c->residence_ns);
		s3 = s2 + e->residence_ns;
		e->backward_ns = c->backward_ns + queueing(&m, (double)s3);
		s4 = s3 + e->backward_ns;
		if (uniform(&m) < c->loss) {
			continue;
		}
		e->offset_ns = offset_at(&m, s2) + EPOCH + s2 - our_clock(&m, s2);
		e->across = s1 < m.step_at && s4 >= m.step_at;
		e->x = (struct ws_exchange){
			.seq = n,
			.t1 = our_clock(&m, s1) + error(&m),
			.t2 = EPOCH + s2 + offset_at(&m, s2) + error(&m),
			.t3 = EPOCH + s3 + offset_at(&m, s3) + error(&m),
			.t4 = our_clock(&m, s4) + error(&m),
		};
		if (uniform(&m) < c->nonsense) {
			e->nonsense = true;
			confuse(&m, &e->x);
		}
		last = s1;
		p->count++;
	}
	p->drift_ppb =
		last ? (double)(offset_at(&m, last) - offset_at(&m, 0)) / (double)last * 1e9 : 0;
	free(m.theta);
}

void path_free(struct path *p)
{
	free(p->all);
}
