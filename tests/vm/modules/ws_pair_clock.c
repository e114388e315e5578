// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ws_pair_clock.h"

#include <linux/math64.h>
#include <linux/module.h>
#include <linux/time64.h>

#include "ws_pair_compat.h"
#include "ws_pair_params.h"

/* A rate of 1: ns / 2^16 / 10^9, so that both ppb and the scaled ppm of adjfine are whole. */
#define RATE_ONE (65536ULL * NSEC_PER_SEC)

#define MAX_ADJ_PPB	 62499999
#define LEAST_PERIOD_NS	 100000
#define EVENTS_IN_A_TURN 64
#define MOST_SECONDS	 4000000000LL
#define NEVER_NS	 (S64_MAX / 4) /* 73 years */

static struct ws_pair_clock *of_info(struct ptp_clock_info *info)
{
	return container_of(info, struct ws_pair_clock, info);
}

static void segment_at(const struct ws_pair_segment *segment, s64 base, s64 *ret_phc, u64 *ret_rest)
{
	s64 gone = base - segment->base;
	u64 far = abs(gone), rate = abs(segment->rate);
	s64 extra = mul_u64_u64_div_u64(far, rate, RATE_ONE);
	/* The true remainder is below RATE_ONE, so the wrapped products give it. */
	u64 rest = far * rate - (u64)extra * RATE_ONE;

	if ((gone < 0) != (segment->rate < 0)) {
		extra = -extra;
		if (rest) {
			extra--;
			rest = RATE_ONE - rest;
		}
	}
	rest += segment->fraction;
	if (rest >= RATE_ONE) {
		rest -= RATE_ONE;
		extra++;
	}
	*ret_phc = segment->phc + gone + extra;
	*ret_rest = rest;
}

static s64 at_locked(const struct ws_pair_clock *clock, s64 base)
{
	const struct ws_pair_segment *segment;
	unsigned int back = 0;
	s64 phc;
	u64 rest;

	for (;;) {
		segment = &clock->history[(clock->newest - back) % WS_PAIR_CLOCK_HISTORY];
		if (segment->base <= base || ++back >= clock->segments)
			break;
	}
	segment_at(segment, base, &phc, &rest);
	return phc;
}

/* The first instant at which the clock, as it goes now, shows phc or more. */
static s64 when_locked(const struct ws_pair_clock *clock, s64 phc)
{
	const struct ws_pair_segment *segment =
		&clock->history[clock->newest % WS_PAIR_CLOCK_HISTORY];
	s64 base, shown;
	u64 far, rest;

	if (phc <= segment->phc)
		return segment->base;
	far = mul_u64_u64_div_u64(
		(u64)phc - (u64)segment->phc, RATE_ONE, (u64)((s64)RATE_ONE + segment->rate));
	if (far > NEVER_NS)
		return segment->base + NEVER_NS;
	for (base = segment->base + far - 2;; base++) {
		segment_at(segment, base, &shown, &rest);
		if (shown >= phc)
			return base;
	}
}

s64 ws_pair_clock_at(struct ws_pair_clock *clock, s64 base)
{
	s64 phc;

	spin_lock_bh(&clock->lock);
	phc = at_locked(clock, base);
	spin_unlock_bh(&clock->lock);
	return phc;
}

static void events_arm_locked(struct ws_pair_clock *clock)
{
	if (clock->events_out && !clock->dead)
		hrtimer_start(&clock->event_timer, when_locked(clock, clock->event_next),
			HRTIMER_MODE_ABS_SOFT);
}

/* The next event is the first after phc. */
static void events_seek_locked(struct ws_pair_clock *clock, s64 phc)
{
	if (!clock->events_out)
		return;
	clock->event_next = clock->event_start;
	if (phc >= clock->event_start)
		clock->event_next += clock->event_period *
				     (div64_u64(phc - clock->event_start, clock->event_period) + 1);
	events_arm_locked(clock);
}

static s64 rate_locked(const struct ws_pair_clock *clock)
{
	return ws_pair_get(P_drift_ppb, clock->index) * 65536 + clock->scaled_ppm * 1000;
}

/* From base on the clock goes on from phc, at the rate that is asked for now. */
static void push_locked(struct ws_pair_clock *clock, s64 base, s64 phc, u64 fraction)
{
	clock->newest++;
	clock->segments = min_t(unsigned int, clock->segments + 1, WS_PAIR_CLOCK_HISTORY);
	clock->history[clock->newest % WS_PAIR_CLOCK_HISTORY] = (struct ws_pair_segment){
		.base = base,
		.phc = phc,
		.fraction = fraction,
		.rate = rate_locked(clock),
	};
	events_seek_locked(clock, phc);
}

