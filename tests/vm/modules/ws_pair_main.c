// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The two devices as the kernel sees them. */
#include "ws_pair.h"

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/module.h>
#include <linux/timekeeping.h>

#include "ws_pair_compat.h"

#define LARGEST_MTU 9000

static struct ws_pair_port *ports[2];
static struct platform_device *parents[2];

static const char counter_names[][ETH_GSTRING_LEN] = {
#define COUNTER(name) #name,
	WS_PAIR_COUNTERS(COUNTER)
#undef COUNTER
};

/* RTNL is held in open and stop, so these two see both ports at rest. */

static int port_open(struct net_device *dev)
{
	struct ws_pair_port *port = netdev_priv(dev), *peer = port->peer;

	spin_lock_bh(&port->lock);
	port->open = true;
	spin_unlock_bh(&port->lock);
	netif_start_queue(dev);
	if (peer->open) {
		netif_carrier_on(dev);
		netif_carrier_on(peer->dev);
		netif_wake_queue(peer->dev);
	}
	return 0;
}

static int port_stop(struct net_device *dev)
{
	struct ws_pair_port *port = netdev_priv(dev), *peer = port->peer;

	netif_stop_queue(dev);
	netif_carrier_off(dev);
	netif_carrier_off(peer->dev);
	spin_lock_bh(&port->lock);
	port->open = false;
	spin_unlock_bh(&port->lock);
	/* The wires first: what arrives from the peer may start timers of this port. */
	ws_pair_wire_stop(port);
	ws_pair_wire_stop(peer);
	ws_pair_stamp_stop(port);
	return 0;
}

static void port_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct ws_pair_port *port = netdev_priv(dev);

	spin_lock_bh(&port->lock);
	stats->rx_packets = port->stats.rx_packets;
	stats->rx_bytes = port->stats.rx_bytes;
	stats->rx_dropped = port->stats.rx_dropped;
	stats->tx_packets = port->stats.tx_packets;
	stats->tx_bytes = port->stats.tx_bytes;
	stats->tx_dropped = port->stats.tx_dropped;
	spin_unlock_bh(&port->lock);
}

int ws_pair_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config)
{
	struct ws_pair_port *port = netdev_priv(dev);

	config->flags = 0;
	config->tx_type = port->tx_type;
	config->rx_filter = port->rx_filter;
	return 0;
}

/* What a card that offers this grants for a filter that is asked for; below 0: cannot. */
static int filter_granted(s64 offered, int filter)
{
	if (filter == HWTSTAMP_FILTER_NONE)
		return filter;
	if (offered == RX_FILTER_ALL)
		return HWTSTAMP_FILTER_ALL;
	if (offered == RX_FILTER_NONE)
		return -ERANGE;
	switch (filter) {
	case HWTSTAMP_FILTER_PTP_V1_L4_SYNC:
	case HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ:
		return filter;
	case HWTSTAMP_FILTER_PTP_V2_L4_EVENT:
	case HWTSTAMP_FILTER_PTP_V2_L4_SYNC:
	case HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ:
	case HWTSTAMP_FILTER_PTP_V2_L2_EVENT:
	case HWTSTAMP_FILTER_PTP_V2_L2_SYNC:
	case HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ:
	case HWTSTAMP_FILTER_PTP_V2_EVENT:
	case HWTSTAMP_FILTER_PTP_V2_SYNC:
	case HWTSTAMP_FILTER_PTP_V2_DELAY_REQ:
		return HWTSTAMP_FILTER_PTP_V2_EVENT;
	default:
		return -ERANGE;
	}
}

int ws_pair_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
	struct netlink_ext_ack *extack)
{
	struct ws_pair_port *port = netdev_priv(dev);
	int filter = filter_granted(ws_pair_get(P_rx_filter, port->index), config->rx_filter);

	if (config->flags)
		return -EINVAL;
	if (config->tx_type != HWTSTAMP_TX_OFF &&
		(config->tx_type != HWTSTAMP_TX_ON || !ws_pair_get(P_tx_offer, port->index)))
		return -ERANGE;
	if (filter < 0)
		return filter;
	config->rx_filter = filter;
	spin_lock_bh(&port->lock);
	port->tx_type = config->tx_type;
	port->rx_filter = filter;
	port->rx_latched = false;
	memset(port->rx_registers, 0, sizeof(port->rx_registers));
	spin_unlock_bh(&port->lock);
	return 0;
}

static int get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	struct ws_pair_port *port = netdev_priv(dev);
	s64 filter = ws_pair_get(P_rx_filter, port->index);

	info->phc_index = ptp_clock_index(port->clock.ptp);
	info->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
				SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	info->tx_types = BIT(HWTSTAMP_TX_OFF);
	if (ws_pair_get(P_tx_offer, port->index)) {
		info->so_timestamping |= SOF_TIMESTAMPING_TX_HARDWARE;
		info->tx_types |= BIT(HWTSTAMP_TX_ON);
	}
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE);
	if (filter != RX_FILTER_NONE)
		info->so_timestamping |= SOF_TIMESTAMPING_RX_HARDWARE;
	if (filter == RX_FILTER_ALL)
		info->rx_filters |= BIT(HWTSTAMP_FILTER_ALL);
	else if (filter == RX_FILTER_PTP)
		info->rx_filters |= BIT(HWTSTAMP_FILTER_PTP_V1_L4_SYNC) |
				    BIT(HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ) |
				    BIT(HWTSTAMP_FILTER_PTP_V2_EVENT);
	return 0;
}

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, WS_PAIR_NAME, sizeof(info->driver));
	strscpy(info->bus_info, dev_name(dev->dev.parent), sizeof(info->bus_info));
}

