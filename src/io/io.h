/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O contract: a backend moves frames between this program and a network interface.
 *
 * An instance is one queue of one worker: it is used by one thread at a time (open may happen in
 * another). All calls are batched, so that one indirect call serves many packets. Errors are
 * negative errno values; nothing here prints. The contract fits memory that the backend owns (UMEM,
 * mbufs), rings that the kernel owns, and plain sockets:
 *
 *   receive:   wait -> rx_peek -> (look at the views) -> rx_release
 *   transmit:  tx_reserve -> (build frames in place) -> tx_submit -> tx_stamps
 *   end:       stop -> rx_peek until it gives 0 -> stats -> close
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stamp.h"

struct ws_io;
struct sock_filter;
struct sockaddr_storage;

enum ws_io_dir { WS_IO_RX = 1 << 0, WS_IO_TX = 1 << 1 };

#define WS_IO_FANOUT_NEW   UINT32_MAX
#define WS_IO_COOKED_LEN   20	/* of the header with ws_io_config.cooked */
#define WS_IO_FILL_UNKNOWN 1001 /* of ws_io_rx_fill() */

/* What is asked for. What was granted stands in ws_io_caps. 0 means the backend's default
 * everywhere. */
struct ws_io_config {
	const char *backend; /* a name from the table; NULL or "auto": the best that opens,
				for sending alone `socket`, see ws_io_tx_best() */
	unsigned dirs;	     /* WS_IO_RX | WS_IO_TX */
	int ifindex;	     /* in the network namespace of the thread that calls open; 0, with
				cooked alone: all interfaces */
	/*
	 * Largest frame, without FCS, VLAN tags included. Receiving, it may be more than the MTU
	 * allows, for packets that the kernel merges; larger packets than there is room for are cut
	 * off, and their wire_len says so. 0: for sending what the MTU allows. For receiving tpacket3
	 * and socket take merged packets whole, up to 64 KiB at least; tpacket2 cuts them off at the
	 * MTU, for its frames are all of one size.
	 */
	uint32_t frame_max;
	uint32_t queue; /* of the interface, for backends that bind to one */
	/* receive */
	uint64_t rx_buffer;	   /* bytes of ring or socket buffer */
	uint32_t block_timeout_ms; /* longest that a packet may be held back on a quiet link */
	bool rx_stamps; /* software receive stamps (hardware ones when rx_hw_clock is set) */
	enum ws_clock rx_hw_clock; /* clock of hardware receive stamps; WS_CLOCK_NONE: do not ask
				      for them */
	bool rx_outgoing;	   /* also see what this host sends on the interface */
	bool promiscuous; /* the one interface; without effect on all of them (ifindex 0) */
	/*
	 * Frames begin with a Linux cooked header, version 2 (LINKTYPE_LINUX_SLL2: 20 bytes, among
	 * them the interface's index), in place of their own link-layer header: so interfaces of all
	 * types look alike. Receiving only. The filter sees packets without that header, and what
	 * it lets stay of them is counted from behind it.
	 */
	bool cooked;
	/*
	 * Several instances share the interface's packets (PACKET_FANOUT): 0 none; WS_IO_FANOUT_NEW
	 * makes a group, whose number stands in caps.fanout; else that number. A flow goes to one
	 * member, and to others while that one's ring is full.
	 */
	uint32_t fanout;
	const struct sock_filter *filter; /* classic BPF that is in force before the first packet */
	unsigned filter_len;		  /* instructions; 0: no filter */
	/* transmit */
	uint32_t tx_batch;	   /* frames reserved at most at a time */
	unsigned tx_stages;	   /* set of ws_stage: which stamps are wanted at all */
	enum ws_clock tx_hw_clock; /* clock of hardware transmit stamps */
	uint64_t stamp_buffer;	   /* bytes of receive buffer for stamps that were not read yet */
	int64_t stamp_timeout_ns;  /* a stamp that has not come by then is reported as missing */
	bool qdisc_bypass;
	/*
	 * Bytes of frames that may wait in the queue discipline (SO_SNDBUF), as the kernel counts
	 * them: some 830 for a small frame, 2300 for a large one. Beyond that tx_submit takes no
	 * more (tx_again). The default holds more than queue disciplines usually do, so that these
	 * refuse frames (-ENOBUFS) before.
	 */
	uint64_t send_buffer;
	/*
	 * Frames carry launch_ns, of this clock, to the queue discipline (SO_TXTIME): etf wants
	 * WS_CLOCK_TAI, fq WS_CLOCK_MONOTONIC. WS_CLOCK_NONE: they do not; other clocks: -EINVAL.
	 * Whether there is a queue discipline that cares is the caller's business. Not together with
	 * qdisc_bypass (-EINVAL); -EOPNOTSUPP where the kernel has no such option, -EPERM where
	 * WS_CLOCK_TAI needs CAP_NET_ADMIN. Through a ring each such frame is a call of its own:
	 * `socket` hands over batches.
	 */
	enum ws_clock launch_clock;
	/*
	 * Bytes a second that fq lets out (SO_MAX_PACING_RATE), of each flow that it tells apart by
	 * addresses and ports. 0: no limit. Not together with qdisc_bypass (-EINVAL); -EOPNOTSUPP
	 * where the kernel cannot count as far.
	 */
	uint64_t max_rate;
	/*
	 * `udp` alone (others: -EINVAL): an ordinary socket of this process, routed by the kernel; no
	 * privilege, and ifindex may be 0 (any; else the socket is bound to that interface, before Linux
	 * 5.7 without CAP_NET_RAW only what it sends). Frames look like Ethernet frames nevertheless.
	 * Received ones get headers that are made of the addresses (core/udpframe.h); of sent ones IP
	 * addresses, destination port and payload count. A source address that is not all zeros is the
	 * one that the datagram comes from, and must be this machine's. A frame is one packet: larger
	 * than the way allows, it is refused (-EMSGSIZE). So is what is no UDP (-EINVAL), and IPv6 on an
	 * IPv4 socket (-EAFNOSUPPORT). With ifindex 0 frame_max 0 is what an MTU of 1500 allows.
	 *
	 * Local address and port to bind to (AF_INET, or AF_INET6, whose wildcard takes IPv4 as well; port
	 * 0: any free one), and the only peer that is received from (NULL: everybody). An instance that
	 * receives from everybody has its port alone (-EADDRINUSE); others may share one: what the peer
	 * sends goes to the receiver that names it, and so do ICMP messages about what others sent to it
	 * from there (stats.udp_refused). One instance for both directions has one receive buffer for
	 * packets and stamps, each a part in proportion to rx_buffer and stamp_buffer: while packets pile
	 * up beyond theirs, stamps get lost, and are told as missing.
	 *
	 * -EOPNOTSUPP: filters (the kernel would run them from the UDP header on). -EINVAL: promiscuous,
	 * rx_outgoing, fanout, cooked, qdisc_bypass. stats.rx_offered is not known. The error of an ICMP
	 * message ends nothing, and wakes nobody up.
	 */
	const struct sockaddr_storage *udp_local, *udp_peer;
};

