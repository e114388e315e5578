/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading from a stream: for this layer and its tests. */
#pragma once

#include <stdio.h>

#include "file/capread.h"

/* As ws_capread_open(), from an open stream, which it closes, on errors, too (but never stdin). */
int ws_capread_open_stream(
	struct ws_capread **ret, FILE *stream, const char *filter, char *why, size_t why_size);
