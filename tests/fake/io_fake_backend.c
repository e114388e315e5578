/* SPDX-License-Identifier: BSD-2-Clause */
/* The instances of the fake: struct ws_io_ops over a wire in memory. */
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>

#include "fake/io_fake_wire.h"

#define RX_SLOT		2048 /* bytes of rx_buffer that a frame is taken to need */
#define STAMP_COST	850  /* bytes of stamp_buffer that a stamp is taken to need */
#define DEFAULT_TIMEOUT (100 * 1000 * 1000LL)

static struct fake_io *fake_of(struct ws_io *io)
{
	return (struct fake_io *)io;
}

static int take_error(struct fake_io *f)
{
	int error = f->error;

	if (error != -ENODEV) {
		f->error = 0;
	}
	return error;
}

static int fake_set_filter(struct ws_io *io, const struct sock_filter *insns, unsigned n)
{
	struct fake_io *f = fake_of(io);
	struct sock_filter *copy = NULL;

	if (n) {
		copy = malloc(n * sizeof(*copy));
		if (!copy) {
			return -ENOMEM;
		}
		memcpy(copy, insns, n * sizeof(*copy));
	}
	pthread_mutex_lock(&f->wire->lock);
	io_fake_deliver(f->wire);
	free(f->filter);
	f->filter = copy;
	f->filter_len = n;
	pthread_mutex_unlock(&f->wire->lock);
	return 0;
}

static void fake_close(struct ws_io *io)
{
	struct fake_io *f = fake_of(io);

	if (!f) {
		return;
	}
	pthread_mutex_lock(&f->wire->lock);
	io_fake_detach(f->wire, f);
	pthread_mutex_unlock(&f->wire->lock);
	io_fake_free_copies(f->rx);
	while (f->flights) {
		struct flight *next = f->flights->next;

		free(f->flights);
		f->flights = next;
	}
	free(f->filter);
	free(f->slots);
	free(f);
}

static void grant(struct fake_io *f)
{
	const struct ws_io_config *config = &f->config;
	struct ws_io_caps *caps = &f->io.caps;
	const struct io_fake_options *options = &f->wire->options;
	bool hw = options->hw_clock != WS_CLOCK_NONE && config->tx_hw_clock == options->hw_clock;

	*caps = (struct ws_io_caps){
		.backend = io_fake_ops.name,
		.dirs = config->dirs,
		.frame_max = config->frame_max ? config->frame_max : 1518,
	};
	if (config->dirs & WS_IO_RX) {
		f->rx_capacity = (config->rx_buffer ? config->rx_buffer : 2 << 20) / RX_SLOT;
		f->rx_capacity = f->rx_capacity < 4 ? 4 : f->rx_capacity;
		caps->rx_buffer = (uint64_t)f->rx_capacity * RX_SLOT;
		caps->rx_hold_ns = options->hold_ns;
		caps->rx_stamps = config->rx_stamps;
	}
	if (config->dirs & WS_IO_TX) {
		unsigned stages = config->tx_stages & (WS_STAGE_SCHED | WS_STAGE_DRIVER);

		caps->tx_batch = config->tx_batch ? config->tx_batch : 64;
		caps->tx_slots = caps->tx_batch;
		caps->tx_stages = stages | (hw ? config->tx_stages & WS_STAGE_WIRE : 0);
		caps->tx_keys_explicit = true;
		caps->launch_time = config->launch_clock != WS_CLOCK_NONE;
		caps->send_buffer = config->send_buffer ? config->send_buffer : 4u << 20;
		caps->stamp_buffer = config->stamp_buffer ? config->stamp_buffer : 425984;
		if (caps->tx_stages) {
			caps->stamps_outstanding = caps->stamp_buffer / STAMP_COST /
						   (unsigned)__builtin_popcount(caps->tx_stages);
			caps->stamps_outstanding += !caps->stamps_outstanding;
		}
	}
}

