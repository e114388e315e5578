// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames on their way: when they leave, when they arrive, and what is lost. */
#include "ws_pair.h"

#include <linux/etherdevice.h>
#include <linux/math64.h>

#include "ws_pair_compat.h"
#include "ws_pair_ptp.h"

/* A timer hands over so many frames, then others have their turn. */
#define FRAMES_IN_A_TURN 128

/* What else takes time on a wire: preamble, check sequence, gap between frames. */
#define WIRE_OVERHEAD (8 + ETH_FCS_LEN + 12)

static void wire_arm_locked(struct ws_pair_port *port)
{
	struct sk_buff *first = skb_peek(&port->wire);

	if (first)
		hrtimer_start(&port->wire_timer, ws_pair_cb(first)->due, HRTIMER_MODE_ABS_SOFT);
}

/* A frame as the other side will see it. Nothing but its bytes goes over a wire. */
static struct sk_buff *wire_copy(struct sk_buff *skb, struct net_device *to)
{
	unsigned int length = max_t(unsigned int, skb->len, ETH_ZLEN);
	struct sk_buff *copy = netdev_alloc_skb_ip_align(to, length);

	if (!copy)
		return NULL;
	skb_put(copy, length);
	if (skb_copy_bits(skb, 0, copy->data, skb->len)) {
		kfree_skb(copy);
		return NULL;
	}
	memset(copy->data + skb->len, 0, length - skb->len);
	return copy;
}

/* The instant at which a frame that comes now leaves, and how long it takes. */
static s64 departure_locked(struct ws_pair_port *port, s64 now, unsigned int length, s64 *ret_takes)
{
	s64 leaves = max(now, port->free_at), queue;

	*ret_takes = 0;
	if (!ws_pair_get(P_serialise, port->index))
		return now;
	/* 8000 ns a byte at 1 Mb/s */
	*ret_takes =
		div_s64(8000LL * (length + WIRE_OVERHEAD), ws_pair_get(P_speed_mbps, port->index));
	port->free_at = leaves + *ret_takes;
	queue = ws_pair_get(P_serialise_queue_ns, port->index);
	if (port->free_at - now >= queue) {
		netif_stop_queue(port->dev);
		hrtimer_start(&port->wake_timer, port->free_at - queue / 2, HRTIMER_MODE_ABS_SOFT);
	}
	return leaves;
}

static void wire_put_locked(struct ws_pair_port *port, struct sk_buff *frame, s64 leaves, s64 takes)
{
	struct ws_pair_cb *cb = ws_pair_cb(frame);
	u64 drop_every = ws_pair_get(P_kernel_drop_every, port->index);
	struct sk_buff *before;

	port->wire_count++;
	if (drop_every && port->wire_count % drop_every == 0) {
		port->counters[C_wire_dropped]++;
		kfree_skb(frame);
		return;
	}
	if (skb_queue_len(&port->wire) >= ws_pair_get(P_wire_frames, port->index)) {
		port->counters[C_wire_overflow]++;
		kfree_skb(frame);
		return;
	}
	*cb = (struct ws_pair_cb){
		.ptp = ws_pair_ptp_look(frame->data, frame->len, true).event,
	};
	cb->when = leaves + ws_pair_get(P_delay_ns, port->index) +
		   ws_pair_random_locked(port, ws_pair_get(P_delay_noise_ns, port->index));
	if (cb->ptp)
		cb->when += ws_pair_get(P_ptp_extra_delay_ns, port->index);
	cb->when = max(cb->when, port->last_arrival[cb->ptp]);
	port->last_arrival[cb->ptp] = cb->when;
	cb->due = cb->when + takes;

	skb_queue_reverse_walk(&port->wire, before) if (ws_pair_cb(before)->due <= cb->due) break;
	__skb_queue_after(&port->wire, before, frame);
	if (skb_peek(&port->wire) == frame)
		wire_arm_locked(port);
}

netdev_tx_t ws_pair_wire_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ws_pair_port *port = netdev_priv(dev);
	struct sk_buff *frame = wire_copy(skb, port->peer->dev);
	bool stamped = false;
	s64 leaves, takes;

	spin_lock_bh(&port->lock);
	if (!frame || !port->open || !netif_carrier_ok(dev)) {
		if (!frame)
			port->counters[C_wire_overflow]++;
		port->stats.tx_dropped++;
		spin_unlock_bh(&port->lock);
		kfree_skb(frame);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	port->stats.tx_packets++;
	port->stats.tx_bytes += skb->len;
	stamped = ws_pair_stamp_wanted_locked(port, skb);
	/* As drivers do, before the card has it: a stage cannot take less than no time. */
	skb_tx_timestamp(skb);
	leaves = departure_locked(port, ktime_get_ns(), frame->len, &takes);
	wire_put_locked(port, frame, leaves, takes);
	if (stamped) {
		*ws_pair_cb(skb) = (struct ws_pair_cb){.when = leaves};
		ws_pair_stamp_sent_locked(port, skb);
	}
	spin_unlock_bh(&port->lock);
	if (!stamped)
		dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

static enum hrtimer_restart wire_timer(struct hrtimer *timer)
{
	struct ws_pair_port *port = container_of(timer, struct ws_pair_port, wire_timer);
	struct ws_pair_port *peer = port->peer;
	struct sk_buff_head arrived, done;
	struct sk_buff *skb;
	s64 now;

	__skb_queue_head_init(&arrived);
	__skb_queue_head_init(&done);

	spin_lock_bh(&port->lock);
	now = ktime_get_ns();
	while ((skb = skb_peek(&port->wire)) && ws_pair_cb(skb)->due <= now &&
		skb_queue_len(&arrived) < FRAMES_IN_A_TURN) {
		__skb_unlink(skb, &port->wire);
		__skb_queue_tail(&arrived, skb);
	}
	spin_unlock_bh(&port->lock);

	spin_lock_bh(&peer->lock);
	while ((skb = __skb_dequeue(&arrived))) {
		if (!peer->open) {
			peer->stats.rx_dropped++;
			kfree_skb(skb);
			continue;
		}
		peer->stats.rx_packets++;
		peer->stats.rx_bytes += skb->len;
		ws_pair_stamp_received_locked(peer, skb, &done);
	}
	spin_unlock_bh(&peer->lock);
	ws_pair_receive(peer, &done);

	spin_lock_bh(&port->lock);
	if (port->open)
		wire_arm_locked(port);
	spin_unlock_bh(&port->lock);
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart wake_timer(struct hrtimer *timer)
{
	struct ws_pair_port *port = container_of(timer, struct ws_pair_port, wake_timer);

	netif_wake_queue(port->dev);
	return HRTIMER_NORESTART;
}

void ws_pair_wire_init(struct ws_pair_port *port)
{
	__skb_queue_head_init(&port->wire);
	ws_pair_timer_setup(&port->wire_timer, wire_timer);
	ws_pair_timer_setup(&port->wake_timer, wake_timer);
}

void ws_pair_wire_stop(struct ws_pair_port *port)
{
	struct sk_buff_head lost;

	__skb_queue_head_init(&lost);
	hrtimer_cancel(&port->wire_timer);
	hrtimer_cancel(&port->wake_timer);
	spin_lock_bh(&port->lock);
	skb_queue_splice_init(&port->wire, &lost);
	port->free_at = 0;
	memset(port->last_arrival, 0, sizeof(port->last_arrival));
	spin_unlock_bh(&port->lock);
	__skb_queue_purge(&lost);
}