struct ws_io_caps {
	const char *backend; /* the one in use */
	unsigned dirs;
	uint32_t frame_max; /* largest frame that can be sent or received whole */
	uint32_t headroom;  /* bytes before a reserved frame that may be written, too */
	bool launch_time;   /* ws_io_tx.launch_ns goes with each frame */
	uint16_t udp_port;  /* of the `udp` backend: the one that it is bound to; else 0 */
	/* receive */
	uint64_t rx_buffer; /* bytes granted */
	int64_t rx_hold_ns; /* a packet is visible to rx_peek at the latest this long after it
			       arrived */
	bool rx_stamps;
	uint32_t fanout; /* group, for the next instance's configuration; 0: none */
	/* transmit */
	uint32_t tx_batch;     /* frames that can be reserved at a time */
	uint32_t tx_slots;     /* that there are; 0: slots have no numbers */
	unsigned tx_stages;    /* stamps that should come, as far as is known without sending */
	bool tx_keys_explicit; /* stamps are keyed by us, not by the kernel's counting */
	uint64_t stamp_buffer; /* bytes granted */
	uint64_t send_buffer;  /* the same; 0: unknown */
	uint32_t stamps_outstanding; /* packets with stamps under way at most; tx_submit takes no
					more */
};

/* A received frame. Contiguous, and borrowed until it is released. */
struct ws_io_view {
	uint8_t *data; /* from the Ethernet header on; the VLAN tag is put back */
	uint32_t len;  /* bytes at data */
	uint32_t
		wire_len; /* length on the wire without FCS; greater than len if it was truncated */
	uint32_t lost_before; /* packets known to be lost between the previous view and this one */
	bool lost_spread; /* lost_before is a sum: some of them may have been lost elsewhere since
				 the last view that had one. Without it, exactly that many are
				 missing immediately before this view */
	uint8_t pkttype;  /* PACKET_HOST, PACKET_OUTGOING, ... of <linux/if_packet.h> */
	struct ws_stamp stamp;
	/* The kernel's own beside a hardware stamp, where a backend has both (`socket`, `udp`); else origin NONE. */
	struct ws_stamp software;
};

