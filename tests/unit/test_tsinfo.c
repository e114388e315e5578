/* SPDX-License-Identifier: BSD-2-Clause */
/* What interfaces say of their time stamps, by netlink and by ioctl, of old kernels and new ones, and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/tsinfo.h"
#include "host/uapi.h"
#include "unit/ts_cards.h"
#include "unit/ts_kernel.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/net_tstamp.h>
#include <string.h>

#define FAMILY_FOUND 1000 /* as ts_kernel calls it */

static int reset(void **state)
{
	(void)state;
	ts_kernel = (struct ts_kernel){0};
	return 0;
}

static struct ws_ts_caps get(const char *name, int expected)
{
	struct ws_ts_caps caps;

	memset(&caps, 0x77, sizeof(caps));
	assert_int_equal(ws_tsinfo_get(name, &caps), expected);
	assert_int_equal(ts_kernel.open, 0);
	return caps;
}

static void assert_provider(const struct ws_ts_provider *got, const struct ws_ts_provider *want)
{
	assert_int_equal(got->phy, want->phy);
	assert_int_equal(got->has_phy_index, want->has_phy_index);
	assert_int_equal(got->phy_index, want->phy_index);
	assert_int_equal(got->precise, want->precise);
	assert_int_equal(got->in_use, want->in_use);
	assert_int_equal(got->phc, want->phc);
	assert_int_equal(got->flags, want->flags);
	assert_int_equal(got->tx_types, want->tx_types);
	assert_int_equal(got->rx_filters, want->rx_filters);
}

static void assert_caps(const struct ws_ts_caps *got, const struct ws_ts_caps *want)
{
	assert_int_equal(got->known, want->known);
	assert_int_equal(got->error, want->error);
	assert_int_equal(got->netlink, want->netlink);
	assert_int_equal(got->n, want->n);
	for (unsigned i = 0; i < want->n; i++) {
		assert_provider(&got->provider[i], &want->provider[i]);
	}
	assert_int_equal(got->config.known, want->config.known);
	assert_int_equal(got->config.error, want->config.error);
	if (want->config.known) {
		assert_int_equal(got->config.flags, want->config.flags);
		assert_int_equal(got->config.tx_type, want->config.tx_type);
		assert_int_equal(got->config.rx_filter, want->config.rx_filter);
	}
}

/* What a kernel tells that lists no providers. */
static struct ws_ts_caps of_one(const struct ws_ts_caps *caps)
{
	struct ws_ts_caps one = *caps;

	one.netlink = false;
	one.n = caps->n ? 1 : 0;
	one.provider[0].has_phy_index = false;
	one.provider[0].phy_index = 0;
	return one;
}

static void cards(void **state)
{
	for (size_t i = 0; i < ts_cards_count; i++) {
		const struct ws_ts_caps *card = &ts_cards[i].caps;
		struct ws_ts_caps got, want;

		/* both forms of sets of bits, with a mask and without */
		for (unsigned form = 0; form < 4; form++) {
			reset(state);
			ts_kernel.card = card;
			ts_kernel.verbose = form & 1;
			ts_kernel.masked = form & 2;
			got = get("eth0", 0);
			assert_caps(&got, card);
		}
		/* Linux 6.14: only the clock's place tells a PHY, and not which one */
		reset(state);
		ts_kernel.card = card;
		ts_kernel.before_6_16 = true;
		want = *card;
		for (unsigned k = 0; k < want.n; k++) {
			want.provider[k].has_phy_index = false;
			want.provider[k].phy_index = 0;
		}
		got = get("eth0", 0);
		assert_caps(&got, &want);
		/* Linux 6.1, and kernels without this netlink family, or without any */
		want = of_one(card);
		ts_kernel.before_6_14 = true;
		ts_kernel.dumps = ts_kernel.configs = 0;
		got = get("eth0", 0);
		assert_caps(&got, &want);
		assert_int_equal(ts_kernel.dumps + ts_kernel.configs, 0);
		ts_kernel.no_family = true;
		got = get("eth0", 0);
		assert_caps(&got, &want);
		ts_kernel.questions = 0;
		ts_kernel.no_netlink = -EPROTONOSUPPORT;
		got = get("eth0", 0);
		assert_caps(&got, &want);
		assert_int_equal(ts_kernel.questions, 0);
	}
}

