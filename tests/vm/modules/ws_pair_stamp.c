// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which frames a card stamps, when the driver hands a stamp on, and what goes wrong with it. */
#include "ws_pair.h"

#include <linux/etherdevice.h>
#include <linux/math64.h>

#include "ws_pair_compat.h"
#include "ws_pair_ptp.h"

u64 ws_pair_random_locked(struct ws_pair_port *port, u64 most)
{
	u64 wide;

	if (!most)
		return 0;
	/* xorshift: the same sequence each time */
	port->random ^= port->random << 13;
	port->random ^= port->random >> 17;
	port->random ^= port->random << 5;
	wide = port->random;
	return (wide * (most + 1)) >> 32;
}

/* What the card writes for this instant. */
static s64 stamp_locked(struct ws_pair_port *port, s64 when)
{
	s64 stamp = ws_pair_clock_at(&port->clock, when);
	s64 noise = ws_pair_get(P_stamp_noise_ns, port->index);
	s64 resolution = ws_pair_get(P_stamp_resolution_ns, port->index), part;

	stamp += (s64)ws_pair_random_locked(port, 2 * noise) - noise;
	part = stamp - div64_s64(stamp, resolution) * resolution;
	return stamp - part - (part < 0 ? resolution : 0);
}

static bool every(enum ws_pair_id id, const struct ws_pair_lane *lane)
{
	u64 n = ws_pair_get(id, lane->port->index);

	return n && lane->count % n == 0;
}

static void release_locked(struct ws_pair_lane *lane, struct sk_buff_head *done)
{
	__skb_queue_tail(done, lane->held);
	lane->held = NULL;
}

/* The next stamp of this direction, in a frame whose cb has when: what comes of it. */
static void lane_pass_locked(
	struct ws_pair_lane *lane, struct sk_buff *skb, struct sk_buff_head *done)
{
	struct ws_pair_port *port = lane->port;
	struct ws_pair_cb *cb = ws_pair_cb(skb);
	u64 *counters = port->counters;
	s64 truth = stamp_locked(port, cb->when);

	lane->count++;
	cb->stamp = truth;
	cb->stamped = true;
	if (every(lane->receive ? P_rx_lose_every : P_tx_lose_every, lane)) {
		cb->stamped = false;
		counters[lane->receive ? C_rx_hwtstamp_lost : C_tx_hwtstamp_lost]++;
		if (!lane->receive)
			counters[C_tx_hwtstamp_timeouts]++;
	} else if (lane->held) {
		swap(cb->stamp, ws_pair_cb(lane->held)->stamp);
		counters[lane->receive ? C_rx_hwtstamp_swapped : C_tx_hwtstamp_swapped]++;
		release_locked(lane, done);
	} else if (every(lane->receive ? P_rx_swap_every : P_tx_swap_every, lane)) {
		lane->held = skb;
		hrtimer_start(&lane->hold_timer,
			ktime_get_ns() + ws_pair_get(P_swap_hold_ms, port->index) * NSEC_PER_MSEC,
			HRTIMER_MODE_ABS_SOFT);
	} else if (lane->last_known &&
		   every(lane->receive ? P_rx_stale_every : P_tx_stale_every, lane)) {
		cb->stamp = lane->last;
		counters[lane->receive ? C_rx_hwtstamp_stale : C_tx_hwtstamp_stale]++;
	}
	lane->last = truth;
	lane->last_known = true;
	if (lane->held == skb)
		return;
	__skb_queue_tail(done, skb);
}

/* Before they are delivered: who has seen a stamp finds it counted. */
static void count_stamped(
	struct ws_pair_port *port, enum ws_pair_counter counter, struct sk_buff_head *done)
{
	struct sk_buff *skb;
	u64 stamped = 0;

	skb_queue_walk(done, skb) stamped += ws_pair_cb(skb)->stamped;
	spin_lock_bh(&port->lock);
	port->counters[counter] += stamped;
	spin_unlock_bh(&port->lock);
}

/* Transmit stamps go to the sockets that asked for them; no lock is held. */
static void deliver_sent(struct ws_pair_port *port, struct sk_buff_head *done)
{
	struct sk_buff *skb;

	count_stamped(port, C_tx_hwtstamp_stamped, done);
	while ((skb = __skb_dequeue(done))) {
		if (ws_pair_cb(skb)->stamped) {
			struct skb_shared_hwtstamps hwtstamps = {
				.hwtstamp = ns_to_ktime(ws_pair_cb(skb)->stamp),
			};

			skb_tstamp_tx(skb, &hwtstamps);
		}
		dev_consume_skb_any(skb);
	}
}

void ws_pair_receive(struct ws_pair_port *port, struct sk_buff_head *done)
{
	struct sk_buff *skb;

	count_stamped(port, C_rx_hwtstamp_stamped, done);
	while ((skb = __skb_dequeue(done))) {
		const struct ws_pair_cb *cb = ws_pair_cb(skb);

		if (cb->stamped)
			skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(cb->stamp);
		memset(skb->cb, 0, sizeof(skb->cb));
		skb->protocol = eth_type_trans(skb, port->dev);
		netif_receive_skb(skb);
	}
}

static enum hrtimer_restart hold_timer(struct hrtimer *timer)
{
	struct ws_pair_lane *lane = container_of(timer, struct ws_pair_lane, hold_timer);
	struct ws_pair_port *port = lane->port;
	struct sk_buff_head done;

