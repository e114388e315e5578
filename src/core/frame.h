/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames: headers and the probe payload are built and parsed. Pure.
 *
 * Lengths are without the FCS, as the kernel sees a frame. The payloads, all big-endian:
 *
 *   short, 16 bytes:  0 'W'  1 version<<4|kind  2-5 run id  6-7 stream  8-15 sequence
 *   full,  32 bytes:  the same, 16-23 intended time (ns, CLOCK_MONOTONIC of the sender),
 *                     24-27 zero, 28-31 CRC-32C (RFC 3720, B.4) of bytes 0 to 27
 *   request and collect, 56 bytes: as short, then zeros: room for the answer
 *   answer, 56 bytes: as short, with the request's run id, stream and sequence, then
 *                     16-23 when the request was received (ns; -2^63: not known, or it was a collect)
 *                     24-31 when an earlier answer was sent (ns; -2^63: none), 32-39 that answer's sequence
 *                     40-43 clock id: CRC-32C of boot number and run id; 0 unknown, and for PTP clocks
 *                     44 origin of the receive stamp, 45 of the transmit stamp (enum ws_origin)
 *                     46 their clock (0 unknown, 1 monotonic, 2 realtime, 3 TAI, 4 a PTP clock), 47 zero;
 *                     where a time is not known its origin is 0, and the other way round
 *                     48-51 requests of this session that were answered so far, modulo 2^32
 *                     52-55 CRC-32C of bytes 0 to 51
 *
 * The short one fits a 64-byte frame (60 without FCS) over IPv4/UDP; its intended time is
 * recomputed from the plan. What follows the payload up to the frame's length is zero.
 *
 * Carriers: UDP over IPv4 (RFC 768, RFC 791) with correct checksums, and plain layer 2 with the
 * local experimental ethertype 0x88B5 (IEEE 802); both once more with a PTP message around the payload (below).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stamp.h"

#define WS_ETHERTYPE_PROBE 0x88B5
#define WS_UDP_PORT	   8620
#define WS_FCS_LEN	   4
#define WS_FRAME_MIN	   60 /* shortest Ethernet frame without FCS */
#define WS_FRAME_MAX	   65535
#define WS_PROBE_VERSION   1
#define WS_ANSWER_LEN	   56 /* payload of requests, collects and answers */

/*
 * The last two are PTP event messages (IEEE 1588-2008), for cards that stamp nothing else on receive. Behind the layer 2
 * header with ethertype 0x88F7, or the UDP header with destination port 319, stand 44 bytes: 0 message type (transport
 * specific 0), 1 version 2 (minor version 0), 2-3 message length, 4 domain WS_PTP_DOMAIN, 5 zero, 6-7 flags 0x0400 (unicast),
 * 8-15 correction 0, 16-19 zero, 20-29 source port identity (the source MAC address, 0xfffe in its middle; port 1), 30-31 sequence
 * modulo 2^16, 32 control field by the message type, 33 0x7f, 34-43 origin timestamp 0; then a TLV: 44-45 type 0x2004
 * (experimental), 46-47 length, and from 48 on the payload as in all carriers, filled up with zeros to the end. Both lengths
 * are even, as the standard has TLVs: the last byte of an odd frame stands behind the message.
 *
 * Besides Sync and Delay_Req there is message type 0xC (Signaling), which is as long, and no event: what a card shall not
 * stamp. Answers to events are Sync, and those to Signaling are Signaling.
 */
enum ws_carrier {
	WS_CARRIER_UDP,
	WS_CARRIER_L2,
	WS_CARRIER_PTP_L2,
	WS_CARRIER_PTP_UDP,
	WS_CARRIER_COUNT,
};
#define WS_ETHERTYPE_PTP 0x88F7
#define WS_PTP_PORT	 319
#define WS_PTP_HEAD_LEN	 48 /* everything before the payload */
#define WS_PTP_DOMAIN	 87 /* not one that PTP profiles use: a ptp4l on the way ignores it */
enum ws_ptp_message {
	WS_PTP_NONE = 0,  /* no PTP */
	WS_PTP_SYNC,	  /* message type 0: what the pickiest cards stamp */
	WS_PTP_DELAY_REQ, /* message type 1 */
};
/* The kind nibble. */
enum ws_payload {
	WS_PAYLOAD_SHORT = 1,
	WS_PAYLOAD_FULL = 2,
	WS_PAYLOAD_REQUEST = 3,
	WS_PAYLOAD_ANSWER = 4, /* templates cannot have it: core/reflect.h makes answers */
	WS_PAYLOAD_COLLECT = 5,
};
/* "short", "full", "request", "answer", "collect" */
const char *ws_payload_name(enum ws_payload payload);

const char *ws_carrier_name(enum ws_carrier carrier); /* "udp", "l2", "ptp-l2", "ptp-udp" */

