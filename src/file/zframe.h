/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compression into a sink by zstd, in frames that are complete in themselves (RFC 8878, section 3: a
 * file is any number of them in a row). So a file that is cut between two frames is whole.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "file/sink.h"

struct ws_zframe;

/* 0 or -ENOMEM. */
int ws_zframe_new(struct ws_zframe **ret);
/* Goes on with the open frame, or begins one. 0 or -errno of the sink. */
int ws_zframe_add(struct ws_zframe *z, struct ws_sink *s, const void *data, size_t len);
/* Completes the open frame, if there is one, and writes it. 0 or -errno of the sink. */
int ws_zframe_end(struct ws_zframe *z, struct ws_sink *s);
/* Gives up the open frame: the sink is cut back to its beginning. */
void ws_zframe_abandon(struct ws_zframe *z, struct ws_sink *s);
/* Bytes in the open frame, before compression. */
uint64_t ws_zframe_open_bytes(const struct ws_zframe *z);
/* Accepts NULL. */
void ws_zframe_free(struct ws_zframe *z);
