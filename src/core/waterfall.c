/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/waterfall.h"

#include <string.h>

#define FEW 100 /* fewer packets have no slowest hundredth */

static const char *const instant_names[WS_INSTANTS] = {
	[WS_INSTANT_INTENDED] = "intended",
	[WS_INSTANT_APP_TX] = "app_tx",
	[WS_INSTANT_SCHED] = "sched",
	[WS_INSTANT_DRIVER_TX] = "driver_tx",
	[WS_INSTANT_WIRE_TX] = "wire_tx",
	[WS_INSTANT_WIRE_RX] = "wire_rx",
	[WS_INSTANT_KERNEL_RX] = "kernel_rx",
	[WS_INSTANT_APP_RX] = "app_rx",
};

const char *ws_instant_name(enum ws_instant instant)
{
	if ((unsigned)instant >= WS_INSTANTS) {
		return "unknown";
	}
	return instant_names[instant];
}

void ws_waterfall_init(struct ws_waterfall *w, unsigned known)
{
	unsigned before = WS_INSTANTS;

	memset(w, 0, sizeof(*w));
	w->step = 1;
	for (unsigned i = 0; i < WS_INSTANTS; i++) {
		ws_hist_init(&w->stage[i]);
		if (!(known >> i & 1)) {
			continue;
		}
		if (before < WS_INSTANTS) {
			w->from[w->stages] = (enum ws_instant)before;
			w->to[w->stages] = (enum ws_instant)i;
			w->stages++;
		}
		before = i;
	}
}

/* ---- The slowest: a heap with the least of them on top. ---- */

/* By total; of equal ones the later is less, so that the first ones stay. */
static bool less(const struct ws_waterfall_packet *a, const struct ws_waterfall_packet *b)
{
	return a->total_ns != b->total_ns ? a->total_ns < b->total_ns : a->seq > b->seq;
}

static void sift_up(struct ws_waterfall *w, const struct ws_waterfall_packet *p)
{
	unsigned i = w->worst_count++;

	while (i > 0 && less(p, &w->worst[(i - 1) / 2])) {
		w->worst[i] = w->worst[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->worst[i] = *p;
}

/* In place of the top one. */
static void sift_down(struct ws_waterfall *w, const struct ws_waterfall_packet *p)
{
	unsigned i = 0, child;

	for (; (child = 2 * i + 1) < w->worst_count; i = child) {
		if (child + 1 < w->worst_count && less(&w->worst[child + 1], &w->worst[child])) {
			child++;
		}
		if (!less(&w->worst[child], p)) {
			break;
		}
		w->worst[i] = w->worst[child];
	}
	w->worst[i] = *p;
}

static void note_worst(struct ws_waterfall *w, const struct ws_waterfall_packet *p)
{
	if (w->worst_count < WS_WATERFALL_WORST) {
		sift_up(w, p);
	} else if (less(&w->worst[0], p)) {
		sift_down(w, p);
	}
}

/* ---- The sample: packet i of it is packet i * step of those that were looked at. ---- */

static void note_sample(struct ws_waterfall *w, const struct ws_waterfall_packet *p)
{
	if (w->count & (w->step - 1)) {
		return;
	}
	if (w->sampled == WS_WATERFALL_SAMPLE) {
		w->sampled /= 2;
		for (unsigned i = 1; i < w->sampled; i++) {
			w->sample[i] = w->sample[2 * i];
		}
		/* This packet's number is a multiple of the doubled step, too. */
		w->step *= 2;
	}
	w->sample[w->sampled++] = *p;
}

/* False where an instant is missing, or where two are further apart than can be told. */
static bool spans(const struct ws_waterfall *w, const struct ws_waterfall_packet *p,
	int64_t span[WS_INSTANTS], int64_t *total)
{
	for (unsigned i = 0; i < w->stages; i++) {
		int64_t from = p->at[w->from[i]], to = p->at[w->to[i]];

		if (from == WS_INSTANT_UNKNOWN || to == WS_INSTANT_UNKNOWN ||
			__builtin_sub_overflow(to, from, &span[i])) {
			return false;
		}
	}
	return w->stages > 0 &&
	       !__builtin_sub_overflow(p->at[w->to[w->stages - 1]], p->at[w->from[0]], total);
}

void ws_waterfall_add(struct ws_waterfall *w, const struct ws_waterfall_packet *p)
{
	int64_t span[WS_INSTANTS];
	struct ws_waterfall_packet q;
	int64_t total;

	if (!spans(w, p, span, &total)) {
		w->unfit++;
		return;
	}
	for (unsigned i = 0; i < w->stages; i++) {
		ws_hist_record(&w->stage[i], span[i]);
	}
	q = *p;
	q.total_ns = total;
	note_sample(w, &q);
	note_worst(w, &q);
	w->count++;
}

/* ---- The verdict. ---- */

/* The fastest first. Not by the C library, whose way may allocate. */
static void sort(const struct ws_waterfall_packet **p, unsigned n)
{
	for (unsigned gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
		for (unsigned i = gap; i < n; i++) {
			const struct ws_waterfall_packet *x = p[i];
			unsigned j = i;

			for (; j >= gap && less(x, p[j - gap]); j -= gap) {
				p[j] = p[j - gap];
			}
			p[j] = x;
		}
	}
}

static void mean_of(const struct ws_waterfall *w, const struct ws_waterfall_packet **p, unsigned n,
	struct ws_waterfall_group *ret)
{
	ret->packets = n;
	ret->from_ns = p[0]->total_ns;
	ret->to_ns = p[n - 1]->total_ns;
	for (unsigned s = 0; s < w->stages; s++) {
		__int128 sum = 0;

		for (unsigned i = 0; i < n; i++) {
			sum += p[i]->at[w->to[s]] - p[i]->at[w->from[s]];
		}
		ret->stage_ns[s] = (double)sum / n;
	}
}

static void find_cause(const struct ws_waterfall *w, struct ws_waterfall_verdict *v)
{
	double all = 0, net = 0, most = 0;
	int cause = -1;

	for (unsigned s = 0; s < w->stages; s++) {
		double more = v->tail.stage_ns[s] - v->typical.stage_ns[s];

		net += more;
		if (more > 0) {
			all += more;
		}
		if (more > most) {
			most = more;
			cause = (int)s;
		}
	}
	if (net > 0) {
		v->cause = cause;
		v->cause_share = most / all;
	}
}

void ws_waterfall_judge(const struct ws_waterfall *w, struct ws_waterfall_verdict *ret)
{
	const struct ws_waterfall_packet *p[WS_WATERFALL_SAMPLE];
	unsigned first, end, tail;

	memset(ret, 0, sizeof(*ret));
	ret->cause = -1;
	if (!w->count) {
		return;
	}
	for (unsigned i = 0; i < w->sampled; i++) {
		p[i] = &w->sample[i];
	}
	sort(p, w->sampled);
	first = w->sampled * 9 / 20;
	end = w->sampled * 11 / 20;
	mean_of(w, p + first, end > first ? end - first : 1, &ret->typical);

	for (unsigned i = 0; i < w->worst_count; i++) {
		p[i] = &w->worst[i];
	}
	sort(p, w->worst_count);
	tail = w->count / FEW < w->worst_count ? (unsigned)(w->count / FEW) : w->worst_count;
	if (!tail) {
		tail = 1;
	}
	mean_of(w, p + w->worst_count - tail, tail, &ret->tail);
	if (w->count >= FEW) {
		find_cause(w, ret);
	}
}
