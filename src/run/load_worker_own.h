/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside a worker of a load: load_worker.c decides and sends, load_stage.c has the frames that are built but not
 * sent yet. For these two alone.
 */
#pragma once

#include "run/load_worker.h"

/* A frame that is built in the slot of the same place. */
struct staged {
	uint64_t seq;
	int64_t intended_ns; /* CLOCK_MONOTONIC; flat out INT64_MIN */
};

struct ws_load_worker {
	struct ws_load_worker_config c;
	struct ws_load_worker_stats stats;
	struct ws_load_worker_public public;
	struct ws_plan_cursor cursor; /* of the next packet to stage */
	bool flat_out;
	uint64_t block_end; /* flat out: of the packets that are ours from cursor.n on */
	/* Reserved slots, the oldest first; frames are built in the first `staged_count`. */
	struct ws_io_slot slots[WS_LOAD_BLOCK];
	unsigned slot_count;
	struct ws_io_tx frames[WS_LOAD_BLOCK];
	struct staged staged[WS_LOAD_BLOCK];
	bool looked[WS_LOAD_BLOCK]; /* their departure is looked at */
	unsigned staged_count;
	bool *written; /* by slot number: a frame of ours is there; NULL: that is not used */
	struct ws_load_flight *flight;
	uint32_t bound; /* on stamps under way; 0: the kernel gives none */
	bool drained;
	bool waited; /* for the next deadline */
	int64_t last_ns,
		took_ns; /* when the last packets were handed over, and how long that took */
	unsigned last;	 /* how many they were */
	int64_t last_intended_ns; /* of the last of them */
	int64_t since_ns; /* from when on there was something to do, by what was done last; 0: not yet */
	uint8_t *scratch; /* for frames whose length has to be known, and which have no slot */
	bool no_room;	  /* the kernel had none at the last look */
	bool started, ending, stamps_broken;
	unsigned missing; /* stamps in a row that did not come */
	int64_t retry_ns;
	int64_t cpu_before_ns;
};

/* Flat out: the rest of our block, or a new one unless the run is over. */
void ws_load_stage_block(struct ws_load_worker *w, bool over);
/*
 * Paced: the next packet is built before it is due, and with it all those of the same instant; late, all
 * that are due. With `skip` those whose successor is due too are left out.
 */
void ws_load_stage_paced(struct ws_load_worker *w, int64_t now_ns);
/* Takes the first n frames and their slots, which were consumed, out of the lists. */
void ws_load_stage_drop(struct ws_load_worker *w, unsigned n);
/* The kernel has no room: what has been offered for too long is given up. */
void ws_load_stage_give_up(struct ws_load_worker *w, int64_t now_ns);
/* The same where there is no slot to build a frame in. */
void ws_load_stage_give_up_unbuilt(struct ws_load_worker *w, int64_t now_ns);
