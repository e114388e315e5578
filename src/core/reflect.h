/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The far side of a two-way measurement: which frames are answered, and with what. Pure: times come in, none
 * is read; all memory is taken in ws_reflect_new().
 *
 * A probe of kind request is answered once, by a frame of the same length in which the addresses of every
 * layer changed sides. The answer carries the request's receive stamp, and the transmit stamp of an
 * answer that was sent before (core/frame.h). A probe of kind collect is answered, too, but its answer
 * has no receive stamp, and its own transmit stamp is not kept: a sender ends with some, to get the stamps
 * that are still here. Nothing else is ever answered: no answer, no group or broadcast address on any
 * layer as source or destination, nothing that is shorter than its answer would be, no fragment, and no
 * sequence a second time, as far as is remembered.
 *
 * A session is one sender's (source MAC and IP address, source port, run id, stream). When there are too
 * many, the one that was silent for longest makes room, if it was for WS_REFLECT_IDLE_NS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/frame.h"
#include "core/stamp.h"

#define WS_REFLECT_IDLE_NS  INT64_C(10000000000)
#define WS_REFLECT_REMEMBER 65536 /* sequences of a session, back from the highest one, that are answered once only */
#define WS_REFLECT_KEPT	    4096  /* transmit stamps that wait for an answer to travel in; then the oldest is dropped */

enum ws_reflect_verdict {
	WS_REFLECT_ANSWER,
	WS_REFLECT_OTHER,     /* no request: not for us to say */
	WS_REFLECT_GROUP,     /* a request, but to or from a group address */
	WS_REFLECT_SHORT,     /* a request with no room for an answer */
	WS_REFLECT_MALFORMED, /* lengths or addresses that contradict, a fragment */
	WS_REFLECT_REPEATED,  /* answered before, or too old to know */
	WS_REFLECT_LIMITED,   /* beyond the rate */
	WS_REFLECT_CROWDED,   /* no room for another session */
	WS_REFLECT_VERDICTS,
};
/* "answered", "other", "group", "short", "malformed", "repeated", "limited", "crowded": the names used in results. */
const char *ws_reflect_name(enum ws_reflect_verdict verdict);

struct ws_reflect_config {
	uint16_t udp_port;     /* requests over UDP come to it */
	uint32_t sessions;     /* at most; at least 1 */
	uint64_t max_pps;      /* answers a second of all sessions, with bursts of a tenth of it (64 at least); 0: no limit */
	uint32_t boot;	       /* a number that all programs of this boot of the machine share; 0: unknown */
	enum ws_clock clock;   /* that receive and transmit stamps are of */
};

struct ws_reflect;

/* 0, -EINVAL or -ENOMEM. */
int ws_reflect_new(struct ws_reflect **ret, const struct ws_reflect_config *config);
void ws_reflect_free(struct ws_reflect *r);

/*
 * One received frame. For WS_REFLECT_ANSWER the answer, of *ret_len = len bytes, is in buf, which has room
 * for len; *ret_cookie is for ws_reflect_stamped(). rx: the frame's stamp; its time is told only if its
 * clock is the configuration's. now_ns: CLOCK_MONOTONIC, for limits alone.
 */
enum ws_reflect_verdict ws_reflect_frame(struct ws_reflect *r, const uint8_t *data, uint32_t len,
	const struct ws_stamp *rx, int64_t now_ns, uint8_t *buf, uint32_t *ret_len, uint64_t *ret_cookie);

/* The transmit stamp of an answer, once for each that was sent. stamp NULL: it did not come. Cookies of
 * sessions that are gone are ignored. */
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
	uint64_t answered, repeated, limited;
	uint64_t highest;	 /* sequence */
	uint64_t stamps_kept;	 /* still here */
	uint64_t stamps_dropped; /* for lack of room */
	uint64_t stamps_missing; /* that did not come */
	int64_t first_ns, last_ns; /* now_ns of its frames */
};
/* Those that are remembered, in the order of their first frames. *i begins at 0; false at the end. */
bool ws_reflect_session_next(const struct ws_reflect *r, unsigned *i, struct ws_reflect_session *ret);
/* Sessions that were there, those that had to make room included. */
uint64_t ws_reflect_sessions(const struct ws_reflect *r);
