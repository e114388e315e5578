/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a sender's frames come from. */
#pragma once

#include <stdint.h>

struct ws_frame_source {
	/*
	 * Writes frame n to buf and returns its length; from several threads at once. intended_ns is when it is to
	 * be sent (CLOCK_MONOTONIC; 0: nobody knows), for frames that carry that.
	 */
	uint32_t (*write)(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns);
	/* The same where buf holds another frame of this source, to save time; NULL: it would save none. */
	uint32_t (*rewrite)(const void *arg, uint8_t *buf, uint64_t n, int64_t intended_ns);
	/* Makes the frame one that a card which stamps PTP events alone does not stamp on receive; NULL: it makes no
	 * difference. */
	void (*mute)(const void *arg, uint8_t *buf, uint32_t len);
	const void *arg;
	uint32_t len_max;
	double frame_bits, l1_bits; /* of a mean frame: with FCS; at layer 1 */
};
