/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stamps: the kernel's control messages, ring headers and error-queue entries become one type.
 *
 * Sources: linux/Documentation/networking/timestamping.rst, packet_mmap.rst; <linux/errqueue.h>,
 * <linux/if_packet.h>. Everything here is a pure function over bytes that the kernel wrote; lengths
 * are checked before anything is followed.
 */
#pragma once

#include <stddef.h>

#include "core/time.h"

/* Who took the time. */
enum ws_origin {
	WS_ORIGIN_NONE = 0, /* there is no stamp */
	WS_ORIGIN_HARDWARE, /* the NIC or PHY */
	WS_ORIGIN_SOFTWARE, /* the kernel: transmit at the driver's hand-over, receive at netif_rx */
	WS_ORIGIN_AT_COPY,  /* the kernel, when it copied the packet for us: later than SOFTWARE */
	WS_ORIGIN_USER,	    /* this program */
	WS_ORIGIN_COUNT,
};

struct ws_stamp {
	struct ws_time time;
	enum ws_origin origin;
};

/* Where on the way out a transmit stamp was taken. Bits, so that sets can be asked for. */
enum ws_stage {
	WS_STAGE_SCHED = 1 << 0,  /* before the queueing discipline (SCM_TSTAMP_SCHED) */
	WS_STAGE_DRIVER = 1 << 1, /* software, at the driver's hand-over (SCM_TSTAMP_SND) */
	WS_STAGE_WIRE = 1 << 2,	  /* hardware (SCM_TSTAMP_SND with a raw hardware time) */
};

/* "hardware", "software", "at_copy", "user", "none": the names used in results. */
const char *ws_origin_name(enum ws_origin origin);
/* "monotonic", "realtime", "tai", "phc", "none". For a PHC the caller adds the number. */
const char *ws_clock_name(enum ws_clock clock);

/*
 * The stamp of a packet in a TPACKET_V2/V3 ring. The kernel falls back silently from hardware to
 * software to the time of copying; tp_status says which of the three it was. hw_clock names the
 * clock that hardware stamps come from.
 */
struct ws_stamp ws_stamp_from_ring(
	uint32_t tp_status, uint32_t tp_sec, uint32_t tp_nsec, enum ws_clock hw_clock);

/* One entry of the error queue of a transmitting AF_PACKET or UDP socket. */
struct ws_tx_control {
	uint32_t key; /* SOF_TIMESTAMPING_OPT_ID key */
	enum ws_stage stage;
	struct ws_stamp stamp;
};

/*
 * Parses the control messages of a message read with MSG_ERRQUEUE. Returns 0; -ENOMSG if it holds
 * no transmit stamp (another kind of error, say an ICMP message: ignore it); -EBADMSG if it is
 * damaged. *ret is written only on 0.
 */
int ws_stamp_from_errqueue(
	const void *control, size_t len, enum ws_clock hw_clock, struct ws_tx_control *ret);

/*
 * Whether such a message is no stamp, but tells of an error: an ICMP message that came back to a UDP
 * socket, or what the kernel itself found. *ret_unreachable is written only then: ICMP said that the
 * destination cannot be reached (that a packet was too large for the way is something else).
 */
bool ws_stamp_errqueue_other(const void *control, size_t len, bool *ret_unreachable);

/* What the control messages of one received packet say. */
struct ws_rx_control {
	struct ws_stamp stamp;	      /* hardware if present, else software, else NONE */
	struct ws_stamp software;     /* beside a hardware one; else NONE */
	bool has_aux;		      /* PACKET_AUXDATA was there; the next four are valid */
	uint32_t aux_status;	      /* TP_STATUS_* */
	uint32_t aux_len;	      /* the packet's length on the wire, before truncation */
	uint16_t vlan_tci, vlan_tpid; /* 0 without a tag; 0x8100 if the kernel does not say */
	bool has_drops;		      /* SO_RXQ_OVFL was there */
	uint32_t drops;		      /* the socket's drops so far: 32 bits, wraps */
	unsigned dst_version;	      /* IP_PKTINFO (4) or IPV6_PKTINFO (6) was there; 0: neither */
	uint8_t dst[16];    /* then the address that the packet came to, in network order */
	bool dst_broadcast; /* an IPv4 broadcast address */
	uint32_t ifindex;   /* and where it came in */
};

/*
 * Parses the control messages of a received packet. Returns 0 or -EBADMSG; unknown ones are
 * skipped. *ret is written only on 0.
 */
int ws_stamp_from_rx_control(
	const void *control, size_t len, enum ws_clock hw_clock, struct ws_rx_control *ret);
