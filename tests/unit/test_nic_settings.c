/* SPDX-License-Identifier: BSD-2-Clause */
/* What a card is set to, on a driver that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/sys_fake.h"
#include "host/nic_settings.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>

#define MANY 70

static struct {
	int error[256]; /* by command, or 0 */
	const char *const *names;
	uint32_t n;
	uint64_t active[4];
	struct ethtool_channels channels;
	struct ethtool_ringparam rings;
	struct ethtool_coalesce coalesce;
	unsigned asked;
} fake;

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg);

static void give_names(struct ethtool_gstrings *g)
{
	assert_int_equal(g->string_set, ETH_SS_FEATURES);
	/* never more than there was room for, as that is what was asked for */
	assert_int_equal(g->len, fake.n);
	for (uint32_t i = 0; i < fake.n; i++) {
		char *to = (char *)g->data + i * ETH_GSTRING_LEN;

		memset(to, 0, ETH_GSTRING_LEN);
		memcpy(to, fake.names[i], strnlen(fake.names[i], ETH_GSTRING_LEN));
	}
}

int __wrap_ws_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct ifreq *ifr = arg;
	void *data = ifr->ifr_data;
	uint32_t cmd = *(uint32_t *)data;
	struct ethtool_sset_info *info = data;
	struct ethtool_gfeatures *features = data;

	assert_true(fd >= 0);
	assert_int_equal(request, SIOCETHTOOL);
	assert_true(cmd < sizeof(fake.error) / sizeof(fake.error[0]));
	fake.asked++;
	if (strcmp(ifr->ifr_name, "eth0") != 0) {
		return -ENODEV;
	}
	if (fake.error[cmd]) {
		return fake.error[cmd];
	}
	switch (cmd) {
	case ETHTOOL_GCHANNELS:
		memcpy(data, &fake.channels, sizeof(fake.channels));
		return 0;
	case ETHTOOL_GRINGPARAM:
		memcpy(data, &fake.rings, sizeof(fake.rings));
		return 0;
	case ETHTOOL_GCOALESCE:
		memcpy(data, &fake.coalesce, sizeof(fake.coalesce));
		return 0;
	case ETHTOOL_GSSET_INFO:
		assert_true(info->sset_mask == UINT64_C(1) << ETH_SS_FEATURES);
		info->sset_mask = fake.n ? info->sset_mask : 0;
		if (fake.n) {
			memcpy(info->data, &fake.n, sizeof(fake.n));
		}
		return 0;
	case ETHTOOL_GSTRINGS:
		give_names(data);
		return 0;
	case ETHTOOL_GFEATURES:
		assert_int_equal(features->size, (fake.n + 31) / 32);
		for (uint32_t i = 0; i < features->size; i++) {
			features->features[i].active = (uint32_t)(fake.active[i / 2] >> i % 2 * 32);
			/* those that could be switched are another matter */
			features->features[i].available = ~features->features[i].active;
		}
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static void set_up(const char *const *names, uint32_t n)
{
	sys_fake_reset();
	memset(&fake, 0, sizeof(fake));
	fake.names = names;
	fake.n = n;
}

static void set_active(uint32_t i)
{
	fake.active[i / 64] |= UINT64_C(1) << i % 64;
}

static struct ws_nic_settings get(const char *name)
{
	struct ws_nic_settings s;

	memset(&s, 0x77, sizeof(s));
	ws_nic_settings_get(name, &s);
	assert_int_equal(sys_fake_open_descriptors(), 0);
	return s;
}

static void assert_all_unknown(const struct ws_nic_settings *s)
{
	assert_true(s->queues_rx == -1 && s->queues_tx == -1);
	assert_true(s->ring_rx == -1 && s->ring_rx_max == -1);
	assert_true(s->ring_tx == -1 && s->ring_tx_max == -1);
	assert_true(s->rx_usecs == -1 && s->rx_frames == -1);
	assert_true(s->tx_usecs == -1 && s->tx_frames == -1);
	assert_true(s->adaptive_rx == -1 && s->adaptive_tx == -1);
	for (int i = 0; i < WS_OFFLOADS; i++) {
		assert_int_equal(s->offload[i], -1);
	}
}

static void nothing(void **state)
{
	static const uint32_t commands[] = {
		ETHTOOL_GCHANNELS, ETHTOOL_GRINGPARAM, ETHTOOL_GCOALESCE, ETHTOOL_GSSET_INFO};
	struct ws_nic_settings s;

	(void)state;
	set_up(NULL, 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fake.error[commands[i]] = i % 2 ? -EOPNOTSUPP : -EPERM;
	}
	s = get("eth0");
	assert_all_unknown(&s);
	assert_int_equal(fake.asked, 4);
	s = get("eth1");
	assert_all_unknown(&s);
	/* the longest name is an interface's, a longer one is not asked for */
	fake.asked = 0;
	s = get("eth0567890123456");
	assert_int_equal(fake.asked, 0);
	assert_all_unknown(&s);
	s = get("eth056789012345");
	assert_int_equal(fake.asked, 4);
	/* no descriptors left */
	fake.asked = 0;
	sys_fake_answer(&(struct sys_fake_answer){.fn = SYS_FAKE_SOCKET,
		.level = SYS_FAKE_ANY,
		.name = SYS_FAKE_ANY,
		.ret = -EMFILE});
	s = get("eth0");
	assert_int_equal(fake.asked, 0);
	assert_all_unknown(&s);
}

static void numbers(void **state)
{
	struct ws_nic_settings s;

	(void)state;
	set_up(NULL, 0);
	fake.channels = (struct ethtool_channels){.rx_count = 1,
		.tx_count = 2,
		.combined_count = 4,
		.other_count = 64,
		.max_rx = 128};
	fake.rings = (struct ethtool_ringparam){.rx_pending = 512,
		.rx_max_pending = UINT32_MAX,
		.tx_pending = 256,
		.tx_max_pending = 4096,
		.rx_jumbo_pending = 9};
	fake.coalesce = (struct ethtool_coalesce){.rx_coalesce_usecs = 3,
		.rx_max_coalesced_frames = 64,
		.tx_coalesce_usecs = 8,
		.tx_max_coalesced_frames = 32,
		.use_adaptive_rx_coalesce = 7};
	s = get("eth0");
	assert_int_equal(s.queues_rx, 5);
	assert_int_equal(s.queues_tx, 6);
	assert_int_equal(s.ring_rx, 512);
	assert_true(s.ring_rx_max == UINT32_MAX);
	assert_int_equal(s.ring_tx, 256);
	assert_int_equal(s.ring_tx_max, 4096);
	assert_int_equal(s.rx_usecs, 3);
	assert_int_equal(s.rx_frames, 64);
	assert_int_equal(s.tx_usecs, 8);
	assert_int_equal(s.tx_frames, 32);
	assert_int_equal(s.adaptive_rx, 1);
	assert_int_equal(s.adaptive_tx, 0);
	/* one that is not known does not hide the others */
	fake.error[ETHTOOL_GRINGPARAM] = -EOPNOTSUPP;
	s = get("eth0");
	assert_int_equal(s.ring_rx, -1);
	assert_int_equal(s.queues_rx, 5);
	assert_int_equal(s.rx_usecs, 3);
}

/* Each of the kernel's names, at a place in either word, switched on alone. */
static void each_offload(void **state)
{
	static const struct {
		const char *feature, *name;
	} rows[] = {
		{"rx-checksum", "rx-checksumming"},
		{"tx-checksum-ipv4", "tx-checksumming"},
		{"tx-checksum-ip-generic", "tx-checksumming"},
		{"tx-checksum-sctp", "tx-checksumming"},
		{"tx-scatter-gather", "scatter-gather"},
		{"tx-tcp-segmentation", "tcp-segmentation-offload"},
		{"tx-tcp6-segmentation", "tcp-segmentation-offload"},
		{"tx-udp-segmentation", "tx-udp-segmentation"},
		{"tx-generic-segmentation", "generic-segmentation-offload"},
		{"rx-gro", "generic-receive-offload"},
		{"rx-gro-hw", "rx-gro-hw"},
		{"rx-gro-list", "rx-gro-list"},
		{"rx-udp-gro-forwarding", "rx-udp-gro-forwarding"},
		{"rx-lro", "large-receive-offload"},
		{"rx-vlan-hw-parse", "rx-vlan-offload"},
		{"tx-vlan-hw-insert", "tx-vlan-offload"},
		{"rx-ntuple-filter", "ntuple-filters"},
		{"rx-hashing", "receive-hashing"},
		/* of others, whose names are alike */
		{"rx-vlan-stag-hw-parse", NULL},
		{"tx-checksum", NULL},
		{"rx-gr", NULL},
		{"tx-udp_tnl-segmentation", NULL},
		{"rx-udp-gro-forwarding-0123456789abcdef", NULL}, /* 32 bytes without an end */
		{"", NULL},
	};
	const char *names[MANY];
	struct ws_nic_settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (uint32_t at = 0; at < MANY; at += 23) {
			for (uint32_t k = 0; k < MANY; k++) {
				names[k] = "highdma";
			}
			names[at] = rows[i].feature;
			set_up(names, MANY);
			for (int on = 0; on < 2; on++) {
				if (on) {
					set_active(at);
				}
				s = get("eth0");
				for (int o = 0; o < WS_OFFLOADS; o++) {
					const char *name = ws_offload_name((enum ws_offload)o);
					bool it = rows[i].name && !strcmp(name, rows[i].name);

					assert_int_equal(s.offload[o], it ? on : -1);
				}
			}
		}
	}
}

