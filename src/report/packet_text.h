/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of packet_line.c share: a text that cannot overflow, and bytes that cannot be
 * overrun. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* printf would take most of the time of a line. */
struct text {
	char *begin, *at, *end; /* end: where the final NUL goes at the latest */
};

static inline void put_char(struct text *t, char c)
{
	if (t->at < t->end) {
		*t->at++ = c;
	}
}

static inline void put_bytes(struct text *t, const char *s, size_t len)
{
	size_t room = (size_t)(t->end - t->at);

	len = len < room ? len : room;
	memcpy(t->at, s, len);
	t->at += len;
}

static inline void put(struct text *t, const char *s)
{
	put_bytes(t, s, strlen(s));
}

/* In decimal, with zeros in front up to `digits`. */
static inline void put_padded(struct text *t, uint64_t v, unsigned digits)
{
	char buf[24];
	char *at = buf + sizeof(buf);

	for (; v || digits; digits -= digits != 0, v /= 10) {
		*--at = (char)('0' + v % 10);
	}
	put_bytes(t, at, (size_t)(buf + sizeof(buf) - at));
}

static inline void put_number(struct text *t, uint64_t v)
{
	put_padded(t, v, 1);
}

static inline void put_hex(struct text *t, uint32_t v, unsigned digits)
{
	while (digits--) {
		put_char(t, "0123456789abcdef"[v >> 4 * digits & 0xf]);
	}
}

/* A space, if there is none yet. */
static inline void put_space(struct text *t)
{
	if (t->at > t->begin && t->at[-1] != ' ') {
		put_char(t, ' ');
	}
}

/* " name 12" */
static inline void put_field(struct text *t, const char *name, uint64_t v)
{
	put_space(t);
	put(t, name);
	put_char(t, ' ');
	put_number(t, v);
}

void put_ipv4(struct text *t, const uint8_t a[4]);
/* By RFC 5952. */
void put_ipv6(struct text *t, const uint8_t a[16]);
void put_mac(struct text *t, const uint8_t a[6]);

/* What is left of a packet. */
struct bytes {
	const uint8_t *p;
	uint32_t len;  /* of them that are there */
	uint32_t wire; /* of them that there were on the wire; at least len */
};

/*
 * Whether n bytes are there. If not, and they never were, the text says so; what was cut off is told
 * at the line's end.
 */
static inline bool need(struct text *t, const struct bytes *b, uint32_t n)
{
	if (b->len >= n) {
		return true;
	}
	if (b->wire < n) {
		put_space(t);
		put(t, "too short");
	}
	return false;
}

/* n: at most b->len */
static inline void advance(struct bytes *b, uint32_t n)
{
	b->p += n;
	b->len -= n;
	b->wire -= n;
}

/* What a header says of the length from here on; what follows is padding. */
static inline void limit(struct bytes *b, uint32_t n)
{
	b->wire = b->wire < n ? b->wire : n;
	b->len = b->len < n ? b->len : n;
}

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* Each begins with the name of the protocol, without a space before it. */
void text_ip(struct text *t, struct bytes b); /* by its version */
void text_ipv4(struct text *t, struct bytes b);
void text_ipv6(struct text *t, struct bytes b);
void text_ptp(struct text *t, struct bytes b);
/* " probe run=... seq=..."; false, and nothing written, if it is none. */
bool text_probe(struct text *t, const struct bytes *b);

/* NULL: no name. */
const char *ethertype_name(uint16_t type);
const char *ip_protocol_name(uint8_t protocol);
const char *icmp_name(uint8_t type);
const char *icmp_unreachable_name(uint8_t code);
const char *icmpv6_name(uint8_t type);
const char *icmpv6_unreachable_name(uint8_t code);
const char *igmp_name(uint8_t type);
const char *sctp_chunk_name(uint8_t type);
const char *ptp_message_name(uint8_t type);
