/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs that were kept, together with their lists of packets: what needs report (the documents) and
 * file (packets.npy) at once.
 */
#pragma once

#include <stddef.h>

#include "report/rundoc.h"

/*
 * Looks at the packets.npy beside a document that was read from a directory or its run.json: whether it is there,
 * whole, and as long as the document says. What is not so is added to the note. Nothing where the document has no
 * list of packets.
 */
void ws_study_packets(struct ws_rundoc *d);

/*
 * latency --one-way and reflect --receive-only, matched by run id, stream and sequence: a document of kind LATENCY
 * (command "report", mode "joined") with the fields of a latency run.
 *
 * Latency is the receiver's kernel_rx minus the sender's driver_tx; where a run has none of these, the next best
 * instants that both hosts took by clocks of the same kind. Its bound is what the two clocks allow: of the same
 * clock (both documents have the same boot_id), the stamps' resolution; where both kernels say that they are
 * synchronised, the sum of how far they may be off; else unknown, with a warning.
 *
 * sender and receiver are directories with run.json and packets.npy, in either order. 0, or -errno with a sentence in
 * why. Memory: 16 bytes for each packet of the largest run, if its packets did not arrive in order.
 */
int ws_rundoc_join(struct ws_rundoc **ret, const char *sender, const char *receiver, char *why,
	size_t why_size);
