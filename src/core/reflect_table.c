// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame_own.h"
#include "core/random.h"
#include "core/reflect.h"
#include "core/reflect_own.h"

#define LINE	   64
#define WORD_BITS  64
#define SEEN_WORDS (WS_REFLECT_REMEMBER / WORD_BITS)
#define BURST_MIN  64
#define BURST_PART 10

/* A cookie: the life of a slot of the table, the slot, and the low bits of a sequence. */
#define COOKIE_SEQ_BITS	 40
#define COOKIE_SLOT_BITS 12
#define COOKIE_LIFE_BITS 12
#define SEQ_MASK	 ((UINT64_C(1) << COOKIE_SEQ_BITS) - 1)
#define SLOT_MASK	 ((1u << COOKIE_SLOT_BITS) - 1)
#define LIFE_MASK	 ((1u << COOKIE_LIFE_BITS) - 1)

_Static_assert(WS_REFLECT_SESSIONS_MAX == 1 << COOKIE_SLOT_BITS, "a cookie names each session");

static bool clock_is_known(enum ws_clock clock)
{
	switch (clock) {
	case WS_CLOCK_NONE:
	case WS_CLOCK_MONOTONIC:
	case WS_CLOCK_REALTIME:
	case WS_CLOCK_TAI:
		return true;
	default:
		return (int)clock >= WS_CLOCK_PHC;
	}
}

/* Zeroed, and written to: the kernel supplies a page at its first write, which delays an answer. */
static void *alloc_touched(size_t count, size_t size)
{
	size_t len = (count * size + LINE - 1) / LINE * LINE;
	void *memory = aligned_alloc(LINE, len);

	if (memory) {
		memset(memory, 0, len);
	}
	return memory;
}

static bool alloc_all(struct ws_reflect *r)
{
	uint32_t n = r->c.sessions, buckets = 1;

	while (buckets < 2 * n) {
		buckets *= 2;
	}
	r->bucket_mask = buckets - 1;
	r->sessions = alloc_touched(n + 1, sizeof(*r->sessions));
	r->buckets = alloc_touched(buckets, sizeof(*r->buckets));
	r->seen = alloc_touched((size_t)n * SEEN_WORDS, sizeof(*r->seen));
	r->kept = alloc_touched((size_t)n * WS_REFLECT_KEPT, sizeof(*r->kept));
	if (!r->sessions || !r->buckets || !r->seen || !r->kept) {
		return false;
	}
	for (uint32_t i = 0; i < buckets; i++) {
		r->buckets[i] = n;
	}
	for (uint32_t i = 0; i < n; i++) {
		r->sessions[i].seen = r->seen + (size_t)i * SEEN_WORDS;
		r->sessions[i].kept = r->kept + (size_t)i * WS_REFLECT_KEPT;
	}
	for (unsigned o = 0; o < WS_REFLECT_ORDERS; o++) {
		r->sessions[n].prev[o] = r->sessions[n].next[o] = n;
	}
	return true;
}

int ws_reflect_new(struct ws_reflect **ret, const struct ws_reflect_config *config)
{
	unsigned __int128 burst = config->max_pps / BURST_PART;
	struct ws_reflect *r;

	if (config->sessions == 0 || config->sessions > WS_REFLECT_SESSIONS_MAX ||
		!clock_is_known(config->clock)) {
		return -EINVAL;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		return -ENOMEM;
	}
	r->c = *config;
	r->credit_max = (burst < BURST_MIN ? BURST_MIN : burst) * WS_NSEC_PER_SEC;
	r->credit = r->credit_max;
	if (!alloc_all(r)) {
		ws_reflect_free(r);
		return -ENOMEM;
	}
	/* Where memory is, nobody outside knows: so nobody can choose sessions of one hash. */
	r->salt = ws_random_keyed((uintptr_t)r, (uintptr_t)r->kept);
	*ret = r;
	return 0;
}

void ws_reflect_free(struct ws_reflect *r)
{
	if (r) {
		free(r->sessions);
		free(r->buckets);
		free(r->seen);
		free(r->kept);
		free(r);
	}
}

/* Orders of sessions. */

static void unlink_session(struct ws_reflect *r, enum ws_reflect_order order, uint32_t i)
{
	struct ws_reflect_one *s = &r->sessions[i];

	r->sessions[s->prev[order]].next[order] = s->next[order];
	r->sessions[s->next[order]].prev[order] = s->prev[order];
}

static void append_session(struct ws_reflect *r, enum ws_reflect_order order, uint32_t i)
{
	uint32_t end = r->c.sessions, last = r->sessions[end].prev[order];

	r->sessions[i].prev[order] = last;
	r->sessions[i].next[order] = end;
	r->sessions[last].next[order] = i;
	r->sessions[end].prev[order] = i;
}

