/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue disciplines of an interface, by rtnetlink (linux/pkt_sched.h): what they are, what they drop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_rtnl;

struct ws_qdisc_facts {
	char root[16];	 /* kind of the root: "noqueue", "mq", "tbf", ... */
	char leaves[64]; /* kinds below it, each once: "fq", "fq_codel, pfifo"; empty: none. When
			      there are too many it ends with "..." */
	unsigned count;	 /* of all that `tc qdisc` lists for the way out */
	bool shapes;	 /* one of them limits or orders the rate: anything but noqueue, pfifo_fast,
			      pfifo, bfifo, mq, multiq, fq, fq_codel and the like, which only share;
			      and fq with a maxrate */
	bool launch_etf,
		launch_fq; /* what packets meet honours launch times: etf; fq: all of them are,
				       root or, below mq and its like, each leaf */
	/* of the root, which with mq and its like counts for its leaves. The kernel's counters but
	 * packets have 32 bits: take differences modulo 2^32. 0 if it counts nothing (noqueue). */
	uint64_t packets, drops, overlimits, requeues;
	uint32_t backlog_packets;
};

/*
 * In the namespace of nl. 0, -ENODEV (no such interface, or the kernel tells of none for it) or -errno;
 * then *ret is as before. An interface that was never up has "noop", which drops everything.
 */
int ws_qdisc_look(struct ws_rtnl *nl, int ifindex, struct ws_qdisc_facts *ret);

/* Whether sending past the queue discipline (PACKET_QDISC_BYPASS) changes nothing but its cost: the root is
 * noqueue, pfifo_fast, mq, fq_codel or fq, with mq no leaf is another, and no fq has a maxrate. */
bool ws_qdisc_may_bypass(const struct ws_qdisc_facts *q);
