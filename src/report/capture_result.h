/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of a capture, as plain data. UINT64_MAX: unknown. */
#pragma once

#include "report/result.h"

/* One interface. */
struct ws_capture_counts {
	char name[160];	 /* as the user gave it */
	char driver[32]; /* empty: unknown */
	const char *io;
	unsigned workers;
	uint64_t link_bps;	       /* 0: unknown */
	uint64_t buffer_asked, buffer; /* bytes over all workers; what was granted */
	uint64_t offered, received;    /* packets after the kernel's filter; given to us */
	uint64_t dropped_kernel;       /* because the ring or buffer was full */
	uint64_t damaged;	       /* in ring blocks that could not be read */
	uint64_t dropped_nic;
	char nic_source[160];		 /* which of the driver's counters say so */
	uint64_t freezes, losing_blocks; /* UINT64_MAX where the backend has none */
	uint64_t truncated, filtered, written, dropped_writer, late;
	uint64_t under_way; /* received, and not yet written or dropped: 0 once ended */
	uint64_t lost_spread;
	uint64_t bytes; /* of received packets on the wire, without FCS */
	uint64_t origins[WS_ORIGIN_COUNT];
	enum ws_clock hw_clock; /* of hardware stamps; WS_CLOCK_NONE: none asked for */
	unsigned downs;
	unsigned fill; /* of the ring just now, in thousandths; above 1000: unknown */
	bool promiscuous, gone, stopped;
	uint16_t linktype;
};

/* True if every packet is accounted for: both identities hold. */
bool ws_capture_balanced(const struct ws_capture_counts *c);

struct ws_capture_report {
	const char *version;
	int argc;
	char **argv;
	char started[40];
	struct ws_host_facts host;
	bool lab, live;	    /* live: it still runs */
	const char *filter; /* text; NULL: none */
	uint32_t snaplen;   /* 0: all */
	const char *direction;
	const char *stamp; /* as asked for */
	uint32_t block_timeout_ms;
	char rights[160]; /* under which it ran */
	struct ws_warnings warnings;
	int64_t elapsed_ns;
	bool complete; /* ended as asked for */
	char ended_by[160];
	bool failed;
	bool abandoned; /* the writer was stuck, and given up */
	/* where to; path NULL: printed as text */
	const char *path;     /* last file */
	const char *compress; /* NULL: not */
	uint64_t files, rotations, rotate_failures, written_bytes;
	uint64_t buffer_writer; /* bytes */
	uint64_t merged_late;	/* behind a younger packet of the same interface */
	unsigned count;
	struct ws_capture_counts *interfaces; /* owned by whoever made the report */
};