struct ws_frame_spec {
	uint8_t dst[6], src[6];
	enum ws_carrier carrier;
	enum ws_payload payload;
	uint32_t src_ip, dst_ip;     /* host order; UDP only */
	uint16_t src_port, dst_port; /* to WS_PTP_PORT with PTP_UDP */
	uint32_t len;		     /* of the frame, without FCS */
	uint32_t run_id;	     /* tells this run's probes from every other's */
	uint16_t stream;
};

/* The smallest frame, without FCS, that holds this payload in this carrier (never below
 * WS_FRAME_MIN). */
uint32_t ws_frame_min_len(enum ws_carrier carrier, enum ws_payload payload);
/* FULL if it fits len, else SHORT. */
enum ws_payload ws_frame_payload_for(enum ws_carrier carrier, uint32_t len);

/* The part of a frame that is the same for every packet of a stream. Opaque but embeddable. */
struct ws_frame_template {
	uint8_t head[128]; /* headers, and the payload with sequence and time zero */
	uint32_t head_len, len, payload_off, udp_check_off;
	uint32_t ptp_off; /* 0: no PTP message, whose sequence is the probe's */
	uint32_t
		udp_sum; /* one's-complement sum without sequence and time; 0 offset: none wanted */
	enum ws_payload payload;
};

/*
 * Returns 0; -EINVAL for an unknown carrier or payload, or another port with PTP_UDP; -EMSGSIZE if len is too small or too
 * large. PTP messages are Sync.
 */
int ws_frame_template_init(struct ws_frame_template *t, const struct ws_frame_spec *spec);

/*
 * Writes the whole frame of t->len bytes to buf. intended_ns is used by the full payload only.
 * Never fails; no allocation; cost is a copy of the frame plus a few tens of instructions.
 */
void ws_frame_write(
	const struct ws_frame_template *t, uint8_t *buf, uint64_t seq, int64_t intended_ns);

enum ws_probe_class {
	WS_PROBE_OURS,	    /* a probe with our run id; *ret is filled in */
	WS_PROBE_FOREIGN,   /* no probe at all, or another run's */
	WS_PROBE_MALFORMED, /* ours by its magic and run id, but truncated, of an unknown version or
			       kind, its CRC is wrong, or an answer that contradicts itself */
};

struct ws_probe {
	uint64_t seq;
	uint16_t stream;
	enum ws_payload payload;
	int64_t intended_ns; /* full payload only, else 0 */
	/* of answers, else zero; the clock of a PTP clock's stamps is WS_CLOCK_PHC, whichever it is */
	struct {
		struct ws_stamp rx; /* origin NONE: not known */
		struct ws_stamp tx; /* of answer tx_seq; origin NONE: none */
		uint64_t tx_seq;
		uint32_t clock_id;
		uint32_t answered;
	} answer;
};

/*
 * Classifies a received frame. data holds len bytes; the frame may have been longer. Accepts at
 * most two VLAN tags before the carrier. UDP probes, over IPv4 or over IPv6 without extension headers,
 * are known by destination port dst_port and the magic; layer 2 probes by the ethertype and the magic. Those in PTP
 * messages are known by ethertype, or by the port if dst_port is WS_PTP_PORT (where no others are looked for), and by
 * message type, version, domain, TLV type and the magic; lengths in them that contradict are malformed.
 * Reads nothing outside data[0, len). What is cut off before the end of the run id is foreign. IPv4 and
 * UDP checksums are left to the NIC and the CRC of full payloads and answers. *ret is written only for
 * WS_PROBE_OURS.
 */
enum ws_probe_class ws_probe_parse(const uint8_t *data, uint32_t len, uint32_t run_id,
	uint16_t dst_port, struct ws_probe *ret);

/* The same for a probe of anybody's run: true, and whose, if it is a whole and right one. */
bool ws_probe_any(const uint8_t *data, uint32_t len, uint16_t dst_port, uint32_t *ret_run_id,
	struct ws_probe *ret);

/*
 * Whether a payload, which is what follows the UDP header or the ethertype, is a probe of anybody's
 * run, in a PTP message or not. Of one that is cut off only the first 16 bytes have to be there, and are told; the CRC of a whole
 * full one or answer is right. Writes *ret_run_id and *ret only for probes.
 */
bool ws_probe_look(
	const uint8_t *payload, uint32_t len, uint32_t *ret_run_id, struct ws_probe *ret);

/*
 * What an answer says of its clock: where the numbers and the stamps' clocks of one run are equal, it is one
 * clock. 0 where boot is 0, and only there: unknown. Answers with stamps of a PTP clock say 0, since a machine
 * may have several.
 */
uint32_t ws_probe_clock_id(uint32_t boot, uint32_t run_id);

/* CRC-32C (Castagnoli), as iSCSI (RFC 3720) and SCTP use it. */
uint32_t ws_crc32c(const void *data, size_t len);
