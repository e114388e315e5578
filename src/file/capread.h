/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading pcap and pcapng files with libpcap: packets one after the other, nanoseconds kept. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ws_capread;

struct ws_capread_packet {
	const uint8_t *data;	/* until the next call */
	uint32_t len, wire_len; /* wire_len is at least len */
	int64_t ns; /* since the epoch; pcapng can hold earlier times, which are negative */
};

/*
 * Opens path ("-": standard input), with a filter in libpcap's language or NULL. Returns 0, or
 * -errno (-ENOENT, -EACCES, -EISDIR, -EIO, ...; -EBADMSG: no capture file, or a compressed one;
 * -EINVAL: the filter does not compile; -EINTR: a signal came while a pipe was waited for) with a
 * clause that says why, mostly libpcap's own words, in why. A filter is compiled for the file's link
 * type; an empty one is none.
 */
int ws_capread_open(
	struct ws_capread **ret, const char *path, const char *filter, char *why, size_t why_size);
/* LINKTYPE_ value of the file. */
int ws_capread_linktype(const struct ws_capread *r);
/*
 * The next packet that passes the filter: 1; 0 at the end; -EBADMSG where the file is damaged or
 * cut off, or -errno where it cannot be read on (-EIO; -EINTR: a signal came while a pipe was waited
 * for), with a clause in why: what was read before is good. After an error nothing can be read.
 */
int ws_capread_next(
	struct ws_capread *r, struct ws_capread_packet *ret, char *why, size_t why_size);
/* Packets that the filter rejected so far. */
uint64_t ws_capread_filtered(const struct ws_capread *r);
/* Accepts NULL. */
void ws_capread_close(struct ws_capread *r);
