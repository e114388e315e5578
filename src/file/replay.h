/* SPDX-License-Identifier: BSD-2-Clause */
/* The frames of a capture file in memory, to be sent again. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_replay;

struct ws_replay_config {
	const char *path; /* pcap or pcapng; "-": standard input */
	/*
	 * Longest frame that can be sent, without FCS. One whose own ethertype is 802.1Q (0x8100) may be
	 * 4 bytes longer, with one tag or two: so Linux judges what a packet socket sends against the MTU
	 * (packet_extra_vlan_len_allowed() in net/packet/af_packet.c), and it allows 802.1ad nothing.
	 */
	uint32_t frame_max;
	uint64_t memory_max;	/* bytes; 0: half of what the machine has free */
	double speed;		/* times are divided by it; above 0, finite */
	const atomic_int *stop; /* other than 0 ends the reading; NULL: nothing does */
};

/* Each frame of the file is kept or left out for one reason, the first that holds of these three. */
struct ws_replay_counts {
	uint64_t frames; /* in the file */
	uint64_t kept;
	uint64_t too_short; /* below 14 bytes, on the wire */
	uint64_t too_long;  /* on the wire */
	uint64_t truncated; /* by the capture's snap length */
	uint64_t first_too_short, first_too_long,
		first_truncated; /* their numbers in the file, from 1; 0: none */
	uint32_t longest_too_long;
	uint64_t
		backwards; /* kept frames that are older than a kept one before: sent right after it */
	uint32_t len_max; /* of the kept ones */
	uint64_t bytes;	  /* of the kept ones */
	uint64_t l1_bits; /* of the kept ones; with FCS, padding, preamble and gap */
};

/*
 * Reads the whole file. A kept frame takes its length and 16 bytes of memory. 0; or -errno with a clause
 * that says why: as ws_capread_open() and _next(), -EPROTOTYPE (its frames are not Ethernet), -ENODATA (no
 * frame that could be sent), -E2BIG (more than memory_max), -ERANGE (times that 64 bits of ns do not
 * hold), -EINVAL (no such speed), -EINTR (stop), -ENOMEM. A file that is cut off or damaged (-EBADMSG
 * after at least one frame) is read up to there: then *ret_cut is true, and why says what is wrong.
 */
int ws_replay_new(struct ws_replay **ret, const struct ws_replay_config *config, bool *ret_cut,
	char *why, size_t why_size);
/* Accepts NULL. */
void ws_replay_free(struct ws_replay *r);

const struct ws_replay_counts *ws_replay_counts(const struct ws_replay *r);
/* Times of the kept frames in ns after the first, not falling. Until r is freed. */
const int64_t *ws_replay_times(const struct ws_replay *r);
/* Copies frame n mod kept to buf, which has room for len_max, and returns its length. From several
 * threads at once. */
uint32_t ws_replay_write(const struct ws_replay *r, uint8_t *buf, uint64_t n);
/* FNV-1a over length (32 bits, little-endian) and contents of the first min(count, kept, 4096) frames. */
uint64_t ws_replay_hash(const struct ws_replay *r, uint64_t count);