static int fake_open(struct ws_io **ret, const struct ws_io_config *config)
{
	unsigned side = 0;
	struct io_fake_wire *w = io_fake_find(config->ifindex, &side);

	if (!config->dirs || (config->dirs & ~(unsigned)(WS_IO_RX | WS_IO_TX))) {
		return -EINVAL;
	}
	if (config->cooked && config->dirs != WS_IO_RX) {
		return -EINVAL;
	}
	if ((config->launch_clock != WS_CLOCK_NONE && config->launch_clock != WS_CLOCK_MONOTONIC &&
		    config->launch_clock != WS_CLOCK_TAI) ||
		(config->qdisc_bypass &&
			(config->launch_clock != WS_CLOCK_NONE || config->max_rate))) {
		return -EINVAL;
	}
	if (!w || w->removed) {
		return -ENODEV;
	}
	if (w->down[side]) {
		return -ENETDOWN;
	}
	struct fake_io *f = calloc(1, sizeof(*f));
	if (!f) {
		return -ENOMEM;
	}
	f->io.ops = &io_fake_ops;
	f->wire = w;
	f->side = side;
	f->config = *config;
	f->rx_tail = &f->rx;
	f->flights_tail = &f->flights;
	if (!f->config.stamp_timeout_ns) {
		f->config.stamp_timeout_ns = DEFAULT_TIMEOUT;
	}
	grant(f);

	int err = 0;
	if (config->dirs & WS_IO_TX) {
		f->slots = malloc((size_t)f->io.caps.tx_batch * f->io.caps.frame_max);
		err = f->slots ? 0 : -ENOMEM;
	}
	if (!err && config->filter_len) {
		err = fake_set_filter(&f->io, config->filter, config->filter_len);
	}
	if (!err) {
		pthread_mutex_lock(&w->lock);
		f->io.caps.fanout =
			config->fanout == WS_IO_FANOUT_NEW ? ++w->groups : config->fanout;
		err = io_fake_attach(w, f);
		pthread_mutex_unlock(&w->lock);
	}
	if (err) {
		fake_close(&f->io);
		return err;
	}
	*ret = &f->io;
	return 0;
}

/* When a stage's stamp can be read. */
static int64_t stage_ready(const struct fake_io *f, const struct flight *fl, unsigned stage)
{
	const struct io_fake_wire *w = f->wire;
	const struct io_fake_truth *t = w->truth[f->side];
	int64_t next;

	if (stage != WS_STAGE_WIRE || fl->hw_ready_ns == IO_FAKE_NEVER ||
		!(t[fl->n].faults & IO_FAKE_SWAP_TX_HW)) {
		return stage == WS_STAGE_WIRE ? fl->hw_ready_ns : fl->ready_ns;
	}
	/* It gets the next one's. */
	if (fl->n + 1 >= w->count[f->side]) {
		return IO_FAKE_NEVER;
	}
	next = t[fl->n + 1].sent_ns + (fl->hw_ready_ns - fl->sent_ns);
	return next > fl->hw_ready_ns ? next : fl->hw_ready_ns;
}

/* The next instant at which one of this frame's stamps concerns anybody, and which. */
static int64_t flight_due(const struct fake_io *f, const struct flight *fl, unsigned *ret_stage)
{
	int64_t first = IO_FAKE_NEVER;

	*ret_stage = 0;
	for (unsigned left = fl->pending; left; left &= left - 1) {
		unsigned stage = left & -left;
		int64_t at = stage_ready(f, fl, stage);

		at = at < fl->give_up_ns ? at : fl->give_up_ns;
		if (at < first) {
			first = at;
			*ret_stage = stage;
		}
	}
	return first;
}

static int64_t next_stamp(const struct fake_io *f)
{
	int64_t next = IO_FAKE_NEVER;
	unsigned stage;

	for (const struct flight *fl = f->flights; fl; fl = fl->next) {
		int64_t due = flight_due(f, fl, &stage);

		next = due < next ? due : next;
	}
	return next;
}

static int64_t next_arrival(const struct fake_io *f)
{
	for (const struct copy *c = f->wire->under_way; c; c = c->next) {
		if (!f->stopped && io_fake_sees(f, c)) {
			return c->at + f->wire->options.hold_ns;
		}
	}
	return IO_FAKE_NEVER;
}

