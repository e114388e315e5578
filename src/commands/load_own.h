/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the command `load`: load_prepare.c chooses how frames are sent, by what the interface and the machine
 * are; load.c does the rest. For these two alone.
 */
#pragma once

#include "commands/endpoint.h"
#include "commands/hardware.h"
#include "commands/load_frames.h"
#include "commands/load_options.h"
#include "host/lab.h"
#include "report/load_report.h"
#include "report/outdir.h"
#include "run/load.h"

struct ws_load_command {
	struct ws_load_options o;
	struct ws_lab lab;
	struct ws_end_nic end, peer;
	bool has_end, has_peer;
	int port; /* owned at the other end of the lab, -1: not */
	struct ws_load_frames frames;
	struct ws_hardware hardware;
	struct ws_outdir out;
	struct ws_load_report report;
	struct ws_load_setup setup;
	struct ws_plan plans[WS_LOAD_RATES];
	bool terminal; /* progress is wanted */
};

/*
 * Chooses queue discipline or bypass, pacing, stamps and CPUs, and describes the device. 0, or -1 after one line
 * was printed.
 */
int ws_load_command_prepare(struct ws_load_command *s);
/* What the report says of machine, interface and options. */
void ws_load_command_report(struct ws_load_command *s, int argc, char **argv);
/* The interface's speed, if it is not a made-up one; else 0. */
uint64_t ws_load_command_link_bps(const struct ws_load_command *s);
