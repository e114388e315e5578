/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/words.h"

#include <stdarg.h>
#include <string.h>

void ws_words_start(struct ws_words *w, char *buf, size_t size)
{
	*w = (struct ws_words){.buf = buf, .size = size};
	if (size) {
		buf[0] = '\0';
	}
}

void ws_words_add(struct ws_words *w, ...)
{
	const char *piece;
	va_list args;

	va_start(args, w);
	while ((piece = va_arg(args, const char *)) != NULL) {
		size_t len = strlen(piece);
		size_t room = w->size > w->len ? w->size - w->len - 1 : 0;

		if (len > room) {
			len = room;
		}
		if (len) {
			memcpy(w->buf + w->len, piece, len);
			w->len += len;
			w->buf[w->len] = '\0';
		}
	}
	va_end(args);
}

/* The digits of n from the end of a buffer backwards; comma: between groups of three. */
static char *digits(char buf[WS_WORD_SIZE], uint64_t n, int comma)
{
	char *p = buf + WS_WORD_SIZE;
	unsigned count = 0;

	*--p = '\0';
	do {
		if (comma && count && count % 3 == 0) {
			*--p = ',';
		}
		*--p = (char)('0' + n % 10);
		n /= 10;
		count++;
	} while (n);
	memmove(buf, p, (size_t)(buf + WS_WORD_SIZE - p));
	return buf;
}

char *ws_word_count(char buf[WS_WORD_SIZE], uint64_t n)
{
	return digits(buf, n, 1);
}

/* Three digits of n thousandths, and a unit. */
static char *three(char buf[WS_WORD_SIZE], uint64_t milli, const char *unit)
{
	/* 1.23, 12.3, 123, 1230 */
	uint64_t whole = milli / 1000, rest = milli % 1000;
	unsigned places = whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
	size_t len;

	digits(buf, whole, 0);
	len = strlen(buf);
	rest /= places == 2 ? 10 : places == 1 ? 100 : 1000;
	while (places && rest % 10 == 0) { /* 1.50 says no more than 1.5 */
		rest /= 10;
		places--;
	}
	if (places) {
		buf[len++] = '.';
		for (unsigned i = places; i-- > 0; rest /= 10) {
			buf[len + i] = (char)('0' + rest % 10);
		}
		len += places;
	}
	memcpy(buf + len, unit, strlen(unit) + 1);
	return buf;
}

char *ws_word_ns(char buf[WS_WORD_SIZE], int64_t ns)
{
	uint64_t n = ns < 0 ? 0 : (uint64_t)ns;

	if (n < 1000) {
		return three(buf, n * 1000, " ns");
	}
	if (n < 1000000) {
		return three(buf, n, " us");
	}
	if (n < 1000000000) {
		return three(buf, n / 1000, " ms");
	}
	return three(buf, n / 1000000, " s");
}

char *ws_word_pps(char buf[WS_WORD_SIZE], double pps)
{
	uint64_t milli = pps > 0 && pps < 1e15 ? (uint64_t)(pps * 1000) : 0;

	if (milli < 1000 * UINT64_C(1000)) {
		return three(buf, milli, " pps");
	}
	if (milli < 1000000 * UINT64_C(1000)) {
		return three(buf, milli / 1000, " kpps");
	}
	return three(buf, milli / 1000000, " Mpps");
}
