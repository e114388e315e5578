/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sending side of a run: carries out the plan on one I/O instance, collects the transmit
 * stamps, and tells of every packet by exactly one record.
 */
#pragma once

#include "core/hist.h"
#include "core/match.h"
#include "core/pace.h"
#include "core/plan.h"
#include "core/spsc.h"
#include "io/io.h"
#include "run/shared.h"
#include "run/source.h"

struct ws_sender_config {
	struct ws_io *io;
	const struct ws_plan *plan;
	const struct ws_frame_source *source;
	/* Of a two-way run: frames that fetch what the far side still has, sent after the plan. NULL: none. */
	const struct ws_frame_source *collect;
	int64_t collect_ns;	 /* for how long at most */
	struct ws_spsc *records; /* of struct ws_tx_record */
	struct ws_run_shared *shared;
	uint32_t capacity; /* of the matcher: sequences that may be open */
	int64_t start_ns;  /* CLOCK_MONOTONIC: when packet 0 is intended */
	int64_t stop_ns; /* no packet is begun after this; INT64_MAX: only the plan ends the run */
	bool kernel_stamps; /* else the stamp is the program's own, before the send call */
	/* The set of ws_stage that the instance was opened with; the stamp is the one of `stage`. */
	unsigned stages;
	enum ws_stage stage;
	/*
	 * Of stage WIRE: stamps that the card holds at a time; 0: as many as there are packets. While that many are under
	 * way, packets go without (ws_tx_record.unsampled), in a shape that no card stamps on receive.
	 */
	unsigned in_flight;
	int64_t sample_gap_ns; /* with in_flight: at least that between two that are asked for a stamp */
	struct ws_pace_config pace;
};

/* What the run observed, for the result and the verdict on its limit. */
struct ws_sender_stats {
	int64_t end_ns;		   /* when the last send call returned */
	int64_t cpu_ns;		   /* CPU time of the sending thread, for the plan */
	int64_t send_ns, stamp_ns; /* spent in send calls and in reading stamps */
	uint64_t pacer_waits;	   /* packets that the pacer had to wait for */
	uint64_t bound_waits;	   /* times that too many stamps were under way */
	bool window_waited;	   /* too many sequences were open at some time */
	uint64_t again;		   /* times that the kernel asked to come back later */
	uint64_t late;		   /* packets sent after the next one was due */
	bool overran;		   /* stop_ns came before the end of the plan */
	int refusal;		   /* -errno of the last frame that the kernel refused; 0: none */
	uint64_t collects;	   /* sent */
	bool any_stamp;		   /* at least one transmit stamp came */
	bool stamps_paused;	   /* for some time no stamp came, and few were asked for */
};

struct ws_sender;

/* 0, -EINVAL, -EMSGSIZE (the instance takes no frame of that size) or -ENOMEM. The sender owns nothing of the configuration. */
int ws_sender_new(struct ws_sender **ret, const struct ws_sender_config *config);
void ws_sender_free(struct ws_sender *s);

/* Before the first step: these instants instead, as it is known only then how long it took to get ready. */
void ws_sender_start(struct ws_sender *s, int64_t start_ns, int64_t stop_ns);

/* Does one thing: sends what is due, reads stamps, or waits. True until everything is told. */
bool ws_sender_step(struct ws_sender *s);

const struct ws_sender_stats *ws_sender_stats(const struct ws_sender *s);
