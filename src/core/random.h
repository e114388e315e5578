/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers that can be repeated: each is a function of a seed, a stream and an index, with no
 * state in between. So packet n has the same random fields whichever thread builds it, in whatever
 * order. Integer arithmetic alone: the same on every machine. Not for secrets.
 */
#pragma once

#include <stdint.h>

/* One stream for each purpose, so that none follows another. */
enum ws_random_stream {
	WS_RANDOM_GAP,	   /* of a Poisson schedule */
	WS_RANDOM_SIZE,	   /* of frames */
	WS_RANDOM_PAYLOAD, /* index: position in the payload, in steps of 8 bytes */
	WS_RANDOM_SYN,	   /* sequence numbers of TCP */
	WS_RANDOM_FIELD,   /* + enum ws_field; so the last one */
};

/* 64 random bits. */
uint64_t ws_random_at(uint64_t seed, unsigned stream, uint64_t index);
/* The same in two steps, for many indices: ws_random_keyed(ws_random_key(seed, stream), index). */
uint64_t ws_random_key(uint64_t seed, unsigned stream);
uint64_t ws_random_keyed(uint64_t key, uint64_t index);
/* From 64 random bits: uniform in [0, limit), with a bias below limit / 2^64. limit > 0. */
uint64_t ws_random_below(uint64_t bits, uint64_t limit);
/*
 * From 64 random bits: exponential with mean 1, in units of 2^-32. It is -ln((bits + 1/2) / 2^64), right
 * within 2^-30, so between 0 and 45.1.
 */
uint64_t ws_random_exponential(uint64_t bits);
