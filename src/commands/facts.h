/* SPDX-License-Identifier: BSD-2-Clause */
/* What every result says of when and where it was made. */
#pragma once

#include "report/result.h"

/* The machine, and the time now as RFC 3339 with nanoseconds, UTC. */
void ws_facts_fill(struct ws_host_facts *host, char started[40]);
