/* SPDX-License-Identifier: BSD-2-Clause */
#include "host/nic_settings.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/sys.h"

#define FEATURES_MAX 1024 /* Linux 6.18 has 64 */
#define WORD_BITS    32

/* Which of the kernel's features make up what `ethtool -k` calls by one name. It is on if one of them is. */
static const struct {
	enum ws_offload offload;
	const char *feature;
	bool prefix; /* all that begin so */
} features[] = {
	{WS_OFFLOAD_RX_CHECKSUM, "rx-checksum", false},
	{WS_OFFLOAD_TX_CHECKSUM, "tx-checksum-", true},
	{WS_OFFLOAD_SCATTER_GATHER, "tx-scatter-gather", true},
	{WS_OFFLOAD_TSO, "tx-tcp", true},
	{WS_OFFLOAD_USO, "tx-udp-segmentation", false},
	{WS_OFFLOAD_GSO, "tx-generic-segmentation", false},
	{WS_OFFLOAD_GRO, "rx-gro", false},
	{WS_OFFLOAD_GRO_HW, "rx-gro-hw", false},
	{WS_OFFLOAD_GRO_LIST, "rx-gro-list", false},
	{WS_OFFLOAD_UDP_GRO, "rx-udp-gro-forwarding", false},
	{WS_OFFLOAD_LRO, "rx-lro", false},
	{WS_OFFLOAD_RX_VLAN, "rx-vlan-hw-parse", false},
	{WS_OFFLOAD_TX_VLAN, "tx-vlan-hw-insert", false},
	{WS_OFFLOAD_NTUPLE, "rx-ntuple-filter", false},
	{WS_OFFLOAD_RSS, "rx-hashing", false},
};

/* The device that is asked. */
struct device {
	int fd;
	const char *name;
};

static int ask(const struct device *d, void *command)
{
	struct ifreq ifr = {.ifr_data = command};

	memcpy(ifr.ifr_name, d->name, strlen(d->name) + 1);
	return ws_sys_ioctl(d->fd, SIOCETHTOOL, &ifr);
}

static void get_queues(const struct device *d, struct ws_nic_settings *s)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};

	if (ask(d, &c) < 0) {
		return;
	}
	s->queues_rx = (int64_t)c.rx_count + c.combined_count;
	s->queues_tx = (int64_t)c.tx_count + c.combined_count;
}

static void get_rings(const struct device *d, struct ws_nic_settings *s)
{
	struct ethtool_ringparam r = {.cmd = ETHTOOL_GRINGPARAM};

	if (ask(d, &r) < 0) {
		return;
	}
	s->ring_rx = r.rx_pending;
	s->ring_rx_max = r.rx_max_pending;
	s->ring_tx = r.tx_pending;
	s->ring_tx_max = r.tx_max_pending;
}

static void get_coalescing(const struct device *d, struct ws_nic_settings *s)
{
	struct ethtool_coalesce c = {.cmd = ETHTOOL_GCOALESCE};

	if (ask(d, &c) < 0) {
		return;
	}
	s->rx_usecs = c.rx_coalesce_usecs;
	s->rx_frames = c.rx_max_coalesced_frames;
	s->tx_usecs = c.tx_coalesce_usecs;
	s->tx_frames = c.tx_max_coalesced_frames;
	s->adaptive_rx = c.use_adaptive_rx_coalesce != 0;
	s->adaptive_tx = c.use_adaptive_tx_coalesce != 0;
}

/* How many there are; 0: unknown. Kernels only ever add some. */
static uint32_t count_features(const struct device *d)
{
	alignas(struct ethtool_sset_info) char
		buf[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)] = {0};
	struct ethtool_sset_info *info = (struct ethtool_sset_info *)buf;
	uint32_t n;

	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = UINT64_C(1) << ETH_SS_FEATURES;
	if (ask(d, info) < 0 || !info->sset_mask) {
		return 0;
	}
	memcpy(&n, buf + offsetof(struct ethtool_sset_info, data), sizeof(n));
	return n <= FEATURES_MAX ? n : 0;
}

/* Names need not end within their room. */
static bool is_called(const char *name, const char *feature, bool prefix)
{
	size_t len = strlen(feature);

	return strnlen(name, ETH_GSTRING_LEN) >= len && !memcmp(name, feature, len) &&
	       (prefix || strnlen(name, ETH_GSTRING_LEN) == len);
}

static void take_feature(struct ws_nic_settings *s, const char *name, bool active)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		int8_t *on = &s->offload[features[i].offload];

		if (is_called(name, features[i].feature, features[i].prefix)) {
			*on = active || *on == 1;
		}
	}
}

static void get_offloads(const struct device *d, struct ws_nic_settings *s)
{
	uint32_t n = count_features(d);
	uint32_t words = (n + WORD_BITS - 1) / WORD_BITS;
	struct ethtool_gstrings *names;
	struct ethtool_gfeatures *states;

	if (!n) {
		return;
	}
	/* The kernel writes the names of all that it has. It is the one that was asked a moment ago. */
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	states = calloc(1, sizeof(*states) + words * sizeof(states->features[0]));
	if (names && states) {
		names->cmd = ETHTOOL_GSTRINGS;
		names->string_set = ETH_SS_FEATURES;
		names->len = n;
		states->cmd = ETHTOOL_GFEATURES;
		states->size = words;
		if (ask(d, names) == 0 && ask(d, states) == 0) {
			n = names->len < n ? names->len : n;
			for (uint32_t i = 0; i < n; i++) {
				take_feature(s, (const char *)names->data + i * ETH_GSTRING_LEN,
					states->features[i / WORD_BITS].active >> i % WORD_BITS &
						1);
			}
		}
	}
	free(names);
	free(states);
}

void ws_nic_settings_get(const char *ifname, struct ws_nic_settings *ret)
{
	struct device d = {.name = ifname};

	ws_nic_settings_unknown(ret);
	if (strlen(ifname) >= IFNAMSIZ) {
		return;
	}
	/* Any socket will do, and this kind is there without IP. */
	d.fd = ws_sys_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (d.fd < 0) {
		return;
	}
	get_queues(&d, ret);
	get_rings(&d, ret);
	get_coalescing(&d, ret);
	get_offloads(&d, ret);
	ws_sys_close(d.fd);
}