static int fake_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct fake_io *f = fake_of(io);
	struct io_fake_wire *w = f->wire;
	int ret = -1;

	pthread_mutex_lock(&w->lock);
	while (ret < 0) {
		io_fake_deliver(w);
		int64_t stamp = next_stamp(f), arrival = next_arrival(f);
		int64_t next = stamp < arrival ? stamp : arrival;

		if (f->n_rx > f->n_peeked || stamp <= io_fake_now(w)) {
			ret = 1;
		} else if (f->error) {
			ret = take_error(f);
			break;
		} else if (next <= deadline_ns) {
			io_fake_clock_to(w, next);
		} else {
			io_fake_clock_to(w, deadline_ns);
			ret = 0;
		}
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

/* Whether there is a receive stamp by hardware, and which. */
static bool hw_rx_stamp(const struct fake_io *f, const struct copy *c, struct ws_stamp *ret)
{
	const struct io_fake_wire *w = f->wire;
	const struct io_fake_truth *t = w->truth[c->side];
	uint64_t of;

	if (w->options.hw_clock == WS_CLOCK_NONE || f->config.rx_hw_clock != w->options.hw_clock ||
		t[c->n].faults & IO_FAKE_LOSE_RX_HW) {
		return false;
	}
	of = io_fake_stamp_of(w, c->side, c->n, IO_FAKE_SWAP_RX_HW, IO_FAKE_STALE_RX_HW);
	*ret = io_fake_hw(w, of == c->n ? c->at : t[of].arrival_ns);
	return true;
}

static void rx_stamps(const struct fake_io *f, const struct copy *c, struct ws_io_view *view)
{
	const struct io_fake_options *o = &f->wire->options;
	struct ws_stamp software = {
		{c->at + o->realtime_offset_ns, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};

	if (!f->config.rx_stamps || !c->stamped) {
		return;
	}
	if (hw_rx_stamp(f, c, &view->stamp)) {
		view->software = software;
	} else {
		view->stamp = software;
	}
}

static int fake_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct fake_io *f = fake_of(io);
	unsigned n = 0;
	int ret;

	io_fake_advance(f->wire, f->wire->options.peek_ns);
	pthread_mutex_lock(&f->wire->lock);
	io_fake_deliver(f->wire);
	uint32_t most = io->caps.frame_max + (f->config.cooked ? WS_IO_COOKED_LEN : 0);
	struct copy *c = f->rx;
	for (unsigned i = 0; i < f->n_peeked; i++) {
		c = c->next;
	}
	for (; c && n < max; c = c->next, n++) {
		views[n] = (struct ws_io_view){
			.data = c->data,
			.len = c->len < most ? c->len : most,
			.wire_len = c->wire_len,
			.lost_before = c->lost_before,
			.pkttype = c->pkttype,
		};
		rx_stamps(f, c, &views[n]);
		f->stats.rx_bytes += c->wire_len;
		f->lost_told += c->lost_before;
	}
	f->n_peeked += n;
	f->stats.rx_received += n;
	ret = n ? (int)n : take_error(f);
	pthread_mutex_unlock(&f->wire->lock);
	return ret;
}

static void fake_rx_release(struct ws_io *io, unsigned n)
{
	struct fake_io *f = fake_of(io);

	pthread_mutex_lock(&f->wire->lock);
	for (; n && f->n_peeked; n--) {
		struct copy *c = f->rx;

		f->rx = c->next;
		if (!f->rx) {
			f->rx_tail = &f->rx;
		}
		free(c);
		f->n_rx--;
		f->n_peeked--;
	}
	pthread_mutex_unlock(&f->wire->lock);
}

static uint8_t *slot_at(const struct fake_io *f, unsigned i)
{
	const struct ws_io_caps *caps = &f->io.caps;

	return f->slots + (size_t)((f->first + i) % caps->tx_batch) * caps->frame_max;
}

static int fake_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max)
{
	struct fake_io *f = fake_of(io);
	unsigned n = 0;

	for (; n < max && f->reserved < io->caps.tx_batch; n++) {
		slots[n] = (struct ws_io_slot){
			.data = slot_at(f, f->reserved),
			.size = io->caps.frame_max,
			.number = (f->first + f->reserved++) % io->caps.tx_batch,
		};
	}
	return (int)n;
}

/* Hardware stamps that cannot be read yet. */
static unsigned hw_under_way(const struct fake_io *f)
{
	unsigned n = 0;

	for (const struct flight *fl = f->flights; fl; fl = fl->next) {
		n += fl->pending & WS_STAGE_WIRE && fl->hw_ready_ns != IO_FAKE_NEVER &&
		     fl->hw_ready_ns > io_fake_now(f->wire);
	}
	return n;
}