/* Neither way is trusted to be complete: each falls back for itself. */
static void falls_back(void **state)
{
	const struct ws_ts_caps *igc = &ts_card("igc-i226-ptp4l")->caps;
	const struct ws_ts_caps *both = &ts_card("mac-and-phy")->caps;
	struct ws_ts_caps got, want;

	(void)state;
	ts_kernel.card = igc;
	ts_kernel.tsinfo_error = -EOPNOTSUPP;
	got = get("eth0", 0);
	want = of_one(igc);
	assert_caps(&got, &want);

	/* a driver with the older operations, and a kernel that calls a card without a clock absent */
	for (unsigned i = 0; i < 2; i++) {
		reset(state);
		ts_kernel.card = igc;
		ts_kernel.tsconfig_error = i ? -ENODEV : -EOPNOTSUPP;
		got = get("eth0", 0);
		assert_caps(&got, igc);
	}

	/* the list breaks off: what is in use stands, and that there may be more */
	reset(state);
	ts_kernel.card = both;
	ts_kernel.dump_error = -EOPNOTSUPP;
	got = get("eth0", 0);
	want = *both;
	want.netlink = false;
	want.n = 1;
	assert_caps(&got, &want);

	/* both ways refuse, for reasons of their own */
	reset(state);
	ts_kernel.card = igc;
	ts_kernel.ioctls = &(const struct ws_ts_caps){.error = -EPERM, .config = {.error = -EIO}};
	ts_kernel.tsinfo_error = -EINVAL;
	ts_kernel.tsconfig_error = -EINVAL;
	got = get("eth0", 0);
	assert_false(got.known);
	assert_int_equal(got.error, -EPERM);
	assert_int_equal(got.n, 0);
	assert_false(got.config.known);
	assert_int_equal(got.config.error, -EIO);
}

static void no_such_interface(void **state)
{
	struct ws_ts_caps got;

	(void)state;
	ts_kernel.card = &ts_card("veth")->caps;
	got = get("eth1", -ENODEV);
	assert_false(got.known || got.config.known);
	assert_int_equal(got.error, -ENODEV);
	assert_int_equal(ts_kernel.questions, 0);
	get("", -ENODEV);
	get("eth0567890123456", -ENODEV);
	get("eth056789012345", -ENODEV);

	/* not to be known is no error */
	ts_kernel.no_socket = -EMFILE;
	got = get("eth0", 0);
	assert_false(got.known || got.config.known);
	assert_int_equal(got.error, -EMFILE);
	assert_int_equal(got.config.error, -EMFILE);
}

/* A qualifier for a device that stamps in two ways, and more providers than there is room for. */
static void many_providers(void **state)
{
	struct ws_ts_caps card = ts_card("igc-i226")->caps;
	struct ws_ts_provider another;
	struct ws_ts_caps got;

	(void)state;
	card.n = 2;
	card.provider[1] = card.provider[0];
	card.provider[1].in_use = false;
	card.provider[1].precise = false;
	ts_kernel.card = &card;
	got = get("eth0", 0);
	assert_caps(&got, &card);

	card.n = WS_TS_PROVIDERS;
	for (unsigned i = 0; i < card.n; i++) {
		card.provider[i] = card.provider[0];
		card.provider[i].phc = (int)i;
		card.provider[i].in_use = !i;
	}
	got = get("eth0", 0);
	assert_caps(&got, &card);
	/* one more than there is room for */
	another = card.provider[0];
	another.phc = 99;
	ts_kernel.in_use = &another;
	got = get("eth0", 0);
	assert_int_equal(got.n, WS_TS_PROVIDERS);
	assert_int_equal(got.provider[0].phc, 99);
	assert_true(got.provider[0].in_use && !got.provider[1].in_use);
	assert_int_equal(got.provider[WS_TS_PROVIDERS - 1].phc, WS_TS_PROVIDERS - 2);
}

