/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Departures of several workers, each in the order of its sequences, become gaps in the order of all. One
 * thread. A worker that is behind holds up the others' only as far as its own could still come before
 * them.
 */
#pragma once

#include <stdatomic.h>

#include "core/gaps.h"
#include "core/spsc.h"

struct ws_load_collector;

/* link_bps: for the time of a frame on the wire; 0: unknown. 0 or -ENOMEM. gaps is borrowed. */
int ws_load_collector_new(
	struct ws_load_collector **ret, struct ws_gaps *gaps, unsigned workers, uint64_t link_bps);
void ws_load_collector_free(struct ws_load_collector *c);
/*
 * A worker's departures (of struct ws_load_stamp); what is below *told is in the queue, or will not come:
 * UINT64_MAX at the end. At most as many as were said.
 */
void ws_load_collector_add(
	struct ws_load_collector *c, struct ws_spsc *stamps, const _Atomic uint64_t *told);
/* Takes what is there. */
void ws_load_collect(struct ws_load_collector *c);