/* Where to build a frame. */
struct ws_io_slot {
	uint8_t *data;
	uint32_t size;
	/* The same memory has the same number, below caps.tx_slots, each time that it is given out, and holds
	 * a frame that was built in one of them before, if there was any: mostly its own last one. */
	uint32_t number;
};

/* One frame to send: the oldest reserved slots are submitted first. */
struct ws_io_tx {
	uint32_t len;
	bool want_stamp;   /* stages of the configuration, for this frame */
	uint8_t stages;	   /* which of them, a set of ws_stage; 0: all */
	uint64_t cookie;   /* comes back with the stamps */
	int64_t launch_ns; /* of config.launch_clock, with caps.launch_time; else ignored */
	int status;	   /* out: 0 accepted; -ENOBUFS and the like: refused for good, gone */
};

struct ws_io_tx_stamp {
	uint64_t cookie;
	enum ws_stage stage;
	struct ws_stamp stamp; /* valid if status is 0 */
	int status;	       /* 0; -ETIME: it did not come in time */
};

/* Counts since open; 64 bits over whatever the kernel counts in. UINT64_MAX: cannot be known. */
struct ws_io_stats {
	uint64_t rx_offered;  /* packets that passed the filter, by the kernel's count */
	uint64_t rx_dropped;  /* of these, dropped because our ring or buffer was full */
	uint64_t rx_received; /* views given out */
	uint64_t rx_bytes;    /* sum of their wire_len */
	uint64_t rx_freezes;  /* times the kernel froze the ring */
	uint64_t rx_losing;   /* blocks or frames of a ring that come right after a loss: marked
				 LOSING, or found by reading the counters before that mark was set */
	uint64_t rx_untold;   /* of rx_dropped, those that no view's lost_before has told */
	uint64_t rx_damaged;  /* packets of ring blocks that could not be read */
	uint64_t rx_copied;   /* views that had to be made contiguous by a copy */
	uint64_t tx_accepted, tx_refused; /* frames */
	uint64_t tx_again;		  /* times the kernel asked to come back later (EAGAIN) */
	uint64_t
		tx_slots_full; /* times tx_reserve had no slot to give because the kernel still had all
				   of a ring's; 0 for backends without one */
	uint64_t tx_calls;     /* system calls that sent */
	uint64_t stamps_received, stamps_missing;
	uint64_t stamps_stray; /* came after they were given up, or with an unknown key */
	uint64_t
		udp_refused; /* of the `udp` backend: ICMP messages that said that a host, a network or
				  a port cannot be reached: nobody listens there */
};

/*
 * Opens an instance in the calling thread's network namespace. Returns 0, or
 *   -ENOENT      no backend of that name          -EOPNOTSUPP  not built, or not on this kernel
 *   -EPERM       needs CAP_NET_RAW                -ENODEV      no such interface
 *   -ENETDOWN    the interface is down            -EINVAL      the configuration makes no sense
 *   -ENOMEM and other errors of the kernel.
 */
int ws_io_open(struct ws_io **ret, const struct ws_io_config *config);
const struct ws_io_caps *ws_io_caps(const struct ws_io *io);

/* What a sender knows of its frames before it opens an instance. */
struct ws_io_tx_use {
	unsigned stamped_permille; /* of the frames want a stamp */
	bool launch;		   /* they carry launch times */
	bool queued; /* they may wait in a queue discipline: there is one, and it is not bypassed */
};

/*
 * The backend that sends most for the least. Pure. A transmit ring, unless
 *   - more than one frame in eight is stamped, or each has a launch time: then a ring, in which these
 *     take a call each, gains nothing;
 *   - frames are queued: they keep their slots as long as they wait, so a ring stands still, where
 *     `socket` is told frame by frame what the queue discipline refused.
 * The length of the frames and the bypass by itself make no difference. An old kernel may lack it
 * (-EOPNOTSUPP); `socket` is on all of them. bench/tx_bare.c has the figures.
 */
const char *ws_io_tx_best(const struct ws_io_tx_use *use);

/* Classic BPF, run in the kernel before a packet reaches us; n = 0 takes the filter away. 0 or
 * -errno. */
int ws_io_set_filter(struct ws_io *io, const struct sock_filter *insns, unsigned n);