/* Damage to one kind of answer, at the attribute of a type. */
static struct {
	unsigned command;
	uint16_t type, inner; /* inner: in that one, or 0 */
	uint16_t len;	      /* it then has */
	uint32_t value;	      /* if len is 0: it then has */
	unsigned done;
} damage;

static struct nlattr *find(void *from, size_t len, uint16_t type)
{
	struct nlattr *attr = from;

	for (; mnl_attr_ok(attr, (int)((char *)from + len - (char *)attr));
		attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == type) {
			return attr;
		}
	}
	return NULL;
}

static void do_damage(void *answer, unsigned command)
{
	struct nlmsghdr *nlh = answer;
	struct nlattr *attr;

	if (command != damage.command) {
		return;
	}
	attr = find((char *)mnl_nlmsg_get_payload(nlh) + GENL_HDRLEN,
		mnl_nlmsg_get_payload_len(nlh) - GENL_HDRLEN, damage.type);
	if (attr && damage.inner) {
		attr = find(
			mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr), damage.inner);
	}
	assert_non_null(attr);
	if (damage.len) {
		attr->nla_len = damage.len;
	} else {
		memcpy(mnl_attr_get_payload(attr), &damage.value, sizeof(damage.value));
	}
	damage.done++;
}

static void damaged(void **state)
{
	enum { INFO = ETHTOOL_MSG_TSINFO_GET, CONFIG = WS_ETHTOOL_MSG_TSCONFIG_GET };
	static const struct {
		unsigned command;
		uint16_t type, inner, len;
		uint32_t value;
		bool verbose;
	} rows[] = {
		/* the family's number, and what it can do */
		{FAMILY_FOUND, CTRL_ATTR_FAMILY_ID, 0, 5, 0, false},
		{FAMILY_FOUND, CTRL_ATTR_OPS, 1, 8, 0, false},
		{FAMILY_FOUND, CTRL_ATTR_OPS, 1, 2, 0, false},
		{FAMILY_FOUND, CTRL_ATTR_OPS, 0, 4000, 0, false},
		/* beyond the end, less than itself, shorter than what it holds */
		{INFO, ETHTOOL_A_TSINFO_RX_FILTERS, 0, 400, 0, false},
		{INFO, ETHTOOL_A_TSINFO_RX_FILTERS, 0, 3, 0, false},
		{INFO, ETHTOOL_A_TSINFO_TIMESTAMPING, 0, 8, 0, false},
		{INFO, ETHTOOL_A_TSINFO_TIMESTAMPING, ETHTOOL_A_BITSET_VALUE, 6, 0, false},
		{INFO, ETHTOOL_A_TSINFO_TIMESTAMPING, ETHTOOL_A_BITSET_VALUE, 100, 0, false},
		/* a size that its value does not have, or that it is too large for */
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_SIZE, 0, 33, false},
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_SIZE, 0, 0, false},
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_SIZE, 0, UINT32_MAX, false},
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_SIZE, 0, 1, false},
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_SIZE, 5, 0, false},
		/* numbers, and what is in the header */
		{INFO, ETHTOOL_A_TSINFO_PHC_INDEX, 0, 6, 0, false},
		{INFO, WS_ETHTOOL_A_TSINFO_HWTSTAMP_SOURCE, 0, 4, 0, false},
		{INFO, WS_ETHTOOL_A_TSINFO_HWTSTAMP_PROVIDER,
			WS_ETHTOOL_A_TS_HWTSTAMP_PROVIDER_QUALIFIER, 7, 0, false},
		{INFO, ETHTOOL_A_TSINFO_HEADER, ETHTOOL_A_HEADER_DEV_INDEX, 6, 0, false},
		{INFO, ETHTOOL_A_TSINFO_HEADER, ETHTOOL_A_HEADER_DEV_INDEX, 0, 9, false},
		/* the long form */
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_BITS, 7, 0, true},
		{INFO, ETHTOOL_A_TSINFO_TX_TYPES, ETHTOOL_A_BITSET_BITS, 600, 0, true},
		/* a configuration that is none, two at once, or of something else */
		{CONFIG, WS_ETHTOOL_A_TSCONFIG_TX_TYPES, ETHTOOL_A_BITSET_VALUE, 0, 0, false},
		{CONFIG, WS_ETHTOOL_A_TSCONFIG_TX_TYPES, ETHTOOL_A_BITSET_VALUE, 0, 3, false},
		{CONFIG, WS_ETHTOOL_A_TSCONFIG_RX_FILTERS, ETHTOOL_A_BITSET_VALUE, 6, 0, false},
		{CONFIG, WS_ETHTOOL_A_TSCONFIG_HEADER, ETHTOOL_A_HEADER_DEV_INDEX, 0, 9, false},
	};
	/* By ioctl it is something that can be told from it. */
	struct ws_ts_caps other = ts_card("ice")->caps;
	const struct ws_ts_caps *card = &ts_card("igc-i226")->caps;

	other.config = (struct ws_ts_config){.known = true, .rx_filter = HWTSTAMP_FILTER_SOME};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_ts_caps got, want = of_one(&other);

		reset(state);
		ts_kernel.card = card;
		ts_kernel.ioctls = &other;
		ts_kernel.verbose = rows[i].verbose;
		ts_kernel.damage = do_damage;
		damage.command = rows[i].command;
		damage.type = rows[i].type;
		damage.inner = rows[i].inner;
		damage.len = rows[i].len;
		damage.value = rows[i].value;
		damage.done = 0;
		got = get("eth0", 0);
		assert_true(damage.done > 0);
		if (rows[i].command == CONFIG) {
			want = *card;
			want.config = other.config;
		} else if (rows[i].command == INFO) {
			want.config = card->config;
		}
		assert_caps(&got, &want);
	}
}

