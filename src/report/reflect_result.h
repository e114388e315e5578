/* SPDX-License-Identifier: BSD-2-Clause */
/* The result of a run of `reflect`, as plain data. */
#pragma once

#include "core/reflect.h"
#include "report/result.h"

/* What was received of one run id and stream, where nothing is answered. */
struct ws_reflect_stream {
	uint32_t run_id;
	uint16_t stream;
	uint64_t received; /* first copies */
	uint64_t duplicated;
	uint64_t reordered; /* of first copies: RFC 4737 */
	uint64_t unstamped; /* of first copies: without a stamp of the kernel */
	uint64_t first_seq, highest_seq;
	int64_t first_ns, last_ns; /* CLOCK_MONOTONIC, by the program */
};

struct ws_reflect_result {
	bool complete; /* false: a fault ended it, or the user did before --duration was over */
	bool failed;
	char ended_by[160]; /* empty: its time was over, or nobody had said how long */
	int64_t elapsed_ns;
	uint64_t received;   /* frames, of any kind */
	uint64_t dropped_rx; /* our own receive buffer was full; UINT64_MAX: unknown */
	uint64_t counts[WS_REFLECT_VERDICTS];
	uint64_t sent, refused;	 /* answers that the kernel took; that it did not */
	uint64_t stamps_missing; /* transmit stamps that did not come */
	uint64_t sessions;	 /* that there were */
	unsigned session_count;	 /* that are listed; owned */
	struct ws_reflect_session *session;
	/* where nothing is answered; owned */
	unsigned stream_count;
	struct ws_reflect_stream *stream;
	uint64_t foreign; /* received, but no probe, or beyond the table of streams */
	enum ws_origin rx_origin, tx_origin;
	enum ws_clock clock;
};

void ws_reflect_result_free(struct ws_reflect_result *r);
