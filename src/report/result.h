/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The results of a run, as plain data: what the report layer turns into text and JSON. Whoever
 * fills it in says what is known; what is not is marked so here and becomes null there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/gaps.h"
#include "core/hist.h"
#include "core/ledger.h"
#include "core/stamp.h"
#include "core/units.h"

struct ws_limit {
	const char *cause;  /* none, link, backpressure, cpu, rate-control, unknown */
	char why[512];	    /* a sentence with the evidence; empty for none */
	const char *try[4]; /* what to try, ends with NULL */
};

/* One rate. */
struct ws_run_result {
	struct ws_rate rate;	/* as asked for */
	struct ws_ratio pps;	/* requested; {0, 1} for max */
	uint32_t len;		/* frame without FCS */
	uint64_t planned;	/* packets; UINT64_MAX: only the time ended it */
	bool complete;		/* false: ended early */
	char ended_by[160];	/* why it ended early; empty if complete */
	bool failed;		/* it ended by a fault, not by the user */
	int64_t elapsed_ns;	/* from the start to the end of the last packet's slot */
	uint64_t late;		/* packets that left after the next one was due */
	uint64_t again;		/* EAGAIN from the kernel */
	uint64_t schedule_hash; /* 0: none */
	bool wire_known;
	uint64_t wire_packets; /* the interface's transmit counter over the run */
	struct ws_ledger ledger;
	struct ws_hist latency;
	struct ws_hist lateness; /* send call minus intended time */
	struct ws_gaps gaps;
	struct ws_limit limit;
	int64_t error_bound_ns; /* of every latency; -1: unknown */
	enum ws_origin tx_origin, rx_origin;
	enum ws_clock tx_clock, rx_clock;
	uint64_t rx_freezes;
	uint64_t stamps_missing, stamps_stray;
};

struct ws_warnings {
	char text[32][320];
	unsigned count;	  /* kept */
	unsigned dropped; /* more than there was room for */
};

/* Adds a sentence, printf-like; one that is there already is not added again. */
void ws_warn(struct ws_warnings *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where it was measured. */
struct ws_host_facts {
	char hostname[65], kernel[130], arch[65], cpu[128];
	unsigned cpus;
	char governor[32];    /* empty: unknown */
	char clocksource[32]; /* empty: unknown */
};

struct ws_endpoint {
	char name[160];	 /* as the user gave it: NAME or NAME@NETNS */
	char driver[32]; /* empty: unknown */
	uint8_t mac[6];
	uint32_t mtu;
	uint64_t link_bps; /* 0: unknown */
	char qdisc[32];
};

/* The document: one invocation of `latency`. */
struct ws_latency_report {
	const char *version; /* of the program */
	int argc;
	char **argv;
	char started[40]; /* RFC 3339, UTC, ns */
	struct ws_host_facts host;
	struct ws_endpoint tx, rx;
	bool lab;
	const char *io;	     /* backend in use, of the receiving end */
	const char *io_tx;   /* of the sending end */
	const char *carrier; /* "udp", "l2" */
	const char *payload; /* "short", "full" */
	uint32_t run_id;
	int64_t window_ns;
	uint64_t rx_buffer, stamp_buffer;
	uint32_t stamps_outstanding;
	bool tx_keys_explicit;
	struct ws_warnings warnings;
	size_t run_count;
	struct ws_run_result *runs; /* owned by whoever made the report */
};
