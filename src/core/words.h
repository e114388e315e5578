/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences put together from pieces, without the C library's formatted output. What does not fit is cut. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ws_words {
	char *buf;
	size_t size, len; /* len: without the final NUL, which is always there if size is not 0 */
};

/* Begins an empty text. */
void ws_words_start(struct ws_words *w, char *buf, size_t size);
/* Adds pieces; the last argument is NULL. */
void ws_words_add(struct ws_words *w, ...) __attribute__((sentinel));

#define WS_WORD_SIZE 32 /* of one number */

/* Each writes to buf and returns it. */
char *ws_word_count(char buf[WS_WORD_SIZE], uint64_t n); /* "1,234" */
char *ws_word_ns(
	char buf[WS_WORD_SIZE], int64_t ns); /* "8 ns", "1.02 us": 3 digits, rounded down */
char *ws_word_pps(char buf[WS_WORD_SIZE], double pps); /* "512 pps", "20.4 kpps": the same */
