/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/clock_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/clock.h"
#include "host/sys.h"
#include "run/clock_watch_own.h"

#define RING	      1024     /* samples: seconds of a receiver that is held up */
#define EVERY_NS      20000000 /* samples cost the receiver's thread a line through all that are kept */
#define WARM_NS	      10000000 /* before the run nothing is held up by more */
#define PREPARE_NS    300000000
#define PREPARE_MOST  3000000000
#define PREPARE_LEAST 8 /* samples */
/* Half of the time that lines are through, nearly. */
#define SETTLE_NS   400000000
#define FIT_SAMPLES 256
/* Longer and a line follows crystals no more; shorter and there are few samples. */
#define FIT_SPAN_NS   1000000000
#define STEP_READINGS 4

static int open_clock(struct ws_clock_watch *w, int end)
{
	struct ws_clockfit_config config = {.samples = FIT_SAMPLES, .span_ns = FIT_SPAN_NS};
	const struct ws_phc_info *info;
	unsigned k = w->clocks;
	int rc = ws_phc_open(&w->phc[k], w->c.index[end]);

	if (rc < 0) {
		return rc;
	}
	info = ws_phc_info(w->phc[k]);
	config.resolution_ns = info->resolution_ns;
	/* A clock that takes long to read: a few samples at least. */
	if (config.span_ns < 16 * info->every_ns) {
		config.span_ns = 16 * info->every_ns;
	}
	w->every_ns = info->every_ns > w->every_ns ? info->every_ns : w->every_ns;
	w->clock_of[end] = (int)k;
	w->clocks++;
	return ws_clockfit_new(&w->fit[k], &config);
}

/* One driver reads all its cards in one way. */
static bool are_read_alike(const struct ws_clock_watch *w)
{
	const struct ws_phc_info *a, *b;

	if (w->clocks < 2) {
		return w->clock_of[0] == w->clock_of[1];
	}
	a = ws_phc_info(w->phc[0]);
	b = ws_phc_info(w->phc[1]);
	return a->method == b->method && a->driver[0] && !strcmp(a->driver, b->driver);
}

int ws_clock_watch_new(
	struct ws_clock_watch **ret, const struct ws_clock_watch_config *config, int *ret_index)
{
	struct ws_clock_watch *w;
	int rc = -ENOMEM;

	*ret_index = -1;
	if (!config->pairs || config->settle_ns < -1 ||
		(config->index[WS_CLOCK_WATCH_TX] < 0 && config->index[WS_CLOCK_WATCH_RX] < 0)) {
		return -EINVAL;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		return -ENOMEM;
	}
	w->c = *config;
	w->c.settle_ns = config->settle_ns == 0	 ? SETTLE_NS
			 : config->settle_ns < 0 ? 1
						 : config->settle_ns;
	ws_clock_watch_restart(w);
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		w->clock_of[i] = -1;
	}
	w->pairs = calloc(config->pairs, sizeof(*w->pairs));
	if (!w->pairs || ws_spsc_new(&w->ring, RING, sizeof(struct ws_clock_record)) < 0) {
		goto fail;
	}
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		if (config->index[i] < 0) {
			continue;
		}
		if (i == WS_CLOCK_WATCH_RX &&
			config->index[i] == config->index[WS_CLOCK_WATCH_TX]) {
			w->clock_of[i] = w->clock_of[WS_CLOCK_WATCH_TX];
			continue;
		}
		rc = open_clock(w, i);
		if (rc < 0) {
			*ret_index = rc == -ENOMEM ? -1 : config->index[i];
			goto fail;
		}
	}
	w->read_alike = are_read_alike(w);
	*ret = w;
	return 0;
fail:
	ws_clock_watch_free(w);
	return rc;
}

void ws_clock_watch_free(struct ws_clock_watch *w)
{
	if (!w) {
		return;
	}
	for (int i = 0; i < WS_CLOCK_WATCH_ENDS; i++) {
		ws_phc_close(w->phc[i]);
		ws_clockfit_free(w->fit[i]);
	}
	ws_spsc_free(w->ring);
	free(w->pairs);
	free(w);
}

