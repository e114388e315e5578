/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic once more, as plainly as it goes: every frame is built from nothing, and checksums are made byte
 * by byte over what stands in it. Random numbers are the core's.
 */
#pragma once

#include "core/traffic.h"

/* Writes frame n to buf, which has room for 65535 bytes, and returns its length. */
uint32_t traffic_model_at(
	const struct ws_traffic_spec *spec, uint64_t n, int64_t intended_ns, uint8_t *buf);
/* The same with an intended time of 0. */
uint32_t traffic_model(const struct ws_traffic_spec *spec, uint64_t n, uint8_t *buf);