static int get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	struct ws_pair_port *port = netdev_priv(dev);

	settings->base.speed = ws_pair_get(P_speed_mbps, port->index);
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_OTHER;
	settings->base.autoneg = AUTONEG_DISABLE;
	if (!netif_carrier_ok(dev)) {
		settings->base.speed = SPEED_UNKNOWN;
		settings->base.duplex = DUPLEX_UNKNOWN;
	}
	return 0;
}

static int get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? WS_PAIR_COUNTER_COUNT : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	if (set == ETH_SS_STATS)
		memcpy(data, counter_names, sizeof(counter_names));
}

static void get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	struct ws_pair_port *port = netdev_priv(dev);

	spin_lock_bh(&port->lock);
	memcpy(data, port->counters, sizeof(port->counters));
	spin_unlock_bh(&port->lock);
}

static const struct net_device_ops netdev_ops = {
	.ndo_open = port_open,
	.ndo_stop = port_stop,
	.ndo_start_xmit = ws_pair_wire_xmit,
	.ndo_get_stats64 = port_get_stats64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	WS_PAIR_NDO_HWTSTAMP,
};

static const struct ethtool_ops ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_ts_info = get_ts_info,
};

void ws_pair_applied(enum ws_pair_id id)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct ws_pair_clock *clock = &ports[i]->clock;

		if (id == P_clock_offset_ns)
			ws_pair_clock_apply_offset(clock);
		else if (id == P_drift_ppb)
			ws_pair_clock_apply_drift(clock);
		else if (id == P_phc_step_ns)
			ws_pair_clock_step(clock, ws_pair_get(id, i));
	}
}

/* Only so that the devices have a driver and a bus address, as cards do. */
static struct platform_driver driver = {
	.driver.name = WS_PAIR_NAME,
};

static struct ws_pair_port *port_new(unsigned int index, struct device *parent)
{
	const u8 address[ETH_ALEN] = {0x02, 'w', 's', 'p', 0, index};
	struct net_device *dev =
		alloc_netdev(sizeof(struct ws_pair_port), "pair%d", NET_NAME_ENUM, ether_setup);
	struct ws_pair_port *port;

	if (!dev)
		return NULL;
	port = netdev_priv(dev);
	port->dev = dev;
	port->index = index;
	spin_lock_init(&port->lock);
	ws_pair_wire_init(port);
	ws_pair_stamp_init(port);
	dev->netdev_ops = &netdev_ops;
	dev->ethtool_ops = &ethtool_ops;
	dev->max_mtu = LARGEST_MTU;
	/* A frame that waits for its stamp is not to be sent again meanwhile. */
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	eth_hw_addr_set(dev, address);
	SET_NETDEV_DEV(dev, parent);
	netif_carrier_off(dev);
	return port;
}

/* Takes back whatever init has done, in whichever state. */
static void pair_end(void)
{
	unsigned int i;

	ws_pair_params_live(false);
	for (i = 0; i < 2; i++)
		if (ports[i] && ports[i]->dev->reg_state == NETREG_REGISTERED)
			unregister_netdev(ports[i]->dev);
	/* A clock's timer may touch the other clock: both fall silent before one goes. */
	for (i = 0; i < 2; i++)
		if (ports[i])
			ws_pair_clock_quiet(&ports[i]->clock);
	for (i = 0; i < 2; i++) {
		if (ports[i]) {
			ws_pair_clock_unregister(&ports[i]->clock);
			free_netdev(ports[i]->dev);
			ports[i] = NULL;
		}
	}
	for (i = 0; i < 2; i++)
		if (!IS_ERR_OR_NULL(parents[i]))
			platform_device_unregister(parents[i]);
	platform_driver_unregister(&driver);
}

static int pair_make(void)
{
	s64 epoch = ktime_to_ns(ktime_mono_to_real(0));
	unsigned int i;
	int result;

	for (i = 0; i < 2; i++) {
		parents[i] = platform_device_register_simple(WS_PAIR_NAME, i, NULL, 0);
		if (IS_ERR(parents[i]))
			return PTR_ERR(parents[i]);
		ports[i] = port_new(i, &parents[i]->dev);
		if (!ports[i])
			return -ENOMEM;
	}
	for (i = 0; i < 2; i++) {
		ports[i]->peer = ports[!i];
		ws_pair_clock_init(&ports[i]->clock, i, &ports[!i]->clock, epoch);
	}
	for (i = 0; i < 2; i++) {
		result = ws_pair_clock_register(&ports[i]->clock, &parents[i]->dev);
		if (result)
			return result;
	}
	for (i = 0; i < 2; i++) {
		result = register_netdev(ports[i]->dev);
		if (result)
			return result;
	}
	ws_pair_params_live(true);
	return 0;
}

static int __init pair_init(void)
{
	int result = platform_driver_register(&driver);

	if (result)
		return result;
	result = pair_make();
	if (result)
		pair_end();
	return result;
}

static void __exit pair_exit(void)
{
	pair_end();
}

module_init(pair_init);
module_exit(pair_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("wirestamp's wired pair of Ethernet devices with known truth, for tests");
