/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/ts_cards.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <string.h>

#define BIT(n)	  (UINT32_C(1) << (n))
#define FILTER(n) BIT(HWTSTAMP_FILTER_##n)

/* What the kernel adds to whatever a driver says; nothing else if it says nothing. */
#define KERNEL (SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)
/* A driver that gives software transmit stamps. */
#define SOFTWARE    (SOF_TIMESTAMPING_TX_SOFTWARE | KERNEL)
#define RX_HARDWARE (SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE)
#define HARDWARE    (SOF_TIMESTAMPING_TX_HARDWARE | RX_HARDWARE)

#define TX_OFF_ON (BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON))

#define INTEL_PTP \
	(FILTER(NONE) | FILTER(PTP_V1_L4_SYNC) | FILTER(PTP_V1_L4_DELAY_REQ) | FILTER(PTP_V2_EVENT))
#define I40E_L2                                                            \
	(FILTER(NONE) | FILTER(PTP_V2_L2_EVENT) | FILTER(PTP_V2_L2_SYNC) | \
		FILTER(PTP_V2_L2_DELAY_REQ))
#define I40E_ALL                                                               \
	(I40E_L2 | INTEL_PTP | FILTER(PTP_V2_L4_EVENT) | FILTER(PTP_V2_SYNC) | \
		FILTER(PTP_V2_L4_SYNC) | FILTER(PTP_V2_DELAY_REQ) | FILTER(PTP_V2_L4_DELAY_REQ))
#define E1000E                                                                               \
	(INTEL_PTP | FILTER(ALL) | FILTER(PTP_V2_L4_SYNC) | FILTER(PTP_V2_L4_DELAY_REQ) |    \
		FILTER(PTP_V2_L2_SYNC) | FILTER(PTP_V2_L2_DELAY_REQ) | FILTER(PTP_V2_SYNC) | \
		FILTER(PTP_V2_DELAY_REQ))

/* Nobody has set anything, and the driver says so. */
#define UNSET                                                                                \
	{                                                                                    \
		.known = true, .tx_type = HWTSTAMP_TX_OFF, .rx_filter = HWTSTAMP_FILTER_NONE \
	}
#define NO_CONFIG                    \
	{                            \
		.error = -EOPNOTSUPP \
	}

/* Of one provider, the MAC. */
#define MAC(clock, claims, tx, rx)              \
	.known = true, .netlink = true, .n = 1, \
	.provider = {{.in_use = true,           \
		.precise = true,                \
		.phc = (clock),                 \
		.flags = (claims),              \
		.tx_types = (tx),               \
		.rx_filters = (rx)}}
#define SOFTWARE_ONLY(claims)                              \
	{                                                  \
		MAC(-1, claims, 0, 0), .config = NO_CONFIG \
	}

