/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parameters of ws_pair, given to insmod or written to /sys/module/ws_pair/parameters/ at any
 * time (mode 0644). Each has two values, "A,B": the first is for pair0, the second for pair1; one
 * value alone is for both. Reading shows "A,B". Out of range: EINVAL.
 *
 * For what happens on the wire (delay, loss) and on transmit, the port is the one that sends; for
 * receive and for the clocks it is the one named. What is changed holds for frames from then on (and
 * none overtakes those that are on the wire already, if the delay became shorter).
 * "every N" counts the stamps (or frames) of that port since the module was loaded; 0 means never.
 */
#ifndef WS_PAIR_PARAMS_H
#define WS_PAIR_PARAMS_H

#include <linux/types.h>

enum { RX_FILTER_ALL, RX_FILTER_PTP, RX_FILTER_NONE };
enum { RX_DELIVER_CLAIMED, RX_DELIVER_NONE, RX_DELIVER_SYNC };

#define WS_PAIR_MAX_REGISTERS 16

/* NAMED(name, default, names) and NUMBER(name, default, least, most), with what it is. */
#define WS_PAIR_PARAMS(NAMED, NUMBER)                                                             \
	/* What the card says that it can. */                                                     \
	NAMED(rx_filter, RX_FILTER_ALL, ws_pair_rx_filters,                                       \
		"receive filters offered: all (none, all), ptp (none, ptpv1-l4-sync, "            \
		"ptpv1-l4-delay-req, ptpv2-event) or none; others get ERANGE")                    \
	NUMBER(tx_offer, 1, 0, 1, "0: the card offers no transmit stamps")                        \
	NUMBER(speed_mbps, 1000, 1, 400000, "link speed in Mb/s")                                 \
	/* What the card then does. */                                                            \
	NAMED(rx_deliver, RX_DELIVER_CLAIMED, ws_pair_rx_deliveries,                              \
		"received frames stamped: claimed (as the filter says), none, or sync (of these " \
		"only layer 2 PTP Sync)")                                                         \
	NUMBER(ptp_vlan, 0, 0, 1, "1: the PTP filters look through one VLAN tag")                 \
	NUMBER(tx_in_flight, 0, 0, 1000,                                                          \
		"transmit stamps at a time, between transmission and delivery; further requests " \
		"get none (0: no limit)")                                                         \
	NUMBER(tx_stamp_latency_ns, 1000, 0, 10000000000,                                         \
		"ns from transmission until the driver reads and delivers the stamp")             \
	NUMBER(rx_registers, 0, 0, WS_PAIR_MAX_REGISTERS,                                         \
		"registers for receive stamps; while all are taken frames arrive unstamped "      \
		"(0: no limit)")                                                                  \
	NUMBER(rx_register_ns, 10000, 0, 10000000000,                                             \
		"ns from a frame's arrival until the driver reads its register")                  \
	NUMBER(rx_stuck, 0, 0, 1,                                                                 \
		"1: the register is never read: only the first frame after each SIOCSHWTSTAMP "   \
		"is stamped")                                                                     \
	NUMBER(tx_lose_every, 0, 0, 1000000000, "every Nth transmit stamp is lost")               \
	NUMBER(rx_lose_every, 0, 0, 1000000000, "every Nth receive stamp is lost")                \
	NUMBER(tx_swap_every, 0, 0, 1000000000,                                                   \
		"every Nth transmit stamp is exchanged with the next")                            \
	NUMBER(rx_swap_every, 0, 0, 1000000000,                                                   \
		"every Nth receive stamp is exchanged with the next (the frame waits for it)")    \
	NUMBER(swap_hold_ms, 20, 0, 10000,                                                        \
		"ms that a stamp waits for the next one to be exchanged with; then it is "        \
		"delivered as it is")                                                             \
	NUMBER(tx_stale_every, 0, 0, 1000000000,                                                  \
		"every Nth transmit stamp is that of the frame stamped before")                   \
	NUMBER(rx_stale_every, 0, 0, 1000000000,                                                  \
		"every Nth receive stamp is that of the frame stamped before")                    \
	NUMBER(stamp_resolution_ns, 1, 1, 1000000000, "stamps are rounded down to this many ns")  \
	NUMBER(stamp_noise_ns, 0, 0, 1000000000,                                                  \
		"uniform noise of -N to +N ns on each stamp, before it is rounded")               \
	/* The wire; the port is the sending one. */                                              \
	NUMBER(delay_ns, 5000, 0, 10000000000,                                                    \
		"ns from the instant of the transmit stamp to that of the receive stamp")         \
	NUMBER(delay_noise_ns, 0, 0, 10000000000, "uniform 0 to N ns more, by the frame")         \
	NUMBER(ptp_extra_delay_ns, 0, 0, 10000000000,                                             \
		"ns more for PTP event messages (with a VLAN tag or without)")                    \
	NUMBER(kernel_drop_every, 0, 0, 1000000000,                                               \
		"every Nth frame is lost on the wire, after its transmit stamp")                  \
	NUMBER(wire_frames, 8192, 1, 1000000, "frames on the wire; further ones are lost")        \
	NUMBER(serialise, 0, 0, 1,                                                                \
		"1: frames leave one after the other at speed_mbps, and a full queue stops the "  \
		"sender")                                                                         \
	NUMBER(serialise_queue_ns, 1000000, 1000, 1000000000,                                     \
		"ns of frames waiting to leave at which the queue is full")                       \
	/* The clocks. */                                                                         \
	NUMBER(clock_offset_ns, 0, -4000000000000000000, 4000000000000000000,                     \
		"the clock's offset in ns from CLOCK_REALTIME as it was at load and went on at "  \
		"the base clock's rate; writing sets the clock there")                            \
	NUMBER(drift_ppb, 0, -100000000, 100000000,                                               \
		"the clock's own error of rate in ppb, added to what adjfine asks for")           \
	NUMBER(phc_step_ns, 0, -1000000000000000000, 1000000000000000000,                         \
		"steps the clock by this many ns, at load and whenever it is written")            \
	NUMBER(phc_read_ns, 0, 0, 100000000, "ns more that a reading of the clock takes")         \
	NUMBER(phc_read_asym_pct, 50, 0, 100,                                                     \
		"part of phc_read_ns, in percent, before the instant that is read")

enum ws_pair_id {
#define NAMED(name, value, names, text)	       P_##name,
#define NUMBER(name, value, least, most, text) P_##name,
	WS_PAIR_PARAMS(NAMED, NUMBER)
#undef NAMED
#undef NUMBER
		WS_PAIR_PARAM_COUNT
};

/** The value for a port (0 or 1) as it is now. */
s64 ws_pair_get(enum ws_pair_id id, unsigned int port);

/**
 * From now until @c false writing a parameter calls ws_pair_applied(), one caller at a time and in
 * process context; on return no call is under way any more.
 */
void ws_pair_params_live(bool live);

/** Supplied by the module's main part: a parameter was written; not called before it is live. */
void ws_pair_applied(enum ws_pair_id id);

#endif