/* On if one of its parts is, in any order. */
static void parts(void **state)
{
	static const char *const names[] = {
		"tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6"};
	struct ws_nic_settings s;

	(void)state;
	for (uint32_t at = 0; at < 3; at++) {
		set_up(names, 3);
		set_active(at);
		s = get("eth0");
		assert_int_equal(s.offload[WS_OFFLOAD_TX_CHECKSUM], 1);
	}
	set_up(names, 3);
	s = get("eth0");
	assert_int_equal(s.offload[WS_OFFLOAD_TX_CHECKSUM], 0);
}

static void half_an_answer(void **state)
{
	static const char *const names[] = {"rx-gro"};
	static const uint32_t commands[] = {
		ETHTOOL_GSSET_INFO, ETHTOOL_GSTRINGS, ETHTOOL_GFEATURES};
	struct ws_nic_settings s;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		set_up(names, 1);
		fake.error[commands[i]] = -EOPNOTSUPP;
		s = get("eth0");
		assert_int_equal(s.offload[WS_OFFLOAD_GRO], -1);
		assert_int_equal(s.queues_rx, 0);
	}
	/* a number that no kernel has */
	set_up(names, UINT32_MAX);
	s = get("eth0");
	assert_int_equal(s.offload[WS_OFFLOAD_GRO], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(numbers),
		cmocka_unit_test(each_offload),
		cmocka_unit_test(parts),
		cmocka_unit_test(half_an_answer),
	};

	return cmocka_run_group_tests_name("nic_settings", tests, NULL, NULL);
}
