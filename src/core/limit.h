/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limit: why a rate was not reached. Facts in, a cause out; the sentences are made elsewhere.
 */
#pragma once

#include <stdint.h>

enum ws_limit_cause {
	WS_LIMIT_NONE,	       /* it was reached */
	WS_LIMIT_LINK,	       /* the link carries no more */
	WS_LIMIT_BACKPRESSURE, /* the kernel refused, or the stamps did not come back in time */
	WS_LIMIT_CPU,	       /* the sender was busy all the time */
	WS_LIMIT_RATE_CONTROL, /* the sender had time to spare and was late all the same */
	WS_LIMIT_UNKNOWN,
	WS_LIMIT_COUNT,
};

/* What a run observed. */
struct ws_limit_evidence {
	double requested_pps; /* of the schedule; 0: as fast as possible */
	uint64_t accepted;    /* frames that the kernel took */
	int64_t elapsed_ns;
	uint64_t refused;     /* sends that ended in ENOBUFS */
	uint64_t again;	      /* sends that ended in EAGAIN, or found no free slot in a ring */
	uint64_t qdisc_drops; /* of the interface's queues, over the run */
	uint64_t qdisc_holds; /* times that they held packets back (overlimits); not past them */
	uint64_t bound_waits; /* times the bound on outstanding stamps held the sender */
	uint64_t pacer_waits; /* packets that the pacer had to wait for: it was ahead */
	uint64_t late;	      /* packets sent later than intended, beyond the tolerance */
	uint64_t link_bps; /* 0: unknown, or not the speed that the device really works at (veth) */
	double l1_bits;	   /* of a mean frame at layer 1: with preamble, gap, FCS and padding */
	unsigned workers;  /* sending threads; 0 and 1 are one */
	int64_t cpu_ns;	   /* CPU time of all of them; 0: unknown */
	int64_t send_ns;   /* spent inside send calls; 0: unknown */
	int64_t stamp_ns;  /* spent reading stamps */
};

/*
 * The first of these with evidence:
 * - none: accepted is at least 99.9 % of requested
 * - link: the request at layer 1 (preamble, gap, FCS and padding counted) is more than the link
 *   carries; when flat out, accepted is at least 98 % of what it carries
 * - backpressure: refused, again, qdisc_drops, qdisc_holds and bound_waits together exceed 0.1 % of accepted
 * - cpu: the pacer waited for less than 1 % of the packets, and the sender had the CPU for at least
 *   80 % of the time, as far as that is known (flat out, whatever it had); or the CPU time that sending
 *   and reading stamps took would not do for the request even if there was nothing else
 * - rate-control: packets were late all the same
 * - unknown
 * As fast as possible is never reached: the cause is then neither none nor rate-control.
 */
enum ws_limit_cause ws_limit_find(const struct ws_limit_evidence *e);

/* Bits that a frame of len bytes (without FCS) takes at layer 1: 24 bytes more, 84 at least. */
double ws_limit_l1_bits(uint32_t len);
/* The highest rate of such frames on a link, packets a second: 0 if its speed is unknown. */
double ws_limit_link_pps(uint64_t link_bps, double l1_bits);

/* "none", "link", "backpressure", "cpu", "rate-control", "unknown": the names used in results. */
const char *ws_limit_name(enum ws_limit_cause cause);
