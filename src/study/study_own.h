/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the study layer share. Private to it. */
#pragma once

#include "core/order.h"
#include "core/timeline.h"
#include "core/waterfall.h"
#include "file/packets.h"
#include "report/jsondoc.h"
#include "report/rundoc.h"

#define WS_STUDY_PACKETS "packets.npy"

/* The directory that a document was read from: path, or the one that path is in. -errno; there is none of "-". */
int ws_study_dir(const char *path);

/* One end's document and its packets. */
struct ws_end {
	struct ws_rundoc *doc;
	struct ws_packets_reader packets;
	bool open;
	uint64_t *
		order; /* numbers of the rows in order of (run, seq); NULL: they are in this order already */
};
/* The i-th row in order of (run, seq). */
void ws_end_get(const struct ws_end *e, uint64_t i, struct ws_packet_row *ret);
/* Rows that are walked over before their memory is given back. */
#define WS_STUDY_FORGET 65536
/* Rows before it, in that order, are not looked at soon: their memory may go. */
void ws_end_forget(const struct ws_end *e, uint64_t before);
/* Opens the list and finds out its order. 0, or -errno and why. */
int ws_end_open(struct ws_end *e, char *why, size_t why_size);
void ws_end_close(struct ws_end *e); /* frees the document, too */

/* Which columns' difference is the latency of a run. */
struct ws_join_way {
	enum ws_instant from, to;
};

/* What became of the packets of one run of the sender's. */
struct ws_joined {
	unsigned sender_run;
	int receiver_run; /* -1: the receiver has none of this id */
	bool has_way;
	struct ws_join_way way;
	uint64_t sent, rows; /* rows: of these, in the sender's list */
	uint64_t received, matched, unstamped_tx, unstamped_rx, unstamped_both, lost, duplicated,
		foreign;
	uint64_t unlisted; /* came, and have no row of the receiver: in unstamped_rx */
	bool balanced;
	struct ws_hist latency;
	struct ws_hist
		above_least; /* the same latencies, the least of them being 1 ns: what an offset of clocks leaves alone */
	struct ws_losses losses;
	struct ws_reordering reordering;
	struct ws_jitter jitter;
	struct ws_timeline timeline;
	bool any_latency;
	int64_t least; /* latency */
	/* Stages between instants that one host took by one clock. */
	struct ws_hist stage[WS_INSTANTS];
	enum ws_instant stage_from[WS_INSTANTS], stage_to[WS_INSTANTS];
	unsigned stages;
};

/* Fills in *j, of which the first two members are given and all else is 0. 0, -ENOMEM. */
int ws_join_rows(struct ws_joined *j, const struct ws_end *sender, const struct ws_end *receiver);
/* The clock of a column, as the document names it; NULL: unknown. */
const char *ws_join_clock(const struct ws_end *end, enum ws_instant column);
/* True if both ends are one machine since one boot: then they have the same clocks. */
bool ws_join_same_host(const struct ws_end *sender, const struct ws_end *receiver);

/* The run's object. bound_ns of -1: unknown. */
json_t *ws_join_run(struct ws_doc *d, const struct ws_joined *j, const struct ws_end *sender,
	const struct ws_end *receiver, int64_t bound_ns, int64_t resolution_ns);
/* All but the runs and the warnings. */
json_t *ws_join_head(struct ws_doc *d, const struct ws_end *sender, const struct ws_end *receiver);
