/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The far side: answers probes, or only receives them and keeps records, until it is told to stop. One thread,
 * the caller's.
 */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>

#include "file/packets.h"
#include "io/io.h"
#include "report/reflect_result.h"

struct ws_reflect_granted {
	const char *backend;
	uint64_t rx_buffer;
	uint16_t udp_port; /* of the `udp` backend */
};

struct ws_reflect_setup {
	const char *name;			  /* of the interface, for messages */
	int netns;				  /* descriptor, -1: the current one */
	int ifindex;				  /* 0: a routed socket without interface */
	const char *backend;			  /* NULL: auto */
	const struct sockaddr_storage *udp_local; /* of the `udp` backend; else NULL */
	uint16_t port;
	bool ptp_udp;	/* probes in PTP messages come to WS_PTP_PORT, too */
	uint8_t mac[6]; /* of the interface; zero: there is none */
	uint32_t frame_max;
	bool receive_only;
	struct ws_packets_writer *packets; /* receive_only: a row for each packet; NULL: none */
	enum ws_origin origin;		   /* HARDWARE, SOFTWARE or USER, of both stamps */
	enum ws_clock hw_clock;		   /* of HARDWARE */
	uint64_t max_pps;
	uint32_t sessions;
	uint32_t boot;
	int64_t duration_ns; /* 0: until it is stopped */
	int cpu;	     /* -1: anywhere */
	int until_eof;	     /* descriptor whose end of input ends it; -1: none */
	const atomic_int *stop;
	/* Called once everything is open, before anything is answered, from the same thread; may be NULL. It may still set
	 * `packets`. 0, or -errno, which ends it. */
	int (*ready)(void *arg, const struct ws_reflect_granted *granted);
	/* Called about each second; may be NULL. */
	void (*progress)(void *arg, double seconds, uint64_t received, uint64_t answered);
	void *arg;
};

/* 0 when there is a result, even if a fault ended it; -errno when it could not begin. */
int ws_reflect_run(const struct ws_reflect_setup *setup, struct ws_reflect_result *ret);
