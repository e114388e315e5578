/* SPDX-License-Identifier: BSD-2-Clause */
/* What a load's figures mean: why the rate was not reached, with evidence, and warnings. */
#pragma once

#include "run/load.h"

struct ws_load_verdict_facts {
	const struct ws_load_setup *setup;
	const char *qdisc; /* root queue discipline; empty: unknown */
	int cpu;	   /* on which the first worker ran; -1: unknown */
	bool carrier_lost; /* for some of the time */
};

/* Fills in r->due_pps and r->limit, and adds to the warnings; everything else of r stands. */
void ws_load_verdict(struct ws_warnings *warnings, struct ws_load_run *r,
	const struct ws_load_verdict_facts *facts);

/*
 * The same before anything was sent: the request is more than the link carries. False, and nothing
 * written, if it is not, or the link's speed is not known. r has rate, pps and planned_pps.
 */
bool ws_load_verdict_link(struct ws_load_run *r, uint64_t link_bps, double l1_bits);
