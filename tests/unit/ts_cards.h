/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What cards, and interfaces without one, say of their time stamps: as their drivers (Linux 6.1 to 6.18) answer. Plain
 * data. That of these answers these capabilities come is tested in test_tsinfo.c; what a person can do with them is in
 * the verdicts.
 */
#pragma once

#include "core/tscaps.h"

#include <stdbool.h>
#include <stddef.h>

struct ts_card {
	const char *name;	/* of the case: letters, digits and dashes; "igc-i226" */
	const char *driver;	/* "" where ethtool does not know it */
	bool virtual_device;	/* no bus below it */
	bool up, running;	/* running: it has a link */
	unsigned tx_in_flight;	/* hardware transmit stamps it works on at a time; 0: not known */
	struct ws_ts_caps caps; /* as ws_ts_caps come of a kernel that lists all providers */
};

extern const struct ts_card ts_cards[];
extern const size_t ts_cards_count;

/* NULL: there is none of that name. */
const struct ts_card *ts_card(const char *name);
