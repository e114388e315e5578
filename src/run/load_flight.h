/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Departures whose stamps are under way: stamps come in any order, and leave in the order of sequences. A
 * place is given to each packet before it is sent, and is its stamp's cookie. One thread.
 */
#pragma once

#include <stdbool.h>

#include "core/spsc.h"

/* A departure. */
struct ws_load_stamp {
	uint64_t seq;
	int64_t ns;
	int64_t intended_ns; /* after the start; INT64_MIN: flat out */
	uint32_t len;	     /* without FCS */
};

struct ws_load_flight;

/* size: departures under way at most. 0 or -ENOMEM. */
int ws_load_flight_new(struct ws_load_flight **ret, uint32_t size);
void ws_load_flight_free(struct ws_load_flight *f);

/* The place of the next departure; +1, +2... of those after it. */
uint64_t ws_load_flight_next(const struct ws_load_flight *f);
/* Places that are free. */
uint32_t ws_load_flight_room(const struct ws_load_flight *f);

enum ws_departure {
	WS_DEPARTURE_OPEN,    /* its stamp will come, or be missed */
	WS_DEPARTURE_KNOWN,   /* stamp.ns is it */
	WS_DEPARTURE_REFUSED, /* it did not leave; its place is used up all the same */
};
/* The packet of the next place was handed over. There must be room. */
void ws_load_flight_add(
	struct ws_load_flight *f, const struct ws_load_stamp *stamp, enum ws_departure what);
/* The stamp of a place came, or will not (missing). */
void ws_load_flight_settle(struct ws_load_flight *f, uint64_t place, int64_t ns, bool missing);
/* Those that are still open will not come. */
void ws_load_flight_give_up(struct ws_load_flight *f);

/*
 * Moves the oldest departures that are known into the queue, up to the first that is open. Adds to the counts
 * of those that were missed and those that found no room there. Returns the sequence of the first open one,
 * `otherwise` if there is none.
 */
uint64_t ws_load_flight_tell(struct ws_load_flight *f, struct ws_spsc *to, uint64_t *missing,
	uint64_t *unread, uint64_t otherwise);