/* Which byte of which answer, counted over all, and what becomes of it. */
static struct {
	size_t at, passed;
	uint8_t to;
	bool cut; /* the answer ends there */
} noise;

static void make_noise(void *answer, unsigned command)
{
	struct nlmsghdr *nlh = answer;
	size_t len = mnl_nlmsg_get_payload_len(nlh);

	(void)command;
	if (noise.at >= noise.passed && noise.at < noise.passed + len) {
		size_t at = noise.at - noise.passed;

		if (noise.cut) {
			nlh->nlmsg_len = (uint32_t)(MNL_NLMSG_HDRLEN + at);
		} else {
			((uint8_t *)mnl_nlmsg_get_payload(nlh))[at] = noise.to;
		}
	}
	noise.passed += len;
}

/* Every byte of every answer: whatever comes of it, it is something, and nothing is read that is not there. */
static void anything(void **state)
{
	static const uint8_t values[] = {0, 1, 3, 0x7f, 0x80, 0xff};
	static const char *const names[] = {"cm4-up", "wifi-iwlwifi"};

	for (unsigned k = 0; k < 8; k++) {
		size_t total = 1;

		for (size_t at = 0; at < total; at++) {
			for (unsigned v = 0; v <= sizeof(values); v++) {
				struct ws_ts_caps got;

				reset(state);
				ts_kernel.card = &ts_card(names[k & 1])->caps;
				ts_kernel.verbose = k & 2;
				ts_kernel.before_6_14 = k & 4;
				ts_kernel.damage = make_noise;
				noise.at = at;
				noise.passed = 0;
				noise.cut = v == sizeof(values);
				noise.to = noise.cut ? 0 : values[v];
				got = get("eth0", 0);
				if (at == 0 && v == 0) {
					total = noise.passed;
				}
				assert_true(got.known);
				assert_true(got.n >= 1 && got.n <= WS_TS_PROVIDERS);
				for (unsigned i = 0; i < got.n; i++) {
					assert_true(got.provider[i].phc >= -1);
					assert_int_equal(got.provider[i].in_use, i == 0);
				}
				assert_true(got.config.known || got.config.error < 0);
			}
		}
		assert_true(total > 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cards, reset),
		cmocka_unit_test_setup(falls_back, reset),
		cmocka_unit_test_setup(no_such_interface, reset),
		cmocka_unit_test_setup(many_providers, reset),
		cmocka_unit_test_setup(damaged, reset),
		cmocka_unit_test_setup(anything, reset),
	};

	return cmocka_run_group_tests_name("tsinfo", tests, NULL, NULL);
}
