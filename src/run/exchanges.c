/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/exchanges.h"

#include <errno.h>
#include <stdlib.h>

#include "core/twoway.h"

/* An exchange that is not complete yet, in the place of its sequence. */
struct open_exchange {
	uint64_t seq; /* UINT64_MAX: nothing is known yet */
	int64_t t1, t2, t3, t4;
	bool ours;   /* t1 and t4 are known */
	bool theirs; /* t2 is known */
	bool told;   /* t3 is known */
	bool done;
};

struct ws_exchanges {
	struct ws_receiver_config c;
	struct ws_run_result *result;
	struct ws_two_way *two_way; /* of the result */
	ws_exchanges_relate relate;
	void *arg;
	struct open_exchange *open; /* by sequence, modulo the capacity */
	enum ws_clock ours;	    /* that exchanges are reckoned on */
	struct ws_twoway *twoway;   /* made at the first answer, which says whose clock it is */
	uint64_t waiting;
	int64_t newest_ns; /* when the newest was intended: about the time of values whose clock is not related */
};

static struct open_exchange *place(const struct ws_exchanges *e, uint64_t seq)
{
	return &e->open[seq & (e->c.capacity - 1)];
}

/* That both of our ends' stamps are of; CLOCK_MONOTONIC if they are of two. */
static enum ws_clock our_clock(const struct ws_receiver_config *c)
{
	const struct ws_run_result *r = c->result;

	return r->tx_clock == r->rx_clock ? r->tx_clock : WS_CLOCK_MONOTONIC;
}

static void empty_two_way(struct ws_two_way *t)
{
	*t = (struct ws_two_way){.answered = UINT64_MAX, .rtt_bound_ns = -1, .ways_bound_ns = -1};
	ws_hist_init(&t->rtt);
	ws_hist_init(&t->residence);
	ws_hist_init(&t->forward);
	ws_hist_init(&t->backward);
}

int ws_exchanges_new(struct ws_exchanges **ret, const struct ws_receiver_config *config,
	ws_exchanges_relate relate, void *arg)
{
	struct ws_exchanges *e = calloc(1, sizeof(*e));

	if (!e) {
		return -ENOMEM;
	}
	e->c = *config;
	e->result = config->result;
	e->two_way = config->result->two_way;
	e->relate = relate;
	e->arg = arg;
	e->ours = our_clock(config);
	e->open = malloc(config->capacity * sizeof(*e->open));
	if (!e->open) {
		ws_exchanges_free(e);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->capacity; i++) {
		e->open[i] = (struct open_exchange){.seq = UINT64_MAX};
	}
	empty_two_way(e->two_way);
	*ret = e;
	return 0;
}

void ws_exchanges_free(struct ws_exchanges *e)
{
	if (e) {
		ws_twoway_free(e->twoway);
		free(e->open);
		free(e);
	}
}

void ws_exchanges_start(struct ws_exchanges *e, int64_t start_ns)
{
	e->c.start_ns = start_ns;
}

static void complete(struct ws_exchanges *e, struct open_exchange *x)
{
	if (!x->ours || !x->theirs || x->done) {
		return;
	}
	if (!x->told) {
		return;
	}
	x->done = true;
	e->two_way->exchanges++;
	ws_twoway_add(e->twoway,
		&(struct ws_exchange){
			.seq = x->seq, .t1 = x->t1, .t2 = x->t2, .t3 = x->t3, .t4 = x->t4});
}

static void publish_waiting(struct ws_exchanges *e)
{
	atomic_store_explicit(&e->c.shared->waiting, e->waiting, memory_order_release);
}

static void value(void *arg, const struct ws_exchange_value *v)
{
	struct ws_exchanges *e = arg;
	struct ws_two_way *t = e->two_way;

	ws_hist_record(&t->rtt, v->rtt_ns);
	if (v->ways && v->rtt_bound_ns > t->rtt_bound_ns) {
		t->rtt_bound_ns = v->rtt_bound_ns;
	}
	ws_hist_record(&t->residence, v->residence_ns);
	if (e->result->timeline) {
		int64_t at = e->relate(e->arg, (struct ws_time){v->t1, e->ours});

		ws_timeline_latency(e->result->timeline,
			(at == WS_INSTANT_UNKNOWN ? e->newest_ns : at) - e->c.start_ns, v->rtt_ns);
	}
	ws_jitter_add(&e->result->jitter, v->rtt_ns);
	if (v->ways) {
		ws_hist_record(&t->forward, v->forward_ns);
		ws_hist_record(&t->backward, v->backward_ns);
		if (v->bound_ns > t->ways_bound_ns) {
			t->ways_bound_ns = v->bound_ns;
		}
	}
}

