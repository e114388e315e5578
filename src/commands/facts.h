/* SPDX-License-Identifier: BSD-2-Clause */
/* What a report says of the machine, its interfaces and its clock. */
#pragma once

#include "commands/endpoint.h"
#include "report/result.h"

/* Also the time of now, as the start. */
void ws_facts_fill(struct ws_host_facts *host, char started[40]);
void ws_facts_endpoint(struct ws_endpoint *ret, const struct ws_end_nic *end);
void ws_facts_clock(struct ws_clock_facts *ret);
