/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring of records from one producing to one consuming thread: no locks, no allocation after new.
 * Each side keeps its own copy of the other's position, so that a shared line moves only when
 * needed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_spsc;

/* capacity is a power of two. 0, -EINVAL or -ENOMEM. All memory is touched here. */
int ws_spsc_new(struct ws_spsc **ret, uint32_t capacity, size_t record_size);
void ws_spsc_free(struct ws_spsc *q);

/* Producer. Copies one record in; false if the ring is full. */
bool ws_spsc_push(struct ws_spsc *q, const void *record);
/* Consumer. The oldest record, or NULL; it stays valid until ws_spsc_pop(). */
const void *ws_spsc_front(struct ws_spsc *q);
/* Only after ws_spsc_front() gave a record. */
void ws_spsc_pop(struct ws_spsc *q);
