/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reflector remembers: reflect_table.c keeps it, reflect.c judges and answers frames by it.
 */
#pragma once

#include "core/reflect.h"

#define WS_REFLECT_KEY_WORDS 4

/* Orders that all sessions stand in. */
enum ws_reflect_order { WS_REFLECT_BY_BIRTH, WS_REFLECT_BY_SILENCE, WS_REFLECT_ORDERS };

struct ws_reflect_key {
	uint8_t mac[6];
	uint8_t ip_version, zero;
	uint8_t ip[16];
	uint16_t port, stream;
	uint32_t run_id;
};

_Static_assert(sizeof(struct ws_reflect_key) == WS_REFLECT_KEY_WORDS * 8,
	"a key has no holes, and is hashed by words");

/* A transmit stamp that waits. */
struct ws_reflect_stamp {
	uint64_t seq;
	int64_t ns;
	uint8_t origin;
};

struct ws_reflect_one {
	struct ws_reflect_key key;
	/* The table's end is before the first and behind the last. */
	uint32_t prev[WS_REFLECT_ORDERS], next[WS_REFLECT_ORDERS];
	uint32_t chain;		       /* the next one of the same hash, or the table's end */
	uint32_t life;		       /* 1 to LIFE_MASK, so that no cookie is 0 */
	uint64_t life_seq;	       /* the highest sequence when that life began */
	uint64_t *seen;		       /* a bit for each of WS_REFLECT_REMEMBER sequences */
	struct ws_reflect_stamp *kept; /* a ring of WS_REFLECT_KEPT */
	uint32_t kept_first, kept_count;
	uint64_t answered, collected, repeated, limited, highest;
	uint64_t stamps_dropped, stamps_missing;
	int64_t first_ns, last_ns;
};

struct ws_reflect {
	struct ws_reflect_config c;
	uint64_t counts[WS_REFLECT_VERDICTS];
	uint64_t born;			 /* sessions so far */
	uint32_t used;			 /* slots */
	struct ws_reflect_one *sessions; /* one more than there may be: the end of the orders */
	uint32_t *buckets, bucket_mask;
	uint64_t salt;
	uint64_t *seen;
	struct ws_reflect_stamp *kept;
	/* A token bucket: in billionths of an answer, so that no rate is rounded. */
	unsigned __int128 credit, credit_max;
	int64_t credit_ns;
	bool credit_started;
};

/* By key; NULL: it is not there. */
struct ws_reflect_one *ws_reflect_find(struct ws_reflect *r, const struct ws_reflect_key *key);
/* Whether a session can be added, if only in place of one that was silent for long. */
bool ws_reflect_has_room(const struct ws_reflect *r, int64_t now_ns);
/* Adds one that is not there, with seq as its first sequence. There is room. */
struct ws_reflect_one *ws_reflect_add(
	struct ws_reflect *r, const struct ws_reflect_key *key, uint64_t seq, int64_t now_ns);
/* The session was heard of. */
void ws_reflect_touch(struct ws_reflect *r, struct ws_reflect_one *s, int64_t now_ns);

/* Whether seq was answered, or is too old to know. */
bool ws_reflect_is_repeated(const struct ws_reflect_one *s, uint64_t seq);
/* It is answered. Not of one that is repeated. */
void ws_reflect_remember(struct ws_reflect_one *s, uint64_t seq);

/* Takes the oldest transmit stamp that waits, if there is one, into the answer. */
void ws_reflect_take_oldest(struct ws_reflect_one *s, enum ws_clock clock, struct ws_probe *answer);
/* Whether an answer can tell it. NULL: no. */
bool ws_reflect_is_usable(const struct ws_reflect *r, const struct ws_stamp *stamp);
/* For ws_reflect_stamped(). Of a sequence that is remembered. */
uint64_t ws_reflect_cookie(
	const struct ws_reflect *r, const struct ws_reflect_one *s, uint64_t seq);
