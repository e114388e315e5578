/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake/io_fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SIDES		2
#define MAX_WIRES	8
#define MAX_INSTANCES	16
#define IFINDEX_BASE	1000
#define RX_SLOT		2048 /* bytes of rx_buffer that a frame is taken to need */
#define STAMP_COST	850  /* bytes of stamp_buffer that a stamp is taken to need */
#define DEFAULT_TIMEOUT (100 * 1000 * 1000LL)
#define STAGES		3
#define NEVER		INT64_MAX

/* A copy of a frame under way, or received. */
struct copy {
	struct copy *next;
	int64_t at;
	unsigned side; /* that sent it */
	bool stamped;
	uint32_t len, lost_before;
	uint8_t data[];
};

/* A frame that waits for its transmit stamps. */
struct flight {
	struct flight *next;
	uint64_t cookie;
	int64_t sent_ns, give_up_ns;
	int64_t ready_ns; /* NEVER: lost */
	unsigned pending;
};

struct command {
	unsigned side;
	uint64_t n;
	unsigned faults;
	int64_t extra_ns;
};

struct fake_io;

struct io_fake_wire {
	pthread_mutex_t lock;
	struct io_fake_options options;
	int64_t own_clock;
	unsigned id;
	bool down[SIDES], removed;
	struct copy *under_way; /* by time of arrival; of equal ones the first sent comes first */
	struct fake_io *instances[MAX_INSTANCES];
	struct command *commands;
	size_t n_commands;
	struct io_fake_truth *truth[SIDES];
	uint64_t count[SIDES];
	uint64_t asked_again[SIDES]; /* the frame in front of which tx_submit stopped, + 1 */
};

struct fake_io {
	struct ws_io io;
	struct io_fake_wire *wire;
	unsigned side;
	struct ws_io_config config;
	int error; /* reported once, by wait or peek */
	bool stopped;
	struct ws_io_stats stats;
	/* receive: the first n_peeked of the list are borrowed */
	struct copy *rx, **rx_tail;
	unsigned n_rx, n_peeked, rx_capacity;
	uint32_t lost;
	struct sock_filter *filter;
	unsigned filter_len;
	/* transmit: a ring of slots */
	uint8_t *slots;
	unsigned first, reserved;
	struct flight *flights, **flights_tail;
	unsigned outstanding;
};

static struct io_fake_wire *wires[MAX_WIRES];

static int64_t now_of(const struct io_fake_wire *w)
{
	return __atomic_load_n(w->options.clock, __ATOMIC_ACQUIRE);
}

static void move_clock_to(struct io_fake_wire *w, int64_t ns)
{
	if (ns > now_of(w)) {
		__atomic_store_n(w->options.clock, ns, __ATOMIC_RELEASE);
	}
}

struct io_fake_wire *io_fake_new(const struct io_fake_options *options)
{
	unsigned id = 0;

	while (id < MAX_WIRES && wires[id]) {
		id++;
	}
	if (id == MAX_WIRES) {
		return NULL;
	}
	struct io_fake_wire *w = calloc(1, sizeof(*w));
	if (!w) {
		return NULL;
	}
	pthread_mutex_init(&w->lock, NULL);
	w->options = *options;
	if (!w->options.clock) {
		w->options.clock = &w->own_clock;
	}
	w->id = id;
	wires[id] = w;
	return w;
}

static void free_copies(struct copy *c)
{
	while (c) {
		struct copy *next = c->next;

		free(c);
		c = next;
	}
}

