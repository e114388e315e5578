/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that the NIC itself dropped on receive, before the kernel saw them: as far as drivers say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_nic_drops {
	bool known;	  /* false: the driver does not say (virtual interfaces, no such counter) */
	uint64_t count;	  /* since the interface exists */
	char source[160]; /* which counters: "rx_missed_errors, ethtool rx_no_dma_resources" */
};

/*
 * Reads IFLA_STATS64 (rx_missed_errors, rx_fifo_errors, rx_over_errors) and the driver's own
 * statistics (ETHTOOL_GSTATS), in the calling thread's network namespace. One loss that stands in
 * several counters counts once. IFLA_STATS64 alone counts only if it is not 0: a driver that does
 * not count says 0, too. So what was unknown may become known. 0, or -ENODEV and other errors.
 */
int ws_nic_drops_get(const char *name, struct ws_nic_drops *ret);
