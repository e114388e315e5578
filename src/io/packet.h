/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all AF_PACKET backends share: opening and closing sockets in the right order, and the
 * transmitting half (by sendmmsg or a ring, stamps from the error queue).
 */
#pragma once

#include <sys/socket.h>

#include "io/io.h"

struct packet_tx;

#define PACKET_VLAN_ROOM 4 /* in front of a packet, for the tag that the kernel took out */
/* And for the cooked header. */
#define PACKET_ROOM(config) (PACKET_VLAN_ROOM + ((config)->cooked ? WS_IO_COOKED_LEN : 0u))
#define PACKET_MTU_EXTRA    (14 + 4) /* the Ethernet header and a VLAN tag */

/* Every AF_PACKET backend's instance begins with this; the ops below serve all of them. */
struct packet_io {
	struct ws_io io;
	struct packet_tx *tx; /* NULL if it does not transmit */
	int fd;		      /* receiving; -1 if it does not */
	bool v3;	      /* PACKET_STATISTICS has the larger form of TPACKET_V3 */
	bool cooked;
	bool down; /* the interface went down: the kernel says no more if it is removed then */
	bool hide_outgoing; /* by the filter: in a fanout group PACKET_IGNORE_OUTGOING is ignored */
	uint32_t mtu;	    /* 0: not known, since it receives from all interfaces */
	enum ws_clock hw_clock;
	/* Reads the kernel's counters without blurring where packets were lost. */
	void (*update)(struct packet_io *p);
	struct ws_io_stats stats; /* of the receiving half */
	uint64_t lost_told;	  /* by lost_before of the views */
	uint64_t
		statistics_due; /* stats.rx_received at which the kernel's counters are read next */
};

/* Counts n views that are given out, and reads the kernel's 32-bit counters before they wrap. */
void packet_received(struct packet_io *p, unsigned n);

/*
 * Opens an instance: size bytes, which begin with a struct packet_io, zeroed; open_rx if it
 * receives, then the transmitting half. After an error ops->close has been called. What each
 * ops->open does.
 */
int packet_open(struct ws_io **ret, const struct ws_io_config *config, const struct ws_io_ops *ops,
	size_t size, int (*open_rx)(struct packet_io *p, const struct ws_io_config *config));
/* Closes both halves' sockets; the rest of the instance is its backend's. */
void packet_close(struct packet_io *p);

int packet_op_set_filter(struct ws_io *io, const struct sock_filter *insns, unsigned n);
int packet_op_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max);
int packet_op_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n);
int packet_op_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max);
unsigned packet_op_tx_outstanding(const struct ws_io *io);
void packet_op_stats(struct ws_io *io, struct ws_io_stats *ret);

/* Facts about the interface by an AF_PACKET socket. 0, -ENODEV or -ENETDOWN (not up). */
int packet_link(int fd, int ifindex, uint32_t *ret_mtu);

/* Largest frame with a VLAN tag, without FCS, for an MTU. */
uint32_t packet_frame_max(const struct ws_io_config *config, uint32_t mtu);

/*
 * Largest frame that a receiver should have room for. Other than on the way out the MTU is no limit:
 * the kernel merges packets. What is asked for, up to the largest of those, or else `usual`.
 */
uint32_t packet_rx_frame_max(const struct ws_io_config *config, uint32_t usual);

/* An AF_PACKET socket that receives nothing until it is bound. The descriptor or -errno. */
int packet_socket(void);
/* The receiving socket: p->fd and what is common of its caps. The interface must be up. 0 or
 * -errno. */
int packet_rx_socket(struct packet_io *p, const struct ws_io_config *config);

/* Asks for a receive buffer of `bytes` as the kernel counts them (overhead included), forcing it if
 * that is allowed. Returns what was granted. */
uint64_t packet_rcvbuf(int fd, uint64_t bytes);
/* The same of a send buffer. */
uint64_t packet_sndbuf(int fd, uint64_t bytes);

/* The options that receiving sockets of every backend have: filter, direction, stamps. Before
 * binding. */
int packet_rx_options(struct packet_io *p, const struct ws_io_config *config);
/* Starts receiving: binds to the interface, or to all; then joins promiscuous mode and the fanout
 * group. 0, -ENODEV, -ENETDOWN... */
int packet_rx_bind(struct packet_io *p, const struct ws_io_config *config);

int packet_set_filter(int fd, const struct sock_filter *insns, unsigned n);
/* Lets nothing more in, and waits until what is on its way in has been counted. */
int packet_stop(int fd);

/* Reads and so clears the kernel's 32-bit counters, and adds them up. There must be one reader. */
void packet_statistics(struct packet_io *p);

/*
 * Waits until rx_fd (-1: none) can be read or tx (NULL: none) has a stamp. 1: so; 0: not;
 * -ENETDOWN: the receiving interface went down; -ENODEV: it is gone.
 */
int packet_wait(int rx_fd, const struct packet_tx *tx, int64_t deadline_ns);
/* The same with what to ask of rx_fd, POLLIN or 0; -EINTR when a signal came. */
int packet_poll(int rx_fd, short events, const struct packet_tx *tx, int64_t deadline_ns);
/*
 * What the wait of a receiving instance returns for r, the result of one of the above: 0 after a signal;
 * -ENODEV once when an interface that went down has been removed since. The kernel tells of the first
 * alone, so the latter is looked for whenever a wait has ended without anything.
 */
int packet_wait_result(struct packet_io *p, int r);
/* After ENETDOWN: -ENETDOWN if the interface still exists, -ENODEV if not. */
int packet_down_or_gone(int fd);
/* What a pending error on the socket means: 0, -ENETDOWN, -ENODEV or another. */
int packet_pending_error(int fd);

/*
 * The transmitting half. caps->backend decides how frames are handed over: `tpacket2` and
 * `tpacket3` have a ring on a socket of its own, any other sends by sendmmsg. It fills in its part
 * of caps, which must live as long as it does.
 */
int packet_tx_open(
	struct packet_tx **ret, const struct ws_io_config *config, struct ws_io_caps *caps);
void packet_tx_close(struct packet_tx *tx);
int packet_tx_fd(const struct packet_tx *tx);
int packet_tx_reserve(struct packet_tx *tx, struct ws_io_slot *slots, unsigned max);
int packet_tx_submit(struct packet_tx *tx, struct ws_io_tx *frames, unsigned n);
int packet_tx_stamps(struct packet_tx *tx, struct ws_io_tx_stamp *stamps, unsigned max);
unsigned packet_tx_outstanding(const struct packet_tx *tx);
void packet_tx_stats(const struct packet_tx *tx, struct ws_io_stats *ret);