static bool expect_stamp(struct fake_io *f, const struct io_fake_truth *t, unsigned stages)
{
	const struct io_fake_options *o = &f->wire->options;
	int64_t hw_delay = o->hw_delay_ns ? o->hw_delay_ns : o->stamp_delay_ns;
	bool lost = t->faults & IO_FAKE_LOSE_TX_STAMP;
	bool hw_lost = lost || t->faults & IO_FAKE_LOSE_TX_HW ||
		       (o->hw_in_flight && hw_under_way(f) >= o->hw_in_flight);
	struct flight *fl = malloc(sizeof(*fl));

	if (!fl) {
		return false;
	}
	*fl = (struct flight){
		.cookie = t->cookie,
		.n = (uint64_t)(t - f->wire->truth[f->side]),
		.sent_ns = t->sent_ns,
		.give_up_ns = t->sent_ns + f->config.stamp_timeout_ns,
		.ready_ns = lost ? IO_FAKE_NEVER : t->sent_ns + o->stamp_delay_ns,
		.hw_ready_ns = hw_lost ? IO_FAKE_NEVER : t->sent_ns + hw_delay,
		.pending = stages,
	};
	*f->flights_tail = fl;
	f->flights_tail = &fl->next;
	f->outstanding++;
	return true;
}

/* One frame. 0: consumed; -EAGAIN: not. */
static int submit_one(struct fake_io *f, struct ws_io_tx *frame)
{
	struct io_fake_wire *w = f->wire;
	uint64_t n = w->count[f->side];
	unsigned stages = f->io.caps.tx_stages & (frame->stages ? frame->stages : ~0u);
	bool stamp = frame->want_stamp && stages;
	int64_t delay;
	unsigned faults = io_fake_fate(w, f->side, n, &delay);

	if (stamp && f->outstanding >= f->io.caps.stamps_outstanding) {
		return -EAGAIN;
	}
	if ((faults & IO_FAKE_AGAIN) && w->asked_again[f->side] != n + 1) {
		w->asked_again[f->side] = n + 1;
		f->stats.tx_again++;
		return -EAGAIN;
	}
	/* Room doubles when a power of two is full: as it is for every n that is one. */
	if ((n & (n - 1)) == 0) {
		struct io_fake_truth *more =
			realloc(w->truth[f->side], (n ? 2 * n : 1) * sizeof(*more));

		if (!more) {
			return -EAGAIN;
		}
		w->truth[f->side] = more;
	}
	struct io_fake_truth *t = &w->truth[f->side][n];
	*t = (struct io_fake_truth){
		.cookie = frame->cookie,
		.sent_ns = io_fake_now(w),
		.arrival_ns = faults & IO_FAKE_DROP ? IO_FAKE_NEVER : io_fake_now(w) + delay,
		.len = frame->len,
		.faults = faults,
		.want_stamp = frame->want_stamp,
	};
	frame->status = faults & IO_FAKE_REFUSE ? -ENOBUFS : 0;
	if (frame->len < 14) {
		frame->status = -EINVAL;
	} else if (frame->len > f->io.caps.frame_max) {
		frame->status = -EMSGSIZE;
	}
	if (!frame->status && (!io_fake_send(w, f->side, slot_at(f, 0), t) ||
				      (stamp && !expect_stamp(f, t, stages)))) {
		frame->status = -ENOMEM;
	}
	if (frame->status) {
		t->arrival_ns = IO_FAKE_NEVER;
		f->stats.tx_refused++;
	} else {
		f->stats.tx_accepted++;
	}
	w->count[f->side]++;
	f->first = (f->first + 1) % f->io.caps.tx_batch;
	f->reserved--;
	io_fake_clock_to(w, io_fake_now(w) + w->options.frame_ns);
	return 0;
}

static int fake_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n)
{
	struct fake_io *f = fake_of(io);
	int ret = 0;

	pthread_mutex_lock(&f->wire->lock);
	if (f->wire->removed || f->wire->down[f->side]) {
		ret = f->wire->removed ? -ENODEV : -ENETDOWN;
		n = 0;
	}
	if (n) {
		f->stats.tx_calls++;
	}
	n = n < f->reserved ? n : f->reserved;
	while (ret >= 0 && (unsigned)ret < n && !submit_one(f, &frames[ret])) {
		ret++;
	}
	pthread_mutex_unlock(&f->wire->lock);
	return ret;
}

