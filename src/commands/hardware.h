/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware stamps for a command: what the cards claim, which carrier they stamp, the negotiation with the drivers, and a
 * trial that shows what they deliver. Nothing is printed: whoever asked says it.
 */
#pragma once

#include <stdatomic.h>

#include "commands/endpoint.h"
#include "core/frame.h"
#include "core/tscaps.h"
#include "host/hwtstamp.h"
#include "report/result.h"
#include "run/deliver.h"

enum { WS_HARDWARE_TX, WS_HARDWARE_RX, WS_HARDWARE_ENDS };

struct ws_hardware_end {
	const struct ws_end_nic *nic; /* NULL: this end is not ours, or does not matter */
	struct ws_ts_caps caps;
	struct ws_hwtstamp *held;
	struct ws_hwtstamp_granted granted;
};

struct ws_hardware {
	/* One interface at both (two-way) is configured once, at TX. */
	struct ws_hardware_end end[WS_HARDWARE_ENDS];
	bool one_interface;
	/* after the trial */
	unsigned
		in_flight; /* transmit stamps that the card holds at a time; 0: as many as there are packets */
	int64_t sample_gap_ns;		   /* between two packets that are to be stamped; 0: any */
	int64_t step_ns[WS_HARDWARE_ENDS]; /* that stamps were multiples of; 0: not known */
	bool coarse; /* its clock ticks in steps in which two packets may leave */
	char why_sampled
		[320]; /* why not every packet can be stamped: a clause; empty: they can, as far as is known */
};

/* Asks the drivers. tx, rx: NULL where there is none; both may be one. */
void ws_hardware_init(
	struct ws_hardware *h, const struct ws_end_nic *tx, const struct ws_end_nic *rx);

/* The carriers (bits of ws_carrier) that all ends claim to stamp. */
unsigned ws_hardware_carriers(const struct ws_hardware *h);
/* Why that carrier is not stamped, with the interface's name: a whole sentence but for its end. False: it is claimed. */
bool ws_hardware_refusal(
	const struct ws_hardware *h, enum ws_carrier carrier, char *why, size_t size);

/* Has the cards stamp that carrier, until ws_hardware_close(). 0, or -errno with why as above. */
int ws_hardware_open(struct ws_hardware *h, enum ws_carrier carrier, char *why, size_t size);
/* 0, or -errno of what could not be put back, with why. */
int ws_hardware_close(struct ws_hardware *h, char *why, size_t size);

/* What is to be said of how they are set: where a card did more than it was asked for, and where nobody would know of the
 * change if this program and its child were both killed. */
void ws_hardware_remarks(const struct ws_hardware *h, struct ws_warnings *warnings);
void ws_hardware_remark(
	const char *name, const struct ws_hwtstamp_granted *granted, struct ws_warnings *warnings);

/* The clock of an end's stamps; WS_CLOCK_NONE: not open. */
enum ws_clock ws_hardware_clock(const struct ws_hardware *h, int end);

struct ws_hardware_trial {
	const struct ws_frame_source *source; /* of a stream that is no run's */
	uint32_t run_id;
	uint16_t stream, udp_port;
	bool answers;
	const atomic_int *stop;
};
/*
 * Sends some single frames and a burst, and looks which stamps come; where the burst was too fast for a card, it looks for
 * the distance at which none is missing. At most some hundred frames, and a few seconds. 0: they come, at all ends; or
 * *stop is set, which ends it early, and nothing is known. -ENODATA: they do not, with why as above; other -errno where it could not be done.
 */
int ws_hardware_try(
	struct ws_hardware *h, const struct ws_hardware_trial *trial, char *why, size_t size);
