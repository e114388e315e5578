/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/load_flight.h"

#include <errno.h>
#include <stdlib.h>

struct departure {
	struct ws_load_stamp stamp;
	enum ws_departure what;
	bool missing;
};

/* A ring, by place mod its size. */
struct ws_load_flight {
	uint64_t head, tail;
	uint32_t size;
	struct departure ring[];
};

int ws_load_flight_new(struct ws_load_flight **ret, uint32_t size)
{
	struct ws_load_flight *f = calloc(1, sizeof(*f) + size * sizeof(f->ring[0]));

	if (!f) {
		return -ENOMEM;
	}
	f->size = size;
	*ret = f;
	return 0;
}

void ws_load_flight_free(struct ws_load_flight *f)
{
	free(f);
}

uint64_t ws_load_flight_next(const struct ws_load_flight *f)
{
	return f->head;
}

uint32_t ws_load_flight_room(const struct ws_load_flight *f)
{
	return f->size - (uint32_t)(f->head - f->tail);
}

void ws_load_flight_add(
	struct ws_load_flight *f, const struct ws_load_stamp *stamp, enum ws_departure what)
{
	f->ring[f->head++ % f->size] = (struct departure){.stamp = *stamp, .what = what};
}

void ws_load_flight_settle(struct ws_load_flight *f, uint64_t place, int64_t ns, bool missing)
{
	struct departure *d = &f->ring[place % f->size];

	d->stamp.ns = ns;
	d->missing = missing;
	d->what = WS_DEPARTURE_KNOWN;
}

void ws_load_flight_give_up(struct ws_load_flight *f)
{
	for (uint64_t i = f->tail; i != f->head; i++) {
		if (f->ring[i % f->size].what == WS_DEPARTURE_OPEN) {
			ws_load_flight_settle(f, i, 0, true);
		}
	}
}

uint64_t ws_load_flight_tell(struct ws_load_flight *f, struct ws_spsc *to, uint64_t *missing,
	uint64_t *unread, uint64_t otherwise)
{
	for (; f->tail != f->head; f->tail++) {
		const struct departure *d = &f->ring[f->tail % f->size];

		if (d->what == WS_DEPARTURE_OPEN) {
			return d->stamp.seq;
		}
		if (d->missing) {
			++*missing;
		} else if (d->what == WS_DEPARTURE_KNOWN && !ws_spsc_push(to, &d->stamp)) {
			++*unread;
		}
	}
	return otherwise;
}
