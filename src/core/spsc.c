/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/spsc.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Two lines: x86-64 fetches lines in pairs, and some arm64 cores have lines of 128 bytes. */
#define APART 128

/* Positions run on and wrap at SIZE_MAX + 1, a multiple of every capacity. */
struct ws_spsc {
	/* written by new alone */
	alignas(APART) size_t capacity;
	size_t mask;
	size_t record_size;
	unsigned char *records;
	/* the producer's line */
	alignas(APART) _Atomic size_t head; /* records pushed */
	size_t seen_tail;
	/* the consumer's line */
	alignas(APART) _Atomic size_t tail; /* records popped */
	size_t seen_head;
};

int ws_spsc_new(struct ws_spsc **ret, uint32_t capacity, size_t record_size)
{
	struct ws_spsc *q;
	size_t len;

	if (capacity == 0 || (capacity & (capacity - 1)) != 0 || record_size == 0) {
		return -EINVAL;
	}
	if (record_size > (SIZE_MAX - APART) / capacity) {
		return -ENOMEM;
	}
	len = (capacity * record_size + APART - 1) / APART * APART;
	q = aligned_alloc(APART, sizeof(*q));
	if (!q) {
		return -ENOMEM;
	}
	q->records = aligned_alloc(APART, len);
	if (!q->records) {
		free(q);
		return -ENOMEM;
	}
	/* The kernel supplies a page at its first write: now, not amid a measurement. */
	memset(q->records, 0, len);
	q->capacity = capacity;
	q->mask = capacity - 1;
	q->record_size = record_size;
	atomic_init(&q->head, 0);
	atomic_init(&q->tail, 0);
	q->seen_head = 0;
	q->seen_tail = 0;
	*ret = q;
	return 0;
}

void ws_spsc_free(struct ws_spsc *q)
{
	if (!q) {
		return;
	}
	free(q->records);
	free(q);
}

bool ws_spsc_push(struct ws_spsc *q, const void *record)
{
	size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);

	if (head - q->seen_tail == q->capacity) {
		/* Pairs with the release in pop: the record's last reading is over. */
		q->seen_tail = atomic_load_explicit(&q->tail, memory_order_acquire);
		if (head - q->seen_tail == q->capacity) {
			return false;
		}
	}
	memcpy(q->records + (head & q->mask) * q->record_size, record, q->record_size);
	atomic_store_explicit(&q->head, head + 1, memory_order_release);
	return true;
}

const void *ws_spsc_front(struct ws_spsc *q)
{
	size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

	if (tail == q->seen_head) {
		/* Pairs with the release in push: the record is complete. */
		q->seen_head = atomic_load_explicit(&q->head, memory_order_acquire);
		if (tail == q->seen_head) {
			return NULL;
		}
	}
	return q->records + (tail & q->mask) * q->record_size;
}

void ws_spsc_pop(struct ws_spsc *q)
{
	size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

	atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
}