static void change_locked(struct ws_pair_clock *clock, s64 delta)
{
	s64 now = ktime_get_ns(), phc;
	u64 rest;

	segment_at(&clock->history[clock->newest % WS_PAIR_CLOCK_HISTORY], now, &phc, &rest);
	push_locked(clock, now, phc + delta, rest);
}

void ws_pair_clock_step(struct ws_pair_clock *clock, s64 delta)
{
	spin_lock_bh(&clock->lock);
	change_locked(clock, delta);
	spin_unlock_bh(&clock->lock);
}

void ws_pair_clock_apply_drift(struct ws_pair_clock *clock)
{
	ws_pair_clock_step(clock, 0);
}

void ws_pair_clock_apply_offset(struct ws_pair_clock *clock)
{
	s64 now;

	spin_lock_bh(&clock->lock);
	now = ktime_get_ns();
	push_locked(
		clock, now, now + clock->epoch + ws_pair_get(P_clock_offset_ns, clock->index), 0);
	spin_unlock_bh(&clock->lock);
}

static void spend(s64 nanoseconds)
{
	s64 until = ktime_get_ns() + nanoseconds;

	while (ktime_get_ns() < until)
		cpu_relax();
}

static int clock_gettimex(
	struct ptp_clock_info *info, struct timespec64 *ts, struct ptp_system_timestamp *sts)
{
	struct ws_pair_clock *clock = of_info(info);
	s64 all = ws_pair_get(P_phc_read_ns, clock->index), phc;
	s64 before = div_s64(all * ws_pair_get(P_phc_read_asym_pct, clock->index), 100);

	if (all) {
		/* Long readings leave the lock alone: frames are stamped meanwhile. */
		ptp_read_system_prets(sts);
		spend(before);
		phc = ws_pair_clock_at(clock, ktime_get_ns());
		spend(all - before);
		ptp_read_system_postts(sts);
	} else {
		spin_lock_bh(&clock->lock);
		ptp_read_system_prets(sts);
		phc = at_locked(clock, ktime_get_ns());
		ptp_read_system_postts(sts);
		spin_unlock_bh(&clock->lock);
	}
	*ts = ns_to_timespec64(phc);
	return 0;
}

static int clock_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	struct ws_pair_clock *clock = of_info(info);

	spin_lock_bh(&clock->lock);
	push_locked(clock, ktime_get_ns(), timespec64_to_ns(ts), 0);
	spin_unlock_bh(&clock->lock);
	return 0;
}

static int clock_adjtime(struct ptp_clock_info *info, s64 delta)
{
	ws_pair_clock_step(of_info(info), delta);
	return 0;
}

static int clock_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct ws_pair_clock *clock = of_info(info);

	spin_lock_bh(&clock->lock);
	clock->scaled_ppm = scaled_ppm;
	change_locked(clock, 0);
	spin_unlock_bh(&clock->lock);
	return 0;
}

