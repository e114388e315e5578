/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a card delivers, in contrast to what it claims: a few frames of one shape are sent, each stamp that comes back is
 * checked, and counted. For `probe --deliver`, and as a trial before a measurement with hardware stamps.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/hist.h"
#include "core/time.h"
#include "run/source.h"

/* The shapes that `probe` sends, each without and with a VLAN tag. */
enum ws_shape {
	WS_SHAPE_UDP,	    /* plain, port 8620 */
	WS_SHAPE_SYNC,	    /* layer 2 PTP */
	WS_SHAPE_DELAY_REQ, /* layer 2 PTP */
	WS_SHAPE_PTP_UDP,   /* Sync, to port 319 */
	WS_SHAPES,
};
const char *ws_shape_name(
	enum ws_shape shape); /* "udp", "ptp-l2-sync", "ptp-l2-delay-req", "ptp-udp" */

struct ws_deliver_end {
	int netns; /* descriptor, -1: the current one */
	int ifindex;
	enum ws_clock hw_clock; /* WS_CLOCK_NONE: hardware stamps are not asked for */
	bool software;		/* software stamps are asked for */
};

struct ws_deliver_setup {
	struct ws_deliver_end tx, rx;
	bool has_rx;			      /* else only transmit stamps are looked at */
	const struct ws_frame_source *source; /* frame n has sequence n */
	/* Of the frames that go ahead: best such as no picky card stamps. NULL: those of `source`, muted, of which cards
	 * that go by the UDP port alone stamp some. */
	const struct ws_frame_source *ahead;
	uint32_t run_id;
	uint16_t stream;
	uint16_t udp_port; /* that what is received goes to */
	bool answers;	   /* what is received are a reflector's answers */
	/* Number of the first frame of all: a reflector answers each number of a stream once. The trial has some more than
	 * `count`, at most WS_DELIVER_MORE. */
	uint64_t first;
	uint64_t count;	 /* frames, 1 to WS_DELIVER_MAX */
	int64_t gap_ns;	 /* at least, between two; 0: as fast as they go, all at once */
	int64_t wait_ns; /* for stamps and packets after the last one */
	/* Two kinds of frames take turns, by ws_deliver_second(n): latencies of the second kind go here. NULL: one kind. */
	struct ws_hist *second;
	const atomic_int *stop;
};
#define WS_DELIVER_MAX	65536
#define WS_DELIVER_MORE 16

/*
 * Which of two kinds frame n is: as often one as the other, in an order (Thue and Morse) that neither a drift nor
 * anything that comes again and again meets more often in one of them.
 */
static inline bool ws_deliver_second(uint64_t n)
{
	return __builtin_parityll(n);
}

struct ws_deliver_result {
	uint64_t sent, refused;
	uint64_t tx_hardware, tx_software;	     /* frames with a stamp of the kind */
	uint64_t received, rx_hardware, rx_software; /* first copies */
	uint64_t far_rx_hardware, far_rx_software;   /* with answers: how the far side stamped */
	/*
	 * Hardware stamps that belong to another frame: outside of what is possible (before the send call, after it was
	 * read), by the difference of the clocks that most stamps agree on; twice the same; backwards. Where two
	 * neighbours contradict each other and it is not known which of them is right, both are counted.
	 */
	uint64_t tx_misplaced, rx_misplaced;
	uint64_t tx_stray; /* stamps without a frame, or too late */
	/* Greatest common divisor of the hardware stamps' differences; 0: there are fewer than two different ones. */
	int64_t tx_granularity_ns, rx_granularity_ns;
	/* Frames with a hardware stamp before the first one without, in the order of arrival: where that is all of
	 * rx_hardware, and little, a register is never read. */
	uint64_t first_rx_hardware;
	uint64_t ahead_rx_hardware; /* of the frames that go ahead, before the first batch */
	struct ws_hist
		latency; /* of software stamps at both ends; with answers there and back, the far side's time included */
	int fault; /* 0; -ENETDOWN, -ENODEV, ...: it ended early */
};

/*
 * Receives before it sends, and begins a moment later, since the kernel switches stamps on from a work queue. Two
 * frames go ahead that are in no count (numbers 0 and 1, without hardware stamp on transmit), so that the first that
 * counts finds everything as the others do.
 *
 * 0, or -errno where it could not be done (as ws_io_open(); -EINVAL: count): then nothing was sent.
 */
int ws_deliver(const struct ws_deliver_setup *setup, struct ws_deliver_result *ret);

/* True if what came looks as from a card whose receive registers (at most four) are never read: the first frames were
 * stamped, and then no more. */
bool ws_deliver_stuck(const struct ws_deliver_result *r);

/*
 * The highest rate at which no hardware stamp goes missing. A frame that did not arrive misses no stamp; but where more
 * than one in twenty get lost, the way does not carry the rate, which counts as the sender's not coming higher.
 */
struct ws_deliver_rate {
	bool found; /* else even the lowest that there was time for lost some */
	double pps; /* as measured, of a run of WS_DELIVER_RATE_FRAMES frames that lost none; twice in a row */
	bool by_sender;		/* the sender, or the way, did not come higher: the card may */
	double lost_at;		/* the lowest rate tried at which some went missing; 0: none */
	uint64_t lost_of, lost; /* then: frames, and those without a stamp at one end or both */
	bool lost_tx, lost_rx;
	/* Transmit stamps that came of a burst of WS_DELIVER_BURST: the card holds so many at least. 0: none were asked for. */
	unsigned in_flight;
};
#define WS_DELIVER_RATE_FRAMES 200
#define WS_DELIVER_BURST       16
/*
 * Of the hardware stamps that the ends ask for; setup's count and gap_ns do not matter. Begins at 800 pps, doubles or
 * halves (down to 100 pps), then cuts what is left in two until it is within 10 %. Bounded in time: budget_ns, of
 * CLOCK_MONOTONIC; what there is no time for is left out. 0 or -errno, as ws_deliver().
 */
int ws_deliver_rate(
	const struct ws_deliver_setup *setup, int64_t budget_ns, struct ws_deliver_rate *ret);
