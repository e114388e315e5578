/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of a network card that change what is measured, as plain numbers: found by host, told by report. */
#pragma once

#include <stdint.h>

#define WS_SETTING_UNKNOWN (-1)

/* The offloads that move packets together, apart, or to another moment, or change what a capture shows. */
enum ws_offload {
	WS_OFFLOAD_RX_CHECKSUM,
	WS_OFFLOAD_TX_CHECKSUM,
	WS_OFFLOAD_SCATTER_GATHER,
	WS_OFFLOAD_TSO,
	WS_OFFLOAD_USO,
	WS_OFFLOAD_GSO,
	WS_OFFLOAD_GRO,
	WS_OFFLOAD_GRO_HW,
	WS_OFFLOAD_GRO_LIST,
	WS_OFFLOAD_UDP_GRO,
	WS_OFFLOAD_LRO,
	WS_OFFLOAD_RX_VLAN,
	WS_OFFLOAD_TX_VLAN,
	WS_OFFLOAD_NTUPLE,
	WS_OFFLOAD_RSS,
	WS_OFFLOADS,
};

/* As `ethtool -k` names it. */
const char *ws_offload_name(enum ws_offload offload);

/*
 * WS_SETTING_UNKNOWN where the driver does not say. A driver that has some of the coalescing parameters only says 0
 * for the others: ethtool's ioctl does not tell these apart.
 */
struct ws_nic_settings {
	int64_t queues_rx, queues_tx; /* in use; combined ones count for both */
	int64_t ring_rx, ring_rx_max, ring_tx, ring_tx_max; /* frames */
	int64_t rx_usecs, rx_frames, tx_usecs, tx_frames;
	int8_t adaptive_rx, adaptive_tx; /* 1, 0, or WS_SETTING_UNKNOWN */
	int8_t offload[WS_OFFLOADS];	 /* the same */
};

/* All unknown. */
void ws_nic_settings_unknown(struct ws_nic_settings *ret);