void io_fake_free(struct io_fake_wire *w)
{
	if (!w) {
		return;
	}
	wires[w->id] = NULL;
	free_copies(w->under_way);
	for (unsigned i = 0; i < SIDES; i++) {
		free(w->truth[i]);
	}
	free(w->commands);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int io_fake_ifindex(const struct io_fake_wire *w, unsigned side)
{
	return (int)(IFINDEX_BASE + SIDES * w->id + side);
}

int64_t io_fake_now(const struct io_fake_wire *w)
{
	return now_of(w);
}

void io_fake_advance(struct io_fake_wire *w, int64_t ns)
{
	__atomic_add_fetch(w->options.clock, ns, __ATOMIC_ACQ_REL);
}

static bool add_command(struct io_fake_wire *w, const struct command *command)
{
	bool added = false;

	pthread_mutex_lock(&w->lock);
	struct command *more = realloc(w->commands, (w->n_commands + 1) * sizeof(*more));
	if (more) {
		w->commands = more;
		w->commands[w->n_commands++] = *command;
		added = true;
	}
	pthread_mutex_unlock(&w->lock);
	return added;
}

bool io_fake_fault(struct io_fake_wire *w, unsigned side, uint64_t n, unsigned faults)
{
	return add_command(w, &(struct command){.side = side, .n = n, .faults = faults});
}

bool io_fake_hold(struct io_fake_wire *w, unsigned side, uint64_t n, int64_t extra_ns)
{
	return add_command(w, &(struct command){.side = side, .n = n, .extra_ns = extra_ns});
}

static void tell_error(struct io_fake_wire *w, unsigned side, int error)
{
	for (unsigned i = 0; i < MAX_INSTANCES; i++) {
		if (w->instances[i] && w->instances[i]->side == side) {
			w->instances[i]->error = error;
		}
	}
}

void io_fake_link(struct io_fake_wire *w, unsigned side, bool up)
{
	pthread_mutex_lock(&w->lock);
	w->down[side] = !up;
	if (!up) {
		tell_error(w, side, -ENETDOWN);
	}
	pthread_mutex_unlock(&w->lock);
}

void io_fake_remove(struct io_fake_wire *w)
{
	pthread_mutex_lock(&w->lock);
	w->removed = true;
	for (unsigned side = 0; side < SIDES; side++) {
		tell_error(w, side, -ENODEV);
	}
	pthread_mutex_unlock(&w->lock);
}

uint64_t io_fake_count(const struct io_fake_wire *w, unsigned side)
{
	return w->count[side];
}

struct io_fake_truth io_fake_truth(const struct io_fake_wire *w, unsigned side, uint64_t n)
{
	return w->truth[side][n];
}

static struct fake_io *fake_of(struct ws_io *io)
{
	return (struct fake_io *)io;
}

/* Classic BPF, as far as filters on the bytes of a frame need it; an unknown instruction rejects.
 */
static bool filter_accepts(const struct fake_io *f, const struct copy *c)
{
	uint32_t a = 0, x = 0;

	if (!f->filter_len) {
		return true;
	}
	for (unsigned pc = 0; pc < f->filter_len; pc++) {
		const struct sock_filter *i = &f->filter[pc];
		uint64_t off = i->k;
		bool taken;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD: {
			uint32_t size = BPF_SIZE(i->code) == BPF_W   ? 4
					: BPF_SIZE(i->code) == BPF_H ? 2
								     : 1;

			if (BPF_MODE(i->code) == BPF_LEN || BPF_MODE(i->code) == BPF_IMM) {
				a = BPF_MODE(i->code) == BPF_LEN ? c->len : i->k;
				break;
			}
			off += BPF_MODE(i->code) == BPF_IND ? x : 0;
			if (off + size > c->len) {
				return false;
			}
			a = 0;
			for (uint32_t b = 0; b < size; b++) {
				a = a << 8 | c->data[off + b];
			}
			break;
		}
		case BPF_JMP: {
			uint32_t with = BPF_SRC(i->code) == BPF_X ? x : i->k;

			if (BPF_OP(i->code) == BPF_JA) {
				pc += i->k;
				break;
			}
			taken = BPF_OP(i->code) == BPF_JEQ   ? a == with
				: BPF_OP(i->code) == BPF_JGT ? a > with
				: BPF_OP(i->code) == BPF_JGE ? a >= with
							     : (a & with) != 0;
			pc += taken ? i->jt : i->jf;
			break;
		}
		case BPF_ALU:
			if (BPF_OP(i->code) != BPF_AND) {
				return false;
			}
			a &= BPF_SRC(i->code) == BPF_X ? x : i->k;
			break;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX) {
				x = a;
			} else {
				a = x;
			}
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a != 0 : i->k != 0;
		default:
			return false;
		}
	}
	return false;
}

