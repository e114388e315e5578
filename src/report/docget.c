/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/docget.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every whole double below is a whole number, too, and fits. */
#define REAL_MAX 0x1p53

static bool all_digits(const char *text)
{
	return text[0] && text[strspn(text, "0123456789")] == '\0';
}

bool ws_get_unsigned(const json_t *value, uint64_t *ret)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*ret = (uint64_t)json_integer_value(value);
		return true;
	}
	if (json_is_real(value)) {
		double real = json_real_value(value);

		if (!(real >= 0 && real <= REAL_MAX) || real != floor(real)) {
			return false;
		}
		*ret = (uint64_t)real;
		return true;
	}
	if (json_is_string(value) && all_digits(json_string_value(value))) {
		unsigned long long n;

		errno = 0;
		n = strtoull(json_string_value(value), NULL, 10);
		if (errno != 0) {
			return false;
		}
		*ret = n;
		return true;
	}
	return false;
}

bool ws_get_signed(const json_t *value, int64_t *ret)
{
	const char *text = json_string_value(value);
	uint64_t n;

	if (json_is_integer(value)) {
		*ret = json_integer_value(value);
		return true;
	}
	if (json_is_real(value)) {
		double real = json_real_value(value);

		if (!(fabs(real) <= REAL_MAX) || real != floor(real)) {
			return false;
		}
		*ret = (int64_t)real;
		return true;
	}
	if (text && text[0] == '-' && all_digits(text + 1)) {
		long long negative;

		errno = 0;
		negative = strtoll(text, NULL, 10);
		if (errno != 0) {
			return false;
		}
		*ret = negative;
		return true;
	}
	if (!ws_get_unsigned(value, &n) || n > INT64_MAX) {
		return false;
	}
	*ret = (int64_t)n;
	return true;
}

uint64_t ws_get_count(const json_t *o, const char *key)
{
	uint64_t n;

	return ws_get_unsigned(json_object_get(o, key), &n) ? n : UINT64_MAX;
}

int64_t ws_get_integer(const json_t *o, const char *key, int64_t unknown)
{
	int64_t n;

	return ws_get_signed(json_object_get(o, key), &n) ? n : unknown;
}

double ws_get_real(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);
	int64_t n;

	if (json_is_real(value)) {
		return json_real_value(value);
	}
	return ws_get_signed(value, &n) ? (double)n : NAN;
}

bool ws_get_bool(const json_t *o, const char *key, bool unknown)
{
	const json_t *value = json_object_get(o, key);

	return json_is_boolean(value) ? json_is_true(value) : unknown;
}

const char *ws_get_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

void ws_copy_text(char *to, size_t size, const char *from)
{
	size_t len = strlen(from), i;

	if (len >= size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)from[i];

		to[i] = c < 0x20 || c == 0x7f ? '?' : from[i];
	}
	to[len] = '\0';
}
