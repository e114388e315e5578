/* SPDX-License-Identifier: BSD-2-Clause */
/* The search for the highest rate at which every frame has its hardware stamps. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "host/clock.h"
#include "run/deliver_own.h"

#define FIRST_PPS   800.0
#define LOWEST_PPS  100.0
#define HIGHEST_PPS 10e6
/* Where the answer is known closely enough. */
#define CLOSE 1.1
/* A sender whose gaps are longer by that is at its end. */
#define BEHIND 1.15
/* Of the frames that were sent, lost on the way: more, and the way does not carry the rate. */
#define LOSS_PERMILLE 50

enum outcome {
	PASSED,
	MISSED,	 /* stamps */
	AT_END,	 /* none missed, but the sender does not come higher */
	LOST,	 /* none missed, but frames on the way, or refused by the sender */
	NO_TIME, /* or stopped, or failed */
};

struct search {
	struct ws_deliver_run *run;
	const struct ws_deliver_setup *setup;
	struct ws_deliver_rate *ret;
	struct ws_deliver_result *result;
	int64_t end_ns;
	double pps; /* of the last run, as measured */
	int rc;
};

/* Whether a run at that rate ends in time. */
static bool has_time(const struct search *s, double pps, unsigned runs)
{
	double each = WS_DELIVER_RATE_FRAMES * 1e9 / pps + (double)s->setup->wait_ns;

	return (double)ws_clock_now() + each * runs <= (double)s->end_ns;
}

static void note_loss(struct search *s, double pps, bool tx, bool rx)
{
	const struct ws_deliver_result *r = s->result;
	uint64_t tx_lost = tx ? r->sent - r->tx_hardware : 0;
	uint64_t rx_lost = rx ? r->received - r->rx_hardware : 0;

	if (s->ret->lost_at != 0 && s->ret->lost_at <= pps) {
		return;
	}
	s->ret->lost_at = pps;
	s->ret->lost_of = r->sent;
	/* A frame may miss both; which ones do is not told. */
	s->ret->lost = tx_lost > rx_lost ? tx_lost : rx_lost;
	s->ret->lost_tx = tx_lost != 0;
	s->ret->lost_rx = rx_lost != 0;
}

static enum outcome try_once(struct search *s, double pps)
{
	const struct ws_deliver_batch batch = {
		.count = WS_DELIVER_RATE_FRAMES,
		.gap_ns = (int64_t)(1e9 / pps),
		.busy = true,
		.until_ns = s->end_ns,
	};
	const struct ws_deliver_result *r = s->result;
	bool tx = s->setup->tx.hw_clock != WS_CLOCK_NONE;
	bool rx = s->setup->has_rx && s->setup->rx.hw_clock != WS_CLOCK_NONE;
	int64_t gap;

	if (!has_time(s, pps, 1)) {
		return NO_TIME;
	}
	s->rc = ws_deliver_batch(s->run, &batch, s->result, &gap);
	if (s->rc < 0 || r->fault || r->sent + r->refused < WS_DELIVER_RATE_FRAMES || gap <= 0) {
		return NO_TIME;
	}
	s->pps = 1e9 / (double)gap;
	if ((tx && r->tx_hardware < r->sent) || (rx && r->rx_hardware < r->received)) {
		note_loss(s, s->pps, tx, rx);
		return MISSED;
	}
	if (r->refused ||
		(s->setup->has_rx && (r->sent - r->received) * 1000 > r->sent * LOSS_PERMILLE)) {
		return LOST;
	}
	return (double)gap > (double)batch.gap_ns * BEHIND ? AT_END : PASSED;
}

/* Twice in a row. */
static enum outcome try_rate(struct search *s, double pps)
{
	enum outcome first, second;
	double slower;

	first = try_once(s, pps);
	if (first != PASSED && first != AT_END) {
		return first;
	}
	slower = s->pps;
	second = try_once(s, pps);
	if (second != PASSED && second != AT_END) {
		return second;
	}
	slower = s->pps < slower ? s->pps : slower;
	if (!s->ret->found || slower > s->ret->pps) {
		s->ret->found = true;
		s->ret->pps = slower;
	}
	return first == AT_END || second == AT_END ? AT_END : PASSED;
}

static void search(struct search *s)
{
	double pass = 0, fail = 0, pps = FIRST_PPS;

	for (;;) {
		enum outcome outcome = try_rate(s, pps);

		switch (outcome) {
		case PASSED:
			pass = pps;
			break;
		case MISSED:
			fail = pps;
			break;
		case AT_END:
		case LOST:
			s->ret->by_sender = true;
			return;
		case NO_TIME:
			return;
		}
		if (!fail) {
			pps = pass * 2;
		} else if (!pass) {
			pps = fail / 2;
		} else if (fail / pass <= CLOSE) {
			return;
		} else {
			pps = sqrt(pass * fail);
		}
		if (pps < LOWEST_PPS || pps > HIGHEST_PPS) {
			return;
		}
	}
}

static unsigned burst(struct search *s)
{
	const struct ws_deliver_batch batch = {
		.count = WS_DELIVER_BURST,
		.until_ns = s->end_ns,
	};

	if (s->setup->tx.hw_clock == WS_CLOCK_NONE) {
		return 0;
	}
	s->rc = ws_deliver_batch(s->run, &batch, s->result, NULL);
	return s->rc < 0 ? 0 : (unsigned)s->result->tx_hardware;
}

int ws_deliver_search(struct ws_deliver_run *r, const struct ws_deliver_setup *setup,
	int64_t budget_ns, struct ws_deliver_rate *ret)
{
	struct search s = {
		.run = r,
		.setup = setup,
		.ret = ret,
		.result = malloc(sizeof(*s.result)),
		.end_ns = ws_clock_now() + budget_ns,
	};

	*ret = (struct ws_deliver_rate){0};
	if (!s.result) {
		return -ENOMEM;
	}
	ret->in_flight = burst(&s);
	if (s.rc == 0) {
		search(&s);
	}
	free(s.result);
	return s.rc;
}

int ws_deliver_rate(
	const struct ws_deliver_setup *setup, int64_t budget_ns, struct ws_deliver_rate *ret)
{
	struct ws_deliver_setup mine = *setup;
	struct ws_deliver_run *r;
	int rc;

	mine.count = WS_DELIVER_RATE_FRAMES;
	mine.second = NULL;
	if (mine.tx.hw_clock == WS_CLOCK_NONE &&
		(!mine.has_rx || mine.rx.hw_clock == WS_CLOCK_NONE)) {
		return -EINVAL;
	}
	rc = ws_deliver_open(&r, &mine);
	if (rc < 0) {
		return rc;
	}
	rc = ws_deliver_search(r, &mine, budget_ns, ret);
	ws_deliver_end(r);
	return rc;
}
