/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the command `probe`. */
#pragma once

#include "commands/endpoint.h"
#include "report/probe_result.h"

/* What could not be found out for want of rights: said once, in one warning. */
struct ws_probe_unseen {
	bool clocks; /* /dev/ptpN may not be opened */
	bool users;  /* who has one open */
	bool config;
};

/* All but the trial and the verdict, of an interface that was looked up. text: as it was given. */
void ws_probe_facts(struct ws_probe_interface *ret, const struct ws_end_nic *end,
	struct ws_probe_unseen *unseen);
/* What another interface, to which frames went, says of its stamps. */
void ws_probe_claims(struct ws_ts_caps *ret, const struct ws_end_nic *end);
/* From the facts and the trial. receiver: NULL where answers came back. */
void ws_probe_judge(
	struct ws_probe_interface *i, const char *receiver, const struct ws_ts_caps *receiver_caps);
/* What --repair finds. */
void ws_probe_repair(struct ws_probe_repair *ret);