	__skb_queue_head_init(&done);
	spin_lock_bh(&port->lock);
	if (lane->held)
		release_locked(lane, &done);
	spin_unlock_bh(&port->lock);
	if (lane->receive)
		ws_pair_receive(port, &done);
	else
		deliver_sent(port, &done);
	return HRTIMER_NORESTART;
}

static void tx_arm_locked(struct ws_pair_port *port)
{
	struct sk_buff *first = skb_peek(&port->tx_stamps);

	if (first)
		hrtimer_start(&port->tx_timer, ws_pair_cb(first)->due, HRTIMER_MODE_ABS_SOFT);
}

static enum hrtimer_restart tx_timer(struct hrtimer *timer)
{
	struct ws_pair_port *port = container_of(timer, struct ws_pair_port, tx_timer);
	struct sk_buff_head done;
	struct sk_buff *skb;
	s64 now;

	__skb_queue_head_init(&done);
	spin_lock_bh(&port->lock);
	now = ktime_get_ns();
	while ((skb = skb_peek(&port->tx_stamps)) && ws_pair_cb(skb)->due <= now) {
		__skb_unlink(skb, &port->tx_stamps);
		lane_pass_locked(&port->tx_lane, skb, &done);
	}
	if (port->open)
		tx_arm_locked(port);
	spin_unlock_bh(&port->lock);
	deliver_sent(port, &done);
	return HRTIMER_NORESTART;
}

bool ws_pair_stamp_wanted_locked(struct ws_pair_port *port, struct sk_buff *skb)
{
	u64 limit = ws_pair_get(P_tx_in_flight, port->index);

	if (!(skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP) || port->tx_type != HWTSTAMP_TX_ON)
		return false;
	if (limit && skb_queue_len(&port->tx_stamps) >= limit) {
		port->counters[C_tx_hwtstamp_skipped]++;
		return false;
	}
	skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	return true;
}

void ws_pair_stamp_sent_locked(struct ws_pair_port *port, struct sk_buff *skb)
{
	struct ws_pair_cb *cb = ws_pair_cb(skb);

	cb->due = cb->when + ws_pair_get(P_tx_stamp_latency_ns, port->index);
	__skb_queue_tail(&port->tx_stamps, skb);
	if (skb_peek(&port->tx_stamps) == skb)
		tx_arm_locked(port);
}

static bool filter_takes(int filter, const struct ws_pair_ptp *ptp)
{
	switch (filter) {
	case HWTSTAMP_FILTER_ALL:
		return true;
	case HWTSTAMP_FILTER_PTP_V2_EVENT:
		return ptp->event;
	case HWTSTAMP_FILTER_PTP_V1_L4_SYNC:
		return ptp->v1_sync;
	case HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ:
		return ptp->v1_delay_req;
	default:
		return false;
	}
}

/* Is there a register for a stamp at this instant? Takes it. */
static bool register_take_locked(struct ws_pair_port *port, s64 when)
{
	u64 registers = ws_pair_get(P_rx_registers, port->index), i;

	if (ws_pair_get(P_rx_stuck, port->index) && port->rx_latched)
		return false;
	port->rx_latched = true;
	if (!registers)
		return true;
	for (i = 0; i < registers; i++) {
		if (port->rx_registers[i] <= when) {
			port->rx_registers[i] = when + ws_pair_get(P_rx_register_ns, port->index);
			return true;
		}
	}
	return false;
}

void ws_pair_stamp_received_locked(
	struct ws_pair_port *port, struct sk_buff *skb, struct sk_buff_head *done)
{
	struct ws_pair_ptp ptp =
		ws_pair_ptp_look(skb->data, skb->len, ws_pair_get(P_ptp_vlan, port->index));
	s64 deliver = ws_pair_get(P_rx_deliver, port->index);

	if (!filter_takes(port->rx_filter, &ptp) || deliver == RX_DELIVER_NONE ||
		(deliver == RX_DELIVER_SYNC && !ptp.l2_sync)) {
		__skb_queue_tail(done, skb);
		return;
	}
	if (!register_take_locked(port, ws_pair_cb(skb)->when)) {
		port->counters[C_rx_hwtstamp_cleared]++;
		__skb_queue_tail(done, skb);
		return;
	}
	lane_pass_locked(&port->rx_lane, skb, done);
}

static void lane_init(struct ws_pair_lane *lane, struct ws_pair_port *port, bool receive)
{
	lane->port = port;
	lane->receive = receive;
	ws_pair_timer_setup(&lane->hold_timer, hold_timer);
}

void ws_pair_stamp_init(struct ws_pair_port *port)
{
	__skb_queue_head_init(&port->tx_stamps);
	ws_pair_timer_setup(&port->tx_timer, tx_timer);
	lane_init(&port->tx_lane, port, false);
	lane_init(&port->rx_lane, port, true);
	port->random = 0x9e3779b9 + port->index;
}

void ws_pair_stamp_stop(struct ws_pair_port *port)
{
	struct sk_buff_head lost;

	__skb_queue_head_init(&lost);
	hrtimer_cancel(&port->tx_timer);
	hrtimer_cancel(&port->tx_lane.hold_timer);
	hrtimer_cancel(&port->rx_lane.hold_timer);
	spin_lock_bh(&port->lock);
	skb_queue_splice_init(&port->tx_stamps, &lost);
	if (port->tx_lane.held)
		release_locked(&port->tx_lane, &lost);
	if (port->rx_lane.held)
		release_locked(&port->rx_lane, &lost);
	spin_unlock_bh(&port->lock);
	__skb_queue_purge(&lost);
}
