/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the command `latency`: latency_ends.c finds interfaces and chooses stamps and frames, latency_far.c has the
 * far side of a two-way measurement, latency.c does the rest. For these alone.
 */
#pragma once

#include "commands/endpoint.h"
#include "commands/hardware.h"
#include "commands/latency_options.h"
#include "commands/load_frames.h"
#include "commands/load_plan.h"
#include "commands/remote.h"
#include "host/lab.h"
#include "report/outdir.h"
#include "report/report.h"
#include "run/latency.h"

/* A far side in this process: the lab's. */
struct ws_latency_reflector;

struct ws_latency_command {
	struct ws_latency_options o;
	struct ws_lab lab;
	/* The sender's and the receiver's interface; with a far side the same, without interface (udp) empty. */
	struct ws_end_nic end[WS_ENDS];
	bool has_end[WS_ENDS];
	struct ws_end_nic
		far; /* the lab's other end, or the receiver's: whose addresses probes go to */
	bool has_far;
	bool udp;
	struct sockaddr_storage udp_local, udp_peer;
	struct ws_remote *remote;
	struct ws_latency_reflector *reflector;
	char *far_json;			       /* the far side's result */
	int port;			       /* owned at the receiving end, -1: not */
	struct ws_load_frames frames, collect; /* of the current rate */
	struct ws_plan plans[WS_MAX_RATES];
	struct ws_hardware hardware;
	bool hardware_used;
	struct ws_packets_writer *packets;
	struct ws_outdir out;
	int unwritten; /* what ws_output_keep() said last */
	struct ws_latency_report report;
	struct ws_latency_setup setup;
	bool terminal; /* progress is wanted */
};

/* Interfaces. 0, or -1 after one line was printed. */
int ws_latency_find_ends(struct ws_latency_command *s);
/* Stamps, backend, addresses; needs the far side's. 0, or an exit status after one line was printed. */
int ws_latency_prepare(struct ws_latency_command *s);
/* Hardware stamps (latency_hardware.c), in two steps: which carrier they need, before frames are known; and whether they
 * come. 0, or -1 after one line was printed; s->hardware_used says whether they are used. */
int ws_latency_hardware_choose(struct ws_latency_command *s);
int ws_latency_hardware_try(struct ws_latency_command *s);
/* Puts everything back. */
void ws_latency_hardware_free(struct ws_latency_command *s);
/* The stamps of an end without hardware. 0, or -1 after one line was printed. */
int ws_latency_choose_stamp(struct ws_latency_command *s, enum ws_end end);
/* The carrier that `auto` stands for where any would do. */
enum ws_carrier ws_latency_plain_carrier(const struct ws_latency_command *s);
/* The frames of a rate. The same. */
int ws_latency_make_frames(struct ws_latency_command *s, uint16_t stream);

/* Starts the far side, if it is for us to start, and takes its addresses. 0, or an exit status after one line. */
int ws_latency_far_start(struct ws_latency_command *s);
/* Ends it, and keeps its result. The same. */
int ws_latency_far_finish(struct ws_latency_command *s);
/* Whatever it does. */
void ws_latency_far_free(struct ws_latency_command *s);
