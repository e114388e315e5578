/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake/io_fake.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ringpkt.h"
#include "fake/io_fake_wire.h"

#define MAX_WIRES     8
#define IFINDEX_BASE  1000
#define ETHER_HEADER  14
#define ETHER_TYPE_AT 12
#define VLAN_TPID     0x8100

static struct io_fake_wire *wires[MAX_WIRES];

void io_fake_clock_to(struct io_fake_wire *w, int64_t ns)
{
	if (ns > io_fake_now(w)) {
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

void io_fake_free_copies(struct copy *c)
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
	io_fake_free_copies(w->under_way);
	for (unsigned i = 0; i < IO_FAKE_SIDES; i++) {
		free(w->truth[i]);
	}
	free(w->commands);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int io_fake_ifindex(const struct io_fake_wire *w, unsigned side)
{
	return (int)(IFINDEX_BASE + IO_FAKE_SIDES * w->id + side);
}

int64_t io_fake_now(const struct io_fake_wire *w)
{
	return __atomic_load_n(w->options.clock, __ATOMIC_ACQUIRE);
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
	for (unsigned i = 0; i < IO_FAKE_INSTANCES; i++) {
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
	for (unsigned side = 0; side < IO_FAKE_SIDES; side++) {
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

static uint32_t be16_at(const struct copy *c, uint32_t at)
{
	return at + 2 <= c->len ? (uint32_t)c->data[at] << 8 | c->data[at + 1] : 0;
}

/* Of the packet, behind a VLAN tag if there is one: as the kernel says it. */
static uint32_t protocol_of(const struct copy *c)
{
	uint32_t type = be16_at(c, ETHER_TYPE_AT);

	return type == VLAN_TPID ? be16_at(c, ETHER_TYPE_AT + 4) : type;
}

/* Classic BPF, as far as filters on the bytes of a frame need it; an unknown instruction rejects.
 * Returns how many bytes may stay. */
static uint32_t filter_accepts(const struct fake_io *f, const struct copy *c)
{
	/* Without a link-layer header, packets begin behind it. */
	uint32_t start = f->config.cooked ? ETHER_HEADER : 0;
	uint32_t a = 0, x = 0;

	if (!f->filter_len) {
		return UINT32_MAX;
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
			if (i->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)) {
				a = protocol_of(c);
				break;
			}
			off += start + (BPF_MODE(i->code) == BPF_IND ? x : 0);
			if (off + size > c->len) {
				return 0;
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
				return 0;
			}
			a &= BPF_SRC(i->code) == BPF_X ? x : i->k;
			break;
		case BPF_LDX:
			/* The length of an IPv4 header, as filters on ports want it. */
			off += start;
			if (BPF_MODE(i->code) != BPF_MSH || off >= c->len) {
				return 0;
			}
			x = 4 * (c->data[off] & 0xfu);
			break;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX) {
				x = a;
			} else {
				a = x;
			}
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default:
			return 0;
		}
	}
	return 0;
}

static bool is_full(const struct fake_io *f)
{
	return f->n_rx >= f->rx_capacity;
}

static uint8_t pkttype_of(const struct fake_io *f, const struct copy *c)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (f->side == c->side) {
		return PACKET_OUTGOING;
	}
	if (c->len >= 6 && !memcmp(c->data, broadcast, 6)) {
		return PACKET_BROADCAST;
	}
	return c->len && c->data[0] & 1 ? PACKET_MULTICAST : PACKET_HOST;
}

/* What an instance receives of a copy, of which `most` bytes may stay; NULL: no memory. */
static struct copy *make_received(const struct fake_io *f, const struct copy *c, uint32_t most)
{
	bool cooked = f->config.cooked && c->len >= ETHER_HEADER;
	uint32_t skip = cooked ? ETHER_HEADER : 0, room = cooked ? WS_COOKED_LEN : 0;
	uint32_t len = c->len - skip < most ? c->len - skip : most;
	struct copy *mine = malloc(sizeof(*c) + room + len);
	struct sockaddr_ll address = {
		.sll_ifindex = io_fake_ifindex(f->wire, f->side),
		.sll_hatype = 1,
		.sll_halen = 6,
	};
	struct ws_ring_packet p;

	if (!mine) {
		return NULL;
	}
	*mine = *c;
	mine->next = NULL;
	mine->lost_before = f->lost;
	mine->pkttype = pkttype_of(f, c);
	mine->len = room + len;
	mine->wire_len = room + c->len - skip;
	memcpy(mine->data + room, c->data + skip, len);
	if (cooked) {
		/* A tag is still in its place: it comes behind the header by itself. */
		memcpy(address.sll_addr, c->data + 6, 6);
		memcpy(&address.sll_protocol, c->data + ETHER_TYPE_AT, 2);
		address.sll_pkttype = mine->pkttype;
		p = (struct ws_ring_packet){
			.data = mine->data + room,
			.len = len,
			.headroom = room,
			.address = &address,
		};
		if (!ws_ring_packet_cook(&p)) {
			abort();
		}
	}
	return mine;
}

static void offer(struct fake_io *f, const struct copy *c)
{
	uint32_t most = f->stopped ? 0 : filter_accepts(f, c);
	struct copy *mine;

	if (!most) {
		return;
	}
	f->stats.rx_offered++;
	mine = is_full(f) ? NULL : make_received(f, c, most);
	if (!mine) {
		f->stats.rx_dropped++;
		f->lost++;
		return;
	}
	f->lost = 0;
	*f->rx_tail = mine;
	f->rx_tail = &mine->next;
	f->n_rx++;
}

/* One member of a group gets it: all packets are one flow, which moves on when a member is full. */
static bool is_chosen(const struct io_fake_wire *w, unsigned n)
{
	const struct fake_io *f = w->instances[n];
	unsigned first = IO_FAKE_INSTANCES, free_one = IO_FAKE_INSTANCES;

	if (!f->io.caps.fanout) {
		return true;
	}
	for (unsigned i = IO_FAKE_INSTANCES; i-- > 0;) {
		const struct fake_io *other = w->instances[i];

		if (other && other->io.caps.fanout == f->io.caps.fanout) {
			first = i;
			free_one = is_full(other) ? free_one : i;
		}
	}
	return n == (free_one < IO_FAKE_INSTANCES ? free_one : first);
}

bool io_fake_sees(const struct fake_io *f, const struct copy *c)
{
	return (f->config.dirs & WS_IO_RX) && (f->side != c->side || f->config.rx_outgoing);
}

void io_fake_deliver(struct io_fake_wire *w)
{
	int64_t until = io_fake_now(w) - w->options.hold_ns;

	while (w->under_way && w->under_way->at <= until) {
		struct copy *c = w->under_way;

		w->under_way = c->next;
		bool gets[IO_FAKE_INSTANCES];

		/* Before any of them has it. */
		for (unsigned i = 0; i < IO_FAKE_INSTANCES; i++) {
			gets[i] = w->instances[i] && io_fake_sees(w->instances[i], c) &&
				  is_chosen(w, i);
		}
		for (unsigned i = 0; i < IO_FAKE_INSTANCES; i++) {
			if (gets[i]) {
				offer(w->instances[i], c);
			}
		}
		free(c);
	}
}

int io_fake_attach(struct io_fake_wire *w, struct fake_io *f)
{
	/* What is visible now, was so before the instance came. */
	io_fake_deliver(w);
	for (unsigned i = 0; i < IO_FAKE_INSTANCES; i++) {
		if (!w->instances[i]) {
			w->instances[i] = f;
			return 0;
		}
	}
	return -EMFILE;
}

void io_fake_detach(struct io_fake_wire *w, struct fake_io *f)
{
	for (unsigned i = 0; i < IO_FAKE_INSTANCES; i++) {
		if (w->instances[i] == f) {
			w->instances[i] = NULL;
		}
	}
}

struct io_fake_wire *io_fake_find(int ifindex, unsigned *ret_side)
{
	int at = ifindex - IFINDEX_BASE;

	if (at < 0 || at >= MAX_WIRES * IO_FAKE_SIDES) {
		return NULL;
	}
	*ret_side = (unsigned)at % IO_FAKE_SIDES;
	return wires[at / IO_FAKE_SIDES];
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

bool io_fake_send(
	struct io_fake_wire *w, unsigned side, const uint8_t *data, const struct io_fake_truth *t)
{
	unsigned n = t->faults & IO_FAKE_DROP ? 0 : t->faults & IO_FAKE_DUPLICATE ? 2 : 1;

	while (n--) {
		struct copy *c = malloc(sizeof(*c) + t->len);

		if (!c) {
			return false;
		}
		*c = (struct copy){
			.at = t->arrival_ns,
			.side = side,
			.n = (uint64_t)(t - w->truth[side]),
			.stamped = !(t->faults & IO_FAKE_LOSE_RX_STAMP),
			.len = t->len,
		};
		memcpy(c->data, data, t->len);
		insert_copy(w, c);
	}
	return true;
}

uint64_t io_fake_stamp_of(
	const struct io_fake_wire *w, unsigned side, uint64_t n, unsigned swap, unsigned stale)
{
	const struct io_fake_truth *t = w->truth[side];

	if (n && (t[n].faults & stale || t[n - 1].faults & swap)) {
		return n - 1;
	}
	return t[n].faults & swap && n + 1 < w->count[side] ? n + 1 : n;
}

struct ws_stamp io_fake_hw(const struct io_fake_wire *w, int64_t ns)
{
	int64_t step = w->options.hw_resolution_ns ? w->options.hw_resolution_ns : 1;

	ns += w->options.hw_offset_ns;
	return (struct ws_stamp){{ns - ns % step, w->options.hw_clock}, WS_ORIGIN_HARDWARE};
}

unsigned io_fake_fate(const struct io_fake_wire *w, unsigned side, uint64_t n, int64_t *ret_delay)
{
	const struct io_fake_options *o = &w->options;
	unsigned faults = o->faults ? o->faults(o->arg, side, n) : 0;

	*ret_delay = o->delay ? o->delay(o->arg, side, n) : o->delay_ns;
	for (size_t i = 0; i < w->n_commands; i++) {
		const struct command *c = &w->commands[i];

		if (c->side == side && c->n == n) {
			faults |= c->faults;
			*ret_delay += c->extra_ns;
		}
	}
	return faults;
}
