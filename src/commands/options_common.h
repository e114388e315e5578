/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What several commands' options take, into one value each. As ws_option.take: 0, or -1 with the rest
 * of the sentence in why; then the value stays as it was.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/units.h"

/* For a taker: what is wrong, and what would be right. */
#define WS_WHY(...) (snprintf(why, why_size, __VA_ARGS__), -1)

/* Defines take_NAME() of an option that only says yes; MEMBER is of what p points to. */
#define WS_TAKE_FLAG(NAME, MEMBER)                                                   \
	static int take_##NAME(void *p, const char *arg, char *why, size_t why_size) \
	{                                                                            \
		(void)arg, (void)why, (void)why_size;                                \
		(MEMBER) = true;                                                     \
		return 0;                                                            \
	}

/* A list of rates, at most max of them. Returns their number, at least 1, or -1. */
int ws_take_rates(struct ws_rate *ret, unsigned max, const char *arg, char *why, size_t why_size);
int ws_take_duration(int64_t *ret_ns, const char *arg, char *why, size_t why_size);
/* At least 1. */
int ws_take_count(uint64_t *ret, const char *arg, char *why, size_t why_size);
/* The name of a backend that is in the table; NULL for "auto". */
int ws_take_backend(const char **ret, const char *arg, char *why, size_t why_size);
/* The same for what needs an interface's frames, and so refuses `udp`. */
int ws_take_frame_backend(const char **ret, const char *arg, char *why, size_t why_size);
/* A file's name: not empty. */
int ws_take_file(const char **ret, const char *arg, char *why, size_t why_size);
/* The name of a directory that is to be made: not empty. */
int ws_take_out(const char **ret, const char *arg, char *why, size_t why_size);

/*
 * A whole number, decimal or with 0x in front, of exactly the len bytes at text. 0; -EINVAL: it is none;
 * -ERANGE: it is above max. *ret is written only on 0.
 */
int ws_number_parse(const char *text, size_t len, uint64_t max, uint64_t *ret);
