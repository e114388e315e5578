/* SPDX-License-Identifier: BSD-2-Clause */
/* Owning a UDP port, so that the kernel answers nothing to what is sent there. */
#pragma once

#include <stdint.h>

/*
 * Binds an IPv4 UDP port in the calling thread's network namespace and lets nothing into the
 * socket. As long as it is open the kernel sends no "port unreachable" (ICMP) for packets to that
 * port, and stamps received packets, which it else begins only a moment after the first socket
 * asks. Returns the descriptor or -errno (-EADDRINUSE: another program has the port).
 */
int ws_port_own(uint16_t port);
