/* SPDX-License-Identifier: BSD-2-Clause */
/* What the halves of the fake share: the wire (io_fake.c), its backend (io_fake_backend.c). */
#pragma once

#include <pthread.h>

#include "fake/io_fake.h"

#define IO_FAKE_SIDES	  2
#define IO_FAKE_INSTANCES 16
#define IO_FAKE_NEVER	  INT64_MAX

/* A copy of a frame under way, or received. */
struct copy {
	struct copy *next;
	int64_t at;
	unsigned side; /* that sent it */
	uint64_t n;    /* its number there */
	bool stamped;
	uint32_t len, lost_before;
	uint32_t wire_len; /* more than len if a filter cut it off */
	uint8_t pkttype;   /* as the receiving instance sees it */
	uint8_t data[];
};

/* A frame that waits for its transmit stamps. */
struct flight {
	struct flight *next;
	uint64_t cookie, n;
	int64_t sent_ns, give_up_ns;
	int64_t ready_ns, hw_ready_ns; /* IO_FAKE_NEVER: lost */
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
	bool down[IO_FAKE_SIDES], removed;
	uint32_t groups;	/* fanout groups so far */
	struct copy *under_way; /* by time of arrival; of equal ones the first sent comes first */
	struct fake_io *instances[IO_FAKE_INSTANCES];
	struct command *commands;
	size_t n_commands;
	struct io_fake_truth *truth[IO_FAKE_SIDES];
	uint64_t count[IO_FAKE_SIDES];
	/* The frame in front of which tx_submit stopped, + 1. */
	uint64_t asked_again[IO_FAKE_SIDES];
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
	uint32_t lost, lost_told;
	struct sock_filter *filter;
	unsigned filter_len;
	/* transmit: a ring of slots */
	uint8_t *slots;
	unsigned first, reserved;
	struct flight *flights, **flights_tail;
	unsigned outstanding;
};

/* Moves the clock on, never back. */
void io_fake_clock_to(struct io_fake_wire *w, int64_t ns);
/* The wire that an interface index belongs to, or NULL. */
struct io_fake_wire *io_fake_find(int ifindex, unsigned *ret_side);
void io_fake_free_copies(struct copy *c);

/* With the wire's lock held: */
/* 0, or -EMFILE. */
int io_fake_attach(struct io_fake_wire *w, struct fake_io *f);
void io_fake_detach(struct io_fake_wire *w, struct fake_io *f);
/* Gives out what is visible by now. */
void io_fake_deliver(struct io_fake_wire *w);
/* True if this instance is one that gets to see c. */
bool io_fake_sees(const struct fake_io *f, const struct copy *c);
/* The faults of frame n, and its delay. */
unsigned io_fake_fate(const struct io_fake_wire *w, unsigned side, uint64_t n, int64_t *ret_delay);
/* The frame whose hardware stamp frame n got; n is below count. */
uint64_t io_fake_stamp_of(
	const struct io_fake_wire *w, unsigned side, uint64_t n, unsigned swap, unsigned stale);
/* An instant as the hardware's clock says it. */
struct ws_stamp io_fake_hw(const struct io_fake_wire *w, int64_t ns);
/* Sends the copies of a frame on their way. False: no memory. */
bool io_fake_send(
	struct io_fake_wire *w, unsigned side, const uint8_t *data, const struct io_fake_truth *t);
