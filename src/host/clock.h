/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks of this host: reading, waiting, and relating one to another with a bound. */
#pragma once

#include "core/time.h"

/* CLOCK_MONOTONIC now, ns. */
int64_t ws_clock_now(void);

/*
 * Relates CLOCK_MONOTONIC to `to` (WS_CLOCK_REALTIME or WS_CLOCK_TAI): reads them in turn several
 * times and keeps the tightest bracket; the error is half of it plus the clocks' resolutions. For
 * any other clock: a relation from WS_CLOCK_NONE, which converts nothing.
 */
struct ws_relation ws_clock_relate(enum ws_clock to);
