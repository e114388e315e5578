/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lab: a private pair of connected interfaces, veth ws0 (198.18.0.1/24) and ws1
 * (198.18.0.2/24), each in a network namespace of its own. No root is needed where user namespaces
 * are allowed: then both namespaces belong to one new user namespace, in which the caller is root.
 *
 * The namespaces have no name; only descriptors and processes hold them. The kernel removes them
 * and the interfaces when the last holder ends, SIGKILL included: there is nothing to clean up or
 * to repair.
 */
#pragma once

#include <stddef.h>

#define WS_LAB_SIDES 2
#define WS_LAB_ENV   "WIRESTAMP_LAB_NS" /* + "0", "1": path of each side's namespace */

struct ws_lab {
	int ns[WS_LAB_SIDES]; /* descriptors of the namespaces */
};

extern const char *const ws_lab_ifname[WS_LAB_SIDES]; /* "ws0", "ws1" */

/*
 * Makes a lab, or joins the one that the environment names. Must be called before any thread is
 * started; afterwards the process is in the namespace of side 0 (and, if it was not root, in the
 * new user namespace). Both links are up and have carrier, addresses are set. Returns 0, or -errno
 * with a sentence in why that says what to do (no user namespaces here, which setting forbids it,
 * no veth in this kernel).
 */
int ws_lab_enter(struct ws_lab *lab, char *why, size_t why_size);

/* Closes the descriptors. */
void ws_lab_leave(struct ws_lab *lab);

/* For programs that are started inside: sets WIRESTAMP_LAB_NS0 and ..NS1 to paths under /proc that
 * stay valid as long as this process lives. 0 or -errno. */
int ws_lab_export(const struct ws_lab *lab);
