/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance suite of the I/O contract (src/io/io.h): the same cases for every backend, and
 * for every pair of a sending and a receiving one. What connects the two, and how an interface is
 * taken down or removed, is the fixture's business.
 */
#pragma once

#include "io/io.h"

#define CONF_CASES    23 /* for every pair */
#define CONF_RX_CASES 11 /* for every receiver */

/* An interface index of a receiver's configuration that stands for all interfaces. */
#define CONF_ANY_IFINDEX (-1)

struct CMUnitTest;

struct conf_fixture {
	const char *name;	 /* of the pair, for the names of the cases */
	const char *backends[2]; /* of the sending side 0, and of the receiving side 1 */
	uint32_t mtu;
	/* Opens an instance on a side (0 or 1). Sets backend and ifindex of config unless they are
	 * set. */
	int (*open)(struct conf_fixture *fx, unsigned side, struct ws_io **ret,
		const struct ws_io_config *config);
	/* The index of a side's interface, as instances there see it. */
	int (*ifindex)(struct conf_fixture *fx, unsigned side);
	/* Bytes of a VLAN tag that are not there yet when a filter cuts a frame off. */
	uint32_t tag_apart;
	/* Time goes on by itself, so that a thread can send while another one receives. */
	bool concurrent;
	/* CLOCK_MONOTONIC of the instances. */
	int64_t (*now)(struct conf_fixture *fx);
	/* Takes the interface of a side down or up. 0 or -errno. */
	int (*link)(struct conf_fixture *fx, unsigned side, bool up);
	/* Removes both interfaces. 0 or -errno. */
	int (*remove)(struct conf_fixture *fx);
	/* Makes new ones after remove(). 0 or -errno. */
	int (*restore)(struct conf_fixture *fx);
	/* Lets everything that is under way arrive; NULL: nothing ever is for long. */
	void (*settle)(struct conf_fixture *fx);
	void *arg;
	/* The suite's own. */
	struct ws_io *opened[8];
	char names[CONF_CASES][64];
	char rx_names[CONF_RX_CASES][64];
};

/* Fills in the cases, to be run as part of a group. fx is used until they are done. */
void conf_cases(struct conf_fixture *fx, struct CMUnitTest ret[CONF_CASES]);
/* Those that are about the receiving side alone. */
void conf_rx_cases(struct conf_fixture *fx, struct CMUnitTest ret[CONF_RX_CASES]);
