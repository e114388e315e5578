/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/json_at.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

json_t *json_read(char *text, size_t size)
{
	json_error_t error;
	json_t *o;

	assert_true(size > 0);
	assert_int_equal(text[size - 1], '\n');
	o = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!o) {
		fail_msg("%s at %d in %s", error.text, error.position, text);
	}
	free(text);
	return o;
}

json_t *json_at(json_t *o, const char *path)
{
	char key[32], *comma;

	while (*path) {
		size_t len = strcspn(path, ".");

		assert_in_range(len, 1, sizeof(key) - 1);
		memcpy(key, path, len);
		key[len] = '\0';
		comma = strchr(key, ',');
		if (comma) {
			*comma = '.';
		}
		o = json_is_array(o) ? json_array_get(o, strtoul(key, NULL, 10))
				     : json_object_get(o, key);
		if (!o) {
			fail_msg("there is no %s", path);
		}
		path += len + (path[len] == '.');
	}
	return o;
}

void assert_int_at(json_t *o, const char *path, int64_t expected)
{
	if (!json_is_integer(json_at(o, path)) ||
		json_integer_value(json_at(o, path)) != expected) {
		fail_msg("%s is not the integer %lld", path, (long long)expected);
	}
}

void assert_real_at(json_t *o, const char *path, double expected)
{
	double diff;

	if (!json_is_real(json_at(o, path))) {
		fail_msg("%s is not a real", path);
	}
	diff = json_real_value(json_at(o, path)) - expected;
	if (diff > 1e-6 || diff < -1e-6) {
		fail_msg("%s is not %f", path, expected);
	}
}

void assert_text_at(json_t *o, const char *path, const char *expected)
{
	if (!json_is_string(json_at(o, path))) {
		fail_msg("%s is not a string", path);
	}
	assert_string_equal(json_string_value(json_at(o, path)), expected);
}

void assert_null_at(json_t *o, const char *path)
{
	if (!json_is_null(json_at(o, path))) {
		fail_msg("%s is not null", path);
	}
}

void assert_bool_at(json_t *o, const char *path, bool expected)
{
	if (!json_is_boolean(json_at(o, path)) || json_is_true(json_at(o, path)) != expected) {
		fail_msg("%s is not %s", path, expected ? "true" : "false");
	}
}

void assert_keys_at(json_t *o, const char *path, const char *expected)
{
	char keys[2048] = "";
	const char *key;
	json_t *value;

	json_object_foreach(json_at(o, path), key, value)
	{
		strcat(keys, keys[0] ? " " : "");
		strcat(keys, key);
	}
	assert_string_equal(keys, expected);
}