/* The session was heard of. */
void ws_reflect_touch(struct ws_reflect *r, struct ws_reflect_one *s, int64_t now_ns)
{
	uint32_t i = (uint32_t)(s - r->sessions);

	s->last_ns = now_ns;
	if (s->next[WS_REFLECT_BY_SILENCE] != r->c.sessions) {
		unlink_session(r, WS_REFLECT_BY_SILENCE, i);
		append_session(r, WS_REFLECT_BY_SILENCE, i);
	}
}

/* The table of sessions. */

static uint32_t *bucket_of(struct ws_reflect *r, const struct ws_reflect_key *key)
{
	uint64_t words[WS_REFLECT_KEY_WORDS], hash = r->salt;

	memcpy(words, key, sizeof(words));
	for (unsigned i = 0; i < WS_REFLECT_KEY_WORDS; i++) {
		hash = ws_random_keyed(hash, words[i]);
	}
	return &r->buckets[hash & r->bucket_mask];
}

struct ws_reflect_one *ws_reflect_find(struct ws_reflect *r, const struct ws_reflect_key *key)
{
	uint32_t i = *bucket_of(r, key);

	while (i != r->c.sessions && memcmp(&r->sessions[i].key, key, sizeof(*key)) != 0) {
		i = r->sessions[i].chain;
	}
	return i != r->c.sessions ? &r->sessions[i] : NULL;
}

/* False if the clock went back: then nothing was silent for long. */
static bool was_silent(const struct ws_reflect_one *s, int64_t now_ns)
{
	int64_t silence;

	return !__builtin_sub_overflow(now_ns, s->last_ns, &silence) &&
	       silence >= WS_REFLECT_IDLE_NS;
}

bool ws_reflect_has_room(const struct ws_reflect *r, int64_t now_ns)
{
	uint32_t oldest = r->sessions[r->c.sessions].next[WS_REFLECT_BY_SILENCE];

	return r->used < r->c.sessions || was_silent(&r->sessions[oldest], now_ns);
}

static void remove_session(struct ws_reflect *r, uint32_t i)
{
	uint32_t *at = bucket_of(r, &r->sessions[i].key);

	while (*at != i) {
		at = &r->sessions[*at].chain;
	}
	*at = r->sessions[i].chain;
	for (unsigned o = 0; o < WS_REFLECT_ORDERS; o++) {
		unlink_session(r, o, i);
	}
}

/* Cookies of the life before are of no use any more. */
static void begin_life(struct ws_reflect_one *s, uint64_t seq)
{
	s->life = s->life == LIFE_MASK ? 1 : s->life + 1;
	s->life_seq = seq;
}

/* There is room. */
struct ws_reflect_one *ws_reflect_add(
	struct ws_reflect *r, const struct ws_reflect_key *key, uint64_t seq, int64_t now_ns)
{
	uint32_t *bucket = bucket_of(r, key), i;
	struct ws_reflect_one *s;

	if (r->used < r->c.sessions) {
		i = r->used++;
	} else {
		i = r->sessions[r->c.sessions].next[WS_REFLECT_BY_SILENCE];
		remove_session(r, i);
	}
	s = &r->sessions[i];
	*s = (struct ws_reflect_one){
		.key = *key,
		.chain = *bucket,
		.life = s->life,
		.seen = s->seen,
		.kept = s->kept,
		.highest = seq,
		.first_ns = now_ns,
		.last_ns = now_ns,
	};
	memset(s->seen, 0, SEEN_WORDS * sizeof(*s->seen));
	begin_life(s, seq);
	*bucket = i;
	for (unsigned o = 0; o < WS_REFLECT_ORDERS; o++) {
		append_session(r, o, i);
	}
	r->born++;
	return s;
}

/* Sequences. */

static uint64_t seen_bit(uint64_t seq)
{
	return UINT64_C(1) << seq % WORD_BITS;
}

bool ws_reflect_is_repeated(const struct ws_reflect_one *s, uint64_t seq)
{
	if (seq > s->highest) {
		return false;
	}
	return s->highest - seq >= WS_REFLECT_REMEMBER ||
	       (s->seen[seq / WORD_BITS % SEEN_WORDS] & seen_bit(seq)) != 0;
}

/* Forgets `count` sequences from seq on, of which none is remembered any more. */
static void forget(struct ws_reflect_one *s, uint64_t seq, uint64_t count)
{
	if (count >= WS_REFLECT_REMEMBER) {
		memset(s->seen, 0, SEEN_WORDS * sizeof(*s->seen));
		return;
	}
	while (count > 0) {
		uint64_t bits = WORD_BITS - seq % WORD_BITS;
		uint64_t mask;

		bits = bits < count ? bits : count;
		mask = (bits == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << bits) - 1)
		       << seq % WORD_BITS;
		s->seen[seq / WORD_BITS % SEEN_WORDS] &= ~mask;
		seq += bits;
		count -= bits;
	}
}

