/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames of a capture file in memory, to be sent again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_replay;

struct ws_replay_config {
	const char *path; /* pcap or pcapng; "-": standard input */
	uint32_t
		frame_max; /* longest frame that can be sent, without FCS and not counting VLAN tags;
			       others are left out and counted */
	uint64_t memory_max; /* bytes; 0: half of what the machine has free */
	double speed;	     /* times are divided by it; above 0 */
};

struct ws_replay_counts {
	uint64_t frames; /* in the file */
	uint64_t kept;
	uint64_t too_long, too_short,
		truncated; /* left out; truncated: by the capture's snap length */
	uint64_t first_too_long, first_too_short,
		first_truncated; /* their numbers in the file, from 1 */
	uint32_t longest_too_long;
	uint64_t backwards; /* frames older than the one before: sent right after it */
	uint32_t len_max;   /* of the kept ones */
	uint64_t bytes;	    /* of the kept ones */
	uint64_t l1_bits;   /* of the kept ones */
};

/*
 * Reads the whole file. 0; or -errno with a clause that says why: as ws_capread_open() and _next(), -EPROTOTYPE
 * (its frames are not Ethernet), -ENODATA (no frame that could be sent), -E2BIG (more than memory_max),
 * -ERANGE (times that 64 bits of ns do not hold), -ENOMEM. A file that is cut off at its end (-EBADMSG
 * after at least one frame) is read up to there; *ret_cut says so.
 */
int ws_replay_new(struct ws_replay **ret, const struct ws_replay_config *config, bool *ret_cut,
	char *why, size_t why_size);
void ws_replay_free(struct ws_replay *r);

const struct ws_replay_counts *ws_replay_counts(const struct ws_replay *r);
/* Times of the kept frames in ns after the first, not falling. Until r is freed. */
const int64_t *ws_replay_times(const struct ws_replay *r);
/* Copies frame n mod kept to buf, which has room for len_max, and returns its length. */
uint32_t ws_replay_write(const struct ws_replay *r, uint8_t *buf, uint64_t n);
/* FNV-1a over length (32 bits, little-endian) and contents of the first min(count, kept, 4096) frames. */
uint64_t ws_replay_hash(const struct ws_replay *r, uint64_t count);