/* The clocks run alike, so that all readings limit the same number. */
static struct ws_clock_step read_step(void)
{
	int64_t grain =
		ws_sys_clock_resolution(CLOCK_REALTIME) + ws_sys_clock_resolution(CLOCK_MONOTONIC);
	struct ws_clock_step best = {0};

	for (int i = 0; i < STEP_READINGS; i++) {
		int64_t before = ws_sys_clock(CLOCK_MONOTONIC);
		int64_t realtime = ws_sys_clock(CLOCK_REALTIME);
		int64_t after = ws_sys_clock(CLOCK_MONOTONIC);
		struct ws_clock_step s = {realtime - after - grain, realtime - before + grain};

		best = !i || s.most - s.least < best.most - best.least ? s : best;
	}
	return best;
}

static void sample(struct ws_clock_watch *w)
{
	struct ws_clock_record r[WS_CLOCK_WATCH_ENDS] = {0};
	struct ws_clock_step before = read_step(), after;

	for (unsigned k = 0; k < w->clocks; k++) {
		if (!w->gone[k]) {
			r[k].error = ws_phc_sample(w->phc[k], &r[k].sample);
		}
	}
	after = read_step();
	for (unsigned k = 0; k < w->clocks; k++) {
		if (w->gone[k]) {
			continue;
		}
		atomic_fetch_add_explicit(&w->failed, r[k].error < 0, memory_order_relaxed);
		/* Others are of the moment: the card is busy, the system clock was set. */
		if (r[k].error < 0 && r[k].error != -ENODEV) {
			continue;
		}
		r[k].clock = k;
		r[k].before = before;
		r[k].after = after;
		if (!ws_spsc_push(w->ring, &r[k])) {
			atomic_fetch_add_explicit(&w->overflowed, 1, memory_order_relaxed);
			continue;
		}
		w->gone[k] = r[k].error < 0;
	}
}

static bool any_gone(const struct ws_clock_watch *w)
{
	return w->gone[0] || w->gone[1];
}

static bool any_left(const struct ws_clock_watch *w)
{
	for (unsigned k = 0; k < w->clocks; k++) {
		if (!w->gone[k]) {
			return true;
		}
	}
	return false;
}

static int64_t tick(struct ws_clock_watch *w, int64_t now_ns, int64_t every_ns)
{
	if (!any_left(w)) {
		return INT64_MAX;
	}
	if (now_ns >= w->next_ns) {
		sample(w);
		w->next_ns = now_ns + (every_ns > w->every_ns ? every_ns : w->every_ns);
	}
	return w->next_ns;
}

int64_t ws_clock_watch_sample(struct ws_clock_watch *w)
{
	return tick(w, ws_clock_now(), EVERY_NS);
}

static bool enough(const struct ws_clock_watch *w)
{
	struct ws_clockfit_state state;

	for (unsigned k = 0; k < w->clocks; k++) {
		ws_clockfit_state(w->fit[k], &state);
		if (state.used < PREPARE_LEAST) {
			return false;
		}
	}
	return true;
}

int ws_clock_watch_begin(struct ws_clock_watch *w, const _Atomic int *stop)
{
	int64_t begin = ws_clock_now(), now = begin;
	int64_t most = 2 * PREPARE_LEAST * w->every_ns;

	most = most > PREPARE_MOST ? most : PREPARE_MOST;
	ws_clock_watch_restart(w);
	w->next_ns = now;
	while (now < begin + PREPARE_NS || !enough(w)) {
		int64_t next;

		if (now >= begin + most) {
			return -ETIME;
		}
		next = tick(w, now, WARM_NS);
		ws_clock_watch_step(w);
		if (any_gone(w)) {
			return -ENODEV;
		}
		if (atomic_load(stop)) {
			return 0;
		}
		/* A signal may end it early: then one sample comes sooner. */
		(void)ws_sys_sleep_until(next);
		now = ws_clock_now();
	}
	return 0;
}
