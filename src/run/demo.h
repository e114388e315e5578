/* SPDX-License-Identifier: BSD-2-Clause */
/* A little traffic for the lab, so that there is something to see: 100 probes a second, for a minute. */
#pragma once

#include "core/frame.h"

struct ws_demo;

/* Opens the sending side, in the calling thread's network namespace. 0 or -errno. */
int ws_demo_open(struct ws_demo **ret, int ifindex, const struct ws_frame_spec *frame);
/* Starts sending, on a thread of its own. 0 or -errno. */
int ws_demo_start(struct ws_demo *d);
/* Stops and closes it. Accepts NULL. */
void ws_demo_close(struct ws_demo *d);
