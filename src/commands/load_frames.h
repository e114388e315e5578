/* SPDX-License-Identifier: BSD-2-Clause */
/* What `load` sends: the options' frames completed by what the interface and its neighbours say. */
#pragma once

#include <stdatomic.h>

#include "commands/endpoint.h"
#include "commands/load_options.h"
#include "file/replay.h"
#include "report/load_result.h"
#include "run/load.h"

struct ws_load_frames {
	struct ws_traffic *traffic; /* or */
	struct ws_replay *replay;
	struct ws_frame_source source;
	struct ws_frame_sizes sizes; /* of a mean frame, for rates */
	uint64_t hash_frames;	     /* in a replayed file; UINT64_MAX: no end */
};

/*
 * end: the interface, NULL for a dry run without one. peer: the other end of the lab, else NULL. Reads the
 * file of a replay, until stop rises (commands/stop.h). Returns 0, or an exit status after one line was printed; fills in the report's traffic,
 * replay, run id and seed.
 */
int ws_load_frames_make(struct ws_load_frames *f, struct ws_load_options *o,
	const struct ws_end_nic *end, const struct ws_end_nic *peer, const atomic_int *stop,
	struct ws_load_report *report);

/*
 * The parts of it, for whoever sends probes. Addresses that the options leave open are completed from the
 * interface, its neighbours and its peer, and the size compared with the MTU. 0, or an exit status after one line
 * was printed.
 */
int ws_load_traffic_complete(
	struct ws_load_options *o, const struct ws_end_nic *end, const struct ws_end_nic *peer);
/* A number that tells one run from all others. */
uint32_t ws_load_run_id(void);
/* The frames themselves. The same. */
int ws_load_traffic_make(struct ws_load_frames *f, const struct ws_traffic_spec *t);
/* "UDP 198.18.0.1:8620 > 198.18.0.2:8620, 64 bytes" */
void ws_load_traffic_words(char *buf, size_t size, const struct ws_traffic_spec *t);

void ws_load_frames_free(struct ws_load_frames *f);
/* Of the first count frames. */
uint64_t ws_load_frames_hash(const struct ws_load_frames *f, uint64_t count);