static void offer(struct fake_io *f, const struct copy *c)
{
	if (f->stopped || !filter_accepts(f, c)) {
		return;
	}
	f->stats.rx_offered++;
	struct copy *mine = f->n_rx < f->rx_capacity ? malloc(sizeof(*c) + c->len) : NULL;
	if (!mine) {
		f->stats.rx_dropped++;
		f->lost++;
		return;
	}
	memcpy(mine, c, sizeof(*c) + c->len);
	mine->next = NULL;
	mine->lost_before = f->lost;
	f->lost = 0;
	*f->rx_tail = mine;
	f->rx_tail = &mine->next;
	f->n_rx++;
}

static bool sees(const struct fake_io *f, const struct copy *c)
{
	return (f->config.dirs & WS_IO_RX) && (f->side != c->side || f->config.rx_outgoing);
}

/* Gives out what is visible by now. */
static void deliver(struct io_fake_wire *w)
{
	int64_t until = now_of(w) - w->options.hold_ns;

	while (w->under_way && w->under_way->at <= until) {
		struct copy *c = w->under_way;

		w->under_way = c->next;
		for (unsigned i = 0; i < MAX_INSTANCES; i++) {
			if (w->instances[i] && sees(w->instances[i], c)) {
				offer(w->instances[i], c);
			}
		}
		free(c);
	}
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
	deliver(f->wire);
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
	for (unsigned i = 0; i < MAX_INSTANCES; i++) {
		if (f->wire->instances[i] == f) {
			f->wire->instances[i] = NULL;
		}
	}
	pthread_mutex_unlock(&f->wire->lock);
	free_copies(f->rx);
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
		caps->tx_stages = stages | (hw ? config->tx_stages & WS_STAGE_WIRE : 0);
		caps->tx_keys_explicit = true;
		caps->stamp_buffer = config->stamp_buffer ? config->stamp_buffer : 425984;
		if (caps->tx_stages) {
			caps->stamps_outstanding = caps->stamp_buffer / STAMP_COST /
						   (unsigned)__builtin_popcount(caps->tx_stages);
			caps->stamps_outstanding += !caps->stamps_outstanding;
		}
	}
}

