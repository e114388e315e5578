/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wire in memory, and a backend that sends and receives on it. Everything that a real path does
 * to packets happens here on command: delay, loss, duplication, reordering, missing stamps,
 * refusal, back-pressure, a link that goes down. The same commands give the same run, to the
 * nanosecond, and the truth about each frame can be looked up afterwards.
 *
 * A wire has sides 0 and 1, each of them an interface with an index of its own: open an instance
 * with io_fake_ops.open() and that index. Frames of a side are numbered from 0 in the order in
 * which they were consumed by tx_submit, refused ones included. The clock is injected; only wait()
 * moves it on. Instances of one wire may be used by different threads; commands are given by one at
 * a time.
 */
#pragma once

#include "io/io.h"

struct io_fake_wire;

enum io_fake_fault {
	IO_FAKE_DROP = 1 << 0,	    /* never arrives */
	IO_FAKE_DUPLICATE = 1 << 1, /* arrives twice; the second copy right behind the first */
	IO_FAKE_LOSE_TX_STAMP = 1 << 2,
	IO_FAKE_LOSE_RX_STAMP = 1 << 3,
	IO_FAKE_REFUSE = 1 << 4, /* consumed with status -ENOBUFS */
	IO_FAKE_AGAIN = 1 << 5,	 /* tx_submit stops in front of it, once */
	/* Of hardware stamps alone. Swapped: this frame's and the next one's are exchanged (of receive stamps only
	 * where the next frame was sent before this one is looked at). Stale: it gets that of the frame before. */
	IO_FAKE_LOSE_TX_HW = 1 << 6,
	IO_FAKE_LOSE_RX_HW = 1 << 7,
	IO_FAKE_SWAP_TX_HW = 1 << 8,
	IO_FAKE_SWAP_RX_HW = 1 << 9,
	IO_FAKE_STALE_TX_HW = 1 << 10,
	IO_FAKE_STALE_RX_HW = 1 << 11,
};

/* All zero is a perfect wire without delay that starts at time 0. */
struct io_fake_options {
	int64_t *clock;		    /* CLOCK_MONOTONIC, ns; NULL: one of the wire's own */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME = clock + this */
	enum ws_clock hw_clock;	    /* WS_CLOCK_NONE: an interface without hardware stamps */
	int64_t hw_offset_ns;	    /* hw_clock = clock + this */
	int64_t hw_resolution_ns;   /* hardware stamps are multiples of it, rounded down; 0: 1 */
	int64_t hw_delay_ns; /* from sending until the hardware's transmit stamp can be read; 0: stamp_delay_ns */
	unsigned
		hw_in_flight; /* hardware transmit stamps under way at most: more frames get none; 0: no limit */
	int64_t hold_ns;	/* a frame becomes visible this long after it arrived */
	int64_t peek_ns;	/* each look for frames moves the clock on by this, before it */
	int64_t frame_ns;	/* a submitted frame moves the clock on by this */
	int64_t stamp_delay_ns; /* from sending until the transmit stamp can be read */
	int64_t delay_ns;	/* from sending until arrival */
	/* Instead of delay_ns; n is the frame's number. */
	int64_t (*delay)(void *arg, unsigned side, uint64_t n);
	/* A set of io_fake_fault, on top of those that were commanded one by one. */
	unsigned (*faults)(void *arg, unsigned side, uint64_t n);
	void *arg;
};

/* What became of a consumed frame. */
struct io_fake_truth {
	uint64_t cookie;
	int64_t sent_ns;    /* CLOCK_MONOTONIC at the driver's stamp */
	int64_t arrival_ns; /* of the first copy; INT64_MAX: never */
	uint32_t len;
	unsigned faults;
	bool want_stamp;
};

/* NULL: no memory, or too many wires. */
struct io_fake_wire *io_fake_new(const struct io_fake_options *options);
/* After all its instances were closed. */
void io_fake_free(struct io_fake_wire *wire);

int io_fake_ifindex(const struct io_fake_wire *wire, unsigned side);
int64_t io_fake_now(const struct io_fake_wire *wire);
void io_fake_advance(struct io_fake_wire *wire, int64_t ns);

/* Frame n of a side suffers these faults. False: no memory. */
bool io_fake_fault(struct io_fake_wire *wire, unsigned side, uint64_t n, unsigned faults);
/* Frame n of a side is delayed by this much more: what was sent after it may overtake it. */
bool io_fake_hold(struct io_fake_wire *wire, unsigned side, uint64_t n, int64_t extra_ns);
/* Takes the interface of a side down or up. What is under way still arrives. */
void io_fake_link(struct io_fake_wire *wire, unsigned side, bool up);
/* Removes both interfaces, for good. */
void io_fake_remove(struct io_fake_wire *wire);

/* Frames of a side consumed so far. */
uint64_t io_fake_count(const struct io_fake_wire *wire, unsigned side);
/* n is below io_fake_count(). */
struct io_fake_truth io_fake_truth(const struct io_fake_wire *wire, unsigned side, uint64_t n);

/* The backend. It is in no table: open it by this. */
extern const struct ws_io_ops io_fake_ops;
