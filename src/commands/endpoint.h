/* SPDX-License-Identifier: BSD-2-Clause */
/* An interface as users name it, NAME or NAME@NETNS, looked up and checked for use. */
#pragma once

#include <stdbool.h>

#include "host/nic.h"

struct ws_end_nic {
	const char *text; /* as the user gave it */
	int netns;	  /* descriptor, -1: the current namespace */
	struct ws_nic nic;
};

/*
 * Looks it up. Prints one line and returns -1 when there is no such interface or namespace, or when
 * it cannot be used: loopback, not Ethernet, down, no carrier.
 */
int ws_end_nic_find(struct ws_end_nic *end, const char *text);
/* The same in a namespace that is open already (the lab's). */
int ws_end_nic_find_in(struct ws_end_nic *end, const char *name, int netns);
/* Both without the second condition: whoever calls decides what can be used. */
int ws_end_nic_look(struct ws_end_nic *end, const char *text);
int ws_end_nic_look_in(struct ws_end_nic *end, const char *name, int netns);
void ws_end_nic_close(struct ws_end_nic *end);

/* True if both are one interface of one namespace, whatever their names say. */
bool ws_end_nic_same(const struct ws_end_nic *a, const struct ws_end_nic *b);

/* Prints one line and returns -1 if it carries a default route and the user did not say --yes. */
int ws_end_nic_may_send(const struct ws_end_nic *end, bool yes);
