/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The far side of a two-way measurement: which frames are answered, and with what. Pure: times come in, none
 * is read; all memory is taken in ws_reflect_new().
 *
 * A probe of kind request is answered once, by a frame of the same length in which the addresses of every
 * layer changed sides. The answer carries the request's receive stamp, and the transmit stamp of the
 * oldest answer before it whose stamp has not travelled yet (core/frame.h). A probe of kind collect is
 * answered, too, but its answer has no receive stamp, and its own transmit stamp is not kept: a sender ends
 * with some, to get the stamps that are still here. Both are numbered in one row of sequences.
 *
 * Nothing else is ever answered: no answer, so that two reflectors cannot keep each other busy; no group or
 * broadcast address on any layer as source or destination; no address that cannot be anybody's on the
 * link (loopback, unspecified, the same on both sides), nor source port 0; nothing that is shorter than its
 * answer would be; no fragment, no IPv4 options (a source route would make the answer go elsewhere); and no
 * sequence a second time, as far as is remembered. Since answers are no probes, the source port of a request
 * may well be the reflector's own. Checksums of requests: IPv4 headers' have to be right, a UDP checksum
 * over IPv6 has to be there; UDP checksums are left to the NIC.
 *
 * Requests in PTP messages (core/frame.h) are answered in PTP messages of the same length: Sync for an event (Sync or
 * Delay_Req), so that cards which stamp nothing else stamp the way back, too; Signaling for Signaling, which none shall
 * stamp. The identity is that of the answer's source address, the sequence that of the payload. PTP messages of others are
 * no requests. Over layer 2 they are always answered; over UDP as plain ones are, from port WS_PTP_PORT to the source port.
 *
 * Answers keep up to two VLAN tags and the DSCP; TTL or hop limit is 64; behind the payload they are zero.
 *
 * A session is one sender's (source MAC and IP address, source port, run id, stream). When there are too
 * many, the one that was silent for longest makes room, if it was for WS_REFLECT_IDLE_NS. A frame that is
 * not answered makes no session.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/stamp.h"

#define WS_REFLECT_IDLE_NS	INT64_C(10000000000)
#define WS_REFLECT_SESSIONS_MAX 4096
/* Sequences of a session, back from the highest one, that are answered once only; older ones are not. */
#define WS_REFLECT_REMEMBER 65536
/* Transmit stamps that wait for an answer to travel in; then the oldest is dropped. */
#define WS_REFLECT_KEPT 4096

enum ws_reflect_verdict {
	WS_REFLECT_ANSWER,
	WS_REFLECT_OTHER,     /* no request, or to another station: not for us to say */
	WS_REFLECT_GROUP,     /* a request, but to or from a group address */
	WS_REFLECT_SHORT,     /* a request with no room for an answer */
	WS_REFLECT_MALFORMED, /* a request, but as above: lengths, addresses, a fragment, options */
	WS_REFLECT_REPEATED,  /* answered before, or too old to know */
	WS_REFLECT_LIMITED,   /* beyond the rate */
	WS_REFLECT_CROWDED,   /* no room for another session */
	WS_REFLECT_VERDICTS,
};
/*
 * "answered", "other", "group", "short", "malformed", "repeated", "limited", "crowded": the names used in
 * results.
 */
const char *ws_reflect_name(enum ws_reflect_verdict verdict);

struct ws_reflect_config {
	/* Requests over UDP come to it; 0: none do. WS_PTP_PORT: in PTP messages, and in no other way. */
	uint16_t udp_port;
	bool ptp_udp;	   /* they come to WS_PTP_PORT in PTP messages, besides */
	uint32_t sessions; /* at most; 1 to WS_REFLECT_SESSIONS_MAX; 104 KiB each */
	/* Answers a second of all sessions, with bursts of a tenth of it (64 at least); 0: no limit. */
	uint64_t max_pps;
	uint32_t
		boot; /* a number that all programs of this boot of the machine share; 0: unknown */
	enum ws_clock clock; /* that receive and transmit stamps are of; NONE: no stamp is told */
	uint8_t mac[6]; /* of the interface: requests to others are OTHER; zero: not looked at */
	uint32_t ipv4_broadcast; /* of its network, host order: a group address; 0: not known */
	/*
	 * Frames are from a UDP socket (`udp` of io/io.h), and the kernel judged their addresses: those of
	 * loopback are good, and one address may be on both sides if the ports differ.
	 */
	bool routed;
};

struct ws_reflect;

/* 0, -EINVAL (number of sessions, clock) or -ENOMEM. */
int ws_reflect_new(struct ws_reflect **ret, const struct ws_reflect_config *config);
void ws_reflect_free(struct ws_reflect *r);

/*
 * One received frame, whole (what was cut off is no request). For WS_REFLECT_ANSWER the answer, of
 * *ret_len = len bytes, is in buf, which has room for len and does not overlap data; *ret_cookie is for
 * ws_reflect_stamped(). Else nothing is written. rx: the frame's stamp; its time is told only if its clock
 * is the configuration's. now_ns: CLOCK_MONOTONIC, for limits alone.
 *
 * What is counted is sent, so an answer that cannot be sent after all is lost on the way as others are: tell
 * ws_reflect_stamped() of it, without a stamp.
 */
enum ws_reflect_verdict ws_reflect_frame(struct ws_reflect *r, const uint8_t *data, uint32_t len,
	const struct ws_stamp *rx, int64_t now_ns, uint8_t *buf, uint32_t *ret_len,
	uint64_t *ret_cookie);

/*
 * The transmit stamp of an answer, once for each that was sent. stamp NULL: it did not come; nor did one of
 * another clock. Ignored are cookies of sessions that are gone, and those of answers to collects, which
 * are 0: no stamp has to be asked for. (A session that leaps by 2^40 sequences counts as gone.)
 */
void ws_reflect_stamped(struct ws_reflect *r, uint64_t cookie, const struct ws_stamp *stamp);

/* How many frames got each verdict. */
const uint64_t *ws_reflect_counts(const struct ws_reflect *r);

struct ws_reflect_session {
	uint8_t mac[6];
	unsigned ip_version; /* 4, 6; 0: layer 2 */
	uint8_t ip[16];	     /* network order */
	uint16_t port;
	uint32_t run_id;
	uint16_t stream;
	uint64_t answered;  /* requests */
	uint64_t collected; /* answers to collects */
	uint64_t repeated, limited;
	uint64_t highest;	   /* sequence */
	uint64_t stamps_kept;	   /* still here */
	uint64_t stamps_dropped;   /* for lack of room */
	uint64_t stamps_missing;   /* that did not come */
	int64_t first_ns, last_ns; /* now_ns of its frames */
};
/* Those that are remembered, in the order of their first frames. *i begins at 0, and means nothing to the
 * caller; false at the end. */
bool ws_reflect_session_next(
	const struct ws_reflect *r, unsigned *i, struct ws_reflect_session *ret);
/* Sessions that were there, those that had to make room included. */
uint64_t ws_reflect_sessions(const struct ws_reflect *r);
