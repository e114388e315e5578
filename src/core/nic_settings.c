/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/nic_settings.h"

#include <string.h>

const char *ws_offload_name(enum ws_offload offload)
{
	static const char *const names[WS_OFFLOADS] = {
		[WS_OFFLOAD_RX_CHECKSUM] = "rx-checksumming",
		[WS_OFFLOAD_TX_CHECKSUM] = "tx-checksumming",
		[WS_OFFLOAD_SCATTER_GATHER] = "scatter-gather",
		[WS_OFFLOAD_TSO] = "tcp-segmentation-offload",
		[WS_OFFLOAD_USO] = "tx-udp-segmentation",
		[WS_OFFLOAD_GSO] = "generic-segmentation-offload",
		[WS_OFFLOAD_GRO] = "generic-receive-offload",
		[WS_OFFLOAD_GRO_HW] = "rx-gro-hw",
		[WS_OFFLOAD_GRO_LIST] = "rx-gro-list",
		[WS_OFFLOAD_UDP_GRO] = "rx-udp-gro-forwarding",
		[WS_OFFLOAD_LRO] = "large-receive-offload",
		[WS_OFFLOAD_RX_VLAN] = "rx-vlan-offload",
		[WS_OFFLOAD_TX_VLAN] = "tx-vlan-offload",
		[WS_OFFLOAD_NTUPLE] = "ntuple-filters",
		[WS_OFFLOAD_RSS] = "receive-hashing",
	};

	return names[offload];
}

void ws_nic_settings_unknown(struct ws_nic_settings *ret)
{
	*ret = (struct ws_nic_settings){
		.queues_rx = WS_SETTING_UNKNOWN,
		.queues_tx = WS_SETTING_UNKNOWN,
		.ring_rx = WS_SETTING_UNKNOWN,
		.ring_rx_max = WS_SETTING_UNKNOWN,
		.ring_tx = WS_SETTING_UNKNOWN,
		.ring_tx_max = WS_SETTING_UNKNOWN,
		.rx_usecs = WS_SETTING_UNKNOWN,
		.rx_frames = WS_SETTING_UNKNOWN,
		.tx_usecs = WS_SETTING_UNKNOWN,
		.tx_frames = WS_SETTING_UNKNOWN,
		.adaptive_rx = WS_SETTING_UNKNOWN,
		.adaptive_tx = WS_SETTING_UNKNOWN,
	};
	memset(ret->offload, WS_SETTING_UNKNOWN, sizeof(ret->offload));
}
