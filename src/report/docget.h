/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of documents that anybody may have written. Private to the report layer and to what reads runs with it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Whole numbers: integers, and strings of digits, which is how numbers beyond 2^53 are written; and reals without
 * a fraction, as other programs may write them. False, and nothing written, for everything else.
 */
bool ws_get_unsigned(const json_t *value, uint64_t *ret);
bool ws_get_signed(const json_t *value, int64_t *ret);

/* A member of an object (of NULL, or of what is no object: missing). What is missing or null, or has
 * another type, is unknown: UINT64_MAX, the given value, NaN, the given value, NULL. */
uint64_t ws_get_count(const json_t *o, const char *key);
int64_t ws_get_integer(const json_t *o, const char *key, int64_t unknown);
double ws_get_real(const json_t *o, const char *key);
bool ws_get_bool(const json_t *o, const char *key, bool unknown);
const char *ws_get_text(const json_t *o, const char *key);

/* Copies as much as there is room for, cut between two characters of UTF-8; control characters become "?". */
void ws_copy_text(char *to, size_t size, const char *from);
