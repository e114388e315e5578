/* SPDX-License-Identifier: BSD-2-Clause */
/* `probe IFACE --deliver PEER`: sends frames of all shapes to the peer, and fills in what came back. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "commands/endpoint.h"
#include "commands/probe_options.h"
#include "report/probe_result.h"

struct ws_probe_trial {
	const struct ws_probe_options *options; /* yes, ssh, remote_program */
	/*
	 * Where the frames go: another interface, NAME@NETNS, a remote reflector (MAC, IP, ssh://HOST/IFACE).
	 * peer_netns: if it is no descriptor (-1), the peer is looked up as any interface is; else it is that
	 * interface of this namespace (the lab's other side, ws_end_nic_find_in()).
	 */
	const char *peer;
	int peer_netns;
	bool progress; /* on stderr, which is a terminal: one line that is written over, gone at the end */
	const atomic_int *stop; /* enum ws_stop: what was found until then is the result */
};

/*
 * Everything under "--deliver" of *result: tried, peer, far_reflects, hardware_tx, hardware_rx, delivered[], rate, path; the rest of *result is
 * filled in already (caps, default_route). What could be tried only in part is a warning (without CAP_NET_ADMIN: software
 * stamps alone). The interface was looked up, not checked for use: that it is up, Ethernet and not the peer itself, and
 * whether it may send (ws_end_nic_may_send()), is checked here. 0, or an exit status after one line was printed: then
 * *result's part is as it was.
 */
int ws_probe_deliver(const struct ws_probe_trial *trial, struct ws_end_nic *end,
	struct ws_probe_interface *result, struct ws_warnings *warnings);