static int clock_verify(struct ptp_clock_info *info, unsigned int pin,
	enum ptp_pin_function function, unsigned int channel)
{
	switch (function) {
	case PTP_PF_NONE:
	case PTP_PF_EXTTS:
	case PTP_PF_PEROUT:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static bool pin_is(const struct ws_pair_clock *clock, enum ptp_pin_function function)
{
	return clock->pins[0].func == function || clock->pins[1].func == function;
}

static int enable_in(struct ws_pair_clock *clock, const struct ptp_extts_request *request, int on)
{
	if (request->index)
		return -EINVAL;
	/* Only rising edges are seen; strict flags may ask for no other. */
	if (request->flags &
		~(PTP_ENABLE_FEATURE | PTP_RISING_EDGE | PTP_FALLING_EDGE | PTP_STRICT_FLAGS))
		return -EOPNOTSUPP;
	if ((request->flags & PTP_STRICT_FLAGS) && (request->flags & PTP_ENABLE_FEATURE) &&
		(request->flags & (PTP_RISING_EDGE | PTP_FALLING_EDGE)) != PTP_RISING_EDGE)
		return -EOPNOTSUPP;
	if (on && !pin_is(clock, PTP_PF_EXTTS))
		return -EBUSY;
	spin_lock_bh(&clock->lock);
	clock->events_in = on;
	spin_unlock_bh(&clock->lock);
	return 0;
}

static int enable_out(struct ws_pair_clock *clock, const struct ptp_perout_request *request, int on)
{
	s64 period = request->period.sec * NSEC_PER_SEC + request->period.nsec;

	if (request->index)
		return -EINVAL;
	if (request->flags)
		return -EOPNOTSUPP;
	if (on && !pin_is(clock, PTP_PF_PEROUT))
		return -EBUSY;
	if (on && (request->period.sec < 0 || request->period.sec > 1000000 ||
			  period < LEAST_PERIOD_NS))
		return -ERANGE;
	spin_lock_bh(&clock->lock);
	clock->events_out = on;
	if (on) {
		clock->event_start = request->start.sec * NSEC_PER_SEC + request->start.nsec;
		clock->event_period = period;
		events_seek_locked(clock, at_locked(clock, ktime_get_ns()));
	}
	spin_unlock_bh(&clock->lock);
	return 0;
}

static int clock_enable(struct ptp_clock_info *info, struct ptp_clock_request *request, int on)
{
	switch (request->type) {
	case PTP_CLK_REQ_EXTTS:
		return enable_in(of_info(info), &request->extts, on);
	case PTP_CLK_REQ_PEROUT:
		return enable_out(of_info(info), &request->perout, on);
	default:
		return -EOPNOTSUPP;
	}
}

/* The edge arrives at this clock's input. */
static void event_in(struct ws_pair_clock *clock, s64 base)
{
	struct ptp_clock *ptp = READ_ONCE(clock->ptp);
	struct ptp_clock_event event = {.type = PTP_CLOCK_EXTTS};
	bool wanted;

	spin_lock_bh(&clock->lock);
	wanted = clock->events_in && ptp;
	event.timestamp = at_locked(clock, base);
	spin_unlock_bh(&clock->lock);
	if (wanted)
		ptp_clock_event(ptp, &event);
}

static enum hrtimer_restart event_timer(struct hrtimer *timer)
{
	struct ws_pair_clock *clock = container_of(timer, struct ws_pair_clock, event_timer);
	int turns;

	for (turns = 0; turns < EVENTS_IN_A_TURN; turns++) {
		s64 now, base = 0;
		bool due;

		spin_lock_bh(&clock->lock);
		now = ktime_get_ns();
		due = clock->events_out && !clock->dead &&
		      at_locked(clock, now) >= clock->event_next;
		if (due) {
			base = when_locked(clock, clock->event_next);
			clock->event_next += clock->event_period;
		}
		spin_unlock_bh(&clock->lock);
		if (!due)
			break;
		event_in(clock, base);
		event_in(clock->peer, base);
	}
	spin_lock_bh(&clock->lock);
	if (turns < EVENTS_IN_A_TURN) /* also when an event came due just now */
		events_arm_locked(clock);
	else /* so far behind that some are left out */
		events_seek_locked(clock, at_locked(clock, ktime_get_ns()));
	spin_unlock_bh(&clock->lock);
	return HRTIMER_NORESTART;
}

void ws_pair_clock_init(
	struct ws_pair_clock *clock, unsigned int index, struct ws_pair_clock *peer, s64 epoch)
{
	clock->index = index;
	clock->peer = peer;
	clock->epoch = epoch;
	spin_lock_init(&clock->lock);
	ws_pair_timer_setup(&clock->event_timer, event_timer);
	ws_pair_clock_apply_offset(clock);
	ws_pair_clock_step(clock, ws_pair_get(P_phc_step_ns, index));
}

int ws_pair_clock_register(struct ws_pair_clock *clock, struct device *parent)
{
	struct ptp_clock *ptp;
	int pin;

	for (pin = 0; pin < ARRAY_SIZE(clock->pins); pin++) {
		snprintf(clock->pins[pin].name, sizeof(clock->pins[pin].name), "SDP%d", pin);
		clock->pins[pin].index = pin;
	}
	clock->info = (struct ptp_clock_info){
		.owner = THIS_MODULE,
		.max_adj = MAX_ADJ_PPB,
		.n_ext_ts = 1,
		.n_per_out = 1,
		.n_pins = ARRAY_SIZE(clock->pins),
		.pin_config = clock->pins,
		.adjfine = clock_adjfine,
		.adjtime = clock_adjtime,
		.gettimex64 = clock_gettimex,
		.settime64 = clock_settime,
		.enable = clock_enable,
		.verify = clock_verify,
	};
	snprintf(clock->info.name, sizeof(clock->info.name), "ws_pair%u", clock->index);
	ws_pair_ptp_flags(&clock->info);
	ptp = ptp_clock_register(&clock->info, parent);
	if (IS_ERR_OR_NULL(ptp))
		return ptp ? PTR_ERR(ptp) : -EOPNOTSUPP;
	WRITE_ONCE(clock->ptp, ptp);
	return 0;
}

void ws_pair_clock_quiet(struct ws_pair_clock *clock)
{
	if (!clock->segments) /* never set going */
		return;
	spin_lock_bh(&clock->lock);
	clock->dead = true;
	spin_unlock_bh(&clock->lock);
	hrtimer_cancel(&clock->event_timer);
}

void ws_pair_clock_unregister(struct ws_pair_clock *clock)
{
	if (clock->ptp)
		ptp_clock_unregister(clock->ptp);
	clock->ptp = NULL;
}
