/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ends of a latency run, each in its own network namespace: their I/O instances and what their interfaces say. */
#pragma once

#include "host/nic.h"
#include "run/latency.h"

/* How long a stamp is waited for, where cards hold as many as there are packets. */
#define WS_LATENCY_STAMP_NS 1000000000LL

struct ws_latency_ends {
	const struct ws_latency_setup *setup;
	struct ws_io *io[WS_ENDS];
	struct sockaddr_storage
		udp_local; /* where the sending end is bound: with the receiver's port */
};

void ws_latency_ends_init(struct ws_latency_ends *ends, const struct ws_latency_setup *setup);
/* Those that are open. */
void ws_latency_ends_close(struct ws_latency_ends *ends);

/* 0 or -errno. The receiving end goes first: nothing that is sent may miss it, and the sender shares its port. */
int ws_latency_end_open(
	struct ws_latency_ends *ends, enum ws_end end, struct ws_latency_granted *granted);

bool ws_latency_is_hardware(const struct ws_latency_setup *setup, enum ws_end end);
/* Whether the receiving end is here. */
bool ws_latency_has_receiver(const struct ws_latency_setup *setup);
/* The set of ws_stage that transmit stamps are wanted of. */
unsigned ws_latency_tx_stages(const struct ws_latency_setup *setup);

/* The counters of an end's interface. 0 or -errno; then *nic is empty. */
int ws_latency_counters(const struct ws_latency_setup *setup, enum ws_end end, struct ws_nic *nic);
/* Before a run: what was fine when the command began may have changed since. 0, -ENETDOWN, -ENOLINK or -errno; which
 * end's stands in *fault. */
int ws_latency_ends_check(const struct ws_latency_setup *setup, struct ws_latency_fault *fault);
/* During and after a run: warns of an end that has lost its carrier. */
void ws_latency_carriers(const struct ws_latency_setup *setup, struct ws_warnings *warnings);
bool ws_latency_end_exists(const struct ws_latency_setup *setup, enum ws_end end);
