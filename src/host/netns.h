/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network namespaces: sockets belong to the namespace in which they were opened, so that a program
 * can hold sockets of several. A namespace is entered by one thread, for as long as it takes to
 * open things.
 */
#pragma once

/* A descriptor of the calling thread's network namespace, or -errno. */
int ws_netns_current(void);
/*
 * A descriptor of a named network namespace as `ip netns` keeps them (/run/netns/NAME); a name with
 * a slash is a path (/proc/PID/ns/net). Returns it, or -errno (-ENOENT: no such namespace, -EINVAL:
 * what is there is no network namespace, -EACCES).
 */
int ws_netns_open(const char *name);
/*
 * Moves the calling thread into ns_fd. Returns a descriptor of the namespace that it was in, for
 * ws_netns_leave(), or -errno. An ns_fd of -1 means the current namespace: nothing is changed, and
 * a value (not negative, no descriptor) with which ws_netns_leave() does nothing is returned.
 */
int ws_netns_enter(int ns_fd);
/* Goes back and closes the descriptor. Aborts the program if the kernel refuses: going on in the
 * wrong namespace would send traffic where nobody asked for it. */
void ws_netns_leave(int saved);
