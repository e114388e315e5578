/* SPDX-License-Identifier: BSD-2-Clause */
/* What the threads of one run share. Each field has one writer. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct ws_run_shared {
	/* sender: sequences below this may be on the wire; stored before the send call */
	_Alignas(64) _Atomic uint64_t offered;
	_Atomic uint64_t accepted; /* for progress */
	_Atomic int sender_fault;  /* 0 or -errno: why it ended early */
	_Atomic int sender_done;   /* everything sent has been told to the matcher's queue */
	_Atomic int collecting;	   /* the plan is over; only collects are sent */
	/* receiver: the oldest sequence that is still open */
	_Alignas(64) _Atomic uint64_t base;
	_Atomic uint64_t received; /* for progress */
	_Atomic uint64_t
		waiting; /* exchanges that lack nothing but the far side's transmit stamp */
	_Atomic uint64_t idle_collects; /* answers to collects that brought nothing */
	_Atomic int receiver_fault;
	/* main thread */
	_Alignas(64) _Atomic int stop;	    /* 1: end early; 2: do not wait for what is under way */
	_Atomic int64_t realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
};