const struct ts_card ts_cards[] = {
	/* Interfaces without a card. */
	{.name = "lo",
		.driver = "",
		.virtual_device = true,
		.up = true,
		.running = true,
		.caps = SOFTWARE_ONLY(SOFTWARE)},
	{.name = "veth",
		.driver = "veth",
		.virtual_device = true,
		.up = true,
		.running = true,
		.caps = SOFTWARE_ONLY(SOFTWARE)},
	{.name = "ifb", /* received stamps alone, and no link: there is none */
		.driver = "ifb",
		.virtual_device = true,
		.caps = SOFTWARE_ONLY(KERNEL)},

	/* A laptop's Wi-Fi: mac80211 says nothing, so that this is the kernel's own. */
	{.name = "wifi-iwlwifi",
		.driver = "iwlwifi",
		.up = true,
		.running = true,
		.caps = SOFTWARE_ONLY(KERNEL)},

	/* In a cloud. */
	{.name = "virtio-hetzner",
		.driver = "virtio_net",
		.up = true,
		.running = true,
		.caps = SOFTWARE_ONLY(SOFTWARE)},
	{.name = "netvsc-azure",
		.driver = "hv_netvsc",
		.up = true,
		.running = true,
		.caps = SOFTWARE_ONLY(SOFTWARE)},
	{.name = "ena-clock", /* a clock, which few may read often, and no packet is stamped by it */
		.driver = "ena",
		.up = true,
		.running = true,
		.caps = {MAC(0, SOFTWARE, 0, 0), .config = NO_CONFIG}},
	{.name = "ena-receive",
		.driver = "ena",
		.up = true,
		.running = true,
		.caps = {MAC(0, SOFTWARE | RX_HARDWARE, BIT(HWTSTAMP_TX_OFF),
				 FILTER(NONE) | FILTER(ALL)),
			.config = UNSET}},

	/* Cards that stamp all packets. */
	{.name = "igc-i226",
		.driver = "igc",
		.up = true,
		.running = true,
		.tx_in_flight = 4,
		.caps = {MAC(0, SOFTWARE | HARDWARE, TX_OFF_ON, FILTER(NONE) | FILTER(ALL)),
			.config = UNSET}},
	{.name = "igc-i226-ptp4l", /* as ptp4l leaves it: the driver widens ptpv2-event to all */
		.driver = "igc",
		.up = true,
		.running = true,
		.tx_in_flight = 4,
		.caps = {MAC(0, SOFTWARE | HARDWARE, TX_OFF_ON, FILTER(NONE) | FILTER(ALL)),
			.config = {.known = true,
				.tx_type = HWTSTAMP_TX_ON,
				.rx_filter = HWTSTAMP_FILTER_ALL}}},
	{.name = "igc-i226-unplugged",
		.driver = "igc",
		.up = true,
		.tx_in_flight = 4,
		.caps = {MAC(0, SOFTWARE | HARDWARE, TX_OFF_ON, FILTER(NONE) | FILTER(ALL)),
			.config = UNSET}},
	{.name = "mlx5",
		.driver = "mlx5_core",
		.up = true,
		.running = true,
		.caps = {MAC(2, SOFTWARE | HARDWARE, TX_OFF_ON, FILTER(NONE) | FILTER(ALL)),
			.config = UNSET}},
	{.name = "ice",
		.driver = "ice",
		.up = true,
		.running = true,
		.caps = {MAC(1, SOFTWARE | HARDWARE, TX_OFF_ON, FILTER(NONE) | FILTER(ALL)),
			.config = UNSET}},
	{.name = "e1000e",
		.driver = "e1000e",
		.up = true,
		.running = true,
		.tx_in_flight = 1,
		.caps = {MAC(0, SOFTWARE | HARDWARE, TX_OFF_ON, E1000E), .config = UNSET}},

	/* Server cards that stamp received PTP events alone. */
	{.name = "igb-82576",
		.driver = "igb",
		.up = true,
		.running = true,
		.tx_in_flight = 1,
		.caps = {MAC(0, SOFTWARE | HARDWARE, TX_OFF_ON, INTEL_PTP), .config = UNSET}},
	{.name = "ixgbe-x540",
		.driver = "ixgbe",
		.up = true,
		.running = true,
		.tx_in_flight = 1,
		.caps = {MAC(1, SOFTWARE | HARDWARE, TX_OFF_ON, INTEL_PTP), .config = UNSET}},
	{.name = "i40e-x710",
		.driver = "i40e",
		.up = true,
		.running = true,
		.tx_in_flight = 1,
		.caps = {MAC(3, SOFTWARE | HARDWARE, TX_OFF_ON, I40E_ALL), .config = UNSET}},
	{.name = "i40e-x710-old-firmware", /* before firmware 6: layer 2 alone */
		.driver = "i40e",
		.up = true,
		.running = true,
		.tx_in_flight = 1,
		.caps = {MAC(3, SOFTWARE | HARDWARE, TX_OFF_ON, I40E_L2), .config = UNSET}},
	{.name = "ptpv1-only",
		.driver = "old",
		.up = true,
		.running = true,
		.caps = {MAC(0, SOFTWARE | HARDWARE, TX_OFF_ON,
				 FILTER(NONE) | FILTER(PTP_V1_L4_EVENT)),
			.config = UNSET}},

	/* Compute Module 4: its MAC stamps nothing, its PHY (BCM54210PE) is attached while the interface is up. */
	{.name = "cm4-down", .driver = "bcmgenet", .caps = SOFTWARE_ONLY(SOFTWARE)},
	{.name = "cm4-up",
		.driver = "bcmgenet",
		.up = true,
		.running = true,
		.tx_in_flight = 1,
		.caps = {.known = true,
			.netlink = true,
			.n = 2,
			.provider = {{.phy = true,
					     .has_phy_index = true,
					     .phy_index = 1,
					     .precise = true,
					     .in_use = true,
					     .phc = 0,
					     .flags = KERNEL | HARDWARE,
					     .tx_types = TX_OFF_ON | BIT(HWTSTAMP_TX_ONESTEP_SYNC),
					     .rx_filters = FILTER(NONE) | FILTER(PTP_V2_EVENT)},
				{.precise = true, .phc = -1, .flags = SOFTWARE}},
			.config = UNSET}},

	/* Both stamp; the MAC is chosen. */
	{.name = "mac-and-phy",
		.driver = "macb",
		.up = true,
		.running = true,
		.caps = {.known = true,
			.netlink = true,
			.n = 2,
			.provider = {{.precise = true,
					     .in_use = true,
					     .phc = 0,
					     .flags = SOFTWARE | HARDWARE,
					     .tx_types = TX_OFF_ON | BIT(HWTSTAMP_TX_ONESTEP_SYNC),
					     .rx_filters = FILTER(NONE) | FILTER(ALL)},
				{.phy = true,
					.has_phy_index = true,
					.phy_index = 1,
					.precise = true,
					.phc = 1,
					.flags = KERNEL | HARDWARE,
					.tx_types = TX_OFF_ON | BIT(HWTSTAMP_TX_ONESTEP_SYNC) |
						    BIT(HWTSTAMP_TX_ONESTEP_P2P),
					.rx_filters = FILTER(NONE) | FILTER(PTP_V1_L4_EVENT) |
						      FILTER(PTP_V2_L4_EVENT) |
						      FILTER(PTP_V2_L2_EVENT) |
						      FILTER(PTP_V2_EVENT)}},
			.config = UNSET}},

	/* Odd ones. */
	{.name = "transmit-only", /* hardware stamps of sent packets, none of received ones */
		.driver = "odd",
		.up = true,
		.running = true,
		.caps = {MAC(0,
				 SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE |
					 SOF_TIMESTAMPING_RAW_HARDWARE,
				 TX_OFF_ON, FILTER(NONE)),
			.config = UNSET}},
	{.name = "transmit-only-no-software", /* nor is there anything else to take instead */
		.driver = "odd",
		.up = true,
		.running = true,
		.caps = {MAC(0, SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE,
				 TX_OFF_ON, FILTER(NONE)),
			.config = UNSET}},
	{.name = "hardware-without-clock", /* stamps of a clock that it does not name */
		.driver = "odd",
		.up = true,
		.running = true,
		.caps = {MAC(-1, SOFTWARE | HARDWARE, TX_OFF_ON, FILTER(NONE) | FILTER(ALL)),
			.config = NO_CONFIG}},
	{.name = "newer-than-us", /* a flag, a type and a filter without a name here */
		.driver = "new",
		.up = true,
		.running = true,
		.caps = {MAC(0, SOFTWARE | HARDWARE | BIT(30), TX_OFF_ON | BIT(20),
				 FILTER(NONE) | FILTER(ALL) | BIT(29)),
			.config = UNSET}},
	{.name = "unknown", /* not even the kernel's own answer is to be had */
		.driver = "",
		.up = true,
		.running = true,
		.caps = {.error = -EOPNOTSUPP, .config = NO_CONFIG}},
};
const size_t ts_cards_count = sizeof(ts_cards) / sizeof(ts_cards[0]);

const struct ts_card *ts_card(const char *name)
{
	for (size_t i = 0; i < ts_cards_count; i++) {
		if (strcmp(ts_cards[i].name, name) == 0) {
			return &ts_cards[i];
		}
	}
	return NULL;
}
