/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of the latency measurement at one rate: opens both ends, runs the sender and the receiver
 * on threads of their own, and fills in the result.
 */
#pragma once

#include <stdatomic.h>

#include <netinet/in.h>

#include "core/plan.h"
#include "file/packets.h"
#include "io/io.h"
#include "report/result.h"
#include "run/source.h"

enum ws_end { WS_END_TX, WS_END_RX, WS_ENDS };

enum ws_latency_mode {
	WS_LATENCY_ONE_HOST, /* both ends are here */
	WS_LATENCY_TWO_WAY,  /* probes are requests, what is received are answers */
	WS_LATENCY_SEND,     /* the receiving end is elsewhere and keeps its own records */
};

struct ws_latency_end {
	const char *name; /* for messages */
	int netns;	  /* descriptor, -1: the current one */
	int ifindex;
	enum ws_origin origin;	       /* HARDWARE, SOFTWARE or USER */
	enum ws_clock hw_clock;	       /* of HARDWARE */
	struct ws_ts_config hw_config; /* how the card is set for it */
	int64_t hw_step_ns;	       /* that its stamps are multiples of; 0: not known */
	int cpu;		       /* pin its thread there; -1: anywhere */
};

struct ws_progress {
	double seconds;
	uint64_t sent, received;
};

struct ws_latency_setup {
	enum ws_latency_mode mode;
	struct ws_latency_end end[WS_ENDS];
	/* Of the `udp` backend: where the sending end is bound, whom it sends to. */
	const struct sockaddr_storage *udp_local, *udp_peer;
	const char *backend; /* NULL: auto */
	uint64_t rx_buffer;  /* bytes, 0: by the rate */
	struct ws_rate rate;
	const char *label; /* the rate as text, for messages */
	struct ws_plan plan;
	bool timed; /* a duration was asked for, not a count */
	struct ws_frame_source source;
	struct ws_frame_source collect; /* WS_LATENCY_TWO_WAY: frames that fetch the last stamps */
	uint32_t len;			/* of all frames; 0: they differ */
	uint32_t run_id;
	uint16_t stream;
	uint16_t port;	   /* that what is received comes to */
	uint16_t far_port; /* that probes go to; 0: none, layer 2 */
	uint32_t boot;	/* of this machine: whether the far side has the same clock; 0: unknown */
	bool waterfall; /* the kernel's stamp before the queueing discipline is wanted, too */
	/* With hardware stamps. */
	unsigned in_flight;	/* transmit stamps that the card holds at a time; 0: no limit */
	int64_t sample_gap_ns;	/* between two packets that are asked for a stamp; 0: any */
	const char *sample_why; /* there are limits: a clause; NULL: there are none */
	bool coarse;		/* two packets may have one stamp */
	bool ordered;		/* all packets are of one flow */
	struct ws_packets_writer *packets; /* NULL: rows are not wanted */
	uint32_t packets_run;
	int64_t window_ns;
	uint64_t link_bps;	/* that the transmitting link really carries; 0: unknown */
	const atomic_int *stop; /* 1: end early; 2: do not wait for what is under way */
	/* Called about each second from the calling thread; may be NULL. */
	void (*progress)(void *arg, const struct ws_progress *p);
	void *arg;
};

/* What the kernel granted; for the report. */
struct ws_latency_granted {
	const char *backend, *tx_backend; /* of the receiving end, of the sending one */
	uint64_t rx_buffer, stamp_buffer;
	uint32_t stamps_outstanding;
	bool tx_keys_explicit;
};

/* Where a run could not begin. */
struct ws_latency_fault {
	enum ws_end end;
	const char *step; /* "open", "thread", "memory" */
};

/*
 * Returns 0 when there is a result, even if the run ended early (ret->complete, ret->failed and
 * ret->ended_by say so); or -errno when it could not begin, and *ret_fault says where.
 */
int ws_latency_run(const struct ws_latency_setup *setup, struct ws_run_result *ret,
	struct ws_latency_granted *ret_granted, struct ws_warnings *warnings,
	struct ws_latency_fault *ret_fault);