/*
 * Ours and, if it is one clock, theirs: as the kernel stamps, with CLOCK_REALTIME, where it stamps both ways, or as the
 * card does; else on CLOCK_MONOTONIC.
 */
static int64_t on_ours(const struct ws_exchanges *e, struct ws_time t)
{
	return t.clock == e->ours ? t.ns : e->relate(e->arg, t);
}

void ws_exchanges_take(struct ws_exchanges *e, const struct ws_outcome *out)
{
	struct open_exchange *x = place(e, out->seq);

	if (x->seq != out->seq) {
		e->two_way->incomplete++;
		return;
	}
	e->newest_ns = out->tx.intended_ns;
	x->t1 = on_ours(e, out->tx.stamp.time);
	x->t4 = on_ours(e, out->rx.stamp.time);
	x->ours = x->t1 != WS_INSTANT_UNKNOWN && x->t4 != WS_INSTANT_UNKNOWN;
	complete(e, x);
}

static int start_exchanges(struct ws_exchanges *e, const struct ws_probe *probe)
{
	const struct ws_receiver_two_way *two_way = e->c.two_way;
	struct ws_two_way *t = e->two_way;
	struct ws_twoway_config config = {
		.stamp_error_ns = two_way->stamp_error_ns,
		.sink = value,
		.arg = e,
	};

	t->same_clock =
		two_way->boot &&
		probe->answer.clock_id == ws_probe_clock_id(two_way->boot, e->c.run_id) &&
		probe->answer.rx.time.clock == WS_CLOCK_REALTIME &&
		e->ours < WS_CLOCK_PHC; /* else what both kernels read is not what we reckon on */
	t->rtt_bound_ns = two_way->stamp_error_ns;
	config.same_clock = t->same_clock;
	return ws_twoway_new(&e->twoway, &config);
}

static int64_t their_time(const struct ws_exchanges *e, const struct ws_stamp *stamp)
{
	return e->two_way->same_clock ? on_ours(e, stamp->time) : stamp->time.ns;
}

static void take_told(struct ws_exchanges *e, const struct ws_probe *probe)
{
	struct open_exchange *x;

	if (probe->answer.tx.origin == WS_ORIGIN_NONE) {
		return;
	}
	x = place(e, probe->answer.tx_seq);
	if (x->seq != probe->answer.tx_seq || x->told) {
		return;
	}
	x->told = true;
	x->t3 = their_time(e, &probe->answer.tx);
	e->waiting -= x->theirs;
	complete(e, x);
	publish_waiting(e);
}

void ws_exchanges_answer(struct ws_exchanges *e, const struct ws_probe *probe)
{
	struct open_exchange *x = place(e, probe->seq);
	struct ws_two_way *t = e->two_way;

	/* The first that was stamped over there: it says whose clock that is. */
	if (!e->twoway &&
		(probe->answer.rx.origin == WS_ORIGIN_NONE || start_exchanges(e, probe) < 0)) {
		return;
	}
	t->answered = t->answered == UINT64_MAX ||
				      (int32_t)(probe->answer.answered - (uint32_t)t->answered) > 0
			      ? probe->answer.answered
			      : t->answered;
	take_told(e, probe);
	if (probe->seq >= atomic_load_explicit(&e->c.shared->offered, memory_order_relaxed) ||
		(x->seq != UINT64_MAX && x->seq >= probe->seq)) {
		return; /* not one that was sent, a copy, or too late */
	}
	if (x->seq != UINT64_MAX && x->theirs && !x->told) {
		e->waiting--; /* its turn is over */
	}
	*x = (struct open_exchange){
		.seq = probe->seq,
		.theirs = probe->answer.rx.origin != WS_ORIGIN_NONE,
		.t2 = their_time(e, &probe->answer.rx),
	};
	e->waiting += x->theirs;
	publish_waiting(e);
}

void ws_exchanges_collected(struct ws_exchanges *e, const struct ws_probe *probe)
{
	if (!e->twoway) {
		return;
	}
	e->two_way->collects++;
	take_told(e, probe);
	if (probe->answer.tx.origin == WS_ORIGIN_NONE) {
		atomic_fetch_add_explicit(&e->c.shared->idle_collects, 1, memory_order_relaxed);
	} else {
		atomic_store_explicit(&e->c.shared->idle_collects, 0, memory_order_relaxed);
	}
}

void ws_exchanges_finish(struct ws_exchanges *e)
{
	if (e->twoway) {
		ws_twoway_finish(e->twoway);
		ws_twoway_clocks(e->twoway, &e->two_way->clocks);
	}
	e->two_way->incomplete = e->result->latency.count - e->two_way->exchanges;
}
