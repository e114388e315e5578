/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests for tests of the reflector, and what their answers must be: made byte by byte, with checksums and
 * CRC that are summed here.
 */
#pragma once

#include "core/reflect.h"

#define RUN_ID	    0xdeadbeef
#define SOURCE_PORT 40000
#define FRAME_ROOM  2048

struct request {
	unsigned ip_version; /* 4, 6; 0: layer 2 */
	unsigned tags;
	enum ws_payload kind;
	uint32_t len;
	uint32_t run_id;
	uint16_t stream;
	uint64_t seq;
	uint8_t mac[6]; /* of the sender */
	uint16_t port;	/* its source port */
	uint8_t host;	/* the last byte of its address */
	uint8_t tos;
	bool ptp;	 /* in a PTP message, and to port 319 */
	uint8_t message; /* its type */
};

/* One that is answered, as short as it goes. */
struct request request_of(unsigned ip_version, unsigned tags, uint64_t seq);
/* Writes it to f, which has room for r->len bytes. */
void put_request(const struct request *r, uint8_t *f);
/* Where the IP header is, or would be; the UDP header; the PTP message; and the payload. */
uint32_t ip_offset(const struct request *r);
uint32_t udp_offset(const struct request *r);
uint32_t ptp_offset(const struct request *r);
uint32_t payload_offset(const struct request *r);
/* Makes the header's checksum right again (IPv4 without options). */
void fix_ipv4(uint8_t *ip);
uint32_t be(const uint8_t *p, int bytes);
uint64_t be64(const uint8_t *p);
void put(uint8_t *p, uint64_t v, int bytes);
/* A CRC-32C, bit by bit. */
uint32_t slow_crc32c(const uint8_t *p, size_t len);
/* Fails unless all sums are right in the frame, which has room for nothing more than r->len bytes. */
void check_sums(const struct request *r, const uint8_t *f);

/* A new reflector for 8 sessions at WS_UDP_PORT, whose stamps are of CLOCK_REALTIME. */
struct ws_reflect *new_reflector(void);
/* The same with that configuration; not to fail. */
struct ws_reflect *reflector_of(const struct ws_reflect_config *config);
struct ws_stamp stamp_at(int64_t ns);
/*
 * One frame, in memory of exactly its length, as is the answer. Fails if something is written though it is
 * not answered. answer: NULL, or room for FRAME_ROOM bytes.
 */
enum ws_reflect_verdict offer(struct ws_reflect *r, const uint8_t *f, uint32_t len, int64_t rx_ns,
	int64_t now_ns, uint8_t *answer, uint64_t *ret_cookie);
/* The same of a request; reads the payload of the answer to *ret. Fails unless it is answered. */
uint64_t ask(struct ws_reflect *r, const struct request *q, int64_t rx_ns, int64_t now_ns,
	struct ws_probe *ret);
/* What is said to it. */
enum ws_reflect_verdict verdict_on(struct ws_reflect *r, const struct request *q, int64_t now_ns);
