/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in a JSON document: for the tests of results. All of these fail the test if it is not so. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A document as it was printed, with its newline and without doubled keys. The text is freed. */
json_t *json_read(char *text, size_t size);

/* "runs.0.latency_ns.p50"; a "." within a key is written ",". */
json_t *json_at(json_t *o, const char *path);
void assert_int_at(json_t *o, const char *path, int64_t expected);
void assert_real_at(json_t *o, const char *path, double expected);
void assert_text_at(json_t *o, const char *path, const char *expected);
void assert_null_at(json_t *o, const char *path);
void assert_bool_at(json_t *o, const char *path, bool expected);
/* The object has these keys, in this order, and no others. */
void assert_keys_at(json_t *o, const char *path, const char *expected);
