/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a card delivers, in contrast to what it claims: a few frames of one shape are sent, each stamp that comes back is
 * checked, and counted. For `probe --deliver`, and as a trial before a measurement with hardware stamps.
 */
#pragma once

#include <stdatomic.h>

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
	uint32_t run_id;
	uint16_t stream;
	uint16_t udp_port; /* that the probes go to */
	bool answers;	   /* what is received are a reflector's answers */
	uint64_t count;	   /* frames */
	int64_t gap_ns;	   /* between two; 0: as fast as they go, all at once */
	int64_t wait_ns;   /* for stamps and packets after the last one */
	const atomic_int *stop;
};

struct ws_deliver_result {
	uint64_t sent, refused;
	uint64_t tx_hardware, tx_software;	     /* frames with a stamp of the kind */
	uint64_t received, rx_hardware, rx_software; /* first copies */
	uint64_t far_rx_hardware, far_rx_software;   /* with answers: how the far side stamped */
	uint64_t tx_misplaced,
		rx_misplaced; /* hardware stamps that belong to another frame: twice the same, backwards, or
						outside of what is possible (before the send call, after it was read) */
	uint64_t tx_stray; /* stamps without a frame */
	int64_t tx_granularity_ns,
		rx_granularity_ns; /* greatest common divisor of the hardware stamps; 0: none, or one */
	uint64_t
		first_rx_hardware; /* of the frames received before the first one without a hardware stamp: 1 and nothing
				       after it is a register that was read never */
	struct ws_hist latency; /* of software stamps at both ends */
};

/* 0, or -errno where it could not be done (as ws_io_open()): then nothing was sent. */
int ws_deliver(const struct ws_deliver_setup *setup, struct ws_deliver_result *ret);

/* The highest rate at which no hardware stamp goes missing. */
struct ws_deliver_rate {
	bool found; /* else even the lowest lost some */
	double pps; /* as measured, of a run of at least WS_DELIVER_RATE_FRAMES frames that lost none; twice in a row */
	bool by_sender; /* the sender did not come higher: the card may */
	double lost_at; /* the lowest rate tried at which some went missing; 0: none */
	uint64_t lost_of, lost;
	bool lost_tx, lost_rx;
	unsigned
		in_flight; /* transmit stamps that came of a burst of 16: the card holds so many at least */
};
#define WS_DELIVER_RATE_FRAMES 200
/* Bounded in time: budget_ns, of CLOCK_MONOTONIC. 0 or -errno. */
int ws_deliver_rate(
	const struct ws_deliver_setup *setup, int64_t budget_ns, struct ws_deliver_rate *ret);