static int attach(struct fake_io *f)
{
	struct io_fake_wire *w = f->wire;
	int ret = -EMFILE;

	pthread_mutex_lock(&w->lock);
	deliver(w);
	for (unsigned i = 0; i < MAX_INSTANCES && ret; i++) {
		if (!w->instances[i]) {
			w->instances[i] = f;
			ret = 0;
		}
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

static int fake_open(struct ws_io **ret, const struct ws_io_config *config)
{
	int at = config->ifindex - IFINDEX_BASE;
	struct io_fake_wire *w = at >= 0 && at < MAX_WIRES * SIDES ? wires[at / SIDES] : NULL;

	if (!config->dirs || (config->dirs & ~(unsigned)(WS_IO_RX | WS_IO_TX))) {
		return -EINVAL;
	}
	if (!w || w->removed) {
		return -ENODEV;
	}
	if (w->down[(unsigned)at % SIDES]) {
		return -ENETDOWN;
	}
	struct fake_io *f = calloc(1, sizeof(*f));
	if (!f) {
		return -ENOMEM;
	}
	f->io.ops = &io_fake_ops;
	f->wire = w;
	f->side = (unsigned)at % SIDES;
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
	err = err ? err : attach(f);
	if (err) {
		fake_close(&f->io);
		return err;
	}
	*ret = &f->io;
	return 0;
}

/* The next instant at which this frame's stamps concern anybody. */
static int64_t flight_due(const struct flight *fl)
{
	return fl->ready_ns < fl->give_up_ns ? fl->ready_ns : fl->give_up_ns;
}

static int64_t next_stamp(const struct fake_io *f)
{
	int64_t next = NEVER;

	for (const struct flight *fl = f->flights; fl; fl = fl->next) {
		if (fl->pending && flight_due(fl) < next) {
			next = flight_due(fl);
		}
	}
	return next;
}

static int64_t next_arrival(const struct fake_io *f)
{
	for (const struct copy *c = f->wire->under_way; c; c = c->next) {
		if (!f->stopped && sees(f, c)) {
			return c->at + f->wire->options.hold_ns;
		}
	}
	return NEVER;
}

static int fake_wait(struct ws_io *io, int64_t deadline_ns)
{
	struct fake_io *f = fake_of(io);
	struct io_fake_wire *w = f->wire;
	int ret = -1;

	pthread_mutex_lock(&w->lock);
	while (ret < 0) {
		deliver(w);
		int64_t stamp = next_stamp(f), arrival = next_arrival(f);
		int64_t next = stamp < arrival ? stamp : arrival;

		if (f->n_rx > f->n_peeked || stamp <= now_of(w)) {
			ret = 1;
		} else if (f->error) {
			ret = take_error(f);
			break;
		} else if (next <= deadline_ns) {
			move_clock_to(w, next);
		} else {
			move_clock_to(w, deadline_ns);
			ret = 0;
		}
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

static struct ws_stamp rx_stamp(const struct fake_io *f, const struct copy *c)
{
	const struct io_fake_options *o = &f->wire->options;
	struct ws_stamp none = {.origin = WS_ORIGIN_NONE};

	if (!f->config.rx_stamps || !c->stamped) {
		return none;
	}
	if (o->hw_clock != WS_CLOCK_NONE && f->config.rx_hw_clock == o->hw_clock) {
		return (struct ws_stamp){
			{c->at + o->hw_offset_ns, o->hw_clock}, WS_ORIGIN_HARDWARE};
	}
	return (struct ws_stamp){
		{c->at + o->realtime_offset_ns, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};
}

static int fake_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max)
{
	struct fake_io *f = fake_of(io);
	unsigned n = 0;
	int ret;

	pthread_mutex_lock(&f->wire->lock);
	deliver(f->wire);
	struct copy *c = f->rx;
	for (unsigned i = 0; i < f->n_peeked; i++) {
		c = c->next;
	}
	for (; c && n < max; c = c->next, n++) {
		views[n] = (struct ws_io_view){
			.data = c->data,
			.len = c->len < io->caps.frame_max ? c->len : io->caps.frame_max,
			.wire_len = c->len,
			.lost_before = c->lost_before,
			.stamp = rx_stamp(f, c),
		};
		f->stats.rx_bytes += c->len;
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
		slots[n] = (struct ws_io_slot){slot_at(f, f->reserved++), io->caps.frame_max};
	}
	return (int)n;
}

static void insert_copy(struct io_fake_wire *w, struct copy *c)
{
	struct copy **at = &w->under_way;

	while (*at && (*at)->at <= c->at) {
		at = &(*at)->next;
	}
	c->next = *at;
	*at = c;
}

static bool send_copies(struct fake_io *f, const uint8_t *data, const struct io_fake_truth *t)
{
	unsigned n = t->faults & IO_FAKE_DROP ? 0 : t->faults & IO_FAKE_DUPLICATE ? 2 : 1;

	while (n--) {
		struct copy *c = malloc(sizeof(*c) + t->len);

		if (!c) {
			return false;
		}
		*c = (struct copy){
			.at = t->arrival_ns,
			.side = f->side,
			.stamped = !(t->faults & IO_FAKE_LOSE_RX_STAMP),
			.len = t->len,
		};
		memcpy(c->data, data, t->len);
		insert_copy(f->wire, c);
	}
	return true;
}

static bool expect_stamp(struct fake_io *f, const struct io_fake_truth *t)
{
	struct flight *fl = malloc(sizeof(*fl));

	if (!fl) {
		return false;
	}
	*fl = (struct flight){
		.cookie = t->cookie,
		.sent_ns = t->sent_ns,
		.give_up_ns = t->sent_ns + f->config.stamp_timeout_ns,
		.ready_ns = t->faults & IO_FAKE_LOSE_TX_STAMP
				    ? NEVER
				    : t->sent_ns + f->wire->options.stamp_delay_ns,
		.pending = f->io.caps.tx_stages,
	};
	*f->flights_tail = fl;
	f->flights_tail = &fl->next;
	f->outstanding++;
	return true;
}

/* Returns the frame's faults and the delay that was commanded on top. */
static unsigned fate_of(const struct fake_io *f, uint64_t n, int64_t *ret_delay)
{
	const struct io_fake_options *o = &f->wire->options;
	unsigned faults = o->faults ? o->faults(o->arg, f->side, n) : 0;

	*ret_delay = o->delay ? o->delay(o->arg, f->side, n) : o->delay_ns;
	for (size_t i = 0; i < f->wire->n_commands; i++) {
		const struct command *c = &f->wire->commands[i];

		if (c->side == f->side && c->n == n) {
			faults |= c->faults;
			*ret_delay += c->extra_ns;
		}
	}
	return faults;
}

/* One frame. 0: consumed; -EAGAIN: not. */
static int submit_one(struct fake_io *f, struct ws_io_tx *frame)
{
	struct io_fake_wire *w = f->wire;
	uint64_t n = w->count[f->side];
	bool stamp = frame->want_stamp && f->io.caps.tx_stages;
	int64_t delay;
	unsigned faults = fate_of(f, n, &delay);

	if (stamp && f->outstanding >= f->io.caps.stamps_outstanding) {
		return -EAGAIN;
	}
	if ((faults & IO_FAKE_AGAIN) && w->asked_again[f->side] != n + 1) {
		w->asked_again[f->side] = n + 1;
		f->stats.tx_again++;
		return -EAGAIN;
	}
	struct io_fake_truth *more = realloc(w->truth[f->side], (n + 1) * sizeof(*more));
	if (!more) {
		return -EAGAIN;
	}
	w->truth[f->side] = more;
	struct io_fake_truth *t = &more[n];
	*t = (struct io_fake_truth){
		.cookie = frame->cookie,
		.sent_ns = now_of(w),
		.arrival_ns = faults & IO_FAKE_DROP ? NEVER : now_of(w) + delay,
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
	if (!frame->status &&
		(!send_copies(f, slot_at(f, 0), t) || (stamp && !expect_stamp(f, t)))) {
		frame->status = -ENOMEM;
	}
	if (frame->status) {
		t->arrival_ns = NEVER;
		f->stats.tx_refused++;
	} else {
		f->stats.tx_accepted++;
	}
	w->count[f->side]++;
	f->first = (f->first + 1) % f->io.caps.tx_batch;
	f->reserved--;
	move_clock_to(w, now_of(w) + w->options.frame_ns);
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
		return (struct ws_stamp){
			{fl->sent_ns + o->hw_offset_ns, o->hw_clock}, WS_ORIGIN_HARDWARE};
	}
	return (struct ws_stamp){
		{fl->sent_ns + o->realtime_offset_ns, WS_CLOCK_REALTIME}, WS_ORIGIN_SOFTWARE};
}

/* Settles one stage of one frame that is due; false if none is. */
static bool settle(struct fake_io *f, struct ws_io_tx_stamp *ret)
{
	int64_t now = now_of(f->wire);
	struct flight *first = NULL;

	for (struct flight *fl = f->flights; fl; fl = fl->next) {
		if (fl->pending && flight_due(fl) <= now &&
			(!first || flight_due(fl) < flight_due(first))) {
			first = fl;
		}
	}
	if (!first) {
		return false;
	}
	bool late = first->ready_ns > first->give_up_ns;
	unsigned stage = first->pending & -first->pending;

	*ret = (struct ws_io_tx_stamp){.cookie = first->cookie, .stage = (enum ws_stage)stage};
	first->pending &= ~stage;
	f->outstanding -= !first->pending;
	if (late) {
		ret->status = -ETIME;
		f->stats.stamps_missing++;
		/* Once it comes it will belong to nobody. */
		f->stats.stamps_stray += first->ready_ns != NEVER;
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
	deliver(f->wire);
	*ret = f->stats;
	pthread_mutex_unlock(&f->wire->lock);
}

static int fake_stop(struct ws_io *io)
{
	struct fake_io *f = fake_of(io);

	pthread_mutex_lock(&f->wire->lock);
	deliver(f->wire);
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
	.stop = fake_stop,
	.close = fake_close,
};
