/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ws_pair: two Ethernet devices, pair0 and pair1, wired to each other, with a PTP clock each, for
 * tests only. What a card does is set by parameters (ws_pair_params.h lists them with their units),
 * and every number that it gives is known to be true, or known to be false and counted.
 *
 * Time. The base clock is CLOCK_MONOTONIC, which also drives the timers. Each PTP clock is a
 * function of it alone:
 *
 *	phc(T) = T + (CLOCK_REALTIME - CLOCK_MONOTONIC at load) + clock_offset_ns
 *		 + drift_ppb and adjfine, integrated + what adjtime, settime and phc_step_ns added
 *
 * So with no drift it goes as the system's clock does, and does not follow when that one is stepped.
 * A frame that ndo_start_xmit gets at T leaves at T (with serialise=1: when those before it have
 * left) and arrives at T + delay. Its transmit stamp is the sender's phc(T), its receive stamp the
 * receiver's phc(T + delay), by the clocks as they were at those instants, however late the timers
 * are that deliver stamps and frames. Frames of one kind (PTP event messages, and all others) never
 * overtake each other: delay_noise_ns lets a frame arrive with the one before, not earlier.
 *
 * ethtool -S tells what was done: the number of stamps that were right or wrong, by reason.
 */
#ifndef WS_PAIR_H
#define WS_PAIR_H

#include <linux/hrtimer.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>

#include "ws_pair_clock.h"
#include "ws_pair_params.h"

#define WS_PAIR_NAME "ws_pair"

/* ethtool -S shows these by their names. */
#define WS_PAIR_COUNTERS(COUNTER)                                                          \
	COUNTER(tx_hwtstamp_stamped)  /* delivered, also those swapped or stale */         \
	COUNTER(tx_hwtstamp_skipped)  /* asked for while tx_in_flight were under way */    \
	COUNTER(tx_hwtstamp_timeouts) /* what the driver noticed of those lost */          \
	COUNTER(tx_hwtstamp_lost)                                                          \
	COUNTER(tx_hwtstamp_swapped) /* pairs exchanged: twice as many stamps are wrong */ \
	COUNTER(tx_hwtstamp_stale)                                                         \
	COUNTER(rx_hwtstamp_stamped) /* delivered, also those swapped or stale */          \
	COUNTER(rx_hwtstamp_cleared) /* unstamped since the register was taken */          \
	COUNTER(rx_hwtstamp_lost)                                                          \
	COUNTER(rx_hwtstamp_swapped) /* pairs exchanged */                                 \
	COUNTER(rx_hwtstamp_stale)                                                         \
	COUNTER(wire_dropped)  /* lost by kernel_drop_every */                             \
	COUNTER(wire_overflow) /* lost since the wire was full or memory short */

enum ws_pair_counter {
#define COUNTER(name) C_##name,
	WS_PAIR_COUNTERS(COUNTER)
#undef COUNTER
		WS_PAIR_COUNTER_COUNT
};

/** Lies in skb->cb while the module owns the frame. Instants are of the base clock, in ns. */
struct ws_pair_cb {
	s64 when;     /* of the stamp */
	s64 due;      /* of delivery */
	s64 stamp;    /* of the port's PTP clock */
	bool stamped; /* stamp is to be delivered */
	bool ptp;     /* a PTP event message */
};

static inline struct ws_pair_cb *ws_pair_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct ws_pair_cb) > sizeof(skb->cb));
	return (struct ws_pair_cb *)skb->cb;
}

/** A card's transmit or receive stamps in their order, and what goes wrong with them. */
struct ws_pair_lane {
	struct ws_pair_port *port;
	bool receive;
	u64 count;
	s64 last; /* the stamp before this one, as it truly was */
	bool last_known;
	struct sk_buff *held; /* waits for the next stamp to be exchanged with */
	struct hrtimer hold_timer;
};

struct ws_pair_port {
	struct net_device *dev;
	struct ws_pair_port *peer;
	unsigned int index;
	struct ws_pair_clock clock;

	spinlock_t lock; /* for all below; taken before a clock's, never two ports' at once */
	bool open;
	u64 counters[WS_PAIR_COUNTER_COUNT];
	struct rtnl_link_stats64 stats;
	u32 random;

	/* The wire away from here: frames by due, with the peer as their device. */
	struct sk_buff_head wire;
	struct hrtimer wire_timer;
	u64 wire_count;
	s64 last_arrival[2]; /* of plain frames, of PTP event messages */
	s64 free_at;	     /* when the last frame will have left */
	struct hrtimer wake_timer;

	/* Stamping. */
	int tx_type;
	int rx_filter;
	struct sk_buff_head tx_stamps; /* frames sent whose stamp the driver did not read yet */
	struct hrtimer tx_timer;
	struct ws_pair_lane tx_lane;
	struct ws_pair_lane rx_lane;
	bool rx_latched;
	s64 rx_registers[WS_PAIR_MAX_REGISTERS]; /* instants at which each is free again */
};

/* ws_pair_wire.c */

/** Sets up the wire; the port's lock and peer are the caller's. */
void ws_pair_wire_init(struct ws_pair_port *port);
netdev_tx_t ws_pair_wire_xmit(struct sk_buff *skb, struct net_device *dev);
/** Ends what is under way from this port; open is false already. May wait for a timer to end. */
void ws_pair_wire_stop(struct ws_pair_port *port);

/* ws_pair_stamp.c; functions whose name ends in _locked want the port's lock held. */

void ws_pair_stamp_init(struct ws_pair_port *port);
/** Frames and stamps that wait are freed. */
void ws_pair_stamp_stop(struct ws_pair_port *port);
/** Does this frame, sent now, get a transmit stamp? Marks it if so. */
bool ws_pair_stamp_wanted_locked(struct ws_pair_port *port, struct sk_buff *skb);
/** Takes a frame that got the mark; its cb's when is set, due is set here. */
void ws_pair_stamp_sent_locked(struct ws_pair_port *port, struct sk_buff *skb);
/** Gives a received frame its stamp, or none; what may go to the stack now is added to done. */
void ws_pair_stamp_received_locked(
	struct ws_pair_port *port, struct sk_buff *skb, struct sk_buff_head *done);
/** Hands received frames to the stack; no lock is held, softirq context. */
void ws_pair_receive(struct ws_pair_port *port, struct sk_buff_head *done);
/** Uniform in 0..most. */
u64 ws_pair_random_locked(struct ws_pair_port *port, u64 most);

#endif
