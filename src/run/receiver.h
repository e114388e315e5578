/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiving side of a run: takes packets from one I/O instance and records from the sender,
 * feeds both to the matcher, and turns outcomes into histograms.
 */
#pragma once

#include "core/match.h"
#include "core/spsc.h"
#include "file/packets.h"
#include "io/io.h"
#include "report/result.h"
#include "run/clock_watch.h"
#include "run/shared.h"

/* Of a two-way run. */
struct ws_receiver_two_way {
	uint32_t boot;		/* of this machine; 0: unknown */
	int64_t stamp_error_ns; /* of a difference of two stamps of one clock */
};

/* Of a run with hardware stamps at an end at least. */
struct ws_receiver_hardware {
	bool tx, rx;		      /* which end's stamps are */
	bool ordered;		      /* one flow: packets leave and arrive one after the other */
	bool coarse;		      /* two packets may have one stamp */
	struct ws_clock_watch *watch; /* of both clocks; NULL: they cannot be compared */
};

/* Outcomes that wait at most until their stamps are judged: so much less than the matcher's capacity may be open. */
#define WS_RECEIVER_JUDGED 4096

struct ws_receiver_config {
	struct ws_io *
		io; /* NULL: of a sender alone; what became of its packets is then not known here */
	struct ws_spsc *records; /* of struct ws_tx_record */
	struct ws_run_shared *shared;
	int64_t window_ns;
	uint32_t capacity;   /* of the matcher, a power of two */
	bool kernel_stamps;  /* else the stamp is the program's own, when it reads the packet */
	enum ws_origin want; /* the stamps of another origin are counted as missing */
	uint32_t run_id;
	uint16_t stream;
	uint16_t udp_port;
	bool paced;				     /* intended times mean something */
	int64_t start_ns;			     /* of the run, CLOCK_MONOTONIC */
	unsigned stages;			     /* set of ws_stage that the sender asks for */
	const struct ws_receiver_hardware *hardware; /* NULL: none of its stamps is */
	const struct ws_receiver_two_way *two_way;   /* the packets are answers; NULL: probes */
	struct ws_packets_writer *packets;	     /* NULL: rows are not wanted */
	uint32_t packets_run;			     /* number of the run in them */
	/* Histograms are recorded here while it runs, and in its timeline, waterfall and two_way if they are there. */
	struct ws_run_result *result;
};

struct ws_receiver;

/* 0, -EINVAL or -ENOMEM. The receiver owns nothing of the configuration. */
int ws_receiver_new(struct ws_receiver **ret, const struct ws_receiver_config *config);
void ws_receiver_free(struct ws_receiver *r);
/* Before the first step: another start of the run. */
void ws_receiver_start(struct ws_receiver *r, int64_t start_ns);

enum ws_receiver_state {
	WS_RECEIVER_BUSY, /* there was something; there may be more */
	WS_RECEIVER_IDLE, /* there was nothing: ws_receiver_wait() */
	WS_RECEIVER_DONE, /* the sender is done, and every sequence is closed or can only be lost */
};

/* Handles what has come; does not wait. */
enum ws_receiver_state ws_receiver_step(struct ws_receiver *r);
/* Waits for packets, for a few milliseconds at most. */
void ws_receiver_wait(struct ws_receiver *r);

/* After the last step: rejects new packets, and takes those that had come. */
void ws_receiver_stop(struct ws_receiver *r);
/* After that, by any thread, once the clocks were compared for the last time: accounts for all packets, closes the ledger
 * and writes it to the result. Stops first, if that was not done. */
void ws_receiver_finish(struct ws_receiver *r);
