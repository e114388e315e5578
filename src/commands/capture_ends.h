/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of a capture: looked up and checked, with the filter compiled for each, hardware stamps
 * asked for, and the drops of their NICs. What is wrong is said in one line.
 */
#pragma once

#include "commands/capture_options.h"
#include "commands/endpoint.h"
#include "host/filter.h"
#include "host/hwtstamp.h"
#include "host/lab.h"
#include "host/nic_drops.h"

/* One interface. */
struct ws_capture_end {
	struct ws_end_nic end;
	bool any;
	struct ws_filter filter;
	struct ws_hwtstamp *hwtstamp;
	struct ws_nic_drops drops; /* at the start */
	bool reachable;		   /* its namespace is the one that we are in */
};

struct ws_capture_ends {
	const struct ws_capture_options *o;
	struct ws_lab lab; /* both namespaces -1 if there is none */
	struct ws_capture_end *ifaces;
	unsigned count;
	struct ws_capture_interface *interfaces; /* the same, for the capture */
};

/* Enters the lab, if it is wanted, and looks the interfaces up. 0 or -1. */
int ws_capture_ends_find(struct ws_capture_ends *s, const struct ws_capture_options *o);
/* Fills in s->interfaces. Goes to the namespace of the interfaces, if it is one: later there may be no
 * right to. 0 or -1. */
int ws_capture_ends_prepare(struct ws_capture_ends *s, struct ws_warnings *warnings);
/* Remembers what the NICs have dropped before the capture... */
void ws_capture_ends_look(struct ws_capture_ends *s);
/* ...and tells what they have dropped since, where that is known. */
void ws_capture_ends_drops(const struct ws_capture_ends *s, struct ws_capture_report *report);
/* Also puts back what was changed at the interfaces. */
void ws_capture_ends_close(struct ws_capture_ends *s);
