/* SPDX-License-Identifier: BSD-2-Clause */
/* The results of `load`, as plain data. What is not known is marked so and becomes null in JSON. */
#pragma once

#include "core/plan.h"
#include "report/result.h"

/* One rate. Counts of UINT64_MAX and times of -1 are unknown. */
struct ws_load_run {
	struct ws_rate
		rate; /* as asked for; of a replay with its own times: max, and pattern says so */
	struct ws_ratio pps; /* requested; {0, 1} for max and for a replay with its own times */
	double planned_pps;  /* mean of the schedule as drawn; 0 for max */
	double due_pps;	     /* the same of the time that it ran: not the mean, if it ended early */
	double frame_bits;   /* mean frame with FCS, of the traffic as specified */
	enum ws_pattern pattern;
	uint64_t burst;
	uint64_t planned;	/* packets; UINT64_MAX: only the time ended it */
	uint64_t schedule_hash; /* 0: none */
	uint64_t frames_hash;
	bool complete;	    /* false: ended early */
	char ended_by[160]; /* why it ended early; empty if complete */
	bool faulted;	    /* it ended by a fault, not by the user */
	int64_t elapsed_ns; /* from the start to the end of the last packet's slot */

	/* every packet that was due is exactly one of sent, failed and skipped */
	uint64_t due;
	uint64_t attempted; /* sent + failed */
	uint64_t sent;	    /* accepted by the kernel */
	uint64_t failed;    /* refused, for good or for longer than the sender waits */
	uint64_t skipped;   /* too late, with --late skip */
	uint64_t sent_bytes, attempted_bytes; /* without FCS */

	uint64_t refused; /* of failed: ENOBUFS and the like, at once */
	int refusal;	  /* -errno of the last of these; 0: none */
	uint64_t
		given_up; /* of failed: the kernel had no room (EAGAIN, or no free slot in a ring) */
	uint64_t again;	  /* times the kernel had no room */
	uint64_t slots_full;	   /* of again: times all slots of the ring were taken */
	uint64_t qdisc_drops;	   /* of the interface's queues over the run */
	uint64_t qdisc_overlimits; /* times that these held packets back */
	bool wire_known;
	uint64_t wire_packets; /* the interface's transmit counter over the run */
	int64_t wire_ns; /* that this took: elapsed_ns, or until the queues had sent what was left */
	uint64_t
		queue_left; /* packets in them when the last one was handed over, if that matters */

	uint64_t late; /* packets that left after the next one was due */
	int64_t lateness_max_ns;
	uint64_t stalls;		   /* times that a worker was held up for more than 1 ms */
	int64_t stall_max_ns;		   /* the longest wait for the CPU or the kernel */
	uint64_t pacer_waits;		   /* packets that a worker waited for */
	int64_t cpu_ns, send_ns, stamp_ns; /* of all workers together */
	uint64_t calls;			   /* system calls that sent */

	/* departures */
	struct ws_gaps gaps;
	enum ws_origin gap_origin;		/* whose times; NONE: no gaps */
	uint64_t stamps_wanted, stamps_missing; /* wanted: packets that were to be stamped */
	uint64_t stamps_unread; /* that came but were not looked at, for lack of room */
	double stamped_share;	/* of the packets, as planned: 1 is all */
	bool balanced;		/* due = sent + failed + skipped, attempted = sent + failed */
	const char *io;		/* backend in use; NULL: none was opened */
	struct ws_limit limit;
};

/* What is told each second. */
struct ws_load_second {
	double seconds;	       /* since the start */
	double pps, bps;       /* accepted over the last second; layer 2 with FCS */
	uint64_t failed, late; /* since the start */
};

struct ws_load_replay {
	const char *file;   /* NULL: none */
	uint64_t frames;    /* in the file */
	uint64_t too_long;  /* longer than the interface takes: left out */
	uint64_t too_short; /* shorter than an Ethernet header: left out */
	uint64_t truncated; /* cut off by the capture's snap length: left out */
	double speed;	    /* factor; 0: at a rate */
};

/* The document: one invocation of `load`. */
struct ws_load_report {
	const char *version;
	int argc;
	char **argv;
	char started[40];
	struct ws_host_facts host;
	struct ws_endpoint tx;
	char bus[64]; /* "PCIe 8.0 GT/s x4, NUMA node 0"; empty: none, or unknown */
	bool link_real; /* the interface keeps to tx.link_bps: it is not one that just has to say something */
	bool lab;
	const char *io;	  /* backend in use */
	char io_why[160]; /* why it was picked; empty: it was asked for */
	bool qdisc_bypass;
	char bypass_why[160];
	const char *pacing; /* "busy", "txtime", "fq" */
	const char *late;   /* "catch-up", "skip" */
	unsigned workers;
	int cpus[64]; /* of each worker; -1: anywhere */
	char governors
		[64]; /* of the workers' CPUs, "performance" or "performance, powersave"; empty: unknown */
	bool realtime;
	int64_t clock_read_ns; /* what one look at the clock takes; -1: unknown */
	char traffic[320]; /* in words: "IPv4/UDP 198.18.0.1:8620 > 198.18.0.2:8620, 64 bytes" */
	uint64_t seed;
	uint32_t run_id;
	struct ws_load_replay replay;
	struct ws_warnings warnings;
	size_t run_count;
	struct ws_load_run *runs; /* owned by whoever made the report */
};

/* What follows from the above; NaN where it is not known. */

/* Packets a second over the whole run. */
double ws_load_pps(const struct ws_load_run *run, uint64_t packets);
/* What the interface counted, over the time that it took for it. */
double ws_load_wire_pps(const struct ws_load_run *run);
/* As asked for; of max, and of a replay with its own times, NaN. */
double ws_load_requested_pps(const struct ws_load_run *run);
/* Layer 2, with FCS, of what was accepted. */
double ws_load_accepted_bps(const struct ws_load_run *run);
/* Layer 1 (with preamble and gap, 84 bytes at least) of a frame of the mean length that was sent. */
double ws_load_l1_bps(const struct ws_load_run *run);
/* Bits of the mean frame as specified at layer 1. */
double ws_load_frame_l1_bits(const struct ws_load_run *run);
/* The schedule's mean gap; of max, which has none, NaN. */
double ws_load_intended_gap(const struct ws_load_run *run);