/*
 * Waits until something can be received or a stamp can be read, or until deadline_ns
 * (CLOCK_MONOTONIC). Returns 1 if so, 0 at the deadline or when a signal came, or -ENETDOWN,
 * -ENODEV and other errors.
 */
int ws_io_wait(struct ws_io *io, int64_t deadline_ns);

/*
 * Up to max views of received frames that were not peeked at before. Never blocks. Returns their
 * number, or -ENETDOWN when the interface went down (it may come back: peek again), -ENODEV when it
 * is gone. Such an event is told once, by this or by ws_io_wait().
 */
int ws_io_rx_peek(struct ws_io *io, struct ws_io_view *views, unsigned max);
/* Gives back the oldest n views that were peeked at. */
void ws_io_rx_release(struct ws_io *io, unsigned n);

/*
 * Up to max slots, after the ones still reserved. Returns their number. Frames in slots that were
 * reserved but not consumed by tx_submit stay as they are.
 */
int ws_io_tx_reserve(struct ws_io *io, struct ws_io_slot *slots, unsigned max);
/*
 * Hands the oldest n reserved slots to the kernel. Returns how many were consumed (their status is
 * set), from the front; the rest stay reserved. Fewer than n: the kernel or the bound on
 * outstanding stamps asks to come back later; read stamps and try again. A backend that hands over
 * batches may try a frame again that the kernel refused without saying how: tx_refused is then a
 * lower bound. -ENETDOWN, -ENODEV: the interface is gone, none consumed.
 */
int ws_io_tx_submit(struct ws_io *io, struct ws_io_tx *frames, unsigned n);
/*
 * Up to max stamps, in the order in which they came; stamps that are overdue come as failures.
 * Never blocks. Only the thread that submits calls it. Returns their number or -errno. A stage that
 * was asked for comes exactly once for each accepted frame that wanted a stamp, as a stamp or as a
 * failure.
 */
int ws_io_tx_stamps(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max);
/* Frames that still wait for a stamp. */
unsigned ws_io_tx_outstanding(const struct ws_io *io);

/*
 * Reads the kernel's counters at once; that does not blur where a loss happened. rx_untold counts
 * what later views may still tell; after stop, once rx_peek has given 0, it is what was lost behind
 * the last view.
 */
void ws_io_stats(struct ws_io *io, struct ws_io_stats *ret);
/* How full the receive ring or buffer is, in thousandths; WS_IO_FILL_UNKNOWN if unknown. */
unsigned ws_io_rx_fill(struct ws_io *io);

/*
 * Rejects new packets; what the kernel has already taken can still be peeked at, until rx_peek
 * gives 0. In this state alone rx_peek may wait, for caps.rx_hold_ns at most, for what the kernel
 * still holds back. From then on stats are final: rx_offered = rx_received + rx_damaged +
 * rx_dropped. 0 or -errno.
 */
int ws_io_stop(struct ws_io *io);
/* Accepts NULL. Views and slots are gone. */
void ws_io_close(struct ws_io *io);

/* The backends, the best for receiving first, ends with NULL. */
struct ws_io_ops {
	const char *name;
	const char *summary;
	bool routed; /* no interface need be named, and `auto` never takes it: it moves no frames of
			an interface, but datagrams of a socket */
	int (*open)(struct ws_io **ret, const struct ws_io_config *config);
	int (*set_filter)(struct ws_io *io, const struct sock_filter *insns, unsigned n);
	int (*wait)(struct ws_io *io, int64_t deadline_ns);
	int (*rx_peek)(struct ws_io *io, struct ws_io_view *views, unsigned max);
	void (*rx_release)(struct ws_io *io, unsigned n);
	int (*tx_reserve)(struct ws_io *io, struct ws_io_slot *slots, unsigned max);
	int (*tx_submit)(struct ws_io *io, struct ws_io_tx *frames, unsigned n);
	int (*tx_stamps)(struct ws_io *io, struct ws_io_tx_stamp *stamps, unsigned max);
	unsigned (*tx_outstanding)(const struct ws_io *io);
	void (*stats)(struct ws_io *io, struct ws_io_stats *ret);
	unsigned (*rx_fill)(struct ws_io *io);
	int (*stop)(struct ws_io *io);
	void (*close)(struct ws_io *io);
};

/* Every backend's instance begins with this. */
struct ws_io {
	const struct ws_io_ops *ops;
	struct ws_io_caps caps;
};

extern const struct ws_io_ops *const ws_io_backends[];
const struct ws_io_ops *ws_io_find(const char *name);
