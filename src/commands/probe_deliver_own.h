/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside `probe --deliver`: probe_deliver_peer.c finds the other end and switches stamps on, probe_deliver.c sends. */
#pragma once

#include "commands/load_frames.h"
#include "commands/probe_deliver.h"
#include "commands/remote.h"
#include "host/hwtstamp.h"

/* Where stamps are taken. With a far side both are the one interface here. */
enum ws_trial_end { WS_TRIAL_TX, WS_TRIAL_RX, WS_TRIAL_ENDS };

struct ws_trial {
	const struct ws_probe_trial *want;
	struct ws_warnings *warnings;
	struct ws_end_nic end;
	struct ws_end_nic peer; /* if it is here */
	bool peer_here;		/* else a far side answers */
	struct ws_remote *remote;
	/* Addresses of the frames; for a far side over IPv6 ip_version is 6. */
	struct ws_load_options to;
	uint16_t port;	     /* UDP port of plain frames there */
	int own[2];	     /* ports that are owned where frames arrive; -1: not */
	bool peer_is_theirs; /* its namespace's descriptor is the caller's */
	struct ws_hwtstamp *hw[WS_TRIAL_ENDS];
	struct ws_hwtstamp_granted granted[WS_TRIAL_ENDS];
	bool unprivileged; /* said */
	uint32_t run_id;
	uint16_t stream;
};

/* 0, or an exit status after one line was printed; either way ws_trial_free() is to follow. */
int ws_trial_find(struct ws_trial *t, const struct ws_end_nic *end);
void ws_trial_free(struct ws_trial *t);

/* Hardware stamps, as many as there are; what cannot be had is a warning. The clock of an end is NONE without. */
void ws_trial_stamps_on(struct ws_trial *t);
/* What stood before. Once more on after it: registers that only configuring empties are empty. */
void ws_trial_stamps_off(struct ws_trial *t);
enum ws_clock ws_trial_clock(const struct ws_trial *t, enum ws_trial_end end);