void ws_reflect_remember(struct ws_reflect_one *s, uint64_t seq)
{
	if (seq > s->highest) {
		forget(s, s->highest + 1, seq - s->highest);
		s->highest = seq;
		/*
		 * All sequences of a life, those a little older than its beginning among them, can be
		 * told from the highest one and their low bits.
		 */
		if (seq - s->life_seq > SEQ_MASK - WS_REFLECT_REMEMBER) {
			begin_life(s, seq);
		}
	}
	s->seen[seq / WORD_BITS % SEEN_WORDS] |= seen_bit(seq);
}

/* Stamps that wait. */

static void keep(struct ws_reflect_one *s, const struct ws_reflect_stamp *stamp)
{
	if (s->kept_count == WS_REFLECT_KEPT) {
		s->kept_first = (s->kept_first + 1) % WS_REFLECT_KEPT;
		s->kept_count--;
		s->stamps_dropped++;
	}
	s->kept[(s->kept_first + s->kept_count) % WS_REFLECT_KEPT] = *stamp;
	s->kept_count++;
}

void ws_reflect_take_oldest(struct ws_reflect_one *s, enum ws_clock clock, struct ws_probe *answer)
{
	const struct ws_reflect_stamp *k = &s->kept[s->kept_first];

	if (s->kept_count == 0) {
		return;
	}
	answer->answer.tx = (struct ws_stamp){
		.time = {.ns = k->ns, .clock = clock},
		.origin = k->origin,
	};
	answer->answer.tx_seq = k->seq;
	s->kept_first = (s->kept_first + 1) % WS_REFLECT_KEPT;
	s->kept_count--;
}

bool ws_reflect_is_usable(const struct ws_reflect *r, const struct ws_stamp *stamp)
{
	return stamp && stamp->origin != WS_ORIGIN_NONE &&
	       (unsigned)stamp->origin < WS_ORIGIN_COUNT && r->c.clock != WS_CLOCK_NONE &&
	       stamp->time.clock == r->c.clock && stamp->time.ns != ANSWER_NO_TIME;
}

uint64_t ws_reflect_cookie(const struct ws_reflect *r, const struct ws_reflect_one *s, uint64_t seq)
{
	return (uint64_t)s->life << (COOKIE_SEQ_BITS + COOKIE_SLOT_BITS) |
	       (uint64_t)(s - r->sessions) << COOKIE_SEQ_BITS | (seq & SEQ_MASK);
}

void ws_reflect_stamped(struct ws_reflect *r, uint64_t cookie, const struct ws_stamp *stamp)
{
	uint32_t slot = (uint32_t)(cookie >> COOKIE_SEQ_BITS) & SLOT_MASK;
	uint64_t life = cookie >> (COOKIE_SEQ_BITS + COOKIE_SLOT_BITS);
	struct ws_reflect_one *s;

	if (slot >= r->used || r->sessions[slot].life != life) {
		return;
	}
	s = &r->sessions[slot];
	if (!ws_reflect_is_usable(r, stamp)) {
		s->stamps_missing++;
		return;
	}
	keep(s, &(struct ws_reflect_stamp){
			.seq = s->highest - ((s->highest - cookie) & SEQ_MASK),
			.ns = stamp->time.ns,
			.origin = (uint8_t)stamp->origin,
		});
}

const uint64_t *ws_reflect_counts(const struct ws_reflect *r)
{
	return r->counts;
}

bool ws_reflect_session_next(
	const struct ws_reflect *r, unsigned *i, struct ws_reflect_session *ret)
{
	/* One more than the session that was told last; 0: none was. */
	uint32_t last = *i == 0 ? r->c.sessions : *i - 1;
	uint32_t at = r->sessions[last].next[WS_REFLECT_BY_BIRTH];
	const struct ws_reflect_one *s = &r->sessions[at];

	if (at == r->c.sessions) {
		return false;
	}
	*ret = (struct ws_reflect_session){
		.ip_version = s->key.ip_version,
		.port = s->key.port,
		.run_id = s->key.run_id,
		.stream = s->key.stream,
		.answered = s->answered,
		.collected = s->collected,
		.repeated = s->repeated,
		.limited = s->limited,
		.highest = s->highest,
		.stamps_kept = s->kept_count,
		.stamps_dropped = s->stamps_dropped,
		.stamps_missing = s->stamps_missing,
		.first_ns = s->first_ns,
		.last_ns = s->last_ns,
	};
	memcpy(ret->mac, s->key.mac, sizeof(ret->mac));
	memcpy(ret->ip, s->key.ip, sizeof(ret->ip));
	*i = at + 1;
	return true;
}

uint64_t ws_reflect_sessions(const struct ws_reflect *r)
{
	return r->born;
}
