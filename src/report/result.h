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
#include "core/nic_settings.h"
#include "core/order.h"
#include "core/stamp.h"
#include "core/timeline.h"
#include "core/tscaps.h"
#include "core/twoway.h"
#include "core/units.h"
#include "core/waterfall.h"

struct ws_limit {
	const char *cause;  /* none, link, backpressure, cpu, rate-control, unknown */
	char why[512];	    /* a sentence with the evidence; empty for none */
	const char *try[4]; /* what to try, ends with NULL */
};

/* What a two-way measurement adds. */
struct ws_two_way {
	uint64_t exchanges;  /* with all four stamps */
	uint64_t incomplete; /* matched, but one of the far side's two stamps did not come */
	uint64_t collects;   /* answers to the probes at the end that fetched the last stamps */
	uint64_t
		answered; /* requests of this run that the far side answered, by its own count; UINT64_MAX: unknown */
	bool same_clock;
	struct ws_twoway_clocks clocks;
	struct ws_hist rtt, residence, forward, backward;
	int64_t rtt_bound_ns;
	int64_t ways_bound_ns; /* of forward and backward, the worst; -1: not known */
};

/* One clock of hardware stamps against the system's, over the run. */
struct ws_clock_compared {
	enum ws_clock clock; /* WS_CLOCK_NONE: that end has none */
	char name[32];	     /* of its driver; empty: unknown */
	const char *method;  /* "precise", "extended", "basic" */
	uint64_t samples;
	unsigned jumps;
	int64_t jump_ns;   /* the greatest, with its sign */
	int64_t window_ns; /* the shortest; 0: the hardware does not tell */
	double rate_ppb, scatter_ns;
};

/* What hardware stamps add. */
struct ws_hardware_facts {
	unsigned
		in_flight; /* transmit stamps that the card holds at a time; 0: no limit was found */
	int64_t sample_gap_ns;	     /* between two that are asked for one; 0: any */
	char why[320];		     /* of the limit: a clause with the evidence; empty: none */
	uint64_t sampled, unsampled; /* packets sent with and without asking for a stamp */
	/* Of packets that arrived and were to be stamped at both ends: those without. */
	uint64_t tx_missing, rx_missing;
	uint64_t tx_misplaced, rx_misplaced; /* stamps that belong to other packets: rejected */
	uint64_t
		unconverted; /* stamped at both ends, but a clock jumped: they have no latency, and count as unstamped */
	bool one_clock; /* both ends' stamps are of one clock */
	struct ws_ts_config
		config[2]; /* transmitting, receiving: how the card is set; without flags */
	struct ws_clock_compared clock[2]; /* the same */
	/* Comparisons of the clocks that failed, or that nobody took in in time; pairs of stamps that were converted before
	 * samples after them were there. */
	uint64_t samples_failed, samples_dropped, early;
	int64_t limit_ns; /* the bound of latencies, whatever lies asymmetrically in the readings; -1: not known */
	bool offset_known;
	int64_t offset_ns; /* receiving clock minus transmitting clock, at the end */
	double rate_ppb;
};

/* One rate. */
struct ws_run_result {
	struct ws_rate rate; /* as asked for */
	struct ws_ratio pps; /* requested; {0, 1} for max */
	uint32_t run_id;     /* of its probes */
	uint16_t stream;
	const char *pattern;	/* "cbr", "burst", "poisson" */
	double frame_bits;	/* of a mean frame, with FCS */
	uint32_t len;		/* frame without FCS; 0: they differ */
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
	struct ws_hist lateness;      /* send call minus intended time */
	struct ws_hist from_intended; /* receive stamp minus intended time; empty for max */
	struct ws_losses losses;
	struct ws_reordering reordering;
	struct ws_jitter jitter;
	/* NULL: not there. Owned; ws_run_result_free(). */
	struct ws_timeline *timeline;
	struct ws_waterfall *waterfall;
	struct ws_two_way *two_way;
	struct ws_hardware_facts *hardware;
	struct ws_gaps gaps;
	struct ws_limit limit;
	int64_t error_bound_ns; /* of every latency; -1: unknown */
	int64_t resolution_ns;	/* of the stamps' clocks, the coarser one */
	enum ws_origin tx_origin, rx_origin;
	enum ws_clock tx_clock, rx_clock;
	uint64_t rx_freezes;
	uint64_t stamps_missing, stamps_stray;
};

/* What a reader of the run wants to know first: the exact round trip of a two-way one, else the latency. */
const struct ws_hist *ws_run_result_main(const struct ws_run_result *r);

/* What it owns. */
void ws_run_result_free(struct ws_run_result *r);

struct ws_warnings {
	char text[32][320];
	unsigned count;	  /* kept */
	unsigned dropped; /* more than there was room for */
};

/* Adds a sentence, printf-like; one that is there already is not added again. */
void ws_warn(struct ws_warnings *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the kernel says of its own clock. */
struct ws_clock_facts {
	bool known;
	bool synchronised;
	int64_t max_error_ns; /* valid if synchronised */
	uint32_t boot;	      /* a number of this boot; 0: unknown */
};

/* What became of --packets. */
struct ws_packets_facts {
	bool wanted, csv;
	uint64_t rows, dropped;
	uint64_t unamended; /* copies and late arrivals that their rows do not tell of */
	int64_t cpu_ns;
	enum ws_clock wire_clock
		[2]; /* of the columns wire_tx and wire_rx; WS_CLOCK_NONE: they hold nothing */
};

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
	bool has_settings; /* they were looked for */
	struct ws_nic_settings settings;
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
	const char *mode; /* "one-host", "two-way", "sender" */
	bool has_rx;	  /* rx is known: not of a sender alone */
	struct {
		const char *text; /* as it was given; NULL: no peer */
		bool has_mac, has_ip;
		uint8_t mac[6];
		char ip[46];
		uint16_t port;
	} peer;
	const char *remote; /* the far side's own result document, JSON; NULL: none */
	struct ws_clock_facts clock;
	struct ws_packets_facts packets;
	char traffic[320]; /* the frames, in words */
	uint64_t seed;
	const char *io;	     /* backend in use, of the receiving end */
	const char *io_tx;   /* of the sending end */
	const char *carrier; /* ws_carrier_name() */
	const char *payload; /* "short", "full", "mixed", "request" */
	uint32_t run_id;
	int64_t window_ns;
	uint64_t rx_buffer, stamp_buffer;
	uint32_t stamps_outstanding;
	bool tx_keys_explicit;
	struct ws_warnings warnings;
	size_t run_count;
	struct ws_run_result *runs; /* owned by whoever made the report */
};