static struct ws_stamp tx_stamp(const struct fake_io *f, const struct flight *fl, unsigned stage)
{
	const struct io_fake_options *o = &f->wire->options;

	if (stage == WS_STAGE_WIRE) {
		uint64_t of = io_fake_stamp_of(
			f->wire, f->side, fl->n, IO_FAKE_SWAP_TX_HW, IO_FAKE_STALE_TX_HW);

		return io_fake_hw(f->wire, f->wire->truth[f->side][of].sent_ns);
	}
	return (struct ws_stamp){
		{fl->sent_ns + o->realtime_offset_ns, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};
}

/* Settles one stage of one frame that is due; false if none is. */
static bool settle(struct fake_io *f, struct ws_io_tx_stamp *ret)
{
	int64_t now = io_fake_now(f->wire), first_due = 0;
	struct flight *first = NULL;
	unsigned stage = 0, of;

	for (struct flight *fl = f->flights; fl; fl = fl->next) {
		int64_t due = flight_due(f, fl, &of);

		if (fl->pending && due <= now && (!first || due < first_due)) {
			first = fl;
			first_due = due;
			stage = of;
		}
	}
	if (!first) {
		return false;
	}
	int64_t ready = stage_ready(f, first, stage);
	bool late = ready > first->give_up_ns;

	*ret = (struct ws_io_tx_stamp){.cookie = first->cookie, .stage = (enum ws_stage)stage};
	first->pending &= ~stage;
	f->outstanding -= !first->pending;
	if (late) {
		ret->status = -ETIME;
		f->stats.stamps_missing++;
		/* Once it comes it will belong to nobody. */
		f->stats.stamps_stray += ready != IO_FAKE_NEVER;
	} else {
		ret->stamp = tx_stamp(f, first, stage);
		f->stats.stamps_received++;
	}
	return true;
}

/* Frames that are done with leave. */
static void forget(struct fake_io *f)
{
	struct flight **at = &f->flights;

	while (*at) {
		struct flight *fl = *at;

		if (fl->pending) {
			at = &fl->next;
			continue;
		}
		*at = fl->next;
		free(fl);
	}
	f->flights_tail = at;
}

static int fake_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max)
{
	struct fake_io *f = fake_of(io);
	unsigned n = 0;

	pthread_mutex_lock(&f->wire->lock);
	while (n < max && settle(f, &stamps[n])) {
		n++;
	}
	forget(f);
	pthread_mutex_unlock(&f->wire->lock);
	return (int)n;
}

static unsigned fake_tx_outstanding(const struct ws_io *io)
{
	return ((const struct fake_io *)io)->outstanding;
}

static void fake_stats(struct ws_io *io, struct ws_io_stats *ret)
{
	struct fake_io *f = fake_of(io);

	pthread_mutex_lock(&f->wire->lock);
	io_fake_deliver(f->wire);
	f->stats.rx_untold = f->stats.rx_dropped - f->lost_told;
	*ret = f->stats;
	pthread_mutex_unlock(&f->wire->lock);
}

static unsigned fake_rx_fill(struct ws_io *io)
{
	struct fake_io *f = fake_of(io);
	unsigned fill = WS_IO_FILL_UNKNOWN;

	pthread_mutex_lock(&f->wire->lock);
	io_fake_deliver(f->wire);
	if (f->config.dirs & WS_IO_RX) {
		fill = f->n_rx * 1000 / f->rx_capacity;
	}
	pthread_mutex_unlock(&f->wire->lock);
	return fill;
}

static int fake_stop(struct ws_io *io)
{
	struct fake_io *f = fake_of(io);

	pthread_mutex_lock(&f->wire->lock);
	io_fake_deliver(f->wire);
	f->stopped = true;
	pthread_mutex_unlock(&f->wire->lock);
	return 0;
}

const struct ws_io_ops io_fake_ops = {
	.name = "fake",
	.summary = "a wire in memory",
	.open = fake_open,
	.set_filter = fake_set_filter,
	.wait = fake_wait,
	.rx_peek = fake_rx_peek,
	.rx_release = fake_rx_release,
	.tx_reserve = fake_tx_reserve,
	.tx_submit = fake_tx_submit,
	.tx_stamps = fake_tx_stamps,
	.tx_outstanding = fake_tx_outstanding,
	.stats = fake_stats,
	.rx_fill = fake_rx_fill,
	.stop = fake_stop,
	.close = fake_close,
};
